/*
 * The objects of a project as a table that a spreadsheet can open (docs/objects.md): one line an
 * object or rule. What is exported and read again is the same mapping, but for empty lists, which
 * are left out.
 */
#ifndef API_OBJECTS_CSV_H
#define API_OBJECTS_CSV_H

#include "api/fields.h"
#include "base/strbuf.h"

enum { OBJECTS_FAULTS_MAX = 10000 }; /* of one file; more are counted */

/*
 * objects_import() - a transferMapping out of CSV
 *
 * @control_schema  must not be a target
 * @faults          one for each thing wrong: "line 7, whereClause". No mapping when there are any
 * @ret             without the mapped names that the file leaves out; the caller's
 * Returns -1 only when memory is gone.
 */
int objects_import(const char *csv, size_t len, const char *control_schema, struct faults *faults,
                   struct json_object **ret, struct err *err);
/* objects_export(): how many lines below the header. `mapping` is one that CreateProject takes. */
size_t objects_export(struct json_object *mapping, struct strbuf *to);

/* ---- for objects_csv.c and objects_export.c ---- */

enum objects_column {
    OC_KIND,
    OC_DATABASE,
    OC_OBJECT,
    OC_TARGET_DATABASE,
    OC_TARGET_OBJECT,
    OC_WHERE,
    OC_FILTER,
    OC_SHARD,
    OC_RECORDS,
    OC_DDL,
    OC_ID,
    OC_CLUSTER,
    OC_TENANT,
    OC_MAX_
};
extern const char *const objects_columns[OC_MAX_];

/* A kind of line: where its object stands in the mapping. */
struct objects_kind {
    const char *word;
    const char *top;  /* "databases", "databasesBlack", or a list of rules */
    const char *list; /* of a database; NULL: the database itself, or a rule */
    bool rule;
};
extern const struct objects_kind objects_kinds[];
extern const size_t objects_kinds_count;

/* Keys of an object by column; NULL: no such key. `database`: of a database. */
const char *objects_key(enum objects_column column, bool database);
bool objects_is_list(enum objects_column column);

#endif
