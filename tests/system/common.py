"""Steps that most system tests share: a migration up to incremental, draining, comparing."""

import glob
import os
import re
import time
import uuid

from harness import compare, load
from harness.daemon import PATIENCE, WaitTimeout, specific, wait_for

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", ".."))
MARK_TABLE = "cw_test_mark"
INCR = "INCR_TRANSFER"


def tree(databases):
    """SPECIFIC selection of whole databases: {name: mapped name} or a list of names."""
    if not isinstance(databases, dict):
        databases = {name: name for name in databases}
    return {"mode": "SPECIFIC",
            "databases": [{"name": name, "mappedName": mapped} for name, mapped in databases.items()]}


def prepare(source, target, db="app", rows=1000):
    """The load's schema with initial rows at the source, and a table for marks."""
    load.create_schema(source, db, target.kind)
    source.sql(f"CREATE TABLE {db}.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)")
    load.fill(source, db, rows)


def start_forward(env, source, target, mapping, daemon=None, **options):
    """A started project; returns (daemon, project id)."""
    daemon = daemon or env.daemon()
    project = daemon.create_project(source, target, mapping, **options)
    daemon.start_project(project)
    return daemon, project


def wait_monitoring(daemon, project, timeout=120):
    """Until incremental is in its steady state."""
    return daemon.wait_step(project, INCR, "MONITORING", timeout)


def drain(daemon, source, target, db="app", target_db=None, timeout=60):
    """Wait until what was written before this call is at the target.

    A mark shows that the stream has got so far. Lanes commit in parallel, so the last transactions before the mark
    may still be under way: assert_equal_soon() waits for them.
    """
    mark = uuid.uuid4().hex
    source.sql(f"INSERT INTO {db}.{MARK_TABLE} VALUES (%s)", [mark])
    daemon.wait_for(lambda: target.value(f"SELECT COUNT(*) FROM {target_db or db}.{MARK_TABLE} WHERE id = %s", [mark]),
                    timeout, "the mark written at the source is at the target")


def assert_equal_soon(source, target, databases, timeout=20, **options):
    """Equal now, or within the time that transactions under way may take; a real difference stays and fails."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            return compare.assert_equal(source, target, databases, **options)
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def drain_and_compare(daemon, source, target, db="app", target_db=None, timeout=60):
    drain(daemon, source, target, db, target_db, timeout)
    return assert_equal_soon(source, target, {db: target_db or db})


def wait_failed(daemon, project, step=None, timeout=60):
    """Until the project is FAILED; returns the failed step's extraInfo."""
    daemon.wait_project(project, "FAILED", timeout)
    failed = [row for row in daemon.steps(project).values() if row["status"] == "FAILED"]
    assert failed, daemon.explain()
    assert step is None or failed[0]["name"] == step, f"{failed[0]['name']} failed, not {step}\n{daemon.explain()}"
    return failed[0]["extraInfo"]


def release_and_delete(daemon, project, timeout=60):
    status = daemon.project(project)["status"]
    if status == "RUNNING":
        daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 30, "all workers of the project have stopped")
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED", timeout)
    daemon.call("DeleteProject", {"id": project})


def resident_mib(pid):
    """Peak resident memory of a process, MiB (VmHWM)."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        text = file.read()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) / 1024


def fault_points(*modules):
    """Names of all fault points in the sources of workers/, of these modules (first word) if given."""
    names = set()
    for path in glob.glob(os.path.join(REPOSITORY, "workers", "**", "*.c"), recursive=True):
        with open(path, encoding="utf-8") as file:
            names.update(re.findall(r'FAULT\("([a-z_.0-9]+)"\)', file.read()))
    return sorted(name for name in names if not modules or name.split(".")[0] in modules)


class Faults:
    """Fault points of a daemon's workers (base/fault.h): an armed point kills one process, once."""

    def __init__(self, env):
        self.dir = os.path.join(env.dir, "faults")
        os.makedirs(self.dir, exist_ok=True)

    @property
    def arguments(self):
        return ["--fault-dir", self.dir]

    def arm(self, name, passes=1):
        """The passes-th time any process passes the point, it is killed."""
        with open(os.path.join(self.dir, name + ".new"), "w", encoding="utf-8") as file:
            file.write(str(passes))
        os.rename(os.path.join(self.dir, name + ".new"), os.path.join(self.dir, name))

    def armed(self):
        """Without what a process killed at one point left of counting down another."""
        return sorted(name for name in os.listdir(self.dir) if ".tmp" not in name)


__all__ = [name for name in dir() if not name.startswith("_")]
_ = (WaitTimeout, specific, wait_for)    # re-exported for the tests
