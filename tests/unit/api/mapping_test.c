#include "tests/unit/api/test.h"

#include "api/mapping.h"
#include "api/names.h"

/* clang-format off */
static const struct { const char *rule; bool exclusion, good; } rules[] = {
    { "db.*", false, true }, { "db.t", false, true }, { "*.*", false, true }, { "d?.t[a-f]*", false, true },
    { "d.[!a]x", false, true }, { "d.[]a]", false, false }, { "d.[!]", false, false }, { "kd_test*.person*", false, true },
    { "a.b=c.d", false, true }, { "a.*=c.*", false, true }, { "a.b*=c.d", false, true }, { "a.b", true, true },
    { "a.b=c.d", true, false }, { "a", false, false }, { "", false, false }, { ".", false, false },
    { "a.", false, false }, { ".b", false, false }, { "a.b.c", false, false }, { "a .b", false, false },
    { "a.[b", false, false }, { "a.b]", false, false }, { "a.`b`", false, false }, { "a.b=c", false, false },
    { "a*.b=c.d", false, false }, { "a.b=c*.d", false, false }, { "a.b=c.d*", false, false },
    { "a.b=c.*", false, true }, { "a.b*=c.b*", false, true }, { "a.b=MySQL.c", false, false }, { "a.b$$c", false, false }, { "a.b\n", false, false }, { "a.b=c.d=e.f", false, false },
    { "a.\xc3\xa4", false, false },
};
static const struct { const char *name; bool good; } names[] = {
    { "t1", true }, { "a b", true }, { "T-1_x$y", true }, { "a`b", false }, { "a.b", false }, { "a$$b", false },
    { "a'b", false }, { "a\"b", false }, { "a;b", false }, { "a/b", false }, { "a\\b", false }, { "a=b", false },
    { "a(b", false }, { "a|b", false }, { "a&b", false }, { "a\nb", false }, { "\xc3\xa4", false }, { " a", false },
    { "a ", false },
};
/* clang-format on */

static void checks_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if ((mapping_rule_problem(rules[i].rule, rules[i].exclusion) == NULL) != rules[i].good)
            fail_msg("%s is judged wrongly", rules[i].rule);
}

static void checks_object_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if ((name_check_object(names[i].name) == NULL) != names[i].good)
            fail_msg("%s is judged wrongly", names[i].name);
}

static void fills_in_mapped_names(void **state)
{
    struct json_object *o =
        parsed("{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"a\",\"tables\":[{\"name\":\"t\","
               "\"filterColumns\":[]}]}]}");
    struct json_object *db = json_at(json_get_array(o, "databases"), 0);
    struct json_object *table = json_at(json_get_array(db, "tables"), 0);
    struct faults f = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(mapping_check(o, "oms", &f, &err), 0);
    assert_int_equal(f.count, 0);
    assert_string_equal(json_get_str(db, "mappedName", ""), "a");
    assert_string_equal(json_get_str(table, "mappedName", ""), "t");
    assert_null(json_get(table, "filterColumns"));
    json_putp(&o);
}

static void a_fold_is_not_built_yet(void **state)
{
    struct json_object *o = parsed("{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.b*=c.d\","
                                   "\"x.*\",\"y.*=z.*\",\"q.v*=z.v*\",\"r.*=OMS.*\"]}");
    struct faults f = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(mapping_check(o, "oms", &f, &err), 0);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.later, 1);
    assert_non_null(problem_of(&f, "transferMapping.tableAndViewWhiteList[4]"));
    assert_non_null(problem_of(&f, "transferMapping.tableAndViewWhiteList[0]"));
    faults_done(&f);
    json_putp(&o);
}

/* Read by the table and checked, as CreateProject does it. */
static void check_text(const char *text, const char *name_case, struct faults *f)
{
    struct json_object *in = parsed(text), *clean = NULL;
    struct err err = { 0 };

    assert_int_equal(fields_read(mapping_fields, in, "transferMapping", f, &clean, &err), 0);
    mapping_settle_case(clean, name_case);
    assert_int_equal(mapping_check(clean, "oms", f, &err), 0);
    json_putp(&in);
    json_putp(&clean);
}

static void checks_kinds_of_objects(void **state)
{
    static const struct {
        const char *mapping, *field;
    } rows[] = {
        { "{\"databases\":[{\"name\":\"a\",\"tables\":[{\"name\":\"t\",\"recordTypeWhiteList\":["
          "\"DDL\"]}"
          "]}]}",
          "transferMapping.databases[0].tables[0].recordTypeWhiteList[0]" },
        { "{\"databases\":[{\"name\":\"a\",\"tables\":[{\"name\":\"t\",\"recordTypeWhiteList\":["
          "\"UPSERT\""
          "]}]}]}",
          "transferMapping.databases[0].tables[0].recordTypeWhiteList[0]" },
        { "{\"databases\":[{\"name\":\"a\",\"views\":[{\"name\":\"t\",\"recordTypeWhiteList\":["
          "\"INSERT\""
          "]}]}]}",
          "transferMapping.databases[0].views[0].recordTypeWhiteList" },
        { "{\"databases\":[{\"name\":\"a\",\"supportDDLTypes\":[\"DROP_EVERYTHING\"]}]}",
          "transferMapping.databases[0].supportDDLTypes[0]" },
    };
    struct faults f = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_text(rows[i].mapping, "AS_SOURCE", &f);
        if (problem_of(&f, rows[i].field) == NULL)
            fail_msg("%s: %s", rows[i].mapping, json_text(f.list));
        faults_done(&f);
        f = (struct faults){ 0 };
    }
    check_text(
        "{\"databases\":[{\"name\":\"a\",\"recordTypeWhiteList\":[],\"tables\":[{\"name\":\"t\","
        "\"recordTypeWhiteList\":[\"delete\"],\"supportDDLTypes\":[]}],\"views\":[{\"name\":\"v\","
        "\"supportDDLTypes\":[\"drop_view\"]}]}]}",
        "AS_SOURCE", &f);
    assert_int_equal(f.count, 0);
}

static void listed_names_that_fold_into_one(void **state)
{
    struct faults f = { 0 };

    (void)state;
    check_text("{\"databases\":[{\"name\":\"a\",\"tables\":[{\"name\":\"T\"},{\"name\":\"t\"}]}]}",
               "AS_SOURCE", &f);
    assert_int_equal(f.count, 0);
    check_text("{\"databases\":[{\"name\":\"a\",\"tables\":[{\"name\":\"T\"},{\"name\":\"t\"}]}]}",
               "LOWER", &f);
    assert_non_null(problem_of(&f, "transferMapping.databases[0].tables[1]"));
    faults_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_rules),
        cmocka_unit_test(checks_object_names),
        cmocka_unit_test(fills_in_mapped_names),
        cmocka_unit_test(a_fold_is_not_built_yet),
        cmocka_unit_test(checks_kinds_of_objects),
        cmocka_unit_test(listed_names_that_fold_into_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
