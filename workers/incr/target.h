/*
 * Tables as they are at the target, and their rows read exactly: every value as it would come from
 * that server's binlog, so that whatever writes rows of a binlog can write these.
 */
#ifndef WORKERS_INCR_TARGET_H
#define WORKERS_INCR_TARGET_H

#include "workers/incr/plan.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"

struct target {
    struct catalog *catalog; /* of this one table, which is mapped to itself */
    struct plans *plans;
    const struct table_plan *plan;
    bool rolls_back; /* its engine does */
};

/* Tables that were asked for, kept for some seconds. Not thread-safe. */
struct targets;
struct targets *targets_new(struct conn *c, const struct dialect *d); /* borrows; NULL: no memory */
void targets_free(struct targets *t);
DEFINE_CLEANUP(struct targets, targets_free)
void targets_forget(struct targets *t, bool all); /* else those that are old */
/* targets_get(): *ret is borrowed until targets_forget(). Errors: ERR_TABLE_NOT_FOUND, the
 * server's. */
int targets_get(struct targets *t, const char *db, const char *name, const struct target **ret,
                struct err *err);

enum { MET_CHECKS = 3 };
struct met_row {
    struct value *values; /* one a column of the target's plan; not carried: V_ABSENT */
    bool checks[MET_CHECKS];
};
struct met_rows {
    struct met_row *rows;
    size_t count;
};
void met_rows_done(struct met_rows *m); /* usable with _cleanup_ */
/*
 * target_read() - locks and reads rows, added to *io
 *
 * @where   condition; @checks  up to MET_CHECKS expressions joined by ", ", or "": told per row
 */
int target_read(struct conn *c, const struct target *t, const char *where, const char *checks,
                struct met_rows *io, struct err *err);

/* target_row_copy(): values with the bytes they point to, one free(). NULL: out of memory. */
struct value *target_row_copy(const struct value *row, size_t count);
/*
 * target_key_of() - the key of an image of the source as the target's columns hold it
 *
 * @ret  a row of the target, all but the key's columns V_ABSENT; free() it
 * Texts of another character set are converted by the target.
 */
int target_key_of(struct conn *c, const struct target *t, const struct table_plan *p,
                  const struct value *row, struct value **ret, struct err *err);

#endif
