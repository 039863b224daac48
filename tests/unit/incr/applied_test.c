/* The encoded list of applied numbers: round trips, limits, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/incr/applied.h"
#include "workers/incr/lane.h"
#include "workers/mysql/control.h"

#include "base/banned.h"

static void round_trip(const uint64_t *numbers, size_t count, uint64_t lwm)
{
    struct applied a = { 0 }, b = { 0 };
    struct strbuf text = STRBUF(64 * 1024);
    struct err err = { 0 };
    size_t above = 0;

    for (size_t i = 0; i < count; i++)
        assert_int_equal(applied_add(&a, numbers[i]), 0);
    applied_encode(&a, lwm, &text);
    assert_int_equal(applied_decode(strbuf_str(&text), text.len, lwm, &b, &err), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(applied_has(&b, numbers[i]), numbers[i] > lwm);
        above += numbers[i] > lwm;
    }
    assert_int_equal(b.count, above);
    strbuf_done(&text);
    applied_done(&a);
    applied_done(&b);
}

static void lists_survive_encoding(void **state)
{
    static const uint64_t few[] = { 5, 6, 7, 200, 100000, UINT64_MAX - 1, UINT64_MAX };

    (void)state;
    round_trip(few, ARRAY_SIZE(few), 4);
    round_trip(few, ARRAY_SIZE(few), 7);
    round_trip(few, ARRAY_SIZE(few), UINT64_MAX);
    round_trip(few, 0, 0);
}

/* A lane's worst case must fit the column of its row. */
static void the_longest_list_fits_the_row(void **state)
{
    struct applied a = { 0 };
    struct strbuf text = STRBUF(64 * 1024);
    uint64_t step = POOL_WINDOW / APPLIED_MAX;

    (void)state;
    for (uint64_t i = 0; i < APPLIED_MAX; i++)
        assert_int_equal(applied_add(&a, 1000 + (i + 1) * step), 0);
    applied_encode(&a, 1000, &text);
    assert_true(text.len <= CONTROL_APPLIED_MAX);
    strbuf_reset(&text);
    /* few numbers far away: two bytes each at most */
    a.count = 0;
    for (uint64_t i = 0; i < 60; i++)
        assert_int_equal(applied_add(&a, 1000 + (i + 1) * 136), 0);
    applied_encode(&a, 1000, &text);
    assert_int_equal(text.len, 120);
    strbuf_done(&text);
    applied_done(&a);
}

/* A lane that had applied 20 before a restart may be given 15 after it. */
static void numbers_find_their_place(void **state)
{
    static const uint64_t given[] = { 20, 15, 30, 17 };

    (void)state;
    round_trip(given, ARRAY_SIZE(given), 10);
    round_trip(given, ARRAY_SIZE(given), 16);
}

static void numbers_are_taken_back(void **state)
{
    struct applied a = { 0 };

    (void)state;
    assert_int_equal(applied_add(&a, 5), 0);
    assert_int_equal(applied_add(&a, 3), 0);
    assert_int_equal(applied_add(&a, 9), 0);
    applied_remove(&a, 5);
    applied_remove(&a, 4);
    assert_int_equal(a.count, 2);
    assert_true(applied_has(&a, 3) && applied_has(&a, 9));
    applied_done(&a);
}

static void damage_is_an_error(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\x80", 1 }, /* cut */
        { "\x00", 1 }, /* no distance */
        { "\x01\x00", 2 },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* too long */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 11 }, /* past the last number */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct applied a = { 0 };
        struct err err = { 0 };
        assert_int_equal(applied_decode(bad[i].bytes, bad[i].len, 1, &a, &err), -1);
        assert_int_equal(err.code, ERR_CONTROL_SCHEMA);
        applied_done(&a);
    }
}

static void several_lanes_are_merged(void **state)
{
    struct applied a = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(applied_decode("\x02\x02", 2, 10, &a, &err), 0); /* 12 14 */
    assert_int_equal(applied_decode("\x01\x03", 2, 10, &a, &err), 0); /* 11 14 */
    assert_int_equal(a.count, 3);
    applied_prune(&a, 11);
    assert_int_equal(a.count, 2);
    assert_true(applied_has(&a, 12) && applied_has(&a, 14) && !applied_has(&a, 13));
    applied_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_survive_encoding),   cmocka_unit_test(the_longest_list_fits_the_row),
        cmocka_unit_test(numbers_find_their_place), cmocka_unit_test(numbers_are_taken_back),
        cmocka_unit_test(damage_is_an_error),       cmocka_unit_test(several_lanes_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
