/* "column = literal" for a value in its normal form, served by an index on the column. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/normal_priv.h"

#include "base/banned.h"

enum { SET_LABELS_MAX = 64, NUMBER_MAX = 128, DATE_LEN = 10 };

/* No row has it: the end has no such label. */
static void add_never(struct strbuf *b)
{
    strbuf_adds(b, "0 = 1");
}

static void begin(struct strbuf *b, const struct column *c)
{
    sql_name(b, c->name);
    strbuf_adds(b, " = ");
}

/* ---- numbers and moments ---- */

static bool is_number(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (value[i] == '\0' || strchr("0123456789.-", value[i]) == NULL)
            return false;
    return len > 0 && len < NUMBER_MAX;
}

/* What a column lacks of a value is nothing: zeros and what stands between them. */
static bool is_nothing(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (value[i] == '\0' || strchr("0.: ", value[i]) == NULL)
            return false;
    return true;
}

/* Length of a value with so many digits behind its point. */
static size_t kept_length(const char *value, size_t len, size_t digits)
{
    const char *point = memchr(value, '.', len);

    return point == NULL ? len : MIN(len, (size_t)(point - value) + (digits > 0 ? digits + 1 : 0));
}

/*
 * Cut to the digits that the column has: a server may round a literal to find it in an index. Bare
 * only when it looks like a number: it came from a server, or from a file.
 */
static void add_number(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    size_t kept = kept_length(value, len, c->kind == CK_DECIMAL ? c->scale : 0);

    if (!is_nothing(value + kept, len - kept)) {
        add_never(b);
        return;
    }
    begin(b, c);
    if (is_number(value, kept))
        strbuf_add(b, value, kept);
    else
        sql_quoted_bytes(b, value, kept);
}

/* "2024-01-02" of a DATE whose other end has a time of day. */
static void add_moment(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    size_t kept =
        c->kind == CK_DATE ? MIN(len, (size_t)DATE_LEN) : kept_length(value, len, c->fraction);

    if (!is_nothing(value + kept, len - kept)) {
        add_never(b);
        return;
    }
    begin(b, c);
    sql_quoted_bytes(b, value, kept);
}

/* Little endian at both lineages, whatever the machine. */
static double real_at(const char *value)
{
    uint64_t bits = 0;
    double d;

    for (unsigned i = sizeof(bits); i > 0; i--)
        bits = bits << 8 | (unsigned char)value[WKB_REAL_AT + i - 1];
    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* Seventeen digits name a double exactly; the exponent makes it one, not a DECIMAL. */
static void add_real(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    double d = len == WKB_REAL_LEN ? real_at(value) : 0;

    if (len != WKB_REAL_LEN || d - d != 0) {
        add_never(b);
        return;
    }
    begin(b, c);
    strbuf_addf(b, "%.16e", d);
}

/* ---- texts ---- */

static void add_as_bytes(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    strbuf_adds(b, "CAST(");
    sql_name(b, c->name);
    strbuf_adds(b, " AS BINARY) = ");
    sql_bytes(b, value, len);
}

static void add_introduced(struct strbuf *b, const char *charset, const char *value, size_t len)
{
    strbuf_addf(b, "_%s ", charset);
    strbuf_adds(b, len == 0 ? "''" : "");
    if (len > 0)
        sql_bytes(b, value, len);
}

/* A character that utf8mb3 does not have (RFC 3629: its first byte). */
static bool has_four_bytes(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] >= 0xf0)
            return true;
    return false;
}

/*
 * A literal in the column's own character set. Of a set that does not have every character only
 * when the way there and back gives the same: '?' would be another row's key.
 */
static void add_text(struct strbuf *b, const struct form *f, const struct column *c,
                     const char *value, size_t len)
{
    const char *own = c->charset;
    bool utf8 = f->charset == NULL || strcasecmp(f->charset, "utf8mb4") == 0;

    if (own == NULL || c->collation == NULL) { /* UUID, INET4, INET6 */
        begin(b, c);
        sql_quoted_bytes(b, value, len);
    } else if (utf8 && !utf8_valid(value, len)) {
        add_as_bytes(b, c, value, len);
    } else if (utf8 && charset_is_utf8(own) &&
               (strcasecmp(own, "utf8mb4") == 0 || !has_four_bytes(value, len))) {
        begin(b, c);
        add_introduced(b, own, value, len);
    } else if (!utf8 && strcasecmp(own, f->charset) == 0) {
        begin(b, c);
        strbuf_adds(b, "CONVERT(");
        add_introduced(b, "binary", value, len);
        strbuf_addf(b, " USING %s) COLLATE %s", own, c->collation);
    } else {
        const char *from = utf8 ? "utf8mb4" : f->charset;

        strbuf_addc(b, '(');
        begin(b, c);
        strbuf_adds(b, "CONVERT(");
        add_introduced(b, from, value, len);
        strbuf_addf(b, " USING %s) COLLATE %s AND CAST(CONVERT(CONVERT(", own, c->collation);
        add_introduced(b, from, value, len);
        strbuf_addf(b, " USING %s) USING %s) AS BINARY) = ", own, from);
        add_introduced(b, "binary", value, len);
        strbuf_addc(b, ')');
    }
}

/* ---- labels ---- */

/* By number: a text is compared as the collation does, and may be read as a number. */
static void add_enum(struct strbuf *b, const struct form *f, const struct column *c,
                     const char *value, size_t len)
{
    const char *zero = f->enum_zero; /* "": without an empty label, number 0 is '' */

    if (len == strlen(zero) && (len == 0 || memcmp(value, zero, len) == 0)) {
        begin(b, c);
        strbuf_addc(b, '0');
        return;
    }
    for (size_t i = 0; i < json_len(c->labels); i++) {
        const char *label = json_at_str(c->labels, i);

        if (label != NULL && strlen(label) == len && memcmp(label, value, len) == 0) {
            begin(b, c);
            strbuf_addu(b, i + 1);
            return;
        }
    }
    add_never(b);
}

static bool find_bit(const struct column *c, const char *label, size_t len, uint64_t *io_bits)
{
    for (size_t i = 0; i < json_len(c->labels) && i < SET_LABELS_MAX; i++) {
        const char *own = json_at_str(c->labels, i);

        if (own != NULL && strlen(own) == len && memcmp(own, label, len) == 0) {
            *io_bits |= (uint64_t)1 << i;
            return true;
        }
    }
    return false;
}

static void add_set(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    uint64_t bits = 0;

    for (size_t at = 0; at < len;) {
        const char *comma = memchr(value + at, ',', len - at);
        size_t n = comma != NULL ? (size_t)(comma - value) - at : len - at;

        if (!find_bit(c, value + at, n, &bits)) {
            add_never(b);
            return;
        }
        at += n + 1;
    }
    begin(b, c);
    strbuf_addi(b, (int64_t)bits); /* a SET is compared as a signed number */
}

static void add_set_bits(struct strbuf *b, const struct normal *n, enum end end, const char *value,
                         size_t len)
{
    uint64_t bits, own = 0;
    char text[NUMBER_MAX];

    (void)snprintf(text, sizeof(text), "%.*s", (int)MIN(len, sizeof(text) - 1), value);
    if (!num_parse_u64(text, UINT64_MAX, &bits)) {
        add_never(b);
        return;
    }
    if (end == END_SOURCE)
        own = bits;
    for (unsigned i = 0; end == END_SINK && i < json_len(n->ends[end]->labels); i++)
        if (i < SET_LABELS_MAX && (bits >> form_set_bit(n, i) & 1) != 0) {
            own |= (uint64_t)1 << i;
            bits &= ~((uint64_t)1 << form_set_bit(n, i));
        }
    if (end == END_SINK && bits != 0) {
        add_never(b);
        return;
    }
    begin(b, n->ends[end]);
    strbuf_addi(b, (int64_t)own);
}

/* ---- the whole ---- */

static void add_bytes(struct strbuf *b, const struct column *c, const char *value, size_t len)
{
    if (c->kind == CK_BINARY || c->kind == CK_VARBINARY || c->kind == CK_BLOB) {
        begin(b, c);
        sql_bytes(b, value, len);
    } else if (c->kind == CK_UUID || c->kind == CK_INET4 || c->kind == CK_INET6) {
        begin(b, c);
        sql_quoted_bytes(b, value, len);
    } else if ((c->kind == CK_CHAR || c->kind == CK_VARCHAR || c->kind == CK_TEXT) &&
               column_charset(c) != NULL) { /* its other end is bytes */
        bool utf8 = charset_reads_as_utf8(c->charset);

        add_text(b, &(struct form){ .charset = utf8 ? "utf8mb4" : c->charset }, c, value, len);
    } else { /* labels as bytes; geometry and VECTOR are in no key */
        add_as_bytes(b, c, value, len);
    }
}

void normal_equals(struct strbuf *b, const struct normal *n, enum end end, const char *value,
                   size_t len)
{
    const struct column *c = n->ends[end];
    struct form f = form_of(n->ends[END_SOURCE], n->ends[END_SINK]);

    if (value == NULL) {
        sql_name(b, c->name);
        strbuf_adds(b, " IS NULL");
        return;
    }
    switch (f.kind) {
    case FORM_NUMBER:
    case FORM_YEAR:
        add_number(b, c, value, len);
        return;
    case FORM_REAL:
        add_real(b, c, value, len);
        return;
    case FORM_DATE:
    case FORM_TIME:
    case FORM_MOMENT:
        add_moment(b, c, value, len);
        return;
    case FORM_TEXT:
        add_text(b, &f, c, value, len);
        return;
    case FORM_DOCUMENT:
        if (c->kind == CK_JSON)
            add_as_bytes(b, c, value, len);
        else
            add_text(b, &f, c, value, len);
        return;
    case FORM_BYTES:
        add_bytes(b, c, value, len);
        return;
    case FORM_ENUM:
        add_enum(b, &f, c, value, len);
        return;
    case FORM_SET:
        add_set(b, c, value, len);
        return;
    case FORM_SET_BITS:
        add_set_bits(b, n, end, value, len);
        return;
    }
}
