"""What a server's binlog holds, as mysqlbinlog or mariadb-binlog prints it: an independent witness of who wrote what.

It shares no code with the product and reads the files themselves.
"""

import os
import re
import subprocess

from test_decoder import reader

HEADER = re.compile(rb"^#\d{6} +\d+:\d\d:\d\d server id \d+ +end_log_pos (\d+) (?:CRC32 0x[0-9a-f]+ )?\s*(\w+)")
ROW = re.compile(rb"^### (INSERT INTO|UPDATE|DELETE FROM) `(.*)`\.`(.*)`$")
TABLE = re.compile(rb"Table_map: `(.*)`\.`(.*)` mapped to number (\d+)")
TABLE_ID = re.compile(rb"table id (\d+)")
LANE = "cw_lane"


class Row:
    """One row event: kind INSERT, UPDATE or DELETE; images {column number: text}, of the tables asked for only."""

    __slots__ = ("kind", "table", "before", "after")

    def __init__(self, kind, table):
        self.kind, self.table, self.before, self.after = kind, table, None, None

    def __repr__(self):
        return f"{self.kind} {self.table} {self.before} {self.after}"


class Group:
    """A transaction, or a statement such as DDL. sizes: bytes of its row events by database ('' for the others)."""

    def __init__(self, file, position):
        self.file, self.position = file, position
        self.rows = []
        self.sizes = {}
        self.statements = []

    def __repr__(self):
        return f"{self.file}:{self.position} {self.rows}{self.statements}"

    def lanes(self, schema="oms"):
        """How many rows of the transaction table it changes."""
        return sum(1 for row in self.rows if row.table == f"{schema}.{LANE}")

    def marked(self, schema="oms"):
        """Applied by Causeway, as its readers tell it: the transaction table comes first."""
        return bool(self.rows) and self.rows[0].table == f"{schema}.{LANE}"

    def users(self, schema="oms"):
        """The rows of users' tables."""
        return [row for row in self.rows if not row.table.startswith(f"{schema}.")]


def here(server):
    """A place in the binlog for groups(since=...): the beginning of a new file."""
    server.sql("FLUSH BINARY LOGS")
    return server.sql("SHOW BINARY LOGS")[-1][0]


def groups(server, since=None, images=()):
    """The groups of a binlog, in order, from a file on. images: tables 'db.name' whose values are wanted."""
    files = [row[0] for row in server.sql("SHOW BINARY LOGS")]
    for file in files[files.index(since) if since else 0:]:
        yield from _Printed(server, file, set(images)).groups()


class _Printed:
    """One file as text, taken apart."""

    def __init__(self, server, file, images):
        self.server, self.file, self.images = server, file, images
        self.group, self.end, self.tables, self.image, self.event = None, 4, {}, None, b""

    def groups(self):
        path = os.path.join(self.server.directory, "data", self.file)
        command = reader("mariadb" if self.server.is_mariadb else "mysql") + ["-v", "--base64-output=DECODE-ROWS", path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in process.stdout:
                line = line.rstrip(b"\n")
                match = HEADER.match(line)
                if match:
                    before = self.group
                    self._event(line, int(match.group(1)), match.group(2))
                    if before is not None and self.group is not before:
                        yield before
                elif self.group is not None:
                    self._text(line)
            faults = process.stderr.read()
        # a file that is being written ends in the middle of something now and then: MariaDB's tool warns of it
        if process.returncode != 0:
            raise AssertionError(f"{command[-1]}: {faults[-500:]}")
        if self.group is not None:
            yield self.group

    def _event(self, line, end, kind):
        self.image, self.event = None, kind
        if kind in (b"GTID", b"Anonymous_GTID", b"Gtid", b"Rotate", b"Stop"):
            self.group = Group(self.file, self.end) if b"G" in kind.upper()[:1] or kind == b"Anonymous_GTID" else None
        database = ""
        if kind == b"Table_map":
            match = TABLE.search(line)
            database = match.group(1).decode()
            self.tables[match.group(3)] = database
        elif b"table id" in line:
            database = self.tables.get(TABLE_ID.search(line).group(1), "")
        if self.group is not None and end > self.end:
            self.group.sizes[database] = self.group.sizes.get(database, 0) + end - self.end
        if end:
            self.end = end

    def _text(self, line):
        if line.startswith(b"###"):
            self._row(line)
        elif self.event == b"Query" and line[:1] not in (b"#", b"/", b"") and not line.startswith(
                (b"SET ", b"BEGIN", b"COMMIT", b"START TRANSACTION", b"use ", b"ROLLBACK", b"DELIMITER")):
            self.group.statements.append(line.decode(errors="replace"))

    def _row(self, line):
        match = ROW.match(line)
        if match:
            table = b".".join(match.groups()[1:]).decode()
            self.group.rows.append(Row(match.group(1).split()[0].decode(), table))
            self.image = None
        elif not self.group.rows or self.group.rows[-1].table not in self.images:
            return
        elif line == b"### WHERE":
            self.image = self.group.rows[-1].before = {}
        elif line == b"### SET":
            self.image = self.group.rows[-1].after = {}
        elif line.startswith(b"###   @") and self.image is not None:
            number, _, value = line[7:].partition(b"=")
            text = value.decode(errors="replace")
            self.image[int(number)] = text[1:-1] if text[:1] == "'" and text[-1:] == "'" else text
