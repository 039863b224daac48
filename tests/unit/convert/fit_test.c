/* Which columns of the target hold those of the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/convert/fit.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

enum { TYPE_MAX = 64 };

/* "varchar(10) latin1", "int unsigned", "enum('a')", "int null" */
struct made {
    struct column c;
    char type_text[TYPE_MAX], data_type[TYPE_MAX], charset[TYPE_MAX];
};

static void make(const char *text, struct made *ret)
{
    static const char *const sets[] = { "latin1", "utf8mb4", "utf8mb3", "ascii", "gbk", "sjis" };
    struct err err = { 0 };
    size_t n = strcspn(text, " (");

    memset(ret, 0, sizeof(*ret));
    memcpy(ret->type_text, text, strlen(text) + 1);
    memcpy(ret->data_type, text, n);
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        if (strstr(text, sets[i]) == NULL)
            continue;
        memcpy(ret->charset, sets[i], strlen(sets[i]) + 1);
        ret->c.charset = ret->charset;
    }
    ret->c.type_text = ret->type_text;
    ret->c.data_type = ret->data_type;
    ret->c.kind = type_kind(ret->data_type, &ret->c.int_bytes);
    ret->c.is_unsigned = strstr(text, "unsigned") != NULL;
    ret->c.nullable = strstr(text, "null") != NULL;
    ret->c.length = ret->c.precision = ret->c.fraction = type_width(text);
    if (strchr(text, ',') != NULL && text[n] == '(' && text[n + 1] != '\'')
        ret->c.scale = (unsigned)strtoul(strchr(text, ',') + 1, NULL, 10);
    if (ret->c.kind == CK_ENUM || ret->c.kind == CK_SET)
        assert_int_equal(0, type_labels(text, &ret->c.labels, &err));
}

/* clang-format off */
static const struct {
    const char *source, *target;
    enum fit expected;
} rows[] = {
    { "int", "int", FIT_SAME },                       { "int", "bigint", FIT_WIDER },
    { "bigint", "int", FIT_NARROWER },                { "int unsigned", "int", FIT_NARROWER },
    { "int unsigned", "bigint", FIT_WIDER },          { "int", "bigint unsigned", FIT_NARROWER },
    { "int", "decimal(20,0)", FIT_CHANGES },          { "decimal(5,2)", "decimal(7,3)", FIT_WIDER },
    { "decimal(5,2)", "decimal(5,3)", FIT_NARROWER }, { "decimal(5,2)", "decimal(9,1)", FIT_CHANGES },
    { "float", "double", FIT_CHANGES },               { "float(7,4)", "float", FIT_WIDER },
    { "float", "float(7,4)", FIT_CHANGES },           { "float(7,4)", "float(7,4)", FIT_SAME },
    { "double", "double unsigned", FIT_NARROWER },    { "bit(3)", "bit(9)", FIT_WIDER },
    { "bit(9)", "bit(3)", FIT_NARROWER },             { "varchar(3) latin1", "varchar(9) latin1", FIT_WIDER },
    { "varchar(9) latin1", "varchar(3) latin1", FIT_NARROWER }, { "char(3) latin1", "varchar(3) latin1", FIT_WIDER },
    { "varchar(3) latin1", "char(3) latin1", FIT_CHANGES },     { "char(3) latin1", "char(9) latin1", FIT_WIDER },
    { "varchar(255) latin1", "tinytext latin1", FIT_WIDER },    { "varchar(255) latin1", "tinytext utf8mb4", FIT_NARROWER },
    { "varchar(9) latin1", "longtext utf8mb4", FIT_WIDER },     { "text latin1", "text utf8mb4", FIT_NARROWER },
    { "text latin1", "mediumtext utf8mb4", FIT_WIDER },         { "longtext utf8mb4", "longtext utf8mb4", FIT_SAME },
    { "longtext utf8mb4", "text utf8mb4", FIT_NARROWER },       { "tinytext latin1", "varchar(255) latin1", FIT_WIDER },
    { "text latin1", "int", FIT_CHANGES },            { "text latin1", "blob", FIT_CHANGES },
    { "binary(2)", "binary(2)", FIT_SAME },           { "binary(2)", "binary(4)", FIT_CHANGES },
    { "binary(2)", "varbinary(4)", FIT_CHANGES },     { "varbinary(2)", "blob", FIT_WIDER },
    { "longblob", "varbinary(99)", FIT_NARROWER },    { "enum('a','b')", "enum('b','c','a')", FIT_WIDER },
    { "enum('a','b')", "enum('a')", FIT_NARROWER },   { "enum('a','b')", "enum('a','B')", FIT_CHANGES },
    { "enum('a','2')", "enum('a','x')", FIT_CHANGES }, { "enum('a','é')", "enum('a','e')", FIT_CHANGES },
    { "set('a','b')", "set('b','a')", FIT_WIDER },    { "enum('a')", "set('a')", FIT_CHANGES },
    { "datetime(3)", "datetime(6)", FIT_WIDER },      { "datetime(3)", "datetime", FIT_CHANGES },
    { "datetime", "date", FIT_CHANGES },              { "timestamp", "datetime", FIT_CHANGES },
    { "time(3)", "time(3)", FIT_SAME },               { "json", "longtext", FIT_SAME },
    { "json", "text", FIT_CHANGES },                  { "point", "geometry", FIT_WIDER },
    { "geometry", "point", FIT_CHANGES },             { "vector(3)", "vector(2)", FIT_NARROWER },
    { "int null", "int", FIT_NARROWER },              { "int", "int null", FIT_WIDER },
    { "timestamp null", "timestamp", FIT_CHANGES },   { "year", "year", FIT_SAME },
};

static const struct {
    const char *from, *to;
    enum fit expected;
} sets[] = {
    { "latin1", "utf8mb4", FIT_WIDER }, { "latin1", "LATIN1", FIT_SAME }, { "utf8", "utf8mb3", FIT_SAME }, { "utf8mb4", "utf8mb3", FIT_NARROWER },
    { "gbk", "utf8", FIT_WIDER },       { "gb18030", "utf8", FIT_NARROWER }, { "latin1", "cp1251", FIT_NARROWER }, { "ascii", "cp1251", FIT_WIDER },
    { "ascii", "sjis", FIT_NARROWER },  { "utf16", "utf8mb4", FIT_WIDER }, { "latin1", "binary", FIT_CHANGES }, { "utf8mb4", "ascii", FIT_NARROWER },
};
/* clang-format on */

static void columns_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct made s, d;
        const char *what;
        enum fit f;

        make(rows[i].source, &s);
        make(rows[i].target, &d);
        f = column_fit(&s.c, &d.c, &what);
        json_putp(&s.c.labels);
        json_putp(&d.c.labels);
        if (f != rows[i].expected)
            fail_msg("%s -> %s: %d, expected %d", rows[i].source, rows[i].target, (int)f,
                     (int)rows[i].expected);
    }
}

static void character_sets_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        if (charset_fit(sets[i].from, sets[i].to) != sets[i].expected)
            fail_msg("%s -> %s", sets[i].from, sets[i].to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_judged),
        cmocka_unit_test(character_sets_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
