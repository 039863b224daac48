/*
 * The copy's progress in the control schema: cw_table and cw_chunk (columns: control_layout.c).
 * Functions that say "in a transaction" belong into one begun with control_begin().
 */
#ifndef WORKERS_FULL_LEDGER_H
#define WORKERS_FULL_LEDGER_H

#include "workers/full/copy.h"

/* Fills state, was_empty, attempt, rows_done of the tables known there; sets copy_table.known. */
int ledger_load_tables(struct copy *c, struct conn *to, struct err *err);
/* Adds the tables that are not known yet, in fenced transactions of its own on lane 0. */
int ledger_add_tables(struct copy *c, struct conn *to, struct err *err);

/* What is planned: chunks that are not done become ready, the others count. */
int ledger_load_chunks(struct copy *c, struct conn *to, struct err *err);

/* A transaction of its own: stores planned chunks, and which tables are planned to their end. */
int ledger_put_plan(struct copy *c, struct conn *to, unsigned lane, const struct plan *plans,
                    size_t count, struct err *err);
int ledger_plan_is_stored(struct copy *c, struct conn *to, const struct plan *any,
                          struct err *err); /* 1, 0, -1 */

/* In a transaction: this chunk is done. ERR_INTERNAL when it was already. */
int ledger_chunk_done(struct copy *c, struct conn *to, const struct chunk *chunk, uint64_t rows,
                      uint64_t skipped, struct err *err);
int ledger_chunk_is_done(struct copy *c, struct conn *to, const struct chunk *chunk,
                         struct err *err); /* 1, 0, -1 */

/* Tables without a key. The first is a transaction of its own; the others stand in one. */
int ledger_attempt_start(struct copy *c, struct conn *to, unsigned lane, struct copy_table *t,
                         struct err *err);
int ledger_attempt_rows(struct copy *c, struct conn *to, const struct copy_table *t, uint64_t rows,
                        struct err *err);
int ledger_keyless_done(struct copy *c, struct conn *to, const struct copy_table *t, uint64_t rows,
                        const struct binlog_pos *snapshot, struct err *err);
int ledger_keyless_is_done(struct copy *c, struct conn *to, struct copy_table *t,
                           struct err *err); /* 1, 0, -1; refreshes attempt */

#endif
