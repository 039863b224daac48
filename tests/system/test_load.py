"""Many clients that read while others write and workers report: held against a bare server in the same run.

The bare server (bench/api/bare.c) does libmicrohttpd, one SQLite point query and json-c, and gives the very documents that
Causeway gave. Both are asked by turns, so that whatever else this machine does weighs on both.
"""

import base64
import json
import os
import sqlite3
import statistics
import subprocess
import threading
import time

from common import resident_mib, tree
from harness.daemon import ApiError, build_dir
from harness.runner import needs, timeout

PROJECTS, RUNNING, CONNECTIONS, PAGE = 1000, 50, 64, 10
LENGTH = float(os.environ.get("CAUSEWAY_TEST_LENGTH", "0.1"))
ROUNDS, WINDOW = 5, 2.0                 # by turns, seconds each
WARM_SECONDS = 75                       # what comes once a minute has come: passwords are hashed again, curves rolled up
FLAT_SECONDS = max(30.0, 600 * LENGTH) if LENGTH >= 0.5 else 30.0   # ten minutes at full length


def fill(env, daemon):
    """1,000 projects, 50 of them copying, slowly; returns the ids."""
    source, target = env.source("mariadb"), env.target("mariadb")
    for number in range(RUNNING):
        source.sql(f"CREATE DATABASE run{number}")
        source.sql(f"CREATE TABLE run{number}.t (id INT PRIMARY KEY, v VARCHAR(40))")
        source.sql(f"INSERT INTO run{number}.t SELECT seq, REPEAT('x', 30) FROM seq_1_to_20000", db=f"run{number}")
    ends = [daemon.create_source(server) for server in (source, target)]
    label = daemon.call("CreateLabel", {"name": "load"})
    ids = []
    for number in range(PROJECTS):
        runs = number < RUNNING
        ids.append(daemon.create_project(
            *ends, tree([f"run{number}" if runs else f"db{number}"]), struct=runs, full=runs, incr=not runs,
            full_config={"throttleRps": 20, "readWorkerNum": 1, "writeWorkerNum": 1} if runs else None, labelIds=[label]))
        if runs:
            daemon.start_project(ids[-1])
    for project in ids[:RUNNING]:
        daemon.wait_for(lambda name=project: daemon.workers(name, "FULL_TRANSFER"), 120, f"{project} copies")
    return ids


class Writer(threading.Thread):
    """Makes labels, changes and deletes projects as long as it is not stopped."""

    def __init__(self, daemon, ids):
        super().__init__(daemon=True)
        self.ids, self.server, self.over, self.done, self.failed = ids, daemon, threading.Event(), 0, []

    def run(self):
        while not self.over.wait(0.05):
            try:
                self.server.call("UpdateProjectConfig", {
                    "id": self.ids[RUNNING + self.done % (PROJECTS - RUNNING)],
                    "incrTransferConfig": {"throttleRps": 1000 + self.done}})
                self.done += 1
            except (ApiError, OSError) as error:
                self.failed.append(str(error))

    def stop(self):
        self.over.set()
        self.join()
        assert not self.failed, self.failed[:3]
        assert self.done > 0


def answers(env, daemon, ids):
    """The load as a file, and a store for the bare server with what Causeway says to each."""
    bodies = [("DescribeProject", {"id": project}) for project in ids]
    bodies += [("ListProjects", {"pageNumber": page, "pageSize": PAGE}) for page in range(1, PROJECTS // PAGE + 1)] * 10
    requests, store = os.path.join(env.dir, "requests"), os.path.join(env.dir, "bare.db")
    with open(requests, "w", encoding="utf-8") as file:
        file.writelines(f"{action}\t{json.dumps(body)}\n" for action, body in bodies)
    with sqlite3.connect(store) as db:
        db.execute("CREATE TABLE answer (key TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID")
        for action, body in dict((json.dumps(body), (action, body)) for action, body in bodies).values():
            key = str(body.get("id") or body["pageNumber"])
            db.execute("INSERT INTO answer VALUES (?, ?)", (key, json.dumps(daemon.call(action, body))))
    db.close()
    return requests, store


def load(port, requests, seconds, auth=""):
    """What bench_api_load says, per action and for all."""
    command = [os.path.join(build_dir(), "bench_api_load"), str(port), str(CONNECTIONS), str(seconds), requests]
    ran = subprocess.run(command, input=auth + "\n", capture_output=True, text=True, timeout=seconds + 120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def bare_server(env, store):
    """Its port."""
    server = subprocess.Popen([os.path.join(build_dir(), "bench_api_bare"), store, "4"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)

    def stop():
        server.stdin.close()
        server.wait(30)

    env.cleanup(stop)
    return int(server.stdout.readline())


def credentials(daemon):
    with open(os.path.join(daemon.data_dir, "initial-credentials.json"), encoding="utf-8") as file:
        made = json.load(file)
    return base64.b64encode(f"{made['username']}:{made['password']}".encode()).decode()


@needs("mariadb")
@timeout(420 + round(3 * FLAT_SECONDS))
def test_load(env):
    config = os.path.join(env.dir, "load.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("requests_per_second = 0\n")
    daemon = env.daemon(args=["--config", config])
    ids = fill(env, daemon)
    requests, store = answers(env, daemon, ids)
    port, auth = bare_server(env, store), credentials(daemon)
    writer = Writer(daemon, ids)
    writer.start()
    ours, bare = [], []
    began = time.monotonic()
    for _ in range(ROUNDS):
        ours.append(load(daemon.address[1], requests, WINDOW, auth))
        bare.append(load(port, requests, WINDOW))
    ratio = statistics.median(a["all"]["perSecond"] / b["all"]["perSecond"] for a, b in zip(ours, bare))
    p99 = min(round_["all"]["p99"] for round_ in ours) / 1000
    bare_p99 = min(round_["all"]["p99"] for round_ in bare) / 1000
    slowest = max(round_["all"]["max"] for round_ in ours) / 1e6
    for name in ("DescribeProject", "ListProjects", "all"):
        print(f"    {name}: {statistics.median(round_[name]['perSecond'] for round_ in ours):.0f}/s, bare "
              f"{statistics.median(round_[name]['perSecond'] for round_ in bare):.0f}/s", flush=True)
    print(f"    ratio {ratio:.2f}, p99 {p99:.1f} ms (bare {bare_p99:.1f} ms), slowest {slowest:.2f} s", flush=True)

    held = []
    while time.monotonic() < began + WARM_SECONDS + FLAT_SECONDS:
        ours.append(load(daemon.address[1], requests, FLAT_SECONDS / 6, auth))
        if time.monotonic() >= began + WARM_SECONDS:
            held.append(resident_mib(daemon.process.pid))
    writer.stop()
    print(f"    memory {' '.join(f'{mib:.0f}' for mib in held)} MiB; {writer.done} writes, "
          f"{sum(round_['all']['count'] for round_ in ours)} reads", flush=True)
    assert not any(round_["all"]["failed"] for round_ in ours + bare), [round_["all"] for round_ in ours]
    assert len([project for project in ids[:RUNNING] if daemon.workers(project)]) == RUNNING
    assert len(held) > 2 and max(held[1:]) <= held[0] * 1.1 + 4, held
    if "sanitize" not in build_dir():
        assert ratio >= 0.5, (ratio, ours, bare)
        # the figures of issue 5 are for a machine that does nothing else; the bare server tells how far this one is from it
        assert p99 < max(50, 3 * bare_p99), (p99, bare_p99)
        assert max(round_["all"]["max"] for round_ in ours) < 3e6 * max(1, bare_p99 / 50), slowest
