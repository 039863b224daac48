/* Chunk bounds: what they are made of, how they are kept, the WHERE they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/mysql/bounds.h"

enum { SQL_MAX = 4096 };

static struct column columns[] = {
    { .name = (char *)(uintptr_t) "id", .kind = CK_INT },
    { .name = (char *)(uintptr_t) "na`me",
      .kind = CK_VARCHAR,
      .charset = (char *)(uintptr_t) "latin1",
      .collation = (char *)(uintptr_t) "latin1_bin" },
    { .name = (char *)(uintptr_t) "at", .kind = CK_DATETIME },
    { .name = (char *)(uintptr_t) "raw", .kind = CK_VARBINARY },
    { .name = (char *)(uintptr_t) "kind", .kind = CK_ENUM },
    { .name = (char *)(uintptr_t) "amount", .kind = CK_DECIMAL },
    { .name = (char *)(uintptr_t) "maybe", .kind = CK_INT, .nullable = true },
};

static struct table table_of(struct index *key, unsigned *positions, unsigned *prefix, size_t count)
{
    *key = (struct index){ .name = (char *)(uintptr_t) "PRIMARY",
                           .unique = true,
                           .column_count = count,
                           .columns = positions,
                           .prefix = prefix };
    return (struct table){ .columns = columns,
                           .column_count = ARRAY_SIZE(columns),
                           .indexes = key,
                           .index_count = 1,
                           .key = 0 };
}

static void only_the_comparable_leading_columns_are_used(void **state)
{
    static const struct {
        unsigned key[4];
        unsigned prefix[4];
        size_t count;
        unsigned expected;
    } cases[] = {
        { { 0 }, { 0 }, 1, 1 },
        { { 0, 1, 2 }, { 0, 0, 0 }, 3, 3 },
        { { 0, 4, 2 }, { 0, 0, 0 }, 3, 1 }, /* an ENUM ends it */
        { { 4, 0 }, { 0, 0 }, 2, 0 },       /* … or prevents it */
        { { 0, 1 }, { 0, 10 }, 2, 1 },      /* a prefix of a column is no value of it */
        { { 0, 6 }, { 0, 0 }, 2, 1 },       /* NULL compares with nothing */
        { { 3, 5 }, { 0, 0 }, 2, 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned positions[4], prefix[4];
        struct index key;
        struct table t;
        struct key_plan plan;

        memcpy(positions, cases[i].key, sizeof(positions));
        memcpy(prefix, cases[i].prefix, sizeof(prefix));
        t = table_of(&key, positions, prefix, cases[i].count);
        key_plan_of(&t, &plan);
        assert_int_equal(plan.count, cases[i].expected);
    }
}

static void a_table_without_a_key_has_no_plan(void **state)
{
    struct table t = { .key = -1 };
    struct key_plan plan;

    (void)state;
    key_plan_of(&t, &plan);
    assert_int_equal(plan.count, 0);
}

static struct bound bound(unsigned count, const char *const *values, const unsigned long *lengths)
{
    struct bound b = { 0 };
    struct err err = { 0 };

    assert_int_equal(bound_of_row(&b, (char *const *)(uintptr_t)values, lengths, count, &err), 0);
    return b;
}

static void assert_where(const struct key_plan *k, const struct bound *lo, const struct bound *hi,
                         const char *expected)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);

    assert_int_equal(bounds_where(&sql, k, lo, hi), expected[0] != '\0');
    assert_string_equal(strbuf_str(&sql), expected);
}

static void bounds_become_conditions_an_index_can_use(void **state)
{
    const char *const values[] = { "17", "\xe4'", "2026-01-31 12:00:00" };
    const unsigned long lengths[] = { 2, 2, 19 };
    struct key_plan k = { .columns = { &columns[0], &columns[1], &columns[2] }, .count = 3 };
    struct bound none = { 0 }, b = bound(3, values, lengths);

    (void)state;
    assert_where(&k, &none, &none, "");
    assert_where(&k, &b, &none,
                 "((`id` > 17) OR (`id` = 17 AND `na``me` > _latin1 x'E427' COLLATE latin1_bin)"
                 " OR (`id` = 17 AND `na``me` = _latin1 x'E427' COLLATE latin1_bin"
                 " AND `at` > '2026-01-31 12:00:00'))");
    k.count = 1;
    bound_done(&b);
    b = bound(1, values, lengths);
    assert_where(&k, &b, &b, "((`id` > 17)) AND ((`id` <= 17))");
    assert_where(&k, &none, &b, "((`id` <= 17))");
    bound_done(&b);
}

static void the_upper_side_is_closed_in_its_last_column_only(void **state)
{
    const char *const values[] = { "-1.50", "\0x" };
    const unsigned long lengths[] = { 5, 2 };
    struct key_plan k = { .columns = { &columns[5], &columns[3] }, .count = 2 };
    struct bound none = { 0 }, b = bound(2, values, lengths);

    (void)state;
    assert_where(&k, &none, &b, "((`amount` < -1.50) OR (`amount` = -1.50 AND `raw` <= x'0078'))");
    bound_done(&b);
}

static void what_is_no_number_never_goes_bare(void **state)
{
    const char *const values[] = { "1 OR 1=1" };
    const unsigned long lengths[] = { 8 };
    struct key_plan k = { .columns = { &columns[0] }, .count = 1 };
    struct bound none = { 0 }, b = bound(1, values, lengths);

    (void)state;
    assert_where(&k, &b, &none, "((`id` > '1 OR 1=1'))");
    bound_done(&b);
}

static void stored_bounds_are_checked(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        unsigned columns;
        int expected;
    } cases[] = {
        { "\1\0\0\0a", 5, 1, 0 },
        { "\0\0\0\0", 4, 1, 0 },
        { "\1\0\0\0a\2\0\0\0bc", 11, 2, 0 },
        { "\1\0\0\0a", 5, 2, -1 },  /* a column is missing */
        { "\1\0\0\0ab", 6, 1, -1 }, /* something is left */
        { "\xff\xff\xff\xff"
          "a",
          5, 1, -1 }, /* longer than there is */
        { "\1\0", 2, 1, -1 },
        { "", 0, 1, -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bound b = { 0 };
        struct err err = { 0 };

        assert_int_equal(bound_set(&b, cases[i].data, cases[i].len, cases[i].columns, &err),
                         cases[i].expected);
        if (cases[i].expected < 0)
            assert_int_equal(err.code, ERR_CONTROL_SCHEMA);
        bound_done(&b);
    }
}

static void a_null_in_a_key_is_refused(void **state)
{
    const char *const values[] = { NULL };
    const unsigned long lengths[] = { 0 };
    struct bound b = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(bound_of_row(&b, (char *const *)(uintptr_t)values, lengths, 1, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_comparable_leading_columns_are_used),
        cmocka_unit_test(a_table_without_a_key_has_no_plan),
        cmocka_unit_test(bounds_become_conditions_an_index_can_use),
        cmocka_unit_test(the_upper_side_is_closed_in_its_last_column_only),
        cmocka_unit_test(what_is_no_number_never_goes_bare),
        cmocka_unit_test(stored_bounds_are_checked),
        cmocka_unit_test(a_null_in_a_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
