/* What the reader of transactions calls back: rows into statements, transactions to the lanes. */
#include "workers/incr/ddl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/log.h"
#include "workers/incr/remedy.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { SAVEPOINT_SQL_MAX = 2048 };

static int on_begin(void *ctx, const struct group_info *g, struct err *err)
{
    struct session *s = ctx;

    (void)err;
    s->info = *g;
    s->path = pair_local_path(s->pair);
    xa_done(&s->xa);
    s->wanted = g->seq > s->base_lwm && !applied_has(&s->applied, g->seq);
    return s->wanted ? 0 : 1;
}

/* Ours, of this end's other direction, or not to be carried: its end is passed all the same. */
static int on_origin(void *ctx, const struct group_info *g, struct err *err)
{
    struct session *s = ctx;
    int got = pair_origin(s->pair, g, &s->path, err);

    s->info = *g;
    return got < 0 ? -1 : got == 0;
}

static int need_txn(struct session *s, struct err *err)
{
    if (s->txn != NULL)
        return 0;
    s->txn = txn_new(s->info.seq, &s->info.start, MIN(s->packet_max / 4, (size_t)1024 * 1024));
    if (s->txn == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a transaction");
    s->txn->path = s->path;
    return 0;
}

/* ---- what the other direction tells of rows in conflict ---- */

/* True when this end has to write the row's state: it was not asked for, or changed since. */
static int state_wanted(struct session *s, struct remedy_ask *a, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf row = STRBUF(TXN_TEXT_MAX);
    struct dep_key k;

    if (remedy_place(a, &k, &row) < 0)
        return strbuf_check(&row, err);
    if (a->ack[0] != '\0' &&
        unsettled_answer(s->unsettled, &k, strbuf_str(&row), a->ack) != ANSWER_ASK_AGAIN)
        return 0;
    (void)snprintf(a->id, sizeof(a->id), "%" PRIu64 ".%zu", s->info.seq,
                   s->txn != NULL ? s->txn->ask_count : 0);
    if (unsettled_put(s->unsettled, &k, strbuf_str(&row), a->id) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a row in conflict");
    return 1;
}

static int on_remedy(struct session *s, const struct group_control *c, struct err *err)
{
    _cleanup_(remedy_ask_freep)
    struct remedy_ask *a = NULL;
    bool overwrites = s->resolve.strategy == STRATEGY_OVERWRITE;
    int got = remedy_parse(c, s->plans, s->resolve.project_id, s->resolve.peer_id, &a, err);

    if (got <= 0)
        return got;
    witness_key(&s->witness, a->plan, s->info.seq, a->key);
    if (overwrites != (a->kind == REMEDY_STATE))
        return 0; /* states are for who overwrites, notes for who does not */
    if (a->kind == REMEDY_NOTE && (got = state_wanted(s, a, err)) <= 0)
        return got;
    if (need_txn(s, err) < 0 || remedy_keys(s->txn, a, err) < 0)
        return -1;
    return txn_ask(s->txn, take_ptr(a), err);
}

static int on_control(void *ctx, const struct group_control *c, struct err *err)
{
    struct session *s = ctx;

    if (s->unsettled != NULL && s->wanted && strcmp(c->table, "cw_remedy") == 0)
        return on_remedy(s, c, err);
    return pair_control(s->pair, c, err);
}

/* ---- very large transactions ---- */

static bool careful(const struct session *s)
{
    return s->sync->careful_seq == s->info.seq;
}

static int big_send(struct session *s, size_t from, size_t to, struct err *err)
{
    if (careful(s))
        return resolve_rows(pool_resolver(s->pool), s->txn, from, to, err);
    to = MIN(to, s->txn->stmt_count);
    for (size_t i = from; i < to; i++)
        s->big_mixed |= !s->txn->stmts[i].own_tables;
    return bundle_add(s->big, s->txn, from, to, err);
}

static int big_savepoint(struct session *s, const char *verb, const char *name, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SAVEPOINT_SQL_MAX);

    strbuf_adds(&sql, verb);
    sql_name(&sql, name);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return bundle_text(s->big, strbuf_str(&sql), err);
}

static int big_flush(struct session *s, struct err *err)
{
    size_t bytes = s->txn->text.len, rows = s->txn->row_count;

    if (big_send(s, 0, SIZE_MAX, err) < 0 || bundle_flush(s->big, err) < 0)
        return -1;
    s->big_rows += rows;
    s->big_bytes += bytes;
    txn_forget(s->txn);
    FAULT("incr.big.mid");
    (void)throttle_take(s->sync->throttle, rows, bytes); /* the tick below sees the stop */
    return session_tick(s, err);
}

int feed_big_send(struct session *s, struct err *err)
{
    return big_send(s, 0, SIZE_MAX, err);
}

int feed_big(struct session *s, struct err *err)
{
    s->big_rows = s->big_bytes = 0;
    s->big_mixed = false;
    if (s->unsettled != NULL)
        unsettled_clear(s->unsettled); /* its keys are not kept */
    if (careful(s) && resolve_begin(pool_resolver(s->pool), err) < 0)
        return -1;
    s->txn->no_images = !careful(s) && !s->xa.open; /* those of XA are stored */
    if (pool_big_begin(s->pool, s->info.seq, s->path, &s->big, err) < 0)
        return -1;
    /* what looks at rows does so behind the mark */
    return careful(s) ? bundle_flush(s->big, err) : 0;
}

/* From here on it goes to the target as it is read, alone, within one transaction there. */
static int big_begin(struct session *s, struct err *err)
{
    size_t from = 0;

    if (session_wait_idle(s, err) < 0)
        return -1;
    log_info("incr", "large_transaction", "seq=%" PRIu64 " pos=%s:%" PRIu64, s->info.seq,
             s->info.start.file, s->info.start.offset);
    if (feed_big(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->txn->savepoint_count; i++) {
        const struct savepoint *sp = &s->txn->savepoints[i];
        if (big_send(s, from, MAX(from, sp->stmts), err) < 0 ||
            big_savepoint(s, "SAVEPOINT ", sp->name, err) < 0)
            return -1;
        from = MAX(from, sp->stmts);
    }
    if (big_send(s, from, SIZE_MAX, err) < 0 || bundle_flush(s->big, err) < 0)
        return -1;
    s->big_rows = s->txn->row_count;
    s->big_bytes = s->txn->text.len;
    txn_forget(s->txn);
    return 0;
}

static int big_end(struct session *s, bool commit, const struct group_end *g, struct err *err)
{
    struct bundle *b = s->big;
    size_t rows, bytes;

    if (!commit && s->big_mixed)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "a very large transaction with MyISAM tables was rolled back at the source");
    if (!commit) {
        bundle_rollback(b);
        pool_big_undone(s->pool, g->seq);
        s->big = NULL;
        s->big_rows = s->big_bytes = 0;
        return pool_pass(s->pool, g, err) < 0 ? -1 : 0;
    }
    if (big_flush(s, err) < 0 ||
        (careful(s) && resolve_end(pool_resolver(s->pool), s->txn, err) < 0) ||
        bundle_commit(b, err) < 0)
        return -1;
    if (careful(s))
        pool_count_conflicts(s->pool, resolve_counts(pool_resolver(s->pool)));
    rows = s->big_rows;
    bytes = s->big_bytes;
    s->big = NULL;
    s->big_rows = s->big_bytes = 0;
    return pool_big_done(s->pool, g, rows, bytes, err);
}

void feed_done(struct session *s, struct err *err)
{
    if (s->big != NULL) {
        bundle_rollback(s->big);
        if (careful(s))
            resolve_failed(pool_resolver(s->pool), err);
        else if (resolve_wanted(err))
            s->sync->careful_seq = s->info.seq;
    }
    s->big = NULL;
    txn_free(s->txn);
    s->txn = NULL;
    xa_done(&s->xa);
}

/* ---- rows ---- */

/* Tables without a key were read in one snapshot: what was logged before it is in the copy. */
static bool in_snapshot(const struct session *s, const struct group_row_event *e)
{
    return e->plan->skip_until.file[0] != '\0' &&
           binlog_pos_cmp(&s->info.start, &e->plan->skip_until) < 0;
}

static int on_rows(void *ctx, const struct group_row_event *e, struct err *err)
{
    struct session *s = ctx;

    /* whether an XA transaction is in the snapshot depends on where its commit is */
    if (!s->xa.open && in_snapshot(s, e)) {
        touch_row_mark(s->witness.map, e->plan->touch_table, s->info.seq);
        return 0;
    }
    if (need_txn(s, err) < 0)
        return -1;
    if (change_event(&s->changer, s->txn, e, err) < 0)
        return -1;
    if (s->xa.open)
        return xa_rows(s, err);
    if (s->big == NULL && (txn_bytes(s->txn) > TXN_BYTES_MAX || s->txn->row_count > TXN_ROWS_MAX))
        return big_begin(s, err);
    if (s->big != NULL && s->txn->text.len > BIG_FLUSH_BYTES)
        return big_flush(s, err);
    return 0;
}

static int big_rollback_to(struct session *s, const char *name, struct err *err)
{
    if (s->big_mixed)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "a very large transaction with MyISAM tables went back to a savepoint");
    return big_savepoint(s, "ROLLBACK TO SAVEPOINT ", name, err);
}

/*
 * Row binlogs hold savepoints only where the server could not cut its cache (tables that do not
 * roll back): then the rows after them were undone at the source, but for those tables'.
 */
static int on_savepoint(void *ctx, enum statement_kind kind, const char *name, struct err *err)
{
    struct session *s = ctx;

    if (kind == ST_RELEASE)
        return 0;
    if (need_txn(s, err) < 0)
        return -1;
    if (s->xa.open && s->big != NULL)
        return xa_savepoint(s, kind == ST_ROLLBACK_TO, name, err);
    if (s->big != NULL) {
        if (big_send(s, 0, SIZE_MAX, err) < 0 || bundle_flush(s->big, err) < 0)
            return -1;
        s->big_rows += s->txn->row_count;
        txn_forget(s->txn);
        return kind == ST_SAVEPOINT ? big_savepoint(s, "SAVEPOINT ", name, err)
                                    : big_rollback_to(s, name, err);
    }
    if (kind == ST_SAVEPOINT)
        return txn_savepoint(s->txn, name, err);
    if (txn_rollback_to(s->txn, name) == 0 && s->txn->stmt_count > 0)
        return err_set(err, ERR_BINLOG_EVENT, "ROLLBACK TO a savepoint that was not set: %.100s",
                       name);
    return 0;
}

/* ---- the end of a transaction ---- */

/* 0, or -1; waits for room. Takes *txn over when it is given. */
static int hand_over(struct session *s, struct txn **txn, const struct group_end *g,
                     struct err *err)
{
    for (;;) {
        int got = *txn != NULL ? pool_submit(s->pool, s->depend, *txn, g, err)
                               : pool_pass(s->pool, g, err);
        if (got == 1)
            *txn = NULL;
        if (got != 0)
            return got < 0 ? -1 : 0;
        s->drain_at = 0; /* what is applied makes room */
        if (session_tick(s, err) < 0)
            return -1;
        pool_wait(s->pool, WAIT_MS);
    }
}

static int on_end(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err)
{
    struct session *s = ctx;
    struct group_end g = { s->info.seq, *end, ts, s->info.gtid,
                           s->info.has_gtid && !group_abandoned(s->group) };

    if (s->big != NULL) {
        if (big_end(s, commit, &g, err) < 0)
            return -1;
        txn_free(s->txn);
        s->txn = NULL;
        return 0;
    }
    if (s->txn != NULL && !commit)
        txn_rollback(s->txn);
    if (s->unsettled != NULL && s->txn != NULL && s->txn->image_count > 0)
        unsettled_touch(s->unsettled, s->txn->keys, s->txn->key_count);
    if (s->txn != NULL && s->txn->stmt_count == 0 && s->txn->ask_count == 0) {
        txn_free(s->txn);
        s->txn = NULL;
    }
    return hand_over(s, &s->txn, &g, err);
}

/* ---- statements ---- */

static int on_dml(struct session *s, const struct group_statement *st, struct err *err)
{
    for (size_t i = 0; i < st->parsed->ref_count; i++) {
        const struct object_ref *r = &st->parsed->refs[i];
        if (plans_find(s->plans, r->db, r->name) != NULL)
            return err_set(err, ERR_BINLOG_STATEMENT,
                           "%s:%" PRIu64 ": a change of %s.%s was logged as a statement (%s)",
                           st->pos.file, st->pos.offset, r->db, r->name, st->parsed->verb);
    }
    return 0;
}

static int on_statement(void *ctx, const struct group_statement *st, struct err *err)
{
    struct session *s = ctx;

    switch (st->parsed->kind) {
    case ST_DDL:
    case ST_UNKNOWN:
        return ddl_seen(s, st, err);
    case ST_DML:
        return on_dml(s, st, err);
    case ST_EMPTY:
    case ST_HARMLESS:
    case ST_BEGIN:
    case ST_COMMIT:
    case ST_ROLLBACK:
    case ST_SAVEPOINT:
    case ST_ROLLBACK_TO:
    case ST_RELEASE:
    case ST_XA_START:
    case ST_XA_END:
    case ST_XA_PREPARE:
    case ST_XA_COMMIT:
    case ST_XA_ROLLBACK:
        return 0;
    }
    return 0;
}

const struct group_ops feed_ops = { on_begin, on_rows,  on_savepoint, on_statement,
                                    on_end,   xa_event, on_origin,    on_control };
