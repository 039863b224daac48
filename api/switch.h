/* The switchover's part of CreateProject's body. */
#ifndef API_SWITCH_H
#define API_SWITCH_H

#include "api/fields.h"

/*
 * switch_body_check() - the rules of enableReverseIncrTransfer; fills in reverseIncrTransferConfig
 * and, for the flow, reverseTransferMapping
 *
 * @sound  the mapping has no faults of its own
 */
int switch_body_check(struct json_object *body, bool sound, struct faults *faults, struct err *err);

#endif
