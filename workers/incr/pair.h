/*
 * Who the two ends are, and what of the stream is carried: nodes and paths (docs/two-way.md). One a
 * process; used by the coordinator, the paths it gives out by the lanes as well.
 */
#ifndef WORKERS_INCR_PAIR_H
#define WORKERS_INCR_PAIR_H

#include "base/err.h"
#include "base/util.h"
#include "workers/incr/group.h"
#include "workers/mysql/control.h"
#include "workers/worker.h"

struct pair;

int pair_new(struct worker *w, struct pair **ret, struct err *err);
void pair_free(struct pair *p);
DEFINE_CLEANUP(struct pair, pair_free)

/* pair_ask_source(): a two-way one makes the control schema there as well: probes need it. */
int pair_ask_source(struct pair *p, struct conn *c, struct err *err);
/*
 * pair_ask_target() - once a session, behind control_ensure(); starts the canary
 *
 * Errors: ERR_PAIR when both ends of a two-way project are one node.
 */
int pair_ask_target(struct pair *p, struct conn *c, struct err *err);

/* pair_source(): who it is. */
const struct node_id *pair_source(const struct pair *p);

/* pair_local_path(): of what was written at the source itself. */
const char *pair_local_path(const struct pair *p);
/*
 * pair_origin() - is a transaction of this origin carried?
 *
 * @ret_path  the path its mark at the target has; lives as long as the pair, equal ones are one
 *            pointer
 * Returns 1 when it is, 0 when not, -1: ERR_LOOP when it has been at the source before.
 */
int pair_origin(struct pair *p, const struct group_info *g, const char **ret_path, struct err *err);

/* pair_control(): a row of cw_canary in the stream. ERR_LOOP when it is ours and has no mark. */
int pair_control(struct pair *p, const struct group_control *c, struct err *err);
/*
 * pair_passed() - the stream has been read up to `pos`
 *
 * @source_uuid  of the server that `pos` belongs to (struct checkpoint)
 * Errors: ERR_LOOP when a probe that is before it was not met.
 */
int pair_passed(struct pair *p, const struct binlog_pos *pos, const char *source_uuid,
                struct err *err);
/* pair_add_info(): what the step's info tells of it. */
void pair_add_info(struct pair *p, struct json_object *info);

#endif
