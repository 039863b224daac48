/* Normal forms as SQL. What was measured and seen stands in docs/verification.md. */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/normal_priv.h"

#include "base/banned.h"

enum { SET_LABELS_MAX = 64 };

static const char ZEROS[] = "000000000000000000000000000000"; /* a DECIMAL has up to 30 */

/* "…, '000')": more digits behind the point than the column has. */
static void pad(struct strbuf *b, const char *expr, const char *point, size_t zeros)
{
    strbuf_addf(b, "CONCAT(%s, '%s%.*s')", expr, point, (int)MIN(zeros, sizeof(ZEROS) - 1), ZEROS);
}

static void add_number(struct strbuf *b, const struct form *f, const struct column *c)
{
    unsigned scale = c->kind == CK_DECIMAL ? c->scale : 0;
    bool plus = c->kind == CK_BIT || (c->kind == CK_YEAR && f->kind != FORM_YEAR) ||
                strcasestr(c->type_text, "zerofill") != NULL;
    _cleanup_(strbuf_done)
    struct strbuf own = STRBUF(SQL_NAME_MAX + 8);

    strbuf_adds(&own, plus ? "(" : "");
    sql_name(&own, c->name);
    strbuf_adds(&own, plus ? " + 0)" : "");
    b->failed |= !strbuf_ok(&own);
    if (f->digits > scale)
        pad(b, strbuf_str(&own), scale == 0 ? "." : "", f->digits - scale);
    else
        strbuf_adds(b, strbuf_str(&own));
}

static void add_moment(struct strbuf *b, const struct form *f, const struct column *c)
{
    bool day = c->kind == CK_DATE && f->kind == FORM_MOMENT;
    char name[SQL_NAME_MAX];

    if (day)
        pad(b, sql_name_text(c->name, name), f->digits > 0 ? " 00:00:00." : " 00:00:00", f->digits);
    else if (f->digits > c->fraction)
        pad(b, sql_name_text(c->name, name), c->fraction == 0 ? "." : "", f->digits - c->fraction);
    else
        sql_name(b, c->name);
}

/* Adding 0 makes -0 to 0 and changes nothing else. */
static void add_real(struct strbuf *b, const struct column *c, bool signless)
{
    strbuf_adds(b, "POINT(");
    sql_name(b, c->name);
    strbuf_adds(b, signless ? " + 0e0, 0)" : ", 0)");
}

static void add_text(struct strbuf *b, const struct form *f, const struct column *c)
{
    bool parsed = c->kind == CK_UUID || c->kind == CK_INET4 || c->kind == CK_INET6;
    const char *charset = column_charset(c);
    bool convert = f->charset == NULL && charset != NULL && !charset_reads_as_utf8(charset);

    strbuf_adds(b, parsed ? "CAST(" : convert ? "CONVERT(" : "");
    sql_name(b, c->name);
    strbuf_adds(b, parsed ? " AS CHAR)" : convert ? " USING utf8mb4)" : "");
}

/* MySQL joins a VECTOR with nothing; geometry as what it is, its bytes. */
static void add_bytes(struct strbuf *b, const struct column *c)
{
    bool cast = c->kind == CK_VECTOR || c->kind == CK_GEOMETRY;

    if (c->kind == CK_UUID || c->kind == CK_INET4 || c->kind == CK_INET6) {
        add_text(b, &(struct form){ 0 }, c);
        return;
    }
    strbuf_adds(b, cast ? "CAST(" : "");
    sql_name(b, c->name);
    strbuf_adds(b, cast ? " AS BINARY)" : "");
}

/* ---- labels ---- */

/* In UTF-8. In the character set binary they are already, for all that can be read of them. */
static void begin_label(struct strbuf *b, const struct column *c)
{
    if (!charset_reads_as_utf8(column_charset(c)))
        strbuf_adds(b, "CONVERT(");
}

static void end_label(struct strbuf *b, const struct column *c)
{
    if (!charset_reads_as_utf8(column_charset(c)))
        strbuf_adds(b, " USING utf8mb4)");
}

static void add_enum(struct strbuf *b, const struct form *f, const struct column *c)
{
    begin_label(b, c);
    if (f->enum_zero[0] != '\0') {
        strbuf_adds(b, "IF(");
        sql_name(b, c->name);
        strbuf_addf(b, " = 0, '%s', ", f->enum_zero);
    }
    sql_name(b, c->name);
    strbuf_adds(b, f->enum_zero[0] != '\0' ? ")" : "");
    end_label(b, c);
}

/* The target's labels in the source's order, those that only the target has behind them. */
static size_t order_labels(const struct normal *n, int ret[static SET_LABELS_MAX])
{
    struct json_object *source = n->ends[END_SOURCE]->labels, *own = n->ends[END_SINK]->labels;
    size_t count = 0;

    for (size_t i = 0; i < json_len(source) && count < SET_LABELS_MAX; i++) {
        int at = label_position(own, json_at_str(source, i));

        if (at >= 0 && at < SET_LABELS_MAX)
            ret[count++] = at;
    }
    for (size_t i = 0; i < json_len(own) && i < SET_LABELS_MAX && count < SET_LABELS_MAX; i++)
        if (label_position(source, json_at_str(own, i)) < 0)
            ret[count++] = (int)i;
    return count;
}

static void add_bit(struct strbuf *b, const struct column *c, unsigned bit)
{
    sql_name(b, c->name);
    strbuf_adds(b, " & ");
    strbuf_addu(b, (uint64_t)1 << bit);
}

/* IF(s IS NULL, NULL, CONCAT_WS(',', IF(s & 2, 'x', NULL), …)) */
static void add_labels(struct strbuf *b, const struct normal *n)
{
    const struct column *c = n->ends[END_SINK];
    int order[SET_LABELS_MAX];
    size_t count = order_labels(n, order);

    strbuf_adds(b, "IF(");
    sql_name(b, c->name);
    strbuf_adds(b, " IS NULL, NULL, CONCAT_WS(','");
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(b, ", IF(");
        add_bit(b, c, (unsigned)order[i]);
        strbuf_adds(b, ", ");
        sql_string(b, json_at_str(c->labels, (size_t)order[i]));
        strbuf_adds(b, ", NULL)");
    }
    strbuf_adds(b, "))");
}

/* Bits stand where the source's labels have them, those that only the target has from the top. */
unsigned form_set_bit(const struct normal *n, unsigned own)
{
    struct json_object *source = n->ends[END_SOURCE]->labels;
    const char *label = json_at_str(n->ends[END_SINK]->labels, own);
    int at = label_position(source, label);

    if (at >= 0)
        return (unsigned)at;
    at = SET_LABELS_MAX - 1;
    for (unsigned i = 0; i < own; i++)
        if (label_position(source, json_at_str(n->ends[END_SINK]->labels, i)) < 0)
            at--;
    return (unsigned)at;
}

static void add_set_bits(struct strbuf *b, const struct normal *n, enum end end)
{
    const struct column *c = n->ends[end];

    if (end == END_SOURCE) {
        strbuf_addc(b, '(');
        sql_name(b, c->name);
        strbuf_adds(b, " | 0)"); /* not + 0: that would be a signed number */
        return;
    }
    strbuf_addc(b, '(');
    for (size_t i = 0; i < json_len(c->labels) && i < SET_LABELS_MAX; i++) {
        strbuf_adds(b, i > 0 ? " | IF(" : "IF(");
        add_bit(b, c, (unsigned)i);
        strbuf_adds(b, ", ");
        strbuf_addu(b, (uint64_t)1 << form_set_bit(n, (unsigned)i));
        strbuf_adds(b, ", 0)");
    }
    strbuf_adds(b, " | (");
    sql_name(b, c->name);
    strbuf_adds(b, " & 0))"); /* NULL stays NULL */
}

static void add_set(struct strbuf *b, const struct form *f, const struct normal *n, enum end end)
{
    const struct column *c = n->ends[end];

    if (end == END_SINK && !f->same_labels) {
        add_labels(b, n);
        return;
    }
    begin_label(b, c);
    sql_name(b, c->name);
    end_label(b, c);
}

/* ---- the whole ---- */

static void add_expr(struct strbuf *b, const struct form *f, const struct normal *n, enum end end,
                     bool signless)
{
    const struct column *c = n->ends[end];

    switch (f->kind) {
    case FORM_NUMBER:
    case FORM_YEAR:
        add_number(b, f, c);
        return;
    case FORM_REAL:
        add_real(b, c, signless);
        return;
    case FORM_TEXT:
        add_text(b, f, c);
        return;
    case FORM_DOCUMENT: /* the other end may be a text in a set of its own */
        add_text(b, &(struct form){ .kind = FORM_TEXT }, c);
        return;
    case FORM_BYTES:
        add_bytes(b, c);
        return;
    case FORM_ENUM:
        add_enum(b, f, c);
        return;
    case FORM_SET:
        add_set(b, f, n, end);
        return;
    case FORM_SET_BITS:
        add_set_bits(b, n, end);
        return;
    case FORM_DATE:
    case FORM_TIME:
    case FORM_MOMENT:
        add_moment(b, f, c);
        return;
    }
}

void form_add_value(struct strbuf *b, const struct form *f, const struct normal *n, enum end end,
                    bool signless)
{
    const struct column *c = n->ends[end];
    bool json = c->kind == CK_JSON;
    bool cast = f->kind == FORM_REAL || json;

    strbuf_adds(b, cast ? "CAST(" : "");
    add_expr(b, f, n, end, signless);
    strbuf_adds(b, json ? " AS CHAR)" : cast ? " AS BINARY)" : "");
}

void form_add_sum(struct strbuf *b, const struct form *f, const struct normal *n, enum end end,
                  bool signless, bool digest)
{
    strbuf_adds(b, digest ? "CRC32(" : "");
    if (digest && n->ends[end]->kind == CK_GEOMETRY)
        sql_name(b, n->ends[end]->name);
    else
        add_expr(b, f, n, end, signless);
    strbuf_adds(b, digest ? ")" : "");
}
