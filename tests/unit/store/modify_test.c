#include "store/modify.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void record(struct modify *m, const char *project_id, bool increase, const char *mode)
{
    *m = (struct modify){ .increase = increase };
    (void)snprintf(m->project_id, sizeof(m->project_id), "%s", project_id);
    m->user = strdup("eve");
    m->mapping = json_object_new_object();
    m->part = json_object_new_object();
    json_add_str(m->mapping, "mode", mode);
}

static void record_done(struct modify *m)
{
    free(m->user);
    json_putp(&m->mapping);
    json_putp(&m->part);
}

/* PENDING in a running project. */
static void running(struct fixture *f, bool increase, char id[static ID_MAX], struct modify *m)
{
    struct err err = { 0 };
    struct modify *list[] = { m };

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "x", &err), 1);
    record(m, id, increase, "NEW");
    assert_int_equal(store_modify_add(f->store, list, 1, 1U << PS_RUNNING, &err), 1);
}

static enum project_status status_of(struct fixture *f, const char *id, char modifying[16])
{
    struct project *p = NULL;
    struct err err = { 0 };
    enum project_status s;

    assert_ok(store_project_get(f->store, id, &p, &err));
    (void)snprintf(modifying, 16, "%s", p->modifying);
    s = p->status;
    project_free(p);
    return s;
}

static void begin_sub(struct fixture *f, const struct modify *m, char ret[static ID_MAX])
{
    struct err err = { 0 };
    char name[] = "shop-sub", step[] = "INCR_TRANSFER";
    struct step steps[] = { { .name = step, .order = 1 } };
    _cleanup_(json_putp)
    struct json_object *config = json_object_new_object();
    struct project sub = { .name = name, .config = config };

    assert_int_equal(store_modify_begin(f->store, m->id, &sub, steps, 1, &err), 1);
    (void)snprintf(ret, ID_MAX, "%s", sub.id);
}

static void one_is_open_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], modifying[16];
    struct modify a, b, *one[] = { &a }, *open = NULL;

    assert_ok(add_project(f->store, "admin", "shop", id, &err));
    record(&a, id, true, "A");
    assert_int_equal(store_modify_add(f->store, one, 1, 1U << PS_RUNNING, &err), 0);
    assert_int_equal(store_modify_add(f->store, one, 1, 1U << PS_INIT, &err), 1);
    assert_int_equal(a.status, MS_SUCCESS); /* in INIT the mapping is replaced */
    assert_int_equal(store_modify_open(f->store, id, &open, &err), 0);
    record_done(&a);

    assert_int_equal(store_project_move(f->store, id, PS_INIT, PS_RUNNING, "x", &err), 1);
    record(&a, id, false, "B");
    record(&b, id, true, "C");
    assert_int_equal(
        store_modify_add(f->store, (struct modify *[]){ &a, &b }, 2, 1U << PS_RUNNING, &err), 1);
    one[0] = &b;
    assert_err(store_modify_add(f->store, one, 1, 1U << PS_RUNNING, &err), ERR_STATE);
    assert_int_equal(store_modify_open(f->store, id, &open, &err), 1);
    assert_int_equal(open->id, a.id); /* the first that waits */
    modify_free(open);
    open = NULL;
    assert_int_equal(store_modify_move(f->store, a.id, 1U << MS_PENDING, MS_MODIFYING, NULL, &err),
                     1);
    assert_int_equal(status_of(f, id, modifying), PS_RUNNING);
    assert_string_equal(modifying, "MODIFYING");
    assert_int_equal(store_modify_move(f->store, a.id, 1U << MS_PENDING, MS_CANCEL, NULL, &err), 0);
    record_done(&a);
    record_done(&b);
}

static void a_sub_project_goes_with_its_project(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], sub[ID_MAX], modifying[16];
    struct modify m;

    running(f, true, id, &m);
    begin_sub(f, &m, sub);
    assert_int_equal(status_of(f, sub, modifying), PS_RUNNING);
    assert_int_equal(store_project_move(f->store, id, PS_RUNNING, PS_SUSPEND, "x", &err), 1);
    assert_int_equal(status_of(f, sub, modifying), PS_SUSPEND);
    assert_int_equal(store_project_move(f->store, id, PS_SUSPEND, PS_RUNNING, "x", &err), 1);
    assert_int_equal(status_of(f, sub, modifying), PS_RUNNING);
    assert_ok(store_modify_abandon(f->store, id, &err));
    assert_int_equal(status_of(f, sub, modifying), PS_RELEASING);
    assert_int_equal(store_project_move(f->store, sub, PS_RELEASING, PS_RELEASED, "x", &err), 1);
    record_done(&m);
}

static void a_failed_one_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 }, why = { 0 };
    char id[ID_MAX], sub[ID_MAX], modifying[16];
    struct modify m, *now = NULL;

    running(f, true, id, &m);
    begin_sub(f, &m, sub);
    assert_int_equal(store_modify_retry(f->store, m.id, &err), 0);
    assert_int_equal(store_project_move(f->store, sub, PS_RUNNING, PS_FAILED, "x", &err), 1);
    (void)err_set(&why, ERR_FLOW, "told");
    assert_int_equal(store_modify_move(f->store, m.id, 1U << MS_RUNNING, MS_FAILED, &why, &err), 1);
    assert_ok(store_modify_get(f->store, m.id, &now, &err));
    assert_string_equal(json_get_str(now->error, "message", ""), "told");
    modify_free(now);
    (void)status_of(f, id, modifying);
    assert_string_equal(modifying, "MODIFYING");
    assert_int_equal(store_modify_retry(f->store, m.id, &err), 1);
    assert_int_equal(status_of(f, sub, modifying), PS_RUNNING);
    record_done(&m);
}

static void the_hand_over_ends_in_one_step(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    char id[ID_MAX], sub[ID_MAX], modifying[16];
    struct modify m, *now = NULL;
    struct project *p = NULL;
    int64_t force = -1;

    running(f, true, id, &m);
    begin_sub(f, &m, sub);
    assert_int_equal(store_modify_held(f->store, id, 7, &err), 0); /* nobody was asked yet */
    assert_int_equal(store_modify_move(f->store, m.id, 1U << MS_RUNNING, MS_MERGING, NULL, &err),
                     1);
    assert_int_equal(store_modify_held(f->store, id, 7, &err), 1);
    assert_int_equal(store_modify_held(f->store, id, 7, &err), 0);
    assert_int_equal(store_modify_held(f->store, sub, 9, &err), 1);
    assert_ok(store_modify_get(f->store, m.id, &now, &err));
    assert_int_equal(now->held, 7);
    assert_int_equal(now->sub_held, 9);
    assert_ok(store_modify_forget_held(f->store, m.id, &err));
    assert_int_equal(store_modify_held(f->store, id, 9, &err), 1);
    assert_ok(store_modify_in_force(f->store, id, &force, &err));
    assert_int_equal(force, 0);
    assert_int_equal(store_modify_done(f->store, now, &err), 1);
    assert_int_equal(store_modify_done(f->store, now, &err), 0);
    modify_free(now);
    assert_ok(store_modify_in_force(f->store, id, &force, &err));
    assert_int_equal(force, m.id);
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(json_get_str(json_get(p->config, "transferMapping"), "mode", ""), "NEW");
    assert_string_equal(p->modifying, "");
    /* a configuration that was read before has no say in the mapping */
    json_add(p->config, "transferMapping", json_object_new_object());
    assert_int_equal(store_project_set_config(f->store, id, 0, p->config, NULL, &err), 1);
    project_free(p);
    p = NULL;
    assert_ok(store_project_get(f->store, id, &p, &err));
    assert_string_equal(json_get_str(json_get(p->config, "transferMapping"), "mode", ""), "NEW");
    project_free(p);
    assert_int_equal(status_of(f, sub, modifying), PS_RELEASING);
    record_done(&m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(one_is_open_at_a_time),
        TEST(a_sub_project_goes_with_its_project),
        TEST(a_failed_one_is_tried_again),
        TEST(the_hand_over_ends_in_one_step),
    };

    return cmocka_run_group_tests_name("store/modify", tests, NULL, NULL);
}
