/* What the worker tells of itself: how far it is, how far behind, how fast. */
#include "workers/incr/session.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include "base/banned.h"

enum { US_PER_S = 1000000, US_PER_MS = 1000, MS_PER_S = 1000 };

/*
 * The relay says that it had everything up to this moment of the source. True for the target as
 * soon as all that was read before is applied.
 */
void stats_mark(struct session *s, int64_t source_us)
{
    struct pool_stats p;

    pool_stats(s->pool, &p);
    if (group_open(s->group))
        return;
    if (p.low == p.last) {
        s->applied_us = MAX(s->applied_us, source_us);
        s->mark_seq = 0;
    } else if (s->mark_seq == 0) {
        s->mark_seq = p.last;
        s->mark_us = source_us;
    }
}

void stats_applied(struct session *s, const struct group_end *g)
{
    if (g->ts > 0)
        s->applied_us = MAX(s->applied_us, g->ts * US_PER_S);
    if (s->mark_seq != 0 && g->seq >= s->mark_seq) {
        s->applied_us = MAX(s->applied_us, s->mark_us);
        s->mark_seq = 0;
    }
}

static double percent(const struct session *s, int64_t now_us)
{
    double done = (double)(s->applied_us - s->first_us), all = (double)(now_us - s->first_us);

    if (s->sync->ready_told)
        return 100;
    return all <= 0 || done <= 0 ? 0 : MIN(99.0, done * 100 / all);
}

static uint64_t rate(uint64_t now, uint64_t before, int64_t ms)
{
    return ms <= 0 ? 0 : (now - before) * 1000 / (uint64_t)ms;
}

/* What happened since the last report, for the curves: docs/metrics.md. */
static void tell_metrics(struct session *s, const struct pool_stats *p, int64_t lag_ms, int64_t ms)
{
    const struct pool_stats *last = &s->last_stats;
    struct json_object *o = json_object_new_object();
    double seconds = (double)MAX(ms, (int64_t)1) / MS_PER_S;
    double batches = (double)(p->batches - last->batches);

    (void)json_add_double(o, "RPS", (double)(p->rows + s->big_rows - last->rows) / seconds);
    (void)json_add_double(o, "IOPS", (double)(p->bytes + s->big_bytes - last->bytes) / seconds);
    (void)json_add_double(o, "DELAY", (double)lag_ms / MS_PER_S);
    if (batches > 0) {
        (void)json_add_double(o, "SINK_EXECUTE_TIME",
                              (double)(p->execute_us - last->execute_us) / US_PER_MS / batches);
        (void)json_add_double(o, "SINK_COMMIT_TIME",
                              (double)(p->commit_us - last->commit_us) / US_PER_MS / batches);
    }
    (void)json_add_double(o, "THROTTLED", throttle_active(s->sync->throttle) ? 1 : 0);
    (void)json_add_double(o, "QUEUE", (double)p->queued_bytes);
    report_metrics(s->sync->w->report, o, NULL);
}

static void add_tables(struct session *s, struct json_object *info)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; list != NULL && i < s->plans->count; i++) {
        const struct table_plan *p = &s->plans->tables[i];
        struct json_object *o;
        if (p->inserts + p->updates + p->deletes == 0)
            continue;
        o = json_object_new_object();
        (void)json_add_str(o, "schema", p->t->db);
        (void)json_add_str(o, "table", p->t->name);
        (void)json_add_u64(o, "inserts", p->inserts);
        (void)json_add_u64(o, "updates", p->updates);
        (void)json_add_u64(o, "deletes", p->deletes);
        (void)json_object_array_add(list, o);
    }
    (void)json_add(info, "tables", list);
}

static struct json_object *step_info(struct session *s, const struct pool_stats *p, int64_t lag_ms)
{
    struct json_object *config = task_incr_config(s->sync->w->task);
    bool per_table = json_get_bool(config, "enableIncrSyncStatistics", false);
    struct json_object *o = json_object_new_object();
    int64_t now = clock_mono_ms(), ms = now - s->last_stats_ms;

    (void)json_add_i64(o, "incrTimestampCheckpoint", s->applied_us / US_PER_S);
    (void)json_add_i64(o, "checkpointSampleTimestamp", clock_now_s());
    (void)json_add_bool(o, "enableIncrStatistics", per_table);
    (void)json_add_i64(o, "lagMs", lag_ms);
    (void)json_add_u64(o, "appliedTransactions", p->transactions);
    (void)json_add_u64(o, "appliedRows", p->rows + s->big_rows);
    (void)json_add_u64(o, "droppedRows", s->changer.dropped);
    (void)json_add_u64(o, "filteredRows", s->changer.filtered);
    (void)json_add_u64(o, "rps", rate(p->rows + s->big_rows, s->last_stats.rows, ms));
    (void)json_add_u64(o, "tps", rate(p->transactions, s->last_stats.transactions, ms));
    (void)json_add_u64(o, "iops", rate(p->bytes + s->big_bytes, s->last_stats.bytes, ms));
    (void)json_add_u64(o, "lwm", p->low);
    (void)json_add_u64(o, "lanes", s->sync->lanes);
    (void)json_add_u64(o, "queueBytes", p->queued_bytes);
    (void)json_add_bool(o, "throttled", throttle_active(s->sync->throttle));
    (void)json_add_u64(o, "batches", p->batches);
    (void)json_add_u64(o, "retries", p->retries);
    if (per_table)
        add_tables(s, o);
    pair_add_info(s->pair, o);
    if (s->sync->rogues != NULL)
        rogues_add_info(s->sync->rogues, o);
    (void)json_add(o, "conflicts", conflicts_info(s));
    s->last_stats = *p;
    s->last_stats.rows += s->big_rows;
    s->last_stats.bytes += s->big_bytes;
    s->last_stats_ms = now;
    return o;
}

/* Within the threshold; a sub-project is measured by the project that it joins. */
static bool caught_up(struct session *s, int64_t lag_ms)
{
    struct err err = { 0 };
    int got;

    if (json_get(s->sync->w->task->doc, "joins") == NULL)
        return lag_ms <= (int64_t)s->sync->w->task->lag_threshold_s * 1000 + 999;
    got = objects_ready(s, &err);
    if (got < 0)
        log_err(LOG_WARN, "incr", "ready_unknown", &err); /* the connection's next user sees it */
    return got > 0;
}

void stats_report(struct session *s)
{
    struct report *r = s->sync->w->report;
    int64_t now_us = clock_now_us(), lag_ms = MAX((now_us - s->applied_us) / 1000, (int64_t)0);
    struct pool_stats p;

    pool_stats(s->pool, &p);
    report_checkpoint(r, s->applied_us / US_PER_S, s->cp.pos.file, s->cp.pos.offset,
                      s->cp.gtid_set);
    if (!s->sync->ready_told && caught_up(s, lag_ms)) {
        s->sync->ready_told = true;
        log_info("incr", "caught_up", "lag_ms=%lld", (long long)lag_ms);
        report_ready(r);
    }
    tell_metrics(s, &p, lag_ms, clock_mono_ms() - s->last_stats_ms);
    report_progress(r, percent(s, now_us), step_info(s, &p, lag_ms));
}
