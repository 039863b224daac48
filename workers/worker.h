/* What every stage is given, and what it returns. */
#ifndef WORKERS_WORKER_H
#define WORKERS_WORKER_H

#include "base/err.h"
#include "workers/report.h"
#include "workers/task.h"

struct worker {
    struct task *task;
    struct report *report;
};

enum { STAGE_DONE = 0, STAGE_STOPPED = 1 /* asked to stop */ }; /* or -1 with an error */

/* One function a kind of worker; main.c holds the table. */
int precheck_run(struct worker *w, struct err *err);
int schema_run(struct worker *w, struct err *err); /* STRUCT_TRANSFER */
int schema_finish_run(
    struct worker *w,
    struct err *err); /* INDEX_TRANSFER: deferred indexes, foreign keys, triggers */
int relay_run(struct worker *w, struct err *err);
int full_run(struct worker *w, struct err *err);
int incr_run(struct worker *w, struct err *err);
int switch_run(struct worker *w, struct err *err);  /* TRANSFER_APP_SWITCH: one phase of it */
int join_run(struct worker *w, struct err *err);    /* TRANSFER_PREPARE of a sub-project */
int change_run(struct worker *w, struct err *err);  /* another selection of a running project */
int verify_run(struct worker *w, struct err *err);  /* FULL_VERIFIER */
int mend_run(struct worker *w, struct err *err);    /* ApplyFullVerifyCorrections */
int watch_run(struct worker *w, struct err *err);   /* INCR_VERIFIER */
int release_run(struct worker *w, struct err *err); /* removes the project's rows and relay files */

#endif
