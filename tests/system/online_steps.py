"""What gh-ost and pt-online-schema-change do to a table app.t, and traffic on it meanwhile.

pt-online-schema-change runs for real (Debian's percona-toolkit). gh-ost is in no package of Debian: its statements
are played in its order (go/logic/migrator.go, go/logic/applier.go), with the cut-over by a sentry table and a lock.
"""

import random
import shutil
import subprocess
import threading
import time

import pymysql

from harness.daemon import PATIENCE, wait_for
from harness.runner import Skip

TABLE = ("CREATE TABLE app.t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, s VARCHAR(40),"
         " KEY v (v)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
ALTER = "ADD COLUMN added VARCHAR(20) NOT NULL DEFAULT 'new' AFTER id, MODIFY v BIGINT NOT NULL, ADD KEY s (s)"
SHADOWS = ("_t_gho", "_t_ghc", "_t_del", "_t_new", "__t_new", "_t_old", "__t_old")


class Traffic:
    """Writes to app.t until it is stopped, naming its columns; journal holds the keys of what changed."""

    def __init__(self, server, rows=400):
        self.server = server
        self.journal, self.faults, self.count = [], [], 0
        self.lock = threading.Lock()
        self._end = threading.Event()
        self.gate = threading.Lock()        # held by a cut-over: see there
        self._thread = threading.Thread(target=self._work, daemon=True)
        server.sql([TABLE] + ["INSERT INTO app.t (v, s) VALUES " + ", ".join(f"({n}, 's{n}')" for n in range(rows))])

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._end.set()
        self._thread.join(30)
        assert not self.faults, self.faults[:3]
        assert self.count > 10, f"only {self.count} changes were made meanwhile"

    def taken(self):
        with self.lock:
            keys, self.journal = self.journal, []
        return sorted(set(keys))

    def _work(self):
        rng = random.Random(3)
        connection = self.server.connect(db="app")
        cursor = connection.cursor()
        while not self._end.is_set():
            with self.gate:
                self._once(rng, cursor)
            time.sleep(0.002)
        connection.close()

    def _once(self, rng, cursor):
        try:
            cursor.execute("SELECT MIN(id), MAX(id) FROM t")
            low, high = cursor.fetchone()
            key = rng.randint(low, high)
            kind = rng.random()
            if kind < 0.4:
                cursor.execute("INSERT INTO t (v, s) VALUES (%s, %s)", [rng.randint(0, 999), f"é{rng.random()}"])
                key = cursor.lastrowid
            elif kind < 0.8:
                cursor.execute("UPDATE t SET v = v + 1, s = %s WHERE id = %s", [f"u{rng.random()}", key])
            else:
                cursor.execute("DELETE FROM t WHERE id = %s", [key])
            with self.lock:
                self.journal.append(key)
            self.count += 1
        except pymysql.err.MySQLError as error:
            if error.args[0] not in (1213, 1205, 1412, 1684):
                self.faults.append(error)


# ------------------------------------------------------------------------------------------ gh-ost

def gh_ost(server, traffic, alter=ALTER, drop_old=False):
    """gh-ost's statements in gh-ost's order."""
    applier = server.connect(db="app")
    cursor = applier.cursor()
    cursor.execute("drop /* gh-ost */ table if exists `app`.`_t_gho`")
    cursor.execute("drop /* gh-ost */ table if exists `app`.`_t_ghc`")
    cursor.execute("create /* gh-ost */ table `app`.`_t_ghc` (id bigint unsigned auto_increment, last_update timestamp not null"
                   " DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, hint varchar(64) charset ascii not null,"
                   " value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256"
                   " comment='gh-ost changelog'")
    cursor.execute("create /* gh-ost */ table `app`.`_t_gho` like `app`.`t`")
    cursor.execute(f"alter /* gh-ost */ table `app`.`_t_gho` {alter}")
    cursor.execute("insert /* gh-ost */ into `app`.`_t_ghc` (id, hint, value) values (NULLIF(2, 0), 'state', 'GhostTableMigrated')"
                   " on duplicate key update last_update=NOW(), value=VALUES(value)")
    traffic.taken()
    cursor.execute("SELECT MIN(id), MAX(id) FROM t")
    low, high = cursor.fetchone()
    for first in range(low, high + 1, 50):
        cursor.execute("insert /* gh-ost `app`.`t` */ ignore into `app`.`_t_gho` (`id`, `v`, `s`) (select `id`, `v`, `s` from"
                       f" `app`.`t` force index (`PRIMARY`) where id between {first} and {min(first + 49, high)} lock in share mode)")
        apply_events(cursor, traffic)
        cursor.execute("insert /* gh-ost */ into `app`.`_t_ghc` (id, hint, value) values (NULLIF(1, 0), 'heartbeat', %s)"
                       " on duplicate key update last_update=NOW(), value=VALUES(value)", [str(first)])
    cut_over(server, cursor, traffic)
    cursor.execute("drop /* gh-ost */ table if exists `app`.`_t_ghc`")
    if drop_old:
        cursor.execute("drop /* gh-ost */ table if exists `app`.`_t_del`")
    applier.close()


def apply_events(cursor, traffic):
    """What gh-ost does with the binlog's events of t: whole rows, by key."""
    for key in traffic.taken():
        cursor.execute("SELECT id, v, s FROM t WHERE id = %s", [key])
        row = cursor.fetchone()
        if row is None:
            cursor.execute("delete /* gh-ost `app`.`_t_gho` */ from `app`.`_t_gho` where ((`id` = %s))", [key])
        else:
            cursor.execute("replace /* gh-ost `app`.`_t_gho` */ into `app`.`_t_gho` (`id`, `v`, `s`) values (%s, %s, %s)", row)


def cut_over(server, cursor, traffic):
    """
    Lock, let the rename queue up behind the lock, apply the rest, drop the sentry, unlock.

    The traffic stands still meanwhile: the rename takes its locks in the order of the names, so that a statement that waits
    for t may come before it on a slow machine, and the tool itself then loses that change at the source.
    """
    with traffic.gate:
        _cut_over(server, cursor, traffic)


def _cut_over(server, cursor, traffic):
    locker = server.connect(db="app")
    lock = locker.cursor()
    lock.execute("create /* gh-ost */ table `app`.`_t_del` (id int auto_increment primary key) engine=InnoDB"
                 " comment='ghost-cut-over-sentry'")
    lock.execute("lock /* gh-ost */ tables `app`.`t` write, `app`.`_t_del` write")
    keys = traffic.taken()
    for key in keys:
        lock.execute("SELECT id, v, s FROM t WHERE id = %s", [key])
        row = lock.fetchone()
        if row is None:
            cursor.execute("delete /* gh-ost `app`.`_t_gho` */ from `app`.`_t_gho` where ((`id` = %s))", [key])
        else:
            cursor.execute("replace /* gh-ost `app`.`_t_gho` */ into `app`.`_t_gho` (`id`, `v`, `s`) values (%s, %s, %s)", row)
    fault = []

    def rename():
        try:
            server.sql("rename /* gh-ost */ table `app`.`t` to `app`.`_t_del`, `app`.`_t_gho` to `app`.`t`")
        except pymysql.err.MySQLError as error:
            fault.append(error)
    thread = threading.Thread(target=rename)
    thread.start()
    waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'rename /* gh-ost%%' AND STATE LIKE '%%metadata lock%%'"
    wait_for(lambda: server.value(waiting, []), 10, "the rename waits for the lock", interval=0.02)
    lock.execute("drop /* gh-ost */ table if exists `app`.`_t_del`")
    lock.execute("unlock tables")
    thread.join(30)
    locker.close()
    assert not fault, fault


# ------------------------------------------------------------------------------------------ pt-online-schema-change

def pt_osc(server, alter=ALTER, *more):
    """The real tool."""
    program = shutil.which("pt-online-schema-change")
    if program is None:
        raise Skip("percona-toolkit is not installed: tests/install.sh test")
    done = subprocess.run([program, "--alter", alter, f"D=app,t=t,h={server.host},P={server.port},u=root", "--execute",
                           "--no-version-check", "--chunk-size=60", "--charset=utf8mb4", "--recursion-method=none",
                           "--progress=time,30", *more],
                          capture_output=True, text=True, timeout=120 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
