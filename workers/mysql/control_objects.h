/*
 * Objects that join or leave a running project: its part of the control schema
 * (docs/object-changes.md). The sub-project that copies what is added is a project of its own
 * there; its groups have the numbers that they have in the project itself, for it begins as a fork
 * of the project's checkpoint and reads the same relay.
 *
 *   "<project>/objects"  as a checkpoint: number of the last modify record that is in force
 *                        (seq), and where it came into force
 *   "<project>/child"    as a checkpoint: the sub-project (in place of the source's identity) whose
 *                        checkpoint the relay must not purge beyond
 */
#ifndef WORKERS_MYSQL_CONTROL_OBJECTS_H
#define WORKERS_MYSQL_CONTROL_OBJECTS_H

#include "workers/mysql/control.h"
#include "workers/mysql/facts.h"

/* control_objects_get(): the number of the record in force; 0: none yet. */
int control_objects_get(struct conn *c, const char *schema, const char *project_id, uint64_t *ret,
                        struct err *err);

/*
 * control_fork() - the sub-project begins where the project is: checkpoint and known XA
 * transactions, once
 *
 * Only when everything up to the stored checkpoint is applied and nothing beyond it.
 * @f       of the project's task "incr"
 * @copies  rows of prepared XA transactions come with the copy; else none may be there
 * Returns 1: done, now or before; 0: XA transactions are prepared, or the sub-project's worker
 * "join" does not wait for it; -1.
 */
int control_fork(struct conn *c, const struct fence *f, const char *child, bool copies,
                 struct err *err);
/* control_child(): the sub-project noted last; "": none. 1, 0, -1. */
int control_child(struct conn *c, const char *schema, const char *project_id,
                  char ret[static ID_MAX], struct err *err);

/*
 * control_aligned() - whether task "incr" of both has applied everything up to one and the same
 * place and nothing beyond it; nobody applies meanwhile
 *
 * @child  NULL: of the project alone
 * Returns 1, 0, -1.
 */
int control_aligned(struct conn *c, const char *schema, const char *project_id, const char *child,
                    struct err *err);

/* What takes the place of the project's selection, in one transaction. */
struct objects_change {
    const struct fence *fence;       /* of the project's task "incr" */
    const struct fence *child_fence; /* of the sub-project's; NULL: nothing joins */
    uint64_t record;                 /* number of the modify record */
    const unsigned *gone;            /* numbers of tables that leave */
    size_t gone_count;
    struct json_object *facts; /* of the source, with the databases of what joins; NULL: as is */
};
/*
 * control_change() - tables of the sub-project become the project's, or tables leave it
 *
 * Errors: ERR_EPOCH_STALE, of either task.
 */
int control_change(struct conn *c, const struct objects_change *what, struct err *err);

#endif
