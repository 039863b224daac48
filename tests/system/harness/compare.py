"""Independent comparison of two databases, row by row and exact to the byte.

It shares no code with what it judges: pymysql, SELECT and hashes. Rows of a table are compared as a multiset, so
order, collation and the absence of a key do not matter, and a row that is there twice instead of once is found.
Both ends must be quiet while it runs.

The values of a row are joined to one text by the server, which costs a tenth of what pymysql needs for single
columns. Three kinds travel as columns of their own: DOUBLE and FLOAT (text functions of the servers drop their last
digit), JSON (to be parsed), and values longer than HEX() can show (above half of max_allowed_packet it gives NULL,
at both ends, which would compare equal).
"""

import collections
import hashlib
import json
import re

import pymysql.cursors

TEXT_TYPES = {"char", "varchar", "tinytext", "text"}
BINARY_TYPES = {"binary", "varbinary", "tinyblob", "blob", "vector"}
LONG_TYPES = {"mediumtext", "longtext", "mediumblob", "longblob"}
FLOAT_TYPES = {"float", "double"}
GEOMETRY_TYPES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                  "geometrycollection", "geomcollection"}
GENERATED = re.compile(r"VIRTUAL|STORED|PERSISTENT")     # and not DEFAULT_GENERATED, which is an ordinary column
NULL = b"~"                                              # in no hex text, number or date
MAX_SHOWN = 20
MAX_LINE = 500

Column = collections.namedtuple("Column", "name type column_type")


class Pair:
    """A table at the source and where it went: 'db.table' or (db, table).

    columns limits the comparison to those names; where is SQL for the source only, for projects with a row filter.
    """

    def __init__(self, source, target=None, columns=None, where=None):
        self.source = _split(source)
        self.target = _split(target or source)
        self.columns = columns
        self.where = where

    def __str__(self):
        names = [".".join(self.source), ".".join(self.target)]
        return names[0] if names[0] == names[1] else " -> ".join(names)


class Result:
    """What was compared and what was found. differences holds at most MAX_SHOWN texts per table."""

    def __init__(self):
        self.tables = 0
        self.rows = 0
        self.differing = 0
        self.differences = []

    @property
    def equal(self):
        return not self.differences

    def __str__(self):
        head = f"{self.tables} tables, {self.rows} rows compared, {self.differing} rows differ"
        return "\n".join([head, *self.differences])


def compare(source, target, pairs):
    """Compare tables of two Servers; returns a Result. pairs: Pair objects or 'db.table' texts."""
    result = Result()
    for pair in pairs:
        if not isinstance(pair, Pair):
            pair = Pair(pair)
        _compare_table(source, target, pair, result)
    return result


def compare_databases(source, target, databases, exclude=()):
    """Compare all base tables of databases: a name, a list of names, or {source name: target name}.

    The set of tables has to be the same. exclude: table names left out at both ends.
    """
    if isinstance(databases, str):
        databases = [databases]
    if not isinstance(databases, dict):
        databases = {name: name for name in databases}
    pairs, missing = [], []
    for here, there in databases.items():
        ours, theirs = set(source.tables(here)) - set(exclude), set(target.tables(there)) - set(exclude)
        missing += [f"table {here}.{name}: not at the target" for name in sorted(ours - theirs)]
        missing += [f"table {there}.{name}: at the target only" for name in sorted(theirs - ours)]
        pairs += [Pair((here, name), (there, name)) for name in sorted(ours & theirs)]
    result = compare(source, target, pairs)
    result.differences = missing + result.differences
    return result


def assert_equal(source, target, databases, exclude=()):
    """compare_databases(), or compare() for a list that holds Pairs, raising AssertionError on any difference."""
    if not isinstance(databases, (str, dict)) and any(isinstance(entry, Pair) for entry in databases):
        result = compare(source, target, databases)
    else:
        result = compare_databases(source, target, databases, exclude)
    if not result.equal:
        raise AssertionError(f"{source} and {target} differ: {result}")
    if result.tables == 0:
        raise AssertionError(f"no table was compared in {databases}")
    return result


# ------------------------------------------------------------------------------------------ one table

def _split(name):
    return tuple(name.split(".", 1)) if isinstance(name, str) else tuple(name)


def _quote(name):
    return "`" + name.replace("`", "``") + "`"


def _columns(server, table):
    """Columns that hold data of their own, in order."""
    rows = server.sql("SELECT COLUMN_NAME, LOWER(DATA_TYPE), LOWER(COLUMN_TYPE), EXTRA FROM information_schema.COLUMNS"
                      " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", table)
    return {name: Column(name, data_type, column_type) for name, data_type, column_type, extra in rows
            if not GENERATED.search(extra.upper())}


def _compare_table(source, target, pair, result):
    ours, theirs = _columns(source, pair.source), _columns(target, pair.target)
    names = list(pair.columns or ours)
    faults = [f"column {name} missing at the {end}" for end, columns in (("source", ours), ("target", theirs))
              for name in names if name not in columns]
    if pair.columns is None:
        faults += [f"column {name} at the target only" for name in theirs if name not in ours]
    if faults or not names:
        result.differences += [f"{pair}: {fault}" for fault in faults or ["no such table"]]
        return
    parsed = {name for name in names if "json" in (ours[name].type, theirs[name].type)}
    readers = (Reader(source, pair.source, [ours[name] for name in names], parsed, pair.where),
               Reader(target, pair.target, [theirs[name] for name in names], parsed, None))
    _compare_rows(pair, readers, result)


def _compare_rows(pair, readers, result):
    counts = collections.Counter()
    rows = [0, 0]
    for end, (reader, sign) in enumerate(zip(readers, (1, -1))):
        for digest, _ in reader.rows():
            counts[digest] += sign
            rows[end] += 1
    result.tables += 1
    result.rows += rows[0]
    differing = {digest: count for digest, count in counts.items() if count}
    if rows[0] != rows[1]:
        result.differences.append(f"{pair}: {rows[0]} rows at the source, {rows[1]} at the target")
    if differing:
        result.differing += sum(abs(count) for count in differing.values())
        result.differences += _show(pair, readers, differing)


def _show(pair, readers, differing):
    """Read again and show the rows behind the digests."""
    ends = []
    for reader, sign in zip(readers, (1, -1)):
        wanted = {digest for digest, count in differing.items() if count * sign > 0}
        ends.append([])
        for digest, row in reader.rows():
            if digest in wanted and len(ends[-1]) < MAX_SHOWN * 5:
                wanted.discard(digest)
                ends[-1].append((differing[digest] * sign, reader.describe(row)))
    return [f"{pair}: {line}" for line in _match(*ends)[:MAX_SHOWN]]


def _match(ours, theirs):
    """Rows that begin with the same value are most likely one row: show what differs in them, the rest whole."""
    lines, others = [], {}
    for count, row in theirs:
        others.setdefault(next(iter(row.items())), []).append((count, row))
    for count, row in ours:
        first = next(iter(row.items()))
        match = others.get(first)
        if match:
            _, other = match.pop()
            changed = [f"{name}: source {row[name]}, target {other[name]}" for name in row if row[name] != other[name]]
            lines.append(f"changed row {first[0]}={first[1]}: {'; '.join(changed) or 'past what is shown'}"[:MAX_LINE])
        else:
            lines.append(f"{count} more at the source: {_line(row)}")
    lines += [f"{count} more at the target: {_line(row)}" for match in others.values() for count, row in match]
    return lines


def _line(row):
    return ", ".join(f"{name}={value}" for name, value in row.items())[:MAX_LINE]


class Reader:
    """Streams the rows of a table as (digest, raw values)."""

    def __init__(self, server, table, columns, parsed, where):
        self.server = server
        self.table = table
        self.names = [column.name for column in columns]
        self.joined = [column for column in columns if not _is_single(column, parsed)]
        self.singles = [column for column in columns if _is_single(column, parsed)]
        self.normalise = [_normaliser(column, parsed) for column in self.singles]
        self.query = self._query(where)

    def _query(self, where):
        joined = [f"IFNULL(CAST({part} AS CHAR), '~')" for column in self.joined
                  for part in _expressions(self.server, column)]
        selected = ["CONCAT_WS('|', " + ", ".join(joined or ["''"]) + ")"]
        selected += [f"{_quote(column.name)}*1e0" if column.type in FLOAT_TYPES else _quote(column.name)
                     for column in self.singles]
        return (f"SELECT {', '.join(selected)} FROM {_quote(self.table[0])}.{_quote(self.table[1])}"
                + (f" WHERE {where}" if where else ""))

    def rows(self):
        """use_unicode=False and conv={}: the bytes as the server sent them, no Python conversion on the way."""
        connection = self.server.connect(use_unicode=False, conv={}, read_timeout=300,
                                         cursorclass=pymysql.cursors.SSCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
                cursor.execute(self.query)
                yield from map(self._digested, cursor)
        finally:
            connection._force_close()   # half-read results are dropped, not drained

    def _digested(self, row):
        if row[0] is None:
            raise AssertionError(f"{self.table}: a row too long to compare (max_allowed_packet)")
        if self.singles:
            row = (row[0], *[NULL if value is None else normalise(value)
                             for normalise, value in zip(self.normalise, row[1:])])
            data = b"".join(b"%d:%b" % (len(value), value) for value in row)
        else:
            data = row[0]
        return hashlib.blake2b(data, digest_size=16).digest(), row

    def describe(self, row):
        """{column: text} for human eyes, in the order of the columns."""
        parts = iter(row[0].split(b"|"))
        texts = {}
        for column in self.joined:
            values = [next(parts) for _ in _expressions(self.server, column)]
            extra = "".join(f" ({value.decode()})" for value in values[1:])
            texts[column.name] = _readable(column, values[0]) + extra
        for column, value in zip(self.singles, row[1:]):
            texts[column.name] = "NULL" if value == NULL else repr(value[:80].decode(errors="backslashreplace"))
        return {name: texts[name] for name in self.names}


def _is_single(column, parsed):
    return column.type in FLOAT_TYPES or column.type in LONG_TYPES or column.name in parsed


def _expressions(server, column):
    """SQL whose text is an exact form of the value, without '|' and '~' in it."""
    name = _quote(column.name)
    if column.type in TEXT_TYPES or column.type == "set":
        return [f"HEX(CONVERT({name} USING utf8mb4))"]
    if column.type == "enum":
        return [f"HEX(CONVERT({name} USING utf8mb4))", f"{name}+0"]    # '' may be a member or the error value 0
    if column.type in BINARY_TYPES:
        return [f"HEX({name})"]
    if column.type == "bit":
        return [f"CAST({name} AS UNSIGNED)"]
    if column.type in GEOMETRY_TYPES:
        return _geometry(server, name)
    if "zerofill" in column.column_type:
        return [f"{name}+0"]
    return [name]


def _geometry(server, name):
    """Coordinates in stored order: MySQL 8 and later would turn them round for geographic reference systems."""
    if server.kind == "mysql56":
        return [f"HEX(AsWKB({name}))", f"SRID({name})"]
    if server.is_mariadb:
        return [f"HEX(ST_AsWKB({name}))", f"ST_SRID({name})"]
    return [f"HEX(ST_AsWKB({name}, 'axis-order=long-lat'))", f"ST_SRID({name})"]


def _normaliser(column, parsed):
    if column.name in parsed:
        return _canonical_json
    if column.type in FLOAT_TYPES:
        return _canonical_double
    return lambda value: value


def _canonical_double(value):
    """The number, not its spelling. MariaDB shows no negative zero, so both zeros are one here."""
    return repr(float(value) + 0.0).encode()


def _canonical_json(value):
    """Key order, white space and the spelling of numbers are MySQL's to change; types and values are not."""
    parsed = json.loads(value, parse_int=lambda text: int(text) if abs(int(text)) < 2 ** 64 else float(text))
    return json.dumps(parsed, sort_keys=True, separators=(",", ":")).encode()


def _readable(column, value):
    if value == NULL:
        return "NULL"
    if column.type in TEXT_TYPES or column.type in ("set", "enum"):
        return repr(bytes.fromhex(value.decode()).decode(errors="backslashreplace")[:60])
    if column.type in BINARY_TYPES or column.type in GEOMETRY_TYPES:
        return "0x" + value.decode()[:80]
    return value.decode()
