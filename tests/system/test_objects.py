"""What is chosen for single objects: kinds of changes, the case of names; docs/objects.md."""

import csv
import io
import threading

from common import INCR, assert_equal_soon, start_forward, wait_monitoring
from harness.compare import Pair
from harness.daemon import specific, wildcard
from harness.runner import needs, tags, timeout

ALL_DDL = ["CREATE_TABLE", "ALTER_TABLE", "DROP_TABLE", "RENAME_TABLE", "TRUNCATE_TABLE", "CREATE_INDEX", "DROP_INDEX",
           "CREATE_VIEW", "ALTER_VIEW", "DROP_VIEW"]


def items(daemon, body):
    """{(checkType, endpointType): item} of a precheck of a body."""
    number = daemon.call("SubmitPreCheck", body)
    result = daemon.wait_for(
        lambda: (lambda r: r if r["preCheckStatus"] in ("FAILED", "FINISHED") else None)(
            daemon.call("GetPreCheckResult", {"id": number})), 60, "the precheck has ended")
    return {(item["checkType"], item["endpointType"]): item for item in result["preCheckResults"]}


def reached(daemon, source, target, table, at=None):
    """A mark row of this table, written now, is at the target: everything before it was seen."""
    number = int(source.value(f"SELECT COALESCE(MAX(id), 0) + 1 FROM {table}"))
    source.sql(f"INSERT INTO {table} (id) VALUES ({number})")
    db, name = (at or table).split(".")
    daemon.wait_for(lambda: name in target.tables(db) and
                    target.value(f"SELECT COUNT(*) FROM {at or table} WHERE id = {number}"), 60,
                    f"a row of {table} written now is at the target")


def told(daemon, project):
    """{statement: status} of the DDL that the project met."""
    return {row["sql"]: row["status"] for row in
            daemon.call("ListPendingDdl", {"projectId": project, "all": True, "pageSize": 100})}


# ------------------------------------------------------------------------------------------ kinds of changes

KINDS = {"all_kinds": None, "no_delete": ["INSERT", "UPDATE"], "only_delete": ["DELETE"], "copy_only": []}


class Changes(threading.Thread):
    """Inserts, updates and deletes in every table of KINDS at once, some in one transaction, until stopped."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended, self.rounds, self.error = server, threading.Event(), 0, None

    def run(self):
        try:
            with self.server.connect(db="app") as connection, connection.cursor() as cursor:
                while not self.ended.is_set():
                    base = 10000 + self.rounds * 10
                    for name in KINDS:
                        cursor.execute(f"INSERT INTO {name} (id, v) VALUES (%s, 1), (%s, 1), (%s, 1)",
                                       [base, base + 1, base + 2])
                        cursor.execute(f"UPDATE {name} SET v = v + 1 WHERE id BETWEEN %s AND %s", [base - 8, base + 1])
                        cursor.execute(f"UPDATE {name} SET v = v + 7 WHERE id = %s", [1 + self.rounds % 90])
                        cursor.execute(f"DELETE FROM {name} WHERE id IN (%s, %s)", [base + 2, 101 + self.rounds])
                    connection.commit()
                    self.rounds += 1
        except Exception as error:      # the test shows it
            self.error = error

    def stop(self):
        self.ended.set()
        self.join(30)
        assert self.error is None, self.error


def by_csv(daemon, mapping):
    """The mapping as ImportObjects makes it of a file that Python wrote; ExportObjects gives that file again."""
    def words(table, key):
        return "" if key not in table else ";".join(table[key]) or "NONE"

    file = io.StringIO()
    columns = ["kind", "database", "object", "targetObject", "recordTypeWhiteList", "supportDDLTypes"]
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for db in mapping["databases"]:
        writer.writerows({"kind": "table", "database": db["name"], "object": table["name"],
                          "targetObject": table.get("mappedName", ""), **{key: words(table, key) for key in columns[4:]}}
                         for table in db["tables"])
    made = daemon.call("ImportObjects", {"csv": "\ufeff" + file.getvalue()})["transferMapping"]
    assert [table["name"] for table in made["databases"][0]["tables"]] == \
        [table["name"] for table in mapping["databases"][0]["tables"]], made
    export = daemon.call("ExportObjects", {"transferMapping": made})
    rows = [{key: row[key] for key in columns} for row in csv.DictReader(io.StringIO(export["csv"], newline=""))]
    assert rows[1:] == list(csv.DictReader(io.StringIO(file.getvalue(), newline=""))), export
    assert export["objects"] == len(rows) and rows[0]["kind"] == "database", export
    answer = daemon.answer("ImportObjects", {"csv": "kind,database,object\ntable,shop,a\nthing,shop,b\ntable,shop,a\n"})
    faults = [fault["field"] for fault in answer["errorDetail"]["extraContext"]["faults"]]
    assert sorted(faults) == ["line 3, kind", "line 4, object"] and not answer["data"], answer
    return made


@tags("quick", "objects")
@needs("mariadb")
@timeout(240)
def test_kinds(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.mark (id INT PRIMARY KEY)",
                *[f"CREATE TABLE app.{name} (id INT PRIMARY KEY, v INT)" for name in KINDS],
                *[f"INSERT INTO app.{name} SELECT seq, 0 FROM app.seq_1_to_2000" for name in KINDS],
                "CREATE TABLE app.ddl_own (id INT PRIMARY KEY)", "CREATE TABLE app.ddl_none (id INT PRIMARY KEY)",
                "CREATE TABLE app.ddl_drop (id INT PRIMARY KEY)"])
    tables = [{"name": name, **({} if kinds is None else {"recordTypeWhiteList": kinds})} for name, kinds in KINDS.items()]
    tables += ["mark", {"name": "ddl_own", "supportDDLTypes": ["ALTER_TABLE"]}, {"name": "ddl_none", "supportDDLTypes": []},
               {"name": "ddl_drop", "supportDDLTypes": ["DROP_TABLE"]}]
    daemon = env.daemon()
    mapping = by_csv(daemon, specific({"app": tables}))
    daemon, project = start_forward(env, source, target, mapping, daemon, incr_config={
        "supportDDLTypes": ["CREATE_INDEX", "DROP_TABLE", "TRUNCATE_TABLE"]})
    wait_monitoring(daemon, project)
    stored = daemon.project(project)["transferMapping"]
    text = daemon.call("ExportObjects", {"id": project})["csv"]
    assert daemon.call("ImportObjects", {"csv": text})["transferMapping"] == stored, (text, stored)
    assert_equal_soon(source, target, ["app"])
    before = {name: target.sql(f"SELECT * FROM app.{name} ORDER BY id") for name in ("copy_only", "only_delete")}

    changes = Changes(source)
    changes.start()
    daemon.wait_for(lambda: changes.rounds > 100 or changes.error, 30, "changes were made while it runs")
    changes.stop()
    for statement in ("ALTER TABLE app.ddl_own ADD COLUMN x INT", "CREATE INDEX v ON app.ddl_own (x)",
                      "CREATE INDEX v ON app.all_kinds (v)", "CREATE INDEX v ON app.ddl_none (id)",
                      "TRUNCATE TABLE app.ddl_none", "DROP TABLE app.ddl_drop, app.ddl_none"):
        source.sql(statement)
    reached(daemon, source, target, "app.mark")
    assert_equal_soon(source, target, [Pair("app.all_kinds"), Pair("app.ddl_own")])

    # what was refused left no trace, what was not is there
    for name, rows in before.items():
        gone = {row[0] for row in source.sql(f"SELECT id FROM app.{name}")}
        want = [row for row in rows if name == "copy_only" or row[0] in gone]
        daemon.wait_for(lambda: list(target.sql(f"SELECT * FROM app.{name} ORDER BY id")) == want, 20,
                        f"{name} holds what was copied{'' if name == 'copy_only' else ', less what was deleted'}")
    assert len(want) < len(before["only_delete"]), "no row that was copied was deleted: nothing was tried"
    there = dict(source.sql("SELECT * FROM app.no_delete"))
    daemon.wait_for(lambda: there.items() <= dict(target.sql("SELECT * FROM app.no_delete")).items(), 20,
                    "every row of the source is at the target as it is")
    kept = target.value("SELECT COUNT(*) FROM app.no_delete") - len(there)
    assert kept == 2 * changes.rounds, (kept, changes.rounds)

    status = told(daemon, project)
    assert status["ALTER TABLE app.ddl_own ADD COLUMN x INT"] == "APPLIED", status
    assert status["CREATE INDEX v ON app.ddl_own (x)"] == "TRACKED", status
    assert status["CREATE INDEX v ON app.all_kinds (v)"] == "APPLIED", status
    assert status["CREATE INDEX v ON app.ddl_none (id)"] == "TRACKED", status
    assert status["TRUNCATE TABLE app.ddl_none"] == "TRACKED", status
    drop = [value for key, value in status.items() if key.startswith("DROP TABLE")]
    assert drop == ["APPLIED"], status
    assert "ddl_drop" not in target.tables("app") and "ddl_none" in target.tables("app")
    events = daemon.call("ListProjectEvents", {"projectId": project, "pageSize": 150})
    assert any("only 1 of the 2 changes" in event["message"] for event in events), events


# ------------------------------------------------------------------------------------------ the case of names

def shop(server, db="Shop"):
    server.sql([f"CREATE DATABASE {db}",
                f"CREATE TABLE {db}.Orders (Id INT PRIMARY KEY, V INT)",
                f"CREATE TABLE {db}.Items (id INT PRIMARY KEY, OrderId INT, CONSTRAINT Fk FOREIGN KEY (OrderId) "
                f"REFERENCES {db}.Orders (Id) ON DELETE CASCADE)",
                f"INSERT INTO {db}.Orders VALUES (1, 1), (2, 2)", f"INSERT INTO {db}.Items VALUES (1, 1), (2, 2)",
                f"CREATE VIEW {db}.Sums AS SELECT o.Id, COUNT(i.id) AS n FROM {db}.Orders o LEFT JOIN {db}.Items i "
                "ON i.OrderId = o.Id GROUP BY o.Id"], db=None)


def pairs(names, db, there, case):
    return [Pair((db, name), (there, case(name))) for name in names]


def names_follow(env, source_kind, name_case, case):
    """Tables, views, foreign keys and triggers of whole databases, and DDL in the stream."""
    source, target = env.source(source_kind), env.target("mariadb")
    shop(source)
    source.sql("CREATE TRIGGER Shop.Count_Up BEFORE INSERT ON Shop.Items FOR EACH ROW SET NEW.OrderId = "
               "COALESCE(NEW.OrderId, (SELECT MAX(Id) FROM Shop.Orders))")
    source.sql("CREATE TABLE Shop.orders (id INT PRIMARY KEY)")
    there = case("Shop")
    body = {"name": "case", "sourceEndpointId": daemon_source(env, source), "sinkEndpointId": daemon_source(env, target),
            "transferMapping": wildcard("Shop.*"), "enableStructTransfer": True, "enableFullTransfer": True,
            "enableIncrTransfer": True, "commonTransferConfig": {"nameCase": name_case},
            "structTransferConfig": {"triggerMigrationType": "WITH_STRUCT_TRANSFER"},
            "incrTransferConfig": {"supportDDLTypes": ALL_DDL}}
    daemon = env.daemons[0]
    item = items(daemon, body)[("DB_CASE_SENSITIVE", "DEST")]
    assert item["status"] == "FAILED", item
    assert f"Shop.Orders and Shop.orders (both {there}.{case('orders')})" in item["message"] or \
        f"Shop.orders and Shop.Orders (both {there}.{case('orders')})" in item["message"], item
    source.sql("DROP TABLE Shop.orders")

    project = daemon.call("CreateProject", body)
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    assert target.databases() >= {there} if isinstance(target.databases(), set) else there in target.databases()
    assert sorted(target.tables(there)) == sorted([case("Orders"), case("Items")]), target.tables(there)
    assert_equal_soon(source, target, pairs(["Orders", "Items"], "Shop", there, case))
    read = f"SELECT * FROM {there}.{case('Sums')} ORDER BY 1"
    assert target.sql(read) == source.sql("SELECT * FROM Shop.Sums ORDER BY 1")
    assert target.value("SELECT REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s "
                        "AND REFERENCED_TABLE_NAME IS NOT NULL", [there]) == case("Orders")
    trigger = target.sql(f"SHOW CREATE TRIGGER {there}.Count_Up")[0][2]
    assert f"`{case('Orders')}`" in trigger and "`Orders`" not in trigger.replace(case("Orders"), ""), trigger

    assert daemon.call("CheckHasConvertedObjects", {"id": project}) == {"isDownloading": False, "hasConvertedObjects": True}
    result = daemon.call("GetDownloadConvertedObjectsResult", {"id": daemon.call("DownloadConvertedObjectsAsync", {"id": project})})
    made = {(row["kind"], row["object"]): row for row in csv.DictReader(io.StringIO(result["csvResult"], newline=""))}
    assert result["code"] == "FINISHED" and set(made) == {
        ("DATABASE", ""), ("TABLE", "Orders"), ("TABLE", "Items"), ("VIEW", "Sums"), ("TRIGGER", "Count_Up"),
        ("FOREIGN_KEY", "Fk")}, result
    assert made["TABLE", "Items"]["sourceText"].startswith("CREATE TABLE `Items`"), made
    assert f"`{there}`.`{case('Items')}`" in made["TABLE", "Items"]["convertedText"], made
    assert all(row["targetDatabase"] == there and row["convertedText"] for row in made.values()), made
    assert "DEFINER" in made["VIEW", "Sums"]["notes"], made

    for statement in ("CREATE TABLE Shop.NewOne (Id INT PRIMARY KEY, O INT, FOREIGN KEY (O) REFERENCES Orders (Id))",
                      "INSERT INTO Shop.NewOne VALUES (1, 2)",
                      "ALTER TABLE Shop.NewOne ADD COLUMN W INT, ADD INDEX (W)",
                      "RENAME TABLE Shop.NewOne TO Shop.OtherOne",
                      "INSERT INTO Shop.OtherOne VALUES (2, 1, 3)",
                      "CREATE VIEW Shop.Others AS SELECT Id, W FROM Shop.OtherOne",
                      "CREATE TABLE Shop.Gone (Id INT PRIMARY KEY)", "DROP TABLE Shop.Gone",
                      "INSERT INTO Shop.Items VALUES (3, 1)", "DELETE FROM Shop.OtherOne WHERE O = 2",
                      "DELETE FROM Shop.Orders WHERE Id = 2"):
        source.sql(statement, db="Shop")
    source.sql("CREATE TABLE Shop.Mark (id INT PRIMARY KEY)")
    reached(daemon, source, target, "Shop.Mark", f"{there}.{case('Mark')}")
    names = ["Orders", "Items", "OtherOne", "Mark"]
    assert_equal_soon(source, target, pairs(names, "Shop", there, case))
    assert sorted(target.tables(there)) == sorted(case(name) for name in names), target.tables(there)
    assert target.sql(f"SELECT * FROM {there}.{case('Others')}") == source.sql("SELECT * FROM Shop.Others")
    assert set(told(daemon, project).values()) == {"APPLIED"}, told(daemon, project)

    # one that would become another one's stops the step, and says so
    source.sql("CREATE TABLE Shop.MARK (id INT PRIMARY KEY)")
    daemon.wait_project(project, "FAILED", 60)
    message = daemon.steps(project)[INCR]["extraInfo"]["errorMsg"]
    assert f"would both be {there}.{case('Mark')}" in message, message


def daemon_source(env, server):
    if not env.daemons:
        env.daemon()
    return env.daemons[0].create_source(server)


@tags("quick", "objects")
@needs("mariadb")
@timeout(240)
def test_lower(env):
    names_follow(env, "mariadb", "LOWER", str.lower)


@tags("objects")
@needs("mysql97", "mariadb")
@timeout(240)
def test_upper(env):
    names_follow(env, "mysql97", "UPPER", str.upper)


@tags("objects")
@needs("mariadb")
@timeout(240)
def test_case_back(env):
    """Two ways: what is written under the target's names comes back under the originals."""
    source, target = env.source("mariadb"), env.target("mariadb")
    shop(source)
    mapping = {"mode": "SPECIFIC", "databases": [{"name": "Shop", "tables": [{"name": "Orders"}, {"name": "Items"}]}]}
    daemon, project = start_forward(env, source, target, mapping, common={"nameCase": "LOWER", "activeActive": True},
                                    incr_config={"conflictStrategy": "OVERWRITE"})
    wait_monitoring(daemon, project)
    assert sorted(target.tables("shop")) == ["items", "orders"], target.tables("shop")
    reverse = daemon.wait_for(lambda: daemon.answer("ConfigureReverseProject", {"id": project}).get("data"), 30,
                              "the reverse project could be configured")
    shown = daemon.project(reverse)
    table = shown["transferMapping"]["databases"][0]
    assert (table["name"], table["mappedName"]) == ("shop", "Shop"), shown
    assert shown["commonTransferConfig"]["nameCase"] == "AS_SOURCE" and "nameCase" not in shown["transferMapping"]
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    target.sql(["INSERT INTO shop.orders VALUES (7, 7)", "INSERT INTO shop.items VALUES (8, 7)"])
    source.sql("INSERT INTO Shop.Orders VALUES (9, 9)")
    daemon.wait_for(lambda: source.value("SELECT COUNT(*) FROM Shop.Items WHERE id = 8"), 60, "the way back is carried")
    assert_equal_soon(source, target, pairs(["Orders", "Items"], "Shop", "shop", str.lower))
    assert sorted(source.tables("Shop")) == ["Items", "Orders"] and "shop" not in source.databases()


# ------------------------------------------------------------------------------------------ grades, live changes

def connections(server):
    """Connections of others than this test's."""
    return int(server.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND "
                            "USER NOT IN ('system user', 'event_scheduler')"))


def info(daemon, project, step):
    return daemon.steps(project)[step]["stepInfo"] or {}


@tags("quick", "objects")
@needs("mariadb")
@timeout(240)
def test_live(env):
    """Sizes, DDL kinds and row kinds of a running project, under load: the worker takes them at a commit."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.mark (id INT PRIMARY KEY)",
                *[f"CREATE TABLE app.{name} (id INT PRIMARY KEY, v INT)" for name in KINDS],
                *[f"INSERT INTO app.{name} SELECT seq, 0 FROM app.seq_1_to_2000" for name in KINDS],
                *[f"CREATE TABLE app.filler{n} (id INT PRIMARY KEY) SELECT seq AS id FROM app.seq_1_to_1500" for n in range(12)]])
    idle = connections(target)
    common = {"componentGrades": {"fullImport": "CUSTOM", "incrSync": "CUSTOM"},
              "componentSettings": {"fullImport": {"readWorkerNum": 1, "writeWorkerNum": 1},
                                    "incrSync": {"lanes": 2, "batchRows": 7, "batchKiB": 16, "memoryMiB": 4}}}
    daemon, project = start_forward(env, source, target, wildcard("app.*"), common=common, full_config={"throttleRps": 2000})
    daemon.wait_for(lambda: info(daemon, project, "FULL_TRANSFER").get("processedRecords"), 60, "the copy is at work")
    few = connections(target) - idle
    first = daemon.workers(project, "FULL_TRANSFER")[0].pid
    common["componentSettings"]["fullImport"] = {"readWorkerNum": 6, "writeWorkerNum": 6}
    daemon.call("UpdateProjectConfig", {"id": project, "commonTransferConfig": common})
    daemon.wait_for(lambda: [w.pid for w in daemon.workers(project, "FULL_TRANSFER")] not in ([], [first]), 30,
                    "another worker copies")
    daemon.wait_for(lambda: connections(target) - idle >= few + 5, 30, "it has as many connections as it is to have")
    daemon.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {}})
    wait_monitoring(daemon, project)
    assert daemon.project(project)["componentSettings"]["incrSync"]["batchRows"] == 7

    changes = Changes(source)
    changes.start()
    daemon.wait_for(lambda: info(daemon, project, INCR).get("lanes") == 2 and connections(target) > idle, 30, "two lanes")
    two = connections(target)
    seen = set()
    common["componentSettings"]["incrSync"]["lanes"] = 9
    daemon.call("UpdateProjectConfig", {"id": project, "commonTransferConfig": common,
                                        "incrTransferConfig": {"supportDDLTypes": ["ALTER_TABLE"]}})

    def grown():
        seen.add(daemon.steps(project)[INCR]["status"])
        return info(daemon, project, INCR).get("lanes") == 9 and two + 6 <= connections(target) <= two + 8
    daemon.wait_for(grown, 60, lambda: f"nine lanes: {connections(target)} connections after {two}")
    assert seen <= {"MONITORING"}, seen
    source.sql("ALTER TABLE app.mark ADD COLUMN v INT")
    reached(daemon, source, target, "app.mark")
    assert told(daemon, project) == {"ALTER TABLE app.mark ADD COLUMN v INT": "APPLIED"}, told(daemon, project)
    before = changes.rounds
    daemon.wait_for(lambda: changes.rounds > before + 20 or changes.error, 30, "changes go on")
    changes.stop()
    assert_equal_soon(source, target, ["app"])
    # a kind of row taken away, and DDL, which was left out: none any more
    first = daemon.workers(project, INCR)[0].pid
    daemon.call("UpdateProjectConfig", {"id": project, "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "UPDATE"]}})
    daemon.wait_for(lambda: [w.pid for w in daemon.workers(project, INCR)] not in ([], [first]), 60, "another worker applies")
    source.sql(["DELETE FROM app.all_kinds WHERE id < 50", "ALTER TABLE app.filler0 ADD INDEX w (id)"])
    reached(daemon, source, target, "app.mark")
    assert target.value("SELECT COUNT(*) FROM app.all_kinds WHERE id < 50") == 49
    assert told(daemon, project)["ALTER TABLE app.filler0 ADD INDEX w (id)"] == "TRACKED", told(daemon, project)
