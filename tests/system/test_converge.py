"""The same rows are written at both ends: OVERWRITE one way and IGNORE the other make them equal in the end, and every
version that was lost is in the records, each conflict once."""

import collections

import pair_load
from ddl_steps import scale
from harness.runner import needs, tags, timeout
from two_way import COMPLEMENT, Fire, Pair, Versions, check_silence

KINDS = {"INSERT_EXISTS", "UPDATE_MISSING", "DELETE_MISSING", "UPDATE_UNIQUE", "ROW_DIFFERS"}
ROUNDS = 5                      # of marks both ways until what a conflict has set going is done


def converge(env, source, target, strategy, seed, kills=0):
    """Rounds in which the ends drift apart while both directions are stopped, and then are written on while the two
    catch up; with kills, under fire. Writing goes on at both ends all the time."""
    rounds = scale(20, 3)
    pair = Pair(env, env.source(source), env.target(target), ["hot"], strategy=strategy)
    pair_load.create(pair.source, "hot", pair_load.CLASH)
    pair.start()
    told = pair.daemon.project(pair.reverse)["incrTransferConfig"]
    assert (told["conflictStrategy"], told["conflictDetection"]) == (COMPLEMENT[strategy], "ROW"), told
    loads = pair.loads("clash", db="hot", rate=60, threads=3, seed=seed)
    victims = collections.Counter()
    for number in range(rounds):
        for way in ("ab", "ba"):
            pair.stop(way)
        write(loads, 40)
        for way in ("ba", "ab") if number % 2 else ("ab", "ba"):
            pair.resume(way)
        if kills:
            fire = Fire(pair, seed + number, 1.5).start()
            fire.wait(-(-kills // rounds), 120)
            victims.update(fire.victims)
        for way in ("ab", "ba"):
            pair.going(way)
        write(loads, 40)
    for load in loads:
        load.stop()
    if kills:
        print(f"    {sum(victims.values())} kills: {dict(victims)}", flush=True)
    result = pair.settle(rounds=ROUNDS, timeout=120)
    lost = judge(pair)
    print(f"    {result.rows} rows equal, {sum(load.stats()['committed'] for load in loads)} transactions,"
          f" {lost} versions are in the records only", flush=True)
    check_silence(pair, ["hot"])


def write(loads, transactions):
    for load in loads:
        load.wait_committed(transactions)


def judge(pair):
    """Both directions' records against what the binlogs say. Returns the number of lost versions."""
    records = {}
    for way in ("ab", "ba"):
        def all_told(way=way):
            records[way] = pair.conflicts(way)
            return len(records[way]) == pair.counted(way)["total"]
        pair.daemon.wait_for(all_told, 30, lambda way=way: f"{way}: {len(records[way])} records, {pair.counted(way)} counted")
        kinds = collections.Counter((row["kind"], row["decision"]) for row in records[way])
        print(f"    {way}: {dict(kinds)}", flush=True)
    wanted = {"ab": "OVERWRITTEN", "ba": "IGNORED"}
    if pair.config["conflictStrategy"] == "IGNORE":
        wanted = {"ab": "IGNORED", "ba": "OVERWRITTEN"}
    for way, rows in records.items():
        strange = [row for row in rows if row["decision"] != wanted[way]]
        assert not strange, strange[:3]
    missing = KINDS - {row["kind"] for rows in records.values() for row in rows}
    assert not missing, f"the test met no conflict of kind {missing}"
    versions = Versions(pair, "hot", pair_load.CLASH)
    lost = versions.check(records)
    # the check itself: it notices when one record is missing
    way = "ba" if wanted["ba"] == "IGNORED" else "ab"
    forgotten = next(row for row in records[way] if row["after"])
    try:
        versions.check(dict(records, **{way: [row for row in records[way] if row is not forgotten]}))
    except AssertionError:
        return lost
    raise AssertionError(f"a missing record goes unnoticed: {forgotten}")


@tags("two")
@needs("mariadb")
@timeout(400)
def test_source_wins_mariadb(env):
    converge(env, "mariadb", "mariadb", "OVERWRITE", 31)


@tags("two")
@needs("mariadb")
@timeout(400)
def test_target_wins_mariadb(env):
    converge(env, "mariadb", "mariadb", "IGNORE", 32)


@tags("two")
@needs("mysql97", "mariadb")
@timeout(400)
def test_source_wins_mysql97_mariadb(env):
    converge(env, "mysql97", "mariadb", "OVERWRITE", 33)


@tags("two")
@needs("mysql56", "mysql97")
@timeout(400)
def test_target_wins_mysql56_mysql97(env):
    converge(env, "mysql56", "mysql97", "IGNORE", 34)


@tags("two", "kill")
@needs("mariadb")
@timeout(600)
def test_source_wins_under_fire(env):
    converge(env, "mariadb", "mariadb", "OVERWRITE", 35, kills=scale(30, 6))


@tags("two", "kill")
@needs("mysql97", "mariadb")
@timeout(600)
def test_target_wins_under_fire(env):
    converge(env, "mysql97", "mariadb", "IGNORE", 36, kills=scale(30, 6))


@tags("two", "quick")
@needs("mariadb")
def test_one_of_each(env):
    """Both halves of a conflict, one kind after the other, made on purpose."""
    pair = Pair(env, env.source("mariadb"), env.target("mariadb"), strategy="OVERWRITE")
    pair.source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(40), u INT NOT NULL,"
                     " UNIQUE KEY u (u))", "INSERT INTO app.t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (4, 'four', 4)"])
    pair.start()
    seen = {"ab": 0, "ba": 0}
    for here, there, forward, reverse in (
            ("UPDATE app.t SET v = 'source' WHERE id = 1", "UPDATE app.t SET v = 'target' WHERE id = 1",
             ["ROW_DIFFERS"], ["ROW_DIFFERS"]),
            ("INSERT INTO app.t VALUES (5, 'source', 50)", "INSERT INTO app.t VALUES (5, 'target', 51)",
             ["INSERT_EXISTS"], ["INSERT_EXISTS"]),
            ("INSERT INTO app.t VALUES (6, 'source', 60)", "INSERT INTO app.t VALUES (7, 'target', 60)",
             ["INSERT_EXISTS"], ["INSERT_EXISTS"]),
            ("UPDATE app.t SET v = 'source' WHERE id = 2", "DELETE FROM app.t WHERE id = 2",
             ["UPDATE_MISSING"], ["ROW_DIFFERS"]),
            ("DELETE FROM app.t WHERE id = 3", "UPDATE app.t SET v = 'target' WHERE id = 3",
             ["ROW_DIFFERS"], ["UPDATE_MISSING"]),
            ("DELETE FROM app.t WHERE id = 4", "DELETE FROM app.t WHERE id = 4", ["DELETE_MISSING"], ["DELETE_MISSING"]),
            ("UPDATE app.t SET u = 99 WHERE id = 1", "UPDATE app.t SET u = 99 WHERE id = 2",
             ["UPDATE_UNIQUE"], ["UPDATE_UNIQUE"])):
        pair.at_once(here, there)
        pair.settle(rounds=3)
        for way, wanted in (("ab", forward), ("ba", reverse)):
            rows = pair.wait_conflicts(way, seen[way] + len(wanted))[seen[way]:]
            seen[way] += len(wanted)
            assert [row["kind"] for row in rows] == wanted, (here, there, way, rows)
            assert {row["decision"] for row in rows} == {"OVERWRITTEN" if way == "ab" else "IGNORED"}, rows
    left = pair.target.sql("SELECT id, v, u FROM app.t ORDER BY id")
    assert left == [(1, "source", 99), (2, "source", 2), (5, "source", 50), (6, "source", 60)], left
    check_silence(pair, ["app"])
