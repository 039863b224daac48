#include "workers/incr/xa.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/num.h"
#include "workers/incr/image_bytes.h"
#include "workers/incr/session.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    PART_BYTES = 256 * 1024, /* written as twice as many hexadecimal digits */
    FORMAT = 2,              /* of a record: an image (image_bytes.h); 1 was statements */
    RECORD_MAX = TXN_TEXT_MAX,
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

/* ---- a row event as bytes ---- */

static void put_u32(struct strbuf *b, size_t at, size_t v)
{
    for (size_t i = 0; i < 4; i++)
        b->data[at + i] = (char)(v >> (8 * i) & 0xff);
}

/* u32 length of what follows, u8 FORMAT, the image. */
static void put_record(struct strbuf *b, const struct image *im)
{
    size_t at = b->len;

    strbuf_add(b, "\0\0\0\0", 4);
    strbuf_addc(b, (char)FORMAT);
    image_put(b, im);
    if (strbuf_ok(b))
        put_u32(b, at, b->len - at - 4);
}

static bool in_snapshot(const struct session *s, const struct table_plan *p)
{
    return p->skip_until.file[0] != '\0' && binlog_pos_cmp(&s->info.start, &p->skip_until) < 0;
}

static int damaged(struct err *err)
{
    return err_set(err, ERR_CONTROL_SCHEMA, "damaged rows of an XA transaction (cw_xa)");
}

struct running {
    struct session *s;
    const struct image *im;
};

static int on_row(void *ctx, const struct image_row *row, struct err *err)
{
    struct running *r = ctx;

    witness_row(&r->s->witness, r->im->plan, r->s->txn->seq, row->was, row->is);
    witness_changed(&r->s->witness, r->im->plan, r->s->txn->seq, row->before, row->after);
    if (row->before == NULL && row->after == NULL)
        return 0;
    return change_row(&r->s->changer.writer, r->s->txn, r->im->plan, &r->im->mode, row->before,
                      row->after, err);
}

/* One record's body, into s->txn: as it was read then, with what is asked of it now. */
static int take_record(struct session *s, const uint8_t *data, size_t len, struct err *err)
{
    _cleanup_(freep)
    void *mem = NULL;
    struct image im;
    struct running r = { s, &im };

    if (len == 0 || data[0] != FORMAT || image_take(data + 1, len - 1, &im, &mem) < 0)
        return damaged(err);
    /* while it is prepared nobody can rename or drop the table: it was taken out of the project */
    im.plan = plans_find(s->plans, im.map->db, im.map->table);
    if (im.plan == NULL || in_snapshot(s, im.plan))
        return 0;
    im.mode.row_check = s->changer.row_check && !im.mode.safe && !im.mode.loose;
    im.first_stmt = s->txn->stmt_count;
    if (txn_keep(s->txn, &im, err) < 0)
        return -1;
    return image_rows(&im, on_row, &r, err);
}

/* ---- writing ---- */

static int need_txn(struct session *s, struct err *err)
{
    if (s->txn == NULL)
        s->txn = txn_new(s->info.seq, &s->info.start, MIN(s->packet_max / 4, (size_t)1024 * 1024));
    if (s->txn == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a transaction");
    s->txn->path = s->path;
    return 0;
}

/* Alone at the target, as a very large transaction; on_end() commits it. */
static int alone(struct session *s, struct err *err)
{
    if (s->big != NULL)
        return 0;
    if (need_txn(s, err) < 0 || session_wait_idle(s, err) < 0)
        return -1;
    return feed_big(s, err);
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

/* What came between two savepoints into cw_xa; a part ends with the last of it. */
static int store_some(struct session *s, const struct savepoint *from, const struct savepoint *to,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf doc = STRBUF(RECORD_MAX);
    size_t each = part_bytes(s);

    for (size_t i = from->stmts; i < to->stmts; i++)
        if (!s->txn->stmts[i].own_tables && run_at_once(s, i, err) < 0)
            return -1;
    for (size_t i = from->images; i < to->images; i++)
        if (plan_rolls_back(s->txn->images[i]->plan))
            put_record(&doc, s->txn->images[i]);
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

/* What there is so far goes into cw_xa. */
static int store(struct session *s, struct err *err)
{
    struct savepoint from = { NULL, 0, 0 };
    struct savepoint end;

    if (alone(s, err) < 0)
        return -1;
    for (size_t i = 0; i < s->txn->savepoint_count; i++) {
        const struct savepoint *sp = &s->txn->savepoints[i];
        if (store_some(s, &from, sp, err) < 0 || remember(&s->xa, sp->name, err) < 0)
            return -1;
        from = *sp;
    }
    end = (struct savepoint){ NULL, s->txn->stmt_count, s->txn->image_count };
    if (store_some(s, &from, &end, err) < 0)
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
    return s->txn->image_bytes > BIG_FLUSH_BYTES || s->txn->text.len > BIG_FLUSH_BYTES
               ? store(s, err)
               : 0;
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

    if (feed_big_send(s, err) < 0 || bundle_flush(s->big, err) < 0)
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
        if (take_record(s, at, len, err) < 0)
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
        touch_all_mark(s->witness.map, s->info.seq); /* its rows were read long ago */
        return run(s, xid, err);
    case GROUP_XA_ROLLED_BACK:
        return alone(s, err) < 0 ? -1 : remove_parts(s, xid, err);
    }
    return 0;
}
