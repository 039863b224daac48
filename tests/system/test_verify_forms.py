"""Normal forms of values (workers/verify/normal.h, told by tests/tools/verify_forms.c) at real servers: equal values have
equal forms at both ends, values that differ have different ones, and each value is found by what normal_equals() says.

Values and their exact forms are type_values.py's: SQL that tells a value bit for bit and shares nothing with the product.
Tables of TWO are defined otherwise at the two ends.
"""

import json
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pymysql
import type_values
from harness.daemon import build_dir
from harness.runner import needs, tags, timeout
from type_values import KINDS, hexed, quoted

LOOSE = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
# the session of the product's connections (workers/mysql/conn_setup.c)
SESSION = ("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
           " time_zone = '+00:00', character_set_client = utf8mb4, character_set_connection = utf8mb4, character_set_results = NULL")
RANDOM_ROWS = 25
MARIADB = ("mariadb",)
MYSQL97 = ("mysql97",)


class Two:
    """A column defined in two ways. same: literals, or pairs of them, that are one value; other: pairs that are two."""

    def __init__(self, name, here, there, same, other=(), source=KINDS, target=KINDS, key="v", spellings=False):
        self.name = f"two_{name}"
        self.here, self.there = here, there
        self.rows = [(pair if isinstance(pair, tuple) else (pair, pair), True) for pair in same]
        self.rows += [(pair, False) for pair in other]
        self.source, self.target, self.key = source, target, key
        self.spellings = spellings      # a comparison of the column's own may find rows of other bytes

    def create(self, server, db, end):
        key = f", KEY v ({self.key})" if self.key else ""
        server.sql([LOOSE, f"CREATE TABLE {db}.{self.name} (id INT PRIMARY KEY, v {(self.here, self.there)[end]}{key})",
                    f"INSERT INTO {db}.{self.name} VALUES " + ", ".join(f"({n}, {pair[end]})" for n, (pair, _) in enumerate(self.rows))])


def text(string):
    return hexed(string, "utf8mb4")


def shape(string, srid=0):
    return f"ST_GeomFromText('{string}', {srid})"


NONE = ["NULL"]
A, B = text("a"), text("b")
TEXT_OTHER = [(A, text("A")), (A, text("a ")), ("NULL", "''"), ("''", "NULL"), (A, B), (text("é"), text("e")), (text("ab"), text("ba"))]
LATIN = [text(word) for word in ("", "a", "é", "Ä ö", "a ", "?")]
WIDE = [text(word) for word in ("", "a", "é", "日本", "😀", "a ", "?")]
BMP = [value for value in WIDE if "f09f" not in value]
TWO = [
    Two("wider", "tinyint", "bigint", ["-128", "127", "0", *NONE], [("1", "-1"), ("NULL", "0"), ("1", "2")]),
    Two("signless", "bigint unsigned", "decimal(30,2)", ["18446744073709551615", "0", *NONE], [("1", "1.01"), ("1", "-1")]),
    Two("zerofill", "int(7) unsigned zerofill", "int unsigned", ["42", "0", "4294967295", *NONE], [("42", "43")]),
    Two("zerofill64", "bigint(20) unsigned zerofill", "bigint unsigned", ["18446744073709551615", "7"], [("1", "2")]),
    Two("zerodec", "decimal(9,2) zerofill", "decimal(9,2)", ["1.50", "0", *NONE], [("1.5", "1.51")]),
    Two("scale", "decimal(10,2)", "decimal(14,4)", ["-1.25", "99999999.99", "0", "-0.01", *NONE], [("1.25", "1.2501"), ("1", "-1")]),
    Two("noscale", "decimal(10,0)", "decimal(20,3)", ["-7", "0", *NONE], [("7", "7.001")]),
    Two("lessscale", "decimal(10,4)", "decimal(10,2)", ["1.5", "-2"], [("1.2345", "1.23")]),
    Two("bits", "bit(3)", "bit(64)", ["0", "7", *NONE], [("1", "9"), ("NULL", "0")]),
    Two("bitint", "bit(64)", "bigint unsigned", ["18446744073709551615", "0", *NONE], [("1", "2")]),
    Two("years", "year", "year", ["0", "1901", "2155", "2000", *NONE], [("0", "2000"), ("1999", "2000")]),
    Two("yearint", "year", "int", ["1901", "2155", *NONE], [("1999", "2000")]),
    Two("floatdouble", "float", "double", [("1.1", "1.10000002384185791015625e0"), "-1.2676506002282294e30", "0", "1.5", "1.401298464324817e-45", *NONE],
        [("1.1", "1.1e0"), ("16777217", "16777217e0")]),
    Two("floatdigits", "float(7,3)", "float", ["1234.567", "-0.001", "0", *NONE], [("0.001", "0.0010001")]),
    Two("double", "double", "double unsigned", ["0.1e0", "1e308", "4.9406564584124654e-324", "0", *NONE],
        [("1e0", "1.0000000000000002e0"), ("0.3e0", "0.30000000000000004e0"), ("123456789012345680e0", "123456789012345700e0"),
         ("4.9406564584124654e-324", "0"), ("1e-7", "1.0000000000000002e-7")]),
    Two("char", "char(9)", "varchar(20)", [*LATIN[:4], *NONE], TEXT_OTHER, spellings=True),
    Two("intochar", "varchar(20)", "char(9)", [*LATIN[:4], *NONE], TEXT_OTHER[:1] + [(text("a "), A)], spellings=True),
    Two("longer", "varchar(20)", "longtext", [*WIDE, *NONE], TEXT_OTHER, key="v(10)", spellings=True),
    Two("latin1", "varchar(9) character set latin1", "varchar(9) character set utf8mb4", [*LATIN, *NONE], TEXT_OTHER, spellings=True),
    Two("tolatin1", "varchar(9) character set utf8mb4", "varchar(9) character set latin1 collate latin1_german1_ci", [*LATIN, *NONE],
        [*TEXT_OTHER, (text("日"), text("?"))], spellings=True),
    Two("same8", "varchar(9) character set latin1 collate latin1_german2_ci", "varchar(9) character set latin1", [*LATIN, "x'80ff01'", *NONE],
        [*TEXT_OTHER, ("x'80'", "x'81'"), ("x'ff'", "x'ffff'")], spellings=True),
    Two("utf16", "varchar(9) character set utf16", "text character set utf8mb4", [*WIDE, *NONE], TEXT_OTHER, key="v(9)", spellings=True),
    Two("toutf32", "varchar(9) character set utf8mb4", "varchar(9) character set utf32", [*WIDE, *NONE], TEXT_OTHER, spellings=True),
    Two("utf16both", "varchar(9) character set utf16", "varchar(20) character set utf16 collate utf16_bin", [*WIDE, *NONE], TEXT_OTHER,
        spellings=True),
    Two("ucs2", "varchar(9) character set ucs2", "varchar(9) character set utf8mb4", [*BMP, *NONE], TEXT_OTHER, spellings=True),
    Two("utf8", "varchar(9) character set utf8", "varchar(9) character set utf8mb4", [*BMP, *NONE], TEXT_OTHER, spellings=True),
    Two("toutf8", "varchar(9) character set utf8mb4", "varchar(9) character set utf8", [*BMP, *NONE],
        [*TEXT_OTHER, (text("😀"), text("?"))], spellings=True),
    Two("sjis", "varchar(9) character set sjis", "varchar(9) character set utf8mb4", [text("日本"), A, text("ﾊﾝ"), *NONE], TEXT_OTHER[:5],
        spellings=True),
    Two("gbk", "varchar(9) character set gbk collate gbk_bin", "varchar(9) character set utf8", [text("日本"), A, *NONE], TEXT_OTHER[:5],
        spellings=True),
    Two("ascii", "varchar(9) character set ascii", "varchar(9) character set utf8mb4", [A, "''", text("a "), *NONE], TEXT_OTHER[:5],
        spellings=True),
    Two("asciilatin", "varchar(9) character set ascii", "varchar(9) character set latin1", [A, "''", text("a "), *NONE], TEXT_OTHER[:5],
        spellings=True),
    Two("toascii", "varchar(9) character set utf8mb4", "char(9) character set ascii", [A, "''", *NONE],
        [*TEXT_OTHER[2:5], (text("é"), text("?"))], spellings=True),
    Two("textmore", "text character set latin1", "mediumtext character set utf8mb4", [*LATIN, "REPEAT('é', 60000)", *NONE],
        [*TEXT_OTHER, ("REPEAT('é', 60000)", "REPEAT('é', 59999)")], key="v(20)", spellings=True),
    Two("fraction", "datetime(3)", "datetime(6)", ["'2024-01-02 03:04:05.678'", "'0000-00-00 00:00:00'", "'2023-02-31 12:00:00'", *NONE],
        [("'2024-01-02 03:04:05.678'", "'2024-01-02 03:04:05.678001'"), ("'2024-01-02 03:04:05'", "'2024-01-02 03:04:06'")]),
    Two("nofraction", "datetime", "datetime(6)", ["'2024-01-02 03:04:05'", *NONE], [("'2024-01-02 03:04:05'", "'2024-01-02 03:04:05.000001'")]),
    Two("times", "time", "time(3)", ["'-838:59:59'", "'00:00:00'", "'25:00:00'", *NONE], [("'00:00:00'", "'-00:00:00.001'"), ("'1:00:00'", "'-1:00:00'")]),
    Two("stamp", "timestamp(3) null default null", "datetime(6)", ["'2024-01-02 03:04:05.678'", *NONE],
        [("'2024-01-02 03:04:05.678'", "'2024-01-02 03:04:05.679'")]),
    Two("day", "date", "datetime(2)", [("'2024-02-29'", "'2024-02-29 00:00:00'"), *NONE], [("'2024-02-29'", "'2024-02-29 00:00:00.01'")]),
    Two("unnull", "int not null", "int null", ["1", "0"], [("0", "NULL")]),
    Two("bytes", "binary(4)", "varbinary(9)", [("x'61'", "x'61000000'"), ("x'ffffffff'", "x'ffffffff'"), *NONE], [("x'61'", "x'61'")]),
    Two("blob", "varbinary(9)", "longblob", ["x''", "x'00'", "x'61ff'", *NONE], [("x''", "x'00'"), ("x'61'", "x'6120'"), ("NULL", "x''")], key="v(9)"),
    Two("textbytes", "varchar(9) character set latin1", "varbinary(30)", [("x'e9'", "x'e9'"), ("x'61'", "x'61'"), *NONE], [("x'61'", "x'41'")],
        spellings=True),
    Two("enum", "enum('a','b','c')", "enum('c','x','b','a')", ["'a'", "'b'", "'c'", "'none'", *NONE], [("'a'", "'b'"), ("'none'", "NULL"), ("'none'", "'a'")]),
    Two("enumempty", "enum('a','','0')", "enum('','0','a')", ["'a'", "''", "'0'", "'none'", *NONE], [("''", "'none'"), ("'none'", "''"), ("'0'", "'none'")]),
    Two("enumdigits", "enum('2','1','0')", "enum('0','1','2')", ["'2'", "'1'", "'0'", "'none'", *NONE], [("'2'", "'0'"), ("'none'", "'0'")]),
    Two("enumset", "enum('ä','b') character set latin1", "enum('b','ä') character set utf8mb4", ["1", "2"][:0] + [("1", "2"), ("2", "1"), *NONE],
        [("1", "1")]),
    Two("enumutf16", "enum('ä','b') character set utf16", "enum('b','ä') character set utf16", [("1", "2"), ("2", "1"), ("0", "0"), *NONE][:2] + NONE,
        [("1", "1")]),
    Two("enumtext", "enum('a','b')", "varchar(9)", ["'a'", "'b'", ("'none'", "''"), *NONE], [("'a'", "'A'"), ("'a'", "'b'")], spellings=True),
    Two("enumbytes", "enum('a','b') character set binary", "enum('b','a') character set binary", ["'a'", "'b'", *NONE], [("'a'", "'b'")]),
    Two("set", "set('a','b','c')", "set('c','x','b','a')", ["''", "'a'", "'a,b'", "'c'", "'a,b,c'", *NONE],
        [("'a'", "'b'"), ("''", "NULL"), ("'a'", "'a,x'"), ("'a,b'", "'a,c'")]),
    Two("setmore", "set('a','b')", "set('a','b','c')", ["''", "'a'", "'a,b'", *NONE], [("'a'", "'a,c'")]),
    Two("setlatin", "set('ä','b') character set latin1", "set('b','ä') character set utf8mb4", [("0", "0"), ("1", "2"), ("2", "1"), ("3", "3"), *NONE],
        [("1", "1")]),
    Two("setempty", "set('','a')", "set('a','','x')", [("0", "0"), ("1", "2"), ("2", "1"), ("3", "3"), *NONE], [("0", "2"), ("1", "0"), ("2", "5")]),
    Two("settext", "set('a','b')", "varchar(9)", ["''", "'a,b'", *NONE], [("'a,b'", "'b,a'")], spellings=True),
    Two("shape", "point", "geometry", [shape("POINT(1 2)"), shape("POINT(1 2)", 3857), *NONE],
        [(shape("POINT(1 2)"), shape("POINT(1 2)", 3857)), (shape("POINT(1 2)"), shape("POINT(2 1)"))], key=None),
    Two("shapeblob", "point", "longblob", [(shape("POINT(1 2)"), "x'000000000101000000000000000000f03f0000000000000040'"), *NONE],
        [(shape("POINT(1 2)"), "x'00'")], key=None),
    Two("json", "json", "longtext", [("'{\"b\": 1, \"a\": [1.50, \"é\"]}'", "'{\"a\": [1.5, \"é\"], \"b\": 1}'"), "'1'", "'null'", *NONE],
        [("'1'", "'1.0'"), ("'{}'", "'{ }'"), ("'null'", "NULL")], source=MYSQL97, key=None, spellings=True),
    Two("jsonlatin", "json", "longtext character set latin1", [("'\"é\"'", "'\"é\"'"), *NONE], [("'\"é\"'", "'\"e\"'")], source=MYSQL97, key=None,
        spellings=True),
    Two("uuid", "uuid", "char(36)", ["'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'", *NONE],
        [("'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'", "'f81d4fae-7dec-11d0-a765-00a0c91e6bf7'")], source=MARIADB, spellings=True),
    Two("inet", "inet6", "varchar(39)", ["'::1'", "'2001:db8::ff00:42:8329'", *NONE], [("'::1'", "'::2'")], source=MARIADB, spellings=True),
    Two("vector", "vector(3)", "varbinary(99)", ["x'0000803f'", *NONE], [("x'0000803f'", "x'0000803e'")], source=MYSQL97, key=None),
]

# Rows that hold the same bytes side by side, in other columns or cut elsewhere.
FRAMED = "a VARCHAR(30), b VARCHAR(30), x VARBINARY(30), y VARBINARY(30), n INT, m INT NOT NULL"
FRAMING = [
    ("'x', 'y', NULL, NULL, 1, 1", "'xy', '', NULL, NULL, 1, 1"), ("NULL, 'x', NULL, NULL, 1, 1", "'x', NULL, NULL, NULL, 1, 1"),
    ("NULL, '', NULL, NULL, 1, 1", "'', NULL, NULL, NULL, 1, 1"), ("NULL, NULL, x'', NULL, 1, 1", "NULL, NULL, NULL, x'', 1, 1"),
    ("NULL, NULL, x'61ff', x'62', 1, 1", "NULL, NULL, x'61', x'ff62', 1, 1"), ("'a', 'b', x'', NULL, NULL, 1", "'a', 'b', NULL, NULL, NULL, 1"),
    ("NULL, 'b', x'61', NULL, 1, 1", "'b', 'a', NULL, NULL, 1, 1"), ("NULL, NULL, NULL, NULL, 1, 0", "NULL, NULL, NULL, NULL, NULL, 10"),
    ("'a', NULL, x'61ff62', NULL, 1, 1", "'a', NULL, x'61', x'62', 1, 1"), ("'1', NULL, NULL, NULL, NULL, 1", "NULL, NULL, NULL, NULL, 1, 1"),
]


class Forms:
    """The tool, and what it said of each table."""

    def __init__(self, source, target, dbs):
        tool = os.path.join(build_dir(), "verify_forms")
        self.run = subprocess.Popen([tool, str(source.port), dbs[0], str(target.port), dbs[1]], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.tables = {}

    def read(self, count):
        while len(self.tables) < count:
            line = self.run.stdout.readline()
            assert line, f"verify_forms ended; it told of {sorted(self.tables)} only"
            told = json.loads(line)
            self.tables[told["table"]] = told
        return self.tables

    def equals(self, questions):
        """What finds each of (table, column, value) at either end."""
        found = []
        for table, column, value in questions:
            self.run.stdin.write(f"{table}\t{column}\t{value.hex()}\n")
            self.run.stdin.flush()
            found.append(json.loads(self.run.stdout.readline())["equals"])
        return found

    def close(self):
        self.run.stdin.close()
        self.run.stdout.close()
        assert self.run.wait(timeout=60) == 0


class Session:
    """A connection as the product's; rows as bytes."""

    def __init__(self, server):
        self.connection = server.connect()
        self.sql(SESSION)
        self.connection.use_unicode = False
        self.connection.decoders = {}

    def sql(self, statement, cursor=None):
        with self.connection.cursor(cursor) as cursor_:
            cursor_.execute(statement)
            return cursor_.fetchall()

    def uses_index(self, table, condition):
        row = {(name.decode() if isinstance(name, bytes) else name): value for name, value in self.sql(
            f"EXPLAIN FORMAT=TRADITIONAL SELECT id FROM {table} FORCE INDEX (v) WHERE {condition}", pymysql.cursors.DictCursor)[0].items()}
        return row["key"] is None and row["table"] is None or (row["key"], row["type"]) in ((b"v", b"ref"), (b"v", b"range"), (b"v", b"const"))


def one_to_one(pairs):
    """Of (what, form): each always with the same other one."""
    there, back = {}, {}
    return [(what, there[what], form, back[form]) for what, form in pairs
            if there.setdefault(what, form) != form or back.setdefault(form, what) != what]


def fill(server, groups):
    server.sql(["CREATE DATABASE vs CHARACTER SET utf8mb4", "CREATE DATABASE vt CHARACTER SET utf8mb4"])
    for group in groups:
        if server.kind not in group.kinds:
            continue
        rng = random.Random(group.name)
        rows = [group.edge(n) for n in range(group.edge_count)]
        rows += [[column.random(rng) for column in group.columns] for _ in range(int(RANDOM_ROWS * min(1.0, group.rows * 2)))]
        columns = ", ".join(f"`{column.name}` {column.ddl}" for column in group.columns)
        server.sql([LOOSE, f"CREATE TABLE vs.{group.name} (id INT PRIMARY KEY, {columns})",
                    *(f"INSERT INTO vs.{group.name} VALUES ({n}, {', '.join(map(str, row))})" for n, row in enumerate(rows))])
    for end, db in enumerate(("vs", "vt")):
        server.sql([f"CREATE TABLE {db}.framing (id INT PRIMARY KEY, {FRAMED})", f"INSERT INTO {db}.framing VALUES "
                    + ", ".join(f"({n}, {rows[end]})" for n, rows in enumerate([*FRAMING, *((row, row) for pair in FRAMING for row in pair)]))])
    for two in TWO:
        if server.kind in two.source:
            two.create(server, "vs", 0)
        if server.kind in two.target:
            two.create(server, "vt", 1)


def charsets(servers):
    have = [{name.replace("utf8mb3", "utf8") for (name,) in server.sql("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS")}
            for server in servers.values()]
    return type_values.charsets(sorted(set.intersection(*have) - {"binary"}), tuple(servers))


def read_group(session, group, told, end, loose):
    parts = [f"HEX(CAST({told['row'][end]} AS BINARY))"]
    for column, of in zip(group.columns, told["columns"][1:]):
        assert of["name"] == column.name and of["leftOut"] is None, of
        exact = column.loose.get("mariadb", column.exact) if loose else column.exact
        parts += [exact.format(f"`{column.name}`"), f"CAST({of['value'][end]} AS BINARY)", f"CAST({of['sum'][end]} AS BINARY)"]
    return session.sql(f"SELECT id, {', '.join(parts)} FROM vs.{group.name} ORDER BY id")


def check_group(forms, sessions, group, loose):
    told = forms.tables[group.name]
    assert told["missing"] == "", told["missing"]
    ends = [read_group(session, group, told, end, loose) for end, session in enumerate(sessions)]
    for place, column in enumerate(group.columns):
        for kind, at in (("value", 1), ("sum", 2)):
            wrong = one_to_one([(row[2 + 3 * place], row[2 + 3 * place + at]) for rows in ends for row in rows])
            assert not wrong, f"{group.name}.{column.name}, {kind}: {wrong[:3]}"
    rows = [(row[0], row[2::3]) for end in ends for row in end]
    wrong = one_to_one(zip(rows, [row[1] for end in ends for row in end]))
    assert not wrong and all(row[1] is not None for end in ends for row in end), f"{group.name}, row: {wrong[:3]}"
    find_all(forms, sessions, group, ends)


def find_all(forms, sessions, group, ends):
    """Each edge value of each column by what finds it, at both ends where both have it; one statement an end."""
    counted = {0: [], 1: []}
    for place, column in enumerate(group.columns):
        at = {end: {row[3 + 3 * place]: row[0] for row in ends[end][:len(column.edges)] if row[3 + 3 * place] is not None} for end in (0, 1)}
        values = [value for value in at[0] if value in at[1] and len(value) < 100000]
        found = forms.equals((group.name, column.name, value) for value in values)
        for end in (0, 1):
            parts = [f"(id = {int(at[end][value])} AND {equals[end]})" for value, equals in zip(values, found)]
            counted[end].append((column.name, len(parts), " OR ".join(parts) or "FALSE"))
    for end, session in enumerate(sessions):
        row = session.sql("SELECT " + ", ".join(f"SUM({parts})" for _, _, parts in counted[end]) + f" FROM vs.{group.name}")[0]
        for (name, count, parts), seen in zip(counted[end], row):
            assert int(seen) == count, f"{group.name}.{name}: {int(seen)} of {count} values are found: {parts[:3000]}"


def check_two(forms, sessions, two, explain):
    told = forms.tables[two.name]
    of = told["columns"][1]
    assert told["missing"] == "" and of["leftOut"] is None, (two.name, told["missing"], of)
    ends = []
    for end, session in enumerate(sessions):
        ends.append(session.sql(f"SELECT id, {told['row'][end]}, CAST({of['value'][end]} AS BINARY), CAST({of['sum'][end]} AS BINARY), v IS NULL"
                                f" FROM {('vs', 'vt')[end]}.{two.name} ORDER BY id"))
    for (pair, same), here, there in zip(two.rows, *ends):
        for kind, at in (("row", 1), ("value", 2), ("sum", 3)):
            assert (here[at] == there[at]) == same, f"{two.name}, {kind} of {pair}: {here[at]} and {there[at]}"
        for row in (here, there):
            assert row[1] is not None and (row[2] is None) == (row[3] is None) == (row[4] == b"1"), (two.name, pair, row)
    values = [value for value in {row[2] for rows in ends for row in rows} if value is not None and len(value) < 100000]
    found = forms.equals((two.name, "v", value) for value in values)
    for end, session in enumerate(sessions):
        table = f"{('vs', 'vt')[end]}.{two.name}"
        conditions = [equals[end] for equals in found]
        for row, here in zip(session.sql(f"SELECT id, {', '.join(conditions)} FROM {table} ORDER BY id"), ends[end]):
            for value, condition, seen in zip(values, conditions, row[1:]):
                assert (seen == b"1") == (here[2] == value) or seen == b"1" and two.spellings, (two.name, condition, here)
        for condition in conditions if explain and two.key else ():
            assert session.uses_index(table, condition), (two.name, session.connection.get_server_info(), condition)
            ids = {row[0] for row in session.sql(f"SELECT id FROM {table} FORCE INDEX (v) WHERE {condition}")}
            wanted = {row[0] for row in ends[end] if row[2] == values[conditions.index(condition)]}
            assert wanted <= ids and (two.spellings or wanted == ids), (two.name, condition, wanted, ids)


def check(env, kinds):
    servers = {kind: env.source(kind) for kind in kinds}
    groups = [*type_values.everything(), charsets(servers)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda server: fill(server, groups), servers.values()))
    for source in kinds:
        for target in kinds:
            check_pair(servers[source], servers[target], groups)


def check_pair(source, target, groups):
    sessions = [Session(source), Session(target)]
    both = [group for group in groups if source.kind in group.kinds and target.kind in group.kinds]
    forms = Forms(source, target, ("vs", "vs"))
    here = {two.name for two in TWO if source.kind in two.source and target.kind in two.source}
    forms.read(len(both) + len(here) + 1)
    for group in both:
        check_group(forms, sessions, group, "mariadb" in (source.kind, target.kind))
    forms.close()
    forms = Forms(source, target, ("vs", "vt"))
    twos = [two for two in TWO if source.kind in two.source and target.kind in two.target]
    told = forms.read(len(twos) + 1)["framing"]
    rows = [session.sql(f"SELECT {told['row'][end]} FROM {db}.framing ORDER BY id") for end, (db, session) in enumerate(zip(("vs", "vt"), sessions))]
    for n, (here, there) in enumerate(zip(*rows)):
        assert (here == there) == (n >= len(FRAMING)), (n, FRAMING[n % len(FRAMING)], here, there)
    for two in twos:
        check_two(forms, sessions, two, source.kind == target.kind)     # each definition once at each server
    forms.close()


@tags("quick")
@needs("mariadb")
@timeout(120)
def test_mariadb(env):
    check(env, ("mariadb",))


@tags("matrix")
@needs("mariadb", "mysql56", "mysql97")
@timeout(300)
def test_nine_pairs(env):
    check(env, KINDS)
