/* What the control schema keeps beside the fences: checkpoints, the catalog, the end of the copy.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum {
    /* Documents go in statements and transactions of about this size: below the smallest
     * max_allowed_packet that a server comes with (4 MiB; hex doubles a document). */
    DOC_STATEMENT_BYTES = 1024 * 1024,
    DOC_DEPTH = 16,
};

const char *control_fence_project(const struct fence *f, char ret[static ID_MAX])
{
    const char *slash = strchr(f->task, '/');
    size_t len = slash != NULL ? (size_t)(slash - f->task) : strlen(f->task);

    len = MIN(len, (size_t)ID_MAX - 1);
    memcpy(ret, f->task, len);
    ret[len] = '\0';
    return ret;
}

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

static int read_position(const char *file, uint64_t offset, struct binlog_pos *ret, struct err *err)
{
    if (!binlog_file_parse(file, ret))
        return err_set(err, ERR_CONTROL_SCHEMA, "\"%.200s\" is stored as a binlog file", file);
    ret->offset = offset;
    return 0;
}

/* ---- checkpoints ---- */

void checkpoint_done(struct checkpoint *c)
{
    free(c->gtid_set);
    c->gtid_set = NULL;
}

static int checkpoint_read(struct conn *c, const char *schema, const char *task,
                           struct checkpoint *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct checkpoint cp = { 0 };
    const char *gtids;
    int got;

    if (control_ask(c, schema, &r, err,
                    "SELECT seq, file, pos, gtid_set, source_uuid, source_ts"
                    " FROM @cw_checkpoint WHERE task = %q",
                    task) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    cp.seq = result_u64(&r, 0, 0);
    if (read_position(result_str(&r, 1, ""), result_u64(&r, 2, 0), &cp.pos, err) < 0)
        return -1;
    copy_text(cp.source_uuid, sizeof(cp.source_uuid), result_str(&r, 4, ""));
    cp.source_ts = result_i64(&r, 5, 0);
    gtids = result_str(&r, 3, NULL);
    if (gtids != NULL && (cp.gtid_set = strdup(gtids)) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a checkpoint");
    *ret = cp;
    return 1;
}

int control_checkpoint_get(struct conn *c, const char *schema, const char *project_id,
                           const char *kind, struct checkpoint *ret, struct err *err)
{
    char task[sizeof(((struct fence *)0)->task)];

    (void)snprintf(task, sizeof(task), "%s/%s", project_id, kind);
    return checkpoint_read(c, schema, task, ret, err);
}

/* An INSERT up to the end of its row; the caller says what happens when the row is there. */
static void checkpoint_insert(struct strbuf *sql, const struct fence *f, const char *task,
                              const struct checkpoint *cp, const char *verb)
{
    char file[BINLOG_FILE_TEXT_MAX];

    strbuf_adds(sql, verb);
    control_sql_add(sql, f->schema,
                    " INTO @cw_checkpoint"
                    " (task, epoch, seq, file, pos, gtid_set, source_uuid, source_ts, updated_at)"
                    " VALUES (%q, %u, %u, %q, %u, %q, %q, %i, %i)",
                    task, f->epoch, cp->seq, binlog_file_text(&cp->pos, file), cp->pos.offset,
                    cp->gtid_set, cp->source_uuid, cp->source_ts, clock_now_s());
}

int control_finish(struct conn *c, int rc, struct err *err)
{
    if (rc < 0) {
        control_rollback(c);
        return -1;
    }
    return control_commit(c, err);
}

int control_checkpoint_init(struct conn *c, const struct fence *f, const char *kind,
                            struct checkpoint *io, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    char task[sizeof(f->task)], project[ID_MAX];
    struct checkpoint stored = { 0 };
    int got;

    (void)snprintf(task, sizeof(task), "%s/%s", control_fence_project(f, project), kind);
    checkpoint_insert(&sql, f, task, io, "INSERT IGNORE");
    if (control_begin_keep(c, f, 0, err) < 0)
        return err_wrap(err, "checkpoint of %s", task);
    if (control_finish(c, control_exec_text(c, &sql, NULL, err), err) < 0)
        return err_wrap(err, "checkpoint of %s", task);
    FAULT("control.checkpoint_init.after");
    got = checkpoint_read(c, f->schema, task, &stored, err);
    if (got < 0)
        return err_wrap(err, "checkpoint of %s", task);
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the checkpoint of %s in %s has gone", task,
                       f->schema);
    checkpoint_done(io);
    *io = stored;
    return 0;
}

/* Over whatever is stored. */
static void checkpoint_upsert(struct strbuf *sql, const struct fence *f, const char *task,
                              const struct checkpoint *cp)
{
    checkpoint_insert(sql, f, task, cp, "INSERT");
    control_sql_add(sql, f->schema,
                    " ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), seq = VALUES(seq),"
                    " file = VALUES(file), pos = VALUES(pos), gtid_set = VALUES(gtid_set),"
                    " source_uuid = VALUES(source_uuid), source_ts = VALUES(source_ts),"
                    " updated_at = VALUES(updated_at)");
}

void control_checkpoint_sql(struct strbuf *sql, const struct fence *f, const struct checkpoint *cp)
{
    checkpoint_upsert(sql, f, f->task, cp);
}

int control_checkpoint_put(struct conn *c, const struct fence *f, unsigned lane,
                           const struct checkpoint *cp, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

    checkpoint_upsert(&sql, f, f->task, cp);
    if (control_begin_keep(c, f, lane, err) < 0)
        return -1;
    FAULT("control.checkpoint.before_commit");
    if (control_finish(c, control_exec_text(c, &sql, NULL, err), err) < 0)
        return err_wrap(err, "checkpoint of %s", f->task);
    FAULT("control.checkpoint.after");
    return 0;
}

/* The lists go, the end of safe mode moves, the checkpoint is replaced, the reset is noted. */
static int reset_rows(struct conn *c, const struct fence *f, const char *id,
                      const struct checkpoint *cp, const struct binlog_pos *safe_end,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX), note = STRBUF(CONTROL_SQL_MAX);
    char project[ID_MAX], task[sizeof(f->task)], end[BINLOG_FILE_TEXT_MAX];
    struct checkpoint mark = { .seq = cp->seq, .pos = cp->pos, .source_ts = cp->source_ts };

    (void)snprintf(task, sizeof(task), "%s/reset", control_fence_project(f, project));
    copy_text(mark.source_uuid, sizeof(mark.source_uuid), id);
    checkpoint_upsert(&sql, f, f->task, cp);
    checkpoint_upsert(&note, f, task, &mark);
    if (control_exec(c, f->schema, NULL, err, "UPDATE @cw_lane SET applied = '' WHERE task = %q",
                     f->task) < 0 ||
        control_exec(c, f->schema, NULL, err,
                     "UPDATE @cw_project SET copy_state = 1, end_file = %q, end_pos = %u"
                     " WHERE project = %q",
                     binlog_file_text(safe_end, end), safe_end->offset, project) < 0)
        return -1;
    return control_exec_text(c, &sql, NULL, err) < 0 || control_exec_text(c, &note, NULL, err) < 0
               ? -1
               : 0;
}

int control_reset_put(struct conn *c, const struct fence *f, const char *id,
                      const struct checkpoint *cp, const struct binlog_pos *safe_end,
                      struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    if (control_finish(c, reset_rows(c, f, id, cp, safe_end, err), err) < 0)
        return err_wrap(err, "reset of %s", f->task);
    FAULT("control.reset.after");
    return 0;
}

/* ---- the catalog ---- */

/* 1: all documents are there. */
static int schema_whole(struct conn *c, const char *schema, const char *project,
                        uint64_t *ret_tables, struct err *err)
{
    return control_ask_u64(c, schema, ret_tables, err,
                           "SELECT schema_tables FROM @cw_project WHERE project = %q", project);
}

/* What an interrupted predecessor left is removed together with naming the project. */
static int schema_start(struct conn *c, const struct fence *f, const char *project, struct err *err)
{
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    if (control_exec(c, f->schema, NULL, err,
                     "INSERT IGNORE INTO @cw_project (project) VALUES (%q)", project) < 0)
        return control_finish(c, -1, err);
    return control_finish(
        c,
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_schema WHERE project = %q", project),
        err);
}

/* Adds documents from table `at` on until the statement is large enough; returns the next table, or
 * -1. */
static int64_t add_docs(struct strbuf *sql, const struct fence *f, const char *project,
                        const struct catalog *cat, size_t at, struct err *err)
{
    size_t start = at;

    control_sql_add(sql, f->schema, "INSERT INTO @cw_schema (project, table_no, doc) VALUES ");
    for (; at < cat->count && sql->len < DOC_STATEMENT_BYTES; at++) {
        _cleanup_(json_putp)
        struct json_object *doc = table_to_json(cat->tables[at]);
        const char *text = doc != NULL ? json_text(doc) : NULL;

        if (text == NULL)
            return err_set(err, ERR_NOMEM, "no memory for the catalog of %s.%s",
                           cat->tables[at]->db, cat->tables[at]->name);
        control_sql_add(sql, f->schema, at > start ? ", (%q, %u, %q)" : "(%q, %u, %q)", project,
                        (uint64_t)at, text);
    }
    return strbuf_check(sql, err) < 0 ? -1 : (int64_t)at;
}

static int put_docs(struct conn *c, const struct fence *f, const char *project,
                    const struct catalog *cat, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    int64_t at = 0;

    while ((size_t)at < cat->count) {
        strbuf_reset(&sql);
        at = add_docs(&sql, f, project, cat, (size_t)at, err);
        if (at < 0 || control_begin_keep(c, f, 0, err) < 0 ||
            control_finish(c, control_exec_text(c, &sql, NULL, err), err) < 0)
            return -1;
        FAULT("control.schema.mid");
    }
    return 0;
}

int control_schema_put(struct conn *c, const struct fence *f, const struct catalog *cat,
                       struct err *err)
{
    char project[ID_MAX];
    uint64_t tables;
    int whole = schema_whole(c, f->schema, control_fence_project(f, project), &tables, err);

    if (whole == 1)
        return 0;
    if (whole < 0 || schema_start(c, f, project, err) < 0 ||
        put_docs(c, f, project, cat, err) < 0 || control_begin_keep(c, f, 0, err) < 0)
        return err_wrap(err, "store the catalog of %s", project);
    FAULT("control.schema.before_commit");
    if (control_finish(c,
                       control_exec(c, f->schema, NULL, err,
                                    "UPDATE @cw_project SET schema_tables = %u WHERE project = %q",
                                    (uint64_t)cat->count, project),
                       err) < 0)
        return err_wrap(err, "store the catalog of %s", project);
    FAULT("control.schema.after");
    return 0;
}

static char *catalog_key(const struct table *t)
{
    char *key = NULL;

    return asprintf(&key, "%s\1%s", t->db, t->name) < 0 ? NULL : key;
}

static int add_table_doc(struct catalog *cat, unsigned number, const char *text, size_t len,
                         struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    _cleanup_(freep)
    char *key = NULL;
    struct table *t = NULL;

    if (json_parse(text, len, DOC_DEPTH, &doc, err) < 0 || table_from_json(doc, &t, err) < 0)
        return -1;
    t->number = number;
    cat->tables[cat->count++] = t;
    key = catalog_key(t);
    if (key == NULL || map_set(cat->by_name, key, t) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    return 0;
}

static int read_docs(struct conn *c, const char *schema, const char *project, uint64_t tables,
                     struct catalog *cat, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    control_sql_add(&sql, schema,
                    "SELECT doc, table_no FROM @cw_schema WHERE project = %q ORDER BY table_no",
                    project);
    if (strbuf_check(&sql, err) < 0 || conn_stream(c, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1 && cat->count < tables)
        if (r.row[0] == NULL ||
            add_table_doc(cat, (unsigned)result_u64(&r, 1, 0), r.row[0], r.lengths[0], err) < 0)
            return r.row[0] == NULL ? err_set(err, ERR_CONTROL_SCHEMA, "an empty document") : -1;
    if (got == 0 && cat->count != tables)
        return err_set(err, ERR_CONTROL_SCHEMA, "%zu of %" PRIu64 " tables are in %s.cw_schema",
                       cat->count, tables, schema);
    return got < 0 ? -1 : 0;
}

int control_schema_get(struct conn *c, const char *schema, const char *project_id,
                       struct catalog **ret, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    uint64_t tables = 0;
    int whole = schema_whole(c, schema, project_id, &tables, err);

    if (whole <= 0)
        return whole;
    cat = calloc(1, sizeof(*cat));
    if (cat != NULL) {
        cat->tables = calloc((size_t)tables + 1, sizeof(struct table *));
        cat->by_name = map_new();
    }
    if (cat == NULL || cat->tables == NULL || cat->by_name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    if (read_docs(c, schema, project_id, tables, cat, err) < 0)
        return err_wrap(err, "the stored catalog of %s", project_id);
    *ret = take_ptr(cat);
    return 1;
}

/* ---- the copy ---- */

int control_copy_end_put(struct conn *c, const struct fence *f, const struct binlog_pos *end,
                         struct err *err)
{
    char project[ID_MAX], text[BINLOG_FILE_TEXT_MAX];
    const char *file = end != NULL ? binlog_file_text(end, text) : "";
    uint64_t pos = end != NULL ? end->offset : 0;

    (void)control_fence_project(f, project);
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    FAULT("control.copy_end.before_commit");
    if (control_finish(
            c,
            control_exec(
                c, f->schema, NULL, err,
                "INSERT INTO @cw_project (project, copy_state, end_file, end_pos, finished_at)"
                " VALUES (%q, 1, %q, %u, %i) ON DUPLICATE KEY UPDATE"
                " copy_state = 1, end_file = VALUES(end_file), end_pos = VALUES(end_pos),"
                " finished_at = VALUES(finished_at)",
                project, file, pos, clock_now_s()),
            err) < 0)
        return err_wrap(err, "end of the copy of %s", project);
    FAULT("control.copy_end.after");
    return 0;
}

int control_copy_end_get(struct conn *c, const char *schema, const char *project_id,
                         struct binlog_pos *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(
            c, schema, &r, err,
            "SELECT end_file, end_pos FROM @cw_project WHERE project = %q AND copy_state = 1",
            project_id) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    return read_position(result_str(&r, 0, ""), result_u64(&r, 1, 0), ret, err) < 0 ? -1 : 1;
}

void snapshot_positions_free(struct snapshot_position *p, size_t count)
{
    for (size_t i = 0; p != NULL && i < count; i++) {
        free(p[i].db);
        free(p[i].name);
    }
    free(p);
}

static int read_snapshot(const struct result *r, struct snapshot_position *to, struct err *err)
{
    to->db = strdup(result_str(r, 0, ""));
    to->name = strdup(result_str(r, 1, ""));
    to->number = (unsigned)result_u64(r, 4, 0);
    if (to->db == NULL || to->name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table's snapshot position");
    return read_position(result_str(r, 2, ""), result_u64(r, 3, 0), &to->pos, err);
}

int control_snapshot_positions(struct conn *c, const char *schema, const char *project_id,
                               struct snapshot_position **ret, size_t *ret_count, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    struct snapshot_position *all = NULL, *more;
    size_t count = 0, cap = 0;
    int got = control_ask(c, schema, &r, err,
                          "SELECT db, name, snap_file, snap_pos, table_no FROM @cw_table"
                          " WHERE project = %q AND snap_file <> '' ORDER BY table_no",
                          project_id);

    while (got == 0 && (got = result_next(&r, err)) == 1) {
        if (count == cap) {
            cap = cap * 2 + 16;
            more = realloc(all, cap * sizeof(*all));
            if (more == NULL) {
                got = err_set(err, ERR_NOMEM, "no memory for the tables' snapshot positions");
                break;
            }
            all = more;
        }
        all[count] = (struct snapshot_position){ 0 };
        got = read_snapshot(&r, &all[count++], err);
    }
    if (got < 0) {
        snapshot_positions_free(all, count);
        return -1;
    }
    *ret = all;
    *ret_count = count;
    return 0;
}
