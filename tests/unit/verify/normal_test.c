/* Normal forms: the expressions, which tables can't be compared, what finds a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/mysql/types.h"
#include "workers/verify/normal.h"

#include "base/banned.h"

enum { DEFINITION_MAX = 200, COLUMNS_MAX = 80, TEXT_MAX = 64 * 1024 };

/* "a varchar(10) latin1 latin1_bin null": name, type, character set, collation, flags. */
struct made {
    char name[DEFINITION_MAX], type_text[DEFINITION_MAX], data_type[DEFINITION_MAX];
    char charset[DEFINITION_MAX], collation[DEFINITION_MAX];
};

struct side {
    struct made made[COLUMNS_MAX];
    struct column columns[COLUMNS_MAX];
    bool selected[COLUMNS_MAX];
    unsigned key_columns[COLUMNS_MAX];
    struct index key;
    struct table table;
};

struct both {
    struct side sides[END_MAX_];
    struct strbuf missing;
    struct normals *normals;
};

static char *word(char **rest)
{
    char *at = strsep(rest, " ");

    return at == NULL ? *rest : at;
}

static void put(char *to, const char *text)
{
    size_t len = strlen(text);

    assert_true(len < DEFINITION_MAX);
    memcpy(to, text, len + 1);
}

static void make_flag(struct column *c, struct made *m, const char *flag)
{
    if (strcmp(flag, "null") == 0) {
        c->nullable = true;
    } else if (strcmp(flag, "generated") == 0) {
        c->generated = true;
    } else if (strcmp(flag, "unsigned") == 0 || strcmp(flag, "zerofill") == 0) {
        put(m->type_text + strlen(m->type_text), " ");
        put(m->type_text + strlen(m->type_text), flag);
    } else if (strchr(flag, '_') != NULL) {
        put(m->collation, flag);
        c->collation = m->collation;
        c->binary_collation = strstr(flag, "_bin") != NULL;
    } else {
        put(m->charset, flag);
        c->charset = m->charset;
    }
}

static void make(const char *definition, struct column *c, struct made *m)
{
    char text[DEFINITION_MAX];
    char *rest = text, *flag;
    struct err err = { 0 };

    put(text, definition);
    put(m->name, word(&rest));
    put(m->type_text, word(&rest));
    put(m->data_type, m->type_text);
    m->data_type[strcspn(m->data_type, "(")] = '\0';
    while (rest != NULL && (flag = word(&rest)) != NULL)
        make_flag(c, m, flag);
    c->name = m->name;
    c->type_text = m->type_text;
    c->data_type = m->data_type;
    c->kind = type_kind(m->data_type, &c->int_bytes);
    c->length = c->precision = c->fraction = type_width(m->type_text);
    if (c->kind == CK_DECIMAL && strchr(m->type_text, ',') != NULL)
        c->scale = (unsigned)strtoul(strchr(m->type_text, ',') + 1, NULL, 10);
    if (c->charset != NULL && c->collation == NULL) {
        put(m->collation, m->charset);
        put(m->collation + strlen(m->charset), "_general_ci");
        c->collation = m->collation;
    }
    if (c->kind == CK_ENUM || c->kind == CK_SET)
        assert_int_equal(0, type_labels(m->type_text, &c->labels, &err));
}

/* Columns apart by ';'. The first one is the key. */
static void make_side(struct side *s, const char *definitions)
{
    char text[TEXT_MAX];
    char *rest = text, *one;

    (void)snprintf(text, sizeof(text), "%s", definitions);
    while ((one = strsep(&rest, ";")) != NULL) {
        size_t at = s->table.column_count++;

        one += strspn(one, " ");
        assert_true(at < COLUMNS_MAX);
        s->selected[at] = true;
        make(one, &s->columns[at], &s->made[at]);
    }
    s->key = (struct index){
        .name = s->made[0].name, .unique = true, .column_count = 1, .columns = s->key_columns
    };
    s->table.columns = s->columns;
    s->table.selected = s->selected;
    s->table.indexes = &s->key;
    s->table.index_count = 1;
    s->table.db = s->table.name = s->made[0].name;
}

static struct both *pair_with(const char *source, const char *target, enum flavour a,
                              enum flavour b)
{
    struct both *p = calloc(1, sizeof(*p));
    struct dialect dialects[END_MAX_] = { { .flavour = a }, { .flavour = b } };
    struct err err = { 0 };

    assert_non_null(p);
    p->missing = (struct strbuf)STRBUF(TEXT_MAX);
    make_side(&p->sides[END_SOURCE], source);
    make_side(&p->sides[END_SINK], target);
    assert_int_equal(
        0, normals_new((const struct table *const[]){ &p->sides[0].table, &p->sides[1].table },
                       dialects, false, &p->missing, &p->normals, &err));
    return p;
}

static struct both *pair(const char *source, const char *target)
{
    return pair_with(source, target, FLAVOUR_MYSQL, FLAVOUR_MYSQL);
}

static void pair_free(struct both *p)
{
    for (unsigned end = 0; end < END_MAX_; end++)
        for (size_t i = 0; i < p->sides[end].table.column_count; i++)
            (void)json_object_put(p->sides[end].columns[i].labels);
    normals_free(p->normals);
    strbuf_done(&p->missing);
    free(p);
}

/* ---- one column ---- */

/* clang-format off */
static const struct {
    const char *source, *target;           /* definitions behind the name */
    const char *here, *there;              /* `sum`s; NULL there: as here */
    bool any_byte, same_order;
} forms[] = {
    { "int", "bigint", "`v`", NULL, false, true },
    { "int(5) unsigned zerofill", "int unsigned", "(`v` + 0)", "`v`", false, true },
    { "decimal(10,2)", "decimal(12,4)", "CONCAT(`v`, '00')", "`v`", false, true },
    { "decimal(9,1)", "int", "`v`", "CONCAT(`v`, '.0')", false, false },
    { "datetime", "date", "`v`", "CONCAT(`v`, ' 00:00:00')", false, false },
    { "int", "decimal(12,1)", "CONCAT(`v`, '.0')", "`v`", false, true },
    { "bit(3)", "bit(9)", "(`v` + 0)", NULL, false, false },
    { "year", "year", "`v`", NULL, false, true },
    { "year", "int", "(`v` + 0)", "`v`", false, false },
    { "float", "double", "POINT(`v`, 0)", NULL, true, false },
    { "varchar(9) utf8mb4 utf8mb4_bin", "varchar(9) utf8mb4 utf8mb4_bin", "`v`", NULL, false, true },
    { "varchar(9) utf8 utf8_bin", "varchar(9) utf8mb3 utf8mb3_bin", "`v`", NULL, false, true },
    { "varchar(9) utf8 utf8_bin", "varchar(9) utf8mb4 utf8mb4_bin", "`v`", NULL, false, false },
    { "varchar(9) utf8mb4", "varchar(9) utf8mb4", "`v`", NULL, false, false },
    { "varchar(9) utf8mb4 utf8mb4_bin", "varchar(9) utf8mb4 utf8mb4_0900_bin", "`v`", NULL, false, false },
    { "varchar(9) latin1", "char(9) latin1", "`v`", NULL, true, false },
    { "varchar(9) latin1 latin1_bin", "varchar(9) latin1 latin1_bin", "`v`", NULL, true, true },
    { "varchar(9) gbk gbk_bin", "varchar(9) gbk gbk_bin", "`v`", NULL, true, false },
    { "varchar(9) latin1", "varchar(9) utf8mb4", "CONVERT(`v` USING utf8mb4)", "`v`", false, false },
    { "varchar(9) ascii", "varchar(9) utf8mb4", "`v`", NULL, true, false },
    { "text latin1", "text ascii", "`v`", NULL, true, false },
    { "longtext utf8mb4", "longtext utf8mb4", "CRC32(`v`)", NULL, false, false },
    { "longtext utf16", "longtext utf8mb4", "CRC32(CONVERT(`v` USING utf8mb4))", "CRC32(`v`)", false, false },
    { "varbinary(9)", "varbinary(20)", "`v`", NULL, true, true },
    { "binary(4)", "varbinary(4)", "`v`", NULL, true, true },
    { "varchar(9) latin1", "varbinary(9)", "`v`", NULL, true, false },
    { "longblob", "longblob", "CRC32(`v`)", NULL, false, true },
    { "datetime(3)", "datetime(6)", "CONCAT(`v`, '000')", "`v`", false, true },
    { "datetime", "timestamp(2)", "CONCAT(`v`, '.00')", "`v`", false, true },
    { "date", "datetime(1)", "CONCAT(`v`, ' 00:00:00.0')", "`v`", false, true },
    { "date", "date", "`v`", NULL, false, true },
    { "time", "time(1)", "CONCAT(`v`, '.0')", "`v`", false, true },
    { "json", "json", "CRC32(`v`)", NULL, false, false },
    { "json", "longtext utf8mb4", "CRC32(`v`)", NULL, false, false },
    { "json", "longtext latin1", "CRC32(`v`)", "CRC32(CONVERT(`v` USING utf8mb4))", false, false },
    { "point", "geometry", "CRC32(`v`)", NULL, false, false },
    { "vector(3)", "varbinary(20)", "CAST(`v` AS BINARY)", "`v`", true, false },
    { "uuid", "uuid", "CAST(`v` AS CHAR)", NULL, false, false },
    { "inet6", "varchar(40) utf8mb4", "CAST(`v` AS CHAR)", "`v`", false, false },
    { "enum('a','b') utf8mb4", "enum('b','a') utf8mb4", "`v`", NULL, false, false },
    { "enum('a','') utf8mb4", "enum('b','a') utf8mb4", "IF(`v` = 0, '0', `v`)", NULL, false, false },
    { "enum('a','','0') latin1", "enum('a') latin1", "CONVERT(IF(`v` = 0, '00', `v`) USING utf8mb4)", NULL, false, false },
    { "set('a','b') utf8mb4", "set('a','x','b') utf8mb4", "`v`", NULL, false, false },
    { "set('a','b') utf8mb4", "set('b','a') utf8mb4", "`v`",
      "IF(`v` IS NULL, NULL, CONCAT_WS(',', IF(`v` & 2, 'a', NULL), IF(`v` & 1, 'b', NULL)))", false, false },
    { "set('','b') utf8mb4", "set('x','') utf8mb4", "(`v` | 0)",
      "(IF(`v` & 1, 9223372036854775808, 0) | IF(`v` & 2, 1, 0) | (`v` & 0))", false, false },
};

static const struct {
    const char *source, *target, *missing;
} clashes[] = {
    { "int", "varchar(9) utf8mb4", "column `v` is int at the source and varchar(9) at the target" },
    { "int", "double", "column `v` is int at the source and double at the target" },
    { "int", "int generated", "column `v` is generated at the target" },
    { "double", "float", "column `v` is FLOAT at the target: a DOUBLE would be rounded" },
    { "datetime(3)", "datetime(2)", "column `v` keeps fewer digits of a second at the target: values would be rounded" },
    { "time", "datetime", "column `v` is time at the source and datetime at the target" },
    { "varbinary(4)", "binary(4)", "column `v` is filled up with zero bytes at the target: BINARY of another length" },
    { "binary(4)", "binary(5)", "column `v` is filled up with zero bytes at the target: BINARY of another length" },
    { "point", "varchar(9) utf8mb4", "column `v` is spatial at one end only" },
    { "sometype", "sometype", "column `v` is sometype at the source and sometype at the target" },
};
/* clang-format on */

static struct both *one_column(const char *source, const char *target, enum flavour there)
{
    char here[DEFINITION_MAX], other[DEFINITION_MAX];

    (void)snprintf(here, sizeof(here), "id int;v %s", source);
    (void)snprintf(other, sizeof(other), "id int;v %s", target);
    return pair_with(here, other, FLAVOUR_MYSQL, there);
}

static void each_type_has_its_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct both *p = one_column(forms[i].source, forms[i].target, FLAVOUR_MYSQL);
        const struct normal *n = &p->normals->columns[1];

        print_message("%s - %s\n", forms[i].source, forms[i].target);
        assert_string_equal("", strbuf_str(&p->missing));
        assert_null(n->left_out);
        assert_string_equal(forms[i].here, n->sum[END_SOURCE]);
        assert_string_equal(forms[i].there != NULL ? forms[i].there : forms[i].here,
                            n->sum[END_SINK]);
        assert_int_equal(forms[i].any_byte, n->any_byte);
        assert_int_equal(forms[i].same_order, n->same_order);
        pair_free(p);
    }
}

static void a_negative_zero_is_told_where_both_ends_have_it(void **state)
{
    struct both *p = one_column("double", "double", FLAVOUR_MARIADB);

    (void)state;
    assert_string_equal("POINT(`v` + 0e0, 0)", p->normals->columns[1].sum[END_SOURCE]);
    assert_string_equal("CAST(POINT(`v` + 0e0, 0) AS BINARY)",
                        p->normals->columns[1].value[END_SINK]);
    pair_free(p);
}

static void what_cannot_hold_the_same_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(clashes); i++) {
        struct both *p = one_column(clashes[i].source, clashes[i].target, FLAVOUR_MYSQL);

        assert_string_equal(clashes[i].missing, strbuf_str(&p->missing));
        pair_free(p);
    }
}

static void what_is_not_compared_says_why(void **state)
{
    /* clang-format off */
    static const char *const rows[][2] = {
        { "longtext utf8mb4", "json" }, { "year(2)", "year(4)" },
        { "enum('','0','00','000','0000','00000') utf8mb4", "enum('') utf8mb4" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct both *p = one_column(rows[i][0], rows[i][1], FLAVOUR_MYSQL);
        _cleanup_(strbuf_done)
        struct strbuf row = STRBUF(TEXT_MAX);

        assert_non_null(p->normals->columns[1].left_out);
        assert_string_equal("", strbuf_str(&p->missing));
        normals_row(&row, p->normals, END_SINK);
        assert_null(strstr(strbuf_str(&row), "`v`"));
        pair_free(p);
    }
}

static void json_carried_both_ways_is_compared_between_the_same_types_only(void **state)
{
    static const char *const there[] = { "id int;v longtext utf8mb4", "id int;v json" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
        struct both *one_way = pair("id int;v json", there[i]);
        struct dialect dialects[END_MAX_] = { { 0 }, { 0 } };
        _cleanup_(normals_freep)
        struct normals *back = NULL;
        struct err err = { 0 };

        assert_null(one_way->normals->columns[1].left_out);
        assert_int_equal(0, normals_new((const struct table *const[]){ &one_way->sides[0].table,
                                                                       &one_way->sides[1].table },
                                        dialects, true, &one_way->missing, &back, &err));
        assert_int_equal(i == 0, back->columns[1].left_out != NULL);
        pair_free(one_way);
    }
}

/* ---- rows ---- */

static void row_is(const struct both *p, enum end end, const char *expected)
{
    _cleanup_(strbuf_done)
    struct strbuf row = STRBUF(TEXT_MAX);

    normals_row(&row, p->normals, end);
    assert_string_equal(expected, strbuf_str(&row));
}

static void a_row_is_joined_as_bytes_with_marks_for_nulls(void **state)
{
    struct both *p = pair("t varchar(9) utf8mb4;n int null;u varchar(9) utf8mb4;m date;k int",
                          "m date null;T varchar(9) utf8mb4;u varchar(9) utf8mb4;n int;k int");
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(TEXT_MAX);

    (void)state;
    row_is(p, END_SOURCE,
           "CRC32(CONCAT_WS(_binary 0xFF, CAST(IFNULL(`n`, CAST(_binary 0xFE AS BINARY)) AS "
           "BINARY), `t`, `u`, `m`, `k`))");
    row_is(p, END_SINK,
           "CRC32(CONCAT_WS(_binary 0xFF, CAST(`n` AS BINARY), `T`, `u`, IFNULL(`m`, "
           "CAST(_binary 0xFE AS BINARY)), `k`))");
    assert_int_equal(1, p->normals->key_count);
    normals_key(&key, p->normals, END_SINK);
    assert_string_equal("CRC32(`T`)", strbuf_str(&key));
    pair_free(p);
}

static void columns_of_any_byte_are_kept_apart_by_more(void **state)
{
    struct both *p =
        pair("a varbinary(9);b varchar(9) utf8mb4 null", "a varbinary(9);b varchar(9) utf8mb4");

    (void)state;
    row_is(p, END_SOURCE,
           "CRC32(CONCAT_WS(_binary 0xFF9C1E72D4A65B38, CAST(`a` AS BINARY), IFNULL(`b`, "
           "CAST(_binary 0xFE31B7C80D5A9264 AS BINARY))))");
    pair_free(p);
}

/* "id int", and `count` columns c0, c1, … of a type. */
static struct both *many_columns(size_t count, const char *type)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(TEXT_MAX);

    strbuf_adds(&text, "id int");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&text, ";c%zu %s", i, type);
    return pair(strbuf_str(&text), strbuf_str(&text));
}

/* CONCAT_WS() gives NULL for more than max_allowed_packet. */
static void a_row_of_many_texts_stays_short(void **state)
{
    struct both *p = many_columns(20, "text utf8mb4");

    (void)state;
    assert_string_equal("`c0`", p->normals->columns[1].sum[END_SOURCE]);
    assert_string_equal("CRC32(`c19`)", p->normals->columns[20].sum[END_SINK]);
    pair_free(p);
}

static void what_is_not_carried_is_not_compared(void **state)
{
    struct both *p = calloc(1, sizeof(*p));
    struct dialect dialects[END_MAX_] = { { 0 }, { 0 } };
    struct err err = { 0 };

    (void)state;
    assert_non_null(p);
    p->missing = (struct strbuf)STRBUF(TEXT_MAX);
    make_side(&p->sides[0], "id int;a int;b int;g int generated;gone int;lost int");
    make_side(&p->sides[1], "id int;b int;g int generated;extra int");
    p->sides[0].selected[1] = false;
    assert_int_equal(
        0, normals_new((const struct table *const[]){ &p->sides[0].table, &p->sides[1].table },
                       dialects, false, &p->missing, &p->normals, &err));
    assert_string_equal(
        "column `gone` is missing at the target; column `lost` is missing at the target",
        strbuf_str(&p->missing));
    assert_int_equal(2, p->normals->count);
    pair_free(p);
}

static void a_key_that_is_not_compared_is_none(void **state)
{
    struct both *p = pair("k longtext utf8mb4;a int", "k json;a int");
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(TEXT_MAX);

    (void)state;
    assert_int_equal(0, p->normals->key_count);
    row_is(p, END_SINK, "CRC32(`a`)");
    normals_key(&key, p->normals, END_SINK);
    assert_string_equal("0", strbuf_str(&key)); /* never NULL, never no text */
    pair_free(p);
}

/* ---- what finds a value ---- */

/* clang-format off */
static const struct {
    const char *source, *target, *value, *here, *there;
} found[] = {
    { "int", "decimal(9,2)", "-5.00", "`v` = -5", "`v` = -5.00" },
    { "int", "decimal(9,2)", "5.10", "0 = 1", "`v` = 5.10" },
    { "int", "int", "1 OR 1=1", "`v` = '1 OR 1=1'", NULL },
    { "bit(9)", "bit(9)", "511", "`v` = 511", NULL },
    { "datetime(3)", "datetime(6)", "2024-01-01 00:00:00.123000", "`v` = '2024-01-01 00:00:00.123'",
      "`v` = '2024-01-01 00:00:00.123000'" },
    { "datetime(3)", "datetime(6)", "2024-01-01 00:00:00.123001", "0 = 1", "`v` = '2024-01-01 00:00:00.123001'" },
    { "date", "datetime", "2024-01-01 00:00:00", "`v` = '2024-01-01'", "`v` = '2024-01-01 00:00:00'" },
    { "varchar(9) utf8mb4", "varchar(9) utf8", "a'", "`v` = _utf8mb4 x'6127'", "`v` = _utf8 x'6127'" },
    { "varchar(9) utf8mb4", "varchar(9) utf8mb4", "", "`v` = _utf8mb4 ''", NULL },
    { "varchar(9) utf8mb4", "varchar(9) utf8mb4", "\xff", "CAST(`v` AS BINARY) = x'FF'", NULL },
    { "varchar(9) latin1", "varchar(9) latin1", "\xe9", "`v` = CONVERT(_binary x'E9' USING latin1) COLLATE latin1_general_ci", NULL },
    { "varchar(9) latin1", "varchar(9) utf8mb4", "\xc3\xa9",
      "(`v` = CONVERT(_utf8mb4 x'C3A9' USING latin1) COLLATE latin1_general_ci AND"
      " CAST(CONVERT(CONVERT(_utf8mb4 x'C3A9' USING latin1) USING utf8mb4) AS BINARY) = _binary x'C3A9')", "`v` = _utf8mb4 x'C3A9'" },
    { "varbinary(9)", "blob", "a", "`v` = x'61'", NULL },
    { "enum('a','b') utf8mb4", "enum('b','a') utf8mb4", "a", "`v` = 1", "`v` = 2" },
    { "enum('a','b') utf8mb4", "enum('b','a') utf8mb4", "", "`v` = 0", NULL },
    { "enum('a','') utf8mb4", "enum('','a') utf8mb4", "", "`v` = 2", "`v` = 1" },
    { "enum('a','') utf8mb4", "enum('','a') utf8mb4", "0", "`v` = 0", NULL },
    { "enum('a') utf8mb4", "enum('a') utf8mb4", "1", "0 = 1", NULL },
    { "set('a','b') utf8mb4", "set('b','a','c') utf8mb4", "b,c", "0 = 1", "`v` = 5" },
    { "set('a','b') utf8mb4", "set('b','a','c') utf8mb4", "", "`v` = 0", NULL },
    { "set('','b') utf8mb4", "set('x','') utf8mb4", "1", "`v` = 1", "`v` = 2" },
    { "uuid", "char(36) ascii", "a-b", "`v` = 'a-b'", NULL },
    { "json", "json", "1", "CAST(`v` AS BINARY) = x'31'", NULL },
};
/* clang-format on */

static void equals_are(const struct normal *n, enum end end, const char *value, size_t len,
                       const char *expected)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);

    normal_equals(&b, n, end, value, len);
    assert_string_equal(expected, strbuf_str(&b));
}

static void a_value_is_found_by_the_columns_own_comparison(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
        struct both *p = one_column(found[i].source, found[i].target, FLAVOUR_MYSQL);
        const struct normal *n = &p->normals->columns[1];

        print_message("%s - %s, %zu\n", found[i].source, found[i].target, i);
        equals_are(n, END_SOURCE, found[i].value, strlen(found[i].value), found[i].here);
        if (found[i].there != NULL)
            equals_are(n, END_SINK, found[i].value, strlen(found[i].value), found[i].there);
        equals_are(n, END_SINK, NULL, 0, "`v` IS NULL");
        pair_free(p);
    }
}

static void a_real_is_found_by_all_its_bits(void **state)
{
    /* SRID 0, little endian, a point, 0.1, 0 */
    static const char value[] = "\0\0\0\0\1\1\0\0\0\x9a\x99\x99\x99\x99\x99\xb9\x3f\0\0\0\0\0\0\0";
    struct both *p = one_column("double", "double", FLAVOUR_MYSQL);

    (void)state;
    equals_are(&p->normals->columns[1], END_SINK, value, sizeof(value),
               "`v` = 1.0000000000000001e-01");
    equals_are(&p->normals->columns[1], END_SINK, value, 3, "0 = 1"); /* no value at all */
    pair_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_form),
        cmocka_unit_test(a_negative_zero_is_told_where_both_ends_have_it),
        cmocka_unit_test(what_cannot_hold_the_same_is_named),
        cmocka_unit_test(what_is_not_compared_says_why),
        cmocka_unit_test(json_carried_both_ways_is_compared_between_the_same_types_only),
        cmocka_unit_test(a_row_is_joined_as_bytes_with_marks_for_nulls),
        cmocka_unit_test(columns_of_any_byte_are_kept_apart_by_more),
        cmocka_unit_test(a_row_of_many_texts_stays_short),
        cmocka_unit_test(what_is_not_carried_is_not_compared),
        cmocka_unit_test(a_key_that_is_not_compared_is_none),
        cmocka_unit_test(a_value_is_found_by_the_columns_own_comparison),
        cmocka_unit_test(a_real_is_found_by_all_its_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
