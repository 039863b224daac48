#include "workers/mysql/binlog/jsonb.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/secret.h"
#include "workers/mysql/binlog/row_value.h"
#include "workers/mysql/binlog/temporal.h"

#include "base/banned.h"

enum jsonb_type {
    JT_OBJECT_SMALL = 0,
    JT_OBJECT_LARGE = 1,
    JT_ARRAY_SMALL = 2,
    JT_ARRAY_LARGE = 3,
    JT_LITERAL = 4,
    JT_INT16 = 5,
    JT_UINT16 = 6,
    JT_INT32 = 7,
    JT_UINT32 = 8,
    JT_INT64 = 9,
    JT_UINT64 = 10,
    JT_DOUBLE = 11,
    JT_STRING = 12,
    JT_OPAQUE = 15,
};

enum {
    DEPTH_MAX = 128, /* the server allows 100 (JSON_DOCUMENT_MAX_DEPTH) */
    /*
     * Offsets may point twice at the same bytes, so that a small hostile document could print for
     * ever. What a server writes prints at most six times as long (a control character).
     */
    EXPANSION_MAX = 16,
    EXPANSION_BASE = 4096,
    LENGTH_BYTES_MAX = 5, /* of a variable length: seven bits a byte */
    SHORTEST_MAX = 17,    /* digits that tell every double */
    FIXED_EXPONENT_MAX = 15,
    EXPONENT_DIGITS_MAX = 5,
};

/* An object or array being printed. */
struct frame {
    const uint8_t *at;
    size_t size;
    unsigned width; /* 2 or 4 bytes an offset */
    bool object;
    uint32_t count, next;
};

struct printer {
    struct strbuf *b;
    size_t limit; /* b->len may grow up to here */
    struct frame stack[DEPTH_MAX];
    unsigned depth;
};

static struct cursor cursor_at(const uint8_t *data, size_t len, size_t offset)
{
    struct cursor c = cursor_of(data, len);

    (void)cursor_bytes(&c, offset);
    return c;
}

void jsonb_add_string(struct strbuf *b, const void *text, size_t len)
{
    const uint8_t *s = text;
    static const char escapes[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };
    size_t plain = 0;

    strbuf_addc(b, '"');
    for (size_t i = 0; i < len; i++) {
        if (s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
            continue;
        strbuf_add(b, s + plain, i - plain);
        plain = i + 1;
        strbuf_addc(b, '\\');
        if (s[i] >= 0x20)
            strbuf_addc(b, (char)s[i]);
        else if (escapes[s[i]] != '\0')
            strbuf_addc(b, escapes[s[i]]);
        else
            strbuf_addf(b, "u%04x", s[i]);
    }
    strbuf_add(b, s + plain, len - plain);
    strbuf_addc(b, '"');
}

/*
 * The fewest digits that read back as the same number, written as my_gcvt() of the MySQL source
 * does: plain while the point is within reach, else d.ddde<exponent> without sign and padding.
 */
bool jsonb_add_double(struct strbuf *b, double d)
{
    char text[40], digits[SHORTEST_MAX + 1];
    const char *e;
    int64_t exponent = 0;
    int n = 0, point;

    if (!isfinite(d))
        return false;
    for (int precision = 0; precision < SHORTEST_MAX; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, fabs(d));
        if (strtod(text, NULL) == fabs(d))
            break;
    }
    e = strchr(text, 'e');
    for (const char *p = text; p < e; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (!num_parse_i64(e[1] == '+' ? e + 2 : e + 1, -400, 400, &exponent))
        return false;
    point = (int)exponent + 1; /* digits before the point */
    if (signbit(d))
        strbuf_addc(b, '-');
    if (point < -FIXED_EXPONENT_MAX + 1 || (point > FIXED_EXPONENT_MAX && n <= point)) {
        strbuf_addc(b, digits[0]);
        if (n > 1) {
            strbuf_addc(b, '.');
            strbuf_add(b, digits + 1, (size_t)n - 1);
        }
        strbuf_addc(b, 'e');
        strbuf_addi(b, exponent);
        return true;
    }
    if (point <= 0) {
        strbuf_adds(b, "0.");
        for (int i = point; i < 0; i++)
            strbuf_addc(b, '0');
        strbuf_add(b, digits, (size_t)n);
        return true;
    }
    for (int i = 0; i < MAX(point, n); i++) {
        if (i == point)
            strbuf_addc(b, '.');
        strbuf_addc(b, i < n ? digits[i] : '0');
    }
    if (n <= point)
        strbuf_adds(b, ".0");
    return true;
}

/* A length of seven bits a byte, low ones first, then so many bytes; NULL: malformed. */
static const uint8_t *take_data(struct cursor *c, size_t *ret_len)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < LENGTH_BYTES_MAX; i++) {
        uint64_t byte = cursor_le(c, 1);

        len |= (byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (c->bad || len > cursor_left(c))
                return NULL;
            *ret_len = (size_t)len;
            return cursor_bytes(c, (size_t)len);
        }
    }
    return NULL;
}

static bool add_opaque(struct strbuf *b, struct cursor *c)
{
    unsigned type = (unsigned)cursor_le(c, 1);
    size_t len = 0;
    const uint8_t *data = take_data(c, &len);
    struct cursor in;
    int64_t packed;
    bool ok;

    if (data == NULL)
        return false;
    in = cursor_of(data, len);
    if (type == WT_NEWDECIMAL) {
        unsigned precision = (unsigned)cursor_le(&in, 1), scale = (unsigned)cursor_le(&in, 1);

        return !in.bad && decimal_text(b, &in, precision, scale);
    }
    strbuf_addc(b, '"');
    switch (type) {
    case WT_DATE:
    case WT_TIME:
    case WT_DATETIME:
    case WT_TIMESTAMP:
        packed = (int64_t)cursor_le(&in, 8);
        ok = !in.bad && (type == WT_DATE   ? temporal_packed_date(b, packed)
                         : type == WT_TIME ? temporal_packed_time(b, packed, 6)
                                           : temporal_packed_datetime(b, packed, 6));
        if (!ok)
            return false;
        break;
    default:
        strbuf_addf(b, "base64:type%u:", type);
        base64_add(b, data, len);
        break;
    }
    strbuf_addc(b, '"');
    return true;
}

static bool add_literal(struct strbuf *b, uint64_t v)
{
    static const char *const words[] = { "null", "true", "false" };

    if (v >= ARRAY_SIZE(words))
        return false;
    strbuf_adds(b, words[v]);
    return true;
}

/* A value that is no container, at the cursor. */
static bool add_scalar(struct printer *p, unsigned type, struct cursor c)
{
    const uint8_t *data;
    uint64_t bits;
    size_t len;
    double d;

    switch ((enum jsonb_type)type) {
    case JT_LITERAL:
        bits = cursor_le(&c, 1);
        return !c.bad && add_literal(p->b, bits);
    case JT_INT16:
        strbuf_addi(p->b, (int16_t)cursor_le(&c, 2));
        return !c.bad;
    case JT_UINT16:
        strbuf_addu(p->b, cursor_le(&c, 2));
        return !c.bad;
    case JT_INT32:
        strbuf_addi(p->b, (int32_t)cursor_le(&c, 4));
        return !c.bad;
    case JT_UINT32:
        strbuf_addu(p->b, cursor_le(&c, 4));
        return !c.bad;
    case JT_INT64:
        strbuf_addi(p->b, (int64_t)cursor_le(&c, 8));
        return !c.bad;
    case JT_UINT64:
        strbuf_addu(p->b, cursor_le(&c, 8));
        return !c.bad;
    case JT_DOUBLE:
        bits = cursor_le(&c, 8);
        memcpy(&d, &bits, sizeof(d));
        return !c.bad && jsonb_add_double(p->b, d);
    case JT_STRING:
        data = take_data(&c, &len);
        if (data == NULL)
            return false;
        jsonb_add_string(p->b, data, len);
        return true;
    case JT_OPAQUE:
        return add_opaque(p->b, &c);
    case JT_OBJECT_SMALL:
    case JT_OBJECT_LARGE:
    case JT_ARRAY_SMALL:
    case JT_ARRAY_LARGE:
        break;
    }
    return false;
}

/* Opens a container that begins at `at` with at most `avail` bytes. */
static bool push(struct printer *p, unsigned type, const uint8_t *at, size_t avail)
{
    struct frame f = { .at = at };
    struct cursor c = cursor_of(at, avail);
    uint64_t entries;

    if (p->depth == DEPTH_MAX)
        return false;
    f.object = type == JT_OBJECT_SMALL || type == JT_OBJECT_LARGE;
    f.width = type == JT_OBJECT_LARGE || type == JT_ARRAY_LARGE ? 4 : 2;
    f.count = (uint32_t)cursor_le(&c, f.width);
    f.size = (size_t)cursor_le(&c, f.width);
    entries = (uint64_t)f.count * (1 + f.width + (f.object ? f.width + 2 : 0));
    if (c.bad || f.size > avail || 2 * f.width + entries > f.size)
        return false;
    p->stack[p->depth++] = f;
    strbuf_addc(p->b, f.object ? '{' : '[');
    return true;
}

static bool add_key(struct printer *p, const struct frame *f)
{
    struct cursor c = cursor_at(f->at, f->size, 2 * f->width + (size_t)f->next * (f->width + 2));
    size_t offset = (size_t)cursor_le(&c, f->width), len = (size_t)cursor_le(&c, 2);
    struct cursor key = cursor_at(f->at, f->size, offset);
    const uint8_t *text = cursor_bytes(&key, len);

    if (c.bad || text == NULL)
        return false;
    jsonb_add_string(p->b, text, len);
    strbuf_adds(p->b, ": ");
    return true;
}

static bool is_container(unsigned type)
{
    return type <= JT_ARRAY_LARGE;
}

/* Small values stand in the place of their offset. */
static bool is_inlined(unsigned type, unsigned width)
{
    return type == JT_LITERAL || type == JT_INT16 || type == JT_UINT16 ||
           (width == 4 && (type == JT_INT32 || type == JT_UINT32));
}

/* The next element of the innermost container. */
static bool add_element(struct printer *p)
{
    struct frame *f = &p->stack[p->depth - 1];
    size_t entry = 2 * f->width + (f->object ? (size_t)f->count * (f->width + 2) : 0) +
                   (size_t)f->next * (1 + f->width);
    struct cursor c = cursor_at(f->at, f->size, entry);
    unsigned type = (unsigned)cursor_le(&c, 1);
    struct cursor value = c;
    size_t offset = (size_t)cursor_le(&c, f->width);

    if (c.bad)
        return false;
    if (f->next > 0)
        strbuf_adds(p->b, ", ");
    if (f->object && !add_key(p, f))
        return false;
    f->next++;
    if (is_inlined(type, f->width))
        return add_scalar(p, type, value);
    if (offset >= f->size)
        return false;
    if (is_container(type))
        return push(p, type, f->at + offset, f->size - offset);
    return add_scalar(p, type, cursor_at(f->at, f->size, offset));
}

static bool print_document(struct printer *p, unsigned type, const uint8_t *at, size_t len)
{
    if (!is_container(type))
        return add_scalar(p, type, cursor_of(at, len));
    if (!push(p, type, at, len))
        return false;
    while (p->depth > 0) {
        struct frame *f = &p->stack[p->depth - 1];

        if (f->next == f->count) {
            strbuf_addc(p->b, f->object ? '}' : ']');
            p->depth--;
        } else if (!add_element(p) || p->b->failed || p->b->len > p->limit) {
            return false;
        }
    }
    return true;
}

int jsonb_text(const void *data, size_t len, struct strbuf *b, struct err *err)
{
    struct printer *p;
    struct cursor c = cursor_of(data, len);
    unsigned type;
    bool ok;

    if (len == 0) { /* what INSERT IGNORE leaves in a NOT NULL column reads as this */
        strbuf_adds(b, "null");
        return strbuf_check(b, err);
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->b = b;
    p->limit = b->len + len * EXPANSION_MAX + EXPANSION_BASE;
    type = (unsigned)cursor_le(&c, 1);
    ok = print_document(p, type, c.p, cursor_left(&c));
    free(p);
    if (strbuf_check(b, err) < 0)
        return -1;
    return ok ? 0 : err_set(err, ERR_BINLOG_MALFORMED, "damaged JSON value of %zu bytes", len);
}
