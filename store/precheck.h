/* Prechecks: submitted on a body (SubmitPreCheck) or run as a project's first step. */
#ifndef STORE_PRECHECK_H
#define STORE_PRECHECK_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

struct precheck {
    char id[ID_MAX];         /* pc_… */
    char project_id[ID_MAX]; /* "" when only a body was submitted */
    char *status;            /* INIT PENDING RUNNING FAILED FINISHED (oms-api.md 4.17) */
    double progress;
    struct json_object *body;  /* the validated CreateProject body; NULL when it is a project's
                                * first step */
    struct json_object *error; /* why it could not run, or NULL */
    int64_t created_at, modified_at;
};
void precheck_free(struct precheck *p);
DEFINE_CLEANUP(struct precheck, precheck_free)

/* store_precheck_add(): sets the id (unless it has one) and the times. ERR_LIMIT when too many
 * wait; ERR_PROJECT_NOT_FOUND. */
int store_precheck_add(struct store *st, struct precheck *p, struct err *err);
/* store_precheck_get(), store_precheck_latest(): ERR_PRECHECK_NOT_FOUND. */
int store_precheck_get(struct store *st, const char *id, struct precheck **ret, struct err *err);
int store_precheck_latest(struct store *st, const char *project_id, struct precheck **ret,
                          struct err *err);
int store_precheck_set(struct store *st, const char *id, const char *status, double progress,
                       const struct err *why, struct err *err);
/* store_precheck_clear(): drops its items: it runs again. */
int store_precheck_clear(struct store *st, const char *id, struct err *err);
/* store_precheck_item(): `item` as docs/channel.md "item"; one row for checkType + endpointType,
 * replaced. */
int store_precheck_item(struct store *st, const char *id, struct json_object *item,
                        struct err *err);
int store_precheck_items(struct store *st, const char *id, struct json_object **ret_array,
                         struct err *err);
/* store_precheck_pending(): submitted ones that are INIT, PENDING or RUNNING, for a restart. */
int store_precheck_pending(struct store *st, char (**ret)[ID_MAX], size_t *ret_count,
                           struct err *err);
/* store_precheck_prune(): removes finished ones of bodies made before then (Unix s). */
int store_precheck_prune(struct store *st, int64_t older_than, struct err *err);

/* Items a user decided to skip, by project: who, when, with an event in its history; the first
 * decision stands. */
int store_skip_add(struct store *st, const char *project_id, const char *check_type,
                   const char *endpoint_type, const char *user, struct err *err);
/* Array of {checkType, endpointType, user, time}. */
int store_skip_list(struct store *st, const char *project_id, struct json_object **ret_array,
                    struct err *err);

#endif
