/*
 * Statements on the control schema, written as one readable text. For control*.c and the stages
 * that keep their progress there; users' tables are never named this way.
 *
 *   control_exec(c, schema, &n, err, "UPDATE @cw_lane SET epoch = %u WHERE task = %q", e, task);
 *
 *   @word   the table `word` of the control schema
 *   %q      const char *, a quoted string (NULL: the keyword NULL)
 *   %u      uint64_t: pass exactly that type
 *   %i      int64_t
 *   %b      const void *, size_t: a bytes literal
 * Nothing else is special; a stray % or @ is our own mistake and asserted.
 */
#ifndef WORKERS_MYSQL_CONTROL_SQL_H
#define WORKERS_MYSQL_CONTROL_SQL_H

#include <stdarg.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "workers/mysql/conn.h"

enum { CONTROL_SQL_MAX = 64 * 1024 * 1024 };

void control_sql_add(struct strbuf *b, const char *schema, const char *fmt, ...);
/* control_exec(): @ret_affected may be NULL. Errors: conn_exec's. */
int control_exec(struct conn *c, const char *schema, uint64_t *ret_affected, struct err *err,
                 const char *fmt, ...);
/* control_exec_text(): a statement built by control_sql_add(). */
int control_exec_text(struct conn *c, const struct strbuf *b, uint64_t *ret_affected,
                      struct err *err);
/* control_ask(): a buffered result; result_done() it. */
int control_ask(struct conn *c, const char *schema, struct result *ret, struct err *err,
                const char *fmt, ...);
/* control_ask_u64(): one number: 1 found, 0 no row or NULL, -1. */
int control_ask_u64(struct conn *c, const char *schema, uint64_t *ret, struct err *err,
                    const char *fmt, ...);
struct fence;
struct checkpoint;
/* control_fence_project(): the project of its task "<project>/<kind>". Returns `ret`. */
const char *control_fence_project(const struct fence *f, char ret[static ID_MAX]);
/* control_finish(): inside a fenced transaction: commits, or rolls back and keeps the error. */
int control_finish(struct conn *c, int rc, struct err *err);
/* control_checkpoint_sql(): appends the statement that stores the checkpoint of the fence's task.
 */
void control_checkpoint_sql(struct strbuf *sql, const struct fence *f, const struct checkpoint *cp);
int control_commit(struct conn *c, struct err *err);
void control_rollback(struct conn *c); /* best effort: a dead connection has rolled back already */

#endif
