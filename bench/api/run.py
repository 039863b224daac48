#!/usr/bin/python3
"""Reading by the API beside a bare server: libmicrohttpd, one SQLite point query and json-c, and nothing else (bare.c).

    bench/api/run.py [--scale F] [--rounds N] [--only CASE]... [--output DIR] [--json]

Fills a causewayd of $BUILD_DIR (default: build/) with 1,000 projects (scale 1), 50 of them copying, changes projects all the time and
asks both servers by turns over 64 connections, 4 seconds each (load.c):

  describe   DescribeProject; the bare server gives the very documents that Causeway gave
  list       ListProjects, ten a page, likewise
  small      DescribeProject, whole; the bare server gives a document of one field: what such a server can do at best

The steps are those of tests/system/test_load.py, which holds reads beside writes in CI.
"""

import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")))
from bench import common                                              # noqa: E402 - the path has to be set first
import test_load as steps                                             # noqa: E402

CASES = {"describe": ("DescribeProject", "DescribeProject"), "list": ("ListProjects", "ListProjects, ten a page"),
         "small": ("DescribeProject", "DescribeProject, the bare server giving one field")}
WINDOW = 4.0


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


def lines_of(requests, action):
    """A file of one action's lines of a load."""
    path = f"{requests}.{action}"
    with open(requests, encoding="utf-8") as whole, open(path, "w", encoding="utf-8") as part:
        part.writelines(line for line in whole if line.startswith(action + "\t"))
    return path


def one_field(path, ids):
    """A store for the bare server with as little in it as can be."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE answer (key TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID")
        db.executemany("INSERT INTO answer VALUES (?, ?)", [(project, json.dumps({"id": project})) for project in ids])
    db.close()
    return path


def measure(env, daemon, options):
    """{case, "bare " + case: figures of each turn}"""
    common.say("  making projects")
    ids = steps.fill(env, daemon)
    requests, store = steps.answers(env, daemon, ids)
    ports = dict.fromkeys(CASES, steps.bare_server(env, store))
    ports["small"] = steps.bare_server(env, one_field(os.path.join(env.dir, "small.db"), ids))
    auth, writer = steps.credentials(daemon), steps.Writer(daemon, ids)

    def product(lines):
        before = common.product_cpu(daemon)
        said = figures(steps.load(daemon.address[1], lines, WINDOW, auth))
        return {**said, "toolCpu": common.product_cpu(daemon) - before, "daemonPeakMiB": common.peak_mib(daemon.process.pid),
                "workerPeakMiB": max(map(common.peak_mib, daemon.worker_pids()), default=0)}

    turns = {}
    for name in (name for name in CASES if name in options.only):
        lines = lines_of(requests, CASES[name][0])
        turns[name] = lambda lines=lines: product(lines)
        turns["bare " + name] = lambda name=name, lines=lines: figures(steps.load(ports[name], lines, WINDOW))
    writer.start()
    try:
        return common.turns(turns, options.rounds, "perSecond", "requests/s")
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
    ours = {name: measured[name] for name in CASES if name in measured}
    report.text(f"Peak memory of causewayd: {max(one['daemonPeakMiB'] for turns in ours.values() for one in turns):.0f} MiB.")
    for name, turns in ours.items():
        bare = measured["bare " + name]
        report.target(f"API reads: {CASES[name][1]}", "of the bare program", ">=", 0.5, common.ratio(turns, bare, "perSecond"),
                      f"{common.median(turns, 'perSecond'):,.0f}/s, bare {common.median(bare, 'perSecond'):,.0f}/s")
    report.target("API reads, p99", "ms", "<=", 50, max(common.median(turns, "p99") for turns in ours.values()), "the slowest of the cases")
    report.finish()


if __name__ == "__main__":
    main()
