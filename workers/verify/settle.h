/*
 * Rows suspected to differ: do they? While both ends are written, a difference may be a change that
 * is under way. It is proven only when no change of the row was (docs/verification.md, "The
 * witness").
 */
#ifndef WORKERS_VERIFY_SETTLE_H
#define WORKERS_VERIFY_SETTLE_H

#include "workers/verify/differing.h"
#include "workers/verify/ends.h"

enum verdict {
    ROW_UNDECIDED, /* it changed all the time, or the witness was not to be had */
    ROW_EQUAL,     /* or gone at both ends, or told under the key that the source has */
    ROW_SOURCE_ONLY,
    ROW_TARGET_ONLY,
    ROW_VALUES,
};

struct suspect {
    struct row_key key;
    enum verdict verdict;
};

enum { SETTLE_MAX = 200 }; /* suspects at a time */

/*
 * settle() - reads the rows at both ends, again and again, until each is equal or proven to differ
 *
 * @t         its normals have a key
 * @suspects  at most SETTLE_MAX; the verdicts are set
 * @limit_ms  then what is left stays ROW_UNDECIDED; time in which incremental is not there or far
 *            behind does not count
 * Returns 0, STAGE_STOPPED, -1: connection and query errors.
 */
int settle(struct ends *e, const struct differing_table *t, struct suspect *suspects, size_t count,
           int64_t limit_ms, struct err *err);

/*
 * settle_quiet() - no change of this row was under way when the ends were read
 *
 * @since  ends_moment() before they were read; ends_read_on() has returned 1 behind that
 */
bool settle_quiet(const struct ends *e, const struct differing_table *d, const struct moment *since,
                  const struct row_key *key);

#endif
