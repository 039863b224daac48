/* Inside of store/ only: what two projects of one pair ask of a change, in its transaction. */
#ifndef STORE_PAIR_IN_H
#define STORE_PAIR_IN_H

#include "store/db.h"
#include "store/project.h"

/* pair_check_new(): ERR_STATE unless the forward project runs and has no reverse one. */
int pair_check_new(struct db *h, const char *forward_id, struct err *err);
/* pair_tell_new(): `reverse` was added: into the history of its forward project. */
int pair_tell_new(struct db *h, const struct project *reverse, struct err *err);
/* pair_check_release(): ERR_STATE while its reverse project isn't RELEASED or DELETED. */
int pair_check_release(struct db *h, const char *id, struct err *err);

#endif
