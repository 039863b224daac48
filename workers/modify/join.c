/*
 * TRANSFER_PREPARE of a sub-project: where it begins, and with which tables
 * (docs/object-changes.md). The project's incremental worker forks its checkpoint; what was
 * committed before that place must be visible to the copy, and the tables' definitions are read
 * behind it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/control_objects.h"
#include "workers/start/start_tables.h"
#include "workers/start/start_xa.h"

#include "base/banned.h"

enum {
    POLL_MS = 100,
    TELL_MS = 30 * 1000, /* that the project's worker has not forked yet */
    VISIBLE_MS = 60 * 1000,
    LANES = 1,
    RETRY_MINUTES = 10,
    PAUSE_MS = 2000,
};

/* Until the checkpoint is there. The worker that makes it may be stopped, or be in its retries. */
static int wait_fork(struct worker *w, struct conn *sink, struct checkpoint *ret, struct err *err)
{
    const struct task *t = w->task;
    int64_t tell_at = clock_mono_ms() + TELL_MS;

    for (;;) {
        int got = control_checkpoint_get(sink, t->control_schema, t->project_id, "incr", ret, err);

        if (got != 0)
            return got < 0 ? -1 : 0;
        if (clock_mono_ms() >= tell_at) {
            struct err late = { 0 };

            (void)err_set(&late, ERR_TIMEOUT,
                          "the project's incremental worker has not come to a place between two "
                          "transactions yet");
            report_error(w->report, &late, true);
            tell_at = clock_mono_ms() + TELL_MS;
        }
        if (report_sleep(w->report, POLL_MS))
            return STAGE_STOPPED;
    }
}

/* Whether all before `start` was committed at the source when `now` was read; -1: can't be told. */
static int covers(const struct checkpoint *now, const struct checkpoint *start, bool mariadb)
{
    _cleanup_(gtid_set_freep)
    struct gtid_set *big = NULL;
    _cleanup_(gtid_set_freep)
    struct gtid_set *small = NULL;
    struct binlog_pos pos = start->pos;
    struct err ignored = { 0 };

    if (now->pos.file[0] != '\0' && strcmp(now->source_uuid, start->source_uuid) == 0) {
        pos.era = now->pos.era;
        return binlog_pos_cmp(&pos, &now->pos) <= 0;
    }
    if (now->gtid_set == NULL || start->gtid_set == NULL ||
        gtid_set_parse(now->gtid_set, mariadb, &big, &ignored) < 0 ||
        gtid_set_parse(start->gtid_set, mariadb, &small, &ignored) < 0)
        return -1;
    return gtid_set_contains(big, small);
}

/*
 * The binlog shows a transaction before the engine has committed it. The project has applied what
 * it read; a copy that began now could still miss it.
 */
static int wait_visible(struct worker *w, struct conn *source, const struct dialect *d,
                        const struct checkpoint *start, struct err *err)
{
    int64_t until = clock_mono_ms() + VISIBLE_MS;

    for (;;) {
        struct checkpoint now = { 0 };
        int got = start_now(w, source, d, &now, err);

        if (got == 0)
            got = covers(&now, start, d->gtid_mariadb);
        else
            return -1;
        checkpoint_done(&now);
        if (got != 0) {
            if (got < 0)
                log_warn("join", "visibility_unknown", "pos=%s:%" PRIu64, start->pos.file,
                         start->pos.offset);
            return 0;
        }
        if (clock_mono_ms() >= until)
            return err_set(err, ERR_DB_RETRY,
                           "the source does not show yet what it has logged up to %s:%" PRIu64,
                           start->pos.file, start->pos.offset);
        if (report_sleep(w->report, POLL_MS))
            return STAGE_STOPPED;
    }
}

static int note_tables(const struct task *t, const struct fence *f, const struct dialect *d,
                       struct conn *source, struct conn *sink, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *scope = NULL;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(json_putp)
    struct json_object *facts = NULL;

    if (start_scope(t, task_mapping(t), d, &scope, err) < 0 ||
        start_read_tables(source, d, scope, &cat, &facts, err) < 0 ||
        control_facts_put(sink, f, facts, err) < 0)
        return -1;
    return control_schema_put(sink, f, cat, err);
}

static int prepare(struct worker *w, struct conn *source, struct conn *sink, struct err *err)
{
    const struct task *t = w->task;
    _cleanup_(checkpoint_done)
    struct checkpoint start = { 0 };
    struct dialect d;
    struct fence f;
    int got;

    if (dialect_detect(source, &d, err) < 0 || control_ensure(sink, t->control_schema, err) < 0 ||
        control_take_epoch(sink, t->control_schema, t->project_id, "join", LANES, &f, err) < 0 ||
        control_register(sink, &f, err) < 0)
        return -1;
    got = wait_fork(w, sink, &start, err);
    if (got == 0)
        got = wait_visible(w, source, &d, &start, err);
    if (got == 0 && t->do_full)
        got = start_xa_over(w, sink, source, err);
    if (got != 0)
        return got;
    FAULT("objects.join.before_catalog");
    if (note_tables(t, &f, &d, source, sink, err) < 0)
        return -1;
    FAULT("objects.join.after");
    log_info("join", "prepared", "seq=%" PRIu64 " pos=%s:%" PRIu64, start.seq, start.pos.file,
             start.pos.offset);
    return STAGE_DONE;
}

int join_run(struct worker *w, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)MAX(w->task->retry_minutes, RETRY_MINUTES) * 60000;

    for (;;) {
        _cleanup_(conn_closep)
        struct conn *source = NULL;
        _cleanup_(conn_closep)
        struct conn *sink = NULL;
        int got = conn_open_retry(&w->task->ends[END_SOURCE], NULL, w->report,
                                  w->task->retry_minutes, &source, err);

        if (got == 0)
            got = conn_open_retry(&w->task->ends[END_SINK], NULL, w->report, w->task->retry_minutes,
                                  &sink, err);
        if (got == 0)
            got = prepare(w, source, sink, err);
        if (got >= 0)
            return got;
        if (err->code == ERR_CANCELLED && report_stopping(w->report))
            return STAGE_STOPPED;
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_error(w->report, err, true);
        err_reset(err);
        if (report_sleep(w->report, PAUSE_MS))
            return STAGE_STOPPED;
    }
}
