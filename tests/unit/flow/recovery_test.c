/* The daemon stops, or is killed, and comes back. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

static void a_stopped_flow_leaves_rows_and_goes_on(void **state)
{
    struct fixture *f = *state;
    int64_t from;
    char copy[ID_MAX], live[ID_MAX];

    add_project(f, STRUCT_FULL, copy);
    add_project(f, EVERYTHING, live);
    script(f, copy, "FULL_TRANSFER", "hold");
    request(f, copy, FLOW_START);
    request(f, live, FLOW_START);
    wait_step(f, copy, "FULL_TRANSFER", SS_RUNNING);
    wait_step(f, live, "INCR_TRANSFER", SS_MONITORING);
    from = clock_mono_ms();
    flow_free(take_ptr(f->flow));
    assert_true(clock_mono_ms() - from < 5000); /* they stop when asked */
    assert_int_equal(status_of(f, copy), PS_RUNNING);
    assert_int_equal(step_of(f, copy, "FULL_TRANSFER").status, SS_RUNNING);
    assert_int_equal(step_of(f, live, "INCR_TRANSFER").status, SS_MONITORING);
    start_flow(f);
    go(f, copy, "FULL_TRANSFER");
    wait_status(f, copy, PS_FINISHED);
    WAIT_FOR(flow_worker_alive(f->flow, live, "TRANSFER_INCR_LOG_PULL") &&
             flow_worker_alive(f->flow, live, "INCR_TRANSFER"));
    assert_int_equal(step_of(f, live, "INCR_TRANSFER").status, SS_MONITORING); /* never back */
}

static void stopping_takes_no_longer_than_it_may(void **state)
{
    struct fixture *f = *state;
    int64_t from;
    char id[ID_MAX];

    add_project(f, STRUCT_FULL, id);
    script(f, id, "FULL_TRANSFER", "deaf");
    request(f, id, FLOW_START);
    WAIT_FOR(step_of(f, id, "FULL_TRANSFER").progress > 9);
    from = clock_mono_ms();
    flow_stop(f->flow);
    assert_true(clock_mono_ms() - from < 9500);
    assert_false(flow_worker_alive(f->flow, id, "FULL_TRANSFER"));
}

/* A daemon as a child process of its own; returns its pid once it runs. */
static pid_t run_daemon(struct fixture *f)
{
    int fds[2];
    char ready;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        open_store(f);
        start_flow(f);
        (void)!write(fds[1], "x", 1);
        (void)close(fds[1]);
        for (;;)
            (void)pause();
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &ready, 1), 1);
    (void)close(fds[0]);
    return pid;
}

static void kill_daemon(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void start_by_row(struct fixture *f, const char *id)
{
    struct err err = { 0 };

    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "test", &err), 1);
}

static void a_killed_daemon_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char copy[ID_MAX], live[ID_MAX], releasing[ID_MAX];
    struct precheck p = { 0 };
    pid_t pid;

    /* prepare the rows, then leave the store: a handle must not cross the fork */
    open_store(f);
    add_project(f, STRUCT_FULL, copy);
    add_project(f, EVERYTHING, live);
    add_project(f, STRUCT_FULL, releasing);
    script(f, copy, "FULL_TRANSFER", "hold");
    script(f, releasing, "RELEASE", "hold");
    script(f, releasing, "TRANSFER_PRECHECK", "error");
    script(f, ".", "TRANSFER_PRECHECK", "hold");
    start_by_row(f, copy);
    start_by_row(f, live);
    start_by_row(f, releasing);
    p.body = make_body(f, STRUCT_FULL);
    assert_ok(store_precheck_add(f->store, &p, &err));
    json_putp(&p.body);
    store_close(take_ptr(f->store));
    box_close(take_ptr(f->box));

    pid = run_daemon(f);
    open_store(f);
    wait_step(f, copy, "FULL_TRANSFER", SS_RUNNING);
    wait_step(f, live, "INCR_TRANSFER", SS_MONITORING);
    wait_status(f, releasing, PS_FAILED);
    WAIT_FOR(strstr(get_file(f, ".", "starts"), "TRANSFER_PRECHECK") != NULL);
    kill_daemon(pid);

    /* as if it had been killed right after a user's requests */
    assert_int_equal(store_project_move(f->store, releasing, PS_FAILED, PS_RELEASING, "test", &err),
                     1);
    start_flow(f);
    WAIT_FOR(flow_worker_alive(f->flow, copy, "FULL_TRANSFER"));
    WAIT_FOR(flow_worker_alive(f->flow, live, "TRANSFER_INCR_LOG_PULL"));
    WAIT_FOR(flow_worker_alive(f->flow, live, "INCR_TRANSFER"));
    WAIT_FOR(flow_worker_alive(f->flow, releasing, "RELEASE"));
    WAIT_FOR(flow_worker_alive(f->flow, p.id, "TRANSFER_PRECHECK"));
    assert_int_equal(step_of(f, live, "INCR_TRANSFER").status, SS_MONITORING);
    go(f, copy, "FULL_TRANSFER");
    go(f, releasing, "RELEASE");
    go(f, ".", "TRANSFER_PRECHECK");
    wait_status(f, copy, PS_FINISHED);
    wait_status(f, releasing, PS_RELEASED);
    for (;;) {
        _cleanup_(precheck_freep)
        struct precheck *got = NULL;
        assert_ok(store_precheck_get(f->store, p.id, &got, &err));
        if (strcmp(got->status, "FINISHED") == 0)
            break;
        (void)poll(NULL, 0, 10);
    }
}

static void killed_again_and_again_it_still_ends(void **state)
{
    struct fixture *f = *state;
    char id[8][ID_MAX];

    open_store(f);
    for (size_t i = 0; i < ARRAY_SIZE(id); i++) {
        add_project(f, STRUCT_FULL, id[i]);
        start_by_row(f, id[i]);
    }
    store_close(take_ptr(f->store));
    box_close(take_ptr(f->box));
    for (int i = 0; i < 15; i++) {
        pid_t pid = run_daemon(f);
        (void)poll(NULL, 0, 3 * i); /* a random moment: more and more gets done before it */
        kill_daemon(pid);
    }
    open_store(f);
    start_flow(f);
    for (size_t i = 0; i < ARRAY_SIZE(id); i++)
        wait_status(f, id[i], PS_FINISHED);
}

/* The rows of a pause that a killed daemon did not come to. */
static void a_pause_is_completed(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX];

    open_store(f);
    add_project(f, STRUCT_FULL, id);
    start_by_row(f, id);
    start_flow(f);
    wait_status(f, id, PS_FINISHED);
    flow_free(take_ptr(f->flow));
    assert_int_equal(store_project_move(f->store, id, PS_FINISHED, PS_SUSPEND, "test", &err), 1);
    assert_int_equal(store_step_move(f->store, id, "FULL_TRANSFER", ~0U, SS_RUNNING, &err), 1);
    start_flow(f);
    wait_step(f, id, "FULL_TRANSFER", SS_SUSPEND);
    assert_false(flow_worker_alive(f->flow, id, "FULL_TRANSFER"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST_CLOSED(a_killed_daemon_goes_on_where_it_was),
        TEST_CLOSED(killed_again_and_again_it_still_ends),
        TEST_CLOSED(a_pause_is_completed),
        TEST(a_stopped_flow_leaves_rows_and_goes_on),
        TEST(stopping_takes_no_longer_than_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
