#include "store/modify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

#define TEXT_(sym, text) [sym] = text,
static const char *const status_texts[] = { MODIFY_STATUS_TABLE(TEXT_) };
#undef TEXT_

#define COLUMNS                                                                                    \
    "id, project_id, COALESCE(sub_id, ''), type, status, mapping, part, error, user,"              \
    " COALESCE(held, -1), COALESCE(sub_held, -1), created_at, modified_at"
#define OPEN "('PENDING', 'MODIFYING', 'RUNNING', 'MERGING', 'FAILED')"

enum { LIST_MAX = 1000 };

const char *modify_status_text(enum modify_status s)
{
    return (unsigned)s < MS_MAX_ ? status_texts[s] : "";
}

void modify_free(struct modify *m)
{
    if (m == NULL)
        return;
    json_putp(&m->mapping);
    json_putp(&m->part);
    json_putp(&m->error);
    free(m->user);
    free(m);
}

void modify_list_free(struct modify **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        modify_free(list[i]);
    free(list);
}

static int read_row(struct query *q, struct modify **ret, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = calloc(1, sizeof(*m));
    const char *status = query_peek_text(q, 4);

    if (m == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->id = query_get_i64(q, 0);
    (void)snprintf(m->project_id, ID_MAX, "%s", query_peek_text(q, 1));
    (void)snprintf(m->sub_id, ID_MAX, "%s", query_peek_text(q, 2));
    m->increase = strcmp(query_peek_text(q, 3), "INCREASE_OBJECT") == 0;
    while (m->status < MS_MAX_ && strcmp(status_texts[m->status], status) != 0)
        m->status++;
    if (m->status == MS_MAX_)
        return err_set(err, ERR_STORE, "modify record %" PRId64 " has an unknown status", m->id);
    if (query_get_json(q, 5, &m->mapping, err) < 0 || query_get_json(q, 6, &m->part, err) < 0 ||
        query_get_json(q, 7, &m->error, err) < 0 || query_get_text(q, 8, &m->user, err) < 0)
        return -1;
    m->held = query_get_i64(q, 9);
    m->sub_held = query_get_i64(q, 10);
    m->created_at = query_get_i64(q, 11);
    m->modified_at = query_get_i64(q, 12);
    *ret = take_ptr(m);
    return 0;
}

/* The only row of a query with one parameter: 1, 0, -1. */
static int one_row(struct db *h, const char *sql, const char *text, int64_t number,
                   struct modify **ret, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    if (text != NULL)
        query_text(&q, 1, text);
    else
        query_i64(&q, 1, number);
    r = query_step(&q, err);
    return r <= 0 ? r : read_row(&q, ret, err) < 0 ? -1 : 1;
}

static int find(struct db *h, int64_t id, struct modify **ret, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM modify_record WHERE id = ?1";

    return one_row(h, sql, NULL, id, ret, err);
}

/* Of the project, or of the sub-project: the one that is worked on, else the first that waits. */
static int find_open(struct db *h, const char *project_id, struct modify **ret, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM modify_record"
                              " WHERE (project_id = ?1 OR sub_id = ?1) AND status IN " OPEN
                              " ORDER BY status = 'PENDING', id LIMIT 1";

    return one_row(h, sql, project_id, 0, ret, err);
}

int store_modify_get(struct store *st, int64_t id, struct modify **ret, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0)
        return -1;
    r = find(l.db, id, ret, err);
    return r == 0 ? err_set(err, ERR_PARAM, "id: there is no modify record %" PRId64, id)
                  : MIN(r, 0);
}

int store_modify_open(struct store *st, const char *project_id, struct modify **ret,
                      struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    return store_borrow(st, &l, err) < 0 ? -1 : find_open(l.db, project_id, ret, err);
}

int store_modify_list(struct store *st, const char *project_id, struct modify ***ret,
                      size_t *ret_count, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM modify_record WHERE project_id = ?1"
                              " ORDER BY id DESC LIMIT ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    struct modify **list = calloc(LIST_MAX, sizeof(struct modify *));
    size_t n = 0;
    int r;

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r = store_borrow(st, &l, err) < 0 ? -1 : query_open(&q, l.db, sql, err);
    if (r == 0) {
        query_text(&q, 1, project_id);
        query_i64(&q, 2, LIST_MAX);
        while ((r = query_step(&q, err)) > 0 && (r = read_row(&q, &list[n], err)) == 0)
            n++;
    }
    if (r < 0) {
        modify_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

/* ---- adding ---- */

static int insert(struct db *h, struct modify *m, struct err *err)
{
    static const char sql[] = "INSERT INTO modify_record (project_id, type, status, mapping, part,"
                              " user, created_at, modified_at)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) RETURNING id";
    _cleanup_(query_done)
    struct query q = { 0 };

    m->created_at = m->modified_at = clock_now_s();
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, m->project_id);
    query_text(&q, 2, m->increase ? "INCREASE_OBJECT" : "DECREASE_OBJECT");
    query_text(&q, 3, modify_status_text(m->status));
    query_json(&q, 4, m->mapping);
    query_json(&q, 5, m->part);
    query_text(&q, 6, m->user);
    query_i64(&q, 7, m->created_at);
    if (query_step(&q, err) <= 0)
        return -1;
    m->id = query_get_i64(&q, 0);
    return 0;
}

static int replace_mapping(struct db *h, const char *project_id, struct json_object *mapping,
                           struct err *err)
{
    static const char sql[] =
        "UPDATE project SET config = json_set(config, '$.transferMapping', json(?2)),"
        " modified_at = ?3 WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_json(&q, 2, mapping);
    query_i64(&q, 3, clock_now_s());
    return query_run(&q, err);
}

static int status_of(struct db *h, const char *project_id, enum project_status *ret,
                     struct err *err)
{
    static const char sql[] = "SELECT status FROM project WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    r = query_step(&q, err);
    return r <= 0 ? r : project_status_parse(query_peek_text(&q, 0), ret);
}

static int tell_record(struct db *h, const struct modify *m, struct err *err)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "record %" PRId64 ": %s is %s%s%s", m->id,
                   m->increase ? "INCREASE_OBJECT" : "DECREASE_OBJECT",
                   modify_status_text(m->status), m->sub_id[0] != '\0' ? ", sub-project " : "",
                   m->sub_id);
    return history_add(h, m->project_id, m->status == MS_FAILED ? "ERROR" : "INFO",
                       "objects_change", text, err);
}

static int check_open(struct db *h, const char *project_id, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *open = NULL;
    int r = find_open(h, project_id, &open, err);

    if (r <= 0)
        return r;
    (void)err_set(err, ERR_STATE, "project %s has modify record %" PRId64 ", which is %s",
                  project_id, open->id, modify_status_text(open->status));
    return err_advise(err, "Wait until it is SUCCESS, or end it: CancelProjectModifyRecord while "
                           "it is PENDING, StopProjectModifyRecords while RUNNING or FAILED.");
}

int store_modify_add(struct store *st, struct modify *const *list, size_t count, unsigned statuses,
                     struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    enum project_status now = PS_MAX_;
    const char *project_id = list[0]->project_id;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = status_of(l.db, project_id, &now, err);
    if (r < 0 || check_open(l.db, project_id, err) < 0)
        return -1;
    if (r == 0 || (statuses & 1U << now) == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        list[i]->status = now == PS_INIT ? MS_SUCCESS : MS_PENDING;
        if (insert(l.db, list[i], err) < 0 || tell_record(l.db, list[i], err) < 0)
            return -1;
    }
    if (now == PS_INIT && replace_mapping(l.db, project_id, list[count - 1]->mapping, err) < 0)
        return -1;
    FAULT("store.modify_add.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

/* ---- moving ---- */

static int set_status(struct db *h, struct modify *m, enum modify_status to, const struct err *why,
                      struct err *err)
{
    static const char sql[] = "UPDATE modify_record SET status = ?2, error = ?3, modified_at = ?4,"
                              " sub_id = COALESCE(?5, sub_id), held = CASE WHEN ?2 = 'SUCCESS' "
                              "THEN COALESCE(held, 0) END,"
                              " sub_held = NULL WHERE id = ?1";
    _cleanup_(json_putp)
    struct json_object *error = why != NULL ? json_from_err(why) : NULL;
    _cleanup_(query_done)
    struct query q = { 0 };

    m->status = to;
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, m->id);
    query_text(&q, 2, modify_status_text(to));
    query_json(&q, 3, error);
    query_i64(&q, 4, clock_now_s());
    query_text(&q, 5, m->sub_id[0] != '\0' ? m->sub_id : NULL);
    return query_run(&q, err);
}

/* What the project shows. A record that failed goes on showing what it failed at. */
static int show(struct db *h, const struct modify *m, struct err *err)
{
    static const char sql[] = "UPDATE project SET modifying = ?2 WHERE id = ?1";
    const char *word = m->status == MS_MERGING                                ? "MERGING"
                       : m->status == MS_MODIFYING || m->status == MS_RUNNING ? "MODIFYING"
                                                                              : NULL;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (m->status == MS_FAILED)
        return 0;
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, m->project_id);
    query_text(&q, 2, word);
    return query_run(&q, err);
}

/* A sub-project that is not needed any more. */
static int release_sub(struct db *h, const char *sub_id, const char *why, struct err *err)
{
    static const char sql[] = "UPDATE project SET status = 'RELEASING', modified_at = ?2"
                              " WHERE id = ?1 AND status NOT IN ('RELEASING', 'RELEASED',"
                              " 'DELETED')";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (sub_id[0] == '\0')
        return 0;
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, sub_id);
    query_i64(&q, 2, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(h) == 0 ? 0 : history_add(h, sub_id, "INFO", "project_status", why, err);
}

static int move(struct db *h, struct modify *m, enum modify_status to, const struct err *why,
                struct err *err)
{
    if (set_status(h, m, to, why, err) < 0 || show(h, m, err) < 0 || tell_record(h, m, err) < 0)
        return -1;
    if (to == MS_TERMINATED)
        return release_sub(h, m->sub_id, "RELEASING: its modify record was stopped", err);
    return to == MS_SUCCESS ? release_sub(h, m->sub_id, "RELEASING: its tables are merged", err)
                            : 0;
}

int store_modify_move(struct store *st, int64_t id, unsigned from, enum modify_status to,
                      const struct err *why, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = find(l.db, id, &m, err);
    if (r <= 0 || (from & 1U << m->status) == 0)
        return MIN(r, 0);
    if (move(l.db, m, to, why, err) < 0)
        return -1;
    FAULT("store.modify_move.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

/* 1; 0: the project is not RUNNING any more. */
static int insert_sub(struct db *h, const struct modify *m, struct project *p,
                      const struct step *steps, size_t count, struct err *err)
{
    static const char row[] =
        "INSERT INTO project (id, name, type, owner, status, source_id, sink_id, config,"
        " created_at, modified_at, started_at, parent_id)"
        " SELECT ?2, ?3, type, owner, 'RUNNING', source_id, sink_id, ?4, ?5, ?5, ?5, id"
        " FROM project WHERE id = ?1 AND status = 'RUNNING'";
    static const char step[] = "INSERT INTO step (project_id, name, place, status)"
                               " VALUES (?1, ?2, ?3, 'INIT')";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, row, err) < 0)
        return -1;
    query_text(&q, 1, m->project_id);
    query_text(&q, 2, p->id);
    query_text(&q, 3, p->name);
    query_json(&q, 4, p->config);
    query_i64(&q, 5, clock_now_s());
    if (query_run(&q, err) < 0)
        return query_is_unique(&q)
                   ? err_set(err, ERR_NAME_TAKEN, "a project named %s exists already", p->name)
                   : -1;
    if (db_changes(h) == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        _cleanup_(query_done)
        struct query s = { 0 };

        if (query_open(&s, h, step, err) < 0)
            return -1;
        query_text(&s, 1, p->id);
        query_text(&s, 2, steps[i].name);
        query_i64(&s, 3, steps[i].order);
        if (query_run(&s, err) < 0)
            return -1;
    }
    return history_add(h, p->id, "INFO", "project_created", "made for objects that join a project",
                       err) < 0
               ? -1
               : 1;
}

int store_modify_begin(struct store *st, int64_t id, struct project *sub, const struct step *steps,
                       size_t count, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int r;

    (void)id_new("np_", sub->id);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = find(l.db, id, &m, err);
    if (r <= 0 || m->status != MS_PENDING)
        return MIN(r, 0);
    (void)snprintf(m->sub_id, ID_MAX, "%s", sub->id);
    r = insert_sub(l.db, m, sub, steps, count, err);
    if (r <= 0)
        return r;
    if (move(l.db, m, MS_RUNNING, NULL, err) < 0)
        return -1;
    FAULT("store.modify_begin.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

/* ---- the hand-over ---- */

static int write_held(struct db *h, const char *sql, int64_t id, int64_t seq, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, id);
    query_i64(&q, 2, seq);
    return query_run(&q, err);
}

int store_modify_held(struct store *st, const char *project_id, int64_t seq, struct err *err)
{
    static const char own[] = "UPDATE modify_record SET held = ?2 WHERE id = ?1";
    static const char its[] = "UPDATE modify_record SET sub_held = ?2 WHERE id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    bool sub;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = find_open(l.db, project_id, &m, err);
    if (r <= 0 || (m->status != MS_MERGING && m->status != MS_MODIFYING))
        return MIN(r, 0);
    sub = strcmp(m->sub_id, project_id) == 0;
    if ((sub ? m->sub_held : m->held) == seq)
        return 0;
    if (write_held(l.db, sub ? its : own, m->id, seq, err) < 0)
        return -1;
    FAULT("store.modify_held.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_modify_forget_held(struct store *st, int64_t id, struct err *err)
{
    static const char sql[] = "UPDATE modify_record SET held = NULL, sub_held = NULL"
                              " WHERE id = ?1 AND ?2 = 0";
    _cleanup_(store_return)
    struct lease l = { 0 };

    return store_borrow(st, &l, err) < 0 ? -1 : write_held(l.db, sql, id, 0, err);
}

/* What had failed of it goes on, if its project runs. */
static int wake_sub(struct db *h, const struct modify *m, struct err *err)
{
    static const char sql[] =
        "UPDATE project SET status = CASE WHEN (SELECT p.status FROM project p WHERE p.id = ?2)"
        " = 'RUNNING' THEN 'RUNNING' ELSE 'SUSPEND' END, modified_at = ?3"
        " WHERE id = ?1 AND status = 'FAILED'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, m->sub_id);
    query_text(&q, 2, m->project_id);
    query_i64(&q, 3, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(h) == 0 ? 0
                              : history_add(h, m->sub_id, "INFO", "project_status",
                                            "FAILED -> RUNNING: its modify record is retried", err);
}

int store_modify_retry(struct store *st, int64_t id, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    enum modify_status to;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = find(l.db, id, &m, err);
    if (r <= 0 || m->status != MS_FAILED)
        return MIN(r, 0);
    to = !m->increase ? MS_MODIFYING : m->sub_id[0] != '\0' ? MS_RUNNING : MS_PENDING;
    if (move(l.db, m, to, NULL, err) < 0 || (to == MS_RUNNING && wake_sub(l.db, m, err) < 0))
        return -1;
    FAULT("store.modify_retry.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_modify_done(struct store *st, const struct modify *m, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(modify_freep)
    struct modify *now = NULL;
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = find(l.db, m->id, &now, err);
    if (r <= 0 || (now->status != MS_MERGING && now->status != MS_MODIFYING))
        return MIN(r, 0);
    if (replace_mapping(l.db, now->project_id, now->mapping, err) < 0 ||
        move(l.db, now, MS_SUCCESS, NULL, err) < 0)
        return -1;
    FAULT("store.modify_done.before");
    if (txn_commit(&t, err) < 0)
        return -1;
    FAULT("store.modify_done.after");
    return 1;
}

int store_modify_in_force(struct store *st, const char *project_id, int64_t *ret, struct err *err)
{
    /* those of a project in INIT were never told to the target: nothing was held */
    static const char sql[] = "SELECT COALESCE(MAX(id), 0) FROM modify_record"
                              " WHERE project_id = ?1 AND status = 'SUCCESS' AND held IS NOT NULL";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_count(&q, ret, err);
}

int store_modify_taken(struct store *st, const char *project_id, const char *sink_id,
                       struct json_object *tables, struct json_object *dbs, char ret[static ID_MAX],
                       struct err *err)
{
    static const char sql[] =
        "WITH d AS (SELECT p.id AS id, d.value ->> '$.mappedName' AS db,"
        "  d.value -> '$.tables' AS tables, d.value -> '$.views' AS views"
        "  FROM project p, json_each(p.config, '$.transferMapping.databases') d"
        "  WHERE p.sink_id = ?2 AND p.id <> ?1 AND p.parent_id IS NOT ?1"
        "  AND p.status NOT IN ('RELEASED', 'DELETED')"
        "  AND p.config ->> '$.transferMapping.mode' = 'SPECIFIC')"
        " SELECT id FROM d WHERE db IN (SELECT value FROM json_each(?4))"
        "  AND COALESCE(json_array_length(tables), 0) = 0"
        "  AND COALESCE(json_array_length(views), 0) = 0"
        " UNION ALL SELECT d.id FROM d, json_each(d.tables) t"
        "  WHERE d.db || char(1) || (t.value ->> '$.mappedName')"
        "  IN (SELECT value FROM json_each(?3)) LIMIT 1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, sink_id);
    query_json(&q, 3, tables);
    query_json(&q, 4, dbs);
    r = query_step(&q, err);
    if (r > 0)
        (void)snprintf(ret, ID_MAX, "%s", query_peek_text(&q, 0));
    return r;
}

/* ---- the project's end ---- */

int store_modify_abandon(struct store *st, const char *project_id, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0)
        return -1;
    for (;;) {
        _cleanup_(txn_done)
        struct txn t = { 0 };
        _cleanup_(modify_freep)
        struct modify *m = NULL;

        if (txn_begin(&t, l.db, err) < 0)
            return -1;
        r = find_open(l.db, project_id, &m, err);
        if (r <= 0)
            return r;
        if (move(l.db, m, m->increase && m->status != MS_PENDING ? MS_TERMINATED : MS_CANCEL, NULL,
                 err) < 0 ||
            txn_commit(&t, err) < 0)
            return -1;
    }
}

int store_modify_children(struct store *st, const char *project_id, char (**ret)[ID_MAX],
                          size_t *ret_count, struct err *err)
{
    static const char sql[] = "SELECT id FROM project WHERE parent_id = ?1"
                              " AND status NOT IN ('RELEASED', 'DELETED') ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_get_ids(&q, ret, ret_count, err);
}
