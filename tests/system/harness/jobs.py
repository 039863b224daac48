"""Several tests at a time: each job is a process with servers of its own that is handed one test after the other.

What a test prints is kept and shown with its result, so that the output of two never mixes. A job that dies fails the
test it was at, and another process goes on in its place.
"""

import json
import os
import select
import signal
import socket
import sys
import time
import traceback

KILL_SECONDS = 10           # for a job to be gone after SIGKILL


class Job:
    """One process; work(number, index) runs a test in it and returns what travels back (JSON)."""

    def __init__(self, number, root, work, others):
        self.number, self.root, self._work = number, root, work
        self.output = os.path.join(root, f"job-{number}.out")
        self.test = None                # index of the test it is at
        self.since = 0
        self._start(others)

    def _start(self, others):
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            for other in others:        # so that the end of the parent is seen by all
                other.link.close()
            self._serve(theirs)
        theirs.close()
        self.link = ours

    def _serve(self, link):
        """In the child, which never leaves this function. The parent clears away what an interrupted one left."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
        status = 1
        try:
            output = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            with link.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    answer = self._work(self.number, int(line))
                    sys.stdout.flush()
                    lines.write(json.dumps(answer) + "\n")
                    lines.flush()
            status = 0
        except BaseException:           # pylint: disable=broad-except - nothing may leave a forked child
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)

    def hand(self, index):
        os.truncate(self.output, 0) if os.path.exists(self.output) else None
        self.test, self.since = index, time.monotonic()
        self.link.sendall(f"{index}\n".encode())

    def take(self):
        """(answer, output) of the test that has ended; answer is None when the job has died instead."""
        with self.link.makefile("r", encoding="utf-8") as lines:    # one question, one answer: nothing is read ahead
            line = lines.readline()
        with open(self.output, encoding="utf-8", errors="replace") as file:
            output = file.read()
        self.test = None
        return (json.loads(line) if line.endswith("\n") else None), output

    def end(self):
        """Make sure it is gone; how it ended, as text."""
        self.link.close()
        end = time.monotonic() + KILL_SECONDS
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return "it hung"

    def interrupt(self):
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def run(count, jobs, root, work, done):
    """Runs work(job, index) for each index below count, `jobs` at a time, in that order.

    done(index, answer, output, seconds, how) is called in the parent with each result; answer is None when the job
    died, how says of what.
    """
    waiting, running, number = list(range(count)), [], 0
    try:
        while waiting or any(job.test is not None for job in running):
            while waiting and len(running) < min(jobs, len(waiting) + len(running)):
                running.append(Job(number, root, work, running))
                number += 1
            for job in running:
                if job.test is None and waiting:
                    job.hand(waiting.pop(0))
            busy = {job.link: job for job in running if job.test is not None}
            for link in select.select(list(busy), [], [])[0]:
                job = busy[link]
                index, seconds = job.test, time.monotonic() - job.since
                answer, output = job.take()
                how = None
                if answer is None:
                    running.remove(job)
                    how = job.end()
                done(index, answer, output, seconds, how)
    finally:
        if sys.exc_info()[0] is not None:
            for job in running:
                job.interrupt()
        for job in running:
            job.end()


def sweep(root):
    """SIGKILL to every process that writes its output below root: what an interrupted test had started."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if os.readlink(f"/proc/{entry}/fd/1").startswith(os.path.realpath(root) + "/"):
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            continue                    # another's, or gone
