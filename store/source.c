#include "store/source.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"

#include "base/banned.h"

enum {
    SOURCES_MAX = 10000,
    DELETED_KEPT = 1000, /* deleted sources that no project uses; older ones go for good */
};

#define COLUMNS                                                                                    \
    "id, name, type, host, port, user, password_sealed, extra, version, charset, timezone,"        \
    " created_at, modified_at"

void source_free(struct source *s)
{
    if (s == NULL)
        return;
    free(s->name);
    free(s->type);
    free(s->host);
    free(s->user);
    free(s->password_sealed);
    free(s->version);
    free(s->charset);
    free(s->timezone);
    if (s->extra != NULL)
        (void)json_object_put(s->extra);
    free(s);
}

void source_list_free(struct source **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        source_free(list[i]);
    free(list);
}

/* The present row of a query for COLUMNS. */
static int read_row(struct query *q, struct source **ret, struct err *err)
{
    _cleanup_(source_freep)
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(s->id, sizeof(s->id), "%s", query_peek_text(q, 0));
    s->port = (int)query_get_i64(q, 4);
    s->created_at = query_get_i64(q, 11);
    s->modified_at = query_get_i64(q, 12);
    if (query_get_text(q, 1, &s->name, err) < 0 || query_get_text(q, 2, &s->type, err) < 0 ||
        query_get_text(q, 3, &s->host, err) < 0 || query_get_text(q, 5, &s->user, err) < 0 ||
        query_get_text(q, 6, &s->password_sealed, err) < 0 ||
        query_get_json(q, 7, &s->extra, err) < 0 || query_get_text(q, 8, &s->version, err) < 0 ||
        query_get_text(q, 9, &s->charset, err) < 0 || query_get_text(q, 10, &s->timezone, err) < 0)
        return -1;
    *ret = take_ptr(s);
    return 0;
}

static int check_limit(struct db *h, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM source WHERE deleted_at IS NULL";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0 || query_step(&q, err) < 0)
        return -1;
    if (query_get_i64(&q, 0) >= SOURCES_MAX)
        return err_set(err, ERR_LIMIT, "there are %d data sources already", (int)SOURCES_MAX);
    return 0;
}

/* Keeps what a client may multiply bounded: create, delete, create, … */
static int forget_deleted(struct db *h, struct err *err)
{
    static const char sql[] =
        "DELETE FROM source WHERE deleted_at IS NOT NULL"
        " AND seq <= (SELECT seq FROM source WHERE deleted_at IS NOT NULL"
        "             ORDER BY seq DESC LIMIT 1 OFFSET ?1)"
        " AND NOT EXISTS (SELECT 1 FROM project p WHERE p.source_id = source.id)"
        " AND NOT EXISTS (SELECT 1 FROM project p WHERE p.sink_id = source.id)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_i64(&q, 1, DELETED_KEPT);
    return query_run(&q, err);
}

static int insert(struct db *h, const struct source *s, struct err *err)
{
    static const char sql[] = "INSERT INTO source (" COLUMNS ")"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, s->id);
    query_text(&q, 2, s->name);
    query_text(&q, 3, s->type);
    query_text(&q, 4, s->host);
    query_i64(&q, 5, s->port);
    query_text(&q, 6, s->user);
    query_text(&q, 7, s->password_sealed);
    query_json(&q, 8, s->extra);
    query_text(&q, 9, s->version);
    query_text(&q, 10, s->charset);
    query_text(&q, 11, s->timezone);
    query_i64(&q, 12, s->created_at);
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_unique(&q))
        return err_set(err, ERR_NAME_TAKEN, "a data source named %s exists already", s->name);
    return -1;
}

int store_source_add(struct store *st, struct source *s, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (s->id[0] == '\0')
        (void)id_new("e_", s->id);
    s->created_at = s->modified_at = clock_now_s();
    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        check_limit(l.db, err) < 0 || forget_deleted(l.db, err) < 0 || insert(l.db, s, err) < 0)
        return -1;
    return txn_commit(&t, err);
}

int store_source_get(struct store *st, const char *id, bool include_deleted, struct source **ret,
                     struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM source"
                              " WHERE id = ?1 AND (?2 OR deleted_at IS NULL)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, include_deleted);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_SOURCE_NOT_FOUND, "no data source %s", id);
    return read_row(&q, ret, err);
}

int store_source_delete(struct store *st, const char *id, struct err *err)
{
    static const char sql[] = "UPDATE source SET deleted_at = ?2, modified_at = ?2"
                              " WHERE id = ?1 AND deleted_at IS NULL";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(l.db) == 0)
        return err_set(err, ERR_SOURCE_NOT_FOUND, "no data source %s", id);
    return 0;
}

int store_source_learn(struct store *st, const char *id, const char *version, const char *charset,
                       const char *timezone, struct err *err)
{
    /* a worker tells the same again and again: only a change is written */
    static const char sql[] =
        "UPDATE source SET version = COALESCE(?2, version), charset = COALESCE(?3, charset),"
        " timezone = COALESCE(?4, timezone)"
        " WHERE id = ?1 AND (version IS NOT COALESCE(?2, version)"
        "  OR charset IS NOT COALESCE(?3, charset) OR timezone IS NOT COALESCE(?4, timezone))";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, version);
    query_text(&q, 3, charset);
    query_text(&q, 4, timezone);
    return query_run(&q, err);
}

#define LIST_FROM                                                                                  \
    " FROM source WHERE deleted_at IS NULL"                                                        \
    " AND (?1 IS NULL OR name LIKE ?1 ESCAPE '\\' OR id LIKE ?1 ESCAPE '\\')"                      \
    " AND (?2 IS NULL OR type IN (SELECT value FROM json_each(?2)))"

static int count_rows(struct db *h, const char *like, struct json_object *types, int64_t *ret,
                      struct err *err)
{
    static const char sql[] = "SELECT COUNT(*)" LIST_FROM;
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, like);
    query_json(&q, 2, types);
    if (query_step(&q, err) < 0)
        return -1;
    *ret = query_get_i64(&q, 0);
    return 0;
}

int store_source_list(struct store *st, const struct source_filter *f, struct source ***ret,
                      size_t *ret_count, int64_t *ret_total, struct err *err)
{
    /* ?6 is 1 or -1: turns the order round; seq breaks ties within a second */
    static const char sql[] = "SELECT " COLUMNS LIST_FROM
                              " ORDER BY CASE WHEN ?5 THEN modified_at ELSE created_at END * ?6,"
                              " seq * ?6 LIMIT ?3 OFFSET ?4";
    _cleanup_(freep)
    char *like = NULL;
    _cleanup_(json_putp)
    struct json_object *types = db_text_list(f->types);
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    struct source **list = NULL;
    int64_t total = 0;
    size_t n = 0;
    int r;

    if (db_like(f->search, &like, err) < 0 || store_borrow(st, &l, err) < 0 ||
        count_rows(l.db, like, types, &total, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, like);
    query_json(&q, 2, types);
    query_i64(&q, 3, db_limit(&f->page));
    query_i64(&q, 4, db_offset(&f->page));
    query_i64(&q, 5, f->page.by_modified);
    query_i64(&q, 6, f->page.ascending ? 1 : -1);
    list = calloc((size_t)db_limit(&f->page), sizeof(struct source *));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while ((r = query_step(&q, err)) > 0) {
        r = read_row(&q, &list[n], err);
        if (r < 0)
            break;
        n++;
    }
    if (r < 0) {
        source_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    *ret_total = total;
    return 0;
}
