/* What the project knows of its tables, on top of what the servers tell. */
#ifndef WORKERS_VERIFY_PROJECT_H
#define WORKERS_VERIFY_PROJECT_H

#include "workers/scope.h"
#include "workers/verify/ends.h"

/* project_catalog(): as it is stored at the target, else as the scope selects it at the source. */
int project_catalog(const struct task *t, struct ends *e, struct scope *scope, struct catalog **ret,
                    struct err *err);
/* project_apply(): selection and filter of the project's entry. *ret_same: the columns are its. */
int project_apply(struct table *now, const struct table *stored, bool *ret_same, struct err *err);

#endif
