"""DDL in the stream: every kind of statement, between servers of one kind and of different kinds, under load."""

import os
import re

import pymysql

from common import REPOSITORY, prepare, wait_failed
from ddl_steps import ALL_KINDS, Bed, Writer
from harness import structure
from harness.daemon import specific, wildcard
from harness.runner import needs, tags

# Statements in order; what a server does not know is left out for it (see plan()). Between any two of them rows of
# every table are written, so each structure has rows of its own in the stream; " ;; " keeps two together.
COMMON = """
CREATE TABLE a (id INT NOT NULL PRIMARY KEY, n INT, s VARCHAR(20) NOT NULL DEFAULT 'x', e ENUM('one','two') DEFAULT 'one', KEY n (n)) ENGINE=InnoDB
CREATE TABLE IF NOT EXISTS a (id INT PRIMARY KEY)
CREATE TABLE b LIKE a
CREATE TABLE c (id INT NOT NULL PRIMARY KEY) SELECT id, n, s FROM a
CREATE TABLE parted (id INT NOT NULL, y INT NOT NULL, t VARCHAR(40), PRIMARY KEY (id, y)) ENGINE=InnoDB PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (100000), PARTITION p1 VALUES LESS THAN (1000000000))
CREATE TABLE kid (id INT NOT NULL PRIMARY KEY, a_id INT, KEY a_id (a_id)) ENGINE=InnoDB
ALTER TABLE a ADD COLUMN v1 INT
ALTER TABLE a ADD v2 VARCHAR(30) CHARACTER SET latin1 NOT NULL DEFAULT 'd' FIRST
ALTER TABLE a ADD COLUMN (v3 DECIMAL(20,4), v4 DATETIME NULL), ADD INDEX v34 (v3, v4)
ALTER TABLE a ADD COLUMN v5 BIGINT UNSIGNED AFTER n, ADD COLUMN v6 TINYINT AFTER v5
ALTER TABLE a DROP COLUMN v1
ALTER TABLE a MODIFY COLUMN n BIGINT NOT NULL DEFAULT 0
ALTER TABLE a MODIFY v3 DECIMAL(30,6) AFTER id
ALTER TABLE a CHANGE COLUMN s s2 VARCHAR(200) NOT NULL DEFAULT 'y' FIRST
ALTER TABLE a CHANGE v6 v6 SMALLINT
ALTER TABLE a MODIFY e ENUM('one','two','three','vier') DEFAULT 'three'
ALTER TABLE a ALTER COLUMN n SET DEFAULT 7, ALTER s2 DROP DEFAULT
ALTER TABLE a ADD UNIQUE KEY u (id, n), ADD FULLTEXT KEY ft (s2)
ALTER TABLE a DROP INDEX ft
CREATE INDEX i1 ON a (s2(5))
CREATE UNIQUE INDEX i2 ON a (n, id)
DROP INDEX i1 ON a
ALTER TABLE a DROP KEY u, DROP PRIMARY KEY, ADD PRIMARY KEY (id, n)
ALTER TABLE a COMMENT = 'a; "comment" of ''a''', ROW_FORMAT = DYNAMIC
ALTER TABLE a CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
ALTER TABLE a DEFAULT CHARACTER SET latin1
ALTER TABLE a ADD COLUMN l VARCHAR(10)
ALTER TABLE a ENGINE=InnoDB
ALTER TABLE a FORCE
ALTER TABLE a AUTO_INCREMENT = 1000
UPDATE kid SET a_id = NULL ;; ALTER TABLE kid ADD CONSTRAINT kid_b FOREIGN KEY (a_id) REFERENCES b (id) ON DELETE SET NULL
ALTER TABLE kid DROP FOREIGN KEY kid_b
ALTER TABLE parted ADD PARTITION (PARTITION p2 VALUES LESS THAN (2000000000), PARTITION p3 VALUES LESS THAN MAXVALUE)
ALTER TABLE parted REORGANIZE PARTITION p1 INTO (PARTITION p1a VALUES LESS THAN (500000), PARTITION p1b VALUES LESS THAN (1000000000))
ALTER TABLE parted TRUNCATE PARTITION p1b
ALTER TABLE parted DROP PARTITION p0
ALTER TABLE parted REMOVE PARTITIONING
ALTER TABLE parted PARTITION BY HASH (y) PARTITIONS 3
ALTER TABLE parted COALESCE PARTITION 1
RENAME TABLE b TO b2
RENAME TABLE c TO c_tmp, b2 TO c, c_tmp TO b2
ALTER TABLE c RENAME TO c3
ALTER TABLE c3 RENAME AS c, ADD COLUMN z INT
TRUNCATE TABLE b2
TRUNCATE c
CREATE VIEW va AS SELECT id, n FROM a WHERE n > 3
CREATE OR REPLACE VIEW va AS SELECT id, n, s2 FROM a
ALTER VIEW va AS SELECT id, e FROM a
CREATE VIEW vb AS SELECT va.id FROM va JOIN b2 ON va.id = b2.id
DROP VIEW vb
DROP VIEW IF EXISTS vb, va
CREATE FUNCTION f1 (x INT) RETURNS INT DETERMINISTIC NO SQL RETURN x + 1
CREATE PROCEDURE pr1 (IN x INT) BEGIN DECLARE y INT DEFAULT 0; INSERT INTO b2 (id) VALUES (x); END
DROP FUNCTION f1
DROP PROCEDURE IF EXISTS pr1
CREATE PROCEDURE pr2 () SELECT COUNT(*) FROM a
CREATE TEMPORARY TABLE gone (id INT PRIMARY KEY)
DROP TABLE IF EXISTS never, kid, never2
DROP TABLE b2, c
CREATE TABLE b2 (k VARCHAR(20) NOT NULL PRIMARY KEY, j TEXT)
"""
MARIADB = """
CREATE OR REPLACE TABLE r (id INT PRIMARY KEY, x INT)
CREATE OR REPLACE TABLE r (id INT PRIMARY KEY, y VARCHAR(10))
ALTER TABLE r ADD COLUMN IF NOT EXISTS y INT, ADD COLUMN IF NOT EXISTS w INT
ALTER TABLE IF EXISTS r DROP COLUMN IF EXISTS nope, DROP COLUMN IF EXISTS w
ALTER TABLE r RENAME COLUMN y TO yy, ADD INDEX IF NOT EXISTS iy (yy)
ALTER TABLE r RENAME INDEX iy TO iz
ALTER TABLE r ADD COLUMN g INT AS (id + 1) VIRTUAL, ADD COLUMN hid INT INVISIBLE DEFAULT 5
CREATE INDEX IF NOT EXISTS ig ON r (yy)
DROP INDEX IF EXISTS ig ON r
ALTER TABLE r ADD CONSTRAINT ck CHECK (id > -5)
ALTER TABLE r DROP CONSTRAINT ck
CREATE OR REPLACE FUNCTION f2 () RETURNS INT NO SQL RETURN 2
UPDATE r SET yy = NULL ;; ALTER TABLE r MODIFY yy INET6 NULL
ALTER TABLE r DROP COLUMN yy, ADD COLUMN u UUID
"""
MYSQL97 = """
CREATE TABLE r (id INT PRIMARY KEY, y VARCHAR(10), j JSON)
ALTER TABLE r RENAME COLUMN y TO yy, ALGORITHM=INSTANT
ALTER TABLE r ADD INDEX iy (yy), LOCK=NONE
ALTER TABLE r RENAME INDEX iy TO iz
ALTER TABLE r ALTER INDEX iz INVISIBLE
ALTER TABLE r ADD COLUMN g INT AS (id + 1) STORED, ADD COLUMN hid INT INVISIBLE DEFAULT 5
ALTER TABLE r ADD CONSTRAINT ck CHECK (id > -5)
ALTER TABLE r ALTER CHECK ck NOT ENFORCED
ALTER TABLE r DROP CONSTRAINT ck
ALTER TABLE r ALTER COLUMN hid SET DEFAULT (1 + 2)
CREATE INDEX fx ON r ((id * 2))
ALTER TABLE r ADD COLUMN vec VECTOR(3)
"""
# What another lineage has under another name or not at all.
ONE_LINEAGE = ("INET6", " UUID", "VECTOR", "INVISIBLE", "((id * 2))", "NOT ENFORCED", "DROP CONSTRAINT", "STORED",
               "VIRTUAL", "SET DEFAULT (1")


def plan(source, target):
    """The statements of this pair. 5.6 has no CREATE TABLE ... SELECT with GTIDs."""
    more = {"mariadb": MARIADB, "mysql97": MYSQL97, "mysql56": ""}[source.kind]
    lines = [line for line in (COMMON + more).splitlines() if line]
    if source.kind == "mysql56":
        lines = [line if " SELECT id, n, s FROM a" not in line else
                 "CREATE TABLE c (id INT NOT NULL PRIMARY KEY, n INT, s VARCHAR(20) NOT NULL DEFAULT 'x')" for line in lines]
    if source.kind != target.kind:
        lines = [line for line in lines if not any(word in line for word in ONE_LINEAGE)]
    return lines


def play(bed, lines, writer, db="app"):
    """Run the statements, with rows between them."""
    connection = bed.source.connect(db=db)
    with connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'")   # so that NULLs become 0 where NOT NULL comes
        for line in lines:
            for statement in line.split(" ;; "):
                cursor.execute(statement)
            for table in [name for name in writer.tables() if not name.startswith("t_") and name != "cw_test_mark"]:
                writer.churn(table, 2)
    connection.close()


def every_kind(env, source, target):
    """The list above, while the load works on tables of its own that change, too."""
    prepare(source, target, rows=500)
    load = env.load(source, "app", rate=150)
    bed = Bed(env, source, target).start()
    writer = Writer(source, "app")
    source.sql(["ALTER TABLE t_auto ADD COLUMN extra INT DEFAULT 3 AFTER id", "ALTER TABLE t_wide ADD extra VARCHAR(9) FIRST",
                "ALTER TABLE t_nullable ADD INDEX bb (b)", "ALTER TABLE t_parent MODIFY name VARCHAR(90)"], db="app")
    play(bed, plan(source, target), writer)
    source.sql(["ALTER TABLE t_auto DROP COLUMN extra, ADD INDEX note (note(10))",
                "CREATE TABLE t_auto_twin LIKE t_auto"], db="app")
    load.wait_committed(300)
    load.stop()
    bed.settle(timeout=120)
    rows = bed.listed(True)
    assert rows and all(row["status"] in ("APPLIED", "TRACKED") for row in rows), rows
    return bed


@tags("quick", "ddl")
@needs("mariadb")
def test_every_kind_mariadb(env):
    every_kind(env, env.source("mariadb"), env.target("mariadb"))


@tags("ddl")
@needs("mysql97")
def test_every_kind_mysql97(env):
    every_kind(env, env.source("mysql97"), env.target("mysql97"))


@tags("ddl")
@needs("mysql56")
def test_every_kind_mysql56(env):
    every_kind(env, env.source("mysql56"), env.target("mysql56"))


@tags("ddl")
@needs("mysql56", "mysql97")
def test_every_kind_mysql56_to_mysql97(env):
    every_kind(env, env.source("mysql56"), env.target("mysql97"))


@tags("ddl")
@needs("mariadb", "mysql97")
def test_every_kind_mariadb_to_mysql97(env):
    every_kind(env, env.source("mariadb"), env.target("mysql97"))


@tags("ddl")
@needs("mariadb", "mysql97")
def test_every_kind_mysql97_to_mariadb(env):
    every_kind(env, env.source("mysql97"), env.target("mariadb"))


# ------------------------------------------------------------------------------------------ databases, selection

@tags("ddl")
@needs("mariadb")
def test_databases_and_tables_that_join_and_leave(env):
    """Wildcard rules: what newly matches joins, what is renamed away leaves; what comes in with rows stops the step."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app_one", "CREATE DATABASE other", "CREATE TABLE app_one.t (id INT PRIMARY KEY, v INT)",
                "INSERT INTO app_one.t VALUES (1, 1)", "CREATE TABLE other.filled (id INT PRIMARY KEY)",
                "INSERT INTO other.filled VALUES (7)"])
    bed = Bed(env, source, target, wildcard("app_*.*", exclude=["*.tmp_*"]), {"app_one": "app_one"}).start()
    source.sql(["CREATE DATABASE app_two CHARACTER SET latin1", "CREATE TABLE app_two.n (id INT PRIMARY KEY, s VARCHAR(9))",
                "INSERT INTO app_two.n VALUES (1, 'ä')", "CREATE TABLE app_two.tmp_x (id INT PRIMARY KEY)",
                "INSERT INTO app_two.tmp_x VALUES (1)", "ALTER DATABASE app_two CHARACTER SET utf8mb4",
                "CREATE TABLE app_two.later (id INT PRIMARY KEY, s VARCHAR(9))",
                "RENAME TABLE app_two.n TO app_one.n", "INSERT INTO app_one.n VALUES (2, 'ö')",
                "CREATE TABLE app_one.gone (id INT PRIMARY KEY)", "INSERT INTO app_one.gone VALUES (1)"])
    bed.drain()
    assert target.tables("app_two") == ["later"], target.tables("app_two")
    structure.assert_same(source, target, ["app_one", "app_two"], exclude=["tmp_.*"])
    bed.wait_event("table_joined", "app_two.n")
    source.sql(["RENAME TABLE app_one.gone TO other.gone", "INSERT INTO other.gone VALUES (2)"])
    bed.drain()
    bed.wait_event("table_left", "app_one.gone")
    assert target.sql("SELECT id FROM app_one.gone") == [(1,)]
    target.sql("DROP TABLE app_one.gone")

    source.sql(["RENAME TABLE other.filled TO app_one.filled", "INSERT INTO app_one.filled VALUES (8)"])
    row = bed.pending()
    assert "other.filled" in row["sql"] or "filled" in row["sql"], row
    bed.decide()
    bed.drain()
    assert "filled" not in target.tables("app_one"), target.tables("app_one")
    source.sql(["DROP TABLE app_one.n", "DROP DATABASE app_two"])
    bed.drain()
    assert "app_two" not in target.databases() and target.tables("app_one") == ["t"], target.tables("app_one")


@tags("ddl")
@needs("mariadb")
def test_renames_of_the_mapping_hold_in_the_text(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, customer INT, v INT)",
                "CREATE TABLE shop.customers (id INT PRIMARY KEY, name VARCHAR(20))",
                "CREATE TABLE shop.plain (id INT PRIMARY KEY)"])
    mapping = specific({("shop", "store"): [("orders", "sales"), ("customers", "buyers"), "plain"]})
    bed = Bed(env, source, target, mapping, {"shop": "store"}).start()
    names = {"orders": "sales", "customers": "buyers"}
    writer = Writer(source, "shop")
    for statement in ("ALTER TABLE orders ADD COLUMN s VARCHAR(9) FIRST, ADD INDEX v (v)", "ALTER TABLE shop.orders DROP COLUMN v",
                      "UPDATE orders SET customer = NULL ;; ALTER TABLE `shop` . `orders` ADD CONSTRAINT o_c FOREIGN KEY (customer) REFERENCES customers (id)",
                      "ALTER TABLE orders DROP FOREIGN KEY o_c", "CREATE INDEX n ON shop.customers (name)",
                      "TRUNCATE TABLE orders", "ALTER TABLE plain ADD x INT"):
        source.sql(statement.split(" ;; "), db="shop")
        writer.everything()
    bed.settle(rename=names)


@tags("ddl")
@needs("mariadb")
def test_wildcard_rules_with_renames(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v INT)"])
    bed = Bed(env, source, target, wildcard("shop.*=store.*"), {"shop": "store"}).start()
    writer = Writer(source, "shop")
    for statement in ("CREATE TABLE u (id INT PRIMARY KEY, t INT, KEY t (t))", "ALTER TABLE t ADD COLUMN w TEXT",
                      "UPDATE u SET t = NULL ;; ALTER TABLE shop.u ADD CONSTRAINT f FOREIGN KEY (t) REFERENCES shop.t (id)",
                      "ALTER TABLE u DROP FOREIGN KEY f", "CREATE TABLE like_t LIKE shop.t", "RENAME TABLE t TO t2, u TO t, t2 TO u",
                      "CREATE VIEW v AS SELECT t.id, shop.u.w FROM t JOIN shop.u ON t.id = u.id",
                      "ALTER VIEW v AS SELECT id FROM shop.t", "DROP TABLE like_t"):
        source.sql(statement.split(" ;; "), db="shop")
        writer.everything()
    bed.settle()


@tags("ddl")
@needs("mariadb")
def test_a_column_list_stays_what_it_is(env):
    """Columns outside filterColumns come, go and change at the source only; those inside change at both ends."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, a INT, secret TEXT, b VARCHAR(9))",
                "INSERT INTO shop.t VALUES (1, 1, 's', 'b')"])
    bed = Bed(env, source, target, specific({"shop": [{"name": "t", "mappedName": "t", "filterColumns": ["id", "a", "b"]}]}),
              ["shop"]).start()
    writer = Writer(source, "shop")
    for statement in ("ALTER TABLE t ADD COLUMN more INT FIRST", "ALTER TABLE t DROP COLUMN secret, ADD COLUMN z DATE AFTER a",
                      "ALTER TABLE t MODIFY b VARCHAR(99), MODIFY z DATETIME", "ALTER TABLE t MODIFY a BIGINT AFTER b",
                      "ALTER TABLE t ADD INDEX ba (b, a)", "ALTER TABLE t CHANGE more even_more TEXT AFTER z"):
        source.sql(statement, db="shop")
        writer.everything()
    bed.drain()
    columns = [row[0] for row in target.sql("SHOW COLUMNS FROM shop.t")]
    assert columns == ["id", "b", "a"], columns
    assert [row[1] for row in target.sql("SHOW COLUMNS FROM shop.t")] == ["int(11)", "varchar(99)", "bigint(20)"]
    bed.daemon.wait_for(lambda: source.sql("SELECT id, a, b FROM shop.t ORDER BY id") ==
                        target.sql("SELECT id, a, b FROM shop.t ORDER BY id"), 20, "rows are equal")


# ------------------------------------------------------------------------------------------ views, routines, CHECKs

LITERALS = ("SELECT TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS"
            " WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME LIKE 'view%' ORDER BY 1, 2")


@tags("ddl")
@needs("mariadb", "mysql97")
def test_views_and_routines_are_made_as_they_were(env):
    """Their literals keep the collation they were written in, and IF NOT EXISTS means the same at both ends."""
    for here, there in (("mariadb", "mariadb"), ("mariadb", "mysql97"), ("mysql97", "mariadb")):
        source, target = env.source(here), env.target(there)
        bed = Bed(env, source, target).start()
        source.sql(["SET NAMES latin1 COLLATE latin1_german1_ci", "CREATE VIEW view1 AS SELECT 'x' AS c, CONCAT('a', 'b') AS d",
                    "CREATE FUNCTION f() RETURNS VARCHAR(40) CHARSET utf8mb4 DETERMINISTIC RETURN COLLATION('x')",
                    "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "CREATE VIEW view2 AS SELECT 'é' AS c",
                    "CREATE FUNCTION IF NOT EXISTS f() RETURNS INT DETERMINISTIC RETURN 1",
                    "CREATE FUNCTION IF NOT EXISTS g() RETURNS INT DETERMINISTIC RETURN 2",
                    "CREATE PROCEDURE IF NOT EXISTS p() SELECT 1", "CREATE PROCEDURE IF NOT EXISTS p() SELECT 2",
                    "CREATE VIEW IF NOT EXISTS view3 AS SELECT 'a' AS c", "CREATE VIEW IF NOT EXISTS view3 AS SELECT 5 AS c"], db="app")
        bed.drain()
        columns = source.sql(LITERALS)
        assert len(columns) == 4 and columns == target.sql(LITERALS), (columns, target.sql(LITERALS))
        for query in ("SELECT HEX(c) FROM app.view2", "SELECT c FROM app.view3", "SELECT app.f()", "SELECT app.g()", "CALL app.p()"):
            assert source.sql(query) == target.sql(query), (here, there, query)
        assert target.value("SELECT app.f()") == "latin1_german1_ci"
        bed.daemon.stop()


def checks(server):
    return sorted(row[0].split("_")[0] if "_chk_" in row[0] else row[0] for row in server.sql(
        "SELECT CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = 'CHECK' AND TABLE_SCHEMA = 'app'"))


@tags("ddl")
@needs("mariadb", "mysql97")
def test_a_check_named_by_the_server_is_the_one_that_goes(env):
    """A CHECK without a name, dropped by the name that the source's server gave it: that one goes, or the step stops."""
    source, target = env.source("mysql97"), env.target("mariadb")
    bed = Bed(env, source, target).start()
    source.sql(["CREATE TABLE t (id INT PRIMARY KEY CHECK (id > 0), v INT, CHECK (v < 100), CONSTRAINT own CHECK (v <> 7), w INT CHECK (w > 5))",
                "ALTER TABLE t DROP CHECK t_chk_2", "INSERT INTO t VALUES (1, 1000, 6)", "ALTER TABLE t ADD CHECK (v <> 8)"], db="app")
    bed.daemon.wait_for(lambda: target.value("SELECT COUNT(*) FROM app.t") == 1, 30, "the first row")
    bed.drain()
    for wrong in ("(0, 1, 6)", "(2, 7, 6)", "(3, 1, 5)", "(4, 8, 6)"):
        try:
            target.sql(f"INSERT INTO app.t VALUES {wrong}")
        except pymysql.err.MySQLError as error:
            assert error.args[0] == 4025, error
        else:
            raise AssertionError(f"the target takes {wrong}")
    source.sql("ALTER TABLE t DROP CHECK t_chk_4", db="app")
    assert "t_chk_4" in bed.pending()["sql"]
    bed.decide("ALTER TABLE app.t DROP CONSTRAINT CONSTRAINT_1")
    source.sql("INSERT INTO t VALUES (2, 8, 6)", db="app")
    bed.daemon.wait_for(lambda: target.value("SELECT v FROM app.t WHERE id = 2") == 8, 30, "the row that the CHECK kept out")
    bed.daemon.stop()

    source, target = env.source("mariadb"), env.target("mysql97")
    bed = Bed(env, source, target).start()
    source.sql(["CREATE TABLE t (id INT PRIMARY KEY, v INT, CHECK (v < 100))", "ALTER TABLE t DROP CONSTRAINT CONSTRAINT_1"], db="app")
    bed.pending()
    bed.decide("ALTER TABLE app.t DROP CHECK t_chk_1")
    source.sql("INSERT INTO t VALUES (1, 1000)", db="app")
    bed.daemon.wait_for(lambda: target.value("SELECT v FROM app.t") == 1000, 30, "the row that the CHECK kept out")
    bed.daemon.stop()


# ------------------------------------------------------------------------------------------ docs/ddl.md

# What is said of what is in no list of the API.
NEVER_CARRIED = {"CREATE_TRIGGER", "DROP_TRIGGER", "CREATE_EVENT", "ALTER_EVENT", "DROP_EVENT", "CREATE_SEQUENCE", "ALTER_SEQUENCE",
                 "DROP_SEQUENCE", "ALTER_FUNCTION", "ALTER_PROCEDURE"}


def documented_kinds():
    """{kind: cell} of the table "Kinds" in docs/ddl.md."""
    rows, inside = {}, False
    with open(os.path.join(REPOSITORY, "docs", "ddl.md"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| kind |"):
                inside = True
            elif not line.startswith("|"):
                inside = False
            elif inside and not line.startswith("| ---"):
                assert cells[0] not in rows, f"docs/ddl.md has {cells[0]} twice"
                rows[cells[0]] = cells[1]
    return rows


def kinds_of(path, start):
    """The names in capitals of one table of a source file."""
    with open(os.path.join(REPOSITORY, *path.split("/")), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index(start):]
    return set(re.findall(r'"([A-Z]+_[A-Z]+)"', text[:text.index("};")]))


@tags("ddl", "quick")
@needs("mariadb")
def test_every_kind_is_documented(env):
    """docs/ddl.md names each kind of statement, those of the API as carried; the API, the parser and these tests agree on them."""
    documented = documented_kinds()
    assert set(documented) == set(ALL_KINDS) | NEVER_CARRIED, set(documented) ^ (set(ALL_KINDS) | NEVER_CARRIED)
    for kind, cell in documented.items():
        assert cell.split(" ")[0].rstrip(",:;") == ("never" if kind in NEVER_CARRIED else "carried"), (kind, cell)
    assert kinds_of("api/kinds.c", "kinds_ddl[] = {") == set(ALL_KINDS)
    assert kinds_of("workers/mysql/ddl/parse.c", "kind_names[] = {") - {"OTHER"} == set(ALL_KINDS)
    # every one of them is run by the lists above, and refused by name where it is unknown
    statements = " ".join((COMMON + MARIADB + "CREATE DATABASE ALTER DATABASE DROP DATABASE").replace("UNIQUE ", "").split()).replace("CREATE OR REPLACE", "CREATE")
    for kind in ALL_KINDS:
        assert kind.replace("_", " ") in statements, f"no test runs {kind}"


# ------------------------------------------------------------------------------------------ how it is written

WRITTEN = [     # sql_mode, client character set, statement
    ("", "utf8mb4", "CREATE TABLE `we``ird \"name\"` (`id` INT PRIMARY KEY, `a b` INT, `c``d` INT)"),
    ("ANSI_QUOTES", "utf8mb4", 'ALTER TABLE "we`ird ""name""" ADD COLUMN "q""uote" VARCHAR(20) DEFAULT \'it\'\'s\' AFTER "a b"'),
    ("ANSI_QUOTES", "utf8mb4", 'ALTER TABLE "we`ird ""name""" RENAME TO "order", DROP COLUMN "c`d"'),
    ("", "utf8mb4", "ALTER TABLE `order` ADD COLUMN `select` VARCHAR(30) DEFAULT \"say \\\"hi\\\" \\\\ \", COMMENT 'ALTER TABLE x DROP COLUMN id;'"),
    ("NO_BACKSLASH_ESCAPES", "utf8mb4", "ALTER TABLE `order` ADD COLUMN bs VARCHAR(30) DEFAULT 'back\\', ADD COLUMN n2 INT"),
    ("", "utf8mb4", "/* a -- comment */ ALTER /*!50000 TABLE */ -- to the end\n `order` # too\n ADD /* , DROP COLUMN id */ COLUMN v INT/**/DEFAULT 5"),
    ("", "utf8mb4", "ALTER TABLE `order` /*!99999 DROP COLUMN id, */ ADD COLUMN vv INT /*!50001 , ADD COLUMN v3 INT */"),
    ("", "utf8mb4", "CREATE TABLE `表` (`列` INT PRIMARY KEY, `größe` VARCHAR(20) DEFAULT 'ß文', `ключ` INT) COMMENT='λ'"),
    ("", "gbk", "ALTER TABLE `表` ADD COLUMN `中文` VARCHAR(20) CHARACTER SET gbk DEFAULT '文字' COMMENT '说明'"),
    ("", "sjis", "ALTER TABLE `表` ADD COLUMN `ソ表` VARCHAR(20) DEFAULT 'ソ能'"),
    ("", "latin1", "ALTER TABLE t1 ADD COLUMN `größe` VARCHAR(20) DEFAULT 'äöü'"),
    ("", "utf8mb4", "ALTER TABLE t1 DROP COLUMN `größe`, ADD e ENUM('a,b','it''s','ж') DEFAULT 'ж', ADD st SET('x','y y') "),
    ("", "utf8mb4", "alter table t1 add (p int, q int), add key `k,1` (p), comment='x' , comment \"y\""),
    ("", "utf8mb4", "ALTER TABLE app.t1 DROP p, DROP COLUMN q"),
]


def written(env, source, target):
    bed = Bed(env, source, target)
    source.sql("CREATE TABLE app.t1 (id INT PRIMARY KEY)")
    bed.start()
    writer = Writer(source, "app")
    for mode, charset, statement in WRITTEN:
        connection = source.connect(db="app")
        with connection.cursor() as cursor:
            cursor.execute(f"SET sql_mode = '{mode}'")
            cursor.execute(f"SET NAMES {charset}")
            connection.query(statement.encode({"utf8mb4": "utf-8", "sjis": "shift_jis"}.get(charset, charset)))
        connection.close()
        writer.everything(2)
    bed.settle()


@tags("ddl", "quick")
@needs("mariadb")
def test_quotes_comments_and_charsets_mariadb(env):
    written(env, env.source("mariadb"), env.target("mariadb"))


@tags("ddl")
@needs("mysql56", "mysql97")
def test_quotes_comments_and_charsets_mysql(env):
    written(env, env.source("mysql56"), env.target("mysql97"))


@tags("ddl")
@needs("mysql97")
def test_quotes_comments_and_charsets_mysql97(env):
    written(env, env.source("mysql97"), env.target("mysql97"))


@tags("ddl")
@needs("mariadb")
def test_objects_that_are_there_already(env):
    """MariaDB logs IF NOT EXISTS and IF EXISTS also when there was nothing to do."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target).start()
    for _ in range(2):
        source.sql(["CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)", "CREATE VIEW IF NOT EXISTS v AS SELECT 1 AS one",
                    "CREATE FUNCTION IF NOT EXISTS f () RETURNS INT DETERMINISTIC NO SQL RETURN 1",
                    "CREATE PROCEDURE IF NOT EXISTS p () SELECT 1", "CREATE DATABASE IF NOT EXISTS app",
                    "CREATE INDEX IF NOT EXISTS i ON t (id)", "INSERT IGNORE INTO t VALUES (1)"], db="app")
    bed.settle()
    for _ in range(2):
        source.sql(["DROP VIEW IF EXISTS v", "DROP FUNCTION IF EXISTS f", "DROP PROCEDURE IF EXISTS p",
                    "DROP INDEX IF EXISTS i ON t"], db="app")       # an error without the table
    for _ in range(2):
        source.sql("DROP TABLE IF EXISTS t, t2", db="app")
    bed.settle_empty()


@tags("ddl")
@needs("mariadb")
def test_statements_that_failed_half_way_at_the_source(env):
    """They are in the binlog with an error code: a part of them was done."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target)
    source.sql(["CREATE TABLE app.a (id INT PRIMARY KEY)", "CREATE TABLE app.b (id INT PRIMARY KEY)", "CREATE TABLE app.stays (id INT)",
                "CREATE VIEW app.v AS SELECT 1 AS one"])
    bed.start()
    for statement in ("DROP TABLE app.a, app.not_there", "DROP VIEW app.v, app.not_there"):
        try:
            source.sql(statement)
        except pymysql.err.MySQLError:
            pass
    bed.settle()
    try:
        source.sql("CREATE OR REPLACE TABLE app.b")     # no columns: the old table is gone all the same
    except pymysql.err.MySQLError:
        pass
    bed.settle()


# ------------------------------------------------------------------------------------------ not listed, refused

@tags("ddl")
@needs("mariadb")
def test_kinds_that_are_not_listed_are_tracked(env):
    """Rows behind them decode rightly; a row with a column that the target lacks stops the step until it is there."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target, kinds=["CREATE_TABLE"])
    source.sql(["CREATE TABLE app.t (id INT PRIMARY KEY, a INT, b VARCHAR(20), c INT)", "INSERT INTO app.t VALUES (1, 1, 'b', 3)",
                "CREATE TABLE app.kept (id INT PRIMARY KEY)", "CREATE TABLE app.cut (id INT PRIMARY KEY)",
                "INSERT INTO app.cut VALUES (1)"])
    bed.start()
    source.sql(["ALTER TABLE app.t ADD INDEX a (a)", "ALTER TABLE app.t MODIFY c INT FIRST", "INSERT INTO app.t VALUES (33, 2, 22, 'bb')",
                "ALTER TABLE app.t DROP COLUMN a", "INSERT INTO app.t VALUES (34, 3, 'bbb')",
                "ALTER TABLE app.t MODIFY b VARCHAR(10)", "UPDATE app.t SET b = 'new' WHERE id = 3",
                "DROP TABLE app.kept", "TRUNCATE TABLE app.cut", "CREATE TABLE app.made (id INT PRIMARY KEY)", "INSERT INTO app.made VALUES (1)"])
    bed.drain()
    assert target.sql("SELECT id, a, b, c FROM app.t ORDER BY id") == [(1, 1, "b", 3), (2, 22, "bb", 33), (3, None, "new", 34)]
    assert target.tables("app") == ["cut", "kept", "made", "t"] and target.value("SELECT COUNT(*) FROM app.cut") == 1
    told = {row["sql"]: row["status"] for row in bed.listed(True)}
    assert told["ALTER TABLE app.t DROP COLUMN a"] == "TRACKED", told
    assert told["CREATE TABLE app.made (id INT PRIMARY KEY)"] == "APPLIED", told
    source.sql(["ALTER TABLE app.t ADD COLUMN fresh INT", "INSERT INTO app.t (id, fresh) VALUES (4, 44)"])
    text = bed.stopped()
    assert "fresh" in text and "app.t" in text, text
    target.sql("ALTER TABLE app.t ADD COLUMN fresh INT")
    bed.resume()
    bed.drain()
    assert target.value("SELECT fresh FROM app.t WHERE id = 4") == 44


@tags("ddl")
@needs("mariadb")
def test_a_statement_the_target_refuses_waits_for_a_decision(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target)
    source.sql(["CREATE TABLE app.t (id INT PRIMARY KEY, a INT)", "INSERT INTO app.t VALUES (1, 1)"])
    bed.start()
    target.sql("ALTER TABLE app.t ADD COLUMN x INT")            # somebody was quicker
    source.sql(["ALTER TABLE app.t ADD COLUMN x INT", "INSERT INTO app.t VALUES (2, 2, 2)"])
    row = bed.pending()
    assert row["sql"] == "ALTER TABLE app.t ADD COLUMN x INT" and row["kind"] == "ALTER_TABLE", row
    assert "app.t" in row["objects"] and "x" in row["message"], row
    assert target.value("SELECT COUNT(*) FROM app.t") == 1
    bed.decide()
    bed.settle()
    assert [entry["status"] for entry in bed.listed(True)] == ["SKIPPED"], bed.listed(True)

    target.sql("ALTER TABLE app.t ADD COLUMN y VARCHAR(5)")
    source.sql(["ALTER TABLE app.t ADD COLUMN y VARCHAR(50) AFTER id", "INSERT INTO app.t VALUES (3, 'a long text', 3, 3)"])
    bed.decide("ALTER TABLE app.t MODIFY y VARCHAR(50) AFTER id; DO 1")
    bed.settle()
    latest = bed.listed(True)[0]
    assert latest["status"] == "REPLACED" and latest["decision"]["action"] == "REPLACE", latest

    # a replacement that is refused as well: the step waits again
    target.sql("ALTER TABLE app.t ADD COLUMN z INT")
    source.sql("ALTER TABLE app.t ADD COLUMN z INT")
    bed.decide("ALTER TABLE app.t ADD COLUMN z BIGINT")
    bed.decide()
    bed.settle()
    # resumed without a decision: it stops at the same statement again
    target.sql("ALTER TABLE app.t ADD COLUMN zz INT")
    source.sql("ALTER TABLE app.t ADD COLUMN zz INT")
    first = bed.pending()
    bed.resume()
    assert bed.pending()["ddlId"] == first["ddlId"]
    bed.decide()
    bed.settle()


@tags("ddl")
@needs("mysql97", "mariadb")
def test_what_can_not_be_carried_waits_for_a_decision(env):
    """EXCHANGE PARTITION moves rows without row events."""
    source, target = env.source("mysql97"), env.target("mysql97")
    bed = Bed(env, source, target)
    source.sql(["CREATE TABLE app.p (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100),"
                " PARTITION p1 VALUES LESS THAN MAXVALUE)", "CREATE TABLE app.x (id INT PRIMARY KEY, v INT)",
                "INSERT INTO app.p VALUES (1, 1), (200, 2)", "INSERT INTO app.x VALUES (5, 5)"])
    bed.start()
    source.sql(["ALTER TABLE app.p EXCHANGE PARTITION p0 WITH TABLE app.x", "INSERT INTO app.p VALUES (7, 7)"])
    row = bed.pending()
    assert "EXCHANGE" in row["message"].upper() or "EXCHANGE" in row["sql"], row
    bed.decide("ALTER TABLE app.p EXCHANGE PARTITION p0 WITH TABLE app.x")
    bed.settle()


@tags("ddl")
@needs("mariadb")
def test_ddl_is_refused_or_told_without_a_word_of_it_lost(env):
    """A project without DDL at all: statements are tracked and told, rows go on."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target, kinds=[])
    source.sql(["CREATE TABLE app.t (id INT PRIMARY KEY, a INT)"])
    bed.start()
    source.sql(["CREATE TABLE app.n (id INT PRIMARY KEY)", "ALTER TABLE app.t ADD INDEX a (a)", "INSERT INTO app.t VALUES (1, 1)",
                "CREATE VIEW app.v AS SELECT 1 AS one", "CREATE TRIGGER app.tr BEFORE INSERT ON app.t FOR EACH ROW SET NEW.a = 5",
                "CREATE EVENT app.ev ON SCHEDULE EVERY 1 YEAR DO DO 1", "CREATE SEQUENCE app.sq", "INSERT INTO app.t VALUES (2, 2)"])
    bed.drain()
    assert target.sql("SELECT * FROM app.t ORDER BY id") == [(1, 1), (2, 5)]
    told = " ".join(row["sql"] for row in bed.listed(True))
    for word in ("CREATE TABLE app.n", "ADD INDEX a", " VIEW ", "TRIGGER", "EVENT", "SEQUENCE"):
        assert word in told, (word, told)
    source.sql("INSERT INTO app.n VALUES (1)")
    assert "app.n" in bed.stopped()


# ------------------------------------------------------------------------------------------ positions

def old_alters(bed, count):
    """Alters of one table, with rows of each structure in between."""
    writer = Writer(bed.source, "app", seed=5)
    for number in range(count):
        kind = number % 5
        statement = [f"ALTER TABLE t ADD COLUMN c{number} VARCHAR(20) FIRST", f"ALTER TABLE t ADD COLUMN c{number} INT AFTER id",
                     f"ALTER TABLE t MODIFY c{number - 1} BIGINT", f"ALTER TABLE t CHANGE c{number - 2} d{number} BIGINT FIRST",
                     f"ALTER TABLE t DROP COLUMN c{number - 4}"][kind]
        bed.source.sql(statement, db="app")
        for _ in range(3):
            writer.churn("t", 4)
    writer.close()


def prepare_t(source):
    source.sql(["CREATE TABLE app.t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT, s VARCHAR(20))",
                "INSERT INTO app.t (v, s) VALUES (1, 'one'), (2, 'two'), (3, 'three')"])


def twenty(env, source, target):
    bed = Bed(env, source, target)
    prepare_t(source)
    bed.start()
    bed.stop()
    old_alters(bed, 20)
    bed.resume()
    bed.settle()
    # and once more behind an ungraceful end of everything
    bed.daemon.kill9()
    bed.daemon.kill_workers()
    writer = Writer(source, "app", seed=6)
    for number in range(20):
        source.sql(f"ALTER TABLE t ADD COLUMN x{number} INT {'FIRST' if number % 2 else 'AFTER id'}", db="app")
        writer.churn("t", 4)
        if number % 3 == 2:
            source.sql(f"ALTER TABLE t DROP COLUMN x{number - 1}", db="app")
    bed.daemon.start()
    bed.settle()


@tags("ddl")
@needs("mariadb")
def test_twenty_old_alters_mariadb(env):
    twenty(env, env.source("mariadb"), env.target("mariadb"))


@tags("ddl")
@needs("mysql97", "mysql56")
def test_twenty_old_alters_mysql(env):
    twenty(env, env.source("mysql56"), env.target("mysql97"))


@tags("ddl")
@needs("mariadb")
def test_ddl_while_the_copy_runs(env):
    """A column that is added, an index and a new table are fine; a column that the copy reads must not go."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target)
    prepare_t(source)
    source.sql("INSERT INTO app.t (v, s) SELECT seq, 'x' FROM seq_1_to_8000", db="app")
    bed.project = bed.daemon.create_project(source, target, bed.mapping, full_config={"throttleRps": 2500, "readWorkerNum": 1},
                                            incr_config=bed.config)
    bed.daemon.start_project(bed.project)
    bed.daemon.wait_for(lambda: "app" in target.databases() and "t" in target.tables("app")
                        and target.value("SELECT COUNT(*) FROM app.t"), 60, "the copy has begun", interval=0.02)
    source.sql(["ALTER TABLE app.t ADD COLUMN w INT DEFAULT 9 AFTER id", "ALTER TABLE app.t ADD INDEX v (v)",
                "CREATE TABLE app.young (id INT PRIMARY KEY)", "INSERT INTO app.young VALUES (1)",
                "UPDATE app.t SET w = id WHERE id % 7 = 0", "TRUNCATE TABLE app.young", "INSERT INTO app.young VALUES (2)"])
    bed.daemon.wait_step(bed.project, "INCR_TRANSFER", "MONITORING", 120)
    bed.settle()


@tags("ddl")
@needs("mariadb")
def test_a_column_dropped_before_the_copy_read_it_is_an_error(env):
    """One thread and the throttle: after its first chunk the copy has others to read for some seconds."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target)
    source.sql(["CREATE TABLE t (id INT PRIMARY KEY, v INT, s VARCHAR(600))",
                "INSERT INTO t SELECT seq, seq, REPEAT('x', 600) FROM seq_1_to_40000",
                "ANALYZE TABLE t"], db="app")       # chunks are as many rows as make 3 MiB by the server's statistics
    bed.project = bed.daemon.create_project(source, target, bed.mapping, incr_config=bed.config,
                                            full_config={"throttleRps": 5000, "readWorkerNum": 1, "writeWorkerNum": 1})
    bed.daemon.start_project(bed.project)
    bed.daemon.wait_for(lambda: "app" in target.databases() and "t" in target.tables("app")
                        and target.value("SELECT COUNT(*) FROM app.t"), 60, "the first chunk is there", interval=0.02)
    source.sql("ALTER TABLE app.t DROP COLUMN v")
    text = str(wait_failed(bed.daemon, bed.project, "FULL_TRANSFER"))
    assert "app.t" in text and " v" in text.replace("`", " ").replace("'", " "), text


# ------------------------------------------------------------------------------------------ tables without a key

@tags("ddl")
@needs("mariadb")
def test_tables_without_a_key(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=400)
    load = env.load(source, "app", rate=100)
    bed = Bed(env, source, target)
    source.sql(["CREATE TABLE app.heap (a INT, b VARCHAR(20))", "INSERT INTO app.heap VALUES (1, 'x'), (1, 'x'), (2, 'y')"])
    bed.start()
    for statement in ("ALTER TABLE heap ADD COLUMN c INT DEFAULT 4 FIRST", "INSERT INTO heap VALUES (5, 1, 'x'), (5, 1, 'x')",
                      "DELETE FROM heap WHERE a = 1 LIMIT 1", "ALTER TABLE heap MODIFY b VARCHAR(200), DROP COLUMN a",
                      "INSERT INTO heap VALUES (6, 'z'), (6, 'z')", "UPDATE heap SET b = 'w' WHERE c = 6 LIMIT 1",
                      "ALTER TABLE heap ADD COLUMN id INT NOT NULL DEFAULT 5", "SET @n = 0 ;; UPDATE heap SET id = @n := @n + 1",
                      "ALTER TABLE heap ADD PRIMARY KEY (id), ADD KEY b (b)", "UPDATE heap SET b = CONCAT(b, id)",
                      "ALTER TABLE heap DROP PRIMARY KEY",
                      "INSERT INTO heap VALUES (7, 'q', 1), (7, 'q', 1)", "RENAME TABLE heap TO pile",
                      "UPDATE pile SET c = 8 WHERE b = 'q' LIMIT 1", "CREATE TABLE heap LIKE pile", "TRUNCATE TABLE pile",
                      "INSERT INTO pile SELECT 1, 'new', 2", "ALTER TABLE t_nokey ADD INDEX a (a)"):
        source.sql(statement.split(" ;; "), db="app")
    load.stop()
    bed.settle(timeout=120)
    # the server numbers the rows in whatever order they lie: it would be another at the target
    source.sql("ALTER TABLE app.pile ADD COLUMN number INT NOT NULL AUTO_INCREMENT PRIMARY KEY")
    assert "AUTO_INCREMENT" in bed.pending()["message"]

