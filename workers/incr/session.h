/*
 * One session of the incremental worker: from reading the lane rows to the first error that ends a
 * connection. A crash, a lost connection and a restart are the same case: a new session. Shared by
 * session.c (open, loop, checkpoint), feed.c (what the reader calls back) and stats.c (reports).
 */
#ifndef WORKERS_INCR_SESSION_H
#define WORKERS_INCR_SESSION_H

#include "workers/incr/applied.h"
#include "workers/incr/change.h"
#include "workers/incr/conflict.h"
#include "workers/incr/ddl_outcome.h"
#include "workers/incr/depend.h"
#include "workers/incr/drain.h"
#include "workers/incr/group.h"
#include "workers/incr/lane.h"
#include "workers/incr/objects.h"
#include "workers/incr/pair.h"
#include "workers/incr/plan.h"
#include "workers/incr/rogue.h"
#include "workers/incr/unsettled.h"
#include "workers/incr/witness.h"
#include "workers/incr/xa.h"
#include "workers/scope.h"
#include "workers/worker.h"

enum {
    TXN_BYTES_MAX = 4 * 1024 * 1024, /* larger ones, or with more rows, are streamed */
    TXN_ROWS_MAX = 5000,
    BIG_FLUSH_BYTES = 512 * 1024,
    WAIT_MS = 100,
};

/* What outlives a session. */
struct sync {
    struct worker *w;
    struct scope *scope;
    struct throttle *throttle;
    struct dialect source;
    unsigned lanes;
    bool ready_told, no_map_told;
    struct pair *pair;
    struct rogues *rogues; /* NULL: two-way, or not wanted */
    struct drain drain;
    struct objects_ask objects;
    struct conflicts conflicts;
    uint64_t careful_seq; /* this group met a conflict while it was streamed: row by row; 0: none */
    struct fence last;    /* of this process's last session; epoch 0: none yet */
};

struct session {
    struct sync *sync;
    struct conn *conn; /* the coordinator's */
    struct conn *lane_conns[LANES_MAX];
    struct dialect sink;
    size_t packet_max;
    struct fence fence;
    struct catalog *catalog;
    struct plans *plans;
    struct depend *depend;
    struct pool *pool;
    struct group *group;
    struct relay_reader *reader;
    struct filter *filter;
    struct changer changer;
    struct witness witness;
    struct facts *facts;
    struct map *collations; /* names of the target's, lower case */
    struct map *overrides;  /* collationMapping */
    struct ddl_shadow *shadows;
    size_t shadow_count;
    struct ddl_rules ddl_rules;
    unsigned next_table;     /* number for a table that joins */
    uint64_t ddl_seq;        /* of the last group with a DDL … */
    unsigned ddl_statements; /* … and how many it had so far */

    struct checkpoint cp; /* of what is applied now; stored_seq: the one in the control schema */
    uint64_t stored_seq;
    struct gtid_set *gtids; /* of cp; NULL without */
    uint64_t base_lwm;
    struct resolve_options resolve;
    struct unsettled *unsettled; /* two-way only */
    struct applied applied;      /* beyond base_lwm, all lanes together, as found at the start */
    int64_t checkpoint_at, report_at, drain_at; /* monotonic ms: when next */

    struct group_info info; /* of the open group */
    bool wanted;            /* it is not applied yet */
    const char *path;       /* that its mark at the target has: the pair's; NULL: fence.origin */
    struct txn *txn;        /* NULL: nothing for the target so far */
    struct bundle *big;     /* being streamed over lane 0 */
    size_t big_rows, big_bytes;
    bool big_mixed; /* it holds rows that a rollback does not take back */
    struct xa xa;
    struct pair *pair; /* the sync's */

    int64_t applied_us;       /* source time up to which all is applied */
    struct binlog_pos marked; /* the relay had all of the source up to here, and so have we read */
    uint64_t mark_seq;        /* a mark that waits for this number; 0: none */
    int64_t mark_us;
    int64_t first_us; /* of the session, for the percentage */
    bool at_end;      /* the reader has seen the end of the relay */
    struct pool_stats last_stats;
    int64_t last_stats_ms;
    int64_t started_ms;
};

/* session_run(): STAGE_STOPPED or -1. *ret_progress: it applied or passed something. */
int session_run(struct sync *y, bool *ret_progress, struct err *err);

/* session_tick(): whatever is due: account, checkpoint, report; ERR_CANCELLED when stopping. */
int session_tick(struct session *s, struct err *err);
/* session_wait_idle(): until every group given to the lanes is applied. */
int session_wait_idle(struct session *s, struct err *err);
int session_checkpoint(struct session *s, struct err *err);
/*
 * session_read() - everything of the source before it was read
 *
 * Of an idle source there is nothing to read: there the checkpoint tells, or a mark of the relay
 * (a server that is asked by GTID set passes over what we have, up to its end).
 */
struct binlog_pos session_read(const struct session *s);
/* session_checkpoint_text(): the GTID set into s->cp. */
int session_checkpoint_text(struct session *s, struct err *err);
/* session_rebuild(): the catalog as the outcome leaves it, and all that is made of it. Idle only.
 */
int session_rebuild(struct session *s, struct ddl_outcome *o, struct err *err);
/* session_explicit_timestamps(): explicit_defaults_for_timestamp as the statement had it. */
bool session_explicit_timestamps(const struct session *s, const struct group_statement *st);

/* era.c: the source has failed over: positions are the new server's from here on, and what is known
 * of the server is asked again. */
int era_begin(struct session *s, const struct record *r, struct err *err);
/* era_names_compare(): 0, or ERR_SOURCE_CHANGED: names mean other tables than they did. */
int era_names_compare(const struct session *s, struct err *err);

extern const struct group_ops feed_ops; /* ctx: struct session */
/* feed_big(): the transaction that is being read goes to the target alone, from now on. Idle only.
 */
int feed_big(struct session *s, struct err *err);
int feed_big_send(struct session *s, struct err *err); /* what has been read of it */
/*
 * feed_done() - what a group left open, after `err`
 *
 * A conflict in a large transaction: sync->careful_seq is set, and the next session resolves it.
 */
void feed_done(struct session *s, struct err *err);

void stats_mark(struct session *s, int64_t source_us);
void stats_applied(struct session *s, const struct group_end *g);
void stats_report(struct session *s);

#endif
