/*
 * A table without a key: how many rows of each hash there are at either end. No row of it can be
 * looked at again while it is written, so with incremental both ends are read as of one position:
 * the applier is held, a snapshot of the end that is written taken at a known position, the applier
 * goes on exactly to it and is held again for as long as beginning a snapshot of the other end
 * takes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/binlog/snapshot.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    ROWS_A_BUCKET = 64,
    MASK_MOST = 64 * 1024 - 1,
    LEASE_MS = 3000,
    RENEW_MS = 20,
    HELD_WAIT_MS = 60 * 1000,
    TRIES = 10,
    AGAIN_MS = 500,
    LIST_HASHES = 200,
};

/* ---- both ends as of one position ---- */

/* The end whose changes are carried: the source; behind a switchover the target. */
static enum end written(const struct verifier *f)
{
    return f->ends.maps[END_SOURCE] != NULL ? END_SOURCE : END_SINK;
}

static enum end applied(const struct verifier *f)
{
    return written(f) == END_SOURCE ? END_SINK : END_SOURCE;
}

static void give_up(struct verifier *f)
{
    const struct touch_hold none = { 0 };

    if (f->ends.touch[written(f)] != NULL)
        touch_hold_ask(f->ends.touch[written(f)], &none, 0);
}

/* Until the hold stands: 1 and where; 0: not in time, or its worker began anew; STAGE_STOPPED is 0.
 */
static int wait_held(struct verifier *f, const struct touch_hold *h, uint64_t generation,
                     struct binlog_pos *ret, struct err *err)
{
    int64_t until = clock_mono_ms() + HELD_WAIT_MS;
    const enum end end = written(f);

    while (clock_mono_ms() < until) {
        struct moment now;
        int got = ends_moment(&f->ends, &now, err);

        if (got <= 0 || now.at[end].generation != generation)
            return MIN(got, 0);
        touch_hold_ask(f->ends.touch[end], h, LEASE_MS);
        if (touch_held(f->ends.touch[end], h->id, ret))
            return 1;
        if (report_sleep(f->v->w->report, RENEW_MS))
            return 0;
    }
    return 0;
}

static int open_another(void *ctx, struct conn **ret, struct err *err)
{
    const struct conn_options o = { 0 };
    struct verifier *f = ctx;

    return conn_open(&f->v->w->task->ends[written(f)], &o, ret, err);
}

/* The lease lapses meanwhile: the attempt is begun anew then. */
static bool pause_lock(void *ctx, int ms)
{
    struct verifier *f = ctx;

    return report_sleep(f->v->w->report, ms);
}

static void tell_waits(void *ctx)
{
    struct verifier *f = ctx;

    report_event(f->v->w->report, "WARN", "table_lock_waits",
                 "%s.%s has no key and is written without a pause: its comparison waits for a "
                 "moment in which it can be locked for reading",
                 f->t->db, f->t->name);
}

static uint64_t hold_id(const struct verifier *f)
{
    return (uint64_t)clock_mono_us() << 8 ^ (uint64_t)(uintptr_t)f;
}

/* 1: both snapshots are open, as of *ret; 0: again; -1. */
static int try_snapshots(struct verifier *f, struct binlog_pos *ret, struct err *err)
{
    const enum end end = written(f);
    const struct table *t = f->t->tables[end];
    struct snapshot_calls calls = { f, open_another, pause_lock, tell_waits };
    struct touch_hold h = { .id = hold_id(f) };
    struct binlog_pos held = { 0 };
    struct moment m;
    int got = ends_moment(&f->ends, &m, err);

    if (got <= 0)
        return got;
    got = wait_held(f, &h, m.at[end].generation, &held, err);
    if (got <= 0)
        return got;
    got = snapshot_at(f->ends.conns[end], &f->ends.dialects[end], t->db, t->name, &calls, ret, err);
    if (got != 0)
        return got < 0 ? -1 : 0;
    ret->era = m.at[end].read.era;
    h = (struct touch_hold){ .id = hold_id(f), .until = true, .pos = *ret };
    got = wait_held(f, &h, m.at[end].generation, &held, err);
    if (got <= 0)
        return got;
    if (binlog_pos_cmp(&held, ret) != 0) {
        log_info("verify", "held_elsewhere", "at=%s:%" PRIu64 " wanted=%s:%" PRIu64, held.file,
                 held.offset, ret->file, ret->offset);
        return 0;
    }
    if (snapshot_begin(f->ends.conns[applied(f)], err) < 0)
        return -1;
    return touch_held(f->ends.touch[end], h.id, &held) ? 1 : 0;
}

static void end_snapshots(struct verifier *f)
{
    struct err none = { 0 };

    for (unsigned end = 0; end < END_MAX_; end++)
        if (f->ends.conns[end] != NULL)
            (void)conn_exec(f->ends.conns[end], "ROLLBACK", 8, NULL, &none);
}

/* 0, STAGE_STOPPED, -1. */
static int open_snapshots(struct verifier *f, struct err *err)
{
    struct binlog_pos at = { 0 };
    struct json_object *position;
    int got = 0;

    if (f->ends.maps[END_SOURCE] != NULL && f->ends.maps[END_SINK] != NULL)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "%s.%s has no key, and both ends are carried from: no position of the one "
                       "is a position of the other",
                       f->t->db, f->t->name);
    if (!ends_carried(&f->ends))
        return snapshot_begin(f->ends.conns[END_SOURCE], err) < 0 ||
                       snapshot_begin(f->ends.conns[END_SINK], err) < 0
                   ? -1
                   : 0;
    for (unsigned i = 0; i < TRIES; i++) {
        (void)pthread_mutex_lock(&f->v->holding);
        got = try_snapshots(f, &at, err);
        give_up(f);
        (void)pthread_mutex_unlock(&f->v->holding);
        if (got != 0)
            break;
        end_snapshots(f);
        if (report_sleep(f->v->w->report, AGAIN_MS))
            return STAGE_STOPPED;
    }
    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_TIMEOUT,
                       "%s.%s has no key, and the incremental worker could not be held at one "
                       "position for its comparison",
                       f->t->db, f->t->name);
    FAULT("verify.keyless.snapshots");
    position = json_object_new_object();
    json_add_str(position, "file", at.file);
    json_add_u64(position, "pos", at.offset);
    json_add_null(position, "gtid");
    json_add(f->t->position, end_name(written(f)), position);
    return 0;
}

/* ---- sums ---- */

struct multiset {
    struct verifier *f;
    struct buckets buckets;
    const uint32_t *listed;
    size_t listed_count;
    struct rowset sets[END_MAX_]; /* entries: key NULL, len = how many rows, sum = their hash */
    uint32_t hashes[LIST_HASHES];
    size_t hash_count;
};

static void add_from(struct strbuf *b, const struct multiset *m, enum end end)
{
    _cleanup_(strbuf_done)
    struct strbuf where = STRBUF(ENDS_SQL_MAX);
    static const struct key_plan none = { 0 };
    static const struct bound no_bound = { 0 };
    const struct table *t = m->f->t->tables[end];

    strbuf_adds(b, " FROM ");
    sql_table(b, t->db, t->name);
    sums_where(&where, m->f->t, end, &none, &no_bound, &no_bound);
    strbuf_adds(b, where.len > 0 ? " WHERE " : "");
    strbuf_adds(b, strbuf_str(&where));
    if (m->listed_count == 0)
        return;
    strbuf_adds(b, where.len > 0 ? " AND (" : " WHERE (");
    normals_row(b, m->f->t->normals, end);
    strbuf_addf(b, " & %" PRIu32 ") IN (", m->buckets.mask);
    for (size_t i = 0; i < m->listed_count; i++) {
        strbuf_adds(b, i > 0 ? "," : "");
        strbuf_addu(b, m->listed[i]);
    }
    strbuf_addc(b, ')');
}

/* Sums, not XOR: a row that is there twice must not cancel itself. */
static void add_buckets(struct strbuf *b, const void *ctx, enum end end)
{
    const struct multiset *m = ctx;

    strbuf_adds(b, "SELECT ");
    normals_row(b, m->f->t->normals, end);
    strbuf_addf(b, " & %" PRIu32 " AS bucket, COUNT(*), SUM(", m->buckets.mask);
    normals_row(b, m->f->t->normals, end);
    strbuf_addc(b, ')');
    add_from(b, m, end);
    strbuf_adds(b, " GROUP BY bucket ORDER BY NULL");
}

static void add_hashes(struct strbuf *b, const void *ctx, enum end end)
{
    const struct multiset *m = ctx;

    strbuf_adds(b, "SELECT ");
    normals_row(b, m->f->t->normals, end);
    strbuf_adds(b, " AS hash, COUNT(*)");
    add_from(b, m, end);
    strbuf_adds(b, " GROUP BY hash ORDER BY NULL");
}

static int read_hashes(struct rowset *s, struct result *r, struct err *err)
{
    int got;

    while ((got = result_next(r, err)) == 1)
        if (rowset_count(s, (uint32_t)result_u64(r, 0, 0), (uint32_t)result_u64(r, 1, 0), err) < 0)
            return -1;
    return got;
}

static int by_hash(const void *a, const void *b)
{
    const struct row_entry *x = a, *y = b;

    return x->sum < y->sum ? -1 : x->sum > y->sum;
}

static void merge_hashes(struct multiset *m)
{
    struct rowset *a = &m->sets[END_SOURCE], *b = &m->sets[END_SINK];
    struct counts *c = &m->f->t->counts;
    size_t i = 0, k = 0;

    if (a->count > 0)
        qsort(a->list, a->count, sizeof(*a->list), by_hash);
    if (b->count > 0)
        qsort(b->list, b->count, sizeof(*b->list), by_hash);
    while (i < a->count || k < b->count) {
        int order = i >= a->count ? 1 : k >= b->count ? -1 : by_hash(&a->list[i], &b->list[k]);
        uint64_t x = order <= 0 ? a->list[i].len : 0, y = order >= 0 ? b->list[k].len : 0;

        if (x != y && m->hash_count < LIST_HASHES)
            m->hashes[m->hash_count++] = order <= 0 ? a->list[i].sum : b->list[k].sum;
        else if (x != y)
            m->f->t->rows_cut = true;
        c->source_only += x > y ? x - y : 0;
        c->target_only += y > x ? y - x : 0;
        i += order <= 0;
        k += order >= 0;
    }
}

static int compare_group(void *ctx, const uint32_t *buckets, size_t count, struct err *err)
{
    struct multiset *m = ctx;
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    int rc;

    m->listed = buckets;
    m->listed_count = count;
    pace_listing_enter(m->f);
    rc = ends_ask_both(&m->f->ends, add_hashes, m, r, err);
    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++) {
        rc = read_hashes(&m->sets[end], &r[end], err);
        result_done(&r[end]);
    }
    ends_drop_results(r);
    if (rc == 0)
        merge_hashes(m);
    rowset_done(&m->sets[END_SOURCE]);
    rowset_done(&m->sets[END_SINK]);
    pace_listing_leave(m->f);
    return rc;
}

static int list_rows(struct multiset *m, struct err *err)
{
    struct vtable *t = m->f->t;
    const struct differing_table d = { { t->tables[END_SOURCE], t->tables[END_SINK] }, t->normals };
    size_t room = m->f->v->max_rows - MIN(t->listed, m->f->v->max_rows);
    struct json_object *rows = NULL;
    uint64_t only[END_MAX_] = { 0 };

    if (m->hash_count == 0)
        return 0;
    if (differing_multiset(&d, m->f->ends.conns, m->hashes, m->hash_count, room, &rows, only, err) <
        0)
        return -1;
    for (size_t i = 0; i < json_len(rows); i++) {
        json_object_array_add(t->rows, json_object_get(json_at(rows, i)));
        t->listed++;
    }
    t->rows_cut |= json_len(rows) >= room && room > 0;
    (void)json_object_put(rows);
    return 0;
}

static int compare(struct multiset *m, struct err *err)
{
    struct counts *c = &m->f->t->counts;
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    int rc = ends_ask_both(&m->f->ends, add_buckets, m, r, err);

    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++) {
        rc = buckets_add(&m->buckets, end, &r[end], &c->rows[end], err);
        meter_rows(m->f, end, c->rows[end]);
    }
    ends_drop_results(r);
    if (rc == 0)
        rc = buckets_each_group(&m->buckets, compare_group, m, err);
    if (rc == 0)
        c->consistent = c->rows[END_SOURCE] - MIN(c->source_only, c->rows[END_SOURCE]);
    return rc == 0 ? list_rows(m, err) : rc;
}

int keyless_verify(struct verifier *f, struct err *err)
{
    const struct vtable *t = f->t;
    uint64_t rows = MAX(t->tables[END_SOURCE]->rows_estimate, t->tables[END_SINK]->rows_estimate);
    struct multiset m = { .f = f };
    struct undo undo = undo_from(f->t);
    int rc = buckets_new(&m.buckets, buckets_mask(rows, ROWS_A_BUCKET, MASK_MOST), err);

    if (rc == 0)
        rc = open_snapshots(f, err);
    if (rc == 0)
        rc = compare(&m, err);
    end_snapshots(f);
    buckets_done(&m.buckets);
    if (rc != 0)
        undo_do(f->t, &undo);
    return rc;
}
