/* Running statements at the target so that each takes effect once, whatever dies in between. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/map.h"
#include "workers/incr/ddl.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    FINGERPRINT_MAX = 40,
    SHOW_MAX = 2048,
    SESSION_SQL_MAX = 4096,
    READ_TIMEOUT_S = 600,
    RETRY_PAUSE_MS = 1000,
    NO_SUCH_TABLE = 1146,
    NO_SUCH_DB = 1049,
    NO_SUCH_ROUTINE = 1305,
};

/* ---- fingerprints ---- */

static const char *show_word(enum ddl_object_kind kind)
{
    switch (kind) {
    case DDL_O_TABLE:
        return "SHOW CREATE TABLE ";
    case DDL_O_DATABASE:
        return "SHOW CREATE DATABASE ";
    case DDL_O_FUNCTION:
        return "SHOW CREATE FUNCTION ";
    case DDL_O_PROCEDURE:
        return "SHOW CREATE PROCEDURE ";
    }
    return "SHOW CREATE TABLE ";
}

/* AUTO_INCREMENT=5 moves by itself. */
static void add_structure(struct strbuf *b, const char *text)
{
    static const char word[] = "AUTO_INCREMENT=";
    const char *at = strstr(text, word);

    if (at == NULL) {
        strbuf_adds(b, text);
        return;
    }
    strbuf_add(b, text, (size_t)(at - text));
    at += sizeof(word) - 1;
    strbuf_adds(b, at + strspn(at, "0123456789"));
}

static int add_object_structure(struct session *s, const struct ddl_object *o, struct strbuf *b,
                                struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SHOW_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_adds(&sql, show_word(o->kind));
    if (o->kind == DDL_O_DATABASE)
        sql_name(&sql, o->db);
    else
        sql_table(&sql, o->db, o->name);
    strbuf_adds(b, strbuf_str(&sql));
    if (strbuf_check(&sql, err) < 0)
        return -1;
    if (conn_query(s->conn, strbuf_str(&sql), sql.len, &r, err) < 0) {
        if (conn_lost(err) || err->db_errno == 0)
            return -1;
        if (err->db_errno != NO_SUCH_TABLE && err->db_errno != NO_SUCH_DB &&
            err->db_errno != NO_SUCH_ROUTINE)
            log_err(LOG_WARN, "incr", "structure_unreadable", err);
        strbuf_addf(b, "error %u;", err->db_errno);
        err_reset(err);
        return 0;
    }
    while ((got = result_next(&r, err)) == 1) {
        for (unsigned i = 0; i < r.columns; i++)
            add_structure(b, result_str(&r, (int)i, ""));
    }
    strbuf_addc(b, ';');
    return got;
}

static int fingerprint(struct session *s, const struct ddl_work *w,
                       char ret[static FINGERPRINT_MAX], struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(64 * 1024 * 1024);

    for (size_t i = 0; i < w->object_count; i++) {
        if (add_object_structure(s, &w->objects[i], &b, err) < 0)
            return -1;
    }
    if (strbuf_check(&b, err) < 0)
        return -1;
    (void)snprintf(ret, FINGERPRINT_MAX, "%016" PRIx64 "%016" PRIx64,
                   hash_bytes(strbuf_str(&b), b.len, 1), hash_bytes(strbuf_str(&b), b.len, 2));
    return 0;
}

/* ---- the session it runs in ---- */

/* The zone of the event; the server's own one by its offset, which another server may not share. */
static void add_zone(struct strbuf *sql, const struct session *s, const struct group_statement *st)
{
    const char *zone = st->query->time_zone;
    int minutes = s->facts->utc_offset_s / 60;

    if (zone[0] != '\0' && strcmp(zone, "SYSTEM") != 0)
        sql_string(sql, zone);
    else
        strbuf_addf(sql, "'%c%02d:%02d'", minutes < 0 ? '-' : '+', abs(minutes) / 60,
                    abs(minutes) % 60);
}

static int enter(struct session *s, const struct group_statement *st, const struct ddl_work *w,
                 struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SESSION_SQL_MAX);
    char db[SQL_NAME_MAX];
    struct err refused = { 0 };

    strbuf_adds(&sql, "SET @cw_sql_mode = @@SESSION.sql_mode, @cw_collation = "
                      "@@SESSION.collation_connection, @cw_time_zone = @@SESSION.time_zone,"
                      " SESSION time_zone = ");
    add_zone(&sql, s, st);
    strbuf_addf(&sql, ", SESSION timestamp = %lld", (long long)st->ts);
    if (w->sql_mode != NULL) {
        strbuf_adds(&sql, ", SESSION sql_mode = CONCAT(");
        sql_string(&sql, w->sql_mode);
        strbuf_adds(&sql, ", ',NO_ENGINE_SUBSTITUTION')");
    }
    if (w->collation != NULL) {
        strbuf_adds(&sql, ", SESSION collation_connection = ");
        sql_name(&sql, w->collation);
    }
    if (strbuf_check(&sql, err) < 0 || conn_exec(s->conn, strbuf_str(&sql), sql.len, NULL, err) < 0)
        return err_wrap(err, "the session of the statement");
    if (conn_execf(s->conn, &refused, "SET SESSION explicit_defaults_for_timestamp = 1") < 0 &&
        conn_lost(&refused)) {
        *err = refused;
        return -1;
    }
    if (w->default_db != NULL &&
        conn_execf(s->conn, err, "USE %s", sql_name_text(w->default_db, db)) < 0)
        return -1;
    return 0;
}

static int leave(struct session *s, struct err *err)
{
    return conn_execf(s->conn, err,
                      "SET SESSION sql_mode = @cw_sql_mode, SESSION time_zone = @cw_time_zone,"
                      " SESSION collation_connection = @cw_collation,"
                      " SESSION timestamp = DEFAULT");
}

/* ---- running ---- */

/* Locks of others are waited for as long as lost connections are. */
static int run_patiently(struct session *s, const struct ddl_work *w, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)s->sync->w->task->retry_minutes * 60000;

    for (;;) {
        int got;

        conn_set_timeout(s->conn, 0);
        got = conn_exec(s->conn, w->sql, strlen(w->sql), NULL, err);
        conn_set_timeout(s->conn, READ_TIMEOUT_S);
        if (got == 0 || err->code != ERR_DB_RETRY || clock_mono_ms() > until)
            return got;
        report_error(s->sync->w->report, err, true);
        err_reset(err);
        if (report_sleep(s->sync->w->report, RETRY_PAUSE_MS))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        if (control_check(s->conn, &s->fence, err) < 0)
            return -1;
    }
}

static int run_structure(struct session *s, const struct group_statement *st,
                         const struct ddl_work *w, struct err *err)
{
    struct err after = { 0 };
    int got;

    if (control_check(s->conn, &s->fence, err) < 0)
        return -1;
    got = enter(s, st, w, err);
    if (got == 0)
        got = run_patiently(s, w, err);
    if (got < 0 && conn_lost(err))
        return -1;
    if (leave(s, &after) < 0 && got == 0) {
        *err = after;
        return -1;
    }
    return got;
}

static int mark(struct session *s, const struct ddl_step *step, struct err *err)
{
    if (control_begin_keep(s->conn, &s->fence, 0, err) < 0)
        return -1;
    if (control_ddl_mark(s->conn, &s->fence, step->seq, step->step, err) < 0) {
        control_rollback(s->conn);
        return -1;
    }
    return control_commit(s->conn, err);
}

/* Rows and the mark in one transaction. */
static int run_rows(struct session *s, const struct ddl_work *w, const struct ddl_step *step,
                    struct err *err)
{
    char db[SQL_NAME_MAX];

    if (w->default_db != NULL &&
        conn_execf(s->conn, err, "USE %s", sql_name_text(w->default_db, db)) < 0)
        return -1;
    if (control_begin_keep(s->conn, &s->fence, 0, err) < 0)
        return -1;
    if (conn_exec(s->conn, w->sql, strlen(w->sql), NULL, err) < 0 ||
        control_ddl_mark(s->conn, &s->fence, step->seq, step->step, err) < 0) {
        control_rollback(s->conn);
        return -1;
    }
    return control_commit(s->conn, err);
}

static int run_noted(struct session *s, const struct group_statement *st, const struct ddl_work *w,
                     const struct ddl_step *step, struct err *err)
{
    struct err ignored = { 0 };
    int64_t began = clock_mono_ms();

    log_info("incr", "ddl_run", "seq=%" PRIu64 " step=%u sql=\"%.300s\"", step->seq, step->step,
             w->sql);
    if ((w->rows ? run_rows(s, w, step, err) : run_structure(s, st, w, err)) < 0) {
        /* An answer: it did not run. A lost connection: its successor looks at the structure. */
        if (!conn_lost(err) && err->code != ERR_EPOCH_STALE)
            (void)control_ddl_forget(s->conn, &s->fence, step->seq, step->step, &ignored);
        return -1;
    }
    FAULT("incr.ddl.after_run");
    log_info("incr", "ddl_ran", "seq=%" PRIu64 " step=%u ms=%" PRId64, step->seq, step->step,
             clock_mono_ms() - began);
    return w->rows ? 0 : mark(s, step, err);
}

static int run_step(struct session *s, const struct group_statement *st, const struct ddl_work *w,
                    unsigned number, struct err *err)
{
    char now[FINGERPRINT_MAX];
    struct ddl_step old = { 0 }, step = {
        .seq = s->info.seq, .step = number, .fingerprint = now, .sql = w->sql
    };
    int got = control_ddl_get(s->conn, s->fence.schema, s->sync->w->task->project_id, s->info.seq,
                              number, &old, err);
    bool begun = got == 1 && strcmp(old.sql, w->sql) == 0;
    bool done = begun && old.state != DDL_STEP_INTENT;

    if (got >= 0 && !done)
        got = fingerprint(s, w, now, err);
    if (got >= 0 && begun && !done && !w->rows && strcmp(old.fingerprint, now) != 0) {
        log_info("incr", "ddl_had_run", "seq=%" PRIu64 " step=%u", step.seq, number);
        got = mark(s, &step, err);
        done = true;
    }
    ddl_step_done(&old);
    if (got < 0 || done)
        return got < 0 ? -1 : 0;
    FAULT("incr.ddl.before_intent");
    if (control_ddl_put(s->conn, &s->fence, &step, err) < 0)
        return -1;
    FAULT("incr.ddl.after_intent");
    return run_noted(s, st, w, &step, err);
}

int ddl_works_run(struct session *s, const struct group_statement *st, const struct ddl_works *w,
                  unsigned first, struct err *err)
{
    for (size_t i = 0; i < w->count; i++) {
        if (run_step(s, st, &w->list[i], first + (unsigned)i, err) < 0)
            return -1;
    }
    return 0;
}
