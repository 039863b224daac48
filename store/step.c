#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/project.h"

#include "base/banned.h"

#define TEXT_(sym, text) [sym] = text,
static const char *const status_texts[] = { STEP_STATUS_TABLE(TEXT_) };
#undef TEXT_

const char *step_status_text(enum step_status s)
{
    return (unsigned)s < SS_MAX_ ? status_texts[s] : "";
}

static void step_done(struct step *s)
{
    free(s->name);
    json_putp(&s->info);
    json_putp(&s->error);
    json_putp(&s->conflicts);
}

void step_list_free(struct step *steps, size_t count)
{
    for (size_t i = 0; steps != NULL && i < count; i++)
        step_done(&steps[i]);
    free(steps);
}

void step_rows_done(struct step_rows *s)
{
    step_list_free(s->rows, s->count);
    *s = (struct step_rows){ 0 };
}

static int insert(struct db *h, const char *project_id, const struct step *s, struct err *err)
{
    static const char sql[] = "INSERT INTO step (project_id, name, place, status)"
                              " VALUES (?1, ?2, ?3, 'INIT') ON CONFLICT DO NOTHING";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, s->name);
    query_i64(&q, 3, s->order);
    return query_run(&q, err);
}

/* Whether the project has its rows already: a plan is never mixed with another one. */
static int has_plan(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM step WHERE project_id = ?1 LIMIT 1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_step(&q, err);
}

int store_step_plan(struct store *st, const char *project_id, const struct step *steps,
                    size_t count, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int there;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    there = has_plan(l.db, project_id, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    for (size_t i = 0; i < count; i++)
        if (insert(l.db, project_id, &steps[i], err) < 0)
            return err_wrap(err, "plan project %s", project_id);
    return txn_commit(&t, err);
}

static int read_row(struct query *q, const char *project_id, struct step *s, struct err *err)
{
    (void)snprintf(s->project_id, sizeof(s->project_id), "%s", project_id);
    s->order = (int)query_get_i64(q, 0);
    s->status = SS_MAX_;
    for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++)
        if (strcmp(status_texts[i], query_peek_text(q, 2)) == 0)
            s->status = (enum step_status)i;
    if (s->status == SS_MAX_)
        return err_set(err, ERR_STORE, "a step of %s has an unknown status %s", project_id,
                       query_peek_text(q, 2));
    s->progress = query_get_double(q, 3);
    s->checkpoint = query_get_i64(q, 6);
    s->started_at = query_get_i64(q, 7);
    s->finished_at = query_get_i64(q, 8);
    if (query_get_text(q, 1, &s->name, err) < 0 || query_get_json(q, 4, &s->info, err) < 0 ||
        query_get_json(q, 5, &s->error, err) < 0 || query_get_json(q, 9, &s->conflicts, err) < 0)
        return -1;
    return 0;
}

/* Conflicts are looked up where there can be some. */
#define COLUMNS                                                                                    \
    "place, name, status, progress, info, error, checkpoint, started_at, finished_at,"             \
    " CASE WHEN name IN ('INCR_TRANSFER', 'REVERSE_INCR_TRANSFER') THEN (SELECT"                   \
    "  json_object('total', COALESCE(SUM(total), 0), 'kept', COALESCE(SUM(kept), 0),"              \
    "  'byKind', json(json_group_object(kind, total))) FROM conflict_count c"                      \
    "  WHERE c.project_id = step.project_id AND c.step = step.name) END"

enum { STEPS_MAX = 32 }; /* of a project; more than there are names */

static int add_row(struct query *q, const char *project_id, struct step_rows *to, struct err *err)
{
    if (to->rows == NULL)
        to->rows = calloc(STEPS_MAX, sizeof(*to->rows));
    if (to->rows == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return to->count == STEPS_MAX ? 0 : read_row(q, project_id, &to->rows[to->count++], err);
}

int store_step_list(struct store *st, const char *project_id, struct step **ret, size_t *ret_count,
                    struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM step WHERE project_id = ?1 AND EXISTS"
                              " (SELECT 1 FROM project WHERE id = ?1 AND status <> 'DELETED')"
                              " ORDER BY place";
    _cleanup_(step_rows_done)
    struct step_rows list = { 0 };
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    while ((r = query_step(&q, err)) > 0)
        if (add_row(&q, project_id, &list, err) < 0)
            return -1;
    if (r < 0)
        return -1;
    *ret = take_ptr(list.rows);
    *ret_count = list.count;
    list.count = 0;
    return 0;
}

static struct json_object *id_list(struct project *const *projects, size_t count)
{
    struct json_object *ids = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        (void)json_object_array_add(ids, json_object_new_string(projects[i]->id));
    return ids;
}

int store_step_page(struct store *st, struct project *const *projects, size_t count,
                    struct step_rows *ret, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS ", project_id FROM step WHERE project_id IN"
                              " (SELECT value FROM json_each(?1)) ORDER BY place";
    _cleanup_(json_putp)
    struct json_object *ids = id_list(projects, count);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_json(&q, 1, ids);
    while ((r = query_step(&q, err)) > 0)
        for (size_t i = 0; i < count; i++)
            if (strcmp(projects[i]->id, query_peek_text(&q, 10)) == 0 &&
                add_row(&q, projects[i]->id, &ret[i], err) < 0)
                return -1;
    return r;
}

static struct json_object *status_list(unsigned set)
{
    struct json_object *o = json_object_new_array();

    for (size_t i = 0; o != NULL && i < ARRAY_SIZE(status_texts); i++)
        if ((set & 1U << i) != 0)
            (void)json_object_array_add(o, json_object_new_string(status_texts[i]));
    return o;
}

int store_step_move(struct store *st, const char *project_id, const char *name, unsigned from_set,
                    enum step_status to, struct err *err)
{
    static const char sql[] =
        "UPDATE step SET status = ?4,"
        " started_at = CASE WHEN ?4 = 'RUNNING' THEN COALESCE(started_at, ?5) ELSE started_at END,"
        " finished_at = CASE WHEN ?4 = 'FINISHED' THEN ?5 ELSE NULL END,"
        " progress = CASE WHEN ?4 IN ('FINISHED', 'MONITORING') THEN 100 ELSE progress END,"
        " error = CASE WHEN ?4 IN ('RUNNING', 'FINISHED') THEN NULL ELSE error END"
        " WHERE project_id = ?1 AND name = ?2"
        " AND status IN (SELECT value FROM json_each(?3))";
    _cleanup_(json_putp)
    struct json_object *from = status_list(from_set);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, name);
    query_json(&q, 3, from);
    query_text(&q, 4, step_status_text(to));
    query_i64(&q, 5, clock_now_s());
    FAULT("store.step_move.before");
    if (query_run(&q, err) < 0)
        return -1;
    FAULT("store.step_move.after");
    return (int)db_changes(l.db);
}

int store_step_progress(struct store *st, const char *project_id, const char *name, double progress,
                        struct json_object *info, struct err *err)
{
    static const char sql[] =
        "UPDATE step SET progress = ?3, info = COALESCE(?4, info),"
        " error = CASE WHEN json_extract(error, '$.retrying') THEN NULL ELSE error END"
        " WHERE project_id = ?1 AND name = ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow_relaxed(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, name);
    query_double(&q, 3, progress);
    query_json(&q, 4, info);
    return query_run(&q, err);
}

int store_step_checkpoint(struct store *st, const char *project_id, const char *name, int64_t ts,
                          struct err *err)
{
    static const char sql[] = "UPDATE step SET checkpoint = ?3 WHERE project_id = ?1 AND name = ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow_relaxed(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, name);
    query_i64(&q, 3, ts);
    return query_run(&q, err);
}

int store_step_error(struct store *st, const char *project_id, const char *name,
                     const struct err *what, bool retrying, struct err *err)
{
    static const char sql[] = "UPDATE step SET error = ?3 WHERE project_id = ?1 AND name = ?2";
    _cleanup_(json_putp)
    struct json_object *o = json_from_err(what);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    char time[CLOCK_TEXT_LEN];

    json_add_str(o, "failedTime", clock_text(clock_now_s(), time));
    json_add_bool(o, "retrying", retrying);
    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, name);
    query_json(&q, 3, o);
    return query_run(&q, err);
}
