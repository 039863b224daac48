"""What the mark costs: the update of the transaction table that is the first statement of each transaction that the product applies.

It can't be left out of the product, for it is its checkpoint and its fence. So its part is measured beside it: the same transactions
run at the target's server in stored procedures, in batches as large as the product's, with the mark's statement and without it. No
network and no tool is in it, so that its share is the largest that it can be.
"""

import threading
import time

from bench import common
import loads

DB = "marker"
SESSIONS = 4
MARK = "UPDATE lane SET flip = 1 - flip, lwm = lwm + 1, applied = '', origin = '~0123456' WHERE task = 'mark' AND lane = number AND epoch = 1;"


def make(server, rows):
    """Tables of its own at the target, for the project's stay equal."""
    columns = {name for (name,) in server.sql("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'oms'"
                                              " AND TABLE_NAME = 'cw_lane'")}
    assert {"flip", "lwm", "applied", "origin", "task", "lane", "epoch"} <= columns, f"cw_lane has other columns now: {columns}"
    server.sql(["SET SESSION sql_log_bin = 0", f"CREATE DATABASE {DB} CHARACTER SET utf8mb4"])
    server.sql(["SET SESSION sql_log_bin = 0", "CREATE TABLE lane LIKE oms.cw_lane",
                *(f"INSERT INTO lane (task, lane, epoch, lwm, applied, origin) VALUES ('mark', {number}, 1, 1000000, '', '')"
                  for number in range(SESSIONS)),
                *(statement for number in range(1, loads.TABLES + 1) for statement in (
                    f"CREATE TABLE sbtest{number} LIKE {loads.DB}.sbtest{number}",
                    f"INSERT INTO sbtest{number} SELECT * FROM {loads.DB}.sbtest{number} WHERE id <= {rows}")),
                *(define(name, mark, rows) for name, mark in (("marked", MARK), ("plain", "")))], db=DB)


def define(name, mark, rows):
    """batches transactions of size source transactions each. number: the lane, whose rows are its own, so that nobody waits."""
    key = f"1 + {SESSIONS} * FLOOR(RAND() * {rows // SESSIONS}) + number"
    return f"""CREATE PROCEDURE {DB}.{name}(IN batches INT, IN size INT, IN number INT)
BEGIN
  DECLARE a, b, d, n INT;
  WHILE batches > 0 DO
    START TRANSACTION;
    {mark}
    SET n = size;
    WHILE n > 0 DO
      SET a = {key}, b = {key}, d = {key};
      {loads.LOADS["write-only"][1]}
      SET n = n - 1;
    END WHILE;
    COMMIT;
    SET batches = batches - 1;
  END WHILE;
END"""


def rate(server, name, transactions, size):
    """Source transactions a second."""
    batches = max(1, transactions // size // SESSIONS)
    failures = []

    def session(number):
        try:
            server.sql(["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", f"CALL {name}({batches}, {size}, {number})"], db=DB)
        except Exception as error:      # told below
            failures.append(error)
    threads = [threading.Thread(target=session, args=[number]) for number in range(SESSIONS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return batches * size * SESSIONS / (time.monotonic() - began)


def costs(server, transactions, size, rounds):
    """Rates by turns, with and without; what the mark takes of them, by rate and by the server's CPU (medians of the rounds)."""
    def case(name):
        before = common.cpu_seconds(server.pid)
        found = rate(server, name, transactions, size)
        return {"rate": found, "cpu": (common.cpu_seconds(server.pid) - before) / transactions}
    measured = common.turns({"marked": lambda: case("marked"), "plain": lambda: case("plain")}, rounds, "rate", "trx/s")
    return {**measured, "byRate": 1 - common.ratio(measured["marked"], measured["plain"], "rate"),
            "byCpu": common.ratio(measured["marked"], measured["plain"], "cpu") - 1}
