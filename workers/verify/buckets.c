/* Sums by bucket of a hash, of both ends, and which of them differ. */
#include <inttypes.h>

#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    GROUP_ROWS = 250 * 1000, /* looked at one by one at a time: one more pass for each such group */
    GROUP_BUCKETS = 20 * 1000,
};

uint32_t buckets_mask(uint64_t rows, uint64_t each, uint32_t most)
{
    uint32_t mask = 15;

    while (mask < most && (uint64_t)mask * each < rows)
        mask = mask << 1 | 1;
    return mask;
}

int buckets_new(struct buckets *b, uint32_t mask, struct err *err)
{
    size_t room = (size_t)mask + 1;
    struct bucket *sums = calloc(room * END_MAX_, sizeof(*sums));

    *b = (struct buckets){ .mask = mask, .sums = { sums, sums != NULL ? sums + room : NULL } };
    return sums == NULL ? err_set(err, ERR_NOMEM, "no memory for %zu sums", room) : 0;
}

void buckets_done(struct buckets *b)
{
    free(b->sums[END_SOURCE]); /* one block holds both */
    *b = (struct buckets){ 0 };
}

int buckets_add(struct buckets *b, enum end end, struct result *r, uint64_t *ret_rows,
                struct err *err)
{
    int got;

    *ret_rows = 0;
    while ((got = result_next(r, err)) == 1) {
        uint64_t at = result_u64(r, 0, UINT64_MAX);

        if (at > b->mask)
            return err_set(err, ERR_DB_QUERY, "a server gave bucket %" PRIu64 " of %" PRIu32, at,
                           b->mask);
        *ret_rows += result_u64(r, 1, 0);
        b->sums[end][at].count += result_u64(r, 1, 0);
        b->sums[end][at].sum ^= result_u64(r, 2, 0);
    }
    return got;
}

bool buckets_differ(const struct buckets *b, size_t i)
{
    const struct bucket *x = &b->sums[END_SOURCE][i], *y = &b->sums[END_SINK][i];

    return x->count != y->count || x->sum != y->sum;
}

int buckets_each_group(const struct buckets *b, buckets_fn *fn, void *ctx, struct err *err)
{
    size_t room = (size_t)b->mask + 1, count = 0;
    _cleanup_(freep)
    uint32_t *group = calloc(MIN(room, (size_t)GROUP_BUCKETS), sizeof(*group));
    uint64_t rows = 0;
    int rc = 0;

    if (group == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu buckets", room);
    for (size_t i = 0; i < room && rc == 0; i++) {
        if (!buckets_differ(b, i))
            continue;
        group[count++] = (uint32_t)i;
        rows += MAX(b->sums[END_SOURCE][i].count, b->sums[END_SINK][i].count);
        if (rows < GROUP_ROWS && count < GROUP_BUCKETS)
            continue;
        rc = fn(ctx, group, count, err);
        count = 0;
        rows = 0;
    }
    return rc == 0 && count > 0 ? fn(ctx, group, count, err) : rc;
}
