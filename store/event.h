/* A project's history: what happened, for people. Bounded per project. */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <json-c/json.h>

#include "store/store.h"

enum { EVENTS_PER_PROJECT = 1000 };

int store_event_add(struct store *st, const char *project_id, const char *level, const char *event,
                    const char *message, struct err *err);
/* What of a history is asked for; all zero: everything. */
struct event_filter {
    struct json_object *levels; /* array of texts; NULL: all */
    const char *event;          /* or NULL */
    int64_t from, to;           /* Unix s, both included; 0: no bound */
};
/* store_event_find(): as store_event_list(), of what the filter lets pass. */
int store_event_find(struct store *st, const char *project_id, const struct event_filter *f,
                     int64_t offset, int limit, struct json_object **ret, int64_t *ret_total,
                     struct err *err);
/*
 * store_event_list() - newest first, `limit` of them (at most EVENTS_PER_PROJECT) behind `offset`
 *
 * *ret: array of {time (Unix s), level, event, message}. @ret_total  how many there are; or NULL.
 */
int store_event_list(struct store *st, const char *project_id, int64_t offset, int limit,
                     struct json_object **ret, int64_t *ret_total, struct err *err);

#endif
