/*
 * A light reader of a binlog: only which tables each transaction's row events are of. It knows
 * nothing of a catalog and applies nothing.
 */
#ifndef WORKERS_MYSQL_BINLOG_PEEK_H
#define WORKERS_MYSQL_BINLOG_PEEK_H

#include "base/err.h"
#include "workers/mysql/binlog/rows.h"

struct peek;

struct peek_row {
    bool first; /* the first row event of its transaction */
    const struct table_map *map;
    const struct event *event;
    const struct binlog_format *format;
};

int peek_new(int (*fn)(void *ctx, const struct peek_row *r, struct err *err), void *ctx,
             struct peek **ret, struct err *err);
void peek_free(struct peek *p);
DEFINE_CLEANUP(struct peek, peek_free)
/* peek_event(): one raw event. Errors: the decoder's, the callback's. */
int peek_event(struct peek *p, const void *data, size_t len, struct err *err);
/*
 * peek_may_skip(): may an event of this type inside a transaction be left out, by a reader who has
 * seen what it wants of that? Row events and what belongs to them: they end nothing.
 */
bool peek_may_skip(unsigned type);
/* peek_inside(): a row event of the present transaction has been seen, its end has not. */
bool peek_inside(const struct peek *p);

#endif
