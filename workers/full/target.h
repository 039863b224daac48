/* What must be true of the target's tables before anything is copied into them. */
#ifndef WORKERS_FULL_TARGET_H
#define WORKERS_FULL_TARGET_H

#include "workers/full/copy.h"

/*
 * target_check_tables(): every table is there and takes every column; fills dst and carry. Errors
 * name all that is amiss: ERR_TABLE_NOT_FOUND, ERR_SCHEMA_MISMATCH.
 */
int target_check_tables(struct copy *c, struct conn *dst, struct err *err);
/*
 * target_check_empty(): of the tables that are not in the ledger yet: sets was_empty. Rows that are
 * there and not allowed: ERR_TABLE_NOT_EMPTY naming all such tables.
 */
int target_check_empty(struct copy *c, struct conn *dst, struct err *err);

#endif
