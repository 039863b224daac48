/* What the schema step made of each object, as CSV (oms-api.md 4.18). */
#include "api/action.h"

#include <string.h>

#include "api/csv.h"
#include "base/json.h"
#include "store/converted.h"

#include "base/banned.h"

/* The file is made when it is asked for: the task is the project under another name. */
#define TASK "cv_"
enum { CSV_MAX_BYTES = 64 * 1024 * 1024 };

/* clang-format off */
const struct field converted_result_fields[] = {
    { .name = "id", .alias = "taskId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 48 },
    { 0 },
};
/* clang-format on */

static int find(struct call *c, const char *id, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    return store_project_live(c->on->store, id, &p, err);
}

int converted_check(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    bool any = false;

    if (find(c, id, err) < 0 || store_converted_any(c->on->store, id, &any, err) < 0)
        return -1;
    c->data = json_object_new_object();
    json_add_bool(c->data, "isDownloading", false);
    return json_add_bool(c->data, "hasConvertedObjects", any);
}

int converted_download(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", "");
    char task[64];
    bool any = false;

    if (find(c, id, err) < 0 || store_converted_any(c->on->store, id, &any, err) < 0)
        return -1;
    if (!any) {
        (void)err_set(err, ERR_STATE, "project %s has no converted objects", id);
        return err_advise(err, "They are there as soon as STRUCT_TRANSFER has begun "
                               "(CheckHasConvertedObjects).");
    }
    (void)snprintf(task, sizeof(task), TASK "%s", id);
    c->data = json_object_new_string(task);
    return 0;
}

static void add_file(struct json_object *rows, struct strbuf *to)
{
    static const struct {
        const char *column, *key;
    } columns[] = {
        { "kind", "kind" },
        { "database", "db" },
        { "object", "name" },
        { "targetDatabase", "targetDb" },
        { "targetObject", "targetName" },
        { "sourceText", "source" },
        { "convertedText", "sql" },
        { "notes", "notes" },
    };

    for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
        csv_cell(to, columns[k].column, k == 0);
    csv_end(to);
    for (size_t i = 0; i < json_len(rows); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
            csv_cell(to, json_get_str(json_at(rows, i), columns[k].key, ""), k == 0);
        csv_end(to);
    }
}

int converted_result(struct call *c, struct err *err)
{
    const char *task = json_get_str(c->in, "id", "");
    const char *id = strncmp(task, TASK, strlen(TASK)) == 0 ? task + strlen(TASK) : "";
    _cleanup_(json_putp)
    struct json_object *rows = NULL;
    _cleanup_(strbuf_done)
    struct strbuf csv = STRBUF(CSV_MAX_BYTES);

    if (*id == '\0') {
        faults_add(&c->faults, "id", "is not what DownloadConvertedObjectsAsync answered");
        return faults_raise(&c->faults, err);
    }
    if (find(c, id, err) < 0 || store_converted_list(c->on->store, id, &rows, err) < 0)
        return -1;
    add_file(rows, &csv);
    if (!strbuf_ok(&csv))
        return err_set(err, ERR_LIMIT, "the file would be larger than %d MiB",
                       CSV_MAX_BYTES / 1024 / 1024);
    c->data = json_object_new_object();
    json_add_str(c->data, "code", "FINISHED");
    return json_add_strn(c->data, "csvResult", strbuf_str(&csv), csv.len);
}
