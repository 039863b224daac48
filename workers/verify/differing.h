/*
 * Rows that were proven to differ: what a person sees of them, the statement that would make the
 * target equal, and making it so.
 */
#ifndef WORKERS_VERIFY_DIFFERING_H
#define WORKERS_VERIFY_DIFFERING_H

#include "workers/mysql/conn.h"
#include "workers/verify/normal.h"

/* What is needed of a table; all borrowed. */
struct differing_table {
    const struct table *tables[END_MAX_];
    const struct normals *normals;
};

enum differing { DIFFERS_SOURCE_ONLY, DIFFERS_TARGET_ONLY, DIFFERS_VALUES };

/* A row: the normal form of its key's values, in the order of normals->key. */
struct row_key {
    size_t count;
    char **values; /* not NULL: key columns are NOT NULL */
    size_t *lengths;
};
void row_key_done(struct row_key *k);
/* row_key_id(): 32 hex digits that are the same for the same key; for the store. */
void row_key_id(const struct row_key *k, char ret[static 33]);

/*
 * differing_document() - one row as the `rows` of verify_table has it (docs/channel.md)
 *
 * Reads the row at both ends by its key. {"id", "type": "MASTER_ONLY|IMAGE_ONLY|MISMATCHED",
 * "key": [{"columnName","columnValue"}], "details": [{"columnName","sourceValue","destValue"}] of
 * the columns that differ (all of them where one end has no row), "correction": SQL or null,
 * "cut": bool}. Values are texts or null: text where it is valid UTF-8, else "0x…"; cut at 4 KiB.
 * The correction is null where it would be longer than 64 KiB (ApplyFullVerifyCorrections does not
 * need it). Returns 1, 0 when the two are equal by now, -1.
 */
int differing_document(const struct differing_table *t, struct conn *const conns[END_MAX_],
                       const struct row_key *key, struct json_object **ret, struct err *err);

#endif
