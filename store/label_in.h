/* Labels inside of store/ only: within somebody's transaction. */
#ifndef STORE_LABEL_IN_H
#define STORE_LABEL_IN_H

#include "store/db.h"

/* label_attach(): `ids` (array of text) to a project. ERR_LABEL_NOT_FOUND, ERR_LIMIT. */
int label_attach(struct db *h, const char *project_id, struct json_object *ids, struct err *err);

#endif
