#include "workers/full/queue.h"

#include <inttypes.h>
#include <time.h>

#include "base/log.h"

#include "base/banned.h"

enum { WAIT_SLICE_MS = 250 }; /* a stop comes over the channel, not over our condition */

struct queue {
    struct copy *copy;
    pthread_mutex_t lock; /* guards everything below and the marked part of copy_table */
    pthread_cond_t changed;
    struct chunk *ready, **ready_end;
    size_t ready_count;
    struct copy_table **keyed, **keyless; /* not finished at the start, largest first */
    size_t keyed_count, keyless_count, keyed_next, keyless_next;
    size_t busy; /* threads that may still bring new work */
    size_t keyless_busy;
    size_t giants_busy; /* chunks with giant rows that are being copied */
    size_t open_tables; /* not finished */
    size_t threads;
    bool failed;
    struct err error;
    struct queue_sums sums;
};

static void lock(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
}

static void unlock(struct queue *q)
{
    (void)pthread_mutex_unlock(&q->lock);
}

static void wait_slice(struct queue *q, int ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000 * 1000;
    until.tv_sec += until.tv_nsec / (1000 * 1000 * 1000);
    until.tv_nsec %= 1000 * 1000 * 1000;
    (void)pthread_cond_timedwait(&q->changed, &q->lock, &until);
}

int queue_new(struct copy *c, struct queue **ret, struct err *err)
{
    struct queue *q = calloc(1, sizeof(*q));
    pthread_condattr_t attr;

    if (q == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the queue");
    q->copy = c;
    q->ready_end = &q->ready;
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&q->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    *ret = q;
    return 0;
}

void queue_free(struct queue *q)
{
    if (q == NULL)
        return;
    while (q->ready != NULL) {
        struct chunk *k = q->ready;

        q->ready = k->next;
        chunk_free(k);
    }
    free(q->keyed);
    free(q->keyless);
    (void)pthread_cond_destroy(&q->changed);
    (void)pthread_mutex_destroy(&q->lock);
    free(q);
}

/* ---- bookkeeping, all with the lock held ---- */

/* What a table counts for in the percentage: its estimated rows, at least one. */
static uint64_t weight_of(const struct copy_table *t)
{
    return MAX(t->src->rows_estimate, (uint64_t)1);
}

static void add_rows(struct queue *q, struct copy_table *t, uint64_t rows)
{
    uint64_t done = MIN(t->rows_done + rows, weight_of(t) - 1);

    t->rows_done += rows;
    q->sums.rows += rows;
    if (!t->finished && done > t->weight_done) {
        q->sums.weight_done += done - t->weight_done;
        t->weight_done = done;
    }
}

static void finish_table(struct queue *q, struct copy_table *t)
{
    if (t->finished)
        return;
    t->finished = true;
    q->sums.weight_done += weight_of(t) - t->weight_done;
    t->weight_done = weight_of(t);
    q->sums.tables_done++;
    q->open_tables--;
    log_debug("full", "table_done", "table_no=%u rows=%" PRIu64, t->no, t->rows_done);
    if (q->threads == 0) /* found finished at the start: it was told then */
        return;
    if (t->skipped > 0)
        report_event(q->copy->w->report, "WARN", "rows_kept",
                     "%s.%s: %" PRIu64 " rows were left out, the target has rows with their keys",
                     t->src->db, t->src->name, t->skipped);
    if (t->replaced > 0)
        report_event(q->copy->w->report, "WARN", "rows_replaced",
                     "%s.%s: %" PRIu64
                     " rows took the place of others with an equal key: either keys "
                     "moved while they were copied, or a unique key of the target compares more "
                     "loosely than the source's",
                     t->src->db, t->src->name, t->replaced);
}

static void finish_if_complete(struct queue *q, struct copy_table *t)
{
    if (!t->keyless && t->state == TABLE_PLANNED && t->open_chunks == 0)
        finish_table(q, t);
}

static void push_ready(struct queue *q, struct chunk *k)
{
    k->next = NULL;
    *q->ready_end = k;
    q->ready_end = &k->next;
    q->ready_count++;
}

/* ---- start ---- */

int queue_restore(struct queue *q, struct chunk *chunk, bool done, uint64_t rows, uint64_t skipped,
                  struct err *err)
{
    _cleanup_(chunk_freep)
    struct chunk *mine = chunk;
    struct copy_table *t = mine->table;
    int rc;

    lock(q);
    t->next_chunk = mine->no + 1;
    rc = bound_copy(&t->last, &mine->hi, err);
    if (done) {
        t->skipped += skipped;
        add_rows(q, t, rows);
    } else {
        t->open_chunks++;
        push_ready(q, take_ptr(mine));
    }
    unlock(q);
    return rc;
}

static int by_size(const void *a, const void *b)
{
    const struct copy_table *x = *(struct copy_table *const *)a,
                            *y = *(struct copy_table *const *)b;

    if (x->src->data_bytes != y->src->data_bytes)
        return x->src->data_bytes < y->src->data_bytes ? 1 : -1;
    return x->no < y->no ? -1 : x->no > y->no;
}

int queue_open(struct queue *q, struct err *err)
{
    struct copy *c = q->copy;

    q->keyed = calloc(c->count + 1, sizeof(struct copy_table *));
    q->keyless = calloc(c->count + 1, sizeof(struct copy_table *));
    if (q->keyed == NULL || q->keyless == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tables", c->count);
    q->open_tables = q->sums.tables = c->count;
    for (size_t i = 0; i < c->count; i++) {
        struct copy_table *t = &c->tables[i];

        q->sums.weight += weight_of(t);
        if (t->keyless && t->state == TABLE_COPIED) {
            uint64_t rows = t->rows_done;

            t->rows_done = 0;
            add_rows(q, t, rows);
            finish_table(q, t);
        } else if (t->keyless) {
            t->rows_done = 0; /* a new attempt begins at the first row */
            q->keyless[q->keyless_count++] = t;
        } else if (t->state == TABLE_PLANNING) {
            q->keyed[q->keyed_count++] = t;
        } else {
            finish_if_complete(q, t);
        }
    }
    qsort(q->keyed, q->keyed_count, sizeof(struct copy_table *), by_size);
    qsort(q->keyless, q->keyless_count, sizeof(struct copy_table *), by_size);
    return 0;
}

/* ---- work ---- */

/* A chunk with giant rows goes only while no other does: each takes a few times its largest row. */
static struct chunk *pop_ready(struct queue *q)
{
    for (struct chunk **at = &q->ready; *at != NULL; at = &(*at)->next) {
        struct chunk *k = *at;

        if (k->table->giant && q->giants_busy > 0)
            continue;
        *at = k->next;
        if (q->ready_end == &k->next)
            q->ready_end = at;
        q->ready_count--;
        k->giant = k->table->giant;
        q->giants_busy += k->giant;
        k->next = NULL;
        return k;
    }
    return NULL;
}

/* The first table that is not planned to its end and has no scout; drops planned ones on the way.
 */
static struct copy_table *next_to_scout(struct queue *q)
{
    while (q->keyed_next < q->keyed_count && q->keyed[q->keyed_next]->state != TABLE_PLANNING)
        q->keyed_next++;
    for (size_t i = q->keyed_next; i < q->keyed_count; i++) {
        struct copy_table *t = q->keyed[i];

        if (t->state == TABLE_PLANNING && !t->scouting) {
            t->scouting = true;
            return t;
        }
    }
    return NULL;
}

static bool want_keyless(const struct queue *q)
{
    return q->keyless_next < q->keyless_count &&
           q->keyless_busy < MAX((size_t)q->copy->threads / 2, (size_t)1);
}

static bool try_take(struct queue *q, struct work *ret)
{
    *ret = (struct work){ .kind = WORK_NONE };
    if (want_keyless(q)) {
        ret->kind = WORK_KEYLESS;
    } else if (q->ready_count < q->copy->threads && (ret->table = next_to_scout(q)) != NULL) {
        ret->kind = WORK_SCOUT;
    } else if ((ret->chunk = pop_ready(q)) != NULL) {
        ret->kind = WORK_CHUNK;
    } else if (q->keyless_next < q->keyless_count) {
        ret->kind = WORK_KEYLESS;
    }
    if (ret->kind == WORK_KEYLESS) {
        ret->table = q->keyless[q->keyless_next++];
        q->keyless_busy++;
    }
    if (ret->kind != WORK_NONE)
        q->busy++;
    return ret->kind != WORK_NONE;
}

void queue_take(struct queue *q, struct work *ret)
{
    *ret = (struct work){ .kind = WORK_NONE };
    lock(q);
    while (!q->failed && !report_stopping(q->copy->w->report)) {
        if (try_take(q, ret) || q->busy == 0)
            break;
        wait_slice(q, WAIT_SLICE_MS);
    }
    unlock(q);
}

/* With the lock held: a thread is through with its work. */
static void free_thread(struct queue *q)
{
    q->busy--;
    (void)pthread_cond_broadcast(&q->changed);
}

struct copy_table *queue_more_to_scout(struct queue *q)
{
    struct copy_table *t;

    lock(q);
    t = next_to_scout(q);
    unlock(q);
    return t;
}

void queue_publish(struct queue *q, struct plan *plans, size_t count)
{
    lock(q);
    for (size_t i = 0; i < count; i++) {
        struct plan *p = &plans[i];
        struct copy_table *t = p->table;

        while (p->first != NULL) {
            struct chunk *k = p->first;

            p->first = k->next;
            push_ready(q, k);
            t->open_chunks++;
        }
        p->end = &p->first;
        bound_done(&t->last);
        bound_done(&t->max);
        t->last = p->last;
        t->max = p->max;
        p->last = p->max = (struct bound){ 0 };
        t->next_chunk = p->next_chunk;
        if (p->complete)
            t->state = TABLE_PLANNED;
        finish_if_complete(q, t);
    }
    (void)pthread_cond_broadcast(&q->changed);
    unlock(q);
}

void queue_scout_over(struct queue *q, struct copy_table *t)
{
    lock(q);
    t->scouting = false;
    unlock(q);
}

void queue_chunk_done(struct queue *q, struct chunk *chunk, uint64_t rows,
                      const struct batch_result *sums)
{
    struct copy_table *t = chunk->table;

    lock(q);
    t->skipped += sums->skipped;
    t->replaced += sums->replaced;
    q->giants_busy -= chunk->giant;
    t->open_chunks--;
    add_rows(q, t, rows);
    finish_if_complete(q, t);
    unlock(q);
    chunk_free(chunk);
}

void queue_give_back(struct queue *q, struct chunk *chunk)
{
    lock(q);
    q->giants_busy -= chunk->giant;
    chunk->giant = false;
    push_ready(q, chunk);
    unlock(q);
}

void queue_keyless_rows(struct queue *q, struct copy_table *t, uint64_t rows)
{
    lock(q);
    if (rows < t->rows_done) { /* begun anew */
        q->sums.rows -= t->rows_done - rows;
        t->rows_done = rows;
    }
    add_rows(q, t, rows - t->rows_done);
    unlock(q);
}

void queue_keyless_done(struct queue *q, struct copy_table *t, uint64_t rows, uint64_t skipped)
{
    queue_keyless_rows(q, t, rows);
    lock(q);
    t->state = TABLE_COPIED;
    t->skipped = skipped;
    finish_table(q, t);
    unlock(q);
}

void queue_keyless_over(struct queue *q)
{
    lock(q);
    q->keyless_busy--;
    unlock(q);
}

void queue_set_giant(struct queue *q, struct copy_table *t)
{
    lock(q);
    t->giant = true;
    unlock(q);
}

void queue_work_over(struct queue *q)
{
    lock(q);
    free_thread(q);
    unlock(q);
}

/* ---- end ---- */

void queue_fail(struct queue *q, const struct err *err)
{
    lock(q);
    if (!q->failed)
        q->error = *err;
    q->failed = true;
    (void)pthread_cond_broadcast(&q->changed);
    unlock(q);
}

bool queue_failed(struct queue *q, struct err *ret)
{
    bool failed;

    lock(q);
    failed = q->failed;
    if (failed && ret != NULL)
        *ret = q->error;
    unlock(q);
    return failed;
}

bool queue_all_done(struct queue *q)
{
    bool done;

    lock(q);
    done = q->open_tables == 0;
    unlock(q);
    return done;
}

void queue_sign_on(struct queue *q)
{
    lock(q);
    q->threads++;
    unlock(q);
}

void queue_sign_off(struct queue *q)
{
    lock(q);
    q->threads--;
    (void)pthread_cond_broadcast(&q->changed);
    unlock(q);
}

bool queue_wait_threads(struct queue *q, int timeout_ms)
{
    bool none;

    lock(q);
    if (q->threads > 0)
        wait_slice(q, timeout_ms);
    none = q->threads == 0;
    unlock(q);
    return none;
}

struct queue_sums queue_sums(struct queue *q)
{
    struct queue_sums s;

    lock(q);
    s = q->sums;
    unlock(q);
    return s;
}
