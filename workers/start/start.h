/* Where a project's stream begins: docs/design.md, "The starting position". */
#ifndef WORKERS_START_START_H
#define WORKERS_START_START_H

#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/control.h"
#include "workers/worker.h"

/*
 * start_find() - a position such that whatever is committed before it is visible to a copy that
 * begins later; or, with incrTransferConfig.startTimestamp, the first transaction of that second
 *
 * @c    a connection to the source, for itself
 * @ret  position, GTID set, identity and time of the source; checkpoint_done() it
 * Errors: ERR_BINLOG_OFF, ERR_BINLOG_PURGED (startTimestamp), ERR_DB_…
 */
int start_find(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
               struct err *err);

/*
 * start_now() - start_find(), whatever the project's startTimestamp
 *
 * @c  a connection to any server; messages call it the source
 */
int start_now(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
              struct err *err);

/* start_by_time(): the part of start_find() for a time, in Unix seconds. */
int start_by_time(struct worker *w, struct conn *c, const struct dialect *d, int64_t unix_s,
                  struct checkpoint *ret, struct err *err);

/* start_server_id(): the server id we show a source: stable for a project, unlike real ones. */
uint32_t start_server_id(const struct task *t, const char *what);

#endif
