#include "store/db.h"
#include "store/event.h"
#include "store/verify.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

#define STEP "FULL_VERIFIER"

static void start_project(struct store *st, const char *id)
{
    struct err err = { 0 };

    assert_int_equal(store_project_move(st, id, PS_INIT, PS_RUNNING, "started", &err), 1);
}

static void begin(struct store *st, const char *id, char run_id[static ID_MAX])
{
    const struct verify_ask ask = { .step = STEP, .place = 1, .user = "ann" };
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    struct err err = { 0 };

    assert_int_equal(store_verify_begin(st, id, &ask, &err), 1);
    assert_ok(store_verify_run(st, id, &run, &err));
    assert_int_equal(run.state, VS_OPEN);
    (void)snprintf(run_id, ID_MAX, "%s", run.id);
}

static struct json_object *row(const char *id)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "id", id);
    json_add_str(o, "type", "MISMATCHED");
    json_add(o, "key", json_object_new_array());
    json_add(o, "details", json_object_new_array());
    json_add_str(o, "keyHex", "00");
    json_add_bool(o, "cut", false);
    return o;
}

/* `rows` differing rows from number `from` on. */
static void tell(struct store *st, const char *id, const char *run, const char *table, bool drop,
                 const char *status, const char *result, int from, int rows)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct err err = { 0 };

    for (int i = 0; i < rows; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%08d", from + i);
        json_object_array_add(list, row(name));
    }
    json_add_str(o, "db", "shop");
    json_add_str(o, "table", table);
    json_add_str(o, "targetDb", "shop2");
    json_add_str(o, "targetTable", table);
    json_add_bool(o, "begin", drop);
    json_add_str(o, "status", status);
    json_add_str(o, "resultType", result);
    json_add_i64(o, "mismatched", from + rows);
    json_add_i64(o, "consistent", 5);
    json_add(o, "rows", list);
    assert_ok(store_verify_table(st, id, run, o, &err));
}

static struct json_object *tables(struct store *st, const char *id)
{
    const struct verify_filter all = { .page = { .number = 1, .size = 150 } };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_verify_list(st, id, &all, &list, &total, &err));
    return list;
}

static int64_t rows_of(struct store *st, const char *id)
{
    const struct verify_rows all = { .page = { .number = 1, .size = 1 } };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_verify_rows(st, id, &all, &list, &total, &err));
    json_putp(&list);
    return total;
}

static void a_table_keeps_a_bounded_number_of_rows(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX], run[ID_MAX];
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    begin(f->store, id, run);
    tell(f->store, id, run, "t", true, "RUNNING", "RUNNING", 0, VERIFY_ROWS_PER_TABLE);
    tell(f->store, id, run, "t", false, "RUNNING", "RUNNING", 0, 10); /* told again */
    list = tables(f->store, id);
    assert_false(json_get_bool(json_at(list, 0), "rowsCut", true));
    assert_int_equal(rows_of(f->store, id), VERIFY_ROWS_PER_TABLE);
    tell(f->store, id, run, "t", false, "FINISHED", "INCONSISTENT", VERIFY_ROWS_PER_TABLE, 1);
    json_putp(&list);
    list = tables(f->store, id);
    assert_true(json_get_bool(json_at(list, 0), "rowsCut", false));
    assert_int_equal(json_get_i64(json_at(list, 0), "rowsKept", 0), VERIFY_ROWS_PER_TABLE);
    assert_int_equal(json_get_i64(json_at(list, 0), "mismatched", 0), VERIFY_ROWS_PER_TABLE + 1);
    tell(f->store, id, run, "t", true, "RUNNING", "RUNNING", 0, 2); /* from the beginning */
    assert_int_equal(rows_of(f->store, id), 2);
}

static void what_differs_is_counted(void **state)
{
    static const struct {
        const char *table, *status, *result;
        int rows;
        bool different;
    } cases[] = {
        { "a", "FINISHED", "CONSISTENT", 0, false },
        { "b", "FINISHED", "BOTH_EMPTY", 0, false },
        { "c", "FINISHED", "INCONSISTENT", 1, true },
        { "d", "ERROR", "RUNTIME_EXCEPTION", 0, true },
        { "e", "FINISHED", "SCHEMA_MISMATCH", 0, true },
        { "f", "RUNNING", "RUNNING", 0, false },
        { "g", "RUNNING", "RUNNING", 1, true },
        { "h", "FINISHED", "NOT_CATEGORIZED", 0, true },
    };
    struct fixture *f = *state;
    struct verify_counts c = { 0 };
    int64_t expected = 0;
    char id[ID_MAX], run[ID_MAX];
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    begin(f->store, id, run);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        tell(f->store, id, run, cases[i].table, true, cases[i].status, cases[i].result, 0,
             cases[i].rows);
        expected += cases[i].different;
        assert_ok(store_verify_count(f->store, id, NULL, &c, &err));
        if (c.different != expected)
            fail_msg("%s: %lld different instead of %lld", cases[i].table, (long long)c.different,
                     (long long)expected);
    }
    assert_int_equal(c.tables, 8);
    assert_int_equal(c.done, 6);
    assert_int_equal(c.consistent, 2);
}

static void words_of_an_older_run_are_not_stored(void **state)
{
    const struct verify_end done = { .step = STEP, .state = VS_DONE };
    struct fixture *f = *state;
    char id[ID_MAX], first[ID_MAX], second[ID_MAX];
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    begin(f->store, id, first);
    tell(f->store, id, first, "t", true, "FINISHED", "INCONSISTENT", 0, 3);
    assert_int_equal(store_verify_end(f->store, id, &done, &err), 1);
    assert_int_equal(store_verify_end(f->store, id, &done, &err), 0);
    begin(f->store, id, second);
    assert_string_not_equal(first, second);
    assert_int_equal(rows_of(f->store, id), 0);
    tell(f->store, id, first, "t", false, "FINISHED", "INCONSISTENT", 0, 3);
    assert_int_equal(rows_of(f->store, id), 0);
}

static void only_open_rows_are_corrected_and_not_beside_a_run(void **state)
{
    const struct verify_end done = { .step = STEP, .state = VS_DONE };
    const struct verify_rows all = { 0 }, other = { .table = "u" };
    const struct verify_ask ask = { .step = STEP, .place = 1, .user = "ann" };
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    _cleanup_(json_putp)
    struct json_object *told = json_object_new_object();
    char id[ID_MAX], run[ID_MAX];
    int64_t upto = 0;
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    begin(f->store, id, run);
    tell(f->store, id, run, "t", true, "FINISHED", "INCONSISTENT", 0, 3);
    assert_err(store_verify_apply(f->store, id, &all, "ann", &err), ERR_STATE);
    assert_int_equal(store_verify_end(f->store, id, &done, &err), 1);
    assert_int_equal(store_verify_apply(f->store, id, &other, "ann", &err), 0);
    assert_int_equal(store_verify_apply(f->store, id, &all, "ann", &err), 3);
    assert_int_equal(store_verify_apply(f->store, id, &all, "ann", &err), 0);
    assert_int_equal(store_verify_begin(f->store, id, &ask, &err), 0);
    assert_ok(store_verify_mend_rows(f->store, id, 2, &rows, &upto, &err));
    assert_int_equal(json_len(rows), 2);
    assert_string_equal(json_get_str(json_at(rows, 0), "keyHex", ""), "00");
    json_add_str(told, "db", "shop");
    json_add_str(told, "table", "t");
    json_add_str(told, "id", "00000000");
    json_add_str(told, "state", "EQUAL");
    json_add_str(told, "message", "");
    assert_ok(store_verify_mended(f->store, id, told, &err));
    assert_ok(store_verify_mend_end(f->store, id, upto, NULL, &err));
    json_putp(&rows);
    assert_ok(store_verify_mend_rows(f->store, id, 10, &rows, &upto, &err));
    assert_int_equal(json_len(rows), 1); /* the third was not given out yet */
    assert_ok(store_verify_mend_end(f->store, id, upto, NULL, &err));
    assert_int_equal(store_verify_begin(f->store, id, &ask, &err), 1);
}

static void tables_that_it_can_not_have_are_known(void **state)
{
    const struct verify_end done = { .step = STEP, .state = VS_DONE };
    static const char names[] =
        "[{\"db\":\"shop\",\"table\":\"t\"},{\"db\":\"shop\",\"table\":\"x\"}]";
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *asked = NULL;
    _cleanup_(json_putp)
    struct json_object *unknown = NULL;
    char id[ID_MAX], run[ID_MAX];
    struct err err = { 0 };

    assert_ok(json_parse(names, strlen(names), 8, &asked, &err));
    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    assert_ok(store_verify_unknown(f->store, id, asked, &unknown, &err));
    assert_int_equal(json_len(unknown), 0); /* nothing is known yet */
    json_putp(&unknown);
    begin(f->store, id, run);
    tell(f->store, id, run, "t", true, "FINISHED", "CONSISTENT", 0, 0);
    assert_int_equal(store_verify_end(f->store, id, &done, &err), 1);
    assert_ok(store_verify_unknown(f->store, id, asked, &unknown, &err));
    assert_int_equal(json_len(unknown), 1);
    assert_int_equal(json_object_get_int64(json_at(unknown, 0)), 1);
}

static void results_go_with_the_project(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], run[ID_MAX];
    struct err err = { 0 };

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    start_project(f->store, id);
    begin(f->store, id, run);
    tell(f->store, id, run, "t", true, "FINISHED", "INCONSISTENT", 0, 3);
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_RELEASED, "x", &err), 1);
    assert_int_equal(rows_of(f->store, id), 3); /* a record of it */
    assert_int_equal(store_project_move(f->store, id, PS_RELEASED, PS_DELETED, "x", &err), 1);
    assert_int_equal(rows_of(f->store, id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_keeps_a_bounded_number_of_rows),
        TEST(what_differs_is_counted),
        TEST(words_of_an_older_run_are_not_stored),
        TEST(only_open_rows_are_corrected_and_not_beside_a_run),
        TEST(tables_that_it_can_not_have_are_known),
        TEST(results_go_with_the_project),
    };
    return cmocka_run_group_tests_name("store_verify", tests, NULL, NULL);
}
