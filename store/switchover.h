/*
 * The switchover of a project (docs/switchover.md): one document, which is the stepInfo of its step
 * TRANSFER_APP_SWITCH, changed by comparing its `rev`. The statuses of the project's steps that
 * belong to a change are written with it.
 */
#ifndef STORE_SWITCHOVER_H
#define STORE_SWITCHOVER_H

#include <json-c/json.h>

#include "store/project.h"

#define STEP_SWITCH "TRANSFER_APP_SWITCH"

/*
 * store_switch_get() - the document as it is now; the caller's
 *
 * Returns 1, 0 when the project has no such step (*ret NULL), -1. One that was never begun is an
 * empty object.
 */
int store_switch_get(struct store *st, const char *project_id, struct json_object **ret,
                     struct err *err);

enum { SWITCH_MOVES_MAX = 4 };
struct switch_change {
    struct json_object *doc; /* as read and changed; borrowed. Its `rev` is raised */
    double progress;         /* of the step */
    struct {
        const char *step;
        enum step_status to;
    } moves[SWITCH_MOVES_MAX];
    size_t move_count;
    const char *level, *event; /* for the project's history; event NULL: none */
    char told[1024];
};
/*
 * store_switch_put() - stores a changed document, in one transaction with what belongs to it
 *
 * Returns 1; 0 when the document has been changed since it was read, or the project is not RUNNING.
 */
int store_switch_put(struct store *st, const char *project_id, struct switch_change *change,
                     struct err *err);

#endif
