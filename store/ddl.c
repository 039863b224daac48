#include "store/ddl.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

#define TEXT_(sym, text) [sym] = text,
static const char *const status_texts[] = { DDL_STATUS_TABLE(TEXT_) };
#undef TEXT_

bool ddl_status_parse(const char *text, enum ddl_status *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++)
        if (strcmp(status_texts[i], text) == 0) {
            *ret = (enum ddl_status)i;
            return true;
        }
    return false;
}

static int put(struct db *h, const char *project_id, struct json_object *told, struct err *err)
{
    /* in DO UPDATE a bare column is the old row's: a decision on another statement goes */
    static const char sql[] =
        "INSERT INTO ddl (project_id, id, status, kind, objects, sql, target_sql, message, ran_at,"
        " created_at, modified_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)"
        " ON CONFLICT (project_id, id) DO UPDATE SET status = excluded.status,"
        " kind = excluded.kind, objects = excluded.objects, target_sql = excluded.target_sql,"
        " message = excluded.message, ran_at = excluded.ran_at, modified_at = excluded.modified_at,"
        " action = iif(sql = excluded.sql, action, NULL),"
        " action_sql = iif(sql = excluded.sql, action_sql, NULL),"
        " decided_by = iif(sql = excluded.sql, decided_by, NULL),"
        " decided_at = iif(sql = excluded.sql, decided_at, NULL), sql = excluded.sql";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, json_get_str(told, "id", ""));
    query_text(&q, 3, json_get_str(told, "status", ""));
    query_text(&q, 4, json_get_str(told, "kind", ""));
    query_json(&q, 5, json_get_array(told, "objects"));
    query_text(&q, 6, json_get_str(told, "sql", ""));
    query_json(&q, 7, json_get_array(told, "targetSql"));
    query_text(&q, 8, json_get_str(told, "message", NULL));
    query_i64(&q, 9, json_get_i64(told, "timestamp", 0));
    query_i64(&q, 10, clock_now_s());
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_foreign(&q))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return -1;
}

static int trim(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "DELETE FROM ddl WHERE project_id = ?1 AND status <> 'PENDING'"
                              " AND seq <= (SELECT seq FROM ddl WHERE project_id = ?1"
                              "             ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, DDL_PER_PROJECT);
    return query_run(&q, err);
}

int store_ddl_put(struct store *st, const char *project_id, struct json_object *told,
                  struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        put(l.db, project_id, told, err) < 0 || trim(l.db, project_id, err) < 0)
        return -1;
    FAULT("store.ddl_put.before");
    return txn_commit(&t, err);
}

/* ---------------------------------------------------------------------- reading */

/* The decision of the row, whose action, action_sql, decided_by and decided_at stand at `at` …;
 * NULL: there is none. */
static struct json_object *read_decision(struct query *q, int at)
{
    struct json_object *o;

    if (*query_peek_text(q, at) == '\0')
        return NULL;
    o = json_object_new_object();
    json_add_str(o, "action", query_peek_text(q, at));
    if (*query_peek_text(q, at + 1) != '\0')
        json_add_str(o, "sql", query_peek_text(q, at + 1));
    else
        json_add_null(o, "sql");
    json_add_str(o, "user", query_peek_text(q, at + 2));
    json_add_i64(o, "time", query_get_i64(q, at + 3));
    return o;
}

static int read_row(struct query *q, struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *objects = NULL;
    _cleanup_(json_putp)
    struct json_object *target = NULL;
    struct json_object *o;

    if (query_get_json(q, 3, &objects, err) < 0 || query_get_json(q, 5, &target, err) < 0)
        return -1;
    o = json_object_new_object();
    json_add_str(o, "id", query_peek_text(q, 0));
    json_add_str(o, "status", query_peek_text(q, 1));
    json_add_str(o, "kind", query_peek_text(q, 2));
    json_add(o, "objects", objects != NULL ? take_ptr(objects) : json_object_new_array());
    json_add_str(o, "sql", query_peek_text(q, 4));
    json_add(o, "targetSql", target != NULL ? take_ptr(target) : json_object_new_array());
    json_add_str(o, "message", query_peek_text(q, 6));
    json_add_i64(o, "timestamp", query_get_i64(q, 7));
    json_add_i64(o, "createdAt", query_get_i64(q, 8));
    json_add_i64(o, "modifiedAt", query_get_i64(q, 9));
    json_add(o, "decision", read_decision(q, 10));
    *ret = o;
    return 0;
}

#define LIST_FROM " FROM ddl WHERE project_id = ?1 AND (?2 OR status = 'PENDING')"

static int count_rows(struct db *h, const char *project_id, bool all, int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*)" LIST_FROM;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, all);
    return query_count(&q, ret, err);
}

int store_ddl_list(struct store *st, const char *project_id, bool all, const struct page *page,
                   struct json_object **ret_array, int64_t *ret_total, struct err *err)
{
    static const char sql[] =
        "SELECT id, status, kind, objects, sql, target_sql, message, ran_at, created_at,"
        " modified_at, action, action_sql, decided_by, decided_at" LIST_FROM
        " ORDER BY seq DESC LIMIT ?3 OFFSET ?4";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || count_rows(l.db, project_id, all, ret_total, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, all);
    query_i64(&q, 3, db_limit(page));
    query_i64(&q, 4, db_offset(page));
    return query_list(&q, read_row, ret_array, err);
}

static int read_decided(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_str(o, "id", query_peek_text(q, 0));
    json_add_str(o, "action", query_peek_text(q, 1));
    json_add_str(o, "statement", query_peek_text(q, 2));
    if (strcmp(query_peek_text(q, 1), "REPLACE") == 0)
        json_add_str(o, "sql", query_peek_text(q, 3));
    *ret = o;
    return 0;
}

int store_ddl_decisions(struct store *st, const char *project_id, struct json_object **ret_array,
                        struct err *err)
{
    static const char sql[] =
        "SELECT id, action, sql, action_sql FROM ddl WHERE project_id = ?1 AND action IS NOT NULL"
        " ORDER BY status = 'PENDING' DESC, decided_at DESC, seq DESC LIMIT ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, DDL_DECISIONS_MAX);
    return query_list(&q, read_decided, ret_array, err);
}

/* ---------------------------------------------------------------------- deciding */

/* The start of the statement for the event; refuses one that is not PENDING. */
static int check_pending(struct db *h, const char *project_id, const char *id, char *ret_start,
                         size_t start_max, struct err *err)
{
    static const char sql[] = "SELECT status, sql FROM ddl WHERE project_id = ?1 AND id = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        (void)err_set(err, ERR_PARAM, "project %s has no DDL statement %.200s", project_id, id);
        return err_advise(err, "ListPendingDdl lists the statements with their ddlId.");
    }
    if (strcmp(query_peek_text(&q, 0), status_texts[DS_PENDING]) != 0) {
        (void)err_set(err, ERR_STATE,
                      "DDL statement %.200s of project %s is %s, and only a PENDING one can be "
                      "decided",
                      id, project_id, query_peek_text(&q, 0));
        return err_advise(err, "ListPendingDdl lists the statements that wait for a decision.");
    }
    (void)snprintf(ret_start, start_max, "%s", query_peek_text(&q, 1));
    return 0;
}

static int write_decision(struct db *h, const char *project_id, const char *id, const char *action,
                          const char *with, const char *user, struct err *err)
{
    static const char sql[] =
        "UPDATE ddl SET action = ?3, action_sql = ?4, decided_by = ?5, decided_at = ?6,"
        " modified_at = ?6 WHERE project_id = ?1 AND id = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, id);
    query_text(&q, 3, action);
    query_text(&q, 4, with);
    query_text(&q, 5, user);
    query_i64(&q, 6, clock_now_s());
    return query_run(&q, err);
}

int store_ddl_decide(struct store *st, const char *project_id, const char *id, const char *sql,
                     const char *user, struct err *err)
{
    const char *action = sql != NULL ? "REPLACE" : "SKIP";
    char start[201], message[1024];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        check_pending(l.db, project_id, id, start, sizeof(start), err) < 0 ||
        write_decision(l.db, project_id, id, action, sql, user, err) < 0)
        return -1;
    if (sql != NULL)
        (void)snprintf(message, sizeof(message),
                       "%.128s: statement %.200s (%s) is replaced by: %.400s", user, id, start,
                       sql);
    else
        (void)snprintf(message, sizeof(message), "%.128s: statement %.200s (%s) is skipped", user,
                       id, start);
    if (history_add(l.db, project_id, "WARN", "ddl_decided", message, err) < 0)
        return -1;
    FAULT("store.ddl_decide.before");
    return txn_commit(&t, err);
}
