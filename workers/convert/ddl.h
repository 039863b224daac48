/* A DDL statement of the source made into statements for the target. Pure. */
#ifndef WORKERS_CONVERT_DDL_H
#define WORKERS_CONVERT_DDL_H

#include "base/err.h"
#include "base/map.h"
#include "workers/convert/notes.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/ddl/parse.h"
#include "workers/mysql/dialect.h"

/* One for each of ddl_statement.names: what becomes of it at the target. */
struct ddl_target {
    bool carried; /* false: left out of the statement */
    const char *db, *name;
};

struct ddl_job {
    const struct ddl_statement *statement;
    const struct ddl_target *targets;
    const struct dialect *from, *to;
    const struct map *collations; /* names the target has (lower case), or NULL: not known */
    const struct map *collation_overrides; /* source's collation or character set (lower case) → the
                                              user's collation (char *), or NULL */
    /* struct renamed (rewrite.h): references in views, foreign keys, LIKE; ALTER TABLE … RENAME:
     * its new name, or the rename is left out */
    const struct map *names;
    const struct table *before,
        *after;                  /* ALTER, CREATE TABLE, indexes: the source's; may be NULL */
    const char *default_db;      /* of the statement at the source */
    const char *sql_mode;        /* of the statement, the list ("ANSI_QUOTES,…") */
    const char *table_collation; /* CREATE TABLE, CREATE and ALTER DATABASE: its collation at the
                                    source, to be written out; NULL: `after`'s, or as written */
    bool implicit_timestamps;    /* explicit_defaults_for_timestamp was OFF for the statement */
    const char *client_charset;  /* that the source's statement was written in; NULL: UTF-8 */
    const char *connection_collation; /* collation_connection of the statement; NULL: not known */
};

struct ddl_result {
    char **sql; /* to be run one after the other; none: nothing is left of it for the target */
    size_t count;
    char *
        sql_mode; /* to be run under this one: words that the target knows of the statement's (an
                     ALTER without strictness changes rows that a strict one refuses); never NULL */
    char *default_db; /* … and with this database; NULL: none is needed */
    char *collation;  /* … and under this collation_connection, which the literals of a view or
                         routine get; NULL: the session's own */
};

/*
 * ddl_convert() - names and references as the target has them, DEFINER dropped, columns and keys as
 * the schema step would make them (create.h), items on columns that are not carried left out
 *
 * What can't be carried goes to `notes` as refused (then ret->sql is not to be run); what is mapped
 * or left out as such. DROP and RENAME of several names become one statement a name, in order, so
 * that each can be found done or not done.
 * The session has explicit_defaults_for_timestamp=1 where that can be set, foreign_key_checks=0.
 * Errors: ERR_SCHEMA_CONVERT, ERR_NOMEM.
 */
int ddl_convert(const struct ddl_job *job, struct ddl_result *ret, struct notes *notes,
                struct err *err);
void ddl_result_done(struct ddl_result *r);

#endif
