#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "workers/relay/segment_file.h"

#include "base/banned.h"

enum { FORMAT_MAX = 64 * 1024, WATCH_BYTES = 4096 };

struct relay_reader {
    char *dir;
    struct binlog_pos from; /* nothing that starts before it is given out */
    struct crc32c crc;
    struct segment_file file; /* fd -1: none opened yet */
    struct strbuf format;     /* the FORMAT_DESCRIPTION in force */
    bool format_due;          /* … is to be given out before anything else */
    bool era_due;             /* the open segment is of a later era than the one before */
    struct raw_record held;   /* read already, to be given out behind these */
    bool holding;
    int watch;
};

static int purged(const struct relay_reader *r, const struct segment_header *first, struct err *err)
{
    return err_set(err, ERR_BINLOG_PURGED, "the relay begins at %s:%llu, %s:%llu is needed",
                   first->start.file, (unsigned long long)first->start.offset, r->from.file,
                   (unsigned long long)r->from.offset);
}

/* The last segment that begins at or before `from`; *ret 0: there is none at all yet. */
static int choose(const struct relay_reader *r, unsigned *ret, struct err *err)
{
    _cleanup_(freep)
    unsigned *list = NULL;
    struct segment_header h, first = { 0 };
    bool seen = false;
    size_t count;

    *ret = 0;
    if (segment_list(r->dir, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int got = segment_header_of(r->dir, list[i], &h, err);

        if (got < 0)
            return -1;
        if (got == 0)
            continue; /* just being made, or just purged */
        if (!seen)
            first = h;
        if (r->from.file[0] == '\0' ? !seen : binlog_pos_cmp(&h.start, &r->from) <= 0)
            *ret = list[i];
        seen = true;
    }
    return seen && *ret == 0 ? purged(r, &first, err) : 0;
}

/* 1 a segment is open, 0 none is there yet. */
static int ensure_open(struct relay_reader *r, struct err *err)
{
    unsigned number;
    int got;

    if (r->file.fd >= 0)
        return 1;
    if (choose(r, &number, err) < 0)
        return -1;
    if (number == 0)
        return 0;
    got = segment_file_open(&r->file, r->dir, number, &r->crc, err);
    if (got > 0) /* of the first server nothing was pulled */
        r->era_due = r->file.header.start.era > r->from.era;
    return got;
}

int relay_reader_open(const char *dir, const struct binlog_pos *from, struct relay_reader **ret,
                      struct err *err)
{
    _cleanup_(relay_reader_closep)
    struct relay_reader *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->file.fd = r->watch = -1;
    r->from = *from;
    r->format = (struct strbuf)STRBUF(FORMAT_MAX);
    crc32c_init(&r->crc);
    r->dir = strdup(dir);
    if (r->dir == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (fs_mkdir(dir, 0700, err) < 0) {
        err->code = ERR_RELAY_IO;
        return -1;
    }
    if (ensure_open(r, err) < 0)
        return -1;
    *ret = take_ptr(r);
    return 0;
}

void relay_reader_close(struct relay_reader *r)
{
    if (r == NULL)
        return;
    segment_file_done(&r->file);
    closep(&r->watch);
    strbuf_done(&r->format);
    free(r->dir);
    free(r);
}

/* The segment behind the open one: 1 with *ret opened, 0 not there yet. */
static int open_following(struct relay_reader *r, struct segment_file *ret, struct err *err)
{
    _cleanup_(freep)
    unsigned *list = NULL;
    size_t count;

    if (segment_list(r->dir, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (list[i] > r->file.number)
            return segment_file_open(ret, r->dir, list[i], &r->crc, err);
    return 0;
}

/* Only the newest segment may end in the middle of a record. */
static int check_whole(const struct relay_reader *r, struct err *err)
{
    struct stat st;

    if (fstat(r->file.fd, &st) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "look at relay segment %u", r->file.number);
    if ((uint64_t)st.st_size <= r->file.next_at)
        return 0;
    return err_set(err, ERR_RELAY_CORRUPT, "relay segment %u ends in the middle of a record",
                   r->file.number);
}

/* At the end of what the open segment holds: its next record after all, or the next segment's. */
static int over_the_end(struct relay_reader *r, struct raw_record *ret, struct err *err)
{
    struct segment_file next;
    int got = open_following(r, &next, err);

    if (got <= 0)
        return got;
    /* the writer may have gone on in the old one before it made the new one */
    got = segment_file_next(&r->file, ret, err);
    if (got == 0)
        got = check_whole(r, err);
    if (got != 0) {
        segment_file_done(&next);
        return got;
    }
    r->era_due = r->era_due || next.header.start.era != r->file.header.start.era;
    segment_file_done(&r->file);
    r->file = next;
    return segment_file_next(&r->file, ret, err);
}

/* The next record of any kind. */
static int next_raw(struct relay_reader *r, struct raw_record *ret, struct err *err)
{
    int got = ensure_open(r, err);

    if (got <= 0)
        return got;
    got = segment_file_next(&r->file, ret, err);
    if (got == 0)
        got = over_the_end(r, ret, err);
    if (got < 0 && err->code == ERR_RELAY_CORRUPT)
        segment_damage_note(r->dir, r->file.number, r->file.next_at);
    return got;
}

static bool is_format(const struct raw_record *raw)
{
    return raw->kind == RAW_FORMAT ||
           (raw->kind == RAW_EVENT && raw->len > 4 && raw->data[4] == 15);
}

static int keep_format(struct relay_reader *r, const struct raw_record *raw, struct err *err)
{
    if (r->format.len == raw->len && memcmp(r->format.data, raw->data, raw->len) == 0)
        return 0;
    strbuf_reset(&r->format);
    strbuf_add(&r->format, raw->data, raw->len);
    r->format_due = true;
    return strbuf_check(&r->format, err);
}

static struct record mark_record(const struct raw_record *raw)
{
    struct cursor c = cursor_of(raw->data, raw->len);

    return (struct record){ .kind = RECORD_MARK,
                            .start = raw->start,
                            .end = raw->end,
                            .mark_us = (int64_t)cursor_le(&c, 8) };
}

/* Gives out an event, or first the format it is read by. */
static void give(struct relay_reader *r, const struct raw_record *raw, struct record *ret)
{
    *ret = (struct record){ .kind = RECORD_EVENT, .start = raw->start, .end = raw->start };
    if (r->format_due && !is_format(raw)) {
        r->held = *raw;
        r->holding = true;
        r->format_due = false;
        ret->data = (const uint8_t *)r->format.data;
        ret->len = r->format.len;
        return;
    }
    if (is_format(raw))
        r->format_due = false;
    ret->end = raw->end;
    ret->data = raw->data;
    ret->len = raw->len;
    r->from = raw->end; /* a relay begun anew repeats what is already given out */
}

/* Says that another era begins, before the first record of it. */
static void give_era(struct relay_reader *r, const struct raw_record *raw, struct record *ret)
{
    const struct segment_header *h = &r->file.header;

    r->held = *raw;
    r->holding = true;
    r->era_due = false;
    *ret = (struct record){
        .kind = RECORD_ERA, .start = h->start, .end = h->start, .source_uuid = h->uuid
    };
}

int relay_reader_next(struct relay_reader *r, struct record *ret, struct err *err)
{
    for (;;) {
        struct raw_record raw = r->held;
        int got = r->holding ? 1 : next_raw(r, &raw, err);

        r->holding = false;
        if (got <= 0)
            return got;
        if (r->era_due) {
            give_era(r, &raw, ret);
            return 1;
        }
        if (is_format(&raw) && keep_format(r, &raw, err) < 0)
            return -1;
        switch (raw.kind) {
        case RAW_FORMAT:
        case RAW_FILE:
            break;
        case RAW_MARK:
            if (binlog_pos_cmp(&raw.end, &r->from) < 0)
                break;
            *ret = mark_record(&raw);
            return 1;
        case RAW_EVENT:
        case RAW_ROTATE:
            if (binlog_pos_cmp(&raw.start, &r->from) < 0)
                break;
            give(r, &raw, ret);
            return 1;
        }
    }
}

/* Made when it is first waited for: closing one takes the kernel long. */
static int start_watch(struct relay_reader *r, struct err *err)
{
    r->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (r->watch < 0 ||
        inotify_add_watch(r->watch, r->dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "watch %s", r->dir);
    return 0;
}

static int wait_watch(struct relay_reader *r, int stop_fd, int timeout_ms, struct err *err)
{
    struct pollfd p[] = { { .fd = r->watch, .events = POLLIN },
                          { .fd = stop_fd, .events = POLLIN } };
    char news[WATCH_BYTES];

    if (poll(p, ARRAY_SIZE(p), timeout_ms) < 0 && errno != EINTR)
        return err_set_sys(err, ERR_RELAY_IO, "wait for the relay");
    /* what came before this read is seen by the caller's next look at the segments */
    while (read(r->watch, news, sizeof(news)) > 0)
        ;
    return 0;
}

int relay_reader_wait(struct relay_reader *r, int stop_fd, int timeout_ms, struct err *err)
{
    if (r->watch < 0)
        return start_watch(r, err); /* something may have come before it: the caller looks again */
    return wait_watch(r, stop_fd, timeout_ms, err);
}
