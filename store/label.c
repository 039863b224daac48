#include "store/label.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/history.h"
#include "store/label_in.h"
#include "store/project.h"

#include "base/banned.h"

static int refuse_unknown(const char *id, struct err *err)
{
    return err_set(err, ERR_LABEL_NOT_FOUND, "no label %s", id);
}

/* ---------------------------------------------------------------------- labels */

static int check_limit(struct db *h, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM label";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0 || query_step(&q, err) < 0)
        return -1;
    if (query_get_i64(&q, 0) >= LABELS_MAX)
        return err_set(err, ERR_LIMIT, "there are %d labels already", (int)LABELS_MAX);
    return 0;
}

static int insert(struct db *h, const char *id, const char *name, const char *creator,
                  struct err *err)
{
    static const char sql[] =
        "INSERT INTO label (id, name, creator, created_at) VALUES (?1, ?2, ?3, ?4)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, name);
    query_text(&q, 3, creator);
    query_i64(&q, 4, clock_now_s());
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_unique(&q))
        return err_set(err, ERR_NAME_TAKEN, "a label named %s exists already", name);
    return -1;
}

int store_label_add(struct store *st, const char *name, const char *creator,
                    char ret[static ID_MAX], struct err *err)
{
    char id[ID_MAX];
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    (void)id_new("l_", id);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        check_limit(l.db, err) < 0 || insert(l.db, id, name, creator, err) < 0 ||
        txn_commit(&t, err) < 0)
        return -1;
    (void)snprintf(ret, ID_MAX, "%s", id);
    return 0;
}

static int read_label(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_str(o, "id", query_peek_text(q, 0));
    json_add_str(o, "name", query_peek_text(q, 1));
    json_add_str(o, "creator", query_peek_text(q, 2));
    json_add_i64(o, "projects", query_get_i64(q, 3));
    json_add_i64(o, "createdAt", query_get_i64(q, 4));
    *ret = o;
    return 0;
}

int store_label_list(struct store *st, struct json_object **ret_array, struct err *err)
{
    static const char sql[] =
        "SELECT id, name, creator, projects, created_at FROM label ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    return query_list(&q, read_label, ret_array, err);
}

int store_label_delete(struct store *st, const char *id, struct err *err)
{
    static const char sql[] = "DELETE FROM label WHERE id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(l.db) == 0 ? refuse_unknown(id, err) : 0;
}

/* ---------------------------------------------------------------------- labels of projects */

/* 1 given or there already, 0: no such label. */
static int attach_one(struct db *h, const char *project_id, const char *label_id, struct err *err)
{
    static const char sql[] = "INSERT INTO project_label (project_id, label)"
                              " SELECT ?1, seq FROM label WHERE id = ?2"
                              " ON CONFLICT DO UPDATE SET label = excluded.label";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_text(&q, 2, label_id);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

static int check_count(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM project_label WHERE project_id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    if (query_step(&q, err) < 0)
        return -1;
    if (query_get_i64(&q, 0) > LABELS_PER_PROJECT)
        return err_set(err, ERR_LIMIT, "a project has at most %d labels", (int)LABELS_PER_PROJECT);
    return 0;
}

int label_attach(struct db *h, const char *project_id, struct json_object *ids, struct err *err)
{
    for (size_t i = 0; i < json_len(ids); i++) {
        const char *id = json_at_str(ids, i);
        int r = attach_one(h, project_id, id != NULL ? id : "", err);

        if (r < 0)
            return -1;
        if (r == 0)
            return refuse_unknown(id != NULL ? id : "(null)", err);
    }
    return json_len(ids) == 0 ? 0 : check_count(h, project_id, err);
}

static int detach_all(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "DELETE FROM project_label WHERE project_id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    return query_run(&q, err);
}

/* Also what a list sorts by. ERR_PROJECT_NOT_FOUND. */
static int touch_project(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] = "UPDATE project SET modified_at = ?2"
                              " WHERE id = ?1 AND status <> 'DELETED'";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(h) == 0)
        return err_set(err, ERR_PROJECT_NOT_FOUND, "no project %s (%s)", project_id,
                       err_wire(ERR_PROJECT_NOT_FOUND));
    return 0;
}

static int tell(struct db *h, const char *project_id, const char *user, struct err *err)
{
    static const char sql[] = "SELECT l.name FROM project_label x JOIN label l ON l.seq = x.label"
                              " WHERE x.project_id = ?1 ORDER BY x.label";
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(2048);
    bool any = false;
    int r;

    strbuf_addf(&text, "%.128s: labels are now", user);
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    for (; (r = query_step(&q, err)) > 0; any = true)
        strbuf_addf(&text, "%s %s", any ? "," : "", query_peek_text(&q, 0));
    if (r < 0)
        return -1;
    if (!any)
        strbuf_adds(&text, " none");
    if (strbuf_check(&text, err) < 0)
        return -1;
    return history_add(h, project_id, "INFO", "labels_changed", strbuf_str(&text), err);
}

int store_label_set(struct store *st, const char *project_id, struct json_object *ids,
                    const char *user, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        touch_project(l.db, project_id, err) < 0 || detach_all(l.db, project_id, err) < 0 ||
        label_attach(l.db, project_id, ids, err) < 0 || tell(l.db, project_id, user, err) < 0)
        return -1;
    FAULT("store.label_set.before");
    return txn_commit(&t, err);
}

static int check_label(struct db *h, const char *id, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM label WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    return r == 0 ? refuse_unknown(id, err) : 0;
}

int store_label_projects(struct store *st, const char *label_id, int status, char (**ret)[ID_MAX],
                         size_t *ret_count, struct err *err)
{
    static const char sql[] = "SELECT p.id FROM label l JOIN project_label x ON x.label = l.seq"
                              " JOIN project p ON p.id = x.project_id"
                              " WHERE l.id = ?1 AND p.status = ?2 ORDER BY p.seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || check_label(l.db, label_id, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, label_id);
    query_text(&q, 2, project_status_text((enum project_status)status));
    return query_get_ids(&q, ret, ret_count, err);
}
