"""The touch map (docs/verification.md, "The witness"): what incremental lets a verifier know, and the holds it keeps.
tests/tools/touch_tool.c plays the verifier."""

import json
import os
import signal
import subprocess

from common import INCR, Faults, drain, drain_and_compare, prepare, start_forward, tree, wait_monitoring
from harness.daemon import build_dir, wait_for
from harness.runner import needs, timeout
from test_two_way import small_pair

ROUNDS = 4
TABLES = ["CREATE DATABASE app",
          "CREATE TABLE app.cw_test_mark (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)",
          "CREATE TABLE app.n (id BIGINT PRIMARY KEY, v INT)",
          "CREATE TABLE app.u (id BIGINT UNSIGNED ZEROFILL PRIMARY KEY, v INT)",
          "CREATE TABLE app.pair (k VARCHAR(40) CHARACTER SET latin1, n INT, b VARBINARY(10), d DATE, v INT,"
          " PRIMARY KEY (k, n, b, d))",
          "CREATE TABLE app.bag (id INT, v INT)",
          "CREATE TABLE app.some (id INT PRIMARY KEY, v INT)",
          "CREATE TABLE app.top (id INT PRIMARY KEY, v INT)",
          "CREATE TABLE app.middle (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES app.top (id) ON DELETE CASCADE)",
          "CREATE TABLE app.low (id INT PRIMARY KEY, m INT, FOREIGN KEY (m) REFERENCES app.middle (id)"
          " ON DELETE SET NULL ON UPDATE CASCADE)",
          "CREATE TABLE app.still (id INT PRIMARY KEY, v INT)",
          "INSERT INTO app.n VALUES (1, 1), (2, 2)", "INSERT INTO app.top VALUES (1, 1), (2, 2)",
          "INSERT INTO app.middle VALUES (1, 1), (2, 2)", "INSERT INTO app.low VALUES (1, 1), (2, 2)"]


class Tool:
    """One touch_tool on a project's map."""

    def __init__(self, daemon, project):
        self.path = os.path.join(daemon.data_dir, "projects", project, "touched")
        self.process = subprocess.Popen([os.path.join(build_dir(), "touch_tool"), self.path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"touch_tool ended at {words}"
        return json.loads(line)

    def passed(self, source, timeout=30):
        """Until all that the source has now is read and applied; the state then."""
        file, pos = source.binlog_position()
        state = {}

        def there():
            state.clear()
            state.update(self.ask("state") or {})
            return state and place(state) >= (number(file), pos) and state["applied"] >= state["readSeq"]
        wait_for(there, timeout, f"{file}:{pos} is applied", interval=0.01, context=lambda: str(state))
        return dict(state)

    def at(self):
        """Where the hold stands, once it does."""
        wait_for(lambda: self.ask("held"), 30, "the hold stands", interval=0.01)
        return place(self.ask("held"))


def number(file):
    return int(file.rsplit(".", 1)[1])


def place(document):
    return number(document["file"] or "x.0"), document["pos"]


def started(env, **options):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(TABLES)
    selection = tree(["app"])
    daemon, project = start_forward(env, source, target, selection, incr_config={
        "recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE", "DDL"]}, **options)
    wait_monitoring(daemon, project)
    return daemon, project, source, target


def check_marks(tool, source, before, statements, rows, unmarked=()):
    """These statements mark these rows, with numbers beyond all before, and those not."""
    source.sql(statements)
    after = tool.passed(source)
    for row in rows:
        mark = tool.ask(row)
        assert before["applied"] < mark <= after["applied"], (row, mark, before, after)
    for row in unmarked:
        assert tool.ask(row) <= before["applied"], row
    return after


@needs("mariadb")
@timeout(120)
def test_touch_marks(env):
    daemon, project, source, target = started(env)
    with Tool(daemon, project) as tool:
        state = tool.passed(source)
        assert tool.ask("keys") == {"lost": 0, "keys": []}
        quiet = ("row app n i:2", "row app still i:1", "related app low", "ddl app n")
        state = check_marks(tool, source, state, ["INSERT INTO app.n VALUES (5, 1)", "UPDATE app.n SET id = 6 WHERE id = 5",
                                                  "UPDATE app.n SET v = 3 WHERE id = 1"],
                            ["row app n i:1", "row app n i:5", "row APP n i:6"], quiet)
        ring = [entry["key"] for entry in tool.ask("keys")["keys"]]
        assert ring == [["5"], ["5"], ["6"], ["1"]], ring
        state = check_marks(tool, source, state, ["INSERT INTO app.u VALUES (18446744073709551615, 1), (42, 1)"],
                            ["row app u i:-1", "row app u i:42"], quiet)
        # letters in lower case, blanks and other bytes left out; the date does not count
        state = check_marks(tool, source, state,
                            ["INSERT INTO app.pair VALUES ('M\u00fcLler ', -7, 'x\\0', '2026-01-02', 1)"],
                            ["row app pair t:mller i:-7 b:x"], quiet)
        state = check_marks(tool, source, state, ["INSERT INTO app.bag VALUES (1, 1)"], ["row app bag"], quiet)
        # one transaction that is too large for a batch
        state = check_marks(tool, source, state, ["INSERT INTO app.some SELECT seq, 1 FROM mysql.seq_1_to_7000"],
                            ["row app some i:1", "row app some i:7000"], quiet)
        check_cascades(tool, source, state, quiet)
        state = tool.passed(source)
        state = check_marks(tool, source, state, ["ALTER TABLE app.some ADD w INT DEFAULT 4"],
                            ["ddl app some", "related app some"], ("ddl app n", "row app still i:1"))
        assert state["ddlSeq"] == tool.ask("ddl app some")
        check_xa(tool, source)
        check_restart(daemon, project, source, tool)
        check_without(daemon, project, source, target)
    drain_and_compare(daemon, source, target)


def check_cascades(tool, source, state, quiet):
    """What the server does to rows of other tables is not in the binlog."""
    still = ("related app middle", "related app top")
    state = check_marks(tool, source, state, ["UPDATE app.top SET v = 9 WHERE id = 1", "UPDATE app.middle SET t = 1 WHERE id = 2"],
                        ["row app top i:1", "row app middle i:2"], (*still, *quiet))
    state = check_marks(tool, source, state, ["UPDATE app.middle SET id = 3 WHERE id = 2"], ["related app low"], still)
    check_marks(tool, source, state, ["DELETE FROM app.top WHERE id = 1"],
                ["row app top i:1", "related app middle", "related app low"], ("related app top", "row app still i:1"))


def check_xa(tool, source):
    """Rows count when they are committed, and then any row may have been among them."""
    state = tool.passed(source)
    with source.connect() as connection, connection.cursor() as cursor:
        for statement in ("XA START 'x'", "UPDATE app.n SET v = 77 WHERE id = 2", "XA END 'x'", "XA PREPARE 'x'"):
            cursor.execute(statement)
        between = tool.passed(source)
        assert tool.ask("row app still i:1") <= state["applied"]
        cursor.execute("XA COMMIT 'x'")
        after = tool.passed(source)
        assert between["applied"] < tool.ask("row app n i:2") <= after["applied"]
        assert between["applied"] < tool.ask("row app still i:1") <= after["applied"]
        assert between["applied"] < tool.ask("related app top") <= after["applied"]


def check_restart(daemon, project, source, tool):
    """Another worker, another map: nobody takes the old one for the present."""
    before = tool.passed(source)
    daemon.kill_workers(project, INCR)
    wait_for(lambda: (tool.ask("state") or before)["generation"] != before["generation"], 30, "a new map", interval=0.01)
    after = tool.passed(source)
    assert after["applied"] >= before["applied"]
    assert tool.ask("row app some i:1") <= after["applied"]
    check_marks(tool, source, after, ["UPDATE app.n SET v = v + 1 WHERE id = 1"], ["row app n i:1"], ["row app still i:1"])


def check_without(daemon, project, source, target):
    """A disk without room for it: told, and incremental goes on."""
    path = os.path.join(daemon.data_dir, "projects", project, "touched.new")
    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 20, "the workers have stopped")
    os.makedirs(path)
    daemon.call("ResumeProject", {"id": project})
    wait_monitoring(daemon, project)
    drain(daemon, source, target)
    log = "\n".join(daemon.log_lines())
    assert "no_touch_map" in log, log[-2000:]
    with Tool(daemon, project) as tool:
        assert tool.ask("state") is None
    os.rmdir(path)


def rows_of(cursor, tables):
    result = {}
    for table in tables:
        cursor.execute(f"SELECT * FROM app.{table}")
        result[table] = sorted(map(repr, cursor.fetchall()))
    return result


def snapshot(source, tables):
    """All rows as of one position of the source, while it is written."""
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
        status = dict(cursor.fetchall())
        return status["Binlog_snapshot_file"], int(status["Binlog_snapshot_position"]), rows_of(cursor, tables)


@needs("mariadb")
@timeout(120)
def test_touch_hold(env):
    source, target, faults = env.source("mariadb"), env.target("mariadb"), Faults(env)
    prepare(source, target, rows=500)
    load = env.load(source, "app", rate=300)
    daemon, project = start_forward(env, source, target, tree(["app"]), env.daemon(faults.arguments))
    wait_monitoring(daemon, project)
    tables = [name for name in source.tables("app") if name != "t_wide"]
    with Tool(daemon, project) as tool:
        for _ in range(ROUNDS):
            assert tool.ask("hold")
            stands = tool.at()
            load.wait_committed(30)
            assert place(tool.ask("held")) == stands
            file, pos, expected = snapshot(source, tables)
            assert (number(file), pos) > stands
            tool.ask("until", file, pos)
            assert tool.at() == (number(file), pos)
            with target.connect() as connection, connection.cursor() as cursor:
                found = rows_of(cursor, tables)
            assert place(tool.ask("held")) == (number(file), pos)
            assert found == expected, [name for name in tables if found[name] != expected[name]]
            tool.ask("release")
            load.wait_committed(10)
        # the worker dies when it is about to stand still: the next one knows of no hold until it is asked
        faults.arm("incr.witness.held")
        before = tool.ask("state")["generation"]
        tool.ask("hold")
        wait_for(lambda: (tool.ask("state") or {}).get("generation", before) != before, 30, "another worker", interval=0.01)
        assert not faults.armed()
        tool.at()
        tool.ask("release")
        load.wait_committed(10)
        # whoever asked dies: it goes on by itself
        tool.ask("hold")
        tool.at()
        held = tool.ask("state")["applied"]
        os.kill(tool.process.pid, signal.SIGKILL)
        with Tool(daemon, project) as other:
            wait_for(lambda: other.ask("state")["applied"] > held + 20, 30, "replication goes on")
            # the source idles: a hold stands all the same, and there is nothing beyond it
            load.stop()
            other.passed(source)
            other.ask("hold")
            file, pos = source.binlog_position()
            assert other.at() == (number(file), pos)
            source.sql("INSERT INTO app.t_auto (val, note) VALUES (1, 'behind')")
            file, pos = source.binlog_position()
            other.ask("until", file, pos)
            assert other.at() == (number(file), pos)
            assert target.value("SELECT COUNT(*) FROM app.t_auto WHERE note = 'behind'") == 1
            other.ask("release")
    drain_and_compare(daemon, source, target)


@needs("mariadb")
@timeout(120)
def test_touch_two_way(env):
    """What a direction has applied at an end does not count as changed there."""
    pair = small_pair(env)
    pair.start()
    with Tool(pair.daemon, pair.forward) as ahead, Tool(pair.daemon, pair.reverse) as back:
        first, second = ahead.passed(pair.source), back.passed(pair.target)
        pair.source.sql("UPDATE app.t SET v = 'source' WHERE id = 1")
        pair.target.sql("UPDATE app.t SET v = 'target' WHERE id = 2")
        ahead.passed(pair.source)
        back.passed(pair.target)
        ahead.passed(pair.source)
        assert pair.target.value("SELECT v FROM app.t WHERE id = 1") == "source"
        assert pair.source.value("SELECT v FROM app.t WHERE id = 2") == "target"
        assert ahead.ask("row app t i:1") > first["applied"] and ahead.ask("row app t i:2") == 0
        assert back.ask("row app t i:2") > second["applied"] and back.ask("row app t i:1") == 0
    pair.settle()


KEYS = {"k_int": ("INT(8) UNSIGNED ZEROFILL", "42"), "k_utf8": ("VARCHAR(20) CHARACTER SET utf8mb4", "'\u00c4 \u6f22'"),
        "k_latin": ("VARCHAR(20) CHARACTER SET latin1", "'\u00c4\u00df '"), "k_gbk": ("VARCHAR(20) CHARACTER SET gbk", "'\u6f22a'"),
        "k_char": ("CHAR(10) CHARACTER SET latin1 COLLATE latin1_bin", "'x y'"), "k_bin": ("BINARY(6)", "X'00ff'"),
        "k_varbin": ("VARBINARY(6)", "X'ff2000'"), "k_date": ("DATE", "'2026-01-02'"), "k_time": ("DATETIME(3)", "'2026-01-02 03:04:05.12'"),
        "k_stamp": ("TIMESTAMP(6) DEFAULT 0", "'2026-01-02 03:04:05.123456'"), "k_dec": ("DECIMAL(10,2)", "'-1.5'"), "k_year": ("YEAR", "2026")}


def found(daemon, project, table):
    return daemon.call("ListFullVerifyInconsistenciesResult", {"projectId": project, "schema": "app", "table": table,
                                                               "pageNumber": 1, "pageSize": 50})


def watch_info(daemon, project):
    return daemon.steps(project)["INCR_VERIFIER"]["stepInfo"] or {}


@needs("mariadb")
@timeout(200)
def test_touch_watch(env):
    """The continuous check finds a row by each type of key, over DDL and the death of both workers."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["SET time_zone = '+00:00'", "CREATE DATABASE app",
                "CREATE TABLE app.cw_test_mark (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)",
                *(f"CREATE TABLE app.{name} (k {kind}, v INT, PRIMARY KEY (k))" for name, (kind, _) in KEYS.items()),
                *(f"INSERT INTO app.{name} VALUES ({value}, 0)" for name, (_, value) in KEYS.items())])
    daemon, project = start_forward(env, source, target, tree(["app"]), enableIncrVerify=True, incr_config={
        "recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE", "DDL"]})
    wait_monitoring(daemon, project)
    daemon.wait_step(project, "INCR_VERIFIER", "MONITORING")
    spoil(daemon, project, source, target, KEYS, 1)
    assert watch_info(daemon, project)["leftOutRows"] == 0, watch_info(daemon, project)
    # another structure, another applying worker, another checking one
    source.sql("ALTER TABLE app.k_utf8 ADD w INT DEFAULT 3")
    drain(daemon, source, target)
    spoil(daemon, project, source, target, ["k_utf8"], 2, "w")
    daemon.kill_workers(project, INCR)
    wait_monitoring(daemon, project)
    spoil(daemon, project, source, target, ["k_dec"], 3)
    before = daemon.worker_pids(project, "INCR_VERIFIER")
    daemon.kill_workers(project, "INCR_VERIFIER")
    daemon.wait_for(lambda: daemon.worker_pids(project, "INCR_VERIFIER") not in ([], before), 30, "another worker")
    daemon.wait_for(lambda: watch_info(daemon, project).get("checkedRows") == 0, 30, "it has begun")
    spoil(daemon, project, source, target, ["k_latin"], 4)
    drain_and_compare(daemon, source, target)


def spoil(daemon, project, source, target, tables, value, column="v"):
    """Change each row at the source, then the same at the target, in a way that was not carried; put it right after."""
    for name in tables:
        source.sql(f"UPDATE app.{name} SET {column} = {value}")
    for name in tables:
        wait_for(lambda name=name: target.value(f"SELECT {column} FROM app.{name}") == value, 30, f"{name} is applied", interval=0.005)
        target.sql(f"UPDATE app.{name} SET {column} = -{value}")
    for name in tables:
        wait_for(lambda name=name: f'"-{value}"' in json.dumps(found(daemon, project, name)), 40, f"the row of {name} is found",
                 context=lambda name=name: f"{watch_info(daemon, project)} {found(daemon, project, name)}")
        target.sql(f"UPDATE app.{name} SET {column} = {value}")
    assert "row_differs" in {row["event"] for row in daemon.call("ListProjectEvents", {"projectId": project, "pageNumber": 1, "pageSize": 100})}
