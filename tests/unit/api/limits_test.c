#include "tests/unit/api/test.h"

#include "api/limits.h"

#include "base/banned.h"

enum { TRIES = 10000000 }; /* more than fit into the time that a test may take */

/* How often `account` is let in, one after the other. */
static int let_in(struct limits *l, const char *account)
{
    int n = 0;

    while (n < TRIES && limits_take(l, account))
        n++;
    return n;
}

static void requests(void **state)
{
    _cleanup_(limits_freep)
    struct limits *l = NULL;
    _cleanup_(limits_freep)
    struct limits *none = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(limits_new(1, 1000, &l, &err), 0);
    assert_in_range(let_in(l, "bob"), 1000, TRIES - 1);
    assert_in_range(let_in(l, "eve"), 1000, TRIES - 1); /* has a bucket of her own */
    assert_int_equal(limits_new(0, 1, &none, &err), 0);
    assert_int_equal(let_in(none, "bob"), TRIES);
}

static void refills(void **state)
{
    _cleanup_(limits_freep)
    struct limits *l = NULL;
    struct err err = { 0 };
    int n = 0;

    (void)state;
    assert_int_equal(limits_new(100, 1, &l, &err), 0);
    assert_in_range(let_in(l, "bob"), 1, TRIES - 1);
    while (n < TRIES && !limits_take(l, "bob")) /* one comes back each 10 ms */
        n++;
    assert_in_range(n, 0, TRIES - 1);
}

static void wrong_tries(void **state)
{
    _cleanup_(limits_freep)
    struct limits *l = NULL;
    struct err err = { 0 };
    int n = 0;

    (void)state;
    assert_int_equal(limits_new(0, 1, &l, &err), 0);
    while (n < 100000 && limits_may_try(l, "10.0.0.1", "bob")) {
        limits_tried(l, "10.0.0.1", "bob", false);
        n++;
    }
    assert_in_range(n, 10, 99999);
    assert_true(limits_may_try(l, "10.0.0.2", "bob"));
    assert_true(limits_may_try(l, "10.0.0.1", "eve"));
    limits_tried(l, "10.0.0.1", "bob", true);
    for (int i = 0; i < 9; i++) {
        assert_true(limits_may_try(l, "10.0.0.1", "bob"));
        limits_tried(l, "10.0.0.1", "bob", false);
    }
    assert_true(limits_may_try(l, "10.0.0.1", "bob"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(requests),
                                               cmocka_unit_test(refills),
                                               cmocka_unit_test(wrong_tries) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
