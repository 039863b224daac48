#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "workers/mysql/dialect.h"

#include "base/banned.h"

static void versions_are_told_apart(void **state)
{
    /* clang-format off */
    static const struct {
        const char *version, *comment;
        enum flavour flavour;
        unsigned number;
    } rows[] = {
        { "5.6.24-log", "MySQL Community Server (GPL)", FLAVOUR_MYSQL, 50624 },
        { "5.7.44", "", FLAVOUR_MYSQL, 50744 },
        { "8.0.32", "Source distribution", FLAVOUR_MYSQL, 80032 },
        { "9.7.0", "(Debian)", FLAVOUR_MYSQL, 90700 },
        { "10.11.19-MariaDB-0+deb12u1-log", "Debian 12", FLAVOUR_MARIADB, 101119 },
        { "5.5.5-10.11.6-MariaDB", "", FLAVOUR_MARIADB, 101106 },
        { "5.5.5-10.3.39", "", FLAVOUR_MARIADB, 100339 },
        { "11.4.2-MariaDB-ubu2404", "", FLAVOUR_MARIADB, 110402 },
        { "10.6.1", "mariadb.org binary distribution", FLAVOUR_MARIADB, 100601 },
        { "5.7.25-OceanBase-v4.3.5.1", "OceanBase_CE 4.3.5.1", FLAVOUR_OCEANBASE, 50725 },
        { "5.7.25-OceanBase-v4.3.5.1-log", "Debian 12 MariaDB", FLAVOUR_OCEANBASE, 50725 },
        { "5.7.25", "OceanBase_CE 4.2.1 (r1)", FLAVOUR_OCEANBASE, 50725 },
        { "8.0.13-PolarDB-X", "", FLAVOUR_POLARDB, 80013 },
        { "8.0.32", "PolarDB for MySQL", FLAVOUR_POLARDB, 80032 },
        { "8.0.32-24", "Percona Server (GPL)", FLAVOUR_MYSQL, 80032 },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct dialect d;
        struct err err = { 0 };

        if (dialect_parse_version(rows[i].version, rows[i].comment, &d, &err) < 0)
            fail_msg("%s: %s", rows[i].version, err.message);
        if (d.flavour != rows[i].flavour || d.version != rows[i].number)
            fail_msg("%s: %s %u", rows[i].version, flavour_name(d.flavour), d.version);
        assert_string_equal(d.version_text, rows[i].version);
    }
}

static void what_is_too_old_or_unknown_is_refused(void **state)
{
    static const char *const rows[] = { "5.5.62-log",
                                        "5.1.73",
                                        "10.1.48-MariaDB",
                                        "5.5.68-MariaDB",
                                        "",
                                        "eight",
                                        "8",
                                        "8.0",
                                        "8.0.",
                                        "99999999999.1.1",
                                        "-1.2.3",
                                        "5.5.5-10.0.38-MariaDB",
                                        "8.0.100000000000" };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dialect d;
        struct err err = { 0 };

        assert_int_equal(dialect_parse_version(rows[i], "", &d, &err), -1);
        assert_int_equal(err.code, ERR_DB_UNSUPPORTED);
    }
}

static void abilities_follow_the_version(void **state)
{
    /* clang-format off */
    static const struct {
        const char *version;
        bool gtid_mariadb, snapshot, json, generated, checks, invisible, cascades, new_status;
    } rows[] = {
        { "5.6.24",           false, false, false, false, false, false, false, false },
        { "5.7.44",           false, false, true,  true,  false, false, false, false },
        { "8.0.15",           false, false, true,  true,  false, false, false, false },
        { "8.0.23",           false, false, true,  true,  true,  true,  false, false },
        { "8.4.0",            false, false, true,  true,  true,  true,  false, true  },
        { "9.7.0",            false, false, true,  true,  true,  true,  true,  true  },
        { "10.11.19-MariaDB", true,  true,  false, true,  true,  true,  false, false },
        { "10.2.44-MariaDB",  true,  true,  false, true,  true,  false, false, false },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dialect d;
        struct err err = { 0 };

        assert_int_equal(dialect_parse_version(rows[i].version, "", &d, &err), 0);
        assert_int_equal(d.gtid_mariadb, rows[i].gtid_mariadb);
        assert_int_equal(d.snapshot_position, rows[i].snapshot);
        assert_int_equal(d.json_type, rows[i].json);
        assert_int_equal(d.show_create_generated, rows[i].generated);
        assert_int_equal(d.check_constraints, rows[i].checks);
        assert_int_equal(d.invisible_columns, rows[i].invisible);
        assert_int_equal(d.cascades_logged, rows[i].cascades);
        assert_int_equal(strcmp(d.binlog_status_sql, "SHOW BINARY LOG STATUS") == 0,
                         rows[i].new_status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_told_apart),
        cmocka_unit_test(what_is_too_old_or_unknown_is_refused),
        cmocka_unit_test(abilities_follow_the_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
