"""A live forward migration under load, between every pair of servers the issue names."""

from common import assert_equal_soon, drain, drain_and_compare, prepare, start_forward, tree, wait_monitoring
from harness.compare import Pair
from harness.daemon import specific, wildcard
from harness.runner import needs, tags, timeout

STEPS = ["TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", "INCR_TRANSFER"]


def migrate_under_load(env, source, target, rows=4000, transactions=2500, **options):
    prepare(source, target, rows=rows)
    load = env.load(source, "app", rate=300)
    load.wait_committed(100)
    daemon, project = start_forward(env, source, target, tree(["app"]), **options)
    wait_monitoring(daemon, project)
    load.wait_committed(transactions, timeout=120)
    load.stop()
    result = drain_and_compare(daemon, source, target)
    assert result.tables >= 8, result
    return daemon, project


@tags("quick", "matrix")
@needs("mariadb")
def test_mariadb_to_mariadb(env):
    daemon, project = migrate_under_load(env, env.source("mariadb"), env.target("mariadb"), transactions=1500)
    steps = daemon.steps(project)
    assert list(steps) == STEPS, list(steps)
    for name in STEPS[:-1]:
        assert steps[name]["status"] == "FINISHED" and steps[name]["progress"] == 100, steps[name]
    assert steps["INCR_TRANSFER"]["status"] == "MONITORING"


@tags("matrix")
@needs("mysql97", "mariadb")
def test_mysql97_to_mariadb(env):
    migrate_under_load(env, env.source("mysql97"), env.target("mariadb"))


@tags("matrix")
@needs("mysql56", "mysql97")
def test_mysql56_to_mysql97(env):
    migrate_under_load(env, env.source("mysql56"), env.target("mysql97"))


@tags("matrix")
@needs("mysql97", "mariadb")
def test_mariadb_to_mysql97(env):
    migrate_under_load(env, env.source("mariadb"), env.target("mysql97"))


@tags("matrix")
@needs("mysql97")
def test_mysql97_to_mysql97(env):
    migrate_under_load(env, env.source("mysql97"), env.target("mysql97"))


@tags("matrix")
@needs("mysql56")
def test_mysql56_without_gtids(env):
    """The starting position then comes from a short global read lock."""
    source = env.private_server("mysql56", ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
    migrate_under_load(env, source, env.target("mariadb"))


@needs("mariadb")
def test_deferred_indexes_and_foreign_keys(env):
    """With deferIndexCreation the normal indexes come in a step of their own; foreign keys always after the copy."""
    source, target = env.source("mariadb"), env.target("mariadb")
    daemon, project = migrate_under_load(env, source, target, transactions=600,
                                         struct_config={"deferIndexCreation": True})
    assert list(daemon.steps(project)) == STEPS[:4] + ["INDEX_TRANSFER", "INCR_TRANSFER"]
    query = ("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME FROM information_schema.STATISTICS"
             " WHERE TABLE_SCHEMA = 'app' ORDER BY 1, 2, 3")
    assert source.sql(query) == target.sql(query)
    query = ("SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME FROM"
             " information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'app' AND REFERENCED_TABLE_NAME IS NOT NULL")
    assert source.sql(query) and source.sql(query) == target.sql(query)


@tags("quick")
@needs("mariadb")
def test_selection_with_renames_filters_and_columns(env):
    """Renamed database and tables, a row filter and a column list hold in the copy and in incremental alike."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE shop", "CREATE DATABASE other",
                "CREATE TABLE shop.orders (id INT PRIMARY KEY, state VARCHAR(20), total DECIMAL(10,2), secret TEXT)",
                "CREATE TABLE shop.left_out (id INT PRIMARY KEY)", "CREATE TABLE shop.cw_test_mark (id CHAR(32) PRIMARY KEY)",
                "INSERT INTO shop.orders SELECT seq, IF(seq % 3, 'paid', 'open'), seq / 7, 'x' FROM seq_1_to_3000"],
               db="mysql")
    mapping = specific({("shop", "store"): [
        {"name": "orders", "mappedName": "sales", "whereClause": "state = 'paid' AND total < 300",
         "filterColumns": ["id", "state", "total"]}, "cw_test_mark"]})
    daemon, project = start_forward(env, source, target, mapping)
    wait_monitoring(daemon, project)
    source.sql(["INSERT INTO shop.orders VALUES (10001, 'paid', 1, 's'), (10002, 'open', 1, 's'), (10003, 'paid', 999, 's')",
                "UPDATE shop.orders SET state = 'paid' WHERE id = 3",           # comes into the filter
                "UPDATE shop.orders SET state = 'open' WHERE id = 4",           # leaves it
                "UPDATE shop.orders SET total = total + 1, secret = 'y' WHERE id BETWEEN 5 AND 50",
                "UPDATE shop.orders SET id = id + 50000 WHERE id BETWEEN 100 AND 120",
                "DELETE FROM shop.orders WHERE id BETWEEN 60 AND 70"])
    drain(daemon, source, target, "shop", "store")
    assert_equal_soon(source, target, [Pair("shop.orders", "store.sales", columns=["id", "state", "total"],
                                            where="state = 'paid' AND total < 300")])
    assert target.tables("store") == ["cw_test_mark", "sales"], target.tables("store")


@needs("mariadb")
def test_wildcard_rules(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    statements = []
    for db in ("app_one", "app_two", "app_not", "elsewhere"):
        statements.append(f"CREATE DATABASE {db}")
        for table in ("t1", "t2", "tmp_x", "cw_test_mark"):
            statements += [f"CREATE TABLE {db}.{table} (id CHAR(32) PRIMARY KEY)", f"INSERT INTO {db}.{table} VALUES ('{table}')"]
    source.sql(statements)
    daemon, project = start_forward(env, source, target, wildcard("app_*.*", exclude=["app_not.*", "*.tmp_?"]))
    wait_monitoring(daemon, project)
    source.sql(["INSERT INTO app_one.t1 VALUES ('new')", "INSERT INTO app_not.t1 VALUES ('new')"])
    drain(daemon, source, target, "app_one")
    assert_equal_soon(source, target, ["app_one", "app_two"], exclude=["tmp_x"])
    assert sorted(target.databases()) == ["app_one", "app_two", "oms"], target.databases()
    assert target.tables("app_one") == ["cw_test_mark", "t1", "t2"]


@needs("mariadb")
@timeout(200)
def test_full_only_needs_no_binlog(env):
    """Without incremental a project ends by itself, and the source may have its binlog switched off."""
    source = env.private_server("mariadb", ["--skip-log-bin"])
    target = env.target("mariadb")
    prepare(source, target, rows=3000)
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False)
    daemon.wait_project(project, "FINISHED", 120)
    assert_equal_soon(source, target, ["app"])


@needs("mariadb")
def test_incremental_only_from_a_time(env):
    """startTimestamp: what was written since then arrives, and nothing from before."""
    source, target = env.private_server("mariadb"), env.target("mariadb")
    for server in (source, target):
        server.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, v INT)",
                    "CREATE TABLE app.cw_test_mark (id CHAR(32) PRIMARY KEY)"])
    source.sql("INSERT INTO app.t VALUES (1, 1)")
    before = int(source.value("SELECT UNIX_TIMESTAMP()")) + 1
    source.sql(["DO SLEEP(2.1)", "INSERT INTO app.t VALUES (2, 2)", "FLUSH BINARY LOGS", "INSERT INTO app.t VALUES (3, 3)"])
    daemon, project = start_forward(env, source, target, tree(["app"]), struct=False, full=False,
                                    incr_config={"startTimestamp": before})
    wait_monitoring(daemon, project)
    drain(daemon, source, target)
    assert [row[0] for row in target.sql("SELECT id FROM app.t ORDER BY id")] == [2, 3]
