"""The same few rows written at both ends while neither direction moves, again and again: forward OVERWRITE and reverse
IGNORE (or the other way round) make the ends equal, values that come back (ABA) included."""

import os
import random
import signal
import time

import pymysql

from common import INCR, Faults
from harness.runner import needs, timeout
from two_way import Pair

ROWS = 12           # few rows and few values: values come back, unique keys meet
ROUNDS = 12
CHANGES = 40        # at each end in each round


def change(rng):
    """One statement that a user of either end may run; what its own end refuses is not in the binlog."""
    k, other, value = rng.randrange(ROWS), rng.randrange(ROWS), rng.choice("ab")
    unique = rng.choice(["NULL", rng.randrange(ROWS)])
    return rng.choice([
        f"INSERT IGNORE INTO app.h VALUES ({k}, {unique}, '{value}')",
        f"UPDATE app.h SET v = '{value}' WHERE id = {k}",
        f"UPDATE app.h SET v = '{value}' WHERE id = {k}",
        f"UPDATE IGNORE app.h SET u = {unique} WHERE id = {k}",
        f"UPDATE IGNORE app.h SET id = {other} WHERE id = {k}",
        f"DELETE FROM app.h WHERE id = {k}",
    ])


def write(server, rng):
    """A worker that was frozen within a transaction holds its locks: what waits for them is left out."""
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
    done = 0
    for _number in range(CHANGES):
        try:
            with connection.cursor() as cursor:
                for _statement in range(rng.choice([1, 1, 1, 3])):
                    cursor.execute(change(rng))
            connection.commit()
            done += 1
        except pymysql.err.OperationalError as error:
            assert error.args[0] in (1205, 1213), error
            connection.rollback()
            if done == 0:
                break
    connection.close()


def tell(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass    # killed at a fault point meanwhile


def freeze(pair):
    pids = [pid for way in ("ab", "ba") for pid in pair.daemon.worker_pids(pair.project(way), INCR)]
    tell(pids, signal.SIGSTOP)
    return pids


def thaw(pids):
    tell(pids, signal.SIGCONT)


def quiet(pair):
    """Rounds of notes and states until none is written any more: nothing but the ends' equality tells it."""
    pair.drain_both(4)
    return pair.equal(timeout=40)


def fight(env, kinds, strategy, seed, points=()):
    source, target = env.source(kinds[0]), env.target(kinds[1])
    faults = Faults(env)
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.h (id INT NOT NULL PRIMARY KEY, u INT, v VARCHAR(10),"
                " UNIQUE KEY u (u))"])
    pair = Pair(env, source, target, strategy=strategy, detection="ROW", faults=faults).start()
    rng = random.Random(seed)
    for number in range(ROUNDS):
        if number < len(points):
            faults.arm(points[number], rng.randrange(1, 6))
        pids = freeze(pair)
        write(source, rng)
        write(target, rng)
        thaw(pids)
        if rng.random() < 0.5:
            time.sleep(rng.random())    # the next round meets what is under way
        elif rng.random() < 0.5:
            quiet(pair)
    result = quiet(pair)
    met = {way: pair.counted(way).get("byKind") for way in ("ab", "ba")}
    print(f"    {strategy} {seed}: {met}; still armed: {faults.armed()}")
    assert sum(len(kind or {}) for kind in met.values()) >= 4, met
    for end in (source, target):
        assert end.value("SELECT COUNT(*) FROM oms.cw_remedy") == 0
    return pair, result


POINTS = ["incr.remedy.before_state", "incr.resolve.before_act", "incr.resolve.before_commit", "incr.batch.after_commit",
          "incr.remedy.before_state", "incr.resolve.before_commit", "incr.conflict.before_send"]


@needs("mariadb")
@timeout(300)
def test_source_wins_mariadb(env):
    fight(env, ("mariadb", "mariadb"), "OVERWRITE", 1)


@needs("mariadb")
@timeout(300)
def test_target_wins_mariadb(env):
    fight(env, ("mariadb", "mariadb"), "IGNORE", 2, POINTS)


@needs("mariadb", "mysql97")
@timeout(300)
def test_source_wins_mysql97(env):
    fight(env, ("mysql97", "mariadb"), "OVERWRITE", 3, POINTS)


@needs("mysql56", "mysql97")
@timeout(300)
def test_source_wins_mysql56(env):
    fight(env, ("mysql56", "mysql97"), "OVERWRITE", 4)
