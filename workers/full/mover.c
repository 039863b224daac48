/* The threads: each takes work, does it over its own two connections, and begins again after
 * faults. */
#include "base/clock.h"
#include "base/log.h"
#include "workers/full/queue.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    PROGRESS_MS = 250,
    PAUSE_FIRST_MS = 100,
    PAUSE_LAST_MS = 10 * 1000,
    RETRIES_QUIET = 3, /* a few deadlocks are nothing to tell anybody */
};

bool copy_leaving(const struct copy *c)
{
    return report_stopping(c->w->report) || queue_failed(c->queue, NULL);
}

/* The first error ends all threads, those too that a limit holds back. */
static void copy_fail(struct copy *c, const struct err *err)
{
    queue_fail(c->queue, err);
    throttle_cancel(c->throttle);
}

int copy_open(struct copy *c, enum end end, struct conn **ret, struct err *err)
{
    const struct conn_options o = { .local_infile = end == END_SINK };

    if (conn_open(&c->w->task->ends[end], &o, ret, err) < 0)
        return -1;
    if (end == END_SINK || copy_same_source(c, *ret, err) == 0)
        return 0;
    conn_close(*ret);
    *ret = NULL;
    return -1;
}

bool copy_pause(const struct copy *c, unsigned tries)
{
    (void)report_back_off(c->w->report, tries, PAUSE_FIRST_MS, PAUSE_LAST_MS);
    return copy_leaving(c);
}

/* ---- one thread ---- */

static void drop_connections(struct mover *m)
{
    conn_close(m->src);
    conn_close(m->dst);
    m->src = m->dst = NULL;
}

/*
 * A new connection first passes the fence once: that waits for whatever the lost one still has in
 * flight at the server, so what the ledger says afterwards is final.
 */
static int open_sink(struct mover *m, struct err *err)
{
    struct copy *c = m->copy;

    if (copy_open(c, END_SINK, &m->dst, err) < 0 || control_register(m->dst, &c->fence, err) < 0 ||
        control_begin_keep(m->dst, &c->fence, m->lane, err) < 0)
        return -1;
    return control_commit(m->dst, err);
}

static int connect_ends(struct mover *m, struct err *err)
{
    if (m->src == NULL && copy_open(m->copy, END_SOURCE, &m->src, err) < 0)
        return -1;
    return m->dst == NULL ? open_sink(m, err) : 0;
}

static int do_once(struct mover *m, const struct work *work, struct err *err)
{
    if (connect_ends(m, err) < 0)
        return -1;
    switch (work->kind) {
    case WORK_SCOUT:
        return scout_run(m, work->table, err);
    case WORK_CHUNK:
        return chunk_copy(m, work->chunk, err);
    case WORK_KEYLESS:
        return keyless_copy(m, work->table, err);
    case WORK_NONE:
        break;
    }
    return 0;
}

/* The work stays undone: the worker stops, or gives up. */
static void leave_work(struct mover *m, const struct work *work)
{
    struct queue *q = m->copy->queue;

    if (work->kind == WORK_CHUNK)
        queue_give_back(q, work->chunk);
    if (work->kind == WORK_SCOUT) {
        scout_drop(m);
        queue_scout_over(q, work->table);
    }
}

/* True: worth another try, after a pause. */
static bool try_again(struct mover *m, unsigned tries, int64_t until, struct err *err)
{
    struct copy *c = m->copy;

    if (!err_retryable(err) || clock_mono_ms() >= until) {
        copy_fail(c, err);
        return false;
    }
    if (err->code == ERR_DB_RETRY && m->src != NULL)
        control_rollback(m->dst);
    else
        drop_connections(m); /* which of the two it was does not matter: both are cheap */
    log_err(LOG_WARN, "full", "work_again", err);
    if (err->code != ERR_DB_RETRY || tries > RETRIES_QUIET)
        report_again(c->w->report, err);
    return !copy_pause(c, tries);
}

static void do_work(struct mover *m, const struct work *work)
{
    int64_t until = clock_mono_ms() + (int64_t)m->copy->w->task->retry_minutes * 60 * 1000;
    struct err err = { 0 };
    unsigned tries = 0;
    int rc;

    m->redo = false;
    while ((rc = do_once(m, work, &err)) < 0 && try_again(m, ++tries, until, &err)) {
        m->redo = true;
        err_reset(&err);
    }
    if (rc != 0)
        leave_work(m, work);
}

/* What a giant row needed is given back at once; the library keeps its buffer with the connection.
 */
static void give_memory_back(struct mover *m)
{
    batch_done(&m->batch);
    conn_close(m->src);
    m->src = NULL;
}

static void *mover_main(void *arg)
{
    struct mover *m = arg;
    struct queue *q = m->copy->queue;
    struct work work;

    for (queue_take(q, &work); work.kind != WORK_NONE; queue_take(q, &work)) {
        struct copy_table *t = work.kind == WORK_CHUNK ? work.chunk->table : work.table;

        do_work(m, &work);
        if (t->giant)
            give_memory_back(m);
        if (work.kind == WORK_KEYLESS)
            queue_keyless_over(q);
        queue_work_over(q);
    }
    drop_connections(m);
    batch_done(&m->batch);
    queue_sign_off(q);
    return NULL;
}

/* ---- all of them ---- */

static int start_threads(struct copy *c, struct mover *movers, unsigned *ret_started,
                         struct err *err)
{
    for (unsigned i = 0; i < c->threads; i++) {
        movers[i] = (struct mover){ .copy = c, .lane = i };
        queue_sign_on(c->queue);
        if (pthread_create(&movers[i].thread, NULL, mover_main, &movers[i]) != 0) {
            queue_sign_off(c->queue);
            return err_set(err, ERR_NOMEM, "only %u of %u copying threads could be started", i,
                           c->threads);
        }
        *ret_started = i + 1;
    }
    return 0;
}

int movers_run(struct copy *c, struct err *err)
{
    _cleanup_(freep)
    struct mover *movers = calloc(c->threads, sizeof(*movers));
    unsigned started = 0;

    if (movers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the copying threads");
    c->rates.at_ms = clock_mono_ms();
    if (start_threads(c, movers, &started, err) < 0)
        copy_fail(c, err);
    while (!queue_wait_threads(c->queue, PROGRESS_MS))
        progress_report(c, false);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(movers[i].thread, NULL);
    if (queue_failed(c->queue, err))
        return -1;
    return queue_all_done(c->queue) ? 0 : STAGE_STOPPED;
}
