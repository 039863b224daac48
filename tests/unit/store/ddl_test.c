#include "store/db.h"
#include "store/ddl.h"
#include "store/event.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void put(struct store *st, const char *project_id, const char *id, const char *status,
                const char *sql)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    struct json_object *objects = json_object_new_array();
    struct err err = { 0 };

    json_object_array_add(objects, json_object_new_string("shop.t"));
    json_add_str(o, "id", id);
    json_add_i64(o, "timestamp", 1700000000);
    json_add_str(o, "kind", "ALTER_TABLE");
    json_add(o, "objects", objects);
    json_add_str(o, "sql", sql);
    json_add_str(o, "status", status);
    json_add_str(o, "message", "told");
    assert_ok(store_ddl_put(st, project_id, o, &err));
}

/* A page of rows; the caller's. */
static struct json_object *listed(struct store *st, const char *project_id, bool all,
                                  int64_t *ret_total)
{
    static const struct page page = { .number = 1, .size = 150 };
    struct json_object *list = NULL;
    struct err err = { 0 };

    assert_ok(store_ddl_list(st, project_id, all, &page, &list, ret_total, &err));
    return list;
}

static void statements_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *pending = NULL;
    _cleanup_(json_putp)
    struct json_object *all = NULL;
    struct json_object *row;
    int64_t total = 0;
    char id[ID_MAX], other[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(add_project(f->store, "admin", "q", other, &err));
    put(f->store, id, "b.1:4", "APPLIED", "ALTER TABLE t ADD a INT");
    put(f->store, id, "b.1:9", "PENDING", "ALTER TABLE t ADD b INT");
    put(f->store, other, "b.1:9", "APPLIED", "DROP TABLE u"); /* the same id elsewhere */
    pending = listed(f->store, id, false, &total);
    assert_int_equal(total, 1);
    row = json_at(pending, 0);
    assert_string_equal(json_get_str(row, "id", ""), "b.1:9");
    assert_string_equal(json_get_str(row, "status", ""), "PENDING");
    assert_string_equal(json_get_str(row, "kind", ""), "ALTER_TABLE");
    assert_string_equal(json_at_str(json_get_array(row, "objects"), 0), "shop.t");
    assert_string_equal(json_get_str(row, "sql", ""), "ALTER TABLE t ADD b INT");
    assert_int_equal(json_len(json_get_array(row, "targetSql")), 0);
    assert_int_equal(json_get_i64(row, "timestamp", 0), 1700000000);
    assert_true(json_get_i64(row, "createdAt", 0) > 0);
    assert_null(json_get(row, "decision"));
    all = listed(f->store, id, true, &total);
    assert_int_equal(total, 2);
    assert_string_equal(json_get_str(json_at(all, 0), "id", ""), "b.1:9");
    assert_string_equal(json_get_str(json_at(all, 1), "id", ""), "b.1:4");
}

static void a_statement_told_again_replaces_its_row(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *all = NULL;
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    int64_t total = 0;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, "b.1:4", "PENDING", "ALTER TABLE t ADD a INT");
    put(f->store, id, "b.1:4", "APPLIED", "ALTER TABLE t ADD a INT");
    all = listed(f->store, id, true, &total);
    assert_int_equal(total, 1);
    assert_string_equal(json_get_str(json_at(all, 0), "status", ""), "APPLIED");
    json_add_str(o, "id", "b.1:4");
    json_add_str(o, "status", "APPLIED");
    assert_err(store_ddl_put(f->store, "np_no", o, &err), ERR_PROJECT_NOT_FOUND);
}

static void a_decision_is_kept_with_who_and_when(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    struct json_object *decision;
    int64_t total = 0;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, "b.1:4", "PENDING", "ALTER TABLE t ADD a INT");
    assert_ok(store_ddl_decide(f->store, id, "b.1:4", NULL, "eve", &err));
    assert_ok(store_ddl_decide(f->store, id, "b.1:4", "ALTER TABLE t2 ADD a INT", "ann", &err));
    list = listed(f->store, id, false, &total); /* until the worker has passed it */
    decision = json_get(json_at(list, 0), "decision");
    assert_string_equal(json_get_str(decision, "action", ""), "REPLACE");
    assert_string_equal(json_get_str(decision, "sql", ""), "ALTER TABLE t2 ADD a INT");
    assert_string_equal(json_get_str(decision, "user", ""), "ann");
    assert_true(json_get_i64(decision, "time", 0) > 1700000000);
    assert_ok(store_event_list(f->store, id, 0, 10, &events, NULL, &err));
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "ddl_decided");
    assert_non_null(
        strstr(json_get_str(json_at(events, 0), "message", ""), "ann: statement b.1:4"));
    assert_non_null(strstr(json_get_str(json_at(events, 0), "message", ""), "ALTER TABLE t2"));
    assert_non_null(strstr(json_get_str(json_at(events, 1), "message", ""), "eve"));
    assert_non_null(strstr(json_get_str(json_at(events, 1), "message", ""), "is skipped"));
}

static void only_what_is_pending_can_be_decided(void **state)
{
    static const char *const done[] = { "APPLIED", "TRACKED", "SKIPPED", "REPLACED", "LEFT" };
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], other[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(add_project(f->store, "admin", "q", other, &err));
    for (size_t i = 0; i < ARRAY_SIZE(done); i++) {
        put(f->store, id, "b.1:4", done[i], "DROP TABLE t");
        assert_err(store_ddl_decide(f->store, id, "b.1:4", NULL, "ann", &err), ERR_STATE);
        assert_non_null(strstr(err.message, done[i]));
    }
    put(f->store, id, "b.1:4", "PENDING", "DROP TABLE t");
    assert_err(store_ddl_decide(f->store, id, "b.1:5", NULL, "ann", &err), ERR_PARAM);
    assert_err(store_ddl_decide(f->store, other, "b.1:4", NULL, "ann", &err), ERR_PARAM);
    assert_err(store_ddl_decide(f->store, "np_no", "b.1:4", NULL, "ann", &err), ERR_PARAM);
}

static void a_worker_gets_the_decisions(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct json_object *first, *second;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, "b.1:4", "PENDING", "DROP TABLE t");
    assert_ok(store_ddl_decide(f->store, id, "b.1:4", NULL, "ann", &err));
    put(f->store, id, "b.1:4", "SKIPPED", "DROP TABLE t"); /* it may still meet it again */
    put(f->store, id, "b.1:9", "PENDING", "DROP TABLE u");
    assert_ok(store_ddl_decide(f->store, id, "b.1:9", "DROP TABLE v", "ann", &err));
    put(f->store, id, "b.1:9", "PENDING", "DROP TABLE u"); /* the replacement failed, too */
    put(f->store, id, "b.2:4", "PENDING", "DROP TABLE x");
    assert_ok(store_ddl_decisions(f->store, id, &list, &err));
    assert_int_equal(json_len(list), 2);
    first = json_at(list, 0);
    second = json_at(list, 1);
    assert_string_equal(json_get_str(first, "id", ""), "b.1:9");
    assert_string_equal(json_get_str(first, "action", ""), "REPLACE");
    assert_string_equal(json_get_str(first, "statement", ""), "DROP TABLE u");
    assert_string_equal(json_get_str(first, "sql", ""), "DROP TABLE v");
    assert_string_equal(json_get_str(second, "action", ""), "SKIP");
    assert_null(json_get(second, "sql"));
}

static void a_decision_on_another_statement_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    put(f->store, id, "b.1:4", "PENDING", "DROP TABLE t");
    assert_ok(store_ddl_decide(f->store, id, "b.1:4", NULL, "ann", &err));
    put(f->store, id, "b.1:4", "PENDING", "DROP TABLE u"); /* after a failover, say */
    assert_ok(store_ddl_decisions(f->store, id, &list, &err));
    assert_int_equal(json_len(list), 0);
}

static int64_t one_number(struct fixture *f, const char *sql)
{
    _cleanup_(db_closep)
    struct db *h = NULL;
    _cleanup_(query_done)
    struct query q = { 0 };
    struct err err = { 0 };
    int64_t v;

    assert_ok(db_open(f->path, &h, &err));
    assert_ok(query_open(&q, h, sql, &err));
    assert_int_equal(query_step(&q, &err), 1);
    v = query_get_i64(&q, 0);
    query_done(&q);
    return v;
}

static void statements_are_bounded_but_pending_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct db *h = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(db_open(f->path, &h, &err));
    assert_ok(db_exec(h,
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 10100) INSERT INTO ddl (project_id, id, status, kind, sql,"
                      " ran_at, created_at, modified_at) SELECT project.id, 'b:' || i,"
                      " iif(i = 7, 'PENDING', 'APPLIED'), 'OTHER', 'x', 0, 0, 0 FROM n, project",
                      &err));
    db_close(h);
    put(f->store, id, "b.2:4", "APPLIED", "DROP TABLE t");
    assert_int_equal(one_number(f, "SELECT COUNT(*) FROM ddl"), DDL_PER_PROJECT + 1);
    assert_int_equal(one_number(f, "SELECT COUNT(*) FROM ddl WHERE id = 'b:7'"), 1);
    assert_int_equal(one_number(f, "SELECT COUNT(*) FROM ddl WHERE id = 'b.2:4'"), 1);
    assert_int_equal(one_number(f, "SELECT COUNT(*) FROM ddl WHERE id = 'b:8'"), 0);
    assert_int_equal(one_number(f, "SELECT COUNT(*) FROM ddl WHERE id = 'b:10100'"), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(statements_are_listed_newest_first),
        TEST(a_statement_told_again_replaces_its_row),
        TEST(a_decision_is_kept_with_who_and_when),
        TEST(only_what_is_pending_can_be_decided),
        TEST(a_worker_gets_the_decisions),
        TEST(a_decision_on_another_statement_is_dropped),
        TEST(statements_are_bounded_but_pending_ones_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
