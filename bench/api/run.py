#!/usr/bin/python3
"""Reading by the API beside a bare server: libmicrohttpd, one SQLite point query and json-c, and nothing else (bare.c).

    bench/api/run.py [--scale F] [--rounds N] [--output DIR] [--json]

Fills a causewayd of $BUILD_DIR (default: build/) with 1,000 projects (scale 1), 50 of them copying, changes projects all the time and
asks both servers by turns over 64 connections, 5 seconds each (load.c): DescribeProject and ListProjects of ten. The bare server gives
the very documents that Causeway gave. The steps are those of tests/system/test_load.py, which holds them in CI.
"""

import os
import sys

sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")))
from bench import common                                              # noqa: E402 - the path has to be set first
import test_load as steps                                             # noqa: E402

CASES = ["product", "bare"]
WINDOW = 5.0


class Environment:
    """What the steps of a system test ask of it: servers, a folder, and what to do at the end."""

    def __init__(self, directory):
        self.dir, self.ends = directory, []

    def _server(self, end, kind):
        return common.Server(kind, os.path.join(self.dir, end), durable=False).start()

    def source(self, kind):
        return self._server("source", kind)

    def target(self, kind):
        return self._server("target", kind)

    def cleanup(self, action):
        self.ends.append(action)

    def close(self):
        for action in reversed(self.ends):
            action()


def measure(env, daemon, options):
    """{case: figures of each turn}"""
    common.say("  making projects")
    ids = steps.fill(env, daemon)
    requests, store = steps.answers(env, daemon, ids)
    port, auth = steps.bare_server(env, store), steps.credentials(daemon)
    writer = steps.Writer(daemon, ids)
    writer.start()

    def product():
        before = common.product_cpu(daemon)
        said = figures(steps.load(daemon.address[1], requests, WINDOW, auth))
        return {**said, "toolCpu": common.product_cpu(daemon) - before, "daemonPeakMiB": common.peak_mib(daemon.process.pid),
                "workerPeakMiB": max(map(common.peak_mib, daemon.worker_pids()), default=0)}

    try:
        return common.turns({"product": product, "bare": lambda: figures(steps.load(port, requests, WINDOW))}, options.rounds, "perSecond",
                            "requests/s")
    finally:
        writer.stop()


def figures(said):
    """Of what bench_api_load says, in milliseconds; a request that failed fails the bench."""
    everything = said["all"]
    if everything["failed"] or not everything["count"]:
        raise AssertionError(f"requests failed: {said}")
    return {"perSecond": everything["perSecond"], "p50": everything["p50"] / 1000, "p99": everything["p99"] / 1000, "max": everything["max"] / 1000}


def main():
    options = common.arguments(__doc__, CASES)
    options.only = CASES                # one means nothing without the other
    steps.PROJECTS = max(steps.PAGE, round(steps.PROJECTS * options.scale / steps.PAGE) * steps.PAGE)
    steps.RUNNING = max(1, round(steps.RUNNING * options.scale))
    report = common.Report("api", "Reads by the API", options)
    with common.workspace() as directory, common.causewayd(os.path.join(directory, "daemon")) as daemon:
        env = Environment(directory)
        try:
            measured = measure(env, daemon, options)
        finally:
            env.close()
    report.data = measured
    report.text(f"{steps.PROJECTS:,} projects, {steps.RUNNING} of them copying, one writer, {steps.CONNECTIONS} connections, {WINDOW:g} s a turn.")
    report.table(["case", "requests/s", "p50, ms", "p99, ms", "slowest, ms"], [
        [name, *(common.spread(turns, key) for key in ("perSecond", "p50", "p99", "max"))] for name, turns in measured.items()])
    report.text(f"Peak memory of causewayd: {max(one['daemonPeakMiB'] for one in measured['product']):.0f} MiB.")
    report.target("API reads", "of the bare program", ">=", 0.5, common.ratio(measured["product"], measured["bare"], "perSecond"))
    report.target("API reads, p99", "ms", "<=", 50, common.median(measured["product"], "p99"),
                  f"bare {common.median(measured['bare'], 'p99'):.1f} ms")
    report.finish()


if __name__ == "__main__":
    main()
