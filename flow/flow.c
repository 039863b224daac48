#include "flow/flow.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/alerts.h"
#include "flow/assignment.h"
#include "flow/feed.h"
#include "flow/flow_priv.h"
#include "flow/plan.h"
#include "flow/verify.h"
#include "store/precheck.h"
#include "store/switchover.h"

#include "base/banned.h"

enum {
    LOOKS_A_TURN = 32,     /* then the workers have their turn */
    LOOK_AGAIN_MS = 1000,  /* the store failed */
    STOP_WITHIN_MS = 8000, /* then SIGKILL: interface.md gives the daemon 10 s */
    STOP_GRACE_MS = 1000,  /* for killed workers to be waited for */
    IDLE_TURN_MS = 60000,
    PRUNE_EVERY_S = 3600,
    PRECHECKS_KEPT_S = 7 * 24 * 3600,
    GAUGES_EVERY_MS = 5000, /* samples to the store */
    ROLL_EVERY_MS = 60000,
};

enum work_kind {
    WORK_LOOK,
    WORK_RESTART, /* a look after which no worker of before runs: resumed */
    WORK_THROTTLE,
    WORK_SWITCH,  /* a look; the switch worker that runs is stopped first */
    WORK_OBJECTS, /* a look; what incremental was asked for its objects does not count any more */
    WORK_RENEW,   /* the worker of `step` starts anew */
};

struct work {
    struct work *next;
    enum work_kind kind;
    int64_t at; /* monotonic ms */
    char id[ID_MAX];
    const struct plan_row *step; /* WORK_RENEW; else NULL */
};

/* ---------------------------------------------------------------------- what to look at */

static struct work *work_new(enum work_kind kind, const char *id, int64_t at)
{
    struct work *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->kind = kind;
    w->at = at;
    (void)snprintf(w->id, sizeof(w->id), "%s", id);
    return w;
}

static void work_free_all(struct work *list)
{
    while (list != NULL) {
        struct work *next = list->next;
        free(list);
        list = next;
    }
}

/* Into the list of the flow's thread, unless the same stands there already. Takes `w` over. */
static void add_due(struct flow *f, struct work *w)
{
    struct work **at = &f->due;

    for (; *at != NULL; at = &(*at)->next)
        if ((*at)->kind == w->kind && (*at)->step == w->step && strcmp((*at)->id, w->id) == 0) {
            (*at)->at = MIN((*at)->at, w->at);
            free(w);
            return;
        }
    *at = w; /* at the end: in the order of arrival */
}

void flow_look(struct flow *f, const char *id, int64_t in_ms)
{
    struct work *w = work_new(WORK_LOOK, id, clock_mono_ms() + in_ms);

    if (w == NULL) {
        log_error("flow", "out_of_memory", "id=%s", id);
        return;
    }
    add_due(f, w);
    supervisor_wake(f->sup); /* whoever calls may be about to wait for events */
}

/* From any thread: into the inbox, and the flow's thread wakes. */
static void post_step(struct flow *f, enum work_kind kind, const char *id,
                      const struct plan_row *step)
{
    struct work *w = work_new(kind, id, 0);

    if (w == NULL) {
        log_error("flow", "out_of_memory", "id=%s", id);
        return;
    }
    w->step = step;
    (void)pthread_mutex_lock(&f->lock);
    w->next = f->inbox;
    f->inbox = w;
    (void)pthread_mutex_unlock(&f->lock);
    supervisor_wake(f->sup);
}

static void post(struct flow *f, enum work_kind kind, const char *id)
{
    post_step(f, kind, id, NULL);
}

/* Empties the inbox; returns whether the flow is to stop. */
static bool take_inbox(struct flow *f)
{
    struct work *list, *forward = NULL;
    bool stopping;

    (void)pthread_mutex_lock(&f->lock);
    list = take_ptr(f->inbox);
    stopping = f->stopping;
    (void)pthread_mutex_unlock(&f->lock);
    while (list != NULL) { /* the inbox is a stack */
        struct work *next = list->next;
        list->next = forward;
        forward = list;
        list = next;
    }
    while (forward != NULL) {
        struct work *next = forward->next;
        forward->next = NULL;
        add_due(f, forward);
        forward = next;
    }
    return stopping;
}

/* ---------------------------------------------------------------------- the thread */

static int tell_limits(struct flow *f, const char *id, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };

    if (store_project_get(f->o.store, id, &p, err) < 0 ||
        store_step_list(f->o.store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    gauges_level(f->gauges, id, flow_alert_lag(json_get_str(p->config, "importance", "LOW")));
    for (size_t i = 0; i < steps.count; i++) {
        const struct plan_row *row = plan_find(steps.rows[i].name);
        _cleanup_(json_putp)
        struct json_object *limits = row != NULL ? assignment_throttle(p->config, row) : NULL;
        if (limits != NULL)
            supervisor_send(f->sup, id, row, limits);
    }
    return 0;
}

static void forget_objects(struct flow *f, const char *id)
{
    _cleanup_(json_putp)
    struct json_object *nothing = json_object_new_object();

    json_add_str(nothing, "t", "objects");
    supervisor_send(f->sup, id, plan_find(STEP_INCR), nothing);
}

static void do_work(struct flow *f, struct work *w)
{
    struct err err = { 0 };
    int r;

    /*
     * Stopped and resumed in one breath, the flow may never have seen the project stopped; but what
     * was changed meanwhile (a data source, DDL kinds, the start) counts from the next start on.
     */
    if (w->kind == WORK_RESTART)
        supervisor_drop_others(f->sup, w->id, NULL, 0);
    if (w->kind == WORK_SWITCH)
        supervisor_drop(f->sup, w->id, plan_find(STEP_SWITCH));
    if (w->kind == WORK_OBJECTS)
        forget_objects(f, w->id);
    if (w->kind == WORK_RENEW) {
        supervisor_renew(f->sup, w->id, w->step);
        return;
    }
    r = w->kind == WORK_THROTTLE ? tell_limits(f, w->id, &err) : reconcile(f, w->id, &err);
    if (r == 0)
        return;
    log_err(LOG_ERROR, "flow", "look_failed", &err);
    if (err.code != ERR_PROJECT_NOT_FOUND && err.code != ERR_PRECHECK_NOT_FOUND &&
        w->kind != WORK_THROTTLE)
        flow_look(f, w->id, LOOK_AGAIN_MS);
}

/* Works off what is due, a bounded part of it; returns when the next is (monotonic ms). */
static int64_t do_due(struct flow *f)
{
    int64_t now = clock_mono_ms(), next = now + IDLE_TURN_MS;
    struct work *ready = NULL, **end = &ready, **at = &f->due;

    /* taken out first: working on one may add others */
    for (int n = 0; *at != NULL && n < LOOKS_A_TURN;) {
        if ((*at)->at > now) {
            at = &(*at)->next;
            continue;
        }
        *end = *at;
        *at = (*at)->next;
        end = &(*end)->next;
        *end = NULL;
        n++;
    }
    for (struct work *w = ready; w != NULL; w = w->next)
        do_work(f, w);
    work_free_all(ready);
    for (struct work *w = f->due; w != NULL; w = w->next)
        next = MIN(next, w->at);
    return next;
}

struct flush {
    struct flow *f;
    int64_t now, next;
};

static void send_acks(struct flow *f, struct job *job)
{
    _cleanup_(json_putp)
    struct json_object *acks = feed_acks(job->user);

    FAULT("flow.conflicts.before_ack");
    if (acks != NULL) /* one that has ended meanwhile tells them again */
        supervisor_send(f->sup, job->owner, job->step, acks);
}

static void flush_one(void *ctx, struct job *job)
{
    struct flush *flush = ctx;
    struct err err = { 0 };
    int64_t at = job->user != NULL ? feed_due(job->user) : 0;

    if (at != 0 && at <= flush->now && feed_write(job->user, flush->f->o.store, &err) < 0)
        log_err(LOG_WARN, "flow", "progress_not_stored", &err);
    if (job->user != NULL)
        send_acks(flush->f, job);
    at = job->user != NULL ? feed_due(job->user) : 0;
    if (at != 0)
        flush->next = MIN(flush->next, at);
}

static void prune(struct flow *f, int64_t *last_s)
{
    int64_t now = clock_now_s();
    struct err err = { 0 };

    if (now - *last_s < PRUNE_EVERY_S)
        return;
    *last_s = now;
    if (store_precheck_prune(f->o.store, now - PRECHECKS_KEPT_S, &err) < 0)
        log_err(LOG_WARN, "flow", "prune_failed", &err);
    if (store_conflict_prune(f->o.store, &f->o.conflicts, &err) < 0)
        log_err(LOG_WARN, "flow", "prune_failed", &err);
}

/* Samples to the store and the alerts' rules; returns when the next is due (monotonic ms). */
static int64_t measure(struct flow *f)
{
    int64_t now = clock_mono_ms();
    struct err err = { 0 };
    int r;

    if (now >= f->gauges_due) {
        f->gauges_due = now + GAUGES_EVERY_MS;
        if (gauges_flush(f->gauges, f->o.store, &err) < 0)
            log_err(LOG_WARN, "flow", "samples_not_stored", &err);
    }
    if (now >= f->roll_due) {
        f->roll_due = now + ROLL_EVERY_MS;
        if (store_metric_roll(f->o.store, clock_now_s(), &err) < 0)
            log_err(LOG_WARN, "flow", "samples_not_closed", &err);
    }
    if (f->o.alerts.every_s > 0 && now >= f->alerts_due) {
        f->alerts_due = now + f->o.alerts.every_s * 1000;
        r = alerts_tick(f->alerts, f->o.store, f->gauges, &err);
        if (r < 0)
            log_err(LOG_WARN, "flow", "alerts_failed", &err);
        if (r != 0) /* also what was stored before an error */
            notify_wake(f->o.notify);
    }
    now = MIN(f->gauges_due, f->roll_due);
    return f->o.alerts.every_s > 0 ? MIN(now, f->alerts_due) : now;
}

static void turn(struct flow *f, int64_t until)
{
    struct err err = { 0 };

    if (supervisor_turn(f->sup, MAX(until - clock_mono_ms(), 0), &err) < 0) {
        log_err(LOG_ERROR, "flow", "turn_failed", &err);
        (void)poll(NULL, 0, LOOK_AGAIN_MS); /* never a busy loop */
    }
}

static void wind_down(struct flow *f)
{
    int64_t deadline = clock_mono_ms() + STOP_WITHIN_MS;

    supervisor_stop_all(f->sup, deadline);
    while (!supervisor_idle(f->sup) && clock_mono_ms() < deadline + STOP_GRACE_MS)
        turn(f, MIN(clock_mono_ms() + LOOK_AGAIN_MS, deadline + STOP_GRACE_MS));
}

static void *run(void *arg)
{
    struct flow *f = arg;
    int64_t pruned_s = 0;
    struct err err = { 0 };

    while (!take_inbox(f)) {
        struct flush flush = { .f = f, .now = clock_mono_ms() };
        flush.next = do_due(f);
        supervisor_each(f->sup, flush_one, &flush);
        prune(f, &pruned_s);
        flush.next = MIN(flush.next, measure(f));
        turn(f, flush.next);
    }
    wind_down(f);
    if (gauges_flush(f->gauges, f->o.store, &err) < 0)
        log_err(LOG_WARN, "flow", "samples_not_stored", &err);
    return NULL;
}

/* ---------------------------------------------------------------------- life cycle */

static int copy_options(struct flow *f, const struct flow_options *o, struct err *err)
{
    f->o = *o;
    f->o.data_dir = strdup(o->data_dir);
    f->o.worker_path = strdup(o->worker_path);
    f->o.fault_dir = o->fault_dir != NULL ? strdup(o->fault_dir) : NULL;
    if (f->o.data_dir == NULL || f->o.worker_path == NULL ||
        (o->fault_dir != NULL && f->o.fault_dir == NULL))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int flow_new(const struct flow_options *o, struct flow **ret, struct err *err)
{
    _cleanup_(flow_freep)
    struct flow *f = calloc(1, sizeof(*f));
    struct supervisor_options so = {
        .calls = { .starting = outcome_starting,
                   .message = outcome_message,
                   .ended = outcome_ended,
                   .forget = outcome_forget },
        .max_workers = o->max_workers,
    };

    if (f == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&f->lock, NULL);
    if (copy_options(f, o, err) < 0)
        return -1;
    f->gauges = gauges_new();
    f->alerts = alerts_new(&o->alerts);
    if (f->gauges == NULL || f->alerts == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    so.calls.ctx = f;
    so.worker_path = f->o.worker_path;
    if (supervisor_new(&so, &f->sup, err) < 0)
        return -1;
    *ret = take_ptr(f);
    return 0;
}

/* Straight to the list, in one piece: add_due() would compare each with all others. */
static int look_at_all(struct flow *f, char (*ids)[ID_MAX], size_t count, struct err *err)
{
    struct work *list = NULL;

    for (size_t i = count; i > 0; i--) {
        struct work *w = work_new(WORK_LOOK, ids[i - 1], 0);
        if (w == NULL) {
            work_free_all(list);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        w->next = list;
        list = w;
    }
    for (struct work **at = &list; list != NULL; at = &(*at)->next)
        if (*at == NULL) {
            *at = f->due;
            f->due = list;
            break;
        }
    return 0;
}

int flow_start(struct flow *f, struct err *err)
{
    /* SUSPEND and FAILED too: a daemon that was killed may not have paused their steps yet */
    static const unsigned statuses =
        1U << PS_RUNNING | 1U << PS_RELEASING | 1U << PS_SUSPEND | 1U << PS_FAILED;
    _cleanup_(freep)
    char(*projects)[ID_MAX] = NULL;
    _cleanup_(freep)
    char(*prechecks)[ID_MAX] = NULL;
    size_t project_count = 0, precheck_count = 0;
    int r;

    if (store_project_ids(f->o.store, statuses, &projects, &project_count, err) < 0 ||
        store_precheck_pending(f->o.store, &prechecks, &precheck_count, err) < 0 ||
        look_at_all(f, prechecks, precheck_count, err) < 0 ||
        look_at_all(f, projects, project_count, err) < 0)
        return -1;
    r = pthread_create(&f->thread, NULL, run, f);
    if (r != 0)
        return err_set(err, ERR_INTERNAL, "start the flow's thread: error %d", r);
    f->started = true;
    log_info("flow", "started", "projects=%zu prechecks=%zu", project_count, precheck_count);
    return 0;
}

void flow_stop(struct flow *f)
{
    if (!f->started)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stopping = true;
    (void)pthread_mutex_unlock(&f->lock);
    supervisor_wake(f->sup);
    (void)pthread_join(f->thread, NULL);
    f->started = false;
}

void flow_free(struct flow *f)
{
    if (f == NULL)
        return;
    flow_stop(f);
    supervisor_free(f->sup);
    gauges_free(f->gauges);
    alerts_free(f->alerts);
    work_free_all(f->inbox);
    work_free_all(f->due);
    (void)pthread_mutex_destroy(&f->lock);
    free((void *)(uintptr_t)f->o.data_dir);
    free((void *)(uintptr_t)f->o.worker_path);
    free((void *)(uintptr_t)f->o.fault_dir);
    free(f);
}

/* ---------------------------------------------------------------------- from any thread */

static int refuse_sub(const struct project *p, enum flow_event on, struct err *err)
{
    (void)err_set(err, ERR_STATE, "can't %s project %s: it belongs to a modify record of %s",
                  flow_event_text(on), p->id, p->parent_id);
    return err_advise(err, "StopProjectModifyRecords and RetryProjectModifyRecords are for it; it "
                           "stops and goes on with its project.");
}

int flow_request(struct flow *f, const char *project_id, enum flow_op op, struct err *err)
{
    static const enum flow_event events[] = {
        [FLOW_START] = EV_START,     [FLOW_STOP] = EV_STOP,     [FLOW_RESUME] = EV_RESUME,
        [FLOW_RELEASE] = EV_RELEASE, [FLOW_DELETE] = EV_DELETE,
    };
    enum { TRIES = 3 };

    /* somebody may move the row between reading and moving: then what it is now decides */
    for (int i = 0;; i++) {
        _cleanup_(project_freep)
        struct project *p = NULL;
        const struct transition *t;
        int moved;

        if (store_project_live(f->o.store, project_id, &p, err) < 0)
            return -1;
        if (p->parent_id[0] != '\0' && op != FLOW_DELETE)
            return refuse_sub(p, events[op], err);
        if (op == FLOW_RESUME) {
            int again = verify_again(f, project_id, err);
            if (again < 0)
                return -1;
            if (again > 0 && p->status == PS_RUNNING) { /* only a verification had failed */
                post(f, WORK_LOOK, project_id);
                return 0;
            }
        }
        t = transition_find(p->status, events[op]);
        if (t == NULL || i == TRIES)
            return transition_refuse(project_id, p->status, events[op], err);
        moved = store_project_move(f->o.store, project_id, p->status, t->to, t->why, err);
        if (moved < 0)
            return -1;
        if (moved == 0)
            continue;
        log_info("flow", "project_moved", "project=%s from=%s to=%s", project_id,
                 project_status_text(p->status), project_status_text(t->to));
        post(f, op == FLOW_RESUME ? WORK_RESTART : WORK_LOOK, project_id);
        return 0;
    }
}

void flow_wake(struct flow *f, const char *id)
{
    post(f, WORK_LOOK, id);
}

void flow_objects(struct flow *f, const char *project_id)
{
    post(f, WORK_OBJECTS, project_id);
}

void flow_precheck(struct flow *f, const char *precheck_id)
{
    post(f, WORK_LOOK, precheck_id);
}

void flow_switch_changed(struct flow *f, const char *project_id, bool restart)
{
    post(f, restart ? WORK_SWITCH : WORK_LOOK, project_id);
}

void flow_throttle(struct flow *f, const char *project_id)
{
    post(f, WORK_THROTTLE, project_id);
}

int flow_gauges(struct flow *f, struct gauge **ret, size_t *ret_count, struct err *err)
{
    return gauges_copy(f->gauges, ret, ret_count, err);
}

void flow_renew(struct flow *f, const char *project_id, const char *step)
{
    const struct plan_row *row = plan_find(step);

    if (row != NULL)
        post_step(f, WORK_RENEW, project_id, row);
}

bool flow_worker_alive(struct flow *f, const char *project_id, const char *step)
{
    return supervisor_alive(f->sup, project_id, step);
}

bool flow_worker(struct flow *f, const char *project_id, const char *step, struct flow_worker *ret)
{
    return supervisor_look(f->sup, project_id, step, ret);
}

const char *flow_waits_for(const struct project *p, const struct step *steps, size_t count)
{
    const struct step *next;

    if (p->status != PS_RUNNING || plan_waits_behind(p, steps, count, &next) == NULL)
        return NULL;
    return next != NULL ? next->name : NULL;
}

/* Several may ask at once: the first passes, the others find that it waits no longer. */
int flow_pass(struct flow *f, const char *project_id, const char *user, char ret[static 64],
              struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    const struct step *behind, *next;
    int r;

    if (store_project_live(f->o.store, project_id, &p, err) < 0 ||
        store_step_list(f->o.store, project_id, &steps.rows, &steps.count, err) < 0)
        return -1;
    behind = plan_waits_behind(p, steps.rows, steps.count, &next);
    if (behind == NULL || p->status != PS_RUNNING)
        return 0;
    (void)snprintf(ret, 64, "%s", next != NULL ? next->name : "");
    r = store_project_pass(f->o.store, project_id, behind->name, user, err);
    if (r > 0)
        post(f, WORK_LOOK, project_id);
    return r;
}
