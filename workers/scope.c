#include "workers/scope.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/scope_priv.h"

#include "base/banned.h"

/* ---- keys ---- */

/* "db\1name" folded, with the kind in front; cut when too long, which the chain makes harmless. */
const char *scope_entry_key(enum scope_kind kind, const char *db, const char *name,
                            char buf[static SCOPE_KEY_MAX])
{
    const char *parts[] = { db, name };
    size_t n = 0;

    buf[n++] = kind == SCOPE_TABLE ? 't' : 'v';
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        buf[n++] = '\1';
        for (const char *at = parts[i]; *at != '\0' && n + 4 < SCOPE_KEY_MAX;) {
            unsigned c = scope_fold_char(scope_next_char(&at));

            buf[n++] =
                (char)(1 + c % 251); /* a hash key, never shown: equal letters, equal bytes */
        }
    }
    buf[n] = '\0';
    return buf;
}

const char *scope_db_key(const char *db, char buf[static SCOPE_KEY_MAX])
{
    return scope_entry_key(SCOPE_TABLE, db, "", buf);
}

struct entry *scope_find_entry(const struct map *m, enum scope_kind kind, const char *db,
                               const char *name, bool fold)
{
    char key[SCOPE_KEY_MAX];
    struct entry *e = map_get(m, scope_entry_key(kind, db, name, key));

    while (e != NULL &&
           !(scope_names_equal(e->db, db, fold) && scope_names_equal(e->name, name, fold)))
        e = e->same_key;
    return e;
}

struct db_entry *scope_find_db(const struct map *m, const char *db, bool fold)
{
    char key[SCOPE_KEY_MAX];
    struct db_entry *e = map_get(m, scope_db_key(db, key));

    while (e != NULL && !scope_names_equal(e->name, db, fold))
        e = e->same_key;
    return e;
}

void scope_name_key(const struct scope *s, const char *db, const char *name, struct strbuf *to)
{
    const char *parts[] = { db, name };

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const char *at = parts[i];

        if (i > 0)
            strbuf_addc(to, '\1');
        if (!s->fold)
            strbuf_adds(to, at);
        while (s->fold && *at != '\0')
            strbuf_addf(to, "%x.", scope_fold_char(scope_next_char(&at)));
    }
}

bool scope_is_system_db(const char *db)
{
    static const char *const names[] = { "mysql",      "information_schema", "performance_schema",
                                         "sys",        "oceanbase",          "LBACSYS",
                                         "ORAAUDITOR", "__recyclebin_",      "__public" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(db, names[i]) == 0)
            return true;
    return false;
}

/* ---- life ---- */

void scope_entry_free(struct entry *e)
{
    if (e == NULL)
        return;
    free(e->db);
    free(e->name);
    free(e->mapped_db);
    free(e->mapped_name);
    free(e->where);
    json_putp(&e->columns);
    json_putp(&e->records);
    json_putp(&e->ddl);
    free(e);
}

void scope_rule_free(struct rule *r)
{
    if (r == NULL)
        return;
    free(r->db);
    free(r->object);
    free(r->mapped_db);
    free(r->mapped_name);
    free(r);
}

static void dbs_free(struct db_entry *d)
{
    while (d != NULL) {
        struct db_entry *next = d->next;

        free(d->name);
        free(d->mapped);
        json_putp(&d->records);
        json_putp(&d->ddl);
        free(d);
        d = next;
    }
}

static void entries_free(struct entry *e)
{
    while (e != NULL) {
        struct entry *next = e->next;

        scope_entry_free(e);
        e = next;
    }
}

static void rules_free(struct rule *r)
{
    while (r != NULL) {
        struct rule *next = r->next;

        scope_rule_free(r);
        r = next;
    }
}

void scope_free(struct scope *s)
{
    if (s == NULL)
        return;
    entries_free(s->entries);
    entries_free(s->black_entries);
    dbs_free(s->dbs);
    dbs_free(s->black_dbs);
    rules_free(s->white);
    rules_free(s->black);
    while (s->excluded != NULL) {
        struct db_name *next = s->excluded->next;

        free(s->excluded->name);
        free(s->excluded);
        s->excluded = next;
    }
    map_free(s->by_name);
    map_free(s->by_db);
    map_free(s->black_by_name);
    map_free(s->black_by_db);
    scope_free(s->minus);
    free(s);
}

void scope_fold_case(struct scope *s, bool fold)
{
    s->fold = fold;
    if (s->minus != NULL)
        scope_fold_case(s->minus, fold);
}

bool scope_folds_case(const struct scope *s)
{
    return s->fold;
}

enum scope_case scope_name_case(const struct scope *s)
{
    return s->name_case;
}

int scope_exclude_db(struct scope *s, const char *db)
{
    struct db_name *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return -1;
    n->name = strdup(db);
    if (n->name == NULL) {
        free(n);
        return -1;
    }
    n->next = s->excluded;
    s->excluded = n;
    return 0;
}

int scope_set_category(struct scope *s, const char *category, struct err *err)
{
    static const struct {
        const char *word;
        enum scope_category value;
    } words[] = {
        { "ALL", SCOPE_ALL },
        { "WITH_UNIQUE_ROW_ID", SCOPE_WITH_KEY },
        { "WITHUNIQUEROWID", SCOPE_WITH_KEY },
        { "WITHOUT_UNIQUE_ROW_ID", SCOPE_WITHOUT_KEY },
        { "WITHOUTUNIQUEROWID", SCOPE_WITHOUT_KEY },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (category == NULL || category[0] == '\0' || strcasecmp(category, words[i].word) == 0) {
            s->category = words[i].value;
            return 0;
        }
    }
    return err_set(err, ERR_PARAM, "tableCategory %.64s is not known", category);
}

enum scope_category scope_category(const struct scope *s)
{
    return s->category;
}

/* ---- questions ---- */

static bool never_matches(const struct scope *s, const char *db)
{
    if (scope_is_system_db(db))
        return true;
    for (const struct db_name *n = s->excluded; n != NULL; n = n->next)
        if (scope_names_equal(n->name, db, s->fold))
            return true;
    return false;
}

static bool rule_fits_db(const struct scope *s, const struct rule *r, const char *db)
{
    return pattern_match(r->db, db, s->fold);
}

static const struct rule *first_rule(const struct scope *s, const struct rule *r, const char *db,
                                     const char *name, bool renaming)
{
    for (; r != NULL; r = r->next) {
        if (renaming && r->mapped_db == NULL && r->mapped_name == NULL)
            continue;
        if (rule_fits_db(s, r, db) && pattern_match(r->object, name, s->fold))
            return r;
    }
    return NULL;
}

/* An entry of either kind: WILDCARD's lists are shared by tables and views. */
static const struct entry *find_shared(const struct map *m, const char *db, const char *name,
                                       bool fold)
{
    const struct entry *e = scope_find_entry(m, SCOPE_TABLE, db, name, fold);

    return e != NULL ? e : scope_find_entry(m, SCOPE_VIEW, db, name, fold);
}

static bool is_black(const struct scope *s, const char *db, const char *name)
{
    const struct db_entry *d = scope_find_db(s->black_by_db, db, s->fold);

    return (d != NULL && d->whole) || find_shared(s->black_by_name, db, name, s->fold) != NULL ||
           first_rule(s, s->black, db, name, false) != NULL;
}

static bool db_is_black(const struct scope *s, const char *db)
{
    const struct db_entry *d = scope_find_db(s->black_by_db, db, s->fold);

    if (d != NULL && d->whole)
        return true;
    for (const struct rule *r = s->black; r != NULL; r = r->next)
        if (strcmp(r->object, "*") == 0 && rule_fits_db(s, r, db))
            return true;
    return false;
}

/* @kinds  what says which changes are carried: like `e`, or an entry of the other kind, or NULL */
static int fill_object(struct scope_object *ret, const struct entry *e, const struct entry *kinds,
                       const struct db_entry *d, const char *db, const char *name, struct err *err)
{
    struct scope_object o = { 0 };

    o.mapped_db = strdup(db);
    o.mapped_name = strdup(name);
    if (o.mapped_db == NULL || o.mapped_name == NULL) {
        scope_object_done(&o);
        return err_set(err, ERR_NOMEM, "no memory for a mapped name");
    }
    if (e != NULL) {
        o.where = e->where;
        o.columns = e->columns;
    }
    o.records = kinds != NULL && kinds->records != NULL ? kinds->records
                : d != NULL                             ? d->records
                                                        : NULL;
    o.ddl = kinds != NULL && kinds->ddl != NULL ? kinds->ddl : d != NULL ? d->ddl : NULL;
    *ret = o;
    return 1;
}

/* Whether an entry names its object: with the name that it has anyway it leaves a rule its say. */
static bool says_name(const struct scope *s, const struct entry *e, bool renamed_by_rule)
{
    char buf[SCOPE_NAME_MAX];

    if (scope_names_equal(e->mapped_name, scope_cased(s->name_case, e->name, buf), false))
        return false;
    return !(renamed_by_rule && scope_names_equal(e->mapped_name, e->name, false));
}

static int match_wildcard(const struct scope *s, enum scope_kind kind, const char *db,
                          const char *name, struct scope_object *ret, struct err *err)
{
    const struct entry *own = scope_find_entry(s->by_name, kind, db, name, s->fold);
    const struct entry *shared = own != NULL ? own : find_shared(s->by_name, db, name, s->fold);
    const struct db_entry *d = scope_find_db(s->by_db, db, s->fold);
    const struct rule *plain = first_rule(s, s->white, db, name, false), *renaming;
    char db_buf[SCOPE_NAME_MAX], name_buf[SCOPE_NAME_MAX];
    const char *to_db = d != NULL ? d->mapped : scope_cased(s->name_case, db, db_buf);
    const char *to_name = scope_cased(s->name_case, name, name_buf);

    if ((plain == NULL && (shared == NULL || !shared->selects)) || is_black(s, db, name))
        return 0;
    renaming = first_rule(s, s->white, db, name, true);
    if (renaming != NULL) {
        to_db = renaming->mapped_db != NULL ? renaming->mapped_db : to_db;
        to_name = renaming->mapped_name != NULL ? renaming->mapped_name : to_name;
    }
    if (shared != NULL && says_name(s, shared, renaming != NULL))
        to_name = shared->mapped_name;
    return fill_object(ret, own, shared, d, to_db, to_name, err);
}

static int match_own(const struct scope *s, enum scope_kind kind, const char *db, const char *name,
                     struct scope_object *ret, struct err *err)
{
    const struct db_entry *d;
    const struct entry *e;
    char buf[SCOPE_NAME_MAX];

    if (never_matches(s, db))
        return 0;
    if (s->wildcard)
        return match_wildcard(s, kind, db, name, ret, err);
    d = scope_find_db(s->by_db, db, s->fold);
    if (d == NULL)
        return 0;
    e = scope_find_entry(s->by_name, kind, db, name, s->fold);
    if (!d->whole && (e == NULL || !e->selects))
        return 0;
    return fill_object(ret, e, e, d, d->mapped,
                       e != NULL ? e->mapped_name : scope_cased(s->name_case, name, buf), err);
}

/* 1: it is among what is taken away. */
static int taken_away(const struct scope *s, enum scope_kind kind, const char *db, const char *name,
                      struct err *err)
{
    struct scope_object other = { 0 };
    int got = s->minus == NULL ? 0 : scope_match(s->minus, kind, db, name, &other, err);

    scope_object_done(&other);
    return got;
}

int scope_match(const struct scope *s, enum scope_kind kind, const char *db, const char *name,
                struct scope_object *ret, struct err *err)
{
    int away = taken_away(s, kind, db, name, err);

    return away != 0 ? MIN(away, 0) : match_own(s, kind, db, name, ret, err);
}

void scope_object_done(struct scope_object *o)
{
    free(o->mapped_db);
    free(o->mapped_name);
    *o = (struct scope_object){ 0 };
}

bool scope_may_match_db(const struct scope *s, const char *db)
{
    char buf[SCOPE_NAME_MAX];

    return scope_mapped_db(s, db, buf) != NULL;
}

bool scope_whole_db(const struct scope *s, const char *db)
{
    const struct db_entry *d = scope_find_db(s->by_db, db, s->fold);

    if (never_matches(s, db) || (s->minus != NULL && scope_may_match_db(s->minus, db)))
        return false;
    if (!s->wildcard)
        return d != NULL && d->whole;
    if (db_is_black(s, db))
        return false;
    for (const struct rule *r = s->white; r != NULL; r = r->next)
        if (strcmp(r->object, "*") == 0 && rule_fits_db(s, r, db))
            return true;
    return false;
}

struct json_object *scope_db_ddl(const struct scope *s, const char *db)
{
    const struct db_entry *d = scope_find_db(s->by_db, db, s->fold);

    return d != NULL ? d->ddl : NULL;
}

static bool has_kind(struct json_object *list, const char *kind)
{
    if (kind == NULL)
        return json_len(list) > 0;
    for (size_t i = 0; i < json_len(list); i++)
        if (strcasecmp(json_at_str(list, i), kind) == 0)
            return true;
    return false;
}

bool scope_any_ddl(const struct scope *s, const char *kind)
{
    bool any = false;

    for (const struct entry *e = s->entries; e != NULL; e = e->next)
        any = any || has_kind(e->ddl, kind);
    for (const struct db_entry *d = s->dbs; d != NULL; d = d->next)
        any = any || has_kind(d->ddl, kind);
    return any;
}

const char *scope_mapped_db(const struct scope *s, const char *db, char buf[static SCOPE_NAME_MAX])
{
    const struct db_entry *d = scope_find_db(s->by_db, db, s->fold);

    if (never_matches(s, db))
        return NULL;
    if (!s->wildcard)
        return d != NULL ? d->mapped : NULL;
    if (db_is_black(s, db))
        return NULL;
    for (const struct rule *r = s->white; r != NULL; r = r->next)
        if (rule_fits_db(s, r, db))
            return r->mapped_db != NULL ? r->mapped_db
                   : d != NULL          ? d->mapped
                                        : scope_cased(s->name_case, db, buf);
    return d != NULL && d->partly ? d->mapped : NULL;
}

int scope_each_named(const struct scope *s,
                     int (*fn)(void *ctx, enum scope_kind kind, const char *db, const char *name,
                               struct err *err),
                     void *ctx, struct err *err)
{
    if (s->wildcard)
        return 0;
    for (const struct entry *e = s->entries; e != NULL; e = e->next) {
        int away = e->selects ? taken_away(s, e->kind, e->db, e->name, err) : 1;

        if (away < 0 || (away == 0 && fn(ctx, e->kind, e->db, e->name, err) < 0))
            return -1;
    }
    return 0;
}
