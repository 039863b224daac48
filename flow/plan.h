/* The steps of a project as a table: which there are, when, and what each waits for. */
#ifndef FLOW_PLAN_H
#define FLOW_PLAN_H

#include <json-c/json.h>

#include "base/err.h"
#include "store/project.h"

/* What a worker's `ready` means for its step. */
enum on_ready {
    READY_NOTHING,  /* it ends with `done` */
    READY_FINISHES, /* the step is FINISHED, its worker stays in the background */
    READY_MONITORS, /* the step is MONITORING, for good */
};

struct plan_row {
    const char *name;        /* oms-api.md 3.3 */
    const char *description; /* what a person reads */
    const char *kind;        /* docs/channel.md, the assignment's "kind" */
    enum on_ready on_ready;
    int limit_s; /* killed when it takes longer in all; 0: unlimited */
    bool (*present)(struct json_object *config); /* NULL: never in a plan (RELEASE, …) */
};

/* Names that code refers to. */
#define STEP_PRECHECK "TRANSFER_PRECHECK"
#define STEP_PREPARE "TRANSFER_PREPARE"
#define STEP_INCR "INCR_TRANSFER"
#define STEP_CHANGE                                                                                \
    "OBJECTS_CHANGE" /* not a step a user sees: the hand-over of changed objects                   \
                      */
#define STEP_STRUCT "STRUCT_TRANSFER"
#define STEP_VERIFY "FULL_VERIFIER"
#define STEP_WATCH "INCR_VERIFIER"
#define STEP_MEND "VERIFY_CORRECTION" /* not a step a user sees: chosen corrections are applied */
#define STEP_INDEX "INDEX_TRANSFER"
#define STEP_REVERSE "REVERSE_INCR_TRANSFER"
#define STEP_REVERSE_PULL                                                                          \
    "REVERSE_INCR_LOG_PULL"    /* not a step a user sees: a part of the two before it */
#define STEP_RELEASE "RELEASE" /* not a step a user sees: removes what is at the target */

enum { PRECHECK_LIMIT_S = 120, RELEASE_LIMIT_S = 600 };

const struct plan_row *plan_find(const char *step_name); /* NULL: no such step */
/* plan_has(): whether this configuration leads to the step. */
bool plan_has(struct json_object *config, const char *step_name);
/*
 * plan_waits_behind() - the step behind which the project waits for AdvanceProject, or NULL
 *
 * STRUCT_TRANSFER with autoProcessedToNextStep: false, once it is FINISHED, until a person has
 * passed it (store_project_pass). *ret_next: the step that waits, NULL when there is none.
 */
const struct step *plan_waits_behind(const struct project *p, const struct step *steps,
                                     size_t count, const struct step **ret_next);
/* plan_is_before(): whether the plan has a step before another one. */
bool plan_is_before(const char *step_name, const char *other);
/* plan_slots(): how many workers a project may have at once. */
int plan_slots(struct json_object *config);

#endif
