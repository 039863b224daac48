/*
 * evolve_check HOST PORT USER - what evolve.h makes of DDL beside what a real server made of it
 *
 * Reads statements from standard input, one a line, and runs them in the database `ev`. For each
 * one writes a line of JSON: sql; result: "rejected" by the server, "set", "untracked" (it makes no
 * description), "refused" by us, "same", "different"; message; evolved and server, the two
 * descriptions, where they differ. tests/system/test_evolve.py sends the statements and compares.
 * A test helper: its user has no password.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/ddl/evolve.h"
#include "workers/mysql/dialect.h"
#include "workers/mysql/facts.h"

#include "base/banned.h"

#define DB "ev"

struct check {
    struct conn *conn;
    struct dialect dialect;
    struct facts *facts;
    struct map *tables; /* name → struct table as we believe it is */
    struct evolve_context c;
    char *utf8mb4;
    struct err err;
};

static int exec(struct check *k, const char *sql)
{
    return conn_exec(k->conn, sql, strlen(sql), NULL, &k->err);
}

/* The settings that a binlog event would bring; of sql_mode the bits that matter. */
static int read_settings(struct check *k)
{
    static const struct {
        const char *name;
        uint64_t bit;
    } bits[] = { { "REAL_AS_FLOAT", 0x1 },
                 { "ANSI_QUOTES", SQL_MODE_ANSI_QUOTES },
                 { "NO_BACKSLASH_ESCAPES", SQL_MODE_NO_BACKSLASH_ESCAPES },
                 { "MAXDB", 0x1000 } };
    _cleanup_(freep)
    char *mode = NULL;
    _cleanup_(freep)
    char *explicit_timestamps = NULL;

    if (conn_value(k->conn, "SELECT @@sql_mode", &mode, &k->err) < 0 ||
        conn_value(k->conn, "SELECT @@explicit_defaults_for_timestamp", &explicit_timestamps,
                   &k->err) < 0)
        return -1;
    k->c.sql_mode = 0;
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
        if (mode != NULL && strstr(mode, bits[i].name) != NULL)
            k->c.sql_mode |= bits[i].bit;
    k->c.explicit_timestamps = explicit_timestamps != NULL && strcmp(explicit_timestamps, "1") == 0;
    free(take_ptr(k->utf8mb4));
    if (!k->facts->mariadb && k->facts->version >= 80011 &&
        conn_value(k->conn, "SELECT @@default_collation_for_utf8mb4", &k->utf8mb4, &k->err) < 0)
        return -1;
    k->c.utf8mb4_collation = k->utf8mb4;
    return 0;
}

static void say(struct json_object *o, const char *result, const char *message)
{
    (void)json_add_str(o, "result", result);
    if (message != NULL)
        (void)json_add_str(o, "message", message);
}

/* What says nothing of columns and keys, or only the server can know. */
static struct json_object *comparable(const struct table *t)
{
    struct json_object *o = table_to_json(t);
    static const char *const left_out[] = { "rows", "bytes", "rowBytes", "createOptions" };

    for (size_t i = 0; o != NULL && i < ARRAY_SIZE(left_out); i++)
        json_object_object_del(o, left_out[i]);
    if (o != NULL) /* follows from the rest, but is what the appliers use */
        (void)json_add_str(o, "key", t->key >= 0 ? t->indexes[t->key].name : "");
    return o;
}

static int evolve(struct check *k, const struct ddl_statement *s, struct table **ret)
{
    const char *name = s->names[0].name;

    if (s->kind == DDL_CREATE_TABLE) {
        const struct table *like = s->like.name != NULL ? map_get(k->tables, s->like.name) : NULL;

        return evolve_create(s, like, &k->c, ret, &k->err);
    }
    if (map_get(k->tables, name) == NULL)
        return err_set(&k->err, ERR_PARAM, "no table %s so far", name);
    return evolve_alter(s, map_get(k->tables, name), &k->c, ret, &k->err);
}

static void keep(struct check *k, const char *name, struct table *t)
{
    struct table *before = map_get(k->tables, name);

    if (map_set(k->tables, name, t) == 0)
        table_free(before);
}

static void compare(struct check *k, struct json_object *o, const struct ddl_statement *s)
{
    _cleanup_(table_freep)
    struct table *ours = NULL;
    struct table *theirs = NULL;
    struct json_object *a, *b;
    const char *name = s->names[0].name;
    int rc = evolve(k, s, &ours);
    struct err mine = k->err;

    k->err = (struct err){ 0 };
    if (catalog_table(k->conn, &k->dialect, DB, name, &theirs, &k->err) < 0) {
        say(o, "untracked", k->err.message);
        return;
    }
    if (rc < 0) {
        say(o, "refused", mine.message);
        keep(k, name, theirs);
        return;
    }
    a = comparable(ours);
    b = comparable(theirs);
    if (strcmp(json_object_to_json_string(a), json_object_to_json_string(b)) == 0) {
        say(o, "same", NULL);
        keep(k, name, take_ptr(ours)); /* what it makes must do for the next one */
        table_free(theirs);
        (void)json_object_put(a);
        (void)json_object_put(b);
        return;
    }
    say(o, "different", NULL);
    (void)json_add(o, "evolved", a);
    (void)json_add(o, "server", b);
    keep(k, name, theirs);
}

static void one(struct check *k, const char *sql)
{
    struct statement_context c = { .default_db = DB,
                                   .sql_mode = k->c.sql_mode,
                                   .mariadb = k->facts->mariadb,
                                   .version = k->facts->version };
    _cleanup_(ddl_statement_freep)
    struct ddl_statement *s = NULL;
    struct json_object *o = json_object_new_object();

    k->err = (struct err){ 0 };
    (void)json_add_str(o, "sql", sql);
    if (exec(k, sql) < 0) {
        say(o, "rejected", k->err.message);
    } else if (strncmp(sql, "SET ", 4) == 0) {
        say(o, read_settings(k) < 0 ? "refused" : "set", k->err.message);
    } else if (ddl_parse(sql, strlen(sql), &c, &s, &k->err) < 0) {
        say(o, "refused", k->err.message);
    } else if (s->kind == DDL_CREATE_TABLE || s->kind == DDL_ALTER_TABLE ||
               s->kind == DDL_CREATE_INDEX || s->kind == DDL_DROP_INDEX) {
        compare(k, o, s);
    } else {
        say(o, "untracked", NULL);
    }
    printf("%s\n", json_object_to_json_string(o));
    (void)fflush(stdout); /* its reader waits for each line */
    (void)json_object_put(o);
}

static int begin(struct check *k, const struct endpoint *to)
{
    if (conn_open(to, NULL, &k->conn, &k->err) < 0 ||
        dialect_detect(k->conn, &k->dialect, &k->err) < 0 ||
        exec(k, "DROP DATABASE IF EXISTS " DB) < 0 ||
        exec(k, "CREATE DATABASE " DB " CHARACTER SET latin1") < 0 || exec(k, "USE " DB) < 0 ||
        facts_load(k->conn, &k->dialect, &k->facts, &k->err) < 0)
        return -1;
    /* through JSON and back: that is how the appliers have them */
    struct json_object *o = facts_to_json(k->facts);

    facts_free(take_ptr(k->facts));
    if (facts_from_json(o, &k->facts, &k->err) < 0)
        return -1;
    (void)json_object_put(o);
    k->c.facts = k->facts;
    k->tables = map_new();
    return read_settings(k);
}

static void end(struct check *k)
{
    const char *key;
    size_t pos = 0;
    void *t;

    while (k->tables != NULL && map_next(k->tables, &pos, &key, &t))
        table_free(t);
    map_free(k->tables);
    facts_free(k->facts);
    free(k->utf8mb4);
    conn_close(k->conn);
}

int main(int argc, char **argv)
{
    static char id[] = "check", type[] = "MYSQL";
    _cleanup_(freep)
    char *line = NULL;
    struct endpoint to = { .id = id, .type = type };
    struct check k = { 0 };
    size_t cap = 0;
    int64_t port;
    ssize_t len;

    if (argc != 4 || !num_parse_i64(argv[2], 1, 65535, &port))
        return 2;
    to.host = argv[1];
    to.port = (int)port;
    to.user = argv[3];
    if (secret_new("", 0, &to.password, &k.err) < 0 || begin(&k, &to) < 0) {
        (void)fprintf(stderr, "%s\n", k.err.message);
        return 1;
    }
    while ((len = getline(&line, &cap, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        one(&k, line);
    }
    end(&k);
    secret_free(to.password);
    return 0;
}
