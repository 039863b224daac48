"""DDL under fire: SIGKILL at every fault point of DDL, and at random during a storm of statements.

Afterwards both ends are equal in rows and structure, without a hand on it: a killed daemon is started again, nothing
else is done.
"""

import random
import threading
import time

import pymysql

from common import INCR, Faults, fault_points, prepare
from ddl_steps import Bed, Writer, scale
from harness.runner import needs, tags, timeout

# Points that only a special situation passes, and the test that brings it about.
SPECIAL = {"incr.ddl.shadow": "test_ddl_online.test_killed_while_shadow_tables_come_and_go"}


class Rounds:
    """Statements of every kind on tables of a round's own, with rows between them."""

    def __init__(self, source, db="app"):
        self.source, self.db, self.number = source, db, 0

    def play(self):
        self.number += 1
        n = self.number
        statements = [
            f"CREATE TABLE k{n} (id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20), KEY a (a))",
            f"INSERT INTO k{n} VALUES (1, 1, 'a'), (2, 2, 'b')", f"CREATE TABLE l{n} LIKE k{n}", f"INSERT INTO l{n} VALUES (3, 3, 'c')",
            f"ALTER TABLE k{n} ADD COLUMN c INT DEFAULT 5 FIRST, ADD INDEX b (b)", f"INSERT INTO k{n} VALUES (9, 4, 4, 'd')",
            f"RENAME TABLE k{n} TO x{n}, l{n} TO k{n}, x{n} TO l{n}", f"INSERT INTO k{n} VALUES (5, 5, 'e')",
            f"INSERT INTO l{n} VALUES (6, 6, 6, 'f')", f"ALTER TABLE l{n} DROP COLUMN a, MODIFY b VARCHAR(40) AFTER c",
            f"UPDATE l{n} SET b = CONCAT(b, c)", f"TRUNCATE TABLE k{n}", f"INSERT INTO k{n} VALUES (7, 7, 'g')",
            f"ALTER TABLE k{n} FORCE", f"CREATE VIEW v{n} AS SELECT id FROM k{n}", f"DROP INDEX a ON k{n}",
            f"CREATE PROCEDURE p{n} () SELECT 1", f"DROP PROCEDURE p{n}", f"ALTER TABLE l{n} RENAME TO m{n}",
            f"INSERT INTO m{n} VALUES (8, 'h', 8)", f"CREATE TABLE gone{n} (id INT PRIMARY KEY)", f"DROP TABLE gone{n}",
            f"DROP VIEW v{n}",
        ]
        self.source.sql(statements, db=self.db)


def at_every_point(env, source, target, passes):
    faults = Faults(env)
    points = [name for name in fault_points("incr") if name.startswith("incr.ddl.") and name not in SPECIAL]
    assert points, "there are no fault points incr.ddl.*"
    prepare(source, target, rows=200)
    load = env.load(source, "app", rate=50)
    bed = Bed(env, source, target, faults=faults).start()
    rounds = Rounds(source)
    for name in points:
        faults.arm(name, passes)
        rounds.play()
        bed.daemon.wait_for(lambda: not faults.armed(), 60, lambda: f"nothing passed {faults.armed()}\n{bed.pending_text()}")
    load.stop()
    bed.settle(timeout=120)
    print(f"    killed at pass {passes} of {len(points)} points: {' '.join(points)}", flush=True)


@tags("kill", "ddl")
@needs("mariadb")
@timeout(400)
def test_every_point_of_ddl_mariadb(env):
    at_every_point(env, env.source("mariadb"), env.target("mariadb"), passes=1)


@tags("kill", "ddl")
@needs("mysql97", "mysql56")
@timeout(400)
def test_every_point_of_ddl_mysql_third_pass(env):
    at_every_point(env, env.source("mysql56"), env.target("mysql97"), passes=3)


@tags("kill", "ddl", "nightly")
@needs("mariadb")
@timeout(1500)
def test_every_point_of_ddl_at_each_pass(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    faults = Faults(env)
    points = [name for name in fault_points("incr") if name.startswith("incr.ddl.") and name not in SPECIAL]
    bed = Bed(env, source, target, faults=faults).start()
    rounds = Rounds(source)
    for passes in range(1, 13):
        for name in points:
            faults.arm(name, passes)
            rounds.play()
            bed.daemon.wait_for(lambda: not faults.armed() or quiet(bed), 60, lambda: f"stuck with {faults.armed()}")
        bed.settle(timeout=120)


def quiet(bed):
    bed.drain()
    return True


# ------------------------------------------------------------------------------------------ storm

class Storm:
    """Random DDL over a handful of tables, each statement followed by rows. What the source refuses is no harm."""

    TYPES = ("INT", "BIGINT NOT NULL DEFAULT 3", "VARCHAR(30)", "VARCHAR(90) NOT NULL DEFAULT 'q'", "DECIMAL(12,3)",
             "DATETIME", "TEXT", "TINYINT UNSIGNED", "ENUM('a','b','c')")

    def __init__(self, source, seed, db="app"):
        self.source, self.db = source, db
        self.random = random.Random(seed)
        self.writer = Writer(source, db, seed)
        self.number = 0
        self.run = 0
        for name in ("s1", "s2", "s3"):
            source.sql(f"CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20))", db=db)

    def tables(self):
        return [name for name in self.source.tables(self.db) if name.startswith("s")]

    def step(self):
        tables = self.tables()
        table = self.random.choice(tables)
        statement = self._statement(table, tables)
        try:
            self.source.sql(statement, db=self.db)
            self.run += 1
        except pymysql.err.MySQLError:
            pass
        for name in self.tables():
            self.writer.churn(name, 2)

    def _statement(self, table, tables):
        pick = self.random
        self.number += 1
        n = self.number
        columns = [row[0] for row in self.source.sql(f"SHOW COLUMNS FROM {table}", db=self.db)]
        others = [name for name in columns if name != "id"] or ["id"]
        place = pick.choice(["", " FIRST", f" AFTER {pick.choice(columns)}"])
        kind = pick.randint(0, 13)
        if kind <= 2 or len(others) < 2:
            return f"ALTER TABLE {table} ADD COLUMN c{n} {pick.choice(self.TYPES)}{place}"
        if kind == 3:
            return f"ALTER TABLE {table} DROP COLUMN {pick.choice(others)}"
        if kind == 4:
            return f"ALTER TABLE {table} MODIFY {pick.choice(others)} VARCHAR({pick.randint(100, 200)}){place}"
        if kind == 5:
            return f"ALTER TABLE {table} CHANGE {pick.choice(others)} d{n} VARCHAR(150){place}"
        if kind == 6:
            return f"ALTER TABLE {table} ADD INDEX i{n} ({pick.choice(others)}), ADD COLUMN e{n} INT"
        if kind == 7:
            keys = {row[2] for row in self.source.sql(f"SHOW INDEX FROM {table}", db=self.db)} - {"PRIMARY"}
            return f"DROP INDEX {pick.choice(sorted(keys))} ON {table}" if keys else f"CREATE INDEX j{n} ON {table} (id)"
        if kind == 8 and len(tables) > 1:
            other = pick.choice([name for name in tables if name != table])
            return f"RENAME TABLE {table} TO swap, {other} TO {table}, swap TO {other}"
        if kind == 9:
            return f"RENAME TABLE {table} TO s{n}"
        if kind == 10:
            return f"TRUNCATE TABLE {table}"
        if kind == 11 and len(tables) > 2:
            return f"DROP TABLE {table}"
        if kind == 12 and len(tables) < 6:
            return f"CREATE TABLE s{n} LIKE {table}"
        return f"CREATE TABLE s{n} (id INT NOT NULL PRIMARY KEY, x{n} INT, y TEXT)" if len(tables) < 6 else \
            f"ALTER TABLE {table} COMMENT 'c {n}'"


class Fire:
    """Kills the worker of incremental, now and then the daemon or the relay's worker, until it is stopped."""

    def __init__(self, bed, seed, pause):
        self.bed, self.random, self.pause, self.kills = bed, random.Random(seed), pause, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.fault = None

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._end.set()
        self._thread.join(60)
        if self.fault:
            raise self.fault

    def _work(self):
        daemon = self.bed.daemon
        try:
            while not self._end.is_set():
                time.sleep(self.random.uniform(0.05, self.pause))       # the moment is random: no condition
                if self.random.random() < 0.15:
                    daemon.kill9()
                    daemon.start()
                    self.kills += 1
                else:
                    step = INCR if self.random.random() < 0.85 else None
                    self.kills += len(daemon.kill_workers(self.bed.project, step))
        except Exception as error:      # shown by stop()
            self.fault = error


def storm(env, source, target, seed, rounds, steps):
    bed = Bed(env, source, target).start()
    weather = Storm(source, seed)
    kills = 0
    for number in range(rounds):
        fire = Fire(bed, seed + number, 0.8).start()
        for _ in range(steps):
            weather.step()
        deadline = time.monotonic() + 20
        while fire.kills < 5 and time.monotonic() < deadline:
            time.sleep(0.1)
        fire.stop()
        kills += fire.kills
        bed.settle(timeout=120)
    print(f"    {weather.run} statements, {kills} kills", flush=True)
    assert weather.run >= rounds * steps / 3 and kills >= 3, (weather.run, kills)


@tags("kill", "ddl")
@needs("mariadb")
@timeout(1800)
def test_storm_under_fire_mariadb(env):
    storm(env, env.source("mariadb"), env.target("mariadb"), 11, rounds=scale(20), steps=30)


@tags("kill", "ddl")
@needs("mysql97")
@timeout(1800)
def test_storm_under_fire_mysql97(env):
    storm(env, env.source("mysql97"), env.target("mysql97"), 12, rounds=scale(10), steps=25)


@tags("kill", "ddl", "nightly")
@needs("mysql56", "mysql97")
@timeout(1800)
def test_storm_under_fire_mysql56(env):
    storm(env, env.source("mysql56"), env.target("mysql56"), 13, rounds=scale(10), steps=30)


@tags("ddl", "nightly")
@needs("mariadb", "mysql97")
@timeout(1800)
def test_storm_between_lineages(env):
    """Without kills: names, order, keys and rows."""
    bed = Bed(env, env.source("mariadb"), env.target("mysql97")).start()
    weather = Storm(bed.source, 14)
    for _ in range(scale(200, 20)):
        weather.step()
    bed.settle(timeout=240)
