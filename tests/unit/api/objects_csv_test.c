#include "tests/unit/api/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/csv.h"
#include "api/mapping.h"
#include "api/objects_csv.h"

enum { ROUNDS = 3000 };

/* ------------------------------------------------------------------ the reader */

/* Records as "a|b;c|d;"; a malformed one as "!". */
static void reads(const char *csv, size_t len, const char *want)
{
    struct csv *in = NULL;
    struct err err = { 0 };
    struct csv_record r;
    char got[512] = "";
    size_t n = 0;

    assert_int_equal(csv_open(csv, len, &in, &err), 0);
    while (csv_next(in, &r, &err) == 1) {
        for (size_t i = 0; i < r.count; i++)
            n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s", i > 0 ? "|" : "", r.cells[i]);
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%zu;", r.problem != NULL ? "!" : "@",
                              r.line);
    }
    csv_close(in);
    if (strcmp(got, want) != 0)
        fail_msg("%s became %s, not %s", csv, got, want);
}

static void records_and_lines(void **state)
{
    static const struct {
        const char *csv, *want;
    } rows[] = {
        { "", "" },
        { "\n\r\n\n", "" },
        { "a", "a@1;" },
        { "a,b\nc,d\n", "a|b@1;c|d@2;" },
        { "a,b\r\nc,d\r\n", "a|b@1;c|d@2;" },
        { "\xef\xbb\xbf"
          "a,b",
          "a|b@1;" },
        { "a,,\n,\n", "a||@1;|@2;" },
        { "\"a\",\"b\"\"c\"\n", "a|b\"c@1;" },
        { "\"a\r\nb\",c\nd\n", "a\r\nb|c@1;d@3;" },
        { "\"\"\nx", "@1;x@2;" },
        { "a\"b\nc\n", "!1;c@2;" },
        { "\"a\"b\nc\n", "!1;c@2;" },
        { "\"a\nb\nc\n", "!1;" },
        { "a\rb\nc\n", "!1;c@2;" },
        { "\xff\nc\n", "!1;c@2;" },
        { "'=1+1,'x,''x,'\n", "=1+1|'x|'x|'@1;" },
        { "'''-\n", "''-@1;" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        reads(rows[i].csv, strlen(rows[i].csv), rows[i].want);
    reads("a\0b\nc", 5, "!1;c@2;");
}

/* ------------------------------------------------------------------ the mapping */

static struct json_object *import(const char *csv, size_t len, struct faults *f)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(objects_import(csv, len, "oms", f, &o, &err), 0);
    assert_true((o == NULL) == (f->count > 0));
    return o;
}

#define HEADER                                                                                     \
    "kind,database,object,targetDatabase,targetObject,whereClause,filterColumns,"                  \
    "recordTypeWhiteList,supportDDLTypes\n"

static void a_file_is_a_mapping(void **state)
{
    static const struct {
        const char *csv, *mapping;
    } rows[] = {
        { "object,database,KIND\nt,shop,table\n", "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":"
                                                  "\"shop\",\"tables\":[{\"name\":\"t\"}]}]}" },
        { HEADER "database,shop,,copy,,,,,\n",
          "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"shop\",\"mappedName\":\"copy\"}]}" },
        { HEADER
          "table,a,t,b,u,\"id > 1 AND\nv <> 'x,y'\",\"id;\"\"a;b\"\"; c \",INSERT;UPDATE,NONE\n"
          "view,c,v,,,,,,DROP_VIEW\ntable,a,w,,,,,,\n",
          "{\"mode\":\"SPECIFIC\",\"databases\":[{\"name\":\"a\",\"mappedName\":\"b\",\"tables\":[{"
          "\"name\":\"t\",\"mappedName\":\"u\",\"whereClause\":\"id > 1 AND\\nv <> 'x,y'\","
          "\"filterColumns\":[\"id\",\"a;b\",\"c\"],\"recordTypeWhiteList\":[\"INSERT\",\"UPDATE\"]"
          ","
          "\"supportDDLTypes\":[]},{\"name\":\"w\"}]},{\"name\":\"c\",\"views\":[{\"name\":\"v\","
          "\"supportDDLTypes\":[\"DROP_VIEW\"]}]}]}" },
        { HEADER "include,,a.*=b.*,,,,,,\nexclude,,a.x*,,,,,,\nspecificTable,a,t,,,id < 5,,,\n",
          "{\"mode\":\"WILDCARD\",\"tableAndViewWhiteList\":[\"a.*=b.*\"],"
          "\"tableAndViewBlackList\":"
          "[\"a.x*\"],\"databases\":[{\"name\":\"a\",\"specificTables\":[{\"name\":\"t\","
          "\"whereClause\":\"id < 5\"}]}]}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct faults f = { 0 };
        struct json_object *o = import(rows[i].csv, strlen(rows[i].csv), &f);
        struct json_object *want = parsed(rows[i].mapping);
        if (!json_object_equal(o, want))
            fail_msg("%s became %s, %s", rows[i].csv, json_text(o), json_text(f.list));
        json_putp(&o);
        json_putp(&want);
        faults_done(&f);
    }
}

static void every_faulty_line_is_named(void **state)
{
    static const char csv[] = HEADER "table,shop,a,,,,,,\n"
                                     "thing,shop,b,,,,,,\n"                /* 3 */
                                     "table,,c,,,,,,\n"                    /* 4 */
                                     "table,shop,,,,,,,\n"                 /* 5 */
                                     "table,shop,d,,\n"                    /* 6 */
                                     "table,shop,e,,,\"id >\n 1; x\",,,\n" /* 7, 8 */
                                     "table,shop,a,,,,,,\n"                /* 9 */
                                     "table,shop,f,,,,a;;b,,\n"            /* 10 */
                                     "table,shop,g,,,,,MERGE,\n"           /* 11 */
                                     "view,shop,h,,,,,INSERT,\n"           /* 12 */
                                     "database,shop,,,x,,,,\n"             /* 13 */
                                     "table,shop,i,other,,,,,\n"           /* 14 */
                                     "table,shop,j,third,,,,,\n"           /* 15 */
                                     "table,sh.op,k,,,,,,\n"               /* 16 */
                                     "table,shop,l,,\"a\"b,,,,\n"          /* 17 */
                                     "table,mysql,m,,,,,,\n"               /* 18 */
                                     "table,shop,n,,,,,,DROP_ALL\n";       /* 19 */
    static const char *const fields[] = {
        "line 3, kind",
        "line 4, database",
        "line 5, object",
        "line 6",
        "line 7, whereClause",
        "line 9, object",
        "line 10, filterColumns",
        "line 11, recordTypeWhiteList",
        "line 12, recordTypeWhiteList",
        "line 13, targetObject",
        "line 15, targetDatabase",
        "line 16, database",
        "line 17",
        "line 18, database",
        "line 19, supportDDLTypes",
    };
    struct faults f = { 0 };

    (void)state;
    assert_null(import(csv, strlen(csv), &f));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (problem_of(&f, fields[i]) == NULL)
            fail_msg("%s is not named: %s", fields[i], json_text(f.list));
    assert_int_equal(f.count, sizeof(fields) / sizeof(fields[0]));
    faults_done(&f);
}

static void the_header_says_what_is_there(void **state)
{
    static const struct {
        const char *csv, *field;
    } rows[] = {
        { "", "csv" },
        { "\n", "csv" },
        { "kind;database;object\n", "line 1" },
        { "kind,database\n", "line 1" },
        { "kind,database,object,object\n", "line 1" },
        { "kind,database,object\n", "csv" },
        { "kind,database,object\nexclude,,a.b\n", "csv" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct faults f = { 0 };
        assert_null(import(rows[i].csv, strlen(rows[i].csv), &f));
        if (problem_of(&f, rows[i].field) == NULL)
            fail_msg("%s: %s", rows[i].csv, json_text(f.list));
        faults_done(&f);
    }
}

static void more_faults_than_fit_are_counted(void **state)
{
    struct strbuf b = STRBUF(1024 * 1024);
    struct faults f = { 0 };

    (void)state;
    strbuf_adds(&b, "kind,database,object\n");
    for (int i = 0; i < OBJECTS_FAULTS_MAX + 50; i++)
        strbuf_adds(&b, "x,a,b\n");
    assert_null(import(strbuf_str(&b), b.len, &f));
    assert_int_equal(json_len(f.list), OBJECTS_FAULTS_MAX);
    assert_int_equal(f.count, OBJECTS_FAULTS_MAX + 50);
    faults_done(&f);
    strbuf_done(&b);
}

/* ------------------------------------------------------------------ there and back */

static uint64_t seed = 88172645463325252U;

static unsigned roll(unsigned sides) /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % sides);
}

static const char *hostile_name(char buf[static 80])
{
    static const char letters[] = "abZ019_-+@$#!%^{}~:,<> ?*[]";
    size_t n = 1 + roll(12);

    for (size_t i = 0; i < n; i++)
        buf[i] = letters[roll(sizeof(letters) - 1)];
    buf[n] = '\0';
    if (buf[0] == ' ')
        buf[0] = '-';
    if (buf[n - 1] == ' ')
        buf[n - 1] = '+';
    for (char *d = strstr(buf, "$$"); d != NULL; d = strstr(buf, "$$"))
        *d = '-';
    return buf;
}

/* Texts that whereClause takes, with all that CSV has to guard. */
static const char *const wheres[] = {
    "id > 1",
    "-id < 5",
    "+1 = 1",
    "'a' = v",
    "''=v",
    "'-' = v",
    "v = 'a,b\"c\"'",
    "v = 'x\ny\r\nz'",
    "\tid = 1",
    "v LIKE '%;%'",
    "v = '\xc3\xa4\xe8\xa1\xa8'",
    "'=1' = v",
};

static const char *const columns[] = { "id", "a;b", "a\"b", " x", "x ", "NONE",     "none",
                                       "=1", "'x",  "a,b",  ";",  "\"", "\xc3\xa4", "'" };

static struct json_object *some_words(const char *const *words, size_t count, unsigned least)
{
    struct json_object *list = json_object_new_array();
    unsigned n = least + roll(4);

    for (unsigned i = 0; i < n; i++)
        json_object_array_add(list, json_object_new_string(words[roll((unsigned)count)]));
    return list;
}

static void some_kinds(struct json_object *o, bool rows)
{
    static const char *const dml[] = { "INSERT", "UPDATE", "DELETE" };
    static const char *const ddl[] = { "CREATE_TABLE", "DROP_VIEW", "ALTER_TABLE" };

    if (rows && roll(3) == 0)
        json_add(o, "recordTypeWhiteList", some_words(dml, 3, 0));
    if (roll(3) == 0)
        json_add(o, "supportDDLTypes", some_words(ddl, 3, 0));
}

static void some_objects(struct json_object *db, const char *key, bool rows)
{
    struct json_object *list = json_object_new_array();
    unsigned n = 1 + roll(3);
    char name[80], numbered[96];

    for (unsigned i = 0; i < n; i++) {
        struct json_object *o = json_object_new_object();
        (void)snprintf(numbered, sizeof(numbered), "%u%s", i, hostile_name(name));
        if (strcmp(key, "specificTables") == 0) /* no patterns there */
            for (char *p = numbered; *p != '\0'; p++)
                *p = strchr("*?[]", *p) != NULL ? '#' : *p;
        json_add_str(o, "name", numbered);
        if (roll(2) == 0)
            json_add_str(o, "mappedName", numbered);
        if (roll(3) == 0)
            json_add_str(o, "whereClause", wheres[roll(sizeof(wheres) / sizeof(wheres[0]))]);
        if (roll(3) == 0)
            json_add(o, "filterColumns",
                     some_words(columns, sizeof(columns) / sizeof(columns[0]), 1));
        if (roll(4) == 0)
            json_add(o, "shardColumns",
                     some_words(columns, sizeof(columns) / sizeof(columns[0]), 0));
        if (roll(4) == 0)
            json_add_str(o, "id", "@id\n\"1\"");
        some_kinds(o, rows);
        json_object_array_add(list, o);
    }
    json_add(db, key, list);
}

static struct json_object *some_mapping(void)
{
    static const char *const rules[] = { "a.*", "*.t?", "[a-c]*.[!x]*", "s.t=u.v", "-x.*", "=" };
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();
    bool wildcard = roll(2) == 0;
    unsigned n = 1 + roll(3);
    char name[80], numbered[96];

    json_add_str(o, "mode", wildcard ? "WILDCARD" : "SPECIFIC");
    if (wildcard) {
        json_add(o, "tableAndViewWhiteList", some_words(rules, 5, 1));
        if (roll(2) == 0)
            json_add(o, "tableAndViewBlackList", some_words(rules, 3, 1));
    }
    for (unsigned i = 0; i < n; i++) {
        struct json_object *db = json_object_new_object();
        (void)snprintf(numbered, sizeof(numbered), "%s%u", hostile_name(name), i);
        json_add_str(db, "name", numbered);
        if (roll(2) == 0)
            json_add_str(db, "mappedName", numbered);
        if (roll(4) == 0)
            json_add_str(db, "tenantName", "+t");
        some_kinds(db, true);
        if (roll(3) != 0)
            some_objects(db, wildcard ? "specificTables" : "tables", true);
        if (!wildcard && roll(3) == 0)
            some_objects(db, "views", false);
        json_object_array_add(list, db);
    }
    json_add(o, "databases", list);
    return o;
}

/* Whatever a mapping holds comes back from its CSV, and the CSV from the mapping, byte for byte. */
static void there_and_back(void **state)
{
    size_t objects = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct strbuf csv = STRBUF(1024 * 1024), again = STRBUF(1024 * 1024);
        struct json_object *o = some_mapping(), *back;
        struct faults f = { 0 };

        objects += objects_export(o, &csv);
        assert_true(strbuf_ok(&csv));
        back = import(strbuf_str(&csv), csv.len, &f);
        if (!json_object_equal(o, back))
            fail_msg("%s\n%s\n%s\n%s", json_text(o), strbuf_str(&csv), json_text(back),
                     json_text(f.list));
        (void)objects_export(back, &again);
        assert_string_equal(strbuf_str(&csv), strbuf_str(&again));
        json_putp(&o);
        json_putp(&back);
        strbuf_done(&csv);
        strbuf_done(&again);
    }
    assert_true(objects > ROUNDS);
}

static void no_cell_is_a_formula(void **state)
{
    struct json_object *o =
        parsed("{\"databases\":[{\"name\":\"-db\",\"tables\":[{\"name\":\"@t\","
               "\"whereClause\":\"+1 = v\",\"filterColumns\":[\"=x\",\"y\"]}]}]}");
    struct strbuf csv = STRBUF(4096);

    (void)state;
    assert_int_equal(objects_export(o, &csv), 2);
    assert_non_null(strstr(strbuf_str(&csv), "table,'-db,'@t,,,'+1 = v,'=x;y,"));
    strbuf_done(&csv);
    json_putp(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_lines),
        cmocka_unit_test(a_file_is_a_mapping),
        cmocka_unit_test(every_faulty_line_is_named),
        cmocka_unit_test(the_header_says_what_is_there),
        cmocka_unit_test(more_faults_than_fit_are_counted),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(no_cell_is_a_formula),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
