#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "flow/assignment.h"
#include "flow/flow.h"
#include "flow/plan.h"

#include "base/banned.h"

static struct json_object *parse(const char *text)
{
    struct json_object *o = NULL;
    struct err err = { 0 };

    assert_int_equal(json_parse(text, strlen(text), 16, &o, &err), 0);
    return o;
}

/* clang-format off */
static const struct { const char *config, *steps; int slots; } cases[] = {
    { "{}", "1 TRANSFER_PRECHECK", 1 },
    { "{\"enableStructTransfer\":true}", "1 TRANSFER_PRECHECK, 2 STRUCT_TRANSFER", 1 },
    { "{\"enableFullTransfer\":true}", "1 TRANSFER_PRECHECK, 2 FULL_TRANSFER", 1 },
    { "{\"enableIncrTransfer\":true}", "1 TRANSFER_PRECHECK, 2 TRANSFER_INCR_LOG_PULL, 3 INCR_TRANSFER", 2 },
    { "{\"enableStructTransfer\":true,\"enableFullTransfer\":true,\"enableIncrTransfer\":true,"
      "\"structTransferConfig\":{\"deferIndexCreation\":true}}",
      "1 TRANSFER_PRECHECK, 2 STRUCT_TRANSFER, 3 TRANSFER_INCR_LOG_PULL, 4 FULL_TRANSFER, 5 INDEX_TRANSFER, 6 INCR_TRANSFER", 2 },
    { "{\"enableStructTransfer\":true,\"enableFullTransfer\":true,\"structTransferConfig\":{\"deferIndexCreation\":false}}",
      "1 TRANSFER_PRECHECK, 2 STRUCT_TRANSFER, 3 FULL_TRANSFER", 1 },
    /* deferring needs both a struct and a full step */
    { "{\"enableStructTransfer\":true,\"structTransferConfig\":{\"deferIndexCreation\":true}}",
      "1 TRANSFER_PRECHECK, 2 STRUCT_TRANSFER", 1 },
    { "{\"enableFullTransfer\":true,\"enableFullVerify\":true,\"enableIncrVerify\":true}",
      "1 TRANSFER_PRECHECK, 2 FULL_TRANSFER, 3 FULL_VERIFIER", 1 },
    { "{\"enableIncrTransfer\":true,\"enableFullVerify\":true,\"enableIncrVerify\":true,\"enableReverseIncrTransfer\":true}",
      "1 TRANSFER_PRECHECK, 2 TRANSFER_INCR_LOG_PULL, 3 INCR_TRANSFER, 4 FULL_VERIFIER, 5 INCR_VERIFIER, 6 TRANSFER_APP_SWITCH, "
      "7 REVERSE_INCR_TRANSFER", 6 },
    { "{\"enableFullTransfer\":true,\"structTransferConfig\":{\"deferIndexCreation\":true}}",
      "1 TRANSFER_PRECHECK, 2 FULL_TRANSFER", 1 },
};
/* clang-format on */

static void a_configuration_leads_to_its_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_putp)
        struct json_object *config = parse(cases[i].config);
        struct step *steps = NULL;
        size_t n = 0;
        struct err err = { 0 };
        char got[512] = "";

        assert_int_equal(flow_plan(config, &steps, &n, &err), 0);
        for (size_t k = 0; k < n; k++) {
            size_t at = strlen(got);
            (void)snprintf(got + at, sizeof(got) - at, "%s%d %s", k > 0 ? ", " : "", steps[k].order,
                           steps[k].name);
        }
        step_list_free(steps, n);
        assert_string_equal(got, cases[i].steps);
        assert_int_equal(plan_slots(config), cases[i].slots);
    }
}

static void steps_have_words_for_people(void **state)
{
    (void)state;
    assert_string_equal(flow_step_description("FULL_TRANSFER"), "Full migration");
    assert_string_equal(flow_step_description("NO_SUCH"), "NO_SUCH");
    assert_null(plan_find("NO_SUCH"));
    assert_false(plan_has(NULL, STEP_RELEASE));
}

static void limits_go_to_the_workers_they_are_for(void **state)
{
    _cleanup_(json_putp)
    struct json_object *config = parse("{\"fullTransferConfig\":{\"throttleRps\":7},"
                                       "\"incrTransferConfig\":{\"throttleIOPS\":9}}");
    _cleanup_(json_putp)
    struct json_object *full = assignment_throttle(config, plan_find("FULL_TRANSFER"));
    _cleanup_(json_putp)
    struct json_object *incr = assignment_throttle(config, plan_find("INCR_TRANSFER"));

    (void)state;
    assert_string_equal(json_text(full), "{\"t\":\"throttle\",\"throttleRps\":7}");
    assert_string_equal(json_text(incr), "{\"t\":\"throttle\",\"throttleIOPS\":9}");
    assert_null(assignment_throttle(config, plan_find(STEP_PRECHECK)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_leads_to_its_steps),
        cmocka_unit_test(steps_have_words_for_people),
        cmocka_unit_test(limits_go_to_the_workers_they_are_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
