/* What became of DDL statements in the stream, and what a person decides about those that wait. */
#include "api/action.h"

#include <string.h>

#include "api/view.h"
#include "base/json.h"
#include "store/ddl.h"

#include "base/banned.h"

/* One or several statements; that they are right only the target can tell. */
static const char *check_sql(const char *text)
{
    if (strspn(text, " \t\r\n;") == strlen(text))
        return "must not be empty";
    return strlen(text) > DDL_TEXT_MAX ? "must be at most 65536 bytes long" : NULL;
}

/* clang-format off */
#define DDL_FIELDS \
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 }, \
    { .name = "ddlId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 300 }

const struct field list_ddl_fields[] = {
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "all", .type = FT_BOOL, .fallback = "false" },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field skip_ddl_fields[] = { DDL_FIELDS, { 0 } };

const struct field replace_ddl_fields[] = {
    DDL_FIELDS,
    { .name = "sql", .type = FT_STRING, .flags = F_REQUIRED, .check = check_sql },
    { 0 },
};
/* clang-format on */

int ddl_list(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    call_page(c);
    if (store_project_live(c->on->store, id, &p, err) < 0 ||
        store_ddl_list(c->on->store, id, json_get_bool(c->in, "all", false), &c->page, &rows,
                       &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view_ddl(json_at(rows, i)));
    return 0;
}

/*
 * Also while the project runs: whoever resumed it before deciding has it stop at the statement
 * again, nothing worse.
 */
static int decide(struct call *c, const char *sql, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if (p->status == PS_RELEASING || p->status == PS_RELEASED)
        return err_set(err, ERR_STATE, "project %s is %s: there is nothing to decide", id,
                       project_status_text(p->status));
    return store_ddl_decide(c->on->store, id, json_get_str(c->in, "ddlId", ""), sql, c->who->name,
                            err);
}

int ddl_skip(struct call *c, struct err *err)
{
    return decide(c, NULL, err);
}

int ddl_replace(struct call *c, struct err *err)
{
    return decide(c, json_get_str(c->in, "sql", ""), err);
}
