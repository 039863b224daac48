/*
 * Rows on their way to one target table: encoded as they come, sent at once: by MariaDB's array
 * binding, as one LOAD DATA LOCAL or, where the target refuses both, as one multi-row INSERT.
 */
#ifndef WORKERS_FULL_BATCH_H
#define WORKERS_FULL_BATCH_H

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/convert/carry.h"
#include "workers/mysql/bounds.h"
#include "workers/mysql/conn.h"

struct batch_row {
    size_t end;     /* where it ends in `data` */
    unsigned zeros; /* of it and all rows before it */
};

struct batch {
    enum carry_form form;
    enum write_mode mode;
    const struct carry *carry;
    const struct table *dst;
    uint64_t max_packet;     /* the target's max_allowed_packet */
    size_t full_bytes;       /* batch_full() from here on */
    struct strbuf statement; /* all of it; INSERT: its head */
    struct strbuf tail;      /* INSERT */
    struct strbuf data;      /* INSERT, BULK: begins with the head */
    size_t head;             /* of `data` */
    struct batch_row *ends;  /* per row */
    unsigned zeros;          /* of all rows: carry_enum_zeros() */
    size_t rows, cap;
    uint64_t bytes; /* of the values, as the source sent them */
};

/* Prepares for one table; keeps the memory of a batch used before (zeroed at first). */
int batch_start(struct batch *b, const struct carry *c, const struct table *dst,
                enum write_mode mode, enum carry_form form, uint64_t max_packet, size_t full_bytes,
                struct err *err);
void batch_done(struct batch *b);
int batch_add(struct batch *b, char *const *row, const unsigned long *lengths, struct err *err);
bool batch_full(const struct batch *b);
void batch_clear(struct batch *b); /* the rows only */

struct batch_result {
    uint64_t rows;     /* sent */
    uint64_t skipped;  /* of those, left out because of an equal key */
    uint64_t replaced; /* rows of the target that had to go */
};
/*
 * batch_send() - all rows in one statement
 *
 * Errors: ERR_VALUE; ERR_NOT_SUPPORTED when the target does not take this form, or (BULK) not a row
 * of that size; conn's. After an error the transaction must be rolled back. BULK: fills in the
 * head.
 */
int batch_send(struct batch *b, struct conn *to, struct batch_result *ret, struct err *err);
/*
 * batch_blame() - names the first row that the target refuses, after ERR_VALUE
 *
 * Sends halves again inside transactions that are rolled back; no transaction may be open. Replaces
 * `err` by one that names table, key and the server's reason; leaves it when no row fails any more.
 */
void batch_blame(struct batch *b, struct conn *to, const struct table *src, struct err *err);

#endif
