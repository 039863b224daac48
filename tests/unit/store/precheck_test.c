#include "base/clock.h"
#include "store/db.h"
#include "store/precheck.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void add_item(struct store *st, const char *id, const char *type, const char *end,
                     const char *status)
{
    _cleanup_(json_putp)
    struct json_object *item = json_object_new_object();
    struct err err = { 0 };

    json_add_str(item, "checkType", type);
    json_add_str(item, "endpointType", end);
    json_add_str(item, "status", status);
    assert_ok(store_precheck_item(st, id, item, &err));
}

static void a_body_s_precheck_from_begin_to_end(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 }, why = { 0 };
    struct precheck p = { .body = json_object_new_object() };
    _cleanup_(precheck_freep)
    struct precheck *got = NULL;
    _cleanup_(json_putp)
    struct json_object *items = NULL;
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t n = 0;

    json_add_str(p.body, "name", "x");
    assert_ok(store_precheck_add(f->store, &p, &err));
    json_putp(&p.body);
    assert_memory_equal(p.id, "pc_", 3);
    assert_ok(store_precheck_pending(f->store, &ids, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(ids[0], p.id);
    add_item(f->store, p.id, "DB_VERSION", "SOURCE", "FAILED");
    add_item(f->store, p.id, "DB_VERSION", "DEST", "PASSED");
    add_item(f->store, p.id, "DB_VERSION", "SOURCE", "PASSED"); /* replaces */
    assert_ok(store_precheck_items(f->store, p.id, &items, &err));
    assert_int_equal(json_len(items), 2);
    assert_string_equal(json_get_str(json_at(items, 0), "status", ""), "PASSED");
    (void)err_set(&why, ERR_TIMEOUT, "too long");
    assert_ok(store_precheck_set(f->store, p.id, "FAILED", 40, &why, &err));
    assert_ok(store_precheck_get(f->store, p.id, &got, &err));
    assert_string_equal(got->status, "FAILED");
    assert_string_equal(json_get_str(got->error, "symbol", ""), "ERR_TIMEOUT");
    assert_string_equal(json_get_str(got->body, "name", ""), "x");
    assert_ok(store_precheck_clear(f->store, p.id, &err));
    json_putp(&items);
    assert_ok(store_precheck_items(f->store, p.id, &items, &err));
    assert_int_equal(json_len(items), 0);
}

static void unknown_prechecks_are_told(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct precheck *got = NULL;
    struct precheck p = { .project_id = "np_none" };
    _cleanup_(json_putp)
    struct json_object *item = json_object_new_object();

    assert_err(store_precheck_get(f->store, "pc_no", &got, &err), ERR_PRECHECK_NOT_FOUND);
    assert_err(store_precheck_latest(f->store, "np_no", &got, &err), ERR_PRECHECK_NOT_FOUND);
    assert_err(store_precheck_set(f->store, "pc_no", "FAILED", 0, NULL, &err),
               ERR_PRECHECK_NOT_FOUND);
    assert_err(store_precheck_item(f->store, "pc_no", item, &err), ERR_PRECHECK_NOT_FOUND);
    assert_err(store_precheck_add(f->store, &p, &err), ERR_PROJECT_NOT_FOUND);
}

static void a_project_s_latest_precheck(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct precheck a = { 0 }, b = { 0 };
    _cleanup_(precheck_freep)
    struct precheck *got = NULL;
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t n = 9;

    assert_ok(add_project(f->store, "admin", "p", a.project_id, &err));
    (void)snprintf(b.project_id, sizeof(b.project_id), "%s", a.project_id);
    assert_ok(store_precheck_add(f->store, &a, &err));
    assert_ok(store_precheck_add(f->store, &b, &err));
    assert_ok(store_precheck_latest(f->store, a.project_id, &got, &err));
    assert_string_equal(got->id, b.id);
    assert_ok(store_precheck_pending(f->store, &ids, &n, &err));
    assert_int_equal(n, 0); /* its step brings it back, not the precheck */
}

static void old_prechecks_of_bodies_go(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct precheck body = { .body = json_object_new_object() }, pending = body;
    struct precheck of_project = { 0 }, *got = NULL;

    assert_ok(add_project(f->store, "admin", "p", of_project.project_id, &err));
    assert_ok(store_precheck_add(f->store, &body, &err));
    assert_ok(store_precheck_add(f->store, &pending, &err));
    assert_ok(store_precheck_add(f->store, &of_project, &err));
    json_putp(&body.body);
    add_item(f->store, body.id, "X", "SOURCE", "PASSED");
    assert_ok(store_precheck_set(f->store, body.id, "FINISHED", 100, NULL, &err));
    assert_ok(store_precheck_set(f->store, of_project.id, "FINISHED", 100, NULL, &err));
    assert_ok(store_precheck_prune(f->store, clock_now_s() - 10, &err));
    assert_ok(store_precheck_get(f->store, body.id, &got, &err));
    precheck_free(take_ptr(got));
    assert_ok(store_precheck_prune(f->store, clock_now_s() + 10, &err));
    assert_err(store_precheck_get(f->store, body.id, &got, &err), ERR_PRECHECK_NOT_FOUND);
    assert_ok(store_precheck_get(f->store, pending.id, &got, &err));
    precheck_free(take_ptr(got));
    assert_ok(store_precheck_get(f->store, of_project.id, &got, &err));
    precheck_free(got);
    assert_ok(store_check(f->store, &err));
}

static void waiting_prechecks_are_limited(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    struct db *h = NULL;

    assert_ok(db_open(f->path, &h, &err));
    assert_ok(db_exec(h,
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 999) INSERT INTO precheck (id, status, body, created_at,"
                      " modified_at) SELECT 'pc_' || i, 'INIT', '{}', 0, 0 FROM n",
                      &err));
    db_close(h);
    for (int i = 0; i < 2; i++) {
        struct precheck p = { .body = body };
        if (i == 0)
            assert_ok(store_precheck_add(f->store, &p, &err));
        else
            assert_err(store_precheck_add(f->store, &p, &err), ERR_LIMIT);
    }
}

static void skipped_items_are_remembered(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_skip_add(f->store, id, "DB_TIMEZONE", "DEST", "eve", &err));
    assert_ok(store_skip_add(f->store, id, "DB_TIMEZONE", "DEST", "bob", &err));
    assert_err(store_skip_add(f->store, "np_no", "DB_TIMEZONE", "DEST", "eve", &err),
               ERR_PROJECT_NOT_FOUND);
    assert_ok(store_skip_list(f->store, id, &list, &err));
    assert_int_equal(json_len(list), 1);
    assert_string_equal(json_get_str(json_at(list, 0), "user", ""), "eve");
    assert_string_equal(json_get_str(json_at(list, 0), "endpointType", ""), "DEST");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_body_s_precheck_from_begin_to_end), TEST(unknown_prechecks_are_told),
        TEST(a_project_s_latest_precheck),         TEST(old_prechecks_of_bodies_go),
        TEST(skipped_items_are_remembered),        TEST(waiting_prechecks_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
