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

static void reads_what_it_writes_and_nothing_else(void **state)
{
    static const char *const wrong[] = { "",
                                         "2026-11-20T23:42:12",
                                         "2026-11-20 23:42:12Z",
                                         "2026-02-30T00:00:00Z",
                                         "2026-11-20T24:00:00Z",
                                         "2026-11-20T23:42:60Z",
                                         "2026-11-20T23:42:12z",
                                         "2026-11-20T23:42:12ZZ",
                                         "-026-11-20T23:42:12Z",
                                         "2026-11-2 T23:42:12Z" };
    int64_t at;

    (void)state;
    assert_true(clock_parse("2026-11-20T23:42:12Z", &at));
    assert_int_equal(at, 1795218132);
    assert_true(clock_parse("2024-02-29T00:00:00Z", &at));
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_false(clock_parse(wrong[i], &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_are_utc),
                                        cmocka_unit_test(reads_what_it_writes_and_nothing_else) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
