#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "workers/convert/rewrite.h"

#include "base/banned.h"

static const struct dialect maria = { .flavour = FLAVOUR_MARIADB, .version = 101119 };

static char n_shop2[] = "shop2", n_t2[] = "t2", n_other[] = "other";
static struct renamed database = { n_shop2, NULL }, table = { n_shop2, n_t2 },
                      untouched = { n_other, n_t2 };

static struct map *names(void)
{
    struct map *m = map_new();

    assert_int_equal(0, map_set(m, "shop", &database));
    assert_int_equal(0, map_set(m, "shop\1t", &table));
    assert_int_equal(0, map_set(m, "oth\1t", &untouched));
    return m;
}

enum what { VIEW, ROUTINE, EVENT, TRIGGER };

/* clang-format off */
static const struct {
    enum what what;
    const char *mode, *text, *expected;
} rows[] = {
    { VIEW, NULL,
      "CREATE ALGORITHM=MERGE DEFINER=`o``x`@`%` SQL SECURITY INVOKER VIEW `shop`.`v` (`a`) AS select `shop`.`t`.`id` AS `id`,"
      "`x`.`t` AS `shop`,'`shop`.`t`' from (`shop`.`t` join `oth`.`t` `x`) where `t`.`c` collate utf8mb4_0900_ai_ci = 1",
      "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW `m`.`n` (`a`) AS select `shop2`.`t2`.`id` AS `id`,"
      "`x`.`t` AS `shop`,'`shop`.`t`' from (`shop2`.`t2` join `other`.`t2` `x`) where `t`.`c` collate utf8mb4_uca1400_nopad_ai_ci = 1" },
    { VIEW, NULL,
      "CREATE ALGORITHM=UNDEFINED DEFINER=CURRENT_USER() SQL SECURITY DEFINER VIEW `v` AS select `shop`.`f`(1)",
      "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `m`.`n` AS select `shop2`.`f`(1)" },
    { ROUTINE, "",
      "CREATE DEFINER=`root`@`localhost` PROCEDURE `p`(IN a int)\n    COMMENT 'it''s DEFINER=x'\nBEGIN /* shop.t */ SELECT * FROM shop.t; END",
      "CREATE PROCEDURE `m`.`n`(IN a int)\n    COMMENT 'it''s DEFINER=x'\nBEGIN /* shop.t */ SELECT * FROM `shop2`.`t2`; END" },
    { ROUTINE, "ANSI_QUOTES",
      "CREATE DEFINER=\"root\"@\"%\" FUNCTION \"f\"() RETURNS int RETURN (SELECT 1 FROM \"shop\".\"t\")",
      "CREATE FUNCTION `m`.`n`() RETURNS int RETURN (SELECT 1 FROM `shop2`.`t2`)" },
    { EVENT, "",
      "CREATE DEFINER=`r`@`h` EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE ENABLE COMMENT 'ENABLE' DO DELETE FROM shop.t",
      "CREATE EVENT `m`.`n` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE COMMENT 'ENABLE' DO DELETE FROM `shop2`.`t2`" },
    { EVENT, "",
      "CREATE DEFINER=`r`@`h` EVENT `e` ON SCHEDULE AT '2030-01-01' DISABLE ON SLAVE DO SELECT 1",
      "CREATE EVENT `m`.`n` ON SCHEDULE AT '2030-01-01' DISABLE DO SELECT 1" },
    { TRIGGER, "",
      "CREATE DEFINER=`r`@`h` TRIGGER tr BEFORE INSERT ON `t` FOR EACH ROW FOLLOWS other SET NEW.t = NEW.t",
      "CREATE TRIGGER `m`.`n` BEFORE INSERT ON `m`.`t2` FOR EACH ROW IF @causeway_apply IS NULL THEN SET NEW.t = NEW.t; END IF" },
    { TRIGGER, "",
      "CREATE TRIGGER `tr` AFTER DELETE ON shop.t FOR EACH ROW BEGIN DELETE FROM shop.t WHERE id = OLD.id; END",
      "CREATE TRIGGER `m`.`n` AFTER DELETE ON `m`.`t2` FOR EACH ROW IF @causeway_apply IS NULL THEN BEGIN DELETE FROM `shop2`.`t2` WHERE id = OLD.id; END; END IF" },
};
/* clang-format on */

static int rewrite(enum what what, const struct rewrite_job *job, char **ret, struct err *err)
{
    switch (what) {
    case VIEW:
        return rewrite_view(job, ret, err);
    case ROUTINE:
        return rewrite_routine(job, ret, err);
    case EVENT:
        return rewrite_event(job, ret, err);
    case TRIGGER:
        break;
    }
    return rewrite_trigger(job, "t2", ret, err);
}

static void statements_are_rewritten(void **state)
{
    _cleanup_(map_freep)
    struct map *m = names();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rewrite_job job = { .text = rows[i].text,
                                   .sql_mode = rows[i].mode,
                                   .db = "shop",
                                   .mapped_db = "m",
                                   .mapped_name = "n",
                                   .names = m,
                                   .to = &maria };
        _cleanup_(freep)
        char *got = NULL;
        struct err err = { 0 };

        assert_int_equal(0, rewrite(rows[i].what, &job, &got, &err));
        assert_string_equal(rows[i].expected, got);
    }
}

static void what_is_no_such_statement_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "CREATE", "CREATE VIEW", "CREATE TABLE `t` (a int)", "DEFINER=", "CREATE DEFINER=`a`@"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        for (int w = VIEW; w <= TRIGGER; w++) {
            struct rewrite_job job = {
                .text = texts[i], .db = "shop", .mapped_db = "m", .mapped_name = "n", .to = &maria
            };
            _cleanup_(freep)
            char *got = NULL;
            struct err err = { 0 };

            assert_int_equal(-1, rewrite((enum what)w, &job, &got, &err));
            assert_int_equal(ERR_SCHEMA_CONVERT, err.code);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_rewritten),
        cmocka_unit_test(what_is_no_such_statement_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
