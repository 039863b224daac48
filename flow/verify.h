/*
 * Full verification within the flow (docs/verification.md): when its workers run, what they are
 * given, what their words and ends mean. Nothing here ever stops replication: a verification that
 * failed beside an incremental step shows at its own step alone.
 *
 * A run (store/verify.h) is OPEN until its worker is done, has failed or a person skips it. The
 * step's worker runs while one is open and the project has caught up: the steps before it are
 * FINISHED or MONITORING, and no switchover is on its way.
 */
#ifndef FLOW_VERIFY_H
#define FLOW_VERIFY_H

#include "flow/feed.h"
#include "flow/flow_priv.h"

/* verify_is_own(): the step is FULL_VERIFIER or INCR_VERIFIER: verify_wish() decides on it. */
bool verify_is_own(const struct plan_row *row);
bool verify_is_mend(const struct plan_row *row); /* the worker that applies corrections */

/*
 * verify_wish() - adds the workers that compare and correct to those of a running project; begins
 * the run of the project's own step
 */
int verify_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *io, struct err *err);

/* verify_add(): the section "verify" of an assignment of kind verify, watch or mend. */
int verify_add(struct flow *f, const struct project *p, struct job *job, struct json_object *doc,
               struct err *err);
/* verify_peer_began(): incremental of a project begins or goes on: its peer's comparing workers are
 * to look at its changes, too. */
int verify_peer_began(struct flow *f, const char *project_id, struct err *err);

/* Of message.c. */
int verify_take_table(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                      struct err *err);
int verify_take_row(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                    struct err *err);
int verify_take_mended(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                       struct err *err);

/* verify_ended(): of FULL_VERIFIER and INCR_VERIFIER; as supervisor_calls.ended. *ret_over: nothing
 * else is to be done about it. */
int verify_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 bool *ret_over, struct err *err);
/* verify_mend_ended(): of the correcting worker. */
int verify_mend_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                      struct err *err);

/* verify_again(): what has failed of it is tried again: with ResumeProject. 1: there was some. */
int verify_again(struct flow *f, const char *project_id, struct err *err);

#endif
