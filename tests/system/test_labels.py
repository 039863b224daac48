"""Labels and lists of projects: everything that needs no database. Sources lead to a port where nobody listens."""

from harness.daemon import ApiError, specific, wildcard
from harness.runner import tags

PASSWORD = "c2VjcmV0"


def source(daemon, name, **more):
    return daemon.call("CreateMySqlDataSource", {"name": name, "ip": "127.0.0.1", "port": 9, "userName": "u",
                                                 "password": PASSWORD, **more})


def oceanbase(daemon, name):
    return daemon.call("CreateOceanBaseDataSource", {"name": name, "ip": "127.0.0.1", "port": 9, "tenant": "t",
                                                     "cluster": "c", "userName": "u", "password": PASSWORD,
                                                     "type": "OB_MYSQL_TENANT"}, loose=True)


def refused(daemon, code, action, body, *words):
    """The call fails with this code, its message holds the words."""
    try:
        daemon.call(action, body)
    except ApiError as error:
        assert error.code == code, error
        for word in words:
            assert word in error.message, error
    else:
        raise AssertionError(f"{action} was not refused")


def names(daemon, **body):
    return [project["name"] for project in daemon.call("ListProjects", body, loose=True)]


@tags("quick")
def test_labels(env):
    daemon = env.daemon()
    shop, old = daemon.call("CreateLabel", {"name": "shop"}), daemon.call("CreateLabel", {"name": "old"})
    assert shop.startswith("l_")
    for bad in ("", "two words", "x" * 21):
        refused(daemon, "PARAM_ERROR", "CreateLabel", {"name": bad}, "name")
    refused(daemon, "GHANA-NAMEEX000001", "CreateLabel", {"name": "shop"}, "shop")
    ends = source(daemon, "a"), source(daemon, "b")
    mapping = specific({"app": ["t"]})
    first = daemon.create_project(*ends, mapping, name="first", labelIds=[shop])
    second = daemon.create_project(*ends, mapping, name="second", labelIds=[shop, old])
    third = daemon.create_project(*ends, mapping, name="third")
    refused(daemon, "GHANA-LABELS000001", "CreateProject", {
        "name": "fourth", "sourceEndpointId": ends[0], "sinkEndpointId": ends[1], "transferMapping": mapping,
        "enableFullTransfer": True, "labelIds": ["l_none"]}, "l_none")
    assert names(daemon, searchKey="fourth") == []      # not half made
    assert daemon.project(second)["labels"] == [
        {"id": shop, "name": "shop", "creator": "admin", "type": 1, "count": 2},
        {"id": old, "name": "old", "creator": "admin", "type": 1, "count": 1}]
    assert names(daemon, labelIds=[shop]) == ["second", "first"]
    assert names(daemon, labelIds=[old, "l_none"]) == ["second"] and names(daemon, labelIds=["l_none"]) == []
    daemon.call("UpdateProjectLabels", {"id": third, "labelIds": [old]})
    refused(daemon, "PARAM_ERROR", "UpdateProjectLabels", {"id": third, "labelIds": ["x"] * 6}, "labelIds")
    daemon.call("UpdateProjectLabels", {"id": second, "labelIds": [shop]})
    assert names(daemon, labelIds=[old]) == ["third"]
    assert [(label["name"], label["count"]) for label in daemon.call("ListAllLabels")] == [("shop", 2), ("old", 1)]

    # start, and stop: those of the label in the right status
    daemon.call("StartProject", {"id": first})
    assert daemon.call("StartProjectsByLabel", {"id": shop}) == {
        "total": 1, "succeedProjectIds": [second], "failedProjectIds": []}
    running = daemon.call("StopProjectsByLabel", {"id": shop})
    gone = {project for project in (first, second) if daemon.project(project)["status"] == "FAILED"}
    assert set(running["succeedProjectIds"]) | gone == {first, second}, running
    assert daemon.call("StopProjectsByLabel", {"id": shop}) == {
        "total": 0, "succeedProjectIds": [], "failedProjectIds": []}
    assert daemon.project(third)["status"] == "INIT"
    refused(daemon, "GHANA-LABELS000001", "StartProjectsByLabel", {"id": "l_none"})

    daemon.call("DeleteProject", {"id": third})
    assert [label["count"] for label in daemon.call("ListAllLabels")] == [2, 0]
    daemon.call("DeleteLabel", {"id": shop})
    assert daemon.project(first)["labels"] == []
    refused(daemon, "GHANA-LABELS000001", "DeleteLabel", {"id": shop})
    events = [event["event"] for event in daemon.call("ListProjectEvents", {"projectId": second})]
    assert "labels_changed" in events


@tags("quick")
def test_lists(env):
    daemon = env.daemon()
    mysql, ob = source(daemon, "mysql"), oceanbase(daemon, "ob")
    made = [daemon.create_project(mysql, ob if number % 2 else mysql, wildcard("app.*"), name=f"shop-{number:02}",
                                  type="SYNC" if number > 8 else "MIGRATION") for number in range(12)]
    assert names(daemon) == [f"shop-{number:02}" for number in range(11, 1, -1)]
    for spelling in ("asc", "ascend", "ASC", 0):
        assert names(daemon, order=spelling, pageSize=3) == ["shop-00", "shop-01", "shop-02"], spelling
    for spelling in ("desc", "descend", 1):
        assert names(daemon, order=spelling, pageSize=1) == ["shop-11"], spelling
    answer = daemon.answer("ListProjects", {"pageNumber": 3, "pageSize": 5})
    assert (answer["pageNumber"], answer["pageSize"], answer["totalCount"], len(answer["data"])) == (3, 5, 12, 2)
    assert names(daemon, pageNumber=4, pageSize=5) == []
    refused(daemon, "PARAM_ERROR", "ListProjects", {"pageSize": 151}, "pageSize")
    refused(daemon, "PARAM_ERROR", "ListProjects", {"order": "up"}, "order")
    assert names(daemon, searchKey="SHOP-0", pageSize=150) == [f"shop-{number:02}" for number in range(9, -1, -1)]
    assert names(daemon, searchKey=made[4]) == ["shop-04"] and names(daemon, searchKey="%") == []
    assert names(daemon, type="SYNC") == ["shop-11", "shop-10", "shop-09"]
    assert len(names(daemon, sinkEndpointTypes=["OB_MYSQL"], pageSize=20)) == 6
    assert len(names(daemon, sinkEndpointTypes="MYSQL", sourceEndpointTypes=["MYSQL", "OB_MYSQL"], pageSize=20)) == 6
    assert names(daemon, sourceEndpointTypes=["ORACLE"]) == []
    daemon.call("DeleteProject", {"id": made[0]})
    assert names(daemon, status=["DELETED"]) == ["shop-00"] and len(names(daemon, status=["INIT"], pageSize=50)) == 11
    assert names(daemon, status=["RUNNING_ALARMING", "RUNNING_MERGING"]) == []
    daemon.call("RenameProject", {"id": made[1], "name": "renamed"})
    assert daemon.project(made[1])["name"] == "renamed"
    refused(daemon, "GHANA-NAMEEX000001", "UpdateProjectName", {"id": made[1], "name": "shop-02"})
    refused(daemon, "GHANA-PROJECT000001", "RenameProject", {"id": made[0], "name": "x"})
    daemon.call("UpdateProjectImportance", {"id": made[1], "importance": "high"})
    assert daemon.project(made[1])["importance"] == "HIGH"

    item, = daemon.call("ListProjects", {"searchKey": "renamed"})
    assert item["sourceConnectInfo"]["endpointId"] == mysql and item["sinkConnectInfo"]["endpointId"] == ob
    assert [step["order"] for step in item["steps"]] == [1, 2, 3, 4, 5] and item["extraInfo"]["direction"] == "FORWARD"
    item, = daemon.call("ListProjects", {"searchKey": "renamed", "needRelatedInfo": False})
    assert item["sourceConnectInfo"] is item["sinkConnectInfo"] is item["steps"] is item["extraInfo"] is None
    assert (item["sourceEndpointType"], item["sinkEndpointType"]) == ("MYSQL", "OB_MYSQL")
