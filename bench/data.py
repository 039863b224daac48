"""The data of the bench: tables as sysbench makes them, a wide one, a big one with small rows. The same rows at every call."""

from harness import load

DB = "bench"
STEP = 50000                            # rows of one INSERT

# name: (columns and keys, an expression a column over the row's number n, rows at scale 1). All types and functions are such that
# every server of the family gives the same values.
SYSBENCH = "id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT ''," \
           " PRIMARY KEY (id), KEY k (k)"
WIDE = ("id BIGINT NOT NULL, a INT NOT NULL, b BIGINT, price DECIMAL(14,4), ratio DOUBLE, changed DATETIME, made TIMESTAMP NULL,"
        " name VARCHAR(80) NOT NULL, latin VARCHAR(60) CHARACTER SET latin1, token VARBINARY(16), body TEXT, kind ENUM('a','b','c'),"
        " flags SET('x','y','z'), day DATE, small TINYINT, f1 VARCHAR(40), f2 VARCHAR(40), f3 VARCHAR(40), f4 INT, f5 INT,"
        " PRIMARY KEY (id), UNIQUE KEY token (token), KEY name (name), KEY changed (changed, kind)",
        {"id": "n", "a": "n % 1000", "b": "n * 1000003", "price": "n * 1.25", "ratio": "n / 8e0",
         "changed": "TIMESTAMPADD(SECOND, CRC32(n) % 100000000, '2020-01-01 00:00:00')", "made": "TIMESTAMPADD(SECOND, n, '2020-01-01 00:00:00')",
         "name": "CONCAT('a name of row ', CRC32(n), ' that is ', n)", "latin": "CONCAT('latin ', n)", "token": "UNHEX(LPAD(HEX(n), 32, '0'))",
         "body": "IF(n % 3, REPEAT(CONCAT('text ', n, ' '), 14), NULL)", "kind": "1 + n % 3", "flags": "n % 8",
         "day": "TIMESTAMPADD(DAY, n % 5000, '2010-01-01')", "small": "n % 100", "f1": "CONCAT('f', n)", "f2": "IF(n % 2, CONCAT('g', n), NULL)",
         "f3": "''", "f4": "n % 7", "f5": "IF(n % 5, n, NULL)"})
BIG = ("id BIGINT NOT NULL, customer INT NOT NULL, article INT NOT NULL, amount DECIMAL(12,2) NOT NULL, made DATETIME NOT NULL,"
       " note VARCHAR(40) NOT NULL, PRIMARY KEY (id), KEY customer (customer), KEY made (made)",
       {"id": "n", "customer": "CRC32(n) % 50000", "article": "n % 997", "amount": "n % 100000 / 100",
        "made": "TIMESTAMPADD(SECOND, CRC32(n + 7) % 100000000, '2020-01-01 00:00:00')", "note": "CONCAT('note ', CRC32(n), ' of ', n)"})


def sysbench(number):
    """Expressions of one of the tables that sysbench would make."""
    return {"id": "n", "k": f"CRC32(n + {number}) % 1000000",
            "c": f"CONCAT_WS('-', {', '.join(f'CRC32(n + {number + part})' for part in range(10))})",
            "pad": f"CONCAT_WS('-', {', '.join(f'CRC32({number + part} - n)' for part in range(5))})"}


COPIED = {**{f"sbtest{number}": (SYSBENCH, sysbench(number), 250000) for number in range(1, 5)}, "wide": (*WIDE, 150000),
          "big": (*BIG, 1400000)}


def rows_of(tables, scale):
    """{name: rows} at a scale."""
    return {name: max(100, round(rows * scale)) for name, (_, _, rows) in tables.items()}


def create(server, tables, without_binlog=True):
    """The tables, empty, in a new database."""
    server.sql([f"SET SESSION sql_log_bin = {0 if without_binlog else 1}", f"CREATE DATABASE {DB} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                *(f"CREATE TABLE {DB}.{name} ({body}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
                  for name, (body, _, _) in tables.items())])


def fill(server, tables, scale):
    """Create and fill; nothing of it is in the binlog."""
    create(server, tables)
    for name, count in rows_of(tables, scale).items():
        columns = tables[name][1]
        server.sql(["SET SESSION sql_log_bin = 0, time_zone = '+00:00'", *(
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
            f" FROM ({load._numbers(low, min(low + STEP - 1, count))}) numbers" for low in range(1, count + 1, STEP))], db=DB)
        server.sql(f"ANALYZE NO_WRITE_TO_BINLOG TABLE {DB}.{name}")


def sums(server, tables):
    """{table: (rows, two sums over all values of all rows)} as the server itself adds them up; no code of the product's in it."""
    found = {}
    for name, (_, columns, _) in tables.items():
        values = ", ".join([*columns, *(f"ISNULL({column})" for column in columns)])
        row = f"CONCAT_WS('#', {values})"
        found[name] = server.sql(["SET SESSION time_zone = '+00:00'", f"SELECT COUNT(*), BIT_XOR(CRC32({row})), SUM(CRC32(CONCAT('+', {row})))"
                                  f" FROM {DB}.{name}"])[0]
    return found


def keys(server, tables):
    """Columns and keys of the tables as the server's catalog has them."""
    names = ", ".join(f"'{name}'" for name in tables)
    where = f"WHERE TABLE_SCHEMA = '{DB}' AND TABLE_NAME IN ({names})"
    return (server.sql(f"SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, DATA_TYPE, IS_NULLABLE FROM information_schema.COLUMNS {where}"
                       " ORDER BY 1, 2"),
            server.sql("SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS"
                       f" {where} ORDER BY 1, 2, 3"))
