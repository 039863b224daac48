/* Which normal form two columns have in common: a table of families, and what follows from it. */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/verify/normal_priv.h"

#include "base/banned.h"

enum family { F_NONE, F_NUMBER, F_REAL, F_TEXT, F_BYTES, F_DATE, F_TIME, F_MOMENT, F_DOCUMENT };

static const enum family families[] = {
    [CK_INT] = F_NUMBER,      [CK_DECIMAL] = F_NUMBER,   [CK_FLOAT] = F_REAL,
    [CK_DOUBLE] = F_REAL,     [CK_BIT] = F_NUMBER,       [CK_CHAR] = F_TEXT,
    [CK_VARCHAR] = F_TEXT,    [CK_TEXT] = F_TEXT,        [CK_BINARY] = F_BYTES,
    [CK_VARBINARY] = F_BYTES, [CK_BLOB] = F_BYTES,       [CK_ENUM] = F_TEXT,
    [CK_SET] = F_TEXT,        [CK_DATE] = F_DATE,        [CK_TIME] = F_TIME,
    [CK_DATETIME] = F_MOMENT, [CK_TIMESTAMP] = F_MOMENT, [CK_YEAR] = F_NUMBER,
    [CK_JSON] = F_DOCUMENT,   [CK_GEOMETRY] = F_BYTES,   [CK_VECTOR] = F_BYTES,
    [CK_UUID] = F_TEXT,       [CK_INET4] = F_TEXT,       [CK_INET6] = F_TEXT,
    [CK_UNKNOWN] = F_NONE,
};

/* ---- character sets ---- */

bool charset_is_utf8(const char *name)
{
    return strcasecmp(name, "utf8mb4") == 0 || strcasecmp(name, "utf8") == 0 ||
           strcasecmp(name, "utf8mb3") == 0;
}

bool charset_reads_as_utf8(const char *name)
{
    return charset_is_utf8(name) || strcasecmp(name, "ascii") == 0;
}

/* Labels in the character set binary are read from the catalog as UTF-8. */
const char *column_charset(const struct column *c)
{
    bool bytes = c->charset == NULL || strcasecmp(c->charset, "binary") == 0;

    switch (families[c->kind]) {
    case F_DOCUMENT:
        return "utf8mb4";
    case F_TEXT:
        break;
    default:
        return NULL;
    }
    if (c->kind == CK_UUID || c->kind == CK_INET4 || c->kind == CK_INET6)
        return "ascii";
    if (c->kind == CK_ENUM || c->kind == CK_SET)
        return bytes ? "utf8mb4" : c->charset;
    return bytes ? NULL : c->charset;
}

/* The set in which both ends have the bytes that they store; NULL: they are converted to UTF-8. */
static const char *common_charset(const char *a, const char *b)
{
    bool ascii = strcasecmp(a, "ascii") == 0 || strcasecmp(b, "ascii") == 0;
    bool latin = strcasecmp(a, "latin1") == 0 || strcasecmp(b, "latin1") == 0;

    if (charset_reads_as_utf8(a) && charset_reads_as_utf8(b))
        return "utf8mb4";
    if (strcasecmp(a, b) == 0)
        return a;
    return ascii && latin ? "latin1" : NULL; /* carried without conversion: convert/carry.c */
}

/* ---- labels ---- */

int label_position(struct json_object *labels, const char *label)
{
    for (size_t i = 0; i < json_len(labels); i++) {
        const char *other = json_at_str(labels, i);

        if (other != NULL && strcmp(other, label) == 0)
            return (int)i;
    }
    return -1;
}

static bool has_empty_label(const struct column *s, const struct column *d)
{
    return label_position(s->labels, "") >= 0 || label_position(d->labels, "") >= 0;
}

/* Labels that both have stand in the same order: a SET's text is the same. */
static bool labels_in_order(const struct column *s, const struct column *d)
{
    int last = -1;

    for (size_t i = 0; i < json_len(s->labels); i++) {
        const char *label = json_at_str(s->labels, i);
        int at = label != NULL ? label_position(d->labels, label) : -1;

        if (at >= 0 && at < last)
            return false;
        last = at >= 0 ? at : last;
    }
    return true;
}

static bool labels_known(const struct column *c)
{
    for (size_t i = 0; i < json_len(c->labels); i++)
        if (json_at_str(c->labels, i) == NULL)
            return false;
    return json_len(c->labels) > 0;
}

static void label_form(struct form *f, const struct column *s, const struct column *d)
{
    if (!labels_known(s) || !labels_known(d)) {
        f->left_out = "its labels can't be read";
    } else if (s->kind == CK_SET) {
        f->same_labels = labels_in_order(s, d);
        f->kind = has_empty_label(s, d) ? FORM_SET_BITS : FORM_SET;
    } else {
        f->kind = FORM_ENUM;
        if (!has_empty_label(s, d))
            return;
        type_enum_zero(s->labels, d->labels, f->enum_zero);
        if (f->enum_zero[0] == '\0')
            f->left_out = "has all of '', '0' to '00000' as labels: nothing tells its number 0";
    }
}

/* ---- pairs ---- */

static void text_form(struct form *f, const struct column *s, const struct column *d)
{
    const char *a = column_charset(s), *b = column_charset(d);

    if (s->kind == d->kind && (s->kind == CK_ENUM || s->kind == CK_SET)) {
        label_form(f, s, d);
        return;
    }
    f->kind = a == NULL || b == NULL ? FORM_BYTES : FORM_TEXT;
    if (f->kind == FORM_TEXT)
        f->charset = common_charset(a, b);
}

static void bytes_form(struct form *f, const struct column *s, const struct column *d)
{
    f->kind = FORM_BYTES;
    if ((s->kind == CK_GEOMETRY) != (d->kind == CK_GEOMETRY) && d->kind != CK_BLOB &&
        d->kind != CK_VARBINARY)
        f->clash = "is spatial at one end only";
    if (d->kind == CK_BINARY && (s->kind != CK_BINARY || s->length != d->length))
        f->clash = "is filled up with zero bytes at the target: BINARY of another length";
}

static void moment_form(struct form *f, const struct column *s, const struct column *d)
{
    f->digits = MAX(s->fraction, d->fraction);
    if (families[s->kind] == F_TIME)
        f->kind = FORM_TIME;
    else if (s->kind == CK_DATE && d->kind == CK_DATE)
        f->kind = FORM_DATE;
    else
        f->kind = FORM_MOMENT;
    if (d->fraction < s->fraction)
        f->clash = "keeps fewer digits of a second at the target: values would be rounded";
}

static void number_form(struct form *f, const struct column *s, const struct column *d)
{
    bool short_year = (s->kind == CK_YEAR && type_width(s->type_text) == 2) ||
                      (d->kind == CK_YEAR && type_width(d->type_text) == 2);

    f->kind = s->kind == CK_YEAR && d->kind == CK_YEAR ? FORM_YEAR : FORM_NUMBER;
    f->digits = MAX(s->kind == CK_DECIMAL ? s->scale : 0, d->kind == CK_DECIMAL ? d->scale : 0);
    if (short_year && strcasecmp(s->type_text, d->type_text) != 0)
        f->left_out = "YEAR(2) shows two digits of a year only";
}

static bool family_form(struct form *f, const struct column *s, const struct column *d)
{
    enum family a = families[s->kind], b = families[d->kind];

    if (a == F_NUMBER && b == F_NUMBER)
        number_form(f, s, d);
    else if (a == F_REAL && b == F_REAL)
        f->kind = FORM_REAL;
    else if (a == F_TEXT && b == F_TEXT)
        text_form(f, s, d);
    else if ((a == F_BYTES || a == F_TEXT) && (b == F_BYTES || b == F_TEXT))
        bytes_form(f, s, d);
    else if (a == F_TIME && b == F_TIME)
        moment_form(f, s, d);
    else if ((a == F_DATE || a == F_MOMENT) && (b == F_DATE || b == F_MOMENT))
        moment_form(f, s, d);
    else if (a == F_DOCUMENT && (b == F_DOCUMENT || column_charset(d) != NULL))
        *f = (struct form){ .kind = FORM_DOCUMENT, .charset = "utf8mb4" };
    else if (a == F_TEXT && b == F_DOCUMENT)
        f->left_out = "JSON at the target writes the source's text its own way";
    else
        return false;
    return true;
}

struct form form_of(const struct column *s, const struct column *d)
{
    struct form f = { .kind = FORM_BYTES, .same_labels = true };

    if (!family_form(&f, s, d)) {
        f.clash = "has types that can't be compared";
        f.kinds_differ = true;
    }
    if (s->kind == CK_DOUBLE && d->kind == CK_FLOAT)
        f.clash = "is FLOAT at the target: a DOUBLE would be rounded";
    if (d->generated)
        f.clash = "is generated at the target";
    return f;
}

struct form form_of_back(const struct column *s, const struct column *d)
{
    struct form f = form_of(s, d), back = form_of(d, s);

    if (f.left_out == NULL && f.clash == NULL && f.kind == FORM_DOCUMENT && back.left_out != NULL)
        f.left_out = "JSON at the source writes the target's text its own way";
    return f;
}

/* ---- what a form is good for ---- */

static uint64_t column_most_bytes(const struct column *c)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } rows[] = { { "tinytext", UINT8_MAX },
                 { "tinyblob", UINT8_MAX },
                 { "text", UINT16_MAX },
                 { "blob", UINT16_MAX },
                 { "vector", (uint64_t)UINT16_MAX + 1 } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcasecmp(rows[i].type, c->data_type) == 0)
            return rows[i].bytes;
    switch (c->kind) {
    case CK_CHAR:
    case CK_VARCHAR:
        return (uint64_t)c->length * 4;
    case CK_BINARY:
    case CK_VARBINARY:
        return c->length;
    case CK_ENUM:
    case CK_SET:
        return c->octets > 0 ? (uint64_t)c->octets * 4 : UINT16_MAX;
    case CK_TEXT:
    case CK_BLOB:
    case CK_JSON:
    case CK_GEOMETRY:
        return UINT32_MAX;
    default:
        return 80; /* a DECIMAL's 65 digits; all others are shorter */
    }
}

uint64_t form_most_bytes(const struct form *f, const struct normal *n)
{
    bool converted = f->kind == FORM_TEXT && f->charset == NULL;
    uint64_t most = 0;

    for (unsigned end = 0; end < END_MAX_; end++)
        most = MAX(most, column_most_bytes(n->ends[end]));
    return most * (converted ? 4 : 1);
}

bool form_any_byte(const struct form *f, const struct normal *n)
{
    switch (f->kind) {
    case FORM_REAL:
    case FORM_BYTES:
        return true;
    case FORM_TEXT:
        break;
    default:
        return false;
    }
    if (f->charset != NULL && strcasecmp(f->charset, "utf8mb4") != 0)
        return true;
    /* old servers let any byte into ascii */
    for (unsigned end = 0; end < END_MAX_; end++)
        if (n->ends[end]->charset != NULL && strcasecmp(n->ends[end]->charset, "ascii") == 0)
            return true;
    return false;
}

/* "utf8_bin" is "utf8mb3_bin": only the name of the set has changed. */
static const char *collation_tail(const char *collation)
{
    const char *tail = strchr(collation, '_');

    return tail != NULL ? tail : collation;
}

static bool same_text_order(const struct column *s, const struct column *d)
{
    const char *a = column_charset(s), *b = column_charset(d);
    bool same_set = strcasecmp(a, b) == 0 ||
                    (charset_is_utf8(a) && charset_is_utf8(b) &&
                     (strcasecmp(a, "utf8mb4") == 0) == (strcasecmp(b, "utf8mb4") == 0));

    /* others' *_bin are not known to be the same code everywhere */
    if (!charset_reads_as_utf8(a) && strcasecmp(a, "latin1") != 0)
        return false;
    return same_set && s->collation != NULL && d->collation != NULL && s->binary_collation &&
           strcasecmp(collation_tail(s->collation), collation_tail(d->collation)) == 0;
}

bool form_same_order(const struct form *f, const struct normal *n)
{
    const struct column *s = n->ends[END_SOURCE], *d = n->ends[END_SINK];

    switch (f->kind) {
    case FORM_NUMBER: /* a server may round a literal that has more digits than the column */
        return (s->kind == CK_INT || s->kind == CK_DECIMAL) &&
               (d->kind == CK_INT || d->kind == CK_DECIMAL) &&
               f->digits == (d->kind == CK_DECIMAL ? d->scale : 0);
    case FORM_MOMENT:
        return d->kind != CK_DATE;
    case FORM_YEAR:
    case FORM_DATE:
    case FORM_TIME:
        return true;
    case FORM_BYTES:
        return families[s->kind] == F_BYTES && families[d->kind] == F_BYTES &&
               s->kind != CK_GEOMETRY && d->kind != CK_GEOMETRY && s->kind != CK_VECTOR &&
               d->kind != CK_VECTOR;
    case FORM_TEXT:
        return (s->kind == CK_CHAR || s->kind == CK_VARCHAR || s->kind == CK_TEXT) &&
               (d->kind == CK_CHAR || d->kind == CK_VARCHAR || d->kind == CK_TEXT) &&
               same_text_order(s, d);
    default:
        return false;
    }
}
