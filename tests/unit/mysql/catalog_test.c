/* The pure half of the catalog: JSON and the choice of the key. The rest is server_try's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/mysql/catalog.h"

#include "base/banned.h"

static struct json_object *parse(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };
    char copy[4096];

    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *p = copy; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    if (json_parse(copy, strlen(copy), 32, &o, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return o;
}

#define NAMES "'db':'d','name':'t','mappedDb':'D','mappedName':'T'"
#define COLUMN(name, more)                                                                         \
    "{'name':'" name "','type':'int','dataType':'int','selected':true" more "}"
#define INDEX(name, flags, columns, prefix)                                                        \
    "{'name':'" name "','kind':'BTREE'" flags ",'columns':[" columns "],'prefix':[" prefix "]}"

static void json_goes_both_ways(void **state)
{
    _cleanup_(json_putp)
    struct json_object *o = parse(
        "{" NAMES ",'engine':'InnoDB','collation':'utf8mb4_bin','createOptions':'partitioned',"
        "'where':'a > 1','rows':7,'bytes':16384,'rowBytes':99,'partitioned':true,'columns':["
        "{'name':'e','type':'enum(x)','dataType':'enum','unsigned':true,'nullable':true,"
        "'generated':true,'invisible':true,'autoIncrement':true,'binaryCollation':true,"
        "'charset':'latin1','collation':'latin1_bin','length':4294967295,'octets':5,'precision':6,"
        "'scale':7,'fraction':3,'labels':['x','\\u00f6']}," COLUMN(
            "b",
            "") "],"
                "'indexes':[" INDEX("PRIMARY", ",'unique':true,'primary':true", "1", "0") "," INDEX(
                    "f", ",'functional':true", "0,1",
                    "3,0") "],"
                           "'foreignKeys':[{'name':'fk','refDb':'x','refTable':'y','onDelete':'"
                           "CASCADE',"
                           "'onUpdate':'RESTRICT','columns':['e','b'],'refColumns':['p','q']}]}");
    _cleanup_(json_putp)
    struct json_object *again = NULL;
    _cleanup_(table_freep)
    struct table *t = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(table_from_json(o, &t, &err), 0);
    assert_int_equal(t->columns[0].kind, CK_ENUM);
    assert_int_equal(t->columns[1].int_bytes, 4);
    assert_int_equal(t->key, 0);
    assert_false(t->selected[0]);
    assert_true(t->selected[1]);
    again = table_to_json(t);
    if (!json_object_equal(o, again))
        fail_msg("%s\n%s", json_text(o), json_text(again));
}

static void the_best_key_is_chosen(void **state)
{
    /* clang-format off */
    static const struct {
        const char *indexes;
        const char *key;      /* NULL: none */
    } rows[] = {
        { "", NULL },
        { INDEX("k", "", "0", "0"), NULL },
        { INDEX("u", ",'unique':true", "0", "0"), "u" },
        { INDEX("u", ",'unique':true", "0", "5"), NULL },                       /* prefix */
        { INDEX("u", ",'unique':true,'functional':true", "0", "0"), NULL },
        { INDEX("u", ",'unique':true", "", ""), NULL },
        { INDEX("u", ",'unique':true", "0,2", "0,0"), NULL },                   /* c is nullable */
        { INDEX("wide", ",'unique':true", "0,1", "0,0") "," INDEX("x", ",'unique':true", "1", "0"), "x" },
        { INDEX("a", ",'unique':true", "0", "0") ","
          INDEX("PRIMARY", ",'unique':true,'primary':true", "0,1", "0,0"), "PRIMARY" },
        { INDEX("PRIMARY", ",'unique':true,'primary':true", "0", "4") ","
          INDEX("z", ",'unique':true", "1", "0"), "z" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(json_putp)
        struct json_object *o = NULL;
        _cleanup_(table_freep)
        struct table *t = NULL;
        struct err err = { 0 };
        char text[2000];
        const char *key;

        (void)snprintf(text, sizeof(text), "{" NAMES ",'columns':[%s,%s,%s],'indexes':[%s]}",
                       COLUMN("a", ""), COLUMN("b", ""), COLUMN("c", ",'nullable':true"),
                       rows[i].indexes);
        o = parse(text);
        assert_int_equal(table_from_json(o, &t, &err), 0);
        key = t->key < 0 ? NULL : t->indexes[t->key].name;
        if ((key == NULL) != (rows[i].key == NULL) ||
            (key != NULL && strcmp(key, rows[i].key) != 0))
            fail_msg("%s: %s", rows[i].indexes, key == NULL ? "none" : key);
    }
}

static void damaged_descriptions_are_refused(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "{" NAMES "}",
        "{" NAMES ",'columns':[]}",
        "{" NAMES ",'columns':[7]}",
        "{'db':'d','columns':[" COLUMN("a", "") "]}",
        "{" NAMES ",'columns':[" COLUMN("a", ",'length':-1") "]}",
        "{" NAMES ",'columns':[{'name':'a','type':'enum(x)','dataType':'enum'}]}",
        "{" NAMES ",'columns':[{'name':'a','type':'enum(x)','dataType':'enum','labels':[1]}]}",
        "{" NAMES ",'columns':[" COLUMN("a", "") "],'indexes':[" INDEX("i", "", "1", "0") "]}",
        "{" NAMES ",'columns':[" COLUMN("a", "") "],'indexes':[" INDEX("i", "", "-1", "0") "]}",
        "{" NAMES ",'columns':[" COLUMN("a", "") "],'indexes':[" INDEX("i", "", "0", "") "]}",
        "{" NAMES ",'columns':[" COLUMN("a", "") "],'indexes':[{}]}",
        "{" NAMES ",'columns':[" COLUMN(
            "a",
            "") "],'foreignKeys':[{'name':'f','refDb':'x',"
                "'refTable':'y','onDelete':'','onUpdate':'','columns':['a'],'refColumns':[]}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(json_putp)
        struct json_object *o = parse(rows[i]);
        struct table *t = NULL;
        struct err err = { 0 };

        if (table_from_json(o, &t, &err) == 0)
            fail_msg("%s was taken", rows[i]);
        assert_int_equal(err.code, ERR_CONTROL_SCHEMA);
        assert_null(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_goes_both_ways),
        cmocka_unit_test(the_best_key_is_chosen),
        cmocka_unit_test(damaged_descriptions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
