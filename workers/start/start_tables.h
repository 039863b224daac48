/* What a stream begins with besides its position: the objects it is about and their definitions. */
#ifndef WORKERS_START_START_TABLES_H
#define WORKERS_START_START_TABLES_H

#include "workers/mysql/catalog.h"
#include "workers/mysql/conn.h"
#include "workers/mysql/dialect.h"
#include "workers/scope.h"
#include "workers/task.h"

/*
 * start_scope() - the project's objects as everything that reads its stream sees them
 *
 * @mapping  the transferMapping of the stream's direction
 * @d        of the server whose names the mapping holds
 * @ret      without the control schema, of the project's table category; scope_free() it
 * Errors: ERR_PARAM, ERR_NOMEM
 */
int start_scope(const struct task *t, struct json_object *mapping, const struct dialect *d,
                struct scope **ret, struct err *err);

/*
 * start_read_tables() - definitions as they are now at the server whose log the stream is
 *
 * @ret_cat    tables in scope; catalog_free() it
 * @ret_facts  the server's settings that decide what its events mean, as control_facts_put() takes
 *             them; json_put() it
 * Errors: ERR_DB_…, ERR_NOMEM
 */
int start_read_tables(struct conn *c, const struct dialect *d, const struct scope *scope,
                      struct catalog **ret_cat, struct json_object **ret_facts, struct err *err);

#endif
