/* Inside of flow/ only: the flow itself, and how its parts meet. */
#ifndef FLOW_FLOW_PRIV_H
#define FLOW_FLOW_PRIV_H

#include <pthread.h>

#include "base/id.h"
#include "flow/flow.h"
#include "flow/supervisor.h"
#include "flow/transition.h"

struct work; /* something to look at; the list is flow.c's */

struct flow {
    struct flow_options o; /* with texts of its own */
    struct supervisor *sup;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* guards inbox and stopping; taken by nobody who holds another lock */
    struct work *inbox;
    bool stopping;

    struct gauges *gauges;
    struct alerts *alerts;
    int64_t gauges_due, roll_due, alerts_due; /* monotonic ms; the flow's thread only */

    struct work *due; /* the flow's thread only: what to reconcile, and when */
};

/* flow_look(): reconcile this project or precheck, `in_ms` from now. The flow's thread only. */
void flow_look(struct flow *f, const char *id, int64_t in_ms);

/* flow_wake(): reconcile it now; from any thread. */
void flow_wake(struct flow *f, const char *id);

/*
 * reconcile() - makes what runs agree with what the rows of a project or precheck say
 *
 * Repeatable: it looks at the rows and decides which workers should run. Every change of a row,
 * every end of a worker and every start of the daemon leads here.
 */
int reconcile(struct flow *f, const char *id, struct err *err);

/* The supervisor's callbacks; ctx is the flow. */
int outcome_starting(void *ctx, struct job *job, struct json_object **ret, struct err *err);
int outcome_message(void *ctx, struct job *job, struct json_object *doc, struct err *err);
int outcome_ended(void *ctx, struct job *job, enum job_end how, const struct err *why);
void outcome_forget(void *ctx, struct job *job);

static inline bool flow_is_precheck(const char *id)
{
    return id[0] == 'p' && id[1] == 'c' && id[2] == '_';
}

/* Which workers a running project should have. */
enum { WANTED_MAX = 10 };
struct wishes {
    const struct plan_row *rows[WANTED_MAX];
    size_t count;
};

/* flow_switch_changed(): look at the project again; `restart`: its switch worker starts anew. */
void flow_switch_changed(struct flow *f, const char *project_id, bool restart);

#endif
