/*
 * What a project goes through. The flow owns the transition table, the plan of steps and the
 * supervisor of workers, and runs in one thread of its own over an epoll loop. The API only moves
 * rows and wakes it (flow_wake); effects follow from the stored state and are repeatable: after a
 * crash flow_start() looks at the rows and goes on.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "flow/alerts.h"
#include "notify/notify.h"
#include "store/conflict.h"
#include "store/project.h"
#include "store/store.h"
#include "store/verify.h"

struct flow;

struct flow_options {
    struct store *store;     /* borrowed */
    const struct box *box;   /* borrowed: unseals the sources' passwords for the assignment */
    const char *data_dir;    /* projects/<id>/ below it */
    const char *worker_path; /* causeway-worker */
    const char *fault_dir;   /* or NULL */
    enum log_level log_level;
    enum log_format log_format;
    int max_workers; /* at most this many processes at once */
    struct conflict_limits conflicts;
    struct alert_limits alerts;
    struct notify *notify; /* borrowed; told when there is something to send; or NULL */
};

int flow_new(const struct flow_options *o, struct flow **ret, struct err *err);
/* flow_start(): starts the thread and brings every stored project back to where it was. */
int flow_start(struct flow *f, struct err *err);
/* flow_stop(): asks the workers to stop at a commit, waits (8 s at most, then SIGKILL), joins the
 * thread. */
void flow_stop(struct flow *f);
void flow_free(struct flow *f);
DEFINE_CLEANUP(struct flow, flow_free)

/* Operations on a project, as a user asks for them (oms-api.md 3.2 "Allowed operations by state").
 */
enum flow_op { FLOW_START, FLOW_STOP, FLOW_RESUME, FLOW_RELEASE, FLOW_DELETE };
/*
 * flow_request() - checks the transition table, moves the row by comparing, wakes the flow
 * Safe from any thread; returns at once. Errors: ERR_PROJECT_NOT_FOUND, ERR_STATE naming the
 * operation, the present status and the statuses it is allowed in.
 */
int flow_request(struct flow *f, const char *project_id, enum flow_op op, struct err *err);
/* flow_objects(): a modify record of the project was added, or moved by a user. */
void flow_objects(struct flow *f, const char *project_id);
/* flow_precheck(): a precheck row was added; run it. */
void flow_precheck(struct flow *f, const char *precheck_id);
/* What AdvanceProject or AbortSwitchover asks for (docs/switchover.md). */
struct flow_switch_ask {
    bool abort;
    bool set_read_only, skip, mark_complete;
    int quiet_s;
};
/*
 * flow_switch() - passes the switchover's manual point, tries a failed sub-step again, or aborts
 *
 * @ret  name of the sub-step or step that becomes RUNNING or waits next; static; NULL for an abort
 * Errors: ERR_PROJECT_NOT_FOUND, ERR_STATE.
 */
int flow_switch(struct flow *f, const char *project_id, const struct flow_switch_ask *ask,
                const char *user, const char **ret, struct err *err);
/* flow_switch_dry_run(): what each sub-step would do, how long writes would stop now. */
int flow_switch_dry_run(struct flow *f, const char *project_id, int quiet_s,
                        struct json_object **ret, struct err *err);
/* flow_throttle(): the project's configuration changed its limits or its alert level: tell the
 * running workers, and the rules of the alerts. */
void flow_throttle(struct flow *f, const char *project_id);
/* flow_alert_lag(): above which lag (s) a project of this alert level alarms; 0: never. */
int flow_alert_lag(const char *importance);
/* flow_gauges(): what the workers measure (gauges.h); from any thread. free() the list. */
int flow_gauges(struct flow *f, struct gauge **ret, size_t *ret_count, struct err *err);
/* flow_renew(): the project's configuration changed for this step: its worker, if it runs, stops at
 * a commit and starts anew with it. */
void flow_renew(struct flow *f, const char *project_id, const char *step);
/* flow_worker_alive(): whether a live worker process works on this step now. */
bool flow_worker_alive(struct flow *f, const char *project_id, const char *step);

/* flow_worker(): the process that works on this step now; false: there is none. Any thread. */
struct flow_worker {
    int pid;
    int64_t since;    /* Unix s */
    int64_t heard_at; /* Unix s of its last word; 0: none yet */
};
bool flow_worker(struct flow *f, const char *project_id, const char *step, struct flow_worker *ret);
/*
 * flow_waits_for() - the step that does not begin by itself, or NULL; lives as long as `steps`
 * flow_pass() - a person lets the project go on where it waits (autoProcessedToNextStep: false)
 *
 * @ret  name of the step that becomes RUNNING; the caller's, "" when there is none
 * Returns 1, 0 when it waits for nothing of this kind, -1: ERR_PROJECT_NOT_FOUND.
 */
const char *flow_waits_for(const struct project *p, const struct step *steps, size_t count);
int flow_pass(struct flow *f, const char *project_id, const char *user, char ret[static 64],
              struct err *err);

/*
 * flow_verify_start() - StartFullVerify: compares both ends, or some tables of them
 *
 * @tables  array of {db, table} at the source; NULL: all. Borrowed
 * Errors: ERR_PROJECT_NOT_FOUND, ERR_STATE.
 */
int flow_verify_start(struct flow *f, const char *project_id, struct json_object *tables,
                      const char *user, struct err *err);
/* flow_verify_skip(): ends a verification that is running or has failed, whatever it has found.
 * @ret_next  the step behind it, "" of none. Returns 1, 0 when there is none, -1. */
int flow_verify_skip(struct flow *f, const char *project_id, const char *user,
                     char ret_next[static 64], struct err *err);
/* flow_verify_apply(): chosen corrections are to be applied; returns how many rows, 0 when none of
 * them is OPEN or FAILED. Errors: ERR_PROJECT_NOT_FOUND, ERR_STATE. */
int flow_verify_apply(struct flow *f, const char *project_id, const struct verify_rows *rows,
                      const char *user, struct err *err);

/* flow_plan(): the steps a configuration leads to (oms-api.md 3.3), for CreateProject to store. */
int flow_plan(struct json_object *config, struct step **ret, size_t *ret_count, struct err *err);
const char *flow_step_description(const char *step_name); /* display text, oms-api.md 3.3 */

#endif
