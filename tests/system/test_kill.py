"""SIGKILL at random moments and at every fault point, of every kind of worker and of the daemon.

After each of these tests the two ends are equal row by row, without a hand on it: a killed daemon is started again,
nothing else is done.
"""

import random
import time

from common import (INCR, Faults, drain_and_compare, fault_points, prepare, start_forward, tree, wait_monitoring)
from harness.runner import needs, tags, timeout

# Points that only a special situation passes; each has a test of its own.
SPECIAL = {"incr.big.mid"}


class Killer:
    """Kills a random worker of the project or, one time in five, the daemon, and starts the daemon again."""

    def __init__(self, daemon, project, seed):
        self.daemon = daemon
        self.project = project
        self.random = random.Random(seed)
        self.kills = 0
        self.victims = {}

    def strike(self):
        workers = self.daemon.workers(self.project)
        if self.random.random() < 0.2:
            victim = "daemon"
            self.daemon.kill9()
            self.daemon.start()
        elif workers:
            worker = self.random.choice(workers)
            victim = worker.step
            self.daemon.kill_workers(self.project, worker.step)
        else:
            return
        self.kills += 1
        self.victims[victim] = self.victims.get(victim, 0) + 1

    def strike_until(self, done, most, pause=(0.05, 1.0)):
        """Until done() or `most` kills, with random pauses: the moment is what is random, not a condition."""
        while not done() and self.kills < most:
            time.sleep(self.random.uniform(*pause))
            self.strike()


def step_status(daemon, project, name):
    return daemon.steps(project)[name]["status"]


def kill_all_the_way(env, source, target, seed, kills):
    """Half of the kills until incremental is reached, the other half while it runs."""
    prepare(source, target, rows=20000)
    load = env.load(source, "app", rate=200)
    load.wait_committed(50)
    # slowed down, so that kills meet a copy under way
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={
        "throttleRps": 6000, "readWorkerNum": 3, "writeWorkerNum": 3})
    killer = Killer(daemon, project, seed)
    killer.strike_until(lambda: step_status(daemon, project, INCR) == "MONITORING", kills // 2)
    wait_monitoring(daemon, project, 180)
    killer.strike_until(lambda: False, kills)
    load.stop()
    result = drain_and_compare(daemon, source, target, timeout=120)
    print(f"    {killer.kills} kills: {killer.victims}; {result.rows} rows equal", flush=True)
    assert killer.kills >= kills


@tags("kill")
@needs("mariadb")
@timeout(400)
def test_random_kills_mariadb(env):
    kill_all_the_way(env, env.source("mariadb"), env.target("mariadb"), seed=1, kills=40)


@tags("kill")
@needs("mysql56", "mysql97")
@timeout(400)
def test_random_kills_mysql(env):
    kill_all_the_way(env, env.source("mysql56"), env.target("mysql97"), seed=2, kills=30)


def kill_at_points(env, source, target, modules, passes):
    """Arms every point at once; a migration under load has to pass, and die at, each of them."""
    faults = Faults(env)
    points = [name for name in fault_points(*modules) if name not in SPECIAL]
    assert points, f"no fault points of {modules}"
    for name in points:
        faults.arm(name, passes)
    prepare(source, target, rows=6000)
    load = env.load(source, "app", rate=200)
    daemon = env.daemon(faults.arguments)
    _, project = start_forward(env, source, target, tree(["app"]), daemon, struct_config={"deferIndexCreation": True},
                               full_config={"readWorkerNum": 2, "writeWorkerNum": 2})
    daemon.wait_for(lambda: not faults.armed() or step_status(daemon, project, INCR) == "MONITORING", 240,
                    lambda: f"points never passed: {faults.armed()}")
    wait_monitoring(daemon, project, 120)
    daemon.wait_for(lambda: not faults.armed(), 60, lambda: f"points never passed: {faults.armed()}")
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
def test_copy_and_incremental_points_second_pass(env):
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
