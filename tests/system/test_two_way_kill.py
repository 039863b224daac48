"""Both ends are written at once while workers of both directions and the daemon are killed."""

import pair_load
from common import Faults, fault_points
from ddl_steps import scale
from harness.runner import needs, tags, timeout
from test_two_way import fill, finish, ledger
from two_way import Fire, Pair, place_witnesses

# Fault points of incremental that only a special situation passes; test_kill, test_ddl_kill and test_switchover bring those about.
# Passed once by each session, or by the forward project's first worker only, which notes the target's position.
ONCE = ("incr.session.start", "incr.turn.before", "incr.turn.mid")
SPECIAL = (*ONCE, "incr.xa.", "incr.ddl.", "incr.big.", "incr.era.", "incr.packet.", "incr.drain.", "incr.objects.", "incr.witness.")


def under_fire(env, source, target, seed):
    kills = scale(30, 6)
    pair = Pair(env, env.source(source), env.target(target))
    before = fill(pair)
    pair.start()
    place_witnesses(pair)
    loads = pair.loads("disjoint", rate=300, threads=4, seed=seed)
    for load in loads:
        load.wait_committed(50)
    fire = Fire(pair, seed, 2.0).start()
    fire.wait(kills, 200)
    for load in loads:
        load.stop()
    result = pair.settle(timeout=200)
    print(f"    {fire.kills} kills: {dict(fire.victims)}", flush=True)
    finish(pair, before, loads, result)


@tags("kill", "two")
@needs("mariadb")
@timeout(600)
def test_killed_mariadb(env):
    under_fire(env, "mariadb", "mariadb", 21)


@tags("kill", "two")
@needs("mysql97", "mariadb")
@timeout(600)
def test_killed_mysql97_mariadb(env):
    under_fire(env, "mysql97", "mariadb", 22)


@tags("kill", "two")
@needs("mysql56", "mysql97")
@timeout(600)
def test_killed_mysql56_mysql97(env):
    under_fire(env, "mysql56", "mysql97", 23)


def at_every_point(env, source, target, passes):
    """Each point of incremental kills a worker of either direction, while both ends write and conflict."""
    faults = Faults(env)
    points = [name for name in fault_points("incr") if not name.startswith(SPECIAL)]
    assert points, "no fault points of incremental"
    pair = Pair(env, env.source(source), env.target(target), ["app", "hot"], strategy="OVERWRITE", faults=faults)
    before = fill(pair)
    pair_load.create(pair.source, "hot", pair_load.CLASH)
    for name in ONCE:
        faults.arm(name)
    pair.start()
    assert not faults.armed(), f"nothing passed {faults.armed()}"
    place_witnesses(pair)
    loads = pair.loads("disjoint", rate=60, threads=2)
    hot = pair.loads("clash", db="hot", rate=30, threads=2)
    for load in loads + hot:
        load.wait_committed(20)
    for name in points:
        faults.arm(name, passes)
        pair.daemon.wait_for(lambda: not faults.armed(), 60, lambda: f"nothing passed {faults.armed()}")
    for load in loads + hot:
        load.stop()
    pair.settle(rounds=4, timeout=200)
    print(f"    killed at {len(points)} points: {' '.join(points)}", flush=True)
    for way in ("ab", "ba"):
        rows = pair.conflicts(way)
        stray = [row for row in rows if row["db"] != "hot"]
        assert not stray, stray[:3]
        assert len({(row["seq"], row["n"]) for row in rows}) == len(rows)
    assert len(ledger(pair.target) - before) == sum(load.stats()["committed"] for load in loads)


@tags("kill", "two")
@needs("mariadb")
@timeout(400)
def test_every_point_mariadb(env):
    at_every_point(env, "mariadb", "mariadb", 1)


@tags("kill", "two", "nightly")
@needs("mysql97", "mariadb")
@timeout(600)
def test_every_point_mysql97_third_pass(env):
    at_every_point(env, "mysql97", "mariadb", 3)
