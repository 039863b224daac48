#include "store/ticket.h"

#include "base/clock.h"

#include "base/banned.h"

static int forget_old(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "DELETE FROM ticket WHERE project_id = ?1 AND seq <="
                              " (SELECT seq FROM ticket WHERE project_id = ?1"
                              "  ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, TICKETS_PER_PROJECT);
    return query_run(&q, err);
}

int ticket_add(struct db *h, const char *project_id, const char *action, const char *user,
               int64_t *ret, struct err *err)
{
    static const char sql[] = "INSERT INTO ticket (project_id, action, user, at)"
                              " VALUES (?1, ?2, ?3, ?4) RETURNING seq";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, action);
    query_text(&q, 3, user);
    query_i64(&q, 4, clock_now_s());
    if (query_step(&q, err) < 0)
        return !query_is_foreign(&q) ? -1
                                     : err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)",
                                               project_id, err_wire(ERR_PROJECT_NOT_FOUND));
    *ret = query_get_i64(&q, 0);
    if (query_run(&q, err) < 0) /* to its end: only then the row is there */
        return -1;
    return forget_old(h, project_id, err);
}
