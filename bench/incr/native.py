"""MariaDB's own replication, with the settings that are measured."""

# name: (mode, threads). "serial" is the server's default: one thread applies.
SETTINGS = {"serial": ("conservative", 0),
            **{f"{mode} {threads}": (mode, threads) for mode in ("conservative", "optimistic") for threads in (2, 4, 8)}}
OPTIONS = ["--log-slave-updates", "--skip-slave-start"]       # it writes a binlog, as the product's target does


def attach(replica, source):
    """Make replica one of source, from the first event of source's binlog on. It does not run yet."""
    replica.sql(["RESET MASTER", "SET GLOBAL gtid_slave_pos = ''",
                 f"CHANGE MASTER TO MASTER_HOST = '{source.host}', MASTER_PORT = {source.port}, MASTER_USER = 'root',"
                 " MASTER_USE_GTID = slave_pos"])


def start(replica, setting):
    mode, threads = SETTINGS[setting]
    replica.sql([f"SET GLOBAL slave_parallel_threads = {threads}", f"SET GLOBAL slave_parallel_mode = '{mode}'", "START SLAVE"])


def stop(replica):
    replica.sql("STOP SLAVE")


def check(replica):
    """An error says what stopped it; without one it is only slow."""
    with replica.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW SLAVE STATUS")
        status = dict(zip((column[0] for column in cursor.description), cursor.fetchone()))
    if status["Last_Error"] or status["Last_IO_Error"]:
        raise RuntimeError(f"native replication stopped: {status['Last_Error']}{status['Last_IO_Error']}")


