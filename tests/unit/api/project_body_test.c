#include "tests/unit/api/test.h"

#include <stdio.h>

#include "api/project_body.h"

#define HEAD                                                                                       \
    "{\"name\":\"p\",\"sourceEndpointId\":\"e_1\",\"sinkEndpointId\":\"e_2\","                     \
    "\"transferMapping\":{\"databases\":[{\"name\":\"a\"}]},"
#define ALL                                                                                        \
    HEAD "\"enableStructTransfer\":true,\"enableFullTransfer\":true,\"enableIncrTransfer\":true"

static struct json_object *checked(const char *text, struct faults *f)
{
    struct json_object *in = parsed(text), *out = NULL;
    struct err err = { 0 };

    assert_int_equal(fields_read(create_project_fields, in, "", f, &out, &err), 0);
    assert_int_equal(project_body_check(out, f, &err), 0);
    json_putp(&in);
    return out;
}

static void fills_in_defaults(void **state)
{
    struct faults f = { 0 };
    struct json_object *o = checked(ALL "}", &f);
    struct json_object *common = json_get(o, "commonTransferConfig");
    struct json_object *full = json_get(o, "fullTransferConfig");
    struct json_object *incr = json_get(o, "incrTransferConfig");

    (void)state;
    assert_int_equal(f.count, 0);
    assert_string_equal(json_get_str(common, "controlSchema", ""), "oms");
    assert_int_equal(json_get_i64(common, "connectRetryMinutes", 0), 720);
    assert_int_equal(json_get_i64(full, "readWorkerNum", 0), 8);
    assert_int_equal(json_get_i64(incr, "incrSyncConcurrency", 0), 64);
    assert_int_equal(json_get_i64(incr, "storeLogKeptHour", 0), 168);
    assert_false(json_get_bool(full, "nonePkUkTruncateDstTable", true));
    assert_string_equal(json_get_str(json_get(o, "structTransferConfig"), "indexMigration", ""),
                        "WITH_TABLE");
    json_putp(&o);
}

static void index_words_agree(void **state)
{
    static const struct {
        const char *more, *mode;
        bool defer;
    } cases[] = {
        { ",\"structTransferConfig\":{\"deferIndexCreation\":true}}", "AFTER_COPY", true },
        { ",\"structTransferConfig\":{\"indexMigration\":\"after_copy\"}}", "AFTER_COPY", true },
        { ",\"structTransferConfig\":{\"indexMigration\":\"NONE\"}}", "NONE", false },
        { ",\"enableFullTransfer\":false,\"structTransferConfig\":{\"deferIndexCreation\":true}}",
          "WITH_TABLE", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[1024];
        struct faults f = { 0 };
        struct json_object *o, *config;
        (void)snprintf(text, sizeof(text), "%s%s", ALL, cases[i].more);
        o = checked(text, &f);
        config = json_get(o, "structTransferConfig");
        assert_int_equal(f.count, 0);
        assert_string_equal(json_get_str(config, "indexMigration", ""), cases[i].mode);
        assert_int_equal(json_get_bool(config, "deferIndexCreation", false), cases[i].defer);
        json_putp(&o);
    }
}

static void names_what_does_not_fit(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        { HEAD "\"enableFullTransfer\":false}", "enableStructTransfer" },
        { ALL ",\"incrTransferConfig\":{\"startTimestamp\":1700000000}}",
          "incrTransferConfig.startTimestamp" },
        { HEAD
          "\"enableIncrTransfer\":true,\"incrTransferConfig\":{\"startTimestamp\":9999999999}}",
          "incrTransferConfig.startTimestamp" },
        { ALL
          ",\"structTransferConfig\":{\"deferIndexCreation\":true,\"indexMigration\":\"NONE\"}}",
          "structTransferConfig.indexMigration" },
        { ALL ",\"incrTransferConfig\":{\"heartbeatSeconds\":5}}",
          "incrTransferConfig.heartbeatSeconds" },
        { ALL ",\"incrTransferConfig\":{\"recordTypeWhiteList\":[]}}",
          "incrTransferConfig.recordTypeWhiteList" },
        { ALL ",\"commonTransferConfig\":{\"controlSchema\":\"A\"}}",
          "transferMapping.databases[0]" },
        { ALL ",\"commonTransferConfig\":{\"controlSchema\":\"mysql\"}}",
          "commonTransferConfig.controlSchema" },
        { ALL ",\"labelIds\":[\"l_1\"]}", "labelIds" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct faults f = { 0 };
        struct json_object *o = checked(cases[i].text, &f);
        if (f.count != 1 || problem_of(&f, cases[i].field) == NULL)
            fail_msg("%s gave %s", cases[i].text, f.list == NULL ? "no fault" : json_text(f.list));
        json_putp(&o);
        faults_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(index_words_agree),
        cmocka_unit_test(names_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
