/* Full verification as the flow sees it: when it runs, what it leaves, what never suffers by it. */
#include "base/strbuf.h"
#include "flow/plan.h"
#include "store/pair.h"
#include "store/verify.h"
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

#define COPY "{\"enableFullTransfer\":true,\"enableFullVerify\":true}"
#define COPY_ONLY "{\"enableFullTransfer\":true}"
#define FOLLOW                                                                                     \
    "{\"type\":\"MIGRATION\",\"enableFullTransfer\":true,\"enableIncrTransfer\":true,"             \
    "\"enableFullVerify\":true}"
#define FOLLOW_ONLY "{\"enableFullTransfer\":true,\"enableIncrTransfer\":true}"
#define APPLY "INCR_TRANSFER"

static struct json_object *assignment(struct fixture *f, const char *id, const char *step)
{
    char name[64];
    const char *text;
    struct json_object *o = NULL;
    struct err err = { 0 };

    (void)snprintf(name, sizeof(name), "assignment.%s", step);
    text = get_file(f, id, name);
    assert_ok(json_parse(text, strlen(text), 32, &o, &err));
    return o;
}

static int starts(struct fixture *f, const char *id, const char *step)
{
    const char *text = get_file(f, id, "starts");
    char line[64];
    int n = 0;

    (void)snprintf(line, sizeof(line), "%s\n", step);
    for (; (text = strstr(text, line)) != NULL; text += strlen(line))
        n++;
    return n;
}

static struct json_object *tables_of(struct fixture *f, const char *id)
{
    const struct verify_filter all = { .page = { .number = 1, .size = 100 } };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_verify_list(f->store, id, &all, &list, &total, &err));
    assert_int_equal(total, json_len(list));
    return list;
}

static struct json_object *rows_of(struct fixture *f, const char *id)
{
    const struct verify_rows all = { .page = { .number = 1, .size = 100 } };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_verify_rows(f->store, id, &all, &list, &total, &err));
    return list;
}

static int64_t different(struct fixture *f, const char *id)
{
    struct verify_counts c = { 0 };
    struct err err = { 0 };

    assert_ok(store_verify_count(f->store, id, NULL, &c, &err));
    return c.different;
}

static const char *table_status(struct fixture *f, const char *id, const char *table)
{
    static char text[32];
    _cleanup_(json_putp)
    struct json_object *list = tables_of(f, id);

    text[0] = '\0';
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "table", ""), table) == 0)
            (void)snprintf(text, sizeof(text), "%s", json_get_str(json_at(list, i), "status", ""));
    return text;
}

static int events(struct fixture *f, const char *id, const char *event)
{
    const struct event_filter filter = { .event = event };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_event_find(f->store, id, &filter, 0, 10, &list, &total, &err));
    json_putp(&list);
    return (int)total;
}

static enum verify_state run_state(struct fixture *f, const char *id)
{
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    struct err err = { 0 };

    assert_ok(store_verify_run(f->store, id, &run, &err));
    return run.id[0] != '\0' ? run.state : VS_OPEN;
}

static void a_copy_is_verified_and_finished(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    struct json_object *section;
    char id[ID_MAX];

    add_project(f, COPY, id);
    script(f, id, STEP_VERIFY, "compare");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FINISHED);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_FINISHED);
    assert_int_equal(different(f, id), 1);
    assert_int_equal(events(f, id, "verify_differs"), 1);
    task = assignment(f, id, STEP_VERIFY);
    assert_string_equal(json_get_str(task, "kind", ""), "verify");
    section = json_get(task, "verify");
    assert_string_equal(json_get_str(section, "mode", ""), "NORMAL");
    assert_int_equal(json_get_i64(section, "workerNum", 0), 8);
    assert_int_equal(json_get_i64(section, "batchRows", 0), 600);
    assert_int_equal(json_get_i64(section, "maxRows", 0), 1000);
    assert_null(json_get(section, "tables"));
    assert_null(json_get(json_get(section, "watch"), "source"));
    assert_null(json_get(section, "mend"));
}

/* The ODC client takes a migration for done when the step is RUNNING with progress 100. */
static void beside_incremental_it_stays_running(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    char id[ID_MAX], path[512];

    add_project(f, FOLLOW, id);
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    WAIT_FOR(run_state(f, id) == VS_DONE);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_RUNNING);
    assert_true(step_of(f, id, STEP_VERIFY).progress > 99.9);
    WAIT_FOR(!flow_worker_alive(f->flow, id, STEP_VERIFY));
    assert_int_equal(different(f, id), 0);
    assert_int_equal(events(f, id, "verify_done"), 1);
    task = assignment(f, id, STEP_VERIFY);
    (void)snprintf(path, sizeof(path), "%s/projects/%s/touched", f->dir, id);
    assert_string_equal(json_get_str(json_get(json_get(task, "verify"), "watch"), "source", ""),
                        path);

    request(f, id, FLOW_STOP); /* and it is through still after a pause */
    wait_step(f, id, STEP_VERIFY, SS_SUSPEND);
    request(f, id, FLOW_RESUME);
    wait_step(f, id, STEP_VERIFY, SS_RUNNING);
    wait_step(f, id, APPLY, SS_MONITORING);
    assert_int_equal(starts(f, id, STEP_VERIFY), 1);
    assert_true(step_of(f, id, STEP_VERIFY).progress > 99.9);
}

static void a_synchronization_finishes_the_step(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];
    struct err err = { 0 };
    char type[] = "SYNC", name[] = "sync", owner[] = "admin";
    _cleanup_(json_putp)
    struct json_object *body = make_body(f, FOLLOW);
    struct project p = { .name = name, .type = type, .owner = owner, .config = body };

    (void)snprintf(p.source_id, ID_MAX, "%s", json_get_str(body, "sourceEndpointId", ""));
    (void)snprintf(p.sink_id, ID_MAX, "%s", json_get_str(body, "sinkEndpointId", ""));
    assert_ok(store_project_add(f->store, &p, &err));
    (void)snprintf(id, sizeof(id), "%s", p.id);
    request(f, id, FLOW_START);
    wait_step(f, id, STEP_VERIFY, SS_FINISHED);
    assert_int_equal(status_of(f, id), PS_RUNNING);
}

static void it_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    struct json_object *section, *open;
    char id[ID_MAX];

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "half");
    request(f, id, FLOW_START);
    WAIT_FOR(strcmp(table_status(f, id, "t"), "RUNNING") == 0);
    request(f, id, FLOW_STOP);
    WAIT_FOR(strcmp(table_status(f, id, "t"), "SUSPEND") == 0);
    assert_string_equal(table_status(f, id, "a"), "FINISHED");
    wait_step(f, id, STEP_VERIFY, SS_SUSPEND);
    go(f, id, STEP_VERIFY);
    request(f, id, FLOW_RESUME);
    WAIT_FOR(run_state(f, id) == VS_DONE);
    task = assignment(f, id, STEP_VERIFY);
    section = json_get(task, "verify");
    assert_int_equal(json_len(json_get_array(section, "done")), 1);
    open = json_at(json_get_array(section, "open"), 0);
    assert_string_equal(json_get_str(open, "table", ""), "t");
    assert_int_equal(json_get_i64(json_get(open, "resume"), "chunk", 0), 7);
    assert_int_equal(json_get_i64(open, "mismatched", 0), 2);
    assert_string_equal(json_get_str(json_get(json_get(open, "position"), "source"), "file", ""),
                        "b.1");
}

static void failing_it_stops_nothing_else(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "error");
    request(f, id, FLOW_START);
    wait_step(f, id, STEP_VERIFY, SS_FAILED);
    assert_string_equal(step_of(f, id, STEP_VERIFY).message, "table shop.orders is not empty");
    assert_int_equal(events(f, id, "verify_failed"), 1);
    assert_int_equal(status_of(f, id), PS_RUNNING);
    assert_int_equal(step_of(f, id, APPLY).status, SS_MONITORING);
    assert_true(flow_worker_alive(f->flow, id, APPLY));

    remove_script(f, id, STEP_VERIFY);
    request(f, id, FLOW_RESUME); /* of a project that is RUNNING: what had failed */
    WAIT_FOR(run_state(f, id) == VS_DONE);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_RUNNING);
    assert_int_equal(starts(f, id, APPLY), 1);
}

static void failing_it_alone_fails_the_project(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], next[64];
    struct err err = { 0 };

    add_project(f, COPY, id);
    script(f, id, STEP_VERIFY, "error");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_FAILED);
    assert_int_equal(flow_verify_skip(f->flow, id, "ann", next, &err), 1);
    request(f, id, FLOW_RESUME);
    wait_status(f, id, PS_FINISHED);
    assert_int_equal(starts(f, id, STEP_VERIFY), 1);
    assert_int_equal(events(f, id, "verify_skipped"), 1);
}

static void it_can_be_asked_for_at_any_time(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *named = NULL;
    struct step *steps = NULL;
    size_t count = 0;
    char id[ID_MAX];
    struct err err = { 0 };

    add_project(f, FOLLOW_ONLY, id);
    assert_int_equal(flow_verify_start(f->flow, id, NULL, "ann", &err), -1);
    assert_int_equal(err.code, ERR_STATE); /* INIT */
    script(f, id, "FULL_TRANSFER", "hold");
    request(f, id, FLOW_START);
    wait_step(f, id, "FULL_TRANSFER", SS_RUNNING);
    err_reset(&err);
    assert_int_equal(flow_verify_start(f->flow, id, NULL, "ann", &err), -1);
    assert_non_null(strstr(err.message, "step FULL_TRANSFER is RUNNING"));
    go(f, id, "FULL_TRANSFER");
    wait_step(f, id, APPLY, SS_MONITORING);
    script(f, id, STEP_VERIFY, "compare");
    assert_ok(flow_verify_start(f->flow, id, NULL, "ann", &err));
    WAIT_FOR(run_state(f, id) == VS_DONE);
    assert_int_equal(different(f, id), 1);
    assert_ok(store_step_list(f->store, id, &steps, &count, &err));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(steps[i].order, i + 1);
    assert_string_equal(steps[4].name, STEP_VERIFY);
    step_list_free(steps, count);

    /* of one table: the other's result stays */
    remove_script(f, id, STEP_VERIFY);
    assert_ok(json_parse("[{\"db\":\"shop\",\"table\":\"t\"}]",
                         strlen("[{\"db\":\"shop\",\"table\":\"t\"}]"), 8, &named, &err));
    script(f, id, STEP_VERIFY, "hold");
    assert_ok(flow_verify_start(f->flow, id, named, "ann", &err));
    assert_string_equal(table_status(f, id, "t"), "");
    assert_string_equal(table_status(f, id, "a"), "FINISHED");
    WAIT_FOR(starts(f, id, STEP_VERIFY) == 2);
    err_reset(&err);
    assert_int_equal(flow_verify_start(f->flow, id, NULL, "ann", &err), -1);
    assert_non_null(strstr(err.message, "a verification is running"));
    go(f, id, STEP_VERIFY);
    WAIT_FOR(run_state(f, id) == VS_DONE);
    /* the worker told nothing of it: that is no proof of anything */
    assert_string_equal(table_status(f, id, "t"), "ERROR");
    assert_int_equal(different(f, id), 1);
}

static void a_finished_copy_is_compared_again(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];
    struct err err = { 0 };

    add_project(f, COPY_ONLY, id);
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FINISHED);
    script(f, id, STEP_VERIFY, "compare");
    assert_ok(flow_verify_start(f->flow, id, NULL, "ann", &err));
    WAIT_FOR(run_state(f, id) == VS_DONE);
    wait_status(f, id, PS_FINISHED);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_FINISHED);
    assert_int_equal(starts(f, id, "FULL_TRANSFER"), 1);
}

static void a_person_skips_it(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], next[64];
    struct err err = { 0 };

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "half");
    assert_int_equal(flow_verify_skip(f->flow, id, "ann", next, &err), 0);
    request(f, id, FLOW_START);
    WAIT_FOR(strcmp(table_status(f, id, "t"), "RUNNING") == 0);
    assert_int_equal(flow_verify_skip(f->flow, id, "ann", next, &err), 1);
    assert_string_equal(next, "");
    assert_int_equal(flow_verify_skip(f->flow, id, "ann", next, &err), 0);
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_FINISHED);
    WAIT_FOR(!flow_worker_alive(f->flow, id, STEP_VERIFY));
    assert_string_equal(table_status(f, id, "t"), "SUSPEND");
    assert_int_equal(step_of(f, id, STEP_VERIFY).status, SS_FINISHED);
    assert_true(flow_worker_alive(f->flow, id, APPLY));
}

static void chosen_rows_are_corrected(void **state)
{
    struct fixture *f = *state;
    const struct verify_rows all = { 0 };
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    _cleanup_(json_putp)
    struct json_object *ids = json_object_new_array();
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    struct verify_rows one = { .ids = ids };
    struct json_object *sent;
    bool applying = true;
    char id[ID_MAX];
    struct err err = { 0 };

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "compare");
    request(f, id, FLOW_START);
    WAIT_FOR(run_state(f, id) == VS_DONE);
    rows = rows_of(f, id);
    assert_int_equal(json_len(rows), 2);
    assert_null(json_get(json_at(rows, 0), "keyHex"));
    assert_string_equal(json_get_str(json_at(rows, 0), "state", ""), "OPEN");
    json_object_array_add(ids, json_object_new_string(json_get_str(json_at(rows, 0), "id", "")));
    assert_int_equal(flow_verify_apply(f->flow, id, &one, "ann", &err), 1);
    WAIT_FOR(events(f, id, "corrections_applied") == 1);
    json_putp(&rows);
    rows = rows_of(f, id);
    assert_string_equal(json_get_str(json_at(rows, 0), "state", ""), "APPLIED");
    assert_string_equal(json_get_str(json_at(rows, 1), "state", ""), "OPEN");
    task = assignment(f, id, STEP_MEND);
    sent = json_get_array(json_get(json_get(task, "verify"), "mend"), "rows");
    assert_int_equal(json_len(sent), 1);
    assert_string_equal(json_get_str(json_at(sent, 0), "keyHex", ""), "0131");
    assert_string_equal(json_get_str(json_at(sent, 0), "type", ""), "MISMATCHED");

    assert_int_equal(flow_verify_apply(f->flow, id, &all, "ann", &err), 1); /* the other one */
    WAIT_FOR(events(f, id, "corrections_applied") == 2);
    json_putp(&rows);
    rows = rows_of(f, id);
    assert_string_equal(json_get_str(json_at(rows, 1), "state", ""), "FAILED");
    assert_string_equal(json_get_str(json_at(rows, 1), "message", ""), "refused by the target");
    assert_ok(store_verify_applying(f->store, id, &applying, &err));
    assert_false(applying);
    assert_int_equal(status_of(f, id), PS_RUNNING);
}

static void corrections_survive_their_worker(void **state)
{
    struct fixture *f = *state;
    const struct verify_rows all = { 0 };
    char id[ID_MAX];
    struct err err = { 0 };

    add_project(f, COPY, id);
    script(f, id, STEP_VERIFY, "compare");
    script(f, id, STEP_MEND, "kill 1");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FINISHED);
    assert_int_equal(flow_verify_apply(f->flow, id, &all, "ann", &err), 2);
    WAIT_FOR(events(f, id, "corrections_applied") == 1);
    assert_int_equal(starts(f, id, STEP_MEND), 2);
    wait_status(f, id, PS_FINISHED);
}

static void what_is_malformed_kills_the_worker(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "badtable 1");
    request(f, id, FLOW_START);
    WAIT_FOR(starts(f, id, STEP_VERIFY) == 2);
    WAIT_FOR(run_state(f, id) == VS_DONE);
}

static void the_continuous_check_stands_beside(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX];

    add_project(f, "{\"enableIncrTransfer\":true,\"enableIncrVerify\":true}", id);
    script(f, id, STEP_WATCH, "found");
    request(f, id, FLOW_START);
    wait_step(f, id, STEP_WATCH, SS_MONITORING);
    assert_int_equal(events(f, id, "row_differs"), 1);
    assert_int_equal(different(f, id), 1);
    assert_string_equal(table_status(f, id, "w"), "FINISHED");

    request(f, id, FLOW_STOP);
    wait_step(f, id, STEP_WATCH, SS_SUSPEND);
    script(f, id, STEP_WATCH, "error");
    request(f, id, FLOW_RESUME);
    wait_step(f, id, STEP_WATCH, SS_FAILED);
    assert_int_equal(status_of(f, id), PS_RUNNING);
    assert_int_equal(step_of(f, id, APPLY).status, SS_MONITORING);
}

/* The other direction's changes are looked for as soon as it follows. */
static void both_directions_are_watched(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], back[ID_MAX], path[512];
    char type[] = "MIGRATION", name[] = "back", owner[] = "admin";
    _cleanup_(json_putp)
    struct json_object *body = make_body(f, "{\"enableIncrTransfer\":true}");
    struct project p = { .name = name, .type = type, .owner = owner, .config = body };
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    struct err err = { 0 };

    add_project(f, FOLLOW, id);
    script(f, id, STEP_VERIFY, "half");
    request(f, id, FLOW_START);
    WAIT_FOR(strcmp(table_status(f, id, "t"), "RUNNING") == 0);
    (void)snprintf(p.source_id, ID_MAX, "%s", json_get_str(body, "sourceEndpointId", ""));
    (void)snprintf(p.sink_id, ID_MAX, "%s", json_get_str(body, "sinkEndpointId", ""));
    p.reverse = true;
    (void)snprintf(p.forward_id, ID_MAX, "%s", id);
    assert_ok(store_project_add(f->store, &p, &err));
    (void)snprintf(back, sizeof(back), "%s", p.id);
    request(f, back, FLOW_START);
    wait_step(f, back, APPLY, SS_MONITORING);
    WAIT_FOR(starts(f, id, STEP_VERIFY) == 2);
    task = assignment(f, id, STEP_VERIFY);
    (void)snprintf(path, sizeof(path), "%s/projects/%s/touched", f->dir, back);
    assert_string_equal(json_get_str(json_get(json_get(task, "verify"), "watch"), "sink", ""),
                        path);
    go(f, id, STEP_VERIFY);
    WAIT_FOR(run_state(f, id) == VS_DONE);

    request(f, back, FLOW_STOP); /* what it has not carried would be found as differences */
    wait_status(f, back, PS_SUSPEND);
    assert_int_equal(flow_verify_start(f->flow, id, NULL, "ann", &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(err.message, back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_is_verified_and_finished),
        TEST(beside_incremental_it_stays_running),
        TEST(a_synchronization_finishes_the_step),
        TEST(it_goes_on_where_it_was),
        TEST(failing_it_stops_nothing_else),
        TEST(failing_it_alone_fails_the_project),
        TEST(it_can_be_asked_for_at_any_time),
        TEST(a_finished_copy_is_compared_again),
        TEST(a_person_skips_it),
        TEST(chosen_rows_are_corrected),
        TEST(corrections_survive_their_worker),
        TEST(what_is_malformed_kills_the_worker),
        TEST(the_continuous_check_stands_beside),
        TEST(both_directions_are_watched),
    };
    return cmocka_run_group_tests_name("flow_verify", tests, NULL, NULL);
}
