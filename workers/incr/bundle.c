#include "workers/incr/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mysql.h>

#include "base/clock.h"
#include "base/fault.h"

#include "base/banned.h"

enum {
    PACKET_SOFT_MAX = 1024 * 1024, /* statements of one packet; the rest goes into the next */
    PACKET_RESERVE = 64 * 1024,    /* the mark, and what stands between statements */
    MARK_MAX = 64 * 1024,
    FOLDED_MAX = 128 * 1024, /* a folded statement that is longer takes no further row */
    KEY_TEXT_MAX = 200,
};

enum sent_kind { SENT_PLAIN, SENT_MARK, SENT_ROWS };

/* One statement of the packet, and what it must affect. */
struct sent {
    enum sent_kind kind;
    enum stmt_kind stmt;
    bool any_count, fk_checks;
    uint32_t rows;
    const struct table_plan *plan;
    const struct txn *txn; /* NULL: rows of several, folded */
    const struct stmt *from;
    uint32_t zeros; /* warnings that there must be: stmt.enum_zeros */
    size_t start;   /* in the packet */
};

struct bundle {
    struct conn *conn;
    const struct fence *fence;
    unsigned lane;
    size_t packet_max, soft_max;
    bool careful; /* look at every warning: there have been some */
    struct strbuf packet, checked;
    struct strbuf applied;
    struct sent *sent;
    struct multi_stmt *answers; /* twice as many as `cap` */
    size_t count, cap;
    int fk_checks; /* of the session: 0, 1, -1 not known */
    struct folder *fold;
    struct bundle_times times;
};

int bundle_new(struct conn *c, const struct fence *f, unsigned lane, size_t packet_max,
               enum fold_lists lists, struct bundle **ret, struct err *err)
{
    struct bundle *b = calloc(1, sizeof(*b));

    if (b == NULL || (b->fold = fold_new(lists, MIN((size_t)FOLDED_MAX, packet_max / 4))) == NULL) {
        free(b);
        return err_set(err, ERR_NOMEM, "no memory for a batch");
    }
    b->conn = c;
    b->fence = f;
    b->lane = lane;
    b->packet_max = packet_max;
    b->soft_max = MIN((size_t)PACKET_SOFT_MAX, packet_max / 2);
    b->packet = (struct strbuf)STRBUF(packet_max + PACKET_RESERVE);
    b->checked = (struct strbuf)STRBUF(packet_max + PACKET_RESERVE + PACKET_SOFT_MAX);
    b->applied = (struct strbuf)STRBUF(MARK_MAX);
    b->fk_checks = -1;
    *ret = b;
    return 0;
}

void bundle_free(struct bundle *b)
{
    if (b == NULL)
        return;
    strbuf_done(&b->packet);
    strbuf_done(&b->checked);
    strbuf_done(&b->applied);
    free(b->sent);
    free(b->answers);
    fold_free(b->fold);
    free(b);
}

/* ---- the packet ---- */

static int add_sent(struct bundle *b, const struct sent *s, struct err *err)
{
    if (b->count == b->cap) {
        size_t cap = b->cap == 0 ? 64 : b->cap * 2;
        struct sent *grown = reallocarray(b->sent, cap, sizeof(*grown));
        struct multi_stmt *answers;
        if (grown != NULL)
            b->sent = grown;
        answers = reallocarray(b->answers, 2 * cap, sizeof(*answers));
        if (answers != NULL)
            b->answers = answers;
        if (grown == NULL || answers == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a batch of %zu statements", cap);
        b->cap = cap;
    }
    if (b->count > 0)
        strbuf_addc(&b->packet, ';');
    b->sent[b->count] = *s;
    b->sent[b->count++].start = b->packet.len;
    return 0;
}

static int add_plain(struct bundle *b, const char *sql, struct err *err)
{
    struct sent s = { .kind = SENT_PLAIN };

    if (add_sent(b, &s, err) < 0)
        return -1;
    strbuf_adds(&b->packet, sql);
    return 0;
}

int bundle_text(struct bundle *b, const char *sql, struct err *err)
{
    return add_plain(b, sql, err);
}

int bundle_begin(struct bundle *b, uint64_t lwm, const struct applied *applied, const char *path,
                 struct err *err)
{
    struct sent mark = { .kind = SENT_MARK };

    strbuf_reset(&b->packet);
    strbuf_reset(&b->applied);
    fold_reset(b->fold);
    b->count = 0;
    b->times = (struct bundle_times){ 0 };
    applied_encode(applied, lwm, &b->applied);
    if (b->applied.len > CONTROL_APPLIED_MAX)
        return err_set(err, ERR_INTERNAL, "the list of applied transactions has %zu bytes",
                       b->applied.len);
    if (add_plain(b, "BEGIN", err) < 0 || add_sent(b, &mark, err) < 0)
        return -1;
    control_mark_sql(&b->packet, b->fence, b->lane, lwm, strbuf_str(&b->applied), b->applied.len,
                     path);
    return strbuf_check(&b->packet, err);
}

/* ---- what came back ---- */

static const char *stmt_word(const struct sent *s)
{
    const char *text = strbuf_str(&s->txn->text) + s->from->off;

    switch (*text) {
    case 'I':
        return "INSERT into";
    case 'R':
        return "REPLACE into";
    case 'U':
        return "UPDATE of";
    default:
        return "DELETE from";
    }
}

static int where_it_was(const struct sent *s, struct err *err)
{
    if (s->txn == NULL)
        return err_wrap(err, "folded rows of %s.%s", s->plan->t->mapped_db,
                        s->plan->t->mapped_name);
    return err_wrap(err, "%s %s.%s, source position %s:%" PRIu64, stmt_word(s),
                    s->plan->t->mapped_db, s->plan->t->mapped_name, s->txn->start.file,
                    s->from->pos);
}

/* Errors of the server that mean the same whatever table they come from. */
static void sharpen(struct err *err)
{
    switch (err->db_errno) {
    case 1062: /* duplicate key */
    case 1169:
    case 1216: /* foreign keys */
    case 1217:
    case 1451:
    case 1452:
        err->code = ERR_CONFLICT;
        break;
    case 1054: /* no such column, count of columns */
    case 1136:
    case 1146:
        err->code = ERR_SCHEMA_MISMATCH;
        break;
    default:
        return;
    }
    err->advice[0] = '\0';
}

static int failed(struct bundle *b, size_t at, struct err *err)
{
    if (conn_lost(err) || at >= b->count || b->sent[at].kind != SENT_ROWS)
        return -1;
    sharpen(err);
    return where_it_was(&b->sent[at], err);
}

static int no_row(const struct sent *s, uint64_t affected, struct err *err)
{
    const struct stmt *st = s->from;
    const char *text = s->txn != NULL ? strbuf_str(&s->txn->text) + st->off : "";
    int n =
        s->txn == NULL || st->where == 0 ? 0 : (int)MIN(st->len - st->where, (size_t)KEY_TEXT_MAX);

    (void)err_set(err, ERR_CONFLICT, "%" PRIu64 " rows found instead of %u%.*s", affected, s->rows,
                  n, n > 0 ? text + st->where : "");
    return where_it_was(s, err);
}

/*
 * A warning that nobody waits for may be a value that was cut or rounded (a mere note to the
 * server). Which one, only SHOW WARNINGS behind the statement tells: the transaction is done once
 * more with those.
 */
static int look_closer(struct bundle *b, const struct sent *s, unsigned warnings, struct err *err)
{
    b->careful = true;
    (void)err_set(err, ERR_DB_RETRY, "the target gave %u warnings instead of %u", warnings,
                  s->zeros);
    return where_it_was(s, err);
}

static int check(struct bundle *b, bool careful, struct err *err)
{
    const struct multi_stmt *answer = b->answers;

    for (size_t i = 0; i < b->count; i++, answer++) {
        const struct sent *s = &b->sent[i];

        if (s->kind == SENT_MARK && answer->affected != 1)
            return err_set(err, ERR_EPOCH_STALE,
                           "another worker has taken over %s (epoch %" PRIu64 ")", b->fence->task,
                           b->fence->epoch);
        if (s->kind != SENT_ROWS)
            continue;
        if (!s->any_count && s->stmt != STMT_REPLACE && answer->affected != s->rows)
            return no_row(s, answer->affected, err);
        if (careful)
            answer++; /* of SHOW WARNINGS: conn_multi() has judged it */
        else if (answer->warnings != s->zeros)
            return look_closer(b, s, answer->warnings, err);
    }
    return 0;
}

/* The packet with SHOW WARNINGS behind each statement that changes rows. */
static size_t checked_packet(struct bundle *b)
{
    size_t n = 0;

    strbuf_reset(&b->checked);
    for (size_t i = 0; i < b->count; i++) {
        const struct sent *s = &b->sent[i];
        size_t end = i + 1 < b->count ? b->sent[i + 1].start - 1 : b->packet.len;

        if (i > 0)
            strbuf_addc(&b->checked, ';');
        strbuf_add(&b->checked, b->packet.data + s->start, end - s->start);
        b->answers[n++] = (struct multi_stmt){ .expected = s->zeros };
        if (s->kind == SENT_ROWS) {
            strbuf_adds(&b->checked, ";SHOW WARNINGS");
            b->answers[n++] = (struct multi_stmt){ 0 };
        }
    }
    return n;
}

/* Which statement of ours the answer `done` is of. */
static size_t statement_of(const struct bundle *b, size_t done)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++) {
        n += b->sent[i].kind == SENT_ROWS ? 2 : 1;
        if (done < n)
            return i;
    }
    return b->count;
}

static int flush(struct bundle *b, bool careful, struct err *err)
{
    const struct strbuf *packet = careful ? &b->checked : &b->packet;
    size_t done = 0, count = b->count;
    int64_t start;

    if (b->count == 0)
        return 0;
    if (strbuf_check(&b->packet, err) < 0)
        return -1;
    if (careful)
        count = checked_packet(b);
    if (strbuf_check(packet, err) < 0)
        return -1;
    FAULT("incr.packet.before");
    start = clock_mono_us();
    if (conn_multi(b->conn, strbuf_str(packet), packet->len, count, b->answers, &done, err) < 0)
        return failed(b, careful ? statement_of(b, done) : done, err);
    FAULT("incr.packet.after");
    b->times.execute_us += (uint64_t)(clock_mono_us() - start);
    if (check(b, careful, err) < 0)
        return -1;
    strbuf_reset(&b->packet);
    b->count = 0;
    return 0;
}

/* Not the last packet of its transaction: that can't be done once more, so it is looked at now. */
int bundle_flush(struct bundle *b, struct err *err)
{
    return flush(b, true, err);
}

/* ---- statements ---- */

/* Rows of INSERTs that follow one another go into one statement, across transactions too. */
static bool goes_on(const struct bundle *b, const struct stmt *s)
{
    const struct sent *last;

    if (b->count == 0 || s->kind == STMT_CHANGE)
        return false;
    last = &b->sent[b->count - 1];
    if (last->txn == NULL || last->zeros > 0 || s->enum_zeros > 0)
        return false;
    return last->kind == SENT_ROWS && last->stmt == s->kind && last->plan == s->plan &&
           last->fk_checks == s->fk_checks && last->any_count == s->any_count &&
           last->rows + s->rows <= STMT_ROWS_MAX;
}

static int set_fk_checks(struct bundle *b, bool on, struct err *err)
{
    if (b->fk_checks == (int)on)
        return 0;
    b->fk_checks = on;
    return add_plain(b, on ? "SET foreign_key_checks=1" : "SET foreign_key_checks=0", err);
}

static int add_stmt(struct bundle *b, const struct txn *t, const struct stmt *s, struct err *err)
{
    const char *text = strbuf_str(&t->text) + s->off;
    struct sent sent = { SENT_ROWS, s->kind, s->any_count, s->fk_checks, s->rows, s->plan, t, s,
                         0,         0 };

    if (s->len + PACKET_RESERVE / 2 > b->packet_max) {
        sent.from = s;
        (void)err_set(err, ERR_VALUE, "a statement of %zu bytes; max_allowed_packet is %zu", s->len,
                      b->packet_max);
        (void)err_advise(err, "Raise max_allowed_packet at the target, then resume.");
        return where_it_was(&sent, err);
    }
    if (b->packet.len + s->len > b->soft_max && bundle_flush(b, err) < 0)
        return -1;
    if (goes_on(b, s)) {
        strbuf_addc(&b->packet, ',');
        strbuf_add(&b->packet, text + s->prefix_len, s->len - s->prefix_len);
        b->sent[b->count - 1].rows += s->rows;
        return 0;
    }
    if (s->enum_zeros > 0 && mariadb_connection(conn_raw(b->conn)))
        sent.zeros = s->enum_zeros;
    if (set_fk_checks(b, s->fk_checks, err) < 0 || add_sent(b, &sent, err) < 0)
        return -1;
    if (sent.zeros > 0)
        strbuf_adds(&b->packet, CONN_NOT_STRICT);
    strbuf_add(&b->packet, text, s->len);
    return 0;
}

int bundle_add(struct bundle *b, const struct txn *t, size_t from, size_t to, struct err *err)
{
    for (size_t i = from; i < to; i++) {
        if (add_stmt(b, t, &t->stmts[i], err) < 0)
            return -1;
    }
    return 0;
}

static int add_folded(void *ctx, const struct folded *s, struct err *err)
{
    struct bundle *b = ctx;
    struct sent sent = { .kind = SENT_ROWS, .stmt = s->kind, .rows = s->rows, .plan = s->plan };

    if (b->packet.len + s->len > b->soft_max && bundle_flush(b, err) < 0)
        return -1;
    if (set_fk_checks(b, false, err) < 0 || add_sent(b, &sent, err) < 0)
        return -1;
    strbuf_add(&b->packet, s->text, s->len);
    return 0;
}

static int fold_stmt(struct bundle *b, const struct txn *t, const struct stmt *s, struct err *err)
{
    for (size_t n = 0; n < s->rows; n++) {
        int got = fold_row(b->fold, t, s, n, err);
        if (got == 0)
            got = fold_take(b->fold, s->plan, add_folded, b, err) < 0
                      ? -1
                      : fold_row(b->fold, t, s, n, err);
        if (got < 0)
            return -1;
    }
    return 0;
}

int bundle_fold(struct bundle *b, const struct txn *t, struct err *err)
{
    for (size_t i = 0; i < t->stmt_count; i++) {
        const struct stmt *s = &t->stmts[i];
        if (s->folds && s->enum_zeros == 0) {
            if (fold_stmt(b, t, s, err) < 0)
                return -1;
        } else if (fold_take(b->fold, s->plan, add_folded, b, err) < 0 ||
                   add_stmt(b, t, s, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int bundle_folded(struct bundle *b, struct err *err)
{
    return fold_take(b->fold, NULL, add_folded, b, err);
}

int bundle_commit(struct bundle *b, struct err *err)
{
    int64_t start;

    if (flush(b, b->careful, err) < 0)
        return -1;
    FAULT("incr.batch.before_commit");
    start = clock_mono_us();
    if (conn_exec(b->conn, "COMMIT", strlen("COMMIT"), NULL, err) < 0)
        return -1;
    b->times.commit_us = (uint64_t)(clock_mono_us() - start);
    FAULT("incr.batch.after_commit");
    return 0;
}

void bundle_forget(struct bundle *b)
{
    strbuf_reset(&b->packet);
    b->count = 0;
    b->fk_checks = -1; /* which of the packet's statements ran is not known */
}

void bundle_rollback(struct bundle *b)
{
    struct err ignored = { 0 };

    bundle_forget(b);
    (void)conn_exec(b->conn, "ROLLBACK", strlen("ROLLBACK"), NULL, &ignored);
}

struct bundle_times bundle_times(const struct bundle *b)
{
    return b->times;
}
