/* QUERY events, and the zlib form in which MariaDB compresses them and its row events. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/num.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/inflate.h"

#include "base/banned.h"

enum {
    EXPANDED_MAX = 1024 * 1024 * 1024, /* no event is larger (MySQL: max_log_event_size) */
    EXPANSION_MAX = 1100,              /* zlib can't do better than about 1:1032 */
};

/* Status variables of a QUERY event, as far as the two that are wanted (MySQL source,
 * statement_events.h, "Query_event_status_vars"; both stand before any that a reader may not know).
 */
enum {
    Q_FLAGS2 = 0,
    Q_SQL_MODE = 1,
    Q_CATALOG = 2,
    Q_AUTO_INCREMENT = 3,
    Q_CHARSET = 4,
    Q_TIME_ZONE = 5,
    Q_CATALOG_NZ = 6
};

static void status_vars(struct cursor *c, struct event_query *q)
{
    while (!c->bad && cursor_left(c) > 0) {
        switch (cursor_le(c, 1)) {
        case Q_FLAGS2:
            (void)cursor_bytes(c, 4);
            break;
        case Q_SQL_MODE:
            q->sql_mode = cursor_le(c, 8);
            q->has_sql_mode = !c->bad;
            break;
        case Q_CATALOG:
            (void)cursor_bytes(c, (size_t)cursor_le(c, 1) + 1);
            break;
        case Q_AUTO_INCREMENT:
            (void)cursor_bytes(c, 4);
            break;
        case Q_CHARSET:
            q->charset_client = (uint16_t)cursor_le(c, 2);
            return;
        case Q_TIME_ZONE:
        case Q_CATALOG_NZ:
            (void)cursor_bytes(c, (size_t)cursor_le(c, 1));
            break;
        default:
            return;
        }
    }
}

int binlog_inflate(const void *data, size_t len, char **ret, size_t *ret_len, struct err *err)
{
    struct cursor c = cursor_of(data, len);
    unsigned head = (unsigned)cursor_le(&c, 1), bytes = head & 7;
    uint64_t want = bytes == 0 ? 0 : cursor_be(&c, bytes);
    _cleanup_(freep)
    char *out = NULL;
    uLongf got;

    if ((head & 0x80) == 0 || (head >> 4 & 7) != 0 || bytes == 0 || bytes > 4 || c.bad)
        return err_set(err, ERR_BINLOG_MALFORMED, "compressed part with header 0x%02x", head);
    if (want > EXPANDED_MAX || want / EXPANSION_MAX > len)
        return err_set(err, ERR_BINLOG_MALFORMED, "%zu compressed bytes that claim to be %llu", len,
                       (unsigned long long)want);
    out = malloc((size_t)want + 1);
    if (out == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an event of %llu bytes",
                       (unsigned long long)want);
    got = (uLongf)want;
    if (uncompress((Bytef *)out, &got, c.p, cursor_left(&c)) != Z_OK || got != want)
        return err_set(err, ERR_BINLOG_MALFORMED, "%zu compressed bytes can't be expanded", len);
    out[want] = '\0';
    *ret = take_ptr(out);
    *ret_len = (size_t)want;
    return 0;
}

int event_query(const struct binlog_format *f, const struct event *e, struct event_query *ret,
                struct err *err)
{
    struct cursor c = cursor_of(e->body, e->body_len), vars = { 0 };
    struct event_query q = { .explicit_timestamps = -1 };
    size_t db_len, vars_len;
    const uint8_t *at;

    (void)f;
    q.thread_id = (uint32_t)cursor_le(&c, 4);
    (void)cursor_le(&c, 4); /* seconds it took */
    db_len = (size_t)cursor_le(&c, 1);
    q.error_code = (uint16_t)cursor_le(&c, 2);
    vars_len = (size_t)cursor_le(&c, 2);
    at = cursor_bytes(&c, vars_len);
    if (at != NULL) {
        vars = cursor_of(at, vars_len);
        status_vars(&vars, &q);
    }
    at = cursor_bytes(&c, db_len + 1); /* and its NUL */
    if (c.bad || vars.bad || at == NULL || at[db_len] != '\0')
        return err_set(err, ERR_BINLOG_MALFORMED, "damaged query event of %u bytes", e->size);
    q.db = (const char *)at;
    q.db_len = db_len;
    q.sql = (const char *)c.p;
    q.sql_len = cursor_left(&c);
    if (e->type == EV_MARIA_QUERY_COMPRESSED) {
        if (binlog_inflate(c.p, cursor_left(&c), &q.owned, &q.sql_len, err) < 0)
            return err_wrap(err, "query event");
        q.sql = q.owned;
    }
    *ret = q;
    return 0;
}

void event_query_done(struct event_query *q)
{
    free(q->owned);
    q->owned = NULL;
}
