/* A decision on a DDL statement acts on that statement only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "workers/report.h"
#include "workers/task.h"

#include "base/banned.h"

static void by_id_and_text(void **state)
{
    static const char text[] =
        "{\"ddlDecisions\":[{\"id\":\"bin.1:4\",\"action\":\"SKIP\",\"statement\":\"DROP TABLE "
        "a\"},"
        "{\"id\":\"bin.1:9\",\"action\":\"REPLACE\",\"statement\":\"DROP TABLE b\",\"sql\":\"x\"},"
        "{\"id\":\"bin.1:20\",\"action\":\"SKIP\"}]}";
    struct task t = { 0 };
    struct err err = { 0 };
    const char *sql = NULL;

    (void)state;
    assert_int_equal(json_parse(text, strlen(text), 16, &t.doc, &err), 0);
    assert_int_equal(task_ddl_decision(&t, "bin.1:4", "DROP TABLE a", &sql), DDL_SKIP);
    assert_int_equal(task_ddl_decision(&t, "bin.1:4", "DROP TABLE b", &sql), DDL_UNDECIDED);
    assert_int_equal(task_ddl_decision(&t, "bin.1:9", "DROP TABLE a", &sql), DDL_UNDECIDED);
    assert_null(sql);
    assert_int_equal(task_ddl_decision(&t, "bin.1:9", "DROP TABLE b", &sql), DDL_REPLACE);
    assert_string_equal(sql, "x");
    assert_int_equal(task_ddl_decision(&t, "bin.1:20", "DROP TABLE a", &sql), DDL_UNDECIDED);
    json_putp(&t.doc);
}

static void text_as_told(void **state)
{
    enum { LONG = 70000, MAX = 64 * 1024 };
    static const char odd[] = "a\0b\xff\xc3\xa9\xc3";
    char *text = report_ddl_text(odd, sizeof(odd) - 1), *big = malloc(LONG);

    (void)state;
    assert_string_equal(text, "a?b?\xc3\xa9?");
    free(text);
    memset(big, 'x', LONG);
    memcpy(big + MAX - 1, "\xc3\xa9", 2); /* the cut is not within a character */
    text = report_ddl_text(big, LONG);
    assert_int_equal(strlen(text), MAX - 1);
    free(text);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_id_and_text),
                                        cmocka_unit_test(text_as_told) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
