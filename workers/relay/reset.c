/* ResetIncrStartTimestamp: the project goes on from a time, back or forward. docs/positions.md. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/catalog.h"
#include "workers/relay/relay_priv.h"

#include "base/banned.h"

/* How far the project has come. */
struct progress {
    struct checkpoint cp;
    uint64_t applied; /* the highest number that is at the target */
};

static int look(struct relay *r, struct conn *sink, struct fence *ret_fence, struct progress *ret,
                struct err *err)
{
    const struct task *t = r->task;
    struct binlog_pos copied = { 0 };
    int got;

    if (t->do_full) {
        got = control_copy_end_get(sink, t->control_schema, t->project_id, &copied, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_STATE,
                           "the position can't be reset before the full copy has ended");
    }
    /* nothing of the old state can be written any more, and what is read now stays */
    if (control_take_epoch(sink, t->control_schema, t->project_id, "incr", 1, ret_fence, err) < 0)
        return -1;
    if (control_last_applied(sink, t->control_schema, t->project_id, "incr", &ret->applied, err) <
        0)
        return -1;
    got = control_checkpoint_get(sink, t->control_schema, t->project_id, "incr", &ret->cp, err);
    return got < 0 ? -1 : 0;
}

/* Does `to` lie behind everything that is applied? */
static bool is_forward(const struct progress *p, const struct checkpoint *to)
{
    struct binlog_pos there = to->pos;

    if (p->applied > p->cp.seq)
        return false; /* more than the checkpoint tells */
    if (strcmp(p->cp.source_uuid, to->source_uuid) != 0 || p->cp.pos.file[0] == '\0')
        return to->source_ts > p->cp.source_ts;
    there.era = p->cp.pos.era;
    return binlog_pos_cmp(&p->cp.pos, &there) <= 0;
}

static int refuse_keyless(struct relay *r, struct conn *sink, struct err *err)
{
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    int got = control_schema_get(sink, r->task->control_schema, r->task->project_id, &cat, err);

    if (got <= 0)
        return got;
    for (size_t i = 0; i < cat->count; i++) {
        if (cat->tables[i]->key >= 0)
            continue;
        return err_set(err, ERR_POSITION_BACK,
                       "startTimestamp lies before what is applied, and %s.%s has no key: its rows "
                       "would be applied twice",
                       cat->tables[i]->db, cat->tables[i]->name);
    }
    return 0;
}

static void tell(struct relay *r, const struct progress *p, const struct checkpoint *to,
                 bool forward)
{
    char was[CLOCK_TEXT_LEN], now[CLOCK_TEXT_LEN];

    (void)clock_text(p->cp.source_ts, was);
    (void)clock_text(to->source_ts, now);
    if (forward)
        report_event(r->w->report, "WARN", "position_reset",
                     "goes on from %s UTC (%s:%" PRIu64 "): what the source wrote since %s UTC, "
                     "%" PRId64 " s, is left out; tables are read as they are defined now",
                     now, to->pos.file, to->pos.offset, was,
                     MAX(to->source_ts - p->cp.source_ts, (int64_t)0));
    else
        report_event(r->w->report, "WARN", "position_reset",
                     "goes back to %s UTC (%s:%" PRIu64 ") from %s UTC: what is applied again is "
                     "applied idempotently; tables are read as they are defined now",
                     now, to->pos.file, to->pos.offset, was);
}

static int find(struct relay *r, struct conn *source, int64_t since, const struct progress *p,
                struct checkpoint *ret, struct binlog_pos *ret_now, struct err *err)
{
    char *gtids = NULL;
    int got;

    if (dump_source_uuid(source, &r->dialect, ret->source_uuid, err) < 0 ||
        start_by_time(r->w, source, &r->dialect, since, ret, err) < 0)
        return -1;
    got = dump_source_position(source, &r->dialect, ret_now, &gtids, err);
    free(gtids);
    ret->seq = MAX(p->cp.seq, p->applied);
    /* an era of its own: everything stored before is before it, whichever way it goes */
    ret->pos.era = ret_now->era = p->cp.pos.era + 1;
    return got;
}

static int reset(struct relay *r, struct conn *sink, struct conn *source, const char *id,
                 struct checkpoint *to, struct progress *p, struct err *err)
{
    int64_t since = json_get_i64(r->task->doc, "resetStartTimestamp", 0);
    struct binlog_pos now = { 0 };
    struct fence incr;
    bool forward;

    if (look(r, sink, &incr, p, err) < 0 || find(r, source, since, p, to, &now, err) < 0)
        return -1;
    forward = is_forward(p, to);
    if (!forward && refuse_keyless(r, sink, err) < 0)
        return -1;
    FAULT("relay.reset.before_catalog");
    if (control_schema_forget(sink, &r->fence, r->task->project_id, err) < 0 ||
        relay_note_catalog(r, sink, source, err) < 0)
        return -1;
    FAULT("relay.reset.before");
    /* up to where the source is now, anything may be at the target already */
    if (control_reset_put(sink, &incr, id, to, &now, err) < 0)
        return -1;
    log_warn("relay", "position_reset", "id=%s file=%s pos=%" PRIu64 " era=%u seq=%" PRIu64, id,
             to->pos.file, to->pos.offset, to->pos.era, to->seq);
    tell(r, p, to, forward);
    return 0;
}

int relay_reset(struct relay *r, struct conn *sink, struct conn *source, struct err *err)
{
    const char *id = json_get_str(r->task->doc, "resetId", "");
    _cleanup_(checkpoint_done)
    struct checkpoint to = { 0 };
    struct progress p = { 0 };
    char done[CONTROL_RESET_ID_MAX];
    int got;

    if (id[0] == '\0')
        return 0;
    if (strlen(id) >= sizeof(done))
        return err_set(err, ERR_CHANNEL, "a reset's id of %zu bytes", strlen(id));
    got = control_reset_get(sink, r->task->control_schema, r->task->project_id, done, err);
    if (got < 0 || strcmp(id, done) == 0)
        return got < 0 ? -1 : 0;
    got = reset(r, sink, source, id, &to, &p, err);
    checkpoint_done(&p.cp);
    if (got < 0)
        return err_wrap(err, "ResetIncrStartTimestamp");
    checkpoint_done(&r->start);
    r->start = to;
    to = (struct checkpoint){ 0 };
    return 0;
}
