/*
 * The stream of one dump connection: raw events in, relay records out, positions checked. What
 * connects, retries and reports is relay.c.
 */
#ifndef WORKERS_RELAY_PULL_H
#define WORKERS_RELAY_PULL_H

#include "workers/mysql/binlog/event.h"
#include "workers/relay/segment.h"

struct pull {
    struct relay_writer *writer; /* borrowed */
    struct binlog_format format; /* of the events that come */
    struct binlog_pos pos;       /* of the next event at the source; file "": not known yet */
    struct binlog_pos from;      /* events before it were asked for only to get there: dropped */
    const struct gtid_set *have; /* transactions in it are dropped; borrowed, or NULL */
    struct binlog_pos dropping;  /* where the transaction being dropped begins; file "": none */
    struct relay_last proof;     /* len 0: seen, or not asked for */
    bool by_gtid;                /* the server leaves out what we have: gaps are no loss */
    bool skipping;               /* by_gtid: it is still on its way to the first that we lack */
    bool after_format;           /* the last event was a file's own FORMAT_DESCRIPTION */
    struct binlog_pos quiet_at;  /* where the last heartbeat said the source is */
    uint32_t last_timestamp;     /* of the last event stored, Unix s */
    bool live;                   /* an event or a heartbeat arrived on this connection */
};

enum pull_result { PULL_EVENT = 1, PULL_IDLE = 2 /* a heartbeat: we have everything */ };

/*
 * pull_start() - a new connection is about to be made
 *
 * @from     where we are; file "": nothing yet, the dump begins by GTIDs
 * @proof    an event before `from` in the same file that the source must send again, byte for byte,
 * before anything behind it is believed; NULL or len 0: none is known
 * @ret_ask  where the dump is to begin: at `proof`, else `from`, or the file's beginning where the
 * protocol's 32 bits can't express it
 */
void pull_start(struct pull *p, const struct binlog_pos *from, const struct relay_last *proof,
                struct binlog_pos *ret_ask);
/* pull_proven(): what the source sent so far is what it sent before. */
bool pull_proven(const struct pull *p);
/* pull_resume(): where a new connection has to go on. */
struct binlog_pos pull_resume(const struct pull *p);
/*
 * pull_event() - one raw event
 *
 * Returns PULL_EVENT, PULL_IDLE or -1. On ERR_RELAY_FULL nothing was taken: call again with the
 * same event when there is room. ERR_BINLOG_MALFORMED when the event is not the one that follows,
 * ERR_BINLOG_RESET when it is not what the source had at this place before.
 */
int pull_event(struct pull *p, const void *data, size_t len, struct err *err);

#endif
