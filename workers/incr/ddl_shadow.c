/*
 * Tables of gh-ost and pt-online-schema-change beside a table of the project. They are kept out;
 * what is done to them is kept, so that their final rename becomes the same change of the target's
 * table. A document in cw_shadow:
 *   { "of": "t", "table": table_to_json() or absent when its structure is not known,
 *     "alters": [ { "sql", "db", "sqlMode", "version", "mariadb", "explicit", "collation" } ] }
 * Sources: gh-ost go/base/context.go (GetGhostTableName …); pt-online-schema-change, "DESCRIPTION".
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "workers/incr/ddl_outcome.h"

#include "base/banned.h"

enum { UNDERSCORES_MAX = 10, STAMP_DIGITS = 14 };

/* ---- names ---- */

static bool is_between(const char *name, const char *base, const char *end)
{
    size_t n = strlen(base), m = strlen(end);

    return strlen(name) == n + m && strncmp(name, base, n) == 0 && strcmp(name + n, end) == 0;
}

/* "_t_20240131120000_del" without its first underscore. */
static bool is_stamped(const char *name, const char *base)
{
    size_t n = strlen(base);

    if (strncmp(name, base, n) != 0 || name[n] != '_')
        return false;
    name += n + 1;
    for (int i = 0; i < STAMP_DIGITS; i++) {
        if (!isdigit((unsigned char)name[i]))
            return false;
    }
    return strcmp(name + STAMP_DIGITS, "_del") == 0;
}

enum shadow_role shadow_role(const char *name, const char *base)
{
    if (*name != '_')
        return SHADOW_NONE;
    if (is_between(name + 1, base, "_gho"))
        return SHADOW_NEW;
    if (is_between(name + 1, base, "_ghc") || is_between(name + 1, base, "_del") ||
        is_stamped(name + 1, base))
        return SHADOW_OTHER;
    for (int i = 1; i <= UNDERSCORES_MAX && name[i - 1] == '_'; i++) {
        if (is_between(name + i, base, "_new"))
            return SHADOW_NEW;
        if (is_between(name + i, base, "_old"))
            return SHADOW_OTHER;
    }
    return SHADOW_NONE;
}

/* The base of `name` between its first `skip` bytes and its last underscore word. */
static struct ddl_entry *base_at(struct ddl_judge *j, const struct ddl_name *n, size_t skip,
                                 size_t end)
{
    char base[64 * 4 + 1];

    if (end <= skip || end - skip >= sizeof(base))
        return NULL;
    memcpy(base, n->name + skip, end - skip);
    base[end - skip] = '\0';
    return shadow_role(n->name, base) != SHADOW_NONE ? outcome_entry(j, n->db, base) : NULL;
}

/* The table of the project that `n` is a shadow of by its name. */
static struct ddl_entry *base_of(struct ddl_judge *j, const struct ddl_name *n)
{
    const char *last = strrchr(n->name, '_');
    size_t end = last != NULL ? (size_t)(last - n->name) : 0;
    struct ddl_entry *e = NULL;

    if (n->name[0] != '_')
        return NULL;
    for (size_t skip = 1; e == NULL && skip <= UNDERSCORES_MAX && n->name[skip - 1] == '_'; skip++)
        e = base_at(j, n, skip, end);
    if (e == NULL && end > STAMP_DIGITS + 2)
        e = base_at(j, n, 1, end - STAMP_DIGITS - 1);
    return e;
}

bool shadow_is_of(const struct ddl_world *w, struct json_object *doc, const char *name)
{
    return ddl_same_name(w, json_get_str(doc, "of", ""), name);
}

struct json_object *shadow_find(struct ddl_judge *j, const char *db, const char *name)
{
    const struct ddl_shadow *lists[] = { j->o->shadows, j->w->shadows };
    size_t counts[] = { j->o->shadow_count, j->w->shadow_count };

    for (size_t l = 0; j->w->rules->adapt_online && l < ARRAY_SIZE(lists); l++) {
        for (size_t i = 0; i < counts[l]; i++) {
            if (ddl_same_name(j->w, lists[l][i].db, db) &&
                ddl_same_name(j->w, lists[l][i].name, name))
                return lists[l][i].doc;
        }
    }
    return NULL;
}

/* ---- their life ---- */

static struct json_object *text_of(const struct ddl_source *from)
{
    struct json_object *o = json_object_new_object();

    (void)json_add_strn(o, "sql", from->sql, from->sql_len);
    (void)json_add_str(o, "db", from->default_db);
    (void)json_add_u64(o, "sqlMode", from->sql_mode);
    (void)json_add_u64(o, "version", from->version);
    (void)json_add_bool(o, "mariadb", from->mariadb);
    (void)json_add_bool(o, "explicit", from->explicit_timestamps);
    (void)json_add_str(o, "collation", from->utf8mb4_collation);
    return o;
}

int shadow_created(struct ddl_judge *j, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_entry *base = j->w->rules->adapt_online ? base_of(j, n) : NULL;
    const struct table *like = NULL;
    struct table *t = NULL;
    struct json_object *doc;

    if (base == NULL)
        return 0;
    j->o->concerned = j->o->quiet = true;
    if (shadow_role(n->name, base->now->name) != SHADOW_NEW)
        return 1;
    if (j->d->like.name != NULL) {
        struct ddl_entry *e = outcome_entry(j, j->d->like.db, j->d->like.name);
        like = e != NULL ? e->now : NULL;
    }
    doc = json_object_new_object();
    (void)json_add_str(doc, "of", base->now->name);
    if (j->d->select.from == j->d->select.to && (j->d->like.name == NULL || like != NULL)) {
        struct err why = { 0 };
        if (evolve_create(j->d, like, &j->evolve, &t, &why) == 0)
            (void)json_add(doc, "table", table_to_json(t));
        else if (why.code == ERR_NOMEM)
            *err = why;
        table_free(t);
    }
    (void)json_add(doc, "alters", json_object_new_array());
    outcome_shadow(j, n->db, n->name, doc);
    outcome_tell(j->o, "INFO", "shadow_table",
                 "%s.%s is taken for a table of an online schema change of %s and kept out "
                 "(adaptOnlineDdl)",
                 n->db, n->name, base->now->name);
    return err->code == ERR_NOMEM ? -1 : 1;
}

int shadow_altered(struct ddl_judge *j, struct json_object *doc, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct json_object *changed = json_clone(doc), *stored = json_get(doc, "table");
    _cleanup_(table_freep)
    struct table *before = NULL;
    _cleanup_(table_freep)
    struct table *after = NULL;
    struct err why = { 0 };

    j->o->concerned = j->o->quiet = true;
    if (changed == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a shadow table");
    if (stored != NULL && table_from_json(stored, &before, &why) == 0 &&
        evolve_alter(j->d, before, &j->evolve, &after, &why) == 0)
        (void)json_add(changed, "table", table_to_json(after));
    else
        json_object_object_del(changed, "table");
    (void)json_object_array_add(json_get_array(changed, "alters"), text_of(j->from));
    outcome_shadow(j, n->db, n->name, changed);
    if (why.code == ERR_NOMEM)
        *err = why;
    return why.code == ERR_NOMEM ? -1 : 0;
}

/* ---- the final rename ---- */

static bool same_columns(const struct table *a, const struct table *b)
{
    if (a->column_count != b->column_count)
        return false;
    for (size_t i = 0; i < a->column_count; i++) {
        if (strcasecmp(a->columns[i].name, b->columns[i].name) != 0 ||
            strcasecmp(a->columns[i].type_text, b->columns[i].type_text) != 0)
            return false;
    }
    return true;
}

static bool carries(const struct ddl_judge *j, const struct ddl_entry *e)
{
    const struct table *t = e->before != NULL ? e->before : e->now;

    return ddl_carries(j, SCOPE_TABLE, t->db, t->name);
}

/* One ALTER that was done to the shadow table, on the table itself. */
static int replay(struct ddl_judge *j, struct ddl_entry *e, struct json_object *text,
                  struct err *err)
{
    const struct ddl_source from = {
        .sql = json_get_str(text, "sql", ""),
        .sql_len = strlen(json_get_str(text, "sql", "")),
        .default_db = json_get_str(text, "db", ""),
        .sql_mode = (uint64_t)json_get_i64(text, "sqlMode", 0),
        .version = (unsigned)json_get_i64(text, "version", 0),
        .mariadb = json_get_bool(text, "mariadb", false),
        .explicit_timestamps = json_get_bool(text, "explicit", true),
        .utf8mb4_collation = json_get_str(text, "collation", NULL),
    };
    const struct statement_context c = { from.default_db, from.sql_mode, from.mariadb,
                                         from.version };
    const struct evolve_context evolve = { j->w->facts, from.sql_mode, from.explicit_timestamps,
                                           from.utf8mb4_collation };
    struct ddl_judge inner = *j;
    struct ddl_statement *d = NULL;
    bool carried = carries(j, e);
    struct ddl_action *a;
    const char *what;

    if (ddl_parse(from.sql, from.sql_len, &c, &d, err) < 0)
        return -1;
    inner.from = &from;
    inner.d = d;
    if (carried && ddl_unsure_value(d, e->now, true, &what))
        outcome_pending(j->o, true, "the new column has other values at the target: %s", what);
    a = outcome_action(&inner, d, carried);
    if (a == NULL) {
        ddl_statement_free(d);
        return err_set(err, ERR_NOMEM, "no memory for a statement");
    }
    a->owned = d;
    a->before = e->now;
    action_target(&inner, a, 0, e->now->mapped_db, e->now->mapped_name);
    action_object(&inner, a, DDL_O_TABLE, e->now->mapped_db, e->now->mapped_name);
    if (judge_alter_entry(&inner, d, e, &evolve, err) < 0)
        return -1;
    j->o->actions[j->o->action_count - 1].after = e->now;
    return 0;
}

int shadow_swap(struct ddl_judge *j, struct ddl_entry *e, const struct ddl_name *name,
                struct json_object *doc, struct err *err)
{
    struct json_object *alters = json_get_array(doc, "alters"), *stored = json_get(doc, "table");
    _cleanup_(table_freep)
    struct table *shadow = NULL;
    char t[600];

    (void)snprintf(t, sizeof(t), "%s.%s", e->now->db, e->now->name);
    outcome_concern(j->o, e->now->db, e->now->name);
    j->o->listed_as = DDL_ALTER_TABLE;
    for (size_t i = 0; i < json_len(alters); i++) {
        if (replay(j, e, json_at(alters, i), err) < 0) {
            if (err->code == ERR_NOMEM)
                return -1;
            outcome_pending(j->o, false, "a change of its shadow table %s can't be carried: %s",
                            name->name, err->message);
            err_reset(err);
            e->reload = true;
        }
    }
    if (stored == NULL || table_from_json(stored, &shadow, err) < 0 ||
        !same_columns(shadow, e->now)) {
        if (err->code == ERR_NOMEM)
            return -1;
        err_reset(err);
        outcome_pending(j->o, false,
                        "the columns of %s are not those of %s with the changes seen: it was made "
                        "or changed in a way that was not followed",
                        name->name, t);
        e->reload = true;
    }
    outcome_shadow(j, name->db, name->name, NULL);
    outcome_tell(j->o, "INFO", "online_ddl", "%s was exchanged for %s: %zu changes of it %s", t,
                 name->name, json_len(alters), carries(j, e) ? "carried" : "tracked");
    return 0;
}
