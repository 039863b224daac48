/* Is the source still the one we read, and has it what we need? docs/positions.md. */
#ifndef WORKERS_RELAY_SOURCE_H
#define WORKERS_RELAY_SOURCE_H

#include "workers/mysql/binlog/dump.h"

/*
 * source_check_same() - the server we read before: its binlog must reach our position and its
 * history hold what we have
 *
 * @here   file "": nothing read yet, we begin by GTIDs
 * @gtids  what was applied, or NULL when that is not known
 * Errors: ERR_BINLOG_RESET, ERR_BINLOG_PURGED, ERR_GTID_PURGED.
 */
int source_check_same(struct conn *c, const struct dialect *d, const struct binlog_pos *here,
                      const struct gtid_set *gtids, struct err *err);

/*
 * source_check_other() - another server: its history must hold everything that we have, and its
 * binlog everything that we have not
 *
 * @ours  every transaction that was pulled or applied
 * Errors: ERR_SOURCE_BEHIND while it is a replica that is still applying, ERR_GTID_ERRANT,
 * ERR_GTID_PURGED.
 */
int source_check_other(struct conn *c, const struct dialect *d, const struct gtid_set *ours,
                       struct err *err);

/* source_check_settings(): does it log every change, as rows, with all columns? A server that takes
 * the place of another one was never prechecked. Errors: ERR_SOURCE_CHANGED. */
int source_check_settings(struct conn *c, struct err *err);

#endif
