"""Steps that the tests of DDL share: a running project that carries DDL, rows for any structure, settling."""

import os
import random
import sqlite3
import time
import uuid

import pymysql

from common import INCR, start_forward, tree, wait_monitoring
from harness import compare, structure
from harness.servers import quote

MARKS = "cw_marks"                      # a database of its own: no DDL of a test touches it
ALL_KINDS = ["CREATE_TABLE", "ALTER_TABLE", "DROP_TABLE", "RENAME_TABLE", "TRUNCATE_TABLE", "CREATE_INDEX",
             "DROP_INDEX", "CREATE_VIEW", "ALTER_VIEW", "DROP_VIEW", "CREATE_DATABASE", "ALTER_DATABASE",
             "DROP_DATABASE", "CREATE_FUNCTION", "DROP_FUNCTION", "CREATE_PROCEDURE", "DROP_PROCEDURE"]
DML = ["INSERT", "UPDATE", "DELETE"]


def scale(full, least=1):
    """A tenth in CI, all of it at night (CAUSEWAY_TEST_LENGTH=1)."""
    return max(least, round(full * float(os.environ.get("CAUSEWAY_TEST_LENGTH", "0.1"))))


def with_ddl(kinds=None, **more):
    """incrTransferConfig that carries DDL."""
    return {"recordTypeWhiteList": [*DML, "DDL"], "supportDDLTypes": ALL_KINDS if kinds is None else kinds, **more}


class Bed:
    """Two servers and a project between them that is in its steady state and carries DDL."""

    def __init__(self, env, source, target, mapping=None, databases=("app",), kinds=None, faults=None, create=True,
                 online=None, daemon=None):
        self.env, self.source, self.target = env, source, target
        self.databases = dict(databases) if isinstance(databases, dict) else {name: name for name in databases}
        if create:
            for name in self.databases:
                if name not in source.databases():
                    source.sql(f"CREATE DATABASE {quote(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        source.sql([f"CREATE DATABASE {MARKS}", f"CREATE TABLE {MARKS}.m (id CHAR(32) CHARACTER SET ascii PRIMARY KEY)"])
        mapping = mapping or tree(list(self.databases))
        if mapping["mode"] == "SPECIFIC":
            mapping["databases"].append({"name": MARKS, "mappedName": MARKS})
        else:
            mapping["tableAndViewWhiteList"].append(f"{MARKS}.*")
        config = with_ddl(kinds)
        if kinds is not None and not kinds:
            config = {"recordTypeWhiteList": DML}
        if online is not None:
            config["adaptOnlineDdl"] = online
        self.daemon = daemon or env.daemon(faults.arguments if faults else ())
        self.mapping, self.config, self.project = mapping, config, None

    def start(self, **options):
        _, self.project = start_forward(self.env, self.source, self.target, self.mapping, self.daemon,
                                        incr_config=self.config, **options)
        wait_monitoring(self.daemon, self.project)
        return self

    # -- the stream

    def drain(self, timeout=60):
        """Until what was written before is at the target; fails at once when the step stops."""
        mark = uuid.uuid4().hex
        self.source.sql(f"INSERT INTO {MARKS}.m VALUES (%s)", [mark])

        def arrived():
            if self.target.value(f"SELECT COUNT(*) FROM {MARKS}.m WHERE id = %s", [mark]):
                return True
            if self.daemon.project(self.project)["status"] == "FAILED":
                raise AssertionError(f"the project FAILED\n{self.pending_text()}\n{self.daemon.explain()}")
            return False
        self.daemon.wait_for(arrived, timeout, "the mark written at the source is at the target")

    def settle(self, timeout=60, exclude=(), databases=None, rename=None):
        """Drain, then both ends are equal in rows and structure."""
        self.drain(timeout)
        self.equal(timeout=20, exclude=exclude, databases=databases, rename=rename)

    def settle_empty(self, timeout=60):
        """Drain, and there is no object left at either end."""
        self.drain(timeout)
        structure.assert_same(self.source, self.target, self.databases)
        for here, there in self.databases.items():
            assert not self.source.tables(here) and not self.target.tables(there), self.target.tables(there)

    def equal(self, timeout=20, exclude=(), databases=None, rename=None):
        """Equal now, or as soon as the transactions under way are committed."""
        databases = databases or self.databases
        end = time.monotonic() + timeout
        while True:
            try:
                structure.assert_same(self.source, self.target, databases, exclude, rename)
                if rename:
                    pairs = [compare.Pair((here, name), (there, rename.get(name, name)))
                             for here, there in databases.items()
                             for name in self.source.tables(here) if name not in exclude]
                    result = compare.compare(self.source, self.target, pairs)
                else:
                    result = compare.compare_databases(self.source, self.target, databases, exclude)
                assert result.equal, f"{self.source} and {self.target} differ: {result}"
                return result
            except (AssertionError, pymysql.err.MySQLError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)

    # -- stops

    def stopped(self, timeout=60):
        """Until the step has stopped by itself; its error as text."""
        self.daemon.wait_project(self.project, "FAILED", timeout)
        return str(self.daemon.steps(self.project)[INCR]["extraInfo"])

    def listed(self, everything=False):
        return self.daemon.call("ListPendingDdl", {"projectId": self.project, "all": everything, "pageSize": 100})

    def pending(self, timeout=60):
        """The one statement the step has stopped at."""
        self.stopped(timeout)
        rows = self.listed()
        assert len(rows) == 1 and rows[0]["status"] == "PENDING", (rows, self.daemon.explain())
        return rows[0]

    def pending_text(self):
        try:
            return "\n".join(str(row) for row in self.listed(True)[:10])
        except Exception as error:      # it explains a failure: it must not hide it
            return repr(error)

    def decide(self, sql=None):
        """Skip the statement it has stopped at, or run others instead, and go on."""
        row = self.pending()
        if sql is None:
            self.daemon.call("SkipDdl", {"projectId": self.project, "ddlId": row["ddlId"]})
        else:
            self.daemon.call("ReplaceDdl", {"projectId": self.project, "ddlId": row["ddlId"], "sql": sql})
        self.resume()
        return row

    def stop(self):
        self.daemon.call("StopProject", {"id": self.project})
        self.daemon.wait_for(lambda: not self.daemon.workers(self.project), 30, "the workers have stopped")

    def resume(self):
        self.daemon.call("ResumeProject", {"id": self.project})

    def events(self):
        """(event, message) of the project's history; no action of the API lists them yet."""
        store = sqlite3.connect(f"file:{self.daemon.data_dir}/store.db?mode=ro", uri=True)
        try:
            return store.execute("SELECT event, message FROM event WHERE project_id = ? ORDER BY seq",
                                 [self.project]).fetchall()
        finally:
            store.close()

    def wait_event(self, event, text, timeout=20):
        """Until the history has such an event whose message holds the text."""
        self.daemon.wait_for(lambda: any(word == event and text in message for word, message in self.events()),
                             timeout, f"an event {event} about {text}")


# ------------------------------------------------------------------------------------------ rows

TEXT = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
INTEGERS = {"tinyint": 127, "smallint": 32767, "mediumint": 8388607, "int": 2 ** 31 - 1, "bigint": 2 ** 62}


class Writer:
    """Writes rows that fit whatever structure a table has at the moment.

    It asks for the columns each time: a test that alters tables must not tell two places what they look like.
    """

    def __init__(self, server, db, seed=1):
        self.server, self.db = server, db
        self.random = random.Random(seed)
        self.connection = server.connect(db=db, binary_prefix=True)
        self.cursor = self.connection.cursor()
        self.cursor.execute("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'")

    def close(self):
        self.connection.close()

    def tables(self):
        return self.server.tables(self.db)

    def churn(self, table, inserts=3):
        """Some rows come, some change, one goes. Duplicate keys and foreign keys may refuse a part of it."""
        columns = self._columns(table)
        if not columns:
            return
        for _ in range(inserts):
            names = ", ".join(quote(name) for name, *_ in columns)
            self._try(f"INSERT INTO {quote(table)} ({names}) VALUES ({', '.join(['%s'] * len(columns))})",
                      [self._value(*column) for column in columns])
        column = self.random.choice(columns)
        self._try(f"UPDATE {quote(table)} SET {quote(column[0])} = %s ORDER BY {quote(columns[0][0])} LIMIT 2",
                  [self._value(*column)])
        if self.random.random() < 0.5:
            self._try(f"DELETE FROM {quote(table)} ORDER BY {quote(columns[-1][0])} DESC LIMIT 1")

    def everything(self, inserts=3):
        for table in self.tables():
            self.churn(table, inserts)

    def _try(self, statement, args=None):
        try:
            self.cursor.execute(statement, args)
        except (pymysql.err.IntegrityError, pymysql.err.DataError):
            pass
        except pymysql.err.OperationalError as error:
            if error.args[0] not in (1364, 1366, 1292, 1264, 3819, 4025, 1526, 1452, 1451, 1205, 1213, 1265, 1406, 3140):
                raise

    def _columns(self, table):
        self.cursor.execute(
            "SELECT COLUMN_NAME, LOWER(DATA_TYPE), COLUMN_TYPE, IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH,"
            " COLUMN_KEY, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
            " ORDER BY ORDINAL_POSITION", [self.db, table])
        return [row[:6] for row in self.cursor.fetchall()
                if "GENERATED" not in row[6].replace("DEFAULT_GENERATED", "") and "auto_increment" not in row[6]
                and "INVISIBLE" not in row[6]]

    def _value(self, _, data_type, column_type, nullable, length, key):
        pick = self.random
        if nullable == "YES" and pick.random() < 0.15:
            return None
        if data_type in INTEGERS:
            most = INTEGERS[data_type]
            return pick.randint(1, min(most, 10 ** 6) if key == "PRI" else most)
        if data_type in TEXT:
            text = f"{pick.randint(0, 10 ** 6)}é文{'x' * pick.randint(0, 8)}"
            return text[:min(length or 20, 40)] if length is None or length < 40 else text
        if data_type == "enum" or data_type == "set":
            return column_type[column_type.index("(") + 1:-1].split(",")[0].strip("'")
        if data_type in ("decimal", "float", "double"):
            return pick.randint(0, 9999) / 4
        if data_type in ("date", "datetime", "timestamp"):
            return f"20{pick.randint(10, 30)}-0{pick.randint(1, 9)}-1{pick.randint(0, 9)}" + (
                "" if data_type == "date" else " 10:11:12")
        if data_type == "time":
            return "01:02:03"
        if data_type == "year":
            return 2000 + pick.randint(0, 99)
        if data_type == "json":
            return '{"k": [1, "é", null]}'
        if data_type == "bit":
            return 1
        return pick.randbytes(min(length or 8, 8))
