"""docs/privileges.md: accounts with exactly the privileges told there are enough for two ways at once.

LOCK TABLES, told as optional, is given at one end only: there the last release drops the control schema.
"""

from common import INCR, release_and_delete, tree, wait_monitoring
from harness.runner import needs, tags

PASSWORD = "cw"
BOTH = ("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON oms.*", "SELECT, INSERT, UPDATE, DELETE ON app.*",
        "REPLICATION SLAVE, REPLICATION CLIENT ON *.*")
MAKES = "CREATE, ALTER, INDEX, REFERENCES, CREATE VIEW, CREATE ROUTINE, DROP ON app.*"


def account(server, *more):
    server.create_user("cw", PASSWORD, (*BOTH, *more))


def reads(server):
    """SHOW VIEW, and the text of routines."""
    routines = "SHOW_ROUTINE ON *.*" if server.kind == "mysql97" else "SELECT ON mysql.proc"
    return ("SHOW VIEW ON app.*", routines)


def both_ways(env, source_kind, target_kind):
    source, target = env.source(source_kind), env.target(target_kind)
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(20))",
                "INSERT INTO app.t VALUES (1, 'first')"])
    account(source, *reads(source), "LOCK TABLES ON oms.*")
    account(target, MAKES, *reads(target))
    daemon = env.daemon()
    ends = [daemon.create_source(server, "cw", PASSWORD) for server in (source, target)]
    forward = daemon.create_project(*ends, tree(["app"]), common={"activeActive": True})
    daemon.start_project(forward)
    wait_monitoring(daemon, forward)
    reverse = daemon.call("ConfigureReverseProject", {"id": forward})
    daemon.start_project(reverse)
    wait_monitoring(daemon, reverse)
    source.sql("INSERT INTO app.t VALUES (2, 'source')")
    target.sql("UPDATE app.t SET v = 'target' WHERE id = 1")
    for server, what in ((target, "id = 2"), (source, "v = 'target'")):
        daemon.wait_for(lambda s=server, w=what: s.value(f"SELECT COUNT(*) FROM app.t WHERE {w}"), 30, f"{what} has arrived")
    for project in (reverse, forward):
        assert daemon.steps(project)[INCR]["status"] == "MONITORING"
        release_and_delete(daemon, project)
    assert "oms" not in source.databases(), source.tables("oms")
    rows = {name: target.value(f"SELECT COUNT(*) FROM oms.{name}") for name in target.tables("oms")}
    assert {name for name, count in rows.items() if count} == {"cw_meta", "cw_node"}, rows


@tags("two")
@needs("mariadb")
def test_two_ways_mariadb(env):
    both_ways(env, "mariadb", "mariadb")


@tags("two")
@needs("mysql97", "mariadb")
def test_two_ways_mysql97(env):
    both_ways(env, "mysql97", "mariadb")


@tags("two")
@needs("mysql56", "mysql97")
def test_two_ways_mysql56(env):
    both_ways(env, "mysql56", "mysql97")


def probes(server):
    """Rows of the precheck's probes in the control schema."""
    return sum(server.value(f"SELECT COUNT(*) FROM oms.{name} WHERE task LIKE '%/probe'")
               for name in ("cw_canary", "cw_lane", "cw_task", "cw_conn"))


@tags("two")
@needs("mariadb")
def test_a_precheck_leaves_no_probe(env):
    """A project that is never started is never released: its probe goes at once, at both ends."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT NOT NULL PRIMARY KEY)"])
    daemon = env.daemon()
    project = daemon.create_project(source, target, tree(["app"]), common={"activeActive": True})
    daemon.call("SubmitPreCheck", {"projectId": project})

    result = daemon.wait_for(lambda: (lambda now: now if now["preCheckStatus"] in ("FAILED", "FINISHED") else None)(
        daemon.call("GetPreCheckResult", {"id": project})), 60, "the precheck has ended")
    items = [item for item in result["preCheckResults"] if item["checkType"] == "LOOP_PROBE"]
    assert [item["status"] for item in items] == ["PASSED", "PASSED"], items
    for server in (source, target):
        assert "cw_canary" in server.tables("oms") and not probes(server)
