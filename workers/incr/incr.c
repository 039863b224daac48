/*
 * INCR_TRANSFER: source transactions from the relay, applied at the target exactly once
 * (docs/design.md). Sessions in a row: every error worth trying again ends one and starts the next.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/session.h"
#include "workers/start/start_tables.h"

#include "base/banned.h"

enum {
    DEFAULT_CONCURRENCY = 64, /* the API's default asks for as many as is good here */
    DEFAULT_LANES = 8,
    FIRST_PAUSE_MS = 500,
    MAX_PAUSE_MS = 30000,
};

static unsigned lanes_of(const struct task *t)
{
    int64_t lanes = json_get_i64(task_incr_config(t), "lanes", 0); /* of the component's grade */
    int64_t asked = json_get_i64(task_incr_config(t), "incrSyncConcurrency", DEFAULT_CONCURRENCY);

    if (lanes > 0)
        return (unsigned)MIN(lanes, (int64_t)LANES_MAX);
    if (asked == DEFAULT_CONCURRENCY)
        return DEFAULT_LANES;
    return (unsigned)MAX(1, MIN(asked, (int64_t)LANES_MAX));
}

/* Once a process: how the source compares names and logs cascades does not change while it runs. */
static int ask_source(struct sync *y, struct err *err)
{
    const struct task *t = y->w->task;
    struct conn *c = NULL;
    int got = conn_open_retry(&t->ends[END_SOURCE], &(struct conn_options){ 0 }, y->w->report,
                              t->retry_minutes, &c, err);

    if (got == 0)
        got = dialect_detect(c, &y->source, err);
    if (got == 0)
        got = pair_ask_source(y->pair, c, err);
    conn_close(c);
    return got;
}

/* Sessions until one is stopped, or its error is not worth another. */
static int sessions(struct sync *y, struct err *err)
{
    int64_t until = 0;
    int pause_ms = FIRST_PAUSE_MS;

    for (;;) {
        bool progress;
        int got = session_run(y, &progress, err);
        int64_t now = clock_mono_ms();

        if (got == STAGE_STOPPED)
            return got;
        if (!err_retryable(err))
            return -1;
        if (progress) {
            until = 0;
            pause_ms = FIRST_PAUSE_MS;
        }
        if (until == 0)
            until = now + (int64_t)y->w->task->retry_minutes * 60000;
        if (now >= until)
            return err_wrap(err, "given up after %d minutes", y->w->task->retry_minutes);
        log_err(LOG_WARN, "incr", "session_failed", err);
        report_error(y->w->report, err, true);
        err_reset(err);
        if (report_sleep(y->w->report, pause_ms))
            return STAGE_STOPPED;
        pause_ms = MIN(pause_ms * 2, (int)MAX_PAUSE_MS);
    }
}

int incr_run(struct worker *w, struct err *err)
{
    struct sync y = { .w = w, .lanes = lanes_of(w->task) };
    int got = -1;

    drain_ask(&y.drain, json_get(w->task->doc, "drain"));
    objects_ask(&y.objects, json_get(w->task->doc, "objects"));
    y.throttle = throttle_new(w->report);
    if (y.throttle == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the throttle");
    if (!w->task->two_way && json_get_bool(task_incr_config(w->task), "watchTarget", true) &&
        rogues_new(w, &y.rogues, err) < 0) {
        throttle_free(y.throttle);
        return -1;
    }
    if (pair_new(w, &y.pair, err) == 0) {
        got = ask_source(&y, err);
        if (got == 0)
            got = start_scope(w->task, task_mapping(w->task), &y.source, &y.scope, err);
        if (got == 0)
            got = sessions(&y, err);
    }
    conflicts_done(&y.conflicts);
    rogues_free(y.rogues);
    pair_free(y.pair);
    scope_free(y.scope);
    throttle_free(y.throttle);
    return got;
}
