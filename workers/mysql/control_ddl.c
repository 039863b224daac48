/* What the control schema keeps for DDL: steps at the target, shadow tables, facts, the commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum { DOC_DEPTH = 24, LIST_MAX = 1000 };

/* ---- steps ---- */

void ddl_step_done(struct ddl_step *s)
{
    free(s->fingerprint);
    free(s->sql);
    *s = (struct ddl_step){ 0 };
}

int control_ddl_get(struct conn *c, const char *schema, const char *project_id, uint64_t seq,
                    unsigned step, struct ddl_step *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    uint64_t state;
    int got;

    if (control_ask(c, schema, &r, err,
                    "SELECT state, fingerprint, `sql` FROM @cw_ddl"
                    " WHERE project = %q AND seq = %u AND step = %u",
                    project_id, seq, (uint64_t)step) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    state = result_u64(&r, 0, DDL_STEP_FINISHED + 1);
    if (state > DDL_STEP_FINISHED)
        return err_set(err, ERR_CONTROL_SCHEMA, "a step of a DDL has state %s",
                       result_str(&r, 0, "NULL"));
    *ret = (struct ddl_step){ .seq = seq,
                              .step = step,
                              .state = (enum ddl_step_state)state,
                              .fingerprint = strdup(result_str(&r, 1, "")),
                              .sql = strdup(result_str(&r, 2, "")) };
    if (ret->fingerprint == NULL || ret->sql == NULL) {
        ddl_step_done(ret);
        return err_set(err, ERR_NOMEM, "no memory for a step of a DDL");
    }
    return 1;
}

static int put_step(struct conn *c, const struct fence *f, const struct ddl_step *s,
                    struct err *err)
{
    char project[ID_MAX];

    return control_exec(c, f->schema, NULL, err,
                        "REPLACE INTO @cw_ddl (project, seq, step, state, fingerprint, `sql`)"
                        " VALUES (%q, %u, %u, %u, %q, %q)",
                        control_fence_project(f, project), s->seq, (uint64_t)s->step,
                        (uint64_t)s->state, s->fingerprint, s->sql);
}

int control_ddl_put(struct conn *c, const struct fence *f, const struct ddl_step *s,
                    struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0 || control_finish(c, put_step(c, f, s, err), err) < 0)
        return err_wrap(err, "step of a DDL");
    return 0;
}

int control_ddl_mark(struct conn *c, const struct fence *f, uint64_t seq, unsigned step,
                     struct err *err)
{
    char project[ID_MAX];

    return control_exec(c, f->schema, NULL, err,
                        "UPDATE @cw_ddl SET state = %u WHERE project = %q AND seq = %u"
                        " AND step = %u",
                        (uint64_t)DDL_STEP_DONE, control_fence_project(f, project), seq,
                        (uint64_t)step);
}

int control_ddl_forget(struct conn *c, const struct fence *f, uint64_t seq, unsigned step,
                       struct err *err)
{
    char project[ID_MAX];

    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    return control_finish(
        c,
        control_exec(c, f->schema, NULL, err,
                     "DELETE FROM @cw_ddl WHERE project = %q AND seq = %u AND step = %u",
                     control_fence_project(f, project), seq, (uint64_t)step),
        err);
}

/* ---- shadow tables ---- */

void ddl_shadows_free(struct ddl_shadow *s, size_t count)
{
    for (size_t i = 0; s != NULL && i < count; i++) {
        free(s[i].db);
        free(s[i].name);
        json_putp(&s[i].doc);
    }
    free(s);
}

static int read_shadow(const struct result *r, struct ddl_shadow *to, struct err *err)
{
    const char *doc = result_str(r, 2, "");

    to->db = strdup(result_str(r, 0, ""));
    to->name = strdup(result_str(r, 1, ""));
    if (to->db == NULL || to->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a shadow table");
    return json_parse(doc, strlen(doc), DOC_DEPTH, &to->doc, err);
}

int control_shadows_get(struct conn *c, const char *schema, const char *project_id,
                        struct ddl_shadow **ret, size_t *ret_count, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct ddl_shadow *all = NULL, *grown;
    size_t count = 0;
    int got = control_ask(c, schema, &r, err,
                          "SELECT db, name, doc FROM @cw_shadow WHERE project = %q ORDER BY db,"
                          " name",
                          project_id);

    while (got == 0 && (got = result_next(&r, err)) == 1) {
        grown = reallocarray(all, count + 1, sizeof(*all));
        if (grown == NULL) {
            got = err_set(err, ERR_NOMEM, "no memory for the shadow tables");
            break;
        }
        all = grown;
        all[count] = (struct ddl_shadow){ 0 };
        got = read_shadow(&r, &all[count++], err);
    }
    if (got < 0) {
        ddl_shadows_free(all, count);
        return err_wrap(err, "the stored shadow tables of %s", project_id);
    }
    *ret = all;
    *ret_count = count;
    return 0;
}

static int put_shadow(struct conn *c, const struct fence *f, const char *project,
                      const struct ddl_shadow *s, struct err *err)
{
    if (s->doc == NULL)
        return control_exec(c, f->schema, NULL, err,
                            "DELETE FROM @cw_shadow WHERE project = %q AND db = %q AND name = %q",
                            project, s->db, s->name);
    return control_exec(c, f->schema, NULL, err,
                        "REPLACE INTO @cw_shadow (project, db, name, doc) VALUES (%q, %q, %q, %q)",
                        project, s->db, s->name, json_text(s->doc));
}

/* ---- facts ---- */

static int write_facts(struct conn *c, const struct fence *f, const char *verb,
                       struct json_object *facts, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    char project[ID_MAX];

    strbuf_adds(&sql, verb);
    control_sql_add(&sql, f->schema, " INTO @cw_facts (project, doc) VALUES (%q, %q)",
                    control_fence_project(f, project), json_text(facts));
    return control_exec_text(c, &sql, NULL, err);
}

int control_facts_put(struct conn *c, const struct fence *f, struct json_object *facts,
                      struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0 ||
        control_finish(c, write_facts(c, f, "REPLACE", facts, err), err) < 0)
        return err_wrap(err, "store what is known of the source");
    return 0;
}

int control_facts_get(struct conn *c, const char *schema, const char *project_id,
                      struct json_object **ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    const char *doc;
    int got;

    if (control_ask(c, schema, &r, err, "SELECT doc FROM @cw_facts WHERE project = %q",
                    project_id) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    doc = result_str(&r, 0, "");
    if (json_parse(doc, strlen(doc), DOC_DEPTH, ret, err) < 0)
        return err_wrap(err, "what is stored of the source of %s", project_id);
    return 1;
}

int control_next_table(struct conn *c, const char *schema, const char *project_id, unsigned *ret,
                       struct err *err)
{
    uint64_t next = 0;

    if (control_ask_u64(c, schema, &next, err,
                        "SELECT GREATEST("
                        " (SELECT COALESCE(MAX(table_no) + 1, 0) FROM @cw_schema"
                        " WHERE project = %q),"
                        " (SELECT COALESCE(MAX(table_no) + 1, 0) FROM @cw_table"
                        " WHERE project = %q))",
                        project_id, project_id) < 0)
        return -1;
    if (next > UINT32_MAX / 2)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s have run out of numbers",
                       project_id);
    *ret = (unsigned)next;
    return 0;
}

/* ---- the commit ---- */

static int put_table(struct conn *c, const struct fence *f, const char *project,
                     const struct table *t, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = table_to_json(t);

    if (doc == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the catalog of %s.%s", t->db, t->name);
    return control_exec(c, f->schema, NULL, err,
                        "REPLACE INTO @cw_schema (project, table_no, doc) VALUES (%q, %u, %q)",
                        project, (uint64_t)t->number, json_text(doc));
}

static int remove_tables(struct conn *c, const struct fence *f, const char *project,
                         const unsigned *numbers, size_t count, struct err *err)
{
    for (size_t at = 0; at < count; at += LIST_MAX) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

        control_sql_add(&sql, f->schema,
                        "DELETE FROM @cw_schema WHERE project = %q AND table_no IN", project);
        for (size_t i = at; i < count && i < at + LIST_MAX; i++)
            strbuf_addf(&sql, "%s%u", i == at ? " (" : ", ", numbers[i]);
        strbuf_addc(&sql, ')');
        if (control_exec_text(c, &sql, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* Steps of transactions that the checkpoint is behind of are of no use any more. */
static int tidy_steps(struct conn *c, const struct fence *f, const char *project,
                      const struct ddl_commit *w, struct err *err)
{
    char empty[1] = "";
    struct ddl_step mark = { .seq = w->seq,
                             .step = w->finished,
                             .state = DDL_STEP_FINISHED,
                             .fingerprint = empty,
                             .sql = empty };

    if (control_exec(c, f->schema, NULL, err,
                     "DELETE FROM @cw_ddl WHERE project = %q AND seq <= %u AND state <> %u",
                     project, w->seq, (uint64_t)DDL_STEP_FINISHED) < 0 ||
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_ddl WHERE project = %q AND seq < %u",
                     project, w->seq) < 0)
        return -1;
    return w->finished != 0 ? put_step(c, f, &mark, err) : 0;
}

static int commit_all(struct conn *c, const struct fence *f, const struct ddl_commit *w,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    char project[ID_MAX];

    (void)control_fence_project(f, project);
    control_checkpoint_sql(&sql, f, w->cp);
    if (control_exec_text(c, &sql, NULL, err) < 0 || tidy_steps(c, f, project, w, err) < 0 ||
        remove_tables(c, f, project, w->gone, w->gone_count, err) < 0)
        return -1;
    for (size_t i = 0; i < w->put_count; i++)
        if (put_table(c, f, project, w->put[i], err) < 0)
            return -1;
    for (size_t i = 0; i < w->shadow_count; i++)
        if (put_shadow(c, f, project, &w->shadows[i], err) < 0)
            return -1;
    if (w->facts != NULL && write_facts(c, f, "REPLACE", w->facts, err) < 0)
        return -1;
    if (w->put_count + w->gone_count == 0)
        return 0;
    return control_exec(c, f->schema, NULL, err,
                        "UPDATE @cw_project SET schema_tables ="
                        " (SELECT COUNT(*) FROM @cw_schema WHERE project = %q)"
                        " WHERE project = %q",
                        project, project);
}

int control_ddl_commit(struct conn *c, const struct fence *f, const struct ddl_commit *what,
                       struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0 ||
        control_finish(c, commit_all(c, f, what, err), err) < 0)
        return err_wrap(err, "store what a DDL left");
    return 0;
}
