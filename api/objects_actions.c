/* ImportObjects, ExportObjects: the object list as CSV. */
#include "api/action.h"

#include <string.h>

#include "api/mapping.h"
#include "api/names.h"
#include "api/objects_csv.h"
#include "base/json.h"
#include "base/secret.h"

#include "base/banned.h"

/* clang-format off */
const struct field import_objects_fields[] = {
    { .name = "csv", .type = FT_STRING },
    { .name = "csvBase64", .type = FT_STRING, .flags = F_NOT_EMPTY },
    { .name = "controlSchema", .type = FT_STRING, .min = 1, .max = 64, .fallback = "\"oms\"", .check = name_check_control },
    { 0 },
};

const struct field export_objects_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 39 },
    { .name = "transferMapping", .type = FT_OBJECT, .fields = mapping_fields },
    { 0 },
};
/* clang-format on */

enum { CSV_MAX_BYTES = 64 * 1024 * 1024 };

int objects_import_csv(struct call *c, struct err *err)
{
    const char *csv = json_get_str(c->in, "csv", NULL);
    const char *encoded = json_get_str(c->in, "csvBase64", NULL);
    const char *control = json_get_str(c->in, "controlSchema", "oms");
    _cleanup_(secret_freep)
    struct secret *bytes = NULL;
    struct json_object *mapping = NULL;

    if ((csv == NULL) == (encoded == NULL)) {
        faults_add(&c->faults, "csv", "is required, or csvBase64: one of them");
        return faults_raise(&c->faults, err);
    }
    if (encoded != NULL && secret_from_base64(encoded, &bytes, err) < 0) {
        if (err->code != ERR_PARAM)
            return -1;
        err_reset(err);
        faults_add(&c->faults, "csvBase64", "is not Base64");
        return faults_raise(&c->faults, err);
    }
    if (objects_import(csv != NULL ? csv : secret_text(bytes),
                       csv != NULL ? strlen(csv) : secret_len(bytes), control, &c->faults, &mapping,
                       err) < 0 ||
        faults_raise(&c->faults, err) < 0)
        return -1;
    c->data = json_object_new_object();
    return json_add(c->data, "transferMapping", mapping);
}

int objects_export_csv(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", NULL);
    struct json_object *mapping = json_get(c->in, "transferMapping");
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(strbuf_done)
    struct strbuf csv = STRBUF(CSV_MAX_BYTES);
    size_t lines;

    if ((id == NULL) == (mapping == NULL)) {
        faults_add(&c->faults, "id", "is required, or transferMapping: one of them");
        return faults_raise(&c->faults, err);
    }
    if (id != NULL) {
        if (store_project_live(c->on->store, id, &p, err) < 0)
            return -1;
        mapping = json_get(p->config, "transferMapping");
    }
    lines = objects_export(mapping, &csv);
    if (strbuf_check(&csv, err) < 0)
        return -1;
    c->data = json_object_new_object();
    json_add_i64(c->data, "objects", (int64_t)lines);
    return json_add_strn(c->data, "csv", strbuf_str(&csv), csv.len);
}
