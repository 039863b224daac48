/* From a server's or libmariadb's error number to an error of ours: one table. */
#ifndef WORKERS_MYSQL_DBERR_H
#define WORKERS_MYSQL_DBERR_H

#include <stddef.h>

#include "base/err.h"
#include "workers/task.h"

/* Where the connection was when the error came: some numbers mean another thing then. */
enum db_phase { DB_CONNECTING, DB_SESSION };

struct db_error {
    unsigned number;  /* the server's, or libmariadb's (2000–2999, 5000–5099) */
    const char *text; /* as the server gives it */
    bool mariadb;     /* numbers above 1900 differ between MySQL and MariaDB */
    enum db_phase phase;
    const char *sql; /* the statement, or NULL; only its beginning is shown, no values */
    size_t sql_len;
};

/* dberr_set(): raises it, naming end and host:port. Always returns -1. */
int dberr_set(struct err *err, const struct endpoint *at, const struct db_error *e);
/* dberr_code(): the code alone. Pure. */
enum err_code dberr_code(const struct db_error *e);

#endif
