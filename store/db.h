/*
 * Inside of store/ only: one SQLite connection, its statements and its transactions.
 *
 * SQL text is always a constant: what varies is bound, lists are bound as JSON arrays and read
 * with json_each(). That makes injection impossible and lets a connection keep what it prepared.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <json-c/json.h>
#include <sqlite3.h>

#include "base/id.h"
#include "store/store.h"

struct db; /* a connection; used by the one thread that borrowed it */

int db_open(const char *path, struct db **ret, struct err *err);
void db_close(struct db *h);
DEFINE_CLEANUP(struct db, db_close)
/*
 * db_wait_at_most(): how long a statement waits for other writers before it is ERR_STORE_BUSY, of
 * this connection; 20 s unless told.
 */
void db_wait_at_most(struct db *h, int64_t ms);
int db_exec(struct db *h, const char *sql, struct err *err); /* no rows, no parameters */
int64_t db_changes(const struct db *h);                      /* rows of the last statement */
/* db_schema(): brings the schema from whatever version it has up to `to` (SCHEMA_VERSION). */
enum { SCHEMA_VERSION = 10 };
int db_schema(struct db *h, int to, struct err *err);

/* store_borrow(): a connection of the pool; goes back at the end of the scope (store_return). */
struct lease {
    struct store *store;
    struct db *db;
    bool relaxed;
};
int store_borrow(struct store *s, struct lease *ret, struct err *err);
/*
 * store_borrow_relaxed() - for what is only for the eye: nothing written over it waits for the disk
 *
 * With synchronous=NORMAL a WAL database stays whole whatever happens, and only what was committed
 * last may be missing after a power cut (sqlite.org/pragma.html#pragma_synchronous).
 */
int store_borrow_relaxed(struct store *s, struct lease *ret, struct err *err);
void store_return(struct lease *l);

/* A statement in use. A failed bind sticks and is told by query_step(). */
struct query {
    struct db *db;
    sqlite3_stmt *st;
    int rc;      /* SQLite's extended result code of what failed first */
    bool cached; /* reset, not finalized, at the end */
};
int query_open(struct query *q, struct db *h, const char *sql, struct err *err); /* `sql`: static */
void query_done(struct query *q);
void query_text(struct query *q, int at, const char *text); /* NULL binds NULL; not copied */
void query_i64(struct query *q, int at, int64_t v);
void query_double(struct query *q, int at, double v);
void query_json(struct query *q, int at, struct json_object *o); /* its text, copied; NULL: NULL */
/* query_step(): 1 a row, 0 no more, -1 with ERR_STORE or ERR_STORE_BUSY. */
int query_step(struct query *q, struct err *err);
/* query_run(): for statements without rows: 0 or -1. */
int query_run(struct query *q, struct err *err);
/* query_is_unique(): whether the last failure was a broken unique index. */
bool query_is_unique(const struct query *q);
bool query_is_foreign(const struct query *q); /* … a reference to no row */

/* Columns of the present row, from 0. The first two are the caller's, NULL for SQL's NULL. */
int query_get_text(struct query *q, int at, char **ret, struct err *err);
int query_get_json(struct query *q, int at, struct json_object **ret, struct err *err);
int64_t query_get_i64(struct query *q, int at);       /* NULL: 0 */
const char *query_peek_text(struct query *q, int at); /* until the next step; NULL: "" */
/* query_get_ids(): column 0 of all rows, as an array of ids that is the caller's. */
int query_get_ids(struct query *q, char (**ret)[ID_MAX], size_t *ret_count, struct err *err);
double query_get_double(struct query *q, int at); /* NULL: 0 */
/* query_count(): column 0 of the only row, as of SELECT COUNT(*). */
int query_count(struct query *q, int64_t *ret, struct err *err);
/* query_list(): all rows as an array that is the caller's; `read` makes an item of the present one.
 */
int query_list(struct query *q,
               int (*read)(struct query *q, struct json_object **ret, struct err *err),
               struct json_object **ret_array, struct err *err);

/* One writing transaction: rolled back at the end of the scope unless committed. */
struct txn {
    struct db *db;
};
int txn_begin(struct txn *t, struct db *h, struct err *err);
int txn_commit(struct txn *t, struct err *err);
void txn_done(struct txn *t);

/* db_like(): "%text%" with LIKE's wildcards in it escaped by a backslash; NULL stays NULL. */
int db_like(const char *text, char **ret, struct err *err);
/* db_text_list(): a JSON array of the NULL-terminated list; NULL when it is NULL or empty. */
struct json_object *db_text_list(const char *const *list);
/* A page in rows, put within its bounds: what comes from outside never becomes "no limit". */
enum { PAGE_SIZE_MAX = 150 };
int64_t db_limit(const struct page *p);
int64_t db_offset(const struct page *p);

#endif
