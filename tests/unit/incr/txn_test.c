/* Savepoints within a transaction that is held in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/incr/txn.h"

#include "base/banned.h"

static void add(struct txn *t, const char *sql, bool rolls_back)
{
    struct stmt s = { .kind = STMT_CHANGE, .own_tables = rolls_back };
    struct err err = { 0 };

    assert_int_equal(txn_stmt_begin(t, &s, &err), 0);
    strbuf_adds(&t->text, sql);
    assert_int_equal(txn_stmt_end(t, &err), 0);
}

static void check(const struct txn *t, const char *expect)
{
    struct strbuf b = STRBUF(4096);

    for (size_t i = 0; i < t->stmt_count; i++)
        strbuf_add(&b, strbuf_str(&t->text) + t->stmts[i].off, t->stmts[i].len);
    assert_string_equal(strbuf_str(&b), expect);
    strbuf_done(&b);
}

static void rollback_takes_back_what_rolls_back(void **state)
{
    struct binlog_pos p = { .file = "b.000001", .offset = 4 };
    struct txn *t = txn_new(1, &p, 1000);
    struct err err = { 0 };

    (void)state;
    add(t, "a", true);
    assert_int_equal(txn_savepoint(t, "One", &err), 0);
    add(t, "b", true);
    assert_int_equal(txn_savepoint(t, "two", &err), 0);
    add(t, "c", false); /* MyISAM */
    add(t, "d", true);
    assert_int_equal(txn_rollback_to(t, "TWO"), 1);
    check(t, "abc");
    add(t, "e", true);
    assert_int_equal(txn_rollback_to(t, "one"), 1);
    check(t, "ac");
    assert_int_equal(txn_rollback_to(t, "two"), 0); /* gone with the rollback before it */
    assert_int_equal(txn_rollback_to(t, "one"), 1); /* stays */
    add(t, "f", true);
    txn_rollback(t);
    check(t, "c");
    txn_free(t);
}

static void inserts_do_not_grow_across_a_savepoint(void **state)
{
    struct binlog_pos p = { .file = "b.000001", .offset = 4 };
    struct txn *t = txn_new(1, &p, 1000);
    struct stmt s = { .kind = STMT_INSERT, .rows = 1 };
    struct err err = { 0 };

    (void)state;
    assert_false(txn_insert_goes_on(t, &s));
    assert_int_equal(txn_stmt_begin(t, &s, &err), 0);
    assert_int_equal(txn_stmt_end(t, &err), 0);
    assert_true(txn_insert_goes_on(t, &s));
    assert_int_equal(txn_savepoint(t, "a", &err), 0);
    assert_false(txn_insert_goes_on(t, &s));
    txn_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rollback_takes_back_what_rolls_back),
        cmocka_unit_test(inserts_do_not_grow_across_a_savepoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
