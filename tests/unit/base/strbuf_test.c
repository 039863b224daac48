#include "tests/unit/base/test.h"

#include <string.h>

#include "base/strbuf.h"

static void grows_and_stays_terminated(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(1 << 20);

    (void)state;
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&b, "%d,", i);
    assert_true(strbuf_ok(&b));
    assert_int_equal(strlen(b.data), b.len);
    assert_memory_equal(b.data, "0,1,2,", 6);
}

static void passing_the_maximum_sticks(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(4);
    struct err err = { 0 };
    char *text = NULL;

    (void)state;
    strbuf_adds(&b, "abcd");
    assert_true(strbuf_ok(&b));
    strbuf_addc(&b, 'e');
    assert_false(strbuf_ok(&b));
    strbuf_truncate(&b, 0);
    strbuf_adds(&b, "x");
    assert_int_equal(strbuf_take(&b, &text, &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
    assert_null(text);
}

static void numbers_and_hex(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(1024);

    (void)state;
    strbuf_addi(&b, INT64_MIN);
    strbuf_addc(&b, ' ');
    strbuf_addu(&b, UINT64_MAX);
    strbuf_addc(&b, ' ');
    strbuf_addu(&b, 0);
    strbuf_addc(&b, ' ');
    strbuf_add_hex(&b, "\x00\xff\x5a", 3);
    assert_string_equal(b.data, "-9223372036854775808 18446744073709551615 0 00FF5A");
}

static void taking_an_empty_buffer_gives_an_empty_text(void **state)
{
    struct strbuf b = STRBUF(10);
    struct err err = { 0 };
    char *text = NULL;

    (void)state;
    assert_int_equal(strbuf_take(&b, &text, &err), 0);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(passing_the_maximum_sticks),
        cmocka_unit_test(numbers_and_hex),
        cmocka_unit_test(taking_an_empty_buffer_gives_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
