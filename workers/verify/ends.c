#include "workers/verify/ends.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "workers/mysql/binlog/dump.h"

#include "base/banned.h"

enum {
    ANSWER_S = 3600, /* a chunk is small, but a table without a key is read in one statement */
    LOCK_WAIT_S = 2, /* of a look at single rows; nothing else here locks */
    READ_ON_MS = 10,
    BUSY_LAG_MS = 2000,
    BUSY_TRANSACTIONS = 1000,
    HEARD_MS = 10 * 1000, /* a map whose writer has been silent for so long tells nothing */
};

void ends_init(struct ends *e, struct worker *w, struct json_object *watch)
{
    *e = (struct ends){ .w = w };
    for (unsigned i = 0; i < END_MAX_; i++)
        e->maps[i] = json_get_str(watch, end_name(i), NULL);
}

bool ends_back(const struct ends *e)
{
    return e->maps[END_SINK] != NULL;
}

bool ends_carried(const struct ends *e)
{
    return e->maps[END_SOURCE] != NULL || e->maps[END_SINK] != NULL;
}

void ends_drop(struct ends *e)
{
    for (unsigned i = 0; i < END_MAX_; i++) {
        conn_close(e->conns[i]);
        e->conns[i] = NULL;
        touch_free(e->touch[i]);
        e->touch[i] = NULL;
    }
}

int ends_connect(struct ends *e, struct err *err)
{
    const struct conn_options o = { .timeout_s = ANSWER_S };

    for (unsigned i = 0; i < END_MAX_; i++) {
        if (e->conns[i] != NULL)
            continue;
        if (conn_open(&e->w->task->ends[i], &o, &e->conns[i], err) < 0)
            return -1;
        if (dialect_detect(e->conns[i], &e->dialects[i], err) < 0 ||
            conn_execf(e->conns[i], err, "SET SESSION innodb_lock_wait_timeout = %d", LOCK_WAIT_S) <
                0) {
            conn_close(e->conns[i]);
            e->conns[i] = NULL;
            return -1;
        }
    }
    return 0;
}

int ends_ask(struct ends *e, const struct strbuf *const sql[END_MAX_],
             struct result ret[static END_MAX_], struct err *err)
{
    bool sent[END_MAX_] = { false };
    int64_t start = clock_mono_us();
    int rc = 0;

    for (unsigned i = 0; i < END_MAX_ && rc == 0; i++) {
        if (sql[i] == NULL)
            continue;
        rc = strbuf_check(sql[i], err);
        if (rc == 0)
            rc = conn_send(e->conns[i], sql[i]->data, sql[i]->len, err);
        sent[i] = rc == 0;
    }
    for (unsigned i = 0; i < END_MAX_; i++) {
        struct err other = { 0 };

        /* the second answer is fetched though the first was an error: its connection goes on */
        if (sent[i] && (conn_receive(e->conns[i], sql[i]->data, sql[i]->len, &ret[i],
                                     rc == 0 ? err : &other) < 0 ||
                        conn_check_whole(e->conns[i], rc == 0 ? err : &other) < 0))
            rc = -1;
    }
    e->busy_us += clock_mono_us() - start;
    return rc;
}

int ends_ask_both(struct ends *e, ends_add_fn *add, const void *ctx,
                  struct result ret[static END_MAX_], struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf source = STRBUF(ENDS_SQL_MAX), target = STRBUF(ENDS_SQL_MAX);

    add(&source, ctx, END_SOURCE);
    add(&target, ctx, END_SINK);
    return ends_ask(e, (const struct strbuf *const[]){ &source, &target }, ret, err);
}

void ends_drop_results(struct result r[static END_MAX_])
{
    result_done(&r[END_SOURCE]);
    result_done(&r[END_SINK]);
}

/* ---- the witness ---- */

static int look(struct ends *e, unsigned end, struct touch_state *ret, struct err *err)
{
    int got;

    if (e->touch[end] != NULL && touch_look(e->touch[end], ret) &&
        clock_mono_ms() - ret->heard_ms < HEARD_MS)
        return 1;
    touch_free(e->touch[end]);
    e->touch[end] = NULL;
    got = touch_open(e->maps[end], &e->touch[end], err);
    if (got <= 0)
        return got;
    return touch_look(e->touch[end], ret) && clock_mono_ms() - ret->heard_ms < HEARD_MS;
}

int ends_moment(struct ends *e, struct moment *ret, struct err *err)
{
    *ret = (struct moment){ 0 };
    for (unsigned i = 0; i < END_MAX_; i++) {
        int got = e->maps[i] != NULL ? look(e, i, &ret->at[i], err) : 1;

        if (got <= 0)
            return got;
    }
    return 1;
}

/* 1, 0 when it began anew or the time is up, -1. */
static int read_past(struct ends *e, unsigned end, const struct touch_state *since, int64_t until,
                     struct err *err)
{
    _cleanup_(freep)
    char *gtids = NULL;
    struct binlog_pos to = { 0 };
    struct touch_state now;
    int got;

    if (dump_source_position(e->conns[end], &e->dialects[end], &to, &gtids, err) < 0)
        return -1;
    to.era = since->read.era;
    while ((got = look(e, end, &now, err)) == 1) {
        if (now.generation != since->generation)
            return 0;
        if (binlog_pos_cmp(&now.read, &to) >= 0)
            return 1;
        if (clock_mono_ms() >= until || report_sleep(e->w->report, READ_ON_MS))
            return 0;
    }
    return got;
}

int ends_read_on(struct ends *e, const struct moment *since, int64_t limit_ms, struct err *err)
{
    int64_t until = clock_mono_ms() + limit_ms;
    int got = 1;

    for (unsigned i = 0; i < END_MAX_ && got == 1; i++)
        if (e->maps[i] != NULL)
            got = read_past(e, i, &since->at[i], until, err);
    return got;
}

bool ends_busy(struct ends *e)
{
    for (unsigned i = 0; i < END_MAX_; i++) {
        struct touch_state now;
        struct err none = { 0 };

        if (e->maps[i] == NULL || look(e, i, &now, &none) <= 0)
            continue;
        if (now.lag_ms > BUSY_LAG_MS || now.read_seq > now.applied + BUSY_TRANSACTIONS)
            return true;
    }
    return false;
}

struct json_object *ends_position(struct ends *e, enum end end)
{
    _cleanup_(freep)
    char *gtids = NULL;
    struct binlog_pos at = { 0 };
    struct err none = { 0 };
    struct json_object *o;

    if (dump_source_position(e->conns[end], &e->dialects[end], &at, &gtids, &none) < 0)
        return NULL;
    o = json_object_new_object();
    json_add_str(o, "file", at.file);
    json_add_u64(o, "pos", at.offset);
    json_add_str(o, "gtid", gtids);
    return o;
}
