/*
 * A transaction that met other rows at the target than it should is applied once more, row by row:
 * what is there is locked and read, judged (resolve_judge.h), acted on and recorded, all in one
 * target transaction with its mark. So the outcome is the same however the transaction came here:
 * alone, out of a batch, streamed because it is large, or after a restart.
 */
#ifndef WORKERS_INCR_RESOLVE_H
#define WORKERS_INCR_RESOLVE_H

#include "workers/incr/bundle.h"
#include "workers/incr/resolve_judge.h"
#include "workers/incr/sqlwrite.h"
#include "workers/incr/target.h"

struct resolve_options {
    const struct fence *fence;
    const struct dialect *sink;
    struct sqlwriter writer;
    enum conflict_strategy strategy;
    bool two_way;           /* what is decided here must reach the other direction (remedy.h) */
    const char *project_id; /* this one, and the other direction's or "" */
    const char *peer_id;
};

struct resolver;

/* resolver_new(): of one lane. Borrows everything but the options' values. */
int resolver_new(struct conn *c, struct bundle *b, unsigned lane, const struct resolve_options *o,
                 struct resolver **ret, struct err *err);
void resolver_free(struct resolver *r);
DEFINE_CLEANUP(struct resolver, resolver_free)
void resolver_forget_tables(struct resolver *r); /* they have changed */

/* resolve_wanted(): may this error of a transaction be resolved? */
bool resolve_wanted(const struct err *err);

/*
 * resolve_txn() - the whole of it, with its commit
 *
 * @lwm, @applied  for its mark
 * Errors: ERR_CONFLICT by the strategy FAIL: the record is in the control schema then; otherwise
 * bundle_add()'s. The caller rolls back.
 */
int resolve_txn(struct resolver *r, const struct txn *t, uint64_t lwm,
                const struct applied *applied, struct err *err);

/*
 * In pieces, for transactions that are streamed: begin before the bundle's, rows for what of it has
 * been read (its statements are not looked at), end before its commit. resolve_failed() after an
 * error and the rollback: writes the record of FAIL, if it was that; keeps the error.
 */
int resolve_begin(struct resolver *r, struct err *err);
/* Of the events with statements `from` to `to` (not included). */
int resolve_rows(struct resolver *r, const struct txn *t, size_t from, size_t to, struct err *err);
int resolve_end(struct resolver *r, const struct txn *t, struct err *err);
void resolve_failed(struct resolver *r, struct err *err);

/* resolve_counts(): conflicts of the transaction that was done last, by enum conflict_kind. */
const uint64_t *resolve_counts(const struct resolver *r);

#endif
