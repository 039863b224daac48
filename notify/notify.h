/*
 * Sends what is in the store's queue (store/webhook.h) to the webhooks, in a thread of its own: a
 * webhook that is slow or away delays other webhooks by a time-out at the most, and nothing else.
 * Each is sent until it is answered with 2xx: again after 1 s, 2 s, … 10 minutes, for a day.
 */
#ifndef NOTIFY_NOTIFY_H
#define NOTIFY_NOTIFY_H

#include "base/err.h"
#include "base/secret.h"
#include "base/util.h"
#include "store/store.h"

struct notify;

/* notify_new(): borrows both; call it before other threads exist (curl_global_init). */
int notify_new(struct store *store, const struct box *box, struct notify **ret, struct err *err);
void notify_free(struct notify *n); /* stops it first */
DEFINE_CLEANUP(struct notify, notify_free)
int notify_start(struct notify *n, struct err *err);
/* notify_stop(): what is being sent is broken off; it is still in the queue. */
void notify_stop(struct notify *n);
/* notify_wake(): something was put into the queue. Any thread; NULL is allowed. */
void notify_wake(struct notify *n);

enum { NOTIFY_FIRST_MS = 1000, NOTIFY_LONGEST_MS = 600 * 1000, NOTIFY_FOR_S = 24 * 3600 };
/* notify_delay_ms(): before the next try, after so many that failed. */
int64_t notify_delay_ms(int64_t failed);

#endif
