#include "workers/start/start_xa.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/num.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    WAIT_MS = 60 * 1000, /* then it is told as an error, and tried again */
    POLL_MS = 500,
    ROUNDS_MAX = 20,
    LANE = 0,
};

typedef char xid_text[XID_TEXT_MAX];

struct xids {
    xid_text *list;
    size_t count;
};

static void xids_done(struct xids *x)
{
    free(x->list);
    *x = (struct xids){ 0 };
}

static bool has(const struct xids *x, const char *xid)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->list[i], xid) == 0)
            return true;
    return false;
}

static int add(struct xids *x, const xid_text xid, struct err *err)
{
    xid_text *grown;

    if (has(x, xid))
        return 0;
    grown = reallocarray(x->list, x->count + 1, sizeof(*grown));
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu XA transactions", x->count + 1);
    x->list = grown;
    memcpy(x->list[x->count++], xid, sizeof(xid_text));
    return 0;
}

/* One row of XA RECOVER: formatID, gtrid_length, bqual_length, data. */
static int take(const struct result *r, struct xids *x, struct err *err)
{
    int64_t format = 0, gtrid = 0, bqual = 0;
    xid_text xid;

    if (r->columns < 4 || r->row[3] == NULL ||
        !num_parse_i64(result_str(r, 0, ""), 0, UINT32_MAX, &format) ||
        !num_parse_i64(result_str(r, 1, ""), 0, INT32_MAX, &gtrid) ||
        !num_parse_i64(result_str(r, 2, ""), 0, INT32_MAX, &bqual) ||
        !event_xid_text((uint32_t)format, (size_t)gtrid, (size_t)bqual, r->row[3], r->lengths[3],
                        xid))
        return err_set(err, ERR_DB_QUERY, "an answer to XA RECOVER can't be read");
    return add(x, xid, err);
}

/* Adds what is prepared now. 1: the account may not ask. */
static int recover(struct conn *source, struct xids *x, struct err *err)
{
    static const char sql[] = "XA RECOVER";
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_query(source, sql, sizeof(sql) - 1, &r, err) < 0) {
        if (err->code == ERR_DB_LOST || err->code == ERR_NOMEM)
            return -1;
        err_reset(err);
        return 1;
    }
    while ((got = result_next(&r, err)) == 1)
        if (take(&r, x, err) < 0)
            return -1;
    return got;
}

/* In place of what an earlier try has noted: positions and names are those of now. */
static int note(const struct worker *w, const struct fence *f, struct conn *sink,
                const struct xids *x, struct err *err)
{
    const char *project = w->task->project_id;

    if (control_begin_keep(sink, f, LANE, err) < 0 ||
        control_exec(sink, f->schema, NULL, err, "DELETE FROM @cw_xa WHERE project = %q", project) <
            0)
        return -1;
    for (size_t i = 0; i < x->count; i++)
        if (control_exec(sink, f->schema, NULL, err,
                         "INSERT INTO @cw_xa (project, xid, part, doc) VALUES (%q, %q, 0, '')",
                         project, x->list[i]) < 0)
            return -1;
    FAULT("relay.start.xa_noted");
    return control_commit(sink, err);
}

static int wait_over(struct worker *w, struct conn *source, const struct xids *x, struct err *err)
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    report_event(w->report, "WARN", "waiting_for_xa",
                 "%zu XA transactions were prepared at the source before the starting position; "
                 "the copy waits until they are committed or rolled back; first %s",
                 x->count, x->list[0]);
    for (;;) {
        struct xids now = { 0 };
        size_t left = 0, which = 0;
        int got = recover(source, &now, err);

        for (size_t i = 0; i < x->count; i++)
            if (has(&now, x->list[i]) && left++ == 0)
                which = i;
        xids_done(&now);
        if (got < 0)
            return -1;
        if (left == 0)
            return 0;
        if (clock_mono_ms() > until) {
            (void)err_set(err, ERR_TIMEOUT, "%zu prepared XA transactions at the source, first %s",
                          left, x->list[which]);
            return err_advise(err, "XA RECOVER at the source shows them: commit them or roll them "
                                   "back. It is tried again by itself.");
        }
        if (report_sleep(w->report, POLL_MS))
            return err_set(err, ERR_CANCELLED, "asked to stop");
    }
}

int start_xa_over(struct worker *w, struct conn *sink, struct conn *source, struct err *err)
{
    const struct task *t = w->task;
    _cleanup_(result_done)
    struct result r = { 0 };
    _cleanup_(xids_done)
    struct xids x = { 0 };
    int got;

    if (control_ask(sink, t->control_schema, &r, err,
                    "SELECT xid FROM @cw_xa WHERE project = %q AND part = 0", t->project_id) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        xid_text xid = "";

        (void)snprintf(xid, sizeof(xid), "%s", result_str(&r, 0, ""));
        if (add(&x, xid, err) < 0)
            return -1;
    }
    return got < 0 ? -1 : x.count == 0 ? 0 : wait_over(w, source, &x, err);
}

/* 1: over, with `ret`; 0: take another position; -1. `sink` NULL: no copy follows. */
static int one_round(struct worker *w, const struct fence *f, struct conn *sink,
                     struct conn *source, const struct dialect *d, struct checkpoint *ret,
                     struct xids *x, struct err *err)
{
    int before = recover(source, x, err), after;

    if (before < 0 || start_now(w, source, d, ret, err) < 0)
        return -1;
    after = recover(source, x, err);
    if (after < 0)
        return -1;
    if (before == 1 || after == 1) {
        report_event(w->report, "WARN", "xa_not_seen",
                     "the account may not run XA RECOVER at the source: rows of a transaction that "
                     "is prepared now would be missed, its commit stops the project");
        return 1;
    }
    if (sink != NULL && note(w, f, sink, x, err) < 0)
        return -1;
    if (x->count == 0)
        return 1;
    if (wait_over(w, source, x, err) < 0)
        return -1;
    return sink != NULL ? 1 : 0;
}

static int rounds(struct worker *w, const struct fence *f, struct conn *sink, struct conn *source,
                  const struct dialect *d, struct checkpoint *ret, struct err *err)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        _cleanup_(xids_done)
        struct xids x = { 0 };
        int got;

        checkpoint_done(ret);
        *ret = (struct checkpoint){ 0 };
        got = one_round(w, f, sink, source, d, ret, &x, err);
        if (got != 0)
            return got < 0 ? -1 : 0;
    }
    (void)err_set(err, ERR_TIMEOUT, "there is always a prepared XA transaction at the source");
    return err_advise(err, "Start the project with a full copy, or while there are none.");
}

int start_now_xa(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
                 struct err *err)
{
    return rounds(w, NULL, NULL, c, d, ret, err);
}

int start_find_xa(struct worker *w, const struct fence *f, struct conn *sink, struct conn *source,
                  const struct dialect *d, struct checkpoint *ret, struct err *err)
{
    if (json_get(task_incr_config(w->task), "startTimestamp") != NULL)
        return start_find(w, source, d, ret, err);
    return rounds(w, f, w->task->do_full ? sink : NULL, source, d, ret, err);
}
