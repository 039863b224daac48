#include "api/action.h"

#include <string.h>
#include <strings.h>

#include "api/project_body.h"
#include "api/view.h"
#include "base/fault.h"
#include "base/json.h"

#include "base/banned.h"

/* clang-format off */
static const char *const project_statuses[] = {
#define TEXT_(sym, text) text,
    PROJECT_STATUS_TABLE(TEXT_)
#undef TEXT_
    "RUNNING_MODIFYING", "RUNNING_MERGING", "RUNNING_ALARMING", NULL,
};

const struct field project_id_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};

const struct field list_project_fields[] = {
    { .name = "searchKey", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "type", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 32 },
    { .name = "status", .type = FT_STRINGS, .max = 32, .values = project_statuses },
    { .name = "labelIds", .type = FT_STRINGS, .max = 5 },
    { .name = "sourceEndpointTypes", .type = FT_STRINGS, .max = 32 },
    { .name = "sinkEndpointTypes", .type = FT_STRINGS, .max = 32 },
    { .name = "visibleSubProject", .type = FT_BOOL },
    { .name = "needRelatedInfo", .type = FT_BOOL, .fallback = "true" },
    PAGE_FIELDS,
    { 0 },
};
/* clang-format on */

/* A project's steps for the length of a scope. */
struct step_rows {
    struct step *rows;
    size_t count;
};

static void step_rows_done(struct step_rows *s)
{
    step_list_free(s->rows, s->count);
}

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
static int ensure_steps(struct call *c, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows there = { 0 };
    _cleanup_(step_rows_done)
    struct step_rows planned = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id = json_get_str(c->in, "id", "");

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
    return ensure_steps(c, err) < 0 ? -1 : request(c, FLOW_START, err);
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

/* ------------------------------------------------------------------ limits while running */

static bool is_throttle(const char *key)
{
    return strcmp(key, "throttleRps") == 0 || strcmp(key, "throttleIOPS") == 0;
}

/*
 * One configuration object: throttles are replaced as a set (one left out is no limit any more,
 * oms-api.md 4.12); clients send the rest back as it is, and a change of that is refused.
 */
static void merge_config(struct json_object *stored, struct json_object *sent, const char *name,
                         struct faults *faults)
{
    static const char *const throttles[] = { "throttleRps", "throttleIOPS" };

    json_object_object_foreach(sent, key, value)
    {
        struct json_object *now = json_get(stored, key);
        if (!is_throttle(key) && (now == NULL || !json_object_equal(now, value))) {
            char path[128];
            (void)snprintf(path, sizeof(path), "%s.%s", name, key);
            faults_later(faults, path, "can't be changed yet, only throttleRps and throttleIOPS");
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(throttles); i++) {
        struct json_object *v = json_get(sent, throttles[i]);
        json_object_object_del(stored, throttles[i]);
        if (v != NULL)
            json_add(stored, throttles[i], json_object_get(v));
    }
}

static int update_locked(struct call *c, const char *id, struct err *err)
{
    static const char *const names[] = { "fullTransferConfig", "incrTransferConfig" };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *config = NULL;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if (p->status == PS_RELEASING || p->status == PS_RELEASED || p->status == PS_DELETED)
        return err_set(err, ERR_STATE, "project %s is %s: its configuration can't be changed", id,
                       project_status_text(p->status));
    config = json_clone(p->config);
    if (config == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct json_object *sent = json_get(c->in, names[i]), *stored = json_get(config, names[i]);
        if (sent != NULL && stored != NULL)
            merge_config(stored, sent, names[i], &c->faults);
    }
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    return store_project_set_config(c->on->store, id, config, err);
}

int project_update_config(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    int r;

    (void)pthread_mutex_lock(api_config_lock(c->api));
    r = update_locked(c, id, err);
    (void)pthread_mutex_unlock(api_config_lock(c->api));
    if (r == 0)
        flow_throttle(c->on->flow, id);
    return r;
}

/* ------------------------------------------------------------------ reading */

/* A source that is gone for good shows as null; other errors are errors. */
static int get_source(struct call *c, const char *id, struct source **ret, struct err *err)
{
    struct err missing = { 0 };

    if (store_source_get(c->on->store, id, true, ret, &missing) == 0 ||
        missing.code == ERR_SOURCE_NOT_FOUND)
        return 0;
    *err = missing;
    return -1;
}

static int show(struct call *c, const struct project *p, bool brief, bool related,
                struct json_object **ret, struct err *err)
{
    _cleanup_(source_freep)
    struct source *source = NULL;
    _cleanup_(source_freep)
    struct source *sink = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    struct project_parts parts = { .project = p, .brief = brief };

    if (get_source(c, p->source_id, &source, err) < 0 || get_source(c, p->sink_id, &sink, err) < 0)
        return -1;
    if (related && store_step_list(c->on->store, p->id, &steps.rows, &steps.count, err) < 0)
        return -1;
    parts.source = source;
    parts.sink = sink;
    parts.steps = steps.rows;
    parts.step_count = steps.count;
    *ret = view_project(&parts);
    if (!related) {
        json_add_null(*ret, "sourceConnectInfo");
        json_add_null(*ret, "sinkConnectInfo");
    }
    return 0;
}

static unsigned status_set(struct json_object *words)
{
    unsigned set = 0;

    for (size_t i = 0; i < json_len(words); i++) {
        enum project_status s;
        if (project_status_parse(json_at_str(words, i), &s))
            set |= 1U << s;
    }
    return set;
}

/* Statuses that this version never reaches, labels that nobody has: nothing can match. */
static bool matches_none(struct call *c, unsigned statuses)
{
    return json_len(json_get_array(c->in, "labelIds")) > 0 ||
           (json_len(json_get_array(c->in, "status")) > 0 && statuses == 0);
}

int project_list(struct call *c, struct err *err)
{
    struct project **list = NULL;
    size_t count = 0;
    const char **sources = call_words(json_get_array(c->in, "sourceEndpointTypes"));
    const char **sinks = call_words(json_get_array(c->in, "sinkEndpointTypes"));
    struct project_filter filter = {
        .search = json_get_str(c->in, "searchKey", NULL),
        .type = json_get_str(c->in, "type", NULL),
        .statuses = status_set(json_get_array(c->in, "status")),
        .source_types = sources,
        .sink_types = sinks,
    };
    bool related = json_get_bool(c->in, "needRelatedInfo", true);
    int r = 0;

    call_page(c);
    filter.page = c->page;
    c->data = json_object_new_array();
    if (!matches_none(c, filter.statuses))
        r = store_project_list(c->on->store, &filter, &list, &count, &c->total, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct json_object *item = NULL;
        r = show(c, list[i], true, related, &item, err);
        if (r == 0)
            json_object_array_add(c->data, item);
    }
    project_list_free(list, count);
    free(sources);
    free(sinks);
    return r;
}

int project_describe(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, json_get_str(c->in, "id", ""), &p, err) < 0)
        return -1;
    return show(c, p, false, true, &c->data, err);
}

int project_steps(struct call *c, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id = json_get_str(c->in, "id", "");

    if (store_step_list(c->on->store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    /* every project has steps, so its row, whose selection may be large, is read only without */
    if (steps.count == 0 && store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    c->data = view_steps(steps.rows, steps.count);
    return 0;
}

int project_progress(struct call *c, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *id = json_get_str(c->in, "id", "");

    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_step_list(c->on->store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    c->data = view_progress(p, steps.rows, steps.count);
    return 0;
}
