/* The flavours of server and everything that differs between them, in one place. */
#ifndef WORKERS_MYSQL_DIALECT_H
#define WORKERS_MYSQL_DIALECT_H

#include "base/err.h"
#include "base/map.h"
#include "workers/mysql/conn.h"

enum flavour { FLAVOUR_MYSQL, FLAVOUR_MARIADB, FLAVOUR_OCEANBASE, FLAVOUR_POLARDB };

struct dialect {
    enum flavour flavour;
    unsigned version;              /* 50624, 101119, 90700; OceanBase: of the MySQL it speaks */
    char version_text[96];         /* as the server gives it */
    bool gtid_mysql;               /* gtid_mode = ON */
    bool gtid_mariadb;             /* MariaDB: domain-server-sequence GTIDs, always there */
    const char *binlog_status_sql; /* SHOW BINARY LOG STATUS or SHOW MASTER STATUS */
    bool snapshot_position; /* START TRANSACTION WITH CONSISTENT SNAPSHOT tells its binlog position
                               (MariaDB) */
    bool cascades_logged;   /* MySQL >= 9.6 without innodb_native_foreign_keys: cascaded rows are in
                               the binlog */
    bool json_type;         /* JSON is a type of its own (MySQL >= 5.7) */
    bool show_create_generated; /* … extend with named differences only */
    bool check_constraints;     /* enforced: MySQL >= 8.0.16, MariaDB >= 10.2 */
    bool invisible_columns;
    bool statement_timeout_mariadb; /* SET STATEMENT / max_statement_time */
    int lower_case_table_names;
};

const char *flavour_name(enum flavour f); /* "MySQL", "MariaDB", … */
/* dialect_detect(): asks the server. Errors: ERR_DB_UNSUPPORTED (too old or unknown), ERR_DB_QUERY.
 */
int dialect_detect(struct conn *c, struct dialect *ret, struct err *err);
/* dialect_collations(): names of all that the server has, in lower case; values mean nothing. */
int dialect_collations(struct conn *c, struct map **ret, struct err *err);
/* Parses VERSION() and @@version_comment only; pure, for tests. */
int dialect_parse_version(const char *version, const char *comment, struct dialect *ret,
                          struct err *err);

#endif
