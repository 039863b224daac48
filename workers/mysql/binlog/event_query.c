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

/*
 * Status variables of a QUERY event. Numbers and lengths: MySQL source, statement_events.h,
 * "Query_event_status_vars"; MariaDB source, log_event.h (from 128 on; its 131 stands before the
 * smaller ones).
 */
enum status_var {
    Q_FLAGS2 = 0,
    Q_SQL_MODE = 1,
    Q_CATALOG = 2,
    Q_AUTO_INCREMENT = 3,
    Q_CHARSET = 4,
    Q_TIME_ZONE = 5,
    Q_CATALOG_NZ = 6,
    Q_LC_TIME_NAMES = 7,
    Q_CHARSET_DATABASE = 8,
    Q_TABLE_MAP_FOR_UPDATE = 9,
    Q_MASTER_DATA_WRITTEN = 10,
    Q_INVOKER = 11,
    Q_UPDATED_DB_NAMES = 12,
    Q_MICROSECONDS = 13,
    Q_COMMIT_TS = 14,  /* never written */
    Q_COMMIT_TS2 = 15, /* never written */
    Q_EXPLICIT_DEFAULTS_FOR_TIMESTAMP = 16,
    Q_DDL_LOGGED_WITH_XID = 17,
    Q_DEFAULT_COLLATION_FOR_UTF8MB4 = 18,
    Q_SQL_REQUIRE_PRIMARY_KEY = 19,
    Q_DEFAULT_TABLE_ENCRYPTION = 20,
    Q_MARIA_HRNOW = 128,
    Q_MARIA_XID = 129,
    Q_MARIA_GTID_FLAGS3 = 130,
    Q_MARIA_CHARACTER_SET_COLLATIONS = 131,
};
enum {
    OVER_MAX_DBS = 254,
    MARIA_EXPLICIT_TIMESTAMP = 1 << 24, /* OPTION_EXPLICIT_DEF_TIMESTAMP */
    MARIA_EXPLICIT_SINCE = 101000,      /* the default is ON from here on: the bit is there */
};

static void skip_counted(struct cursor *c, size_t each)
{
    (void)cursor_bytes(c, (size_t)cursor_le(c, 1) * each);
}

static void take_time_zone(struct cursor *c, struct event_query *q)
{
    size_t len = (size_t)cursor_le(c, 1);
    const uint8_t *at = cursor_bytes(c, len);

    /* a longer one than any that the servers have tables for stays unknown */
    if (at != NULL && len < sizeof(q->time_zone) && memchr(at, '\0', len) == NULL) {
        memcpy(q->time_zone, at, len);
        q->time_zone[len] = '\0';
    }
}

/* With the number of the GTID that began it, when this is the end of an ALTER. */
static void take_flags3(struct cursor *c, struct event_query *q)
{
    unsigned flags = (unsigned)cursor_le(c, 1);

    q->alter_part = (uint8_t)(flags & (QUERY_ALTER_BEGINS | QUERY_ALTER_ENDS | QUERY_ALTER_FAILED));
    if ((flags & (QUERY_ALTER_ENDS | QUERY_ALTER_FAILED)) != 0)
        (void)cursor_le(c, 8);
}

static void skip_db_names(struct cursor *c)
{
    unsigned count = (unsigned)cursor_le(c, 1);

    for (; count > 0 && count < OVER_MAX_DBS && !c->bad; count--) {
        const uint8_t *end = memchr(c->p, '\0', cursor_left(c));

        if (end == NULL)
            c->bad = true;
        else
            c->p = end + 1;
    }
}

/* Those that only have to be passed over. False: not known, hence neither is where it ends. */
static bool skip_var(struct cursor *c, unsigned code)
{
    switch (code) {
    case Q_SQL_REQUIRE_PRIMARY_KEY:
    case Q_DEFAULT_TABLE_ENCRYPTION:
        (void)cursor_le(c, 1);
        return true;
    case Q_LC_TIME_NAMES:
    case Q_CHARSET_DATABASE:
        (void)cursor_le(c, 2);
        return true;
    case Q_MICROSECONDS:
    case Q_MARIA_HRNOW:
        (void)cursor_le(c, 3);
        return true;
    case Q_AUTO_INCREMENT:
    case Q_MASTER_DATA_WRITTEN:
        (void)cursor_le(c, 4);
        return true;
    case Q_TABLE_MAP_FOR_UPDATE:
    case Q_DDL_LOGGED_WITH_XID:
    case Q_MARIA_XID:
        (void)cursor_le(c, 8);
        return true;
    case Q_CATALOG: /* with a NUL behind */
        (void)cursor_bytes(c, (size_t)cursor_le(c, 1) + 1);
        return true;
    case Q_CATALOG_NZ:
        skip_counted(c, 1);
        return true;
    case Q_INVOKER: /* user, host */
        skip_counted(c, 1);
        skip_counted(c, 1);
        return true;
    case Q_UPDATED_DB_NAMES:
        skip_db_names(c);
        return true;
    case Q_MARIA_CHARACTER_SET_COLLATIONS:
        skip_counted(c, 4);
        return true;
    default:
        return false;
    }
}

static void status_vars(struct cursor *c, struct event_query *q)
{
    bool known = true;

    while (known && !c->bad && cursor_left(c) > 0) {
        unsigned code = (unsigned)cursor_le(c, 1);

        switch (code) {
        case Q_FLAGS2:
            q->flags2 = (uint32_t)cursor_le(c, 4);
            q->has_flags2 = !c->bad;
            break;
        case Q_SQL_MODE:
            q->sql_mode = cursor_le(c, 8);
            q->has_sql_mode = !c->bad;
            break;
        case Q_CHARSET:
            q->charset_client = (uint16_t)cursor_le(c, 2);
            q->collation_connection = (uint16_t)cursor_le(c, 2);
            q->collation_server = (uint16_t)cursor_le(c, 2);
            break;
        case Q_MARIA_GTID_FLAGS3:
            take_flags3(c, q);
            break;
        case Q_TIME_ZONE:
            take_time_zone(c, q);
            break;
        case Q_EXPLICIT_DEFAULTS_FOR_TIMESTAMP:
            q->explicit_timestamps = cursor_le(c, 1) != 0;
            break;
        case Q_DEFAULT_COLLATION_FOR_UTF8MB4:
            q->utf8mb4_collation = (uint16_t)cursor_le(c, 2);
            break;
        default:
            known = skip_var(c, code);
            break;
        }
    }
}

/* MariaDB has the session's explicit_defaults_for_timestamp among its flags. */
static void maria_explicit(const struct binlog_format *f, struct event_query *q)
{
    if (!f->mariadb || !q->has_flags2)
        return;
    if ((q->flags2 & MARIA_EXPLICIT_TIMESTAMP) != 0)
        q->explicit_timestamps = 1;
    else if (event_server_version(f) >= MARIA_EXPLICIT_SINCE)
        q->explicit_timestamps = 0;
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

    q.thread_id = (uint32_t)cursor_le(&c, 4);
    (void)cursor_le(&c, 4); /* seconds it took */
    db_len = (size_t)cursor_le(&c, 1);
    q.error_code = (uint16_t)cursor_le(&c, 2);
    vars_len = (size_t)cursor_le(&c, 2);
    at = cursor_bytes(&c, vars_len);
    if (at != NULL) {
        vars = cursor_of(at, vars_len);
        status_vars(&vars, &q);
        maria_explicit(f, &q);
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
