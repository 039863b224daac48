"""A hundred clients at once that create, start, stop, resume, release and delete projects at random, with real workers on real
servers: every change of status is one of the table's, no project is lost or there twice, the store is whole."""

import collections
import os
import random
import re
import sqlite3
import threading
import time

from common import REPOSITORY, tree
from harness.daemon import ApiError
from harness.runner import needs, timeout

CLIENTS = 100
SECONDS = max(20, round(120 * float(os.environ.get("CAUSEWAY_TEST_LENGTH", "0.1"))))
# What may be answered: a project in another status than the client thinks, or gone by another client's doing.
EXPECTED = {"GHANA-OPERAT000002", "GHANA-PROJECT000001"}
# From the outside, inside the store: whatever changes a status is written down, whoever does it and however short it lasts.
SPY = """CREATE TABLE spy (id TEXT, was TEXT, became TEXT);
CREATE TRIGGER spy_change AFTER UPDATE OF status ON project WHEN OLD.status <> NEW.status
BEGIN INSERT INTO spy VALUES (OLD.id, OLD.status, NEW.status); END;
CREATE TRIGGER spy_new AFTER INSERT ON project BEGIN INSERT INTO spy VALUES (NEW.id, NULL, NEW.status); END;
CREATE TRIGGER spy_gone AFTER DELETE ON project BEGIN INSERT INTO spy VALUES (OLD.id, OLD.status, NULL); END;"""


def transitions():
    """{(from, to)} of flow/transition.c."""
    with open(os.path.join(REPOSITORY, "flow", "transition.c"), encoding="utf-8") as file:
        rows = re.findall(r"^    \{ ((?:IN\(PS_\w+\)[ |]*)+), *EV_\w+, *PS_(\w+),", file.read(), re.M)
    found = {(status, to) for among, to in rows for status in re.findall(r"IN\(PS_(\w+)\)", among)}
    assert len(found) > 8, found
    return found


class Clients:
    def __init__(self, daemon, ends, label):
        self.daemon, self.ends, self.label = daemon, ends, label
        self.lock = threading.Lock()
        self.made, self.deleted, self.problems = [], set(), []
        self.counts = collections.Counter()
        self.slowest = (0, "")
        self.until = time.monotonic() + SECONDS

    def call(self, action, body):
        began = time.monotonic()
        try:
            answer = self.daemon.call(action, body)
            outcome = "ok"
        except ApiError as error:
            answer, outcome = None, error.code
            if error.code not in EXPECTED:
                with self.lock:
                    self.problems.append(str(error))
        with self.lock:
            self.counts[f"{action} {outcome}"] += 1
            self.slowest = max(self.slowest, (time.monotonic() - began, action))
        return outcome == "ok", answer

    def create(self, number, chance):
        kinds = chance.choice(((True, True, True), (True, True, False), (True, False, False), (False, False, True)))
        body = {"name": f"c{number}-{chance.getrandbits(40):x}", "sourceEndpointId": self.ends[0], "sinkEndpointId": self.ends[1],
                "transferMapping": tree({"app": f"c{number}"}), "enableStructTransfer": kinds[0], "enableFullTransfer": kinds[1],
                "enableIncrTransfer": kinds[2], "fullTransferConfig": {"allowDestTableNotEmpty": chance.random() < 0.7},
                "labelIds": [self.label] if chance.random() < 0.2 else []}
        done, project = self.call("CreateProject", body)
        if done:
            with self.lock:
                self.made.append(project)
        return project

    def delete(self, project):
        done, _ = self.call("DeleteProject", {"id": project})
        if done:
            with self.lock:
                self.deleted.add(project)
        return done

    def run(self, number):
        chance = random.Random(number)
        project = None
        try:
            while time.monotonic() < self.until:
                if project is None:
                    project = self.create(number, chance)
                    continue
                action = chance.choices(("StartProject", "StopProject", "ResumeProject", "ReleaseProject", "DeleteProject",
                                         "DescribeProject", "ListProjects", "StopProjectsByLabel", "StartProjectsByLabel"),
                                        (20, 14, 14, 8, 10, 20, 5, 1, 1))[0]
                if action == "DeleteProject":
                    if self.delete(project):
                        project = None
                elif action == "ListProjects":
                    self.call(action, {"pageSize": 20, "pageNumber": chance.randint(1, 8)})
                else:
                    self.call(action, {"id": self.label if action.endswith("ByLabel") else project})
                time.sleep(chance.random() * 0.4)
        except Exception as problem:        # pylint: disable=broad-except
            with self.lock:
                self.problems.append(repr(problem))


def every(daemon, status=None):
    """{id: status} of all pages."""
    found, page = {}, 1
    while True:
        rows = daemon.call("ListProjects", {"pageNumber": page, "pageSize": 150, "needRelatedInfo": False,
                                            **({"status": status} if status else {})})
        for row in rows:
            assert row["id"] not in found, f"{row['id']} is there twice"
            found[row["id"]] = row["status"]
        if len(rows) < 150:
            return found
        page += 1


def finish(daemon):
    """Every project to its end; whatever a worker still does ends by itself."""
    def settled():
        now = every(daemon)
        for project, status in now.items():
            action = {"RUNNING": "StopProject", "SUSPEND": "ReleaseProject", "FAILED": "ReleaseProject", "FINISHED": "ReleaseProject",
                      "INIT": "DeleteProject", "RELEASED": "DeleteProject"}.get(status)
            try:
                if action:
                    daemon.call(action, {"id": project})
            except ApiError as error:
                assert error.code in EXPECTED, error
        return not every(daemon)
    daemon.wait_for(settled, 240, lambda: f"all projects are deleted: {every(daemon)}", interval=0.5)


@needs("mariadb")
@timeout(900)
def test_hundred(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, v VARCHAR(20))",
                "INSERT INTO app.t VALUES (1, 'a'), (2, 'b'), (3, 'c')"])
    daemon = env.daemon(args=["--max-workers", "24", "--requests-per-second", "0"])
    ends = [daemon.create_source(source), daemon.create_source(target)]
    store = sqlite3.connect(os.path.join(daemon.data_dir, "store.db"), timeout=60, isolation_level=None)
    store.executescript(SPY)
    clients = Clients(daemon, ends, daemon.call("CreateLabel", {"name": "some"}))
    threads = [threading.Thread(target=clients.run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{sum(clients.counts.values())} calls, {len(clients.made)} projects, slowest {clients.slowest[0]:.2f} s {clients.slowest[1]}")
    print(", ".join(f"{what}: {count}" for what, count in sorted(clients.counts.items())))
    assert not clients.problems, clients.problems[:10]
    assert clients.counts["StartProject ok"] and clients.counts["StopProject ok"] and clients.deleted, clients.counts

    # none lost, none doubled
    assert len(set(clients.made)) == len(clients.made)
    living, gone = every(daemon), every(daemon, ["DELETED"])
    assert set(living) == set(clients.made) - clients.deleted and set(gone) == clients.deleted
    assert daemon.process.poll() is None

    finish(daemon)
    daemon.wait_for(lambda: not daemon.workers(), 60, "all workers have ended")
    daemon.stop()
    seen = set(store.execute("SELECT DISTINCT was, became FROM spy"))
    assert (None, "INIT") in seen and ("INIT", "RUNNING") in seen and ("RUNNING", "SUSPEND") in seen, seen
    assert seen <= transitions() | {(None, "INIT")}, seen - transitions()
    # a project's changes follow one another: what one became, the next one was
    now = {}
    for project, was, became in store.execute("SELECT id, was, became FROM spy ORDER BY rowid"):
        assert now.get(project) == was, (project, now.get(project), was, became)
        now[project] = became
    assert set(now) == set(clients.made) and set(now.values()) == {"DELETED"}
    assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()
