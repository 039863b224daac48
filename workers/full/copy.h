/* What the parts of the full copy share. Start reading at full.c; the parts' headers are below. */
#ifndef WORKERS_FULL_COPY_H
#define WORKERS_FULL_COPY_H

#include <pthread.h>
#include <stdatomic.h>

#include "workers/convert/carry.h"
#include "workers/full/batch.h"
#include "workers/mysql/bounds.h"
#include "workers/mysql/control.h"
#include "workers/throttle.h"
#include "workers/worker.h"

enum {
    COPY_THREADS_MAX = 32,
    GIANT_ROW_BYTES = 8 * 1024 * 1024, /* tables with such rows are copied one chunk at a time */
};

enum table_state { TABLE_PLANNING = 0, TABLE_PLANNED = 1, TABLE_COPIED = 2 }; /* cw_table.state */

struct copy_table {
    unsigned no; /* in the catalog and in the control schema */
    const struct table *src, *dst;
    struct carry carry;
    struct key_plan key;
    bool keyless; /* no key identifies a row */
    bool known;   /* has its row in cw_table */
    bool was_empty;
    unsigned attempt;
    atomic_bool no_bulk; /* it has rows too long for one packet */
    /* Below: guarded by the queue's lock once the threads run. */
    enum table_state state;
    bool scouting, giant;
    uint32_t next_chunk; /* number of the next chunk to plan */
    struct bound last;   /* upper bound of the chunk planned last */
    struct bound max;    /* largest key when its planning began; no data: not asked yet */
    size_t open_chunks;  /* planned and not done */
    uint64_t rows_done, skipped, replaced;
    uint64_t weight_done; /* of its weight, for the percentage */
    bool finished;
};

struct chunk {
    struct chunk *next;
    struct copy_table *table;
    uint32_t no;
    struct bound lo, hi;
    bool giant; /* counted as one with giant rows: queue.c */
};
void chunk_free(struct chunk *c);
DEFINE_CLEANUP(struct chunk, chunk_free)

/* What a scout found out about one table; nothing of it counts before it is stored. */
struct plan {
    struct copy_table *table;
    struct chunk *first, **end; /* list of new chunks */
    struct bound last, max;     /* as in copy_table */
    uint32_t next_chunk;
    bool complete;
};

enum { PLANS_MAX = 64 };

/* One scout's findings. Kept over a lost connection: what may have been stored isn't found out
 * anew. */
struct scout {
    struct plan plans[PLANS_MAX];
    size_t count;
    bool gathered;     /* nothing is missing but storing */
    bool maybe_stored; /* the outcome of a COMMIT is not known */
};

/* A counting semaphore: how many threads may read (or write) at a time. */
struct permits {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned left; /* guarded by lock */
};
void permits_init(struct permits *p, unsigned count);
void permits_done(struct permits *p);
void permits_take(struct permits *p);
void permits_give(struct permits *p);

/* Counters of one end; read by the progress report. */
struct meter {
    atomic_uint_fast64_t rows, bytes, busy_us;
    atomic_uint_fast64_t batches; /* how many times `busy_us` was added to */
};

/* The counters at the last progress report; only the main thread looks at it. */
struct rates {
    int64_t at_ms;
    uint64_t rows[2], bytes[2], busy_us[2]; /* source, sink */
    struct {
        uint64_t busy_us, batches;
    } told[3]; /* source, sink, slicing, as the curves have them */
    uint64_t told_rows, told_bytes;
};

struct copy {
    struct worker *w;
    struct fence fence;
    struct dialect src_dialect, dst_dialect;
    char source_uuid[64];             /* the only server that is read; "": not known yet */
    struct catalog *catalog, *target; /* as stored; as found at the target */
    struct copy_table *tables;        /* one per table of the catalog */
    size_t count;
    unsigned threads, readers, writers;
    bool threads_given;
    size_t batch_bytes;
    uint64_t max_packet;      /* target's max_allowed_packet */
    bool keep_existing;       /* allowDestTableNotEmpty */
    bool truncate_keyless;    /* nonePkUkTruncateDstTable */
    bool finished;            /* the copy had ended before we came */
    atomic_bool load_allowed; /* LOAD DATA LOCAL works at the target */
    atomic_bool bulk_allowed; /* so does conn_bulk() */
    struct queue *queue;
    struct throttle *throttle;
    struct permits reading, writing;
    struct meter source, sink;
    struct meter slicing; /* planning: a batch is a chunk */
    struct rates rates;
};

int copy_new(struct worker *w, struct copy **ret, struct err *err);
void copy_free(struct copy *c);
DEFINE_CLEANUP(struct copy, copy_free)

/* One thread: a lane, a connection at each end, a batch. */
struct mover {
    struct copy *copy;
    unsigned lane;
    pthread_t thread;
    struct conn *src, *dst; /* NULL: to be opened */
    uint64_t transactions;  /* the lane's counter */
    struct batch batch;
    struct scout scout;
    bool redo; /* the work at hand was begun before: it may even be done */
};

/* True when the worker should leave what it is doing: asked to stop, or another thread failed. */
bool copy_leaving(const struct copy *c);
/* copy_open(): a connection with this copy's options; not retried here. One to the source leads to
 * the server that the copy began at: else ERR_SOURCE_CHANGED (source.c). */
int copy_open(struct copy *c, enum end end, struct conn **ret, struct err *err);
/* copy_same_source(): 0, or -1 with ERR_SOURCE_CHANGED. Nothing is asked before the project's
 * server is known: copy_source_is(). */
int copy_same_source(const struct copy *c, struct conn *source, struct err *err);
/* copy_source_is(): the server the starting position is of; "" with a copy alone: whoever answers
 * on `source` now. */
int copy_source_is(struct copy *c, const char *uuid, struct conn *source, struct err *err);
/* copy_cut(): drops a connection whose streamed result is not wanted any more. */
void copy_cut(struct conn **conn, struct result *r);

/* copy_pause(): longer with each try; true: the worker is leaving. */
bool copy_pause(const struct copy *c, unsigned tries);

/* prepare.c: everything up to the first chunk: catalogs, checks, epoch, ledger. */
int copy_prepare(struct copy *c, struct err *err);
/* scout.c: plans chunks of `first` and of further tables, stores and publishes them. */
int scout_run(struct mover *m, struct copy_table *first, struct err *err);
void scout_drop(struct mover *m); /* gives up what scout_run() still holds */

/*
 * stream.c: the way of rows. stream_rows() selects and encodes into m->batch, calling `flush` each
 * time the batch is full; what is in it at the end is the caller's to send. 0, STAGE_STOPPED, -1.
 */
typedef int flush_fn(void *ctx, struct err *err);
int stream_rows(struct mover *m, struct copy_table *t, const struct strbuf *sql, flush_fn *flush,
                void *ctx, struct err *err);
/* stream_send(): the batch to the target, throttled; adds to *io. 0, STAGE_STOPPED,
 * or -1 with batch_send()'s errors. */
int stream_send(struct mover *m, struct copy_table *t, struct batch_result *io, struct err *err);
/* "SELECT … FROM t [FORCE INDEX …]"; for the WHERE: stream_filter(), which adds the row filter. */
void stream_select(struct strbuf *b, const struct copy_table *t);
void stream_filter(struct strbuf *b, const struct copy_table *t, bool has_where);
int stream_start_batch(struct mover *m, const struct copy_table *t, enum write_mode mode,
                       struct err *err);

/* chunk.c, keyless.c. 0, STAGE_STOPPED (rolled back), -1. */
int chunk_copy(struct mover *m, struct chunk *chunk, struct err *err);
int keyless_copy(struct mover *m, struct copy_table *t, struct err *err);
/* mover.c: runs the threads to their end. 0, STAGE_STOPPED, -1. */
int movers_run(struct copy *c, struct err *err);
/* progress.c */
void progress_report(struct copy *c, bool done);

#endif
