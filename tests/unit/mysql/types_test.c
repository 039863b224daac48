#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

static void labels_come_out_as_they_were(void **state)
{
    static const struct {
        const char *column_type;
        const char *want[4];
    } rows[] = {
        { "enum('a')", { "a" } },
        { "enum('')", { "" } },
        { "enum('a','b','c')", { "a", "b", "c" } },
        { "set('x','y)','(z')", { "x", "y)", "(z" } },
        { "enum('it''s','''','''''')", { "it's", "'", "''" } },
        { "enum('a,b',',','\",\"')", { "a,b", ",", "\",\"" } },
        { "enum('b\\\\c','nl\\nx','cr\\rx')", { "b\\c", "nl\nx", "cr\rx" } },
        { "enum('\xc3\xb6','\xf0\x9f\x98\x80')", { "\xc3\xb6", "\xf0\x9f\x98\x80" } },
        { "enum('a\\'b','\\x')", { "a'b", "x" } },
        { "enum('a') charset latin1", { "a" } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(json_putp)
        struct json_object *list = NULL;
        struct err err = { 0 };
        size_t n = 0;

        if (type_labels(rows[i].column_type, &list, &err) < 0)
            fail_msg("%s: %s", rows[i].column_type, err.message);
        while (n < ARRAY_SIZE(rows[i].want) && rows[i].want[n] != NULL) {
            assert_non_null(json_at_str(list, n));
            assert_string_equal(json_at_str(list, n), rows[i].want[n]);
            n++;
        }
        assert_int_equal(json_len(list), n);
    }
}

static void a_nul_in_a_label_stays(void **state)
{
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(type_labels("enum('a\\0b')", &list, &err), 0);
    assert_int_equal(json_object_get_string_len(json_at(list, 0)), 3);
    assert_memory_equal(json_at_str(list, 0), "a\0b", 3);
}

static void damaged_labels_are_refused(void **state)
{
    static const char *const rows[] = { "",        "enum",       "enum(",      "enum()",
                                        "enum('a", "enum('a'",   "enum('a',)", "enum('a' ,'b')",
                                        "enum(a)", "enum('a\\'", "enum('a''",  "enum('a',b)" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json_object *list = NULL;
        struct err err = { 0 };

        if (type_labels(rows[i], &list, &err) == 0)
            fail_msg("%s was taken", rows[i]);
        assert_null(list);
        assert_int_equal(err.code, ERR_DB_QUERY);
    }
}

static void kinds_are_found(void **state)
{
    static const struct {
        const char *data_type;
        enum column_kind kind;
        unsigned int_bytes;
    } rows[] = {
        { "tinyint", CK_INT, 1 },   { "MEDIUMINT", CK_INT, 3 },
        { "bigint", CK_INT, 8 },    { "decimal", CK_DECIMAL, 0 },
        { "longtext", CK_TEXT, 0 }, { "json", CK_JSON, 0 },
        { "vector", CK_VECTOR, 0 }, { "geomcollection", CK_GEOMETRY, 0 },
        { "uuid", CK_UUID, 0 },     { "year", CK_YEAR, 0 },
        { "int8", CK_UNKNOWN, 0 },  { "", CK_UNKNOWN, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned int_bytes = 99;

        assert_int_equal(type_kind(rows[i].data_type, &int_bytes), rows[i].kind);
        assert_int_equal(int_bytes, rows[i].int_bytes);
    }
    for (int k = 0; k <= CK_UNKNOWN; k++)
        assert_non_null(type_kind_name((enum column_kind)k));
}

static void widths_are_read(void **state)
{
    (void)state;
    assert_int_equal(type_width("int(10) unsigned"), 10);
    assert_int_equal(type_width("bigint"), 0);
    assert_int_equal(type_width("decimal(12,3)"), 12);
    assert_int_equal(type_width("x()"), 0);
    assert_true(type_width("x(99999999999999999999)") > 0);
}

static void a_zero_that_is_no_label_is_found(void **state)
{
    struct json_object *some = json_tokener_parse("[\"0\",\"a\"]");
    struct json_object *all = json_tokener_parse("[\"0\",\"00\",\"000\",\"0000\",\"00000\"]");
    char zero[TYPE_ENUM_ZERO_SIZE];

    (void)state;
    type_enum_zero(NULL, NULL, zero);
    assert_string_equal(zero, "0");
    type_enum_zero(some, NULL, zero);
    assert_string_equal(zero, "00");
    type_enum_zero(NULL, some, zero);
    assert_string_equal(zero, "00");
    type_enum_zero(some, all, zero);
    assert_string_equal(zero, "");
    json_object_put(some);
    json_object_put(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_out_as_they_were),
        cmocka_unit_test(a_nul_in_a_label_stays),
        cmocka_unit_test(damaged_labels_are_refused),
        cmocka_unit_test(kinds_are_found),
        cmocka_unit_test(widths_are_read),
        cmocka_unit_test(a_zero_that_is_no_label_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
