/* Folded statements leave the rows that the plain ones would, and say how many they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/incr/tables.h"
#include "workers/incr/fold.h"
#include "workers/incr/sqlwrite.h"

#include "base/banned.h"

enum { COLUMNS = 4, KEYS = 6, ROUNDS = 3000, CHANGES = 24 };

/* A row of the table (id, a, b, c), and whether it is there. */
struct row {
    bool there;
    int64_t v[COLUMNS];
    bool old; /* not inserted in this round: what only the target has of it is still there */
};

struct world {
    struct plans *plans;
    struct catalog *catalog;
    struct table_plan *plan;
    struct row rows[KEYS]; /* as the statements leave it */
    size_t statements;
    bool inserted;
};

static struct world *world_new(void)
{
    static const struct column_of columns[] = {
        { "id", CK_INT, NULL, NULL, NULL },
        { "a", CK_INT, NULL, NULL, NULL },
        { "b", CK_INT, NULL, NULL, NULL },
        { "c", CK_VARCHAR, "utf8mb4", "utf8mb4_bin", NULL },
    };
    struct table *t = table_of("t", columns, COLUMNS, 1);
    struct world *w = calloc(1, sizeof(*w));
    struct err err = { 0 };

    assert_non_null(w);
    w->catalog = catalog_of(&t, 1);
    assert_int_equal(plans_new(w->catalog, false, &w->plans, &err), 0);
    w->plan = &w->plans->tables[0];
    assert_true(w->plan->folds);
    return w;
}

static void world_free(struct world *w)
{
    plans_free(w->plans);
    catalog_free(w->catalog);
    free(w);
}

static void values_of(const struct row *r, struct value ret[static COLUMNS], char text[static 32])
{
    for (size_t c = 0; c + 1 < COLUMNS; c++)
        ret[c] = v_int(r->v[c]);
    (void)snprintf(text, 32, "%d", (int)r->v[COLUMNS - 1]);
    ret[COLUMNS - 1] = v_text(text);
}

static void change(struct world *w, struct txn *t, const struct row *before,
                   const struct row *after)
{
    static const struct row_mode plain = { 0 };
    static const struct sqlwriter writer = { 0 };
    struct value was[COLUMNS], is[COLUMNS];
    char old_text[32], new_text[32];
    struct err err = { 0 };

    values_of(before, was, old_text);
    values_of(after, is, new_text);
    if (!before->there)
        assert_int_equal(sqlwrite_insert(&writer, t, w->plan, &plain, is, &err), 0);
    else if (!after->there)
        assert_int_equal(sqlwrite_delete(&writer, t, w->plan, &plain, was, &err), 0);
    else
        assert_int_equal(sqlwrite_update(&writer, t, w->plan, &plain, was, is, &err), 0);
}

/* ---- a server for these statements ---- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* The next number, quoted or not, at or behind *at. */
static int64_t number(const char **at)
{
    char *end;
    long long n;

    *at += strcspn(*at, "-0123456789");
    n = strtoll(*at, &end, 10);
    assert_ptr_not_equal(*at, end);
    *at = end;
    return n;
}

static struct row *row_of(struct world *w, int64_t id)
{
    assert_true(id >= 0 && id < KEYS);
    return &w->rows[id];
}

static size_t column_named(const char *name)
{
    static const char *const names[] = { "id", "a", "b", "c" };

    for (size_t c = 0; c < COLUMNS; c++) {
        if (strncmp(name, names[c], strlen(names[c])) == 0 && name[strlen(names[c])] == '`')
            return c;
    }
    fail_msg("no column %s", name);
    return 0;
}

static uint32_t run_insert(struct world *w, const char *s)
{
    uint32_t n = 0;

    w->inserted = true;
    for (s = strstr(s, "VALUES ") + 7; *s == '(' || *s == ','; n++) {
        int64_t id = number(&s);
        struct row *r = row_of(w, id);
        assert_false(r->there);
        r->there = true;
        r->old = false;
        r->v[0] = id;
        for (size_t c = 1; c < COLUMNS; c++)
            r->v[c] = number(&s);
        s = strchr(s, ')') + 1;
    }
    return n;
}

/* `x`=1,`y`=2 WHERE `id`=3; returns the rows it found. */
static uint32_t run_one(struct world *w, const char *s, bool update)
{
    const char *where = strstr(s, " WHERE `id`=") + strlen(" WHERE `id`=");
    struct row *r = row_of(w, number(&where));

    if (!r->there)
        return 0;
    assert_string_equal(where, "");
    if (!update) {
        r->there = false;
        return 1;
    }
    for (s = strstr(s, " SET ") + 5; begins(s, "`"); s++) {
        size_t c = column_named(s + 1);
        s = strchr(s, '=');
        r->v[c] = number(&s);
        s += *s == '\'';
        if (*s != ',')
            break;
    }
    return 1;
}

static uint32_t run_list(struct world *w, const char *s, bool update)
{
    const char *set = strstr(s, " SET "), *end = strstr(s, ") v STRAIGHT_JOIN `d2`.`t` t ");
    size_t columns[COLUMNS], count = 0;
    int64_t values[COLUMNS];
    uint32_t found = 0;

    assert_non_null(end);
    assert_true(begins(end, ") v STRAIGHT_JOIN `d2`.`t` t FORCE INDEX (PRIMARY) ON t.`id`=v.c0"));
    assert_true(update == (set != NULL));
    for (s = strstr(s, "(SELECT ") + 8; begins(s, " UNION") == false; s++) {
        values[count] = number(&s);
        s = strstr(s, " c") + 2;
        columns[count++] = (size_t)number(&s);
        if (*s != ',')
            break;
    }
    for (;;) {
        struct row *r = row_of(w, values[0]);
        assert_int_equal(columns[0], 0);
        found += r->there;
        for (size_t i = 1; i < count; i++) {
            char item[32];
            (void)snprintf(item, sizeof(item), "`=v.c%zu", columns[i]);
            assert_non_null(strstr(set, item));
            r->v[columns[i]] = values[i];
        }
        r->there = r->there && update;
        s = strchr(s, '(');
        if (s == NULL || s > end)
            return found;
        for (size_t i = 0; i < count; i++)
            values[i] = number(&s);
    }
}

static int run(void *ctx, const struct folded *f, struct err *err)
{
    struct world *w = ctx;
    char *s = strndup(f->text, f->len);
    bool update = begins(s, "UPDATE");
    uint32_t found;

    (void)err;
    assert_non_null(s);
    w->statements++;
    if (begins(s, "INSERT INTO `d2`.`t` "))
        found = run_insert(w, s);
    else if (begins(s, "UPDATE (") || begins(s, "DELETE t FROM ("))
        found = run_list(w, s, update);
    else
        found = run_one(w, s, update);
    assert_int_equal(f->kind, begins(s, "INSERT") ? STMT_INSERT : STMT_CHANGE);
    assert_int_equal(found, f->rows);
    free(s);
    return 0;
}

static void feed(struct world *w, struct folder *f, const struct txn *t)
{
    struct err err = { 0 };

    for (size_t i = 0; i < t->stmt_count; i++) {
        const struct stmt *s = &t->stmts[i];
        assert_true(s->folds);
        for (size_t n = 0; n < s->rows; n++) {
            int got = fold_row(f, t, s, n, &err);
            if (got == 0) {
                assert_int_equal(fold_take(f, w->plan, run, w, &err), 0);
                got = fold_row(f, t, s, n, &err);
            }
            assert_int_equal(got, 1);
        }
    }
}

/* A random change of the row, in place. */
static void next_state(struct row *r, int64_t id)
{
    if (!r->there || rand() % 3 == 0) {
        r->there = !r->there;
        r->old = false;
        r->v[0] = id;
        for (size_t c = 1; c < COLUMNS; c++)
            r->v[c] = r->there ? rand() % 5 : r->v[c];
        return;
    }
    for (size_t c = 1; c < COLUMNS; c++)
        r->v[c] = rand() % 3 == 0 ? rand() % 5 : r->v[c];
}

static void random_batches(enum fold_lists lists)
{
    static const struct binlog_pos nowhere = { .file = "b.000001", .offset = 4 };
    struct folder *f = fold_new(lists, 100000);
    struct world *w = world_new();
    struct row rows[KEYS] = { 0 };

    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        struct txn *txns[3];
        struct err err = { 0 };
        fold_reset(f);
        for (size_t i = 0; i < KEYS; i++)
            rows[i].old = w->rows[i].old = true;
        for (size_t i = 0; i < ARRAY_SIZE(txns); i++) {
            txns[i] = txn_new((uint64_t)i + 1, &nowhere, 100000);
            for (int n = rand() % CHANGES; n > 0; n--) {
                int64_t id = rand() % KEYS;
                struct row before = rows[id];
                next_state(&rows[id], id);
                change(w, txns[i], &before, &rows[id]);
            }
            feed(w, f, txns[i]);
        }
        assert_int_equal(fold_take(f, NULL, run, w, &err), 0);
        for (size_t i = 0; i < KEYS; i++) {
            assert_int_equal(w->rows[i].there, rows[i].there);
            assert_true(!rows[i].there || w->rows[i].old == rows[i].old);
            for (size_t c = 0; rows[i].there && c < COLUMNS; c++)
                assert_int_equal(w->rows[i].v[c], rows[i].v[c]);
        }
        for (size_t i = 0; i < ARRAY_SIZE(txns); i++)
            txn_free(txns[i]);
    }
    assert_true(w->inserted);
    fold_free(f);
    world_free(w);
}

static void random_changes_end_as_they_are_told(void **state)
{
    (void)state;
    random_batches(FOLD_ROWS);
    random_batches(FOLD_VALUES);
    random_batches(FOLD_VALUES_ROW);
}

/* Changes of rows 0 … n-1, each from there to `after`. */
static size_t statements_of(enum fold_lists lists, size_t n, bool twice, struct row after)
{
    static const struct binlog_pos nowhere = { .file = "b.000001", .offset = 4 };
    struct folder *f = fold_new(lists, 100000);
    struct world *w = world_new();
    struct txn *t = txn_new(1, &nowhere, 100000);
    struct err err = { 0 };
    size_t got;

    for (size_t i = 0; i < n; i++) {
        struct row before = { .there = true, .v = { (int64_t)i, 100, 100, 100 } };
        struct row between = before, to = after;
        w->rows[i] = before;
        between.v[2] = 50;
        to.v[0] = (int64_t)i;
        if (twice)
            change(w, t, &before, &between);
        change(w, t, twice ? &between : &before, &to);
    }
    feed(w, f, t);
    assert_int_equal(fold_take(f, NULL, run, w, &err), 0);
    got = w->statements;
    assert_int_equal(fold_take(f, NULL, run, w, &err), 0); /* nothing twice */
    assert_int_equal(w->statements, got);
    txn_free(t);
    fold_free(f);
    world_free(w);
    return got;
}

static void rows_of_a_kind_are_one_statement(void **state)
{
    const struct row gone = { .there = false, .v = { 0 } },
                     changed = { .there = true, .v = { 0, 100, 7, 100 } };

    (void)state;
    assert_int_equal(statements_of(FOLD_VALUES, 5, false, changed), 1);
    assert_int_equal(statements_of(FOLD_VALUES, 5, true, changed), 1);
    assert_int_equal(statements_of(FOLD_VALUES_ROW, 5, true, gone), 1);
    assert_int_equal(statements_of(FOLD_ROWS, 5, true, gone), 5);
}

/* Each of these must be seen by the server, or a conflict would go unseen. */
static void an_insert_is_not_hidden_by_its_delete(void **state)
{
    static const struct binlog_pos nowhere = { .file = "b.000001", .offset = 4 };
    const struct row gone = { .there = false, .v = { 1, 0, 0, 0 } },
                     there = { .there = true, .v = { 1, 2, 3, 4 } };
    struct folder *f = fold_new(FOLD_VALUES, 100000);
    struct world *w = world_new();
    struct txn *t = txn_new(1, &nowhere, 100000);
    struct err err = { 0 };

    (void)state;
    change(w, t, &gone, &there);
    change(w, t, &there, &gone);
    feed(w, f, t);
    assert_int_equal(w->statements, 1);
    assert_int_equal(fold_take(f, NULL, run, w, &err), 0);
    assert_int_equal(w->statements, 2);
    txn_free(t);
    fold_free(f);
    world_free(w);
}

static void what_does_not_fold_is_said(void **state)
{
    static const struct binlog_pos nowhere = { .file = "b.000001", .offset = 4 };
    static const struct sqlwriter writer = { 0 };
    struct world *w = world_new();
    struct value was[COLUMNS], is[COLUMNS];
    char a[32], b[32];
    struct err err = { 0 };

    (void)state;
    values_of(&(struct row){ .there = true, .v = { 1, 2, 3, 4 } }, was, a);
    values_of(&(struct row){ .there = true, .v = { 2, 2, 3, 4 } }, is, b);
    for (int i = 0; i < 4; i++) {
        const struct row_mode m = { .safe = i == 1, .loose = i == 2, .row_check = i == 3 };
        struct txn *t = txn_new(1, &nowhere, 100000);
        assert_int_equal(sqlwrite_update(&writer, t, w->plan, &m, was, is, &err), 0);
        for (size_t s = 0; s < t->stmt_count; s++)
            assert_false(t->stmts[s].folds); /* another key, safe mode, ROW detection */
        txn_free(t);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_end_as_they_are_told),
        cmocka_unit_test(rows_of_a_kind_are_one_statement),
        cmocka_unit_test(an_insert_is_not_hidden_by_its_delete),
        cmocka_unit_test(what_does_not_fold_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
