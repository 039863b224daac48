#include "workers/relay/segment_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/num.h"

#include "base/banned.h"

enum {
    READ_BYTES = 256 * 1024,
    KEEP_BYTES = 4 * 1024 * 1024, /* a buffer that grew past this for one record is given back */
    NUMBER_DIGITS = 8,
    HEADER_JSON_DEPTH = 4,
    HEAD_CHECKED = 17, /* bytes of a record's head that its last four cover */
    DAMAGE_TEXT_MAX = 64,
};

static const char prefix[] = "relay.";

const char *segment_path(const char *dir, unsigned number, char buf[static SEGMENT_PATH_MAX])
{
    (void)snprintf(buf, SEGMENT_PATH_MAX, "%s/%s%0*u", dir, prefix, NUMBER_DIGITS, number);
    return buf;
}

static bool number_of(const char *name, unsigned *ret)
{
    uint64_t v;

    if (strncmp(name, prefix, strlen(prefix)) != 0 ||
        strlen(name) != strlen(prefix) + NUMBER_DIGITS ||
        !num_parse_u64(name + strlen(prefix), UINT32_MAX, &v))
        return false;
    *ret = (unsigned)v;
    return true;
}

static int by_number(const void *a, const void *b)
{
    const unsigned *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void closedirp(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

int segment_list(const char *dir, unsigned **ret, size_t *ret_count, struct err *err)
{
    _cleanup_(closedirp)
    DIR *d = opendir(dir);
    _cleanup_(freep)
    unsigned *list = NULL;
    size_t count = 0, cap = 0;
    const struct dirent *e;

    if (d == NULL && errno != ENOENT)
        return err_set_sys(err, ERR_RELAY_IO, "open %s", dir);
    while (d != NULL && (e = readdir(d)) != NULL) {
        unsigned number;

        if (!number_of(e->d_name, &number))
            continue;
        if (count == cap) {
            unsigned *grown = reallocarray(list, cap = cap == 0 ? 16 : cap * 2, sizeof(*list));

            if (grown == NULL)
                return err_set(err, ERR_NOMEM, "out of memory");
            list = grown;
        }
        list[count++] = number;
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), by_number);
    *ret = take_ptr(list);
    *ret_count = count;
    return 0;
}

static int corrupt(const struct segment_file *f, const char *what, struct err *err)
{
    return err_set(err, ERR_RELAY_CORRUPT, "relay segment %u is damaged at byte %llu: %s",
                   f->number, (unsigned long long)f->next_at, what);
}

/* Reads until `want` bytes are in the buffer or the file ends. */
static int fill(struct segment_file *f, size_t want, struct err *err)
{
    if (f->have - f->at >= want)
        return 0;
    if (f->have > f->at)
        memmove(f->buf, f->buf + f->at, f->have - f->at);
    f->have -= f->at;
    f->at = 0;
    if (want > f->cap || (f->cap > KEEP_BYTES && want <= READ_BYTES && f->have <= READ_BYTES)) {
        size_t cap = MAX(want, (size_t)READ_BYTES);
        uint8_t *grown = realloc(f->buf, cap);

        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a relay record of %zu bytes", want);
        f->buf = grown;
        f->cap = cap;
    }
    while (f->have < want) {
        ssize_t n =
            pread(f->fd, f->buf + f->have, f->cap - f->have, (off_t)(f->next_at + f->have - f->at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(err, ERR_RELAY_IO, "read relay segment %u", f->number);
        if (n == 0)
            break;
        f->have += (size_t)n;
    }
    return 0;
}

uint32_t segment_header_sum(const char *uuid, const char *file, uint64_t pos)
{
    struct crc32c table;
    char number[24];
    uint32_t sum;

    crc32c_init(&table); /* once a segment: a table to keep would not pay */
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)pos);
    sum = crc32c(&table, 0, uuid, strlen(uuid) + 1);
    sum = crc32c(&table, sum, file, strlen(file) + 1);
    return crc32c(&table, sum, number, strlen(number));
}

/* Version 1 had no checksum: relays of before the upgrade are read to their end. */
static bool header_sum_fits(struct json_object *o, const char *uuid, const char *file)
{
    int64_t version = json_get_i64(o, "v", 0), sum = json_get_i64(o, "crc", -1);
    uint64_t pos = (uint64_t)json_get_i64(o, "pos", 0);

    if (version == SEGMENT_VERSION)
        return sum == (int64_t)segment_header_sum(uuid, file, pos);
    return version == 1 && sum == -1;
}

static bool header_parse(const char *line, size_t len, struct segment_header *ret)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    struct err ignored = { 0 };
    const char *uuid, *file;

    if (json_parse(line, len, HEADER_JSON_DEPTH, &o, &ignored) < 0)
        return false;
    uuid = json_get_str(o, "uuid", NULL);
    file = json_get_str(o, "file", NULL);
    if (uuid == NULL || file == NULL || strlen(uuid) >= sizeof(ret->uuid) ||
        !header_sum_fits(o, uuid, file) || !binlog_file_parse(file, &ret->start))
        return false;
    memcpy(ret->uuid, uuid, strlen(uuid) + 1);
    ret->start.offset = (uint64_t)json_get_i64(o, "pos", 0);
    return true;
}

int segment_file_open(struct segment_file *f, const char *dir, unsigned number,
                      const struct crc32c *crc, struct err *err)
{
    char path[SEGMENT_PATH_MAX];
    const uint8_t *newline;
    int fd;

    fd = open(segment_path(dir, number, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_set_sys(err, ERR_RELAY_IO, "open %s", path);
    *f = (struct segment_file){ .fd = fd, .number = number, .crc = crc };
    if (fill(f, SEGMENT_HEADER_MAX, err) < 0) {
        segment_file_done(f);
        return -1;
    }
    newline = memchr(f->buf, '\n', MIN(f->have, (size_t)SEGMENT_HEADER_MAX));
    if (newline == NULL && f->have < SEGMENT_HEADER_MAX) {
        segment_file_done(f);
        return 0;
    }
    if (newline == NULL ||
        !header_parse((const char *)f->buf, (size_t)(newline - f->buf), &f->header)) {
        (void)corrupt(f, "its header", err);
        segment_file_done(f);
        return -1;
    }
    f->at = (size_t)(newline - f->buf) + 1;
    f->next_at = f->record_at = f->at;
    f->pos = f->header.start;
    return 1;
}

void segment_file_done(struct segment_file *f)
{
    closep(&f->fd);
    free(f->buf);
    *f = (struct segment_file){ .fd = -1 };
}

int segment_header_of(const char *dir, unsigned number, struct segment_header *ret, struct err *err)
{
    struct segment_file f;
    int r = segment_file_open(&f, dir, number, NULL, err);

    if (r <= 0)
        return r;
    *ret = f.header;
    segment_file_done(&f);
    return 1;
}

static bool set_file(struct binlog_pos *pos, const uint8_t *name, size_t len)
{
    if (name == NULL || len == 0 || len >= sizeof(pos->file) || memchr(name, '\0', len) != NULL)
        return false;
    memset(pos->file, 0, sizeof(pos->file));
    memcpy(pos->file, name, len);
    return true;
}

/* From kind, offset and payload to positions; false: no such record. */
static bool interpret(const struct segment_file *f, unsigned kind, uint64_t offset, struct cursor c,
                      struct raw_record *ret)
{
    struct raw_record r = { .start = f->pos, .end = f->pos };
    size_t name_len;

    r.kind = (enum raw_kind)kind;
    r.data = c.p;
    r.len = cursor_left(&c);
    switch (r.kind) {
    case RAW_EVENT:
        if (offset < r.len)
            return false;
        r.start.offset = offset - r.len;
        r.end.offset = offset;
        break;
    case RAW_ROTATE:
        r.start.offset = cursor_le(&c, 8);
        name_len = (size_t)cursor_le(&c, 1);
        if (!set_file(&r.end, cursor_bytes(&c, name_len), name_len) || c.bad)
            return false;
        r.end.offset = offset;
        r.data = c.p;
        r.len = cursor_left(&c);
        break;
    case RAW_FILE:
        if (!set_file(&r.end, r.data, r.len))
            return false;
        r.end.offset = offset;
        break;
    case RAW_MARK:
        if (r.len != 8)
            return false;
        r.start.offset = r.end.offset = offset; /* further on when the source left something out */
        break;
    case RAW_FORMAT:
        break;
    default:
        return false;
    }
    *ret = r;
    return true;
}

static bool sum_fits(const struct segment_file *f, const uint8_t *data, size_t len, uint32_t sum)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)sum;
    return crc32c(f->crc, 0, data, len) != 1; /* no fuzzer finds a checksum that fits */
#else
    return crc32c(f->crc, 0, data, len) == sum;
#endif
}

/* A large record that is still being written is not worth reading again at each of its parts. */
static bool is_whole(const struct segment_file *f, uint32_t len)
{
    struct stat st;

    return f->have - f->at >= RECORD_HEAD_LEN + (size_t)len || fstat(f->fd, &st) < 0 ||
           (uint64_t)st.st_size >= f->next_at + RECORD_HEAD_LEN + len;
}

/* As segment_file_next, without the second look. */
static int take_record(struct segment_file *f, struct raw_record *ret, struct err *err)
{
    uint32_t len, payload_crc, head_crc;
    const uint8_t *head;
    struct cursor c;
    uint64_t offset;
    unsigned kind;

    if (fill(f, RECORD_HEAD_LEN, err) < 0)
        return -1;
    if (f->have - f->at < RECORD_HEAD_LEN)
        return 0;
    head = f->buf + f->at;
    c = cursor_of(head, RECORD_HEAD_LEN);
    len = (uint32_t)cursor_le(&c, 4);
    kind = (unsigned)cursor_le(&c, 1);
    offset = cursor_le(&c, 8);
    payload_crc = (uint32_t)cursor_le(&c, 4);
    head_crc = (uint32_t)cursor_le(&c, 4);
    if (!sum_fits(f, head, HEAD_CHECKED, head_crc) || len > PAYLOAD_MAX)
        return corrupt(f, "head of a record", err);
    if (!is_whole(f, len))
        return 0;
    if (fill(f, RECORD_HEAD_LEN + (size_t)len, err) < 0)
        return -1;
    if (f->have - f->at < RECORD_HEAD_LEN + (size_t)len)
        return 0;
    c = cursor_of(f->buf + f->at + RECORD_HEAD_LEN, len);
    if (!sum_fits(f, c.p, len, payload_crc))
        return corrupt(f, "checksum of a record", err);
    if (!interpret(f, kind, offset, c, ret))
        return corrupt(f, "content of a record", err);
    f->at += RECORD_HEAD_LEN + len;
    f->record_at = f->next_at;
    f->next_at += RECORD_HEAD_LEN + len;
    f->pos = ret->end;
    return 1;
}

int segment_file_next(struct segment_file *f, struct raw_record *ret, struct err *err)
{
    int r = take_record(f, ret, err);

    if (r > 0)
        return r;
    /*
     * A writer that came back cuts a torn record off and writes another in its place: nothing that
     * was read of an unfinished one may be kept, and what looks damaged may be half of each.
     */
    f->have = f->at = 0;
    if (r < 0 && err->code == ERR_RELAY_CORRUPT) {
        r = take_record(f, ret, err);
        if (r <= 0)
            f->have = f->at = 0;
    }
    return r;
}

/* A FORMAT_DESCRIPTION's flags and time depend on when it is sent. */
struct relay_last relay_last_of(const struct binlog_pos *start, const void *data, size_t len)
{
    enum { TYPE_AT = 4, FLAGS_AT = 17, CHECKSUM_LEN = 4, FORMAT_DESCRIPTION = 15, ROTATE = 4 };
    const uint8_t *event = data;
    struct relay_last last = { .start = *start };

    if (len < FLAGS_AT + 2 + CHECKSUM_LEN || event[TYPE_AT] == FORMAT_DESCRIPTION ||
        event[TYPE_AT] == ROTATE)
        return last;
    last.len = MIN(len - CHECKSUM_LEN, (size_t)RELAY_LAST_BYTES);
    memcpy(last.bytes, event, last.len);
    memset(last.bytes + FLAGS_AT, 0, 2);
    return last;
}

static const char *damage_path(const char *dir, char buf[static SEGMENT_PATH_MAX])
{
    (void)snprintf(buf, SEGMENT_PATH_MAX, "%s/damage", dir);
    return buf;
}

void segment_damage_note(const char *dir, unsigned number, uint64_t offset)
{
    char path[SEGMENT_PATH_MAX], text[DAMAGE_TEXT_MAX];
    struct err ignored = { 0 };

    (void)snprintf(text, sizeof(text), "%u %llu\n", number, (unsigned long long)offset);
    /* the error that is on its way says it all; without the note it will be found again */
    (void)fs_write_atomic(damage_path(dir, path), text, strlen(text), 0600, &ignored);
}

bool segment_damage_get(const char *dir, unsigned *ret_number, uint64_t *ret_offset)
{
    char path[SEGMENT_PATH_MAX];
    _cleanup_(freep)
    char *text = NULL;
    struct err ignored = { 0 };
    uint64_t number;
    size_t len;
    char *blank;

    if (fs_read_all(damage_path(dir, path), DAMAGE_TEXT_MAX, &text, &len, &ignored) < 0)
        return false;
    blank = strchr(text, ' ');
    if (blank == NULL)
        return false;
    *blank++ = '\0';
    blank[strcspn(blank, "\n")] = '\0';
    if (!num_parse_u64(text, UINT32_MAX, &number) || !num_parse_u64(blank, UINT64_MAX, ret_offset))
        return false;
    *ret_number = (unsigned)number;
    return true;
}

void segment_damage_clear(const char *dir)
{
    char path[SEGMENT_PATH_MAX];

    (void)unlink(damage_path(dir, path));
}
