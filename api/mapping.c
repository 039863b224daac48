#include "api/mapping.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/kinds.h"
#include "api/names.h"
#include "api/whereclause.h"
#include "base/json.h"
#include "base/map.h"
#include "base/util.h"

#include "base/banned.h"

enum { RULE_MAX_BYTES = 600, RULES_MAX = 20000, OBJECTS_MAX = 200000, PATH_LEN = 160 };

/* clang-format off */
static const char *const modes[] = { "SPECIFIC", "WILDCARD", "SPCEIFIC=SPECIFIC", NULL };
static const char *const modes_later[] = { "COMPLEX", NULL };

/* Which changes of it are carried, instead of the project's; left out: the project's. */
#define KIND_FIELDS \
    { .name = "recordTypeWhiteList", .type = FT_STRINGS, .max = 16, .values = kinds_rows, .later = kinds_rows_later }, \
    { .name = "supportDDLTypes", .type = FT_STRINGS, .max = 64, .values = kinds_ddl, .later = kinds_ddl_later }

static const struct field object_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_object },
    { .name = "mappedName", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_object },
    { .name = "id", .type = FT_STRING, .max = 128 },
    { .name = "whereClause", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = WHERE_MAX_BYTES },
    { .name = "filterColumns", .type = FT_STRINGS, .max = 4096, .check = name_check_column },
    { .name = "shardColumns", .type = FT_STRINGS, .max = 4096, .check = name_check_column },
    KIND_FIELDS,
    { 0 },
};

const struct field mapping_database_fields[] = {
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 64, .check = name_check_object },
    { .name = "mappedName", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_object },
    { .name = "id", .type = FT_STRING, .max = 128 },
    { .name = "clusterName", .type = FT_STRING, .max = 128, .check = name_check_line },
    { .name = "tenantName", .type = FT_STRING, .max = 128, .check = name_check_line },
    { .name = "tables", .type = FT_OBJECTS, .max = OBJECTS_MAX, .fields = object_fields },
    { .name = "views", .type = FT_OBJECTS, .max = OBJECTS_MAX, .fields = object_fields },
    { .name = "specificTables", .type = FT_OBJECTS, .max = OBJECTS_MAX, .fields = object_fields },
    { .name = "specificViews", .type = FT_OBJECTS, .max = OBJECTS_MAX, .fields = object_fields },
    KIND_FIELDS,
    { 0 },
};

const struct field mapping_fields[] = {
    { .name = "mode", .type = FT_STRING, .fallback = "\"SPECIFIC\"", .values = modes, .later = modes_later },
    { .name = "databases", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "databasesBlack", .type = FT_OBJECTS, .max = 10000, .fields = mapping_database_fields },
    { .name = "tableAndViewWhiteList", .type = FT_STRINGS, .max = RULES_MAX },
    { .name = "tableAndViewBlackList", .type = FT_STRINGS, .max = RULES_MAX },
    { 0 },
};
/* clang-format on */

/* ------------------------------------------------------------------ rules */

/* One side of a rule up to `end`: "<db>.<object>"; *ret_wild tells which part has wildcards. */
static const char *side_problem(const char *p, const char *end, bool ret_wild[static 2])
{
    int part = 0;
    bool in_set = false;
    const char *start = p;

    ret_wild[0] = ret_wild[1] = false;
    for (; p < end; p++) {
        if (in_set) {
            if (*p == ']' && (p[-1] == '[' || (p[-1] == '!' && p[-2] == '[')))
                return "has a [ with nothing inside";
            in_set = *p != ']';
            continue;
        }
        if (*p == '.') {
            if (p == start || part == 1)
                return part == 1 ? "has more than one dot on a side" : "has an empty part";
            part = 1;
            start = p + 1;
        } else if (strchr("*?[", *p) != NULL) {
            ret_wild[part] = true;
            in_set = *p == '[';
        } else if (*p == ']') {
            return "closes a [ that it did not open";
        } else if (strchr("|\"'`()=;/&\\ \t", *p) != NULL) {
            return "must not hold blanks or any of | \" ' ` ( ) = ; / & \\";
        }
    }
    if (in_set)
        return "opens a [ that it does not close";
    if (part == 0)
        return "must be <database pattern>.<object pattern>";
    return p == start ? "has an empty part" : NULL;
}

/* The target's object is `*` or the source's pattern again: names stay. Both sides are valid. */
static bool keeps_names(const char *rule, const char *equals)
{
    const char *from = strchr(rule, '.') + 1, *to = strchr(equals, '.') + 1;
    size_t len = (size_t)(equals - from);

    return strcmp(to, "*") == 0 || (strlen(to) == len && strncmp(from, to, len) == 0);
}

static bool name_is_system(const char *side)
{
    char db[72];

    (void)snprintf(db, sizeof(db), "%.*s", (int)MIN(strcspn(side, "."), sizeof(db) - 1), side);
    return name_is_system_schema(db);
}

const char *mapping_rule_problem(const char *rule, bool exclusion)
{
    const char *equals = strchr(rule, '='), *problem;
    bool left[2], right[2];

    if (strlen(rule) > RULE_MAX_BYTES)
        return "is too long";
    for (const char *p = rule; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            return "must be printable ASCII";
    if (strstr(rule, "$$") != NULL)
        return "must not hold $$";
    if (equals != NULL && exclusion)
        return "must not rename: it excludes";
    problem = side_problem(rule, equals == NULL ? rule + strlen(rule) : equals, left);
    if (problem != NULL || equals == NULL)
        return problem;
    problem = side_problem(equals + 1, rule + strlen(rule), right);
    if (problem != NULL)
        return problem;
    if (left[0] || right[0])
        return "must not have wildcards in the databases of a rename";
    if (name_is_system(equals + 1))
        return "must not rename into a system schema";
    /* a.*=c.* moves a whole database under another name; c.x for many tables would fold them */
    if (right[1] && !keeps_names(rule, equals))
        return "must name one object, or * for unchanged names, at the target";
    return NULL;
}

static bool folds(const char *rule)
{
    const char *equals = strchr(rule, '=');
    const char *object = equals == NULL ? NULL : strchr(rule, '.');

    return object != NULL && strcspn(object, "*?[") < (size_t)(equals - object) &&
           !keeps_names(rule, equals);
}

static bool into(const char *rule, const char *db)
{
    const char *equals = strchr(rule, '=');
    size_t len = strlen(db);

    return equals != NULL && strncasecmp(equals + 1, db, len) == 0 && equals[1 + len] == '.';
}

static void check_rules(struct json_object *mapping, const char *key, bool exclusion,
                        const char *control_schema, struct faults *faults)
{
    struct json_object *rules = json_get_array(mapping, key);

    for (size_t i = 0; i < json_len(rules); i++) {
        char at[PATH_LEN];
        const char *rule = json_at_str(rules, i);
        const char *problem = mapping_rule_problem(rule, exclusion);
        (void)snprintf(at, sizeof(at), "transferMapping.%s[%zu]", key, i);
        if (problem != NULL)
            faults_add(faults, at, "%s", problem);
        else if (folds(rule))
            faults_later(faults, at, "folding several tables into one is not supported yet");
        else if (into(rule, control_schema))
            faults_add(faults, at, "must not go to the control schema %s", control_schema);
    }
}

/* ------------------------------------------------------------------ named objects */

struct names {
    struct map *sources; /* "db.table" seen */
    struct map *targets;
    const char *control_schema;
    struct faults *faults;
    bool wildcard;
};

static void names_done(struct names *n)
{
    map_free(n->sources);
    map_free(n->targets);
}

static void default_mapped(struct json_object *o)
{
    if (json_get_str(o, "mappedName", NULL) == NULL)
        json_add_str(o, "mappedName", json_get_str(o, "name", ""));
}

/* 1: new, 0: seen before, -1: out of memory. Names hold no dot, so the joined text is unique. */
static int note(struct map *seen, const char *db, const char *name, struct err *err)
{
    char joined[160];

    (void)snprintf(joined, sizeof(joined), "%s.%s", db, name);
    if (map_get(seen, joined) != NULL)
        return 0;
    if (map_set(seen, joined, seen) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 1;
}

static int check_object(struct names *n, struct json_object *db, struct json_object *o,
                        const char *path, struct err *err)
{
    const char *name = json_get_str(o, "name", NULL);
    const char *where = json_get_str(o, "whereClause", NULL);
    char problem[WHERE_PROBLEM_LEN];
    int fresh;

    if (name == NULL || json_get_str(db, "name", NULL) == NULL)
        return 0; /* a fault of its own already */
    default_mapped(o);
    if (json_len(json_get_array(o, "filterColumns")) == 0)
        json_object_object_del(o, "filterColumns"); /* none and all are the same */
    if (where != NULL && !where_check(where, problem)) {
        char at[PATH_LEN + 16];
        (void)snprintf(at, sizeof(at), "%s.whereClause", path);
        faults_add(n->faults, at, "%s", problem);
    }
    if (n->wildcard && strpbrk(name, "*?[]") != NULL)
        faults_add(n->faults, path, "must not have wildcards in a single object's name");
    fresh = note(n->sources, json_get_str(db, "name", ""), name, err);
    if (fresh == 0)
        faults_add(n->faults, path, "%s.%s is named twice", json_get_str(db, "name", ""), name);
    if (fresh != 1)
        return fresh < 0 ? -1 : 0;
    fresh = note(n->targets, json_get_str(db, "mappedName", ""), json_get_str(o, "mappedName", ""),
                 err);
    if (fresh == 0)
        faults_later(n->faults, path,
                     "several sources for the one target %s.%s are not supported yet",
                     json_get_str(db, "mappedName", ""), json_get_str(o, "mappedName", ""));
    return fresh < 0 ? -1 : 0;
}

/* In WILDCARD mode the lists `tables` and `views` are shared by both. */
static void check_kinds(struct names *n, struct json_object *o, const char *key, const char *path)
{
    bool view = strcmp(key, "specificViews") == 0 || (!n->wildcard && strcmp(key, "views") == 0);
    char at[PATH_LEN + 24];

    (void)snprintf(at, sizeof(at), "%s.recordTypeWhiteList", path);
    if (view && json_get(o, "recordTypeWhiteList") != NULL)
        faults_add(n->faults, at, "is not for views: they have no rows of their own");
}

static int check_objects(struct names *n, struct json_object *db, const char *key, const char *path,
                         struct err *err)
{
    struct json_object *list = json_get_array(db, key);

    for (size_t i = 0; i < json_len(list); i++) {
        char at[PATH_LEN];
        (void)snprintf(at, sizeof(at), "%s.%s[%zu]", path, key, i);
        check_kinds(n, json_at(list, i), key, at);
        if (check_object(n, db, json_at(list, i), at, err) < 0)
            return -1;
    }
    return 0;
}

static int check_database(struct names *n, struct json_object *db, const char *path,
                          struct err *err)
{
    const char *name = json_get_str(db, "name", NULL), *mapped;
    bool whole =
        json_len(json_get_array(db, "tables")) == 0 && json_len(json_get_array(db, "views")) == 0;
    int fresh;

    if (name == NULL)
        return 0;
    default_mapped(db);
    mapped = json_get_str(db, "mappedName", "");
    if (name_is_system_schema(name) || name_is_system_schema(mapped))
        faults_add(n->faults, path, "must not be a system schema");
    if (strcasecmp(mapped, n->control_schema) == 0)
        faults_add(n->faults, path, "must not go to the control schema %s", mapped);
    fresh = note(n->sources, name, "", err);
    if (fresh == 0)
        faults_add(n->faults, path, "database %s is named twice", name);
    if (fresh < 0)
        return -1;
    if (whole && !n->wildcard) {
        fresh = note(n->targets, mapped, "", err);
        if (fresh == 0)
            faults_later(n->faults, path,
                         "several whole databases into the one target %s are not supported yet",
                         mapped);
        if (fresh < 0)
            return -1;
    }
    if (check_objects(n, db, "tables", path, err) < 0 ||
        check_objects(n, db, "views", path, err) < 0)
        return -1;
    return !n->wildcard ? 0
           : check_objects(n, db, "specificTables", path, err) < 0
               ? -1
               : check_objects(n, db, "specificViews", path, err);
}

static int check_databases(struct names *n, struct json_object *list, const char *key,
                           struct err *err)
{
    for (size_t i = 0; i < json_len(list); i++) {
        char at[PATH_LEN];
        (void)snprintf(at, sizeof(at), "transferMapping.%s[%zu]", key, i);
        if (check_database(n, json_at(list, i), at, err) < 0)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------ the case of names */

static char cased(char c, bool upper)
{
    if (upper)
        return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Names in a mapping are ASCII (name_check_object). */
static void settle_name(struct json_object *o, bool upper)
{
    const char *name = json_get_str(o, "name", NULL);
    char mapped[72];
    size_t n = 0;

    if (name == NULL || json_get_str(o, "mappedName", NULL) != NULL)
        return;
    for (; name[n] != '\0' && n < sizeof(mapped) - 1; n++)
        mapped[n] = cased(name[n], upper);
    mapped[n] = '\0';
    json_add_str(o, "mappedName", mapped);
}

void mapping_settle_case(struct json_object *mapping, const char *name_case)
{
    static const char *const keys[] = { "tables", "views", "specificTables", "specificViews" };
    struct json_object *list = json_get_array(mapping, "databases");
    bool upper = strcmp(name_case, "UPPER") == 0;

    json_object_object_del(mapping, "nameCase");
    if (strcmp(name_case, "AS_SOURCE") == 0)
        return;
    json_add_str(mapping, "nameCase", name_case);
    for (size_t i = 0; i < json_len(list); i++) {
        struct json_object *db = json_at(list, i);
        settle_name(db, upper);
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            struct json_object *objects = json_get_array(db, keys[k]);
            for (size_t j = 0; j < json_len(objects); j++)
                settle_name(json_at(objects, j), upper);
        }
    }
}

static void check_mode(struct json_object *mapping, bool wildcard, struct faults *faults)
{
    if (!wildcard) {
        if (json_len(json_get_array(mapping, "databases")) == 0)
            faults_add(faults, "transferMapping.databases",
                       "is required in SPECIFIC mode, with at least one database");
        if (json_len(json_get_array(mapping, "tableAndViewWhiteList")) > 0 ||
            json_len(json_get_array(mapping, "tableAndViewBlackList")) > 0)
            faults_add(faults, "transferMapping.tableAndViewWhiteList", "rules need mode WILDCARD");
        return;
    }
    if (json_len(json_get_array(mapping, "tableAndViewWhiteList")) == 0)
        faults_add(faults, "transferMapping.tableAndViewWhiteList",
                   "is required in WILDCARD mode, with at least one rule");
}

int mapping_check(struct json_object *mapping, const char *control_schema, struct faults *faults,
                  struct err *err)
{
    const char *mode = json_get_str(mapping, "mode", NULL);
    _cleanup_(names_done)
    struct names n = { .sources = map_new(),
                       .targets = map_new(),
                       .faults = faults,
                       .control_schema = control_schema };

    if (n.sources == NULL || n.targets == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (mode == NULL)
        return 0;
    n.wildcard = strcmp(mode, "WILDCARD") == 0;
    check_mode(mapping, n.wildcard, faults);
    check_rules(mapping, "tableAndViewWhiteList", false, control_schema, faults);
    check_rules(mapping, "tableAndViewBlackList", true, control_schema, faults);
    return check_databases(&n, json_get_array(mapping, "databases"), "databases", err);
}
