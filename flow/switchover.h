/*
 * The switchover within the flow: which workers run for it, what they are sent, what their words
 * and ends make of its document (switch_doc.h).
 */
#ifndef FLOW_SWITCHOVER_H
#define FLOW_SWITCHOVER_H

#include "flow/feed.h"
#include "flow/flow_priv.h"
#include "flow/switch_doc.h"

/* switch_reverse_id(): under which the reverse direction's rows and files are. */
void switch_reverse_id(const char *project_id, char ret[static ID_MAX]);
/* switch_is_reverse(): the step's worker has the ends exchanged and rows and folder of its own. */
bool switch_is_reverse(const struct plan_row *row);
bool switch_is_worker(const struct plan_row *row); /* … it is the switch worker */

/*
 * switch_wish() - which workers a project in its switchover, or behind it, should have
 *
 * Returns 1, 0 when there is none (the plan decides), -1.
 */
int switch_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *ret, struct err *err);

/* switch_assignment(): the reverse direction's assignment, or what the switch worker is to do. */
int switch_assignment(struct flow *f, const struct project *p, struct job *job,
                      struct json_object **ret, struct err *err);
/* switch_add_drain(): to the forward incremental worker's assignment. */
int switch_add_drain(struct flow *f, const struct project *p, struct json_object *doc,
                     struct err *err);

/* switch_add_release(): what the switchover has left at the source. */
int switch_add_release(struct store *st, const char *project_id, struct json_object *doc,
                       struct err *err);

/* Of message.c: `switch`, `drained`, and `ready` of the target's log pull. */
int switch_take(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                struct err *err);
int switch_take_drained(struct store *st, struct feed *f, struct json_object *doc,
                        bool *ret_changed, struct err *err);
int switch_take_ready(struct store *st, struct feed *f, bool *ret_changed, struct err *err);

/* switch_ended(): as supervisor_calls.ended; of the switch worker, and of the target's log pull
 * before the reverse synchronization has begun. *ret_over: nothing else is to be done about it. */
int switch_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 bool *ret_over, struct err *err);
/* switch_remove_folder(): of the reverse direction; nothing there is fine. */
int switch_remove_folder(struct flow *f, const char *project_id, struct err *err);

#endif
