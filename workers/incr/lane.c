#include "workers/incr/lane.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <mysql.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include "base/banned.h"

enum {
    BATCH_TXNS = 256,
    FOLD_STMTS = 8,        /* a transaction of its own is folded from this many on */
    FOLD_PAUSE_MAX = 1024, /* batches that go unfolded after some that could not be */
    BATCH_TRIES = 3,       /* of a whole batch on a deadlock; then one transaction at a time */
    SINGLE_TRIES = 10,
    RETRY_PAUSE_MS = 20,
    /* Transactions that are given out and not applied. The more there are, the more of those that
     * come have to wait for several lanes, where rows are hot; fewer would not fill the batches. */
    AHEAD_MAX = 2048,
    QUEUE_SPARE = BATCH_TXNS, /* room in a lane's list of applied numbers for what is in flight */
};

struct lane {
    pthread_t thread;
    bool started, ended;
    pthread_cond_t wake;
    struct pool *pool;
    unsigned number;
    struct conn *conn;
    struct bundle *batch;
    struct resolver *resolver;
    struct txn *head, **tail; /* queued, under the pool's lock */
    size_t queued, queued_rows;
    size_t in_flight;
    uint64_t given, done;   /* last number queued; last one committed */
    struct applied applied; /* the lane's own: its thread's, or the coordinator's while idle */
    size_t applied_count;   /* its count, under the lock */
    unsigned fold_pause, fold_next_pause; /* the thread's own: batches yet to go unfolded */
};

struct entry {
    struct group_end group;
    bool done;
};

struct pool {
    pthread_mutex_t lock; /* guards all below and the lanes' fields above */
    pthread_cond_t changed;
    struct lane lanes[LANES_MAX];
    unsigned lane_count;
    struct pool_options o;
    struct entry *entries; /* [seq % POOL_WINDOW], for told < seq <= last */
    uint64_t base_lwm, low, last, told;
    bool stopping, failed;
    struct err err;
    struct pool_stats stats;
    unsigned next_lane;
};

/* ---- the account, under the lock ---- */

static uint64_t lwm(const struct pool *p)
{
    return MAX(p->base_lwm, p->low);
}

static struct entry *entry_of(struct pool *p, uint64_t seq)
{
    return &p->entries[seq % POOL_WINDOW];
}

static void mark_done(struct pool *p, uint64_t seq)
{
    entry_of(p, seq)->done = true;
    while (p->low < p->last && entry_of(p, p->low + 1)->done)
        p->low++;
}

static void wake_lanes(struct pool *p)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].head != NULL || p->stopping)
            (void)pthread_cond_signal(&p->lanes[i].wake);
    }
}

static void fail(struct pool *p, const struct err *err)
{
    if (!p->failed) {
        p->failed = true;
        p->err = *err;
    }
    (void)pthread_cond_broadcast(&p->changed);
}

/* ---- a lane's thread ---- */

static bool ready(const struct lane *l, const struct txn *t)
{
    for (unsigned i = 0; i < l->pool->lane_count; i++) {
        if (i != l->number && t->wait.need[i] > l->pool->lanes[i].done)
            return false;
    }
    return true;
}

/* Takes what can be applied now: never anything that another lane has to commit first. */
static struct txn *take_batch(struct lane *l, size_t *ret_count, size_t *ret_rows,
                              size_t *ret_bytes)
{
    struct txn *first = NULL, **end = &first;
    size_t count = 0, rows = 0, bytes = 0;
    uint64_t rps = report_throttle_rps(l->pool->o.report);
    const struct pool_sizes *sizes = &l->pool->o.sizes;
    size_t rows_max = rps == 0 ? sizes->batch_rows : MIN(sizes->batch_rows, (size_t)rps / 4 + 1);

    while (l->head != NULL && count < BATCH_TXNS && ready(l, l->head)) {
        struct txn *t = l->head;
        if (count > 0 &&
            (rows + t->row_count > rows_max || bytes + t->text.len > sizes->batch_bytes))
            break;
        if (count > 0 && t->path != first->path)
            break; /* one mark, one path */
        if (count > 0 && (t->ask_count > 0 || first->ask_count > 0))
            break; /* the other direction's questions are for resolve_txn() */
        l->head = t->next;
        t->next = NULL;
        *end = t;
        end = &t->next;
        count++;
        rows += t->row_count;
        bytes += t->text.len;
    }
    if (l->head == NULL)
        l->tail = &l->head;
    l->queued -= count;
    l->queued_rows -= rows;
    l->in_flight = count;
    *ret_count = count;
    *ret_rows = rows;
    *ret_bytes = bytes;
    return first;
}

static void forget_numbers(struct lane *l, const struct txn *first, const struct txn *end)
{
    for (const struct txn *t = first; t != end; t = t->next)
        applied_remove(&l->applied, t->seq);
}

enum how { FOLDED, AS_BATCH, ROW_BY_ROW };

static int add_batch(struct lane *l, const struct txn *first, const struct txn *end, enum how how,
                     struct err *err)
{
    for (const struct txn *t = first; t != end; t = t->next) {
        if ((how == FOLDED ? bundle_fold(l->batch, t, err)
                           : bundle_add(l->batch, t, 0, t->stmt_count, err)) < 0)
            return -1;
    }
    return how == FOLDED ? bundle_folded(l->batch, err) : 0;
}

static int run_batch(struct lane *l, const struct txn *first, const struct txn *end, uint64_t mark,
                     enum how how, struct err *err)
{
    for (const struct txn *t = first; t != end; t = t->next) {
        if (applied_add(&l->applied, t->seq) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the list of applied transactions");
    }
    FAULT("incr.batch.before_begin");
    if (bundle_begin(l->batch, mark, &l->applied, first->path, err) < 0 ||
        add_batch(l, first, end, how, err) < 0)
        return -1;
    return bundle_commit(l->batch, err);
}

/* Transactions first … before `end` in one target transaction. */
static int apply_once(struct lane *l, const struct txn *first, const struct txn *end, enum how how,
                      struct err *err)
{
    uint64_t mark;

    (void)pthread_mutex_lock(&l->pool->lock);
    mark = lwm(l->pool);
    (void)pthread_mutex_unlock(&l->pool->lock);
    applied_prune(&l->applied, mark);
    if (run_batch(l, first, end, mark, how, err) == 0)
        return 0;
    forget_numbers(l, first, end);
    if (!conn_lost(err))
        bundle_rollback(l->batch);
    return -1;
}

static bool give_up(struct lane *l)
{
    bool stopping;

    (void)pthread_mutex_lock(&l->pool->lock);
    stopping = l->pool->stopping;
    (void)pthread_mutex_unlock(&l->pool->lock);
    return stopping;
}

/* Row by row, by the strategy for conflicts. */
static int resolve_once(struct lane *l, const struct txn *t, struct err *err)
{
    uint64_t mark;

    (void)pthread_mutex_lock(&l->pool->lock);
    mark = lwm(l->pool);
    (void)pthread_mutex_unlock(&l->pool->lock);
    applied_prune(&l->applied, mark);
    if (applied_add(&l->applied, t->seq) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the list of applied transactions");
    if (resolve_txn(l->resolver, t, mark, &l->applied, err) < 0) {
        applied_remove(&l->applied, t->seq);
        return -1;
    }
    pool_count_conflicts(l->pool, resolve_counts(l->resolver));
    return 0;
}

static int apply_tries(struct lane *l, const struct txn *first, const struct txn *end, enum how how,
                       int tries, struct err *err)
{
    for (int i = 1;; i++) {
        if ((how != ROW_BY_ROW ? apply_once(l, first, end, how, err)
                               : resolve_once(l, first, err)) == 0)
            return 0;
        if (err->code != ERR_DB_RETRY || i >= tries || give_up(l))
            return -1;
        log_debug("incr", "batch_retried", "lane=%u seq=%" PRIu64 " db_errno=%u", l->number,
                  first->seq, err->db_errno);
        (void)pthread_mutex_lock(&l->pool->lock);
        l->pool->stats.retries++;
        (void)pthread_mutex_unlock(&l->pool->lock);
        err_reset(err);
        (void)report_sleep(l->pool->o.report, RETRY_PAUSE_MS * i);
    }
}

/* Under the lock. */
static void count_batch(struct pool *p, const struct bundle *b)
{
    struct bundle_times t = bundle_times(b);

    p->stats.batches++;
    p->stats.execute_us += t.execute_us;
    p->stats.commit_us += t.commit_us;
}

/* Accounts for first … before `end` and frees them. */
static void committed(struct lane *l, struct txn *first, const struct txn *end)
{
    struct pool *p = l->pool;

    (void)pthread_mutex_lock(&p->lock);
    count_batch(p, l->batch);
    for (struct txn *t = first, *next; t != end; t = next) {
        next = t->next;
        mark_done(p, t->seq);
        l->done = t->seq;
        l->in_flight--;
        p->stats.transactions++;
        p->stats.rows += t->row_count;
        p->stats.bytes += t->text.len;
        p->stats.queued_bytes -= txn_bytes(t);
        txn_free(t);
    }
    l->applied_count = l->applied.count;
    wake_lanes(p);
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

static void drop(struct lane *l, struct txn *first)
{
    struct pool *p = l->pool;

    (void)pthread_mutex_lock(&p->lock);
    for (struct txn *t = first, *next; t != NULL; t = next) {
        next = t->next;
        p->stats.queued_bytes -= txn_bytes(t);
        l->in_flight--;
        txn_free(t);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static int apply_single(struct lane *l, const struct txn *t, struct err *err)
{
    if (t->ask_count == 0) {
        if (apply_tries(l, t, t->next, AS_BATCH, SINGLE_TRIES, err) == 0)
            return 0;
        if (l->resolver == NULL || !resolve_wanted(err) || give_up(l))
            return -1;
        err_reset(err);
    }
    return apply_tries(l, t, t->next, ROW_BY_ROW, SINGLE_TRIES, err);
}

/* Where folding fails again and again, it is given a rest. */
static enum how how_to_apply(struct lane *l, const struct txn *first, size_t count)
{
    if (count == 1 && first->stmt_count < FOLD_STMTS)
        return AS_BATCH;
    if (l->fold_pause > 0) {
        l->fold_pause--;
        return AS_BATCH;
    }
    return FOLDED;
}

static void folding_failed(struct lane *l, const struct txn *first, const struct err *err)
{
    l->fold_next_pause = MIN(MAX(2 * l->fold_next_pause, 1U), (unsigned)FOLD_PAUSE_MAX);
    l->fold_pause = l->fold_next_pause;
    log_debug("incr", "batch_unfolded", "lane=%u seq=%" PRIu64 " code=%s db_errno=%u", l->number,
              first->seq, err_symbol(err->code), err->db_errno);
}

/*
 * A batch whole; on a deadlock that comes back, or on an error of one of its transactions, each by
 * itself, so that the error is that one's and those before it are in.
 */
static int apply(struct lane *l, struct txn *first, size_t count, struct err *err)
{
    enum how how = how_to_apply(l, first, count);

    if (count > 1 || how == FOLDED) {
        if (apply_tries(l, first, NULL, how, BATCH_TRIES, err) == 0) {
            if (how == FOLDED)
                l->fold_next_pause = 0;
            committed(l, first, NULL);
            return 0;
        }
        if (how == FOLDED)
            folding_failed(l, first, err);
        if (conn_lost(err) || err->code == ERR_EPOCH_STALE || give_up(l)) {
            drop(l, first);
            return -1;
        }
        err_reset(err);
    }
    while (first != NULL) {
        struct txn *next = first->next;
        if (apply_single(l, first, err) < 0) {
            drop(l, first);
            return -1;
        }
        committed(l, first, next);
        first = next;
        if (first != NULL && give_up(l)) {
            drop(l, first);
            return 0;
        }
    }
    return 0;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    struct pool *p = l->pool;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stopping && !p->failed) {
        struct err err = { 0 };
        struct txn *first;
        size_t count, rows, bytes;

        if (l->head == NULL || !ready(l, l->head)) {
            (void)pthread_cond_wait(&l->wake, &p->lock);
            continue;
        }
        first = take_batch(l, &count, &rows, &bytes);
        (void)pthread_mutex_unlock(&p->lock);
        (void)throttle_take(p->o.throttle, rows, bytes); /* taken: the last one before a stop */
        if (apply(l, first, count, &err) < 0) {
            (void)pthread_mutex_lock(&p->lock);
            if (!(p->stopping && conn_lost(&err)))
                fail(p, &err);
            (void)pthread_mutex_unlock(&p->lock);
        }
        (void)pthread_mutex_lock(&p->lock);
    }
    l->ended = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- start and stop ---- */

static int lane_init(struct pool *p, unsigned i, struct err *err)
{
    struct lane *l = &p->lanes[i];
    const struct pool_options *o = &p->o;

    l->pool = p;
    l->number = i;
    l->conn = o->conns[i];
    l->tail = &l->head;
    (void)pthread_cond_init(&l->wake, NULL);
    p->lane_count = i + 1;
    if (bundle_new(l->conn, o->fence, i + 1, o->packet_max, o->lists, &l->batch, err) < 0)
        return -1;
    if (o->resolve != NULL &&
        resolver_new(l->conn, l->batch, i + 1, o->resolve, &l->resolver, err) < 0)
        return -1;
    /* What this lane's row says stays true: it is written again until the low-water mark covers it.
     */
    for (size_t r = 0; r < o->row_count; r++) {
        const struct lane_row *row = &o->rows[r];
        if (row->lane == i + 1 &&
            applied_decode(row->applied, row->applied_len, row->lwm, &l->applied, err) < 0)
            return -1;
    }
    applied_prune(&l->applied, p->base_lwm);
    l->applied_count = l->applied.count;
    return 0;
}

static int start_lanes(struct pool *p, struct err *err)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        int failure = pthread_create(&p->lanes[i].thread, NULL, lane_main, &p->lanes[i]);
        if (failure != 0) {
            errno = failure;
            return err_set_sys(err, ERR_INTERNAL, "start a lane");
        }
        p->lanes[i].started = true;
    }
    return 0;
}

int pool_new(const struct pool_options *o, struct pool **ret, struct err *err)
{
    _cleanup_(pool_freep)
    struct pool *p = calloc(1, sizeof(*p));
    pthread_condattr_t clock;

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the lanes");
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->changed, &clock);
    (void)pthread_condattr_destroy(&clock);
    p->o = *o;
    p->base_lwm = o->base_lwm;
    p->low = p->last = p->told = o->first_low;
    p->entries = calloc(POOL_WINDOW, sizeof(*p->entries));
    if (p->entries == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the lanes");
    for (unsigned i = 0; i < o->lanes; i++) {
        if (lane_init(p, i, err) < 0)
            return -1;
    }
    p->o.resolve = NULL;
    p->o.rows = NULL; /* the caller's, read above */
    p->o.row_count = 0;
    if (start_lanes(p, err) < 0)
        return -1;
    *ret = take_ptr(p);
    return 0;
}

static void wait_changed(struct pool *p, int ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_cond_timedwait(&p->changed, &p->lock, &until);
}

static bool all_ended(const struct pool *p)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].started && !p->lanes[i].ended)
            return false;
    }
    return true;
}

/* Ends the wait of a lane for its server; the server undoes what is open, or a successor's epoch
 * does. */
static void cut_connections(struct pool *p)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].started && !p->lanes[i].ended)
            (void)shutdown((int)mysql_get_socket(conn_raw(p->lanes[i].conn)), SHUT_RDWR);
    }
}

void pool_stop(struct pool *p, int patience_ms)
{
    int64_t until = clock_mono_ms() + patience_ms;

    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    wake_lanes(p);
    for (unsigned i = 0; i < p->lane_count; i++)
        (void)pthread_cond_signal(&p->lanes[i].wake);
    while (!all_ended(p) && clock_mono_ms() < until)
        wait_changed(p, 100);
    cut_connections(p);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].started)
            (void)pthread_join(p->lanes[i].thread, NULL);
        p->lanes[i].started = false;
    }
}

static void lane_free(struct lane *l)
{
    for (struct txn *t = l->head, *next; t != NULL; t = next) {
        next = t->next;
        txn_free(t);
    }
    resolver_free(l->resolver);
    bundle_free(l->batch);
    applied_done(&l->applied);
    (void)pthread_cond_destroy(&l->wake);
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pool_stop(p, 0);
    for (unsigned i = 0; i < p->lane_count; i++)
        lane_free(&p->lanes[i]);
    free(p->entries);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- the coordinator's side ---- */

static int told_error(struct pool *p, struct err *err)
{
    if (p->failed) {
        *err = p->err;
        return -1;
    }
    return 0;
}

static bool has_room(const struct pool *p)
{
    return p->last - p->low < AHEAD_MAX && p->last - p->told < POOL_WINDOW - 1 &&
           p->stats.queued_bytes < p->o.sizes.queue_bytes;
}

static void add_entry(struct pool *p, const struct group_end *g, bool done)
{
    *entry_of(p, g->seq) = (struct entry){ *g, false };
    p->last = g->seq;
    if (done)
        mark_done(p, g->seq);
}

/*
 * Where what it waits for is: of several lanes the one that comes to it last, so that the others
 * are through by then. Else where least is queued.
 */
static struct lane *choose_lane(struct pool *p, const struct dep_wait *w)
{
    struct lane *best = NULL;
    uint64_t most = 0;

    for (unsigned i = 0; i < p->lane_count; i++) {
        if (w->need[i] > MAX(p->lanes[i].done, most)) {
            most = w->need[i];
            best = &p->lanes[i];
        }
    }
    if (best != NULL)
        return best;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct lane *l = &p->lanes[(p->next_lane + i) % p->lane_count];
        if (best == NULL || l->queued + l->in_flight < best->queued + best->in_flight)
            best = l;
    }
    p->next_lane++;
    return best;
}

/* A lane shortens its list when it applies something; one that has nothing to do is helped here. */
static bool list_has_room(const struct pool *p, struct lane *l)
{
    size_t most = APPLIED_MAX - QUEUE_SPARE;

    if (l->applied_count + l->queued + l->in_flight > most && l->queued + l->in_flight == 0) {
        applied_prune(&l->applied, lwm(p));
        l->applied_count = l->applied.count;
    }
    return l->applied_count + l->queued + l->in_flight <= most;
}

static int submit(struct pool *p, struct depend *d, struct txn *t, const struct group_end *g,
                  struct err *err)
{
    struct lane *l;

    for (unsigned i = 0; i < p->lane_count; i++)
        depend_done(d, i, p->lanes[i].done);
    depend_find(d, t->keys, t->key_count, &t->wait);
    l = choose_lane(p, &t->wait);
    if (!list_has_room(p, l))
        return 0;
    if (depend_add(d, t->keys, t->key_count, t->seq, l->number) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the dependencies");
    add_entry(p, g, false);
    t->gtid = g->gtid;
    t->has_gtid = g->has_gtid;
    /* the lane needs neither keys nor savepoints */
    free(t->keys);
    t->keys = NULL;
    t->key_count = t->key_cap = 0;
    t->next = NULL;
    *l->tail = t;
    l->tail = &t->next;
    l->queued++;
    l->queued_rows += t->row_count;
    l->given = t->seq;
    p->stats.queued_bytes += txn_bytes(t);
    (void)pthread_cond_signal(&l->wake);
    return 1;
}

int pool_submit(struct pool *p, struct depend *d, struct txn *t, const struct group_end *g,
                struct err *err)
{
    int got;

    (void)pthread_mutex_lock(&p->lock);
    got = told_error(p, err);
    if (got == 0 && has_room(p))
        got = submit(p, d, t, g, err);
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

int pool_pass(struct pool *p, const struct group_end *g, struct err *err)
{
    int got;

    (void)pthread_mutex_lock(&p->lock);
    got = told_error(p, err);
    if (got == 0 && has_room(p)) {
        add_entry(p, g, true);
        got = 1;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

void pool_wait(struct pool *p, int ms)
{
    (void)pthread_mutex_lock(&p->lock);
    if (!p->failed)
        wait_changed(p, ms);
    (void)pthread_mutex_unlock(&p->lock);
}

int pool_error(struct pool *p, struct err *err)
{
    int got;

    (void)pthread_mutex_lock(&p->lock);
    got = told_error(p, err);
    (void)pthread_mutex_unlock(&p->lock);
    return got;
}

bool pool_idle(struct pool *p)
{
    bool idle;

    (void)pthread_mutex_lock(&p->lock);
    idle = p->low == p->last;
    (void)pthread_mutex_unlock(&p->lock);
    return idle;
}

bool pool_next_applied(struct pool *p, struct group_end *ret)
{
    bool there;

    (void)pthread_mutex_lock(&p->lock);
    there = p->told < p->low;
    if (there)
        *ret = entry_of(p, ++p->told)->group;
    (void)pthread_mutex_unlock(&p->lock);
    return there;
}

void pool_stats(struct pool *p, struct pool_stats *ret)
{
    (void)pthread_mutex_lock(&p->lock);
    *ret = p->stats;
    ret->low = p->low;
    ret->last = p->last;
    (void)pthread_mutex_unlock(&p->lock);
}

struct resolver *pool_resolver(struct pool *p)
{
    return p->lanes[0].resolver;
}

void pool_count_conflicts(struct pool *p, const uint64_t counts[static CONFLICT_MAX_])
{
    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < CONFLICT_MAX_; i++)
        p->stats.conflicts[i] += counts[i];
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_forget_tables(struct pool *p)
{
    for (unsigned i = 0; i < p->lane_count; i++) {
        if (p->lanes[i].resolver != NULL)
            resolver_forget_tables(p->lanes[i].resolver);
    }
}

/* ---- very large transactions ---- */

int pool_big_begin(struct pool *p, uint64_t seq, const char *path, struct bundle **ret,
                   struct err *err)
{
    struct lane *l = &p->lanes[0];
    uint64_t mark;

    (void)pthread_mutex_lock(&p->lock);
    mark = lwm(p);
    (void)pthread_mutex_unlock(&p->lock);
    applied_prune(&l->applied, mark);
    if (applied_add(&l->applied, seq) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the list of applied transactions");
    *ret = l->batch;
    return bundle_begin(l->batch, mark, &l->applied, path, err);
}

int pool_big_done(struct pool *p, const struct group_end *g, size_t rows, size_t bytes,
                  struct err *err)
{
    (void)pthread_mutex_lock(&p->lock);
    add_entry(p, g, true);
    p->stats.transactions++;
    count_batch(p, p->lanes[0].batch);
    p->stats.rows += rows;
    p->stats.bytes += bytes;
    p->lanes[0].applied_count = p->lanes[0].applied.count;
    (void)pthread_mutex_unlock(&p->lock);
    return pool_error(p, err);
}

void pool_big_undone(struct pool *p, uint64_t seq)
{
    applied_remove(&p->lanes[0].applied, seq);
}
