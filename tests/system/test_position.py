"""Positions: failover to another server of the same history, purged and errant GTIDs, a binlog begun anew, times."""

import time

from common import Faults, drain, drain_and_compare, prepare, start_forward, tree, wait_failed, wait_for, wait_monitoring
from harness.runner import needs, tags, timeout
from proxy import Proxy

RELAY = "TRANSFER_INCR_LOG_PULL"
PURGED, RESET, GTID_PURGED, GTID_ERRANT, CHANGED, BACK = (
    "CM-RESOIE000201", "CAUSEWAY-POSITN000001", "CAUSEWAY-POSITN000002", "CAUSEWAY-POSITN000003", "CAUSEWAY-POSITN000004",
    "CAUSEWAY-POSITN000006")
RESET_BINLOG = {"mysql97": "RESET BINARY LOGS AND GTIDS"}


def reset_binlog(server):
    server.sql(RESET_BINLOG.get(server.kind, "RESET MASTER"))


def purge(server):
    """Only the newest binlog file stays. One that is still being sent to a replica is not removed at once."""
    server.sql("FLUSH BINARY LOGS")

    def alone():
        server.sql("PURGE BINARY LOGS TO %s", [server.binlog_position()[0]])
        return len(server.sql("SHOW BINARY LOGS")) == 1
    wait_for(alone, 30, "the older binlog files are gone")


# ---- replication

def replica_options(kind, gtid=True):
    if kind == "mariadb":
        return ["--log-slave-updates=ON"]
    return [] if gtid else ["--gtid-mode=OFF"]


def follow(replica, primary, gtid=True):
    """Native replication from a server that has written nothing that the replica lacks."""
    where = f"MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.port}, MASTER_USER = 'repl', MASTER_PASSWORD = 'r'"
    if replica.kind == "mysql97":
        replica.sql(["CHANGE REPLICATION SOURCE TO " + where.replace("MASTER_", "SOURCE_") +
                     ", SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1", "START REPLICA"])
    elif replica.kind == "mysql56":
        file, offset = primary.first_position
        end = ", MASTER_AUTO_POSITION = 1" if gtid else f", MASTER_LOG_FILE = '{file}', MASTER_LOG_POS = {offset}"
        replica.sql(["CHANGE MASTER TO " + where + end, "START SLAVE"])
    else:
        replica.sql(["CHANGE MASTER TO " + where + ", MASTER_USE_GTID = slave_pos", "START SLAVE"])


def promote(replica):
    """What the dead primary had sent is applied first."""
    def status():
        cursor_rows = replica.rows("SHOW REPLICA STATUS" if replica.kind == "mysql97" else "SHOW SLAVE STATUS")
        return cursor_rows[0]
    stop, reset = (("STOP REPLICA IO_THREAD", "RESET REPLICA ALL") if replica.kind == "mysql97"
                   else ("STOP SLAVE IO_THREAD", "RESET SLAVE ALL"))
    replica.sql(stop)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        row = {key.replace("Source_Log", "Master_Log").replace("source", "master").lower(): value
               for key, value in status().items()}
        if (row["read_master_log_pos"] == row["exec_master_log_pos"] and
                row.get("relay_master_log_file", row.get("relay_source_log_file")) == row["master_log_file"]):
            break
        time.sleep(0.05)
    else:
        raise AssertionError(f"the replica did not apply what it had: {status()}")
    replica.sql([stop.replace(" IO_THREAD", ""), reset])
    replica.sql("SET GLOBAL read_only = 0")


def with_rows(server):
    """A server object that can give rows as dictionaries."""
    import pymysql                                      # the harness checks that it is there

    def rows(statement):
        connection = server.connect(cursorclass=pymysql.cursors.DictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()
    server.rows = rows
    return server


def set_up(env, kind, count=2, gtid=True):
    """Servers of a kind, the second and further ones replicas of the first; nothing written before."""
    servers = [with_rows(env.private_server(kind, replica_options(kind, gtid), name=f"s{number}"))
               for number in range(count)]
    for server in servers:
        reset_binlog(server)
        server.first_position = server.binlog_position()
    servers[0].create_user("repl", "r", ["REPLICATION SLAVE ON *.*"])
    servers[0].sql(["CREATE DATABASE beside", "CREATE TABLE beside.t (id INT NOT NULL PRIMARY KEY)"])
    for server in servers[1:]:
        follow(server, servers[0], gtid)
    wait_for(lambda: all("beside" in server.databases() and server.tables("beside") for server in servers), 60,
             "the replicas follow")
    return servers


def caught_up(daemon, replica, primary):
    """The replica has what the primary has now: seen by a table outside of the project."""
    number = (primary.value("SELECT MAX(id) FROM beside.t") or 0) + 1
    primary.sql(f"INSERT INTO beside.t VALUES ({number})")
    daemon.wait_for(lambda: replica.value("SELECT MAX(id) FROM beside.t") == number, 60, "the replica has caught up")


def behind_proxy(env, primary, target, faults=None, **options):
    """A project whose source is an address that can answer for another server."""
    near = Proxy(primary.host, primary.port)
    env.cleanup(near.close)
    daemon = env.daemon(faults.arguments if faults else ())
    source = daemon.call("CreateMySqlDataSource", {"name": "near", "ip": "127.0.0.1", "port": near.port, "userName": "root",
                                                   "password": ""})
    project = daemon.create_project(source, daemon.create_source(target), tree(["app"]), **options)
    daemon.start_project(project)
    wait_monitoring(daemon, project)
    return daemon, project, near


def fail_over(load, near, old, new):
    """The primary dies under load, the replica takes its place at the same address."""
    old.kill()
    load.stop(check=False)
    promote(new)
    near.retarget(new.host, new.port)


def events(daemon, project, word):
    return [line for line in daemon.log_lines() if word in line]


def stop(daemon, project):
    daemon.call("StopProject", {"id": project})
    daemon.wait_for(lambda: not daemon.workers(project), 30, "all workers have stopped")


def resume(daemon, project):
    """The steps still say FAILED for an instant after the call. A worker may have ended again before it is seen."""
    def started():
        return len(events(daemon, project, f"event=worker_started owner={project} "))
    before = started()
    daemon.call("ResumeProject", {"id": project})
    daemon.wait_for(lambda: started() > before, 20, "a worker has been started again")


# ---- going on

def goes_on(env, kind, target_kind="mariadb", data_source=False):
    primary, replica = set_up(env, kind)
    target = env.target(target_kind)
    prepare(primary, target, rows=800)
    daemon, project, near = behind_proxy(env, primary, target)
    load = env.load(primary, "app", rate=250)
    load.wait_committed(150)
    if data_source:
        primary.kill()
        load.stop(check=False)
        promote(replica)
        source = daemon.project(project)["sourceConnectInfo"]["id"]
        stop(daemon, project)
        daemon.call("UpdateDataSource", {"id": source, "ip": replica.host, "port": replica.port})
        resume(daemon, project)
    else:
        fail_over(load, near, primary, replica)
    load = env.load(replica, "app", rate=250, seed=2)
    load.wait_committed(200)
    load.stop()
    drain_and_compare(daemon, replica, target)
    assert daemon.project(project)["status"] == "RUNNING"
    assert events(daemon, project, "source_changed"), daemon.log_tail()
    return daemon, project, replica, target


@tags("quick")
@needs("mysql97", "mariadb")
@timeout(150)
def test_mysql97_fails_over(env):
    goes_on(env, "mysql97")


@needs("mysql56", "mariadb")
@timeout(150)
def test_mysql56_fails_over(env):
    goes_on(env, "mysql56", data_source=True)


@tags("quick")
@needs("mariadb")
@timeout(150)
def test_mariadb_fails_over(env):
    goes_on(env, "mariadb")


@needs("mariadb")
@timeout(200)
def test_failover_again_and_again(env):
    """Three servers, two failovers, workers killed by SIGKILL at the moments that matter."""
    first, second, third = set_up(env, "mariadb", 3)
    target = env.target("mariadb")
    prepare(first, target, rows=500)
    faults = Faults(env)
    daemon, project, near = behind_proxy(env, first, target, faults)
    for old, new, points in ((first, second, ("relay.follow.before", "incr.era.between")),
                             (second, third, ("relay.event.before", "incr.checkpoint.before"))):
        load = env.load(old, "app", rate=250, seed=old.port)
        load.wait_committed(120)
        fail_over(load, near, old, new)
        for point in points:
            faults.arm(point)
        if new is second:
            third.sql(["STOP SLAVE", f"CHANGE MASTER TO MASTER_PORT = {second.port}", "START SLAVE"])
        load = env.load(new, "app", rate=250, seed=new.port)
        load.wait_committed(150)
        load.stop()
        drain_and_compare(daemon, new, target, timeout=90)
        daemon.wait_for(lambda: not faults.armed(), 30, "every armed point was passed")
        if new is second:
            caught_up(daemon, third, second)
    assert len([line for line in events(daemon, project, "new_era") if "era=2" in line]) >= 1, daemon.log_tail()


@needs("mysql97", "mariadb")
@timeout(150)
def test_a_transaction_cut_in_half(env):
    """The old server dies while a large transaction is being sent: it comes again, whole, from the new one."""
    primary, replica = set_up(env, "mysql97")
    target = env.target("mariadb")
    prepare(primary, target, rows=300)
    primary.sql("CREATE TABLE app.big (id INT NOT NULL PRIMARY KEY, v VARCHAR(900) NOT NULL)")
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    cut = near.cut_after(3_000_000, then=("127.0.0.1", 1))      # where nobody answers
    primary.sql(["SET SESSION cte_max_recursion_depth = 100000",
                 "INSERT INTO app.big WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 8000)"
                 " SELECT i, REPEAT(CHAR(65 + i % 26), 900) FROM n"])
    daemon.wait_for(cut.is_set, 30, "the connection was cut in the middle")
    # the replica does not go through the proxy; a server that dies before it has sent all has lost the transaction
    daemon.wait_for(lambda: replica.value("SELECT COUNT(*) FROM app.big") == 8000, 30, "the replica has it")
    primary.kill()
    promote(replica)
    near.retarget(replica.host, replica.port)
    drain_and_compare(daemon, replica, target)
    assert target.value("SELECT COUNT(*) FROM app.big") == 8000
    assert any("open=1" in line for line in events(daemon, project, "new_era")), daemon.log_tail()


# ---- errors, each its own

def small(source, target):
    """A database of tables with keys, and the table for marks."""
    source.sql(["CREATE DATABASE app", "CREATE TABLE app.t (id INT NOT NULL PRIMARY KEY, v VARCHAR(200))",
                "CREATE TABLE app.cw_test_mark (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY)"])
    assert not target.databases(), target


def after_failure(daemon, project, code, *texts):
    told(wait_failed(daemon, project, RELAY), code, *texts)


def told(info, code, *texts):
    text = str(info)
    assert code in text, text
    for part in texts:
        assert part in text, (part, text)


@needs("mysql97", "mariadb")
@timeout(150)
def test_errant_and_purged_gtids(env):
    """A server that lacks transactions of ours, and one that has purged what we lack."""
    primary, replica = set_up(env, "mysql97")
    target = env.target("mariadb")
    small(primary, target)
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    drain(daemon, primary, target)
    replica.sql("STOP REPLICA")
    uuid = primary.value("SELECT @@server_uuid")
    primary.sql("INSERT INTO app.t VALUES (4711, 'lost')")
    drain(daemon, primary, target)                      # now the target has what the replica has not
    near.retarget(replica.host, replica.port)
    after_failure(daemon, project, GTID_ERRANT, uuid, "docs/positions.md")
    # it gets them after all: goes on; then it purges what we have not
    replica.sql("START REPLICA")
    caught_up(daemon, replica, primary)
    resume(daemon, project)
    wait_monitoring(daemon, project)
    drain(daemon, primary, target)                      # by way of the replica
    stop(daemon, project)
    replica.sql("STOP REPLICA")
    primary.sql("INSERT INTO app.t VALUES (4712, 'purged')")
    purge(primary)
    near.retarget(primary.host, primary.port)
    resume(daemon, project)
    after_failure(daemon, project, GTID_PURGED, uuid, "ResetIncrStartTimestamp")


@needs("mariadb")
@timeout(150)
def test_mariadb_errant_gtids(env):
    """The replica was promoted without the last transactions and wrote its own under the same numbers."""
    primary, replica = set_up(env, "mariadb")
    target = env.target("mariadb")
    small(primary, target)
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    replica.sql(["STOP SLAVE", "RESET SLAVE ALL"])
    for number in range(3):
        primary.sql(f"INSERT INTO app.t VALUES ({100 + number}, 'old')")
    drain(daemon, primary, target)
    near.retarget(replica.host, replica.port)
    after_failure(daemon, project, GTID_ERRANT, "0-%d-" % primary.server_id)
    for number in range(20):                            # further on than we are, by another history
        replica.sql(f"INSERT INTO app.t VALUES ({200 + number}, 'new')")
    resume(daemon, project)
    after_failure(daemon, project, GTID_ERRANT)


@needs("mariadb")
@timeout(150)
def test_mariadb_purged(env):
    """The same server has purged its files; another one has purged the GTIDs."""
    primary, replica = set_up(env, "mariadb")
    target = env.target("mariadb")
    small(primary, target)
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    drain(daemon, primary, target)
    stop(daemon, project)
    caught_up(daemon, replica, primary)
    purge(primary)
    purge(replica)
    resume(daemon, project)
    after_failure(daemon, project, PURGED, "oldest file")
    near.retarget(replica.host, replica.port)
    resume(daemon, project)
    after_failure(daemon, project, GTID_PURGED)


def reset_is_seen(env, kind, rewrite):
    """RESET MASTER at the same server, and as much written again that the old position exists: never read on."""
    source, target = env.private_server(kind, name="s"), env.target("mariadb")
    reset_binlog(source)
    small(source, target)
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    source.sql([f"INSERT INTO app.t VALUES ({number}, 'a')" for number in range(20)])
    drain(daemon, source, target)
    stop(daemon, project)
    before = target.value("SELECT COUNT(*) FROM app.t")
    offset = source.binlog_position()[1]
    reset_binlog(source)
    number = 1000
    while rewrite and source.binlog_position()[1] < offset + 4000:
        source.sql([f"INSERT INTO app.t VALUES ({number + i}, REPEAT('b', 100))" for i in range(20)])
        number += 20
    resume(daemon, project)
    after_failure(daemon, project, RESET, "ResetIncrStartTimestamp")
    assert target.value("SELECT COUNT(*) FROM app.t") == before


@needs("mysql97", "mariadb")
@timeout(120)
def test_mysql97_reset_binlog(env):
    reset_is_seen(env, "mysql97", rewrite=False)


@tags("quick")
@needs("mariadb")
@timeout(120)
def test_reset_binlog_as_long(env):
    reset_is_seen(env, "mariadb", rewrite=True)


@needs("mariadb")
@timeout(150)
def test_failover_during_the_copy(env):
    """The copy has read from the old server: not gone on with."""
    primary, replica = set_up(env, "mariadb")
    target = env.target("mariadb")
    prepare(primary, target, rows=9000)
    near = Proxy(primary.host, primary.port)
    env.cleanup(near.close)
    daemon = env.daemon()
    source = daemon.call("CreateMySqlDataSource", {"name": "near", "ip": "127.0.0.1", "port": near.port, "userName": "root",
                                                   "password": ""})
    project = daemon.create_project(source, daemon.create_source(target), tree(["app"]), full_config={"throttleRps": 1500})
    daemon.start_project(project)
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    caught_up(daemon, replica, primary)
    near.retarget(replica.host, replica.port)
    # the relay and the copy each look at the server behind their connections: either may be the first to see it
    told(wait_failed(daemon, project), CHANGED, "the full copy has not ended")


@needs("mysql56", "mariadb")
@timeout(150)
def test_another_server_without_gtids(env):
    primary, replica = set_up(env, "mysql56", gtid=False)
    target = env.target("mariadb")
    small(primary, target)
    daemon, project, near = behind_proxy(env, primary, target)
    caught_up(daemon, replica, primary)
    drain(daemon, primary, target)
    near.retarget(replica.host, replica.port)
    after_failure(daemon, project, CHANGED, "without GTIDs", "ResetIncrStartTimestamp")
    near.retarget(primary.host, primary.port)           # the old one is back: nothing is lost
    resume(daemon, project)
    wait_monitoring(daemon, project)
    drain_and_compare(daemon, primary, target)


# ---- by time



def reset_to(daemon, project, timestamp):
    daemon.call("ResetIncrStartTimestamp", {"id": project, "startTimestamp": timestamp})
    resume(daemon, project)


def next_second(server):
    """The server's clock has passed a whole second: nothing written before has the returned time."""
    now = server.value("SELECT UNIX_TIMESTAMP()")
    while server.value("SELECT UNIX_TIMESTAMP()") == now:
        time.sleep(0.05)
    return now + 1


@tags("quick")
@needs("mariadb")
@timeout(150)
def test_reset_back_and_forward(env):
    source, target = env.private_server("mariadb", name="s"), env.target("mariadb")
    small(source, target)
    faults = Faults(env)
    daemon, project = start_forward(env, source, target, tree(["app"]), daemon=env.daemon(faults.arguments))
    wait_monitoring(daemon, project)
    back = next_second(source)
    source.sql(["INSERT INTO app.t VALUES (1, 'a')", "UPDATE app.t SET v = 'b' WHERE id = 1",
                "INSERT INTO app.t VALUES (2, 'x')", "DELETE FROM app.t WHERE id = 2"])
    source.sql([f"INSERT INTO app.t VALUES ({number}, 'c')" for number in range(100, 400)])
    drain(daemon, source, target)
    stop(daemon, project)
    target.sql("DELETE FROM app.t WHERE id < 300")      # comes again with what is applied again
    faults.arm("relay.reset.before")
    reset_to(daemon, project, back)
    wait_monitoring(daemon, project)
    drain_and_compare(daemon, source, target)
    assert not faults.armed()
    stop(daemon, project)
    source.sql("INSERT INTO app.t VALUES (3, 'left out')")
    forward = next_second(source)
    source.sql("INSERT INTO app.t VALUES (4, 'carried')")
    reset_to(daemon, project, forward)
    wait_monitoring(daemon, project)
    drain(daemon, source, target)
    assert [row[0] for row in target.sql("SELECT id FROM app.t WHERE id < 100 ORDER BY id")] == [1, 4]


@needs("mysql97", "mariadb")
@timeout(150)
def test_reset_with_a_keyless_table(env):
    """Going back would apply its rows twice: refused. Going forward is not."""
    source, target = env.private_server("mysql97", name="s"), env.target("mariadb")
    small(source, target)
    source.sql("CREATE TABLE app.nokey (v INT)")
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    back = next_second(source)
    source.sql("INSERT INTO app.nokey VALUES (1), (1), (2)")
    drain(daemon, source, target)
    stop(daemon, project)
    reset_to(daemon, project, back)
    after_failure(daemon, project, BACK, "app.nokey")
    reset_to(daemon, project, next_second(source))
    wait_monitoring(daemon, project)
    source.sql("INSERT INTO app.nokey VALUES (3)")
    drain_and_compare(daemon, source, target)
