"""Two-way projects: both ends are written, nothing is lost, nothing comes twice, nothing goes round."""

import re
import time

import pair_load
from common import INCR, release_and_delete
from harness import structure
from harness.daemon import ApiError
from harness.runner import needs, tags, timeout
from two_way import Pair, check_binlogs, check_silence, check_witnesses, place_witnesses

SMALL = "CREATE TABLE app.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(40), u INT NULL, UNIQUE KEY u (u))"


def small_pair(env, source="mariadb", target="mariadb", rows=20, **options):
    """A pair over one small table."""
    pair = Pair(env, env.source(source), env.target(target), **options)
    pair.source.sql(["CREATE DATABASE app", SMALL])
    pair.source.sql("INSERT INTO app.t VALUES " + ", ".join(f"({n}, 'first', {n})" for n in range(1, rows + 1)))
    return pair


def fill(pair, transactions=60):
    """Rows of both ends at the source, written before the project begins: the copy brings them over."""
    pair_load.create(pair.source, "app", pair_load.DISJOINT, pair.target.has_json and pair.source.has_json)
    for number, end in enumerate(pair_load.ENDS):
        first = pair_load.PairLoad(pair.source, "app", end, "disjoint", rate=0, threads=1, seed=900 + number,
                                   directory=f"{pair.env.dir}/fill-{end}")
        first.start().wait_committed(transactions)
        first.stop()
    return ledger(pair.source)


def ledger(server):
    return {row[0] for row in server.sql("SELECT id FROM app.ledger")}


def both_written(env, source, target, transactions):
    pair = Pair(env, env.source(source), env.target(target))
    before = fill(pair)
    pair.start()
    place_witnesses(pair)
    loads = pair.loads("disjoint", rate=300)
    for load in loads:
        load.wait_committed(transactions, timeout=200)
    for load in loads:
        load.stop()
    result = pair.settle(timeout=120)
    finish(pair, before, loads, result)


def finish(pair, before, loads, result):
    """What holds once both ends were written and have drained."""
    ids = ledger(pair.source) - before
    stats = [load.stats() for load in loads]
    assert len(ids) == sum(each["committed"] for each in stats), (len(ids), stats)
    assert ledger(pair.target) == ids | before
    check_witnesses(pair, ids)
    for way in ("ab", "ba"):
        assert pair.conflicts(way) == [] and pair.counted(way)["total"] == 0, pair.conflicts(way)[:3]
    groups = check_binlogs(pair, ids)
    rates = [f"{each['committed'] / max(each['seconds'], 1):.0f}/s" for each in stats]
    print(f"    {len(ids)} transactions ({', '.join(rates)}), {result.rows} rows equal, {groups} groups in both binlogs", flush=True)
    check_silence(pair, ["app"])


@tags("quick", "two")
@needs("mariadb")
@timeout(200)
def test_both_written_mariadb(env):
    both_written(env, "mariadb", "mariadb", 300)


@tags("two")
@needs("mysql97", "mariadb")
@timeout(300)
def test_both_written_mysql97_mariadb(env):
    both_written(env, "mysql97", "mariadb", 1000)


@tags("two")
@needs("mysql56", "mysql97")
@timeout(300)
def test_both_written_mysql56_mysql97(env):
    both_written(env, "mysql56", "mysql97", 1000)


@tags("two")
@needs("mariadb")
def test_the_other_rows_of_a_pair_without_conflicts(env):
    """What is no conflict has no record: each end changes what the other has just written."""
    pair = small_pair(env).start()
    for number in range(1, 6):
        for way, server in (("ab", pair.source), ("ba", pair.target)):
            server.sql([f"UPDATE app.t SET v = '{way} {number}' WHERE id <= 10",
                        f"DELETE FROM app.t WHERE id = {10 + number}",
                        f"INSERT INTO app.t VALUES ({10 + number}, '{way}', {10 + number})"])
            pair.drain(way)
            pair.equal()
    assert not pair.conflicts("ab") and not pair.conflicts("ba")
    pair.release()
    for server in pair.ends.values():
        assert "oms" not in server.databases(), left_behind(server)


def left_behind(server):
    """The control schema's tables that have rows, with these."""
    return {name: rows for name in server.tables("oms") if (rows := server.sql(f"SELECT * FROM oms.{name} LIMIT 3"))}


# ------------------------------------------------------------------------------------------ where the reverse begins

def early_writes(env, source, target):
    """What is written at the target before the reverse is configured, and before it is started, arrives."""
    pair = small_pair(env, source, target).start_forward()
    start = pair.daemon.wait_for(lambda: pair.daemon.project(pair.forward)["extraInfo"].get("reverseStart"), 30,
                                 "the forward project tells where the reverse will begin")
    assert start["gtid"] or (start["file"] and start["pos"]), start
    assert abs(start["timestamp"] - time.time()) < 60, start
    pair.target.sql(["UPDATE app.t SET v = 'early' WHERE id <= 5", "DELETE FROM app.t WHERE id = 6",
                     "INSERT INTO app.t VALUES (101, 'early', 101)"])
    pair.source.sql("INSERT INTO app.t VALUES (201, 'forward', 201)")
    pair.drain("ab")
    pair.target.sql("FLUSH BINARY LOGS")
    pair.target.sql("UPDATE app.t SET v = 'earlier than configure' WHERE id = 201")
    pair.configure()
    pair.target.sql("UPDATE app.t SET u = 1000 WHERE id = 7")
    assert pair.daemon.project(pair.forward)["extraInfo"]["reverseStart"] == start
    info = pair.daemon.project(pair.reverse)
    assert info["status"] == "INIT" and info["extraInfo"]["direction"] == "REVERSE", info
    pair.daemon.start_project(pair.reverse)
    pair.daemon.wait_step(pair.reverse, INCR, "MONITORING")
    pair.settle()
    assert pair.source.value("SELECT v FROM app.t WHERE id = 201") == "earlier than configure"
    assert pair.source.value("SELECT COUNT(*) FROM app.t WHERE v = 'early'") == 6
    assert not pair.conflicts("ab") and not pair.conflicts("ba")


@tags("quick", "two")
@needs("mariadb")
def test_writes_before_the_reverse_mariadb(env):
    early_writes(env, "mariadb", "mariadb")


@tags("two")
@needs("mysql97", "mariadb")
def test_writes_before_the_reverse_mysql97(env):
    early_writes(env, "mysql97", "mariadb")


@tags("two")
@needs("mysql56", "mysql97")
def test_writes_before_the_reverse_mysql56(env):
    early_writes(env, "mysql56", "mysql97")


# ------------------------------------------------------------------------------------------ growth of the binlog

def growth(env, source, target):
    """The target's binlog at 100 rows a commit: bytes of the control schema's events against all others."""
    pair = Pair(env, env.source(source), env.target(target))
    pair.source.sql(["CREATE DATABASE app",
                     "CREATE TABLE app.g (id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR(60), c DATETIME)"])
    pair.start()
    connection = pair.source.connect(db="app", autocommit=False)
    began = time.monotonic()
    with connection.cursor() as cursor:
        for first in range(0, 30000, 100):
            cursor.execute("INSERT INTO g VALUES " + ", ".join(
                f"({n}, {n % 7}, 'a row of an ordinary size {n}', '2024-01-01 10:00:00')" for n in range(first, first + 100)))
            connection.commit()
        for first in range(0, 30000, 200):
            cursor.execute(f"UPDATE g SET a = a + 1 WHERE id >= {first} AND id < {first + 100}")
            connection.commit()
    connection.close()
    pair.drain("ab")
    pair.equal()
    seconds = time.monotonic() - began
    ours = theirs = marks = transactions = 0
    for group in pair.groups("b"):
        lanes = group.lanes() if group.users() else 0
        assert lanes <= 1 and (lanes == 0 or group.marked()), group
        own = all(row.table.startswith("oms.") for row in group.rows)
        total = sum(group.sizes.values())
        # a group of control rows alone is ours altogether; else what its control rows take
        part = total if group.rows and own else group.sizes.get("oms", 0)
        ours, theirs, marks = ours + part, theirs + total - part, marks + lanes
        transactions += 0 if own else 1
    source_bytes = sum(sum(group.sizes.values()) for group in pair.groups("a") if group.users())
    print(f"    {transactions} transactions, {marks} marks; {theirs} bytes without ours, {ours} ours in {seconds:.1f} s:"
          f" {(ours + theirs) / theirs:.3f} times; the source's own {source_bytes}", flush=True)
    assert transactions >= 20 and (ours + theirs) / theirs <= 1.2, (ours, theirs)


@tags("two")
@needs("mariadb")
def test_binlog_growth_mariadb(env):
    growth(env, "mariadb", "mariadb")


@tags("two")
@needs("mysql56", "mysql97")
def test_binlog_growth_mysql97(env):
    growth(env, "mysql56", "mysql97")


# ------------------------------------------------------------------------------------------ DDL

def ddl_both_written(env, source, target):
    """DDL goes forward once, and not back; a new table's rows go both ways."""
    pair = Pair(env, env.source(source), env.target(target), ddl=["ALTER_TABLE", "CREATE_TABLE"])
    before = fill(pair)
    pair.start()
    loads = pair.loads("disjoint", rate=60, threads=2)
    for load in loads:
        load.wait_committed(30)
    pair.source.sql(["ALTER TABLE t_auto ADD COLUMN extra INT NOT NULL DEFAULT 7",
                     "CREATE TABLE t_new (id INT NOT NULL PRIMARY KEY, v VARCHAR(20))",
                     "INSERT INTO t_new VALUES (2, 'source')"], db="app")
    pair.drain("ab")
    pair.target.sql(["INSERT INTO t_new VALUES (3, 'target')", "UPDATE t_new SET v = 'seen' WHERE id = 2",
                     "INSERT INTO t_auto (id, val, extra) VALUES (8000000000001, 1, 70)"], db="app")
    pair.source.sql("ALTER TABLE t_new ADD COLUMN more TEXT FIRST", db="app")
    for load in loads:
        load.wait_committed(30)
    pair.drain_both()
    pair.target.sql("UPDATE t_new SET more = 'both' WHERE id = 3", db="app")
    for load in loads:
        load.stop()
    pair.settle(timeout=120)
    structure.assert_same(pair.source, pair.target, {"app": "app"})
    assert pair.source.value("SELECT v FROM app.t_new WHERE id = 2") == "seen"
    assert pair.source.value("SELECT more FROM app.t_new WHERE id = 3") == "both"
    for pattern in ("ALTER TABLE.*extra", "CREATE TABLE.*t_new", "ALTER TABLE.*more"):
        for end in pair.ends:
            found = [text for group in pair.groups(end) for text in group.statements if re.match(pattern, text, re.I)]
            assert len(found) == 1, f"{pattern} at {end}: {found}"
    assert not pair.conflicts("ab") and not pair.conflicts("ba")
    check_binlogs(pair, ledger(pair.source) - before)


@tags("two", "ddl")
@needs("mariadb")
def test_ddl_mariadb(env):
    ddl_both_written(env, "mariadb", "mariadb")


@tags("two", "ddl")
@needs("mysql97", "mariadb")
def test_ddl_mysql97_mariadb(env):
    ddl_both_written(env, "mysql97", "mariadb")


# ------------------------------------------------------------------------------------------ one stops, the other goes on

@tags("two")
@needs("mariadb")
def test_a_stopped_direction_does_not_stop_the_other(env):
    pair = small_pair(env).start()
    for stopped, going in (("ba", "ab"), ("ab", "ba")):
        pair.stop(stopped)
        for number in range(3):
            pair.ends[going[0]].sql(f"INSERT INTO app.t VALUES ({300 + number}, 'one {going}', {300 + number})")
            pair.drain(going)
        pair.ends[stopped[0]].sql("INSERT INTO app.t VALUES (400, 'waits', 400)")
        pair.drain(going)
        assert not pair.ends[stopped[1]].value("SELECT COUNT(*) FROM app.t WHERE id = 400")
        pair.resume(stopped)
        pair.going(stopped)
        pair.settle()
        pair.source.sql("DELETE FROM app.t WHERE id >= 300")
        pair.settle()
    assert not pair.conflicts("ab") and not pair.conflicts("ba")


@tags("two")
@needs("mysql97", "mariadb")
def test_a_conflict_stops_one_direction_until_it_is_decided(env):
    """FAIL: its record is there while the step stands; another strategy and Resume go on, and it is one record."""
    pair = small_pair(env, "mysql97", "mariadb").start()
    pair.at_once("UPDATE app.t SET v = 'from source' WHERE id = 3", "UPDATE app.t SET v = 'from target' WHERE id = 3")
    for way in ("ab", "ba"):
        pair.daemon.wait_project(pair.project(way), "FAILED")
        error = str(pair.step(way)["extraInfo"])
        assert "ROW_DIFFERS" in error and "app.t" in error and "ListConflictRecords" in error, error
        row = pair.wait_conflicts(way, 1)[0]
        assert (row["kind"], row["decision"], row["key"]) == ("ROW_DIFFERS", "FAILED", {"id": "3"}), row
        assert row["before"]["v"] == "first" and row["target"][0]["v"] == row["after"]["v"].replace(
            "source", "x").replace("target", "source").replace("x", "target"), row
    # neither moves by itself, nor does a second record come when it is tried again
    pair.resume("ab")
    pair.daemon.wait_project(pair.forward, "FAILED")
    assert len(pair.conflicts("ab")) == 1
    for way, strategy in (("ba", "IGNORE"), ("ab", "OVERWRITE")):
        config = dict(pair.daemon.project(pair.project(way))["incrTransferConfig"], conflictStrategy=strategy)
        pair.daemon.call("UpdateProjectConfig", {"id": pair.project(way), "incrTransferConfig": config})
        pair.resume(way)
        pair.going(way)
    pair.settle(rounds=3)
    assert pair.target.value("SELECT v FROM app.t WHERE id = 3") == "from source"
    for way, decision in (("ab", "OVERWRITTEN"), ("ba", "IGNORED")):
        row = pair.wait_conflicts(way, 1)[0]
        assert (row["kind"], row["decision"]) == ("ROW_DIFFERS", decision), row


@tags("two")
@needs("mariadb")
def test_a_failed_direction_does_not_stop_the_other(env):
    pair = small_pair(env)
    pair.start(conflictStrategy="FAIL")
    pair.stop("ab")
    pair.target.sql("INSERT INTO app.t VALUES (50, 'target', 50)")
    pair.drain("ba")
    pair.source.sql("DELETE FROM app.t WHERE id = 50")          # the target's row is changed before this arrives
    pair.target.sql("UPDATE app.t SET v = 'changed' WHERE id = 50")
    pair.daemon.wait_project(pair.reverse, "FAILED")
    assert [row["kind"] for row in pair.wait_conflicts("ba", 1)] == ["UPDATE_MISSING"]
    pair.resume("ab")
    pair.daemon.wait_project(pair.forward, "FAILED")            # the other half of the same conflict
    assert [row["kind"] for row in pair.wait_conflicts("ab", 1)] == ["ROW_DIFFERS"]
    config = dict(pair.daemon.project(pair.forward)["incrTransferConfig"], conflictStrategy="OVERWRITE")
    pair.daemon.call("UpdateProjectConfig", {"id": pair.forward, "incrTransferConfig": config})
    pair.resume("ab")
    for number in range(3):
        pair.source.sql(f"INSERT INTO app.t VALUES ({60 + number}, 'on it goes', {60 + number})")
        pair.drain("ab")
    assert pair.daemon.project(pair.reverse)["status"] == "FAILED"
    config = dict(pair.daemon.project(pair.reverse)["incrTransferConfig"], conflictStrategy="IGNORE")
    pair.daemon.call("UpdateProjectConfig", {"id": pair.reverse, "incrTransferConfig": config})
    pair.resume("ba")
    pair.settle(rounds=3)


# ------------------------------------------------------------------------------------------ what is not carried

@tags("two")
@needs("mysql97", "mariadb")
def test_transactions_that_a_person_keeps_at_one_end(env):
    pair = small_pair(env, "mysql97", "mariadb").start()
    mask = "INSERT INTO oms.cw_mask (id) VALUES (CONNECTION_ID() MOD 1000) ON DUPLICATE KEY UPDATE n = n + 1"
    for way in ("ab", "ba"):
        pair.ends[way[0]].sql(["BEGIN", mask, "INSERT INTO app.t VALUES (77, 'stays here', 77)", "COMMIT"])
        pair.drain(way)
        assert not pair.ends[way[1]].value("SELECT COUNT(*) FROM app.t WHERE id = 77")
        pair.ends[way[0]].sql(["BEGIN", mask, "DELETE FROM app.t WHERE id = 77", "COMMIT"])
    pair.settle()
    assert not pair.conflicts("ab") and not pair.conflicts("ba")


@tags("two")
@needs("mariadb")
def test_reverse_is_released_before_forward(env):
    pair = small_pair(env).start()
    pair.stop("ab")
    try:
        pair.daemon.call("ReleaseProject", {"id": pair.forward})
        raise AssertionError("the forward project was released before the reverse one")
    except ApiError as error:
        assert "reverse" in error.message.lower(), error
    release_and_delete(pair.daemon, pair.reverse)
    pair.resume("ab")
    pair.source.sql("INSERT INTO app.t VALUES (500, 'one way again', 500)")
    pair.drain("ab")
    pair.equal()
    release_and_delete(pair.daemon, pair.forward)


