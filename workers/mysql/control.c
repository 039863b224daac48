/* Layout, epochs and fences of the control schema. What is kept there: control_store.c. */
#include "workers/mysql/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/num.h"
#include "workers/mysql/control_layout.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    TAKE_RETRY_MS = 10 * 60 * 1000, /* how long a predecessor's rollback may take */
    RETRY_PAUSE_US = 200 * 1000,
    KILLED_GONE_MS = 30 * 1000, /* a killed session ends at its next check or row */
    LOCK_NAME_MAX = 64,         /* MySQL's own limit since 5.7 */
    NODE_CHARS = 8,
};

/* ---- layout ---- */

/* 1: there and of our version; 0: absent or unfinished; -1. */
static int layout_present(struct conn *c, const char *schema, struct err *err)
{
    uint64_t version = 0;
    int got = control_ask_u64(c, schema, &version, err,
                              "SELECT CAST(value AS UNSIGNED) FROM @cw_meta WHERE name = 'layout'");

    if (got < 0 && err->code == ERR_TABLE_NOT_FOUND) {
        err_reset(err);
        return 0;
    }
    if (got <= 0)
        return got;
    if (version > CONTROL_LAYOUT)
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "control schema %s has layout %" PRIu64 ", this program knows %d", schema,
                       version, CONTROL_LAYOUT);
    return version == CONTROL_LAYOUT;
}

/* Sets *ret_made when the database was not there. */
static int ensure_database(struct conn *c, const char *schema, bool *ret_made, struct err *err)
{
    char name[SQL_NAME_MAX];
    uint64_t one = 0;
    int got =
        control_ask_u64(c, schema, &one, err,
                        "SELECT 1 FROM information_schema.schemata WHERE schema_name = %q", schema);

    *ret_made = false;
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (conn_execf(c, err, "CREATE DATABASE IF NOT EXISTS %s", sql_name_text(schema, name)) < 0)
        return -1;
    FAULT("control.database.after");
    *ret_made = true;
    return 0;
}

/* Layout 2 had room for less. */
static int widen_origin(struct conn *c, const char *schema, struct err *err)
{
    uint64_t bytes = 0;

    if (control_ask_u64(c, schema, &bytes, err,
                        "SELECT character_maximum_length FROM information_schema.columns"
                        " WHERE table_schema = %q AND table_name = 'cw_lane'"
                        " AND column_name = 'origin'",
                        schema) < 0)
        return -1;
    if (bytes >= CONTROL_PATH_MAX - 1)
        return 0;
    return control_exec(c, schema, NULL, err,
                        "ALTER TABLE @cw_lane MODIFY origin VARBINARY(255) NOT NULL DEFAULT ''");
}

/* Once, and never another: paths on their way hold it. */
static int make_node(struct conn *c, const char *schema, struct err *err)
{
    char id[ID_MAX];
    uint64_t one;
    int got = control_ask_u64(c, schema, &one, err, "SELECT one FROM @cw_node WHERE one = 1");

    if (got != 0)
        return got < 0 ? -1 : 0;
    (void)id_new("", id);
    id[NODE_CHARS] = '\0';
    return control_exec(c, schema, NULL, err,
                        "INSERT IGNORE INTO @cw_node (one, node) VALUES (1, %q)", id);
}

static int make_layout(struct conn *c, const char *schema, struct err *err)
{
    bool made;

    if (ensure_database(c, schema, &made, err) < 0)
        return -1;
    if (control_exec(c, schema, NULL, err,
                     "CREATE TABLE IF NOT EXISTS @cw_meta ("
                     " name VARBINARY(32) NOT NULL,"
                     " value VARBINARY(255) NOT NULL,"
                     " PRIMARY KEY (name)) ENGINE=InnoDB DEFAULT CHARACTER SET ascii") < 0)
        return -1;
    if (made && control_exec(c, schema, NULL, err,
                             "INSERT IGNORE INTO @cw_meta (name, value) VALUES ('made', '1')") < 0)
        return -1;
    for (size_t i = 0; i < layout_table_count; i++)
        if (control_exec(c, schema, NULL, err, layout_tables[i].create) < 0)
            return -1;
    if (widen_origin(c, schema, err) < 0 || make_node(c, schema, err) < 0)
        return -1;
    FAULT("control.tables.after");
    /* Last, so that a layout that was left unfinished is not taken for whole. */
    return control_exec(c, schema, NULL, err,
                        "INSERT INTO @cw_meta (name, value) VALUES ('layout', %u)"
                        " ON DUPLICATE KEY UPDATE value = VALUES(value)",
                        (uint64_t)CONTROL_LAYOUT);
}

/* One at a time makes the layout or drops it, where the server has named locks. */
static int layout_lock(struct conn *c, struct err *err)
{
    uint64_t got;

    if (control_ask_u64(c, "", &got, err, "SELECT GET_LOCK('causeway:layout', 30)") < 0 &&
        conn_lost(err))
        return -1;
    err_reset(err);
    return 0;
}

static void layout_unlock(struct conn *c)
{
    struct err ignored = { 0 };
    uint64_t got;

    (void)control_ask_u64(c, "", &got, &ignored, "SELECT RELEASE_LOCK('causeway:layout')");
}

static int make_layout_locked(struct conn *c, const char *schema, struct err *err)
{
    int rc;

    if (layout_lock(c, err) < 0)
        return -1;
    rc = make_layout(c, schema, err);
    layout_unlock(c);
    return rc;
}

int control_ensure(struct conn *c, const char *schema, struct err *err)
{
    int present = layout_present(c, schema, err);

    if (present < 0 || (present == 0 && make_layout_locked(c, schema, err) < 0)) {
        if (!err_retryable(err) && err->code != ERR_DB_PRIVILEGE)
            err->code = ERR_CONTROL_SCHEMA;
        return err_wrap(err, "control schema %s", schema);
    }
    return 0;
}

/* ---- connections of a task ---- */

/* The named lock that the session `id` holds while it may write for `task`. */
static void lock_name(const char *task, uint64_t id, char ret[static LOCK_NAME_MAX])
{
    (void)snprintf(ret, LOCK_NAME_MAX, "causeway:%016" PRIx64 ":%" PRIu64,
                   hash_bytes(task, strlen(task), 0), id);
}

/* 1: session `id` lives and is this task's. A number alone may be another session's by now. */
static int session_lives(struct conn *c, const char *schema, const char *task, uint64_t id,
                         struct err *err)
{
    char name[LOCK_NAME_MAX];
    uint64_t holder = 0;
    int got;

    lock_name(task, id, name);
    got = control_ask_u64(c, schema, &holder, err, "SELECT IS_USED_LOCK(%q)", name);
    return got == 1 ? holder == id : got;
}

/* Kills one session of a predecessor and waits for its end, so that nothing it runs outlives this.
 */
static int kill_session(struct conn *c, const char *schema, const char *task, uint64_t id,
                        struct err *err)
{
    int64_t until = clock_mono_ms() + KILLED_GONE_MS;
    int lives = session_lives(c, schema, task, id, err);
    struct err refused = { 0 };

    if (lives <= 0)
        return lives;
    log_info("control", "predecessor_killed", "task=%s connection=%" PRIu64, task, id);
    if (conn_execf(c, &refused, "KILL %" PRIu64, id) < 0 && conn_lost(&refused)) {
        *err = refused;
        return -1;
    }
    while ((lives = session_lives(c, schema, task, id, err)) == 1 && clock_mono_ms() < until)
        (void)usleep(RETRY_PAUSE_US / 10);
    return lives < 0 ? -1 : 0;
}

static int kill_predecessors(struct conn *c, const char *schema, const char *task, uint64_t below,
                             struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(c, schema, &r, err,
                    "SELECT conn_id FROM @cw_conn WHERE task = %q AND epoch < %u", task, below) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        uint64_t id = result_u64(&r, 0, 0);
        struct err local = { 0 };

        /* Best effort: a server without named locks has nothing registered that is worth more. */
        if (id != conn_id(c) && kill_session(c, schema, task, id, &local) < 0 &&
            conn_lost(&local)) {
            *err = local;
            return -1;
        }
    }
    return got;
}

int control_register(struct conn *c, const struct fence *f, struct err *err)
{
    char name[LOCK_NAME_MAX];
    uint64_t epoch = 0, id = conn_id(c);
    struct err refused = { 0 };
    int got;

    lock_name(f->task, id, name);
    if (control_ask_u64(c, f->schema, &epoch, &refused, "SELECT GET_LOCK(%q, 0)", name) < 0) {
        if (conn_lost(&refused)) {
            *err = refused;
            return -1;
        }
        return 0; /* no named locks here */
    }
    if (conn_execf(c, err, "BEGIN") < 0)
        return -1;
    /* Locked, so that a successor either is refused here or sees the row. */
    got = control_ask_u64(c, f->schema, &epoch, err,
                          "SELECT epoch FROM @cw_task WHERE task = %q LOCK IN SHARE MODE", f->task);
    if (got < 0 || epoch != f->epoch) {
        control_rollback(c);
        return got < 0 ? -1
                       : err_set(err, ERR_EPOCH_STALE, "another worker has taken over %s", f->task);
    }
    if (control_exec(c, f->schema, NULL, err,
                     "INSERT IGNORE INTO @cw_conn (task, epoch, conn_id) VALUES (%q, %u, %u)",
                     f->task, f->epoch, id) < 0)
        return -1;
    return control_commit(c, err);
}

/* ---- epochs ---- */

/* Makes the rows that are not there yet; an INSERT on one that is would wait for its lock. */
static int make_rows(struct conn *c, const char *schema, const char *task, unsigned lanes,
                     struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    bool there[CONTROL_LANES_MAX] = { false };
    uint64_t epoch;
    unsigned missing = 0;
    int got =
        control_ask_u64(c, schema, &epoch, err, "SELECT epoch FROM @cw_task WHERE task = %q", task);

    if (got < 0 ||
        (got == 0 &&
         control_exec(c, schema, NULL, err,
                      "INSERT IGNORE INTO @cw_task (task, epoch) VALUES (%q, 0)", task) < 0))
        return -1;
    if (control_ask(c, schema, &r, err, "SELECT lane FROM @cw_lane WHERE task = %q", task) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        uint64_t lane = result_u64(&r, 0, CONTROL_LANES_MAX);

        if (lane < CONTROL_LANES_MAX)
            there[lane] = true;
    }
    if (got < 0)
        return -1;
    control_sql_add(&sql, schema, "INSERT IGNORE INTO @cw_lane (task, lane, epoch) VALUES ");
    for (unsigned i = 0; i < lanes; i++)
        if (!there[i])
            control_sql_add(&sql, schema, missing++ > 0 ? ", (%q, %u, 0)" : "(%q, %u, 0)", task,
                            (uint64_t)i);
    return missing > 0 ? control_exec_text(c, &sql, NULL, err) : 0;
}

static int raise_epoch(struct conn *c, const char *schema, const char *task, uint64_t *ret,
                       struct err *err)
{
    uint64_t epoch = 0;
    int got;

    if (conn_execf(c, err, "BEGIN") < 0)
        return -1;
    got = control_ask_u64(c, schema, &epoch, err,
                          "SELECT epoch FROM @cw_task WHERE task = %q FOR UPDATE", task);
    if (got == 0)
        (void)err_set(err, ERR_CONTROL_SCHEMA, "the row of %s in %s.cw_task has gone", task,
                      schema);
    epoch++;
    if (got != 1 ||
        control_exec(c, schema, NULL, err, "UPDATE @cw_task SET epoch = %u WHERE task = %q", epoch,
                     task) < 0 ||
        control_exec(c, schema, NULL, err,
                     "UPDATE @cw_lane SET epoch = %u, flip = 1 - flip WHERE task = %q", epoch,
                     task) < 0) {
        control_rollback(c);
        return -1;
    }
    FAULT("control.epoch.before_commit");
    if (control_commit(c, err) < 0)
        return -1;
    FAULT("control.epoch.after");
    *ret = epoch;
    return 0;
}

/* One try: kill first, so that what a predecessor has in flight ends soon. */
static int take_once(struct conn *c, const char *schema, const char *task, unsigned lanes,
                     uint64_t *ret, struct err *err)
{
    if (make_rows(c, schema, task, lanes, err) < 0 ||
        kill_predecessors(c, schema, task, UINT64_MAX, err) < 0)
        return -1;
    return raise_epoch(c, schema, task, ret, err);
}

int control_take_epoch(struct conn *c, const char *schema, const char *project_id, const char *kind,
                       unsigned lanes, struct fence *ret, struct err *err)
{
    int64_t until = clock_mono_ms() + TAKE_RETRY_MS;
    struct fence f = { .schema = schema };

    if (lanes > CONTROL_LANES_MAX)
        return err_set(err, ERR_PARAM, "%u lanes, at most %d are possible", lanes,
                       CONTROL_LANES_MAX);
    (void)snprintf(f.task, sizeof(f.task), "%s/%s", project_id, kind);
    while (take_once(c, schema, f.task, lanes, &f.epoch, err) < 0) {
        if (err->code != ERR_DB_RETRY || clock_mono_ms() >= until)
            return err_wrap(err, "take over %s", f.task);
        log_warn("control", "take_over_waits", "task=%s", f.task);
        err_reset(err);
        (void)usleep(RETRY_PAUSE_US);
    }
    /* Again: one may have registered between the first look and the commit. */
    if (kill_predecessors(c, schema, f.task, f.epoch, err) < 0 ||
        control_exec(c, schema, NULL, err, "DELETE FROM @cw_conn WHERE task = %q AND epoch < %u",
                     f.task, f.epoch) < 0)
        return err_wrap(err, "take over %s", f.task);
    log_info("control", "epoch_taken", "task=%s epoch=%" PRIu64, f.task, f.epoch);
    *ret = f;
    return 0;
}

/* ---- fences ---- */

void control_mark_sql(struct strbuf *sql, const struct fence *f, unsigned lane, uint64_t lwm,
                      const void *applied, size_t applied_len, const char *path)
{
    control_sql_add(sql, f->schema,
                    "UPDATE @cw_lane SET flip = 1 - flip, lwm = %u, applied = %b, origin = %q"
                    " WHERE task = %q AND lane = %u AND epoch = %u",
                    lwm, applied, applied_len, path != NULL ? path : f->origin, f->task,
                    (uint64_t)lane, f->epoch);
}

static int begin(struct conn *c, const struct fence *f, const struct strbuf *mark, struct err *err)
{
    uint64_t affected = 0;

    if (conn_execf(c, err, "BEGIN") < 0 || control_exec_text(c, mark, &affected, err) < 0)
        return -1;
    if (affected != 1) {
        control_rollback(c);
        return err_set(err, ERR_EPOCH_STALE, "another worker has taken over %s (epoch %" PRIu64 ")",
                       f->task, f->epoch);
    }
    return 0;
}

int control_begin(struct conn *c, const struct fence *f, unsigned lane, uint64_t lwm,
                  const void *applied, size_t applied_len, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

    control_mark_sql(&sql, f, lane, lwm, applied, applied_len, NULL);
    return begin(c, f, &sql, err);
}

int control_begin_keep(struct conn *c, const struct fence *f, unsigned lane, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

    control_sql_add(&sql, f->schema,
                    "UPDATE @cw_lane SET flip = 1 - flip, origin = %q"
                    " WHERE task = %q AND lane = %u AND epoch = %u",
                    f->origin, f->task, (uint64_t)lane, f->epoch);
    return begin(c, f, &sql, err);
}

int control_check(struct conn *c, const struct fence *f, struct err *err)
{
    uint64_t epoch = 0;
    int got = control_ask_u64(c, f->schema, &epoch, err,
                              "SELECT epoch FROM @cw_task WHERE task = %q", f->task);

    if (got < 0)
        return -1;
    if (got == 0 || epoch != f->epoch)
        return err_set(err, ERR_EPOCH_STALE, "another worker has taken over %s (epoch %" PRIu64 ")",
                       f->task, f->epoch);
    return 0;
}

void lane_rows_free(struct lane_row *rows, size_t count)
{
    for (size_t i = 0; rows != NULL && i < count; i++)
        free(rows[i].applied);
    free(rows);
}

/* One row of the result into `to`. */
static int read_lane(const struct result *r, struct lane_row *to, struct err *err)
{
    size_t len = r->row[3] != NULL ? r->lengths[3] : 0;

    *to = (struct lane_row){ .lane = (unsigned)result_u64(r, 0, 0),
                             .epoch = result_u64(r, 1, 0),
                             .lwm = result_u64(r, 2, 0),
                             .applied = malloc(len + 1),
                             .applied_len = len };
    if (to->applied == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a lane's row");
    if (len > 0)
        memcpy(to->applied, r->row[3], len);
    return 0;
}

int control_lanes(struct conn *c, const struct fence *f, struct lane_row **ret, size_t *ret_count,
                  struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct lane_row *rows = calloc(CONTROL_LANES_MAX, sizeof(*rows));
    size_t count = 0;
    int got;

    if (rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the lanes' rows");
    got = control_ask(c, f->schema, &r, err,
                      "SELECT lane, epoch, lwm, applied FROM @cw_lane WHERE task = %q"
                      " ORDER BY lane LIMIT %u",
                      f->task, (uint64_t)CONTROL_LANES_MAX);
    while (got == 0 && (got = result_next(&r, err)) == 1 && count < CONTROL_LANES_MAX)
        got = read_lane(&r, &rows[count++], err);
    if (got < 0) {
        lane_rows_free(rows, count);
        return -1;
    }
    *ret = rows;
    *ret_count = count;
    return 0;
}

/* ---- release ---- */

static int clear_project(struct conn *c, const char *schema, const char *project_id,
                         struct err *err)
{
    for (size_t i = 0; i < layout_table_count; i++) {
        uint64_t affected;

        if (layout_tables[i].clear == NULL)
            continue;
        do {
            if (control_exec(c, schema, &affected, err, layout_tables[i].clear, project_id,
                             project_id) < 0) {
                if (err->code != ERR_TABLE_NOT_FOUND) /* a layout that was never finished */
                    return -1;
                err_reset(err);
                affected = 0;
            }
            FAULT("control.release.mid");
        } while (affected > 0);
    }
    return 0;
}

/* 1: no project has anything left here. */
static int is_unused(struct conn *c, const char *schema, struct err *err)
{
    for (size_t i = 0; i < layout_table_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
        _cleanup_(result_done)
        struct result r = { 0 };
        int got;

        if (layout_tables[i].clear == NULL)
            continue;
        strbuf_adds(&sql, "SELECT 1 FROM ");
        sql_table(&sql, schema, layout_tables[i].name);
        strbuf_adds(&sql, " LIMIT 1");
        if (strbuf_check(&sql, err) < 0)
            return -1;
        if (conn_query(c, strbuf_str(&sql), sql.len, &r, err) < 0) {
            if (err->code != ERR_TABLE_NOT_FOUND)
                return -1;
            err_reset(err);
            continue;
        }
        got = result_next(&r, err);
        if (got != 0)
            return got < 0 ? -1 : 0;
    }
    return 1;
}

/* All tables of the layout as "`oms`.`cw_x`<behind>, …". */
static void add_tables(struct strbuf *sql, const char *schema, const char *behind)
{
    for (size_t i = 0; i < layout_table_count; i++) {
        sql_table(sql, schema, layout_tables[i].name);
        strbuf_adds(sql, behind);
        strbuf_adds(sql, ", ");
    }
    control_sql_add(sql, schema, "@cw_meta");
    strbuf_adds(sql, behind);
}

static int drop_tables(struct conn *c, const char *schema, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

    strbuf_adds(&sql, "DROP TABLE ");
    add_tables(&sql, schema, "");
    return control_exec_text(c, &sql, NULL, err);
}

static int lock_tables(struct conn *c, const char *schema, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

    strbuf_adds(&sql, "LOCK TABLES ");
    add_tables(&sql, schema, " WRITE");
    return control_exec_text(c, &sql, NULL, err);
}

static int drop_database(struct conn *c, const char *schema, struct err *err)
{
    char name[SQL_NAME_MAX];
    uint64_t others = 0;

    if (control_ask_u64(c, schema, &others, err,
                        "SELECT (SELECT COUNT(*) FROM information_schema.tables"
                        " WHERE table_schema = %q) + (SELECT COUNT(*) FROM"
                        " information_schema.routines WHERE routine_schema = %q)",
                        schema, schema) < 0)
        return -1;
    return others > 0 ? 0 : conn_execf(c, err, "DROP DATABASE %s", sql_name_text(schema, name));
}

/*
 * Looked at and dropped under one lock of all tables: a project that begins meanwhile either has
 * its row in (and all stays) or finds no tables yet and makes them anew.
 */
static int drop_unused(struct conn *c, const char *schema, struct err *err)
{
    uint64_t made = 0;
    int unused = -1;
    struct err ignored = { 0 };

    if (control_ask_u64(c, schema, &made, err,
                        "SELECT CAST(value AS UNSIGNED) FROM @cw_meta WHERE name = 'made'") < 0)
        return -1;
    if (lock_tables(c, schema, err) == 0)
        unused = is_unused(c, schema, err);
    if (unused == 1 && drop_tables(c, schema, err) < 0)
        unused = -1;
    (void)conn_execf(c, &ignored, "UNLOCK TABLES");
    if (unused < 0)
        return -1;
    return unused == 1 && made == 1 ? drop_database(c, schema, err) : 0;
}

int control_release(struct conn *c, const char *schema, const char *project_id, struct err *err)
{
    char turn[ID_MAX + sizeof(CONTROL_TURN)];
    uint64_t one = 0;
    int got = control_ask_u64(c, schema, &one, err,
                              "SELECT 1 FROM information_schema.tables"
                              " WHERE table_schema = %q AND table_name = 'cw_meta'",
                              schema);

    if (got <= 0)
        return got;
    (void)snprintf(turn, sizeof(turn), "%s" CONTROL_TURN, project_id);
    if (clear_project(c, schema, project_id, err) < 0 || clear_project(c, schema, turn, err) < 0)
        return err_wrap(err, "release %s", project_id);
    if (layout_lock(c, err) < 0)
        return -1;
    got = drop_unused(c, schema, err);
    layout_unlock(c);
    /* The rows are gone, which is what counts: an account that may not drop leaves empty tables. */
    if (got < 0 && err->code != ERR_DB_PRIVILEGE && err->code != ERR_TABLE_NOT_FOUND)
        return err_wrap(err, "release %s", project_id);
    if (got < 0)
        log_warn("control", "schema_left", "schema=%s", schema);
    err_reset(err);
    return 0;
}
