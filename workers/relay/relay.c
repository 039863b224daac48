#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "workers/mysql/binlog/dump.h"
#include "workers/relay/relay_priv.h"
#include "workers/start/start_tables.h"
#include "workers/start/start_xa.h"

#include "base/banned.h"

enum {
    HEARTBEAT_MS = 1000,
    SILENCE_S = 15,  /* so many heartbeats missed: the connection is half open */
    EVERY_MS = 1000, /* progress, checkpoint, sync */
    PURGE_EVERY_MS = 10 * 1000,
    FULL_STEP_MS = 500,
    TELL_FULL_EVERY_MS = 30 * 1000,
    CHECKSUM_RETRIES = 3, /* the network may have bent it; the source's file stays as it is */
    UNPROVEN_RETRIES = 3,
    ER_MASTER_FATAL_ERROR = 1236,
    RETRY_FIRST_MS = 200,
    RETRY_LONGEST_MS = 10 * 1000,
    KEPT_HOURS_DEFAULT = 168,
    LANES = 1,
};
static const uint64_t segment_bytes_default = 128ULL * 1024 * 1024;
static const uint64_t segment_bytes_least = 256ULL * 1024;
static const uint64_t reserve_default = 1024ULL * 1024 * 1024;

/* ------------------------------------------------------------------------- control schema */

int relay_note_catalog(struct relay *r, struct conn *sink, struct conn *source, struct err *err)
{
    _cleanup_(scope_freep)
    struct scope *scope = NULL;
    _cleanup_(catalog_freep)
    struct catalog *cat = NULL;
    _cleanup_(json_putp)
    struct json_object *facts = NULL;

    if (start_scope(r->task, task_mapping(r->task), &r->dialect, &scope, err) < 0 ||
        start_read_tables(source, &r->dialect, scope, &cat, &facts, err) < 0)
        return -1;
    FAULT("relay.start.before_schema");
    if (control_facts_put(sink, &r->fence, facts, err) < 0 ||
        control_schema_put(sink, &r->fence, cat, err) < 0)
        return -1;
    return 0;
}

/* Position and catalog are written in this order, so that a checkpoint means both are there. */
static int note_start(struct relay *r, struct conn *sink, struct conn *source, struct err *err)
{
    if (r->task->forward_id[0] != '\0' &&
        json_get(task_incr_config(r->task), "startTimestamp") == NULL) {
        if (relay_turned(r, sink, source, err) < 0)
            return -1;
        FAULT("relay.start.before_checkpoint");
        return control_checkpoint_init(sink, &r->fence, "incr", &r->start, err);
    }
    if (start_find_xa(r->w, &r->fence, sink, source, &r->dialect, &r->start, err) < 0 ||
        relay_note_catalog(r, sink, source, err) < 0)
        return -1;
    FAULT("relay.start.before_checkpoint");
    return control_checkpoint_init(sink, &r->fence, "incr", &r->start, err);
}

/* One try at taking over and, the first time, noting where the project begins. */
static int take_over(struct relay *r, struct conn *sink, struct conn *source, struct err *err)
{
    int got;

    if (dialect_detect(source, &r->dialect, err) < 0 ||
        control_ensure(sink, r->task->control_schema, err) < 0 ||
        control_take_epoch(sink, r->task->control_schema, r->task->project_id, "relay", LANES,
                           &r->fence, err) < 0 ||
        control_register(sink, &r->fence, err) < 0)
        return -1;
    checkpoint_done(&r->start);
    r->start = (struct checkpoint){ 0 };
    got = control_checkpoint_get(sink, r->task->control_schema, r->task->project_id, "incr",
                                 &r->start, err);
    if (got < 0)
        return -1;
    return got == 0 ? note_start(r, sink, source, err) : relay_reset(r, sink, source, err);
}

/* Both connections, and everything that must be known before the stream is opened. */
static int begin(struct relay *r, struct err *err)
{
    int64_t until = clock_mono_ms() + (int64_t)r->task->retry_minutes * 60 * 1000;
    struct conn_options plain = { 0 };

    for (int wait_ms = RETRY_FIRST_MS;; wait_ms = MIN(wait_ms * 2, (int)RETRY_LONGEST_MS)) {
        _cleanup_(conn_closep)
        struct conn *sink = NULL;
        _cleanup_(conn_closep)
        struct conn *source = NULL;
        int got = conn_open_retry(&r->task->ends[END_SOURCE], &plain, r->w->report,
                                  r->task->retry_minutes, &source, err);

        if (got == 0)
            got = conn_open_retry(&r->task->ends[END_SINK], &plain, r->w->report,
                                  r->task->retry_minutes, &sink, err);
        if (got != 0)
            return got;
        if (take_over(r, sink, source, err) == 0)
            return 0;
        if (err->code == ERR_CANCELLED && report_stopping(r->w->report))
            return STAGE_STOPPED;
        if (!err_retryable(err) || clock_mono_ms() > until)
            return -1;
        report_error(r->w->report, err, true);
        if (report_sleep(r->w->report, wait_ms))
            return STAGE_STOPPED;
    }
}

/* -------------------------------------------------------------------------------- disk */

static uint64_t segment_bytes(struct json_object *config)
{
    int64_t mib = json_get_i64(config, "segmentMiB", 0); /* of the component's grade */

    return mib > 0 ? (uint64_t)mib * 1024 * 1024 : segment_bytes_default;
}

static int open_writer(struct relay *r, struct err *err)
{
    struct json_object *config = task_incr_config(r->task);
    uint64_t max = (uint64_t)MAX(json_get_i64(config, "relayMaxBytes", 0), (int64_t)0);
    struct relay_writer_options o = { .dir = r->dir,
                                      .source_uuid = r->start.source_uuid,
                                      .segment_bytes = segment_bytes(config),
                                      .max_bytes = max,
                                      .reserve_bytes = max == 0 ? reserve_default : 0,
                                      .must_cover = &r->start.pos };
    struct binlog_pos end;

    r->max_bytes = max;
    /* only whole segments go: the limit must hold several */
    if (max > 0)
        o.segment_bytes = MAX(MIN(o.segment_bytes, max / 8), segment_bytes_least);
    if ((size_t)snprintf(r->dir, sizeof(r->dir), "%s/relay", r->task->data_dir) >= sizeof(r->dir))
        return err_set(err, ERR_RELAY_IO, "the data directory's name is too long");
    if (relay_writer_open(&o, &r->writer, &end, err) < 0)
        return -1;
    r->kept_s = json_get_i64(config, "storeLogKeptHour", KEPT_HOURS_DEFAULT) * 3600;
    r->pull.writer = r->writer;
    if (relay_follow_resume(r, &end, err) < 0)
        return -1;
    log_info("relay", "resume",
             "file=%s pos=%" PRIu64 " era=%u source=%s bytes=%" PRIu64 " segments=%u",
             r->pull.pos.file, r->pull.pos.offset, r->pull.pos.era, r->uuid,
             relay_writer_bytes(r->writer), relay_writer_segments(r->writer));
    return 0;
}

/*
 * A predecessor that was stopped (SIGSTOP) still holds the folder; it ends by itself as soon as it
 * goes on, for its channel is closed. Until then: wait, and say so.
 */
static int wait_for_writer(struct relay *r, struct err *err)
{
    for (;;) {
        if (open_writer(r, err) == 0)
            return 0;
        if (err->code != ERR_RELAY_BUSY)
            return -1;
        report_error(r->w->report, err, true);
        if (report_sleep(r->w->report, RETRY_LONGEST_MS))
            return STAGE_STOPPED;
    }
}

/* Removes what is applied and older than it has to be kept; in need, whatever is applied. */
static int purge(struct relay *r, bool in_need, struct err *err)
{
    struct binlog_pos applied = keeper_checkpoint(r->keeper);
    uint64_t freed;

    if (relay_writer_purge(r->writer, &applied, in_need ? 0 : r->kept_s, &freed, err) < 0)
        return -1;
    if (freed > 0)
        log_info("relay", "purged", "bytes=%" PRIu64 " before=%s in_need=%d", freed, applied.file,
                 in_need);
    return 0;
}

/* The disk, or the limit, is full: tells why, frees what it may, and waits a little. */
static int wait_for_room(struct relay *r, struct err *err)
{
    int64_t now = clock_mono_ms();

    if (now >= r->tell_full_ms) {
        log_err(LOG_WARN, "relay", "full", err);
        report_error(r->w->report, err, true);
        r->tell_full_ms = now + TELL_FULL_EVERY_MS;
    }
    if (purge(r, true, err) < 0)
        return -1;
    return report_sleep(r->w->report, FULL_STEP_MS) ? STAGE_STOPPED : 0;
}

static int flush(struct relay *r, bool sync, struct err *err)
{
    while (relay_writer_flush(r->writer, sync, err) < 0) {
        int got = err->code == ERR_RELAY_FULL ? wait_for_room(r, err) : -1;

        if (got != 0)
            return got;
    }
    return 0;
}

/* -------------------------------------------------------------------------- once a second */

/* What is done once a second whatever the source does. 0, STAGE_STOPPED or -1. */
static int tick(struct relay *r, struct err *err)
{
    int64_t now = clock_mono_ms();
    int got;

    if (report_stopping(r->w->report))
        return STAGE_STOPPED;
    if (now < r->next_tick_ms)
        return 0;
    r->next_tick_ms = now + EVERY_MS;
    got = flush(r, true, err);
    if (got != 0)
        return got;
    if (now >= r->next_purge_ms) {
        r->next_purge_ms = now + PURGE_EVERY_MS;
        if (purge(r, false, err) < 0)
            return -1;
    }
    if (r->pull.live && !r->ready) {
        r->ready = true;
        report_ready(r->w->report);
        log_info("relay", "ready", "file=%s pos=%" PRIu64, r->pull.pos.file, r->pull.pos.offset);
    }
    if (r->pull.live)
        relay_tell(r);
    return 0;
}

/* -------------------------------------------------------------------------------- stream */

/* How far the source's clock is ahead, to half the round trip. */
static int measure_skew(struct relay *r, struct conn *c, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    int64_t before = clock_now_us(), after;
    char *end = NULL;
    double source;

    if (conn_value(c, "SELECT UNIX_TIMESTAMP(NOW(6))", &text, err) < 0)
        return -1;
    after = clock_now_us();
    source = text != NULL ? strtod(text, &end) : 0;
    if (end == NULL || end == text)
        return err_set(err, ERR_DB_UNSUPPORTED, "the source does not tell its time");
    r->skew_us = (int64_t)(source * 1e6) - (before + (after - before) / 2);
    return 0;
}

static int connect_dump(struct relay *r, struct dump **ret, struct err *err)
{
    _cleanup_(conn_closep)
    struct conn *c = NULL;
    struct conn_options co = { .timeout_s = SILENCE_S };
    struct dump_options o = { .server_id = start_server_id(r->task, "relay"),
                              .heartbeat_ms = HEARTBEAT_MS };
    struct binlog_pos here;
    int got = conn_open_retry(&r->task->ends[END_SOURCE], &co, r->w->report, r->task->retry_minutes,
                              &c, err);

    if (got != 0)
        return got;
    if (dialect_detect(c, &r->dialect, err) < 0)
        return -1;
    got = relay_follow(r, c, err);
    if (got != 0)
        return got;
    if (measure_skew(r, c, err) < 0)
        return -1;
    here = pull_resume(&r->pull);
    if (here.file[0] == '\0')
        o.gtids = r->have;
    pull_start(&r->pull, &here, relay_writer_last(r->writer), &o.pos);
    r->heard_ms = clock_mono_ms();
    return dump_open(take_ptr(c), &r->dialect, &o, ret, err);
}

static int take_event(struct relay *r, const uint8_t *data, size_t len, struct err *err)
{
    int got;

    while ((got = pull_event(&r->pull, data, len, err)) < 0) {
        int room = err->code == ERR_RELAY_FULL ? wait_for_room(r, err) : -1;

        if (room != 0)
            return room;
    }
    r->heard_ms = clock_mono_ms();
    r->received += len;
    r->tell_full_ms = 0;
    if (pull_proven(&r->pull))
        r->unproven_errors = 0;
    if (got == PULL_IDLE) {
        r->caught_up_us = clock_now_us() + r->skew_us;
        if (relay_writer_mark(r->writer, &r->pull.pos, r->caught_up_us, err) < 0 &&
            err->code != ERR_RELAY_FULL)
            return -1;
    }
    return 0;
}

/* Reads until the connection fails (-1) or we are asked to stop. */
static int pull_stream(struct relay *r, struct dump *d, struct err *err)
{
    for (;;) {
        const uint8_t *data;
        size_t len;
        int got = tick(r, err);

        if (got != 0)
            return got;
        if (!dump_pending(d)) {
            got = flush(r, false, err);
            if (got != 0)
                return got;
            if (!dump_wait(d, report_stop_fd(r->w->report), EVERY_MS)) {
                if (clock_mono_ms() - r->heard_ms > SILENCE_S * 1000)
                    return err_set(err, ERR_DB_LOST,
                                   "the source has sent nothing for %d s, not even a heartbeat",
                                   SILENCE_S);
                continue;
            }
        }
        got = dump_next(d, &data, &len, err);
        if (got == 0)
            return err_set(err, ERR_DB_LOST, "the source ended the binlog stream");
        if (got > 0)
            got = take_event(r, data, len, err);
        if (got != 0)
            return got;
    }
}

/*
 * While the source has not shown the event that we have seen at this place, whatever it sends or
 * refuses may come of another binlog under the same name.
 */
static void doubt(struct relay *r, struct err *err)
{
    bool refused = err->db_errno == ER_MASTER_FATAL_ERROR && err->code != ERR_BINLOG_PURGED &&
                   err->code != ERR_BINLOG_OFF && err->code != ERR_BINLOG_RESET;

    if (pull_proven(&r->pull) ||
        (!refused && err->code != ERR_BINLOG_MALFORMED && err->code != ERR_BINLOG_CHECKSUM))
        return;
    if (err->code != ERR_BINLOG_MALFORMED && ++r->unproven_errors < UNPROVEN_RETRIES)
        return;
    err->code = ERR_BINLOG_RESET;
    (void)err_wrap(
        err, "the source's binlog does not hold any more what was read from it at %s:%" PRIu64,
        r->pull.proof.start.file, r->pull.proof.start.offset);
}

/* Is a new connection worth it? */
static bool may_pass(struct relay *r, const struct err *err)
{
    if (err->code == ERR_BINLOG_CHECKSUM && r->checksum_errors < CHECKSUM_RETRIES) {
        r->checksum_errors++;
        return true;
    }
    return err->code != ERR_RELAY_FULL && err_retryable(err);
}

static int pull_for_ever(struct relay *r, struct err *err)
{
    int64_t limit_ms = (int64_t)r->task->retry_minutes * 60 * 1000, since = clock_mono_ms();
    int wait_ms = RETRY_FIRST_MS;

    for (;;) {
        _cleanup_(dump_closep)
        struct dump *d = NULL;
        int got = connect_dump(r, &d, err);

        if (got == 0)
            got = pull_stream(r, d, err);
        if (got >= 0)
            return got;
        doubt(r, err);
        if (r->pull.live) { /* it worked for a while: the retries begin anew */
            since = clock_mono_ms();
            wait_ms = RETRY_FIRST_MS;
            r->pull.live = false;
        }
        if (!may_pass(r, err) || clock_mono_ms() - since > limit_ms)
            return -1;
        log_err(LOG_WARN, "relay", "stream_lost", err);
        report_error(r->w->report, err, true);
        if (report_sleep(r->w->report, wait_ms))
            return STAGE_STOPPED;
        wait_ms = MIN(wait_ms * 2, (int)RETRY_LONGEST_MS);
    }
}

int relay_run(struct worker *w, struct err *err)
{
    struct relay r = { .w = w, .task = w->task };
    struct err ignored = { 0 };
    int got = begin(&r, err);

    if (got == 0)
        got = wait_for_writer(&r, err);
    if (got == 0)
        got = keeper_new(w, &r.start.pos, &r.keeper, err);
    if (got == 0 && watch_new(w, &r.watch, &ignored) < 0)
        log_err(LOG_WARN, "relay", "no_watch", &ignored); /* the stream goes on without it */
    if (got == 0)
        got = pull_for_ever(&r, err);
    keeper_free(r.keeper);
    watch_free(r.watch);
    relay_writer_close(r.writer);
    if (r.have != r.began)
        gtid_set_free(r.have);
    gtid_set_free(r.began);
    checkpoint_done(&r.start);
    return got;
}
