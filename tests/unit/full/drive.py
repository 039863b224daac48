#!/usr/bin/python3
"""Run causeway-worker by hand, as the daemon would: a socket pair on descriptor 3 and an assignment.

    drive.py --worker build/causeway-worker --source 3306 --sink 3307 --kind full --db shop [--db other:renamed]

prints what the worker says, one JSON document a line, and exits with the worker's status. As a module: Worker, and
run_killed(), which kills a worker again and again until it gets through.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

STEPS = {"full": "FULL_TRANSFER", "release": "RELEASE", "relay": "TRANSFER_INCR_LOG_PULL", "incr": "INCR_TRANSFER",
         "schema": "STRUCT_TRANSFER"}


def mapping(databases):
    """databases: "db" or "db:target" texts, whole databases."""
    entries = []
    for text in databases:
        name, _, target = text.partition(":")
        entries.append({"name": name, "mappedName": target or name})
    return {"mode": "SPECIFIC", "databases": entries}


def end(port, user="root", password="", host="127.0.0.1"):
    return {"endpointId": f"e_{port}", "type": "MYSQL", "host": host, "port": port, "user": user,
            "password": password, "useSsl": False, "schema": None}


def assignment(source, sink, kind="full", project="np_drive", objects=None, config=None, incr=False, data_dir="/tmp",
               fault_dir="", retry_minutes=10, log_level="info", schema="oms"):
    return {"t": "assignment", "projectId": project, "name": "drive", "type": "MIGRATION", "step": STEPS[kind],
            "kind": kind, "direction": "FORWARD", "dataDir": data_dir, "faultDir": fault_dir, "logLevel": log_level,
            "logFormat": "logfmt", "source": source, "sink": sink, "controlSchema": schema,
            "connectRetryMinutes": retry_minutes, "mapping": objects, "tableCategory": "ALL",
            "flags": {"struct": False, "full": True, "incr": incr, "verify": False, "reverse": False,
                      "activeActive": False},
            "structConfig": {}, "fullConfig": config or {}, "incrConfig": {}, "importance": "LOW",
            "lagThresholdSeconds": 900, "hasIndexStep": True, "skipItems": []}


class Worker:
    """One process. messages: everything it said; last(t): the last of a kind."""

    def __init__(self, program, task, log=None):
        ours, theirs = socket.socketpair()
        if theirs.fileno() != 3:
            os.set_inheritable(theirs.fileno(), True)
        fd = theirs.fileno()
        self.log = log if log is not None else tempfile.TemporaryFile()
        self.process = subprocess.Popen([program, task["projectId"], task["step"]], pass_fds=(3, fd), stderr=self.log,
                                        preexec_fn=lambda: os.dup2(fd, 3))
        theirs.close()
        self.channel = ours
        self.messages = []
        self.send(task)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def send(self, document):
        self.channel.sendall(json.dumps(document).encode() + b"\n")

    def _read(self):
        with self.channel.makefile("rb") as lines:
            for line in lines:
                self.messages.append(json.loads(line))

    def wait(self, timeout=600):
        status = self.process.wait(timeout)
        self.reader.join(5)
        self.channel.close()
        return status

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.wait()

    def last(self, t):
        found = [m for m in self.messages if m["t"] == t]
        return found[-1] if found else None

    def error(self):
        failed = [m for m in self.messages if m["t"] == "error" and not m["retrying"]]
        return failed[-1]["error"] if failed else None

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def run_killed(program, task, kills, low=0.05, high=1.0, rng=random, log=None):
    """Run, kill at random moments `kills` times, then let it end. Returns (kills that hit, last Worker)."""
    hit = 0
    for _ in range(kills):
        worker = Worker(program, task, log)
        try:
            status = worker.process.wait(rng.uniform(low, high))
        except subprocess.TimeoutExpired:
            worker.kill()
            hit += 1
            continue
        worker.wait()
        return hit, worker if status == 0 else worker
    worker = Worker(program, task, log)
    worker.wait()
    return hit, worker


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--source", type=int, required=True)
    parser.add_argument("--sink", type=int, required=True)
    parser.add_argument("--kind", default="full", choices=sorted(STEPS))
    parser.add_argument("--db", action="append", default=[])
    parser.add_argument("--project", default="np_drive")
    parser.add_argument("--config", default="{}", help="fullTransferConfig as JSON")
    parser.add_argument("--incr", action="store_true")
    parser.add_argument("--data-dir", default="/tmp/drive")
    parser.add_argument("--fault-dir", default="")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--quiet", action="store_true")
    args = parser.parse_args()
    task = assignment(end(args.source), end(args.sink), args.kind, args.project, mapping(args.db),
                      json.loads(args.config), args.incr, args.data_dir, args.fault_dir, log_level=args.log_level)
    started = time.time()
    worker = Worker(args.worker, task, log=sys.stderr)
    seen = 0
    while worker.process.poll() is None or seen < len(worker.messages):
        for message in worker.messages[seen:]:
            seen += 1
            if not args.quiet:
                print(json.dumps(message), flush=True)
        time.sleep(0.05)
    status = worker.wait()
    print(f"status {status}, {time.time() - started:.2f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
