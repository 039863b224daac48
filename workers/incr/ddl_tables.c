/* What CREATE, ALTER, DROP, RENAME and TRUNCATE TABLE mean for the project's tables. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/incr/ddl_outcome.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { FULL_NAME_MAX = 600, RENAME_SQL_MAX = 4096, TEMP_NAME_MAX = 65 };

static const char *full_name(const char *db, const char *name, char ret[static FULL_NAME_MAX])
{
    (void)snprintf(ret, FULL_NAME_MAX, "%s.%s", db, name);
    return ret;
}

/* A statement that evolve can't follow, or memory that is gone (-1). */
static int not_followed(struct ddl_judge *j, const char *what, struct err *err)
{
    if (err->code == ERR_NOMEM)
        return -1;
    outcome_pending(j->o, false, "%s: %s", what, err->message);
    err_reset(err);
    return 0;
}

/* Another table that is already, or also becomes, this one at the target. */
static const struct table *same_target(struct ddl_judge *j, const struct table *t)
{
    const struct plans *p = j->w->plans;

    for (size_t i = 0; i < j->o->entry_count; i++) {
        const struct table *other = j->o->entries[i]->now;
        if (other != NULL && other != t && strcasecmp(other->mapped_db, t->mapped_db) == 0 &&
            strcasecmp(other->mapped_name, t->mapped_name) == 0)
            return other;
    }
    for (size_t i = 0; i < p->count; i++) {
        const struct table *other = p->tables[i].t;
        bool looked_at = false;
        if (strcasecmp(other->mapped_name, t->mapped_name) != 0 ||
            strcasecmp(other->mapped_db, t->mapped_db) != 0)
            continue;
        for (size_t k = 0; k < j->o->entry_count; k++)
            looked_at |= j->o->entries[k]->before == other;
        if (!looked_at)
            return other;
    }
    return NULL;
}

static void check_target(struct ddl_judge *j, const struct table *t)
{
    const struct table *other = same_target(j, t);

    if (other != NULL)
        outcome_pending(j->o, false, "%s.%s and %s.%s would both be %s.%s at the target", t->db,
                        t->name, other->db, other->name, t->mapped_db, t->mapped_name);
}

/* A key that is to identify rows must be carried. */
static void check_key(struct ddl_judge *j, const struct table *t)
{
    const struct index *x = t->key >= 0 ? &t->indexes[t->key] : NULL;

    for (size_t i = 0; x != NULL && i < x->column_count; i++) {
        if (!t->selected[x->columns[i]] && !t->columns[x->columns[i]].generated)
            outcome_pending(j->o, false,
                            "column %s of the key of %s.%s is left out by "
                            "filterColumns",
                            t->columns[x->columns[i]].name, t->db, t->name);
    }
}

/* ---- CREATE ---- */

static bool category_fits(const struct scope *s, const struct table *t)
{
    switch (scope_category(s)) {
    case SCOPE_ALL:
        return true;
    case SCOPE_WITH_KEY:
        return t->key >= 0;
    case SCOPE_WITHOUT_KEY:
        return t->key < 0;
    }
    return true;
}

/* The new table's structure; *ret NULL: not known, and told so. */
static int created(struct ddl_judge *j, struct table **ret, struct err *err)
{
    const struct ddl_entry *like = NULL;

    *ret = NULL;
    if (j->d->like.name != NULL) {
        like = outcome_entry(j, j->d->like.db, j->d->like.name);
        if (like == NULL) {
            outcome_pending(j->o, false, "it is made like %s.%s, which is no table of the project",
                            j->d->like.db, j->d->like.name);
            return 0;
        }
    }
    if (evolve_create(j->d, like != NULL ? like->now : NULL, &j->evolve, ret, err) < 0)
        return not_followed(j, "its structure can't be told", err);
    return 0;
}

/* What stands in for a table that is created but not understood, until the source is asked. */
static struct table *unknown_table(const struct ddl_name *n)
{
    struct table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->db = strdup(n->db);
    t->name = strdup(n->name);
    t->mapped_db = strdup(n->db);
    t->mapped_name = strdup(n->name);
    t->key = -1;
    if (t->db == NULL || t->name == NULL || t->mapped_db == NULL || t->mapped_name == NULL) {
        table_free(t);
        return NULL;
    }
    return t;
}

/* `t` joins under what the scope says of it. */
static int join(struct ddl_judge *j, struct table *t, const struct scope_object *o, bool known,
                struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_action *a;
    struct ddl_entry *e;

    if (table_apply_object(t, o, err) < 0) {
        if (err->code == ERR_NOMEM) {
            table_free(t);
            return -1;
        }
        outcome_pending(j->o, false, "%s", err->message);
        err_reset(err);
    }
    if (known && !category_fits(j->w->scope, t)) {
        table_free(t);
        return 0;
    }
    e = outcome_join(j, t);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a new table");
    e->reload = !known;
    outcome_concern(j->o, n->db, n->name);
    check_target(j, t);
    outcome_tell(j->o, "INFO", "table_joined", "%s.%s joins the project as %s.%s", n->db, n->name,
                 t->mapped_db, t->mapped_name);
    a = outcome_action(j, j->d, ddl_carries_list(j, o->ddl));
    action_target(j, a, 0, t->mapped_db, t->mapped_name);
    action_object(j, a, DDL_O_TABLE, t->mapped_db, t->mapped_name);
    if (a != NULL)
        a->after = known ? t : NULL;
    return 0;
}

static int create_selected(struct ddl_judge *j, const struct scope_object *o, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_entry *old = outcome_entry(j, n->db, n->name);
    struct table *t;
    bool known;

    if (old != NULL && j->d->if_not_exists)
        return 0;
    if (created(j, &t, err) < 0)
        return -1;
    if (old != NULL && !j->d->or_replace) {
        outcome_concern(j->o, n->db, n->name);
        outcome_pending(j->o, false, "the project has a table of this name already");
    }
    if (old != NULL)
        old->now = NULL;
    known = t != NULL;
    if (t == NULL)
        t = unknown_table(n);
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a new table");
    return join(j, t, o, known, err);
}

int judge_create_table(struct ddl_judge *j, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct scope_object o = { 0 };
    int got;

    if (j->d->temporary)
        return 0;
    if (outcome_entry(j, n->db, n->name) == NULL) {
        got = shadow_created(j, err);
        if (got != 0)
            return got < 0 ? -1 : 0;
    }
    got = scope_match(j->w->scope, SCOPE_TABLE, n->db, n->name, &o, err);
    if (got == 1)
        got = create_selected(j, &o, err);
    scope_object_done(&o);
    return got < 0 ? -1 : 0;
}

/* ---- RENAME, within one statement by what comes out at its end ---- */

static void rename_entry(struct ddl_judge *j, struct ddl_entry *e, const struct ddl_name *to)
{
    const struct table *was = e->now;
    struct table *t = outcome_copy(j, was);
    char *db, *name;

    if (t == NULL)
        return;
    db = strdup(to->db);
    name = strdup(to->name);
    if (db == NULL || name == NULL) {
        free(db);
        free(name);
        j->o->failed = true;
        return;
    }
    free(t->db);
    free(t->name);
    t->db = db;
    t->name = name;
    t->number = was->number;
    foreign_names_follow(j, t, was->name);
    e->now = t;
    e->renamed = true;
    foreign_parent_renamed(j, was, to);
}

/* A table that is not in the project gets a name that the project's rules select. */
static int renamed_into(struct ddl_judge *j, const struct ddl_name *from, const struct ddl_name *to,
                        struct err *err)
{
    struct scope_object o = { 0 };
    int got = scope_match(j->w->scope, SCOPE_TABLE, to->db, to->name, &o, err);

    scope_object_done(&o);
    if (got < 0)
        return -1;
    if (got == 0 || outcome_entry(j, to->db, to->name) != NULL)
        return 0;
    outcome_concern(j->o, to->db, to->name);
    outcome_pending(j->o, true,
                    "%s.%s, which is not in the project, gets the name %s.%s, which its rules "
                    "select: its rows were never copied. SkipDdl leaves the table out",
                    from->db, from->name, to->db, to->name);
    return 0;
}

/* By the name it had before the statement. */
static bool carries_table(const struct ddl_judge *j, const struct table *before)
{
    return ddl_carries(j, SCOPE_TABLE, before->db, before->name);
}

/* Rules for the name that a table has in the end. Rows were chosen by those of its first name. */
static int settle(struct ddl_judge *j, struct ddl_entry *e, struct err *err)
{
    struct scope_object o = { 0 };
    struct table *t = outcome_copy(j, e->now);
    int got = t == NULL ? err_set(err, ERR_NOMEM, "no memory for a renamed table")
                        : scope_match(j->w->scope, SCOPE_TABLE, t->db, t->name, &o, err);
    char old[FULL_NAME_MAX], new[FULL_NAME_MAX];

    if (got < 0)
        return -1;
    (void)full_name(e->before->db, e->before->name, old);
    (void)full_name(t->db, t->name, new);
    if (got == 0) {
        e->now = NULL;
        outcome_tell(j->o, "INFO", "table_left",
                     "%s is called %s now, which the project's rules do not select: it left the "
                     "project, %s.%s stays at the target as it is",
                     old, new, e->before->mapped_db, e->before->mapped_name);
        return 0;
    }
    if (carries_table(j, e->before)) {
        free(t->mapped_db);
        free(t->mapped_name);
        t->mapped_db = take_ptr(o.mapped_db);
        t->mapped_name = take_ptr(o.mapped_name);
    }
    scope_object_done(&o);
    e->now = t;
    outcome_tell(j->o, "INFO", "table_renamed", "%s is called %s now, %s.%s at the target", old,
                 new, t->mapped_db, t->mapped_name);
    return 0;
}

static void rename_action(struct ddl_judge *j, const struct table *before, const char *db,
                          const char *name, const char *to_db, const char *to_name)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(RENAME_SQL_MAX);
    struct ddl_action *a = outcome_action(j, NULL, carries_table(j, before));

    if (a == NULL)
        return;
    strbuf_adds(&sql, "RENAME TABLE ");
    sql_table(&sql, db, name);
    strbuf_adds(&sql, " TO ");
    sql_table(&sql, to_db, to_name);
    a->sql = outcome_text(j->o, strbuf_str(&sql));
    j->o->failed |= sql.failed;
    action_object(j, a, DDL_O_TABLE, db, name);
    action_object(j, a, DDL_O_TABLE, to_db, to_name);
}

/* One table that still has to be renamed at the target. */
struct move {
    const struct table *from, *to;
    char temp[TEMP_NAME_MAX]; /* "": it is called as `from` says */
    bool done;
};

static bool same_place(const char *db, const char *name, const char *db2, const char *name2)
{
    return strcmp(db, db2) == 0 && strcmp(name, name2) == 0;
}

/* Is the name that `m` is to get still another's? */
static bool is_taken(const struct move *moves, size_t n, const struct move *m)
{
    for (size_t i = 0; i < n; i++) {
        const struct move *o = &moves[i];
        if (o != m && !o->done && o->temp[0] == '\0' &&
            same_place(o->from->mapped_db, o->from->mapped_name, m->to->mapped_db,
                       m->to->mapped_name))
            return true;
    }
    return false;
}

static void move_one(struct ddl_judge *j, struct move *m)
{
    rename_action(j, m->from, m->from->mapped_db,
                  m->temp[0] != '\0' ? m->temp : m->from->mapped_name, m->to->mapped_db,
                  m->to->mapped_name);
    m->done = true;
}

/* In an order in which each name is free; a ring is opened by way of a name of our own. */
static void order_moves(struct ddl_judge *j, struct move *moves, size_t n)
{
    for (size_t left = n; left > 0;) {
        struct move *stuck = NULL;
        size_t before = left;

        for (size_t i = 0; i < n; i++) {
            if (moves[i].done)
                continue;
            if (is_taken(moves, n, &moves[i])) {
                stuck = moves[i].temp[0] == '\0' ? &moves[i] : stuck;
            } else {
                move_one(j, &moves[i]);
                left--;
            }
        }
        if (left == before && stuck != NULL) {
            (void)snprintf(stuck->temp, sizeof(stuck->temp), "cw_rename_%u", stuck->from->number);
            rename_action(j, stuck->from, stuck->from->mapped_db, stuck->from->mapped_name,
                          stuck->from->mapped_db, stuck->temp);
        }
    }
}

static int settle_renames(struct ddl_judge *j, struct err *err)
{
    struct ddl_outcome *o = j->o;
    struct move *moves = calloc(MAX(o->entry_count, (size_t)1), sizeof(*moves));
    size_t n = 0;

    if (moves == NULL)
        return err_set(err, ERR_NOMEM, "no memory for renamed tables");
    for (size_t i = 0; i < o->entry_count; i++) {
        struct ddl_entry *e = o->entries[i];
        if (!e->renamed || e->before == NULL || e->now == NULL)
            continue;
        if (settle(j, e, err) < 0) {
            free(moves);
            return -1;
        }
        if (e->now != NULL && !same_place(e->before->mapped_db, e->before->mapped_name,
                                          e->now->mapped_db, e->now->mapped_name))
            moves[n++] = (struct move){ .from = e->before, .to = e->now };
    }
    for (size_t i = 0; i < n; i++)
        check_target(j, moves[i].to);
    order_moves(j, moves, n);
    free(moves);
    return 0;
}

/* The later pair that brings a shadow table of `e` to its name; 0: none. */
static size_t swap_of(struct ddl_judge *j, const struct ddl_entry *e, size_t from)
{
    for (size_t i = from; i + 1 < j->d->name_count; i += 2) {
        const struct ddl_name *old = &j->d->names[i], *new = &j->d->names[i + 1];
        struct json_object *doc;

        if (!ddl_same_name(j->w, new->db, e->now->db) ||
            !ddl_same_name(j->w, new->name, e->now->name))
            continue;
        doc = shadow_find(j, old->db, old->name);
        if (doc != NULL && ddl_same_name(j->w, old->db, e->now->db) &&
            shadow_is_of(j->w, doc, e->now->name))
            return i;
    }
    return 0;
}

static int rename_pair(struct ddl_judge *j, size_t i, bool *done, struct err *err)
{
    const struct ddl_name *old = &j->d->names[i], *new = &j->d->names[i + 1];
    struct ddl_entry *e = outcome_entry(j, old->db, old->name);
    size_t swap = e != NULL ? swap_of(j, e, i + 2) : 0;

    if (swap != 0) {
        const struct ddl_name *shadow = &j->d->names[swap];
        done[swap] = true;
        return shadow_swap(j, e, shadow, shadow_find(j, shadow->db, shadow->name), err);
    }
    if (e == NULL && shadow_find(j, old->db, old->name) != NULL) {
        outcome_shadow(j, old->db, old->name, NULL);
        j->o->quiet = true;
    }
    if (e == NULL)
        return renamed_into(j, old, new, err);
    if (!e->renamed)
        outcome_concern(j->o, old->db, old->name);
    rename_entry(j, e, new);
    return 0;
}

int judge_rename_table(struct ddl_judge *j, struct err *err)
{
    bool *done = calloc(j->d->name_count + 1, sizeof(*done));
    int got = done == NULL ? err_set(err, ERR_NOMEM, "no memory for a rename") : 0;

    for (size_t i = 0; got == 0 && i + 1 < j->d->name_count; i += 2) {
        if (!done[i])
            got = rename_pair(j, i, done, err);
    }
    free(done);
    return got < 0 ? -1 : settle_renames(j, err);
}

/* ---- ALTER ---- */

static bool in_snapshot(const struct ddl_judge *j, const struct ddl_entry *e)
{
    return e->plan != NULL && e->plan->keyless && e->plan->skip_until.file[0] != '\0' &&
           binlog_pos_cmp(&j->w->pos, &e->plan->skip_until) < 0;
}

static bool has_new_column(const struct table *before, const struct table *after)
{
    for (size_t i = 0; i < after->column_count; i++) {
        if (after->selected[i] && table_column(before, after->columns[i].name) < 0)
            return true;
    }
    return false;
}

int judge_alter_entry(struct ddl_judge *j, const struct ddl_statement *d, struct ddl_entry *e,
                      const struct evolve_context *c, struct err *err)
{
    const struct table *before = e->now;
    struct table *after = NULL;

    if (evolve_alter(d, before, c, &after, err) < 0)
        return -1;
    /* It was copied by the columns of the starting position, and what was logged since is skipped.
     */
    if (in_snapshot(j, e) && has_new_column(before, after))
        outcome_pending(j->o, false,
                        "%s.%s has no key and got a column before its rows were copied: what that "
                        "column holds was not copied. Start the project anew, or leave it out",
                        before->db, before->name);
    if (before->key >= 0 && after->key < 0 && j->w->safe_end.file[0] != '\0' &&
        binlog_pos_cmp(&j->w->pos, &j->w->safe_end) < 0)
        outcome_pending(j->o, false,
                        "%s.%s loses its key while it was being copied: without one its changes "
                        "can't be told from what the copy has. Start the project anew",
                        before->db, before->name);
    outcome_change(j, e, after);
    foreign_columns_renamed(j, d, before);
    check_key(j, e->now);
    return j->o->failed ? err_set(err, ERR_NOMEM, "no memory for a changed table") : 0;
}

/* Rows come or go without row events. */
static const struct ddl_item *moves_rows(const struct ddl_statement *d)
{
    const struct ddl_item *i = ddl_item_of(d, ITEM_EXCHANGE);

    return i != NULL ? i : ddl_item_of(d, ITEM_TABLESPACE);
}

static int alter_entry(struct ddl_judge *j, struct ddl_entry *e, const struct ddl_item *rename,
                       struct err *err)
{
    const struct table *before = e->now;
    bool carried = carries_table(j, before);
    struct ddl_action *a;
    const char *what;
    size_t at;

    outcome_concern(j->o, before->db, before->name);
    if (carried && ddl_unsure_value(j->d, before, false, &what))
        outcome_pending(j->o, true, "the new column has other values at the target: %s", what);
    at = j->o->action_count;
    if (rename == NULL || j->d->item_count > 1) {
        a = outcome_action(j, j->d, carried);
        if (a != NULL)
            a->before = before;
        action_target(j, a, 0, before->mapped_db, before->mapped_name);
        action_object(j, a, DDL_O_TABLE, before->mapped_db, before->mapped_name);
    }
    if (judge_alter_entry(j, j->d, e, &j->evolve, err) < 0) {
        e->reload = true;
        if (not_followed(j, "what it does can't be told", err) < 0)
            return -1;
    }
    if (at < j->o->action_count)
        j->o->actions[at].after = e->now;
    if (rename == NULL)
        return 0;
    rename_entry(j, e, &rename->rename);
    if (settle_renames(j, err) < 0)
        return -1;
    /* it has left: the target's table stays as it is */
    if (e->now == NULL && at < j->o->action_count)
        j->o->carried = false;
    return 0;
}

int judge_alter_table(struct ddl_judge *j, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_entry *e = outcome_entry(j, n->db, n->name);
    const struct ddl_item *rename = ddl_item_of(j->d, ITEM_RENAME_TO), *rows = moves_rows(j->d);
    struct json_object *shadow = e == NULL ? shadow_find(j, n->db, n->name) : NULL;
    struct ddl_entry *other = rows != NULL && rows->rename.name != NULL
                                  ? outcome_entry(j, rows->rename.db, rows->rename.name)
                                  : NULL;

    if (other != NULL)
        outcome_concern(j->o, other->now->db, other->now->name);
    if ((e != NULL || other != NULL) && rows != NULL)
        outcome_pending(j->o, true,
                        "it moves rows that are in no row event (EXCHANGE PARTITION, DISCARD or "
                        "IMPORT TABLESPACE): bring the target's rows in line and SkipDdl");
    if (e != NULL)
        return alter_entry(j, e, rename, err);
    if (shadow != NULL && rename == NULL)
        return shadow_altered(j, shadow, err);
    if (rename != NULL)
        return renamed_into(j, n, &rename->rename, err);
    return 0;
}

/* ---- DROP, TRUNCATE ---- */

/* pt-online-schema-change --alter-foreign-keys-method drop_swap: t is dropped, then _t_new renamed.
 */
static bool has_shadow(struct ddl_judge *j, const struct table *t)
{
    for (size_t i = 0; j->w->rules->adapt_online && i < j->w->shadow_count; i++) {
        const struct ddl_shadow *s = &j->w->shadows[i];
        if (s->doc != NULL && ddl_same_name(j->w, s->db, t->db) &&
            shadow_is_of(j->w, s->doc, t->name))
            return true;
    }
    return false;
}

int judge_drop_table(struct ddl_judge *j, struct err *err)
{
    (void)err;
    if (j->d->temporary)
        return 0;
    for (size_t i = 0; i < j->d->name_count; i++) {
        const struct ddl_name *n = &j->d->names[i];
        struct ddl_entry *e = outcome_entry(j, n->db, n->name);
        struct ddl_action *a;
        bool carried;

        if (e == NULL) {
            if (shadow_find(j, n->db, n->name) != NULL) {
                outcome_shadow(j, n->db, n->name, NULL);
                j->o->quiet = j->o->objects == NULL;
            }
            continue;
        }
        j->o->quiet = false;
        outcome_concern(j->o, n->db, n->name);
        if (has_shadow(j, e->now))
            outcome_pending(j->o, true,
                            "an online schema change of %s.%s is under way, and it is dropped: "
                            "swapping by DROP and RENAME (drop_swap) can't be followed",
                            n->db, n->name);
        carried = carries_table(j, e->now);
        a = outcome_action(j, j->d, carried);
        action_target(j, a, i, e->now->mapped_db, e->now->mapped_name);
        action_object(j, a, DDL_O_TABLE, e->now->mapped_db, e->now->mapped_name);
        outcome_tell(j->o, "INFO", "table_left", "%s.%s was dropped at the source%s", n->db,
                     n->name, carried ? "" : "; the target keeps its table");
        e->now = NULL;
    }
    return 0;
}

int judge_truncate_table(struct ddl_judge *j, struct err *err)
{
    const struct ddl_name *n = &j->d->names[0];
    struct ddl_entry *e = outcome_entry(j, n->db, n->name);
    struct ddl_action *a;

    (void)err;
    if (e == NULL)
        return 0;
    outcome_concern(j->o, n->db, n->name);
    if (in_snapshot(j, e)) {
        j->o->track_only = true;
        return 0;
    }
    a = outcome_action(j, j->d, carries_table(j, e->now));
    action_target(j, a, 0, e->now->mapped_db, e->now->mapped_name);
    action_object(j, a, DDL_O_TABLE, e->now->mapped_db, e->now->mapped_name);
    return 0;
}
