/* What the parts of the continuous check share. Start reading at watch.c. */
#ifndef WORKERS_VERIFY_WATCH_PRIV_H
#define WORKERS_VERIFY_WATCH_PRIV_H

#include "workers/mysql/catalog.h"
#include "workers/verify/differing.h"
#include "workers/verify/ends.h"

/* ---- watch_queue.c: keys that wait to be compared; pure ---- */

struct watch_key {
    int64_t due_ms; /* monotonic */
    unsigned table; /* table->number */
    uint16_t tries;
    uint16_t len;
    unsigned char key[TOUCH_KEY_MAX]; /* as in struct touch_change */
};

struct watch_queue;
int watch_queue_new(size_t room, struct watch_queue **ret, struct err *err);
void watch_queue_free(struct watch_queue *q);
DEFINE_CLEANUP(struct watch_queue, watch_queue_free)
/* watch_queue_put(): dues must not go back. False: there is no room. A key that waits already is
 * not put twice. */
bool watch_queue_put(struct watch_queue *q, const struct watch_key *k);
/* watch_queue_take(): those that are due, at most `max`, grouped by table. */
size_t watch_queue_take(struct watch_queue *q, int64_t now_ms, struct watch_key *ret, size_t max);
size_t watch_queue_count(const struct watch_queue *q);

/* ---- watch_table.c: the tables of those keys ---- */

struct watch_table {
    const struct table *stored; /* the project's entry; the catalog's */
    struct table *tables[END_MAX_];
    struct normals *normals; /* NULL: not looked at yet, or not to be compared */
    bool looked, left_out;
};

struct watch_tables {
    struct catalog *catalog;
    struct watch_table *list; /* as the catalog's */
};
void watch_tables_done(struct watch_tables *t);
/* watch_tables_load(): the project's entries, anew. */
int watch_tables_load(struct watch_tables *t, struct ends *e, struct err *err);
/*
 * watch_table_find() - what a key's table is now at both ends
 *
 * Returns 1; 0: it is not to be compared; 2: later, a DDL statement is under way; -1.
 */
enum { WATCH_LATER = 2 };
int watch_table_find(struct watch_tables *t, unsigned number, struct ends *e,
                     struct watch_table **ret, struct err *err);
/*
 * watch_key_normal() - a key that incremental has read, in its columns' normal form
 *
 * False: it is not known from what is logged.
 */
bool watch_key_normal(const struct watch_table *t, const struct watch_key *k, struct row_key *ret);

#endif
