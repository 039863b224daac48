#include "tests/unit/base/test.h"

#include "base/num.h"

static void whole_text_or_nothing(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        { "0", true, 0 },
        { "-1", true, -1 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "1 ", false, 0 },
        { " 1", false, 0 },
        { "+1", false, 0 },
        { "0x1", false, 0 },
        { "1e3", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t v = 42;
        assert_int_equal(num_parse_i64(cases[i].text, INT64_MIN, INT64_MAX, &v), cases[i].good);
        assert_int_equal(v, cases[i].good ? cases[i].value : 42);
    }
    assert_false(num_parse_i64("5", 6, 9, &(int64_t){ 0 }));
    assert_false(num_parse_i64(NULL, 6, 9, &(int64_t){ 0 }));
}

static void cursor_never_passes_the_end(void **state)
{
    const uint8_t data[] = { 1, 2, 3 };
    struct cursor c = cursor_of(data, sizeof(data));

    (void)state;
    assert_int_equal(cursor_le(&c, 2), 0x0201);
    assert_false(c.bad);
    assert_int_equal(cursor_le(&c, 2), 0);
    assert_true(c.bad);
    assert_null(cursor_bytes(&c, 1)); /* sticks */
}

static void lenenc_forms(void **state)
{
    const uint8_t data[] = { 0xfa, 0xfc, 0x34, 0x12, 0xfd, 1, 2, 3,    0xfe,
                             1,    0,    0,    0,    0,    0, 0, 0x80, 0xfb };
    struct cursor c = cursor_of(data, sizeof(data));

    (void)state;
    assert_int_equal(cursor_lenenc(&c), 0xfa);
    assert_int_equal(cursor_lenenc(&c), 0x1234);
    assert_int_equal(cursor_lenenc(&c), 0x030201);
    assert_true(cursor_lenenc(&c) == 0x8000000000000001ULL);
    (void)cursor_lenenc(&c);
    assert_true(c.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_text_or_nothing),
        cmocka_unit_test(cursor_never_passes_the_end),
        cmocka_unit_test(lenenc_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
