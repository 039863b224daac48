/*
 * verify_rows.c - rows that differ between two servers, as documents and corrections
 *
 *   verify_rows SOURCE_PORT TARGET_PORT < commands
 *
 * One command a line, words separated by tabs, one JSON document a line as its answer:
 *   table DB NAME TARGET_DB TARGET_NAME [FILTER]   which table; {"missing": text, "key": columns}
 *   keys                                           an array: a document for each key of either end
 *                                                  under which the two differ
 *   key HEX                                        [document], [] when equal
 *   counted MAX                                    {"only": [source, target], "rows": [documents]}
 * root without a password on 127.0.0.1. No part of the product: tests/system/test_verify_rows.py
 * runs it.
 */
#include <inttypes.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/secret.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/differing.h"

#include "base/banned.h"

enum { LINE_MAX_BYTES = 1024 * 1024, SQL_MAX = 8 * 1024 * 1024, HASHES_MAX = 100000 };

struct tool {
    struct endpoint *ends[END_MAX_];
    struct conn *conns[END_MAX_];
    struct dialect dialects[END_MAX_];
    struct table *tables[END_MAX_];
    struct normals *normals;
};

static void fail(const struct err *err)
{
    (void)fprintf(stderr, "verify_rows: %s\n", err->message);
    exit(2);
}

static char *copy(const char *text)
{
    char *c = strdup(text);

    if (c == NULL)
        exit(2);
    return c;
}

static void open_end(struct tool *t, enum end e, int port)
{
    struct endpoint *to = t->ends[e] = calloc(1, sizeof(*to)); /* lives as long as the process */
    struct err err = { 0 };

    if (to == NULL)
        exit(2);
    *to = (struct endpoint){ .end = e,
                             .id = copy("e_1"),
                             .type = copy("MYSQL"),
                             .host = copy("127.0.0.1"),
                             .port = port,
                             .user = copy("root") };
    if (secret_new("", 0, &to->password, &err) < 0 || conn_open(to, NULL, &t->conns[e], &err) < 0 ||
        dialect_detect(t->conns[e], &t->dialects[e], &err) < 0)
        fail(&err);
}

static void answer(struct json_object *o)
{
    (void)puts(json_text(o));
    (void)fflush(stdout);
    (void)json_object_put(o);
}

static struct differing_table of(const struct tool *t)
{
    return (struct differing_table){ { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
}

static void use_table(struct tool *t, char *words[static 6])
{
    struct strbuf missing = STRBUF(LINE_MAX_BYTES);
    const struct table *tables[END_MAX_];
    struct json_object *o = json_object_new_object();
    struct err err = { 0 };

    normals_free(t->normals);
    t->normals = NULL;
    for (unsigned e = 0; e < END_MAX_; e++) {
        table_free(t->tables[e]);
        t->tables[e] = NULL;
        if (catalog_table(t->conns[e], &t->dialects[e], words[e == END_SOURCE ? 1 : 3],
                          words[e == END_SOURCE ? 2 : 4], &t->tables[e], &err) < 0)
            fail(&err);
        tables[e] = t->tables[e];
    }
    if (words[5] != NULL)
        t->tables[END_SOURCE]->where = copy(words[5]);
    if (normals_new(tables, t->dialects, false, &missing, &t->normals, &err) < 0)
        fail(&err);
    json_add_str(o, "missing", strbuf_str(&missing));
    json_add_u64(o, "key", t->normals->key_count);
    strbuf_done(&missing);
    answer(o);
}

static void add_document(struct tool *t, const struct row_key *key, struct json_object *list)
{
    const struct differing_table d = of(t);
    struct json_object *doc = NULL;
    struct err err = { 0 };
    int got = differing_document(&d, t->conns, key, &doc, &err);

    if (got < 0)
        fail(&err);
    if (got == 1)
        json_object_array_add(list, doc);
}

static void add_key(struct tool *t, const char *hex, struct json_object *list)
{
    struct row_key key = { 0 };
    struct err err = { 0 };

    if (row_key_parse(hex, t->normals->key_count, &key, &err) < 0)
        fail(&err);
    add_document(t, &key, list);
    row_key_done(&key);
}

static void query(struct tool *t, unsigned end, struct strbuf *sql, struct result *r)
{
    struct err err = { 0 };
    const char *filter = t->tables[END_SOURCE]->where;

    strbuf_adds(sql, " FROM ");
    sql_table(sql, t->tables[end]->db, t->tables[end]->name);
    if (end == END_SOURCE && filter != NULL)
        strbuf_addf(sql, " WHERE %s", filter);
    if (strbuf_check(sql, &err) < 0 ||
        conn_query(t->conns[end], strbuf_str(sql), sql->len, r, &err) < 0)
        fail(&err);
}

static struct row_key key_of(const struct tool *t, const struct result *r)
{
    struct row_key k = { .count = t->normals->key_count, .values = r->row };

    k.lengths = calloc(k.count + 1, sizeof(*k.lengths));
    for (size_t i = 0; k.lengths != NULL && i < k.count; i++)
        k.lengths[i] = r->lengths[i];
    return k;
}

static void all_keys(struct tool *t)
{
    struct json_object *list = json_object_new_array();
    struct map *seen = map_new();
    struct err err = { 0 };

    for (unsigned end = 0; end < END_MAX_; end++) {
        struct strbuf sql = STRBUF(SQL_MAX);
        struct result r = { 0 };

        for (size_t i = 0; i < t->normals->key_count; i++)
            strbuf_addf(&sql, "%s%s", i == 0 ? "SELECT " : ", ",
                        t->normals->columns[t->normals->key[i]].value[end]);
        query(t, end, &sql, &r);
        while (result_next(&r, &err) == 1) {
            struct row_key k = key_of(t, &r);
            struct strbuf hex = STRBUF(LINE_MAX_BYTES);

            row_key_hex(&hex, &k);
            if (map_get(seen, strbuf_str(&hex)) == NULL)
                add_key(t, strbuf_str(&hex), list);
            (void)map_set(seen, strbuf_str(&hex), t);
            strbuf_done(&hex);
            free(k.lengths);
        }
        result_done(&r);
        strbuf_done(&sql);
    }
    map_free(seen);
    answer(list);
}

static size_t all_hashes(struct tool *t, uint32_t *hashes)
{
    struct map *seen = map_new();
    struct err err = { 0 };
    size_t count = 0;

    for (unsigned end = 0; end < END_MAX_; end++) {
        struct strbuf sql = STRBUF(SQL_MAX);
        struct result r = { 0 };

        strbuf_adds(&sql, "SELECT ");
        normals_row(&sql, t->normals, end);
        query(t, end, &sql, &r);
        while (result_next(&r, &err) == 1 && count < HASHES_MAX) {
            if (map_get(seen, r.row[0]) != NULL)
                continue;
            (void)map_set(seen, r.row[0], t);
            hashes[count++] = (uint32_t)result_u64(&r, 0, 0);
        }
        result_done(&r);
        strbuf_done(&sql);
    }
    map_free(seen);
    return count;
}

static void counted(struct tool *t, size_t max_rows)
{
    const struct differing_table d = of(t);
    uint32_t *hashes = calloc(HASHES_MAX, sizeof(*hashes));
    struct json_object *o = json_object_new_object(), *rows = NULL, *only = json_object_new_array();
    uint64_t counts[END_MAX_] = { 0 };
    struct err err = { 0 };

    if (hashes == NULL)
        exit(2);
    if (differing_multiset(&d, t->conns, hashes, all_hashes(t, hashes), max_rows, &rows, counts,
                           &err) < 0)
        fail(&err);
    for (unsigned end = 0; end < END_MAX_; end++)
        json_object_array_add(only, json_object_new_uint64(counts[end]));
    json_add(o, "only", only);
    json_add(o, "rows", rows);
    free(hashes);
    answer(o);
}

static void run(struct tool *t, char *line)
{
    char *words[6] = { NULL }, *next = line;

    for (size_t i = 0; i < ARRAY_SIZE(words) && next != NULL; i++)
        words[i] = strsep(&next, "\t");
    if (strcmp(words[0], "table") == 0 && words[4] != NULL) {
        use_table(t, words);
    } else if (strcmp(words[0], "keys") == 0 && t->normals != NULL) {
        all_keys(t);
    } else if (strcmp(words[0], "key") == 0 && words[1] != NULL && t->normals != NULL) {
        struct json_object *list = json_object_new_array();

        add_key(t, words[1], list);
        answer(list);
    } else if (strcmp(words[0], "counted") == 0 && words[1] != NULL && t->normals != NULL) {
        counted(t, strtoul(words[1], NULL, 10));
    } else {
        (void)fprintf(stderr, "verify_rows: unknown command %s\n", words[0]);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct tool t;
    struct err err = { 0 };
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (argc != 3)
        return 2;
    if (mysql_library_init(0, NULL, NULL) != 0 || secret_setup(&err) < 0)
        return 2;
    open_end(&t, END_SOURCE, (int)strtol(argv[1], NULL, 10));
    open_end(&t, END_SINK, (int)strtol(argv[2], NULL, 10));
    while ((n = getline(&line, &room, stdin)) > 0) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        run(&t, line);
    }
    free(line);
    normals_free(t.normals);
    for (unsigned e = 0; e < END_MAX_; e++) {
        table_free(t.tables[e]);
        conn_close(t.conns[e]);
    }
    return 0;
}
