#!/usr/bin/python3
"""Copy the tables of one database to another server, value by value, in the most obvious way.

A reference for the tests of the harness itself (mysqldump would not do: it writes FLOAT with six digits). Needs a
quiet source and tables that exist, empty, at the target.
"""

import pymysql.cursors

BINARY = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
SESSION = "SET time_zone = '+00:00', sql_mode = '', foreign_key_checks = 0"
BATCH = 200


def copy(source, target, db, tables, target_db=None):
    """Copy tables of db from Server to Server; returns the number of rows."""
    reader = source.connect(db=db, use_unicode=False, conv={}, cursorclass=pymysql.cursors.SSCursor)
    writer = target.connect(db=target_db or db, binary_prefix=True, autocommit=False)
    rows = 0
    try:
        with reader.cursor() as cursor:
            cursor.execute(SESSION)
        with writer.cursor() as cursor:
            cursor.execute(SESSION)
        for table in tables:
            rows += _copy_table(reader, writer, table, _columns(source, db, table))
            writer.commit()
    finally:
        reader.close()
        writer.close()
    return rows


def _columns(source, db, table):
    return source.sql("SELECT COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS"
                      " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", [db, table])


def _copy_table(reader, writer, table, columns):
    names = ", ".join(f"`{name}`" for name, _ in columns)
    selected = ", ".join(f"`{name}`*1e0" if kind == "float" else f"`{name}`+0" if kind == "bit" else f"`{name}`"
                         for name, kind in columns)
    # A BIT given as text would be taken for the bits of that text.
    convert = [bytes if kind in BINARY else int if kind == "bit" else bytes.decode for _, kind in columns]
    rows = 0
    with reader.cursor() as cursor, writer.cursor() as out:
        cursor.execute(f"SELECT {selected} FROM `{table}`")
        while batch := cursor.fetchmany(BATCH):
            values = [None if value is None else change(value)
                      for row in batch for change, value in zip(convert, row)]
            row = "(" + ", ".join(["%s"] * len(columns)) + ")"
            out.execute(f"INSERT INTO `{table}` ({names}) VALUES {', '.join([row] * len(batch))}", values)
            rows += len(batch)
    return rows
