"""MariaDB's own replication tests (suites rpl and binlog) as workloads.

What their statements do on the master is carried by a project that selects every database and carries every kind of
DDL; afterwards both ends have to be equal in rows and structure. workloads/list.txt says which files are run and why
others are not.
"""

import os
import time

import pymysql

from common import INCR
from ddl_steps import MARKS, Bed
from harness import compare, structure
from harness.daemon import wildcard
from harness.runner import needs, tags, timeout
from harness.servers import quote
from workloads import player, suites

OPTIONS = ["--log-bin-trust-function-creators=1", "--character-set-server=latin1", "--innodb-lock-wait-timeout=3",
           "--max-connections=300", "--lock-wait-timeout=10"]
KEPT = {"timestamp", "gtid_binlog_pos", "gtid_binlog_state", "gtid_current_pos", "last_gtid"}


class Ended(Exception):
    """A file ended otherwise than equal before its end: args are how and the detail."""


class Stage:
    """Two servers and a running project; files are played one after the other until one of them ends the project."""

    def __init__(self, env):
        self.env = env
        self.source = env.private_server("mariadb", OPTIONS, name="s")
        self.target = env.private_server("mariadb", OPTIONS[:2], name="t")
        self.daemon = env.daemon()
        self.bed = None
        self.globals = dict(self.source.sql("SHOW GLOBAL VARIABLES"))

    def ready(self):
        """A project in its steady state with an empty database test."""
        if self.bed is None:
            self.source.reset()
            self.target.reset()
            self.source.sql("CREATE DATABASE test CHARACTER SET latin1")
            self.bed = Bed(self.env, self.source, self.target, wildcard("*.*"), {}, daemon=self.daemon).start()

    def drop_project(self):
        """After a stop or a difference: the next file gets a new project."""
        bed, self.bed = self.bed, None
        if self.daemon.project(bed.project)["status"] == "RUNNING":
            bed.stop()
        self.daemon.wait_for(lambda: not self.daemon.workers(bed.project), 30, "the workers have stopped")
        self.daemon.call("ReleaseProject", {"id": bed.project})
        self.daemon.wait_project(bed.project, "RELEASED", 60)
        self.daemon.call("DeleteProject", {"id": bed.project})

    # -- one file

    def play(self, entry):
        """(how it ended, detail): equal, stops, differs or out."""
        self.ready()
        if not self.source.running:
            self.source.start()
        played = player.Player(self.source, suites.root(), self.check)
        try:
            played.play(suites.path_of(entry))
        except player.Unsuitable as reason:
            self.tidy()
            return "out", str(reason)
        except Ended as ended:
            self.drop_project()
            return ended.args
        detail = f"{played.statements} statements" + (f", {len(played.unexpected)} failed" if played.unexpected else "")
        detail += f", compared {played.checks + 1} times"
        ended = self.judge()
        if ended is None:
            ended = self.tidy()
        if ended is None:
            return "equal", detail
        self.drop_project()
        return ended

    def check(self):
        """In the middle of a file."""
        try:
            ended = self.judge(between=True)
        except pymysql.err.MySQLError:
            return                      # the file holds a lock that keeps everybody from writing
        if ended is not None:
            raise Ended(*ended)

    def judge(self, between=False):
        """None when both ends are equal. between: the file is not at its end."""
        try:
            self.bed.drain(60)
        except AssertionError:
            return "stops", self.why_stopped()
        databases = [name for name in self.source.databases() if name != MARKS]
        end = time.monotonic() + 10
        while True:
            try:
                found = self.differences(databases)
            except pymysql.err.MySQLError as error:
                if between and error.args[0] == 1205:
                    return None         # the file holds a lock that nobody can read behind
                found = [f"{type(error).__name__}: {error}"]
            except AssertionError as error:
                found = [f"{type(error).__name__}: {error}"]
            if not found:
                return None
            if time.monotonic() > end:
                return "differs", "; ".join(found)[:600]
            time.sleep(0.5)

    def differences(self, databases):
        there = {name for name in self.target.databases() if name not in ("oms", MARKS)}
        found = [f"database {name}: at one end only" for name in sorted(there ^ set(databases))]
        if found:
            return found
        found = structure.differences(self.source, self.target, databases)
        return found or compare.compare_databases(self.source, self.target, databases).differences

    def why_stopped(self):
        rows = self.bed.listed()
        step = self.daemon.steps(self.bed.project)[INCR]
        text = "; ".join(f"{row['message']} [{row['sql'][:200]}]" for row in rows)
        return text or str(step.get("extraInfo"))[:600]

    def tidy(self):
        """Everything away again, at both ends; what is kept would be the next file's surprise."""
        self.restore_globals()
        statements = ["SET SESSION foreign_key_checks = 0"]
        statements += [f"DROP DATABASE {quote(name)}" for name in self.source.databases() if name != MARKS]
        accounts = self.source.sql("SELECT User, Host, is_role FROM mysql.user")
        for user, host, role in accounts:
            if user not in ("root", "mariadb.sys"):
                literal = [pymysql.converters.escape_string(part) for part in (user, host)]
                statements.append(f"DROP ROLE '{literal[0]}'" if role == "Y" else f"DROP USER '{literal[0]}'@'{literal[1]}'")
        self.source.sql(statements + ["CREATE DATABASE test CHARACTER SET latin1"])
        try:
            self.bed.drain(60)
        except AssertionError:
            return "stops", "at the tidying up: " + self.why_stopped()
        left = set(self.target.databases()) - {"oms", MARKS, "test"}
        if left or self.target.tables("test"):
            return "differs", f"left at the target: databases {sorted(left)}, tables {self.target.tables('test')}"
        return None

    def restore_globals(self):
        now = dict(self.source.sql("SHOW GLOBAL VARIABLES"))
        for name, value in self.globals.items():
            if now.get(name) != value and name not in KEPT:
                try:
                    self.source.sql(f"SET GLOBAL {name} = %s", [int(value) if value.isdigit() else value])
                except pymysql.err.MySQLError:
                    pass                # read only, or known under another form


def expected(entry, ended, detail):
    """None, or what is not as the list says."""
    if entry.how == "run" and ended == "equal":
        return None
    if entry.how == "stops" and ended == "stops" and entry.detail.split()[0].rstrip(":").lower() in detail.lower():
        return None
    return f"{entry.suite}/{entry.name}: {ended}: {detail}"


def run_list(env, entries):
    stage = Stage(env)
    faults, counts = [], {}
    report = os.environ.get("CAUSEWAY_WORKLOAD_REPORT")
    for entry in entries:
        begun = time.monotonic()
        ended, detail = stage.play(entry)
        counts[ended] = counts.get(ended, 0) + 1
        fault = expected(entry, ended, detail)
        if fault:
            faults.append(fault)
        if report:
            with open(report, "a", encoding="utf-8") as file:
                file.write(f"{entry.suite}/{entry.name}\t{ended}\t{time.monotonic() - begun:.1f}\t{detail!r}\n")
    print(f"    {len(entries)} files: " + ", ".join(f"{count} {ended}" for ended, count in sorted(counts.items())), flush=True)
    assert not faults, f"{len(faults)} files ended otherwise than the list says:\n" + "\n".join(faults)


@tags("workload")
@needs("mariadb")
@timeout(300)
def test_selected_files(env):
    run_list(env, [entry for entry in suites.entries() if entry.ci])


@tags("workload", "nightly")
@needs("mariadb")
@timeout(4000)
def test_every_file(env):
    run_list(env, [entry for entry in suites.entries() if entry.how != "out"])


@tags("workload")
def test_the_list_names_every_file(_):
    """None of the package's files is silently left out."""
    listed = {(entry.suite, entry.name) for entry in suites.entries()}
    missing = [f"{suite}/{name}" for suite, name in suites.files() if (suite, name) not in listed]
    assert not missing, f"list.txt says nothing of {missing}"
