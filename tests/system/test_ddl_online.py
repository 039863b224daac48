"""gh-ost and pt-online-schema-change, while the table is written: adapted to, or taken for ordinary tables."""

from common import Faults, fault_points, tree
from ddl_steps import Bed
from harness.daemon import specific, wildcard
from harness.runner import needs, tags, timeout
from online_steps import ALTER, SHADOWS, Traffic, gh_ost, pt_osc

def changed_online(env, source, target, mapping, tool, online=True, exclude=SHADOWS):
    source.sql("CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    traffic = Traffic(source)
    bed = Bed(env, source, target, mapping, online=online).start()
    traffic.start()
    tool(source, traffic)
    traffic.stop()
    bed.settle(timeout=90, exclude=exclude)
    columns = [row[0] for row in target.sql("SHOW COLUMNS FROM app.t")]
    assert columns == ["id", "added", "v", "s"], columns
    if online:
        shadows = set(target.tables("app")) & set(SHADOWS)
        assert not shadows, f"shadow tables at the target: {shadows}"
    return bed


def by_gh_ost(server, traffic):
    gh_ost(server, traffic)


def by_gh_ost_twice(server, traffic):
    """A second change right after the first, with the old table dropped."""
    gh_ost(server, traffic, "ADD COLUMN passing INT", drop_old=True)
    gh_ost(server, traffic, "DROP COLUMN passing, " + ALTER, drop_old=True)


def by_pt(server, _):
    pt_osc(server)


def by_pt_keeping_old(server, _):
    pt_osc(server, ALTER, "--no-drop-old-table")


@tags("ddl", "online")
@needs("mariadb")
def test_gh_ost_specific(env):
    changed_online(env, env.source("mariadb"), env.target("mariadb"), specific({"app": ["t"]}), by_gh_ost)


@tags("ddl", "online")
@needs("mysql97")
def test_gh_ost_wildcard_mysql(env):
    changed_online(env, env.source("mysql97"), env.target("mysql97"), wildcard("app.*"), by_gh_ost_twice)


@tags("ddl", "online")
@needs("mariadb")
def test_gh_ost_as_ordinary_tables(env):
    """Switched off, with the whole database selected: all of its tables travel like any other."""
    changed_online(env, env.source("mariadb"), env.target("mariadb"), tree(["app"]), by_gh_ost, online=False, exclude=())


@tags("ddl", "online")
@needs("mariadb")
def test_gh_ost_switched_off_with_a_single_table(env):
    """The rename brings a table in that holds rows nobody copied: the step waits."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql("CREATE DATABASE app")
    traffic = Traffic(source)
    bed = Bed(env, source, target, specific({"app": ["t"]}), online=False).start()
    traffic.start()
    gh_ost(source, traffic)
    traffic.stop()
    row = bed.pending()
    assert row["sql"].startswith("rename /* gh-ost */"), row


@tags("ddl", "online", "quick")
@needs("mariadb")
def test_pt_online_schema_change_specific(env):
    changed_online(env, env.source("mariadb"), env.target("mariadb"), specific({"app": ["t"]}), by_pt)


@tags("ddl", "online")
@needs("mysql97")
def test_pt_online_schema_change_wildcard_mysql(env):
    changed_online(env, env.source("mysql97"), env.target("mysql97"), wildcard("app.*"), by_pt_keeping_old)


@tags("ddl", "online")
@needs("mysql56", "mysql97")
def test_pt_online_schema_change_between_versions(env):
    changed_online(env, env.source("mysql56"), env.target("mysql97"), wildcard("app.*"), by_pt)


@tags("ddl", "online")
@needs("mariadb")
def test_pt_online_schema_change_as_ordinary_tables(env):
    changed_online(env, env.source("mariadb"), env.target("mariadb"), wildcard("app.*"), by_pt, online=False, exclude=())


@tags("ddl", "online")
@needs("mariadb")
def test_a_table_that_only_looks_like_a_shadow(env):
    """_x_new without a table x in the project is a table like others."""
    source, target = env.source("mariadb"), env.target("mariadb")
    bed = Bed(env, source, target).start()
    source.sql(["CREATE TABLE app._x_new (id INT PRIMARY KEY)", "INSERT INTO app._x_new VALUES (1)",
                "CREATE TABLE app.y_old (id INT PRIMARY KEY)", "ALTER TABLE app._x_new ADD v INT", "INSERT INTO app._x_new VALUES (2, 2)"])
    bed.settle()


@tags("ddl", "online", "kill")
@needs("mariadb")
@timeout(200)
def test_killed_while_shadow_tables_come_and_go(env):
    """Each point of DDL in turn, as often as it takes until a whole change of the table passes none any more."""
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql("CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    faults = Faults(env)
    traffic = Traffic(source)
    bed = Bed(env, source, target, specific({"app": ["t"]}), faults=faults).start()
    traffic.start()
    for passes in (1, 2):
        for name in [name for name in fault_points("incr") if name.startswith("incr.ddl.")]:
            faults.arm(name, passes)
        gh_ost(source, traffic, f"ADD COLUMN x{passes} INT DEFAULT {passes} AFTER id", drop_old=True)
        bed.drain(90)
        assert "incr.ddl.shadow" not in faults.armed(), faults.armed()
    traffic.stop()
    bed.settle(timeout=90, exclude=SHADOWS)
