/*
 * A table without a key. Replaying events over a fuzzy copy can't make it right, so it is read in
 * one consistent snapshot whose binlog position is known; incremental skips its events before that.
 *
 * Into a target that was empty the rows go in many transactions, marked with the number of this
 * attempt; after any failure the next attempt empties the table first and takes a new snapshot.
 * Where the target had rows of its own, everything goes in one transaction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "workers/full/ledger.h"
#include "workers/full/queue.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    SQL_MAX = 1024 * 1024,
    TABLE_LOCK_WAIT_S = 3, /* writers queue behind our lock request: not for long */
    TABLE_LOCK_PAUSE_MS = 2000,
    TABLE_LOCK_TELL_AFTER = 5,
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

static int snapshot_begin(struct mover *m, struct err *err)
{
    if (conn_execf(m->src, err, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ") < 0)
        return -1;
    return conn_execf(m->src, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

/* MariaDB tells the position of the snapshot itself. */
static int mariadb_position(struct mover *m, struct binlog_pos *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct binlog_pos at = { 0 };
    int got;

    if (conn_queryf(m->src, &r, err, "SHOW STATUS LIKE 'binlog_snapshot_%%'") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, "");

        if (strcasecmp(name, "binlog_snapshot_file") == 0)
            (void)snprintf(at.file, sizeof(at.file), "%s", result_str(&r, 1, ""));
        else if (strcasecmp(name, "binlog_snapshot_position") == 0)
            at.offset = result_u64(&r, 1, 0);
    }
    if (got < 0)
        return -1;
    if (at.file[0] == '\0')
        return err_set(err, ERR_BINLOG_OFF, "the source tells no binlog position of a snapshot");
    *ret = at;
    return 0;
}

/* Locks the table for reading, waiting in short turns so that its writers never wait long for us.
 */
static int lock_table(struct mover *m, struct conn *by, const struct copy_table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    strbuf_adds(&sql, "LOCK TABLES ");
    sql_table(&sql, t->src->db, t->src->name);
    strbuf_adds(&sql, " READ");
    if (conn_execf(by, err, "SET SESSION lock_wait_timeout = %d", TABLE_LOCK_WAIT_S) < 0)
        return -1;
    for (unsigned i = 1; control_exec_text(by, &sql, NULL, err) < 0; i++) {
        if (err->code != ERR_DB_RETRY)
            return -1;
        if (i == TABLE_LOCK_TELL_AFTER)
            report_event(
                m->copy->w->report, "WARN", "table_lock_waits",
                "%s.%s has no key and is written without a pause: its snapshot waits for a "
                "moment in which it can be locked for reading",
                t->src->db, t->src->name);
        if (copy_leaving(m->copy) || report_sleep(m->copy->w->report, TABLE_LOCK_PAUSE_MS))
            return STAGE_STOPPED;
        err_reset(err);
    }
    return 0;
}

/*
 * Elsewhere: while the table is locked against writing, every transaction that changed it has ended
 * and is visible, and the binlog's end lies behind all of them and before the next one.
 */
static int locked_snapshot(struct mover *m, const struct copy_table *t, struct binlog_pos *ret,
                           struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *by = NULL;
    _cleanup_(freep)
    char *gtids = NULL;
    int rc;

    if (copy_open(m->copy, END_SOURCE, &by, err) < 0)
        return -1;
    rc = lock_table(m, by, t, err);
    if (rc != 0)
        return rc;
    if (snapshot_begin(m, err) < 0 ||
        dump_source_position(by, &m->copy->src_dialect, ret, &gtids, err) < 0)
        return -1;
    return conn_execf(by, err, "UNLOCK TABLES");
}

static int open_snapshot(struct keyless_run *run, struct err *err)
{
    struct mover *m = run->m;

    if (!m->copy->w->task->do_incr)
        return snapshot_begin(m, err);
    if (m->copy->src_dialect.snapshot_position)
        return snapshot_begin(m, err) < 0 ? -1 : mariadb_position(m, &run->snapshot, err);
    if (m->copy->src_dialect.flavour == FLAVOUR_OCEANBASE)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "%s.%s has no key, and OceanBase gives no position for its snapshot",
                       run->t->src->db, run->t->src->name);
    return locked_snapshot(m, run->t, &run->snapshot, err);
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
