#include "server/metrics.h"

#include <inttypes.h>

#include "store/project.h"

#include "base/banned.h"

enum { WORKER_PROJECTS_MAX = 1000 }; /* of more running projects only these are looked at */

static int add_projects(struct store *store, struct strbuf *to, struct err *err)
{
    strbuf_adds(to, "# HELP causeway_projects Projects by status.\n"
                    "# TYPE causeway_projects gauge\n");
    for (int s = 0; s < PS_MAX_; s++) {
        struct project **list = NULL;
        size_t count = 0;
        int64_t total = 0;
        struct project_filter f = { .statuses = 1U << s, .page = { .number = 1, .size = 1 } };
        if (s == PS_DELETED)
            continue;
        if (store_project_list(store, &f, &list, &count, &total, err) < 0)
            return -1;
        project_list_free(list, count);
        strbuf_addf(to, "causeway_projects{status=\"%s\"} %" PRId64 "\n",
                    project_status_text((enum project_status)s), total);
    }
    return 0;
}

static int count_workers(struct store *store, struct flow *flow, const char *project_id,
                         size_t *count, struct err *err)
{
    struct step *steps = NULL;
    size_t step_count = 0;

    if (store_step_list(store, project_id, &steps, &step_count, err) < 0)
        return -1;
    for (size_t i = 0; i < step_count; i++)
        *count += flow_worker_alive(flow, project_id, steps[i].name) ? 1 : 0;
    step_list_free(steps, step_count);
    return 0;
}

int metrics_add(struct store *store, struct flow *flow, struct strbuf *to, struct err *err)
{
    char(*ids)[ID_MAX] = NULL;
    size_t id_count = 0, workers = 0;
    int r = 0;

    if (add_projects(store, to, err) < 0 ||
        store_project_ids(store, 1U << PS_RUNNING | 1U << PS_RELEASING, &ids, &id_count, err) < 0)
        return -1;
    for (size_t i = 0; r == 0 && i < MIN(id_count, (size_t)WORKER_PROJECTS_MAX); i++)
        r = count_workers(store, flow, ids[i], &workers, err);
    free(ids);
    strbuf_addf(to,
                "# HELP causeway_workers Living worker processes of projects.\n"
                "# TYPE causeway_workers gauge\n"
                "causeway_workers %zu\n",
                workers);
    return r;
}
