"""Conflicts one way: each kind x strategy x detection, single rows and storms, killed or not: the outcome of the table
in docs/two-way.md and exactly one record each."""

import json

from common import (INCR, Faults, drain, start_forward, tree, wait_failed, wait_monitoring)
from harness.runner import needs, timeout

STORM = 25          # conflicts of each case
GAP = 10000         # between the keys of two cases
COLUMNS = "id, u, w, s, l, f, d, n, t, b, j, e"
SHOWN = ", ".join(f"IFNULL(HEX({'b' if name == 'b' else f'CAST({name} AS CHAR)'}), 0)" for name in COLUMNS.split(", "))

# what is done at the target behind the product's back, then at the source: {k}: the row's key, {o}: another's
# (name, rows there at first, at the target, at the source, kind by KEY, kind by ROW, what is deleted by OVERWRITE)
CASES = [
    ("insert_pk", "", "INSERT INTO app.c {new_t}", "INSERT INTO app.c {new_s}", "INSERT_EXISTS", "INSERT_EXISTS", []),
    ("insert_unique", "", "INSERT INTO app.c {other_u}", "INSERT INTO app.c {new_s}", "INSERT_EXISTS", "INSERT_EXISTS",
     ["o"]),
    ("insert_two", "", ["INSERT INTO app.c {other_u}", "INSERT INTO app.c {third_w}"], "INSERT INTO app.c {new_s}",
     "INSERT_EXISTS", "INSERT_EXISTS", ["o", "p"]),
    ("insert_same", "", "INSERT INTO app.c {new_s}", "INSERT INTO app.c {new_s}", None, None, []),
    ("update_missing", "k", "DELETE FROM app.c WHERE id = {k}", "UPDATE app.c SET s = 'source' WHERE id = {k}",
     "UPDATE_MISSING", "UPDATE_MISSING", []),
    ("update_key_missing", "k", "DELETE FROM app.c WHERE id = {k}", "UPDATE app.c SET id = {q} WHERE id = {k}",
     "UPDATE_MISSING", "UPDATE_MISSING", []),
    ("delete_missing", "k", "DELETE FROM app.c WHERE id = {k}", "DELETE FROM app.c WHERE id = {k}",
     "DELETE_MISSING", "DELETE_MISSING", []),
    ("update_unique", "k", "INSERT INTO app.c {other_q}", "UPDATE app.c SET u = {q} WHERE id = {k}",
     "UPDATE_UNIQUE", "UPDATE_UNIQUE", ["o"]),
    ("update_pk_taken", "k", "INSERT INTO app.c {taken}", "UPDATE app.c SET id = {q} WHERE id = {k}",
     "UPDATE_UNIQUE", "UPDATE_UNIQUE", []),
    ("update_differs", "k", "UPDATE app.c SET s = 'target' WHERE id = {k}",
     "UPDATE app.c SET s = 'source', f = 9.7 WHERE id = {k}", None, "ROW_DIFFERS", []),
    ("update_case", "k", "UPDATE app.c SET l = UPPER(l) WHERE id = {k}",
     "UPDATE app.c SET f = 9.7 WHERE id = {k}", None, "ROW_DIFFERS", []),
    ("update_same", "k", "UPDATE app.c SET s = 'source' WHERE id = {k}", "UPDATE app.c SET s = 'source' WHERE id = {k}",
     None, None, []),
    ("delete_differs", "k", "UPDATE app.c SET n = n + 1 WHERE id = {k}", "DELETE FROM app.c WHERE id = {k}",
     None, "ROW_DIFFERS", []),
]
# without a conflict, but KEY leaves what the source did not change
KEY_KEEPS = {"update_case"}


def values(key, unique, second, word):
    return (f"({COLUMNS}) VALUES ({key}, {unique}, {second}, '{word}', 'é{word}', 1.1, 0.1, 12.340, "
            f"'2024-02-29 12:34:56.789', X'00ff27', '{{\"a\": [1, 2.5, \"é\"]}}', 'b')")


class Keys:
    def __init__(self, case, number):
        k = GAP * (case + 1) + number * 10
        self.k, self.o, self.p, self.q = k, k + 1, k + 2, k + 3

    def fill(self, text):
        k = self
        words = {"k": k.k, "o": k.o, "p": k.p, "q": k.q, "new_s": values(k.k, k.k, k.k, "source"),
                 "new_t": values(k.k, k.k, k.k, "target"), "other_u": values(k.o, k.k, "NULL", "target"),
                 "third_w": values(k.p, "NULL", k.k, "target"), "other_q": values(k.o, k.q, "NULL", "target"),
                 "taken": values(k.q, "NULL", "NULL", "target")}
        return [one.format(**words) for one in ([text] if isinstance(text, str) else text)]

    def all(self):
        return f"({self.k}, {self.o}, {self.p}, {self.q})"


def rows(server, keys):
    """As bytes, whatever the columns are; s tells which end a row was written at."""
    found = server.sql(f"SELECT CONCAT_WS('|', {SHOWN})"
                       f" FROM app.c WHERE id IN {keys.all()} ORDER BY id")
    return [row[0] for row in found]


def make(source, target, cases=None):
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.cw_test_mark (id CHAR(32) PRIMARY KEY)",
                "CREATE TABLE app.c (id INT NOT NULL PRIMARY KEY, u INT, w INT, s VARCHAR(20) CHARACTER SET utf8mb4,"
                " l VARCHAR(20) CHARACTER SET latin1, f FLOAT, d DOUBLE, n DECIMAL(10,3), t DATETIME(3), b VARBINARY(20),"
                f" j {'JSON' if source.has_json and target.has_json else 'TEXT CHARACTER SET utf8mb4'},"
                " e ENUM('a', 'b'), UNIQUE KEY u (u), UNIQUE KEY w (w))"])
    for number, case in enumerate(CASES):
        if "k" in case[1]:
            for i in range(STORM):
                k = Keys(number, i)
                source.sql("INSERT INTO app.c " + values(k.k, k.k, k.k, "first"))


def records(daemon, project):
    found, page = [], 1
    while True:
        part = daemon.call("ListConflictRecords", {"projectId": project, "stepName": INCR, "pageNumber": page,
                                                   "pageSize": 100})
        found += part
        if len(part) < 100:
            return found
        page += 1


def kind_of(case, detection):
    return case[4] if detection == "KEY" else case[5]


def wait_records(daemon, project, target, count, timeout_s=60):
    daemon.wait_for(lambda: len(records(daemon, project)) >= count and target.value("SELECT COUNT(*) FROM oms.cw_conflict") == 0,
                    timeout_s, lambda: f"{count} records, there are {len(records(daemon, project))}")
    found = records(daemon, project)
    assert len(found) == count, f"{len(found)} records instead of {count}: {json.dumps(found[-3:], indent=1)}"
    assert len({(one["seq"], one["n"]) for one in found}) == count
    return found


def check_case(number, case, strategy, detection, source, target, before, found):
    """The rows as the table says, and a record of each."""
    kind = kind_of(case, detection)
    for i in range(STORM):
        k = Keys(number, i)
        here, there, was = rows(source, k), rows(target, k), before[number, i]
        name = f"{case[0]} {strategy} {detection} {k.k}"
        if kind is not None and strategy == "IGNORE":
            assert there == was, f"{name}: {there} instead of {was}"
        elif not (detection == "KEY" and case[0] in KEY_KEEPS):
            assert there == here, f"{name}: {there} instead of {here}"
        mine = [one for one in found if k.k <= int(next(iter(one["key"].values()))) < k.k + 10]
        assert len(mine) == (kind is not None), f"{name}: {mine}"
        for one in mine:
            assert one["kind"] == kind and one["decision"] == ("IGNORED" if strategy == "IGNORE" else "OVERWRITTEN"), one
            assert (one["db"], one["table"], one["targetDb"], one["targetTable"]) == ("app", "c", "app", "c"), one
            assert one["sourcePos"].split(":")[1].isdigit() and one["targetPos"], one
            assert (one["before"] is None) == ("insert" in case[0]) and (one["after"] is None) == ("delete" in case[0]), one
            assert len(one["target"]) == {"update_missing": 0, "update_key_missing": 0, "delete_missing": 0, "insert_two": 2,
                                          "update_unique": 2, "update_pk_taken": 2}.get(case[0], 1), one


def storm(source, number, case, batched):
    """Transactions of one row each, or all rows in one."""
    statements = [sql for i in range(STORM) for sql in Keys(number, i).fill(case[3])]
    connection = source.connect()
    with connection.cursor() as cursor:
        if not batched:
            cursor.execute("SET autocommit = 1")
        for sql in statements:
            cursor.execute(sql)
    connection.commit()
    connection.close()


def run_matrix(env, kinds, strategy, detection, batched, kills=()):
    source, target = env.source(kinds[0]), env.target(kinds[1])
    faults = Faults(env)
    make(source, target)
    daemon, project = start_forward(env, source, target, tree(["app"]), daemon=env.daemon(faults.arguments),
                                    incr_config={"conflictStrategy": strategy, "conflictDetection": detection})
    wait_monitoring(daemon, project)
    drain(daemon, source, target)
    before, expected = {}, 0
    for number, case in enumerate(CASES):
        for i in range(STORM):
            k = Keys(number, i)
            target.sql(k.fill(case[2]))
            before[number, i] = rows(target, k)
        expected += STORM if kind_of(case, detection) else 0
    for point, passes in kills:
        faults.arm(point, passes)
    for number, case in enumerate(CASES):
        storm(source, number, case, batched)
    drain(daemon, source, target)
    found = wait_records(daemon, project, target, expected)
    assert not faults.armed(), faults.armed()
    for number, case in enumerate(CASES):
        check_case(number, case, strategy, detection, source, target, before, found)
    assert daemon.project(project)["status"] == "RUNNING"


PAIRS = {"maria": ("mariadb", "mariadb"), "my97": ("mysql97", "mariadb"), "my56": ("mysql56", "mysql97")}
KILLS = [("incr.resolve.before_act", 5), ("incr.resolve.before_commit", 9), ("incr.batch.after_commit", 30),
         ("incr.conflict.before_send", 12), ("incr.conflict.before_delete", 3)]


@needs("mariadb")
@timeout(240)
def test_ignore_row_single(env):
    run_matrix(env, PAIRS["maria"], "IGNORE", "ROW", False)


@needs("mariadb")
@timeout(240)
def test_overwrite_row_single(env):
    run_matrix(env, PAIRS["maria"], "OVERWRITE", "ROW", False)


@needs("mariadb")
@timeout(240)
def test_ignore_key_batched(env):
    run_matrix(env, PAIRS["maria"], "IGNORE", "KEY", True)


@needs("mariadb")
@timeout(240)
def test_overwrite_key_batched(env):
    run_matrix(env, PAIRS["maria"], "OVERWRITE", "KEY", True)


@needs("mariadb")
@timeout(240)
def test_overwrite_row_killed(env):
    run_matrix(env, PAIRS["maria"], "OVERWRITE", "ROW", False, KILLS)


@needs("mariadb", "mysql97")
@timeout(240)
def test_overwrite_row_mysql97(env):
    run_matrix(env, PAIRS["my97"], "OVERWRITE", "ROW", True)


@needs("mariadb", "mysql97")
@timeout(240)
def test_ignore_row_mysql97(env):
    run_matrix(env, PAIRS["my97"], "IGNORE", "ROW", False, KILLS)


@needs("mysql56", "mysql97")
@timeout(240)
def test_overwrite_row_mysql56(env):
    run_matrix(env, PAIRS["my56"], "OVERWRITE", "ROW", False, KILLS)


@needs("mysql56", "mysql97")
@timeout(240)
def test_ignore_row_mysql56(env):
    run_matrix(env, PAIRS["my56"], "IGNORE", "ROW", True)


def one_project(env, kinds, strategy, detection):
    source, target = env.source(kinds[0]), env.target(kinds[1])
    faults = Faults(env)
    make(source, target)
    daemon, project = start_forward(env, source, target, tree(["app"]), daemon=env.daemon(faults.arguments),
                                    incr_config={"conflictStrategy": strategy, "conflictDetection": detection})
    wait_monitoring(daemon, project)
    drain(daemon, source, target)
    return source, target, daemon, project


@needs("mariadb")
@timeout(240)
def test_fail_stops_with_one_record(env):
    """Each kind: the step stops and says where; put right at the target it goes on, and the record stays the only one."""
    source, target, daemon, project = one_project(env, PAIRS["maria"], "FAIL", "ROW")
    cases = [(number, case) for number, case in enumerate(CASES) if case[5]]
    for count, (number, case) in enumerate(cases, 1):
        k = Keys(number, 0)
        target.sql(k.fill(case[2]))
        source.sql(k.fill(case[3]))
        extra = wait_failed(daemon, project, INCR)
        text = json.dumps(extra)
        assert case[5] in text and "app.c" in text and str(k.k) in text, text
        daemon.wait_for(lambda expected=count: len(records(daemon, project)) == expected, 20, "the record is there")
        last = max(records(daemon, project), key=lambda one: one["seq"])
        assert (last["kind"], last["decision"]) == (case[5], "FAILED"), last
        # again without a change: the same conflict, the same record
        daemon.call("ResumeProject", {"id": project})
        wait_failed(daemon, project, INCR)
        assert len(records(daemon, project)) == count
        target.sql([f"DELETE FROM app.c WHERE id IN {k.all()}"] +
                   ["INSERT INTO app.c " + values(k.k, k.k, k.k, "first")] * ("k" in case[1]))
        daemon.call("ResumeProject", {"id": project})
        drain(daemon, source, target)   # the step may say FAILED for a moment
        assert rows(source, k) == rows(target, k), case
    wait_records(daemon, project, target, len(cases))


def large(source, kinds_of_end):
    """More rows in one transaction than a lane takes, conflicts among them."""
    connection = source.connect()
    with connection.cursor() as cursor:
        if kinds_of_end == "xa":
            cursor.execute("XA START 'large'")
        for number, case in enumerate(CASES):
            for i in range(STORM):
                for sql in Keys(number, i).fill(case[3]):
                    cursor.execute(sql)
        for at in range(1000000, 1006000, 500):
            cursor.execute("INSERT INTO app.c (id, s) VALUES " + ", ".join(f"({at + i}, 'large')" for i in range(500)))
        if kinds_of_end == "xa":
            for sql in ("XA END 'large'", "XA PREPARE 'large'", "XA COMMIT 'large'"):
                cursor.execute(sql)
    connection.commit()
    connection.close()


def run_large(env, kinds, strategy, detection, end):
    source, target, daemon, project = one_project(env, kinds, strategy, detection)
    before = {}
    for number, case in enumerate(CASES):
        for i in range(STORM):
            k = Keys(number, i)
            target.sql(k.fill(case[2]))
            before[number, i] = rows(target, k)
    large(source, end)
    drain(daemon, source, target, timeout=120)
    daemon.wait_for(lambda: target.value("SELECT COUNT(*) FROM app.c WHERE s = 'large'") == 6000, 60, "the large one is in")
    found = wait_records(daemon, project, target, STORM * len([case for case in CASES if kind_of(case, detection)]))
    for number, case in enumerate(CASES):
        check_case(number, case, strategy, detection, source, target, before, found)


@needs("mariadb")
@timeout(240)
def test_large_overwrite_row(env):
    run_large(env, PAIRS["maria"], "OVERWRITE", "ROW", "commit")


@needs("mariadb", "mysql97")
@timeout(240)
def test_large_ignore_key_mysql97(env):
    run_large(env, PAIRS["my97"], "IGNORE", "KEY", "commit")


@needs("mariadb", "mysql97")
@timeout(240)
def test_xa_overwrite_row_mysql97(env):
    run_large(env, PAIRS["my97"], "OVERWRITE", "ROW", "xa")
