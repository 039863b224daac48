/* DescribeProjectStepMetric: the curves of a step (oms-api.md 3.7 and 4.13, docs/metrics.md). */
#include "api/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/metric.h"

#include "base/banned.h"

enum {
    SPAN_LEAST_S = 3600,
    /* a client rounds its clock to the second, perhaps up */
    ROUNDED_S = 1,
    POINTS_LEAST = 5,
    POINTS_MOST = 72460,
    LIST_MAX_BYTES = 1024,
};

/* What the documentation gives as a baseline (oms-api.md 4.9, the …Ref values). */
enum { RPS_REF = 8000, IOPS_REF = 8 * 1024 * 1024 };

#define TEXT_(sym, text) text,
static const char *const metric_types[] = { METRIC_TABLE(TEXT_) NULL };
#undef TEXT_

/* clang-format off */
static const char *const metric_steps[] = {
    "FULL_TRANSFER", "INCR_TRANSFER", "FULL_VERIFIER", "REVERSE_INCR_TRANSFER", "TRANSFER_INCR_LOG_PULL", NULL,
};
static const char *const aggregators[] = { "AVG", "NONE", NULL };

const struct field step_metric_fields[] = {
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "stepName", .type = FT_STRING, .flags = F_REQUIRED, .values = metric_steps },
    { .name = "metricType", .type = FT_STRING, .flags = F_REQUIRED, .values = metric_types },
    { .name = "aggregator", .type = FT_STRING, .flags = F_NOT_EMPTY, .fallback = "\"NONE\"", .values = aggregators },
    { .name = "beginTimestamp", .type = FT_INT, .flags = F_REQUIRED, .min = 0 },
    /* a sample of the documentation has the name with a blank behind it */
    { .name = "endTimestamp", .alias = "endTimestamp ", .type = FT_INT, .flags = F_REQUIRED, .min = 0 },
    { .name = "maxPointNum", .type = FT_INT, .min = POINTS_LEAST, .max = POINTS_MOST },
    { 0 },
};
/* clang-format on */

struct asked {
    const char *project_id, *step;
    enum metric metric;
    bool mean;
    int64_t begin, end, now;
    size_t most; /* points; 0: no bound */
};

static void list_types(unsigned set, char *buf, size_t max)
{
    size_t len = 0;

    buf[0] = '\0';
    for (unsigned m = 0; m < METRIC_MAX_; m++)
        if ((set & 1U << m) != 0 && len < max)
            len += (size_t)snprintf(buf + len, max - len, "%s%s", len > 0 ? ", " : "",
                                    metric_text((enum metric)m));
}

static void check(const struct asked *a, struct faults *faults)
{
    unsigned set = metric_of_step(a->step);
    char types[LIST_MAX_BYTES];

    if ((set & 1U << a->metric) == 0) {
        list_types(set, types, sizeof(types));
        faults_add(faults, "metricType", "is not one of step %s, which has: %s", a->step, types);
    }
    if (a->end > a->now + ROUNDED_S)
        faults_add(faults, "endTimestamp",
                   "must not be later than now, %" PRId64 " (Unix seconds, not milliseconds)",
                   a->now);
    if (a->begin > a->end || a->end - a->begin < SPAN_LEAST_S)
        faults_add(faults, "beginTimestamp", "must be at least %d s before endTimestamp",
                   (int)SPAN_LEAST_S);
}

/* A project without the step has no such curve; one whose step has not begun has an empty one. */
static int check_step(struct call *c, const struct asked *a, struct err *err)
{
    struct step *steps = NULL;
    size_t count = 0;
    bool there = false;

    if (store_step_list(c->on->store, a->project_id, &steps, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        there = there || strcmp(steps[i].name, a->step) == 0;
    step_list_free(steps, count);
    if (!there)
        faults_add(&c->faults, "stepName", "project %s has no step %s", a->project_id, a->step);
    return faults_raise(&c->faults, err);
}

static struct json_object *reference(const struct asked *a, const struct project *p)
{
    int lag = flow_alert_lag(json_get_str(p->config, "importance", "LOW"));

    switch (a->metric) {
    case METRIC_RPS:
        return json_object_new_double(RPS_REF);
    case METRIC_IOPS:
        return json_object_new_double(IOPS_REF);
    case METRIC_DELAY: /* above it the project alarms */
        return lag == 0 ? NULL : json_object_new_double(lag);
    default:
        return NULL;
    }
}

#define ROUND_BELOW 1e12 /* it would not fit */

/* Thousandths are enough of any of them; none is negative. */
static double rounded(double v)
{
    return v < ROUND_BELOW ? (double)(int64_t)(v * 1000 + 0.5) / 1000 : v;
}

static struct json_object *points_of(const struct asked *a, const struct metric_point *points,
                                     size_t count)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++) {
        struct json_object *o = json_object_new_object();
        double mean = points[i].count > 0 ? points[i].sum / points[i].count : 0;
        json_add_i64(o, "timestamp", points[i].at);
        json_add_double(o, "value", rounded(a->mean ? mean : points[i].max));
        json_object_array_add(list, o);
    }
    return list;
}

static int answer(struct call *c, const struct asked *a, const struct project *p, struct err *err)
{
    _cleanup_(freep)
    struct metric_point *points = NULL;
    struct json_object *metric = json_object_new_object(), *metrics = json_object_new_array();
    size_t count = 0;
    int width = 1;

    json_object_array_add(metrics, metric);
    c->data = json_object_new_object();
    json_add(c->data, "referenceValue", reference(a, p));
    json_add_str(c->data, "aggregator", a->mean ? "AVG" : "NONE");
    json_add(c->data, "metrics", metrics);
    if (store_metric_read(c->on->store, a->project_id, a->step, a->metric, a->begin, a->end, a->now,
                          &points, &count, &width, err) < 0)
        return -1;
    count = metric_thin(points, count, a->begin, a->end, width, a->most);
    json_add_str(metric, "name", metric_text(a->metric));
    json_add_null(metric, "tags");
    json_add(metric, "dataPoints", points_of(a, points, count));
    return 0;
}

int metric_describe(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct asked a = {
        .project_id = json_get_str(c->in, "projectId", ""),
        .step = json_get_str(c->in, "stepName", ""),
        .mean = strcmp(json_get_str(c->in, "aggregator", ""), "AVG") == 0,
        .begin = json_get_i64(c->in, "beginTimestamp", 0),
        .end = json_get_i64(c->in, "endTimestamp", 0),
        .now = clock_now_s(),
        .most = (size_t)json_get_i64(c->in, "maxPointNum", 0),
    };

    (void)metric_parse(json_get_str(c->in, "metricType", ""), &a.metric);
    check(&a, &c->faults);
    if (faults_raise(&c->faults, err) < 0 ||
        store_project_live(c->on->store, a.project_id, &p, err) < 0 || check_step(c, &a, err) < 0)
        return -1;
    return answer(c, &a, p, err);
}
