#include "api/zip.h"

#include <string.h>
#include <time.h>

#include <zlib.h>

#include "base/util.h"

#include "base/banned.h"

enum {
    ENTRIES_MAX = 65534, /* more need ZIP64 */
    PIECE = 32 * 1024,
    SIG_LOCAL = 0x04034b50,
    SIG_DESCRIPTOR = 0x08074b50,
    SIG_CENTRAL = 0x02014b50,
    SIG_END = 0x06054b50,
    VERSION = 20,     /* DEFLATE */
    MADE_BY = 3 << 8, /* Unix, so that the mode below counts */
    FLAGS = 1 << 3,   /* sizes follow the data */
    METHOD_DEFLATE = 8,
    MODE = 0100600,
};

struct entry {
    char name[64];
    uint32_t dos_time;
    uint32_t crc;
    uint64_t size, packed, offset;
};

struct zip {
    struct strbuf *to;
    uint64_t offset; /* bytes written so far */
    z_stream deflate;
    bool open;
    struct entry *entries;
    size_t count, room;
};

static void put(struct zip *z, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, v >>= 8)
        strbuf_addc(z->to, (char)(v & 0xff));
    z->offset += bytes;
}

static void put_text(struct zip *z, const char *text)
{
    strbuf_adds(z->to, text);
    z->offset += strlen(text);
}

int zip_new(struct strbuf *to, struct zip **ret, struct err *err)
{
    struct zip *z = calloc(1, sizeof(*z));

    if (z == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    z->to = to;
    *ret = z;
    return 0;
}

void zip_free(struct zip *z)
{
    if (z == NULL)
        return;
    if (z->open)
        (void)deflateEnd(&z->deflate);
    free(z->entries);
    free(z);
}

/* APPNOTE 4.4.6: two seconds a unit, from 1980. */
static uint32_t dos_time(int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 80)
        return 1U << 21 | 1U << 16;
    return (uint32_t)(tm.tm_year - 80) << 25 | (uint32_t)(tm.tm_mon + 1) << 21 |
           (uint32_t)tm.tm_mday << 16 | (uint32_t)tm.tm_hour << 11 | (uint32_t)tm.tm_min << 5 |
           (uint32_t)tm.tm_sec / 2;
}

/* Runs the compressor until it has taken all of its input, and at the end all is out. */
static int pump(struct zip *z, const void *data, size_t len, int flush, struct err *err)
{
    struct entry *e = &z->entries[z->count - 1];
    unsigned char piece[PIECE];
    int r;

    z->deflate.next_in = (unsigned char *)(uintptr_t)data;
    z->deflate.avail_in = (uInt)len;
    do {
        z->deflate.next_out = piece;
        z->deflate.avail_out = sizeof(piece);
        r = deflate(&z->deflate, flush);
        if (r == Z_STREAM_ERROR)
            return err_set(err, ERR_INTERNAL, "compress: zlib error %d", r);
        strbuf_add(z->to, piece, sizeof(piece) - z->deflate.avail_out);
        e->packed += sizeof(piece) - z->deflate.avail_out;
        z->offset += sizeof(piece) - z->deflate.avail_out;
    } while (z->deflate.avail_out == 0);
    return strbuf_check(z->to, err);
}

static int close_entry(struct zip *z, struct err *err)
{
    struct entry *e = z->open ? &z->entries[z->count - 1] : NULL;

    if (e == NULL)
        return 0;
    if (pump(z, "", 0, Z_FINISH, err) < 0)
        return -1;
    (void)deflateEnd(&z->deflate);
    z->open = false;
    put(z, SIG_DESCRIPTOR, 4);
    put(z, e->crc, 4);
    put(z, e->packed, 4);
    put(z, e->size, 4);
    return 0;
}

static int add_entry(struct zip *z, const char *name, int64_t modified, struct err *err)
{
    if (z->count == z->room) {
        size_t room = z->room * 2 + 8;
        struct entry *more = realloc(z->entries, room * sizeof(*more));
        if (more == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        z->entries = more;
        z->room = room;
    }
    if (z->count >= ENTRIES_MAX || strlen(name) >= sizeof(z->entries->name))
        return err_set(err, ERR_INTERNAL, "too many files, or too long a name, for an archive");
    z->entries[z->count] = (struct entry){ .dos_time = dos_time(modified),
                                           .crc = (uint32_t)crc32(0, NULL, 0),
                                           .offset = z->offset };
    (void)memcpy(z->entries[z->count].name, name, strlen(name) + 1);
    z->count++;
    return 0;
}

int zip_begin(struct zip *z, const char *name, int64_t modified_unix_s, struct err *err)
{
    if (close_entry(z, err) < 0 || add_entry(z, name, modified_unix_s, err) < 0)
        return -1;
    z->deflate = (z_stream){ 0 };
    /* a raw stream, without zlib's own frame */
    if (deflateInit2(&z->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
    z->open = true;
    put(z, SIG_LOCAL, 4);
    put(z, VERSION, 2);
    put(z, FLAGS, 2);
    put(z, METHOD_DEFLATE, 2);
    put(z, z->entries[z->count - 1].dos_time, 4);
    put(z, 0, 12); /* checksum and sizes: in the descriptor */
    put(z, strlen(name), 2);
    put(z, 0, 2);
    put_text(z, name);
    return strbuf_check(z->to, err);
}

int zip_add(struct zip *z, const void *data, size_t len, struct err *err)
{
    struct entry *e = &z->entries[z->count - 1];

    e->crc = (uint32_t)crc32(e->crc, data, (uInt)len);
    e->size += len;
    return len == 0 ? 0 : pump(z, data, len, Z_NO_FLUSH, err);
}

int zip_end(struct zip *z, struct err *err)
{
    uint64_t start;

    if (close_entry(z, err) < 0)
        return -1;
    start = z->offset;
    for (size_t i = 0; i < z->count; i++) {
        const struct entry *e = &z->entries[i];
        put(z, SIG_CENTRAL, 4);
        put(z, MADE_BY | VERSION, 2);
        put(z, VERSION, 2);
        put(z, FLAGS, 2);
        put(z, METHOD_DEFLATE, 2);
        put(z, e->dos_time, 4);
        put(z, e->crc, 4);
        put(z, e->packed, 4);
        put(z, e->size, 4);
        put(z, strlen(e->name), 2);
        put(z, 0, 8); /* no extra field, no comment, disk 0, not known to be text */
        put(z, (uint64_t)MODE << 16, 4);
        put(z, e->offset, 4);
        put_text(z, e->name);
    }
    put(z, SIG_END, 4);
    put(z, 0, 4);
    put(z, z->count, 2);
    put(z, z->count, 2);
    put(z, z->offset - start - 12, 4);
    put(z, start, 4);
    put(z, 0, 2);
    return strbuf_check(z->to, err);
}
