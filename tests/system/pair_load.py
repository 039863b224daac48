#!/usr/bin/python3
"""Writes at one end of a two-way pair, in its own process; PairLoad is how a test uses it.

    --kind disjoint   every row belongs to one end: ids of the source's rows are even, the target's odd, and so for
                      everything unique. Each transaction puts its id into `ledger`.
    --kind clash      both ends write the same few rows. Every version of a row has a value of its own in its column v.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import load        # noqa: E402 - the path has to be set first

ENDS = ("a", "b")
HOT_ROWS = 30                   # how many ids a clash is about
DISJOINT = {
    "ledger": "id VARCHAR(24) CHARACTER SET ascii NOT NULL PRIMARY KEY, n INT NOT NULL",
    "t_auto": "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, val INT NOT NULL, note VARCHAR(100), KEY (val)",
    "t_comp": "k VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, n INT NOT NULL, amount DECIMAL(12,2), note VARCHAR(60),"
              " PRIMARY KEY (k, n)",
    "t_uniq": "id BIGINT NOT NULL PRIMARY KEY, u1 BIGINT NOT NULL, u2 VARCHAR(50) NOT NULL, val INT,"
              " UNIQUE KEY u1 (u1), UNIQUE KEY u2 (u2)",
    "t_nopk": "u BIGINT NOT NULL, w VARCHAR(20) NOT NULL, b VARCHAR(200), UNIQUE KEY uw (u, w)",
    "t_parent": "id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40)",
    "t_child": "id BIGINT NOT NULL PRIMARY KEY, parent_id BIGINT NOT NULL, qty INT, KEY p (parent_id),"
               " CONSTRAINT fk_pair_child FOREIGN KEY (parent_id) REFERENCES t_parent (id)",
}
CLASH = {
    "c_row": "id INT NOT NULL PRIMARY KEY, v VARCHAR(40) NOT NULL, pad VARCHAR(100), d DECIMAL(20,6), f DOUBLE",
    "c_uniq": "id INT NOT NULL PRIMARY KEY, v VARCHAR(40) NOT NULL, u INT NOT NULL, w VARCHAR(20) NULL,"
              " UNIQUE KEY u (u), UNIQUE KEY w (w)",
    "c_pair": "a INT NOT NULL, v VARCHAR(40) NOT NULL, b INT NOT NULL, t TEXT, PRIMARY KEY (a, b)",
    "c_nopk": "u INT NOT NULL, v VARCHAR(40) NOT NULL, w VARCHAR(20) NOT NULL, UNIQUE KEY uw (u, w)",
}
V_COLUMN = 2                    # the number of column v in each of CLASH


def create(server, db, tables, json_too=True):
    """The database with the tables of a kind; DISJOINT has one of all types more, if its t_wide is asked for."""
    wide = ",\n  ".join(f"{name} {declaration}" for name, declaration, _ in load.wide_columns(json_too))
    made = dict(tables, t_wide=f"id BIGINT NOT NULL PRIMARY KEY,\n  {wide}") if "t_auto" in tables else tables
    server.sql(f"CREATE DATABASE IF NOT EXISTS {db} CHARACTER SET utf8mb4 COLLATE {load.COLLATE}")
    server.sql([f"CREATE TABLE {name} ({body}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4"
                f" COLLATE {load.COLLATE}" for name, body in made.items()], db=db)


class Side:
    """One connection that writes for one end."""

    def __init__(self, connection, rng, end, number):
        self.connection, self.rng, self.end, self.number = connection, rng, end, number
        self.side = ENDS.index(end)
        self.cursor = connection.cursor()
        for statement in load.SESSION:
            self.run(statement)
        self.run(f"SET SESSION auto_increment_increment = 2, auto_increment_offset = {self.side + 1}")
        self.count = 0

    def run(self, statement, *args):
        return self.cursor.execute(statement, args or None)

    def rows(self, statement, *args):
        self.run(statement, *args)
        return self.cursor.fetchall()


class Disjoint(Side):
    """Transactions on rows that belong to this end."""

    def __init__(self, *rest):
        super().__init__(*rest)
        self.wide = load.wide_columns(bool(self.rows("SHOW COLUMNS FROM t_wide LIKE 'c_json'")))

    def ledger(self):
        self.count += 1
        self.run("INSERT INTO ledger VALUES (%s, %s)", f"{self.end}{self.number}-{self.rng.getrandbits(40):x}-{self.count}", self.count)

    def own(self, table, key="id", limit=1):
        """Some of this end's rows, from a random place on; the table is never scanned."""
        low, high = self.rows(f"SELECT MIN({key}), MAX({key}) FROM {table}")[0]
        if low is None:
            return []
        start = self.rng.randint(low, high)
        return [row[0] for row in self.rows(
            f"SELECT {key} FROM {table} WHERE {key} >= %s AND {key} MOD 2 = {self.side} ORDER BY {key} LIMIT {limit}", start)]

    def new_id(self):
        return self.rng.randint(2 ** 32, 2 ** 43) * 2 + self.side

    def auto(self):
        count = self.rng.randint(1, 6)
        self.run("INSERT INTO t_auto (val, note) VALUES " + ", ".join(["(%s, %s)"] * count),
                 *[value for _ in range(count) for value in (self.rng.randint(0, 999), load._text(self.rng, 30))])
        for key in self.own("t_auto", limit=2):
            self.run("UPDATE t_auto SET val = val + 1, note = %s WHERE id = %s", load._text(self.rng, 30), key)
        for key in self.own("t_auto", limit=self.rng.randint(1, 7)):
            self.run("DELETE FROM t_auto WHERE id = %s", key)

    def comp(self):
        key = f"{self.end}{self.rng.randint(0, 60)}"
        self.run("INSERT INTO t_comp VALUES (%s, %s, 1.5, 'new'), (%s, %s, 2.5, 'new')"
                 " ON DUPLICATE KEY UPDATE amount = amount + 0.01, note = 'again'",
                 key, self.rng.randint(1, 40), key, self.rng.randint(41, 80))
        self.run("UPDATE t_comp SET n = n + 1000 WHERE k = %s AND n < 1000 ORDER BY n DESC LIMIT 1", key)
        self.run("REPLACE INTO t_comp VALUES (%s, %s, 9.99, 'replaced')", key, self.rng.randint(1, 80))
        self.run("DELETE FROM t_comp WHERE k = %s ORDER BY n DESC LIMIT 2", f"{self.end}{self.rng.randint(0, 60)}")

    def uniq_insert(self):
        key = self.new_id()
        self.run("INSERT INTO t_uniq VALUES (%s, %s, %s, 1)", key, key, f"{self.end}{key}")

    def uniq_swap(self):
        """Two rows exchange the values of both unique keys, by way of values nobody has."""
        keys = sorted(set(self.own("t_uniq") + self.own("t_uniq")))
        pair = [self.rows("SELECT id, u1, u2 FROM t_uniq WHERE id = %s FOR UPDATE", key) for key in keys]
        if len(pair) == 2 and pair[0] and pair[1]:
            (a, a1, a2), (b, b1, b2) = pair[0][0], pair[1][0]
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s WHERE id = %s", -a, f"swap{a}", a)
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s, val = val + 1 WHERE id = %s", a1, a2, b)
            self.run("UPDATE t_uniq SET u1 = %s, u2 = %s, val = val + 1 WHERE id = %s", b1, b2, a)

    def uniq_move(self):
        for key in self.own("t_uniq"):
            self.run("UPDATE t_uniq SET id = %s WHERE id = %s", self.new_id(), key)

    def uniq_delete(self):
        for key in self.own("t_uniq", limit=2):
            self.run("DELETE FROM t_uniq WHERE id = %s", key)

    def nopk(self):
        self.run("INSERT IGNORE INTO t_nopk VALUES (%s, %s, %s)", self.rng.randint(0, 400) * 2 + self.side,
                 f"w{self.rng.randint(0, 9)}", load._text(self.rng, 60))
        for key in self.own("t_nopk", "u"):
            self.run("UPDATE t_nopk SET b = %s, w = CONCAT('x', LEFT(w, 6)) WHERE u = %s ORDER BY w LIMIT 1",
                     load._text(self.rng, 60), key)
        for key in self.own("t_nopk", "u"):
            self.run("DELETE FROM t_nopk WHERE u = %s ORDER BY w LIMIT 1", key)

    def family(self):
        parent = self.new_id()
        self.run("INSERT INTO t_parent VALUES (%s, 'new parent')", parent)
        self.run("INSERT INTO t_child VALUES (%s, %s, 1), (%s, %s, 2)", self.new_id(), parent, self.new_id(), parent)
        for child in self.own("t_child", limit=2):
            self.run("UPDATE t_child SET parent_id = %s, qty = qty + 1 WHERE id = %s", parent, child)
        for old in self.own("t_parent"):
            if self.rng.random() < 0.7:
                self.run("DELETE FROM t_child WHERE parent_id = %s", old)
                self.run("DELETE FROM t_parent WHERE id = %s", old)

    def wide_change(self):
        def value(column):
            return load._wide_value(column, self.rng)
        columns = self.rng.sample(self.wide, 6)
        self.run(f"INSERT INTO t_wide (id, {', '.join(name for name, _, _ in self.wide)})"
                 f" VALUES (%s{', %s' * len(self.wide)})", self.new_id(), *map(value, self.wide))
        for key in self.own("t_wide"):
            self.run(f"UPDATE t_wide SET {', '.join(f'{name} = %s' for name, _, _ in columns)} WHERE id = %s",
                     *map(value, columns), key)
        for key in self.own("t_wide"):
            self.run("DELETE FROM t_wide WHERE id = %s", key)

    BODIES = [auto, auto, comp, comp, uniq_insert, uniq_swap, uniq_move, uniq_delete, nopk, family, wide_change]

    def transaction(self):
        self.ledger()
        for body in self.rng.sample(self.BODIES, self.rng.choice([1, 1, 2, 3])):
            body(self)


class Clash(Side):
    """Transactions on rows that both ends write. Each statement changes one row and gives it a new version."""

    def version(self):
        self.count += 1
        return f"{self.end}{self.number}-{self.rng.getrandbits(32):x}-{self.count}"

    def hot(self):
        return self.rng.randint(1, HOT_ROWS)

    def word(self):
        """Equal in the key's collation and different in bytes, now and then; or NULL."""
        return self.rng.choice([None, f"w{self.hot()}", f"W{self.hot()}", f"w{self.hot()}"])

    def row(self):
        kind, key = self.rng.random(), self.hot()
        if kind < 0.3:
            self.run("INSERT INTO c_row VALUES (%s, %s, 'new', 1.5, 0.1)", key, self.version())
        elif kind < 0.7:
            self.run("UPDATE c_row SET v = %s, d = d + 0.000001, f = f * 1.1 WHERE id = %s", self.version(), key)
        elif kind < 0.85:
            self.run("DELETE FROM c_row WHERE id = %s", key)
        else:
            self.run("UPDATE c_row SET id = %s, v = %s WHERE id = %s", self.hot(), self.version(), key)

    def uniq(self):
        kind, key = self.rng.random(), self.hot()
        if kind < 0.3:
            self.run("INSERT INTO c_uniq VALUES (%s, %s, %s, %s)", key, self.version(), self.hot(), self.word())
        elif kind < 0.5:
            self.run("UPDATE c_uniq SET u = %s, v = %s WHERE id = %s", self.hot(), self.version(), key)
        elif kind < 0.65:
            self.run("UPDATE c_uniq SET w = %s, v = %s WHERE id = %s", self.word(), self.version(), key)
        elif kind < 0.75:
            self.run("DELETE FROM c_uniq WHERE id = %s", key)
        elif kind < 0.85:
            self.run("UPDATE c_uniq SET id = %s, v = %s WHERE id = %s", self.hot(), self.version(), key)
        else:
            self.exchange(key, self.hot())

    def exchange(self, a, b):
        rows = [self.rows("SELECT id, u, w FROM c_uniq WHERE id = %s FOR UPDATE", key) for key in sorted({a, b})]
        if len(rows) == 2 and rows[0] and rows[1]:
            (a, a1, a2), (b, b1, b2) = rows[0][0], rows[1][0]
            self.run("UPDATE c_uniq SET u = %s, w = NULL, v = %s WHERE id = %s", -a - 1000 * self.side, self.version(), a)
            self.run("UPDATE c_uniq SET u = %s, w = %s, v = %s WHERE id = %s", a1, a2, self.version(), b)
            self.run("UPDATE c_uniq SET u = %s, w = %s, v = %s WHERE id = %s", b1, b2, self.version(), a)

    def pair(self):
        kind, a, b = self.rng.random(), self.rng.randint(1, 6), self.rng.randint(1, 6)
        if kind < 0.4:
            self.run("INSERT INTO c_pair VALUES (%s, %s, %s, %s)", a, self.version(), b, load._text(self.rng, 50))
        elif kind < 0.7:
            self.run("UPDATE c_pair SET t = %s, v = %s WHERE a = %s AND b = %s", load._text(self.rng, 50), self.version(), a, b)
        elif kind < 0.85:
            self.run("UPDATE c_pair SET b = %s, v = %s WHERE a = %s AND b = %s", self.rng.randint(1, 6), self.version(), a, b)
        else:
            self.run("DELETE FROM c_pair WHERE a = %s AND b = %s", a, b)

    def nopk(self):
        kind, key = self.rng.random(), (self.rng.randint(1, 6), f"k{self.rng.randint(1, 4)}")
        if kind < 0.4:
            self.run("INSERT INTO c_nopk VALUES (%s, %s, %s)", key[0], self.version(), key[1])
        elif kind < 0.7:
            self.run("UPDATE c_nopk SET v = %s WHERE u = %s AND w = %s", self.version(), *key)
        elif kind < 0.85:
            self.run("UPDATE c_nopk SET u = %s, v = %s WHERE u = %s AND w = %s", self.rng.randint(1, 6), self.version(), *key)
        else:
            self.run("DELETE FROM c_nopk WHERE u = %s AND w = %s", *key)

    BODIES = [row, row, uniq, uniq, pair, nopk]

    def transaction(self):
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            self.rng.choice(self.BODIES)(self)


KINDS = {"disjoint": Disjoint, "clash": Clash}


class PairThread(load.Thread):
    def __init__(self, options, number, connect, pace, stopping):
        super().__init__(connect, f"{options.seed}/{options.end}/{number}", pace, stopping)
        self.kind, self.end, self.number = KINDS[options.kind], options.end, number

    def session(self, connection):
        return self.kind(connection, self.rng, self.end, self.number)

    def choose(self):
        return self.kind.transaction


class PairLoad(load.LoadGenerator):
    """A LoadGenerator that writes for one end ("a": source, "b": target)."""

    PROGRAM = os.path.abspath(__file__)

    def __init__(self, server, db, end, kind, **options):
        super().__init__(server, db, more=["--end", end, "--kind", kind], **options)


def main():
    parser = load.option_parser(__doc__)
    parser.add_argument("--end", choices=ENDS, required=True)
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    options = parser.parse_args()
    load.work(options, lambda *rest: PairThread(options, *rest))


if __name__ == "__main__":
    main()
