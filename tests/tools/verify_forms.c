/*
 * verify_forms.c - the normal forms of all tables of a database at two servers
 *
 *   verify_forms SOURCE_PORT SOURCE_DB TARGET_PORT TARGET_DB < questions
 *
 * Answers one JSON document a table of the source that the target has, too: {"table", "missing",
 * "row": [source, target], "key": [source, target], "keyColumns": [names], "columns": [{"name",
 * "value": [source, target], "sum": [source, target], "anyByte", "nullable", "sameOrder",
 * "leftOut"}]}. Then one document a question: a line "TABLE<tab>COLUMN<tab>value in hex digits" is
 * answered with what finds that value: {"equals": [source, target]}. root without a password on
 * 127.0.0.1. No part of the product: tests/system/test_verify_forms.py runs it.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/secret.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/normal.h"

#include "base/banned.h"

enum { SQL_MAX = 16 * 1024 * 1024, TABLES_MAX = 200, HEX_BASE = 16 };

struct forms {
    struct conn *conns[END_MAX_];
    struct dialect dialects[END_MAX_];
    const char *dbs[END_MAX_];
    struct map *normals; /* table -> struct normals */
};

static void fail(const struct err *err)
{
    (void)fprintf(stderr, "verify_forms: %s\n", err->message);
    exit(2);
}

static char *copy(const char *text)
{
    char *c = strdup(text);

    if (c == NULL)
        exit(2);
    return c;
}

static struct conn *open_end(enum end e, int port, struct err *err)
{
    struct endpoint *to = calloc(1, sizeof(*to)); /* lives as long as the process */
    struct conn *c = NULL;

    if (to == NULL)
        exit(2);
    *to = (struct endpoint){ .end = e,
                             .id = copy("e_1"),
                             .type = copy("MYSQL"),
                             .host = copy("127.0.0.1"),
                             .port = port,
                             .user = copy("root") };
    if (secret_new("", 0, &to->password, err) < 0 || conn_open(to, NULL, &c, err) < 0)
        fail(err);
    return c;
}

static void say(struct json_object *o)
{
    (void)puts(json_text(o));
    (void)fflush(stdout);
    (void)json_object_put(o);
}

typedef void part_fn(struct strbuf *b, const struct normals *n, enum end end);

static struct json_object *both(const char *source, const char *target)
{
    struct json_object *o = json_object_new_array();

    (void)json_object_array_add(o, source == NULL ? NULL : json_object_new_string(source));
    (void)json_object_array_add(o, target == NULL ? NULL : json_object_new_string(target));
    return o;
}

static struct json_object *both_parts(const struct normals *n, part_fn *add)
{
    _cleanup_(strbuf_done)
    struct strbuf source = STRBUF(SQL_MAX), target = STRBUF(SQL_MAX);

    add(&source, n, END_SOURCE);
    add(&target, n, END_SINK);
    return both(strbuf_str(&source), strbuf_str(&target));
}

static struct json_object *columns_of(const struct normals *n)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < n->count; i++) {
        const struct normal *c = &n->columns[i];
        struct json_object *o = json_object_new_object();

        (void)json_add_str(o, "name", c->ends[END_SOURCE]->name);
        (void)json_add(o, "value", both(c->value[END_SOURCE], c->value[END_SINK]));
        (void)json_add(o, "sum", both(c->sum[END_SOURCE], c->sum[END_SINK]));
        (void)json_add_bool(o, "anyByte", c->any_byte);
        (void)json_add_bool(o, "nullable", c->nullable);
        (void)json_add_bool(o, "sameOrder", c->same_order);
        (void)json_add_str(o, "leftOut", c->left_out);
        (void)json_object_array_add(list, o);
    }
    return list;
}

static void tell_table(struct forms *f, const char *name, struct err *err)
{
    struct table *tables[END_MAX_] = { NULL, NULL }; /* as long as the process */
    _cleanup_(strbuf_done)
    struct strbuf missing = STRBUF(SQL_MAX);
    struct normals *n = NULL;
    struct json_object *o = json_object_new_object(), *keys = json_object_new_array();
    struct err none = { 0 };

    if (catalog_table(f->conns[END_SINK], &f->dialects[END_SINK], f->dbs[END_SINK], name,
                      &tables[END_SINK], &none) < 0)
        return;
    if (catalog_table(f->conns[END_SOURCE], &f->dialects[END_SOURCE], f->dbs[END_SOURCE], name,
                      &tables[END_SOURCE], err) < 0 ||
        normals_new((const struct table *const[]){ tables[END_SOURCE], tables[END_SINK] },
                    f->dialects, false, &missing, &n, err) < 0)
        fail(err);
    (void)map_set(f->normals, name, n);
    (void)json_add_str(o, "table", name);
    (void)json_add_str(o, "missing", strbuf_str(&missing));
    (void)json_add(o, "row", both_parts(n, normals_row));
    (void)json_add(o, "key", both_parts(n, normals_key));
    for (size_t i = 0; i < n->key_count; i++)
        (void)json_object_array_add(
            keys, json_object_new_string(n->columns[n->key[i]].ends[END_SOURCE]->name));
    (void)json_add(o, "keyColumns", keys);
    (void)json_add(o, "columns", columns_of(n));
    say(o);
}

static void tell_tables(struct forms *f, struct err *err)
{
    char *names[TABLES_MAX];
    char db[SQL_NAME_MAX];
    size_t count = 0;
    _cleanup_(result_done)
    struct result r = { 0 };

    if (conn_queryf(f->conns[END_SOURCE], &r, err, "SHOW TABLES FROM %s",
                    sql_name_text(f->dbs[END_SOURCE], db)) < 0)
        fail(err);
    while (result_next(&r, err) == 1 && count < TABLES_MAX)
        names[count++] = copy(r.row[0]);
    result_done(&r);
    for (size_t i = 0; i < count; i++)
        tell_table(f, names[i], err);
}

static size_t unhex(char *hex)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        const char two[3] = { hex[i * 2], hex[i * 2 + 1], '\0' };

        hex[i] = (char)strtoul(two, NULL, HEX_BASE);
    }
    return n;
}

static void answer(struct forms *f, char *line)
{
    const char *table = strsep(&line, "\t"), *column = strsep(&line, "\t");
    const struct normals *n = map_get(f->normals, table);
    struct json_object *o = json_object_new_object();
    size_t len;

    if (n == NULL || line == NULL)
        exit(2);
    len = unhex(line);
    for (size_t i = 0; i < n->count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf source = STRBUF(SQL_MAX), target = STRBUF(SQL_MAX);

        if (strcmp(n->columns[i].ends[END_SOURCE]->name, column) != 0)
            continue;
        normal_equals(&source, &n->columns[i], END_SOURCE, line, len);
        normal_equals(&target, &n->columns[i], END_SINK, line, len);
        (void)json_add(o, "equals", both(strbuf_str(&source), strbuf_str(&target)));
    }
    say(o);
}

int main(int argc, char **argv)
{
    struct forms f = { .normals = map_new() };
    struct err err = { 0 };
    char *line = malloc(SQL_MAX);

    if (argc != 5 || line == NULL || f.normals == NULL)
        return 2;
    for (unsigned end = 0; end < END_MAX_; end++) {
        f.dbs[end] = argv[2 + 2 * end];
        f.conns[end] = open_end(end, (int)strtol(argv[1 + 2 * end], NULL, 10), &err);
        if (dialect_detect(f.conns[end], &f.dialects[end], &err) < 0)
            fail(&err);
    }
    tell_tables(&f, &err);
    while (fgets(line, SQL_MAX, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(&f, line);
    }
    conn_close(f.conns[END_SOURCE]);
    conn_close(f.conns[END_SINK]);
    return 0;
}
