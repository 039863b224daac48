/*
 * The control schema's tables. Every text column is VARBINARY: nothing here depends on a collation,
 * and an index stays below the 767 bytes of MySQL 5.6. Ids are ASCII, names are utf8mb4 bytes.
 */
#include "workers/mysql/control_layout.h"

#include "base/util.h"

#include "base/banned.h"

#define MAKE "CREATE TABLE IF NOT EXISTS "
#define INNODB ") ENGINE=InnoDB DEFAULT CHARACTER SET ascii"

/* clang-format off */
const struct layout_table layout_tables[] = {
    /*
     * epoch: the highest ever given out for the task; rows stay until the project is released, so
     * that it never goes back.
     */
    { "cw_task", MAKE "@cw_task ("
      " task VARBINARY(64) NOT NULL,"
      " epoch BIGINT UNSIGNED NOT NULL,"
      " PRIMARY KEY (task)" INNODB,
      "DELETE FROM @cw_task WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /*
     * The transaction table. Both images of each update are in the target's binlog, so the row is
     * small. flip changes with every update: the server counts a row that stays as it was as not
     * affected, and the count of affected rows is the fence. lwm, applied: control_mark_sql().
     * origin: the path, ids of the nodes that the transaction has passed, oldest first, joined by
     * commas; empty where it holds nothing of users' tables. Readers of the binlog know the columns
     * by their order (workers/incr/mark.c): it never changes, new ones go to the end.
     */
    { "cw_lane", MAKE "@cw_lane ("
      " task VARBINARY(64) NOT NULL,"
      " lane SMALLINT UNSIGNED NOT NULL,"
      " epoch BIGINT UNSIGNED NOT NULL,"
      " flip TINYINT NOT NULL DEFAULT 0,"
      " lwm BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " applied VARBINARY(4096) NOT NULL DEFAULT '',"
      " origin VARBINARY(255) NOT NULL DEFAULT '',"
      " PRIMARY KEY (task, lane)" INNODB,
      "DELETE FROM @cw_lane WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /* conn_id: CONNECTION_ID() of a session that may write for this task under this epoch. */
    { "cw_conn", MAKE "@cw_conn ("
      " task VARBINARY(64) NOT NULL,"
      " epoch BIGINT UNSIGNED NOT NULL,"
      " conn_id BIGINT UNSIGNED NOT NULL,"
      " PRIMARY KEY (task, epoch, conn_id)" INNODB,
      "DELETE FROM @cw_conn WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /*
     * Everything before file/pos (the source transactions 1 … seq) is applied. gtid_set: of the
     * same moment. source_uuid: the server that file/pos belong to. source_ts: Unix seconds of the
     * last transaction before it. epoch, updated_at (Unix seconds): who wrote it and when.
     */
    { "cw_checkpoint", MAKE "@cw_checkpoint ("
      " task VARBINARY(64) NOT NULL,"
      " epoch BIGINT UNSIGNED NOT NULL,"
      " seq BIGINT UNSIGNED NOT NULL,"
      " file VARBINARY(128) NOT NULL,"
      " pos BIGINT UNSIGNED NOT NULL,"
      " gtid_set MEDIUMBLOB NULL,"
      " source_uuid VARBINARY(64) NOT NULL,"
      " source_ts BIGINT NOT NULL,"
      " updated_at BIGINT NOT NULL,"
      " PRIMARY KEY (task)" INNODB,
      "DELETE FROM @cw_checkpoint WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /*
     * schema_tables: how many rows cw_schema has; NULL while they are being written.
     * copy_state: 0 the copy runs, 1 it is finished; end_file, end_pos: where the source's binlog
     * was behind its last read (empty: no binlog in use); finished_at: Unix seconds.
     */
    { "cw_project", MAKE "@cw_project ("
      " project VARBINARY(40) NOT NULL,"
      " schema_tables INT UNSIGNED NULL,"
      " copy_state TINYINT UNSIGNED NOT NULL DEFAULT 0,"
      " end_file VARBINARY(128) NOT NULL DEFAULT '',"
      " end_pos BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " finished_at BIGINT NOT NULL DEFAULT 0,"
      " PRIMARY KEY (project)" INNODB,
      "DELETE FROM @cw_project WHERE project = %q LIMIT 1" },
    /* doc: table_to_json() of workers/mysql/catalog.h, as it is at incremental's checkpoint. */
    { "cw_schema", MAKE "@cw_schema ("
      " project VARBINARY(40) NOT NULL,"
      " table_no INT UNSIGNED NOT NULL,"
      " doc MEDIUMBLOB NOT NULL,"
      " PRIMARY KEY (project, table_no)" INNODB,
      "DELETE FROM @cw_schema WHERE project = %q LIMIT 1000" },
    /*
     * One row per table to copy; table_no as in cw_schema, db and name at the source.
     * state: 0 chunks are being planned (or, without a key, the copy has not ended), 1 all chunks
     * are in cw_chunk, 2 copied (tables without a key; the others are copied when their chunks are).
     * was_empty: the target held no row when the copy began. attempt: of a table without a key, the
     * number of the run whose rows are in the target. snap_file, snap_pos: its snapshot's position,
     * '' where there is none. rows_done: its rows so far.
     */
    { "cw_table", MAKE "@cw_table ("
      " project VARBINARY(40) NOT NULL,"
      " table_no INT UNSIGNED NOT NULL,"
      " db VARBINARY(256) NOT NULL,"
      " name VARBINARY(256) NOT NULL,"
      " state TINYINT UNSIGNED NOT NULL DEFAULT 0,"
      " was_empty TINYINT UNSIGNED NOT NULL,"
      " attempt INT UNSIGNED NOT NULL DEFAULT 0,"
      " snap_file VARBINARY(128) NOT NULL DEFAULT '',"
      " snap_pos BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " rows_done BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " PRIMARY KEY (project, table_no)" INNODB,
      "DELETE FROM @cw_table WHERE project = %q LIMIT 1000" },
    /*
     * Tables that were created by the project and whose normal indexes are made when their rows are
     * there (indexMigration AUTO). db, name: at the source.
     */
    { "cw_index", MAKE "@cw_index ("
      " project VARBINARY(40) NOT NULL,"
      " db VARBINARY(256) NOT NULL,"
      " name VARBINARY(256) NOT NULL,"
      " PRIMARY KEY (project, db, name)" INNODB,
      "DELETE FROM @cw_index WHERE project = %q LIMIT 1000" },
    /*
     * Rows with lo < key <= hi (NULL: no bound); bounds as workers/mysql/bounds.h writes them.
     * state: 0 planned, 1 copied. rows_done: how many rows were read; skipped: of those, how many
     * the target had already.
     */
    { "cw_chunk", MAKE "@cw_chunk ("
      " project VARBINARY(40) NOT NULL,"
      " table_no INT UNSIGNED NOT NULL,"
      " chunk_no INT UNSIGNED NOT NULL,"
      " lo BLOB NULL,"
      " hi BLOB NULL,"
      " state TINYINT UNSIGNED NOT NULL DEFAULT 0,"
      " rows_done BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " skipped BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " PRIMARY KEY (project, table_no, chunk_no)" INNODB,
      "DELETE FROM @cw_chunk WHERE project = %q LIMIT 5000" },
    /*
     * Statements run at the target for a DDL of the source transaction `seq`. state: enum
     * ddl_step_state. fingerprint: of the objects' structure before it ran. Rows go when the
     * checkpoint is behind their transaction.
     */
    { "cw_ddl", MAKE "@cw_ddl ("
      " project VARBINARY(40) NOT NULL,"
      " seq BIGINT UNSIGNED NOT NULL,"
      " step INT UNSIGNED NOT NULL,"
      " state TINYINT UNSIGNED NOT NULL,"
      " fingerprint VARBINARY(64) NOT NULL,"
      " `sql` LONGBLOB NOT NULL,"
      " PRIMARY KEY (project, seq, step)" INNODB,
      "DELETE FROM @cw_ddl WHERE project = %q LIMIT 1000" },
    /* doc: workers/incr/ddl_shadow.c; db, name at the source. */
    { "cw_shadow", MAKE "@cw_shadow ("
      " project VARBINARY(40) NOT NULL,"
      " db VARBINARY(256) NOT NULL,"
      " name VARBINARY(256) NOT NULL,"
      " doc LONGBLOB NOT NULL,"
      " PRIMARY KEY (project, db, name)" INNODB,
      "DELETE FROM @cw_shadow WHERE project = %q LIMIT 1000" },
    /*
     * Transactions that were prepared under XA at the source and are neither committed nor rolled
     * back yet; xid: as in its binlog. doc: workers/incr/xa.c, cut into parts.
     */
    { "cw_xa", MAKE "@cw_xa ("
      " project VARBINARY(40) NOT NULL,"
      " xid VARBINARY(320) NOT NULL,"
      " part INT UNSIGNED NOT NULL,"
      " doc LONGBLOB NOT NULL,"
      " PRIMARY KEY (project, xid, part)" INNODB,
      "DELETE FROM @cw_xa WHERE project = %q LIMIT 100" },
    /* doc: facts_to_json() of workers/mysql/facts.h, as at incremental's checkpoint. */
    { "cw_facts", MAKE "@cw_facts ("
      " project VARBINARY(40) NOT NULL,"
      " doc LONGBLOB NOT NULL,"
      " PRIMARY KEY (project)" INNODB,
      "DELETE FROM @cw_facts WHERE project = %q LIMIT 1" },
    /* Who this server and its copies are in the paths of transactions. One row. */
    { "cw_node", MAKE "@cw_node ("
      " one TINYINT UNSIGNED NOT NULL,"
      " node VARBINARY(16) NOT NULL,"
      " PRIMARY KEY (one)" INNODB,
      NULL },
    /*
     * Which incremental tasks apply here and what they read: rings and meshes are found by it.
     * source_id: the server's own identity, source_node: its node as at the last session.
     */
    { "cw_link", MAKE "@cw_link ("
      " task VARBINARY(64) NOT NULL,"
      " source_node VARBINARY(16) NOT NULL,"
      " source_id VARBINARY(64) NOT NULL,"
      " PRIMARY KEY (task)" INNODB,
      "DELETE FROM @cw_link WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /* For people: a transaction that begins with a change of it is not carried (two-way.md). */
    { "cw_mask", MAKE "@cw_mask ("
      " id SMALLINT UNSIGNED NOT NULL,"
      " n BIGINT UNSIGNED NOT NULL DEFAULT 0,"
      " PRIMARY KEY (id)" INNODB,
      NULL },
    /* Probes of the loop breaker, each in a marked transaction; at: Unix seconds. */
    { "cw_canary", MAKE "@cw_canary ("
      " task VARBINARY(64) NOT NULL,"
      " n BIGINT UNSIGNED NOT NULL,"
      " at BIGINT NOT NULL,"
      " PRIMARY KEY (task)" INNODB,
      "DELETE FROM @cw_canary WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /* Records of conflicts until the daemon has them: workers/incr/conflict.c. */
    { "cw_conflict", MAKE "@cw_conflict ("
      " task VARBINARY(64) NOT NULL,"
      " seq BIGINT UNSIGNED NOT NULL,"
      " n INT UNSIGNED NOT NULL,"
      " doc LONGBLOB NOT NULL,"
      " PRIMARY KEY (task, seq, n)" INNODB,
      "DELETE FROM @cw_conflict WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
    /* What one direction tells the other of rows in conflict: workers/incr/remedy.c. */
    { "cw_remedy", MAKE "@cw_remedy ("
      " task VARBINARY(64) NOT NULL,"
      " seq BIGINT UNSIGNED NOT NULL,"
      " n INT UNSIGNED NOT NULL,"
      " kind VARBINARY(8) NOT NULL,"
      " doc LONGBLOB NOT NULL,"
      " PRIMARY KEY (task, seq, n)" INNODB,
      "DELETE FROM @cw_remedy WHERE task > CONCAT(%q, '/') AND task < CONCAT(%q, '0') LIMIT 1000" },
};
/* clang-format on */
const size_t layout_table_count = ARRAY_SIZE(layout_tables);
