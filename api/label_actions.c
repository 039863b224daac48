/* Labels of projects, and starting or stopping all projects of a label. */
#include "api/action.h"

#include "api/names.h"
#include "api/view.h"
#include "base/json.h"
#include "base/log.h"
#include "store/label.h"

#include "base/banned.h"

/* clang-format off */
const struct field create_label_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 20, .check = name_check_plain },
    { 0 },
};

const struct field label_id_fields[] = {
    { .name = "id", .alias = "labelId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};

const struct field no_fields[] = { { 0 } };

const struct field update_project_label_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "labelIds", .type = FT_STRINGS, .flags = F_REQUIRED, .max = LABELS_PER_PROJECT },
    { 0 },
};
/* clang-format on */

int label_create(struct call *c, struct err *err)
{
    char id[ID_MAX];

    if (store_label_add(c->on->store, json_get_str(c->in, "name", ""), c->who->name, id, err) < 0)
        return -1;
    c->data = json_object_new_string(id);
    return 0;
}

int label_list(struct call *c, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    if (store_label_list(c->on->store, &rows, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view_label(json_at(rows, i)));
    return 0;
}

int label_delete(struct call *c, struct err *err)
{
    return store_label_delete(c->on->store, json_get_str(c->in, "id", ""), err);
}

int label_set(struct call *c, struct err *err)
{
    return store_label_set(c->on->store, json_get_str(c->in, "id", ""),
                           json_get_array(c->in, "labelIds"), c->who->name, err);
}

/* Each by itself: one that was moved or deleted meanwhile is among the failed, the others go on. */
static int for_label(struct call *c, enum project_status in, enum flow_op op, struct err *err)
{
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    struct json_object *done = json_object_new_array(), *failed = json_object_new_array();
    size_t count = 0;

    c->data = json_object_new_object();
    json_add(c->data, "succeedProjectIds", done);
    json_add(c->data, "failedProjectIds", failed);
    if (store_label_projects(c->on->store, json_get_str(c->in, "id", ""), in, &ids, &count, err) <
        0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct err why = { 0 };
        bool ok = (op != FLOW_START || project_ensure_steps(c, ids[i], &why) == 0) &&
                  flow_request(c->on->flow, ids[i], op, &why) == 0;

        if (!ok)
            log_err(LOG_INFO, "api", "by_label_failed", &why);
        json_object_array_add(ok ? done : failed, json_object_new_string(ids[i]));
    }
    json_add_i64(c->data, "total", (int64_t)count);
    return 0;
}

int label_start(struct call *c, struct err *err)
{
    return for_label(c, PS_INIT, FLOW_START, err);
}

int label_stop(struct call *c, struct err *err)
{
    return for_label(c, PS_RUNNING, FLOW_STOP, err);
}
