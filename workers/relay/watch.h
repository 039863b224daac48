/*
 * Looks at the source's binlog from beside the stream: where its end is, what the oldest file is
 * and when files are removed. A thread and a connection of its own, every few seconds; an account
 * that may not look, or a source that is away, leaves things unknown and stops nothing.
 */
#ifndef WORKERS_RELAY_WATCH_H
#define WORKERS_RELAY_WATCH_H

#include "base/util.h"
#include "workers/mysql/binlog/position.h"
#include "workers/worker.h"

struct watch;

struct watch_seen {
    struct binlog_pos head;   /* file "": not known */
    struct binlog_pos oldest; /* the beginning of the oldest file; file "": not known */
    bool expires_known;
    int64_t expire_s; /* files go so long after their last change; 0: never by age */
};

int watch_new(const struct worker *w, struct watch **ret, struct err *err);
void watch_free(struct watch *k); /* ends the thread */
DEFINE_CLEANUP(struct watch, watch_free)
void watch_get(struct watch *k, struct watch_seen *ret);

#endif
