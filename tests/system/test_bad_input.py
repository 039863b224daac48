"""Wrong sources and wrong requests: each gets one clear error that names what is wrong and what to do."""

import base64
import socket
import threading

from common import prepare, start_forward, tree, wait_failed
from harness.daemon import ApiError, specific
from harness.runner import needs, tags, timeout


def table(server, db="app"):
    server.sql([f"CREATE DATABASE {db}", f"CREATE TABLE {db}.t (id INT PRIMARY KEY, v VARCHAR(20))",
                f"INSERT INTO {db}.t VALUES (1, 'x')"])


def failed_items(daemon, project):
    """{checkType/end: item} of the failed precheck items."""
    result = daemon.call("GetPreCheckResult", {"id": project})
    return {f"{item['checkType']}/{item['endpointType']}": item
            for item in result["preCheckResults"] if item["status"] == "FAILED"}


def expect_precheck_failure(env, source, target, item, *words, mapping=None, **options):
    """The project fails in its precheck at this item, whose message and advice hold the words."""
    daemon, project = start_forward(env, source, target, mapping or tree(["app"]), **options)
    extra = wait_failed(daemon, project, "TRANSFER_PRECHECK", 90)
    failed = failed_items(daemon, project)
    assert item in failed, failed
    text = f"{failed[item]['message']} {failed[item]['advice']}"
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is not in: {text}"
    assert item.split("/")[0] in str(extra), extra
    return daemon, project


@tags("quick")
@needs("mariadb")
def test_source_with_binlog_off(env):
    source = env.private_server("mariadb", ["--skip-log-bin"])
    table(source)
    daemon, project = expect_precheck_failure(env, source, env.target("mariadb"), "DB_INCR_LOG/SOURCE", "log_bin")
    assert daemon.project(project)["status"] == "FAILED"


@needs("mysql56")
def test_source_with_statement_format(env):
    source = env.source("mysql56")
    table(source)
    source.sql("SET GLOBAL binlog_format = 'STATEMENT'")
    env.cleanup(source.sql, "SET GLOBAL binlog_format = 'ROW'")
    expect_precheck_failure(env, source, env.target("mysql56"), "BINLOG_FORMAT/SOURCE", "STATEMENT", "SET GLOBAL binlog_format")


@needs("mysql97", "mariadb")
def test_source_with_minimal_row_image(env):
    source = env.source("mysql97")
    table(source)
    source.sql("SET GLOBAL binlog_row_image = 'MINIMAL'")
    env.cleanup(source.sql, "SET GLOBAL binlog_row_image = 'FULL'")
    expect_precheck_failure(env, source, env.target("mariadb"), "BINLOG_ROW_IMAGE/SOURCE", "MINIMAL", "SET GLOBAL binlog_row_image")


@needs("mariadb")
def test_a_session_with_another_format_stops_the_stream(env):
    """What precheck can't see: a single session writes statements, or minimal images, into the binlog."""
    for setting, code in (("binlog_format = 'STATEMENT'", "CONNECTOR-BLOG00000004"),
                          ("binlog_row_image = 'MINIMAL'", "CONNECTOR-BLOG00000005")):
        source, target = env.source("mariadb"), env.target("mariadb")
        table(source)
        daemon, project = start_forward(env, source, target, tree(["app"]))
        daemon.wait_step(project, "INCR_TRANSFER", "MONITORING")
        source.sql([f"SET SESSION {setting}", "UPDATE app.t SET v = 'changed' WHERE id = 1"])
        extra = wait_failed(daemon, project, "INCR_TRANSFER")
        assert extra["errorCode"] == code, extra
        assert target.value("SELECT v FROM app.t WHERE id = 1") == "x"
        daemon.stop()


@needs("mariadb")
def test_rows_of_another_structure_stop_with_position_and_column(env):
    """DDL that is not carried is told; what then does not fit stops: everything before is applied, nothing behind."""
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    daemon, project = start_forward(env, source, target, tree(["app"]))
    daemon.wait_step(project, "INCR_TRANSFER", "MONITORING")
    source.sql(["CREATE DATABASE unrelated", "CREATE TABLE unrelated.t (id INT PRIMARY KEY)", "DROP TABLE unrelated.t",
                "INSERT INTO app.t VALUES (2, 'before')", "ALTER TABLE app.t ADD COLUMN extra INT",
                "INSERT INTO app.t VALUES (3, 'behind', 1)"])
    extra = wait_failed(daemon, project, "INCR_TRANSFER")
    assert extra["errorCode"] == "CONNECTOR-SIAL00000001", extra
    for word in ("app.t", "bin.0", "'extra'"):
        assert word in extra["errorMsg"], extra
    assert [row[0] for row in target.sql("SELECT id FROM app.t ORDER BY id")] == [1, 2]


@tags("quick")
@needs("mariadb")
def test_wrong_password_unknown_host_and_wrong_port(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    source.create_user("app", "right")
    daemon = env.daemon()
    listener = silent_listener(env)

    def check(endpoint, *words):
        project = daemon.create_project(endpoint, target, tree(["app"]))
        daemon.start_project(project)
        wait_failed(daemon, project, "TRANSFER_PRECHECK", 90)
        item = failed_items(daemon, project)["RDB_CONNECT/SOURCE"]
        text = f"{item['message']} {item['advice']}"
        assert all(word.lower() in text.lower() for word in words), text
        assert "wrong-one" not in text

    check(daemon.create_source(source, "app", "wrong-one"), "access denied", "password")
    check(new_source(daemon, "127.0.0.1", unused_port()), "127.0.0.1")
    check(new_source(daemon, "127.0.0.1", daemon.address[1]), "127.0.0.1")         # a web server, not MySQL
    check(new_source(daemon, "127.0.0.1", listener), "127.0.0.1")                  # accepts and says nothing
    check(new_source(daemon, "no-such-host.invalid", 3306), "no-such-host.invalid")


def new_source(daemon, host, port):
    return daemon.call("CreateMySqlDataSource", {"name": f"s{port}-{len(host)}", "ip": host, "port": port, "userName": "app",
                                                 "password": base64.b64encode(b"wrong-one").decode()})


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def silent_listener(env):
    """A port that accepts connections and never says anything."""
    server = socket.create_server(("127.0.0.1", 0))
    held = []

    def accept():
        while True:
            try:
                held.append(server.accept())
            except OSError:
                return
    threading.Thread(target=accept, daemon=True).start()
    env.cleanup(server.close)
    return server.getsockname()[1]


@needs("mariadb")
def test_missing_privileges_come_with_their_grant(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    source.create_user("reader", "p", ["SELECT ON app.*"])
    target.create_user("writer", "p", ["SELECT ON *.*"])
    daemon = env.daemon()
    project = daemon.create_project(daemon.create_source(source, "reader", "p"), daemon.create_source(target, "writer", "p"),
                                    tree(["app"]))
    daemon.start_project(project)
    wait_failed(daemon, project, "TRANSFER_PRECHECK", 90)
    failed = failed_items(daemon, project)
    assert "GRANT" in failed["DB_ACCOUNT_INCR_READ_PRIVILEGE/SOURCE"]["advice"], failed
    assert any(key.endswith("/DEST") and "GRANT" in item["advice"] for key, item in failed.items()), failed


@needs("mariadb")
def test_what_the_precheck_advises_mends_it(env):
    """The statements of the advice are run as they stand; then the project resumes to its steady state."""
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    source.create_user("reader", "p", ["USAGE ON *.*"])
    target.create_user("writer", "p", ["USAGE ON *.*"])
    daemon = env.daemon()
    project = daemon.create_project(daemon.create_source(source, "reader", "p"), daemon.create_source(target, "writer", "p"),
                                    tree(["app"]))
    daemon.start_project(project)
    for _ in range(4):                      # a mended item may let a later one run for the first time
        wait_failed(daemon, project, "TRANSFER_PRECHECK", 90)
        for item in failed_items(daemon, project).values():
            server = source if item["endpointType"] == "SOURCE" else target
            for statement in item["advice"].split(";"):
                if "GRANT" in statement:
                    server.sql(statement[statement.index("GRANT"):].strip().rstrip("."))
        daemon.call("ResumeProject", {"id": project})
        daemon.wait_for(lambda: daemon.project(project)["status"] == "FAILED" or
                        daemon.steps(project)["TRANSFER_PRECHECK"]["status"] == "FINISHED", 90, "the precheck has ended")
        if daemon.project(project)["status"] != "FAILED":
            break
    daemon.wait_step(project, "INCR_TRANSFER", "MONITORING")
    assert target.value("SELECT v FROM app.t WHERE id = 1") == "x"


@needs("mariadb")
def test_precheck_of_a_body_oceanbase(env):
    """SubmitPreCheck without a project; the account form user@tenant#cluster and the version string are OceanBase's."""
    source = env.private_server("mariadb", ["--version=5.7.25-OceanBase-v4.3.5.1"])
    target = env.target("mariadb")
    table(source)
    source.sql(["CREATE USER 'mover@shop#c1'@'%%' IDENTIFIED BY 'p'".replace("%%", "%"), "GRANT ALL ON *.* TO 'mover@shop#c1'@'%'"])
    daemon = env.daemon()
    end = daemon.call("CreateOceanBaseDataSource", {
        "name": "ob", "type": "OB_MYSQL", "tenant": "shop", "cluster": "c1", "ip": source.host, "port": source.port,
        "userName": "mover", "password": base64.b64encode(b"p").decode()})
    check = daemon.call("SubmitPreCheck", {
        "name": "only-a-check", "type": "MIGRATION", "sourceEndpointId": end, "sinkEndpointId": daemon.create_source(target),
        "enableStructTransfer": True, "enableFullTransfer": True, "transferMapping": tree(["app"])})
    result = daemon.wait_for(lambda: (lambda now: now if now["preCheckStatus"] in ("FAILED", "FINISHED") else None)(
        daemon.call("GetPreCheckResult", {"id": check})), 60, "the precheck has ended")
    items = {f"{item['checkType']}/{item['endpointType']}": item for item in result["preCheckResults"]}
    assert items["RDB_CONNECT/SOURCE"]["status"] == "PASSED" and "mover@shop#c1" in items["RDB_CONNECT/SOURCE"]["message"], items
    assert "OceanBase" in items["DB_VERSION/SOURCE"]["message"], items["DB_VERSION/SOURCE"]
    assert daemon.call("ListProjects", {}) == []


@tags("quick")
@needs("mariadb")
def test_target_table_not_empty(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    table(target)
    expect_precheck_failure(env, source, target, "TARGET_TABLE/DEST", "app.t", "allowDestTableNotEmpty")


@needs("mariadb")
def test_target_rows_are_kept_when_allowed(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    source.sql("INSERT INTO app.t VALUES (2, 'two'), (3, 'three')")
    table(target)
    target.sql("UPDATE app.t SET v = 'own' WHERE id = 1")
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False,
                                    full_config={"allowDestTableNotEmpty": True})
    daemon.wait_project(project, "FINISHED", 60)
    assert target.sql("SELECT id, v FROM app.t ORDER BY id") == [(1, "own"), (2, "two"), (3, "three")]


@needs("mariadb")
def test_values_that_do_not_fit_are_an_error_not_a_change(env):
    """LOAD DATA LOCAL would silently cut them: the copy must fail and name table and column."""
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    source.sql("INSERT INTO app.t VALUES (2, 'longer than ten')")
    target.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, v VARCHAR(10))"])
    daemon, project = start_forward(env, source, target, tree(["app"]), struct=False, incr=False)
    extra = wait_failed(daemon, project, "FULL_TRANSFER")
    assert "app.t" in str(extra) and "v" in str(extra), extra
    assert target.value("SELECT COUNT(*) FROM app.t") == 0


@needs("mariadb")
def test_a_missing_target_column_is_named(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    target.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY)"])
    daemon, project = start_forward(env, source, target, tree(["app"]), struct=False)
    extra = wait_failed(daemon, project)
    assert "`v`" in str(extra) or " v" in str(extra), extra


@tags("quick")
@needs("mariadb")
def test_names_full_of_sql_are_only_names(env):
    """Injection tried in every name and filter: refused with its reason, or taken as a name; nothing else happens."""
    source, target = env.source("mariadb"), env.target("mariadb")
    table(source)
    daemon = env.daemon()
    ends = [daemon.create_source(source), daemon.create_source(target)]
    evil = ["x'; DROP TABLE app.t; -- ", "`; DROP DATABASE app; #", "t\\", "a\"b", "%s%n", "../../etc/passwd", "t` (id INT); --"]
    filters = ["1=1; DROP TABLE app.t", "id = 1) OR 1=1 -- ", "id = (SELECT 1)", "id = SLEEP(10)", "id = 1 /* */",
               "LOAD_FILE('/etc/passwd') IS NULL", "id = 1 INTO OUTFILE '/tmp/x'", "'"]
    bodies = [specific({name: ["t"]}) for name in evil] + [specific({"app": [name]}) for name in evil]
    bodies += [specific({"app": [("t", name)]}) for name in evil] + [specific({("app", name): ["t"]}) for name in evil]
    bodies += [specific({"app": [{"name": "t", "mappedName": "t", "whereClause": text}]}) for text in filters]
    bodies += [specific({"app": [{"name": "t", "mappedName": "t", "filterColumns": [name]}]}) for name in evil]
    for mapping in bodies:
        try:
            project = daemon.create_project(*ends, mapping)
        except ApiError as refused:
            assert refused.code == "PARAM_ERROR", refused
            continue
        daemon.start_project(project)           # a name after all, and perhaps a good one for a new table
        daemon.wait_for(lambda now=project: daemon.project(now)["status"] == "FAILED" or
                        daemon.steps(now)["INCR_TRANSFER"]["status"] == "MONITORING", 60, "the name is taken or refused")
        if daemon.project(project)["status"] == "RUNNING":
            daemon.call("StopProject", {"id": project})
    assert source.value("SELECT COUNT(*) FROM app.t") == 1 and source.databases() == ["app"]
    assert set(target.databases()) <= {"app", "oms", *evil}, target.databases()
    assert target.tables("app") == ["%s%n"] or not target.tables("app"), target.tables("app")


@needs("mariadb")
@timeout(120)
def test_secrets_are_nowhere(env):
    """The password is in no log, argument list, environment, answer or plain file of the daemon."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=200)
    secret = "Zx9-geheim-Qw7"
    for server in (source, target):
        server.create_user("mover", secret)
    daemon = env.daemon()
    ends = [daemon.create_source(server, "mover", secret) for server in (source, target)]
    project = daemon.create_project(*ends, tree(["app"]))
    daemon.start_project(project)
    daemon.wait_step(project, "INCR_TRANSFER", "MONITORING")
    coded = base64.b64encode(secret.encode()).decode()
    answers = [daemon.answer(action, body) for action, body in (
        ("ListDataSource", {}), ("DescribeProject", {"id": project}), ("ListProjects", {}), ("DescribeProjectSteps", {"id": project}),
        ("GetPreCheckResult", {"id": project}))]
    texts = [str(answers), "\n".join(daemon.log_lines())]
    for pid in [daemon.process.pid, *daemon.worker_pids()]:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                texts.append(file.read().decode(errors="replace"))
    daemon.stop()
    for path in walk(daemon.data_dir):
        with open(path, "rb") as file:
            texts.append(file.read().decode("latin-1"))
    for text in texts:
        assert secret not in text and coded not in text


def walk(directory):
    import os
    for folder, _, files in os.walk(directory):
        for name in files:
            yield os.path.join(folder, name)
