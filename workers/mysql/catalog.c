#include "workers/mysql/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "workers/mysql/catalog_priv.h"

#include "base/banned.h"

enum { NAMES_TOLD_BYTES = 700, NAME_KEY_BYTES = 16 * 1024 };

const char *catalog_key(const char *db, const char *name, char buf[static CATALOG_KEY_MAX])
{
    (void)snprintf(buf, CATALOG_KEY_MAX, "%s\1%s", db, name);
    return buf;
}

void *array_more(void **array, size_t *count, size_t size)
{
    /* Grows at 0, 1, 2, 4, 8 …: the capacity follows from the count, so it needs no room. */
    if ((*count & (*count - 1)) == 0 || *count == 0) {
        size_t cap = *count == 0 ? 1 : *count * 2;
        void *grown = reallocarray(*array, cap, size);

        if (grown == NULL)
            return NULL;
        *array = grown;
    }
    memset((char *)*array + *count * size, 0, size);
    *count += 1;
    return (char *)*array + (*count - 1) * size;
}

/* ---- life ---- */

void column_done(struct column *c)
{
    free(c->name);
    free(c->type_text);
    free(c->data_type);
    free(c->charset);
    free(c->collation);
    json_putp(&c->labels);
}

void index_done(struct index *i)
{
    free(i->name);
    free(i->kind);
    free(i->columns);
    free(i->prefix);
}

void fk_done(struct foreign_key *fk)
{
    for (size_t i = 0; i < fk->column_count; i++) {
        free(fk->columns[i]);
        free(fk->ref_columns[i]);
    }
    free(fk->columns);
    free(fk->ref_columns);
    free(fk->name);
    free(fk->ref_db);
    free(fk->ref_table);
    free(fk->on_delete);
    free(fk->on_update);
}

void table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->column_count; i++)
        column_done(&t->columns[i]);
    for (size_t i = 0; i < t->index_count; i++)
        index_done(&t->indexes[i]);
    for (size_t i = 0; i < t->fk_count; i++)
        fk_done(&t->fks[i]);
    free(t->columns);
    free(t->indexes);
    free(t->fks);
    free(t->selected);
    free(t->db);
    free(t->name);
    free(t->engine);
    free(t->collation);
    free(t->create_options);
    free(t->mapped_db);
    free(t->mapped_name);
    free(t->where);
    free(t);
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        table_free(c->tables[i]);
    free(c->tables);
    map_free(c->by_name);
    free(c);
}

bool column_equal_is_bytes(const struct column *c)
{
    size_t len = c->collation == NULL ? 0 : strlen(c->collation);

    if (c->collation == NULL || strcasecmp(c->collation, "binary") == 0)
        return true;
    return len > 4 && strcasecmp(c->collation + len - 4, "_bin") == 0;
}

int table_column(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (strcasecmp(t->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool table_rolls_back(const struct table *t)
{
    static const char *const without[] = { "MyISAM",     "Aria",    "MEMORY",
                                           "MRG_MyISAM", "ARCHIVE", "CSV" };

    for (size_t i = 0; t->engine != NULL && i < ARRAY_SIZE(without); i++)
        if (strcasecmp(t->engine, without[i]) == 0)
            return false;
    return true;
}

struct table *catalog_find(const struct catalog *c, const char *db, const char *name)
{
    char key[CATALOG_KEY_MAX];

    return map_get(c->by_name, catalog_key(db, name, key));
}

/* ---- keys ---- */

static bool is_usable(const struct table *t, const struct index *x)
{
    if (!x->unique || x->functional || x->column_count == 0)
        return false;
    for (size_t i = 0; i < x->column_count; i++)
        if (x->prefix[i] != 0 || t->columns[x->columns[i]].nullable)
            return false;
    return true;
}

/* About how many bytes a value of the index takes: the smaller key makes cheaper lookups. */
static uint64_t key_bytes(const struct table *t, const struct index *x)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->column_count; i++) {
        const struct column *c = &t->columns[x->columns[i]];

        sum += c->int_bytes != 0 ? c->int_bytes : c->octets != 0 ? c->octets : 8;
    }
    return sum;
}

static int by_primary_then_name(const void *a, const void *b)
{
    const struct index *x = a, *y = b;

    if (x->primary != y->primary)
        return x->primary ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int choose_key(const struct table *t)
{
    int best = -1;

    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        if (!x->usable_key)
            continue;
        if (x->primary)
            return (int)i;
        if (best < 0 || key_bytes(t, x) < key_bytes(t, &t->indexes[best]))
            best = (int)i;
    }
    return best;
}

int table_finish(struct table *t, struct err *err)
{
    if (t->index_count > 1)
        qsort(t->indexes, t->index_count, sizeof(*t->indexes), by_primary_then_name);
    for (size_t i = 0; i < t->index_count; i++)
        t->indexes[i].usable_key = is_usable(t, &t->indexes[i]);
    t->key = choose_key(t);
    if (t->selected != NULL)
        return 0;
    t->selected = calloc(t->column_count + 1, sizeof(*t->selected));
    if (t->selected == NULL)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", t->db, t->name);
    for (size_t i = 0; i < t->column_count; i++)
        t->selected[i] = !t->columns[i].generated;
    return 0;
}

/* ---- one table ---- */

int catalog_table(struct conn *c, const struct dialect *d, const char *db, const char *name,
                  struct table **ret, struct err *err)
{
    struct table_list list = { 0 };
    int rc = catalog_list(c, db, name, &list, err);

    if (rc == 0 && list.count == 0)
        rc = err_set(err, ERR_TABLE_NOT_FOUND, "%s: there is no table %s.%s",
                     end_name(conn_endpoint(c)->end), db, name);
    if (rc == 0)
        rc = catalog_read(c, d, list.tables, 1, 1, err);
    if (rc == 0) {
        *ret = list.tables[0];
        list.tables[0] = NULL;
    }
    for (size_t i = 0; i < list.count; i++)
        table_free(list.tables[i]);
    free(list.tables);
    return rc;
}

/* ---- all tables in scope ---- */

static int replace_text(char **text, const char *with, struct err *err)
{
    char *copy = with == NULL ? NULL : strdup(with);

    if (with != NULL && copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a name");
    free(*text);
    *text = copy;
    return 0;
}

/* The include list. Every fault of it in one message; key columns must be in. */
static int select_columns(struct table *t, struct json_object *list, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf wrong = STRBUF(NAMES_TOLD_BYTES);
    _cleanup_(freep)
    bool *selected = calloc(t->column_count + 1, sizeof(*selected));

    if (selected == NULL)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", t->db, t->name);
    for (size_t i = 0; i < json_len(list); i++) {
        const char *name = json_at_str(list, i);
        int at = name == NULL ? -1 : table_column(t, name);

        if (at < 0)
            strbuf_addf(&wrong, "%s%s is no column", wrong.len > 0 ? ", " : "",
                        name == NULL ? "?" : name);
        else
            selected[at] = !t->columns[at].generated;
    }
    for (size_t i = 0; t->key >= 0 && i < t->indexes[t->key].column_count; i++) {
        unsigned at = t->indexes[t->key].columns[i];

        if (!selected[at] && !t->columns[at].generated)
            strbuf_addf(&wrong, "%skey column %s is left out", wrong.len > 0 ? ", " : "",
                        t->columns[at].name);
    }
    if (wrong.len > 0 || wrong.failed)
        return err_set(err, ERR_PARAM, "filterColumns of %s.%s: %s", t->db, t->name,
                       strbuf_str(&wrong));
    free(t->selected);
    t->selected = take_ptr(selected);
    return 0;
}

int table_apply_object(struct table *t, const struct scope_object *o, struct err *err)
{
    if (replace_text(&t->mapped_db, o->mapped_db, err) < 0 ||
        replace_text(&t->mapped_name, o->mapped_name, err) < 0 ||
        replace_text(&t->where, o->where, err) < 0)
        return -1;
    return o->columns != NULL ? select_columns(t, o->columns, err) : 0;
}

/* What catalog_load() gathers. */
struct loading {
    struct table_list list;
    struct map *found; /* names in scope that exist, also those a category leaves out */
};

/* 1 keep, 0 leave out, -1 error. */
static int apply_scope(struct loading *l, const struct scope *s, struct table *t, struct err *err)
{
    struct scope_object o = { 0 };
    int rc = scope_match(s, SCOPE_TABLE, t->db, t->name, &o, err);

    (void)l;
    if (rc == 1) {
        enum scope_category category = scope_category(s);

        if ((category == SCOPE_WITH_KEY && t->key < 0) ||
            (category == SCOPE_WITHOUT_KEY && t->key >= 0))
            rc = 0;
        else if (table_apply_object(t, &o, err) < 0)
            rc = -1;
    }
    scope_object_done(&o);
    return rc;
}

static int note_found(struct loading *l, const struct scope *s, struct table *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(NAME_KEY_BYTES);

    scope_name_key(s, t->db, t->name, &key);
    if (strbuf_check(&key, err) < 0)
        return -1;
    if (map_set(l->found, strbuf_str(&key), l) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    return 0;
}

static int is_named(struct loading *l, const struct scope *s, struct table *t, struct err *err)
{
    struct scope_object o = { 0 };
    int hit = scope_match(s, SCOPE_TABLE, t->db, t->name, &o, err);

    scope_object_done(&o);
    if (hit == 1 && note_found(l, s, t, err) < 0)
        return -1;
    return hit;
}

/*
 * Keeps the tables behind `from` for which `keep` says 1 and frees the others. On an error all
 * that has not been looked at stays in the list: the list's owner frees it.
 */
static int filter_list(struct loading *l, size_t from, const struct scope *s,
                       int (*keep)(struct loading *, const struct scope *, struct table *,
                                   struct err *),
                       struct err *err)
{
    struct table **tables = l->list.tables;
    size_t kept = from, i;
    int hit = 0;

    for (i = from; i < l->list.count && hit >= 0; i++) {
        hit = keep(l, s, tables[i], err);
        if (hit == 0)
            table_free(tables[i]);
        else
            tables[kept++] = tables[i];
    }
    if (i < l->list.count)
        memmove(tables + kept, tables + i, (l->list.count - i) * sizeof(struct table *));
    l->list.count -= i - kept;
    return hit < 0 ? -1 : 0;
}

static int load_db(struct conn *c, const struct dialect *d, const struct scope *s, const char *db,
                   struct loading *l, struct err *err)
{
    size_t from = l->list.count, listed;

    if (catalog_list(c, db, NULL, &l->list, err) < 0)
        return -1;
    listed = l->list.count - from;
    if (filter_list(l, from, s, is_named, err) < 0)
        return -1;
    if (l->list.count == from)
        return 0;
    if (catalog_read(c, d, l->list.tables + from, l->list.count - from, listed, err) < 0)
        return -1;
    return filter_list(l, from, s, apply_scope, err);
}

static int by_db_and_name(const void *a, const void *b)
{
    const struct table *x = *(struct table *const *)a, *y = *(struct table *const *)b;
    int order = strcmp(x->db, y->db);

    return order != 0 ? order : strcmp(x->name, y->name);
}

static int fill_map(struct catalog *cat, struct err *err)
{
    char key[CATALOG_KEY_MAX];

    for (size_t i = 0; i < cat->count; i++) {
        struct table *t = cat->tables[i];

        if (map_set(cat->by_name, catalog_key(t->db, t->name, key), t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the catalog");
    }
    return 0;
}

/* Refuses two tables that would become one at the target. */
static int check_targets(const struct catalog *cat, struct err *err)
{
    _cleanup_(map_freep)
    struct map *targets = map_new();
    char key[CATALOG_KEY_MAX];

    if (targets == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    for (size_t i = 0; i < cat->count; i++) {
        struct table *t = cat->tables[i], *other;

        other = map_get(targets, catalog_key(t->mapped_db, t->mapped_name, key));
        if (other != NULL)
            return err_set(err, ERR_NOT_SUPPORTED,
                           "%s.%s and %s.%s would both become %s.%s: several tables into one is "
                           "not supported",
                           other->db, other->name, t->db, t->name, t->mapped_db, t->mapped_name);
        if (map_set(targets, key, t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the catalog");
    }
    return 0;
}

/* ---- tables listed one by one that are not there ---- */

struct missing {
    const struct scope *scope;
    const struct map *found; /* keys of scope_name_key() */
    struct strbuf names;
};

static int check_named(void *ctx, enum scope_kind kind, const char *db, const char *name,
                       struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(NAME_KEY_BYTES);
    struct missing *m = ctx;

    if (kind != SCOPE_TABLE)
        return 0;
    scope_name_key(m->scope, db, name, &key);
    if (strbuf_check(&key, err) < 0)
        return -1;
    if (map_get(m->found, strbuf_str(&key)) == NULL)
        strbuf_addf(&m->names, "%s%s.%s", m->names.len > 0 ? ", " : "", db, name);
    return 0;
}

static int check_all_named(struct conn *c, const struct scope *s, const struct map *found,
                           struct err *err)
{
    struct missing m = { s, found, STRBUF(NAMES_TOLD_BYTES) };
    int rc = scope_each_named(s, check_named, &m, err);

    if (rc == 0 && (m.names.len > 0 || m.names.failed))
        rc = err_set(err, ERR_TABLE_NOT_FOUND, "%s: there is no table %s%s",
                     end_name(conn_endpoint(c)->end), strbuf_str(&m.names),
                     m.names.failed ? " and more" : "");
    strbuf_done(&m.names);
    return rc;
}

/* ---- the whole ---- */

static int load_all(struct conn *c, const struct dialect *d, const struct scope *s,
                    struct loading *l, struct err *err)
{
    static const char sql[] = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA";
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_query(c, sql, sizeof(sql) - 1, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *db = result_str(&r, 0, "");

        if (scope_may_match_db(s, db) && load_db(c, d, s, db, l, err) < 0)
            return -1;
    }
    if (got < 0)
        return -1;
    return check_all_named(c, s, l->found, err);
}

int catalog_load_overlapping(struct conn *c, const struct dialect *d, const struct scope *s,
                             struct catalog **ret, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *cat = calloc(1, sizeof(*cat));
    struct loading l = { .found = map_new() };
    int rc;

    if (cat == NULL || l.found == NULL || (cat->by_name = map_new()) == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for the catalog");
    else
        rc = load_all(c, d, s, &l, err);
    map_free(l.found);
    if (cat != NULL) {
        cat->tables = l.list.tables;
        cat->count = l.list.count;
    }
    if (rc < 0)
        return -1;
    if (cat->count > 1)
        qsort(cat->tables, cat->count, sizeof(struct table *), by_db_and_name);
    if (fill_map(cat, err) < 0)
        return -1;
    *ret = take_ptr(cat);
    return 0;
}

int catalog_load(struct conn *c, const struct dialect *d, const struct scope *s,
                 struct catalog **ret, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;

    if (catalog_load_overlapping(c, d, s, &cat, err) < 0 || check_targets(cat, err) < 0)
        return -1;
    *ret = take_ptr(cat);
    return 0;
}
