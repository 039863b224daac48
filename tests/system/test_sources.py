"""Data sources of every kind: what is kept, what is shown, what is refused and why. No database is needed."""

import sqlite3

from harness.runner import tags
from test_labels import PASSWORD, oceanbase, refused, source

ACCOUNT = {"userName": "u", "password": PASSWORD}
NOT_SUPPORTED = "CAUSEWAY-NOTSUP000001"


def listed(daemon, **body):
    return {item["name"]: item for item in daemon.call("ListDataSource", {"pageSize": 50, **body}, loose=True)}


@tags("quick")
def test_kinds(env):
    daemon = env.daemon()
    source(daemon, "plain", description="old shop", region="eu", schema="app", useSsl=True)
    for kind in ("INTERNET", "VPC", "RDS", "PolarDB", "DG"):
        source(daemon, f"cloud-{kind}", type=kind, instanceId="i-1", vpcId="v-1")
    for kind in ("RDS", "PolarDB", "DG", "VPC"):
        refused(daemon, NOT_SUPPORTED, "CreateMySqlDataSource", {"name": "x", "type": kind, "instanceId": "i-1", **ACCOUNT},
                "ip", kind)
    refused(daemon, "PARAM_ERROR", "CreateMySqlDataSource", {"name": "x", "type": "INTERNET", **ACCOUNT}, "ip", "port")
    oceanbase(daemon, "ob")
    refused(daemon, NOT_SUPPORTED, "CreateOceanBaseDataSource", {
        "name": "x", "type": "OB_ORACLE", "tenant": "t", "ip": "h", "port": 1, **ACCOUNT}, "MySQL mode")
    answer = daemon.call("CreateOmsMysqlDataSource", {"Name": "oms", "Type": "INTERNET", "Ip": "127.0.0.1", "Port": "3306",
                                                      "Username": "u", "Password": PASSWORD}, loose=True)
    assert answer == {"endpointId": listed(daemon)["oms"]["id"]}, answer
    refused(daemon, "PARAM_ERROR", "CreateOmsMysqlDataSource", {
        "Name": "o ms", "Type": "INTERNET", "Ip": "127.0.0.1", "Port": "3306", "Username": "u", "Password": PASSWORD}, "name")
    daemon.call("CreateOceanBaseODPDataSource", {"name": "odp", "obProxy": "10.0.0.9:2883", "userName": "m@t#c",
                                                 "password": PASSWORD, "accessKey": "ak", "secretKey": "sk"}, loose=True)
    refused(daemon, NOT_SUPPORTED, "CreateOceanBaseODPDataSource", {"name": "x", "url": "http://ocp", **ACCOUNT}, "obProxy")
    refused(daemon, "PARAM_ERROR", "CreateOceanBaseODPDataSource", {"name": "x", "obProxy": "10.0.0.9", **ACCOUNT}, "obProxy")
    for action, name in (("CreatePolarDBDataSource", "polar-1"), ("CreatePilarDBDataSource", "polar-2")):
        daemon.call(action, {"name": name, "intranetAddr": "polar.example:3306", "region": "cn", **ACCOUNT})
    refused(daemon, NOT_SUPPORTED, "CreateRdsPostgreSQLDataSource", {}, "PostgreSQL")
    for action in ("ListWorkerInstances", "ReleaseWorkerInstance", "GetUploadOssUrl"):
        refused(daemon, NOT_SUPPORTED, action, {}, action)

    found = listed(daemon)
    assert (found["ob"]["userName"], found["ob"]["tenant"], found["ob"]["cluster"]) == ("u@t#c", "t", "c")
    assert (found["odp"]["ip"], found["odp"]["port"], found["odp"]["userName"]) == ("10.0.0.9", 2883, "m@t#c")
    assert (found["polar-2"]["type"], found["polar-2"]["ip"], found["polar-2"]["port"]) == ("POLARDB_MYSQL", "polar.example", 3306)
    assert found["plain"]["useSsl"] is True and found["plain"]["region"] == "eu" and found["plain"]["schema"] == "app"
    assert found["cloud-RDS"]["vpcId"] == "v-1" and found["plain"]["owner"] == "admin"
    assert set(listed(daemon, types=["OB_MYSQL_TENANT"])) == {"ob", "odp"} and not listed(daemon, types="ORACLE")
    assert set(listed(daemon, searchKey="polar-")) == {"polar-1", "polar-2"}
    assert list(listed(daemon, sortField="gmtCreate", order="asc", pageSize=2)) == ["plain", "cloud-INTERNET"]
    assert daemon.answer("ListDataSource", {"pageSize": "3", "pageNumber": "2"}, loose=True)["totalCount"] == len(found)
    daemon.call("DeleteDataSource", {"id": found["odp"]["id"]})
    assert "odp" not in listed(daemon)


@tags("quick")
def test_master_and_slave(env):
    daemon = env.daemon()

    def end(ip, **more):
        return {"name": "pair", "ip": ip, "port": 3306, "userName": f"user-{ip}", "password": PASSWORD, **more}
    refused(daemon, "PARAM_ERROR", "CreateMySQLMasterSlaveDataSource",
            {"master": end("a"), "slave": {**end("b"), "name": "other"}}, "slave.name")
    refused(daemon, "PARAM_ERROR", "CreateMySQLMasterSlaveDataSource",
            {"master": end("a", role="SLAVE"), "slave": end("a")}, "master.role", "slave.ip")
    made = daemon.call("CreateMySQLMasterSlaveDataSource", {"master": end("a", role="MASTER"), "slave": end("b")})
    pair = listed(daemon)["pair"]
    assert (pair["id"], pair["ip"], pair["userName"], pair["role"]) == (made, "a", "user-a", "MASTER")
    assert pair["slave"] == {"ip": "b", "port": 3306, "userName": "user-b"}
    daemon.call("UpdateDataSource", {"id": made, "useSlave": True})
    pair = listed(daemon)["pair"]
    assert (pair["ip"], pair["userName"], pair["slave"]["ip"]) == ("b", "user-b", "a")
    refused(daemon, "PARAM_ERROR", "UpdateDataSource", {"id": made, "useSlave": True, "ip": "c"}, "useSlave")
    plain = source(daemon, "plain")
    refused(daemon, "GHANA-OPERAT000002", "UpdateDataSource", {"id": plain, "useSlave": True}, "no slave")
    with sqlite3.connect(f"file:{daemon.data_dir}/store.db?mode=ro", uri=True) as store:
        rows = str(store.execute("SELECT * FROM source").fetchall())
    assert "secret" not in rows and PASSWORD not in rows, rows


@tags("quick")
def test_region(env):
    region, = env.daemon(args=["--region", "eu-west"]).call("DescribeRegions")
    assert region["region"] == region["regionCn"] == "eu-west" and region["id"] == "0", region
    assert set(region) == {"id", "region", "regionCn", "cmUrl", "code", "groupName", "gmtCreate", "gmtModified"}
