"""Start, stop, resume, release, delete: exactly the preconditions of oms-api.md 3.2, and what each leaves behind."""

import os
import subprocess

from common import (drain_and_compare, prepare, release_and_delete, resident_mib, start_forward, tree, wait_failed,
                    wait_monitoring)
from harness.daemon import ApiError, build_dir
from harness.runner import needs, tags, timeout

OPERATIONS = ("StartProject", "StopProject", "ResumeProject", "ReleaseProject", "DeleteProject")


def refused(daemon, project, *operations):
    """Each of these operations is refused, naming the present status."""
    status = daemon.project(project)["status"]
    for operation in operations:
        try:
            daemon.call(operation, {"id": project})
        except ApiError as error:
            assert error.code == "GHANA-OPERAT000002" and status in error.message, error
        else:
            raise AssertionError(f"{operation} was allowed while {status}")


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_the_whole_life_of_a_project(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=3000)
    load = env.load(source, "app", rate=100)
    daemon = env.daemon()
    project = daemon.create_project(source, target, tree(["app"]))
    assert daemon.project(project)["status"] == "INIT"
    refused(daemon, project, "StopProject", "ResumeProject", "ReleaseProject")
    daemon.start_project(project)
    refused(daemon, project, "StartProject", "ResumeProject", "ReleaseProject", "DeleteProject")
    wait_monitoring(daemon, project)

    daemon.call("StopProject", {"id": project})
    assert daemon.project(project)["status"] == "SUSPEND"
    refused(daemon, project, "StartProject", "StopProject", "DeleteProject")
    daemon.wait_for(lambda: not daemon.workers(project), 20, "the workers have stopped")
    held = target.value("SELECT COUNT(*) FROM app.t_auto")
    load.wait_committed(200)
    assert target.value("SELECT COUNT(*) FROM app.t_auto") == held
    assert daemon.steps(project)["INCR_TRANSFER"]["status"] == "SUSPEND"

    daemon.restart()                                # a paused project stays paused
    assert daemon.project(project)["status"] == "SUSPEND" and not daemon.workers(project)
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    load.stop()
    drain_and_compare(daemon, source, target)

    daemon.call("StopProject", {"id": project})
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED")
    refused(daemon, project, "StartProject", "StopProject", "ResumeProject", "ReleaseProject")
    rows = [target.value(f"SELECT COUNT(*) FROM oms.{table}") for table in target.tables("oms")] \
        if "oms" in target.databases() else []
    kept = [name for name in target.tables("oms") if "oms" in target.databases() and name not in ("cw_meta",)
            and target.value(f"SELECT COUNT(*) FROM oms.{name}")]
    assert not kept, (kept, rows)
    assert not os.path.exists(os.path.join(daemon.data_dir, "projects", project, "relay"))
    daemon.call("DeleteProject", {"id": project})
    try:
        daemon.project(project)
    except ApiError as error:
        assert error.code == "GHANA-PROJECT000001", error
    else:
        raise AssertionError("a deleted project was described")


@needs("mariadb")
def test_stop_and_resume_in_the_middle_of_the_copy(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    """A stop holds what the limit held back, so that the copy is still in its middle each time it is stopped."""
    prepare(source, target, rows=20000)
    load = env.load(source, "app", rate=100)
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={"throttleRps": 3000})
    for _ in range(3):
        daemon.wait_for(lambda: daemon.steps(project)["FULL_TRANSFER"]["status"] == "RUNNING" and
                        (daemon.steps(project)["FULL_TRANSFER"]["stepInfo"] or {}).get("processedRecords") is not None,
                        60, "the copy runs")
        daemon.call("StopProject", {"id": project})
        daemon.wait_for(lambda: not daemon.workers(project), 20, "the workers have stopped")
        assert target.value("SELECT COUNT(*) FROM app.t_auto") < 20000
        assert daemon.steps(project)["FULL_TRANSFER"]["status"] == "SUSPEND"
        daemon.call("ResumeProject", {"id": project})
    daemon.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": None}})
    wait_monitoring(daemon, project)
    load.stop()
    drain_and_compare(daemon, source, target)


@needs("mariadb")
def test_throttle_changes_while_running(env):
    """A copy that would take an hour is set free and ends."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=20000)
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False, full_config={"throttleRps": 10})
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    daemon.wait_for(lambda: (daemon.steps(project)["FULL_TRANSFER"]["stepInfo"] or {}).get("processedRecords") is not None,
                    60, "the copy reports its progress")
    assert target.value("SELECT COUNT(*) FROM app.t_auto") < 20000
    daemon.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": None, "throttleIOPS": None}})
    daemon.wait_project(project, "FINISHED", 90)
    assert target.value("SELECT COUNT(*) FROM app.t_auto") == 20000


@needs("mariadb")
def test_a_full_relay_waits_and_goes_on(env):
    """Applying is throttled to a crawl and the relay may hold 1 MiB: it says so, and goes on once there is room."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=200)
    daemon, project = start_forward(env, source, target, tree(["app"]), incr_config={
        "relayMaxBytes": 2 ** 20, "throttleRps": 20})
    wait_monitoring(daemon, project)
    for _ in range(60):
        source.sql("INSERT INTO app.t_auto (val, note) SELECT 1, REPEAT('z', 90) FROM seq_1_to_800", db="app")
    daemon.wait_for(lambda: daemon.steps(project)["TRANSFER_INCR_LOG_PULL"]["extraInfo"]["errorCode"] == "CAUSEWAY-RELAYF000002",
                    60, "the full relay is told")
    assert daemon.project(project)["status"] == "RUNNING"
    daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"throttleRps": None}})
    drain_and_compare(daemon, source, target, timeout=90)
    daemon.wait_for(lambda: daemon.steps(project)["TRANSFER_INCR_LOG_PULL"]["extraInfo"]["errorCode"] is None, 30,
                    "the trouble is over")


@needs("mariadb")
@timeout(240)
def test_two_hundred_projects_in_64_mib(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    daemon = env.daemon()
    ends = [daemon.create_source(server) for server in (source, target)]
    ids = [daemon.create_project(*ends, tree([f"db{number}"])) for number in range(200)]
    for page in range(1, 5):
        assert len(daemon.call("ListProjects", {"pageSize": 50, "pageNumber": page})) == 50
    for project in ids:
        daemon.project(project)
    daemon.restart()
    daemon.call("ListProjects", {"pageSize": 150})
    peak = resident_mib(daemon.process.pid)
    print(f"    peak {peak:.0f} MiB", flush=True)
    assert peak < 64 or "sanitize" in build_dir(), peak


@needs("mariadb")
def test_release_of_a_project_whose_precheck_failed(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    daemon, project = start_forward(env, source, target, tree(["not_there"]))
    wait_failed(daemon, project, "TRANSFER_PRECHECK", 60)
    release_and_delete(daemon, project)


@tags("quick")
def test_second_daemon_and_bad_settings(env):
    daemon = env.daemon()
    second = daemon.spawn()
    assert second.wait(10) == 2
    assert any("another" in line or "in use" in line or "lock" in line for line in daemon.log_lines()), daemon.log_tail()
    program = os.path.join(build_dir(), "causewayd")
    bad = subprocess.run([program, "--data-dir", daemon.data_dir, "--listen", "nowhere", "--log-format", "xml", "--no-such", "1"],
                         capture_output=True, text=True, timeout=20, check=False)
    assert bad.returncode == 2, bad
    for word in ("listen", "log-format", "no-such"):
        assert word in bad.stderr.replace("_", "-"), bad.stderr
    assert daemon.stop() == 0
    assert not os.path.exists(os.path.join(daemon.data_dir, "listen"))
    mode = os.stat(os.path.join(daemon.data_dir, "key")).st_mode & 0o777
    assert mode == 0o600, oct(mode)
