/*
 * The normal form of a column's values: an expression for each end whose results are the same bytes
 * exactly where the values are equal, whatever the server, the character set or the definition.
 * Pure: no server is asked. docs/verification.md has the table in prose.
 */
#ifndef WORKERS_VERIFY_NORMAL_H
#define WORKERS_VERIFY_NORMAL_H

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/dialect.h"
#include "workers/task.h"

/* One column that is carried, at both ends. */
struct normal {
    const struct column *ends[END_MAX_];
    /* The whole value; NULL where the value is NULL, and nowhere else. Bytes to be compared, not to
     * be read: a FLOAT is 25 bytes of geometry. */
    char *value[END_MAX_];
    /* For checksums: as `value`, or its CRC32 where a row's values may be long. */
    char *sum[END_MAX_];
    bool any_byte;   /* `sum` may hold the byte 0xFF: normals_row() keeps two such apart by more */
    bool nullable;   /* at either end */
    bool same_order; /* both ends' indexes sort such values the same way: ranges agree */
    char *left_out;  /* why it is not compared (then no expressions); NULL: it is */
};

struct normals {
    const struct table *tables[END_MAX_];
    struct normal *columns; /* in the source's order */
    size_t count;
    /* The source's key (table->key) as indexes into `columns`; 0: no key, or one that can't be
     * compared. */
    unsigned *key;
    size_t key_count;
};

/*
 * normals_new() - pairs what is carried of a table: by name, ignoring case; generated columns and
 * those that filterColumns leaves out are not in it
 *
 * @dialects  of both ends
 * @back      changes are carried from the target to the source, too (two-way, or switched over): a
 *            column that is equal one way only is left out then
 * @missing   what keeps the tables from being compared, one clause each ("column `b` is missing at
 *            the target; …"): SCHEMA_MISMATCH when not empty. Types that have no normal form in
 *            common are one, and those that would round every value (fewer digits of a second,
 *            DOUBLE that is FLOAT). Others that can't hold each other's values all the same are
 *            compared: the values tell. Further columns of the target are not looked at
 * Borrows the tables. Errors: ERR_NOMEM.
 */
int normals_new(const struct table *const tables[END_MAX_], const struct dialect dialects[END_MAX_],
                bool back, struct strbuf *missing, struct normals **ret, struct err *err);
void normals_free(struct normals *n);
DEFINE_CLEANUP(struct normals, normals_free)

/*
 * normal_equals() - appends "column = literal" for a value in its normal form, so that an index on
 * the column serves it; "column IS NULL" for NULL
 *
 * The comparison is the column's own at that end: a collation may hold more than one value equal.
 * "0 = 1" for a value that the end's column can't hold (a label, a digit, a character it lacks). A
 * value of any bytes is safe: it never becomes SQL.
 */
void normal_equals(struct strbuf *b, const struct normal *n, enum end end, const char *value,
                   size_t len);

/*
 * normals_row() - appends one expression that is the same number at both ends exactly for equal
 * rows (but for 1 of 2^32), and is never NULL: CRC32 over all `sum`s, framed
 *
 * The form that was measured to be cheap: CONCAT_WS(_binary 0xFF, CAST(first AS BINARY),
 * IFNULL(second, _binary 0xFE), …): one binary argument makes the server join bytes without
 * converting.
 */
void normals_row(struct strbuf *b, const struct normals *n, enum end end);
/* normals_key(): the same over the key's columns. */
void normals_key(struct strbuf *b, const struct normals *n, enum end end);

#endif
