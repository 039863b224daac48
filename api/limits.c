#include "api/limits.h"

#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    TRIES_MAX = 10,     /* wrong tries in a row that cost nothing but their hash */
    TRY_BACK_MS = 1000, /* one more for each second that passes */
    TRIES_SLOTS = 1024, /* callers told apart; hashed, so strangers may share a slot */
    TOKEN = 1000000,    /* of a bucket: a request costs one, in millionths */
};

struct tries {
    int left;
    int64_t at_ms;
};

struct bucket {
    int64_t left; /* in 1/TOKEN of a request */
    int64_t at_us;
};

struct limits {
    uint64_t seed; /* which slots meet must not be known outside */
    int64_t per_second, burst;
    pthread_mutex_t lock; /* guards all below */
    struct tries tries[TRIES_SLOTS];
    struct map *buckets; /* of accounts that exist or did: nobody else gets so far */
};

int limits_new(int64_t per_second, int64_t burst, struct limits **ret, struct err *err)
{
    _cleanup_(limits_freep)
    struct limits *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&l->lock, NULL);
    l->per_second = per_second;
    l->burst = MAX(burst, (int64_t)1);
    randombytes_buf(&l->seed, sizeof(l->seed));
    for (size_t i = 0; i < TRIES_SLOTS; i++)
        l->tries[i].left = TRIES_MAX;
    l->buckets = map_new();
    if (l->buckets == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = take_ptr(l);
    return 0;
}

void limits_free(struct limits *l)
{
    size_t pos = 0;
    const char *name;
    void *bucket;

    if (l == NULL)
        return;
    while (l->buckets != NULL && map_next(l->buckets, &pos, &name, &bucket))
        free(bucket);
    map_free(l->buckets);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ------------------------------------------------------------------ wrong credentials */

static struct tries *tries_of(struct limits *l, const char *peer, const char *name)
{
    uint64_t h = hash_bytes(name, strlen(name), hash_bytes(peer, strlen(peer), l->seed));

    return &l->tries[h % TRIES_SLOTS];
}

bool limits_may_try(struct limits *l, const char *peer, const char *name)
{
    struct tries *t = tries_of(l, peer, name);
    int64_t now = clock_mono_ms(), back;
    bool may;

    (void)pthread_mutex_lock(&l->lock);
    back = (now - t->at_ms) / TRY_BACK_MS;
    if (back > 0) {
        t->left = (int)MIN((int64_t)t->left + back, (int64_t)TRIES_MAX);
        t->at_ms = now;
    }
    may = t->left > 0;
    (void)pthread_mutex_unlock(&l->lock);
    return may;
}

void limits_tried(struct limits *l, const char *peer, const char *name, bool right)
{
    struct tries *t = tries_of(l, peer, name);

    (void)pthread_mutex_lock(&l->lock);
    if (right)
        t->left = TRIES_MAX;
    else if (t->left > 0)
        t->left--;
    (void)pthread_mutex_unlock(&l->lock);
}

/* ------------------------------------------------------------------ requests */

static struct bucket *bucket_of(struct limits *l, const char *account, int64_t now)
{
    struct bucket *b = map_get(l->buckets, account);

    if (b != NULL)
        return b;
    b = calloc(1, sizeof(*b));
    if (b == NULL)
        return NULL;
    *b = (struct bucket){ .left = l->burst * TOKEN, .at_us = now };
    if (map_set(l->buckets, account, b) == 0)
        return b;
    free(b);
    return NULL;
}

static bool take(struct limits *l, const char *account)
{
    int64_t now = clock_mono_us(), full = l->burst * TOKEN, passed;
    struct bucket *b = bucket_of(l, account, now);

    if (b == NULL)
        return true;                                        /* out of memory is told elsewhere */
    passed = MIN(now - b->at_us, full / l->per_second + 1); /* more would only overflow */
    b->left = MIN(b->left + passed * l->per_second, full);
    b->at_us = now;
    if (b->left < TOKEN)
        return false;
    b->left -= TOKEN;
    return true;
}

bool limits_take(struct limits *l, const char *account)
{
    bool may;

    if (l->per_second == 0)
        return true;
    (void)pthread_mutex_lock(&l->lock);
    may = take(l, account);
    (void)pthread_mutex_unlock(&l->lock);
    return may;
}
