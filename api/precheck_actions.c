#include "api/action.h"

#include <string.h>

#include "api/names.h"
#include "api/project_body.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/precheck.h"
#include "store/source.h"

#include "base/banned.h"

/* clang-format off */
/* The body is CreateProject's, or names a project: which of both decides what is required. */
const struct field submit_precheck_fields[] = {
    { .name = "projectId", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 39 },
    { .name = "subProject", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};
const struct field precheck_result_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
static const char *const ends[] = { "SOURCE", "DEST", NULL };

const struct field skip_item_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "checkType", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_plain },
    { .name = "endpointType", .type = FT_STRING, .flags = F_REQUIRED, .values = ends },
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ starting one */

/* `request` is a CreateProject body, checked like one. */
static int body_of_request(struct call *c, struct json_object *request, struct json_object **ret,
                           struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;

    if (fields_read(create_project_fields, request, "", &c->faults, &body, err) < 0 ||
        project_body_check(body, &c->faults, err) < 0 || faults_raise(&c->faults, err) < 0 ||
        call_endpoints(c, body, err) < 0)
        return -1;
    *ret = take_ptr(body);
    return 0;
}

/* Objects that a project does not have yet: its configuration with the request's selection. */
static int body_of_change(struct call *c, const struct project *p, struct json_object **ret,
                          struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *request = json_clone(p->config);
    struct json_object *mapping = field_find(c->raw, "transferMapping");

    if (request == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (mapping == NULL) {
        faults_add(&c->faults, "transferMapping", "is required with subProject");
        return faults_raise(&c->faults, err);
    }
    json_add(request, "transferMapping", json_object_get(mapping));
    return body_of_request(c, request, ret, err);
}

static int body_of_project(struct call *c, const char *project_id, unsigned statuses,
                           struct json_object **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, project_id, &p, err) < 0)
        return -1;
    if (p->status == PS_RELEASING || p->status == PS_RELEASED || p->status == PS_DELETED)
        return err_set(err, ERR_STATE, "project %s is %s: there is nothing to check", project_id,
                       project_status_text(p->status));
    if ((statuses & 1U << p->status) == 0)
        return err_set(err, ERR_STATE,
                       "project %s is %s: its check can be run again in INIT, SUSPEND and FAILED "
                       "only",
                       project_id, project_status_text(p->status));
    if (json_get_bool(c->in, "subProject", false))
        return body_of_change(c, p, ret, err);
    *ret = json_object_get(p->config);
    return 0;
}

/* Takes the body over. The answer's data is the precheck's id. */
static int submit(struct call *c, const char *project_id, struct json_object *body, struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        json_object_put(body);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->body = body;
    p->status = strdup("INIT");
    if (p->status == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (project_id != NULL)
        (void)snprintf(p->project_id, sizeof(p->project_id), "%s", project_id);
    if (store_precheck_add(c->on->store, p, err) < 0)
        return -1;
    flow_precheck(c->on->flow, p->id);
    c->data = json_object_new_string(p->id);
    return 0;
}

/*
 * What a precheck of this one end is asked: a worker looks at a source alone when the body says
 * "probe" (docs/channel.md), and wants some selection of objects like any other.
 */
static struct json_object *probe_body(const char *id)
{
    struct json_object *body = json_object_new_object(), *mapping = json_object_new_object();
    struct json_object *rules = json_object_new_array();

    json_object_array_add(rules, json_object_new_string("*.*"));
    json_add_str(mapping, "mode", "WILDCARD");
    json_add(mapping, "tableAndViewWhiteList", rules);
    json_add_str(body, "sourceEndpointId", id);
    json_add_str(body, "sinkEndpointId", id);
    json_add(body, "transferMapping", mapping);
    json_add_bool(body, "probe", true);
    return body;
}

int source_test(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(source_freep)
    struct source *s = NULL;

    if (store_source_get(c->on->store, id, false, &s, err) < 0)
        return -1;
    return submit(c, NULL, probe_body(id), err);
}

int precheck_submit(struct call *c, struct err *err)
{
    const char *project_id = json_get_str(c->in, "projectId", NULL);
    struct json_object *body = NULL;

    if (project_id == NULL ? body_of_request(c, c->raw, &body, err) < 0
                           : body_of_project(c, project_id, ~0U, &body, err) < 0)
        return -1;
    return submit(c, project_id, body, err);
}

/* A running project's own step may be at it: two checks of one project would tell of different
 * moments. */
int precheck_run(struct call *c, struct err *err)
{
    static const unsigned resting = 1U << PS_INIT | 1U << PS_SUSPEND | 1U << PS_FAILED;
    const char *id = json_get_str(c->in, "id", "");
    struct json_object *body = NULL;

    if (body_of_project(c, id, resting, &body, err) < 0)
        return -1;
    return submit(c, id, body, err);
}

/* ------------------------------------------------------------------ skipping an item */

static struct json_object *item_named(struct json_object *items, const char *check_type,
                                      const char *end)
{
    for (size_t i = 0; i < json_len(items); i++) {
        struct json_object *item = json_at(items, i);
        if (strcmp(json_get_str(item, "checkType", ""), check_type) == 0 &&
            strcmp(json_get_str(item, "endpointType", ""), end) == 0)
            return item;
    }
    return NULL;
}

static int check_skippable(struct call *c, const char *id, const char *check_type, const char *end,
                           struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *p = NULL;
    _cleanup_(json_putp)
    struct json_object *items = NULL;
    struct json_object *item;

    if (store_precheck_latest(c->on->store, id, &p, err) < 0 ||
        store_precheck_items(c->on->store, p->id, &items, err) < 0)
        return -1;
    item = item_named(items, check_type, end);
    if (item == NULL)
        return err_set(err, ERR_PARAM, "checkType: precheck %s has no item %s at %s", p->id,
                       check_type, end);
    if (strcmp(json_get_str(item, "status", ""), "FAILED") == 0 &&
        !json_get_bool(item, "skippable", false))
        return err_set(err, ERR_STATE, "item %s at %s can't be skipped: %.600s", check_type, end,
                       json_get_str(item, "message", ""));
    if (strcmp(json_get_str(item, "status", ""), "PASSED") == 0)
        return err_set(err, ERR_STATE, "item %s at %s has passed: there is nothing to skip",
                       check_type, end);
    return 0;
}

int precheck_skip(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    const char *check_type = json_get_str(c->in, "checkType", "");
    const char *end = json_get_str(c->in, "endpointType", "");
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if (p->status == PS_FINISHED || p->status == PS_RELEASING || p->status == PS_RELEASED)
        return err_set(err, ERR_STATE, "project %s is %s: there is nothing to skip", id,
                       project_status_text(p->status));
    if (check_skippable(c, id, check_type, end, err) < 0)
        return -1;
    return store_skip_add(c->on->store, id, check_type, end, c->who->name, err);
}

/* ------------------------------------------------------------------ the result */

/*
 * One item in the shape of both editions (oms-api.md 4.17). `role` tells MASTER from SLAVE. A
 * failed one that somebody has decided to skip since shows as skipped already.
 */
static struct json_object *view_item(struct json_object *item, struct json_object *skipped)
{
    const char *status = json_get_str(item, "status", "");
    char time[CLOCK_TEXT_LEN];
    static const char *const texts[] = { "name",   "endpointType", "checkType",
                                         "status", "message",      "advice" };
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_add_str(o, texts[i], json_get_str(item, texts[i], NULL));
    if (skipped != NULL && strcmp(status, "FAILED") == 0)
        json_add_str(o, "status", "SKIPPED");
    json_add_bool(o, "skippable", json_get_bool(item, "skippable", false));
    json_add_str(o, "role", "MASTER");
    json_add_str(o, "skippedBy", skipped != NULL ? json_get_str(skipped, "user", NULL) : NULL);
    json_add_str(o, "gmtSkip",
                 skipped != NULL ? clock_text(json_get_i64(skipped, "time", 0), time) : NULL);
    return o;
}

/* A check that could not run at all has no items: its error is shown as one. */
static struct json_object *item_of_error(struct json_object *error)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "name", "Precheck");
    json_add_str(o, "endpointType", "SOURCE");
    json_add_str(o, "checkType", "PRECHECK_RUN");
    json_add_str(o, "status", "FAILED");
    json_add_str(o, "message", json_get_str(error, "message", NULL));
    json_add_str(o, "advice", json_get_str(error, "advice", NULL));
    json_add_bool(o, "skippable", false);
    json_add_str(o, "role", "MASTER");
    json_add_null(o, "skippedBy");
    json_add_null(o, "gmtSkip");
    return o;
}

static struct json_object *view_items(const struct precheck *p, struct json_object *items,
                                      struct json_object *skips)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_len(items); i++) {
        struct json_object *item = json_at(items, i);
        json_object_array_add(list,
                              view_item(item, item_named(skips, json_get_str(item, "checkType", ""),
                                                         json_get_str(item, "endpointType", ""))));
    }
    if (p->error != NULL)
        json_object_array_add(list, item_of_error(p->error));
    return list;
}

static size_t count_status(struct json_object *list, const char *status)
{
    size_t n = 0;

    for (size_t i = 0; i < json_len(list); i++)
        n += strcmp(json_get_str(json_at(list, i), "status", ""), status) == 0;
    return n;
}

/* `preCheckStatus` of the one edition, `projectStatus` of the other, which also knows SKIPPED. */
static void add_statuses(struct json_object *o, const struct precheck *p, struct json_object *list)
{
    bool over = strcmp(p->status, "FAILED") == 0 || strcmp(p->status, "FINISHED") == 0;
    bool failed = strcmp(p->status, "FAILED") == 0 &&
                  (count_status(list, "FAILED") > 0 || count_status(list, "SKIPPED") == 0);
    const char *status = over ? (failed ? "FAILED" : "FINISHED") : p->status;

    json_add_str(o, "preCheckStatus", status);
    json_add_str(o, "projectStatus",
                 over && !failed && count_status(list, "SKIPPED") > 0 ? "SKIPPED" : status);
}

int precheck_result(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(precheck_freep)
    struct precheck *p = NULL;
    _cleanup_(json_putp)
    struct json_object *items = NULL;
    _cleanup_(json_putp)
    struct json_object *skips = NULL;
    struct json_object *list;
    bool of_project = strncmp(id, "np_", 3) == 0;

    if (of_project) { /* an unknown project is told as such */
        _cleanup_(project_freep)
        struct project *project = NULL;
        if (store_project_live(c->on->store, id, &project, err) < 0)
            return -1;
    }
    if ((of_project ? store_precheck_latest(c->on->store, id, &p, err)
                    : store_precheck_get(c->on->store, id, &p, err)) < 0 ||
        store_precheck_items(c->on->store, p->id, &items, err) < 0 ||
        store_skip_list(c->on->store, p->project_id, &skips, err) < 0)
        return -1;
    list = view_items(p, items, skips);
    c->data = json_object_new_object();
    json_add_str(c->data, "projectId", p->project_id[0] != '\0' ? p->project_id : NULL);
    json_add_str(c->data, "preCheckId", p->id);
    add_statuses(c->data, p, list);
    json_add_double(c->data, "progress", p->progress);
    json_add(c->data, "preCheckResults", list);
    return 0;
}
