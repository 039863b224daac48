/* STRUCT_TRANSFER: databases, tables, routines, views and events of the source made at the target.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

/* What is to be made, all of it known before the first statement is run. */
struct plan {
    struct schema_ctx *c;
    char **tables; /* CREATE TABLE by index of the catalog; NULL: exists and fits */
    char **drops;  /* of those: DROPs of the indexes that wait for the rows, or NULL */
    struct objects routines, views, events;
    size_t objects, done; /* for progress */
    size_t tables_done, views_done, routines_done;
};

static void plan_done(struct plan *p)
{
    for (size_t i = 0; p->tables != NULL && i < p->c->cat->count; i++)
        free(p->tables[i]);
    for (size_t i = 0; p->drops != NULL && i < p->c->cat->count; i++)
        free(p->drops[i]);
    free(p->tables);
    free(p->drops);
    objects_done(&p->routines);
    objects_done(&p->views);
    objects_done(&p->events);
}

static void progress(struct plan *p)
{
    struct json_object *info = json_object_new_object();

    json_add_u64(info, "objects", p->objects);
    json_add_u64(info, "done", p->done);
    json_add_u64(info, "tables", p->tables_done);
    json_add_u64(info, "views", p->views_done);
    json_add_u64(info, "routines", p->routines_done);
    report_progress(p->c->w->report,
                    p->objects == 0 ? 100.0 : 100.0 * (double)p->done / (double)p->objects, info);
}

/* ---- planning -------------------------------------------------------------------------------- */

/*
 * The table is made with all its indexes, so that the server refuses what it does not take before
 * the copy and not after it; those that wait are dropped again while it is empty.
 */
static int plan_drops(struct plan *p, size_t i, const struct create_result *made, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(1024 * 1024);
    const struct table *t = p->c->cat->tables[i];

    if (schema_index_policy(p->c->w->task) != INDEX_AUTO || !indexes_can_wait(t, made))
        return 0;
    indexes_drop_text(&sql, t, made);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    p->drops[i] = strdup(strbuf_str(&sql));
    return p->drops[i] != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int plan_table(struct plan *p, size_t i, struct err *err)
{
    struct schema_ctx *c = p->c;
    const struct table *t = c->cat->tables[i];
    int there = ctx_existing(c, t->mapped_db, t->mapped_name);
    struct create_result made = { 0 };
    char what[600];
    int rc;

    if (there == CTX_TABLE)
        return compare_table(c, t, err);
    (void)snprintf(what, sizeof(what), "table %s.%s", t->db, t->name);
    if (there == CTX_VIEW) {
        notes_add(&c->notes, NOTE_REFUSED, what,
                  "the target has a view of that name; drop or rename it");
        return 0;
    }
    if (schema_create_text(c, t, schema_index_policy(c->w->task), &made, err) < 0)
        return -1;
    p->tables[i] = take_ptr(made.sql);
    rc = plan_drops(p, i, &made, err);
    create_result_done(&made);
    return rc;
}

static int plan_views(struct plan *p, struct err *err)
{
    for (size_t i = 0; i < p->views.count; i++) {
        struct object *v = &p->views.list[i];
        int there = ctx_existing(p->c, v->mapped_db, v->mapped_name);
        char what[600];

        (void)snprintf(what, sizeof(what), "view %s.%s", v->db, v->name);
        if (there == CTX_TABLE)
            notes_add(&p->c->notes, NOTE_REFUSED, what,
                      "the target has a table of that name; drop it");
        if (there == CTX_VIEW && compare_view(p->c, v, err) < 0)
            return -1;
        v->done = there != CTX_NONE;
        if (!v->done && strstr(v->text, "SQL SECURITY DEFINER") != NULL)
            notes_add(&p->c->notes, NOTE_DROPPED, what,
                      "left out: its DEFINER; the migrating account becomes it");
    }
    return 0;
}

/* Two source objects under one name at the target, other than tables folded on purpose. */
static int plan_make(struct plan *p, struct err *err)
{
    struct schema_ctx *c = p->c;

    p->tables = calloc(c->cat->count + 1, sizeof(*p->tables));
    p->drops = calloc(c->cat->count + 1, sizeof(*p->drops));
    if (p->tables == NULL || p->drops == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->cat->count; i++) {
        if (report_stopping(c->w->report))
            return STAGE_STOPPED;
        if (plan_table(p, i, err) < 0)
            return -1;
    }
    if (objects_uncarried(c, err) < 0 || objects_routines(c, &p->routines, err) < 0 ||
        objects_views(c, &p->views, err) < 0 || plan_views(p, err) < 0)
        return -1;
    if (schema_wants_events(c->w->task) && objects_events(c, &p->events, err) < 0)
        return -1;
    p->objects = c->cat->count + p->routines.count + p->views.count + p->events.count;
    notes_report(&c->notes, c->w->report);
    return notes_check(&c->notes, err);
}

/* ---- creating -------------------------------------------------------------------------------- */

static int create_database(struct schema_ctx *c, const char *source, const char *name,
                           const char *collation, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf told = STRBUF(64 * 1024);
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    char mapped[MAP_NAME_MAX], what[600];
    struct create_job job = { .to = &c->to,
                              .collations = c->collations,
                              .overrides = c->overrides };
    struct notes notes = { 0 };

    strbuf_adds(&sql, "CREATE DATABASE IF NOT EXISTS ");
    sql_name(&sql, name);
    (void)snprintf(what, sizeof(what), "database %s", name);
    if (create_collation(&job, what, collation, mapped, &notes)) {
        strbuf_addc(&sql, ' ');
        create_collation_text(mapped, &sql);
    }
    notes_text(&notes, 0, &told);
    notes_report(&notes, c->w->report);
    notes_done(&notes);
    if (ctx_ddl(c, strbuf_str(&sql), what, err) < 0)
        return -1;
    report_converted(c->w->report, &(struct converted_report){ .kind = "DATABASE",
                                                               .db = source,
                                                               .name = "",
                                                               .target_db = name,
                                                               .target_name = "",
                                                               .source = collation,
                                                               .sql = strbuf_str(&sql),
                                                               .notes = strbuf_str(&told) });
    return 0;
}

static bool database_exists(const struct map *have, const char *name)
{
    return map_get(have, name) != NULL;
}

static int load_target_databases(struct schema_ctx *c, struct map *have, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int rc;

    if (conn_queryf(c->dst, &r, err, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA") < 0)
        return -1;
    while ((rc = result_next(&r, err)) == 1)
        if (map_set(have, result_str(&r, 0, ""), c) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

/* A database an account may not create is fine when it exists: CREATE … IF NOT EXISTS asks for the
 * right. */
static int ensure_database(struct schema_ctx *c, struct map *have, const char *mapped,
                           const char *source, struct err *err)
{
    const char *collation = "utf8mb4_general_ci";

    if (database_exists(have, mapped))
        return 0;
    for (size_t i = 0; i < c->db_count; i++)
        if (strcmp(c->dbs[i].name, source) == 0)
            collation = c->dbs[i].collation;
    if (map_set(have, mapped, c) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return create_database(c, source, mapped, collation, err);
}

static int create_databases(struct plan *p, struct err *err)
{
    _cleanup_(map_freep)
    struct map *have = map_new();
    struct schema_ctx *c = p->c;

    if (have == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (load_target_databases(c, have, err) < 0)
        return -1;
    for (size_t i = 0; i < c->db_count; i++)
        if (c->dbs[i].whole && c->dbs[i].mapped != NULL &&
            ensure_database(c, have, c->dbs[i].mapped, c->dbs[i].name, err) < 0)
            return -1;
    for (size_t i = 0; i < c->cat->count; i++)
        if (ensure_database(c, have, c->cat->tables[i]->mapped_db, c->cat->tables[i]->db, err) < 0)
            return -1;
    for (size_t i = 0; i < p->views.count; i++)
        if (ensure_database(c, have, p->views.list[i].mapped_db, p->views.list[i].db, err) < 0)
            return -1;
    return 0;
}

static int create_table(struct plan *p, size_t i, struct err *err)
{
    const struct table *t = p->c->cat->tables[i];
    char what[600];

    if (p->tables[i] == NULL)
        return 0;
    (void)snprintf(what, sizeof(what), "table %s.%s", t->mapped_db, t->mapped_name);
    if (p->drops[i] != NULL && indexes_note(p->c, t, err) < 0)
        return -1;
    FAULT("schema.table.before");
    if (ctx_ddl(p->c, p->tables[i], what, err) < 0)
        return -1;
    FAULT("schema.table.after");
    return p->drops[i] != NULL ? ctx_ddl(p->c, p->drops[i], what, err) : 0;
}

static int create_tables(struct plan *p, struct err *err)
{
    for (size_t i = 0; i < p->c->cat->count; i++) {
        if (report_stopping(p->c->w->report))
            return STAGE_STOPPED;
        if (create_table(p, i, err) < 0)
            return -1;
        p->tables_done++;
        p->done++;
        progress(p);
    }
    return 0;
}

enum { ER_SP_ALREADY_EXISTS = 1304, ER_EVENT_ALREADY_EXISTS = 1537 };

/* Routines and events: one that is there already is kept, ours or not, and said. */
static int create_kept(struct plan *p, struct object *o, struct err *err)
{
    if (object_create(p->c, o, err) == 0)
        return 0;
    if (err->db_errno != ER_SP_ALREADY_EXISTS && err->db_errno != ER_EVENT_ALREADY_EXISTS)
        return -1;
    report_event(p->c->w->report, "INFO", "schema_kept",
                 "%s %s.%s exists at the target and is kept", object_kind_name(o->kind),
                 o->mapped_db, o->mapped_name);
    err_reset(err);
    return 0;
}

static int create_list(struct plan *p, struct objects *list, size_t *counter, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (report_stopping(p->c->w->report))
            return STAGE_STOPPED;
        if (create_kept(p, &list->list[i], err) < 0)
            return -1;
        if (counter != NULL)
            (*counter)++;
        p->done++;
        progress(p);
    }
    return 0;
}

/* One pass over the views that are not there yet: > 0: how many were made. */
static int view_pass(struct plan *p, struct err *err)
{
    int made = 0;

    for (size_t i = 0; i < p->views.count; i++) {
        struct object *v = &p->views.list[i];

        if (v->done)
            continue;
        if (object_create(p->c, v, err) < 0) {
            if (err->code != ERR_SCHEMA_CONVERT)
                return -1;
            free(v->failure);
            v->failure = strdup(err->message);
            err_reset(err);
            continue;
        }
        FAULT("schema.view.after");
        v->done = true;
        made++;
        p->views_done++;
        p->done++;
        progress(p);
    }
    return made;
}

/* Views stand on views: again and again until a pass makes none. */
static int create_views(struct plan *p, struct err *err)
{
    int made;

    for (size_t i = 0; i < p->views.count; i++) {
        p->views_done += p->views.list[i].done;
        p->done += p->views.list[i].done;
    }
    while ((made = view_pass(p, err)) > 0)
        if (report_stopping(p->c->w->report))
            return STAGE_STOPPED;
    if (made < 0)
        return -1;
    notes_done(&p->c->notes);
    for (size_t i = 0; i < p->views.count; i++) {
        const struct object *v = &p->views.list[i];
        char what[600];

        (void)snprintf(what, sizeof(what), "view %s.%s", v->db, v->name);
        if (!v->done)
            notes_add(&p->c->notes, NOTE_REFUSED, what, "%s", v->failure == NULL ? "" : v->failure);
    }
    notes_report(&p->c->notes, p->c->w->report);
    if (notes_check(&p->c->notes, err) < 0)
        return err_advise(err,
                          "views refer to what the target does not have: select those objects too, "
                          "create the views by hand, or leave them out");
    return 0;
}

static int create_all(struct plan *p, struct err *err)
{
    int rc;

    if (create_databases(p, err) < 0)
        return -1;
    if ((rc = create_tables(p, err)) != 0 ||
        (rc = create_list(p, &p->routines, &p->routines_done, err)) != 0 ||
        (rc = create_views(p, err)) != 0)
        return rc;
    return create_list(p, &p->events, NULL, err);
}

static int run(struct schema_ctx *c, struct err *err)
{
    struct plan p = { .c = c };
    int rc = plan_make(&p, err);

    if (rc == 0)
        rc = create_all(&p, err);
    if (rc == 0) {
        p.done = p.objects;
        progress(&p);
        log_info("schema", "schema_done", "tables=%zu views=%zu routines=%zu events=%zu",
                 c->cat->count, p.views.count, p.routines.count, p.events.count);
    }
    plan_done(&p);
    return rc;
}

int schema_run(struct worker *w, struct err *err)
{
    return schema_with_retries(w, run, err);
}
