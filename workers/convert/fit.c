#include "workers/convert/fit.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

bool column_is_text(const struct column *c)
{
    return (c->kind == CK_CHAR || c->kind == CK_VARCHAR || c->kind == CK_TEXT ||
            c->kind == CK_ENUM || c->kind == CK_SET) &&
           c->charset != NULL && strcasecmp(c->charset, "binary") != 0;
}

/* ---- character sets -------------------------------------------------------------------------- */

/* clang-format off */
static const struct charset_row {
    const char *name;
    enum { R_ASCII, R_NATIONAL, R_BMP, R_ALL } reach; /* what it can hold */
    unsigned bytes; /* of its longest character */
} charsets[] = {
    { "ascii", R_ASCII, 1 },
    { "ucs2", R_BMP, 2 },    { "utf8", R_BMP, 3 },     { "utf8mb3", R_BMP, 3 },
    { "utf8mb4", R_ALL, 4 }, { "utf16", R_ALL, 4 },    { "utf16le", R_ALL, 4 }, { "utf32", R_ALL, 4 },
    { "gb18030", R_ALL, 4 },
    { "gbk", R_NATIONAL, 2 }, { "gb2312", R_NATIONAL, 2 }, { "big5", R_NATIONAL, 2 }, { "sjis", R_NATIONAL, 2 },
    { "cp932", R_NATIONAL, 2 }, { "euckr", R_NATIONAL, 2 }, { "ujis", R_NATIONAL, 3 }, { "eucjpms", R_NATIONAL, 3 },
};
/* clang-format on */

static struct charset_row charset_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(charsets); i++)
        if (strcasecmp(charsets[i].name, name) == 0)
            return charsets[i];
    return (struct charset_row){ name, R_NATIONAL, 1 }; /* all others have one byte a character */
}

static bool is_utf8mb3(const char *name)
{
    return strcasecmp(name, "utf8") == 0 || strcasecmp(name, "utf8mb3") == 0;
}

/* Sets whose bytes below 128 are not all ASCII's characters. */
static bool is_odd(const char *name)
{
    return strcasecmp(name, "sjis") == 0 || strcasecmp(name, "swe7") == 0;
}

enum fit charset_fit(const char *from, const char *to)
{
    struct charset_row a, b;

    if (from == NULL || to == NULL)
        return from == to ? FIT_SAME : FIT_CHANGES;
    if (strcasecmp(from, to) == 0 || (is_utf8mb3(from) && is_utf8mb3(to)))
        return FIT_SAME;
    if (strcasecmp(from, "binary") == 0 || strcasecmp(to, "binary") == 0)
        return FIT_CHANGES;
    a = charset_of(from);
    b = charset_of(to);
    if (a.reach == R_ASCII)
        return is_odd(to) ? FIT_NARROWER : FIT_WIDER;
    return b.reach >= R_BMP && b.reach >= a.reach ? FIT_WIDER : FIT_NARROWER;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static enum fit worse(enum fit a, enum fit b)
{
    return a > b ? a : b;
}

static enum fit by_size(uint64_t s, uint64_t d)
{
    if (s == d)
        return FIT_SAME;
    return s < d ? FIT_WIDER : FIT_NARROWER;
}

/* A negative number, or one of the upper half, is out of range: refused. */
static enum fit by_sign(const struct column *s, const struct column *d)
{
    if (s->is_unsigned == d->is_unsigned)
        return FIT_SAME;
    return s->is_unsigned ? FIT_WIDER : FIT_NARROWER;
}

static enum fit int_fit(const struct column *s, const struct column *d)
{
    if (s->is_unsigned && !d->is_unsigned)
        return d->int_bytes > s->int_bytes ? FIT_WIDER : FIT_NARROWER;
    return worse(by_size(s->int_bytes, d->int_bytes), by_sign(s, d));
}

/* Digits behind the point are rounded with a note only; those before it are not. */
static enum fit decimal_fit(const struct column *s, const struct column *d)
{
    if (d->scale < s->scale)
        return FIT_CHANGES;
    return worse(worse(by_size(s->precision - s->scale, d->precision - d->scale),
                       d->scale > s->scale ? FIT_WIDER : FIT_SAME),
                 by_sign(s, d));
}

/* FLOAT(7,4) rounds what it is given. */
static enum fit real_fit(const struct column *s, const struct column *d)
{
    const char *a = strchr(s->type_text, '('), *b = strchr(d->type_text, '(');

    if (b == NULL)
        return worse(a == NULL ? FIT_SAME : FIT_WIDER, by_sign(s, d));
    return a != NULL && strcspn(a, ")") == strcspn(b, ")") && strncmp(a, b, strcspn(b, ")")) == 0
               ? by_sign(s, d)
               : FIT_CHANGES;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool has_label(const struct column *c, const char *label)
{
    for (size_t i = 0; i < json_len(c->labels); i++) {
        const char *other = json_at_str(c->labels, i);

        if (other != NULL && strcmp(other, label) == 0)
            return true;
    }
    return false;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/*
 * May a label that the target lacks be taken for one that it has? By a collation that holds letters
 * equal, or as the number of a label (a text of digits, Field_enum::store()).
 */
static bool label_is_taken(const struct column *d, const char *label)
{
    if (!is_ascii(label) || strspn(label, "0123456789 +-.") == strlen(label))
        return true;
    for (size_t i = 0; i < json_len(d->labels); i++) {
        const char *other = json_at_str(d->labels, i);

        if (other == NULL || !is_ascii(other) || strcasecmp(other, label) == 0)
            return true;
    }
    return false;
}

static enum fit label_fit(const struct column *s, const struct column *d)
{
    enum fit f = FIT_SAME;

    for (size_t i = 0; i < json_len(s->labels); i++) {
        const char *a = json_at_str(s->labels, i), *b = json_at_str(d->labels, i);

        if (a == NULL)
            return FIT_CHANGES;
        if (b != NULL && strcmp(a, b) == 0)
            continue;
        if (has_label(d, a)) /* values go by label */
            f = worse(f, FIT_WIDER);
        else
            f = worse(f, label_is_taken(d, a) ? FIT_CHANGES : FIT_NARROWER);
    }
    return json_len(d->labels) > json_len(s->labels) ? worse(f, FIT_WIDER) : f;
}

/* ---- texts and bytes ------------------------------------------------------------------------- */

static uint64_t capacity(const struct column *c)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } rows[] = { { "tinytext", 255 }, { "tinyblob", 255 },        { "text", 65535 },
                 { "blob", 65535 },   { "mediumtext", 16777215 }, { "mediumblob", 16777215 } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcasecmp(rows[i].type, c->data_type) == 0)
            return rows[i].bytes;
    return 4294967295U;
}

/* The most bytes that a value of `s` takes in the character set of `d`. */
static uint64_t most_bytes(const struct column *s, const struct column *d)
{
    uint64_t to = d->charset == NULL ? 1 : charset_of(d->charset).bytes;

    if (s->kind != CK_TEXT)
        return s->length * to;
    /* a text of one byte a character at the source may take four at the target */
    return charset_fit(s->charset, d->charset) == FIT_SAME ? capacity(s) : capacity(s) * to;
}

/* CHAR has no blanks at its end and VARCHAR keeps them: only the way into CHAR loses some. */
static enum fit text_fit(const struct column *s, const struct column *d)
{
    if (d->kind == CK_CHAR)
        return s->kind == CK_CHAR ? by_size(s->length, d->length) : FIT_CHANGES;
    if (d->kind == CK_VARCHAR && s->kind == CK_TEXT)
        return capacity(s) <= d->length ? FIT_WIDER : FIT_NARROWER;
    if (d->kind == CK_VARCHAR)
        return worse(s->kind == CK_VARCHAR ? FIT_SAME : FIT_WIDER, by_size(s->length, d->length));
    if (s->kind == CK_TEXT && strcasecmp(s->data_type, d->data_type) == 0 &&
        charset_fit(s->charset, d->charset) == FIT_SAME)
        return FIT_SAME;
    return most_bytes(s, d) <= capacity(d) ? FIT_WIDER : FIT_NARROWER;
}

/* BINARY pads with zero bytes, which then belong to the value. */
static enum fit bytes_fit(const struct column *s, const struct column *d)
{
    uint64_t here = s->kind == CK_BLOB ? capacity(s) : s->length;
    uint64_t there = d->kind == CK_BLOB ? capacity(d) : d->length;

    if (s->kind == CK_BINARY || d->kind == CK_BINARY)
        return s->kind == d->kind && here == there ? FIT_SAME : FIT_CHANGES;
    return worse(s->kind == d->kind ? FIT_SAME : FIT_WIDER, by_size(here, there));
}

static bool is_chars(enum column_kind k)
{
    return k == CK_CHAR || k == CK_VARCHAR || k == CK_TEXT;
}

static bool is_bytes(enum column_kind k)
{
    return k == CK_BINARY || k == CK_VARBINARY || k == CK_BLOB;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum fit geometry_fit(const struct column *s, const struct column *d)
{
    if (strcasecmp(s->data_type, d->data_type) == 0 ||
        (strstr(s->data_type, "collection") != NULL && strstr(d->data_type, "collection") != NULL))
        return FIT_SAME; /* geomcollection and geometrycollection are one */
    return strcasecmp(d->data_type, "geometry") == 0 ? FIT_WIDER : FIT_CHANGES;
}

static enum fit type_fit(const struct column *s, const struct column *d)
{
    if (s->kind == CK_JSON || d->kind == CK_JSON) /* JSON, or MariaDB's LONGTEXT */
        return s->kind == d->kind || strcasecmp(s->data_type, "longtext") == 0 ||
                       strcasecmp(d->data_type, "longtext") == 0
                   ? FIT_SAME
                   : FIT_CHANGES;
    if (is_chars(s->kind) && is_chars(d->kind))
        return text_fit(s, d);
    if (is_bytes(s->kind) && is_bytes(d->kind))
        return bytes_fit(s, d);
    if (s->kind != d->kind)
        return FIT_CHANGES;
    switch (s->kind) {
    case CK_INT:
        return int_fit(s, d);
    case CK_DECIMAL:
        return decimal_fit(s, d);
    case CK_FLOAT:
    case CK_DOUBLE:
        return real_fit(s, d);
    case CK_BIT:
        return by_size(s->precision, d->precision);
    case CK_ENUM:
    case CK_SET:
        return label_fit(s, d);
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP: /* fewer digits: rounded without a word */
        return d->fraction < s->fraction ? FIT_CHANGES : by_size(s->fraction, d->fraction);
    case CK_GEOMETRY:
        return geometry_fit(s, d);
    case CK_VECTOR:
        return type_width(s->type_text) == type_width(d->type_text) ? FIT_SAME : FIT_NARROWER;
    case CK_UNKNOWN:
        return strcasecmp(s->data_type, d->data_type) == 0 ? FIT_SAME : FIT_CHANGES;
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_DATE:
    case CK_YEAR:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
    case CK_JSON:
        break;
    }
    return FIT_SAME;
}

/* NULL in a TIMESTAMP may become now, in an AUTO_INCREMENT column the next number. */
static enum fit null_fit(const struct column *s, const struct column *d)
{
    if (s->generated || s->nullable == d->nullable)
        return FIT_SAME;
    if (d->nullable)
        return FIT_WIDER;
    return d->kind == CK_TIMESTAMP || d->auto_increment ? FIT_CHANGES : FIT_NARROWER;
}

enum fit column_fit(const struct column *s, const struct column *d, const char **ret_what)
{
    enum fit type = type_fit(s, d), null = null_fit(s, d);

    if (s->generated != d->generated) {
        *ret_what = "generated";
        return FIT_CHANGES;
    }
    *ret_what = null > type ? "nullable" : "type";
    return worse(type, null);
}
