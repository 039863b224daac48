/*
 * Pages of projects. A page is first a list of ids with what their rows and all that is shown with
 * them have become since (store/version in schema.c); the rows are read of those that are asked
 * for.
 */
#include "store/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "store/project_in.h"

#include "base/banned.h"

void project_list_free(struct project **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        project_free(list[i]);
    free(list);
}

/* ---------------------------------------------------------------------- filters */

/* RUNNING_MODIFYING, RUNNING_MERGING: what a RUNNING project shows while its objects change. */
#define SHOWN                                                                                      \
    "CASE WHEN p.status = 'RUNNING' AND p.modifying IS NOT NULL"                                   \
    " THEN 'RUNNING_' || p.modifying ELSE p.status END"

/* What most lists ask for: everything there is. The index of the order alone answers it. */
#define WHERE_ALL " WHERE +p.status <> 'DELETED' AND p.parent_id IS NULL"

/*
 * ?5 and ?6 are looked up for a project only when they are given, and the row of a project only
 * when it is not left out by its status, which the index of the order has. The plus signs keep
 * SQLite from going along the index of the status and sorting what it finds.
 */
#define WHERE_SOME                                                                                 \
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
    bool by_status; /* by nothing else; the counts of statuses are kept */
    bool all;       /* by nothing at all */
};

static void bound_filter_done(struct bound_filter *b)
{
    free(b->like);
    json_putp(&b->statuses);
    json_putp(&b->source_types);
    json_putp(&b->sink_types);
    json_putp(&b->label_ids);
}

static int bound_filter_make(const struct project_filter *f, struct bound_filter *b,
                             struct err *err)
{
    bool any_status = f->statuses == 0 && !f->alarming;

    *b = (struct bound_filter){
        .statuses = project_status_list(any_status ? ~(1U << PS_DELETED) : f->statuses),
        .source_types = db_text_list(f->source_types),
        .sink_types = db_text_list(f->sink_types),
        .label_ids = db_text_list(f->label_ids),
    };
    b->by_status = f->search == NULL && f->type == NULL && b->source_types == NULL &&
                   b->sink_types == NULL && b->label_ids == NULL && !f->alarming;
    b->all = b->by_status && any_status && !f->with_subs;
    return db_like(f->search, &b->like, err);
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
    static const char some[] = "SELECT COUNT(*) FROM project p" WHERE_SOME;
    static const char by_status[] =
        "SELECT COALESCE(SUM(n), 0) FROM project_count WHERE shown IN (SELECT value FROM"
        " json_each(?1)) AND (?2 OR NOT sub)";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, b->by_status ? by_status : some, err) < 0)
        return -1;
    if (b->by_status) {
        query_json(&q, 1, b->statuses);
        query_i64(&q, 2, f->with_subs);
    } else {
        bind_filter(&q, b, f);
    }
    return query_count(&q, ret, err);
}

/* ---------------------------------------------------------------------- pages */

#define VERSION_COLUMNS                                                                            \
    "p.id, (SELECT n FROM version v WHERE v.id = p.id),"                                           \
    " (SELECT n FROM version v WHERE v.id = p.source_id),"                                         \
    " (SELECT n FROM version v WHERE v.id = p.sink_id),"                                           \
    " (SELECT SUM(v.n) FROM project_label x JOIN label l ON l.seq = x.label"                       \
    "  JOIN version v ON v.id = l.id WHERE x.project_id = p.id)"

static void read_version(struct query *q, struct project_version *ret)
{
    (void)snprintf(ret->id, sizeof(ret->id), "%s", query_peek_text(q, 0));
    ret->own = query_get_i64(q, 1);
    ret->source = query_get_i64(q, 2);
    ret->sink = query_get_i64(q, 3);
    ret->labels = query_get_i64(q, 4);
}

/*
 * One text an order, so that each goes along its index and ends with the page; seq breaks ties
 * within a second.
 */
#define PAGE_OF(where, order)                                                                      \
    "SELECT " VERSION_COLUMNS " FROM project p" where " ORDER BY " order " LIMIT ?8 OFFSET ?9"
#define PAGES(order)                                                                               \
    {                                                                                              \
        PAGE_OF(WHERE_SOME, order), PAGE_OF(WHERE_ALL, order)                                      \
    }

static const char *page_sql(const struct page *page, bool all)
{
    static const char *const created[] = PAGES("p.created_at, p.seq");
    static const char *const created_last[] = PAGES("p.created_at DESC, p.seq DESC");
    static const char *const modified[] = PAGES("p.modified_at, p.seq");
    static const char *const modified_last[] = PAGES("p.modified_at DESC, p.seq DESC");

    if (page->by_modified)
        return (page->ascending ? modified : modified_last)[all];
    return (page->ascending ? created : created_last)[all];
}

static int read_page(struct db *h, const struct bound_filter *b, const struct project_filter *f,
                     struct project_version *list, size_t *ret_count, struct err *err)
{
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, page_sql(&f->page, b->all), err) < 0)
        return -1;
    if (!b->all)
        bind_filter(&q, b, f);
    query_i64(&q, 8, db_limit(&f->page));
    query_i64(&q, 9, db_offset(&f->page));
    for (*ret_count = 0; (r = query_step(&q, err)) > 0; (*ret_count)++)
        read_version(&q, &list[*ret_count]);
    return r;
}

int store_project_page(struct store *st, const struct project_filter *f,
                       struct project_version **ret, size_t *ret_count, int64_t *ret_total,
                       struct err *err)
{
    _cleanup_(bound_filter_done)
    struct bound_filter b = { 0 };
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(freep)
    struct project_version *list = calloc((size_t)db_limit(&f->page), sizeof(*list));

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (bound_filter_make(f, &b, err) < 0 || store_borrow(st, &l, err) < 0 ||
        count_rows(l.db, &b, f, ret_total, err) < 0 ||
        read_page(l.db, &b, f, list, ret_count, err) < 0)
        return -1;
    *ret = take_ptr(list);
    return 0;
}

int store_project_version(struct store *st, const char *id, struct project_version *ret,
                          struct err *err)
{
    static const char sql[] =
        "SELECT " VERSION_COLUMNS " FROM project p WHERE p.id = ?1 AND p.status <> 'DELETED'";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    r = query_step(&q, err);
    if (r > 0)
        read_version(&q, ret);
    return r;
}

/* ---------------------------------------------------------------------- rows of a page */

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

int store_project_briefs(struct store *st, struct json_object *ids, struct project ***ret,
                         size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT " PROJECT_COLUMNS(BRIEF_CONFIG) " FROM json_each(?1) j JOIN project p"
                                                " ON p.id = j.value ORDER BY j.key";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    struct project **list;
    size_t n = 0;
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_json(&q, 1, ids);
    list = calloc(MAX(json_len(ids), (size_t)1), sizeof(struct project *));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while ((r = query_step(&q, err)) > 0 && (r = project_read_row(&q, &list[n], err)) >= 0)
        n++;
    if (r < 0) {
        project_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

int store_project_list(struct store *st, const struct project_filter *f, struct project ***ret,
                       size_t *ret_count, int64_t *ret_total, struct err *err)
{
    _cleanup_(freep)
    struct project_version *page = NULL;
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();
    int64_t total = 0;
    size_t n = 0;

    if (store_project_page(st, f, &page, &n, &total, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        (void)json_object_array_add(ids, json_object_new_string(page[i].id));
    if (store_project_briefs(st, ids, ret, ret_count, err) < 0)
        return -1;
    *ret_total = total;
    return 0;
}
