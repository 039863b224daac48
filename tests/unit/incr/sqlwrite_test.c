/* Values as literals, rows as statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tables.h"
#include "workers/incr/sqlwrite.h"

#include "base/banned.h"

enum { INSERT_MAX = 1024 * 1024 };

/* clang-format off */
static const struct column_of all_kinds[] = {
    { "i", CK_INT, NULL, NULL, NULL },
    { "dec", CK_DECIMAL, NULL, NULL, NULL },
    { "f", CK_FLOAT, NULL, NULL, NULL },
    { "u8", CK_VARCHAR, "utf8mb3", "utf8mb3_general_ci", NULL },
    { "l1", CK_CHAR, "latin1", "latin1_swedish_ci", NULL },
    { "u16", CK_TEXT, "utf16", "utf16_general_ci", NULL },
    { "bin", CK_BLOB, NULL, NULL, NULL },
    { "e", CK_ENUM, "utf8mb4", "utf8mb4_bin", "[\"a'b\",\"c\"]" },
    { "s", CK_SET, "utf8mb4", "utf8mb4_bin", "[\"x\",\"y\",\"z\"]" },
    { "dt", CK_DATETIME, NULL, NULL, NULL },
    { "j", CK_JSON, NULL, NULL, NULL },
};
/* clang-format on */

struct fixture {
    struct catalog *catalog;
    struct plans *plans;
};

static int set_up(void **state)
{
    static const struct column_of keyed[] = { { "id", CK_INT, NULL, NULL, NULL },
                                              { "a", CK_INT, NULL, NULL, NULL },
                                              { "at", CK_TIMESTAMP, NULL, NULL, NULL } };
    static const struct column_of bare[] = {
        { "a", CK_INT, NULL, NULL, NULL }, { "t", CK_VARCHAR, "latin1", "latin1_swedish_ci", NULL }
    };
    struct table *tables[3];
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = { 0 };

    tables[0] = table_of("kinds", all_kinds, ARRAY_SIZE(all_kinds), 1);
    tables[1] = table_of("keyed", keyed, ARRAY_SIZE(keyed), 1);
    tables[2] = table_of("bare", bare, ARRAY_SIZE(bare), 0);
    f->catalog = catalog_of(tables, 3);
    assert_int_equal(plans_new(f->catalog, false, &f->plans, &err), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    plans_free(f->plans);
    catalog_free(f->catalog);
    free(f);
    return 0;
}

static void literals_are_exact(void **state)
{
    const struct fixture *f = *state;
    const struct table_plan *p = plans_find(f->plans, "d", "kinds");
    const struct {
        size_t column;
        struct value v;
        const char *expect;
    } table[] = {
        { 0, v_int(INT64_MIN), "-9223372036854775808" },
        { 0, v_uint(UINT64_MAX), "18446744073709551615" },
        { 0, v_null(), "NULL" },
        { 1, v_text("-12.50"), "-12.50" },
        { 2, { .kind = V_FLOAT, .f = 0.1F }, "1.0000000149011612e-01" },
        { 2, { .kind = V_DOUBLE, .d = -0.0 }, "-0.0000000000000000e+00" },
        { 3, v_bytes("it's \xc3\xa9\\", 8), "'it\\'s \xc3\xa9\\\\'" },
        { 3, v_bytes("\xff", 1), "_utf8mb4 x'FF'" },
        { 3, v_bytes("\xed\xa0\x80", 3), "_utf8mb4 x'EDA080'" }, /* a surrogate */
        { 3, v_bytes("", 0), "''" },
        { 4, v_bytes("plain", 5), "'plain'" },
        { 4, v_bytes("\xe9", 1), "_latin1 x'E9'" },
        { 5, v_bytes("\0a", 2), "_utf16 x'0061'" },
        { 5, v_bytes("", 0), "_utf16''" },
        { 6, v_bytes("\0'\xff", 3), "_binary'\\0\\'\xff'" },
        { 7, v_uint(1), "'a\\'b'" },
        { 7, v_uint(0), "''" }, /* until the target's column is known to be an ENUM */
        { 7, v_uint(9), "9" },  /* no such label: the server refuses it */
        { 8, v_uint(5), "'x,z'" },
        { 8, v_uint(0), "''" },
        { 9, v_text("0000-00-00 00:00:00"), "'0000-00-00 00:00:00'" },
        { 10, v_text("{\"a\": \"\\\\\"}"), "'{\"a\": \"\\\\\\\\\"}'" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct strbuf b = STRBUF(1024);
        struct err err = { 0 };
        assert_int_equal(sql_literal(&b, p, table[i].column, &table[i].v, &err), 0);
        assert_string_equal(strbuf_str(&b), table[i].expect);
        strbuf_done(&b);
    }
}

static void what_has_no_literal_is_refused(void **state)
{
    const struct fixture *f = *state;
    const struct table_plan *p = plans_find(f->plans, "d", "kinds");
    struct value absent = { .kind = V_ABSENT };
    struct strbuf b = STRBUF(1024);
    struct err err = { 0 };

    assert_int_equal(sql_literal(&b, p, 0, &absent, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_ROW_IMAGE);
    strbuf_done(&b);
}

/* All statements of a transaction, one a line. */
static void check_text(const struct txn *t, const char *expect)
{
    struct strbuf b = STRBUF(64 * 1024);

    for (size_t i = 0; i < t->stmt_count; i++) {
        strbuf_add(&b, strbuf_str(&t->text) + t->stmts[i].off, t->stmts[i].len);
        strbuf_addc(&b, '\n');
    }
    assert_string_equal(strbuf_str(&b), expect);
    strbuf_done(&b);
}

static struct txn *new_txn(void)
{
    struct binlog_pos p = { .file = "b.000001", .offset = 4 };

    return txn_new(1, &p, INSERT_MAX);
}

static void inserts_of_one_table_are_one_statement(void **state)
{
    const struct fixture *f = *state;
    const struct table_plan *p = plans_find(f->plans, "d", "keyed");
    const struct value a[] = { v_int(1), v_null(), v_text("2020-01-01 00:00:00") };
    const struct value b[] = { v_int(2), v_int(3), v_null() };
    struct sqlwriter w = { 0 };
    struct row_mode m = { 0 };
    struct txn *t = new_txn();
    struct err err = { 0 };

    assert_int_equal(sqlwrite_insert(&w, t, p, &m, a, &err), 0);
    assert_int_equal(sqlwrite_insert(&w, t, p, &m, b, &err), 0);
    assert_int_equal(sqlwrite_delete(&w, t, p, &m, a, &err), 0);
    assert_int_equal(sqlwrite_insert(&w, t, p, &m, a, &err), 0);
    check_text(t,
               "INSERT INTO `d2`.`keyed` (`id`,`a`,`at`) VALUES "
               "(1,NULL,'2020-01-01 00:00:00'),(2,3,NULL)\n"
               "DELETE FROM `d2`.`keyed` WHERE `id`=1\n"
               "INSERT INTO `d2`.`keyed` (`id`,`a`,`at`) VALUES (1,NULL,'2020-01-01 00:00:00')\n");
    assert_int_equal(t->stmts[0].rows, 2);
    txn_free(t);
}

static void updates_name_what_changed_and_every_time(void **state)
{
    const struct fixture *f = *state;
    const struct table_plan *p = plans_find(f->plans, "d", "keyed");
    const struct value a[] = { v_int(1), v_null(), v_text("2020-01-01 00:00:00") };
    const struct value b[] = { v_int(9), v_null(), v_text("2020-01-01 00:00:00") };
    struct sqlwriter w = { 0 };
    struct row_mode m = { 0 }, safe = { .safe = true };
    struct txn *t = new_txn();
    struct err err = { 0 };

    assert_int_equal(sqlwrite_update(&w, t, p, &m, a, b, &err), 0);
    assert_int_equal(sqlwrite_update(&w, t, p, &m, a, a, &err), 0); /* nothing to do */
    assert_int_equal(sqlwrite_update(&w, t, p, &safe, a, b, &err), 0);
    check_text(t,
               "UPDATE `d2`.`keyed` SET `id`=9,`at`='2020-01-01 00:00:00' WHERE `id`=1\n"
               "DELETE FROM `d2`.`keyed` WHERE `id`=1\n"
               "REPLACE INTO `d2`.`keyed` (`id`,`a`,`at`) VALUES (9,NULL,'2020-01-01 00:00:00')\n");
    assert_true(t->stmts[1].any_count);
    txn_free(t);
}

static void rows_without_a_key_are_found_byte_for_byte(void **state)
{
    const struct fixture *f = *state;
    const struct table_plan *p = plans_find(f->plans, "d", "bare");
    const struct value a[] = { v_null(), v_bytes("\xe9", 1) };
    struct sqlwriter w = { 0 };
    struct row_mode m = { 0 };
    struct txn *t = new_txn();
    struct err err = { 0 };

    assert_int_equal(sqlwrite_delete(&w, t, p, &m, a, &err), 0);
    check_text(t, "DELETE FROM `d2`.`bare` WHERE `a` IS NULL AND `t`<=>_latin1 x'E9' AND "
                  "CAST(CONVERT(`t` USING latin1) AS BINARY)<=>_binary'\xe9' LIMIT 1\n");
    txn_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_exact),
        cmocka_unit_test(what_has_no_literal_is_refused),
        cmocka_unit_test(inserts_of_one_table_are_one_statement),
        cmocka_unit_test(updates_name_what_changed_and_every_time),
        cmocka_unit_test(rows_without_a_key_are_found_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
