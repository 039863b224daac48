/* The assignment of a worker (docs/channel.md), built from the stored rows each time it starts. */
#ifndef FLOW_ASSIGNMENT_H
#define FLOW_ASSIGNMENT_H

#include <json-c/json.h>

#include "base/err.h"
#include "flow/flow.h"
#include "flow/plan.h"

/* Whose worker: a project, or a precheck submitted on a body. */
struct subject {
    const char *id;             /* np_… or pc_… */
    const char *project_id;     /* for its skipped items; "" when there is none */
    struct json_object *config; /* the validated CreateProject body */
    const char *source_id, *sink_id;
};

/*
 * assignment_build() - the whole document; makes the project's folder
 *
 * Holds both passwords in clear text: send it, then assignment_free() it. Never log it.
 * Errors: ERR_SOURCE_NOT_FOUND, ERR_KEYFILE, ERR_IO and the store's.
 */
int assignment_build(const struct flow_options *o, const struct subject *s,
                     const struct plan_row *step, struct json_object **ret, struct err *err);
/* assignment_free(): wipes the passwords first. */
void assignment_free(struct json_object *doc);
static inline void assignment_freep(struct json_object **doc)
{
    assignment_free(*doc);
}

/* assignment_folder(): projects/<id> below the data directory. */
int assignment_folder(const struct flow_options *o, const char *id, char **ret, struct err *err);
/* assignment_throttle(): a `throttle` message for this kind of worker; NULL: it has no limits. */
struct json_object *assignment_throttle(struct json_object *config, const struct plan_row *step);

#endif
