#include "store/webhook.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "store/db.h"
#include "store/webhook_in.h"

#include "base/banned.h"

enum { MS = 1000 };

void webhook_done(struct webhook *w)
{
    free(w->url);
    free(w->secret_sealed);
    free(w->level);
    free(w->owner);
    free(w->last_result);
    json_putp(&w->rules);
    *w = (struct webhook){ 0 };
}

void webhook_list_free(struct webhook *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        webhook_done(&list[i]);
    free(list);
}

void delivery_done(struct delivery *d)
{
    free(d->url);
    free(d->secret_sealed);
    free(d->body);
    *d = (struct delivery){ 0 };
}

/* ---------------------------------------------------------------------- the webhooks */

static int insert(struct db *h, const struct webhook *w, struct err *err)
{
    static const char sql[] =
        "INSERT INTO webhook (id, url, secret_sealed, level, rules, owner, created_at)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT COUNT(*) FROM webhook) < ?8";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, w->id);
    query_text(&q, 2, w->url);
    query_text(&q, 3, w->secret_sealed);
    query_text(&q, 4, w->level);
    query_json(&q, 5, w->rules);
    query_text(&q, 6, w->owner);
    query_i64(&q, 7, w->created_at);
    query_i64(&q, 8, WEBHOOKS_MAX);
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(h) == 0)
        return err_set(err, ERR_LIMIT, "there are %d webhooks already", (int)WEBHOOKS_MAX);
    return 0;
}

int store_webhook_add(struct store *st, const struct webhook *w, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 || insert(l.db, w, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

static int read_hook(struct query *q, struct webhook *w, struct err *err)
{
    (void)snprintf(w->id, sizeof(w->id), "%s", query_peek_text(q, 0));
    if (query_get_text(q, 1, &w->url, err) < 0 ||
        query_get_text(q, 2, &w->secret_sealed, err) < 0 ||
        query_get_text(q, 3, &w->level, err) < 0 || query_get_json(q, 4, &w->rules, err) < 0 ||
        query_get_text(q, 5, &w->owner, err) < 0 || query_get_text(q, 8, &w->last_result, err) < 0)
        return -1;
    w->created_at = query_get_i64(q, 6);
    w->last_at = query_get_i64(q, 7);
    w->last_good_at = query_get_i64(q, 9);
    w->queued = query_get_i64(q, 10);
    return 0;
}

static int list_hooks(struct db *h, struct webhook **ret, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id, url, secret_sealed, level, rules, owner, created_at, last_at, last_result,"
        " last_good_at, (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook_id = w.id)"
        " FROM webhook w ORDER BY seq LIMIT ?1";
    struct webhook *list = calloc(WEBHOOKS_MAX, sizeof(*list));
    _cleanup_(query_done)
    struct query q = { 0 };
    size_t n = 0;
    int r = query_open(&q, h, sql, err);

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        query_i64(&q, 1, WEBHOOKS_MAX);
    while (r == 0 && (r = query_step(&q, err)) > 0) {
        r = read_hook(&q, &list[n++], err);
        if (r < 0)
            break;
    }
    if (r < 0) {
        webhook_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

int store_webhook_list(struct store *st, struct webhook **ret, size_t *ret_count, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return list_hooks(l.db, ret, ret_count, err);
}

static int none(const char *id, struct err *err)
{
    (void)err_set(err, ERR_PARAM, "there is no webhook %s", id);
    return err_advise(err, "ListAlertWebhooks shows those that there are.");
}

int store_webhook_delete(struct store *st, const char *id, struct err *err)
{
    static const char sql[] = "DELETE FROM webhook WHERE id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    if (query_run(&q, err) < 0)
        return -1;
    return db_changes(l.db) == 0 ? none(id, err) : 0;
}

/* ---------------------------------------------------------------------- the queue */

static int add(struct db *h, const char *webhook_id, const char *delivery_id,
               struct json_object *body, int64_t now_ms, struct err *err)
{
    static const char sql[] =
        "INSERT INTO webhook_delivery (id, webhook_id, body, next_at, created_at)"
        " SELECT ?1, id, ?3, ?4, ?5 FROM webhook WHERE id = ?2";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, delivery_id);
    query_text(&q, 2, webhook_id);
    query_json(&q, 3, body);
    query_i64(&q, 4, now_ms);
    query_i64(&q, 5, now_ms / MS);
    if (query_run(&q, err) < 0)
        return -1;
    return (int)db_changes(h);
}

static int trim(struct db *h, const char *webhook_id, struct err *err)
{
    static const char sql[] = "DELETE FROM webhook_delivery WHERE webhook_id = ?1 AND seq <="
                              " (SELECT seq FROM webhook_delivery WHERE webhook_id = ?1"
                              "  ORDER BY seq DESC LIMIT 1 OFFSET ?2)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, webhook_id);
    query_i64(&q, 2, WEBHOOK_QUEUE_MAX);
    return query_run(&q, err);
}

static bool wants(const struct webhook *w, const struct alert *a)
{
    const char *level = alert_rule_level(a->rule);

    if (strcmp(w->level, "ERROR") == 0 && strcmp(level, "ERROR") != 0)
        return false;
    for (size_t i = 0; i < json_len(w->rules); i++)
        if (strcmp(json_at_str(w->rules, i), alert_rule_text(a->rule)) == 0)
            return true;
    return json_len(w->rules) == 0;
}

static struct json_object *body_new(const char *delivery_id, const char *event, int64_t now)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "deliveryId", delivery_id);
    json_add_str(o, "event", event);
    json_add_i64(o, "timestamp", now);
    return o;
}

static struct json_object *alert_body(const char *delivery_id, const char *event,
                                      const struct alert *a, int64_t now)
{
    struct json_object *o = body_new(delivery_id, event, now);
    bool measured = a->value != 0 || a->threshold != 0;

    json_add_str(o, "alertId", a->id);
    json_add_str(o, "rule", alert_rule_text(a->rule));
    json_add_str(o, "level", alert_rule_level(a->rule));
    json_add_str(o, "projectId", a->project_id);
    json_add_str(o, "projectName", a->project_name);
    json_add_str(o, "stepName", a->subject[0] != '\0' ? a->subject : NULL);
    json_add_str(o, "message", a->message);
    json_add(o, "value", measured ? json_object_new_double(a->value) : NULL);
    json_add(o, "threshold", measured ? json_object_new_double(a->threshold) : NULL);
    json_add_i64(o, "firedAt", a->fired_at);
    json_add(o, "resolvedAt", a->resolved_at != 0 ? json_object_new_int64(a->resolved_at) : NULL);
    json_add_i64(o, "sent", a->sent);
    return o;
}

int webhook_enqueue(struct db *h, const struct alert *a, const char *event, int64_t now,
                    struct err *err)
{
    struct webhook *hooks = NULL;
    size_t count = 0;
    int r = list_hooks(h, &hooks, &count, err);

    for (size_t i = 0; r >= 0 && i < count; i++) {
        char id[ID_MAX];
        _cleanup_(json_putp)
        struct json_object *body = NULL;
        if (!wants(&hooks[i], a))
            continue;
        body = alert_body(id_new("dl_", id), event, a, now);
        r = add(h, hooks[i].id, id, body, now * MS, err);
        if (r >= 0)
            r = trim(h, hooks[i].id, err);
    }
    webhook_list_free(hooks, count);
    return r < 0 ? -1 : 0;
}

int store_webhook_test(struct store *st, const char *id, int64_t now_ms,
                       char ret_delivery[static ID_MAX], struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    int r;

    body = body_new(id_new("dl_", ret_delivery), "TEST", now_ms / MS);
    json_add_str(body, "message", "A test of this webhook.");
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0)
        return -1;
    r = add(l.db, id, ret_delivery, body, now_ms, err);
    if (r == 0)
        return none(id, err);
    if (r < 0 || trim(l.db, id, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

/* Of each webhook only its oldest counts: nothing overtakes. */
int store_delivery_due(struct store *st, int64_t now_ms, struct delivery *ret, int64_t *ret_next_ms,
                       struct err *err)
{
    static const char sql[] =
        "SELECT d.id, d.webhook_id, w.url, w.secret_sealed, d.body, d.attempts, d.created_at,"
        " d.next_at FROM webhook w JOIN webhook_delivery d ON d.seq ="
        " (SELECT MIN(seq) FROM webhook_delivery WHERE webhook_id = w.id)"
        " ORDER BY d.next_at LIMIT 1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    *ret_next_ms = 0;
    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    *ret_next_ms = query_get_i64(&q, 7);
    if (*ret_next_ms > now_ms)
        return 0;
    *ret =
        (struct delivery){ .attempts = query_get_i64(&q, 5), .created_at = query_get_i64(&q, 6) };
    (void)snprintf(ret->id, sizeof(ret->id), "%s", query_peek_text(&q, 0));
    (void)snprintf(ret->webhook_id, sizeof(ret->webhook_id), "%s", query_peek_text(&q, 1));
    if (query_get_text(&q, 2, &ret->url, err) < 0 ||
        query_get_text(&q, 3, &ret->secret_sealed, err) < 0 ||
        query_get_text(&q, 4, &ret->body, err) < 0) {
        delivery_done(ret);
        return -1;
    }
    return 1;
}

static int note_result(struct db *h, const struct delivery *d, bool sent, const char *result,
                       int64_t now, struct err *err)
{
    static const char sql[] = "UPDATE webhook SET last_at = ?2, last_result = ?3,"
                              " last_good_at = iif(?4, ?2, last_good_at) WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, d->webhook_id);
    query_i64(&q, 2, now);
    query_text(&q, 3, result);
    query_i64(&q, 4, sent);
    return query_run(&q, err);
}

static int take_out(struct db *h, const struct delivery *d, struct err *err)
{
    static const char sql[] = "DELETE FROM webhook_delivery WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, d->id);
    return query_run(&q, err);
}

static int put_off(struct db *h, const struct delivery *d, int64_t next_ms, struct err *err)
{
    static const char sql[] = "UPDATE webhook_delivery SET attempts = attempts + 1, next_at = ?2"
                              " WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, d->id);
    query_i64(&q, 2, next_ms);
    return query_run(&q, err);
}

int store_delivery_result(struct store *st, const struct delivery *d, bool sent, const char *result,
                          int64_t now_ms, int64_t next_ms, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        note_result(l.db, d, sent, result, now_ms / MS, err) < 0 ||
        (sent || next_ms == 0 ? take_out(l.db, d, err) : put_off(l.db, d, next_ms, err)) < 0)
        return -1;
    return txn_commit(&t, err);
}
