#include "workers/relay/keeper.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "workers/mysql/control_objects.h"

#include "base/banned.h"

enum { EVERY_MS = 5 * 1000, STEP_MS = 200, TIMEOUT_S = 5 };

struct keeper {
    const struct worker *worker;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the two below */
    struct binlog_pos applied;
    bool ending;
};

static bool ending(struct keeper *k)
{
    bool yes;

    (void)pthread_mutex_lock(&k->lock);
    yes = k->ending;
    (void)pthread_mutex_unlock(&k->lock);
    return yes || report_stopping(k->worker->report);
}

/*
 * What a sub-project still has to read. Asked for after the project's own checkpoint: whoever has
 * begun before that one was written is seen.
 */
static int behind(struct conn *c, const struct task *t, struct checkpoint *cp, struct err *err)
{
    char child[ID_MAX];
    struct checkpoint its = { 0 };
    int got = control_child(c, t->control_schema, t->project_id, child, err);

    if (got > 0)
        got = control_checkpoint_get(c, t->control_schema, child, "incr", &its, err);
    if (got > 0 && binlog_pos_cmp(&its.pos, &cp->pos) < 0)
        cp->pos = its.pos;
    checkpoint_done(&its);
    return got < 0 ? -1 : 0;
}

/* Opens a connection when there is none; a failure is only noted, the next round tries again. */
static void look(struct keeper *k, struct conn **c)
{
    const struct task *t = k->worker->task;
    struct conn_options o = { .timeout_s = TIMEOUT_S };
    struct checkpoint cp = { 0 };
    struct err err = { 0 };
    int got = -1;

    if (*c != NULL || conn_open(&t->ends[END_SINK], &o, c, &err) == 0)
        got = control_checkpoint_get(*c, t->control_schema, t->project_id, "incr", &cp, &err);
    if (got > 0 && behind(*c, t, &cp, &err) < 0)
        got = -1;
    if (got > 0) {
        (void)pthread_mutex_lock(&k->lock);
        k->applied = cp.pos;
        (void)pthread_mutex_unlock(&k->lock);
    } else if (got < 0) {
        log_err(LOG_DEBUG, "relay", "checkpoint_unknown", &err);
        conn_close(*c);
        *c = NULL;
    }
    checkpoint_done(&cp);
}

static void *keep(void *arg)
{
    struct keeper *k = arg;
    struct conn *c = NULL;

    while (!ending(k)) {
        look(k, &c);
        for (int waited = 0; waited < EVERY_MS && !ending(k); waited += STEP_MS)
            (void)report_sleep(k->worker->report, STEP_MS);
    }
    conn_close(c);
    return NULL;
}

int keeper_new(const struct worker *w, const struct binlog_pos *first, struct keeper **ret,
               struct err *err)
{
    _cleanup_(keeper_freep)
    struct keeper *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    k->worker = w;
    k->applied = *first;
    (void)pthread_mutex_init(&k->lock, NULL);
    if (pthread_create(&k->thread, NULL, keep, k) != 0)
        return err_set(err, ERR_NOMEM, "no thread for the relay's checkpoint");
    k->started = true;
    *ret = take_ptr(k);
    return 0;
}

void keeper_free(struct keeper *k)
{
    if (k == NULL)
        return;
    if (k->started) {
        (void)pthread_mutex_lock(&k->lock);
        k->ending = true;
        (void)pthread_mutex_unlock(&k->lock);
        (void)pthread_join(k->thread, NULL);
    }
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}

struct binlog_pos keeper_checkpoint(struct keeper *k)
{
    struct binlog_pos pos;

    (void)pthread_mutex_lock(&k->lock);
    pos = k->applied;
    (void)pthread_mutex_unlock(&k->lock);
    return pos;
}
