"""XA transactions in two phases: what was prepared counts when it is committed, exactly once, whatever dies."""

from common import (INCR, Faults, drain, drain_and_compare, release_and_delete, start_forward, tree,
                    wait_failed, wait_monitoring)
from harness.runner import needs, timeout

MANY = 1500     # rows of 1 KiB: several parts in the control schema


def make(source):
    source.sql(["CREATE DATABASE app", "CREATE DATABASE other",
                "CREATE TABLE app.t (id INT PRIMARY KEY, v INT, s LONGTEXT)",
                "CREATE TABLE app.nokey (id INT, v INT)", "CREATE TABLE other.t (id INT PRIMARY KEY)",
                "CREATE TABLE app.cw_test_mark (id CHAR(32) PRIMARY KEY)",
                "INSERT INTO app.t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')",
                "INSERT INTO app.nokey VALUES (1, 1), (1, 1)"])


def begin(connection, xid, *statements):
    """Up to XA END."""
    with connection.cursor() as cursor:
        cursor.execute(f"XA START {xid}")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f"XA END {xid}")


def run(connection, *statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def many(first):
    return ["INSERT INTO app.t VALUES " + ", ".join(f"({first + at + i}, {i}, REPEAT('x', 1000))" for i in range(100))
            for at in range(0, MANY, 100)]


def prepared_rows(target):
    return target.value("SELECT COUNT(*) FROM oms.cw_xa")


def outcomes(source):
    """Each way for an XA transaction to go, small and large; all over when this returns."""
    one, two = source.connect(), source.connect()
    begin(one, "'c1'", "INSERT INTO app.t VALUES (10, 1, 'é')", "UPDATE app.t SET v = 9 WHERE id = 1",
          "DELETE FROM app.t WHERE id = 2", "INSERT INTO app.nokey VALUES (2, 2)",
          "DELETE FROM app.nokey WHERE id = 1 LIMIT 1")
    begin(two, "'gtrid with ''quote', X'00ff', 7", "INSERT INTO app.t VALUES (11, 1, NULL)")
    run(two, "XA PREPARE 'gtrid with ''quote', X'00ff', 7")
    run(one, "XA PREPARE 'c1'")
    source.sql("INSERT INTO app.t VALUES (12, 1, 'between')")
    run(two, "XA COMMIT 'gtrid with ''quote', X'00ff', 7")
    run(one, "XA COMMIT 'c1'")
    source.sql("UPDATE app.t SET v = v + 1 WHERE id IN (1, 10, 11)")
    for xid, statements, end in (("'r1'", ["DELETE FROM app.t"], "ROLLBACK"), ("'r2'", many(2000), "ROLLBACK"),
                                 ("'c2'", many(10000), "COMMIT"),
                                 ("'c3'", ["INSERT INTO app.t VALUES (13, 1, REPEAT('é', 700000))"], "COMMIT"),
                                 ("'o1'", ["INSERT INTO other.t VALUES (1)"], "COMMIT")):
        begin(one, xid, *statements)
        run(one, f"XA PREPARE {xid}", f"XA {end} {xid}")
    for xid, statements in (("'p1'", ["UPDATE app.t SET v = v + 1"]), ("'p2'", many(20000))):
        begin(one, xid, *statements)
        run(one, f"XA COMMIT {xid} ONE PHASE")
    one.close()
    two.close()


def over_restarts(daemon, project, source, target):
    """Prepared, then the worker is killed: the rows wait in the control schema, and come with the commit only."""
    names = {"'k1'": ["INSERT INTO app.t VALUES (30, 1, 'kept')", "INSERT INTO app.nokey VALUES (3, 3)"],
             "'k2'": many(30000), "'k3'": ["INSERT INTO other.t VALUES (2)"],
             "'k4'": ["INSERT INTO app.t VALUES (31, 1, 'not kept')"]}
    connections = {xid: source.connect() for xid in names}
    for xid, statements in names.items():
        begin(connections[xid], xid, *statements)
        run(connections[xid], f"XA PREPARE {xid}")
    drain(daemon, source, target)
    assert prepared_rows(target) > 4
    assert target.value("SELECT COUNT(*) FROM app.t WHERE id >= 30 AND id < 40") == 0
    daemon.kill_workers(project, INCR)
    for xid, connection in connections.items():
        run(connection, f"XA {'ROLLBACK' if xid == chr(39) + 'k4' + chr(39) else 'COMMIT'} {xid}")
        connection.close()
    drain_and_compare(daemon, source, target)
    assert prepared_rows(target) == 0


def at_fault_points(env, faults, daemon, source, target):
    """Killed with half of the parts written, and with half of the statements run."""
    connection = source.connect()
    for number, point in enumerate(("incr.xa.stored", "incr.xa.mid")):
        faults.arm(point, 2)
        begin(connection, f"'f{number}'", *many(40000 + 10000 * number))
        run(connection, f"XA PREPARE 'f{number}'", f"XA COMMIT 'f{number}'")
        drain(daemon, source, target)
        assert point not in faults.armed(), faults.armed()
    connection.close()
    drain_and_compare(daemon, source, target)
    assert prepared_rows(target) == 0


def two_phases(env, kind, target_kind):
    source, target = env.source(kind), env.target(target_kind)
    faults = Faults(env)
    make(source)
    daemon, project = start_forward(env, source, target, tree(["app"]), daemon=env.daemon(faults.arguments))
    wait_monitoring(daemon, project)
    outcomes(source)
    drain_and_compare(daemon, source, target)
    assert prepared_rows(target) == 0
    over_restarts(daemon, project, source, target)
    at_fault_points(env, faults, daemon, source, target)
    return daemon, project, source, target


@needs("mariadb", "mysql97")
@timeout(120)
def test_mysql97(env):
    two_phases(env, "mysql97", "mariadb")


@needs("mariadb", "mysql97")
@timeout(120)
def test_mariadb(env):
    two_phases(env, "mariadb", "mysql97")


@needs("mariadb", "mysql97")
@timeout(120)
def test_prepared_before_the_start(env):
    """The copy waits for what is prepared when the project starts, so that it sees the rows; its commit adds nothing."""
    for kind in ("mariadb", "mysql97"):
        source, target = env.source(kind), env.target("mariadb")
        make(source)
        connection = source.connect()
        begin(connection, "'old','é'", "INSERT INTO app.t VALUES (50, 1, 'old')")
        run(connection, "XA PREPARE 'old','é'")
        daemon, project = start_forward(env, source, target, tree(["app"]))
        daemon.wait_for(lambda: "cw_xa" in target.tables("oms") and prepared_rows(target) == 1, 60, "the copy waits")
        assert "app" not in target.databases() or target.value("SELECT COUNT(*) FROM app.t") == 0
        run(connection, "XA COMMIT 'old','é'")
        connection.close()
        wait_monitoring(daemon, project)
        source.sql("UPDATE app.t SET v = 7 WHERE id = 50")
        drain_and_compare(daemon, source, target)
        assert prepared_rows(target) == 0
        release_and_delete(daemon, project)
        daemon.stop()
        source.sql(["DROP DATABASE app", "DROP DATABASE other"])
        target.sql("DROP DATABASE app")


@needs("mariadb")
@timeout(120)
def test_commit_of_an_unknown_one(env):
    """Neither the copy nor the stream has its rows: the step stops at its commit and says so."""
    source, target = env.source("mariadb"), env.target("mariadb")
    make(source)
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    connection = source.connect()
    begin(connection, "'old'", "INSERT INTO app.t VALUES (50, 1, 'old')")
    run(connection, "XA PREPARE 'old'")
    drain(daemon, source, target)
    target.sql("DELETE FROM oms.cw_xa")      # as if it had been prepared before the start
    run(connection, "XA COMMIT 'old'")
    connection.close()
    info = wait_failed(daemon, project, INCR)
    assert "X'6f6c64',X'',1" in str(info) and "starting position" in str(info), info
    release_and_delete(daemon, project)
