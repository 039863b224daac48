/* Where a reverse project begins: noted by the forward one's incremental worker (incr/turn.c). */
#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/relay/relay_priv.h"

#include "base/banned.h"

static int nothing_noted(const struct relay *r, struct err *err)
{
    (void)err_set(err, ERR_PAIR,
                  "the forward project %s has not noted where its reverse is to begin",
                  r->task->forward_id);
    return err_advise(err, "Let its incremental step run until extraInfo.reverseStart is there, "
                           "or give this project's incrTransferConfig a startTimestamp.");
}

int relay_turned(struct relay *r, struct conn *sink, struct conn *source, struct err *err)
{
    const char *schema = r->task->control_schema;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(json_putp)
    struct json_object *facts = NULL;
    char id[ID_MAX + sizeof(CONTROL_TURN)];
    int got;

    (void)snprintf(id, sizeof(id), "%s" CONTROL_TURN, r->task->forward_id);
    got = control_checkpoint_get(source, schema, id, "incr", &r->start, err);
    if (got < 0 && err->code != ERR_TABLE_NOT_FOUND)
        return -1;
    if (got <= 0)
        return nothing_noted(r, err);
    if (control_schema_get(source, schema, id, &cat, err) != 1 ||
        control_facts_get(source, schema, id, &facts, err) != 1)
        return err->code != ERR_NONE ? -1 : nothing_noted(r, err);
    log_info("relay", "turned", "forward=%s file=%s pos=%" PRIu64 " tables=%zu",
             r->task->forward_id, r->start.pos.file, r->start.pos.offset, cat->count);
    FAULT("relay.start.before_schema");
    if (control_facts_put(sink, &r->fence, facts, err) < 0)
        return -1;
    return control_schema_put(sink, &r->fence, cat, err);
}
