/*
 * XA transactions whose outcome comes later. At XA PREPARE the statements go into the control
 * schema (cw_xa), in the target transaction of that group's number; at XA COMMIT they are run and
 * removed, in the transaction of its number; at XA ROLLBACK they are removed. Both are alone at the
 * target, as very large transactions are. Nothing else can touch the rows in between: they, and
 * their tables' structure, stay locked at the source.
 *
 * Rows of tables that don't roll back (MyISAM) count at once, whatever becomes of the rest: they
 * are run with the group that they stand in.
 *
 * An XA transaction without a row in scope is noted too: a COMMIT of an unknown one can then only
 * be of one that was prepared before the project's starting position, whose rows are neither in the
 * copy nor in the stream.
 */
#ifndef WORKERS_INCR_XA_H
#define WORKERS_INCR_XA_H

#include "base/err.h"
#include "workers/incr/group.h"
#include "workers/mysql/binlog/event.h"

struct session;

struct xa_savepoint {
    char *name;
    uint32_t parts; /* how many there were before it */
};

/* Of the group that is being read. */
struct xa {
    bool open; /* its rows are of an XA transaction */
    char xid[XID_TEXT_MAX];
    uint32_t parts;                  /* rows of cw_xa written so far */
    struct xa_savepoint *savepoints; /* set since the first of them, or before it */
    size_t savepoint_count;
};
void xa_done(struct xa *x); /* leaves it as of no XA transaction */

/* xa_rows(): after each row event: what has become too much goes to the control schema now. */
int xa_rows(struct session *s, struct err *err);
/* xa_savepoint(): in one that goes to the control schema already: SAVEPOINT or ROLLBACK TO. */
int xa_savepoint(struct session *s, bool back, const char *name, struct err *err);
/*
 * xa_event() - group_ops.xa
 *
 * @ctx  struct session
 * Errors: ERR_BINLOG_EVENT for the COMMIT of an unknown transaction; those of bundle_add().
 */
int xa_event(void *ctx, enum group_xa what, const char *xid, struct err *err);

#endif
