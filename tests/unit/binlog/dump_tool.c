/*
 * Prints what the decoder makes of a live server's binlog, and checks it against the server's own
 * answers. A tool for people and for verify.sh; not run by ctest.
 *
 *   dump_tool HOST PORT USER PASSWORD FILE [text | check | capture PREFIX]
 *
 * text: besides, each image of a row as one line for programs (tests/system/test_decoder.py):
 * "ROW", before or after, db.table and the values, separated by tabs: NULL, ABSENT, i: and a
 * number, f: or d: and a number in hexadecimal, t: or b: and bytes in hexadecimal. check: for each
 * INSERT into a table whose first column is `id`, the row is read from the server and compared
 * value by value; the exit status tells. capture: besides, the server's answers go to PREFIX.rows
 * and the tables to PREFIX.tables, which is what rows_test.c decodes by and compares with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

struct entry {
    struct table_map *map;
    struct table *table; /* NULL: not there any more */
};

struct tool {
    struct endpoint to;
    struct conn *ask; /* for the catalog and the comparison */
    struct dialect dialect;
    struct binlog_format format;
    struct entry *entries;
    size_t count;
    bool check, text;
    uint64_t compared, wrong;
    FILE *rows, *tables; /* capture */
};

static void print_bytes(const char *b, size_t len)
{
    for (size_t i = 0; i < len && i < 200; i++)
        if (b[i] >= 0x20 && b[i] < 0x7f && b[i] != '\\')
            (void)putchar(b[i]);
        else
            (void)printf("\\x%02x", (unsigned char)b[i]);
    if (len > 200)
        (void)printf("…(%zu)", len);
}

static void print_value(const struct value *v)
{
    switch (v->kind) {
    case V_ABSENT:
        (void)printf("ABSENT");
        break;
    case V_NULL:
        (void)printf("NULL");
        break;
    case V_INT:
        (void)printf("%" PRId64, v->i);
        break;
    case V_UINT:
        (void)printf("%" PRIu64, v->u);
        break;
    case V_FLOAT:
        (void)printf("%.9g", (double)v->f);
        break;
    case V_DOUBLE:
        (void)printf("%.17g", v->d);
        break;
    case V_TEXT:
        (void)printf("%.*s", (int)(v->len > 300 ? 300 : v->len), v->bytes);
        break;
    case V_BYTES:
        (void)putchar('\'');
        print_bytes(v->bytes, v->len);
        (void)putchar('\'');
        break;
    }
}

static void print_row(const char *what, const struct value *v, size_t n)
{
    (void)printf("    %s (", what);
    for (size_t i = 0; i < n; i++) {
        (void)printf(i > 0 ? ", " : "");
        print_value(&v[i]);
    }
    (void)printf(")\n");
}

static void print_text_value(const struct value *v)
{
    switch (v->kind) {
    case V_ABSENT:
    case V_NULL:
        (void)printf("\t%s", v->kind == V_NULL ? "NULL" : "ABSENT");
        return;
    case V_INT:
        (void)printf("\ti:%" PRId64, v->i);
        return;
    case V_UINT:
        (void)printf("\ti:%" PRIu64, v->u);
        return;
    case V_FLOAT:
        (void)printf("\tf:%a", (double)v->f);
        return;
    case V_DOUBLE:
        (void)printf("\td:%a", v->d);
        return;
    case V_TEXT:
    case V_BYTES:
        (void)printf(v->kind == V_TEXT ? "\tt:" : "\tb:");
        for (size_t i = 0; i < v->len; i++)
            (void)printf("%02x", (unsigned char)v->bytes[i]);
        return;
    }
}

static void print_text_row(const struct table_map *m, const char *what, const struct value *v)
{
    (void)printf("ROW\t%s\t%s.%s", what, m->db, m->table);
    for (size_t i = 0; i < m->column_count; i++)
        print_text_value(&v[i]);
    (void)putchar('\n');
}

static bool same(const struct column *c, const struct value *v, const char *text, unsigned long len)
{
    char buf[64];
    bool numeric;

    if (v->kind == V_ABSENT)
        return c->generated;
    if (text == NULL || v->kind == V_NULL)
        return text == NULL && v->kind == V_NULL;
    numeric = v->kind == V_INT || v->kind == V_UINT;
    if (numeric) {
        if (v->kind == V_INT)
            (void)snprintf(buf, sizeof(buf), "%" PRId64, v->i);
        else
            (void)snprintf(buf, sizeof(buf), "%" PRIu64, v->u);
        return strcmp(buf, text) == 0 || (c->kind == CK_YEAR && v->u == 0 && atof(text) == 0) ||
               (strchr(text, '.') == NULL && text[0] == '0' && strtoull(text, NULL, 10) == v->u);
    }
    if (v->kind == V_FLOAT) /* the server shows six digits only */
        return strtof(text, NULL) == v->f || (double)v->f * 0.999999 <= strtod(text, NULL);
    if (v->kind == V_DOUBLE)
        return strtod(text, NULL) == v->d;
    return v->len == len && memcmp(v->bytes, text, len) == 0;
}

/* A column as it is asked for and as rows_test.c prints it: bytes in hex, numbers of sets. */
static void select_column(struct strbuf *sql, const struct column *c, bool hex)
{
    bool bits = c->kind == CK_BIT || c->kind == CK_ENUM || c->kind == CK_SET;
    bool bytes = c->kind >= CK_CHAR && c->kind <= CK_BLOB;

    bytes = hex && (bytes || c->kind == CK_GEOMETRY || c->kind == CK_VECTOR);
    strbuf_adds(sql, bytes ? "HEX(" : bits ? "CAST(" : "");
    sql_name(sql, c->name);
    strbuf_adds(sql, bytes ? ")" : bits ? " AS UNSIGNED)" : "");
}

/* One line a row: table, then the values, separated by tabs. */
static void write_row(struct tool *t, const struct table *table, const struct result *r)
{
    (void)fprintf(t->rows, "%s", table->name);
    for (unsigned i = 0; i < r->columns; i++)
        (void)fprintf(t->rows, "\t%s", r->row[i] == NULL ? "\\N" : r->row[i]);
    (void)fprintf(t->rows, "\n");
}

static void ask_row(struct tool *t, const struct table *table, int64_t id, bool hex,
                    struct result *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(1 << 20);

    strbuf_adds(&sql, "SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        strbuf_adds(&sql, i > 0 ? ", " : "");
        select_column(&sql, &table->columns[i], hex);
    }
    strbuf_adds(&sql, " FROM ");
    sql_table(&sql, table->db, table->name);
    strbuf_addf(&sql, " WHERE id = %" PRId64, id);
    if (conn_query(t->ask, strbuf_str(&sql), sql.len, ret, err) < 0)
        (void)printf("!! %s\n", err->message);
}

static void capture(struct tool *t, const struct table *table, int64_t id)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err err = { 0 };

    ask_row(t, table, id, true, &r, &err);
    if (r.columns > 0 && result_next(&r, &err) > 0)
        write_row(t, table, &r);
}

static void compare(struct tool *t, const struct table *table, const struct value *row)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct err err = { 0 };

    if (!t->check || strcmp(table->columns[0].name, "id") != 0)
        return;
    if (t->rows != NULL)
        capture(t, table, row[0].i);
    ask_row(t, table, row[0].i, false, &r, &err);
    if (err.code != ERR_NONE) {
        t->wrong++;
        return;
    }
    if (result_next(&r, &err) <= 0)
        return; /* deleted since */
    for (size_t i = 0; i < table->column_count; i++) {
        t->compared++;
        if (same(&table->columns[i], &row[i], r.row[i], r.lengths[i]))
            continue;
        t->wrong++;
        (void)printf("!! %s.%s %s id=%" PRId64 ": decoded ", table->db, table->name,
                     table->columns[i].name, row[0].i);
        print_value(&row[i]);
        (void)printf(" server ");
        if (r.row[i] == NULL)
            (void)printf("NULL");
        else
            print_bytes(r.row[i], r.lengths[i]);
        (void)printf("\n");
    }
}

static int take_map(struct tool *t, const struct event *e, struct err *err)
{
    struct entry n = { 0 }, *grown;

    if (table_map_parse(&t->format, e, &n.map, err) < 0)
        return -1;
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].map->table_id == n.map->table_id) {
            table_map_free(t->entries[i].map);
            t->entries[i].map = n.map;
            return 0;
        }
    if (catalog_table(t->ask, &t->dialect, n.map->db, n.map->table, &n.table, err) < 0) {
        (void)printf("-- %s\n", err->message);
        n.table = NULL;
    } else if (table_map_check(n.map, n.table, err) < 0) {
        (void)printf("!! %s\n", err->message);
        t->wrong++;
        table_free(n.table);
        n.table = NULL;
    }
    if (t->tables != NULL && n.table != NULL) {
        struct json_object *o = table_to_json(n.table);

        (void)fprintf(t->tables, "%s\n", json_object_to_json_string_ext(o, 0));
        (void)json_object_put(o);
    }
    err_reset(err);
    grown = reallocarray(t->entries, t->count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->entries = grown;
    t->entries[t->count++] = n;
    return 0;
}

static int take_rows(struct tool *t, const struct event *e, struct err *err)
{
    static const char *const names[] = { "INSERT", "UPDATE", "DELETE" };
    struct rows_flags flags;
    uint64_t id = rows_table_id(&t->format, e, &flags);
    const struct value *before, *after;

    for (size_t i = 0; i < t->count; i++) {
        _cleanup_(rows_closep)
        struct rows *r = NULL;
        const struct table_map *m = t->entries[i].map;
        int got;

        if (m->table_id != id)
            continue;
        if (rows_open(&t->format, e, m, t->entries[i].table, &r, err) < 0)
            return -1;
        (void)printf("  %s %s.%s\n", names[rows_kind(r)], m->db, m->table);
        while ((got = rows_next(r, &before, &after, err)) > 0) {
            if (t->text && before != NULL)
                print_text_row(m, "before", before);
            if (t->text && after != NULL)
                print_text_row(m, "after", after);
            if (before != NULL)
                print_row("before", before, m->column_count);
            if (after != NULL)
                print_row("after ", after, m->column_count);
            if (before == NULL && t->entries[i].table != NULL)
                compare(t, t->entries[i].table, after);
        }
        return got;
    }
    (void)printf("!! rows of unknown table %" PRIu64 "\n", id);
    return 0;
}

static int take_event(struct tool *t, const void *data, size_t len, struct err *err);

static int inner(void *ctx, const void *data, size_t len, struct err *err)
{
    return take_event(ctx, data, len, err);
}

static int print_gtid(struct tool *t, const struct event *e, struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *s = NULL;
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(65536);
    struct event_gtid g;

    if (event_gtid(&t->format, e, &g, err) < 0 || gtid_set_parse("", g.gtid.mariadb, &s, err) < 0)
        return -1;
    (void)gtid_set_add(s, &g.gtid);
    gtid_set_text(s, &b);
    (void)printf("  gtid %s standalone=%d last_committed=%" PRId64 " sequence=%" PRId64 "\n",
                 strbuf_str(&b), g.standalone, g.last_committed, g.sequence_number);
    return 0;
}

static int print_gtids(struct tool *t, const struct event *e, struct err *err)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *s = NULL;
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(65536);

    if (event_previous_gtids(&t->format, e, &s, err) < 0)
        return -1;
    gtid_set_text(s, &b);
    (void)printf("  set %s\n", strbuf_str(&b));
    return 0;
}

static int print_query(struct tool *t, const struct event *e, struct err *err)
{
    struct event_query q;

    if (event_query(&t->format, e, &q, err) < 0)
        return -1;
    (void)printf("  db=%.*s flags2=%x/%d mode=%" PRIx64 " charset=%u,%u,%u utf8mb4=%u zone=%s "
                 "explicit=%d: %.*s\n",
                 (int)q.db_len, q.db, q.flags2, q.has_flags2, q.sql_mode, q.charset_client,
                 q.collation_connection, q.collation_server, q.utf8mb4_collation, q.time_zone,
                 q.explicit_timestamps, (int)(q.sql_len > 300 ? 300 : q.sql_len), q.sql);
    event_query_done(&q);
    return 0;
}

static int take_event(struct tool *t, const void *data, size_t len, struct err *err)
{
    struct event e;

    if (event_parse(&t->format, data, len, &e, err) < 0)
        return -1;
    (void)printf("%u %s size=%u next=%u flags=%x\n", e.type, event_type_name(e.type), e.size,
                 e.next_pos, e.flags);
    switch (e.type) {
    case EV_FORMAT_DESCRIPTION:
        return event_format_description(&e, &t->format, err);
    case EV_TABLE_MAP:
        return take_map(t, &e, err);
    case EV_QUERY:
    case EV_MARIA_QUERY_COMPRESSED:
        return print_query(t, &e, err);
    case EV_GTID:
    case EV_ANONYMOUS_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
        return print_gtid(t, &e, err);
    case EV_PREVIOUS_GTIDS:
    case EV_MARIA_GTID_LIST:
        return print_gtids(t, &e, err);
    case EV_TRANSACTION_PAYLOAD:
        return event_payload_each(&t->format, &e, inner, t, err);
    case EV_WRITE_ROWS_V1:
    case EV_UPDATE_ROWS_V1:
    case EV_DELETE_ROWS_V1:
    case EV_WRITE_ROWS:
    case EV_UPDATE_ROWS:
    case EV_DELETE_ROWS:
    case EV_PARTIAL_UPDATE_ROWS:
    case EV_MARIA_WRITE_ROWS_COMPRESSED_V1:
    case EV_MARIA_UPDATE_ROWS_COMPRESSED_V1:
    case EV_MARIA_DELETE_ROWS_COMPRESSED_V1:
    case EV_MARIA_WRITE_ROWS_COMPRESSED:
    case EV_MARIA_UPDATE_ROWS_COMPRESSED:
    case EV_MARIA_DELETE_ROWS_COMPRESSED:
        return take_rows(t, &e, err);
    default:
        return 0;
    }
}

static int run(struct tool *t, const char *file, struct err *err)
{
    struct conn_options co = { .timeout_s = 60 };
    struct dump_options o = {
        .pos.offset = 4, .server_id = 4000000001, .heartbeat_ms = 1000, .non_block = true
    };
    struct conn *c = NULL;
    _cleanup_(dump_closep)
    struct dump *d = NULL;
    const uint8_t *data;
    size_t len;
    int got;

    if (conn_open(&t->to, &co, &t->ask, err) < 0 || dialect_detect(t->ask, &t->dialect, err) < 0)
        return -1;
    (void)snprintf(o.pos.file, sizeof(o.pos.file), "%s", file);
    if (conn_open(&t->to, &co, &c, err) < 0 || dump_open(c, &t->dialect, &o, &d, err) < 0)
        return -1;
    while ((got = dump_next(d, &data, &len, err)) > 0)
        if (take_event(t, data, len, err) < 0) {
            (void)printf("!! %s %s\n", err_symbol(err->code), err->message);
            t->wrong++;
        }
    return got;
}

static FILE *open_capture(const char *prefix, const char *what)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s.%s", prefix, what);
    return fopen(path, "we");
}

int main(int argc, char **argv)
{
    struct tool t = { 0 };
    struct err err = { 0 };
    int64_t port;

    if (argc < 6 || !num_parse_i64(argv[2], 1, 65535, &port)) {
        (void)fprintf(
            stderr,
            "usage: dump_tool HOST PORT USER PASSWORD FILE [text | check | capture PREFIX]\n");
        return 2;
    }
    t.to.host = argv[1];
    t.to.port = (int)port;
    t.to.user = argv[3];
    t.to.type = argv[1];
    t.text = argc > 6 && strcmp(argv[6], "text") == 0;
    t.check = argc > 6 && !t.text;
    if (argc > 7) {
        t.rows = open_capture(argv[7], "rows");
        t.tables = open_capture(argv[7], "tables");
    }
    if (secret_setup(&err) < 0 || secret_new(argv[4], strlen(argv[4]), &t.to.password, &err) < 0 ||
        run(&t, argv[5], &err) < 0) {
        (void)fprintf(stderr, "dump_tool: %s %s\n", err_symbol(err.code), err.message);
        return 1;
    }
    (void)printf("== compared=%" PRIu64 " wrong=%" PRIu64 "\n", t.compared, t.wrong);
    for (size_t i = 0; i < t.count; i++) {
        table_map_free(t.entries[i].map);
        table_free(t.entries[i].table);
    }
    if (t.rows != NULL)
        (void)fclose(t.rows);
    if (t.tables != NULL)
        (void)fclose(t.tables);
    free(t.entries);
    conn_close(t.ask);
    secret_free(t.to.password);
    return t.wrong > 0 ? 1 : 0;
}
