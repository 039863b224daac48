#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/dberr.h"

#include "base/banned.h"

static void numbers_have_codes(void **state)
{
    /* clang-format off */
    static const struct {
        unsigned number;
        const char *text;
        bool mariadb;
        enum err_code connecting, session;
    } rows[] = {
        { 1045, "Access denied", false, ERR_DB_AUTH, ERR_DB_PRIVILEGE },
        { 1130, "Host is not allowed", false, ERR_DB_AUTH, ERR_DB_AUTH },
        { 2002, "", false, ERR_DB_CONNECT, ERR_DB_CONNECT },
        { 2013, "", false, ERR_DB_CONNECT, ERR_DB_LOST },
        { 2006, "", false, ERR_DB_CONNECT, ERR_DB_LOST },
        { 1040, "", false, ERR_DB_CONNECT, ERR_DB_CONNECT },
        { 1213, "", false, ERR_DB_RETRY, ERR_DB_RETRY },
        { 1205, "", false, ERR_DB_RETRY, ERR_DB_RETRY },
        { 1290, "running with the --read-only option", false, ERR_DB_READONLY, ERR_DB_READONLY },
        { 1290, "running with the --super-read-only option", false, ERR_DB_READONLY, ERR_DB_READONLY },
        { 1290, "running with the --secure-file-priv option", false, ERR_DB_QUERY, ERR_DB_QUERY },
        { 1030, "Got error 28 from storage engine", false, ERR_DB_FULL, ERR_DB_FULL },
        { 1030, "Got error 1 from storage engine", false, ERR_DB_CONNECT, ERR_DB_QUERY },
        { 3, "Error writing file '/tmp/x' (Errcode: 28 - No space left)", false, ERR_DB_FULL, ERR_DB_FULL },
        { 4031, "", false, ERR_DB_CONNECT, ERR_DB_LOST },
        { 4031, "", true, ERR_DB_CONNECT, ERR_DB_QUERY },
        { 4025, "", true, ERR_VALUE, ERR_VALUE },
        { 1927, "Connection was killed", true, ERR_DB_CONNECT, ERR_DB_LOST },
        { 1062, "Duplicate entry", false, ERR_DB_CONNECT, ERR_DB_QUERY },
        { 1264, "Out of range", false, ERR_VALUE, ERR_VALUE },
        { 1146, "", false, ERR_TABLE_NOT_FOUND, ERR_TABLE_NOT_FOUND },
        { 3948, "", false, ERR_NOT_SUPPORTED, ERR_NOT_SUPPORTED },
        { 99999, "", false, ERR_DB_CONNECT, ERR_DB_QUERY },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct db_error e = { .number = rows[i].number,
                              .text = rows[i].text,
                              .mariadb = rows[i].mariadb,
                              .phase = DB_CONNECTING };

        if (rows[i].number != 1290 || rows[i].session != ERR_DB_QUERY)
            assert_int_equal(dberr_code(&e), rows[i].connecting);
        e.phase = DB_SESSION;
        if (dberr_code(&e) != rows[i].session)
            fail_msg("%u %s: %s", rows[i].number, rows[i].text, err_symbol(dberr_code(&e)));
    }
}

static struct endpoint at = { .end = END_SINK, .port = 3307 };

static void messages_name_the_server_and_no_values(void **state)
{
    static const char sql[] = "INSERT INTO `t` VALUES ('secret', 42)";
    struct db_error e = { .number = 1062,
                          .text = "Duplicate entry '\xff' for key 'PRIMARY'",
                          .phase = DB_SESSION,
                          .sql = sql,
                          .sql_len = sizeof(sql) - 1 };
    struct err err = { 0 };
    char host[] = "db1";

    (void)state;
    at.host = host;
    assert_int_equal(dberr_set(&err, &at, &e), -1);
    assert_string_equal(err.message, "sink db1:3307: Duplicate entry '?' for key 'PRIMARY' (1062),"
                                     " in: INSERT INTO `t` ...");
    assert_int_equal(err.db_errno, 1062);
}

static void advice_is_a_grant_where_the_server_tells_it(void **state)
{
    static const struct {
        unsigned number;
        const char *text, *want;
    } rows[] = {
        { 1142, "INSERT, UPDATE command denied to user 'u'@'h' for table 't'",
          "The account needs INSERT, UPDATE on the object named: docs/privileges.md." },
        { 1227,
          "Access denied; you need (at least one of) the RELOAD privilege(s) for this operation",
          "The account needs RELOAD on *.* (one of them is enough)." },
        { 1142, "SELECT command denied to user",
          "The account needs SELECT on the object named: docs/privileges.md." },
        { 1044, "Access denied for user 'u'@'%' to database 'd'",
          "Grant the account what the message names." },
    };
    char host[] = "db1";

    (void)state;
    at.host = host;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct db_error e = { .number = rows[i].number, .text = rows[i].text, .phase = DB_SESSION };
        struct err err = { 0 };

        (void)dberr_set(&err, &at, &e);
        assert_int_equal(err.code, ERR_DB_PRIVILEGE);
        assert_string_equal(err_advice(&err), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_codes),
        cmocka_unit_test(messages_name_the_server_and_no_values),
        cmocka_unit_test(advice_is_a_grant_where_the_server_tells_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
