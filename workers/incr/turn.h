/*
 * The turn of a two-way project: where its reverse is to begin, which is where the target is before
 * the forward worker has applied anything. Noted at the target, under the project's id and
 * CONTROL_TURN: position, catalog with exchanged names, facts. Read by workers/relay/turned.c.
 */
#ifndef WORKERS_INCR_TURN_H
#define WORKERS_INCR_TURN_H

#include "workers/incr/session.h"

/* turn_note(): before anything is applied; the second time it only tells the daemon. */
int turn_note(struct session *s, struct err *err);

#endif
