/*
 * From the source's SHOW CREATE TABLE to the target's CREATE TABLE. Pure: text and catalog in,
 * text and notes out. The server's own text is the source of truth, because it alone has all
 * attributes; it is cut into items by tokens and each is rewritten by the rules of mapping.h.
 */
#ifndef WORKERS_CONVERT_CREATE_H
#define WORKERS_CONVERT_CREATE_H

#include "base/err.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "workers/convert/notes.h"
#include "workers/mysql/catalog.h"
#include "workers/mysql/dialect.h"

struct create_job {
    const char *text; /* SHOW CREATE TABLE */
    size_t text_len;
    const struct table *table;   /* its catalog: mapped names, collations, columns carried */
    struct json_object *columns; /* filterColumns or NULL */
    const struct dialect *from, *to;
    const struct map *collations; /* names the target has (lower case), or NULL: not known */
    const struct map *overrides;  /* the user's collations (map_override()), or NULL */
    struct map *check_names; /* "db\1name" used so far; MySQL wants them unique in a database */
    bool with_indexes;       /* normal indexes with the table */
    bool list_indexes;       /* those that may be dropped and made anew are listed all the same */
};

struct index_text {
    char *name, *definition; /* "KEY `k` (`a`)" */
};

struct create_result {
    char *sql;                  /* CREATE TABLE IF NOT EXISTS … */
    struct index_text *indexes; /* normal indexes left for later, or listed */
    size_t index_count;
};

/*
 * create_table_text() - the statement for the target
 *
 * What can't be carried goes to `notes` as refused (then `ret->sql` is not to be run), what is
 * mapped or left out as such. Errors: ERR_SCHEMA_CONVERT when the text can't be read at all.
 */
int create_table_text(const struct create_job *job, struct create_result *ret, struct notes *notes,
                      struct err *err);
void create_result_done(struct create_result *r);

/* create_collation(): the user's choice, else map_collation, and a look whether the target has it;
 * notes what changed. false: refused. */
bool create_collation(const struct create_job *job, const char *object, const char *name,
                      char ret[static 128], struct notes *notes);
/* create_collation_text(): "CHARACTER SET latin1 COLLATE latin1_bin" of a collation of the target.
 */
void create_collation_text(const char *collation, struct strbuf *out);

#endif
