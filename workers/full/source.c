/*
 * One server is read, whatever address it has: rows of a second one would stand beside those of the
 * first, and positions in its binlog would be taken for the first one's (docs/positions.md).
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "workers/full/copy.h"
#include "workers/mysql/binlog/dump.h"

#include "base/banned.h"

/* Behind OceanBase's one address are many servers of one database. */
static bool has_identity(const struct copy *c)
{
    return c->src_dialect.flavour != FLAVOUR_OCEANBASE;
}

int copy_same_source(const struct copy *c, struct conn *source, struct err *err)
{
    char now[sizeof(c->source_uuid)];

    if (c->source_uuid[0] == '\0')
        return 0;
    if (dump_source_uuid(source, &c->src_dialect, now, err) < 0)
        return -1;
    if (strcmp(now, c->source_uuid) == 0)
        return 0;
    (void)err_set(err, ERR_SOURCE_CHANGED,
                  "the source is another server now (%s, it was %s), and the full copy has not "
                  "ended: it would read from both",
                  now, c->source_uuid);
    return err_advise(err, "%s",
                      c->w->task->do_incr
                          ? "Bring the old server back at this address and resume, or start the "
                            "project anew (docs/positions.md)."
                          : "Bring the old server back at this address and resume, or start the "
                            "project anew. Resumed here, the rest is read from the new one.");
}

int copy_source_is(struct copy *c, const char *uuid, struct conn *source, struct err *err)
{
    char now[sizeof(c->source_uuid)];

    if (!has_identity(c))
        return 0;
    if (uuid[0] != '\0') {
        (void)snprintf(c->source_uuid, sizeof(c->source_uuid), "%s", uuid);
        return copy_same_source(c, source, err);
    }
    if (dump_source_uuid(source, &c->src_dialect, now, err) < 0)
        return -1;
    memcpy(c->source_uuid, now, sizeof(now));
    return 0;
}
