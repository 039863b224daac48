/*
 * What a DDL statement does to a table's columns and keys: the catalog's description before →
 * after. Pure; no server is asked. Whatever it can't be sure of is an error: a wrong column list
 * would shift values. tests/system/test_evolve.py holds it against what real servers say.
 */
#ifndef WORKERS_MYSQL_DDL_EVOLVE_H
#define WORKERS_MYSQL_DDL_EVOLVE_H

#include "workers/mysql/catalog.h"
#include "workers/mysql/ddl/parse.h"
#include "workers/mysql/facts.h"

struct evolve_context {
    const struct facts *facts;
    uint64_t sql_mode;             /* of the event */
    bool explicit_timestamps;      /* explicit_defaults_for_timestamp of the event */
    const char *utf8mb4_collation; /* default_collation_for_utf8mb4 of the event, or NULL */
};

/*
 * evolve_create() - the table that CREATE TABLE makes
 *
 * @like  of CREATE TABLE … LIKE: the table it names, else NULL
 *
 * mapped_*, where and selected are as catalog_table() leaves them: the table's own names, all
 * columns but generated ones. Errors: ERR_DDL_UNPARSED, ERR_NOT_SUPPORTED, ERR_NOMEM.
 */
int evolve_create(const struct ddl_statement *s, const struct table *like,
                  const struct evolve_context *c, struct table **ret, struct err *err);
/*
 * evolve_alter() - what ALTER TABLE, CREATE INDEX and DROP INDEX leave of `before`
 *
 * Keeps mapped_*, where; `selected` stays for columns that stay, and a new column is selected
 * unless it is generated or `before` has columns that are left out on purpose (filterColumns).
 * A RENAME TO is not applied: names are the caller's. Errors: as above; ERR_SCHEMA_MISMATCH for a
 * column or key that is not there.
 */
int evolve_alter(const struct ddl_statement *s, const struct table *before,
                 const struct evolve_context *c, struct table **ret, struct err *err);

#endif
