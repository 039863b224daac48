/* Keys as bytes, literals and corrections; no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "workers/verify/differing_priv.h"

enum { SQL_MAX = 64 * 1024, COLUMNS = 5 };

/* ---- keys ---- */

static struct row_key key_of(char **values, size_t *lengths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lengths[i] = strlen(values[i]);
    return (struct row_key){ count, values, lengths };
}

static void a_key_comes_back_from_its_hex_digits(void **state)
{
    char nul[] = "a\0b", text[] = "7", empty[] = "";
    char *values[] = { text, nul, empty };
    size_t lengths[3];
    struct row_key k = key_of(values, lengths, 3), back;
    _cleanup_(strbuf_done)
    struct strbuf hex = STRBUF(SQL_MAX);
    char id[33], same[33];
    struct err err = { 0 };

    (void)state;
    lengths[1] = 3;
    row_key_hex(&hex, &k);
    assert_string_equal(strbuf_str(&hex), "0100000037"
                                          "03000000610062"
                                          "00000000");
    assert_int_equal(row_key_parse(strbuf_str(&hex), 3, &back, &err), 0);
    assert_true(row_key_equal(&k, &back));
    row_key_id(&k, id);
    row_key_id(&back, same);
    assert_string_equal(id, same);
    assert_int_equal(strlen(id), 32);
    back.values[0][0] = '8';
    assert_false(row_key_equal(&k, &back));
    row_key_id(&back, same);
    assert_string_not_equal(id, same);
    row_key_done(&back);
}

/* "ab" + "c" and "a" + "bc" are two keys. */
static void where_a_value_ends_is_part_of_the_key(void **state)
{
    char ab[] = "ab", c[] = "c", a[] = "a", bc[] = "bc";
    char *one[] = { ab, c }, *two[] = { a, bc };
    size_t lengths[2][2];
    struct row_key k = key_of(one, lengths[0], 2), l = key_of(two, lengths[1], 2);
    char id[2][33];

    (void)state;
    row_key_id(&k, id[0]);
    row_key_id(&l, id[1]);
    assert_string_not_equal(id[0], id[1]);
    assert_false(row_key_equal(&k, &l));
}

static void bytes_that_are_no_key_are_refused(void **state)
{
    static const struct {
        const char *hex;
        size_t columns;
    } cases[] = {
        { "", 1 },
        { "0", 1 },
        { "01000000", 1 },
        { "0100000037", 2 },
        { "010000003700", 1 },
        { "ffffffff37", 1 },
        { "zz00000037", 1 },
        { "0100000037", 0 },
        { "0100000037", 1000 },
        { "010000\t037", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct row_key k;
        struct err err = { 0 };

        assert_int_equal(row_key_parse(cases[i].hex, cases[i].columns, &k, &err), -1);
        assert_int_equal(err.code, ERR_PARAM);
        assert_null(k.values);
    }
}

/* ---- literals ---- */

static void a_literal_is_printable_ascii_in_any_session(void **state)
{
    static const struct {
        enum column_kind src;
        const char *src_charset;
        enum column_kind dst;
        const char *dst_charset;
        const char *data;
        size_t len;
        const char *literal;
    } cases[] = {
        { CK_INT, NULL, CK_INT, NULL, "-12", 3, "-12" },
        { CK_INT, NULL, CK_VARCHAR, "utf8mb4", "12", 2, "'12'" },
        { CK_DECIMAL, NULL, CK_DECIMAL, NULL, "-1.20", 5, "-1.20" },
        { CK_DECIMAL, NULL, CK_DECIMAL, NULL, "1.", 2, "'1.'" },
        { CK_BIT, NULL, CK_BIT, NULL, "18446744073709551615", 20, "18446744073709551615" },
        { CK_FLOAT, NULL, CK_FLOAT, NULL, "-0", 2, "'-0'" },
        { CK_YEAR, NULL, CK_YEAR, NULL, "0000", 4, "'0000'" },
        { CK_DATETIME, NULL, CK_DATETIME, NULL, "0000-00-00 00:00:00", 19,
          "'0000-00-00 00:00:00'" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb4", "it's", 4, "'it''s'" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb4", "", 0, "''" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb4", "a\\b", 3, "_binary x'615C62'" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb4", "\xc3\xa9", 2, "_binary x'C3A9'" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb4", "a\nb", 3, "_binary x'610A62'" },
        { CK_VARCHAR, "latin1", CK_VARCHAR, "utf8mb4", "\xe9", 1,
          "CONVERT(_binary x'E9' USING latin1)" },
        { CK_VARCHAR, "utf16", CK_VARCHAR, "utf16", "aa", 2, "_binary x'6161'" },
        { CK_VARCHAR, "swe7", CK_VARCHAR, "utf8mb4", "[", 1, "CONVERT(_binary x'5B' USING swe7)" },
        { CK_BLOB, NULL, CK_BLOB, NULL, "abc", 3, "'abc'" },
        { CK_BLOB, NULL, CK_BLOB, NULL, "\0", 1, "_binary x'00'" },
        { CK_JSON, NULL, CK_JSON, NULL, "{\"a\": 1}", 8, "'{\"a\": 1}'" },
        { CK_JSON, NULL, CK_JSON, NULL, "\"\\n\"", 4,
          "CONVERT(_binary x'225C6E22' USING utf8mb4)" },
        { CK_GEOMETRY, NULL, CK_GEOMETRY, NULL, "AAAA", 4, "_binary x'41414141'" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[] = "c", charset[2][12];
        struct column s = { .name = name, .kind = cases[i].src },
                      d = { .name = name, .kind = cases[i].dst };
        bool selected = true;
        struct table src = { .columns = &s, .column_count = 1, .selected = &selected, .key = -1 };
        struct table dst = { .columns = &d, .column_count = 1, .selected = &selected, .key = -1 };
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(SQL_MAX), faults = STRBUF(SQL_MAX);
        struct carry c;
        struct err err = { 0 };

        if (cases[i].src_charset != NULL) {
            (void)snprintf(charset[0], sizeof(charset[0]), "%s", cases[i].src_charset);
            s.charset = charset[0];
        }
        if (cases[i].dst_charset != NULL) {
            (void)snprintf(charset[1], sizeof(charset[1]), "%s", cases[i].dst_charset);
            d.charset = charset[1];
        }
        assert_int_equal(carry_init(&c, &src, &dst, &faults, &err), 0);
        carry_literal(&sql, &c.columns[0], cases[i].data, cases[i].len);
        assert_string_equal(strbuf_str(&sql), cases[i].literal);
        carry_done(&c);
    }
}

/* ---- corrections ---- */

/* id INT, name VARCHAR, changed TIMESTAMP: a table with the key (id) at both ends. */
struct sample {
    struct column columns[END_MAX_][3];
    struct table tables[END_MAX_];
    struct normal normal[3];
    struct normals normals;
    struct differing_table t;
    struct reading r;
    bool selected[3];
    unsigned key[1];
    char texts[16][32];
    size_t used;
};

static char *text(struct sample *s, const char *t)
{
    char *to = s->texts[s->used++];

    (void)snprintf(to, sizeof(s->texts[0]), "%s", t);
    return to;
}

static void sample_open(struct sample *s)
{
    static const struct {
        const char *name;
        enum column_kind kind;
    } columns[3] = { { "id", CK_INT }, { "na`me", CK_VARCHAR }, { "at", CK_TIMESTAMP } };
    struct err err = { 0 };

    *s = (struct sample){ .selected = { true, true, true }, .key = { 0 } };
    for (unsigned e = 0; e < END_MAX_; e++) {
        for (size_t i = 0; i < 3; i++)
            s->columns[e][i] =
                (struct column){ .name = text(s, columns[i].name), .kind = columns[i].kind };
        s->columns[e][1].charset = text(s, "utf8mb4");
        s->tables[e] = (struct table){ .db = text(s, e == END_SOURCE ? "shop" : "copy"),
                                       .name = text(s, "t"),
                                       .columns = s->columns[e],
                                       .column_count = 3,
                                       .selected = s->selected,
                                       .key = -1 };
        s->t.tables[e] = &s->tables[e];
    }
    for (size_t i = 0; i < 3; i++) {
        char *value = s->columns[0][i].name;

        s->normal[i] = (struct normal){ .ends = { &s->columns[0][i], &s->columns[1][i] },
                                        .value = { value, value } };
    }
    s->normals =
        (struct normals){ .columns = s->normal, .count = 3, .key = s->key, .key_count = 1 };
    s->t.normals = &s->normals;
    assert_int_equal(reading_new(&s->t, &s->r, &err), 0);
}

/* Cells as the select has them: key, three a compared column, two a carried one at the source. */
static void row_set(struct read_row *row, enum end end, const char *const values[3])
{
    size_t n = 0;

    *row = (struct read_row){ .end = end, .count = end == END_SOURCE ? 16 : 10 };
    row->cells = calloc(16, sizeof(*row->cells));
    row->lengths = calloc(16, sizeof(*row->lengths));
    assert_non_null(row->cells);
    assert_non_null(row->lengths);
    row->cells[n++] = strdup(values[0]);
    for (size_t i = 0; i < 3; i++) {
        char len[24];

        (void)snprintf(len, sizeof(len), "%zu", values[i] != NULL ? strlen(values[i]) : 0);
        row->cells[n++] = values[i] != NULL ? strdup(len) : NULL;
        row->cells[n++] = values[i] != NULL ? strdup(values[i]) : NULL;
        row->cells[n++] = values[i] != NULL ? strdup(values[i]) : NULL;
    }
    for (size_t i = 0; end == END_SOURCE && i < 3; i++) {
        row->cells[n++] = strdup("0");
        row->cells[n++] = values[i] != NULL ? strdup(values[i]) : NULL;
    }
    for (size_t i = 0; i < n; i++)
        row->lengths[i] = row->cells[i] != NULL ? strlen(row->cells[i]) : 0;
}

static void check_for(enum correction_for to, const char *const source[3],
                      const char *const target[3], const char *sql)
{
    struct sample s;
    struct pair_read p = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(SQL_MAX);
    char why[MESSAGE_MAX] = "";
    struct err err = { 0 };
    unsigned zeros;

    sample_open(&s);
    if (source != NULL)
        row_set(&p.rows[END_SOURCE], END_SOURCE, source);
    if (target != NULL)
        row_set(&p.rows[END_SINK], END_SINK, target);
    p.there[END_SOURCE] = source != NULL;
    p.there[END_SINK] = target != NULL;
    assert_int_equal(correction_sql(&s.r, &p, to, &b, &zeros, why, &err), 1);
    assert_string_equal(strbuf_str(&b), sql);
    reading_done(&s.r);
    pair_read_done(&p);
}

static void check(const char *const source[3], const char *const target[3], const char *sql)
{
    check_for(CORRECTION_PLAIN, source, target, sql);
}

static void a_correction_names_what_differs_and_nothing_else(void **state)
{
    static const char *const one[3] = { "7", "it's", "2024-01-01 00:00:00" };
    static const char *const other[3] = { "7", "is", "2024-01-01 00:00:00" };
    static const char *const none[3] = { "7", NULL, "2024-01-01 00:00:00" };

    (void)state;
    /* a TIMESTAMP keeps what it has, whatever its ON UPDATE says */
    check(one, other, "UPDATE `copy`.`t` SET `na``me` = 'it''s', `at` = `at` WHERE `id` = 7");
    check(none, other, "UPDATE `copy`.`t` SET `na``me` = NULL, `at` = `at` WHERE `id` = 7");
    check(one, NULL,
          "INSERT INTO `copy`.`t` (`id`, `na``me`, `at`) VALUES (7, 'it''s', '2024-01-01 "
          "00:00:00')");
    check(NULL, other, "DELETE FROM `copy`.`t` WHERE `id` = 7");
}

/* Zero dates and TIMESTAMPs stand on the session: said in the statement where a server has a way.
 */
static void a_correction_brings_its_session_along(void **state)
{
    static const char *const zero[3] = { "7", "a", "0000-00-00 00:00:00" };
    static const char *const one[3] = { "7", "a", "2024-01-02 03:04:05" };

    (void)state;
    check_for(CORRECTION_MARIADB, one, zero,
              "SET STATEMENT time_zone='+00:00' FOR UPDATE `copy`.`t` SET `at` = "
              "'2024-01-02 03:04:05' WHERE `id` = 7");
    check_for(CORRECTION_MARIADB, zero, one,
              "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES,"
              "NO_ENGINE_SUBSTITUTION', time_zone='+00:00' FOR UPDATE `copy`.`t` SET `at` = "
              "'0000-00-00 00:00:00' WHERE `id` = 7");
    check_for(CORRECTION_HINTS, one, NULL,
              "INSERT /*+ SET_VAR(time_zone='+00:00') */ INTO `copy`.`t` (`id`, `na``me`, `at`) "
              "VALUES (7, 'a', '2024-01-02 03:04:05')");
    check_for(CORRECTION_PLAIN, one, zero,
              "UPDATE `copy`.`t` SET `at` = '2024-01-02 03:04:05' WHERE `id` = 7");
    check_for(CORRECTION_HINTS, NULL, one, "DELETE FROM `copy`.`t` WHERE `id` = 7");
}

static void a_row_that_is_not_sure_has_no_correction(void **state)
{
    static const char *const one[3] = { "7", "a", NULL }, *const other[3] = { "7", "b", NULL };
    struct sample s;
    struct pair_read p = { .there = { true, true }, .message = "2 rows" };
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(SQL_MAX);
    char why[MESSAGE_MAX] = "";
    struct err err = { 0 };
    enum correction_for to = CORRECTION_PLAIN;
    unsigned zeros;

    (void)state;
    sample_open(&s);
    row_set(&p.rows[END_SOURCE], END_SOURCE, one);
    row_set(&p.rows[END_SINK], END_SINK, other);
    assert_int_equal(correction_sql(&s.r, &p, to, &b, &zeros, why, &err), 0);
    assert_string_equal(why, "2 rows");
    assert_int_equal(b.len, 0);
    assert_false(pair_equal(&s.r, &p));
    reading_done(&s.r);
    pair_read_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_comes_back_from_its_hex_digits),
        cmocka_unit_test(where_a_value_ends_is_part_of_the_key),
        cmocka_unit_test(bytes_that_are_no_key_are_refused),
        cmocka_unit_test(a_literal_is_printable_ascii_in_any_session),
        cmocka_unit_test(a_correction_names_what_differs_and_nothing_else),
        cmocka_unit_test(a_correction_brings_its_session_along),
        cmocka_unit_test(a_row_that_is_not_sure_has_no_correction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
