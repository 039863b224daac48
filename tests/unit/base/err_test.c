#include "tests/unit/base/test.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void set_keeps_code_place_and_message(void **state)
{
    struct err e = { 0 };

    (void)state;
    assert_int_equal(err_set(&e, ERR_PARAM, "field %s is %d", "port", 7), -1);
    assert_int_equal(e.code, ERR_PARAM);
    assert_string_equal(e.message, "field port is 7");
    assert_non_null(strstr(e.file, "err_test.c"));
    assert_string_equal(err_wire(e.code), "PARAM_ERROR");
    assert_true(strlen(err_advice(&e)) > 0);
}

static void newlines_never_reach_a_log_line(void **state)
{
    struct err e = { 0 };

    (void)state;
    (void)err_set(&e, ERR_PARAM, "two\nlines\tand a tab");
    assert_string_equal(e.message, "two lines and a tab");
}

static void wrap_puts_context_in_front_and_keeps_the_code(void **state)
{
    struct err e = { 0 };

    (void)state;
    (void)err_set(&e, ERR_DB_LOST, "gone");
    assert_int_equal(err_wrap(&e, "copy of %s", "shop.orders"), -1);
    assert_string_equal(e.message, "copy of shop.orders: gone");
    assert_int_equal(e.code, ERR_DB_LOST);
    assert_true(err_retryable(&e));
}

static void own_advice_wins_over_the_tables(void **state)
{
    struct err e = { 0 };

    (void)state;
    (void)err_set(&e, ERR_DB_PRIVILEGE, "no SELECT");
    (void)err_advise(&e, "GRANT SELECT ON *.* TO %s", "u");
    assert_string_equal(err_advice(&e), "GRANT SELECT ON *.* TO u");
    (void)err_set(&e, ERR_DB_PRIVILEGE, "no SELECT");
    assert_string_not_equal(err_advice(&e), "GRANT SELECT ON *.* TO u");
}

static void long_texts_are_cut_not_overrun(void **state)
{
    struct err e = { 0 };
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&e, ERR_PARAM, "%s", text);
    (void)err_wrap(&e, "%s", text);
    assert_int_equal(strlen(e.message) < sizeof(e.message), 1);
}

static void sys_adds_errno(void **state)
{
    struct err e = { 0 };

    (void)state;
    errno = ENOENT;
    (void)err_set_sys(&e, ERR_IO, "open x");
    assert_int_equal(e.sys_errno, ENOENT);
    assert_non_null(strstr(e.message, "No such file"));
}

static void every_code_comes_back_from_its_symbol(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ERR_MAX_; i++) {
        enum err_code c = (enum err_code)i;
        assert_int_equal(err_from_wire(err_wire(c), err_symbol(c)), c);
        assert_true(strlen(err_wire(c)) > 0);
    }
    assert_int_equal(err_from_wire("GHANA-PROJECT000001", NULL), ERR_PROJECT_NOT_FOUND);
    assert_int_equal(err_from_wire("no such", "no such"), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_keeps_code_place_and_message),
        cmocka_unit_test(newlines_never_reach_a_log_line),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_code),
        cmocka_unit_test(own_advice_wins_over_the_tables),
        cmocka_unit_test(long_texts_are_cut_not_overrun),
        cmocka_unit_test(sys_adds_errno),
        cmocka_unit_test(every_code_comes_back_from_its_symbol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
