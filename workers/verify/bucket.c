/*
 * A table whose key the two ends sort otherwise (another collation), or that one end can't walk
 * along it: no range of the one is a range of the other. Each end is walked in its own order; the
 * sums of all rows, then those of each bucket of the key's hash, are added up over the whole table,
 * and the rows of the buckets that differ are listed. Begun anew after a restart.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/fault.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    ROWS_A_BUCKET = 64,
    MASK_MOST = 64 * 1024 - 1,
    LIST_AT_ONCE = 20 * 1000, /* rows of a table that needs no sums first */
};

/* What each pass does with one end's piece. */
struct pass {
    struct verifier *f;
    enum { PASS_TOTAL, PASS_BUCKETS, PASS_ROWS } what;
    struct bucket total[END_MAX_];
    struct buckets buckets;
    struct rowset sets[END_MAX_];
    const uint32_t *listed;
    size_t listed_count; /* 0: all rows */
    uint64_t rows_listed[END_MAX_], differ;
};

struct side {
    struct walk walk;
    struct bound lo, hi;
    struct strbuf sql, where;
    bool asked;
    uint64_t before;
};

static void add_statement(struct pass *p, struct side *s, enum end end)
{
    const struct key_plan *k = &s->walk.plan;
    const char *where = strbuf_str(&s->where);

    if (p->what == PASS_TOTAL)
        sums_chunk(&s->sql, p->f->t, end, k, where);
    else if (p->what == PASS_BUCKETS)
        sums_buckets(&s->sql, p->f->t, end, k, where, p->buckets.mask);
    else
        sums_rows(&s->sql, p->f->t, end, k, where, p->buckets.mask, p->listed, p->listed_count);
}

static int take_piece(struct pass *p, enum end end, struct result *r, uint64_t *ret_rows,
                      struct err *err)
{
    struct bucket *total = &p->total[end];
    uint64_t before = total->count;

    if (p->what == PASS_ROWS) {
        size_t had = p->sets[end].count;

        if (rowset_read(&p->sets[end], r, p->f->t->normals->key_count, err) < 0)
            return -1;
        *ret_rows = p->sets[end].count - had;
        return 0;
    }
    if (p->what == PASS_TOTAL) {
        if (result_next(r, err) != 1)
            return -1;
        total->count += result_u64(r, 0, 0);
        total->sum ^= result_u64(r, 1, 0);
        *ret_rows = total->count - before;
        return 0;
    }
    return buckets_add(&p->buckets, end, r, ret_rows, err);
}

/* The next piece of each end that has one, both at once. 1, 0 at the end of both, -1. */
static int ask_pieces(struct pass *p, struct side s[static END_MAX_],
                      struct result r[static END_MAX_], struct err *err)
{
    const struct strbuf *sql[END_MAX_] = { NULL, NULL };
    bool any = false;

    for (unsigned end = 0; end < END_MAX_; end++) {
        int got = walk_next(&s[end].walk, &p->f->ends, &s[end].hi, err);

        s[end].asked = got == 1;
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        any = true;
        strbuf_reset(&s[end].sql);
        strbuf_reset(&s[end].where);
        sums_where(&s[end].where, p->f->t, end, &s[end].walk.plan, &s[end].lo, &s[end].hi);
        add_statement(p, &s[end], end);
        sql[end] = &s[end].sql;
        if (bound_copy(&s[end].lo, &s[end].hi, err) < 0)
            return -1;
    }
    if (!any)
        return 0;
    return ends_ask(&p->f->ends, sql, r, err) < 0 ? -1 : 1;
}

static int walk_pieces(struct pass *p, struct side s[static END_MAX_], struct err *err)
{
    for (;;) {
        struct result r[END_MAX_] = { { 0 }, { 0 } };
        uint64_t rows[END_MAX_] = { 0 };
        int64_t start;
        int rc;

        pace_enter(p->f);
        start = clock_mono_us();
        rc = ask_pieces(p, s, r, err);
        for (unsigned end = 0; end < END_MAX_ && rc == 1; end++)
            if (s[end].asked && take_piece(p, end, &r[end], &rows[end], err) < 0)
                rc = -1;
        ends_drop_results(r);
        start = clock_mono_us() - start;
        for (unsigned end = 0; end < END_MAX_; end++) {
            /* of a list of some buckets nobody knows how many rows were looked at */
            walk_took(&s[end].walk, p->listed_count > 0 ? s[end].walk.want : rows[end], start,
                      pace_want_us(p->f));
            meter_rows(p->f, end, rows[end]);
        }
        if (pace_leave(p->f) && rc >= 0)
            return STAGE_STOPPED;
        if (rc <= 0)
            return rc;
        FAULT("verify.bucket.piece");
        if (p->what == PASS_TOTAL)
            p->f->t->share = walk_share(&s[END_SOURCE].walk) / 2;
    }
}

static int run_pass(struct pass *p, struct err *err)
{
    struct side s[END_MAX_] = { 0 };
    int rc = 0;

    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++) {
        struct key_plan k;

        key_plan_of(p->f->t->tables[end], &k);
        s[end].sql.max = s[end].where.max = ENDS_SQL_MAX;
        rc = walk_start(&s[end].walk, &p->f->ends, end, p->f->t->tables[end], &k, NULL, err);
    }
    if (rc == 0)
        rc = walk_pieces(p, s, err);
    for (unsigned end = 0; end < END_MAX_; end++) {
        walk_done(&s[end].walk);
        bound_done(&s[end].lo);
        bound_done(&s[end].hi);
        strbuf_done(&s[end].sql);
        strbuf_done(&s[end].where);
    }
    return rc;
}

/* Lists the rows of these buckets (none: of all) and judges them. */
static int list_group(void *ctx, const uint32_t *buckets, size_t count, struct err *err)
{
    struct pass *p = ctx;
    uint64_t differ = 0;
    int rc;

    p->what = PASS_ROWS;
    p->listed = buckets;
    p->listed_count = count;
    pace_listing_enter(p->f);
    rc = run_pass(p, err);
    for (unsigned end = 0; end < END_MAX_; end++)
        p->rows_listed[end] = p->sets[end].count;
    if (rc == 0)
        rc = rows_judge(p->f, p->sets, &differ, err);
    rowset_done(&p->sets[END_SOURCE]);
    rowset_done(&p->sets[END_SINK]);
    pace_listing_leave(p->f);
    p->differ += differ;
    return rc;
}

static int by_buckets(struct pass *p, struct err *err)
{
    uint64_t rows = MAX(p->total[END_SOURCE].count, p->total[END_SINK].count);
    int rc = buckets_new(&p->buckets, buckets_mask(rows, ROWS_A_BUCKET, MASK_MOST), err);

    p->what = PASS_BUCKETS;
    if (rc == 0)
        rc = run_pass(p, err);
    if (rc == 0)
        rc = buckets_each_group(&p->buckets, list_group, p, err);
    buckets_done(&p->buckets);
    return rc;
}

static void count_rows(struct counts *c, const uint64_t rows[static END_MAX_], uint64_t differ)
{
    for (unsigned end = 0; end < END_MAX_; end++)
        c->rows[end] = rows[end];
    c->consistent += rows[END_SOURCE] > differ ? rows[END_SOURCE] - differ : 0;
}

int bucket_verify(struct verifier *f, struct err *err)
{
    struct pass p = { .f = f };
    struct undo undo = undo_from(f->t);
    const uint64_t *rows = p.rows_listed;
    uint64_t total[END_MAX_];
    int rc;

    if (f->t->tables[END_SOURCE]->rows_estimate < LIST_AT_ONCE &&
        f->t->tables[END_SINK]->rows_estimate < LIST_AT_ONCE) {
        rc = list_group(&p, NULL, 0, err);
    } else {
        p.what = PASS_TOTAL;
        rc = run_pass(&p, err);
        for (unsigned end = 0; end < END_MAX_; end++)
            total[end] = p.total[end].count;
        rows = total;
        if (rc == 0 && (rows[0] != rows[1] || p.total[0].sum != p.total[1].sum))
            rc = by_buckets(&p, err);
    }
    if (rc == 0)
        count_rows(&f->t->counts, rows, p.differ);
    else
        undo_do(f->t, &undo);
    return rc;
}
