#include "store/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/history.h"
#include "store/verify_in.h"

#include "base/banned.h"

enum { TEXT_MAX_BYTES = 2000 };

static const char *const state_texts[] = { "OPEN", "DONE", "FAILED", "SKIPPED" };

/* Known not to be equal: found so, or could not be compared. Of a table that is still being
 * compared: when it has such rows already. */
#define DIFFERENT                                                                                  \
    "(source_only + dest_only + mismatched > 0 OR status = 'ERROR'"                                \
    " OR (status = 'FINISHED' AND result NOT IN ('CONSISTENT', 'BOTH_EMPTY')))"

/* ---------------------------------------------------------------------- the run */

void verify_run_done(struct verify_run *r)
{
    json_putp(&r->tables);
    *r = (struct verify_run){ 0 };
}

static int read_run(struct db *h, const char *project_id, struct verify_run *ret, struct err *err)
{
    static const char sql[] = "SELECT id, state, tables, started_at, ended_at FROM verify_run"
                              " WHERE project_id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    *ret = (struct verify_run){ 0 };
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    (void)snprintf(ret->id, sizeof(ret->id), "%s", query_peek_text(&q, 0));
    for (size_t i = 0; i < ARRAY_SIZE(state_texts); i++)
        if (strcmp(state_texts[i], query_peek_text(&q, 1)) == 0)
            ret->state = (enum verify_state)i;
    ret->started_at = query_get_i64(&q, 3);
    ret->ended_at = query_get_i64(&q, 4);
    return query_get_json(&q, 2, &ret->tables, err);
}

int store_verify_run(struct store *st, const char *project_id, struct verify_run *ret,
                     struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return read_run(l.db, project_id, ret, err);
}

/* One statement with the project and up to two texts; returns how many rows it changed. */
static int run_sql(struct db *h, const char *sql, const char *project_id, const char *a,
                   const char *b, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    if (a != NULL)
        query_text(&q, 2, a);
    if (b != NULL)
        query_text(&q, 3, b);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

static int set_run(struct db *h, const char *project_id, const struct verify_ask *ask,
                   struct err *err)
{
    static const char sql[] =
        "INSERT INTO verify_run (project_id, id, state, tables, user, started_at)"
        " VALUES (?1, ?2, 'OPEN', ?3, ?4, ?5) ON CONFLICT (project_id) DO UPDATE SET"
        " id = excluded.id, state = excluded.state, tables = excluded.tables, user = excluded.user,"
        " started_at = excluded.started_at, ended_at = NULL, error = NULL";
    char id[ID_MAX];
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, id_new("vr_", id));
    query_json(&q, 3, ask->tables);
    query_text(&q, 4, ask->user);
    query_i64(&q, 5, clock_now_s());
    return query_run(&q, err);
}

static int forget_results(struct db *h, const char *project_id, struct json_object *tables,
                          struct err *err)
{
    static const char sql[] =
        "DELETE FROM verify_table WHERE project_id = ?1 AND (?2 IS NULL OR EXISTS ("
        " SELECT 1 FROM json_each(?2) j WHERE j.value ->> '$.db' = db"
        "  AND j.value ->> '$.table' = name))";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, tables);
    return query_run(&q, err);
}

/* Its row, made where the plan had none; those behind it move one place on. */
static int set_step(struct db *h, const char *project_id, const struct verify_ask *ask,
                    struct err *err)
{
    static const char shift[] =
        "UPDATE step SET place = place + 1 WHERE project_id = ?1 AND place >= ?3"
        " AND NOT EXISTS (SELECT 1 FROM step WHERE project_id = ?1 AND name = ?2)";
    static const char put[] =
        "INSERT INTO step (project_id, name, place, status) VALUES (?1, ?2, ?3, 'INIT')"
        " ON CONFLICT (project_id, name) DO UPDATE SET status = 'INIT', progress = 0, info = NULL,"
        " error = NULL, started_at = NULL, finished_at = NULL";
    static const char *const both[] = { shift, put };

    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        _cleanup_(query_done)
        struct query q = { 0 };
        if (query_open(&q, h, both[i], err) < 0)
            return -1;
        query_text(&q, 1, project_id);
        query_text(&q, 2, ask->step);
        query_i64(&q, 3, ask->place);
        if (query_run(&q, err) < 0)
            return -1;
    }
    return 0;
}

int verify_wake(struct db *h, const char *project_id, struct err *err)
{
    static const char is[] = "SELECT status FROM project WHERE id = ?1";
    static const char again[] = "UPDATE project SET status = 'RUNNING', modified_at = unixepoch(),"
                                " finished_at = NULL WHERE id = ?1 AND status = 'FINISHED'";
    _cleanup_(query_done)
    struct query q = { 0 };
    bool runs, finished;
    int r;

    if (query_open(&q, h, is, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    runs = r > 0 && strcmp(query_peek_text(&q, 0), "RUNNING") == 0;
    finished = r > 0 && strcmp(query_peek_text(&q, 0), "FINISHED") == 0;
    if (!finished)
        return runs;
    if (run_sql(h, again, project_id, NULL, NULL, err) < 0 ||
        history_add(h, project_id, "INFO", "project_status",
                    "FINISHED -> RUNNING: its rows are compared or corrected", err) < 0)
        return -1;
    return 1;
}

static int tell_begin(struct db *h, const char *project_id, const struct verify_ask *ask,
                      struct err *err)
{
    char message[320], of[64] = "all tables";

    if (ask->tables != NULL)
        (void)snprintf(of, sizeof(of), "%zu tables", json_len(ask->tables));
    (void)snprintf(message, sizeof(message), "full verification of %s%s%.128s", of,
                   ask->user != NULL ? ", asked for by " : "", ask->user != NULL ? ask->user : "");
    return history_add(h, project_id, "INFO", "verify_started", message, err);
}

int store_verify_begin(struct store *st, const char *project_id, const struct verify_ask *ask,
                       struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        read_run(l.db, project_id, &run, err) < 0)
        return -1;
    if (run.id[0] != '\0' && (run.state == VS_OPEN || ask->user == NULL))
        return 0;
    r = verify_is_applying(l.db, project_id, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    r = verify_wake(l.db, project_id, err);
    if (r <= 0)
        return r;
    if (set_run(l.db, project_id, ask, err) < 0 ||
        forget_results(l.db, project_id, ask->tables, err) < 0 ||
        set_step(l.db, project_id, ask, err) < 0 || tell_begin(l.db, project_id, ask, err) < 0)
        return -1;
    FAULT("store.verify_begin.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_verify_reopen(struct store *st, const char *project_id, const char *step, struct err *err)
{
    static const char sql[] = "UPDATE verify_run SET state = 'OPEN', ended_at = NULL, error = NULL"
                              " WHERE project_id = ?1 AND state = 'FAILED'";
    static const char again[] = "UPDATE step SET status = 'SUSPEND', error = NULL"
                                " WHERE project_id = ?1 AND name = ?2 AND status = 'FAILED'";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int n;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    n = run_sql(l.db, sql, project_id, NULL, NULL, err);
    if (n <= 0)
        return n;
    if (run_sql(l.db, again, project_id, step, NULL, err) < 0 || txn_commit(&t, err) < 0)
        return -1;
    return 1;
}

/* ---------------------------------------------------------------------- counts */

#define OF_SCHEMAS                                                                                 \
    " AND (?2 IS NULL OR db IN (SELECT value FROM json_each(?2)))"                                 \
    " AND (?3 IS NULL OR target_db IN (SELECT value FROM json_each(?3)))"

static int count(struct db *h, const char *project_id, const struct verify_filter *f,
                 struct verify_counts *ret, struct err *err)
{
    static const char sql[] =
        "SELECT COUNT(*), TOTAL(status IN ('FINISHED', 'ERROR')),"
        " TOTAL(status = 'FINISHED' AND NOT " DIFFERENT "), TOTAL(" DIFFERENT "),"
        " TOTAL(source_only), TOTAL(dest_only), TOTAL(mismatched), TOTAL(consistent)"
        " FROM verify_table WHERE project_id = ?1" OF_SCHEMAS;
    int64_t *const to[] = { &ret->tables,      &ret->done,      &ret->consistent, &ret->different,
                            &ret->source_only, &ret->dest_only, &ret->mismatched, &ret->rows };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, f != NULL ? f->source_schemas : NULL);
    query_json(&q, 3, f != NULL ? f->dest_schemas : NULL);
    if (query_step(&q, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(to); i++)
        *to[i] = (int64_t)query_get_double(&q, (int)i);
    return 0;
}

int store_verify_count(struct store *st, const char *project_id, const struct verify_filter *f,
                       struct verify_counts *ret, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return count(l.db, project_id, f, ret, err);
}

/* ---------------------------------------------------------------------- the end of a run */

static int pause_tables(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "UPDATE verify_table SET status = 'SUSPEND'"
                              " WHERE project_id = ?1 AND status = 'RUNNING'";

    return run_sql(h, sql, project_id, NULL, NULL, err) < 0 ? -1 : 0;
}

int store_verify_pause(struct store *st, const char *project_id, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return pause_tables(l.db, project_id, err);
}

static int close_run(struct db *h, const char *project_id, const struct verify_end *e,
                     struct err *err)
{
    static const char sql[] =
        "UPDATE verify_run SET state = ?2, ended_at = ?3, error = ?4,"
        " whole_at = CASE WHEN ?2 = 'DONE' AND tables IS NULL"
        "  THEN started_at ELSE whole_at END WHERE project_id = ?1 AND state = 'OPEN'";
    static const char skip[] = "UPDATE verify_run SET state = ?2, ended_at = ?3, error = ?4"
                               " WHERE project_id = ?1 AND state IN ('OPEN', 'FAILED')";
    _cleanup_(json_putp)
    struct json_object *why = e->why != NULL ? json_from_err(e->why) : NULL;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, e->state == VS_SKIPPED ? skip : sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, state_texts[e->state]);
    query_i64(&q, 3, clock_now_s());
    query_json(&q, 4, why);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

/* What the step shows of it, beside what its worker told. */
static struct json_object *summary(const struct verify_end *e, const struct verify_counts *c)
{
    struct json_object *o = json_object_new_object();

    json_add_i64(o, "tables", c->tables);
    json_add_i64(o, "consistentTables", c->consistent);
    json_add_i64(o, "differentTables", c->different);
    json_add_bool(o, "skipped", e->state == VS_SKIPPED);
    return o;
}

static struct json_object *step_error(const struct err *why)
{
    struct json_object *o = json_from_err(why);
    char time[CLOCK_TEXT_LEN];

    json_add_str(o, "failedTime", clock_text(clock_now_s(), time));
    json_add_bool(o, "retrying", false);
    return o;
}

static int close_step(struct db *h, const char *project_id, const struct verify_end *e,
                      const struct verify_counts *c, struct err *err)
{
    static const char sql[] =
        "UPDATE step SET status = ?3, error = ?4, info = json_patch(COALESCE(info, '{}'), ?5),"
        " progress = CASE WHEN ?3 = 'FAILED' THEN progress ELSE 100 END,"
        " finished_at = CASE WHEN ?3 = 'FINISHED' THEN ?6 ELSE NULL END"
        " WHERE project_id = ?1 AND name = ?2";
    const char *status = e->state == VS_FAILED ? "FAILED" : e->stays ? "RUNNING" : "FINISHED";
    _cleanup_(json_putp)
    struct json_object *error = e->state == VS_FAILED ? step_error(e->why) : NULL;
    _cleanup_(json_putp)
    struct json_object *info = summary(e, c);
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, e->step);
    query_text(&q, 3, status);
    query_json(&q, 4, error);
    query_json(&q, 5, info);
    query_i64(&q, 6, clock_now_s());
    return query_run(&q, err);
}

static int tell_found(struct db *h, const char *project_id, const struct verify_counts *c,
                      struct err *err)
{
    char message[512];

    if (c->different == 0) {
        (void)snprintf(message, sizeof(message),
                       "full verification: %" PRId64 " tables with %" PRId64 " rows are equal",
                       c->tables, c->rows);
        return history_add(h, project_id, "INFO", "verify_done", message, err);
    }
    (void)snprintf(message, sizeof(message),
                   "full verification: %" PRId64 " of %" PRId64 " tables are not equal: %" PRId64
                   " rows only at the source, %" PRId64 " only at the target, %" PRId64
                   " with other values; ListProjectFullVerifyResult shows each table",
                   c->different, c->tables, c->source_only, c->dest_only, c->mismatched);
    return history_add(h, project_id, "WARN", "verify_differs", message, err);
}

static int tell_end(struct db *h, const char *project_id, const struct verify_end *e,
                    const struct verify_counts *c, struct err *err)
{
    char message[TEXT_MAX_BYTES];

    if (e->state == VS_DONE)
        return tell_found(h, project_id, c, err);
    if (e->state == VS_FAILED)
        (void)snprintf(message, sizeof(message), "full verification failed: %.1500s",
                       e->why->message);
    else
        (void)snprintf(message, sizeof(message),
                       "full verification was skipped by %.128s: %" PRId64 " of %" PRId64
                       " tables that it had begun were compared, %" PRId64 " are not equal",
                       e->user, c->done, c->tables, c->different);
    return history_add(h, project_id, e->state == VS_FAILED ? "ERROR" : "WARN",
                       e->state == VS_FAILED ? "verify_failed" : "verify_skipped", message, err);
}

/* Named by who asked for it, and nothing was told of it: no proof of anything. */
static int add_missing(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] =
        "INSERT INTO verify_table (project_id, run, db, name, target_db, target_name, status,"
        " result, message, source_only, dest_only, mismatched, consistent, progress, started_at,"
        " ended_at) SELECT r.project_id, r.id, j.value ->> '$.db', j.value ->> '$.table', '', '',"
        " 'ERROR', 'NOT_CATEGORIZED', 'the project has no such table', 0, 0, 0, 0, 0, ?2, ?2"
        " FROM verify_run r, json_each(r.tables) j WHERE r.project_id = ?1"
        " ON CONFLICT (project_id, db, name) DO NOTHING";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s());
    return query_run(&q, err);
}

int store_verify_end(struct store *st, const char *project_id, const struct verify_end *e,
                     struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    struct verify_counts c = { 0 };
    int n;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    n = close_run(l.db, project_id, e, err);
    if (n <= 0)
        return n;
    if (pause_tables(l.db, project_id, err) < 0 ||
        (e->state == VS_DONE && add_missing(l.db, project_id, err) < 0) ||
        count(l.db, project_id, NULL, &c, err) < 0 ||
        close_step(l.db, project_id, e, &c, err) < 0 || tell_end(l.db, project_id, e, &c, err) < 0)
        return -1;
    FAULT("store.verify_end.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

/* ---------------------------------------------------------------------- what is told of a table */

static int is_present(struct db *h, const char *project_id, const char *run_id, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM verify_run WHERE project_id = ?1 AND id = ?2"
                              " AND state = 'OPEN'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, run_id);
    return query_step(&q, err);
}

static void bind_told(struct query *q, struct json_object *told)
{
    static const char *const texts[] = { "db",     "table",      "targetDb", "targetTable",
                                         "status", "resultType", "message" };
    static const char *const numbers[] = { "sourceOnly", "destOnly", "mismatched", "consistent" };
    static const char *const objects[] = { "position", "resume", "errors" };
    int at = 3;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        query_text(q, at++, json_get_str(told, texts[i], ""));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        query_i64(q, at++, json_get_i64(told, numbers[i], 0));
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        query_json(q, at++, json_get(told, objects[i]));
    query_double(q, at++, json_get_double(told, "progress", 0));
    query_i64(q, at++, json_get_bool(told, "rowsCut", false));
    query_i64(q, at, clock_now_s());
}

static int put_table(struct db *h, const char *project_id, const char *run_id,
                     struct json_object *told, int64_t *ret_seq, struct err *err)
{
    static const char sql[] =
        "INSERT INTO verify_table (project_id, run, db, name, target_db, target_name, status,"
        " result, message, source_only, dest_only, mismatched, consistent, position, resume,"
        " errors, progress, rows_cut, started_at, ended_at)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        "  ?19, CASE WHEN ?7 IN ('FINISHED', 'ERROR') THEN ?19 END"
        " WHERE (SELECT COUNT(*) FROM verify_table WHERE project_id = ?1) < ?20"
        " ON CONFLICT (project_id, db, name) DO UPDATE SET run = excluded.run,"
        " target_db = excluded.target_db, target_name = excluded.target_name,"
        " status = excluded.status, result = excluded.result, message = excluded.message,"
        " source_only = excluded.source_only, dest_only = excluded.dest_only,"
        " mismatched = excluded.mismatched, consistent = excluded.consistent,"
        " position = excluded.position, resume = excluded.resume, errors = excluded.errors,"
        " progress = excluded.progress, rows_cut = max(rows_cut, excluded.rows_cut),"
        " ended_at = excluded.ended_at RETURNING seq";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, run_id);
    bind_told(&q, told);
    query_i64(&q, 20, VERIFY_TABLES_PER_PROJECT);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    *ret_seq = query_get_i64(&q, 0);
    return query_run(&q, err) < 0 ? -1 : 1;
}

int store_verify_table(struct store *st, const char *project_id, const char *run_id,
                       struct json_object *told, struct err *err)
{
    static const char forget[] =
        "DELETE FROM verify_table WHERE project_id = ?1 AND db = ?2 AND name = ?3";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int64_t seq = 0, unused;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = is_present(l.db, project_id, run_id, err);
    if (r <= 0)
        return r;
    if (json_get_bool(told, "begin", false) &&
        run_sql(l.db, forget, project_id, json_get_str(told, "db", ""),
                json_get_str(told, "table", ""), err) < 0)
        return -1;
    r = put_table(l.db, project_id, run_id, told, &seq, err);
    if (r <= 0)
        return r;
    if (verify_rows_put(l.db, project_id, seq, json_get_array(told, "rows"), "FULL", &unused, err) <
        0)
        return -1;
    FAULT("store.verify_table.before");
    return txn_commit(&t, err);
}

/* ---------------------------------------------------------------------- reading */

static int read_progress(struct query *q, struct json_object **ret, struct err *err)
{
    static const char *const numbers[] = { "sourceOnly", "destOnly", "mismatched", "consistent" };
    struct json_object *o = json_object_new_object(), *part = NULL;

    *ret = o;
    json_add_str(o, "db", query_peek_text(q, 0));
    json_add_str(o, "table", query_peek_text(q, 1));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        json_add_i64(o, numbers[i], query_get_i64(q, (int)i + 2));
    if (query_get_json(q, 6, &part, err) < 0)
        return -1;
    json_add(o, "position", part);
    json_add_bool(o, "rowsCut", query_get_i64(q, 8) != 0);
    part = NULL;
    if (query_get_json(q, 7, &part, err) < 0)
        return -1;
    return json_add(o, "resume", part);
}

static int read_name(struct query *q, struct json_object **ret, struct err *err)
{
    (void)err;
    *ret = json_object_new_object();
    json_add_str(*ret, "db", query_peek_text(q, 0));
    return json_add_str(*ret, "table", query_peek_text(q, 1));
}

int store_verify_progress(struct store *st, const char *project_id, const char *run_id,
                          struct json_object **ret_done, struct json_object **ret_open,
                          struct err *err)
{
    static const char done[] = "SELECT db, name FROM verify_table WHERE project_id = ?1"
                               " AND run = ?2 AND status IN ('FINISHED', 'ERROR') ORDER BY seq";
    static const char open[] =
        "SELECT db, name, source_only, dest_only, mismatched, consistent, position, resume,"
        " rows_cut FROM verify_table WHERE project_id = ?1 AND run = ?2"
        " AND status NOT IN ('FINISHED', 'ERROR') ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(json_putp)
    struct json_object *first = NULL;
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(query_done)
    struct query other = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, done, err) < 0 ||
        query_open(&other, l.db, open, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, run_id);
    query_text(&other, 1, project_id);
    query_text(&other, 2, run_id);
    if (query_list(&q, read_name, &first, err) < 0 ||
        query_list(&other, read_progress, ret_open, err) < 0)
        return -1;
    *ret_done = take_ptr(first);
    return 0;
}

static int read_place(struct query *q, struct json_object **ret, struct err *err)
{
    (void)err;
    *ret = json_object_new_int64(query_get_i64(q, 0));
    return 0;
}

int store_verify_unknown(struct store *st, const char *project_id, struct json_object *tables,
                         struct json_object **ret, struct err *err)
{
    static const char sql[] =
        "SELECT j.key FROM json_each(?2) j, verify_run r WHERE r.project_id = ?1"
        " AND r.whole_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM verify_table t"
        "  WHERE t.project_id = ?1 AND t.db = j.value ->> '$.db'"
        "  AND t.name = j.value ->> '$.table')"
        " AND NOT EXISTS (SELECT 1 FROM ddl d WHERE d.project_id = ?1"
        "  AND d.modified_at >= r.whole_at)"
        " AND NOT EXISTS (SELECT 1 FROM modify_record m WHERE m.project_id = ?1"
        "  AND m.modified_at >= r.whole_at) ORDER BY j.key";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, tables);
    return query_list(&q, read_place, ret, err);
}

#define LIST_FROM                                                                                  \
    " FROM verify_table WHERE project_id = ?1" OF_SCHEMAS                                          \
    " AND (?4 IS NULL OR status IN (SELECT value FROM json_each(?4)))"

static void bind_filter(struct query *q, const char *project_id, const struct verify_filter *f)
{
    query_text(q, 1, project_id);
    query_json(q, 2, f->source_schemas);
    query_json(q, 3, f->dest_schemas);
    query_json(q, 4, f->statuses);
}

static int read_table(struct query *q, struct json_object **ret, struct err *err)
{
    static const char *const texts[] = { "db",     "table",      "targetDb", "targetTable",
                                         "status", "resultType", "message" };
    static const char *const numbers[] = { "sourceOnly", "destOnly",  "mismatched", "consistent",
                                           "rowsKept",   "startedAt", "endedAt" };
    struct json_object *o = json_object_new_object(), *part = NULL;
    int at = 0;

    *ret = o;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_add_str(o, texts[i], query_peek_text(q, at++));
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        json_add_i64(o, numbers[i], query_get_i64(q, at++));
    json_add_double(o, "progress", query_get_double(q, at++));
    json_add_bool(o, "rowsCut", query_get_i64(q, at++) != 0);
    if (query_get_json(q, at++, &part, err) < 0)
        return -1;
    json_add(o, "position", part);
    part = NULL;
    if (query_get_json(q, at, &part, err) < 0)
        return -1;
    return json_add(o, "errors", part);
}

int store_verify_list(struct store *st, const char *project_id, const struct verify_filter *f,
                      struct json_object **ret, int64_t *ret_total, struct err *err)
{
    static const char all[] = "SELECT COUNT(*)" LIST_FROM;
    static const char sql[] =
        "SELECT db, name, target_db, target_name, status, result, message, source_only, dest_only,"
        " mismatched, consistent, kept, started_at, ended_at, progress, rows_cut, position,"
        " errors" LIST_FROM " ORDER BY db, name LIMIT ?5 OFFSET ?6";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query n = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&n, l.db, all, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    bind_filter(&n, project_id, f);
    if (query_count(&n, ret_total, err) < 0)
        return -1;
    bind_filter(&q, project_id, f);
    query_i64(&q, 5, db_limit(&f->page));
    query_i64(&q, 6, db_offset(&f->page));
    return query_list(&q, read_table, ret, err);
}
