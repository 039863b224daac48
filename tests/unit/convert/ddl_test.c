/* DDL statements of one server and what another is given for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "workers/convert/ddl.h"
#include "workers/convert/rewrite.h"

#include "base/banned.h"

static const struct dialect mysql97 = { .flavour = FLAVOUR_MYSQL, .version = 90704 };
static const struct dialect mysql90 = { .flavour = FLAVOUR_MYSQL, .version = 90001 };
static const struct dialect mysql57 = { .flavour = FLAVOUR_MYSQL, .version = 50744 };
static const struct dialect mysql56 = { .flavour = FLAVOUR_MYSQL, .version = 50624 };
static const struct dialect maria = { .flavour = FLAVOUR_MARIADB, .version = 101119 };
static const struct dialect maria103 = { .flavour = FLAVOUR_MARIADB, .version = 100339 };

static char id_[] = "id", a_[] = "a", b_[] = "b", c_[] = "c", rank_[] = "rank", j_[] = "j",
            ts_[] = "ts", shop[] = "shop", shop2[] = "shop2", t_[] = "t", t2[] = "t2", u_[] = "u",
            out_[] = "out", int_[] = "int", int_text[] = "int(11)", varchar[] = "varchar",
            vc9[] = "varchar(9)", latin1[] = "latin1", swedish[] = "latin1_swedish_ci",
            longtext[] = "longtext", utf8mb4[] = "utf8mb4", bin4[] = "utf8mb4_bin",
            c0900[] = "utf8mb4_0900_ai_ci", timestamp[] = "timestamp", innodb[] = "InnoDB",
            primary[] = "PRIMARY", k_a[] = "k_a", k_c[] = "k_c", fk_out[] = "fk_out",
            json[] = "json", cascade[] = "CASCADE", new_[] = "n";

#define INT_COLUMN(n, null)                                                                        \
    {                                                                                              \
        .name = (n), .type_text = int_text, .data_type = int_, .kind = CK_INT, .int_bytes = 4,     \
        .nullable = (null)                                                                         \
    }

/* id, a, b, c (not carried), rank, j, ts, n; `before` has all but the last. */
static struct column columns[] = {
    INT_COLUMN(id_, false),
    { .name = a_,
      .type_text = vc9,
      .data_type = varchar,
      .kind = CK_VARCHAR,
      .charset = latin1,
      .collation = swedish,
      .length = 9,
      .nullable = true },
    { .name = b_,
      .type_text = vc9,
      .data_type = varchar,
      .kind = CK_VARCHAR,
      .charset = utf8mb4,
      .collation = c0900,
      .length = 9,
      .nullable = true },
    INT_COLUMN(c_, true),
    INT_COLUMN(rank_, true),
    { .name = j_,
      .type_text = longtext,
      .data_type = longtext,
      .kind = CK_TEXT,
      .charset = utf8mb4,
      .collation = bin4,
      .nullable = true },
    { .name = ts_,
      .type_text = timestamp,
      .data_type = timestamp,
      .kind = CK_TIMESTAMP,
      .nullable = false },
    INT_COLUMN(new_, true),
};
static struct column json_columns[] = {
    INT_COLUMN(id_, false),
    { .name = j_, .type_text = json, .data_type = json, .kind = CK_JSON, .nullable = true },
};
static bool selected[] = { true, true, true, false, true, true, true, true };
static unsigned on_id[] = { 0 }, on_a[] = { 1 }, on_c[] = { 3 }, whole[] = { 0 };
static struct index indexes[] = {
    { .name = primary,
      .unique = true,
      .primary = true,
      .column_count = 1,
      .columns = on_id,
      .prefix = whole },
    { .name = k_a, .column_count = 1, .columns = on_a, .prefix = whole },
    { .name = k_c, .column_count = 1, .columns = on_c, .prefix = whole },
};
static char *fk_columns[] = { id_ };
static struct foreign_key fks[] = {
    { .name = fk_out,
      .ref_db = shop,
      .ref_table = out_,
      .on_delete = cascade,
      .on_update = cascade,
      .column_count = 1,
      .columns = fk_columns,
      .ref_columns = fk_columns },
};

struct sample {
    const struct dialect *from, *to;
    const char *mode;
    const char *sql;
    const char *expected; /* statements divided by "; "; NULL: refused */
};

#define T "ALTER TABLE `shop2`.`t2` "
#define C "CREATE TABLE `shop2`.`t2` (\n  "
#define TAIL "\n) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci"
#define INT "`id` int(11) NOT NULL PRIMARY KEY"

/* clang-format off */
static const struct sample samples[] = {
    /* columns of ALTER are made as those of CREATE TABLE are */
    { &mysql97, &maria, "", "ALTER TABLE t ADD b VARCHAR(9) DEFAULT 'x' AFTER c", T "ADD COLUMN `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci DEFAULT 'x' AFTER `b`" },
    { &mysql97, &mysql57, "", "alter table t modify b char varying(9) charset utf8mb4 first", T "MODIFY COLUMN `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci FIRST" },
    { &mysql97, &maria, "", "ALTER TABLE shop.t CHANGE a n INTEGER NOT NULL COMMENT 'x, (', ALGORITHM=INSTANT, LOCK=NONE", T "CHANGE COLUMN `a` `n` int(11) NOT NULL COMMENT 'x, ('" },
    { &mysql97, &maria, "", "ALTER TABLE t ALGORITHM=INPLACE, FORCE", "" },
    { &mysql97, &maria, "ANSI_QUOTES", "ALTER TABLE \"t\" DROP \"rank\", ADD KEY \"x\"\"y\" (\"a\")", T "DROP COLUMN `rank`, ADD KEY `x\"y` (`a`)" },
    { &maria, &mysql97, "", "ALTER TABLE t ADD UNIQUE rank (rank), ADD CHECK (rank > 1)", T "ADD UNIQUE KEY `rank` (`rank`), ADD CHECK (`rank` > 1)" },
    /* what is not carried */
    { &maria, &maria, "", "ALTER TABLE t DROP c, ADD INDEX (c)", "" },
    { &maria, &maria, "", "ALTER TABLE t DROP INDEX k_c, DROP INDEX k_a, DROP FOREIGN KEY fk_out", T "DROP INDEX `k_a`" },
    { &maria, &maria, "", "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES out (id), ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES u (x) ON DELETE SET NULL", T "ADD CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `shop2`.`u` (`x`) ON DELETE SET NULL" },
    /* words of one lineage */
    { &maria, &mysql97, "", "ALTER TABLE IF EXISTS t ADD COLUMN IF NOT EXISTS a INT, DROP COLUMN IF EXISTS nowhere, DROP INDEX IF EXISTS nowhere, ADD COLUMN IF NOT EXISTS n INT", T "ADD COLUMN `n` int(11)" },
    { &maria, &maria, "", "ALTER TABLE IF EXISTS t DROP COLUMN IF EXISTS rank", "ALTER TABLE IF EXISTS `shop2`.`t2` DROP COLUMN IF EXISTS `rank`" },
    { &maria, &mysql97, "", "ALTER TABLE t WAIT 3 ALTER INDEX k_a IGNORED", T "ALTER INDEX `k_a` INVISIBLE" },
    { &mysql97, &maria, "", "ALTER TABLE t ALTER INDEX k_a VISIBLE", T "ALTER INDEX `k_a` NOT IGNORED" },
    { &mysql97, &maria, "", "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 1) NOT ENFORCED", "" },
    { &mysql97, &maria, "", "ALTER TABLE t ALTER CHECK x NOT ENFORCED", T "DROP CONSTRAINT IF EXISTS `x`" },
    { &mysql97, &maria, "", "ALTER TABLE t ALTER CHECK x ENFORCED", NULL },
    /* names that the source's server gave */
    { &mysql97, &maria, "", "CREATE TABLE t (id INT CHECK (id <> 2), rank INT, CHECK (c > 0), CONSTRAINT own CHECK (id > 3), CHECK (rank < 100))",
      C "`id` int(11),\n  `rank` int(11),\n  CONSTRAINT `own` CHECK (`id` > 3),\n  CONSTRAINT `t_chk_3` CHECK (`rank` < 100),\n  CONSTRAINT `t_chk_1` CHECK (`id` <> 2)" TAIL },
    { &mysql97, &maria, "", "ALTER TABLE t DROP CHECK t_chk_1", T "DROP CONSTRAINT `t_chk_1`" },
    { &mysql97, &maria, "", "ALTER TABLE t ALTER CHECK t_chk_12 NOT ENFORCED", T "DROP CONSTRAINT `t_chk_12`" },
    { &mysql97, &maria, "", "ALTER TABLE t DROP CHECK _chk_, DROP CONSTRAINT t_chk_1a", T "DROP CONSTRAINT IF EXISTS `_chk_`, DROP CONSTRAINT IF EXISTS `t_chk_1a`" },
    { &maria, &mysql97, "", "ALTER TABLE t DROP CONSTRAINT CONSTRAINT_2", T "DROP CONSTRAINT `CONSTRAINT_2`" },
    { &maria, &maria, "", "ALTER TABLE t DROP CONSTRAINT own", T "DROP CONSTRAINT IF EXISTS `own`" },
    { &maria, &maria, "", "ALTER TABLE t DROP CONSTRAINT IF EXISTS CONSTRAINT_2", NULL },
    { &mysql97, &mysql97, "", "ALTER TABLE t DROP CHECK t_chk_1", NULL },
    { &mysql97, &mysql97, "", "ALTER TABLE t ALTER CHECK t_chk_1 NOT ENFORCED", NULL },
    { &mysql56, &mysql97, "", "ALTER TABLE t ADD CHECK (a > 1)", "" },
    { &mysql97, &maria, "", "ALTER TABLE t RENAME COLUMN a TO n", T "RENAME COLUMN `a` TO `n`" },
    { &mysql97, &mysql57, "", "ALTER TABLE t RENAME COLUMN a TO n", NULL },
    { &maria, &maria103, "", "ALTER TABLE t RENAME INDEX k_a TO k_b", NULL },
    { &mysql97, &maria, "", "ALTER TABLE t ALTER COLUMN n SET INVISIBLE", NULL },
    { &mysql97, &maria, "", "ALTER TABLE t ADD KEY ((n + 1))", NULL },
    { &mysql97, &maria, "", "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", NULL },
    { &maria, &maria, "", "ALTER TABLE t CONVERT TABLE u TO PARTITION p VALUES LESS THAN (1)", NULL },
    { &mysql97, &mysql97, "", "ALTER TABLE t IMPORT TABLESPACE", NULL },
    { &maria, &maria, "", "ALTER TABLE t ADD SYSTEM VERSIONING", NULL },
    { &mysql97, &mysql97, "", "ALTER TABLE t CONVERT TO CHARACTER SET latin1, ENGINE InnoDB", T "CONVERT TO CHARACTER SET latin1 COLLATE latin1_swedish_ci, ENGINE=InnoDB" },
    { &mysql97, &mysql97, "", "ALTER TABLE t ADD n INT, RENAME AS u", T "ADD COLUMN `n` int(11); RENAME TABLE `shop2`.`t2` TO `shop2`.`u`" },
    { &mysql97, &mysql97, "", "ALTER TABLE t RENAME out", "" },
    { &maria, &mysql97, "", "ALTER TABLE t DROP PARTITION IF EXISTS p0", T "DROP PARTITION p0" },
    { &mysql97, &mysql97, "", "ALTER TABLE t ANALYZE PARTITION ALL", "" },
    { &mysql97, &mysql97, "", "CREATE INDEX k_n USING BTREE ON t (n DESC, a(3) ASC) LOCK=NONE", T "ADD KEY `k_n` (`n` DESC, `a`(3)) USING BTREE" },
    { &maria, &mysql97, "", "CREATE OR REPLACE INDEX k_a ON t (id)", T "DROP INDEX `k_a`, ADD KEY `k_a` (`id`)" },
    { &mysql97, &mysql97, "", "DROP INDEX `PRIMARY` ON t ALGORITHM=COPY", T "DROP INDEX `PRIMARY`" },
    /* CREATE TABLE */
    { &maria, &mysql97, "", "CREATE OR REPLACE TABLE t (id INT NOT NULL PRIMARY KEY, rank INT CHECK (rank > 0), KEY (rank)) TYPE=InnoDB",
      "DROP TABLE IF EXISTS `shop2`.`t2`; " C INT ",\n  `rank` int(11),\n  KEY (`rank`),\n  CHECK (`rank` > 0)" TAIL },
    { &maria, &maria, "", "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY NOT NULL)", "CREATE OR REPLACE TABLE `shop2`.`t2` (\n  `id` int(11) PRIMARY KEY NOT NULL" TAIL },
    { &maria, &mysql97, "", "CREATE TABLE IF NOT EXISTS t (id INT, j JSON)", "CREATE TABLE IF NOT EXISTS `shop2`.`t2` (\n  `id` int(11),\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,\n  CHECK (json_valid(`j`))" TAIL },
    { &maria, &maria, "", "CREATE TABLE t (id INT, j JSON)", C "`id` int(11),\n  `j` json" TAIL },
    { &mysql97, &mysql97, "", "CREATE TABLE t (id INT) START TRANSACTION", C "`id` int(11)" TAIL },
    { &mysql97, &mysql97, "", "CREATE TABLE t (id INT, ts TIMESTAMP)", C "`id` int(11),\n  `ts` timestamp NOT NULL" TAIL },
    { &mysql97, &mysql97, "", "CREATE TABLE t (id INT, FOREIGN KEY (id) REFERENCES t (id))", C "`id` int(11),\n  CONSTRAINT `fk_out` FOREIGN KEY (`id`) REFERENCES `shop2`.`t2` (`id`)" TAIL },
    { &mysql56, &mysql97, "", "CREATE TABLE t (id INT REFERENCES u (x))", C "`id` int(11)" TAIL },
    { &mysql97, &mysql97, "", "CREATE TABLE t LIKE u", "CREATE TABLE `shop2`.`t2` LIKE `shop2`.`u`" },
    { &mysql97, &mysql97, "", "CREATE TABLE t LIKE out", NULL },
    { &mysql97, &mysql97, "", "CREATE TABLE t (id INT) SELECT 1 AS id", NULL },
    { &maria, &maria, "", "CREATE TABLE t (id INT) ENGINE=CONNECT", NULL },
    { &mysql97, &mysql97, "", "CREATE TEMPORARY TABLE t (id INT)", "" },
    /* whole objects */
    { &maria, &mysql97, "", "DROP TABLE IF EXISTS t, out, `u` CASCADE", "DROP TABLE IF EXISTS `shop2`.`t2`; DROP TABLE IF EXISTS `shop2`.`u`" },
    { &mysql97, &mysql97, "", "RENAME TABLE t TO u", "RENAME TABLE `shop2`.`t2` TO `shop2`.`u`" },
    { &mysql97, &mysql97, "", "RENAME TABLE t TO out", "" },
    { &mysql97, &mysql97, "", "RENAME TABLE t TO out, u TO t, out TO u", "RENAME TABLE `shop2`.`t2` TO `shop2`.`out`; RENAME TABLE `shop2`.`u` TO `shop2`.`t2`; RENAME TABLE `shop2`.`out` TO `shop2`.`u`" },
    { &maria, &mysql97, "", "TRUNCATE t WAIT 5", "TRUNCATE TABLE `shop2`.`t2`" },
    { &maria, &mysql97, "", "CREATE OR REPLACE DATABASE shop COLLATE utf8mb4_uca1400_ai_ci COMMENT 'x'", "DROP DATABASE IF EXISTS `shop2`; CREATE DATABASE `shop2` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci" },
    { &mysql97, &mysql97, "", "ALTER DATABASE shop READ ONLY = 1", "" },
    { &mysql97, &mysql97, "", "DROP DATABASE IF EXISTS shop", "DROP DATABASE IF EXISTS `shop2`" },
    { &mysql97, &maria, "", "CREATE DEFINER=`x`@`%` VIEW t AS SELECT t.id, u.id AS b FROM t, u JOIN elsewhere.w ON w.id IN (SELECT EXTRACT(DAY FROM d) FROM u)",
      "CREATE VIEW `shop2`.`t2` AS SELECT t.id, u.id AS b FROM `shop2`.`t2` AS `t`, `shop2`.`u` JOIN elsewhere.w ON w.id IN (SELECT EXTRACT(DAY FROM d) FROM `shop2`.`u`)" },
    { &mysql97, &maria, "", "ALTER SQL SECURITY INVOKER VIEW t AS WITH RECURSIVE u AS (SELECT 1), z (x) AS (SELECT * FROM out) SELECT * FROM u, z", "ALTER SQL SECURITY INVOKER VIEW `shop2`.`t2` AS WITH RECURSIVE u AS (SELECT 1), z (x) AS (SELECT * FROM `shop2`.`out`) SELECT * FROM u, z" },
    { &maria, &mysql97, "", "CREATE OR REPLACE DEFINER=root@127.0.0.1 PROCEDURE IF NOT EXISTS t (x INT) /* why */ SELECT 'a\"b'", "DROP PROCEDURE IF EXISTS `shop2`.`t2`; CREATE PROCEDURE `shop2`.`t2` (x INT) /* why */ SELECT 'a\"b'" },
    { &mysql97, &maria, "", "CREATE /*!50003 FUNCTION t() RETURNS INT */ RETURN 1", "CREATE FUNCTION `shop2`.`t2`() RETURNS INT RETURN 1" },
    { &maria, &maria, "", "CREATE VIEW IF NOT EXISTS t AS SELECT 1", "CREATE VIEW IF NOT EXISTS `shop2`.`t2` AS SELECT 1" },
    { &maria, &mysql97, "", "CREATE DEFINER=`x`@`%` FUNCTION IF NOT EXISTS t() RETURNS INT RETURN 1", "CREATE FUNCTION IF NOT EXISTS `shop2`.`t2`() RETURNS INT RETURN 1" },
    { &mysql97, &mysql57, "", "CREATE PROCEDURE IF NOT EXISTS t() SELECT 1", "CREATE PROCEDURE `shop2`.`t2`() SELECT 1" },
    { &mysql97, &mysql90, "", "CREATE PROCEDURE IF NOT EXISTS shop.t() SELECT 1", "CREATE PROCEDURE IF NOT EXISTS `shop2`.`t2`() SELECT 1" },
    { &mysql97, &mysql90, "", "CREATE VIEW IF NOT EXISTS t AS SELECT 1", "CREATE VIEW `shop2`.`t2` AS SELECT 1" },
    { &mysql97, &maria, "", "DROP FUNCTION IF EXISTS t", "DROP FUNCTION IF EXISTS `shop2`.`t2`" },
    { &mysql97, &maria, "", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", NULL },
};
/* clang-format on */

static struct renamed names[] = { { shop2, NULL }, { shop2, t2 }, { shop2, u_ } };

static struct map *name_map(void)
{
    struct map *m = map_new();

    assert_int_equal(0, map_set(m, "shop", &names[0]));
    assert_int_equal(0, map_set(m, "shop\1t", &names[1]));
    assert_int_equal(0, map_set(m, "shop\1u", &names[2]));
    return m;
}

static const char *client_charset, *connection_collation; /* of what run() converts */

static int run(const struct sample *s, size_t len, struct ddl_result *made, struct notes *notes,
               struct err *err)
{
    struct statement_context c = { .default_db = shop,
                                   .sql_mode = strcmp(s->mode, "ANSI_QUOTES") == 0
                                                   ? SQL_MODE_ANSI_QUOTES
                                                   : 0,
                                   .mariadb = s->from->flavour == FLAVOUR_MARIADB,
                                   .version = s->from->version };
    bool json_type = strstr(s->sql, "JSON") != NULL && s->from->flavour == FLAVOUR_MYSQL;
    struct table before = { .db = shop,
                            .name = t_,
                            .engine = innodb,
                            .collation = swedish,
                            .columns = columns,
                            .column_count = ARRAY_SIZE(columns) - 1,
                            .selected = selected,
                            .indexes = indexes,
                            .index_count = ARRAY_SIZE(indexes),
                            .fks = fks,
                            .fk_count = 1 };
    struct table after = before;
    struct ddl_target targets[8];
    _cleanup_(map_freep)
    struct map *map = name_map();
    _cleanup_(ddl_statement_freep)
    struct ddl_statement *d = NULL;
    struct ddl_job job = { .targets = targets,
                           .from = s->from,
                           .to = s->to,
                           .names = map,
                           .before = &before,
                           .after = &after,
                           .default_db = shop,
                           .sql_mode = s->mode,
                           .client_charset = client_charset,
                           .connection_collation = connection_collation };

    after.column_count++;
    if (json_type) {
        after.columns = json_columns;
        after.column_count = ARRAY_SIZE(json_columns);
    }
    if (ddl_parse(s->sql, len, &c, &d, err) < 0)
        return -1;
    if (d->name_count > ARRAY_SIZE(targets))
        return err_set(err, ERR_PARAM, "too many names");
    if (d->kind == DDL_CREATE_TABLE)
        job.before = NULL;
    for (size_t i = 0; i < d->name_count; i++)
        targets[i] =
            (struct ddl_target){ strcmp(d->names[i].name, "out") != 0, shop2,
                                 strcmp(d->names[i].name, "t") == 0 ? t2 : d->names[i].name };
    job.statement = d;
    return ddl_convert(&job, made, notes, err);
}

static void check(const struct sample *s)
{
    struct ddl_result made = { 0 };
    struct notes notes = { 0 };
    struct err err = { 0 };
    char all[2048] = "";
    size_t n = 0;
    int rc = run(s, strlen(s->sql), &made, &notes, &err);

    if (s->expected == NULL) {
        if (rc == 0 && notes.refused == 0)
            fail_msg("not refused: %s", s->sql);
    } else {
        if (rc < 0 || notes.refused > 0)
            fail_msg("%s: %s", s->sql, rc < 0 ? err.message : notes.list[0].text);
        assert_non_null(made.sql_mode);
        for (size_t i = 0; i < made.count; i++)
            n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i > 0 ? "; " : "", made.sql[i]);
        if (strcmp(all, s->expected) != 0)
            fail_msg("%s\n  gives    %s\n  expected %s", s->sql, all, s->expected);
    }
    ddl_result_done(&made);
    notes_done(&notes);
}

static void statements_are_converted_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check(&samples[i]);
}

/* Text cut anywhere gives an error, a refusal or a statement, never a crash (run under ASan). */
static void cut_text_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        for (size_t len = 0; len < strlen(samples[i].sql); len++) {
            struct ddl_result made = { 0 };
            struct notes notes = { 0 };
            struct err err = { 0 };

            if (run(&samples[i], len, &made, &notes, &err) == 0)
                ddl_result_done(&made);
            notes_done(&notes);
        }
    }
}

/* A table's statement means the same without the modes of quoting; a routine keeps them. */
/* A view's literals have the collation of its connection; bytes behind an introducer are lost where
 * the client did not speak UTF-8. */
static void literals_keep_their_collation(void **state)
{
    static const struct {
        const struct dialect *to;
        const char *client, *collation, *sql, *expected; /* of the session; NULL: refused */
    } rows[] = {
        { &maria, "latin1", "latin1_german1_ci", "CREATE VIEW t AS SELECT 'é'",
          "latin1_german1_ci" },
        { &maria, "latin1", "utf8mb4_0900_ai_ci", "CREATE PROCEDURE t() SELECT 'x'",
          "utf8mb4_uca1400_nopad_ai_ci" },
        { &maria, "latin1", "latin1_bin", "DROP VIEW t", "" },
        { &maria, "utf8mb4", "latin1_bin", "CREATE VIEW t AS SELECT _latin1'é'", "latin1_bin" },
        { &maria, "latin1", "latin1_bin", "CREATE VIEW t AS SELECT _latin1'e'", "latin1_bin" },
        { &maria, "latin1", "latin1_bin", "CREATE VIEW t AS SELECT _latin1'é'", NULL },
        { &maria, "gbk", "latin1_bin", "ALTER TABLE t ALTER a SET DEFAULT _latin1 'é'", NULL },
        { &maria, "latin1", "gb18030_chinese_ci", "CREATE VIEW t AS SELECT 1", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sample s = { &mysql97, rows[i].to, "", rows[i].sql, "" };
        struct ddl_result made = { 0 };
        struct notes notes = { 0 };
        struct err err = { 0 };

        client_charset = rows[i].client;
        connection_collation = rows[i].collation;
        if (run(&s, strlen(s.sql), &made, &notes, &err) < 0)
            fail_msg("%s: %s", rows[i].sql, err.message);
        client_charset = connection_collation = NULL;
        if ((rows[i].expected == NULL) != (notes.refused > 0))
            fail_msg("%s: %zu refused", rows[i].sql, notes.refused);
        if (rows[i].expected != NULL)
            assert_string_equal(made.collation == NULL ? "" : made.collation, rows[i].expected);
        ddl_result_done(&made);
        notes_done(&notes);
    }
}

static void the_session_is_the_statements(void **state)
{
    static const struct {
        const char *sql, *mode, *expected;
    } rows[] = {
        { "ALTER TABLE t ADD n INT", "ANSI_QUOTES", "" },
        { "CREATE PROCEDURE t () SELECT 1", "ANSI_QUOTES", "ANSI_QUOTES" },
        { "ALTER TABLE t ADD n INT", "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER",
          "STRICT_TRANS_TABLES" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sample s = { &mysql56, &mysql97, rows[i].mode, rows[i].sql, "" };
        struct ddl_result made = { 0 };
        struct notes notes = { 0 };
        struct err err = { 0 };

        assert_int_equal(0, run(&s, strlen(s.sql), &made, &notes, &err));
        assert_string_equal(rows[i].expected, made.sql_mode);
        ddl_result_done(&made);
        notes_done(&notes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_converted_or_refused),
        cmocka_unit_test(cut_text_is_survived),
        cmocka_unit_test(literals_keep_their_collation),
        cmocka_unit_test(the_session_is_the_statements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
