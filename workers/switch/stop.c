/* From the user's word that writes have stopped to the end of forward synchronization. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/start/start_tables.h"
#include "workers/switch/switch_priv.h"

#include "base/banned.h"

enum { QUIET_DEFAULT_S = 5, QUIET_WITHIN_MS = 60000 };

/* ---------------------------------------------------------------------- writes have stopped */

/*
 * Not super_read_only: the reverse direction's account has to write there, and so has this worker.
 * Whoever may set read_only is not stopped by it; an account that can is looked for all the same.
 */
static int set_read_only(struct switcher *s, struct err *err)
{
    struct json_object *noted = json_get(s->doc, "readOnly");

    if (!json_get_bool(json_get(s->doc, "options"), "setReadOnly", false) ||
        json_get_bool(noted, "before", false))
        return 0;
    FAULT("switch.read_only.before");
    if (conn_execf(s->ends[END_SOURCE], err, "SET GLOBAL read_only = ON") < 0) {
        if (conn_lost(err))
            return -1;
        return err_advise(err, "Grant the source's account what SET GLOBAL read_only needs (SUPER; "
                               "MariaDB: READ ONLY ADMIN; MySQL 8 and later: "
                               "SYSTEM_VARIABLES_ADMIN and CONNECTION_ADMIN), or stop the writes "
                               "yourself and leave setReadOnly out.");
    }
    FAULT("switch.read_only.after");
    return 0;
}

static int wrote(struct err *err, const struct scan_found *f)
{
    (void)err_set(err, ERR_SWITCHOVER,
                  "%" PRIu64 " transactions on the project's objects were written at the source "
                  "after that, the first on %s at %s:%" PRIu64,
                  f->transactions, f->object, f->first.file, f->first.offset);
    return err_advise(err, "Stop all writers of the source, then AdvanceProject again.");
}

static int quiet_seconds(const struct switcher *s)
{
    return (int)json_get_i64(json_get(s->doc, "options"), "quietSeconds", QUIET_DEFAULT_S);
}

/* One look: nothing in scope from now on for so many seconds. *ret_from: where it began. */
static int look(struct switcher *s, struct server_position *ret_from, struct scan_found *found,
                struct err *err)
{
    struct server_position to;
    int got;

    if (switch_position(s, END_SOURCE, ret_from, err) < 0)
        return -1;
    if (report_sleep(s->w->report, quiet_seconds(s) * 1000))
        return STAGE_STOPPED;
    if (switch_position(s, END_SOURCE, &to, err) < 0)
        return -1;
    got = switch_scan(s, END_SOURCE, &ret_from->pos, &to.pos, found, err);
    server_position_done(&to);
    return got;
}

int switch_stop_writes(struct switcher *s, struct err *err)
{
    int64_t until = clock_mono_ms() + QUIET_WITHIN_MS;

    if (set_read_only(s, err) < 0)
        return -1;
    for (;;) {
        struct server_position from = { 0 };
        struct scan_found found;
        int got = look(s, &from, &found, err);

        if (got == 0 && found.transactions == 0)
            switch_say(s, true, NULL, switch_position_json(&from),
                       "nothing in scope was written at the source for %d s", quiet_seconds(s));
        server_position_done(&from);
        if (got != 0 || found.transactions == 0)
            return got;
        if (clock_mono_ms() > until)
            return wrote(err, &found);
        switch_say(s, false, NULL, NULL,
                   "the source is still written: %" PRIu64 " transactions within %d s, the first "
                   "on %s",
                   found.transactions, quiet_seconds(s), found.object);
    }
}

int switch_drain(struct switcher *s, struct err *err)
{
    struct server_position to = { 0 };
    struct scan_found found = { 0 };
    struct binlog_pos from;
    int got = -1;

    if (!switch_noted(s, "quiet", &from))
        return err_set(err, ERR_SWITCHOVER, "nobody has looked whether the source is quiet");
    if (switch_position(s, END_SOURCE, &to, err) == 0)
        got = switch_scan(s, END_SOURCE, &from, &to.pos, &found, err);
    if (got == 0 && found.transactions > 0)
        got = wrote(err, &found);
    if (got == 0)
        switch_say(s, true, NULL, switch_position_json(&to),
                   "forward synchronization goes up to the source's %s:%" PRIu64, to.pos.file,
                   to.pos.offset);
    server_position_done(&to);
    return got;
}

/* ---------------------------------------------------------------------- the way back begins */

static int check_same_server(struct switcher *s, const struct server_position *at, struct err *err)
{
    struct checkpoint cp = { 0 };
    int got = control_checkpoint_get(s->ends[END_SOURCE], s->task->control_schema, s->reverse_id,
                                     "incr", &cp, err);

    if (got == 0)
        got = err_set(err, ERR_CONTROL_SCHEMA,
                      "the pull of the target's log has not noted where it began");
    else if (got > 0 && (strcmp(cp.source_uuid, at->uuid) != 0 || cp.pos.era != 0))
        got = err_set(err, ERR_SOURCE_CHANGED,
                      "the target is another server than when the pull of its log began");
    checkpoint_done(&cp);
    return got < 0 ? err_advise(err, "AbortSwitchover, then start it anew.") : 0;
}

/* Tables as they are now: whatever comes later is in the target's log behind the position. */
static int note_tables(struct switcher *s, const struct fence *f, struct err *err)
{
    struct conn *source = s->ends[END_SOURCE], *sink = s->ends[END_SINK];
    const struct dialect *d = &s->dialects[END_SINK];
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(json_putp)
    struct json_object *facts = NULL;

    if (start_read_tables(sink, d, s->scopes[END_SINK], &cat, &facts, err) < 0 ||
        control_schema_forget(source, f, s->reverse_id, err) < 0)
        return -1;
    FAULT("switch.tables.between");
    return control_facts_put(source, f, facts, err) < 0 ? -1
                                                        : control_schema_put(source, f, cat, err);
}

static int note_reverse_start(struct switcher *s, const struct server_position *at, struct err *err)
{
    struct conn *source = s->ends[END_SOURCE];
    struct checkpoint cp = { .pos = at->pos, .gtid_set = at->gtids, .source_ts = clock_now_s() };
    struct fence f = { 0 };

    if (check_same_server(s, at, err) < 0 ||
        control_take_epoch(source, s->task->control_schema, s->reverse_id, "incr", 1, &f, err) <
            0 ||
        note_tables(s, &f, err) < 0)
        return -1;
    (void)snprintf(cp.source_uuid, sizeof(cp.source_uuid), "%s", at->uuid);
    FAULT("switch.start.before");
    return control_checkpoint_put(source, &f, 0, &cp, err);
}

/* ---------------------------------------------------------------------- forward ends */

/* Whatever is in the source's log behind the checkpoint is not at the target, and never will be. */
static int check_nothing_left(struct switcher *s, struct server_position *ret, struct err *err)
{
    struct scan_found found;

    if (switch_position(s, END_SOURCE, ret, err) < 0 ||
        switch_scan(s, END_SOURCE, NULL, &ret->pos, &found, err) < 0)
        return -1;
    return found.transactions > 0 ? wrote(err, &found) : 0;
}

static int stop_forward(struct switcher *s, struct server_position *source,
                        struct server_position *target, struct err *err)
{
    struct fence f = { 0 };

    if (control_take_epoch(s->ends[END_SINK], s->task->control_schema, s->task->project_id, "incr",
                           1, &f, err) < 0)
        return -1;
    FAULT("switch.fence.after");
    if (check_nothing_left(s, source, err) < 0 || switch_position(s, END_SINK, target, err) < 0 ||
        note_reverse_start(s, target, err) < 0)
        return -1;
    FAULT("switch.stop.noted");
    return 0;
}

int switch_stop_forward(struct switcher *s, struct err *err)
{
    struct server_position source = { 0 }, target = { 0 };
    int got = stop_forward(s, &source, &target, err);

    if (got == 0) {
        struct json_object *detail = json_object_new_object();
        json_add(detail, "source", switch_position_json(&source));
        json_add(detail, "target", switch_position_json(&target));
        switch_say(s, true, detail, switch_position_json(&target),
                   "Forward synchronization is stopped at the source's %s:%" PRIu64
                   ". Writers may begin at the target now: what is written behind its %s:%" PRIu64
                   " is brought to the source by the reverse synchronization.",
                   source.pos.file, source.pos.offset, target.pos.file, target.pos.offset);
    }
    server_position_done(&source);
    server_position_done(&target);
    return got;
}
