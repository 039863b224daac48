/* Two token buckets. A taker may run a bucket into debt and then waits for as long as the debt
 * takes. */
#include "workers/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#include "base/banned.h"

enum {
    US = 1000 * 1000,
    BURST_MS = 200, /* a bucket holds so much of a second's allowance */
    SLICE_MS = 200, /* limits may change while somebody waits */
    ACTIVE_MS = 1000,
};

struct bucket {
    double tokens; /* negative: debt */
};

struct throttle {
    struct report *report;
    pthread_mutex_t lock; /* guards everything below */
    struct bucket rows, bytes;
    int64_t filled_us;
    _Atomic bool cancelled;
    _Atomic int64_t waited_ms; /* when somebody waited last; 0: never; read without the lock */
};

struct throttle *throttle_new(struct report *r)
{
    struct throttle *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->report = r;
    t->filled_us = clock_mono_us();
    (void)pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static void fill(struct bucket *b, uint64_t per_second, int64_t passed_us)
{
    double most = (double)per_second * BURST_MS / 1000;

    if (per_second == 0) {
        b->tokens = 0; /* no limit: no debt that a later limit would have to pay */
        return;
    }
    b->tokens += (double)per_second * (double)passed_us / US;
    if (b->tokens > most)
        b->tokens = most;
}

/* Milliseconds until the bucket is out of debt. */
static int64_t wait_ms(const struct bucket *b, uint64_t per_second)
{
    if (per_second == 0 || b->tokens >= 0)
        return 0;
    return (int64_t)(-b->tokens * 1000 / (double)per_second) + 1;
}

/* Fills both buckets, takes `rows` and `bytes` out, and tells how long the debt lasts. */
static int64_t take(struct throttle *t, uint64_t rows, uint64_t bytes)
{
    uint64_t rps = report_throttle_rps(t->report), bps = report_throttle_bps(t->report);
    int64_t now = clock_mono_us(), wait;

    (void)pthread_mutex_lock(&t->lock);
    fill(&t->rows, rps, now - t->filled_us);
    fill(&t->bytes, bps, now - t->filled_us);
    t->filled_us = now;
    if (rps > 0)
        t->rows.tokens -= (double)rows;
    if (bps > 0)
        t->bytes.tokens -= (double)bytes;
    wait = MAX(wait_ms(&t->rows, rps), wait_ms(&t->bytes, bps));
    if (wait > 0)
        t->waited_ms = now / 1000;
    (void)pthread_mutex_unlock(&t->lock);
    return wait;
}

bool throttle_take(struct throttle *t, uint64_t rows, uint64_t bytes)
{
    int64_t wait = take(t, rows, bytes);

    while (wait > 0) {
        if (report_sleep(t->report, (int)MIN(wait, (int64_t)SLICE_MS)) || t->cancelled)
            return false;
        wait = take(t, 0, 0);
    }
    return true;
}

void throttle_cancel(struct throttle *t)
{
    t->cancelled = true;
}

bool throttle_active(const struct throttle *t)
{
    int64_t waited = t->waited_ms;

    return waited != 0 && clock_mono_ms() - waited < ACTIVE_MS;
}
