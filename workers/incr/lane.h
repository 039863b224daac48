/*
 * The lanes: connections that apply transactions, each in order, several at a time; and the account
 * of what is applied. One coordinator gives out work and reads the account; each lane is a thread.
 *
 * Numbers from the control schema: row 0 of the task is the coordinator's, lane i writes row i + 1.
 */
#ifndef WORKERS_INCR_LANE_H
#define WORKERS_INCR_LANE_H

#include "base/err.h"
#include "workers/incr/applied.h"
#include "workers/incr/bundle.h"
#include "workers/incr/depend.h"
#include "workers/incr/resolve.h"
#include "workers/incr/txn.h"
#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/control.h"
#include "workers/throttle.h"

enum {
    POOL_WINDOW =
        8192, /* transactions beyond the low-water mark; distances must fit two varint bytes */
};

/* Numbers of the component's grade. */
struct pool_sizes {
    size_t batch_rows, batch_bytes; /* of one transaction at the target */
    size_t queue_bytes;             /* of all that waits to be applied */
};

struct pool;

struct pool_options {
    unsigned lanes;
    struct pool_sizes sizes;
    struct conn **conns; /* one per lane; stay the caller's, used by the lanes until pool_stop() */
    const struct fence *fence;
    size_t packet_max;
    enum fold_lists lists;       /* that the target takes */
    uint64_t first_low;          /* number of the last group before reading starts */
    uint64_t base_lwm;           /* low-water mark that the lane rows told; at least first_low */
    const struct lane_row *rows; /* what each lane had applied beyond that, as stored */
    size_t row_count;
    struct report *report;
    struct throttle *throttle;
    const struct resolve_options *resolve; /* NULL: a conflict is an error, as it came */
};

/* pool_new(): starts the lanes. */
int pool_new(const struct pool_options *o, struct pool **ret, struct err *err);
/*
 * pool_stop() - lanes finish the batch they are in; what is queued is dropped
 *
 * A lane that does not end within `patience_ms` has its connection cut.
 */
void pool_stop(struct pool *p, int patience_ms);
void pool_free(struct pool *p); /* stops it first */
DEFINE_CLEANUP(struct pool, pool_free)

/* What is to be known of a group once it is applied. */
struct group_end {
    uint64_t seq;
    struct binlog_pos end;
    int64_t ts;
    struct gtid gtid;
    bool has_gtid;
};

/*
 * pool_submit() - gives a transaction to a lane
 *
 * Returns 1 and takes `t` over, or 0 when there is no room for it now (see pool_wait), or -1 with
 * the lanes' error. Numbers come in order, each once, through this, pool_pass() or pool_big_done().
 */
int pool_submit(struct pool *p, struct depend *d, struct txn *t, const struct group_end *g,
                struct err *err);
/* pool_pass(): a group with nothing to apply. 1, 0 no room, -1. */
int pool_pass(struct pool *p, const struct group_end *g, struct err *err);
/* pool_wait(): until something was applied or failed, `ms` at most. */
void pool_wait(struct pool *p, int ms);
int pool_error(struct pool *p, struct err *err); /* 0, or -1 with the lanes' error */
/* pool_idle(): true when every group given so far is applied. */
bool pool_idle(struct pool *p);

/*
 * A very large transaction, run by the coordinator over lane 0 while the lanes are idle: begin
 * gives the batch, with the mark (of that path) already in it.
 */
int pool_big_begin(struct pool *p, uint64_t seq, const char *path, struct bundle **ret,
                   struct err *err);
int pool_big_done(struct pool *p, const struct group_end *g, size_t rows, size_t bytes,
                  struct err *err);                 /* after its commit */
void pool_big_undone(struct pool *p, uint64_t seq); /* after its rollback */

/* pool_resolver(): lane 0's, for a large transaction. NULL: none. */
struct resolver *pool_resolver(struct pool *p);
/* pool_count_conflicts(): of a large transaction, after its commit. */
void pool_count_conflicts(struct pool *p, const uint64_t counts[static CONFLICT_MAX_]);
/* pool_forget_tables(): those at the target have changed. While the lanes are idle. */
void pool_forget_tables(struct pool *p);

/*
 * pool_next_applied() - the next group in order that is applied, once each
 *
 * Returns false when there is none yet. The coordinator keeps the checkpoint by it.
 */
bool pool_next_applied(struct pool *p, struct group_end *ret);

struct pool_stats {
    uint64_t low;  /* every number up to it is applied */
    uint64_t last; /* the last number given */
    uint64_t transactions, rows, bytes, batches, retries;
    uint64_t execute_us, commit_us; /* of all batches: what the target took */
    size_t queued_bytes;
    uint64_t conflicts[CONFLICT_MAX_]; /* recorded, by enum conflict_kind */
};
void pool_stats(struct pool *p, struct pool_stats *ret);

#endif
