#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "workers/verify/watch_priv.h"

#include "base/banned.h"

enum { SEEN = 1 << 16 };

struct watch_queue {
    struct watch_key *list; /* a ring */
    size_t room, from, count;
    uint64_t seen[SEEN]; /* hashes of keys that wait; one that took another's place is put twice */
};

int watch_queue_new(size_t room, struct watch_queue **ret, struct err *err)
{
    _cleanup_(watch_queue_freep)
    struct watch_queue *q = calloc(1, sizeof(*q));

    if (q != NULL)
        q->list = calloc(room + 1, sizeof(*q->list));
    if (q == NULL || q->list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu keys", room);
    q->room = room;
    *ret = take_ptr(q);
    return 0;
}

void watch_queue_free(struct watch_queue *q)
{
    if (q == NULL)
        return;
    free(q->list);
    free(q);
}

size_t watch_queue_count(const struct watch_queue *q)
{
    return q->count;
}

static uint64_t hash_of(const struct watch_key *k)
{
    /* the seed goes in by XOR: two small numbers would meet */
    return hash_bytes(k->key, k->len, touch_hash_u64(0, k->table)) | 1; /* 0 is an empty place */
}

bool watch_queue_put(struct watch_queue *q, const struct watch_key *k)
{
    uint64_t hash = hash_of(k);

    if (q->seen[hash % SEEN] == hash)
        return true;
    if (q->count == q->room)
        return false;
    q->list[(q->from + q->count++) % q->room] = *k;
    q->seen[hash % SEEN] = hash;
    return true;
}

static int by_table(const void *a, const void *b)
{
    const struct watch_key *x = a, *y = b;

    return x->table < y->table ? -1 : x->table > y->table;
}

size_t watch_queue_take(struct watch_queue *q, int64_t now_ms, struct watch_key *ret, size_t max)
{
    size_t n = 0;

    while (n < max && q->count > 0 && q->list[q->from].due_ms <= now_ms) {
        uint64_t hash = hash_of(&q->list[q->from]);

        if (q->seen[hash % SEEN] == hash)
            q->seen[hash % SEEN] = 0;
        ret[n++] = q->list[q->from];
        q->from = (q->from + 1) % q->room;
        q->count--;
    }
    qsort(ret, n, sizeof(*ret), by_table);
    return n;
}
