#include "workers/convert/ddl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/convert/ddl_priv.h"

#include "base/banned.h"

enum { KEY_MAX = 600, MODE_MAX = 1024 };

void ddl_result_done(struct ddl_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->sql[i]);
    free(r->sql);
    free(r->sql_mode);
    free(r->default_db);
    free(r->collation);
    *r = (struct ddl_result){ 0 };
}

int ddl_push(struct ddl_build *d, struct strbuf *sql)
{
    char **grown = reallocarray(d->out->sql, d->out->count + 1, sizeof(*grown));

    if (grown == NULL)
        return err_set(d->err, ERR_NOMEM, "no memory for the statements of a DDL");
    d->out->sql = grown;
    if (strbuf_take(sql, &grown[d->out->count], d->err) < 0)
        return -1;
    d->out->count++;
    return 0;
}

__attribute__((format(printf, 3, 0))) static void add_note(struct ddl_build *d, enum note_kind kind,
                                                           const char *fmt, va_list ap)
{
    char text[768];

    (void)vsnprintf(text, sizeof(text), fmt, ap);
    notes_add(d->notes, kind, d->object, "%s", text);
}

void ddl_refuse(struct ddl_build *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_note(d, NOTE_REFUSED, fmt, ap);
    va_end(ap);
}

void ddl_left_out(struct ddl_build *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_note(d, NOTE_DROPPED, fmt, ap);
    va_end(ap);
}

const struct renamed *ddl_lookup(const struct ddl_build *d, const char *db, const char *name)
{
    char key[KEY_MAX];

    if (name == NULL)
        (void)snprintf(key, sizeof(key), "%s", db);
    else
        (void)snprintf(key, sizeof(key), "%s\1%s", db, name);
    return d->job->names == NULL ? NULL : map_get(d->job->names, key);
}

const char *ddl_mapped_db(const struct ddl_build *d, const char *db)
{
    const struct renamed *r = ddl_lookup(d, db, NULL);

    return r != NULL ? r->db : db;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void requoted_name(const struct token *token, struct strbuf *out)
{
    _cleanup_(strbuf_done)
    struct strbuf name = STRBUF(STATEMENT_MAX);

    token_unquote(token, &name);
    strbuf_addc(out, '`');
    for (const char *p = strbuf_str(&name); *p != '\0'; p++) {
        if (*p == '`')
            strbuf_addc(out, '`');
        strbuf_addc(out, *p);
    }
    strbuf_addc(out, '`');
    if (!strbuf_ok(&name))
        out->failed = true;
}

static void plain_token(const struct token *token, bool requote, bool double_backslash,
                        struct strbuf *out)
{
    if (requote && token->kind == TOK_NAME && token->text[0] == '"') {
        requoted_name(token, out);
        return;
    }
    for (size_t i = 0; i < token->len; i++) {
        if (requote && double_backslash && token->kind == TOK_STRING && token->text[i] == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, token->text[i]);
    }
}

int ddl_plain_tokens(const struct tokens *t, const char *sql_mode, bool requote, struct tokens *ret,
                     char **ret_arena, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf arena = STRBUF(STATEMENT_MAX);
    bool no_escapes = sql_mode != NULL && strstr(sql_mode, "NO_BACKSLASH_ESCAPES") != NULL;
    struct token *list = calloc(t->count + 1, sizeof(*list));
    size_t at = 0;

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the tokens of a statement");
    for (size_t i = 0; i < t->count; i++) {
        if (t->list[i].space_before && i > 0)
            strbuf_addc(&arena, ' ');
        at = arena.len;
        plain_token(&t->list[i], requote, no_escapes, &arena);
        list[i] = t->list[i];
        list[i].len = arena.len - at;
    }
    *ret = (struct tokens){ .list = list, .count = t->count, .len = arena.len };
    if (strbuf_take(&arena, ret_arena, err) < 0) {
        free(list);
        return -1;
    }
    ret->sql = *ret_arena;
    at = 0;
    for (size_t i = 0; i < t->count; i++) {
        at += t->list[i].space_before && i > 0 ? 1 : 0;
        list[i].text = ret->sql + at;
        at += list[i].len;
    }
    return 0;
}

/* ---- session --------------------------------------------------------------------------------- */

/* The words of `mode` but those that only say how text is read. */
static void without_quoting(char *mode)
{
    static const char *const words[] = { "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI",
                                         "IGNORE_SPACE" };
    char kept[MODE_MAX] = "";
    size_t n = 0;

    for (const char *p = mode; *p != '\0';) {
        size_t len = strcspn(p, ",");
        bool drop = false;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            drop = drop || (strlen(words[i]) == len && strncmp(p, words[i], len) == 0);
        if (!drop && n + len + 2 < sizeof(kept))
            n += (size_t)snprintf(kept + n, sizeof(kept) - n, "%s%.*s", n > 0 ? "," : "", (int)len,
                                  p);
        p += len + (p[len] == ',');
    }
    (void)snprintf(mode, MODE_MAX, "%s", kept);
}

static bool is_object(enum ddl_kind k)
{
    return k == DDL_CREATE_VIEW || k == DDL_ALTER_VIEW || k == DDL_CREATE_FUNCTION ||
           k == DDL_CREATE_PROCEDURE;
}

/* What a view or routine is made in is kept with it: database and collation of its literals. */
static int object_session(struct ddl_build *d)
{
    const struct create_job job = { .to = d->job->to,
                                    .collations = d->job->collations,
                                    .overrides = d->job->collation_overrides };
    const char *collation = d->job->connection_collation;
    bool in_db = d->job->default_db != NULL && d->job->default_db[0] != '\0', known = false;
    char mapped[MAP_NAME_MAX];

    if (collation != NULL)
        known = create_collation(&job, d->object, collation, mapped, d->notes);
    if (known)
        d->out->collation = strdup(mapped);
    if (in_db)
        d->out->default_db = strdup(ddl_mapped_db(d, d->job->default_db));
    return (known && d->out->collation == NULL) || (in_db && d->out->default_db == NULL)
               ? err_set(d->err, ERR_NOMEM, "no memory for a DDL")
               : 0;
}

static int set_session(struct ddl_build *d)
{
    char mode[MODE_MAX] = "";

    map_sql_mode(d->job->to, d->job->sql_mode == NULL ? "" : d->job->sql_mode, mode, sizeof(mode));
    if (!is_object(d->s->kind))
        without_quoting(mode);
    else if (object_session(d) < 0)
        return -1;
    d->out->sql_mode = strdup(mode);
    return d->out->sql_mode == NULL ? err_set(d->err, ERR_NOMEM, "no memory for a DDL") : 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int by_kind(struct ddl_build *d)
{
    switch (d->s->kind) {
    case DDL_CREATE_TABLE:
        return ddl_create(d);
    case DDL_ALTER_TABLE:
    case DDL_CREATE_INDEX:
    case DDL_DROP_INDEX:
        return ddl_alter(d);
    case DDL_DROP_TABLE:
    case DDL_RENAME_TABLE:
    case DDL_TRUNCATE_TABLE:
    case DDL_DROP_VIEW:
        return ddl_tables(d);
    case DDL_CREATE_VIEW:
    case DDL_ALTER_VIEW:
    case DDL_CREATE_FUNCTION:
    case DDL_DROP_FUNCTION:
    case DDL_CREATE_PROCEDURE:
    case DDL_DROP_PROCEDURE:
        return ddl_objects(d);
    case DDL_CREATE_DATABASE:
    case DDL_ALTER_DATABASE:
    case DDL_DROP_DATABASE:
        return ddl_databases(d);
    case DDL_OTHER:
        ddl_refuse(d, "%s is not carried; run it at the target yourself if it is wanted there",
                   d->s->verb);
        return 0;
    }
    return err_set(d->err, ERR_SCHEMA_CONVERT, "%s: a statement of an unknown kind", d->object);
}

static void name_object(struct ddl_build *d)
{
    const struct ddl_name *n = d->s->name_count > 0 ? &d->s->names[0] : NULL;

    if (n == NULL)
        (void)snprintf(d->object, sizeof(d->object), "%s", d->s->verb);
    else if (n->name == NULL || n->name[0] == '\0')
        (void)snprintf(d->object, sizeof(d->object), "database %s", n->db);
    else
        (void)snprintf(d->object, sizeof(d->object), "%s %s.%s",
                       is_object(d->s->kind) ? "object" : "table", n->db, n->name);
}

static bool any_carried(const struct ddl_job *job)
{
    bool any = job->statement->kind == DDL_OTHER;

    for (size_t i = 0; i < job->statement->name_count; i++)
        any = any || job->targets[i].carried;
    return any;
}

static int carried_statement(struct ddl_build *d)
{
    if (!rewrite_bytes_kept(&d->s->tokens, d->job->client_charset))
        ddl_refuse(d, REWRITE_BYTES_LOST, d->job->client_charset);
    return set_session(d) < 0 ? -1 : by_kind(d);
}

int ddl_convert(const struct ddl_job *job, struct ddl_result *ret, struct notes *notes,
                struct err *err)
{
    struct ddl_result made = { 0 };
    struct ddl_build d = {
        .job = job, .s = job->statement, .notes = notes, .out = &made, .err = err
    };
    int rc;

    name_object(&d);
    if (ddl_plain_tokens(&job->statement->tokens, job->sql_mode, true, &d.t, &d.arena, err) < 0)
        return -1;
    if (!job->statement->temporary && any_carried(job))
        rc = carried_statement(&d);
    else
        rc = set_session(&d);
    tokens_done(&d.t);
    free(d.arena);
    if (rc < 0)
        ddl_result_done(&made);
    else
        *ret = made;
    return rc;
}
