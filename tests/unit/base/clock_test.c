#include "tests/unit/base/test.h"

#include "base/clock.h"

static void texts_are_utc(void **state)
{
    char text[CLOCK_TEXT_LEN];

    (void)state;
    assert_string_equal(clock_text(1689278248, text), "2023-07-13T19:57:28");
    assert_string_equal(clock_text_ms(1689278248007, text), "2023-07-13T19:57:28.007Z");
    assert_true(clock_mono_us() <= clock_mono_us());
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_are_utc) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
