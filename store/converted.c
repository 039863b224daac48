#include "store/converted.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const keys[] = { "kind",       "db",     "name", "targetDb",
                                    "targetName", "source", "sql",  "notes" };

int store_converted_put(struct store *st, const char *project_id, struct json_object *told,
                        struct err *err)
{
    static const char sql[] =
        "INSERT INTO converted (project_id, kind, db, name, target_db, target_name, source, sql,"
        " notes, at) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"
        " WHERE (SELECT COUNT(*) FROM converted WHERE project_id = ?1) < ?11"
        " ON CONFLICT (project_id, db, name, kind) DO UPDATE SET target_db = excluded.target_db,"
        " target_name = excluded.target_name, source = excluded.source, sql = excluded.sql,"
        " notes = excluded.notes, at = excluded.at";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        query_text(&q, (int)i + 2, json_get_str(told, keys[i], ""));
    query_i64(&q, 10, clock_now_s());
    query_i64(&q, 11, CONVERTED_PER_PROJECT);
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_foreign(&q))
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return -1;
}

static int read_row(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        json_add_str(o, keys[i], query_peek_text(q, (int)i));
    *ret = o;
    return 0;
}

int store_converted_list(struct store *st, const char *project_id, struct json_object **ret,
                         struct err *err)
{
    static const char sql[] = "SELECT kind, db, name, target_db, target_name, source, sql, notes"
                              " FROM converted WHERE project_id = ?1 ORDER BY db, name, kind";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_list(&q, read_row, ret, err);
}

int store_converted_any(struct store *st, const char *project_id, bool *ret, struct err *err)
{
    static const char sql[] = "SELECT EXISTS (SELECT 1 FROM converted WHERE project_id = ?1)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    if (query_step(&q, err) < 0)
        return -1;
    *ret = query_get_i64(&q, 0) != 0;
    return 0;
}
