"""Bad input, driven by the table of actions: whatever is wrong with a request, the answer says so and nothing changes.

Usage: bad_input_test.py CAUSEWAYD OPENAPI [ACTION…]. No database server is needed.

Of each action that `causewayd --describe-actions` names: each field at any depth left out, null, of each wrong type, too
short, too long, beyond its bounds, an unknown word, a word that is refused as not supported, text with a NUL; all of them at
once; bodies that are no JSON object; ids of what does not exist; projects in each status in which the action makes no sense; too
low a role. Each answer is held against openapi.yaml, names exactly the field at fault, has a code, a message and an advice, and
leaves each row of the store as it was, but for the audit. What a form can say is sent as a signed form, too.
"""

import base64
import hashlib
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "openapi"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "system"))
from description import Description  # noqa: E402
import rpc  # noqa: E402

PROGRAM, OPENAPI = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PARAM, NOT_SUPPORTED, STATE, FORBIDDEN = "PARAM_ERROR", "CAUSEWAY-NOTSUP000001", "GHANA-OPERAT000002", "CAUSEWAY-AUTHEN000002"
# Tables that may grow although a call was refused: who tried what, and counters over time.
FREE_TABLES = ("audit", "metric", "sqlite_")
UNBOUNDED = ("csv", "csvBase64")     # a file: the size of the body bounds it
NOT_FOUND = {"GHANA-PROJECT000001", "GHANA-ENDPNT000001", "GHANA-PRECHK000001", "GHANA-LABELS000001", "CAUSEWAY-ACCNTS000001",
             "CAUSEWAY-ACCNTS000002"}
FREE_COLUMNS = ("last_used_at",)        # when an access key was last used
IN_A_FORM = {"missing", "type", "too short", "too long", "too long in characters", "unknown word", "not supported", "too small",
             "too large", "too large for any"}
BODY_MAX = 4 * 1024 * 1024 - 65536

# Values of required fields that a table can't give: by name.
LONG = base64.b64encode(b"a pa55word! that is long").decode()
VALID = {"name": "name_of_it", "url": "http://127.0.0.1:1/hook", "oldPassword": LONG, "newPassword": LONG, "ip": "127.0.0.1", "port": 3306,
         "password": base64.b64encode(b"pa55word!").decode(), "ddlId": "bin.000001:4", "whereClause": "id > 1",
         "transferMapping": {"databases": [{"name": "shop"}]}, "mode": "SPECIFIC", "source": "utf8mb4_bin", "target": "utf8mb4_bin",
         "databases": [{"name": "shop"}]}
# Fields that only together with others are not required.
ALSO = {"databases"}

# The statuses in which an action is possible (flow/transition.c, and what the handlers ask for).
POSSIBLE_IN = {
    "StartProject": {"INIT"}, "StopProject": {"RUNNING"}, "ResumeProject": {"SUSPEND", "FAILED"},
    "ReleaseProject": {"SUSPEND", "FAILED", "FINISHED"}, "DeleteProject": {"INIT", "RELEASED"},
    "AdvanceProject": set(), "AbortSwitchover": set(),      # of a project without a switchover
    "ResetIncrStartTimestamp": {"SUSPEND", "FAILED"}, "ConfigureReverseProject": set()}
STATUSES = ("INIT", "RUNNING", "SUSPEND", "FAILED", "FINISHED", "RELEASING", "RELEASED")
MORE = {"ResetIncrStartTimestamp": {"startTimestamp": 1700000000}, "ReplaceDdl": {"sql": "DROP TABLE t"}}


class Daemon:
    def __init__(self, directory):
        self.data_dir = os.path.join(directory, "data")
        self.log = os.path.join(directory, "log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--data-dir", self.data_dir, "--listen", "127.0.0.1:0", "--worker-path",
                                             "/bin/false", "--requests-per-second", "0", "--alert-every-seconds", "0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        listen = os.path.join(self.data_dir, "listen")
        end = time.monotonic() + 60
        while not os.path.exists(listen) or ":" not in read(listen):
            assert time.monotonic() < end and self.process.poll() is None, read(self.log)
            time.sleep(0.02)
        host, port = read(listen).strip().rsplit(":", 1)
        first = json.loads(read(os.path.join(self.data_dir, "initial-credentials.json")))
        self.accounts = {"ADMIN": (first["username"], first["password"])}
        self.credentials = first                # as rpc.py wants them
        self.address = host, int(port)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=60)
        self.spec = Description(OPENAPI)

    def post(self, action, body, role="ADMIN"):
        """The envelope that answers a body (bytes)."""
        token = base64.b64encode(":".join(self.accounts[role]).encode()).decode()
        path = f"/api/v2?Action={action}"
        self.connection.request("POST", path, body, {"Authorization": f"Basic {token}", "Content-Type": "application/json"})
        response = self.connection.getresponse()
        text = response.read()
        self.spec.check("POST", path, body, response.status, response.headers["Content-Type"], text, loose=True)
        assert response.status == 200, (action, body[:300], response.status, text)
        return json.loads(text)

    def form(self, action, fields):
        """(status, answer) of the SDK's dialect."""
        body = rpc.form({name[:1].upper() + name[1:]: value if isinstance(value, str) else json.dumps(value)
                         for name, value in fields.items()})
        path, headers = rpc.signed(self, action, body)
        self.connection.request("POST", path, body.encode(), headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        self.spec.check_rpc(action, response.status, answer)
        return response.status, answer

    def data(self, action, body):
        answer = self.post(action, json.dumps(body).encode())
        assert answer["success"], (action, answer)
        return answer["data"]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Store:
    """What the daemon keeps, as a digest of each table."""

    def __init__(self, data_dir):
        self.db = sqlite3.connect(os.path.join(data_dir, "store.db"), timeout=30, isolation_level=None)
        self.version = None
        self.seen = None

    def dump(self):
        names = [name for name, in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                 if not name.startswith(FREE_TABLES)]
        return {name: hashlib.sha256(repr(self.db.execute(f"SELECT {self.columns(name)} FROM {name}").fetchall()).encode()).hexdigest()
                for name in names}

    def columns(self, table):
        return ", ".join(row[1] for row in self.db.execute(f"PRAGMA table_info({table})") if row[1] not in FREE_COLUMNS)

    def changed(self):
        """Names of the tables that differ from what they were at the last call."""
        version = self.db.execute("PRAGMA data_version").fetchone()
        if version == self.version:
            return []
        now, before = self.dump(), self.seen
        self.version, self.seen = version, now
        return [] if before is None else [name for name in now if now[name] != before.get(name)]


# ------------------------------------------------------------------------------------------ bodies

def valid(field, ids):
    name, kind = field["name"], field["type"]
    if name in ids:
        return ids[name]
    if name in VALID:
        return VALID[name]
    if kind == "string":
        return (field.get("values") or ["x" * max(field["min"], 1)])[0]
    if kind == "integer":
        return max(field["min"], 1)
    if kind == "boolean":
        return False
    if kind == "object":
        return base(field["fields"], ids)
    one = (field.get("values") or ["x"])[0] if kind == "strings" else base(field["fields"], ids)
    return [one] * max(field["min"], 1)


def base(fields, ids):
    """A body with what is required."""
    return {field["name"]: valid(field, ids) for field in fields if field["required"] or field["name"] in ALSO}


def wrong_values(field):
    """(what, value, code) of all that is wrong for a field by itself."""
    kind, low, high = field["type"], field["min"], field["max"]
    if field["required"]:
        yield "missing", ..., PARAM
        yield "null", None, PARAM
    types = {"string": [{}, [], {"a": "b"}, ["a"]], "integer": ["x", 1.5, True, {}, [1], "12abc", "0x10", 10 ** 30, 1e300, " 1"],
             "boolean": ["yes", 2, {}, [], [True], 0.5, "TRUE "], "object": ["x", 1, [], True], "strings": [{}, [None], [{}], [[]]],
             "objects": ["x", 1, [None], ["x"], [[]], True]}
    for value in types[kind]:
        yield "type", value, PARAM
    if kind == "string":
        yield "NUL", "a\0b", PARAM
        if low > 0 and not field["emptyIsAbsent"]:
            yield "too short", "x" * (low - 1), PARAM
        if high > 0:
            yield "too long", "x" * (high + 1), PARAM
            yield "too long in characters", "\u00fc" * (high + 1), PARAM
    if kind in ("string", "strings") and ("values" in field or "later" in field):
        for word in ("NO_SUCH_WORD", "", "' OR 1=1"):
            if word or not field["emptyIsAbsent"]:
                yield "unknown word", word if kind == "string" else [word], PARAM
        for word in field.get("later", ()):
            yield "not supported", word if kind == "string" else [word], NOT_SUPPORTED
    if kind == "integer":
        if low > -2 ** 63:
            yield "too small", low - 1, PARAM
        if high > 0:
            yield "too large", high + 1, PARAM
        yield "too large for any", 2 ** 63, PARAM
    if kind == "boolean" and field["onlyFalse"]:
        yield "not supported", True, NOT_SUPPORTED
    if kind in ("strings", "objects") and high > 0:
        one = "x" if kind == "strings" else {}
        if (high + 1) * len(json.dumps(one) + ", ") < BODY_MAX:
            yield "too many", [one] * (high + 1), PARAM
        if low > 0:
            yield "too few", [one] * (low - 1), PARAM


def places(fields, ids, path="", wrap=lambda inner: inner):
    """(path of the field, field, function from an object that holds the field to the whole body) at any depth."""
    for field in fields:
        yield path + field["name"], field, wrap
        if "fields" not in field:
            continue
        listed = field["type"] == "objects"

        def whole(inner, field=field, listed=listed):
            return wrap({**base(fields, ids), field["name"]: [inner] if listed else inner})
        yield from places(field["fields"], ids, f"{path}{field['name']}{'[0]' if listed else ''}.", whole)


class BadInput:
    def __init__(self, daemon, only):
        self.d = daemon
        described = json.loads(subprocess.run([PROGRAM, "--describe-actions"], check=True, capture_output=True, text=True).stdout)
        self.actions = [row for row in described["actions"] if row["supported"] and (not only or row["name"] in only)]
        create = next(row for row in described["actions"] if row["name"] == "CreateProject")
        self.forms = [(row["name"], row["fields"]) for row in self.actions]
        if not only or "SubmitPreCheck" in only:            # it takes a project's body, too
            self.forms.append(("SubmitPreCheck", create["fields"]))
        self.problems = []
        self.calls = 0
        self.prepare()
        self.store = Store(daemon.data_dir)
        self.store.changed()

    def prepare(self):
        source, sink = (self.d.data("CreateMySqlDataSource", {
            "name": name, "ip": "127.0.0.1", "port": 3306, "userName": "u", "password": VALID["password"]}) for name in ("s", "t"))
        self.body = {"sourceEndpointId": source, "sinkEndpointId": sink, "transferMapping": VALID["transferMapping"],
                     "enableFullTransfer": True, "enableIncrTransfer": True}
        self.project = self.d.data("CreateProject", {"name": "p", **self.body})
        for role in ("VIEWER", "OPERATOR"):
            self.d.data("CreateUser", {"username": role.lower(), "password": LONG, "role": role})
            self.d.accounts[role] = (role.lower(), base64.b64decode(LONG).decode())
        self.ids = {"id": self.project, "projectId": self.project, "sourceEndpointId": source, "sinkEndpointId": sink}

    def say(self, action, what, text):
        self.problems.append(f"{action}: {what}: {text}")

    def refused(self, action, what, body, role="ADMIN"):
        """The answer to a body that has to be refused; it is checked for what each such answer has to be."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.calls += 1
        try:
            answer = self.d.post(action, text, role)
        except AssertionError as problem:
            self.say(action, what, problem)
            return None
        changed = self.store.changed()
        if changed:
            self.say(action, what, f"it changed {changed}")
        if answer["success"]:
            self.say(action, what, "it was taken")
            return None
        for key in ("code", "message", "advice"):
            if not (answer[key] or "").strip():
                self.say(action, what, f"no {key}")
        return answer

    def refused_form(self, action, what, body, path, code):
        """The same as a signed form."""
        self.calls += 1
        try:
            status, answer = self.d.form(action, body)
        except AssertionError as problem:
            self.say(action, what, problem)
            return
        changed = self.store.changed()
        if changed:
            self.say(action, f"{what} (form)", f"it changed {changed}")
        if status != 400 or answer["Code"] != code or path not in answer["Message"] or not answer["Advice"]:
            self.say(action, f"{what} (form)", f"{status} {answer['Code']}: {answer['Message']}")

    @staticmethod
    def faults(answer):
        return [fault["field"] for fault in answer["errorDetail"]["extraContext"].get("faults", [])]

    # -- one field at a time, then all

    def one_field(self, action, fields):
        for path, field, wrap in places(fields, self.ids):
            siblings = base(self.siblings(fields, path), self.ids)
            for what, value, code in wrong_values(field):
                inner = {**siblings, field["name"]: value}
                if value is ...:
                    del inner[field["name"]]
                answer = self.refused(action, f"{path}: {what} {json.dumps(value)[:40] if value is not ... else ''}",
                                      self.custom(wrap(inner)))
                if answer is not None:
                    self.check_fault(action, f"{path}: {what} {str(value)[:40]!r}", answer, path, code)
                if what in IN_A_FORM and "." not in path and (what != "type" or field["type"] in ("integer", "boolean") and value == "x"):
                    self.refused_form(action, f"{path}: {what}", wrap(inner), path, code)

    @staticmethod
    def custom(body):
        """Numbers of a component are given only with its grade CUSTOM."""
        common, full = body.get("commonTransferConfig"), body.get("fullTransferConfig")
        if isinstance(common, dict) and isinstance(common.get("componentSettings"), dict):
            common.setdefault("componentGrades", {name: "CUSTOM" for name in common["componentSettings"]})
        if isinstance(full, dict) and "fullTransferSpeedConfig" in full:
            full.setdefault("fullTransferSpeedMode", "CUSTOM")
        return body

    @staticmethod
    def siblings(fields, path):
        for part in path.replace("[0]", "").split(".")[:-1]:
            fields = next(field for field in fields if field["name"] == part)["fields"]
        return fields

    def check_fault(self, action, what, answer, path, code):
        found = self.faults(answer)
        if answer["code"] != code and not (code == NOT_SUPPORTED and len(found) > 1 and answer["code"] == PARAM):
            self.say(action, what, f"the code is {answer['code']}, not {code}: {answer['message']}")
        elif not found or any(not (at == path or at.startswith((path + "[", path + "."))) for at in found):
            self.say(action, what, f"the faults are at {found}, not only at {path}")
        elif path.split("[")[0] not in answer["message"]:
            self.say(action, what, f"the message does not name the field: {answer['message']}")

    def all_at_once(self, action, fields):
        body = {field["name"]: next(value for what, value, code in wrong_values(field) if what == "type") for field in fields}
        if not body:
            return
        answer = self.refused(action, "all fields wrong", body)
        if answer is not None:
            named = {at.split("[")[0].split(".")[0] for at in self.faults(answer)}
            if named != set(body):
                self.say(action, "all fields wrong", f"not named: {sorted(set(body) - named)}")

    def unbounded(self, action, fields):
        for path, field, _ in places(fields, self.ids):
            if field["type"] == "string" and not (field["max"] or "values" in field or field["checked"] or field["name"] in UNBOUNDED):
                self.say(action, path, "a text without any bound")

    def no_object(self, action):
        for body in (b"[]", b"1", b'"x"', b"true", b"{", b'{"a":}', b"}", b"{}{}", b'{"id":"x"} x', b"\xff\xfe", b'{"id":"\xff"}', b"\0",
                     b'{"id":01}', b"{'id':'x'}", b"[" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40,
                     b"\xef\xbb\xbf{}", b"<xml/>", b"id=np_1"):
            answer = self.refused(action, f"the body {body[:24]!r}", body)
            if answer is not None and answer["code"] != PARAM:
                self.say(action, f"the body {body[:24]!r}", f"the code is {answer['code']}")

    # -- what is in the store

    def unknown_ids(self, action, fields):
        for field in fields:
            name = field["name"]
            if not (name == "id" or name.endswith("Id")) or name == "ddlId" or not field["required"]:
                continue
            for value in ("np_0", "e_zzzzzzzzzzzz", "x", "np_' OR ''='", "../../etc/passwd", "%", "np_\u00fc", "*"):
                body = {**base(fields, self.ids), **MORE.get(action, {}), name: value}
                answer = self.refused(action, f"{name} {value!r}", body)
                if answer is None or answer["code"] == PARAM:
                    continue
                if answer["code"] not in NOT_FOUND:
                    self.say(action, f"{name} {value!r}", f"the code is {answer['code']}: {answer['message']}")
                if value not in answer["message"]:
                    self.say(action, f"{name} {value!r}", f"the message does not name it: {answer['message']}")

    def wrong_states(self, action, fields):
        for status in STATUSES:
            if action not in POSSIBLE_IN or status in POSSIBLE_IN[action]:
                continue
            self.store.db.execute("UPDATE project SET status = ? WHERE id = ?", (status, self.project))
            self.store.version = None
            self.store.changed()
            answer = self.refused(action, f"a project in {status}", {**base(fields, self.ids), **MORE.get(action, {})})
            if answer is not None and answer["code"] != STATE:
                self.say(action, f"a project in {status}", f"the code is {answer['code']}: {answer['message']}")
        self.store.db.execute("UPDATE project SET status = 'INIT' WHERE id = ?", (self.project,))
        self.store.version = None
        self.store.changed()

    def too_low_a_role(self, row):
        roles = ["VIEWER", "OPERATOR", "ADMIN"]
        for role in roles[:roles.index(row["role"])]:
            answer = self.refused(row["name"], f"as {role}", base(row["fields"], self.ids), role)
            if answer is not None and (answer["code"] != FORBIDDEN or row["role"] not in answer["message"]):
                self.say(row["name"], f"as {role}", f"{answer['code']}: {answer['message']}")

    def run(self):
        for action, fields in self.forms:
            self.one_field(action, fields)
            self.all_at_once(action, fields)
            self.unbounded(action, fields)
            self.no_object(action)
            self.unknown_ids(action, fields)
            self.wrong_states(action, fields)
        for row in self.actions:
            self.too_low_a_role(row)


def main():
    with tempfile.TemporaryDirectory(prefix="causeway-bad-input-") as directory:
        daemon = Daemon(directory)
        try:
            test = BadInput(daemon, sys.argv[3:])
            began = time.monotonic()
            test.run()
            print(f"{test.calls} calls of {len(test.actions)} actions in {time.monotonic() - began:.0f} s")
        finally:
            daemon.connection.close()
            daemon.process.terminate()
            status = daemon.process.wait(60)
        log = read(daemon.log)
    problems = test.problems
    if status != 0 or "Sanitizer" in log or "runtime error" in log:
        problems.append(f"the daemon ended with {status}\n{log[-5000:]}")
    if "pa55word!" in log:
        problems.append("a password is in the log")
    print("\n".join(problems[:80]), f"{len(problems)} problems", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
