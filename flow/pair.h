/* Two projects over one pair of data sources, within the flow (docs/two-way.md). */
#ifndef FLOW_PAIR_H
#define FLOW_PAIR_H

#include "flow/feed.h"
#include "flow/flow_priv.h"

/* pair_add(): `direction` and `pair` of an assignment. `project_id` "": a submitted precheck. */
int pair_add(struct json_object *doc, struct store *st, const char *project_id,
             struct json_object *config, struct err *err);

/* Of message.c: `turn`, and `conflict`, which is stored with others and then acknowledged. */
int pair_take_turn(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                   struct err *err);
int pair_take_conflict(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                       struct err *err);

/*
 * pair_loop_found() - a step has failed with ERR_LOOP: the other direction fails, too
 *
 * Each goes into the history of both. Does nothing for a project without a peer that runs, so that
 * it can be called again.
 */
int pair_loop_found(struct flow *f, const struct job *job, const struct err *why, struct err *err);

#endif
