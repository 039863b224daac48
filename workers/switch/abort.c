/* Back to forward synchronization: what was made at the source goes. */
#include <inttypes.h>

#include "base/fault.h"
#include "base/json.h"
#include "workers/switch/switch_priv.h"

#include "base/banned.h"

int switch_abort_check(struct switcher *s, struct err *err)
{
    struct server_position now = { 0 };
    struct scan_found found = { 0 };
    struct binlog_pos from;
    int got;

    if (!switch_noted(s, "target", &from)) {
        switch_say(s, true, NULL, NULL, "%s", "");
        return 0;
    }
    if (switch_position(s, END_SINK, &now, err) < 0)
        return -1;
    got = switch_scan(s, END_SINK, &from, &now.pos, &found, err);
    if (got == 0 && found.transactions > 0)
        switch_say(s, true, NULL, NULL,
                   "%" PRIu64 " transactions were written at the target by others since forward "
                   "synchronization was stopped, the first on %s at %s:%" PRIu64 ", the last at "
                   "%s:%" PRIu64 ". They stay there and are not brought to the source: look at "
                   "them before you go on, they may conflict with what comes from the source.",
                   found.transactions, found.object, found.first.file, found.first.offset,
                   found.last.file, found.last.offset);
    else if (got == 0)
        switch_say(s, true, NULL, NULL, "%s", "");
    server_position_done(&now);
    return got;
}

int switch_abort(struct switcher *s, struct err *err)
{
    struct json_object *noted = json_get(s->doc, "readOnly");
    bool ours = json_get_bool(noted, "asked", false) && !json_get_bool(noted, "before", false);

    if (ours && conn_execf(s->ends[END_SOURCE], err, "SET GLOBAL read_only = OFF") < 0)
        return -1;
    FAULT("switch.abort.between");
    if (control_release(s->ends[END_SOURCE], s->task->control_schema, s->reverse_id, err) < 0)
        return -1;
    FAULT("switch.abort.after");
    switch_say(s, true, NULL, NULL, "%s",
               ours ? "read_only at the source is undone, the reverse direction's rows are removed"
                    : "the reverse direction's rows at the source are removed");
    return 0;
}
