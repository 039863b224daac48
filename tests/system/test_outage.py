"""Servers that go away and connections that break: the project goes on by itself."""

import os
import signal

from common import INCR, drain_and_compare, prepare, start_forward, tree, wait_monitoring
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
    for _ in range(3):
        stopped = daemon.kill_workers(project, INCR, signal.SIGSTOP)
        assert stopped
        daemon.kill9()                       # the new daemon knows nothing of the stopped worker and starts another
        daemon.start()
        daemon.wait_for(lambda old=stopped: set(daemon.worker_pids(project, INCR)) - set(old), 30,
                        "a new incremental worker runs beside the stopped one")
        load.wait_committed(200)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        load.wait_committed(200)
        daemon.wait_for(lambda old=stopped: not set(daemon.worker_pids(project, INCR)) & set(old), 30,
                        "the stale worker has gone")
    load.stop()
    drain_and_compare(daemon, source, target, timeout=60)
