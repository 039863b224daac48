/* The dependency tracker, against a model that remembers everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/incr/depend.h"

#include "base/banned.h"

enum { TXNS = 4000, KEYS_MAX = 4, INDEXES = 3, VALUES = 40, LANES = 4 };

static bool conflict(const struct dep_key *a, const struct dep_key *b)
{
    return a->index == b->index && (a->whole || b->whole || a->hash == b->hash);
}

static void add_one(struct depend *d, uint64_t hash, uint32_t index, bool whole, uint64_t seq,
                    unsigned lane)
{
    struct dep_key k = { hash, index, whole };

    assert_int_equal(depend_add(d, &k, 1, seq, lane), 0);
}

static void same_key_waits_for_its_last_holder(void **state)
{
    struct depend *d = depend_new(2, 3);
    struct dep_key k = { 7, 0, false }, other = { 7, 1, false };
    struct dep_wait w;

    (void)state;
    add_one(d, 7, 0, false, 1, 0);
    add_one(d, 7, 0, false, 2, 2);
    depend_find(d, &k, 1, &w);
    assert_int_equal(w.need[0], 0);
    assert_int_equal(w.need[2], 2);
    depend_done(d, 2, 2);
    depend_find(d, &k, 1, &w);
    assert_int_equal(w.need[2], 0);
    depend_find(d, &other, 1, &w);
    assert_int_equal(w.need[2], 0);
    depend_free(d);
}

static void whole_index_excludes_every_value(void **state)
{
    struct depend *d = depend_new(2, 3);
    struct dep_key whole = { 0, 0, true }, value = { 9, 0, false };
    struct dep_wait w;

    (void)state;
    add_one(d, 1, 0, false, 1, 0);
    add_one(d, 2, 0, false, 2, 1);
    depend_find(d, &whole, 1, &w);
    assert_int_equal(w.need[0], 1);
    assert_int_equal(w.need[1], 2);
    assert_int_equal(depend_add(d, &whole, 1, 3, 2), 0);
    depend_find(d, &value, 1, &w);
    assert_int_equal(w.need[2], 3);
    depend_free(d);
}

struct model_txn {
    struct dep_key keys[KEYS_MAX];
    size_t count;
    unsigned lane;
    bool committed;
};

/*
 * Random transactions, assigned as the coordinator does and committed in random order as the lanes
 * may: whenever one commits, every earlier one that it conflicts with must have been committed.
 */
static void random_runs_keep_every_order(void **state)
{
    static struct model_txn all[TXNS + 1];
    static struct dep_wait waits[TXNS + 1];
    struct depend *d = depend_new(INDEXES, LANES);
    uint64_t done[LANES] = { 0 }, given = 0, parallel = 0;
    size_t committed = 0;

    (void)state;
    srand(12345);
    while (committed < TXNS) {
        if (given < TXNS && (rand() % 2 == 0 || committed == given)) {
            struct model_txn *t = &all[++given];
            t->count = (size_t)(rand() % KEYS_MAX) + 1;
            for (size_t i = 0; i < t->count; i++) {
                uint32_t index = (uint32_t)(rand() % INDEXES);
                t->keys[i] = (struct dep_key){ (uint64_t)index * 1000 + (uint64_t)(rand() % VALUES),
                                               index, rand() % 50 == 0 };
            }
            depend_find(d, t->keys, t->count, &waits[given]);
            t->lane = (unsigned)(rand() % LANES);
            assert_int_equal(depend_add(d, t->keys, t->count, given, t->lane), 0);
            continue;
        }
        /* one lane tries its next one */
        unsigned lane = (unsigned)(rand() % LANES);
        uint64_t seq = done[lane] + 1;
        bool may = true;
        while (seq <= given && all[seq].lane != lane)
            seq++;
        if (seq > given)
            continue;
        for (unsigned i = 0; i < LANES; i++)
            may = may && (i == lane || waits[seq].need[i] <= done[i]);
        if (!may)
            continue;
        for (uint64_t before = 1; before < seq; before++) {
            parallel += !all[before].committed;
            if (all[before].committed)
                continue;
            for (size_t a = 0; a < all[seq].count; a++) {
                for (size_t b = 0; b < all[before].count; b++)
                    assert_false(conflict(&all[seq].keys[a], &all[before].keys[b]));
            }
        }
        all[seq].committed = true;
        done[lane] = seq;
        depend_done(d, lane, seq);
        committed++;
    }
    assert_true(parallel > 0); /* the test would be empty if nothing had been out of order */
    depend_free(d);
}

static void what_is_committed_is_forgotten(void **state)
{
    struct depend *d = depend_new(1, 1);

    (void)state;
    for (uint64_t seq = 1; seq <= 1000000; seq++) {
        add_one(d, seq * 0x9e3779b97f4a7c15ULL, 0, false, seq, 0);
        if (seq % 100 == 0)
            depend_done(d, 0, seq);
    }
    assert_true(depend_size(d) < 10000);
    depend_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_key_waits_for_its_last_holder),
        cmocka_unit_test(whole_index_excludes_every_value),
        cmocka_unit_test(random_runs_keep_every_order),
        cmocka_unit_test(what_is_committed_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
