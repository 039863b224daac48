/* Does a table that exists at the target fit what would be created? Decided by both catalogs,
 * column by column (fit.h) and key by key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/convert/fit.h"
#include "workers/mysql/mapping.h"
#include "workers/mysql/sqltext.h"
#include "workers/schema/schema_priv.h"

#include "base/banned.h"

struct comparison {
    struct schema_ctx *c;
    const struct table *s, *d;
    struct json_object *carried; /* filterColumns or NULL */
    char object[600];
};

static void differs(struct comparison *x, const char *column, const char *what, const char *source,
                    const char *target)
{
    notes_add(
        &x->c->notes, NOTE_REFUSED, x->object,
        "it exists at the target as %s.%s and differs: %s%s%s (source %s, target %s); make it fit, "
        "drop it, or leave the table out",
        x->d->db, x->d->name, column, column[0] != '\0' ? ": " : "", what, source, target);
}

static bool same_collation(const struct comparison *x, const char *source, const char *target)
{
    char a[MAP_NAME_MAX], b[MAP_NAME_MAX];

    const char *chosen = source == NULL ? NULL : map_override(x->c->overrides, source);

    if (source == NULL || target == NULL)
        return source == target;
    if (chosen == NULL && map_collation(&x->c->to, source, a) == MAP_NONE)
        return false;
    if (chosen != NULL)
        (void)map_collation(&x->c->to, chosen, a);
    (void)map_collation(&x->c->to, target, b); /* one spelling of utf8 and utf8mb3 */
    return strcasecmp(a, b) == 0;
}

static bool in_unique_key(const struct table *t, const char *column)
{
    for (size_t i = 0; i < t->index_count; i++) {
        const struct index *x = &t->indexes[i];

        for (size_t k = 0; x->unique && k < x->column_count; k++)
            if (x->columns[k] < t->column_count &&
                strcasecmp(t->columns[x->columns[k]].name, column) == 0)
                return true;
    }
    return false;
}

/*
 * Another character set is converted on the way. What a collation holds equal matters to unique
 * keys: there it must be the one that the mapping gives.
 */
static enum fit collation_fit(const struct comparison *x, const struct column *s,
                              const struct column *d)
{
    enum fit f;

    if (same_collation(x, s->collation, d->collation))
        return charset_fit(s->charset, d->charset); /* the user's choice may be narrower */
    f = charset_fit(s->charset, d->charset);
    if (f == FIT_SAME || in_unique_key(x->s, s->name) || in_unique_key(x->d, d->name))
        return FIT_CHANGES;
    return f;
}

static void narrower(struct comparison *x, const char *column, const char *what, const char *source,
                     const char *target)
{
    notes_add(&x->c->notes, NOTE_NARROWER, x->object,
              "column %s is narrower at the target: %s (source %s, target %s); a value that does "
              "not fit stops the copy or the synchronisation",
              column, what, source, target);
}

static void judge(struct comparison *x, const char *column, enum fit f, const char *what,
                  const char *source, const char *target)
{
    switch (f) {
    case FIT_SAME:
    case FIT_WIDER:
        break;
    case FIT_NARROWER:
        narrower(x, column, what, source, target);
        break;
    case FIT_CHANGES:
        differs(x, column, what, source, target);
        break;
    }
}

static const char *or_none(const char *text)
{
    return text == NULL ? "none" : text;
}

static void compare_column(struct comparison *x, const struct column *s)
{
    int at = table_column(x->d, s->name);
    const struct column *d;
    const char *what;
    enum fit f;

    if (at < 0) {
        differs(x, s->name, "the column is missing", s->type_text, "none");
        return;
    }
    d = &x->d->columns[at];
    f = column_fit(s, d, &what);
    if (strcmp(what, "generated") == 0)
        judge(x, s->name, f, what, s->generated ? "yes" : "no", d->generated ? "yes" : "no");
    else if (strcmp(what, "nullable") == 0)
        judge(x, s->name, f, what, s->nullable ? "yes" : "no", d->nullable ? "yes" : "no");
    else
        judge(x, s->name, f, what, s->type_text, d->type_text);
    if (f != FIT_CHANGES && column_is_text(s) && column_is_text(d))
        judge(x, s->name, collation_fit(x, s, d), "collation", or_none(s->collation),
              or_none(d->collation));
}

static bool carried(const struct comparison *x, const char *column)
{
    for (size_t i = 0; i < json_len(x->carried); i++) {
        const char *name = json_at_str(x->carried, i);

        if (name != NULL && strcasecmp(name, column) == 0)
            return true;
    }
    return json_len(x->carried) == 0;
}

static void index_text(const struct table *t, const struct index *i, struct strbuf *out)
{
    strbuf_addc(out, '(');
    for (size_t k = 0; k < i->column_count; k++) {
        strbuf_addf(out, "%s%s", k > 0 ? "," : "",
                    i->columns[k] < t->column_count ? t->columns[i->columns[k]].name : "?");
        if (i->prefix != NULL && i->prefix[k] != 0)
            strbuf_addf(out, "(%u)", i->prefix[k]);
    }
    strbuf_addc(out, ')');
}

static bool has_unique(const struct table *t, const char *columns, bool primary)
{
    for (size_t i = 0; i < t->index_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf text = STRBUF(16 * 1024);

        if (!t->indexes[i].unique || t->indexes[i].functional ||
            (primary && !t->indexes[i].primary))
            continue;
        index_text(t, &t->indexes[i], &text);
        if (strcasecmp(strbuf_str(&text), columns) == 0)
            return true;
    }
    return false;
}

/* Every unique index of the one must be one of the other: a missing one lets in what the source
 * refuses. */
static void compare_unique(struct comparison *x, const struct table *a, const struct table *b,
                           const char *missing_where)
{
    for (size_t i = 0; i < a->index_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf text = STRBUF(16 * 1024);
        bool whole = true;

        if (!a->indexes[i].unique || a->indexes[i].functional)
            continue;
        for (size_t k = 0; k < a->indexes[i].column_count; k++)
            whole = whole && a->indexes[i].columns[k] < a->column_count &&
                    carried(x, a->columns[a->indexes[i].columns[k]].name);
        index_text(a, &a->indexes[i], &text);
        if (whole && !has_unique(b, strbuf_str(&text), a->indexes[i].primary))
            notes_add(
                &x->c->notes, NOTE_REFUSED, x->object,
                "it exists at the target as %s.%s and differs: no %s key %s at the %s; make it "
                "fit, drop it, or leave the table out",
                x->d->db, x->d->name, a->indexes[i].primary ? "primary" : "unique",
                strbuf_str(&text), missing_where);
    }
}

static void compare_columns(struct comparison *x)
{
    for (size_t i = 0; i < x->s->column_count; i++)
        if (carried(x, x->s->columns[i].name))
            compare_column(x, &x->s->columns[i]);
    for (size_t i = 0; i < x->d->column_count; i++)
        if (table_column(x->s, x->d->columns[i].name) < 0)
            differs(x, x->d->columns[i].name, "the source has no such column", "none",
                    x->d->columns[i].type_text);
}

int compare_table(struct schema_ctx *c, const struct table *t, struct err *err)
{
    _cleanup_(table_freep)
    struct table *d = NULL;
    struct comparison x = { .c = c, .s = t };
    struct scope_object o = { 0 };

    (void)snprintf(x.object, sizeof(x.object), "table %s.%s", t->db, t->name);
    if (catalog_table(c->dst, &c->to, t->mapped_db, t->mapped_name, &d, err) < 0)
        return -1;
    if (scope_match(c->scope, SCOPE_TABLE, t->db, t->name, &o, err) < 0)
        return -1;
    x.d = d;
    x.carried = o.columns;
    compare_columns(&x);
    compare_unique(&x, t, d, "target");
    compare_unique(&x, d, t, "source");
    scope_object_done(&o);
    return 0;
}

static int column_names(struct conn *c, const char *db, const char *view, char **ret,
                        struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);

    strbuf_adds(&sql, "SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION) FROM"
                      " information_schema.COLUMNS WHERE TABLE_SCHEMA = ");
    sql_string(&sql, db);
    strbuf_adds(&sql, " AND TABLE_NAME = ");
    sql_string(&sql, view);
    return conn_value(c, strbuf_str(&sql), ret, err);
}

int compare_view(struct schema_ctx *c, const struct object *o, struct err *err)
{
    _cleanup_(freep)
    char *s = NULL, *d = NULL;
    char what[600];

    if (column_names(c->src, o->db, o->name, &s, err) < 0 ||
        column_names(c->dst, o->mapped_db, o->mapped_name, &d, err) < 0)
        return -1;
    (void)snprintf(what, sizeof(what), "view %s.%s", o->db, o->name);
    if (s == NULL || d == NULL || strcasecmp(s, d) != 0)
        notes_add(
            &c->notes, NOTE_REFUSED, what,
            "it exists at the target as %s.%s with other columns (source %s, target %s); drop it, "
            "or leave the view out",
            o->mapped_db, o->mapped_name, s == NULL ? "?" : s, d == NULL ? "?" : d);
    return 0;
}
