/* Where a project's stream begins: docs/design.md, "The starting position". */
#ifndef WORKERS_RELAY_START_H
#define WORKERS_RELAY_START_H

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

/* start_by_time(): the part of start_find() for a time, in Unix seconds. */
int start_by_time(struct worker *w, struct conn *c, const struct dialect *d, int64_t unix_s,
                  struct checkpoint *ret, struct err *err);

/* relay_server_id(): the server id we show the source: stable for a project, unlike real ones. */
uint32_t relay_server_id(const struct task *t, const char *what);

#endif
