/*
 * Changes of a running project's objects within the flow (docs/object-changes.md): which record is
 * worked on, what the incremental workers are asked for, who does the hand-over.
 *
 * A record goes PENDING -> RUNNING (a sub-project copies what joins and follows the stream) ->
 * MERGING (both incremental workers wait at one place; then neither runs, and a worker `change`
 * makes the tables the project's) -> SUCCESS; what leaves: PENDING -> MODIFYING -> SUCCESS. Every
 * decision follows from stored rows, and the target decides whether the change has been made.
 */
#ifndef FLOW_MODIFY_H
#define FLOW_MODIFY_H

#include "flow/feed.h"
#include "flow/flow_priv.h"

bool modify_is_worker(const struct plan_row *row); /* the worker `change` */

/*
 * modify_wish() - of a running project, or sub-project: begins, goes on with or ends what its open
 * record asks for, and takes away or adds workers
 *
 * @io  which workers its steps ask for
 */
int modify_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *io, struct err *err);
/* modify_releasing(): of a project that is being released: 1: wait, its sub-projects go first. */
int modify_releasing(struct flow *f, const struct project *p, struct err *err);

/* modify_add(): to the assignment of an incremental worker, or of the worker `change`. */
int modify_add(struct flow *f, const struct project *p, const struct plan_row *step,
               struct json_object *doc, struct err *err);
/* modify_ended(): of the worker `change`; as supervisor_calls.ended. */
int modify_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 struct err *err);
/* Of message.c: `held`. */
int modify_take_held(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                     struct err *err);

#endif
