/* Workers that break down, break the rules or don't listen. */
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

static void last_words_fail_the_step_and_the_project(void **state)
{
    struct fixture *f = *state;
    struct step_copy c;
    char id[ID_MAX];

    add_project(f, EVERYTHING, id);
    script(f, id, "FULL_TRANSFER", "error 1");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    c = step_of(f, id, "FULL_TRANSFER");
    assert_int_equal(c.status, SS_FAILED);
    assert_string_equal(c.symbol, "ERR_TABLE_NOT_EMPTY");
    assert_string_equal(c.message, "table shop.orders is not empty");
    assert_false(c.retrying);
    /* the others are stopped; what was finished stays finished */
    WAIT_FOR(!flow_worker_alive(f->flow, id, "TRANSFER_INCR_LOG_PULL"));
    assert_int_equal(step_of(f, id, "TRANSFER_INCR_LOG_PULL").status, SS_FINISHED);
    request(f, id, FLOW_RESUME);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    WAIT_FOR(flow_worker_alive(f->flow, id, "TRANSFER_INCR_LOG_PULL"));
}

static void a_step_in_the_background_can_fail_too(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, EVERYTHING, id);
    request(f, id, FLOW_START);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    /* at its next start, after a stop, the log pull finds that it can't go on */
    script(f, id, "TRANSFER_INCR_LOG_PULL", "error 2");
    request(f, id, FLOW_STOP);
    request(f, id, FLOW_RESUME);
    wait_status(f, id, PS_FAILED);
    assert_int_equal(step_of(f, id, "TRANSFER_INCR_LOG_PULL").status, SS_FAILED);
    wait_step(f, id, "INCR_TRANSFER", SS_SUSPEND);
    request(f, id, FLOW_RESUME); /* its third start goes well */
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    assert_int_equal(step_of(f, id, "TRANSFER_INCR_LOG_PULL").status, SS_FINISHED);
}

static void five_quick_deaths_fail_the_step(void **state)
{
    /* clang-format off */
    static const struct { const char *script, *says; } cases[] = {
        { "segv", "signal 11" }, { "exit3", "exit status 3" }, { "exit0", "exit status 0" },
        { "garbage", "not valid JSON" }, { "unknown", "malformed message: banana" },
        { "badprogress", "malformed message: progress" }, { "badddl", "malformed message: ddl" }, { "stale", "taken over" },
        { "trouble_segv", "signal 11" },
    };
    /* clang-format on */
    struct fixture *f = *state;
    char id[ARRAY_SIZE(cases)][ID_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        add_project(f, STRUCT_FULL, id[i]);
        script(f, id[i], "STRUCT_TRANSFER", cases[i].script);
        request(f, id[i], FLOW_START);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct step_copy c;
        wait_status(f, id[i], PS_FAILED);
        c = step_of(f, id[i], "STRUCT_TRANSFER");
        assert_string_equal(c.symbol, "ERR_WORKER_DIED");
        assert_non_null(strstr(c.message, "died 5 times"));
        if (strstr(c.message, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].script, c.message);
        if (strcmp(cases[i].script, "trouble_segv") == 0)
            assert_non_null(strstr(c.advice, "connection to source lost"));
    }
}

static void a_few_deaths_are_got_over(void **state)
{
    static const char *const scripts[] = { "segv 4",   "exit3 4", "garbage 2",
                                           "stale 2",  "kill 5", /* from outside: never counted */
                                           "halfdone", "closed 1" };
    struct fixture *f = *state;
    char id[ARRAY_SIZE(scripts)][ID_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        add_project(f, STRUCT_FULL, id[i]);
        script(f, id[i], "FULL_TRANSFER", scripts[i]);
        request(f, id[i], FLOW_START);
    }
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
        wait_status(f, id[i], PS_FINISHED);
}

static void trouble_is_shown_while_it_lasts(void **state)
{
    struct fixture *f = *state;
    struct step_copy c;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    script(f, id, "FULL_TRANSFER", "trouble");
    request(f, id, FLOW_START);
    WAIT_FOR(step_of(f, id, "FULL_TRANSFER").has_error);
    c = step_of(f, id, "FULL_TRANSFER");
    assert_true(c.retrying);
    assert_int_equal(c.status, SS_RUNNING);
    assert_string_equal(c.message, "connection to source lost");
    go(f, id, "FULL_TRANSFER");
    wait_status(f, id, PS_FINISHED);
    assert_false(step_of(f, id, "FULL_TRANSFER").has_error);
}

static void a_worker_that_does_not_listen_is_killed(void **state)
{
    struct fixture *f = *state;
    int64_t from;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    script(f, id, "FULL_TRANSFER", "deaf");
    request(f, id, FLOW_START);
    WAIT_FOR(step_of(f, id, "FULL_TRANSFER").progress > 9);
    from = clock_mono_ms();
    request(f, id, FLOW_STOP);
    wait_step(f, id, "FULL_TRANSFER", SS_SUSPEND); /* at once */
    WAIT_FOR(!flow_worker_alive(f->flow, id, "FULL_TRANSFER"));
    assert_true(clock_mono_ms() - from >= 14000); /* 10 s, SIGTERM, 5 s, SIGKILL */
    assert_int_equal(status_of(f, id), PS_SUSPEND);
}

static void a_flood_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    size_t noise = 0;
    char loud[ID_MAX], quiet[ID_MAX];

    add_project(f, STRUCT_FULL, loud);
    add_project(f, STRUCT_FULL, quiet);
    script(f, loud, "FULL_TRANSFER", "flood");
    request(f, loud, FLOW_START);
    wait_step(f, loud, "FULL_TRANSFER", SS_RUNNING);
    request(f, quiet, FLOW_START);
    wait_status(f, quiet, PS_FINISHED);
    wait_status(f, loud, PS_FINISHED);
    assert_ok(store_event_list(f->store, loud, 0, 1000, &events, NULL, &err));
    for (size_t i = 0; i < json_len(events); i++)
        noise += strcmp(json_get_str(json_at(events, i), "event", ""), "noise") == 0;
    assert_true(noise > 0 && noise <= 60);
}

static void a_release_is_tried_again(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FINISHED);
    script(f, id, "RELEASE", "error 2");
    request(f, id, FLOW_RELEASE);
    WAIT_FOR(strstr(get_file(f, id, "starts"), "RELEASE\nRELEASE\nRELEASE\n") != NULL ||
             status_of(f, id) == PS_RELEASED);
    wait_status(f, id, PS_RELEASED);
}

static void a_missing_program_or_key_is_told(void **state)
{
    struct fixture *f = *state;
    struct flow_options o = { .store = f->store,
                              .box = f->box,
                              .data_dir = f->dir,
                              .worker_path = "/nonexistent/causeway-worker",
                              .max_workers = 4 };
    struct err err = { 0 };
    struct step_copy c;
    char id[ID_MAX], path[128];

    flow_free(take_ptr(f->flow));
    assert_ok(flow_new(&o, &f->flow, &err));
    assert_ok(flow_start(f->flow, &err));
    add_project(f, STRUCT_FULL, id);
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    c = step_of(f, id, "TRANSFER_PRECHECK");
    assert_string_equal(c.symbol, "ERR_WORKER_DIED");
    assert_non_null(strstr(c.message, "/nonexistent/causeway-worker"));

    /* another key: what is in the store can't be read */
    flow_free(take_ptr(f->flow));
    box_close(take_ptr(f->box));
    (void)snprintf(path, sizeof(path), "%s/otherkey", f->dir);
    assert_ok(box_open(path, true, &f->box, &err));
    start_flow(f);
    request(f, id, FLOW_RESUME);
    wait_status(f, id, PS_FAILED);
    c = step_of(f, id, "TRANSFER_PRECHECK");
    assert_string_equal(c.symbol, "ERR_KEYFILE");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(last_words_fail_the_step_and_the_project),
        TEST(a_step_in_the_background_can_fail_too),
        TEST(five_quick_deaths_fail_the_step),
        TEST(a_few_deaths_are_got_over),
        TEST(trouble_is_shown_while_it_lasts),
        TEST(a_worker_that_does_not_listen_is_killed),
        TEST(a_flood_holds_nobody_up),
        TEST(a_release_is_tried_again),
        TEST(a_missing_program_or_key_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
