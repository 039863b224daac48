#include "workers/incr/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"

#include "base/banned.h"

enum {
    CHECKPOINT_MS = 2000,
    REPORT_MS = 1000,
    DRAIN_MS = 20,
    READ_WAIT_MS = 200,
    STOP_PATIENCE_MS = 2000,
    FAIL_PATIENCE_MS = 5000,
    PACKET_MIN = 1024 * 1024,
};

/* ---- open ---- */

static const struct endpoint *sink_of(const struct session *s)
{
    return &s->sync->w->task->ends[END_SINK];
}

static int read_packet_max(struct session *s, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    int64_t bytes = 0;

    if (conn_value(s->conn, "SELECT @@max_allowed_packet", &text, err) < 0)
        return -1;
    if (text == NULL || !num_parse_i64(text, PACKET_MIN / 16, INT32_MAX, &bytes))
        return err_set(err, ERR_DB_QUERY, "target: max_allowed_packet is %s", text);
    s->packet_max = (size_t)bytes;
    return 0;
}

static int open_connections(struct session *s, struct err *err)
{
    const struct conn_options plain = { .found_rows = true };
    const struct conn_options lane = { .multi_statements = true, .found_rows = true };
    const struct task *t = s->sync->w->task;

    if (conn_open(sink_of(s), &plain, &s->conn, err) < 0 ||
        dialect_detect(s->conn, &s->sink, err) < 0 || read_packet_max(s, err) < 0 ||
        control_ensure(s->conn, t->control_schema, err) < 0)
        return -1;
    /*
     * A successor ends our connections, which looks like any lost one: whoever held the task before
     * may take it back only while nobody else has.
     */
    if (s->sync->last.epoch != 0 && control_check(s->conn, &s->sync->last, err) < 0)
        return -1;
    /* Row 0 is the coordinator's: its checkpoints must not touch what a lane's row tells. */
    if (control_take_epoch(s->conn, t->control_schema, t->project_id, "incr", s->sync->lanes + 1,
                           &s->fence, err) < 0 ||
        control_register(s->conn, &s->fence, err) < 0)
        return -1;
    s->sync->last = s->fence;
    for (unsigned i = 0; i < s->sync->lanes; i++) {
        if (conn_open(sink_of(s), &lane, &s->lane_conns[i], err) < 0 ||
            control_register(s->lane_conns[i], &s->fence, err) < 0)
            return -1;
    }
    return 0;
}

static int read_checkpoint(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    int got =
        control_checkpoint_get(s->conn, t->control_schema, t->project_id, "incr", &s->cp, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "the starting position of %s is not stored at the target", t->project_id);
    if (s->cp.gtid_set != NULL && s->cp.gtid_set[0] != '\0' &&
        gtid_set_parse(s->cp.gtid_set, s->sync->source.gtid_mariadb, &s->gtids, err) < 0)
        return -1;
    s->stored_seq = s->cp.seq;
    s->applied_us = s->first_us = s->cp.source_ts * 1000000;
    return 0;
}

static int read_catalog(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    int got = control_schema_get(s->conn, t->control_schema, t->project_id, &s->catalog, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       t->project_id);
    return plans_new(s->catalog, s->sync->source.lower_case_table_names != 0, &s->plans, err);
}

/* MariaDB's JSON is text there and may be JSON here: such a column is compared as JSON. */
static int read_json_columns(struct session *s, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (!s->sink.json_type)
        return 0;
    if (conn_queryf(s->conn, &r, err,
                    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"
                    " WHERE DATA_TYPE = 'json' AND TABLE_SCHEMA NOT IN"
                    " ('mysql', 'sys', 'information_schema', 'performance_schema')") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1)
        plans_target_json(s->plans, result_str(&r, 0, ""), result_str(&r, 1, ""),
                          result_str(&r, 2, ""));
    return got;
}

/* Where safe mode ends, and from where on tables without a key are applied. */
static int read_copy_end(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    struct snapshot_position *list = NULL;
    size_t count = 0;
    int got;

    if (!t->do_full)
        return 0;
    got =
        control_copy_end_get(s->conn, t->control_schema, t->project_id, &s->changer.safe_end, err);
    if (got < 0)
        return -1;
    if (got == 0 || s->changer.safe_end.file[0] == '\0')
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "where the copy of %s ended is not stored at the target", t->project_id);
    s->changer.has_safe_end = true;
    if (control_snapshot_positions(s->conn, t->control_schema, t->project_id, &list, &count, err) <
        0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct table_plan *p = plans_find(s->plans, list[i].db, list[i].name);
        if (p != NULL && p->keyless)
            p->skip_until = list[i].pos;
    }
    snapshot_positions_free(list, count);
    return 0;
}

/* Low-water mark: the highest any lane tells. Applied: what any lane tells beyond it. */
static int read_lanes(struct session *s, struct lane_row **ret, size_t *ret_count, struct err *err)
{
    if (control_lanes(s->conn, &s->fence, ret, ret_count, err) < 0)
        return -1;
    s->base_lwm = s->cp.seq;
    for (size_t i = 0; i < *ret_count; i++)
        s->base_lwm = MAX(s->base_lwm, (*ret)[i].lwm);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct lane_row *r = &(*ret)[i];
        if (applied_decode(r->applied, r->applied_len, r->lwm, &s->applied, err) < 0)
            return -1;
    }
    applied_prune(&s->applied, s->base_lwm);
    return 0;
}

static int start_pool(struct session *s, struct err *err)
{
    struct lane_row *rows = NULL;
    size_t count = 0;
    int got = read_lanes(s, &rows, &count, err);
    struct pool_options o = {
        .lanes = s->sync->lanes,
        .conns = s->lane_conns,
        .fence = &s->fence,
        .packet_max = s->packet_max,
        .first_low = s->cp.seq,
        .base_lwm = s->base_lwm,
        .rows = rows,
        .row_count = count,
        .report = s->sync->w->report,
        .throttle = s->sync->throttle,
    };

    if (got == 0)
        got = pool_new(&o, &s->pool, err);
    lane_rows_free(rows, count);
    return got;
}

static int open_reader(struct session *s, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf dir = STRBUF(4096);

    strbuf_addf(&dir, "%s/relay", s->sync->w->task->data_dir);
    if (strbuf_check(&dir, err) < 0)
        return -1;
    if (relay_reader_open(strbuf_str(&dir), &s->cp.pos, &s->reader, err) < 0)
        return err_wrap(err, "read the relay from %s:%" PRIu64, s->cp.pos.file, s->cp.pos.offset);
    return group_new(s->plans, &feed_ops, s, s->cp.seq, &s->group, err);
}

static int session_open(struct session *s, struct err *err)
{
    FAULT("incr.session.start");
    if (open_connections(s, err) < 0 || read_checkpoint(s, err) < 0 || read_catalog(s, err) < 0 ||
        read_json_columns(s, err) < 0 || read_copy_end(s, err) < 0)
        return -1;
    s->changer.writer = (struct sqlwriter){ .json_type = s->sink.json_type,
                                            .cascades = !s->sync->source.cascades_logged };
    changer_kinds(&s->changer,
                  json_get_array(task_incr_config(s->sync->w->task), "recordTypeWhiteList"));
    if (filter_new(s->conn, &s->sink, &s->filter, err) < 0)
        return -1;
    s->changer.filter = s->filter;
    s->depend = depend_new(s->plans->tracker_numbers, s->sync->lanes);
    if (s->depend == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the dependencies");
    if (start_pool(s, err) < 0 || open_reader(s, err) < 0)
        return -1;
    s->started_ms = s->last_stats_ms = clock_mono_ms();
    log_info("incr", "session_start",
             "epoch=%" PRIu64 " lanes=%u seq=%" PRIu64 " lwm=%" PRIu64 " beyond=%zu pos=%s:%" PRIu64
             " tables=%zu",
             s->fence.epoch, s->sync->lanes, s->cp.seq, s->base_lwm, s->applied.count,
             s->cp.pos.file, s->cp.pos.offset, s->plans->count);
    return 0;
}

static void session_close(struct session *s, int patience_ms)
{
    if (s->pool != NULL)
        pool_stop(s->pool, patience_ms);
    txn_free(s->txn);
    group_free(s->group);
    relay_reader_close(s->reader);
    pool_free(s->pool);
    depend_free(s->depend);
    filter_free(s->filter);
    plans_free(s->plans);
    catalog_free(s->catalog);
    applied_done(&s->applied);
    gtid_set_free(s->gtids);
    checkpoint_done(&s->cp);
    for (unsigned i = 0; i < LANES_MAX; i++)
        conn_close(s->lane_conns[i]);
    conn_close(s->conn);
}

/* ---- the account ---- */

static int drain(struct session *s, struct err *err)
{
    struct group_end g;

    while (pool_next_applied(s->pool, &g)) {
        s->cp.seq = g.seq;
        s->cp.pos = g.end;
        if (g.has_gtid && s->gtids == NULL &&
            gtid_set_parse("", g.gtid.mariadb, &s->gtids, err) < 0)
            return -1;
        if (g.has_gtid && gtid_set_add(s->gtids, &g.gtid) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the GTID set");
        stats_applied(s, &g);
    }
    return 0;
}

int session_checkpoint(struct session *s, struct err *err)
{
    if (drain(s, err) < 0)
        return -1;
    s->checkpoint_at = clock_mono_ms() + CHECKPOINT_MS;
    if (s->cp.seq == s->stored_seq)
        return 0;
    if (s->gtids != NULL) {
        _cleanup_(strbuf_done)
        struct strbuf text = STRBUF(16 * 1024 * 1024);
        gtid_set_text(s->gtids, &text);
        free(s->cp.gtid_set);
        s->cp.gtid_set = NULL;
        if (strbuf_take(&text, &s->cp.gtid_set, err) < 0)
            return -1;
    }
    s->cp.source_ts = s->applied_us / 1000000;
    FAULT("incr.checkpoint.before");
    if (control_checkpoint_put(s->conn, &s->fence, 0, &s->cp, err) < 0)
        return -1;
    FAULT("incr.checkpoint.after");
    s->stored_seq = s->cp.seq;
    return 0;
}

int session_tick(struct session *s, struct err *err)
{
    int64_t now = clock_mono_ms();

    if (report_stopping(s->sync->w->report))
        return err_set(err, ERR_CANCELLED, "asked to stop");
    if (now < s->drain_at)
        return 0;
    s->drain_at = now + DRAIN_MS;
    if (pool_error(s->pool, err) < 0 || drain(s, err) < 0)
        return -1;
    if (now >= s->checkpoint_at && session_checkpoint(s, err) < 0)
        return -1;
    if (now >= s->report_at) {
        s->report_at = now + REPORT_MS;
        stats_report(s);
    }
    return 0;
}

int session_wait_idle(struct session *s, struct err *err)
{
    while (!pool_idle(s->pool)) {
        s->drain_at = 0;
        if (session_tick(s, err) < 0)
            return -1;
        pool_wait(s->pool, WAIT_MS);
    }
    return pool_error(s->pool, err);
}

/* ---- the loop ---- */

static int loop(struct session *s, struct err *err)
{
    for (;;) {
        struct record r;
        int got;

        if (session_tick(s, err) < 0)
            return -1;
        got = relay_reader_next(s->reader, &r, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            s->at_end = true;
            if (relay_reader_wait(s->reader, report_stop_fd(s->sync->w->report), READ_WAIT_MS,
                                  err) < 0)
                return -1;
        } else if (r.kind == RECORD_MARK) {
            stats_mark(s, r.mark_us);
        } else if (group_feed(s->group, &r, err) < 0) {
            return -1;
        }
    }
}

static void log_end(const struct session *s, const struct err *err)
{
    struct pool_stats p;

    pool_stats(s->pool, &p);
    log_info("incr", "session_end",
             "code=%s transactions=%" PRIu64 " rows=%" PRIu64 " batches=%" PRIu64
             " retries=%" PRIu64 " seq=%" PRIu64 " ms=%" PRId64,
             err_symbol(err->code), p.transactions, p.rows, p.batches, p.retries, s->cp.seq,
             clock_mono_ms() - s->started_ms);
}

static int session_end(struct session *s, struct err *err)
{
    bool stopped = err->code == ERR_CANCELLED && report_stopping(s->sync->w->report);
    struct err ignored = { 0 };

    feed_done(s);
    pool_stop(s->pool, stopped ? STOP_PATIENCE_MS : FAIL_PATIENCE_MS);
    log_end(s, err);
    if (!stopped)
        return -1;
    err_reset(err);
    /* Best effort: the lane rows tell the rest to whoever goes on. */
    if (session_checkpoint(s, &ignored) < 0)
        log_err(LOG_WARN, "incr", "last_checkpoint_failed", &ignored);
    return STAGE_STOPPED;
}

int session_run(struct sync *y, bool *ret_progress, struct err *err)
{
    struct session s = { .sync = y };
    uint64_t first;
    int got = -1;

    *ret_progress = false;
    if (session_open(&s, err) == 0) {
        first = s.cp.seq;
        (void)loop(&s, err);
        got = session_end(&s, err);
        *ret_progress = s.cp.seq > first || s.at_end;
    }
    session_close(&s, FAIL_PATIENCE_MS);
    return got;
}
