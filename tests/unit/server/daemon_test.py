"""A running causewayd against bad and good clients: the transport, the envelope, validation and the data directory.

Usage: daemon_test.py CAUSEWAYD OPENAPI [TestCase.test_name…]. No database server is needed. Every answer of the API is
held against openapi.yaml when jsonschema is installed; with CAUSEWAY_REQUIRE_TESTS set it has to be.
"""

import base64
import concurrent.futures
import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "openapi"))
import description  # noqa: E402

if description.jsonschema is None:
    if os.environ.get("CAUSEWAY_REQUIRE_TESTS"):
        sys.exit("python3-jsonschema is not installed: the answers can't be held against openapi.yaml")
    print("python3-jsonschema is not installed: the answers are NOT held against openapi.yaml", file=sys.stderr)

PROGRAM, OPENAPI = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


SPEC = yaml.safe_load(read(OPENAPI))
ANSWERS_S = 3 * float(os.environ.get("CAUSEWAY_TEST_SLOWER", "1"))    # a build with sanitizers takes several times longer
ENVELOPE = {"success", "errorDetail", "code", "message", "advice", "requestId", "pageNumber", "pageSize", "totalCount",
            "cost", "data"}
INJECTION = "x'; DROP TABLE project; --"


DESCRIPTION = description.Description(OPENAPI)


class Daemon:
    def __init__(self, directory, *args):
        self.directory = directory
        self.data_dir = os.path.join(directory, "data")
        self.args = args
        self.log = os.path.join(directory, "log")
        self.process = None

    def spawn(self, *args):
        command = [PROGRAM, "--data-dir", self.data_dir, "--listen", "127.0.0.1:0", *self.args, *args]
        with open(self.log, "ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        path = os.path.join(self.data_dir, "listen")
        if os.path.exists(path):
            os.unlink(path)             # of a killed daemon
        self.process = self.spawn()
        end = time.monotonic() + 20
        while not os.path.exists(path):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"no start: {self.tail()}")
            time.sleep(0.02)
        host, port = read(path).strip().rsplit(":", 1)
        self.address = (host, int(port))
        credentials = json.loads(read(os.path.join(self.data_dir, "initial-credentials.json")))
        self.auth = (credentials["username"], credentials["password"])
        return self

    def tail(self):
        return read(self.log)[-6000:]

    def stop(self):
        self.process.terminate()
        return self.process.wait(12)

    def http(self, method, path, body=None, headers=None, auth="initial"):
        headers = dict(headers or {})
        auth = self.auth if auth == "initial" else auth
        if auth:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        connection = http.client.HTTPConnection(*self.address, timeout=15)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            status, headers, answer = response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()
        # requests of these tests are of every form on purpose: only the answers are held against it
        DESCRIPTION.check(method, path, None, status, headers.get("Content-Type"), answer, loose=True)
        return status, headers, answer

    def raw(self, action, text, auth="initial"):
        status, _, body = self.http("POST", f"/api/v2?Action={action}", text, {"Content-Type": "application/json"}, auth)
        answer = json.loads(body)
        assert set(answer) == ENVELOPE, answer
        return status, answer

    def answer(self, action, body=None):
        began = time.monotonic()
        status, answer = self.raw(action, json.dumps(body or {}))
        assert status == 200, (status, answer)
        assert time.monotonic() - began < ANSWERS_S, f"every call answers in under {ANSWERS_S:g} s"
        return answer

    def data(self, action, body=None):
        answer = self.answer(action, body)
        assert answer["success"], answer
        return answer["data"]

    def fault(self, action, body=None):
        answer = self.answer(action, body)
        assert not answer["success"], answer
        return answer

    def source(self, name, **more):
        return self.data("CreateMySqlDataSource", {"name": name, "ip": "127.0.0.1", "port": 3306, "userName": "root",
                                                   "password": base64.b64encode(b"pa55word!").decode(), **more})


def fields(answer):
    return {fault["field"]: fault["problem"] for fault in answer["errorDetail"]["extraContext"]["faults"]}


class Base(unittest.TestCase):
    args = ()

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="causewayd-test-")
        cls.d = Daemon(cls.scratch.name, *cls.args).start()
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        status = cls.d.stop()
        log = cls.d.tail()
        cls.scratch.cleanup()
        assert status == 0, f"exit status {status}\n{log}"
        assert not re.search(r"Sanitizer|runtime error", log), log
        assert "pa55word!" not in log

    def name(self, prefix="n"):
        type(self).count += 1
        return f"{prefix}-{type(self).__name__}-{self.count}"

    @contextlib.contextmanager
    def store(self):
        """The daemon's store: what only a worker or a long wait could bring about is written into it."""
        connection = sqlite3.connect(os.path.join(self.d.data_dir, "store.db"), timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def set_status(self, project, status):
        with self.store() as store:
            store.execute("UPDATE project SET status = ? WHERE id = ?", (status, project))

    def events(self, project, event):
        """Messages of a project's events of one kind, oldest first."""
        rows = self.d.data("ListProjectEvents", {"projectId": project, "pageSize": 150})
        return [row["message"] for row in reversed(rows) if row["event"] == event]

    def body(self, **more):
        ends = {"sourceEndpointId": self.d.source(self.name("s")), "sinkEndpointId": self.d.source(self.name("t"))}
        return {"name": self.name("p"), **ends, "transferMapping": {"databases": [{"name": "shop"}]},
                "enableStructTransfer": True, "enableFullTransfer": True, "enableIncrTransfer": True, **more}


class Transport(Base):
    def test_health_metrics_openapi_console(self):
        status, headers, body = self.d.http("GET", "/healthz", auth=None)
        self.assertEqual((status, json.loads(body)), (200, {"status": "ok"}))
        status, _, body = self.d.http("GET", "/metrics", auth=None)
        self.assertEqual(status, 200)
        self.assertIn(b'causeway_projects{status="RUNNING"}', body)
        status, _, body = self.d.http("GET", "/openapi.yaml", auth=None)
        self.assertEqual(yaml.safe_load(body), SPEC)
        status, headers, body = self.d.http("GET", "/", auth=None)
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        for path in re.findall(rb'(?:src|href)="(/[^"]+)"', body):
            self.assertEqual(self.d.http("GET", path.decode(), auth=None)[0], 200, path)
        self.assertEqual(self.d.http("HEAD", "/", auth=None)[0], 200)

    def test_unknown_path_and_method(self):
        for path in ("/nope", "/api", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/api/v2/x"):
            status, _, body = self.d.http("GET", path)
            self.assertEqual(status, 404, path)
            self.assertEqual(set(json.loads(body)), ENVELOPE)
        status, headers, body = self.d.http("GET", "/api/v2?Action=ListProjects")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertFalse(json.loads(body)["success"])
        self.assertEqual(self.d.http("PUT", "/healthz")[0], 405)
        self.assertEqual(self.d.http("POST", "/nope")[0], 404)

    def test_rpc_dialect_wants_signatures(self):
        for headers, auth in (({"x-acs-action": "StartProject"}, None), ({}, None), ({}, ("admin", "wrong"))):
            status, answered, body = self.d.http("POST", "/", "Id=np_1", headers, auth)
            self.assertEqual((status, answered["WWW-Authenticate"]), (401, "ACS3-HMAC-SHA256"))
            self.assertEqual(set(json.loads(body)), {name[0].upper() + name[1:] for name in ENVELOPE} | {"Description"})

    def test_credentials(self):
        for auth in (None, ("admin", "wrong"), ("nobody", "x"), ("", ""), ("admin" * 50, "x")):
            status, headers, body = self.d.http("POST", "/api/v2?Action=ListProjects", "{}", auth=auth)
            self.assertEqual(status, 401)
            self.assertIn("Basic", headers["WWW-Authenticate"])
            self.assertEqual(set(json.loads(body)), ENVELOPE)
        for header in ("Basic", "Basic !!!", "Basic " + "A" * 5000, "Bearer x", "Basic " + base64.b64encode(b"admin").decode()):
            status, _, _ = self.d.http("POST", "/api/v2?Action=ListProjects", "{}", {"Authorization": header}, None)
            self.assertEqual(status, 401, header)

    def test_wrong_logins_are_limited_but_not_the_right_ones(self):
        self.assertEqual(self.d.raw("ListProjects", "{}")[0], 200)
        texts = set()
        for _ in range(25):
            status, answer = self.d.raw("ListProjects", "{}", ("victim", "wrong"))
            self.assertEqual(status, 401)
            texts.add(answer["message"].split("]: ")[1])
        self.assertIn("too many failed logins", texts)
        self.assertEqual(self.d.raw("ListProjects", "{}")[0], 200)

    def test_page_of_another_site(self):
        status, _, body = self.d.http("POST", "/api/v2?Action=ListProjects", "{}", {"Sec-Fetch-Site": "cross-site"})
        self.assertEqual((status, json.loads(body)["success"]), (200, False))

    def test_large_body(self):
        for size in (10 * 1024 * 1024, 4 * 1024 * 1024 + 1):
            status, answer = self.d.raw("CreateProject", b" " * size)
            self.assertEqual((status, answer["success"]), (413, False))
        status, answer = self.d.raw("ListProjects", b"{}" + b" " * (4 * 1024 * 1024 - 2))
        self.assertEqual((status, answer["success"]), (200, True))

    def test_large_chunked_body(self):
        def chunks():
            for _ in range(160):
                yield b" " * 65536
        status, _, body = self.d.http("POST", "/api/v2?Action=ListProjects", chunks())
        self.assertEqual(status, 413)
        self.assertEqual(set(json.loads(body)), ENVELOPE)

    def test_chunked_body(self):
        status, _, body = self.d.http("POST", "/api/v2?Action=ListProjects", iter([b'{"page', b'Size"', b": 7}"]))
        self.assertEqual((status, json.loads(body)["pageSize"]), (200, 7))

    def test_huge_headers(self):
        try:
            self.assertIn(self.d.http("GET", "/healthz", headers={"X-Long": "a" * 60000}, auth=None)[0], (413, 431))
        except ConnectionError:         # closed with a part unread: the answer may be lost on the way
            pass
        self.assertEqual(self.d.http("GET", "/healthz", auth=None)[0], 200)

    def test_slow_clients_block_nobody(self):
        slow = []
        try:
            for _ in range(100):
                s = socket.create_connection(self.d.address)
                s.sendall(b"POST /api/v2?Action=ListProjects HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-")
                slow.append(s)
            began = time.monotonic()
            for _ in range(20):
                self.d.data("ListProjects")
                for s in slow:
                    s.sendall(b"a")
            self.assertLess(time.monotonic() - began, 3)
        finally:
            for s in slow:
                s.close()

    def test_garbage_on_the_socket(self):
        for text in (b"\0" * 1000, b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"POST /api/v2 HTTP/1.1\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"):
            with socket.create_connection(self.d.address) as s:
                s.sendall(text)
        self.assertEqual(self.d.http("GET", "/healthz", auth=None)[0], 200)

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: self.d.raw("ListProjects", "{}"), range(400)))
        self.assertTrue(all(status == 200 and answer["success"] for status, answer in answers))


class MetricsWithCredentials(Base):
    args = ("--metrics-auth", "true")

    def test_metrics_want_an_account(self):
        self.assertEqual(self.d.http("GET", "/metrics", auth=None)[0], 401)
        self.assertEqual(self.d.http("GET", "/metrics", auth=("admin", "no"))[0], 401)
        self.assertEqual(self.d.http("GET", "/metrics")[0], 200)
        self.assertEqual(self.d.http("GET", "/healthz", auth=None)[0], 200)


class Requests(Base):
    def test_unknown_and_unbuilt_actions(self):
        answer = self.d.fault("NoSuchAction")
        self.assertEqual(answer["code"], "CAUSEWAY-ACTION000001")
        status, answer = self.d.raw("", "{}")
        self.assertFalse(answer["success"])
        status, _, body = self.d.http("POST", "/api/v2", "{}")
        self.assertEqual((status, json.loads(body)["code"]), (200, "CAUSEWAY-ACTION000001"))
        lines = subprocess.run([PROGRAM, "--list-actions"], check=True, capture_output=True, text=True).stdout.splitlines()
        for action in [line.split()[0] for line in lines if line.endswith(" not-supported")]:
            answer = self.d.fault(action)
            self.assertEqual(answer["code"], "CAUSEWAY-NOTSUP000001")
            self.assertIn(action, answer["message"])

    def test_spelling_of_actions_and_keys(self):
        self.d.data("listprojects")
        self.d.data("CreateMysqlDataSource", {"NAME": self.name(), "Ip": "h", "PORT": "3306", "username": "u",
                                              "Password": "", "uid": None, "unknown": 1, "useSsl": "true"})
        one = self.d.data("ListDataSource", {"types": "MYSQL", "pageSize": "1", "pageNumber": 1.0, "searchKey": None})
        self.assertEqual(len(one), 1)
        self.assertTrue(one[0]["useSsl"])

    def test_bodies_that_are_no_json_object(self):
        deep = "[" * 200 + "]" * 200
        for text in ("{", "[]", '"x"', "1", "nul", '{"a":1}x', '{"a":' + deep + "}", b'{"a":"\xff"}', "{\"a\":1,}"):
            status, answer = self.d.raw("ListProjects", text)
            self.assertEqual((status, answer["code"]), (200, "PARAM_ERROR"), text)
        self.assertTrue(self.d.raw("ListProjects", "")[1]["success"])

    def test_all_faults_at_once(self):
        answer = self.d.fault("CreateMySqlDataSource", {"name": "has space", "ip": "a b", "port": "99999", "password": "?"})
        self.assertEqual(answer["code"], "PARAM_ERROR")
        self.assertEqual(set(fields(answer)), {"name", "ip", "port", "password", "userName"})
        for name in fields(answer):
            self.assertIn(f"{name}: ", answer["message"])
        self.assertEqual(set(fields(self.d.fault("CreateProject"))),
                         {"name", "sourceEndpointId", "sinkEndpointId", "transferMapping"})

    def test_wrong_types(self):
        for value in ({}, [], [1], {"a": 1}):
            answer = self.d.fault("StartProject", {"id": value})
            self.assertEqual(fields(answer), {"id": "must be a text"})
        answer = self.d.fault("ListProjects", {"pageSize": 151, "pageNumber": 0, "order": "up", "status": ["NO"],
                                               "needRelatedInfo": "maybe"})
        self.assertEqual(set(fields(answer)), {"pageSize", "pageNumber", "order", "status[0]", "needRelatedInfo"})
        answer = self.d.fault("CreateProject", self.body(transferMapping=[], fullTransferConfig="x", incrTransferConfig=3))
        self.assertEqual(set(fields(answer)), {"transferMapping", "fullTransferConfig", "incrTransferConfig"})
        self.assertIn("NUL", fields(self.d.fault("StartProject", {"id": "a\0b"}))["id"])

    def test_unknown_ids(self):
        for action in ("StartProject", "StopProject", "ResumeProject", "ReleaseProject", "DeleteProject", "DescribeProject",
                       "DescribeProjectSteps", "DescribeProjectProgress", "UpdateProjectConfig", "GetPreCheckResult"):
            answer = self.d.fault(action, {"id": "np_unknown"})
            self.assertIn("GHANA-PROJECT000001", answer["message"], action)
            self.assertEqual(answer["errorDetail"]["code"], "GHANA-PROJECT000001")
        self.assertEqual(self.d.fault("GetPreCheckResult", {"id": "pc_x"})["code"], "GHANA-PRECHK000001")
        for action in ("ListPendingDdl", "SkipDdl", "ReplaceDdl", "ListProjectEvents"):
            answer = self.d.fault(action, {"projectId": "np_unknown", "ddlId": "b.1:4", "sql": "DO 0"})
            self.assertEqual(answer["code"], "GHANA-PROJECT000001", action)
        answer = self.d.fault("ResetIncrStartTimestamp", {"id": "np_unknown", "startTimestamp": 1700000000})
        self.assertEqual(answer["code"], "GHANA-PROJECT000001")
        self.assertEqual(self.d.fault("UpdateDataSource", {"id": "e_x", "port": 1})["code"], "GHANA-ENDPNT000001")
        self.assertEqual(self.d.fault("DeleteDataSource", {"id": "e_x"})["code"], "GHANA-ENDPNT000001")
        answer = self.d.fault("CreateProject", self.body(sinkEndpointId="e_x"))
        self.assertEqual(answer["code"], "GHANA-ENDPNT000001")
        self.assertIn("sinkEndpointId", answer["message"])

    def test_injection_in_every_name_and_filter(self):
        self.d.data("ListProjects", {"searchKey": INJECTION})
        self.assertEqual(self.d.data("ListProjects", {"searchKey": "%"}), [])
        self.d.data("ListDataSource", {"searchKey": INJECTION})
        self.d.data("ListProjects", {"type": INJECTION, "labelIds": [INJECTION]})
        self.assertIn("types[0]", fields(self.d.fault("ListDataSource", {"types": [INJECTION]})))
        for name in ("sourceEndpointTypes", "sinkEndpointTypes"):
            self.assertIn(f"{name}[0]", fields(self.d.fault("ListProjects", {name: [INJECTION]})))
        for action in ("StartProject", "DescribeProject", "GetPreCheckResult", "DeleteDataSource"):
            self.d.fault(action, {"id": INJECTION})
        table = {"name": "t", "mappedName": INJECTION, "whereClause": "1=1; DROP TABLE t", "filterColumns": ["a\nb"]}
        mapping = {"databases": [{"name": INJECTION, "mappedName": "a`b"}, {"name": "b", "tables": [table, {"name": "c`d"}]}]}
        answer = self.d.fault("CreateProject", self.body(
            name=INJECTION, transferMapping=mapping, commonTransferConfig={"controlSchema": INJECTION}))
        self.assertLessEqual({"name", "transferMapping.databases[0].name", "transferMapping.databases[0].mappedName",
                              "transferMapping.databases[1].tables[0].mappedName",
                              "transferMapping.databases[1].tables[0].filterColumns[0]",
                              "transferMapping.databases[1].tables[1].name",
                              "commonTransferConfig.controlSchema"}, set(fields(answer)))
        rules = {"mode": "WILDCARD", "tableAndViewWhiteList": [INJECTION, "a.b`", "a..b", "a.[b", "a.*=b.x*", "a", "a.b\n"]}
        self.assertEqual(len(fields(self.d.fault("CreateProject", self.body(transferMapping=rules)))), 7)
        for clause in ("1=1) OR (1=1", "id IN (SELECT 1)", "SLEEP(5)", "a -- b", "a /* b", "a # b", "@x := 1", "a.b = 1", "x'"):
            mapping = {"databases": [{"name": "b", "tables": [{"name": "t", "whereClause": clause}]}]}
            answer = self.d.fault("CreateProject", self.body(transferMapping=mapping))
            self.assertEqual(list(fields(answer)), ["transferMapping.databases[0].tables[0].whereClause"], clause)
        self.d.data("ListProjects")

    def test_what_is_not_built_is_said(self):
        for more in ({"type": "VERIFY"},
                     {"incrTransferConfig": {"supportDDLTypes": ["ALTER_TABLE_MODIFY_COLUMN"]}},
                     {"transferMapping": {"mode": "COMPLEX"}},
                     {"transferMapping": {"databases": [{"name": "a", "tables": [{"name": "x", "mappedName": "z"},
                                                                                {"name": "y", "mappedName": "z"}]}]}}):
            answer = self.d.fault("CreateProject", self.body(**more))
            self.assertEqual(answer["code"], "CAUSEWAY-NOTSUP000001", more)

    def test_rules_between_fields(self):
        now = int(time.time())
        for more, field in (
                ({"enableStructTransfer": 0, "enableFullTransfer": "false", "enableIncrTransfer": None}, "enableStructTransfer"),
                ({"incrTransferConfig": {"startTimestamp": str(now - 10)}}, "incrTransferConfig.startTimestamp"),
                ({"enableFullTransfer": False, "incrTransferConfig": {"startTimestamp": now + 999}}, "incrTransferConfig.startTimestamp"),
                ({"incrTransferConfig": {"recordTypeWhiteList": ["ROW"]}}, "incrTransferConfig.recordTypeWhiteList"),
                ({"incrTransferConfig": {"incrSyncConcurrency": 1025}}, "incrTransferConfig.incrSyncConcurrency"),
                ({"enableFullVerify": True, "enableIncrTransfer": True, "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "UPDATE"]}},
                 "enableFullVerify"),
                ({"enableIncrVerify": True, "enableIncrTransfer": False}, "enableIncrVerify"),
                ({"commonTransferConfig": {"connectRetryMinutes": 9}}, "commonTransferConfig.connectRetryMinutes"),
                ({"fullTransferConfig": {"throttleRps": 0}}, "fullTransferConfig.throttleRps"),
                ({"enableReverseIncrTransfer": True, "type": "SYNC"}, "enableReverseIncrTransfer"),
                ({"enableReverseIncrTransfer": True, "enableIncrTransfer": False}, "enableIncrTransfer"),
                ({"enableReverseIncrTransfer": True, "reverseIncrTransferConfig": {"startTimestamp": 5}},
                 "reverseIncrTransferConfig.startTimestamp"),
                ({"enableReverseIncrTransfer": True, "reverseIncrTransferConfig": {"supportDDLTypes": ["DROP_TABLE"]}},
                 "reverseIncrTransferConfig.supportDDLTypes"),
                ({"enableReverseIncrTransfer": True, "transferMapping": {"databases": [
                    {"name": "a", "tables": [{"name": "x", "whereClause": "id > 5"}]}]}},
                 "transferMapping.databases[0].tables[0].whereClause"),
                ({"structTransferConfig": {"triggerMigrationType": "WITH_TRANSFER_APP_SWITCH"}},
                 "structTransferConfig.triggerMigrationType"),
                ({"transferMapping": {"mode": "SPECIFIC", "databases": []}}, "transferMapping.databases"),
                ({"transferMapping": {"mode": "WILDCARD"}}, "transferMapping.tableAndViewWhiteList"),
                ({"transferMapping": {"databases": [{"name": "a$$b"}]}}, "transferMapping.databases[0].name"),
                ({"transferMapping": {"databases": [{"name": "mysql"}]}}, "transferMapping.databases[0]"),
                ({"transferMapping": {"databases": [{"name": "oms"}]}}, "transferMapping.databases[0]"),
                ({"transferMapping": {"databases": [{"name": "a", "tables": [{"name": "x"}, {"name": "x"}]}]}},
                 "transferMapping.databases[0].tables[1]")):
            answer = self.d.fault("CreateProject", self.body(**more))
            self.assertEqual((answer["code"], list(fields(answer))), ("PARAM_ERROR", [field]), more)

    def test_a_very_large_selection(self):
        tables = [{"name": f"table_{i}", "mappedName": f"table_{i}"} for i in range(20000)]
        body = self.body(transferMapping={"mode": "SPECIFIC", "databases": [{"name": "big", "tables": tables}]})
        project = self.d.data("CreateProject", body)
        self.assertEqual(len(self.d.data("DescribeProject", {"id": project})["transferMapping"]["databases"][0]["tables"]), 20000)
        self.d.data("DeleteProject", {"id": project})


# A worker in a few lines: it stays at a step as long as that stands in DATADIR/hold, dies at once when it stands in die.
FAKE_WORKER = r"""#!/usr/bin/python3
import json, os, select, socket, sys
channel = socket.socket(fileno=3)
lines = channel.makefile("rw", encoding="utf-8")
task = json.loads(lines.readline())
def say(**message):
    lines.write(json.dumps(message) + "\n")
    lines.flush()
def listed(name):
    path = os.path.join(task["dataDir"], name)
    return os.path.exists(path) and task["step"] in open(path).read().split()
def listen():
    if select.select([channel], [], [], 0.02)[0]:
        line = lines.readline()
        if not line or json.loads(line)["t"] == "stop":
            os._exit(0)
if listed("die"):
    os._exit(3)
say(t="hello", pid=os.getpid(), version="VERSION")
say(t="progress", progress=10, stepInfo={})
while listed("hold"):
    listen()
if listed("fail"):
    say(t="error", retrying=False, error={"code": "CONNECTOR-CONF00000001", "symbol": "ERR_CONFLICT", "message": "row 1 of shop.t"})
    os._exit(1)
if task["kind"] in ("relay", "incr"):
    if task["kind"] == "incr" and task["pair"]["twoWay"] and task["direction"] == "FORWARD" and not listed("mute"):
        say(t="turn", file="bin.000007", pos=4711, gtid=None, timestamp=1700000000)
    if listed("unready"):
        while listed("unready"):
            listen()
    say(t="ready")
    while True:
        listen()
say(t="done", stepInfo={})
os._exit(0)
"""

APPLY = "INCR_TRANSFER"
ORDER = ["TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", APPLY]


class TwoWay(Base):
    """The second direction: what a project must be for it, what it is made of, who ends first. No database server."""

    @classmethod
    def setUpClass(cls):
        version = subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
        with tempfile.NamedTemporaryFile("w", prefix="causeway-fake-worker-", delete=False, encoding="utf-8") as file:
            file.write(FAKE_WORKER.replace("VERSION", version))
        os.chmod(file.name, 0o700)
        cls.worker = file.name
        cls.args = ("--worker-path", file.name, "--conflicts-max", "50")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        os.unlink(cls.worker)
        super().tearDownClass()

    def two_way(self, **more):
        common = {"activeActive": True, **more.pop("commonTransferConfig", {})}
        return self.body(commonTransferConfig=common, **more)

    def note(self, project, **files):
        """note(project, hold="STEP", …): what its workers do."""
        folder = os.path.join(self.d.data_dir, "projects", project)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for name, steps in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(steps)

    def wait(self, what, condition):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end, f"not within 30 s: {what}\n{self.d.tail()}")
            time.sleep(0.03)

    def wait_step(self, project, step, *statuses):
        self.wait(f"{step} {statuses}", lambda: {row["name"]: row["status"] for row in self.d.data(
            "DescribeProjectSteps", {"id": project})}[step] in statuses)

    def wait_status(self, project, status):
        self.wait(status, lambda: self.d.data("DescribeProject", {"id": project})["status"] == status)

    def running(self, **more):
        """A two-way project whose INCR_TRANSFER is MONITORING and whose turn is known."""
        project = self.d.data("CreateProject", self.two_way(**more))
        self.d.data("StartProject", {"id": project})
        self.wait_step(project, APPLY, "MONITORING")
        self.wait("turn", lambda: self.extra(project)["reverseStart"])
        return project

    def extra(self, project):
        return self.d.data("DescribeProject", {"id": project})["extraInfo"]

    def refused(self, project, *parts, **more):
        answer = self.d.fault("ConfigureReverseProject", {"id": project, **more})
        self.assertEqual(answer["code"], "GHANA-OPERAT000002", answer)
        for part in parts:
            self.assertIn(part, answer["message"] + answer["advice"])

    def test_every_state_before_the_forward_step_runs(self):
        project = self.d.data("CreateProject", self.two_way())
        self.refused(project, "is INIT", "StartProject")
        self.note(project, hold=" ".join(ORDER[:-1]))
        self.d.data("StartProject", {"id": project})
        for i, step in enumerate(ORDER[:-1]):
            self.wait_step(project, step, "RUNNING")
            self.refused(project, f"is in step {step} (RUNNING", "has not begun")
            self.note(project, hold=" ".join(ORDER[i + 1:-1]), unready=APPLY)
        self.wait_step(project, APPLY, "RUNNING")
        self.wait("turn", lambda: self.extra(project)["reverseStart"])
        reverse = self.d.data("ConfigureReverseProject", {"id": project})       # RUNNING is enough
        self.assertEqual(self.extra(project)["reverseProjectId"], reverse)

    def test_states_in_which_the_forward_project_does_not_run(self):
        project = self.running()
        self.d.data("StopProject", {"id": project})
        self.refused(project, "is SUSPEND", f"paused in step {APPLY}", "ResumeProject")
        self.note(project, fail=APPLY)
        self.wait_step(project, APPLY, "SUSPEND")
        self.d.data("ResumeProject", {"id": project})
        self.wait_status(project, "FAILED")
        self.refused(project, f"is FAILED in step {APPLY}", "row 1 of shop.t")
        self.note(project, fail="", hold="RELEASE")
        self.d.data("ReleaseProject", {"id": project})
        self.refused(project, "is RELEASING")
        self.note(project, hold="")
        self.wait_status(project, "RELEASED")
        self.refused(project, "is RELEASED")
        self.d.data("DeleteProject", {"id": project})
        self.assertEqual(self.d.fault("ConfigureReverseProject", {"id": project})["code"], "GHANA-PROJECT000001")
        self.assertEqual(self.d.fault("ConfigureReverseProject", {"id": "np_0"})["code"], "GHANA-PROJECT000001")

    def test_a_dead_worker_and_an_unknown_turn(self):
        silent = self.d.data("CreateProject", self.two_way())
        self.note(silent, mute=APPLY)
        self.d.data("StartProject", {"id": silent})
        self.wait_step(silent, APPLY, "MONITORING")
        self.refused(silent, "has not told yet", "startTimestamp")
        self.note(silent, die=APPLY)                    # killed, then dying at each start: mostly there is none
        for line in os.popen(f"pgrep -f '{self.worker} {silent} {APPLY}'").read().split():
            os.kill(int(line), signal.SIGKILL)
        self.wait("its end", lambda: "its worker is not alive" in
                  self.d.fault("ConfigureReverseProject", {"id": silent})["message"])
        self.note(silent, die="")
        self.wait("its return", lambda: "has not told yet" in
                  self.d.fault("ConfigureReverseProject", {"id": silent})["message"])
        reverse = self.d.data("ConfigureReverseProject", {"id": silent, "incrTransferConfig": {"startTimestamp": "1700000000"}})
        self.assertEqual(self.d.data("DescribeProject", {"id": reverse})["incrTransferConfig"]["startTimestamp"], 1700000000)

    def test_only_forward_two_way_projects_and_one_at_a_time(self):
        one_way = self.d.data("CreateProject", self.body())
        self.refused(one_way, "is not a two-way project")
        project = self.running()
        reverse = self.d.data("ConfigureReverseProject", {"id": project})
        self.refused(project, "has a reverse project already", reverse, "INIT")
        self.refused(reverse, "is a reverse project itself", project)
        self.d.data("DeleteProject", {"id": reverse})
        reverse = self.d.data("ConfigureReverseProject", {"id": project})       # one that never ran leaves nothing behind
        self.d.data("StartProject", {"id": reverse})
        self.wait_step(reverse, APPLY, "MONITORING")
        self.d.data("StopProject", {"id": reverse})
        self.wait_step(reverse, APPLY, "SUSPEND")
        self.d.data("ReleaseProject", {"id": reverse})
        self.wait_status(reverse, "RELEASED")
        self.refused(project, reverse, "startTimestamp")
        again = self.d.data("ConfigureReverseProject", {"id": project, "name": self.name(),
                                                        "incrTransferConfig": {"startTimestamp": int(time.time()) - 60}})
        self.assertEqual(self.extra(project)["reverseProjectId"], again)

    def test_what_it_is_made_of(self):
        mapping = {"databases": [{"name": "shop", "mappedName": "laden", "tables": [{"name": "t", "mappedName": "u"}]}]}
        project = self.running(transferMapping=mapping, importance="HIGH", incrTransferConfig={
            "conflictStrategy": "Overwrite", "recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE", "DDL"], "throttleRps": 9,
            "incrSyncConcurrency": 7})
        forward = self.d.data("DescribeProject", {"id": project})
        self.assertEqual(forward["incrTransferConfig"]["conflictDetection"], "ROW")
        self.assertEqual(forward["extraInfo"]["reverseStart"], {"file": "bin.000007", "pos": 4711, "gtid": None,
                                                                "timestamp": 1700000000})
        reverse = self.d.data("DescribeProject", {"id": self.d.data("ConfigureReverseProject", {
            "id": project, "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "UPDATE"]}})})
        self.assertEqual((reverse["name"], reverse["status"]), (forward["name"] + "-reverse", "INIT"))
        self.assertEqual([step["name"] for step in reverse["steps"]], ["TRANSFER_PRECHECK", "TRANSFER_INCR_LOG_PULL", APPLY])
        self.assertEqual(reverse["sourceConnectInfo"]["endpointId"], forward["sinkConnectInfo"]["endpointId"])
        self.assertEqual(reverse["sinkConnectInfo"]["endpointId"], forward["sourceConnectInfo"]["endpointId"])
        self.assertEqual(reverse["transferMapping"], {"mode": "SPECIFIC", "databases": [
            {"name": "laden", "mappedName": "shop", "tables": [{"name": "u", "mappedName": "t"}]}]})
        incr = reverse["incrTransferConfig"]
        self.assertEqual((incr["conflictStrategy"], incr["conflictDetection"], incr["supportDDLTypes"]), ("IGNORE", "ROW", []))
        self.assertEqual((incr["recordTypeWhiteList"], incr["throttleRps"], incr["incrSyncConcurrency"]), (["INSERT", "UPDATE"], 9, 7))
        self.assertEqual((reverse["extraInfo"]["direction"], reverse["extraInfo"]["forwardProjectId"]), ("REVERSE", project))
        self.assertEqual((forward["extraInfo"]["direction"], self.extra(project)["reverseProjectId"]), ("FORWARD", reverse["id"]))
        self.assertEqual(reverse["importance"], "HIGH")
        listed = self.d.data("ListProjects", {"searchKey": forward["name"]})
        self.assertEqual({row["id"] for row in listed}, {project, reverse["id"]})
        # changed as the others are, but for DDL
        change = {"id": reverse["id"], "incrTransferConfig": {"throttleRps": 9, "conflictStrategy": "FAIL"}}
        self.d.data("UpdateProjectConfig", change)
        self.assertEqual(self.d.data("DescribeProject", {"id": reverse["id"]})["incrTransferConfig"]["conflictStrategy"], "FAIL")
        change["incrTransferConfig"]["supportDDLTypes"] = ["ALTER_TABLE"]
        self.assertEqual(list(fields(self.d.fault("UpdateProjectConfig", change))), ["incrTransferConfig.supportDDLTypes"])
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {**forward["incrTransferConfig"],
                                                                                 "conflictStrategy": "FAIL"}})
        now = self.d.data("DescribeProject", {"id": project})["incrTransferConfig"]
        self.assertEqual(now, {**forward["incrTransferConfig"], "conflictStrategy": "FAIL"})

    def test_its_own_defaults(self):
        project = self.running(incrTransferConfig={"throttleRps": 9}, reverseIncrTransferConfig={
            "incrSyncConcurrency": 3, "conflictDetection": "KEY"})
        now = self.d.data("DescribeProject", {"id": self.d.data("ConfigureReverseProject", {"id": project, "name": self.name()})})
        incr = now["incrTransferConfig"]
        self.assertEqual((incr["incrSyncConcurrency"], incr["conflictDetection"], incr["conflictStrategy"], incr["throttleRps"]),
                         (3, "KEY", "FAIL", 9))

    def test_faults_of_the_reverse_come_at_once(self):
        project = self.running()
        answer = self.d.fault("ConfigureReverseProject", {"id": project, "incrTransferConfig": {
            "recordTypeWhiteList": ["DDL"], "supportDDLTypes": ["ALTER_TABLE"], "startTimestamp": int(time.time()) + 9999}})
        self.assertEqual({fault["field"] for fault in answer["errorDetail"]["extraContext"]["faults"]}, {
            "incrTransferConfig.recordTypeWhiteList", "incrTransferConfig.supportDDLTypes", "incrTransferConfig.startTimestamp"})
        answer = self.d.fault("ConfigureReverseProject", {"id": project, "incrTransferConfig": {"conflictStrategy": "x"}})
        self.assertEqual(list(fields(answer)), ["incrTransferConfig.conflictStrategy"])
        long = self.running(name="n" * 60)
        self.assertEqual(list(fields(self.d.fault("ConfigureReverseProject", {"id": long}))), ["name"])
        self.d.data("ConfigureReverseProject", {"id": long, "name": self.name()})

    def test_faults_of_a_two_way_project_come_at_once(self):
        mapping = {"databases": [{"name": "a", "mappedName": "x", "tables": [{"name": "t", "whereClause": "id > 1",
                                                                             "filterColumns": ["id"]}]},
                                 {"name": "b", "mappedName": "x", "tables": [{"name": "u"}]}]}
        answer = self.d.fault("CreateProject", self.two_way(
            transferMapping=mapping, enableIncrTransfer=False, commonTransferConfig={"tableCategory": "WITHOUT_UNIQUE_ROW_ID"},
            reverseIncrTransferConfig={"supportDDLTypes": ["ALTER_TABLE"]}, incrTransferConfig={"conflictStrategy": "both"}))
        self.assertEqual(set(fields(answer)), {"incrTransferConfig.conflictStrategy"})      # first what is no value at all
        answer = self.d.fault("CreateProject", self.two_way(
            transferMapping=mapping, enableIncrTransfer=False, commonTransferConfig={"tableCategory": "WITHOUT_UNIQUE_ROW_ID"},
            reverseIncrTransferConfig={"supportDDLTypes": ["ALTER_TABLE"]}))
        at = "transferMapping.databases[0].tables[0]"
        self.assertEqual(set(fields(answer)), {
            "enableIncrTransfer", "commonTransferConfig.tableCategory", f"{at}.whereClause", f"{at}.filterColumns",
            "transferMapping.databases[1]", "reverseIncrTransferConfig.supportDDLTypes"})
        answer = self.d.fault("CreateProject", self.two_way(enableReverseIncrTransfer=True))
        self.assertIn("enableReverseIncrTransfer", fields(answer))

    def test_the_reverse_is_released_first_and_each_lives_by_itself(self):
        project = self.running()
        reverse = self.d.data("ConfigureReverseProject", {"id": project})
        self.d.data("StartProject", {"id": reverse})
        self.wait_step(reverse, APPLY, "MONITORING")
        self.d.data("StopProject", {"id": project})
        self.wait_step(project, APPLY, "SUSPEND")
        self.assertEqual(self.d.data("DescribeProject", {"id": reverse})["status"], "RUNNING")
        answer = self.d.fault("ReleaseProject", {"id": project})
        self.assertEqual(answer["code"], "GHANA-OPERAT000002")
        self.assertIn(reverse, answer["message"])
        self.d.data("ResumeProject", {"id": project})
        self.d.data("StopProject", {"id": reverse})
        self.wait_step(reverse, APPLY, "SUSPEND")
        self.wait_step(project, APPLY, "MONITORING", "RUNNING")
        self.d.data("ReleaseProject", {"id": reverse})
        self.wait_status(reverse, "RELEASED")
        self.d.data("StopProject", {"id": project})
        self.d.data("ReleaseProject", {"id": project})
        self.wait_status(project, "RELEASED")

    def add_conflicts(self, project, count):
        rows = []
        for i in range(1, count + 1):
            doc = {"num": i, "seq": i, "n": 0, "timestamp": 1700000000 + i, "kind": "ROW_DIFFERS", "decision": "IGNORED", "db": "shop",
                   "table": "t", "targetDb": "shop", "targetTable": "t", "key": {"id": str(i)}, "before": None, "after": {"id": "ü\x1b"},
                   "target": [], "sourcePos": "b.1:4", "sourceGtid": None, "targetPos": None, "cut": False}
            text = json.dumps(doc, ensure_ascii=False)
            rows.append((project, APPLY, i, i, "ROW_DIFFERS", "IGNORED", 1700000000 + i, text, len(text.encode())))
        with self.store() as store:
            store.executemany("INSERT INTO conflict (project_id, step, seq, num, n, kind, decision, at, doc, bytes, source_table,"
                              " target_table, created_at, modified_at) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 'shop.t', 'shop.t', 9, 9)", rows)
        return [json.loads(row[7]) for row in rows]

    def download(self, body):
        status, headers, content = self.d.http("POST", "/api/v2?Action=DownloadConflictData", json.dumps(body))
        self.assertEqual((status, headers["Content-Type"]), (200, "application/zip"))
        self.assertEqual(headers["Content-Disposition"], f"attachment; filename={body['projectId']}.zip")
        archive = zipfile.ZipFile(io.BytesIO(content))
        self.assertIsNone(archive.testzip())
        return archive

    def test_conflicts(self):
        project = self.d.data("CreateProject", self.two_way())
        self.assertEqual(self.d.data("ListConflictRecords", {"projectId": project}), [])
        self.assertEqual(self.d.data("ListConflictData", {"projectId": project, "omsStepName": "FULL_TRANSFER"}), [])
        self.assertEqual(self.download({"projectId": project}).namelist(), [])
        docs = self.add_conflicts(project, 10050)
        answer = self.d.answer("ListConflictRecords", {"projectId": project, "pageSize": 2, "stepName": APPLY, "table": "shop.t"})
        self.assertEqual((answer["totalCount"], [row["seq"] for row in answer["data"]]), (10050, [10050, 10049]))
        self.assertEqual(self.d.answer("ListConflictRecords", {"projectId": project, "from": 1700000005, "to": "1700000006"})["totalCount"], 2)
        self.assertEqual(self.d.data("ListConflictRecords", {"projectId": project, "decision": "failed"}), [])
        self.assertEqual(set(fields(self.d.fault("ListConflictRecords", {"projectId": project, "kind": "x", "stepName": "PREPARE"}))),
                         {"kind", "stepName"})
        files = self.d.data("ListConflictData", {"projectId": project, "omsStepName": APPLY})
        self.assertEqual([file["fileName"] for file in files], ["conflict_sql_1.log", "conflict_sql_2.log"])
        archive = self.download({"projectId": project, "omsStepName": APPLY})
        self.assertEqual([(info.filename, info.file_size) for info in archive.infolist()],
                         [(file["fileName"], file["size"]) for file in files])
        lines = [json.loads(line) for name in archive.namelist() for line in archive.read(name).decode().split("\n") if line]
        self.assertEqual(lines, docs)
        one = self.download({"projectId": project, "omsStepName": APPLY, "fileNames": ["conflict_sql_2.log", "conflict_sql_2.log"]})
        self.assertEqual(one.namelist(), ["conflict_sql_2.log"])
        answer = self.d.fault("DownloadConflictData", {"projectId": project, "fileNames": ["conflict_sql_3.log", "../x"]})
        self.assertEqual(set(fields(answer)), {"fileNames[0]", "fileNames[1]"})
        self.assertEqual(self.d.fault("DownloadConflictData", {"projectId": "np_0"})["code"], "GHANA-PROJECT000001")
        info = {row["name"]: row["stepInfo"] for row in self.d.data("DescribeProjectSteps", {"id": project})}
        self.assertEqual(info[APPLY], {"conflicts": {"total": 10050, "kept": 10050, "byKind": {"ROW_DIFFERS": 10050}}})
        self.assertIsNone(info["FULL_TRANSFER"])

    def cli(self, *args):
        program = os.path.join(os.path.dirname(PROGRAM), "causeway")
        done = subprocess.run([program, "--data-dir", self.d.data_dir, *args], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    @unittest.skipUnless(os.path.exists(os.path.join(os.path.dirname(PROGRAM), "causeway")), "needs the command line")
    def test_on_the_command_line(self):
        project = self.running()
        self.assertEqual(self.cli("reverse", "show", project)[0], 1)
        status, out, text = self.cli("reverse", "configure", project, "--name", self.name(), '{"conflictStrategy":"IGNORE"}')
        self.assertEqual((status, text), (0, ""))
        reverse = out.strip()
        self.assertEqual(self.d.data("DescribeProject", {"id": reverse})["incrTransferConfig"]["conflictStrategy"], "IGNORE")
        self.assertEqual(self.cli("reverse", "start", project)[0], 0)
        self.wait_step(reverse, APPLY, "MONITORING")
        self.assertEqual(self.cli("reverse", "stop", project)[0], 0)
        self.assertEqual(self.cli("reverse", "configure", project)[0], 1)
        self.assertEqual(self.cli("reverse", "explode", project)[0], 2)
        self.add_conflicts(project, 3)
        status, out, _ = self.cli("conflicts", "list", project, "--kind", "ROW_DIFFERS")
        self.assertEqual((status, len(out.splitlines())), (0, 3))
        self.assertNotIn("\x1b", out)
        path = os.path.join(self.scratch.name, "c.zip")
        self.assertEqual(self.cli("conflicts", "download", project, path)[0], 0)
        self.assertEqual(zipfile.ZipFile(path).namelist(), ["conflict_sql_1.log"])
        self.assertEqual(self.cli("conflicts", "download", project, path)[0], 2)    # never over a file that is there
        status, _, text = self.cli("conflicts", "download", project, path + "2", "conflict_sql_9.log")
        self.assertEqual(status, 1)
        self.assertIn("fileNames[0]", text)
        self.assertFalse(os.path.exists(path + "2"))


class Projects(Base):
    def test_defaults_are_filled_in(self):
        project = self.d.data("DescribeProject", {"id": self.d.data("CreateProject", self.body(
            fullTransferConfig={"fullTransferSpeedMode": "fast", "readWorkerNum": "3"},
            structTransferConfig={"deferIndexCreation": True}, incrTransferConfig={"conflictStrategy": "TaskFailed"}))})
        self.assertEqual(project["status"], "INIT")
        self.assertEqual(project["commonTransferConfig"], {"tableCategory": "ALL", "activeActive": False,
                                                           "connectRetryMinutes": 720, "controlSchema": "oms", "nameCase": "AS_SOURCE"})
        self.assertEqual((project["fullTransferConfig"]["readWorkerNum"], project["fullTransferConfig"]["writeWorkerNum"]), (3, 16))
        self.assertEqual(project["structTransferConfig"]["indexMigration"], "AFTER_COPY")
        self.assertEqual(project["incrTransferConfig"]["conflictStrategy"], "FAIL")
        self.assertEqual(project["incrTransferConfig"]["recordTypeWhiteList"], ["INSERT", "UPDATE", "DELETE"])
        self.assertEqual(project["transferMapping"]["databases"][0]["mappedName"], "shop")
        self.assertEqual([step["name"] for step in project["steps"]],
                         ["TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", "INDEX_TRANSFER",
                          "INCR_TRANSFER"])
        self.assertEqual(project["sourceConnectInfo"]["connectionInfo"], "127.0.0.1:3306")

    def test_life_and_reading(self):
        body = self.body()
        project = self.d.data("CreateProject", body)
        self.assertEqual(self.d.fault("CreateProject", body)["code"], "GHANA-NAMEEX000001")
        steps = self.d.data("DescribeProjectSteps", {"id": project})
        self.assertEqual({step["status"] for step in steps}, {"INIT"})
        self.assertEqual(self.d.data("DescribeProjectProgress", {"id": project})["currentStep"], "TRANSFER_PRECHECK")
        listed = self.d.answer("ListProjects", {"searchKey": body["name"]})
        self.assertEqual((listed["totalCount"], listed["pageNumber"], listed["pageSize"]), (1, 1, 10))
        self.assertEqual(listed["data"][0]["id"], project)
        bare = self.d.data("ListProjects", {"searchKey": project, "needRelatedInfo": False})[0]
        self.assertIsNone(bare["steps"])
        self.assertIsNone(bare["sourceConnectInfo"])
        self.assertEqual(self.d.data("ListProjects", {"searchKey": project, "status": "RUNNING_MERGING"}), [])
        self.d.data("DeleteProject", {"id": project})
        self.assertEqual(self.d.data("ListProjects", {"searchKey": body["name"]}), [])
        self.d.data("CreateProject", body)

    def test_a_deleted_source_stays_with_its_projects(self):
        body = self.body()
        project = self.d.data("CreateProject", body)
        self.d.data("DeleteDataSource", {"id": body["sourceEndpointId"]})
        self.assertEqual(self.d.data("DescribeProject", {"id": project})["sourceConnectInfo"]["id"], body["sourceEndpointId"])
        self.assertEqual(self.d.fault("CreateProject", {**body, "name": self.name()})["code"], "GHANA-ENDPNT000001")

    def test_sources(self):
        name = self.name()
        first = self.d.source(name, schema="shop", description="d", region="r")
        self.assertEqual(self.d.fault("CreateMySqlDataSource", {
            "name": name, "ip": "h", "port": 1, "userName": "u", "password": ""})["code"], "GHANA-NAMEEX000001")
        row = self.d.data("ListDataSource", {"searchKey": first})[0]
        self.assertEqual((row["schema"], row["description"], row["region"], row["type"]), ("shop", "d", "r", "MYSQL"))
        self.assertNotIn("pa55word", json.dumps(row))
        ob = self.d.data("CreateOceanBaseDataSource", {
            "name": self.name(), "type": "OB_MYSQL_VPC", "ip": "h", "port": 2883, "tenant": "t1", "cluster": "c1",
            "userName": "mig", "password": "eA==", "drcPassword": "c2VjcmV0", "innerDrcPassword": "c2VjcmV0"})
        row = self.d.data("ListDataSource", {"searchKey": ob})[0]
        self.assertEqual((row["type"], row["userName"]), ("OB_MYSQL", "mig@t1#c1"))
        self.assertEqual(row["connExtraAttributes"]["tenant"], "t1")
        self.assertEqual(self.d.fault("CreateOceanBaseDataSource", {
            "name": self.name(), "type": "OB_ORACLE", "ip": "h", "port": 1, "tenant": "t", "userName": "u",
            "password": ""})["code"], "CAUSEWAY-NOTSUP000001")

    def test_throttles(self):
        body = self.body(fullTransferConfig={"throttleRps": 100, "throttleIOPS": 5000})
        project = self.d.data("CreateProject", body)
        self.d.data("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": "200", "writeWorkerNum": 8},
                                            "incrTransferConfig": {"throttleIOPS": 7}})
        now = self.d.data("DescribeProject", {"id": project})
        self.assertEqual(now["fullTransferConfig"]["throttleRps"], 200)
        self.assertNotIn("throttleIOPS", now["fullTransferConfig"])
        self.assertEqual(now["incrTransferConfig"]["throttleIOPS"], 7)
        sent_back = {key: now[key] for key in ("fullTransferConfig", "incrTransferConfig")}
        self.d.data("UpdateProjectConfig", {"id": project, **sent_back})
        self.assertEqual({**self.d.data("DescribeProject", {"id": project}), "gmtModified": 0}, {**now, "gmtModified": 0})
        self.assertEqual(len(self.events(project, "config_changed")), 1)        # the second changed nothing

    def test_settings_are_a_set(self):
        project = self.d.data("CreateProject", self.body(
            fullTransferConfig={"readWorkerNum": 3, "fullTransferSpeedMode": "FAST", "allowDestTableNotEmpty": True,
                                "maxConcurrentIndexDDLs": 2},
            incrTransferConfig={"recordTypeWhiteList": ["INSERT"], "supportDDLTypes": ["ALTER_TABLE"],
                                "incrSyncConcurrency": 5, "conflictStrategy": "IGNORE", "storeLogKeptHour": 5}))
        self.d.data("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"writeWorkerNum": 9},
                                            "incrTransferConfig": {"incrSyncThreadCount": 6}})
        now = self.d.data("DescribeProject", {"id": project})
        full, incr = now["fullTransferConfig"], now["incrTransferConfig"]
        # OMS's: what is left out goes back to its default
        self.assertEqual((full["readWorkerNum"], full["writeWorkerNum"], full["fullTransferSpeedMode"]), (8, 9, "NORMAL"))
        self.assertNotIn("maxConcurrentIndexDDLs", full)
        self.assertEqual((incr["recordTypeWhiteList"], incr["supportDDLTypes"], incr["incrSyncConcurrency"]),
                         (["INSERT", "UPDATE", "DELETE"], [], 6))
        # ours, and what OMS's action does not know, stay
        self.assertEqual((full["allowDestTableNotEmpty"], incr["conflictStrategy"], incr["storeLogKeptHour"]), (True, "IGNORE", 5))
        self.assertEqual(now["componentSettings"]["incrSync"]["lanes"], 6)
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "DDL"]}})
        incr = self.d.data("DescribeProject", {"id": project})["incrTransferConfig"]
        self.assertEqual((len(incr["supportDDLTypes"]), incr["incrSyncConcurrency"]), (17, 64))
        for section, wrong, field in (
                ("incrTransferConfig", {"recordTypeWhiteList": ["DDL"]}, "incrTransferConfig.recordTypeWhiteList"),
                ("reverseIncrTransferConfig", {"throttleRps": 5}, "reverseIncrTransferConfig"),
                ("structTransferConfig", {"triggerMigrationType": "WITH_TRANSFER_APP_SWITCH"}, "structTransferConfig.triggerMigrationType"),
                ("fullTransferConfig", {"fullTransferSpeedConfig": {"memoryMiB": 8}}, "fullTransferConfig.fullTransferSpeedConfig"),
                ("commonTransferConfig", {"componentSettings": {"store": {"segmentMiB": 8}}},
                 "commonTransferConfig.componentSettings.store")):
            before = self.d.data("DescribeProject", {"id": project})
            self.assertEqual(list(fields(self.d.fault("UpdateProjectConfig", {"id": project, section: wrong}))), [field])
            self.assertEqual(self.d.data("DescribeProject", {"id": project}), before)
        self.set_status(project, "RUNNING")
        answer = self.d.fault("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"startTimestamp": 5}})
        self.assertIn("ResetIncrStartTimestamp", answer["message"])
        for status in ("FINISHED", "RELEASING", "RELEASED"):
            self.set_status(project, status)
            answer = self.d.fault("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": 5}})
            self.assertEqual(answer["code"], "GHANA-OPERAT000002")
            self.assertIn(status, answer["message"])

    def test_the_reverse_can_be_reached(self):
        project = self.d.data("CreateProject", self.body(enableReverseIncrTransfer=True))
        self.d.data("UpdateProjectConfig", {"id": project, "reverseIncrTransferConfig": {"throttleRps": 5, "incrSyncConcurrency": 2,
                                                                                        "conflictStrategy": "OVERWRITE"}})
        now = self.d.data("DescribeProject", {"id": project})["reverseIncrTransferConfig"]
        self.assertEqual((now["throttleRps"], now["incrSyncConcurrency"], now["conflictStrategy"], now["supportDDLTypes"]),
                         (5, 2, "OVERWRITE", []))
        answer = self.d.fault("UpdateProjectConfig", {"id": project, "reverseIncrTransferConfig": {"supportDDLTypes": ["ALTER_TABLE"]}})
        self.assertEqual(list(fields(answer)), ["reverseIncrTransferConfig.supportDDLTypes"])

    def test_grades(self):
        project = self.d.data("CreateProject", self.body(
            commonTransferConfig={"componentGrades": {"fullImport": "CUSTOM", "incrSync": "small"},
                                  "componentSettings": {"fullImport": {"memoryMiB": 40, "readWorkerNum": 2}}},
            fullTransferConfig={"fullTransferSpeedMode": "CUSTOM", "fullTransferSpeedConfig": {"readWorkerNum": 3}, "writeWorkerNum": 1}))
        now = self.d.data("DescribeProject", {"id": project})
        self.assertEqual(now["componentSettings"], {
            "store": {"grade": "MEDIUM", "segmentMiB": 128},
            "fullImport": {"grade": "CUSTOM", "readWorkerNum": 3, "writeWorkerNum": 1, "memoryMiB": 40},
            "incrSync": {"grade": "SMALL", "lanes": 4, "batchRows": 500, "batchKiB": 512, "memoryMiB": 32},
            "fullVerify": {"grade": "MEDIUM", "workerNum": 8, "batchRows": 600}})
        self.assertEqual(now["fullTransferConfig"]["readWorkerNum"], 3)
        self.d.data("UpdateProjectConfig", {"id": project, "commonTransferConfig": {"componentGrades": {"fullImport": "LARGE"}},
                                            "fullTransferConfig": {}})
        now = self.d.data("DescribeProject", {"id": project})
        self.assertEqual(now["fullTransferConfig"]["fullTransferSpeedMode"], "FAST")
        self.assertEqual(now["componentSettings"]["fullImport"],
                         {"grade": "LARGE", "readWorkerNum": 16, "writeWorkerNum": 16, "memoryMiB": 128})
        self.assertEqual(now["componentSettings"]["incrSync"]["grade"], "MEDIUM")
        for mode, grade in (("STEADY", "SMALL"), ("NORMAL", "MEDIUM"), ("FAST", "LARGE")):
            now = self.d.data("DescribeProject", {"id": self.d.data("CreateProject", self.body(
                fullTransferConfig={"fullTransferSpeedMode": mode}))})
            self.assertEqual(now["componentSettings"]["fullImport"]["grade"], grade)
        answer = self.d.fault("CreateProject", self.body(commonTransferConfig={
            "componentGrades": {"store": "HUGE", "incrSync": "CUSTOM"},
            "componentSettings": {"incrSync": {"lanes": 17, "batchRows": 0}, "fullImport": {"memoryMiB": 4096}}}))
        self.assertEqual(set(fields(answer)), {f"commonTransferConfig.{name}" for name in (
            "componentGrades.store", "componentSettings.incrSync.lanes", "componentSettings.incrSync.batchRows",
            "componentSettings.fullImport.memoryMiB")})
        answer = self.d.fault("CreateProject", self.body(commonTransferConfig={
            "componentGrades": {"store": "LARGE"}, "componentSettings": {"store": {"segmentMiB": 8}}}))
        self.assertEqual(list(fields(answer)), ["commonTransferConfig.componentSettings.store"])

    def test_ddl_options(self):
        project = self.d.data("CreateProject", self.body(
            structTransferConfig={"collationMapping": [{"source": "utf8mb4_0900_ai_ci", "target": "utf8mb4_unicode_ci"}]},
            incrTransferConfig={"supportDDLTypes": ["alter_table", "DROP_INDEX"], "adaptOnlineDdl": False}))
        now = self.d.data("DescribeProject", {"id": project})
        self.assertEqual(now["incrTransferConfig"]["supportDDLTypes"], ["ALTER_TABLE", "DROP_INDEX"])
        self.assertFalse(now["incrTransferConfig"]["adaptOnlineDdl"])
        self.assertEqual(now["structTransferConfig"]["collationMapping"],
                         [{"source": "utf8mb4_0900_ai_ci", "target": "utf8mb4_unicode_ci"}])
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"supportDDLTypes": [], "throttleRps": 5}})
        now = self.d.data("DescribeProject", {"id": project})["incrTransferConfig"]
        self.assertEqual((now["supportDDLTypes"], now["adaptOnlineDdl"], now["throttleRps"]), ([], False, 5))
        self.set_status(project, "RUNNING")
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {**now, "throttleRps": 6}})
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {**now, "supportDDLTypes": ["ALTER_TABLE"]}})
        self.d.data("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"adaptOnlineDdl": True}})
        now = self.d.data("DescribeProject", {"id": project})["incrTransferConfig"]
        self.assertEqual((now["supportDDLTypes"], now["adaptOnlineDdl"]), ([], True))
        told = self.events(project, "config_changed")
        self.assertEqual(len(told), 4)
        self.assertIn("admin: incrTransferConfig.throttleRps = 5, incrTransferConfig.supportDDLTypes = [", told[0])
        answer = self.d.fault("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"supportDDLTypes": ["A", "B"]}})
        self.assertEqual(list(fields(answer)), ["incrTransferConfig.supportDDLTypes[0]", "incrTransferConfig.supportDDLTypes[1]"])

    def test_ddl_statements(self):
        project = self.d.data("CreateProject", self.body())
        self.assertEqual(self.d.data("ListPendingDdl", {"projectId": project}), [])
        rows = [(project, f"b.1:{n}", status, "ALTER_TABLE", '["shop.t"]', f"ALTER TABLE t ADD c{n} INT", 1700000000)
                for n, status in ((1, "APPLIED"), (2, "TRACKED"), (3, "PENDING"), (4, "PENDING"))]
        with self.store() as store:
            store.executemany("INSERT INTO ddl (project_id, id, status, kind, objects, sql, ran_at, created_at, modified_at)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, 1700000009, 1700000009)", rows)
        pending = self.d.answer("ListPendingDdl", {"projectId": project})
        self.assertEqual((pending["totalCount"], [row["ddlId"] for row in pending["data"]]), (2, ["b.1:4", "b.1:3"]))
        self.assertEqual(pending["data"][0]["gmtExecuted"], "2023-11-14T22:13:20")
        self.assertIsNone(pending["data"][0]["decision"])
        page = self.d.answer("ListPendingDdl", {"projectId": project, "all": True, "pageSize": 3, "pageNumber": 2})
        self.assertEqual((page["totalCount"], [row["ddlId"] for row in page["data"]]), (4, ["b.1:1"]))
        self.d.data("SkipDdl", {"projectId": project, "ddlId": "b.1:3"})
        self.d.data("ReplaceDdl", {"projectId": project, "ddlId": "b.1:4", "sql": "ALTER TABLE \"t\" ADD c4 BIGINT"})
        decided = {row["ddlId"]: row["decision"] for row in self.d.data("ListPendingDdl", {"projectId": project})}
        self.assertEqual((decided["b.1:3"]["action"], decided["b.1:3"]["sql"], decided["b.1:3"]["user"]), ("SKIP", None, "admin"))
        self.assertEqual((decided["b.1:4"]["action"], decided["b.1:4"]["sql"]), ("REPLACE", 'ALTER TABLE "t" ADD c4 BIGINT'))
        self.assertEqual(len(self.events(project, "ddl_decided")), 2)
        answer = self.d.fault("SkipDdl", {"projectId": project, "ddlId": "b.1:1"})
        self.assertEqual(answer["code"], "GHANA-OPERAT000002")
        self.assertIn("APPLIED", answer["message"])
        answer = self.d.fault("ReplaceDdl", {"projectId": project, "ddlId": "b.1:77", "sql": "DO 0"})
        self.assertEqual(answer["code"], "PARAM_ERROR")
        self.assertIn("b.1:77", answer["message"])
        self.assertEqual(set(fields(self.d.fault("ReplaceDdl", {"sql": " ;\n"}))), {"projectId", "ddlId", "sql"})
        self.assertIn("65536", fields(self.d.fault("ReplaceDdl", {"projectId": project, "ddlId": "x", "sql": "é" * 32769}))["sql"])
        answer = self.d.fault("ReplaceDdl", {"projectId": project, "ddlId": "x", "sql": "é" * 32768})
        self.assertIn("no DDL statement", answer["message"])
        self.set_status(project, "RELEASED")
        self.assertEqual(self.d.fault("SkipDdl", {"projectId": project, "ddlId": "b.1:3"})["code"], "GHANA-OPERAT000002")

    def cli(self, *arguments, stdin=""):
        run = subprocess.run([os.path.join(os.path.dirname(PROGRAM), "causeway"), "--data-dir", self.d.data_dir, *arguments],
                             input=stdin, capture_output=True, text=True, timeout=20)
        return run.returncode, run.stdout, run.stderr

    @unittest.skipUnless(os.path.exists(os.path.join(os.path.dirname(PROGRAM), "causeway")), "needs the command line")
    def test_ddl_on_the_command_line(self):
        project = self.d.data("CreateProject", self.body())
        with self.store() as store:
            store.executemany("INSERT INTO ddl (project_id, id, status, kind, sql, ran_at, created_at, modified_at)"
                              " VALUES (?, ?, ?, 'OTHER', 'DROP TRIGGER \x1b[31mt', 1, 1, 1)",
                              [(project, "b.1:1", "TRACKED"), (project, "b.1:2", "PENDING")])
        status, out, _ = self.cli("ddl", "list", project)
        self.assertEqual((status, len(out.splitlines())), (0, 1))
        self.assertIn("b.1:2", out)
        self.assertNotIn("\x1b", out)
        self.assertEqual(len(self.cli("ddl", "list", project, "--all")[1].splitlines()), 2)
        self.assertEqual(self.cli("ddl", "replace", project, "b.1:2", "-", stdin="DROP TRIGGER u")[0], 0)
        self.assertIn("REPLACE by admin", self.cli("ddl", "list", project)[1])
        self.assertEqual(self.cli("ddl", "skip", project, "b.1:2")[0], 0)
        status, _, text = self.cli("ddl", "skip", project, "b.1:1")
        self.assertEqual(status, 1)
        self.assertIn("TRACKED", text)
        self.assertEqual(self.cli("ddl", "skip", project)[0], 2)
        self.assertEqual([row["decision"]["action"] for row in self.d.data("ListPendingDdl", {"projectId": project})], ["SKIP"])

    def test_history(self):
        project = self.d.data("CreateProject", self.body())
        with self.store() as store:
            store.executemany("INSERT INTO event (project_id, at, level, event, message) VALUES (?, 1, 'INFO', 'e', ?)",
                              [(project, str(n)) for n in range(4)])
        page = self.d.answer("ListProjectEvents", {"projectId": project, "pageSize": 3, "pageNumber": 2})
        self.assertEqual((page["totalCount"], [row["message"] for row in page["data"]]), (5, ["0", "created by a user"]))

    def test_reset_of_the_start(self):
        now = int(time.time())
        project = self.d.data("CreateProject", self.body(enableFullTransfer=False))
        for at in (0, -1, now + 100, now * 1000, "x", None, ""):
            answer = self.d.fault("ResetIncrStartTimestamp", {"id": project, "startTimestamp": at})
            self.assertEqual(list(fields(answer)), ["startTimestamp"], at)
        self.assertEqual(set(fields(self.d.fault("ResetIncrStartTimestamp", {"startTimestamp": now + 99}))), {"id", "startTimestamp"})
        answer = self.d.fault("ResetIncrStartTimestamp", {"id": project, "startTimestamp": now, "reverse": True})
        self.assertEqual(answer["code"], "GHANA-OPERAT000002")
        self.assertIn("no reverse direction", answer["message"])
        for status in ("INIT", "RUNNING", "FINISHED", "RELEASED"):
            self.set_status(project, status)
            answer = self.d.fault("ResetIncrStartTimestamp", {"id": project, "startTimestamp": now - 60})
            self.assertEqual(answer["code"], "GHANA-OPERAT000002")
            self.assertIn(status, answer["message"])
        self.set_status(project, "SUSPEND")
        first = self.d.data("ResetIncrStartTimestamp", {"id": project, "startTimestamp": str(now - 60)})
        self.set_status(project, "FAILED")
        self.assertGreater(self.d.data("ResetIncrStartTimestamp", {"id": project, "startTimestamp": now - 50, "reverse": False}), first)
        self.assertEqual(len(self.events(project, "start_reset_requested")), 2)
        self.assertEqual(list(fields(self.d.fault("ResetIncrStartTimestamp", {"id": project, "startTimestamp": 9, "withdraw": True}))),
                         ["startTimestamp"])
        self.assertIsNone(self.d.data("ResetIncrStartTimestamp", {"id": project, "withdraw": True}))
        self.assertIn("no reset", self.d.fault("ResetIncrStartTimestamp", {"id": project, "withdraw": True})["message"])
        copying = self.d.data("CreateProject", self.body())
        self.set_status(copying, "SUSPEND")
        self.assertIn("copy", self.d.fault("ResetIncrStartTimestamp", {"id": copying, "startTimestamp": now})["message"])
        only_schema = self.d.data("CreateProject", self.body(enableFullTransfer=False, enableIncrTransfer=False))
        self.set_status(only_schema, "SUSPEND")
        self.assertIn("no incremental", self.d.fault("ResetIncrStartTimestamp", {"id": only_schema, "startTimestamp": now})["message"])

    def test_another_host(self):
        body = self.body()
        project, source = self.d.data("CreateProject", body), body["sourceEndpointId"]
        self.assertEqual(set(fields(self.d.fault("UpdateDataSource", {"ip": "a b", "port": 0, "password": "?"}))),
                         {"id", "ip", "port", "password"})
        self.assertIn("at least one", self.d.fault("UpdateDataSource", {"id": source})["message"])
        self.set_status(project, "RUNNING")
        answer = self.d.fault("UpdateDataSource", {"id": source, "ip": "10.0.0.9"})
        self.assertEqual(answer["code"], "GHANA-OPERAT000003")
        self.assertIn(project, answer["message"])
        self.set_status(project, "FAILED")
        with self.store() as store:
            sealed = store.execute("SELECT password_sealed FROM source WHERE id = ?", (source,)).fetchone()[0]
        self.d.data("UpdateDataSource", {"id": source, "ip": "10.0.0.9", "userName": "mover",
                                         "password": base64.b64encode(b"n3w-pa55word!").decode()})
        row = self.d.data("ListDataSource", {"searchKey": source})[0]
        self.assertEqual((row["ip"], row["port"], row["userName"]), ("10.0.0.9", 3306, "mover"))
        with self.store() as store:
            now = store.execute("SELECT password_sealed FROM source WHERE id = ?", (source,)).fetchone()[0]
        self.assertNotEqual(now, sealed)
        self.assertNotIn("n3w", base64.b64decode(now).decode("latin1"))
        told = self.events(project, "source_changed")
        self.assertIn("127.0.0.1:3306 user root -> 10.0.0.9:3306 user mover, another password", told[0])
        self.d.data("DeleteDataSource", {"id": source})
        self.d.data("UpdateDataSource", {"id": source, "port": 3307})
        ob = self.d.data("CreateOceanBaseDataSource", {"name": self.name(), "ip": "h", "port": 2883, "tenant": "t1", "cluster": "c1",
                                                       "userName": "mig", "password": "eA=="})
        self.d.data("UpdateDataSource", {"id": ob, "userName": "other"})
        self.assertEqual(self.d.data("ListDataSource", {"searchKey": ob})[0]["userName"], "other@t1#c1")

    def test_precheck(self):
        precheck = self.d.data("SubmitPreCheck", self.body())
        result = self.d.data("GetPreCheckResult", {"id": precheck})
        self.assertEqual(result["preCheckId"], precheck)
        project = self.d.data("CreateProject", self.body())
        self.assertTrue(self.d.data("SubmitPreCheck", {"projectId": project}).startswith("pc_"))
        self.assertEqual(self.d.fault("SubmitPreCheck", {"projectId": "np_x"})["code"], "GHANA-PROJECT000001")
        self.assertIn("transferMapping", fields(self.d.fault("SubmitPreCheck", {"name": "x"})))

    @unittest.skipUnless(os.path.exists(os.path.join(os.path.dirname(PROGRAM), "causeway-worker")), "needs the worker")
    def test_a_source_that_is_not_there_fails_the_precheck_not_the_call(self):
        ends = {"sourceEndpointId": self.d.source(self.name("s"), port=1), "sinkEndpointId": self.d.source(self.name("t"), port=1)}
        precheck = self.d.data("SubmitPreCheck", self.body(**ends))
        project = self.d.data("CreateProject", self.body(**ends))
        self.d.data("StartProject", {"id": project})
        end = time.monotonic() + 60
        while self.d.data("DescribeProject", {"id": project})["status"] != "FAILED" and time.monotonic() < end:
            time.sleep(0.2)
        step = self.d.data("DescribeProjectSteps", {"id": project})[0]
        self.assertEqual((step["name"], step["status"]), ("TRANSFER_PRECHECK", "FAILED"))
        self.assertIn("RDB_CONNECT", step["extraInfo"]["errorMsg"])
        self.assertIsNotNone(step["extraInfo"]["failedTime"])
        for of in (precheck, project):
            result = self.d.data("GetPreCheckResult", {"id": of})
            self.assertEqual(result["preCheckStatus"], "FAILED")
            failed = [item for item in result["preCheckResults"] if item["status"] == "FAILED"]
            self.assertEqual({item["endpointType"] for item in failed}, {"SOURCE", "DEST"})
        self.assertEqual(self.d.fault("StartProject", {"id": project})["code"], "GHANA-OPERAT000002")

    def test_paging(self):
        for _ in range(3):
            self.d.source(self.name("paged"))
        pages = [self.d.data("ListDataSource", {"searchKey": "paged-", "pageSize": 2, "pageNumber": n, "order": "asc"})
                 for n in (1, 2, 3)]
        self.assertEqual([len(page) for page in pages], [2, 1, 0])


class DataDirectory(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="causewayd-test-")
        self.d = Daemon(self.scratch.name)

    def tearDown(self):
        if self.d.process is not None and self.d.process.poll() is None:
            self.d.process.kill()
            self.d.process.wait()
        self.scratch.cleanup()

    def mode(self, name=""):
        return stat.S_IMODE(os.stat(os.path.join(self.d.data_dir, name)).st_mode)

    def test_modes_and_restart(self):
        self.d.start()
        self.assertEqual((self.mode(), self.mode("key"), self.mode("initial-credentials.json"), self.mode("store.db")),
                         (0o700, 0o600, 0o600, 0o600))
        source = self.d.source("kept")
        began = time.monotonic()
        self.assertEqual(self.d.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        self.assertFalse(os.path.exists(os.path.join(self.d.data_dir, "listen")))
        self.d.start()
        self.assertEqual(self.d.data("ListDataSource")[0]["id"], source)
        for name in os.listdir(self.d.data_dir):
            with open(os.path.join(self.d.data_dir, name), "rb") as file:
                self.assertNotIn(b"pa55word!", file.read(), name)

    def test_killed_before_a_decision_is_stored(self):
        """Nothing of it is there afterwards, and it can be made again: statement and event, source and event, …"""
        points = os.path.join(self.scratch.name, "faults")
        os.mkdir(points)
        self.d.args = ("--fault-dir", points)
        self.d.start()
        source, target = self.d.source("s"), self.d.source("t")
        project = self.d.data("CreateProject", {"name": "p", "sourceEndpointId": source, "sinkEndpointId": target,
                                                "transferMapping": {"databases": [{"name": "shop"}]}, "enableIncrTransfer": True})
        store = sqlite3.connect(os.path.join(self.d.data_dir, "store.db"), timeout=10)
        with store:
            store.execute("UPDATE project SET status = 'SUSPEND'")
            store.execute("INSERT INTO ddl (project_id, id, status, kind, sql, ran_at, created_at, modified_at)"
                          " VALUES (?, 'b.1:4', 'PENDING', 'OTHER', 'x', 1, 1, 1)", (project,))
        store.close()
        ddl = {"projectId": project, "ddlId": "b.1:4"}
        for point, action, body in (("store.ddl_decide.before", "SkipDdl", ddl),
                                    ("store.source_update.before", "UpdateDataSource", {"id": source, "ip": "other"}),
                                    ("store.project_config.before", "UpdateProjectConfig",
                                     {"id": project, "incrTransferConfig": {"adaptOnlineDdl": False}}),
                                    ("store.reset_request.before", "ResetIncrStartTimestamp",
                                     {"id": project, "startTimestamp": 1700000000})):
            before = self.everything(project, source)
            with open(os.path.join(points, point), "w", encoding="utf-8") as file:
                file.write("1")
            try:
                self.d.answer(action, body)
                self.skipTest("the daemon is built without fault points (CAUSEWAY_FAULTS)")
            except (ConnectionError, http.client.HTTPException):
                self.d.process.wait()
            self.d.start()
            self.assertEqual(self.everything(project, source), before, point)
            self.d.data(action, body)
            self.assertNotEqual(self.everything(project, source), before, point)

    def everything(self, project, source):
        return [self.d.data("ListPendingDdl", {"projectId": project}), self.d.data("DescribeProject", {"id": project}),
                self.d.data("ListDataSource", {"searchKey": source}), self.d.data("ListProjectEvents", {"projectId": project})]

    def test_a_second_daemon_is_refused(self):
        self.d.start()
        second = self.d.spawn()
        self.assertEqual(second.wait(10), 2)
        self.assertIn("another causewayd", self.d.tail())
        self.assertEqual(self.d.http("GET", "/healthz", auth=None)[0], 200)
        self.assertTrue(os.path.exists(os.path.join(self.d.data_dir, "listen")))

    def test_a_killed_daemon_comes_back(self):
        self.d.start()
        self.d.process.kill()
        self.d.process.wait()
        self.d.start()
        self.assertTrue(self.d.answer("ListProjects")["success"])

    def test_a_lost_key_is_an_error(self):
        self.d.start()
        self.d.stop()
        os.unlink(os.path.join(self.d.data_dir, "key"))
        process = self.d.spawn()
        self.assertEqual(process.wait(10), 1)
        self.assertIn("key", self.d.tail())

    def test_bad_settings(self):
        config = os.path.join(self.scratch.name, "config")
        with open(config, "w", encoding="utf-8") as file:
            file.write("# comment\nhttp_threads = 0\nno_such = 1\nlog_level=debug\n")
        process = self.d.spawn("--config", config, "--max-body-bytes=12", "--nope")
        self.assertEqual(process.wait(10), 2)
        for text in ("http_threads", "no_such", "--max-body-bytes", "--nope"):
            self.assertIn(text, self.d.tail())
        self.assertEqual(self.d.spawn("--listen", "0.0.0.0:0").wait(10), 2)
        self.assertIn("loopback", self.d.tail())
        self.assertEqual(self.d.spawn("--listen", "nonsense").wait(10), 2)

    def test_requests_while_stopping_and_idle_connections(self):
        self.d.start()
        idle = [socket.create_connection(self.d.address) for _ in range(10)]
        began = time.monotonic()
        self.assertEqual(self.d.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        for s in idle:
            s.close()

    def test_sigint_ends_and_sighup_does_not(self):
        self.d.start()
        self.d.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.d.http("GET", "/healthz", auth=None)[0], 200)
        self.d.process.send_signal(signal.SIGINT)
        self.assertEqual(self.d.process.wait(12), 0)

    def test_own_console(self):
        web = os.path.join(self.scratch.name, "web")
        os.mkdir(web)
        for name, text in (("index.html", "mine"), ("secret.txt", "no"), (".hidden.js", "no")):
            with open(os.path.join(web, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink("/etc/passwd", os.path.join(web, "link.js"))
        self.d.args = ("--web-dir", web)
        self.d.start()
        self.assertEqual(self.d.http("GET", "/")[2], b"mine")
        for path in ("/secret.txt", "/.hidden.js", "/link.js", "/../data/key", "/app.js"):
            self.assertEqual(self.d.http("GET", path)[0], 404, path)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
