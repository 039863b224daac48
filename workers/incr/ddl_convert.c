/* Statements for the target: converted from what the source ran, or given by a person. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/rewrite.h"
#include "workers/incr/ddl.h"

#include "base/banned.h"

enum { KEY_MAX = 600 };

void ddl_works_done(struct ddl_works *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct ddl_work *x = &w->list[i];
        for (size_t k = 0; k < x->object_count; k++) {
            free(x->objects[k].db);
            free(x->objects[k].name);
        }
        free(x->objects);
        free(x->sql);
        free(x->sql_mode);
        free(x->default_db);
        free(x->collation);
    }
    free(w->list);
    *w = (struct ddl_works){ 0 };
}

static struct ddl_work *add_work(struct ddl_works *w)
{
    struct ddl_work *grown = reallocarray(w->list, w->count + 1, sizeof(*grown));

    if (grown == NULL)
        return NULL;
    w->list = grown;
    grown[w->count] = (struct ddl_work){ 0 };
    return &grown[w->count++];
}

static bool add_object(struct ddl_work *x, enum ddl_object_kind kind, const char *db,
                       const char *name)
{
    struct ddl_object *grown = reallocarray(x->objects, x->object_count + 1, sizeof(*grown));

    if (grown == NULL)
        return false;
    x->objects = grown;
    grown[x->object_count] = (struct ddl_object){ kind, strdup(db), strdup(name) };
    x->object_count++;
    return grown[x->object_count - 1].db != NULL && grown[x->object_count - 1].name != NULL;
}

static bool set_text(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return (*to == NULL) == (text == NULL);
}

static int add_statement(struct ddl_works *w, const char *sql, const char *mode, const char *db,
                         const struct ddl_object *objects, size_t object_count, struct err *err)
{
    struct ddl_work *x = add_work(w);
    bool ok = x != NULL && set_text(&x->sql, sql) && set_text(&x->sql_mode, mode) &&
              set_text(&x->default_db, db);

    for (size_t i = 0; ok && i < object_count; i++)
        ok = add_object(x, objects[i].kind, objects[i].db, objects[i].name);
    return ok ? 0 : err_set(err, ERR_NOMEM, "no memory for a statement");
}

/* ---- names of the source at the target ---- */

struct name_map {
    struct map *map;
    struct renamed **list;
    size_t count, cap;
    const struct scope *scope;
};

static void name_map_done(struct name_map *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->list[i]->db);
        free(m->list[i]->name);
        free(m->list[i]);
    }
    free(m->list);
    map_free(m->map);
}

static int add_name(struct name_map *m, const char *db, const char *name, const char *to_db,
                    const char *to_name, struct err *err)
{
    struct renamed *r = calloc(1, sizeof(*r));
    char key[KEY_MAX];

    (void)snprintf(key, sizeof(key), name != NULL ? "%s\1%s" : "%s", db, name);
    if (m->count == m->cap) {
        size_t cap = m->cap * 2 + 64;
        struct renamed **grown = reallocarray(m->list, cap, sizeof(struct renamed *));
        if (grown == NULL) {
            free(r);
            return err_set(err, ERR_NOMEM, "no memory for names");
        }
        m->list = grown;
        m->cap = cap;
    }
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "no memory for names");
    m->list[m->count++] = r;
    r->db = strdup(to_db);
    r->name = name != NULL ? strdup(to_name) : NULL;
    if (r->db == NULL || (name != NULL && r->name == NULL) || map_set(m->map, key, r) < 0)
        return err_set(err, ERR_NOMEM, "no memory for names");
    return 0;
}

static int add_view(void *ctx, enum scope_kind kind, const char *db, const char *name,
                    struct err *err)
{
    struct name_map *m = ctx;
    struct scope_object o = { 0 };
    int got = kind == SCOPE_VIEW ? scope_match(m->scope, SCOPE_VIEW, db, name, &o, err) : 0;

    if (got == 1)
        got = add_name(m, db, name, o.mapped_db, o.mapped_name, err);
    scope_object_done(&o);
    return got < 0 ? -1 : 0;
}

static int fill_names(struct session *s, const struct ddl_outcome *o, struct name_map *m,
                      struct err *err)
{
    const char *db;
    void *value;

    m->scope = s->sync->scope;
    for (size_t at = 0; map_next(s->facts->databases, &at, &db, &value);) {
        char buf[SCOPE_NAME_MAX];
        const char *mapped = scope_mapped_db(m->scope, db, buf);
        if (mapped != NULL && add_name(m, db, NULL, mapped, NULL, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < s->plans->count; i++) {
        const struct table *t = s->plans->tables[i].t;
        if (add_name(m, t->db, t->name, t->mapped_db, t->mapped_name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < o->entry_count; i++) {
        const struct table *t = o->entries[i]->now;
        if (o->entries[i]->before == NULL && t != NULL &&
            add_name(m, t->db, t->name, t->mapped_db, t->mapped_name, err) < 0)
            return -1;
    }
    return scope_each_named(m->scope, add_view, m, err);
}

/* ---- conversion ---- */

static const char *collation_of_number(const struct session *s, unsigned number)
{
    return number != 0 ? facts_collation_name(s->facts, number) : NULL;
}

static const char *charset_of_number(const struct session *s, unsigned number)
{
    const char *collation = collation_of_number(s, number);

    return collation != NULL ? facts_collation_charset(s->facts, collation) : NULL;
}

static int convert_one(struct session *s, const struct group_statement *st,
                       const struct ddl_outcome *o, const struct ddl_action *a,
                       const struct map *names, struct ddl_works *ret, struct notes *notes,
                       struct err *err)
{
    char mode[DDL_SQL_MODE_MAX];
    struct ddl_job job = {
        .statement = a->statement,
        .targets = a->targets,
        .from = &s->sync->source,
        .to = &s->sink,
        .collations = s->collations,
        .collation_overrides = s->overrides,
        .names = names,
        .before = a->before,
        .after = a->after,
        .default_db = a->default_db,
        .sql_mode = mode,
        .table_collation = o->kind == DDL_CREATE_DATABASE || o->kind == DDL_ALTER_DATABASE
                               ? o->facts_collation
                           : a->after != NULL ? a->after->collation
                                              : NULL,
        .implicit_timestamps = !session_explicit_timestamps(s, st),
        .client_charset = charset_of_number(s, st->query->charset_client),
        .connection_collation = collation_of_number(s, st->query->collation_connection),
    };
    struct ddl_result result = { 0 };
    int got = 0;

    if (a->statement == NULL)
        return add_statement(ret, a->sql, NULL, NULL, a->objects, a->object_count, err);
    ddl_sql_mode_text(a->sql_mode, s->sync->source.flavour == FLAVOUR_MARIADB, mode);
    if (ddl_convert(&job, &result, notes, err) < 0)
        return -1;
    for (size_t i = 0; got == 0 && i < result.count; i++) {
        got = add_statement(ret, result.sql[i], result.sql_mode, result.default_db, a->objects,
                            a->object_count, err);
        if (got == 0 && !set_text(&ret->list[ret->count - 1].collation, result.collation))
            got = err_set(err, ERR_NOMEM, "no memory for a statement");
    }
    ddl_result_done(&result);
    return got;
}

int ddl_works_convert(struct session *s, const struct group_statement *st,
                      const struct ddl_outcome *o, struct ddl_works *ret, struct notes *notes,
                      struct err *err)
{
    struct name_map names = { .map = map_new() };
    int got = names.map == NULL ? err_set(err, ERR_NOMEM, "no memory for names")
                                : fill_names(s, o, &names, err);

    for (size_t i = 0; got == 0 && i < o->action_count; i++)
        if (o->actions[i].carried)
            got = convert_one(s, st, o, &o->actions[i], names.map, ret, notes, err);
    name_map_done(&names);
    return got;
}

/* ---- a person's statements ---- */

/* The body of a routine holds semicolons of its own. */
static bool has_body(const struct tokens *t)
{
    static const char *const words[] = { "FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "PACKAGE" };

    if (!tokens_word(t, 0, "CREATE"))
        return false;
    for (size_t i = 1; i < t->count && !tokens_punct(t, i, '('); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
            if (tokens_word(t, i, words[k]))
                return true;
        }
    }
    return false;
}

static enum ddl_object_kind object_of(const struct object_ref *r, const struct statement *parsed)
{
    switch (r->kind) {
    case OBJ_DATABASE:
        return DDL_O_DATABASE;
    case OBJ_ROUTINE:
        return strstr(parsed->verb, "PROCEDURE") != NULL ? DDL_O_PROCEDURE : DDL_O_FUNCTION;
    case OBJ_TABLE:
    case OBJ_VIEW:
    case OBJ_TRIGGER:
    case OBJ_EVENT:
        return DDL_O_TABLE;
    }
    return DDL_O_TABLE;
}

static int replace_one(struct session *s, const char *sql, size_t len, const char *db,
                       struct ddl_works *ret, struct err *err)
{
    const struct statement_context c = { db, 0, s->sink.flavour == FLAVOUR_MARIADB,
                                         s->sink.version };
    _cleanup_(statement_done)
    struct statement parsed = { 0 };
    size_t blank = MIN(strspn(sql, " \t\r\n"), len);
    _cleanup_(freep)
    char *text = strndup(sql + blank, len - blank);
    struct ddl_work *x;

    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a statement");
    if (statement_parse(text, len - blank, &c, &parsed, err) < 0)
        return -1;
    if (parsed.kind == ST_EMPTY)
        return 0;
    if (parsed.kind != ST_DDL && parsed.kind != ST_DML && parsed.kind != ST_HARMLESS)
        return err_set(err, ERR_DDL_UNPARSED, "the replacement is not understood: %.200s", text);
    if (add_statement(ret, text, NULL, db, NULL, 0, err) < 0)
        return -1;
    x = &ret->list[ret->count - 1];
    x->rows = parsed.kind == ST_DML;
    for (size_t i = 0; !x->rows && i < parsed.ref_count; i++) {
        const struct object_ref *r = &parsed.refs[i];
        if (!add_object(x, object_of(r, &parsed), r->db, r->name))
            return err_set(err, ERR_NOMEM, "no memory for a statement");
    }
    return 0;
}

int ddl_works_replace(struct session *s, const struct group_statement *st, const char *sql,
                      struct ddl_works *ret, struct err *err)
{
    char buf[SCOPE_NAME_MAX];
    const char *mapped = scope_mapped_db(s->sync->scope, st->default_db, buf);
    const char *db = mapped != NULL ? mapped : *st->default_db != '\0' ? st->default_db : NULL;
    struct tokens t = { 0 };
    size_t from = 0;
    int got = 0;

    if (tokens_read(sql, strlen(sql), NULL, &t, err) < 0) {
        err->code = ERR_DDL_UNPARSED;
        return err_wrap(err, "the replacement");
    }
    if (has_body(&t)) {
        got = replace_one(s, sql, strlen(sql), db, ret, err);
    } else {
        for (size_t i = 0; got == 0 && i <= t.count; i++) {
            if (i < t.count && !tokens_punct(&t, i, ';'))
                continue;
            got = replace_one(s, sql + from, tokens_at(&t, i) - from, db, ret, err);
            from = tokens_at(&t, i) + 1;
        }
    }
    tokens_done(&t);
    return got;
}
