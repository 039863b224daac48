#include "tests/unit/api/test.h"

#include "api/whereclause.h"

/* clang-format off */
static const char *const good[] = {
    "id > 1",
    "id>1 and status<>'closed'",
    "name = 'it''s; -- fine /* here */ # too'",
    "name LIKE 'a\\%b%' AND x IN (1, 2,3)",
    "(a = 1 OR (b BETWEEN 2 AND 3)) AND NOT (c IS NULL)",
    "`select` = 1 AND `a``b` = \"x\"",
    "created >= '2024-01-01' AND created < DATE_ADD('2024-01-01', INTERVAL 1 DAY)",
    "price * 1.5e-3 + .5 - 0x1F > -1 % 7",
    "IF(a, b, c) = COALESCE(d, 'e') AND LENGTH ( name ) > 3",
    "CAST(a AS CHAR(10)) = 'x' AND CONVERT(b, DECIMAL(10,2)) > 1",
    "CASE WHEN a = 1 THEN (b) ELSE (c) END = 3",
    "doc->>'$.a' = 'b' AND a <=> b",
    "MOD(id, 4) = 0 AND id & 1 = 1 AND ~a | b ^ c",
    "größe > 3 AND name = '日本;'",
    "a = x'41' AND b = _utf8mb4'abc' COLLATE utf8mb4_bin",
    "a REGEXP '^[a-z]+$' AND b RLIKE ('x')",
    "flag",
    "'a\\\\' = b",
};

static const struct { const char *text, *why; } bad[] = {
    { "", "empty" },
    { "  \n", "empty" },
    { "a = 1; DROP TABLE t", "semicolon" },
    { "a = 1 -- x", "comment" },
    { "a = 1--x", "comment" },
    { "a = 1 # x", "comment" },
    { "a = 1 /* x", "comment" },
    { "a /*!50000 = 1 */", "comment" },
    { "a = 'x", "quote" },
    { "a = \"x", "quote" },
    { "`a = 1", "quote" },
    { "a = 'x\\' OR 1=1", "backslash" },
    { "a = '\\\\\\' OR 1=1 -- '", "backslash" },
    { "a = 'x\\", "quote" },
    { "(a = 1", "parenthesis" },
    { "a = 1) OR (1 = 1", "parenthesis" },
    { "a IN (SELECT b FROM c)", "SELECT" },
    { "a IN (sElEcT 1)", "SELECT" },
    { "a IN (TABLE t)", "TABLE" },
    { "a IN (VALUES ROW(1))", "VALUES" },
    { "EXISTS(b)", "EXISTS" },
    { "1 UNION ALL (b)", "UNION" },
    { "a = 1 INTO OUTFILE '/tmp/x'", "INTO" },
    { "a = 1 LIMIT 1", "LIMIT" },
    { "a = 1 ORDER BY b", "ORDER" },
    { "a = 1 FOR UPDATE", "FOR" },
    { "a = 1 PROCEDURE ANALYSE()", "PROCEDURE" },
    { "NEXT VALUE FOR s = 1", "NEXT" },
    { "SLEEP(10)", "SLEEP" },
    { "sleep (10)", "SLEEP" },
    { "SLEEP\n(10)", "SLEEP" },
    { "BENCHMARK(1000000, MD5('a'))", "BENCHMARK" },
    { "LOAD_FILE('/etc/passwd') IS NULL", "LOAD_FILE" },
    { "GET_LOCK('a', 1)", "GET_LOCK" },
    { "my_function(a)", "MY_FUNCTION" },
    { "`sleep`(1)", "quoted" },
    { "db.f(1)", "without their table" },
    { "t.a = 1", "without their table" },
    { "NOW() > a", "NOW" },
    { "RAND() < 0.5", "RAND" },
    { "@a = 1", "variable" },
    { "@@version = 1", "variable" },
    { "a := 1", "variable" },
    { "a = ?", "placeholder" },
    { "a = \\N", "character" },
    { "{d '2024-01-01'} = a", "character" },
    { "a = 1\x01", "control" },
};
/* clang-format on */

static void lets_conditions_through(void **state)
{
    char problem[WHERE_PROBLEM_LEN];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (!where_check(good[i], problem))
            fail_msg("%s: %s", good[i], problem);
}

static void refuses_all_else(void **state)
{
    char problem[WHERE_PROBLEM_LEN];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (where_check(bad[i].text, problem))
            fail_msg("let through: %s", bad[i].text);
        if (strstr(problem, bad[i].why) == NULL)
            fail_msg("%s: %s", bad[i].text, problem);
    }
}

static void bounds_length_and_nesting(void **state)
{
    char problem[WHERE_PROBLEM_LEN], text[WHERE_MAX_BYTES + 2];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[WHERE_MAX_BYTES] = '\0';
    assert_true(where_check(text, problem));
    text[WHERE_MAX_BYTES] = 'a';
    text[WHERE_MAX_BYTES + 1] = '\0';
    assert_false(where_check(text, problem));
    memset(text, '(', 1000);
    text[1000] = '\0';
    assert_false(where_check(text, problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_conditions_through),
        cmocka_unit_test(refuses_all_else),
        cmocka_unit_test(bounds_length_and_nesting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
