/* When an answer about a row in conflict is the last word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/incr/unsettled.h"

#include "base/banned.h"

static const struct dep_key one = { .hash = 11, .index = 1 };
static const struct dep_key other = { .hash = 12, .index = 1 };
static const struct dep_key whole = { .index = 1, .whole = true };
static const struct dep_key elsewhere = { .hash = 11, .index = 2 };

static void an_answer_settles_what_was_left_alone(void **state)
{
    struct unsettled *u = unsettled_new();

    (void)state;
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_ASK_AGAIN);
    assert_int_equal(unsettled_put(u, &one, "a", "1.0"), 0);
    unsettled_touch(u, &other, 1);
    unsettled_touch(u, &elsewhere, 1);
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_SETTLES);
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_ASK_AGAIN);
    unsettled_free(u);
}

static void a_change_asks_again(void **state)
{
    struct unsettled *u = unsettled_new();

    (void)state;
    assert_int_equal(unsettled_put(u, &one, "a", "1.0"), 0);
    unsettled_touch(u, &one, 1);
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_ASK_AGAIN);
    assert_int_equal(unsettled_put(u, &one, "a", "2.0"), 0);
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_NOT_LAST);
    assert_int_equal(unsettled_answer(u, &one, "a", "2.0"), ANSWER_SETTLES);
    assert_int_equal(unsettled_put(u, &one, "a", "3.0"), 0);
    unsettled_touch(u, &whole, 1);
    assert_int_equal(unsettled_answer(u, &one, "a", "3.0"), ANSWER_ASK_AGAIN);
    assert_int_equal(unsettled_put(u, &whole, "b", "4.0"), 0);
    unsettled_touch(u, &other, 1);
    assert_int_equal(unsettled_answer(u, &whole, "b", "4.0"), ANSWER_ASK_AGAIN);
    unsettled_free(u);
}

static void rows_of_one_hash_are_apart(void **state)
{
    struct unsettled *u = unsettled_new();

    (void)state;
    assert_int_equal(unsettled_put(u, &one, "a", "1.0"), 0);
    assert_int_equal(unsettled_put(u, &one, "A", "1.1"), 0);
    assert_int_equal(unsettled_answer(u, &one, "A", "1.1"), ANSWER_SETTLES);
    assert_int_equal(unsettled_answer(u, &one, "a", "1.0"), ANSWER_SETTLES);
    assert_int_equal(unsettled_put(u, &one, "a", "2.0"), 0);
    unsettled_clear(u);
    assert_int_equal(unsettled_answer(u, &one, "a", "2.0"), ANSWER_ASK_AGAIN);
    unsettled_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_settles_what_was_left_alone),
        cmocka_unit_test(a_change_asks_again),
        cmocka_unit_test(rows_of_one_hash_are_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
