#include "store/conflict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

enum { LINES_AT_ONCE = 100, PRUNED_AT_ONCE = 5000, FILES_MAX = 10000 };

/* ---------------------------------------------------------------------- writing */

static void bind_record(struct query *q, const char *project_id, const char *step,
                        struct json_object *o)
{
    query_text(q, 1, project_id);
    query_text(q, 2, step);
    query_i64(q, 3, json_get_i64(o, "seq", 0));
    query_i64(q, 4, json_get_i64(o, "n", 0));
    query_text(q, 5, json_get_str(o, "kind", ""));
    query_text(q, 6, json_get_str(o, "decision", ""));
    query_i64(q, 7, json_get_i64(o, "timestamp", 0));
    query_i64(q, 8, clock_now_s());
}

/* "db.table" of one end. */
static void name_of(struct json_object *o, const char *db, const char *table, char *buf, size_t max)
{
    (void)snprintf(buf, max, "%s.%s", json_get_str(o, db, ""), json_get_str(o, table, ""));
}

/*
 * One statement for a new record and for one told again, so that nothing can come between. The
 * number is that of the record: told again it keeps it. The text is written by `set_text`.
 */
static int upsert(struct db *h, const char *project_id, const char *step, struct json_object *o,
                  int64_t *ret_num, struct err *err)
{
    static const char sql[] =
        "INSERT INTO conflict (project_id, step, seq, n, kind, decision, at, created_at,"
        " modified_at, source_table, target_table, num, doc, bytes)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, (SELECT COALESCE(SUM(total), 0) + 1"
        "  FROM conflict_count WHERE project_id = ?1 AND step = ?2), '', 0)"
        " ON CONFLICT (project_id, step, seq, n) DO UPDATE SET kind = excluded.kind,"
        " decision = excluded.decision, at = excluded.at, modified_at = excluded.modified_at,"
        " source_table = excluded.source_table, target_table = excluded.target_table"
        " RETURNING num";
    char source[600], target[600];
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    name_of(o, "db", "table", source, sizeof(source));
    name_of(o, "targetDb", "targetTable", target, sizeof(target));
    bind_record(&q, project_id, step, o);
    query_text(&q, 9, source);
    query_text(&q, 10, target);
    r = query_step(&q, err);
    if (r > 0) {
        *ret_num = query_get_i64(&q, 0);
        return query_run(&q, err);
    }
    if (query_is_foreign(&q))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return r < 0 ? -1 : err_set(err, ERR_STORE, "a conflict of %s has no number", project_id);
}

static int set_text(struct db *h, const char *project_id, const char *step, struct json_object *o,
                    int64_t num, struct err *err)
{
    static const char sql[] = "UPDATE conflict SET doc = ?5, bytes = length(CAST(?5 AS BLOB))"
                              " WHERE project_id = ?1 AND step = ?2 AND seq = ?3 AND n = ?4";
    _cleanup_(json_putp)
    struct json_object *doc = json_object_new_object();
    _cleanup_(query_done)
    struct query q = { 0 };

    json_add_i64(doc, "num", num);
    json_object_object_foreach(o, key, value)
        json_add(doc, key, value != NULL ? json_object_get(value) : NULL);
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, step);
    query_i64(&q, 3, json_get_i64(o, "seq", 0));
    query_i64(&q, 4, json_get_i64(o, "n", 0));
    query_json(&q, 5, doc);
    return query_run(&q, err);
}

/* How many a project has and has had. */
static int count_all(struct db *h, const char *project_id, int64_t *ret_kept, int64_t *ret_total,
                     struct err *err)
{
    static const char sql[] =
        "SELECT SUM(kept), SUM(total) FROM conflict_count WHERE project_id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    if (query_step(&q, err) < 0)
        return -1;
    *ret_kept = query_get_i64(&q, 0);
    *ret_total = query_get_i64(&q, 1);
    return 0;
}

/* Tells it once an hour: at the ceiling every new record drives an old one out. */
static int tell_cut(struct db *h, const char *project_id, const char *why, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM event WHERE project_id = ?1"
                              " AND event = 'conflicts_cut' AND at > ?2 LIMIT 1";
    char message[320];
    int64_t kept = 0, total = 0;
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s() - CONFLICTS_CUT_TOLD_EVERY_S);
    r = query_step(&q, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    if (count_all(h, project_id, &kept, &total, err) < 0)
        return -1;
    (void)snprintf(message, sizeof(message),
                   "conflict records %s are removed: %" PRId64 " of %" PRId64 " are kept", why,
                   kept, total);
    return history_add(h, project_id, "WARN", "conflicts_cut", message, err);
}

static int cut_oldest(struct db *h, const char *project_id, int64_t most, struct err *err)
{
    static const char sql[] =
        "DELETE FROM conflict WHERE rowno IN (SELECT rowno FROM conflict WHERE project_id = ?1"
        " ORDER BY rowno LIMIT ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };
    int64_t kept = 0, total = 0;
    char why[80];

    if (count_all(h, project_id, &kept, &total, err) < 0)
        return -1;
    if (most <= 0 || kept <= most)
        return 0;
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, kept - most);
    if (query_run(&q, err) < 0)
        return -1;
    (void)snprintf(why, sizeof(why), "beyond the newest %" PRId64, most);
    return tell_cut(h, project_id, why, err);
}

int store_conflict_put(struct store *st, const char *project_id, const char *step,
                       struct json_object *records, const struct conflict_limits *limits,
                       struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    for (size_t i = 0; i < json_len(records); i++) {
        struct json_object *o = json_at(records, i);
        int64_t num = 0;
        if (upsert(l.db, project_id, step, o, &num, err) < 0 ||
            set_text(l.db, project_id, step, o, num, err) < 0)
            return -1;
    }
    if (cut_oldest(l.db, project_id, limits->most, err) < 0)
        return -1;
    FAULT("store.conflict_put.before");
    return txn_commit(&t, err);
}

/* ---------------------------------------------------------------------- age */

static int delete_old(struct db *h, const char *project_id, int64_t before, struct err *err)
{
    static const char sql[] =
        "DELETE FROM conflict WHERE rowno IN (SELECT rowno FROM conflict WHERE created_at < ?2"
        " AND project_id = ?1 ORDER BY created_at LIMIT ?3)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, before);
    query_i64(&q, 3, PRUNED_AT_ONCE);
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(h) > 0 ? 1 : 0;
}

/* A bounded number in one transaction; 1: there are more. */
static int prune_some(struct store *st, const struct conflict_limits *limits, struct err *err)
{
    static const char sql[] = "SELECT project_id FROM conflict WHERE created_at < ?1 LIMIT 1";
    int64_t before = clock_now_s() - limits->keep_s;
    char id[ID_MAX], why[80];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, before);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    (void)snprintf(id, sizeof(id), "%s", query_peek_text(&q, 0));
    query_done(&q);
    q = (struct query){ 0 };
    (void)snprintf(why, sizeof(why), "older than %" PRId64 " days", limits->keep_s / 86400);
    if (delete_old(l.db, id, before, err) < 0 || tell_cut(l.db, id, why, err) < 0)
        return -1;
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_conflict_prune(struct store *st, const struct conflict_limits *limits, struct err *err)
{
    int r = 0;

    while (limits->keep_s > 0 && (r = prune_some(st, limits, err)) > 0)
        ;
    return r;
}

/* ---------------------------------------------------------------------- reading */

#define LIST_FROM                                                                                  \
    " FROM conflict WHERE project_id = ?1 AND (?2 IS NULL OR step = ?2)"                           \
    " AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR decision = ?4)"                             \
    " AND (?5 IS NULL OR ?5 IN (source_table, target_table,"                                       \
    "  substr(source_table, instr(source_table, '.') + 1),"                                        \
    "  substr(target_table, instr(target_table, '.') + 1)))"                                       \
    " AND at >= ?6 AND at <= ?7"

static void bind_filter(struct query *q, const char *project_id, const struct conflict_filter *f)
{
    query_text(q, 1, project_id);
    query_text(q, 2, f->step);
    query_text(q, 3, f->kind);
    query_text(q, 4, f->decision);
    query_text(q, 5, f->table);
    query_i64(q, 6, f->since);
    query_i64(q, 7, f->until > 0 ? f->until : INT64_MAX);
}

static int count_rows(struct db *h, const char *project_id, const struct conflict_filter *f,
                      int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*)" LIST_FROM;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    bind_filter(&q, project_id, f);
    return query_count(&q, ret, err);
}

static int read_record(struct query *q, struct json_object **ret, struct err *err)
{
    if (query_get_json(q, 0, ret, err) < 0)
        return -1;
    json_add_str(*ret, "stepName", query_peek_text(q, 1));
    return 0;
}

int store_conflict_list(struct store *st, const char *project_id, const struct conflict_filter *f,
                        struct json_object **ret_array, int64_t *ret_total, struct err *err)
{
    static const char sql[] =
        "SELECT doc, step" LIST_FROM " ORDER BY rowno DESC LIMIT ?8 OFFSET ?9";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || count_rows(l.db, project_id, f, ret_total, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    bind_filter(&q, project_id, f);
    query_i64(&q, 8, db_limit(&f->page));
    query_i64(&q, 9, db_offset(&f->page));
    return query_list(&q, read_record, ret_array, err);
}

static int read_file_row(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_i64(o, "number", query_get_i64(q, 0));
    json_add_i64(o, "bytes", query_get_i64(q, 1));
    json_add_i64(o, "records", query_get_i64(q, 2));
    json_add_i64(o, "modifiedAt", query_get_i64(q, 3));
    *ret = o;
    return 0;
}

int store_conflict_files(struct store *st, const char *project_id, const char *step,
                         struct json_object **ret_array, struct err *err)
{
    static const char sql[] =
        "SELECT (num - 1) / ?3 + 1, SUM(bytes + 1), COUNT(*), MAX(modified_at) FROM conflict"
        " WHERE project_id = ?1 AND step = ?2 GROUP BY 1 ORDER BY 1 LIMIT ?4";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, step);
    query_i64(&q, 3, CONFLICTS_A_FILE);
    query_i64(&q, 4, FILES_MAX);
    return query_list(&q, read_file_row, ret_array, err);
}

int store_conflict_lines(struct store *st, const char *project_id, const char *step, int64_t number,
                         int64_t *num, struct strbuf *to, struct err *err)
{
    static const char sql[] = "SELECT num, doc FROM conflict WHERE project_id = ?1 AND step = ?2"
                              " AND num > ?3 AND num <= ?4 ORDER BY num LIMIT ?5";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r, count = 0;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, step);
    query_i64(&q, 3, MAX(*num, (number - 1) * CONFLICTS_A_FILE));
    query_i64(&q, 4, number * CONFLICTS_A_FILE);
    query_i64(&q, 5, LINES_AT_ONCE);
    while ((r = query_step(&q, err)) > 0) {
        *num = query_get_i64(&q, 0);
        strbuf_adds(to, query_peek_text(&q, 1));
        strbuf_addc(to, '\n');
        count++;
    }
    return r < 0 ? -1 : count;
}
