#include "store/source.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "store/db.h"
#include "store/history.h"

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

/* Which rows count as there, besides those that are not deleted. */
enum seen { SEEN_LISTED, SEEN_USED, SEEN_ALL };

static int get_row(struct db *h, const char *id, enum seen seen, struct source **ret,
                   struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM source WHERE id = ?1"
                              " AND (deleted_at IS NULL OR ?2 = 2 OR (?2 = 1 AND EXISTS"
                              " (SELECT 1 FROM project p WHERE (p.source_id = source.id"
                              "  OR p.sink_id = source.id) AND p.status <> 'DELETED')))";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, seen);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_SOURCE_NOT_FOUND, "no data source %s", id);
    return read_row(&q, ret, err);
}

int store_source_get(struct store *st, const char *id, bool include_deleted, struct source **ret,
                     struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return get_row(l.db, id, include_deleted ? SEEN_ALL : SEEN_LISTED, ret, err);
}

int store_source_usable(struct store *st, const char *id, struct source **ret, struct err *err)
{
    _cleanup_(store_return)
    struct lease l = { 0 };

    if (store_borrow(st, &l, err) < 0)
        return -1;
    return get_row(l.db, id, SEEN_USED, ret, err);
}

int store_source_named(struct store *st, struct json_object *ids, struct source ***ret,
                       size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM source WHERE id IN (SELECT value FROM json_each(?1))";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    struct source **list;
    size_t n = 0;
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_json(&q, 1, ids);
    list = calloc(MAX(json_len(ids), (size_t)1), sizeof(struct source *));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while ((r = query_step(&q, err)) > 0 && n < json_len(ids)) {
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
    return 0;
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

/* ---------------------------------------------------------------------- changing */

static int refuse_running(struct db *h, const char *id, struct err *err)
{
    static const char sql[] = "SELECT id FROM project WHERE (source_id = ?1 OR sink_id = ?1)"
                              " AND status = 'RUNNING' ORDER BY seq LIMIT 10";
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf names = STRBUF(1024);
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    while ((r = query_step(&q, err)) > 0)
        strbuf_addf(&names, "%s%s", names.len > 0 ? ", " : "", query_peek_text(&q, 0));
    if (r < 0 || names.len == 0)
        return r;
    (void)err_set(err, ERR_IN_USE, "data source %s is used by running projects: %s", id,
                  strbuf_str(&names));
    return err_advise(err, "StopProject, change it, then ResumeProject.");
}

/* One event for each project that is not over: what is new, never the password. */
static int tell_projects(struct db *h, const struct source *old, const struct source_change *change,
                         const char *by, struct err *err)
{
    static const char sql[] = "SELECT id FROM project WHERE (source_id = ?1 OR sink_id = ?1)"
                              " AND status NOT IN ('RELEASED', 'DELETED')";
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    _cleanup_(query_done)
    struct query q = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(4096);
    size_t count = 0;

    strbuf_addf(&text, "%s changed data source %s (%s): %s:%d user %s", by, old->name, old->id,
                old->host, old->port, old->user);
    strbuf_addf(&text, " -> %s:%d user %s", change->host != NULL ? change->host : old->host,
                change->port != 0 ? change->port : old->port,
                change->user != NULL ? change->user : old->user);
    if (change->password_sealed != NULL)
        strbuf_adds(&text, ", another password");
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, old->id);
    if (query_get_ids(&q, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (history_add(h, ids[i], "WARN", "source_changed", strbuf_str(&text), err) < 0)
            return -1;
    return 0;
}

static int write_change(struct db *h, const char *id, const struct source_change *change,
                        struct err *err)
{
    /* every expression reads the old row */
    static const char sql[] =
        "UPDATE source SET host = COALESCE(?2, host), port = COALESCE(?3, port),"
        " user = COALESCE(?4, user), password_sealed = COALESCE(?5, password_sealed),"
        " version = iif(?6, NULL, version), charset = iif(?6, NULL, charset),"
        " timezone = iif(?6, NULL, timezone), modified_at = ?7 WHERE id = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, change->host);
    if (change->port != 0)
        query_i64(&q, 3, change->port);
    query_text(&q, 4, change->user);
    query_text(&q, 5, change->password_sealed);
    query_i64(&q, 6, change->host != NULL || change->port != 0);
    query_i64(&q, 7, clock_now_s());
    return query_run(&q, err);
}

int store_source_update(struct store *st, const char *id, const struct source_change *change,
                        const char *by, struct err *err)
{
    _cleanup_(source_freep)
    struct source *old = NULL;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        get_row(l.db, id, SEEN_USED, &old, err) < 0 || refuse_running(l.db, id, err) < 0 ||
        write_change(l.db, id, change, err) < 0 || tell_projects(l.db, old, change, by, err) < 0)
        return -1;
    FAULT("store.source_update.before");
    return txn_commit(&t, err);
}

/* The slave becomes what the source was. */
static int write_slave(struct db *h, const struct source *old, struct err *err)
{
    static const char sql[] = "UPDATE source SET extra = json_set(extra, '$.slave', json(?2))"
                              " WHERE id = ?1";
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    _cleanup_(query_done)
    struct query q = { 0 };

    json_add_str(o, "host", old->host);
    json_add_i64(o, "port", old->port);
    json_add_str(o, "user", old->user);
    json_add_str(o, "passwordSealed", old->password_sealed);
    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, old->id);
    query_json(&q, 2, o);
    return query_run(&q, err);
}

int store_source_use_slave(struct store *st, const char *id, const char *by, struct err *err)
{
    _cleanup_(source_freep)
    struct source *old = NULL;
    struct source_change change = { 0 };
    struct json_object *slave;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        get_row(l.db, id, SEEN_USED, &old, err) < 0)
        return -1;
    slave = json_get(old->extra, "slave");
    if (slave == NULL)
        return err_set(err, ERR_STATE, "data source %s has no slave", id);
    change.host = json_get_str(slave, "host", old->host);
    change.port = (int)json_get_i64(slave, "port", old->port);
    change.user = json_get_str(slave, "user", old->user);
    change.password_sealed = json_get_str(slave, "passwordSealed", old->password_sealed);
    if (refuse_running(l.db, id, err) < 0 || write_change(l.db, id, &change, err) < 0 ||
        write_slave(l.db, old, err) < 0 || tell_projects(l.db, old, &change, by, err) < 0)
        return -1;
    return txn_commit(&t, err);
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
    return query_count(&q, ret, err);
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
