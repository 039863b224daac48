/*
 * From relay records to source transactions ("event groups"): numbers them, keeps the table maps,
 * and calls back for what is inside. What it does not know and may not ignore is an error.
 *
 * Every group counts, in scope or not, so that the same bytes always give the same numbers: one per
 * GTID event, or, where there are none, per BEGIN or statement outside of a transaction.
 */
#ifndef WORKERS_INCR_GROUP_H
#define WORKERS_INCR_GROUP_H

#include "base/err.h"
#include "base/util.h"
#include "workers/incr/plan.h"
#include "workers/mysql/binlog/event.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/control.h"
#include "workers/mysql/ddl/statement.h"
#include "workers/mysql/facts.h"
#include "workers/relay/segment.h"

enum { MARK_TASK_MAX = 65 };

/* By its first row event: of cw_lane: an applied transaction, of cw_mask: not to be carried. */
enum group_origin { ORIGIN_LOCAL, ORIGIN_MARKED, ORIGIN_MASKED };

struct group_info {
    uint64_t seq;
    struct binlog_pos start; /* of its first event */
    struct gtid gtid;
    bool has_gtid;
    /* Known from the first row event on: group_ops.origin. */
    enum group_origin origin;
    char path[CONTROL_PATH_MAX];   /* MARKED: nodes it has passed; else "" */
    char mark_task[MARK_TASK_MAX]; /* MARKED: of whoever applied it there */
};

struct group_row_event {
    const struct event *event;
    const struct binlog_format *format;
    const struct table_map *map;
    struct table_plan *plan;
    struct binlog_pos pos; /* of the event */
};

struct group_statement {
    const struct statement *parsed;
    const char *sql; /* in UTF-8 */
    size_t sql_len;
    bool unreadable;                 /* … which it could not be brought to */
    const struct event_query *query; /* the session it ran in */
    const char *default_db;
    int64_t ts;              /* Unix seconds */
    struct binlog_pos pos;   /* of the event */
    struct binlog_pos start; /* of the group: where reading goes on after a person has acted */
    struct binlog_pos end;   /* behind the event */
    bool in_group;           /* more of its transaction follows */
};

/*
 * XA. A group with rows that is BEGUN ends as PREPARED (nobody knows yet whether they count) or as
 * ONE_PHASE (they do). COMMITTED and ROLLED_BACK are what a later group consists of.
 */
enum group_xa {
    GROUP_XA_BEGUN,
    GROUP_XA_PREPARED,
    GROUP_XA_ONE_PHASE,
    GROUP_XA_COMMITTED,
    GROUP_XA_ROLLED_BACK
};

/* A change of the control schema at the source, as columns in their order, raw bytes or numbers. */
struct group_control {
    const char *table; /* "cw_remedy", "cw_canary" */
    enum rows_kind kind;
    const struct value *values; /* the after image; of a DELETE the before image */
    size_t count;
    const struct group_info *info;
    struct binlog_pos pos; /* of the event */
};

/* Each returns 0 or -1; begin may return 1: this group is not wanted, only its end is called. */
struct group_ops {
    int (*begin)(void *ctx, const struct group_info *g, struct err *err);
    int (*rows)(void *ctx, const struct group_row_event *e, struct err *err);
    int (*savepoint)(void *ctx, enum statement_kind kind, const char *name, struct err *err);
    int (*statement)(void *ctx, const struct group_statement *s, struct err *err);
    /* `end`: where the next group may begin. `ts`: Unix seconds at the source. */
    int (*end)(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err);
    /* Right after begin, right before end. `xid`: as XA COMMIT in the binlog has it. */
    int (*xa)(void *ctx, enum group_xa what, const char *xid, struct err *err);
    /* Before the first rows(), at most once: may return 1: none of its rows are wanted. A group
     * without row events is ORIGIN_LOCAL and not told. NULL: all are wanted. */
    int (*origin)(void *ctx, const struct group_info *g, struct err *err);
    /* Rows of cw_remedy and cw_canary, whether the group's rows are wanted or not. NULL: ignored */
    int (*control)(void *ctx, const struct group_control *c, struct err *err);
};

struct group;

/* group_new(): `last_seq` is the number of the last group before the first record. Borrows the
 * rest. */
int group_new(const struct plans *plans, const struct group_ops *ops, void *ctx, uint64_t last_seq,
              struct group **ret, struct err *err);
void group_free(struct group *g);
DEFINE_CLEANUP(struct group, group_free)

/*
 * group_feed() - one RECORD_EVENT
 *
 * Errors: those of the decoder and of the callbacks; ERR_BINLOG_EVENT for what is not known;
 * ERR_BINLOG_STATEMENT for changes logged as statements.
 */
int group_feed(struct group *g, const struct record *r, struct err *err);
/*
 * group_era() - what follows comes from another server and begins at `start`
 *
 * A transaction that is open ends without a commit: the old server died in it, and the new one
 * sends it again as another one. So that the numbers stay the same it keeps its own.
 */
int group_era(struct group *g, const struct binlog_pos *start, struct err *err);
/* group_abandoned(): within ops->end: the source never ended it, its GTID was not used up. */
bool group_abandoned(const struct group *g);
bool group_open(const struct group *g); /* within a transaction */
/* group_position(): everything before it has been fed. */
const struct binlog_pos *group_position(const struct group *g);
/* group_fed(): the same within a call-back, too: before the event that is being fed. */
const struct binlog_pos *group_fed(const struct group *g);
uint64_t group_seq(const struct group *g); /* of the group that is open, or of the last one */
const struct binlog_format *group_format(const struct group *g);
/* group_set_plans(): other plans from now on; table maps come again with the next statement. */
void group_set_plans(struct group *g, const struct plans *plans);
/* group_set_facts(): character sets of statements are known by it; borrowed, may change. */
void group_set_facts(struct group *g, const struct facts *facts);
/* group_set_control(): the control schema's name; borrowed. NULL: no marks are read. */
void group_set_control(struct group *g, const char *schema);
/* group_version(): of the server that wrote what is read now; 0: not known. */
unsigned group_version(const struct group *g);

#endif
