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
    assert_null(json_get(full, "readWorkerNum")); /* the grade's */
    assert_int_equal(json_get_i64(incr, "incrSyncConcurrency", 0), 64);
    assert_int_equal(json_get_i64(incr, "storeLogKeptHour", 0), 168);
    assert_false(json_get_bool(full, "nonePkUkTruncateDstTable", true));
    assert_string_equal(json_get_str(json_get(o, "structTransferConfig"), "indexMigration", ""),
                        "AUTO");
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
        { ",\"structTransferConfig\":{\"indexMigration\":\"WITH_TABLE\"}}", "WITH_TABLE", false },
        { ",\"structTransferConfig\":{\"deferIndexCreation\":false}}", "AUTO", false },
        { ",\"enableFullTransfer\":false,\"structTransferConfig\":{}}", "WITH_TABLE", false },
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
        { ALL ",\"incrTransferConfig\":{\"recordTypeWhiteList\":[\"DDL\"]}}",
          "incrTransferConfig.recordTypeWhiteList" },
        { ALL ",\"commonTransferConfig\":{\"controlSchema\":\"A\"}}",
          "transferMapping.databases[0]" },
        { ALL ",\"commonTransferConfig\":{\"controlSchema\":\"mysql\"}}",
          "commonTransferConfig.controlSchema" },
        { ALL ",\"labelIds\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]}", "labelIds" },
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

/* The list as one text, "A,B". */
static const char *ddl_types_of(struct json_object *body)
{
    static char text[512];
    struct json_object *list =
        json_get_array(json_get(body, "incrTransferConfig"), "supportDDLTypes");

    assert_non_null(list);
    text[0] = '\0';
    for (size_t i = 0; i < json_len(list); i++) {
        size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s%s", i == 0 ? "" : ",",
                       json_at_str(list, i));
    }
    return text;
}

static void ddl_kinds_are_settled(void **state)
{
    static const char every[] =
        "CREATE_TABLE,ALTER_TABLE,DROP_TABLE,RENAME_TABLE,TRUNCATE_TABLE,CREATE_INDEX,DROP_INDEX,"
        "CREATE_VIEW,ALTER_VIEW,DROP_VIEW,CREATE_DATABASE,ALTER_DATABASE,DROP_DATABASE,"
        "CREATE_FUNCTION,DROP_FUNCTION,CREATE_PROCEDURE,DROP_PROCEDURE";
    static const struct {
        const char *incr, *types;
        bool adapt;
    } cases[] = {
        { "{}", "", true },
        { "{\"supportDDLTypes\":[\"alter_table\",\"Create_Index\"]}", "ALTER_TABLE,CREATE_INDEX",
          true },
        { "{\"supportDDLTypes\":\"DROP_TABLE\",\"adaptOnlineDdl\":\"false\"}", "DROP_TABLE",
          false },
        { "{\"recordTypeWhiteList\":[\"INSERT\",\"ddl\"]}", every, true },
        { "{\"recordTypeWhiteList\":[\"INSERT\",\"DDL\"],\"supportDDLTypes\":null}", every, true },
        { "{\"recordTypeWhiteList\":[\"INSERT\",\"DDL\"],\"supportDDLTypes\":[]}", "", true },
        { "{\"recordTypeWhiteList\":[\"INSERT\",\"DDL\"],\"supportDDLTypes\":[\"DROP_VIEW\"]}",
          "DROP_VIEW", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[1024];
        struct faults f = { 0 };
        struct json_object *o;
        (void)snprintf(text, sizeof(text), "%s,\"incrTransferConfig\":%s}", ALL, cases[i].incr);
        o = checked(text, &f);
        if (f.count != 0)
            fail_msg("%s gave %s", cases[i].incr, json_text(f.list));
        assert_string_equal(ddl_types_of(o), cases[i].types);
        assert_int_equal(
            json_get_bool(json_get(o, "incrTransferConfig"), "adaptOnlineDdl", !cases[i].adapt),
            cases[i].adapt);
        json_putp(&o);
    }
}

static void each_unknown_ddl_kind_is_named(void **state)
{
    struct faults f = { 0 };
    struct json_object *o = checked(
        ALL ",\"incrTransferConfig\":{\"supportDDLTypes\":[\"ALTER_TABLE\",\"CREATE_TRIGGER\","
            "\"DROP TABLE\",\"alter_table_add_column\"]}}",
        &f);
    struct err err = { 0 };
    const char *problem;

    (void)state;
    assert_int_equal(f.count, 3);
    problem = problem_of(&f, "incrTransferConfig.supportDDLTypes[1]");
    assert_non_null(strstr(problem, "CREATE_TRIGGER"));
    assert_non_null(strstr(problem, "DROP_PROCEDURE")); /* what is known, to its end */
    assert_non_null(strstr(problem_of(&f, "incrTransferConfig.supportDDLTypes[2]"), "DROP TABLE"));
    problem = problem_of(&f, "incrTransferConfig.supportDDLTypes[3]");
    assert_non_null(strstr(problem, "ALTER_TABLE_ADD_COLUMN is not supported"));
    assert_non_null(strstr(problem, "say ALTER_TABLE,"));
    assert_int_equal(faults_raise(&f, &err), -1);
    assert_int_equal(err.code, ERR_PARAM);
    json_putp(&o);
    faults_done(&f);
}

static void collations_are_mapped_once(void **state)
{
    static const struct {
        const char *list, *field;
    } cases[] = {
        { "[{\"source\":\"utf8mb4_0900_ai_ci\",\"target\":\"utf8mb4_uca1400_ai_ci\"}]", NULL },
        { "{\"source\":\"a\",\"target\":\"b\"}", NULL }, /* one stands for a list of one */
        { "[{\"source\":\"a\",\"target\":\"b\"},{\"source\":\"a\",\"target\":\"c\"}]",
          "structTransferConfig.collationMapping[1]" },
        { "[{\"source\":\"a\"}]", "structTransferConfig.collationMapping[0].target" },
        { "[{\"source\":\"a;\",\"target\":\"b\"}]",
          "structTransferConfig.collationMapping[0].source" },
        { "[{\"source\":\"a\",\"target\":\"B\"}]",
          "structTransferConfig.collationMapping[0].target" },
        { "[{\"source\":\"\",\"target\":\"b\"}]",
          "structTransferConfig.collationMapping[0].source" },
        { "[\"a\"]", "structTransferConfig.collationMapping[0]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[1024];
        struct faults f = { 0 };
        struct json_object *o;
        (void)snprintf(text, sizeof(text), "%s,\"structTransferConfig\":{\"collationMapping\":%s}}",
                       ALL, cases[i].list);
        o = checked(text, &f);
        if (cases[i].field == NULL ? f.count != 0
                                   : f.count != 1 || problem_of(&f, cases[i].field) == NULL)
            fail_msg("%s gave %s", cases[i].list, f.list == NULL ? "no fault" : json_text(f.list));
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
        cmocka_unit_test(ddl_kinds_are_settled),
        cmocka_unit_test(each_unknown_ddl_kind_is_named),
        cmocka_unit_test(collations_are_mapped_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
