/*
 * The document of a switchover (docs/switchover.md): its sub-steps and what each event makes of
 * them. Pure: no store, no process. Whoever changes it stores it by store_switch_put().
 *
 * { rev, checkpointSampleTimestamp, state: IDLE|RUNNING|ABORTING|DONE,
 *   subSteps: [{order, name, status: INIT|RUNNING|FINISHED|FAILED|SKIPPED, confirm: MANUAL|AUTO,
 *               message, detail}],
 *   options: {quietSeconds, setReadOnly}, readOnly: {asked, before}, pullFailed,
 *   positions: {quiet, source, target} each {file, pos, gtid, server}, abort: {phase, …} }
 */
#ifndef FLOW_SWITCH_DOC_H
#define FLOW_SWITCH_DOC_H

#include <json-c/json.h>

#include "base/err.h"
#include "store/switchover.h"

enum switch_sub {
    SUB_START,
    SUB_PRECHECK,
    SUB_PULL,
    SUB_STOP_WRITES,
    SUB_DRAIN,
    SUB_STOP_FORWARD,
    SUB_OBJECTS,
    SUB_REVERSE,
    SUB_MAX_
};

enum switch_state { SWITCH_IDLE, SWITCH_RUNNING, SWITCH_ABORTING, SWITCH_DONE };

struct switch_row {
    const char *name;
    bool manual;       /* a person passes it; else it begins by itself */
    bool works;        /* the switch worker does it */
    const char *waits; /* MANUAL: what a person is to do */
    const char *does;  /* for the dry run */
};
const struct switch_row *switch_row(enum switch_sub sub);

/* switch_prepare(): fills in what a document that was never begun lacks. */
void switch_prepare(struct json_object *doc);
enum switch_state switch_state(struct json_object *doc);
/* switch_current(): the first sub-step that is neither FINISHED nor SKIPPED; SUB_MAX_: none. */
enum switch_sub switch_current(struct json_object *doc);
const char *switch_status(struct json_object *doc, enum switch_sub sub);
/* switch_phase(): what the switch worker has to do now: a sub-step's name, "ABORT_CHECK", "ABORT";
 * NULL: nothing. */
const char *switch_phase(struct json_object *doc);
/* switch_drain_to(): the position that the forward incremental worker drains to; NULL: none. */
struct json_object *switch_drain_to(struct json_object *doc);
/* Which of the others should run beside it. */
bool switch_wants_forward(struct json_object *doc);
bool switch_wants_pull(struct json_object *doc); /* the target's log pull */

/* switch_undoes_read_only(): read_only at the source may be of ours, and the way back is not there
 * yet: whoever ends the switchover undoes it. */
bool switch_undoes_read_only(struct json_object *doc);

/* What a person asks for with AdvanceProject. */
struct switch_ask {
    const char *user;
    bool set_read_only, skip, mark_complete;
    int quiet_s;
    bool forward_monitors; /* INCR_TRANSFER is MONITORING */
};

/*
 * switch_advance() - passes the manual point at which it waits, or tries a failed sub-step again
 *
 * *ret: the sub-step that becomes RUNNING, or waits next. Errors: ERR_STATE, ERR_PARAM.
 */
int switch_advance(struct switch_change *c, const struct switch_ask *ask, const char **ret,
                   struct err *err);
int switch_abort(struct switch_change *c, const char *user, struct err *err);

/* Each returns false when the document is not there (any more): nothing changes. */
bool switch_told(struct switch_change *c, const char *phase, struct json_object *said);
bool switch_finished(struct switch_change *c, const char *phase, struct json_object *said);
bool switch_failed(struct switch_change *c, const char *phase, const struct err *why);
bool switch_pulled(struct switch_change *c);
bool switch_pull_lost(struct switch_change *c, const struct err *why);
bool switch_drained(struct switch_change *c, struct json_object *at);

#endif
