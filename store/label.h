/* Labels of projects: a name, who made it, how many projects have it. */
#ifndef STORE_LABEL_H
#define STORE_LABEL_H

#include <json-c/json.h>

#include "base/id.h"
#include "store/store.h"

enum { LABELS_MAX = 100, LABELS_PER_PROJECT = 5 }; /* oms-api.md 3.14 */

/* store_label_add(): ERR_NAME_TAKEN, ERR_LIMIT. ret: the new label's id, l_… */
int store_label_add(struct store *st, const char *name, const char *creator,
                    char ret[static ID_MAX], struct err *err);
/*
 * store_label_list() - all of them, in the order in which they were made
 *
 * *ret_array: array of {id, name, creator, projects, createdAt (Unix s)}; projects: how many have
 * it, deleted ones aside.
 */
int store_label_list(struct store *st, struct json_object **ret_array, struct err *err);
/* store_label_delete(): takes it off its projects, too. ERR_LABEL_NOT_FOUND. */
int store_label_delete(struct store *st, const char *id, struct err *err);
/*
 * store_label_set() - these labels and no others for a project
 *
 * @ids   array of text; one that is named twice counts once. NULL or empty: none
 * @user  for the event in the project's history, in the same transaction
 * Errors: ERR_PROJECT_NOT_FOUND (also deleted), ERR_LABEL_NOT_FOUND, ERR_LIMIT.
 */
int store_label_set(struct store *st, const char *project_id, struct json_object *ids,
                    const char *user, struct err *err);
/* store_label_projects(): projects with this label in one status (enum project_status).
 * ERR_LABEL_NOT_FOUND. */
int store_label_projects(struct store *st, const char *label_id, int status, char (**ret)[ID_MAX],
                         size_t *ret_count, struct err *err);

#endif
