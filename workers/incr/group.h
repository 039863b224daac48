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
#include "workers/mysql/ddl/statement.h"
#include "workers/relay/segment.h"

struct group_info {
    uint64_t seq;
    struct binlog_pos start; /* of its first event */
    struct gtid gtid;
    bool has_gtid;
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
    const char *sql;
    size_t sql_len;
    const struct event_query *query; /* the session it ran in */
    int64_t ts;                      /* Unix seconds */
    struct binlog_pos pos;           /* of the event */
    struct binlog_pos start; /* of the group: where reading goes on after a person has acted */
};

/* Each returns 0 or -1; begin may return 1: this group is not wanted, only its end is called. */
struct group_ops {
    int (*begin)(void *ctx, const struct group_info *g, struct err *err);
    int (*rows)(void *ctx, const struct group_row_event *e, struct err *err);
    int (*savepoint)(void *ctx, enum statement_kind kind, const char *name, struct err *err);
    int (*statement)(void *ctx, const struct group_statement *s, struct err *err);
    /* `end`: where the next group may begin. `ts`: Unix seconds at the source. */
    int (*end)(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err);
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
 * ERR_BINLOG_STATEMENT for changes logged as statements; ERR_NOT_SUPPORTED for XA in scope.
 */
int group_feed(struct group *g, const struct record *r, struct err *err);
bool group_open(const struct group *g);    /* within a transaction */
uint64_t group_seq(const struct group *g); /* of the group that is open, or of the last one */
const struct binlog_format *group_format(const struct group *g);

#endif
