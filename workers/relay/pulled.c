#include "workers/relay/pulled.h"

#include <string.h>
#include <strings.h>

#include "workers/mysql/binlog/event.h"
#include "workers/relay/segment.h"

#include "base/banned.h"

enum { FIRST_OFFSET = 4 };

/* The transaction that is being read. */
struct state {
    struct pulled *to;
    struct binlog_format format;
    struct gtid gtid;
    bool open;
    bool begun; /* by a BEGIN of some kind: goes on until its end */
};

void pulled_done(struct pulled *p)
{
    gtid_set_free(p->gtids);
    *p = (struct pulled){ 0 };
}

static bool starts_with(const struct event_query *q, const char *word)
{
    size_t n = strlen(word);

    return q->sql_len >= n && strncasecmp(q->sql, word, n) == 0;
}

static bool is(const struct event_query *q, const char *word)
{
    return q->sql_len == strlen(word) && starts_with(q, word);
}

static int end(struct state *s, struct err *err)
{
    if (s->open && gtid_set_add(s->to->gtids, &s->gtid) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->open = s->begun = false;
    return 0;
}

static int on_gtid(struct state *s, const struct event *e, struct err *err)
{
    struct event_gtid g;

    if (event_gtid(&s->format, e, &g, err) < 0)
        return -1;
    s->to->groups++;
    s->to->anonymous = s->to->anonymous || g.gtid.anonymous;
    s->gtid = g.gtid;
    s->open = true;
    s->begun = g.gtid.mariadb && !g.standalone;
    return 0;
}

/* As servers write these statements; a user's own are inside, or stand alone behind a GTID. */
static int on_query(struct state *s, const struct event *e, struct err *err)
{
    struct event_query q;
    int got = 0;

    if (event_query(&s->format, e, &q, err) < 0)
        return -1;
    if (!s->open) {
        s->to->anonymous = true;
        s->to->groups++;
    } else if (is(&q, "BEGIN") || starts_with(&q, "XA START")) {
        s->begun = true;
    } else if (!s->begun || is(&q, "COMMIT") || is(&q, "ROLLBACK") ||
               (starts_with(&q, "XA ") && !starts_with(&q, "XA END"))) {
        got = end(s, err);
    }
    event_query_done(&q);
    return got;
}

static int on_event(struct state *s, const struct record *r, struct err *err)
{
    struct event e;

    if (event_parse(&s->format, r->data, r->len, &e, err) < 0)
        return -1;
    switch (e.type) {
    case EV_FORMAT_DESCRIPTION:
        /* at the head of a new file: what was open in the one before was lost in a crash */
        if (binlog_pos_cmp(&r->start, &r->end) != 0 && r->start.offset == FIRST_OFFSET)
            s->open = false;
        return event_format_description(&e, &s->format, err);
    case EV_GTID:
    case EV_ANONYMOUS_GTID:
    case EV_GTID_TAGGED:
    case EV_MARIA_GTID:
        return on_gtid(s, &e, err);
    case EV_QUERY:
    case EV_MARIA_QUERY_COMPRESSED:
        return on_query(s, &e, err);
    case EV_XID:
    case EV_XA_PREPARE:
    case EV_TRANSACTION_PAYLOAD: /* whole transactions only */
        return end(s, err);
    default:
        return 0;
    }
}

int pulled_read(const char *dir, const struct checkpoint *cp, bool mariadb, struct pulled *ret,
                struct err *err)
{
    _cleanup_(relay_reader_closep)
    struct relay_reader *reader = NULL;
    _cleanup_(pulled_done)
    struct pulled p = { 0 };
    struct state s = { .to = &p };
    struct record r;
    int got;

    if (gtid_set_parse(cp->gtid_set, mariadb, &p.gtids, err) < 0)
        return err_wrap(err, "GTID set of the checkpoint");
    if (relay_reader_open(dir, &cp->pos, &reader, err) < 0)
        return -1;
    while ((got = relay_reader_next(reader, &r, err)) > 0) {
        if (r.kind == RECORD_ERA)
            s.open = false;
        else if (r.kind == RECORD_EVENT && on_event(&s, &r, err) < 0)
            return err_wrap(err, "what the relay holds");
    }
    if (got < 0)
        return -1;
    *ret = p;
    p = (struct pulled){ 0 };
    return 0;
}
