"""Servers that go away and connections that break: the project goes on by itself."""

import os
import shutil
import signal

from common import INCR, drain, drain_and_compare, prepare, start_forward, tree, wait_for, wait_monitoring
from harness.runner import needs, tags, timeout
from proxy import Proxy


def status_of(daemon, project):
    return daemon.project(project)["status"]


@needs("mariadb")
@timeout(300)
def test_source_server_restarts(env):
    """During the copy by SIGKILL, during incremental in good order."""
    source, target = env.private_server("mariadb"), env.target("mariadb")
    prepare(source, target, rows=15000)
    load = env.load(source, "app", rate=150)
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={"throttleRps": 8000})
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    source.kill()
    source.start()
    wait_monitoring(daemon, project, 180)
    source.restart()
    load.wait_committed(300)
    load.stop(check=False)
    drain_and_compare(daemon, source, target, timeout=90)
    assert status_of(daemon, project) == "RUNNING"


@needs("mysql97")
@timeout(300)
def test_target_server_restarts(env):
    source, target = env.source("mysql97"), env.private_server("mysql97", name="target")
    prepare(source, target, rows=8000)
    load = env.load(source, "app", rate=150)
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={"throttleRps": 6000})
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    target.kill()
    target.start()
    wait_monitoring(daemon, project, 180)
    target.kill()
    load.wait_committed(200)
    target.start()
    load.stop()
    drain_and_compare(daemon, source, target, timeout=90)
    assert status_of(daemon, project) == "RUNNING"


@needs("mariadb")
@timeout(300)
def test_connections_cut_in_the_middle(env):
    """Both ends behind a proxy that cuts every connection again and again, some in the middle of a packet."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=15000)
    load = env.load(source, "app", rate=150)
    near, far = Proxy(source.host, source.port), Proxy(target.host, target.port)
    env.cleanup(near.close)
    env.cleanup(far.close)
    daemon = env.daemon()
    ids = [daemon.call("CreateMySqlDataSource", {"name": name, "ip": "127.0.0.1", "port": proxy.port, "userName": "root",
                                                 "password": ""}) for name, proxy in (("near", near), ("far", far))]
    project = daemon.create_project(*ids, tree(["app"]), full_config={"throttleRps": 8000})
    daemon.start_project(project)
    daemon.wait_step(project, "FULL_TRANSFER", "RUNNING")
    for proxy in (near, far, near, far):
        cut = proxy.cut_after(200_000)
        daemon.wait_for(lambda done=cut: done.is_set() or daemon.steps(project)[INCR]["status"] == "MONITORING", 60,
                        "so many bytes have passed")
    wait_monitoring(daemon, project, 120)
    for proxy in (far, near, far, near, far):
        cut = proxy.cut_after(30_000)
        daemon.wait_for(cut.is_set, 60, "so many bytes have passed")
    load.stop()
    drain_and_compare(daemon, source, target, timeout=90)
    assert near.cuts + far.cuts >= 8, (near.cuts, far.cuts)


def freeze(daemon):
    """Stops the daemon and all its workers, channels open, as a paused virtual machine would be."""
    daemon.process.send_signal(signal.SIGSTOP)
    return daemon.kill_workers(sig=signal.SIGSTOP)


def take_over(env, frozen):
    """Another daemon goes on from a copy of the frozen one's data directory."""
    successor = env.daemon(start=False)
    shutil.copytree(frozen.data_dir, successor.data_dir)
    return successor.start()


def awake(frozen, pids):
    """The stale workers go on, their daemon does not: each has to find out at the target, and to end."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not set(frozen.worker_pids()) & set(pids), 60, "the stale workers have ended")
    assert any("CONNECTOR-EPOC00000001" in line for line in frozen.log_lines()), frozen.log_tail()


@tags("quick")
@needs("mariadb")
@timeout(200)
def test_a_stale_worker_cannot_write(env):
    """Stopped with SIGSTOP, replaced, continued: the epoch refuses it."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=2000)
    load = env.load(source, "app", rate=200)
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    appliers = daemon.worker_pids(project, INCR)
    freeze(daemon)
    successor = take_over(env, daemon)
    load.wait_committed(300)
    successor.wait_for(lambda: successor.worker_pids(project, INCR), 30, "the successor applies")
    drain(successor, source, target)
    awake(daemon, appliers)
    load.wait_committed(200)
    load.stop()
    drain_and_compare(successor, source, target, timeout=60)
    daemon.kill9()


@needs("mariadb")
@timeout(200)
def test_a_stale_copy_cannot_write(env):
    """The same in the middle of the copy, chunks open."""
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=15000)
    load = env.load(source, "app", rate=100)
    daemon, project = start_forward(env, source, target, tree(["app"]), full_config={"throttleRps": 2000})
    daemon.wait_for(lambda: daemon.worker_pids(project, "FULL_TRANSFER") and "app" in target.databases() and
                    "cw_chunk" in target.tables("oms") and target.value("SELECT SUM(rows_done) FROM oms.cw_chunk"),
                    60, "the copy is under way", interval=0.02)
    copiers = daemon.worker_pids(project, "FULL_TRANSFER")
    assert copiers
    freeze(daemon)
    successor = take_over(env, daemon)
    successor.wait_for(lambda: successor.worker_pids(project, "FULL_TRANSFER"), 30, "the successor copies")
    load.wait_committed(200)
    awake(daemon, copiers)
    successor.call("UpdateProjectConfig", {"id": project, "fullTransferConfig": {"throttleRps": None}})
    wait_monitoring(successor, project)
    load.stop()
    drain_and_compare(successor, source, target, timeout=60)
    daemon.kill9()
