/* From a row event to statements of a transaction: which changes are carried, and how. */
#ifndef WORKERS_INCR_CHANGE_H
#define WORKERS_INCR_CHANGE_H

#include "workers/incr/filter.h"
#include "workers/incr/group.h"
#include "workers/incr/sqlwrite.h"
#include "workers/incr/txn.h"
#include "workers/incr/witness.h"

struct changer {
    struct sqlwriter writer;
    struct filter *filter;
    bool row_check; /* conflictDetection ROW: before images are compared whole */
    bool has_safe_end;
    struct binlog_pos safe_end; /* events before it may be in the copy */
    struct witness *witness;    /* the session's; NULL: none */
    uint64_t dropped;           /* rows of kinds not carried */
    uint64_t filtered;          /* rows that no image of matched the filter */
};

/* change_event(): adds to the transaction. Errors: the decoder's, sqlwrite's, filter_event's. */
int change_event(struct changer *c, struct txn *t, const struct group_row_event *ev,
                 struct err *err);

/* change_row(): one row's statements; of the images (NULL: none) at least one is there. */
int change_row(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
               const struct row_mode *m, const struct value *before, const struct value *after,
               struct err *err);

#endif
