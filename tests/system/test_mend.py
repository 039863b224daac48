"""The worker that makes chosen rows of the target what the source has (kind `mend`), started by hand as the daemon would.

The rows to mend are found by tests/tools/verify_rows.c. What comes out is compared by plain SQL. test_verify.py does the
same through the API.
"""

import json
import os
import sys
import time

from common import REPOSITORY, assert_equal_soon, drain, prepare, start_forward, tree, wait_monitoring
from harness.daemon import build_dir
from harness.runner import needs, timeout
from test_verify_rows import Tool, pair

sys.path.insert(0, os.path.join(REPOSITORY, "tests", "unit", "full"))
import drive  # pylint: disable=wrong-import-position

drive.STEPS["mend"] = "CORRECTIONS"
POINTS = ("mend.begin.after", "mend.write.after", "mend.commit.before", "mend.commit.after")


def rows_of(table, documents):
    return [{"id": document["id"], "db": "app", "table": table, "type": document["type"], "keyHex": document.get("keyHex", "")}
            for document in documents]


def task(env, source, target, rows, project="np_mend", touched=None, user=None, **more):
    def end(server):
        return drive.end(server.port, *(user or ("root", "")))
    made = drive.assignment(end(source), end(target), "mend", project, drive.mapping(["app"]), data_dir=env.dir, **more)
    made["flags"]["full"] = made["flags"]["incr"] = touched is not None
    made["verify"] = {"runId": "", "tables": None, "watch": {"source": touched, "sink": None}, "mend": {"rows": rows}}
    return made


def start(env, assignment):
    worker = drive.Worker(os.path.join(build_dir(), "causeway-worker"), assignment)
    env.cleanup(lambda: worker.process.poll() is None and worker.kill())
    return worker


def outcome(worker):
    """{(table, id): (state, message)} of a worker that has ended well."""
    status = worker.wait(120)
    assert status == 0, (status, worker.error(), worker.log_text()[-2000:])
    return {(message["table"], message["id"]): (message["state"], message["message"]) for message in worker.messages if message["t"] == "mend_row"}


def mend(env, *arguments, **options):
    return outcome(start(env, task(env, *arguments, **options)))


def same(source, target, table, columns="*"):
    sql = f"SELECT {columns} FROM app.{table}"
    assert sorted(map(str, source.sql(sql))) == sorted(map(str, target.sql(sql))), (source.sql(sql), target.sql(sql))


TABLE = "CREATE TABLE app.t (id INT PRIMARY KEY, u VARCHAR(20) CHARACTER SET utf8mb4, v INT, UNIQUE KEY (u))"


def plant(source, target):
    for server in (source, target):
        server.sql([TABLE, "INSERT INTO app.t VALUES " + ", ".join(f"({n}, 'u{n}', {n})" for n in range(60))])
    target.sql([
        "UPDATE app.t SET v = -1 WHERE id < 5", "DELETE FROM app.t WHERE id BETWEEN 10 AND 14",
        "INSERT INTO app.t VALUES (100, 'extra', 0), (101, NULL, 0)",
        # two that have changed places, and three in a ring
        "UPDATE app.t SET u = CONCAT('x', u) WHERE id BETWEEN 20 AND 24", "UPDATE app.t SET u = 'u21' WHERE id = 20",
        "UPDATE app.t SET u = 'u20' WHERE id = 21", "UPDATE app.t SET u = 'u23' WHERE id = 22", "UPDATE app.t SET u = 'u24' WHERE id = 23",
        "UPDATE app.t SET u = 'u22' WHERE id = 24",
        # an extra row has the unique value of a missing one
        "DELETE FROM app.t WHERE id = 30", "INSERT INTO app.t VALUES (130, 'u30', 0)"])


@needs("mariadb", "mysql56", "mysql97")
def test_rows(env):
    """Every kind of difference, also rows in each other's way; a second run finds all of it equal."""
    for kinds in (("mariadb", "mysql56"), ("mysql97", "mariadb"), ("mysql56", "mysql97")):
        source, target, tool = pair(env, kinds)
        plant(source, target)
        tool.table("t")
        rows = rows_of("t", tool.ask("keys"))
        assert len(rows) == 19, len(rows)
        states = mend(env, source, target, rows)
        assert {state for state, _ in states.values()} == {"APPLIED"} and len(states) == len(rows), states
        same(source, target, "t")
        assert tool.ask("keys") == []
        assert {state for state, _ in mend(env, source, target, rows).values()} == {"EQUAL"}
        assert target.value("SELECT origin <> '' FROM oms.cw_lane WHERE task = 'np_mend/verify'") == 1
        for server in (source, target):
            server.sql("DROP DATABASE app")
        tool.close()


@needs("mysql97", "mysql56")
def test_long(env):
    """Values that are too long for a listed statement are written all the same; columns that nobody carries stay."""
    source, target, tool = pair(env, ("mysql97", "mysql56"))
    columns = "id INT PRIMARY KEY, t LONGTEXT CHARACTER SET utf8mb4, b LONGBLOB, at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP"
    source.sql([f"CREATE TABLE app.big ({columns})", "INSERT INTO app.big VALUES (1, REPEAT('é', 300000), NULL, '2001-02-03 04:05:06'),"
                " (2, 'x', REPEAT(x'00ff27', 700000), NULL), (3, NULL, NULL, '2001-02-03 04:05:06'), (4, NULL, REPEAT(x'00', 3000000), NULL)"])
    target.sql([f"CREATE TABLE app.big ({columns}, own INT DEFAULT 5)",
                "INSERT INTO app.big VALUES (1, REPEAT('é', 299999), NULL, '2001-02-03 04:05:06', 9), (3, '', NULL, '2001-02-03 04:05:06', 7)"])
    tool.table("big")
    documents = tool.ask("keys")
    said = {document["key"][0]["columnValue"]: (document["type"], document["correction"] is None) for document in documents}
    assert said == {"1": ("MISMATCHED", True), "2": ("MASTER_ONLY", True), "3": ("MISMATCHED", False), "4": ("MASTER_ONLY", True)}, said
    assert all(len(json.dumps(document)) < 40000 for document in documents)
    states = mend(env, source, target, rows_of("big", documents))
    told = {document["key"][0]["columnValue"]: states["big", document["id"]] for document in documents}
    assert [told[key][0] for key in "1234"] == ["APPLIED"] * 3 + ["FAILED"] and "max_allowed_packet" in told["4"][1], told
    source.sql("DELETE FROM app.big WHERE id = 4")
    same(source, target, "big", "id, SHA2(t, 256), SHA2(b, 256), at")
    assert target.sql("SELECT id, own FROM app.big ORDER BY id") == [(1, 9), (2, 5), (3, 7)]


@needs("mysql97", "mariadb")
def test_refused(env):
    """Rows that can't be mended say why in the server's words, and leave all others alone."""
    source, target, tool = pair(env, ("mysql97", "mariadb"))
    plant(source, target)
    source.sql(["CREATE TABLE app.heap (a INT)", "CREATE TABLE app.wide (id INT PRIMARY KEY, v VARCHAR(20), d DATETIME)",
                "INSERT INTO app.wide VALUES (1, 'much too long', NULL), (2, 'short', '2020-01-01 00:00:00')"])
    target.sql(["CREATE TABLE app.heap (a INT)", "CREATE TABLE app.wide (id INT PRIMARY KEY, v VARCHAR(5), d DATETIME)"])
    tool.table("t")
    found = {document["key"][0]["columnValue"]: document for document in tool.ask("keys")}
    # 20 alone of a pair: its value is 21's, which nobody chose; 30 likewise
    chosen = rows_of("t", [found["20"], found["30"], found["1"]])
    tool.table("wide")
    wide = tool.ask("keys")
    bad = [{"id": "b1", "db": "app", "table": "t", "type": "MISMATCHED", "keyHex": "01000000"},
           {"id": "b2", "db": "app", "table": "nothing", "type": "MISMATCHED", "keyHex": "0100000031"},
           {"id": "b3", "db": "app", "table": "heap", "type": "MASTER_ONLY", "keyHex": ""}]
    states = mend(env, source, target, chosen + rows_of("wide", wide) + bad)
    said = {name: states["t", found[name]["id"]] for name in ("20", "30", "1")}
    assert said["20"][0] == said["30"][0] == "FAILED" and "Duplicate entry" in said["20"][1] and "Duplicate entry" in said["30"][1], said
    assert said["1"] == ("APPLIED", ""), said
    assert target.sql("SELECT v FROM app.t WHERE id = 1") == [(1,)], target.sql("SELECT * FROM app.t WHERE id = 1")
    assert target.value("SELECT u FROM app.t WHERE id = 20") == "u21" and target.value("SELECT COUNT(*) FROM app.t WHERE id = 30") == 0
    by_key = {document["key"][0]["columnValue"]: states["wide", document["id"]] for document in wide}
    assert by_key["1"][0] == "FAILED" and "too long" in by_key["1"][1] and by_key["2"][0] == "APPLIED", by_key
    assert states["t", "b1"][0] == "FAILED" and "keyHex" in states["t", "b1"][1], states["t", "b1"]
    assert "no such table" in states["nothing", "b2"][1] and "no key" in states["heap", "b3"][1], states


@needs("mariadb")
def test_killed(env):
    """Killed at each of its points: the next one brings it to the same end."""
    source, target, tool = pair(env, ("mariadb", "mariadb"))
    plant(source, target)
    tool.table("t")
    rows = rows_of("t", tool.ask("keys"))
    faults = os.path.join(env.dir, "faults")
    os.makedirs(faults, exist_ok=True)
    for number, point in enumerate(POINTS):
        with open(os.path.join(faults, point), "w", encoding="utf-8") as file:
            file.write("2" if number % 2 else "1")
        worker = start(env, task(env, source, target, rows, fault_dir=faults))
        status = worker.wait(60)
        assert status in (-9, 0), (status, worker.error())
        if status == 0:         # there was no second transaction any more
            os.unlink(os.path.join(faults, point))
    mend(env, source, target, rows)
    same(source, target, "t")


@needs("mariadb", "mysql97")
@timeout(180)
def test_under_load(env):
    """Rows are spoilt and mended while others write them at the source: no newer change is ever lost."""
    source, target = env.source("mariadb"), env.target("mysql97")
    prepare(source, target, rows=200)
    for server in (source,):
        server.sql(["CREATE TABLE app.hot (id INT PRIMARY KEY, n INT, spoilt INT DEFAULT 0)",
                    "INSERT INTO app.hot (id, n) VALUES " + ", ".join(f"({n}, 0)" for n in range(40))])
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    touched = os.path.join(daemon.data_dir, "projects", project, "touched")
    tool = Tool(env, source, target)
    writer = Hot(env, source)
    load = env.load(source, "app", rate=100)
    load.wait_committed(20)
    tool.table("hot")
    applied = rounds = 0
    while rounds < 4 or writer.count < 500:
        rounds += 1
        target.sql(["SET SESSION sql_log_bin = 0", "UPDATE app.hot SET spoilt = 1 WHERE id % 2 = 0",
                                                                    "DELETE FROM app.hot WHERE id IN (30, 32)",
                                                                    "INSERT INTO app.hot VALUES (50, 0, 1)"])
        rows = rows_of("hot", tool.ask("keys"))
        assert len(rows) >= 20, len(rows)
        states = mend(env, source, target, rows, project=project, touched=touched)
        assert not [state for state in states.values() if state[0] == "FAILED"], states
        applied += sum(state[0] == "APPLIED" for state in states.values())
        assert target.value("SELECT COUNT(*) FROM app.hot WHERE spoilt = 1") == 0
    assert applied >= 20 * rounds, (applied, rounds)
    print(f"    {rounds} rounds, {applied} rows applied, {writer.stop()} changes of them meanwhile", flush=True)
    load.stop()
    drain(daemon, source, target)
    assert_equal_soon(source, target, "app")


class Hot:
    """Writes rows of app.hot in turn; rows 0 to 27 often, those that are spoilt by deletion never."""

    def __init__(self, env, server):
        import threading  # pylint: disable=import-outside-toplevel
        self.server, self.count, self.going = server, 0, True
        self.thread = threading.Thread(target=self._run, daemon=True)
        env.cleanup(self.stop)
        self.thread.start()

    def _run(self):
        connection = self.server.connect(db="app")
        with connection.cursor() as cursor:
            while self.going:
                cursor.execute(f"UPDATE hot SET n = n + 1 WHERE id = {self.count % 28}")
                self.count += 1
                time.sleep(0.004)
        connection.close()

    def stop(self):
        self.going = False
        self.thread.join(10)
        return self.count
