/* Equal under the collation means equal hash, or the whole index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tables.h"
#include "workers/incr/keys.h"

#include "base/banned.h"

enum outcome { SAME, DIFFERENT, WHOLE, NONE };

static enum outcome compare(enum column_kind kind, const char *charset, const char *collation,
                            unsigned prefix, struct value a, struct value b)
{
    const struct column_of column = { "k", kind, charset, collation, NULL };
    struct table *t = table_of("t", &column, 1, 1);
    struct catalog *c = catalog_of(&t, 1);
    struct plans *plans = NULL;
    struct err err = { 0 };
    struct dep_key x = { 0 }, y = { 0 };
    const struct table_plan *p;
    enum outcome got;

    t->indexes[0].prefix[0] = prefix;
    t->columns[0].binary_collation = collation != NULL && strstr(collation, "_bin") != NULL;
    assert_int_equal(plans_new(c, false, &plans, &err), 0);
    p = plans_find(plans, "d", "t");
    if (key_of_row(p, &p->keys[0], &a, &x) == 0 || key_of_row(p, &p->keys[0], &b, &y) == 0)
        got = NONE;
    else if (x.whole || y.whole)
        got = WHOLE;
    else
        got = x.hash == y.hash ? SAME : DIFFERENT;
    plans_free(plans);
    catalog_free(c);
    return got;
}

#define B(s) v_bytes((s), sizeof(s) - 1)

static void text_keys_fold_as_coarsely_as_collations_may(void **state)
{
    static const char ci[] = "utf8mb4_general_ci", bin[] = "utf8mb4_bin";
    const struct {
        const char *charset, *collation;
        unsigned prefix;
        struct value a, b;
        enum outcome expect;
    } table[] = {
        { "utf8mb4", ci, 0, B("Abc"), B("aBC"), SAME },
        { "utf8mb4", ci, 0, B("abc"), B("abd"), DIFFERENT },
        { "utf8mb4", ci, 0, B("abc  "), B("abc"), SAME },
        { "utf8mb4", ci, 0, B("j"), B("Y"), SAME },
        { "utf8mb4", ci, 0, B("W"), B("u"), SAME },
        { "utf8mb4", ci, 0, B("\xc3\xa9"), B("e"), WHOLE },
        { "utf8mb4", ci, 0, B("a\x01"), B("a"), WHOLE }, /* ignored by Unicode's collations */
        { "utf8mb4", bin, 0, B("A"), B("a"), DIFFERENT },
        { "utf8mb4", bin, 0, B("a "), B("a"), SAME },
        { "utf8mb4", bin, 0, B("\xc3\xa9"), B("\xc3\xa8"), DIFFERENT },
        { "utf8mb4", ci, 3, B("abcX"), B("abcY"), SAME },
        { "utf8mb4", ci, 3, B("abc"), B("abd"), DIFFERENT },
        { "utf8mb4", "utf8mb4_0900_ai_ci", 0, B("A"), B("a"), SAME },
        { "utf8mb4", "utf8mb4_hungarian_ci", 0, B("ccs"), B("cscs"), WHOLE },
        { "utf8mb3", "utf8_general_ci", 0, B("A"), B("a"), SAME },
        { "latin1", "latin1_swedish_ci", 0, B("A"), B("a"), SAME },
        { "latin1", "latin1_german2_ci", 0, B("A"), B("b"), WHOLE },
        { "utf16", "utf16_general_ci", 0, B("\0A"), B("\0b"), WHOLE },
        { "utf8mb4", ci, 0, v_null(), B("a"), NONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        enum outcome got = compare(CK_VARCHAR, table[i].charset, table[i].collation,
                                   table[i].prefix, table[i].a, table[i].b);
        if (got != table[i].expect)
            fail_msg("row %zu: %d instead of %d", i, (int)got, (int)table[i].expect);
    }
}

static void other_keys_compare_by_value(void **state)
{
    (void)state;
    assert_int_equal(compare(CK_INT, NULL, NULL, 0, v_int(-1), v_int(-1)), SAME);
    assert_int_equal(compare(CK_INT, NULL, NULL, 0, v_int(-1), v_int(1)), DIFFERENT);
    assert_int_equal(compare(CK_DECIMAL, NULL, NULL, 0, v_text("-0.00"), v_text("0.00")), SAME);
    assert_int_equal(compare(CK_DECIMAL, NULL, NULL, 0, v_text("-0.10"), v_text("0.10")),
                     DIFFERENT);
    assert_int_equal(compare(CK_BINARY, NULL, NULL, 0, v_bytes("a\0\0", 3), v_bytes("a", 1)), SAME);
    assert_int_equal(compare(CK_BINARY, NULL, NULL, 0, v_bytes("A", 1), v_bytes("a", 1)),
                     DIFFERENT);
    assert_int_equal(compare(CK_DOUBLE, NULL, NULL, 0,
                             (struct value){ .kind = V_DOUBLE, .d = -0.0 },
                             (struct value){ .kind = V_DOUBLE, .d = 0.0 }),
                     SAME);
}

static void tables_that_foreign_keys_connect_share_a_number(void **state)
{
    const struct column_of column = { "id", CK_INT, NULL, NULL, NULL };
    struct table *t[3] = { table_of("parent", &column, 1, 1), table_of("child", &column, 1, 1),
                           table_of("alone", &column, 1, 1) };
    struct catalog *c = catalog_of(t, 3);
    struct plans *plans = NULL;
    struct err err = { 0 };

    (void)state;
    t[1]->fk_count = 1;
    t[1]->fks = calloc(1, sizeof(*t[1]->fks));
    t[1]->fks[0].name = strdup("fk");
    t[1]->fks[0].ref_db = strdup("d");
    t[1]->fks[0].ref_table = strdup("parent");
    assert_int_equal(plans_new(c, false, &plans, &err), 0);
    assert_int_equal(plans->tables[0].shared_number, plans->tables[1].shared_number);
    assert_int_not_equal(plans->tables[0].shared_number, plans->tables[2].shared_number);
    assert_true(plans->tables[0].related && plans->tables[1].related && !plans->tables[2].related);
    assert_int_equal(plans->tables[0].child_count, 1);
    plans_free(plans);
    catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_keys_fold_as_coarsely_as_collations_may),
        cmocka_unit_test(other_keys_compare_by_value),
        cmocka_unit_test(tables_that_foreign_keys_connect_share_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
