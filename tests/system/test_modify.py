"""Objects of a running project change: added ones are copied by a sub-project and merged, removed ones leave.

The load writes to all tables at once, in transactions over old and new ones; at the end both ends are equal row by row.
"""

import random
import time
from http.client import HTTPException

from common import (INCR, MARK_TABLE, Faults, assert_equal_soon, drain, drain_and_compare, fault_points, prepare,
                    release_and_delete, start_forward, wait_failed, wait_monitoring)
from ddl_steps import scale
from harness.daemon import PATIENCE, ApiError, DaemonDied, specific, wildcard
from harness.load import TABLES
from harness.runner import needs, tags, timeout

OLD = ["t_auto", "t_uniq", "t_nokey", MARK_TABLE]
ADDED = ["t_comp", "t_nullable", "t_parent", "t_child", "t_wide"]


def databases(tables, **more):
    return specific({"app": tables, **more})["databases"]


def ask(daemon, project, tables):
    return daemon.call("CreateProjectModifyRecords", {"id": project, "databases": databases(tables)})


def records(daemon, project):
    """{id: record}, the oldest first."""
    rows = daemon.call("ListProjectModifyRecords", {"id": project})
    return {row["id"]: row for row in sorted(rows, key=lambda row: row["id"])}


def wait_record(daemon, project, number, status, seconds=90):
    wanted = {status} if isinstance(status, str) else set(status)

    def reached():
        now = records(daemon, project)[number]
        if now["status"] in ("FAILED", "TERMINATED", "CANCEL") and now["status"] not in wanted:
            raise AssertionError(f"{now}\n{daemon.explain()}")
        return now if now["status"] in wanted else None
    return daemon.wait_for(reached, seconds, lambda: f"record {records(daemon, project)[number]} is {wanted}")


def start(env, source, target, tables=OLD, faults=None, rows=1000, rate=200, **options):
    """(source, target, daemon, project, load) of a project in its steady state under load."""
    source, target = env.source(source), env.target(target)
    prepare(source, target, rows=rows)
    load = env.load(source, "app", rate=rate)
    daemon = env.daemon(faults.arguments if faults else [])
    _, project = start_forward(env, source, target, specific({"app": tables}), daemon, **options)
    wait_monitoring(daemon, project)
    return source, target, daemon, project, load


def set_copy_limit(daemon, project, rps):
    daemon.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": rps}})


def refused(daemon, code, action, body, text=""):
    try:
        daemon.call(action, body)
    except ApiError as error:
        assert error.code == code and text in error.message, error
    else:
        raise AssertionError(f"{action} {body} was allowed")


def add_under_load(env, source, target):
    """Slow copy of what joins; meanwhile the project goes on, and shows what it does."""
    source, target, daemon, project, load = start(env, source, target)
    set_copy_limit(daemon, project, 100)
    number = ask(daemon, project, OLD + ADDED)
    record = wait_record(daemon, project, number, "RUNNING")
    sub = record["subProjectId"]
    assert record["type"] == "INCREASE_OBJECT" and record["mergeRequestId"] == number
    assert [row["name"] for row in record["migrationObjectsInfo"]["tables"]] == ADDED
    assert daemon.project(project)["status"] == "RUNNING_MODIFYING" and daemon.project(project)["isModifying"]
    daemon.wait_for(lambda: daemon.steps(sub)["FULL_TRANSFER"]["status"] == "RUNNING", 60, "the copy runs")
    for _ in range(2):
        before = daemon.steps(project)[INCR]["stepInfo"]["incrTimestampCheckpoint"]
        drain(daemon, source, target)                       # the project's own tables are followed meanwhile
        daemon.wait_for(lambda: daemon.steps(project)[INCR]["stepInfo"]["incrTimestampCheckpoint"] > before, 30,
                        "the checkpoint advances while the copy is held back")
    assert daemon.steps(sub)["FULL_TRANSFER"]["status"] == "RUNNING"
    assert daemon.project(sub)["isSubProject"] and list(daemon.steps(sub)) == [
        "TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_PREPARE", "FULL_TRANSFER", INCR]
    listed = [row["id"] for row in daemon.call("ListProjects", {"status": ["RUNNING_MODIFYING"]})]
    assert listed == [project], listed
    everything = [row["id"] for row in daemon.call("ListProjects", {"visibleSubProject": True})]
    assert sorted(everything) == sorted([project, sub]), everything
    set_copy_limit(daemon, sub, None)
    wait_record(daemon, project, number, "SUCCESS")
    load.wait_committed(200)
    load.stop()
    result = drain_and_compare(daemon, source, target)
    assert result.tables == len(TABLES) + 1
    shown = daemon.project(project)
    assert shown["status"] == "RUNNING" and not shown["isModifying"] and not shown["isMerging"]
    names = {row["name"] for row in shown["transferMapping"]["databases"][0]["tables"]}
    assert names == set(OLD + ADDED), names
    daemon.wait_project(sub, "RELEASED", 60)
    assert target.value("SELECT COUNT(*) FROM oms.cw_checkpoint WHERE task LIKE %s", [sub + "/%"]) == 0
    return source, target, daemon, project


@tags("quick", "modify")
@needs("mariadb")
@timeout(200)
def test_added(env):
    source, target, daemon, project = add_under_load(env, "mariadb", "mariadb")
    source.sql("UPDATE app.t_comp SET note = 'later'")      # its later life is that of any other table
    daemon.call("StopProject", {"id": project})
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    drain_and_compare(daemon, source, target)
    release_and_delete(daemon, project)
    assert daemon.call("ListProjects", {"visibleSubProject": True}) == []
    assert "oms" not in target.databases(), target.tables("oms")


@tags("modify", "nightly")
@needs("mysql97", "mariadb")
@timeout(200)
def test_added97(env):
    add_under_load(env, "mysql97", "mariadb")


@tags("modify")
@needs("mariadb")
@timeout(200)
def test_removed(env):
    """Rows of what left stay as they were; nothing of it comes after SUCCESS. One call may add and remove."""
    source, target, daemon, project, load = start(env, "mariadb", "mariadb", OLD + ADDED)
    kept = [table for table in OLD + ADDED if table not in ("t_uniq", "t_child", "t_parent")]
    number = ask(daemon, project, kept)
    record = wait_record(daemon, project, number, "SUCCESS")
    assert record["type"] == "DECREASE_OBJECT" and record["subProjectId"] is None and record["updateRequestId"] == number
    assert [row["name"] for row in record["migrationObjectsInfo"]["tables"]] == ["t_uniq", "t_parent", "t_child"]
    left = target.value("CHECKSUM TABLE app.t_uniq")
    rows = target.value("SELECT COUNT(*) FROM app.t_uniq")
    load.wait_committed(200)
    drain(daemon, source, target)
    assert target.value("SELECT COUNT(*) FROM app.t_uniq") == rows and target.value("CHECKSUM TABLE app.t_uniq") == left

    target.sql(["DROP TABLE app.t_uniq"])
    both = [table for table in kept if table != "t_wide"] + ["t_uniq"]
    number = ask(daemon, project, both)
    wait_record(daemon, project, number, "SUCCESS")
    assert [(row["type"], row["status"]) for row in records(daemon, project).values()] == [
        ("DECREASE_OBJECT", "SUCCESS"), ("DECREASE_OBJECT", "SUCCESS"), ("INCREASE_OBJECT", "SUCCESS")]
    load.stop()
    drain(daemon, source, target)
    assert_equal_soon(source, target, {"app": "app"}, exclude=["t_child", "t_parent", "t_wide"])

    # a table that makes the project fail may leave it: before anything else is applied
    target.sql("ALTER TABLE app.t_auto DROP COLUMN note")
    source.sql("INSERT INTO app.t_auto (val, note) VALUES (1, 'x')")
    wait_failed(daemon, project, INCR)
    number = ask(daemon, project, [table for table in both if table != "t_auto"])
    assert records(daemon, project)[number]["status"] == "PENDING"
    daemon.call("ResumeProject", {"id": project})
    wait_record(daemon, project, number, "SUCCESS")
    wait_monitoring(daemon, project)
    source.sql("UPDATE app.t_comp SET note = 'z'")
    drain(daemon, source, target)
    assert_equal_soon(source, target, {"app": "app"},
                      exclude=["t_child", "t_parent", "t_wide", "t_auto"])


@tags("modify")
@needs("mysql56", "mysql97")
@timeout(200)
def test_rules(env):
    """WILDCARD: rules in either form, a whole database and its tables, a table made meanwhile, a row filter."""
    source, target = env.source("mysql56"), env.target("mysql97")
    prepare(source, target, rows=300)
    prepare(source, target, db="more", rows=200)
    loads = [env.load(source, "app", rate=60), env.load(source, "more", rate=60, seed=2)]
    daemon, project = start_forward(env, source, target, wildcard("app.t_[a-n]*", "app.cw*", exclude=["app.t_nokey"]),
                                    incr_config={"recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE", "DDL"]})
    wait_monitoring(daemon, project)
    mapping = {"whiteTableRules": [{"schemaMapping": {"name": "app"}, "objectMapping": {"name": "*"}},
                                   {"schemaMapping": {"name": "more"}, "objectMapping": {"name": "*"}}],
               "blackTableRules": [{"schemaMapping": {"name": "app"}, "objectMapping": {"name": "t_auto"}}]}
    number = daemon.call("CreateProjectModifyRecords", {"id": project, "transferMapping": mapping})
    wait_record(daemon, project, number, {"RUNNING", "MERGING", "SUCCESS"}, 120)
    wait_record(daemon, project, number, "SUCCESS", 120)
    assert [row["type"] for row in records(daemon, project).values()] == ["DECREASE_OBJECT", "INCREASE_OBJECT"]
    shown = daemon.project(project)["transferMapping"]
    assert sorted(shown["tableAndViewWhiteList"]) == ["app.*", "more.*"] and "minus" not in shown, shown
    source.sql(["CREATE TABLE more.late (id INT PRIMARY KEY)", "INSERT INTO more.late VALUES (1)"])
    for load in loads:
        load.wait_committed(50)
        load.stop()
    drain(daemon, source, target)
    drain(daemon, source, target, db="more")
    assert assert_equal_soon(source, target, {"app": "app"}, exclude=["t_auto"]).tables == len(TABLES)
    assert assert_equal_soon(source, target, {"more": "more"}).tables == len(TABLES) + 2


@tags("modify")
@needs("mariadb")
@timeout(200)
def test_ends(env):
    """Stopped, failed and retried, cancelled; what is refused, and in which words."""
    source, target, daemon, project, load = start(env, "mariadb", "mariadb", rate=50)
    call = daemon.call
    set_copy_limit(daemon, project, 50)
    number = ask(daemon, project, OLD + ["t_comp"])
    sub = wait_record(daemon, project, number, "RUNNING")["subProjectId"]
    daemon.wait_for(lambda: daemon.steps(sub)["FULL_TRANSFER"]["status"] == "RUNNING", 60, "the copy runs")
    for action in ("StopProject", "ResumeProject", "ReleaseProject", "StartProject"):
        refused(daemon, "GHANA-OPERAT000002", action, {"id": sub}, "modify record")
    refused(daemon, "GHANA-OPERAT000002", "CreateProjectModifyRecords", {"id": project, "databases": databases(OLD)},
            f"modify record {number}")
    refused(daemon, "GHANA-OPERAT000002", "RetryProjectModifyRecords", {"id": number}, "RUNNING")
    refused(daemon, "GHANA-OPERAT000002", "CancelProjectModifyRecord", {"id": number}, "RUNNING")
    call("StopProject", {"id": project})                    # the sub-project rests with it
    daemon.wait_for(lambda: not daemon.workers(project) and not daemon.workers(sub), 20, "all workers have stopped")
    assert daemon.project(sub)["status"] == "SUSPEND"
    refused(daemon, "GHANA-OPERAT000002", "RenameProject", {"id": project, "name": "other"}, "modify record")
    refused(daemon, "GHANA-OPERAT000002", "ResetIncrStartTimestamp", {"id": project, "startTimestamp": 1700000000})
    call("ResumeProject", {"id": project})
    daemon.wait_for(lambda: daemon.workers(sub, "FULL_TRANSFER"), 30, "the copy goes on")
    call("StopProjectModifyRecords", {"id": number})
    daemon.wait_project(sub, "RELEASED", 60)
    assert records(daemon, project)[number]["status"] == "TERMINATED" and daemon.project(project)["status"] == "RUNNING"
    assert target.value("SELECT COUNT(*) FROM oms.cw_task WHERE task LIKE %s", [sub + "/%"]) == 0
    assert "t_comp" in target.tables("app")

    # the same again fails at the table that is there and does not fit, until it does
    target.sql(["DROP TABLE app.t_comp", "CREATE TABLE app.t_comp (x INT PRIMARY KEY)"])
    set_copy_limit(daemon, project, None)
    number = ask(daemon, project, OLD + ["t_comp"])
    record = wait_record(daemon, project, number, "FAILED")
    assert record["errorDetail"]["code"] and "t_comp" in record["errorDetail"]["message"], record["errorDetail"]
    assert daemon.project(project)["status"] == "RUNNING_MODIFYING"
    drain(daemon, source, target)                           # the project itself goes on
    target.sql("DROP TABLE app.t_comp")
    call("RetryProjectModifyRecords", {"id": number})
    wait_record(daemon, project, number, "SUCCESS")

    call("StopProject", {"id": project})
    number = ask(daemon, project, OLD + ["t_comp", "t_nullable"])
    assert records(daemon, project)[number]["status"] == "PENDING"
    refused(daemon, "GHANA-OPERAT000002", "StopProjectModifyRecords", {"id": number}, "PENDING")
    call("CancelProjectModifyRecord", {"id": number})
    refused(daemon, "GHANA-OPERAT000002", "CancelProjectModifyRecord", {"id": number}, "CANCEL")
    number = ask(daemon, project, OLD + ["t_comp", "t_nullable"])
    call("ResumeProject", {"id": project})
    wait_record(daemon, project, number, "SUCCESS")
    bad_input(daemon, source, target, project, number)
    load.stop()
    drain(daemon, source, target)
    gone = ["t_parent", "t_child", "t_wide"]
    assert_equal_soon(source, target, {"app": "app"}, exclude=gone)
    release_in_the_middle(daemon, target, project)


def release_in_the_middle(daemon, target, project):
    set_copy_limit(daemon, project, 20)
    number = ask(daemon, project, OLD + ["t_comp", "t_nullable", "t_wide"])
    sub = wait_record(daemon, project, number, "RUNNING")["subProjectId"]
    daemon.wait_for(lambda: daemon.steps(sub)["FULL_TRANSFER"]["status"] == "RUNNING", 60, "the copy runs")
    daemon.call("StopProject", {"id": project})
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED", 60)
    assert daemon.project(sub)["status"] == "RELEASED" and records(daemon, project)[number]["status"] == "TERMINATED"
    assert "oms" not in target.databases(), target.tables("oms")


def bad_input(daemon, source, target, project, number):
    create, tables = "CreateProjectModifyRecords", OLD + ["t_comp", "t_nullable"]
    bad = [({}, "databases"), ({"databases": []}, "databases"), ({"databases": databases(tables)}, "already"),
           ({"databases": databases(["t_wide"])}, "nothing"),
           ({"databases": databases(tables), "transferMapping": specific({"app": tables})}, "databases"),
           ({"transferMapping": wildcard("app.*")}, "mode"),
           ({"databases": databases([(table, f"{table}_new") for table in tables])}, "t_comp.mappedName"),
           ({"databases": databases([*tables[:-1], {"name": "t_nullable", "mappedName": "t_nullable",
                                                    "whereClause": "u > 1"}])}, "whereClause"),
           ({"databases": databases([*tables, ("t_wide", "t_comp")])}, "t_comp"),
           ({"databases": databases([*tables, "mysql.user"])}, "name")]
    for body, text in bad:
        try:
            daemon.call(create, {"id": project, **body})
        except ApiError as error:
            assert error.code in ("PARAM_ERROR", "CAUSEWAY-NOTSUP000001") and text in error.message, (body, error)
        else:
            raise AssertionError(f"{body} was allowed")
    refused(daemon, "GHANA-PROJECT000001", create, {"id": "np_none", "databases": databases(tables)})
    refused(daemon, "GHANA-PROJECT000001", "ListProjectModifyRecords", {"id": "np_none"})
    for action in ("StopProjectModifyRecords", "RetryProjectModifyRecords", "CancelProjectModifyRecord"):
        refused(daemon, "PARAM_ERROR", action, {"id": 344000005}, "344000005")
        refused(daemon, "PARAM_ERROR", action, {"id": "x"})
        refused(daemon, "GHANA-OPERAT000002", action, {"id": str(number)}, "SUCCESS")
    # another project has the table; one without incremental; one that never ran
    ends = [daemon.project(project)[f"{end}ConnectInfo"]["endpointId"] for end in ("source", "sink")]
    other = daemon.create_project(*ends, specific({"app": ["t_wide"]}))
    refused(daemon, "GHANA-OPERAT000003", create, {"id": project, "databases": databases([*tables, "t_wide"])}, other)
    assert daemon.call(create, {"id": other, "databases": databases(["t_wide", "t_parent"])}) > number
    assert {row["status"] for row in records(daemon, other).values()} == {"SUCCESS"}
    assert [row["name"] for row in daemon.project(other)["transferMapping"]["databases"][0]["tables"]] == [
        "t_wide", "t_parent"]
    daemon.call("DeleteProject", {"id": other})
    two = daemon.create_project(*ends, specific({"app": ["t_wide"]}), common={"activeActive": True}, full=False)
    refused(daemon, "GHANA-OPERAT000002", create, {"id": two, "databases": databases(["t_wide", "t_parent"])}, "two ways")
    daemon.call("DeleteProject", {"id": two})


# ------------------------------------------------------------------------------------------ kills

def objects_points():
    return [*fault_points("objects"), "incr.objects.held"]


def until_merged(daemon, project, tables, strike=lambda: None, seconds=150):
    """Asks for these tables and starts the daemon again whenever it is dead, until they are merged; what was asked for
    by a daemon that died at once may have been stored or not."""
    end = time.monotonic() + seconds * PATIENCE
    before = None
    while True:
        assert time.monotonic() < end, daemon.explain()
        try:
            if daemon.process.poll() is not None:
                daemon.kill9()
                daemon.start()
            strike()
        except DaemonDied:              # at a point that it passes while it starts
            continue
        try:
            rows = list(records(daemon, project).values())
            before = len(rows) if before is None else before
            if len(rows) == before:
                ask(daemon, project, tables)
                continue
            if rows[-1]["status"] == "SUCCESS":
                return rows[-1]
        except (OSError, HTTPException):
            continue
        assert rows[-1]["status"] not in ("FAILED", "TERMINATED", "CANCEL"), f"{rows[-1]}\n{daemon.explain()}"
        time.sleep(0.05)


@tags("kill", "modify")
@needs("mariadb")
@timeout(300)
def test_points(env):
    """A worker is killed at every point of the fork and of the hand-over, the daemon where it stores what was done."""
    faults = Faults(env)
    source, target, daemon, project, load = start(env, "mariadb", "mariadb", faults=faults, rows=300, rate=150)
    points = objects_points()
    stored = ["flow.modify.begin", "flow.modify.done", *(f"store.modify_{point}" for point in
              ("add.before", "move.before", "begin.before", "held.before", "done.before", "done.after"))]
    for name in (*points, *stored):
        faults.arm(name)
    until_merged(daemon, project, OLD + ADDED)
    assert not faults.armed(), faults.armed()
    load.wait_committed(50)
    load.stop()
    drain_and_compare(daemon, source, target)
    print(f"    killed at {' '.join((*points, *stored))}", flush=True)


class Strikes:
    """Kills the daemon, or one worker of the project or of a sub-project, at random moments."""

    def __init__(self, daemon, seed):
        self.daemon, self.random, self.kills, self.victims = daemon, random.Random(seed), 0, {}
        self.next = time.monotonic() + 0.2

    def __call__(self):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + self.random.uniform(0.05, 0.7)
        if self.random.random() < 0.2:
            victim = "daemon"
            self.daemon.kill9()
            self.daemon.start()
        else:
            workers = self.daemon.workers()
            if not workers:
                return
            worker = self.random.choice(workers)
            victim = worker.step
            self.daemon.kill_workers(worker.project, worker.step)
        self.kills += 1
        self.victims[victim] = self.victims.get(victim, 0) + 1


def under_fire(env, source, target, seed):
    """Tables join and leave, one after the other, under load, while everything is killed again and again."""
    source, target, daemon, project, load = start(env, source, target, rows=300, rate=150)
    strikes = Strikes(daemon, seed)
    sets = [["t_comp"], ["t_comp", "t_wide", "t_nullable"], ["t_comp", "t_wide", "t_nullable", "t_parent", "t_child"]]
    for more in sets[-scale(3, 2):]:
        until_merged(daemon, project, OLD + more, strikes)
    load.wait_committed(50)
    load.stop()
    wait_monitoring(daemon, project)
    drain_and_compare(daemon, source, target, timeout=120)
    print(f"    {strikes.kills} kills: {strikes.victims}", flush=True)
    assert strikes.kills >= 5, strikes.victims
    # nothing of the sub-projects is left
    daemon.wait_for(lambda: all(row["status"] != "RELEASING" for row in
                                daemon.call("ListProjects", {"visibleSubProject": True})), 60, "they are released")
    tasks = target.value("SELECT GROUP_CONCAT(DISTINCT SUBSTRING_INDEX(CAST(task AS CHAR), '/', 1))"
                         " FROM oms.cw_checkpoint")
    assert tasks == project, tasks


@tags("kill", "modify")
@needs("mariadb")
@timeout(400)
def test_fire(env):
    under_fire(env, "mariadb", "mariadb", 41)


@tags("kill", "modify", "nightly")
@needs("mysql97", "mariadb")
@timeout(400)
def test_fire97(env):
    under_fire(env, "mysql97", "mariadb", 42)


@tags("modify")
@needs("mysql97", "mariadb")
@timeout(200)
def test_xa(env):
    """XA transactions over old and new tables: one is prepared before the fork, one waits over the merge."""
    source, target, daemon, project, load = start(env, "mysql97", "mariadb", rows=400, rate=60, incr_config={
        "recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE", "DDL"]})
    early, late = (Prepared(source, number) for number in (1, 2))
    drain(daemon, source, target)
    set_copy_limit(daemon, project, 50)
    number = ask(daemon, project, OLD + ADDED)
    sub = wait_record(daemon, project, number, "RUNNING")["subProjectId"]
    daemon.wait_for(lambda: any(event["event"] == "waiting_for_xa" for event in
                                daemon.call("ListProjectEvents", {"projectId": sub, "pageSize": 50})), 60,
                    "the copy waits for what was prepared before the fork")
    early.commit()
    late.commit()
    daemon.wait_for(lambda: daemon.steps(sub)["FULL_TRANSFER"]["status"] == "RUNNING", 60, "the copy runs")
    pending = [Prepared(source, number) for number in (3, 4)]
    source.sql("ALTER TABLE app.t_uniq MODIFY val BIGINT")     # DDL of the project's own goes on
    set_copy_limit(daemon, sub, None)
    wait_record(daemon, project, number, "SUCCESS")
    pending[0].commit()
    pending[1].end("ROLLBACK")
    source.sql("ALTER TABLE app.t_nullable MODIFY b VARCHAR(40)")   # of what has joined, too
    load.wait_committed(30)
    load.stop()
    drain_and_compare(daemon, source, target)
    counts = [[end.value(f"SELECT COUNT(*) FROM app.{table} WHERE note LIKE 'xa %'") for table in ("t_auto", "t_comp")]
              for end in (source, target)]
    assert counts[0] == counts[1] and counts[1][1] == 3, counts     # the load may have met rows of t_auto since
    types = [target.value("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'app' AND TABLE_NAME = %s"
                          " AND COLUMN_NAME = %s", [*name]) for name in (("t_uniq", "val"), ("t_nullable", "b"))]
    assert types == ["bigint(20)", "varchar(40)"], types


class Prepared:
    """An XA transaction over an old and a new table, prepared."""

    def __init__(self, source, number):
        self.connection, self.xid = source.connect(db="app"), f"'modify{number}'"
        self.run(f"XA START {self.xid}", f"INSERT INTO t_auto (val, note) VALUES ({number}, 'xa {number}')",
                 f"INSERT INTO t_comp VALUES ('xa{number}', 1, 1, 'xa {number}')", f"XA END {self.xid}",
                 f"XA PREPARE {self.xid}")

    def run(self, *statements):
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def commit(self):
        self.end("COMMIT")

    def end(self, how):
        self.run(f"XA {how} {self.xid}")
        self.connection.close()


@tags("quick", "modify")
@needs("mariadb")
@timeout(200)
def test_idle(env):
    """Nobody writes: no transaction comes by at which the halves could meet."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=300)
    daemon = env.daemon()
    _, project = start_forward(env, source, target, specific({"app": OLD}), daemon)
    wait_monitoring(daemon, project)
    number = ask(daemon, project, OLD + ADDED)
    wait_record(daemon, project, number, "SUCCESS")
    number = ask(daemon, project, OLD)
    wait_record(daemon, project, number, "SUCCESS")
    drain_and_compare(daemon, source, target)
