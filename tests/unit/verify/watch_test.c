/* The keys that the continuous check has still to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/verify/watch_priv.h"

#include "base/banned.h"

enum { ROOM = 100 };

static struct watch_key key_of(unsigned table, unsigned n, int64_t due)
{
    struct watch_key k = { .due_ms = due, .table = table, .len = sizeof(n) };

    memcpy(k.key, &n, sizeof(n));
    return k;
}

static struct watch_queue *queue(void)
{
    struct watch_queue *q = NULL;
    struct err err = { 0 };

    assert_int_equal(watch_queue_new(ROOM, &q, &err), 0);
    return q;
}

static bool put(struct watch_queue *q, unsigned table, unsigned n, int64_t due)
{
    const struct watch_key k = key_of(table, n, due);

    return watch_queue_put(q, &k);
}

static void test_due(void **state)
{
    struct watch_queue *q = queue();
    struct watch_key got[ROOM];

    (void)state;
    assert_true(put(q, 2, 1, 10));
    assert_true(put(q, 1, 2, 20));
    assert_true(put(q, 2, 3, 30));
    assert_int_equal(watch_queue_take(q, 9, got, ROOM), 0);
    assert_int_equal(watch_queue_take(q, 25, got, ROOM), 2);
    assert_int_equal(got[0].table, 1); /* grouped */
    assert_int_equal(got[1].table, 2);
    assert_int_equal(watch_queue_count(q), 1);
    assert_int_equal(watch_queue_take(q, 30, got, 0), 0);
    assert_int_equal(watch_queue_take(q, 30, got, ROOM), 1);
    assert_int_equal(got[0].due_ms, 30);
    watch_queue_free(q);
}

static void test_once(void **state)
{
    struct watch_queue *q = queue();
    struct watch_key got[ROOM];

    (void)state;
    assert_true(put(q, 1, 7, 10));
    assert_true(put(q, 1, 7, 20));
    assert_true(put(q, 2, 7, 20)); /* of another table */
    assert_int_equal(watch_queue_count(q), 2);
    assert_int_equal(watch_queue_take(q, 20, got, ROOM), 2);
    assert_true(put(q, 1, 7, 30)); /* it was looked at: a new change counts anew */
    assert_int_equal(watch_queue_count(q), 1);
    watch_queue_free(q);
}

static void test_full(void **state)
{
    struct watch_queue *q = queue();
    struct watch_key got[ROOM];

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned n = 0; n < ROOM; n++)
            assert_true(put(q, 1, n, 10));
        assert_false(put(q, 1, ROOM, 10));
        assert_true(put(q, 1, 5, 10)); /* waits already */
        assert_int_equal(watch_queue_take(q, 10, got, 30), 30);
        assert_int_equal(watch_queue_take(q, 10, got, ROOM), ROOM - 30);
        assert_int_equal(watch_queue_count(q), 0);
    }
    watch_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
