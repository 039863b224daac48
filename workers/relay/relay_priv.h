/* What the parts of the relay stage share: relay.c (the stream, the disk), follow.c (which server),
 * reset.c (a new position by a person's wish). */
#ifndef WORKERS_RELAY_RELAY_PRIV_H
#define WORKERS_RELAY_RELAY_PRIV_H

#include "workers/mysql/control.h"
#include "workers/mysql/dialect.h"
#include "workers/relay/keeper.h"
#include "workers/relay/pull.h"
#include "workers/relay/watch.h"
#include "workers/start/start.h"

enum { RELAY_PATH_MAX = 4096 };

struct relay {
    struct worker *w;
    const struct task *task;
    struct fence fence;
    struct checkpoint start; /* the incremental worker's checkpoint when we began */
    struct dialect dialect;  /* of the source */
    char dir[RELAY_PATH_MAX];
    struct relay_writer *writer;
    struct keeper *keeper;
    struct watch *watch;    /* NULL: could not be started */
    uint64_t max_bytes;     /* relayMaxBytes; 0: none */
    struct gtid_set *began; /* start.gtid_set; NULL: not known */
    struct gtid_set *have;  /* to be left out: `began`; in a later era, what was had at its begin */
    char uuid[64];          /* of the server that pull.pos belongs to */
    struct pull pull;
    int64_t skew_us; /* source's clock minus ours */
    int64_t kept_s;  /* storeLogKeptHour */
    int64_t next_tick_ms, next_purge_ms, heard_ms, tell_full_ms;
    uint64_t received, told_received; /* bytes of events; as of the last report */
    int64_t told_ms;
    int64_t caught_up_us; /* source's clock when we had everything; 0: never yet */
    bool ready;
    int checksum_errors, unproven_errors;
};

/* relay_note_catalog(): tables and facts of the source as they are now, unless they are stored. */
int relay_note_catalog(struct relay *r, struct conn *sink, struct conn *source, struct err *err);

/*
 * relay_turned() - the start of a reverse project that was noted when its forward one began
 *
 * Copies catalog and facts into the sink's control schema and gives the position. Errors: ERR_PAIR
 * when nothing was noted there.
 */
int relay_turned(struct relay *r, struct conn *sink, struct conn *source, struct err *err);

/* relay_follow_resume(): after the writer has been opened: where and at which server we were. */
int relay_follow_resume(struct relay *r, const struct binlog_pos *end, struct err *err);
/*
 * relay_follow() - is this connection's server the one we were at, or one to go on at? Then a new
 * era has begun, and pull.pos has no file: the dump begins by GTIDs
 *
 * Returns 0, STAGE_STOPPED, or -1 with source.h's errors; ERR_SOURCE_CHANGED where it can't be
 * gone on at another server.
 */
int relay_follow(struct relay *r, struct conn *source, struct err *err);

/*
 * relay_reset() - does what a ResetIncrStartTimestamp asked for, once; r->start is the checkpoint
 * as stored, and afterwards the new one
 *
 * Errors: ERR_POSITION_BACK, start_by_time()'s, the control schema's.
 */
int relay_reset(struct relay *r, struct conn *sink, struct conn *source, struct err *err);

/* relay_tell(): progress, metrics and position; once a second. tell.c */
void relay_tell(struct relay *r);

#endif
