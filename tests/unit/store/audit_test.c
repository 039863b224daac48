#include "base/clock.h"
#include "base/json.h"
#include "store/audit.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static int64_t add(struct fixture *f, const char *user, const char *action, const char *target,
                   const char *result)
{
    const struct audit_event e = { .user = user,
                                   .peer = "10.0.0.1",
                                   .action = action,
                                   .target = target,
                                   .result = result,
                                   .request_id = "r_1" };
    struct err err = { 0 };
    int64_t seq = 0;

    assert_ok(store_audit_add(f->store, &e, &seq, &err));
    return seq;
}

static int64_t count(struct fixture *f, struct audit_filter filter)
{
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    struct err err = { 0 };
    int64_t total = -1;

    filter.page = (struct page){ .number = 1, .size = 150 };
    assert_ok(store_audit_list(f->store, &filter, &rows, &total, &err));
    assert_int_equal(json_len(rows), MIN(total, 150));
    return total;
}

static void life_of_an_event(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    struct audit_filter all = { .page = { .number = 1, .size = 10 } };
    struct json_object *row;
    struct err err = { 0 };
    int64_t total, seq = add(f, "bob", "CreateProject", "shop", AUDIT_STARTED);

    assert_int_equal(count(f, (struct audit_filter){ .result = "FAILED" }), 0);
    assert_ok(store_audit_end(f->store, seq, "np_1", "shop", AUDIT_OK, &err));
    seq = add(f, "bob", "DeleteUser", "eve", "CODE-1");
    assert_ok(store_audit_again(f->store, seq, 4, clock_now_s() + 9, false, &err));
    (void)add(f, "eve", "StartProject", "np_1", AUDIT_STARTED);
    assert_ok(store_audit_recover(f->store, &err));
    assert_ok(store_audit_list(f->store, &all, &rows, &total, &err));
    assert_int_equal(total, 3);
    row = json_at(rows, 0);
    assert_string_equal(json_get_str(row, "result", ""), AUDIT_UNKNOWN);
    row = json_at(rows, 1);
    assert_int_equal(json_get_i64(row, "count", 0), 5);
    assert_string_equal(json_get_str(row, "target", ""), "eve");
    row = json_at(rows, 2);
    assert_string_equal(json_get_str(row, "target", ""), "np_1");
    assert_string_equal(json_get_str(row, "targetName", ""), "shop");
    assert_string_equal(json_get_str(row, "result", ""), AUDIT_OK);
    assert_null(json_get(row, "accessKeyId"));
    assert_ok(store_audit_again(f->store, seq, 1, clock_now_s(), true, &err));
    assert_int_equal(count(f, (struct audit_filter){ .target = "eve" }), 0);
}

static void filters(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_now_s();

    (void)add(f, "bob", "StartProject", "np_1", AUDIT_OK);
    (void)add(f, "bob", "StopProject", "np_1", "CODE-1");
    (void)add(f, "eve", "StartProject", "np_2", "CODE-2");
    assert_int_equal(count(f, (struct audit_filter){ 0 }), 3);
    assert_int_equal(count(f, (struct audit_filter){ .user = "bob" }), 2);
    assert_int_equal(count(f, (struct audit_filter){ .user = "bob", .action = "StopProject" }), 1);
    assert_int_equal(count(f, (struct audit_filter){ .action = "StartProject" }), 2);
    assert_int_equal(count(f, (struct audit_filter){ .target = "np_1" }), 2);
    assert_int_equal(count(f, (struct audit_filter){ .target = "np_1", .user = "eve" }), 0);
    assert_int_equal(count(f, (struct audit_filter){ .result = "FAILED" }), 2);
    assert_int_equal(count(f, (struct audit_filter){ .result = AUDIT_OK, .user = "bob" }), 1);
    assert_int_equal(count(f, (struct audit_filter){ .result = "CODE-2" }), 1);
    assert_int_equal(count(f, (struct audit_filter){ .user = "' OR 1=1 --" }), 0);
    assert_int_equal(count(f, (struct audit_filter){ .from = now - 100, .to = now + 100 }), 3);
    assert_int_equal(count(f, (struct audit_filter){ .from = now + 100 }), 0);
    assert_int_equal(count(f, (struct audit_filter){ .to = now - 100 }), 0);
}

static void bounds(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    bool more = true;

    assert_ok(store_audit_prune(f->store, 10, 0, &more, &err));
    assert_false(more);
    for (int i = 0; i < 30; i++)
        (void)add(f, "bob", "StartProject", "np_1", AUDIT_OK);
    assert_ok(store_audit_prune(f->store, 30, clock_now_s() - 100, &more, &err));
    assert_int_equal(count(f, (struct audit_filter){ 0 }), 30);
    assert_ok(store_audit_prune(f->store, 12, clock_now_s() - 100, &more, &err));
    assert_false(more);
    assert_int_equal(count(f, (struct audit_filter){ 0 }), 12);
    assert_int_equal(add(f, "bob", "StartProject", "np_1", AUDIT_OK), 31);
    assert_ok(store_audit_prune(f->store, 12, clock_now_s() + 100, &more, &err));
    assert_int_equal(count(f, (struct audit_filter){ 0 }), 0);
    assert_int_equal(add(f, "bob", "StartProject", "np_1", AUDIT_OK), 32); /* never twice */
}

int main(void)
{
    static const struct CMUnitTest tests[] = { TEST(life_of_an_event), TEST(filters),
                                               TEST(bounds) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
