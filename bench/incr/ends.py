"""The servers of the incremental cases, who applies at them, and what a turn of one costs."""

import contextlib
import json
import os
import subprocess
import time

from bench import common
from harness import compare, daemon as daemons
import far
import loads
import native

INCR = "INCR_TRANSFER"
MODES = {"durable": (1, 1), "relaxed": (2, 0)}            # innodb_flush_log_at_trx_commit, sync_binlog
ROWS, TRANSACTIONS = 100000, {"write-only": 24000, "update-index": 48000, "insert": 48000, "hot": 16000}


class Native:
    """A replica with one of MariaDB's settings."""

    def __init__(self, replica, setting):
        self.end, self.who = replica, setting

    def start(self):
        native.start(self.end, self.who)

    def stop(self):
        native.stop(self.end)

    def check(self):
        native.check(self.end)


class Product:
    """A project of the product, with the settings that it has by default."""

    def __init__(self, daemon, source, target, copy=False, account=("root", "")):
        self.daemon, self.end, self.who = daemon, target, "product"
        self.project = daemon.create_project(source, daemon.create_source(target, *account), daemons.specific({loads.DB: loads.names()}),
                                             struct=copy, full=copy)
        daemon.start_project(self.project)
        daemon.wait_step(self.project, INCR, "MONITORING")
        self.stop()

    def start(self):
        self.daemon.call("ResumeProject", {"id": self.project})

    def stop(self):
        self.daemon.call("StopProject", {"id": self.project})
        self.daemon.wait_for(lambda: not self.daemon.workers(self.project), 60, "the workers have stopped", interval=0.02)

    def check(self):
        status = self.daemon.project(self.project)["status"]
        if status == "FAILED":
            raise RuntimeError(self.daemon.explain())


class Bench:
    """A source, a native replica and the product's target with the same data; nobody applies but in its turn."""

    def __init__(self, options, directory, daemon):
        self.options, self.directory, self.daemon, self.moment, self.probed, self.peak = options, directory, daemon, 0, 1, 0
        self.source, self.replica, self.target = (
            common.Server("mariadb", os.path.join(directory, name), options=more).start()
            for name, more in (("source", []), ("replica", native.OPTIONS), ("target", [])))
        self.rows = max(2000, int(ROWS * options.scale))
        for server in (self.source, self.replica, self.target):
            loads.make(server, self.rows)
        self.source.settle()
        native.attach(self.replica, self.source)
        self.product = Product(daemon, self.source, self.target)
        for server in (self.replica, self.target):
            server.write_out()

    def mode(self, name):
        """Durable or relaxed, all servers alike."""
        log, binlog = MODES[name]
        for server in (self.source, self.replica, self.target):
            server.sql([f"SET GLOBAL innodb_flush_log_at_trx_commit = {log}", f"SET GLOBAL sync_binlog = {binlog}"])

    def transactions(self, load):
        return max(1000, int(TRANSACTIONS[load] * self.options.scale))

    # -- backlogs

    def next_moment(self):
        """A moment in the source's stream; its number."""
        loads.mark(self.source, self.moment)
        self.moment += 1
        return self.moment - 1

    def backlog(self, load):
        """Written while nobody applies. Returns the numbers of a moment after its first tenth and of its end."""
        tenth = self.transactions(load) // 10
        loads.write(self.source, load, tenth)
        first = self.next_moment()
        loads.write(self.source, load, self.transactions(load) - tenth)
        last = self.next_moment()
        self.source.write_out()
        return first, last

    def turn(self, load, moments, applier):
        """One applies a backlog. CPU and bytes are those of all of it, the rate that of what lies between the moments."""
        end, transactions = applier.end, self.transactions(load)
        product = isinstance(applier, Product)
        with connected(end) as cursor:
            commits = commits_of(cursor)
            with common.Meter(self.source, end, self.daemon if product else None) as meter, \
                    common.profiled(self.options.profile, applier.who.replace(" ", "-"),
                                    [end.pid, *([self.daemon.process.pid] if product else [])]):
                applier.start()
                began, ended = (self.arrived(cursor, applier, moment) for moment in moments)
            commits = commits_of(cursor) - commits
        applier.stop()
        end.write_out()
        return self.figures(meter, product, transactions, rate=(transactions - transactions // 10) / (ended - began), who=applier.who,
                            batch=transactions / max(1, commits))

    def figures(self, meter, product, transactions, **more):
        self.peak = max(self.peak, meter.figures["toolPeakMiB"] if product else 0)
        return {"sourceCpu": meter.figures["sourceCpu"], "endCpu": meter.figures["targetCpu"],
                "toolCpu": meter.figures["toolCpu"] if product else 0, "peakMiB": meter.figures["toolPeakMiB"] if product else 0,
                "bytes": meter.figures["binlogBytes"] / transactions, **more}

    @staticmethod
    def arrived(cursor, applier, moment, patience=600):
        """The time at which a moment's marks are all at an end."""
        limit = time.monotonic() + patience
        looked = time.monotonic()
        while True:
            cursor.execute(f"SELECT COUNT(*) FROM marks WHERE id BETWEEN {moment * loads.MARKS} AND {(moment + 1) * loads.MARKS - 1}")
            now = time.monotonic()
            if cursor.fetchone()[0] == loads.MARKS:
                return now
            if now > looked + 2:
                applier.check()
                looked = now
            if now > limit:
                raise AssertionError(f"not within {patience} s: the backlog is at {applier.end}")
            time.sleep(0.005)

    def pair(self, load, setting, swapped):
        """One backlog, applied by native replication with a setting and by the product; figures of both."""
        with common.alone():
            moments = self.backlog(load)
            appliers = [Native(self.replica, setting), self.product]
            figures = [self.turn(load, moments, applier) for applier in (reversed(appliers) if swapped else appliers)]
        for one in figures:
            tell(load, one)
        return list(reversed(figures)) if swapped else figures

    def one(self, load, applier):
        """One backlog, applied by one; the others stay behind."""
        with common.alone():
            return self.turn(load, self.backlog(load), applier)

    def catch_up_all(self):
        """Everybody that stayed behind."""
        last = self.next_moment()
        for applier in (Native(self.replica, "optimistic 4"), self.product):
            with connected(applier.end) as cursor:
                applier.start()
                self.arrived(cursor, applier, last)
            applier.stop()

    # -- latency

    def latency(self, who, rate, seconds):
        """Quantiles of the time from acknowledged to visible, in ms; nothing is behind when it begins."""
        applier = self.product if who == "product" else Native(self.replica, who)
        applier.start()
        with connected(applier.end) as cursor:
            self.arrived(cursor, applier, self.next_moment())
        self.probe(applier, rate, 1)
        with common.Meter(self.source, applier.end, self.daemon if who == "product" else None) as meter:
            found = self.probe(applier, rate, seconds)
        applier.stop()
        if found["missing"]:
            raise AssertionError(f"{found['missing']} transactions did not arrive")
        return self.figures(meter, who == "product", found["count"], who=who, perSecond=found["perSecond"],
                            **{name: found[name] / 1000 for name in ("p50", "p90", "p99", "max")})

    def probe(self, applier, rate, seconds):
        program = os.path.join(daemons.build_dir(), "bench_incr_probe")
        done = subprocess.run([program, socket_of(self.source), socket_of(applier.end), loads.DB, str(rate), str(seconds), str(self.probed)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.probed += rate * seconds
        return json.loads(done.stdout)

    def compare(self, *others):
        """Row by row: the source with both ends once both have all, or with others."""
        if not others:
            self.catch_up_all()
        for end in others or (self.replica, self.target):
            compare.assert_equal(self.source, end, [loads.DB])


@contextlib.contextmanager
def far_target(bench, namespace):
    """A target of its own behind a link, with all rows, and the project that applies to it."""
    end = far.Server("mariadb", os.path.join(bench.directory, "far"), namespace).start()
    try:
        yield Product(bench.daemon, bench.source, end, copy=True, account=(far.USER, far.PASSWORD))
    finally:
        end.stop()


def socket_of(server):
    return os.path.join(server.directory, "s.sock")


@contextlib.contextmanager
def connected(server):
    """A cursor by way of the server's socket: what looks for marks is to cost little."""
    with server.connect(db=loads.DB, **({} if isinstance(server, far.Server) else {"unix_socket": socket_of(server)})) as connection, \
            connection.cursor() as cursor:
        yield cursor


def commits_of(cursor):
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Binlog_commits'")
    return int(cursor.fetchone()[1])


def tell(load, one):
    common.say(f"  {load}: {one['who']} {one['rate']:.0f} trx/s, CPU s source {one['sourceCpu']:.2f} target {one['endCpu']:.2f} product"
               f" {one['toolCpu']:.2f}, {one['bytes']:.0f} bytes of binlog a transaction, {one['batch']:.1f} transactions a commit,"
               f" {one['peakMiB']:.0f} MiB")
