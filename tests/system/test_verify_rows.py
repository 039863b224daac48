"""Rows that differ, as documents and corrections: differing_document() and differing_multiset() on real servers.

tests/tools/verify_rows.c calls them. Rows of every type are planted that differ, are at one end only, or are equal;
each correction is run at the target by an ordinary client in the session that docs/verification.md names, and then
both ends are compared by expressions that share nothing with the product (type_values.py).
"""

import json
import os
import re
import subprocess

import type_values
from common import REPOSITORY
from harness.daemon import build_dir
from harness.runner import needs, timeout
from test_types import SQL_MODE, columns_sql, differences, expressions_of, names_sql, targets_of
from type_values import KINDS

DOCS = os.path.join(REPOSITORY, "docs", "verification.md")


def session_sql():
    """The statement that docs/verification.md gives to be run before corrections."""
    with open(DOCS, encoding="utf-8") as file:
        return re.search(r"```sql\n(SET SESSION sql_mode.*?);\n```", file.read(), re.S).group(1)


class Tool:
    """One verify_rows; commands in, documents out."""

    def __init__(self, env, source, target):
        self.process = subprocess.Popen([os.path.join(build_dir(), "verify_rows"), str(source.port), str(target.port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        env.cleanup(self.close)

    def ask(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"verify_rows ended at: {words}"
        return json.loads(line)

    def table(self, name, *more):
        answer = self.ask("table", "app", name, "app", name, *more)
        assert answer["missing"] == "", answer
        return answer["key"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def correct(target, documents):
    """Runs the corrections; each is one statement of printable ASCII. Rows to be removed first: others may need their unique values."""
    statements = []
    for document in sorted(documents, key=lambda document: document["type"] != "IMAGE_ONLY"):
        sql = document["correction"]
        assert sql and re.fullmatch(r"[ -~]*", sql) and "\\" not in sql, document
        statements.append(sql)
    # where a server has no way to say it in the statement, a person has to
    session = session_sql() if target.kind == "mysql56" else "SET SESSION time_zone = '+03:00'"
    target.sql([session, *statements])


# ------------------------------------------------------------------------------------------ every type

def insert_sql(group, ident, k):
    return f"INSERT INTO app.{group.name} (id, {names_sql(group)}) VALUES ({ident}, {', '.join(group.edge(k))})"


def ddl_at(group, kind):
    ddl = columns_sql(group)
    return ddl.replace("` json", "` longtext character set utf8mb4 collate utf8mb4_bin") if group.name == "text_documents" and \
        kind != "mariadb" else ddl


def plant(source, target, group):
    """By id / n: 0 other values, 1 missing, 2 extra, 3 one column other, 4 NULL at the target."""
    n, native = group.edge_count, target.kind in group.native
    for server in (source, target):
        server.sql(f"CREATE TABLE app.{group.name} (id INT PRIMARY KEY, {ddl_at(group, server.kind)})")
    source.sql([SQL_MODE] + [insert_sql(group, block * n + k, k) for block in (0, 1, 3, 4) for k in range(n)])
    rows = [f"INSERT INTO app.{group.name} (id) VALUES ({block * n + k})" for block in (2, 4) for k in range(n)]
    if native:
        rows += [insert_sql(group, k, k + 1) for k in range(n)] + [insert_sql(group, 3 * n + k, k) for k in range(n)]
        for k in range(n):
            column = group.columns[k % len(group.columns)]
            rows.append(f"UPDATE app.{group.name} SET `{column.name}` = {column.edges[(k + 1) % len(column.edges)]}"
                        f" WHERE id = {3 * n + k}")
    target.sql([SQL_MODE, *rows])
    return n


def check_group(source, target, group, tool):
    n = plant(source, target, group)
    assert tool.table(group.name) == 1
    documents = tool.ask("keys")
    by_id = {int(document["key"][0]["columnValue"]): document for document in documents}
    for k in range(n):
        missing, extra = by_id[n + k], by_id[2 * n + k]
        assert (missing["type"], extra["type"]) == ("MASTER_ONLY", "IMAGE_ONLY"), (missing, extra)
        assert len(missing["details"]) == len(group.columns) + 1, missing
        assert missing["correction"] is None or missing["correction"].startswith(("INSERT", "SET STATEMENT")), missing
    for document in documents:
        for detail in document["details"]:
            assert document["type"] != "MISMATCHED" or detail["sourceValue"] != detail["destValue"], detail
        assert document["correction"] or "64 KiB" in document["message"] or "too long" in document["message"], document
    # what is too long for a statement is written by the worker; the other rows by hand
    long = [document for document in documents if not document["correction"]]
    correct(target, [document for document in documents if document["correction"]])
    left = tool.ask("keys")
    assert {document["id"] for document in left} == {document["id"] for document in long}, left[:3]
    for server in (source, target):
        for document in long:
            server.sql(f"DELETE FROM app.{group.name} WHERE id = {document['key'][0]['columnValue']}")
    # MariaDB has no negative zero: with it at either end a zero is a zero
    kind = "mariadb" if source.is_mariadb else target.kind
    found = differences(source, target, {group.name: (expressions_of(group, kind), ["id"] + [c.name for c in group.columns])})
    assert not found, "\n".join(found[:40])


def charset_group(source, target):
    names = [{row[0] for row in server.sql("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS")}
             for server in (source, target)]
    common = {("utf8" if name == "utf8mb3" else name) for name in names[0]} & {("utf8" if name == "utf8mb3" else name) for name in names[1]}
    return type_values.charsets(sorted(common - {"binary"}), KINDS)


def all_types(env, kind):
    source = env.source(kind)
    source.sql("CREATE DATABASE app CHARACTER SET utf8mb4")
    for target_kind in KINDS:
        target = env.target(target_kind)
        target.sql("CREATE DATABASE app CHARACTER SET utf8mb4")
        tool = Tool(env, source, target)
        for group in [*type_values.everything(), charset_group(source, target)]:
            group.native = group.kinds
            if kind not in group.kinds or target_kind not in targets_of(group, kind):
                continue
            check_group(source, target, group, tool)
            source.sql(f"DROP TABLE app.{group.name}")
        tool.close()


@needs("mariadb", "mysql56", "mysql97")
@timeout(300)
def test_mariadb(env):
    all_types(env, "mariadb")


@needs("mariadb", "mysql56", "mysql97")
@timeout(300)
def test_mysql56(env):
    all_types(env, "mysql56")


@needs("mariadb", "mysql56", "mysql97")
@timeout(300)
def test_mysql97(env):
    all_types(env, "mysql97")


# ------------------------------------------------------------------------------------------ keys

def pair(env, kinds):
    source, target = env.source(kinds[0]), env.target(kinds[1])
    for server in (source, target):
        server.sql("CREATE DATABASE app CHARACTER SET utf8mb4")
    return source, target, Tool(env, source, target)


@needs("mariadb", "mysql97")
def test_keys(env):
    """Keys that collations hold equal, of two columns, by bytes; and a target that has no such key."""
    source, target, tool = pair(env, ("mariadb", "mysql97"))
    ci, sensitive = "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    for server in (source, target):
        server.sql(f"CREATE TABLE app.cased (k {ci} NOT NULL PRIMARY KEY, v INT)")
    source.sql("INSERT INTO app.cased VALUES ('A', 1), ('b', 2), ('c''\\\\', 3)")
    target.sql("INSERT INTO app.cased VALUES ('a', 1), ('b', 2), ('d', 4)")
    tool.table("cased")
    found = {document["key"][0]["columnValue"]: document for document in tool.ask("keys")}
    assert {key: document["type"] for key, document in found.items()} == {"A": "MISMATCHED", "c'\\": "MASTER_ONLY", "d": "IMAGE_ONLY"}
    assert found["A"]["details"] == [{"columnName": "k", "sourceValue": "A", "destValue": "a"}], found["A"]
    assert tool.ask("key", found["A"]["keyHex"])[0]["id"] == found["A"]["id"]
    correct(target, found.values())
    assert sorted(source.sql("SELECT HEX(k), v FROM app.cased")) == sorted(target.sql("SELECT HEX(k), v FROM app.cased"))
    assert tool.ask("keys") == []

    # the source tells 'A' from 'a' no more than before; the target has both
    source.sql(f"CREATE TABLE app.finer (k {ci} NOT NULL PRIMARY KEY, v INT)")
    target.sql(f"CREATE TABLE app.finer (k {sensitive} NOT NULL PRIMARY KEY, v INT)")
    source.sql("INSERT INTO app.finer VALUES ('A', 1), ('B', 1)")
    target.sql("INSERT INTO app.finer VALUES ('A', 1), ('a', 2), ('B', 2), ('b', 1)")
    tool.table("finer")
    documents = tool.ask("keys")
    assert sorted((document["key"][0]["columnValue"], document["type"]) for document in documents) == \
        [("B", "MISMATCHED"), ("a", "IMAGE_ONLY"), ("b", "IMAGE_ONLY")], documents
    correct(target, documents)
    assert sorted(source.sql("SELECT k, v FROM app.finer")) == sorted(target.sql("SELECT k, v FROM app.finer"))

    # no unique key at the target: two rows have the source's key, and nobody chooses
    source.sql("CREATE TABLE app.loose (a INT, b CHAR(3), v INT, PRIMARY KEY (a, b))")
    target.sql("CREATE TABLE app.loose (a INT, b CHAR(3), v INT)")
    source.sql("INSERT INTO app.loose VALUES (1, 'x', 1), (1, 'y', 2)")
    target.sql("INSERT INTO app.loose VALUES (1, 'x', 1), (1, 'x', 1), (1, 'y', 3)")
    assert tool.table("loose") == 2
    one, two = sorted(tool.ask("keys"), key=lambda document: document["key"][1]["columnValue"])
    assert one["correction"] is None and "2 rows" in one["message"], one
    correct(target, [two])
    assert target.value("SELECT v FROM app.loose WHERE b = 'y'") == 2


@needs("mysql97", "mysql56")
def test_shown(env):
    """What a person sees: NULL and empty, bytes, long values, the last digit; filters; columns that set themselves."""
    source, target, tool = pair(env, ("mysql97", "mysql56"))
    columns = "id INT PRIMARY KEY, t TEXT, b BLOB, d DOUBLE, at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    for server in (source, target):
        server.sql(f"CREATE TABLE app.shown ({columns})")
        server.sql("INSERT INTO app.shown VALUES (1, NULL, NULL, 0.1, '2001-01-01 00:00:00'), (2, 'a', x'00ff', 0.1, '2001-01-01 00:00:00'),"
                   " (3, REPEAT('x', 20000), NULL, 0, '2001-01-01 00:00:00')")
    target.sql(["UPDATE app.shown SET t = '', at = at WHERE id = 1",
                "UPDATE app.shown SET t = 'a ', b = x'00fe', d = 0.10000000000000002e0, at = at WHERE id = 2",
                "UPDATE app.shown SET t = CONCAT(LEFT(t, 19999), 'y'), at = at WHERE id = 3", "INSERT INTO app.shown (id) VALUES (9)"])
    tool.table("shown", "id < 9")
    documents = {int(document["key"][0]["columnValue"]): document for document in tool.ask("keys")}
    shown = {number: {detail["columnName"]: (detail["sourceValue"], detail["destValue"]) for detail in document["details"]}
             for number, document in documents.items()}
    assert shown[1] == {"t": (None, "")}, shown[1]
    assert shown[2]["t"] == ("a", "a ") and shown[2]["b"] == ("0x00FF", "0x00FE") and len(set(shown[2]["d"])) == 2, shown[2]
    assert documents[3]["cut"] and shown[3]["t"][0] != shown[3]["t"][1] and len(shown[3]["t"][0]) < 4200, shown[3]["t"][0][-60:]
    assert documents[9]["type"] == "IMAGE_ONLY" and not documents[1]["cut"], documents[9]
    correct(target, documents.values())
    assert tool.ask("keys") == []
    assert target.value("SELECT COUNT(*) FROM app.shown WHERE at = '2001-01-01 00:00:00'") == 3


# ------------------------------------------------------------------------------------------ tables without a key

@needs("mariadb", "mysql97")
def test_counted(env):
    """Rows without a key are counted by all their bytes; what one end has more of is corrected."""
    for kinds in (("mariadb", "mysql97"), ("mysql97", "mariadb")):
        source, target, tool = pair(env, kinds)
        columns = "a INT, t VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b BLOB, f FLOAT"
        for server in (source, target):
            server.sql(f"CREATE TABLE app.heap ({columns})")
            server.sql("INSERT INTO app.heap VALUES (1, 'x', x'00', 0.1), (1, 'x', x'00', 0.1), (2, NULL, NULL, NULL), (3, 'same', '', 1)")
        source.sql("INSERT INTO app.heap VALUES (1, 'x', x'00', 0.1), (4, 'é', NULL, 1.1), (4, 'é', NULL, 1.1), (5, 'case', NULL, 0)")
        target.sql("INSERT INTO app.heap VALUES (2, NULL, NULL, NULL), (2, NULL, NULL, NULL), (5, 'CASE', NULL, 0),"
                   " (6, REPEAT('z', 20), REPEAT('b', 5000), 3.4028234663852886e38)")
        assert tool.table("heap") == 0
        answer = tool.ask("counted", "100")
        assert answer["only"] == [4, 4], answer
        counts = sorted((document["type"], document["count"]) for document in answer["rows"])
        assert counts == [("IMAGE_ONLY", 1), ("IMAGE_ONLY", 1), ("IMAGE_ONLY", 2), ("MASTER_ONLY", 1), ("MASTER_ONLY", 1), ("MASTER_ONLY", 2)]
        assert len(tool.ask("counted", "2")["rows"]) == 2 and tool.ask("counted", "2")["only"] == [4, 4]
        correct(target, answer["rows"])
        assert tool.ask("counted", "100") == {"only": [0, 0], "rows": []}
        exact = "SELECT a, HEX(t), HEX(b), f * 1e0, COUNT(*) FROM app.heap GROUP BY 1, 2, 3, 4"
        assert sorted(map(str, source.sql(exact))) == sorted(map(str, target.sql(exact)))
        for server in (source, target):
            server.sql("DROP DATABASE app")
        tool.close()
