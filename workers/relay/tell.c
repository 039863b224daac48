/* What the relay tells of itself: how far it is, how far behind the source, how much it holds. */
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "workers/relay/relay_priv.h"

#include "base/banned.h"

enum { US_PER_S = 1000000, MS_PER_S = 1000, HEARTBEAT_S = 1 };

/* The source's time up to which we have everything; 0: not known yet. */
static int64_t known_us(const struct relay *r)
{
    return MAX(r->caught_up_us, (int64_t)r->pull.last_timestamp * US_PER_S);
}

/* Seconds we are behind: 0 while heartbeats, one a second, say that there is no more. */
static double lag_s(const struct relay *r)
{
    double behind = (double)(clock_now_us() + r->skew_us - known_us(r)) / US_PER_S - HEARTBEAT_S;

    return known_us(r) == 0 ? 0 : MAX(behind, 0.0);
}

static void add_info(struct json_object *o, const struct relay *r, const struct watch_seen *seen)
{
    const struct binlog_pos *pos = &r->pull.pos;

    (void)json_add_str(o, "file", pos->file);
    (void)json_add_u64(o, "pos", pos->offset);
    (void)json_add_u64(o, "relayBytes", relay_writer_bytes(r->writer));
    (void)json_add_u64(o, "segments", relay_writer_segments(r->writer));
    (void)json_add_i64(o, "sourceLagSeconds", (int64_t)lag_s(r));
    if (seen->head.file[0] != '\0') {
        (void)json_add_str(o, "sourceFile", seen->head.file);
        (void)json_add_u64(o, "sourcePos", seen->head.offset);
        if (strcmp(seen->head.file, pos->file) == 0)
            (void)json_add_u64(o, "sourceBehindBytes",
                               MAX(seen->head.offset, pos->offset) - pos->offset);
    }
    if (seen->oldest.file[0] != '\0')
        (void)json_add_str(o, "sourceOldestFile", seen->oldest.file);
    if (seen->expires_known)
        (void)json_add_i64(o, "binlogExpireSeconds", seen->expire_s);
}

static struct json_object *state(const struct relay *r, const struct watch_seen *seen)
{
    const struct binlog_pos *pos = &r->pull.pos;
    struct json_object *o = json_object_new_object();
    struct err ignored = { 0 };
    uint64_t left;

    (void)json_add_u64(o, "bytes", relay_writer_bytes(r->writer));
    (void)json_add_u64(o, "maxBytes", r->max_bytes);
    if (fs_free_bytes(r->dir, &left, &ignored) == 0)
        (void)json_add_u64(o, "freeBytes", left);
    if (seen->expires_known)
        (void)json_add_i64(o, "binlogExpireSeconds", seen->expire_s);
    /* the file that we are in goes next, and it is not the one being written */
    (void)json_add_bool(o, "atOldestFile",
                        seen->oldest.file[0] != '\0' && strcmp(seen->oldest.file, pos->file) == 0 &&
                            strcmp(seen->head.file, pos->file) != 0);
    (void)json_add_i64(o, "timestamp", known_us(r) / US_PER_S);
    return o;
}

static void tell_metrics(struct relay *r, const struct watch_seen *seen)
{
    struct json_object *o = json_object_new_object();
    int64_t now = clock_mono_ms(), ms = r->told_ms == 0 ? MS_PER_S : now - r->told_ms;

    (void)json_add_double(o, "IOPS",
                          (double)(r->received - r->told_received) * MS_PER_S /
                              (double)MAX(ms, (int64_t)1));
    (void)json_add_double(o, "SOURCE_READ_LAG", lag_s(r));
    r->told_received = r->received;
    r->told_ms = now;
    report_metrics(r->w->report, o, state(r, seen));
}

void relay_tell(struct relay *r)
{
    struct json_object *info = json_object_new_object();
    const struct binlog_pos *pos = &r->pull.pos;
    struct watch_seen seen = { 0 };
    int64_t at = known_us(r) / US_PER_S;

    if (r->watch != NULL)
        watch_get(r->watch, &seen);
    add_info(info, r, &seen);
    tell_metrics(r, &seen);
    report_progress(r->w->report, r->ready ? 100 : 0, info);
    if (at > 0)
        report_checkpoint(r->w->report, at, pos->file, pos->offset, NULL);
}
