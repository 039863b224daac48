/*
 * Scouts find out where the chunks of a table end, by the source's own ORDER BY over its key, and
 * store that before anybody copies: a restarted worker copies the same chunks.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "workers/full/ledger.h"
#include "workers/full/queue.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    CHUNK_BYTES = 3 * 1024 * 1024, /* one LOAD of a batch, and a redo costs little */
    CHUNK_ROWS_MIN = 100,
    CHUNK_ROWS_MAX = 50 * 1000,
    ROW_BYTES_GUESS = 100, /* where the source has no statistics */
    CHUNKS_PER_SCOUT = 64,
    SCOUT_MS = 200, /* then what was found is published: others wait for it */
    SQL_MAX = 1024 * 1024,
};

void chunk_free(struct chunk *c)
{
    if (c == NULL)
        return;
    bound_done(&c->lo);
    bound_done(&c->hi);
    free(c);
}

static uint64_t chunk_rows(const struct table *t)
{
    uint64_t row = t->avg_row_bytes > 0 ? t->avg_row_bytes : ROW_BYTES_GUESS;
    uint64_t rows = CHUNK_BYTES / row;

    return MIN(MAX(rows, (uint64_t)CHUNK_ROWS_MIN), (uint64_t)CHUNK_ROWS_MAX);
}

/* "SELECT key FROM t FORCE INDEX (key)" */
static void select_key(struct strbuf *b, const struct copy_table *t)
{
    strbuf_adds(b, "SELECT ");
    key_plan_columns(b, &t->key);
    strbuf_adds(b, " FROM ");
    sql_table(b, t->src->db, t->src->name);
    strbuf_adds(b, " FORCE INDEX (");
    sql_name(b, t->key.index_name);
    strbuf_adds(b, ")");
}

/* The key of the first row that the statement gives: 1, 0 no row, -1. */
static int ask_bound(struct mover *m, const struct copy_table *t, const struct strbuf *sql,
                     struct bound *ret, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (strbuf_check(sql, err) < 0 || conn_query(m->src, sql->data, sql->len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    return bound_of_row(ret, r.row, r.lengths, t->key.count, err) < 0 ? -1 : 1;
}

/* The largest key now: the last chunk ends there, however fast the table grows. */
static int ask_max(struct mover *m, struct plan *p, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    select_key(&sql, p->table);
    strbuf_adds(&sql, " ORDER BY ");
    key_plan_order(&sql, &p->table->key, "DESC");
    strbuf_adds(&sql, " LIMIT 1");
    return ask_bound(m, p->table, &sql, &p->max, err);
}

/* The key of the row that is chunk_rows() behind `last`. */
static int ask_next(struct mover *m, const struct plan *p, struct bound *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    select_key(&sql, p->table);
    if (p->last.data != NULL || p->max.data != NULL)
        strbuf_adds(&sql, " WHERE ");
    (void)bounds_where(&sql, &p->table->key, &p->last, &p->max);
    strbuf_adds(&sql, " ORDER BY ");
    key_plan_order(&sql, &p->table->key, "ASC");
    strbuf_addf(&sql, " LIMIT 1 OFFSET %" PRIu64, chunk_rows(p->table->src) - 1);
    return ask_bound(m, p->table, &sql, ret, err);
}

/* Appends the chunk (last, hi]; the bound moves on. */
static int add_chunk(struct plan *p, const struct bound *hi, struct err *err)
{
    _cleanup_(chunk_freep)
    struct chunk *k = calloc(1, sizeof(*k));

    if (k == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the chunks");
    k->table = p->table;
    k->no = p->next_chunk;
    if (bound_copy(&k->lo, &p->last, err) < 0 || bound_copy(&k->hi, hi, err) < 0 ||
        bound_copy(&p->last, hi, err) < 0)
        return -1;
    p->next_chunk++;
    *p->end = take_ptr(k);
    p->end = &(*p->end)->next;
    return 0;
}

static bool same_bound(const struct bound *a, const struct bound *b)
{
    return a->len == b->len && a->data != NULL && b->data != NULL &&
           memcmp(a->data, b->data, a->len) == 0;
}

/* One more chunk of the table; sets p->complete with its last. */
static int plan_chunk(struct mover *m, struct plan *p, struct err *err)
{
    _cleanup_(bound_done)
    struct bound next = { 0 };
    int got = 0;

    if (p->last.data != NULL && p->max.data == NULL && (got = ask_max(m, p, err)) < 0)
        return -1;
    if (p->table->key.count > 0 && (got = ask_next(m, p, &next, err)) < 0)
        return -1;
    if (p->table->key.count > 0 && got == 1) {
        p->complete = same_bound(&next, &p->max);
        return add_chunk(p, &next, err);
    }
    p->complete = true; /* the rest; of a small table: all of it */
    return add_chunk(p, &p->max, err);
}

static void plan_drop(struct plan *p)
{
    while (p->first != NULL) {
        struct chunk *k = p->first;

        p->first = k->next;
        chunk_free(k);
    }
    bound_done(&p->last);
    bound_done(&p->max);
}

static int plan_start(struct scout *s, struct copy_table *t, struct err *err)
{
    struct plan *p = &s->plans[s->count];

    *p = (struct plan){ .table = t, .next_chunk = t->next_chunk };
    p->end = &p->first;
    s->count++;
    if (bound_copy(&p->last, &t->last, err) < 0)
        return -1;
    return bound_copy(&p->max, &t->max, err);
}

/* Drops what was found; the hold on the first table stays with the work at hand. */
static void scout_reset(struct mover *m, bool keep_first)
{
    struct scout *s = &m->scout;

    for (size_t i = 0; i < s->count; i++) {
        plan_drop(&s->plans[i]);
        if (i > 0 || !keep_first)
            queue_scout_over(m->copy->queue, s->plans[i].table);
    }
    s->count = 0;
    s->gathered = s->maybe_stored = false;
}

void scout_drop(struct mover *m)
{
    scout_reset(m, false);
}

static int gather(struct mover *m, struct copy_table *t, struct err *err)
{
    struct scout *s = &m->scout;
    int64_t until = clock_mono_ms() + SCOUT_MS;
    size_t chunks = 0;

    while (t != NULL) {
        struct plan *p = &s->plans[s->count];

        if (plan_start(s, t, err) < 0)
            return -1;
        while (!p->complete && chunks < CHUNKS_PER_SCOUT && clock_mono_ms() < until) {
            int64_t start = clock_mono_us();
            if (plan_chunk(m, p, err) < 0)
                return err_wrap(err, "chunks of %s.%s", t->src->db, t->src->name);
            m->copy->slicing.busy_us += (uint64_t)(clock_mono_us() - start);
            m->copy->slicing.batches++;
            chunks++;
        }
        t = p->complete && s->count < PLANS_MAX && chunks < CHUNKS_PER_SCOUT &&
                    clock_mono_ms() < until
                ? queue_more_to_scout(m->copy->queue)
                : NULL;
    }
    s->gathered = true;
    return 0;
}

int scout_run(struct mover *m, struct copy_table *first, struct err *err)
{
    struct scout *s = &m->scout;
    int stored = 0;

    if (!s->gathered) {
        scout_reset(m, true);
        if (gather(m, first, err) < 0) {
            scout_reset(m, true);
            return -1;
        }
    }
    if (s->maybe_stored && (stored = ledger_plan_is_stored(m->copy, m->dst, &s->plans[0], err)) < 0)
        return -1;
    s->maybe_stored = true;
    if (stored == 0 && ledger_put_plan(m->copy, m->dst, m->lane, s->plans, s->count, err) < 0)
        return -1;
    queue_publish(m->copy->queue, s->plans, s->count);
    scout_reset(m, false);
    return 0;
}
