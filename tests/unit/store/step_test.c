#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static char n1[] = "FIRST", n2[] = "SECOND", n3[] = "OTHER";

static void make_plan(struct store *st, char id[static ID_MAX])
{
    struct step plan[] = { { .name = n2, .order = 2 }, { .name = n1, .order = 1 } };
    struct err err = { 0 };

    assert_ok(add_project(st, "admin", "p", id, &err));
    assert_ok(store_step_plan(st, id, plan, ARRAY_SIZE(plan), &err));
}

/* One step by name; the list is freed by the next call or by NULL. */
static struct step *get_step(struct store *st, const char *id, const char *name)
{
    static struct step *list;
    static size_t n;
    struct err err = { 0 };

    step_list_free(list, n);
    list = NULL;
    n = 0;
    if (st == NULL)
        return NULL;
    assert_ok(store_step_list(st, id, &list, &n, &err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    fail_msg("no step %s", name);
    return NULL;
}

static void a_plan_is_made_once_and_ordered(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct step other[] = { { .name = n3, .order = 9 } };
    struct step *list = NULL;
    size_t n = 0;
    char id[ID_MAX];

    make_plan(f->store, id);
    assert_ok(store_step_plan(f->store, id, other, 1, &err));
    assert_ok(store_step_list(f->store, id, &list, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "FIRST");
    assert_string_equal(list[1].name, "SECOND");
    assert_int_equal(list[0].status, SS_INIT);
    assert_string_equal(list[0].project_id, id);
    step_list_free(list, n);
}

static void a_step_moves_by_comparing(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct step *s;
    char id[ID_MAX];

    make_plan(f->store, id);
    assert_int_equal(store_step_move(f->store, id, n1, 1U << SS_RUNNING, SS_FINISHED, &err), 0);
    assert_int_equal(store_step_move(f->store, id, "NO", ~0U, SS_FINISHED, &err), 0);
    assert_int_equal(
        store_step_move(f->store, id, n1, 1U << SS_INIT | 1U << SS_FAILED, SS_RUNNING, &err), 1);
    s = get_step(f->store, id, n1);
    assert_int_equal(s->status, SS_RUNNING);
    assert_true(s->started_at > 0);
    assert_int_equal(s->finished_at, 0);
    assert_int_equal(store_step_move(f->store, id, n1, 1U << SS_RUNNING, SS_FINISHED, &err), 1);
    s = get_step(f->store, id, n1);
    assert_true(s->finished_at > 0);
    assert_true(s->progress > 99.9);
    (void)get_step(NULL, NULL, NULL);
}

static void errors_are_kept_and_cleared(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 }, what = { 0 };
    _cleanup_(json_putp)
    struct json_object *info = json_object_new_object();
    struct step *s;
    char id[ID_MAX];

    make_plan(f->store, id);
    json_add_i64(info, "processedRecords", 7);
    assert_ok(store_step_move(f->store, id, n1, 1U << SS_INIT, SS_RUNNING, &err));
    (void)err_set(&what, ERR_DB_LOST, "connection lost");
    assert_ok(store_step_error(f->store, id, n1, &what, true, &err));
    s = get_step(f->store, id, n1);
    assert_true(json_get_bool(s->error, "retrying", false));
    assert_string_equal(json_get_str(s->error, "symbol", ""), "ERR_DB_LOST");
    assert_int_equal(strlen(json_get_str(s->error, "failedTime", "")), 19);
    assert_int_equal(s->status, SS_RUNNING);

    assert_ok(store_step_progress(f->store, id, n1, 41.5, info, &err));
    s = get_step(f->store, id, n1);
    assert_null(s->error);
    assert_true(s->progress > 41.4 && s->progress < 41.6);
    assert_int_equal(json_get_i64(s->info, "processedRecords", 0), 7);

    assert_ok(store_step_error(f->store, id, n1, &what, false, &err));
    assert_ok(store_step_progress(f->store, id, n1, 42, NULL, &err));
    s = get_step(f->store, id, n1);
    assert_non_null(s->error); /* last words stay */
    assert_non_null(s->info);  /* no info: the old one stays */
    assert_ok(store_step_move(f->store, id, n1, ~0U, SS_FAILED, &err));
    assert_non_null(get_step(f->store, id, n1)->error);
    assert_ok(store_step_move(f->store, id, n1, ~0U, SS_RUNNING, &err));
    assert_null(get_step(f->store, id, n1)->error);
    (void)get_step(NULL, NULL, NULL);
}

static void a_checkpoint_is_kept(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];

    make_plan(f->store, id);
    assert_ok(store_step_checkpoint(f->store, id, n2, 1700000000, &err));
    assert_int_equal(get_step(f->store, id, n2)->checkpoint, 1700000000);
    assert_int_equal(get_step(f->store, id, n1)->checkpoint, 0);
    (void)get_step(NULL, NULL, NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_plan_is_made_once_and_ordered),
        TEST(a_step_moves_by_comparing),
        TEST(errors_are_kept_and_cleared),
        TEST(a_checkpoint_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
