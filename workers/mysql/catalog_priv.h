/* What catalog*.c and ddl/evolve*.c, which make tables, share; nobody else includes it. */
#ifndef WORKERS_MYSQL_CATALOG_PRIV_H
#define WORKERS_MYSQL_CATALOG_PRIV_H

#include "workers/mysql/catalog.h"

enum { CATALOG_KEY_MAX = 2 * 64 * 4 + 2 };
/* "db\1name", the key of by_name. Returns `buf`. */
const char *catalog_key(const char *db, const char *name, char buf[static CATALOG_KEY_MAX]);

/* An array that grows by one zeroed element: its address, or NULL when memory is gone. */
void *array_more(void **array, size_t *count, size_t size);

/*
 * table_finish(): what follows from the parts: order of the indexes, usable keys, the key, and
 * `selected` where it is still NULL (everything that is not generated). ERR_NOMEM.
 */
int table_finish(struct table *t, struct err *err);
void column_done(struct column *c);
void index_done(struct index *i);
void fk_done(struct foreign_key *fk);
/* column_equal_is_bytes(): what column.binary_collation says, from the collation. */
bool column_equal_is_bytes(const struct column *c);

/* catalog_read(): all parts of the tables named in `want` ("db\1name" -> struct table, names set).
 */
struct table_list {
    struct table **tables;
    size_t count;
};
/* Adds the names of all base tables of `db`, or of `name` alone when it is not NULL. */
int catalog_list(struct conn *c, const char *db, const char *name, struct table_list *io,
                 struct err *err);
/* Reads columns, indexes, foreign keys and sizes of `tables`, all of one database. */
int catalog_read(struct conn *c, const struct dialect *d, struct table **tables, size_t count,
                 size_t listed, struct err *err);

#endif
