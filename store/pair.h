/* Two projects over one pair of data sources: forward, and the reverse one beside it. */
#ifndef STORE_PAIR_H
#define STORE_PAIR_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/project.h"

struct pair {
    bool reverse;             /* it is the reverse one of */
    char forward_id[ID_MAX];  /* …; "" of a forward one */
    char peer_id[ID_MAX];     /* the other one, while it is neither RELEASED nor DELETED; else "" */
    enum project_status peer; /* its status; counts only with a peer_id */
};

/* store_pair_get(): ERR_PROJECT_NOT_FOUND. Cheap: no configuration is read. */
int store_pair_get(struct store *st, const char *project_id, struct pair *ret, struct err *err);

/*
 * store_pair_former() - a reverse project of this one that has run and is RELEASED or DELETED
 *
 * What it carried is not known any more, so that another one can't begin where forward
 * incremental began. Returns 1 with its id (the latest), 0: there is none.
 */
int store_pair_former(struct store *st, const char *forward_id, char ret[static ID_MAX],
                      struct err *err);

/* store_turn_put(): what a worker told as `turn`; writes only what is new. Returns 1: it was. */
int store_turn_put(struct store *st, const char *project_id, struct json_object *turn,
                   struct err *err);

#endif
