#include "workers/mysql/control_objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum { TASK_MAX = ID_MAX + 16 };

#define CHECKPOINT_COLUMNS                                                                         \
    "(task, epoch, seq, file, pos, gtid_set, source_uuid, source_ts, updated_at)"

int control_objects_get(struct conn *c, const char *schema, const char *project_id, uint64_t *ret,
                        struct err *err)
{
    char task[TASK_MAX];

    *ret = 0;
    (void)snprintf(task, sizeof(task), "%s/objects", project_id);
    return control_ask_u64(c, schema, ret, err, "SELECT seq FROM @cw_checkpoint WHERE task = %q",
                           task) < 0
               ? -1
               : 0;
}

int control_child(struct conn *c, const char *schema, const char *project_id,
                  char ret[static ID_MAX], struct err *err)
{
    struct checkpoint cp = { 0 };
    int got = control_checkpoint_get(c, schema, project_id, "child", &cp, err);

    (void)snprintf(ret, ID_MAX, "%.*s", ID_MAX - 1, got == 1 ? cp.source_uuid : "");
    checkpoint_done(&cp);
    return got;
}

/* ---- the beginning of a sub-project ---- */

/* 1; 0: nobody waits for it. */
static int write_fork(struct conn *c, const struct fence *f, const char *child, struct err *err)
{
    char project[ID_MAX], own[TASK_MAX], note[TASK_MAX], join[TASK_MAX];
    uint64_t epoch = 0;
    int waits;

    /* it waits for this; one that has been released meanwhile gets no rows any more */
    (void)snprintf(join, sizeof(join), "%s/join", child);
    waits = control_ask_u64(c, f->schema, &epoch, err,
                            "SELECT epoch FROM @cw_task WHERE task = %q LOCK IN SHARE MODE", join);
    if (waits <= 0)
        return waits;
    (void)snprintf(note, sizeof(note), "%s/child", control_fence_project(f, project));
    (void)snprintf(own, sizeof(own), "%s/incr", child);
    /* known, without rows: those come with the copy, which waits until they are over */
    if (control_exec(c, f->schema, NULL, err,
                     "INSERT INTO @cw_xa (project, xid, part, doc)"
                     " SELECT DISTINCT %q, x.xid, 0, '' FROM @cw_xa x WHERE x.project = %q",
                     child, project) < 0)
        return -1;
    if (control_exec(c, f->schema, NULL, err,
                     "REPLACE INTO @cw_checkpoint " CHECKPOINT_COLUMNS
                     " SELECT %q, m.epoch, m.seq, m.file, m.pos, NULL, %q, m.source_ts,"
                     " m.updated_at FROM @cw_checkpoint m WHERE m.task = %q",
                     note, child, f->task) < 0)
        return -1;
    return control_exec(c, f->schema, NULL, err,
                        "INSERT INTO @cw_checkpoint " CHECKPOINT_COLUMNS
                        " SELECT %q, 0, m.seq, m.file, m.pos, m.gtid_set, m.source_uuid,"
                        " m.source_ts, m.updated_at FROM @cw_checkpoint m WHERE m.task = %q",
                        own, f->task) < 0
               ? -1
               : 1;
}

int control_fork(struct conn *c, const struct fence *f, const char *child, bool copies,
                 struct err *err)
{
    char project[ID_MAX], own[TASK_MAX];
    uint64_t one = 0;
    int got;

    (void)snprintf(own, sizeof(own), "%s/incr", child);
    got = control_ask_u64(c, f->schema, &one, err, "SELECT 1 FROM @cw_checkpoint WHERE task = %q",
                          own);
    if (got != 0)
        return got;
    got = copies ? 0
                 : control_ask_u64(c, f->schema, &one, err,
                                   "SELECT 1 FROM @cw_xa WHERE project = %q LIMIT 1",
                                   control_fence_project(f, project));
    if (got != 0)
        return got < 0 ? -1 : 0;
    if (control_begin_keep(c, f, 0, err) < 0)
        return -1;
    got = write_fork(c, f, child, err);
    FAULT("objects.fork.before_commit");
    if (control_finish(c, got, err) < 0)
        return err_wrap(err, "begin the sub-project %s", child);
    FAULT("objects.fork.after");
    return got;
}

/* ---- is everybody where the others are? ---- */

static int exact(struct conn *c, const char *schema, const char *project_id, struct checkpoint *cp,
                 struct err *err)
{
    uint64_t last = 0;
    int got = control_checkpoint_get(c, schema, project_id, "incr", cp, err);

    if (got <= 0)
        return got;
    if (control_last_applied(c, schema, project_id, "incr", &last, err) < 0)
        return -1;
    return last <= cp->seq;
}

int control_aligned(struct conn *c, const char *schema, const char *project_id, const char *child,
                    struct err *err)
{
    _cleanup_(checkpoint_done)
    struct checkpoint one = { 0 };
    _cleanup_(checkpoint_done)
    struct checkpoint other = { 0 };
    int got = exact(c, schema, project_id, &one, err);

    if (got <= 0 || child == NULL)
        return got;
    got = exact(c, schema, child, &other, err);
    if (got <= 0)
        return got;
    return one.seq == other.seq && binlog_pos_cmp(&one.pos, &other.pos) == 0;
}

/* ---- another selection ---- */

/* The sub-project's lane row, too, is ours until the commit: nobody applies for it any more. */
static int hold_child(struct conn *c, const struct fence *f, struct err *err)
{
    uint64_t affected = 0;

    if (control_exec(c, f->schema, &affected, err,
                     "UPDATE @cw_lane SET flip = 1 - flip"
                     " WHERE task = %q AND lane = 0 AND epoch = %u",
                     f->task, f->epoch) < 0)
        return -1;
    if (affected != 1)
        return err_set(err, ERR_EPOCH_STALE, "another worker has taken over %s", f->task);
    return 0;
}

static int join_tables(struct conn *c, const struct fence *f, const char *project,
                       const char *child, struct err *err)
{
    unsigned next = 0;

    if (control_next_table(c, f->schema, project, &next, err) < 0)
        return -1;
    if (control_exec(c, f->schema, NULL, err,
                     "INSERT INTO @cw_schema (project, table_no, doc)"
                     " SELECT %q, s.table_no + %u, s.doc FROM @cw_schema s WHERE s.project = %q",
                     project, (uint64_t)next, child) < 0)
        return -1;
    /* Rows of prepared XA transactions: behind those of the project's own tables. */
    if (control_exec(c, f->schema, NULL, err,
                     "INSERT INTO @cw_xa (project, xid, part, doc)"
                     " SELECT %q, s.xid, s.part + (SELECT COUNT(*) FROM @cw_xa m"
                     "  WHERE m.project = %q AND m.xid = s.xid), s.doc"
                     " FROM @cw_xa s WHERE s.project = %q AND s.doc <> ''",
                     project, project, child) < 0)
        return -1;
    return control_exec(c, f->schema, NULL, err,
                        "INSERT IGNORE INTO @cw_shadow (project, db, name, doc)"
                        " SELECT %q, s.db, s.name, s.doc FROM @cw_shadow s WHERE s.project = %q",
                        project, child);
}

/* What makes the sub-project something that could go on: it must not, from here on. */
static int end_child(struct conn *c, const struct fence *f, const char *project, const char *child,
                     struct err *err)
{
    char note[TASK_MAX], own[TASK_MAX];

    (void)snprintf(note, sizeof(note), "%s/child", project);
    (void)snprintf(own, sizeof(own), "%s/incr", child);
    if (control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_checkpoint WHERE task IN (%q, %q)",
                     note, own) < 0 ||
        control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_xa WHERE project = %q", child) < 0)
        return -1;
    return control_exec(c, f->schema, NULL, err, "DELETE FROM @cw_schema WHERE project = %q",
                        child);
}

static int leave_tables(struct conn *c, const struct objects_change *w, const char *project,
                        struct err *err)
{
    static const char *const deletes[] = { "DELETE FROM @cw_schema", "DELETE FROM @cw_table",
                                           "DELETE FROM @cw_chunk" };

    for (size_t t = 0; w->gone_count > 0 && t < ARRAY_SIZE(deletes); t++) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(CONTROL_SQL_MAX);

        control_sql_add(&sql, w->fence->schema, deletes[t]);
        control_sql_add(&sql, w->fence->schema, " WHERE project = %q AND table_no IN (", project);
        for (size_t i = 0; i < w->gone_count; i++)
            strbuf_addf(&sql, "%s%u", i > 0 ? "," : "", w->gone[i]);
        strbuf_addc(&sql, ')');
        if (control_exec_text(c, &sql, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int write_change(struct conn *c, const struct objects_change *w, struct err *err)
{
    const struct fence *f = w->fence;
    char project[ID_MAX], child[ID_MAX], note[TASK_MAX];

    (void)snprintf(note, sizeof(note), "%s/objects", control_fence_project(f, project));
    if (w->child_fence != NULL) {
        (void)control_fence_project(w->child_fence, child);
        if (hold_child(c, w->child_fence, err) < 0 || join_tables(c, f, project, child, err) < 0 ||
            end_child(c, f, project, child, err) < 0)
            return -1;
    }
    if (leave_tables(c, w, project, err) < 0)
        return -1;
    if (w->facts != NULL && control_exec(c, f->schema, NULL, err,
                                         "REPLACE INTO @cw_facts (project, doc)"
                                         " VALUES (%q, %q)",
                                         project, json_text(w->facts)) < 0)
        return -1;
    if (control_exec(c, f->schema, NULL, err,
                     "UPDATE @cw_project SET schema_tables ="
                     " (SELECT COUNT(*) FROM @cw_schema WHERE project = %q) WHERE project = %q",
                     project, project) < 0)
        return -1;
    return control_exec(c, f->schema, NULL, err,
                        "REPLACE INTO @cw_checkpoint " CHECKPOINT_COLUMNS
                        " SELECT %q, m.epoch, %u, m.file, m.pos, NULL, m.source_uuid, m.source_ts,"
                        " m.updated_at FROM @cw_checkpoint m WHERE m.task = %q",
                        note, w->record, f->task);
}

int control_change(struct conn *c, const struct objects_change *what, struct err *err)
{
    int rc;

    FAULT("objects.change.before");
    if (control_begin_keep(c, what->fence, 0, err) < 0)
        return -1;
    rc = write_change(c, what, err);
    FAULT("objects.change.before_commit");
    if (control_finish(c, rc, err) < 0)
        return err_wrap(err, "modify record %" PRIu64, what->record);
    FAULT("objects.change.after");
    return 0;
}
