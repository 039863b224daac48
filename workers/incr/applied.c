#include "workers/incr/applied.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#include "base/banned.h"

enum { FIRST_CAP = 64, VARINT_MAX = 10 };

void applied_done(struct applied *a)
{
    free(a->numbers);
    *a = (struct applied){ 0 };
}

int applied_add(struct applied *a, uint64_t seq)
{
    size_t at = a->count;

    if (a->count == a->cap) {
        size_t cap = a->cap == 0 ? FIRST_CAP : a->cap * 2;
        uint64_t *grown = reallocarray(a->numbers, cap, sizeof(*grown));
        if (grown == NULL)
            return -1;
        a->numbers = grown;
        a->cap = cap;
    }
    while (at > 0 && a->numbers[at - 1] > seq)
        at--;
    memmove(a->numbers + at + 1, a->numbers + at, (a->count - at) * sizeof(*a->numbers));
    a->numbers[at] = seq;
    a->count++;
    return 0;
}

void applied_prune(struct applied *a, uint64_t lwm)
{
    size_t gone = 0;

    while (gone < a->count && a->numbers[gone] <= lwm)
        gone++;
    if (gone > 0)
        memmove(a->numbers, a->numbers + gone, (a->count - gone) * sizeof(*a->numbers));
    a->count -= gone;
}

void applied_remove(struct applied *a, uint64_t seq)
{
    size_t at = a->count;

    while (at > 0 && a->numbers[at - 1] != seq)
        at--;
    if (at == 0)
        return;
    memmove(a->numbers + at - 1, a->numbers + at, (a->count - at) * sizeof(*a->numbers));
    a->count--;
}

void applied_encode(const struct applied *a, uint64_t lwm, struct strbuf *b)
{
    uint64_t last = lwm;

    for (size_t i = 0; i < a->count; i++) {
        if (a->numbers[i] <= last)
            continue;
        for (uint64_t left = a->numbers[i] - last;; left >>= 7) {
            strbuf_addc(b, (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
            if (left <= 0x7f)
                break;
        }
        last = a->numbers[i];
    }
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void sort_unique(struct applied *a)
{
    size_t kept = 0;

    if (a->count == 0)
        return;
    qsort(a->numbers, a->count, sizeof(*a->numbers), by_number);
    for (size_t i = 1; i < a->count; i++) {
        if (a->numbers[i] != a->numbers[kept])
            a->numbers[++kept] = a->numbers[i];
    }
    a->count = kept + 1;
}

/* One varint at *at; 0 when it is malformed (no distance is 0). */
static uint64_t varint(const unsigned char *data, size_t len, size_t *at)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < VARINT_MAX && *at < len; i++) {
        unsigned char byte = data[(*at)++];
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return v;
    }
    return 0;
}

int applied_decode(const void *data, size_t len, uint64_t lwm, struct applied *io, struct err *err)
{
    size_t at = 0;
    uint64_t number = lwm;

    while (at < len) {
        uint64_t step = varint(data, len, &at);
        if (step == 0 || __builtin_add_overflow(number, step, &number))
            return err_set(err, ERR_CONTROL_SCHEMA,
                           "a lane's list of applied transactions is damaged at byte %zu of %zu",
                           at, len);
        if (applied_add(io, number) < 0)
            return err_set(err, ERR_NOMEM, "no memory for a list of applied transactions");
    }
    sort_unique(io);
    return 0;
}

bool applied_has(const struct applied *a, uint64_t seq)
{
    return a->count > 0 && bsearch(&seq, a->numbers, a->count, sizeof(seq), by_number) != NULL;
}
