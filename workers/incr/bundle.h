/*
 * One transaction at the target: the mark of the lane's row, statements of one or several source
 * transactions in as few packets as possible, the check of what each of them affected, the commit.
 */
#ifndef WORKERS_INCR_BUNDLE_H
#define WORKERS_INCR_BUNDLE_H

#include "workers/incr/applied.h"
#include "workers/incr/fold.h"
#include "workers/incr/txn.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/control.h"

struct bundle;

/* @packet_max  max_allowed_packet of the target. @lists: of bundle_fold(). Borrows connection and
 * fence. */
int bundle_new(struct conn *c, const struct fence *f, unsigned lane, size_t packet_max,
               enum fold_lists lists, struct bundle **ret, struct err *err);
void bundle_free(struct bundle *b);
DEFINE_CLEANUP(struct bundle, bundle_free)

/* bundle_begin(): nothing is sent yet. @applied holds the numbers of this transaction too. @path:
 * control_mark_sql()'s. */
int bundle_begin(struct bundle *b, uint64_t lwm, const struct applied *applied, const char *path,
                 struct err *err);
/*
 * bundle_add() - statements `from` to `to` (not included) of one source transaction
 *
 * Sends what does not fit any more; the transaction must stay as it is until bundle_flush().
 * Errors: ERR_CONFLICT (a row is there, or is not), ERR_EPOCH_STALE, ERR_VALUE,
 * ERR_SCHEMA_MISMATCH, conn_multi's; with table and position.
 */
int bundle_add(struct bundle *b, const struct txn *t, size_t from, size_t to, struct err *err);
/*
 * bundle_fold() - the same for all of a transaction, whose rows join those of others (fold.h)
 *
 * bundle_folded() after the last one sends them to the statements of the packet; then
 * bundle_commit(). An error may name the table only, and not the transaction: apply each by itself
 * then.
 */
int bundle_fold(struct bundle *b, const struct txn *t, struct err *err);
int bundle_folded(struct bundle *b, struct err *err);
int bundle_flush(struct bundle *b, struct err *err);
/* bundle_text(): one more statement that counts no rows. */
int bundle_text(struct bundle *b, const char *sql, struct err *err);
int bundle_commit(struct bundle *b, struct err *err);
/* bundle_times(): µs that the statements and the COMMIT of the transaction begun last took. */
struct bundle_times {
    uint64_t execute_us, commit_us;
};
struct bundle_times bundle_times(const struct bundle *b);
/* bundle_forget(): after a statement that failed by itself: the transaction is still open. */
void bundle_forget(struct bundle *b);
void bundle_rollback(struct bundle *b); /* errors show at the next use */

#endif
