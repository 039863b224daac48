/*
 * What the workers measure: the newest values of each, for /metrics and the alerts, and the samples
 * on their way to the store (store/metric.h). Written by the flow's thread; gauges_copy() is for
 * any thread.
 */
#ifndef FLOW_GAUGES_H
#define FLOW_GAUGES_H

#include <json-c/json.h>

#include "base/id.h"
#include "flow/plan.h"
#include "store/metric.h"

struct gauges;

enum { GAUGE_RESTARTS = 8, GAUGE_NAME_MAX = 520 };

struct gauge_relay {
    bool known, expires_known, at_oldest_file;
    uint64_t bytes, max_bytes; /* max 0: no limit of its own */
    uint64_t free_bytes;       /* of the disk */
    bool free_known;
    int64_t expire_s;    /* of the source's binlog files; 0: never by age */
    int64_t timestamp_s; /* source's time up to which all is here; 0: not known */
};

/* Of one worker that is wanted. */
struct gauge {
    char project_id[ID_MAX];
    char project_name[GAUGE_NAME_MAX];
    const struct plan_row *step;
    int lag_threshold_s;                  /* of the project's alert level; 0: none */
    unsigned restarts;                    /* after deaths, since it was wanted */
    int64_t restarted_at[GAUGE_RESTARTS]; /* monotonic ms of the last ones, a ring; 0: none */
    unsigned has;                         /* bits of `values` */
    double values[METRIC_MAX_];
    int64_t at; /* monotonic ms of the last sample; 0: none yet */
    struct gauge_relay relay;
};

struct gauges *gauges_new(void); /* NULL: out of memory */
void gauges_free(struct gauges *g);
DEFINE_CLEANUP(struct gauges, gauges_free)

/* gauges_begin(): a worker is about to start; what the one before measured stays until it tells. */
int gauges_begin(struct gauges *g, const char *project_id, const char *project_name,
                 const struct plan_row *step, unsigned restarts, int lag_threshold_s,
                 struct err *err);
void gauges_end(struct gauges *g, const char *project_id, const struct plan_row *step);
/* gauges_level(): the project's alert level was changed. */
void gauges_level(struct gauges *g, const char *project_id, int lag_threshold_s);

/* gauges_take(): a `metrics` message (docs/channel.md). False: it is malformed. */
bool gauges_take(struct gauges *g, const char *project_id, const struct plan_row *step,
                 struct json_object *doc);
/* gauges_add_info(): both lags of an applying worker into its stepInfo. */
void gauges_add_info(struct gauges *g, const char *project_id, const struct plan_row *step,
                     struct json_object *info);

/* gauges_flush(): stores what has come; after an error it is kept, the oldest go when it is much.
 */
int gauges_flush(struct gauges *g, struct store *st, struct err *err);
/* gauges_copy(): free() the list. */
int gauges_copy(struct gauges *g, struct gauge **ret, size_t *ret_count, struct err *err);

/* gauge_value(): with the time that has passed since added to a lag that nobody tells any more. */
double gauge_value(const struct gauge *g, enum metric m, int64_t now_ms);
/* gauge_restarts(): within the last `within_ms`. */
unsigned gauge_restarts(const struct gauge *g, int64_t within_ms, int64_t now_ms);

#endif
