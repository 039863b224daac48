/* The table of docs/two-way.md: kind x what is there x strategy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/incr/resolve_judge.h"

#include "base/banned.h"

struct line {
    struct met_facts met;
    enum conflict_kind kind;
    enum row_act overwrite; /* what OVERWRITE does; without a conflict: what all three do */
};

#define INSERT .change = CHANGE_INSERT
#define UPDATE .change = CHANGE_UPDATE
#define DELETE .change = CHANGE_DELETE

/* clang-format off */
static const struct line lines[] = {
    /* no conflict */
    { { INSERT }, CONFLICT_NONE, ACT_PLAIN },
    { { INSERT, .others = 1, .other_as_after = true }, CONFLICT_NONE, ACT_NOTHING },
    { { UPDATE, .there = true }, CONFLICT_NONE, ACT_PLAIN },
    { { UPDATE, .there = true, .row_check = true, .as_before = true }, CONFLICT_NONE, ACT_PLAIN },
    { { UPDATE, .there = true, .row_check = true, .as_after = true }, CONFLICT_NONE, ACT_NOTHING },
    { { UPDATE, .there = true, .as_after = true }, CONFLICT_NONE, ACT_PLAIN },
    { { UPDATE, .others = 1, .other_as_after = true }, CONFLICT_NONE, ACT_NOTHING },
    { { DELETE, .there = true }, CONFLICT_NONE, ACT_PLAIN },
    { { DELETE, .there = true, .row_check = true, .as_before = true }, CONFLICT_NONE, ACT_PLAIN },
    /* conflicts */
    { { INSERT, .others = 1 }, CONFLICT_INSERT_EXISTS, ACT_WRITE },
    { { INSERT, .others = 3, .row_check = true }, CONFLICT_INSERT_EXISTS, ACT_WRITE },
    { { UPDATE }, CONFLICT_UPDATE_MISSING, ACT_WRITE },
    { { UPDATE, .others = 1, .row_check = true }, CONFLICT_UPDATE_MISSING, ACT_WRITE },
    { { UPDATE, .there = true, .others = 1 }, CONFLICT_UPDATE_UNIQUE, ACT_WRITE },
    { { UPDATE, .there = true, .row_check = true, .as_before = true, .others = 2 },
      CONFLICT_UPDATE_UNIQUE, ACT_WRITE },
    /* another row that looks like the after image is still in the way of this one */
    { { UPDATE, .there = true, .others = 1, .other_as_after = true }, CONFLICT_UPDATE_UNIQUE,
      ACT_WRITE },
    { { UPDATE, .there = true, .row_check = true }, CONFLICT_ROW_DIFFERS, ACT_WRITE },
    { { UPDATE, .there = true, .row_check = true, .others = 1 }, CONFLICT_ROW_DIFFERS, ACT_WRITE },
    { { DELETE }, CONFLICT_DELETE_MISSING, ACT_NOTHING },
    { { DELETE, .row_check = true }, CONFLICT_DELETE_MISSING, ACT_NOTHING },
    { { DELETE, .there = true, .row_check = true }, CONFLICT_ROW_DIFFERS, ACT_DELETE },
};
/* clang-format on */

static void check(const struct line *l, enum conflict_strategy s, enum row_act act)
{
    struct judgement j = conflict_judge(&l->met, s);

    if (j.kind != l->kind || j.act != (l->kind == CONFLICT_NONE ? l->overwrite : act))
        fail_msg("line %zu, strategy %d: kind %s, act %d", (size_t)(l - lines), (int)s,
                 conflict_kind_name(j.kind), (int)j.act);
}

static void every_line_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        check(&lines[i], STRATEGY_FAIL, ACT_FAIL);
        check(&lines[i], STRATEGY_IGNORE, ACT_NOTHING);
        check(&lines[i], STRATEGY_OVERWRITE, lines[i].overwrite);
    }
}

static void words(void **state)
{
    (void)state;
    assert_int_equal(conflict_strategy("OVERWRITE"), STRATEGY_OVERWRITE);
    assert_int_equal(conflict_strategy("ignore"), STRATEGY_IGNORE);
    assert_int_equal(conflict_strategy("FAIL"), STRATEGY_FAIL);
    assert_int_equal(conflict_strategy(NULL), STRATEGY_FAIL);
    assert_int_equal(conflict_strategy("whatever"), STRATEGY_FAIL);
    assert_string_equal(conflict_decision(STRATEGY_FAIL), "FAILED");
    assert_string_equal(conflict_decision(STRATEGY_IGNORE), "IGNORED");
    assert_string_equal(conflict_decision(STRATEGY_OVERWRITE), "OVERWRITTEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_the_table),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
