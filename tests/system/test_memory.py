"""Bounded memory: a table of 1 GiB (in CI of 0.4 GiB, more than a worker may hold) and a transaction of 500,000 rows stay under 256 MiB resident for the worker."""

import os
import threading

from common import INCR, drain_and_compare, prepare, resident_mib, start_forward, tree, wait_monitoring
from harness.compare import Pair, compare
from harness.runner import needs, timeout

LIMIT_MIB = 256
ROWS = 270000 if os.environ.get("CAUSEWAY_TEST_LENGTH") == "1" else 110000       # of 4,000 bytes


class Peak(threading.Thread):
    """Highest resident size seen of any worker of a step."""

    def __init__(self, daemon, project, step):
        super().__init__(daemon=True)
        self.daemon_, self.project, self.step = daemon, project, step
        self.peak = 0
        self.ending = threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.1):
            for pid in self.daemon_.worker_pids(self.project, self.step):
                try:
                    self.peak = max(self.peak, resident_mib(pid))
                except (OSError, AttributeError):
                    pass                    # it ended in the meantime

    def stop(self):
        self.ending.set()
        self.join()
        return self.peak


@needs("mariadb")
@timeout(400)
def test_copy_of_a_table_larger_than_memory(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    source.sql(["CREATE DATABASE app", "SET SESSION sql_log_bin = 0",
                "CREATE TABLE app.big (id INT PRIMARY KEY, a VARCHAR(2000), b BLOB) CHARACTER SET latin1",
                f"INSERT INTO app.big SELECT seq, REPEAT(CHAR(97 + seq % 26), 1900), REPEAT(CHAR(seq % 256), 2100) FROM seq_1_to_{ROWS}",
                "ANALYZE TABLE app.big"], db="mysql")
    size = source.value("SELECT SUM(LENGTH(a) + LENGTH(b)) FROM app.big")
    assert size >= 1.5 * LIMIT_MIB * 2 ** 20, size
    daemon, project = start_forward(env, source, target, tree(["app"]), incr=False)
    peak = Peak(daemon, project, "FULL_TRANSFER")
    daemon.wait_project(project, "FINISHED", 300)
    print(f"    peak {peak.stop():.0f} MiB for {size / 2 ** 30:.2f} GiB", flush=True)
    query = "SELECT COUNT(*), SUM(CRC32(a)), SUM(CRC32(b)), SUM(LENGTH(a)), SUM(LENGTH(b)) FROM app.big"
    assert source.sql(query) == target.sql(query)
    assert 0 < peak.peak < LIMIT_MIB, peak.peak


@needs("mariadb")
@timeout(400)
def test_transaction_of_half_a_million_rows(env):
    source, target = env.source("mariadb"), env.target("mariadb")
    prepare(source, target, rows=100)
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    peaks = [Peak(daemon, project, step) for step in (INCR, "TRANSFER_INCR_LOG_PULL")]
    source.sql(["INSERT INTO app.t_auto (val, note) SELECT seq % 1000, CONCAT('a row of a large transaction ', seq) FROM seq_1_to_500000"],
               db="app")
    drain_and_compare(daemon, source, target, timeout=200)
    measured = [peak.stop() for peak in peaks]
    print(f"    peak {measured[0]:.0f} MiB applying, {measured[1]:.0f} MiB pulling", flush=True)
    assert all(0 < value < LIMIT_MIB for value in measured), measured
    assert compare(source, target, [Pair("app.t_auto")]).rows >= 500000
