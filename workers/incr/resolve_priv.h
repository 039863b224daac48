/* Shared by resolve.c (the transaction) and resolve_row.c (one row), remedy.c. */
#ifndef WORKERS_INCR_RESOLVE_PRIV_H
#define WORKERS_INCR_RESOLVE_PRIV_H

#include "workers/incr/conflict_doc.h"
#include "workers/incr/image.h"
#include "workers/incr/resolve.h"

/* A row whose two ends have to be made one (remedy.h). */
struct remedy_key {
    const struct target *target;
    struct value *key; /* a row of the target: the columns that identify it */
    char id[64];       /* remedy_of_image()'s */
};

struct resolver {
    struct conn *conn;
    struct bundle *bundle;
    unsigned lane;
    struct resolve_options o;
    struct targets *targets;
    struct txn *one; /* statements of one row */
    uint32_t n;      /* rows of the transaction so far */
    uint64_t counts[CONFLICT_MAX_];
    struct remedy_key *remedies;
    size_t remedy_count;
    char *failed_doc; /* FAIL: the record */
    uint32_t failed_n;
    uint64_t failed_seq;
    bool position_refused; /* the account may not ask for it */
    char *target_pos;
};

/* One row of a transaction. */
struct row_case {
    const struct txn *txn;
    const struct image *image;
    const struct value *before, *after;
};

/* resolve_row(): tries it as it is, judges where that fails. */
int resolve_row(struct resolver *r, const struct row_case *rc, struct err *err);
/* resolve_ask(): what the other direction asks for. */
struct remedy_ask;
int resolve_ask(struct resolver *r, const struct txn *t, const struct remedy_ask *a,
                struct err *err);
/* resolve_record(): the record into the open transaction, or to be written when it is rolled back.
 */
int resolve_record(struct resolver *r, const struct conflict *c, struct err *err);

#endif
