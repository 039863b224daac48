"""Steps that the tests of the full verification share: run one, read all of its results, hold them against what was planted."""

import collections
import csv
import io
import json
import re

from planted import MISMATCHED, SOURCE_ONLY, TARGET_ONLY, quoted

VERIFIER = "FULL_VERIFIER"
PAGE = 100
TYPES = {SOURCE_ONLY, TARGET_ONLY, MISMATCHED}
FLOATS = {"d", "f"}             # columns whose text is a server's affair, their number is not


class Verification:
    """The verification of a project, by the API alone."""

    def __init__(self, daemon, project, meanwhile=None):
        """meanwhile(): called again and again while it is waited for."""
        self.daemon, self.project, self.meanwhile = daemon, project, meanwhile or (lambda: None)

    def start(self, tables=None):
        body = {"projectId": self.project}
        if tables is not None:
            body["tables"] = [{"schema": schema, "table": table} for schema, table in tables]
        return self.daemon.call("StartFullVerify", body)

    def step(self):
        return self.daemon.steps(self.project).get(VERIFIER)

    def through(self):
        """Whether it has gone through all tables: beside incremental it stays RUNNING then (the ODC client wants that)."""
        self.meanwhile()
        step = self.step()
        assert step is None or step["status"] != "FAILED", f"{step}\n{self.daemon.explain()}"
        return step and (step["status"] == "FINISHED" or step["status"] == "RUNNING" and step["progress"] == 100
                         and not self.daemon.workers(self.project, VERIFIER)) and step

    def wait(self, timeout=120):
        return self.daemon.wait_for(self.through, timeout, "the verification is through")

    def run(self, tables=None, timeout=120):
        self.start(tables)
        self.wait(timeout)
        return self.results()

    def _pages(self, action, **fields):
        page = 1
        while True:
            data = self.daemon.call(action, {"projectId": self.project, "pageNumber": page, "pageSize": PAGE, **fields})
            yield data
            page += 1
            rows = data["fullVerifyTableStatistics"] if isinstance(data, dict) else data
            if len(rows) < PAGE:
                return

    def results(self, **fields):
        """{(schema, table): statistics}"""
        pages = list(self._pages("ListProjectFullVerifyResult", **fields))
        rows = [row for page in pages for row in page["fullVerifyTableStatistics"]]
        made = {(row["sourceSchemaName"], row["sourceTableName"]): row for row in rows}
        assert len(made) == len(rows), rows
        made = Results(made)
        made.differing = pages[0]["differentNumber"]
        return made

    def _rows(self, action, **fields):
        return [row for page in self._pages(action, **fields) for row in page]

    def rows(self, schema, table):
        return self._rows("ListFullVerifyInconsistenciesResult", schema=schema, table=table)

    def corrections(self, schema, table):
        return self._rows("ListFullVerifyCorrectionsResult", schema=schema, table=table)

    def apply(self, timeout=120, **fields):
        """Apply corrections and wait until that is done; every row was corrected, or is equal by itself."""
        said = self.daemon.call("ApplyFullVerifyCorrections", {"projectId": self.project, **fields})
        self.daemon.wait_for(lambda: not self.states(**fields)["APPLYING"], timeout, "the corrections are applied")
        states = self.states(**fields)
        assert not states["FAILED"], [row for row in self._rows("ListFullVerifyInconsistenciesResult", **fields) if row["state"] == "FAILED"][:5]
        return said

    def states(self, **fields):
        """How many rows that differed are in which state."""
        self.meanwhile()
        return collections.Counter(row["state"] for row in self._rows("ListFullVerifyInconsistenciesResult", **fields))

    def report(self, kind):
        """kind: CSV or HTML. The text of the report."""
        answer = self.daemon.http("POST", "/api/v2?Action=DownloadFullVerifyReport",
                                  json.dumps({"projectId": self.project, "format": kind}), {"Content-Type": "application/json"})
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/" + kind.lower()), answer
        return answer.body.decode()


class Results(dict):
    differing = 0


def counts_of(item):
    return item["sourceOnlyCount"], item["destOnlyCount"], item["mismatchedCount"], item["consistentCount"]


def check(verification, expected, results=None, rows_too=True):
    """expected: {(schema, table): planted.Expected}. Each table's result is exactly that."""
    results = results or verification.results()
    faults = []
    for name, one in expected.items():
        item = results.get(name)
        if item is None:
            faults.append(f"{name}: no result")
            continue
        if item["resultType"] != one.result:
            faults.append(f"{name}: {item['resultType']} instead of {one.result}: {item}")
            continue
        if counts_of(item) != one.counts:
            faults.append(f"{name}: {counts_of(item)} instead of {one.counts} (source only, target only, mismatched, consistent)")
        if rows_too:
            faults += [f"{name}: {fault}" for fault in row_faults(verification.rows(*name), one)]
    assert not faults, "\n".join(faults[:40])
    different = [name for name, item in results.items() if item["resultType"] not in ("CONSISTENT", "BOTH_EMPTY")]
    assert results.differing == len(different), (results.differing, different)
    return results


def row_faults(listed, expected):
    """What is wrong with a list of differing rows."""
    if getattr(expected, "copies", None) is not None:
        return copies_faults(listed, expected)
    wanted = {(row.type, plain_key(row.key)): row.details for row in expected.rows}
    seen = {}
    for row in listed:
        key = plain_key((part["columnName"], part["columnValue"]) for part in row["failedRecordUniqueKeys"])
        if (row["type"], key) in seen:
            yield f"listed twice: {row['type']} {key}"
        seen[row["type"], key] = {part["columnName"]: (part["sourceValue"], part["destValue"]) for part in row["failedRecordDetails"]}
    for name in wanted.keys() - seen.keys():
        yield f"not listed: {name} {wanted[name]}"
    for name in seen.keys() - wanted.keys():
        yield f"invented: {name} {seen[name]}"
    for name in wanted.keys() & seen.keys():
        yield from detail_faults(name, seen[name], wanted[name])


def detail_faults(name, seen, wanted):
    if set(seen) != set(wanted):
        yield f"{name}: columns {sorted(seen)} instead of {sorted(wanted)}: {seen}"
        return
    for column, values in wanted.items():
        for end, one, other in zip(("source", "target"), seen[column], values):
            if not same_value(column, one, other):
                yield f"{name}: {column} at the {end} is {one!r} instead of {other!r}"


def same_value(column, one, other):
    if one is None or other is None:
        return one is other
    if column in FLOATS:
        return float(one) == float(other)
    return plain(one) == plain(other)


def plain(value):
    """Bytes: a result shows as hex digits what a person can't read."""
    if value is None:
        return None
    return bytes.fromhex(value[2:]) if re.fullmatch("0x([0-9A-Fa-f]{2})+", value) else value.encode()


def plain_key(key):
    return tuple((name, plain(value)) for name, value in key)


def copies_faults(listed, expected):
    """Tables without a key: how many copies of which row."""
    seen = collections.Counter()
    for row in listed:
        here = row["type"] == SOURCE_ONLY
        values = tuple(sorted(((part["columnName"], part["sourceValue"] if here else part["destValue"])
                               for part in row["failedRecordDetails"]), key=str))
        seen[row["type"], comparable(values)] += row.get("count") or 1
    wanted = collections.Counter()
    for (kind, values), count in expected.copies.items():
        wanted[kind, comparable(values)] += count
    yield from (f"not listed, or fewer: {name} x {count}" for name, count in (wanted - seen).items())
    yield from (f"invented, or more: {name} x {count}" for name, count in (seen - wanted).items())


def comparable(values):
    return tuple((name, float(value) if name in FLOATS and value is not None else plain(value)) for name, value in values)


def run_by_hand(server, statements, db=None):
    """Corrections as a person would run them, in a session of the client's defaults."""
    connection = server.connect(db=db, autocommit=False)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()
    finally:
        connection.close()


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


__all__ = [name for name in dir() if not name.startswith("_")]
_ = quoted
