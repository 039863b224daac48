#include "tests/unit/base/test.h"

#include <string.h>

#include "base/utf8.h"

static void knows_characters(void **state)
{
    static const char *const good[] = { "",
                                        "a\n~",
                                        "\xc3\xa9",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xe4\xb8\xad\xe6\x96\x87",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80",
                                       "\xc0\x80",         /* overlong */
                                       "\xe0\x9f\xbf",     /* overlong */
                                       "\xf0\x8f\xbf\xbf", /* overlong */
                                       "\xed\xa0\x80",     /* a surrogate */
                                       "\xf4\x90\x80\x80", /* beyond U+10FFFF */
                                       "\xf5\x80\x80\x80",
                                       "a\xc3",
                                       "\xe4\xb8",
                                       "\xc3(" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_valid("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(knows_characters) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
