/* The throttle holds what it promises, follows a changed limit, and lets a stop through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "workers/throttle.h"

struct fixture {
    struct report *report;
    struct throttle *throttle;
    int daemon_fd;
};

static int setup(void **state)
{
    static struct fixture f;
    struct chan *c = NULL;
    struct err err = { 0 };
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(chan_new(fds[0], &c, &err), 0);
    assert_int_equal(report_new(c, &f.report, &err), 0);
    f.throttle = throttle_new(f.report);
    f.daemon_fd = fds[1];
    assert_non_null(f.throttle);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    throttle_free(f->throttle);
    report_free(f->report);
    (void)close(f->daemon_fd);
    return 0;
}

static int64_t taking(struct fixture *f, unsigned times, uint64_t rows, uint64_t bytes)
{
    int64_t start = clock_mono_ms();

    for (unsigned i = 0; i < times; i++)
        throttle_take(f->throttle, rows, bytes);
    return clock_mono_ms() - start;
}

static void without_a_limit_nobody_waits(void **state)
{
    struct fixture *f = *state;

    assert_true(taking(f, 1000, 1000 * 1000, 1000 * 1000) < 500);
    assert_false(throttle_active(f->throttle));
}

static void rows_are_held_to_their_limit(void **state)
{
    struct fixture *f = *state;
    int64_t ms;

    report_set_throttle(f->report, 1000, 0);
    ms = taking(f, 10, 100, 1 << 30); /* 1000 rows at 1000 a second, less the burst */
    assert_true(ms >= 700);
    assert_true(throttle_active(f->throttle));
}

static void bytes_are_held_to_theirs(void **state)
{
    struct fixture *f = *state;

    report_set_throttle(f->report, 0, 100 * 1000);
    assert_true(taking(f, 10, 1, 10 * 1000) >= 700);
}

static void a_lifted_limit_ends_the_wait(void **state)
{
    struct fixture *f = *state;

    report_set_throttle(f->report, 1, 0);
    throttle_take(f->throttle, 0, 0);
    report_set_throttle(f->report, 0, 0);
    assert_true(taking(f, 1, 1000, 0) < 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_limit_nobody_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_are_held_to_their_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_are_held_to_theirs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lifted_limit_ends_the_wait, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
