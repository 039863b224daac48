/* Statements that name objects whole: tables dropped and renamed, databases, views, routines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/convert/ddl_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { TEXT_MAX = 64 * 1024 };

/* "<head> [IF EXISTS] `db`.`name`" */
static int push_named(struct ddl_build *d, const char *head, bool if_exists, const char *db,
                      const char *name)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(TEXT_MAX);

    strbuf_adds(&sql, head);
    strbuf_adds(&sql, if_exists ? " IF EXISTS " : " ");
    sql_table(&sql, db, name);
    return ddl_push(d, &sql);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int each_name(struct ddl_build *d, const char *head)
{
    for (size_t i = 0; i < d->s->name_count; i++)
        if (d->job->targets[i].carried &&
            push_named(d, head, d->s->if_exists, d->job->targets[i].db, d->job->targets[i].name) <
                0)
            return -1;
    return 0;
}

/* A name that RENAME TABLE makes and takes away again: the middle of a swap. */
static bool is_passing(const struct ddl_statement *s, size_t made)
{
    for (size_t i = made + 1; i < s->name_count; i += 2)
        if (strcmp(s->names[i].db, s->names[made].db) == 0 &&
            strcmp(s->names[i].name, s->names[made].name) == 0)
            return true;
    return false;
}

/* The target of name i: a passing name that is not carried is used all the same, beside the table.
 */
static bool rename_end(const struct ddl_build *d, size_t i, size_t made, struct ddl_target *ret)
{
    *ret = d->job->targets[i];
    if (ret->carried)
        return true;
    if (!is_passing(d->s, made))
        return false;
    *ret = (struct ddl_target){ .carried = true,
                                .db = ddl_mapped_db(d, d->s->names[i].db),
                                .name = d->s->names[i].name };
    return true;
}

/* The pair that made name `old`, or name_count. */
static size_t made_before(const struct ddl_statement *s, size_t old)
{
    for (size_t i = old; i >= 2; i -= 2)
        if (strcmp(s->names[i - 1].db, s->names[old].db) == 0 &&
            strcmp(s->names[i - 1].name, s->names[old].name) == 0)
            return i - 1;
    return s->name_count;
}

static int rename_tables(struct ddl_build *d)
{
    const struct ddl_statement *s = d->s;

    for (size_t i = 0; i + 1 < s->name_count; i += 2) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(TEXT_MAX);
        size_t made = made_before(s, i);
        struct ddl_target from, to;

        if (!rename_end(d, i, made < s->name_count ? made : i + 1, &from) ||
            !rename_end(d, i + 1, i + 1, &to) ||
            (!d->job->targets[i].carried && made == s->name_count)) {
            (void)snprintf(d->object, sizeof(d->object), "table %s.%s", s->names[i].db,
                           s->names[i].name);
            if (d->job->targets[i].carried)
                ddl_left_out(d, "left out: its new name %s.%s is not in the selection",
                             s->names[i + 1].db, s->names[i + 1].name);
            continue;
        }
        strbuf_adds(&sql, "RENAME TABLE ");
        if (s->if_exists && map_is_mariadb(d->job->to) && d->job->to->version >= 100502)
            strbuf_adds(&sql, "IF EXISTS ");
        sql_table(&sql, from.db, from.name);
        strbuf_adds(&sql, " TO ");
        sql_table(&sql, to.db, to.name);
        if (ddl_push(d, &sql) < 0)
            return -1;
    }
    return 0;
}

int ddl_tables(struct ddl_build *d)
{
    switch (d->s->kind) {
    case DDL_DROP_TABLE:
        return each_name(d, "DROP TABLE");
    case DDL_DROP_VIEW:
        return each_name(d, "DROP VIEW");
    case DDL_TRUNCATE_TABLE:
        return each_name(d, "TRUNCATE TABLE");
    default:
        return rename_tables(d);
    }
}

/* ---- databases ------------------------------------------------------------------------------- */

static const char *collation_written(const struct ddl_statement *s, const char **ret_charset)
{
    const char *collation = NULL;

    *ret_charset = NULL;
    for (size_t i = 0; i < s->item_count; i++) {
        if (s->items[i].charset != NULL && s->items[i].charset[0] != '\0')
            *ret_charset = s->items[i].charset;
        if (s->items[i].collation != NULL && s->items[i].collation[0] != '\0')
            collation = s->items[i].collation;
    }
    return collation;
}

/* " CHARACTER SET … COLLATE …"; false: refused, or nothing was written. */
static bool database_collation(struct ddl_build *d, struct strbuf *sql)
{
    struct create_job job = { .to = d->job->to,
                              .collations = d->job->collations,
                              .overrides = d->job->collation_overrides };
    char name[MAP_NAME_MAX], set[MAP_NAME_MAX];
    const char *charset, *collation = collation_written(d->s, &charset);
    bool written = charset != NULL || collation != NULL || d->s->kind == DDL_CREATE_DATABASE;

    if (collation == NULL && written)
        collation = d->job->table_collation;
    if (collation != NULL) {
        if (!create_collation(&job, d->object, collation, name, d->notes))
            return false;
        strbuf_addc(sql, ' ');
        create_collation_text(name, sql);
        return true;
    }
    if (charset == NULL)
        return false;
    if (map_charset(d->job->to, charset, set) == MAP_NONE) {
        ddl_refuse(d, "the target has no character set %s", charset);
        return false;
    }
    strbuf_addf(sql, " CHARACTER SET %s", set);
    return true;
}

static void told_options(struct ddl_build *d)
{
    for (size_t i = 0; i < d->s->item_count; i++) {
        const struct ddl_item *item = &d->s->items[i];
        _cleanup_(freep)
        char *word = tokens_text(&d->t, item->at.from);

        if (item->charset == NULL && item->collation == NULL)
            ddl_left_out(d, "left out: its option %s", word == NULL ? "" : word);
    }
}

int ddl_databases(struct ddl_build *d)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(TEXT_MAX);
    const char *name = d->job->targets[0].db;
    bool drop = d->s->kind == DDL_DROP_DATABASE, collated;

    if (drop || d->s->or_replace) {
        strbuf_adds(&sql, drop && !d->s->if_exists ? "DROP DATABASE " : "DROP DATABASE IF EXISTS ");
        sql_name(&sql, name);
        if (ddl_push(d, &sql) < 0)
            return -1;
        if (drop)
            return 0;
        strbuf_reset(&sql);
    }
    strbuf_adds(&sql, d->s->kind == DDL_ALTER_DATABASE ? "ALTER DATABASE " : "CREATE DATABASE ");
    strbuf_adds(&sql, d->s->if_not_exists ? "IF NOT EXISTS " : "");
    sql_name(&sql, name);
    collated = database_collation(d, &sql);
    told_options(d);
    return d->s->kind == DDL_ALTER_DATABASE && !collated ? 0 : ddl_push(d, &sql);
}

/* ---- views and routines ---------------------------------------------------------------------- */

static const char *drop_words(enum ddl_kind k)
{
    switch (k) {
    case DDL_CREATE_FUNCTION:
    case DDL_DROP_FUNCTION:
        return "DROP FUNCTION";
    case DDL_CREATE_PROCEDURE:
    case DDL_DROP_PROCEDURE:
        return "DROP PROCEDURE";
    default:
        return "DROP VIEW";
    }
}

/* Comments that some servers execute must not be met by another one. */
static bool has_version_comment(const struct tokens *t)
{
    return memmem(t->sql, t->len, "/*!", 3) != NULL || memmem(t->sql, t->len, "/*M!", 4) != NULL;
}

/* MySQL has had IF NOT EXISTS of routines since 8.0.29, of views since 9.1. Without it the
 * statement is refused where the name is taken: whether what has it is the same, a person has to
 * say. */
static bool knows_if_not_exists(const struct dialect *to, bool view)
{
    return map_is_mariadb(to) || to->version >= (view ? 90100U : 80029U);
}

static int rewritten(struct ddl_build *d, const struct tokens *t, struct strbuf *sql)
{
    bool view = d->s->kind == DDL_CREATE_VIEW || d->s->kind == DDL_ALTER_VIEW;
    struct rewrite_job job = { .text = t->sql,
                               .tokens = t,
                               .sql_mode = d->job->sql_mode,
                               .db = d->s->names[0].db,
                               .mapped_db = d->job->targets[0].db,
                               .mapped_name = d->job->targets[0].name,
                               .names = d->job->names,
                               .overrides = d->job->collation_overrides,
                               .default_db = view ? d->job->default_db : NULL,
                               .to = d->job->to,
                               .keep_if_not_exists =
                                   !d->s->or_replace && knows_if_not_exists(d->job->to, view) };
    _cleanup_(freep)
    char *text = NULL;
    int rc = view ? rewrite_view(&job, &text, d->err) : rewrite_routine(&job, &text, d->err);

    if (rc == 0)
        strbuf_adds(sql, text);
    return rc;
}

static int create_object(struct ddl_build *d)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(STATEMENT_MAX);
    _cleanup_(freep)
    char *arena = NULL;
    struct tokens plain = { 0 };
    bool view = d->s->kind == DDL_CREATE_VIEW, replace = d->s->or_replace && !view;
    int rc = 0;

    /* OR REPLACE of a routine is MariaDB's; dropped and made is the same. */
    if (replace && push_named(d, drop_words(d->s->kind), true, d->job->targets[0].db,
                              d->job->targets[0].name) < 0)
        return -1;
    if (has_version_comment(&d->s->tokens)) {
        rc = ddl_plain_tokens(&d->s->tokens, d->job->sql_mode, false, &plain, &arena, d->err);
        if (rc == 0)
            rc = rewritten(d, &plain, &sql);
    } else {
        rc = rewritten(d, &d->s->tokens, &sql);
    }
    tokens_done(&plain);
    return rc < 0 ? -1 : ddl_push(d, &sql);
}

int ddl_objects(struct ddl_build *d)
{
    if (d->s->kind == DDL_DROP_FUNCTION || d->s->kind == DDL_DROP_PROCEDURE)
        return push_named(d, drop_words(d->s->kind), d->s->if_exists, d->job->targets[0].db,
                          d->job->targets[0].name);
    return create_object(d);
}
