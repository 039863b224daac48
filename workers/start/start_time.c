/* The position that belongs to a time: the file by bisection, the transaction by reading it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "workers/mysql/binlog/event.h"
#include "workers/start/start.h"

#include "base/banned.h"

enum { FIRST_OFFSET = 4, TIMEOUT_S = 60, FILES_MAX = 1 << 20 };

struct files {
    char (*names)[BINLOG_FILE_MAX];
    size_t count;
};

static int list_files(struct conn *c, struct files *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    size_t cap = 0;
    int got;

    if (conn_queryf(c, &r, err, "SHOW BINARY LOGS") < 0)
        return -1;
    while ((got = result_next(&r, err)) > 0) {
        if (ret->count == cap) {
            void *grown = cap > FILES_MAX ? NULL
                                          : reallocarray(ret->names, cap = cap == 0 ? 64 : cap * 2,
                                                         sizeof(*ret->names));

            if (grown == NULL)
                return err_set(err, ERR_NOMEM, "out of memory");
            ret->names = grown;
        }
        (void)snprintf(ret->names[ret->count++], BINLOG_FILE_MAX, "%s", result_str(&r, 0, ""));
    }
    if (got == 0 && ret->count == 0)
        return err_set(err, ERR_BINLOG_OFF, "the source writes no binlog (log_bin is off)");
    return got;
}

static int open_at(struct worker *w, const struct dialect *d, const char *file, struct dump **ret,
                   struct err *err)
{
    struct conn_options co = { .timeout_s = TIMEOUT_S };
    struct dump_options o = { .pos.offset = FIRST_OFFSET,
                              .server_id = start_server_id(w->task, "start"),
                              .heartbeat_ms = 1000,
                              .non_block = true };
    struct conn *c;

    (void)snprintf(o.pos.file, sizeof(o.pos.file), "%s", file);
    if (conn_open(&w->task->ends[END_SOURCE], &co, &c, err) < 0)
        return -1;
    return dump_open(c, d, &o, ret, err);
}

/* When the file was begun: the time of its FORMAT_DESCRIPTION. */
static int file_time(struct worker *w, const struct dialect *d, const char *file, int64_t *ret,
                     struct err *err)
{
    _cleanup_(dump_closep)
    struct dump *dump = NULL;
    struct binlog_format none = { 0 };
    struct event e;
    const uint8_t *data;
    size_t len;
    int got;

    if (open_at(w, d, file, &dump, err) < 0)
        return -1;
    while ((got = dump_next(dump, &data, &len, err)) > 0) {
        if (event_parse(&none, data, len, &e, err) < 0)
            return -1;
        if (e.type == EV_FORMAT_DESCRIPTION) {
            *ret = e.timestamp;
            return 0;
        }
    }
    return got < 0 ? -1 : err_set(err, ERR_BINLOG_MALFORMED, "%s holds nothing", file);
}

/* A file being read up to the first transaction of the wanted time. */
struct seek {
    int64_t since;
    struct binlog_format format;
    struct binlog_pos pos; /* behind the last event */
    bool inside;           /* between a transaction's begin and its end */
    bool gtids;            /* transactions begin with a GTID event */
    bool found;
    struct gtid_set *executed; /* of everything before `pos` */
    struct gtid last;          /* of the transaction we are in */
    bool has_last;
};

static bool query_is(const struct event_query *q, const char *word)
{
    return q->sql_len == strlen(word) && strncasecmp(q->sql, word, q->sql_len) == 0;
}

static bool is_gtid(unsigned type)
{
    return type == EV_GTID || type == EV_ANONYMOUS_GTID || type == EV_GTID_TAGGED ||
           type == EV_MARIA_GTID;
}

/* Does this event begin a transaction (or stand alone)? */
static int begins(struct seek *s, const struct event *e, bool *ret, struct err *err)
{
    struct event_query q;

    *ret = false;
    if (is_gtid(e->type)) {
        s->gtids = true;
        *ret = true;
    } else if (!s->gtids && !s->inside &&
               (e->type == EV_QUERY || e->type == EV_MARIA_QUERY_COMPRESSED)) {
        if (event_query(&s->format, e, &q, err) < 0)
            return -1;
        s->inside = query_is(&q, "BEGIN");
        event_query_done(&q);
        *ret = true;
    }
    return 0;
}

static int ends(struct seek *s, const struct event *e, bool *ret, struct err *err)
{
    struct event_query q;

    *ret = e->type == EV_XID;
    if (e->type == EV_QUERY) {
        if (event_query(&s->format, e, &q, err) < 0)
            return -1;
        *ret = query_is(&q, "COMMIT") || query_is(&q, "ROLLBACK");
        event_query_done(&q);
    }
    return 0;
}

/* The transaction before the one that begins now is complete. */
static int count_last(struct seek *s, struct err *err)
{
    if (s->has_last && s->executed != NULL && gtid_set_add(s->executed, &s->last) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->has_last = false;
    return 0;
}

static int seek_event(struct seek *s, const struct event *e, struct err *err)
{
    struct event_gtid g;
    bool yes;

    if (e->type == EV_FORMAT_DESCRIPTION)
        return event_format_description(e, &s->format, err);
    if (e->type == EV_PREVIOUS_GTIDS || e->type == EV_MARIA_GTID_LIST) {
        gtid_set_free(take_ptr(s->executed));
        return event_previous_gtids(&s->format, e, &s->executed, err);
    }
    if (begins(s, e, &yes, err) < 0)
        return -1;
    if (yes) {
        if (count_last(s, err) < 0)
            return -1;
        if (e->timestamp >= s->since) {
            s->found = true;
            return 0;
        }
    }
    if (is_gtid(e->type)) {
        if (event_gtid(&s->format, e, &g, err) < 0)
            return -1;
        s->last = g.gtid;
        s->has_last = !g.gtid.anonymous;
    }
    if (ends(s, e, &yes, err) < 0)
        return -1;
    if (yes)
        s->inside = false;
    return 0;
}

/* Reads on from the file's beginning; past its end into the next ones. */
static int seek_run(struct worker *w, struct dump *dump, struct seek *s, struct err *err)
{
    const uint8_t *data;
    struct event e;
    size_t len;
    int got;

    while ((got = dump_next(dump, &data, &len, err)) > 0) {
        if (report_stopping(w->report))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        if (event_parse(&s->format, data, len, &e, err) < 0)
            return -1;
        if (e.type == EV_ROTATE) {
            struct event_rotate r;

            if (event_rotate(&s->format, &e, &r, err) < 0)
                return -1;
            memcpy(s->pos.file, r.file, sizeof(r.file));
            s->pos.offset = r.pos;
            continue;
        }
        if (seek_event(s, &e, err) < 0)
            return -1;
        if (s->found)
            return 0;
        if (e.next_pos != 0 && (e.flags & EVENT_FLAG_ARTIFICIAL) == 0 && e.type != EV_HEARTBEAT)
            s->pos.offset += e.size;
    }
    return got < 0 ? -1 : count_last(s, err);
}

static int too_old(const char *file, int64_t oldest, int64_t wanted, struct err *err)
{
    char has[CLOCK_TEXT_LEN], wants[CLOCK_TEXT_LEN];

    (void)err_set(err, ERR_BINLOG_PURGED,
                  "the oldest binlog of the source (%s) begins at %s UTC, startTimestamp is %s UTC",
                  file, clock_text(oldest, has), clock_text(wanted, wants));
    return err_advise(err, "Choose a startTimestamp of at least %" PRId64 ", or run a full copy.",
                      oldest);
}

/* The last file that was begun before `since`: one begun in that second has events of it before. */
static int find_file(struct worker *w, const struct dialect *d, const struct files *files,
                     int64_t since, size_t *ret, struct err *err)
{
    size_t low = 0, high = files->count; /* low is known to be old enough, high not */
    int64_t begun;

    if (file_time(w, d, files->names[0], &begun, err) < 0)
        return -1;
    if (begun > since)
        return too_old(files->names[0], begun, since, err);
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (report_stopping(w->report))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        if (file_time(w, d, files->names[mid], &begun, err) < 0)
            return -1;
        if (begun < since)
            low = mid;
        else
            high = mid;
    }
    *ret = low;
    return 0;
}

static int seek_in(struct worker *w, const struct dialect *d, const char *file, struct seek *s,
                   struct checkpoint *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf gtids = STRBUF(16 * 1024 * 1024);
    _cleanup_(dump_closep)
    struct dump *dump = NULL;

    if (open_at(w, d, file, &dump, err) < 0 || seek_run(w, dump, s, err) < 0)
        return -1;
    if (s->executed != NULL) {
        gtid_set_text(s->executed, &gtids);
        if (strbuf_take(&gtids, &ret->gtid_set, err) < 0)
            return -1;
    }
    ret->pos = s->pos;
    ret->source_ts = s->since;
    return 0;
}

int start_by_time(struct worker *w, struct conn *c, const struct dialect *d, int64_t unix_s,
                  struct checkpoint *ret, struct err *err)
{
    struct files files = { 0 };
    struct seek s = { .since = unix_s };
    size_t at = 0;
    int r;

    r = list_files(c, &files, err);
    if (r == 0)
        r = find_file(w, d, &files, unix_s, &at, err);
    if (r == 0)
        r = seek_in(w, d, files.names[at], &s, ret, err);
    gtid_set_free(s.executed);
    free(files.names);
    return r;
}
