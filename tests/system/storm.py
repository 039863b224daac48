#!/usr/bin/python3
"""Writes that make verifying hard, in a process of its own; Storm is how a test uses it.

A few rows that are changed all the time, keys that move (also to what differs in case alone), rows that come and go at
once, children that change by a cascade which the binlog doesn't show, XA transactions between their phases, and, without
--keyed, a table without a key. With --end a or b all rows belong to that end of a pair.
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import load        # noqa: E402 - the path has to be set first

HOT = 8
CI = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
TABLES = {
    "hot": f"id INT NOT NULL PRIMARY KEY, c BIGINT NOT NULL, d DOUBLE, w VARCHAR(100) {CI}",
    "moves": f"k VARCHAR(40) {CI} NOT NULL PRIMARY KEY, c BIGINT NOT NULL",
    "comes": "id BIGINT NOT NULL PRIMARY KEY, c BIGINT NOT NULL, note VARCHAR(60)",
    "cas_parent": "id BIGINT NOT NULL PRIMARY KEY, c BIGINT NOT NULL",
    "cas_child": "id BIGINT NOT NULL PRIMARY KEY, parent_id BIGINT NOT NULL, c BIGINT, KEY p (parent_id),"
                 " CONSTRAINT cas_1 FOREIGN KEY (parent_id) REFERENCES cas_parent (id) ON UPDATE CASCADE ON DELETE CASCADE",
    "cas_null": "id BIGINT NOT NULL PRIMARY KEY, parent_id BIGINT NULL, c BIGINT, KEY p (parent_id),"
                " CONSTRAINT cas_2 FOREIGN KEY (parent_id) REFERENCES cas_parent (id) ON UPDATE CASCADE ON DELETE SET NULL",
    "phases": "id BIGINT NOT NULL PRIMARY KEY, c BIGINT NOT NULL",
    "loose": "a INT, w VARCHAR(20), d DOUBLE",
}
KEYED = [name for name in TABLES if name != "loose"]


def create(server, db, keyed=False):
    """The tables, with the rows that are changed all the time."""
    server.sql([f"CREATE TABLE {name} ({TABLES[name]}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {load.COLLATE}"
                for name in TABLES if not keyed or name != "loose"]
               + ["INSERT INTO hot VALUES " + ", ".join(f"({n}, 0, 0.1, 'w')" for n in range(2 * HOT)),
                  "INSERT INTO phases VALUES " + ", ".join(f"({n}, 0)" for n in range(2 * HOT * 8)),
                  "INSERT INTO moves VALUES " + ", ".join(f"('key {end}{n}', 0)" for end in "ab" for n in range(30))], db=db)


class Session:
    def __init__(self, connection, rng, options, number):
        self.connection, self.rng, self.number = connection, rng, number
        self.keyed, self.end = options.keyed, options.end
        self.side = "ab".index(options.end)
        self.cursor = connection.cursor()
        for statement in load.SESSION:
            self.run(statement)
        self.count = 0

    def run(self, statement, *args):
        return self.cursor.execute(statement, args or None)

    def hot_key(self):
        return self.rng.randrange(HOT) * 2 + self.side

    def new_id(self):
        return self.rng.randint(2 ** 32, 2 ** 43) * 2 + self.side

    def hot(self):
        self.run("UPDATE hot SET c = c + 1, d = d * 1.0001, w = %s WHERE id = %s", load._text(self.rng, 30, load.LATIN1), self.hot_key())

    def hot_replaced(self):
        key = self.hot_key()
        self.run("DELETE FROM hot WHERE id = %s", key)
        self.run("INSERT INTO hot VALUES (%s, %s, 0.1, 'again')", key, self.rng.randint(0, 1000))

    def moves(self):
        name = f"{self.end}{self.rng.randrange(30)}"
        self.run("UPDATE moves SET k = IF(BINARY k = BINARY UPPER(k), LOWER(k), UPPER(k)), c = c + 1 WHERE k = %s", f"key {name}")
        other = f"key {self.end}{self.rng.randrange(30)}"
        self.run("UPDATE IGNORE moves SET k = CONCAT(k, 'x') WHERE k = %s", other)
        self.run("UPDATE IGNORE moves SET k = LEFT(k, CHAR_LENGTH(k) - 1) WHERE k = %s", other + "x")

    def comes(self):
        key = self.new_id()
        self.run("INSERT INTO comes VALUES (%s, 1, 'new'), (%s, 2, 'new')", key, key + 2)
        if self.rng.random() < 0.7:
            self.run("DELETE FROM comes WHERE id = %s", key)
        low = self.new_id()
        self.run("SELECT id FROM comes WHERE id >= %s ORDER BY id LIMIT 6", low)
        for (old,) in self.cursor.fetchall():
            if old % 2 == self.side:
                self.run(self.rng.choice(["DELETE FROM comes WHERE id = %s", "UPDATE comes SET c = c + 1 WHERE id = %s"]), old)

    def family(self):
        parent = self.new_id()
        self.run("INSERT INTO cas_parent VALUES (%s, 1)", parent)
        for table in ("cas_child", "cas_null"):
            self.run(f"INSERT INTO {table} VALUES (%s, %s, 1), (%s, %s, 2)", self.new_id(), parent, self.new_id(), parent)

    def old_parent(self):
        self.run("SELECT id FROM cas_parent WHERE id >= %s ORDER BY id LIMIT 3", self.new_id())
        return next((key for (key,) in self.cursor.fetchall() if key % 2 == self.side), None)

    def family_moves(self):
        parent = self.old_parent()
        if parent is not None:
            self.run("UPDATE cas_parent SET id = %s, c = c + 1 WHERE id = %s", self.new_id(), parent)

    def family_ends(self):
        parent = self.old_parent()
        if parent is not None:
            self.run("DELETE FROM cas_parent WHERE id = %s", parent)

    def loose(self):
        if self.keyed:
            self.hot()
            return
        kind = self.rng.randrange(20)
        self.run("INSERT INTO loose VALUES (%s, 'w', 0.5), (%s, 'w', 0.5)", kind, kind)
        self.run("UPDATE loose SET d = d + 1 WHERE a = %s LIMIT 1", self.rng.randrange(20))
        self.run("DELETE FROM loose WHERE a = %s LIMIT 2", self.rng.randrange(20))

    BODIES = [hot, hot, hot, hot, hot_replaced, moves, moves, comes, comes, family, family_moves, family_ends, loose]

    def phases(self):
        """Two phases, other transactions in between; the rows belong to this connection alone."""
        self.count += 1
        xid = f"'storm-{self.end}{self.number}-{os.getpid()}-{self.count}-{self.rng.getrandbits(32):x}'"
        key = (self.number * HOT + self.rng.randrange(HOT)) * 2 + self.side
        self.run(f"XA START {xid}")
        self.run("UPDATE phases SET c = c + 1 WHERE id = %s", key)
        self.run("REPLACE INTO phases VALUES (%s, %s)", 10000 + key, self.count)
        self.run(f"XA END {xid}")
        self.run(f"XA PREPARE {xid}")
        time.sleep(self.rng.random() * 0.03)        # prepared for a moment: what the test is about
        self.run(f"XA {self.rng.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} {xid}")


class StormThread(load.Thread):
    def __init__(self, options, number, connect, pace, stopping):
        super().__init__(connect, f"{options.seed}/{options.end}/{number}", pace, stopping)
        self.options, self.number = options, number

    def session(self, connection):
        return Session(connection, self.rng, self.options, self.number)

    def choose(self):
        return self.rng.choice(Session.BODIES)

    def _transaction(self, session):
        if self.options.xa and self.rng.random() < 0.05:
            session.phases()
            self.counts["committed"] += 1
            return
        super()._transaction(session)


class Storm(load.LoadGenerator):
    PROGRAM = os.path.abspath(__file__)

    def __init__(self, server, db, end="a", keyed=False, xa=True, **options):
        super().__init__(server, db, more=["--end", end, *(["--keyed"] if keyed else []), *(["--xa"] if xa else [])], **options)


def main():
    parser = load.option_parser(__doc__)
    parser.add_argument("--end", choices="ab", default="a")
    parser.add_argument("--keyed", action="store_true")
    parser.add_argument("--xa", action="store_true")
    options = parser.parse_args()
    load.work(options, lambda *rest: StormThread(options, *rest))


if __name__ == "__main__":
    main()
