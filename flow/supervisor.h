/*
 * The supervisor of workers: who should run, runs. It starts, watches, restarts with back-off and
 * stops processes, and knows nothing of projects or rows: what a worker says and how it ended goes
 * to the flow through callbacks. One thread, over epoll; two functions are for other threads.
 *
 * The life of a job: wanted -> waits for a slot or for its back-off -> its process runs -> it ends
 *   - for good: DONE, FAILED or LATE, told once (again and again until the flow could store it);
 *   - because it was asked to: told as STOPPED;
 *   - any other way: it waits for its back-off and starts anew.
 */
#ifndef FLOW_SUPERVISOR_H
#define FLOW_SUPERVISOR_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/id.h"
#include "base/util.h"
#include "flow/flow.h"
#include "flow/plan.h"

struct supervisor;

/* One worker that is wanted, as the callbacks see it. */
struct job {
    char owner[ID_MAX]; /* project or precheck */
    const struct plan_row *step;
    void *user;        /* the flow's own, NULL at first; given to forget() at the end */
    unsigned restarts; /* after deaths and faults */
};

enum job_end {
    JOB_DONE,    /* it said `done` */
    JOB_FAILED,  /* its last words, or it died too often */
    JOB_LATE,    /* it took longer than it may */
    JOB_STOPPED, /* it was no longer wanted */
};

struct supervisor_calls {
    void *ctx;
    /* starting(): makes the assignment; called before each start. An error fails the job, unless
     * it is worth trying again by itself. */
    int (*starting)(void *ctx, struct job *job, struct json_object **ret, struct err *err);
    /* message(): one document. -1 with ERR_CHANNEL: it is malformed, a fault of the worker; any
     * other error: we could not store it. Either way the worker is killed and starts anew. */
    int (*message)(void *ctx, struct job *job, struct json_object *doc, struct err *err);
    /* ended(): -1: could not be stored, call again; 1: start anew after a back-off; 0: over. */
    int (*ended)(void *ctx, struct job *job, enum job_end how, const struct err *why);
    void (*forget)(void *ctx, struct job *job);
};

struct supervisor_options {
    struct supervisor_calls calls;
    const char *worker_path; /* borrowed */
    int max_workers;
};

int supervisor_new(const struct supervisor_options *o, struct supervisor **ret, struct err *err);
void supervisor_free(struct supervisor *s); /* kills what is left */
DEFINE_CLEANUP(struct supervisor, supervisor_free)

/*
 * supervisor_want() - a worker for this step should run; does nothing when it is wanted already
 *
 * @slots  how many workers its owner may have at once: counted as one when slots are given out,
 *         so that a project's second worker never waits behind other projects' first
 */
int supervisor_want(struct supervisor *s, const char *owner, const struct plan_row *step, int slots,
                    struct err *err);
/* supervisor_drop(): it should no longer run: asked to stop, then SIGTERM, then SIGKILL. */
void supervisor_drop(struct supervisor *s, const char *owner, const struct plan_row *step);
/* supervisor_drop_others(): drops all of the owner's jobs but those in `keep`. */
void supervisor_drop_others(struct supervisor *s, const char *owner,
                            const struct plan_row *const *keep, size_t keep_count);
/* supervisor_renew(): stops at a commit and starts anew, with another assignment; one that does not
 * run will have that anyway. */
void supervisor_renew(struct supervisor *s, const char *owner, const struct plan_row *step);
/* supervisor_has(): whether the owner has any job, one that is stopping included. */
bool supervisor_has(const struct supervisor *s, const char *owner);
/* supervisor_has_step(): whether it has a job for this step, one that is stopping included. */
bool supervisor_has_step(const struct supervisor *s, const char *owner,
                         const struct plan_row *step);
/* supervisor_send(): to the worker of this step, if it runs. Borrows `o`. */
void supervisor_send(struct supervisor *s, const char *owner, const struct plan_row *step,
                     struct json_object *o);
/* supervisor_each(): calls back for every job; it must not want or drop. */
void supervisor_each(struct supervisor *s, void (*call)(void *ctx, struct job *job), void *ctx);

/* supervisor_turn(): waits up to `timeout_ms` for something to happen and handles it. */
int supervisor_turn(struct supervisor *s, int64_t timeout_ms, struct err *err);
/* supervisor_stop_all(): nothing is wanted any more, and what still lives at `deadline_ms`
 * (monotonic) is killed. Turn until supervisor_idle(). */
void supervisor_stop_all(struct supervisor *s, int64_t deadline_ms);
bool supervisor_idle(const struct supervisor *s);

/* From any thread. */
void supervisor_wake(struct supervisor *s);
/* supervisor_look(): false when no process works on this step now. */
bool supervisor_look(struct supervisor *s, const char *owner, const char *step_name,
                     struct flow_worker *ret);
bool supervisor_alive(struct supervisor *s, const char *owner, const char *step_name);

#endif
