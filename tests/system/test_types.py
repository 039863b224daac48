"""Every column type from every server to every server: copied, then changed incrementally, exact to the bit.

type_values.py holds the types. One source serves the three kinds of target at once, in a project each. Both ends are
read by SQL expressions that tell a value exactly and share nothing with the product. docs/types.md is checked against
what was seen. CAUSEWAY_TEST_SCALE is the number of random rows of a table of ordinary width: 200 unless told
otherwise; 100000 is the size the issue asks for, for a long night.
"""

import os
import random
import re
import subprocess
import uuid

import type_values
from common import MARK_TABLE, REPOSITORY, resident_mib, start_forward, tree, wait_failed, wait_monitoring
from harness.compare import NULL
from harness.daemon import specific, wait_for
from harness.runner import needs, tags, timeout
from type_values import KINDS, MYSQL, hexed, quoted

SCALE = int(os.environ.get("CAUSEWAY_TEST_SCALE", "200"))
SQL_MODE = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
RANDOM_FROM, COPIED_FROM = 1000000, 10000000
NAMES = {"mariadb": "MariaDB", "mysql56": "MySQL 5.6", "mysql97": "MySQL 9.7"}
DOCS = os.path.join(REPOSITORY, "docs", "types.md")

# What a type becomes where the target has no such type of its own.
CONVERTED = {("JSON (MySQL)", "mysql97", "mariadb"), ("JSON (MariaDB)", "mariadb", "mysql97"), ("JSON (MariaDB)", "mariadb", "mysql56"),
             *(("FLOAT, DOUBLE: negative zero", kind, "mariadb") for kind in MYSQL),
             ("JSON (MySQL): DECIMAL, DATE, TIME, DATETIME, opaque bytes inside", "mysql97", "mariadb"),
             ("JSON (MySQL): DECIMAL, DATE, TIME, DATETIME, opaque bytes inside", "mysql97", "mysql97")}


# ------------------------------------------------------------------------------------------ tables and rows

def columns_sql(group):
    return ", ".join(f"`{column.name}` {column.ddl}" for column in group.columns)


def names_sql(group, alias=""):
    return ", ".join(f"{alias}`{column.name}`" for column in group.columns)


def create(source, group, random_rows):
    """aux.<group> holds the edge values; app.<group> each of them once for each other; app.<group>_nk has no key."""
    name, n = group.name, group.edge_count
    statements = [SQL_MODE, f"CREATE TABLE aux.{name} (k INT PRIMARY KEY, {columns_sql(group)})",
                  f"CREATE TABLE app.{name} (id INT PRIMARY KEY, {columns_sql(group)})",
                  f"CREATE TABLE app.{name}_nk (k INT, {columns_sql(group)})"]
    statements += [f"INSERT INTO aux.{name} VALUES ({k}, {', '.join(group.edge(k))})" for k in range(n)]
    statements += [f"INSERT INTO app.{name} SELECT a.k * {n} + b.k, {names_sql(group, 'a.')} FROM aux.{name} a, aux.{name} b",
                   f"INSERT INTO app.{name}_nk SELECT * FROM aux.{name}", f"INSERT INTO app.{name}_nk SELECT * FROM aux.{name}"]
    statements += random_inserts(group, int(random_rows * group.rows))
    source.sql(statements)


def random_inserts(group, count):
    rng = random.Random(group.name)
    for start in range(0, count, 200):
        rows = [f"({RANDOM_FROM + number}, {', '.join(column.random(rng) for column in group.columns)})"
                for number in range(start, min(start + 200, count))]
        yield f"INSERT INTO app.{group.name} VALUES {', '.join(rows)}"


def set_sql(group, of="t.", to="o."):
    return ", ".join(f"{of}`{column.name}` = {to}`{column.name}`" for column in group.columns)


def change_forth(source, group):
    """Every value to every other; random rows inserted again, and changed."""
    name, n = group.name, group.edge_count
    source.sql([SQL_MODE,
                f"INSERT INTO app.{name} SELECT k + {n * n}, {names_sql(group)} FROM aux.{name}",
                f"UPDATE app.{name} t JOIN aux.{name} o ON o.k = t.id % {n} SET {set_sql(group)} WHERE t.id < {n * n}",
                f"INSERT INTO app.{name} SELECT id + {COPIED_FROM}, {names_sql(group)} FROM app.{name} WHERE id >= {RANDOM_FROM}",
                f"UPDATE app.{name} t JOIN app.{name} o ON o.id = t.id + {COPIED_FROM} + 1 SET {set_sql(group)}"
                f" WHERE t.id >= {RANDOM_FROM} AND t.id < {COPIED_FROM}",
                f"UPDATE app.{name}_nk t JOIN aux.{name} o ON o.k = (t.k + 1) % {n} SET {set_sql(group)}"])


def change_back(source, group):
    """Back again, and a part deleted."""
    name, n = group.name, group.edge_count
    source.sql([SQL_MODE, f"UPDATE app.{name} t JOIN aux.{name} o ON o.k = t.id DIV {n} SET {set_sql(group)} WHERE t.id < {n * n}",
                f"DELETE FROM app.{name} WHERE id % 3 = 0",
                f"UPDATE app.{name}_nk t JOIN aux.{name} o ON o.k = t.k SET {set_sql(group)}",
                f"DELETE FROM app.{name}_nk WHERE k % 3 = 0"])


# ------------------------------------------------------------------------------------------ keys

def keyed(name, ddl, values, key="PRIMARY KEY (v)", kinds=KINDS, targets=KINDS):
    return {"name": f"key_{name}", "ddl": ddl, "values": values, "key": key, "kinds": kinds, "targets": targets}


WORDS = [hexed(word, "utf8mb4") for word in ("a", "A", "á", "b ", "b", "B\t", "ss", "ß", "straße", "x y", "x  y", "zz", "日本", "日本 ",
                                             "😀", "😁", "", "i", "j", "y", "v", "w", "c\0", "c", "o'\\\"")]
MOMENTS = ["2024-02-29 23:59:59.999999", "2024-01-01 00:00:00.000001", "1999-12-31 00:00:00", "2024-01-01 00:00:00.5",
           "2001-02-03 04:05:06.070809", "2030-10-27 01:30:00"]
KEY_TABLES = [
    *(keyed(collation, f"VARCHAR(40) CHARACTER SET utf8mb4 COLLATE {collation}", WORDS)
      for collation in ("utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci")),
    keyed("char_ci", "CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci", WORDS),
    keyed("latin1", "VARCHAR(20) CHARACTER SET latin1", ["'a'", "'A '", "x'e4'", "x'c4'", "x'80'", "x'df'", "'ss'", "'b'", "x'ff'"]),
    keyed("0900", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", WORDS, kinds=("mysql97",), targets=("mysql97", "mariadb")),
    keyed("0900_as_cs", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs", WORDS, kinds=("mysql97",),
          targets=("mysql97", "mariadb")),
    keyed("0900_bin", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", WORDS, kinds=("mysql97",), targets=("mysql97", "mariadb")),
    keyed("nopad", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", WORDS, kinds=("mariadb",), targets=("mysql97", "mariadb")),
    keyed("general_nopad", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_nopad_ci", WORDS, kinds=("mariadb",),
          targets=("mariadb",)),
    keyed("prefix", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", WORDS, "PRIMARY KEY (v(3))"),
    keyed("blob_prefix", "BLOB", [hexed(bytes([n, 0, n])) for n in range(0, 250, 20)], "PRIMARY KEY (v(2))"),
    keyed("unique", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", WORDS, "UNIQUE KEY (v)"),
    keyed("binary", "BINARY(4)", ["x''", "x'00ff'", "x'20'", "x'2000'", "x'2020'", "x'61'", "x'ffffffff'", "x'61200000'"]),
    keyed("varbinary", "VARBINARY(9)", ["x''", "x'00'", "x'0000'", "x'20'", "x'2000'", "x'61'", "x'6120'", "x'ff'"]),
    keyed("decimal", "DECIMAL(65,30)", ["1", "-1", "0.1", "9" * 35 + "." + "9" * 30, "1e-30", "12345678901234567890.5"]),
    keyed("bit", "BIT(64)", ["0", "1", "18446744073709551615", "9223372036854775808", "255", "256"]),
    keyed("bigint", "BIGINT UNSIGNED", ["0", "1", "18446744073709551615", "9223372036854775808", "255", "256"]),
    keyed("enum", "ENUM('b','a','c d','é')", ["1", "2", "3", "4"]), keyed("set", "SET('x','y','z')", ["0", "1", "2", "3", "6", "7"]),
    keyed("time", "TIME(6)", [quoted(text) for text in ("-838:59:59", "00:00:00.000001", "-00:00:00.000001", "25:00:00", "12:00:00")]),
    keyed("datetime", "DATETIME(6)", [quoted(text) for text in MOMENTS]),
    keyed("timestamp", "TIMESTAMP(6) DEFAULT '2000-01-01 00:00:00'", [quoted(text) for text in MOMENTS]),
    keyed("date", "DATE", [quoted(text) for text in ("0000-00-00", "2024-00-00", "2024-01-01", "9999-12-31", "1000-01-01")]),
    keyed("year", "YEAR", ["0", "1901", "1999", "2024", "2155"]),
    keyed("uuid", "UUID", [f"'123e4567-e89b-{n}2d3-a456-426614174000'" for n in range(1, 8)], kinds=("mariadb",), targets=("mariadb",)),
    keyed("inet6", "INET6", [f"'2001:db8::{n}'" for n in range(8)], kinds=("mariadb",), targets=("mariadb",)),
]
MANY_COLUMNS = "a VARCHAR(9) CHARACTER SET latin1 NOT NULL, b DATETIME(3) NOT NULL, c DECIMAL(9,3) NOT NULL, d VARBINARY(3) NOT NULL"


def exact_of(table):
    word = table["ddl"].split("(")[0].split()[0]
    return "HEX({})" if word in ("VARCHAR", "CHAR", "TEXT", "BLOB", "BINARY", "VARBINARY", "BIT") else "CAST({} AS CHAR)"


def create_keys(source, tables):
    source.sql([SQL_MODE, f"CREATE TABLE app.key_many ({MANY_COLUMNS}, n INT, m INT, PRIMARY KEY (a, b, c, d(2)), UNIQUE KEY (d, c, b, a))",
                *(f"INSERT INTO app.key_many VALUES ({a!r}, '2024-01-01 00:00:00.{n:03d}', {n}.{n:03d}, x'{n:02x}00', {n}, 0)"
                  for n, a in enumerate(["a", "A", "b ", "b", "c", "c\xe4", "", " "]))])
    for table in tables:
        name, values = table["name"], table["values"]
        source.sql([SQL_MODE, f"CREATE TABLE app.{name} (v {table['ddl']} NOT NULL, n INT, m INT DEFAULT 0, {table['key']})"]
                   + [f"INSERT IGNORE INTO app.{name} (v, n) VALUES ({value}, {n})" for n, value in enumerate(values) if n % 2 == 0])


def change_keys(source, tables):
    """Every row by its key; keys that move to every other value that is free, to one equal but for case among them."""
    source.sql([SQL_MODE, "UPDATE app.key_many SET m = m + 1", "UPDATE app.key_many SET a = 'B', c = c + 0.5 WHERE n = 3",
                "UPDATE app.key_many SET a = UPPER(a) WHERE n = 4", "DELETE FROM app.key_many WHERE n = 6"])
    for table in tables:
        name, values = table["name"], table["values"]
        statements = [SQL_MODE, f"UPDATE app.{name} SET m = m + 1"]
        for n in range(0, len(values), 2):
            statements += [f"UPDATE IGNORE app.{name} SET v = {values[(n + step) % len(values)]} WHERE n = {n}" for step in (1, 3, 2)]
        statements += [f"INSERT IGNORE INTO app.{name} (v, n) VALUES ({value}, {100 + n})" for n, value in enumerate(values)]
        statements += [f"UPDATE app.{name} SET m = m + 1", f"DELETE FROM app.{name} WHERE n % 5 = 1"]
        source.sql(statements)


# ------------------------------------------------------------------------------------------ generated, invisible, time zones

def create_special(source):
    """Names of the further tables, each with the servers that can hold it."""
    names = {}
    if source.kind != "mysql56":
        source.sql(["CREATE TABLE app.generated (id INT PRIMARY KEY, a INT, v VARCHAR(20), twice INT AS (a * 2) VIRTUAL,"
                    " longer VARCHAR(30) AS (CONCAT(v, 'x')) STORED, hidden INT INVISIBLE DEFAULT 7, KEY (longer), KEY (twice))",
                    "INSERT INTO app.generated (id, a, v, hidden) VALUES (1, 1, 'a', 1), (2, NULL, NULL, NULL), (3, -5, 'é ', 3)"])
        names["generated"] = ("mariadb", "mysql97")
    if source.kind == "mysql97":
        source.sql(["SET SESSION sql_generate_invisible_primary_key = ON", "CREATE TABLE app.gipk (a INT, b VARCHAR(9))",
                    "INSERT INTO app.gipk VALUES (1, 'x'), (1, 'x'), (NULL, NULL)"])
        names["gipk"] = ("mariadb", "mysql97")
    source.sql([SQL_MODE, *implicit_timestamps(source), "CREATE TABLE app.implicit_ts (id INT PRIMARY KEY, a TIMESTAMP, b TIMESTAMP, n INT)",
                "INSERT INTO app.implicit_ts VALUES (1, NULL, '2024-01-01 00:00:00', 0), (2, '2020-01-01 00:00:00', '0000-00-00 00:00:00', 0)",
                "CREATE TABLE app.zones (id INT PRIMARY KEY AUTO_INCREMENT, ts TIMESTAMP(3) NULL DEFAULT NULL, at DATETIME(3), t TIME)"])
    names.update(implicit_ts=KINDS, zones=KINDS)
    load_zone(source)
    insert_zones(source)
    return names


def implicit_timestamps(source):
    """MySQL 5.6 has only this way, and no such variable in a session."""
    return [] if source.kind == "mysql56" else ["SET SESSION explicit_defaults_for_timestamp = OFF"]


def load_zone(source):
    """Once a server: a test before may have loaded it into the same one."""
    if source.value("SELECT COUNT(*) FROM mysql.time_zone_name WHERE Name = 'Europe/Berlin'"):
        return
    done = subprocess.run(["mariadb-tzinfo-to-sql", "/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"], capture_output=True,
                          text=True, check=True)
    statements = [part.strip() for part in re.split(r";\s*\n", done.stdout) if part.strip()]
    source.sql(["SET SESSION sql_mode = ''", *(part for part in statements if re.match(r"INSERT|SET @time_zone_id", part))], db="mysql")


def insert_zones(source):
    """The hour that is there twice, and the one that is not there at all."""
    for zone in ("Europe/Berlin", "+05:30", "-11:30", "SYSTEM"):
        source.sql([SQL_MODE, f"SET SESSION time_zone = '{zone}'",
                    *(f"INSERT INTO app.zones (ts, at, t) VALUES ('{text}', '{text}', '-12:00:00')"
                      for text in ("2024-10-27 02:30:00.123", "2024-03-31 02:30:00.5", "2024-07-01 12:00:00", "2024-10-27 01:59:59.999")),
                    "SET SESSION timestamp = 1729989000", "INSERT INTO app.zones (ts, at) VALUES (NOW(), NOW())",
                    "SET SESSION timestamp = 1729992600", "INSERT INTO app.zones (ts, at) VALUES (NOW(), NOW())"])


def change_special(source, names, number):
    insert_zones(source)
    source.sql([SQL_MODE, *implicit_timestamps(source), "SET SESSION time_zone = '+03:00'", "UPDATE app.zones SET ts = '2024-10-27 03:30:00' WHERE id = 2",
                "DELETE FROM app.zones WHERE id = 3", "UPDATE app.implicit_ts SET n = n + 1",
                f"INSERT INTO app.implicit_ts VALUES ({number}3, NULL, NULL, 0)", "UPDATE app.implicit_ts SET b = NULL WHERE id = 1"])
    if "generated" in names:
        source.sql(["UPDATE app.generated SET a = 11, hidden = 12 WHERE id = 1", f"INSERT INTO app.generated (id, v) VALUES ({number}4, 'new')",
                    "UPDATE app.generated SET v = 'moved' WHERE id = 3", "DELETE FROM app.generated WHERE id = 2"])
    if "gipk" in names:
        source.sql(["INSERT INTO app.gipk VALUES (5, 'five'), (1, 'x')", "UPDATE app.gipk SET a = 6 WHERE my_row_id = 2",
                    "DELETE FROM app.gipk WHERE my_row_id = 1"])


SPECIAL_COLUMNS = {"generated": ("id", "a", "HEX(v)", "twice", "HEX(longer)", "hidden"), "gipk": ("my_row_id", "a", "b"),
                   "implicit_ts": ("id", "a", "b", "n"), "zones": ("id", "ts", "at", "t")}


# ------------------------------------------------------------------------------------------ reading and comparing

def read(server, table, expressions):
    """Rows as lists of texts, in the order of what comes first."""
    parts = [f"IFNULL({expression}, '{NULL.decode()}')" for expression in expressions]
    connection = server.connect(use_unicode=False, conv={}, read_timeout=300)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
            cursor.execute(f"SELECT CAST(CONCAT_WS('|', {', '.join(parts)}) AS CHAR) FROM app.{table}")
            return sorted(row[0] for row in cursor.fetchall())
    finally:
        connection.close()


def expressions_of(group, target_kind, first="id"):
    return [first] + [column.loose.get(target_kind, column.exact).format(f"`{column.name}`") for column in group.columns]


def plan(groups, key_tables, special, kind):
    """{table: (expressions, names)} of what is compared with a target of this kind."""
    tables = {}
    for group in groups:
        if kind in group.kinds:
            names = [column.name for column in group.columns]
            tables[group.name] = (expressions_of(group, kind), ["id", *names])
            tables[group.name + "_nk"] = (expressions_of(group, kind, "k"), ["k", *names])
    for table in key_tables:
        if kind in table["targets"]:
            tables[table["name"]] = (["n", exact_of(table).format("v"), "m"], ["n", "v", "m"])
    tables["key_many"] = (["n", "HEX(a)", "b", "c", "HEX(d)", "m"], ["n", "a", "b", "c", "d", "m"])
    for name, where in special.items():
        if kind in where:
            tables[name] = (list(SPECIAL_COLUMNS[name]), list(SPECIAL_COLUMNS[name]))
    return tables


def differences(source, target, tables):
    found = []
    for table, (expressions, names) in tables.items():
        ours, theirs = read(source, table, expressions), read(target, table, expressions)
        if ours == theirs:
            continue
        here, there = set(ours) - set(theirs), set(theirs) - set(ours)
        others = {row.split(b"|")[0]: row for row in there}
        found.append(f"{table}: {len(ours)} rows at the source, {len(theirs)} at the target, {len(here)} differ")
        for row in sorted(here)[:5]:
            other = others.get(row.split(b"|")[0])
            if other is None:
                found.append(f"  {table}: not at the target: {row[:300]}")
                continue
            found += [f"  {table}.{name}, {names[0]}={row.split(b'|')[0].decode()}: {a[:120]} -> {b[:120]}"
                      for name, a, b in zip(names, row.split(b"|"), other.split(b"|")) if a != b][:4]
    return found


def assert_same(source, target, tables, phase, seconds=30):
    """Equal, or soon: lanes commit in parallel."""
    found = []

    def same():
        found[:] = differences(source, target, tables)
        return not found
    try:
        wait_for(same, seconds, "equal", interval=0.5)
    except AssertionError:
        raise AssertionError("\n".join([f"{source} and {target} differ {phase}:", *found[:60]])) from None


# ------------------------------------------------------------------------------------------ the matrix

def charset_groups(source, kinds, servers):
    """One table for what all servers have, one for each further set, given to the targets that have it."""
    have = {kind: {name for (name,) in server.sql("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS")}
            for kind, server in servers.items()}
    for names in have.values():
        names.discard("binary")
        if "utf8mb3" in names:
            names.discard("utf8mb3")
            names.add("utf8")
    common = sorted(set.intersection(*have.values()))
    rest = sorted(have[source.kind] - set(common))
    return [type_values.charsets(common, kinds)] + [type_values.charsets([name], tuple(kind for kind in kinds if name in have[kind]))
                                                    for name in rest]


def targets_of(group, source_kind):
    """Kinds of target that can hold the group's table as the schema step makes it."""
    if group.name == "documents":
        return ("mysql97", "mariadb")
    if group.name == "text_documents":
        return KINDS
    return group.kinds


def migrate(env, kind, target_kinds, rows, groups=None):
    source = env.source(kind)
    servers = {target: env.target(target) for target in target_kinds}
    source.sql(["CREATE DATABASE app CHARACTER SET utf8mb4", "CREATE DATABASE aux CHARACTER SET utf8mb4",
                f"CREATE TABLE app.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)"])
    if groups is None:
        groups = [group for group in type_values.everything() if kind in group.kinds]
        for group in groups:
            group.kinds = targets_of(group, kind)
        groups += charset_groups(source, target_kinds, {**servers, kind: source})
    key_tables = [table for table in KEY_TABLES if kind in table["kinds"]]
    for group in groups:
        create(source, group, rows)
    create_keys(source, key_tables)
    special = create_special(source)
    allow_local(env, servers, kind)
    plans = {target: plan(groups, key_tables, special, target) for target in target_kinds}
    daemon = env.daemon()
    projects = {}
    for target, server in servers.items():
        projects[target] = daemon.create_project(source, server, specific({"app": [*plans[target], MARK_TABLE]}))
        daemon.start_project(projects[target])
    for target, project in projects.items():
        wait_monitoring(daemon, project, 240)
        assert_same(source, servers[target], plans[target], "after the copy")
    for number, change in ((1, change_forth), (2, change_back)):
        for group in groups:
            change(source, group)
        change_keys(source, key_tables)
        change_special(source, special, number)
        for target, server in servers.items():
            wait_drained(daemon, projects[target], source, server)
            assert_same(source, server, plans[target], f"after {change.__name__}")
    for target in target_kinds:
        check_docs(groups, kind, target)


def wait_drained(daemon, project, source, server, timeout=240):
    """drain() that ends as soon as the project has failed."""
    mark = uuid.uuid4().hex
    source.sql(f"INSERT INTO app.{MARK_TABLE} VALUES (%s)", [mark])

    def arrived():
        assert daemon.project(project)["status"] != "FAILED", daemon.explain()
        return server.value(f"SELECT COUNT(*) FROM app.{MARK_TABLE} WHERE id = %s", [mark])
    daemon.wait_for(arrived, timeout, f"what was written is at {server}", interval=0.3)


def allow_local(env, servers, source_kind):
    """Each target takes LOAD DATA LOCAL from some sources and refuses it from others: both ways carry every type."""
    for server in servers.values():
        before = server.value("SELECT @@global.local_infile")
        env.cleanup(server.sql, f"SET GLOBAL local_infile = {before}")
        server.sql(f"SET GLOBAL local_infile = {int((server.kind == source_kind) != (server.kind == 'mysql56'))}")


@tags("matrix")
@needs("mariadb", "mysql56", "mysql97")
@timeout(900)
def test_from_mariadb(env):
    migrate(env, "mariadb", KINDS, SCALE)


@tags("matrix")
@needs("mariadb", "mysql56", "mysql97")
@timeout(900)
def test_from_mysql56(env):
    migrate(env, "mysql56", KINDS, SCALE)


@tags("matrix")
@needs("mariadb", "mysql56", "mysql97")
@timeout(900)
def test_from_mysql97(env):
    migrate(env, "mysql97", KINDS, SCALE)


@tags("quick")
@needs("mariadb")
def test_most_types_quickly(env):
    groups = [group for group in type_values.everything() if "mariadb" in group.kinds]
    migrate(env, "mariadb", ("mariadb",), 50, groups)


# ------------------------------------------------------------------------------------------ two definitions

U = "HEX(CONVERT({} USING utf8mb4))"
# column, at the source, at the target, values, SQL that is the same at both ends
FITTING = [
    ("e", "enum('a','b','c')", "enum('c','x','b','a')", ["'a'", "'b'", "'c'", "'none'"], U),
    ("s", "set('a','b','c')", "set('c','x','b','a')", ["''", "'a'", "'a,b'", "'c'"], "CONCAT(FIND_IN_SET('a',{0})>0,"
     "FIND_IN_SET('b',{0})>0, FIND_IN_SET('c',{0})>0)"),
    ("e_text", "enum('a','b')", "varchar(9)", ["'a'", "'b'", "'none'"], U),
    ("wider", "tinyint unsigned", "bigint", ["0", "255"], "{}"), ("narrower", "bigint", "smallint", ["-32768", "32767"], "{}"),
    ("latin1", "varchar(9) character set latin1", "varchar(9) character set utf8mb4", ["'é'", "x'80'", "'a '"], U),
    ("utf8mb4", "varchar(9) character set utf8mb4", "varchar(9) character set latin1", ["'é'", "'€'", "'a '"], U),
    ("utf16", "varchar(9) character set utf16", "text character set utf8mb4", ["'é日😀'", "''"], U),
    ("shorter", "varchar(30)", "varchar(5)", ["'a'", "'abc  '"], U),
    ("d", "decimal(10,2)", "decimal(14,4)", ["-1.25", "99999999.99"], "CAST({} AS DECIMAL(20,2))"),
    ("f", "float", "double", ["1.1", "-3e38"], "{}*1e0"), ("ts", "timestamp(3) null", "datetime(6)", ["'2024-01-02 03:04:05.678'"], "CAST({} AS CHAR(23))"),
]
# at the source, at the target, a value that does not fit. Each stops a project, which names its table.
MISFITS = [
    ("varchar(30)", "varchar(5)", "'abc       '"), ("varchar(30)", "varchar(5)", "'abcdefg'"), ("bigint", "int", "3000000000"),
    ("decimal(10,4)", "decimal(10,2)", "1.2345"), ("enum('a','b')", "enum('a')", "'b'"),
    ("varchar(9) character set utf8mb4", "varchar(9) character set latin1", "'日'"),
]


def make_both(source, target, db, columns):
    """columns: (name, at the source, at the target)."""
    for server, which in ((source, 1), (target, 2)):
        made = ", ".join(f"`{column[0]}` {column[which]}" for column in columns)
        server.sql([f"CREATE DATABASE {db} CHARACTER SET utf8mb4", f"CREATE TABLE {db}.t (id INT PRIMARY KEY, {made})",
                    f"CREATE TABLE {db}.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)"])


def fit_and_misfit(env, kind):
    source, target = env.source(kind), env.target(kind)
    make_both(source, target, "app", FITTING)
    count = max(len(entry[3]) for entry in FITTING)
    rows = [f"({{}}, {', '.join(entry[3][n % len(entry[3])] for entry in FITTING)})" for n in range(count)]
    source.sql([SQL_MODE, *(f"INSERT INTO app.t VALUES {row.format(n)}" for n, row in enumerate(rows))])
    for n, (here, there, _) in enumerate(MISFITS):
        make_both(source, target, f"copy{n}", [("v", here, there)])
        make_both(source, target, f"incr{n}", [("v", here, there)])
    source.sql([SQL_MODE, *(f"INSERT INTO copy{n}.t VALUES (77, {value})" for n, (_, _, value) in enumerate(MISFITS))])
    daemon = env.daemon()
    projects = {db: daemon.create_project(source, target, specific({db: ["t", MARK_TABLE]}), struct=False)
                for db in ["app"] + [f"{way}{n}" for way in ("copy", "incr") for n in range(len(MISFITS))]}
    for db, project in projects.items():
        daemon.start_project(project)
        if not db.startswith("copy"):
            wait_monitoring(daemon, project)
    source.sql([SQL_MODE, *(f"INSERT INTO app.t VALUES {row.format(100 + n)}" for n, row in enumerate(rows)),
                "UPDATE app.t t, app.t o SET " + ", ".join(f"t.`{entry[0]}` = o.`{entry[0]}`" for entry in FITTING)
                + " WHERE o.id = 101 AND t.id = 100",
                *(f"INSERT INTO incr{n}.t VALUES (77, {value})" for n, (_, _, value) in enumerate(MISFITS))])
    wait_drained(daemon, projects["app"], source, target)
    assert_same(source, target, {"t": (["id", *(entry[4].format(f"`{entry[0]}`") for entry in FITTING)],
                                       ["id", *(entry[0] for entry in FITTING)])}, "where they are defined otherwise")
    for db, project in projects.items():
        if db == "app":
            continue
        daemon.wait_project(project, "FAILED", 60)
        failed = [step for step in daemon.steps(project).values() if step["status"] == "FAILED"][0]
        said = str(failed["extraInfo"])
        assert failed["name"] == ("FULL_TRANSFER" if db.startswith("copy") else "INCR_TRANSFER"), (db, said)
        assert f"{db}.t" in said, (db, said)
        assert target.value(f"SELECT COUNT(*) FROM {db}.t") == 0, f"{db}: {MISFITS[int(db[4:])]} was stored, changed"


@needs("mariadb")
@timeout(200)
def test_other_definitions_mariadb(env):
    fit_and_misfit(env, "mariadb")


@needs("mysql97")
@timeout(200)
def test_other_definitions_mysql97(env):
    fit_and_misfit(env, "mysql97")


@needs("mysql97")
def test_documents_that_no_text_can_carry(env):
    """A DECIMAL inside a document, whose text would read back as another one, stops the copy and incremental by name."""
    source, target = env.source("mysql97"), env.target("mysql97")
    daemon = env.daemon()
    for db, way in (("one", "copy"), ("two", "incr")):
        source.sql([f"CREATE DATABASE {db}", f"CREATE TABLE {db}.t (id INT PRIMARY KEY, j JSON)",
                    f"CREATE TABLE {db}.{MARK_TABLE} (id CHAR(32) PRIMARY KEY)"])
        bad = f"INSERT INTO {db}.t VALUES (42, JSON_ARRAY(CAST('1.2500' AS DECIMAL(10,4))))"
        if way == "copy":
            source.sql(bad)
        project = daemon.create_project(source, target, specific({db: ["t", MARK_TABLE]}))
        daemon.start_project(project)
        if way == "incr":
            wait_monitoring(daemon, project)
            source.sql(bad)
        said = str(wait_failed(daemon, project, "FULL_TRANSFER" if way == "copy" else "INCR_TRANSFER"))
        assert f"{db}.t" in said and "42" in said and "1.2500" in said and "column j" in said, said
        assert target.value(f"SELECT COUNT(*) FROM {db}.t") == 0


LARGE = 64 * 1024 * 1024
MEMORY_MIB = 1200        # of a worker: a row, its SQL text with every byte escaped, what the library keeps of it


@needs("mariadb", "mysql97")
@timeout(400)
def test_values_of_64_mib(env):
    """LONGBLOB and LONGTEXT, copied, inserted and updated, within a bounded memory."""
    options = ["--max-allowed-packet=268435456"]
    source, target = env.private_server("mariadb", options, "s"), env.private_server("mysql97", options, "t")
    source.sql(["CREATE DATABASE app CHARACTER SET utf8mb4",
                f"CREATE TABLE app.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)",
                "CREATE TABLE app.large (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT)",
                f"INSERT INTO app.large VALUES (1, REPEAT(x'00ff5c27', {LARGE // 4}), NULL), (2, NULL, REPEAT('a''é\n', {LARGE // 5}))"])
    daemon = env.daemon()
    project = daemon.create_project(source, target, specific({"app": ["large", MARK_TABLE]}))
    daemon.start_project(project)
    wait_monitoring(daemon, project, 200)
    tables = {"large": (["id", "LENGTH(b)", "SHA2(b, 256)", "LENGTH(t)", "SHA2(t, 256)"], ["id", "b length", "b", "t length", "t"])}
    assert_same(source, target, tables, "after the copy")
    source.sql([f"INSERT INTO app.large VALUES (3, REPEAT(x'0a1aff00', {LARGE // 4}), NULL)",
                f"UPDATE app.large SET b = REPEAT(x'01', {LARGE}) WHERE id = 1", "DELETE FROM app.large WHERE id = 2"])
    wait_drained(daemon, project, source, target)
    assert_same(source, target, tables, "after the changes")
    for worker in daemon.workers(project):
        used = resident_mib(worker.pid)
        assert used < MEMORY_MIB, f"{worker.step} took {used:.0f} MiB"


# ------------------------------------------------------------------------------------------ the table in the docs

def doc_table():
    """{type: {(source, target): cell}} of the table in docs/types.md whose head names the nine pairs."""
    rows, head = {}, None
    with open(DOCS, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| type |") and "→" in line:
                head = [tuple(cell.split(" → ")) for cell in cells[1:]]
            elif head and line.startswith("| ") and not line.startswith("| ---"):
                rows[cells[0]] = dict(zip(head, cells[1:]))
            elif not line.startswith("|"):
                head = None
    return rows


def check_docs(groups, kind, target):
    """The documented outcome is the one that was seen: what got here is equal at both ends."""
    table = doc_table()
    for group in groups:
        for column in group.columns:
            seen = ("refused" if target not in group.kinds else
                    "converted" if (column.doc, kind, target) in CONVERTED else "exact")
            cell = table.get(column.doc, {}).get((NAMES[kind], NAMES[target]))
            assert cell is not None, f"docs/types.md has no row {column.doc!r} for {NAMES[kind]} → {NAMES[target]}"
            assert cell.split(",")[0].split(" ")[0] == seen, f"docs/types.md: {column.doc} {NAMES[kind]} → {NAMES[target]} is {cell!r}, seen: {seen}"


@needs("mysql97", "mariadb")
@timeout(120)
def test_json_over_packet(env):
    """MySQL gives an empty text, with a mere warning, for a document longer than its max_allowed_packet: the copy stops and
    says so, and is right once that is mended."""
    source, target = env.source("mysql97"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.doc (id INT PRIMARY KEY, j JSON)",
                "INSERT INTO app.doc VALUES (1, JSON_OBJECT('a', REPEAT('x', 100000))), (2, '[1]')"])
    before = source.value("SELECT @@GLOBAL.max_allowed_packet")
    source.sql("SET GLOBAL max_allowed_packet = 65536")
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False)
    told = wait_failed(daemon, project, "FULL_TRANSFER")
    assert "max_allowed_packet" in str(told), told
    assert target.value("SELECT COUNT(*) FROM app.doc") == 0, "nothing of it is at the target"
    source.sql(f"SET GLOBAL max_allowed_packet = {before}")
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_step(project, "FULL_TRANSFER", "FINISHED", 60)
    assert target.value("SELECT CHAR_LENGTH(j) FROM app.doc WHERE id = 1") == source.value("SELECT CHAR_LENGTH(j) FROM app.doc WHERE id = 1")
