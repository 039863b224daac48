/* Rows that differ, and what becomes of them (store/verify.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"
#include "store/verify.h"
#include "store/verify_in.h"

#include "base/banned.h"

enum { FOUND_TOLD_EVERY_S = 60, ID_PREFIX = 3 };

/* ---------------------------------------------------------------------- writing */

/* How many rows are kept of the table, and of all of the project. */
static int count_kept(struct db *h, const char *project_id, int64_t table_seq, int64_t *ret_table,
                      int64_t *ret_all, struct err *err)
{
    static const char sql[] = "SELECT TOTAL(kept), TOTAL(kept) FILTER (WHERE seq = ?2)"
                              " FROM verify_table WHERE project_id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, table_seq);
    if (query_step(&q, err) < 0)
        return -1;
    *ret_all = (int64_t)query_get_double(&q, 0);
    *ret_table = (int64_t)query_get_double(&q, 1);
    return 0;
}

static int mark_cut(struct db *h, int64_t table_seq, struct err *err)
{
    static const char sql[] = "UPDATE verify_table SET rows_cut = 1 WHERE seq = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, table_seq);
    return query_run(&q, err);
}

/* 1: it is there already. */
static int is_there(struct db *h, int64_t table_seq, const char *id, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM verify_row WHERE table_seq = ?1 AND id = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, table_seq);
    query_text(&q, 2, id);
    return query_step(&q, err);
}

/* The document without what has a column of its own. */
static struct json_object *without_key(struct json_object *row)
{
    struct json_object *o = json_object_new_object();

    json_object_object_foreach(row, name, value)
    {
        if (strcmp(name, "keyHex") != 0 && strcmp(name, "id") != 0 && strcmp(name, "type") != 0)
            json_add(o, name, value != NULL ? json_object_get(value) : NULL);
    }
    return o;
}

static int put_row(struct db *h, int64_t table_seq, struct json_object *row, const char *by,
                   struct err *err)
{
    static const char sql[] =
        "INSERT INTO verify_row (table_seq, id, type, key_hex, doc, state, message, found_by, at,"
        " modified_at) VALUES (?1, ?2, ?3, ?4, ?5, 'OPEN', '', ?6, ?7, ?7)"
        " ON CONFLICT (table_seq, id) DO UPDATE SET type = excluded.type,"
        " key_hex = excluded.key_hex, doc = excluded.doc, state = 'OPEN', message = '',"
        " modified_at = excluded.modified_at";
    _cleanup_(json_putp)
    struct json_object *doc = without_key(row);
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, table_seq);
    query_text(&q, 2, json_get_str(row, "id", ""));
    query_text(&q, 3, json_get_str(row, "type", ""));
    query_text(&q, 4, json_get_str(row, "keyHex", NULL));
    query_json(&q, 5, doc);
    query_text(&q, 6, by);
    query_i64(&q, 7, clock_now_s());
    return query_run(&q, err);
}

int verify_rows_put(struct db *h, const char *project_id, int64_t table_seq,
                    struct json_object *rows, const char *by, int64_t *ret_new, struct err *err)
{
    int64_t kept = 0, all = 0;
    bool cut = false;

    *ret_new = 0;
    if (json_len(rows) > 0 && count_kept(h, project_id, table_seq, &kept, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < json_len(rows); i++) {
        struct json_object *row = json_at(rows, i);
        int there = is_there(h, table_seq, json_get_str(row, "id", ""), err);
        if (there < 0)
            return -1;
        *ret_new += there == 0;
        if (there == 0 && (kept >= VERIFY_ROWS_PER_TABLE || all >= VERIFY_ROWS_PER_PROJECT)) {
            cut = true;
            continue;
        }
        if (put_row(h, table_seq, row, by, err) < 0)
            return -1;
        kept += there == 0;
        all += there == 0;
    }
    return cut ? mark_cut(h, table_seq, err) : 0;
}

/* ---------------------------------------------------------------------- the continuous check */

/* The table's row; one is made where no run has been yet. */
static int table_of(struct db *h, const char *project_id, struct json_object *told,
                    int64_t *ret_seq, struct err *err)
{
    static const char sql[] =
        "INSERT INTO verify_table (project_id, run, db, name, target_db, target_name, status,"
        " result, message, source_only, dest_only, mismatched, consistent, progress, started_at)"
        " VALUES (?1, '', ?2, ?3, ?4, ?5, 'FINISHED', 'INCONSISTENT',"
        " 'found by the continuous check; the table as a whole was not compared', 0, 0, 0, 0, 100,"
        " ?6) ON CONFLICT (project_id, db, name) DO UPDATE SET target_db = excluded.target_db"
        " RETURNING seq";
    static const char *const texts[] = { "db", "table", "targetDb", "targetTable" };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        query_text(&q, (int)i + 2, json_get_str(told, texts[i], ""));
    query_i64(&q, 6, clock_now_s());
    if (query_step(&q, err) < 0)
        return -1;
    *ret_seq = query_get_i64(&q, 0);
    return query_run(&q, err);
}

static int count_found(struct db *h, int64_t table_seq, const char *type, struct err *err)
{
    static const char sql[] =
        "UPDATE verify_table SET source_only = source_only + (?2 = 'MASTER_ONLY'),"
        " dest_only = dest_only + (?2 = 'IMAGE_ONLY'),"
        " mismatched = mismatched + (?2 = 'MISMATCHED'),"
        " result = CASE WHEN status = 'FINISHED' AND result IN ('CONSISTENT', 'BOTH_EMPTY')"
        "  THEN 'INCONSISTENT' ELSE result END WHERE seq = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, table_seq);
    query_text(&q, 2, type);
    return query_run(&q, err);
}

/* Told once a minute: a broken target must not fill the history. */
static int tell_found(struct db *h, const char *project_id, struct json_object *told,
                      struct err *err)
{
    static const char sql[] = "SELECT 1 FROM event WHERE project_id = ?1"
                              " AND event = 'row_differs' AND at > ?2 LIMIT 1";
    struct json_object *row = json_get(told, "row");
    char message[1024];
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s() - FOUND_TOLD_EVERY_S);
    r = query_step(&q, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    (void)snprintf(message, sizeof(message),
                   "the continuous check found a row of %.256s.%.256s that differs (%s): %.300s; "
                   "further ones within a minute are only listed",
                   json_get_str(told, "db", ""), json_get_str(told, "table", ""),
                   json_get_str(row, "type", ""),
                   json_get(row, "key") != NULL ? json_text(json_get(row, "key")) : "");
    return history_add(h, project_id, "WARN", "row_differs", message, err);
}

int store_verify_found(struct store *st, const char *project_id, struct json_object *told,
                       struct err *err)
{
    struct json_object *row = json_get(told, "row");
    _cleanup_(json_putp)
    struct json_object *rows = json_object_new_array();
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int64_t seq = 0, new = 0;

    json_object_array_add(rows, json_object_get(row));
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        table_of(l.db, project_id, told, &seq, err) < 0 ||
        verify_rows_put(l.db, project_id, seq, rows, "WATCH", &new, err) < 0)
        return -1;
    if (new > 0 && (count_found(l.db, seq, json_get_str(row, "type", ""), err) < 0 ||
                    tell_found(l.db, project_id, told, err) < 0))
        return -1;
    return txn_commit(&t, err);
}

/* ---------------------------------------------------------------------- reading */

#define ROWS_FROM                                                                                  \
    " FROM verify_row r JOIN verify_table t ON t.seq = r.table_seq WHERE t.project_id = ?1"        \
    " AND (?2 IS NULL OR t.db = ?2) AND (?3 IS NULL OR t.name = ?3)"                               \
    " AND (?4 IS NULL OR r.seq IN (SELECT CAST(substr(value, 4) AS INTEGER) FROM json_each(?4)"    \
    "  WHERE value LIKE 'vd\\_%' ESCAPE '\\')) AND r.seq > ?5"

static void bind_rows(struct query *q, const char *project_id, const struct verify_rows *f)
{
    query_text(q, 1, project_id);
    query_text(q, 2, f->schema);
    query_text(q, 3, f->table);
    query_json(q, 4, f->ids);
    query_i64(q, 5, f->after);
}

/* What became of it says more than what was said when it was found. */
static int read_row(struct query *q, struct json_object **ret, struct err *err)
{
    static const char *const texts[] = { "type",  "state",      "foundBy",  "schema",
                                         "table", "destSchema", "destTable" };
    char id[ID_MAX];

    if (query_get_json(q, 0, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_add_str(*ret, texts[i], query_peek_text(q, (int)i + 1));
    if (*query_peek_text(q, 8) != '\0' || json_get(*ret, "message") == NULL)
        json_add_str(*ret, "message", query_peek_text(q, 8));
    (void)snprintf(id, sizeof(id), "vd_%" PRId64, query_get_i64(q, 9));
    json_add_str(*ret, "id", id);
    json_add_i64(*ret, "number", query_get_i64(q, 9));
    return json_add_i64(*ret, "at", query_get_i64(q, 10));
}

int store_verify_rows(struct store *st, const char *project_id, const struct verify_rows *f,
                      struct json_object **ret, int64_t *ret_total, struct err *err)
{
    static const char all[] = "SELECT COUNT(*)" ROWS_FROM;
    static const char sql[] =
        "SELECT r.doc, r.type, r.state, r.found_by, t.db, t.name, t.target_db, t.target_name,"
        " r.message, r.seq, r.at" ROWS_FROM " ORDER BY r.seq LIMIT ?6 OFFSET ?7";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query n = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    if (ret_total != NULL) {
        if (query_open(&n, l.db, all, err) < 0)
            return -1;
        bind_rows(&n, project_id, f);
        if (query_count(&n, ret_total, err) < 0)
            return -1;
    }
    bind_rows(&q, project_id, f);
    query_i64(&q, 6, f->page.size > 0 ? db_limit(&f->page) : f->limit);
    query_i64(&q, 7, f->page.size > 0 ? db_offset(&f->page) : 0);
    return query_list(&q, read_row, ret, err);
}

/* ---------------------------------------------------------------------- corrections */

int verify_is_open(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM verify_run WHERE project_id = ?1 AND state = 'OPEN'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_step(&q, err);
}

static int choose(struct db *h, const char *project_id, const struct verify_rows *f,
                  struct err *err)
{
    static const char sql[] = "UPDATE verify_row SET state = 'APPLYING', message = '',"
                              " modified_at = unixepoch() WHERE state IN ('OPEN', 'FAILED')"
                              " AND seq IN (SELECT r.seq" ROWS_FROM ")";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    bind_rows(&q, project_id, f);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

int store_verify_apply(struct store *st, const char *project_id, const struct verify_rows *f,
                       const char *user, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    char message[320];
    int n;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    n = verify_is_open(l.db, project_id, err);
    if (n != 0)
        return n < 0 ? -1
                     : err_set(err, ERR_STATE,
                               "project %s is being verified: what is found has to "
                               "stand still while it is corrected",
                               project_id);
    n = choose(l.db, project_id, f, err);
    if (n <= 0)
        return n;
    (void)snprintf(message, sizeof(message),
                   "%.128s asked for %d rows to be corrected at the target", user, n);
    if (verify_wake(l.db, project_id, err) < 0 ||
        history_add(l.db, project_id, "WARN", "corrections_asked", message, err) < 0 ||
        txn_commit(&t, err) < 0)
        return -1;
    return n;
}

#define APPLYING_FROM                                                                              \
    " FROM verify_row r JOIN verify_table t ON t.seq = r.table_seq"                                \
    " WHERE r.state = 'APPLYING' AND t.project_id = ?1"

int verify_is_applying(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "SELECT 1" APPLYING_FROM " LIMIT 1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_step(&q, err);
}

int store_verify_applying(struct store *st, const char *project_id, bool *ret, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0)
        return -1;
    r = verify_is_applying(l.db, project_id, err);
    *ret = r > 0;
    return MIN(r, 0);
}

static int read_mend(struct query *q, struct json_object **ret, struct err *err)
{
    static const char *const texts[] = { "id", "db", "table", "type" };
    struct json_object *o = json_object_new_object();
    char *hex = NULL;

    *ret = o;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_add_str(o, texts[i], query_peek_text(q, (int)i));
    if (query_get_text(q, 4, &hex, err) < 0)
        return -1;
    json_add_str(o, "keyHex", hex);
    free(hex);
    if (query_get_i64(q, 5) > 0)
        json_add_i64(o, "count", query_get_i64(q, 5));
    return json_add_i64(o, "number", query_get_i64(q, 6));
}

int store_verify_mend_rows(struct store *st, const char *project_id, int limit,
                           struct json_object **ret, int64_t *ret_upto, struct err *err)
{
    static const char sql[] = "SELECT r.id, t.db, t.name, r.type, r.key_hex, r.doc ->> '$.count',"
                              " r.seq" APPLYING_FROM " ORDER BY r.seq LIMIT ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    size_t n;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, limit);
    if (query_list(&q, read_mend, ret, err) < 0)
        return -1;
    n = json_len(*ret);
    *ret_upto = n > 0 ? json_get_i64(json_at(*ret, n - 1), "number", 0) : 0;
    for (size_t i = 0; i < n; i++)
        json_object_object_del(json_at(*ret, i), "number");
    return 0;
}

int store_verify_mended(struct store *st, const char *project_id, struct json_object *told,
                        struct err *err)
{
    static const char sql[] =
        "UPDATE verify_row SET state = ?5, message = ?6, modified_at = unixepoch()"
        " WHERE id = ?4 AND state = 'APPLYING' AND table_seq = (SELECT seq FROM verify_table"
        "  WHERE project_id = ?1 AND db = ?2 AND name = ?3)";
    static const char *const texts[] = { "db", "table", "id", "state", "message" };
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        query_text(&q, (int)i + 2, json_get_str(told, texts[i], ""));
    return query_run(&q, err);
}

/* Of the rows that this project has: how many are in which state. */
static int tell_mended(struct db *h, const char *project_id, const struct err *why, struct err *err)
{
    static const char sql[] =
        "SELECT TOTAL(r.state = 'APPLIED'), TOTAL(r.state = 'EQUAL'), TOTAL(r.state = 'FAILED'),"
        " TOTAL(r.state = 'OPEN') FROM verify_row r JOIN verify_table t ON t.seq = r.table_seq"
        " WHERE t.project_id = ?1";
    char message[1024];
    _cleanup_(query_done)
    struct query q = { 0 };
    bool bad;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    if (query_step(&q, err) < 0)
        return -1;
    bad = why != NULL || query_get_double(&q, 2) > 0;
    (void)snprintf(message, sizeof(message),
                   "of the differing rows %.0f are corrected, %.0f were equal by then, %.0f could "
                   "not be corrected, %.0f are as they were%s%.600s",
                   query_get_double(&q, 0), query_get_double(&q, 1), query_get_double(&q, 2),
                   query_get_double(&q, 3), why != NULL ? ": " : "",
                   why != NULL ? why->message : "");
    return history_add(h, project_id, bad ? "WARN" : "INFO", "corrections_applied", message, err);
}

int store_verify_mend_end(struct store *st, const char *project_id, int64_t upto,
                          const struct err *why, struct err *err)
{
    static const char sql[] =
        "UPDATE verify_row SET state = 'OPEN', message = ?3,"
        " modified_at = unixepoch() WHERE seq IN (SELECT r.seq" APPLYING_FROM " AND r.seq <= ?2)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, upto);
    query_text(&q, 3, why != NULL ? why->message : "the worker told nothing of it");
    if (query_run(&q, err) < 0 || tell_mended(l.db, project_id, why, err) < 0)
        return -1;
    FAULT("store.verify_mend_end.before");
    return txn_commit(&t, err);
}
