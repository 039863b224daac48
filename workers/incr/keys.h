/* From a row image to the keys that order its transaction (docs/design.md, "Parallel lanes"). */
#ifndef WORKERS_INCR_KEYS_H
#define WORKERS_INCR_KEYS_H

#include "workers/incr/plan.h"
#include "workers/incr/txn.h"
#include "workers/mysql/binlog/rows.h"

/* keys_add(): every unique key of one image; for tables without a key or with relations, their
 * number. */
int keys_add(struct txn *t, const struct table_plan *p, const struct value *row, struct err *err);

/*
 * key_of_row() - one unique key of an image
 *
 * Returns 1 with *ret; 0 when it holds a NULL and so equals no other.
 */
int key_of_row(const struct table_plan *p, const struct unique_key *k, const struct value *row,
               struct dep_key *ret);

#endif
