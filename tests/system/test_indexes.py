"""Normal indexes of large tables: made after the rows (indexMigration AUTO, the default), whatever dies meanwhile."""

from harness.runner import needs, timeout
from harness.daemon import specific
from common import assert_equal_soon, start_forward

FULL = "FULL_TRANSFER"
TABLES = ["big", "small", "there"]
BODY = ("(id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, u INT NOT NULL, t VARCHAR(60), pad VARCHAR(800),"
        " UNIQUE KEY u (u), KEY k (k), KEY tk (t(20), k)) ENGINE=InnoDB DEFAULT CHARACTER SET latin1")
INDEXES = ("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE FROM information_schema.STATISTICS"
           " WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME IN ('big', 'small') ORDER BY 1, 2, 3")


def fill(source):
    """One table that is large enough to wait for its indexes, one that is not, and one that the target has already."""
    source.sql(["CREATE DATABASE app", *(f"CREATE TABLE app.{name} {BODY}" for name in TABLES)])
    source.sql(["INSERT INTO small (k, u, t, pad) VALUES (1, 1, 'a', 'b'), (2, 2, 'a', 'b'), (3, 3, NULL, NULL)",
                "INSERT INTO big (k, u, t, pad) SELECT k, u, t, pad FROM small"], db="app")
    for _ in range(12):
        source.sql("INSERT INTO big (k, u, t, pad) SELECT k * 7919 % 1000, u + (SELECT MAX(u) FROM (SELECT u FROM big) a),"
                   " CONCAT('text ', u * 31 % 5000), REPEAT(CHAR(97 + u % 26), 750) FROM big", db="app")
    source.sql(["INSERT INTO there SELECT * FROM big", "ANALYZE TABLE big", "ANALYZE TABLE there"], db="app")


def index_building_dies(env, kind):
    source, target = env.source(kind), env.target(kind)
    fill(source)
    target.sql(["CREATE DATABASE app", f"CREATE TABLE app.there {BODY.replace(', KEY k (k)', '')}"])
    daemon = env.daemon()
    _, project = start_forward(env, source, target, specific({"app": TABLES}), daemon, incr=False)
    building = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE%%ADD KEY%%'"

    def caught():
        return target.value(building) > 0 or daemon.steps(project)[FULL]["status"] == "FINISHED"
    for _ in range(3):
        daemon.wait_for(caught, 60, "indexes are being built", interval=0.002)
        if daemon.steps(project)[FULL]["status"] != "FINISHED":
            daemon.kill_workers(project, FULL)
    daemon.wait_step(project, FULL, "FINISHED", 120)
    assert target.sql(INDEXES) == source.sql(INDEXES)
    noted = target.sql("SELECT CAST(name AS CHAR) FROM oms.cw_index")
    assert [row[0] for row in noted] == ["big"], noted
    assert target.value("SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'app'"
                        " AND TABLE_NAME = 'there' AND INDEX_NAME = 'k'") == 0      # not ours: stays as it was made
    assert_equal_soon(source, target, ["app"])


@needs("mariadb")
@timeout(120)
def test_index_building_dies_mariadb(env):
    index_building_dies(env, "mariadb")


@needs("mysql56")
@timeout(120)
def test_index_building_dies_mysql56(env):
    index_building_dies(env, "mysql56")


@needs("mysql97")
@timeout(120)
def test_index_building_dies_mysql97(env):
    index_building_dies(env, "mysql97")
