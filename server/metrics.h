/*
 * GET /metrics: the Prometheus text format, version 0.0.4 (docs/metrics.md has all names). Ids and
 * names of projects are in it, nothing of users and data.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "base/strbuf.h"
#include "flow/flow.h"
#include "store/store.h"

/* metrics_add(): projects, workers, what they measure, alerts. */
int metrics_add(struct store *store, struct flow *flow, struct strbuf *to, struct err *err);
/* metrics_add_value(): the text of a label, escaped. */
void metrics_add_value(struct strbuf *to, const char *text);

#endif
