#include "api/action.h"

#include <string.h>
#include <strings.h>

#include "api/project_body.h"
#include "api/view.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "store/event.h"
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

const struct field list_event_fields[] = {
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field reset_start_fields[] = {
    { .name = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "startTimestamp", .type = FT_INT, .flags = F_NOT_EMPTY, .min = INT64_MIN, .check_int = check_past },
    { .name = "withdraw", .type = FT_BOOL, .fallback = "false" },
    { .name = "reverse", .type = FT_BOOL, .flags = F_LATER_TRUE, .fallback = "false" },
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

/* ------------------------------------------------------------------ changing a configuration */

/* Statuses in which no worker of a project runs: what is changed counts from the next start on. */
enum { STOPPED = 1U << PS_INIT | 1U << PS_SUSPEND | 1U << PS_FAILED };

static bool one_of(const char *const *list, const char *key)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static const char *const throttles[] = { "throttleRps", "throttleIOPS", NULL };
static const char *const at_next_start[] = { "supportDDLTypes",  "adaptOnlineDdl",
                                             "conflictStrategy", "conflictDetection",
                                             "watchTarget",      NULL };

/*
 * One configuration object: throttles are replaced as a set (one left out is no limit any more,
 * oms-api.md 4.12); what counts from the next start on is changed when it is sent; clients send
 * the rest back as it is, and a change of that is refused.
 *
 * @changed  gets "SECTION.KEY = VALUE" of what counts from the next start on
 */
static void merge_config(struct json_object *stored, struct json_object *sent, const char *name,
                         struct faults *faults, struct strbuf *changed)
{
    json_object_object_foreach(sent, key, value)
    {
        struct json_object *now = json_get(stored, key);
        char path[128];
        if (one_of(throttles, key) || (now != NULL && json_object_equal(now, value)))
            continue;
        (void)snprintf(path, sizeof(path), "%s.%s", name, key);
        if (!one_of(at_next_start, key)) {
            faults_later(faults, path, "can't be changed yet");
            continue;
        }
        strbuf_addf(changed, "%s%s = %s", changed->len > 0 ? ", " : "", path, json_text(value));
        json_add(stored, key, json_object_get(value));
    }
    for (const char *const *limit = throttles; *limit != NULL; limit++) {
        struct json_object *v = json_get(sent, *limit);
        json_object_object_del(stored, *limit);
        if (v != NULL)
            json_add(stored, *limit, json_object_get(v));
    }
}

static int refuse_running(const struct project *p, const char *what, struct err *err)
{
    (void)err_set(err, ERR_STATE,
                  "project %s is %s: %s can be changed in INIT, SUSPEND and FAILED only", p->id,
                  project_status_text(p->status), what);
    return err_advise(err, "StopProject, change it, then ResumeProject.");
}

static int store_config(struct call *c, const struct project *p, struct json_object *config,
                        const struct strbuf *changed, struct err *err)
{
    bool stopped = changed->len > 0;
    char told[1024];
    int r;

    if (stopped && (STOPPED & 1U << p->status) == 0)
        return refuse_running(p, strbuf_str(changed), err);
    (void)snprintf(told, sizeof(told), "%.128s: %.800s", c->who->name, strbuf_str(changed));
    r = store_project_set_config(c->on->store, p->id, stopped ? STOPPED : 0, config,
                                 stopped ? told : NULL, err);
    if (r == 0)
        return err_set(err, ERR_STATE, "project %s was started just now: stop it first", p->id);
    return r < 0 ? -1 : 0;
}

static int update_locked(struct call *c, const char *id, struct err *err)
{
    static const char *const names[] = { "fullTransferConfig", "incrTransferConfig" };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *config = NULL;
    _cleanup_(strbuf_done)
    struct strbuf changed = STRBUF(8192);

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if (p->status == PS_RELEASING || p->status == PS_RELEASED || p->status == PS_DELETED)
        return err_set(err, ERR_STATE, "project %s is %s: its configuration can't be changed", id,
                       project_status_text(p->status));
    config = json_clone(p->config);
    if (config == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (p->reverse && json_get(c->in, "incrTransferConfig") != NULL)
        project_body_check_reverse(json_get(c->in, "incrTransferConfig"), "incrTransferConfig",
                                   &c->faults);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct json_object *sent = json_get(c->in, names[i]), *stored = json_get(config, names[i]);
        if (sent != NULL && stored != NULL)
            merge_config(stored, sent, names[i], &c->faults, &changed);
    }
    if (faults_raise(&c->faults, err) < 0 || strbuf_check(&changed, err) < 0)
        return -1;
    return store_config(c, p, config, &changed, err);
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

int project_reset_start(struct call *c, struct err *err)
{
    /* not INIT: there is nothing to set anew, startTimestamp of the configuration says it */
    static const unsigned at_rest = 1U << PS_SUSPEND | 1U << PS_FAILED;
    const char *id = json_get_str(c->in, "id", "");
    int64_t from = json_get_i64(c->in, "startTimestamp", 0);
    bool withdraw = json_get_bool(c->in, "withdraw", false);
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct reset reset = { 0 };
    int r;

    if (withdraw == (from != 0))
        faults_add(&c->faults, "startTimestamp",
                   withdraw ? "must not come with withdraw" : "is required");
    if (faults_raise(&c->faults, err) < 0 || store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    r = withdraw ? store_reset_withdraw(c->on->store, id, at_rest, c->who->name, err)
                 : store_reset_request(c->on->store, id, at_rest, from, c->who->name, &reset, err);
    if (r <= 0)
        return r < 0 ? -1 : refuse_reset(p, withdraw, err);
    c->data = withdraw ? NULL : json_object_new_int64(reset.number);
    return 0;
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

int project_events(struct call *c, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    const char *id = json_get_str(c->in, "projectId", "");

    call_page(c);
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_event_list(c->on->store, id, (int64_t)(c->page.number - 1) * c->page.size,
                         c->page.size, &rows, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view_event(json_at(rows, i)));
    return 0;
}
