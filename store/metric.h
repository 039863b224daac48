/*
 * Time series of a step's metrics. Bounded: points as told for an hour, means and largest values of
 * minutes for a day, of half hours for 30 days; of a point a row with all metrics of the step.
 *
 * One writer, the flow, which writes a batch every few seconds without waiting for the disk: a
 * power cut or a killed daemon loses the last seconds of a curve, and nothing else.
 */
#ifndef STORE_METRIC_H
#define STORE_METRIC_H

#include <stdint.h>

#include "base/id.h"
#include "store/store.h"

/*
 * The number is the column in the store: rows are only added at the end. oms-api.md 3.7 has the
 * names of the first seven and the last four; what each means exactly: docs/metrics.md.
 */
/* clang-format off */
#define METRIC_TABLE(X) \
    X(METRIC_RPS, "RPS")                             /* records a second */ \
    X(METRIC_IOPS, "IOPS")                           /* bytes a second */ \
    X(METRIC_DELAY, "DELAY")                         /* s */ \
    X(METRIC_SINK_EXECUTE_TIME, "SINK_EXECUTE_TIME") /* ms */ \
    X(METRIC_SINK_COMMIT_TIME, "SINK_COMMIT_TIME")   /* ms */ \
    X(METRIC_SOURCE_READ_TIME, "SOURCE_READ_TIME")   /* ms */ \
    X(METRIC_SOURCE_SLICE_TIME, "SOURCE_SLICE_TIME") /* ms */ \
    X(METRIC_SOURCE_READ_LAG, "SOURCE_READ_LAG")     /* s */ \
    X(METRIC_APPLY_LAG, "APPLY_LAG")                 /* s */ \
    X(METRIC_THROTTLED, "THROTTLED")                 /* 0 or 1 */ \
    X(METRIC_QUEUE, "QUEUE")                         /* bytes */ \
    X(METRIC_VERIFY_SOURCE_RPS, "FULL_VERIFY_SOURCE_RPS") \
    X(METRIC_VERIFY_SOURCE_IOPS, "FULL_VERIFY_SOURCE_READ_IOPS") \
    X(METRIC_VERIFY_DEST_RPS, "FULL_VERIFY_DEST_RPS") \
    X(METRIC_VERIFY_DEST_IOPS, "FULL_VERIFY_DEST_READ_IOPS")
/* clang-format on */
#define METRIC_ENUM_(sym, text) sym,
enum metric { METRIC_TABLE(METRIC_ENUM_) METRIC_MAX_ };
#undef METRIC_ENUM_

const char *metric_text(enum metric m);
bool metric_parse(const char *text, enum metric *ret);
/* metric_of_step(): bits (1U << METRIC_…) of those that a step has; 0: it has none. */
unsigned metric_of_step(const char *step);

struct metric_sample {
    char project_id[ID_MAX];
    const char *step; /* static */
    int64_t at;       /* Unix s; one sample a second of each step, a later one replaces it */
    unsigned has;     /* bits */
    double values[METRIC_MAX_];
};
/* store_metric_put(): in one transaction; those of deleted projects are dropped. */
int store_metric_put(struct store *st, const struct metric_sample *samples, size_t count,
                     struct err *err);

enum {
    METRIC_MINUTE_S = 60,
    METRIC_HALF_HOUR_S = 1800,
    METRIC_SETTLE_S = 15, /* a minute is closed so long after its end */
    /* a little more than is promised, for requests of exactly that much */
    METRIC_RAW_KEPT_S = 3600 + 120,
    METRIC_MINUTE_KEPT_S = 24 * 3600 + 600,
    METRIC_HALF_HOUR_KEPT_S = 30 * 24 * 3600 + 3600,
};
/* store_metric_roll(): closes what is over at `now` and removes what is too old; once a minute. */
int store_metric_roll(struct store *st, int64_t now, struct err *err);

/* One point of a curve: so many as told, their sum, the largest. */
struct metric_point {
    int64_t at; /* Unix s; of a span its beginning */
    double count, sum, max;
};
/*
 * store_metric_read() - all points from `begin` to `end`, both included, in order
 *
 * In the finest resolution that still reaches back to `begin` at `now`; what has not been closed
 * yet in that resolution comes in a finer one.
 *
 * @ret_width  s of that resolution: 1, METRIC_MINUTE_S, METRIC_HALF_HOUR_S
 */
int store_metric_read(struct store *st, const char *project_id, const char *step, enum metric m,
                      int64_t begin, int64_t end, int64_t now, struct metric_point **ret,
                      size_t *ret_count, int *ret_width, struct err *err);

/*
 * metric_thin() - puts neighbours together, in place, until there are `most` at the most
 *
 * @width  s that one point stands for
 * @most   at least 2; 0: no bound, only what falls into one width is put together
 * Counts and sums are kept, and the largest value. Returns how many points are left.
 */
size_t metric_thin(struct metric_point *points, size_t count, int64_t begin, int64_t end, int width,
                   size_t most);

#endif
