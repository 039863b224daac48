#include "workers/incr/depend.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_SLOTS = 4096, FULL_PERCENT = 60, CROWDED_PERCENT = 30 };

struct slot {
    uint64_t hash;
    uint64_t seq; /* 0: free */
    unsigned lane;
};

/* How an index was last used as a whole, and, per lane, last by single values. */
struct index_use {
    uint64_t whole_seq;
    unsigned whole_lane;
    uint64_t single_seq[LANES_MAX];
};

struct depend {
    struct slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
    struct index_use *indexes;
    size_t index_count;
    unsigned lanes;
    uint64_t done[LANES_MAX];
};

struct depend *depend_new(size_t indexes, unsigned lanes)
{
    _cleanup_(depend_freep)
    struct depend *d = calloc(1, sizeof(*d));

    if (d == NULL || lanes == 0 || lanes > LANES_MAX)
        return NULL;
    d->slots = calloc(FIRST_SLOTS, sizeof(*d->slots));
    d->indexes = calloc(MAX(indexes, (size_t)1), sizeof(*d->indexes));
    if (d->slots == NULL || d->indexes == NULL)
        return NULL;
    d->slot_count = FIRST_SLOTS;
    d->index_count = indexes;
    d->lanes = lanes;
    return take_ptr(d);
}

void depend_free(struct depend *d)
{
    if (d == NULL)
        return;
    free(d->slots);
    free(d->indexes);
    free(d);
}

void depend_done(struct depend *d, unsigned lane, uint64_t seq)
{
    d->done[lane] = MAX(d->done[lane], seq);
}

size_t depend_size(const struct depend *d)
{
    return d->used;
}

/* The slot that holds `hash`, or the free one where it belongs. The table is never full. */
static struct slot *slot_of(struct slot *slots, size_t count, uint64_t hash)
{
    size_t at = (size_t)hash & (count - 1);

    while (slots[at].seq != 0 && slots[at].hash != hash)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static void wait_for(const struct depend *d, unsigned lane, uint64_t seq, struct dep_wait *io)
{
    if (seq > d->done[lane] && seq > io->need[lane])
        io->need[lane] = seq;
}

void depend_find(const struct depend *d, const struct dep_key *keys, size_t count,
                 struct dep_wait *ret)
{
    *ret = (struct dep_wait){ 0 };
    for (size_t i = 0; i < count; i++) {
        const struct index_use *use = &d->indexes[keys[i].index];

        wait_for(d, use->whole_lane, use->whole_seq, ret);
        if (keys[i].whole) {
            for (unsigned lane = 0; lane < d->lanes; lane++)
                wait_for(d, lane, use->single_seq[lane], ret);
        } else {
            const struct slot *s = slot_of(d->slots, d->slot_count, keys[i].hash);
            wait_for(d, s->lane, s->seq, ret);
        }
    }
}

/* Leaves out what is committed; twice the room when that does not help. */
static int rebuild(struct depend *d)
{
    size_t live = 0, count = MAX(d->slot_count, (size_t)FIRST_SLOTS);
    struct slot *slots;

    for (size_t i = 0; i < d->slot_count; i++)
        live += d->slots[i].seq > d->done[d->slots[i].lane];
    while (live * 100 > count * CROWDED_PERCENT)
        count *= 2;
    slots = calloc(count, sizeof(*slots));
    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < d->slot_count; i++) {
        const struct slot *s = &d->slots[i];
        if (s->seq > d->done[s->lane])
            *slot_of(slots, count, s->hash) = *s;
    }
    free(d->slots);
    d->slots = slots;
    d->slot_count = count;
    d->used = live;
    return 0;
}

int depend_add(struct depend *d, const struct dep_key *keys, size_t count, uint64_t seq,
               unsigned lane)
{
    for (size_t i = 0; i < count; i++) {
        struct index_use *use = &d->indexes[keys[i].index];
        struct slot *s;

        if (keys[i].whole) {
            use->whole_seq = seq;
            use->whole_lane = lane;
            continue;
        }
        use->single_seq[lane] = seq;
        if (d->used * 100 >= d->slot_count * FULL_PERCENT && rebuild(d) < 0)
            return -1;
        s = slot_of(d->slots, d->slot_count, keys[i].hash);
        d->used += s->seq == 0;
        *s = (struct slot){ keys[i].hash, seq, lane };
    }
    return 0;
}
