"""ConfigureReverseProject in every state of the forward project, against real servers; the order of releases."""

import re
import time

from common import INCR, tree, wait_failed, wait_monitoring
from harness.daemon import ApiError
from harness.runner import needs, tags, timeout

STATE = "GHANA-OPERAT000002"


def prepare(source, rows):
    """A table with a key: the precheck refuses others in two ways."""
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t_auto (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
                f"INSERT INTO app.t_auto (v) SELECT seq FROM app.seq_1_to_{rows}"])


def refused(daemon, project, *parts, code=STATE, **more):
    """ConfigureReverseProject is refused and says all of these; returns the message."""
    try:
        daemon.call("ConfigureReverseProject", {"id": project, **more})
    except ApiError as error:
        assert error.code == code, error
        for part in parts:
            assert part in error.message, (part, error.message)
        return error.message
    raise AssertionError(f"it was allowed: {daemon.project(project)['status']}")


def two_way(daemon, source, target, **options):
    return daemon.create_project(source, target, tree(["app"]), common={"activeActive": True}, **options)


def configure(daemon, project, **more):
    """As soon as the worker has told where the target was: the only refusal that goes by itself."""
    end = time.monotonic() + 30
    while True:
        try:
            return daemon.call("ConfigureReverseProject", {"id": project, **more})
        except ApiError as error:
            assert "has not told yet" in error.message and time.monotonic() < end, error
            time.sleep(0.2)


@tags("quick")
@needs("mariadb")
@timeout(240)
def test_the_reverse_project_waits_for_the_forward_step(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, 3000)
    daemon = env.daemon()
    project = two_way(daemon, source, target, full_config={"throttleRps": 100, "readWorkerNum": 1, "writeWorkerNum": 1})
    refused(daemon, project, "is INIT")
    refused(daemon, "np_0", code="GHANA-PROJECT000001")

    # asked all the time, from the start until the copy, which the throttle holds, is at work
    daemon.start_project(project)
    seen = set()
    end = time.monotonic() + 90
    while "FULL_TRANSFER" not in seen:
        assert time.monotonic() < end, seen
        message = refused(daemon, project, "has not begun")
        seen.add(re.search(r"is in step (\w+) \(", message).group(1))
    assert seen <= {"TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER"}, seen
    assert "TRANSFER_PRECHECK" in seen, seen

    daemon.call("StopProject", {"id": project})
    refused(daemon, project, "is SUSPEND", "FULL_TRANSFER")
    daemon.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {}})
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    daemon.call("StopProject", {"id": project})
    refused(daemon, project, "is SUSPEND", INCR)
    # a step that is resumed while its worker still stops says RUNNING, then SUSPEND, then RUNNING
    daemon.wait_for(lambda: daemon.steps(project)[INCR]["status"] == "SUSPEND" and not daemon.workers(project, INCR), 60,
                    "the worker has stopped")
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_for(lambda: daemon.workers(project, INCR) and
                    daemon.steps(project)[INCR]["status"] in ("RUNNING", "MONITORING"), 60, "the worker is back")
    reverse = configure(daemon, project)
    refused(daemon, project, "has a reverse project already", reverse)
    refused(daemon, reverse, "is a reverse project itself")

    forward, made = daemon.project(project), daemon.project(reverse)
    assert made["name"] == forward["name"] + "-reverse" and made["status"] == "INIT", made
    assert forward["extraInfo"]["reverseProjectId"] == reverse and made["extraInfo"]["forwardProjectId"] == project
    assert made["extraInfo"]["direction"] == "REVERSE" and forward["extraInfo"]["direction"] == "FORWARD"
    start = forward["extraInfo"]["reverseStart"]
    assert start["file"] and start["pos"] > 0, start
    assert {row["name"] for row in made["steps"]} == {"TRANSFER_PRECHECK", "TRANSFER_INCR_LOG_PULL", INCR}

    # the order of releases
    daemon.call("StopProject", {"id": project})
    try:
        daemon.call("ReleaseProject", {"id": project})
        raise AssertionError("the forward project was released before its reverse one")
    except ApiError as error:
        assert error.code == STATE and reverse in error.message, error
    daemon.call("DeleteProject", {"id": reverse})
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED")
    refused(daemon, project, "is RELEASED")


@needs("mariadb")
@timeout(180)
def test_a_failed_project_and_the_life_of_its_reverse(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, 300)
    daemon = env.daemon()
    one_way = daemon.create_project(source, target, tree(["app"]), struct=False, full=False)
    refused(daemon, one_way, "is not a two-way project")
    project = two_way(daemon, source, target)
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    key = target.value("SELECT MAX(id) FROM app.t_auto")
    target.sql([f"DELETE FROM app.t_auto WHERE id = {key}"])
    source.sql([f"DELETE FROM app.t_auto WHERE id = {key}"])
    wait_failed(daemon, project, INCR)
    refused(daemon, project, f"is FAILED in step {INCR}")
    daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"conflictStrategy": "overwrite"}})
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_for(lambda: daemon.steps(project)[INCR]["status"] != "FAILED", 30, "the step is taken up again")
    wait_monitoring(daemon, project)
    daemon.wait_for(lambda: [row["decision"] for row in daemon.call("ListConflictRecords", {"projectId": project})] ==
                    ["OVERWRITTEN"], 30, "the FAILED record has become what was decided")
    records = daemon.call("ListConflictRecords", {"projectId": project})
    assert [(row["kind"], row["decision"]) for row in records] == [("DELETE_MISSING", "OVERWRITTEN")], records
    reverse = configure(daemon, project)
    assert daemon.project(reverse)["incrTransferConfig"]["conflictStrategy"] == "IGNORE"
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    # each direction by itself
    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 30, "the forward workers have stopped")
    assert daemon.project(reverse)["status"] == "RUNNING" and daemon.workers(reverse, INCR)
    daemon.call("StopProject", {"id": reverse})
    daemon.call("ReleaseProject", {"id": reverse})
    daemon.wait_project(reverse, "RELEASED")
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    daemon.wait_for(lambda: daemon.workers(project, INCR), 60, "the worker is back")
    refused(daemon, project, "where another one begins has to be said")
    again = daemon.call("ConfigureReverseProject", {"id": project, "name": "again", "incrTransferConfig": {
        "startTimestamp": int(time.time()) - 1}})
    daemon.call("DeleteProject", {"id": again})
    daemon.call("StopProject", {"id": project})
    daemon.call("ReleaseProject", {"id": project})
    daemon.wait_project(project, "RELEASED")
