#include "api/invert.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/util.h"

#include "base/banned.h"

/* Pairs of rules are compared with each other; a call answers within 3 s. */
enum { PATH_LEN = 160, COMPARED_MAX = 4 * 1000 * 1000, RULE_TEXT_MAX = 1300 };

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---------------------------------------------------------------------- named objects */

/* A copy of an object or database with the names exchanged; ids are of the other end. The same
 * kinds of row changes go back as come; DDL never goes back. */
static struct json_object *exchange(struct json_object *o)
{
    struct json_object *back = json_object_new_object();
    struct json_object *records = json_get(o, "recordTypeWhiteList");
    const char *name = json_get_str(o, "name", "");

    json_add_str(back, "name", json_get_str(o, "mappedName", name));
    json_add_str(back, "mappedName", name);
    if (records != NULL)
        json_add(back, "recordTypeWhiteList", json_clone(records));
    return back;
}

static void check_whole_rows(struct json_object *o, const char *path, struct faults *faults)
{
    char at[PATH_LEN + 32];

    (void)snprintf(at, sizeof(at), "%s.whereClause", path);
    if (json_get_str(o, "whereClause", NULL) != NULL)
        faults_add(faults, at,
                   "is not possible in two directions: a row changed at the target so that it "
                   "leaves the filter would vanish at one end only");
    (void)snprintf(at, sizeof(at), "%s.filterColumns", path);
    if (json_get_array(o, "filterColumns") != NULL)
        faults_add(faults, at,
                   "is not possible in two directions: a row written at the target has no values "
                   "for the columns left out");
}

/* One list of a database; `to` gets the exchanged objects, NULL: they are only checked. */
static void exchange_list(struct json_object *db, const char *key, const char *path,
                          struct json_object *to, struct faults *faults)
{
    struct json_object *list = json_get_array(db, key);
    struct json_object *back = to != NULL && list != NULL ? json_object_new_array() : NULL;

    for (size_t i = 0; i < json_len(list); i++) {
        char at[PATH_LEN];
        (void)snprintf(at, sizeof(at), "%s.%s[%zu]", path, key, i);
        check_whole_rows(json_at(list, i), at, faults);
        if (back != NULL)
            json_object_array_add(back, exchange(json_at(list, i)));
    }
    if (back != NULL)
        json_add(to, key, back);
}

static int invert_specific(struct json_object *mapping, struct faults *faults,
                           struct json_object *back, struct err *err)
{
    struct json_object *list = json_get_array(mapping, "databases"), *out = json_object_new_array();
    struct map *targets = map_new();
    int r = targets == NULL ? -1 : 0;

    json_add(back, "databases", out);
    for (size_t i = 0; r == 0 && i < json_len(list); i++) {
        struct json_object *db = json_at(list, i), *o = exchange(db);
        const char *to = json_get_str(o, "name", ""), *other = map_get(targets, to);
        char at[PATH_LEN];
        json_object_array_add(out, o);
        (void)snprintf(at, sizeof(at), "transferMapping.databases[%zu]", i);
        if (other != NULL)
            faults_add(faults, at,
                       "%s and %s both go to %s: in two directions each target "
                       "database needs one source",
                       other, json_get_str(db, "name", ""), to);
        else
            r = map_set(targets, to, (void *)(uintptr_t)json_get_str(db, "name", ""));
        exchange_list(db, "tables", at, o, faults);
        exchange_list(db, "views", at, o, faults);
    }
    map_free(targets);
    return r < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* ---------------------------------------------------------------------- rules */

struct rule {
    char *text; /* the four below are pieces of it */
    const char *db, *object;
    const char *to_db, *to_object; /* NULL: no rename */
    bool many;                     /* the object has wildcards; then names are kept */
    bool gone;                     /* an exclusion hits its only object */
};

struct rules {
    struct rule *white, *black;
    size_t white_count, black_count;
    struct json_object *out_white, *out_black;
    struct faults *faults;
};

static void free_rules(struct rule *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        free(list[i].text);
    free(list);
}

static void rules_done(struct rules *r)
{
    free_rules(r->white, r->white_count);
    free_rules(r->black, r->black_count);
}

/* "db.object" or "db.object=db.object", which mapping_check() has found to be so. */
static int split_rule(const char *text, struct rule *ret)
{
    char *at = strdup(text), *dot, *equals;

    ret->text = at;
    if (at == NULL)
        return -1;
    equals = strchr(at, '=');
    if (equals != NULL)
        *equals = '\0';
    dot = strchr(at, '.');
    ret->db = at;
    ret->object = dot != NULL ? dot + 1 : "";
    if (dot != NULL)
        *dot = '\0';
    ret->many = strpbrk(ret->object, "*?[") != NULL;
    if (equals == NULL)
        return 0;
    dot = strchr(equals + 1, '.');
    ret->to_db = equals + 1;
    ret->to_object = dot != NULL ? dot + 1 : "";
    if (dot != NULL)
        *dot = '\0';
    return 0;
}

static int split_all(struct json_object *list, struct rule **ret, size_t *ret_count,
                     struct err *err)
{
    size_t count = json_len(list);

    *ret = calloc(count + 1, sizeof(**ret));
    *ret_count = *ret == NULL ? 0 : count;
    for (size_t i = 0; *ret != NULL && i < count; i++)
        if (split_rule(json_at_str(list, i), &(*ret)[i]) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    return *ret == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static bool fits(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

static void refuse(struct rules *r, const struct rule *which, const char *why)
{
    char at[PATH_LEN];
    bool black = which >= r->black && which < r->black + r->black_count;

    (void)snprintf(at, sizeof(at), "transferMapping.tableAndView%sList[%zu]",
                   black ? "Black" : "White", (size_t)(which - (black ? r->black : r->white)));
    faults_add(r->faults, at, "has no inverse, which two directions need: %s", why);
}

static void put_rule(struct json_object *list, const char *db, const char *object,
                     const char *to_db, const char *to_object)
{
    char text[RULE_TEXT_MAX];

    if (to_db == NULL)
        (void)snprintf(text, sizeof(text), "%s.%s", db, object);
    else
        (void)snprintf(text, sizeof(text), "%s.%s=%s.%s", db, object, to_db, to_object);
    json_object_array_add(list, json_object_new_string(text));
}

static bool keeps_name(const struct rule *a)
{
    return a->many || same_text(a->object, a->to_object);
}

/* Two renames: one object, or one database as a whole, must not come from or go to two places. */
static void compare_renames(struct rules *r, const struct rule *a, const struct rule *b)
{
    bool same_from = same_text(a->db, b->db), same_to = same_text(a->to_db, b->to_db);

    if (!same_from && !same_to)
        return;
    if (a->many || b->many) {
        if (!same_from || !same_to || !keeps_name(a) || !keeps_name(b))
            refuse(r, b, "another rule renames from or into one of its databases");
    } else if (same_from && same_text(a->object, b->object)) {
        refuse(r, b, "another rule renames the same object");
    } else if (same_to && same_text(a->to_object, b->to_object)) {
        refuse(r, b, "another rule has the same target object");
    }
}

static bool any_plain(const struct rules *r, const char *db)
{
    for (size_t i = 0; i < r->white_count; i++)
        if (r->white[i].to_db == NULL && fits(r->white[i].db, db))
            return true;
    return false;
}

/* Where the target has an object of the name that was renamed away, it is none of this project. */
static void leave_old_name(struct rules *r, const struct rule *a)
{
    for (size_t k = 0; k < r->white_count; k++) {
        const struct rule *b = &r->white[k];
        if (b->to_db == NULL || !same_text(b->to_db, a->db))
            continue;
        if (a->many || b->many) {
            refuse(r, a,
                   "its database is also the target of another rename, and a rule without "
                   "rename selects it");
            return;
        }
        if (same_text(b->to_object, a->object))
            return; /* two names exchanged: what stands there is an image */
    }
    put_rule(r->out_black, a->db, a->object, NULL, NULL);
}

static void invert_rename(struct rules *r, const struct rule *a)
{
    for (size_t k = 0; &r->white[k] != a; k++)
        if (r->white[k].to_db != NULL)
            compare_renames(r, &r->white[k], a);
    if (a->many && !same_text(a->db, a->to_db) && any_plain(r, a->to_db))
        refuse(r, a, "a rule without rename selects its target database, too");
    if (any_plain(r, a->db) && !(same_text(a->db, a->to_db) && a->many))
        leave_old_name(r, a);
    if (!a->gone)
        put_rule(r->out_white, a->to_db, a->many ? a->object : a->to_object, a->db,
                 a->many ? "*" : a->object);
}

/* An exclusion names what the source has: at the target it may have another name. */
static void invert_exclusion(struct rules *r, const struct rule *b)
{
    bool keep = true;

    for (size_t i = 0; i < r->white_count; i++) {
        struct rule *a = &r->white[i];
        if (a->to_db == NULL)
            continue;
        if (fits(b->db, a->db)) {
            if (a->many)
                put_rule(r->out_black, a->to_db, b->object, NULL, NULL);
            else if (fits(b->object, a->object)) {
                put_rule(r->out_black, a->to_db, a->to_object, NULL, NULL);
                a->gone = true;
            }
        }
        if (!fits(b->db, a->to_db) || (a->many && same_text(a->db, a->to_db)))
            continue;
        if (a->many && strpbrk(b->db, "*?[") == NULL)
            keep = false; /* nothing of the source's own selects that database */
        else if (a->many || fits(b->object, a->to_object))
            refuse(r, b, "a rename leads into what it excludes");
    }
    if (keep)
        put_rule(r->out_black, b->db, b->object, NULL, NULL);
}

static void invert_rules(struct rules *r)
{
    size_t renames = 0;

    for (size_t i = 0; i < r->white_count; i++)
        renames += r->white[i].to_db != NULL;
    if (renames * (r->white_count + r->black_count) > COMPARED_MAX) {
        faults_add(r->faults, "transferMapping.tableAndViewWhiteList",
                   "has too many renames for two directions: name the tables (mode SPECIFIC)");
        return;
    }
    for (size_t i = 0; i < r->black_count; i++)
        invert_exclusion(r, &r->black[i]);
    for (size_t i = 0; i < r->white_count; i++) {
        const struct rule *a = &r->white[i];
        if (a->to_db != NULL)
            invert_rename(r, a);
        else
            put_rule(r->out_white, a->db, a->object, NULL, NULL);
    }
}

/* ---------------------------------------------------------------------- WILDCARD */

/* Whether an object or database of the lists beside the rules has another name at the target. */
static bool is_renamed(struct json_object *o)
{
    const char *name = json_get_str(o, "name", "");

    return !same_text(json_get_str(o, "mappedName", name), name);
}

static void check_database(struct json_object *db, const char *path, struct faults *faults)
{
    static const char *const keys[] = { "tables", "views", "specificTables", "specificViews" };
    static const char why[] =
        "must not rename in two directions: say it as a rule of tableAndViewWhiteList, "
        "\"a.b=c.d\"";

    if (is_renamed(db))
        faults_add(faults, path, "%s", why);
    for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
        struct json_object *list = json_get_array(db, keys[k]);
        exchange_list(db, keys[k], path, NULL, faults);
        for (size_t i = 0; i < json_len(list); i++) {
            char at[PATH_LEN + 48];
            (void)snprintf(at, sizeof(at), "%s.%s[%zu]", path, keys[k], i);
            if (is_renamed(json_at(list, i)))
                faults_add(faults, at, "%s", why);
        }
    }
}

/* DDL never goes back: kinds of single objects would say so. */
static void rows_only(struct json_object *databases)
{
    static const char *const keys[] = { "tables", "views", "specificTables", "specificViews" };

    for (size_t i = 0; i < json_len(databases); i++) {
        struct json_object *db = json_at(databases, i);
        json_object_object_del(db, "supportDDLTypes");
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            struct json_object *list = json_get_array(db, keys[k]);
            for (size_t j = 0; j < json_len(list); j++)
                json_object_object_del(json_at(list, j), "supportDDLTypes");
        }
    }
}

static void keep_lists(struct json_object *mapping, bool renames, struct json_object *back,
                       struct faults *faults)
{
    static const char *const keys[] = { "databases", "databasesBlack" };
    struct json_object *list = json_get_array(mapping, "databases");

    for (size_t i = 0; i < json_len(list); i++) {
        char at[PATH_LEN];
        (void)snprintf(at, sizeof(at), "transferMapping.databases[%zu]", i);
        check_database(json_at(list, i), at, faults);
    }
    if (renames && json_len(json_get_array(mapping, "databasesBlack")) > 0)
        faults_add(faults, "transferMapping.databasesBlack",
                   "must not stand beside renames in two directions: name what is excluded in "
                   "tableAndViewBlackList");
    for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
        if (json_get(mapping, keys[k]) == NULL)
            continue;
        json_add(back, keys[k], json_clone(json_get(mapping, keys[k])));
        rows_only(json_get_array(back, keys[k]));
    }
}

static int invert_wildcard(struct json_object *mapping, struct faults *faults,
                           struct json_object *back, struct err *err)
{
    _cleanup_(rules_done)
    struct rules r = { .out_white = json_object_new_array(),
                       .out_black = json_object_new_array(),
                       .faults = faults };
    bool renames = false;

    json_add(back, "tableAndViewWhiteList", r.out_white);
    json_add(back, "tableAndViewBlackList", r.out_black);
    if (split_all(json_get_array(mapping, "tableAndViewWhiteList"), &r.white, &r.white_count, err) <
            0 ||
        split_all(json_get_array(mapping, "tableAndViewBlackList"), &r.black, &r.black_count, err) <
            0)
        return -1;
    for (size_t i = 0; i < r.white_count; i++)
        renames = renames || r.white[i].to_db != NULL;
    keep_lists(mapping, renames, back, faults);
    invert_rules(&r);
    if (json_len(r.out_white) == 0 && json_len(json_get_array(back, "databases")) == 0)
        faults_add(faults, "transferMapping.tableAndViewWhiteList", "selects nothing");
    return 0;
}

/* The way back needs the original of each name; only a list of objects has them. */
static void check_case(struct json_object *mapping, bool wildcard, struct faults *faults)
{
    static const char why[] =
        "two directions need the original of each name, which %s in %s do not tell: list every "
        "table in mode SPECIFIC, or leave nameCase AS_SOURCE";
    struct json_object *list = json_get_array(mapping, "databases");

    if (json_get_str(mapping, "nameCase", NULL) == NULL)
        return;
    if (wildcard)
        faults_add(faults, "commonTransferConfig.nameCase", why, "the rules", "mode WILDCARD");
    for (size_t i = 0; !wildcard && i < json_len(list); i++) {
        struct json_object *db = json_at(list, i);
        if (json_len(json_get_array(db, "tables")) == 0 &&
            json_len(json_get_array(db, "views")) == 0) {
            faults_add(faults, "commonTransferConfig.nameCase", why, "whole databases",
                       "transferMapping.databases");
            return;
        }
    }
}

int mapping_invert(struct json_object *mapping, struct faults *faults, struct json_object **ret,
                   struct err *err)
{
    const char *mode = json_get_str(mapping, "mode", "SPECIFIC");
    _cleanup_(json_putp)
    struct json_object *back = json_object_new_object();
    size_t before = faults->count;
    int r;

    *ret = NULL;
    json_add_str(back, "mode", mode);
    check_case(mapping, same_text(mode, "WILDCARD"), faults);
    r = same_text(mode, "WILDCARD") ? invert_wildcard(mapping, faults, back, err)
                                    : invert_specific(mapping, faults, back, err);
    if (r == 0 && faults->count == before)
        *ret = take_ptr(back);
    return r;
}
