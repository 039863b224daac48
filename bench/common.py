"""What the cases of the bench share: servers, meters, turns, results.

A case is a module bench/AREA/run.py with a main() of its own. It starts with

    sys.path.insert(0, REPOSITORY)
    from bench import common                # puts tests/system on the path, too: `from harness import load`

    options = common.arguments(__doc__, CASES)
    with common.workspace() as directory:
        source, target = (common.Server(kind, os.path.join(directory, end), durable=True).start() ...)
        measured = common.turns({"peer": run_peer, "product": run_product}, options.rounds)
    report = common.Report("copy", "Full copy", options)
    report.table(["what", "wall, s"], [[...], ...])
    report.target("full copy, wall", "of the best mydumper + myloader", "<=", 0.60, ratio)
    report.finish()

Wall times of one machine differ by a quarter from minute to minute: only what ran by turns in one run is compared, and the ratio is
the median of the rounds' ratios.
"""

import argparse
import base64
import contextlib
import datetime
import fcntl
import http.client
import json
import os
import platform
import re
import resource
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "system"))
from harness import daemon as daemons, servers     # noqa: E402 - the path has to be set first

RESULTS = os.path.join(REPOSITORY, "bench", "results")
TICK = os.sysconf("SC_CLK_TCK")
LOCK = os.environ.get("CAUSEWAY_BENCH_LOCK")        # on a machine with other users: locked exclusively for each turn
COMPARISONS = {"<=": ("≤", lambda value, limit: value <= limit), ">=": ("≥", lambda value, limit: value >= limit)}

# ------------------------------------------------------------------------------------------ servers

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"]
RELAXED = ["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"]
LARGE_LOG = {"mariadb": "--innodb-log-file-size=1G", "mysql56": "--innodb-log-file-size=512M",
             "mysql97": "--innodb-redo-log-capacity=1G"}


class Server(servers.Server):
    """A database server with room for the bench's data in memory; durable or relaxed. See tests/system/harness/servers.py."""

    def __init__(self, kind, directory, durable=True, options=()):
        super().__init__(kind, directory, [*(DURABLE if durable else RELAXED), "--innodb-buffer-pool-size=1G", LARGE_LOG[kind],
                                           "--max-allowed-packet=1G", *options])

    def binlog_bytes(self):
        """Bytes in all binlog files that it has."""
        return sum(row[1] for row in self.sql("SHOW BINARY LOGS"))

    def settle(self):
        """Between turns where nobody reads the binlog any more: it is dropped, the rest is written out."""
        self.sql("RESET BINARY LOGS AND GTIDS" if self.kind == "mysql97" else "RESET MASTER")
        self.write_out()

    def write_out(self):
        """Write out what a turn left in memory, so that the next one does not pay for it."""
        names = ("innodb_max_dirty_pages_pct", "innodb_io_capacity_max", "innodb_io_capacity")
        before = self.sql(f"SELECT {', '.join('@@GLOBAL.' + name for name in names)}")[0]
        self.sql([f"SET GLOBAL {name} = {value}" for name, value in zip(names, (0, 100000, 100000))])
        end = time.monotonic() + 60
        while time.monotonic() < end and int(self.sql("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")[0][1]) > 50:
            time.sleep(0.05)
        self.sql([f"SET GLOBAL {name} = {value}" for name, value in zip(reversed(names), reversed(before))])


def interrupted(_number, _frame):
    raise KeyboardInterrupt


@contextlib.contextmanager
def workspace():
    """A folder for everything; at the end, however it comes, no server below it runs and it is gone."""
    signal.signal(signal.SIGTERM, interrupted)
    directory = tempfile.mkdtemp(prefix="causeway-bench.")
    try:
        yield directory
    finally:
        servers.scratch("stopall", directory)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def causewayd(directory, args=()):
    """A causewayd of $BUILD_DIR; nothing of it is left at the end."""
    daemon = daemons.Daemon(directory, args).start()
    try:
        yield daemon
    finally:
        daemon.destroy()


class Poll:
    """Asks one daemon over one connection for as little of this machine's time as may be: no look into openapi.yaml."""

    def __init__(self, daemon):
        made = daemon.credentials
        token = base64.b64encode(f"{made['username']}:{made['password']}".encode()).decode()
        self.daemon, self.headers = daemon, {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPConnection(*daemon.address, timeout=60)

    def call(self, action, **body):
        """The data of the answer."""
        for last in (False, True):
            try:
                self.connection.request("POST", f"/api/v2?Action={action}", json.dumps(body), self.headers)
                answer = json.loads(self.connection.getresponse().read())
                break
            except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                if last:
                    raise
                self.connection.close()         # it was idle for too long: the next request opens another
        if not answer.get("success"):
            raise daemons.ApiError(action, answer)
        return answer.get("data")

    def wait(self, project, reached, what, seconds=3600):
        """Until reached({step's name: step}) is true, which is returned; fails at once when a step has failed.

        Asks so often that the answer comes no more than a hundredth late, and no more often: asking costs the daemon, too.
        """
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            steps = {step["name"]: step for step in self.call("DescribeProjectSteps", id=project)}
            if any(step["status"] == "FAILED" for step in steps.values()):
                raise RuntimeError(f"a step failed while waiting: {what}\n{self.daemon.explain()}")
            answer = reached(steps)
            if answer:
                return answer
            time.sleep(max(0.02, (time.monotonic() - began) / 100))
        raise RuntimeError(f"not within {seconds} s: {what}\n{self.daemon.explain()}")

    def wait_finished(self, project):
        """Until all steps are through: of a project that ends by itself."""
        return self.wait(project, lambda steps: all(step["status"] == "FINISHED" for step in steps.values()), "all steps have finished")


# ------------------------------------------------------------------------------------------ meters

def _times(pid):
    """Clock ticks of a process: (itself with all of its threads, its children that have ended); zeros when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = [int(field) for field in file.read().rsplit(")", 1)[1].split()[11:15]]
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    return fields[0] + fields[1], fields[2] + fields[3]


def cpu_seconds(pid):
    """CPU seconds of a process so far, user and system, without its children."""
    return _times(pid)[0] / TICK


def product_cpu(daemon):
    """CPU seconds of a causewayd and all workers it ever had."""
    # Looked at before the daemon: a worker that ends in between is counted twice rather than not at all.
    alive = sum(_times(pid)[0] for pid in daemon.worker_pids())
    return (alive + sum(_times(daemon.process.pid))) / TICK


def children_cpu():
    """CPU seconds of the programs that this process has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mib(pid):
    """Peak resident memory of a process, MiB; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found.group(1)) / 1024 if found else 0


class Peak(threading.Thread):
    """The highest peak memory that any one of some processes had. pids() tells which they are at the moment."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.mib, self.over = pids, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.look()

    def look(self):
        self.mib = max([self.mib, *map(peak_mib, self.pids())])

    def stop(self):
        self.look()
        self.over.set()
        self.join()
        return self.mib


class Meter:
    """What a piece of work costs: `with Meter(source, target, daemon) as meter:`, then meter.figures.

    daemon: the product does the work; without one it is done by programs that this process starts with meter.run() or
    meter.spawn(), or by the servers alone. Figures: seconds, sourceCpu, targetCpu, toolCpu (seconds), toolPeakMiB (largest worker or
    program; of the product workerPeakMiB, too), binlogBytes (at the target).
    """

    def __init__(self, source, target, daemon=None):
        self.source, self.target, self.daemon = source, target, daemon
        self.programs, self.figures = [], {}
        self.peak = Peak(daemon.worker_pids if daemon else lambda: [program.pid for program in self.programs])

    def __enter__(self):
        self.before = self._now()
        self.peak.start()
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, value, trace):
        seconds = time.monotonic() - self.began
        for program in self.programs:
            if program.poll() is None:
                program.kill()
                program.wait()
        peak = self.peak.stop()
        if kind is None:
            self.figures = {"seconds": seconds, **{name: value - self.before[name] for name, value in self._now().items()},
                            "toolPeakMiB": peak}
            if self.daemon:
                self.figures["workerPeakMiB"] = peak

    def _now(self):
        return {"sourceCpu": cpu_seconds(self.source.pid), "targetCpu": cpu_seconds(self.target.pid),
                "toolCpu": product_cpu(self.daemon) if self.daemon else children_cpu(), "binlogBytes": self.target.binlog_bytes()}

    def spawn(self, command, **more):
        """Start a program of the tool."""
        program = subprocess.Popen(command, stdin=more.pop("stdin", subprocess.DEVNULL), **more)
        self.programs.append(program)
        return program

    def run(self, command, **more):
        """Run a program of the tool until it ends well; its output is told only when it doesn't."""
        program = self.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        output = program.communicate()[0]
        if program.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {program.returncode}: {output.decode(errors='replace')[-2000:]}")


@contextlib.contextmanager
def profiled(folder, name, pids):
    """With a folder: what the processors do in these processes and in all they start, by perf, as FOLDER/NAME.data (bench/flame.py)."""
    if not folder:
        yield
        return
    os.makedirs(folder, exist_ok=True)
    fifos = [os.path.join(folder, end) for end in ("control", "answer")]
    for path in fifos:
        if os.path.exists(path):
            os.unlink(path)
        os.mkfifo(path)
    control, answer = (os.open(path, os.O_RDWR) for path in fifos)
    command = ["perf", "record", "-q", "-F", "997", "-g", "-p", ",".join(map(str, pids)), "-D", "-1", "--control", "fifo:" + ",".join(fifos),
               "-o", os.path.join(folder, name + ".data")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as perf:
        try:
            os.write(control, b"enable\n")
            if not select.select([answer], [], [], 60)[0]:      # what is started before it says so is not seen
                raise RuntimeError("perf record does not start: is perf installed, and allowed (kernel.perf_event_paranoid)?")
            yield
        finally:
            perf.terminate()
            for fd, path in zip((control, answer), fifos):
                os.close(fd)
                os.unlink(path)


# ------------------------------------------------------------------------------------------ turns

def say(text):
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def alone():
    """While it lasts nobody else who keeps to $CAUSEWAY_BENCH_LOCK works on this machine."""
    if LOCK is None:
        yield
        return
    with open(LOCK, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def turns(cases, rounds, show="seconds", unit="s"):
    """Run {name: function that returns a dict of figures} by turns, A B A B; {name: [figures of each round]}."""
    measured = {name: [] for name in cases}
    for number in range(rounds):
        for name, case in cases.items():
            with alone():
                measured[name].append(case())
            say(f"  round {number + 1}/{rounds}  {name}: {measured[name][-1][show]:.2f} {unit}")
    return measured


def median(rounds, key):
    return statistics.median(one[key] for one in rounds)


def ratio(ours, theirs, key):
    """Median of the rounds' ratios of one figure."""
    return statistics.median(a[key] / b[key] for a, b in zip(ours, theirs))


def spread(rounds, key, digits=None):
    """'median (lowest–highest)'."""
    values = [one[key] for one in rounds]
    if digits is None:
        digits = 0 if min(values) > 100 else 2
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


# ------------------------------------------------------------------------------------------ results

def arguments(doc, cases, configure=None):
    """The command line that all areas share. configure(parser) adds what an area has of its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the amount of data (1.0)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (3)")
    parser.add_argument("--only", action="append", choices=list(cases), help="these cases only")
    parser.add_argument("--list", action="store_true", help="print the cases' names")
    parser.add_argument("--pair", nargs=2, default=["mariadb", "mariadb"], choices=servers.KINDS, metavar=("SOURCE", "TARGET"))
    parser.add_argument("--output", default=RESULTS, help="folder for Markdown and JSON (bench/results)")
    parser.add_argument("--json", action="store_true", help="print the rows of the table of targets as JSON, not Markdown")
    if configure:
        configure(parser)
    options = parser.parse_args()
    if options.list:
        print("\n".join(cases))
        sys.exit(0)
    if options.scale <= 0 or options.rounds < 1:
        parser.error("--scale and --rounds are above zero")
    options.only = options.only or list(cases)
    return options


def _first(pattern, path, otherwise="unknown"):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else otherwise


def _busy(seconds=1.0):
    """The part of all processors that is busy while this process only waits."""
    def now():
        with open("/proc/stat", encoding="utf-8") as file:
            ticks = [int(field) for field in file.readline().split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]
    total, idle = now()
    time.sleep(seconds)
    total, idle = [after - before for after, before in zip(now(), (total, idle))]
    return 1 - idle / total if total else 0.0


def machine():
    """What has to be known about the machine and the build to make anything of the figures."""
    cache = os.path.join(daemons.build_dir(), "CMakeCache.txt")
    commit = subprocess.run(["git", "-C", REPOSITORY, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {"processor": _first(r"^model name\s*:\s*(.*)$", "/proc/cpuinfo"), "processors": os.cpu_count(),
            "memoryGiB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2 ** 30, 1), "kernel": platform.release(),
            "system": _first(r'^PRETTY_NAME="(.*)"$', "/etc/os-release"), "build": _first(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache),
            "faultPoints": _first(r"^CAUSEWAY_FAULTS:\w+=(.*)$", cache, "OFF"), "commit": commit.stdout.strip() or "unknown",
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "busyBefore": round(_busy(), 2)}


class Report:
    """Results of an area: tables as Markdown, everything as JSON, rows of the issue's table of targets."""

    def __init__(self, name, title, options):
        self.name, self.options, self.machine = name, options, machine()
        self.lines, self.data, self.targets = [f"# {title}", ""], {}, []
        facts = self.machine
        self.text(f"{facts['processor']}, {facts['processors']} processors, {facts['memoryGiB']} GiB, {facts['system']}; build"
                  f" {facts['build']} of {facts['commit']}; {facts['date']}; {facts['busyBefore']:.0%} busy with other things before."
                  f" Scale {options.scale:g}, {options.rounds} rounds by turns: median (lowest–highest).")

    def text(self, text):
        self.lines += [text, ""]

    def table(self, heads, rows):
        self.lines += ["| " + " | ".join(map(str, row)) + " |" for row in (heads, ["---"] * len(heads), *rows)] + [""]

    def target(self, what, beside, comparison, limit, value, note=""):
        """A row of the table of targets: value, which has to be comparison ('<=', '>=') limit; beside: what it is a ratio of.

        value None: it was not measured in this run. note: the reason of a miss, as measured, and anything else worth a word.
        """
        self.targets.append({"area": self.name, "what": what, "beside": beside, "comparison": comparison, "limit": limit, "value": value,
                             "met": None if value is None else COMPARISONS[comparison][1](value, limit), "note": note})

    def finish(self):
        """Write NAME.md and NAME.json, print one of them."""
        rows = target_rows(self.targets)
        if rows:
            self.lines += ["## Targets", ""]
            self.table(TARGET_HEADS, rows)
        document = {"area": self.name, "machine": self.machine, "targets": self.targets, "measured": self.data,
                    "options": {key: value for key, value in vars(self.options).items() if key not in ("output", "json", "list")}}
        os.makedirs(self.options.output, exist_ok=True)
        pair = "" if self.options.pair == ["mariadb", "mariadb"] else "-" + "-".join(self.options.pair)
        for ending, content in (("md", "\n".join(self.lines)), ("json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")):
            with open(os.path.join(self.options.output, f"{self.name}{pair}.{ending}"), "w", encoding="utf-8") as file:
                file.write(content)
        print(json.dumps(self.targets, ensure_ascii=False) if self.options.json else "\n".join(self.lines))


TARGET_HEADS = ["what", "target", "measured", "", "remark"]


def target_rows(targets):
    """Rows of the issue's table: what, target, measured, met or missed, remark."""
    def number(value):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

    def row(one):
        value = one["value"]
        verdict = {True: "met", False: "**missed**", None: "not measured"}[one["met"]]
        return [one["what"], f"{COMPARISONS[one['comparison']][0]} {number(one['limit'])} {one['beside']}".strip(),
                "–" if value is None else number(value), verdict, one["note"]]
    return [row(one) for one in targets]
