#include <string.h>

#include "api/csv.h"
#include "api/objects_csv.h"
#include "base/json.h"

#include "base/banned.h"

const char *const objects_columns[OC_MAX_] = {
    [OC_KIND] = "kind",
    [OC_DATABASE] = "database",
    [OC_OBJECT] = "object",
    [OC_TARGET_DATABASE] = "targetDatabase",
    [OC_TARGET_OBJECT] = "targetObject",
    [OC_WHERE] = "whereClause",
    [OC_FILTER] = "filterColumns",
    [OC_SHARD] = "shardColumns",
    [OC_RECORDS] = "recordTypeWhiteList",
    [OC_DDL] = "supportDDLTypes",
    [OC_ID] = "id",
    [OC_CLUSTER] = "clusterName",
    [OC_TENANT] = "tenantName",
};

/* clang-format off */
/* In the order they are written. */
const struct objects_kind objects_kinds[] = {
    { "include",            "tableAndViewWhiteList", NULL,             true },
    { "exclude",            "tableAndViewBlackList", NULL,             true },
    { "database",           "databases",             NULL,             false },
    { "table",              "databases",             "tables",         false },
    { "view",               "databases",             "views",          false },
    { "specificTable",      "databases",             "specificTables", false },
    { "specificView",       "databases",             "specificViews",  false },
    { "blackDatabase",      "databasesBlack",        NULL,             false },
    { "blackTable",         "databasesBlack",        "tables",         false },
    { "blackView",          "databasesBlack",        "views",          false },
    { "blackSpecificTable", "databasesBlack",        "specificTables", false },
    { "blackSpecificView",  "databasesBlack",        "specificViews",  false },
};
/* clang-format on */
const size_t objects_kinds_count = ARRAY_SIZE(objects_kinds);

const char *objects_key(enum objects_column column, bool database)
{
    static const char *const both[OC_MAX_] = {
        [OC_RECORDS] = "recordTypeWhiteList",
        [OC_DDL] = "supportDDLTypes",
        [OC_ID] = "id",
    };
    static const char *const of_database[OC_MAX_] = {
        [OC_DATABASE] = "name",
        [OC_TARGET_DATABASE] = "mappedName",
        [OC_CLUSTER] = "clusterName",
        [OC_TENANT] = "tenantName",
    };
    static const char *const of_object[OC_MAX_] = {
        [OC_OBJECT] = "name",        [OC_TARGET_OBJECT] = "mappedName",
        [OC_WHERE] = "whereClause",  [OC_FILTER] = "filterColumns",
        [OC_SHARD] = "shardColumns",
    };

    if (both[column] != NULL)
        return both[column];
    return database ? of_database[column] : of_object[column];
}

bool objects_is_list(enum objects_column column)
{
    return column == OC_FILTER || column == OC_SHARD || column == OC_RECORDS || column == OC_DDL;
}

/* Elements with semicolons between; one that could be taken for something else in quotes. */
static void add_list(struct strbuf *to, struct json_object *list)
{
    if (json_len(list) == 0)
        strbuf_adds(to, "NONE");
    for (size_t i = 0; i < json_len(list); i++) {
        const char *text = json_at_str(list, i);
        size_t len = strlen(text);

        if (i > 0)
            strbuf_addc(to, ';');
        if (len > 0 && strpbrk(text, ";\"") == NULL && strcasecmp(text, "NONE") != 0 &&
            text[0] != ' ' && text[len - 1] != ' ') {
            strbuf_adds(to, text);
            continue;
        }
        strbuf_addc(to, '"');
        for (const char *p = text; *p != '\0'; p++) {
            if (*p == '"')
                strbuf_addc(to, '"');
            strbuf_addc(to, *p);
        }
        strbuf_addc(to, '"');
    }
}

static void add_line(struct strbuf *to, const struct objects_kind *kind, const char *database,
                     struct json_object *o)
{
    for (int c = 0; c < OC_MAX_; c++) {
        const char *key = objects_key((enum objects_column)c, kind->list == NULL);
        _cleanup_(strbuf_done)
        struct strbuf list = STRBUF(4 * 1024 * 1024);
        const char *text = "";

        if (c == OC_KIND)
            text = kind->word;
        else if (kind->rule)
            text = c == OC_OBJECT ? json_object_get_string(o) : "";
        else if (c == OC_DATABASE)
            text = database;
        else if (key != NULL && objects_is_list((enum objects_column)c) && json_get(o, key) != NULL)
            add_list(&list, json_get_array(o, key));
        else if (key != NULL && !objects_is_list((enum objects_column)c))
            text = json_get_str(o, key, "");
        csv_cell(to, list.len > 0 ? strbuf_str(&list) : text, c == 0);
        to->failed = to->failed || list.failed;
    }
    csv_end(to);
}

static size_t export_databases(struct json_object *mapping, const char *top, struct strbuf *to)
{
    struct json_object *list = json_get_array(mapping, top);
    size_t lines = 0;

    for (size_t i = 0; i < json_len(list); i++) {
        struct json_object *db = json_at(list, i);
        const char *name = json_get_str(db, "name", "");

        for (size_t k = 0; k < objects_kinds_count; k++) {
            const struct objects_kind *kind = &objects_kinds[k];
            struct json_object *objects =
                kind->list != NULL ? json_get_array(db, kind->list) : NULL;

            if (strcmp(kind->top, top) != 0)
                continue;
            if (kind->list == NULL) {
                add_line(to, kind, name, db);
                lines++;
            }
            for (size_t j = 0; j < json_len(objects); j++, lines++)
                add_line(to, kind, name, json_at(objects, j));
        }
    }
    return lines;
}

size_t objects_export(struct json_object *mapping, struct strbuf *to)
{
    size_t lines = 0;

    for (int c = 0; c < OC_MAX_; c++)
        csv_cell(to, objects_columns[c], c == 0);
    csv_end(to);
    for (size_t k = 0; k < objects_kinds_count; k++) {
        struct json_object *rules =
            objects_kinds[k].rule ? json_get_array(mapping, objects_kinds[k].top) : NULL;

        for (size_t i = 0; i < json_len(rules); i++, lines++)
            add_line(to, &objects_kinds[k], "", json_at(rules, i));
    }
    lines += export_databases(mapping, "databases", to);
    return lines + export_databases(mapping, "databasesBlack", to);
}
