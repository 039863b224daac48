/* GET /metrics: the Prometheus text format, version 0.0.4. No names of projects or users in it. */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "base/strbuf.h"
#include "flow/flow.h"
#include "store/store.h"

/* metrics_add(): projects by status and living workers. */
int metrics_add(struct store *store, struct flow *flow, struct strbuf *to, struct err *err);

#endif
