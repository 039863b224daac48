/*
 * The objects of a project: the transferMapping of oms-api.md 4.1 and the matching rules of 3.15.
 * Pure: no server is asked. Names are compared byte for byte, or ignoring ASCII and server-side
 * case when scope_fold_case() says that the source does so (lower_case_table_names <> 0).
 *
 * SPECIFIC: a database entry with neither `tables` nor `views` selects the whole database.
 * `minus`, another transferMapping, is taken away from what is selected: docs/object-changes.md.
 * WILDCARD: rules `<db pattern>.<object pattern>` in tableAndViewWhiteList minus …BlackList (and
 * databasesBlack), applied to tables and views; `a.b=c.d` renames; specificTables/specificViews of
 * `databases` give renames, filters and columns for single objects.
 *
 * `nameCase` (AS_SOURCE, LOWER, UPPER) is how a database, table or view is called at the target
 * when nothing names it there: here and nowhere else (docs/objects.md).
 */
#ifndef WORKERS_SCOPE_H
#define WORKERS_SCOPE_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

struct scope;

enum scope_kind { SCOPE_TABLE, SCOPE_VIEW };

/* What is to be done with one selected object. All borrowed from the scope except the mapped names.
 */
struct scope_object {
    char *mapped_db, *mapped_name; /* free with scope_object_done */
    const char *where;             /* row filter, or NULL */
    struct json_object *columns;   /* filterColumns: include list, or NULL: all */
    /* recordTypeWhiteList and supportDDLTypes of its own or of its database: lists of words that
     * count instead of the project's; NULL: the project's. */
    struct json_object *records, *ddl;
};
void scope_object_done(struct scope_object *o);

/*
 * scope_new() - reads a transferMapping; it is not needed any more afterwards
 *
 * In WILDCARD mode `databases[].tables` and `views` select their objects besides the rules (shared
 * by tables and views), `databases[].mappedName` renames the database for whatever no rule renames,
 * and of several rules with `=` the first that matches renames.
 * Errors: ERR_PARAM naming every faulty entry, not only the first; ERR_NOT_SUPPORTED for several
 * tables folded into one (`db.*=other.one`), renamed columns and mode COMPLEX.
 */
int scope_new(struct json_object *mapping, struct scope **ret, struct err *err);
void scope_free(struct scope *s);
DEFINE_CLEANUP(struct scope, scope_free)
void scope_fold_case(struct scope *s, bool fold);
bool scope_folds_case(const struct scope *s);

enum scope_case { SCOPE_CASE_SOURCE, SCOPE_CASE_LOWER, SCOPE_CASE_UPPER };
enum scope_case scope_name_case(const struct scope *s); /* nameCase of the mapping */
enum { SCOPE_NAME_MAX = 64 * 4 + 1 };                   /* a name of the server, in UTF-8 */
/* scope_cased(): `name` in that case: `name` itself or `buf`. */
const char *scope_cased(enum scope_case how, const char *name, char buf[static SCOPE_NAME_MAX]);
/* scope_exclude_db(): a database that never matches, as the control schema. -1: out of memory. */
int scope_exclude_db(struct scope *s, const char *db);

/* tableCategory of the assignment: which tables catalog_load() keeps. Default: all. */
enum scope_category { SCOPE_ALL, SCOPE_WITH_KEY, SCOPE_WITHOUT_KEY };
/* scope_set_category(): "ALL", "WITH_UNIQUE_ROW_ID", "WITHUNIQUEROWID", … or NULL. ERR_PARAM. */
int scope_set_category(struct scope *s, const char *category, struct err *err);
enum scope_category scope_category(const struct scope *s);

/* scope_match(): 1 selected (*ret filled), 0 not, -1 out of memory. System schemas never match. */
int scope_match(const struct scope *s, enum scope_kind kind, const char *db, const char *name,
                struct scope_object *ret, struct err *err);
/* True when anything in `db` may be selected (to decide which databases to list). */
bool scope_may_match_db(const struct scope *s, const char *db);
/* True when the selection is the whole database: then its routines, triggers and events come too.
 */
bool scope_whole_db(const struct scope *s, const char *db);
/* The target database a whole or partly selected source database maps to; NULL when it has none of
 * its own. Borrowed from the scope, `db` itself, or `buf`. */
const char *scope_mapped_db(const struct scope *s, const char *db, char buf[static SCOPE_NAME_MAX]);
/* scope_db_ddl(): supportDDLTypes of the database itself; NULL: the project's. Borrowed. */
struct json_object *scope_db_ddl(const struct scope *s, const char *db);
/* scope_any_ddl(): some object or database has `kind` in supportDDLTypes of its own; NULL: any. */
bool scope_any_ddl(const struct scope *s, const char *kind);
/* Objects named one by one in SPECIFIC mode: calls `fn` for each, to check that they exist. */
int scope_each_named(const struct scope *s,
                     int (*fn)(void *ctx, enum scope_kind kind, const char *db, const char *name,
                               struct err *err),
                     void *ctx, struct err *err);
/* scope_name_key(): appends a text that is the same for names this scope takes as the same. */
void scope_name_key(const struct scope *s, const char *db, const char *name, struct strbuf *to);
bool scope_is_system_db(const char *db);

/* pattern_match(): `*`, `?`, `[…]`, `[!…]` with ranges (oms-api.md 3.15). Linear in time, UTF-8
 * aware. */
bool pattern_match(const char *pattern, const char *text, bool fold_case);

#endif
