/* Whole projects, as a user drives them. */
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

static void a_copy_runs_step_by_step_to_its_end(void **state)
{
    static const char *const steps[] = { "TRANSFER_PRECHECK", "STRUCT_TRANSFER", "FULL_TRANSFER" };
    struct fixture *f = *state;
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(source_freep)
    struct source *s = NULL;
    _cleanup_(json_putp)
    struct json_object *events = NULL;
    struct err err = { 0 };
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FINISHED);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct step_copy c = step_of(f, id, steps[i]);
        assert_int_equal(c.status, SS_FINISHED);
        assert_true(c.progress > 99.9);
        assert_int_equal(c.records, 2); /* what `done` said */
        assert_false(c.has_error);
    }
    assert_string_equal(get_file(f, id, "starts"),
                        "TRANSFER_PRECHECK\nSTRUCT_TRANSFER\nFULL_TRANSFER\n");
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_true(p->started_at > 0 && p->finished_at > 0);
    assert_ok(store_source_get(f->store, p->source_id, false, &s, &err));
    assert_string_equal(s->version, "10.11");
    assert_ok(store_event_list(f->store, id, 0, 100, &events, NULL, &err));
    assert_int_equal(json_len(events), 6); /* created, started, three steps, finished */
}

static bool both_live(struct fixture *f, const char *id)
{
    return flow_worker_alive(f->flow, id, "TRANSFER_INCR_LOG_PULL") &&
           flow_worker_alive(f->flow, id, "INCR_TRANSFER");
}

static bool none_lives(struct fixture *f, const char *id)
{
    return !flow_worker_alive(f->flow, id, "TRANSFER_INCR_LOG_PULL") &&
           !flow_worker_alive(f->flow, id, "INCR_TRANSFER") &&
           !flow_worker_alive(f->flow, id, "FULL_TRANSFER");
}

static void a_live_migration_through_its_whole_life(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], path[256];

    add_project(f, EVERYTHING, id);
    request(f, id, FLOW_START);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    assert_int_equal(status_of(f, id), PS_RUNNING);
    assert_int_equal(step_of(f, id, "TRANSFER_INCR_LOG_PULL").status, SS_FINISHED);
    assert_int_equal(step_of(f, id, "INDEX_TRANSFER").status, SS_FINISHED);
    assert_true(both_live(f, id));
    WAIT_FOR(step_of(f, id, "INCR_TRANSFER").checkpoint == 1700000000);
    assert_string_equal(get_file(f, id, "starts"),
                        "TRANSFER_PRECHECK\nSTRUCT_TRANSFER\nTRANSFER_INCR_LOG_PULL\n"
                        "FULL_TRANSFER\nINDEX_TRANSFER\nINCR_TRANSFER\n");

    request(f, id, FLOW_STOP);
    wait_step(f, id, "INCR_TRANSFER", SS_SUSPEND);
    WAIT_FOR(none_lives(f, id));
    assert_int_equal(step_of(f, id, "TRANSFER_INCR_LOG_PULL").status, SS_FINISHED);

    request(f, id, FLOW_RESUME);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    WAIT_FOR(both_live(f, id));

    request(f, id, FLOW_STOP);
    request(f, id, FLOW_RELEASE);
    wait_status(f, id, PS_RELEASED);
    (void)snprintf(path, sizeof(path), "%s/projects/%s", f->dir, id);
    assert_int_not_equal(access(path, F_OK), 0);
    request(f, id, FLOW_DELETE);
    wait_status(f, id, PS_DELETED);
}

static void stop_and_resume_in_one_breath(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    script(f, id, "FULL_TRANSFER", "hold");
    request(f, id, FLOW_START);
    WAIT_FOR(flow_worker_alive(f->flow, id, "FULL_TRANSFER"));
    for (int i = 0; i < 5; i++) {
        request(f, id, FLOW_STOP);
        request(f, id, FLOW_RESUME);
    }
    wait_step(f, id, "FULL_TRANSFER", SS_RUNNING);
    go(f, id, "FULL_TRANSFER");
    wait_status(f, id, PS_FINISHED);
}

static void an_operation_out_of_place_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    assert_int_equal(flow_request(f->flow, id, FLOW_STOP, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(err.message, "stop"));
    assert_non_null(strstr(err.message, "INIT"));
    assert_non_null(strstr(err.message, "RUNNING"));
    assert_int_equal(flow_request(f->flow, "np_none", FLOW_START, &err), -1);
    assert_int_equal(err.code, ERR_PROJECT_NOT_FOUND);
    request(f, id, FLOW_START);
    assert_int_equal(flow_request(f->flow, id, FLOW_START, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    wait_status(f, id, PS_FINISHED);
}

static void a_worker_gets_its_assignment_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], expected[256];
    const char *text;
    _cleanup_(json_putp)
    struct json_object *a = NULL;

    add_project(f, EVERYTHING, id);
    request(f, id, FLOW_START);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    text = get_file(f, id, "process.FULL_TRANSFER");
    (void)snprintf(expected, sizeof(expected), "arg causeway-worker\narg %s\narg FULL_TRANSFER\n",
                   id);
    assert_memory_equal(text, expected, strlen(expected));
    assert_null(strstr(text, "ss\\\"w0rd"));
    assert_null(strstr(text, "w0rd"));
    assert_non_null(strstr(text, "env PATH="));
    assert_non_null(strstr(text, "env LANG=C.UTF-8\n"));
    assert_null(strstr(text, "env HOME="));
    assert_non_null(strstr(text, "fd 3\nfd 4\ngroup 1\n")); /* 4: the folder it lists them from */

    text = get_file(f, id, "assignment.INCR_TRANSFER");
    assert_ok(json_parse(text, strlen(text), 32, &a, &err));
    assert_string_equal(json_get_str(a, "kind", ""), "incr");
    assert_string_equal(json_get_str(a, "controlSchema", ""), "oms");
    assert_int_equal(json_get_i64(a, "lagThresholdSeconds", 0), 30);
    assert_int_equal(json_get_i64(a, "connectRetryMinutes", 0), 720);
    assert_true(json_get_bool(a, "hasIndexStep", false));
    assert_true(json_get_bool(json_get(a, "flags"), "incr", false));
    assert_string_equal(json_get_str(json_get(a, "mapping"), "mode", ""), "SPECIFIC");
    assert_string_equal(json_get_str(json_get(a, "source"), "password", ""), PASSWORD);
    assert_string_equal(json_get_str(json_get(a, "sink"), "host", ""), "127.0.0.1");
    assert_int_equal(json_get_i64(json_get(a, "sink"), "port", 0), 3307);
}

static void new_limits_reach_the_running_worker(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct json_object *incr = json_object_new_object();

    add_project(f, EVERYTHING, id);
    request(f, id, FLOW_START);
    wait_step(f, id, "INCR_TRANSFER", SS_MONITORING);
    assert_ok(store_project_get(f->store, id, &p, &err));
    json_add_i64(incr, "throttleRps", 123);
    json_add(p->config, "incrTransferConfig", incr);
    assert_ok(store_project_set_config(f->store, id, 0, p->config, NULL, &err));
    flow_throttle(f->flow, id);
    WAIT_FOR(strstr(get_file(f, id, "throttle.INCR_TRANSFER"), "123") != NULL);
}

static void more_projects_than_workers_take_turns(void **state)
{
    struct fixture *f = *state;
    char id[6][ID_MAX];

    flow_stop(f->flow);
    flow_free(take_ptr(f->flow));
    f->max_workers = 1;
    start_flow(f);
    for (size_t i = 0; i < ARRAY_SIZE(id); i++) {
        add_project(f, STRUCT_FULL, id[i]);
        request(f, id[i], FLOW_START);
    }
    for (size_t i = 0; i < ARRAY_SIZE(id); i++)
        wait_status(f, id[i], PS_FINISHED);
}

/* A log pull in the background must never wait for a slot that its own project's copy needs. */
static void a_project_s_two_workers_share_its_slot(void **state)
{
    struct fixture *f = *state;
    char a[ID_MAX], b[ID_MAX];

    flow_stop(f->flow);
    flow_free(take_ptr(f->flow));
    f->max_workers = 2;
    start_flow(f);
    add_project(f, EVERYTHING, a);
    add_project(f, EVERYTHING, b);
    script(f, a, "TRANSFER_INCR_LOG_PULL", "hold");
    request(f, a, FLOW_START);
    WAIT_FOR(flow_worker_alive(f->flow, a, "TRANSFER_INCR_LOG_PULL"));
    request(f, b, FLOW_START);
    go(f, a, "TRANSFER_INCR_LOG_PULL");
    wait_step(f, a, "INCR_TRANSFER", SS_MONITORING);
    assert_string_equal(get_file(f, b, "starts"), "");
    request(f, a, FLOW_STOP);
    wait_step(f, b, "INCR_TRANSFER", SS_MONITORING);
}

static void wait_precheck(struct fixture *f, const char *id, const char *status)
{
    int64_t until = clock_mono_ms() + WAIT_S * 1000;
    struct err err = { 0 };

    for (;;) {
        _cleanup_(precheck_freep)
        struct precheck *p = NULL;
        assert_ok(store_precheck_get(f->store, id, &p, &err));
        if (strcmp(p->status, status) == 0)
            return;
        if (clock_mono_ms() > until)
            fail_msg("precheck is %s, not %s", p->status, status);
        (void)poll(NULL, 0, 10);
    }
}

static void submitted_prechecks_pass_and_fail(void **state)
{
    /* clang-format off */
    static const struct { const char *script, *status; size_t items; bool error; } cases[] = {
        { NULL,        "FINISHED", 1, false },
        { "faildone",  "FAILED",   2, false },
        { "failerror", "FAILED",   1, false },
        { "error",     "FAILED",   0, true },
    };
    /* clang-format on */
    struct fixture *f = *state;
    struct err err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_putp)
        struct json_object *body = make_body(f, STRUCT_FULL);
        _cleanup_(json_putp)
        struct json_object *items = NULL;
        _cleanup_(precheck_freep)
        struct precheck *got = NULL;
        struct precheck p = { .body = body };

        if (cases[i].script != NULL)
            script(f, ".", "TRANSFER_PRECHECK", cases[i].script);
        assert_ok(store_precheck_add(f->store, &p, &err));
        flow_precheck(f->flow, p.id);
        wait_precheck(f, p.id, cases[i].status);
        assert_ok(store_precheck_get(f->store, p.id, &got, &err));
        assert_int_equal(got->error != NULL, cases[i].error);
        assert_true(got->progress > 99.9);
        assert_ok(store_precheck_items(f->store, p.id, &items, &err));
        assert_int_equal(json_len(items), cases[i].items);
    }
}

static void a_failed_precheck_fails_the_project_until_mended(void **state)
{
    static const char *const scripts[] = { "faildone", "failerror" };
    struct fixture *f = *state;
    struct err err = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        _cleanup_(precheck_freep)
        struct precheck *latest = NULL;
        _cleanup_(json_putp)
        struct json_object *items = NULL;
        struct step_copy c;
        char id[ID_MAX];

        add_project(f, STRUCT_FULL, id);
        script(f, id, "TRANSFER_PRECHECK", scripts[i]);
        request(f, id, FLOW_START);
        wait_status(f, id, PS_FAILED);
        c = step_of(f, id, "TRANSFER_PRECHECK");
        assert_int_equal(c.status, SS_FAILED);
        assert_string_equal(c.symbol, "ERR_PRECHECK_FAILED");
        assert_non_null(strstr(c.message, "DB_INCR_LOG"));
        assert_int_equal(step_of(f, id, "STRUCT_TRANSFER").status, SS_INIT);
        assert_ok(store_precheck_latest(f->store, id, &latest, &err));
        assert_string_equal(latest->status, "FAILED");
        assert_null(latest->error);
        remove_script(f, id, "TRANSFER_PRECHECK");
        request(f, id, FLOW_RESUME);
        wait_status(f, id, PS_FINISHED);
        precheck_free(take_ptr(latest));
        assert_ok(store_precheck_latest(f->store, id, &latest, &err));
        assert_string_equal(latest->status, "FINISHED");
        assert_ok(store_precheck_items(f->store, latest->id, &items, &err));
        assert_int_equal(json_len(items), 1); /* those of the run before are gone */
    }
}

static void a_finished_precheck_is_not_run_again(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    script(f, id, "FULL_TRANSFER", "error 1");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    request(f, id, FLOW_RESUME);
    wait_status(f, id, PS_FINISHED);
    assert_string_equal(get_file(f, id, "starts"),
                        "TRANSFER_PRECHECK\nSTRUCT_TRANSFER\nFULL_TRANSFER\nFULL_TRANSFER\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_copy_runs_step_by_step_to_its_end),
        TEST(a_live_migration_through_its_whole_life),
        TEST(stop_and_resume_in_one_breath),
        TEST(an_operation_out_of_place_is_refused),
        TEST(a_worker_gets_its_assignment_and_nothing_else),
        TEST(new_limits_reach_the_running_worker),
        TEST(more_projects_than_workers_take_turns),
        TEST(a_project_s_two_workers_share_its_slot),
        TEST(submitted_prechecks_pass_and_fail),
        TEST(a_failed_precheck_fails_the_project_until_mended),
        TEST(a_finished_precheck_is_not_run_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
