/*
 * How much of the servers a verification takes. FAST: all it can get. NORMAL: likewise while
 * incremental is up to date; while that is behind, one statement at a time, short, with rests
 * between. STEADY: always so.
 */
#include "base/clock.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    WANT_US = 250 * 1000, /* long enough that a statement's own cost is nothing */
    WANT_SLOW_US = 40 * 1000,
    REST_TIMES = 9, /* a tenth of one connection's time at each end */
    REST_MS_MAX = 3000,
};

int64_t pace_want_us(const struct verifier *f)
{
    return f->slow ? WANT_SLOW_US : WANT_US;
}

void pace_enter(struct verifier *f)
{
    f->slow = f->v->pace == PACE_STEADY || (f->v->pace == PACE_NORMAL && ends_busy(&f->ends));
    if (f->slow)
        (void)pthread_mutex_lock(&f->v->slow);
    f->busy_before_us = f->ends.busy_us;
}

bool pace_leave(struct verifier *f)
{
    int64_t used_ms = (f->ends.busy_us - f->busy_before_us) / 1000;

    if (f->slow) {
        (void)report_sleep(f->v->w->report, (int)MIN(used_ms * REST_TIMES, (int64_t)REST_MS_MAX));
        (void)pthread_mutex_unlock(&f->v->slow);
        f->slow = false;
    }
    return verify_leaving(f);
}

void pace_listing_enter(struct verifier *f)
{
    /* always taken before `slow`: who holds the one must never wait for the other the other way */
    if (f->slow)
        (void)pthread_mutex_unlock(&f->v->slow);
    (void)pthread_mutex_lock(&f->v->listing);
    if (f->slow)
        (void)pthread_mutex_lock(&f->v->slow);
}

void pace_listing_leave(struct verifier *f)
{
    (void)pthread_mutex_unlock(&f->v->listing);
}
