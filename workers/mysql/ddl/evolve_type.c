/* A column's type: from its words to what information_schema says of it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "workers/mysql/catalog_priv.h"
#include "workers/mysql/ddl/evolve_priv.h"
#include "workers/mysql/ddl/parse_priv.h"
#include "workers/mysql/types.h"

#include "base/banned.h"

enum {
    LABEL_BYTES = 64 * 1024,
    TYPE_TEXT_BYTES = 16 * 1024 * 1024,
    FLOAT_DIGITS = 24, /* FLOAT(p) with more is a DOUBLE */
    MYSQL_NO_WIDTHS = 80019,
    VECTOR_DEFAULT = 2048,
    VECTOR_ELEMENT = 4,
    SQL_MODE_REAL_AS_FLOAT = 0x1,
    SQL_MODE_MAXDB = 0x1000,
};

/* The longer ones first. */
/* clang-format off */
static const struct type_words {
    const char *words[3];
    const char *data_type;
    enum { TW_NONE, TW_NATIONAL, TW_BOOLEAN, TW_SERIAL, TW_REAL } what;
} type_words[] = {
    { { "NATIONAL", "CHARACTER", "VARYING" }, "varchar", TW_NATIONAL },
    { { "NATIONAL", "CHAR", "VARYING" },      "varchar", TW_NATIONAL },
    { { "LONG", "CHARACTER", "VARYING" },     "mediumtext", TW_NONE },
    { { "LONG", "CHAR", "VARYING" },          "mediumtext", TW_NONE },
    { { "NATIONAL", "VARCHARACTER", NULL },   "varchar", TW_NATIONAL },
    { { "NATIONAL", "VARCHAR", NULL },        "varchar", TW_NATIONAL },
    { { "NATIONAL", "CHARACTER", NULL },      "char", TW_NATIONAL },
    { { "NATIONAL", "CHAR", NULL },           "char", TW_NATIONAL },
    { { "NCHAR", "VARCHARACTER", NULL },      "varchar", TW_NATIONAL },
    { { "NCHAR", "VARCHAR", NULL },           "varchar", TW_NATIONAL },
    { { "NCHAR", "VARYING", NULL },           "varchar", TW_NATIONAL },
    { { "CHARACTER", "VARYING", NULL },       "varchar", TW_NONE },
    { { "CHAR", "VARYING", NULL },            "varchar", TW_NONE },
    { { "LONG", "VARBINARY", NULL },          "mediumblob", TW_NONE },
    { { "LONG", "VARCHARACTER", NULL },       "mediumtext", TW_NONE },
    { { "LONG", "VARCHAR", NULL },            "mediumtext", TW_NONE },
    { { "DOUBLE", "PRECISION", NULL },        "double", TW_NONE },
    { { "LONG", NULL, NULL },                 "mediumtext", TW_NONE },
    { { "NCHAR", NULL, NULL },                "char", TW_NATIONAL },
    { { "NVARCHAR", NULL, NULL },             "varchar", TW_NATIONAL },
    { { "VARCHARACTER", NULL, NULL },         "varchar", TW_NONE },
    { { "CHARACTER", NULL, NULL },            "char", TW_NONE },
    { { "BOOLEAN", NULL, NULL },              "tinyint", TW_BOOLEAN },
    { { "BOOL", NULL, NULL },                 "tinyint", TW_BOOLEAN },
    { { "SERIAL", NULL, NULL },               "bigint", TW_SERIAL },
    { { "REAL", NULL, NULL },                 "double", TW_REAL },
    { { "INTEGER", NULL, NULL },              "int", TW_NONE },
    { { "INT1", NULL, NULL },                 "tinyint", TW_NONE },
    { { "INT2", NULL, NULL },                 "smallint", TW_NONE },
    { { "INT3", NULL, NULL },                 "mediumint", TW_NONE },
    { { "MIDDLEINT", NULL, NULL },            "mediumint", TW_NONE },
    { { "INT4", NULL, NULL },                 "int", TW_NONE },
    { { "INT8", NULL, NULL },                 "bigint", TW_NONE },
    { { "FLOAT4", NULL, NULL },               "float", TW_NONE },
    { { "FLOAT8", NULL, NULL },               "double", TW_NONE },
    { { "NUMERIC", NULL, NULL },              "decimal", TW_NONE },
    { { "DEC", NULL, NULL },                  "decimal", TW_NONE },
    { { "FIXED", NULL, NULL },                "decimal", TW_NONE },
    { { "GEOMCOLLECTION", NULL, NULL },       "geometrycollection", TW_NONE },
};

static const char *const plain_words[] = {
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit",
    "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary",
    "tinyblob", "blob", "mediumblob", "longblob", "enum", "set", "date", "time", "datetime",
    "timestamp", "year", "json", "geometry", "point", "linestring", "polygon", "multipoint",
    "multilinestring", "multipolygon", "geometrycollection", "vector", "uuid", "inet4", "inet6",
};
/* clang-format on */

void type_text_done(struct type_text *t)
{
    free(t->charset);
    free(t->collation);
    json_putp(&t->labels);
    *t = (struct type_text){ 0 };
}

/* ---- reading ---- */

static bool words_match(const struct ddl_cursor *c, const struct type_words *w, size_t *ret_count)
{
    size_t n = 0;

    for (; n < ARRAY_SIZE(w->words) && w->words[n] != NULL; n++)
        if (!tokens_word(c->t, c->at + n, w->words[n]))
            return false;
    *ret_count = n;
    return true;
}

static int type_name(struct ddl_cursor *c, struct type_text *t)
{
    size_t n;

    for (size_t i = 0; i < ARRAY_SIZE(type_words); i++) {
        const struct type_words *w = &type_words[i];

        if (!words_match(c, w, &n))
            continue;
        c->at += n;
        t->data_type = w->data_type;
        t->national = w->what == TW_NATIONAL;
        t->boolean = w->what == TW_BOOLEAN;
        t->serial = w->what == TW_SERIAL;
        t->real = w->what == TW_REAL;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(plain_words); i++) {
        if (!dc_accept(c, plain_words[i]))
            continue;
        t->data_type = plain_words[i];
        return 0;
    }
    return dc_fail(c, "a known column type");
}

static int number(struct ddl_cursor *c, uint64_t *ret)
{
    _cleanup_(freep)
    char *digits = tokens_is(c->t, c->at, TOK_NUMBER) ? tokens_text(c->t, c->at) : NULL;

    if (digits == NULL || !num_parse_u64(digits, UINT32_MAX, ret))
        return dc_fail(c, "a length");
    c->at++;
    return 0;
}

static bool all_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

/* x'6162', 0x6162 of an ENUM: bytes of the column's set, the same in all of them while ASCII. */
static int hex_label(struct ddl_cursor *c, struct strbuf *b)
{
    const struct token *t = &c->t->list[c->at];
    const char *digits = t->text + 2;
    size_t len = t->len - 2;

    if (t->kind != TOK_NUMBER) { /* x '6162' */
        t = &c->t->list[c->at + 1];
        digits = t->text + 1;
        len = t->len - 2;
        c->at++;
    }
    c->at++;
    for (size_t i = 0; i + 1 < len; i += 2) {
        char pair[] = { digits[i], digits[i + 1], '\0' };
        char *end;
        long v = strtol(pair, &end, 16);

        if (*end != '\0')
            return dc_fail(c, "hexadecimal digits");
        strbuf_addc(b, (char)v);
    }
    if (len % 2 != 0 || !all_ascii(strbuf_str(b), b->len))
        return dc_fail(c, "a label in ASCII, where it is written in hexadecimal,");
    return 0;
}

static bool at_hex(const struct ddl_cursor *c)
{
    const struct token *t = &c->t->list[c->at];

    return (t->kind == TOK_NUMBER && t->len > 2 && t->text[1] == 'x') ||
           (dc_is(c, "X") && tokens_is(c->t, c->at + 1, TOK_STRING));
}

/* The label's text, without the blanks at its end, which no server keeps. */
static int add_label(struct ddl_cursor *c, struct json_object *list, bool backslashes)
{
    struct strbuf b = STRBUF(LABEL_BYTES);
    struct json_object *text = NULL;
    int rc = 0;

    if (dc_end(c)) {
        rc = dc_fail(c, "a label");
    } else if (at_hex(c)) {
        rc = hex_label(c, &b);
    } else if (tokens_is(c->t, c->at, TOK_STRING)) {
        if (backslashes)
            tokens_string_bytes(c->t, c->at, &b);
        else
            token_unquote(&c->t->list[c->at], &b);
        c->at++;
    } else {
        rc = dc_fail(c, "a label");
    }
    while (b.len > 0 && b.data[b.len - 1] == ' ')
        strbuf_truncate(&b, b.len - 1);
    if (rc == 0) {
        text = strbuf_ok(&b) ? json_object_new_string_len(strbuf_str(&b), (int)b.len) : NULL;
        if (text == NULL || json_object_array_add(list, text) < 0)
            rc = dc_nomem(c);
    }
    strbuf_done(&b);
    return rc;
}

static int labels(struct ddl_cursor *c, struct type_text *t)
{
    t->labels = json_object_new_array();
    if (t->labels == NULL)
        return dc_nomem(c);
    if (dc_expect_punct(c, '(') < 0)
        return -1;
    do {
        if (add_label(c, t->labels, !c->no_backslash_escapes) < 0)
            return -1;
    } while (dc_accept_punct(c, ','));
    return dc_expect_punct(c, ')');
}

int type_read(struct ddl_cursor *c, struct type_text *t)
{
    uint64_t scale = 0;

    if (type_name(c, t) < 0)
        return -1;
    if (strcmp(t->data_type, "enum") == 0 || strcmp(t->data_type, "set") == 0)
        return labels(c, t);
    if (!dc_accept_punct(c, '('))
        return 0;
    if (number(c, &t->length) < 0)
        return -1;
    t->has_length = true;
    if (dc_accept_punct(c, ',')) {
        if (number(c, &scale) < 0)
            return -1;
        t->has_scale = true;
        t->scale = (unsigned)scale;
    }
    return dc_expect_punct(c, ')');
}

int type_attribute(struct ddl_cursor *c, struct type_text *t)
{
    if (dc_accept(c, "UNSIGNED")) {
        t->is_unsigned = true;
    } else if (dc_accept(c, "ZEROFILL")) {
        t->zerofill = t->is_unsigned = true;
    } else if (dc_accept(c, "BINARY")) {
        t->binary = true;
    } else if (dc_accept(c, "ASCII")) {
        t->ascii = true;
    } else if (dc_accept(c, "UNICODE")) {
        t->unicode = true;
    } else if (dc_accept(c, "BYTE")) {
        t->byte = true;
    } else if (dc_accept(c, "CHARSET") || dc_accept2(c, "CHARACTER", "SET") ||
               dc_accept2(c, "CHAR", "SET")) {
        if (dc_charset_value(c, &t->charset) < 0)
            return -1;
    } else if (dc_accept(c, "COLLATE")) {
        if (dc_charset_value(c, &t->collation) < 0)
            return -1;
    } else if (!dc_accept(c, "SIGNED")) {
        return 0;
    }
    return 1;
}

/* ---- meaning ---- */

static int set_type(struct draft *d, struct column *c, const char *data_type, const char *text)
{
    c->kind = type_kind(data_type, &c->int_bytes);
    return draft_text(d, &c->data_type, data_type) < 0 ? -1 : draft_text(d, &c->type_text, text);
}

static bool shows_widths(const struct draft *d)
{
    return d->f->mariadb || d->f->version < MYSQL_NO_WIDTHS;
}

static int apply_int(struct draft *d, const struct type_text *t, struct column *c)
{
    static const struct {
        const char *data_type;
        unsigned width, digits;
    } ints[] = { { "tinyint", 4, 3 },
                 { "smallint", 6, 5 },
                 { "mediumint", 9, 7 },
                 { "int", 11, 10 },
                 { "bigint", 20, 19 } };
    char text[64];
    size_t i = 0;
    unsigned width;
    bool shown;

    while (i + 1 < ARRAY_SIZE(ints) && strcmp(ints[i].data_type, t->data_type) != 0)
        i++;
    c->is_unsigned = t->is_unsigned || t->serial;
    width = ints[i].width - (c->is_unsigned && ints[i].width < 20 ? 1 : 0);
    if (t->has_length && t->length > 0)
        width = (unsigned)t->length;
    if (t->boolean)
        width = 1;
    shown = shows_widths(d) || t->zerofill ||
            (i == 0 && width == 1 && !c->is_unsigned); /* TINYINT(1) stands for BOOL */
    if (shown)
        (void)snprintf(text, sizeof(text), "%s(%u)%s%s", t->data_type, width,
                       c->is_unsigned ? " unsigned" : "", t->zerofill ? " zerofill" : "");
    else
        (void)snprintf(text, sizeof(text), "%s%s", t->data_type, c->is_unsigned ? " unsigned" : "");
    c->precision = ints[i].digits;
    if ((i == 4 && c->is_unsigned) || (i == 2 && c->is_unsigned && d->f->mariadb))
        c->precision++;
    return set_type(d, c, t->data_type, text);
}

static int apply_real(struct draft *d, const struct type_text *t, struct column *c)
{
    bool is_double = strcmp(t->data_type, "double") == 0;
    char text[96];

    if (t->real && (d->c->sql_mode & SQL_MODE_REAL_AS_FLOAT) != 0)
        is_double = false;
    if (!is_double && t->has_length && !t->has_scale)
        is_double = t->length > FLOAT_DIGITS;
    c->is_unsigned = t->is_unsigned;
    c->precision = is_double ? 22 : 12;
    if (t->has_scale) {
        c->precision = (unsigned)t->length;
        c->scale = t->scale;
        (void)snprintf(text, sizeof(text), "%s(%u,%u)%s%s", is_double ? "double" : "float",
                       c->precision, c->scale, c->is_unsigned ? " unsigned" : "",
                       t->zerofill ? " zerofill" : "");
    } else {
        (void)snprintf(text, sizeof(text), "%s%s%s", is_double ? "double" : "float",
                       c->is_unsigned ? " unsigned" : "", t->zerofill ? " zerofill" : "");
    }
    return set_type(d, c, is_double ? "double" : "float", text);
}

static int apply_decimal(struct draft *d, const struct type_text *t, struct column *c)
{
    char text[96];

    c->precision = t->has_length && t->length > 0 ? (unsigned)t->length : 10;
    c->scale = t->scale;
    if (c->precision < c->scale) /* DECIMAL(0,5) … */
        return err_set(d->err, ERR_DDL_UNPARSED, "%s.%s: a DECIMAL's scale is above its precision",
                       d->db, d->name);
    c->is_unsigned = t->is_unsigned;
    (void)snprintf(text, sizeof(text), "decimal(%u,%u)%s%s", c->precision, c->scale,
                   c->is_unsigned ? " unsigned" : "", t->zerofill ? " zerofill" : "");
    return set_type(d, c, "decimal", text);
}

static int apply_bit(struct draft *d, const struct type_text *t, struct column *c)
{
    char text[32];

    c->precision = t->has_length && t->length > 0 ? (unsigned)t->length : 1;
    (void)snprintf(text, sizeof(text), "bit(%u)", c->precision);
    return set_type(d, c, "bit", text);
}

static int apply_time(struct draft *d, const struct type_text *t, struct column *c)
{
    const char *data_type = t->data_type;
    char text[32];

    if (strcmp(data_type, "timestamp") == 0 && (d->c->sql_mode & SQL_MODE_MAXDB) != 0 &&
        d->f->version < 80000 && !d->f->mariadb)
        data_type = "datetime";
    c->fraction = t->has_length ? (unsigned)t->length : 0;
    if (c->fraction > 0)
        (void)snprintf(text, sizeof(text), "%s(%u)", data_type, c->fraction);
    else
        (void)snprintf(text, sizeof(text), "%s", data_type);
    return set_type(d, c, data_type, text);
}

static int apply_year(struct draft *d, const struct type_text *t, struct column *c)
{
    bool two = d->f->mariadb && t->has_length && t->length <= 2;

    return set_type(d, c, "year", !shows_widths(d) ? "year" : two ? "year(2)" : "year(4)");
}

static int apply_vector(struct draft *d, const struct type_text *t, struct column *c)
{
    uint64_t n = t->has_length ? t->length : VECTOR_DEFAULT;
    char text[32];

    (void)snprintf(text, sizeof(text), "vector(%u)", (unsigned)n);
    c->length = c->octets = (unsigned)(n * VECTOR_ELEMENT);
    return set_type(d, c, "vector", text);
}

unsigned varchar_bytes_max(const struct draft *d)
{
    return d->f->mariadb ? 65532 : UINT16_MAX;
}

int type_string_size(struct draft *d, struct column *c, uint64_t bytes)
{
    static const struct {
        const char *text, *blob;
        uint32_t bytes;
    } sizes[] = { { "tinytext", "tinyblob", 0xff },
                  { "text", "blob", 0xffff },
                  { "mediumtext", "mediumblob", 0xffffff },
                  { "longtext", "longblob", 0xffffffff } };
    size_t i = 0;
    const char *name;

    while (i + 1 < ARRAY_SIZE(sizes) && sizes[i].bytes < bytes)
        i++;
    c->length = c->octets = sizes[i].bytes;
    name = c->kind == CK_TEXT ? sizes[i].text : sizes[i].blob;
    return set_type(d, c, name, name);
}

static int apply_string(struct draft *d, const struct type_text *t, struct column *c)
{
    char text[64];

    c->length = t->has_length ? (unsigned)t->length : 1;
    c->octets = c->length;
    (void)snprintf(text, sizeof(text), "%s(%u)", t->data_type, c->length);
    if (set_type(d, c, t->data_type, text) < 0)
        return -1;
    if (c->kind == CK_VARBINARY && c->length > varchar_bytes_max(d)) { /* without strict mode */
        c->kind = CK_BLOB;
        return type_string_size(d, c, c->length);
    }
    return 0;
}

/* TEXT(n) is the smallest that holds n characters; the others have their own size. */
static int apply_blob(struct draft *d, const struct type_text *t, struct column *c)
{
    static const struct {
        const char *start;
        uint32_t bytes;
    } sizes[] = { { "tiny", 0xff }, { "medium", 0xffffff }, { "long", 0xffffffff } };
    uint32_t bytes = 0xffff;

    c->kind = strstr(t->data_type, "blob") != NULL ? CK_BLOB : CK_TEXT;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        if (strncmp(t->data_type, sizes[i].start, strlen(sizes[i].start)) == 0)
            bytes = sizes[i].bytes;
    return type_string_size(d, c, bytes);
}

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    return n;
}

static void add_quoted(struct strbuf *b, const char *text, size_t len)
{
    strbuf_addc(b, '\'');
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '\'':
            strbuf_adds(b, "''");
            break;
        case '\\':
            strbuf_adds(b, "\\\\");
            break;
        case '\0':
            strbuf_adds(b, "\\0");
            break;
        case '\n':
            strbuf_adds(b, "\\n");
            break;
        case '\r':
            strbuf_adds(b, "\\r");
            break;
        default:
            strbuf_addc(b, text[i]);
            break;
        }
    }
    strbuf_addc(b, '\'');
}

/* Text and sizes by c->labels. */
static int set_labels(struct draft *d, struct column *c)
{
    struct strbuf b = STRBUF(TYPE_TEXT_BYTES);
    size_t count = json_len(c->labels), longest = 0, sum = 0;
    int rc;

    strbuf_addf(&b, "%s(", c->data_type);
    for (size_t i = 0; i < count; i++) {
        struct json_object *label = json_at(c->labels, i);
        const char *text = json_object_get_string(label);
        size_t n = characters(text);

        if (i > 0)
            strbuf_addc(&b, ',');
        add_quoted(&b, text, (size_t)json_object_get_string_len(label));
        longest = MAX(longest, n);
        sum += n;
    }
    strbuf_addc(&b, ')');
    c->length = (unsigned)(c->kind == CK_ENUM ? longest : sum + (count > 0 ? count - 1 : 0));
    c->octets = c->length;
    rc = strbuf_ok(&b) ? draft_text(d, &c->type_text, strbuf_str(&b)) : draft_nomem(d);
    strbuf_done(&b);
    return rc;
}

static int apply_labels(struct draft *d, const struct type_text *t, struct column *c)
{
    if (set_type(d, c, t->data_type, t->data_type) < 0)
        return -1;
    c->labels = json_object_get(t->labels);
    return set_labels(d, c);
}

/* The set that is written for a text column, NULL: none. */
static const char *written_charset(const struct type_text *t)
{
    if (t->national)
        return "utf8mb3";
    if (t->ascii)
        return "latin1";
    if (t->unicode)
        return "ucs2";
    if (t->byte)
        return "binary";
    return t->charset != NULL && *t->charset != '\0' ? t->charset : NULL;
}

/* BINARY as an attribute: the _bin collation of the set. */
static const char *bin_collation(struct draft *d, const char *charset)
{
    char name[128];

    if (charset == NULL || strcasecmp(charset, "binary") == 0)
        return charset;
    (void)snprintf(name, sizeof(name), "%s_bin", charset);
    return collation_of(d, name, NULL);
}

/* The collation a text column has by its attributes and the table's default. */
static const char *written_collation(struct draft *d, const struct type_text *t)
{
    const char *charset = written_charset(t);

    if (t->collation != NULL)
        return collation_of(d, t->collation,
                            charset != NULL ? charset : charset_of(d, d->collation));
    if (t->binary)
        return bin_collation(d, charset != NULL ? charset : charset_of(d, d->collation));
    return charset != NULL ? charset_default(d, charset) : d->collation;
}

/* TEXT(n): by the bytes that n characters take. */
static int sized_blob(struct draft *d, const struct type_text *t, struct column *c,
                      const char *charset)
{
    bool sized = strcmp(t->data_type, "text") == 0 || strcmp(t->data_type, "blob") == 0;

    if (!t->has_length || t->length == 0 || !sized)
        return 0;
    return type_string_size(d, c, t->length * charset_bytes(charset));
}

static int apply_collation(struct draft *d, const struct type_text *t, struct column *c)
{
    const char *collation = written_collation(d, t), *charset;

    if (collation == NULL)
        return -1;
    charset = charset_of(d, collation);
    if (charset == NULL)
        return -1;
    if (d->convert_to != NULL && strcasecmp(charset, "binary") != 0) {
        charset = charset_of(d, d->convert_to);
        collation = t->binary ? bin_collation(d, charset) : d->convert_to;
    }
    if (charset == NULL || collation == NULL ||
        (c->kind == CK_TEXT && sized_blob(d, t, c, charset) < 0))
        return -1;
    return column_set_collation(d, c, collation);
}

/* MariaDB's JSON is a LONGTEXT of its own collation. */
static int apply_json(struct draft *d, const struct type_text *t, struct column *c)
{
    const char *collation = "utf8mb4_bin";

    if (!d->f->mariadb)
        return set_type(d, c, "json", "json");
    c->kind = CK_TEXT;
    if (type_string_size(d, c, UINT32_MAX) < 0)
        return -1;
    if (t->charset != NULL || t->collation != NULL)
        return apply_collation(d, t, c);
    return column_set_collation(d, c, collation);
}

static int apply_geometry(struct draft *d, const struct type_text *t, struct column *c)
{
    bool collection = strcmp(t->data_type, "geometrycollection") == 0;
    const char *name =
        collection && !d->f->mariadb && d->f->version >= 80000 ? "geomcollection" : t->data_type;

    return set_type(d, c, name, name);
}

static int apply_kind(struct draft *d, const struct type_text *t, struct column *c,
                      enum column_kind kind)
{
    switch (kind) {
    case CK_INT:
        return apply_int(d, t, c);
    case CK_FLOAT:
    case CK_DOUBLE:
        return apply_real(d, t, c);
    case CK_DECIMAL:
        return apply_decimal(d, t, c);
    case CK_BIT:
        return apply_bit(d, t, c);
    case CK_CHAR:
    case CK_VARCHAR:
        return apply_string(d, t, c) < 0 ? -1 : apply_collation(d, t, c);
    case CK_BINARY:
    case CK_VARBINARY:
        return apply_string(d, t, c);
    case CK_TEXT:
        return apply_blob(d, t, c) < 0 ? -1 : apply_collation(d, t, c);
    case CK_BLOB:
        return apply_blob(d, t, c) < 0 ? -1 : sized_blob(d, t, c, "binary");
    case CK_ENUM:
    case CK_SET:
        return apply_labels(d, t, c) < 0 ? -1 : apply_collation(d, t, c);
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
        return apply_time(d, t, c);
    case CK_YEAR:
        return apply_year(d, t, c);
    case CK_JSON:
        return apply_json(d, t, c);
    case CK_VECTOR:
        return apply_vector(d, t, c);
    case CK_GEOMETRY:
        return apply_geometry(d, t, c);
    case CK_DATE:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
        return set_type(d, c, t->data_type, t->data_type);
    case CK_UNKNOWN:
        break;
    }
    return err_set(d->err, ERR_DDL_UNPARSED, "%s.%s: the type %s is not known", d->db, d->name,
                   t->data_type);
}

/* MariaDB shows it in COLUMN_TYPE. */
static int add_compressed(struct draft *d, struct column *c)
{
    struct strbuf b = STRBUF(TYPE_TEXT_BYTES);
    int rc;

    strbuf_addf(&b, "%s /*M!100301 COMPRESSED*/", c->type_text);
    rc = strbuf_ok(&b) ? draft_text(d, &c->type_text, strbuf_str(&b)) : draft_nomem(d);
    strbuf_done(&b);
    return rc;
}

int type_apply(struct draft *d, const struct type_text *t, struct column *c)
{
    unsigned int_bytes;

    if (apply_kind(d, t, c, type_kind(t->data_type, &int_bytes)) < 0)
        return -1;
    c->binary_collation = column_equal_is_bytes(c);
    if (c->length == 0 && c->kind != CK_ENUM && c->kind != CK_SET)
        c->length = type_width(c->type_text);
    return t->compressed ? add_compressed(d, c) : 0;
}
