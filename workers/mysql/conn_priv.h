/* What conn*.c share; nobody else includes it. */
#ifndef WORKERS_MYSQL_CONN_PRIV_H
#define WORKERS_MYSQL_CONN_PRIV_H

#include <mysql.h>

#include "workers/mysql/conn.h"
#include "workers/mysql/dberr.h"

/* What conn_load() feeds to the server. Empty outside of it: then every request is refused. */
struct load_source {
    const char *data; /* borrowed; NULL: no load is under way */
    size_t left;
};

/* conn_bulk()'s statement, prepared last. */
struct bulk_statement {
    MYSQL_STMT *stmt;
    char *sql;
};

struct conn {
    MYSQL *mysql;
    struct bulk_statement bulk;
    const struct endpoint *to; /* borrowed from the task, which outlives every connection */
    bool local_infile;
    bool connected;
    struct load_source load;
};

/* One row of SHOW WARNINGS; `text` is borrowed. */
struct conn_warning {
    bool note;
    unsigned code;
    const char *text;
};
/*
 * conn_judge_warnings() - reads a result of SHOW WARNINGS to its end
 *
 * Raises the first warning about a value, and "Data truncated" unless it is there exactly
 * `expected` times. @ret_seen: how many rows there were.
 */
int conn_judge_warnings(struct conn *c, MYSQL_RES *res, uint64_t expected, uint64_t *ret_seen,
                        struct err *err);

/* conn_fail(): raises the connection's last error; `sql` may be NULL. Always -1. */
int conn_fail(const struct conn *c, const char *sql, size_t len, struct err *err);
/* conn_setup(): the session as conn.h promises it. */
int conn_setup(struct conn *c, struct err *err);
/* conn_load_install(): our handler instead of the library's, which would open real files. */
void conn_load_install(struct conn *c);
void conn_bulk_drop(struct conn *c); /* before the connection is closed */

#endif
