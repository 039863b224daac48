"""Forms of the binlog that a server writes only when it is told to: each carried end to end, and equal at the end."""

import os
import threading

from common import drain, drain_and_compare, prepare, resident_mib, start_forward, tree, wait_monitoring
from harness.runner import needs, timeout

KEY_FILE = "1;" + "0123456789abcdef" * 4 + "\n"
BIG_MIB = 48


def events_seen(source, names):
    """That the source did write what the test is about; else it would show nothing."""
    seen = set()
    connection = source.connect(use_unicode=False)       # texts of statements are in any set
    with connection.cursor() as cursor:
        for log in source.sql("SHOW BINARY LOGS"):
            cursor.execute(f"SHOW BINLOG EVENTS IN '{log[0]}'")
            seen.update(row[2].decode() for row in cursor.fetchall())
    connection.close()
    missing = [name for name in names if name not in seen]
    assert not missing, f"{missing} not among {sorted(seen)}"


def switch_checksums(daemon, source, target):
    """NONE and CRC32 by turns, each with a new file, while the stream is open."""
    for number, algorithm in enumerate(("NONE", "CRC32", "NONE")):
        source.sql([f"SET GLOBAL binlog_checksum = {algorithm}",
                    f"INSERT INTO app.sums VALUES ({number}, '{algorithm}')"])
        drain(daemon, source, target)
    source.sql("SET GLOBAL binlog_checksum = CRC32")
    drain(daemon, source, target)


def forward(env, source, target):
    source.sql("CREATE TABLE app.sums (id INT PRIMARY KEY, v VARCHAR(20))")
    daemon, project = start_forward(env, source, target, tree(["app"]))
    wait_monitoring(daemon, project)
    return daemon, project


def some_load(env, source, seconds_worth=150):
    load = env.load(source, "app", rate=100)
    load.wait_committed(seconds_worth)
    load.stop()


class Peak:
    """The most memory that the project's workers had, while it is entered."""

    def __init__(self, daemon, project):
        self.daemon, self.project, self.mib = daemon, project, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _watch(self):
        while not self.stopping.wait(0.1):
            for pid in self.daemon.worker_pids(self.project):
                try:
                    self.mib = max(self.mib, resident_mib(pid))
                except (OSError, AttributeError):
                    pass        # it has just ended


@needs("mysql97", "mariadb")
@timeout(200)
def test_mysql97_payloads(env):
    """Compressed transactions, JSON diffs, tagged GTIDs, texts of statements, and no checksums for a while."""
    source = env.private_server("mysql97", ["--binlog-transaction-compression=ON", "--binlog-rows-query-log-events=ON",
                                            "--binlog-row-value-options=PARTIAL_JSON"])
    target = env.target("mysql97")
    prepare(source, target, rows=200)
    source.sql(["CREATE TABLE app.j (id INT PRIMARY KEY, j JSON, k JSON, n INT)",
                "CREATE TABLE app.part (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 4",
                "CREATE TABLE app.big (id INT PRIMARY KEY, t LONGTEXT)"])
    daemon, project = forward(env, source, target)
    some_load(env, source)
    document = '{"name": "%s", "list": [1, 2, {"x": null}], "é": 1.5}' % ("long " * 30)
    source.sql([f"INSERT INTO app.j VALUES (1, '{document}', NULL, 0), (2, '{document}', '[]', 0)",
                "UPDATE app.j SET j = JSON_SET(j, '$.list[2].x', CAST('2024-02-29 01:02:03.5' AS DATETIME(6))), n = 1",
                "UPDATE app.j SET j = JSON_REMOVE(j, '$.list[0]'), k = JSON_SET(k, '$[0]', 7) WHERE id = 2",
                "UPDATE app.j SET j = JSON_SET(j, '$.new', 12.25e0, '$.\"a b\"', CAST(NOW(6) AS CHAR)) WHERE id = 1",
                "SET gtid_next = 'AUTOMATIC:tag'", "INSERT INTO app.part VALUES (1, 1), (2, 2)",
                "UPDATE app.part SET id = id + 1 WHERE id = 2", "SET gtid_next = 'AUTOMATIC'",
                # once more as plain events: PARTIAL_UPDATE_ROWS shows in the list below
                "SET binlog_transaction_compression = OFF", "UPDATE app.j SET j = JSON_REPLACE(j, '$.name', 'short')"])
    with Peak(daemon, project) as peak:
        rows = [f"INSERT INTO app.big VALUES ({i}, REPEAT('{i % 10}', 1048576))" for i in range(BIG_MIB)]
        source.sql(["BEGIN"] + rows + ["COMMIT"])
        drain(daemon, source, target)
    switch_checksums(daemon, source, target)
    events_seen(source, ["Transaction_payload", "Update_rows_partial", "Rows_query"])
    assert ":tag:" in source.value("SELECT @@global.gtid_executed")
    drain_and_compare(daemon, source, target)
    print(f"    {BIG_MIB} MiB in one payload: workers had {peak.mib:.0f} MiB at most", flush=True)
    # what one row needs several times over, and the library's own; not the transaction
    assert peak.mib < BIG_MIB, f"{peak.mib:.0f} MiB"


@needs("mariadb", "mysql97")
@timeout(200)
def test_mariadb_compressed_and_encrypted(env):
    """log_bin_compress, encrypt_binlog (the server sends it clear), annotated rows, temporal columns of before 10.1."""
    key = os.path.join(env.dir, "keys")
    with open(key, "w", encoding="ascii") as file:
        file.write(KEY_FILE)
    source = env.private_server("mariadb", [
        "--log-bin-compress=ON", "--log-bin-compress-min-len=10", "--plugin-load-add=file_key_management",
        f"--file-key-management-filename={key}", "--encrypt-binlog=ON", "--binlog-annotate-row-events=ON",
        "--binlog-alter-two-phase=ON"])
    target = env.target("mariadb")
    prepare(source, target, rows=200)
    source.sql(["SET GLOBAL mysql56_temporal_format = OFF",
                "CREATE TABLE app.old (id INT PRIMARY KEY, t TIME, t1 TIME(1), t3 TIME(3), t6 TIME(6), d DATETIME,"
                " d2 DATETIME(2), d4 DATETIME(4), d6 DATETIME(6), s TIMESTAMP NULL, s1 TIMESTAMP(1) NULL,"
                " s5 TIMESTAMP(5) NULL, s6 TIMESTAMP(6) NULL)", "SET GLOBAL mysql56_temporal_format = ON"])
    daemon, project = forward(env, source, target)
    source.sql([
        "INSERT INTO app.old VALUES (1, '838:59:59', '838:59:59.9', '838:59:59.999', '838:59:59.999999',"
        " '9999-12-31 23:59:59', '9999-12-31 23:59:59.99', '9999-12-31 23:59:59.9999', '9999-12-31 23:59:59.999999',"
        " '2038-01-19 03:14:07', '2038-01-19 03:14:07.9', '2038-01-19 03:14:07.99999', '2038-01-19 03:14:07.999999')",
        "INSERT INTO app.old VALUES (2, '-838:59:59', '-00:00:00.1', '-00:00:01.001', '-01:00:00.000001',"
        " '1000-01-01', '2024-02-29 01:02:03.04', '2024-02-29 01:02:03.0004', '0001-01-01 00:00:00.000001',"
        " '1970-01-02', '1970-01-02 00:00:01.1', '1970-01-02 00:00:01.00001', '1970-01-02 00:00:01.000001')",
        "INSERT INTO app.old (id) VALUES (3)", "UPDATE app.old SET t6 = '00:00:00.5', d2 = NULL WHERE id = 2"])
    some_load(env, source)
    switch_checksums(daemon, source, target)
    events_seen(source, ["Start_encryption", "Annotate_rows", "Write_rows_compressed_v1", "Update_rows_compressed_v1"])
    drain_and_compare(daemon, source, target)


@needs("mysql56", "mariadb")
@timeout(200)
def test_mysql56_rows_v1(env):
    """Row events of version 1 from MySQL, and the texts of statements, with and without checksums."""
    source = env.private_server("mysql56", ["--log-bin-use-v1-row-events=1", "--binlog-rows-query-log-events=1"])
    target = env.target("mariadb")
    prepare(source, target, rows=200)
    daemon, project = forward(env, source, target)
    some_load(env, source)
    switch_checksums(daemon, source, target)
    events_seen(source, ["Write_rows_v1", "Update_rows_v1", "Rows_query"])
    drain_and_compare(daemon, source, target)
