/*
 * DDL statements of a project's stream: what became of each, as its worker told (docs/channel.md
 * "ddl"), and what a person decided about those that it stopped at.
 */
#ifndef STORE_DDL_H
#define STORE_DDL_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

enum {
    DDL_PER_PROJECT = 10000,  /* the newest; PENDING ones are never dropped */
    DDL_DECISIONS_MAX = 100,  /* handed to a worker */
    DDL_TEXT_MAX = 64 * 1024, /* bytes of a statement */
};

/* LEFT: it was PENDING when the start of incremental was set anew (store/reset.h). */
/* clang-format off */
#define DDL_STATUS_TABLE(X) \
    X(DS_PENDING, "PENDING") X(DS_APPLIED, "APPLIED") X(DS_TRACKED, "TRACKED") X(DS_SKIPPED, "SKIPPED") \
    X(DS_REPLACED, "REPLACED") X(DS_LEFT, "LEFT")
/* clang-format on */

#define ENUM_(sym, text) sym,
enum ddl_status { DDL_STATUS_TABLE(ENUM_) DS_MAX_ };
#undef ENUM_

bool ddl_status_parse(const char *text, enum ddl_status *ret);

/*
 * store_ddl_put() - what a worker told of a statement; one row for an id, replaced
 *
 * @told  id, timestamp, kind, objects, sql, status, targetSql, message as docs/channel.md "ddl"
 * A decision stands unless the same id now has another statement. Errors: ERR_PROJECT_NOT_FOUND.
 */
int store_ddl_put(struct store *st, const char *project_id, struct json_object *told,
                  struct err *err);

/*
 * store_ddl_list() - newest first
 *
 * @all  also those that are not PENDING
 * *ret_array: {id, status, kind, objects, sql, targetSql, message, timestamp, createdAt,
 * modifiedAt, decision: null or {action, sql, user, time}}, times in Unix seconds.
 */
int store_ddl_list(struct store *st, const char *project_id, bool all, const struct page *page,
                   struct json_object **ret_array, int64_t *ret_total, struct err *err);

/*
 * store_ddl_decide() - what a person decided about a PENDING statement; with an event in the
 * project's history, in one transaction. A later decision replaces an earlier one.
 *
 * @sql  run instead; NULL: it is skipped
 * Errors: ERR_PARAM no such statement, ERR_STATE it is not PENDING.
 */
int store_ddl_decide(struct store *st, const char *project_id, const char *id, const char *sql,
                     const char *user, struct err *err);

/*
 * store_ddl_decisions() - for a worker: {id, action, statement, sql (REPLACE only)}
 *
 * Those of PENDING statements first, then the newest: a worker that died between telling SKIPPED
 * and storing its checkpoint meets the statement again.
 */
int store_ddl_decisions(struct store *st, const char *project_id, struct json_object **ret_array,
                        struct err *err);

#endif
