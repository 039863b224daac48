/* The supervisor by itself, with steps and answers of the test's own. */
#include <signal.h>

#include "flow/supervisor.h"
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

static const struct plan_row ordinary = { .name = "ORDINARY", .kind = "full" };
static const struct plan_row other = { .name = "OTHER", .kind = "full" };
static const struct plan_row limited = { .name = "LIMITED", .kind = "full", .limit_s = 1 };
static const struct plan_row mute = { .name = "MUTE", .kind = "full" };

struct rig {
    char dir[64];
    struct supervisor *sup;
    int assignment_errors; /* so many starts fail with… */
    enum err_code assignment_code;
    size_t padding;     /* bytes put into the assignment */
    int end_answers[8]; /* what ended() answers, one after the other; then 0 */
    int ends, starts, messages;
    enum job_end last_end;
    struct err last_why;
    enum err_code message_code; /* what message() fails with, once */
};

static int starting(void *ctx, struct job *job, struct json_object **ret, struct err *err)
{
    struct rig *r = ctx;
    struct json_object *o;

    r->starts++;
    if (r->assignment_errors > 0) {
        r->assignment_errors--;
        return err_set(err, r->assignment_code, "no assignment");
    }
    o = json_object_new_object();
    json_add_str(o, "dataDir", r->dir);
    json_add_str(o, "step", job->step->name);
    json_add_str(o, "kind", job->step->kind);
    if (r->padding > 0) {
        char *text = calloc(1, r->padding + 1);
        memset(text, 'x', r->padding);
        json_add_str(o, "padding", text);
        free(text);
    }
    *ret = o;
    return 0;
}

static int message(void *ctx, struct job *job, struct json_object *doc, struct err *err)
{
    struct rig *r = ctx;

    (void)job;
    (void)doc;
    r->messages++;
    if (r->message_code != ERR_NONE) {
        enum err_code code = r->message_code;
        r->message_code = ERR_NONE;
        return err_set(err, code, "could not be stored");
    }
    return 0;
}

static int ended(void *ctx, struct job *job, enum job_end how, const struct err *why)
{
    struct rig *r = ctx;

    (void)job;
    r->last_end = how;
    if (why != NULL)
        r->last_why = *why;
    return r->ends < (int)ARRAY_SIZE(r->end_answers) ? r->end_answers[r->ends++] : 0;
}

static void forget(void *ctx, struct job *job)
{
    (void)ctx;
    (void)job;
}

static int rig_up(void **state)
{
    static struct rig r;
    struct supervisor_options o = {
        .calls = { &r, starting, message, ended, forget },
        .worker_path = FAKE_WORKER,
        .max_workers = 2,
    };
    struct err err = { 0 };

    r = (struct rig){ 0 };
    log_setup(getenv("CW_LOG") != NULL ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    (void)snprintf(r.dir, sizeof(r.dir), "/tmp/cw-sup-XXXXXX");
    *state = &r;
    return mkdtemp(r.dir) == NULL ? -1 : supervisor_new(&o, &r.sup, &err);
}

static int rig_down(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    supervisor_free(take_ptr(r->sup));
    return fs_remove_tree(r->dir, &err);
}

static void set_script(struct rig *r, const char *step, const char *text)
{
    char path[256];
    struct err err = { 0 };

    (void)snprintf(path, sizeof(path), "%s/script.%s", r->dir, step);
    assert_ok(fs_write_atomic(path, text, strlen(text), 0600, &err));
}

/* Turns until a condition holds. */
#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t until_ = clock_mono_ms() + WAIT_S * 1000;                                          \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > until_)                                                          \
                fail_msg("not within %d s: %s", WAIT_S, #condition);                               \
            assert_ok(supervisor_turn(r->sup, 50, &err));                                          \
        }                                                                                          \
    } while (0)

static void a_job_is_done_and_forgotten(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err)); /* twice is once */
    assert_true(supervisor_has(r->sup, "np_1"));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->starts, 1);
    assert_int_equal(r->last_end, JOB_DONE);
}

static void an_end_is_told_until_it_is_stored(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    r->end_answers[0] = r->end_answers[1] = -1;
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->ends, 3);
    assert_int_equal(r->starts, 1);
    assert_int_equal(r->last_end, JOB_DONE);
}

static void an_end_may_be_answered_by_another_start(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    r->end_answers[0] = 1;
    set_script(r, "ORDINARY", "error 1");
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->starts, 2);
    assert_int_equal(r->last_end, JOB_DONE);
}

static void who_takes_too_long_is_killed(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    set_script(r, "LIMITED", "trouble");
    assert_ok(supervisor_want(r->sup, "np_1", &limited, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->last_end, JOB_LATE);
    assert_int_equal(r->last_why.code, ERR_TIMEOUT);
    assert_non_null(strstr(r->last_why.message, "longer than 1 s"));
    assert_non_null(strstr(r->last_why.message, "connection to source lost"));
}

/* Deaths and new starts are all within the one limit. */
static void the_limit_is_for_all_starts_together(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    set_script(r, "LIMITED", "kill");
    assert_ok(supervisor_want(r->sup, "np_1", &limited, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->last_end, JOB_LATE);
    assert_true(r->starts > 1);
}

static void who_does_not_read_holds_up_nobody(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    r->padding = 4 << 20; /* many times a socket's buffer */
    assert_ok(supervisor_want(r->sup, "np_1", &mute, 1, &err));
    assert_ok(supervisor_turn(r->sup, 0, &err));
    assert_true(supervisor_alive(r->sup, "np_1", "MUTE"));
    assert_ok(supervisor_want(r->sup, "np_2", &ordinary, 1, &err));
    TURN_UNTIL(!supervisor_has(r->sup, "np_2")); /* and all of a large assignment arrives */
    assert_int_equal(r->last_end, JOB_DONE);
}

static void our_own_faults_are_not_its_deaths(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    r->message_code = ERR_STORE_BUSY;
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->starts, 2);
    assert_int_equal(r->last_end, JOB_DONE);
}

static void a_missing_assignment_fails_or_is_tried_again(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    r->assignment_errors = 1;
    r->assignment_code = ERR_STORE_BUSY;
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->starts, 2);
    assert_int_equal(r->last_end, JOB_DONE);
    r->assignment_errors = 1;
    r->assignment_code = ERR_KEYFILE;
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_int_equal(r->starts, 3);
    assert_int_equal(r->last_end, JOB_FAILED);
    assert_int_equal(r->last_why.code, ERR_KEYFILE);
}

static void slots_are_given_in_order_and_kept(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    set_script(r, "ORDINARY", "hold");
    set_script(r, "OTHER", "hold");
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 2, &err)); /* all there are */
    assert_ok(supervisor_want(r->sup, "np_2", &ordinary, 1, &err));
    TURN_UNTIL(r->starts == 1);
    assert_ok(supervisor_want(r->sup, "np_1", &other, 2, &err)); /* its second one: at once */
    TURN_UNTIL(supervisor_alive(r->sup, "np_1", "OTHER"));
    assert_false(supervisor_alive(r->sup, "np_2", "ORDINARY"));
    supervisor_drop(r->sup, "np_1", &ordinary);
    supervisor_drop(r->sup, "np_1", &other);
    TURN_UNTIL(supervisor_alive(r->sup, "np_2", "ORDINARY"));
    assert_false(supervisor_has(r->sup, "np_1"));
    assert_int_equal(r->last_end, JOB_STOPPED);
    supervisor_drop_others(r->sup, "np_2", NULL, 0);
    TURN_UNTIL(supervisor_idle(r->sup));
}

static void one_that_waits_is_dropped_without_a_word(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    supervisor_drop(r->sup, "np_1", &ordinary);
    assert_true(supervisor_idle(r->sup));
    assert_ok(supervisor_turn(r->sup, 0, &err));
    assert_int_equal(r->ends, 0);
}

static void a_wake_ends_the_wait(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };
    int64_t from = clock_mono_ms();

    supervisor_wake(r->sup);
    assert_ok(supervisor_turn(r->sup, 60000, &err));
    assert_true(clock_mono_ms() - from < 30000); /* it did not sit out the minute */
}

static void stop_all_leaves_nobody(void **state)
{
    struct rig *r = *state;
    struct err err = { 0 };

    set_script(r, "ORDINARY", "deaf");
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    assert_ok(supervisor_want(r->sup, "np_2", &mute, 1, &err));
    TURN_UNTIL(r->messages > 2);
    supervisor_stop_all(r->sup, clock_mono_ms() + 500);
    TURN_UNTIL(supervisor_idle(r->sup));
    assert_ok(supervisor_want(r->sup, "np_1", &ordinary, 1, &err));
    assert_true(supervisor_idle(r->sup)); /* nothing is started any more */
}

#define RIG(name) cmocka_unit_test_setup_teardown(name, rig_up, rig_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RIG(a_job_is_done_and_forgotten),
        RIG(an_end_is_told_until_it_is_stored),
        RIG(an_end_may_be_answered_by_another_start),
        RIG(who_takes_too_long_is_killed),
        RIG(the_limit_is_for_all_starts_together),
        RIG(who_does_not_read_holds_up_nobody),
        RIG(our_own_faults_are_not_its_deaths),
        RIG(a_missing_assignment_fails_or_is_tried_again),
        RIG(slots_are_given_in_order_and_kept),
        RIG(one_that_waits_is_dropped_without_a_word),
        RIG(a_wake_ends_the_wait),
        RIG(stop_all_leaves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
