/* Items about the case of names: the servers' settings, and names that become one at the target. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

enum { KEY_MAX = 2 * SCOPE_NAME_MAX + 1 };

/* ---- lower_case_table_names ------------------------------------------------------------------ */

static bool has_upper(const char *s)
{
    char buf[SCOPE_NAME_MAX];

    return strcmp(scope_cased(SCOPE_CASE_LOWER, s, buf), s) != 0;
}

/* A target that keeps names in lower case can't have those that nameCase UPPER makes. */
static bool refused_upper(struct precheck *p, int target, struct verdict *v)
{
    if (scope_name_case(p->scope) != SCOPE_CASE_UPPER || target == 0)
        return false;
    verdict_say(v, V_FAILED,
                "commonTransferConfig.nameCase is UPPER, and the target keeps names in lower case");
    verdict_advise(v, "nameCase LOWER or AS_SOURCE, or a target with lower_case_table_names = 0.");
    return true;
}

int item_lower_case(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    int s = p->ends[END_SOURCE].dialect.lower_case_table_names,
        d = p->ends[end].dialect.lower_case_table_names;
    struct name_list upper = NAME_LIST;

    (void)err;
    verdict_say(v, V_PASSED, "source %d, target %d", s, d);
    if (refused_upper(p, d, v) || s == d)
        return 0;
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        if (has_upper(t->mapped_db) || has_upper(t->mapped_name))
            names_add(&upper, "%s.%s", t->mapped_db, t->mapped_name);
    }
    if (upper.count > 0 && scope_name_case(p->scope) == SCOPE_CASE_SOURCE)
        verdict_say(v, V_FAILED, "the servers differ, and these names hold upper case: %s",
                    names_text(&upper));
    else if (upper.count > 0)
        verdict_say(v, V_WARNING, "the servers differ; nameCase says how names are written");
    else
        verdict_say(v, V_WARNING, "the servers differ; all names at the target are lower case");
    verdict_advise(
        v,
        "Set lower_case_table_names = %d at the target (before its data folder is made), or have "
        "names in lower case there: commonTransferConfig.nameCase LOWER.",
        s);
    names_done(&upper);
    return 0;
}

/* ---- names that become one ------------------------------------------------------------------- */

struct fold {
    struct precheck *p;
    bool folds;            /* the target compares names so */
    struct map *seen;      /* name at the target -> struct came_from */
    struct name_list same; /* "a.T and a.t (both a.t)" */
    struct came_from *all;
};

struct came_from {
    char source[KEY_MAX], target[KEY_MAX];
    struct came_from *next;
};

static void fold_done(struct fold *f)
{
    map_free(f->seen);
    while (f->all != NULL) {
        struct came_from *next = f->all->next;

        free(f->all);
        f->all = next;
    }
    names_done(&f->same);
}

static int note(struct fold *f, const char *source, const char *target, struct err *err)
{
    struct came_from *mine = calloc(1, sizeof(*mine)), *other;
    char key[KEY_MAX];

    if (mine == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    mine->next = f->all;
    f->all = mine;
    (void)snprintf(mine->source, sizeof(mine->source), "%s", source);
    (void)snprintf(mine->target, sizeof(mine->target), "%s", target);
    (void)snprintf(key, sizeof(key), "%s", target);
    for (char *c = key; f->folds && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    other = map_get(f->seen, key);
    if (other == NULL)
        return map_set(f->seen, key, mine) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    /* two that were mapped to one on purpose are for DB_TABLE_NAME_UNIQUE */
    if (strcasecmp(source, other->source) == 0 ||
        scope_name_case(f->p->scope) != SCOPE_CASE_SOURCE || strcmp(target, other->target) != 0)
        names_add(&f->same, "%s and %s (both %s)", other->source, source, target);
    return 0;
}

/* Databases that two of the source's become one of, in case only. */
static int note_databases(struct fold *f, struct err *err)
{
    _cleanup_(map_freep)
    struct map *sources = map_new();
    int r = 0;

    if (sources == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < f->p->cat->count; i++) {
        const struct table *t = f->p->cat->tables[i];

        if (map_get(sources, t->db) != NULL)
            continue;
        for (size_t k = 0; k < i; k++) {
            const struct table *o = f->p->cat->tables[k];

            if (strcmp(o->db, t->db) != 0 && strcasecmp(o->db, t->db) == 0 &&
                (f->folds ? strcasecmp(o->mapped_db, t->mapped_db)
                          : strcmp(o->mapped_db, t->mapped_db)) == 0) {
                names_add(&f->same, "databases %s and %s (both %s)", o->db, t->db, t->mapped_db);
                break;
            }
        }
        if (map_set(sources, t->db, f) < 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
    }
    return r;
}

static int note_tables(struct fold *f, struct err *err)
{
    char source[KEY_MAX], target[KEY_MAX];

    for (size_t i = 0; i < f->p->cat->count; i++) {
        const struct table *t = f->p->cat->tables[i];

        (void)snprintf(source, sizeof(source), "%s.%s", t->db, t->name);
        (void)snprintf(target, sizeof(target), "%s.%s", t->mapped_db, t->mapped_name);
        if (note(f, source, target, err) < 0)
            return -1;
    }
    return 0;
}

/* Tables and views share one space of names. */
static int note_views(struct fold *f, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    char source[KEY_MAX], target[KEY_MAX];
    int got;

    if (conn_queryf(f->p->ends[END_SOURCE].conn, &r, err,
                    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
                    " WHERE TABLE_TYPE = 'VIEW'") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        const char *db = result_str(&r, 0, ""), *name = result_str(&r, 1, "");
        struct scope_object o = { 0 };

        got = scope_match(f->p->scope, SCOPE_VIEW, db, name, &o, err);
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        (void)snprintf(source, sizeof(source), "%s.%s", db, name);
        (void)snprintf(target, sizeof(target), "%s.%s", o.mapped_db, o.mapped_name);
        scope_object_done(&o);
        if (note(f, source, target, err) < 0)
            return -1;
    }
    return got;
}

int item_case_sensitive(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    static const char *const policy[] = { [SCOPE_CASE_SOURCE] = "as at the source",
                                          [SCOPE_CASE_LOWER] = "in lower case",
                                          [SCOPE_CASE_UPPER] = "in upper case" };
    _cleanup_(fold_done)
    struct fold f = { .p = p,
                      .folds = p->ends[end].dialect.lower_case_table_names != 0,
                      .seen = map_new(),
                      .same = NAME_LIST };

    if (f.seen == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (note_databases(&f, err) < 0 || note_tables(&f, err) < 0 || note_views(&f, err) < 0)
        return -1;
    verdict_say(v, V_PASSED, "names are written %s", policy[scope_name_case(p->scope)]);
    if (f.same.count == 0)
        return 0;
    verdict_say(v, V_FAILED, "names that differ in case only become one at the target: %s",
                names_text(&f.same));
    verdict_advise(v, "Give one of each pair another mappedName (or a rule that renames it), leave "
                      "one out, or choose commonTransferConfig.nameCase AS_SOURCE on a target with "
                      "lower_case_table_names = 0.");
    return 0;
}

int item_unique_names(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    _cleanup_(map_freep)
    struct map *seen = map_new();
    struct name_list twice = NAME_LIST;
    char key[KEY_MAX];

    (void)end;
    if (seen == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < p->cat->count; i++) {
        const struct table *t = p->cat->tables[i];

        (void)snprintf(key, sizeof(key), "%s\1%s", t->mapped_db, t->mapped_name);
        if (map_get(seen, key) != NULL)
            names_add(&twice, "%s.%s", t->mapped_db, t->mapped_name);
        else if (map_set(seen, key, p->cat) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (twice.count > 0) {
        verdict_say(v, V_FAILED, "several source tables have the same target: %s",
                    names_text(&twice));
        verdict_advise(v, "Map them to different names: several tables into one is not supported.");
    }
    names_done(&twice);
    return 0;
}
