/*
 * Conflicts that a worker met, one row each (docs/two-way.md): whatever is killed when, a conflict
 * is told under the same number of its transaction and row, and a row told again is replaced.
 */
#ifndef STORE_CONFLICT_H
#define STORE_CONFLICT_H

#include <json-c/json.h>

#include "base/id.h"
#include "base/strbuf.h"
#include "store/store.h"

enum {
    CONFLICTS_A_FILE = 10000,          /* records of one conflict_sql_N.log */
    CONFLICT_DOC_MAX = 256 * 1024,     /* bytes of a record's text */
    CONFLICTS_CUT_TOLD_EVERY_S = 3600, /* the event conflicts_cut, per project */
};

struct conflict_limits { /* 0: unlimited */
    int64_t most;        /* records of a project; the oldest go */
    int64_t keep_s;      /* how long a record is kept */
};

/*
 * store_conflict_put() - records of one step, in one transaction; then the oldest beyond `most` go
 *
 * @records  array of objects with seq, n, timestamp, kind, decision, db, table, targetDb,
 *           targetTable and whatever else belongs to the record: kept as it is, with num
 * Errors: ERR_PROJECT_NOT_FOUND.
 */
int store_conflict_put(struct store *st, const char *project_id, const char *step,
                       struct json_object *records, const struct conflict_limits *limits,
                       struct err *err);

struct conflict_filter { /* NULL and 0: any */
    const char *step, *kind, *decision;
    const char *table;    /* "db.table" or "table", of either end */
    int64_t since, until; /* Unix s of the source's change, both inclusive */
    struct page page;
};
/* store_conflict_list(): records as they were put, newest first. *ret_array is the caller's. */
int store_conflict_list(struct store *st, const char *project_id, const struct conflict_filter *f,
                        struct json_object **ret_array, int64_t *ret_total, struct err *err);

/* store_conflict_files(): {number, bytes, records, modifiedAt} of the files of a step, in order;
 * a file holds the records that were told as (number - 1) * CONFLICTS_A_FILE + 1 and on. */
int store_conflict_files(struct store *st, const char *project_id, const char *step,
                         struct json_object **ret_array, struct err *err);

/*
 * store_conflict_lines() - some records of a file, one line of JSON each, behind record *num
 *
 * Returns how many (0: the file ends) and moves *num on; adds to `to`, which may fill up.
 */
int store_conflict_lines(struct store *st, const char *project_id, const char *step, int64_t number,
                         int64_t *num, struct strbuf *to, struct err *err);

/* store_conflict_prune(): removes what is older than it is kept, and tells it. */
int store_conflict_prune(struct store *st, const struct conflict_limits *limits, struct err *err);

#endif
