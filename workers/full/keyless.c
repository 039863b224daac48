/*
 * A table without a key. Replaying events over a fuzzy copy can't make it right, so it is read in
 * one consistent snapshot whose binlog position is known; incremental skips its events before that.
 *
 * Into a target that was empty the rows go in many transactions, marked with the number of this
 * attempt; after any failure the next attempt empties the table first and takes a new snapshot.
 * Where the target had rows of its own, everything goes in one transaction.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "workers/full/ledger.h"
#include "workers/full/queue.h"
#include "workers/mysql/binlog/snapshot.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    SQL_MAX = 1024 * 1024,
};

struct keyless_run {
    struct mover *m;
    struct copy_table *t;
    struct binlog_pos snapshot; /* file "": not needed */
    bool begun;
    struct batch_result sums;
};

/* ---- cleaning up after an attempt ---- */

/* For accounts that may not TRUNCATE: slower, but fenced like every other transaction. */
static int delete_all(struct mover *m, const struct copy_table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    strbuf_adds(&sql, "DELETE FROM ");
    sql_table(&sql, t->dst->db, t->dst->name);
    if (control_begin_keep(m->dst, &m->copy->fence, m->lane, err) < 0)
        return -1;
    if (control_exec_text(m->dst, &sql, NULL, err) < 0) {
        control_rollback(m->dst);
        return -1;
    }
    return control_commit(m->dst, err);
}

/*
 * TRUNCATE can't stand in a fenced transaction: the epoch is checked right before, and a successor
 * kills this connection (it is registered) before it copies anything.
 */
static int remove_rows(struct mover *m, const struct copy_table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    strbuf_adds(&sql, "TRUNCATE TABLE ");
    sql_table(&sql, t->dst->db, t->dst->name);
    if (control_check(m->dst, &m->copy->fence, err) < 0)
        return -1;
    FAULT("full.keyless.before_truncate");
    if (control_exec_text(m->dst, &sql, NULL, err) == 0)
        return 0;
    if (err->code != ERR_DB_PRIVILEGE)
        return -1;
    err_reset(err);
    return delete_all(m, t, err);
}

/* ---- the snapshot ---- */

static int open_another(void *ctx, struct conn **ret, struct err *err)
{
    struct keyless_run *run = ctx;

    return copy_open(run->m->copy, END_SOURCE, ret, err);
}

static bool pause_lock(void *ctx, int ms)
{
    struct keyless_run *run = ctx;

    return copy_leaving(run->m->copy) || report_sleep(run->m->copy->w->report, ms);
}

static void tell_lock_waits(void *ctx)
{
    struct keyless_run *run = ctx;

    report_event(run->m->copy->w->report, "WARN", "table_lock_waits",
                 "%s.%s has no key and is written without a pause: its snapshot waits for a "
                 "moment in which it can be locked for reading",
                 run->t->src->db, run->t->src->name);
}

static int open_snapshot(struct keyless_run *run, struct err *err)
{
    struct mover *m = run->m;
    struct snapshot_calls calls = { run, open_another, pause_lock, tell_lock_waits };

    if (!m->copy->w->task->do_incr)
        return snapshot_begin(m->src, err);
    return snapshot_at(m->src, &m->copy->src_dialect, run->t->src->db, run->t->src->name, &calls,
                       &run->snapshot, err);
}

/* ---- rows ---- */

static enum write_mode mode_of(const struct copy_table *t)
{
    return t->was_empty ? WRITE_PLAIN : WRITE_KEEP;
}

static int begin(struct keyless_run *run, struct err *err)
{
    struct mover *m = run->m;

    if (run->begun)
        return 0;
    if (control_begin(m->dst, &m->copy->fence, m->lane, ++m->transactions, NULL, 0, err) < 0)
        return -1;
    run->begun = true;
    return 0;
}

static int send_rows(struct keyless_run *run, struct err *err)
{
    struct copy_table *t = run->t;
    int rc = begin(run, err);

    if (rc == 0)
        rc = stream_send(run->m, t, &run->sums, err);
    if (rc != 0)
        return rc;
    /* One snapshot of a table and an empty target: only a key of the target's own can collide. */
    if (t->was_empty && run->sums.skipped > 0)
        return err_set(err, ERR_VALUE,
                       "%s.%s: the target's table has a unique key that refuses %" PRIu64
                       " rows as duplicates",
                       t->src->db, t->src->name, run->sums.skipped);
    return 0;
}

static int flush(void *ctx, struct err *err)
{
    struct keyless_run *run = ctx;
    int rc = send_rows(run, err);

    if (rc != 0)
        return rc;
    queue_keyless_rows(run->m->copy->queue, run->t, run->sums.rows);
    if (!run->t->was_empty)
        return 0;
    if (ledger_attempt_rows(run->m->copy, run->m->dst, run->t, run->sums.rows, err) < 0 ||
        control_commit(run->m->dst, err) < 0)
        return -1;
    run->begun = false;
    FAULT("full.keyless.mid");
    return 0;
}

static int finish(struct keyless_run *run, struct err *err)
{
    struct mover *m = run->m;
    int rc = send_rows(run, err);

    if (rc != 0)
        return rc;
    if (ledger_keyless_done(m->copy, m->dst, run->t, run->sums.rows, &run->snapshot, err) < 0)
        return -1;
    FAULT("full.keyless.before_commit");
    if (control_commit(m->dst, err) < 0)
        return -1;
    FAULT("full.keyless.after_commit");
    return conn_execf(m->src, err, "COMMIT");
}

static int copy_rows(struct keyless_run *run, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    int rc = open_snapshot(run, err);

    if (rc != 0)
        return rc;
    FAULT("full.keyless.snapshot");
    if (stream_start_batch(run->m, run->t, mode_of(run->t), err) < 0)
        return -1;
    stream_select(&sql, run->t);
    stream_filter(&sql, run->t, false);
    rc = stream_rows(run->m, run->t, &sql, flush, run, err);
    return rc == 0 ? finish(run, err) : rc;
}

static int copy_attempt(struct keyless_run *run, struct err *err)
{
    struct mover *m = run->m;
    struct copy_table *t = run->t;

    queue_keyless_rows(m->copy->queue, t, 0);
    if (t->attempt > 0 && t->was_empty && remove_rows(m, t, err) < 0)
        return -1;
    if (ledger_attempt_start(m->copy, m->dst, m->lane, t, err) < 0)
        return -1;
    return copy_rows(run, err);
}

int keyless_copy(struct mover *m, struct copy_table *t, struct err *err)
{
    struct keyless_run run = { .m = m, .t = t };
    int rc = m->redo ? ledger_keyless_is_done(m->copy, m->dst, t, err) : 0;

    if (rc == 0) {
        rc = copy_attempt(&run, err);
        if (rc != 0 && run.begun)
            control_rollback(m->dst);
        if (rc != 0 && m->src != NULL)
            control_rollback(m->src); /* ends the snapshot */
        if (rc > 0)
            return rc;
    } else if (rc == 1) {
        run.sums.rows = t->rows_done;
        rc = 0;
    }
    if (rc < 0)
        return err_wrap(err, "copy of %s.%s", t->src->db, t->src->name);
    queue_keyless_done(m->copy->queue, t, run.sums.rows, run.sums.skipped);
    return 0;
}
