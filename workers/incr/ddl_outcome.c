#include "workers/incr/ddl_outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

#include "base/banned.h"

/* An element more, zeroed; NULL: out of memory, which sticks. */
static void *more(struct ddl_outcome *o, void *array, size_t *count, size_t size)
{
    void **at = array;
    char *grown = reallocarray(*at, *count + 1, size);

    if (grown == NULL) {
        o->failed = true;
        return NULL;
    }
    *at = grown;
    memset(grown + *count * size, 0, size);
    return grown + (*count)++ * size;
}

static void action_done(struct ddl_action *a)
{
    size_t n = a->statement != NULL ? a->statement->name_count : 0;

    for (size_t i = 0; a->targets != NULL && i < n; i++) {
        free((void *)(uintptr_t)a->targets[i].db);
        free((void *)(uintptr_t)a->targets[i].name);
    }
    free(a->targets);
    for (size_t i = 0; i < a->object_count; i++) {
        free(a->objects[i].db);
        free(a->objects[i].name);
    }
    free(a->default_db);
    free(a->sql);
    ddl_statement_free(a->owned);
}

void ddl_outcome_done(struct ddl_outcome *o)
{
    for (size_t i = 0; i < o->action_count; i++)
        action_done(&o->actions[i]);
    for (size_t i = 0; i < o->tell_count; i++)
        free(o->tells[i].text);
    for (size_t i = 0; i < o->made_count; i++)
        table_free(o->made[i]);
    ddl_shadows_free(o->shadows, o->shadow_count);
    free(o->actions);
    free(o->tells);
    free(o->made);
    for (size_t i = 0; i < o->entry_count; i++)
        free(o->entries[i]);
    free(o->entries);
    free(o->pending);
    free(o->facts_db);
    free(o->facts_collation);
    json_putp(&o->objects);
    *o = (struct ddl_outcome){ 0 };
}

char *outcome_text(struct ddl_outcome *o, const char *text)
{
    char *copy = strdup(text);

    o->failed |= copy == NULL;
    return copy;
}

void outcome_pending(struct ddl_outcome *o, bool can_skip, const char *fmt, ...)
{
    char text[700];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    o->concerned = true;
    if (o->pending != NULL) { /* the first reason is told; the strictest rule counts */
        o->can_skip = o->can_skip && can_skip;
        return;
    }
    o->pending = outcome_text(o, text);
    o->can_skip = can_skip;
}

void outcome_tell(struct ddl_outcome *o, const char *level, const char *event, const char *fmt, ...)
{
    struct ddl_tell *t = more(o, &o->tells, &o->tell_count, sizeof(*t));
    char text[700];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (t != NULL)
        *t = (struct ddl_tell){ level, event, outcome_text(o, text) };
}

void outcome_concern(struct ddl_outcome *o, const char *db, const char *name)
{
    char text[600];

    o->concerned = true;
    if (o->objects == NULL)
        o->objects = json_object_new_array();
    (void)snprintf(text, sizeof(text), "%s%s%s", db, *name != '\0' ? "." : "", name);
    if (o->objects == NULL || json_object_array_add(o->objects, json_object_new_string(text)) < 0)
        o->failed = true;
}

bool ddl_same_name(const struct ddl_world *w, const char *a, const char *b)
{
    return (w->plans->fold_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

static struct ddl_entry *add_entry(struct ddl_outcome *o)
{
    struct ddl_entry **slot = more(o, &o->entries, &o->entry_count, sizeof(struct ddl_entry *));

    if (slot == NULL)
        return NULL;
    *slot = calloc(1, sizeof(**slot));
    if (*slot == NULL) {
        o->entry_count--;
        o->failed = true;
        return NULL;
    }
    return *slot;
}

struct ddl_entry *outcome_entry(struct ddl_judge *j, const char *db, const char *name)
{
    struct ddl_outcome *o = j->o;
    const struct table_plan *p;
    struct ddl_entry *e;

    for (size_t i = 0; i < o->entry_count; i++) {
        const struct table *t = o->entries[i]->now;
        if (t != NULL && ddl_same_name(j->w, t->db, db) && ddl_same_name(j->w, t->name, name))
            return o->entries[i];
    }
    p = plans_find(j->w->plans, db, name);
    if (p == NULL)
        return NULL;
    for (size_t i = 0; i < o->entry_count; i++) {
        if (o->entries[i]->before == p->t) /* it has another name by now, or is gone */
            return NULL;
    }
    e = add_entry(o);
    if (e != NULL)
        *e = (struct ddl_entry){ .plan = p, .before = p->t, .now = p->t };
    return e;
}

struct ddl_entry *outcome_leaving(struct ddl_judge *j, const struct table_plan *p)
{
    struct ddl_entry *e = add_entry(j->o);

    if (e != NULL)
        *e = (struct ddl_entry){ .plan = p, .before = p->t };
    return e;
}

static struct table *own(struct ddl_outcome *o, struct table *t)
{
    struct table **slot =
        t != NULL ? more(o, &o->made, &o->made_count, sizeof(struct table *)) : NULL;

    if (slot == NULL) {
        table_free(t);
        o->failed = true;
        return NULL;
    }
    *slot = t;
    return t;
}

struct ddl_entry *outcome_join(struct ddl_judge *j, struct table *t)
{
    struct ddl_entry *e;

    t->number = j->o->next_number++;
    if (own(j->o, t) == NULL)
        return NULL;
    e = add_entry(j->o);
    if (e != NULL)
        *e = (struct ddl_entry){ .now = t };
    return e;
}

int ddl_outcome_take(struct ddl_outcome *o, struct ddl_entry *e, struct table *t)
{
    unsigned number = e->now->number;

    if (own(o, t) == NULL)
        return -1;
    t->number = number;
    e->now = t;
    return 0;
}

void outcome_change(struct ddl_judge *j, struct ddl_entry *e, struct table *t)
{
    (void)ddl_outcome_take(j->o, e, t);
}

void ddl_outcome_name(struct ddl_outcome *o, const char *db, const char *name)
{
    outcome_concern(o, db, name);
}

void ddl_outcome_reload(struct ddl_outcome *o, const struct plans *plans, const char *db,
                        const char *name)
{
    const struct table_plan *p = plans_find(plans, db, name);
    struct ddl_entry *e = p != NULL ? add_entry(o) : NULL;

    if (e != NULL)
        *e = (struct ddl_entry){ .plan = p, .before = p->t, .now = p->t, .reload = true };
}

struct table *outcome_copy(struct ddl_judge *j, const struct table *t)
{
    _cleanup_(json_putp)
    struct json_object *doc = table_to_json(t);
    struct table *copy = NULL;
    struct err err = { 0 };

    if (doc == NULL || table_from_json(doc, &copy, &err) < 0) {
        j->o->failed = true;
        return NULL;
    }
    copy->number = t->number;
    return own(j->o, copy);
}

struct ddl_action *outcome_action(struct ddl_judge *j, const struct ddl_statement *d, bool carried)
{
    struct ddl_action *a = more(j->o, &j->o->actions, &j->o->action_count, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->statement = d;
    a->carried = carried;
    a->sql_mode = j->from->sql_mode;
    a->default_db = outcome_text(j->o, j->from->default_db);
    if (d != NULL) {
        a->targets = calloc(MAX(d->name_count, (size_t)1), sizeof(*a->targets));
        j->o->failed |= a->targets == NULL;
    }
    return a;
}

void action_target(struct ddl_judge *j, struct ddl_action *a, size_t i, const char *db,
                   const char *name)
{
    if (a == NULL || a->targets == NULL || i >= a->statement->name_count)
        return;
    a->targets[i] = (struct ddl_target){ true, outcome_text(j->o, db), outcome_text(j->o, name) };
}

void action_object(struct ddl_judge *j, struct ddl_action *a, enum ddl_object_kind kind,
                   const char *db, const char *name)
{
    if (a == NULL || a->object_count == ARRAY_SIZE(a->objects))
        return;
    a->objects[a->object_count++] =
        (struct ddl_object){ kind, outcome_text(j->o, db), outcome_text(j->o, name) };
}

void outcome_shadow(struct ddl_judge *j, const char *db, const char *name, struct json_object *doc)
{
    struct ddl_outcome *o = j->o;
    struct ddl_shadow *s = NULL;

    for (size_t i = 0; i < o->shadow_count; i++) {
        if (strcmp(o->shadows[i].db, db) == 0 && strcmp(o->shadows[i].name, name) == 0)
            s = &o->shadows[i];
    }
    o->concerned = true;
    if (s == NULL) {
        s = more(o, &o->shadows, &o->shadow_count, sizeof(*s));
        if (s == NULL) {
            json_putp(&doc);
            return;
        }
        s->db = outcome_text(o, db);
        s->name = outcome_text(o, name);
    }
    json_putp(&s->doc);
    s->doc = doc;
}

const struct ddl_item *ddl_item_of(const struct ddl_statement *d, enum item_kind kind)
{
    for (size_t i = 0; i < d->item_count; i++) {
        if (d->items[i].kind == kind)
            return &d->items[i];
    }
    return NULL;
}
