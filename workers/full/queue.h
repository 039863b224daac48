/*
 * What is left to do, shared by the threads. Tables are taken largest first; those without a key
 * begin early, because one thread copies each from end to end. Chunks are planned a little ahead
 * of the copying, by whichever thread is free, so that no list of a billion rows is ever held.
 * Every function locks for itself.
 */
#ifndef WORKERS_FULL_QUEUE_H
#define WORKERS_FULL_QUEUE_H

#include "workers/full/copy.h"

enum work_kind { WORK_NONE, WORK_SCOUT, WORK_CHUNK, WORK_KEYLESS };

struct work {
    enum work_kind kind;
    struct copy_table *table; /* SCOUT, KEYLESS */
    struct chunk *chunk;      /* CHUNK: owned until queue_chunk_done() or queue_give_back() */
};

int queue_new(struct copy *c, struct queue **ret, struct err *err);
void queue_free(struct queue *q);
DEFINE_CLEANUP(struct queue, queue_free)

/* queue_restore(): a chunk found in the ledger; takes it over. Counts it when done. */
int queue_restore(struct queue *q, struct chunk *chunk, bool done, uint64_t rows, uint64_t skipped,
                  struct err *err);
/* queue_open(): after the ledger was read: orders the tables that are not finished. */
int queue_open(struct queue *q, struct err *err);

/* queue_take(): waits for work. WORK_NONE: all is done, or queue_leaving(). */
void queue_take(struct queue *q, struct work *ret);
/* queue_more_to_scout(): another table for the same scout, or NULL. */
struct copy_table *queue_more_to_scout(struct queue *q);
/* queue_publish(): stored plans take effect; hands their chunks over. */
void queue_publish(struct queue *q, struct plan *plans, size_t count);
/* queue_work_over(): after each work taken, however it ended: its thread is free again. */
void queue_work_over(struct queue *q);
/* queue_scout_over(): the scout's hold on a table ends. */
void queue_scout_over(struct queue *q, struct copy_table *t);
void queue_chunk_done(struct queue *q, struct chunk *chunk, uint64_t rows,
                      const struct batch_result *sums);
void queue_give_back(struct queue *q, struct chunk *chunk);
void queue_keyless_rows(struct queue *q, struct copy_table *t,
                        uint64_t rows); /* so far, of this attempt */
/* queue_keyless_over(): beside queue_work_over(). */
void queue_keyless_over(struct queue *q);
void queue_keyless_done(struct queue *q, struct copy_table *t, uint64_t rows, uint64_t skipped);
void queue_set_giant(struct queue *q, struct copy_table *t); /* it has giant rows */

/* queue_fail(): the first error ends all threads at their next step. */
void queue_fail(struct queue *q, const struct err *err);
bool queue_failed(struct queue *q, struct err *ret);
bool queue_all_done(struct queue *q);

/* Threads sign on and off; queue_wait_threads(): true when none is left. */
void queue_sign_on(struct queue *q);
void queue_sign_off(struct queue *q);
bool queue_wait_threads(struct queue *q, int timeout_ms);

struct queue_sums {
    uint64_t rows, weight, weight_done;
    size_t tables, tables_done;
};
struct queue_sums queue_sums(struct queue *q);

#endif
