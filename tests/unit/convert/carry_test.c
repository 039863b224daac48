/* How columns travel: pairing, statements, and both encoders of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/convert/carry.h"
#include "workers/mysql/binlog/json_numbers.h"

#define TEXT(s) ((char *)(uintptr_t)(s))

enum { SQL_MAX = 64 * 1024, COLUMNS_MAX = 8 };

static struct column column(const char *name, enum column_kind kind, const char *charset)
{
    return (struct column){ .name = TEXT(name), .kind = kind, .charset = TEXT(charset) };
}

static struct table table(struct column *columns, size_t count, bool *selected)
{
    for (size_t i = 0; i < count; i++)
        selected[i] = !columns[i].generated;
    return (struct table){ .db = TEXT("shop"),
                           .name = TEXT("t"),
                           .columns = columns,
                           .column_count = count,
                           .selected = selected,
                           .key = -1 };
}

/* A pair of one-column tables. */
struct pair {
    struct column s, d;
    bool ss[1], ds[1];
    struct table src, dst;
    struct carry carry;
    struct strbuf faults;
};

static void pair_open(struct pair *p, struct column s, struct column d)
{
    struct err err = { 0 };

    *p = (struct pair){ .s = s, .d = d, .faults = STRBUF(SQL_MAX) };
    p->src = table(&p->s, 1, p->ss);
    p->dst = table(&p->d, 1, p->ds);
    assert_int_equal(carry_init(&p->carry, &p->src, &p->dst, &p->faults, &err), 0);
}

static void pair_close(struct pair *p)
{
    carry_done(&p->carry);
    strbuf_done(&p->faults);
}

static void each_pair_of_types_gets_its_expression(void **state)
{
    static const struct {
        enum column_kind src;
        const char *src_charset;
        enum column_kind dst;
        const char *dst_charset;
        const char *select, *load;
    } cases[] = {
        { CK_INT, NULL, CK_INT, NULL, "`c`", "(`c`)" },
        { CK_FLOAT, NULL, CK_FLOAT, NULL, "(`c` * 1e0)", "(`c`)" },
        { CK_BIT, NULL, CK_BIT, NULL, "(`c` + 0)", "(@v0) SET `c` = CAST(@v0 AS UNSIGNED)" },
        { CK_BIT, NULL, CK_INT, NULL, "(`c` + 0)", "(`c`)" },
        { CK_VARCHAR, "latin1", CK_VARCHAR, "latin1", "`c`", "(`c`)" },
        { CK_VARCHAR, "utf8", CK_TEXT, "utf8mb4", "`c`", "(`c`)" },
        { CK_VARCHAR, "utf8", CK_VARCHAR, "utf8mb3", "`c`", "(`c`)" },
        { CK_ENUM, "latin1", CK_ENUM, "utf8mb4", "IF(`c` = 0, '0', `c`)",
          "(@v0) SET `c` = CONVERT(@v0 USING latin1)" },
        { CK_VARCHAR, "utf8mb4", CK_VARCHAR, "utf8mb3", "`c`",
          "(@v0) SET `c` = CONVERT(@v0 USING utf8mb4)" },
        { CK_INT, NULL, CK_VARCHAR, "utf16", "`c`", "(@v0) SET `c` = CONVERT(@v0 USING ascii)" },
        { CK_INT, NULL, CK_VARCHAR, "utf8mb4", "`c`", "(`c`)" },
        { CK_JSON, NULL, CK_JSON, NULL, "`c`", "(@v0) SET `c` = CONVERT(@v0 USING utf8mb4)" },
        { CK_JSON, NULL, CK_TEXT, "utf8mb4", "`c`", "(`c`)" },
        { CK_TEXT, "utf8mb4", CK_JSON, NULL, "`c`", "(@v0) SET `c` = CONVERT(@v0 USING utf8mb4)" },
        { CK_BLOB, NULL, CK_BLOB, NULL, "`c`", "(`c`)" },
        { CK_VARCHAR, "latin1", CK_BLOB, NULL, "`c`", "(`c`)" },
        { CK_GEOMETRY, NULL, CK_GEOMETRY, NULL, "`c`", "(`c`)" },
        { CK_ENUM, "utf8mb4", CK_VARCHAR, "utf8mb4", "`c`", "(`c`)" },
        { CK_UUID, NULL, CK_UUID, NULL, "`c`", "(@v0) SET `c` = CONVERT(@v0 USING ascii)" },
        { CK_UUID, NULL, CK_CHAR, "ascii", "`c`", "(`c`)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(SQL_MAX), load = STRBUF(SQL_MAX);
        struct pair p;

        pair_open(&p, column("c", cases[i].src, cases[i].src_charset),
                  column("c", cases[i].dst, cases[i].dst_charset));
        assert_string_equal(strbuf_str(&p.faults), "");
        carry_select(&sql, &p.carry);
        assert_string_equal(strbuf_str(&sql), cases[i].select);
        carry_load_sql(&load, &p.carry, &p.dst, WRITE_REPLACE);
        assert_string_equal(load.data + load.len - strlen(cases[i].load), cases[i].load);
        pair_close(&p);
    }
}

static void all_that_does_not_fit_is_named(void **state)
{
    struct column s[] = { column("a", CK_INT, NULL), column("b", CK_INT, NULL),
                          column("g", CK_GEOMETRY, NULL), column("x", CK_INT, NULL) };
    struct column d[] = { column("A", CK_INT, NULL), column("g", CK_VARCHAR, "utf8mb4"),
                          column("x", CK_INT, NULL) };
    bool ss[4], ds[3];
    struct table src = table(s, 4, ss), dst = table(d, 3, ds);
    _cleanup_(strbuf_done)
    struct strbuf faults = STRBUF(SQL_MAX);
    struct carry c;
    struct err err = { 0 };

    (void)state;
    d[2].generated = true;
    assert_int_equal(carry_init(&c, &src, &dst, &faults, &err), 0);
    assert_string_equal(
        strbuf_str(&faults),
        "column `b` is missing at the target; column `g` is spatial at one end only;"
        " column `x` is generated at the target");
    carry_done(&c);
}

static void generated_and_unselected_columns_stay(void **state)
{
    struct column s[] = { column("a", CK_INT, NULL), column("b", CK_INT, NULL),
                          column("c", CK_INT, NULL) };
    bool ss[3], ds[1];
    struct table src, dst = table(s, 1, ds);
    _cleanup_(strbuf_done)
    struct strbuf faults = STRBUF(SQL_MAX), sql = STRBUF(SQL_MAX);
    struct carry c;
    struct err err = { 0 };

    (void)state;
    s[1].generated = true;
    src = table(s, 3, ss);
    ss[2] = false;
    assert_int_equal(carry_init(&c, &src, &dst, &faults, &err), 0);
    assert_string_equal(strbuf_str(&faults), "");
    carry_select(&sql, &c);
    assert_string_equal(strbuf_str(&sql), "`a`");
    carry_done(&c);
}

static void statements_follow_the_write_mode(void **state)
{
    static const struct {
        enum write_mode mode;
        const char *load, *head, *tail;
    } cases[] = {
        { WRITE_REPLACE,
          "LOAD DATA LOCAL INFILE 'causeway' REPLACE INTO TABLE `shop`.`t` CHARACTER",
          "REPLACE INTO `shop`.`t` (`c`) VALUES ", "" },
        { WRITE_KEEP, "LOAD DATA LOCAL INFILE 'causeway' IGNORE INTO TABLE `shop`.`t` CHARACTER",
          "INSERT INTO `shop`.`t` (`c`) VALUES ", " ON DUPLICATE KEY UPDATE `c` = `c`" },
        { WRITE_PLAIN, "LOAD DATA LOCAL INFILE 'causeway' INTO TABLE `shop`.`t` CHARACTER",
          "INSERT INTO `shop`.`t` (`c`) VALUES ", "" },
    };
    struct pair p;

    (void)state;
    pair_open(&p, column("c", CK_INT, NULL), column("c", CK_INT, NULL));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(strbuf_done)
        struct strbuf load = STRBUF(SQL_MAX), head = STRBUF(SQL_MAX), tail = STRBUF(SQL_MAX);

        carry_load_sql(&load, &p.carry, &p.dst, cases[i].mode);
        carry_insert_head(&head, &p.carry, &p.dst, cases[i].mode);
        carry_insert_tail(&tail, &p.carry, cases[i].mode);
        assert_memory_equal(load.data, cases[i].load, strlen(cases[i].load));
        assert_string_equal(strbuf_str(&head), cases[i].head);
        assert_string_equal(strbuf_str(&tail), cases[i].tail);
    }
    pair_close(&p);
}

static void rows_are_encoded_byte_for_byte(void **state)
{
    static const struct {
        enum column_kind kind;
        const char *charset, *data;
        size_t len;
        const char *load;
        size_t load_len;
        const char *insert;
        size_t insert_len;
    } cases[] = {
        { CK_INT, NULL, "-12", 3, "-12\n", 4, "('-12'),", 8 },
        { CK_INT, NULL, NULL, 0, "\\N\n", 3, "(NULL),", 7 },
        { CK_VARCHAR, "utf8mb4", "", 0, "\n", 1, "(_binary''),", 12 },
        { CK_VARCHAR, "utf8mb4", "\\N", 2, "\\\\N\n", 4, "(_binary'\\\\N'),", 15 },
        { CK_BLOB, NULL, "a\t\n\0\\'\x1a", 7, "a\\t\\n\\0\\\\'\x1a\n", 12,
          "(_binary'a\t\\n\\0\\\\\\'\\Z'),", 24 },
        { CK_BIT, NULL, "18446744073709551615", 20, "18446744073709551615\n", 21,
          "(18446744073709551615),", 23 },
        { CK_JSON, NULL, "{}", 2, "{}\n", 3, "(CONVERT(_binary'{}' USING utf8mb4)),", 37 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(strbuf_done)
        struct strbuf load = STRBUF(SQL_MAX), insert = STRBUF(SQL_MAX);
        char *row[] = { TEXT(cases[i].data) };
        const unsigned long lengths[] = { cases[i].len };
        struct pair p;

        pair_open(&p, column("c", cases[i].kind, cases[i].charset),
                  column("c", cases[i].kind, cases[i].charset));
        carry_load_row(&load, &p.carry, row, lengths);
        carry_insert_row(&insert, &p.carry, row, lengths);
        assert_int_equal(load.len, cases[i].load_len);
        assert_memory_equal(load.data, cases[i].load, load.len);
        assert_int_equal(insert.len, cases[i].insert_len);
        assert_memory_equal(insert.data, cases[i].insert, insert.len);
        pair_close(&p);
    }
}

static void a_field_is_found_again_for_messages(void **state)
{
    static const struct {
        const char *row;
        enum carry_form form;
        size_t field;
        const char *expected;
    } cases[] = {
        { "1\tab\t3\n", FORM_LOAD, 0, "1" },
        { "1\tab\t3\n", FORM_LOAD, 1, "ab" },
        { "1\tab\t3\n", FORM_LOAD, 2, "3" },
        { "1\ta\\\tb\t3\n", FORM_LOAD, 2, "3" },
        { "('1',_binary'a,b',3),", FORM_INSERT, 0, "'1'" },
        { "('1',_binary'a,b',3),", FORM_INSERT, 1, "_binary'a,b'" },
        { "('1',_binary'a\\',b',3),", FORM_INSERT, 2, "3" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(strbuf_done)
        struct strbuf text = STRBUF(SQL_MAX);

        carry_field(&text, cases[i].row, strlen(cases[i].row), cases[i].form, cases[i].field);
        assert_string_equal(strbuf_str(&text), cases[i].expected);
    }
}

/* The protocol's length-encoded strings, behind a byte that tells NULL. */
static void rows_of_a_bulk_statement_carry_lengths(void **state)
{
    static const size_t lens[] = { 0, 1, 250, 251, 65535, 65536, 16777215, 16777216 };
    static const char *const heads[] = { "\0\0",
                                         "\0\1",
                                         "\0\xfa",
                                         "\0\xfc\xfb\0",
                                         "\0\xfc\xff\xff",
                                         "\0\xfd\0\0\1",
                                         "\0\xfd\xff\xff\xff",
                                         "\0\xfe\0\0\0\1\0\0\0\0" };
    static const size_t head_lens[] = { 2, 2, 2, 4, 4, 5, 5, 10 };
    struct carried columns[3] = { 0 };
    struct carry c = { .columns = columns, .count = 3 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
        _cleanup_(freep)
        char *value = calloc(1, lens[i] + 1);
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(20 * 1024 * 1024), text = STRBUF(SQL_MAX);
        char *row[3] = { NULL, value, (char[]){ "ab" } };
        unsigned long lengths[3] = { 0, lens[i], 2 };

        memset(value, 'x', lens[i]);
        carry_bulk_row(&b, &c, row, lengths);
        assert_int_equal(b.len, 1 + head_lens[i] + lens[i] + 4);
        assert_int_equal(b.data[0], 1);
        assert_memory_equal(b.data + 1, heads[i], head_lens[i]);
        assert_memory_equal(b.data + 1 + head_lens[i], value, lens[i]);
        assert_memory_equal(b.data + b.len - 4, "\0\2ab", 4);
        carry_field(&text, b.data, b.len, FORM_BULK, 0);
        assert_string_equal(strbuf_str(&text), "NULL");
        strbuf_reset(&text);
        carry_field(&text, b.data, b.len, FORM_BULK, 2);
        assert_string_equal(strbuf_str(&text), "ab");
    }
}

static void numbers_that_a_document_would_not_keep_are_found(void **state)
{
    static const struct {
        const char *text;
        bool same_text, same_value;
    } cases[] = {
        { "{\"1.50\": \"2.50\", \"a\\\"9.990\": 1}", true, true },
        { "[1, -9223372036854775808, 18446744073709551615, 0.1, -0.0, 1e100, 1.5]", true, true },
        { "[1.50]", false, true },
        { "1E2", false, true },
        { "18446744073709551616", false, false },
        { "100000000000000000000", false, true },
        { "[0, 123456789012345678.25]", false, false },
        { "0.000000000000000000000000000001", false, true },
        { "0.1000000000000000000000000001", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *at = NULL;
        size_t len = strlen(cases[i].text), n = 0;

        assert_int_equal(json_numbers_survive(cases[i].text, len, JSON_SAME_TEXT, &at, &n),
                         cases[i].same_text);
        assert_int_equal(json_numbers_survive(cases[i].text, len, JSON_SAME_VALUE, &at, &n),
                         cases[i].same_value);
    }
}

static void a_row_whose_document_would_change_is_named(void **state)
{
    char *row[] = { TEXT("[7, 1.250]") };
    const unsigned long lengths[] = { 10 };
    struct err err = { 0 };
    struct pair p;

    (void)state;
    pair_open(&p, column("c", CK_JSON, NULL), column("c", CK_JSON, NULL));
    assert_int_equal(carry_check_row(&p.carry, row, lengths, &err), -1);
    assert_int_equal(err.code, ERR_VALUE);
    assert_non_null(strstr(err.message, "shop.t, row with c=[7, 1.250]: the number 1.250"));
    pair_close(&p);
    pair_open(&p, column("c", CK_JSON, NULL), column("c", CK_TEXT, "utf8mb4"));
    assert_int_equal(carry_check_row(&p.carry, row, lengths, &err), 0);
    pair_close(&p);
}

static void number_zero_of_an_enum_is_no_label(void **state)
{
    struct column c = column("c", CK_ENUM, "utf8mb4");
    char *zero[] = { TEXT("00") }, *label[] = { TEXT("0") }, *null[] = { NULL };
    const unsigned long two[] = { 2 }, one[] = { 1 }, none[] = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    struct pair p;

    (void)state;
    c.labels = json_tokener_parse("[\"0\",\"a\"]");
    pair_open(&p, c, c);
    carry_select(&sql, &p.carry);
    assert_string_equal(strbuf_str(&sql), "IF(`c` = 0, '00', `c`)");
    assert_int_equal(carry_enum_zeros(&p.carry, zero, two), 1);
    assert_int_equal(carry_enum_zeros(&p.carry, label, one), 0);
    assert_int_equal(carry_enum_zeros(&p.carry, null, none), 0);
    pair_close(&p);
    json_object_put(c.labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_of_types_gets_its_expression),
        cmocka_unit_test(all_that_does_not_fit_is_named),
        cmocka_unit_test(generated_and_unselected_columns_stay),
        cmocka_unit_test(statements_follow_the_write_mode),
        cmocka_unit_test(rows_are_encoded_byte_for_byte),
        cmocka_unit_test(a_field_is_found_again_for_messages),
        cmocka_unit_test(rows_of_a_bulk_statement_carry_lengths),
        cmocka_unit_test(numbers_that_a_document_would_not_keep_are_found),
        cmocka_unit_test(a_row_whose_document_would_change_is_named),
        cmocka_unit_test(number_zero_of_an_enum_is_no_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
