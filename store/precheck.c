#include "store/precheck.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

#define COLUMNS "id, project_id, status, progress, body, error, created_at, modified_at"

enum {
    PENDING_MAX = 1000,   /* submitted and not yet run */
    FINISHED_KEPT = 1000, /* rows of submitted ones; a body may be large */
};

void precheck_free(struct precheck *p)
{
    if (p == NULL)
        return;
    free(p->status);
    json_putp(&p->body);
    json_putp(&p->error);
    free(p);
}

/* What clients may multiply is bounded: unfinished ones are refused, finished ones are dropped. */
static int check_limit(struct db *h, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM precheck WHERE body IS NOT NULL"
                              " AND status IN ('INIT', 'PENDING', 'RUNNING')";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0 || query_step(&q, err) < 0)
        return -1;
    if (query_get_i64(&q, 0) >= PENDING_MAX)
        return err_set(err, ERR_LIMIT, "%d prechecks are waiting already", (int)PENDING_MAX);
    return 0;
}

static int forget_finished(struct db *h, struct err *err)
{
    static const char sql[] =
        "DELETE FROM precheck WHERE body IS NOT NULL AND status IN ('FINISHED', 'FAILED')"
        " AND seq <= (SELECT seq FROM precheck WHERE body IS NOT NULL"
        "             ORDER BY seq DESC LIMIT 1 OFFSET ?1)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, FINISHED_KEPT);
    return query_run(&q, err);
}

static int insert(struct db *h, const struct precheck *p, struct err *err)
{
    static const char sql[] = "INSERT INTO precheck (" COLUMNS ")"
                              " VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?6)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, p->id);
    query_text(&q, 2, p->project_id[0] != '\0' ? p->project_id : NULL);
    query_text(&q, 3, p->status != NULL ? p->status : "INIT");
    query_double(&q, 4, p->progress);
    query_json(&q, 5, p->body);
    query_i64(&q, 6, p->created_at);
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_foreign(&q))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", p->project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return -1;
}

int store_precheck_add(struct store *st, struct precheck *p, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (p->id[0] == '\0')
        (void)id_new("pc_", p->id);
    p->created_at = p->modified_at = clock_now_s();
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        (p->body != NULL && check_limit(l.db, err) < 0) || forget_finished(l.db, err) < 0 ||
        insert(l.db, p, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

static int read_row(struct query *q, struct precheck **ret, struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(p->id, sizeof(p->id), "%s", query_peek_text(q, 0));
    (void)snprintf(p->project_id, sizeof(p->project_id), "%s", query_peek_text(q, 1));
    p->progress = query_get_double(q, 3);
    p->created_at = query_get_i64(q, 6);
    p->modified_at = query_get_i64(q, 7);
    if (query_get_text(q, 2, &p->status, err) < 0 || query_get_json(q, 4, &p->body, err) < 0 ||
        query_get_json(q, 5, &p->error, err) < 0)
        return -1;
    *ret = take_ptr(p);
    return 0;
}

/* The one row of a query by id, or `none` as the error. */
static int get_one(struct store *st, const char *sql, const char *id, const char *none,
                   struct precheck **ret, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_PRECHECK_NOT_FOUND, "%s %s", none, id);
    return read_row(&q, ret, err);
}

int store_precheck_get(struct store *st, const char *id, struct precheck **ret, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM precheck WHERE id = ?1";

    return get_one(st, sql, id, "no precheck", ret, err);
}

int store_precheck_latest(struct store *st, const char *project_id, struct precheck **ret,
                          struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM precheck WHERE project_id = ?1"
                              " ORDER BY seq DESC LIMIT 1";

    return get_one(st, sql, project_id, "no precheck of project", ret, err);
}

int store_precheck_set(struct store *st, const char *id, const char *status, double progress,
                       const struct err *why, struct err *err)
{
    static const char sql[] = "UPDATE precheck SET status = ?2, progress = ?3, error = ?4,"
                              " modified_at = ?5 WHERE id = ?1";
    _cleanup_(json_putp)
    struct json_object *o = why != NULL ? json_from_err(why) : NULL;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, status);
    query_double(&q, 3, progress);
    query_json(&q, 4, o);
    query_i64(&q, 5, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(l.db) == 0)
        return err_set(err, ERR_PRECHECK_NOT_FOUND, "no precheck %s", id);
    return 0;
}

int store_precheck_clear(struct store *st, const char *id, struct err *err)
{
    static const char sql[] = "DELETE FROM precheck_item WHERE precheck_id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    return query_run(&q, err);
}

int store_precheck_item(struct store *st, const char *id, struct json_object *item, struct err *err)
{
    static const char sql[] =
        "INSERT INTO precheck_item (precheck_id, check_type, endpoint_type, item)"
        " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (precheck_id, check_type, endpoint_type)"
        " DO UPDATE SET item = excluded.item";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, json_get_str(item, "checkType", ""));
    query_text(&q, 3, json_get_str(item, "endpointType", ""));
    query_json(&q, 4, item);
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_foreign(&q))
        return err_set(err, ERR_PRECHECK_NOT_FOUND, "no precheck %s", id);
    return -1;
}

static int read_item(struct query *q, struct json_object **ret, struct err *err)
{
    return query_get_json(q, 0, ret, err);
}

int store_precheck_items(struct store *st, const char *id, struct json_object **ret_array,
                         struct err *err)
{
    static const char sql[] = "SELECT item FROM precheck_item WHERE precheck_id = ?1 ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    return query_list(&q, read_item, ret_array, err);
}

int store_precheck_pending(struct store *st, char (**ret)[ID_MAX], size_t *ret_count,
                           struct err *err)
{
    static const char sql[] = "SELECT id FROM precheck WHERE body IS NOT NULL"
                              " AND status IN ('INIT', 'PENDING', 'RUNNING') ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    return query_get_ids(&q, ret, ret_count, err);
}

int store_precheck_prune(struct store *st, int64_t older_than, struct err *err)
{
    static const char sql[] = "DELETE FROM precheck WHERE project_id IS NULL AND created_at < ?1"
                              " AND status IN ('FINISHED', 'FAILED')";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, older_than);
    return query_run(&q, err);
}

static int insert_skip(struct db *h, const char *project_id, const char *check_type,
                       const char *endpoint_type, const char *user, struct err *err)
{
    static const char sql[] =
        "INSERT INTO precheck_skip (project_id, check_type, endpoint_type, user, at)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (project_id, check_type, endpoint_type)"
        " DO NOTHING";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, check_type);
    query_text(&q, 3, endpoint_type);
    query_text(&q, 4, user);
    query_i64(&q, 5, clock_now_s());
    if (query_run(&q, err) == 0)
        return (int)db_changes(h);
    if (query_is_foreign(&q))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return -1;
}

int store_skip_add(struct store *st, const char *project_id, const char *check_type,
                   const char *endpoint_type, const char *user, struct err *err)
{
    char told[512];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int added;

    (void)snprintf(told, sizeof(told), "%.128s: %.64s at %.16s is skipped", user, check_type,
                   endpoint_type);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    added = insert_skip(l.db, project_id, check_type, endpoint_type, user, err);
    if (added < 0 || (added > 0 && history_add(l.db, project_id, "WARN", "precheck_item_skipped",
                                               told, err) < 0))
        return -1;
    return txn_commit(&t, err);
}

static int read_skip(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_str(o, "checkType", query_peek_text(q, 0));
    json_add_str(o, "endpointType", query_peek_text(q, 1));
    json_add_str(o, "user", query_peek_text(q, 2));
    json_add_i64(o, "time", query_get_i64(q, 3));
    *ret = o;
    return 0;
}

int store_skip_list(struct store *st, const char *project_id, struct json_object **ret_array,
                    struct err *err)
{
    static const char sql[] = "SELECT check_type, endpoint_type, user, at FROM precheck_skip"
                              " WHERE project_id = ?1 ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_list(&q, read_skip, ret_array, err);
}
