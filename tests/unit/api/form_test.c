#include "tests/unit/api/test.h"

#include <stdio.h>

#include "api/form.h"
#include "api/project_body.h"

/* clang-format off */
static const struct field part_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED },
    { .name = "filterColumns", .type = FT_STRINGS },
    { 0 },
};
static const struct field fields[] = {
    { .name = "id", .type = FT_STRING },
    { .name = "userName", .alias = "user", .type = FT_STRING },
    { .name = "port", .type = FT_INT },
    { .name = "useSsl", .type = FT_BOOL },
    { .name = "labelIds", .type = FT_STRINGS },
    { .name = "parts", .type = FT_OBJECTS, .fields = part_fields },
    { .name = "one", .type = FT_OBJECT, .fields = part_fields },
    { .name = "free", .type = FT_OBJECT },
    { 0 },
};
/* clang-format on */

/* The JSON text that a form stands for, or its first fault as "FIELD PROBLEM". */
static const char *json_of(const char *text, size_t len)
{
    static char buf[4096];
    struct form form = { 0 };
    struct faults faults = { 0 };
    struct json_object *o = NULL;
    struct err err = { 0 };

    if (form_parse(text, len, &form, &err) < 0) {
        assert_int_equal(err.code, ERR_PARAM);
        (void)snprintf(buf, sizeof(buf), "%s", err.message);
        return buf;
    }
    assert_int_equal(form_to_json(&form, NULL, 0, fields, &faults, &o, &err), 0);
    if (faults.count > 0)
        (void)snprintf(buf, sizeof(buf), "%s %s",
                       json_get_str(json_at(faults.list, 0), "field", ""),
                       json_get_str(json_at(faults.list, 0), "problem", ""));
    else
        (void)snprintf(buf, sizeof(buf), "%s", json_text(o));
    json_putp(&o);
    faults_done(&faults);
    form_done(&form);
    return buf;
}

static void gives(const char *text, const char *json)
{
    assert_string_equal(json_of(text, strlen(text)), json);
}

static void decodes(void **state)
{
    static const char nul[] = "Id=a\0b";

    (void)state;
    gives("", "{}");
    gives("&&", "{}");
    gives("Id=np_1", "{\"id\":\"np_1\"}");
    gives("id=", "{\"id\":\"\"}");
    gives("ID", "{\"id\":\"\"}");
    gives("Id=a=b", "{\"id\":\"a=b\"}");
    gives("Id=demo%20p~!*'()+%E4%B8%AD%e6%96%87%2B", "{\"id\":\"demo p~!*'() 中文+\"}");
    gives("User=a", "{\"userName\":\"a\"}");
    gives("Username=a", "{\"userName\":\"a\"}");
    gives("Port=3306&UseSsl=false", "{\"port\":\"3306\",\"useSsl\":\"false\"}");
    gives("Nobody=x", "{\"Nobody\":\"x\"}"); /* fields_read() drops it */
    gives("Id=%4", "request body: a parameter's value has a broken percent escape");
    gives("Id=%", "request body: a parameter's value has a broken percent escape");
    gives("%zz=1", "request body: a parameter's name has a broken percent escape");
    gives("Id=%00", "request body: a parameter's value must not hold a NUL character");
    gives("Id=%C3", "request body: a parameter's value is not UTF-8");
    assert_string_equal(json_of(nul, sizeof(nul) - 1),
                        "request body: a parameter's value must not hold a NUL character");
}

static void reads_json_in_parameters(void **state)
{
    (void)state;
    gives("LabelIds=%5B%22l_1%22%5D", "{\"labelIds\":[\"l_1\"]}");
    gives("LabelIds=l_1", "{\"labelIds\":\"l_1\"}"); /* one stands for a list of one */
    gives("LabelIds=", "{}");
    gives("LabelIds=null&One=null", "{}");
    gives("Parts=[]&Id=x", "{\"parts\":[],\"id\":\"x\"}");
    gives("One={\"Name\":\"a\",\"FilterColumns\":[\"x\"]}",
          "{\"one\":{\"Name\":\"a\",\"FilterColumns\":[\"x\"]}}");
    gives("Id={\"a\":1}", "{\"id\":\"{\\\"a\\\":1}\"}"); /* text stays text */
    gives("Free={\"aB\":1}", "{\"free\":{\"aB\":1}}");
    gives("Other=[1,2]", "{\"Other\":[1,2]}");
    gives("Other=[not", "{\"Other\":\"[not\"}");
    gives("One={\"Name\"", "one is not valid JSON at offset 0: unexpected end of data");
    gives("Parts=[}", "parts is not valid JSON at offset 1: unexpected character");
}

static void reads_parameters_in_parts(void **state)
{
    (void)state;
    gives("One.Name=a&One.FilterColumns.1=x&One.FilterColumns.2=y",
          "{\"one\":{\"name\":\"a\",\"filterColumns\":[\"x\",\"y\"]}}");
    gives("LabelIds.10=c&LabelIds.2=b&labelids.1=a", "{\"labelIds\":[\"a\",\"b\",\"c\"]}");
    gives("Parts.1.Name=a&Parts.2.Name=b&Parts.1.FilterColumns=[\"x\"]",
          "{\"parts\":[{\"name\":\"a\",\"filterColumns\":[\"x\"]},{\"name\":\"b\"}]}");
    gives("Parts.999999999.Name=a", "{\"parts\":[{\"name\":\"a\"}]}");
    gives("Free.aB=1&Free.c.1=x", "{\"free\":{\"aB\":\"1\",\"c\":[\"x\"]}}");
    gives("Id.1=a", "{\"id\":{\"1\":\"a\"}}"); /* "must be a text" */
    gives("One.Name={\"a\":1}", "{\"one\":{\"name\":\"{\\\"a\\\":1}\"}}");
    gives("One={}&One.Name=a", "One.Name is given twice");
    gives("One.Name=a&One={}", "One is given twice");
    gives("Id=1&ID=2", "ID is given twice");
    gives("User=1&UserName=2", "UserName is given twice");
    gives("One..Name=a", "One..Name is not a parameter's name");
    gives(".=a", ". is not a parameter's name");
    gives("=a", " is not a parameter's name");
    gives("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
          "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a is not a parameter's name");
}

static void takes_the_query_too(void **state)
{
    static const struct form_pair query[] = { { "Id", "np_1" }, { "LabelIds.1", "l" } };
    struct form form = { 0 };
    struct faults faults = { 0 };
    struct json_object *o = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(form_to_json(&form, query, 2, fields, &faults, &o, &err), 0);
    assert_string_equal(json_text(o), "{\"id\":\"np_1\",\"labelIds\":[\"l\"]}");
    json_putp(&o);
}

static void many_parameters_end(void **state)
{
    size_t len = 0, cap = 1600 * 1024;
    char *text = malloc(cap);
    struct form form = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_non_null(text);
    while (len + 8 < cap)
        len += (size_t)snprintf(text + len, 8, "a=%03zu&", len % 1000);
    assert_int_equal(form_parse(text, len, &form, &err), -1);
    assert_int_equal(err.code, ERR_PARAM);
    free(text);
}

/* The CreateProject that was observed on the wire (oms-api.md 1.5), both ways. */
static const char observed[] =
    "CommonTransferConfig=%7B%22ActiveActive%22%3Afalse%2C%22TableCategory%22%3A%22WITH_UNIQUE_ROW_"
    "ID%22%7D"
    "&EnableFullTransfer=true&EnableFullVerify=false&EnableIncrTransfer=true"
    "&EnableReverseIncrTransfer=false&EnableStructTransfer=true"
    "&FullTransferConfig=%7B%22AllowDestTableNotEmpty%22%3Afalse%2C%22FullTransferSpeedMode%22%3A%"
    "22NORMAL%22%7D"
    "&IncrTransferConfig=%7B%22RecordTypeWhiteList%22%3A%5B%22INSERT%22%2C%22DDL%22%5D%2C"
    "%22SupportDDLTypes%22%3A%5B%22CREATE_TABLE%22%5D%7D"
    "&LabelIds=%5B%22l_1%22%2C%22l_2%22%5D&Name=demo~!*'()%E4%B8%AD%E6%96%87"
    "&SinkEndpointId=e_dst1&SourceEndpointId=e_src1"
    "&TransferMapping=%7B%22Databases%22%3A%5B%7B%22MappedName%22%3A%22db1x%22%2C%22Name%22%3A%"
    "22db1%22%2C"
    "%22Tables%22%3A%5B%7B%22FilterColumns%22%3A%5B%22a%22%2C%22b%22%5D%2C%22MappedName%22%3A%"
    "22t1x%22%2C"
    "%22Name%22%3A%22t1%22%2C%22WhereClause%22%3A%22id%20%3E%201%22%7D%5D%7D%5D%2C%22Mode%22%3A%"
    "22SPECIFIC%22%7D"
    "&Type=MIGRATION";
static const char in_parts[] =
    "CommonTransferConfig.ActiveActive=false&CommonTransferConfig.TableCategory=WITH_UNIQUE_ROW_ID"
    "&EnableFullTransfer=true&EnableFullVerify=false&EnableIncrTransfer=true"
    "&EnableReverseIncrTransfer=false&EnableStructTransfer=true"
    "&FullTransferConfig.AllowDestTableNotEmpty=false&FullTransferConfig.FullTransferSpeedMode="
    "NORMAL"
    "&IncrTransferConfig.RecordTypeWhiteList.1=INSERT&IncrTransferConfig.RecordTypeWhiteList.2=DDL"
    "&IncrTransferConfig.SupportDDLTypes.1=CREATE_TABLE&LabelIds.1=l_1&LabelIds.2=l_2"
    "&Name=demo~!*'()%E4%B8%AD%E6%96%87&SinkEndpointId=e_dst1&SourceEndpointId=e_src1"
    "&TransferMapping.Databases.1.MappedName=db1x&TransferMapping.Databases.1.Name=db1"
    "&TransferMapping.Databases.1.Tables.1.FilterColumns.1=a"
    "&TransferMapping.Databases.1.Tables.1.FilterColumns.2=b"
    "&TransferMapping.Databases.1.Tables.1.MappedName=t1x"
    "&TransferMapping.Databases.1.Tables.1.Name=t1"
    "&TransferMapping.Databases.1.Tables.1.WhereClause=id%20%3E%201&TransferMapping.Mode=SPECIFIC"
    "&Type=MIGRATION";

/* What the action's own reader makes of a form. */
static struct json_object *read_project(const char *text)
{
    struct form form = { 0 };
    struct faults faults = { 0 };
    struct json_object *sent = NULL, *body = NULL;
    struct err err = { 0 };

    assert_int_equal(form_parse(text, strlen(text), &form, &err), 0);
    assert_int_equal(form_to_json(&form, NULL, 0, create_project_fields, &faults, &sent, &err), 0);
    assert_int_equal(fields_read(create_project_fields, sent, "", &faults, &body, &err), 0);
    if (faults.count > 0)
        fail_msg("%s", json_text(faults.list));
    json_putp(&sent);
    form_done(&form);
    return body;
}

static void both_forms_of_a_project_are_one(void **state)
{
    struct json_object *a = read_project(observed), *b = read_project(in_parts);
    struct json_object *table = json_at(
        json_get_array(json_at(json_get_array(json_get(a, "transferMapping"), "databases"), 0),
                       "tables"),
        0);

    (void)state;
    assert_string_equal(json_text(a), json_text(b));
    assert_string_equal(json_get_str(a, "name", ""), "demo~!*'()中文");
    assert_string_equal(json_get_str(table, "whereClause", ""), "id > 1");
    assert_int_equal(json_len(json_get_array(table, "filterColumns")), 2);
    assert_true(json_get_bool(a, "enableFullTransfer", false));
    json_putp(&a);
    json_putp(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(reads_json_in_parameters),
        cmocka_unit_test(reads_parameters_in_parts),
        cmocka_unit_test(takes_the_query_too),
        cmocka_unit_test(many_parameters_end),
        cmocka_unit_test(both_forms_of_a_project_are_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
