#include "tests/unit/api/test.h"

#include <stdio.h>

#include "api/mapping.h"
#include "api/modify_diff.h"

/* Checked as a request is. */
static struct json_object *clean(const char *text)
{
    struct json_object *in = parsed(text), *out = NULL;
    struct faults f = { 0 };
    struct err err = { 0 };

    assert_int_equal(fields_read(mapping_fields, in, "transferMapping", &f, &out, &err), 0);
    assert_int_equal(mapping_check(out, "oms", &f, &err), 0);
    if (f.count > 0)
        fail_msg("%s is no mapping: %s", text, json_text(f.list));
    json_putp(&in);
    faults_done(&f);
    return out;
}

/* "db.t db.v db.*" of a mapping's databases; "-" for none; "minus" is told. */
static const char *names(struct json_object *mapping, char buf[static 256])
{
    static const char *const kinds[] = { "tables", "views" };
    struct json_object *dbs = json_get_array(mapping, "databases");
    size_t n = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < json_len(dbs); i++) {
        struct json_object *db = json_at(dbs, i);
        size_t before = n;
        for (size_t k = 0; k < 2; k++) {
            struct json_object *list = json_get_array(db, kinds[k]);
            for (size_t j = 0; j < json_len(list); j++)
                n += (size_t)snprintf(buf + n, 256 - n, "%s%s.%s", n > 0 ? " " : "",
                                      json_get_str(db, "name", ""),
                                      json_get_str(json_at(list, j), "name", ""));
        }
        if (n == before)
            n += (size_t)snprintf(buf + n, 256 - n, "%s%s.*", n > 0 ? " " : "",
                                  json_get_str(db, "name", ""));
    }
    if (json_get(mapping, "minus") != NULL)
        (void)snprintf(buf + n, 256 - n, " minus");
    return mapping == NULL ? "-" : buf;
}

#define DB(name, more) "{\"name\":\"" name "\"" more "}"
#define TABLES(list) ",\"tables\":[" list "]"
#define T(name) "{\"name\":\"" name "\"}"
#define M(dbs) "{\"databases\":[" dbs "]}"

static void what_is_new_and_what_is_gone(void **state)
{
    /* clang-format off */
    static const struct {
        const char *now, *next, *added, *removed, *kept;
    } rows[] = {
        { M(DB("a", TABLES(T("t")))), M(DB("a", TABLES(T("t")))), "-", "-", "a.t" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", TABLES(T("t") "," T("u")))), "a.u", "-", "a.t" },
        { M(DB("a", TABLES(T("t") "," T("u")))), M(DB("a", TABLES(T("u")))), "-", "a.t", "a.u" },
        { M(DB("a", TABLES(T("t") "," T("u")))), M(DB("a", TABLES(T("u") "," T("v")))), "a.v", "a.t", "a.u" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", TABLES(T("t"))) "," DB("b", "")), "b.*", "-", "a.t" },
        { M(DB("a", "") "," DB("b", TABLES(T("t")))), M(DB("a", "")), "-", "b.t", "a.*" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", "")), "a.* minus", "-", "a.t" },
        { M(DB("a", "")), M(DB("a", TABLES(T("t")))), "-", "a.*", "a.t" },
        { M(DB("a", TABLES(T("t")) ",\"views\":[" T("v") "]")), M(DB("a", TABLES(T("t")) ",\"views\":[" T("w") "]")), "a.w", "a.v", "a.t" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_object *now = clean(rows[i].now), *next = clean(rows[i].next);
        struct modify_diff d = { 0 };
        struct faults f = { 0 };
        struct err err = { 0 };
        char buf[256];

        assert_int_equal(modify_diff(now, next, &f, &d, &err), 0);
        assert_int_equal(f.count, 0);
        assert_string_equal(names(d.added, buf), rows[i].added);
        assert_string_equal(names(d.removed, buf), rows[i].removed);
        assert_string_equal(names(d.kept, buf), rows[i].kept);
        modify_diff_done(&d);
        json_putp(&now);
        json_putp(&next);
    }
}

static void what_stays_may_not_change(void **state)
{
    /* clang-format off */
    static const struct {
        const char *now, *next, *field;
    } rows[] = {
        { M(DB("a", TABLES(T("t")))), M(DB("b", TABLES(T("t")))), "databases" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", TABLES("{\"name\":\"t\",\"mappedName\":\"u\"}"))), "transferMapping.databases[a].t.mappedName" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", TABLES("{\"name\":\"t\",\"whereClause\":\"id > 1\"}"))), "transferMapping.databases[a].t.whereClause" },
        { M(DB("a", TABLES("{\"name\":\"t\",\"filterColumns\":[\"x\"]}"))), M(DB("a", TABLES(T("t")))), "transferMapping.databases[a].t.filterColumns" },
        { M(DB("a", TABLES(T("t")))), M(DB("a", ",\"mappedName\":\"z\"" TABLES(T("t")))), "transferMapping.databases[a].mappedName" },
        { M(DB("a", TABLES("{\"name\":\"t\",\"mappedName\":\"u\"}"))), M(DB("a", "")), "transferMapping.databases[a].t" },
        { M(DB("a", "")), M(DB("a", TABLES("{\"name\":\"t\",\"mappedName\":\"u\"}"))), "transferMapping.databases[a].t" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_object *now = clean(rows[i].now), *next = clean(rows[i].next);
        struct modify_diff d = { 0 };
        struct faults f = { 0 };
        struct err err = { 0 };

        assert_int_equal(modify_diff(now, next, &f, &d, &err), 0);
        if (problem_of(&f, rows[i].field) == NULL)
            fail_msg("%s -> %s: no fault at %s: %s", rows[i].now, rows[i].next, rows[i].field,
                     json_text(f.list));
        modify_diff_done(&d);
        faults_done(&f);
        json_putp(&now);
        json_putp(&next);
    }
}

#define W(white, black)                                                                            \
    "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[" white                                     \
    "],\"tableAndViewBlackList\":[" black "]}"

static void rules_are_compared_as_sets(void **state)
{
    /* clang-format off */
    static const struct {
        const char *now, *next;
        bool joins, leaves;
    } rows[] = {
        { W("\"a.*\"", ""), W("\"a.*\"", ""), false, false },
        { W("\"a.*\",\"b.*\"", ""), W("\"b.*\",\"a.*\"", ""), false, false },
        { W("\"a.*\"", ""), W("\"a.*\",\"b.*\"", ""), true, false },
        { W("\"a.*\"", "\"a.x\""), W("\"a.*\"", ""), true, false },
        { W("\"a.*\"", ""), W("\"a.*\"", "\"a.x\""), false, true },
        { W("\"a.*\",\"b.*\"", ""), W("\"a.*\"", ""), false, true },
        { W("\"a.*\"", ""), W("\"b.*\"", ""), true, true },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_object *now = clean(rows[i].now), *next = clean(rows[i].next);
        struct modify_diff d = { 0 };
        struct faults f = { 0 };
        struct err err = { 0 };

        assert_int_equal(modify_diff(now, next, &f, &d, &err), 0);
        assert_int_equal(d.added != NULL, rows[i].joins);
        assert_int_equal(d.removed != NULL, rows[i].leaves);
        if (rows[i].joins) { /* new without old; kept: new without that */
            assert_true(json_object_equal(json_get(d.added, "minus"), now));
            assert_true(json_object_equal(json_get(d.kept, "minus"), d.added));
        } else if (rows[i].leaves) {
            assert_true(json_object_equal(d.kept, next));
        }
        modify_diff_done(&d);
        json_putp(&now);
        json_putp(&next);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_and_what_is_gone),
        cmocka_unit_test(what_stays_may_not_change),
        cmocka_unit_test(rules_are_compared_as_sets),
    };

    return cmocka_run_group_tests_name("api/modify_diff", tests, NULL, NULL);
}
