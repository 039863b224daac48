#include "workers/incr/drain.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/session.h"

#include "base/banned.h"

void drain_ask(struct drain *d, struct json_object *request)
{
    const char *file = json_get_str(request, "file", "");
    int64_t pos = json_get_i64(request, "pos", -1);

    if (*file == '\0' || pos < 0)
        return;
    d->to = (struct binlog_pos){ .offset = (uint64_t)pos };
    (void)snprintf(d->to.file, sizeof(d->to.file), "%s", file);
    d->wanted = true;
}

static void answer(struct session *s)
{
    struct drain *d = &s->sync->drain;
    struct json_object *o = json_object_new_object(), *applied = json_object_new_object();

    json_add_str(o, "t", "drained");
    json_add_str(o, "file", d->to.file);
    json_add_u64(o, "pos", d->to.offset);
    json_add_str(applied, "file", s->cp.pos.file);
    json_add_u64(applied, "pos", s->cp.pos.offset);
    json_add_u64(applied, "seq", s->cp.seq);
    json_add_str(applied, "gtid", s->cp.gtid_set);
    json_add(o, "applied", applied);
    report_message(s->sync->w->report, o);
    log_info("incr", "drained", "to=%s:%" PRIu64 " applied=%s:%" PRIu64, d->to.file, d->to.offset,
             s->cp.pos.file, s->cp.pos.offset);
    d->wanted = false;
}

int drain_tick(struct session *s, struct err *err)
{
    struct drain *d = &s->sync->drain;
    _cleanup_(json_putp)
    struct json_object *request = report_take_drain(s->sync->w->report);
    struct binlog_pos read;

    if (request != NULL)
        drain_ask(d, request);
    if (!d->wanted || s->group == NULL)
        return 0;
    d->to.era = s->cp.pos.era; /* the request knows of no other server than the present one */
    read = session_read(s);
    if (group_open(s->group) || !pool_idle(s->pool) || binlog_pos_cmp(&read, &d->to) < 0)
        return 0;
    FAULT("incr.drain.before");
    if (session_checkpoint(s, err) < 0)
        return -1;
    answer(s);
    FAULT("incr.drain.after");
    return 0;
}
