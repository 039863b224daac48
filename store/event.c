#include "store/event.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"
#include "store/history.h"

#include "base/banned.h"

/* Bytes of the character at `p` (RFC 3629, without checking for overlong forms); 0: it is none. */
static size_t char_len(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (p[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80) /* the end of the text, too */
            return 0;
    return len;
}

/*
 * Messages are put together from texts that are cut to fit, also within a character; an answer of
 * the API with such a piece in it could not be read by its client.
 */
static char *readable(const char *message)
{
    char *copy = strdup(message);

    for (unsigned char *p = (unsigned char *)copy; p != NULL && *p != '\0';) {
        size_t len = char_len(p);
        if (len == 0)
            *p = '?';
        p += MAX(len, (size_t)1);
    }
    return copy;
}

static int insert(struct db *h, const char *project_id, const char *level, const char *event,
                  const char *message, struct err *err)
{
    static const char sql[] = "INSERT INTO event (project_id, at, level, event, message)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)";
    _cleanup_(freep)
    char *text = readable(message);
    _cleanup_(query_done)
    struct query q = { 0 };

    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, project_id);
    query_i64(&q, 2, clock_now_s());
    query_text(&q, 3, level);
    query_text(&q, 4, event);
    query_text(&q, 5, text);
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

#define FIND_FROM                                                                                  \
    " FROM event WHERE project_id = ?1"                                                            \
    " AND (?2 IS NULL OR level IN (SELECT value FROM json_each(?2)))"                              \
    " AND (?3 IS NULL OR event = ?3) AND (?4 = 0 OR at >= ?4) AND (?5 = 0 OR at <= ?5)"

static void bind_filter(struct query *q, const char *project_id, const struct event_filter *f)
{
    query_text(q, 1, project_id);
    query_json(q, 2, f->levels);
    query_text(q, 3, f->event);
    query_i64(q, 4, f->from);
    query_i64(q, 5, f->to);
}

static int count_rows(struct db *h, const char *project_id, const struct event_filter *f,
                      int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*)" FIND_FROM;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    bind_filter(&q, project_id, f);
    return query_count(&q, ret, err);
}

static int read_event(struct query *q, struct json_object **ret, struct err *err)
{
    struct json_object *o = json_object_new_object();

    (void)err;
    json_add_i64(o, "time", query_get_i64(q, 0));
    json_add_str(o, "level", query_peek_text(q, 1));
    json_add_str(o, "event", query_peek_text(q, 2));
    json_add_str(o, "message", query_peek_text(q, 3));
    *ret = o;
    return 0;
}

int store_event_find(struct store *st, const char *project_id, const struct event_filter *f,
                     int64_t offset, int limit, struct json_object **ret, int64_t *ret_total,
                     struct err *err)
{
    static const char sql[] =
        "SELECT at, level, event, message" FIND_FROM " ORDER BY seq DESC LIMIT ?6 OFFSET ?7";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int64_t total = 0;

    if (store_borrow(st, &l, err) < 0 || count_rows(l.db, project_id, f, &total, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    bind_filter(&q, project_id, f);
    query_i64(&q, 6, MIN(MAX(limit, 1), EVENTS_PER_PROJECT));
    query_i64(&q, 7, MAX(offset, 0));
    if (query_list(&q, read_event, ret, err) < 0)
        return -1;
    if (ret_total != NULL)
        *ret_total = total;
    return 0;
}

int store_event_list(struct store *st, const char *project_id, int64_t offset, int limit,
                     struct json_object **ret, int64_t *ret_total, struct err *err)
{
    const struct event_filter everything = { 0 };

    return store_event_find(st, project_id, &everything, offset, limit, ret, ret_total, err);
}
