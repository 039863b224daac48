#!/usr/bin/python3
"""The harness tested against itself: servers, load, and above all that the comparison can fail.

    selftest.py [--seconds N] [KIND...]
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True      # the checkout stays as it is
sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(__file__), "..")))
sys.path.insert(0, os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", "tools")))

from harness import compare, load, servers      # noqa: E402 - the path has to be set first
import naive_copy                               # noqa: E402


def say(text):
    print(text, flush=True)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def timed(function, *arguments):
    started = time.monotonic()
    result = function(*arguments)
    return result, time.monotonic() - started


def check_accounts(server):
    """A password with quotes and letters beyond ASCII, over TCP without TLS: the RSA exchange of MySQL 9."""
    server.create_user("u", "pä\"s'w")
    connection = server.connect("u", "pä\"s'w")
    connection.close()
    server.sql("DROP USER u@'%'")


def check_kill(server):
    """Committed data survives SIGKILL; port, options and identity stay."""
    before = (server.port, server.value("SELECT @@server_id"), server.value("SELECT COUNT(*) FROM shop.t_auto"))
    server.kill()
    check(not server.running, "the killed server still runs")
    server.start()
    after = (server.port, server.value("SELECT @@server_id"), server.value("SELECT COUNT(*) FROM shop.t_auto"))
    check(before == after, f"before the kill {before}, after {after}")


def check_load(server, directory, seconds):
    """At full speed on a fresh connection count; a restart in the middle; no unexpected error otherwise."""
    with load.LoadGenerator(server, "shop", rate=0, directory=directory + "/full") as full:
        full.wait_committed(1)
        first, started = full.committed, time.monotonic()
        time.sleep(seconds)                     # the one sleep: a rate is measured over a time
        rate = (full.committed - first) / (time.monotonic() - started)
        stats = full.stop()
    with load.LoadGenerator(server, "shop", seed=2, directory=directory + "/restart") as restarted:
        restarted.wait_committed(100)
        server.kill()
        server.start()
        restarted.wait_committed(100)
        again = restarted.stop(check=False)
    check(again["reconnects"] >= 1, "nobody reconnected after the restart")
    shares = {name: server.value(f"SELECT COUNT(*) FROM shop.{name}") for name in load.TABLES}
    check(all(shares.values()), f"a table ran empty: {shares}")
    return rate, stats, shares


PLANTED = [
    # what, statements that plant it at the copy, rows that differ
    ("missing row", ["DELETE FROM t_auto ORDER BY id LIMIT 1"], 1),
    ("extra row", ["INSERT INTO t_parent VALUES (-1, 'extra')"], 1),
    ("changed value", ["UPDATE t_comp SET amount = amount + 0.01 ORDER BY k, n LIMIT 1"], 2),
    ("one duplicate less", ["INSERT INTO t_nokey VALUES (-1, 'd', 0), (-1, 'd', 0)"], 2),
    ("letter case", ["UPDATE t_uniq SET u2 = CONCAT('U', SUBSTR(u2, 2)) WHERE u2 LIKE BINARY 'u%' LIMIT 1"], 2),
    ("NULL instead of empty", ["UPDATE t_wide SET c_varchar = IF(c_varchar = '', NULL, '') LIMIT 1"], 2),
    ("last digit of a DOUBLE", ["UPDATE t_wide SET c_double = 0.1 + 0.2 LIMIT 1"], 2),
    ("seventh digit of a FLOAT", ["UPDATE t_wide SET c_float = 1.0000001 LIMIT 1"], 2),
    ("a microsecond", ["UPDATE t_wide SET c_datetime6 = '2001-01-01 00:00:00.000001' LIMIT 1"], 2),
    ("one bit", ["UPDATE t_wide SET c_bit64 = c_bit64 ^ 1 WHERE c_bit64 IS NOT NULL LIMIT 1"], 2),
    ("trailing zero byte", ["UPDATE t_wide SET c_varbinary = CONCAT(c_varbinary, 0x00)"
                            " WHERE c_varbinary IS NOT NULL LIMIT 1"], 2),
    ("byte of a long blob", ["UPDATE t_wide SET c_longblob = REPEAT('x', 100000) LIMIT 1"], 2),
    ("duplicate swapped for another", ["DELETE FROM t_nokey LIMIT 1", "INSERT INTO t_nokey VALUES (-2, 'e', 1)"], 2),
]


def check_planted(source, target):
    """Each fault alone is found and counted, and nothing is found once it is mended."""
    for what, statements, rows in PLANTED:
        table = statements[0].split()[2 if statements[0].startswith(("DELETE", "INSERT")) else 1]
        connection = target.connect(db="shop")
        with connection.cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0, sql_mode = ''")
            for statement in statements:
                cursor.execute(statement)
        connection.close()
        result = compare.compare(source, target, [f"shop.{table}"])
        check(result.differing == rows and result.differences, f"{what}: wanted {rows} rows, got {result}")
        restore(source, target, table)
        result = compare.compare(source, target, [f"shop.{table}"])
        check(result.equal, f"{what}: after the restore {result}")
    target.sql("CREATE TABLE more (a INT)", db="shop")
    check("at the target only" in str(compare.compare_databases(source, target, "shop")), "an extra table is missed")
    target.sql("DROP TABLE more", db="shop")
    target.sql("ALTER TABLE t_nullable ADD COLUMN more INT", db="shop")
    check("more at the target only" in str(compare.compare_databases(source, target, "shop")), "an extra column")
    target.sql("ALTER TABLE t_nullable DROP COLUMN more", db="shop")
    result = compare.compare(source, target, [compare.Pair("shop.t_auto", where="id % 2 = 0")])
    check(result.differing > 0, "a row filter is not used")
    result = compare.compare(source, target, [compare.Pair("shop.t_comp", columns=["k", "n"])])
    check(result.equal and result.rows > 0, "a column subset")


def restore(source, target, table):
    connection = target.connect(db="shop")
    with connection.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        cursor.execute(f"DELETE FROM {table}")
    connection.close()
    naive_copy.copy(source, target, "shop", [table])


def check_exotic(source, target):
    """Types that the load has not: geometry with its SRID, an ENUM's two empty values, zero filled and generated."""
    statements = [
        "CREATE DATABASE exotic CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "CREATE TABLE exotic.g (id INT PRIMARY KEY, p POINT, z INT(6) ZEROFILL, e ENUM('', 'a'), h LONGTEXT)",
        "SET SESSION sql_mode = ''",
        "INSERT INTO exotic.g VALUES (1, {point}, 42, '', REPEAT('ä', 300000)), (2, NULL, NULL, 'wrong', NULL)",
    ]
    for server in (source, target):
        # 4326 is geographic to MySQL 9, which counts latitude first in text; to the others it is a number.
        point = "ST_GeomFromText('POINT(20 10)', 4326)" if server.kind == "mysql97" \
            else "GeomFromText('POINT(10 20)', 4326)"
        server.sql([statement.replace("{point}", point) for statement in statements])
    compare.assert_equal(source, target, "exotic")
    target.sql(["SET SESSION sql_mode = ''", "UPDATE exotic.g SET e = '' WHERE id = 2"])
    check(compare.compare_databases(source, target, "exotic").differing == 2, "ENUM's error value")
    target.sql(["UPDATE exotic.g SET p = GeomFromText('POINT(10 20)', 0)".replace(
        "GeomFromText", "ST_GeomFromText" if target.kind == "mysql97" else "GeomFromText")])
    check("20000000" not in str(compare.compare_databases(source, target, "exotic")) and
          compare.compare_databases(source, target, "exotic").differing >= 2, "an SRID")


def clone(server, directory):
    """A second server on a copy of the data folder: the copy that can't be wrong."""
    server.stop()
    os.makedirs(directory)
    shutil.copytree(os.path.join(server.directory, "data"), os.path.join(directory, "data"))
    for name in ("kind", "version", "options"):
        shutil.copy(os.path.join(server.directory, name), directory)
    uuid = os.path.join(directory, "data", "auto.cnf")
    if os.path.exists(uuid):
        os.unlink(uuid)
    server.start()
    return servers.Server(server.kind, directory).start()


def check_kind(kind, root, seconds):
    pool_directory = os.path.join(root, kind)
    server = servers.Server(kind, pool_directory)
    _, took = timed(server.start)
    check_accounts(server)
    load.create_schema(server, "shop")
    plan, filled = timed(load.fill, server, "shop", 4000)
    check(all(server.value(f"SELECT COUNT(*) FROM shop.{name}") == rows for name, rows in plan.items()),
          "fill() made another number of rows than it says")
    check_kill(server)
    rate, stats, shares = check_load(server, os.path.join(root, f"load-{kind}"), seconds)
    say(f"{kind} {server.version}: started in {took:.1f} s, {sum(plan.values())} rows filled in {filled:.1f} s,"
        f" load {rate:.0f} transactions/s, errors met {stats['errors']}, rows now {shares}")
    copy = clone(server, os.path.join(root, f"{kind}-copy"))
    compare.assert_equal(server, copy, "shop")
    check_planted(server, copy)
    say(f"{kind}: {len(PLANTED)} planted differences found, none in a copy")
    copy.stop()
    return server


def check_across(source, target):
    """A copy between lineages is equal; the same comparison finds a fault there too."""
    target.reset()
    load.create_schema(target, "shop", source.kind)
    rows, took = timed(naive_copy.copy, source, target, "shop", load.TABLES)
    result, compared = timed(compare.assert_equal, source, target, "shop")
    check(result.rows == rows, f"{rows} rows copied, {result.rows} compared")
    check_exotic(source, target)
    for server in (source, target):
        server.sql("DROP DATABASE exotic")
    say(f"{source.kind} -> {target.kind}: {rows} rows copied in {took:.1f} s, compared in {compared:.1f} s, equal")


def check_speed(server, target, rows=300000):
    """A comparison of a few hundred thousand rows."""
    for end in (server, target):
        end.reset()
        load.create_schema(end, "shop", "mysql56")
        load.fill(end, "shop", rows)
    result, took = timed(compare.assert_equal, server, target, "shop") if server.kind == target.kind else \
        timed(compare.compare_databases, server, target, "shop", ["t_wide"])
    check(result.equal, str(result))
    say(f"{result.rows} rows compared in {took:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("kinds", nargs="*", default=list(servers.KINDS))
    options = parser.parse_args()
    root = tempfile.mkdtemp(prefix="causeway-selftest.")
    started = time.monotonic()
    try:
        ready = [check_kind(kind, root, options.seconds) for kind in options.kinds]
        originals = {server.kind: server for server in ready}
        for source in ready:
            for target in ready:
                if source is not target and not (source.has_json and not target.has_json):
                    copy = servers.Server(target.kind, os.path.join(root, f"to-{target.kind}"))
                    if not copy.running:
                        copy.start()
                    check_across(source, copy)
        if "mariadb" in originals and "mysql97" in originals:
            check_speed(originals["mariadb"], originals["mysql97"])
    finally:
        servers.scratch("stopall", root)
        shutil.rmtree(root)
    say(f"selftest: all right in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
