/*
 * The numbers of source transactions that one lane has applied beyond the low-water mark: kept in
 * order, written into the lane's row with every transaction (docs/design.md, "Exactly once").
 *
 * Encoded as LEB128 varints: the first is the distance from the low-water mark, each further one
 * from its predecessor, every distance being 1 or more.
 */
#ifndef WORKERS_INCR_APPLIED_H
#define WORKERS_INCR_APPLIED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Most numbers a lane may hold beyond the low-water mark; the coordinator stalls before that. */
enum { APPLIED_MAX = 2000 };

struct applied {
    uint64_t *numbers; /* ascending */
    size_t count, cap;
};

void applied_done(struct applied *a);
/* applied_add(): in its place: after a restart a lane may be given a number below one it has. -1:
 * out of memory. */
int applied_add(struct applied *a, uint64_t seq);
/* applied_prune(): forgets what the low-water mark covers. */
void applied_prune(struct applied *a, uint64_t lwm);
void applied_remove(struct applied *a, uint64_t seq);                         /* takes it back */
void applied_encode(const struct applied *a, uint64_t lwm, struct strbuf *b); /* those above lwm */
/* applied_decode(): adds to *io, which may hold others: sorted, without duplicates.
 * ERR_CONTROL_SCHEMA. */
int applied_decode(const void *data, size_t len, uint64_t lwm, struct applied *io, struct err *err);
bool applied_has(const struct applied *a, uint64_t seq);

#endif
