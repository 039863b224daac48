"""A migration from the first data source to the last trace, driven by `causeway` alone, and every command of its table."""

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile

from cli import PROGRAM, Cli, Terminal, table
from common import REPOSITORY, assert_equal_soon, drain_and_compare, prepare
from harness.runner import needs, tags, timeout

SECRET = "s'e c;r\"et é"


def connect(cli, env, source, target):
    """Two data sources out of passwords that come each way but argv."""
    for server in (source, target):
        server.create_user("mover", SECRET)
    path = os.path.join(env.dir, "password")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(SECRET + "\n")
    old = cli.ok("source", "add", "old", "--host", source.host, "--port", source.port, "--user", "mover", "--password-file", path)
    new = cli.json("source", "add", "new", f"--host={target.host}", f"--port={target.port}", "--user", "mover", "--password-stdin",
                   stdin=SECRET + "\n")
    assert old.startswith("e_") and new.startswith("e_"), (old, new)
    listed = {row["name"]: row for row in cli.json("source", "list")}
    assert listed["old"]["id"] == old and listed["new"]["port"] == target.port, listed
    assert SECRET not in json.dumps(listed)
    assert len(cli.ok("source", "list", "--search", "old").splitlines()) == 1
    assert cli.ok("source", "test", "old").splitlines()[-1] == "2 passed, 0 warnings, 0 failed, 0 skipped"
    answer = cli.json("source", "test", new)
    assert [item["checkType"] for item in answer["preCheckResults"]] == ["RDB_CONNECT", "DB_VERSION"], answer
    assert {row["name"]: row for row in cli.json("source", "list")}["new"]["version"]

    # asked for on a terminal, without echo; a wrong one is found by the test, and mended
    terminal = Terminal(cli.command("source", "add", "wrong", "--host", source.host, "--port", str(source.port), "--user", "mover"))
    terminal.until(rb"Password of mover: ")
    terminal.type(b"no good\n")
    assert terminal.end() == 0, terminal.output
    assert b"no good" not in terminal.output
    status, out, _ = cli.run("source", "test", "wrong")
    assert status == 1 and re.search(r"FAILED +SOURCE +RDB_CONNECT", out), (status, out)
    cli.ok("source", "update", "wrong", "--password-file", path)
    assert cli.run("source", "test", "wrong")[0] == 0
    assert cli.json("source", "update", "wrong", "--port", source.port) is None
    assert "at least one" in cli.refused("source", "update", "wrong")
    assert "GHANA-ENDPNT000001" in cli.refused("source", "test", "e_0")
    assert cli.json("source", "remove", "wrong") is None
    assert "no data source is called wrong" in cli.refused("source", "remove", "wrong")
    return old, new


def write(env, name, body):
    path = os.path.join(env.dir, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(body, file)
    return path


def one_way(env, cli, daemon, source, target):
    """Create, check, start, watch under a terminal and into a pipe, stop, resume, release, delete."""
    options = ["--name", "shop", "--source", "old", "--sink", "new", "--db", "app=shop", "--throttle-rows", "2000",
               "--way-back"]
    body = json.loads(cli.ok("project", "create", *options, "--print"))
    path = write(env, "shop.json", {**body, "sourceEndpointId": "old", "sinkEndpointId": "new"})
    assert cli.run("precheck", path)[0] == 0
    project = cli.ok("project", "create", *options, "--label", "web")
    assert project.startswith("np_")
    row = cli.json("project", "list", "--label", "web")
    assert [item["id"] for item in row] == [project], row
    assert cli.json("label", "start", "web")["succeedProjectIds"] == [project]
    load = env.load(source, "app", rate=50)

    terminal = Terminal(cli.command("watch", "shop", "--until-monitoring"), columns=140)
    terminal.until(rb"FULL_TRANSFER +RUNNING +\[#+-+\] +\d+\.\d % .* rows/s.*B/s.* ETA (\d|unknown)")
    terminal.resize(60, 12)
    terminal.until(rb"\x1b\[\d+A\r\x1b\[J")
    assert terminal.end(180) == 0, terminal.output
    text = terminal.output.decode()
    assert text.endswith("\x1b[?25h") and "\x1b[?25l" in text, text[-200:]
    assert re.search(r"INCR_TRANSFER +MONITORING", text.rsplit("\x1b[J", 1)[1]), text[-2000:]
    narrow = [line for frame in text.split("\x1b[J")[-2:] for line in frame.split("\r\n")]
    assert max(map(len, narrow)) < 60 + len("\x1b[99A\r"), narrow

    out = cli.ok("project", "watch", project, "--until", "FULL_TRANSFER=FINISHED", "--until", "INCR_TRANSFER=MONITORING")
    assert "\x1b" not in out and re.search(r"^\d{4}-\d\d-\d\dT\S+ FULL_TRANSFER +FINISHED +100\.0 %", out, re.M), out
    lines = [json.loads(line) for line in cli.ok("watch", "shop", "--until-monitoring", "--json").splitlines()]
    assert {line["step"]["name"] for line in lines} >= {"FULL_TRANSFER", "INCR_TRANSFER"}, lines
    # Ctrl-C: the cursor is back, whatever it was drawing
    terminal = Terminal(cli.command("watch", "shop"))
    terminal.until(rb"\x1b\[\?25l[\s\S]*INCR_TRANSFER")
    terminal.signal(signal.SIGINT)
    assert terminal.end() == 130 and terminal.output.endswith(b"\x1b[?25h"), terminal.output
    assert "within the time given" in cli.run("watch", "shop", "--timeout", "1")[2]

    load.stop()
    drain_and_compare(daemon, source, target, "app", "shop")
    shown = cli.ok("project", "show", "shop")
    assert "old" in shown and "app as shop" in shown and "MONITORING" in shown, shown
    assert cli.json("project", "show", "shop")["id"] == project
    assert "INCR_TRANSFER" in cli.ok("project", "steps", project)
    assert len(cli.json("project", "steps", project)) >= 5
    assert len(cli.json("project", "events", "shop", "--limit", "2")) == 2
    assert "GHANA-OPERAT000002" in cli.refused("project", "release", "shop")
    assert cli.json("project", "precheck", "show", "shop")["preCheckStatus"] == "FINISHED"
    assert cli.json("project", "stop", "shop") is None
    assert cli.refused("project", "precheck", "skip", "shop", "RDB_CONNECT", "source", "--json")
    assert cli.json("project", "list", "--status", "SUSPEND")[0]["name"] == "shop"
    assert cli.json("project", "config", "shop", "--full", "{}", "--incr", '{"throttleRps": 100000}') is None
    assert cli.json("project", "resume", "shop") is None
    assert cli.run("watch", "shop", "--until-monitoring")[0] == 0
    return project


def two_way(cli, daemon, source, target):
    """The way back beside it, a conflict, and the switchover that such a project can't have."""
    source.sql(["CREATE DATABASE two", "CREATE TABLE two.t (id INT PRIMARY KEY, v INT)", "INSERT INTO two.t VALUES (1, 1)"])
    forward = cli.json("project", "create", "--name", "two", "--source", "old", "--sink", "new", "--table", "two.t=two.t", "--two-way",
                     "--conflict", "overwrite", "--start")
    assert cli.run("watch", "two", "--until-monitoring")[0] == 0
    assert "no reverse project" in cli.refused("reverse", "show", "two")
    reverse = cli.json("project", "reverse", "configure", "two", "--name", "back", '{"conflictStrategy": "IGNORE"}')
    assert cli.json("reverse", "show", "two")["name"] == "back"
    assert cli.json("reverse", "start", "two") is None
    assert cli.run("watch", "back", "--until-monitoring")[0] == 0
    target.sql("INSERT INTO two.t VALUES (2, 2)")
    daemon.wait_for(lambda: source.value("SELECT COUNT(*) FROM two.t WHERE id = 2"), 30, "the row came back")
    # both ends change one row while neither direction runs
    assert cli.json("reverse", "stop", "two") is None
    assert cli.json("project", "stop", "two") is None
    daemon.wait_for(lambda: not daemon.workers(forward) and not daemon.workers(reverse), 30, "the workers have stopped")
    source.sql("UPDATE two.t SET v = 10 WHERE id = 1")
    target.sql("UPDATE two.t SET v = 20 WHERE id = 1")
    assert cli.json("project", "resume", "two") is None
    assert cli.json("reverse", "resume", "two") is None
    daemon.wait_for(lambda: cli.json("conflicts", "list", "two"), 60, "the conflict is recorded")
    found = cli.json("conflicts", "list", "two", "--table", "two.t", "--decision", "OVERWRITTEN")
    assert len(found) <= 1 and "two.t" in cli.ok("conflicts", "list", "two")
    daemon.wait_for(lambda: (source.value("SELECT v FROM two.t WHERE id = 1"), target.value("SELECT v FROM two.t WHERE id = 1")) ==
                    (10, 10), 60, "both ends are equal")
    path = os.path.join(daemon.directory, "conflicts.zip")
    assert cli.json("conflicts", "download", "two", path)["bytes"] == os.path.getsize(path)
    assert zipfile.ZipFile(path).namelist() == ["conflict_sql_1.log"]
    assert "no switchover" in cli.refused("switchover", "status", "two")
    assert cli.json("reverse", "stop", "two") is None
    assert cli.json("reverse", "release", "two") is None
    daemon.wait_project(reverse, "RELEASED")
    assert cli.json("project", "reverse", "delete", "two") is None
    assert cli.json("project", "stop", "two") is None
    assert cli.json("project", "release", "two") is None
    daemon.wait_project(forward, "RELEASED")
    assert cli.json("project", "delete", forward) is None


def the_rest(env, cli, daemon, project):
    """Each command that the migrations had no use for, with what it says."""
    verify(cli, daemon, project)
    for verb in ("start", "advance", "dry-run"):
        options = ("--quiet", "5") if verb == "start" else ()
        status, out, text = cli.run("switchover", verb, "shop", *options, "--json")
        assert status in (0, 1) and (status == 1 or json.loads(out)), (verb, out, text)
        if verb == "start":
            assert cli.json("switchover", "status", "shop")["subSteps"]
            assert "switchover" in cli.refused("project", "reverse", "configure", "shop")
    assert cli.json("switchover", "abort", "shop") is None
    assert cli.json("ddl", "list", "shop", "--all") == []
    assert "no DDL statement" in cli.refused("ddl", "skip", "shop", "b.1:1", "--json")
    assert "no DDL statement" in cli.refused("ddl", "replace", "shop", "b.1:1", "DO 0", "--json")
    assert cli.json("project", "rename", "shop", "store") is None
    assert cli.json("project", "importance", "store", "high") is None
    shown = cli.json("project", "show", "store")
    assert (shown["id"], shown["importance"]) == (project, "HIGH")
    cli.ok("label", "create", "db")
    assert cli.json("project", "label", "store", "web", "db") is None
    assert {row["name"] for row in cli.json("project", "show", "store")["labels"]} == {"web", "db"}
    assert cli.json("label", "stop", "web")["succeedProjectIds"] == [project]
    assert cli.json("project", "label", "store") is None
    assert cli.json("label", "delete", "db") is None
    assert [row["name"] for row in cli.json("label", "list")] == ["web"]
    assert cli.json("project", "components", "store")["incrSyncComponents"]
    for metric in ("RPS", "DELAY"):
        data = cli.json("project", "metrics", "store", "--metric", metric, "--hours", "1", "--points", "60", "--average")
        assert data["aggregator"] == "AVG" and data["metrics"][0]["dataPoints"], data
    assert re.match(r"\d{4}-\d\d-\d\dT\S+  \d", cli.ok("project", "metrics", "store", "--step", "FULL_TRANSFER"))
    assert isinstance(cli.json("alert", "list", "--project", "store", "--limit", "5"), list)


def verify(cli, daemon, project):
    """The commands of a verification; what it finds is tested elsewhere (test_verify)."""
    assert cli.json("verify", "result", "shop") == {"differentNumber": 0, "fullVerifyTableStatistics": []}
    assert cli.ok("verify", "result", "shop") == "nothing has been compared yet"
    daemon.wait_step(project, "INCR_TRANSFER", "MONITORING")
    assert cli.json("verify", "start", "shop", "--tables", "[]") is None
    daemon.wait_for(lambda: daemon.steps(project)["FULL_VERIFIER"]["progress"] == 100, 60, "the verification is through")
    assert cli.json("verify", "result", "shop")["fullVerifyTableStatistics"]
    assert "RESULT" not in cli.ok("verify", "result", "shop", "--status", "FINISHED")   # titles are for terminals
    for command in ("differences", "corrections"):
        assert isinstance(cli.json("verify", command, "shop", "--schema", "app"), list)
    assert "none of the chosen rows" in cli.refused("verify", "apply", "shop", "vd_999999", "--table", "no_such", "--json")
    for name, begins in (("report.html", "<!DOCTYPE html>"), ("report.csv", "kind,")):
        path = os.path.join(daemon.directory, name)
        assert cli.json("verify", "report", "shop", path)["file"] == path
        with open(path, encoding="utf-8") as file:
            assert file.read().startswith(begins), name


def objects(env, cli, daemon, source, target):
    """The list of objects as CSV, out of one project and into another; changed while it runs."""
    path = os.path.join(env.dir, "objects.csv")
    cli.ok("project", "objects", "export", "shop", path)
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    answer = cli.json("project", "objects", "export", "shop")
    assert answer["csv"] == text and "app" in text, (answer, text)
    assert "app as shop" in cli.ok("project", "objects", "check", path)
    assert cli.json("project", "objects", "check", path)["databases"][0]["name"] == "app"
    with open(path, "a", encoding="utf-8") as file:
        file.write("nonsense,,,,,,,,,,,\n\"x\n")
    assert re.search(r"\(PARAM_ERROR\)\n  line ?\d+", cli.refused("project", "objects", "check", path), re.I)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    copy = cli.ok("project", "create", "--name", "copy", "--source", "old", "--sink", "new", "--no-incr", "--objects", path)
    assert cli.ok("project", "objects", "export", copy) == text.replace("\r\n", "\n").strip()
    # the tables of "shop" are there, full: a check of this one says so
    status, out, _ = cli.run("project", "precheck", "run", "copy", "--json")
    failed = [item["checkType"] for item in json.loads(out)["preCheckResults"] if item["status"] == "FAILED"]
    assert (status, failed) == (1, ["TARGET_TABLE"]), (status, failed)
    assert "TARGET_TABLE" in cli.run("project", "precheck", "show", "copy")[1]
    assert cli.json("project", "delete", copy) is None
    assert "selects what the project has already" in cli.refused("project", "objects", "change", "shop", "--objects", path, "--json")
    assert cli.json("project", "objects", "changes", "shop") == []

    source.sql(["CREATE DATABASE three", "CREATE TABLE three.a (id INT PRIMARY KEY)", "CREATE TABLE three.b (id INT PRIMARY KEY)",
                "INSERT INTO three.b VALUES (1)"])
    cli.ok("project", "create", "--name", "three", "--source", "old", "--sink", "new", "--table", "three.a", "--start")
    assert cli.run("watch", "three", "--until-monitoring")[0] == 0
    with open(path, "w", encoding="utf-8") as file:
        file.write("kind,database,object\ntable,three,a\ntable,three,b\n")
    record = cli.json("project", "objects", "change", "three", "--objects", path)
    daemon.wait_for(lambda: cli.json("project", "objects", "changes", "three")[0]["status"] == "SUCCESS", 90, "the table has joined")
    assert str(record) in cli.ok("project", "objects", "changes", "three")
    assert target.value("SELECT COUNT(*) FROM three.b") == 1
    cli.ok("project", "stop", "three")
    cli.ok("project", "release", "three")
    daemon.wait_project(cli.json("project", "list", "--search", "three")[0]["id"], "RELEASED")
    cli.ok("project", "delete", "three")
    for verb in ("stop", "retry", "cancel"):
        assert cli.refused("project", "objects", verb, 4711, "--json")


def prechecks(env, cli):
    """What CI makes of it: 0, 1 and 2, as a table, JSON and JUnit's XML."""
    good = json.loads(cli.ok("project", "create", "--name", "ci", "--source", "old", "--sink", "new", "--db", "app", "--print"))
    bad = json.loads(json.dumps(good))
    bad["transferMapping"]["databases"].append({"name": "not_there", "mappedName": "not_there"})
    good_path, bad_path = write(env, "good.json", good), write(env, "bad.json", bad)
    xml = os.path.join(env.dir, "out.xml")
    status, out, _ = cli.run("precheck", good_path, "--junit", xml)
    assert status == 0 and " 0 failed," in out, out
    schema = os.path.join(REPOSITORY, "tests", "tools", "junit.xsd")
    subprocess.run(["xmllint", "--noout", "--schema", schema, xml], check=True, capture_output=True, timeout=60)
    status, out, _ = cli.run("precheck", bad_path, "--junit")
    root = ElementTree.fromstring(out)
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert status == 1 and "RDB_SCHEMA_EXIST" in failed and root[0].get("failures") == str(len(failed)), out
    done = subprocess.run(["xmllint", "--noout", "--schema", schema, "-"], input=out, text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    status, out, _ = cli.run("precheck", bad_path, "--json")
    assert status == 1 and json.loads(out)["preCheckStatus"] == "FAILED", out
    # nothing was created; what could not be run is told apart from what has failed
    assert cli.json("project", "list", "--search", "ci") == []
    assert "no data source" in cli.refused("precheck", write(env, "none.json", {**good, "sourceEndpointId": "nobody"}), status=2)
    assert "transferMapping" in cli.refused("precheck", write(env, "empty.json", {"name": "x"}), status=2)
    for text in ("[]", "{", ""):
        assert cli.refused("precheck", "-", status=2, stdin=text)
    assert cli.refused("precheck", "/nowhere.json", status=2)
    assert "not over" in cli.refused("precheck", good_path, "--timeout", "0", status=2)
    run = subprocess.run([PROGRAM, "--server", "http://127.0.0.1:1", "--user", "x", "precheck", good_path], input="p\n", text=True,
                         capture_output=True, check=False, timeout=60)
    assert run.returncode == 2, run


def accounts(env, cli, daemon):
    """Users, keys, the audit, who is alerted: one who may only look."""
    first, second = "look but don't touch", "look, but from afar"
    path = os.path.join(env.dir, "viewer-password")

    def remember(password):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(password + "\n")

    def watcher(*arguments, stdin=""):
        return subprocess.run([PROGRAM, "--server", daemon.url, "--user", "watcher", "--password-file", path, *arguments], input=stdin,
                              capture_output=True, text=True, check=False, timeout=60)
    remember(first)
    assert cli.json("user", "create", "watcher", "--role", "viewer", "--password-stdin", stdin=first + "\n")["role"] == "VIEWER"
    assert {row["username"] for row in cli.json("user", "list")} == {"admin", "watcher"}
    assert watcher("project", "list").returncode == 0
    refused = watcher("label", "create", "x")
    assert refused.returncode == 1 and "CAUSEWAY-AUTHEN000002" in refused.stderr, refused
    assert cli.json("user", "update", "watcher", "--role", "operator")["role"] == "OPERATOR"
    assert watcher("label", "create", "x").returncode == 0 and cli.json("label", "delete", "x") is None
    cli.called.setdefault("user passwd", []).append(True)
    done = watcher("user", "passwd", "--password-stdin", "--json", stdin=f"{first}\n{second}\n")
    assert done.returncode == 0 and json.loads(done.stdout) is None, done
    assert watcher("project", "list").returncode == 1
    remember(second)
    assert watcher("project", "list").returncode == 0

    key = cli.json("key", "create", "--user", "watcher", "--description", "CI")
    assert key["accessKeySecret"] and key["username"] == "watcher"
    assert [row["accessKeyId"] for row in cli.json("key", "list", "--user", "watcher")] == [key["accessKeyId"]]
    cli.json("key", "update", key["accessKeyId"], "--disable")
    assert cli.json("key", "list", "--user", "watcher")[0]["disabled"] is True
    assert cli.json("key", "delete", key["accessKeyId"]) is None
    assert cli.json("user", "delete", "watcher") is None
    assert watcher("project", "list").returncode == 1
    events = cli.json("audit", "list", "--action", "CreateUser", "--limit", "5")
    assert events[0]["user"] == "admin" and second not in json.dumps(cli.json("audit", "list", "--limit", "200"))

    hook = cli.json("alert", "webhook", "create", "http://127.0.0.1:1/hook", "--level", "error")
    assert hook["secret"] and [row["id"] for row in cli.json("alert", "webhook", "list")] == [hook["id"]]
    assert cli.json("alert", "webhook", "test", hook["id"])["deliveryId"]
    assert cli.json("alert", "webhook", "delete", hook["id"]) is None


def end(cli, daemon, source, target, project):
    assert_equal_soon(source, target, {"app": "shop"})
    assert cli.json("project", "release", "store") is None
    daemon.wait_project(project, "RELEASED")
    assert cli.json("project", "delete", "store") is None
    assert "no project is called store" in cli.refused("project", "show", "store")
    assert "GHANA-PROJECT000001" in cli.refused("project", "start", project, "--json")
    for name in ("old", "new"):
        assert cli.json("source", "remove", name) is None
    assert cli.json("source", "list") == [] and cli.json("project", "list") == []


def local(cli):
    """What needs no daemon, and the raw call."""
    assert cli.json("completion", "zsh")["shell"] == "zsh" and cli.json("help")["commands"]
    assert isinstance(cli.json("call", "ListProjects", "{}"), list)
    assert json.loads(cli.ok("call", "ListProjects"))["success"] is True
    assert json.loads(cli.run("call", "DescribeProject", '{"id": "np_0"}')[1])["success"] is False
    assert "GHANA-PROJECT000001" in cli.refused("call", "DescribeProject", '{"id": "np_0"}', "--json")


@tags("quick")
@needs("mariadb")
@timeout(420)
def test_a_whole_migration(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=20000)
    daemon = env.daemon()
    cli = Cli(daemon.data_dir)
    connect(cli, env, source, target)
    assert cli.json("label", "create", "web").startswith("l_")
    prechecks(env, cli)
    accounts(env, cli, daemon)
    project = one_way(env, cli, daemon, source, target)
    objects(env, cli, daemon, source, target)
    two_way(cli, daemon, source, target)
    the_rest(env, cli, daemon, project)
    end(cli, daemon, source, target, project)
    local(cli)
    every = {command["command"] for command in table()["commands"]}
    assert set(cli.called) == every, every - set(cli.called)
    without = {path for path, json_told in cli.called.items() if not any(json_told)}
    assert not without, f"never called with --json: {without}"
