/*
 * Follows the incremental worker's checkpoint at the target, in a thread of its own: the target may
 * be slow or away, and the source's stream must not wait for it.
 */
#ifndef WORKERS_RELAY_KEEPER_H
#define WORKERS_RELAY_KEEPER_H

#include "base/util.h"
#include "workers/mysql/binlog/position.h"
#include "workers/worker.h"

struct keeper;

int keeper_new(const struct worker *w, const struct binlog_pos *first, struct keeper **ret,
               struct err *err);
void keeper_free(struct keeper *k); /* ends the thread */
DEFINE_CLEANUP(struct keeper, keeper_free)
/* keeper_checkpoint(): everything before it has been applied; the last one seen. */
struct binlog_pos keeper_checkpoint(struct keeper *k);

#endif
