#!/usr/bin/python3
"""The sample shop of demo.sh: its schema, its rows, customers that keep buying, and what the API says as lines to read.

    shop.py create  --port N --rows R          make database `shop` with about R rows in all
    shop.py load    --port N --rate T          buy until SIGTERM, T transactions a second; prints what it did
                    --share 0|1                only for customers with even or odd numbers: each end has its own
    shop.py clash   --port N --target-port M   write the same rows at both ends at once, and say what was written
    shop.py show FILE                          conflict records, the answer of ListConflictRecords, as lines to read
    shop.py spoil   --target-port M            change a row of the target that no customer touches, past its binlog
    shop.py through FILE                       the answer of DescribeProjectSteps: exit status 0 when the verification is through
    shop.py verified FILE                      the answer of ListProjectFullVerifyResult as lines; exit status 0 when all is equal
    shop.py differing FILE                     the answer of ListFullVerifyInconsistenciesResult as lines
"""

import argparse
import json
import random
import signal
import sys
import threading
import time

import pymysql

DB = "shop"
SCHEMA = [
    f"CREATE DATABASE {DB} CHARACTER SET utf8mb4",
    "CREATE TABLE customer (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL, name VARCHAR(80) NOT NULL,"
    " born DATE, balance DECIMAL(12,2) NOT NULL DEFAULT 0, seen TIMESTAMP(3) NULL, UNIQUE KEY email (email))",
    "CREATE TABLE product (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(32) NOT NULL, title VARCHAR(120) NOT NULL,"
    " price DECIMAL(10,2) NOT NULL, stock INT NOT NULL, tags SET('new','sale','eco') NOT NULL DEFAULT '', photo BLOB,"
    " UNIQUE KEY sku (sku), KEY price (price))",
    "CREATE TABLE orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL,"
    " state ENUM('cart','paid','sent','back') NOT NULL DEFAULT 'cart', placed DATETIME(6) NOT NULL, note TEXT,"
    " KEY customer (customer_id), KEY placed (placed),"
    " CONSTRAINT order_customer FOREIGN KEY (customer_id) REFERENCES customer (id))",
    "CREATE TABLE order_item (order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT NOT NULL, amount INT NOT NULL,"
    " price DECIMAL(10,2) NOT NULL, PRIMARY KEY (order_id, line), KEY product (product_id),"
    " CONSTRAINT item_order FOREIGN KEY (order_id) REFERENCES orders (id),"
    " CONSTRAINT item_product FOREIGN KEY (product_id) REFERENCES product (id))",
    "CREATE TABLE page_view (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, at DATETIME(3) NOT NULL, customer_id INT,"
    " page VARCHAR(60) NOT NULL)",
    "CREATE VIEW open_orders AS SELECT o.id, c.name, o.placed FROM orders o JOIN customer c ON c.id = o.customer_id"
    " WHERE o.state = 'paid'",
]


def connect(options, port=None, db=DB):
    return pymysql.connect(host="127.0.0.1", port=port or options.port, user=options.user, password=options.password.encode(),
                           database=db, charset="utf8mb4", autocommit=True)


# ------------------------------------------------------------------------------------------ rows

def create(options):
    """Sequence tables make the rows at the server: fast enough to watch, not to wait for."""
    connection = connect(options, db=None)
    cursor = connection.cursor()
    cursor.execute(SCHEMA[0])
    connection.select_db(DB)
    for statement in SCHEMA[1:]:
        cursor.execute(statement)
    # the server's own settings leave every other number to the other end
    cursor.execute("SET SESSION auto_increment_increment = 1, auto_increment_offset = 1")
    unit = max(options.rows // 20, 50)
    products, customers, orders = max(unit // 10, 20), unit * 2, unit * 5
    cursor.execute(f"INSERT INTO product (sku, title, price, stock, tags, photo) SELECT CONCAT('SKU-', seq), CONCAT('Thing №', seq),"
                   f" 1 + seq % 900 + (seq % 100) / 100, 1000000, seq % 8, RANDOM_BYTES(200) FROM seq_1_to_{products}")
    cursor.execute(f"INSERT INTO customer (email, name, born, balance, seen) SELECT CONCAT('user', seq, '@example.com'),"
                   f" CONCAT('Ana Ünal ', seq), '1950-01-01' + INTERVAL seq % 20000 DAY, seq % 500, NOW(3) FROM seq_1_to_{customers}")
    for first in range(1, orders + 1, 50000):
        last = min(first + 49999, orders)
        cursor.execute(f"INSERT INTO orders (id, customer_id, state, placed, note) SELECT seq, 1 + seq % {customers}, 1 + seq % 4,"
                       f" NOW(6) - INTERVAL seq SECOND, IF(seq % 5, NULL, CONCAT('please ring twice 🙂 ', seq)) FROM seq_{first}_to_{last}")
        for line in (1, 2):
            cursor.execute(f"INSERT INTO order_item SELECT seq, {line}, 1 + (seq * {line}) % {products}, 1 + seq % 5, 9.99"
                           f" FROM seq_{first}_to_{last}")
    cursor.execute(f"INSERT INTO page_view (at, customer_id, page) SELECT NOW(3) - INTERVAL seq SECOND, seq % 7, CONCAT('/p/', seq % 20) FROM seq_1_to_{min(unit, 2000)}")
    total = 0
    for table in ("customer", "product", "orders", "order_item", "page_view"):
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        total += cursor.fetchone()[0]
    print(f"{total} rows in 5 tables")


# ------------------------------------------------------------------------------------------ load

class Shopper(threading.Thread):
    """One connection that buys, pays, sends back and browses at a given pace."""

    def __init__(self, options, number, pace, stopping):
        super().__init__(daemon=True)
        self.options, self.pace, self.stopping = options, pace, stopping
        self.share = options.share
        self.random = random.Random(f"{number}/{options.share}")
        self.number = number
        self.done = 0

    def run(self):
        connection = connect(self.options)
        self.cursor = connection.cursor()
        # not those who signed up since: their numbers have gaps
        self.cursor.execute("SELECT COUNT(*) FROM customer WHERE email LIKE 'user%'")
        self.customers = self.cursor.fetchone()[0]
        self.cursor.execute("SELECT MAX(id) FROM product")
        self.products = self.cursor.fetchone()[0]
        due = time.monotonic()
        while not self.stopping.is_set():
            try:
                connection.begin()
                self.random.choice([self.buy, self.buy, self.pay, self.send_back, self.browse, self.sign_up])()
                connection.commit()
                self.done += 1
            except pymysql.err.OperationalError as error:
                connection.rollback()
                if error.args[0] not in (1205, 1213):
                    raise
            due = max(due + self.pace, time.monotonic() - 1)
            self.stopping.wait(max(0, due - time.monotonic()))

    def own(self, most):
        """A number from 1 on; of this end's share, if it has only one."""
        number = self.random.randint(1, most - 1)
        return number if self.share is None else number + (number + self.share) % 2

    def customer(self):
        return self.own(self.customers)

    def buy(self):
        self.cursor.execute("INSERT INTO orders (customer_id, placed) VALUES (%s, NOW(6))", [self.customer()])
        order = self.cursor.lastrowid
        for line, product in enumerate(sorted({self.own(self.products) for _ in range(3)}), 1):
            self.cursor.execute("INSERT INTO order_item VALUES (%s, %s, %s, %s, 12.50)", [order, line, product, line])
            self.cursor.execute("UPDATE product SET stock = stock - %s WHERE id = %s", [line, product])

    def pay(self):
        customer = self.customer()
        self.cursor.execute("UPDATE orders SET state = 'paid' WHERE customer_id = %s AND state = 'cart'", [customer])
        self.cursor.execute("UPDATE customer SET balance = balance - 10.01, seen = NOW(3) WHERE id = %s", [customer])

    def send_back(self):
        self.cursor.execute("SELECT id FROM orders WHERE customer_id = %s LIMIT 1", [self.customer()])
        for order in self.cursor.fetchall():
            self.cursor.execute("DELETE FROM order_item WHERE order_id = %s", order)
            self.cursor.execute("DELETE FROM orders WHERE id = %s", order)

    def browse(self):
        self.cursor.execute("INSERT INTO page_view (at, customer_id, page) VALUES (NOW(3), %s, '/p/1'), (NOW(3), NULL, '/cart')", [self.customer()])

    def sign_up(self):
        token = f"new-{self.share or 0}-{self.number}-{self.done}-{self.random.getrandbits(40):x}"
        self.cursor.execute("INSERT INTO customer (email, name) VALUES (%s, 'New Customer')", [f"{token}@example.com"])


def load(options):
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    count = 4
    shoppers = [Shopper(options, number, count / options.rate, stopping) for number in range(count)]
    for shopper in shoppers:
        shopper.start()
    while not stopping.wait(1):
        if not all(shopper.is_alive() for shopper in shoppers):
            sys.exit("a shopper ended with an error")
    for shopper in shoppers:
        shopper.join(20)
    print(f"{sum(shopper.done for shopper in shoppers)} transactions committed")


# ------------------------------------------------------------------------------------------ conflicts

# The load does not touch these rows: customers with negative numbers.
CLASH_ROWS = [
    "INSERT INTO customer (id, email, name) VALUES (-1, 'ada@example.com', 'Ada'), (-2, 'bob@example.com', 'Bob'),"
    " (-3, 'cy@example.com', 'Cy')",
]
CLASHES = [
    # what, at the source, at the target
    ("both change one row", "UPDATE customer SET name = 'Ada Source' WHERE id = -1",
     "UPDATE customer SET name = 'Ada Target' WHERE id = -1"),
    ("one changes what the other deletes", "UPDATE customer SET balance = 12 WHERE id = -2",
     "DELETE FROM customer WHERE id = -2"),
    ("both give one address to new customers",
     "INSERT INTO customer (id, email, name) VALUES (-11, 'dee@example.com', 'Dee Source')",
     "INSERT INTO customer (id, email, name) VALUES (-12, 'dee@example.com', 'Dee Target')"),
    ("both give one address to old customers", "UPDATE customer SET email = 'x@example.com' WHERE id = -1",
     "UPDATE customer SET email = 'x@example.com' WHERE id = -3"),
]


def clash(options):
    """Each pair of statements is done at both ends before either commits, so that neither has seen the other."""
    ends = [connect(options), connect(options, options.target_port)]
    cursors = [end.cursor() for end in ends]
    for statement in CLASH_ROWS:
        cursors[0].execute(statement)
    wait(lambda: rows(cursors[1], "SELECT COUNT(*) FROM customer WHERE id < 0")[0][0] == 3, options.timeout,
         "the rows for conflicts are at the target")
    for what, *statements in CLASHES:
        print(f"  {what}")
        for name, statement in zip(("source", "target"), statements):
            print(f"    {name}: {statement}")
        for end in ends:
            end.begin()
        # the target first: its locks keep the source's change waiting until it is committed
        for cursor, statement in reversed(list(zip(cursors, statements))):
            cursor.execute(statement)
        for end in ends:
            end.commit()
        wait(lambda: rows(cursors[0], LEFT) == rows(cursors[1], LEFT), options.timeout, "both ends show the same customers")


LEFT = "SELECT id, email, name, balance FROM customer WHERE id < 0 ORDER BY id"


def rows(cursor, statement):
    cursor.execute(statement)
    return cursor.fetchall()


def wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


def show(options):
    """One line a record, oldest first; exit status 1 when there is none."""
    records = answer(options)
    for record in reversed(records):
        after = record["after"] or {}
        met = "; ".join(said(row) for row in record["target"]) or "no row"
        print(f"    {record['kind']:<15} {record['decision']:<12} {record['table']} {' '.join(record['key'].values()):<11}"
              f" came: {said(after) if after else 'a DELETE':<36} met: {met}")
    sys.exit(0 if records else 1)


def said(row):
    return " ".join(str(row.get(column)) for column in ("email", "name", "balance"))


# ------------------------------------------------------------------------------------------ verification

def spoil(options):
    """A row of the conflicts above: the load does not touch it."""
    cursor = connect(options, options.target_port).cursor()
    statement = "UPDATE customer SET balance = balance + 0.01 WHERE id = -1"
    print(f"  target: SET sql_log_bin = 0; {statement}")
    cursor.execute("SET SESSION sql_log_bin = 0")
    if cursor.execute(statement) != 1:
        sys.exit("there is no such customer")


def answer(options):
    if options.file == "-":
        return json.load(sys.stdin)["data"]
    with open(options.file, encoding="utf-8") as file:
        return json.load(file)["data"]


def through(options):
    """Beside incremental the step stays RUNNING."""
    step = next((step for step in answer(options) if step["name"] == "FULL_VERIFIER"), {"status": None, "progress": 0})
    sys.exit(0 if step["status"] in ("FINISHED", "FAILED") or step["status"] == "RUNNING" and step["progress"] == 100 else 1)


def verified(options):
    tables = answer(options)["fullVerifyTableStatistics"]
    for one in tables:
        print(f"    {one['sourceTableName']:<12} {one['resultType']:<14} {one['consistentCount']:>8} equal, {one['mismatchedCount']} changed,"
              f" {one['sourceOnlyCount']} missing, {one['destOnlyCount']} too many   {one['message'] or ''}")
    sys.exit(0 if len(tables) == 5 and all(one["resultType"] == "CONSISTENT" for one in tables) else 1)


def differing(options):
    for row in answer(options):
        key = " ".join(part["columnValue"] for part in row["failedRecordUniqueKeys"])
        values = "; ".join(f"{part['columnName']} {part['sourceValue']} at the source, {part['destValue']} at the target"
                           for part in row["failedRecordDetails"])
        print(f"    {row['type']} {key}: {values}")


COMMANDS = {"create": create, "load": load, "clash": clash, "show": show, "spoil": spoil, "through": through, "verified": verified,
            "differing": differing}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("file", nargs="?")
    parser.add_argument("--port", type=int)
    parser.add_argument("--share", type=int, choices=(0, 1))
    parser.add_argument("--target-port", type=int)
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--rows", type=int, default=300000)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--timeout", type=float, default=30)
    options = parser.parse_args()
    COMMANDS[options.command](options)


if __name__ == "__main__":
    main()
