#include "workers/incr/resolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/incr/remedy.h"
#include "workers/incr/resolve_priv.h"
#include "workers/mysql/control_sql.h"

#include "base/banned.h"

int resolver_new(struct conn *c, struct bundle *b, unsigned lane, const struct resolve_options *o,
                 struct resolver **ret, struct err *err)
{
    _cleanup_(resolver_freep)
    struct resolver *r = calloc(1, sizeof(*r));
    const struct binlog_pos nowhere = { 0 };

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what resolves conflicts");
    r->conn = c;
    r->bundle = b;
    r->lane = lane;
    r->o = *o;
    r->targets = targets_new(c, o->sink);
    r->one = txn_new(0, &nowhere, 0);
    if (r->targets == NULL || r->one == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what resolves conflicts");
    r->one->no_images = true;
    *ret = take_ptr(r);
    return 0;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    remedy_reset(r);
    targets_free(r->targets);
    txn_free(r->one);
    free(r->failed_doc);
    free(r->target_pos);
    free(r);
}

void resolver_forget_tables(struct resolver *r)
{
    targets_forget(r->targets, true);
}

const uint64_t *resolve_counts(const struct resolver *r)
{
    return r->counts;
}

/* Not those of foreign keys, which are conflicts too, but no strategy can settle. */
bool resolve_wanted(const struct err *err)
{
    return err->code == ERR_CONFLICT &&
           (err->db_errno == 0 || err->db_errno == 1062 || err->db_errno == 1169);
}

/* ---- records ---- */

/* The account may not be allowed to ask: then records go without. */
static void know_position(struct resolver *r)
{
    struct err ignored = { 0 };
    _cleanup_(result_done)
    struct result q = { 0 };
    const char *sql = r->o.sink->binlog_status_sql;
    char text[512];

    if (r->target_pos != NULL || r->position_refused || sql == NULL)
        return;
    if (conn_query(r->conn, sql, strlen(sql), &q, &ignored) < 0 || result_next(&q, &ignored) != 1) {
        r->position_refused = true;
        return;
    }
    (void)snprintf(text, sizeof(text), "%s:%s", result_str(&q, result_column(&q, "File"), ""),
                   result_str(&q, result_column(&q, "Position"), ""));
    r->target_pos = strdup(text);
}

static int store(struct resolver *r, uint64_t seq, uint32_t n, const char *doc, struct err *err)
{
    return control_exec(r->conn, r->o.fence->schema, NULL, err,
                        "REPLACE INTO @cw_conflict (task, seq, n, doc) VALUES (%q, %u, %u, %b)",
                        r->o.fence->task, seq, (uint64_t)n, doc, strlen(doc));
}

int resolve_record(struct resolver *r, const struct conflict *c, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    struct conflict full = *c;

    know_position(r);
    full.target_pos = r->target_pos;
    doc = conflict_doc(&full);
    if (doc == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the record of a conflict");
    if (c->strategy != STRATEGY_FAIL)
        return store(r, c->txn->seq, c->n, json_text(doc), err);
    r->failed_doc = strdup(json_text(doc));
    r->failed_seq = c->txn->seq;
    r->failed_n = c->n;
    return r->failed_doc != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a record");
}

/* What stands in the transaction that failed goes into one of its own. */
static int store_failed(struct resolver *r, struct err *err)
{
    if (control_begin_keep(r->conn, r->o.fence, r->lane, err) < 0)
        return -1;
    return control_finish(r->conn, store(r, r->failed_seq, r->failed_n, r->failed_doc, err), err);
}

void resolve_failed(struct resolver *r, struct err *err)
{
    struct err first = *err;

    if (r->failed_doc == NULL)
        return;
    err_reset(err);
    if (store_failed(r, err) == 0) {
        *err = first;
    } else if (!err_retryable(err) && err->code != ERR_EPOCH_STALE) {
        log_err(LOG_WARN, "incr", "conflict_not_recorded", err);
        *err = first;
    } /* else the next try comes to the same conflict and records it */
    free(r->failed_doc);
    r->failed_doc = NULL;
}

/* ---- a transaction ---- */

int resolve_begin(struct resolver *r, struct err *err)
{
    remedy_reset(r);
    targets_forget(r->targets, false);
    free(r->failed_doc);
    free(r->target_pos);
    r->failed_doc = r->target_pos = NULL;
    r->n = 0;
    memset(r->counts, 0, sizeof(r->counts));
    /* The state of a row that is not there must hold until the commit: gaps are locked, too. */
    if (!r->o.two_way || r->o.strategy == STRATEGY_OVERWRITE)
        return 0;
    return conn_execf(r->conn, err, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
}

struct going {
    struct resolver *r;
    const struct txn *t;
    const struct image *im;
};

static int on_row(void *ctx, const struct image_row *row, struct err *err)
{
    struct going *g = ctx;
    struct row_case rc = { g->t, g->im, row->before, row->after };

    g->r->n++;
    return row->before == NULL && row->after == NULL ? 0 : resolve_row(g->r, &rc, err);
}

int resolve_rows(struct resolver *r, const struct txn *t, size_t from, size_t to, struct err *err)
{
    r->one->start = t->start;
    r->one->seq = t->seq;
    r->one->insert_max = t->insert_max;
    for (size_t i = 0; i < t->image_count; i++) {
        struct going g = { r, t, t->images[i] };
        if (t->images[i]->first_stmt < from || t->images[i]->first_stmt >= to)
            continue;
        if (image_rows(t->images[i], on_row, &g, err) < 0)
            return -1;
    }
    return 0;
}

static int asks(struct resolver *r, const struct txn *t, struct err *err)
{
    r->one->start = t->start;
    r->one->seq = t->seq;
    for (size_t i = 0; i < t->ask_count; i++) {
        if (resolve_ask(r, t, t->asks[i], err) < 0)
            return -1;
    }
    return 0;
}

int resolve_end(struct resolver *r, const struct txn *t, struct err *err)
{
    if (remedy_write(r, t, err) < 0)
        return -1;
    FAULT("incr.resolve.before_commit");
    return 0;
}

static int whole(struct resolver *r, const struct txn *t, uint64_t lwm,
                 const struct applied *applied, struct err *err)
{
    if (resolve_begin(r, err) < 0 || bundle_begin(r->bundle, lwm, applied, t->path, err) < 0 ||
        bundle_flush(r->bundle, err) < 0 || asks(r, t, err) < 0 ||
        resolve_rows(r, t, 0, SIZE_MAX, err) < 0 || resolve_end(r, t, err) < 0)
        return -1;
    return bundle_commit(r->bundle, err);
}

int resolve_txn(struct resolver *r, const struct txn *t, uint64_t lwm,
                const struct applied *applied, struct err *err)
{
    if (whole(r, t, lwm, applied, err) == 0)
        return 0;
    if (!conn_lost(err)) {
        bundle_rollback(r->bundle);
        resolve_failed(r, err);
    }
    return -1;
}
