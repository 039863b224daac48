/* What a person decides or changes while a project stands still, on its way to the workers. */
#include "store/ddl.h"
#include "store/reset.h"
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

#define ONLY_INCR "{\"enableIncrTransfer\":true}"
#define PULL "TRANSFER_INCR_LOG_PULL"
#define APPLY "INCR_TRANSFER"

static int lines(const char *text, const char *line)
{
    int n = 0;

    for (; (text = strstr(text, line)) != NULL; text += strlen(line))
        n++;
    return n;
}

/* The assignment of the last start of a step; the caller's. */
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

static struct json_object *statements(struct fixture *f, const char *id, bool all)
{
    static const struct page page = { .number = 1, .size = 10 };
    struct json_object *list = NULL;
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_ddl_list(f->store, id, all, &page, &list, &total, &err));
    return list;
}

static void a_step_stops_at_a_statement_until_it_is_decided(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *pending = NULL;
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    struct json_object *decision;
    struct step_copy c;
    char id[ID_MAX];

    add_project(f, ONLY_INCR, id);
    script(f, id, APPLY, "ddl");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    c = step_of(f, id, APPLY);
    assert_string_equal(c.message, "the target refuses ALTER TABLE t");
    assert_non_null(strstr(c.advice, "ListPendingDdl shows statement b.1:9"));
    assert_non_null(strstr(c.advice, "ReplaceDdl"));
    pending = statements(f, id, false);
    assert_int_equal(json_len(pending), 1);
    assert_string_equal(json_get_str(json_at(pending, 0), "id", ""), "b.1:9");
    assert_string_equal(json_get_str(json_at(pending, 0), "message", ""), "refused by the target");

    request(f, id, FLOW_RESUME); /* undecided: it stops there again */
    WAIT_FOR(lines(get_file(f, id, "starts"), APPLY "\n") == 2);
    wait_status(f, id, PS_FAILED);
    assert_ok(store_ddl_decide(f->store, id, "b.1:9", NULL, "ann", &err));
    request(f, id, FLOW_RESUME);
    wait_step(f, id, APPLY, SS_MONITORING);
    task = assignment(f, id, APPLY);
    decision = json_at(json_get_array(task, "ddlDecisions"), 0);
    assert_string_equal(json_get_str(decision, "id", ""), "b.1:9");
    assert_string_equal(json_get_str(decision, "action", ""), "SKIP");
    assert_string_equal(json_get_str(decision, "statement", ""), "ALTER TABLE t ADD x INT");
    json_putp(&pending);
    pending = statements(f, id, false);
    assert_int_equal(json_len(pending), 0);
    json_putp(&pending);
    pending = statements(f, id, true);
    assert_int_equal(json_len(pending), 2);
    assert_string_equal(json_get_str(json_at(pending, 0), "status", ""), "SKIPPED");
}

static void what_is_told_of_a_statement_is_bounded(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *all = NULL;
    size_t len;
    char id[ID_MAX];

    add_project(f, ONLY_INCR, id);
    script(f, id, APPLY, "longddl");
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    all = statements(f, id, true);
    len = strlen(json_get_str(json_at(all, 0), "sql", ""));
    assert_int_equal(len, DDL_TEXT_MAX / 3 * 3); /* not within a character */
    assert_int_equal(json_len(json_get_array(json_at(all, 0), "objects")), 1000);
}

static void defaults_reach_projects_of_an_older_version(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    _cleanup_(json_putp)
    struct json_object *pull = NULL;
    struct json_object *incr;
    char id[ID_MAX];

    add_project(f, "{\"enableIncrTransfer\":true,\"incrTransferConfig\":{\"a\":1}}", id);
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    task = assignment(f, id, APPLY);
    incr = json_get(task, "incrConfig");
    assert_int_equal(json_get_i64(incr, "a", 0), 1);
    assert_non_null(json_get_array(incr, "supportDDLTypes"));
    assert_true(json_get_bool(incr, "adaptOnlineDdl", false));
    assert_non_null(json_get_array(json_get(task, "structConfig"), "collationMapping"));
    assert_non_null(json_get_array(task, "ddlDecisions"));
    pull = assignment(f, id, PULL);
    assert_null(json_get(pull, "ddlDecisions"));
    assert_null(json_get(pull, "resetId"));
}

/* A stop that the flow never gets to see: its row alone, as when a resume follows in one breath. */
static void stop_unseen(struct fixture *f, const char *id)
{
    struct err err = { 0 };

    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_SUSPEND, "stopped", &err), 1);
}

static void a_reset_reaches_the_log_pull_and_holds_back_the_rest(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct reset reset = { 0 }, waiting = { 0 };
    _cleanup_(json_putp)
    struct json_object *task = NULL;
    int applies;
    char id[ID_MAX];

    add_project(f, ONLY_INCR, id);
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    script(f, id, PULL, "hold");
    stop_unseen(f, id);
    assert_int_equal(
        store_reset_request(f->store, id, 1U << PS_SUSPEND, 1700000000, "ann", &reset, &err), 1);
    request(f, id, FLOW_RESUME);
    WAIT_FOR(lines(get_file(f, id, "starts"), PULL "\n") == 2);
    wait_step(f, id, PULL, SS_RUNNING);
    WAIT_FOR(!flow_worker_alive(f->flow, id, APPLY));
    applies = lines(get_file(f, id, "starts"), APPLY "\n");
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, reset.id);
    go(f, id, PULL);
    wait_step(f, id, PULL, SS_FINISHED);
    WAIT_FOR(lines(get_file(f, id, "starts"), APPLY "\n") == applies + 1);
    task = assignment(f, id, PULL);
    assert_string_equal(json_get_str(task, "resetId", ""), reset.id);
    assert_int_equal(json_get_i64(task, "resetStartTimestamp", 0), 1700000000);
    assert_ok(store_reset_waiting(f->store, id, &waiting, &err));
    assert_string_equal(waiting.id, "");

    wait_step(f, id, APPLY, SS_MONITORING);
    request(f, id, FLOW_STOP);
    request(f, id, FLOW_RESUME);
    WAIT_FOR(strstr(get_file(f, id, "assignment." PULL), "resetId") == NULL);
}

static void another_host_reaches_every_worker(void **state)
{
    static const char *const steps[] = { PULL, APPLY };
    const struct source_change change = { .host = "db2.example" };
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    char id[ID_MAX];

    add_project(f, ONLY_INCR, id);
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_int_equal(store_source_update(f->store, p->source_id, &change, "ann", &err), -1);
    assert_int_equal(err.code, ERR_IN_USE);
    stop_unseen(f, id);
    assert_ok(store_source_update(f->store, p->source_id, &change, "ann", &err));
    request(f, id, FLOW_RESUME);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        _cleanup_(json_putp)
        struct json_object *task = NULL;
        char name[64];
        (void)snprintf(name, sizeof(name), "assignment.%s", steps[i]);
        WAIT_FOR(strstr(get_file(f, id, name), "db2.example") != NULL);
        task = assignment(f, id, steps[i]);
        assert_string_equal(json_get_str(json_get(task, "source"), "host", ""), "db2.example");
        assert_string_equal(json_get_str(json_get(task, "source"), "password", ""), PASSWORD);
        assert_string_equal(json_get_str(json_get(task, "sink"), "host", ""), "127.0.0.1");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_step_stops_at_a_statement_until_it_is_decided),
        TEST(what_is_told_of_a_statement_is_bounded),
        TEST(defaults_reach_projects_of_an_older_version),
        TEST(a_reset_reaches_the_log_pull_and_holds_back_the_rest),
        TEST(another_host_reaches_every_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
