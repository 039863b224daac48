"""Column types with their edge values, random values and an exact SQL form: what test_types.py works through.

A Column is one column of a test table. Its values are SQL literals, so that they reach the source without any code of
ours; its exact form is an SQL expression whose text tells the value bit for bit, on every server alike.
"""

import datetime
import json
import random
import struct

KINDS = ("mariadb", "mysql56", "mysql97")
MYSQL = ("mysql56", "mysql97")


class Column:
    """doc: its row in docs/types.md. exact: SQL with {} for the column. loose: the same by kind of target, for what that
    target can't hold as it is.
    """

    def __init__(self, name, ddl, edges, rand=None, exact="CAST({} AS CHAR)", doc=None, default="NULL", loose=None):
        self.name = name
        self.ddl = f"{ddl} {default}".rstrip()
        self.edges = [*edges, "NULL"] if "NOT NULL" not in self.ddl else list(edges)
        self.rand = rand or (lambda rng: rng.choice(self.edges))
        self.exact = exact
        self.loose = loose or {}
        self.doc = doc or ddl

    def random(self, rng):
        return "NULL" if "NOT NULL" not in self.ddl and rng.random() < 0.05 else str(self.rand(rng))


class Group:
    """Columns of one table. kinds: servers that have these types; options: of the table."""

    def __init__(self, name, columns, kinds=KINDS, options="", rows=1.0):
        self.name = name
        self.columns = columns
        self.kinds = kinds
        self.options = options
        self.rows = rows            # share of the random rows: wide tables take fewer

    @property
    def edge_count(self):
        return max(len(column.edges) for column in self.columns)

    def edge(self, k):
        return [column.edges[k % len(column.edges)] for column in self.columns]


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def hexed(data, charset=None):
    data = data.encode() if isinstance(data, str) else data
    if charset is None:
        return f"x'{data.hex()}'"
    return f"_{charset} x'{data.hex()}'"


# ------------------------------------------------------------------------------------------ numbers

def integers():
    columns = []
    for word, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)):
        low, high, top = -2 ** (bits - 1), 2 ** (bits - 1) - 1, 2 ** bits - 1
        columns.append(Column(f"s{bits}", word, [0, 1, -1, low, high, low + 1, high - 1, 10],
                              lambda rng, low=low, high=high: rng.randint(low, high), doc=word.upper()))
        columns.append(Column(f"u{bits}", f"{word} unsigned", [0, 1, top, top - 1, high, high + 1, 10],
                              lambda rng, top=top: rng.randint(0, top), doc=f"{word.upper()} UNSIGNED"))
    columns.append(Column("bool", "bool", [0, 1, 127, -128], doc="BOOL"))
    columns.append(Column("zerofill", "int(7) unsigned zerofill", [0, 42, 4294967295], exact="CAST({}+0 AS CHAR)",
                          doc="INT UNSIGNED ZEROFILL"))
    for column in columns:
        column.edges = [str(value) for value in column.edges]
    return Group("ints", columns)


def bits():
    def values(width):
        return [f"b'{value:0{width}b}'" for value in
                (0, 1, 2 ** width - 1, 2 ** (width - 1), int("10" * 32, 2) % 2 ** width)]
    return Group("bits", [Column(f"b{width}", f"bit({width})", values(width),
                                 lambda rng, width=width: f"b'{rng.getrandbits(width):b}'",
                                 exact="HEX(CAST({} AS UNSIGNED))", doc="BIT(1..64)") for width in range(1, 65)], rows=0.2)


def decimals():
    columns = []
    for precision, scale in ((1, 0), (5, 2), (9, 9), (10, 0), (18, 9), (19, 0), (30, 30), (38, 10), (65, 0), (65, 30)):
        def number(digits, scale=scale):
            digits = digits.zfill(scale + 1)
            return digits[:-scale] + "." + digits[-scale:] if scale else digits
        most = number("9" * precision)
        def rand(rng, precision=precision, number=number):
            digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, precision)))
            return rng.choice(["", "-"]) + number(digits)
        columns.append(Column(f"d{precision}_{scale}", f"decimal({precision},{scale})",
                              ["0", most, "-" + most, number("1"), "-" + number("1"), number("5" + "0" * (precision - 1))],
                              rand, doc="DECIMAL to (65,30)"))
    columns.append(Column("unsigned", "decimal(65,30) unsigned", ["0", "1", "9" * 35 + "." + "9" * 30],
                          doc="DECIMAL UNSIGNED"))
    return Group("decimals", columns)


POINT = "HEX(ST_AsWKB(POINT({}, 0)))"       # a point's coordinates are doubles, bit for bit

NO_SIGN = "HEX(ST_AsWKB(POINT({}+0e0, 0)))"


def floats():
    def single(value):
        return repr(struct.unpack("<f", struct.pack("<f", value))[0]) if value else "0e0"
    def rand32(rng):
        value = struct.unpack("<f", struct.pack("<I", rng.getrandbits(32)))[0]
        return f"{value:.17e}" if value - value == 0 else "1e0"
    def rand64(rng):
        value = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
        return f"{value:.17e}" if value - value == 0 else "1e0"
    few = [single(value) for value in (0, 1, -1, 1.1, 0.1, 3.4028234663852886e38, -3.4028234663852886e38, 1.17549435e-38,
                                       1.401298464324817e-45, -1.401298464324817e-45, 16777217, 123456789, 5.877e-39)]
    many = ["0e0", "1e0", "-1.5e0", "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308",
            "4.9406564584124654e-324", "-4.9406564584124654e-324", "0.1e0", "0.30000000000000004e0", "9007199254740993e0",
            "1.0000000000000002e0", "123456789012345680e0", "2.2250738585072011e-308"]
    return Group("floats", [
        Column("f", "float", few, rand32, exact=POINT, doc="FLOAT"),
        Column("d", "double", many, rand64, exact=POINT, doc="DOUBLE"),
        Column("fz", "float", ["-0e0", "0e0"], exact=POINT, loose={"mariadb": NO_SIGN}, doc="FLOAT, DOUBLE: negative zero"),
        Column("dz", "double", ["-0e0", "0e0"], exact=POINT, loose={"mariadb": NO_SIGN}, doc="FLOAT, DOUBLE: negative zero"),
        Column("f73", "float(7,3)", ["0", "1.5", "-9999.999", "9999.999", "0.001", "1234.567"], exact=POINT, doc="FLOAT(M,D)"),
        Column("d124", "double(12,4)", ["0", "-99999999.9999", "0.0001", "12345678.9012"], exact=POINT, doc="DOUBLE(M,D)"),
        Column("fu", "float unsigned", ["0", "1.1", "3.4028234663852886e38", "1.4e-45"], exact=POINT, doc="FLOAT UNSIGNED"),
    ])


# ------------------------------------------------------------------------------------------ text and bytes

TEXTS = ["", " ", "a", "A", "a ", "  a  b  ", "o'q\"\\", "\t\n\r\0\x1a\x08", "é", "e\u0301", "日本語", "😀\U0010ffff", "%_", "NULL",
         "\\N", "\\", "1e5", "\x7f\x01", "a\x00"]
BYTES = [b"", b"\0", b"\0\0", b"a\0", b" ", b"a ", b"\xff" * 16, bytes(range(16)), b"\\'\"\t\n\r\x1a\0", b"\\N", b"\x80\xfe\xff", b"NULL"]


def random_text(rng, most=20, alphabet="aAbBzZ  .'\\\"\t\n\0éßñ日本語한글😀𝒳"):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most)))


def texts():
    columns = []
    for charset, short, most in (("utf8mb4", "m4", 0x10ffff), ("utf8", "m3", 0xffff)):
        values = [hexed(text, "utf8mb4") for text in TEXTS if all(ord(c) <= most for c in text)]
        def rand(rng, most=most):
            return hexed("".join(c for c in random_text(rng) if ord(c) <= most), "utf8mb4")
        for word in ("char(20)", "varchar(60)", "tinytext", "text", "mediumtext", "longtext"):
            columns.append(Column(f"{short}_{word.split('(')[0]}", f"{word} character set {charset}", values, rand,
                                  exact="HEX({})", doc=word.split("(")[0].upper()))
    return Group("texts", columns, rows=0.5)


def blobs():
    def rand(rng):
        return hexed(bytes(rng.getrandbits(8) for _ in range(rng.randint(0, 16))))
    values = [hexed(data) for data in BYTES]
    return Group("blobs", [Column(word.split("(")[0], word, values, rand, exact="HEX({})", doc=word.split("(")[0].upper())
                           for word in ("binary(16)", "varbinary(300)", "tinyblob", "blob", "mediumblob", "longblob")]
                 + [Column("binary1", "binary(1)", ["x'00'", "x'61'", "x'20'", "x'ff'"], exact="HEX({})", doc="BINARY"),
                    Column("varbinary1", "varbinary(1)", ["x''", "x'00'", "x'20'", "x'ff'"], exact="HEX({})", doc="VARBINARY")],
                 rows=0.5)


def charsets(names, kinds):
    """A column of every character set: texts the server converts, and bytes that need not be text."""
    words = [random_text(random.Random(n), 10) for n in range(5)] + ["aé日本", "ﾊﾝｶｸ", "Привет", "אבג", "ไทย"]
    raw = [bytes(range(start, start + 16)) for start in range(0, 256, 16)]
    columns = []
    for name in names:
        top = {"ascii": 0x80, "swe7": 0x7f}.get(name, 0x100)    # MySQL 5.6 and MariaDB hold more, MySQL 8 refuses it
        values = [f"CONVERT({hexed(word, 'utf8mb4')} USING {name})" for word in words]
        wide = name in ("ucs2", "utf16", "utf16le", "utf32")    # half a surrogate pair is text to some servers only
        values += [hexed(data) for data in raw if data[-1] < top and not wide]
        def rand(rng, name=name, top=top, wide=wide):
            if wide or rng.random() < 0.5:
                return f"CONVERT({hexed(random_text(rng, 10), 'utf8mb4')} USING {name})"
            return hexed(bytes(rng.randrange(top) for _ in range(rng.randint(0, 16))))
        columns.append(Column(f"v_{name}", f"varchar(20) character set {name}", values, rand, exact="HEX({})",
                              doc=f"character set {name}"))
    return Group("cs_" + (names[0] if len(names) == 1 else "all"), columns, kinds, rows=0.1)


def labels():
    many = ",".join(f"'m{n}'" for n in range(300))
    all64 = ",".join(f"'s{n}'" for n in range(64))
    exact = "CONCAT(HEX(CONVERT({0} USING utf8mb4)), '/', CAST({0} AS UNSIGNED))"
    enums = ["1", "2", "3", "4", "5", quoted("no such label")]
    return Group("labels", [
        Column("e", "enum('a','b c','d''e','é','日本') character set utf8mb4", enums, exact=exact, doc="ENUM"),
        Column("e_latin1", "enum('a','b','ä','ö','x,y') character set latin1", enums, exact=exact, doc="ENUM"),
        Column("e_empty", "enum('a','') character set utf8mb4", ["1", "2", quoted("no such label")], exact=exact,
               doc="ENUM with an empty label"),
        Column("e_number", "enum('3','2','1','0') character set utf8mb4", ["1", "2", "3", "4", quoted("no such label")], exact=exact,
               doc="ENUM"),
        Column("e300", f"enum({many})", ["1", "255", "256", "257", "300", quoted("no such label")], exact=exact, doc="ENUM"),
        Column("s", "set('x','y','z','é') character set utf8mb4", ["0", "1", "2", "5", "8", "15"], exact=exact, doc="SET"),
        Column("s_latin1", "set('x','ö') character set latin1", ["0", "1", "2", "3"], exact=exact, doc="SET"),
        Column("s64", f"set({all64})", ["0", "1", "9223372036854775808", "18446744073709551615", "6148914691236517205"],
               lambda rng: str(rng.getrandbits(64)), exact=exact, doc="SET"),
    ], rows=0.5)


# ------------------------------------------------------------------------------------------ dates and times

def temporals():
    def fraction(digits, micros):
        return "." + f"{micros:06d}"[:digits] if digits else ""
    def rand_date(rng):
        return rng.choice(["0000-00-00", f"{rng.randint(1, 9999):04d}-{rng.randint(0, 12):02d}-{rng.randint(0, 31):02d}"]) \
            if rng.random() < 0.2 else str(datetime.date.fromordinal(rng.randint(365000, 3652059)))
    columns = [Column("d", "date", [quoted(text) for text in ("0000-00-00", "1000-01-01", "9999-12-31", "2024-02-29", "2024-00-00",
                                                             "2024-05-00", "0001-01-01", "2023-02-31", "1582-10-10")],
                      lambda rng: quoted(rand_date(rng)), doc="DATE")]
    for digits in range(7):
        suffix = f"({digits})" if digits else ""
        def clock(rng, most, digits=digits):
            return (f"{rng.randint(0, most):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
                    + fraction(digits, rng.randint(0, 999999)))
        one, most = fraction(digits, 10 ** (6 - digits) if digits else 0), fraction(digits, 999999)
        columns.append(Column(f"t{digits}", f"time{suffix}", [quoted(text) for text in (
            "00:00:00", "-00:00:00" + one, "-00:00:01" + most, "838:59:59", "-838:59:59", "838:59:58" + most, "24:00:00",
            "-25:10:11" + one, "12:34:56" + one)],
            lambda rng, clock=clock: quoted(rng.choice(["", "-"]) + clock(rng, 838)), doc="TIME(0..6)"))
        columns.append(Column(f"dt{digits}", f"datetime{suffix}", [quoted(text) for text in (
            "0000-00-00 00:00:00", "1000-01-01 00:00:00", "9999-12-31 23:59:59" + most, "2024-00-00 01:02:03" + one,
            "2024-06-00 00:00:00", "2024-03-31 02:30:00" + most, "0001-01-01 00:00:00" + one, "2023-02-31 12:00:00")],
            lambda rng, clock=clock: quoted(rand_date(rng) + " " + clock(rng, 23)), doc="DATETIME(0..6)"))
        columns.append(Column(f"ts{digits}", f"timestamp{suffix}", [quoted(text) for text in (
            "0000-00-00 00:00:00", "1970-01-01 00:00:01" + one, "2038-01-19 03:14:07", "2038-01-19 03:14:06" + most,
            "2024-10-27 00:30:00" + one, "2024-10-27 01:30:00" + one, "2024-03-31 01:00:00", "2000-01-01 00:00:00")],
            lambda rng, clock=clock: quoted(str(datetime.date(1971 + rng.randint(0, 65), 1, 1)
                                                + datetime.timedelta(days=rng.randint(0, 364))) + " " + clock(rng, 23)),
            default="NULL DEFAULT NULL", doc="TIMESTAMP(0..6)"))
    columns.append(Column("y", "year", ["0", "1901", "2155", "2000", "1970"], lambda rng: str(rng.randint(1901, 2155)), doc="YEAR"))
    return Group("temporals", columns, rows=0.5)


# ------------------------------------------------------------------------------------------ JSON, geometry and others

def random_json(rng, depth=0):
    kind = rng.randint(0, 8 if depth < 4 else 6)
    if kind == 7:
        return [random_json(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    if kind == 8:
        return {random_text(rng, 6): random_json(rng, depth + 1) for _ in range(rng.randint(0, 4))}
    return [None, True, False, rng.randint(-2 ** 63, 2 ** 63 - 1), rng.randint(0, 300), rng.random() * 10 ** rng.randint(-20, 20),
            random_text(rng, 12)][kind]


JSON_TEXTS = ["null", "true", "false", "0", "-1", "32767", "-32768", "65535", "65536", "2147483647", "-2147483648", "4294967295",
              "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1.5", "-0.0", "1e100", "1.7976931348623157e308",
              "2.2250738585072014e-308", "0.1", '""', '"a\\u0000b"', '"\\"\\\\/\\b\\f\\n\\r\\t"', '"é日本😀"', "[]", "{}",
              '{"": 1, "a": {"b": [1, 2, {"c": null}]}}', "[" * 30 + "1" + "]" * 30, json.dumps(list(range(20000))),
              json.dumps({f"key{n}": "x" * 100 for n in range(800)})]
# what no text tells: the number, date or bytes behind it; their text has to come through
JSON_TYPED = ["CAST(CAST('123.45' AS DECIMAL(10,2)) AS JSON)", "CAST(CAST('-1.5' AS DECIMAL(10,1)) AS JSON)",
              "CAST(DATE'2024-02-29' AS JSON)", "CAST(TIME'-25:10:11.123456' AS JSON)",
              "CAST(TIMESTAMP'2024-01-02 03:04:05.678901' AS JSON)", "JSON_ARRAY(x'00ff', b'101', CAST('2024' AS YEAR))",
              "JSON_OBJECT('a', DATE'2024-01-01', 'b', 1.25)"]


def documents():
    values = [f"CAST({hexed(text, 'utf8mb4')} AS JSON)" for text in JSON_TEXTS]
    return Group("documents", [
        Column("j", "json", values, lambda rng: hexed(json.dumps(random_json(rng)), "utf8mb4"), doc="JSON (MySQL)",
               exact="HEX(CAST({} AS CHAR CHARACTER SET utf8mb4))"),
        Column("typed", "json", JSON_TYPED, doc="JSON (MySQL): DECIMAL, DATE, TIME, DATETIME, opaque bytes inside",
               exact="HEX(CAST({} AS CHAR CHARACTER SET utf8mb4))")], ("mysql97",), rows=0.5)


def deep_documents():
    """As deep as MySQL lets them be. MariaDB's json_valid() gives up at 32."""
    return Group("deep_documents", [
        Column("j", "json", [hexed(text, "utf8mb4") for text in ("[" * 99 + "1" + "]" * 99, '{"a":' * 99 + "1" + "}" * 99)],
               exact="HEX(CAST({} AS CHAR CHARACTER SET utf8mb4))", doc="JSON (MySQL) deeper than 31")], ("mysql97",), rows=0)


def text_documents():
    """MariaDB's JSON: the text as it was written, white space and all."""
    values = [hexed(text, "utf8mb4") for text in JSON_TEXTS + [' { "b" : 1 , "a" : 1.50 } ', "123456789012345678901234567890.5"]]
    return Group("text_documents", [
        Column("j", "json", values, lambda rng: hexed(json.dumps(random_json(rng)), "utf8mb4"), exact="HEX({})", doc="JSON (MariaDB)")],
        ("mariadb",), rows=0.5)


SHAPES = {"point": "POINT(1.5 -2)", "linestring": "LINESTRING(0 0,1 1,2 0.1)",
          "polygon": "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 4,4 4,4 2,2 2))", "multipoint": "MULTIPOINT(0 0,5e-324 1e300)",
          "multilinestring": "MULTILINESTRING((0 0,1 1),(2 2,3 3,4 5))",
          "multipolygon": "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((10 10,14 10,14 14,10 14,10 10)))",
          "geometrycollection": "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 2))"}


def shapes():
    def made(text, srid):
        return f"ST_GeomFromText('{text}', {srid})"
    columns = [Column(word, word, [made(text, 0), made(text, 3857)], exact="HEX({})", doc=word.upper())
               for word, text in SHAPES.items()]
    columns.append(Column("any_shape", "geometry", [made(text, srid) for text in SHAPES.values() for srid in (0, 4326)
                                                    if srid == 0 or "e300" not in text and "10 " not in text],
                          lambda rng: made(f"POINT({rng.uniform(-80, 80)!r} {rng.uniform(-80, 80)!r})", rng.choice([0, 4326, 3857])),
                          exact="HEX({})", doc="GEOMETRY"))
    return Group("shapes", columns, rows=0.3)


def vectors():
    def vector(values):
        return hexed(struct.pack(f"<{len(values)}f", *values))
    def rand(size):
        return lambda rng: vector([rng.uniform(-1e30, 1e30) for _ in range(rng.randint(1, size))])
    return Group("vectors", [
        Column("v3", "vector(3)", [vector([1, 2, 3]), vector([0.1]), vector([3.4028234663852886e38, -1e-45])], rand(3),
               exact="HEX({})", doc="VECTOR"),
        Column("v2000", "vector(2000)", [vector([n / 7 for n in range(2000)])], rand(30), exact="HEX({})", doc="VECTOR")],
        ("mysql97",), rows=0.3)


def addresses():
    def uuid(rng):
        text = f"{rng.getrandbits(128):032x}"
        return quoted(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
    return Group("addresses", [
        Column("u", "uuid", [quoted(text) for text in (
            "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "0189dcd5-5311-7d40-8db0-9496a2eef37b", "123e4567-e89b-42d3-a456-426614174000")], uuid, doc="UUID"),
        Column("i4", "inet4", [quoted(text) for text in ("0.0.0.0", "255.255.255.255", "10.0.0.1")],
               lambda rng: quoted(".".join(str(rng.getrandbits(8)) for _ in range(4))), doc="INET4"),
        Column("i6", "inet6", [quoted(text) for text in ("::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:1.2.3.4",
                                                         "2001:db8::ff00:42:8329", "::1.2.3.4", "1:0:0:2::3")],
               lambda rng: quoted(":".join(f"{rng.choice([0, rng.getrandbits(16)]):x}" for _ in range(8))), doc="INET6")],
        ("mariadb",), rows=0.5)


def compressed():
    texts_ = [hexed(text, "utf8mb4") for text in ("", "a", "x" * 200, "é" * 90)]
    return Group("compressed", [
        Column("v", "varchar(250) /*M!100303 compressed */ character set utf8mb4", texts_, exact="HEX({})", doc="VARCHAR COMPRESSED"),
        Column("t", "text /*M!100303 compressed */ character set utf8mb4", [*texts_, "REPEAT('abc', 20000)"], exact="HEX({})",
               doc="TEXT COMPRESSED"),
        Column("b", "blob /*M!100303 compressed */", ["x''", "x'00'", "REPEAT(x'00ff', 30000)"], exact="HEX({})", doc="BLOB COMPRESSED")],
        ("mariadb",), rows=0.2)


def everything():
    """All groups but the character sets, which are asked of the servers."""
    return [integers(), bits(), decimals(), floats(), texts(), blobs(), labels(), temporals(), documents(), deep_documents(), text_documents(),
            shapes(), vectors(), addresses(), compressed()]
