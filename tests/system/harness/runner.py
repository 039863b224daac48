#!/usr/bin/python3
"""Runs the system tests: tests/system/test_*.py, functions test_*(env).

    runner.py [--list] [--quick] [--nightly] [--jobs N] [--log FILE] [--junit FILE] [--scratch DIR] [--tests DIR] [NAME...]

One after the other in this process, or N at a time (jobs.py), those that may take longest first. A test gets an Env
(below). NAME picks the tests whose "file.function" contains it. One line per test, "ok|FAIL|skip name seconds"; the
last line is exactly "N passed, N failed, N skipped"; exit status 1 when one failed. With --log a copy of all goes to
FILE, and the last line only there: test.sh adds it up. CAUSEWAY_TEST_LOCK names a file that is locked while a result
is printed, for when several runners share an output.
"""

import argparse
import contextlib
import faulthandler
import fcntl
import functools
import glob
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from xml.sax import saxutils

sys.dont_write_bytecode = True      # the checkout stays as it is
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(1, os.path.normpath(os.path.join(HERE, "..", "..", "tools")))

from harness import daemon, jobs, load, servers       # noqa: E402 - the path has to be set first

load.LoadGenerator.patience = daemon.PATIENCE
DEFAULT_TIMEOUT = 300
SAID_LINES = 12         # of an error, in front of its traceback
CLEANUP_TIMEOUT = round(90 * daemon.PATIENCE)        # to stop what a test left; past it a worker or a server hangs
HANG_TIMEOUT = 60           # past both: Python itself hangs, say where and give up


class Skip(Exception):
    """Raised by a test that can't run here; the text is the reason."""


class TestTimeout(BaseException):
    """Not an Exception, so that no test swallows it."""


# ------------------------------------------------------------------------------------------ decorators

def _mark(**marks):
    def decorate(function):
        function.marks = {**getattr(function, "marks", {}), **marks}
        return function
    return decorate


def tags(*names):
    """'quick' tests are what --quick runs, 'nightly' ones what only --nightly runs, or their full name.

    The other names ('kill', 'matrix', ...) are for NAME and --list.
    """
    return _mark(tags=names)


def needs(*kinds):
    """Kinds of servers without which the test is skipped."""
    return _mark(needs=kinds)


def timeout(seconds):
    """Another limit than DEFAULT_TIMEOUT."""
    return _mark(timeout=seconds)


# ------------------------------------------------------------------------------------------ environment

class Env:
    """What a test works with. Whatever it starts here is stopped after the test, passed or not."""

    def __init__(self, name, root, pool):
        self.name = name
        self.dir = os.path.join(root, name)
        self.pool = pool
        self.daemons = []
        self._cleanups = []
        os.makedirs(self.dir)

    def cleanup(self, function, *arguments):
        """Call it after the test; the last one given is called first."""
        self._cleanups.append((function, arguments))

    def source(self, kind="mariadb", options=()):
        """A running, empty server, kept for the next tests."""
        return self.pool.get(kind, "source", options)

    def target(self, kind="mariadb", options=()):
        """Another one; it also differs from source() when the kind is the same."""
        return self.pool.get(kind, "target", options)

    def private_server(self, kind, options=(), name=None):
        """A server for this test only: for tests that break it for good or need a fresh binlog."""
        number = len(self._cleanups)
        server = servers.Server(kind, os.path.join(self.dir, name or f"{kind}-{number}"), options)
        self.cleanup(server.kill)
        return server.start()

    def daemon(self, args=(), env=None, start=True):
        """A causewayd on a data directory of its own."""
        made = daemon.Daemon(os.path.join(self.dir, f"daemon-{len(self.daemons)}"), args, env)
        self.daemons.append(made)
        self.cleanup(made.destroy)
        return made.start() if start else made

    def load(self, server, db, **options):
        """A running LoadGenerator."""
        made = load.LoadGenerator(server, db, directory=os.path.join(self.dir, f"load-{len(self._cleanups)}"),
                                  **options)
        self.cleanup(functools.partial(made.stop, check=False))
        return made.start()

    def close(self):
        """Run the cleanups; returns the faults that only now show."""
        faults = []
        for function, arguments in reversed(self._cleanups):
            try:
                function(*arguments)
            except Exception:
                faults.append(traceback.format_exc())
        for made in self.daemons:
            reports = made.sanitizer_reports()
            if reports:
                faults.append(f"sanitizer reports in {made.log_path}:\n" + "\n".join(reports[:10]))
        return faults

    def logs(self):
        """Log files worth keeping."""
        return [path for pattern in ("*.log", "*/*.log", "*/*/*.log") for path in glob.glob(f"{self.dir}/{pattern}")]


# ------------------------------------------------------------------------------------------ discovery

class Test:
    def __init__(self, module, name, function):
        marks = getattr(function, "marks", {})
        self.name = f"{module}.{name}"
        self.function = function
        self.tags = marks.get("tags", ())
        self.needs = marks.get("needs", ())
        self.timeout = round(marks.get("timeout", DEFAULT_TIMEOUT) * daemon.PATIENCE)


def discover(directory):
    """In the order of files and of the functions in them."""
    found = []
    for path in sorted(glob.glob(os.path.join(directory, "test_*.py"))):
        name = os.path.basename(path)[:-len(".py")]
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        found += [Test(name, key, value) for key, value in vars(module).items()
                  if key.startswith("test_") and callable(value) and getattr(value, "__module__", "") == name]
    return found


def select(tests, options):
    wanted = [test for test in tests
              if not options.names or any(name in test.name or name in test.tags for name in options.names)]
    if not options.nightly:
        wanted = [test for test in wanted if "nightly" not in test.tags or {test.name, "nightly"} & set(options.names)]
    return [test for test in wanted if "quick" in test.tags] if options.quick else wanted


# ------------------------------------------------------------------------------------------ running

class Limit:
    """TestTimeout in the main thread after some seconds: a hang is a failure, with a traceback of where it hung."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        def expired(*_):
            raise TestTimeout(f"not done within {self.seconds} s")
        signal.signal(signal.SIGALRM, expired)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)


class Report:
    """Results as they come in: printed, each in one piece, and kept."""

    def __init__(self, log):
        self.results = []               # (status, test name, seconds, detail)
        self.log = open(log, "w", encoding="utf-8") if log else None    # pylint: disable=consider-using-with

    def add(self, test, status, detail, seconds, output=""):
        self.results.append((status, test.name, seconds, detail))
        text = output + f"{status:4} {test.name} {seconds:.1f}" + (f" ({detail})\n" if status == "skip" else "\n")
        if status == "FAIL":
            text += "".join(f"    {line}\n" for line in detail.splitlines())
        with self._locked():
            self.say(text)

    def say(self, text):
        """To both."""
        if self.log:
            self.log.write(text)
            self.log.flush()
        sys.stdout.write(text)
        sys.stdout.flush()

    def close(self, seconds):
        """The last lines; the very last one only into the log if there is one."""
        self.say(f"total {seconds:.1f} s\n")
        print(f"{self.count('ok')} passed, {self.count('FAIL')} failed, {self.count('skip')} skipped",
              file=self.log or sys.stdout, flush=True)

    @staticmethod
    @contextlib.contextmanager
    def _locked():
        path = os.environ.get("CAUSEWAY_TEST_LOCK")
        if not path:
            yield
            return
        with open(path, "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def count(self, status):
        return sum(1 for result in self.results if result[0] == status)


class Runner:
    """Runs tests in this process, on servers of its own (of its job)."""

    def __init__(self, root, keep, unavailable, job=None):
        self.root = root
        self.keep = keep
        self.pool = servers.ServerPool(os.path.join(root, "servers" if job is None else f"servers-{job}"))
        self._unavailable = unavailable

    def run(self, test):
        """(status, detail)"""
        reason = self._missing(test)
        if reason:
            return "skip", reason
        env = Env(test.name, self.root, self.pool)
        faulthandler.dump_traceback_later(test.timeout + CLEANUP_TIMEOUT + HANG_TIMEOUT, exit=True)
        status, detail = self._call(test, env)
        try:
            with Limit(CLEANUP_TIMEOUT):
                faults = env.close()
        except TestTimeout:
            faults = ["stopping what the test had started hung:\n" + traceback.format_exc()]
        faulthandler.cancel_dump_traceback_later()
        if faults and status != "skip":
            status, detail = "FAIL", "\n".join(filter(None, [detail, *faults]))
        if status == "FAIL":
            detail += f"\nlogs: {self._keep_logs(env)}"
        if not (self.keep and status == "FAIL"):
            shutil.rmtree(env.dir, ignore_errors=True)
        return status, detail

    @staticmethod
    def _call(test, env):
        try:
            with Limit(test.timeout):
                test.function(env)
            return "ok", ""
        except (Skip, servers.ServerUnavailable) as reason:
            return "skip", str(reason) or "no reason given"
        except (Exception, TestTimeout) as error:
            # what happened first: who reads this may see no more than its beginning
            said = "\n".join(f"{type(error).__name__}: {error}".splitlines()[:SAID_LINES])
            return "FAIL", said + "\n" + traceback.format_exc().rstrip()

    def _missing(self, test):
        """Why the test can't run here."""
        return next((self._unavailable[kind] for kind in test.needs if self._unavailable[kind]), None)

    def _keep_logs(self, env):
        """The scratch folder goes away at the end, unless it was asked to stay; the logs must not."""
        if self.keep:
            return env.dir
        kept = os.path.join(daemon.build_dir(), "test-logs", env.name)
        shutil.rmtree(kept, ignore_errors=True)
        server_logs = [server.error_log for server in self.pool.servers()]
        for path in env.logs() + server_logs:
            if os.path.exists(path):
                place = os.path.join(kept, os.path.relpath(path, self.root))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copy(path, place)
        return kept if os.path.isdir(kept) else "none were written"


def install(tests):
    """Fetches the servers that the tests need, once; {kind: why it can't be had, or None}."""
    unavailable = {}
    for kind in sorted({kind for test in tests for kind in test.needs}):
        try:
            servers.install(kind)
            unavailable[kind] = None
        except servers.ServerUnavailable as reason:
            unavailable[kind] = str(reason)
    return unavailable


def run_here(tests, report, root, keep):
    runner = Runner(root, keep, install(tests))
    for test in tests:
        started = time.monotonic()
        status, detail = runner.run(test)
        report.add(test, status, detail, time.monotonic() - started)


def run_in_jobs(tests, report, root, keep, count):
    """The test that may take longest first: what is long must not begin when all else has ended."""
    tests = sorted(tests, key=lambda test: -test.timeout)
    unavailable, runners = install(tests), {}

    def work(job, index):
        if job not in runners:
            runners[job] = Runner(root, keep, unavailable, job)
        return runners[job].run(tests[index])

    def done(index, answer, output, seconds, how):
        if answer is None:
            answer = ("FAIL", f"the process that ran it has ended: {how}")
        report.add(tests[index], *answer, seconds, output)
    jobs.run(len(tests), count, root, work, done)


def write_junit(path, results):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<testsuite name="system" tests="{len(results)}">\n')
        for status, name, seconds, detail in results:
            inner = {"ok": "", "skip": f"<skipped message={saxutils.quoteattr(detail)}/>",
                     "FAIL": f"<failure>{saxutils.escape(detail)}</failure>"}[status]
            file.write(f'<testcase name={saxutils.quoteattr(name)} time="{seconds:.3f}">{inner}</testcase>\n')
        file.write("</testsuite>\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print names and tags, run nothing")
    parser.add_argument("--quick", action="store_true", help="only tests tagged quick")
    parser.add_argument("--nightly", action="store_true", help="the long tests, too")
    parser.add_argument("--jobs", type=int, metavar="N", help="so many tests at a time, each on servers of its own")
    parser.add_argument("--log", metavar="FILE", help="a copy of the output; the closing line goes only there")
    parser.add_argument("--junit", metavar="FILE")
    parser.add_argument("--scratch", metavar="DIR", help="work here, and keep the folders of failed tests")
    parser.add_argument("--tests", metavar="DIR", default=os.path.dirname(HERE))
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def main():
    options = arguments()
    tests = select(discover(options.tests), options)
    if options.list:
        for test in tests:
            print(" ".join([test.name, *test.tags]))
        return 0
    if options.scratch:
        os.makedirs(options.scratch, exist_ok=True)
    root = tempfile.mkdtemp(prefix="causeway-test.", dir=options.scratch)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))      # so that the finally below runs
    started = time.monotonic()
    report = Report(options.log)
    keep = bool(options.scratch)
    try:
        if options.jobs:
            run_in_jobs(tests, report, root, keep, options.jobs)
        else:
            run_here(tests, report, root, keep)
    except KeyboardInterrupt:
        report.say("interrupted\n")
        return 130
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        jobs.sweep(root)
        servers.scratch("stopall", root)
        if not (keep and report.count("FAIL")):
            shutil.rmtree(root, ignore_errors=True)
    if options.junit:
        write_junit(options.junit, report.results)
    report.close(time.monotonic() - started)
    return 1 if report.count("FAIL") else 0


if __name__ == "__main__":
    # Tests import harness.runner for its decorators; without this line there would be two of each class.
    sys.modules["harness.runner"] = sys.modules["__main__"]
    sys.exit(main())
