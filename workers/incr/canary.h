/*
 * The live proof of the loop breaker: a thread writes a marked probe at the source now and then,
 * as the other direction's worker would, and the coordinator must meet it, with its mark, in the
 * stream. What does not come, or comes without, would come back as a change of the source's own.
 */
#ifndef WORKERS_INCR_CANARY_H
#define WORKERS_INCR_CANARY_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/binlog/position.h"
#include "workers/worker.h"

struct canary;

/* canary_new(): starts it. @path of its marks: the target's node. */
int canary_new(struct worker *w, const char *path, struct canary **ret, struct err *err);
void canary_free(struct canary *c);
DEFINE_CLEANUP(struct canary, canary_free)

const char *canary_task(const struct canary *c); /* "<project>/canary" */
/* canary_seen(): number `n` came by, with its mark. */
void canary_seen(struct canary *c, uint64_t n);
/* canary_passed(): pair_passed(). */
int canary_passed(struct canary *c, const struct binlog_pos *pos, const char *source_uuid,
                  struct err *err);
struct json_object *canary_info(struct canary *c); /* NULL: out of memory */

#endif
