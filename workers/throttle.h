/* Token buckets for rows and bytes a second, over the limits that the channel may change any time.
 */
#ifndef WORKERS_THROTTLE_H
#define WORKERS_THROTTLE_H

#include <stdint.h>

#include "base/util.h"
#include "workers/report.h"

struct throttle;
struct throttle *throttle_new(struct report *r); /* NULL: out of memory */
void throttle_free(struct throttle *t);
DEFINE_CLEANUP(struct throttle, throttle_free)
/*
 * throttle_take(): waits until so much may pass. False: the worker was asked to stop before that,
 * or throttle_cancel() was called; what a limit held back must not pass then either. Any thread.
 */
bool throttle_take(struct throttle *t, uint64_t rows, uint64_t bytes);
void throttle_cancel(struct throttle *t);       /* nobody waits any more: the work has failed */
bool throttle_active(const struct throttle *t); /* someone waited within the last second */

#endif
