/*
 * Records of conflicts on their way from the control schema to the daemon: sent by the coordinator,
 * removed once the daemon says that it has stored them. One that was decided anew meanwhile (FAIL,
 * then another strategy) is not removed, but sent again.
 */
#ifndef WORKERS_INCR_CONFLICT_H
#define WORKERS_INCR_CONFLICT_H

#include <json-c/json.h>

#include "base/err.h"
#include "workers/incr/resolve_judge.h"

struct session;
struct sync;

/* What was sent and is not answered yet. */
struct conflict_sent {
    uint64_t seq, n, crc;
};
struct conflicts {
    struct conflict_sent *sent;
    size_t count;
    bool more;                      /* there may be rows that are not sent */
    int64_t look_at;                /* monotonic ms: when next, at the latest */
    uint64_t told;                  /* conflicts of this session that were looked for */
    uint64_t before[CONFLICT_MAX_]; /* of this process's earlier sessions */
};
void conflicts_done(struct conflicts *c);

/* conflicts_begin(): of a session: what an earlier one left is sent. */
void conflicts_begin(struct session *s);
/* conflicts_tick(): whatever is due. */
int conflicts_tick(struct session *s, struct err *err);
/* conflicts_end(): of a session that ends with an error: the record of FAIL is sent before it. */
void conflicts_end(struct session *s);
/* conflicts_info(): stepInfo's "conflicts", of this process: total, byKind. NULL: out of memory. */
struct json_object *conflicts_info(struct session *s);

#endif
