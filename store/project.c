#include "store/project.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"
#include "store/label_in.h"
#include "store/pair_in.h"
#include "store/project_in.h"
#include "store/ticket.h"

#include "base/banned.h"

enum {
    PROJECTS_MAX = 10000,
    DELETED_KEPT = 10000, /* records of deleted projects; older ones go, with all that is theirs */
};

#define TEXT_(sym, text) [sym] = text,
static const char *const status_texts[] = { PROJECT_STATUS_TABLE(TEXT_) };
#undef TEXT_
/* PROJECT_MODIFYING, PROJECT_MERGING: of lists only */
static const char *const shown_texts[] = { "RUNNING_MODIFYING", "RUNNING_MERGING" };

#define COLUMNS PROJECT_COLUMNS("p.config")

const char *project_status_text(enum project_status s)
{
    return (unsigned)s < PS_MAX_ ? status_texts[s] : "";
}

bool project_status_parse(const char *text, enum project_status *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(status_texts); i++)
        if (strcmp(status_texts[i], text) == 0) {
            *ret = (enum project_status)i;
            return true;
        }
    return false;
}

struct json_object *project_status_list(unsigned statuses)
{
    struct json_object *o = json_object_new_array();

    for (size_t i = 0; o != NULL && i < ARRAY_SIZE(status_texts); i++)
        if ((statuses & 1U << i) != 0)
            (void)json_object_array_add(o, json_object_new_string(status_texts[i]));
    for (size_t i = 0; o != NULL && i < ARRAY_SIZE(shown_texts); i++)
        if ((statuses & 1U << (PS_MAX_ + i)) != 0)
            (void)json_object_array_add(o, json_object_new_string(shown_texts[i]));
    return o;
}

void project_free(struct project *p)
{
    if (p == NULL)
        return;
    free(p->name);
    free(p->type);
    free(p->owner);
    json_putp(&p->config);
    json_putp(&p->turn);
    json_putp(&p->labels);
    free(p->passed);
    free(p);
}

int project_read_row(struct query *q, struct project **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(p->id, sizeof(p->id), "%s", query_peek_text(q, 0));
    if (query_get_text(q, 1, &p->name, err) < 0 || query_get_text(q, 2, &p->type, err) < 0 ||
        query_get_text(q, 3, &p->owner, err) < 0 || query_get_json(q, 7, &p->config, err) < 0 ||
        query_get_json(q, 15, &p->turn, err) < 0 || query_get_text(q, 17, &p->passed, err) < 0)
        return -1;
    if (strcmp(query_peek_text(q, 18), "[]") != 0 && query_get_json(q, 18, &p->labels, err) < 0)
        return -1;
    p->alarming = query_get_i64(q, 16) != 0;
    if (!project_status_parse(query_peek_text(q, 4), &p->status))
        return err_set(err, ERR_STORE, "project %s has an unknown status %s", p->id,
                       query_peek_text(q, 4));
    (void)snprintf(p->source_id, sizeof(p->source_id), "%s", query_peek_text(q, 5));
    (void)snprintf(p->sink_id, sizeof(p->sink_id), "%s", query_peek_text(q, 6));
    p->created_at = query_get_i64(q, 8);
    p->modified_at = query_get_i64(q, 9);
    p->started_at = query_get_i64(q, 10);
    p->finished_at = query_get_i64(q, 11);
    p->reverse = strcmp(query_peek_text(q, 12), "REVERSE") == 0;
    (void)snprintf(p->forward_id, sizeof(p->forward_id), "%s", query_peek_text(q, 13));
    (void)snprintf(p->reverse_id, sizeof(p->reverse_id), "%s", query_peek_text(q, 14));
    (void)snprintf(p->parent_id, sizeof(p->parent_id), "%s", query_peek_text(q, 19));
    (void)snprintf(p->modifying, sizeof(p->modifying), "%s", query_peek_text(q, 20));
    *ret = take_ptr(p);
    return 0;
}

static int check_limit(struct db *h, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM project WHERE status <> 'DELETED'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0 || query_step(&q, err) < 0)
        return -1;
    if (query_get_i64(&q, 0) >= PROJECTS_MAX)
        return err_set(err, ERR_LIMIT, "there are %d projects already", (int)PROJECTS_MAX);
    return 0;
}

static int forget_deleted(struct db *h, struct err *err)
{
    static const char sql[] = "DELETE FROM project WHERE status = 'DELETED'"
                              " AND seq <= (SELECT seq FROM project WHERE status = 'DELETED'"
                              "             ORDER BY seq DESC LIMIT 1 OFFSET ?1)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, DELETED_KEPT);
    return query_run(&q, err);
}

static int insert(struct db *h, const struct project *p, struct err *err)
{
    static const char sql[] =
        "INSERT INTO project (id, name, type, owner, status, source_id, sink_id, config,"
        " created_at, modified_at, direction, forward_id)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, p->id);
    query_text(&q, 2, p->name);
    query_text(&q, 3, p->type);
    query_text(&q, 4, p->owner);
    query_text(&q, 5, project_status_text(p->status));
    query_text(&q, 6, p->source_id);
    query_text(&q, 7, p->sink_id);
    query_json(&q, 8, p->config);
    query_i64(&q, 9, p->created_at);
    query_text(&q, 10, p->reverse ? "REVERSE" : "FORWARD");
    query_text(&q, 11, p->reverse ? p->forward_id : NULL);
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_unique(&q))
        return err_set(err, ERR_NAME_TAKEN, "a project named %s exists already", p->name);
    if (query_is_foreign(&q))
        return err_set(err, ERR_SOURCE_NOT_FOUND, "no data source %s or %s", p->source_id,
                       p->sink_id);
    return -1;
}

int store_project_add(struct store *st, struct project *p, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (p->id[0] == '\0')
        (void)id_new("np_", p->id);
    p->status = PS_INIT;
    p->created_at = p->modified_at = clock_now_s();
    p->started_at = p->finished_at = 0;
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        check_limit(l.db, err) < 0 || forget_deleted(l.db, err) < 0 ||
        (p->reverse && pair_check_new(l.db, p->forward_id, err) < 0) || insert(l.db, p, err) < 0 ||
        label_attach(l.db, p->id, p->labels, err) < 0 ||
        history_add(l.db, p->id, "INFO", "project_created", "created by a user", err) < 0 ||
        (p->reverse && pair_tell_new(l.db, p, err) < 0))
        return -1;
    FAULT("store.project_add.before");
    return txn_commit(&t, err);
}

int store_project_get(struct store *st, const char *id, struct project **ret, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM project p WHERE id = ?1";
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
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return project_read_row(&q, ret, err);
}

int store_project_live(struct store *st, const char *id, struct project **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_get(st, id, &p, err) < 0)
        return -1;
    if (p->status == PS_DELETED)
        return err_set(err, ERR_PROJECT_NOT_FOUND, "project %s is deleted (%s)", id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    *ret = take_ptr(p);
    return 0;
}

static int move_row(struct db *h, const char *id, enum project_status from, enum project_status to,
                    struct err *err)
{
    static const char sql[] =
        "UPDATE project SET status = ?3, modified_at = ?4,"
        " started_at = CASE WHEN ?3 = 'RUNNING' THEN COALESCE(started_at, ?4) ELSE started_at END,"
        " finished_at = CASE WHEN ?3 IN ('FINISHED', 'RELEASED') THEN COALESCE(finished_at, ?4)"
        "  ELSE finished_at END"
        " WHERE id = ?1 AND status = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, project_status_text(from));
    query_text(&q, 3, project_status_text(to));
    query_i64(&q, 4, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

/* What becomes of sub-projects with their project (store/modify.h). */
static int move_children(struct db *h, const char *id, enum project_status to, struct err *err)
{
    static const char sql[] =
        "UPDATE project SET status = CASE ?2 WHEN 'RUNNING' THEN 'RUNNING'"
        "  WHEN 'DELETED' THEN 'DELETED' ELSE 'SUSPEND' END, modified_at = ?3"
        " WHERE parent_id = ?1 AND status = CASE ?2 WHEN 'RUNNING' THEN 'SUSPEND'"
        "  WHEN 'DELETED' THEN 'RELEASED' ELSE 'RUNNING' END"
        " AND ?2 IN ('RUNNING', 'SUSPEND', 'FAILED', 'DELETED')";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, project_status_text(to));
    query_i64(&q, 3, clock_now_s());
    return query_run(&q, err);
}

int store_project_move(struct store *st, const char *id, enum project_status from,
                       enum project_status to, const char *why, struct err *err)
{
    char message[512];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int moved;

    (void)snprintf(message, sizeof(message), "%s -> %s: %s", project_status_text(from),
                   project_status_text(to), why);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        (to == PS_RELEASING && pair_check_release(l.db, id, err) < 0))
        return -1;
    moved = move_row(l.db, id, from, to, err);
    if (moved <= 0)
        return moved;
    if (move_children(l.db, id, to, err) < 0 ||
        history_add(l.db, id, to == PS_FAILED ? "ERROR" : "INFO", "project_status", message, err) <
            0)
        return -1;
    FAULT("store.project_move.before");
    if (txn_commit(&t, err) < 0)
        return -1;
    FAULT("store.project_move.after");
    return 1;
}

static int write_config(struct db *h, const char *id, unsigned statuses, struct json_object *config,
                        struct err *err)
{
    /* the mapping is changed by store/modify.c only, perhaps since `config` was read */
    static const char sql[] = "UPDATE project SET modified_at = ?3, config = CASE"
                              " WHEN config -> '$.transferMapping' IS NULL THEN ?2 ELSE"
                              " json_set(?2, '$.transferMapping', config -> '$.transferMapping')"
                              " END WHERE id = ?1"
                              " AND status IN (SELECT value FROM json_each(?4))";
    _cleanup_(json_putp)
    struct json_object *list = project_status_list(statuses);
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_json(&q, 2, config);
    query_i64(&q, 3, clock_now_s());
    query_json(&q, 4, list);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

int store_project_set_config(struct store *st, const char *id, unsigned statuses,
                             struct json_object *config, const char *told, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = write_config(l.db, id, statuses != 0 ? statuses : ~0U, config, err);
    if (r == 0 && statuses == 0)
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    if (r <= 0)
        return r;
    if (told != NULL && history_add(l.db, id, "INFO", "config_changed", told, err) < 0)
        return -1;
    FAULT("store.project_config.before");
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

/* ---------------------------------------------------------------------- small changes */

static int rename_row(struct db *h, const char *id, unsigned statuses, const char *name,
                      struct err *err)
{
    static const char sql[] = "UPDATE project SET name = ?2, modified_at = ?3,"
                              " config = json_set(config, '$.name', ?2) WHERE id = ?1"
                              " AND status IN (SELECT value FROM json_each(?4))";
    _cleanup_(json_putp)
    struct json_object *list = project_status_list(statuses);
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, name);
    query_i64(&q, 3, clock_now_s());
    query_json(&q, 4, list);
    if (query_run(&q, err) == 0)
        return (int)db_changes(h);
    if (query_is_unique(&q))
        return err_set(err, ERR_NAME_TAKEN, "a project named %s exists already", name);
    return -1;
}

int store_project_rename(struct store *st, const char *id, unsigned statuses, const char *name,
                         const char *told, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = rename_row(l.db, id, statuses, name, err);
    if (r <= 0)
        return r;
    if (history_add(l.db, id, "INFO", "project_renamed", told, err) < 0)
        return -1;
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_project_alarm(struct store *st, const char *id, bool alarming, struct err *err)
{
    static const char sql[] = "UPDATE project SET alarming = ?2 WHERE id = ?1 AND alarming <> ?2";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, alarming);
    return query_run(&q, err) < 0 ? -1 : (int)db_changes(l.db);
}

static int pass_row(struct db *h, const char *id, const char *step, struct err *err)
{
    static const char sql[] = "UPDATE project SET passed = ?2, modified_at = ?3"
                              " WHERE id = ?1 AND status = 'RUNNING' AND passed IS NOT ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, step);
    query_i64(&q, 3, clock_now_s());
    return query_run(&q, err) < 0 ? -1 : (int)db_changes(h);
}

int store_project_pass(struct store *st, const char *id, const char *step, const char *user,
                       struct err *err)
{
    char told[256];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    (void)snprintf(told, sizeof(told), "%.128s: goes on behind %s", user, step);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = pass_row(l.db, id, step, err);
    if (r <= 0)
        return r;
    if (history_add(l.db, id, "INFO", "step_passed", told, err) < 0)
        return -1;
    return txn_commit(&t, err) < 0 ? -1 : 1;
}

int store_project_ticket(struct store *st, const char *id, const char *action, const char *user,
                         const char *told, int64_t *ret, struct err *err)
{
    char text[1200];
    int64_t number = 0;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        ticket_add(l.db, id, action, user, &number, err) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "ticket %" PRId64 ": %.128s: %s: %.800s", number, user,
                   action, told);
    if (history_add(l.db, id, "INFO", "component_updated", text, err) < 0 ||
        txn_commit(&t, err) < 0)
        return -1;
    *ret = number;
    return 0;
}

int store_project_ids(struct store *st, unsigned statuses, char (**ret)[ID_MAX], size_t *ret_count,
                      struct err *err)
{
    static const char sql[] = "SELECT id FROM project"
                              " WHERE status IN (SELECT value FROM json_each(?1)) ORDER BY seq";
    _cleanup_(json_putp)
    struct json_object *list = project_status_list(statuses);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_json(&q, 1, list);
    return query_get_ids(&q, ret, ret_count, err);
}

int store_project_uses_source(struct store *st, const char *source_id, int64_t *ret,
                              struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM project WHERE (source_id = ?1 OR sink_id = ?1)"
                              " AND status NOT IN ('RELEASED', 'DELETED')";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, source_id);
    return query_count(&q, ret, err);
}
