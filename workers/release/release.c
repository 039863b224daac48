/*
 * Releases a project: its rows in the target's control schema and its relay files go. Started when
 * all its other workers have ended.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/log.h"
#include "workers/mysql/control.h"
#include "workers/worker.h"

#include "base/banned.h"

enum {
    RETRY_MINUTES = 1, /* a person waits for it; the daemon starts it again on request */
    PAUSE_MS = 1000,
};

static int release_once(struct worker *w, struct err *err)
{
    const struct task *t = w->task;
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    int rc = conn_open_retry(&t->ends[END_SINK], NULL, w->report, RETRY_MINUTES, &c, err);

    if (rc != 0)
        return rc;
    return control_release(c, t->control_schema, t->project_id, err);
}

static int remove_relay(const struct task *t, struct err *err)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/relay", t->data_dir) >= (int)sizeof(path))
        return err_set(err, ERR_IO, "the path of the project's data is too long");
    return fs_remove_tree(path, err);
}

int release_run(struct worker *w, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)RETRY_MINUTES * 60 * 1000;
    int rc;

    while ((rc = release_once(w, err)) < 0) {
        if (!err_retryable(err) || clock_mono_ms() >= until)
            return -1;
        report_error(w->report, err, true);
        if (report_sleep(w->report, PAUSE_MS))
            return STAGE_STOPPED;
        err_reset(err);
    }
    if (rc != 0)
        return rc;
    FAULT("release.rows.after");
    if (remove_relay(w->task, err) < 0)
        return -1;
    log_info("release", "released", "schema=%s", w->task->control_schema);
    return STAGE_DONE;
}
