/*
 * convert_check.c - DDL statements run at one server, converted, and run at another
 *
 *   convert_check SOURCE_PORT TARGET_PORT < statements
 *
 * One statement a line, run in database `a` of the source; `a` is `b` at the target, tables keep
 * their names. Lines that begin with "-- " set something for those that follow:
 *   -- mode LIST         sql_mode of the source's session
 *   -- implicit 1        explicit_defaults_for_timestamp = OFF at the source
 *   -- table T T2        table a.T is b.T2
 *   -- out T             table a.T is not in the project
 *   -- unselect T C      column C of table a.T is not carried
 *   -- collation A B     collationMapping
 * Answers one JSON document a statement. root without a password on 127.0.0.1. No part of the
 * product: tests/system/test_convert.py runs it.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/secret.h"
#include "workers/convert/ddl.h"
#include "workers/convert/rewrite.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { LINE_MAX_BYTES = 1024 * 1024, KEY_MAX = 600 };

struct check {
    struct conn *src, *dst;
    struct dialect from, to;
    struct map *collations, *overrides, *names, *out, *unselected;
    char mode[512];
    bool implicit;
};

static void fail(const struct err *err)
{
    (void)fprintf(stderr, "convert_check: %s\n", err->message);
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

static void name_table(struct check *k, const char *table, const char *mapped)
{
    struct renamed *r = calloc(1, sizeof(*r));
    char key[KEY_MAX];

    (void)snprintf(key, sizeof(key), "a\1%s", table);
    if (r == NULL)
        exit(2);
    r->db = copy("b");
    r->name = copy(mapped);
    if (map_get(k->names, key) == NULL || strcmp(table, mapped) != 0)
        (void)map_set(k->names, key, r);
}

static void load_collations(struct check *k, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };

    if (conn_queryf(k->dst, &r, err,
                    k->to.flavour == FLAVOUR_MARIADB && k->to.version >= 101000
                        ? "SELECT LOWER(FULL_COLLATION_NAME) FROM"
                          " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
                        : "SELECT LOWER(COLLATION_NAME) FROM information_schema.COLLATIONS") < 0)
        fail(err);
    while (result_next(&r, err) == 1)
        if (r.row[0] != NULL)
            (void)map_set(k->collations, r.row[0], k);
}

static char *word_of(char **line)
{
    char *word = strsep(line, " ");

    return word == NULL ? *line : word;
}

static void setting(struct check *k, char *line)
{
    char *word = word_of(&line), *one = word_of(&line), *two = word_of(&line);
    char key[KEY_MAX];

    if (strcmp(word, "mode") == 0)
        (void)snprintf(k->mode, sizeof(k->mode), "%s", one == NULL ? "" : one);
    else if (strcmp(word, "implicit") == 0)
        k->implicit = one != NULL && one[0] == '1';
    else if (strcmp(word, "table") == 0)
        name_table(k, one, two);
    else if (strcmp(word, "out") == 0)
        (void)map_set(k->out, one, k);
    else if (strcmp(word, "collation") == 0)
        (void)map_set(k->overrides, one, copy(two));
    else if (strcmp(word, "unselect") == 0) {
        (void)snprintf(key, sizeof(key), "%s %s", one, two);
        (void)map_set(k->unselected, key, k);
    }
}

static struct table *catalog_of(struct check *k, const char *db, const char *name)
{
    struct table *t = NULL;
    struct err err = { 0 };
    char key[KEY_MAX];

    if (catalog_table(k->src, &k->from, db, name, &t, &err) < 0)
        return NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        (void)snprintf(key, sizeof(key), "%s %s", name, t->columns[i].name);
        if (map_get(k->unselected, key) != NULL)
            t->selected[i] = false;
    }
    return t;
}

static int run_source(struct check *k, const char *sql, struct err *err)
{
    struct err ignored = { 0 };

    (void)conn_execf(k->src, &ignored, "SET SESSION explicit_defaults_for_timestamp=%d",
                     k->implicit ? 0 : 1);
    if (conn_execf(k->src, err, "SET SESSION sql_mode='%s', foreign_key_checks=1", k->mode) < 0 ||
        conn_execf(k->src, err, "USE a") < 0)
        return -1;
    return conn_exec(k->src, sql, strlen(sql), NULL, err);
}

static int run_target(struct check *k, const struct ddl_result *r, struct err *err)
{
    struct err ignored = { 0 };

    (void)conn_execf(k->dst, &ignored, "SET SESSION explicit_defaults_for_timestamp=1");
    if (conn_execf(k->dst, err, "SET SESSION sql_mode='%s', foreign_key_checks=0", r->sql_mode) < 0)
        return -1;
    if (r->default_db != NULL && conn_execf(k->dst, err, "USE `%s`", r->default_db) < 0)
        return -1;
    for (size_t i = 0; i < r->count; i++)
        if (conn_exec(k->dst, r->sql[i], strlen(r->sql[i]), NULL, err) < 0)
            return err_wrap(err, "%s", r->sql[i]);
    return 0;
}

static struct ddl_target *targets_of(struct check *k, const struct ddl_statement *s)
{
    struct ddl_target *t = calloc(s->name_count + 1, sizeof(*t));
    char key[KEY_MAX];

    for (size_t i = 0; t != NULL && i < s->name_count; i++) {
        const struct renamed *r;

        if (s->names[i].name[0] != '\0' && map_get(k->out, s->names[i].name) == NULL)
            name_table(k, s->names[i].name, s->names[i].name);
        (void)snprintf(key, sizeof(key), "%s\1%s", s->names[i].db, s->names[i].name);
        r = map_get(k->names, key);
        t[i] = (struct ddl_target){ .carried = map_get(k->out, s->names[i].name) == NULL,
                                    .db = strcmp(s->names[i].db, "a") == 0 ? "b" : s->names[i].db,
                                    .name = r != NULL ? r->name : s->names[i].name };
    }
    return t;
}

static void add_notes(struct json_object *o, const struct notes *notes)
{
    struct json_object *refused = json_object_new_array(), *told = json_object_new_array();

    for (size_t i = 0; i < notes->count; i++)
        (void)json_object_array_add(notes->list[i].kind == NOTE_REFUSED ? refused : told,
                                    json_object_new_string(notes->list[i].text));
    (void)json_add(o, "refused", refused);
    (void)json_add(o, "notes", told);
}

static void convert(struct check *k, const struct ddl_statement *s, const struct table *before,
                    const struct table *after, struct json_object *o)
{
    struct ddl_target *targets = targets_of(k, s);
    struct ddl_job job = { .statement = s,
                           .targets = targets,
                           .from = &k->from,
                           .to = &k->to,
                           .collations = k->collations,
                           .collation_overrides = k->overrides,
                           .names = k->names,
                           .before = before,
                           .after = after,
                           .default_db = "a",
                           .sql_mode = k->mode,
                           .implicit_timestamps = k->implicit };
    struct json_object *list = json_object_new_array();
    struct ddl_result made = { 0 };
    struct notes notes = { 0 };
    struct err err = { 0 };

    if (ddl_convert(&job, &made, &notes, &err) < 0)
        (void)json_add_str(o, "error", err.message);
    for (size_t i = 0; i < made.count; i++)
        (void)json_object_array_add(list, json_object_new_string(made.sql[i]));
    (void)json_add(o, "target", list);
    add_notes(o, &notes);
    if (notes.refused == 0 && err.code == ERR_NONE && run_target(k, &made, &err) < 0)
        (void)json_add_str(o, "targetError", err.message);
    ddl_result_done(&made);
    notes_done(&notes);
    free(targets);
}

static const struct ddl_name *name_after(const struct ddl_statement *s)
{
    for (size_t i = 0; i < s->item_count; i++)
        if (s->items[i].kind == ITEM_RENAME_TO)
            return &s->items[i].rename;
    return &s->names[0];
}

static uint64_t mode_bits(const char *mode)
{
    return (strstr(mode, "ANSI_QUOTES") != NULL ? (uint64_t)SQL_MODE_ANSI_QUOTES : 0) |
           (strstr(mode, "NO_BACKSLASH_ESCAPES") != NULL ? (uint64_t)SQL_MODE_NO_BACKSLASH_ESCAPES
                                                         : 0);
}

static void statement(struct check *k, const char *sql)
{
    struct statement_context c = { .default_db = "a",
                                   .sql_mode = mode_bits(k->mode),
                                   .mariadb = k->from.flavour == FLAVOUR_MARIADB,
                                   .version = k->from.version };
    struct json_object *o = json_object_new_object();
    _cleanup_(ddl_statement_freep)
    struct ddl_statement *s = NULL;
    _cleanup_(table_freep)
    struct table *before = NULL;
    _cleanup_(table_freep)
    struct table *after = NULL;
    struct err err = { 0 };

    (void)json_add_str(o, "sql", sql);
    if (ddl_parse(sql, strlen(sql), &c, &s, &err) < 0) {
        (void)json_add_str(o, "parseError", err.message);
    } else {
        if (s->name_count > 0 && s->names[0].name[0] != '\0')
            before = catalog_of(k, s->names[0].db, s->names[0].name);
        if (run_source(k, sql, &err) < 0) {
            (void)json_add_str(o, "sourceError", err.message);
        } else {
            if (s->name_count > 0 && s->names[0].name[0] != '\0')
                after = catalog_of(k, name_after(s)->db, name_after(s)->name);
            if (s->kind == DDL_ALTER_TABLE && name_after(s) != &s->names[0])
                name_table(k, name_after(s)->name, name_after(s)->name);
            convert(k, s, s->kind == DDL_CREATE_TABLE ? NULL : before, after, o);
        }
    }
    (void)printf("%s\n", json_text(o));
    (void)json_object_put(o);
}

int main(int argc, char **argv)
{
    struct check k = { .mode = "STRICT_TRANS_TABLES" };
    struct err err = { 0 };
    char *line = malloc(LINE_MAX_BYTES);
    struct renamed *db = calloc(1, sizeof(*db));

    if (argc != 3 || line == NULL || db == NULL)
        return 2;
    k.src = open_end(END_SOURCE, (int)strtol(argv[1], NULL, 10), &err);
    k.dst = open_end(END_SINK, (int)strtol(argv[2], NULL, 10), &err);
    if (dialect_detect(k.src, &k.from, &err) < 0 || dialect_detect(k.dst, &k.to, &err) < 0)
        fail(&err);
    k.collations = map_new();
    k.overrides = map_new();
    k.names = map_new();
    k.out = map_new();
    k.unselected = map_new();
    db->db = copy("b");
    (void)map_set(k.names, "a", db);
    load_collations(&k, &err);
    while (fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "-- ", 3) == 0)
            setting(&k, line + 3);
        else if (line[0] != '\0')
            statement(&k, line);
    }
    conn_close(k.src);
    conn_close(k.dst);
    return 0;
}
