/* Statements taken apart: what each item is, in a short notation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "base/util.h"
#include "workers/mysql/ddl/parse.h"

#include "base/banned.h"

/*
 * `want`: kind, flags (? IF NOT EXISTS, ! IF EXISTS, * OR REPLACE, ~ TEMPORARY), names; then each
 * item: its kind, name>new_name, {definition}, (key parts), place, <renamed or referenced table>,
 * character set/collation. NULL: an error.
 */
struct expect {
    const char *sql, *want;
    uint64_t sql_mode;
    bool mariadb;
    unsigned version;
};

static const char *const item_names[] = {
    [ITEM_COLUMN] = "col",
    [ITEM_MODIFY_COLUMN] = "modify",
    [ITEM_CHANGE_COLUMN] = "change",
    [ITEM_DROP_COLUMN] = "dropcol",
    [ITEM_RENAME_COLUMN] = "rencol",
    [ITEM_ALTER_COLUMN] = "altercol",
    [ITEM_INDEX] = "key",
    [ITEM_DROP_INDEX] = "dropkey",
    [ITEM_DROP_PRIMARY] = "droppk",
    [ITEM_RENAME_INDEX] = "renkey",
    [ITEM_ALTER_INDEX] = "alterkey",
    [ITEM_FOREIGN_KEY] = "fk",
    [ITEM_DROP_FOREIGN_KEY] = "dropfk",
    [ITEM_CHECK] = "check",
    [ITEM_DROP_CONSTRAINT] = "dropcon",
    [ITEM_ALTER_CHECK] = "altercheck",
    [ITEM_RENAME_TO] = "rename",
    [ITEM_CONVERT] = "convert",
    [ITEM_OPTION] = "opt",
    [ITEM_ORDER_BY] = "order",
    [ITEM_NOTHING] = "nothing",
    [ITEM_PARTITION] = "part",
    [ITEM_EXCHANGE] = "exchange",
    [ITEM_TABLESPACE] = "space",
    [ITEM_VERSIONING] = "versions",
};
static const char *const key_letters[] = { "", "U", "P", "F", "S", "V" };

static void add_item(struct strbuf *b, const struct ddl_statement *s, const struct ddl_item *i)
{
    strbuf_addf(b, "; %s%s%s", item_names[i->kind],
                i->kind == ITEM_INDEX ? key_letters[i->key] : "",
                i->if_exists       ? "!"
                : i->if_not_exists ? "?"
                                   : "");
    if (i->name != NULL)
        strbuf_addf(b, " %s", i->name);
    if (i->new_name != NULL)
        strbuf_addf(b, ">%s", i->new_name);
    if (i->definition.to > i->definition.from) {
        strbuf_adds(b, "{");
        tokens_emit(&s->tokens, i->definition.from, i->definition.to, b);
        strbuf_adds(b, "}");
    }
    for (size_t p = 0; p < i->part_count; p++) {
        strbuf_addf(b, "%s%s", p == 0 ? "(" : ",",
                    i->parts[p].column != NULL ? i->parts[p].column : "=");
        if (i->parts[p].prefix > 0)
            strbuf_addf(b, ":%u", i->parts[p].prefix);
        if (i->ref_columns != NULL)
            strbuf_addf(b, "~%s", i->ref_columns[p]);
    }
    strbuf_adds(b, i->part_count > 0 ? ")" : "");
    strbuf_adds(b, i->first ? " first" : "");
    if (i->after != NULL)
        strbuf_addf(b, " after %s", i->after);
    if (i->rename.name != NULL)
        strbuf_addf(b, "<%s.%s>", i->rename.db, i->rename.name);
    if (i->on_delete != NULL || i->on_update != NULL)
        strbuf_addf(b, " %s/%s", i->on_delete != NULL ? i->on_delete : "",
                    i->on_update != NULL ? i->on_update : "");
    if (i->charset != NULL || i->collation != NULL)
        strbuf_addf(b, " %s/%s", i->charset != NULL ? i->charset : "",
                    i->collation != NULL ? i->collation : "");
}

static void describe(struct strbuf *b, const struct ddl_statement *s)
{
    strbuf_addf(b, "%s%s%s%s%s", ddl_kind_name(s->kind), s->if_not_exists ? "?" : "",
                s->if_exists ? "!" : "", s->or_replace ? "*" : "", s->temporary ? "~" : "");
    for (size_t i = 0; i < s->name_count; i++)
        strbuf_addf(b, " %s%s%s", s->names[i].db, *s->names[i].name != '\0' ? "." : "",
                    s->names[i].name);
    if (s->like.name != NULL)
        strbuf_addf(b, " like %s.%s", s->like.db, s->like.name);
    for (size_t i = 0; i < s->item_count; i++)
        add_item(b, s, &s->items[i]);
    if (s->select.to > s->select.from)
        strbuf_adds(b, "; select");
    strbuf_adds(b, s->atomic_rows ? "; atomic" : "");
}

/* clang-format off */
static const struct expect table[] = {
    { .sql = "CREATE TABLE t (a INT)", "CREATE_TABLE d.t; col a{INT}" },
    { .sql = "create table if not exists `x`.`t 1` (`a` int(10) unsigned NOT NULL DEFAULT '0', PRIMARY KEY (`a`) USING BTREE) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE = utf8_bin",
      "CREATE_TABLE? x.t 1; col a{int(10) unsigned NOT NULL DEFAULT '0'}; keyP(a); opt; opt utf8/; opt /utf8_bin" },
    { .sql = "CREATE TABLE t (a INT, b ENUM('x,y)','z') AFTER INT)", "CREATE_TABLE d.t; col a{INT}; col b{ENUM('x,y)','z') AFTER INT}" },
    { .sql = "CREATE TABLE t (a INT PRIMARY KEY, UNIQUE KEY u (a, b(3) DESC), KEY (c), FULLTEXT f (d) WITH PARSER ngram COMMENT 'x', SPATIAL INDEX (g), INDEX e ((a + 1), (b)), CONSTRAINT c1 UNIQUE (x), CONSTRAINT UNIQUE i2 (x))",
      "CREATE_TABLE d.t; col a{INT PRIMARY KEY}; keyU u(a,b:3); key(c); keyF f(d); keyS(g); key e(=,=); keyU c1(x); keyU i2(x)" },
    { .sql = "CREATE TABLE t (a INT, CONSTRAINT f FOREIGN KEY i (a, b) REFERENCES x.p (c, d) MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (a) REFERENCES p(a), CHECK (a > 1), CONSTRAINT cc CHECK (a < 5) NOT ENFORCED)",
      "CREATE_TABLE d.t; col a{INT}; fk f>i(a~c,b~d)<x.p> SET NULL/CASCADE; fk(a~a)<d.p>; check; check cc" },
    { .sql = "CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (1) ENGINE = InnoDB, PARTITION p1 VALUES LESS THAN MAXVALUE)",
      "CREATE_TABLE d.t; col a{INT}; part" },
    { .sql = "CREATE TABLE t (a INT)\n/*!50100 PARTITION BY KEY (a) PARTITIONS 4 */", "CREATE_TABLE d.t; col a{INT}; part" },
    { .sql = "CREATE TABLE t LIKE x.u", "CREATE_TABLE d.t like x.u" },
    { .sql = "CREATE TABLE t (LIKE u)", "CREATE_TABLE d.t like d.u" },
    { .sql = "CREATE TABLE t AS SELECT 1", "CREATE_TABLE d.t; select" },
    { .sql = "CREATE TABLE t (a INT) ENGINE=x IGNORE (SELECT 1)", "CREATE_TABLE d.t; col a{INT}; opt; select" },
    { .sql = "CREATE TABLE t (SELECT 1)", "CREATE_TABLE d.t; select" },
    { .sql = "CREATE TABLE t WITH q AS (SELECT 1) SELECT * FROM q", "CREATE_TABLE d.t; select" },
    { .sql = "CREATE TABLE `t` (\n  `a` int DEFAULT NULL\n) START TRANSACTION", "CREATE_TABLE d.t; col a{int DEFAULT NULL}; nothing; atomic" },
    { .sql = "CREATE OR REPLACE TABLE t (a INT INVISIBLE, x TIMESTAMP(6) GENERATED ALWAYS AS ROW START, PERIOD FOR SYSTEM_TIME(x, y)) WITH SYSTEM VERSIONING",
      "CREATE_TABLE* d.t; col a{INT INVISIBLE}; col x{TIMESTAMP(6) GENERATED ALWAYS AS ROW START}; versions; versions", .mariadb = true },
    { .sql = "CREATE TEMPORARY TABLE t (a INT)", "CREATE_TABLE~ d.t; col a{INT}" },
    { .sql = "CREATE TABLE t (a INT) UNION=(x,y) DATA DIRECTORY='/x', AUTO_INCREMENT 5 page_checksum=1 `itef`='x'", "CREATE_TABLE d.t; col a{INT}; opt; opt; opt; opt; opt" },
    { .sql = "CREATE TABLE t (a INT, VECTOR INDEX v (a) M=8 DISTANCE=cosine, vector VECTOR(3))", "CREATE_TABLE d.t; col a{INT}; keyV v(a); col vector{VECTOR(3)}" },
    { .sql = "CREATE TABLE t (a INT /*!80023 INVISIBLE */)", "CREATE_TABLE d.t; col a{INT}", .version = 50744 },
    { .sql = "CREATE TABLE t (a INT /*!80023 INVISIBLE */)", "CREATE_TABLE d.t; col a{INT INVISIBLE}", .version = 90700 },
    { .sql = "CREATE TABLE t (a INT /*!80023 INVISIBLE */)", "CREATE_TABLE d.t; col a{INT}", .mariadb = true, .version = 101119 },
    { .sql = "CREATE TABLE t (a INT /*M!100301 INVISIBLE */)", "CREATE_TABLE d.t; col a{INT INVISIBLE}", .mariadb = true, .version = 101119 },
    { .sql = "CREATE TABLE \"q\" (\"a\" INT)", "CREATE_TABLE d.q; col a{INT}", .sql_mode = SQL_MODE_ANSI_QUOTES },
    { .sql = "CREATE TABLE \"q\" (a INT)", NULL },
    { .sql = "CREATE TABLE t (a INT", NULL },
    { .sql = "CREATE TABLE t (a INT) FROBNICATE", NULL },
    { .sql = "CREATE TABLE t (a)", NULL },
    { .sql = "CREATE TABLE t (a INT, )", NULL },
    { .sql = "CREATE TABLE t (a INT COMMENT 'x", NULL },
    { .sql = "ALTER TABLE t ADD a INT, ADD COLUMN b INT FIRST, ADD COLUMN IF NOT EXISTS (c INT, d INT), ADD COLUMN e TEXT CHARACTER SET utf8 AFTER `a`",
      "ALTER_TABLE d.t; col a{INT}; col b{INT} first; col? c{INT}; col? d{INT}; col e{TEXT CHARACTER SET utf8} after a" },
    { .sql = "ALTER TABLE t ADD first INT FIRST, ADD after INT AFTER after, ADD x INT REFERENCES first (a) AFTER first", "ALTER_TABLE d.t; col first{INT} first; col after{INT} after after; col x{INT REFERENCES first (a)} after first" },
    { .sql = "ALTER TABLE t MODIFY a INT NOT NULL, MODIFY COLUMN IF EXISTS t.b INT FIRST, CHANGE c d INT AFTER a, CHANGE COLUMN `e` `f` TEXT",
      "ALTER_TABLE d.t; modify a{INT NOT NULL}; modify! b{INT} first; change c>d{INT} after a; change e>f{TEXT}" },
    { .sql = "ALTER TABLE t DROP a, DROP COLUMN IF EXISTS b CASCADE, DROP PRIMARY KEY, DROP INDEX i, DROP KEY IF EXISTS k, DROP FOREIGN KEY f, DROP CONSTRAINT c, DROP CHECK d",
      "ALTER_TABLE d.t; dropcol a; dropcol! b; droppk; dropkey i; dropkey! k; dropfk f; dropcon c; dropcon d" },
    { .sql = "ALTER TABLE t RENAME TO x.u, RENAME COLUMN a TO b, RENAME INDEX i TO j, RENAME KEY k TO l", "ALTER_TABLE d.t; rename<x.u>; rencol a>b; renkey i>j; renkey k>l" },
    { .sql = "ALTER TABLE t RENAME u", "ALTER_TABLE d.t; rename<d.u>" },
    { .sql = "ALTER TABLE t RENAME = u", "ALTER_TABLE d.t; rename<d.u>" },
    { .sql = "ALTER TABLE t RENAME AS `to`", "ALTER_TABLE d.t; rename<d.to>" },
    { .sql = "ALTER TABLE t ADD PRIMARY KEY (a), ADD UNIQUE (b), ADD INDEX IF NOT EXISTS i USING HASH (c), ADD CONSTRAINT fk FOREIGN KEY (d) REFERENCES p (e) ON DELETE NO ACTION, ADD CONSTRAINT CHECK (x > 1), ADD FULLTEXT KEY (f)",
      "ALTER_TABLE d.t; keyP(a); keyU(b); key? i(c); fk fk(d~e)<d.p> NO ACTION/; check; keyF(f)" },
    { .sql = "ALTER TABLE t ALTER a SET DEFAULT 5, ALTER COLUMN b DROP DEFAULT, ALTER COLUMN c SET INVISIBLE, ALTER INDEX i INVISIBLE, ALTER CHECK k NOT ENFORCED",
      "ALTER_TABLE d.t; altercol a{SET DEFAULT 5}; altercol b{DROP DEFAULT}; altercol c{SET INVISIBLE}; alterkey i{INVISIBLE}; altercheck k{NOT ENFORCED}" },
    { .sql = "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, DEFAULT CHARACTER SET = latin1, COLLATE 'latin1_bin', ENGINE=InnoDB ROW_FORMAT=DYNAMIC COMMENT 'x, y'",
      "ALTER_TABLE d.t; convert utf8mb4/utf8mb4_bin; opt latin1/; opt /latin1_bin; opt; opt; opt" },
    { .sql = "ALTER TABLE t CONVERT TO CHARSET DEFAULT", "ALTER_TABLE d.t; convert /" },
    { .sql = "ALTER TABLE t ORDER BY a, b DESC, c, ADD x INT", "ALTER_TABLE d.t; order; col x{INT}" },
    { .sql = "ALTER TABLE t ORDER BY a, FORCE", "ALTER_TABLE d.t; order; nothing" },
    { .sql = "ALTER TABLE t FORCE, ALGORITHM=INPLACE, LOCK NONE, DISABLE KEYS, WITHOUT VALIDATION", "ALTER_TABLE d.t; nothing; nothing; nothing; nothing; nothing" },
    { .sql = "ALTER TABLE t DROP PARTITION p0, p1", "ALTER_TABLE d.t; part" },
    { .sql = "ALTER TABLE t ADD COLUMN a INT PARTITION BY HASH (a) PARTITIONS 2", "ALTER_TABLE d.t; col a{INT}; part" },
    { .sql = "ALTER TABLE t ENGINE=InnoDB REMOVE PARTITIONING", "ALTER_TABLE d.t; opt; part" },
    { .sql = "ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (1))", "ALTER_TABLE d.t; part" },
    { .sql = "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x.u WITHOUT VALIDATION", "ALTER_TABLE d.t; exchange<x.u>" },
    { .sql = "ALTER TABLE t CONVERT PARTITION p TO TABLE u", "ALTER_TABLE d.t; exchange<d.u>", .mariadb = true },
    { .sql = "ALTER TABLE t CONVERT TABLE u TO PARTITION p VALUES LESS THAN (5)", "ALTER_TABLE d.t; exchange<d.u>", .mariadb = true },
    { .sql = "ALTER TABLE t IMPORT TABLESPACE", "ALTER_TABLE d.t; space" },
    { .sql = "ALTER TABLE t ADD SYSTEM VERSIONING", "ALTER_TABLE d.t; versions" },
    { .sql = "ALTER TABLE t DROP SYSTEM VERSIONING, DROP PERIOD FOR p", "ALTER_TABLE d.t; versions; versions" },
    { .sql = "ALTER TABLE t ADD period INT, ADD system INT", "ALTER_TABLE d.t; col period{INT}; col system{INT}" },
    { .sql = "ALTER ONLINE IGNORE TABLE IF EXISTS t WAIT 5 ADD a INT", "ALTER_TABLE! d.t; col a{INT}", .mariadb = true },
    { .sql = "ALTER TABLE t", "ALTER_TABLE d.t" },
    { .sql = "ALTER TABLE t ADD a INT ADD b INT", "ALTER_TABLE d.t; col a{INT ADD b INT}" }, /* evolve refuses */
    { .sql = "ALTER TABLE t DROP a DROP b", NULL },
    { .sql = "ALTER TABLE t ADD a INT,", NULL },
    { .sql = "ALTER TABLE t FROBNICATE", NULL },
    { .sql = "CREATE UNIQUE INDEX i USING BTREE ON x.t (a, b(5)) COMMENT 'x' ALGORITHM=INPLACE", "CREATE_INDEX x.t; keyU i(a,b:5)" },
    { .sql = "CREATE OR REPLACE INDEX IF NOT EXISTS i ON t (a)", "CREATE_INDEX?* d.t; key? i(a)", .mariadb = true },
    { .sql = "CREATE FULLTEXT INDEX i ON t (a) WITH PARSER ngram", "CREATE_INDEX d.t; keyF i(a)" },
    { .sql = "DROP INDEX IF EXISTS `PRIMARY` ON x.t LOCK=NONE", "DROP_INDEX! x.t; dropkey! PRIMARY" },
    { .sql = "DROP TABLE IF EXISTS a, `x`.`b` /* generated by server */", "DROP_TABLE! d.a x.b" },
    { .sql = "DROP TABLE a WAIT 5 CASCADE;", "DROP_TABLE d.a" },
    { .sql = "DROP TEMPORARY TABLE a", "DROP_TABLE~ d.a" },
    { .sql = "RENAME TABLE a TO b, x.c WAIT 5 TO d", "RENAME_TABLE d.a d.b x.c d.d" },
    { .sql = "TRUNCATE x.t", "TRUNCATE_TABLE x.t" },
    { .sql = "TRUNCATE TABLE t NOWAIT", "TRUNCATE_TABLE d.t" },
    { .sql = "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW `v` (a, b) AS select 1", "CREATE_VIEW d.v" },
    { .sql = "CREATE OR REPLACE DEFINER=CURRENT_USER() VIEW x.v AS SELECT 1", "CREATE_VIEW* x.v" },
    { .sql = "ALTER DEFINER=a@127.0.0.1 VIEW v AS SELECT 2", "ALTER_VIEW d.v" },
    { .sql = "DROP VIEW IF EXISTS a, b RESTRICT", "DROP_VIEW! d.a d.b" },
    { .sql = "CREATE DATABASE IF NOT EXISTS x CHARACTER SET = utf8 COLLATE utf8_bin", "CREATE_DATABASE? x; opt utf8/; opt /utf8_bin" },
    { .sql = "ALTER DATABASE DEFAULT CHARACTER SET latin1", "ALTER_DATABASE d; opt latin1/" },
    { .sql = "ALTER SCHEMA x ENCRYPTION='Y' READ ONLY=1", "ALTER_DATABASE x; opt; opt" },
    { .sql = "DROP DATABASE x", "DROP_DATABASE x" },
    { .sql = "CREATE DEFINER=`a`@`b` FUNCTION x.f(a INT) RETURNS INT RETURN 1", "CREATE_FUNCTION x.f" },
    { .sql = "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", "OTHER d.f" },
    { .sql = "CREATE PROCEDURE p() BEGIN END", "CREATE_PROCEDURE d.p" },
    { .sql = "DROP PROCEDURE IF EXISTS p", "DROP_PROCEDURE! d.p" },
    { .sql = "ALTER FUNCTION f COMMENT 'x'", "OTHER d.f" },
    { .sql = "CREATE DEFINER=a@b TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a=1", "OTHER d.tr" },
    { .sql = "DROP EVENT IF EXISTS e", "OTHER! d.e" },
    { .sql = "CREATE SEQUENCE s", "OTHER d.s" },
    { .sql = "SET STATEMENT max_statement_time=1 FOR TRUNCATE TABLE t", "TRUNCATE_TABLE d.t" },
    { .sql = "INSERT INTO t VALUES (1)", NULL },
    { .sql = "", NULL },
};
/* clang-format on */

static void statements_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct expect *e = &table[i];
        struct statement_context c = { "d", e->sql_mode, e->mariadb, e->version };
        struct strbuf b = STRBUF(8192);
        struct ddl_statement *s = NULL;
        struct err err = { 0 };
        int rc = ddl_parse(e->sql, strlen(e->sql), &c, &s, &err);

        if (rc == 0)
            describe(&b, s);
        if (e->want == NULL ? rc == 0 || err.code != ERR_DDL_UNPARSED
                            : rc < 0 || strcmp(strbuf_str(&b), e->want) != 0)
            fail_msg("%s\n  expected %s\n  got      %s%s", e->sql,
                     e->want != NULL ? e->want : "an error", strbuf_str(&b), err.message);
        strbuf_done(&b);
        ddl_statement_free(s);
    }
}

static void errors_tell_the_place_and_no_strings(void **state)
{
    static const char sql[] = "ALTER TABLE t CONNECTION='secret' FROBNICATE";
    struct statement_context c = { "d", 0, false, 0 };
    struct ddl_statement *s = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(ddl_parse(sql, strlen(sql), &c, &s, &err), -1);
    assert_non_null(strstr(err.message, ">>>FROBNICATE"));
    assert_null(strstr(err.message, "secret"));
}

/* Every cut of every statement ends in a value or an error (run under ASan). */
static void cut_statements_do_no_harm(void **state)
{
    struct statement_context c = { "d", 0, true, 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        for (size_t len = 0; len < strlen(table[i].sql); len++) {
            struct ddl_statement *s = NULL;
            struct err err = { 0 };

            if (ddl_parse(table[i].sql, len, &c, &s, &err) < 0)
                assert_int_equal(err.code, ERR_DDL_UNPARSED);
            ddl_statement_free(s);
        }
    }
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (int k = DDL_CREATE_TABLE; k <= DDL_OTHER; k++) {
        enum ddl_kind back;

        assert_true(ddl_kind_of(ddl_kind_name((enum ddl_kind)k), &back));
        assert_int_equal(back, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_taken_apart),
        cmocka_unit_test(errors_tell_the_place_and_no_strings),
        cmocka_unit_test(cut_statements_do_no_harm),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
