/* The state machine of a project: one row per change (oms-api.md 3.2). */
#ifndef FLOW_TRANSITION_H
#define FLOW_TRANSITION_H

#include <stddef.h>

#include "base/err.h"
#include "store/project.h"

/* clang-format off */
#define FLOW_EVENT_TABLE(X) \
    X(EV_START, "start") X(EV_STOP, "stop") X(EV_RESUME, "resume") X(EV_RELEASE, "release") X(EV_DELETE, "delete") \
    X(EV_STEP_FAILED, "step failed") X(EV_ALL_DONE, "all steps done") X(EV_RELEASED, "released")
/* clang-format on */

#define ENUM_(sym, text) sym,
enum flow_event { FLOW_EVENT_TABLE(ENUM_) EV_MAX_ };
#undef ENUM_

struct transition {
    unsigned from; /* bit set of 1U << PS_… */
    enum flow_event on;
    enum project_status to;
    const char *why; /* for the log and the project's history */
};

const char *flow_event_text(enum flow_event on);
const struct transition *transition_table(size_t *ret_count);
/* transition_find(): the row of this event in this status; NULL: there is none. */
const struct transition *transition_find(enum project_status from, enum flow_event on);
/* transition_refuse(): raises ERR_STATE: the operation, the status it is in, those it may be in. */
int transition_refuse(const char *project_id, enum project_status from, enum flow_event on,
                      struct err *err);

#endif
