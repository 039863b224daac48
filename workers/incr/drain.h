/*
 * The daemon's `drain`: to tell when everything up to a position of the source is applied and
 * noted. It does not stop anything (docs/channel.md, docs/switchover.md).
 */
#ifndef WORKERS_INCR_DRAIN_H
#define WORKERS_INCR_DRAIN_H

#include "base/err.h"
#include "workers/mysql/binlog/position.h"

struct json_object;
struct session;

struct drain { /* of a process: outlives its sessions */
    bool wanted;
    struct binlog_pos to;
};

/* drain_ask(): a request, as the assignment or the channel has it; what is no position is left. */
void drain_ask(struct drain *d, struct json_object *request);
/* drain_tick(): answers a request when it is met. Errors: the checkpoint's. */
int drain_tick(struct session *s, struct err *err);

#endif
