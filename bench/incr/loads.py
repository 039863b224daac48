"""The loads of the incremental cases: tables, and stored procedures that write transactions at the source.

Sixteen sessions write at once, so that the source's binlog has the groups of commits that real clients cause: native replication's
parallel settings live on them.
"""

import threading

from bench import data

DB = data.DB
SESSIONS = 16
TABLES = 4                      # of sysbench's form
HOT = 10                        # the first rows of the table hot are the ones that everybody wants
MARKS = 32                      # a moment of the stream: as many transactions of one row, so that each lane gets some
C = "REPEAT(CONCAT(LPAD(FLOOR(RAND() * 99999999999), 11, '0'), '-'), 10)"
PAD = "REPEAT(CONCAT(LPAD(FLOOR(RAND() * 99999999999), 11, '0'), '-'), 5)"


def _any_table(statements):
    """The statements for each of the tables, one of them by chance."""
    cases = " ".join(f"WHEN {number - 1} THEN {' '.join(one.format(t=f'sbtest{number}') + ';' for one in statements)}"
                     for number in range(1, TABLES + 1))
    return f"CASE FLOOR(RAND() * {TABLES}) {cases} END CASE;"


# name: (rows a transaction, its statements); a, b, d are keys by chance, h one of the first hot rows
LOADS = {
    "write-only": (4, _any_table(["UPDATE {t} SET k = k + 1 WHERE id = a", f"UPDATE {{t}} SET c = {C} WHERE id = b",
                                  "DELETE FROM {t} WHERE id = d", f"INSERT INTO {{t}} VALUES (d, a, {C}, {PAD})"])),
    "update-index": (1, _any_table(["UPDATE {t} SET k = k + 1 WHERE id = a"])),
    "insert": (1, _any_table([f"INSERT INTO {{t}} (k, c, pad) VALUES (a, {C}, {PAD})"])),
    # in the order of their keys: sessions wait for each other, but never in a circle
    "hot": (4, " ".join(f"UPDATE hot SET k = k + 1, c = {C} WHERE id = h + {number};" for number in range(4))),
}


def procedure(name):
    return "run_" + name.replace("-", "_")


def _define(name, rows):
    """count transactions; one that meets a deadlock is left out. number above zero: each also notes itself in probe, from it on."""
    return f"""CREATE PROCEDURE {DB}.{procedure(name)}(IN count INT, IN number INT)
BEGIN
  DECLARE a, b, d, h INT;
  WHILE count > 0 DO
    SET a = 1 + FLOOR(RAND() * {rows}), b = 1 + FLOOR(RAND() * {rows}), d = 1 + FLOOR(RAND() * {rows}), h = 1 + FLOOR(RAND() * {HOT - 3});
    BEGIN
      DECLARE EXIT HANDLER FOR 1213 ROLLBACK;
      START TRANSACTION;
      {LOADS[name][1]}
      IF number > 0 THEN INSERT INTO probe VALUES (number); SET number = number + 1; END IF;
      COMMIT;
    END;
    SET count = count - 1;
  END WHILE;
END"""


def names():
    """The tables that a project carries."""
    return [*(f"sbtest{number}" for number in range(1, TABLES + 1)), "hot", "marks", "probe"]


def make(server, rows):
    """Tables, rows and procedures at a server, in no binlog; the same rows at each."""
    data.fill(server, {**{f"sbtest{number}": (data.SYSBENCH, data.sysbench(number), rows) for number in range(1, TABLES + 1)},
                       "hot": (data.SYSBENCH, data.sysbench(0), HOT)}, 1)
    server.sql(["SET SESSION sql_log_bin = 0", "CREATE TABLE marks (id INT NOT NULL PRIMARY KEY)",
                "CREATE TABLE probe (id INT NOT NULL PRIMARY KEY)", *(_define(name, rows) for name in LOADS)], db=DB)


def mark(server, number):
    """A moment of the stream, told apart by its number.

    Marks alone may overtake what waits for its turn at a hot row, so the last of them changes all of those.
    """
    marks = [f"INSERT INTO marks VALUES ({number * MARKS + one})" for one in range(MARKS)]
    server.sql([*marks[:-1], "BEGIN", marks[-1], "UPDATE hot SET k = k + 1", "COMMIT"], db=DB)


def write(server, name, transactions, sessions=SESSIONS):
    """Run so many transactions from all sessions at once; returns when all are committed."""
    failures = []

    def session(count):
        try:
            server.sql(["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", f"CALL {procedure(name)}({count}, 0)"], db=DB)
        except Exception as error:      # told below, by the thread that waits
            failures.append(error)
    shares = [transactions // sessions + (1 if number < transactions % sessions else 0) for number in range(sessions)]
    threads = [threading.Thread(target=session, args=[share]) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
