/*
 * One connection to a database server, and the errors it makes. Only this folder and what stands
 * on it include libmariadb's header.
 *
 * Every session is set up the same way: time_zone '+00:00', a sql_mode that stores what it is
 * given or fails (see conn.c), raw results (character_set_results NULL: a column's own bytes),
 * statements in utf8mb4, net_write_timeout/net_read_timeout and wait_timeout long enough for our
 * own back-pressure, innodb_lock_wait_timeout 20 s, READ COMMITTED, autocommit on,
 * foreign_key_checks off. The whole list: conn_setup.c.
 */
#ifndef WORKERS_MYSQL_CONN_H
#define WORKERS_MYSQL_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "workers/task.h"

typedef struct st_mysql MYSQL;
typedef struct st_mysql_res MYSQL_RES;

struct conn;

struct conn_options {
    bool local_infile;     /* allow LOAD DATA LOCAL from memory */
    bool multi_statements; /* for the appliers */
    bool found_rows;       /* affected rows = rows matched */
    bool no_setup;         /* plain session, as the server's defaults have it (precheck) */
    int timeout_s;         /* connect and read time-out; 0: 10 s to connect, 600 s to read */
};

/*
 * conn_open() - connects, authenticates, sets the session up
 *
 * Errors: ERR_DB_CONNECT (unreachable, not a MySQL server, too many connections), ERR_DB_AUTH,
 * ERR_DB_UNSUPPORTED, ERR_DB_QUERY. Messages name end, host and port, never the password.
 * `to` is borrowed and must outlive the connection. `o` may be NULL: nothing special.
 */
int conn_open(const struct endpoint *to, const struct conn_options *o, struct conn **ret,
              struct err *err);
void conn_close(struct conn *c);
DEFINE_CLEANUP(struct conn, conn_close)

/*
 * conn_set_timeout() - how long an answer may take from now on; 0: for ever
 *
 * For statements that are slow by nature (ADD INDEX, a streamed result): keepalive still finds a
 * dead peer within 90 s.
 */
void conn_set_timeout(struct conn *c, int seconds);

MYSQL *conn_raw(struct conn *c);
unsigned long conn_id(struct conn *c); /* CONNECTION_ID() */
const struct endpoint *conn_endpoint(const struct conn *c);

/* conn_exec(): a statement without a result; *ret_affected may be NULL. */
int conn_exec(struct conn *c, const char *sql, size_t len, uint64_t *ret_affected, struct err *err);
int conn_execf(struct conn *c, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A result. Values are the server's text bytes, NULL for NULL, lengths beside them. Buffered
 * results (conn_query) may be held; a streamed one (conn_stream) must be read to its end or
 * closed before the connection is used again.
 */
struct result {
    MYSQL_RES *res;
    struct conn *conn;
    unsigned columns;
    char **row; /* after result_next() returned 1 */
    const unsigned long *lengths;
    bool streamed;
};
int conn_query(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err);
int conn_stream(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err);
/*
 * conn_send(), conn_receive() - conn_query() in two halves, so that two servers work at once
 *
 * Every conn_send() that returned 0 is followed by a conn_receive(), or by closing the connection.
 * `sql` must live until then.
 */
int conn_send(struct conn *c, const char *sql, size_t len, struct err *err);
int conn_receive(struct conn *c, const char *sql, size_t len, struct result *ret, struct err *err);
int conn_queryf(struct conn *c, struct result *ret, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int result_next(struct result *r, struct err *err); /* 1 a row, 0 end, -1 error */
void result_done(struct result *r);                 /* usable with _cleanup_ on a zeroed struct */
int result_column(const struct result *r,
                  const char *name); /* index by name, ignoring case; -1: absent */
const char *result_str(const struct result *r, int column,
                       const char *fallback); /* NUL-terminated */
int64_t result_i64(const struct result *r, int column, int64_t fallback);
uint64_t result_u64(const struct result *r, int column, uint64_t fallback);

/* conn_value(): first column of the first row as text (caller frees), NULL text when NULL or no
 * row. */
int conn_value(struct conn *c, const char *sql, char **ret, struct err *err);

/*
 * conn_multi() - several statements in one packet (multi_statements)
 *
 * @count     how many statements `sql` holds
 * @io        one for each
 * @ret_done  how many succeeded, also on error (then statement *ret_done failed)
 * A SHOW WARNINGS among them is about the statement before it: what that tells of values, but for
 * `expected` times "Data truncated", is ERR_VALUE. Other results are read and dropped.
 */
struct multi_stmt {
    uint64_t affected; /* out */
    unsigned warnings; /* out: their number */
    unsigned expected; /* in: as for conn_check_warnings() */
};
int conn_multi(struct conn *c, const char *sql, size_t len, size_t count, struct multi_stmt *io,
               size_t *ret_done, struct err *err);

/*
 * conn_load() - LOAD DATA LOCAL INFILE fed from memory
 *
 * @sql   the whole statement, file name ignored
 * @data  what the file would hold
 * @ret_rows, @ret_skipped   from the server's info line
 * @expected   as for conn_check_warnings()
 * With LOCAL the server turns data errors into warnings: any warning other than a duplicate key
 * makes this fail with ERR_VALUE naming the first of them. Roll back then.
 */
int conn_load(struct conn *c, const char *sql, size_t sql_len, const char *data, size_t data_len,
              uint64_t expected, uint64_t *ret_rows, uint64_t *ret_skipped, struct err *err);

/*
 * conn_bulk() - many rows through one prepared statement: MariaDB's array binding
 *
 * @sql      INSERT or REPLACE with one ? for each of `columns`, which are bytes in no character set
 * @packet   conn_bulk_head() bytes that are filled in here, then the rows: for each value a byte
 *           0 and a length-encoded string, or a byte 1 for NULL
 * The statement stays prepared until another one comes. Errors as conn_exec(), and ERR_VALUE for a
 * warning about a value; ERR_NOT_SUPPORTED where the server, or what stands before it, can't.
 */
bool conn_bulk_able(const struct conn *c);
size_t conn_bulk_head(size_t columns);
int conn_bulk(struct conn *c, const char *sql, size_t columns, char *packet, size_t len,
              uint64_t *ret_affected, struct err *err);

/*
 * conn_check_warnings() - did the last statement change a value on its way into a column?
 *
 * @skipped   rows left out for an equal key: each may have made a warning
 * @expected  how many times "Data truncated" (1265) must be there, no more and no less: MariaDB
 * says so of number 0 of an ENUM. Every other warning or note about a value is ERR_VALUE.
 */
int conn_check_warnings(struct conn *c, uint64_t skipped, uint64_t expected, struct err *err);
/*
 * conn_check_whole() - of the result that was read to its end just now, before anything else is
 * asked
 *
 * MySQL gives an empty text, with a warning, instead of a JSON document that is longer than its
 * max_allowed_packet; functions of any server give NULL. Either is ERR_VALUE here.
 */
int conn_check_whole(struct conn *c, struct err *err);
/* Before a statement of MariaDB that must store such a zero; its warnings must then be looked at.
 */
#define CONN_NOT_STRICT                                                                            \
    "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION' "   \
    "FOR "

bool conn_lost(const struct err *err); /* the connection is gone: open a new one */

/* Connection errors tried again with back-off until task->retry_minutes have passed. */
struct retry;
struct report;
/*
 * conn_open_retry() - as conn_open, again and again while the error is retryable
 *
 * Reports each wait as a retrying error. Returns 0, STAGE_STOPPED, or -1.
 */
int conn_open_retry(const struct endpoint *to, const struct conn_options *o, struct report *r,
                    int retry_minutes, struct conn **ret, struct err *err);

#endif
