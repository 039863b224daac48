"""Independent comparison of structure: what information_schema says of two databases.

Servers of one kind have to agree in everything; of different kinds in names, order, nullability and keys, because
types and defaults are spelt differently there (tests of conversions look at those).
"""

import re

from .servers import quote

COLUMNS = "COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, COLUMN_COMMENT"
MAX_SHOWN = 30


def _rows(server, what, table, db, order):
    return server.sql(f"SELECT TABLE_NAME, {what} FROM information_schema.{table} WHERE TABLE_SCHEMA = %s"
                      f" ORDER BY TABLE_NAME, {order}", [db])


def _grouped(rows):
    groups = {}
    for name, *rest in rows:
        groups.setdefault(name, []).append(tuple(rest))
    return groups


def _columns(server, db, exact):
    rows = _rows(server, COLUMNS + (", GENERATION_EXPRESSION" if server.kind != "mysql56" else ""), "COLUMNS", db,
                 "ORDINAL_POSITION")
    return _grouped(rows if exact else [(row[0], row[1], row[3]) for row in rows])


def _keys(server, db, exact):
    rows = _rows(server, "INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE", "STATISTICS", db,
                 "INDEX_NAME, SEQ_IN_INDEX")
    return _grouped(rows if exact else [row[:4] for row in rows])


def _foreign(server, db):
    return _grouped(server.sql(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME"
        " FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND REFERENCED_TABLE_NAME IS NOT NULL"
        " ORDER BY 1, 2, ORDINAL_POSITION", [db]))


def _partitions(server, db):
    rows = _rows(server, "PARTITION_NAME, PARTITION_METHOD, PARTITION_DESCRIPTION", "PARTITIONS", db,
                 "PARTITION_ORDINAL_POSITION")
    return _grouped([row for row in rows if row[1] is not None])


def _tables(server, db, exact):
    return _grouped(server.sql(
        f"SELECT TABLE_NAME, TABLE_TYPE{', TABLE_COLLATION, TABLE_COMMENT, ENGINE' if exact else ''}"
        " FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'VIEW')"
        " ORDER BY TABLE_NAME", [db]))


def _routines(server, db):
    return _grouped(server.sql("SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES"
                               " WHERE ROUTINE_SCHEMA = %s ORDER BY 1, 2", [db]))


def describe(server, db, exact):
    """{part: {object: rows}} of a database."""
    tables = _tables(server, db, exact)
    columns = _columns(server, db, exact)       # of sequences, too, which are not compared
    return {"table": tables, "columns of": {name: rows for name, rows in columns.items() if name in tables},
            "keys of": _keys(server, db, exact), "foreign keys of": _foreign(server, db),
            "partitions of": _partitions(server, db), "routine": _routines(server, db)}


def differences(source, target, databases, exclude=(), rename=None):
    """Texts, empty when all agrees. databases: names, or {source name: target name}; rename: {table: its name there}.

    exclude: names of objects left out at both ends; a text or a compiled pattern.
    """
    if isinstance(databases, str):
        databases = [databases]
    if not isinstance(databases, dict):
        databases = {name: name for name in databases}
    exact = source.kind == target.kind
    patterns = [re.compile(entry if isinstance(entry, str) else entry.pattern) for entry in exclude]
    found = []
    for here, there in databases.items():
        ours, theirs = describe(source, here, exact), describe(target, there, exact)
        for part in ours:
            found += _differences(f"{here}", part, _mapped(ours[part], rename or {}, patterns),
                                  _mapped(theirs[part], {}, patterns))
    return found[:MAX_SHOWN]


def _mapped(objects, rename, exclude):
    return {rename.get(name, name): rows for name, rows in objects.items()
            if not any(pattern.fullmatch(name) for pattern in exclude)}


def _differences(db, part, ours, theirs):
    lines = []
    for name in sorted(set(ours) | set(theirs)):
        if ours.get(name) == theirs.get(name):
            continue
        label = f"{part} {db}.{name}"
        if name not in theirs or name not in ours:
            lines.append(f"{label}: only at the {'source' if name in ours else 'target'}: {ours.get(name, theirs.get(name))}")
            continue
        left, right = ours[name], theirs[name]
        lines += [f"{label}: source {row}" for row in left if row not in right]
        lines += [f"{label}: target {row}" for row in right if row not in left]
        if sorted(map(str, left)) == sorted(map(str, right)):
            lines.append(f"{label}: another order: source {[row[0] for row in left]}, target {[row[0] for row in right]}")
    return lines


def assert_same(source, target, databases, exclude=(), rename=None):
    found = differences(source, target, databases, exclude, rename)
    if found:
        raise AssertionError("the structures differ:\n" + "\n".join(found))


def show_create(server, table):
    """SHOW CREATE TABLE of 'db.table' without its AUTO_INCREMENT counter."""
    db, name = table.split(".", 1)
    text = server.sql(f"SHOW CREATE TABLE {quote(db)}.{quote(name)}")[0][1]
    return re.sub(r" AUTO_INCREMENT=\d+", "", text)
