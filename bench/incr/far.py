"""A database server in a network namespace, behind a link that takes its time."""

import contextlib
import ctypes
import os
import subprocess
import threading
import time

from bench import common
from harness import daemon as daemons

CLONE_NEWNET = 0x40000000
NETWORK, DEVICE = "10.77.7", "cwbench"
USER, PASSWORD = "far", "over the hills"


class Server(common.Server):
    """Reached by the product over the link; by the bench itself, which shares its files, through its socket."""

    def __init__(self, kind, directory, namespace):
        super().__init__(kind, directory, options=["--bind-address=0.0.0.0"])
        self.namespace = namespace

    def start(self, *options):
        inside(self.namespace, super().start, *options)
        self.host = f"{NETWORK}.2"
        self.sql([f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'",
                  f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'%' WITH GRANT OPTION"])
        return self

    def connect(self, user="root", password="", db=None, **more):
        return super().connect(user, password, db, unix_socket=os.path.join(self.directory, "s.sock"), **more)

    def round_trip_ms(self):
        """The median of what a query takes over the link, and of what it takes without."""
        return [self.median_ms(connect) for connect in (super().connect, self.connect)]

    def median_ms(self, connect):
        took = []
        near = connect == self.connect
        with connect(*(() if near else (USER, PASSWORD))) as connection, connection.cursor() as cursor:
            for _ in range(21):
                began = time.monotonic()
                cursor.execute("SELECT 1")
                took.append((time.monotonic() - began) * 1000)
        return common.statistics.median(took)


def inside(namespace, function, *arguments):
    """Call it where the processes that it starts belong to the namespace."""
    failures = []

    def work():
        try:
            with open(f"/var/run/netns/{namespace}", "rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            function(*arguments)
        except Exception as error:      # told below, by the thread that waits
            failures.append(error)
    thread = threading.Thread(target=work)      # a namespace is a thread's: this one has it for as long as it lives
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def possible():
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun")


def command(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def link(delay_ms):
    """A namespace whose only way out takes half of delay_ms in each direction. Yields its name; needs root."""
    name = f"{DEVICE}{os.getpid()}"
    command("ip", "netns", "add", name)
    delay = None
    try:
        delay = subprocess.Popen([os.path.join(daemons.build_dir(), "bench_incr_delay"), f"/var/run/netns/{name}", DEVICE,
                                  str(int(delay_ms * 500))], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        if delay.stdout.readline() != b"ready\n":
            raise RuntimeError("bench_incr_delay has not started")
        for end, way in (((), 1), (("-n", name), 2)):
            command("ip", *end, "address", "add", f"{NETWORK}.{way}/30", "dev", DEVICE)
            command("ip", *end, "link", "set", DEVICE, "up")
        command("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        if delay:
            delay.kill()
            delay.wait()
            delay.stdout.close()
        command("ip", "netns", "delete", name)
