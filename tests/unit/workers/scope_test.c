#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/scope.h"
#include "workers/scope_priv.h"

#include "base/banned.h"

static void patterns_match_whole_names(void **state)
{
    /* clang-format off */
    static const struct {
        const char *pattern, *text;
        bool fold, want;
    } rows[] = {
        { "", "", false, true },
        { "", "a", false, false },
        { "*", "", false, true },
        { "*", "anything", false, true },
        { "**", "x", false, true },
        { "a", "a", false, true },
        { "a", "A", false, false },
        { "a", "A", true, true },
        { "a", "ab", false, false },
        { "ab", "a", false, false },
        { "?", "", false, false },
        { "?", "a", false, true },
        { "?", "\xc3\xa4", false, true },             /* one character, two bytes */
        { "??", "\xc3\xa4", false, false },
        { "\xc3\x84*", "\xc3\xa4x", true, true },      /* Ä ä */
        { "\xc3\x84*", "\xc3\xa4x", false, false },
        { "\xd0\x94", "\xd0\xb4", true, true },        /* Cyrillic */
        { "kd_test*", "kd_test", false, true },
        { "kd_test*", "kd_test_1", false, true },
        { "kd_test*", "kd_tes", false, false },
        { "*_ghc", "orders_ghc", false, true },
        { "*_ghc", "orders_ghc_", false, false },
        { "a*b*c", "axxbyyc", false, true },
        { "a*b*c", "axxbyy", false, false },
        { "*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false },
        { "t[0-9]", "t5", false, true },
        { "t[0-9]", "tx", false, false },
        { "t[0-9]", "t55", false, false },
        { "t[!0-9]", "tx", false, true },
        { "t[!0-9]", "t5", false, false },
        { "t[!0-9]", "t", false, false },
        { "[a-cx]z", "xz", false, true },
        { "[a-cx]z", "dz", false, false },
        { "[a-c]", "B", true, true },
        { "[a-c]", "B", false, false },
        { "[A-C]", "b", true, true },
        { "[\xc3\xa4-\xc3\xb6]", "\xc3\xa5", false, true },
        { "[]]", "]", false, true },
        { "[!]]", "]", false, false },
        { "[-a]", "-", false, true },
        { "[a-]", "-", false, true },
        { "[", "[", false, true },                     /* never closed: itself */
        { "a[b", "a[b", false, true },
        { "a[b", "ab", false, false },
        { "\xff", "\xff", false, true },               /* no UTF-8 */
        { "?", "\xff", false, true },
        { "*\xe4", "x\xe4", false, true },
        { "\xe4?", "\xe4\x80", false, true },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (pattern_match(rows[i].pattern, rows[i].text, rows[i].fold) != rows[i].want)
            fail_msg("%s against %s", rows[i].pattern, rows[i].text);
}

/* Single quotes stand for double ones, so that mappings stay readable. */
static struct scope *scope_of(const char *text, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    struct scope *s = NULL;
    char copy[4096];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *p = copy; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    assert_int_equal(json_parse(copy, strlen(copy), 32, &o, err), 0);
    return scope_new(o, &s, err) == 0 ? s : NULL;
}

static struct scope *must_scope(const char *text)
{
    struct err err = { 0 };
    struct scope *s = scope_of(text, &err);

    if (s == NULL)
        fail_msg("%s: %s", text, err.message);
    return s;
}

/* "db.name -> mapped" for a table ("t:db.name") or view ("v:db.name"); "" means not selected. */
static void expect(const struct scope *s, const char *object, const char *want)
{
    enum scope_kind kind = object[0] == 't' ? SCOPE_TABLE : SCOPE_VIEW;
    char db[300], got[600] = "";
    const char *dot = strchr(object, '|');
    struct scope_object o = { 0 };
    struct err err = { 0 };

    assert_non_null(dot);
    (void)snprintf(db, sizeof(db), "%.*s", (int)(dot - object - 2), object + 2);
    if (scope_match(s, kind, db, dot + 1, &o, &err) == 1) {
        (void)snprintf(got, sizeof(got), "%s|%s", o.mapped_db, o.mapped_name);
        assert_true(scope_may_match_db(s, db));
        scope_object_done(&o);
    }
    if (strcmp(got, want) != 0)
        fail_msg("%s became \"%s\", not \"%s\"", object, got, want);
}

static void specific_selects_what_is_listed(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope(
        "{'mode':'SPECIFIC','databases':["
        "{'name':'whole'},"
        "{'name':'moved','mappedName':'elsewhere','tables':[],'views':[]},"
        "{'name':'part','mappedName':'part2','tables':[{'name':'a'},{'name':'b','mappedName':'B'}],"
        "'views':[{'name':'v','mappedName':'w'}]},"
        "{'name':'onlyview','views':[{'name':'v'}]}]}");
    char buf[SCOPE_NAME_MAX];

    (void)state;
    expect(s, "t:whole|x", "whole|x");
    expect(s, "v:whole|x", "whole|x");
    expect(s, "t:Whole|x", "");
    expect(s, "t:moved|x", "elsewhere|x");
    expect(s, "t:part|a", "part2|a");
    expect(s, "t:part|b", "part2|B");
    expect(s, "t:part|B", "");
    expect(s, "v:part|a", "");
    expect(s, "v:part|v", "part2|w");
    expect(s, "t:onlyview|v", "");
    expect(s, "v:onlyview|v", "onlyview|v");
    expect(s, "t:other|a", "");
    expect(s, "t:mysql|user", "");
    assert_true(scope_whole_db(s, "whole"));
    assert_true(scope_whole_db(s, "moved"));
    assert_false(scope_whole_db(s, "part"));
    assert_false(scope_whole_db(s, "other"));
    assert_string_equal(scope_mapped_db(s, "part", buf), "part2");
    assert_null(scope_mapped_db(s, "other", buf));
    assert_false(scope_may_match_db(s, "other"));
}

static void case_is_folded_on_request(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s =
        must_scope("{'mode':'SPECIFIC','databases':[{'name':'Shop','mappedName':'Laden',"
                   "'tables':[{'name':'Orders','mappedName':'Neu'},{'name':'\xc3\x84'}]}]}");
    _cleanup_(strbuf_done)
    struct strbuf a = STRBUF(1000), b = STRBUF(1000);

    (void)state;
    expect(s, "t:shop|orders", "");
    scope_fold_case(s, true);
    expect(s, "t:shop|orders", "Laden|Neu");
    expect(s, "t:SHOP|\xc3\xa4", "Laden|\xc3\x84");
    scope_name_key(s, "Shop", "\xc3\x84", &a);
    scope_name_key(s, "sHOP", "\xc3\xa4", &b);
    assert_string_equal(strbuf_str(&a), strbuf_str(&b));
}

static void names_that_differ_in_case_are_two(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope(
        "{'mode':'SPECIFIC','databases':[{'name':'d','tables':[{'name':'T','mappedName':'one'},"
        "{'name':'t','mappedName':'two'}]}]}");

    (void)state;
    expect(s, "t:d|T", "d|one");
    expect(s, "t:d|t", "d|two");
}

static void hostile_names_are_only_names(void **state)
{
    static const char *const names[] = {
        "a`b",  "a.b",  "; DROP TABLE x",  "*", "[x]", "a=b", "..", "%s%n", "a\\b", " ",
        "\x7f", "a\tb", "\xf0\x9f\x98\x80"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(json_putp)
        struct json_object *o = json_object_new_object();
        _cleanup_(scope_freep)
        struct scope *s = NULL;
        struct json_object *dbs = json_object_new_array(), *db = json_object_new_object();
        struct scope_object got = { 0 };
        struct err err = { 0 };

        (void)json_add_str(db, "name", names[i]);
        (void)json_object_array_add(dbs, db);
        (void)json_add(o, "databases", dbs);
        assert_int_equal(scope_new(o, &s, &err), 0);
        assert_int_equal(scope_match(s, SCOPE_TABLE, names[i], names[i], &got, &err), 1);
        assert_string_equal(got.mapped_db, names[i]);
        assert_string_equal(got.mapped_name, names[i]);
        scope_object_done(&got);
        assert_int_equal(scope_match(s, SCOPE_TABLE, "other", names[i], &got, &err), 0);
    }
}

static void wildcard_is_white_minus_black(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope(
        "{'mode':'WILDCARD','tableAndViewWhiteList':['shop.*','kd_test*.person?','one.t[0-4]'],"
        "'tableAndViewBlackList':['shop.tmp_*','*.secret','kd_test9.*'],"
        "'databasesBlack':[{'name':'kd_test8'},{'name':'shop','tables':[{'name':'gone'}]}]}");

    (void)state;
    expect(s, "t:shop|orders", "shop|orders");
    expect(s, "v:shop|orders", "shop|orders");
    expect(s, "t:shop|tmp_1", "");
    expect(s, "t:shop|secret", "");
    expect(s, "t:shop|gone", "");
    expect(s, "v:shop|gone", "");
    expect(s, "t:kd_test1|person1", "kd_test1|person1");
    expect(s, "t:kd_test1|person12", "");
    expect(s, "t:kd_test8|person1", "");
    expect(s, "t:kd_test9|person1", "");
    expect(s, "t:one|t3", "one|t3");
    expect(s, "t:one|t5", "");
    assert_true(scope_whole_db(s, "shop"));
    assert_false(scope_whole_db(s, "one"));
    assert_false(scope_may_match_db(s, "kd_test9"));
    assert_false(scope_may_match_db(s, "kd_test8"));
    assert_true(scope_may_match_db(s, "kd_test7"));
}

static void wildcard_renames(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope(
        "{'mode':'WILDCARD','tableAndViewWhiteList':['a.b=c.d','a.*=x.*','same.t*=other.t*','*.k'],"
        "'databases':[{'name':'db','mappedName':'DB','tables':[{'name':'listed'}],"
        "'specificTables':[{'name':'k','mappedName':'K','whereClause':'id < 5',"
        "'filterColumns':['id','v']}]}]}");
    char buf[SCOPE_NAME_MAX];
    struct scope_object o = { 0 };
    struct err err = { 0 };

    (void)state;
    expect(s, "t:a|b", "c|d");
    expect(s, "t:a|z", "x|z");
    expect(s, "t:same|t1", "other|t1");
    expect(s, "t:same|s1", "");
    expect(s, "t:any|k", "any|k");
    expect(s, "t:db|listed", "DB|listed");
    expect(s, "v:db|listed", "DB|listed");
    expect(s, "t:db|other", "");
    expect(s, "t:db|k", "DB|K");
    assert_string_equal(scope_mapped_db(s, "same", buf), "other");
    assert_int_equal(scope_match(s, SCOPE_TABLE, "db", "k", &o, &err), 1);
    assert_string_equal(o.where, "id < 5");
    assert_int_equal(json_len(o.columns), 2);
    scope_object_done(&o);
}

static void everything_leaves_out_what_is_the_servers(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope("{'mode':'WILDCARD','tableAndViewWhiteList':['*.*']}");

    (void)state;
    assert_int_equal(scope_exclude_db(s, "oms"), 0);
    expect(s, "t:shop|x", "shop|x");
    expect(s, "t:oms|cw_lane", "");
    expect(s, "t:mysql|user", "");
    expect(s, "t:INFORMATION_SCHEMA|TABLES", "");
    expect(s, "t:oceanbase|x", "");
    expect(s, "t:__recyclebin_|x", "");
    assert_false(scope_may_match_db(s, "sys"));
    assert_false(scope_may_match_db(s, "oms"));
    assert_false(scope_whole_db(s, "oms"));
    assert_true(scope_whole_db(s, "shop"));
}

static void faults_are_told_all_at_once(void **state)
{
    /* clang-format off */
    static const struct {
        const char *mapping;
        enum err_code code;
        const char *parts[3];    /* what the message must hold */
    } rows[] = {
        { "{}", ERR_PARAM, { "selects nothing" } },
        { "{'mode':'WILDCARD'}", ERR_PARAM, { "selects nothing" } },
        { "{'mode':'SPECIFIC','databases':[]}", ERR_PARAM, { "selects nothing" } },
        { "{'mode':'COMPLEX','databases':[{'name':'a'}]}", ERR_NOT_SUPPORTED, { "COMPLEX" } },
        { "{'mode':'Other','databases':[{'name':'a'}]}", ERR_PARAM, { "Other" } },
        { "{'mode':1,'databases':[{'name':'a'}]}", ERR_PARAM, { "mode is not a text" } },
        { "{'databases':{}}", ERR_PARAM, { "databases is not a list" } },
        { "{'databases':[{'name':''},{'name':7},{}]}", ERR_PARAM,
          { "databases[0].name", "databases[1].name", "databases[2].name" } },
        { "{'databases':[{'name':'mysql'}]}", ERR_PARAM, { "system database" } },
        { "{'databases':[{'name':'a','mappedName':'sys'}]}", ERR_PARAM, { "system database" } },
        { "{'databases':[{'name':'a'},{'name':'a'}]}", ERR_PARAM, { "a is listed twice" } },
        { "{'databases':[{'name':'a','tables':[{'name':'t'},{'name':'t'}]}]}", ERR_PARAM,
          { "a.t is listed twice" } },
        { "{'databases':[{'name':'a','tables':[{'name':'t','filterColumns':[1]}]}]}", ERR_PARAM,
          { "filterColumns[0]" } },
        { "{'databases':[{'name':'a','tables':[{'name':'t','columns':[{'columnName':'x',"
          "'mappedName':'y'}]}]}]}", ERR_NOT_SUPPORTED, { "renamed columns" } },
        { "{'databases':[{'name':'a\\u0000b'}]}", ERR_PARAM, { "databases[0].name" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['nodot',' a.b','a.[',7]}", ERR_PARAM,
          { "nodot", "no blanks", "[2] \"a.[\"" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.[]','a.b]','.b']}", ERR_PARAM,
          { "nothing inside", "has no [", "empty" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.*=b.one']}", ERR_NOT_SUPPORTED,
          { "a.*=b.one", "several tables into one" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a*.t=b.*']}", ERR_NOT_SUPPORTED,
          { "several databases into one" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.t=b']}", ERR_PARAM, { "behind =" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.t=b.x*']}", ERR_PARAM, { "wildcard" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.t=sys.x']}", ERR_PARAM, { "system" } },
        { "{'mode':'WILDCARD','tableAndViewWhiteList':['a.t'],'tableAndViewBlackList':['a.b=c.d']}",
          ERR_PARAM, { "exclusion" } },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err err = { 0 };

        assert_null(scope_of(rows[i].mapping, &err));
        if (err.code != rows[i].code)
            fail_msg("%s: %s: %s", rows[i].mapping, err_symbol(err.code), err.message);
        for (size_t k = 0; k < ARRAY_SIZE(rows[i].parts) && rows[i].parts[k] != NULL; k++)
            if (strstr(err.message, rows[i].parts[k]) == NULL)
                fail_msg("%s: no \"%s\" in: %s", rows[i].mapping, rows[i].parts[k], err.message);
    }
}

static int note_named(void *ctx, enum scope_kind kind, const char *db, const char *name,
                      struct err *err)
{
    char *list = ctx;
    size_t used = strlen(list);

    (void)err;
    (void)snprintf(list + used, 200 - used, "%s%s.%s ", kind == SCOPE_TABLE ? "t:" : "v:", db,
                   name);
    return 0;
}

static void named_objects_come_in_order(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s =
        must_scope("{'databases':[{'name':'a'},{'name':'b','tables':[{'name':'x'},{'name':'y'}],"
                   "'views':[{'name':'z'}]},{'name':'c','tables':[{'name':'q'}]}]}");
    struct err err = { 0 };
    char list[200] = "";

    (void)state;
    assert_int_equal(scope_each_named(s, note_named, list, &err), 0);
    assert_string_equal(list, "t:b.x t:b.y v:b.z t:c.q ");
}

static void names_get_the_case_that_is_asked_for(void **state)
{
    static const struct {
        const char *name, *lower, *upper;
    } rows[] = {
        { "Shop_1", "shop_1", "SHOP_1" },
        { "\xc3\x84\xc3\x9f\xc3\xb6", "\xc3\xa4\xc3\x9f\xc3\xb6", "\xc3\x84\xc3\x9f\xc3\x96" },
        { "\xd0\x94\xd0\xb4\xd1\x91", "\xd0\xb4\xd0\xb4\xd1\x91", "\xd0\x94\xd0\x94\xd0\x81" },
        { "\xc5\x81\xc5\xbc\xc4\x99", "\xc5\x82\xc5\xbc\xc4\x99", "\xc5\x81\xc5\xbb\xc4\x98" },
        { "\xe8\xa1\xa8T", "\xe8\xa1\xa8t", "\xe8\xa1\xa8T" },
        { "a\xffZ", "a\xffz", "A\xffZ" }, /* no UTF-8 */
        { "", "", "" },
    };
    char buf[SCOPE_NAME_MAX], longest[2 * SCOPE_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_string_equal(scope_cased(SCOPE_CASE_LOWER, rows[i].name, buf), rows[i].lower);
        assert_string_equal(scope_cased(SCOPE_CASE_UPPER, rows[i].name, buf), rows[i].upper);
        assert_ptr_equal(scope_cased(SCOPE_CASE_SOURCE, rows[i].name, buf), rows[i].name);
    }
    memset(longest, 'A', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0'; /* longer than a name can be: left as it is */
    assert_ptr_equal(scope_cased(SCOPE_CASE_LOWER, longest, buf), longest);
}

static void every_upper_case_folds_back(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x600; c++) {
        unsigned up = scope_upper_char(c);
        if (scope_fold_char(up) != scope_fold_char(c) || scope_upper_char(up) != up)
            fail_msg("U+%04X became U+%04X", c, up);
        if (scope_fold_char(c) != c && up != c)
            fail_msg("U+%04X is upper case and became U+%04X", c, up);
    }
}

static void only_what_nothing_names_gets_a_case(void **state)
{
    _cleanup_(scope_freep)
    struct scope *specific = must_scope(
        "{'mode':'SPECIFIC','nameCase':'LOWER','databases':[{'name':'Shop'},{'name':'Part',"
        "'mappedName':'Part','tables':[{'name':'A'},{'name':'B','mappedName':'B'}],"
        "'views':[{'name':'V'}]}]}");
    _cleanup_(scope_freep)
    struct scope *wild = must_scope(
        "{'mode':'WILDCARD','nameCase':'UPPER','tableAndViewWhiteList':['a.*','a.one=b.Two',"
        "'c.*=d.*','e.t=e.t','z*.*'],'databases':[{'name':'a','specificTables':["
        "{'name':'one','mappedName':'ONE','whereClause':'x'},{'name':'kept','mappedName':'kept'},"
        "{'name':'mine','mappedName':'Mine'}]},{'name':'zoo','mappedName':'Zoo'}]}");
    char buf[SCOPE_NAME_MAX];
    struct err err = { 0 };

    (void)state;
    assert_int_equal(scope_name_case(specific), SCOPE_CASE_LOWER);
    expect(specific, "t:Shop|Orders", "shop|orders");
    expect(specific, "v:Shop|View", "shop|view");
    expect(specific, "t:Part|A", "Part|a");
    expect(specific, "t:Part|B", "Part|B");
    expect(specific, "v:Part|V", "Part|v");
    assert_string_equal(scope_mapped_db(specific, "Shop", buf), "shop");
    assert_string_equal(scope_mapped_db(specific, "Part", buf), "Part");
    expect(wild, "t:a|x", "A|X");
    expect(wild, "t:a|one", "b|Two");
    expect(wild, "t:a|kept", "A|kept");
    expect(wild, "t:a|mine", "A|Mine");
    expect(wild, "t:c|x", "d|X");
    expect(wild, "t:e|t", "e|t");
    expect(wild, "t:zip|x", "ZIP|X");
    expect(wild, "t:zoo|x", "Zoo|X");
    assert_string_equal(scope_mapped_db(wild, "zip", buf), "ZIP");
    assert_null(
        scope_of("{'mode':'SPECIFIC','nameCase':'Camel','databases':[{'name':'a'}]}", &err));
    assert_non_null(strstr(err.message, "Camel"));
}

static void kinds_of_single_objects(void **state)
{
    static const struct {
        const char *db, *name;
        int records, ddl; /* how many words; -1: the project's */
    } rows[] = {
        { "a", "own", 1, 2 }, { "a", "none", 0, 0 }, { "a", "rest", -1, -1 },
        { "b", "own", 1, 1 }, { "b", "rest", 2, 1 }, { "w", "any", 2, -1 },
    };
    _cleanup_(scope_freep)
    struct scope *s = must_scope(
        "{'mode':'SPECIFIC','databases':[{'name':'a','tables':["
        "{'name':'own','recordTypeWhiteList':['INSERT'],'supportDDLTypes':['ALTER_TABLE',"
        "'DROP_TABLE']},{'name':'none','recordTypeWhiteList':[],'supportDDLTypes':[]},"
        "{'name':'rest'}]},{'name':'b','recordTypeWhiteList':['INSERT','UPDATE'],"
        "'supportDDLTypes':['DROP_DATABASE'],'tables':[{'name':'own','recordTypeWhiteList':"
        "['DELETE']},{'name':'rest'}]},{'name':'w','recordTypeWhiteList':['INSERT','DELETE']}]}");
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scope_object o = { 0 };
        assert_int_equal(scope_match(s, SCOPE_TABLE, rows[i].db, rows[i].name, &o, &err), 1);
        assert_int_equal(o.records == NULL ? -1 : (int)json_len(o.records), rows[i].records);
        assert_int_equal(o.ddl == NULL ? -1 : (int)json_len(o.ddl), rows[i].ddl);
        scope_object_done(&o);
    }
    assert_null(scope_db_ddl(s, "a"));
    assert_null(scope_db_ddl(s, "other"));
    assert_string_equal(json_at_str(scope_db_ddl(s, "b"), 0), "DROP_DATABASE");
    assert_null(scope_of("{'databases':[{'name':'a','recordTypeWhiteList':'INSERT'}]}", &err));
    assert_null(scope_of("{'databases':[{'name':'a','supportDDLTypes':[1]}]}", &err));
}

static void category_is_read_in_every_spelling(void **state)
{
    _cleanup_(scope_freep)
    struct scope *s = must_scope("{'databases':[{'name':'a'}]}");
    struct err err = { 0 };

    (void)state;
    assert_int_equal(scope_category(s), SCOPE_ALL);
    assert_int_equal(scope_set_category(s, "WITHUNIQUEROWID", &err), 0);
    assert_int_equal(scope_category(s), SCOPE_WITH_KEY);
    assert_int_equal(scope_set_category(s, "WITHOUT_UNIQUE_ROW_ID", &err), 0);
    assert_int_equal(scope_category(s), SCOPE_WITHOUT_KEY);
    assert_int_equal(scope_set_category(s, NULL, &err), 0);
    assert_int_equal(scope_category(s), SCOPE_ALL);
    assert_int_equal(scope_set_category(s, "SOME", &err), -1);
    assert_int_equal(err.code, ERR_PARAM);
}

/* What joins or leaves a running project is a selection without another one. */
static void a_selection_without_another(void **state)
{
    _cleanup_(scope_freep)
    struct scope *listed = must_scope("{'mode':'SPECIFIC','databases':[{'name':'a'},{'name':'b','"
                                      "tables':[{'name':'t'},{'name':'u'}]}],"
                                      "'minus':{'mode':'SPECIFIC','databases':[{'name':'a','tables'"
                                      ":[{'name':'t'}]},{'name':'b','tables':[{'name':'t'}]}]}}");
    _cleanup_(scope_freep)
    struct scope *both = must_scope(
        "{'mode':'WILDCARD','tableAndViewWhiteList':['a.*','b.*'],'minus':{'mode':'WILDCARD',"
        "'tableAndViewWhiteList':['a.*','b.*'],'minus':{'mode':'WILDCARD','tableAndViewWhiteList':["
        "'b.x*','c.*']}}}");

    (void)state;
    expect(listed, "t:a|t", "");
    expect(listed, "t:a|u", "a|u");
    expect(listed, "v:a|t", "a|t"); /* a view of that name is another object */
    expect(listed, "t:b|t", "");
    expect(listed, "t:b|u", "b|u");
    expect(listed, "t:a|T", "a|T");
    scope_fold_case(listed, true);
    expect(listed, "t:a|T", "");
    assert_false(scope_whole_db(listed, "a"));
    assert_true(scope_may_match_db(listed, "a"));
    expect(both, "t:a|x", ""); /* what both have */
    expect(both, "t:b|x1", "b|x1");
    expect(both, "t:b|y", "");
    expect(both, "t:c|x", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(specific_selects_what_is_listed),
        cmocka_unit_test(case_is_folded_on_request),
        cmocka_unit_test(names_that_differ_in_case_are_two),
        cmocka_unit_test(hostile_names_are_only_names),
        cmocka_unit_test(wildcard_is_white_minus_black),
        cmocka_unit_test(wildcard_renames),
        cmocka_unit_test(everything_leaves_out_what_is_the_servers),
        cmocka_unit_test(faults_are_told_all_at_once),
        cmocka_unit_test(named_objects_come_in_order),
        cmocka_unit_test(names_get_the_case_that_is_asked_for),
        cmocka_unit_test(every_upper_case_folds_back),
        cmocka_unit_test(only_what_nothing_names_gets_a_case),
        cmocka_unit_test(kinds_of_single_objects),
        cmocka_unit_test(a_selection_without_another),
        cmocka_unit_test(category_is_read_in_every_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
