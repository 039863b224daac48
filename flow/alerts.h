/*
 * The rules of docs/metrics.md, "Alerts": what is found becomes firing and resolved alerts in the
 * store, each told once and again at an interval. What can't be known now (a worker that has not
 * told anything since the daemon's start) neither fires nor resolves.
 */
#ifndef FLOW_ALERTS_H
#define FLOW_ALERTS_H

#include "flow/gauges.h"
#include "store/alert.h"

struct alert_limits {
    int64_t every_s;         /* how often the flow looks; 0: never */
    int64_t lag_grace_s;     /* a lag fires when it is too high for so long */
    int64_t resend_s;        /* 0: never */
    int64_t disk_free_bytes; /* less fires */
};

/* What was found of one project, rule and step. */
struct finding {
    struct alert alert; /* project_id, rule, subject, message, value, threshold */
    bool bad;
    int64_t grace_s; /* bad for so long before it fires */
};

struct alerts;
struct alerts *alerts_new(const struct alert_limits *limits); /* NULL: out of memory */
void alerts_free(struct alerts *a);
DEFINE_CLEANUP(struct alerts, alerts_free)

/*
 * alerts_find() - applies the rules; free() the list
 *
 * @now_ms  monotonic, for the gauges; @now  Unix s
 */
int alerts_find(const struct alerts *a, const struct gauge *gauges, size_t gauge_count,
                const struct alert_project *projects, size_t project_count, int64_t now_ms,
                int64_t now, struct finding **ret, size_t *ret_count, struct err *err);
/*
 * alerts_apply() - fires, tells again and resolves
 *
 * @now  Unix s
 * Returns how many changes were stored, or -1; what was stored before an error stays.
 */
int alerts_apply(struct alerts *a, struct store *st, const struct finding *found, size_t count,
                 int64_t now, struct err *err);

/* alerts_tick(): both, over what there is now. 1: there is something to send; 0; -1. */
int alerts_tick(struct alerts *a, struct store *st, struct gauges *g, struct err *err);

#endif
