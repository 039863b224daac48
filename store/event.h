/* A project's history: what happened, for people. Bounded per project. */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <json-c/json.h>

#include "store/store.h"

enum { EVENTS_PER_PROJECT = 1000 };

int store_event_add(struct store *st, const char *project_id, const char *level, const char *event,
                    const char *message, struct err *err);
/* Array of {time, level, event, message}, newest first. */
int store_event_list(struct store *st, const char *project_id, int limit, struct json_object **ret,
                     struct err *err);

#endif
