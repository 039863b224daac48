#include "store/event.h"
#include "store/pair.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void move(struct store *st, const char *id, enum project_status from, enum project_status to)
{
    struct err err = { 0 };

    assert_int_equal(store_project_move(st, id, from, to, "test", &err), 1);
}

/* A reverse project of `forward`: 0 and its id, or -1. */
static int add_reverse(struct store *st, const char *forward, const char *name,
                       char ret[static ID_MAX], struct err *err)
{
    _cleanup_(project_freep)
    struct project *f = NULL;
    char n[64], type[] = "MIGRATION", owner[] = "ann";
    struct project p = { .name = n, .type = type, .owner = owner, .reverse = true };
    int r;

    if (store_project_get(st, forward, &f, err) < 0)
        return -1;
    (void)snprintf(n, sizeof(n), "%s", name);
    p.config = f->config;
    (void)snprintf(p.forward_id, ID_MAX, "%s", forward);
    (void)snprintf(p.source_id, ID_MAX, "%s", f->sink_id);
    (void)snprintf(p.sink_id, ID_MAX, "%s", f->source_id);
    r = store_project_add(st, &p, err);
    (void)snprintf(ret, ID_MAX, "%s", p.id);
    return r;
}

static bool has_event(struct store *st, const char *id, const char *word, const char *part)
{
    struct json_object *list = NULL;
    bool found = false;
    struct err err = { 0 };

    assert_ok(store_event_list(st, id, 0, 100, &list, NULL, &err));
    for (size_t i = 0; i < json_len(list); i++)
        found = found || (strcmp(json_get_str(json_at(list, i), "event", ""), word) == 0 &&
                          strstr(json_get_str(json_at(list, i), "message", ""), part) != NULL);
    json_putp(&list);
    return found;
}

static void two_projects_know_each_other(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(project_freep)
    struct project *q = NULL;
    struct pair pair;
    char id[ID_MAX], reverse[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    move(f->store, id, PS_INIT, PS_RUNNING);
    assert_ok(store_pair_get(f->store, id, &pair, &err));
    assert_false(pair.reverse);
    assert_string_equal(pair.peer_id, "");
    assert_ok(add_reverse(f->store, id, "p-reverse", reverse, &err));
    assert_true(has_event(f->store, id, "reverse_configured", reverse));
    assert_ok(store_pair_get(f->store, id, &pair, &err));
    assert_string_equal(pair.peer_id, reverse);
    assert_int_equal(pair.peer, PS_INIT);
    assert_ok(store_pair_get(f->store, reverse, &pair, &err));
    assert_true(pair.reverse);
    assert_string_equal(pair.forward_id, id);
    assert_string_equal(pair.peer_id, id);
    assert_int_equal(pair.peer, PS_RUNNING);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(p->reverse_id, reverse);
    assert_false(p->reverse);
    assert_ok(store_project_get(f->store, reverse, &q, &err));
    assert_string_equal(q->forward_id, id);
    assert_true(q->reverse);
    assert_err(store_pair_get(f->store, "np_0", &pair, &err), ERR_PROJECT_NOT_FOUND);
    assert_ok(store_check(f->store, &err));
}

static void one_reverse_project_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], reverse[ID_MAX], other[ID_MAX], former[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    assert_err(add_reverse(f->store, id, "r", reverse, &err), ERR_STATE); /* it does not run */
    move(f->store, id, PS_INIT, PS_RUNNING);
    assert_ok(add_reverse(f->store, id, "r", reverse, &err));
    assert_err(add_reverse(f->store, id, "s", other, &err), ERR_STATE);
    assert_non_null(strstr(err.message, reverse));
    move(f->store, reverse, PS_INIT, PS_DELETED); /* never started: as if it had not been */
    assert_int_equal(store_pair_former(f->store, id, former, &err), 0);
    assert_ok(add_reverse(f->store, id, "r", reverse, &err));
    move(f->store, reverse, PS_INIT, PS_RUNNING);
    move(f->store, reverse, PS_RUNNING, PS_SUSPEND);
    move(f->store, reverse, PS_SUSPEND, PS_RELEASING);
    assert_err(add_reverse(f->store, id, "s", other, &err), ERR_STATE);
    move(f->store, reverse, PS_RELEASING, PS_RELEASED);
    assert_int_equal(store_pair_former(f->store, id, former, &err), 1);
    assert_string_equal(former, reverse);
    assert_ok(add_reverse(f->store, id, "s", other, &err));
}

static void the_forward_project_is_released_last(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], reverse[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    move(f->store, id, PS_INIT, PS_RUNNING);
    assert_ok(add_reverse(f->store, id, "r", reverse, &err));
    move(f->store, id, PS_RUNNING, PS_SUSPEND);
    assert_err(store_project_move(f->store, id, PS_SUSPEND, PS_RELEASING, "x", &err), ERR_STATE);
    assert_non_null(strstr(err_advice(&err), "DeleteProject"));
    move(f->store, reverse, PS_INIT, PS_RUNNING);
    move(f->store, reverse, PS_RUNNING, PS_FAILED);
    assert_err(store_project_move(f->store, id, PS_SUSPEND, PS_RELEASING, "x", &err), ERR_STATE);
    assert_non_null(strstr(err.message, "which is FAILED"));
    move(f->store, reverse, PS_FAILED, PS_RELEASING);
    assert_err(store_project_move(f->store, id, PS_SUSPEND, PS_RELEASING, "x", &err), ERR_STATE);
    move(f->store, reverse, PS_RELEASING, PS_RELEASED);
    move(f->store, id, PS_SUSPEND, PS_RELEASING);
}

static void a_turn_is_kept(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(json_putp)
    struct json_object *turn = json_object_new_object();
    _cleanup_(project_freep)
    struct project *p = NULL;
    char id[ID_MAX];

    assert_ok(add_project(f->store, "admin", "p", id, &err));
    json_add_str(turn, "file", "bin.000007");
    json_add_i64(turn, "pos", 4711);
    assert_int_equal(store_turn_put(f->store, id, turn, &err), 1);
    assert_int_equal(store_turn_put(f->store, id, turn, &err), 0); /* told at each start */
    assert_true(has_event(f->store, id, "turn_noted", "bin.000007:4711"));
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_int_equal(json_get_i64(p->turn, "pos", 0), 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_projects_know_each_other),
        TEST(one_reverse_project_at_a_time),
        TEST(the_forward_project_is_released_last),
        TEST(a_turn_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
