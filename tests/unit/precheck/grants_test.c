/* Lines as MariaDB 10.11.19, MySQL 5.6.24 and MySQL 9.7.4 gave them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/precheck/grants.h"

#include "base/banned.h"

static const struct server {
    const char *what;
    const char *lines[8];
    struct {
        const char *privilege, *db, *table;
        bool expected;
    } asks[12];
} servers[] = {
    { "MariaDB, role active, table and column grants",
      { "GRANT `r1` TO `u1`@`%`",
        "GRANT SELECT, SUPER, REPLICATION SLAVE, BINLOG MONITOR, SLAVE MONITOR ON *.* TO `u1`@`%` "
        "IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
        "GRANT CREATE, DELETE HISTORY ON `sh\\_op`.* TO `u1`@`%`",
        "GRANT INSERT (`code`, `id`), UPDATE ON `rich`.`parent` TO `u1`@`%`",
        "GRANT EXECUTE ON FUNCTION `rich`.`f1` TO `u1`@`%`", "GRANT USAGE ON *.* TO `r1`",
        "SET DEFAULT ROLE `r1` FOR `u1`@`%`" },
      { { "SELECT", NULL, NULL, true },
        { "SELECT", "any", "t", true },
        { "REPLICATION CLIENT", NULL, NULL, true },
        { "REPLICA MONITOR", NULL, NULL, true },
        { "CREATE", "sh_op", NULL, true },
        { "CREATE", "shxop", NULL, false },
        { "CREATE", NULL, NULL, false },
        { "DELETE", "sh_op", NULL, false },
        { "INSERT", "rich", "parent", false },
        { "UPDATE", "rich", "parent", true },
        { "UPDATE", "rich", NULL, false },
        { "EXECUTE", "rich", "f1", false } } },
    { "MySQL 9.7, several global lines, dynamic privileges, partial revoke",
      { "GRANT SELECT, INSERT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u1`@`%`",
        "GRANT BACKUP_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `u1`@`%` WITH GRANT OPTION",
        "REVOKE INSERT ON `secret`.* FROM `u1`@`%`", "GRANT `r1`@`%` TO `u1`@`%`",
        "GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION" },
      { { "SYSTEM_VARIABLES_ADMIN", NULL, NULL, true },
        { "BACKUP_ADMIN", NULL, NULL, true },
        { "REPLICATION CLIENT", NULL, NULL, true },
        { "INSERT", "shop", "t", true },
        { "INSERT", "secret", NULL, false },
        { "SELECT", "secret", NULL, true },
        { "CONNECTION_ADMIN", NULL, NULL, false },
        { "PROXY", NULL, NULL, false } } },
    { "MySQL 5.6, ALL PRIVILEGES on a pattern, quoted with apostrophes",
      { "GRANT REPLICATION SLAVE ON *.* TO 'u1'@'%' IDENTIFIED BY PASSWORD '*B690'",
        "GRANT ALL PRIVILEGES ON `shop%`.* TO 'u1'@'%'" },
      { { "SELECT", "shop", "t", true },
        { "CREATE VIEW", "shop_2", NULL, true },
        { "SELECT", "sho", NULL, false },
        { "REPLICATION CLIENT", NULL, NULL, false },
        { "REPLICATION SLAVE", NULL, NULL, true } } },
    { "names with quotes and words in them",
      { "GRANT SELECT ON `a``b ON c`.* TO `x`@`%`", "GRANT UPDATE ON `db`.`t TO y` TO `x`@`%`" },
      { { "SELECT", "a`b ON c", NULL, true },
        { "UPDATE", "db", "t TO y", true },
        { "SELECT", "a", NULL, false } } },
};

static void grants_of_real_servers_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        _cleanup_(grants_freep)
        struct grants *g = grants_new();
        struct err err = { 0 };

        for (size_t k = 0; k < ARRAY_SIZE(servers[i].lines) && servers[i].lines[k] != NULL; k++)
            assert_int_equal(0, grants_add(g, servers[i].lines[k], &err));
        for (size_t k = 0; k < ARRAY_SIZE(servers[i].asks) && servers[i].asks[k].privilege != NULL;
             k++)
            if (grants_has(g, servers[i].asks[k].privilege, servers[i].asks[k].db,
                           servers[i].asks[k].table) != servers[i].asks[k].expected)
                fail_msg("%s: %s on %s", servers[i].what, servers[i].asks[k].privilege,
                         servers[i].asks[k].db == NULL ? "*.*" : servers[i].asks[k].db);
    }
}

static void what_is_no_grant_is_refused(void **state)
{
    static const char *const lines[] = { "", "SELECT 1", "DROP TABLE t", "GRANT SELECT ON `x" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_(grants_freep)
        struct grants *g = grants_new();
        struct err err = { 0 };

        assert_int_equal(-1, grants_add(g, lines[i], &err));
    }
}

static void broken_lines_give_nothing(void **state)
{
    static const char *const lines[] = { "GRANT",
                                         "GRANT SELECT",
                                         "GRANT SELECT ON",
                                         "GRANT ON *.*",
                                         "GRANT SELECT (a ON *.* TO x",
                                         "GRANT SELECT ON x" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_(grants_freep)
        struct grants *g = grants_new();
        struct err err = { 0 };

        (void)grants_add(g, lines[i], &err);
        assert_false(grants_has(g, "SELECT", NULL, NULL));
    }
}

static void patterns_follow_like(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool expected;
    } rows[] = { { "shop", "shop", true },     { "shop", "shops", false },
                 { "sh_p", "shop", true },     { "sh\\_p", "shop", false },
                 { "sh\\_p", "sh_p", true },   { "%", "anything", true },
                 { "a%b%c", "axxbyyc", true }, { "a%b%c", "axxbyy", false },
                 { "a\\%", "a%", true },       { "a\\%", "ab", false },
                 { "%\\_x", "a_b_x", true },   { "", "", true } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (grants_pattern_match(rows[i].pattern, rows[i].name) != rows[i].expected)
            fail_msg("%s against %s", rows[i].pattern, rows[i].name);
}

static void statements_quote_account_and_database(void **state)
{
    struct strbuf out = STRBUF(1024);

    (void)state;
    grants_statement(&out, "SELECT", "my_d`b%", "o'hara@10.0.%");
    assert_string_equal("GRANT SELECT ON `my\\_d``b\\%`.* TO 'o\\'hara'@'10.0.%'",
                        strbuf_str(&out));
    strbuf_reset(&out);
    grants_statement(&out, "REPLICATION SLAVE", NULL, "user@tenant#cluster@%");
    assert_string_equal("GRANT REPLICATION SLAVE ON *.* TO 'user@tenant#cluster'@'%'",
                        strbuf_str(&out));
    strbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_of_real_servers_are_understood),
        cmocka_unit_test(what_is_no_grant_is_refused),
        cmocka_unit_test(broken_lines_give_nothing),
        cmocka_unit_test(patterns_follow_like),
        cmocka_unit_test(statements_quote_account_and_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
