#include "tests/unit/api/test.h"

#include "api/envelope.h"

static const char *const keys[] = { "success",    "errorDetail", "code",       "message",
                                    "advice",     "requestId",   "pageNumber", "pageSize",
                                    "totalCount", "cost",        "data" };

static void has_all_keys(struct json_object *o)
{
    assert_int_equal(json_object_object_length(o), ARRAY_SIZE(keys));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        assert_true(json_object_object_get_ex(o, keys[i], NULL));
}

static void success_has_eleven_keys(void **state)
{
    struct envelope e = { .request_id = "r_1", .cost_ms = 12 };
    struct json_object *o;

    (void)state;
    o = envelope_ok(&e);
    has_all_keys(o);
    assert_true(json_get_bool(o, "success", false));
    assert_string_equal(json_get_str(o, "cost", ""), "12 ms");
    assert_null(json_get(o, "pageNumber"));
    json_putp(&o);
    e = (struct envelope){ .request_id = "r_1",
                           .page_number = 2,
                           .page_size = 10,
                           .total = 33,
                           .data = json_object_new_array() };
    o = envelope_ok(&e);
    has_all_keys(o);
    assert_int_equal(json_get_i64(o, "totalCount", 0), 33);
    assert_non_null(json_get(o, "data"));
    json_putp(&o);
}

static void failure_names_its_code(void **state)
{
    struct envelope e = { .request_id = "r_1" };
    struct err err = { 0 };
    struct json_object *o, *detail;

    (void)state;
    (void)err_set(&err, ERR_PROJECT_NOT_FOUND, "no project np_1");
    o = envelope_error(&e, &err, NULL);
    has_all_keys(o);
    detail = json_get(o, "errorDetail");
    assert_string_equal(json_get_str(o, "message", ""), "[GHANA-PROJECT000001]: no project np_1");
    assert_string_equal(json_get_str(detail, "code", ""), "GHANA-PROJECT000001");
    assert_string_equal(json_get_str(detail, "message", ""), "no project np_1");
    assert_string_equal(json_get_str(detail, "requestId", ""), "r_1");
    assert_string_equal(json_get_str(o, "advice", ""), "List the projects to find its id.");
    json_putp(&o);
    (void)err_set(&err, ERR_PARAM, "Connectivity test failed: x");
    o = envelope_error(&e, &err, NULL);
    assert_string_equal(json_get_str(o, "message", ""), "Connectivity test failed: x");
    json_putp(&o);
}

static void few_errors_have_a_status_of_their_own(void **state)
{
    static const struct {
        enum err_code code;
        int status;
    } cases[] = {
        { ERR_UNAUTHORIZED, 401 }, { ERR_BODY_TOO_LARGE, 413 }, { ERR_STOPPING, 503 },
        { ERR_PARAM, 200 },        { ERR_INTERNAL, 200 },       { ERR_FORBIDDEN, 200 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = { .code = cases[i].code };
        assert_int_equal(envelope_http_status(&err), cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_has_eleven_keys),
        cmocka_unit_test(failure_names_its_code),
        cmocka_unit_test(few_errors_have_a_status_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
