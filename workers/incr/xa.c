#include "workers/incr/xa.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/num.h"
#include "workers/incr/session.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    PART_BYTES = 256 * 1024, /* written as twice as many hexadecimal digits */
    FORMAT = 1,              /* of a record; raised when struct stmt's fields change */
    RECORD_FIXED = 31,       /* all but its length, names and text */
    RECORD_MAX = TXN_TEXT_MAX,
    FLAG_ANY_COUNT = 1,
    FLAG_FK_CHECKS = 2,
    FLAG_OWN_TABLES = 4,
};

static size_t part_bytes(const struct session *s)
{
    return MIN((size_t)PART_BYTES, s->packet_max / 4);
}

static void cw_xa(const struct session *s, struct strbuf *sql)
{
    sql_table(sql, s->sync->w->task->control_schema, "cw_xa");
}

static void where_xid(const struct session *s, const char *xid, struct strbuf *sql)
{
    strbuf_adds(sql, " WHERE project = ");
    sql_string(sql, s->sync->w->task->project_id);
    strbuf_adds(sql, " AND xid = ");
    sql_string(sql, xid);
}

/* ---- a statement as bytes ---- */

static void put(struct strbuf *b, size_t bytes, uint64_t v)
{
    for (size_t i = 0; i < bytes; i++)
        strbuf_addc(b, (char)(v >> (8 * i) & 0xff));
}

static void put_text(struct strbuf *b, const char *text)
{
    put(b, 2, strlen(text)); /* a name: 64 characters at most */
    strbuf_adds(b, text);
}

/*
 * u32 length of what follows, u8 FORMAT, u8 kind, u8 flags, u32 rows, u32 enum_zeros, u32 prefix,
 * u32 where, u64 position, database and table (u16 length and bytes each), the text.
 */
static void put_stmt(struct strbuf *b, const struct txn *t, const struct stmt *s)
{
    const struct table *table = s->plan->t;
    size_t body = RECORD_FIXED + strlen(table->db) + strlen(table->name) + s->len;

    put(b, 4, body);
    put(b, 1, FORMAT);
    put(b, 1, s->kind);
    put(b, 1,
        (s->any_count ? FLAG_ANY_COUNT : 0U) | (s->fk_checks ? FLAG_FK_CHECKS : 0U) |
            (s->own_tables ? FLAG_OWN_TABLES : 0U));
    put(b, 4, s->rows);
    put(b, 4, s->enum_zeros);
    put(b, 4, s->prefix_len);
    put(b, 4, s->where);
    put(b, 8, s->pos);
    put_text(b, table->db);
    put_text(b, table->name);
    strbuf_add(b, t->text.data + s->off, s->len);
}

static char *take_name(struct cursor *c)
{
    size_t len = (size_t)cursor_le(c, 2);
    const uint8_t *at = cursor_bytes(c, len);

    return at != NULL ? strndup((const char *)at, len) : NULL;
}

static bool in_snapshot(const struct session *s, const struct table_plan *p)
{
    return p->skip_until.file[0] != '\0' && binlog_pos_cmp(&s->info.start, &p->skip_until) < 0;
}

static int damaged(struct err *err)
{
    return err_set(err, ERR_CONTROL_SCHEMA, "damaged rows of an XA transaction (cw_xa)");
}

static int take_plan(struct session *s, struct cursor *c, const struct table_plan **ret,
                     struct err *err)
{
    _cleanup_(freep)
    char *db = take_name(c);
    _cleanup_(freep)
    char *name = take_name(c);

    if (db == NULL || name == NULL)
        return damaged(err);
    *ret = plans_find(s->plans, db, name);
    if (*ret == NULL)
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "%s.%s, which a prepared XA transaction has changed, is not in the project "
                       "any more",
                       db, name);
    return 0;
}

/* One record's body, into s->txn. */
static int take_stmt(struct session *s, const void *data, size_t len, struct err *err)
{
    struct cursor c = cursor_of(data, len);
    unsigned format = (unsigned)cursor_le(&c, 1), flags;
    struct stmt st = { .kind = (enum stmt_kind)cursor_le(&c, 1) };

    flags = (unsigned)cursor_le(&c, 1);
    st.any_count = (flags & FLAG_ANY_COUNT) != 0;
    st.fk_checks = (flags & FLAG_FK_CHECKS) != 0;
    st.own_tables = (flags & FLAG_OWN_TABLES) != 0;
    st.rows = (uint32_t)cursor_le(&c, 4);
    st.enum_zeros = (uint32_t)cursor_le(&c, 4);
    st.prefix_len = (size_t)cursor_le(&c, 4);
    st.where = (size_t)cursor_le(&c, 4);
    st.pos = cursor_le(&c, 8);
    if (format != FORMAT || st.kind > STMT_CHANGE || take_plan(s, &c, &st.plan, err) < 0)
        return err->code != ERR_NONE ? -1 : damaged(err);
    if (st.prefix_len > cursor_left(&c) || st.where > cursor_left(&c))
        return damaged(err);
    if (in_snapshot(s, st.plan))
        return 0;
    if (txn_stmt_begin(s->txn, &st, err) < 0)
        return -1;
    strbuf_add(&s->txn->text, c.p, cursor_left(&c));
    s->txn->row_count += st.rows;
    return txn_stmt_end(s->txn, err);
}

/* ---- writing ---- */

static int need_txn(struct session *s, struct err *err)
{
    if (s->txn == NULL)
        s->txn = txn_new(s->info.seq, &s->info.start, MIN(s->packet_max / 4, (size_t)1024 * 1024));
    return s->txn != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a transaction");
}

/* Alone at the target, as a very large transaction; on_end() commits it. */
static int alone(struct session *s, struct err *err)
{
    if (s->big != NULL)
        return 0;
    if (need_txn(s, err) < 0 || session_wait_idle(s, err) < 0)
        return -1;
    s->big_rows = s->big_bytes = 0;
    s->big_mixed = false;
    return pool_big_begin(s->pool, s->info.seq, &s->big, err);
}

static int write_part(struct session *s, const void *data, size_t len, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(2 * PART_BYTES + 4096);

    strbuf_adds(&sql, "INSERT INTO ");
    cw_xa(s, &sql);
    strbuf_adds(&sql, " (project, xid, part, doc) VALUES (");
    sql_string(&sql, s->sync->w->task->project_id);
    strbuf_adds(&sql, ", ");
    sql_string(&sql, s->xa.xid);
    strbuf_addf(&sql, ", %" PRIu32 ", X'", s->xa.parts++);
    strbuf_add_hex(&sql, data, len);
    strbuf_adds(&sql, "')");
    if (strbuf_check(&sql, err) < 0 || bundle_text(s->big, strbuf_str(&sql), err) < 0)
        return -1;
    return bundle_flush(s->big, err);
}

/* One that no ROLLBACK takes back; tables without a key may have it in their copy. */
static int run_at_once(struct session *s, size_t at, struct err *err)
{
    if (in_snapshot(s, s->txn->stmts[at].plan))
        return 0;
    s->big_mixed = true;
    return bundle_add(s->big, s->txn, at, at + 1, err);
}

/* Statements [from, to) into cw_xa; a part ends with the last of them. */
static int store_some(struct session *s, size_t from, size_t to, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf doc = STRBUF(RECORD_MAX);
    size_t each = part_bytes(s);

    for (size_t i = from; i < to; i++) {
        if (s->txn->stmts[i].own_tables)
            put_stmt(&doc, s->txn, &s->txn->stmts[i]);
        else if (run_at_once(s, i, err) < 0)
            return -1;
    }
    if (strbuf_check(&doc, err) < 0)
        return -1;
    for (size_t at = 0; at < doc.len; at += each)
        if (write_part(s, doc.data + at, MIN(each, doc.len - at), err) < 0)
            return -1;
    s->big_bytes += doc.len;
    return bundle_flush(s->big, err);
}

static int remember(struct xa *x, const char *name, struct err *err)
{
    struct xa_savepoint *grown =
        reallocarray(x->savepoints, x->savepoint_count + 1, sizeof(*x->savepoints));

    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savepoint");
    x->savepoints = grown;
    grown[x->savepoint_count] = (struct xa_savepoint){ strdup(name), x->parts };
    if (grown[x->savepoint_count].name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savepoint");
    x->savepoint_count++;
    return 0;
}

/* The statements so far go into cw_xa. */
static int store(struct session *s, struct err *err)
{
    size_t from = 0;

    if (alone(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->txn->savepoint_count; i++) {
        const struct savepoint *sp = &s->txn->savepoints[i];
        if (store_some(s, from, MAX(from, sp->stmts), err) < 0 ||
            remember(&s->xa, sp->name, err) < 0)
            return -1;
        from = MAX(from, sp->stmts);
    }
    if (store_some(s, from, s->txn->stmt_count, err) < 0)
        return -1;
    s->big_rows += s->txn->row_count;
    txn_forget(s->txn);
    FAULT("incr.xa.stored");
    return session_tick(s, err);
}

static void forget_savepoints(struct xa *x, size_t keep)
{
    while (x->savepoint_count > keep)
        free(x->savepoints[--x->savepoint_count].name);
}

void xa_done(struct xa *x)
{
    forget_savepoints(x, 0);
    free(x->savepoints);
    *x = (struct xa){ .open = false };
}

/* What was stored since a savepoint. */
static int remove_since(struct session *s, uint32_t parts, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);

    if (s->xa.parts == parts)
        return 0;
    strbuf_adds(&sql, "DELETE FROM ");
    cw_xa(s, &sql);
    where_xid(s, s->xa.xid, &sql);
    strbuf_addf(&sql, " AND part >= %" PRIu32, parts);
    if (strbuf_check(&sql, err) < 0 || bundle_text(s->big, strbuf_str(&sql), err) < 0)
        return -1;
    s->xa.parts = parts;
    return bundle_flush(s->big, err);
}

int xa_savepoint(struct session *s, bool back, const char *name, struct err *err)
{
    struct xa *x = &s->xa;
    size_t at;

    if (store(s, err) < 0)
        return -1;
    if (!back)
        return remember(x, name, err);
    /* names are compared as the server does, case aside, and the last of a name is meant */
    for (at = x->savepoint_count; at > 0; at--)
        if (strcasecmp(x->savepoints[at - 1].name, name) == 0)
            break;
    if (at == 0)
        return x->parts == 0 ? 0
                             : err_set(err, ERR_BINLOG_EVENT,
                                       "ROLLBACK TO a savepoint that was not set: %.100s", name);
    forget_savepoints(x, at); /* the savepoint itself stays */
    return remove_since(s, x->savepoints[at - 1].parts, err);
}

int xa_rows(struct session *s, struct err *err)
{
    return s->txn->text.len > BIG_FLUSH_BYTES ? store(s, err) : 0;
}

/* ---- running ---- */

static int read_part(struct session *s, const char *xid, uint32_t part, struct strbuf *b,
                     struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_adds(&sql, "SELECT doc FROM ");
    cw_xa(s, &sql);
    where_xid(s, xid, &sql);
    strbuf_addf(&sql, " AND part = %" PRIu32, part);
    if (strbuf_check(&sql, err) < 0 ||
        conn_query(s->lane_conns[0], strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got == 1)
        strbuf_add(b, r.row[0], r.lengths[0]);
    return got < 0 ? -1 : strbuf_check(b, err) < 0 ? -1 : got;
}

static int send_statements(struct session *s, struct err *err)
{
    size_t rows = s->txn->row_count, bytes = s->txn->text.len;

    for (size_t i = 0; i < s->txn->stmt_count; i++)
        s->big_mixed |= !s->txn->stmts[i].own_tables;
    if (bundle_add(s->big, s->txn, 0, s->txn->stmt_count, err) < 0 || bundle_flush(s->big, err) < 0)
        return -1;
    s->big_rows += rows;
    s->big_bytes += bytes;
    txn_forget(s->txn);
    FAULT("incr.xa.mid");
    return session_tick(s, err);
}

/* Whole records at the head of `b` are run and removed from it. */
static int run_records(struct session *s, struct strbuf *b, struct err *err)
{
    struct cursor c = cursor_of(strbuf_str(b), b->len);
    size_t used = 0;

    for (;;) {
        size_t len = cursor_left(&c) < 4 ? SIZE_MAX : (size_t)cursor_le(&c, 4);
        const uint8_t *at = len > cursor_left(&c) ? NULL : cursor_bytes(&c, len);

        if (at == NULL)
            break;
        if (take_stmt(s, at, len, err) < 0)
            return -1;
        used += 4 + len;
    }
    if (used == 0)
        return 0;
    memmove(b->data, b->data + used, b->len - used);
    strbuf_truncate(b, b->len - used);
    return send_statements(s, err);
}

static int remove_parts(struct session *s, const char *xid, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(4096);

    strbuf_adds(&sql, "DELETE FROM ");
    cw_xa(s, &sql);
    where_xid(s, xid, &sql);
    if (strbuf_check(&sql, err) < 0)
        return -1;
    return bundle_text(s->big, strbuf_str(&sql), err);
}

static int unknown(const char *xid, struct err *err)
{
    (void)err_set(err, ERR_BINLOG_EVENT,
                  "XA COMMIT of %s, which was prepared before the project's starting position",
                  xid);
    return err_advise(err, "Its rows were not copied and are not in the stream: start the project "
                           "anew, when XA RECOVER at the source shows nothing that long.");
}

static int run(struct session *s, const char *xid, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf records = STRBUF(RECORD_MAX);
    uint32_t part = 0;
    int got;

    if (alone(s, err) < 0 || bundle_flush(s->big, err) < 0)
        return -1;
    while ((got = read_part(s, xid, part, &records, err)) == 1) {
        if (run_records(s, &records, err) < 0)
            return -1;
        part++;
    }
    if (got < 0)
        return -1;
    if (part == 0)
        return unknown(xid, err);
    return records.len > 0 ? damaged(err) : remove_parts(s, xid, err);
}

/* ---- what the reader tells ---- */

static int prepared(struct session *s, struct err *err)
{
    if (store(s, err) < 0)
        return -1;
    /* a mark that it is known, though it has no row in scope */
    return s->xa.parts == 0 ? write_part(s, "", 0, err) : 0;
}

int xa_event(void *ctx, enum group_xa what, const char *xid, struct err *err)
{
    struct session *s = ctx;

    if (strlen(xid) >= sizeof(s->xa.xid))
        return err_set(err, ERR_BINLOG_MALFORMED, "an XA transaction's name of %zu bytes",
                       strlen(xid));
    switch (what) {
    case GROUP_XA_BEGUN:
        memcpy(s->xa.xid, xid, strlen(xid) + 1);
        s->xa.open = true;
        return 0;
    case GROUP_XA_PREPARED:
        memcpy(s->xa.xid, xid, strlen(xid) + 1);
        return prepared(s, err);
    case GROUP_XA_ONE_PHASE:
        if (s->big == NULL)
            return 0; /* as any other transaction */
        return store(s, err) < 0 ? -1 : run(s, s->xa.xid, err);
    case GROUP_XA_COMMITTED:
        return run(s, xid, err);
    case GROUP_XA_ROLLED_BACK:
        return alone(s, err) < 0 ? -1 : remove_parts(s, xid, err);
    }
    return 0;
}
