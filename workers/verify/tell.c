/* What goes up the channel (docs/channel.md: verify_table), and the step's progress. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum { PERIOD_MS = 1000, ROWS_A_MESSAGE = 50 };
#define PERCENT_MOST 99.9 /* 100 is said once, when all is told */

static struct json_object *message(const struct vtable *t, const char *status, const char *result,
                                   const char *text)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", "verify_table");
    json_add_str(o, "db", t->db);
    json_add_str(o, "table", t->name);
    json_add_str(o, "targetDb", t->stored->mapped_db);
    json_add_str(o, "targetTable", t->stored->mapped_name);
    json_add_str(o, "status", status);
    json_add_str(o, "resultType", result);
    json_add_str(o, "message", text);
    json_add_u64(o, "sourceOnly", t->counts.source_only);
    json_add_u64(o, "destOnly", t->counts.target_only);
    json_add_u64(o, "mismatched", t->counts.mismatched);
    json_add_u64(o, "consistent", t->counts.consistent);
    json_add_bool(o, "rowsCut", t->rows_cut);
    return o;
}

/* The next differing rows that nobody has been told of, at most so many. */
static struct json_object *some_rows(struct vtable *t)
{
    struct json_object *some = json_object_new_array();
    size_t n = MIN(json_len(t->rows), (size_t)ROWS_A_MESSAGE);

    for (size_t i = 0; i < n; i++)
        json_object_array_add(some, json_object_get(json_at(t->rows, i)));
    (void)json_object_array_del_idx(t->rows, 0, n);
    return some;
}

static void send(struct verifier *f, const char *status, const char *result, const char *text,
                 struct json_object *resume)
{
    struct vtable *t = f->t;
    bool done = resume == NULL && t->begun;

    do {
        struct json_object *o = message(t, status, result, text);

        json_add_bool(o, "begin", !t->begun);
        json_add_double(o, "progress", done ? 100 : (double)t->share / 10);
        json_add(o, "position", json_object_get(t->position));
        json_add(o, "resume", json_object_get(resume));
        json_add(o, "rows", some_rows(t));
        json_add(o, "errors", json_object_new_array());
        report_message(f->v->w->report, o);
        t->begun = true;
    } while (json_len(t->rows) > 0);
    t->told_ms = clock_mono_ms();
}

void tell_table(struct verifier *f, enum tell_status status, const char *result, const char *text)
{
    static const char *const words[] = { "RUNNING", "FINISHED", "ERROR" };

    send(f, words[status], result, text, NULL);
    if (status != TELL_RUNNING) {
        f->t->share = 1000;
        f->t->finished = true;
    }
}

void tell_progress(struct verifier *f, struct json_object *at)
{
    struct vtable *t = f->t;
    struct json_object *rows = json_object_new_array();

    for (unsigned end = 0; end < END_MAX_; end++)
        json_object_array_add(rows, json_object_new_uint64(t->counts.rows[end]));
    json_add(at, "rows", rows);
    json_add_u64(at, "undecided", t->counts.undecided);
    json_add_u64(at, "listed", t->listed);
    (void)json_object_put(t->resume);
    t->resume = at;
    if (clock_mono_ms() - t->told_ms >= PERIOD_MS || json_len(t->rows) >= ROWS_A_MESSAGE)
        send(f, "RUNNING", "RUNNING", "", at);
}

/* ---- the step ---- */

void meter_rows(struct verifier *f, enum end end, uint64_t rows)
{
    f->v->meters[end].rows += rows;
    f->v->meters[end].bytes += rows * f->t->tables[end]->avg_row_bytes;
}

static void add_rates(struct verify *v, struct json_object *info, struct json_object *metrics,
                      double seconds)
{
    static const char *const info_keys[END_MAX_][2] = { { "srcRps", "srcIops" },
                                                        { "dstRps", "dstIops" } };
    static const char *const metric_keys[END_MAX_][2] = {
        { "FULL_VERIFY_SOURCE_RPS", "FULL_VERIFY_SOURCE_READ_IOPS" },
        { "FULL_VERIFY_DEST_RPS", "FULL_VERIFY_DEST_READ_IOPS" },
    };

    for (unsigned end = 0; end < END_MAX_; end++) {
        uint64_t rows = v->meters[end].rows, bytes = v->meters[end].bytes;
        double rps = (double)(rows - v->last.rows[end]) / seconds;
        double bps = (double)(bytes - v->last.bytes[end]) / seconds;

        json_add_i64(info, info_keys[end][0], (int64_t)rps);
        json_add_i64(info, info_keys[end][1], (int64_t)bps);
        json_add_double(metrics, metric_keys[end][0], rps);
        json_add_double(metrics, metric_keys[end][1], bps);
        v->last.rows[end] = rows;
        v->last.bytes[end] = bytes;
    }
}

void tell_report(struct verify *v, bool done)
{
    int64_t now = clock_mono_ms();
    struct json_object *info, *metrics;
    uint64_t all = 0, share = 0;
    size_t finished = 0;

    if (!done && now - v->last.at_ms < PERIOD_MS)
        return;
    for (size_t i = 0; i < v->count; i++) {
        all += v->tables[i].weight;
        share += v->tables[i].weight * v->tables[i].share / 1000;
        finished += v->tables[i].finished;
    }
    info = json_object_new_object();
    metrics = json_object_new_object();
    json_add_u64(info, "processedRecords", v->meters[END_SOURCE].rows);
    json_add_u64(info, "capacity", MAX(all, (uint64_t)v->meters[END_SOURCE].rows));
    add_rates(v, info, metrics, (double)MAX(now - v->last.at_ms, (int64_t)PERIOD_MS) / 1000);
    json_add_u64(info, "tables", v->count);
    json_add_u64(info, "tablesDone", finished);
    report_metrics(v->w->report, metrics, NULL);
    report_progress(
        v->w->report,
        done ? 100 : MIN(all > 0 ? 100.0 * (double)share / (double)all : 0, PERCENT_MOST), info);
    v->last.at_ms = now;
}
