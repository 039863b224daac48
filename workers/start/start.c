#include "workers/start/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/num.h"

#include "base/banned.h"

enum {
    LOCK_WAIT_S = 5,
    COMMIT_WAIT_MS = 60 * 1000,
    COMMIT_STEP_MS = 50,
    COMMITTING_MAX = 4096,
    HIGH_RANGE = 0x80000000, /* people number their servers from below */
};

uint32_t start_server_id(const struct task *t, const char *what)
{
    char text[ID_MAX + 32];
    int n = snprintf(text, sizeof(text), "%s/%s", t->project_id, what);

    return HIGH_RANGE | (uint32_t)(hash_bytes(text, (size_t)n, 0) & 0x7ffffffe);
}

/* MariaDB tells at which position a snapshot stands, exactly. */
static int from_snapshot(struct conn *c, struct checkpoint *cp, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    _cleanup_(freep)
    char *gtid = NULL;
    char sql[BINLOG_FILE_MAX + 96];
    int got;

    if (conn_execf(c, err, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ") < 0 ||
        conn_execf(c, err, "START TRANSACTION WITH CONSISTENT SNAPSHOT") < 0)
        return -1;
    if (conn_queryf(c, &r, err,
                    "SHOW STATUS WHERE Variable_name IN"
                    " ('binlog_snapshot_file', 'binlog_snapshot_position')") < 0)
        return -1;
    while ((got = result_next(&r, err)) > 0) {
        const char *name = result_str(&r, 0, "");

        if (strcasestr(name, "file") != NULL)
            (void)snprintf(cp->pos.file, sizeof(cp->pos.file), "%s", result_str(&r, 1, ""));
        else
            cp->pos.offset = result_u64(&r, 1, 0);
    }
    if (got < 0 || conn_execf(c, err, "ROLLBACK") < 0)
        return -1;
    if (cp->pos.file[0] == '\0')
        return err_set(err, ERR_BINLOG_OFF, "the source writes no binlog (log_bin is off)");
    /* the file's name comes from the server and holds no quote: it is a file of its own naming */
    if (strchr(cp->pos.file, '\'') != NULL || strchr(cp->pos.file, '\\') != NULL)
        return err_set(err, ERR_DB_UNSUPPORTED, "a binlog file named %s", cp->pos.file);
    (void)snprintf(sql, sizeof(sql), "SELECT BINLOG_GTID_POS('%s', %llu)", cp->pos.file,
                   (unsigned long long)cp->pos.offset);
    if (conn_value(c, sql, &gtid, err) < 0)
        return -1;
    cp->gtid_set = take_ptr(gtid);
    return 0;
}

/* Threads that are on their way through a commit, as far as their state shows it. */
static const char committing_sql[] =
    "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    " AND COMMAND IN ('Query', 'Execute')"
    " AND (STATE IN ('query end', 'end', 'waiting for handler commit', 'starting', 'init',"
    " 'Waiting for semi-sync ACK from slave', 'Waiting for semi-sync ACK from replica',"
    " 'closing tables', 'freeing items') OR INFO LIKE 'COMMIT%')";

static int committing(struct conn *c, uint64_t *ids, size_t *ret_count, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    size_t n = 0;
    int got;

    if (conn_query(c, committing_sql, strlen(committing_sql), &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) > 0)
        if (n < COMMITTING_MAX)
            ids[n++] = result_u64(&r, 0, 0);
    *ret_count = n;
    return got;
}

/* Drops from `ids` who is not in `now` any more: it was seen outside of a commit. */
static size_t still_there(uint64_t *ids, size_t count, const uint64_t *now, size_t now_count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool found = false;

        for (size_t k = 0; !found && k < now_count; k++)
            found = now[k] == ids[i];
        if (found)
            ids[kept++] = ids[i];
    }
    return kept;
}

/* Waits until every thread that is in a commit now has been seen outside of one. */
static int wait_for_commits(struct worker *w, struct conn *c, struct err *err)
{
    _cleanup_(freep)
    uint64_t *ids = calloc(COMMITTING_MAX, sizeof(*ids));
    _cleanup_(freep)
    uint64_t *now = calloc(COMMITTING_MAX, sizeof(*now));
    int64_t until = clock_mono_ms() + COMMIT_WAIT_MS;
    size_t count, now_count;

    if (ids == NULL || now == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (committing(c, ids, &count, err) < 0)
        return -1;
    while (count > 0) {
        if (report_sleep(w->report, COMMIT_STEP_MS))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        if (committing(c, now, &now_count, err) < 0)
            return -1;
        count = still_there(ids, count, now, now_count);
        if (count > 0 && clock_mono_ms() > until) {
            (void)err_set(err, ERR_DB_RETRY, "%zu connections at the source stay in their commit",
                          count);
            return err_advise(err, "Grant RELOAD to the source's account, so that the position can "
                                   "be read under a global read lock of an instant.");
        }
    }
    return 0;
}

/* The position under a global read lock, held for as long as reading it takes. */
static int under_lock(struct conn *c, const struct dialect *d, struct checkpoint *cp,
                      struct err *err)
{
    struct err unlock = { 0 };
    int r;

    if (conn_execf(c, err, "SET SESSION lock_wait_timeout = %d", LOCK_WAIT_S) < 0)
        return -1;
    if (conn_execf(c, err, "FLUSH TABLES WITH READ LOCK") < 0)
        return -1;
    r = dump_source_position(c, d, &cp->pos, &cp->gtid_set, err);
    if (conn_execf(c, r < 0 ? &unlock : err, "UNLOCK TABLES") < 0)
        return -1; /* the connection is gone, and the lock with it */
    return r;
}

static int from_status(struct worker *w, struct conn *c, const struct dialect *d,
                       struct checkpoint *cp, struct err *err)
{
    if (under_lock(c, d, cp, err) == 0)
        return 0;
    if (err->code != ERR_DB_PRIVILEGE && err->code != ERR_DB_RETRY)
        return -1;
    log_err(LOG_WARN, "start", "no_read_lock", err);
    report_event(
        w->report, "WARN", "no_read_lock",
        "the source could not be locked for an instant (%s): the starting position is read "
        "beside running commits, and these are waited for",
        err->message);
    err_reset(err);
    if (dump_source_position(c, d, &cp->pos, &cp->gtid_set, err) < 0)
        return -1;
    return wait_for_commits(w, c, err);
}

static int from_gtids(struct conn *c, const struct dialect *d, struct checkpoint *cp,
                      struct err *err)
{
    struct binlog_pos now;

    /*
     * gtid_executed grows after the engine's commit, so what is in it is visible; the file's
     * position runs ahead of it and is not used.
     */
    return dump_source_position(c, d, &now, &cp->gtid_set, err);
}

static int source_time(struct conn *c, int64_t *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };

    if (conn_queryf(c, &r, err, "SELECT UNIX_TIMESTAMP()") < 0 || result_next(&r, err) < 0)
        return -1;
    *ret = result_i64(&r, 0, 0);
    return 0;
}

/* startTimestamp comes as a number or, as the OMS API's samples have it, as a string. 0: none. */
static int64_t start_timestamp(const struct task *t)
{
    struct json_object *config = task_incr_config(t);
    const char *text = json_get_str(config, "startTimestamp", NULL);
    int64_t v = 0;

    if (text != NULL)
        return num_parse_i64(text, 0, INT64_MAX, &v) ? v : 0;
    return json_get_i64(config, "startTimestamp", 0);
}

static int find(struct worker *w, struct conn *c, const struct dialect *d, int64_t since,
                struct checkpoint *ret, struct err *err)
{
    struct checkpoint cp = { 0 };
    int r;

    if (dump_source_uuid(c, d, cp.source_uuid, err) < 0 || source_time(c, &cp.source_ts, err) < 0)
        return -1;
    if (since > 0)
        r = start_by_time(w, c, d, since, &cp, err);
    else if (d->gtid_mysql)
        r = from_gtids(c, d, &cp, err);
    else if (d->snapshot_position)
        r = from_snapshot(c, &cp, err);
    else
        r = from_status(w, c, d, &cp, err);
    if (r < 0) {
        checkpoint_done(&cp);
        return err_wrap(err, "starting position");
    }
    log_info("start", "start_position", "file=%s pos=%llu", cp.pos.file,
             (unsigned long long)cp.pos.offset);
    *ret = cp;
    return 0;
}

int start_find(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
               struct err *err)
{
    return find(w, c, d, w->task->do_full ? 0 : start_timestamp(w->task), ret, err);
}

int start_now(struct worker *w, struct conn *c, const struct dialect *d, struct checkpoint *ret,
              struct err *err)
{
    return find(w, c, d, 0, ret, err);
}
