/* Inside of store/ only: what goes to the webhooks in the transaction that decides it. */
#ifndef STORE_WEBHOOK_IN_H
#define STORE_WEBHOOK_IN_H

#include "store/alert.h"
#include "store/db.h"

/* webhook_enqueue(): to each webhook whose filter lets the alert pass. @event  FIRING, RESOLVED */
int webhook_enqueue(struct db *h, const struct alert *a, const char *event, int64_t now,
                    struct err *err);

#endif
