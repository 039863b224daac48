#include "api/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    USER_MAX = 128,
    PASSWORD_MAX = 1024, /* Argon2 takes any length, a client should not choose our work */
    REMEMBER_MS = 60 * 1000,
    REMEMBERED_MAX = 64, /* slots; the oldest goes */
    TRIES_MAX = 10,      /* wrong tries in a row that cost nothing but their hash */
    TRY_BACK_MS = 1000,  /* one more for each second that passes */
    TRIES_SLOTS = 1024,  /* callers told apart; hashed, so strangers may share a slot */
    HASHES_AT_ONCE = 2,  /* each takes memory and a processor for a moment */
    HASH_WAIT_MS = 1500,
};

struct remembered {
    unsigned char tag[crypto_generichash_BYTES];
    int64_t until_ms;
};

struct tries {
    int left;
    int64_t at_ms;
};

struct auth {
    struct store *store;
    unsigned char key[crypto_generichash_KEYBYTES];
    char dummy_hash[SECRET_HASH_LEN]; /* an unknown user takes as long as a known one */
    pthread_mutex_t lock;             /* guards all below */
    pthread_cond_t hash_free;
    int hashing;
    struct remembered good[REMEMBERED_MAX];
    struct tries tries[TRIES_SLOTS];
};

int auth_new(struct store *store, struct auth **ret, struct err *err)
{
    _cleanup_(auth_freep)
    struct auth *a = calloc(1, sizeof(*a));
    char nobody[33] = { 0 };
    pthread_condattr_t attr;

    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->store = store;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->hash_free, &attr);
    (void)pthread_condattr_destroy(&attr);
    randombytes_buf(a->key, sizeof(a->key));
    id_token(nobody, sizeof(nobody) - 1);
    for (size_t i = 0; i < TRIES_SLOTS; i++)
        a->tries[i].left = TRIES_MAX;
    if (secret_hash(nobody, a->dummy_hash, err) < 0)
        return -1;
    *ret = take_ptr(a);
    return 0;
}

void auth_free(struct auth *a)
{
    if (a == NULL)
        return;
    (void)pthread_cond_destroy(&a->hash_free);
    (void)pthread_mutex_destroy(&a->lock);
    explicit_bzero(a->key, sizeof(a->key));
    free(a);
}

int auth_parse_basic(const char *header, char user[static USER_MAX], struct secret **ret_password,
                     struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *both = NULL;
    const char *text, *colon;

    if (strncasecmp(header, "Basic ", 6) != 0)
        return err_set(err, ERR_UNAUTHORIZED, "only HTTP Basic credentials are taken here");
    header += 6;
    header += strspn(header, " ");
    if (strlen(header) > (USER_MAX + PASSWORD_MAX) * 4 / 3 + 8 ||
        secret_from_base64(header, &both, err) < 0)
        return err_set(err, ERR_UNAUTHORIZED, "the credentials are not Base64 of user:password");
    text = secret_text(both);
    colon = memchr(text, ':', secret_len(both));
    if (colon == NULL || (size_t)(colon - text) >= USER_MAX || colon == text ||
        strlen(text) != secret_len(both))
        return err_set(err, ERR_UNAUTHORIZED, "the credentials are not Base64 of user:password");
    (void)snprintf(user, USER_MAX, "%.*s", (int)(colon - text), text);
    return secret_new(colon + 1, strlen(colon + 1), ret_password, err);
}

/* ------------------------------------------------------------------ what was right before */

/* Bound to the stored hash: a changed password ends what was remembered of the old one. */
static void tag_of(const struct auth *a, const char *user, const struct secret *password,
                   const char *hash, unsigned char tag[static crypto_generichash_BYTES])
{
    crypto_generichash_state st;

    (void)crypto_generichash_init(&st, a->key, sizeof(a->key), crypto_generichash_BYTES);
    (void)crypto_generichash_update(&st, (const unsigned char *)user, strlen(user) + 1);
    (void)crypto_generichash_update(&st, (const unsigned char *)hash, strlen(hash) + 1);
    (void)crypto_generichash_update(&st, (const unsigned char *)secret_text(password),
                                    secret_len(password));
    (void)crypto_generichash_final(&st, tag, crypto_generichash_BYTES);
}

static bool remembers(struct auth *a, const unsigned char *tag)
{
    int64_t now = clock_mono_ms();
    bool found = false;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < REMEMBERED_MAX; i++)
        if (a->good[i].until_ms > now &&
            sodium_memcmp(a->good[i].tag, tag, crypto_generichash_BYTES) == 0)
            found = true;
    (void)pthread_mutex_unlock(&a->lock);
    return found;
}

static void remember(struct auth *a, const unsigned char *tag)
{
    size_t oldest = 0;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 1; i < REMEMBERED_MAX; i++)
        if (a->good[i].until_ms < a->good[oldest].until_ms)
            oldest = i;
    memcpy(a->good[oldest].tag, tag, crypto_generichash_BYTES);
    a->good[oldest].until_ms = clock_mono_ms() + REMEMBER_MS;
    (void)pthread_mutex_unlock(&a->lock);
}

/* ------------------------------------------------------------------ limits */

static struct tries *tries_of(struct auth *a, const char *peer, const char *user)
{
    uint64_t seed = 0, h;

    memcpy(&seed, a->key, sizeof(seed));
    h = hash_bytes(user, strlen(user), hash_bytes(peer, strlen(peer), seed));
    return &a->tries[h % TRIES_SLOTS];
}

static void in_ms(struct timespec *t, int64_t ms)
{
    (void)clock_gettime(CLOCK_MONOTONIC, t);
    t->tv_sec += ms / 1000;
    t->tv_nsec += ms % 1000 * 1000000L;
    if (t->tv_nsec >= 1000000000L) {
        t->tv_sec++;
        t->tv_nsec -= 1000000000L;
    }
}

/* Waits for a place among the hashes at work; false: none came free, or too many wrong tries. */
static bool begin_try(struct auth *a, struct tries *t)
{
    struct timespec until;
    int64_t now = clock_mono_ms(), back;
    bool ok;

    in_ms(&until, HASH_WAIT_MS);
    (void)pthread_mutex_lock(&a->lock);
    while (a->hashing >= HASHES_AT_ONCE)
        if (pthread_cond_timedwait(&a->hash_free, &a->lock, &until) != 0)
            break;
    back = (now - t->at_ms) / TRY_BACK_MS;
    if (back > 0) {
        t->left = (int)MIN((int64_t)t->left + back, (int64_t)TRIES_MAX);
        t->at_ms = now;
    }
    ok = t->left > 0 && a->hashing < HASHES_AT_ONCE;
    if (ok)
        a->hashing++;
    (void)pthread_mutex_unlock(&a->lock);
    return ok;
}

static void end_try(struct auth *a, struct tries *t, bool right)
{
    (void)pthread_mutex_lock(&a->lock);
    a->hashing--;
    if (right)
        t->left = TRIES_MAX;
    else if (t->left > 0)
        t->left--;
    (void)pthread_cond_broadcast(&a->hash_free);
    (void)pthread_mutex_unlock(&a->lock);
}

/* ------------------------------------------------------------------ the check */

static int check_password(struct auth *a, const char *user, const struct secret *password,
                          const char *hash, const char *peer, struct err *err)
{
    unsigned char tag[crypto_generichash_BYTES];
    struct tries *t = tries_of(a, peer, user);
    bool known = hash != NULL, right;
    char who[LOG_QUOTED_MAX];

    if (known) {
        tag_of(a, user, password, hash, tag);
        if (remembers(a, tag))
            return 0;
    }
    if (!begin_try(a, t)) {
        (void)err_set(err, ERR_UNAUTHORIZED, "too many failed logins");
        return err_advise(err, "Wait a few seconds, then send the right credentials.");
    }
    /* while this one waited for its turn, another call may have proved the same */
    right = (known && remembers(a, tag)) ||
            (secret_hash_matches(known ? hash : a->dummy_hash, secret_text(password)) && known);
    end_try(a, t, right);
    if (right) {
        remember(a, tag);
        return 0;
    }
    log_warn("api", "login_failed", "user=%s peer=%s", log_q(user, who), peer);
    return err_set(err, ERR_UNAUTHORIZED, "unknown user or wrong password");
}

int auth_basic(struct auth *a, const char *header, const char *peer, struct account *ret,
               struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    _cleanup_(freep)
    char *hash = NULL;
    int r;

    if (header == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "no credentials were sent");
    if (auth_parse_basic(header, ret->name, &password, err) < 0)
        return -1;
    r = store_user_get(a->store, ret->name, &hash, &ret->role, err);
    if (r < 0)
        return -1;
    return check_password(a, ret->name, password, r == 1 ? hash : NULL, peer, err);
}
