#include "workers/mysql/binlog/peek.h"

#include <stdlib.h>

#include "base/banned.h"

enum { MAPS_MAX = 256 };

struct peek {
    int (*fn)(void *ctx, const struct peek_row *r, struct err *err);
    void *ctx;
    struct binlog_format format;
    struct table_map *maps[MAPS_MAX];
    size_t map_count;
    bool rows_seen; /* of the transaction */
};

int peek_new(int (*fn)(void *ctx, const struct peek_row *r, struct err *err), void *ctx,
             struct peek **ret, struct err *err)
{
    struct peek *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "no memory to read a binlog");
    p->fn = fn;
    p->ctx = ctx;
    *ret = p;
    return 0;
}

static void maps_clear(struct peek *p)
{
    for (size_t i = 0; i < p->map_count; i++)
        table_map_free(p->maps[i]);
    p->map_count = 0;
}

void peek_free(struct peek *p)
{
    if (p == NULL)
        return;
    maps_clear(p);
    free(p);
}

static size_t find_map(const struct peek *p, uint64_t id)
{
    size_t at = 0;

    while (at < p->map_count && p->maps[at]->table_id != id)
        at++;
    return at;
}

static int on_map(struct peek *p, const struct event *e, struct err *err)
{
    struct table_map *map;
    size_t at;

    if (table_map_parse(&p->format, e, &map, err) < 0)
        return -1;
    at = find_map(p, map->table_id);
    if (at == MAPS_MAX) { /* maps come again with each statement */
        maps_clear(p);
        at = 0;
    }
    if (at == p->map_count)
        p->map_count++;
    else
        table_map_free(p->maps[at]);
    p->maps[at] = map;
    return 0;
}

static int on_rows(struct peek *p, const struct event *e, struct err *err)
{
    struct rows_flags flags;
    size_t at = find_map(p, rows_table_id(&p->format, e, &flags));
    struct peek_row r = { .first = !p->rows_seen, .event = e, .format = &p->format };

    if (at == p->map_count) /* of a statement that began before we did, or MySQL's empty one */
        return 0;
    p->rows_seen = true;
    r.map = p->maps[at];
    return p->fn(p->ctx, &r, err);
}

static int on_inner(void *ctx, const void *data, size_t len, struct err *err)
{
    return peek_event(ctx, data, len, err);
}

/* Savepoints are statements, too, and end nothing. */
static bool ends_transaction(const struct event *e)
{
    static const char word[] = "SAVEPOINT";

    for (size_t i = 0; i + sizeof(word) - 1 <= e->body_len; i++) {
        size_t k = 0;
        while (k < sizeof(word) - 1 && (e->body[i + k] & 0xdf) == (uint8_t)word[k])
            k++;
        if (k == sizeof(word) - 1)
            return false;
    }
    return true;
}

int peek_event(struct peek *p, const void *data, size_t len, struct err *err)
{
    struct event e;

    if (event_parse(&p->format, data, len, &e, err) < 0)
        return -1;
    switch (e.type) {
    case EV_FORMAT_DESCRIPTION:
        maps_clear(p);
        return event_format_description(&e, &p->format, err);
    case EV_GTID:
    case EV_ANONYMOUS_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
    case EV_XID:
    case EV_XA_PREPARE:
        p->rows_seen = false;
        return 0;
    case EV_QUERY: /* BEGIN and COMMIT, where there is nothing else */
        if (p->rows_seen && ends_transaction(&e))
            p->rows_seen = false;
        return 0;
    case EV_TABLE_MAP:
        return on_map(p, &e, err);
    case EV_TRANSACTION_PAYLOAD:
        return event_payload_each(&p->format, &e, on_inner, p, err);
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
        return on_rows(p, &e, err);
    default:
        return 0;
    }
}

bool peek_may_skip(unsigned type)
{
    return type == EV_TABLE_MAP || (type >= EV_WRITE_ROWS_V1 && type <= EV_DELETE_ROWS_V1) ||
           (type >= EV_ROWS_QUERY && type <= EV_DELETE_ROWS) || type == EV_PARTIAL_UPDATE_ROWS ||
           type == EV_MARIA_ANNOTATE ||
           (type >= EV_MARIA_WRITE_ROWS_COMPRESSED_V1 && type <= EV_MARIA_DELETE_ROWS_COMPRESSED);
}

bool peek_inside(const struct peek *p)
{
    return p->rows_seen;
}
