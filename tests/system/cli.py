"""`causeway` as a test uses it: run to its end or under a pseudo-terminal, and which commands were called."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from harness.daemon import PATIENCE, build_dir

PROGRAM = os.path.join(build_dir(), "causeway")


def table():
    """The table of commands, as the program tells it."""
    return json.loads(subprocess.run([PROGRAM, "help", "--json"], capture_output=True, check=True, timeout=30).stdout)


class Cli:
    """One data directory's command line. called: {path of a command: [whether with --json]}."""

    def __init__(self, data_dir):
        self.data_dir = data_dir
        self.called = {}
        self.paths = {spelling: command["command"] for command in table()["commands"]
                      for spelling in (command["command"], command["alias"]) if spelling}

    def _note(self, arguments):
        words = list(arguments)
        for count in range(min(3, len(words)), 0, -1):
            path = self.paths.get(" ".join(words[:count]))
            if path:
                self.called.setdefault(path, []).append("--json" in words)
                return

    def command(self, *arguments):
        self._note(arguments)
        return [PROGRAM, "--data-dir", self.data_dir, *map(str, arguments)]

    def run(self, *arguments, stdin=""):
        """(exit status, standard output, standard error)."""
        done = subprocess.run(self.command(*arguments), input=stdin, capture_output=True, text=True,
                              timeout=240 * PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def ok(self, *arguments, stdin=""):
        """Standard output of a command that has to succeed."""
        status, out, text = self.run(*arguments, stdin=stdin)
        assert (status, text) == (0, ""), (arguments, status, out, text)
        return out.strip()

    def json(self, *arguments, stdin=""):
        """What a command that has to succeed prints with --json."""
        return json.loads(self.ok(*arguments, "--json", stdin=stdin))

    def refused(self, *arguments, status=1, stdin=""):
        """Standard error of a command that has to fail with that status; nothing else is printed then."""
        got, out, text = self.run(*arguments, stdin=stdin)
        assert (got, out) == (status, ""), (arguments, got, out, text)
        return text


class Terminal:
    """A command under a pseudo-terminal."""

    def __init__(self, command, columns=120, rows=30):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:             # the other side is closed
            return False
        self.output += data
        return bool(data)

    def until(self, pattern, seconds=30):
        """Until what came matches; returns the match."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            found = re.search(pattern, self.output)
            if found:
                return found
            assert time.monotonic() < end and self._read(0.2), self.output.decode(errors="replace")

    def type(self, data):
        os.write(self.fd, data)

    def signal(self, number=signal.SIGINT):
        os.kill(self.pid, number)

    def end(self, seconds=20):
        """Its exit status; minus the signal it died of."""
        end = time.monotonic() + seconds * PATIENCE
        while self._read(0.2):
            assert time.monotonic() < end, self.output.decode(errors="replace")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)
