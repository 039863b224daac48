/* One table: what it is now at both ends, how it is compared, what came out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/control.h"
#include "workers/verify/project.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    RESTARTS_MAX = 20,       /* because of DDL */
    DDL_WAIT_MS = 5 * 60000, /* for a statement that one end has run already */
    DDL_AGAIN_MS = 500,
    FAULTS_MAX = 2000,
};

struct undo undo_from(const struct vtable *t)
{
    return (struct undo){ t->counts, t->listed, json_len(t->rows), t->rows_cut };
}

void undo_do(struct vtable *t, const struct undo *u)
{
    size_t now = json_len(t->rows);

    t->counts = u->counts;
    t->listed = u->listed;
    t->rows_cut = u->rows_cut;
    if (now > u->rows)
        (void)json_object_array_del_idx(t->rows, u->rows, now - u->rows);
}

/* ---- the table as it is now ---- */

static void drop_tables(struct vtable *t)
{
    normals_free(t->normals);
    t->normals = NULL;
    for (unsigned end = 0; end < END_MAX_; end++) {
        table_free(t->tables[end]);
        t->tables[end] = NULL;
    }
}

/* 1, 0 when it is not there, -1. */
static int load(struct verifier *f, enum end end, const char *db, const char *name, struct err *err)
{
    if (catalog_table(f->ends.conns[end], &f->ends.dialects[end], db, name, &f->t->tables[end],
                      err) == 0)
        return 1;
    if (err->code != ERR_TABLE_NOT_FOUND)
        return -1;
    err_reset(err);
    return 0;
}

/* The project's entry of the table may be another one since a DDL statement. */
static int reload_stored(struct verifier *f, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *c = NULL;
    const struct task *task = f->v->w->task;
    int got = control_schema_get(f->ends.conns[END_SINK], task->control_schema, task->project_id,
                                 &c, err);

    if (got <= 0)
        return got;
    for (size_t i = 0; i < c->count; i++) {
        struct table *x = c->tables[i];

        if (strcmp(x->db, f->t->db) != 0 || strcmp(x->name, f->t->name) != 0)
            continue;
        table_free(f->t->stored);
        f->t->stored = x;
        c->tables[i] = calloc(1, sizeof(*x)); /* the catalog frees what it holds */
        return c->tables[i] == NULL ? err_set(err, ERR_NOMEM, "no memory for a table") : 1;
    }
    return 0;
}

enum shape { SHAPE_THERE, SHAPE_NO_SOURCE, SHAPE_NO_TARGET, SHAPE_IN_BETWEEN };

static int look_at(struct verifier *f, enum shape *ret, struct err *err)
{
    struct vtable *t = f->t;
    bool same = true;
    int got;

    drop_tables(t);
    *ret = SHAPE_THERE;
    got = load(f, END_SOURCE, t->db, t->name, err);
    if (got <= 0) {
        *ret = SHAPE_NO_SOURCE;
        return got;
    }
    if (project_apply(t->tables[END_SOURCE], t->stored, &same, err) < 0)
        return -1;
    if (!same)
        *ret = SHAPE_IN_BETWEEN;
    got = load(f, END_SINK, t->stored->mapped_db, t->stored->mapped_name, err);
    if (got == 0)
        *ret = SHAPE_NO_TARGET;
    return MIN(got, 0);
}

/* Waits while the project's entry of the table and the table itself are not the same: a DDL
 * statement is on its way. */
static int wait_shape(struct verifier *f, enum shape *ret, struct err *err)
{
    int64_t until = clock_mono_ms() + DDL_WAIT_MS;
    /* behind a switchover nobody keeps the entry up to date: names alone pair the columns */
    bool carried = f->ends.maps[END_SOURCE] != NULL;

    for (;;) {
        if (look_at(f, ret, err) < 0)
            return -1;
        if (*ret == SHAPE_THERE || !carried || clock_mono_ms() >= until)
            return 0;
        if (reload_stored(f, err) < 0)
            return -1;
        if (*ret != SHAPE_IN_BETWEEN && look_at(f, ret, err) < 0)
            return -1;
        if (*ret == SHAPE_NO_TARGET || *ret == SHAPE_NO_SOURCE || *ret == SHAPE_THERE) {
            struct moment m;
            int got = ends_moment(&f->ends, &m, err);

            if (got < 0 || (got == 1 && (got = ends_read_on(&f->ends, &m, 1000, err)) < 0))
                return -1;
            /* all that the source has done is known, and still it is so */
            if (got == 1 && m.at[END_SOURCE].applied >= m.at[END_SOURCE].read_seq)
                return 0;
        }
        if (report_sleep(f->v->w->report, DDL_AGAIN_MS))
            return STAGE_STOPPED;
    }
}

/* ---- how it is compared ---- */

static void note_left_out(struct vtable *t)
{
    for (size_t i = 0; i < t->normals->count; i++) {
        const struct normal *n = &t->normals->columns[i];

        if (n->left_out == NULL)
            continue;
        strbuf_adds(&t->note, t->note.len > 0 ? "; " : "");
        strbuf_addf(&t->note, "column %s is not compared: %s", n->ends[END_SOURCE]->name,
                    n->left_out);
    }
}

static int begin_table(struct verifier *f, struct err *err)
{
    struct vtable *t = f->t;

    if (t->resume != NULL) /* goes on: what was told stands */
        return 0;
    t->counts = (struct counts){ 0 };
    t->listed = 0;
    t->rows_cut = t->begun = false;
    (void)json_object_put(t->rows);
    (void)json_object_put(t->position);
    t->rows = json_object_new_array();
    t->position = json_object_new_object();
    if (t->rows == NULL || t->position == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's result");
    json_add(t->position, "source", ends_position(&f->ends, END_SOURCE));
    json_add(t->position, "sink",
             f->ends.maps[END_SINK] != NULL ? ends_position(&f->ends, END_SINK) : NULL);
    tell_table(f, TELL_RUNNING, "RUNNING", "");
    return 0;
}

static int compare(struct verifier *f, struct err *err)
{
    struct range_plan plan;

    if (f->t->normals->key_count == 0)
        return keyless_verify(f, err);
    if (range_fits(f->t, &plan))
        return range_verify(f, &plan, err);
    return bucket_verify(f, err);
}

static void add_position(struct strbuf *b, const char *what, struct json_object *at)
{
    if (at != NULL)
        strbuf_addf(b, " %s position %s:%" PRId64, what, json_get_str(at, "file", ""),
                    json_get_i64(at, "pos", 0));
}

/* "equal as of source position bin.000003:4711" */
static void note_result(struct vtable *t, bool equal, size_t most)
{
    struct json_object *source = json_get(t->position, "source");
    struct json_object *sink = json_get(t->position, "sink");

    if (equal && source != NULL) {
        strbuf_adds(&t->note, t->note.len > 0 ? "; " : "");
        strbuf_adds(&t->note, "equal as of");
        add_position(&t->note, "source", source);
        if (sink != NULL)
            strbuf_adds(&t->note, " and");
        add_position(&t->note, "target", sink);
    }
    if (!t->rows_cut)
        return;
    strbuf_adds(&t->note, t->note.len > 0 ? "; " : "");
    strbuf_addf(&t->note, "more rows differ than the %zu that are listed", most);
}

static void tell_result(struct verifier *f)
{
    struct vtable *t = f->t;
    const struct counts *c = &t->counts;
    uint64_t differ = c->source_only + c->target_only + c->mismatched;
    const char *result = "INCONSISTENT";

    note_left_out(t);
    if (c->undecided > 0) {
        strbuf_adds(&t->note, t->note.len > 0 ? "; " : "");
        strbuf_addf(&t->note,
                    "%" PRIu64 " rows changed all the time, or incremental did not get on: they "
                    "could not be compared",
                    c->undecided);
        tell_table(f, TELL_ERROR, "RUNTIME_EXCEPTION", strbuf_str(&t->note));
        return;
    }
    note_result(t, differ == 0, f->v->max_rows);
    if (c->rows[END_SOURCE] == 0 && c->rows[END_SINK] == 0)
        result = "BOTH_EMPTY";
    else if (differ == 0)
        result = "CONSISTENT";
    else if (c->rows[END_SOURCE] == 0)
        result = "SOURCE_EMPTY";
    else if (c->rows[END_SINK] == 0)
        result = "TARGET_EMPTY";
    tell_table(f, TELL_FINISHED, result, strbuf_str(&t->note));
}

/* The statements that changed this table since `from`: true when there are some. */
static bool ddl_since(struct verifier *f, const struct moment *from)
{
    struct moment now;
    struct err none = { 0 };

    if (ends_moment(&f->ends, &now, &none) <= 0)
        return false;
    for (unsigned end = 0; end < END_MAX_; end++) {
        const struct table *t = f->t->tables[end];

        if (f->ends.maps[end] == NULL)
            continue;
        if (now.at[end].generation == from->at[end].generation &&
            touch_ddl(f->ends.touch[end], touch_hash_table(t->db, t->name)) > from->at[end].applied)
            return true;
    }
    return false;
}

static bool has_kind(struct json_object *list, const char *kind)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (json_at_str(list, i) != NULL && strcasecmp(json_at_str(list, i), kind) == 0)
            return true;
    return false;
}

/* Some kind of change is not carried: the ends differ on purpose. As incr/plan.h: a table's own
 * list counts as it is, the project's only where it names a kind. -1: ERR_NOMEM. */
static int differs_on_purpose(struct verifier *f, struct err *err)
{
    struct scope_object o = { 0 };
    struct json_object *list;
    unsigned kinds;
    bool own;

    if (!f->v->w->task->do_incr)
        return 0;
    if (scope_match(f->v->scope, SCOPE_TABLE, f->t->db, f->t->name, &o, err) < 0)
        return -1;
    own = o.records != NULL;
    list = own ? o.records : json_get_array(task_incr_config(f->v->w->task), "recordTypeWhiteList");
    kinds = (unsigned)has_kind(list, "INSERT") + (unsigned)has_kind(list, "UPDATE") +
            (unsigned)has_kind(list, "DELETE");
    scope_object_done(&o);
    return list != NULL && kinds < 3 && (own || kinds > 0);
}

static int structure_differs(struct verifier *f, const char *what)
{
    tell_table(f, TELL_FINISHED, "SCHEMA_MISMATCH", what);
    return 0;
}

/* One attempt. 1: begin anew, the table was changed by DDL meanwhile. */
static int attempt(struct verifier *f, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf missing = STRBUF(FAULTS_MAX);
    const struct table *tables[END_MAX_];
    struct moment from = { 0 };
    enum shape shape;
    int rc = ends_moment(&f->ends, &from, err);

    if (rc < 0 || (rc = wait_shape(f, &shape, err)) != 0)
        return rc < 0 ? -1 : -2;
    strbuf_reset(&f->t->note);
    if (begin_table(f, err) < 0)
        return -1;
    if (shape == SHAPE_NO_TARGET) {
        tell_table(f, TELL_FINISHED, "TARGET_TABLE_NOT_EXIST", "the target has no such table");
        return 0;
    }
    if (shape == SHAPE_NO_SOURCE) {
        tell_table(f, TELL_FINISHED, "NOT_CATEGORIZED", "the source has no such table any more");
        return 0;
    }
    rc = differs_on_purpose(f, err);
    if (rc != 0) {
        if (rc > 0)
            tell_table(f, TELL_FINISHED, "NOT_CATEGORIZED",
                       "not compared: not every kind of change is carried (recordTypeWhiteList)");
        return MIN(rc, 0);
    }
    tables[END_SOURCE] = f->t->tables[END_SOURCE];
    tables[END_SINK] = f->t->tables[END_SINK];
    if (normals_new(tables, f->ends.dialects, ends_back(&f->ends), &missing, &f->t->normals, err) <
        0)
        return -1;
    if (missing.len > 0)
        return structure_differs(f, strbuf_str(&missing));
    rc = compare(f, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        return -2;
    if (ddl_since(f, &from))
        return 1;
    tell_result(f);
    return 0;
}

/* An error that a changed structure explains is none of the table's. */
static bool shape_changed(struct verifier *f)
{
    struct err none = { 0 };
    enum shape shape;
    const struct normals *had = f->t->normals;
    size_t count = had != NULL ? had->count : 0;

    if (!ends_carried(&f->ends) || count == 0)
        return false;
    if (reload_stored(f, &none) < 0 || look_at(f, &shape, &none) < 0)
        return false;
    return true;
}

static void start_anew(struct vtable *t)
{
    (void)json_object_put(t->resume);
    t->resume = NULL;
}

int table_verify(struct verifier *f, struct vtable *t, struct err *err)
{
    int rc = 1;

    f->t = t;
    for (unsigned i = 0; i < RESTARTS_MAX && rc == 1; i++) {
        rc = attempt(f, err);
        if (rc == 1) {
            log_info("verify", "ddl_again", "table=%s.%s", t->db, t->name);
            start_anew(t);
        } else if (rc == -1 && !err_retryable(err) && err->code == ERR_DB_QUERY && i < 2 &&
                   shape_changed(f)) {
            log_err(LOG_INFO, "verify", "structure_again", err);
            err_reset(err);
            start_anew(t);
            rc = 1;
        }
    }
    if (rc == 1)
        rc = err_set(err, ERR_DB_QUERY, "%s.%s: DDL changed it each time it was compared", t->db,
                     t->name);
    drop_tables(t);
    f->t = NULL;
    return rc == -2 ? STAGE_STOPPED : rc;
}
