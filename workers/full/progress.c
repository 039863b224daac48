/* What the step shows while it runs: oms-api.md 4.9, and how many tables are done. */
#include "base/clock.h"
#include "base/json.h"
#include "workers/full/queue.h"

#include "base/banned.h"

enum {
    PERIOD_MS = 1000,
    /* The API's …Ref values: what its documentation gives as a baseline. */
    RPS_REF = 8000,
    RT_REF_MS = 1,
    IOPS_REF = 8 * 1024 * 1024,
};
#define PERCENT_MOST 99.9 /* 100 is said once, when the end is stored */

/* Since the last report: rows and bytes a second, milliseconds a row. */
static void add_rates(struct json_object *o, struct rates *last, unsigned end,
                      const struct meter *now, double seconds, const char *const keys[3])
{
    uint64_t rows = now->rows, bytes = now->bytes, busy = now->busy_us;
    double new_rows = (double)(rows - last->rows[end]);

    json_add_i64(o, keys[0], (int64_t)(new_rows / seconds));
    json_add_i64(o, keys[1], (int64_t)((double)(bytes - last->bytes[end]) / seconds));
    json_add_double(o, keys[2],
                    new_rows > 0 ? (double)(busy - last->busy_us[end]) / 1000 / new_rows : 0);
    last->rows[end] = rows;
    last->bytes[end] = bytes;
    last->busy_us[end] = busy;
}

/* Mean ms of one batch (or chunk) since the last report; none: no point of the curve. */
static void add_mean(struct json_object *o, const char *key, struct rates *rates, unsigned of,
                     const struct meter *m)
{
    uint64_t batches = m->batches, busy = m->busy_us;
    double count = (double)(batches - rates->told[of].batches);

    if (count > 0)
        json_add_double(o, key, (double)(busy - rates->told[of].busy_us) / 1000 / count);
    rates->told[of].batches = batches;
    rates->told[of].busy_us = busy;
}

/* What happened since the last report, for the curves: docs/metrics.md. */
static void tell_metrics(struct copy *c, double seconds)
{
    struct json_object *o = json_object_new_object();
    uint64_t rows = c->sink.rows, bytes = c->sink.bytes;

    json_add_double(o, "RPS", (double)(rows - c->rates.told_rows) / seconds);
    json_add_double(o, "IOPS", (double)(bytes - c->rates.told_bytes) / seconds);
    c->rates.told_rows = rows;
    c->rates.told_bytes = bytes;
    add_mean(o, "SOURCE_READ_TIME", &c->rates, 0, &c->source);
    add_mean(o, "SINK_EXECUTE_TIME", &c->rates, 1, &c->sink);
    add_mean(o, "SOURCE_SLICE_TIME", &c->rates, 2, &c->slicing);
    json_add_double(o, "THROTTLED", throttle_active(c->throttle) ? 1 : 0);
    report_metrics(c->w->report, o, NULL);
}

static struct json_object *step_info(struct copy *c, const struct queue_sums *s, int64_t now)
{
    static const char *const source[] = { "srcRps", "srcIops", "srcRt" };
    static const char *const sink[] = { "dstRps", "dstIops", "dstRt" };
    struct json_object *o = json_object_new_object();
    double seconds = (double)MAX(now - c->rates.at_ms, (int64_t)1) / 1000;

    json_add_u64(o, "processedRecords", s->rows);
    json_add_u64(o, "capacity", MAX(s->weight, s->rows));
    add_rates(o, &c->rates, 0, &c->source, seconds, source);
    add_rates(o, &c->rates, 1, &c->sink, seconds, sink);
    json_add_i64(o, "srcRpsRef", RPS_REF);
    json_add_i64(o, "srcRtRef", RT_REF_MS);
    json_add_i64(o, "srcIopsRef", IOPS_REF);
    json_add_i64(o, "dstRpsRef", RPS_REF);
    json_add_i64(o, "dstRtRef", RT_REF_MS);
    json_add_i64(o, "dstIopsRef", IOPS_REF);
    json_add_u64(o, "tables", s->tables);
    json_add_u64(o, "tablesDone", s->tables_done);
    json_add_bool(o, "throttled", throttle_active(c->throttle));
    c->rates.at_ms = now;
    return o;
}

void progress_report(struct copy *c, bool done)
{
    struct queue_sums s = queue_sums(c->queue);
    int64_t now = clock_mono_ms();
    double percent = s.weight > 0 ? 100.0 * (double)s.weight_done / (double)s.weight : 0;

    if (!done && now - c->rates.at_ms < PERIOD_MS)
        return;
    /* the last report may come early: still a second's point of the curve */
    tell_metrics(c, (double)MAX(now - c->rates.at_ms, (int64_t)PERIOD_MS) / 1000);
    report_progress(c->w->report, done ? 100 : MIN(percent, PERCENT_MOST), step_info(c, &s, now));
}
