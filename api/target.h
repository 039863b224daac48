/* What a write was aimed at, for its audit event: names and ids only, never another field. */
#ifndef API_TARGET_H
#define API_TARGET_H

#include <json-c/json.h>

enum { TARGET_MAX = 128 };

struct target {
    char id[TARGET_MAX];   /* of a project, source, user, key, …; empty: none */
    char name[TARGET_MAX]; /* the name that came with it; empty: none */
};

/* target_of(): out of a request and, when it was done, the answer's data; either may be NULL. */
void target_of(struct json_object *request, struct json_object *data, struct target *ret);

#endif
