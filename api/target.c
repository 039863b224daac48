#include "api/target.h"

#include <stdio.h>
#include <string.h>

#include "api/fields.h"
#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

/* The first that is there; the same in requests and in answers that are objects. */
static const char *const id_fields[] = { "accessKeyId", "id",      "projectId",  "recordId",
                                         "precheckId",  "labelId", "endpointId", "projectIds" };
static const char *const name_fields[] = { "name", "username", "labelName" };

/* Cut, and without what would break a line: it may come from a body that nobody has checked. */
static void keep(const char *text, char to[static TARGET_MAX])
{
    size_t n = 0;

    for (; *text != '\0' && n < TARGET_MAX - 1; text++)
        to[n++] = (unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f ? *text : '?';
    to[n] = '\0';
}

static bool find(struct json_object *in, const char *const *fields, size_t count,
                 char to[static TARGET_MAX])
{
    for (size_t i = 0; i < count; i++) {
        struct json_object *v = field_find(in, fields[i]);
        if (v != NULL && json_object_is_type(v, json_type_array))
            v = json_at(v, 0);
        if (v == NULL || !json_object_is_type(v, json_type_string))
            continue;
        keep(json_object_get_string(v), to);
        return true;
    }
    return false;
}

void target_of(struct json_object *request, struct json_object *data, struct target *ret)
{
    *ret = (struct target){ 0 };
    if (json_object_is_type(request, json_type_object)) {
        (void)find(request, id_fields, ARRAY_SIZE(id_fields), ret->id);
        (void)find(request, name_fields, ARRAY_SIZE(name_fields), ret->name);
    }
    if (ret->id[0] != '\0')
        return;
    /* what was made: its id is only in the answer */
    if (json_object_is_type(data, json_type_string))
        keep(json_object_get_string(data), ret->id);
    else if (json_object_is_type(data, json_type_object))
        (void)find(data, id_fields, ARRAY_SIZE(id_fields), ret->id);
    if (ret->id[0] == '\0') { /* users are known by name, and so is what was not made */
        memcpy(ret->id, ret->name, sizeof(ret->id));
        ret->name[0] = '\0';
    }
}
