/* Audit events: one for each write of the API, one for several refused alike. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdint.h>

#include <json-c/json.h>

#include "store/store.h"

#define AUDIT_STARTED "STARTED" /* goes on, or nobody could say how it ended */
#define AUDIT_UNKNOWN "UNKNOWN" /* the daemon ended before it could say */
#define AUDIT_OK "OK"

struct audit_event { /* all borrowed; no text of it is ever a secret */
    const char *user;
    const char *key_id; /* NULL: by password */
    const char *peer;
    const char *action;
    const char *target, *target_name; /* NULL: none */
    const char *result;               /* AUDIT_… or the code of an error */
    const char *request_id;           /* "": none */
};

/* store_audit_add(): a new event, now; *ret_seq is its number. */
int store_audit_add(struct store *st, const struct audit_event *e, int64_t *ret_seq,
                    struct err *err);
/* store_audit_end(): how an event of AUDIT_STARTED went; targets that are NULL stay. */
int store_audit_end(struct store *st, int64_t seq, const char *target, const char *target_name,
                    const char *result, struct err *err);
/* store_audit_again(): an event happened `more` times more until `last_at`; `several`: to other
 * targets, too, so that its own is taken away. */
int store_audit_again(struct store *st, int64_t seq, int64_t more, int64_t last_at, bool several,
                      struct err *err);
/* store_audit_recover(): events that the last daemon has left STARTED become UNKNOWN. */
int store_audit_recover(struct store *st, struct err *err);
/*
 * store_audit_prune() - deletes the oldest events: more than `keep`, or last seen before `oldest`
 *
 * A thousand at most, and only from the old end, so that it costs no more than it deletes;
 * *ret_more: there may be more.
 */
int store_audit_prune(struct store *st, int64_t keep, int64_t oldest, bool *ret_more,
                      struct err *err);

struct audit_filter { /* NULL or 0: any */
    const char *user, *action, *target;
    const char *result; /* AUDIT_OK, "FAILED" (anything else) or a code */
    int64_t from, to;   /* Unix seconds, both inclusive */
    struct page page;   /* newest first, always */
};
/* store_audit_list(): a page as an array of objects, as ListAuditEvents answers it. */
int store_audit_list(struct store *st, const struct audit_filter *f, struct json_object **ret,
                     int64_t *ret_total, struct err *err);

#endif
