#include "flow/plan.h"

#include <string.h>

#include "base/json.h"
#include "flow/flow.h"
#include "store/switchover.h"

#include "base/banned.h"

static bool always(struct json_object *config)
{
    (void)config;
    return true;
}

static bool with_struct(struct json_object *config)
{
    return json_get_bool(config, "enableStructTransfer", false);
}

static bool with_full(struct json_object *config)
{
    return json_get_bool(config, "enableFullTransfer", false);
}

static bool with_incr(struct json_object *config)
{
    return json_get_bool(config, "enableIncrTransfer", false);
}

/* A sub-project reads the relay of the project that it joins (docs/object-changes.md). */
static bool of_sub(struct json_object *config)
{
    return json_get(config, "joins") != NULL;
}

static bool with_pull(struct json_object *config)
{
    return with_incr(config) && !of_sub(config);
}

/* Decision: a switchover is there for the way back; without one a project ends by being released.
 */
static bool with_switch(struct json_object *config)
{
    return with_incr(config) && json_get_bool(config, "enableReverseIncrTransfer", false) &&
           strcmp(json_get_str(config, "type", "MIGRATION"), "MIGRATION") == 0;
}

static bool with_verify(struct json_object *config)
{
    return json_get_bool(config, "enableFullVerify", false);
}

static bool with_watch(struct json_object *config)
{
    return with_incr(config) && json_get_bool(config, "enableIncrVerify", false);
}

/* "Only meaningful with both struct and full steps" (oms-api.md 4.4). */
static bool with_deferred_indexes(struct json_object *config)
{
    return with_struct(config) && with_full(config) &&
           json_get_bool(json_get(config, "structTransferConfig"), "deferIndexCreation", false);
}

/*
 * In the order in which they run; each waits until all before it are FINISHED. Decision: the
 * order numbers of a project's steps are contiguous, 1 … n, whichever are present (OMS's samples
 * have them both ways, oms-api.md 3.3).
 */
/* clang-format off */
static const struct plan_row rows[] = {
    /* name                    description                      kind        on ready        limit in s        present */
    { STEP_PRECHECK,            "Precheck",                     "precheck", READY_NOTHING,  PRECHECK_LIMIT_S, always },
    { STEP_STRUCT,              "Schema migration",             "schema",   READY_NOTHING,  0,                with_struct },
    { "TRANSFER_INCR_LOG_PULL", "Incremental log pull",         "relay",    READY_FINISHES, 0,                with_pull },
    { STEP_PREPARE,             "Preparation",                  "join",     READY_NOTHING,  0,                of_sub },
    { "FULL_TRANSFER",          "Full migration",               "full",     READY_NOTHING,  0,                with_full },
    { STEP_INDEX,               "Index migration",              "index",    READY_NOTHING,  0,                with_deferred_indexes },
    { STEP_INCR,                "Incremental synchronization",  "incr",     READY_MONITORS, 0,                with_incr },
    { STEP_VERIFY,              "Full verification",            "verify",   READY_NOTHING,  0,                with_verify },
    { STEP_WATCH,               "Continuous verification",      "watch",    READY_MONITORS, 0,                with_watch },
    { STEP_SWITCH,              "Forward switchover",           "switch",   READY_NOTHING,  0,                with_switch },
    { STEP_REVERSE,             "Reverse incremental synchronization", "incr", READY_MONITORS, 0,             with_switch },
    { STEP_REVERSE_PULL,        "Reverse incremental log pull", "relay",    READY_FINISHES, 0,                NULL },
    { STEP_CHANGE,              "Change of objects",            "change",   READY_NOTHING,  0,                NULL },
    { STEP_MEND,                "Corrections",                  "mend",     READY_NOTHING,  0,                NULL },
    { STEP_RELEASE,             "Release",                      "release",  READY_NOTHING,  RELEASE_LIMIT_S,  NULL },
};
/* clang-format on */

const struct plan_row *plan_find(const char *step_name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, step_name) == 0)
            return &rows[i];
    return NULL;
}

bool plan_is_before(const char *step_name, const char *other)
{
    const struct plan_row *a = plan_find(step_name), *b = plan_find(other);

    return a != NULL && b != NULL && a < b;
}

bool plan_has(struct json_object *config, const char *step_name)
{
    const struct plan_row *row = plan_find(step_name);

    return row != NULL && row->present != NULL && row->present(config);
}

const struct step *plan_waits_behind(const struct project *p, const struct step *steps,
                                     size_t count, const struct step **ret_next)
{
    struct json_object *config = json_get(p->config, "structTransferConfig");

    *ret_next = NULL;
    if (json_get_bool(config, "autoProcessedToNextStep", true))
        return NULL;
    for (size_t i = 0; i + 1 < count; i++) /* behind the last one there is nothing to wait for */
        if (strcmp(steps[i].name, STEP_STRUCT) == 0) {
            *ret_next = &steps[i + 1];
            return steps[i].status != SS_FINISHED ||
                           (p->passed != NULL && strcmp(p->passed, STEP_STRUCT) == 0)
                       ? NULL
                       : &steps[i];
        }
    return NULL;
}

int plan_slots(struct json_object *config)
{
    int beside = with_incr(config) ? with_verify(config) + with_watch(config) : 0;

    if (with_switch(config))
        return 4 + beside; /* both log pulls, one direction's incremental, the switchover */
    /* the log pull goes on beside whatever else runs */
    return (with_incr(config) ? 2 : 1) + beside;
}

const char *flow_step_description(const char *step_name)
{
    const struct plan_row *row = plan_find(step_name);

    return row != NULL ? row->description : step_name;
}

int flow_plan(struct json_object *config, struct step **ret, size_t *ret_count, struct err *err)
{
    struct step *list = calloc(ARRAY_SIZE(rows), sizeof(*list));
    size_t n = 0;

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].present == NULL || !rows[i].present(config))
            continue;
        list[n].name = strdup(rows[i].name);
        if (list[n].name == NULL) {
            step_list_free(list, n);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        list[n].order = (int)n + 1;
        list[n].status = SS_INIT;
        n++;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}
