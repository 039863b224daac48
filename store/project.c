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

#define COLUMNS_WITH(config)                                                                       \
    "p.id, p.name, p.type, p.owner, p.status, p.source_id, p.sink_id, " config                     \
    ", p.created_at, p.modified_at, p.started_at, p.finished_at, p.direction, p.forward_id,"       \
    " (SELECT r.id FROM project r WHERE r.forward_id = p.id AND r.status <> 'DELETED'"             \
    "  ORDER BY r.seq DESC LIMIT 1), p.turn, p.alarming, p.passed,"                                \
    " (SELECT json_group_array(json_object('id', l.id, 'name', l.name, 'creator', l.creator,"      \
    "  'type', 1, 'count', l.projects)) FROM project_label x JOIN label l ON l.seq = x.label"      \
    "  WHERE x.project_id = p.id), p.parent_id, p.modifying"
#define COLUMNS COLUMNS_WITH("p.config")

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

/* The statuses of a bit set as a JSON array, to be bound. */
static struct json_object *status_list(unsigned statuses)
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

void project_list_free(struct project **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        project_free(list[i]);
    free(list);
}

static int read_row(struct query *q, struct project **ret, struct err *err)
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
    return read_row(&q, ret, err);
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
    struct json_object *list = status_list(statuses);
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
    struct json_object *list = status_list(statuses);
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

/* ---------------------------------------------------------------------- lists */

/* RUNNING_MODIFYING, RUNNING_MERGING: what a RUNNING project shows while its objects change. */
#define SHOWN                                                                                      \
    "CASE WHEN p.status = 'RUNNING' AND p.modifying IS NOT NULL"                                   \
    " THEN 'RUNNING_' || p.modifying ELSE p.status END"

/*
 * ?5 and ?6 are looked up for a project only when they are given, and the row of a project only
 * when it is not left out by its status, which the index of the order has. The plus signs keep
 * SQLite from going along the index of the status and sorting what it finds.
 */
#define LIST_WHERE                                                                                 \
    " WHERE (" SHOWN " IN (SELECT value FROM json_each(?1))"                                       \
    "  OR (?2 AND +p.status = 'RUNNING' AND p.alarming))"                                          \
    " AND (?10 OR p.parent_id IS NULL)"                                                            \
    " AND (?3 IS NULL OR p.name LIKE ?3 ESCAPE '\\' OR p.id LIKE ?3 ESCAPE '\\')"                  \
    " AND (?4 IS NULL OR p.type = ?4)"                                                             \
    " AND (?5 IS NULL OR EXISTS (SELECT 1 FROM source s WHERE s.id = p.source_id"                  \
    "  AND s.type IN (SELECT value FROM json_each(?5))))"                                          \
    " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM source s WHERE s.id = p.sink_id"                    \
    "  AND s.type IN (SELECT value FROM json_each(?6))))"                                          \
    " AND (?7 IS NULL OR EXISTS (SELECT 1 FROM project_label x JOIN label l ON l.seq = x.label"    \
    "  WHERE x.project_id = p.id AND l.id IN (SELECT value FROM json_each(?7))))"

/* What the filter binds, made once for the count and the page. */
struct bound_filter {
    char *like;
    struct json_object *statuses, *source_types, *sink_types, *label_ids;
};

static void bound_filter_done(struct bound_filter *b)
{
    free(b->like);
    json_putp(&b->statuses);
    json_putp(&b->source_types);
    json_putp(&b->sink_types);
    json_putp(&b->label_ids);
}

static void bind_filter(struct query *q, const struct bound_filter *b,
                        const struct project_filter *f)
{
    query_i64(q, 10, f->with_subs);
    query_json(q, 1, b->statuses);
    query_i64(q, 2, f->alarming);
    query_text(q, 3, b->like);
    query_text(q, 4, f->type);
    query_json(q, 5, b->source_types);
    query_json(q, 6, b->sink_types);
    query_json(q, 7, b->label_ids);
}

static int count_rows(struct db *h, const struct bound_filter *b, const struct project_filter *f,
                      int64_t *ret, struct err *err)
{
    static const char any[] = "SELECT COUNT(*) FROM project p" LIST_WHERE;
    static const char by_status[] =
        "SELECT COUNT(*) FROM project p WHERE " SHOWN " IN (SELECT value FROM json_each(?1))"
        " AND (?10 OR p.parent_id IS NULL)";
    bool plain = b->like == NULL && f->type == NULL && b->source_types == NULL &&
                 b->sink_types == NULL && b->label_ids == NULL && !f->alarming;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, plain ? by_status : any, err) < 0)
        return -1;
    if (plain) {
        query_json(&q, 1, b->statuses);
        query_i64(&q, 10, f->with_subs);
    } else {
        bind_filter(&q, b, f);
    }
    return query_count(&q, ret, err);
}

/*
 * What a list shows of a configuration: a page of projects with thousands of tables each would not
 * fit the daemon's memory, and most of the time of a list went into what it does not show.
 */
/* clang-format off */
#define SAME(key) "'" key "', p.config -> '$." key "', "
#define BRIEF_CONFIG \
    "json_object(" SAME("importance") SAME("enableStructTransfer") SAME("enableFullTransfer") SAME("enableFullVerify") \
    SAME("enableIncrTransfer") SAME("enableIncrVerify") SAME("enableReverseIncrTransfer") \
    "'transferMapping', json_object('mode', p.config ->> '$.transferMapping.mode'), " \
    "'structTransferConfig', json_object(" \
    "'autoProcessedToNextStep', p.config -> '$.structTransferConfig.autoProcessedToNextStep'), " \
    "'incrTransferConfig', json_object('storeLogKeptHour', p.config -> '$.incrTransferConfig.storeLogKeptHour'))"
/* clang-format on */

/*
 * One text an order, so that each goes along its index and ends with the page; seq breaks ties
 * within a second.
 */
#define LIST_ORDERED(order)                                                                        \
    "SELECT " COLUMNS_WITH(BRIEF_CONFIG) " FROM project p" LIST_WHERE " ORDER BY " order           \
                                         " LIMIT ?8 OFFSET ?9"

static const char *list_sql(const struct page *page)
{
    static const char created[] = LIST_ORDERED("p.created_at, p.seq");
    static const char created_last[] = LIST_ORDERED("p.created_at DESC, p.seq DESC");
    static const char modified[] = LIST_ORDERED("p.modified_at, p.seq");
    static const char modified_last[] = LIST_ORDERED("p.modified_at DESC, p.seq DESC");

    if (page->by_modified)
        return page->ascending ? modified : modified_last;
    return page->ascending ? created : created_last;
}

static int read_page(struct db *h, const struct bound_filter *b, const struct project_filter *f,
                     struct project **list, size_t *ret_count, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };
    size_t n = 0;
    int r;

    if (query_open(&q, h, list_sql(&f->page), err) < 0)
        return -1;
    bind_filter(&q, b, f);
    query_i64(&q, 8, db_limit(&f->page));
    query_i64(&q, 9, db_offset(&f->page));
    while ((r = query_step(&q, err)) > 0) {
        r = read_row(&q, &list[n], err);
        if (r < 0)
            break;
        n++;
    }
    *ret_count = n;
    return r;
}

int store_project_list(struct store *st, const struct project_filter *f, struct project ***ret,
                       size_t *ret_count, int64_t *ret_total, struct err *err)
{
    unsigned statuses = f->statuses != 0 || f->alarming ? f->statuses : ~(1U << PS_DELETED);
    _cleanup_(bound_filter_done)
    struct bound_filter b = {
        .statuses = status_list(statuses),
        .source_types = db_text_list(f->source_types),
        .sink_types = db_text_list(f->sink_types),
        .label_ids = db_text_list(f->label_ids),
    };
    _cleanup_(store_return)
    struct lease l = { 0 };
    struct project **list;
    int64_t total = 0;
    size_t n = 0;

    if (db_like(f->search, &b.like, err) < 0 || store_borrow(st, &l, err) < 0 ||
        count_rows(l.db, &b, f, &total, err) < 0)
        return -1;
    list = calloc((size_t)db_limit(&f->page), sizeof(struct project *));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (read_page(l.db, &b, f, list, &n, err) < 0) {
        project_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    *ret_total = total;
    return 0;
}

int store_project_ids(struct store *st, unsigned statuses, char (**ret)[ID_MAX], size_t *ret_count,
                      struct err *err)
{
    static const char sql[] = "SELECT id FROM project"
                              " WHERE status IN (SELECT value FROM json_each(?1)) ORDER BY seq";
    _cleanup_(json_putp)
    struct json_object *list = status_list(statuses);
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
