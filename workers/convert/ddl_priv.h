/* What ddl.c, ddl_object.c, ddl_create.c and ddl_alter.c share. */
#ifndef WORKERS_CONVERT_DDL_PRIV_H
#define WORKERS_CONVERT_DDL_PRIV_H

#include "base/strbuf.h"
#include "workers/convert/create_priv.h"
#include "workers/convert/ddl.h"
#include "workers/convert/rewrite.h"

struct ddl_build {
    const struct ddl_job *job;
    const struct ddl_statement *s;
    struct tokens t; /* as s->tokens, index by index, in plain quotes and without comments */
    char *arena;     /* what `t` borrows */
    struct notes *notes;
    struct ddl_result *out;
    struct err *err;
    char object[OBJECT_MAX];
};

/* ddl_push(): one more statement; takes the text over. */
int ddl_push(struct ddl_build *d, struct strbuf *sql);
void ddl_refuse(struct ddl_build *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ddl_left_out(struct ddl_build *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ddl_lookup(): what a table (name NULL: a database) of the source is at the target, or NULL. */
const struct renamed *ddl_lookup(const struct ddl_build *d, const char *db, const char *name);
/* ddl_mapped_db(): the target's database for one of the source. */
const char *ddl_mapped_db(const struct ddl_build *d, const char *db);
/*
 * ddl_plain_tokens() - the same tokens over a text of their own, without comments
 *
 * @requote  names in `…`, backslashes in strings doubled where sql_mode has NO_BACKSLASH_ESCAPES:
 *           means the same without ANSI_QUOTES and that mode
 */
int ddl_plain_tokens(const struct tokens *t, const char *sql_mode, bool requote, struct tokens *ret,
                     char **ret_arena, struct err *err);

int ddl_tables(struct ddl_build *d);    /* DROP, RENAME, TRUNCATE TABLE, DROP VIEW */
int ddl_databases(struct ddl_build *d); /* CREATE, ALTER, DROP DATABASE */
int ddl_objects(struct ddl_build *d);   /* views and routines */
int ddl_create(struct ddl_build *d);    /* CREATE TABLE */
int ddl_alter(struct ddl_build *d);     /* ALTER TABLE, CREATE INDEX, DROP INDEX */

/* A builder over the statement's tokens; `table` has the columns that its items define. */
void ddl_builder(struct ddl_build *d, struct create_job *job, const struct table *table,
                 struct builder *ret);
void ddl_builder_done(struct builder *b);
/* ddl_index_name(): the name that the source gave a key without one, or NULL; borrowed. */
const char *ddl_index_name(const struct ddl_build *d, const struct ddl_item *item);
/* ddl_foreign_key(): [CONSTRAINT …] FOREIGN KEY … REFERENCES …; false: left out. */
bool ddl_foreign_key(struct ddl_build *d, struct builder *b, const struct ddl_item *item,
                     struct strbuf *out);

#endif
