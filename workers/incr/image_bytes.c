#include "workers/incr/image_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#include "base/banned.h"

enum {
    FLAG_SAFE = 1,
    FLAG_LOOSE = 2,
    FLAG_FK_CHECKS = 4,
    FLAG_INSERT = 8,
    FLAG_UPDATE = 16,
    FLAG_DELETE = 32,
    FLAG_VERDICTS = 64,
    FORMAT_MARIADB = 1,
    FORMAT_CHECKSUM = 2,
    BYTE_BITS = 8,
};

/* ---- writing ---- */

static void put(struct strbuf *b, size_t bytes, uint64_t v)
{
    for (size_t i = 0; i < bytes; i++)
        strbuf_addc(b, (char)(v >> (BYTE_BITS * i) & 0xff));
}

static void put_bytes(struct strbuf *b, const void *data, size_t len)
{
    put(b, 4, len);
    strbuf_add(b, data, len);
}

static unsigned flags_of(const struct image *im)
{
    return (im->mode.safe ? FLAG_SAFE : 0U) | (im->mode.loose ? FLAG_LOOSE : 0U) |
           (im->mode.fk_checks ? FLAG_FK_CHECKS : 0U) |
           (im->carry[ROWS_INSERT] ? FLAG_INSERT : 0U) |
           (im->carry[ROWS_UPDATE] ? FLAG_UPDATE : 0U) |
           (im->carry[ROWS_DELETE] ? FLAG_DELETE : 0U) |
           (im->verdicts != NULL ? FLAG_VERDICTS : 0U);
}

static void put_format(struct strbuf *b, const struct binlog_format *f)
{
    put(b, 1, (f->mariadb ? FORMAT_MARIADB : 0U) | (f->checksum ? FORMAT_CHECKSUM : 0U));
    put_bytes(b, f->post_header_len, MIN((size_t)f->post_header_count, sizeof(f->post_header_len)));
}

static void put_map(struct strbuf *b, const struct table_map *m)
{
    put(b, 8, m->table_id);
    put_bytes(b, m->db, strlen(m->db) + 1);
    put_bytes(b, m->table, strlen(m->table) + 1);
    put_bytes(b, m->types, m->column_count);
    for (size_t i = 0; i < m->column_count; i++)
        put(b, 2, m->meta[i]);
    strbuf_add(b, m->nullable, (m->column_count + BYTE_BITS - 1) / BYTE_BITS);
    put_bytes(b, m->unsignedness, m->unsignedness != NULL ? m->column_count : 0);
}

/*
 * Little-endian numbers; "bytes": u32 length and so many. u8 flags, u64 position of the event, its
 * header's fields, its body (bytes); u8 flags of the format and its post-header lengths (bytes);
 * the table map: u64 number, database, name with their NUL (bytes), types (bytes), u16 a column of
 * metadata, bitmap of nullable ones, signedness (bytes, may be none); verdicts (bytes) if any.
 */
void image_put(struct strbuf *b, const struct image *im)
{
    put(b, 1, flags_of(im));
    put(b, 8, im->mode.pos);
    put(b, 4, im->event.timestamp);
    put(b, 4, im->event.type);
    put(b, 4, im->event.server_id);
    put(b, 4, im->event.size);
    put(b, 4, im->event.next_pos);
    put(b, 2, im->event.flags);
    put_bytes(b, im->event.body, im->event.body_len);
    put_format(b, im->format);
    put_map(b, im->map);
    if (im->verdicts != NULL)
        put_bytes(b, im->verdicts, im->verdict_count);
}

/* ---- reading ---- */

static const uint8_t *take_bytes(struct cursor *c, size_t *ret_len)
{
    size_t len = (size_t)cursor_le(c, 4);

    *ret_len = len;
    return cursor_bytes(c, len);
}

static char *take_text(struct cursor *c)
{
    size_t len;
    const uint8_t *at = take_bytes(c, &len);

    if (at == NULL || len == 0 || at[len - 1] != '\0')
        return NULL;
    return (char *)(uintptr_t)at;
}

static void take_flags(struct cursor *c, struct image *im, bool *ret_verdicts)
{
    unsigned flags = (unsigned)cursor_le(c, 1);

    im->mode.safe = (flags & FLAG_SAFE) != 0;
    im->mode.loose = (flags & FLAG_LOOSE) != 0;
    im->mode.fk_checks = (flags & FLAG_FK_CHECKS) != 0;
    im->carry[ROWS_INSERT] = (flags & FLAG_INSERT) != 0;
    im->carry[ROWS_UPDATE] = (flags & FLAG_UPDATE) != 0;
    im->carry[ROWS_DELETE] = (flags & FLAG_DELETE) != 0;
    *ret_verdicts = (flags & FLAG_VERDICTS) != 0;
}

static void take_event(struct cursor *c, struct image *im)
{
    im->mode.pos = cursor_le(c, 8);
    im->event.timestamp = (uint32_t)cursor_le(c, 4);
    im->event.type = (unsigned)cursor_le(c, 4);
    im->event.server_id = (uint32_t)cursor_le(c, 4);
    im->event.size = (uint32_t)cursor_le(c, 4);
    im->event.next_pos = (uint32_t)cursor_le(c, 4);
    im->event.flags = (uint16_t)cursor_le(c, 2);
    im->event.body = take_bytes(c, &im->event.body_len);
}

static int take_format(struct cursor *c, struct binlog_format *f)
{
    unsigned flags = (unsigned)cursor_le(c, 1);
    size_t len;
    const uint8_t *at = take_bytes(c, &len);

    if (at == NULL || len > sizeof(f->post_header_len))
        return -1;
    f->known = true;
    f->mariadb = (flags & FORMAT_MARIADB) != 0;
    f->checksum = (flags & FORMAT_CHECKSUM) != 0;
    f->post_header_count = (unsigned)len;
    memcpy(f->post_header_len, at, len);
    return 0;
}

/* What an image that was read points to, but for the data it was read from. */
struct taken {
    struct binlog_format format;
    struct table_map map;
    uint16_t meta[];
};

static struct taken *taken_grown(struct taken *t, size_t columns)
{
    return realloc(t, sizeof(*t) + columns * sizeof(t->meta[0]));
}

static int take_map(struct cursor *c, struct taken **io)
{
    const uint8_t *nullable, *types;
    struct table_map *m = &(*io)->map;
    struct taken *grown;
    size_t signs;

    m->table_id = cursor_le(c, 8);
    m->db = take_text(c);
    m->table = take_text(c);
    types = take_bytes(c, &m->column_count);
    if (m->db == NULL || m->table == NULL || types == NULL)
        return -1;
    m->types = (uint8_t *)(uintptr_t)types;
    grown = taken_grown(*io, m->column_count);
    if (grown == NULL)
        return -1;
    *io = grown;
    m = &grown->map;
    m->meta = grown->meta;
    for (size_t i = 0; i < m->column_count; i++)
        m->meta[i] = (uint16_t)cursor_le(c, 2);
    nullable = cursor_bytes(c, (m->column_count + BYTE_BITS - 1) / BYTE_BITS);
    m->nullable = (uint8_t *)(uintptr_t)nullable;
    m->unsignedness = (uint8_t *)(uintptr_t)take_bytes(c, &signs);
    if (signs == 0)
        m->unsignedness = NULL;
    return nullable != NULL && (signs == 0 || signs == m->column_count) ? 0 : -1;
}

int image_take(const void *data, size_t len, struct image *ret, void **mem)
{
    struct cursor c = cursor_of(data, len);
    struct taken *t = calloc(1, sizeof(*t));
    bool verdicts;
    int got;

    *ret = (struct image){ 0 };
    *mem = t;
    if (t == NULL)
        return -1;
    take_flags(&c, ret, &verdicts);
    take_event(&c, ret);
    got = take_format(&c, &t->format) < 0 ? -1 : take_map(&c, &t);
    *mem = t;
    if (got < 0)
        return -1;
    ret->format = &t->format;
    ret->map = &t->map;
    if (verdicts)
        ret->verdicts = take_bytes(&c, &ret->verdict_count);
    return c.bad || cursor_left(&c) > 0 || ret->event.body == NULL ? -1 : 0;
}
