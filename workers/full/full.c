/*
 * FULL_TRANSFER: copies every table in scope, in parallel, restartable at any moment. Design and
 * proof: docs/design.md, "The full copy", "Tables without a key".
 */
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "workers/full/queue.h"
#include "workers/mysql/binlog/dump.h"

#include "base/banned.h"

/*
 * Runs one step that begins from nothing each time, again and again while its error may pass.
 * 0, STAGE_STOPPED, -1.
 */
static int again(struct copy *c, int (*step)(struct copy *c, struct err *err), struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)c->w->task->retry_minutes * 60 * 1000;

    for (unsigned tries = 1; step(c, err) < 0; tries++) {
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_again(c->w->report, err);
        if (copy_pause(c, tries))
            return STAGE_STOPPED;
        err_reset(err);
    }
    return 0;
}

/* The end of the copy as incremental needs it: the source's position behind the last read. */
static int finish_once(struct copy *c, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *src = NULL, *dst = NULL;
    _cleanup_(freep)
    char *gtids = NULL;
    struct binlog_pos end = { 0 };

    if (copy_open(c, END_SINK, &dst, err) < 0 || control_register(dst, &c->fence, err) < 0)
        return -1;
    if (c->w->task->do_incr && (copy_open(c, END_SOURCE, &src, err) < 0 ||
                                dump_source_position(src, &c->src_dialect, &end, &gtids, err) < 0))
        return -1;
    FAULT("full.finish.before");
    if (control_copy_end_put(dst, &c->fence, c->w->task->do_incr ? &end : NULL, err) < 0)
        return -1;
    FAULT("full.finish.after");
    return 0;
}

/* A fresh copy for each try: preparing leaves nothing behind that a second one would trip over. */
static int prepare(struct worker *w, struct copy **ret, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)w->task->retry_minutes * 60 * 1000;

    for (unsigned tries = 1;; tries++) {
        _cleanup_(copy_freep)
        struct copy *c = NULL;

        if (copy_new(w, &c, err) < 0)
            return -1;
        if (copy_prepare(c, err) == 0) {
            *ret = take_ptr(c);
            return 0;
        }
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_again(c->w->report, err);
        if (copy_pause(c, tries))
            return STAGE_STOPPED;
        err_reset(err);
    }
}

int full_run(struct worker *w, struct err *err)
{
    _cleanup_(copy_freep)
    struct copy *c = NULL;
    int rc = prepare(w, &c, err);

    if (rc != 0)
        return rc;
    if (c->finished) { /* by a predecessor that could not say so any more */
        log_info("full", "copied_before", "tables=0");
        return STAGE_DONE;
    }
    rc = movers_run(c, err);
    if (rc == 0)
        rc = again(c, finish_once, err);
    if (rc != 0)
        return rc;
    log_info("full", "copied", "tables=%zu", c->count);
    progress_report(c, true);
    return STAGE_DONE;
}
