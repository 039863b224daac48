#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "flow/restart.h"

#include "base/banned.h"

static void delays_double_up_to_ten_seconds(void **state)
{
    static const int expected[] = { 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
    struct restart r = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        assert_int_equal(restart_delay(&r), expected[i]);
    restart_progressed(&r);
    assert_int_equal(restart_delay(&r), 200);
}

static void five_deaths_in_two_minutes_are_too_many(void **state)
{
    struct restart r = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_false(restart_too_often(&r, 1000 + i * 30000));
    assert_true(restart_too_often(&r, 1000 + 120000));
}

static void deaths_far_apart_are_not(void **state)
{
    struct restart r = { 0 };

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_false(restart_too_often(&r, 1000 + i * 31000));
    assert_true(restart_too_often(&r, 1000 + 49 * 31000 + 1)); /* the fifth within 94 s */
}

static void endings_are_told_apart(void **state)
{
    /* a wait status: the signal, or the exit status shifted by eight bits */
    static const struct {
        int status;
        bool own;
    } cases[] = {
        { 0 << 8, true },  { 1 << 8, true },         { 3 << 8, true },   { SIGSEGV, true },
        { SIGABRT, true }, { SIGBUS, true },         { SIGFPE, true },   { SIGILL, true },
        { SIGSYS, true },  { SIGKILL, false },       { SIGTERM, false }, { SIGINT, false },
        { SIGHUP, false }, { SIGSEGV | 0x80, true }, /* with a core */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(restart_own_making(cases[i].status), cases[i].own);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_ten_seconds),
        cmocka_unit_test(five_deaths_in_two_minutes_are_too_many),
        cmocka_unit_test(deaths_far_apart_are_not),
        cmocka_unit_test(endings_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
