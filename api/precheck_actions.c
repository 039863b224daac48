#include "api/action.h"

#include <string.h>

#include "api/project_body.h"
#include "base/json.h"
#include "store/precheck.h"

#include "base/banned.h"

/* clang-format off */
/* The body is CreateProject's, or names a project: which of both decides what is required. */
const struct field submit_precheck_fields[] = {
    { .name = "projectId", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 39 },
    { 0 },
};
const struct field precheck_result_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
/* clang-format on */

static int body_of_request(struct call *c, struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;

    if (fields_read(create_project_fields, c->raw, "", &c->faults, &body, err) < 0 ||
        project_body_check(body, &c->faults, err) < 0 || faults_raise(&c->faults, err) < 0 ||
        call_endpoints(c, body, err) < 0)
        return -1;
    *ret = take_ptr(body);
    return 0;
}

static int body_of_project(struct call *c, const char *project_id, struct json_object **ret,
                           struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, project_id, &p, err) < 0)
        return -1;
    if (p->status == PS_RELEASING || p->status == PS_RELEASED || p->status == PS_DELETED)
        return err_set(err, ERR_STATE, "project %s is %s: there is nothing to check", project_id,
                       project_status_text(p->status));
    *ret = json_object_get(p->config);
    return 0;
}

int precheck_submit(struct call *c, struct err *err)
{
    const char *project_id = json_get_str(c->in, "projectId", NULL);
    _cleanup_(precheck_freep)
    struct precheck *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (project_id == NULL ? body_of_request(c, &p->body, err) < 0
                           : body_of_project(c, project_id, &p->body, err) < 0)
        return -1;
    if (project_id != NULL)
        (void)snprintf(p->project_id, sizeof(p->project_id), "%s", project_id);
    p->status = strdup("INIT");
    if (p->status == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (store_precheck_add(c->on->store, p, err) < 0)
        return -1;
    flow_precheck(c->on->flow, p->id);
    c->data = json_object_new_string(p->id);
    return 0;
}

/* One item in the shape of CE 4.2.12 (oms-api.md 4.17). `role` tells MASTER from SLAVE. */
static struct json_object *view_item(struct json_object *item)
{
    static const char *const texts[] = { "name",   "endpointType", "checkType",
                                         "status", "message",      "advice" };
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_add_str(o, texts[i], json_get_str(item, texts[i], NULL));
    json_add_bool(o, "skippable", json_get_bool(item, "skippable", false));
    json_add_str(o, "role", "MASTER");
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
    return o;
}

int precheck_result(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    _cleanup_(precheck_freep)
    struct precheck *p = NULL;
    _cleanup_(json_putp)
    struct json_object *items = NULL;
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
        store_precheck_items(c->on->store, p->id, &items, err) < 0)
        return -1;
    list = json_object_new_array();
    for (size_t i = 0; i < json_len(items); i++)
        json_object_array_add(list, view_item(json_at(items, i)));
    if (p->error != NULL)
        json_object_array_add(list, item_of_error(p->error));
    c->data = json_object_new_object();
    json_add_str(c->data, "preCheckId", p->id);
    json_add_str(c->data, "preCheckStatus", p->status);
    json_add_double(c->data, "progress", p->progress);
    json_add(c->data, "preCheckResults", list);
    return 0;
}
