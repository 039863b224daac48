#include "api/action.h"

#include <string.h>
#include <strings.h>

#include "api/names.h"
#include "api/project_body.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/reset.h"

#include "base/banned.h"

static const char *check_past(int64_t unix_s)
{
    if (unix_s < 1)
        return "must be Unix seconds, after 1970-01-01";
    if (unix_s > clock_now_s())
        return "must not be in the future (Unix seconds, not milliseconds)";
    return NULL;
}

/* clang-format off */
const struct field project_id_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};

const struct field rename_project_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_plain },
    { 0 },
};

const struct field project_importance_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "importance", .alias = "alarmLevel", .type = FT_STRING, .flags = F_REQUIRED, .values = project_importances },
    { 0 },
};

const struct field reset_start_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "startTimestamp", .type = FT_INT, .flags = F_NOT_EMPTY, .min = INT64_MIN, .check_int = check_past },
    { .name = "withdraw", .type = FT_BOOL, .fallback = "false" },
    { .name = "reverse", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ life cycle */

int project_create(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };

    if (project_body_check(c->in, &c->faults, err) < 0 || faults_raise(&c->faults, err) < 0 ||
        call_endpoints(c, c->in, err) < 0 || flow_plan(c->in, &steps.rows, &steps.count, err) < 0)
        return -1;
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->name = strdup(json_get_str(c->in, "name", ""));
    p->type = strdup(json_get_str(c->in, "type", ""));
    p->owner = strdup(c->who->name);
    p->labels = json_object_get(json_get(c->in, "labelIds"));
    json_object_object_del(c->in, "labelIds"); /* kept where they can change */
    p->config = json_object_get(c->in);
    (void)snprintf(p->source_id, sizeof(p->source_id), "%s",
                   json_get_str(c->in, "sourceEndpointId", ""));
    (void)snprintf(p->sink_id, sizeof(p->sink_id), "%s", json_get_str(c->in, "sinkEndpointId", ""));
    if (p->name == NULL || p->type == NULL || p->owner == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (store_project_add(c->on->store, p, err) < 0)
        return -1;
    FAULT("api.project.before_steps");
    if (store_step_plan(c->on->store, p->id, steps.rows, steps.count, err) < 0)
        return -1;
    c->data = json_object_new_string(p->id);
    return 0;
}

static int request(struct call *c, enum flow_op op, struct err *err)
{
    return flow_request(c->on->flow, json_get_str(c->in, "id", ""), op, err);
}

/* A daemon killed between a project's row and its steps has left it without: made up for here. */
int project_ensure_steps(struct call *c, const char *id, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows there = { 0 };
    _cleanup_(step_rows_done)
    struct step_rows planned = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_step_list(c->on->store, id, &there.rows, &there.count, err) < 0)
        return -1;
    if (there.count > 0)
        return 0;
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        flow_plan(p->config, &planned.rows, &planned.count, err) < 0)
        return -1;
    return store_step_plan(c->on->store, id, planned.rows, planned.count, err);
}

int project_start(struct call *c, struct err *err)
{
    return project_ensure_steps(c, json_get_str(c->in, "id", ""), err) < 0
               ? -1
               : request(c, FLOW_START, err);
}

int project_stop(struct call *c, struct err *err)
{
    return request(c, FLOW_STOP, err);
}

int project_resume(struct call *c, struct err *err)
{
    return request(c, FLOW_RESUME, err);
}

int project_release(struct call *c, struct err *err)
{
    return request(c, FLOW_RELEASE, err);
}

int project_delete(struct call *c, struct err *err)
{
    return request(c, FLOW_DELETE, err);
}

/* ------------------------------------------------------------------ name and alert level */

/* Of a project that is not over: oms-api.md 3.2. */
enum { LIVING = 1U << PS_INIT | 1U << PS_RUNNING | 1U << PS_SUSPEND | 1U << PS_FAILED };

static int refuse_over(const struct project *p, const char *what, struct err *err)
{
    return err_set(err, ERR_STATE,
                   "project %s is %s: its %s can be changed in INIT, RUNNING, SUSPEND and FAILED "
                   "only",
                   p->id, project_status_text(p->status), what);
}

static int rename_locked(struct call *c, const struct project *p, struct err *err)
{
    const char *name = json_get_str(c->in, "name", "");
    char told[512];
    int r;

    if (modify_none_open(c, p->id, "RenameProject", err) < 0)
        return -1;
    (void)snprintf(told, sizeof(told), "%.128s: %s -> %s", c->who->name, p->name, name);
    r = store_project_rename(c->on->store, p->id, LIVING, name, told, err);
    return r == 0 ? refuse_over(p, "name", err) : MIN(r, 0);
}

static int importance_locked(struct call *c, const struct project *p, struct err *err)
{
    const char *level = json_get_str(c->in, "importance", "");
    char told[256];
    int r;

    (void)snprintf(told, sizeof(told), "%.128s: importance = %s", c->who->name, level);
    json_add_str(p->config, "importance", level);
    r = store_project_set_config(c->on->store, p->id, LIVING, p->config, told, err);
    return r == 0 ? refuse_over(p, "importance", err) : MIN(r, 0);
}

static int with_lock(struct call *c,
                     int (*change)(struct call *, const struct project *, struct err *),
                     struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    int r;

    (void)pthread_mutex_lock(api_config_lock(c->api));
    r = store_project_live(c->on->store, json_get_str(c->in, "id", ""), &p, err);
    if (r == 0)
        r = change(c, p, err);
    (void)pthread_mutex_unlock(api_config_lock(c->api));
    return r;
}

int project_rename(struct call *c, struct err *err)
{
    return with_lock(c, rename_locked, err);
}

int project_importance(struct call *c, struct err *err)
{
    int r = with_lock(c, importance_locked, err);

    if (r == 0) /* the alerts go by it from now on */
        flow_throttle(c->on->flow, json_get_str(c->in, "id", ""));
    return r;
}

/* ------------------------------------------------------------------ where incremental begins */

static int refuse_reset(const struct project *p, bool withdraw, struct err *err)
{
    bool at_rest = p->status == PS_SUSPEND || p->status == PS_FAILED;

    if (withdraw && at_rest)
        return err_set(err, ERR_STATE, "project %s has no reset that waits", p->id);
    (void)err_set(err, ERR_STATE,
                  "project %s is %s: its start can be set anew in SUSPEND and FAILED only", p->id,
                  project_status_text(p->status));
    return err_advise(err, p->status == PS_INIT
                               ? "Before the first start incrTransferConfig.startTimestamp of "
                                 "CreateProject says where it begins."
                               : "StopProject first.");
}

/* With `reverse` the project that carries the other direction. */
static int project_to_reset(struct call *c, struct project **ret, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if (!json_get_bool(c->in, "reverse", false)) {
        *ret = take_ptr(p);
        return 0;
    }
    if (p->reverse_id[0] != '\0')
        return store_project_live(c->on->store, p->reverse_id, ret, err);
    if (json_get_bool(p->config, "enableReverseIncrTransfer", false)) {
        (void)err_set(
            err, ERR_NOT_SUPPORTED,
            "reverse: project %s goes back by a switchover, which notes where the reverse "
            "direction begins; that can't be set anew",
            id);
        return err_advise(err, "Release it, and copy back with a project of its own.");
    }
    return err_set(err, ERR_STATE, "project %s has no reverse direction", id);
}

int project_reset_start(struct call *c, struct err *err)
{
    /* not INIT: there is nothing to set anew, startTimestamp of the configuration says it */
    static const unsigned at_rest = 1U << PS_SUSPEND | 1U << PS_FAILED;
    int64_t from = json_get_i64(c->in, "startTimestamp", 0);
    bool withdraw = json_get_bool(c->in, "withdraw", false);
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id;
    struct reset reset = { 0 };
    int r;

    if (withdraw == (from != 0))
        faults_add(&c->faults, "startTimestamp",
                   withdraw ? "must not come with withdraw" : "is required");
    if (faults_raise(&c->faults, err) < 0 || project_to_reset(c, &p, err) < 0)
        return -1;
    id = p->id;
    if (!withdraw && modify_none_open(c, id, "ResetIncrStartTimestamp", err) < 0)
        return -1;
    r = withdraw ? store_reset_withdraw(c->on->store, id, at_rest, c->who->name, err)
                 : store_reset_request(c->on->store, id, at_rest, from, c->who->name, &reset, err);
    if (r <= 0)
        return r < 0 ? -1 : refuse_reset(p, withdraw, err);
    c->data = withdraw ? NULL : json_object_new_int64(reset.number);
    return 0;
}
