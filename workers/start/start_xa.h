/*
 * The starting position and XA transactions that were prepared before it: their rows are not in the
 * stream, and the copy sees them only when they are committed before it begins.
 */
#ifndef WORKERS_START_START_XA_H
#define WORKERS_START_START_XA_H

#include "workers/start/start.h"

/*
 * start_find_xa() - start_find(), and then a wait until what XA RECOVER showed is over
 *
 * With a copy to come, each of them is noted as known (cw_xa, workers/incr/xa.h): its COMMIT in the
 * stream then changes nothing, for its rows are in the copy. Without one, a later position is
 * taken. Not with startTimestamp: what was prepared then can't be asked for any more. One that was
 * both prepared and committed within the moment between two questions is not seen; its COMMIT stops
 * the incremental step with an error. An account that may not ask is told so in an event.
 * Errors: start_find()'s; ERR_TIMEOUT when they stay, with their names; ERR_CANCELLED.
 */
int start_find_xa(struct worker *w, const struct fence *f, struct conn *sink, struct conn *source,
                  const struct dialect *d, struct checkpoint *ret, struct err *err);
/*
 * start_now_xa() - start_now(), at a moment when nothing is prepared: what was is waited for
 *
 * Errors: start_now()'s; ERR_TIMEOUT, ERR_CANCELLED.
 */
int start_now_xa(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
                 struct err *err);

/*
 * start_xa_over() - waits until the transactions that are noted for the project as known are over
 *
 * Errors: ERR_TIMEOUT, ERR_CANCELLED.
 */
int start_xa_over(struct worker *w, struct conn *sink, struct conn *source, struct err *err);

#endif
