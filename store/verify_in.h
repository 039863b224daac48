/* Inside of store/ only: what runs, tables and rows of a verification share. */
#ifndef STORE_VERIFY_IN_H
#define STORE_VERIFY_IN_H

#include "store/db.h"

/*
 * verify_rows_put() - documents of rows that differ, upserted by their id
 *
 * @by       FULL or WATCH
 * @ret_new  how many were not there before, also of those that are not kept
 */
int verify_rows_put(struct db *h, const char *project_id, int64_t table_seq,
                    struct json_object *rows, const char *by, int64_t *ret_new, struct err *err);

/* verify_wake(): 1: the project is RUNNING, or has become so again (it was FINISHED); 0: neither.
 */
int verify_wake(struct db *h, const char *project_id, struct err *err);
int verify_is_open(struct db *h, const char *project_id, struct err *err);     /* a run: 1 or 0 */
int verify_is_applying(struct db *h, const char *project_id, struct err *err); /* a row: 1 or 0 */

#endif
