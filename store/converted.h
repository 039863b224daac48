/* What the schema step made of each object of the source: for a person to look at. */
#ifndef STORE_CONVERTED_H
#define STORE_CONVERTED_H

#include <json-c/json.h>

#include "store/store.h"

enum { CONVERTED_PER_PROJECT = 50000 }; /* what comes beyond is not kept */

/*
 * store_converted_put() - one object; the same again replaces what was told of it
 *
 * @told  kind, db, name, targetDb, targetName, source, sql, notes (texts; checked by the caller)
 * Errors: ERR_PROJECT_NOT_FOUND.
 */
int store_converted_put(struct store *st, const char *project_id, struct json_object *told,
                        struct err *err);
/* store_converted_list(): an array of such objects by database, name and kind; the caller's. */
int store_converted_list(struct store *st, const char *project_id, struct json_object **ret,
                         struct err *err);
int store_converted_any(struct store *st, const char *project_id, bool *ret, struct err *err);

#endif
