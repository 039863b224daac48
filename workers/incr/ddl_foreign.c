/* Foreign keys of the project's tables when what they point at gets another name: the catalog says
 * what the server says, by which parallel apply orders tables, safe mode finds children and DROP
 * FOREIGN KEY is judged. A dropped parent stays in them by its name, as it does at the server. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "workers/incr/ddl_outcome.h"

#include "base/banned.h"

struct renaming {
    const char *db, *name;         /* of the parent, before */
    const char *to_db, *to_name;   /* NULL: only columns */
    const struct ddl_statement *d; /* whose column names change; NULL: only the table's */
};

static bool points_at(const struct ddl_judge *j, const struct foreign_key *fk,
                      const struct renaming *r)
{
    return ddl_same_name(j->w, fk->ref_db, r->db) && ddl_same_name(j->w, fk->ref_table, r->name);
}

static bool any_points_at(const struct ddl_judge *j, const struct table *t,
                          const struct renaming *r)
{
    for (size_t i = 0; i < t->fk_count; i++)
        if (points_at(j, &t->fks[i], r))
            return true;
    return false;
}

static void set(struct ddl_judge *j, char **to, const char *text)
{
    char *copy = outcome_text(j->o, text);

    if (copy == NULL)
        return;
    free(*to);
    *to = copy;
}

static bool is_rename(const struct ddl_item *i)
{
    return (i->kind == ITEM_CHANGE_COLUMN || i->kind == ITEM_RENAME_COLUMN) && i->name != NULL &&
           i->new_name != NULL;
}

/* All renames of one statement happen at once. */
static void rename_columns(struct ddl_judge *j, struct foreign_key *fk,
                           const struct ddl_statement *d)
{
    for (size_t c = 0; c < fk->column_count; c++) {
        const struct ddl_item *found = NULL;

        for (size_t i = 0; found == NULL && i < d->item_count; i++)
            if (is_rename(&d->items[i]) && strcasecmp(d->items[i].name, fk->ref_columns[c]) == 0)
                found = &d->items[i];
        if (found != NULL)
            set(j, &fk->ref_columns[c], found->new_name);
    }
}

static void repoint(struct ddl_judge *j, struct ddl_entry *e, const struct renaming *r)
{
    struct table *t = outcome_copy(j, e->now);

    if (t == NULL)
        return;
    for (size_t i = 0; i < t->fk_count; i++) {
        struct foreign_key *fk = &t->fks[i];

        if (!points_at(j, fk, r))
            continue;
        if (r->d != NULL)
            rename_columns(j, fk, r->d);
        if (r->to_name != NULL) {
            set(j, &fk->ref_db, r->to_db);
            set(j, &fk->ref_table, r->to_name);
        }
    }
    e->now = t;
}

static bool is_looked_at(const struct ddl_outcome *o, const struct table_plan *p)
{
    for (size_t i = 0; i < o->entry_count; i++)
        if (o->entries[i]->before == p->t)
            return true;
    return false;
}

static void all_children(struct ddl_judge *j, const struct renaming *r)
{
    const struct plans *p = j->w->plans;
    size_t count = j->o->entry_count; /* those added below are done */

    for (size_t i = 0; i < p->count; i++) {
        const struct table_plan *child = &p->tables[i];
        struct ddl_entry *e;

        if (is_looked_at(j->o, child) || !any_points_at(j, child->t, r))
            continue;
        e = outcome_leaving(j, child);
        if (e == NULL)
            return;
        e->now = child->t;
        repoint(j, e, r);
    }
    for (size_t i = 0; i < count; i++) {
        struct ddl_entry *e = j->o->entries[i];

        if (e->now != NULL && any_points_at(j, e->now, r))
            repoint(j, e, r);
    }
}

void foreign_parent_renamed(struct ddl_judge *j, const struct table *was, const struct ddl_name *to)
{
    const struct renaming r = { was->db, was->name, to->db, to->name, NULL };

    all_children(j, &r);
}

void foreign_columns_renamed(struct ddl_judge *j, const struct ddl_statement *d,
                             const struct table *parent)
{
    const struct renaming r = { parent->db, parent->name, NULL, NULL, d };
    bool any = false;

    for (size_t i = 0; i < d->item_count; i++)
        any |= is_rename(&d->items[i]) && strcasecmp(d->items[i].name, d->items[i].new_name) != 0;
    if (any)
        all_children(j, &r);
}

/* InnoDB's own names of constraints have the table's in them, and follow it. */
void foreign_names_follow(struct ddl_judge *j, struct table *t, const char *was)
{
    static const char word[] = "_ibfk_";
    size_t len = strlen(was);

    for (size_t i = 0; i < t->fk_count; i++) {
        _cleanup_(strbuf_done)
        struct strbuf name = STRBUF(1024);
        const char *have = t->fks[i].name;

        if (strncmp(have, was, len) != 0 || strncmp(have + len, word, strlen(word)) != 0)
            continue;
        strbuf_adds(&name, t->name);
        strbuf_adds(&name, have + len);
        set(j, &t->fks[i].name, strbuf_str(&name));
    }
}
