#include "api/modify_diff.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/util.h"

#include "base/banned.h"

enum { KEY_LEN = 300, PATH_LEN = 300 };

static const char *const kinds[] = { "tables", "views" };
/* What may not change of an object that stays. */
static const char *const fixed[] = { "mappedName",   "whereClause",         "filterColumns",
                                     "shardColumns", "recordTypeWhiteList", "supportDDLTypes" };

void modify_diff_done(struct modify_diff *d)
{
    json_putp(&d->added);
    json_putp(&d->removed);
    json_putp(&d->kept);
}

static struct json_object *mapping_of(struct json_object *databases, const char *mode)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "mode", mode);
    json_add(o, "databases", databases);
    return o;
}

static bool same(struct json_object *a, struct json_object *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && json_object_equal(a, b) != 0);
}

/* ---------------------------------------------------------------------- SPECIFIC */

static bool is_whole(struct json_object *db)
{
    return json_len(json_get_array(db, "tables")) == 0 &&
           json_len(json_get_array(db, "views")) == 0;
}

/* Without its lists. */
static struct json_object *head_of(struct json_object *db)
{
    struct json_object *o = json_clone(db);

    for (size_t i = 0; o != NULL && i < ARRAY_SIZE(kinds); i++)
        json_object_object_del(o, kinds[i]);
    return o;
}

static int index_by_name(struct json_object *list, struct map *m, const char *prefix)
{
    for (size_t i = 0; i < json_len(list); i++) {
        char key[KEY_LEN];

        (void)snprintf(key, sizeof(key), "%s%s", prefix,
                       json_get_str(json_at(list, i), "name", ""));
        if (map_set(m, key, json_at(list, i)) < 0)
            return -1;
    }
    return 0;
}

struct dbs {
    struct json_object *added, *removed, *kept; /* lists of databases */
    bool by_minus; /* a whole database joins of which some objects are there already */
    struct faults *faults;
};

static void push(struct json_object *list, struct json_object *o)
{
    if (o != NULL)
        (void)json_object_array_add(list, o);
}

static void check_same(struct dbs *d, const char *db, struct json_object *was,
                       struct json_object *is)
{
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        char at[PATH_LEN];

        if (same(json_get(was, fixed[i]), json_get(is, fixed[i])))
            continue;
        (void)snprintf(at, sizeof(at), "transferMapping.databases[%s].%s.%s", db,
                       json_get_str(is, "name", ""), fixed[i]);
        faults_add(d->faults, at,
                   "must not change for an object that stays: take it out of the project first");
    }
}

/* An object that a whole database selects has its own name, and neither filter nor columns. */
static void check_plain(struct dbs *d, struct json_object *db, bool is_now)
{
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct json_object *list = json_get_array(db, kinds[k]);

        for (size_t i = 0; i < json_len(list); i++) {
            struct json_object *o = json_at(list, i);
            char at[PATH_LEN];

            if (strcmp(json_get_str(o, "mappedName", ""), json_get_str(o, "name", "")) == 0 &&
                json_get(o, "whereClause") == NULL && json_get(o, "filterColumns") == NULL)
                continue;
            (void)snprintf(at, sizeof(at), "transferMapping.databases[%s].%s",
                           json_get_str(db, "name", ""), json_get_str(o, "name", ""));
            faults_add(d->faults, at,
                       is_now ? "has a name, filter or columns of its own, which selecting the "
                                "whole database would change"
                              : "must not get another name, a filter or columns: it stays");
        }
    }
}

/* Those of `from` that `other` lacks (common false) or has, too (true), as lists of `to`. */
static void pick(struct json_object *to, struct json_object *from, const struct map *other,
                 bool common)
{
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct json_object *list = json_get_array(from, kinds[k]);
        struct json_object *kept = json_object_new_array();

        for (size_t i = 0; i < json_len(list); i++) {
            char key[KEY_LEN];

            (void)snprintf(key, sizeof(key), "%s.%s", kinds[k],
                           json_get_str(json_at(list, i), "name", ""));
            if ((map_get(other, key) != NULL) == common)
                push(kept, json_clone(json_at(list, i)));
        }
        if (json_len(kept) > 0)
            json_add(to, kinds[k], kept);
        else
            json_object_put(kept);
    }
}

static void push_unless_empty(struct json_object *list, struct json_object *db)
{
    if (db != NULL && !is_whole(db))
        push(list, db);
    else
        json_object_put(db);
}

static int both_listed(struct dbs *d, struct json_object *was, struct json_object *is,
                       struct err *err)
{
    _cleanup_(map_freep)
    struct map *before = map_new();
    _cleanup_(map_freep)
    struct map *after = map_new();
    struct json_object *added = head_of(is), *removed = head_of(was), *kept = head_of(is);

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct json_object *list = json_get_array(is, kinds[k]);
        char prefix[16];

        (void)snprintf(prefix, sizeof(prefix), "%s.", kinds[k]);
        if (before == NULL || after == NULL || added == NULL || removed == NULL || kept == NULL ||
            index_by_name(json_get_array(was, kinds[k]), before, prefix) < 0 ||
            index_by_name(list, after, prefix) < 0) {
            json_putp(&added);
            json_putp(&removed);
            json_putp(&kept);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        for (size_t i = 0; i < json_len(list); i++) {
            char key[KEY_LEN];
            struct json_object *old;

            (void)snprintf(key, sizeof(key), "%s%s", prefix,
                           json_get_str(json_at(list, i), "name", ""));
            old = map_get(before, key);
            if (old != NULL)
                check_same(d, json_get_str(is, "name", ""), old, json_at(list, i));
        }
    }
    pick(added, is, before, false);
    pick(kept, is, before, true);
    pick(removed, was, after, false);
    push_unless_empty(d->added, added);
    push_unless_empty(d->kept, kept);
    push_unless_empty(d->removed, removed);
    return 0;
}

/* A database that both select something of. */
static int both(struct dbs *d, struct json_object *was, struct json_object *is, struct err *err)
{
    bool whole_was = is_whole(was), whole_is = is_whole(is);
    char at[PATH_LEN];

    if (strcmp(json_get_str(was, "mappedName", ""), json_get_str(is, "mappedName", "")) != 0) {
        (void)snprintf(at, sizeof(at), "transferMapping.databases[%s].mappedName",
                       json_get_str(is, "name", ""));
        faults_add(d->faults, at, "must not change (it is %s): objects of it stay",
                   json_get_str(was, "mappedName", ""));
        return 0;
    }
    for (size_t i = 1; i < ARRAY_SIZE(fixed); i++)
        if (!same(json_get(was, fixed[i]), json_get(is, fixed[i]))) {
            (void)snprintf(at, sizeof(at), "transferMapping.databases[%s].%s",
                           json_get_str(is, "name", ""), fixed[i]);
            faults_add(d->faults, at, "must not change: objects of it stay");
        }
    if (!whole_was && !whole_is)
        return both_listed(d, was, is, err);
    push(d->kept, json_clone(whole_is ? was : is));
    if (whole_was && !whole_is) {
        check_plain(d, is, false);
        push(d->removed, head_of(was));
    } else if (!whole_was) {
        check_plain(d, was, true);
        push(d->added, json_clone(is));
        d->by_minus = true;
    }
    return 0;
}

static int diff_databases(struct dbs *d, struct json_object *now, struct json_object *next,
                          struct err *err)
{
    _cleanup_(map_freep)
    struct map *before = map_new();
    _cleanup_(map_freep)
    struct map *after = map_new();

    if (before == NULL || after == NULL || index_by_name(now, before, "") < 0 ||
        index_by_name(next, after, "") < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < json_len(next); i++) {
        struct json_object *is = json_at(next, i);
        struct json_object *was = map_get(before, json_get_str(is, "name", ""));

        if (was == NULL)
            push(d->added, json_clone(is));
        else if (both(d, was, is, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < json_len(now); i++)
        if (map_get(after, json_get_str(json_at(now, i), "name", "")) == NULL)
            push(d->removed, json_clone(json_at(now, i)));
    return 0;
}

static int diff_specific(struct json_object *now, struct json_object *next, struct faults *faults,
                         struct modify_diff *ret, struct err *err)
{
    struct dbs d = { json_object_new_array(), json_object_new_array(), json_object_new_array(),
                     false, faults };
    int r = diff_databases(&d, json_get_array(now, "databases"), json_get_array(next, "databases"),
                           err);

    if (r == 0 && faults->count == 0 && json_len(d.kept) == 0)
        faults_add(faults, "databases",
                   "leaves nothing of what the project has: make another project for that");
    if (r == 0 && json_len(d.added) > 0) {
        ret->added = mapping_of(json_object_get(d.added), "SPECIFIC");
        if (d.by_minus)
            json_add(ret->added, "minus", json_clone(now));
    }
    if (r == 0 && json_len(d.removed) > 0)
        ret->removed = mapping_of(json_object_get(d.removed), "SPECIFIC");
    ret->kept = mapping_of(json_object_get(d.kept), "SPECIFIC");
    json_putp(&d.added);
    json_putp(&d.removed);
    json_putp(&d.kept);
    return r;
}

/* ---------------------------------------------------------------------- WILDCARD */

static bool has_text(struct json_object *list, const char *text)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_at_str(list, i), text) == 0)
            return true;
    return false;
}

/* Does `a` have a text that `b` lacks? */
static bool more(struct json_object *a, struct json_object *b)
{
    for (size_t i = 0; i < json_len(a); i++)
        if (!has_text(b, json_at_str(a, i)))
            return true;
    return false;
}

/* "db.name" of what a list of databases names one by one; "db." where it names none. */
static struct json_object *flat(struct json_object *list)
{
    struct json_object *out = json_object_new_array();

    for (size_t i = 0; i < json_len(list); i++) {
        struct json_object *db = json_at(list, i);
        const char *name = json_get_str(db, "name", "");
        char text[KEY_LEN];

        if (is_whole(db)) {
            (void)snprintf(text, sizeof(text), "%s.", name);
            push(out, json_object_new_string(text));
        }
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
            struct json_object *objects = json_get_array(db, kinds[k]);

            for (size_t j = 0; j < json_len(objects); j++) {
                (void)snprintf(text, sizeof(text), "%s.%s", name,
                               json_get_str(json_at(objects, j), "name", ""));
                push(out, json_object_new_string(text));
            }
        }
    }
    return out;
}

static struct json_object *named(struct json_object *list, const char *name)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "name", ""), name) == 0)
            return json_at(list, i);
    return NULL;
}

/* Names, filters and columns of single objects: what stands in both must be the same in both. */
static void check_single(struct json_object *was, struct json_object *is, struct faults *faults)
{
    static const char *const lists[] = { "tables", "views", "specificTables", "specificViews" };
    struct dbs d = { .faults = faults };
    const char *db = json_get_str(is, "name", "");

    if (!same(json_get(was, "mappedName"), json_get(is, "mappedName")))
        faults_add(faults, "transferMapping.databases", "%s: mappedName must not change", db);
    for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
        struct json_object *list = json_get_array(is, lists[k]);

        for (size_t i = 0; i < json_len(list); i++) {
            struct json_object *old =
                named(json_get_array(was, lists[k]), json_get_str(json_at(list, i), "name", ""));
            if (old != NULL)
                check_same(&d, db, old, json_at(list, i));
        }
    }
}

static struct json_object *less(struct json_object *mapping, struct json_object *minus)
{
    struct json_object *o = json_clone(mapping);

    if (o != NULL)
        json_add(o, "minus", json_clone(minus));
    return o;
}

static int diff_wildcard(struct json_object *now, struct json_object *next, struct faults *faults,
                         struct modify_diff *ret, struct err *err)
{
    struct json_object *white[] = { json_get_array(now, "tableAndViewWhiteList"),
                                    json_get_array(next, "tableAndViewWhiteList") };
    struct json_object *black[] = { json_get_array(now, "tableAndViewBlackList"),
                                    json_get_array(next, "tableAndViewBlackList") };
    struct json_object *dbs[] = { json_get_array(now, "databases"),
                                  json_get_array(next, "databases") };
    _cleanup_(json_putp)
    struct json_object *one_was = flat(dbs[0]);
    _cleanup_(json_putp)
    struct json_object *one_is = flat(dbs[1]);
    _cleanup_(json_putp)
    struct json_object *off_was = flat(json_get_array(now, "databasesBlack"));
    _cleanup_(json_putp)
    struct json_object *off_is = flat(json_get_array(next, "databasesBlack"));
    bool joins = more(white[1], white[0]) || more(black[0], black[1]) || more(one_is, one_was) ||
                 more(off_was, off_is) || json_get(now, "minus") != NULL;
    bool leaves = more(white[0], white[1]) || more(black[1], black[0]) || more(one_was, one_is) ||
                  more(off_is, off_was);

    for (size_t i = 0; i < json_len(dbs[1]); i++) {
        struct json_object *was = named(dbs[0], json_get_str(json_at(dbs[1], i), "name", ""));
        if (was != NULL)
            check_single(was, json_at(dbs[1], i), faults);
    }
    if (!joins && !leaves) {
        if (!same(dbs[0], dbs[1]))
            faults_add(
                faults, "transferMapping.databases",
                "changes names or filters only, which is not possible while the project runs");
        return 0;
    }
    if (joins)
        ret->added = less(next, now);
    if (leaves)
        ret->removed = less(now, next);
    /* what both select: next without what of it is new */
    ret->kept = joins ? less(next, ret->added) : json_clone(next);
    return ret->kept != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int modify_diff(struct json_object *now, struct json_object *next, struct faults *faults,
                struct modify_diff *ret, struct err *err)
{
    *ret = (struct modify_diff){ 0 };
    if (strcmp(json_get_str(now, "mode", "SPECIFIC"), "WILDCARD") == 0)
        return diff_wildcard(now, next, faults, ret, err);
    return diff_specific(now, next, faults, ret, err);
}

int modify_targets(struct json_object *mapping, struct json_object **ret_tables,
                   struct json_object **ret_dbs, struct err *err)
{
    struct json_object *dbs = json_get_array(mapping, "databases");

    *ret_tables = json_object_new_array();
    *ret_dbs = json_object_new_array();
    if (*ret_tables == NULL || *ret_dbs == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < json_len(dbs); i++) {
        const char *to = json_get_str(json_at(dbs, i), "mappedName", "");

        push(*ret_dbs, json_object_new_string(to));
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
            struct json_object *list = json_get_array(json_at(dbs, i), kinds[k]);

            for (size_t j = 0; j < json_len(list); j++) {
                char key[KEY_LEN];
                (void)snprintf(key, sizeof(key), "%s\1%s", to,
                               json_get_str(json_at(list, j), "mappedName", ""));
                push(*ret_tables, json_object_new_string(key));
            }
        }
    }
    return 0;
}
