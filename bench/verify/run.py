#!/usr/bin/python3
"""What verifying costs: equal data against the servers' own plain aggregate and pt-table-checksum, and the apply rate beside it.

    bench/verify/run.py [--scale F] [--rounds N] [--only CASE]... [--pair SOURCE TARGET] [--output DIR] [--json]

Starts two durable servers of its own, a causewayd of $BUILD_DIR (default: build/) that copies a million rows (scale 1) in four tables
from one to the other, and runs by turns:

  equal    plain: chunks of SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS(...))) over all columns, one session at each end, both at once
           product: StartFullVerify over the same tables until it is through
           pt-table-checksum: from its start until it ends, the target being the source's replica by native replication (MariaDB only)
  beside   alone: incremental catches up with a backlog; transactions a second between its first tenth and its end
           beside: the same while verifications at NORMAL run, one after the other
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")))
from bench import common, data                                        # noqa: E402 - the path has to be set first
from harness import daemon as daemons                                 # noqa: E402
from common import INCR                                               # noqa: E402 - of tests/system
from verifying import VERIFIER, Verification                          # noqa: E402

CASES = ["equal", "beside"]
CHUNK = 20000
BUSY, TRANSACTIONS = 20000, 40000       # rows of the table that is written; transactions of a backlog at scale 1
TABLES = {**{f"sbtest{number}": data.COPIED[f"sbtest{number}"] for number in (1, 2, 3)}, "wide": (*data.WIDE, 250000)}
# four rows of four tables or ranges a transaction, as sysbench's write-only load has them
BACKLOG = """CREATE PROCEDURE {db}.backlog(IN first INT, IN last INT, IN most INT)
BEGIN
  DECLARE n INT DEFAULT first;
  WHILE n <= last DO
    START TRANSACTION;
    UPDATE {db}.busy SET k = k + 1 WHERE id = 1 + n * 7919 % most;
    UPDATE {db}.busy SET c = CONCAT('changed ', n) WHERE id = 1 + n * 104729 % most;
    DELETE FROM {db}.busy WHERE id = 1 + n * 15485863 % most;
    REPLACE INTO {db}.busy VALUES (1 + n * 15485863 % most, n, 'again', 'again');
    COMMIT;
    SET n = n + 1;
  END WHILE;
END"""


class Watched(Verification):
    """A verification that is asked how far it is without a burden on the machine."""

    def __init__(self, daemon, project):
        super().__init__(daemon, project)
        self.poll = common.Poll(daemon)

    def step(self):
        return next((step for step in self.poll.call("DescribeProjectSteps", id=self.project) if step["name"] == VERIFIER), None)


class Bench:
    def __init__(self, options, directory, daemon):
        self.options, self.daemon = options, daemon
        self.source, self.target = (common.Server(kind, os.path.join(directory, end), options=["--report-host=127.0.0.1"]).start()
                                    for end, kind in zip(("source", "target"), options.pair))
        self.rows = data.rows_of(TABLES, options.scale)
        self.transactions = max(1000, round(TRANSACTIONS * options.scale))
        common.say("  making the data, copying it")
        data.fill(self.source, TABLES, options.scale)
        self.project = self.start_project(list(TABLES), incr=False)
        common.Poll(daemon).wait_finished(self.project)
        self.verification, self.mark = Watched(daemon, self.project), 0

    def start_project(self, tables, **steps):
        project = self.daemon.create_project(self.source, self.target, daemons.specific({data.DB: tables}), **steps)
        self.daemon.start_project(project)
        return project

    def follow(self):
        """From now on incremental keeps the tables and some that are written. It could not while pt-table-checksum works: that
        tool has the source log statements instead of rows, which a project refuses."""
        for server in (self.source, self.target):
            self.add_busy(server)
        self.project = self.start_project([*TABLES, "busy", "marks"], struct=False, full=False)
        self.daemon.wait_step(self.project, INCR, "MONITORING")
        self.verification = Watched(self.daemon, self.project)

    @staticmethod
    def add_busy(server):
        body, columns, _ = data.COPIED["sbtest1"]
        server.sql(["SET SESSION sql_log_bin = 0", f"CREATE TABLE busy ({body}) ENGINE=InnoDB",
                    f"INSERT INTO busy SELECT {', '.join(columns)} FROM sbtest1 WHERE id <= {BUSY}",
                    "CREATE TABLE marks (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", BACKLOG.format(db=data.DB)], db=data.DB)

    # -- equal data

    def equal(self):
        cases = {"plain": self.plain, "product": self.product}
        if self.options.pair == ["mariadb", "mariadb"]:
            cases["pt-table-checksum"] = self.pt_table_checksum
        self.plain()                    # both servers have it in memory
        return common.turns(cases, self.options.rounds)

    def plain(self):
        """One pass over all tables at both ends at once."""
        answers = {}
        with common.Meter(self.source, self.target) as meter:
            threads = [threading.Thread(target=self.plain_end, args=(end, answers)) for end in ("source", "target")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(answers) == 2 and answers["source"] == answers["target"], "the ends differ"
        return meter.figures

    def plain_end(self, end, answers):
        """Keys are dense here: ranges are chunks. A tool would look for bounds, too."""
        found = []
        with getattr(self, end).connect(db=data.DB) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            for name, (_, columns, _) in TABLES.items():
                for low in range(1, self.rows[name] + 1, CHUNK):
                    cursor.execute(f"SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('#', {', '.join(columns)}))) FROM {name}"
                                   f" WHERE id BETWEEN {low} AND {low + CHUNK - 1}")
                    found.append(cursor.fetchone())
        answers[end] = found

    def product(self):
        with common.Meter(self.source, self.target, self.daemon) as meter:
            self.verification.start([(data.DB, name) for name in TABLES])
            self.wait_through()
        results = self.verification.results()
        for name in TABLES:
            assert results[data.DB, name]["resultType"] == "CONSISTENT", results[data.DB, name]
        return meter.figures

    def wait_through(self):
        while not self.verification.through():
            time.sleep(0.02)

    def pt_table_checksum(self):
        """The target follows the source natively for so long: that is how the tool compares."""
        file, offset = self.source.binlog_position()
        self.target.sql([f"CHANGE MASTER TO MASTER_HOST='{self.source.host}', MASTER_PORT={self.source.port}, MASTER_USER='root',"
                         f" MASTER_LOG_FILE='{file}', MASTER_LOG_POS={offset}, MASTER_USE_GTID=no", "START SLAVE"])
        try:
            self.daemon.wait_for(lambda: self.source.sql("SHOW SLAVE HOSTS"), 60, "the target is connected as a replica")
            with common.Meter(self.source, self.target) as meter:
                meter.run(["pt-table-checksum", "--quiet", "--no-check-binlog-format", "--recursion-method=hosts", f"--databases={data.DB}",
                           f"--tables={','.join(TABLES)}", f"h={self.source.host},P={self.source.port},u=root"])
            self.check_checksums()
            return meter.figures
        finally:
            self.target.sql(["STOP SLAVE", "RESET SLAVE ALL"])

    def check_checksums(self):
        for server in (self.source, self.target):
            rows, differing = server.sql("SELECT SUM(this_cnt), SUM(this_crc <> master_crc OR this_cnt <> master_cnt) FROM percona.checksums")[0]
            assert rows == sum(self.rows.values()) and not differing, (rows, differing)

    # -- beside incremental

    def beside(self):
        self.follow()
        return common.turns({"alone": lambda: self.apply(False), "beside": lambda: self.apply(True)}, self.options.rounds,
                            "transactions", "transactions/s")

    def backlog(self):
        """Written while the project stands; marks after a tenth and at the end. Returns the numbers of the marks."""
        self.daemon.call("StopProject", {"id": self.project})
        self.daemon.wait_for(lambda: not self.daemon.workers(self.project), 60, "the workers have stopped")
        self.mark += 2
        tenth = self.transactions // 10
        self.source.sql(["SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
                         f"CALL {data.DB}.backlog(1, {tenth}, {BUSY})", f"INSERT INTO {data.DB}.marks VALUES ({self.mark})",
                         f"CALL {data.DB}.backlog({tenth + 1}, {self.transactions}, {BUSY})",
                         f"INSERT INTO {data.DB}.marks VALUES ({self.mark + 1})",
                         "SET GLOBAL innodb_flush_log_at_trx_commit = 1", "SET GLOBAL sync_binlog = 1"])
        return self.mark, self.mark + 1

    def apply(self, verifying):
        """Transactions a second from the first mark to the second."""
        first, last = self.backlog()
        runs = 0
        with common.Meter(self.source, self.target, self.daemon) as meter, self.target.connect(db=data.DB) as connection, \
                connection.cursor() as cursor:
            self.daemon.call("ResumeProject", {"id": self.project})
            self.arrived(cursor, first)
            started = time.monotonic()
            while not self.arrived(cursor, last, wait=not verifying):
                if verifying and (runs == 0 or self.verification.through()):
                    self.verification.start([(data.DB, name) for name in TABLES])
                    runs += 1
            seconds = time.monotonic() - started
        if verifying:
            self.wait_through()
        return {**meter.figures, "seconds": seconds, "transactions": self.transactions * 0.9 / seconds, "verifications": runs}

    @staticmethod
    def arrived(cursor, mark, wait=True):
        end = time.monotonic() + 600
        while True:
            cursor.execute("SELECT COUNT(*) FROM marks WHERE id = %s", [mark])
            if cursor.fetchone()[0]:
                return True
            time.sleep(0.02)
            if not wait:
                return False
            if time.monotonic() > end:
                raise AssertionError("the backlog has not arrived in 600 s")


# ------------------------------------------------------------------------------------------ results

def describe_equal(report, bench, measured):
    rows = sum(bench.rows.values())
    report.text(f"Equal data: {rows:,} rows in {len(TABLES)} tables. CPU in seconds; peak memory of the largest process of the tool.")
    report.table(["case", "wall, s", "CPU source", "CPU target", "CPU tool", "memory, MiB", "µs a row and side", "to the plain pass"], [
        [name, common.spread(turns, "seconds"), *(f"{common.median(turns, key):.2f}" for key in ("sourceCpu", "targetCpu", "toolCpu")),
         f"{common.median(turns, 'toolPeakMiB'):.0f}",
         f"{(common.median(turns, 'sourceCpu') + common.median(turns, 'targetCpu')) / 2 / rows * 1e6:.2f}",
         f"{common.ratio(turns, measured['plain'], 'seconds'):.2f}"] for name, turns in measured.items()])
    ratio = common.ratio(measured["product"], measured["plain"], "seconds")
    beside = measured.get("pt-table-checksum")
    report.target("verification of equal data", "of the plain aggregate pass", "<=", 1.3, ratio,
                  f"of pt-table-checksum {common.ratio(measured['product'], beside, 'seconds'):.2f}" if beside else "")


def describe_beside(report, bench, measured):
    report.text(f"Beside incremental: a backlog of {bench.transactions:,} transactions of four rows.")
    report.table(["case", "transactions/s", "CPU source", "CPU target", "CPU tool"], [
        [name, common.spread(turns, "transactions"), *(f"{common.median(turns, key):.2f}" for key in ("sourceCpu", "targetCpu", "toolCpu"))]
        for name, turns in measured.items()])
    report.text(f"Apply rate beside verifications at NORMAL: {common.ratio(measured['beside'], measured['alone'], 'transactions'):.2f} of that"
                " without (aim: at least 0.85).")


def main():
    options = common.arguments(__doc__, CASES)
    report = common.Report("verify", "Verification", options)
    with common.workspace() as directory, common.causewayd(os.path.join(directory, "daemon")) as daemon:
        bench = Bench(options, directory, daemon)
        report.text(f"{options.pair[0]} {bench.source.version} → {options.pair[1]} {bench.target.version}, durable settings.")
        for name, describe in (("equal", describe_equal), ("beside", describe_beside)):
            if name in options.only:
                report.data[name] = getattr(bench, name)()
                describe(report, bench, report.data[name])
    report.finish()


if __name__ == "__main__":
    main()
