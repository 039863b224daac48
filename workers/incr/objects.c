#include "workers/incr/objects.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/session.h"
#include "workers/mysql/control_objects.h"

#include "base/banned.h"

enum { FORK_AGAIN_MS = 1000 };

void objects_ask(struct objects_ask *o, struct json_object *request)
{
    if (request == NULL)
        return;
    (void)snprintf(o->fork, sizeof(o->fork), "%s", json_get_str(request, "fork", ""));
    o->fork_at = 0;
    o->hold = json_get_bool(request, "hold", false);
    o->until = (uint64_t)MAX(json_get_i64(request, "until", 0), (int64_t)0);
    o->told = false; /* whoever asks again has not heard it */
}

/* Lanes may have applied transactions beyond the checkpoint: a place with no gap is behind them. */
static uint64_t least(const struct session *s)
{
    const struct applied *a = &s->applied;
    uint64_t last = a->count > 0 ? a->numbers[a->count - 1] : 0;

    return MAX(MAX(s->base_lwm, last), s->sync->objects.hold ? s->sync->objects.until : 0);
}

static bool wants_fork(const struct session *s)
{
    return s->sync->objects.fork[0] != '\0' && clock_mono_ms() >= s->sync->objects.fork_at;
}

static int fork_child(struct session *s, struct err *err)
{
    struct objects_ask *o = &s->sync->objects;
    int got = control_fork(s->conn, &s->fence, o->fork, s->sync->w->task->do_full, err);

    if (got < 0)
        return -1;
    if (got == 0) {
        o->fork_at = clock_mono_ms() + FORK_AGAIN_MS;
        return 0;
    }
    log_info("incr", "forked", "child=%s seq=%" PRIu64 " pos=%s:%" PRIu64, o->fork, s->cp.seq,
             s->cp.pos.file, s->cp.pos.offset);
    o->fork[0] = '\0';
    return 0;
}

static void tell_held(struct session *s)
{
    struct objects_ask *o = &s->sync->objects;
    struct json_object *m;

    if (o->told && o->told_seq == s->cp.seq)
        return;
    m = json_object_new_object();
    json_add_str(m, "t", "held");
    json_add_u64(m, "seq", s->cp.seq);
    json_add_str(m, "file", s->cp.pos.file);
    json_add_u64(m, "pos", s->cp.pos.offset);
    report_message(s->sync->w->report, m);
    o->told = true;
    o->told_seq = s->cp.seq;
    log_info("incr", "held", "seq=%" PRIu64 " pos=%s:%" PRIu64, s->cp.seq, s->cp.pos.file,
             s->cp.pos.offset);
}

int objects_step(struct session *s, struct err *err)
{
    struct objects_ask *o = &s->sync->objects;
    _cleanup_(json_putp)
    struct json_object *request = report_take_objects(s->sync->w->report);

    objects_ask(o, request);
    if ((!o->hold && !wants_fork(s)) || group_open(s->group) || group_seq(s->group) < least(s))
        return 0;
    if (!pool_idle(s->pool))
        return 1;
    if (session_checkpoint(s, err) < 0)
        return -1;
    if (s->cp.seq != group_seq(s->group))
        return 1; /* its end comes with the next account */
    /* what a sub-project has met goes with its rows in the control schema: the daemon has it first
     */
    if (o->hold && json_get(s->sync->w->task->doc, "joins") != NULL && s->sync->conflicts.more)
        return 1;
    FAULT("incr.objects.held");
    if (wants_fork(s) && fork_child(s, err) < 0)
        return -1;
    if (o->hold)
        tell_held(s);
    return o->hold;
}

int objects_ready(struct session *s, struct err *err)
{
    const char *parent = json_get_str(json_get(s->sync->w->task->doc, "joins"), "projectId", "");
    const struct binlog_pos *end = &s->changer.safe_end;
    struct checkpoint cp = { 0 };
    uint64_t theirs;
    int got;

    /* of a source that is idle nothing has been read: there the checkpoint tells */
    if (group_open(s->group) ||
        (s->changer.has_safe_end && binlog_pos_cmp(group_position(s->group), end) < 0 &&
         binlog_pos_cmp(&s->cp.pos, end) < 0))
        return 0;
    got = control_checkpoint_get(s->conn, s->fence.schema, parent, "incr", &cp, err);
    theirs = cp.seq;
    checkpoint_done(&cp);
    return got <= 0 ? got : s->cp.seq >= theirs;
}

int objects_check(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    int64_t given = json_get_i64(t->doc, "objectsRecord", -1);
    uint64_t there = 0;

    if (given < 0)
        return 0;
    if (control_objects_get(s->conn, t->control_schema, t->project_id, &there, err) < 0)
        return -1;
    if (there == (uint64_t)given)
        return 0;
    (void)err_set(err, ERR_FLOW,
                  "the objects of %s are those of modify record %" PRIu64
                  " at the target, and those of %" PRId64 " in the daemon's store",
                  t->project_id, there, given);
    return err_advise(err, "The data directory is of another time than the target: start the "
                           "daemon that ran last, or start the project anew.");
}
