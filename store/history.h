/* Inside of store/ only: an event written in a transaction that changes something else too. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "store/db.h"

int history_add(struct db *h, const char *project_id, const char *level, const char *event,
                const char *message, struct err *err);

#endif
