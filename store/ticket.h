/* Numbers that a client gets for what it asked to be changed; they only ever rise. */
#ifndef STORE_TICKET_H
#define STORE_TICKET_H

#include "store/db.h"

enum { TICKETS_PER_PROJECT = 100 }; /* older ones are forgotten, their numbers stay used */

/* ticket_add(): inside of store/, within somebody's transaction. */
int ticket_add(struct db *h, const char *project_id, const char *action, const char *user,
               int64_t *ret, struct err *err);

#endif
