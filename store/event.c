#include "store/event.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

static int insert(struct db *h, const char *project_id, const char *level, const char *event,
                  const char *message, struct err *err)
{
    static const char sql[] = "INSERT INTO event (project_id, at, level, event, message)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s());
    query_text(&q, 3, level);
    query_text(&q, 4, event);
    query_text(&q, 5, message);
    return query_run(&q, err);
}

static int trim(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] =
        "DELETE FROM event WHERE project_id = ?1 AND seq <= (SELECT seq FROM event"
        " WHERE project_id = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, EVENTS_PER_PROJECT);
    return query_run(&q, err);
}

int history_add(struct db *h, const char *project_id, const char *level, const char *event,
                const char *message, struct err *err)
{
    if (insert(h, project_id, level, event, message, err) < 0)
        return -1;
    return trim(h, project_id, err);
}

int store_event_add(struct store *st, const char *project_id, const char *level, const char *event,
                    const char *message, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        history_add(l.db, project_id, level, event, message, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

int store_event_list(struct store *st, const char *project_id, int limit, struct json_object **ret,
                     struct err *err)
{
    static const char sql[] = "SELECT at, level, event, message FROM event WHERE project_id = ?1"
                              " ORDER BY seq DESC LIMIT ?2";
    _cleanup_(json_putp)
    struct json_object *list = json_object_new_array();
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, MIN(MAX(limit, 1), EVENTS_PER_PROJECT));
    while ((r = query_step(&q, err)) > 0) {
        struct json_object *o = json_object_new_object();

        json_add_i64(o, "time", query_get_i64(&q, 0));
        json_add_str(o, "level", query_peek_text(&q, 1));
        json_add_str(o, "event", query_peek_text(&q, 2));
        json_add_str(o, "message", query_peek_text(&q, 3));
        (void)json_object_array_add(list, o);
    }
    if (r < 0)
        return -1;
    *ret = take_ptr(list);
    return 0;
}
