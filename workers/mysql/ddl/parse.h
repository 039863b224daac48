/*
 * A DDL statement taken apart: its kind, its names, and each piece that changes a structure with
 * the tokens it was written in. Nothing is evaluated: evolve.h does that for columns and keys,
 * workers/convert/ddl.h for the other lineage's text. What is not understood is an error, never a
 * guess. Pure.
 * Source: MySQL manual, "Data Definition Statements" (5.6 to 9.x); MariaDB knowledge base, "Data
 * Definition".
 */
#ifndef WORKERS_MYSQL_DDL_PARSE_H
#define WORKERS_MYSQL_DDL_PARSE_H

#include "base/err.h"
#include "base/util.h"
#include "workers/mysql/ddl/statement.h"
#include "workers/mysql/ddl/tokens.h"

/* The values of supportDDLTypes, in the order of the API's documentation, and the rest. */
enum ddl_kind {
    DDL_CREATE_TABLE,
    DDL_ALTER_TABLE, /* partition operations too */
    DDL_DROP_TABLE,
    DDL_RENAME_TABLE,
    DDL_TRUNCATE_TABLE,
    DDL_CREATE_INDEX,
    DDL_DROP_INDEX,
    DDL_CREATE_VIEW,
    DDL_ALTER_VIEW,
    DDL_DROP_VIEW,
    DDL_CREATE_DATABASE,
    DDL_ALTER_DATABASE,
    DDL_DROP_DATABASE,
    DDL_CREATE_FUNCTION,
    DDL_DROP_FUNCTION,
    DDL_CREATE_PROCEDURE,
    DDL_DROP_PROCEDURE,
    DDL_OTHER, /* triggers, events, sequences, ALTER FUNCTION …: never carried, always told */
};
const char *ddl_kind_name(enum ddl_kind k); /* "CREATE_TABLE"; "OTHER" */
bool ddl_kind_of(const char *name, enum ddl_kind *ret);

struct span {
    size_t from, to; /* tokens [from, to) of the statement's list; from == to: nothing */
};

struct ddl_name {
    char *db, *name; /* db: the default database where none is written; name "" of a database */
    struct span at;  /* as written, with its qualifier */
};

/* What stands in the parentheses of CREATE TABLE, and what ALTER TABLE does. */
enum item_kind {
    ITEM_COLUMN, /* CREATE, ADD [COLUMN]; one item for each column of ADD (a …, b …) */
    ITEM_MODIFY_COLUMN,
    ITEM_CHANGE_COLUMN, /* name → new_name */
    ITEM_DROP_COLUMN,
    ITEM_RENAME_COLUMN, /* name → new_name */
    ITEM_ALTER_COLUMN,  /* SET DEFAULT, DROP DEFAULT, SET VISIBLE … */
    ITEM_INDEX,         /* any key; CREATE INDEX too */
    ITEM_DROP_INDEX,    /* DROP INDEX too */
    ITEM_DROP_PRIMARY,
    ITEM_RENAME_INDEX,
    ITEM_ALTER_INDEX, /* visibility */
    ITEM_FOREIGN_KEY,
    ITEM_DROP_FOREIGN_KEY,
    ITEM_CHECK,
    ITEM_DROP_CONSTRAINT, /* DROP CONSTRAINT, DROP CHECK: of whatever kind the name is */
    ITEM_ALTER_CHECK,
    ITEM_RENAME_TO,  /* `rename` */
    ITEM_CONVERT,    /* CONVERT TO CHARACTER SET: charset, collation */
    ITEM_OPTION,     /* one table option, [DEFAULT] CHARACTER SET among them: charset, collation */
    ITEM_ORDER_BY,   /* changes no structure */
    ITEM_NOTHING,    /* FORCE, ENABLE KEYS, ALGORITHM, LOCK, WITH VALIDATION, WAIT */
    ITEM_PARTITION,  /* PARTITION BY … and every operation on partitions but the next */
    ITEM_EXCHANGE,   /* EXCHANGE PARTITION … WITH TABLE `rename`: moves rows without row events */
    ITEM_TABLESPACE, /* DISCARD, IMPORT TABLESPACE: replaces rows without row events */
    ITEM_VERSIONING, /* PERIOD FOR, SYSTEM VERSIONING (MariaDB) */
};

struct ddl_key_part {
    char *column; /* NULL: an expression */
    unsigned prefix;
};
enum key_kind { KEY_PLAIN, KEY_UNIQUE, KEY_PRIMARY, KEY_FULLTEXT, KEY_SPATIAL, KEY_VECTOR };

struct ddl_item {
    enum item_kind kind;
    struct span at; /* the whole of it, without the commas around */
    bool if_exists, if_not_exists;
    char *name, *new_name; /* of the column, key or constraint; NULL: not written */
    struct span name_at, new_name_at;
    struct span definition; /* columns: from behind the (new) name to before FIRST or AFTER */
    bool first;
    char *after; /* AFTER this column; NULL: not written */
    enum key_kind key;
    struct ddl_key_part *parts; /* keys and foreign keys: the own columns */
    size_t part_count;
    struct ddl_name
        rename;         /* RENAME TO, EXCHANGE WITH, FOREIGN KEY's REFERENCES; name NULL: none */
    char **ref_columns; /* as many as part_count */
    char *on_delete, *on_update; /* "CASCADE"; NULL: not written */
    char *charset, *collation;   /* ITEM_CONVERT, ITEM_OPTION; "" is DEFAULT; NULL: not written */
};

struct ddl_statement {
    enum ddl_kind kind;
    char verb[48]; /* "ALTER TABLE", for messages */
    struct tokens tokens;
    bool if_exists, if_not_exists, or_replace, temporary;
    /* CREATE, ALTER, TRUNCATE, CREATE INDEX, views, routines, databases: one. DROP TABLE, DROP
     * VIEW: all of them. RENAME TABLE: old, new, old, new, … */
    struct ddl_name *names;
    size_t name_count;
    struct ddl_name like; /* CREATE TABLE … LIKE; name NULL: none */
    struct span select;   /* CREATE TABLE … [AS] SELECT */
    bool atomic_rows;     /* MySQL 8.0.21+: CREATE TABLE … START TRANSACTION: rows follow */
    struct ddl_item *items;
    size_t item_count;
};

/*
 * ddl_parse() - takes a statement apart
 *
 * @sql   in UTF-8 (charset.h); copied
 * @c     as statement_parse()
 *
 * Errors: ERR_DDL_UNPARSED naming what was not understood, with the text around it; ERR_NOMEM.
 */
int ddl_parse(const char *sql, size_t len, const struct statement_context *c,
              struct ddl_statement **ret, struct err *err);
void ddl_statement_free(struct ddl_statement *s);
DEFINE_CLEANUP(struct ddl_statement, ddl_statement_free)

#endif
