#include "store/db.h"
#include "store/event.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void events_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_event_add(f->store, id, "info", "a", "one", &err));
    assert_ok(store_event_add(f->store, id, "warn", "b", "two", &err));
    assert_ok(store_event_list(f->store, id, 0, 2, &list, NULL, &err));
    assert_int_equal(json_len(list), 2);
    assert_string_equal(json_get_str(json_at(list, 0), "message", ""), "two");
    assert_string_equal(json_get_str(json_at(list, 0), "level", ""), "warn");
    assert_true(json_get_i64(json_at(list, 0), "time", 0) > 0);
    assert_err(store_event_add(f->store, "np_no", "info", "a", "one", &err), ERR_STORE);
}

/* "é" cut in two, a stray byte, a character cut at the end. */
static void what_is_cut_within_a_character_stays_readable(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(store_event_add(f->store, id, "INFO", "a",
                              "\xc3\xa9 \xc3 (\xff) \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x82", &err));
    assert_ok(store_event_list(f->store, id, 0, 1, &list, NULL, &err));
    assert_string_equal(json_get_str(json_at(list, 0), "message", ""),
                        "\xc3\xa9 ? (?) \xe2\x82\xac \xf0\x9f\x98\x80 ??");
}

static void a_history_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct db *h = NULL;
    char id[ID_MAX], other[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_ok(add_project(f->store, "admin", "q", other, &err));
    assert_ok(db_open(f->path, &h, &err));
    assert_ok(db_exec(h,
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 1500) INSERT INTO event (project_id, at, level, event, message)"
                      " SELECT id, 0, 'info', 'old', 'old' FROM n, project WHERE name = 'p'",
                      &err));
    db_close(h);
    assert_ok(store_event_add(f->store, id, "info", "new", "new", &err));
    assert_ok(store_event_list(f->store, id, 0, 5000, &list, NULL, &err));
    assert_int_equal(json_len(list), EVENTS_PER_PROJECT);
    assert_string_equal(json_get_str(json_at(list, 0), "event", ""), "new");
    json_putp(&list);
    assert_ok(store_event_list(f->store, other, 0, 5000, &list, NULL, &err));
    assert_int_equal(json_len(list), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(events_are_listed_newest_first),
        TEST(what_is_cut_within_a_character_stays_readable),
        TEST(a_history_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
