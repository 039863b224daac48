"""Full verification against planted differences: all of them found, none invented, counts and rows exact, and repaired.

planted.py makes the tables and the differences and knows what has to come out; compare.py, which shares nothing with the
product, has the last word after the corrections.
"""

import html.parser
import os
import re

import planted
import type_values
from common import MARK_TABLE, resident_mib, wait_monitoring
from harness import compare
from harness.daemon import ApiError, specific
from harness.runner import needs, tags, timeout
from planted import MISMATCHED, SESSION, SOURCE_ONLY, TARGET_ONLY, Ends, Expected, Keyless, Planter, Table
from test_metrics import curve
from test_types import SQL_MODE, charset_groups, columns_sql, expressions_of, read, targets_of
from verifying import VERIFIER, Verification, check, counts_of, csv_rows, run_by_hand

FULL = os.environ.get("CAUSEWAY_TEST_LENGTH") == "1"
WORKER_MIB = 128
SIMPLE = "id INT NOT NULL PRIMARY KEY, v VARCHAR(20)"


# ------------------------------------------------------------------------------------------ the tables of a pair

class Scene:
    """A one-way project between two servers over equal tables of all kinds."""

    def __init__(self, env, kinds, tables, target_db="app"):
        self.env, self.source, self.target = env, env.source(kinds[0]), env.target(kinds[1])
        self.db, self.target_db, self.tables = "app", target_db, tables
        self.ends = Ends(self.source, self.target, "app", target_db)
        for end, server, db in ((0, self.source, "app"), (1, self.target, target_db)):
            server.sql([*SESSION, f"CREATE DATABASE {db} CHARACTER SET utf8mb4",
                        f"CREATE TABLE {db}.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)"])
            for table in tables:
                table.create(server, db, end)
        self.simple = []
        self.daemon = self.project = self.verification = None

    def add_simple(self, name, rows=0):
        """A small table of its own for what is about whole tables."""
        for server, db in ((self.source, "app"), (self.target, self.target_db)):
            server.sql([*SESSION, f"CREATE TABLE {db}.{name} ({SIMPLE})",
                        *(f"INSERT INTO {db}.{name} VALUES ({n}, 'row {n}')" for n in range(rows))])
        self.simple.append(name)

    def start(self, **options):
        self.daemon = self.env.daemon()
        entries = [table.entry() for table in self.tables] + [*self.simple, MARK_TABLE]
        self.project = self.daemon.create_project(self.source, self.target, specific({("app", self.target_db): entries}),
                                                  struct=False, full=False, verify=True, **options)
        self.daemon.start_project(self.project)
        wait_monitoring(self.daemon, self.project)
        self.verification = Verification(self.daemon, self.project)
        return self

    def plant(self, most=None):
        """{(schema, table): Expected}"""
        return {("app", table.name): table.plant(self.ends) if isinstance(table, Keyless) else Planter(self.ends, table).plant(most)
                for table in self.tables}

    def clean(self):
        made = {}
        for table in self.tables:
            if isinstance(table, Keyless):
                expected = table.expected(self.ends)
                assert not expected.rows, expected.rows[:3]
            else:
                expected = Expected([], Planter(self.ends, table).source_rows())
            made["app", table.name] = expected
        return made

    def on_target(self, *statements):
        self.target.sql([*SESSION, *statements], db=self.target_db)

    def equal(self):
        """The independent comparison, of what the project carries."""
        pairs = [compare.Pair(("app", table.name), (self.target_db, table.target_name), getattr(table, "left_out", None) and table.compared(),
                              getattr(table, "where", None)) for table in self.tables]
        pairs += [compare.Pair(("app", name), (self.target_db, name)) for name in self.simple]
        return compare.assert_equal(self.source, self.target, pairs)


def tables_of_all_kinds(rows):
    return [*(Table(f"k_{key}", key, rows) for key in planted.KEYS), Table("ten", "int", 10), Table("one", "ci", 1),
            Table("old_name", "composite", 300, target_name="new_name"), Table("filtered", "int", 900, where="k % 3 = 0"),
            Table("narrow", "int", 300, left_out=("x", "l", "d")), Keyless("nk", 2000), Keyless("nk_ten", 10, "nk_renamed")]


def repair(scene, expected):
    """Half of the tables by statements run by hand, the others by ApplyFullVerifyCorrections; then all is clean. Tables
    without a key always by hand."""
    verification = scene.verification
    keyless = {("app", table.name) for table in scene.tables if isinstance(table, Keyless)}
    names = sorted(name for name, one in expected.items() if one.differing and name not in keyless)
    for name in [*names[::2], *sorted(keyless)]:
        statements = verification.corrections(*name)
        assert name in keyless or len(statements) == expected[name].differing, (name, statements[:5])
        run_by_hand(scene.target, statements)
    for schema, table in names[1::2]:
        verification.apply(schema=schema, table=table)
    clean = scene.clean()
    check(verification, clean, verification.run())
    scene.equal()


def find_all(env, kinds, rows=600, target_db="app"):
    scene = Scene(env, kinds, tables_of_all_kinds(rows), target_db)
    scene.add_simple("both_empty")
    for name in ("source_empty", "target_empty", "gone", "other", "equal"):
        scene.add_simple(name, 7)
    scene.start()
    verification = scene.verification
    verification.wait()
    for metric in ("SOURCE_RPS", "SOURCE_READ_IOPS", "DEST_RPS", "DEST_READ_IOPS"):
        scene.daemon.wait_for(lambda: any(value > 0 for _, value in curve(scene.daemon, scene.project, VERIFIER, "FULL_VERIFY_" + metric)), 20,
                              f"FULL_VERIFY_{metric} has been measured")     # noqa: B023
    clean = scene.clean()
    clean.update({("app", name): Expected([], 0 if name == "both_empty" else 7, "BOTH_EMPTY" if name == "both_empty" else None)
                  for name in scene.simple})
    check(verification, clean)
    assert verification.results().differing == 0

    expected = scene.plant()
    scene.source.sql([*SESSION, "DELETE FROM app.source_empty"])
    scene.on_target("DELETE FROM target_empty", "DROP TABLE gone", "ALTER TABLE other DROP COLUMN v")
    expected["app", "both_empty"] = Expected([], 0, "BOTH_EMPTY")
    expected["app", "equal"] = Expected([], 7)
    expected["app", "source_empty"] = Expected([planted.Row(TARGET_ONLY, (("id", str(n)),), {"id": (None, str(n)), "v": (None, f"row {n}")})
                                                for n in range(7)], 0, "SOURCE_EMPTY")
    expected["app", "target_empty"] = Expected([planted.Row(SOURCE_ONLY, (("id", str(n)),), {"id": (str(n), None), "v": (f"row {n}", None)})
                                                for n in range(7)], 0, "TARGET_EMPTY")
    results = check(verification, expected, verification.run())
    assert results["app", "gone"]["resultType"] == "TARGET_TABLE_NOT_EXIST", results["app", "gone"]
    other = results["app", "other"]
    assert other["resultType"] == "SCHEMA_MISMATCH" and re.search(r"\bv\b", str(other["resultDesc"]) + str(other["message"])), other
    assert all(item["status"] == "FINISHED" and float(item["progress"]) in (1, 100) for item in results.values()), results
    check_report(verification, expected)

    scene.on_target(f"CREATE TABLE gone ({SIMPLE})", "INSERT INTO gone SELECT * FROM equal", "ALTER TABLE other ADD COLUMN v VARCHAR(20)",
                    "UPDATE other SET v = CONCAT('row ', id)")
    repair(scene, expected)
    return scene


def check_report(verification, expected):
    """Both forms have every table, and the CSV every differing row with its values."""
    rows = csv_rows(verification.report("CSV"))
    text = verification.report("HTML")
    page = Page()
    page.feed(text)
    assert page.open == [], page.open
    for (schema, table), one in expected.items():
        assert table in page.text, table
        listed = [row for row in rows if table in row.values() and set(row.values()) & {SOURCE_ONLY, TARGET_ONLY, MISMATCHED}]
        assert bool(listed) == bool(one.differing), (schema, table, one.differing, listed[:2])


class Page(html.parser.HTMLParser):
    """Well-formed: what is opened is closed; nothing of a value became markup."""

    EMPTY = {"meta", "br", "link", "hr", "input", "img", "col"}

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        assert tag != "script", attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


@tags("verify", "quick")
@needs("mariadb")
@timeout(200)
def test_maria(env):
    find_all(env, ("mariadb", "mariadb"))


@tags("verify")
@needs("mysql97", "mariadb")
@timeout(200)
def test_97_maria(env):
    find_all(env, ("mysql97", "mariadb"), target_db="app_new")


@tags("verify")
@needs("mysql56", "mysql97")
@timeout(200)
def test_56_97(env):
    find_all(env, ("mysql56", "mysql97"))


@tags("verify")
@needs("mariadb", "mysql97")
@timeout(200)
def test_maria_97(env):
    find_all(env, ("mariadb", "mysql97"))


@tags("verify", "nightly")
@needs("mysql56", "mysql97", "mariadb")
@timeout(900)
def test_other_pairs(env):
    for kinds in (("mysql56", "mariadb"), ("mysql56", "mysql56"), ("mysql97", "mysql97"), ("mariadb", "mysql56"), ("mysql97", "mysql56")):
        print(f"    {kinds}", flush=True)
        find_all(env, kinds)


# ------------------------------------------------------------------------------------------ each type

def each_type(env, kinds):
    """Every type of docs/types.md that the pair has: copied, verified equal; then one value of each column changed."""
    source, target = env.source(kinds[0]), env.target(kinds[1])
    source.sql(["CREATE DATABASE app CHARACTER SET utf8mb4", "CREATE DATABASE aux CHARACTER SET utf8mb4",
                f"CREATE TABLE app.{MARK_TABLE} (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)"])
    groups = [group for group in type_values.everything() if kinds[0] in group.kinds and kinds[1] in targets_of(group, kinds[0])]
    groups += [group for group in charset_groups(source, (kinds[1],), {kinds[0]: source, kinds[1]: target}) if kinds[1] in group.kinds]
    for group in groups:
        source.sql([SQL_MODE, f"CREATE TABLE app.{group.name} (id INT PRIMARY KEY, {columns_sql(group)})",
                    f"CREATE TABLE app.{group.name}_nk (id INT, {columns_sql(group)})",
                    *(f"INSERT INTO app.{group.name} VALUES ({k}, {', '.join(group.edge(k))})" for k in range(group.edge_count)),
                    f"INSERT INTO app.{group.name}_nk SELECT * FROM app.{group.name}",
                    f"INSERT INTO app.{group.name}_nk SELECT * FROM app.{group.name}"])
    daemon = env.daemon()
    project = daemon.create_project(source, target, specific(
        {"app": [MARK_TABLE, *(name for group in groups for name in (group.name, group.name + "_nk"))]}), verify=True)
    daemon.start_project(project)
    wait_monitoring(daemon, project, 200)
    verification = Verification(daemon, project)
    verification.wait()
    clean = {("app", group.name + more): Expected([], group.edge_count * (2 if more else 1)) for group in groups for more in ("", "_nk")}
    check(verification, clean)
    planted_columns = {group.name: change_each_column(target, group, kinds[1]) for group in groups}
    results = verification.run()
    faults = []
    for group in groups:
        changed = planted_columns[group.name]
        counts = counts_of(results["app", group.name])
        if counts != (0, 0, len(changed), group.edge_count - len(changed)):
            faults.append(f"{group.name}: {counts}, {len(changed)} rows were changed")
        seen = {}
        for row in verification.rows("app", group.name):
            assert row["type"] == MISMATCHED, row
            seen[int(row["failedRecordUniqueKeys"][0]["columnValue"])] = {part["columnName"] for part in row["failedRecordDetails"]}
        faults += [f"{group.name}, row {key}: {sorted(seen.get(key, ()))} instead of {sorted(changed.get(key, ()))}"
                   for key in sorted(seen.keys() | changed.keys()) if seen.get(key) != changed.get(key)]
        before = counts_of(results["app", group.name + "_nk"])
        wanted = group.edge_count * 2
        if before != (len(changed), len(changed), 0, wanted - len(changed)):
            faults.append(f"{group.name}_nk: {before}, {len(changed)} rows were changed")
    assert not faults, "\n".join(faults[:60])
    repair_types(verification, target, groups, clean)


def change_each_column(target, group, kind):
    """In row i another value of column i, taken from another row there; in the table without a key, in one of the two
    copies. {id: names of changed columns}"""
    rows = {}
    for row in read(target, group.name, expressions_of(group, kind)):
        values = row.split(b"|")
        rows[int(values[0])] = values[1:]
    changed, statements = {}, []
    for number, column in enumerate(group.columns):
        for key in sorted(rows, key=lambda key, number=number: (key - number) % len(rows)):
            others = [other for other in rows if rows[other][number] != rows[key][number]]
            if others:
                changed.setdefault(key, {})[column.name] = others[number % len(others)]
                break
        else:
            raise AssertionError(f"{group.name}.{column.name} has one value only: {rows}")
    for key, columns in changed.items():
        for table in (group.name, group.name + "_nk"):
            # from the source of values, aux: a row that was changed must not be taken again
            names = ", ".join(f"`{name}` = (SELECT o.`{name}` FROM app.cw_values_{group.name} o WHERE o.id = {other})"
                              for name, other in columns.items())
            statements.append(f"UPDATE app.{table} SET {names} WHERE id = {key}" + (" LIMIT 1" if table.endswith("_nk") else ""))
    target.sql([*SESSION, SQL_MODE, f"CREATE TABLE app.cw_values_{group.name} AS SELECT * FROM app.{group.name}", *statements,
                f"DROP TABLE app.cw_values_{group.name}"])
    return {key: set(columns) for key, columns in changed.items()}


LONG_ROWS = ("compressed", "documents", "text_documents")       # whose statements are longer than what is listed


def repair_types(verification, target, groups, clean):
    """Every other table by hand: that shows the quoting of each type. A statement that would be too long is not listed."""
    left = set()
    for number, group in enumerate(groups):
        for name in (group.name, group.name + "_nk"):
            statements = verification.corrections("app", name)
            if name.endswith("_nk") or number % 2 and group.name not in LONG_ROWS:
                run_by_hand(target, statements)
            else:
                verification.apply(schema="app", table=name)
            if name.endswith("_nk") and group.name in LONG_ROWS:
                left.add(("app", name))
    check(verification, {name: one for name, one in clean.items() if name not in left}, verification.run())


@tags("verify", "matrix")
@needs("mariadb")
@timeout(200)
def test_types_maria(env):
    each_type(env, ("mariadb", "mariadb"))


@tags("verify", "matrix")
@needs("mysql97", "mariadb")
@timeout(200)
def test_types_97_maria(env):
    each_type(env, ("mysql97", "mariadb"))


@tags("verify", "matrix")
@needs("mysql56", "mysql97")
@timeout(200)
def test_types_56_97(env):
    each_type(env, ("mysql56", "mysql97"))


@tags("verify", "matrix")
@needs("mariadb", "mysql97")
@timeout(200)
def test_types_maria_97(env):
    each_type(env, ("mariadb", "mysql97"))


@tags("verify", "matrix", "nightly")
@needs("mysql56", "mysql97", "mariadb")
@timeout(900)
def test_types_other_pairs(env):
    for kinds in (("mysql56", "mariadb"), ("mysql56", "mysql56"), ("mysql97", "mysql97"), ("mariadb", "mysql56"), ("mysql97", "mysql56")):
        print(f"    {kinds}", flush=True)
        each_type(env, kinds)


# ------------------------------------------------------------------------------------------ keys and long values

CASE = [("ci", planted.CI), ("latin", "CHARACTER SET latin1")]


def key_case(env, kinds):
    """A key that the target has in another case, with a trailing blank, or with another accent: equal to its collation."""
    source, target = env.source(kinds[0]), env.target(kinds[1])
    for server in (source, target):
        server.sql([*SESSION, "CREATE DATABASE app CHARACTER SET utf8mb4"])
        for name, kind in CASE:
            server.sql([*SESSION, f"CREATE TABLE app.{name} (k VARCHAR(30) {kind} NOT NULL PRIMARY KEY, v INT)",
                        *(f"INSERT INTO app.{name} VALUES ('key {n}', {n})" for n in range(40))])
    daemon = env.daemon()
    project = daemon.create_project(source, target, specific({"app": [name for name, _ in CASE]}), struct=False, full=False, verify=True)
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    verification = Verification(daemon, project)
    verification.wait()
    clean = {("app", name): Expected([], 40) for name, _ in CASE}
    check(verification, clean)
    for name, _ in CASE:
        target.sql([*SESSION, f"UPDATE app.{name} SET k = UPPER(k) WHERE v = 3", f"UPDATE app.{name} SET k = CONCAT(k, ' ') WHERE v = 5",
                    f"UPDATE app.{name} SET k = REPLACE(k, 'e', 'é') WHERE v = 7", f"UPDATE app.{name} SET k = UPPER(k), v = -1 WHERE v = 9"])
    results = verification.run()
    for name, _ in CASE:
        only_here, only_there, mismatched, consistent = counts_of(results["app", name])
        listed = verification.rows("app", name)
        # a row whose key differs in bytes alone is one row that differs, or one that is missing and one too many
        assert (only_here, only_there) == (only_there, only_here) and only_here + mismatched == 4 and consistent == 36, results["app", name]
        assert len(listed) == only_here + only_there + mismatched, listed
    run_by_hand(target, verification.corrections("app", "ci"))
    verification.apply(schema="app", table="latin")
    check(verification, clean, verification.run())
    compare.assert_equal(source, target, "app")


@tags("verify")
@needs("mariadb")
def test_key_case_maria(env):
    key_case(env, ("mariadb", "mariadb"))


@tags("verify")
@needs("mysql56", "mysql97")
def test_key_case_56_97(env):
    key_case(env, ("mysql56", "mysql97"))


LONG = "id INT NOT NULL PRIMARY KEY, b LONGBLOB, t LONGTEXT CHARACTER SET utf8mb4"


@tags("verify")
@needs("mariadb", "mysql97")
@timeout(300)
def test_long_values(env):
    """One byte far inside a value of 64 MiB, within the memory a verifying worker may take."""
    size = 64 * 2 ** 20
    options = ["--max-allowed-packet=268435456"]
    source, target = env.private_server("mariadb", options, "s"), env.private_server("mysql97", options, "t")
    for server in (source, target):
        server.sql([*SESSION, "CREATE DATABASE app CHARACTER SET utf8mb4", f"CREATE TABLE app.long_one ({LONG})",
                    f"INSERT INTO app.long_one VALUES (1, REPEAT(x'00ff5c27', {size // 4}), NULL), (2, REPEAT(x'0102', 500000), 'x')",
                    "INSERT INTO app.long_one VALUES (3, REPEAT(x'61', 5000), REPEAT('é日😀', 100000)), (4, NULL, REPEAT('abc', 10))"])
    daemon = env.daemon()
    project = daemon.create_project(source, target, specific({"app": ["long_one"]}), struct=False, full=False, verify=True)
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    verification = Verification(daemon, project)
    verification.wait(200)
    check(verification, {("app", "long_one"): Expected([], 4)})
    target.sql([*SESSION, f"UPDATE app.long_one SET b = INSERT(b, {size - 1000}, 1, x'03') WHERE id = 1",
                "UPDATE app.long_one SET b = INSERT(b, 700001, 2, x'0201') WHERE id = 2",
                "UPDATE app.long_one SET t = CONCAT(t, 'é') WHERE id = 3"])
    with Peak(daemon, project) as peak:
        results = verification.run(timeout=200)
    assert counts_of(results["app", "long_one"]) == (0, 0, 3, 1), results
    rows = {row["failedRecordUniqueKeys"][0]["columnValue"]: [part["columnName"] for part in row["failedRecordDetails"]]
            for row in verification.rows("app", "long_one")}
    assert rows == {"1": ["b"], "2": ["b"], "3": ["t"]}, rows
    verification.apply()
    check(verification, {("app", "long_one"): Expected([], 4)}, verification.run(timeout=200))
    print(f"    peak {peak.mib:.0f} MiB", flush=True)
    assert peak.mib < WORKER_MIB, f"the verifying worker took {peak.mib:.0f} MiB"


class Peak:
    """VmHWM of the verifying workers while it is open; asked often, since a worker is gone when it is through."""

    def __init__(self, daemon, project):
        import threading
        self.daemon, self.project, self.mib = daemon, project, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(0.03):
            for pid in self.daemon.worker_pids(self.project, VERIFIER):
                try:
                    self.mib = max(self.mib, resident_mib(pid))
                except (OSError, AttributeError):
                    pass                # it ended in the meantime

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        assert kind or self.mib > 0, "no verifying worker was seen"


# ------------------------------------------------------------------------------------------ large tables

def large(env, kinds, rows):
    """Few differences in a large table; then a target in which every row differs."""
    scene = Scene(env, kinds, [Table("large", "int", rows), Table("large_ci", "ci", rows // 10), Keyless("large_nk", rows // 10)]).start()
    verification = scene.verification
    verification.wait(600)
    check(verification, scene.clean())
    expected = scene.plant()
    with Peak(scene.daemon, scene.project) as peak:
        check(verification, expected, verification.run(timeout=600))
        scene.on_target("UPDATE large SET b = IFNULL(b, 0) + 1 WHERE k > 0")
        results = verification.run([("app", "large")], timeout=600)
    item = results["app", "large"]
    one = expected["app", "large"]
    assert item["resultType"] in ("INCONSISTENT", "MISMATCH_LIMIT"), item
    assert counts_of(item) == (one.source_only, one.dest_only, rows - one.source_only, 0), item
    listed = verification.rows("app", "large")
    assert 0 < len(listed) <= one.differing + rows and "1000" in re.sub(r"\D", "", str(item["message"]) + str(item["resultDesc"])) or len(listed) >= rows, (
        len(listed), item)
    print(f"    {rows} rows, peak {peak.mib:.0f} MiB", flush=True)
    assert peak.mib < WORKER_MIB, f"the verifying worker took {peak.mib:.0f} MiB"
    return scene


@tags("verify")
@needs("mariadb")
@timeout(300)
def test_large_maria(env):
    scene = large(env, ("mariadb", "mariadb"), 200000)
    # more rows differ than are listed: corrections go on until there is nothing left
    for _ in range(4):
        wrong = {table for (_, table), item in scene.verification.results().items() if item["resultType"] != "CONSISTENT"}
        if "large" not in wrong:
            break
        scene.on_target("UPDATE large SET b = NULLIF(k DIV 2 % 1000, -1) WHERE k > 4000")
        scene.on_target("UPDATE large SET b = NULL WHERE k DIV 2 % 11 = 3 AND k > 4000")
        for table in wrong & {"large", "large_ci"}:
            scene.verification.apply(schema="app", table=table)
        if "large_nk" in wrong:     # has no key
            run_by_hand(scene.target, scene.verification.corrections("app", "large_nk"))
        scene.verification.run()
    check(scene.verification, scene.clean())
    scene.equal()


@tags("verify", "nightly")
@needs("mysql56", "mysql97")
@timeout(3600)
def test_five_million(env):
    large(env, ("mysql56", "mysql97"), 5000000)


# ------------------------------------------------------------------------------------------ filters of the lists, refusals

@tags("verify", "quick")
@needs("mariadb")
@timeout(150)
def test_lists(env):
    """Pages, filters, some tables only, wrong requests."""
    scene = Scene(env, ("mariadb", "mariadb"), [Table("t1", "int", 400), Table("t2", "ci", 50), Keyless("nk", 100)]).start()
    daemon, project, verification = scene.daemon, scene.project, scene.verification
    verification.wait()
    check(verification, scene.clean())
    expected = scene.plant()
    only = verification.run([("app", "t2")])
    assert counts_of(only["app", "t2"]) == expected["app", "t2"].counts, only["app", "t2"]
    assert counts_of(only["app", "t1"])[:3] == (0, 0, 0), "t1 was not asked for: its result is the one before"
    check(verification, expected, verification.run())

    body = {"projectId": project, "pageNumber": 1, "pageSize": 10}
    assert daemon.call("ListProjectFullVerifyResult", {**body, "sourceSchemas": ["app"]})["fullVerifyTableStatistics"]
    assert daemon.call("ListProjectFullVerifyResult", {**body, "sourceSchemas": ["none"]})["fullVerifyTableStatistics"] == []
    assert daemon.call("ListProjectFullVerifyResult", {**body, "destSchemas": ["none"]})["fullVerifyTableStatistics"] == []
    assert daemon.call("ListProjectFullVerifyResult", {**body, "status": ["RUNNING"]})["fullVerifyTableStatistics"] == []
    assert len(daemon.call("ListProjectFullVerifyResult", {**body, "status": ["FINISHED"]})["fullVerifyTableStatistics"]) == 4
    assert len(daemon.call("ListProjectFullVerifyResult", {**body, "status": "FINISHED"}, loose=True)["fullVerifyTableStatistics"]) == 4
    pages = [daemon.call("ListFullVerifyInconsistenciesResult", {"projectId": project, "schema": "app", "table": "t1", "pageNumber": page,
                                                                 "pageSize": 7}) for page in (1, 2, 3, 4, 5, 6)]
    together = [row for page in pages for row in page]
    assert [len(page) for page in pages][:2] == [7, 7] and together[:14] == verification.rows("app", "t1")[:14]
    for action, wrong in (("StartFullVerify", {"projectId": "np_none"}), ("ApplyFullVerifyCorrections", {"projectId": project, "schema": "app", "table": "no_such"}),
            ("ListProjectFullVerifyResult", {"projectId": "np_none"})):
        try:
            daemon.call(action, wrong)
        except ApiError as error:
            assert error.code and error.message, error
        else:
            raise AssertionError(f"{action} {wrong} succeeded")


@tags("verify")
@needs("mysql56", "mariadb")
@timeout(150)
def test_without_incr(env):
    """A copy, verified; the project is finished then. Verified again, it finds what was planted since."""
    source, target = env.source("mysql56"), env.target("mariadb")
    tables = [Table("t1", "composite", 3000), Table("t2", "latin", 100), Keyless("nk", 400)]
    source.sql("CREATE DATABASE app CHARACTER SET utf8mb4")
    for table in tables:
        table.create(source, "app", 0)
    daemon = env.daemon()
    project = daemon.create_project(source, target, specific({"app": [table.entry() for table in tables]}), incr=False, verify=True)
    daemon.start_project(project)
    daemon.wait_project(project, "FINISHED", 120)
    step = daemon.steps(project)[VERIFIER]
    assert step["status"] == "FINISHED" and step["progress"] == 100, step
    verification = Verification(daemon, project)
    check(verification, {("app", table.name): Expected([], 400 if isinstance(table, Keyless) else table.rows) for table in tables})
    ends = Ends(source, target, "app", "app")
    expected = {("app", table.name): table.plant(ends) if isinstance(table, Keyless) else Planter(ends, table).plant() for table in tables}
    check(verification, expected, verification.run())
    daemon.wait_project(project, "FINISHED")
    run_by_hand(target, verification.corrections("app", "nk"))
    for name in ("t1", "t2"):
        verification.apply(schema="app", table=name)
    results = verification.run()
    assert results.differing == 0, results
    compare.assert_equal(source, target, "app")
