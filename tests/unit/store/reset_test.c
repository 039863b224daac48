#include "store/ddl.h"
#include "store/event.h"
#include "store/reset.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

enum { AT_REST = 1U << PS_SUSPEND | 1U << PS_FAILED };

/* A project with these steps, SUSPEND. */
static void add_stopped(struct fixture *f, const char *const *steps, char id[static ID_MAX])
{
    struct step rows[4] = { 0 };
    char names[4][32];
    struct err err = { 0 };
    size_t n = 0;

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    for (; steps[n] != NULL; n++) {
        (void)snprintf(names[n], sizeof(names[n]), "%s", steps[n]);
        rows[n].name = names[n];
        rows[n].order = (int)n + 1;
        rows[n].status = SS_INIT;
    }
    assert_ok(store_step_plan(f->store, id, rows, n, &err));
    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "", &err), 1);
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_SUSPEND, "", &err), 1);
}

static enum step_status step_status(struct fixture *f, const char *id, size_t at)
{
    struct step *list = NULL;
    size_t n = 0;
    struct err err = { 0 };
    enum step_status status;

    assert_ok(store_step_list(f->store, id, &list, &n, &err));
    assert_true(at < n);
    status = list[at].status;
    step_list_free(list, n);
    return status;
}

static void a_request_waits_until_it_is_done(void **state)
{
    static const char *const steps[] = { "TRANSFER_INCR_LOG_PULL", "INCR_TRANSFER", NULL };
    struct fixture *f = *state;
    struct err err = { 0 };
    struct reset first = { 0 }, second = { 0 }, waiting = { 0 };
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    char id[ID_MAX];

    add_stopped(f, steps, id);
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, "");
    assert_int_equal(store_step_move(f->store, id, steps[0], 1U << SS_INIT, SS_FINISHED, &err), 1);
    assert_int_equal(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &first, &err),
                     1);
    assert_int_equal(step_status(f, id, 0), SS_SUSPEND); /* what comes after waits for it */
    assert_int_equal(store_reset_request(f->store, id, AT_REST, 1700000500, "ann", &second, &err),
                     1);
    assert_true(second.number > first.number);
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, second.id);
    assert_int_equal(waiting.start_timestamp, 1700000500);
    assert_ok(store_reset_done(f->store, id, first.id, &err)); /* of a worker of before */
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, second.id);
    assert_ok(store_reset_done(f->store, id, second.id, &err));
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, "");
    assert_ok(store_event_list(f->store, id, 0, 1, &events, NULL, &err));
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "start_reset_requested");
    assert_non_null(
        strstr(json_get_str(json_at(events, 0), "message", ""), "begins at 2023-11-14T22:21:40"));
}

static void what_waits_can_be_withdrawn(void **state)
{
    static const char *const steps[] = { "TRANSFER_INCR_LOG_PULL", "INCR_TRANSFER", NULL };
    struct fixture *f = *state;
    struct err err = { 0 };
    struct reset reset = { 0 };
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    char id[ID_MAX];

    add_stopped(f, steps, id);
    assert_int_equal(store_reset_withdraw(f->store, id, AT_REST, "ann", &err), 0);
    assert_ok(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err));
    assert_int_equal(store_reset_withdraw(f->store, id, 1U << PS_RUNNING, "ann", &err), 0);
    assert_int_equal(store_reset_withdraw(f->store, id, AT_REST, "eve", &err), 1);
    assert_ok(store_reset_waiting(f->store, id, &reset, &err));
    assert_string_equal(reset.id, "");
    assert_ok(store_event_list(f->store, id, 0, 1, &events, NULL, &err));
    assert_string_equal(json_get_str(json_at(events, 0), "event", ""), "start_reset_withdrawn");
    assert_non_null(strstr(json_get_str(json_at(events, 0), "message", ""), "eve"));
    /* one that is done is not there to be withdrawn */
    assert_ok(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err));
    assert_ok(store_reset_done(f->store, id, reset.id, &err));
    assert_int_equal(store_reset_withdraw(f->store, id, AT_REST, "eve", &err), 0);
}

static void pending_statements_are_left(void **state)
{
    static const char *const steps[] = { "TRANSFER_INCR_LOG_PULL", NULL };
    static const struct page page = { .number = 1, .size = 10 };
    struct fixture *f = *state;
    struct err err = { 0 };
    struct reset reset = { 0 };
    _cleanup_(json_putp)
    struct json_object *told = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    int64_t total = 0;
    char id[ID_MAX];

    add_stopped(f, steps, id);
    json_add_str(told, "id", "b.1:4");
    json_add_str(told, "status", "PENDING");
    assert_ok(store_ddl_put(f->store, id, told, &err));
    assert_ok(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err));
    assert_ok(store_ddl_list(f->store, id, true, &page, &list, &total, &err));
    assert_string_equal(json_get_str(json_at(list, 0), "status", ""), "LEFT");
}

static void a_request_out_of_place_changes_nothing(void **state)
{
    static const char *const copying[] = { "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", NULL };
    static const char *const no_incremental[] = { "STRUCT_TRANSFER", NULL };
    struct fixture *f = *state;
    struct err err = { 0 };
    struct reset reset = { 0 };
    char id[ID_MAX], other[ID_MAX];

    add_stopped(f, copying, id);
    assert_err(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err),
               ERR_STATE);
    assert_non_null(strstr(err.message, "copy"));
    assert_int_equal(store_step_move(f->store, id, copying[1], 1U << SS_INIT, SS_FINISHED, &err),
                     1);
    assert_int_equal(store_project_move(f->store, id, PS_SUSPEND, PS_RUNNING, "", &err), 1);
    assert_int_equal(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err),
                     0);
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_FAILED, "", &err), 1);
    assert_ok(store_reset_waiting(f->store, id, &reset, &err));
    assert_string_equal(reset.id, "");
    assert_int_equal(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err),
                     1);
    assert_int_equal(store_project_move(f->store, id, PS_FAILED, PS_DELETED, "", &err), 1);
    assert_err(store_reset_request(f->store, id, AT_REST, 1700000000, "ann", &reset, &err),
               ERR_PROJECT_NOT_FOUND);
    add_stopped(f, no_incremental, other);
    assert_err(store_reset_request(f->store, other, AT_REST, 1700000000, "ann", &reset, &err),
               ERR_STATE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_request_waits_until_it_is_done),
        TEST(what_waits_can_be_withdrawn),
        TEST(pending_statements_are_left),
        TEST(a_request_out_of_place_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
