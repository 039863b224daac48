/*
 * Row filters (whereClause): the target's server evaluates them over the images as typed literals,
 * so that a filter means in the stream what it means in the copy. Columns the filter does not name
 * are left out; text has the collation of the target's column.
 */
#ifndef WORKERS_INCR_FILTER_H
#define WORKERS_INCR_FILTER_H

#include "workers/incr/group.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"

struct filter;
enum { FILTER_BEFORE = 1, FILTER_AFTER = 2 }; /* which images of a row match */

int filter_new(struct conn *sink, const struct dialect *d, struct filter **ret, struct err *err);
void filter_free(struct filter *f);
DEFINE_CLEANUP(struct filter, filter_free)

/*
 * filter_event() - every row of one event
 *
 * @ret  one byte a row, borrowed until the next call
 * Errors: the server's, ERR_PARAM when it refuses the filter itself.
 */
int filter_event(struct filter *f, const struct group_row_event *ev, const uint8_t **ret,
                 size_t *ret_rows, struct err *err);

#endif
