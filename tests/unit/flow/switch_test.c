/* The switchover's document: what each event makes of its sub-steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "flow/plan.h"
#include "flow/switch_doc.h"

#include "base/banned.h"

struct run {
    struct json_object *doc;
    struct switch_change c;
};

static int up(void **state)
{
    static struct run r;

    r = (struct run){ .doc = json_object_new_object() };
    switch_prepare(r.doc);
    r.c.doc = r.doc;
    *state = &r;
    return 0;
}

static int down(void **state)
{
    struct run *r = *state;

    json_object_put(r->doc);
    return 0;
}

static struct switch_change *fresh(struct run *r)
{
    r->c = (struct switch_change){ .doc = r->doc };
    return &r->c;
}

static const char *advance(struct run *r, struct switch_ask ask)
{
    struct err err = { 0 };
    const char *ret = NULL;

    ask.user = "ann";
    ask.quiet_s = 5;
    if (switch_advance(fresh(r), &ask, &ret, &err) < 0)
        return NULL;
    return ret;
}

static struct json_object *parse(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 16, &o, &err), 0);
    return o;
}

/* Of the switch worker, for whatever phase is on now. */
static bool done(struct run *r, const char *said)
{
    struct json_object *o = parse(said);
    const char *phase = switch_phase(r->doc);
    bool changed = phase != NULL && switch_finished(fresh(r), phase, o);

    json_object_put(o);
    return changed;
}

static void assert_sub(struct run *r, enum switch_sub sub, const char *status)
{
    assert_int_equal(switch_current(r->doc), sub);
    assert_string_equal(switch_status(r->doc, sub), status);
}

static bool moves(const struct run *r, const char *step, enum step_status to)
{
    for (size_t i = 0; i < r->c.move_count; i++)
        if (strcmp(r->c.moves[i].step, step) == 0 && r->c.moves[i].to == to)
            return true;
    return false;
}

#define SAID(file) "{\"message\":\"m\",\"position\":{\"file\":\"" file "\",\"pos\":9}}"

static void to_confirm(struct run *r)
{
    assert_string_equal(advance(r, (struct switch_ask){ .forward_monitors = true }),
                        "SWITCHOVER_PRECHECK");
    assert_true(moves(r, STEP_SWITCH, SS_RUNNING));
    assert_true(done(r, "{\"message\":\"\",\"detail\":{\"readOnly\":false}}"));
    assert_sub(r, SUB_PULL, "RUNNING");
    assert_null(switch_phase(r->doc)); /* the log pull does it */
    assert_true(switch_wants_pull(r->doc));
    assert_true(switch_pulled(fresh(r)));
    assert_false(switch_pulled(fresh(r)));
    assert_sub(r, SUB_STOP_WRITES, "INIT");
}

static void to_drain(struct run *r)
{
    assert_string_equal(advance(r, (struct switch_ask){ .set_read_only = true }),
                        "CONFIRM_SOURCE_STOPPED");
    assert_string_equal(switch_phase(r->doc), "CONFIRM_SOURCE_STOPPED");
    assert_true(json_get_bool(json_get(r->doc, "readOnly"), "asked", false));
    assert_true(done(r, SAID("q")));
    assert_string_equal(switch_phase(r->doc), "CONFIRM_SAME_POSITION");
    assert_null(switch_drain_to(r->doc));
    assert_true(done(r, SAID("p")));
    assert_null(switch_phase(r->doc));
    assert_string_equal(json_get_str(switch_drain_to(r->doc), "file", ""), "p");
}

static void to_objects(struct run *r)
{
    struct json_object *other = parse("{\"file\":\"p\",\"pos\":8}");
    struct json_object *at = parse("{\"file\":\"p\",\"pos\":9,\"applied\":{\"seq\":3}}");

    to_drain(r);
    assert_false(switch_drained(fresh(r), other)); /* of an older request */
    assert_true(switch_wants_forward(r->doc));
    assert_true(switch_drained(fresh(r), at));
    assert_true(moves(r, "INCR_TRANSFER", SS_SUSPEND));
    assert_false(switch_wants_forward(r->doc));
    assert_string_equal(switch_phase(r->doc), "STOP_FORWARD_SYNC");
    assert_true(done(r, SAID("t")));
    assert_sub(r, SUB_OBJECTS, "INIT");
    json_object_put(other);
    json_object_put(at);
}

static void goes_all_the_way(void **state)
{
    struct run *r = *state;
    struct err err = { 0 };

    assert_null(advance(r, (struct switch_ask){ 0 })); /* forward does not monitor yet */
    assert_int_equal(switch_state(r->doc), SWITCH_IDLE);
    to_confirm(r);
    to_objects(r);
    assert_string_equal(advance(r, (struct switch_ask){ 0 }), "PROCESS_DATABASE_OBJECTS");
    assert_null(advance(r, (struct switch_ask){ 0 })); /* it is at work */
    assert_true(done(r, "{\"message\":\"\"}"));
    assert_string_equal(advance(r, (struct switch_ask){ 0 }), STEP_REVERSE);
    assert_true(moves(r, "INCR_TRANSFER", SS_FINISHED));
    assert_true(moves(r, STEP_REVERSE, SS_RUNNING));
    assert_int_equal(switch_state(r->doc), SWITCH_DONE);
    assert_true(switch_wants_pull(r->doc));
    assert_false(switch_wants_forward(r->doc));
    assert_null(advance(r, (struct switch_ask){ 0 }));
    assert_int_equal(switch_abort(fresh(r), "ann", &err), -1);
}

static void a_failure_behind_the_drain_leads_back_to_the_writers(void **state)
{
    struct run *r = *state;
    struct err why = { 0 };

    (void)err_set(&why, ERR_SWITCHOVER, "somebody wrote");
    to_confirm(r);
    to_drain(r);
    assert_false(switch_failed(fresh(r), "CONFIRM_SAME_POSITION", &why)); /* its word is spent */
    (void)switch_pull_lost(fresh(r), &why);
    assert_sub(r, SUB_STOP_WRITES, "FAILED");
    assert_true(switch_wants_forward(r->doc));
    assert_false(switch_wants_pull(r->doc));
    assert_null(switch_drain_to(r->doc));
    to_objects(r);
    assert_true(switch_wants_pull(r->doc));
}

static void only_a_failed_precheck_is_skipped(void **state)
{
    struct run *r = *state;
    struct err why = { 0 };

    (void)err_set(&why, ERR_SWITCHOVER, "lag");
    assert_null(advance(r, (struct switch_ask){ .skip = true, .forward_monitors = true }));
    (void)advance(r, (struct switch_ask){ .forward_monitors = true });
    assert_true(switch_failed(fresh(r), "SWITCHOVER_PRECHECK", &why));
    assert_string_equal(advance(r, (struct switch_ask){ 0 }), "SWITCHOVER_PRECHECK");
    assert_true(switch_failed(fresh(r), "SWITCHOVER_PRECHECK", &why));
    assert_string_equal(advance(r, (struct switch_ask){ .skip = true }), "START_TARGET_LOG_PULL");
    assert_string_equal(switch_status(r->doc, SUB_PRECHECK), "SKIPPED");
    assert_true(switch_pulled(fresh(r)));
    assert_null(advance(r, (struct switch_ask){ .skip = true }));
    assert_null(advance(r, (struct switch_ask){ .mark_complete = true }));
}

static void an_abort_undoes_and_begins_anew(void **state)
{
    struct run *r = *state;
    struct err err = { 0 };

    assert_int_equal(switch_abort(fresh(r), "ann", &err), -1);
    to_confirm(r);
    to_objects(r);
    assert_int_equal(switch_abort(fresh(r), "ann", &err), 0);
    assert_int_equal(switch_abort(fresh(r), "ann", &err), -1);
    assert_true(switch_wants_forward(r->doc));
    assert_true(switch_wants_pull(r->doc)); /* is looked through first */
    assert_string_equal(switch_phase(r->doc), "ABORT_CHECK");
    assert_null(advance(r, (struct switch_ask){ 0 }));
    assert_true(done(r, "{\"message\":\"2 transactions\"}"));
    assert_string_equal(r->c.event, "switchover_target_writes");
    assert_string_equal(switch_phase(r->doc), "ABORT");
    assert_false(switch_wants_pull(r->doc));
    assert_true(json_get_bool(json_get(r->doc, "readOnly"), "asked", false));
    assert_true(switch_failed(fresh(r), "ABORT", &err)); /* it is tried again */
    assert_string_equal(switch_phase(r->doc), "ABORT");
    assert_true(done(r, "{\"message\":\"undone\"}"));
    assert_true(moves(r, STEP_SWITCH, SS_INIT));
    assert_int_equal(switch_state(r->doc), SWITCH_IDLE);
    assert_false(json_get_bool(json_get(r->doc, "readOnly"), "asked", false));
    assert_string_equal(json_get_str(json_get(r->doc, "abort"), "targetWrites", ""),
                        "2 transactions");
    to_confirm(r);
}

static void what_comes_too_late_changes_nothing(void **state)
{
    struct run *r = *state;
    struct json_object *said = parse(SAID("x"));
    struct err err = { 0 };

    (void)advance(r, (struct switch_ask){ .forward_monitors = true });
    assert_int_equal(switch_abort(fresh(r), "ann", &err), 0);
    assert_string_equal(switch_phase(r->doc), "ABORT"); /* nobody may have written there */
    assert_false(switch_finished(fresh(r), "SWITCHOVER_PRECHECK", said));
    assert_false(switch_told(fresh(r), "SWITCHOVER_PRECHECK", said));
    assert_false(switch_failed(fresh(r), "SWITCHOVER_PRECHECK", &err));
    assert_false(switch_drained(fresh(r), said));
    assert_false(switch_pulled(fresh(r)));
    json_object_put(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_all_the_way, up, down),
        cmocka_unit_test_setup_teardown(a_failure_behind_the_drain_leads_back_to_the_writers, up,
                                        down),
        cmocka_unit_test_setup_teardown(only_a_failed_precheck_is_skipped, up, down),
        cmocka_unit_test_setup_teardown(an_abort_undoes_and_begins_anew, up, down),
        cmocka_unit_test_setup_teardown(what_comes_too_late_changes_nothing, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
