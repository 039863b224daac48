/*
 * A table whose key both ends' indexes sort alike: the same ranges at both ends, one sum each. A
 * range that is done needs no second look: where it ended is what a restarted worker goes on from.
 */
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/num.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    LIST_AT_ONCE = 2000, /* rows: not worth sums by bucket first */
    ROWS_A_BUCKET = 16,
    MASK_MOST = 16 * 1024 - 1,
    BUCKETS_LISTED = 4096, /* more of them differ: all rows are listed */
    MANY_ROWS = 5000,
    BOUND_HEX_MAX = 64 * 1024,
};

/* An index of `t` that begins with these columns. */
static const char *index_over(const struct table *t, const struct normal *const *columns,
                              unsigned count)
{
    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];
        unsigned k = 0;

        if (x->functional || strcasecmp(x->kind, "BTREE") != 0)
            continue;
        while (k < count && k < x->column_count && (x->prefix == NULL || x->prefix[k] == 0) &&
               &t->columns[x->columns[k]] == columns[k]->ends[END_SINK])
            k++;
        if (k == count)
            return x->name;
    }
    return NULL;
}

bool range_fits(const struct vtable *t, struct range_plan *ret)
{
    const struct normals *n = t->normals;
    const struct normal *columns[KEY_COLUMNS_MAX];
    struct key_plan *source = &ret->keys[END_SOURCE], *sink = &ret->keys[END_SINK];
    unsigned count = 0;

    *ret = (struct range_plan){ 0 };
    key_plan_of(t->tables[END_SOURCE], source);
    while (count < source->count && count < n->key_count && n->columns[n->key[count]].same_order &&
           n->columns[n->key[count]].ends[END_SOURCE] == source->columns[count]) {
        columns[count] = &n->columns[n->key[count]];
        sink->columns[count] = columns[count]->ends[END_SINK];
        count++;
    }
    source->count = sink->count = count;
    if (count == 0)
        return false;
    sink->index_name = index_over(t->tables[END_SINK], columns, count);
    return sink->index_name != NULL;
}

/* ---- a range that differs ---- */

struct piece {
    struct verifier *f;
    const struct range_plan *plan;
    struct strbuf where[END_MAX_];
    uint64_t rows[END_MAX_];
    uint32_t mask;
    uint32_t buckets[BUCKETS_LISTED];
    size_t bucket_count; /* 0: all rows */
};

static void add_chunk(struct strbuf *b, const void *ctx, enum end end)
{
    const struct piece *p = ctx;

    sums_chunk(b, p->f->t, end, &p->plan->keys[end], strbuf_str(&p->where[end]));
}

static void add_buckets(struct strbuf *b, const void *ctx, enum end end)
{
    const struct piece *p = ctx;

    sums_buckets(b, p->f->t, end, &p->plan->keys[end], strbuf_str(&p->where[end]), p->mask);
}

static void add_rows(struct strbuf *b, const void *ctx, enum end end)
{
    const struct piece *p = ctx;

    sums_rows(b, p->f->t, end, &p->plan->keys[end], strbuf_str(&p->where[end]), p->mask, p->buckets,
              p->bucket_count);
}

/* Which buckets differ: 1; 0: none by now; -1. */
static int find_buckets(struct piece *p, struct err *err)
{
    _cleanup_(buckets_done)
    struct buckets sums = { 0 };
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    uint64_t ignored;
    int rc = buckets_new(&sums, p->mask, err);

    if (rc == 0)
        rc = ends_ask_both(&p->f->ends, add_buckets, p, r, err);
    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++)
        rc = buckets_add(&sums, end, &r[end], &ignored, err);
    ends_drop_results(r);
    if (rc < 0)
        return -1;
    for (size_t i = 0; i <= p->mask; i++) {
        if (!buckets_differ(&sums, i))
            continue;
        if (p->bucket_count == BUCKETS_LISTED) {
            p->bucket_count = 0;
            return 1;
        }
        p->buckets[p->bucket_count++] = (uint32_t)i;
    }
    return p->bucket_count > 0;
}

static int list_rows(struct piece *p, uint64_t *ret_differ, struct err *err)
{
    struct rowset sets[END_MAX_] = { { 0 }, { 0 } };
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    int rc = ends_ask_both(&p->f->ends, add_rows, p, r, err);

    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++) {
        rc = rowset_read(&sets[end], &r[end], p->f->t->normals->key_count, err);
        result_done(&r[end]);
    }
    ends_drop_results(r);
    if (rc == 0)
        rc = rows_judge(p->f, sets, ret_differ, err);
    rowset_done(&sets[END_SOURCE]);
    rowset_done(&sets[END_SINK]);
    return rc;
}

static int piece_differs(struct piece *p, uint64_t *ret_differ, struct err *err)
{
    uint64_t rows = MAX(p->rows[END_SOURCE], p->rows[END_SINK]);
    bool many;
    int rc = 1;

    p->bucket_count = 0;
    if (rows > LIST_AT_ONCE) {
        p->mask = buckets_mask(rows, ROWS_A_BUCKET, MASK_MOST);
        rc = find_buckets(p, err);
    }
    if (rc <= 0)
        return rc;
    many = rows > MANY_ROWS && p->bucket_count == 0;
    if (many)
        pace_listing_enter(p->f);
    rc = list_rows(p, ret_differ, err);
    if (many)
        pace_listing_leave(p->f);
    return rc;
}

/* ---- range by range ---- */

static int compare_piece(struct piece *p, struct err *err)
{
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    struct counts *c = &p->f->t->counts;
    struct undo undo = undo_from(p->f->t);
    uint64_t sums[END_MAX_] = { 0 }, differ = 0;
    int rc = ends_ask_both(&p->f->ends, add_chunk, p, r, err);

    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++) {
        rc = result_next(&r[end], err) == 1 ? 0 : -1;
        if (rc < 0)
            break;
        p->rows[end] = result_u64(&r[end], 0, 0);
        sums[end] = result_u64(&r[end], 1, 0);
        meter_rows(p->f, end, p->rows[end]);
    }
    ends_drop_results(r);
    if (rc == 0 && (p->rows[0] != p->rows[1] || sums[0] != sums[1]))
        rc = piece_differs(p, &differ, err);
    if (rc != 0) {
        undo_do(p->f->t, &undo);
        return rc;
    }
    c->consistent += p->rows[END_SOURCE] > differ ? p->rows[END_SOURCE] - differ : 0;
    for (unsigned end = 0; end < END_MAX_; end++)
        c->rows[end] += p->rows[end];
    return 0;
}

static struct json_object *place(const struct bound *hi)
{
    _cleanup_(strbuf_done)
    struct strbuf hex = STRBUF(BOUND_HEX_MAX);
    struct json_object *o = json_object_new_object();

    strbuf_add_hex(&hex, hi->data, hi->len);
    json_add_str(o, "at", strbuf_str(&hex));
    return o;
}

/* Where it was: what is no bound of this key (the table has changed) is the start. */
static void place_read(struct vtable *t, const struct key_plan *k, struct bound *ret)
{
    _cleanup_(strbuf_done)
    struct strbuf raw = STRBUF(BOUND_HEX_MAX);
    const char *hex = json_get_str(t->resume, "at", "");
    struct err none = { 0 };

    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
        int high = num_hex_digit(hex[i]), low = num_hex_digit(hex[i + 1]);

        if (high < 0 || low < 0)
            return;
        strbuf_addc(&raw, (char)(high * 16 + low));
    }
    if (raw.len > 0)
        (void)bound_set(ret, raw.data, raw.len, k->count, &none);
}

static int one_piece(struct piece *p, struct walk *w, struct bound *lo, const struct bound *hi,
                     struct err *err)
{
    struct vtable *t = p->f->t;
    int64_t start;
    bool leaving;
    int rc;

    for (unsigned end = 0; end < END_MAX_; end++) {
        strbuf_reset(&p->where[end]);
        sums_where(&p->where[end], t, end, &p->plan->keys[end], lo, hi);
    }
    pace_enter(p->f);
    start = clock_mono_us();
    rc = compare_piece(p, err);
    start = clock_mono_us() - start;
    walk_took(w, MAX(p->rows[END_SOURCE], p->rows[END_SINK]), start, pace_want_us(p->f));
    leaving = pace_leave(p->f);
    if (rc != 0)
        return rc;
    if (bound_copy(lo, hi, err) < 0)
        return -1;
    FAULT("verify.range.piece");
    t->share = walk_share(w);
    if (hi->data != NULL)
        tell_progress(p->f, place(hi));
    return leaving ? STAGE_STOPPED : 0;
}

int range_verify(struct verifier *f, const struct range_plan *plan, struct err *err)
{
    struct piece p = { .f = f,
                       .plan = plan,
                       .where = { STRBUF(ENDS_SQL_MAX), STRBUF(ENDS_SQL_MAX) } };
    struct walk w = { 0 };
    struct bound lo = { 0 }, hi = { 0 };
    int rc;

    place_read(f->t, &plan->keys[END_SOURCE], &lo);
    rc = walk_start(&w, &f->ends, END_SOURCE, f->t->tables[END_SOURCE], &plan->keys[END_SOURCE],
                    lo.data != NULL ? &lo : NULL, err);
    while (rc == 0 && (rc = walk_next(&w, &f->ends, &hi, err)) == 1)
        rc = one_piece(&p, &w, &lo, &hi, err);
    walk_done(&w);
    bound_done(&lo);
    bound_done(&hi);
    strbuf_done(&p.where[END_SOURCE]);
    strbuf_done(&p.where[END_SINK]);
    return rc;
}
