#include "workers/mysql/binlog/snapshot.h"

#include <stdio.h>
#include <strings.h>

#include "base/strbuf.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    SQL_MAX = 4096,
    LOCK_WAIT_S = 3, /* writers queue behind our lock request: not for long */
    LOCK_PAUSE_MS = 2000,
    LOCK_TELL_AFTER = 5,
};

int snapshot_begin(struct conn *c, struct err *err)
{
    if (conn_execf(c, err, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ") < 0)
        return -1;
    return conn_execf(c, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

/* MariaDB tells the position of the snapshot itself. */
static int mariadb_position(struct conn *c, struct binlog_pos *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct binlog_pos at = { 0 };
    int got;

    if (conn_queryf(c, &r, err, "SHOW STATUS LIKE 'binlog_snapshot_%%'") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *name = result_str(&r, 0, "");

        if (strcasecmp(name, "binlog_snapshot_file") == 0)
            (void)snprintf(at.file, sizeof(at.file), "%s", result_str(&r, 1, ""));
        else if (strcasecmp(name, "binlog_snapshot_position") == 0)
            at.offset = result_u64(&r, 1, 0);
    }
    if (got < 0)
        return -1;
    if (at.file[0] == '\0')
        return err_set(err, ERR_BINLOG_OFF, "the server tells no binlog position of a snapshot");
    *ret = at;
    return 0;
}

/* 0, 1 when the caller gave up, -1. */
static int lock_table(struct conn *by, const char *db, const char *name,
                      const struct snapshot_calls *calls, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    strbuf_adds(&sql, "LOCK TABLES ");
    sql_table(&sql, db, name);
    strbuf_adds(&sql, " READ");
    if (strbuf_check(&sql, err) < 0 ||
        conn_execf(by, err, "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S) < 0)
        return -1;
    for (unsigned i = 1; conn_exec(by, sql.data, sql.len, NULL, err) < 0; i++) {
        if (err->code != ERR_DB_RETRY)
            return -1;
        if (i == LOCK_TELL_AFTER)
            calls->waits(calls->ctx);
        if (calls->pause(calls->ctx, LOCK_PAUSE_MS))
            return 1;
        err_reset(err);
    }
    return 0;
}

/*
 * While the table is locked against writing, every transaction that changed it has ended and is
 * visible, and the binlog's end lies behind all of them and before the next one.
 */
static int locked(struct conn *c, const struct dialect *d, const char *db, const char *name,
                  const struct snapshot_calls *calls, struct binlog_pos *ret, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *by = NULL;
    _cleanup_(freep)
    char *gtids = NULL;
    int rc;

    if (calls->open(calls->ctx, &by, err) < 0)
        return -1;
    rc = lock_table(by, db, name, calls, err);
    if (rc != 0)
        return rc;
    if (snapshot_begin(c, err) < 0 || dump_source_position(by, d, ret, &gtids, err) < 0)
        return -1;
    return conn_execf(by, err, "UNLOCK TABLES");
}

int snapshot_at(struct conn *c, const struct dialect *d, const char *db, const char *name,
                const struct snapshot_calls *calls, struct binlog_pos *ret, struct err *err)
{
    if (d->snapshot_position)
        return snapshot_begin(c, err) < 0 ? -1 : mariadb_position(c, ret, err);
    if (d->flavour == FLAVOUR_OCEANBASE)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "%s.%s has no key, and OceanBase gives no position for its snapshot", db,
                       name);
    return locked(c, d, db, name, calls, ret, err);
}
