/*
 * A consistent snapshot of a table whose binlog position is known exactly: what a transaction
 * committed before the position has done is in it, and nothing else.
 */
#ifndef WORKERS_MYSQL_BINLOG_SNAPSHOT_H
#define WORKERS_MYSQL_BINLOG_SNAPSHOT_H

#include "base/err.h"
#include "workers/mysql/binlog/position.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"

/* snapshot_begin(): a snapshot of whatever is there now; COMMIT or ROLLBACK ends it. */
int snapshot_begin(struct conn *c, struct err *err);

/* What the caller does while the table can't be locked yet. */
struct snapshot_calls {
    void *ctx;
    /* open(): one more connection to the server of `c`. */
    int (*open)(void *ctx, struct conn **ret, struct err *err);
    /* pause(): waits `ms`; true: give up. */
    bool (*pause)(void *ctx, int ms);
    void (*waits)(void *ctx); /* it has taken a while: tell somebody, once */
};

/*
 * snapshot_at() - begins a snapshot of `db`.`name` on `c`
 *
 * MariaDB tells the position of any snapshot. Elsewhere the table is locked for reading for as long
 * as beginning takes, waiting for that lock in short turns so that writers never wait long for us.
 * Returns 0, 1 when pause() gave up, or -1: ERR_BINLOG_OFF; ERR_NOT_SUPPORTED (OceanBase).
 */
int snapshot_at(struct conn *c, const struct dialect *d, const char *db, const char *name,
                const struct snapshot_calls *calls, struct binlog_pos *ret, struct err *err);

#endif
