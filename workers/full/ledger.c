#include "workers/full/ledger.h"

#include <inttypes.h>

#include "base/fault.h"
#include "workers/full/queue.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

enum { STATEMENT_BYTES = 512 * 1024 }; /* rows of many go in statements of about this size */

static const char *project(const struct copy *c)
{
    return c->w->task->project_id;
}

/* Ends a transaction begun here: commits, or rolls back and keeps the error. */
static int finish(struct conn *to, int rc, struct err *err)
{
    if (rc < 0) {
        control_rollback(to);
        return -1;
    }
    return control_commit(to, err);
}

/* An UPDATE that must find its row; anything else is our own mistake or a foreign hand. */
static int must_be_one(const struct copy *c, uint64_t affected, const char *what, unsigned no,
                       struct err *err)
{
    if (affected == 1)
        return 0;
    return err_set(err, ERR_CONTROL_SCHEMA, "%s of table %u of %s is not as expected in %s", what,
                   no, project(c), c->fence.schema);
}

/* ---- tables ---- */

int ledger_load_tables(struct copy *c, struct conn *to, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(to, c->fence.schema, &r, err,
                    "SELECT table_no, state, was_empty, attempt, rows_done FROM @cw_table"
                    " WHERE project = %q",
                    project(c)) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        uint64_t no = result_u64(&r, 0, UINT64_MAX), state = result_u64(&r, 1, UINT64_MAX);
        struct copy_table *t = no < c->count ? &c->tables[no] : NULL;

        if (t == NULL || state > TABLE_COPIED)
            return err_set(err, ERR_CONTROL_SCHEMA, "%s.cw_table holds a table that %s has not",
                           c->fence.schema, project(c));
        t->known = true;
        t->state = (enum table_state)state;
        t->was_empty = result_u64(&r, 2, 0) != 0;
        t->attempt = (unsigned)result_u64(&r, 3, 0);
        t->rows_done = t->keyless ? result_u64(&r, 4, 0) : 0;
    }
    return got;
}

int ledger_add_tables(struct copy *c, struct conn *to, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    size_t i = 0;

    while (i < c->count) {
        unsigned rows = 0;

        strbuf_reset(&sql);
        control_sql_add(
            &sql, c->fence.schema,
            "INSERT INTO @cw_table (project, table_no, db, name, was_empty, attempt) VALUES ");
        for (; i < c->count && sql.len < STATEMENT_BYTES; i++) {
            const struct copy_table *t = &c->tables[i];

            if (t->known)
                continue;
            control_sql_add(&sql, c->fence.schema,
                            rows++ > 0 ? ", (%q, %u, %q, %q, %u, %u)" : "(%q, %u, %q, %q, %u, %u)",
                            project(c), (uint64_t)t->no, t->src->db, t->src->name,
                            (uint64_t)t->was_empty, (uint64_t)t->attempt);
        }
        if (rows > 0 && (control_begin_keep(to, &c->fence, 0, err) < 0 ||
                         finish(to, control_exec_text(to, &sql, NULL, err), err) < 0))
            return -1;
    }
    return 0;
}

/* ---- chunks ---- */

static int set_bound(struct bound *to, const struct result *r, int column,
                     const struct copy_table *t, struct err *err)
{
    if (r->row[column] == NULL)
        return 0;
    return bound_set(to, r->row[column], r->lengths[column], t->key.count, err);
}

/* A row (table_no, chunk_no, lo, hi, state, rows_done, skipped) into its table and the queue. */
static int take_chunk(struct copy *c, const struct result *r, struct err *err)
{
    _cleanup_(chunk_freep)
    struct chunk *chunk = NULL;
    uint64_t no = result_u64(r, 0, UINT64_MAX);
    struct copy_table *t = no < c->count ? &c->tables[no] : NULL;

    if (t == NULL)
        return err_set(err, ERR_CONTROL_SCHEMA, "%s.cw_chunk holds a table that %s has not",
                       c->fence.schema, project(c));
    chunk = calloc(1, sizeof(*chunk));
    if (chunk == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the chunks");
    chunk->table = t;
    chunk->no = (uint32_t)result_u64(r, 1, 0);
    if (set_bound(&chunk->lo, r, 2, t, err) < 0 || set_bound(&chunk->hi, r, 3, t, err) < 0)
        return -1;
    return queue_restore(c->queue, take_ptr(chunk), result_u64(r, 4, 0) == 1, result_u64(r, 5, 0),
                         result_u64(r, 6, 0), err);
}

int ledger_load_chunks(struct copy *c, struct conn *to, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    control_sql_add(&sql, c->fence.schema,
                    "SELECT table_no, chunk_no, lo, hi, state, rows_done, skipped FROM @cw_chunk"
                    " WHERE project = %q ORDER BY table_no, chunk_no",
                    project(c));
    if (strbuf_check(&sql, err) < 0 || conn_stream(to, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1)
        if (take_chunk(c, &r, err) < 0)
            return -1;
    return got;
}

static void add_chunk_row(struct copy *c, struct strbuf *sql, const struct chunk *k, bool first)
{
    control_sql_add(sql, c->fence.schema, first ? "(%q, %u, %u, " : ", (%q, %u, %u, ", project(c),
                    (uint64_t)k->table->no, (uint64_t)k->no);
    if (k->lo.data == NULL)
        strbuf_adds(sql, "NULL, ");
    else
        control_sql_add(sql, c->fence.schema, "%b, ", k->lo.data, k->lo.len);
    if (k->hi.data == NULL)
        strbuf_adds(sql, "NULL)");
    else
        control_sql_add(sql, c->fence.schema, "%b)", k->hi.data, k->hi.len);
}

static int insert_chunks(struct copy *c, struct conn *to, const struct plan *plans, size_t count,
                         struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    unsigned rows = 0;

    control_sql_add(&sql, c->fence.schema,
                    "INSERT INTO @cw_chunk (project, table_no, chunk_no, lo, hi) VALUES ");
    for (size_t i = 0; i < count; i++)
        for (const struct chunk *k = plans[i].first; k != NULL; k = k->next)
            add_chunk_row(c, &sql, k, rows++ == 0);
    return rows > 0 ? control_exec_text(to, &sql, NULL, err) : 0;
}

static int mark_planned(struct copy *c, struct conn *to, const struct plan *plans, size_t count,
                        struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(CONTROL_SQL_MAX);
    unsigned tables = 0;

    control_sql_add(&sql, c->fence.schema,
                    "UPDATE @cw_table SET state = %u WHERE project = %q AND table_no IN (",
                    (uint64_t)TABLE_PLANNED, project(c));
    for (size_t i = 0; i < count; i++)
        if (plans[i].complete)
            control_sql_add(&sql, c->fence.schema, tables++ > 0 ? ", %u" : "%u",
                            (uint64_t)plans[i].table->no);
    strbuf_adds(&sql, ")");
    return tables > 0 ? control_exec_text(to, &sql, NULL, err) : 0;
}

int ledger_put_plan(struct copy *c, struct conn *to, unsigned lane, const struct plan *plans,
                    size_t count, struct err *err)
{
    int rc;

    if (control_begin_keep(to, &c->fence, lane, err) < 0)
        return -1;
    rc = insert_chunks(c, to, plans, count, err);
    if (rc == 0)
        rc = mark_planned(c, to, plans, count, err);
    FAULT("full.plan.before_commit");
    if (finish(to, rc, err) < 0)
        return -1;
    FAULT("full.plan.after");
    return 0;
}

/* All of a scout's plans are stored in one transaction, so one of them tells for all. */
int ledger_plan_is_stored(struct copy *c, struct conn *to, const struct plan *any, struct err *err)
{
    uint64_t found = 0;
    int got;

    if (any->first != NULL)
        got = control_ask_u64(to, c->fence.schema, &found, err,
                              "SELECT COUNT(*) FROM @cw_chunk"
                              " WHERE project = %q AND table_no = %u AND chunk_no = %u",
                              project(c), (uint64_t)any->table->no, (uint64_t)any->first->no);
    else
        got = control_ask_u64(to, c->fence.schema, &found, err,
                              "SELECT COUNT(*) FROM @cw_table"
                              " WHERE project = %q AND table_no = %u AND state = %u",
                              project(c), (uint64_t)any->table->no, (uint64_t)TABLE_PLANNED);
    return got < 0 ? -1 : found > 0;
}

int ledger_chunk_done(struct copy *c, struct conn *to, const struct chunk *chunk, uint64_t rows,
                      uint64_t skipped, struct err *err)
{
    uint64_t affected = 0;

    if (control_exec(to, c->fence.schema, &affected, err,
                     "UPDATE @cw_chunk SET state = 1, rows_done = %u, skipped = %u"
                     " WHERE project = %q AND table_no = %u AND chunk_no = %u AND state = 0",
                     rows, skipped, project(c), (uint64_t)chunk->table->no,
                     (uint64_t)chunk->no) < 0)
        return -1;
    return must_be_one(c, affected, "a chunk", chunk->table->no, err);
}

int ledger_chunk_is_done(struct copy *c, struct conn *to, const struct chunk *chunk,
                         struct err *err)
{
    uint64_t state = 0;
    int got = control_ask_u64(to, c->fence.schema, &state, err,
                              "SELECT state FROM @cw_chunk"
                              " WHERE project = %q AND table_no = %u AND chunk_no = %u",
                              project(c), (uint64_t)chunk->table->no, (uint64_t)chunk->no);

    return got < 0 ? -1 : state == 1;
}

/* ---- tables without a key ---- */

int ledger_attempt_start(struct copy *c, struct conn *to, unsigned lane, struct copy_table *t,
                         struct err *err)
{
    uint64_t affected = 0;
    int rc;

    if (control_begin_keep(to, &c->fence, lane, err) < 0)
        return -1;
    rc = control_exec(to, c->fence.schema, &affected, err,
                      "UPDATE @cw_table SET attempt = attempt + 1, rows_done = 0"
                      " WHERE project = %q AND table_no = %u",
                      project(c), (uint64_t)t->no);
    if (rc == 0)
        rc = must_be_one(c, affected, "the row", t->no, err);
    if (finish(to, rc, err) < 0)
        return -1;
    t->attempt++;
    return 0;
}

int ledger_attempt_rows(struct copy *c, struct conn *to, const struct copy_table *t, uint64_t rows,
                        struct err *err)
{
    return control_exec(to, c->fence.schema, NULL, err,
                        "UPDATE @cw_table SET rows_done = %u WHERE project = %q AND table_no = %u",
                        rows, project(c), (uint64_t)t->no);
}

int ledger_keyless_done(struct copy *c, struct conn *to, const struct copy_table *t, uint64_t rows,
                        const struct binlog_pos *snapshot, struct err *err)
{
    uint64_t affected = 0;

    if (control_exec(
            to, c->fence.schema, &affected, err,
            "UPDATE @cw_table SET state = %u, rows_done = %u, snap_file = %q, snap_pos = %u"
            " WHERE project = %q AND table_no = %u AND attempt = %u AND state <> %u",
            (uint64_t)TABLE_COPIED, rows, snapshot->file, snapshot->offset, project(c),
            (uint64_t)t->no, (uint64_t)t->attempt, (uint64_t)TABLE_COPIED) < 0)
        return -1;
    return must_be_one(c, affected, "the row", t->no, err);
}

int ledger_keyless_is_done(struct copy *c, struct conn *to, struct copy_table *t, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(to, c->fence.schema, &r, err,
                    "SELECT state, attempt FROM @cw_table WHERE project = %q AND table_no = %u",
                    project(c), (uint64_t)t->no) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got < 0 ? -1 : must_be_one(c, 0, "the row", t->no, err);
    t->attempt = (unsigned)result_u64(&r, 1, 0);
    return result_u64(&r, 0, 0) == TABLE_COPIED;
}
