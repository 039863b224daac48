"""DDL: statements that failed half way at the source, decisions by text, foreign keys that follow a rename."""

from ddl_steps import Bed
from harness.runner import needs, tags


def keep_going(source, statement, code):
    """The statement fails at the source, with this error."""
    try:
        source.sql(statement)
    except Exception as error:
        assert error.args[0] == code, error
        return
    raise AssertionError(f"did not fail: {statement}")


# ------------------------------------------------------------------------------------------ failed at the source

def bed_of(env, kind, target_kind="mariadb"):
    source, target = env.source(kind), env.target(target_kind)
    source.sql(["CREATE DATABASE app",
                *[f"CREATE TABLE app.{name} (id INT PRIMARY KEY, v INT) ENGINE=InnoDB" for name in "abcdef"],
                "CREATE VIEW app.v1 AS SELECT 1 AS x", "INSERT INTO app.a VALUES (1, 1)", "INSERT INTO app.b VALUES (1, 1)"])
    return Bed(env, source, target, create=False).start()


def gone(bed, *names):
    bed.drain()
    left = [name for name in names if name in bed.target.tables("app")]
    assert not left, (left, bed.pending_text())


@tags("ddl")
@needs("mariadb")
def test_failed_half_way_mariadb(env):
    """DROP of several names and CREATE OR REPLACE, logged with an error: what they did is done, and no more."""
    bed = bed_of(env, "mariadb")
    keep_going(bed.source, "DROP TABLE app.a, app.not_there", 1051)
    keep_going(bed.source, "DROP VIEW app.v1, app.no_view", 4092)
    gone(bed, "a", "v1")
    keep_going(bed.source, "CREATE OR REPLACE TABLE app.b", 1113)
    assert "b" not in bed.source.tables("app")
    gone(bed, "b")
    bed.source.sql(["CREATE TABLE app.a (k VARCHAR(9) PRIMARY KEY)", "CREATE TABLE app.b (k INT PRIMARY KEY, w INT)",
                    "INSERT INTO app.a VALUES ('new')", "INSERT INTO app.b VALUES (5, 5)",
                    "CREATE VIEW app.v1 AS SELECT 2 AS y"])
    bed.settle()
    assert all(row["status"] != "PENDING" for row in bed.listed(True)), bed.listed(True)


@tags("ddl")
@needs("mysql56", "mariadb")
def test_failed_half_way_mysql56(env):
    """5.6 drops what it can and logs the error; where a foreign key was in the way nobody knows what it dropped."""
    bed = bed_of(env, "mysql56")
    keep_going(bed.source, "DROP TABLE app.a, app.not_there, app.b", 1051)
    gone(bed, "a", "b")
    bed.source.sql(["CREATE TABLE app.kid (id INT PRIMARY KEY, d INT, FOREIGN KEY (d) REFERENCES app.d (id)) ENGINE=InnoDB",
                    "INSERT INTO app.d VALUES (1, 1)", "INSERT INTO app.kid VALUES (1, 1)"])
    bed.drain()
    keep_going(bed.source, "DROP TABLE app.c, app.d, app.e", 1217)
    row = bed.pending()
    assert "error 1217" in str(row) and "DROP TABLE" in row["sql"], row
    assert "c" in bed.target.tables("app") and "c" not in bed.source.tables("app")
    bed.decide("DROP TABLE IF EXISTS app.c; DROP TABLE IF EXISTS app.e")
    bed.drain()                         # the structure is read as it is then, so nothing is made anew before
    bed.source.sql(["INSERT INTO app.d VALUES (2, 2)", "CREATE TABLE app.c (k INT PRIMARY KEY)",
                    "INSERT INTO app.c VALUES (7)", "INSERT INTO app.kid VALUES (2, 2)"])
    bed.settle()
    bed.wait_event("table_left", "app.c is no more")


# ------------------------------------------------------------------------------------------ decisions

@tags("ddl")
@needs("mariadb")
def test_a_decision_on_a_very_long_statement(env):
    """A decision is known by id and text; the text is told cut, and cleaned of what is no UTF-8."""
    bed = bed_of(env, "mariadb")
    for table, filling in (("c", "é" * 50_000), ("d", "\0" * 10 + "x" * 70_000)):
        bed.source.sql(f"ALTER TABLE app.{table} ADD u CHAR(36) DEFAULT (UUID()) /* {filling} */")
        row = bed.decide()
        assert len(row["sql"].encode()) <= 64 * 1024, len(row["sql"])
        bed.target.sql(f"ALTER TABLE app.{table} ADD u CHAR(36) DEFAULT (UUID())")
        bed.source.sql(f"INSERT INTO app.{table} (id) VALUES (1)")
        bed.settle()


# ------------------------------------------------------------------------------------------ foreign keys

def family(env, kind, target_kind):
    source, target = env.source(kind), env.target(target_kind)
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.parent (id INT PRIMARY KEY, v INT) ENGINE=InnoDB",
                "CREATE TABLE app.kid (id INT PRIMARY KEY, p INT, KEY p (p), FOREIGN KEY (p) REFERENCES app.parent (id),"
                " CONSTRAINT second FOREIGN KEY (p) REFERENCES app.parent (id)) ENGINE=InnoDB",
                "INSERT INTO app.parent VALUES (0, 0)", "INSERT INTO app.kid VALUES (0, 0)"])
    bed = Bed(env, source, target, create=False).start()
    return bed


def rows_of_both(source, parent, kid, column, first, count=400):
    """Parents and their children, each in a transaction of its own: in the wrong order the target refuses them."""
    connection = source.connect(db="app")
    with connection.cursor() as cursor:
        for number in range(first, first + count):
            cursor.execute(f"INSERT INTO {parent} ({column}, v) VALUES ({number}, 1)")
            cursor.execute(f"INSERT INTO {kid} (id, p) VALUES ({number}, {number})")
            if number % 3 == 0:
                cursor.execute(f"DELETE FROM {kid} WHERE id = {number}")
                cursor.execute(f"DELETE FROM {parent} WHERE {column} = {number}")
    connection.close()


def parent_renamed(env, kind, target_kind):
    bed = family(env, kind, target_kind)
    bed.source.sql("RENAME TABLE app.parent TO app.elder")
    rows_of_both(bed.source, "elder", "kid", "id", 1000)
    bed.settle()
    bed.stop()
    bed.resume()
    rows_of_both(bed.source, "elder", "kid", "id", 3000)
    bed.source.sql(["ALTER TABLE app.kid RENAME TO app.child", "ALTER TABLE app.elder CHANGE id key_id INT NOT NULL"])
    rows_of_both(bed.source, "elder", "child", "key_id", 5000)
    bed.settle()
    bed.source.sql(["ALTER TABLE app.child DROP FOREIGN KEY second", "ALTER TABLE app.child DROP FOREIGN KEY child_ibfk_1",
                    "INSERT INTO app.child VALUES (-1, -1)"])
    bed.settle()                        # a foreign key that had stayed at the target would refuse that row
    assert all(row["status"] == "APPLIED" for row in bed.listed(True)), bed.listed(True)


@tags("ddl")
@needs("mariadb")
def test_parent_renamed_mariadb(env):
    parent_renamed(env, "mariadb", "mariadb")


@tags("ddl")
@needs("mysql97")
def test_parent_renamed_mysql97(env):
    parent_renamed(env, "mysql97", "mysql97")


@tags("ddl")
@needs("mariadb")
def test_parent_dropped_and_made_again(env):
    """The children point at it by name all the while."""
    bed = family(env, "mariadb", "mariadb")
    connection = bed.source.connect(db="app")
    with connection.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        cursor.execute("DROP TABLE parent")
        cursor.execute("CREATE TABLE parent (id INT PRIMARY KEY, v INT) ENGINE=InnoDB")
        cursor.execute("INSERT INTO parent VALUES (0, 0)")
    connection.close()
    rows_of_both(bed.source, "parent", "kid", "id", 1000)
    bed.settle()
