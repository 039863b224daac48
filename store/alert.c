#include "store/alert.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "store/db.h"
#include "store/history.h"
#include "store/webhook_in.h"

#include "base/banned.h"

static const struct {
    const char *text, *level;
} rules[] = {
#define ROW_(sym, text, level) [sym] = { text, level },
    ALERT_RULE_TABLE(ROW_)
#undef ROW_
};

const char *alert_rule_text(enum alert_rule r)
{
    return (unsigned)r < ALERT_RULE_MAX_ ? rules[r].text : "";
}

const char *alert_rule_level(enum alert_rule r)
{
    return (unsigned)r < ALERT_RULE_MAX_ ? rules[r].level : "";
}

bool alert_rule_parse(const char *text, enum alert_rule *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        if (strcmp(rules[i].text, text) == 0) {
            *ret = (enum alert_rule)i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------------- changes of state */

/* The name is part of what is sent. 1; 0: there is no such project that lives. */
static int project_name(struct db *h, struct alert *a, struct err *err)
{
    static const char sql[] = "SELECT name FROM project WHERE id = ?1 AND status <> 'DELETED'";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, a->project_id);
    r = query_step(&q, err);
    if (r > 0)
        (void)snprintf(a->project_name, sizeof(a->project_name), "%s", query_peek_text(&q, 0));
    return r;
}

static int insert(struct db *h, const struct alert *a, int64_t now, struct err *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO alert (id, project_id, rule, subject, level, message, value,"
        " threshold, fired_at, sent_at, sent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 1)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, a->id);
    query_text(&q, 2, a->project_id);
    query_text(&q, 3, alert_rule_text(a->rule));
    query_text(&q, 4, a->subject);
    query_text(&q, 5, alert_rule_level(a->rule));
    query_text(&q, 6, a->message);
    query_double(&q, 7, a->value);
    query_double(&q, 8, a->threshold);
    query_i64(&q, 9, now);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

static int trim(struct db *h, const char *project_id, struct err *err)
{
    static const char sql[] =
        "DELETE FROM alert WHERE project_id = ?1 AND resolved_at IS NOT NULL AND seq <="
        " (SELECT seq FROM alert WHERE project_id = ?1 AND resolved_at IS NOT NULL"
        "  ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, ALERTS_PER_PROJECT);
    return query_run(&q, err);
}

static int tell(struct db *h, const struct alert *a, const char *level, const char *event,
                const char *message, struct err *err)
{
    char text[ALERT_TEXT_MAX + 128];

    (void)snprintf(text, sizeof(text), "%s%s%s: %s", alert_rule_text(a->rule),
                   a->subject[0] != '\0' ? " of " : "", a->subject, message);
    return history_add(h, a->project_id, level, event, text, err);
}

int store_alert_fire(struct store *st, struct alert *a, int64_t now, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    (void)id_new("al_", a->id);
    a->fired_at = a->sent_at = now;
    a->resolved_at = 0;
    a->sent = 1;
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = project_name(l.db, a, err);
    if (r > 0)
        r = insert(l.db, a, now, err);
    if (r <= 0)
        return r;
    if (tell(l.db, a, alert_rule_level(a->rule), "alert_firing", a->message, err) < 0 ||
        webhook_enqueue(l.db, a, "FIRING", now, err) < 0 || trim(l.db, a->project_id, err) < 0 ||
        txn_commit(&t, err) < 0)
        return -1;
    return 1;
}

static int mark_sent(struct db *h, const struct alert *a, int64_t now, struct err *err)
{
    static const char sql[] = "UPDATE alert SET sent_at = ?2, sent = sent + 1, message = ?3,"
                              " value = ?4 WHERE id = ?1 AND resolved_at IS NULL";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, a->id);
    query_i64(&q, 2, now);
    query_text(&q, 3, a->message);
    query_double(&q, 4, a->value);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

int store_alert_again(struct store *st, const struct alert *a, int64_t now, struct err *err)
{
    struct alert now_is = *a;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    now_is.sent++;
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = mark_sent(l.db, a, now, err);
    if (r <= 0)
        return r;
    if (webhook_enqueue(l.db, &now_is, "FIRING", now, err) < 0 || txn_commit(&t, err) < 0)
        return -1;
    return 1;
}

/* The message stays the one that it fired with. */
static int mark_resolved(struct db *h, const char *id, int64_t now, struct err *err)
{
    static const char sql[] = "UPDATE alert SET resolved_at = ?2"
                              " WHERE id = ?1 AND resolved_at IS NULL";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, now);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

int store_alert_resolve(struct store *st, const struct alert *a, const char *why, int64_t now,
                        struct err *err)
{
    struct alert now_is = *a;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    now_is.resolved_at = now;
    (void)snprintf(now_is.message, sizeof(now_is.message), "%s", why);
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = mark_resolved(l.db, a->id, now, err);
    if (r <= 0)
        return r;
    if (tell(l.db, a, "INFO", "alert_resolved", why, err) < 0 ||
        webhook_enqueue(l.db, &now_is, "RESOLVED", now, err) < 0 || txn_commit(&t, err) < 0)
        return -1;
    return 1;
}

/* ---------------------------------------------------------------------- reading */

#define COLUMNS                                                                                    \
    "a.id, a.project_id, p.name, a.rule, a.subject, a.message, a.value, a.threshold, a.fired_at,"  \
    " a.resolved_at, a.sent_at, a.sent, p.status LIKE 'RUNNING%', p.status = 'FAILED'"

static void read_row(struct query *q, struct alert *a)
{
    (void)snprintf(a->id, sizeof(a->id), "%s", query_peek_text(q, 0));
    (void)snprintf(a->project_id, sizeof(a->project_id), "%s", query_peek_text(q, 1));
    (void)snprintf(a->project_name, sizeof(a->project_name), "%s", query_peek_text(q, 2));
    (void)alert_rule_parse(query_peek_text(q, 3), &a->rule);
    (void)snprintf(a->subject, sizeof(a->subject), "%s", query_peek_text(q, 4));
    (void)snprintf(a->message, sizeof(a->message), "%s", query_peek_text(q, 5));
    a->value = query_get_double(q, 6);
    a->threshold = query_get_double(q, 7);
    a->fired_at = query_get_i64(q, 8);
    a->resolved_at = query_get_i64(q, 9);
    a->sent_at = query_get_i64(q, 10);
    a->sent = query_get_i64(q, 11);
    a->project_runs = query_get_i64(q, 12) != 0;
    a->project_failed = query_get_i64(q, 13) != 0;
}

static int read_rows(struct query *q, struct alert **ret, size_t *ret_count, struct err *err)
{
    struct alert *list = NULL;
    size_t n = 0;
    int r;

    while ((r = query_step(q, err)) > 0) {
        struct alert *more = reallocarray(list, n + 1, sizeof(*more));
        if (more == NULL) {
            free(list);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        list = more;
        list[n] = (struct alert){ 0 };
        read_row(q, &list[n++]);
    }
    if (r < 0) {
        free(list);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

int store_alert_firing(struct store *st, struct alert **ret, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM alert a JOIN project p ON p.id = a.project_id"
        " WHERE a.resolved_at IS NULL ORDER BY a.seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    return read_rows(&q, ret, ret_count, err);
}

#define LIST_FROM                                                                                  \
    " FROM alert a JOIN project p ON p.id = a.project_id WHERE (?1 IS NULL OR a.project_id = ?1)"  \
    " AND (?2 = 0 OR a.resolved_at IS NULL)"

static int count_rows(struct db *h, const char *project_id, bool firing, int64_t *ret,
                      struct err *err)
{
    static const char sql[] = "SELECT COUNT(*)" LIST_FROM;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, firing);
    return query_count(&q, ret, err);
}

int store_alert_list(struct store *st, const char *project_id, bool firing, const struct page *page,
                     struct alert **ret, size_t *ret_count, int64_t *ret_total, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS LIST_FROM " ORDER BY a.seq DESC LIMIT ?3 OFFSET ?4";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || count_rows(l.db, project_id, firing, ret_total, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, firing);
    query_i64(&q, 3, db_limit(page));
    query_i64(&q, 4, db_offset(page));
    return read_rows(&q, ret, ret_count, err);
}

void alert_stats_free(struct alert_stats *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        free(list[i].newest);
    free(list);
}

static int add_to_stats(struct query *q, struct json_object *ids, struct alert_stats *ret,
                        struct err *err)
{
    enum alert_rule rule;
    size_t i = 0;

    while (i < json_len(ids) && strcmp(json_at_str(ids, i), query_peek_text(q, 0)) != 0)
        i++;
    if (i == json_len(ids))
        return 0;
    if (query_get_i64(q, 3) != 0 && alert_rule_parse(query_peek_text(q, 1), &rule))
        ret[i].recent[rule]++;
    if (query_get_i64(q, 2) == 0)
        return 0;
    ret[i].firing++;
    free(take_ptr(ret[i].newest));
    return query_get_text(q, 4, &ret[i].newest, err);
}

int store_alert_stats(struct store *st, struct json_object *ids, int64_t since,
                      struct alert_stats *ret, struct err *err)
{
    static const char sql[] =
        "SELECT project_id, rule, resolved_at IS NULL, fired_at >= ?2, message FROM alert"
        " WHERE project_id IN (SELECT value FROM json_each(?1))"
        " AND (resolved_at IS NULL OR fired_at >= ?2) ORDER BY seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_json(&q, 1, ids);
    query_i64(&q, 2, since);
    while ((r = query_step(&q, err)) > 0)
        if (add_to_stats(&q, ids, ret, err) < 0)
            return -1;
    return r;
}

int store_alert_projects(struct store *st, struct alert_project **ret, size_t *ret_count,
                         struct err *err)
{
    static const char sql[] =
        "SELECT p.id, p.status, s.name, s.error ->> '$.symbol', s.error ->> '$.message',"
        " l.checkpoint, l.info ->> '$.binlogExpireSeconds' FROM project p"
        " LEFT JOIN step s ON s.project_id = p.id AND s.status = 'FAILED' AND p.status = 'FAILED'"
        " LEFT JOIN step l ON l.project_id = p.id AND l.name = 'TRANSFER_INCR_LOG_PULL'"
        " WHERE p.status IN ('FAILED', 'SUSPEND') ORDER BY p.seq, s.place";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(freep)
    struct alert_project *list = NULL;
    size_t n = 0;
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    while ((r = query_step(&q, err)) > 0) {
        struct alert_project *more = reallocarray(list, n + 1, sizeof(*more)), *p;
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        list = more;
        p = &list[n];
        *p = (struct alert_project){ 0 };
        (void)snprintf(p->id, sizeof(p->id), "%s", query_peek_text(&q, 0));
        if (n > 0 && strcmp(list[n - 1].id, p->id) == 0)
            continue; /* two of its steps failed: the first one tells */
        n++;
        p->failed = strcmp(query_peek_text(&q, 1), "FAILED") == 0;
        (void)snprintf(p->step, sizeof(p->step), "%s", query_peek_text(&q, 2));
        (void)snprintf(p->error, sizeof(p->error), "%s", query_peek_text(&q, 3));
        (void)snprintf(p->message, sizeof(p->message), "%s", query_peek_text(&q, 4));
        p->checkpoint = query_get_i64(&q, 5);
        p->log_expire_s = query_get_i64(&q, 6);
    }
    if (r < 0)
        return -1;
    *ret = take_ptr(list);
    *ret_count = n;
    return 0;
}
