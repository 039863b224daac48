/*
 * TRANSFER_APP_SWITCH: one phase of a switchover a start (docs/switchover.md). Each can be done
 * again: whoever is killed is started anew for the same phase.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/start/start_tables.h"
#include "workers/switch/switch_priv.h"

#include "base/banned.h"

enum { SCAN_PATIENCE_MS = 30000, PAUSE_MS = 1000, TRIES_MS = 60000 };

void switch_say(struct switcher *s, bool final, struct json_object *detail,
                struct json_object *position, const char *fmt, ...)
{
    struct json_object *o = json_object_new_object();
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_add_str(o, "t", "switch");
    json_add_str(o, "message", text);
    json_add_bool(o, "final", final);
    if (detail != NULL)
        json_add(o, "detail", detail);
    if (position != NULL)
        json_add(o, "position", position);
    report_message(s->w->report, o);
}

/* ---------------------------------------------------------------------- positions */

void server_position_done(struct server_position *p)
{
    free(p->gtids);
    p->gtids = NULL;
}

int switch_position(struct switcher *s, enum end end, struct server_position *ret, struct err *err)
{
    struct conn *c = s->ends[end];

    *ret = (struct server_position){ 0 };
    if (dump_source_uuid(c, &s->dialects[end], ret->uuid, err) < 0 ||
        dump_source_position(c, &s->dialects[end], &ret->pos, &ret->gtids, err) < 0)
        return err_wrap(err, "position of the %s", end_name(end));
    return 0;
}

struct json_object *switch_position_json(const struct server_position *p)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "file", p->pos.file);
    json_add_u64(o, "pos", p->pos.offset);
    json_add_str(o, "gtid", p->gtids);
    json_add_str(o, "server", p->uuid);
    return o;
}

bool switch_noted(const struct switcher *s, const char *which, struct binlog_pos *ret)
{
    struct json_object *o = json_get(json_get(s->doc, "positions"), which);
    const char *file = json_get_str(o, "file", "");

    *ret = (struct binlog_pos){ .offset = (uint64_t)json_get_i64(o, "pos", 0) };
    (void)snprintf(ret->file, sizeof(ret->file), "%s", file);
    return *file != '\0';
}

/* ---------------------------------------------------------------------- what was written */

/* Positions a server tells are of the era that its log pull is in, if it is the same server. */
static int settle_era(struct switcher *s, enum end end, struct scan *scan, struct err *err)
{
    struct checkpoint cp = { 0 };
    char uuid[64];
    int got =
        control_checkpoint_get(scan->control, scan->schema, scan->project_id, "incr", &cp, err);

    if (got == 0)
        got = err_set(err, ERR_CONTROL_SCHEMA, "the starting position of %s is not stored",
                      scan->project_id);
    if (got > 0)
        got = dump_source_uuid(s->ends[end], &s->dialects[end], uuid, err);
    if (got == 0 && strcmp(uuid, cp.source_uuid) != 0)
        got = err_set(err, ERR_SOURCE_CHANGED, "the %s is another server now", end_name(end));
    scan->to.era = scan->from.era = cp.pos.era;
    checkpoint_done(&cp);
    return got < 0 ? -1 : 0;
}

int switch_scan(struct switcher *s, enum end end, const struct binlog_pos *from,
                const struct binlog_pos *to, struct scan_found *ret, struct err *err)
{
    bool forward = end == END_SOURCE;
    struct scan scan = {
        .report = s->w->report,
        .data_dir = forward ? s->task->data_dir : s->reverse_dir,
        .control = s->ends[forward ? END_SINK : END_SOURCE],
        .schema = s->task->control_schema,
        .project_id = forward ? s->task->project_id : s->reverse_id,
        .scope = s->scopes[end],
        .to = *to,
        .local_only = !forward,
        .patience_ms = SCAN_PATIENCE_MS,
    };

    if (from != NULL)
        scan.from = *from;
    if (settle_era(s, end, &scan, err) < 0)
        return -1;
    return scan_run(&scan, ret, err);
}

/* ---------------------------------------------------------------------- the whole */

/* clang-format off */
static const struct {
    const char *phase;
    bool source_only; /* the other end may be gone */
    int (*run)(struct switcher *s, struct err *err);
} phases[] = {
    { "SWITCHOVER_PRECHECK",      false, switch_precheck },
    { "CONFIRM_SOURCE_STOPPED",   false, switch_stop_writes },
    { "CONFIRM_SAME_POSITION",    false, switch_drain },
    { "STOP_FORWARD_SYNC",        false, switch_stop_forward },
    { "PROCESS_DATABASE_OBJECTS", false, switch_objects },
    { "ABORT_CHECK",              false, switch_abort_check },
    { "ABORT",                    true,  switch_abort },
};
/* clang-format on */

static int open_end(struct switcher *s, enum end end, struct err *err)
{
    const struct task *t = s->task;
    int got = conn_open_retry(&t->ends[end], &(struct conn_options){ .found_rows = true },
                              s->w->report, t->retry_minutes, &s->ends[end], err);

    return got != 0 ? got : dialect_detect(s->ends[end], &s->dialects[end], err);
}

static int open_scope(struct switcher *s, enum end end, struct json_object *mapping,
                      struct err *err)
{
    return start_scope(s->task, mapping, &s->dialects[end], &s->scopes[end], err);
}

static int open_all(struct switcher *s, bool source_only, struct err *err)
{
    int got = open_end(s, END_SOURCE, err);

    if (got == 0 && !source_only)
        got = open_end(s, END_SINK, err);
    if (got != 0 || source_only)
        return got;
    if (open_scope(s, END_SOURCE, task_mapping(s->task), err) < 0)
        return -1;
    return open_scope(s, END_SINK, json_get(json_get(s->doc, "reverse"), "mapping"), err);
}

static void close_all(struct switcher *s)
{
    for (unsigned i = 0; i < END_MAX_; i++) {
        scope_free(s->scopes[i]);
        conn_close(s->ends[i]);
        s->scopes[i] = NULL;
        s->ends[i] = NULL;
    }
}

static int run_once(struct switcher *s, size_t phase, struct err *err)
{
    int got = open_all(s, phases[phase].source_only, err);

    if (got == 0)
        got = phases[phase].run(s, err);
    close_all(s);
    return got;
}

/* A lost connection or a relay that lags a little: again, from the beginning of the phase. */
static int run_phase(struct switcher *s, size_t phase, struct err *err)
{
    int64_t until = clock_mono_ms() + TRIES_MS;

    for (;;) {
        int got = run_once(s, phase, err);

        if (got >= 0)
            return got;
        if (report_stopping(s->w->report))
            return STAGE_STOPPED;
        if (!err_retryable(err) || clock_mono_ms() > until)
            return -1;
        report_error(s->w->report, err, true);
        err_reset(err);
        if (report_sleep(s->w->report, PAUSE_MS))
            return STAGE_STOPPED;
    }
}

int switch_run(struct worker *w, struct err *err)
{
    struct json_object *doc = json_get(w->task->doc, "switch");
    struct json_object *reverse = json_get(doc, "reverse");
    struct switcher s = { .w = w,
                          .task = w->task,
                          .doc = doc,
                          .reverse_id = json_get_str(reverse, "projectId", NULL),
                          .reverse_dir = json_get_str(reverse, "dataDir", NULL) };
    const char *phase = json_get_str(doc, "phase", "");

    if (s.reverse_id == NULL || s.reverse_dir == NULL)
        return err_set(err, ERR_CHANNEL, "the assignment of a switchover is incomplete");
    FAULT("switch.phase.start");
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
        if (strcmp(phases[i].phase, phase) == 0)
            return run_phase(&s, i, err);
    return err_set(err, ERR_CHANNEL, "a switchover has no phase %.40s", phase);
}
