#include "api/audit.h"

#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    ALIKE_S = 60,    /* refused calls that are alike share an event for so long */
    ALIKE_MAX = 256, /* events that others may join; beyond, callers are not told apart */
    FLUSH_MS = 2000,
    PRUNE_MS = 5000,
    PRUNE_ROUNDS = 20,
};

struct alike {
    uint64_t key;    /* of all but the target */
    uint64_t target; /* of the first */
    int64_t seq;     /* 0: the slot is free */
    int64_t began_s, last_s;
    int64_t more; /* calls that the store does not know of yet */
    bool several; /* … and they had other targets */
};

struct audit {
    struct audit_options on;
    uint64_t seed; /* nobody shall make keys that meet */
    pthread_mutex_t lock;
    struct alike alike[ALIKE_MAX];
    int64_t flushed_ms, pruned_ms;
};

int audit_new(const struct audit_options *o, struct audit **ret, struct err *err)
{
    _cleanup_(audit_freep)
    struct audit *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->on = *o;
    (void)pthread_mutex_init(&a->lock, NULL);
    randombytes_buf(&a->seed, sizeof(a->seed));
    if (store_audit_recover(o->store, err) < 0)
        return -1;
    *ret = take_ptr(a);
    return 0;
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    audit_flush(a);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

int audit_begin(struct audit *a, const struct audit_event *e, int64_t *ret_seq, struct err *err)
{
    struct audit_event started = *e;

    started.result = AUDIT_STARTED;
    if (store_audit_add(a->on.store, &started, ret_seq, err) < 0)
        return err_wrap(err, "write the audit event");
    return 0;
}

void audit_end(struct audit *a, int64_t seq, const char *target, const char *target_name,
               const char *result)
{
    struct err err = { 0 };

    if (store_audit_end(a->on.store, seq, target, target_name, result, &err) < 0)
        log_err(LOG_ERROR, "api", "audit_failed", &err);
}

/* ------------------------------------------------------------------ refused calls */

static uint64_t mix(const char *text, uint64_t seed)
{
    return text == NULL ? hash_bytes("", 1, seed) : hash_bytes(text, strlen(text) + 1, seed);
}

static uint64_t key_of(const struct audit *a, const struct audit_event *e)
{
    return mix(e->user, mix(e->key_id, mix(e->peer, mix(e->action, mix(e->result, a->seed)))));
}

/* The lock is held. */
static void tell_store(struct audit *a, struct alike *s)
{
    struct err err = { 0 };

    if (s->seq != 0 && s->more > 0 &&
        store_audit_again(a->on.store, s->seq, s->more, s->last_s, s->several, &err) < 0) {
        log_err(LOG_ERROR, "api", "audit_failed", &err);
        return; /* tried again */
    }
    s->more = 0;
}

/* The slot of the key, or a free one, or NULL. Those that are over become free. */
static struct alike *slot_of(struct audit *a, uint64_t key, int64_t now)
{
    struct alike *unused = NULL;

    for (size_t i = 0; i < ALIKE_MAX; i++) {
        struct alike *s = &a->alike[i];
        if (s->seq != 0 && now - s->began_s >= ALIKE_S) {
            tell_store(a, s);
            *s = (struct alike){ 0 };
        }
        if (s->seq != 0 && s->key == key)
            return s;
        if (s->seq == 0 && unused == NULL)
            unused = s;
    }
    return unused;
}

/* The lock is held while the first of its kind is stored: the others wait to join it. */
static void refuse(struct audit *a, const struct audit_event *e)
{
    int64_t now = clock_now_s();
    struct audit_event event = *e;
    uint64_t key = key_of(a, e), target = mix(e->target, a->seed);
    struct alike *s = slot_of(a, key, now);
    struct err err = { 0 };

    if (s == NULL) { /* an attack from many addresses: it must not write the audit full */
        event.peer = "(several)";
        event.user = "(several)";
        event.key_id = NULL;
        key = key_of(a, &event);
        s = slot_of(a, key, now);
    }
    if (s == NULL) {
        s = &a->alike[key % ALIKE_MAX];
        tell_store(a, s);
        *s = (struct alike){ 0 };
    }
    if (s->seq != 0) {
        s->more++;
        s->last_s = now;
        s->several = s->several || s->target != target;
        return;
    }
    *s = (struct alike){ .key = key, .target = target, .began_s = now, .last_s = now };
    if (store_audit_add(a->on.store, &event, &s->seq, &err) < 0) {
        s->seq = 0;
        log_err(LOG_ERROR, "api", "audit_failed", &err);
    }
}

void audit_refused(struct audit *a, const struct audit_event *e)
{
    (void)pthread_mutex_lock(&a->lock);
    refuse(a, e);
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_flush(struct audit *a)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < ALIKE_MAX; i++)
        tell_store(a, &a->alike[i]);
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_tick(struct audit *a)
{
    int64_t now = clock_mono_ms();
    struct err err = { 0 };
    bool more = true;
    int r = 0;

    if (now - a->flushed_ms >= FLUSH_MS) {
        a->flushed_ms = now;
        audit_flush(a);
    }
    if (now - a->pruned_ms < PRUNE_MS)
        return;
    a->pruned_ms = now;
    for (int i = 0; more && i < PRUNE_ROUNDS && r == 0; i++)
        r = store_audit_prune(a->on.store, a->on.keep, clock_now_s() - a->on.keep_s, &more, &err);
    if (r < 0)
        log_err(LOG_ERROR, "api", "audit_prune_failed", &err);
}
