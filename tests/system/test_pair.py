"""Marks and paths: who wrote what is told by the binlog, chains and rings neither loop nor lose."""

import time

import binlog_reader
from common import (Faults, assert_equal_soon, prepare, start_forward, tree, wait_failed, wait_for, wait_monitoring)
from harness.runner import needs, timeout

TABLE = "CREATE TABLE ring.t (id BIGINT NOT NULL PRIMARY KEY, who VARCHAR(10) NOT NULL, n INT NOT NULL)"


def replica_like(kind):
    """Servers that can be read from: MySQL has it by default."""
    return ["--log-slave-updates=ON"] if kind == "mariadb" else []


def node(server):
    return server.value("SELECT node FROM oms.cw_node").decode()


def link(env, daemon, source, target, first, db="ring"):
    """A one-way project; `first`: with structure and copy."""
    _, project = start_forward(env, source, target, tree([db]), daemon, struct=first, full=first)
    wait_monitoring(daemon, project)
    return project


def write(server, who, first, count):
    """Rows of its own, each changed once, in transactions of several statements."""
    for number in range(first, first + count):
        server.sql(["BEGIN", f"INSERT INTO ring.t VALUES ({number}, '{who}', 0)",
                    f"UPDATE ring.t SET n = n + 1 WHERE id = {number}", "COMMIT"])


def rows(server):
    return server.sql("SELECT id, who, n FROM ring.t ORDER BY id")


def user_events(server, since):
    """{(kind, table, id): how often} of users' rows in the binlog."""
    seen = {}
    for group in binlog_reader.groups(server, since, images=["ring.t"]):
        for row in group.users():
            key = row.kind, (row.after or row.before or {}).get(1)
            seen[key] = seen.get(key, 0) + 1
    return seen


def assert_marked_first(server, since, own):
    """Of a server that one project writes to: each group with users' rows that are not its own begins with one mark."""
    for group in binlog_reader.groups(server, since, images=["ring.t"]):
        mine = [row for row in group.users() if (row.after or row.before).get(2) == own]
        if group.users() and not mine:
            assert group.marked() and group.lanes() == 1, (server, group)
        if mine and len(mine) == len(group.users()) and group.marked():
            raise AssertionError(f"{server}: its own rows came back: {group}")


def assert_silent(daemon, servers, seconds=4):
    """Nothing is written to users' tables any more: binlogs grow by checkpoints at most."""
    def events():
        return [sum(len(group.users()) for group in binlog_reader.groups(server)) for server in servers]
    before = events()
    until = time.monotonic() + seconds
    daemon.wait_for(lambda: time.monotonic() > until, seconds + 5, "a while has passed")
    assert events() == before


def ring(env, kinds):
    servers = [env.private_server(kind, replica_like(kind), name=f"r{number}") for number, kind in enumerate(kinds)]
    a, b, c = servers
    daemon = env.daemon()
    a.sql(["CREATE DATABASE ring", TABLE, "INSERT INTO ring.t VALUES (1, 'first', 0)"])
    link(env, daemon, a, b, True)
    link(env, daemon, b, c, True)
    link(env, daemon, c, a, False)
    since = [binlog_reader.here(server) for server in servers]
    count = 30
    for number, server in enumerate(servers):
        write(server, "abc"[number], 1000 * (number + 1), count)
    wait_for(lambda: all(server.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 3 * count for server in servers), 60,
             "each row is everywhere", context=daemon.explain)
    assert_silent(daemon, servers)
    assert rows(a) == rows(b) == rows(c) and len(rows(a)) == 3 * count + 1
    for number, (server, file, own) in enumerate(zip(servers, since, "abc")):
        seen = user_events(server, file)
        # each row is inserted once; its change comes with it (folded) or behind it, here as two
        keys = {kind: sorted(key for one, key in seen if one == kind) for kind in ("INSERT", "UPDATE", "DELETE")}
        all_keys = sorted(str(1000 * (who + 1) + n) for who in range(3) for n in range(count))
        mine = {str(1000 * (number + 1) + n) for n in range(count)}
        assert set(seen.values()) == {1} and keys["INSERT"] == all_keys and not keys["DELETE"], (server, seen)
        assert mine <= set(keys["UPDATE"]) <= set(all_keys), (server, seen)
        assert_marked_first(server, file, own)
    return daemon, servers


@needs("mariadb")
@timeout(300)
def test_ring_of_mariadb(env):
    """A to B to C to A: what each writes arrives at the others once, and then it is silent."""
    ring(env, ["mariadb", "mariadb", "mariadb"])


@needs("mariadb", "mysql97", "mysql56")
@timeout(400)
def test_ring_of_kinds(env):
    ring(env, ["mysql56", "mysql97", "mariadb"])


@needs("mariadb")
@timeout(300)
def test_chain_and_paths(env):
    """A to B to C with live writes at A and B: C has both, and the paths at C tell where each has been."""
    a, b, c = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "abc")
    prepare(a, b, rows=300)
    daemon = env.daemon()
    link(env, daemon, a, b, True, db="app")
    link(env, daemon, b, c, True, db="app")
    load = env.load(a, "app", rate=60)
    since = binlog_reader.here(c)
    load.wait_committed(200)
    b.sql("INSERT INTO app.cw_test_mark VALUES (REPEAT('b', 32))")
    load.stop()
    a.sql("INSERT INTO app.cw_test_mark VALUES (REPEAT('a', 32))")
    wait_for(lambda: c.value("SELECT COUNT(*) FROM app.cw_test_mark") == 2, 60, "both marks are at C",
             context=daemon.explain)
    assert_equal_soon(b, c, {"app": "app"})
    assert "oms" not in a.databases()
    (name,) = paths(b, None)                # A has no control schema: it is called by its server's identity
    assert name.startswith("~") and len(name) == 9, name
    assert paths(c, since) == {f"{name},{node(b)}", node(b)}, paths(c, since)
    mesh = daemon.create_project(a, c, tree(["app"]), common={"activeActive": True})
    daemon.start_project(mesh)
    wait_failed(daemon, mesh, "TRANSFER_PRECHECK", 90)
    items = checks(daemon, mesh)
    found = items["LOOP_TOPOLOGY/DEST"]
    assert found["status"] == "FAILED" and f"{name},{node(b)}" in found["message"], found


def paths(server, since):
    """The paths of marked transactions with users' rows; each has one mark, and it comes first."""
    found = set()
    for group in binlog_reader.groups(server, since, images=["oms.cw_lane"]):
        assert group.lanes() == 0 or not group.users() or (group.marked() and group.lanes() == 1), group
        if group.users() and group.marked():
            found.add(group.rows[0].after[7])
    return found


def mask(server):
    return "INSERT INTO oms.cw_mask (id) VALUES (CONNECTION_ID() MOD 1000) ON DUPLICATE KEY UPDATE n = n + 1"


@needs("mariadb")
@timeout(200)
def test_masked_transaction_is_not_carried(env):
    a, b, c = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "abc")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon = env.daemon()
    link(env, daemon, a, b, True)
    link(env, daemon, b, c, True)
    b.sql(["BEGIN", mask(b), "INSERT INTO ring.t VALUES (1, 'masked', 0)", "COMMIT", "BEGIN",
           "INSERT INTO ring.t VALUES (2, 'plain', 0)", "COMMIT", "BEGIN", mask(b),
           "INSERT INTO ring.t VALUES (3, 'masked', 0)", "COMMIT", "INSERT INTO ring.t VALUES (4, 'plain', 0)"])
    wait_for(lambda: c.value("SELECT COUNT(*) FROM ring.t WHERE id = 4"), 30, "what follows is at C",
             context=daemon.explain)
    assert [row[0] for row in rows(c)] == [2, 4]
    assert [row[0] for row in rows(b)] == [1, 2, 3, 4]


def two_way(env, source, target, db="ring", daemon=None, **common):
    """The forward project of a pair in its steady state."""
    daemon = daemon or env.daemon()
    project = daemon.create_project(source, target, tree([db]), common={"activeActive": True, **common})
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    return daemon, project


def info(daemon, project):
    return daemon.steps(project)["INCR_TRANSFER"]["stepInfo"] or {}


def back_and_forth(env, kinds):
    a, b = (env.private_server(kind, replica_like(kind), name=name) for kind, name in zip(kinds, "ab"))
    a.sql(["CREATE DATABASE ring", TABLE, "INSERT INTO ring.t VALUES (1, 'first', 0)"])
    daemon, forward = two_way(env, a, b)
    b.sql("INSERT INTO ring.t VALUES (2, 'b', 0)")      # before the reverse project exists
    reverse = daemon.call("ConfigureReverseProject", {"id": forward})
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    wait_for(lambda: a.value("SELECT COUNT(*) FROM ring.t WHERE id = 2"), 60,
             "what B wrote before the reverse was configured is at A", context=daemon.explain)
    since = [binlog_reader.here(server) for server in (a, b)]
    write(a, "a", 1000, 30)
    write(b, "b", 2000, 30)
    wait_for(lambda: all(server.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 60 for server in (a, b)), 60,
             "each row is at both ends", context=daemon.explain)
    assert_silent(daemon, (a, b))
    assert rows(a) == rows(b)
    for server, file, own in zip((a, b), since, "ab"):
        seen = user_events(server, file)
        assert len(seen) == 120 and set(seen.values()) == {1}, (server, seen)
        assert_marked_first(server, file, own)
    for project in (forward, reverse):
        daemon.wait_for(lambda p=project: info(daemon, p).get("canary", {}).get("met", 0) > 0, 60,
                        "the probe of the loop breaker was met")
    # a table made by forward DDL sync is not asked for here: the marks of its rows are test_two_way's matter
    return daemon, forward, reverse


@needs("mariadb")
@timeout(300)
def test_two_ways_mariadb(env):
    back_and_forth(env, ["mariadb", "mariadb"])


@needs("mysql97", "mariadb")
@timeout(300)
def test_two_ways_mysql97_mariadb(env):
    back_and_forth(env, ["mysql97", "mariadb"])


@needs("mysql56", "mysql97")
@timeout(300)
def test_two_ways_mysql56_mysql97(env):
    back_and_forth(env, ["mysql56", "mysql97"])


MASK = "INSERT INTO oms.cw_mask (id) VALUES (CONNECTION_ID() MOD 1000) ON DUPLICATE KEY UPDATE n = n + 1"
LARGE = 7000                # rows: more than are held back, so it is streamed


def prepared(server, name, *statements):
    """An XA transaction, to its commit."""
    server.sql([f"XA START '{name}'", *statements, f"XA END '{name}'", f"XA PREPARE '{name}'", f"XA COMMIT '{name}'"])


@needs("mysql97", "mariadb")
@timeout(300)
def test_marks_in_compressed_large_and_xa_transactions(env):
    """Compressed payloads at one end, compressed events at the other: all are carried once, what is masked is not."""
    a = env.private_server("mysql97", ["--binlog-transaction-compression=ON"], name="a")
    b = env.private_server("mariadb", [*replica_like("mariadb"), "--log-bin-compress=ON", "--log-bin-compress-min-len=10"], name="b")
    a.sql(["CREATE DATABASE ring", TABLE, "INSERT INTO ring.t VALUES (1, 'first', 0)"])
    daemon, forward = two_way(env, a, b)
    reverse = daemon.call("ConfigureReverseProject", {"id": forward})
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    since = [binlog_reader.here(server) for server in (a, b)]
    for server, who, first in ((a, "a", 100000), (b, "b", 200000)):
        server.sql(["BEGIN", *(f"INSERT INTO ring.t VALUES " + ", ".join(f"({n}, '{who}', 1)" for n in range(at, at + 1000))
                               for at in range(first, first + LARGE, 1000)), "COMMIT"])
        prepared(server, who, f"INSERT INTO ring.t VALUES ({first - 1}, '{who}', 1)")
        prepared(server, f"{who}m", MASK, f"INSERT INTO ring.t VALUES ({first - 2}, 'masked', 1)")
        server.sql(["BEGIN", MASK, f"INSERT INTO ring.t VALUES ({first - 3}, 'masked', 1)", "COMMIT"])
        write(server, who, first - 50, 10)
    wait_for(lambda: all(server.value("SELECT COUNT(*) FROM ring.t WHERE who IN ('a', 'b') AND n = 1") == 2 * (LARGE + 11)
                         for server in (a, b)), 120, "each row is at both ends", context=daemon.explain)
    assert_silent(daemon, (a, b))
    query = "SELECT id, who, n FROM ring.t WHERE who <> 'masked' ORDER BY id"
    assert a.sql(query) == b.sql(query)
    for server, file, masked in zip((a, b), since, ((99997, 99998), (199997, 199998))):
        assert tuple(row[0] for row in server.sql("SELECT id FROM ring.t WHERE who = 'masked' ORDER BY id")) == masked
        assert set(user_events(server, file).values()) == {1}


@needs("mariadb")
@timeout(200)
def test_canary_without_its_mark_stops(env):
    a, b = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "ab")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon, project = two_way(env, a, b)
    daemon.wait_for(lambda: info(daemon, project).get("canary", {}).get("met", 0) > 0, 60, "a probe was met")
    task = a.value("SELECT task FROM oms.cw_canary WHERE task LIKE '%%/canary'").decode()
    a.sql("UPDATE oms.cw_canary SET n = n + 1 WHERE task = %s", [task])     # as if its mark had been filtered
    extra = wait_failed(daemon, project, "INCR_TRANSFER")
    assert extra["errorCode"] == "CAUSEWAY-LOOP00000001" and "without its mark" in extra["errorMsg"], extra


@needs("mariadb")
@timeout(200)
def test_rogue_writer_is_told(env):
    a, b = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "ab")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon = env.daemon()
    project = link(env, daemon, a, b, True)
    b.sql(["CREATE DATABASE other", "CREATE TABLE other.t (id INT PRIMARY KEY)"])
    write(a, "a", 100, 20)                                  # ours: never rogue
    wait_for(lambda: b.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 20, 30, "the rows are at B",
             context=daemon.explain)
    b.sql(["INSERT INTO other.t VALUES (1)",                # not of the project
           "BEGIN", mask(b), "INSERT INTO ring.t VALUES (7, 'masked', 0)", "COMMIT"])
    b.sql("INSERT INTO ring.t VALUES (8, 'rogue', 0), (9, 'rogue', 0)")
    daemon.wait_for(lambda: info(daemon, project).get("rogueWriters"), 60, "the rogue writer is told")
    (one,) = info(daemon, project)["rogueWriters"]
    assert one["table"] == "ring.t" and one["rows"] == 2, one
    assert one["file"].startswith("bin.") and one["pos"] > 4, one


def checks(daemon, project):
    """{"check type/end": item} of the precheck that ran last."""
    result = daemon.call("GetPreCheckResult", {"id": project})
    return {f"{item['checkType']}/{item['endpointType']}": item for item in result["preCheckResults"]}


PAIR_ITEMS = ("LOOP_PROBE/SOURCE", "LOOP_PROBE/DEST", "LOOP_TOPOLOGY/SOURCE", "LOOP_TOPOLOGY/DEST",
              "FOREIGN_MARKERS/SOURCE", "FOREIGN_MARKERS/DEST", "AUTO_INCREMENT/DEST", "PAIR_KEYS/SOURCE",
              "CONFLICT_STRATEGY/DEST", "CONTROL_SCHEMA/SOURCE", "BINLOG_FORMAT/DEST")


@needs("mariadb")
@timeout(300)
def test_precheck_of_two_ways(env):
    """A pair that is fine; then each thing that is not, named; none of it is looked at in a one-way project."""
    a, b = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "ab")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon, project = two_way(env, a, b)
    items = checks(daemon, project)
    assert [items[name]["status"] for name in PAIR_ITEMS] == ["PASSED"] * len(PAIR_ITEMS), items

    write(a, "a", 1, 5)
    wait_for(lambda: b.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 5, 30, "marks", context=daemon.explain)
    for server in (a, b):
        server.sql("CREATE DATABASE more")
    a.sql(["CREATE TABLE more.keyless (v INT)", "CREATE TABLE more.numbered (id INT PRIMARY KEY AUTO_INCREMENT)"])
    b.sql(["CREATE DATABASE drc_txn", "SET GLOBAL binlog_row_image = 'MINIMAL'"])
    second = daemon.create_project(a, b, tree(["more"]), common={"activeActive": True})
    daemon.start_project(second)
    wait_failed(daemon, second, "TRANSFER_PRECHECK", 90)
    items = checks(daemon, second)
    assert items["PAIR_KEYS/SOURCE"]["status"] == "FAILED" and "more.keyless" in items["PAIR_KEYS/SOURCE"]["message"]
    assert items["BINLOG_ROW_IMAGE/DEST"]["status"] == "FAILED", items["BINLOG_ROW_IMAGE/DEST"]
    assert items["LOOP_TOPOLOGY/DEST"]["status"] == "PASSED", "two projects of the same servers are no mesh"
    assert items["AUTO_INCREMENT/DEST"]["status"] == "WARNING", items["AUTO_INCREMENT/DEST"]
    assert items["FOREIGN_MARKERS/DEST"]["status"] == "WARNING" and "OMS or DRC" in items["FOREIGN_MARKERS/DEST"]["message"]
    assert items["FOREIGN_MARKERS/SOURCE"]["status"] == "PASSED", items["FOREIGN_MARKERS/SOURCE"]

    b.sql("SET GLOBAL binlog_row_image = 'FULL'")
    third = daemon.create_project(a, b, tree(["more"]))
    daemon.start_project(third)
    daemon.wait_for(lambda: daemon.steps(third)["TRANSFER_PRECHECK"]["status"] == "FINISHED", 90, "the precheck ends")
    assert not set(PAIR_ITEMS) & set(checks(daemon, third)), checks(daemon, third)


@needs("mariadb")
@timeout(200)
def test_precheck_finds_a_hidden_control_schema(env):
    """The control schema is kept out of the target's binlog: marks would be missed, and the probe shows it."""
    a = env.private_server("mariadb", replica_like("mariadb"), name="a")
    b = env.private_server("mariadb", [*replica_like("mariadb"), "--binlog-ignore-db=oms"], name="b")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon = env.daemon()
    project = daemon.create_project(a, b, tree(["ring"]), common={"activeActive": True})
    daemon.start_project(project)
    wait_failed(daemon, project, "TRANSFER_PRECHECK", 90)
    items = checks(daemon, project)
    assert items["LOOP_PROBE/SOURCE"]["status"] == "PASSED", items["LOOP_PROBE/SOURCE"]
    assert items["LOOP_PROBE/DEST"]["status"] == "FAILED", items["LOOP_PROBE/DEST"]


@needs("mariadb")
@timeout(200)
def test_layout_2_is_brought_to_4(env):
    """A control schema as the version before left it is changed in place, and the project goes on."""
    a, b = env.source("mariadb"), env.target("mariadb")
    a.sql(["CREATE DATABASE ring", TABLE])
    daemon = env.daemon()
    project = link(env, daemon, a, b, True)
    write(a, "a", 1, 5)
    wait_for(lambda: b.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 5, 30, "rows before", context=daemon.explain)
    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 20, "the workers have stopped")
    new = ("cw_node", "cw_link", "cw_mask", "cw_canary", "cw_conflict", "cw_remedy", "cw_index")
    b.sql([*(f"DROP TABLE oms.{name}" for name in new), "UPDATE oms.cw_lane SET origin = ''",
           "ALTER TABLE oms.cw_lane MODIFY origin VARBINARY(64) NOT NULL DEFAULT ''",
           "UPDATE oms.cw_meta SET value = '2' WHERE name = 'layout'"])
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    write(a, "a", 100, 5)
    wait_for(lambda: b.value("SELECT COUNT(*) FROM ring.t WHERE n = 1") == 10, 30, "rows behind", context=daemon.explain)
    assert b.value("SELECT value FROM oms.cw_meta WHERE name = 'layout'") == b"4"
    assert set(new) <= set(b.tables("oms"))
    assert b.value("SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'oms'"
                   " AND TABLE_NAME = 'cw_lane' AND COLUMN_NAME = 'origin'") == 255
    assert len(node(b)) == 8


@needs("mariadb")
@timeout(300)
def test_killed_while_noting_the_turn(env):
    """Wherever the forward worker is killed, the reverse begins where the target was before anything was applied."""
    a, b = (env.private_server("mariadb", replica_like("mariadb"), name=name) for name in "ab")
    a.sql(["CREATE DATABASE ring", TABLE, "INSERT INTO ring.t VALUES (1, 'first', 0)"])
    faults = Faults(env)
    daemon = env.daemon(faults.arguments)
    for point in ("incr.turn.before", "incr.turn.mid", "incr.canary.before"):
        faults.arm(point)
    _, forward = two_way(env, a, b, daemon=daemon)
    daemon.wait_for(lambda: not faults.armed(), 60, "each point was passed")
    wait_monitoring(daemon, forward)
    write(a, "a", 100, 5)
    b.sql("INSERT INTO ring.t VALUES (2, 'b', 0)")
    daemon.wait_for(lambda: daemon.workers(forward, "INCR_TRANSFER"), 60, "the worker that was killed last is back")
    reverse = daemon.call("ConfigureReverseProject", {"id": forward})
    faults.arm("relay.start.before_schema")
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    assert not faults.armed()
    wait_for(lambda: a.value("SELECT COUNT(*) FROM ring.t WHERE id = 2"), 60, "B's row is at A", context=daemon.explain)
    wait_for(lambda: rows(a) == rows(b), 30, "the ends are equal", context=daemon.explain)
    assert len(rows(a)) == 7 and all(row[2] == 1 for row in rows(a) if row[1] == "a"), rows(a)
