"""DDL statements run at a real server, converted (tests/tools/convert_check.c), and run at another one: structures agree."""

import json
import os
import re
import subprocess

import type_values
from common import REPOSITORY
from harness.daemon import build_dir
from harness.runner import needs, tags, timeout

COMMON = [
    "-- table t t2",
    "-- out foreign_one",
    "CREATE TABLE foreign_one (id INT UNSIGNED PRIMARY KEY)",
    "CREATE TABLE p (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(20) UNIQUE) charset latin1",
    "create table if not exists t (id integer not null auto_increment, a int4 default '1' not null, `b c` character varying (20) charset utf8 default 'x''y',"
    " d double precision, e dec(10,2) unsigned zerofill, n national varchar(10) comment 'a, (b', f set('x','y') null default 'x', bl long varbinary, ts timestamp default current_timestamp on update current_timestamp not null,"
    " bo boolean default false, ch char byte, asc1 char(3) ascii, primary key using btree (id desc), key (a), unique idx_e (e, a) comment 'k',"
    " fulltext (`b c`), constraint fk1 foreign key (p_id) references p (id) on delete cascade, p_id int unsigned) engine innodb default charset = latin1 comment 'it''s' auto_increment 7 row_format dynamic",
    "ALTER TABLE t ADD COLUMN (x INT DEFAULT -1, y DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)), ADD z TEXT FIRST, ALGORITHM=DEFAULT",
    "ALTER TABLE t MODIFY a BIGINT NOT NULL DEFAULT 5 COMMENT 'wide' AFTER y, CHANGE COLUMN x x2 INT UNSIGNED, DROP d, ADD INDEX (x2, y)",
    "ALTER TABLE t DROP INDEX x2, ADD UNIQUE KEY ux (x2), ALTER a SET DEFAULT 9, ALTER COLUMN x2 DROP DEFAULT, COMMENT = 'new', FORCE",
    "ALTER TABLE t ADD w VARCHAR(5) CHARACTER SET utf8mb4, ADD w2 ENUM('a','b') COLLATE utf8mb4_bin NOT NULL DEFAULT 'b'",
    "CREATE TABLE np (a INT, b INT, KEY (b))",
    "ALTER TABLE np ADD c INT, ORDER BY a DESC, b",
    "CREATE UNIQUE INDEX by_w ON t (w(3) ASC, a) COMMENT 'c' ALGORITHM=DEFAULT LOCK=DEFAULT",
    "CREATE FULLTEXT INDEX ft ON t (z)",
    "DROP INDEX by_w ON t",
    "ALTER TABLE t ADD CONSTRAINT FOREIGN KEY (x2) REFERENCES p (id), DROP FOREIGN KEY fk1",
    "ALTER TABLE t DROP FOREIGN KEY t_ibfk_1",
    "ALTER TABLE t ADD CONSTRAINT kept FOREIGN KEY (x2) REFERENCES p (id) ON UPDATE CASCADE",
    "ALTER TABLE t ADD FOREIGN KEY (x2) REFERENCES foreign_one (id)",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    "ALTER TABLE t DEFAULT CHARACTER SET latin1 COLLATE latin1_bin, ADD q CHAR(3)",
    "CREATE TABLE geo (id INT PRIMARY KEY, line LINESTRING) ENGINE = 'MyISAM'",
    "ALTER TABLE geo ADD pt POINT NOT NULL, ADD SPATIAL INDEX (pt), ADD bi BIT(3) DEFAULT b'101', ADD vb VARBINARY(4) DEFAULT 0x00FF, ADD ye YEAR",
    "-- mode ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
    "ALTER TABLE \"t\" ADD \"q q\" VARCHAR(9) DEFAULT 'a\\b', ADD INDEX \"i i\" (\"q q\")",
    "-- mode STRICT_TRANS_TABLES",
    "CREATE TABLE part (id INT NOT NULL, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN (2010))",
    "ALTER TABLE part ADD PARTITION (PARTITION p2 VALUES LESS THAN (2020) COMMENT 'x')",
    "ALTER TABLE part DROP PARTITION p0",
    "ALTER TABLE part TRUNCATE PARTITION p1",
    "ALTER TABLE part REORGANIZE PARTITION p1, p2 INTO (PARTITION pp VALUES LESS THAN (2020))",
    "ALTER TABLE part OPTIMIZE PARTITION pp",
    "ALTER TABLE part ADD c INT REMOVE PARTITIONING",
    "ALTER TABLE part ENGINE=InnoDB PARTITION BY HASH (id) PARTITIONS 3",
    "ALTER TABLE part COALESCE PARTITION 1",
    "CREATE TABLE lk LIKE t",
    "CREATE TABLE lk2 (LIKE part)",
    "RENAME TABLE lk TO lk_new, lk2 TO lk2_new",
    "RENAME TABLE lk_new TO swap, lk2_new TO lk_new, swap TO lk2_new",
    "ALTER TABLE lk_new ADD zz INT, RENAME TO lk3",
    "TRUNCATE lk2_new",
    "ALTER TABLE t DROP FOREIGN KEY t_ibfk_1",
    "TRUNCATE TABLE foreign_one",
    "DROP TABLE IF EXISTS lk3, foreign_one, nowhere",
    "CREATE VIEW v AS SELECT t.id, p.name FROM t JOIN p ON t.x2 = p.id WHERE EXTRACT(YEAR FROM t.y) > 2000 AND t.id IN (SELECT id FROM part)",
    "CREATE OR REPLACE DEFINER=`root`@`localhost` SQL SECURITY INVOKER VIEW a.v (i) AS SELECT x.id FROM (t AS x, p) UNION SELECT 1 FROM DUAL",
    "ALTER VIEW v AS SELECT id FROM p",
    "DROP VIEW v",
    "CREATE DEFINER=root@localhost FUNCTION f1(n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
    "CREATE PROCEDURE p1(OUT n INT) COMMENT 'c' BEGIN SELECT COUNT(*) INTO n FROM a.t; END",
    "DROP FUNCTION IF EXISTS f1",
    "DROP PROCEDURE p1",
    "CREATE TABLE byt (id INT PRIMARY KEY, e ENUM('a','b') CHARACTER SET binary, s SET('x','y') CHARACTER SET binary NOT NULL) CHARACTER SET binary",
    "ALTER TABLE byt ADD e2 ENUM('p') CHARACTER SET binary, DEFAULT CHARACTER SET latin1",
    "ALTER DATABASE a CHARACTER SET binary",
    "ALTER DATABASE a CHARACTER SET latin1 COLLATE latin1_german1_ci",
    "-- unselect t q",
    "ALTER TABLE t MODIFY q CHAR(4), ADD r INT AFTER q, ADD INDEX (q)",
    "ALTER TABLE t DROP q, DROP z",
]
TIMESTAMPS = [
    "-- implicit 1",
    "CREATE TABLE tsa (id INT PRIMARY KEY, a TIMESTAMP, b TIMESTAMP, c TIMESTAMP NULL, d TIMESTAMP NOT NULL)",
    "ALTER TABLE tsa ADD e TIMESTAMP, ADD f TIMESTAMP NULL FIRST",
    "-- implicit 0",
]
MYSQL8 = [
    "CREATE TABLE o (id BIGINT UNSIGNED AUTO_INCREMENT, `end` INT, `interval` INT, day INT, v VARCHAR(3) DEFAULT (CONCAT('a','b')), d DATE DEFAULT (CURRENT_DATE + INTERVAL 1 DAY), PRIMARY KEY(id),"
    " CONSTRAINT `chk 1` CHECK (day + `interval` > 1 OR CASE WHEN day THEN 1 ELSE 0 END))",
    "ALTER TABLE o ADD COLUMN f FLOAT(7,3), ADD dd DOUBLE(9,2) ZEROFILL, ADD nc NCHAR VARCHAR(5), ADD l LONG, ADD ml LONG VARCHAR, ADD r REAL, ADD i1 INT1, ADD m MIDDLEINT",
    "ALTER TABLE o ADD x VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT _utf8mb4 'ab' 'cd', ADD y VARCHAR(10) BINARY, ADD z CHAR(5) UNICODE, ADD w ENUM('a,b','c''d',\"e\") NOT NULL",
    "ALTER TABLE o ADD hx VARBINARY(10) DEFAULT X'4142', ADD bn VARBINARY(4) DEFAULT 'ab', ADD tt TIME(3) DEFAULT '-10:00:00', ADD ts2 TIMESTAMP(3) NULL DEFAULT NOW(3) ON UPDATE NOW(3)",
    "ALTER TABLE o ADD gc VARCHAR(20) GENERATED ALWAYS AS (CONCAT(v, '-', day)) VIRTUAL COMMENT 'g' AFTER v, ADD UNIQUE INDEX uq (gc) INVISIBLE, ADD INDEX (v DESC, day)",
    "ALTER TABLE o ADD COLUMN j JSON DEFAULT (JSON_OBJECT('a', 1)), ADD ja VARCHAR(9) AS (j->>'$.a') STORED, ADD jb INT AS (j->'$.b')",
    "ALTER TABLE o COMMENT 'x', AUTO_INCREMENT 100, ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE 8, STATS_PERSISTENT=1, ENCRYPTION 'N'",
    "ALTER TABLE o ADD p_id INT UNSIGNED, ADD FOREIGN KEY fk_idx (p_id) REFERENCES p (id) ON DELETE CASCADE ON UPDATE NO ACTION",
    "ALTER TABLE o DROP CONSTRAINT `chk 1`, MODIFY day INT NOT NULL, MODIFY id BIGINT UNSIGNED, DROP PRIMARY KEY, ADD PRIMARY KEY (id, day), RENAME INDEX uq TO uq2",
    "CREATE TABLE IF NOT EXISTS o (other INT)",
    "CREATE TABLE `we``ird` (`a``b` INT, KEY `k``1` (`a``b`))",
    "CREATE TABLE cs (a CHAR(3), b TEXT, c ENUM('я')) CHARACTER SET = cp1251 COLLATE cp1251_bin",
    "ALTER TABLE cs MODIFY b TEXT COLLATE cp1251_general_ci, ADD d VARCHAR(4) AS (UPPER(a) COLLATE cp1251_general_ci)",
    "CREATE TABLE defs (a INT DEFAULT +5, b INT DEFAULT - 5, c BIT DEFAULT TRUE, d DATETIME DEFAULT LOCALTIMESTAMP ON UPDATE LOCALTIME(), e VARCHAR(9) DEFAULT N'x', f DOUBLE DEFAULT -1.5e3, g INT DEFAULT 0x10)",
    "CREATE VIEW vv (a, b) AS SELECT p.id, (SELECT MAX(q.id) FROM p AS q WHERE q.id = p.id) FROM p LEFT JOIN (SELECT id FROM o WHERE day > 1) s ON s.id = p.id ORDER BY 1 LIMIT 5",
    "CREATE OR REPLACE ALGORITHM = MERGE VIEW a.vv AS SELECT a.t.a, a.t.id FROM a.t, a.p WHERE a.p.id = a.t.id WITH LOCAL CHECK OPTION",
    "CREATE TABLE n1 (id SERIAL, j JSON, rank_ INT DEFAULT (1 + 1), g INT AS (rank_ * 2) STORED, i INT INVISIBLE DEFAULT 3, c INT CHECK (c > 0), d INT, CONSTRAINT dd CHECK (c < 10), p INT UNSIGNED REFERENCES p(id), INDEX ii (d) INVISIBLE, PRIMARY KEY (id))",
    "ALTER TABLE n1 RENAME COLUMN d TO d2, RENAME INDEX ii TO jj, ADD CONSTRAINT ee CHECK (d2 > 1)",
    "ALTER TABLE n1 ALTER INDEX jj VISIBLE, ALTER COLUMN c SET DEFAULT (5 + 5), DROP CHECK ee",
    "ALTER TABLE n1 ADD v VARCHAR(10) COLLATE utf8mb4_0900_as_cs, ADD u VARCHAR(10) CHARSET utf8mb4",
]
MARIA = [
    "CREATE TABLE o (id BIGINT UNSIGNED AUTO_INCREMENT, `end` INT, day INT, v VARCHAR(3) DEFAULT CONCAT('a','b'), PRIMARY KEY(id), CONSTRAINT `chk 1` CHECK (day > 1 OR CASE WHEN day THEN 1 ELSE 0 END))",
    "ALTER TABLE o ADD f FLOAT(7,3), ADD l LONG, ADD y VARCHAR(10) BINARY, ADD w ENUM('a,b','c''d',\"e\") NOT NULL, ADD q TINYTEXT NOT NULL DEFAULT ''",
    "ALTER TABLE o ADD COLUMN IF NOT EXISTS gc VARCHAR(20) AS (CONCAT(v, '-', day)) VIRTUAL COMMENT 'g' AFTER v, ADD UNIQUE INDEX uq (gc)",
    "ALTER TABLE o ADD CONSTRAINT IF NOT EXISTS ck2 CHECK (day < 100), DROP CONSTRAINT IF EXISTS `chk 1`, ADD j JSON NOT NULL DEFAULT '{}' AFTER id",
    "ALTER IGNORE TABLE o CHANGE IF EXISTS end end_ INT, RENAME COLUMN IF EXISTS nothing TO x3, DROP FOREIGN KEY IF EXISTS nofk",
    "ALTER TABLE o CONVERT TO CHARACTER SET DEFAULT",
    "CREATE TABLE ra (id INT PRIMARY KEY) ENGINE=Aria PAGE_CHECKSUM=1 TRANSACTIONAL=1",
    "ALTER TABLE ra ADD x INT, PAGE_CHECKSUM=0",
    "CREATE TABLE IF NOT EXISTS ra (zz INT)",
    "ALTER TABLE o ADD nc NCHAR VARCHAR(5), ADD uc VARCHAR(4) COLLATE utf8mb4_uca1400_as_cs, ADD np VARCHAR(4) COLLATE utf8mb4_general_nopad_ci",
    "RENAME TABLE IF EXISTS ra TO ra2",
    "SET STATEMENT max_statement_time=100 FOR ALTER TABLE p ADD zz INT",
    "CREATE OR REPLACE TABLE m1 (id INT NOT NULL, rank INT DEFAULT 1 CHECK (rank > 0), t1 TEXT DEFAULT 'x', s VARCHAR(10) DEFAULT uuid(), g INT AS (rank + id) PERSISTENT, j JSON, hid INT INVISIBLE DEFAULT 7, PRIMARY KEY (id), KEY rank (rank))",
    "ALTER TABLE m1 ADD COLUMN IF NOT EXISTS rank INT, ADD COLUMN IF NOT EXISTS n INT AFTER rank, DROP COLUMN IF EXISTS nothing, MODIFY COLUMN IF EXISTS rank BIGINT, ADD INDEX IF NOT EXISTS rank (rank), DROP INDEX IF EXISTS no_index",
    "ALTER TABLE m1 WAIT 5 DROP COLUMN IF EXISTS n, ALTER INDEX rank IGNORED",
    "ALTER TABLE IF EXISTS m1 ADD CONSTRAINT cc CHECK (rank < 100), ADD `lateral` INT, ADD groups INT, ADD INDEX (groups)",
    "ALTER TABLE m1 DROP CONSTRAINT cc, RENAME COLUMN groups TO g2",
    "CREATE OR REPLACE INDEX rank ON m1 (id, rank)",
    "CREATE OR REPLACE PROCEDURE p2() BEGIN /* a comment */ SELECT 1; END",
    "CREATE OR REPLACE FUNCTION f2() RETURNS INT DETERMINISTIC RETURN 2",
    "CREATE VIEW IF NOT EXISTS v2 AS WITH c AS (SELECT id FROM m1) SELECT c.id FROM c",
    "ALTER TABLE m1 PARTITION BY KEY (id) PARTITIONS 2",
    "CREATE TABLE m2 (id INT PRIMARY KEY, p INT UNSIGNED REFERENCES p (id) ON DELETE SET NULL)",
]
REFUSED = {
    "mariadb": ["ALTER TABLE p ADD u UUID", "CREATE TABLE ver (id INT PRIMARY KEY) WITH SYSTEM VERSIONING", "CREATE TABLE sel (id INT) AS SELECT 1 AS id",
                "ALTER TABLE lk2_new DISCARD TABLESPACE"],
    "mysql97": ["ALTER TABLE lk2_new ADD INDEX ((a + 1))", "ALTER TABLE p ADD ve VECTOR(3)", "ALTER TABLE lk2_new DISCARD TABLESPACE"],
    "mysql56": ["ALTER TABLE lk2_new DISCARD TABLESPACE"],
}
# MySQL 8 and later show no set for an ENUM of bytes
COLUMNS = ("SELECT TABLE_NAME, COLUMN_NAME, IS_NULLABLE, IF(DATA_TYPE IN ('enum', 'set'), COALESCE(CHARACTER_SET_NAME, 'binary'), CHARACTER_SET_NAME), COLUMN_COMMENT,"
           " COALESCE(CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, DATETIME_PRECISION), NUMERIC_SCALE, COLUMN_KEY FROM information_schema.COLUMNS"
           " WHERE TABLE_SCHEMA = '{}' AND COLUMN_NAME <> 'j' ORDER BY TABLE_NAME, ORDINAL_POSITION")    # j: JSON is LONGTEXT in MariaDB
INDEXES = ("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE FROM information_schema.STATISTICS"
           " WHERE TABLE_SCHEMA = '{}' ORDER BY 1, 2, 3")
KEYS = ("SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS"
        " WHERE CONSTRAINT_SCHEMA = '{}' ORDER BY 1, 2")
PARTITIONS = ("SELECT TABLE_NAME, PARTITION_NAME, PARTITION_METHOD, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"
              " WHERE TABLE_SCHEMA = '{}' AND PARTITION_NAME IS NOT NULL ORDER BY 1, 2")


def convert(source, target, statements):
    """One answer a statement; every statement is one that the source takes."""
    tool = os.path.join(build_dir(), "convert_check")
    run = subprocess.run([tool, str(source.port), str(target.port)], input="\n".join(statements) + "\n",
                         capture_output=True, text=True, timeout=240, check=False,
                         env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})       # it keeps all it has read until it ends
    assert run.returncode == 0, run.stderr + run.stdout[-2000:]
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    for answer in answers:
        assert "sourceError" not in answer and "parseError" not in answer, answer
    return answers


def renamed(rows):
    """The rename that the statements are converted with, applied to the source's rows."""
    return {tuple("t2" if value == "t" and place in (0, 1, 2) else value for place, value in enumerate(row)) for row in rows}


def same(source, target, query):
    here, there = renamed(source.sql(query.format("a"))), {tuple(row) for row in target.sql(query.format("b"))}
    assert here and here == there, "\n".join(["not the same:", *map(str, sorted(here ^ there, key=str))])


def check_pair(env, here, there):
    source, target = env.source(here), env.target(there)
    for server, database in ((source, "a"), (target, "b")):
        server.sql([f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"])
        env.cleanup(server.sql, f"DROP DATABASE IF EXISTS {database}")
    statements = [*COMMON[:-3]]
    if here == "mariadb" or here == "mysql56":
        statements += TIMESTAMPS
    if there != "mysql56":
        statements += {"mariadb": MARIA, "mysql97": MYSQL8}.get(here, [])
    for answer in convert(source, target, statements):
        assert not answer["refused"] and "targetError" not in answer and "error" not in answer, (here, there, answer)
    same(source, target, COLUMNS)
    same(source, target, INDEXES)
    same(source, target, PARTITIONS)
    same(source, target, KEYS)
    answers = convert(source, target, COMMON[:2] + COMMON[-3:])
    assert not any("targetError" in answer or answer["refused"] for answer in answers), (here, there, answers)
    assert target.value("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'b' AND TABLE_NAME = 't2' AND COLUMN_NAME = 'r'") == 1
    if here != there:
        for answer in convert(source, target, REFUSED[here]):
            assert answer["refused"] or "error" in answer, (here, there, answer)


@tags("quick")
@needs("mariadb")
@timeout(240)
def test_between_equal_servers(env):
    check_pair(env, "mariadb", "mariadb")


@needs("mariadb", "mysql97", "mysql56")
@timeout(600)
def test_between_lineages(env):
    for here, there in (("mysql97", "mariadb"), ("mariadb", "mysql97"), ("mysql56", "mysql97"), ("mysql56", "mariadb"), ("mysql97", "mysql97")):
        check_pair(env, here, there)


# ---- docs/types.md ----

SYNONYMS = {"integer": "int", "numeric": "decimal", "real": "double", "geomcollection": "geometrycollection"}
NO_TYPE_OF_ITS_OWN = {"bool", "character"}      # TINYINT(1); rows of character sets


@tags("quick")
@needs("mariadb")
def test_every_type_is_documented(env):
    """Each word of the type table (workers/mysql/types.c) has a row in docs/types.md; each row is a type, and is tested."""
    with open(os.path.join(REPOSITORY, "workers", "mysql", "types.c"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("} types[] = {"):]
    known = set(re.findall(r'\{ "(\w+)",', text[:text.index("};")]))
    assert len(known) > 35, known
    with open(os.path.join(REPOSITORY, "docs", "types.md"), encoding="utf-8") as file:
        lines = file.read().split("| type |")[1].splitlines()[2:]
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    words = {re.match(r"\w+", row).group().lower() for row in rows}
    wanted = {SYNONYMS.get(word, word) for word in known}
    assert wanted - words == set(), f"docs/types.md has no row of {wanted - words}"
    assert words - wanted - NO_TYPE_OF_ITS_OWN == set(), f"docs/types.md has {words - wanted}"
    tested = {column.doc for group in type_values.everything() for column in group.columns}
    assert tested - set(rows) == set(), f"docs/types.md has no row {tested - set(rows)}"
    extra = {row for row in rows if row not in tested and not row.startswith("character set ")}
    assert extra == set(), f"no test has {extra}"
