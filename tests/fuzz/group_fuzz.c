/*
 * A binlog file, its magic number included, through the reader of transactions: numbering, table
 * maps, statements, XA. The tables of the captured binlogs are in scope; what reaches the callbacks
 * must come in the promised order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/num.h"
#include "workers/incr/group.h"

#include "base/banned.h"

enum {
    MAGIC_LEN = 4,
    SIZE_OFFSET = 9,
    CHECKSUM_LEN = 4,
    TABLES_MAX = 64,
    FILE_MAX = 1 << 20,
    JSON_DEPTH = 16,
};

struct fuzz {
    uint64_t seq;
    bool open, skip, xa;
    size_t sum;
};

static struct plans *plans;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void load(struct catalog *c, const char *server)
{
    char path[1024];
    char *text = NULL, *line, *rest;
    size_t len;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/%s.tables", SAMPLE_DIR, server);
    must(fs_read_all(path, FILE_MAX, &text, &len, &err) == 0);
    for (line = text; *line != '\0' && c->count < TABLES_MAX; line = rest) {
        struct json_object *o = NULL;
        struct table *t = NULL;

        rest = strchr(line, '\n');
        must(rest != NULL);
        *rest++ = '\0';
        must(json_parse(line, strlen(line), JSON_DEPTH, &o, &err) == 0 &&
             table_from_json(o, &t, &err) == 0);
        json_object_put(o);
        /* the three servers have tables of the same names */
        if (map_get(c->by_name, t->name) == NULL && map_set(c->by_name, t->name, t) == 0)
            c->tables[c->count++] = t;
        else
            table_free(t);
    }
    free(text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct table *tables[TABLES_MAX];
    static struct catalog c = { .tables = tables };
    struct err err;

    (void)argc;
    (void)argv;
    c.by_name = map_new();
    must(c.by_name != NULL);
    load(&c, "mysql97");
    load(&c, "mariadb");
    load(&c, "mysql56");
    must(plans_new(&c, false, &plans, &err) == 0);
    return 0;
}

static int on_begin(void *ctx, const struct group_info *g, struct err *err)
{
    struct fuzz *f = ctx;

    (void)err;
    must(!f->open && g->seq == f->seq + 1);
    f->seq = g->seq;
    f->open = true;
    f->xa = false;
    f->skip = g->seq % 7 == 0;
    return f->skip ? 1 : 0;
}

static int on_rows(void *ctx, const struct group_row_event *e, struct err *err)
{
    struct fuzz *f = ctx;
    struct rows *r = NULL;
    const struct value *before, *after;
    int got;

    must(f->open && !f->skip && e->plan != NULL);
    if (rows_open(e->format, e->event, e->map, e->plan->t, &r, err) < 0)
        return -1;
    while ((got = rows_next(r, &before, &after, err)) > 0)
        f->sum += before != NULL ? before[0].len : after[0].len;
    rows_close(r);
    return got;
}

static int on_savepoint(void *ctx, enum statement_kind kind, const char *name, struct err *err)
{
    struct fuzz *f = ctx;

    (void)err;
    must(f->open && !f->skip);
    f->sum += kind + strlen(name);
    return 0;
}

static int on_statement(void *ctx, const struct group_statement *s, struct err *err)
{
    struct fuzz *f = ctx;

    (void)err;
    must(f->open && !f->skip);
    f->sum += s->sql_len + s->parsed->ref_count;
    return 0;
}

static int on_end(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err)
{
    struct fuzz *f = ctx;

    (void)err;
    must(f->open);
    f->open = false;
    f->sum += (size_t)commit + (size_t)ts + end->offset;
    return 0;
}

static int on_xa(void *ctx, enum group_xa what, const char *xid, struct err *err)
{
    struct fuzz *f = ctx;

    (void)err;
    must(f->open && !f->skip);
    f->sum += (size_t)what + strlen(xid);
    return 0;
}

/* Without its checksum, which the fuzzer could not make. Returns the length. */
static size_t plain(uint8_t *event, size_t len)
{
    if (len > EVENT_HEADER_LEN + CHECKSUM_LEN && event[4] == EV_FORMAT_DESCRIPTION)
        event[len - CHECKSUM_LEN - 1] = 0;
    else if (len >= EVENT_HEADER_LEN + CHECKSUM_LEN)
        len -= CHECKSUM_LEN;
    for (unsigned i = 0; i < 4; i++)
        event[SIZE_OFFSET + i] = (uint8_t)(len >> (8 * i));
    return len;
}

static int feed(struct group *g, const uint8_t *data, size_t size, size_t at)
{
    struct record r = { .kind = RECORD_EVENT };
    uint8_t *copy = malloc(size);
    struct err err = { 0 };
    int got;

    must(copy != NULL);
    memcpy(copy, data, size);
    r.data = copy;
    r.len = plain(copy, size);
    (void)snprintf(r.start.file, sizeof(r.start.file), "bin.000001");
    r.end = r.start;
    r.start.offset = at;
    r.end.offset = at + size;
    got = group_feed(g, &r, &err);
    must(got == 0 || (err.code != ERR_NONE && err.code != ERR_INTERNAL));
    free(copy);
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct group_ops ops = { .begin = on_begin,
                                          .rows = on_rows,
                                          .savepoint = on_savepoint,
                                          .statement = on_statement,
                                          .end = on_end,
                                          .xa = on_xa };
    struct fuzz f = { 0 };
    struct group *g = NULL;
    struct err err;
    size_t at = MAGIC_LEN;

    must(group_new(plans, &ops, &f, 0, &g, &err) == 0);
    while (at + EVENT_HEADER_LEN <= len) {
        struct cursor c = cursor_of(data + at + SIZE_OFFSET, 4);
        size_t size = (size_t)cursor_le(&c, 4);

        if (size < EVENT_HEADER_LEN || size > len - at)
            size = len - at;
        if (feed(g, data + at, size, at) < 0)
            break; /* as the worker does */
        at += size;
    }
    group_free(g);
    return 0;
}
