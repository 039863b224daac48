#include "tests/unit/api/test.h"

#include "api/envelope.h"
#include "api/rpc.h"
#include "base/util.h"

/* rpc_envelope() of an envelope that goes. */
static struct json_object *converted(struct json_object *envelope, const struct err *err)
{
    struct json_object *o = rpc_envelope(envelope, err);

    json_putp(&envelope);
    return o;
}

static void names_are_capitalised_at_every_level(void **state)
{
    struct envelope e = {
        .request_id = "r_1",
        .data =
            parsed("{\"id\":\"np_1\",\"transferMapping\":{\"databases\":[{\"mappedName\":\"a\"}]},"
                   "\"throttleIOPS\":1,\"userName\":\"u\",\"username\":\"v\","
                   "\"steps\":[{\"stepInfo\":{\"srcRps\":1},\"extraInfo\":{\"errorParam\":"
                   "{\"aB\":\"x\"},\"errorDetails\":[{\"messageMcmsContext\":{\"message\":"
                   "\"m\"}}]}}],\"words\":[\"a\",null],\"none\":null}")
    };
    struct json_object *o = converted(envelope_ok(&e), NULL), *data = json_get(o, "Data");

    (void)state;
    assert_true(json_get_bool(o, "Success", false));
    assert_string_equal(json_get_str(o, "RequestId", ""), "r_1");
    assert_true(json_object_object_get_ex(o, "ErrorDetail", NULL));
    assert_string_equal(
        json_text(data),
        "{\"Id\":\"np_1\",\"TransferMapping\":{\"Databases\":[{\"MappedName\":\"a\"}]},"
        "\"ThrottleIOPS\":1,\"UserName\":\"u\",\"Username\":\"v\",\"Steps\":[{\"StepInfo\":"
        "{\"srcRps\":1},\"ExtraInfo\":{\"ErrorParam\":{\"aB\":\"x\"},\"ErrorDetails\":"
        "[{\"MessageMcmsContext\":{\"message\":\"m\"}}]}}],\"Words\":[\"a\"],\"None\":null}");
    json_putp(&o);
}

static void failures_have_what_the_sdk_reads(void **state)
{
    struct faults faults = { 0 };
    struct err err = { 0 };
    struct envelope e = { .request_id = "r_2" };
    struct json_object *o, *detail;

    (void)state;
    (void)err_set(&err, ERR_PROJECT_NOT_FOUND, "there is no project np_x");
    o = converted(envelope_error(&e, &err, NULL), &err);
    assert_string_equal(json_get_str(o, "Code", ""), "GHANA-PROJECT000001");
    assert_string_equal(json_get_str(o, "Message", ""), "there is no project np_x");
    assert_string_equal(json_get_str(o, "RequestId", ""), "r_2");
    assert_false(json_get_bool(o, "Success", true));
    json_putp(&o);

    faults_add(&faults, "name", "is required");
    assert_int_equal(faults_raise(&faults, &err), -1);
    o = converted(envelope_error(&e, &err, faults.list), &err);
    assert_string_equal(json_get_str(o, "Message", ""), "name: is required");
    detail = json_get(o, "ErrorDetail");
    assert_string_equal(json_get_str(detail, "Code", ""), "PARAM_ERROR");
    /* a free map: its keys are as in the other dialect */
    assert_string_equal(
        json_get_str(json_at(json_get_array(json_get(detail, "ExtraContext"), "faults"), 0),
                     "field", ""),
        "name");
    json_putp(&o);
    faults_done(&faults);
}

static void statuses_say_who_has_to_act(void **state)
{
    static const struct {
        enum err_code code;
        int status;
    } cases[] = {
        { ERR_PARAM, 400 },       { ERR_NOT_SUPPORTED, 400 },  { ERR_UNAUTHORIZED, 401 },
        { ERR_SIGNATURE, 401 },   { ERR_SIGNATURE_DATE, 401 }, { ERR_SIGNATURE_REPLAY, 401 },
        { ERR_FORBIDDEN, 403 },   { ERR_UNKNOWN_ACTION, 404 }, { ERR_PROJECT_NOT_FOUND, 404 },
        { ERR_STATE, 409 },       { ERR_NAME_TAKEN, 409 },     { ERR_BODY_TOO_LARGE, 413 },
        { ERR_NONCES_FULL, 429 }, { ERR_INTERNAL, 500 },       { ERR_STOPPING, 503 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(rpc_http_status(cases[i].code), cases[i].status);
    for (unsigned i = 1; i < ERR_MAX_; i++) {
        int status = rpc_http_status((enum err_code)i);
        assert_true(status >= 400 && status < 600);
        /* the SDK looks for the word to throw its ThrottlingError */
        if (status == 429) {
            struct err err = { .code = (enum err_code)i };
            struct envelope e = { .request_id = "r" };
            struct json_object *o = converted(envelope_error(&e, &err, NULL), &err);
            assert_non_null(strstr(json_get_str(o, "Code", ""), "Throttling"));
            json_putp(&o);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_capitalised_at_every_level),
        cmocka_unit_test(failures_have_what_the_sdk_reads),
        cmocka_unit_test(statuses_say_who_has_to_act),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
