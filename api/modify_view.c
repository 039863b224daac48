#include "api/modify_view.h"

#include <stdio.h>
#include <string.h>

#include "api/envelope.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#include "base/banned.h"

enum { PART_LEN = 300 };

static struct json_object *pair_of(const char *schema, const char *name)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "schema", schema);
    json_add_str(o, "name", name);
    return o;
}

/* {schema, name} of everything that a list of databases names, and of rules "db.object[=…]". */
static struct json_object *named(struct json_object *dbs, const char *kind,
                                 struct json_object *rules)
{
    struct json_object *out = json_object_new_array();

    for (size_t i = 0; i < json_len(dbs); i++) {
        struct json_object *list = json_get_array(json_at(dbs, i), kind);

        for (size_t k = 0; k < json_len(list); k++)
            json_object_array_add(out, pair_of(json_get_str(json_at(dbs, i), "name", ""),
                                               json_get_str(json_at(list, k), "name", "")));
    }
    for (size_t i = 0; i < json_len(rules); i++) {
        const char *rule = json_at_str(rules, i), *dot = strchr(rule, '.');
        char schema[PART_LEN], name[PART_LEN];

        if (dot == NULL)
            continue;
        (void)snprintf(schema, sizeof(schema), "%.*s", (int)(dot - rule), rule);
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(dot + 1, "="), dot + 1);
        json_object_array_add(out, pair_of(schema, name));
    }
    return out;
}

static struct json_object *objects_info(struct json_object *part)
{
    struct json_object *o = json_object_new_object();
    struct json_object *dbs = json_get_array(part, "databases");
    struct json_object *off = json_get_array(part, "databasesBlack");
    struct json_object *white = json_get_array(part, "tableAndViewWhiteList");
    struct json_object *black = json_get_array(part, "tableAndViewBlackList");

    json_add_bool(o, "wildcardMode",
                  strcmp(json_get_str(part, "mode", "SPECIFIC"), "WILDCARD") == 0);
    json_add(o, "tables", named(dbs, "tables", white));
    json_add(o, "tablesBlack", named(off, "tables", black));
    json_add(o, "views", named(dbs, "views", white));
    json_add(o, "viewsBlack", named(off, "views", black));
    return o;
}

static struct json_object *object_maps(struct json_object *dbs, const char *kind)
{
    struct json_object *out = json_object_new_array();

    for (size_t i = 0; i < json_len(dbs); i++) {
        struct json_object *list = json_get_array(json_at(dbs, i), kind);

        for (size_t k = 0; k < json_len(list); k++) {
            struct json_object *o = json_object_new_object();
            const char *name = json_get_str(json_at(list, k), "name", "");

            json_add_str(o, "sourceSchema", json_get_str(json_at(dbs, i), "name", ""));
            json_add_str(o, "sourceName", name);
            json_add_str(o, "destName", json_get_str(json_at(list, k), "mappedName", name));
            json_object_array_add(out, o);
        }
    }
    return out;
}

static struct json_object *mapping_info(struct json_object *part)
{
    struct json_object *o = json_object_new_object(), *schemas = json_object_new_array();
    struct json_object *dbs = json_get_array(part, "databases");

    for (size_t i = 0; i < json_len(dbs); i++) {
        struct json_object *one = json_object_new_object();
        const char *name = json_get_str(json_at(dbs, i), "name", "");

        json_add_str(one, "sourceName", name);
        json_add_str(one, "destName", json_get_str(json_at(dbs, i), "mappedName", name));
        json_object_array_add(schemas, one);
    }
    json_add(o, "schemaMappings", schemas);
    json_add(o, "tableMappings", object_maps(dbs, "tables"));
    json_add(o, "viewMappings", object_maps(dbs, "views"));
    json_add(o, "columnMappings", json_object_new_array()); /* columns keep their names */
    return o;
}

static void add_list(struct json_object *o, const char *key, struct json_object *from)
{
    struct json_object *list = json_get_array(from, key);

    json_add(o, key, list != NULL ? json_object_get(list) : json_object_new_array());
}

/* Tables with a row filter or a column list. */
static struct json_object *etl_list(struct json_object *part)
{
    struct json_object *out = json_object_new_array(), *dbs = json_get_array(part, "databases");

    for (size_t i = 0; i < json_len(dbs); i++) {
        struct json_object *db = json_at(dbs, i), *list = json_get_array(db, "tables");

        for (size_t k = 0; k < json_len(list); k++) {
            struct json_object *t = json_at(list, k), *o;

            if (json_get(t, "whereClause") == NULL && json_get(t, "filterColumns") == NULL)
                continue;
            o = json_object_new_object();
            json_add_null(o, "tenantName");
            json_add_str(o, "database", json_get_str(db, "name", ""));
            json_add_str(o, "destDatabase", json_get_str(db, "mappedName", ""));
            json_add_str(o, "tableName", json_get_str(t, "name", ""));
            json_add_str(o, "destName", json_get_str(t, "mappedName", ""));
            json_add_str(o, "whereClause", json_get_str(t, "whereClause", NULL));
            add_list(o, "filterColumns", t);
            add_list(o, "shardColumns", t);
            json_add_null(o, "logicTableId");
            json_add_null(o, "sourceEndpointId");
            json_object_array_add(out, o);
        }
    }
    return out;
}

static void add_ticket(struct json_object *o, const char *key, bool has, int64_t id)
{
    if (has)
        json_add_i64(o, key, id);
    else
        json_add_null(o, key);
}

struct json_object *view_modify(const struct modify *m)
{
    struct json_object *o = json_object_new_object();
    char text[CLOCK_TEXT_LEN];
    struct err err = { 0 };

    json_add_i64(o, "id", m->id);
    json_add_str(o, "type", m->increase ? "INCREASE_OBJECT" : "DECREASE_OBJECT");
    json_add_str(o, "status", modify_status_text(m->status));
    json_add_str(o, "subProjectId", m->sub_id[0] != '\0' ? m->sub_id : NULL);
    add_ticket(o, "mergeRequestId", m->increase, m->id);
    add_ticket(o, "updateRequestId", !m->increase, m->id);
    if (m->error != NULL) {
        json_to_err(m->error, &err);
        json_add(o, "errorDetail", error_detail(&err, NULL, NULL));
    } else {
        json_add_null(o, "errorDetail");
    }
    json_add_str(o, "gmtCreate", clock_text(m->created_at, text));
    json_add_str(o, "gmtModified", clock_text(m->modified_at, text));
    add_list(o, "databases", m->part);
    json_add(o, "migrationObjectsInfo", objects_info(m->part));
    json_add(o, "omsProjectMappingInfo", mapping_info(m->part));
    json_add(o, "tableEtlList", etl_list(m->part));
    return o;
}
