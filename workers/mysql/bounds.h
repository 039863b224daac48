/*
 * Chunk bounds: which part of a table's key they are made of, how they are kept, and the WHERE that
 * selects the rows between two of them. Pure: no server is asked.
 *
 * A bound is the text of the key columns' values as the server gave it, each as u32 length (little
 * endian) and bytes. Comparison is left to the source server, in each column's own character set
 * and collation: no two servers order all texts alike.
 */
#ifndef WORKERS_MYSQL_BOUNDS_H
#define WORKERS_MYSQL_BOUNDS_H

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"

enum { KEY_COLUMNS_MAX = 32 }; /* the servers allow 16 (MySQL), 32 (MariaDB) */

/* The leading columns of a table's key that can be compared with literals. */
struct key_plan {
    const char *index_name;
    const struct column *columns[KEY_COLUMNS_MAX];
    unsigned count; /* 0: the table can't be cut */
};
void key_plan_of(const struct table *t, struct key_plan *ret);

struct bound {
    unsigned char *data; /* NULL: no bound on this side */
    size_t len;
};
void bound_done(struct bound *b);
int bound_copy(struct bound *to, const struct bound *from, struct err *err);
/* bound_set(): from stored bytes, checked to hold `columns` values. ERR_CONTROL_SCHEMA. */
int bound_set(struct bound *to, const void *data, size_t len, unsigned columns, struct err *err);
/* bound_of_row(): of the first `columns` values of a row. ERR_DB_QUERY when one of them is NULL. */
int bound_of_row(struct bound *to, char *const *row, const unsigned long *lengths, unsigned columns,
                 struct err *err);

void key_plan_columns(struct strbuf *b, const struct key_plan *k); /* "`a`, `b`" */
void key_plan_order(struct strbuf *b, const struct key_plan *k, const char *direction);
/* bounds_where(): "lo < key AND key <= hi"; adds nothing and returns false without any bound. */
bool bounds_where(struct strbuf *b, const struct key_plan *k, const struct bound *lo,
                  const struct bound *hi);

#endif
