#!/usr/bin/python3
"""What verifying costs: equal data against the servers' own plain aggregate, and the apply rate beside it.

    bench/verify/run.py [--rows N] [--rounds N] [--pair SOURCE TARGET] [--only equal|beside] [--output DIR]

Starts two servers of its own (durable: innodb_flush_log_at_trx_commit=1, sync_binlog=1), a causewayd from $BUILD_DIR
(default: build/) and runs by turns, A B A B:

  equal   A: chunks of SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS(...))) over all columns, one session at each end, both at once
          B: StartFullVerify over the same tables until it is through
  beside  A: incremental catches up with a backlog; transactions a second between its first tenth and its end
          B: the same while verifications at NORMAL run, one after the other

Only ratios of one run count; this machine is noisy. Prints Markdown, and writes it and JSON to DIR (bench/results).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "system"))
from harness import daemon as daemons, load, servers     # noqa: E402 - the path has to be set first
from common import INCR, resident_mib                     # noqa: E402
from verifying import VERIFIER, Verification              # noqa: E402

DB = "bench"
CHUNK = 20000
TARGETS = {"equal": ("at most", 1.3), "beside": ("at least", 0.85)}
NARROW = ("id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k)",
          "n, n * 7919 % 1000003, RPAD(CONCAT(n * 31, '-', n * 17), 119, 'abcdefgh'), RPAD(n, 59, 'xyz')",
          ["id", "k", "c", "pad"])
WIDE = ("id BIGINT NOT NULL PRIMARY KEY, a INT, b BIGINT, m DECIMAL(14,4), d DOUBLE, t DATETIME(3), ts TIMESTAMP NULL, v VARCHAR(80),"
        " w VARCHAR(40) CHARACTER SET latin1, x VARBINARY(32), y TEXT, e ENUM('a','b','c')",
        "n, n % 1000, n * 1000003, n * 1.25, n / 7e0, TIMESTAMPADD(SECOND, n, '2020-01-01 00:00:00'), TIMESTAMPADD(SECOND, n, '2020-01-01 00:00:00'),"
        " CONCAT('a name of row ', n), CONCAT('latin ', n), UNHEX(LPAD(HEX(n), 32, '0')), IF(n % 3, REPEAT('text ', 12), NULL), 1 + n % 3",
        ["id", "a", "b", "m", "d", "t", "ts", "v", "w", "x", "y", "e"])
MARKS = "id INT NOT NULL PRIMARY KEY"
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


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.source, self.target = (servers.Server(kind, os.path.join(directory, end), [
            "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--innodb-buffer-pool-size=512M"]).start()
            for end, kind in zip(("source", "target"), options.pair))
        self.tables = {"narrow1": (NARROW, options.rows // 4), "narrow2": (NARROW, options.rows // 4),
                       "narrow3": (NARROW, options.rows // 4), "wide": (WIDE, options.rows // 4)}
        for server in (self.source, self.target):
            self.make(server)
        self.daemon = daemons.Daemon(os.path.join(directory, "daemon")).start()
        self.project = self.daemon.create_project(self.source, self.target, daemons.specific({DB: [*self.tables, "busy", "marks"]}),
                                                  struct=False, full=False, verify=False)
        self.daemon.start_project(self.project)
        self.daemon.wait_step(self.project, INCR, "MONITORING")
        self.verification = Verification(self.daemon, self.project)
        self.mark = 0

    def close(self):
        self.daemon.destroy()
        for server in (self.source, self.target):
            server.stop()

    def make(self, server):
        server.sql(["SET SESSION sql_log_bin = 0", f"CREATE DATABASE {DB} CHARACTER SET utf8mb4"])
        busy = 20000
        for name, ((body, select, _), rows) in {**self.tables, "busy": (NARROW, busy)}.items():
            server.sql(["SET SESSION sql_log_bin = 0", f"CREATE TABLE {name} ({body}) ENGINE=InnoDB", *(
                f"INSERT INTO {name} SELECT {select} FROM ({load._numbers(low, min(low + 49999, rows))}) numbers"
                for low in range(1, rows + 1, 50000))], db=DB)
            server.sql(f"ANALYZE TABLE {DB}.{name}")
        server.sql(["SET SESSION sql_log_bin = 0", f"CREATE TABLE {DB}.marks ({MARKS})", BACKLOG.format(db=DB)])

    # -- equal data

    def plain(self):
        """Seconds of one pass over all tables at both ends at once."""
        answers, started = {}, time.monotonic()
        threads = [threading.Thread(target=self.plain_end, args=(end, answers)) for end in ("source", "target")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 2 and answers["source"] == answers["target"], "the ends differ"
        return time.monotonic() - started

    def plain_end(self, end, answers):
        """Keys are dense here: ranges are chunks. A tool would look for bounds, too."""
        found, connection = [], getattr(self, end).connect(db=DB)
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            for name, ((_, _, columns), rows) in self.tables.items():
                joined = ", ".join(columns)
                for low in range(1, rows + 1, CHUNK):
                    cursor.execute(f"SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS('#', {joined}))) FROM {name}"
                                   f" WHERE id BETWEEN {low} AND {low + CHUNK - 1}")
                    found.append(cursor.fetchone())
        connection.close()
        answers[end] = found

    def verify(self):
        started = time.monotonic()
        self.verification.start([(DB, name) for name in self.tables])
        peak = 0
        while not self.verification.through():
            peak = max(peak, *(memory(pid) for pid in self.daemon.worker_pids(self.project, VERIFIER)), 0)
            time.sleep(0.02)
        seconds = time.monotonic() - started
        results = self.verification.results()
        for name in self.tables:
            assert results[DB, name]["resultType"] == "CONSISTENT", results[DB, name]
        return seconds, peak

    def equal(self):
        self.plain()
        rounds = []
        for number in range(self.options.rounds):
            before = self.cpu()
            plain, between = self.plain(), self.cpu()
            seconds, peak = self.verify()
            after = self.cpu()
            rounds.append({"plain": plain, "verify": seconds, "ratio": seconds / plain, "peakMiB": round(peak, 1),
                           "plainCpu": round(between - before, 2), "verifyCpu": round(after - between, 2)})
            say(f"equal {number + 1}: plain {plain:.2f} s, verification {seconds:.2f} s, ratio {seconds / plain:.2f};"
                f" CPU of the servers {between - before:.2f} and {after - between:.2f} s")
        return rounds

    def cpu(self):
        """CPU seconds of both servers so far."""
        return sum(cpu_seconds(server.pid) for server in (self.source, self.target))

    # -- beside incremental

    def backlog(self, transactions):
        """Written while the project stands; marks after a tenth and at the end. Returns the numbers of the marks."""
        self.daemon.call("StopProject", {"id": self.project})
        self.daemon.wait_for(lambda: not self.daemon.workers(self.project), 60, "the workers have stopped")
        self.mark += 2
        tenth, busy = transactions // 10, 20000
        self.source.sql(["SET GLOBAL sync_binlog = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
                         f"CALL {DB}.backlog(1, {tenth}, {busy})", f"INSERT INTO {DB}.marks VALUES ({self.mark})",
                         f"CALL {DB}.backlog({tenth + 1}, {transactions}, {busy})", f"INSERT INTO {DB}.marks VALUES ({self.mark + 1})",
                         "SET GLOBAL innodb_flush_log_at_trx_commit = 1", "SET GLOBAL sync_binlog = 1"])
        return self.mark, self.mark + 1

    def apply(self, transactions, verifying):
        """Transactions a second from the first mark to the second."""
        first, last = self.backlog(transactions)
        self.daemon.call("ResumeProject", {"id": self.project})
        with self.target.connect(db=DB) as connection, connection.cursor() as cursor:
            self.arrived(cursor, first)
            started, runs = time.monotonic(), 0
            while not self.arrived(cursor, last, wait=not verifying):
                if verifying and (runs == 0 or self.verification.through()):
                    self.verification.start([(DB, name) for name in self.tables])
                    runs += 1
            seconds = time.monotonic() - started
        if verifying:
            self.daemon.wait_for(self.verification.through, 300, "the verification is through")
        return transactions * 0.9 / seconds, runs

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

    def beside(self):
        rounds = []
        for number in range(self.options.rounds):
            alone, _ = self.apply(self.options.transactions, False)
            beside, runs = self.apply(self.options.transactions, True)
            rounds.append({"alone": alone, "beside": beside, "ratio": beside / alone, "verifications": runs})
            say(f"beside {number + 1}: alone {alone:.0f} trx/s, beside {runs} verifications {beside:.0f} trx/s, ratio {beside / alone:.2f}")
        return rounds


def memory(pid):
    try:
        return resident_mib(pid)
    except (OSError, AttributeError):
        return 0                        # it ended in the meantime


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(text):
    print(text, file=sys.stderr, flush=True)


def report(options, bench, measured):
    lines = ["# Verification", "", f"{options.pair[0]} {bench.source.version} → {options.pair[1]} {bench.target.version}, {options.rows} rows in"
             f" {len(bench.tables)} tables, {options.rounds} rounds by turns, {os.cpu_count()} processors, medians (lowest–highest).", "",
             "| what | A | B | ratio | target |", "| --- | --- | --- | --- | --- |"]
    for name, (a, b, unit, what) in {"equal": ("plain", "verify", "s", "equal data: plain aggregate pass / verification"),
                                     "beside": ("alone", "beside", "trx/s", "apply rate of a backlog: alone / beside verification at NORMAL")}.items():
        if name in measured:
            rounds = measured[name]
            word, value = TARGETS[name]
            lines.append(f"| {what} | {spread(rounds, a)} {unit} | {spread(rounds, b)} {unit} | {spread(rounds, 'ratio')} | {word} {value} |")
    if "equal" in measured:
        lines += ["", f"Peak memory of the worker: {max(one['peakMiB'] for one in measured['equal']):.0f} MiB."]
    return "\n".join(lines) + "\n"


def spread(rounds, key):
    values = [one[key] for one in rounds]
    digits = 0 if min(values) > 100 else 2
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transactions", type=int, default=40000, help="of a backlog")
    parser.add_argument("--pair", nargs=2, default=["mariadb", "mariadb"], choices=servers.KINDS)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--output", default=os.path.join(REPOSITORY, "bench", "results"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="causeway-bench.") as directory:
        bench = None
        try:
            bench = Bench(options, directory)
            measured = {name: getattr(bench, name)() for name in TARGETS if options.only in (None, name)}
            text = report(options, bench, measured)
        finally:
            if bench:
                bench.close()
            else:
                servers.scratch("stopall", directory)
    os.makedirs(options.output, exist_ok=True)
    name = f"verify-{options.pair[0]}-{options.pair[1]}"
    with open(os.path.join(options.output, f"{name}.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(options.output, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump({"options": {key: value for key, value in vars(options).items() if key != "output"}, **measured}, file, indent=1)
    print(text)


if __name__ == "__main__":
    main()
