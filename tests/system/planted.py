"""Tables that are equal at both ends until differences are planted, and exactly what a verification has to find then.

Each end computes its rows by itself from SQL expressions of a number n, so that nothing of the product brings them
there. A plant changes rows of the target behind the product's back (sql_log_bin=0) and says what it did; the values a
result has to show are then read from both ends over a connection of our own.
"""

import collections
import math
import random

from harness import load

SESSION = ("SET SESSION sql_log_bin = 0", "SET SESSION time_zone = '+00:00', sql_mode = 'NO_ENGINE_SUBSTITUTION'")
BATCH = 50000
SOURCE_ONLY, TARGET_ONLY, MISMATCHED = "MASTER_ONLY", "IMAGE_ONLY", "MISMATCHED"
CUT = 4096                      # how much of a value a result shows

CI = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
BIN = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
MOMENT = "'2020-01-01 00:00:00.000001'"

# name, type, value of row n. Two types where the target's column is defined otherwise.
DATA = [
    ("a", "INT NOT NULL", "{n} * 7919 % 100003"),
    ("b", "BIGINT", "IF({n} % 11 = 3, NULL, {n} % 1000)"),
    ("v", f"VARCHAR(60) {CI}", "CONCAT('Row ', {n}, ' é')"),
    ("o", f"VARCHAR(20) {CI}", "IF({n} % 5 = 0, NULL, IF({n} % 5 = 1, '', 'x'))"),
    ("p", f"VARCHAR(20) {CI}", "IF({n} % 5 = 0, '', 'xy')"),
    ("d", "DOUBLE", "{n} / 7e0"),
    ("f", "FLOAT", "{n} % 1000 / 8e0"),
    ("m", "DECIMAL(20,6)", "IF({n} % 4 = 0, 0, {n} * 1.25)"),
    ("t", "DATETIME(6)", f"TIMESTAMPADD(SECOND, {{n}}, {MOMENT})"),
    ("x", "VARBINARY(40)", "UNHEX(LPAD(HEX({n}), 16, '0'))"),
    ("l", ("VARCHAR(30) CHARACTER SET latin1", f"VARCHAR(30) {CI}"), "CONCAT('ä', {n}, 'ß')"),
    ("g", f"CHAR(12) {CI}", "LPAD({n}, 12, '0')"),
    ("e", f"ENUM('one','two','three') {CI}", "1 + {n} % 3"),
    ("s1", f"VARCHAR(30) {CI}", "CONCAT('ab', {n})"),
    ("s2", f"VARCHAR(30) {CI}", "'c'"),
]

# name: key columns, and how the key is declared
KEYS = {
    "int": ([("k", "INT NOT NULL", "{n} * 2")], "PRIMARY KEY (k)"),
    "composite": ([("k", f"VARCHAR(30) {CI} NOT NULL", "CONCAT('k', {n} % 13)"), ("j", "INT NOT NULL", "{n}")], "PRIMARY KEY (k, j)"),
    "ci": ([("k", f"VARCHAR(40) {CI} NOT NULL", "CONCAT('Key ', {n})")], "PRIMARY KEY (k)"),
    # pairs that differ in case alone
    "bin": ([("k", f"VARCHAR(40) {BIN} NOT NULL", "CONCAT(IF({n} % 2, 'k', 'K'), {n} DIV 2)")], "PRIMARY KEY (k)"),
    "latin": ([("k", ("VARCHAR(40) CHARACTER SET latin1 NOT NULL", f"VARCHAR(40) {CI} NOT NULL"), "CONCAT('ö', {n})")], "PRIMARY KEY (k)"),
    "binary": ([("k", "VARBINARY(12) NOT NULL", "UNHEX(LPAD(HEX({n} * 40503 % 16777216), 10, '0'))")], "PRIMARY KEY (k)"),
    "datetime": ([("k", "DATETIME(6) NOT NULL", f"TIMESTAMPADD(MICROSECOND, {{n}} * 1000003, {MOMENT})")], "PRIMARY KEY (k)"),
    "decimal": ([("k", "DECIMAL(30,10) NOT NULL", "{n} * 1.0000000001 - 500")], "PRIMARY KEY (k)"),
    "uniq": ([("k", "BIGINT NOT NULL", "1000000007 - {n}")], "UNIQUE KEY uk (k)"),
}
BINARY = {"x"}


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def shown(value):
    """How a result shows the bytes of a value."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()


class Table:
    """A table with a key. more: columns beside DATA; where: row filter; left_out: columns the project leaves out."""

    def __init__(self, name, key, rows, target_name=None, data=None, where=None, left_out=()):
        self.name, self.target_name, self.rows = name, target_name or name, rows
        self.key, self.declared = KEYS[key]
        self.kind = key
        self.data = DATA if data is None else data
        self.where = where
        self.left_out = set(left_out)

    @property
    def columns(self):
        return self.key + self.data

    def compared(self):
        return [name for name, _, _ in self.columns if name not in self.left_out]

    def create(self, server, db, end):
        """end: 0 source, 1 target."""
        def kind(declared):
            return declared if isinstance(declared, str) else declared[end]
        body = ", ".join([f"{quoted(name)} {kind(declared)}" for name, declared, _ in self.columns] + [self.declared])
        name = self.target_name if end else self.name
        server.sql([*SESSION, f"CREATE TABLE {quoted(db)}.{quoted(name)} ({body}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC"
                    " DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"])
        self.insert(server, db, end, 1, self.rows)

    def insert(self, server, db, end, first, last):
        """Rows of these numbers; a row filter holds back the others at the target."""
        values = ", ".join(expression.format(n="n") for _, _, expression in self.columns)
        names = ", ".join(quoted(name) for name, _, _ in self.columns)
        wanted = f" WHERE {self.where}" if self.where and end else ""
        table = f"{quoted(db)}.{quoted(self.target_name if end else self.name)}"
        for low in range(first, last + 1, BATCH):
            numbers = load._numbers(low, min(low + BATCH - 1, last))
            server.sql([*SESSION, f"INSERT INTO {table} ({names}) SELECT * FROM (SELECT "
                        + ", ".join(f"{expression.format(n='n')} AS {quoted(name)}" for name, _, expression in self.columns)
                        + f" FROM ({numbers}) numbers) made{wanted}" if wanted else
                        f"INSERT INTO {table} ({names}) SELECT {values} FROM ({numbers}) numbers"])

    def at(self, n):
        """SQL that finds row n."""
        return " AND ".join(f"{quoted(name)} = {expression.format(n=n)}" for name, _, expression in self.key)

    def entry(self):
        """This table in a transferMapping."""
        made = {"name": self.name, "mappedName": self.target_name}
        if self.where:
            made["whereClause"] = self.where
        if self.left_out:
            made["filterColumns"] = self.compared()
        return made


Row = collections.namedtuple("Row", "type key details")         # key: ((column, value), …), details: {column: (source's, target's)}


class Expected:
    """What a verification has to say of one table."""

    def __init__(self, rows, consistent, result=None):
        self.rows, self.consistent = rows, consistent
        counts = collections.Counter(row.type for row in rows)
        self.source_only, self.dest_only, self.mismatched = counts[SOURCE_ONLY], counts[TARGET_ONLY], counts[MISMATCHED]
        self.result = result or ("INCONSISTENT" if rows else "CONSISTENT")

    @property
    def counts(self):
        return self.source_only, self.dest_only, self.mismatched, self.consistent

    @property
    def differing(self):
        return self.source_only + self.dest_only + self.mismatched


class Ends:
    """Rows of both ends as their servers give them: bytes."""

    def __init__(self, source, target, db, target_db):
        self.servers, self.dbs = (source, target), (db, target_db)

    def row(self, table, end, condition, extra=""):
        connection = self.servers[end].connect(use_unicode=False, conv={})
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
                # the text of a FLOAT has six digits, of the same number as a DOUBLE all of them
                names = ", ".join(quoted(name) + (" * 1e0" if kind == "FLOAT" else "") for name, kind, _ in table.columns)
                name = table.target_name if end else table.name
                cursor.execute(f"SELECT {names} FROM {quoted(self.dbs[end])}.{quoted(name)} WHERE {condition}{extra}")
                rows = cursor.fetchall()
        finally:
            connection.close()
        assert len(rows) <= 1, (condition, rows)
        return dict(zip([name for name, _, _ in table.columns], rows[0])) if rows else None


class Planter:
    """Plants differences in one table and remembers which rows it touched."""

    def __init__(self, ends, table, seed=1):
        self.ends, self.table = ends, table
        self.random = random.Random(f"{table.name}/{seed}")
        self.touched = {}                               # n: what was planted there
        self.extra = 0
        self.free = [n for n in self.random.sample(range(1, table.rows + 1), min(table.rows, 2000)) if self.passes(n)]

    def passes(self, n):
        """Whether the row filter lets row n through (only filters on k of an int key are made here)."""
        return not self.table.where or (n * 2) % 3 == 0

    def target(self, *statements):
        name = f"{quoted(self.ends.dbs[1])}.{quoted(self.table.target_name)}"
        self.ends.servers[1].sql([*SESSION, *(statement.replace("{t}", name) for statement in statements)])

    def take(self, what, fits=lambda n: True):
        for n in self.free:
            if fits(n):
                self.free.remove(n)
                self.touched[n] = what
                return n
        return None

    def change(self, what, assignment, fits=lambda n: True):
        n = self.take(what, fits)
        if n is not None:
            self.target(f"UPDATE {{t}} SET {assignment} WHERE {self.table.at(n)}")
        return n

    # -- the plants; each returns whether there was room for it

    def missing(self):
        n = self.take("missing")
        return n is not None and (self.target(f"DELETE FROM {{t}} WHERE {self.table.at(n)}") or True)

    def extra_row(self):
        self.extra += 1
        n = self.table.rows + self.extra
        while not self.passes(n):
            self.extra += 1
            n = self.table.rows + self.extra
        self.table.insert(self.ends.servers[1], self.ends.dbs[1], 1, n, n)
        self.touched[n] = "extra"
        return True

    def next_double(self):
        n = self.take("one ULP", lambda n: n % 7)
        if n is None:
            return False
        value = float(self.ends.row(self.table, 1, self.table.at(n))["d"])
        self.target(f"UPDATE {{t}} SET d = {math.nextafter(value, math.inf)!r}e0 WHERE {self.table.at(n)}")
        return True

    def swap(self, column):
        """Two rows exchange a value of equal length."""
        if len(self.free) < 2:
            return False
        first, second = self.take(f"swapped {column}"), self.take(f"swapped {column}")
        self._exchange(first, second, [column])
        return True

    def exchange(self):
        """Two rows exchange all but their keys."""
        if len(self.free) < 2:
            return False
        first, second = self.take("exchanged"), self.take("exchanged")
        self._exchange(first, second, [name for name, _, _ in self.table.data])
        return True

    def _exchange(self, first, second, names):
        for one, other in ((first, second), (second, first)):
            values = ", ".join(f"{quoted(name)} = {expression.format(n=other)}" for name, _, expression in self.table.data if name in names)
            self.target(f"UPDATE {{t}} SET {values} WHERE {self.table.at(one)}")

    def plants(self):
        """All kinds of differences, as functions."""
        def changed(what, assignment, fits=lambda n: True):
            return lambda: self.change(what, assignment, fits) is not None
        made = [
            self.missing, self.extra_row, lambda: self.swap("g"), self.next_double, self.exchange, lambda: self.swap("a"),
            changed("trailing space", "v = CONCAT(v, ' ')"), changed("case", "v = UPPER(v)"),
            changed("empty for NULL", "o = ''", lambda n: n % 5 == 0), changed("NULL for empty", "o = NULL", lambda n: n % 5 == 1),
            changed("NULL moved", "o = '', p = NULL", lambda n: n % 5 == 0),
            changed("text moved", "s2 = CONCAT(RIGHT(s1, 1), s2), s1 = LEFT(s1, CHAR_LENGTH(s1) - 1)"),
            changed("int", "a = a + 1"), changed("bigint", "b = IFNULL(b, 0) + 1"), changed("zero for NULL", "b = 0", lambda n: n % 11 == 3),
            changed("accent", "v = REPLACE(v, 'é', 'e')"), changed("last digit of a decimal", "m = m + 0.000001"),
            changed("sign", "m = -m", lambda n: n % 4), changed("float", "f = f + 0.0625"),
            changed("microsecond", "t = t + INTERVAL 1 MICROSECOND"), changed("one byte", "x = INSERT(x, 8, 1, x'ff')", lambda n: n % 256 != 255),
            changed("a zero byte more", "x = CONCAT(x, x'00')"), changed("latin1", "l = REPLACE(l, 'ß', 'ü')"),
            changed("label", "e = IF(e = 1, 2, 1)"), changed("blank in front", "v = CONCAT(' ', v)"),
            self.missing, self.extra_row,
        ]
        self.random.shuffle(made)
        return made

    def plant(self, most=None):
        """As many as there is room for, and what has to be found then."""
        for plant in self.plants()[:most]:
            plant()
        # equal all the same: what a server may show otherwise
        n = self.take("nothing", lambda n: n % 4 == 0)
        if n is not None:
            self.target(f"UPDATE {{t}} SET m = -m WHERE {self.table.at(n)}")
        return self.expected()

    def expected(self):
        rows = [row for n, what in sorted(self.touched.items()) for row in self._row(n, what)]
        total = self.source_rows()
        return Expected(rows, total - sum(row.type != TARGET_ONLY for row in rows))

    def source_rows(self):
        filtered = f" WHERE {self.table.where}" if self.table.where else ""
        return self.ends.servers[0].value(f"SELECT COUNT(*) FROM {quoted(self.ends.dbs[0])}.{quoted(self.table.name)}{filtered}")

    def _row(self, n, what):
        here, there = (self.ends.row(self.table, end, self.table.at(n)) for end in (0, 1))
        assert here or there, (what, n)
        kind = SOURCE_ONLY if there is None else TARGET_ONLY if here is None else MISMATCHED
        key = tuple((name, shown((here or there)[name])) for name, _, _ in self.table.key)
        names = self.table.compared()
        details = {name: tuple(shown(row[name]) if row else None for row in (here, there)) for name in names
                   if kind != MISMATCHED or here[name] != there[name]}
        if not details:
            assert what == "nothing" or self.table.left_out, f"{what} in row {n} of {self.table.name} changed nothing"
            return
        assert what != "nothing", f"row {n} of {self.table.name} shows {details}"
        yield Row(kind, key, details)


# ------------------------------------------------------------------------------------------ tables without a key

class Keyless:
    """A table without a key, most rows of it several times."""

    BODY = f"a INT, w VARCHAR(40) {CI}, d DOUBLE, x VARBINARY(20)"
    VALUES = "{n} % {kinds}, IF({n} % {kinds} % 6 = 0, NULL, CONCAT('w', {n} % {kinds} DIV 2)), {n} % {kinds} / 7e0, UNHEX(HEX({n} % {kinds}))"

    def __init__(self, name, rows, target_name=None):
        self.name, self.target_name, self.rows = name, target_name or name, rows
        self.kinds = max(rows // 4, 1)

    def create(self, server, db, end):
        table = f"{quoted(db)}.{quoted(self.target_name if end else self.name)}"
        statements = [*SESSION, f"CREATE TABLE {table} ({self.BODY}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"]
        for low in range(1, self.rows + 1, BATCH):
            statements.append(f"INSERT INTO {table} SELECT {self.VALUES.format(n='n', kinds=self.kinds)}"
                              f" FROM ({load._numbers(low, min(low + BATCH - 1, self.rows))}) numbers")
        server.sql(statements)

    def entry(self):
        return {"name": self.name, "mappedName": self.target_name}

    def multiset(self, ends, end):
        connection = ends.servers[end].connect(use_unicode=False, conv={})
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT a, w, d, x FROM {quoted(ends.dbs[end])}.{quoted(self.target_name if end else self.name)}")
                return collections.Counter(cursor.fetchall())
        finally:
            connection.close()

    def plant(self, ends, seed=1):
        """Duplicates too many and too few, changed rows. Expected.copies: {(type, row's values): count}."""
        rng = random.Random(f"{self.name}/{seed}")
        table = f"{quoted(ends.dbs[1])}.{quoted(self.target_name)}"
        kinds = rng.sample(range(self.kinds), min(6, self.kinds))
        plants = [f"INSERT INTO {table} SELECT * FROM {table} WHERE a = {{}} LIMIT 1", f"DELETE FROM {table} WHERE a = {{}} LIMIT 1",
                  f"UPDATE {table} SET w = CONCAT(IFNULL(w, ''), ' ') WHERE a = {{}} LIMIT 1", f"DELETE FROM {table} WHERE a = {{}}",
                  f"UPDATE {table} SET d = d + 1e-9 WHERE a = {{}} LIMIT 2", f"INSERT INTO {table} VALUES ({{}}, NULL, NULL, NULL)"]
        ends.servers[1].sql([*SESSION, *(plant.format(kind) for plant, kind in zip(plants, kinds))])
        return self.expected(ends)

    def expected(self, ends):
        here, there = self.multiset(ends, 0), self.multiset(ends, 1)
        rows, copies = [], {}
        for kind, more in ((SOURCE_ONLY, here - there), (TARGET_ONLY, there - here)):
            for values, count in more.items():
                values = dict(zip("awdx", map(shown, values)))
                details = {name: (value, None) if kind == SOURCE_ONLY else (None, value) for name, value in values.items()}
                rows += [Row(kind, (), details)] * count
                copies[kind, tuple(sorted(values.items(), key=str))] = count
        made = Expected(rows, sum((here & there).values()))
        made.copies = copies
        return made
