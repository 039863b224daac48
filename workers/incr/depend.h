/*
 * Which transactions a transaction has to wait for (docs/design.md, "Parallel lanes").
 *
 * A transaction carries keys. A key belongs to an index (a number of the caller's) and is either
 * one value of it, held exclusively, or the whole index: then it excludes every other use of that
 * index. Lanes apply what they are given in order, so what has to be waited for is, per lane, one
 * number: the last transaction in it that holds a key of ours. Pure; one thread.
 */
#ifndef WORKERS_INCR_DEPEND_H
#define WORKERS_INCR_DEPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

enum { LANES_MAX = 16 };

struct dep_key {
    uint64_t hash;  /* of index and value; equal keys have equal hashes, different ones may */
    uint32_t index; /* 0 … indexes-1 */
    bool whole;     /* hash is not looked at */
};

/* What to wait for: need[lane] = 0, or the number up to which that lane must have committed. */
struct dep_wait {
    uint64_t need[LANES_MAX];
};

struct depend;
struct depend *depend_new(size_t indexes, unsigned lanes); /* NULL: out of memory */
void depend_free(struct depend *d);
DEFINE_CLEANUP(struct depend, depend_free)

/* depend_done(): `lane` has committed everything it was given up to `seq`. */
void depend_done(struct depend *d, unsigned lane, uint64_t seq);
/* depend_find(): what a transaction with these keys has to wait for; what is committed is left out.
 */
void depend_find(const struct depend *d, const struct dep_key *keys, size_t count,
                 struct dep_wait *ret);
/* depend_add(): transaction `seq`, above all before, goes to `lane`. -1: out of memory. */
int depend_add(struct depend *d, const struct dep_key *keys, size_t count, uint64_t seq,
               unsigned lane);
size_t depend_size(const struct depend *d); /* keys held, stale ones included */

#endif
