/*
 * Another selection for a running project (docs/object-changes.md). No incremental worker of it, or
 * of the sub-project, runs meanwhile: this one has taken both tasks over. Everything is one
 * transaction at the target; done again, it sees that it is done.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/control_objects.h"
#include "workers/scope.h"
#include "workers/worker.h"

#include "base/banned.h"

enum { PAUSE_MS = 1000, LANES = 1 };

struct change {
    struct worker *w;
    const char *child; /* NULL: tables leave */
    bool any_place;    /* the project had stopped with a failure: where it is has gaps */
    struct conn *conn;
    struct fence fence, child_fence;
    unsigned *gone;
    size_t gone_count;
    struct json_object *facts;
};

static struct json_object *ask_of(const struct worker *w)
{
    return json_get(w->task->doc, "change");
}

static int take_over(struct change *c, struct err *err)
{
    const struct task *t = c->w->task;

    if (control_take_epoch(c->conn, t->control_schema, t->project_id, "incr", LANES, &c->fence,
                           err) < 0 ||
        control_register(c->conn, &c->fence, err) < 0)
        return -1;
    return c->child == NULL ? 0
                            : control_take_epoch(c->conn, t->control_schema, c->child, "incr",
                                                 LANES, &c->child_fence, err);
}

/* ---- which tables ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* A table that stays must stay as it is: its rows at the target are of its old name and filter. */
static int check_table(const struct table *t, const struct scope_object *o, struct err *err)
{
    if (strcasecmp(t->mapped_db, o->mapped_db) == 0 &&
        strcasecmp(t->mapped_name, o->mapped_name) == 0 && same_text(t->where, o->where))
        return 0;
    (void)err_set(err, ERR_PARAM,
                  "%s.%s is in the project as %s.%s already; the new rules give it another name or "
                  "row filter (%s.%s)",
                  t->db, t->name, t->mapped_db, t->mapped_name, o->mapped_db, o->mapped_name);
    return err_advise(err, "Take it out of the project first, or leave it as it is.");
}

static int judge(struct change *c, const struct scope *scope, const struct catalog *cat,
                 struct err *err)
{
    c->gone = calloc(cat->count + 1, sizeof(*c->gone));
    if (c->gone == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < cat->count; i++) {
        const struct table *t = cat->tables[i];
        struct scope_object o = { 0 };
        int got = scope_match(scope, SCOPE_TABLE, t->db, t->name, &o, err);

        if (got == 0 && c->child == NULL)
            c->gone[c->gone_count++] = t->number;
        if (got == 1)
            got = check_table(t, &o, err);
        scope_object_done(&o);
        if (got < 0)
            return -1;
    }
    return 0;
}

/* The databases of what joins were followed by the sub-project only. */
static int join_facts(struct change *c, const struct catalog *own, const struct catalog *joining,
                      struct facts *mine, const struct facts *its, struct err *err)
{
    for (size_t i = 0; i < joining->count; i++) {
        const char *db = joining->tables[i]->db, *collation;
        bool ours = false;

        for (size_t k = 0; !ours && k < own->count; k++)
            ours = strcmp(own->tables[k]->db, db) == 0;
        collation = facts_database_collation(its, db);
        if (!ours && collation != NULL && facts_set_database(mine, db, collation) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    c->facts = facts_to_json(mine);
    return c->facts != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int read_facts(struct change *c, const char *project, struct facts **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    int got = control_facts_get(c->conn, c->fence.schema, project, &doc, err);

    return got <= 0 ? got : facts_from_json(doc, ret, err) < 0 ? -1 : 1;
}

static int look_at_child(struct change *c, const struct catalog *own, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *joining = NULL;
    _cleanup_(facts_freep)
    struct facts *mine = NULL;
    _cleanup_(facts_freep)
    struct facts *its = NULL;
    int got = control_schema_get(c->conn, c->fence.schema, c->child, &joining, err);

    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       c->child);
    if (got < 0)
        return -1;
    for (size_t i = 0; i < joining->count; i++)
        if (catalog_find(own, joining->tables[i]->db, joining->tables[i]->name) != NULL)
            return err_set(err, ERR_PARAM, "%s.%s came into the project by itself meanwhile",
                           joining->tables[i]->db, joining->tables[i]->name);
    got = read_facts(c, c->w->task->project_id, &mine, err);
    if (got > 0)
        got = read_facts(c, c->child, &its, err);
    if (got < 0)
        return -1;
    return got == 0 ? 0 : join_facts(c, own, joining, mine, its, err);
}

static int look(struct change *c, struct err *err)
{
    const struct task *t = c->w->task;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(scope_freep)
    struct scope *scope = NULL;
    _cleanup_(conn_closep)
    struct conn *source = NULL;
    struct dialect d;
    int got = control_schema_get(c->conn, t->control_schema, t->project_id, &cat, err);

    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       t->project_id);
    if (got < 0 || scope_new(json_get(ask_of(c->w), "mapping"), &scope, err) < 0 ||
        conn_open(&t->ends[END_SOURCE], NULL, &source, err) < 0 ||
        dialect_detect(source, &d, err) < 0)
        return -1;
    scope_fold_case(scope, d.lower_case_table_names != 0);
    if (judge(c, scope, cat, err) < 0)
        return -1;
    return c->child != NULL ? look_at_child(c, cat, err) : 0;
}

/* ---- doing it ---- */

static int once(struct change *c, struct err *err)
{
    const struct task *t = c->w->task;
    uint64_t record = (uint64_t)json_get_i64(ask_of(c->w), "record", 0), there = 0;
    struct objects_change what = { .fence = &c->fence, .record = record };
    int got;

    if (take_over(c, err) < 0 ||
        control_objects_get(c->conn, t->control_schema, t->project_id, &there, err) < 0)
        return -1;
    FAULT("objects.change.taken");
    if (there >= record)
        return STAGE_DONE;
    got = c->any_place ? 1
                       : control_aligned(c->conn, t->control_schema, t->project_id, c->child, err);
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_STATE, "the incremental workers are not at one place");
    if (look(c, err) < 0)
        return -1;
    what.child_fence = c->child != NULL ? &c->child_fence : NULL;
    what.gone = c->gone;
    what.gone_count = c->gone_count;
    what.facts = c->facts;
    if (control_change(c->conn, &what, err) < 0)
        return -1;
    log_info("change", "done", "record=%" PRIu64 " child=%s gone=%zu", record,
             c->child != NULL ? c->child : "", c->gone_count);
    return STAGE_DONE;
}

static int one_try(struct worker *w, struct err *err)
{
    const char *child = json_get_str(ask_of(w), "childProjectId", NULL);
    struct change c = { .w = w,
                        .child = child,
                        .any_place = json_get_bool(ask_of(w), "anyPlace", false) };
    int got = conn_open_retry(&w->task->ends[END_SINK], NULL, w->report, w->task->retry_minutes,
                              &c.conn, err);

    if (got == 0)
        got = once(&c, err);
    free(c.gone);
    json_putp(&c.facts);
    conn_close(c.conn);
    return got;
}

int change_run(struct worker *w, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)w->task->retry_minutes * 60000;
    int got;

    while ((got = one_try(w, err)) < 0) {
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_error(w->report, err, true);
        err_reset(err);
        if (report_sleep(w->report, PAUSE_MS))
            return STAGE_STOPPED;
    }
    return got;
}
