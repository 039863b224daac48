"""A continuous write load, and the schema it works on.

The tables hold what is hard about applying changes in parallel: several unique keys whose values swap between rows,
primary keys that change, tables with no key and with exact duplicates, nullable unique keys, foreign keys, all
ordinary types. Transactions have several statements, some roll back, some go back to a savepoint.

LoadGenerator runs this file as a process of its own, because the Python of the test would share its interpreter
lock. `load.py --help` tells how to use it from a shell (demo, benchmarks).
"""

import argparse
import collections
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pymysql

COLLATE = "utf8mb4_general_ci"          # all three lineages have it, unlike their defaults
TABLES = ("t_auto", "t_comp", "t_uniq", "t_nokey", "t_nullable", "t_parent", "t_child", "t_wide")
EXPECTED_ERRORS = {1062, 1205, 1213, 1451, 1452, 1020}      # duplicate, lock wait, deadlock, foreign keys, changed
REPORT_SECONDS = 0.25
NOKEY_ROWS = 500                        # each change there is a scan, at the target too: keep it small

# ------------------------------------------------------------------------------------------ schema

WIDE = [
    # name, type, make(random) -> value
    ("c_tiny", "TINYINT", lambda r: _edge(r, -128, 127)),
    ("c_utiny", "TINYINT UNSIGNED", lambda r: _edge(r, 0, 255)),
    ("c_small", "SMALLINT", lambda r: _edge(r, -32768, 32767)),
    ("c_usmall", "SMALLINT UNSIGNED", lambda r: _edge(r, 0, 65535)),
    ("c_medium", "MEDIUMINT", lambda r: _edge(r, -8388608, 8388607)),
    ("c_umedium", "MEDIUMINT UNSIGNED", lambda r: _edge(r, 0, 16777215)),
    ("c_int", "INT", lambda r: _edge(r, -2 ** 31, 2 ** 31 - 1)),
    ("c_uint", "INT UNSIGNED", lambda r: _edge(r, 0, 2 ** 32 - 1)),
    ("c_big", "BIGINT", lambda r: _edge(r, -2 ** 63, 2 ** 63 - 1)),
    ("c_ubig", "BIGINT UNSIGNED", lambda r: _edge(r, 0, 2 ** 64 - 1)),
    ("c_dec", "DECIMAL(30,10)", lambda r: f"{r.randint(-10 ** 20 + 1, 10 ** 20 - 1)}.{r.randint(0, 10 ** 10 - 1):010d}"),
    ("c_dec0", "DECIMAL(65,0)", lambda r: str(_edge(r, -10 ** 65 + 1, 10 ** 65 - 1))),
    ("c_float", "FLOAT", lambda r: repr(_float32(r))),
    ("c_double", "DOUBLE", lambda r: repr(_double(r))),
    ("c_char", "CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", lambda r: _text(r, 20)),
    ("c_varchar", "VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", lambda r: _text(r, 60)),
    ("c_latin1", "VARCHAR(100) CHARACTER SET latin1", lambda r: _text(r, 40, LATIN1)),
    ("c_utf8mb3", "VARCHAR(100) CHARACTER SET utf8mb3", lambda r: _text(r, 40, BMP)),
    ("c_binary", "BINARY(16)", lambda r: r.randbytes(16)),
    ("c_varbinary", "VARBINARY(200)", lambda r: r.randbytes(r.randint(0, 60))),
    ("c_text", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", lambda r: _text(r, 300)),
    ("c_mediumtext", "MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", lambda r: _text(r, 300)),
    ("c_blob", "BLOB", lambda r: r.randbytes(r.randint(0, 300))),
    ("c_longblob", "LONGBLOB", lambda r: r.randbytes(r.randint(0, 300))),
    ("c_date", "DATE", lambda r: _date(r)),
    ("c_time", "TIME", lambda r: _time(r, 0)),
    ("c_time3", "TIME(3)", lambda r: _time(r, 3)),
    ("c_time6", "TIME(6)", lambda r: _time(r, 6)),
    ("c_datetime", "DATETIME", lambda r: _datetime(r, 0)),
    ("c_datetime1", "DATETIME(1)", lambda r: _datetime(r, 1)),
    ("c_datetime6", "DATETIME(6)", lambda r: _datetime(r, 6)),
    ("c_ts", "TIMESTAMP NULL DEFAULT NULL", lambda r: _timestamp(r, 0)),
    ("c_ts3", "TIMESTAMP(3) NULL DEFAULT NULL", lambda r: _timestamp(r, 3)),
    ("c_ts6", "TIMESTAMP(6) NULL DEFAULT NULL", lambda r: _timestamp(r, 6)),
    ("c_year", "YEAR", lambda r: r.choice([0, 1901, 2155, r.randint(1902, 2154)])),
    ("c_enum", "ENUM('red','green','blue, light','it''s') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
     lambda r: r.choice(["red", "green", "blue, light", "it's"])),
    ("c_set", "SET('a','b','c','d','e','f','g','h','i') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
     lambda r: ",".join(c for c in "abcdefghi" if r.random() < 0.4)),
    ("c_bit1", "BIT(1)", lambda r: r.randint(0, 1)),
    ("c_bit64", "BIT(64)", lambda r: _edge(r, 0, 2 ** 64 - 1)),
    ("c_json", "JSON", lambda r: json.dumps(_json(r), ensure_ascii=False)),
]

LATIN1 = "abcXYZ 019'\"\\\n\t;`%_äöüßéÿ¿€"
BMP = LATIN1 + "λЖ中文字\u200b"
ALL = BMP + "😀𝄞\x00\x1a"


def _edge(r, low, high):
    return r.choice([low, high, 0]) if r.random() < 0.15 else r.randint(low, high)


def _float32(r):
    """A value that a FLOAT holds exactly, so that what is written is what is stored. FLT_MAX's text overflows."""
    return struct.unpack("<f", struct.pack("<f", r.uniform(-1, 1) * 10 ** r.randint(-30, 30)))[0]


def _double(r):
    return r.choice([1.7976931348623157e308, 2.2250738585072014e-308, 0.1, 1 / 3]) if r.random() < 0.1 \
        else r.uniform(-1, 1) * 10.0 ** r.randint(-300, 300)


def _text(r, length, letters=ALL):
    # No blank at the end: a CHAR column would drop it, which is no fault but looks like one.
    return "".join(r.choices(letters, k=r.randint(0, length))).rstrip(" ")


def _date(r):
    return r.choice(["0000-00-00", "1000-01-01", "9999-12-31"]) if r.random() < 0.1 \
        else f"{r.randint(1000, 9999)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def _fraction(r, digits):
    return f".{r.randint(0, 10 ** digits - 1):0{digits}d}" if digits else ""


def _time(r, digits):
    return f"{r.choice(['', '-'])}{r.randint(0, 837)}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}" \
        + _fraction(r, digits)


def _datetime(r, digits):
    return f"{_date(r)} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}{_fraction(r, digits)}" \
        if r.random() < 0.95 else "0000-00-00 00:00:00"


def _timestamp(r, digits):
    seconds = r.choice([1, 2 ** 31 - 1, r.randint(1, 2 ** 31 - 1)])
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + _fraction(r, digits)


def _json(r, depth=0):
    kind = r.randint(0, 7 if depth < 3 else 5)
    if kind == 0:
        return r.choice([None, True, False])
    if kind in (1, 2):
        return _edge(r, -2 ** 63, 2 ** 63 - 1)
    if kind == 3:
        return r.choice([0.5, -1.25e10, 3.141592653589793, 1e-7])
    if kind in (4, 5):
        return _text(r, 30, ALL.replace("\x00", ""))
    if kind == 6:
        return [_json(r, depth + 1) for _ in range(r.randint(0, 4))]
    return {f"{r.choice(BMP)}{n}": _json(r, depth + 1) for n in range(r.randint(0, 4))}


def wide_columns(json_too):
    return [column for column in WIDE if json_too or column[0] != "c_json"]


def _ddl(json_too):
    wide = ",\n  ".join(f"{name} {declaration}" for name, declaration, _ in wide_columns(json_too))
    tables = {
        "t_auto": "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, val INT NOT NULL, note VARCHAR(100), KEY (val)",
        "t_comp": "k VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, n INT NOT NULL, amount DECIMAL(12,2), note VARCHAR(60),"
                  " PRIMARY KEY (k, n)",
        "t_uniq": "id BIGINT NOT NULL PRIMARY KEY, u1 BIGINT NOT NULL, u2 VARCHAR(50) NOT NULL, val INT,"
                  " UNIQUE KEY u1 (u1), UNIQUE KEY u2 (u2)",
        "t_nokey": "a INT, b VARCHAR(20), c DOUBLE",
        "t_nullable": "u INT NULL, b VARCHAR(30), UNIQUE KEY u (u)",
        "t_parent": "id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40)",
        "t_child": "id BIGINT NOT NULL PRIMARY KEY, parent_id BIGINT NOT NULL, qty INT, KEY p (parent_id),"
                   " CONSTRAINT fk_child_parent FOREIGN KEY (parent_id) REFERENCES t_parent (id)",
        "t_wide": "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n  " + wide,
    }
    return [f"CREATE TABLE {name} ({tables[name]}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC"
            f" DEFAULT CHARACTER SET utf8mb4 COLLATE {COLLATE}" for name in TABLES]


def create_schema(server, db, target_kind=None):
    """Create the database and its tables. JSON is left out unless both ends have it."""
    json_too = server.has_json and target_kind != "mysql56"
    server.sql([f"CREATE DATABASE {db} CHARACTER SET utf8mb4 COLLATE {COLLATE}"])
    server.sql(_ddl(json_too), db=db)


# ------------------------------------------------------------------------------------------ initial data

FILL_BATCH = 50000                      # rows of one INSERT ... SELECT: big enough to be quick, no giant transaction
DIGITS = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5" \
         " UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
SESSION = ("SET SESSION time_zone = '+00:00', sql_mode = 'NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 5",
           "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def fill(server, db, rows=1000, seed=1):
    """Initial rows: `rows` of them in t_auto, fewer in the other tables. Returns {table: rows}."""
    plan = {"t_auto": rows, "t_comp": rows // 2, "t_uniq": rows // 2, "t_nokey": min(rows // 4, NOKEY_ROWS),
            "t_nullable": rows // 5, "t_parent": max(1, rows // 10), "t_child": rows // 2, "t_wide": rows // 5}
    # n starts at 1: a 0 would be "give me a number" to AUTO_INCREMENT.
    selects = {
        "t_auto": "n, n % 1000, CONCAT('note ', n)",
        "t_comp": "CONCAT('k', n % 997), n, n % 100000 / 7e0, CONCAT('Ünïcode ', CONV(n, 10, 36))",
        "t_uniq": "n, n, CONCAT('u', n), n % 50",
        "t_nokey": "n % 20, CONCAT('b', n % 7), n % 5 / 3e0",
        "t_nullable": "IF(n % 3 = 0, NULL, n), CONCAT('b', n % 11)",
        "t_parent": "n, CONCAT('parent ', n)",
        "t_child": f"n, 1 + n % {plan['t_parent']}, n % 90",
    }
    connection = server.connect(db=db, binary_prefix=True)     # or bytes would be taken for utf8mb4 text
    with connection.cursor() as cursor:
        for statement in SESSION:
            cursor.execute(statement)
        for table, select in selects.items():
            for first in range(1, plan[table] + 1, FILL_BATCH):
                last = min(first + FILL_BATCH - 1, plan[table])
                cursor.execute(f"INSERT INTO {table} SELECT {select} FROM ({_numbers(first, last)}) numbers")
        _fill_wide(cursor, plan["t_wide"], random.Random(seed))
    connection.close()
    return plan


def _numbers(first, last):
    digits = [f"{DIGITS} d{power}" for power in range(len(str(last - first)))]
    value = " + ".join(f"d{power}.d * {10 ** power}" for power in range(len(digits)))
    return f"SELECT {first} + {value} AS n FROM {' CROSS JOIN '.join(digits)} WHERE {value} <= {last - first}"


def _fill_wide(cursor, rows, rng):
    """Random rows up to a limit, from there on by doubling: making values costs more than storing them."""
    columns = _wide_in(cursor)
    made = min(rows, 2000)
    for first in range(0, made, 100):
        _insert_wide(cursor, columns, rng, min(100, made - first))
    names = ", ".join(name for name, _, _ in columns)
    while 0 < made < rows:
        more = min(made, rows - made, FILL_BATCH)
        cursor.execute(f"INSERT INTO t_wide ({names}) SELECT {names} FROM t_wide LIMIT {more}")
        made += more


def _wide_in(cursor):
    """The columns t_wide has here: the schema may have been made without JSON."""
    cursor.execute("SHOW COLUMNS FROM t_wide LIKE 'c_json'")
    return wide_columns(cursor.fetchone() is not None)


def _wide_value(column, rng):
    return None if rng.random() < 0.1 else column[2](rng)


def _insert_wide(cursor, columns, rng, rows):
    names = ", ".join(name for name, _, _ in columns)
    row = "(" + ", ".join(["%s"] * len(columns)) + ")"
    cursor.execute(f"INSERT INTO t_wide ({names}) VALUES " + ", ".join([row] * rows),
                   [_wide_value(column, rng) for _ in range(rows) for column in columns])


# ------------------------------------------------------------------------------------------ transactions

class Session:
    """One connection and its random numbers; each method below TRANSACTIONS is a transaction body."""

    def __init__(self, connection, rng):
        self.connection = connection
        self.rng = rng
        self.cursor = connection.cursor()
        for statement in SESSION:
            self.run(statement)
        self.wide = _wide_in(self.cursor)

    def run(self, statement, *args):
        return self.cursor.execute(statement, args or None)

    def pick(self, table, key, limit=1):
        """Some existing keys, from a random place on; the table is never scanned."""
        self.run(f"SELECT MIN({key}), MAX({key}) FROM {table}")
        low, high = self.cursor.fetchone()
        if low is None:
            return []
        self.run(f"SELECT {key} FROM {table} WHERE {key} >= %s ORDER BY {key} LIMIT {limit}",
                 self.rng.randint(low, high))
        return [row[0] for row in self.cursor.fetchall()]

    def new_id(self):
        """Among 2^44 numbers two threads do not meet."""
        return self.rng.randint(2 ** 33, 2 ** 44)

    # -- t_auto

    def auto_insert(self):
        rows = self.rng.randint(1, 5)
        self.run("INSERT INTO t_auto (val, note) VALUES " + ", ".join(["(%s, %s)"] * rows),
                 *[value for _ in range(rows) for value in (self.rng.randint(0, 999), _text(self.rng, 30))])

    def auto_change(self):
        for key in self.pick("t_auto", "id", 2):
            self.run("UPDATE t_auto SET val = val + 1, note = %s WHERE id = %s", _text(self.rng, 30), key)
        for key in self.pick("t_auto", "id", 1):
            self.run("UPDATE t_auto SET val = val - 1 WHERE id BETWEEN %s AND %s", key, key + 3)

    def auto_delete(self):
        keys = self.pick("t_auto", "id", 3)
        if keys:
            self.run(f"DELETE FROM t_auto WHERE id IN ({', '.join(['%s'] * len(keys))})", *keys)

    # -- t_comp

    def comp_upsert(self):
        key = (f"k{self.rng.randint(0, 996)}", self.rng.randint(1, 5000))
        self.run("INSERT INTO t_comp VALUES (%s, %s, 1.5, 'new'), (%s, %s, 2.5, 'new')"
                 " ON DUPLICATE KEY UPDATE amount = amount + 0.01, note = 'again'", *key, key[0], key[1] + 1)
        self.run("REPLACE INTO t_comp VALUES (%s, %s, 9.99, 'replaced')", *key)

    def comp_move(self):
        """Primary keys change, case and trailing letters count (utf8mb4_bin)."""
        key = f"k{self.rng.randint(0, 996)}"
        self.run("UPDATE t_comp SET k = CONCAT(UPPER(k), 'x') WHERE k = %s LIMIT 2", key)
        self.run("UPDATE t_comp SET n = n + 100000 WHERE k = %s ORDER BY n DESC LIMIT 1", f"{key.upper()}x")

    def comp_delete(self):
        self.run("DELETE FROM t_comp WHERE k = %s ORDER BY n LIMIT 2", f"k{self.rng.randint(0, 996)}")
        self.run("DELETE FROM t_comp WHERE k = %s LIMIT 2", f"K{self.rng.randint(0, 996)}x")

    # -- t_uniq

    def _uniq_pair(self):
        keys = sorted(set(self.pick("t_uniq", "id") + self.pick("t_uniq", "id")))
        rows = []
        for key in keys:
            self.run("SELECT id, u1, u2 FROM t_uniq WHERE id = %s FOR UPDATE", key)
            rows += self.cursor.fetchall()
        return rows if len(rows) == 2 else None

    def uniq_insert(self):
        key = self.new_id()
        self.run("INSERT INTO t_uniq VALUES (%s, %s, %s, 1)", key, key, f"u{key}")

    def uniq_swap(self):
        """Two rows exchange the values of both unique keys, by way of a value nobody has."""
        pair = self._uniq_pair()
        if pair:
            (a, a1, a2), (b, b1, b2) = pair
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s WHERE id = %s", -a, f"swap{a}", a)
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s, val = val + 1 WHERE id = %s", a1, a2, b)
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s, val = val + 1 WHERE id = %s", b1, b2, a)

    def uniq_cross(self):
        """The values of a deleted row go to two others."""
        pair = self._uniq_pair()
        if pair:
            (a, a1, a2), (b, _, _) = pair
            key = self.new_id()
            self.run("DELETE FROM t_uniq WHERE id = %s", a)
            self.run("UPDATE t_uniq SET u1 = %s WHERE id = %s", a1, b)
            self.run("INSERT INTO t_uniq VALUES (%s, %s, %s, 2)", key, key, a2)

    def uniq_move(self):
        """The same values under another primary key, by delete and insert or by update."""
        for key in self.pick("t_uniq", "id"):
            new = self.new_id()
            self.run("SELECT u1, u2, val FROM t_uniq WHERE id = %s FOR UPDATE", key)
            row = self.cursor.fetchone()
            if row is None:
                return
            if self.rng.random() < 0.5:
                self.run("DELETE FROM t_uniq WHERE id = %s", key)
                self.run("INSERT INTO t_uniq VALUES (%s, %s, %s, %s)", new, *row)
            else:
                self.run("UPDATE t_uniq SET id = %s WHERE id = %s", new, key)

    def uniq_case(self):
        """The old and the new value are equal in the key's collation and different in bytes."""
        for key in self.pick("t_uniq", "id", 2):
            self.run("UPDATE t_uniq SET u2 = IF(BINARY u2 = BINARY UPPER(u2), LOWER(u2), UPPER(u2)) WHERE id = %s", key)

    def uniq_delete(self):
        for key in self.pick("t_uniq", "id"):
            self.run("DELETE FROM t_uniq WHERE id = %s", key)

    # -- tables without a key

    def nokey_change(self):
        """Exact duplicates come in pairs; changes hit one of them."""
        row = (self.rng.randint(0, 20), f"b{self.rng.randint(0, 6)}", self.rng.randint(0, 4) / 3)
        self.run("SELECT COUNT(*) FROM t_nokey")
        if self.cursor.fetchone()[0] < NOKEY_ROWS:
            self.run("INSERT INTO t_nokey VALUES (%s, %s, %s), (%s, %s, %s)", *row, *row)
        else:
            self.run("DELETE FROM t_nokey WHERE a = %s LIMIT 2", row[0])
        self.run("UPDATE t_nokey SET b = %s, c = c + 1 WHERE a = %s LIMIT 1", row[1], self.rng.randint(0, 20))
        self.run("DELETE FROM t_nokey WHERE a = %s AND b = %s LIMIT 1", self.rng.randint(0, 20), row[1])

    def nullable_change(self):
        value = self.rng.randint(1, 10 ** 6)
        self.run("INSERT INTO t_nullable VALUES (NULL, 'b1'), (NULL, 'b1'), (%s, 'b2')", value)
        self.run("UPDATE t_nullable SET u = %s, b = 'was null' WHERE u IS NULL LIMIT 1", value + 1)
        self.run("UPDATE t_nullable SET u = NULL WHERE u = %s", value)
        self.run("DELETE FROM t_nullable WHERE u IS NULL LIMIT 2")
        self.run("DELETE FROM t_nullable WHERE u >= %s ORDER BY u LIMIT 1", self.rng.randint(1, 10 ** 6))

    # -- parent and child

    def family_insert(self):
        parent = self.new_id()
        self.run("INSERT INTO t_parent VALUES (%s, 'new parent')", parent)
        self.run("INSERT INTO t_child VALUES (%s, %s, 1), (%s, %s, 2)", self.new_id(), parent, self.new_id(), parent)

    def family_move(self):
        parents = self.pick("t_parent", "id")
        for child in self.pick("t_child", "id", 2):
            if parents:
                self.run("UPDATE t_child SET parent_id = %s, qty = qty + 1 WHERE id = %s", parents[0], child)

    def family_delete(self):
        for parent in self.pick("t_parent", "id"):
            if parent >= 2 ** 33:               # the first ones have too many children for one transaction
                self.run("DELETE FROM t_child WHERE parent_id = %s", parent)
                self.run("DELETE FROM t_parent WHERE id = %s", parent)

    # -- t_wide

    def wide_insert(self):
        _insert_wide(self.cursor, self.wide, self.rng, self.rng.randint(1, 2))

    def wide_change(self):
        columns = self.rng.sample(self.wide, 5)
        assigned = ", ".join(f"{name} = %s" for name, _, _ in columns)
        for key in self.pick("t_wide", "id", 1):
            self.run(f"UPDATE t_wide SET {assigned} WHERE id = %s",
                     *[_wide_value(column, self.rng) for column in columns], key)

    def wide_delete(self):
        for key in self.pick("t_wide", "id", 1):
            self.run("DELETE FROM t_wide WHERE id = %s", key)

    # -- several in one

    def mixed(self):
        """One transaction over several tables, a part of it undone."""
        self.auto_insert()
        self.run("SAVEPOINT half")
        self.rng.choice([Session.uniq_swap, Session.nokey_change, Session.comp_upsert])(self)
        if self.rng.random() < 0.5:
            self.run("ROLLBACK TO SAVEPOINT half")
        self.rng.choice([Session.family_insert, Session.uniq_move, Session.auto_change])(self)


TRANSACTIONS = [
    # body, weight
    (Session.auto_insert, 10), (Session.auto_change, 12), (Session.auto_delete, 10),
    (Session.comp_upsert, 8), (Session.comp_move, 4), (Session.comp_delete, 8),
    (Session.uniq_insert, 5), (Session.uniq_swap, 8), (Session.uniq_cross, 4), (Session.uniq_move, 6),
    (Session.uniq_case, 4), (Session.uniq_delete, 5),
    (Session.nokey_change, 3), (Session.nullable_change, 4),
    (Session.family_insert, 4), (Session.family_move, 4), (Session.family_delete, 4),
    (Session.wide_insert, 5), (Session.wide_change, 6), (Session.wide_delete, 6),
    (Session.mixed, 5),
]
BODIES, WEIGHTS = zip(*TRANSACTIONS)
ROLLBACK_SHARE = 0.05


RUNNING = threading.Event()         # of this program: cleared while it is told to pause
RUNNING.set()


class Thread(threading.Thread):
    """One connection that writes until told to stop; comes back when the server does."""

    def __init__(self, connect, seed, pace, stopping):
        super().__init__(daemon=True)
        self.connect = connect
        self.rng = random.Random(seed)
        self.pace = pace                        # seconds from one transaction to the next, 0: as fast as it goes
        self.stopping = stopping
        self.counts = collections.Counter()
        self.errors = collections.Counter()

    def run(self):
        while not self.stopping.is_set():
            try:
                connection = self.connect()
            except (pymysql.err.MySQLError, OSError) as error:
                self._note(error)
                self.stopping.wait(0.1)         # the server is away: there is no event to wait for
                continue
            try:
                self._work(self.session(connection))
            except (pymysql.err.MySQLError, OSError, AttributeError) as error:
                self._note(error)               # AttributeError: pymysql's way to say that its socket is gone
                self.counts["reconnects"] += 1
            finally:
                _close(connection)

    def session(self, connection):
        return Session(connection, self.rng)

    def choose(self):
        """The body of the next transaction, a function of the session."""
        return self.rng.choices(BODIES, WEIGHTS)[0]

    def _work(self, session):
        due = time.monotonic()
        while not self.stopping.is_set():
            if not RUNNING.wait(0.1):
                continue
            try:
                self._transaction(session)
            except (pymysql.err.OperationalError, pymysql.err.IntegrityError, pymysql.err.InternalError) as error:
                if error.args[0] not in EXPECTED_ERRORS:
                    raise
                self._note(error)
                session.connection.rollback()
            due = max(due + self.pace, time.monotonic() - 1)
            if due > time.monotonic():
                self.stopping.wait(due - time.monotonic())

    def _transaction(self, session):
        body = self.choose()
        session.connection.begin()
        body(session)
        if self.rng.random() < ROLLBACK_SHARE:
            session.connection.rollback()
            self.counts["rolled_back"] += 1
        else:
            session.connection.commit()
            self.counts["committed"] += 1

    def _note(self, error):
        number = error.args[0] if error.args and isinstance(error.args[0], int) else type(error).__name__
        self.errors[str(number)] += 1
        if number not in EXPECTED_ERRORS:
            self.counts["unexpected"] += 1
            print(f"{threading.current_thread().name}: {error!r}", file=sys.stderr, flush=True)


def _close(connection):
    try:
        connection.close()
    except (pymysql.err.MySQLError, OSError):
        pass


# ------------------------------------------------------------------------------------------ process

def _write_stats(path, threads, started):
    stats = {"committed": 0, "rolled_back": 0, "reconnects": 0, "unexpected": 0}
    errors = collections.Counter()
    for thread in threads:
        for name in stats:
            stats[name] += thread.counts[name]
        errors.update(thread.errors)
    stats.update(errors=dict(errors), seconds=round(time.monotonic() - started, 3))
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(stats, file)
    os.replace(path + ".new", path)
    return stats


def _pause_path(stats):
    return stats + ".pause"


def option_parser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--db", required=True)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rate", type=float, default=300, help="transactions a second of all threads, 0: no limit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stats", required=True, help="file that always holds the counters, as JSON")
    return parser


def work(options, make_thread):
    """Until SIGTERM: threads that make_thread(number, connect, pace, stopping) makes."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    def connect():
        return pymysql.connect(host=options.host, port=options.port, user=options.user, charset="utf8mb4",
                               password=options.password.encode(), database=options.db, connect_timeout=5,
                               read_timeout=60, binary_prefix=True)

    started = time.monotonic()
    pace = options.threads / options.rate if options.rate else 0
    threads = [make_thread(number, connect, pace, stopping) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    parent = os.getppid()
    while not stopping.wait(REPORT_SECONDS):
        (RUNNING.clear if os.path.exists(_pause_path(options.stats)) else RUNNING.set)()
        _write_stats(options.stats, threads, started)
        if os.getppid() != parent:
            stopping.set()                      # a test that was killed must not leave its load running
    for thread in threads:
        thread.join(30)
    _write_stats(options.stats, threads, started)


def main():
    options = option_parser("Write to the tables of create_schema() until SIGTERM.").parse_args()
    work(options, lambda number, *rest: Thread(rest[0], f"{options.seed}/{number}", *rest[1:]))


class LoadGenerator:
    """The load as a test uses it: with LoadGenerator(server, db) as load: ... load.wait_committed(500).

    more: further arguments of PROGRAM, for subclasses whose program is another one.
    """

    patience = 1            # daemon.PATIENCE in a run of tests; this file is a program, too, and imports nothing of them
    PROGRAM = os.path.abspath(__file__)

    def __init__(self, server, db, threads=4, rate=300, seed=1, user="root", password="", directory=None, more=()):
        self.server = server
        self.arguments = ["--port", server.port, "--user", user, "--password", password, "--db", db,
                          "--threads", threads, "--rate", rate, "--seed", seed, *more]
        self.directory = directory or tempfile.mkdtemp(prefix="load.", dir=os.path.dirname(server.directory))
        os.makedirs(self.directory, exist_ok=True)
        self.stats_path = os.path.join(self.directory, "load-stats.json")
        self.log_path = os.path.join(self.directory, "load.log")
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop(check=False)

    def start(self):
        if os.path.exists(self.stats_path):
            os.unlink(self.stats_path)
        command = ["/usr/bin/python3", self.PROGRAM, "--stats", self.stats_path, *self.arguments]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def stats(self):
        """{"committed", "rolled_back", "reconnects", "unexpected", "errors": {number: count}, "seconds"}."""
        try:
            with open(self.stats_path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"committed": 0, "rolled_back": 0, "reconnects": 0, "unexpected": 0, "errors": {}, "seconds": 0}

    @property
    def committed(self):
        return self.stats()["committed"]

    def wait_committed(self, more, timeout=60):
        """Wait until `more` further transactions have committed."""
        goal, end = self.committed + more, time.monotonic() + timeout * self.patience
        while self.committed < goal:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the load got to {self.stats()}, wanted {goal}\n{self.log()}")
            time.sleep(0.05)

    def pause(self):
        """No new transactions, soon, until resume()."""
        with open(_pause_path(self.stats_path), "w", encoding="utf-8"):
            pass

    def resume(self):
        if os.path.exists(_pause_path(self.stats_path)):
            os.unlink(_pause_path(self.stats_path))

    def stop(self, check=True, timeout=40):
        """End after the transactions under way; returns the stats. After this nothing is written any more.

        check: an error that no such load should meet (wrong SQL, say) fails the test. Connection losses are counted
        among them only when the server was never restarted, that is: pass check=False in tests that restart it.
        """
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout * self.patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        stats = self.stats()
        if check and (stats["unexpected"] or self.process.returncode != 0):
            raise AssertionError(f"the load met errors: {stats}\n{self.log()}")
        return stats

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "\n".join(file.read().splitlines()[-20:])


if __name__ == "__main__":
    main()
