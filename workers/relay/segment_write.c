#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "workers/relay/segment_file.h"

#include "base/banned.h"

enum {
    BUFFER_BYTES = 64 * 1024,
    LOCK_WAIT_MS = 5 * 1000,
    LOCK_STEP_MS = 50,
    FREE_CHECK_BYTES = 16 * 1024 * 1024, /* the disk's free space is asked for once in so many */
    FORMAT_MAX = 64 * 1024,
};

struct relay_writer {
    char *dir;
    struct relay_writer_options o; /* strings: this struct's own */
    char uuid[SEGMENT_UUID_MAX];
    struct crc32c crc;
    int lock_fd;
    int fd;            /* the newest segment, -1: none yet */
    unsigned number;   /* its number; of the last one removed when there is none */
    unsigned count;    /* segments there are */
    uint64_t size;     /* of the newest, written */
    uint64_t older;    /* bytes of all others */
    uint64_t check_at; /* look at the disk's free space when so much has been written */
    uint64_t written;
    struct binlog_pos pos;  /* behind the last record */
    struct relay_last last; /* event; not known in a segment that has none yet */
    struct strbuf buffer;   /* whole records, not written yet */
    struct strbuf format;   /* the FORMAT_DESCRIPTION in force */
};

/* ------------------------------------------------------------------------------------ records */

static void put_le(uint8_t *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

/* A payload in two parts, so that an event is not copied to stand behind its prefix. */
struct payload {
    const void *prefix;
    size_t prefix_len;
    const void *data;
    size_t len;
};

static void make_head(const struct relay_writer *w, enum raw_kind kind, uint64_t offset,
                      const struct payload *p, uint8_t head[static RECORD_HEAD_LEN])
{
    uint32_t sum = crc32c(&w->crc, 0, p->prefix, p->prefix_len);

    sum = crc32c(&w->crc, sum, p->data, p->len);
    put_le(head, p->prefix_len + p->len, 4);
    head[4] = (uint8_t)kind;
    put_le(head + 5, offset, 8);
    put_le(head + 13, sum, 4);
    put_le(head + 17, crc32c(&w->crc, 0, head, 17), 4);
}

static bool no_room(int e)
{
    return e == ENOSPC || e == EDQUOT;
}

/* What was written beyond w->size of an unfinished write is taken back. */
static int write_failed(struct relay_writer *w, struct err *err)
{
    int e = errno;

    if (ftruncate(w->fd, (off_t)w->size) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "cut relay segment %u", w->number);
    errno = e;
    if (no_room(e))
        return err_set_sys(err, ERR_RELAY_FULL, "no room for the relay in %s", w->dir);
    return err_set_sys(err, ERR_RELAY_IO, "write relay segment %u", w->number);
}

/* All of `iov` or nothing. */
static int write_all(struct relay_writer *w, struct iovec *iov, int count, struct err *err)
{
    uint64_t done = 0;

    while (count > 0) {
        ssize_t n = pwritev(w->fd, iov, count, (off_t)(w->size + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_failed(w, err);
        done += (size_t)n;
        while (count > 0 && (size_t)n >= iov->iov_len) {
            n -= (ssize_t)iov->iov_len;
            iov++;
            count--;
        }
        if (count > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    w->size += done;
    w->written += done;
    return 0;
}

static int flush_buffer(struct relay_writer *w, struct err *err)
{
    struct iovec iov = { w->buffer.data, w->buffer.len };

    if (w->buffer.len == 0)
        return 0;
    FAULT("relay.flush.before");
    if (write_all(w, &iov, 1, err) < 0)
        return -1;
    strbuf_reset(&w->buffer);
    FAULT("relay.flush.after");
    return 0;
}

/* Is there room for `more` bytes? Asks the disk only now and then. */
static int check_room(struct relay_writer *w, size_t more, struct err *err)
{
    uint64_t bytes = relay_writer_bytes(w) + more, left;

    if (w->o.max_bytes > 0 && bytes > w->o.max_bytes)
        return err_set(err, ERR_RELAY_FULL, "the relay has reached its limit of %llu bytes in %s",
                       (unsigned long long)w->o.max_bytes, w->dir);
    if (w->o.reserve_bytes == 0 || w->written < w->check_at)
        return 0;
    if (fs_free_bytes(w->dir, &left, err) < 0) {
        err->code = ERR_RELAY_IO;
        return -1;
    }
    if (left < w->o.reserve_bytes + more)
        return err_set(err, ERR_RELAY_FULL, "%llu bytes are free in %s, %llu are to stay so",
                       (unsigned long long)left, w->dir, (unsigned long long)w->o.reserve_bytes);
    w->check_at = w->written + FREE_CHECK_BYTES;
    return 0;
}

/* Appends one record; on an error it was not taken. */
static int append(struct relay_writer *w, enum raw_kind kind, uint64_t offset, struct payload p,
                  struct err *err)
{
    uint8_t head[RECORD_HEAD_LEN];
    size_t total = sizeof(head) + p.prefix_len + p.len;

    if (p.prefix_len + p.len > PAYLOAD_MAX)
        return err_set(err, ERR_BINLOG_MALFORMED, "an event of %zu bytes", p.len);
    make_head(w, kind, offset, &p, head);
    if (w->buffer.len + total > BUFFER_BYTES && flush_buffer(w, err) < 0)
        return -1;
    if (total > BUFFER_BYTES) {
        struct iovec iov[] = { { head, sizeof(head) },
                               { (void *)(uintptr_t)p.prefix, p.prefix_len },
                               { (void *)(uintptr_t)p.data, p.len } };

        return write_all(w, iov, (int)ARRAY_SIZE(iov), err);
    }
    strbuf_add(&w->buffer, head, sizeof(head));
    strbuf_add(&w->buffer, p.prefix, p.prefix_len);
    strbuf_add(&w->buffer, p.data, p.len);
    return strbuf_check(&w->buffer, err);
}

/* ----------------------------------------------------------------------------------- segments */

static int header_text(const struct relay_writer *w, const struct binlog_pos *start,
                       struct strbuf *b, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    char file[BINLOG_FILE_TEXT_MAX];

    (void)binlog_file_text(start, file);
    if (o == NULL || json_add_i64(o, "v", SEGMENT_VERSION) < 0 ||
        json_add_str(o, "uuid", w->uuid) < 0 || json_add_str(o, "file", file) < 0 ||
        json_add_u64(o, "pos", start->offset) < 0 ||
        json_add_u64(o, "crc", segment_header_sum(w->uuid, file, start->offset)) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    strbuf_adds(b, json_text(o));
    strbuf_addc(b, '\n');
    return strbuf_check(b, err);
}

static int new_segment(struct relay_writer *w, const struct binlog_pos *start, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf header = STRBUF(SEGMENT_HEADER_MAX);
    char path[SEGMENT_PATH_MAX];
    _cleanup_(closep)
    int fd = -1;
    ssize_t n;

    if (header_text(w, start, &header, err) < 0)
        return -1;
    if (w->fd >= 0) {
        if (relay_writer_flush(w, true, err) < 0)
            return -1;
        FAULT("relay.roll.between");
    }
    fd = open(segment_path(w->dir, w->number + 1, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
              0600);
    if (fd < 0)
        return err_set_sys(err, no_room(errno) ? ERR_RELAY_FULL : ERR_RELAY_IO, "make %s", path);
    n = write(fd, header.data, header.len);
    if (n != (ssize_t)header.len) {
        errno = n >= 0 ? ENOSPC : errno;
        (void)err_set_sys(err, no_room(errno) ? ERR_RELAY_FULL : ERR_RELAY_IO, "write %s", path);
        (void)unlink(path);
        return -1;
    }
    closep(&w->fd);
    w->fd = take_fd(fd);
    w->older += w->size;
    w->size = header.len;
    w->number++;
    w->count++;
    w->pos = *start;
    if (w->format.len > 0)
        return append(w, RAW_FORMAT, start->offset,
                      (struct payload){ .data = w->format.data, .len = w->format.len }, err);
    return 0;
}

static bool begins_segment(const struct relay_writer *w)
{
    return w->fd < 0 || w->size + w->buffer.len >= w->o.segment_bytes;
}

/* Is there room for an event of `len` bytes, and for a new segment's beginning if it makes one? */
static int check_room_at(struct relay_writer *w, const struct binlog_pos *start, size_t len,
                         struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf header = STRBUF(SEGMENT_HEADER_MAX);
    size_t more = len + RECORD_HEAD_LEN;

    if (begins_segment(w)) {
        if (header_text(w, start, &header, err) < 0)
            return -1;
        more += header.len + (w->format.len > 0 ? RECORD_HEAD_LEN + w->format.len : 0);
    }
    return check_room(w, more, err);
}

/* A segment to write to, that stands at `start`. */
static int ready_at(struct relay_writer *w, const struct binlog_pos *start, struct err *err)
{
    if (begins_segment(w) && new_segment(w, start, err) < 0)
        return -1;
    if (strcmp(w->pos.file, start->file) == 0)
        return 0;
    if (append(w, RAW_FILE, start->offset,
               (struct payload){ .data = start->file, .len = strlen(start->file) }, err) < 0)
        return -1;
    w->pos = *start;
    return 0;
}

static bool is_format(const void *data, size_t len)
{
    return len > 4 && ((const uint8_t *)data)[4] == 15; /* FORMAT_DESCRIPTION_EVENT */
}

static int keep_format(struct relay_writer *w, const void *data, size_t len, struct err *err)
{
    strbuf_reset(&w->format);
    strbuf_add(&w->format, data, len);
    return strbuf_check(&w->format, err);
}

int relay_writer_event(struct relay_writer *w, const struct binlog_pos *start,
                       const struct binlog_pos *end, const void *data, size_t len, struct err *err)
{
    uint8_t prefix[8 + 1 + BINLOG_FILE_MAX];
    struct payload p = { .data = data, .len = len };
    bool rotate = strcmp(start->file, end->file) != 0;

    if (check_room_at(w, start, len, err) < 0)
        return -1;
    /* a segment begins with what its own events are read by, so this must be known before it does
     */
    if (is_format(data, len) && keep_format(w, data, len, err) < 0)
        return -1;
    if (ready_at(w, start, err) < 0)
        return -1;
    if (rotate) {
        size_t name = strlen(end->file);

        put_le(prefix, start->offset, 8);
        prefix[8] = (uint8_t)name;
        memcpy(prefix + 9, end->file, name);
        p.prefix = prefix;
        p.prefix_len = 9 + name;
    } else if (end->offset != start->offset + len) {
        return err_set(err, ERR_BINLOG_MALFORMED, "an event of %zu bytes from %llu to %llu of %s",
                       len, (unsigned long long)start->offset, (unsigned long long)end->offset,
                       start->file);
    }
    if (append(w, rotate ? RAW_ROTATE : RAW_EVENT, end->offset, p, err) < 0)
        return -1;
    w->pos = *end;
    w->last = relay_last_of(start, data, len);
    return 0;
}

const struct relay_last *relay_writer_last(const struct relay_writer *w)
{
    return &w->last;
}

const char *relay_writer_uuid(const struct relay_writer *w)
{
    return w->count > 0 ? w->uuid : "";
}

int relay_writer_source(struct relay_writer *w, const char *uuid, struct err *err)
{
    size_t len = strlen(uuid);

    if (len >= sizeof(w->uuid))
        return err_set(err, ERR_RELAY_IO, "the source's identity is too long");
    if (w->fd >= 0 && relay_writer_flush(w, true, err) < 0)
        return -1;
    /* the next event or mark makes a segment of its own */
    closep(&w->fd);
    w->fd = -1;
    w->older += w->size;
    w->size = 0;
    strbuf_reset(&w->format);
    w->last = (struct relay_last){ 0 };
    memcpy(w->uuid, uuid, len + 1);
    return 0;
}

int relay_writer_format(struct relay_writer *w, const void *data, size_t len, struct err *err)
{
    if (w->format.len == len && memcmp(w->format.data, data, len) == 0)
        return 0;
    if (keep_format(w, data, len, err) < 0)
        return -1;
    if (w->fd < 0)
        return 0; /* the first segment begins with it */
    return append(w, RAW_FORMAT, w->pos.offset, (struct payload){ .data = data, .len = len }, err);
}

int relay_writer_mark(struct relay_writer *w, const struct binlog_pos *at, int64_t source_us,
                      struct err *err)
{
    uint8_t raw[8];

    if (check_room(w, RECORD_HEAD_LEN + sizeof(raw), err) < 0 || ready_at(w, at, err) < 0)
        return -1;
    put_le(raw, (uint64_t)source_us, sizeof(raw));
    if (append(w, RAW_MARK, at->offset, (struct payload){ .data = raw, .len = sizeof(raw) }, err) <
        0)
        return -1;
    w->pos = *at;
    return 0;
}

int relay_writer_flush(struct relay_writer *w, bool sync, struct err *err)
{
    if (flush_buffer(w, err) < 0)
        return -1;
    if (sync && w->fd >= 0 && fdatasync(w->fd) < 0)
        return err_set_sys(err, no_room(errno) ? ERR_RELAY_FULL : ERR_RELAY_IO,
                           "sync relay segment %u", w->number);
    return 0;
}

uint64_t relay_writer_bytes(const struct relay_writer *w)
{
    return w->older + w->size + w->buffer.len;
}

unsigned relay_writer_segments(const struct relay_writer *w)
{
    return w->count;
}

/* ------------------------------------------------------------------------------------ opening */

static int lock_dir(struct relay_writer *w, struct err *err)
{
    char path[SEGMENT_PATH_MAX];
    int64_t until = clock_mono_ms() + LOCK_WAIT_MS;

    (void)snprintf(path, sizeof(path), "%s/lock", w->dir);
    w->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (w->lock_fd < 0)
        return err_set_sys(err, ERR_RELAY_IO, "open %s", path);
    while (flock(w->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set_sys(err, ERR_RELAY_IO, "lock %s", path);
        if (clock_mono_ms() >= until)
            return err_set(err, ERR_RELAY_BUSY, "another relay worker still writes to %s", w->dir);
        (void)usleep(LOCK_STEP_MS * 1000); /* a predecessor that is just being ended */
    }
    /* for the person who finds a stopped predecessor in the way: who it is */
    (void)snprintf(path, sizeof(path), "%d\n", (int)getpid());
    if (ftruncate(w->lock_fd, 0) < 0 || pwrite(w->lock_fd, path, strlen(path), 0) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "write the lock of %s", w->dir);
    return 0;
}

static int remove_segment(struct relay_writer *w, unsigned number, struct err *err)
{
    char path[SEGMENT_PATH_MAX];

    if (unlink(segment_path(w->dir, number, path)) < 0 && errno != ENOENT)
        return err_set_sys(err, ERR_RELAY_IO, "remove %s", path);
    return 0;
}

/* Goes through the newest segment and leaves it open behind its last whole record. */
static int resume_segment(struct relay_writer *w, unsigned number, uint64_t cut_at, struct err *err)
{
    char path[SEGMENT_PATH_MAX];
    struct segment_file f;
    struct raw_record r;
    struct stat st;
    int got = segment_file_open(&f, w->dir, number, &w->crc, err);

    if (got <= 0)
        return got;
    w->last = (struct relay_last){ 0 };
    while (f.next_at < cut_at && (got = segment_file_next(&f, &r, err)) > 0) {
        if ((r.kind == RAW_FORMAT || (r.kind == RAW_EVENT && is_format(r.data, r.len))) &&
            keep_format(w, r.data, r.len, err) < 0)
            got = -1;
        if (r.kind == RAW_EVENT || r.kind == RAW_ROTATE)
            w->last = relay_last_of(&r.start, r.data, r.len);
    }
    w->size = MIN(f.next_at, cut_at);
    w->pos = f.pos;
    memcpy(w->uuid, f.header.uuid, sizeof(w->uuid));
    segment_file_done(&f);
    if (got < 0 && err->code != ERR_RELAY_CORRUPT)
        return -1;
    if (got < 0)
        log_err(LOG_WARN, "relay", "segment_cut", err); /* pulled again from there */
    err_reset(err);
    w->fd = open(segment_path(w->dir, number, path), O_WRONLY | O_CLOEXEC);
    if (w->fd < 0 || fstat(w->fd, &st) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "open %s", path);
    if ((uint64_t)st.st_size > w->size && ftruncate(w->fd, (off_t)w->size) < 0)
        return err_set_sys(err, ERR_RELAY_IO, "cut %s", path);
    w->number = number;
    return 1;
}

/* Sizes of all but the newest. */
static int count_older(struct relay_writer *w, const unsigned *list, size_t count, struct err *err)
{
    char path[SEGMENT_PATH_MAX];
    struct stat st;

    for (size_t i = 0; i < count; i++) {
        if (stat(segment_path(w->dir, list[i], path), &st) < 0)
            return err_set_sys(err, ERR_RELAY_IO, "look at %s", path);
        w->older += (uint64_t)st.st_size;
    }
    return 0;
}

/* Is what begins with segment list[0] and ends at w->pos what this writer goes on with? */
static bool usable(const struct relay_writer *w, const unsigned *list, size_t count)
{
    static const struct binlog_pos anything;
    const struct binlog_pos *need = w->o.must_cover != NULL ? w->o.must_cover : &anything;
    struct segment_header h, holds = { 0 };
    struct err ignored = { 0 };

    for (size_t i = 0; i < count; i++) {
        if (segment_header_of(w->dir, list[i], &h, &ignored) <= 0)
            return false;
        if (i > 0 && (need->file[0] == '\0' || binlog_pos_cmp(&h.start, need) > 0))
            break;
        holds = h;
    }
    if (need->file[0] == '\0' && holds.start.era > need->era)
        return true; /* of the first server nothing was pulled */
    if (holds.start.era != need->era || strcmp(holds.uuid, w->o.source_uuid) != 0)
        return false;
    return need->file[0] == '\0' ||
           (binlog_pos_cmp(&holds.start, need) <= 0 && binlog_pos_cmp(need, &w->pos) <= 0);
}

/* Begins anew; the numbers go on, so that a reader that still holds the last one finds the next. */
static int remove_all(struct relay_writer *w, const unsigned *list, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (remove_segment(w, list[i], err) < 0)
            return -1;
    log_warn("relay", "begun_anew", "segments=%zu", count);
    closep(&w->fd);
    w->fd = -1;
    w->size = w->older = 0;
    w->count = 0;
    w->pos = (struct binlog_pos){ 0 };
    w->last = (struct relay_last){ 0 };
    memcpy(w->uuid, w->o.source_uuid, strlen(w->o.source_uuid) + 1);
    strbuf_reset(&w->format);
    return 0;
}

static int resume(struct relay_writer *w, struct err *err)
{
    _cleanup_(freep)
    unsigned *list = NULL;
    uint64_t damage_at = 0, cut_at = UINT64_MAX;
    unsigned damaged = 0;
    size_t count;
    int got = 0;

    if (segment_list(w->dir, &list, &count, err) < 0)
        return -1;
    if (count == 0)
        return 0;
    w->number = list[count - 1];
    if (segment_damage_get(w->dir, &damaged, &damage_at)) {
        for (; count > 0 && list[count - 1] > damaged; count--)
            if (remove_segment(w, list[count - 1], err) < 0)
                return -1;
        if (count > 0 && list[count - 1] == damaged)
            cut_at = damage_at;
        segment_damage_clear(w->dir);
    }
    /* a segment whose header never became whole held nothing yet */
    while (count > 0 && (got = resume_segment(w, list[count - 1], cut_at, err)) <= 0) {
        if (got < 0 && err->code != ERR_RELAY_CORRUPT)
            return -1;
        err_reset(err);
        if (remove_segment(w, list[--count], err) < 0)
            return -1;
        cut_at = UINT64_MAX;
    }
    if (count == 0)
        return 0;
    w->count = (unsigned)count;
    if (count_older(w, list, count - 1, err) < 0)
        return -1;
    return usable(w, list, count) ? 0 : remove_all(w, list, count, err);
}

int relay_writer_open(const struct relay_writer_options *o, struct relay_writer **ret,
                      struct binlog_pos *ret_end, struct err *err)
{
    _cleanup_(relay_writer_closep)
    struct relay_writer *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->fd = w->lock_fd = -1;
    w->o = *o;
    w->buffer = (struct strbuf)STRBUF(BUFFER_BYTES);
    w->format = (struct strbuf)STRBUF(FORMAT_MAX);
    w->dir = strdup(o->dir);
    if (w->dir == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((size_t)snprintf(w->uuid, sizeof(w->uuid), "%s", o->source_uuid) >= sizeof(w->uuid))
        return err_set(err, ERR_RELAY_IO, "the source's identity is too long");
    crc32c_init(&w->crc);
    if (fs_mkdir(w->dir, 0700, err) < 0) {
        err->code = ERR_RELAY_IO;
        return -1;
    }
    if (lock_dir(w, err) < 0 || resume(w, err) < 0)
        return -1;
    w->o.must_cover = NULL; /* the caller's, and of no more use */
    w->o.source_uuid = NULL;
    *ret_end = w->pos;
    *ret = take_ptr(w);
    return 0;
}

void relay_writer_close(struct relay_writer *w)
{
    struct err ignored = { 0 };

    if (w == NULL)
        return;
    if (w->fd >= 0)
        (void)relay_writer_flush(w, true, &ignored); /* what is lost here is pulled again */
    closep(&w->fd);
    closep(&w->lock_fd);
    strbuf_done(&w->buffer);
    strbuf_done(&w->format);
    free(w->dir);
    free(w);
}

/* ------------------------------------------------------------------------------------- purging */

/* May segment `number` go, given where the one behind it begins? */
static bool purgeable(const struct relay_writer *w, unsigned number, unsigned following,
                      const struct binlog_pos *keep_from, int64_t older_than_s, uint64_t *ret_size)
{
    char path[SEGMENT_PATH_MAX];
    struct segment_header next;
    struct err ignored = { 0 };
    struct stat st;

    if (segment_header_of(w->dir, following, &next, &ignored) <= 0 ||
        binlog_pos_cmp(&next.start, keep_from) > 0)
        return false;
    if (stat(segment_path(w->dir, number, path), &st) < 0)
        return false;
    *ret_size = (uint64_t)st.st_size;
    return clock_now_s() - (int64_t)st.st_mtime >= older_than_s;
}

int relay_writer_purge(struct relay_writer *w, const struct binlog_pos *keep_from,
                       int64_t older_than_s, uint64_t *ret_freed, struct err *err)
{
    _cleanup_(freep)
    unsigned *list = NULL;
    uint64_t freed = 0, size;
    size_t count;

    if (segment_list(w->dir, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i + 1 < count; i++) {
        if (keep_from->file[0] == '\0' ||
            !purgeable(w, list[i], list[i + 1], keep_from, older_than_s, &size))
            break;
        FAULT("relay.purge.before");
        if (remove_segment(w, list[i], err) < 0)
            return -1;
        freed += size;
        w->older -= MIN(size, w->older);
        w->count--;
    }
    if (freed > 0)
        w->check_at = 0; /* there may be room again */
    *ret_freed = freed;
    return 0;
}
