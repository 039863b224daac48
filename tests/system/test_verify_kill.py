"""Full verification whose workers and daemon are killed, whose servers go away, that is stopped and resumed: same result."""

import collections
import random
import time

import storm
from common import Faults, drain, fault_points, prepare, start_forward, tree, wait_monitoring
from ddl_steps import scale
from harness.runner import needs, tags, timeout
from planted import Ends, Keyless, Planter, Table
from test_verify_load import none_invented
from verifying import VERIFIER, Verification, check

TABLES = [("t_many", "int", 20000), ("t_ci", "ci", 5000), ("t_bin", "bin", 5000), ("t_comp", "composite", 5000)]
VERIFY, INCR = VERIFIER, "INCR_TRANSFER"


class Bed:
    """Planted tables beside a load; the verification is slow enough to be met in the middle."""

    def __init__(self, env, kinds, load=True, daemon=None):
        self.env, self.source, self.target = env, env.source(kinds[0]), env.target(kinds[1])
        prepare(self.source, self.target, rows=500)
        storm.create(self.source, "app")
        self.tables = [Table("p" + name, key, rows) for name, key, rows in TABLES] + [Keyless("p_nk", 3000)]
        for table in self.tables:
            table.create(self.source, "app", 0)
        self.daemon, self.project = start_forward(env, self.source, self.target, tree(["app"]), daemon, verify=True,
                                                  full_config={"fullVerifySpeedMode": "STEADY"})
        wait_monitoring(self.daemon, self.project)
        self.verification = Verification(self.daemon, self.project)
        self.verification.wait()
        ends = Ends(self.source, self.target, "app", "app")
        self.expected = {("app", table.name): table.plant(ends) if isinstance(table, Keyless) else Planter(ends, table).plant()
                         for table in self.tables}
        self.load = storm.Storm(self.source, "app", rate=100, directory=env.dir + "/storm") if load else None
        if load:
            env.cleanup(self.load.stop, False)
            self.load.start().wait_committed(30)

    def check(self):
        results = self.verification.results()
        none_invented(results, self.expected)
        check(self.verification, self.expected, results)

    def running(self):
        """True while a worker of it is at work; None when it is through."""
        if self.daemon.workers(self.project, VERIFY):
            return True
        return None if self.verification.through() else False


def killed(env, kinds, seed):
    """SIGKILL of the verifying worker mostly, of incremental and of the daemon, at any moment of as many verifications as
    it takes; each of those ends with the same result."""
    kills, rng = scale(200, 20), random.Random(seed)
    bed = Bed(env, kinds)
    victims, runs = collections.Counter(), 0
    while sum(victims.values()) < kills:
        bed.verification.start()
        runs += 1
        while sum(victims.values()) < kills:
            state = bed.daemon.wait_for(lambda: {True: "at work", None: "through"}.get(bed.running()), 120, "it is at work", interval=0.01)
            if state == "through":
                break
            time.sleep(rng.uniform(0, 0.5))         # the moment is random, no condition
            chance = rng.random()
            if chance < 0.15:
                bed.daemon.kill9()
                bed.daemon.start()
                victims["daemon"] += 1
            else:
                step = VERIFY if chance < 0.75 else INCR
                if bed.daemon.kill_workers(bed.project, step):
                    victims[step] += 1
        bed.verification.wait(200)
        bed.check()
    print(f"    {sum(victims.values())} kills in {runs} verifications: {dict(victims)}", flush=True)
    assert victims[VERIFY] >= kills / 4, victims
    bed.load.stop()
    drain(bed.daemon, bed.source, bed.target)


@tags("verify", "kill")
@needs("mariadb")
@timeout(400)
def test_killed_maria(env):
    killed(env, ("mariadb", "mariadb"), 61)


@tags("verify", "kill")
@needs("mariadb")
@timeout(240)
def test_points(env):
    """Killed at each of its own points: same result."""
    faults = Faults(env)
    points = [name for name in fault_points("verify") if name.startswith("verify.")]
    bed = Bed(env, ("mariadb", "mariadb"), load=False, daemon=env.daemon(faults.arguments))
    assert len(points) >= 3, points
    for name in points:
        faults.arm(name)
    bed.verification.start()
    bed.verification.wait(200)
    assert not faults.armed(), f"points never passed: {faults.armed()}"
    bed.check()


@tags("verify", "kill", "nightly")
@needs("mysql56", "mysql97")
@timeout(2400)
def test_killed_56_97(env):
    killed(env, ("mysql56", "mysql97"), 62)


@tags("verify", "kill")
@needs("mysql97", "mariadb")
@timeout(300)
def test_stopped_and_away(env):
    """Stopped and resumed in the middle; then either server goes away for a while."""
    bed = Bed(env, ("mysql97", "mariadb"), load=False)
    verification, daemon = bed.verification, bed.daemon
    verification.start()
    daemon.wait_for(bed.running, 60, "it is at work", interval=0.01)
    daemon.call("StopProject", {"id": bed.project})
    daemon.wait_for(lambda: not daemon.workers(bed.project), 60, "all workers have stopped")
    assert verification.step()["status"] == "SUSPEND", verification.step()
    daemon.call("ResumeProject", {"id": bed.project})
    verification.wait()
    bed.check()
    for server in (bed.source, bed.target):
        verification.start()
        daemon.wait_for(bed.running, 60, "it is at work", interval=0.01)
        server.kill()
        daemon.wait_for(lambda: "retrying" in str(verification.step()) or "error" in str(verification.step()["extraInfo"]).lower(), 60,
                        "the step tells that a server is away")
        server.start()
        verification.wait(200)
        bed.check()
