/*
 * What a statement in the binlog is, and which objects it touches: enough to decide whether rows
 * of the project are concerned, nothing more. Pure. What it can't place is ST_UNKNOWN, never a
 * guess.
 */
#ifndef WORKERS_MYSQL_DDL_STATEMENT_H
#define WORKERS_MYSQL_DDL_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/util.h"

enum statement_kind {
    ST_EMPTY, /* comments only */
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_SAVEPOINT, /* `name` is set for these three */
    ST_ROLLBACK_TO,
    ST_RELEASE,
    ST_XA_START, /* `name` is the xid as written */
    ST_XA_END,
    ST_XA_PREPARE,
    ST_XA_COMMIT,
    ST_XA_ROLLBACK,
    ST_HARMLESS, /* accounts, maintenance, temporary tables, settings: no object of a project
                    changes */
    ST_DDL,      /* see refs */
    ST_DML,      /* statement-based changes: refs hold every name that might be a table */
    ST_UNKNOWN,
};

enum object_kind { OBJ_TABLE, OBJ_VIEW, OBJ_DATABASE, OBJ_ROUTINE, OBJ_TRIGGER, OBJ_EVENT };

struct object_ref {
    enum object_kind kind;
    bool created;       /* a name that the statement brings into being (CREATE, RENAME … TO) */
    bool if_not_exists; /* CREATE … IF NOT EXISTS */
    char *db, *name;    /* db: the default database where none is written, maybe ""; name "" for
                           OBJ_DATABASE */
};

struct statement {
    enum statement_kind kind;
    char verb[48]; /* "ALTER TABLE", for messages */
    char *name;
    struct object_ref *refs;
    size_t ref_count;
};

enum {
    SQL_MODE_ANSI_QUOTES = 0x4, /* bits of the binlog's sql_mode (MySQL, sql/system_variables.h) */
    SQL_MODE_NO_BACKSLASH_ESCAPES = 0x100000,
};

struct statement_context {
    const char *default_db; /* "" or NULL: none */
    uint64_t sql_mode;
    bool mariadb; /* flavour and version of the server that ran it; version 0: unknown */
    unsigned version;
};

/* statement_parse(): Errors: ERR_NOMEM only. A text with faults is ST_UNKNOWN. */
int statement_parse(const char *sql, size_t len, const struct statement_context *c,
                    struct statement *ret, struct err *err);
void statement_done(struct statement *s);

#endif
