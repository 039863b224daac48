#include "flow/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/assignment.h"
#include "flow/process.h"
#include "flow/restart.h"

#include "base/banned.h"

enum {
    STOP_TERM_MS = 10000,  /* after being asked to stop */
    STOP_KILL_MS = 5000,   /* after SIGTERM */
    CLOSED_KILL_MS = 5000, /* the channel is closed and the process still lives */
    WRITE_KILL_MS = 30000, /* it does not read what it was sent */
    ENDED_AGAIN_MS = 1000, /* the flow could not store how it ended */
    MESSAGES_A_TURN = 64,  /* then the others have their turn */
    EVENTS_A_TURN = 64,
};

enum worker_state {
    WS_WAITING, /* for a slot, or for start_at */
    WS_RUNNING,
    WS_ENDED, /* for good, and the flow has not stored it yet */
};

struct worker {
    struct job job; /* first: callbacks get its address */
    struct worker *next;
    int slots;
    bool wanted;
    bool gone; /* out of the list, freed at the end of the turn */

    enum worker_state state;
    int64_t start_at; /* monotonic ms: start, or (WS_ENDED) tell the flow again */
    uint64_t seq;     /* of those with the same start_at the first wanted is the first started */
    int64_t late_at;  /* limit_s after the first start; 0: never */
    struct restart restart;

    /* Of the present process: */
    struct process proc;
    bool alive; /* this and `seen` are guarded by supervisor.lock for other threads */
    struct flow_worker seen;
    bool more;       /* the channel may hold more documents, already read */
    bool progressed; /* it has said progress or ready */
    bool said_done;
    bool said_error;   /* `last` holds its last words */
    bool said_trouble; /* `trouble` holds its latest retrying error */
    bool broke_talk;   /* killed for a message it should not have sent */
    bool spared;       /* killed for a fault of ours */
    bool late;         /* killed for taking too long */
    bool asked;        /* to stop */
    bool stop_termed;  /* SIGTERM sent, SIGKILL is next */
    int64_t stop_at;   /* when the stop gets harder; 0: never */
    int64_t kill_at;   /* when it is killed: it closed its channel; 0: never */
    int64_t write_by;  /* when what it was sent must have been read; 0: all is */
    struct err last, trouble;

    enum job_end end; /* WS_ENDED */
};

struct supervisor {
    struct supervisor_options o;
    int epoll_fd, wake_fd;
    struct worker *workers; /* the list is changed under `lock`, by the flow's thread alone */
    struct worker *garbage;
    int64_t stop_deadline; /* monotonic ms; 0: not stopping */
    uint64_t seq;
    pthread_mutex_t lock; /* workers' next and alive, against supervisor_look() */
};

int supervisor_new(const struct supervisor_options *o, struct supervisor **ret, struct err *err)
{
    _cleanup_(supervisor_freep)
    struct supervisor *s = calloc(1, sizeof(*s));
    struct epoll_event ev = { .events = EPOLLIN };

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->o = *o;
    (void)pthread_mutex_init(&s->lock, NULL);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->epoll_fd < 0 || s->wake_fd < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &ev) < 0)
        return err_set_sys(err, ERR_INTERNAL, "set up the supervisor");
    *ret = take_ptr(s);
    return 0;
}

static void worker_free(struct worker *w)
{
    process_done(&w->proc);
    free(w);
}

static void collect_garbage(struct supervisor *s)
{
    while (s->garbage != NULL) {
        struct worker *w = s->garbage;
        s->garbage = w->next;
        worker_free(w);
    }
}

void supervisor_free(struct supervisor *s)
{
    if (s == NULL)
        return;
    collect_garbage(s);
    while (s->workers != NULL) {
        struct worker *w = s->workers;
        s->workers = w->next;
        s->o.calls.forget(s->o.calls.ctx, &w->job);
        worker_free(w);
    }
    closep(&s->epoll_fd);
    closep(&s->wake_fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---------------------------------------------------------------------- the list */

static struct worker *find(const struct supervisor *s, const char *owner,
                           const struct plan_row *step)
{
    for (struct worker *w = s->workers; w != NULL; w = w->next)
        if (w->job.step == step && strcmp(w->job.owner, owner) == 0)
            return w;
    return NULL;
}

static void set_alive(struct supervisor *s, struct worker *w, bool alive)
{
    (void)pthread_mutex_lock(&s->lock);
    w->alive = alive;
    if (alive)
        w->seen = (struct flow_worker){ .pid = w->proc.pid, .since = clock_now_s() };
    (void)pthread_mutex_unlock(&s->lock);
}

bool supervisor_look(struct supervisor *s, const char *owner, const char *step_name,
                     struct flow_worker *ret)
{
    bool alive = false;

    (void)pthread_mutex_lock(&s->lock);
    for (struct worker *w = s->workers; w != NULL && !alive; w = w->next)
        if (w->alive && strcmp(w->job.owner, owner) == 0 &&
            strcmp(w->job.step->name, step_name) == 0) {
            alive = true;
            *ret = w->seen;
        }
    (void)pthread_mutex_unlock(&s->lock);
    return alive;
}

bool supervisor_alive(struct supervisor *s, const char *owner, const char *step_name)
{
    struct flow_worker unused;

    return supervisor_look(s, owner, step_name, &unused);
}

/* Takes the worker out. Its memory stays until the end of the turn: events may still name it. */
static void remove_worker(struct supervisor *s, struct worker *w)
{
    struct worker **at = &s->workers;

    while (*at != w)
        at = &(*at)->next;
    (void)pthread_mutex_lock(&s->lock);
    *at = w->next;
    (void)pthread_mutex_unlock(&s->lock);
    w->gone = true;
    w->next = s->garbage;
    s->garbage = w;
    s->o.calls.forget(s->o.calls.ctx, &w->job);
}

bool supervisor_has(const struct supervisor *s, const char *owner)
{
    for (struct worker *w = s->workers; w != NULL; w = w->next)
        if (strcmp(w->job.owner, owner) == 0)
            return true;
    return false;
}

bool supervisor_has_step(const struct supervisor *s, const char *owner, const struct plan_row *step)
{
    return find(s, owner, step) != NULL;
}

bool supervisor_idle(const struct supervisor *s)
{
    return s->workers == NULL;
}

void supervisor_each(struct supervisor *s, void (*call)(void *ctx, struct job *job), void *ctx)
{
    for (struct worker *w = s->workers; w != NULL; w = w->next)
        call(ctx, &w->job);
}

void supervisor_wake(struct supervisor *s)
{
    uint64_t one = 1;

    (void)!write(s->wake_fd, &one, sizeof(one)); /* full: it is awake anyway */
}

/* ---------------------------------------------------------------------- wishes */

int supervisor_want(struct supervisor *s, const char *owner, const struct plan_row *step, int slots,
                    struct err *err)
{
    struct worker *w = find(s, owner, step);

    if (s->stop_deadline != 0)
        return 0;
    if (w != NULL) {
        /* one that is stopping stops, and starts again after: a stop is never weakened */
        w->wanted = true;
        return 0;
    }
    w = calloc(1, sizeof(*w));
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(w->job.owner, sizeof(w->job.owner), "%s", owner);
    w->job.step = step;
    w->slots = slots;
    w->wanted = true;
    w->state = WS_WAITING;
    w->start_at = clock_mono_ms();
    w->seq = s->seq++;
    w->proc.pidfd = -1;
    (void)pthread_mutex_lock(&s->lock);
    w->next = s->workers;
    s->workers = w;
    (void)pthread_mutex_unlock(&s->lock);
    return 0;
}

/* Asks for EPOLLOUT only while something is to be written. */
static void watch_output(struct supervisor *s, struct worker *w)
{
    struct epoll_event ev = { .data.u64 = (uintptr_t)w };

    ev.events = EPOLLIN | (w->proc.out.len > 0 ? (uint32_t)EPOLLOUT : 0U);
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, chan_fd(w->proc.chan), &ev);
}

static void send_to(struct supervisor *s, struct worker *w, struct json_object *o)
{
    struct err err = { 0 };

    if (w->proc.chan == NULL)
        return;
    if (process_send(&w->proc, o, &err) < 0)
        log_err(LOG_WARN, "flow", "send_failed", &err); /* its end will be seen by itself */
    if (w->proc.out.len > 0 && w->write_by == 0)
        w->write_by = clock_mono_ms() + WRITE_KILL_MS;
    watch_output(s, w);
}

static void ask_to_stop(struct supervisor *s, struct worker *w)
{
    _cleanup_(json_putp)
    struct json_object *stop = json_object_new_object();

    json_add_str(stop, "t", "stop");
    send_to(s, w, stop);
    w->asked = true;
    w->stop_at = clock_mono_ms() + STOP_TERM_MS;
}

static void drop(struct supervisor *s, struct worker *w)
{
    w->wanted = false;
    if (w->state == WS_WAITING)
        remove_worker(s, w);
    else if (w->state == WS_RUNNING && !w->asked)
        ask_to_stop(s, w);
}

void supervisor_drop(struct supervisor *s, const char *owner, const struct plan_row *step)
{
    struct worker *w = find(s, owner, step);

    if (w != NULL)
        drop(s, w);
}

void supervisor_renew(struct supervisor *s, const char *owner, const struct plan_row *step)
{
    struct worker *w = find(s, owner, step);

    if (w != NULL && w->state == WS_RUNNING && w->wanted && !w->asked)
        ask_to_stop(s, w); /* settle() starts it again: it is wanted */
}

void supervisor_drop_others(struct supervisor *s, const char *owner,
                            const struct plan_row *const *keep, size_t keep_count)
{
    struct worker *next;

    for (struct worker *w = s->workers; w != NULL; w = next) {
        bool kept = false;
        next = w->next;
        for (size_t i = 0; i < keep_count; i++)
            kept = kept || keep[i] == w->job.step;
        if (!kept && strcmp(w->job.owner, owner) == 0)
            drop(s, w);
    }
}

void supervisor_stop_all(struct supervisor *s, int64_t deadline_ms)
{
    struct worker *next;

    s->stop_deadline = deadline_ms;
    for (struct worker *w = s->workers; w != NULL; w = next) {
        next = w->next;
        drop(s, w);
    }
}

void supervisor_send(struct supervisor *s, const char *owner, const struct plan_row *step,
                     struct json_object *o)
{
    struct worker *w = find(s, owner, step);

    if (w != NULL && w->state == WS_RUNNING)
        send_to(s, w, o);
}

/* ---------------------------------------------------------------------- the end of a process */

static void start_later(struct worker *w)
{
    w->job.restarts++;
    w->state = WS_WAITING;
    w->start_at = clock_mono_ms() + restart_delay(&w->restart);
}

/* Tells the flow; the job is over once the flow has stored it. */
static void tell_end(struct supervisor *s, struct worker *w)
{
    int r = s->o.calls.ended(s->o.calls.ctx, &w->job, w->end, w->end == JOB_DONE ? NULL : &w->last);

    if (r < 0)
        w->start_at = clock_mono_ms() + ENDED_AGAIN_MS;
    else if (r > 0 && w->wanted)
        start_later(w);
    else
        remove_worker(s, w);
}

static void end_job(struct supervisor *s, struct worker *w, enum job_end how)
{
    w->state = WS_ENDED;
    w->end = how;
    tell_end(s, w);
}

/* A death of its own making, told by w->last: again, or once too often. */
static void died_by_itself(struct supervisor *s, struct worker *w)
{
    char text[256];

    if (!restart_too_often(&w->restart, clock_mono_ms())) {
        start_later(w);
        return;
    }
    (void)snprintf(text, sizeof(text), "%.255s", w->last.message);
    (void)err_set(&w->last, ERR_WORKER_DIED, "the worker of step %s died %d times: %s",
                  w->job.step->name, (int)RESTART_DEATHS, text);
    if (w->said_trouble)
        (void)err_advise(&w->last, "Its last error was: %.600s", w->trouble.message);
    end_job(s, w, JOB_FAILED);
}

static void took_too_long(struct supervisor *s, struct worker *w)
{
    (void)err_set(&w->last, ERR_TIMEOUT, "step %s took longer than %d s%s%.600s", w->job.step->name,
                  w->job.step->limit_s, w->said_trouble ? "; its last error was: " : "",
                  w->said_trouble ? w->trouble.message : "");
    end_job(s, w, JOB_LATE);
}

/*
 * What decides, in this order. Its verdict came over the channel: what the process did after that
 * changes nothing. ERR_EPOCH_STALE says that another process has taken the task over: after a
 * crash of the daemon that is an orphan in its last moments, and a new start takes the task back;
 * two daemons would go on so for ever, so it counts.
 */
static void settle(struct supervisor *s, struct worker *w, const char *ending, bool own_making)
{
    bool stale =
        w->said_error && (w->last.code == ERR_EPOCH_STALE || w->last.code == ERR_CANCELLED);

    if (w->progressed)
        restart_progressed(&w->restart);
    if (w->said_done) {
        end_job(s, w, JOB_DONE);
    } else if (w->asked && w->wanted) { /* stopped and resumed meanwhile */
        w->state = WS_WAITING;
        w->start_at = clock_mono_ms();
    } else if (!w->wanted) {
        end_job(s, w, JOB_STOPPED);
    } else if (w->late) {
        took_too_long(s, w);
    } else if (w->said_error && !stale) {
        end_job(s, w, JOB_FAILED);
    } else if (stale || w->broke_talk) {
        died_by_itself(s, w);
    } else if (own_making && !w->progressed && !w->spared) {
        (void)err_set(&w->last, ERR_WORKER_DIED, "%s without a last word", ending);
        died_by_itself(s, w);
    } else {
        start_later(w);
    }
}

/* ---------------------------------------------------------------------- what it says */

/* What the supervisor itself needs of a message that the flow has accepted. */
static void note(struct supervisor *s, struct worker *w, struct json_object *doc)
{
    const char *t = json_get_str(doc, "t", "");

    (void)pthread_mutex_lock(&s->lock);
    w->seen.heard_at = clock_now_s();
    (void)pthread_mutex_unlock(&s->lock);
    if (strcmp(t, "progress") == 0 || strcmp(t, "ready") == 0) {
        w->progressed = true;
        w->said_trouble = false;
    } else if (strcmp(t, "done") == 0) {
        w->said_done = true;
    } else if (strcmp(t, "error") == 0 && json_get_bool(doc, "retrying", false)) {
        json_to_err(json_get(doc, "error"), &w->trouble);
        w->said_trouble = true;
    } else if (strcmp(t, "error") == 0) {
        json_to_err(json_get(doc, "error"), &w->last);
        w->said_error = true;
    }
}

static void break_off(struct worker *w, const struct err *why)
{
    log_err(LOG_ERROR, "flow", "worker_refused", why);
    if (why->code == ERR_CHANNEL)
        w->broke_talk = true;
    else
        w->spared = true;
    w->last = *why;
    process_signal(&w->proc, SIGKILL);
    process_close_channel(&w->proc);
}

/* Reads up to MESSAGES_A_TURN documents, `more` says whether to go on; false: it is closed. */
static bool read_channel(struct supervisor *s, struct worker *w)
{
    w->more = false;
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        _cleanup_(json_putp)
        struct json_object *doc = NULL;
        struct err err = { 0 };
        int r = chan_recv(w->proc.chan, &doc, &err);

        if (r == 0)
            return false;
        if (r > 0 && doc == NULL)
            return true;
        if (w->said_done || w->said_error)
            continue; /* nothing counts after its last words */
        if (r > 0)
            r = s->o.calls.message(s->o.calls.ctx, &w->job, doc, &err);
        if (r < 0) {
            break_off(w, &err);
            return true;
        }
        note(s, w, doc);
    }
    w->more = true;
    return true;
}

static void on_input(struct supervisor *s, struct worker *w)
{
    if (w->proc.chan == NULL || read_channel(s, w))
        return;
    process_close_channel(&w->proc); /* closing takes the descriptor out of epoll, too */
    w->kill_at = clock_mono_ms() + CLOSED_KILL_MS;
    w->write_by = 0;
}

static void on_output(struct supervisor *s, struct worker *w)
{
    struct err err = { 0 };

    if (w->proc.chan == NULL)
        return;
    if (process_flush(&w->proc, &err) < 0) {
        log_err(LOG_WARN, "flow", "send_failed", &err); /* its end will be seen as well */
        on_input(s, w);
        return;
    }
    if (w->proc.out.len == 0)
        w->write_by = 0;
    watch_output(s, w);
}

static void on_exit_of(struct supervisor *s, struct worker *w)
{
    char ending[ENDING_MAX];
    int status = 0;

    if (w->proc.pid == 0)
        return;
    /* the last words first: they are in the socket's buffer, however the process ended */
    do {
        if (w->proc.chan == NULL || !read_channel(s, w))
            break;
    } while (w->more);
    if (process_reap(&w->proc, &status) == 0)
        return;
    set_alive(s, w, false);
    process_done(&w->proc);
    w->more = false;
    (void)process_ending(status, ending);
    log_line(w->said_done || w->asked ? LOG_INFO : LOG_WARN, "flow", "worker_exited",
             "owner=%s step=%s ending=\"%s\" done=%d asked=%d progressed=%d", w->job.owner,
             w->job.step->name, ending, w->said_done, w->asked, w->progressed);
    settle(s, w, ending, restart_own_making(status));
}

/* ---------------------------------------------------------------------- starting */

static bool owner_runs(const struct supervisor *s, const char *owner, const struct worker *until)
{
    for (struct worker *w = s->workers; w != until; w = w->next)
        if (w->state == WS_RUNNING && strcmp(w->job.owner, owner) == 0)
            return true;
    return false;
}

/* An owner counts with all of its slots as soon as one of its workers runs. */
static int slots_used(const struct supervisor *s)
{
    int used = 0;

    for (struct worker *w = s->workers; w != NULL; w = w->next)
        if (w->state == WS_RUNNING && !owner_runs(s, w->job.owner, w))
            used += w->slots;
    return used;
}

static void reset_process_state(struct worker *w)
{
    w->more = w->progressed = w->said_done = w->said_error = w->said_trouble = false;
    w->broke_talk = w->spared = w->late = w->asked = w->stop_termed = false;
    w->stop_at = w->kill_at = w->write_by = 0;
    err_reset(&w->last);
    err_reset(&w->trouble);
}

/* The lowest bit of the event's datum tells the process from its channel. */
static int watch_process(struct supervisor *s, struct worker *w, struct err *err)
{
    struct epoll_event exits = { .events = EPOLLIN, .data.u64 = (uintptr_t)w | 1U };
    struct epoll_event talks = { .events = EPOLLIN, .data.u64 = (uintptr_t)w };

    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, w->proc.pidfd, &exits) < 0 ||
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, chan_fd(w->proc.chan), &talks) < 0)
        return err_set_sys(err, ERR_WORKER_DIED, "watch the worker of step %s", w->job.step->name);
    return 0;
}

static int launch(struct supervisor *s, struct worker *w, struct json_object *assignment,
                  struct err *err)
{
    FAULT("flow.worker_start.before");
    if (process_start(&w->proc, s->o.worker_path, w->job.owner, w->job.step->name, err) < 0)
        return -1;
    if (watch_process(s, w, err) < 0) {
        process_done(&w->proc);
        return -1;
    }
    send_to(s, w, assignment);
    FAULT("flow.worker_start.after");
    return 0;
}

static void start(struct supervisor *s, struct worker *w)
{
    _cleanup_(assignment_freep)
    struct json_object *assignment = NULL;
    int64_t now = clock_mono_ms();

    reset_process_state(w);
    if (s->o.calls.starting(s->o.calls.ctx, &w->job, &assignment, &w->last) < 0) {
        log_err(LOG_ERROR, "flow", "no_assignment", &w->last);
        if (err_retryable(&w->last))
            start_later(w);
        else
            end_job(s, w, JOB_FAILED);
        return;
    }
    if (launch(s, w, assignment, &w->last) < 0) {
        log_err(LOG_ERROR, "flow", "worker_not_started", &w->last);
        died_by_itself(s, w);
        return;
    }
    w->state = WS_RUNNING;
    set_alive(s, w, true);
    if (w->late_at == 0 && w->job.step->limit_s > 0)
        w->late_at = now + (int64_t)w->job.step->limit_s * 1000;
    log_info("flow", "worker_started", "owner=%s step=%s worker_pid=%d", w->job.owner,
             w->job.step->name, (int)w->proc.pid);
}

/* The one to start now: a running owner's next, else whoever has waited longest, if it fits. */
static struct worker *next_to_start(const struct supervisor *s, int64_t now)
{
    struct worker *first = NULL;
    int used;

    for (struct worker *w = s->workers; w != NULL; w = w->next) {
        bool before = first == NULL || w->start_at < first->start_at ||
                      (w->start_at == first->start_at && w->seq < first->seq);
        if (w->state != WS_WAITING || w->start_at > now)
            continue;
        if (owner_runs(s, w->job.owner, NULL))
            return w;
        if (before)
            first = w;
    }
    if (first == NULL)
        return NULL;
    used = slots_used(s);
    /* one that needs more than there is must not wait for ever */
    return used == 0 || used + first->slots <= s->o.max_workers ? first : NULL;
}

/* ---------------------------------------------------------------------- time */

static bool due(int64_t at, int64_t now)
{
    return at != 0 && at <= now;
}

static void hurry(struct supervisor *s, struct worker *w, int64_t now)
{
    if (due(w->write_by, now)) {
        struct err err = { 0 };
        (void)err_set(&err, ERR_CHANNEL, "the worker of step %s does not read its channel",
                      w->job.step->name);
        break_off(w, &err);
        w->write_by = 0;
    }
    if (due(w->stop_at, now)) {
        process_signal(&w->proc, w->stop_termed ? SIGKILL : SIGTERM);
        w->stop_at = w->stop_termed ? 0 : now + STOP_KILL_MS;
        w->stop_termed = true;
    }
    if (due(w->late_at, now) && !w->late) {
        w->late = true;
        process_signal(&w->proc, SIGKILL);
    }
    if (due(w->kill_at, now) || due(s->stop_deadline, now)) {
        process_signal(&w->proc, SIGKILL);
        w->kill_at = 0;
    }
}

static void run_timers(struct supervisor *s, int64_t now)
{
    struct worker *w, *next;

    for (w = s->workers; w != NULL; w = next) {
        next = w->next;
        if (w->state == WS_RUNNING)
            hurry(s, w, now);
        else if (w->state == WS_WAITING && due(w->late_at, now))
            took_too_long(s, w);
        else if (w->state == WS_ENDED && due(s->stop_deadline, now))
            remove_worker(s, w); /* its rows say that it was running: it will be again */
        else if (w->state == WS_ENDED && w->start_at <= now)
            tell_end(s, w);
    }
    while ((w = next_to_start(s, now)) != NULL)
        start(s, w);
}

static void sooner(int64_t *at, int64_t candidate)
{
    if (candidate != 0 && candidate < *at)
        *at = candidate;
}

/* When run_timers() has something to do next, at `limit` at the latest. */
static int64_t next_due(const struct supervisor *s, int64_t now, int64_t limit)
{
    int64_t at = limit;

    for (struct worker *w = s->workers; w != NULL; w = w->next) {
        if (w->state == WS_RUNNING) {
            sooner(&at, w->more ? now : 0);
            sooner(&at, w->write_by);
            sooner(&at, w->stop_at);
            sooner(&at, w->late ? 0 : w->late_at);
            sooner(&at, w->kill_at);
            sooner(&at, s->stop_deadline > now ? s->stop_deadline : 0);
        } else {
            /* past start_at it waits for a slot, whose end is an event */
            sooner(&at, w->start_at > now ? w->start_at : 0);
            sooner(&at, w->late_at > now ? w->late_at : 0);
        }
    }
    return at;
}

static void handle(struct supervisor *s, const struct epoll_event *ev)
{
    struct worker *w = (struct worker *)(uintptr_t)(ev->data.u64 & ~(uint64_t)1);
    uint64_t count;

    if (w == NULL) {
        (void)!read(s->wake_fd, &count, sizeof(count));
        return;
    }
    if (w->gone)
        return;
    if ((ev->data.u64 & 1) != 0) {
        on_exit_of(s, w);
        return;
    }
    if ((ev->events & EPOLLOUT) != 0)
        on_output(s, w);
    if ((ev->events & ~(uint32_t)EPOLLOUT) != 0)
        on_input(s, w);
}

int supervisor_turn(struct supervisor *s, int64_t timeout_ms, struct err *err)
{
    struct epoll_event events[EVENTS_A_TURN];
    int64_t now = clock_mono_ms();
    int n;

    run_timers(s, now);
    timeout_ms = MAX(next_due(s, now, now + timeout_ms) - now, 0);
    n = epoll_wait(s->epoll_fd, events, EVENTS_A_TURN, (int)timeout_ms);
    if (n < 0 && errno != EINTR)
        return err_set_sys(err, ERR_INTERNAL, "wait for workers");
    for (int i = 0; i < n; i++)
        handle(s, &events[i]);
    for (struct worker *w = s->workers, *next; w != NULL; w = next) {
        next = w->next;
        if (w->more && w->state == WS_RUNNING)
            on_input(s, w);
    }
    collect_garbage(s);
    return 0;
}
