"""SIGKILL at random moments and at every fault point, of every kind of worker and of the daemon.

After each of these tests the two ends are equal row by row, without a hand on it: a killed daemon is started again,
nothing else is done.
"""

import random
import time

from common import (INCR, Faults, drain_and_compare, fault_points, prepare, start_forward, tree, wait_monitoring)
from harness.runner import needs, tags, timeout

# Points that only a special situation passes; they have tests of their own below, in the tests named, or in tests/unit.
# Those of a switchover (switch.…) are test_switchover's; of verification (verify.…, mend.…) the tests' called so.
SPECIAL = {
    "incr.xa.stored": "an XA transaction", "incr.xa.mid": "an XA transaction",
    "incr.big.mid": "a large transaction", "full.keyless.mid": "a large table without a key",
    "incr.packet.before": "passed only after incr.packet.after when the packets are many",
    "relay.roll.between": "a new relay segment", "relay.purge.before": "an old relay segment",
    "relay.reset.before": "a reset, test_position", "relay.reset.before_catalog": "a reset, test_position",
    "control.reset.after": "a reset, test_position", "relay.follow.before": "a failover, test_position",
    "incr.era.between": "a failover, test_position", "relay.start.xa_noted": "a prepared XA transaction",
    "control.release.mid": "release", "release.rows.after": "release",
    "incr.drain.before": "a switchover, test_switchover", "incr.drain.after": "a switchover, test_switchover",
    **{f"incr.{point}": "two directions, test_pair" for point in ("turn.before", "turn.mid", "canary.before")},
    **{f"incr.{point}": "a conflict, test_two_way_kill" for point in
       ("conflict.before_send", "conflict.before_delete", "resolve.before_act", "resolve.before_commit", "remedy.before_state")},
    **{point: "changed objects, test_modify" for point in
       ("incr.objects.held", *(f"objects.{when}" for when in
        ("fork.before_commit", "fork.after", "join.before_catalog", "join.after", "change.taken", "change.before",
         "change.before_commit", "change.after")))},
    "incr.witness.held": "a verifier, test_touch",
    **{f"incr.ddl.{when}": "a schema change, test_ddl_kill" for when in
       ("before_intent", "after_intent", "after_run", "before_commit", "after_commit", "shadow")},
}
# Two points right behind one another around the same commit: a kill at one can make the other unreachable for good.
EITHER = [{"full.finish.before", "full.finish.after", "control.copy_end.before_commit", "control.copy_end.after"}]


class Killer:
    """Kills workers of the project and the daemon, which it starts again, while a chosen step is being worked on."""

    def __init__(self, daemon, project, seed):
        self.daemon = daemon
        self.project = project
        self.random = random.Random(seed)
        self.kills = 0
        self.victims = {}

    def strike(self, step):
        """The step's worker mostly; now and then the daemon, or whatever else works for the project."""
        chance = self.random.random()
        if chance < 0.2:
            victim = "daemon"
            self.daemon.kill9()
            self.daemon.start()
        else:
            workers = self.daemon.workers(self.project, step if chance < 0.8 else None)
            if not workers:
                return
            victim = self.random.choice(workers).step
            self.daemon.kill_workers(self.project, victim)
        self.kills += 1
        self.victims[victim] = self.victims.get(victim, 0) + 1

    def strike_during(self, step, most, longest_pause):
        """Up to `most` kills while the step is worked on; the moment of each is random, no condition."""
        goal = self.kills + most
        while self.kills < goal:
            ended = self.daemon.wait_for(lambda: self._state(step), 120, f"{step} is worked on", interval=0.01)
            if ended == "ended":
                return
            time.sleep(self.random.uniform(0, longest_pause))
            self.strike(step)

    def _state(self, step):
        """Asks for the worker first: a step that ends in between is then seen as ended."""
        working = bool(self.daemon.workers(self.project, step))
        if step_status(self.daemon, self.project, step) in ("FINISHED", "FAILED"):
            return "ended"
        return "working" if working else None


def step_status(daemon, project, name):
    return daemon.steps(project)[name]["status"]


# step, how many kills at most, longest pause before each (seconds); short steps may end before they got all of theirs
STAGES = [("TRANSFER_PRECHECK", 3, 0.2), ("STRUCT_TRANSFER", 5, 0.3), ("TRANSFER_INCR_LOG_PULL", 5, 0.3),
          ("FULL_TRANSFER", 15, 0.8), ("INCR_TRANSFER", 17, 1.0)]


def kill_all_the_way(env, source, target, seed):
    """Every step is worked on under fire, under load."""
    prepare(source, target, rows=20000)
    load = env.load(source, "app", rate=200)
    load.wait_committed(50)
    # slowed down, so that kills meet a copy under way
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={
        "throttleRps": 4000, "readWorkerNum": 3, "writeWorkerNum": 3})
    killer = Killer(daemon, project, seed)
    for step, most, longest_pause in STAGES:
        killer.strike_during(step, most, longest_pause)
    wait_monitoring(daemon, project, 180)
    load.stop()
    result = drain_and_compare(daemon, source, target, timeout=120)
    print(f"    {killer.kills} kills: {killer.victims}; {result.rows} rows equal", flush=True)
    assert killer.kills >= 30 and killer.victims["FULL_TRANSFER"] >= 3 and killer.victims[INCR] >= 5, killer.victims


@tags("kill")
@needs("mariadb")
@timeout(400)
def test_random_kills_mariadb(env):
    kill_all_the_way(env, env.source("mariadb"), env.target("mariadb"), seed=1)


@tags("kill")
@needs("mysql56", "mysql97")
@timeout(400)
def test_random_kills_mysql(env):
    kill_all_the_way(env, env.source("mysql56"), env.target("mysql97"), seed=2)


def missed(faults):
    """Armed points nothing has passed yet, one of each EITHER group being enough."""
    armed = set(faults.armed())
    for group in EITHER:
        if group - armed:
            armed -= group
    return sorted(armed)


def kill_at_points(env, source, target, modules, passes):
    """Arms every point at once; a migration under load has to pass, and die at, each of them."""
    faults = Faults(env)
    points = [name for name in fault_points(*modules) if name not in SPECIAL and not name.startswith(("switch.", "verify.", "mend."))]
    assert points, f"no fault points of {modules}"
    for name in points:
        faults.arm(name, passes)
    prepare(source, target, rows=6000)
    source.sql("CREATE VIEW app.v_auto AS SELECT id, val FROM app.t_auto")
    load = env.load(source, "app", rate=200)
    daemon = env.daemon(faults.arguments)
    _, project = start_forward(env, source, target, tree(["app"]), daemon, struct_config={"deferIndexCreation": True},
                               full_config={"readWorkerNum": 2, "writeWorkerNum": 2})
    daemon.wait_for(lambda: not missed(faults) or step_status(daemon, project, INCR) == "MONITORING", 240,
                    lambda: f"points never passed: {missed(faults)}")
    wait_monitoring(daemon, project, 120)
    daemon.wait_for(lambda: not missed(faults), 60, lambda: f"points never passed: {missed(faults)}")
    load.stop()
    drain_and_compare(daemon, source, target, timeout=120)
    print(f"    killed at {len(points)} points: {' '.join(points)}", flush=True)


@tags("kill")
@needs("mariadb")
@timeout(400)
def test_every_fault_point_first_pass(env):
    kill_at_points(env, env.source("mariadb"), env.target("mariadb"), (), passes=1)


@tags("kill")
@needs("mysql97", "mariadb")
@timeout(400)
def test_incremental_points_third_pass(env):
    kill_at_points(env, env.source("mysql97"), env.target("mariadb"), ("incr",), passes=3)


@tags("kill")
@needs("mariadb")
@timeout(200)
def test_killed_in_the_middle_of_a_large_transaction(env):
    faults = Faults(env)
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    daemon = env.daemon(faults.arguments)
    _, project = start_forward(env, source, target, tree(["app"]), daemon)
    wait_monitoring(daemon, project)
    faults.arm("incr.big.mid")
    source.sql("INSERT INTO app.t_auto (val, note) SELECT seq % 1000, CONCAT('big ', seq) FROM seq_1_to_40000", db="app")
    daemon.wait_for(lambda: not faults.armed(), 60, "the point in the middle of a large transaction is passed")
    drain_and_compare(daemon, source, target)


@tags("kill")
@needs("mariadb")
@timeout(200)
def test_killed_in_the_middle_of_a_table_without_a_key(env):
    """What was copied of it is thrown away and read again in a new snapshot, while rows come and go."""
    faults = Faults(env)
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    source.sql(["CREATE TABLE app.heap (a INT, b VARCHAR(300))",
                "INSERT INTO app.heap SELECT seq % 5000, REPEAT('x', 250) FROM seq_1_to_60000"], db="app")
    daemon = env.daemon(faults.arguments)
    for name in ("full.keyless.mid", "full.keyless.snapshot", "full.keyless.before_commit"):
        faults.arm(name)
    _, project = start_forward(env, source, target, tree(["app"]), daemon)
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    source.sql(["INSERT INTO app.heap VALUES (1, 'a'), (1, 'a')", "DELETE FROM app.heap WHERE a = 77 LIMIT 3",
                "UPDATE app.heap SET b = 'new' WHERE a = 78 LIMIT 2"])
    wait_monitoring(daemon, project)
    assert not faults.armed(), faults.armed()
    drain_and_compare(daemon, source, target)


@tags("kill")
@needs("mariadb")
@timeout(200)
def test_killed_while_the_relay_rolls_purges_and_releases(env):
    """Small segments, so that they roll and are purged; then a release that dies twice."""
    faults = Faults(env)
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    daemon = env.daemon(faults.arguments)
    for name in ("relay.roll.between", "relay.purge.before"):
        faults.arm(name)
    _, project = start_forward(env, source, target, tree(["app"]), daemon, incr_config={
        "relayMaxBytes": 4 * 1024 * 1024, "storeLogKeptHour": 1})
    wait_monitoring(daemon, project)
    for number in range(12):
        source.sql(f"INSERT INTO app.t_auto (val, note) SELECT {number}, REPEAT('y', 90) FROM seq_1_to_8000", db="app")
    drain_and_compare(daemon, source, target)
    daemon.wait_for(lambda: not faults.armed(), 60, lambda: f"points never passed: {faults.armed()}")
    source.sql("UPDATE app.t_auto SET val = val + 1 WHERE id % 10 = 0")
    drain_and_compare(daemon, source, target)
    daemon.call("StopProject", {"id": project})
    for name in ("control.release.mid", "release.rows.after"):
        faults.arm(name)
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED", 60)
    assert not faults.armed(), faults.armed()
    assert "oms" not in target.databases(), target.tables("oms")
