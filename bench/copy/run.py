#!/usr/bin/python3
"""The full copy beside what people use today: the same data, the same target settings (durable), the same tables at the end.

    bench/copy/run.py [--scale F] [--rounds N] [--only CASE]... [--pair SOURCE TARGET] [--relaxed] [--output DIR] [--json]

Starts two servers of its own and a causewayd from $BUILD_DIR (default: build/; a Release build, or the figures mean little). Scale 1 is
2.55 million rows in four tables as sysbench makes them, a wide one and a big one. Each turn begins with an empty target whose dirty
pages are written and ends with columns, keys and sums over all values of all rows compared; that is not in the time. By turns:

  dump           mariadb-dump piped into mariadb
  mydumper-N     mydumper and then myloader, N threads each, in pieces of 100,000 rows
  product        a project that migrates structure and data, from StartProject until it is FINISHED
  load-N         LOAD DATA of ready files of 50,000 rows lying beside the target, N sessions, into tables with all their keys
  big-product    the same with the big table alone
  big-load       its file loaded through one connection

myloader writes the target's binlog here (--enable-binlog), as all others do; mydumper-8-nobinlog does not (for comparison only).
"""

import itertools
import os
import queue
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")))
from bench import common, data                                        # noqa: E402 - the path has to be set first
from harness import compare, daemon as daemons, servers               # noqa: E402

PIECE = 50000                           # rows of a ready file
BIG = {"big": data.COPIED["big"]}
THREADS, SESSIONS = (2, 4, 8), (1, 2, 4)
DUMPERS = [f"mydumper-{threads}" for threads in THREADS]
LOADS = [f"load-{sessions}" for sessions in SESSIONS]
CASES = ["dump", *DUMPERS, "mydumper-8-nobinlog", "product", *reversed(LOADS), "big-product", "big-load"]
NOT_COMPARED = {"mydumper-8-nobinlog"}  # measured when asked for


class Copy:
    """Both servers, the data, and one method a kind of case: each returns the figures of one turn."""

    def __init__(self, options, directory):
        self.scale, self.directory, self.profile = options.scale, directory, options.profile
        self.source, self.target = (common.Server(kind, os.path.join(directory, end), not options.relaxed).start()
                                    for end, kind in zip(("source", "target"), options.pair))
        common.say("  making the data")
        with common.alone():
            data.fill(self.source, data.COPIED, self.scale)
        self.sums = data.sums(self.source, data.COPIED)
        self.turn, self.compared, self.files = 0, set(), {}

    def case(self, name):
        kind, _, number = name.removesuffix("-nobinlog").partition("-")
        run = {"dump": self.dump, "mydumper": lambda: self.mydumper(int(number), not name.endswith("nobinlog")), "product": self.product,
               "load": lambda: self.load(int(number)), "big": {"product": lambda: self.product(BIG), "load": lambda: self.load(1, BIG)}.get(number)}
        return lambda: self.one(run[kind], BIG if kind == "big" else data.COPIED, name)

    def one(self, run, tables, name):
        """One turn: an empty, settled target, the work, and a look at what came of it."""
        for db in self.target.databases():
            self.target.sql(f"DROP DATABASE {servers.quote(db)}")
        for server in (self.source, self.target):
            server.settle()
        figures = run()
        self.check(tables, name)
        return figures

    def check(self, tables, name):
        """Sums and keys after each turn; once a case row by row, at a scale at which that takes no minutes."""
        ours, wanted = data.sums(self.target, tables), {table: self.sums[table] for table in tables}
        if ours != wanted:
            raise AssertionError(f"{name}: not the source's rows: {ours} for {wanted}")
        if data.keys(self.target, tables) != data.keys(self.source, tables):
            raise AssertionError(f"{name}: other columns or keys: {data.keys(self.target, tables)}")
        if name.endswith("product") and name not in self.compared:
            self.compared.add(name)
            compare.assert_equal(self.source, self.target, [compare.Pair(f"{data.DB}.{table}") for table in tables])

    # -- peers

    def client(self, server, program, *arguments):
        return [program, "--no-defaults", "--user=root", f"--host={server.host}", f"--port={server.port}", *arguments]

    def dump(self):
        with common.Meter(self.source, self.target) as meter:
            dump = meter.spawn(self.client(self.source, "mariadb-dump", "--single-transaction", "--quick", "--databases", data.DB),
                               stdout=subprocess.PIPE)
            load = meter.spawn(self.client(self.target, "mariadb"), stdin=dump.stdout)
            dump.stdout.close()
            if load.wait() != 0 or dump.wait() != 0:
                raise RuntimeError("mariadb-dump | mariadb failed")
        return meter.figures

    def mydumper(self, threads, binlog=True):
        folder = os.path.join(self.directory, "dump")
        shutil.rmtree(folder, ignore_errors=True)

        def command(server, program, *more):
            return [program, "--host", server.host, "--port", str(server.port), "--user", "root", "--threads", str(threads), "--verbose", "1", *more]
        with common.Meter(self.source, self.target) as meter:
            meter.run(command(self.source, "mydumper", "--database", data.DB, "--rows", "100000", "--outputdir", folder))
            meter.run(command(self.target, "myloader", "--directory", folder, *(["--enable-binlog"] if binlog else [])))
        shutil.rmtree(folder)
        return meter.figures

    def ready(self, tables):
        """Files of the tables, those of different tables in turn so that sessions keep out of each other's way; made once."""
        folder = os.path.join(self.directory, "files")
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        lists = []
        for name, count in sorted(data.rows_of(tables, self.scale).items(), key=lambda item: -item[1]):
            if name not in self.files:
                self.files[name] = [self.file(folder, name, low) for low in range(1, count + 1, PIECE)]
            lists.append([(name, path) for path in self.files[name]])
        return [file for files in itertools.zip_longest(*lists) for file in files if file]

    def file(self, folder, name, low):
        path = os.path.join(folder, f"{name}.{low}")
        self.source.sql(["SET time_zone = '+00:00'", f"SELECT * FROM {name} WHERE id BETWEEN {low} AND {low + PIECE - 1} ORDER BY id"
                         f" INTO OUTFILE '{path}' CHARACTER SET binary"], db=data.DB)
        return path

    def load(self, sessions, tables=None):
        tables = tables or data.COPIED
        waiting, failed = queue.SimpleQueue(), []
        for file in self.ready(tables):
            waiting.put(file)
        with common.Meter(self.source, self.target) as meter:
            data.create(self.target, tables, without_binlog=False)
            threads = [threading.Thread(target=self.session, args=(waiting, failed), daemon=True) for _ in range(sessions)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if failed:
            raise failed[0]
        return meter.figures

    def session(self, waiting, failed):
        try:
            with self.target.connect(db=data.DB) as connection, connection.cursor() as cursor:
                cursor.execute("SET time_zone = '+00:00'")
                while True:
                    name, path = waiting.get_nowait()
                    cursor.execute(f"LOAD DATA INFILE '{path}' INTO TABLE {name} CHARACTER SET binary")
        except queue.Empty:
            pass
        except Exception as error:      # pylint: disable=broad-except - told by whoever waits for the threads
            failed.append(error)

    # -- the product

    def product(self, tables=None):
        self.turn += 1
        with common.causewayd(os.path.join(self.directory, f"daemon{self.turn}")) as daemon:
            project = daemon.create_project(self.source, self.target, daemons.specific({data.DB: list(tables or data.COPIED)}), incr=False)
            poll = common.Poll(daemon)
            with common.Meter(self.source, self.target, daemon) as meter, \
                    common.profiled(self.profile, "copy", [daemon.process.pid, self.target.pid]):
                poll.call("StartProject", id=project)
                poll.wait_finished(project)
        for db in set(self.target.databases()) - {data.DB}:
            self.target.sql(f"DROP DATABASE {servers.quote(db)}")      # the product's own
        return meter.figures


def runnable(bench, options, report):
    """The cases asked for, without those whose programs can't cope with the servers: they are of MariaDB's lineage."""
    names = [name for name in CASES if name in options.only]
    if options.pair == ["mariadb", "mariadb"]:
        return names
    for kind in ("dump", "mydumper"):
        wanted = [name for name in names if name.startswith(kind)]
        try:
            if wanted:
                bench.case(wanted[0])()
        except RuntimeError as error:
            names = [name for name in names if name not in wanted]
            report.text(f"Not with these servers: {', '.join(wanted)} ({str(error).splitlines()[0]}).")
    return names


# ------------------------------------------------------------------------------------------ results

def best(measured, names):
    """The name with the lowest median wall time, or None where none ran."""
    return min((name for name in names if name in measured), key=lambda name: common.median(measured[name], "seconds"), default=None)


def targets(report, measured):
    product = measured.get("product")
    dumper, load = best(measured, DUMPERS), best(measured, LOADS)

    def against(peer):
        return common.ratio(product, measured[peer], "seconds") if product and peer else None
    report.target("full copy, wall", "of the best mydumper + myloader", "<=", 0.60, against(dumper), dumper or "")
    report.target("full copy, wall", "of parallel LOAD DATA of ready files", "<=", 1.00, against(load), load or "")
    cpu = [{"share": one["toolCpu"] / one["targetCpu"]} for one in product or []]
    report.target("full copy, our own CPU", "of the target server's", "<=", 0.08, common.median(cpu, "share") if cpu else None)
    both = "big-product" in measured and "big-load" in measured
    report.target("one big table", "of its load through one connection", "<=", 0.60,
                  common.ratio(measured["big-product"], measured["big-load"], "seconds") if both else None)


def describe(report, bench, options, measured):
    rows, settings = sum(data.rows_of(data.COPIED, options.scale).values()), "relaxed" if options.relaxed else "durable"
    report.text(f"{options.pair[0]} {bench.source.version} → {options.pair[1]} {bench.target.version}, {settings} settings,"
                f" {rows:,} rows in {len(data.COPIED)} tables. CPU in seconds; peak memory of the largest process of the tool.")
    heads = ["case", "wall, s", "CPU source", "CPU target", "CPU tool", "memory, MiB", "binlog, MB", "µs of the target a row", "to the product"]
    lines = []
    for name in (name for name in CASES if name in measured):
        turns, product = measured[name], measured.get("big-product" if name.startswith("big") else "product")
        count = data.rows_of(data.COPIED, options.scale)["big"] if name.startswith("big") else rows
        lines.append([name, common.spread(turns, "seconds"), *(f"{common.median(turns, key):.2f}" for key in ("sourceCpu", "targetCpu", "toolCpu")),
                      f"{common.median(turns, 'toolPeakMiB'):.0f}", f"{common.median(turns, 'binlogBytes') / 1e6:.0f}",
                      f"{common.median(turns, 'targetCpu') / count * 1e6:.1f}",
                      f"{common.ratio(product, turns, 'seconds'):.2f}" if product and not name.endswith("product") else ""])
    report.table(heads, lines)


def configure(parser):
    parser.add_argument("--relaxed", action="store_true", help="innodb_flush_log_at_trx_commit=2, sync_binlog=0 at both ends")
    parser.add_argument("--profile", metavar="DIR", help="perf data of the product's turns (bench/flame.py); the newest stays")


def main():
    options = common.arguments(__doc__, CASES, configure)
    if options.only == CASES:
        options.only = [name for name in CASES if name not in NOT_COMPARED]
    report = common.Report("copy", "Full copy", options)
    with common.workspace() as directory:
        bench = Copy(options, directory)
        measured = common.turns({name: bench.case(name) for name in runnable(bench, options, report)}, options.rounds)
        report.data = measured
        describe(report, bench, options, measured)
        targets(report, measured)
    report.finish()


if __name__ == "__main__":
    main()
