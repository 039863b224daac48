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
    GROUP_ROWS = 250 * 1000,  /* listed at a time: one more pass for each such group */
    GROUP_BUCKETS = 20 * 1000,
};

uint32_t bucket_mask(uint64_t rows, uint64_t each, uint32_t most)
{
    uint32_t mask = 15;

    while (mask < most && (uint64_t)mask * each < rows)
        mask = mask << 1 | 1;
    return mask;
}

int bucket_add(struct bucket *to, uint32_t mask, struct result *r, uint64_t *ret_rows,
               struct err *err)
{
    int got;

    *ret_rows = 0;
    while ((got = result_next(r, err)) == 1) {
        uint64_t at = result_u64(r, 0, UINT64_MAX);

        if (at > mask)
            return err_set(err, ERR_DB_QUERY, "a server gave bucket %" PRIu64 " of %" PRIu32, at,
                           mask);
        *ret_rows += result_u64(r, 1, 0);
        to[at].count += result_u64(r, 1, 0);
        to[at].sum ^= result_u64(r, 2, 0);
    }
    return got;
}

/* What each pass does with one end's piece. */
struct pass {
    struct verifier *f;
    enum { PASS_TOTAL, PASS_BUCKETS, PASS_ROWS } what;
    uint32_t mask;
    struct bucket total[END_MAX_];
    struct bucket *buckets[END_MAX_];
    struct rowset sets[END_MAX_];
    const uint32_t *listed;
    size_t listed_count; /* 0: all rows */
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
        sums_buckets(&s->sql, p->f->t, end, k, where, p->mask);
    else
        sums_rows(&s->sql, p->f->t, end, k, where, p->mask, p->listed, p->listed_count);
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
    return bucket_add(p->buckets[end], p->mask, r, ret_rows, err);
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
        result_done(&r[END_SOURCE]);
        result_done(&r[END_SINK]);
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
        s[end].sql.max = s[end].where.max = VERIFY_SQL_MAX;
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
static int list_group(struct pass *p, const uint32_t *buckets, size_t count, uint64_t *io_differ,
                      uint64_t ret_rows[static END_MAX_], struct err *err)
{
    uint64_t differ = 0;
    int rc;

    p->what = PASS_ROWS;
    p->listed = buckets;
    p->listed_count = count;
    (void)pthread_mutex_lock(&p->f->v->listing);
    rc = run_pass(p, err);
    for (unsigned end = 0; end < END_MAX_; end++)
        ret_rows[end] = p->sets[end].count;
    if (rc == 0)
        rc = rows_judge(p->f, p->sets, &differ, err);
    rowset_done(&p->sets[END_SOURCE]);
    rowset_done(&p->sets[END_SINK]);
    (void)pthread_mutex_unlock(&p->f->v->listing);
    *io_differ += differ;
    return rc;
}

static int list_differing(struct pass *p, uint64_t *io_differ, struct err *err)
{
    size_t room = (size_t)p->mask + 1, count = 0;
    _cleanup_(freep)
    uint32_t *group = calloc(MIN(room, (size_t)GROUP_BUCKETS), sizeof(*group));
    uint64_t rows = 0, ignored[END_MAX_];
    int rc = 0;

    if (group == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu buckets", room);
    for (size_t i = 0; i < room && rc == 0; i++) {
        const struct bucket *a = &p->buckets[END_SOURCE][i], *b = &p->buckets[END_SINK][i];

        if (a->count == b->count && a->sum == b->sum)
            continue;
        group[count++] = (uint32_t)i;
        rows += MAX(a->count, b->count);
        if (rows < GROUP_ROWS && count < GROUP_BUCKETS)
            continue;
        rc = list_group(p, group, count, io_differ, ignored, err);
        count = 0;
        rows = 0;
    }
    if (rc == 0 && count > 0)
        rc = list_group(p, group, count, io_differ, ignored, err);
    return rc;
}

static int by_buckets(struct pass *p, uint64_t *io_differ, struct err *err)
{
    uint64_t rows = MAX(p->total[END_SOURCE].count, p->total[END_SINK].count);
    size_t room;
    _cleanup_(freep)
    struct bucket *sums = NULL;
    int rc;

    p->mask = bucket_mask(rows, ROWS_A_BUCKET, MASK_MOST);
    room = (size_t)p->mask + 1;
    sums = calloc(room * END_MAX_, sizeof(*sums));
    if (sums == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu sums", room);
    p->buckets[END_SOURCE] = sums;
    p->buckets[END_SINK] = sums + room;
    p->what = PASS_BUCKETS;
    rc = run_pass(p, err);
    return rc == 0 ? list_differing(p, io_differ, err) : rc;
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
    uint64_t differ = 0, rows[END_MAX_] = { 0 };
    int rc;

    if (f->t->tables[END_SOURCE]->rows_estimate < LIST_AT_ONCE &&
        f->t->tables[END_SINK]->rows_estimate < LIST_AT_ONCE) {
        rc = list_group(&p, NULL, 0, &differ, rows, err);
    } else {
        p.what = PASS_TOTAL;
        rc = run_pass(&p, err);
        for (unsigned end = 0; end < END_MAX_; end++)
            rows[end] = p.total[end].count;
        if (rc == 0 && (rows[0] != rows[1] || p.total[0].sum != p.total[1].sum))
            rc = by_buckets(&p, &differ, err);
    }
    if (rc == 0)
        count_rows(&f->t->counts, rows, differ);
    else
        undo_do(f->t, &undo);
    return rc;
}
