#include "base/map.h"

#include <string.h>

#include "base/banned.h"

struct slot {
    char *key;
    void *value;
};

struct map {
    struct slot *slots;
    size_t cap; /* a power of two */
    size_t count;
};

enum { FIRST_CAP = 16 };

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = 1469598103934665603ULL ^ seed;

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 1099511628211ULL;
    h ^= h >> 32; /* FNV's low bits are weak; tables are sized by powers of two */
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ h >> 32;
}

struct map *map_new(void)
{
    struct map *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->slots = calloc(FIRST_CAP, sizeof(*m->slots));
    m->cap = FIRST_CAP;
    if (m->slots == NULL) {
        free(m);
        return NULL;
    }
    return m;
}

void map_free(struct map *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->cap; i++)
        free(m->slots[i].key);
    free(m->slots);
    free(m);
}

static struct slot *find(struct slot *slots, size_t cap, const char *key)
{
    size_t i = (size_t)hash_bytes(key, strlen(key), 0) & (cap - 1);

    while (slots[i].key != NULL && strcmp(slots[i].key, key) != 0)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int grow(struct map *m)
{
    size_t cap = m->cap * 2;
    struct slot *slots = calloc(cap, sizeof(*slots));

    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key != NULL)
            *find(slots, cap, m->slots[i].key) = m->slots[i];
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return 0;
}

void *map_get(const struct map *m, const char *key)
{
    return find(m->slots, m->cap, key)->value;
}

int map_set(struct map *m, const char *key, void *value)
{
    struct slot *s;

    if (m->count * 4 >= m->cap * 3 && grow(m) < 0)
        return -1;
    s = find(m->slots, m->cap, key);
    if (s->key == NULL) {
        s->key = strdup(key);
        if (s->key == NULL)
            return -1;
        m->count++;
    }
    s->value = value;
    return 0;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

bool map_next(const struct map *m, size_t *pos, const char **ret_key, void **ret_value)
{
    for (; *pos < m->cap; (*pos)++) {
        if (m->slots[*pos].key == NULL)
            continue;
        *ret_key = m->slots[*pos].key;
        *ret_value = m->slots[*pos].value;
        (*pos)++;
        return true;
    }
    return false;
}
