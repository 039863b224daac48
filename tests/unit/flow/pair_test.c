/* Two projects over one pair: what their workers are told, what they tell, and how both stop. */
#include "store/conflict.h"
#include "store/pair.h"
#include "tests/unit/flow/fixture.h"

#include "base/banned.h"

#define TWO_WAY                                                                                    \
    "{\"enableIncrTransfer\":true,\"commonTransferConfig\":{\"activeActive\":true},"               \
    "\"incrTransferConfig\":{\"conflictStrategy\":\"OVERWRITE\",\"conflictDetection\":\"ROW\"}}"
#define APPLY "INCR_TRANSFER"

static struct json_object *read_json(struct fixture *f, const char *id, const char *name)
{
    const char *text = get_file(f, id, name);
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_ok(json_parse(text, strlen(text), 32, &o, &err));
    return o;
}

static void add_reverse(struct fixture *f, const char *forward, char id[static ID_MAX])
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    char name[32], type[] = "MIGRATION", owner[] = "admin";
    struct project r = { .name = name, .type = type, .owner = owner, .reverse = true };
    struct err err = { 0 };

    assert_ok(store_project_get(f->store, forward, &p, &err));
    (void)snprintf(name, sizeof(name), "r%d", f->serial++);
    r.config = p->config;
    (void)snprintf(r.forward_id, ID_MAX, "%s", forward);
    (void)snprintf(r.source_id, ID_MAX, "%s", p->sink_id);
    (void)snprintf(r.sink_id, ID_MAX, "%s", p->source_id);
    assert_ok(store_project_add(f->store, &r, &err));
    (void)snprintf(id, ID_MAX, "%s", r.id);
}

static void each_worker_knows_its_direction(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *ahead = NULL;
    _cleanup_(json_putp)
    struct json_object *back = NULL;
    _cleanup_(json_putp)
    struct json_object *alone = NULL;
    struct json_object *pair;
    char id[ID_MAX], reverse[ID_MAX], other[ID_MAX];

    add_project(f, TWO_WAY, id);
    add_project(f, "{\"enableIncrTransfer\":true}", other);
    request(f, id, FLOW_START);
    request(f, other, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    add_reverse(f, id, reverse);
    request(f, reverse, FLOW_START);
    wait_step(f, reverse, APPLY, SS_MONITORING);
    wait_step(f, other, APPLY, SS_MONITORING);
    ahead = read_json(f, id, "assignment." APPLY);
    back = read_json(f, reverse, "assignment." APPLY);
    alone = read_json(f, other, "assignment." APPLY);
    pair = json_get(ahead, "pair");
    assert_string_equal(json_get_str(ahead, "direction", ""), "FORWARD");
    assert_true(json_get_bool(pair, "twoWay", false));
    assert_string_equal(json_get_str(pair, "forwardProjectId", "?"), "");
    assert_string_equal(json_get_str(pair, "peerProjectId", "?"), ""); /* there was none yet */
    pair = json_get(back, "pair");
    assert_string_equal(json_get_str(back, "direction", ""), "REVERSE");
    assert_string_equal(json_get_str(pair, "forwardProjectId", ""), id);
    assert_string_equal(json_get_str(pair, "peerProjectId", ""), id);
    assert_string_equal(json_get_str(pair, "peerStrategy", ""), "OVERWRITE");
    assert_string_equal(json_get_str(json_get(back, "source"), "endpointId", "a"),
                        json_get_str(json_get(ahead, "sink"), "endpointId", "b"));
    assert_false(json_get_bool(json_get(alone, "pair"), "twoWay", true));
    assert_string_equal(json_get_str(json_get(alone, "incrConfig"), "conflictStrategy", ""),
                        "FAIL");
    assert_string_equal(json_get_str(json_get(alone, "incrConfig"), "conflictDetection", ""),
                        "KEY");
}

static int64_t records(struct fixture *f, const char *id, struct json_object **ret)
{
    const struct conflict_filter any = { .page = { .number = 1, .size = 100 } };
    int64_t total = 0;
    struct err err = { 0 };

    assert_ok(store_conflict_list(f->store, id, &any, ret, &total, &err));
    return total;
}

static void conflicts_are_stored_then_acknowledged(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    _cleanup_(json_putp)
    struct json_object *stored = NULL;
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct err err = { 0 };
    char id[ID_MAX];

    add_project(f, TWO_WAY, id);
    script(f, id, APPLY, "conflicts");
    request(f, id, FLOW_START);
    WAIT_FOR(*get_file(f, id, "stored." APPLY) != '\0');
    assert_int_equal(records(f, id, &list), 2);
    assert_string_equal(
        json_get_str(json_at(json_get_array(json_at(list, 0), "target"), 0), "a", ""), "3");
    assert_null(json_get(json_get(json_at(list, 0), "before"), "a"));
    stored = read_json(f, id, "stored." APPLY);
    assert_int_equal(json_object_get_int64(json_at(json_at(json_get_array(stored, "keys"), 0), 0)),
                     7);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(json_get_str(p->turn, "gtid", ""), "0-1-7");
}

static void a_conflict_that_fails_the_step_is_kept(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    add_project(f, TWO_WAY, id);
    script(f, id, APPLY, "failconflict");
    request(f, id, FLOW_START);
    wait_status(f, id, PS_FAILED);
    assert_int_equal(records(f, id, &list), 1);
    assert_string_equal(json_get_str(json_at(list, 0), "decision", ""), "FAILED");
}

static void a_record_is_bounded(void **state)
{
    struct fixture *f = *state;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    char id[ID_MAX];

    add_project(f, TWO_WAY, id);
    script(f, id, APPLY, "longconflict");
    request(f, id, FLOW_START);
    WAIT_FOR(*get_file(f, id, "stored." APPLY) != '\0');
    assert_int_equal(records(f, id, &list), 1);
    assert_true(json_get_bool(json_at(list, 0), "cut", false));
    assert_true(strlen(json_text(json_at(list, 0))) <= CONFLICT_DOC_MAX + 200);
}

static void malformed_words_are_refused(void **state)
{
    static const char *const words[] = { "badconflict", "badturn" };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct step_copy c;
        char id[ID_MAX];
        add_project(f, TWO_WAY, id);
        script(f, id, APPLY, words[i]);
        request(f, id, FLOW_START);
        wait_status(f, id, PS_FAILED);
        c = step_of(f, id, APPLY);
        assert_non_null(strstr(c.message, "malformed message"));
    }
}

static bool told(struct fixture *f, const char *id, const char *part)
{
    struct json_object *list = NULL;
    bool found = false;
    struct err err = { 0 };

    assert_ok(store_event_list(f->store, id, 0, 100, &list, NULL, &err));
    for (size_t i = 0; i < json_len(list); i++)
        found = found || (strcmp(json_get_str(json_at(list, i), "event", ""), "loop_found") == 0 &&
                          strstr(json_get_str(json_at(list, i), "message", ""), part) != NULL);
    json_putp(&list);
    return found;
}

static void a_loop_stops_both(void **state)
{
    struct fixture *f = *state;
    struct step_copy c;
    char ids[2][ID_MAX];

    for (int finder = 0; finder < 2; finder++) {
        add_project(f, TWO_WAY, ids[0]);
        if (finder == 0)
            script(f, ids[0], APPLY, "loop");
        request(f, ids[0], FLOW_START);
        wait_step(f, ids[0], APPLY, finder == 0 ? SS_RUNNING : SS_MONITORING);
        add_reverse(f, ids[0], ids[1]);
        if (finder == 1)
            script(f, ids[1], APPLY, "loop");
        request(f, ids[1], FLOW_START);
        wait_step(f, ids[1], APPLY, finder == 1 ? SS_RUNNING : SS_MONITORING);
        go(f, ids[finder], APPLY);
        for (int i = 0; i < 2; i++) {
            wait_status(f, ids[i], PS_FAILED);
            wait_step(f, ids[i], APPLY, SS_FAILED);
            c = step_of(f, ids[i], APPLY);
            assert_string_equal(c.symbol, "ERR_LOOP");
            assert_non_null(strstr(c.message, "a marked transaction came back"));
            WAIT_FOR(told(f, ids[i], ids[1 - finder]));
        }
        WAIT_FOR(!flow_worker_alive(f->flow, ids[1 - finder], APPLY));
    }
}

static void a_failure_of_another_kind_stops_one(void **state)
{
    struct fixture *f = *state;
    char id[ID_MAX], reverse[ID_MAX];

    add_project(f, TWO_WAY, id);
    request(f, id, FLOW_START);
    wait_step(f, id, APPLY, SS_MONITORING);
    add_reverse(f, id, reverse);
    script(f, reverse, APPLY, "error");
    request(f, reverse, FLOW_START);
    wait_status(f, reverse, PS_FAILED);
    assert_int_equal(status_of(f, id), PS_RUNNING);
    assert_true(flow_worker_alive(f->flow, id, APPLY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_worker_knows_its_direction),
        TEST(conflicts_are_stored_then_acknowledged),
        TEST(a_conflict_that_fails_the_step_is_kept),
        TEST(a_record_is_bounded),
        TEST(malformed_words_are_refused),
        TEST(a_loop_stops_both),
        TEST(a_failure_of_another_kind_stops_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
