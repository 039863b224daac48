#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"

#include "base/banned.h"

enum { PRUNE_AT_ONCE = 1000 };

int store_audit_add(struct store *st, const struct audit_event *e, int64_t *ret_seq,
                    struct err *err)
{
    static const char sql[] =
        "INSERT INTO audit (at, last_at, user, key_id, peer, action, target, target_name, result,"
        " request_id) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING seq";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, clock_now_s());
    query_text(&q, 2, e->user);
    query_text(&q, 3, e->key_id);
    query_text(&q, 4, e->peer);
    query_text(&q, 5, e->action);
    query_text(&q, 6, e->target);
    query_text(&q, 7, e->target_name);
    query_text(&q, 8, e->result);
    query_text(&q, 9, e->request_id);
    if (query_step(&q, err) < 0)
        return -1;
    *ret_seq = query_get_i64(&q, 0);
    return query_run(&q, err); /* only its end commits it */
}

int store_audit_end(struct store *st, int64_t seq, const char *target, const char *target_name,
                    const char *result, struct err *err)
{
    static const char sql[] = "UPDATE audit SET result = ?2, target = COALESCE(?3, target),"
                              " target_name = COALESCE(?4, target_name) WHERE seq = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, seq);
    query_text(&q, 2, result);
    query_text(&q, 3, target);
    query_text(&q, 4, target_name);
    return query_run(&q, err);
}

int store_audit_again(struct store *st, int64_t seq, int64_t more, int64_t last_at, bool several,
                      struct err *err)
{
    static const char sql[] =
        "UPDATE audit SET count = count + ?2, last_at = ?3,"
        " target = iif(?4, NULL, target), target_name = iif(?4, NULL, target_name) WHERE seq = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, seq);
    query_i64(&q, 2, more);
    query_i64(&q, 3, last_at);
    query_i64(&q, 4, several);
    return query_run(&q, err);
}

int store_audit_recover(struct store *st, struct err *err)
{
    static const char sql[] =
        "UPDATE audit SET result = '" AUDIT_UNKNOWN "' WHERE result = '" AUDIT_STARTED "'";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    return query_run(&q, err);
}

int store_audit_prune(struct store *st, int64_t keep, int64_t oldest, bool *ret_more,
                      struct err *err)
{
    /* looked at first without a writer's lock: most of the time there is nothing to do */
    static const char look[] = "SELECT seq <= (SELECT max(seq) FROM audit) - ?1 OR last_at < ?2"
                               " FROM audit ORDER BY seq LIMIT 1";
    static const char sql[] = "DELETE FROM audit WHERE seq <= (SELECT min(seq) FROM audit) + ?3 - 1"
                              " AND (seq <= (SELECT max(seq) FROM audit) - ?1 OR last_at < ?2)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(query_done)
    struct query d = { 0 };
    int r;

    *ret_more = false;
    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, look, err) < 0)
        return -1;
    query_i64(&q, 1, keep);
    query_i64(&q, 2, oldest);
    r = query_step(&q, err);
    if (r <= 0 || query_get_i64(&q, 0) == 0)
        return r < 0 ? -1 : 0;
    query_done(&q);
    if (query_open(&d, l.db, sql, err) < 0)
        return -1;
    query_i64(&d, 1, keep);
    query_i64(&d, 2, oldest);
    query_i64(&d, 3, PRUNE_AT_ONCE);
    if (query_run(&d, err) < 0)
        return -1;
    *ret_more = db_changes(l.db) == PRUNE_AT_ONCE;
    return 0;
}

/* ------------------------------------------------------------------ reading */

/*
 * An index serves only a comparison that is always there, and statements are constants: so one
 * statement for each filter that has an index. The others are looked at row by row.
 */
#define REST_                                                                                      \
    " (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR action = ?2) AND (?3 IS NULL OR target = ?3"    \
    " OR target_name = ?3) AND (?4 IS NULL OR result = ?4 OR (?4 = 'FAILED' AND result NOT IN"     \
    " ('" AUDIT_OK "', '" AUDIT_STARTED "'))) AND at >= ?5 AND at <= ?6"
#define ROWS_(where)                                                                               \
    "SELECT seq, at, last_at, count, user, key_id, peer, action, target, target_name, result,"     \
    " request_id FROM audit WHERE" where REST_ " ORDER BY at DESC, seq DESC LIMIT ?7 OFFSET ?8"
#define COUNT_(where) "SELECT count(*) FROM audit WHERE" where REST_

static const struct {
    const char *rows, *count;
} statements[] = {
    { ROWS_(""), COUNT_("") },
    { ROWS_(" user = ?1 AND"), COUNT_(" user = ?1 AND") },
    { ROWS_(" action = ?2 AND"), COUNT_(" action = ?2 AND") },
};

static void bind_filter(struct query *q, const struct audit_filter *f)
{
    query_text(q, 1, f->user);
    query_text(q, 2, f->action);
    query_text(q, 3, f->target);
    query_text(q, 4, f->result);
    query_i64(q, 5, f->from);
    query_i64(q, 6, f->to == 0 ? INT64_MAX : f->to);
}

static void add_text(struct query *q, int at, struct json_object *o, const char *key)
{
    const char *text = query_peek_text(q, at);

    json_add_str(o, key, *text == '\0' ? NULL : text);
}

static int read_row(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();
    char number[24], time[CLOCK_TEXT_LEN];

    (void)err;
    (void)snprintf(number, sizeof(number), "%" PRId64, query_get_i64(q, 0));
    json_add_str(o, "id", number);
    json_add_str(o, "gmtCreate", clock_text(query_get_i64(q, 1), time));
    json_add_str(o, "gmtLast", clock_text(query_get_i64(q, 2), time));
    json_add_i64(o, "count", query_get_i64(q, 3));
    add_text(q, 4, o, "user");
    add_text(q, 5, o, "accessKeyId");
    add_text(q, 6, o, "peer");
    add_text(q, 7, o, "action");
    add_text(q, 8, o, "target");
    add_text(q, 9, o, "targetName");
    add_text(q, 10, o, "result");
    add_text(q, 11, o, "requestId");
    *ret = o;
    return 0;
}

int store_audit_list(struct store *st, const struct audit_filter *f, struct json_object **ret,
                     int64_t *ret_total, struct err *err)
{
    size_t which = f->user != NULL ? 1 : f->action != NULL ? 2 : 0;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(query_done)
    struct query n = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&n, l.db, statements[which].count, err) < 0)
        return -1;
    bind_filter(&n, f);
    if (query_count(&n, ret_total, err) < 0 ||
        query_open(&q, l.db, statements[which].rows, err) < 0)
        return -1;
    bind_filter(&q, f);
    query_i64(&q, 7, db_limit(&f->page));
    query_i64(&q, 8, db_offset(&f->page));
    return query_list(&q, read_row, ret, err);
}
