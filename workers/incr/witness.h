/*
 * What an incremental worker lets a verifying one know (workers/touch.h, docs/verification.md "The
 * witness"): each change of the source that it reads, how far it is, and holds that it keeps.
 * Only of the coordinator's thread.
 */
#ifndef WORKERS_INCR_WITNESS_H
#define WORKERS_INCR_WITNESS_H

#include "workers/incr/plan.h"
#include "workers/mysql/binlog/rows.h"
#include "workers/mysql/ddl/statement.h"
#include "workers/touch.h"

struct session;

struct witness {
    struct touch *map; /* NULL: it could not be made */
    bool cascades;     /* what foreign keys do to rows is not in the source's binlog */
    uint64_t held;     /* the hold that was told to stand; 0: none */
    struct binlog_pos held_at;
};

/* witness_begin(): a new map, of this session and era. That it can't be made is told, once. */
void witness_begin(struct session *s);
void witness_end(struct session *s);

/*
 * witness_row() - a row event's images, of a change in the transaction `seq`
 *
 * @before, @after  NULL: the row was not there
 */
void witness_row(const struct witness *w, struct table_plan *p, uint64_t seq,
                 const struct value *before, const struct value *after);
/* witness_key(): only that row: a remedy is about to write it. */
void witness_key(const struct witness *w, const struct table_plan *p, uint64_t seq,
                 const struct value *row);
/* witness_changed(): the same change, for whoever checks what changes; images that concern the
 * target. */
void witness_changed(const struct witness *w, const struct table_plan *p, uint64_t seq,
                     const struct value *before, const struct value *after);
/*
 * witness_hash() - what a row is known by: its table's names and its key
 *
 * @other  the other image of the change, for columns that this one lacks; NULL: none
 * False: the key is not in the images.
 */
bool witness_hash(const struct table_plan *p, const struct value *row, const struct value *other,
                  uint64_t *ret);
/* witness_ddl(): its tables; any, where it names none. */
void witness_ddl(const struct witness *w, uint64_t seq, const struct statement *st);

/* witness_tick(): how far the session is, after each account. */
void witness_tick(struct session *s);
/*
 * witness_step() - between two records: keeps the hold that is asked for, ends one that is not any
 * more
 *
 * Returns 1: nothing more is to be read for now, 0, or -1 with the control schema's errors.
 */
int witness_step(struct session *s, struct err *err);
/* witness_wait_ms(): how long a session with nothing to read may sleep. */
int witness_wait_ms(struct session *s);

#endif
