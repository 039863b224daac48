/* One chunk: its rows, its "done" and the lane's row in one transaction of the target. */
#include "base/fault.h"
#include "workers/full/ledger.h"
#include "workers/full/queue.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { SQL_MAX = 1024 * 1024 };

struct chunk_run {
    struct mover *m;
    struct chunk *chunk;
    bool begun;
    struct batch_result sums;
};

/*
 * A copy is fuzzy: a row's unique value may have moved from a row that is copied already, and the
 * newer row must win then; the binlog brings the other one back. Rows that the target had before
 * we came are kept, if they are allowed at all.
 */
static enum write_mode mode_of(const struct copy_table *t)
{
    return t->was_empty ? WRITE_REPLACE : WRITE_KEEP;
}

static void chunk_sql(struct strbuf *sql, const struct chunk *k)
{
    const struct copy_table *t = k->table;
    size_t plain;
    bool has_where;

    stream_select(sql, t);
    if (t->key.count > 0) {
        strbuf_adds(sql, " FORCE INDEX (");
        sql_name(sql, t->key.index_name);
        strbuf_adds(sql, ")");
    }
    plain = sql->len;
    strbuf_adds(sql, " WHERE ");
    has_where = bounds_where(sql, &t->key, &k->lo, &k->hi);
    if (!has_where)
        strbuf_truncate(sql, plain);
    stream_filter(sql, t, has_where);
}

/* Begins the transaction with its first rows, not before: nothing is locked while the source reads.
 */
static int begin(struct chunk_run *run, struct err *err)
{
    struct mover *m = run->m;

    if (run->begun)
        return 0;
    if (control_begin(m->dst, &m->copy->fence, m->lane, ++m->transactions, NULL, 0, err) < 0)
        return -1;
    run->begun = true;
    return 0;
}

static int flush(void *ctx, struct err *err)
{
    struct chunk_run *run = ctx;

    if (begin(run, err) < 0)
        return -1;
    FAULT("full.chunk.before_load");
    return stream_send(run->m, run->chunk->table, &run->sums, err);
}

static int commit(struct chunk_run *run, struct err *err)
{
    struct mover *m = run->m;
    int rc = flush(run, err);

    if (rc != 0)
        return rc;
    if (ledger_chunk_done(m->copy, m->dst, run->chunk, run->sums.rows, run->sums.skipped, err) < 0)
        return -1;
    FAULT("full.chunk.before_commit");
    if (control_commit(m->dst, err) < 0)
        return -1;
    FAULT("full.chunk.after_commit");
    return 0;
}

static int copy_rows(struct chunk_run *run, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    struct copy_table *t = run->chunk->table;
    int rc;

    if (stream_start_batch(run->m, t, mode_of(t), err) < 0)
        return -1;
    chunk_sql(&sql, run->chunk);
    rc = stream_rows(run->m, t, &sql, flush, run, err);
    return rc == 0 ? commit(run, err) : rc;
}

int chunk_copy(struct mover *m, struct chunk *chunk, struct err *err)
{
    struct chunk_run run = { .m = m, .chunk = chunk };
    int rc = m->redo ? ledger_chunk_is_done(m->copy, m->dst, chunk, err) : 0;

    if (rc < 0)
        return -1;
    if (rc == 0) {
        rc = copy_rows(&run, err);
        if (rc != 0 && run.begun)
            control_rollback(m->dst);
        if (rc < 0)
            return err_wrap(err, "copy of %s.%s", chunk->table->src->db, chunk->table->src->name);
        if (rc != 0)
            return rc;
    }
    queue_chunk_done(m->copy->queue, chunk, run.sums.rows, &run.sums);
    return 0;
}
