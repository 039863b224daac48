"""Components and their settings, checks run again and items skipped, the wait behind the schema: on real servers."""

from common import prepare, start_forward, tree, wait_failed, wait_monitoring
from harness.daemon import ApiError
from harness.runner import needs, tags, timeout
from test_labels import refused


def components(daemon, project):
    return daemon.call("DescribeProjectComponents", {"id": project})


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_components(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=200)
    daemon = env.daemon()
    project = daemon.create_project(source, target, tree(["app"]), full_config={"throttleRps": 5000},
                                    incr_config={"storeLogKeptHour": 24})
    assert set(components(daemon, project).values()) == {None}      # nothing was started
    refused(daemon, "PARAM_ERROR", "UpdateIncrSync", {"key": f"127.0.0.1-0:connector_v2:{project}-incr_trans-1-0",
                                                      "config": {"throttleRps": 1}}, "no such component")
    daemon.start_project(project)
    wait_monitoring(daemon, project)

    def told():
        now = components(daemon, project)
        store = now["storeList"][0]
        return now if now["incrSyncComponents"][0]["checkpoint"] and store["endCheckpoint"] and \
            store["latelyHeartbeatTimeSec"] and store["conn"] else None

    found = daemon.wait_for(told, 30, "the components tell their checkpoints")
    (store,), (copy,), (sync,) = found["storeList"], found["fullImportComponents"], found["incrSyncComponents"]
    assert found["reverseStoreList"] is found["fullVerifyComponents"] is found["reverseIncrSyncComponents"] is None
    assert (store["status"], copy["status"], sync["status"]) == ("ACTIVE", "FINISHED", "RUNNING")
    assert store["conn"] == 1 and store["latelyHeartbeatTimeSec"] > 0 and store["endCheckpoint"], store
    assert copy["progress"] == 100 and copy["config"]["coordinator"]["throttleRps"] == 5000
    assert copy["config"]["source"]["port"] == source.port and copy["config"]["sink"]["port"] == target.port
    assert store["config"]["coordinator"]["storeLogKeptHour"] == 24
    assert sync["identity"] == f"{project}-incr_trans-1-0" and sync["subtopics"] == [store["subtopic"]]
    assert sync["config"]["coordinator"]["skipDdl"] is True
    assert sync["config"]["coordinator"]["allowRecordTypes"] == ["INSERT", "UPDATE", "DELETE"]

    first = daemon.call("UpdateIncrSync", {"dimension": "NAME", "key": sync["name"],
                                           "config": {"coordinator": {"throttleRps": 700}}})
    second = daemon.call("UpdateIncrSync", {"dimension": "TASK_NAME", "key": sync["identity"],
                                            "config": {"throttleIOPS": 900000}})
    third = daemon.call("UpdateIncrSync", {"dimension": "IP", "key": sync["ip"], "config": {"throttleRps": 800}})
    assert 0 < first < second < third
    now = daemon.project(project)["incrTransferConfig"]
    assert (now["throttleRps"], now["throttleIOPS"]) == (800, 900000)
    told = [event["message"] for event in daemon.call("ListProjectEvents", {"projectId": project})
            if event["event"] == "component_updated"]
    assert told[0].startswith(f"ticket {third}: admin: UpdateIncrSync") and '"throttleRps":800' in told[0], told
    refused(daemon, "CAUSEWAY-NOTSUP000001", "UpdateIncrSync", {"key": sync["name"], "config": {
        "coordinator": {"antiLoopMode": "x"}}}, "config.coordinator.antiLoopMode", "throttleRps")
    refused(daemon, "PARAM_ERROR", "UpdateIncrSync", {"key": sync["name"], "config": {"throttleRps": None}}, "allowDelete")
    refused(daemon, "PARAM_ERROR", "UpdateStore", {"key": sync["name"], "config": {"storeLogKeptHour": 1}}, "no such component")
    daemon.call("UpdateIncrSync", {"key": sync["name"], "config": {"throttleRps": None}, "allowDelete": True})
    now = daemon.project(project)["incrTransferConfig"]
    assert "throttleRps" not in now and now["throttleIOPS"] == 900000
    refused(daemon, "PARAM_ERROR", "UpdateFullVerification", {"key": sync["name"], "config": {"workerNum": 2}}, "no such component")
    assert components(daemon, project)["fullVerifyComponents"] is None

    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 20, "the workers have stopped")

    def at_rest():
        (store,), (sync,) = (components(daemon, project)[name] for name in ("storeList", "incrSyncComponents"))
        return (store["status"], sync["status"], store["conn"]) == ("STOP", "STOPPED", 0)

    daemon.wait_for(at_rest, 20, "the components say so")   # the daemon learns of an exit a moment later
    daemon.call("UpdateIncrSync", {"key": sync["name"], "config": {"coordinator": {"skipDdl": False}}})
    assert "ALTER_TABLE" in daemon.project(project)["incrTransferConfig"]["supportDDLTypes"]


@needs("mariadb")
def test_checks_again(env):
    """A skippable item fails, is corrected or skipped: RunPreCheck and ResumeProject tell so."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id DOUBLE PRIMARY KEY, v INT)", "INSERT INTO app.t VALUES (1.5, 2)"])
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False)
    wait_failed(daemon, project, "TRANSFER_PRECHECK", 60)

    def checked():
        check = daemon.call("RunPreCheck", {"id": project})

        def ended():
            result = daemon.call("GetPreCheckResult", {"id": check})
            return result if result["preCheckStatus"] in ("FAILED", "FINISHED") else None
        result = daemon.wait_for(ended, 60, "the precheck ends")
        assert (result["projectId"], result["preCheckId"]) == (project, check)
        return result, {(item["checkType"], item["endpointType"]): item for item in result["preCheckResults"]}

    result, items = checked()
    item = items["DB_DATA_TYPE_INDEX", "SOURCE"]
    assert (item["status"], item["skippable"], item["skippedBy"]) == ("FAILED", True, None), item
    assert (result["preCheckStatus"], result["projectStatus"]) == ("FAILED", "FAILED")
    body = {"id": project, "checkType": "DB_DATA_TYPE_INDEX", "endpointType": "SOURCE"}
    refused(daemon, "PARAM_ERROR", "SkipPreCheckItem", {**body, "endpointType": "DEST"}, "no item")
    refused(daemon, "GHANA-OPERAT000002", "SkipPreCheckItem", {**body, "checkType": "RDB_CONNECT"}, "passed")
    daemon.call("SkipPreCheckItem", body)
    result = daemon.call("GetPreCheckResult", {"id": project})
    assert (result["preCheckStatus"], result["projectStatus"]) == ("FINISHED", "SKIPPED"), result
    result, items = checked()
    item = items["DB_DATA_TYPE_INDEX", "SOURCE"]
    assert (item["status"], item["skippedBy"]) == ("SKIPPED", "admin") and item["gmtSkip"], item
    assert result["projectStatus"] == "SKIPPED"
    assert any(event["event"] == "precheck_item_skipped" for event in daemon.call("ListProjectEvents", {"projectId": project}))

    # of an object change: this project's settings with another selection
    check = daemon.call("SubmitPreCheck", {"projectId": project, "subProject": True, "transferMapping": tree(["nothing"])})
    result = daemon.wait_for(lambda: (lambda now: now if now["preCheckStatus"] == "FAILED" else None)(
        daemon.call("GetPreCheckResult", {"id": check})), 60, "a missing database fails the precheck")
    assert any(item["checkType"] == "RDB_SCHEMA_EXIST" and item["status"] == "FAILED" for item in result["preCheckResults"])
    refused(daemon, "PARAM_ERROR", "SubmitPreCheck", {"projectId": project, "subProject": True}, "transferMapping")

    daemon.call("ResumeProject", {"id": project})
    daemon.wait_project(project, "FINISHED", 60)
    assert target.value("SELECT COUNT(*) FROM app.t") == 1
    refused(daemon, "GHANA-OPERAT000002", "RunPreCheck", {"id": project}, "FINISHED")


@needs("mariadb")
def test_wait_for_advance(env):
    """autoProcessedToNextStep: false: behind the schema nothing begins until AdvanceProject, also after a restart."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=50)
    daemon, project = start_forward(env, source, target, tree(["app"]), struct_config={"autoProcessedToNextStep": False})
    daemon.wait_step(project, "STRUCT_TRANSFER", "FINISHED")
    daemon.restart()
    daemon.wait_for(lambda: not daemon.workers(project), 20, "no worker runs")
    steps = daemon.steps(project)
    assert steps["TRANSFER_INCR_LOG_PULL"]["status"] == steps["FULL_TRANSFER"]["status"] == "INIT", steps
    assert daemon.project(project)["extraInfo"]["waitsForAdvance"] == "TRANSFER_INCR_LOG_PULL"
    assert daemon.call("AdvanceProject", {"id": project}) == "TRANSFER_INCR_LOG_PULL"
    wait_monitoring(daemon, project)
    assert daemon.project(project)["extraInfo"]["waitsForAdvance"] is None
    try:
        daemon.call("AdvanceProject", {"id": project})
    except ApiError as error:
        assert "switchover" in error.message, error
    else:
        raise AssertionError("there was nothing to advance")
