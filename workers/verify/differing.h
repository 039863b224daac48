/*
 * Rows that were proven to differ: what a person sees of them, the statement that would make the
 * target equal, and making it so.
 */
#ifndef WORKERS_VERIFY_DIFFERING_H
#define WORKERS_VERIFY_DIFFERING_H

#include <json-c/json.h>

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
bool row_key_equal(const struct row_key *a, const struct row_key *b);
/* row_key_hex(): hex digits of the values, each as u32 length (little endian) and bytes. */
void row_key_hex(struct strbuf *b, const struct row_key *k);
/* row_key_parse(): such a text of exactly `columns` values. Errors: ERR_PARAM, ERR_NOMEM. */
int row_key_parse(const char *hex, size_t columns, struct row_key *ret, struct err *err);

/*
 * differing_document() - one row as the `rows` of verify_table has it (docs/channel.md)
 *
 * Reads the row at both ends by its key. {"id", "type": "MASTER_ONLY|IMAGE_ONLY|MISMATCHED",
 * "key": [{"columnName","columnValue"}], "details": [{"columnName","sourceValue","destValue"}] of
 * the columns that differ (all of them where one end has no row), "correction": SQL or null,
 * "cut": bool, "keyHex", "message": text or absent}. Values are texts or null: text where it is
 * valid UTF-8, else "0x…"; cut at 4 KiB. The correction is null where it would be longer than
 * 64 KiB (ApplyFullVerifyCorrections does not need it) and where there is none to be sure of: then
 * `message` says why. It is for a session as docs/verification.md has it.
 *
 * A key may have other bytes at the other end that a collation holds equal ('A' and 'a'): then the
 * row is MISMATCHED in that column, and id, key and keyHex are the source's whichever was given.
 *
 * Returns 1, 0 when the two are equal by now, or nobody has that key any more, -1.
 */
int differing_document(const struct differing_table *t, struct conn *const conns[END_MAX_],
                       const struct row_key *key, struct json_object **ret, struct err *err);

/*
 * differing_multiset() - rows of a table without a key (or of any), counted by their whole values
 *
 * @conns     may be in snapshots, that is then what is read
 * @hashes    normals_row() of the rows to look at, each once
 * @max_rows  documents to make at most; those have "count" and no key
 * @ret_rows  array, the caller's
 * @ret_only  how many rows only that end has
 * Whether rows are equal is decided by all their bytes (long values by SHA-256), not by the hash.
 */
int differing_multiset(const struct differing_table *t, struct conn *const conns[END_MAX_],
                       const uint32_t *hashes, size_t count, size_t max_rows,
                       struct json_object **ret_rows, uint64_t ret_only[static END_MAX_],
                       struct err *err);

#endif
