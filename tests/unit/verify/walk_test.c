/* Pieces of a table: how their bounds move, how many buckets there are, what the statements say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/verify/verify_priv.h"

enum { PIECES_MAX = 1000 };

static struct column id = { .name = (char *)(uintptr_t) "id", .kind = CK_INT };
static struct column uid = { .name = (char *)(uintptr_t) "id",
                             .kind = CK_INT,
                             .is_unsigned = true };

static struct walk numbers(struct column *c, uint64_t at, uint64_t max, uint64_t step)
{
    struct walk w = {
        .by_number = true, .at = at, .max = max, .step = step, .want = 1000, .rows_all = 1000
    };

    w.plan.columns[0] = c;
    w.plan.count = 1;
    return w;
}

static const char *text_of(const struct bound *b, char *buf, size_t size)
{
    assert_true(b->len >= 4 && b->len - 4 < size);
    memcpy(buf, b->data + 4, b->len - 4);
    buf[b->len - 4] = '\0';
    return buf;
}

/* All pieces up to the last; the upper bound of the last but one. */
static size_t walk_all(struct walk *w, char *ret, size_t size)
{
    struct bound hi = { 0 };
    struct err err = { 0 };
    size_t n = 0;

    while (walk_next(w, NULL, &hi, &err) == 1) {
        n++;
        assert_true(n < PIECES_MAX);
        if (hi.data != NULL)
            (void)text_of(&hi, ret, size);
        walk_took(w, 0, 1000, 250000);
    }
    assert_int_equal(err.code, ERR_NONE);
    bound_done(&hi);
    walk_done(w);
    return n;
}

static void pieces_cover_all_numbers_and_end_open(void **state)
{
    const uint64_t zero = UINT64_C(1) << 63; /* of a signed column, biased */
    char last[32] = "";
    struct walk w = numbers(&id, zero - 11, zero + 100, 10);
    struct bound hi = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(walk_next(&w, NULL, &hi, &err), 1);
    assert_string_equal(text_of(&hi, last, sizeof(last)), "-1");
    bound_done(&hi);
    assert_true(walk_all(&w, last, sizeof(last)) >= 1);
    assert_true(w.ended);
    assert_true(atoi(last) < 100);
}

static void steps_grow_over_gaps_without_overflow(void **state)
{
    char last[32] = "";
    struct walk w = numbers(&uid, 0, UINT64_MAX, 1);
    struct walk s = numbers(&id, 0, UINT64_MAX, 1);

    (void)state;
    /* 64 bits in steps that grow eightfold: some 22 pieces, and never a bound that goes back */
    assert_in_range(walk_all(&w, last, sizeof(last)), 5, 40);
    assert_in_range(walk_all(&s, last, sizeof(last)), 5, 40);
}

static void pieces_follow_the_time_they_take(void **state)
{
    struct walk w = numbers(&uid, 0, 1000000, 1000);

    (void)state;
    walk_took(&w, 1000, 500000, 250000); /* twice as long as wanted */
    assert_int_equal(w.want, 500);
    assert_int_equal(w.step, 500);
    walk_took(&w, 500, 1000, 250000); /* much faster: four times at most */
    assert_int_equal(w.want, 2000);
    assert_in_range(walk_share(&w), 1, 999);
}

static void masks_are_powers_of_two_less_one(void **state)
{
    (void)state;
    assert_int_equal(buckets_mask(0, 64, 1023), 15);
    assert_int_equal(buckets_mask(10000, 64, 1023), 255);
    assert_int_equal(buckets_mask(UINT64_MAX / 2, 64, 1023), 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_cover_all_numbers_and_end_open),
        cmocka_unit_test(steps_grow_over_gaps_without_overflow),
        cmocka_unit_test(pieces_follow_the_time_they_take),
        cmocka_unit_test(masks_are_powers_of_two_less_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
