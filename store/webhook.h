/*
 * Webhooks and the queue of what is to be sent to them. The queue is in the store, so that nothing
 * that was decided is lost by a restart; of each webhook in order, WEBHOOK_QUEUE_MAX at most: the
 * oldest go.
 */
#ifndef STORE_WEBHOOK_H
#define STORE_WEBHOOK_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

enum { WEBHOOKS_MAX = 20, WEBHOOK_QUEUE_MAX = 1000, WEBHOOK_URL_MAX = 2048 };

struct webhook {
    char id[ID_MAX]; /* wh_… */
    char *url;
    char *secret_sealed;       /* about "webhook:<id>" */
    char *level;               /* WARN: all; ERROR: only these */
    struct json_object *rules; /* array of alert rules; NULL: all */
    char *owner;
    int64_t created_at, last_at, last_good_at; /* Unix s; 0: never */
    char *last_result;                         /* "200", or why not; NULL: nothing was sent */
    int64_t queued;                            /* read only */
};
void webhook_done(struct webhook *w);
void webhook_list_free(struct webhook *list, size_t count);

/* store_webhook_add(): ERR_LIMIT. `id` is the caller's (id_new "wh_"): the seal is over it. */
int store_webhook_add(struct store *st, const struct webhook *w, struct err *err);
int store_webhook_list(struct store *st, struct webhook **ret, size_t *ret_count, struct err *err);
/* store_webhook_delete(): with its queue. ERR_PARAM when there is none. */
int store_webhook_delete(struct store *st, const char *id, struct err *err);
/* store_webhook_test(): queues a TEST. ERR_PARAM. @ret_delivery  its id */
int store_webhook_test(struct store *st, const char *id, int64_t now_ms,
                       char ret_delivery[static ID_MAX], struct err *err);

/* One thing to send, with what is needed for it. */
struct delivery {
    char id[ID_MAX];
    char webhook_id[ID_MAX];
    char *url, *secret_sealed, *body;
    int64_t attempts, created_at; /* Unix s */
};
void delivery_done(struct delivery *d);
/*
 * store_delivery_due() - the first of some webhook whose time has come
 *
 * Returns 1, or 0: nothing is due; then *ret_next_ms is when (Unix ms), 0: the queue is empty.
 */
int store_delivery_due(struct store *st, int64_t now_ms, struct delivery *ret, int64_t *ret_next_ms,
                       struct err *err);
/* store_delivery_result(): sent: it goes; else it is tried again at `next_ms`, 0: given up. */
int store_delivery_result(struct store *st, const struct delivery *d, bool sent, const char *result,
                          int64_t now_ms, int64_t next_ms, struct err *err);

#endif
