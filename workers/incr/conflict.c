#include "workers/incr/conflict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/session.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    SEND_MAX = 50,   /* unanswered at a time */
    LOOK_MS = 10000, /* even if nothing is known to be there */
    SOON_MS = 100,
    DOC_DEPTH = 4,
};

void conflicts_done(struct conflicts *c)
{
    free(c->sent);
    *c = (struct conflicts){ 0 };
}

static struct conflict_sent *find(struct conflicts *c, uint64_t seq, uint64_t n)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->sent[i].seq == seq && c->sent[i].n == n)
            return &c->sent[i];
    }
    return NULL;
}

/* ---- up ---- */

static int note_sent(struct conflicts *c, const struct result *r, struct err *err)
{
    struct conflict_sent *grown = reallocarray(c->sent, c->count + 1, sizeof(*grown));

    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for records of conflicts");
    c->sent = grown;
    grown[c->count++] =
        (struct conflict_sent){ result_u64(r, 0, 0), result_u64(r, 1, 0), result_u64(r, 2, 0) };
    return 0;
}

static int send_one(struct session *s, const struct result *r, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;

    if (json_parse(r->row[3], r->lengths[3], DOC_DEPTH, &doc, err) < 0)
        return err_wrap(err, "a row of cw_conflict");
    if (json_add_str(doc, "t", "conflict") < 0)
        return err_set(err, ERR_NOMEM, "no memory for the record of a conflict");
    FAULT("incr.conflict.before_send");
    if (note_sent(&s->sync->conflicts, r, err) < 0)
        return -1;
    report_message(s->sync->w->report, take_ptr(doc));
    return 0;
}

/* The oldest ones; those that are answered go, and make room for the next. */
static int send_some(struct session *s, struct err *err)
{
    struct conflicts *c = &s->sync->conflicts;
    _cleanup_(result_done)
    struct result r = { 0 };
    uint64_t rows = 0;
    int got;

    if (control_ask(s->conn, s->fence.schema, &r, err,
                    "SELECT seq, n, CRC32(doc), doc FROM @cw_conflict WHERE task = %q"
                    " ORDER BY seq, n LIMIT %u",
                    s->fence.task, (uint64_t)SEND_MAX) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        rows++;
        if (find(c, result_u64(&r, 0, 0), result_u64(&r, 1, 0)) == NULL && send_one(s, &r, err) < 0)
            return -1;
    }
    c->more = rows > 0;
    return got;
}

/* ---- down ---- */

static int remove_stored(struct session *s, struct json_object *keys, struct err *err)
{
    struct conflicts *c = &s->sync->conflicts;

    for (size_t i = 0; i < json_len(keys); i++) {
        struct json_object *key = json_at(keys, i);
        uint64_t seq = json_object_get_uint64(json_at(key, 0));
        uint64_t n = json_object_get_uint64(json_at(key, 1));
        const struct conflict_sent *sent = find(c, seq, n);
        if (sent != NULL &&
            control_exec(s->conn, s->fence.schema, NULL, err,
                         "DELETE FROM @cw_conflict WHERE task = %q AND seq = %u AND n = %u"
                         " AND CRC32(doc) = %u",
                         s->fence.task, seq, n, sent->crc) < 0)
            return -1;
    }
    return 0;
}

static void forget_stored(struct conflicts *c, struct json_object *keys)
{
    for (size_t i = 0; i < json_len(keys); i++) {
        struct json_object *key = json_at(keys, i);
        struct conflict_sent *sent = find(c, json_object_get_uint64(json_at(key, 0)),
                                          json_object_get_uint64(json_at(key, 1)));
        if (sent != NULL)
            *sent = c->sent[--c->count];
    }
}

static int take_stored(struct session *s, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *keys = report_take_stored(s->sync->w->report);

    if (keys == NULL)
        return 0;
    FAULT("incr.conflict.before_delete");
    if (control_begin_keep(s->conn, &s->fence, 0, err) < 0 ||
        control_finish(s->conn, remove_stored(s, keys, err), err) < 0)
        return -1;
    forget_stored(&s->sync->conflicts, keys);
    s->sync->conflicts.look_at = 0;
    return 0;
}

/* ---- when ---- */

static uint64_t sum(const uint64_t counts[static CONFLICT_MAX_])
{
    uint64_t all = 0;

    for (size_t i = 0; i < CONFLICT_MAX_; i++)
        all += counts[i];
    return all;
}

void conflicts_begin(struct session *s)
{
    s->sync->conflicts.more = true;
    s->sync->conflicts.look_at = 0;
    s->sync->conflicts.told = 0;
}

int conflicts_tick(struct session *s, struct err *err)
{
    struct conflicts *c = &s->sync->conflicts;
    int64_t now = clock_mono_ms();
    struct pool_stats stats;

    if (take_stored(s, err) < 0)
        return -1;
    pool_stats(s->pool, &stats);
    if (sum(stats.conflicts) == c->told && now < c->look_at)
        return 0;
    c->told = sum(stats.conflicts);
    if (send_some(s, err) < 0)
        return -1;
    c->look_at = now + (c->more ? SOON_MS : LOOK_MS);
    return 0;
}

void conflicts_end(struct session *s)
{
    struct err ignored = { 0 };
    struct pool_stats stats;

    if (s->pool == NULL)
        return;
    pool_stats(s->pool, &stats);
    for (size_t i = 0; i < CONFLICT_MAX_; i++)
        s->sync->conflicts.before[i] += stats.conflicts[i];
    if (send_some(s, &ignored) < 0)
        log_err(LOG_INFO, "incr", "conflicts_not_sent", &ignored);
}

struct json_object *conflicts_info(struct session *s)
{
    struct json_object *o = json_object_new_object(), *kinds = json_object_new_object();
    struct pool_stats stats;
    uint64_t total = 0;

    pool_stats(s->pool, &stats);
    for (size_t i = CONFLICT_NONE + 1; i < CONFLICT_MAX_; i++) {
        uint64_t n = s->sync->conflicts.before[i] + stats.conflicts[i];
        total += n;
        if (n > 0)
            (void)json_add_u64(kinds, conflict_kind_name((enum conflict_kind)i), n);
    }
    (void)json_add_u64(o, "total", total);
    (void)json_add(o, "byKind", kinds);
    return o;
}
