#include "api/nonces.h"

#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "api/sign.h"
#include "base/clock.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    TAG_LEN = 16, /* a keyed hash: 128 bits don't meet by chance */
    SLOT_S = 60,
    SLOTS = 2 * SIGN_SKEW_S / SLOT_S + 2, /* a date may be as far ahead as behind */
    FIRST_CAP = 64,
};

struct tag {
    unsigned char bytes[TAG_LEN]; /* never all zero: that is a free place */
};

/* The nonces whose requests get too old within the same minute: they go together. */
struct slot {
    int64_t minute;   /* when they go */
    struct tag *tags; /* open addressing, at most half full */
    size_t count, cap;
};

struct key_nonces {
    struct slot slots[SLOTS];
    size_t count;
};

struct nonces {
    size_t most;
    int64_t since_s;
    unsigned char hash_key[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock; /* guards all below */
    struct map *keys;     /* of struct key_nonces; only of keys that signed something */
};

int nonces_new(size_t most, int64_t since_s, struct nonces **ret, struct err *err)
{
    struct nonces *n = calloc(1, sizeof(*n));

    if (n == NULL || (n->keys = map_new()) == NULL) {
        free(n);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&n->lock, NULL);
    randombytes_buf(n->hash_key, sizeof(n->hash_key));
    n->most = most;
    n->since_s = since_s;
    *ret = n;
    return 0;
}

void nonces_free(struct nonces *n)
{
    const char *id;
    void *value;
    size_t pos = 0;

    if (n == NULL)
        return;
    while (map_next(n->keys, &pos, &id, &value)) {
        struct key_nonces *k = value;
        for (size_t i = 0; i < SLOTS; i++)
            free(k->slots[i].tags);
        free(k);
    }
    map_free(n->keys);
    (void)pthread_mutex_destroy(&n->lock);
    free(n);
}

static struct tag tag_of(const struct nonces *n, const char *nonce)
{
    struct tag t;

    (void)crypto_generichash(t.bytes, sizeof(t.bytes), (const unsigned char *)nonce, strlen(nonce),
                             n->hash_key, sizeof(n->hash_key));
    t.bytes[0] |= 1;
    return t;
}

/* The place of a tag in a slot, or the free one where it belongs. */
static struct tag *place_of(struct tag *tags, size_t cap, const struct tag *t)
{
    uint64_t at;

    memcpy(&at, t->bytes + TAG_LEN - sizeof(at), sizeof(at));
    while (tags[at % cap].bytes[0] != 0 && memcmp(&tags[at % cap], t, sizeof(*t)) != 0)
        at++;
    return &tags[at % cap];
}

static bool slot_has(const struct slot *s, const struct tag *t)
{
    return s->cap > 0 && place_of(s->tags, s->cap, t)->bytes[0] != 0;
}

static int slot_add(struct slot *s, const struct tag *t, struct err *err)
{
    if ((s->count + 1) * 2 > s->cap) {
        size_t cap = s->cap == 0 ? FIRST_CAP : s->cap * 2;
        struct tag *more = calloc(cap, sizeof(*more));
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        for (size_t i = 0; i < s->cap; i++)
            if (s->tags[i].bytes[0] != 0)
                *place_of(more, cap, &s->tags[i]) = s->tags[i];
        free(s->tags);
        s->tags = more;
        s->cap = cap;
    }
    *place_of(s->tags, s->cap, t) = *t;
    s->count++;
    return 0;
}

static void drop_old(struct key_nonces *k, int64_t now_s)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (k->slots[i].cap > 0 && (k->slots[i].minute + 1) * SLOT_S <= now_s) {
            k->count -= k->slots[i].count;
            free(k->slots[i].tags);
            k->slots[i] = (struct slot){ 0 };
        }
}

static int add_nonce(struct nonces *n, struct key_nonces *k, const char *nonce, int64_t minute,
                     struct err *err)
{
    struct tag t = tag_of(n, nonce);
    struct slot *s = &k->slots[minute % SLOTS];

    for (size_t i = 0; i < SLOTS; i++)
        if (slot_has(&k->slots[i], &t))
            return err_set(err, ERR_SIGNATURE_REPLAY, "the nonce of this request was used before");
    if (k->count >= n->most)
        return err_set(err, ERR_NONCES_FULL,
                       "this access key signed %zu requests within %d minutes: more can't be told "
                       "from repeated ones",
                       k->count, SIGN_SKEW_S / 60);
    if (slot_add(s, &t, err) < 0)
        return -1;
    s->minute = MAX(s->minute, minute); /* should the clock have gone back */
    k->count++;
    return 0;
}

int nonces_use(struct nonces *n, const char *key_id, const char *nonce, int64_t date_s,
               int64_t now_s, struct err *err)
{
    char began[CLOCK_TEXT_LEN], now[CLOCK_TEXT_LEN];
    struct key_nonces *k;
    int r = -1;

    if (date_s < n->since_s)
        return err_set(err, ERR_SIGNATURE_REPLAY,
                       "the request is dated before this server began (%sZ; its time now is %sZ)",
                       clock_text(n->since_s, began), clock_text(now_s, now));
    (void)pthread_mutex_lock(&n->lock);
    k = map_get(n->keys, key_id);
    if (k == NULL) {
        k = calloc(1, sizeof(*k));
        if (k == NULL || map_set(n->keys, key_id, k) < 0) {
            free(k);
            k = NULL;
        }
    }
    if (k == NULL) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
    } else {
        drop_old(k, now_s);
        r = add_nonce(n, k, nonce, (date_s + SIGN_SKEW_S) / SLOT_S, err);
    }
    (void)pthread_mutex_unlock(&n->lock);
    return r;
}
