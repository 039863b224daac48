/*
 * What the worker of one job tells of its step, on the way to the store: at most one write a
 * second, the newest of each kind; what changes a state is written at once (message.h).
 */
#ifndef FLOW_FEED_H
#define FLOW_FEED_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/id.h"
#include "base/util.h"
#include "flow/gauges.h"
#include "flow/plan.h"
#include "store/conflict.h"
#include "store/store.h"

enum { DDL_ID_MAX = 300 }; /* "file:pos" with room: a name of a file has 255 bytes */

struct feed {
    char project_id[ID_MAX];  /* "" for a submitted precheck: there is no step to write to */
    char precheck_id[ID_MAX]; /* "" unless it is a precheck */
    char ends[2][ID_MAX];     /* data sources: source, sink */
    const struct plan_row *step;
    char reset_id[ID_MAX];        /* the reset that the running worker was given, or "" */
    char run_id[ID_MAX];          /* of a verifying worker: what it was started for */
    int64_t mend_upto;            /* of a correcting one: the number of its last row */
    char pending_ddl[DDL_ID_MAX]; /* the statement that it stopped at, or "" */

    char phase[64];           /* of the switch worker: what it was started for */
    struct json_object *said; /* … and the last word that counts with its `done` */

    bool has_progress, has_trouble, has_checkpoint;
    double progress;
    struct json_object *info;
    struct err trouble; /* a retrying error */
    int64_t checkpoint;
    int64_t written_at; /* monotonic ms of the last write */

    struct gauges *gauges;                /* borrowed; NULL: a precheck without a project */
    const struct conflict_limits *limits; /* borrowed */
    struct json_object *conflicts;        /* told, not stored yet; NULL: none */
    struct json_object *stored;           /* [seq, n] of those to acknowledge; NULL: none */
    size_t conflict_bytes;                /* of `conflicts`, roughly */
    int64_t conflicts_at;                 /* monotonic ms at which they are due */

    int items, events;   /* what one process may say is bounded */
    int64_t events_from; /* monotonic ms; `events` counts from here */
};

struct feed *feed_new(const struct plan_row *step); /* NULL: out of memory */
void feed_free(struct feed *f);
DEFINE_CLEANUP(struct feed, feed_free)

void feed_progress(struct feed *f, double progress, struct json_object *info); /* borrowed */
void feed_trouble(struct feed *f, struct json_object *error);
void feed_checkpoint(struct feed *f, int64_t unix_s);
/* feed_conflict(): takes a record over; returns how many are not stored yet. */
size_t feed_conflict(struct feed *f, struct json_object *record);
/* feed_acks(): a `conflicts_stored` message for what has been stored since; NULL: nothing. */
struct json_object *feed_acks(struct feed *f);
/* feed_due(): monotonic ms at which feed_write() is due; 0: there is nothing to write. */
int64_t feed_due(const struct feed *f);
/* feed_write(): writes what is pending; after an error it is still pending, due a second later. */
int feed_write(struct feed *f, struct store *st, struct err *err);

#endif
