#include "workers/mysql/binlog/row_value.h"

#include <arpa/inet.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "workers/mysql/binlog/json_diff.h"
#include "workers/mysql/binlog/jsonb.h"
#include "workers/mysql/binlog/temporal.h"

#include "base/banned.h"

enum {
    UUID_LEN = 16,
    INET6_LEN = 16,
    INET4_LEN = 4,
    YEAR_BASE = 1900,
    EXPANSION_MAX = 1100, /* zlib can't do better than about 1:1032 */
};

/* clang-format off */
static const struct {
    uint8_t type;
    bool numeric;
    const char *name;
} types[] = {
    { WT_DECIMAL,            false, "DECIMAL (before 5.0)" },
    { WT_TINY,               true,  "TINYINT" },
    { WT_SHORT,              true,  "SMALLINT" },
    { WT_LONG,               true,  "INT" },
    { WT_FLOAT,              true,  "FLOAT" },
    { WT_DOUBLE,             true,  "DOUBLE" },
    { WT_NULL,               false, "NULL" },
    { WT_TIMESTAMP,          false, "TIMESTAMP (before 5.6)" },
    { WT_LONGLONG,           true,  "BIGINT" },
    { WT_INT24,              true,  "MEDIUMINT" },
    { WT_DATE,               false, "DATE" },
    { WT_TIME,               false, "TIME (before 5.6)" },
    { WT_DATETIME,           false, "DATETIME (before 5.6)" },
    { WT_YEAR,               true,  "YEAR" },
    { WT_NEWDATE,            false, "DATE" },
    { WT_VARCHAR,            false, "VARCHAR" },
    { WT_BIT,                false, "BIT" },
    { WT_TIMESTAMP2,         false, "TIMESTAMP" },
    { WT_DATETIME2,          false, "DATETIME" },
    { WT_TIME2,              false, "TIME" },
    { WT_TYPED_ARRAY,        false, "TYPED ARRAY" },
    { WT_BLOB_COMPRESSED,    false, "BLOB COMPRESSED" },
    { WT_VARCHAR_COMPRESSED, false, "VARCHAR COMPRESSED" },
    { WT_VECTOR,             false, "VECTOR" },
    { WT_JSON,               false, "JSON" },
    { WT_NEWDECIMAL,         true,  "DECIMAL" },
    { WT_ENUM,               false, "ENUM" },
    { WT_SET,                false, "SET" },
    { WT_TINY_BLOB,          false, "TINYBLOB" },
    { WT_MEDIUM_BLOB,        false, "MEDIUMBLOB" },
    { WT_LONG_BLOB,          false, "LONGBLOB" },
    { WT_BLOB,               false, "BLOB" },
    { WT_VAR_STRING,         false, "VARCHAR" },
    { WT_STRING,             false, "CHAR" },
    { WT_GEOMETRY,           false, "GEOMETRY" },
};
/* clang-format on */

const char *wire_type_name(unsigned type)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown type";
}

bool wire_type_numeric(unsigned type)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == type)
            return types[i].numeric;
    return false;
}

static int malformed(unsigned type, struct err *err)
{
    return err_set(err, ERR_BINLOG_MALFORMED, "damaged %s value", wire_type_name(type));
}

static void integer(struct cursor *c, unsigned bytes, bool is_unsigned, struct value *ret)
{
    unsigned shift = 64 - 8 * bytes;
    uint64_t u = cursor_le(c, bytes);

    if (is_unsigned)
        *ret = (struct value){ .kind = V_UINT, .u = u };
    else /* the sign moves up to bit 63 and back down */
        *ret = (struct value){ .kind = V_INT, .i = (int64_t)(u << shift) >> shift };
}

static void real(struct cursor *c, bool is_double, struct value *ret)
{
    uint64_t bits = cursor_le(c, is_double ? 8 : 4);
    uint32_t half = (uint32_t)bits;

    *ret = (struct value){ .kind = is_double ? V_DOUBLE : V_FLOAT };
    if (is_double)
        memcpy(&ret->d, &bits, sizeof(ret->d));
    else
        memcpy(&ret->f, &half, sizeof(ret->f));
}

static bool length_prefixed(struct cursor *c, unsigned len_bytes, struct value *ret)
{
    uint64_t len = cursor_le(c, len_bytes);
    const uint8_t *at = len > cursor_left(c) ? NULL : cursor_bytes(c, (size_t)len);

    if (at == NULL)
        return false;
    *ret = (struct value){ .kind = V_BYTES, .bytes = (const char *)at, .len = (size_t)len };
    return true;
}

/* What was written to `text` is the value. */
static int from_text(unsigned type, bool ok, enum value_kind kind, const struct strbuf *text,
                     struct value *ret, struct err *err)
{
    if (!ok)
        return malformed(type, err);
    if (strbuf_check(text, err) < 0)
        return -1;
    *ret = (struct value){ .kind = kind, .bytes = strbuf_str(text), .len = text->len };
    return 0;
}

/*
 * MariaDB keeps UUIDs of versions 1 to 5 with their parts in reverse order, so that those made one
 * after another are neighbours; others as they are. Bit 7 of byte 6 with a positive byte 8 tells a
 * reversed one (MariaDB source, plugin/type_uuid/sql_type_uuid.h, rec_need_swap).
 */
static void uuid_text(struct strbuf *b, const uint8_t *rec)
{
    static const char digits[] = "0123456789abcdef";
    static const uint8_t order[UUID_LEN] = { 12, 13, 14, 15, 10, 11, 8, 9, 6, 7, 0, 1, 2, 3, 4, 5 };
    bool swapped = ((unsigned)rec[6] & (0U - rec[8]) & 0x80U) != 0;

    for (unsigned i = 0; i < UUID_LEN; i++) {
        uint8_t v = rec[swapped ? order[i] : i];

        if (i == 4 || i == 6 || i == 8 || i == 10)
            strbuf_addc(b, '-');
        strbuf_addc(b, digits[v >> 4]);
        strbuf_addc(b, digits[v & 15]);
    }
}

static int fixed_text(const struct column *col, const uint8_t *raw, struct strbuf *text,
                      struct value *ret, struct err *err)
{
    char address[INET6_ADDRSTRLEN];

    if (col->kind == CK_UUID) {
        uuid_text(text, raw);
    } else {
        int family = col->kind == CK_INET6 ? AF_INET6 : AF_INET;

        if (inet_ntop(family, raw, address, sizeof(address)) == NULL)
            return err_set(err, ERR_INTERNAL, "inet_ntop failed");
        strbuf_adds(text, address);
    }
    return from_text(WT_STRING, true, V_TEXT, text, ret, err);
}

/* CHAR, BINARY and MariaDB's types of fixed length; trailing zeros of BINARY were cut off. */
static int fixed_string(struct cursor *c, uint16_t meta, const struct column *col,
                        struct strbuf *text, struct value *ret, struct err *err)
{
    size_t width = meta;
    char *pad;

    if (!length_prefixed(c, width > 255 ? 2 : 1, ret) || ret->len > width)
        return malformed(WT_STRING, err);
    if (col == NULL || (col->kind != CK_BINARY && col->kind != CK_UUID && col->kind != CK_INET4 &&
                        col->kind != CK_INET6))
        return 0;
    if (ret->len < width) {
        size_t missing = width - ret->len;

        strbuf_add(text, ret->bytes, ret->len);
        pad = strbuf_reserve(text, missing);
        if (pad == NULL)
            return strbuf_check(text, err);
        memset(pad, 0, missing);
        text->len += missing;
        ret->bytes = text->data;
        ret->len = width;
    }
    if (col->kind == CK_BINARY)
        return 0;
    if (width != (col->kind == CK_UUID ? UUID_LEN : col->kind == CK_INET6 ? INET6_LEN : INET4_LEN))
        return malformed(WT_STRING, err);
    {
        uint8_t raw[UUID_LEN] = { 0 };

        memcpy(raw, ret->bytes, width);
        strbuf_reset(text);
        return fixed_text(col, raw, text, ret, err);
    }
}

/* inflate_column(): @len bytes of zlib (or raw deflate) that must give exactly `want`. */
static bool inflate_column(const uint8_t *data, size_t len, bool raw, char *to, size_t want)
{
    z_stream z = { 0 };
    bool ok;

    if (len > UINT32_MAX || want > UINT32_MAX || inflateInit2(&z, raw ? -15 : 15) != Z_OK)
        return false;
    z.next_in = data;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)want;
    ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == want;
    (void)inflateEnd(&z);
    return ok;
}

/*
 * MariaDB's COMPRESSED columns: empty, or a byte 0 and the text, or 8 << 4 | raw << 3 | n, n bytes
 * of length in big-endian order and the zlib stream (MariaDB source, sql/field_comp.cc).
 */
static int compressed(unsigned type, struct strbuf *text, struct value *ret, struct err *err)
{
    struct cursor c = cursor_of(ret->bytes, ret->len);
    unsigned head, bytes;
    uint64_t want;
    char *to;

    if (ret->len == 0)
        return 0;
    head = (unsigned)cursor_le(&c, 1);
    if (head == 0) {
        ret->bytes++;
        ret->len--;
        return 0;
    }
    bytes = head & 7;
    want = bytes == 0 ? 0 : cursor_be(&c, bytes);
    if (head >> 4 != 8 || bytes == 0 || bytes > 4 || c.bad || want / EXPANSION_MAX > ret->len)
        return malformed(type, err);
    to = strbuf_reserve(text, (size_t)want);
    if (to == NULL)
        return strbuf_check(text, err);
    if (!inflate_column(c.p, cursor_left(&c), (head & 8) != 0, to, (size_t)want))
        return malformed(type, err);
    text->len += (size_t)want;
    return from_text(type, true, V_BYTES, text, ret, err);
}

/* Types whose bytes are taken as they are, or expanded. */
static int bytes_value(struct cursor *c, unsigned type, uint16_t meta, struct strbuf *text,
                       struct value *ret, struct err *err)
{
    unsigned len_bytes = meta;

    if (type == WT_VARCHAR || type == WT_VAR_STRING || type == WT_VARCHAR_COMPRESSED)
        len_bytes = meta > 255 ? 2 : 1;
    if (len_bytes < 1 || len_bytes > 4 || !length_prefixed(c, len_bytes, ret))
        return malformed(type, err);
    if (type == WT_BLOB_COMPRESSED || type == WT_VARCHAR_COMPRESSED)
        return compressed(type, text, ret, err);
    if (type == WT_JSON) {
        if (jsonb_text(ret->bytes, ret->len, text, err) < 0)
            return -1;
        return from_text(type, true, V_TEXT, text, ret, err);
    }
    return 0;
}

int row_value_json_diff(struct cursor *c, uint16_t meta, const struct value *before,
                        struct strbuf *text, struct value *ret, struct err *err)
{
    struct value diffs = { 0 };

    strbuf_reset(text);
    if (meta < 1 || meta > 4 || !length_prefixed(c, meta, &diffs))
        return malformed(WT_JSON, err);
    if (before->kind != V_TEXT)
        return err_set(err, ERR_BINLOG_ROW_IMAGE,
                       "only what changed of a JSON value is in the event, and no old value");
    if (json_diff_apply(diffs.bytes, diffs.len, before->bytes, before->len, text, err) < 0)
        return -1;
    return from_text(WT_JSON, true, V_TEXT, text, ret, err);
}

/*
 * TIME, DATETIME and TIMESTAMP of before MySQL 5.6, which MariaDB can still make. There they may
 * have a fraction, and only the catalog tells so.
 */
static bool old_temporal(struct cursor *c, unsigned type, unsigned digits, struct strbuf *text)
{
    switch ((enum wire_type)type) {
    case WT_TIME:
        return digits > 0 ? temporal_time_hires(text, c, digits) : temporal_time_old(text, c);
    case WT_DATETIME:
        return digits > 0 ? temporal_datetime_hires(text, c, digits)
                          : temporal_datetime_old(text, c);
    default:
        return digits > 0 ? temporal_timestamp_hires(text, c, digits)
                          : temporal_timestamp_old(text, c);
    }
}

static int temporal(struct cursor *c, unsigned type, unsigned digits, const struct column *col,
                    struct strbuf *text, struct value *ret, struct err *err)
{
    bool ok = false;

    switch ((enum wire_type)type) {
    case WT_DATE:
    case WT_NEWDATE:
        ok = temporal_date(text, c);
        break;
    case WT_TIME2:
        ok = temporal_time2(text, c, digits);
        break;
    case WT_DATETIME2:
        ok = temporal_datetime2(text, c, digits);
        break;
    case WT_TIMESTAMP2:
        ok = temporal_timestamp2(text, c, digits);
        break;
    default:
        ok = old_temporal(c, type, col != NULL ? col->fraction : 0, text);
        break;
    }
    return from_text(type, ok, V_TEXT, text, ret, err);
}

static int number(struct cursor *c, unsigned type, uint16_t meta, bool is_unsigned,
                  struct value *ret)
{
    static const uint8_t int_bytes[] = {
        [WT_TINY] = 1, [WT_SHORT] = 2, [WT_INT24] = 3, [WT_LONG] = 4, [WT_LONGLONG] = 8
    };
    unsigned bytes;

    switch ((enum wire_type)type) {
    case WT_TINY:
    case WT_SHORT:
    case WT_INT24:
    case WT_LONG:
    case WT_LONGLONG:
        integer(c, int_bytes[type], is_unsigned, ret);
        break;
    case WT_FLOAT:
    case WT_DOUBLE:
        real(c, type == WT_DOUBLE, ret);
        break;
    case WT_YEAR:
        integer(c, 1, true, ret);
        ret->u += ret->u == 0 ? 0 : YEAR_BASE;
        break;
    case WT_BIT: /* high byte: whole bytes, low byte: further bits */
        bytes = (unsigned)(meta >> 8) + ((meta & 255) > 0 ? 1 : 0);
        *ret = (struct value){ .kind = V_UINT };
        if (bytes < 1 || bytes > 8)
            return -1;
        ret->u = cursor_be(c, bytes);
        break;
    case WT_ENUM:
    case WT_SET:
        if (meta < 1 || meta > 8)
            return -1;
        integer(c, meta, true, ret);
        break;
    default:
        return -1;
    }
    return c->bad ? -1 : 0;
}

int row_value(struct cursor *c, unsigned type, uint16_t meta, const struct column *col,
              bool is_unsigned, struct strbuf *text, struct value *ret, struct err *err)
{
    strbuf_reset(text);
    switch ((enum wire_type)type) {
    case WT_TINY:
    case WT_SHORT:
    case WT_INT24:
    case WT_LONG:
    case WT_LONGLONG:
    case WT_FLOAT:
    case WT_DOUBLE:
    case WT_YEAR:
    case WT_BIT:
    case WT_ENUM:
    case WT_SET:
        return number(c, type, meta, is_unsigned, ret) < 0 ? malformed(type, err) : 0;
    case WT_NEWDECIMAL:
        return from_text(type, decimal_text(text, c, meta & 255, meta >> 8), V_TEXT, text, ret,
                         err);
    case WT_DATE:
    case WT_NEWDATE:
    case WT_TIME:
    case WT_TIME2:
    case WT_DATETIME:
    case WT_DATETIME2:
    case WT_TIMESTAMP:
    case WT_TIMESTAMP2:
        return temporal(c, type, meta, col, text, ret, err);
    case WT_STRING:
        return fixed_string(c, meta, col, text, ret, err);
    case WT_VARCHAR:
    case WT_VAR_STRING:
    case WT_VARCHAR_COMPRESSED:
    case WT_BLOB_COMPRESSED:
    case WT_TINY_BLOB:
    case WT_MEDIUM_BLOB:
    case WT_LONG_BLOB:
    case WT_BLOB:
    case WT_GEOMETRY:
    case WT_VECTOR:
    case WT_JSON:
        return bytes_value(c, type, meta, text, ret, err);
    case WT_DECIMAL:
    case WT_NULL:
    case WT_TYPED_ARRAY:
        break;
    }
    return err_set(err, ERR_BINLOG_EVENT, "column type %u (%s) is not known", type,
                   wire_type_name(type));
}
