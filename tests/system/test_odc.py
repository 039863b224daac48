"""A stand-in for the OceanBase Developer Center's client: what it sends, and when it takes a migration for done.

From oms-api.md 1.2, "The open-source client ODC": unset fields go as null, every request may carry a uid, answers are
read ignoring the case of keys, any HTTP status but 200 is a failure of transport.
"""

import base64
import http.client
import json
import time

from common import assert_equal_soon, prepare
from harness.daemon import PATIENCE
from harness.runner import needs, tags, timeout


class OdcError(Exception):
    """A call that did not succeed, as the client classifies it."""

    def __init__(self, answer):
        super().__init__(answer)
        self.code = answer.get("code") or ""
        self.message = answer.get("message") or ""

    @property
    def connectivity(self):
        return self.code == "PARAM_ERROR" and self.message.startswith("Connectivity test failed")

    @property
    def gone(self):
        return "GHANA-PROJECT000001" in self.message


def lowered(value):
    """Keys in lower case at every level: how this client finds them."""
    if isinstance(value, dict):
        return {key.lower(): lowered(item) for key, item in value.items()}
    return [lowered(item) for item in value] if isinstance(value, list) else value


class Odc:
    ENVELOPE = {"success", "errordetail", "code", "message", "advice", "requestid", "pagenumber", "pagesize", "totalcount", "cost", "data"}

    def __init__(self, daemon):
        self.daemon = daemon
        account = daemon.credentials
        self.authorization = base64.b64encode(f"{account['username']}:{account['password']}".encode()).decode()

    def call(self, action, **fields):
        body = json.dumps({"uid": "1000000000000001", **fields})
        connection = http.client.HTTPConnection(*self.daemon.address, timeout=60 * PATIENCE)
        try:
            connection.request("POST", f"/api/v2?Action={action}", body, {
                "Content-Type": "application/json", "Authorization": f"Basic {self.authorization}"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.status      # anything else is a failure of transport to it
            answer = lowered(json.loads(answer.read()))
        finally:
            connection.close()
        assert self.ENVELOPE <= set(answer), answer
        if answer["success"] is not True:
            raise OdcError(answer)
        return answer["data"]

    def data_source(self, name, server, user, password):
        return self.call("CreateOceanBaseDataSource", name=name, type="OB_MYSQL", tenant="t1", cluster="c1", vpcId=None, ip=server.host,
                         port=server.port, userName=user, password=base64.b64encode(password.encode()).decode(), region=None,
                         description=None, ocpName=None, configUrl=None, drcUserName=None, drcPassword=None, logProxyIp=None,
                         logProxyPort=None, innerDrcPassword=None)

    @staticmethod
    def full_config(throttle=None):
        return {"allowDestTableNotEmpty": True, "fullTransferSpeedMode": "STEADY", "fullVerifySpeedMode": "STEADY",
                "nonePkUkTruncateDstTable": True, "throttleRps": throttle, "throttleIOPS": None, "readWorkerNum": None,
                "writeWorkerNum": None}

    @staticmethod
    def incr_config(throttle=None):
        return {"recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE"], "storeLogKeptHour": 168, "enableSequencingWithinTxn": True,
                "incrSyncConcurrency": 64, "enableIncrSyncStatistics": False, "startTimestamp": None, "throttleRps": throttle,
                "throttleIOPS": None, "supportDDLTypes": None}

    def project(self, name, source, sink, database, tables, verify=False):
        return self.call("CreateProject", name=name, type="MIGRATION", sourceEndpointId=source, sinkEndpointId=sink, id=None,
                         workerGradeId=None, labelIds=None, enableStructTransfer=False, enableFullTransfer=True,
                         enableFullVerify=verify, enableIncrTransfer=True, enableReverseIncrTransfer=False, useOss=None, ossKey=None,
                         structTransferConfig=None, reverseIncrTransferConfig=None,
                         commonTransferConfig={"tableCategory": "ALL", "activeActive": False, "mqPartition": None,
                                               "mqPartitionMode": None, "mqSerializerType": None, "datahubTopicType": None},
                         fullTransferConfig=self.full_config(), incrTransferConfig=self.incr_config(),
                         transferMapping={"mode": "SPECIFIC", "databasesBlack": None, "tableAndViewWhiteList": None,
                                          "tableAndViewBlackList": None,
                                          "databases": [{"id": None, "name": database, "mappedName": database, "clusterName": None,
                                                         "tenantName": None, "views": None, "specificTables": None,
                                                         "tables": [{"id": None, "name": table, "mappedName": table, "filterColumns": None,
                                                                     "whereClause": None, "shardColumns": None} for table in tables]}]})

    def steps(self, project):
        steps = {step["name"]: step for step in self.call("DescribeProjectSteps", id=project)}
        assert "TRANSFER_PRECHECK" in steps and steps["FULL_TRANSFER"]["progress"] is not None, steps     # it crashes else
        for step in steps.values():
            assert step["status"] != "FAILED", step
        return steps

    def done(self, project, verify=False):
        """Its own rule of a migration that may be switched over."""
        steps = self.steps(project)
        for name in ("TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER"):
            step = steps.get(name)
            if step and not (step["status"] == "FINISHED" and step["progress"] == 100):
                return False
        if steps["INCR_TRANSFER"]["status"] != "MONITORING":
            return False
        checkpoint = self.call("DescribeProjectProgress", id=project)["incrsynccheckpoint"]
        if checkpoint is None or time.time() - checkpoint > 25:
            return False
        return not verify or (steps["FULL_VERIFIER"]["status"] == "RUNNING" and steps["FULL_VERIFIER"]["progress"] == 100)

    def verified(self, project, tables):
        """What it reads of the verification, page by page: no table differs."""
        listed, page = [], 1
        while True:
            data = self.call("ListProjectFullVerifyResult", projectId=project, sourceSchemas=None, destSchemas=None,
                             status=["FINISHED", "SUSPEND", "RUNNING"], pageNumber=page, pageSize=10)
            listed += data["fullverifytablestatistics"]
            assert data["differentnumber"] == 0, data
            if len(data["fullverifytablestatistics"]) < 10:
                break
            page += 1
        assert len(listed) == tables and all(one["resulttype"] in ("CONSISTENT", "BOTH_EMPTY") for one in listed), listed


def gone(odc, action, project):
    try:
        odc.call(action, id=project)
    except OdcError as error:
        assert error.gone, error
    else:
        raise AssertionError(f"{action} of a deleted project succeeded")


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_odc(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=300)
    daemon = env.daemon()
    odc = Odc(daemon)
    for server in (source, target):
        server.create_user("odc@t1#c1", "pass word")        # how its accounts log in: user@tenant#cluster
    ends = [odc.data_source(name, server, "odc", "pass word") for name, server in (("odc-source", source), ("odc-target", target))]
    tables = source.tables("app")
    listed = odc.call("ListDataSource", searchKey="odc-", types=None, sortField=None, order=None, pageNumber=1, pageSize=10)
    assert sorted(one["id"] for one in listed) == sorted(ends), listed
    prepare(target, target, rows=0)         # the tables are its own business
    load = env.load(source, "app", rate=50)
    project = odc.project("odc-1", *ends, "app", tables, verify=True)
    odc.call("StartProject", id=project)
    daemon.wait_for(lambda: odc.done(project, verify=True), 120, "the client's own rule of done")
    odc.verified(project, len(tables))
    listed = odc.call("ListProjects", searchKey=project, type=None, status=["RUNNING"], labelIds=None, sourceEndpointTypes=None,
                      sinkEndpointTypes=None, visibleSubProject=None, sortField=None, order="ascend", needRelatedInfo=None,
                      pageNumber=1, pageSize=10)
    assert [one["id"] for one in listed] == [project], listed
    odc.call("UpdateProjectConfig", id=project, commonTransferConfig=None, fullTransferConfig=odc.full_config(9000),
             incrTransferConfig=odc.incr_config(9000), reverseIncrTransferConfig=None)
    assert daemon.project(project)["incrTransferConfig"]["throttleRps"] == 9000
    odc.call("StopProject", id=project)
    odc.call("ResumeProject", id=project)
    daemon.wait_for(lambda: odc.done(project, verify=True), 60, "done again")
    load.stop()
    assert_equal_soon(source, target, "app")
    odc.call("StopProject", id=project)
    odc.call("ReleaseProject", id=project)
    daemon.wait_project(project, "RELEASED")
    odc.call("DeleteProject", id=project)
    for action in ("DeleteProject", "ReleaseProject", "DescribeProjectProgress", "DescribeProjectSteps"):
        gone(odc, action, project)
