#include "api/project_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"

#include "base/banned.h"

enum {
    SETS = 2048, /* of WAYS places each: a project has its place in one of them */
    WAYS = 4,
    TEXT_MAX = 256 * 1024,        /* a longer one is made anew each time */
    BYTES_MAX = 16 * 1024 * 1024, /* of all texts */
};

/* Shared by the cache and the answers that are being written; freed by the last of them. */
struct kept_text {
    atomic_uint users;
    size_t len;
    char text[];
};

struct place {
    struct project_version version;
    enum project_shape shape;
    int64_t until_ms;
    uint64_t used; /* the oldest of a set makes room */
    struct kept_text *kept;
};

struct project_cache {
    pthread_mutex_t lock; /* guards all below */
    uint64_t clock;
    size_t bytes;
    struct place places[SETS][WAYS];
};

struct project_cache *project_cache_new(void)
{
    struct project_cache *c = calloc(1, sizeof(*c));

    if (c != NULL)
        (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void release(struct kept_text *k)
{
    if (k != NULL && atomic_fetch_sub(&k->users, 1) == 1)
        free(k);
}

static void empty_place(struct project_cache *c, struct place *p)
{
    if (p->kept == NULL)
        return;
    c->bytes -= p->kept->len;
    release(p->kept);
    p->kept = NULL;
}

static void empty_all(struct project_cache *c)
{
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            empty_place(c, &c->places[i][k]);
}

void project_cache_free(struct project_cache *c)
{
    if (c == NULL)
        return;
    empty_all(c);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ------------------------------------------------------------------ as a part of an answer */

static int write_text(struct json_object *o, struct printbuf *to, int level, int flags)
{
    const struct kept_text *k = json_object_get_userdata(o);

    (void)level;
    (void)flags;
    return printbuf_memappend(to, k->text, (int)k->len);
}

static void drop_text(struct json_object *o, void *userdata)
{
    (void)o;
    release(userdata);
}

static struct json_object *part_of(struct kept_text *k)
{
    struct json_object *o = json_object_new_object();

    if (o == NULL) {
        release(k);
        return NULL;
    }
    json_object_set_serializer(o, write_text, k, drop_text);
    return o;
}

/* ------------------------------------------------------------------ finding */

static struct place *set_of(struct project_cache *c, const char *id)
{
    return c->places[hash_bytes(id, strlen(id), 0) % SETS];
}

static struct place *find(struct place *set, const char *id, enum project_shape shape)
{
    for (size_t k = 0; k < WAYS; k++)
        if (set[k].kept != NULL && set[k].shape == shape && strcmp(set[k].version.id, id) == 0)
            return &set[k];
    return NULL;
}

static bool is_same(const struct project_version *a, const struct project_version *b)
{
    return a->own == b->own && a->source == b->source && a->sink == b->sink &&
           a->labels == b->labels;
}

struct json_object *project_cache_get(struct project_cache *c, const struct project_version *v,
                                      enum project_shape shape)
{
    struct kept_text *k = NULL;
    struct place *p;

    (void)pthread_mutex_lock(&c->lock);
    p = find(set_of(c, v->id), v->id, shape);
    if (p != NULL && is_same(&p->version, v) && clock_mono_ms() < p->until_ms) {
        p->used = ++c->clock;
        k = p->kept;
        atomic_fetch_add(&k->users, 1);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return k == NULL ? NULL : part_of(k);
}

/* Its own place if it has one, an empty one, or that of the one not asked for the longest. */
static struct place *place_for(struct project_cache *c, const char *id, enum project_shape shape)
{
    struct place *set = set_of(c, id), *p = find(set, id, shape);

    for (size_t k = 0; p == NULL && k < WAYS; k++)
        if (set[k].kept == NULL)
            p = &set[k];
    if (p != NULL)
        return p;
    p = &set[0];
    for (size_t k = 1; k < WAYS; k++)
        if (set[k].used < p->used)
            p = &set[k];
    return p;
}

void project_cache_put(struct project_cache *c, const struct project_version *v,
                       enum project_shape shape, struct json_object *made, int64_t until_ms)
{
    const char *text = json_text(made);
    size_t len = text == NULL ? 0 : strlen(text);
    struct kept_text *k;
    struct place *p;

    if (len == 0 || len > TEXT_MAX)
        return;
    k = malloc(sizeof(*k) + len);
    if (k == NULL)
        return;
    atomic_init(&k->users, 1);
    k->len = len;
    memcpy(k->text, text, len);
    (void)pthread_mutex_lock(&c->lock);
    if (c->bytes + len > BYTES_MAX)
        empty_all(c);
    p = place_for(c, v->id, shape);
    empty_place(c, p);
    *p = (struct place){
        .version = *v, .shape = shape, .until_ms = until_ms, .used = ++c->clock, .kept = k
    };
    c->bytes += len;
    (void)pthread_mutex_unlock(&c->lock);
}
