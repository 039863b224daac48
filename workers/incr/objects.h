/*
 * The daemon's `objects`: what an incremental worker does while its project's selection changes
 * (docs/object-changes.md). Fork: note for a sub-project where we are, with nothing applied beyond
 * it. Hold: read no further than a number, and tell when everything up to there is applied and
 * noted. Both happen between two transactions of the source.
 */
#ifndef WORKERS_INCR_OBJECTS_H
#define WORKERS_INCR_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"

struct json_object;
struct session;

struct objects_ask {   /* of a process: outlives its sessions */
    char fork[ID_MAX]; /* "": none, or done */
    int64_t fork_at;   /* monotonic ms: not before */
    bool hold, told;
    uint64_t until; /* of the hold: its number at least */
    uint64_t told_seq;
};

/* objects_ask(): a request, as the assignment or the channel has it; the newest one counts. */
void objects_ask(struct objects_ask *o, struct json_object *request);
/*
 * objects_step() - between two records: does what was asked for, as soon as it can
 *
 * Returns 1: nothing more is to be read for now, 0, or -1 with the control schema's errors.
 */
int objects_step(struct session *s, struct err *err);
/*
 * objects_ready() - of a sub-project: it has caught up with the project, and its copy's overlap is
 * behind it. 1, 0, -1.
 */
int objects_ready(struct session *s, struct err *err);
/* objects_check(): is the selection that we were given the one that is in force? ERR_FLOW. */
int objects_check(struct session *s, struct err *err);

#endif
