/*
 * Looks through the relay for transactions on the project's objects, without applying anything: was
 * something written between two positions? For the switchover (docs/switchover.md).
 */
#ifndef WORKERS_INCR_SCAN_H
#define WORKERS_INCR_SCAN_H

#include <stdint.h>

#include "base/err.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/conn.h"
#include "workers/report.h"
#include "workers/scope.h"

struct scan { /* all borrowed */
    struct report *report;
    const char *data_dir;            /* the relay is in relay/ below it */
    struct conn *control;            /* to the end whose control schema … */
    const char *schema, *project_id; /* … holds checkpoint, catalog and facts of this project */
    const struct scope *scope;
    struct binlog_pos from, to; /* from.file "": from the checkpoint on */
    bool local_only; /* rows that no worker has applied, and no DDL (which can't be told apart) */
    int patience_ms; /* until the relay has got to `to` */
};

struct scan_found {
    uint64_t transactions;
    struct binlog_pos first, last; /* where they begin */
    char object[400];              /* of the first: "db.table" */
};

/*
 * scan_run() - transactions that begin in [from, to)
 *
 * Errors: ERR_TIMEOUT (the relay has not got there), ERR_CANCELLED, ERR_SOURCE_CHANGED (another
 * server is being read meanwhile), ERR_CONTROL_SCHEMA, the reader's.
 */
int scan_run(const struct scan *s, struct scan_found *ret, struct err *err);

#endif
