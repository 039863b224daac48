#include "tests/unit/base/test.h"

#include <string.h>

#include "base/json.h"

static void parse_takes_all_of_the_text(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { "{\"a\":1}", true },
        { " [1,2] \n", true },
        { "7", true },
        { "\"x\"", true },
        { "null", true },
        { "{\"a\":1", false },
        { "{a:1}", false },
        { "{} {}", false },
        { "", false },
        { "[1,]", false },
        { "{\"a\":\"\xff\"}", false },
        { "[[[[[[[[[[1]]]]]]]]]]", false }, /* deeper than 8 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_putp)
        struct json_object *o = NULL;
        struct err err = { 0 };
        int r = json_parse(cases[i].text, strlen(cases[i].text), 8, &o, &err);
        if (r != (cases[i].good ? 0 : -1))
            print_error("case %zu: %s\n", i, cases[i].text);
        assert_int_equal(r, cases[i].good ? 0 : -1);
        if (r < 0)
            assert_int_equal(err.code, ERR_PARAM);
    }
}

static void getters_fall_back_on_absence_null_and_other_types(void **state)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    const char text[] = "{\"s\":\"x\",\"i\":5,\"b\":true,\"n\":null,\"a\":[\"p\",1]}";
    struct err err = { 0 };

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), 8, &o, &err), 0);
    assert_string_equal(json_get_str(o, "s", "d"), "x");
    assert_string_equal(json_get_str(o, "i", "d"), "d");
    assert_string_equal(json_get_str(o, "n", "d"), "d");
    assert_int_equal(json_get_i64(o, "i", 9), 5);
    assert_int_equal(json_get_i64(o, "s", 9), 9);
    assert_true(json_get_bool(o, "b", false));
    assert_null(json_get(o, "n"));
    assert_null(json_get(NULL, "n"));
    assert_int_equal(json_len(json_get_array(o, "a")), 2);
    assert_string_equal(json_at_str(json_get_array(o, "a"), 0), "p");
    assert_null(json_at_str(json_get_array(o, "a"), 1));
    assert_null(json_at(NULL, 0));
}

static void an_error_survives_the_way_over_the_channel(void **state)
{
    struct err e = { 0 }, back = { 0 };
    _cleanup_(json_putp)
    struct json_object *o = NULL;

    (void)state;
    (void)err_set(&e, ERR_DB_PRIVILEGE, "no SELECT");
    (void)err_advise(&e, "GRANT it");
    e.db_errno = 1142;
    o = json_from_err(&e);
    json_to_err(o, &back);
    assert_int_equal(back.code, e.code);
    assert_string_equal(back.message, e.message);
    assert_string_equal(err_advice(&back), "GRANT it");
    assert_int_equal(back.db_errno, 1142);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_all_of_the_text),
        cmocka_unit_test(getters_fall_back_on_absence_null_and_other_types),
        cmocka_unit_test(an_error_survives_the_way_over_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
