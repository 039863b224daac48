/* INDEX_TRANSFER: what waits for the copy: normal indexes, foreign keys, triggers. All of it
 * idempotent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

enum { ER_TRG_ALREADY_EXISTS = 1359, NAME_LIST_MAX = 4 * 1024 * 1024 };

struct finish {
    struct schema_ctx *c;
    size_t objects, done, indexes, foreign_keys, triggers;
};

/* At the end of FULL_TRANSFER no stepInfo is sent: that step's own (processedRecords, …) stays. */
static struct json_object *step_info(const struct finish *f)
{
    struct json_object *info;

    if (strcmp(f->c->w->task->kind, "full") == 0)
        return NULL;
    info = json_object_new_object();
    json_add_u64(info, "objects", f->objects);
    json_add_u64(info, "done", f->done);
    json_add_u64(info, "indexes", f->indexes);
    json_add_u64(info, "foreignKeys", f->foreign_keys);
    json_add_u64(info, "triggers", f->triggers);
    return info;
}

/* Nor does its percentage fall back: the copy is at 100 by then. */
static void progress(struct finish *f)
{
    bool own_step = strcmp(f->c->w->task->kind, "full") != 0;
    double percent = f->objects == 0 ? 100.0 : 100.0 * (double)f->done / (double)f->objects;

    report_progress(f->c->w->report, own_step ? percent : 100.0, step_info(f));
}

/* ---- foreign keys ---------------------------------------------------------------------------- */

static void name_list(struct strbuf *sql, char *const *names, size_t count)
{
    strbuf_adds(sql, " (");
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(sql, i > 0 ? ", " : "");
        sql_name(sql, names[i]);
    }
    strbuf_addc(sql, ')');
}

static bool columns_carried(const struct table *t, char *const *names, size_t count,
                            struct json_object *carried)
{
    for (size_t i = 0; i < count; i++) {
        bool found = json_len(carried) == 0;

        for (size_t k = 0; k < json_len(carried) && !found; k++) {
            const char *name = json_at_str(carried, k);

            found = name != NULL && strcasecmp(name, names[i]) == 0;
        }
        if (!found || table_column(t, names[i]) < 0)
            return false;
    }
    return true;
}

static void foreign_key_text(const struct table *t, const struct foreign_key *fk,
                             const struct table *parent, struct strbuf *sql)
{
    strbuf_adds(sql, "ALTER TABLE ");
    sql_table(sql, t->mapped_db, t->mapped_name);
    strbuf_adds(sql, " ADD CONSTRAINT ");
    sql_name(sql, fk->name);
    strbuf_adds(sql, " FOREIGN KEY");
    name_list(sql, fk->columns, fk->column_count);
    strbuf_adds(sql, " REFERENCES ");
    sql_table(sql, parent->mapped_db, parent->mapped_name);
    name_list(sql, fk->ref_columns, fk->column_count);
    strbuf_addf(sql, " ON DELETE %s ON UPDATE %s", fk->on_delete, fk->on_update);
}

/* The actions come from information_schema and go into a statement as words: only known ones may.
 */
static bool action_known(const char *action)
{
    static const char *const known[] = { "CASCADE", "RESTRICT", "SET NULL", "NO ACTION",
                                         "SET DEFAULT" };

    for (size_t i = 0; action != NULL && i < ARRAY_SIZE(known); i++)
        if (strcasecmp(action, known[i]) == 0)
            return true;
    return false;
}

static int foreign_key(struct finish *f, const struct table *t, const struct foreign_key *fk,
                       struct json_object *carried, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(1024 * 1024);
    const struct table *parent = catalog_find(f->c->cat, fk->ref_db, fk->ref_table);
    char what[900];

    (void)snprintf(what, sizeof(what), "foreign key %s of %s.%s", fk->name, t->mapped_db,
                   t->mapped_name);
    if (parent == NULL || !columns_carried(t, fk->columns, fk->column_count, carried) ||
        !action_known(fk->on_delete) || !action_known(fk->on_update)) {
        report_event(f->c->w->report, "WARN", "foreign_key_left_out", "%s: %s.%s %s", what,
                     fk->ref_db, fk->ref_table,
                     parent == NULL ? "is not in the selection"
                                    : "or its columns are not carried whole");
        return 0;
    }
    foreign_key_text(t, fk, parent, &sql);
    if (strbuf_check(&sql, err) < 0 || ctx_ddl(f->c, strbuf_str(&sql), what, err) < 0)
        return -1;
    schema_tell_more(f->c, t, "FOREIGN_KEY", fk->name, strbuf_str(&sql));
    FAULT("schema.fk.after");
    f->foreign_keys++;
    return 0;
}

static int table_foreign_keys(struct finish *f, const struct table *t, struct err *err)
{
    _cleanup_(map_freep)
    struct map *have = map_new();
    struct scope_object o = { 0 };
    int rc = 0;

    if (t->fk_count == 0)
        return 0;
    if (have == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (schema_names(f->c,
                     "SELECT LOWER(CONSTRAINT_NAME) FROM information_schema.TABLE_CONSTRAINTS", t,
                     have, err) < 0 ||
        scope_match(f->c->scope, SCOPE_TABLE, t->db, t->name, &o, err) < 0)
        return -1;
    for (size_t i = 0; i < t->fk_count && rc == 0; i++)
        if (!schema_has_name(have, t->fks[i].name))
            rc = foreign_key(f, t, &t->fks[i], o.columns, err);
    scope_object_done(&o);
    return rc;
}

/* ---- triggers -------------------------------------------------------------------------------- */

static int create_triggers(struct finish *f, struct err *err)
{
    struct objects list = { 0 };
    int rc = objects_triggers(f->c, &list, err);

    for (size_t i = 0; i < list.count && rc == 0; i++) {
        rc = object_create(f->c, &list.list[i], err);
        if (rc < 0 && err->db_errno == ER_TRG_ALREADY_EXISTS) {
            err_reset(err);
            rc = 0;
        }
        f->triggers++;
    }
    objects_done(&list);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int each_table(struct finish *f,
                      int (*fn)(struct finish *f, const struct table *t, struct err *err),
                      struct err *err)
{
    for (size_t i = 0; i < f->c->cat->count; i++) {
        if (report_stopping(f->c->w->report))
            return STAGE_STOPPED;
        if (fn(f, f->c->cat->tables[i], err) < 0)
            return -1;
        f->done++;
        progress(f);
    }
    return 0;
}

static void indexes_planned(void *ctx, size_t tables)
{
    struct finish *f = ctx;

    f->objects += tables;
    progress(f);
}

static void indexes_done(void *ctx, size_t indexes)
{
    struct finish *f = ctx;

    f->indexes += indexes;
    f->done++;
    progress(f);
}

static int run(struct schema_ctx *c, struct err *err)
{
    struct finish f = { .c = c, .objects = c->cat->count };
    struct indexes_calls calls = { &f, indexes_planned, indexes_done };
    int rc = conn_execf(c->dst, err, "SET SESSION foreign_key_checks = 0");

    if (rc == 0)
        rc = indexes_make(c, &calls, err);
    if (rc == 0)
        rc = each_table(&f, table_foreign_keys, err);
    if (rc == 0 && schema_wants_triggers(c->w->task))
        rc = create_triggers(&f, err);
    if (rc == 0) {
        progress(&f);
        log_info("schema", "finish_done", "indexes=%zu foreign_keys=%zu triggers=%zu", f.indexes,
                 f.foreign_keys, f.triggers);
    }
    return rc;
}

int schema_finish_run(struct worker *w, struct err *err)
{
    if (!w->task->do_struct)
        return STAGE_DONE;
    return schema_with_retries(w, run, err);
}
