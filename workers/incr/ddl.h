/* DDL in the stream: docs/ddl.md. ddl.c decides, ddl_target.c runs, ddl_convert.c makes steps. */
#ifndef WORKERS_INCR_DDL_H
#define WORKERS_INCR_DDL_H

#include "workers/incr/ddl_outcome.h"
#include "workers/incr/session.h"

/* A statement for the target. */
struct ddl_work {
    char *sql, *sql_mode, *default_db; /* sql_mode NULL: the session's own; default_db NULL: none */
    char *collation; /* collation_connection it is to run under; NULL: the session's own */
    struct ddl_object *objects;
    size_t object_count;
    bool rows; /* changes rows: runs in the transaction that marks it done */
};
struct ddl_works {
    struct ddl_work *list;
    size_t count;
};
void ddl_works_done(struct ddl_works *w);

/*
 * ddl_works_convert(): the outcome's actions for the target. What is refused or left out goes to
 * `notes`. Errors: ERR_SCHEMA_CONVERT, ERR_NOMEM.
 */
int ddl_works_convert(struct session *s, const struct group_statement *st,
                      const struct ddl_outcome *o, struct ddl_works *ret, struct notes *notes,
                      struct err *err);
/* ddl_works_replace(): what a person gave: statements divided by semicolons. ERR_DDL_UNPARSED. */
int ddl_works_replace(struct session *s, const struct group_statement *st, const char *sql,
                      struct ddl_works *ret, struct err *err);

/*
 * ddl_works_run() - all of them, each once, whatever was begun before
 *
 * @first  number of the first step
 * Errors: the server's; then its step is not noted any more.
 */
int ddl_works_run(struct session *s, const struct group_statement *st, const struct ddl_works *w,
                  unsigned first, struct err *err);

/*
 * ddl_seen() - a statement of kind ST_DDL or ST_UNKNOWN
 *
 * Errors: ERR_DDL_IN_STREAM when a person has to decide; those of the session.
 */
int ddl_seen(struct session *s, const struct group_statement *st, struct err *err);

#endif
