/*
 * What an account may do, from the lines of SHOW GRANTS (MySQL 5.6 to 9.x, MariaDB). Asked without
 * FOR, both lineages list what active roles bring too. Pure.
 */
#ifndef WORKERS_PRECHECK_GRANTS_H
#define WORKERS_PRECHECK_GRANTS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

struct grants;

struct grants *grants_new(void); /* NULL: out of memory */
void grants_free(struct grants *g);
DEFINE_CLEANUP(struct grants, grants_free)

/*
 * grants_add() - one line of SHOW GRANTS
 *
 * Lines that give no privilege on tables (roles, PROXY, routines) are taken and ignored, column
 * grants too: part of a table is not enough for any of our steps. Partial revokes count.
 * Errors: ERR_DB_UNSUPPORTED when the line is no GRANT or REVOKE at all.
 */
int grants_add(struct grants *g, const char *line, struct err *err);

/*
 * grants_has() - is `privilege` given?
 *
 * @privilege  "SELECT", "REPLICATION CLIENT", …: MariaDB's newer names of the same thing count too
 * @db         NULL: for the whole server; otherwise a global or database grant that covers it …
 * @table      … or, when not NULL, a grant on just that table
 * Database names in grants are patterns (`_`, `%`, escaped by a backslash).
 */
bool grants_has(const struct grants *g, const char *privilege, const char *db, const char *table);

/* grants_pattern_match(): MySQL's LIKE rules for a database name in a grant. */
bool grants_pattern_match(const char *pattern, const char *name);

/*
 * grants_statement() - appends "GRANT <privileges> ON <object> TO 'user'@'host'"
 *
 * @account  as CURRENT_USER() gives it: user@host
 * @db       NULL: *.*; otherwise `db`.* with its wildcards escaped
 */
void grants_statement(struct strbuf *out, const char *privileges, const char *db,
                      const char *account);

#endif
