#include "tests/unit/api/test.h"

#include <stdio.h>

#include "api/invert.h"
#include "api/mapping.h"

/* The mapping checked as CreateProject does it, then inverted; NULL: it was refused. */
static struct json_object *inverted(const char *text, struct faults *f)
{
    struct json_object *in = parsed(text), *clean = NULL, *back = NULL;
    struct err err = { 0 };

    assert_int_equal(fields_read(mapping_fields, in, "transferMapping", f, &clean, &err), 0);
    assert_int_equal(mapping_check(clean, "oms", f, &err), 0);
    if (f->count > 0)
        fail_msg("%s is no mapping: %s", text, json_text(f->list));
    assert_int_equal(mapping_invert(clean, f, &back, &err), 0);
    if (back != NULL) /* it is one that CreateProject would take */
        assert_int_equal(mapping_check(back, "oms", f, &err), 0);
    json_putp(&in);
    json_putp(&clean);
    return back;
}

static void names_are_exchanged(void **state)
{
    struct faults f = { 0 };
    struct json_object *o = inverted(
        "{\"databases\":[{\"name\":\"a\",\"mappedName\":\"b\",\"id\":\"7\",\"tables\":[{\"name\":"
        "\"t\",\"mappedName\":\"u\"},{\"name\":\"v\"}],\"views\":[{\"name\":\"w\"}]},"
        "{\"name\":\"c\"}]}",
        &f);

    (void)state;
    assert_int_equal(f.count, 0);
    assert_string_equal(
        json_text(o),
        "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"b\",\"mappedName\":\"a\",\"tables\":[{"
        "\"name\":\"u\",\"mappedName\":\"t\"},{\"name\":\"v\",\"mappedName\":\"v\"}],\"views\":[{"
        "\"name\":\"w\",\"mappedName\":\"w\"}]},{\"name\":\"c\",\"mappedName\":\"c\"}]}");
    json_putp(&o);
}

/* Rows go back by the kinds they come by, DDL never does. */
static void kinds_are_those_of_rows(void **state)
{
    static const struct {
        const char *mapping, *back;
    } rows[] = {
        { "{\"databases\":[{\"name\":\"a\",\"recordTypeWhiteList\":[\"INSERT\"],"
          "\"supportDDLTypes\":[\"DROP_"
          "TABLE\"],\"tables\":[{\"name\":\"t\",\"recordTypeWhiteList\":[],\"supportDDLTypes\":[]},"
          "{\"name\":"
          "\"u\"}]}]}",
          "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"a\",\"mappedName\":\"a\","
          "\"recordTypeWhiteList\":[\"INSERT\"],\"tables\":[{\"name\":\"t\",\"mappedName\":\"t\","
          "\"recordTypeWhiteList\":[]},{\"name\":\"u\",\"mappedName\":\"u\"}]}]}" },
        { "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.*\"],\"databases\":[{\"name\":"
          "\"a\","
          "\"supportDDLTypes\":[],\"specificTables\":[{\"name\":\"t\",\"recordTypeWhiteList\":["
          "\"DELETE\"],"
          "\"supportDDLTypes\":[\"DROP_TABLE\"]}]}]}",
          "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.*\"],\"tableAndViewBlackList\":[],"
          "\"databases\":[{\"name\":\"a\",\"specificTables\":[{\"name\":\"t\","
          "\"recordTypeWhiteList\":"
          "[\"DELETE\"],\"mappedName\":\"t\"}],\"mappedName\":\"a\"}]}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct faults f = { 0 };
        struct json_object *o = inverted(rows[i].mapping, &f), *want = parsed(rows[i].back);
        if (f.count > 0 || !json_object_equal(o, want))
            fail_msg("%s became %s, %s", rows[i].mapping, json_text(o), json_text(f.list));
        json_putp(&o);
        json_putp(&want);
        faults_done(&f);
    }
}

/* Under a nameCase the way back needs each original, and has no policy of its own. */
static void a_case_needs_the_originals(void **state)
{
    static const char *const refused[] = {
        "{\"databases\":[{\"name\":\"Shop\"}]}",
        "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"Shop.*\"]}",
    };
    struct json_object *o =
        parsed("{\"databases\":[{\"name\":\"Shop\",\"tables\":[{\"name\":\"Ab\"},"
               "{\"name\":\"Cd\",\"mappedName\":\"Cd\"}]}]}");
    struct json_object *clean = NULL, *back = NULL;
    struct faults f = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(fields_read(mapping_fields, o, "transferMapping", &f, &clean, &err), 0);
    mapping_settle_case(clean, "UPPER");
    assert_string_equal(json_get_str(clean, "nameCase", ""), "UPPER");
    assert_int_equal(mapping_check(clean, "oms", &f, &err), 0);
    assert_int_equal(mapping_invert(clean, &f, &back, &err), 0);
    assert_int_equal(f.count, 0);
    assert_string_equal(
        json_text(back),
        "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"SHOP\",\"mappedName\":"
        "\"Shop\",\"tables\":[{\"name\":\"AB\",\"mappedName\":\"Ab\"},{\"name\":\"Cd\","
        "\"mappedName\":\"Cd\"}]}]}");
    json_putp(&o);
    json_putp(&back);
    mapping_settle_case(clean, "AS_SOURCE");
    assert_null(json_get(clean, "nameCase"));
    json_putp(&clean);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        o = parsed(refused[i]);
        assert_int_equal(fields_read(mapping_fields, o, "transferMapping", &f, &clean, &err), 0);
        mapping_settle_case(clean, "LOWER");
        assert_int_equal(mapping_check(clean, "oms", &f, &err), 0);
        assert_int_equal(mapping_invert(clean, &f, &back, &err), 0);
        assert_null(back);
        assert_non_null(problem_of(&f, "commonTransferConfig.nameCase"));
        faults_done(&f);
        f = (struct faults){ 0 };
        json_putp(&o);
        json_putp(&clean);
    }
}

/* Lists as texts: WHITE|BLACK, rules with commas between them. */
static struct json_object *inverted_rules(const char *white, const char *black, struct faults *f)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    const char *lists[] = { white, black };
    static const char *const keys[] = { "tableAndViewWhiteList", "tableAndViewBlackList" };

    json_add_str(o, "mode", "WILDCARD");
    for (size_t i = 0; i < 2; i++) {
        struct json_object *list = json_object_new_array();
        char text[256], *rest = text, *rule;
        (void)snprintf(text, sizeof(text), "%s", lists[i]);
        while ((rule = strsep(&rest, ",")) != NULL)
            if (*rule != '\0')
                json_object_array_add(list, json_object_new_string(rule));
        json_add(o, keys[i], list);
    }
    return inverted(json_text(o), f);
}

static void joined(struct json_object *mapping, const char *key, char *buf, size_t max)
{
    struct json_object *list = json_get_array(mapping, key);

    buf[0] = '\0';
    for (size_t i = 0; i < json_len(list); i++) {
        size_t at = strlen(buf);
        (void)snprintf(buf + at, max - at, "%s%s", i == 0 ? "" : ",", json_at_str(list, i));
    }
}

static void rules_have_an_inverse(void **state)
{
    static const struct {
        const char *white, *black, *back_white, *back_black;
    } cases[] = {
        { "a.*,b.x?", "a.tmp*", "a.*,b.x?", "a.tmp*" },
        { "*.*", "z*.*", "*.*", "z*.*" },
        { "a.*=c.*", "", "c.*=a.*", "" },
        { "a.t=c.u", "", "c.u=a.t", "" },
        { "a.b*=c.b*", "", "c.b*=a.*", "" },
        { "a.*=c.*", "a.tmp*", "c.*=a.*", "c.tmp*,a.tmp*" },
        { "a.*=c.*", "c.tmp", "c.*=a.*", "" }, /* nothing of c is selected anyway */
        { "a.*=c.*,b.*", "", "c.*=a.*,b.*", "" },
        /* at the target the old name is nobody's: it is not to be sent to the source */
        { "*.x,a.t=c.u", "", "*.x,c.u=a.t", "a.t" },
        { "a.*,a.t=a.u", "", "a.*,a.u=a.t", "a.t" },
        { "a.*,a.t=a.u,a.u=a.t", "", "a.*,a.u=a.t,a.t=a.u", "" },
        { "a.*,a.t=c.u", "a.t", "a.*", "c.u,a.t,a.t" }, /* the exclusion wins, as it does forward */
        { "a.x=c.x,a.y=d.y,b.z=c.z", "", "c.x=a.x,d.y=a.y,c.z=b.z", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct faults f = { 0 };
        struct json_object *o = inverted_rules(cases[i].white, cases[i].black, &f);
        char text[512];
        if (o == NULL || f.count > 0)
            fail_msg("%s was refused: %s", cases[i].white, json_text(f.list));
        joined(o, "tableAndViewWhiteList", text, sizeof(text));
        assert_string_equal(text, cases[i].back_white);
        joined(o, "tableAndViewBlackList", text, sizeof(text));
        assert_string_equal(text, cases[i].back_black);
        json_putp(&o);
    }
}

static void rules_without_an_inverse_are_refused(void **state)
{
    static const struct {
        const char *white, *black, *field, *why;
    } cases[] = {
        { "a.*=c.*,b.*=c.*", "", "WhiteList[1]", "into one of its databases" },
        { "a.x*=c.*,a.*=d.*", "", "WhiteList[1]", "into one of its databases" },
        { "a.*=c.*,a.t=c.u", "", "WhiteList[1]", "into one of its databases" },
        { "a.t=c.u,b.t=c.u", "", "WhiteList[1]", "same target object" },
        { "a.t=c.u,a.t=d.u", "", "WhiteList[1]", "same object" },
        { "a.*=c.*,c.*", "", "WhiteList[0]", "selects its target database" },
        { "*.*,a.*=c.*,b.*=a.*", "", "WhiteList[1]", "selects its target database" },
        { "a.t=c.u", "c*.u", "BlackList[0]", "leads into what it excludes" },
        { "a.*=c.*", "?.t", "BlackList[0]", "leads into what it excludes" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct faults f = { 0 };
        struct json_object *o = inverted_rules(cases[i].white, cases[i].black, &f);
        char field[80];
        const char *problem;
        (void)snprintf(field, sizeof(field), "transferMapping.tableAndView%s", cases[i].field);
        problem = problem_of(&f, field);
        assert_null(o);
        if (problem == NULL || strstr(problem, cases[i].why) == NULL)
            fail_msg("%s gave %s", cases[i].white, f.list != NULL ? json_text(f.list) : "no fault");
        faults_done(&f);
    }
}

static void what_is_no_whole_row_is_refused_all_at_once(void **state)
{
    struct faults f = { 0 };
    struct json_object *o = inverted(
        "{\"databases\":[{\"name\":\"a\",\"mappedName\":\"x\",\"tables\":[{\"name\":\"t\","
        "\"whereClause\":\"id > 1\",\"filterColumns\":[\"id\"]}]},{\"name\":\"b\",\"mappedName\":"
        "\"x\",\"tables\":[{\"name\":\"u\",\"filterColumns\":[\"id\"]}]}]}",
        &f);

    (void)state;
    assert_null(o);
    assert_int_equal(f.count, 4);
    assert_non_null(problem_of(&f, "transferMapping.databases[0].tables[0].whereClause"));
    assert_non_null(problem_of(&f, "transferMapping.databases[0].tables[0].filterColumns"));
    assert_non_null(problem_of(&f, "transferMapping.databases[1].tables[0].filterColumns"));
    assert_non_null(strstr(problem_of(&f, "transferMapping.databases[1]"), "a and b both go to x"));
    faults_done(&f);
}

static void lists_beside_rules_must_not_rename(void **state)
{
    struct faults f = { 0 }, none = { 0 };
    struct json_object *o = inverted(
        "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.*=b.*\"],\"databases\":[{\"name\":"
        "\"a\",\"specificTables\":[{\"name\":\"t\",\"mappedName\":\"u\"}]}],"
        "\"databasesBlack\":[{\"name\":\"c\"}]}",
        &f);

    (void)state;
    assert_null(o);
    assert_int_equal(f.count, 2);
    assert_non_null(problem_of(&f, "transferMapping.databases[0].specificTables[0]"));
    assert_non_null(problem_of(&f, "transferMapping.databasesBlack"));
    faults_done(&f);
    o = inverted("{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.*\"],"
                 "\"databasesBlack\":[{\"name\":\"c\"}]}",
                 &none);
    assert_int_equal(json_len(json_get_array(o, "databasesBlack")), 1);
    json_putp(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_exchanged),
        cmocka_unit_test(kinds_are_those_of_rows),
        cmocka_unit_test(a_case_needs_the_originals),
        cmocka_unit_test(rules_have_an_inverse),
        cmocka_unit_test(rules_without_an_inverse_are_refused),
        cmocka_unit_test(what_is_no_whole_row_is_refused_all_at_once),
        cmocka_unit_test(lists_beside_rules_must_not_rename),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
