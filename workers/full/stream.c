/* Rows from the source's result to the target's statement; used by chunk.c and keyless.c. */
#include <inttypes.h>

#include <sys/socket.h>

#include <mysql.h>

#include "base/clock.h"
#include "base/log.h"
#include "workers/full/queue.h"
#include "workers/mysql/control_sql.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

void permits_init(struct permits *p, unsigned count)
{
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->freed, NULL);
    p->left = count;
}

void permits_done(struct permits *p)
{
    (void)pthread_cond_destroy(&p->freed);
    (void)pthread_mutex_destroy(&p->lock);
}

void permits_take(struct permits *p)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->left == 0)
        (void)pthread_cond_wait(&p->freed, &p->lock);
    p->left--;
    (void)pthread_mutex_unlock(&p->lock);
}

void permits_give(struct permits *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->left++;
    (void)pthread_cond_signal(&p->freed);
    (void)pthread_mutex_unlock(&p->lock);
}

void copy_cut(struct conn **conn, struct result *r)
{
    /* Freeing a streamed result reads the rest of it, which may be a whole table: cut it off. */
    (void)shutdown(mysql_get_socket(conn_raw(*conn)), SHUT_RDWR);
    result_done(r);
    conn_close(*conn);
    *conn = NULL;
}

void stream_select(struct strbuf *b, const struct copy_table *t)
{
    strbuf_adds(b, "SELECT ");
    carry_select(b, &t->carry);
    strbuf_adds(b, " FROM ");
    sql_table(b, t->src->db, t->src->name);
}

void stream_filter(struct strbuf *b, const struct copy_table *t, bool has_where)
{
    if (t->src->where == NULL)
        return;
    strbuf_adds(b, has_where ? " AND (" : " WHERE (");
    strbuf_adds(b, t->src->where);
    strbuf_adds(b, "\n)"); /* on its own line: the filter may end in a comment */
}

static enum carry_form form_of(const struct copy *c, const struct copy_table *t,
                               enum write_mode mode)
{
    if (c->bulk_allowed && !t->no_bulk && carry_can_bulk(&t->carry, mode))
        return FORM_BULK;
    return c->load_allowed ? FORM_LOAD : FORM_INSERT;
}

int stream_start_batch(struct mover *m, const struct copy_table *t, enum write_mode mode,
                       struct err *err)
{
    struct copy *c = m->copy;

    return batch_start(&m->batch, &t->carry, t->dst, mode, form_of(c, t, mode), c->max_packet,
                       c->batch_bytes, err);
}

static void meter_add(struct meter *of, uint64_t rows, uint64_t bytes, int64_t us)
{
    of->rows += rows;
    of->bytes += bytes;
    of->busy_us += (uint64_t)us;
    of->batches += rows > 0 ? 1 : 0;
}

/* ---- to the target ---- */

/* The server refuses a form whatever it said before: from now on by the next one, this work again.
 */
static int form_refused(struct mover *m, struct copy_table *t, struct err *err)
{
    enum carry_form form = m->batch.form;

    if (form == FORM_INSERT || err->code != ERR_NOT_SUPPORTED)
        return -1;
    log_warn("full", form == FORM_LOAD ? "load_refused" : "bulk_refused", "db_errno=%u table_no=%u",
             err->db_errno, t->no);
    if (form == FORM_LOAD)
        m->copy->load_allowed = false;
    else if (err->db_errno != 0)
        m->copy->bulk_allowed = false;
    else
        t->no_bulk = true;
    err->code = ERR_DB_RETRY;
    return -1;
}

int stream_send(struct mover *m, struct copy_table *t, struct batch_result *io, struct err *err)
{
    struct batch *b = &m->batch;
    struct batch_result r;
    int64_t start;
    int rc;

    if (b->rows == 0)
        return 0;
    if (!throttle_take(m->copy->throttle, b->rows, b->bytes))
        return STAGE_STOPPED;
    permits_take(&m->copy->writing);
    start = clock_mono_us();
    rc = batch_send(b, m->dst, &r, err);
    permits_give(&m->copy->writing);
    if (rc < 0) {
        if (err->code == ERR_VALUE) {
            control_rollback(m->dst);
            batch_blame(b, m->dst, t->src, err);
        }
        return form_refused(m, t, err);
    }
    meter_add(&m->copy->sink, r.rows, b->bytes, clock_mono_us() - start);
    io->rows += r.rows;
    io->skipped += r.skipped;
    io->replaced += r.replaced;
    batch_clear(b);
    return 0;
}

/* ---- from the source ---- */

static uint64_t row_bytes(const struct result *r)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < r->columns; i++)
        sum += r->lengths[i];
    return sum;
}

/* One row into the batch; 1 when the batch should go. */
static int take_row(struct mover *m, struct copy_table *t, const struct result *r, struct err *err)
{
    if (batch_add(&m->batch, r->row, r->lengths, err) < 0)
        return -1;
    if (!t->giant && row_bytes(r) > GIANT_ROW_BYTES)
        queue_set_giant(m->copy->queue, t);
    return batch_full(&m->batch);
}

/* Reads to the end of the result, which was asked for at `start` (µs); the time spent in `flush` is
 * not the source's. */
static int read_rows(struct mover *m, struct copy_table *t, struct result *r, int64_t start,
                     flush_fn *flush, void *ctx, struct err *err)
{
    uint64_t rows = 0, bytes = 0;
    int got;

    while ((got = result_next(r, err)) == 1) {
        rows++;
        bytes += row_bytes(r);
        got = take_row(m, t, r, err);
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        meter_add(&m->copy->source, rows, bytes, clock_mono_us() - start);
        rows = bytes = 0;
        if (copy_leaving(m->copy))
            return STAGE_STOPPED;
        got = flush(ctx, err);
        if (got != 0)
            return got;
        start = clock_mono_us();
    }
    meter_add(&m->copy->source, rows, bytes, clock_mono_us() - start);
    return got;
}

int stream_rows(struct mover *m, struct copy_table *t, const struct strbuf *sql, flush_fn *flush,
                void *ctx, struct err *err)
{
    struct result r = { 0 };
    int64_t start;
    int rc;

    if (strbuf_check(sql, err) < 0)
        return -1;
    permits_take(&m->copy->reading);
    start = clock_mono_us();
    rc = conn_stream(m->src, sql->data, sql->len, &r, err);
    if (rc == 0)
        rc = read_rows(m, t, &r, start, flush, ctx, err);
    if (rc == 0) {
        result_done(&r);
        rc = conn_check_whole(m->src, err);
    } else if (r.res != NULL) {
        copy_cut(&m->src, &r);
    }
    permits_give(&m->copy->reading);
    return rc;
}
