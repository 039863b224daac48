#include "store/switchover.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

int store_switch_get(struct store *st, const char *project_id, struct json_object **ret,
                     struct err *err)
{
    static const char sql[] =
        "SELECT info FROM step WHERE project_id = ?1 AND name = '" STEP_SWITCH "'";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    *ret = NULL;
    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    if (query_get_json(&q, 0, ret, err) < 0)
        return -1;
    if (*ret == NULL)
        *ret = json_object_new_object();
    return *ret == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 1;
}

static int put_doc(struct db *h, const char *project_id, const struct switch_change *change,
                   int64_t rev, struct err *err)
{
    static const char sql[] =
        "UPDATE step SET info = ?2, progress = ?3,"
        " error = CASE WHEN json_extract(error, '$.retrying') THEN NULL ELSE error END"
        " WHERE project_id = ?1 AND name = '" STEP_SWITCH "'"
        " AND COALESCE(json_extract(info, '$.rev'), 0) = ?4"
        " AND EXISTS (SELECT 1 FROM project WHERE id = ?1 AND status = 'RUNNING')";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, change->doc);
    query_double(&q, 3, change->progress);
    query_i64(&q, 4, rev);
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(h) > 0;
}

static int move_step(struct db *h, const char *project_id, const char *name, enum step_status to,
                     struct err *err)
{
    static const char sql[] = "UPDATE step SET status = ?3, error = NULL,"
                              " started_at = CASE WHEN ?3 = 'RUNNING' THEN COALESCE(started_at, ?4)"
                              "  WHEN ?3 = 'INIT' THEN NULL ELSE started_at END,"
                              " finished_at = CASE WHEN ?3 = 'FINISHED' THEN ?4 ELSE NULL END,"
                              " progress = CASE WHEN ?3 = 'FINISHED' THEN 100 ELSE progress END"
                              " WHERE project_id = ?1 AND name = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, name);
    query_text(&q, 3, step_status_text(to));
    query_i64(&q, 4, clock_now_s());
    return query_run(&q, err);
}

int store_switch_put(struct store *st, const char *project_id, struct switch_change *change,
                     struct err *err)
{
    int64_t rev = json_get_i64(change->doc, "rev", 0);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    json_add_i64(change->doc, "rev", rev + 1);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = put_doc(l.db, project_id, change, rev, err);
    if (r <= 0)
        return r;
    for (size_t i = 0; i < change->move_count; i++)
        if (move_step(l.db, project_id, change->moves[i].step, change->moves[i].to, err) < 0)
            return -1;
    if (change->event != NULL &&
        history_add(l.db, project_id, change->level, change->event, change->told, err) < 0)
        return -1;
    FAULT("store.switch_put.before");
    if (txn_commit(&t, err) < 0)
        return -1;
    FAULT("store.switch_put.after");
    return 1;
}
