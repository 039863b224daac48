"""Our decoder of row events against the servers' own: mysqlbinlog and mariadb-binlog read the same file."""

import calendar
import ipaddress
import json
import os
import random
import re
import subprocess
import time
import uuid

import pymysql

from harness import load
from harness.daemon import build_dir
from harness.runner import Skip, needs, timeout

CACHE = os.environ.get("CAUSEWAY_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "causeway")
VALUE = re.compile(rb"^###   @(\d+)=(.*?) /\* ([A-Z/]+)(?:\((\S+)[^)]*\))? meta=.*\*/$", re.S)
INTEGERS = ("TINYINT", "SHORTINT", "MEDIUMINT", "INT", "LONGINT", "YEAR", "ENUM")
EDGES = [
    "CREATE TABLE app.edge (id INT PRIMARY KEY, u8 TINYINT UNSIGNED, i16 SMALLINT, u24 MEDIUMINT UNSIGNED, i24 MEDIUMINT,"
    " u32 INT UNSIGNED, u64 BIGINT UNSIGNED, i64 BIGINT, f FLOAT, d DOUBLE, n DECIMAL(65,30), n0 DECIMAL(1,0),"
    " b BIT(64), b1 BIT(1), y YEAR, da DATE, t0 TIME, t3 TIME(3), t6 TIME(6), dt DATETIME, dt1 DATETIME(1), dt6 DATETIME(6),"
    " ts TIMESTAMP NULL, ts5 TIMESTAMP(5) NULL, c CHAR(10), bi BINARY(8), v VARCHAR(300), vb VARBINARY(20),"
    " e ENUM('a','b','c'), s SET('x','y','z'), tt TINYTEXT, bl BLOB, lt LONGTEXT)",
    "INSERT INTO app.edge VALUES (1, 255, -32768, 16777215, -8388608, 4294967295, 18446744073709551615,"
    " -9223372036854775808, 1.5, -1e300, -99999999999999999999999999999999999.999999999999999999999999999999, -9,"
    " 18446744073709551615, 1, 2155, '9999-12-31', '-838:59:59', '-00:00:00.001', '838:59:58.999999',"
    " '9999-12-31 23:59:59', '1000-01-01 00:00:00.9', '2024-02-29 23:59:59.999999', '2038-01-19 03:14:07',"
    " '1970-01-01 00:00:01.00001', 'trail  ', x'0102000000000000', REPEAT('é', 300), x'000100', 'c', 'x,z', '', x'00ff',"
    " REPEAT('long', 5000))",
    "INSERT INTO app.edge (id) VALUES (2)",
    "INSERT INTO app.edge VALUES (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '2000-01-01', 0, 0, 0, '2000-01-01',"
    " '2000-01-01', '2000-01-01', '2000-01-01', '2000-01-01', '', '', '', '', 'a', '', '\\'\\\\\"\\n\\0', '', '')",
    "UPDATE app.edge SET n = 0.000000000000000000000000000001, t0 = '-00:00:01', v = NULL, s = 'y' WHERE id = 3",
    "DELETE FROM app.edge WHERE id = 2",
]


def reader(kind):
    """The command that prints a binlog of that kind of server."""
    if kind == "mariadb":
        return ["/usr/bin/mariadb-binlog", "--no-defaults"]
    tree = os.path.join(CACHE, "mysql97", "usr")
    if not os.path.exists(os.path.join(tree, "bin", "mysqlbinlog")):
        raise Skip("mysqlbinlog is not in the unpacked MySQL")
    return [os.path.join(tree, "lib64", "ld-linux-x86-64.so.2"), "--library-path",
            os.path.join(tree, "lib", "x86_64-linux-gnu"), os.path.join(tree, "bin", "mysqlbinlog"), "--no-defaults",
            f"--character-sets-dir={tree}/share/mysql/charsets"]


def theirs(kind, path):
    """[(table, {number: (text, type)})] of each image, in the order of the file."""
    out = subprocess.run(reader(kind) + ["-vv", "--base64-output=DECODE-ROWS", path], capture_output=True, check=True).stdout
    images = []
    for line in out.split(b"\n"):
        if re.match(rb"^### (INSERT|UPDATE|DELETE)", line):
            table = re.search(rb"`(.*?)`\.`(.*?)`", line)
            name = b".".join(table.groups()).decode()
        elif line in (b"### SET", b"### WHERE"):
            images.append((name, {}))
        elif line.startswith(b"###   @"):
            match = VALUE.match(line)
            assert match, line[:200]
            images[-1][1][int(match.group(1))] = (match.group(2), match.group(3).decode())
    return images


def ours(server, name):
    """[(table, [value])] as binlog_dump_tool prints them."""
    tool = os.path.join(build_dir(), "binlog_dump_tool")
    done = subprocess.run([tool, "127.0.0.1", str(server.port), "root", "", name, "text"], capture_output=True, check=False)
    wrong = [line for line in done.stdout.split(b"\n") if line.startswith(b"!!")]
    assert done.returncode == 0 and not wrong, (done.returncode, wrong[:3], done.stderr[-500:])
    rows = [line.decode().split("\t") for line in done.stdout.split(b"\n") if line.startswith(b"ROW\t")]
    return [(row[2], row[3:]) for row in rows]


def unquote(text, mariadb):
    """MariaDB's tool writes control characters as \\xNN and leaves quotes and backslashes as they are."""
    assert text[:1] == b"'" and text[-1:] == b"'", text[:100]
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0"}

    def replaced(match):
        return bytes.fromhex(match.group(1).decode()) if match.group(1) else plain.get(match.group(2), match.group(2))
    escapes = rb"\\x([0-9a-f]{2})" + (b"" if mariadb else rb"|\\(.)")
    return re.sub(escapes, replaced, text[1:-1], flags=re.S)


def unix_time(text):
    """Of a TIMESTAMP's text in UTC, as the readers print it."""
    whole, _, fraction = text.partition(".")
    seconds = 0 if whole.startswith("0000") else calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S"))
    return f"{seconds}.{fraction}" if fraction else str(seconds)


def same(mine, text, kind, mariadb):
    """Is our value what theirs shows? Reals are printed with six digits there."""
    if mine == "NULL" or text == b"NULL":
        return mine == "NULL" and text == b"NULL"
    sort, raw = mine[:2], mine[2:]
    if kind == "YEAR" and text == b"1900":      # what they make of the year 0000
        return raw == "0"
    if kind in INTEGERS:        # "-1 (255)": signed and unsigned
        return raw in re.findall(r"-?\d+", text.decode())
    if kind in ("FLOAT", "DOUBLE"):
        value = float.fromhex(raw)
        return abs(value - float(text)) <= 1e-5 * abs(value)
    if kind in ("BIT", "SET"):      # bytes as they are stored: of a SET the lowest is the first
        stored = int(text[2:-1], 2).to_bytes((len(text) - 3 + 7) // 8, "big")
        return int(raw) == int.from_bytes(stored, "little" if kind == "SET" else "big")
    value = bytes.fromhex(raw)
    assert sort in ("t:", "b:"), mine
    if kind == "TIMESTAMP":
        return unix_time(value.decode()) == text.decode().strip("'")
    if kind in ("DATE", "TIME", "DATETIME"):
        return value.decode() == text.decode().strip("'").replace(":", "-" if kind == "DATE" else ":")
    if kind == "DECIMAL":
        return value == text
    if kind == "JSON" and value[:1] == b'"':     # a string is shown without JSON's own quotes
        return json.loads(value).encode() == unquote(text, mariadb)
    if kind == "STRING":        # BINARY: the zeros at its end are not in the event
        return value.rstrip(b"\0") == unquote(text, mariadb).rstrip(b"\0")
    return value == unquote(text, mariadb)


def compare(server, kind):
    source_log = server.sql("SHOW BINARY LOGS")[-1][0]
    server.sql("FLUSH BINARY LOGS")
    their = theirs(kind, os.path.join(server.directory, "data", source_log))
    our = ours(server, source_log)
    assert len(our) == len(their) > 100, (len(our), len(their))
    values, kinds = 0, set()
    for number, ((our_table, row), (their_table, columns)) in enumerate(zip(our, their)):
        assert our_table == their_table and len(row) == len(columns), (number, our_table, their_table)
        for at, mine in enumerate(row):
            text, of = columns[at + 1]
            assert same(mine, text, of, kind == "mariadb"), f"image {number} of {our_table} column {at + 1} {of}: {mine[:200]}, not {text[:200]}"
            values += 1
            kinds.add(of)
    print(f"    {len(our)} images, {values} values of {len(kinds)} types: {' '.join(sorted(kinds))}", flush=True)


def decoded_alike(env, kind):
    server = env.source(kind)
    load.create_schema(server, "app", kind)
    server.sql("FLUSH BINARY LOGS")
    server.sql(["SET sql_mode = ''", "SET time_zone = '+00:00'"] + EDGES)
    load.fill(server, "app", 300)
    writer = env.load(server, "app", rate=200)
    writer.wait_committed(200)
    writer.stop()
    compare(server, kind)


@needs("mariadb")
@timeout(60)
def test_mariadb(env):
    decoded_alike(env, "mariadb")


@needs("mysql56", "mysql97")
@timeout(60)
def test_mysql56(env):
    decoded_alike(env, "mysql56")


@needs("mysql97")
@timeout(60)
def test_mysql97(env):
    decoded_alike(env, "mysql97")


SHAPES = ["ST_GeomFromText('LINESTRING(0 1,2 3)')", "POINT(1, -2.5)", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326)",
          "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),MULTIPOINT(0 0,1 1))')", "NULL"]
UUIDS = [f"'{text}'" for text in ("123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000",
                                  "ffffffff-ffff-ffff-ffff-ffffffffff20", "01890a5d-ac96-774b-bcce-b302099a8057")] + ["NULL"]
INET4 = ["'10.0.0.1'", "'0.0.0.0'", "'255.255.255.255'", "'32.32.32.32'", "NULL"]
INET6 = ["'2001:db8::1'", "'::'", "'::ffff:1.2.3.4'", "'ffff::2020'", "NULL"]
VECTORS = ["STRING_TO_VECTOR('[1,-2.5,3e10,0]')", "STRING_TO_VECTOR('[0]')", "STRING_TO_VECTOR('[1e-37,-0,2,3]')", "NULL", "NULL"]
# column: its type, its values, SQL whose hexadecimal text is what we decode
NATIVE = {
    "mariadb": {"u": ("UUID", UUIDS, "CAST(u AS CHAR)"), "i4": ("INET4", INET4, "CAST(i4 AS CHAR)"),
                "i6": ("INET6", INET6, "CAST(i6 AS CHAR)"), "g": ("GEOMETRY", SHAPES, "g")},
    "mysql56": {"g": ("GEOMETRY", SHAPES, "g")},
    "mysql97": {"v": ("VECTOR(4)", VECTORS, "v"), "g": ("GEOMETRY", SHAPES, "g")},
}
PACKED = {1: lambda text: uuid.UUID(text).bytes, 2: lambda text: ipaddress.ip_address(text).packed,
          3: lambda text: ipaddress.ip_address(text).packed}


def native_types(env, kind):
    """Types that few servers have, as the server itself shows them, the images of updates included."""
    server = env.source(kind)
    columns, count = NATIVE[kind], len(SHAPES)
    server.sql(["CREATE DATABASE app", "FLUSH BINARY LOGS", "CREATE TABLE app.n (id INT PRIMARY KEY, "
                + ", ".join(f"{name} {entry[0]}" for name, entry in columns.items()) + ")"])
    server.sql([f"INSERT INTO app.n VALUES ({n}, " + ", ".join(entry[1][n % count] for entry in columns.values()) + ")"
                for n in range(count)])
    query = "SELECT id, " + ", ".join(f"HEX({entry[2]})" for entry in columns.values()) + " FROM app.n ORDER BY id"
    shown = [list(row) for row in server.sql(query)]
    server.sql([f"UPDATE app.n SET {name} = {entry[1][(n + 2) % count]} WHERE id = {n}"
                for n in range(count) for name, entry in columns.items()] + ["UPDATE app.n SET id = id + 100 ORDER BY id"])
    changed = [list(row) for row in server.sql(query)]
    log = server.sql("SHOW BINARY LOGS")[-1][0]
    server.sql("FLUSH BINARY LOGS")
    rows = [row for table, row in ours(server, log) if table == "app.n"]

    def plain(row):
        return [int(row[0][2:]), *(None if value == "NULL" else value[2:].upper() for value in row[1:])]
    assert [plain(row) for row in rows[:count]] == shown, (rows[:count], shown)
    assert [plain(row) for row in rows[-1::-2]][:count][::-1] == changed, (rows[-2 * count:], changed)
    if kind == "mariadb":       # MySQL's reader knows neither geometry nor vectors
        compare_packed(rows, theirs(kind, os.path.join(server.directory, "data", log)))


def compare_packed(rows, their):
    """mariadb-binlog shows the bytes of UUID and INET, we the text that SQL shows."""
    assert len(rows) == len(their) > 10, (len(rows), len(their))
    for row, (_, columns) in zip(rows, their):
        for at, mine in enumerate(row):
            if at in PACKED and mine != "NULL":
                mine = "b:" + PACKED[at](bytes.fromhex(mine[2:]).decode()).hex()
            assert same(mine, *columns[at + 1], True), (row, at, columns[at + 1])


@needs("mariadb")
@timeout(60)
def test_native_types_mariadb(env):
    native_types(env, "mariadb")


@needs("mysql56")
@timeout(60)
def test_native_types_mysql56(env):
    native_types(env, "mysql56")


@needs("mysql97")
@timeout(60)
def test_native_types_mysql97(env):
    native_types(env, "mysql97")


KEYS = ["a", "b", "é", "a b", "", '"q"', "long key here", "x\\y", "0", "日本", "k1", "\t", ".", "[0]", "$a", "1a"]
PLAIN = ["7", "'x'", "1.50", "CAST('2024-02-29' AS DATE)", "CAST('12:34:56.789' AS TIME(3))", "NOW(6)", "x'ff00'", "true",
         "null", "CAST(12.340 AS DECIMAL(10,3))", "REPEAT('z', 300)", "JSON_ARRAY()", "JSON_OBJECT()", "1e0"]


class Json:
    """Random documents, and random changes of them as SQL."""

    def __init__(self, connection, seed):
        self.random = random.Random(seed)
        self.literal = connection.literal

    def document(self, depth=0):
        chance = self.random.random()
        if depth > 4 or chance < 0.35:
            return self.random.choice([1, -1, 65536, 1.5, 1e100, "str", "0123456789" * 5, None, True, 'q"\\\n\u0001é', 0.1])
        size = range(self.random.randint(0, 6))
        if chance < 0.7:
            return {self.random.choice(KEYS): self.document(depth + 1) for _ in size}
        return [self.document(depth + 1) for _ in size]

    def path(self):
        legs = [self.random.choice(["." + json.dumps(self.random.choice(KEYS), ensure_ascii=False),
                                    f"[{self.random.randint(0, 4)}]", "[last]", "[last-1]", ".a", ".b"])
                for _ in range(self.random.randint(1, 3))]
        return self.literal("$" + "".join(legs))

    def value(self):
        if self.random.random() < 0.5:
            return self.random.choice(PLAIN)
        return f"CAST({self.literal(json.dumps(self.document(2)))} AS JSON)"

    def change(self, column):
        text = column
        for _ in range(self.random.randint(1, 3)):
            function = self.random.choice(["JSON_SET", "JSON_REPLACE", "JSON_REMOVE"])
            some = range(self.random.randint(1, 3))
            one = self.path if function == "JSON_REMOVE" else lambda: f"{self.path()}, {self.value()}"
            text = f"{function}({text}, {', '.join(one() for _ in some)})"
        return text


def change_documents(connection, count, seed):
    """What the server shows after each change: {number of the change: (a, b)}."""
    shown = {}
    made = Json(connection, seed)
    with connection.cursor() as cursor:
        for number in range(20):
            document = json.dumps({key: made.document() for key in KEYS})
            cursor.execute("INSERT INTO app.j VALUES (%s, %s, %s, -1)",
                           [number, document, json.dumps([made.document() for _ in range(6)])])
        for number in range(count):
            row = made.random.randrange(20)
            try:
                cursor.execute(f"UPDATE app.j SET a = {made.change('a')}, b = {made.change('b')}, n = {number}"
                               f" WHERE id = {row}")
            except pymysql.Error:       # a path that may not be: removing "$" and such
                continue
            cursor.execute(f"SELECT a, b FROM app.j WHERE id = {row}")
            shown[number] = cursor.fetchone()
    return shown


@needs("mysql97")
@timeout(60)
def test_json_diffs(env):
    """PARTIAL_UPDATE_ROWS: the document that the diffs make is what the server shows, byte by byte."""
    server = env.source("mysql97")
    server.sql(["CREATE DATABASE app", "CREATE TABLE app.j (id INT PRIMARY KEY, a JSON, b JSON, n INT)",
                "FLUSH BINARY LOGS"])
    connection = server.connect(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SET binlog_row_value_options = PARTIAL_JSON")
    shown = change_documents(connection, 400, 1)
    connection.close()
    log = server.sql("SHOW BINARY LOGS")[-1][0]
    partial = [row for row in server.sql(f"SHOW BINLOG EVENTS IN '{log}'") if row[2] == "Update_rows_partial"]
    assert len(partial) > 300, len(partial)
    images = {int(row[3][2:]): tuple(bytes.fromhex(v[2:]).decode() if v != "NULL" else None for v in row[1:3])
              for table, row in ours(server, log) if table == "app.j"}
    wrong = [number for number, documents in shown.items() if images.get(number) != documents]
    assert not wrong, (len(wrong), shown[wrong[0]], images.get(wrong[0]))
    print(f"    {len(shown)} changes of two documents, {len(partial)} of them logged in part", flush=True)
