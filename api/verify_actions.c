/* Full verification (oms-api.md 4.13; docs/verification.md): run it, what it found, corrections. */
#include "api/action.h"

#include <stdio.h>
#include <string.h>

#include "api/project_body.h"
#include "api/verify_view.h"
#include "base/json.h"
#include "store/verify.h"

#include "base/banned.h"

enum { TABLES_MAX = 10000, ROWS_MAX = 1000, NAME_LEN = 160 };

/* clang-format off */
static const char *const table_statuses[] = { "RUNNING", "ERROR", "FINISHED", "SUSPEND", NULL };
static const struct field table_fields[] = {
    { .name = "schema", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = NAME_LEN },
    { .name = "table", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = NAME_LEN },
    { 0 },
};

#define PROJECT_FIELD \
    { .name = "projectId", .alias = "id", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 }
#define OF_TABLE_FIELDS \
    { .name = "schema", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = NAME_LEN }, \
    { .name = "table", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = NAME_LEN }

const struct field start_verify_fields[] = {
    PROJECT_FIELD,
    { .name = "tables", .type = FT_OBJECTS, .max = TABLES_MAX, .fields = table_fields },
    { 0 },
};

const struct field list_verify_fields[] = {
    PROJECT_FIELD,
    { .name = "sourceSchemas", .type = FT_STRINGS, .max = 1000 },
    { .name = "destSchemas", .type = FT_STRINGS, .max = 1000 },
    { .name = "status", .type = FT_STRINGS, .max = 16, .values = table_statuses },
    PAGE_NUMBER_FIELDS,
    { 0 },
};

const struct field list_verify_row_fields[] = { PROJECT_FIELD, OF_TABLE_FIELDS, PAGE_NUMBER_FIELDS, { 0 } };

const struct field apply_verify_fields[] = {
    PROJECT_FIELD,
    OF_TABLE_FIELDS,
    { .name = "rowIds", .type = FT_STRINGS, .max = ROWS_MAX },
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ running it */

/* In the store's words; NULL: all tables. */
static struct json_object *named_tables(struct json_object *tables)
{
    struct json_object *list;

    if (json_len(tables) == 0)
        return NULL;
    list = json_object_new_array();
    for (size_t i = 0; i < json_len(tables); i++) {
        struct json_object *o = json_object_new_object(), *t = json_at(tables, i);
        json_add_str(o, "db", json_get_str(t, "schema", ""));
        json_add_str(o, "table", json_get_str(t, "table", ""));
        json_object_array_add(list, o);
    }
    return list;
}

/* Where a kind of DML is not carried both ends differ on purpose. */
static int carries_all(struct call *c, const char *id, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    const char *missing;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    missing = project_body_left_out(p->config);
    if (missing == NULL)
        return 0;
    return err_set(err, ERR_STATE,
                   "project %s can't be verified: its recordTypeWhiteList leaves out %s, so both "
                   "ends differ on purpose",
                   id, missing);
}

static int check_known(struct call *c, const char *id, struct json_object *tables, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *unknown = NULL;

    if (tables == NULL)
        return 0;
    if (store_verify_unknown(c->on->store, id, tables, &unknown, err) < 0)
        return -1;
    for (size_t i = 0; i < json_len(unknown); i++) {
        int64_t at = json_object_get_int64(json_at(unknown, i));
        struct json_object *t = json_at(tables, (size_t)at);
        char path[64];
        (void)snprintf(path, sizeof(path), "tables[%d]", (int)at);
        faults_add(&c->faults, path, "the project has no table %s.%s", json_get_str(t, "db", ""),
                   json_get_str(t, "table", ""));
    }
    return faults_raise(&c->faults, err);
}

int verify_start(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    _cleanup_(json_putp)
    struct json_object *tables = named_tables(json_get_array(c->in, "tables"));

    if (carries_all(c, id, err) < 0 || project_ensure_steps(c, id, err) < 0 ||
        modify_none_open(c, id, "StartFullVerify", err) < 0)
        return -1;
    if (check_known(c, id, tables, err) < 0)
        return -1;
    return flow_verify_start(c->on->flow, id, tables, c->who->name, err);
}

/* ------------------------------------------------------------------ what it found */

static int live(struct call *c, const char *id, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    return store_project_live(c->on->store, id, &p, err);
}

/* An empty list filters as none does. */
static struct json_object *filter_of(struct call *c, const char *key)
{
    struct json_object *list = json_get_array(c->in, key);

    return json_len(list) > 0 ? list : NULL;
}

int verify_list(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    struct verify_filter f = {
        .source_schemas = filter_of(c, "sourceSchemas"),
        .dest_schemas = filter_of(c, "destSchemas"),
        .statuses = filter_of(c, "status"),
    };
    struct verify_counts counts = { 0 };
    struct json_object *list;
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    call_page(c);
    f.page = c->page;
    if (live(c, id, err) < 0 || store_verify_count(c->on->store, id, &f, &counts, err) < 0 ||
        store_verify_list(c->on->store, id, &f, &rows, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_object();
    list = json_object_new_array();
    json_add_i64(c->data, "differentNumber", counts.different);
    json_add(c->data, "fullVerifyTableStatistics", list);
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(list, verify_view_table(json_at(rows, i)));
    return 0;
}

static int list_rows(struct call *c, struct json_object *(*view)(struct json_object *row),
                     struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    struct verify_rows f = { .schema = json_get_str(c->in, "schema", NULL),
                             .table = json_get_str(c->in, "table", NULL) };
    _cleanup_(json_putp)
    struct json_object *rows = NULL;

    call_page(c);
    f.page = c->page;
    if (live(c, id, err) < 0 || store_verify_rows(c->on->store, id, &f, &rows, &c->total, err) < 0)
        return -1;
    c->data = json_object_new_array();
    for (size_t i = 0; i < json_len(rows); i++)
        json_object_array_add(c->data, view(json_at(rows, i)));
    return 0;
}

int verify_list_rows(struct call *c, struct err *err)
{
    return list_rows(c, verify_view_row, err);
}

int verify_list_corrections(struct call *c, struct err *err)
{
    return list_rows(c, verify_view_correction, err);
}

/* ------------------------------------------------------------------ corrections */

int verify_apply(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "projectId", "");
    const struct verify_rows f = { .schema = json_get_str(c->in, "schema", NULL),
                                   .table = json_get_str(c->in, "table", NULL),
                                   .ids = filter_of(c, "rowIds") };
    int n;

    if (modify_none_open(c, id, "ApplyFullVerifyCorrections", err) < 0)
        return -1;
    n = flow_verify_apply(c->on->flow, id, &f, c->who->name, err);
    if (n < 0)
        return -1;
    if (n == 0) {
        (void)err_set(err, ERR_PARAM, "none of the chosen rows is there to be corrected");
        return err_advise(err, "ListFullVerifyInconsistenciesResult shows the rows that differ; "
                               "those whose state is OPEN or FAILED can be corrected.");
    }
    c->data = json_object_new_object();
    return json_add_i64(c->data, "rows", n);
}
