#include "server/metrics.h"

#include <inttypes.h>

#include "base/clock.h"
#include "store/alert.h"
#include "store/project.h"
#include "store/webhook.h"

#include "base/banned.h"

static int add_projects(struct store *store, struct strbuf *to, struct err *err)
{
    strbuf_adds(to, "# HELP causeway_projects Projects by status.\n"
                    "# TYPE causeway_projects gauge\n");
    for (int s = 0; s < PS_MAX_; s++) {
        struct project_version *list = NULL;
        size_t count = 0;
        int64_t total = 0;
        struct project_filter f = { .statuses = 1U << s, .page = { .number = 1, .size = 1 } };
        if (s == PS_DELETED)
            continue;
        if (store_project_page(store, &f, &list, &count, &total, err) < 0)
            return -1;
        free(list);
        strbuf_addf(to, "causeway_projects{status=\"%s\"} %" PRId64 "\n",
                    project_status_text((enum project_status)s), total);
    }
    return 0;
}

/* A label's value: backslash, quote and newline are escaped (prometheus.io, "Exposition formats").
 */
void metrics_add_value(struct strbuf *to, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n')
            strbuf_adds(to, "\\n");
        else if (*p == '\\' || *p == '"')
            strbuf_addf(to, "\\%c", *p);
        else
            strbuf_add(to, p, 1);
    }
}

static void add_labels(struct strbuf *to, const char *metric, const char *project, const char *name,
                       const char *step)
{
    strbuf_addf(to, "%s{project=\"", metric);
    metrics_add_value(to, project);
    strbuf_adds(to, "\",name=\"");
    metrics_add_value(to, name);
    strbuf_adds(to, "\",step=\"");
    metrics_add_value(to, step);
    strbuf_adds(to, "\"");
}

static void add_head(struct strbuf *to, const char *metric, const char *help)
{
    strbuf_addf(to, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

static void add_one(struct strbuf *to, const char *metric, const struct gauge *g, double value)
{
    add_labels(to, metric, g->project_id, g->project_name, g->step->name);
    strbuf_addf(to, "} %.15g\n", value);
}

struct family {
    const char *name, *help;
    enum metric metric;
};

static void add_measured(struct strbuf *to, const struct gauge *gauges, size_t count)
{
    static const struct family families[] = {
        { "causeway_step_rps", "Records a second.", METRIC_RPS },
        { "causeway_step_bytes_per_second", "Bytes a second.", METRIC_IOPS },
        { "causeway_delay_seconds", "How far the target is behind the source.", METRIC_DELAY },
        { "causeway_source_read_lag_seconds", "How far the relay is behind the source's binlog.",
          METRIC_SOURCE_READ_LAG },
        { "causeway_apply_lag_seconds", "How far the target is behind the relay.",
          METRIC_APPLY_LAG },
        { "causeway_throttled", "1 while a limit holds the step back.", METRIC_THROTTLED },
        { "causeway_sink_execute_milliseconds",
          "Mean time of the statements of one batch at the target.", METRIC_SINK_EXECUTE_TIME },
        { "causeway_sink_commit_milliseconds", "Mean time of one COMMIT at the target.",
          METRIC_SINK_COMMIT_TIME },
        { "causeway_source_read_milliseconds", "Mean time to read one batch at the source.",
          METRIC_SOURCE_READ_TIME },
        { "causeway_source_slice_milliseconds", "Mean time to find the bounds of one chunk.",
          METRIC_SOURCE_SLICE_TIME },
        { "causeway_verify_source_rps", "Rows a second compared at the source.",
          METRIC_VERIFY_SOURCE_RPS },
        { "causeway_verify_source_bytes_per_second", "Bytes a second compared at the source.",
          METRIC_VERIFY_SOURCE_IOPS },
        { "causeway_verify_target_rps", "Rows a second compared at the target.",
          METRIC_VERIFY_DEST_RPS },
        { "causeway_verify_target_bytes_per_second", "Bytes a second compared at the target.",
          METRIC_VERIFY_DEST_IOPS },
        { "causeway_queue_bytes", "Read from the relay and not applied yet.", METRIC_QUEUE },
    };
    int64_t now = clock_mono_ms();

    for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
        add_head(to, families[f].name, families[f].help);
        for (size_t i = 0; i < count; i++)
            if ((gauges[i].has & 1U << families[f].metric) != 0)
                add_one(to, families[f].name, &gauges[i],
                        gauge_value(&gauges[i], families[f].metric, now));
    }
}

static void add_relays(struct strbuf *to, const struct gauge *gauges, size_t count)
{
    add_head(to, "causeway_relay_bytes", "Binlog kept on disk for a project.");
    for (size_t i = 0; i < count; i++)
        if (gauges[i].relay.known)
            add_one(to, "causeway_relay_bytes", &gauges[i], (double)gauges[i].relay.bytes);
    add_head(to, "causeway_relay_disk_free_bytes", "Free space on the disk of the relay.");
    for (size_t i = 0; i < count; i++)
        if (gauges[i].relay.free_known)
            add_one(to, "causeway_relay_disk_free_bytes", &gauges[i],
                    (double)gauges[i].relay.free_bytes);
}

static void add_workers(struct flow *flow, struct strbuf *to, const struct gauge *gauges,
                        size_t count)
{
    size_t alive = 0;

    add_head(to, "causeway_worker_up", "1 while the process of a wanted worker lives.");
    for (size_t i = 0; i < count; i++) {
        bool up = flow_worker_alive(flow, gauges[i].project_id, gauges[i].step->name);
        alive += up ? 1 : 0;
        add_one(to, "causeway_worker_up", &gauges[i], up ? 1 : 0);
    }
    add_head(to, "causeway_worker_restarts", "Restarts of a worker since it was wanted.");
    for (size_t i = 0; i < count; i++)
        add_one(to, "causeway_worker_restarts", &gauges[i], gauges[i].restarts);
    add_head(to, "causeway_workers", "Living worker processes of projects.");
    strbuf_addf(to, "causeway_workers %zu\n", alive);
}

static int add_alerts(struct store *store, struct strbuf *to, struct err *err)
{
    _cleanup_(freep)
    struct alert *list = NULL;
    size_t count = 0;

    if (store_alert_firing(store, &list, &count, err) < 0)
        return -1;
    add_head(to, "causeway_alerts_firing", "1 for each alert that fires.");
    for (size_t i = 0; i < count; i++) {
        add_labels(to, "causeway_alerts_firing", list[i].project_id, list[i].project_name,
                   list[i].subject);
        strbuf_addf(to, ",rule=\"%s\"} 1\n", alert_rule_text(list[i].rule));
    }
    return 0;
}

static int add_webhooks(struct store *store, struct strbuf *to, struct err *err)
{
    struct webhook *list = NULL;
    size_t count = 0;

    if (store_webhook_list(store, &list, &count, err) < 0)
        return -1;
    add_head(to, "causeway_webhook_queue", "What waits to be sent to a webhook.");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(to, "causeway_webhook_queue{webhook=\"%s\"} %" PRId64 "\n", list[i].id,
                    list[i].queued);
    webhook_list_free(list, count);
    return 0;
}

int metrics_add(struct store *store, struct flow *flow, struct strbuf *to, struct err *err)
{
    _cleanup_(freep)
    struct gauge *gauges = NULL;
    size_t count = 0;

    if (add_projects(store, to, err) < 0 || flow_gauges(flow, &gauges, &count, err) < 0)
        return -1;
    add_workers(flow, to, gauges, count);
    add_measured(to, gauges, count);
    add_relays(to, gauges, count);
    if (add_alerts(store, to, err) < 0)
        return -1;
    return add_webhooks(store, to, err);
}
