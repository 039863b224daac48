"""Full verification while both ends are written: what was planted is found exactly, nothing else ever is."""

import time

import storm
from common import assert_equal_soon, drain, prepare, start_forward, tree, wait_monitoring
from ddl_steps import with_ddl
from harness.runner import needs, tags, timeout
from planted import SESSION, Ends, Expected, Planter, Table
from test_two_way import fill
from two_way import Pair
from verifying import Verification, check, counts_of

STILL = [("still", "int", 3000), ("still_ci", "ci", 1500)]      # tables that no load touches


class Governor:
    """Keeps the load at what the machine carries: whoever writes faster than incremental applies waits for it, as a
    verification does; without end, if the writing has none."""

    FAR, NEAR, LOOK = 8, 3, 0.5         # seconds; the checkpoint that the lag is taken from is told every few

    def __init__(self, daemon, projects, loads):
        self.daemon, self.projects, self.loads = daemon, projects, loads
        self.looked, self.pauses, self.paused = 0, 0, False

    def __call__(self):
        if time.monotonic() - self.looked < self.LOOK:
            return
        self.looked = time.monotonic()
        lag = max(self.daemon.project(project)["extraInfo"]["syncDelay"] or 0 for project in self.projects)
        if self.paused == (lag > (self.NEAR if self.paused else self.FAR)):
            return
        self.paused = not self.paused
        self.pauses += self.paused
        for load in self.loads:
            (load.pause if self.paused else load.resume)()


def make_still(source):
    tables = [Table(*arguments) for arguments in STILL]
    for table in tables:
        table.create(source, "app", 0)
    return tables


def none_invented(results, expected):
    """Every table but those planted in is equal."""
    faults = [f"{name}: {item['resultType']} {counts_of(item)} {item['message']}" for name, item in sorted(results.items())
              if name not in expected and (item["resultType"] not in ("CONSISTENT", "BOTH_EMPTY") or counts_of(item)[:3] != (0, 0, 0))]
    assert not faults, "\n".join(faults)


def positions(results):
    """Each table's answer says as of which position of the source it holds."""
    silent = [name for name, item in results.items() if not (item["position"] or {}).get("source")
              or item["resultType"] == "CONSISTENT" and item["position"]["source"]["file"] not in item["message"]]
    assert not silent, {name: results[name] for name in silent[:3]}


def verified_under_load(verification, expected, runs):
    for _ in range(runs):
        results = verification.run(timeout=120)
        try:
            none_invented(results, expected)
        except AssertionError as error:
            listed = {name: verification.rows(*name)[:3] for name, item in results.items()
                      if name not in expected and any(counts_of(item)[:3])}
            raise AssertionError(f"{error}\n{listed}") from None
        check(verification, expected, results)
        positions(results)


def one_way(env, kinds, runs=2):
    source, target = env.source(kinds[0]), env.target(kinds[1])
    prepare(source, target, rows=2000)
    storm.create(source, "app")
    tables = make_still(source)
    daemon, project = start_forward(env, source, target, tree(["app"]), verify=True)
    wait_monitoring(daemon, project)
    loads = [env.load(source, "app", rate=120), storm.Storm(source, "app", rate=180, directory=env.dir + "/storm")]
    governor = Governor(daemon, [project], loads)
    verification = Verification(daemon, project, governor)
    env.cleanup(loads[1].stop, False)
    loads[1].start()
    for load in loads:
        load.wait_committed(50)
    verification.wait()
    verified_under_load(verification, {("app", table.name): Expected([], table.rows) for table in tables}, runs)
    ends = Ends(source, target, "app", "app")
    expected = {("app", table.name): Planter(ends, table).plant() for table in tables}
    verified_under_load(verification, expected, runs)
    verification.apply()
    verified_under_load(verification, {("app", table.name): Expected([], table.rows) for table in tables}, 1)
    print(f"    {sum(load.committed for load in loads)} transactions meanwhile, {governor.pauses} pauses", flush=True)
    for load in loads:
        load.stop()
    drain(daemon, source, target)
    assert_equal_soon(source, target, "app")


@tags("verify", "quick")
@needs("mariadb")
@timeout(240)
def test_load_maria(env):
    one_way(env, ("mariadb", "mariadb"))


@tags("verify")
@needs("mysql97", "mariadb")
@timeout(240)
def test_load_97_maria(env):
    one_way(env, ("mysql97", "mariadb"), 1)


@tags("verify")
@needs("mysql56", "mysql97")
@timeout(240)
def test_load_56_97(env):
    one_way(env, ("mysql56", "mysql97"), 1)


@tags("verify", "nightly")
@needs("mariadb", "mysql56", "mysql97")
@timeout(1800)
def test_load_long(env):
    for kinds in (("mariadb", "mysql97"), ("mysql97", "mysql97"), ("mariadb", "mariadb")):
        one_way(env, kinds, 10)


# ------------------------------------------------------------------------------------------ both ends are written

def two_way(env, kinds, runs=2):
    pair = Pair(env, env.source(kinds[0]), env.target(kinds[1]), strategy="OVERWRITE")
    fill(pair)
    storm.create(pair.source, "app", keyed=True)
    tables = make_still(pair.source)
    pair.start()
    loads = pair.loads("disjoint", rate=75, threads=2)
    for end, server in pair.ends.items():
        loads.append(storm.Storm(server, "app", end=end, keyed=True, rate=75, threads=2, directory=f"{env.dir}/storm-{end}"))
        env.cleanup(loads[-1].stop, False)
        loads[-1].start()
    for load in loads:
        load.wait_committed(30)
    governor = Governor(pair.daemon, [pair.forward, pair.reverse], loads)
    verification = Verification(pair.daemon, pair.forward, governor)
    clean = {("app", table.name): Expected([], table.rows) for table in tables}
    verified_under_load(verification, clean, runs)
    ends = Ends(pair.source, pair.target, "app", "app")
    expected = {("app", table.name): Planter(ends, table).plant() for table in tables}
    verified_under_load(verification, expected, runs)

    pair.look()
    before = {table.name: compare_rows(pair.source, table) for table in tables}
    verification.apply()
    verified_under_load(verification, clean, 1)
    pair.drain_both(2)
    names = {f"app.{table.name}" for table in tables}
    stray = [group for group in pair.groups("a") if names & {row.table for row in group.rows}]
    assert not stray, f"a correction has travelled back: {stray[:2]}"
    made = [group for group in pair.groups("b") if names & {row.table for row in group.rows}]
    assert made and all(group.marked() and group.lanes() == 1 for group in made), [group for group in made if not group.marked()][:2]
    assert {table.name: compare_rows(pair.source, table) for table in tables} == before
    print(f"    {sum(load.committed for load in loads)} transactions meanwhile, {governor.pauses} pauses; conflicts:"
          f" {[pair.counted(way)['total'] for way in ('ab', 'ba')]}", flush=True)
    for load in loads:
        load.stop()
    pair.settle(rounds=2, timeout=120)


def compare_rows(server, table):
    return server.sql(f"SELECT COUNT(*), SUM(CRC32(CONCAT_WS(',', v, o, p, a, b, m, t, l, g, e, s1, s2))) FROM app.{table.name}")


@tags("verify", "two")
@needs("mariadb")
@timeout(300)
def test_both_maria(env):
    two_way(env, ("mariadb", "mariadb"))


@tags("verify", "two")
@needs("mysql97", "mariadb")
@timeout(300)
def test_both_97_maria(env):
    two_way(env, ("mysql97", "mariadb"), 1)


@tags("verify", "two", "nightly")
@needs("mysql56", "mysql97")
@timeout(900)
def test_both_56_97(env):
    two_way(env, ("mysql56", "mysql97"), 5)


# ------------------------------------------------------------------------------------------ DDL meanwhile

@tags("verify")
@needs("mariadb")
@timeout(240)
def test_ddl_meanwhile(env):
    """Columns come and go while the table is being compared: the answer is about the table as it is then."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    tables = [Table("wide_one", "int", 24000), Table("wide_ci", "ci", 6000)]
    for table in tables:
        table.create(source, "app", 0)
    daemon, project = start_forward(env, source, target, tree(["app"]), verify=True, incr_config=with_ddl(),
                                    full_config={"fullVerifySpeedMode": "STEADY"})
    wait_monitoring(daemon, project)
    verification = Verification(daemon, project)
    verification.wait()
    load = env.load(source, "app", rate=150)
    load.wait_committed(20)
    changes = ["ADD COLUMN new_one INT DEFAULT 7", "DROP COLUMN s2", "MODIFY COLUMN v VARCHAR(90) CHARACTER SET utf8mb4", "DROP COLUMN new_one"]
    hit = 0
    for change in changes:
        verification.start()
        daemon.wait_for(lambda: verification.through() or any(
            item["status"] == "RUNNING" for (_, name), item in verification.results().items() if name.startswith("wide_")), 60,
            "a table is being compared", interval=0.02)
        hit += not verification.through()
        source.sql([f"ALTER TABLE app.{table.name} {change}" for table in tables])
        source.sql([f"UPDATE app.{table.name} SET a = a + 1 WHERE a % 100 = 0" for table in tables])
        verification.wait()
        none_invented(verification.results(), {})
    assert hit, "each verification was through before the table was changed"
    load.stop()
    drain(daemon, source, target)
    assert_equal_soon(source, target, "app")
    check(verification, {("app", table.name): Expected([], table.rows) for table in tables}, verification.run())


# ------------------------------------------------------------------------------------------ the continuous check

def said(daemon, project):
    rows = daemon.call("ListProjectEvents", {"projectId": project, "pageNumber": 1, "pageSize": 100})
    return [row for row in rows if row["event"] == "row_differs"]


@tags("verify")
@needs("mariadb")
@timeout(240)
def test_continuous(env):
    """A row that somebody changes at the target right after it was applied becomes an event; a clean load none."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    storm.create(source, "app")
    source.sql(["CREATE TABLE app.watched (id INT PRIMARY KEY, v VARCHAR(40))", "INSERT INTO app.watched VALUES (1, 'a'), (2, 'b'), (3, 'c')"])
    daemon, project = start_forward(env, source, target, tree(["app"]), enableIncrVerify=True)
    wait_monitoring(daemon, project)
    daemon.wait_step(project, "INCR_VERIFIER", "MONITORING")
    loads = [env.load(source, "app", rate=100), storm.Storm(source, "app", rate=100, directory=env.dir + "/storm")]
    env.cleanup(loads[1].stop, False)
    loads[1].start()
    for load in loads:
        load.wait_committed(600)
    assert said(daemon, project) == []
    for key in (2, 3):
        source.sql(f"UPDATE app.watched SET v = 'new' WHERE id = {key}")
        daemon.wait_for(lambda key=key: target.value(f"SELECT v FROM app.watched WHERE id = {key}") == "new", 30, "the change is at the target",
                        interval=0.005)
        target.sql([*SESSION, f"UPDATE app.watched SET v = 'spoilt' WHERE id = {key}"])
        daemon.wait_for(lambda: any("watched" in row["message"] for row in said(daemon, project)), 60, "the event row_differs")
    for load in loads:
        load.stop()
    assert all("watched" in row["message"] for row in said(daemon, project)), said(daemon, project)
    target.sql([*SESSION, "UPDATE app.watched SET v = 'new' WHERE id IN (2, 3)"])
    drain(daemon, source, target)
    assert_equal_soon(source, target, "app")
