/*
 * Views, routines, triggers and events: the text that SHOW CREATE gives, made into a statement for
 * the target. DEFINER is dropped (the migrating account becomes it), names are qualified with the
 * target's database, references to renamed databases and tables are followed. Pure.
 */
#ifndef WORKERS_CONVERT_REWRITE_H
#define WORKERS_CONVERT_REWRITE_H

#include "base/err.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/dialect.h"

/* A table or view in scope under "db\1name", a database under "db": what it is called at the
 * target. */
struct renamed {
    char *db, *name; /* name NULL for a database */
};

struct rewrite_job {
    const char *text;            /* SHOW CREATE …, or a user's statement */
    const struct tokens *tokens; /* of `text`, where they are known already; else NULL */
    const char *sql_mode;
    const char *db;                      /* of the object, at the source */
    const char *mapped_db, *mapped_name; /* at the target */
    const struct map *names;             /* struct renamed */
    const struct map *overrides;         /* map_override(); NULL: none */
    /* A user's view: the tables it names without a database are of this one; NULL: SHOW CREATE has
     * qualified all of them */
    const char *default_db;
    const struct dialect *to;
    bool keep_if_not_exists; /* the target knows it there; else it is dropped */
};

/*
 * rewrite_bytes_kept() - does text with introducers mean the same when it is sent as UTF-8?
 *
 * @client_charset  what its author's client spoke; NULL: UTF-8
 * The bytes of _latin1'é' are the client's, whatever the introducer says; a text that was converted
 * from another set to UTF-8 has other ones. False: it has such a text.
 */
bool rewrite_bytes_kept(const struct tokens *t, const char *client_charset);
#define REWRITE_BYTES_LOST                                                                         \
    "it has a text with an introducer (_latin1'…') beyond ASCII, written by a client of the "    \
    "character set %s: its bytes are not carried; create it at the target by hand"

/* rewrite_view(): CREATE … VIEW `db`.`name` … AS …; ALTER … VIEW likewise. Errors of all:
 * ERR_SCHEMA_CONVERT. */
int rewrite_view(const struct rewrite_job *job, char **ret, struct err *err);
/* rewrite_routine(): CREATE FUNCTION or PROCEDURE `db`.`name` …. */
int rewrite_routine(const struct rewrite_job *job, char **ret, struct err *err);
/* rewrite_event(): CREATE EVENT … DISABLE …: nothing runs at the target before a switchover. */
int rewrite_event(const struct rewrite_job *job, char **ret, struct err *err);
/*
 * rewrite_trigger() - CREATE TRIGGER … with its body under IF @causeway_apply IS NULL
 *
 * @table   mapped name of its table
 * Our own sessions set @causeway_apply: a trigger then does not repeat what the source's already
 * did and what arrives as rows. FOLLOWS and PRECEDES are dropped: create in ACTION_ORDER.
 */
int rewrite_trigger(const struct rewrite_job *job, const char *table, char **ret, struct err *err);

#endif
