/* What the parts of the verification share. Start reading at verify.c. */
#ifndef WORKERS_VERIFY_PRIV_H
#define WORKERS_VERIFY_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "workers/mysql/bounds.h"
#include "workers/verify/differing.h"
#include "workers/verify/ends.h"
#include "workers/verify/settle.h"

enum {
    VERIFY_THREADS_MAX = 64,
};

struct counts {
    uint64_t source_only, target_only, mismatched, consistent, undecided;
    uint64_t rows[END_MAX_]; /* seen at each end */
};

/* One table of the run. The thread that has taken it writes; `share` and `finished` anybody reads.
 */
struct vtable {
    char *db, *name;      /* at the source, as the project's catalog has it */
    struct table *stored; /* its entry there: selection, filter, names at the target */
    uint64_t weight;      /* estimated rows, at least 1 */
    uint64_t bytes;       /* of them, estimated */
    atomic_uint share;    /* of it that is compared, in 1/1000 */
    atomic_bool finished;

    struct table *tables[END_MAX_]; /* as they are now */
    struct normals *normals;
    struct counts counts;
    struct json_object *position; /* of both ends before the first row was read */
    struct json_object
        *resume;              /* from the assignment, or what was told last; NULL: from the start */
    struct json_object *rows; /* differing rows that are not told yet */
    size_t listed;            /* told so far, those included */
    bool rows_cut, begun;     /* begun: something of this comparison is stored */
    int64_t told_ms;
    struct strbuf note; /* what a person should know beside the numbers */
};

struct meter {
    atomic_uint_fast64_t rows, bytes;
};

struct verify {
    struct worker *w;
    struct json_object *section; /* of the assignment; borrowed */
    struct scope *scope;
    struct vtable *tables;
    size_t count;
    unsigned threads;
    size_t batch, max_rows;
    enum verify_pace { PACE_STEADY, PACE_NORMAL, PACE_FAST } pace;
    struct meter meters[END_MAX_];
    pthread_mutex_t lock;    /* guards next, failed, error, running */
    pthread_mutex_t slow;    /* held by the one thread that works while we are in the way */
    pthread_mutex_t holding; /* held by the one thread that has incremental wait: it has one wish */
    pthread_mutex_t listing; /* held by the one thread that holds many rows in memory */
    pthread_cond_t ended;
    size_t next;
    unsigned running;
    bool failed;
    struct err error;
    struct {
        int64_t at_ms;
        uint64_t rows[END_MAX_], bytes[END_MAX_];
    } last; /* at the last report; the main thread's */
};

/* One thread. */
struct verifier {
    struct verify *v;
    pthread_t thread;
    struct ends ends;
    struct vtable *t;       /* at hand */
    bool slow;              /* holds v->slow */
    int64_t busy_before_us; /* of `ends`, when the statement at hand began */
};

bool verify_leaving(struct verifier *f); /* asked to stop, or another thread has failed */

/* table.c: compares one table from its start, or from where it was. 0, STAGE_STOPPED, -1: what may
 * pass by itself; all else is the table's result. */
int table_verify(struct verifier *f, struct vtable *t, struct err *err);

/* range.c: in ranges of the key, which both ends' indexes sort alike. */
struct range_plan {
    struct key_plan keys[END_MAX_];
};
/* range_fits(): whether this table can be walked so. */
bool range_fits(const struct vtable *t, struct range_plan *ret);
int range_verify(struct verifier *f, const struct range_plan *p, struct err *err);
/* bucket.c: each end in its own order, sums by the key's hash added up over all of it. */
int bucket_verify(struct verifier *f, struct err *err);
/*
 * Work that can be done again from its start: what it has counted and listed is taken back when it
 * fails in the middle.
 */
struct undo {
    struct counts counts;
    size_t listed, rows;
    bool rows_cut;
};
struct undo undo_from(const struct vtable *t);
void undo_do(struct vtable *t, const struct undo *u);

/* keyless.c: counted multisets of row hashes. */
int keyless_verify(struct verifier *f, struct err *err);

/* walk.c: an end's table in pieces along one of its keys. */
struct walk {
    enum end end;
    const struct table *table;
    struct key_plan plan;
    struct bound last; /* upper bound of the last piece; no data: before the first */
    bool by_number;    /* one integer column: bounds are calculated, not asked for */
    bool ended;
    uint64_t at, max, step; /* by_number: biased, so that they compare unsigned */
    uint64_t want;          /* rows of the next piece */
    double rows, rows_all;  /* walked, estimated: for the progress */
};
int walk_start(struct walk *w, struct ends *e, enum end end, const struct table *t,
               const struct key_plan *plan, const struct bound *from, struct err *err);
void walk_done(struct walk *w);
/* walk_next(): 1 and the upper bound of the next piece (no data: the rest), 0 at the end, -1. */
int walk_next(struct walk *w, struct ends *e, struct bound *hi, struct err *err);
/* walk_took(): the piece had so many rows and took so long; the next ones are cut by it. */
void walk_took(struct walk *w, uint64_t rows, int64_t us, int64_t want_us);
unsigned walk_share(const struct walk *w); /* in 1/1000 */

/* sums.c: statements. `where` of an end: text behind WHERE; "" is all rows. */
void sums_where(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                const struct bound *lo, const struct bound *hi);
void sums_chunk(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                const char *where);
void sums_buckets(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                  const char *where, uint32_t mask);
void sums_rows(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
               const char *where, uint32_t mask, const uint32_t *buckets, size_t count);

/* rows.c: rows one by one. */
struct rowset {
    struct row_entry {
        const unsigned char *key; /* values of the key: u32 length (little endian) and bytes each */
        uint32_t len, sum;
    } * list;
    size_t count, room;
    struct strbuf keys;
};
void rowset_done(struct rowset *s);
/* rowset_read(): adds a result of sums_rows(). */
int rowset_read(struct rowset *s, struct result *r, size_t key_count, struct err *err);
/* rowset_count(): one entry of `count` rows with this hash; without a key. */
int rowset_count(struct rowset *s, uint32_t sum, uint32_t count, struct err *err);
/*
 * rows_judge() - what differs between the two sets is settled, counted and listed
 *
 * *ret_suspect: how many rows of the source were not simply equal. 0, STAGE_STOPPED, -1.
 */
int rows_judge(struct verifier *f, struct rowset sets[static END_MAX_], uint64_t *ret_differ,
               struct err *err);

/* buckets.c: sums by bucket of a hash, of both ends. */
struct buckets {
    uint32_t mask; /* of the hash; there are mask + 1 of them */
    struct bucket {
        uint64_t count, sum;
    } * sums[END_MAX_];
};
/* buckets_mask(): for so many rows, about `each` to a bucket. */
uint32_t buckets_mask(uint64_t rows, uint64_t each, uint32_t most);
int buckets_new(struct buckets *b, uint32_t mask, struct err *err);
void buckets_done(struct buckets *b);
/* buckets_add(): adds a result of sums_buckets(), or one of that shape. */
int buckets_add(struct buckets *b, enum end end, struct result *r, uint64_t *ret_rows,
                struct err *err);
bool buckets_differ(const struct buckets *b, size_t i);
/* buckets_each_group(): those that differ, by so many that their rows may be held; ends with the
 * first call that does not return 0. */
typedef int buckets_fn(void *ctx, const uint32_t *list, size_t count, struct err *err);
int buckets_each_group(const struct buckets *b, buckets_fn *fn, void *ctx, struct err *err);

/* tell.c */
enum tell_status { TELL_RUNNING, TELL_FINISHED, TELL_ERROR };
/* tell_table(): state and rows, in one message; `result` as oms-api.md 3.10. */
void tell_table(struct verifier *f, enum tell_status status, const char *result,
                const char *message);
/* tell_progress(): the same at most once a second; `at` is what to go on from, taken over. */
void tell_progress(struct verifier *f, struct json_object *at);
void tell_report(struct verify *v, bool done); /* the step */
/* meter_rows(): so many rows of the table at hand were looked at there; of its bytes only the
 * server knows, so they are told by its average length of a row. */
void meter_rows(struct verifier *f, enum end end, uint64_t rows);

/* pace.c: how much of the servers we take. */
int64_t pace_want_us(const struct verifier *f); /* how long a statement should take */
void pace_enter(struct verifier *f);
/* pace_leave(): after a statement; rests. True: leaving. */
bool pace_leave(struct verifier *f);
/* pace_listing_enter(): many rows are held in memory from now on; inside a statement or not. */
void pace_listing_enter(struct verifier *f);
void pace_listing_leave(struct verifier *f);

#endif
