/* What the parts of the mending share. Start reading at mend.c. */
#ifndef WORKERS_VERIFY_MEND_H
#define WORKERS_VERIFY_MEND_H

#include "workers/mysql/control.h"
#include "workers/verify/differing_priv.h"
#include "workers/verify/ends.h"

enum { MEND_MESSAGE_MAX = 600 };

/* A table with rows to mend, as it is now. */
struct mend_table {
    const char *db, *name; /* at the source; of the assignment */
    struct table *tables[END_MAX_];
    struct normals *normals;
    struct differing_table of;
    struct reading reading;
    char why[MEND_MESSAGE_MAX]; /* not empty: its rows can't be mended */
};

enum mend_state { MEND_OPEN, MEND_IN_THE_WAY, MEND_APPLIED, MEND_EQUAL, MEND_FAILED };

struct mend_row {
    struct json_object *doc; /* of the assignment */
    struct mend_table *table;
    struct row_key key;
    enum mend_state state;
    unsigned tries;
    /* of the transaction that is open, or was last */
    enum outcome {
        OUTCOME_AGAIN,
        OUTCOME_WRITTEN,
        OUTCOME_EQUAL,
        OUTCOME_DUPLICATE,
        OUTCOME_REFUSED
    } outcome;
    char message[MEND_MESSAGE_MAX];
};

struct mend {
    struct worker *w;
    struct ends ends;
    struct fence fence;
    struct mend_table *tables;
    size_t table_count;
    struct mend_row *rows;
    size_t count, settled;
    int64_t blind_since;    /* monotonic ms since when incremental has told nothing; 0: it tells */
    uint64_t packet_max;    /* the target's max_allowed_packet */
    enum correction_for to; /* the target */
    bool source_waits; /* rows of the source are read by a read that waits for who changes them */
};

/* mend_tables(): the tables of all open rows, and their keys; rows of a table that can't be mended
 * are settled. */
int mend_tables(struct mend *m, struct err *err);
void mend_tables_drop(struct mend *m);
void mend_settle(struct mend *m, struct mend_row *row, enum mend_state state, const char *message);

#endif
