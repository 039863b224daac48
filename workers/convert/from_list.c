/* The tables that a view's query names without their database. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/rewrite_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

static bool one_of(const struct tokens *t, size_t i, const char *const *words)
{
    for (; *words != NULL; words++)
        if (tokens_word(t, i, *words))
            return true;
    return false;
}

static size_t with_name(struct from_list *f, size_t i)
{
    const struct tokens *t = &f->r->t;
    _cleanup_(freep)
    char *name = tokens_name(t, i);
    size_t as = tokens_punct(t, i + 1, '(') ? tokens_close(t, i + 1) + 1 : i + 1;

    if (name == NULL || !tokens_word(t, as, "AS") || !tokens_punct(t, as + 1, '('))
        return i;
    if (map_set(f->ctes, name, f) < 0)
        f->r->out.failed = true;
    as = tokens_close(t, as + 1) + 1;
    return tokens_punct(t, as, ',') ? with_name(f, as + 1) : i;
}

void from_list_init(struct from_list *f, struct rewriter *r, size_t from)
{
    *f = (struct from_list){ .r = r };
    if (r->job->default_db == NULL)
        return;
    f->ctes = map_new();
    if (f->ctes == NULL) {
        r->out.failed = true;
        return;
    }
    for (size_t i = from; i < r->t.count; i++)
        if (tokens_word(&r->t, i, "WITH"))
            (void)with_name(f, tokens_word(&r->t, i + 1, "RECURSIVE") ? i + 2 : i + 1);
}

void from_list_done(struct from_list *f)
{
    map_free(f->ctes);
}

static void parenthesis(struct from_list *f, size_t i)
{
    bool nested = f->expect;

    if (tokens_punct(&f->r->t, i, ')')) {
        f->depth -= f->depth > 0 ? 1 : 0;
        f->expect = false;
        return;
    }
    if (f->depth + 1 >= FROM_DEPTH_MAX) {
        f->r->out.failed = true;
        return;
    }
    f->depth++;
    f->select[f->depth] = nested; /* (a JOIN b): commas and JOINs count as in the list around */
    f->from[f->depth] = nested;
    f->expect = nested;
}

bool from_list_at_table(struct from_list *f, size_t i)
{
    static const char *const joins[] = { "FROM", "JOIN", "STRAIGHT_JOIN", NULL };
    static const char *const ends[] = { "WHERE",  "GROUP", "HAVING",    "ORDER",  "LIMIT", "UNION",
                                        "WINDOW", "FOR",   "INTERSECT", "EXCEPT", "INTO",  NULL };
    static const char *const still[] = { "LATERAL", "ONLY", NULL };
    const struct tokens *t = &f->r->t;
    bool table = f->expect && tokens_is_name(t, i) && !tokens_word(t, i, "SELECT") &&
                 !tokens_word(t, i, "LATERAL");

    if (f->ctes == NULL)
        return false;
    if (tokens_punct(t, i, '(') || tokens_punct(t, i, ')')) {
        parenthesis(f, i);
    } else if (tokens_word(t, i, "SELECT")) {
        f->select[f->depth] = true;
        f->from[f->depth] = f->expect = false;
    } else if (f->select[f->depth] && one_of(t, i, joins)) {
        f->from[f->depth] = f->expect = true;
    } else if (f->from[f->depth] && one_of(t, i, ends) && !tokens_punct(t, i - 1, '.')) {
        f->from[f->depth] = f->expect = false;
    } else if (tokens_punct(t, i, ',')) {
        f->expect = f->from[f->depth];
    } else if (!one_of(t, i, still)) {
        f->expect = false;
    }
    return table;
}

/* Words that may follow a table's name and are no alias. */
static bool has_alias(const struct tokens *t, size_t i)
{
    static const char *const no[] = {
        "JOIN",          "INNER",     "CROSS", "LEFT",      "RIGHT",       "NATURAL",
        "STRAIGHT_JOIN", "ON",        "USING", "WHERE",     "GROUP",       "HAVING",
        "ORDER",         "LIMIT",     "UNION", "USE",       "FORCE",       "IGNORE",
        "PARTITION",     "WINDOW",    "FOR",   "INTERSECT", "EXCEPT",      "WITH",
        "FULL",          "PROCEDURE", "INTO",  "LOCK",      "TABLESAMPLE", NULL
    };

    return tokens_is_name(t, i) && !one_of(t, i, no);
}

bool from_list_name(struct from_list *f, size_t i)
{
    struct rewriter *r = f->r;
    _cleanup_(freep)
    char *name = tokens_name(&r->t, i);
    const struct renamed *object, *database;

    if (name == NULL || tokens_punct(&r->t, i + 1, '.') || tokens_punct(&r->t, i + 1, '(') ||
        map_get(f->ctes, name) != NULL || strcasecmp(name, "dual") == 0)
        return false;
    object = rewriter_lookup(r, r->job->default_db, name);
    database = rewriter_lookup(r, r->job->default_db, NULL);
    rewriter_copy_to(r, i);
    if (object != NULL)
        sql_table(&r->out, object->db, object->name);
    else
        sql_table(&r->out, database != NULL ? database->db : r->job->default_db, name);
    if (object != NULL && strcmp(object->name, name) != 0 && !has_alias(&r->t, i + 1)) {
        strbuf_adds(&r->out, " AS "); /* columns are named by it */
        sql_name(&r->out, name);
    }
    rewriter_skip(r, i);
    return true;
}
