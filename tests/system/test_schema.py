"""What schema migration carries, compared through information_schema; what it refuses, by name."""

from common import assert_equal_soon, start_forward, tree, wait_failed, wait_monitoring
from harness.runner import needs, tags, timeout

RICH = [
    "CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    """CREATE TABLE app.person (
        id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'the key; with a `quote` and a ''quote''',
        name VARCHAR(80) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL DEFAULT 'it''s',
        mail VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
        size DECIMAL(20,6) UNSIGNED NOT NULL DEFAULT 1.500000,
        flags BIT(5) NOT NULL DEFAULT b'101',
        kind ENUM('a','b c','d''e') NOT NULL DEFAULT 'b c',
        tags SET('x','y','z') DEFAULT 'x,z',
        born DATE NOT NULL DEFAULT '0000-00-00',
        made DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
        seen TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
        doc LONGTEXT, raw VARBINARY(300) DEFAULT 0x00FF,
        PRIMARY KEY (id), UNIQUE KEY mail (mail(20), kind), KEY by_name (name, size), FULLTEXT KEY words (doc)
    ) ENGINE=InnoDB AUTO_INCREMENT=5000 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC COMMENT='people; really'""",
    """CREATE TABLE app.pet (id INT NOT NULL, owner BIGINT UNSIGNED, born YEAR, PRIMARY KEY (id), KEY owner (owner),
        CONSTRAINT pet_owner FOREIGN KEY (owner) REFERENCES app.person (id) ON DELETE RESTRICT ON UPDATE RESTRICT) ENGINE=InnoDB""",
    """CREATE TABLE app.log (at DATE NOT NULL, n INT NOT NULL, KEY at (at)) ENGINE=InnoDB
        PARTITION BY RANGE (YEAR(at)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE)""",
    "CREATE TABLE app.`odd name-ü` (`select` INT NOT NULL, `a b` VARCHAR(3), PRIMARY KEY (`select`))",
    "INSERT INTO app.person (id, name, mail, doc) VALUES (1, 'Jörg', 'j@x', 'hello world'), (2, 'Ana', 'a@x', NULL)",
    "INSERT INTO app.pet VALUES (1, 1, 2001), (2, NULL, 0)", "INSERT INTO app.log VALUES ('1999-01-01', 1), ('2020-02-02', 2)",
    "INSERT INTO app.`odd name-ü` VALUES (1, 'x')",
    # views of views, in an order that has to be found
    "CREATE VIEW app.z_base AS SELECT id, name FROM app.person WHERE size > 0",
    "CREATE VIEW app.a_top AS SELECT z.id, p.id AS pet FROM app.z_base z LEFT JOIN app.pet p ON p.owner = z.id",
]
GENERATED = [
    """CREATE TABLE app.gen (id INT NOT NULL PRIMARY KEY, a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a + 1) STORED,
        CONSTRAINT small CHECK (a < 1000), KEY by_c (c))""",
    "INSERT INTO app.gen (id, a) VALUES (1, 10), (2, NULL)",
]
ROUTINES = [
    "CREATE FUNCTION app.twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE app.note(IN t VARCHAR(20)) BEGIN INSERT INTO app.log VALUES ('2021-01-01', LENGTH(t)); END",
    "CREATE TRIGGER app.pet_born BEFORE INSERT ON app.pet FOR EACH ROW SET NEW.born = COALESCE(NEW.born, 2024)",
    "CREATE TRIGGER app.log_pet AFTER INSERT ON app.pet FOR EACH ROW INSERT INTO app.log VALUES ('2022-02-02', NEW.id)",
    "CREATE EVENT app.nightly ON SCHEDULE EVERY 1 SECOND DO INSERT INTO app.log VALUES ('2023-03-03', 0)",
]
COLUMNS = ("SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, CHARACTER_SET_NAME, COLLATION_NAME,"
           " COLUMN_KEY, EXTRA, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'app' ORDER BY 1, 3")
INDEXES = ("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE FROM information_schema.STATISTICS"
           " WHERE TABLE_SCHEMA = 'app' ORDER BY 1, 2, 3")
# MariaDB shows a RESTRICT that was added with foreign_key_checks=0 as NO ACTION; to InnoDB they are the same
KEYS = ("SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, REPLACE(DELETE_RULE, 'NO ACTION', 'RESTRICT'),"
        " REPLACE(UPDATE_RULE, 'NO ACTION', 'RESTRICT') FROM information_schema.REFERENTIAL_CONSTRAINTS"
        " WHERE CONSTRAINT_SCHEMA = 'app' ORDER BY 1")
TABLES = ("SELECT TABLE_NAME, ENGINE, ROW_FORMAT, TABLE_COLLATION, TABLE_COMMENT FROM information_schema.TABLES"
          " WHERE TABLE_SCHEMA = 'app' AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1")
PARTITIONS = ("SELECT TABLE_NAME, PARTITION_NAME, PARTITION_METHOD, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"
              " WHERE TABLE_SCHEMA = 'app' AND PARTITION_NAME IS NOT NULL ORDER BY 1, 2")
VIEWS = "SELECT TABLE_NAME, VIEW_DEFINITION, SECURITY_TYPE FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'app' ORDER BY 1"


def same(source, target, *queries):
    for query in queries:
        here, there = source.sql(query), target.sql(query)
        assert here and here == there, "\n".join(["not the same:", *map(str, set(here) ^ set(there))])


@tags("quick")
@needs("mariadb")
def test_every_attribute_between_equal_servers(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'", *RICH, *GENERATED, *ROUTINES[:2]])
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False)
    daemon.wait_project(project, "FINISHED", 60)
    same(source, target, COLUMNS, INDEXES, KEYS, TABLES, PARTITIONS, VIEWS)
    assert_equal_soon(source, target, "app")
    assert target.value("SELECT app.twice(21)") == 42
    assert target.value("SELECT COUNT(*) FROM app.a_top") == 2
    target.sql("INSERT INTO app.person (name) VALUES ('next')")
    assert target.value("SELECT MAX(id) FROM app.person") >= 5000, "AUTO_INCREMENT was not carried"


@needs("mysql97", "mariadb")
@timeout(300)
def test_between_lineages(env):
    """The attributes that both lineages show in the same words have to be the same; rows and views work."""
    for here, there in (("mysql97", "mariadb"), ("mariadb", "mysql97"), ("mysql56", "mysql97")):
        source, target = env.source(here), env.target(there)
        source.sql(["SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'", *RICH, *(GENERATED if here != "mysql56" else [])])
        daemon, project = start_forward(env, source, target, tree(["app"]))
        wait_monitoring(daemon, project)
        same(source, target, INDEXES.replace("SUB_PART, ", ""), PARTITIONS)
        # MariaDB's and MySQL 5.6's "restrict" is shown as either word
        for query in ("SELECT TABLE_NAME, COLUMN_NAME, IS_NULLABLE, CHARACTER_SET_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS"
                      " WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME NOT IN ('z_base', 'a_top') ORDER BY TABLE_NAME, ORDINAL_POSITION",
                      "SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS"
                      " WHERE CONSTRAINT_SCHEMA = 'app' ORDER BY 1"):
            same(source, target, query)
        assert_equal_soon(source, target, "app")
        assert target.value("SELECT COUNT(*) FROM app.a_top") == 2
        daemon.stop()


@needs("mariadb")
def test_triggers_and_events_do_not_act_on_what_is_carried(env):
    """They are there, and act for users of the target, but not for the rows that Causeway writes."""
    source, target = env.source("mariadb"), env.target("mariadb")
    target.sql("SET GLOBAL event_scheduler = ON")
    env.cleanup(target.sql, "SET GLOBAL event_scheduler = OFF")
    source.sql(["SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'", *RICH, *ROUTINES])
    daemon, project = start_forward(env, source, target, tree(["app"]), struct_config={
        "triggerMigrationType": "WITH_STRUCT_TRANSFER", "eventMigration": True})
    wait_monitoring(daemon, project)
    source.sql(["INSERT INTO app.pet (id, owner) VALUES (10, 1)", "INSERT INTO app.pet VALUES (11, 2, 1999)"])
    daemon.wait_for(lambda: target.value("SELECT COUNT(*) FROM app.pet") == 4, 20, "the new rows are at the target")
    assert_equal_soon(source, target, "app")
    assert target.value("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'app'") == "DISABLED"
    daemon.call("StopProject", {"id": project})
    target.sql("INSERT INTO app.pet (id, owner) VALUES (99, 1)")
    assert target.value("SELECT born FROM app.pet WHERE id = 99") == 2024, "the trigger does not act for users of the target"


@needs("mariadb", "mysql97")
def test_unsupported_objects_are_all_named_before_anything_is_made(env):
    """Types by the precheck, what only the table's text shows by the schema step; nothing is made meanwhile."""
    source, target = env.source("mariadb"), env.target("mysql97")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.fine (id INT PRIMARY KEY)", "CREATE TABLE app.u (id UUID PRIMARY KEY)",
                "CREATE TABLE app.net (id INT PRIMARY KEY, a INET6)",
                "CREATE TABLE app.v (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
                "CREATE TABLE app.z (id INT PRIMARY KEY, c VARCHAR(100) COMPRESSED)"])
    daemon, project = start_forward(env, source, target, tree(["app"]))
    text = str(wait_failed(daemon, project, "TRANSFER_PRECHECK"))
    assert "app.u" in text and "app.net" in text and "app.fine" not in text, text
    source.sql(["DROP TABLE app.u", "DROP TABLE app.net"])
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_for(lambda: daemon.steps(project)["STRUCT_TRANSFER"]["status"] == "FAILED", 60, "the schema step refuses")
    text = str(wait_failed(daemon, project, "STRUCT_TRANSFER"))
    assert "app.v" in text and "app.z" in text and "app.fine" not in text, text
    assert target.databases() in ([], ["oms"]), target.databases()


@needs("mariadb")
def test_the_source_is_never_changed(env):
    """Nothing but reading: the source's binlog gets no event from a whole migration."""
    source, target = env.private_server("mariadb"), env.target("mariadb")
    source.sql(["SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'", *RICH])
    before = source.binlog_position()
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    daemon.call("StopProject", {"id": project})
    assert source.binlog_position() == before
    assert source.databases() == ["app"]
