#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "flow/transition.h"

#include "base/banned.h"

#define NONE PS_MAX_

/* oms-api.md 3.2, written out: what each event leads to from each status. */
/* clang-format off */
static const enum project_status expected[EV_MAX_][PS_MAX_] = {
    /*                    INIT        RUNNING      SUSPEND       FAILED        FINISHED      RELEASING    RELEASED    DELETED */
    [EV_START]       = { PS_RUNNING, NONE,        NONE,         NONE,         NONE,         NONE,        NONE,       NONE },
    [EV_STOP]        = { NONE,       PS_SUSPEND,  NONE,         NONE,         NONE,         NONE,        NONE,       NONE },
    [EV_RESUME]      = { NONE,       NONE,        PS_RUNNING,   PS_RUNNING,   NONE,         NONE,        NONE,       NONE },
    [EV_RELEASE]     = { NONE,       NONE,        PS_RELEASING, PS_RELEASING, PS_RELEASING, NONE,        NONE,       NONE },
    [EV_DELETE]      = { PS_DELETED, NONE,        NONE,         NONE,         NONE,         NONE,        PS_DELETED, NONE },
    [EV_STEP_FAILED] = { NONE,       PS_FAILED,   NONE,         NONE,         NONE,         NONE,        NONE,       NONE },
    [EV_ALL_DONE]    = { NONE,       PS_FINISHED, NONE,         NONE,         NONE,         NONE,        NONE,       NONE },
    [EV_RELEASED]    = { NONE,       NONE,        NONE,         NONE,         NONE,         PS_RELEASED, NONE,       NONE },
};
/* clang-format on */

static void the_table_is_the_documented_one(void **state)
{
    (void)state;
    for (unsigned on = 0; on < EV_MAX_; on++)
        for (unsigned from = 0; from < PS_MAX_; from++) {
            const struct transition *t =
                transition_find((enum project_status)from, (enum flow_event)on);
            assert_int_equal(t == NULL ? NONE : t->to, expected[on][from]);
            if (t != NULL)
                assert_true(strlen(t->why) > 0);
        }
}

static void every_status_can_be_reached(void **state)
{
    unsigned reached = 1U << PS_INIT;
    size_t n = 0;
    const struct transition *rows = transition_table(&n);

    (void)state;
    for (size_t round = 0; round < n; round++)
        for (size_t i = 0; i < n; i++)
            if ((rows[i].from & reached) != 0)
                reached |= 1U << rows[i].to;
    assert_int_equal(reached, (1U << PS_MAX_) - 1);
}

static void a_status_and_event_have_one_row(void **state)
{
    size_t n = 0;
    const struct transition *rows = transition_table(&n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            assert_false(rows[i].on == rows[k].on && (rows[i].from & rows[k].from) != 0);
}

static void a_refusal_names_everything(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(transition_refuse("np_1", PS_INIT, EV_RELEASE, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_string_equal(err.message, "can't release project np_1: it is INIT, and this is possible "
                                     "in SUSPEND, FAILED, FINISHED only");
    assert_int_equal(transition_refuse("np_1", PS_RUNNING, EV_DELETE, &err), -1);
    assert_non_null(strstr(err.message, "INIT, RELEASED only"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_documented_one),
        cmocka_unit_test(every_status_can_be_reached),
        cmocka_unit_test(a_status_and_event_have_one_row),
        cmocka_unit_test(a_refusal_names_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
