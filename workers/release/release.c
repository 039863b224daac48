/*
 * Releases a project: its rows in the target's control schema and its relay files go. Started when
 * all its other workers have ended.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/control.h"
#include "workers/worker.h"

#include "base/banned.h"

enum {
    RETRY_MINUTES = 1, /* a person waits for it; the daemon starts it again on request */
    PAUSE_MS = 1000,
};

/*
 * The probes of the loop breaker, at the source. A source that can't be reached any more keeps a
 * few rows: no reason to keep the project.
 */
static void release_probes(struct worker *w)
{
    const struct task *t = w->task;
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct err left = { 0 };

    if (!t->two_way && !json_get_bool(json_get(t->doc, "flags"), "reverse", false))
        return;
    if (conn_open(&t->ends[END_SOURCE], NULL, &c, &left) < 0 ||
        control_release(c, t->control_schema, t->project_id, &left) < 0) {
        log_err(LOG_WARN, "release", "source_left", &left);
        report_event(w->report, "WARN", "source_left",
                     "rows of the project stay in %s at the source: %s", t->control_schema,
                     left.message);
    }
}

static int release_once(struct worker *w, struct err *err)
{
    const struct task *t = w->task;
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    int rc = conn_open_retry(&t->ends[END_SINK], NULL, w->report, RETRY_MINUTES, &c, err);

    if (rc != 0)
        return rc;
    if (control_release(c, t->control_schema, t->project_id, err) < 0)
        return -1;
    release_probes(w);
    return 0;
}

/* Of a project with a switchover: the rows of its reverse direction, at the source. */
static int release_reverse(struct worker *w, struct err *err)
{
    const struct task *t = w->task;
    const char *id = json_get_str(t->doc, "reverseProjectId", NULL);
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    int rc;

    if (id == NULL)
        return 0;
    rc = conn_open_retry(&t->ends[END_SOURCE], NULL, w->report, RETRY_MINUTES, &c, err);
    if (rc == 0 && json_get_bool(t->doc, "undoReadOnly", false))
        rc = conn_execf(c, err, "SET GLOBAL read_only = OFF");
    return rc != 0 ? rc : control_release(c, t->control_schema, id, err);
}

static int release_both(struct worker *w, struct err *err)
{
    int rc = release_once(w, err);

    return rc != 0 ? rc : release_reverse(w, err);
}

/* The relay, and the map of touched rows. */
static int remove_files(const struct task *t, struct err *err)
{
    static const char *const names[] = { "relay", "touched" };
    char path[4096];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", t->data_dir, names[i]) >= (int)sizeof(path))
            return err_set(err, ERR_IO, "the path of the project's data is too long");
        if (fs_remove_tree(path, err) < 0)
            return -1;
    }
    return 0;
}

int release_run(struct worker *w, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)RETRY_MINUTES * 60 * 1000;
    int rc;

    while ((rc = release_both(w, err)) < 0) {
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
    if (remove_files(w->task, err) < 0)
        return -1;
    log_info("release", "released", "schema=%s", w->task->control_schema);
    return STAGE_DONE;
}
