"""The address of the source answers for another server: during the copy, and with other settings; savepoints in XA."""

from common import (INCR, drain_and_compare, prepare, start_forward, tree, wait_failed, wait_monitoring)
from harness.runner import needs, timeout
from proxy import Proxy
from test_position import CHANGED, behind_proxy, caught_up, events, fail_over, set_up


@needs("mariadb")
@timeout(150)
def test_another_server_during_the_copy(env):
    """A copy alone: no relay is there to see it. Nothing of the second server gets to the target."""
    first, second = (env.private_server("mariadb", name=f"s{number}") for number in range(2))
    target = env.target("mariadb")
    for server, value in ((first, 1), (second, 2)):
        server.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, v INT, s VARCHAR(900))",
                    "CREATE TABLE app.nokey (id INT, v INT)", f"INSERT INTO app.nokey VALUES (1, {value})",
                    f"INSERT INTO app.t SELECT seq, {value}, REPEAT('x', 900) FROM seq_1_to_60000"], db="mysql")
    near = Proxy(first.host, first.port)
    env.cleanup(near.close)
    daemon = env.daemon()
    source = daemon.call("CreateMySqlDataSource", {"name": "near", "ip": "127.0.0.1", "port": near.port, "userName": "root",
                                                   "password": ""})
    project = daemon.create_project(source, daemon.create_source(target), tree(["app"]), incr=False,
                                    # eight readers would have it all in memory before the address is turned
                                    full_config={"throttleRps": 4000, "readWorkerNum": 1, "writeWorkerNum": 1})
    daemon.start_project(project)
    daemon.wait_for(lambda: "app" in target.databases() and "t" in target.tables("app") and
                    target.value("SELECT COUNT(*) FROM app.t") > 5000, 60, "some rows are copied")
    near.retarget(second.host, second.port)
    info = wait_failed(daemon, project, "FULL_TRANSFER")
    assert CHANGED in str(info) and "full copy has not ended" in str(info), info
    assert target.value("SELECT COUNT(*) FROM app.t WHERE v = 2") == 0
    assert target.value("SELECT COUNT(*) FROM app.t") < 60000
    near.retarget(first.host, first.port)
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_project(project, "FINISHED", 90)
    assert target.value("SELECT COUNT(*) FROM app.t WHERE v = 1") == 60000
    assert target.value("SELECT GROUP_CONCAT(v) FROM app.nokey") == "1"


@needs("mariadb")
@timeout(150)
def test_the_new_server_is_asked_again(env):
    """Its settings before it is followed, its version and facts when the stream gets there."""
    primary, replica = set_up(env, "mariadb")
    target = env.target("mariadb")
    prepare(primary, target, rows=300)
    replica.sql("SET GLOBAL binlog_row_image = 'MINIMAL'")
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    load = env.load(primary, "app", rate=100)
    load.wait_committed(20)
    fail_over(load, near, primary, replica)
    info = wait_failed(daemon, project)
    assert CHANGED in str(info) and "binlog_row_image" in str(info), info
    replica.sql("SET GLOBAL binlog_row_image = 'FULL'")
    daemon.call("ResumeProject", {"id": project})
    load = env.load(replica, "app", rate=100, seed=2)
    load.wait_committed(50)
    load.stop()
    drain_and_compare(daemon, replica, target)
    assert events(daemon, project, "source_asked"), daemon.log_tail()


# ------------------------------------------------------------------------------------------ XA

def large_xa(env, kind):
    """SAVEPOINT and ROLLBACK TO within XA transactions that are too large for memory, one with a table that stays."""
    source, target = env.source(kind), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, s LONGTEXT) ENGINE=InnoDB",
                "CREATE TABLE app.stays (id INT PRIMARY KEY) ENGINE=MyISAM",
                "CREATE TABLE app.cw_test_mark (id CHAR(32) PRIMARY KEY)"])
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    connection = source.connect(db="app")
    number = 0
    with connection.cursor() as cursor:
        for end in ("COMMIT", "ROLLBACK", "ONE PHASE"):
            for mixed in (False, kind == "mariadb"):    # MySQL refuses that with GTIDs
                number += 1
                base, xid = number * 10000, f"'x{number}'"

                def rows(first, count=800):
                    for at in range(0, count, 100):
                        cursor.execute("INSERT INTO t VALUES " + ", ".join(
                            f"({base + first + at + i}, REPEAT('x', 1500))" for i in range(100)))
                cursor.execute(f"XA START {xid}")
                rows(0, 100)
                cursor.execute("SAVEPOINT early")
                rows(1000)
                cursor.execute("SAVEPOINT Late")
                rows(3000)
                if mixed:
                    cursor.execute(f"INSERT INTO stays VALUES ({base})")
                cursor.execute("ROLLBACK TO late")
                rows(5000)
                cursor.execute("SAVEPOINT again")
                rows(7000, 100)
                cursor.execute("ROLLBACK TO again")
                if number % 2 == 0:
                    cursor.execute("ROLLBACK TO early")
                rows(8000)
                cursor.execute(f"XA END {xid}")
                if end == "ONE PHASE":
                    cursor.execute(f"XA COMMIT {xid} ONE PHASE")
                else:
                    cursor.execute(f"XA PREPARE {xid}")
                    cursor.execute(f"XA {end} {xid}")
    connection.close()
    drain_and_compare(daemon, source, target)
    assert target.value("SELECT COUNT(*) FROM app.t") > 5000
    assert target.value("SELECT COUNT(*) FROM oms.cw_xa") == 0
    assert daemon.project(project)["status"] == "RUNNING", daemon.steps(project)[INCR]


@needs("mysql97", "mariadb")
@timeout(120)
def test_savepoints_in_large_xa_mysql97(env):
    large_xa(env, "mysql97")


@needs("mariadb")
@timeout(120)
def test_savepoints_in_large_xa_mariadb(env):
    large_xa(env, "mariadb")
