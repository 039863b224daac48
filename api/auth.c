#include "api/auth.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sodium.h>

#include "api/audit.h"
#include "api/limits.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    PASSWORD_MAX = 1024, /* Argon2 takes any length, a client should not choose our work */
    REMEMBER_MS = 60 * 1000,
    REMEMBERED_MAX = 64, /* slots; the oldest goes */
    HASHES_AT_ONCE = 2,  /* each takes memory and a processor for a moment */
    HASH_WAIT_MS = 1500,
    KEY_ID_LEN = 20,
    USED_MAX = 64, /* keys whose last use the store does not know yet */
    TAG_BYTES = crypto_generichash_BYTES,
};

/*
 * Two tags: `sent` needs no look into the store and holds while no account has changed; `stored`
 * is bound to the stored hash, so that a change of another account costs a look and no hash.
 */
struct remembered {
    unsigned char sent[TAG_BYTES], stored[TAG_BYTES];
    enum role role;
    uint64_t as_of, proof;
    int64_t until_ms;
};

struct used {
    char key_id[ID_MAX]; /* empty: the slot is free */
    int64_t at_s;
};

struct auth {
    struct auth_options on;
    unsigned char key[crypto_generichash_KEYBYTES];
    char dummy_hash[SECRET_HASH_LEN]; /* an unknown user takes as long as a known one */
    atomic_ullong as_of;              /* counts changes of accounts and keys */
    pthread_mutex_t lock;             /* guards all below */
    pthread_cond_t hash_free;
    int hashing;
    struct remembered good[REMEMBERED_MAX];
    struct used used[USED_MAX];
};

int auth_new(const struct auth_options *o, struct auth **ret, struct err *err)
{
    _cleanup_(auth_freep)
    struct auth *a = calloc(1, sizeof(*a));
    char nobody[33] = { 0 };
    pthread_condattr_t attr;

    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->on = *o;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->hash_free, &attr);
    (void)pthread_condattr_destroy(&attr);
    randombytes_buf(a->key, sizeof(a->key));
    id_token(nobody, sizeof(nobody) - 1);
    if (secret_hash(nobody, a->dummy_hash, err) < 0)
        return -1;
    *ret = take_ptr(a);
    return 0;
}

void auth_free(struct auth *a)
{
    if (a == NULL)
        return;
    auth_tick(a);
    (void)pthread_cond_destroy(&a->hash_free);
    (void)pthread_mutex_destroy(&a->lock);
    explicit_bzero(a->key, sizeof(a->key));
    free(a);
}

int auth_parse_basic(const char *header, char user[static USER_NAME_MAX],
                     struct secret **ret_password, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *both = NULL;
    const char *text, *colon;

    if (strncasecmp(header, "Basic ", 6) != 0)
        return err_set(err, ERR_UNAUTHORIZED, "only HTTP Basic credentials are taken here");
    header += 6;
    header += strspn(header, " ");
    if (strlen(header) > (USER_NAME_MAX + PASSWORD_MAX) * 4 / 3 + 8 ||
        secret_from_base64(header, &both, err) < 0)
        return err_set(err, ERR_UNAUTHORIZED, "the credentials are not Base64 of user:password");
    text = secret_text(both);
    colon = memchr(text, ':', secret_len(both));
    if (colon == NULL || (size_t)(colon - text) >= USER_NAME_MAX || colon == text ||
        strlen(text) != secret_len(both))
        return err_set(err, ERR_UNAUTHORIZED, "the credentials are not Base64 of user:password");
    (void)snprintf(user, USER_NAME_MAX, "%.*s", (int)(colon - text), text);
    return secret_new(colon + 1, strlen(colon + 1), ret_password, err);
}

/* ------------------------------------------------------------------ what was right before */

/* `hash` NULL: of what was sent alone. */
static void tag_of(const struct auth *a, const char *user, const struct secret *password,
                   const char *hash, unsigned char tag[static TAG_BYTES])
{
    crypto_generichash_state st;

    (void)crypto_generichash_init(&st, a->key, sizeof(a->key), TAG_BYTES);
    (void)crypto_generichash_update(&st, (const unsigned char *)user, strlen(user) + 1);
    if (hash != NULL)
        (void)crypto_generichash_update(&st, (const unsigned char *)hash, strlen(hash) + 1);
    (void)crypto_generichash_update(&st, (const unsigned char *)secret_text(password),
                                    secret_len(password));
    (void)crypto_generichash_final(&st, tag, TAG_BYTES);
}

/* A stored hash in short, to see that it is another: not a secret's, it is salted. */
static uint64_t proof_of(const char *hash)
{
    return hash_bytes(hash, strlen(hash), 0);
}

/* By what was sent: only while no account has changed since. */
static bool remembers_sent(struct auth *a, const unsigned char *sent, struct account *who)
{
    int64_t now = clock_mono_ms();
    bool found = false;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        const struct remembered *m = &a->good[i];
        if (m->until_ms > now && m->as_of == who->as_of &&
            sodium_memcmp(m->sent, sent, TAG_BYTES) == 0) {
            who->role = m->role;
            who->proof = m->proof;
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&a->lock);
    return found;
}

/* By the hash just read; what else was just read is then kept with it. */
static bool remembers_stored(struct auth *a, const unsigned char *stored, const struct account *who)
{
    int64_t now = clock_mono_ms();
    bool found = false;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        struct remembered *m = &a->good[i];
        if (m->until_ms > now && sodium_memcmp(m->stored, stored, TAG_BYTES) == 0) {
            m->role = who->role;
            m->as_of = who->as_of;
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&a->lock);
    return found;
}

static void remember(struct auth *a, const unsigned char *sent, const unsigned char *stored,
                     const struct account *who)
{
    size_t oldest = 0;
    struct remembered *m;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 1; i < REMEMBERED_MAX; i++)
        if (a->good[i].until_ms < a->good[oldest].until_ms)
            oldest = i;
    m = &a->good[oldest];
    memcpy(m->sent, sent, TAG_BYTES);
    memcpy(m->stored, stored, TAG_BYTES);
    m->role = who->role;
    m->as_of = who->as_of;
    m->proof = who->proof;
    m->until_ms = clock_mono_ms() + REMEMBER_MS;
    (void)pthread_mutex_unlock(&a->lock);
}

void auth_changed(struct auth *a)
{
    atomic_fetch_add(&a->as_of, 1);
}

/* ------------------------------------------------------------------ hashing */

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

/* Waits for a place among the hashes at work; false: none came free. */
static bool begin_hash(struct auth *a)
{
    struct timespec until;
    bool ok;

    in_ms(&until, HASH_WAIT_MS);
    (void)pthread_mutex_lock(&a->lock);
    while (a->hashing >= HASHES_AT_ONCE)
        if (pthread_cond_timedwait(&a->hash_free, &a->lock, &until) != 0)
            break;
    ok = a->hashing < HASHES_AT_ONCE;
    if (ok)
        a->hashing++;
    (void)pthread_mutex_unlock(&a->lock);
    return ok;
}

static void end_hash(struct auth *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->hashing--;
    (void)pthread_cond_broadcast(&a->hash_free);
    (void)pthread_mutex_unlock(&a->lock);
}

int auth_hash(struct auth *a, const struct secret *password, char ret[static SECRET_HASH_LEN],
              struct err *err)
{
    int r;

    if (!begin_hash(a))
        return err_set(err, ERR_THROTTLED, "too many passwords are being checked");
    r = secret_hash(secret_text(password), ret, err);
    end_hash(a);
    return r;
}

/* ------------------------------------------------------------------ passwords */

/*
 * The name of a user that does not exist is told to nobody: people type their password into the
 * wrong field.
 */
static void audit_login(struct auth *a, const struct account *who, bool known)
{
    const struct audit_event e = {
        .user = known ? who->name : "(unknown)",
        .key_id = known && who->key_id[0] != '\0' ? who->key_id : NULL,
        .peer = who->peer,
        .action = "Login",
        .result = err_wire(ERR_UNAUTHORIZED),
        .request_id = "",
    };

    audit_refused(a->on.audit, &e);
}

static void login_failed(struct auth *a, const struct account *who, bool known)
{
    char quoted[LOG_QUOTED_MAX];

    log_warn("api", "login_failed", "user=%s peer=%s",
             log_q(known ? who->name : "(unknown)", quoted), who->peer);
    audit_login(a, who, known);
}

/* Not logged: an attack must not fill the log. Its number is in the audit. */
static int too_many(struct auth *a, const struct account *who, bool known, struct err *err)
{
    audit_login(a, who, known);
    (void)err_set(err, ERR_UNAUTHORIZED, "too many failed logins");
    return err_advise(err, "Wait a few seconds, then send the right credentials.");
}

static int too_busy(struct err *err)
{
    (void)err_set(err, ERR_UNAUTHORIZED, "too many logins are being checked");
    return err_advise(err, "Send the same again in a moment.");
}

/* `who` has name, as_of and, of a known user, role and proof. */
static int check_password(struct auth *a, const struct secret *password, const char *hash,
                          const struct account *who, struct err *err)
{
    unsigned char sent[TAG_BYTES], stored[TAG_BYTES];
    bool known = hash != NULL, right;

    tag_of(a, who->name, password, NULL, sent);
    if (known) {
        tag_of(a, who->name, password, hash, stored);
        if (remembers_stored(a, stored, who))
            return 0;
    }
    if (!limits_may_try(a->on.limits, who->peer, who->name))
        return too_many(a, who, known, err);
    if (!begin_hash(a))
        return too_busy(err);
    /* while this one waited for its turn, another call may have proved the same, or failed */
    if (known && remembers_stored(a, stored, who)) {
        end_hash(a);
        return 0;
    }
    if (!limits_may_try(a->on.limits, who->peer, who->name)) {
        end_hash(a);
        return too_many(a, who, known, err);
    }
    right = secret_hash_matches(known ? hash : a->dummy_hash, secret_text(password)) && known;
    limits_tried(a->on.limits, who->peer, who->name, right);
    end_hash(a);
    if (right) {
        remember(a, sent, stored, who);
        return 0;
    }
    login_failed(a, who, known);
    return err_set(err, ERR_UNAUTHORIZED, "unknown user or wrong password");
}

/* What the store tells of a user goes into `who`; *ret_hash NULL: none that may log in. */
static int look_up(struct auth *a, struct account *who, char **ret_hash, struct err *err)
{
    _cleanup_(user_done)
    struct user u = { 0 };
    int r = store_user_get(a->on.store, who->name, &u, err);

    if (r < 0)
        return -1;
    if (r == 0 || u.disabled)
        return 0;
    who->role = u.role;
    who->proof = proof_of(u.password_hash);
    *ret_hash = take_ptr(u.password_hash);
    return 0;
}

static int check_user(struct auth *a, const struct secret *password, struct account *who,
                      struct err *err)
{
    _cleanup_(freep)
    char *hash = NULL;

    who->as_of = atomic_load(&a->as_of); /* before the store is read */
    if (look_up(a, who, &hash, err) < 0)
        return -1;
    return check_password(a, password, hash, who, err);
}

int auth_basic(struct auth *a, const char *header, const char *peer, struct account *ret,
               struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    unsigned char sent[TAG_BYTES];

    if (header == NULL)
        return err_set(err, ERR_UNAUTHORIZED, "no credentials were sent");
    *ret = (struct account){ .as_of = atomic_load(&a->as_of) };
    (void)snprintf(ret->peer, sizeof(ret->peer), "%s", peer);
    if (auth_parse_basic(header, ret->name, &password, err) < 0)
        return -1;
    tag_of(a, ret->name, password, NULL, sent);
    if (remembers_sent(a, sent, ret))
        return 0;
    return check_user(a, password, ret, err);
}

int auth_check(struct auth *a, const char *user, const struct secret *password, const char *peer,
               struct err *err)
{
    struct account who = { 0 };

    (void)snprintf(who.name, sizeof(who.name), "%s", user);
    (void)snprintf(who.peer, sizeof(who.peer), "%s", peer);
    return check_user(a, password, &who, err);
}

/* ------------------------------------------------------------------ access keys */

/* 1: the key may sign; 0: not. */
static int look_up_key(struct auth *a, struct account *who, struct access_key *k, struct err *err)
{
    int r = store_key_get(a->on.store, who->key_id, k, err);

    if (r <= 0)
        return r;
    (void)snprintf(who->name, sizeof(who->name), "%s", k->user);
    who->role = k->role;
    return !k->disabled && !k->user_disabled;
}

/* `who` with its peer; the rest only when the key is one. */
static void key_failed(struct auth *a, const char *key_id, const struct account *who, bool known)
{
    limits_tried(a->on.limits, who->peer, key_id, false);
    login_failed(a, who, known);
}

void auth_failed(struct auth *a, const char *peer, const char *key_id)
{
    struct account who = { 0 };
    _cleanup_(access_key_done)
    struct access_key k = { 0 };
    struct err ignored = { 0 };

    (void)snprintf(who.peer, sizeof(who.peer), "%s", peer);
    (void)snprintf(who.key_id, sizeof(who.key_id), "%s", key_id);
    key_failed(a, key_id, &who, look_up_key(a, &who, &k, &ignored) > 0);
}

int auth_new_key(const struct box *box, char id[static ID_MAX],
                 char secret[static KEY_SECRET_LEN + 1], char **ret_sealed, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *s = NULL;
    char about[ID_MAX + 16];

    (void)snprintf(id, ID_MAX, "CWAK");
    id_token(id + 4, KEY_ID_LEN);
    id_token(secret, KEY_SECRET_LEN);
    (void)snprintf(about, sizeof(about), "accesskey:%s", id);
    if (secret_new(secret, KEY_SECRET_LEN, &s, err) < 0)
        return -1;
    return box_seal(box, about, s, ret_sealed, err);
}

int auth_key(struct auth *a, const char *key_id, const char *peer, struct secret **ret_secret,
             struct account *ret_who, struct err *err)
{
    _cleanup_(access_key_done)
    struct access_key k = { 0 };
    char about[ID_MAX + 16];
    int r = 0;

    *ret_who = (struct account){ .as_of = atomic_load(&a->as_of) };
    (void)snprintf(ret_who->peer, sizeof(ret_who->peer), "%s", peer);
    if (!limits_may_try(a->on.limits, peer, key_id))
        return too_many(a, ret_who, false, err);
    if (strlen(key_id) < sizeof(ret_who->key_id)) {
        (void)snprintf(ret_who->key_id, sizeof(ret_who->key_id), "%s", key_id);
        r = look_up_key(a, ret_who, &k, err);
    }
    if (r < 0)
        return -1;
    if (r == 0) {
        key_failed(a, key_id, ret_who, false);
        return err_set(err, ERR_UNAUTHORIZED, "the access key is unknown or disabled");
    }
    (void)snprintf(about, sizeof(about), "accesskey:%s", k.id);
    return box_unseal(a->on.box, about, k.secret_sealed, ret_secret, err);
}

/* ------------------------------------------------------------------ after that */

/* Kept until the next tick: a use must not cost a write. */
static void note_use(struct auth *a, const char *key_id)
{
    struct used *slot = NULL;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < USED_MAX; i++)
        if (strcmp(a->used[i].key_id, key_id) == 0)
            slot = &a->used[i];
    for (size_t i = 0; i < USED_MAX && slot == NULL; i++)
        if (a->used[i].key_id[0] == '\0')
            slot = &a->used[i];
    if (slot != NULL) { /* else: more keys than that within a second; the next use tells */
        (void)snprintf(slot->key_id, sizeof(slot->key_id), "%s", key_id);
        slot->at_s = clock_now_s();
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void auth_tick(struct auth *a)
{
    struct used used[USED_MAX];
    struct err err = { 0 };

    (void)pthread_mutex_lock(&a->lock);
    memcpy(used, a->used, sizeof(used));
    memset(a->used, 0, sizeof(a->used));
    (void)pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < USED_MAX; i++)
        if (used[i].key_id[0] != '\0' &&
            store_key_used(a->on.store, used[i].key_id, used[i].at_s, &err) < 0)
            log_err(LOG_WARN, "api", "key_use_not_stored", &err);
}

int auth_allow(struct auth *a, const struct account *who, struct err *err)
{
    if (who->key_id[0] != '\0')
        note_use(a, who->key_id);
    if (limits_take(a->on.limits, who->name))
        return 0;
    return err_set(err, ERR_THROTTLED, "account %s sends too many requests", who->name);
}

int auth_again(struct auth *a, struct account *who, struct err *err)
{
    _cleanup_(freep)
    char *hash = NULL;
    _cleanup_(access_key_done)
    struct access_key k = { 0 };
    uint64_t now = atomic_load(&a->as_of), proof = who->proof;
    int r;

    if (who->as_of == now)
        return 0;
    if (who->key_id[0] != '\0') {
        r = look_up_key(a, who, &k, err);
    } else {
        r = look_up(a, who, &hash, err);
        if (r == 0)
            r = hash != NULL && who->proof == proof;
    }
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_UNAUTHORIZED, "the account was changed meanwhile");
    who->as_of = now;
    return 0;
}
