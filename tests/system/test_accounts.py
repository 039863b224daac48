"""Users, access keys, roles, the audit, limits. No database server is needed."""

import base64
import concurrent.futures
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time

import rpc
from harness.daemon import REPOSITORY, build_dir
from harness.runner import tags

PASSWORD = "correct horse battery staple"
FORBIDDEN, UNAUTHORIZED, LAST_ADMIN = "CAUSEWAY-AUTHEN000002", "CAUSEWAY-AUTHEN000001", "CAUSEWAY-ACCNTS000003"
NO_USER, NO_KEY, LIMIT, TAKEN = ("CAUSEWAY-ACCNTS000001", "CAUSEWAY-ACCNTS000002", "CAUSEWAY-LIMITS000002",
                                 "GHANA-NAMEEX000001")
ROLES = ("VIEWER", "OPERATOR", "ADMIN")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def make_user(daemon, name, role, password=PASSWORD):
    """The user's (name, password)."""
    daemon.call("CreateUser", {"username": name, "password": b64(password), "role": role})
    return name, password


def refused(daemon, action, body=None, auth="initial"):
    """The code of a failed call."""
    answer = daemon.answer(action, body, auth)
    assert not answer["success"], (action, body, answer)
    return answer["code"]


def status(daemon, auth):
    return daemon.http("POST", "/api/v2?Action=ListProjects", "{}", {"Content-Type": "application/json"}, auth).status


def new_key(daemon, auth="initial", **body):
    return daemon.call("CreateAccessKey", body, auth)


def signed(daemon, key, action="ListProjects", parameters=None):
    """The HTTP status of a call signed with the key."""
    return rpc.call(daemon, action, parameters, key=key).status


def events(daemon, **filters):
    return daemon.call("ListAuditEvents", {"pageSize": 150, **filters})


def store_bytes(daemon):
    """The database and its journal as they lie on the disk."""
    found = b""
    for name in sorted(os.listdir(daemon.data_dir)):
        if name.startswith("store.db"):
            with open(os.path.join(daemon.data_dir, name), "rb") as file:
                found += file.read()
    return found


def actions():
    lines = subprocess.run([os.path.join(build_dir(), "causewayd"), "--describe-actions"], check=True, capture_output=True,
                           text=True).stdout
    return json.loads(lines)["actions"]


@tags("quick")
def test_users(env):
    daemon = env.daemon()
    bob = make_user(daemon, "bob", "VIEWER")
    assert status(daemon, bob) == 200
    assert [(user["username"], user["role"]) for user in daemon.call("ListUsers")] == [("admin", "ADMIN"), ("bob", "VIEWER")]
    assert refused(daemon, "CreateUser", {"username": "BOB", "password": b64(PASSWORD), "role": "VIEWER"}) == TAKEN
    for body, field in (({"username": "a b"}, "username"), ({"username": "a:b"}, "username"), ({"username": ".a"}, "username"),
                        ({"password": b64("elevenchars")}, "password"), ({"password": "not base64!"}, "password"),
                        ({"password": b64("a" * 20 + "\0")}, "password"), ({"role": "ROOT"}, "role"),
                        ({"username": "sameasusername", "password": b64("SameAsUsername")}, "password")):
        answer = daemon.answer("CreateUser", {"username": "new", "password": b64(PASSWORD), "role": "VIEWER", **body})
        assert [fault["field"] for fault in answer["errorDetail"]["extraContext"]["faults"]] == [field], answer
    answer = daemon.answer("CreateUser", {"username": "new", "password": b64("elevenchars"), "role": "VIEWER"})
    assert "12 characters" in answer["message"] and "elevenchars" not in json.dumps(answer), answer

    # a role holds from the next request on
    project = {"id": "np_none"}
    assert refused(daemon, "StartProject", project, bob) == FORBIDDEN
    daemon.call("UpdateUser", {"username": "bob", "role": "OPERATOR"})
    assert refused(daemon, "StartProject", project, bob) == "GHANA-PROJECT000001"
    daemon.call("UpdateUser", {"username": "bob", "role": "VIEWER"})
    assert refused(daemon, "StartProject", project, bob) == FORBIDDEN

    # one's own password
    assert refused(daemon, "ChangePassword", {"oldPassword": b64("wrong"), "newPassword": b64("a new and long one")}, bob) == "PARAM_ERROR"
    assert refused(daemon, "ChangePassword", {"oldPassword": b64(PASSWORD), "newPassword": b64("short")}, bob) == "PARAM_ERROR"
    daemon.call("ChangePassword", {"oldPassword": b64(PASSWORD), "newPassword": b64("a new and long one")}, bob)
    assert status(daemon, bob) == 401
    bob = ("bob", "a new and long one")
    assert status(daemon, bob) == 200
    daemon.call("UpdateUser", {"username": "bob", "password": b64(PASSWORD)})
    assert status(daemon, bob) == 401 and status(daemon, ("bob", PASSWORD)) == 200

    daemon.call("UpdateUser", {"username": "bob", "disabled": True})
    assert status(daemon, ("bob", PASSWORD)) == 401
    daemon.call("UpdateUser", {"username": "bob", "disabled": False})
    assert status(daemon, ("bob", PASSWORD)) == 200
    assert refused(daemon, "UpdateUser", {"username": "bob"}) == "PARAM_ERROR"
    assert refused(daemon, "UpdateUser", {"username": "nobody", "role": "ADMIN"}) == NO_USER
    assert refused(daemon, "DeleteUser", {"username": "nobody"}) == NO_USER
    daemon.restart()
    assert status(daemon, ("bob", PASSWORD)) == 200
    stored = store_bytes(daemon)
    assert PASSWORD.encode() not in stored and b64(PASSWORD).encode() not in stored and b"$argon2id$" in stored


@tags("quick")
def test_last_admin(env):
    """Whatever is tried, also by many at once: one enabled ADMIN stays."""
    daemon = env.daemon()
    for action, change in (("DeleteUser", {}), ("UpdateUser", {"role": "OPERATOR"}), ("UpdateUser", {"disabled": True})):
        assert refused(daemon, action, {"username": "admin", **change}) == LAST_ADMIN
    make_user(daemon, "off", "ADMIN")
    daemon.call("UpdateUser", {"username": "off", "disabled": True})
    assert refused(daemon, "DeleteUser", {"username": "admin"}) == LAST_ADMIN
    daemon.call("UpdateUser", {"username": "admin", "role": "ADMIN", "disabled": False})
    daemon.call("UpdateUser", {"username": "off", "disabled": False})
    # each demotes the other, at the same time
    initial = (daemon.credentials["username"], daemon.credentials["password"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(daemon.answer, "UpdateUser", {"username": other, "role": "VIEWER"}, by)
                for other, by in (("off", initial), ("admin", ("off", PASSWORD)))]
        assert sum(job.result()["success"] for job in jobs) == 1
    with sqlite3.connect(os.path.join(daemon.data_dir, "store.db")) as store:
        assert store.execute("SELECT count(*) FROM user WHERE role = 'ADMIN' AND disabled = 0").fetchone() == (1,)


@tags("quick")
def test_keys(env):
    daemon = env.daemon()
    bob, eve = make_user(daemon, "bob", "OPERATOR"), make_user(daemon, "eve", "VIEWER")
    key = new_key(daemon, bob, description="nightly job")
    assert key["username"] == "bob" and len(key["accessKeySecret"]) == 40
    assert signed(daemon, key) == 200
    assert signed(daemon, {**key, "accessKeySecret": "x" * 40}) == 401
    listed = daemon.call("ListAccessKeys", {}, bob)
    assert [row["accessKeyId"] for row in listed] == [key["accessKeyId"]], listed
    assert listed[0]["lastUsedAt"] is not None and listed[0]["description"] == "nightly job"
    assert key["accessKeySecret"] not in json.dumps(listed)

    # whose: one's own, or all of an ADMIN
    assert refused(daemon, "CreateAccessKey", {"username": "bob"}, eve) == FORBIDDEN
    assert refused(daemon, "ListAccessKeys", {"username": "bob"}, eve) == FORBIDDEN
    for action in ("DeleteAccessKey", "UpdateAccessKey"):
        assert refused(daemon, action, {"accessKeyId": key["accessKeyId"], "disabled": True}, eve) == NO_KEY
    assert daemon.call("ListAccessKeys", {}, eve) == []
    assert {row["username"] for row in daemon.call("ListAccessKeys")} == {"admin", "bob"}
    second = new_key(daemon, username="eve")
    assert second["username"] == "eve" and signed(daemon, second) == 200
    assert refused(daemon, "CreateAccessKey", {"username": "nobody"}) == NO_USER
    assert rpc.call(daemon, "StartProject", {"Id": "np_none"}, key=second).body["Code"] == FORBIDDEN    # a VIEWER's key

    # at once: disabled, its owner disabled, deleted, its owner deleted
    daemon.call("UpdateAccessKey", {"accessKeyId": key["accessKeyId"], "disabled": True}, bob)
    assert signed(daemon, key) == 401
    daemon.call("UpdateAccessKey", {"accessKeyId": key["accessKeyId"], "disabled": False, "description": "weekly"}, bob)
    assert signed(daemon, key) == 200
    daemon.call("UpdateUser", {"username": "bob", "disabled": True})
    assert signed(daemon, key) == 401
    daemon.call("UpdateUser", {"username": "bob", "disabled": False})
    assert signed(daemon, key) == 200
    daemon.call("DeleteAccessKey", {"accessKeyId": key["accessKeyId"]})
    assert signed(daemon, key) == 401
    mine = [new_key(daemon, bob) for _ in range(5)]
    assert refused(daemon, "CreateAccessKey", {}, bob) == LIMIT
    assert [signed(daemon, row) for row in mine] == [200] * 5
    daemon.call("DeleteUser", {"username": "bob"})
    assert signed(daemon, mine[0]) == 401 and status(daemon, bob) == 401
    make_user(daemon, "bob", "OPERATOR")      # of the same name and password, and another person
    assert signed(daemon, mine[1]) == 401
    with sqlite3.connect(os.path.join(daemon.data_dir, "store.db")) as store:
        assert store.execute("SELECT count(*) FROM access_key WHERE user_name = 'bob'").fetchone() == (0,)
    stored = store_bytes(daemon)
    assert not [row for row in (key, second, *mine) if row["accessKeySecret"].encode() in stored]


@tags("quick")
def test_deleted_in_call(env):
    """A body that takes its time to arrive: whoever sends it may be gone when it is there."""
    daemon = env.daemon()
    bob = make_user(daemon, "bob", "ADMIN")
    connection = http.client.HTTPConnection(*daemon.address, timeout=30)
    env.cleanup(connection.close)
    body = json.dumps({"username": "door", "password": b64(PASSWORD), "role": "ADMIN"}).encode()
    connection.putrequest("POST", "/api/v2?Action=CreateUser")
    connection.putheader("Authorization", "Basic " + b64(":".join(bob)))
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:10])
    # the daemon has looked at the header once it has answered a later request of the same user
    assert status(daemon, bob) == 200
    daemon.call("DeleteUser", {"username": "bob"})
    connection.send(body[10:])
    answer = connection.getresponse()
    assert answer.status == 401, answer.read()
    assert [user["username"] for user in daemon.call("ListUsers")] == ["admin"]


@tags("quick")
def test_roles(env):
    """Each action of the table with each role, in both dialects."""
    daemon = env.daemon(["--requests-per-second", "0"])
    people = {role: make_user(daemon, f"u-{role}", role) for role in ROLES}
    keys = {role: new_key(daemon, people[role]) for role in ROLES}
    table = actions()
    assert len(table) > 50 and {action["role"] for action in table} == set(ROLES)
    wrong = []
    for action in table:
        for role in ROLES:
            forbidden = ROLES.index(role) < ROLES.index(action["role"])
            # nothing is in the bodies: an action that is let in finds faults, or changes nothing
            answer = daemon.answer(action["name"], {}, people[role])
            rpc_answer = rpc.call(daemon, action["name"], {}, key=keys[role])
            if forbidden != (answer["code"] == FORBIDDEN):
                wrong.append((action["name"], role, answer["code"]))
            if forbidden != (rpc_answer.status == 403):
                wrong.append((action["name"], role, rpc_answer.status))
            if action["name"] == "CreateAccessKey":
                assert answer["success"] and rpc_answer.status == 200
    assert not wrong, wrong


@tags("quick")
def test_audit(env):
    daemon = env.daemon()
    bob = make_user(daemon, "bob", "VIEWER")
    key = new_key(daemon, username="bob")
    source = daemon.call("CreateMySqlDataSource", {"name": "shop", "ip": "127.0.0.1", "port": 1, "userName": "u",
                                                   "password": b64("p")})
    daemon.call("ListProjects")
    answer = daemon.answer("DeleteDataSource", {"id": source})
    missing = daemon.answer("DeleteDataSource", {"id": "e_missing"})
    for _ in range(3):
        assert refused(daemon, "DeleteDataSource", {"id": source}, bob) == FORBIDDEN
    assert signed(daemon, key, "DeleteDataSource", {"Id": "e_0"}) == 403
    for _ in range(2):
        assert status(daemon, ("bob", "wrong")) == 401
    assert status(daemon, ("hunter2-typed-as-a-name", "x")) == 401
    assert signed(daemon, {**key, "accessKeySecret": "wrong"}) == 401

    found = events(daemon)
    assert [int(event["id"]) for event in found] == sorted((int(event["id"]) for event in found), reverse=True)
    told = [(event["user"], event["action"], event["target"], event["targetName"], event["result"], event["count"],
             event["accessKeyId"]) for event in reversed(found)]
    assert told == [
        ("admin", "CreateUser", "bob", None, "OK", 1, None),
        ("admin", "CreateAccessKey", key["accessKeyId"], "bob", "OK", 1, None),
        ("admin", "CreateMySqlDataSource", source, "shop", "OK", 1, None),
        ("admin", "DeleteDataSource", source, None, "OK", 1, None),
        ("admin", "DeleteDataSource", "e_missing", None, missing["code"], 1, None),
        ("bob", "DeleteDataSource", source, None, FORBIDDEN, 3, None),
        ("bob", "DeleteDataSource", "e_0", None, FORBIDDEN, 1, key["accessKeyId"]),
        ("bob", "Login", None, None, UNAUTHORIZED, 2, None),
        ("(unknown)", "Login", None, None, UNAUTHORIZED, 1, None),
        ("bob", "Login", None, None, UNAUTHORIZED, 1, key["accessKeyId"]),
    ], told
    assert {event["peer"] for event in found} == {"127.0.0.1"}
    assert [event["requestId"] for event in events(daemon, target=source, user="admin")][0] == answer["requestId"]

    # filters and pages
    def count(**filters):
        answer = daemon.answer("ListAuditEvents", {"pageSize": 2, **filters})
        assert answer["success"] and len(answer["data"]) == min(2, answer["totalCount"]), answer
        return answer["totalCount"]
    now = int(time.time())
    assert count() == 10
    assert count(user="bob") == 4 and count(user="bob", action="Login") == 2
    assert count(action="DeleteDataSource") == 4 and count(target=source) == 3 and count(target="shop") == 1
    assert count(result="OK") == 4 and count(result="FAILED") == 6 and count(result=FORBIDDEN) == 2
    assert count(**{"from": now - 600, "to": now + 600}) == 10 and count(**{"from": now + 600}) == 0 and count(to=now - 600) == 0
    assert refused(daemon, "ListAuditEvents", {"from": now * 1000}) == "PARAM_ERROR"
    pages = [event["id"] for page in range(1, 6) for event in daemon.call("ListAuditEvents", {"pageSize": 2, "pageNumber": page})]
    assert pages == [event["id"] for event in found]
    assert refused(daemon, "ListAuditEvents", {}, bob) == FORBIDDEN
    daemon.restart()
    assert events(daemon) == found


def test_audit_secrets(env):
    """What is secret in any request is in no event, no log line, no answer and not in the store."""
    daemon = env.daemon(["--log-level", "debug", "--requests-per-second", "0"])
    bob = make_user(daemon, "bob", "VIEWER")
    words = iter(f"Planted{number:04d}Secret" for number in range(100000))
    planted = []

    def secret():
        planted.append(next(words))
        return b64(planted[-1])

    def body(fields, valid):
        made = {}
        for field in fields:
            if field.get("secret"):
                made[field["name"]] = secret()
            elif "fields" in field:
                made[field["name"]] = [body(field["fields"], valid)] if field["type"] == "objects" else body(field["fields"], valid)
            elif valid and field["required"]:
                made[field["name"]] = {"integer": 5, "boolean": True}.get(field["type"], (field.get("values") or ["x"])[0])
        return made
    writing = [action for action in actions() if action["writes"]]
    assert len(writing) > 20
    for number, action in enumerate(writing):
        callers = ["initial", bob]
        if number < 3:          # wrong passwords, and passwords typed as names
            planted += [next(words), next(words)]
            callers += [("bob", planted[-2]), (planted[-1], "x")]
        for valid, auth in ((valid, auth) for valid in (True, False) for auth in callers):
            fields = body(action.get("fields", []), valid)
            if fields.get("username"):
                fields["username"] = "bob2"       # whoever calls stays who he is
            answer = daemon.answer(action["name"], fields, auth)
            text = json.dumps(answer)
            assert not [word for word in planted if word in text or b64(word) in text], (action["name"], answer)
        fields = body(action.get("fields", []), True)
        answer = rpc.call(daemon, action["name"], {name[0].upper() + name[1:]: value if isinstance(value, str) else json.dumps(value)
                                                   for name, value in fields.items() if name != "username"})
        assert not [word for word in planted if word in json.dumps(answer.body)], (action["name"], answer)
    secrets = [new_key(daemon)["accessKeySecret"], daemon.credentials["accessKeySecret"], daemon.credentials["password"], PASSWORD]
    assert len(planted) > 40, len(planted)
    daemon.stop()
    log = "\n".join(daemon.log_lines())
    stored = store_bytes(daemon)
    hidden = planted + secrets
    assert "call action=CreateUser" in log and "event=login_failed" in log
    assert not [word for word in hidden if word in log or b64(word) in log]
    assert not [word for word in hidden if word.encode() in stored or b64(word).encode() in stored]
    daemon.start()
    text = json.dumps([event for page in range(1, 6) for event in daemon.call("ListAuditEvents", {"pageSize": 150, "pageNumber": page})])
    assert "CreateUser" in text and not [word for word in hidden if word in text]


@tags("quick")
def test_audit_killed(env):
    """A write that a killed daemon began has its event, though nobody could write its result."""
    faults = os.path.join(env.dir, "faults")
    os.makedirs(faults)
    daemon = env.daemon(["--fault-dir", faults])
    body = {"name": "p", "type": "MIGRATION", "sourceEndpointId": None, "sinkEndpointId": None,
            "transferMapping": {"mode": "SPECIFIC", "databases": [{"name": "a", "mappedName": "a", "tables": [
                {"name": "t", "mappedName": "t"}]}]},
            "enableStructTransfer": True, "enableFullTransfer": True, "enableIncrTransfer": False,
            "commonTransferConfig": {"tableCategory": "ALL"}}
    for name in ("source", "sink"):
        body[f"{name}EndpointId"] = daemon.call("CreateMySqlDataSource", {"name": name, "ip": "127.0.0.1", "port": 1,
                                                                          "userName": "u", "password": b64("p")})
    with open(os.path.join(faults, "api.project.before_steps"), "w", encoding="utf-8") as file:
        file.write("1")
    try:
        daemon.answer("CreateProject", body)
        raise AssertionError("the daemon was not killed")
    except (OSError, http.client.HTTPException):
        daemon.process.wait()
    daemon.start()
    assert [project["name"] for project in daemon.call("ListProjects")] == ["p"]
    found = events(daemon, action="CreateProject")
    assert [(event["user"], event["target"], event["result"]) for event in found] == [("admin", "p", "UNKNOWN")], found


@tags("quick")
def test_audit_bounds(env):
    """The oldest events go; what is refused again and again costs one event."""
    daemon = env.daemon(["--audit-max", "1000", "--audit-days", "10", "--requests-per-second", "0"])
    bob = make_user(daemon, "bob", "VIEWER")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: refused(daemon, "DeleteUser", {"username": f"nobody{n % 2}"}, bob), range(300)))
    assert set(codes) == {FORBIDDEN}
    alike = events(daemon, user="bob")
    assert sum(event["count"] for event in alike) == 300 and len(alike) <= 3, alike     # more when a minute ended meanwhile
    assert {event["target"] for event in alike} == {None}                               # not all had the same
    path = os.path.join(daemon.data_dir, "store.db")
    daemon.stop()
    old = int(time.time()) - 11 * 86400
    with sqlite3.connect(path) as store:
        store.execute("DELETE FROM audit")
        store.executemany("INSERT INTO audit (at, last_at, user, peer, action, result, request_id) VALUES (?, ?, 'x', 'y', 'A', 'OK', 'r')",
                          [(old, old)] * 700 + [(old + 5 * 86400, old + 5 * 86400)] * 1500)
    daemon.start()

    def total():
        return daemon.answer("ListAuditEvents", {})["totalCount"]
    daemon.wait_for(lambda: total() == 1000, 20, "the oldest events are deleted")
    daemon.call("DeleteUser", {"username": "bob"})
    daemon.wait_for(lambda: total() == 1000, 20, "one more went")
    assert events(daemon)[0]["action"] == "DeleteUser"


@tags("quick")
def test_wrong_logins(env):
    """Ten wrong tries of one caller for one name cost nothing; more are refused unseen, also right ones, for seconds."""
    daemon = env.daemon()
    bob, eve = make_user(daemon, "bob", "VIEWER"), make_user(daemon, "eve", "VIEWER")

    def message(auth):
        return json.loads(daemon.http("POST", "/api/v2?Action=ListProjects", "{}", auth=auth).body)["message"]
    said = [message(("bob", f"wrong{n}")) for n in range(40)]
    assert "unknown user or wrong password" in said[0]
    assert any("too many failed logins" in text for text in said), said
    assert sum(event["count"] for event in events(daemon, user="bob", action="Login")) == 40    # those too
    assert status(daemon, eve) == 200       # nobody else is shut out
    daemon.wait_for(lambda: status(daemon, bob) == 200, 15, "the right password is taken again")
    key = new_key(daemon, username="bob")
    said = [rpc.call(daemon, "ListProjects", {}, key={**key, "accessKeySecret": "x"}).body["Message"] for _ in range(200)]
    assert any("too many failed logins" in text for text in said), said[-1]
    assert status(daemon, bob) == 200


@tags("quick")
def test_rate(env):
    """More requests than the account's rate: Throttling, in each dialect its way, and no other account suffers."""
    daemon = env.daemon(["--requests-per-second", "1", "--requests-burst", "20"])
    bob = make_user(daemon, "bob", "VIEWER")
    key = new_key(daemon, username="bob")
    answers = [daemon.http("POST", "/api/v2?Action=ListProjects", "{}", auth=bob) for _ in range(40)]
    bodies = [json.loads(answer.body) for answer in answers]
    late = [(answer, body) for answer, body in zip(answers, bodies) if not body["success"]]
    assert late and all(body["success"] for body in bodies[:20])
    assert {(answer.status, body["code"], answer.headers.get("Retry-After")) for answer, body in late} == {(200, "Throttling.User", "1")}
    signed_late = [answer for answer in (rpc.call(daemon, "ListProjects", {}, key=key) for _ in range(10)) if answer.status != 200]
    assert signed_late
    assert {(answer.status, answer.body["Code"], answer.headers.get("retry-after")) for answer in signed_late} == {(429, "Throttling.User", "1")}
    assert daemon.answer("ListProjects")["success"]
    daemon.wait_for(lambda: daemon.answer("ListProjects", {}, bob)["success"], 10, "a second later it is let in again")
    daemon.stop()
    free = env.daemon(["--requests-per-second", "0"])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: free.answer("ListProjects")["success"], range(1000)))


@tags("quick")
def test_foreign_pages(env):
    """A page of another site can't act with the credentials that a browser remembers."""
    daemon = env.daemon()
    host = "%s:%d" % daemon.address
    browser = {"User-Agent": "Mozilla/5.0"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ours = [{}, form, {"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{host}", **browser}, {"Referer": f"http://{host}/x", **browser},
            {"Content-Type": "application/json", **browser}]
    foreign = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
               {"Referer": "http://evil.example/"}, {**form, **browser}, {"Content-Type": "text/plain", **browser}]
    for headers in ours:
        answer = daemon.http("POST", "/api/v2?Action=ListProjects", "{}", headers)
        assert json.loads(answer.body)["success"], (headers, answer)
    for headers in foreign:
        answer = daemon.http("POST", "/api/v2?Action=CreateUser", json.dumps(
            {"username": "evil", "password": b64(PASSWORD), "role": "ADMIN"}), headers)
        assert json.loads(answer.body)["code"] == FORBIDDEN, (headers, answer)
        assert "Access-Control-Allow-Origin" not in answer.headers and "Set-Cookie" not in answer.headers
    preflight = daemon.http("OPTIONS", "/api/v2?Action=CreateUser", None, {"Origin": "http://evil.example",
                                                                           "Access-Control-Request-Method": "POST"}, None)
    assert "Access-Control-Allow-Origin" not in preflight.headers
    # a cookie is no authority
    assert daemon.http("POST", "/api/v2?Action=ListProjects", "{}", {"Cookie": "session=1"}, None).status == 401
    assert [user["username"] for user in daemon.call("ListUsers")] == ["admin"]


@tags("quick")
def test_documented(env):
    """docs/accounts.md lists each action under its role."""
    tool = os.path.join(REPOSITORY, "tests", "tools", "role_table.py")
    done = subprocess.run([sys.executable, tool, os.path.join(build_dir(), "causewayd")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
