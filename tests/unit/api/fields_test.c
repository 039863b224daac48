#include "tests/unit/api/test.h"

static const char *no_x(const char *text)
{
    return strchr(text, 'x') != NULL ? "must not hold x" : NULL;
}

/* clang-format off */
static const char *const words[] = { "ONE", "TWO", "ZWEI=TWO", NULL };
static const char *const words_later[] = { "THREE", NULL };
static const struct field inner[] = {
    { .name = "n", .type = FT_INT, .min = 1, .max = 10, .fallback = "5" },
    { 0 },
};
static const struct field table[] = {
    { .name = "text", .type = FT_STRING, .min = 2, .max = 4, .check = no_x },
    { .name = "number", .alias = "num", .type = FT_INT, .min = -5, .max = 100 },
    { .name = "flag", .type = FT_BOOL },
    { .name = "later", .type = FT_BOOL, .flags = F_LATER_TRUE, .fallback = "false" },
    { .name = "word", .type = FT_STRING, .values = words, .later = words_later },
    { .name = "list", .type = FT_STRINGS, .max = 3, .check = no_x },
    { .name = "object", .type = FT_OBJECT, .flags = F_DEFAULTS, .fields = inner },
    { .name = "objects", .type = FT_OBJECTS, .max = 2, .fields = inner },
    { 0 },
};

static const struct { const char *in, *out; } good[] = {
    { "{}", "{\"later\":false,\"object\":{\"n\":5}}" },
    { "{\"text\":null,\"nonsense\":[1]}", "{\"later\":false,\"object\":{\"n\":5}}" },
    { "{\"TEXT\":\"ab\",\"Num\":\"7\",\"flag\":\"TRUE\"}", "{\"text\":\"ab\",\"number\":7,\"flag\":true,\"later\":false,\"object\":{\"n\":5}}" },
    { "{\"text\":123,\"number\":7.0,\"flag\":0}", "{\"text\":\"123\",\"number\":7,\"flag\":false,\"later\":false,\"object\":{\"n\":5}}" },
    { "{\"word\":\"zwei\"}", "{\"later\":false,\"word\":\"TWO\",\"object\":{\"n\":5}}" },
    { "{\"list\":\"a\",\"objects\":{\"n\":1},\"object\":{\"N\":2}}", "{\"later\":false,\"list\":[\"a\"],\"object\":{\"n\":2},\"objects\":[{\"n\":1}]}" },
    { "{\"text\":\"ab\",\"Text\":\"cd\"}", "{\"text\":\"cd\",\"later\":false,\"object\":{\"n\":5}}" },
    { "{\"text\":\"äöüß\"}", "{\"text\":\"äöüß\",\"later\":false,\"object\":{\"n\":5}}" },
};

static const struct { const char *in, *field; enum err_code code; } bad[] = {
    { "{\"text\":\"a\"}", "text", ERR_PARAM },
    { "{\"text\":\"abcde\"}", "text", ERR_PARAM },
    { "{\"text\":\"ax\"}", "text", ERR_PARAM },
    { "{\"text\":{}}", "text", ERR_PARAM },
    { "{\"text\":\"a\\u0000b\"}", "text", ERR_PARAM },
    { "{\"number\":101}", "number", ERR_PARAM },
    { "{\"number\":\"7x\"}", "number", ERR_PARAM },
    { "{\"number\":7.5}", "number", ERR_PARAM },
    { "{\"number\":1e300}", "number", ERR_PARAM },
    { "{\"number\":true}", "number", ERR_PARAM },
    { "{\"number\":99999999999999999999}", "number", ERR_PARAM },
    { "{\"flag\":\"yes\"}", "flag", ERR_PARAM },
    { "{\"later\":true}", "later", ERR_NOT_SUPPORTED },
    { "{\"word\":\"three\"}", "word", ERR_NOT_SUPPORTED },
    { "{\"word\":\"four\"}", "word", ERR_PARAM },
    { "{\"list\":[1,2,3,4]}", "list", ERR_PARAM },
    { "{\"list\":[\"a\",null]}", "list[1]", ERR_PARAM },
    { "{\"list\":[\"x\"]}", "list[0]", ERR_PARAM },
    { "{\"list\":[[]]}", "list[0]", ERR_PARAM },
    { "{\"object\":[]}", "object", ERR_PARAM },
    { "{\"object\":{\"n\":11}}", "object.n", ERR_PARAM },
    { "{\"objects\":[{\"n\":1},{\"n\":0}]}", "objects[1].n", ERR_PARAM },
    { "{\"objects\":[1]}", "objects[0]", ERR_PARAM },
};
/* clang-format on */

static void cleans_what_is_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct json_object *in = parsed(good[i].in), *out = NULL, *wanted = parsed(good[i].out);
        struct faults f = { 0 };
        struct err err = { 0 };
        assert_int_equal(fields_read(table, in, "", &f, &out, &err), 0);
        assert_int_equal(f.count, 0);
        if (!json_object_equal(out, wanted))
            fail_msg("%s gave %s", good[i].in, json_text(out));
        json_putp(&in);
        json_putp(&out);
        json_putp(&wanted);
    }
}

static void names_what_is_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json_object *in = parsed(bad[i].in), *out = NULL;
        struct faults f = { 0 };
        struct err err = { 0 };
        assert_int_equal(fields_read(table, in, "", &f, &out, &err), 0);
        if (f.count != 1 || problem_of(&f, bad[i].field) == NULL)
            fail_msg("%s gave %s", bad[i].in, f.list == NULL ? "no fault" : json_text(f.list));
        assert_int_equal(faults_raise(&f, &err), -1);
        assert_int_equal(err.code, bad[i].code);
        json_putp(&in);
        json_putp(&out);
        faults_done(&f);
    }
}

static void tells_all_faults_and_bounds_them(void **state)
{
    struct faults f = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(faults_raise(&f, &err), 0);
    faults_later(&f, "a", "is not supported yet");
    faults_add(&f, "b", "is wrong");
    assert_int_equal(faults_raise(&f, &err), -1);
    assert_int_equal(err.code, ERR_PARAM);
    assert_string_equal(err.message, "a: is not supported yet; b: is wrong");
    for (int i = 0; i < 1000; i++)
        faults_add(&f, "c", "is wrong");
    assert_int_equal(f.count, 1002);
    assert_int_equal(json_len(f.list), FAULTS_MAX);
    assert_int_equal(faults_raise(&f, &err), -1);
    faults_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans_what_is_good),
        cmocka_unit_test(names_what_is_bad),
        cmocka_unit_test(tells_all_faults_and_bounds_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
