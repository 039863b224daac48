"""The SDK's dialect: the official Node SDK, unchanged, and requests that it never sends."""

import base64
import json
import os
import subprocess

import rpc
from common import REPOSITORY, prepare
from harness.daemon import PATIENCE
from harness.runner import needs, tags, timeout

SDK = os.path.join(REPOSITORY, "tests", "sdk")


def run_sdk(daemon, program, **setting):
    """Run one of tests/sdk/*.test.js; its own report is the explanation of a failure."""
    fetched = subprocess.run([os.path.join(REPOSITORY, "tests", "tools", "npm_part.sh"), "sdk"], capture_output=True, text=True,
                             timeout=300, check=False)
    assert fetched.returncode == 0, fetched.stderr
    path = os.path.join(daemon.directory, "sdk.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"dataDir": daemon.data_dir, "patience": PATIENCE, **setting}, file)
    done = subprocess.run(["node", "--test-reporter=spec", os.path.join(SDK, program)], capture_output=True, text=True, timeout=300 * PATIENCE, check=False,
                          env={**os.environ, "NODE_PATH": os.path.join(fetched.stdout.strip(), "node_modules"),
                               "CAUSEWAY_SDK_TEST": path})
    assert done.returncode == 0, f"{program}:\n{done.stdout[-20000:]}\n{done.stderr[-2000:]}\n{daemon.log_tail()}"
    return done.stdout


@tags("quick")
@needs("mariadb")
@timeout(240)
def test_sdk_life(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=500)
    daemon = env.daemon()
    tables = source.tables("app")
    added = tables.pop()
    env.load(source, "app", rate=30)
    run_sdk(daemon, "life.test.js", source=source.port, target=target.port, tables=tables, added=added)


@tags("quick")
@timeout(120)
def test_sdk_errors(env):
    run_sdk(env.daemon(), "errors.test.js")


def refused(answer, status, code, *words):
    """The shape of every failure: what the SDK reads, and our envelope beside it."""
    assert answer.status == status and answer.body["Code"] == code, answer
    assert answer.body["Success"] is False and answer.body["RequestId"].startswith("r_"), answer
    assert answer.body["ErrorDetail"]["Message"] == answer.body["Message"], answer
    for word in words:
        assert word in answer.body["Message"], answer


def password(text):
    return base64.b64encode(text.encode()).decode()


@tags("quick")
@timeout(120)
def test_rpc_forms(env):
    """Parameters as other SDKs send them: in parts, in any case, in the URL; chunked, with a length, without a type."""
    daemon = env.daemon()
    ends = []
    for name, options in (("one", {}), ("two", {"chunks": 7}), ("three", {"headers": {"content-type": None}}),
                          ("four", {"headers": {"content-type": rpc.FORM + "; charset=utf-8"}})):
        answer = rpc.call(daemon, "createmysqldatasource", {"NAME": name, "ip": "127.0.0.1", "Port": 3306, "Username": "u",
                                                             "passWord": password("x"), "Description": name * 20}, **options)
        assert answer.status == 200 and answer.body["Data"].startswith("e_"), answer
        ends.append(answer.body["Data"])
    whole = {"Name": "p1", "Type": "MIGRATION", "SourceEndpointId": ends[0], "SinkEndpointId": ends[1], "EnableFullTransfer": "true",
             "CommonTransferConfig": '{"TableCategory":"ALL"}', "IncrTransferConfig": '{"recordTypeWhiteList":["INSERT","DELETE"]}',
             "EnableIncrTransfer": "true", "FullTransferConfig": "{}",
             "TransferMapping": '{"Mode":"SPECIFIC","Databases":[{"Name":"a","MappedName":"b","Tables":[{"Name":"t","MappedName":"u"}]}]}'}
    parts = {"Name": "p2", "Type": "MIGRATION", "SourceEndpointId": ends[0], "SinkEndpointId": ends[1], "EnableFullTransfer": "1",
             "CommonTransferConfig.TableCategory": "ALL", "IncrTransferConfig.RecordTypeWhiteList.2": "DELETE",
             "IncrTransferConfig.RecordTypeWhiteList.1": "INSERT", "EnableIncrTransfer": "True",
             "TransferMapping.Mode": "SPECIFIC", "TransferMapping.Databases.1.Name": "a", "TransferMapping.Databases.1.MappedName": "b",
             "TransferMapping.Databases.1.Tables.1.Name": "t", "TransferMapping.Databases.1.Tables.1.MappedName": "u"}
    found = []
    for parameters in (whole, parts):
        made = rpc.call(daemon, "CreateProject", parameters)
        assert made.status == 200, made
        data = rpc.call(daemon, "DescribeProject", {"Id": made.body["Data"]}).body["Data"]
        found.append([data[key] for key in ("TransferMapping", "CommonTransferConfig", "IncrTransferConfig", "FullTransferConfig")])
        # one handler: the other dialect tells the same of it
        assert daemon.project(made.body["Data"])["name"] == parameters["Name"]
    assert found[0] == found[1], found
    listed = rpc.call(daemon, "ListProjects", query={"SearchKey": "p2", "Status.1": "INIT"})
    assert [project["Name"] for project in listed.body["Data"]] == ["p2"] and listed.body["TotalCount"] == 1, listed
    empty = rpc.call(daemon, "ListProjects", headers={"content-type": None})
    assert empty.body["TotalCount"] == 2, empty
    path, headers = rpc.older(daemon, "ListProjects", {"SearchKey": "p1", "PageSize": 5}, in_query=("SearchKey",))
    assert [project["Name"] for project in rpc.send(daemon, path, headers, "PageSize=5").body["Data"]] == ["p1"]

    refused(rpc.call(daemon, "StartProject", {"Id": "a", "ID": "b"}), 400, "PARAM_ERROR", "given twice")
    refused(rpc.call(daemon, "ListProjects", {"LabelIds": "[1"}), 400, "PARAM_ERROR", "labelIds", "JSON")
    refused(rpc.call(daemon, "ListProjects", {"PageNumber": "x", "PageSize": "1000"}), 400, "PARAM_ERROR", "pageNumber", "pageSize")
    for body, word in (("Id=%zz", "escape"), ("Id=%00", "NUL"), ("Id=%ff", "UTF-8")):
        path, headers = rpc.signed(daemon, "StartProject", body)
        refused(rpc.send(daemon, path, headers, body), 400, "PARAM_ERROR", word)
    refused(rpc.call(daemon, "NoSuchAction"), 404, "CAUSEWAY-ACTION000001")
    refused(rpc.call(daemon, "ListProjects", headers={"content-type": "application/json"}), 400, "PARAM_ERROR", "application/json")
    refused(rpc.call(daemon, "ListProjects", {"SearchKey": "x" * 5_000_000}, chunks=100_000), 413, "CAUSEWAY-LIMITS000001")


@tags("quick")
@timeout(120)
def test_rpc_signatures(env):
    """What must not pass: each change of a signed request, other credentials, an old or repeated request."""
    daemon = env.daemon()
    body = "PageSize=1"
    for change in ({"x-acs-action": "ListDataSource"}, {"host": "elsewhere"}, {"content-type": rpc.FORM + " "}, {"x-acs-extra": "1"}):
        path, headers = rpc.signed(daemon, "ListProjects", body, headers={"x-acs-extra": "0"})
        headers.update(change)
        answer = rpc.send(daemon, path, headers, body)
        if change != {"content-type": rpc.FORM + " "}:      # blanks around a value are no part of it
            refused(answer, 401, "CAUSEWAY-SIGNAT000001")
    path, headers = rpc.signed(daemon, "ListProjects", body)
    refused(rpc.send(daemon, path, headers, "PageSize=2"), 401, "CAUSEWAY-SIGNAT000001", "x-acs-content-sha256")
    refused(rpc.send(daemon, path + "?SearchKey=a", headers, body), 401, "CAUSEWAY-SIGNAT000001")
    assert rpc.send(daemon, path, headers, body).status == 200          # what failed before did not use up its nonce
    refused(rpc.send(daemon, path, headers, body), 401, "CAUSEWAY-SIGNAT000003")
    path, headers = rpc.signed(daemon, "ListProjects", body, only=["host", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce"])
    refused(rpc.send(daemon, path, headers, body), 401, "CAUSEWAY-AUTHEN000001", "x-acs-action")

    path, headers = rpc.older(daemon, "ListProjects", {"PageSize": 1})
    refused(rpc.send(daemon, path, headers, "PageSize=2"), 401, "CAUSEWAY-SIGNAT000001")
    refused(rpc.send(daemon, path, {**headers, "x-acs-action": "ListDataSource"}, body), 401, "CAUSEWAY-AUTHEN000001")
    assert rpc.send(daemon, path, headers, body).status == 200
    refused(rpc.send(daemon, path, headers, body), 401, "CAUSEWAY-SIGNAT000003")

    nobody = {"accessKeyId": "nobody", "accessKeySecret": daemon.credentials["accessKeySecret"]}
    unknown = rpc.call(daemon, "ListProjects", {"SearchKey": "x" * 3_000_000}, key=nobody, chunks=100_000)
    refused(unknown, 401, "CAUSEWAY-AUTHEN000001")
    assert unknown.headers["www-authenticate"] == "ACS3-HMAC-SHA256", unknown.headers
    basic = base64.b64encode(f"{daemon.credentials['username']}:{daemon.credentials['password']}".encode()).decode()
    refused(rpc.send(daemon, "/", {"Authorization": f"Basic {basic}", "x-acs-action": "ListProjects"}), 401,
            "CAUSEWAY-AUTHEN000001", "signed")
    refused(rpc.send(daemon, "/?Action=ListProjects", {}), 401, "CAUSEWAY-AUTHEN000001", "not signed")

    daemon.restart()        # nonces of before are not known any more
    path, headers = rpc.signed(daemon, "ListProjects", "", offset=-3600 * 24)
    refused(rpc.send(daemon, path, headers), 401, "CAUSEWAY-SIGNAT000002", "server's time")
    path, headers = rpc.signed(daemon, "ListProjects", "", offset=-300)
    refused(rpc.send(daemon, path, headers), 401, "CAUSEWAY-SIGNAT000003", "before this server began")
    assert rpc.call(daemon, "ListProjects").status == 200
