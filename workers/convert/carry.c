#include "workers/convert/carry.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/binlog/json_numbers.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { FIELD_TEXT_MAX = 80, KEY_TEXT_MAX = 400 };
enum { /* FORM_BULK; lengths as in the protocol's length-encoded integers */
       BULK_NULL = 1,
       BULK_VALUE_HEAD = 10,
       LENGTH_1_MAX = 251,
       LENGTH_2 = 0xfc,
       LENGTH_3 = 0xfd,
       LENGTH_8 = 0xfe,
};

/* ---- pairing ---- */

static bool is_number_like(enum column_kind k)
{
    switch (k) {
    case CK_INT:
    case CK_DECIMAL:
    case CK_FLOAT:
    case CK_DOUBLE:
    case CK_BIT:
    case CK_DATE:
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
    case CK_YEAR:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
        return true;
    default:
        return false;
    }
}

/* The character set of the bytes a source column gives; NULL: they are no text. */
static const char *bytes_charset(const struct column *c)
{
    if (c->kind == CK_JSON)
        return "utf8mb4";
    if (is_number_like(c->kind))
        return "ascii";
    return c->charset != NULL && strcasecmp(c->charset, "binary") != 0 ? c->charset : NULL;
}

static const char *plain_name(const char *charset)
{
    return strcasecmp(charset, "utf8") == 0 ? "utf8mb3" : charset;
}

/* True when every text of `from` has the same bytes in `to`. */
static bool same_bytes(const char *from, const char *to)
{
    from = plain_name(from);
    to = plain_name(to);
    if (strcasecmp(from, to) == 0)
        return true;
    if (strcasecmp(to, "utf8mb4") == 0)
        return strcasecmp(from, "utf8mb3") == 0 || strcasecmp(from, "ascii") == 0;
    return strcasecmp(from, "ascii") == 0 &&
           (strcasecmp(to, "utf8mb3") == 0 || strcasecmp(to, "latin1") == 0);
}

/* A character set's name goes into statements bare. */
static bool is_word(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return false;
    return text[0] != '\0';
}

/* MariaDB's types that take a text of the right form, or 16 raw bytes, but not such a text as
 * bytes. */
static bool is_parsed(enum column_kind k)
{
    return k == CK_JSON || k == CK_UUID || k == CK_INET4 || k == CK_INET6;
}

static void decide(struct carried *c)
{
    const char *from = bytes_charset(c->src);
    bool parsed = is_parsed(c->dst->kind) && (from != NULL || c->dst->kind == CK_JSON);

    c->number_like = is_number_like(c->src->kind);
    c->how = CARRY_PLAIN;
    if (c->src->kind == CK_ENUM && c->dst->kind == CK_ENUM)
        type_enum_zero(c->src->labels, c->dst->labels, c->enum_zero);
    if (c->dst->kind == CK_BIT && c->src->kind == CK_BIT) {
        c->how = CARRY_BIT;
    } else if (parsed ||
               (from != NULL && c->dst->charset != NULL &&
                strcasecmp(c->dst->charset, "binary") != 0 && !same_bytes(from, c->dst->charset))) {
        c->how = CARRY_CHARSET;
        c->from_charset = from != NULL ? from : "utf8mb4";
    }
}

static bool has_fraction(enum column_kind k)
{
    return k == CK_TIME || k == CK_DATETIME || k == CK_TIMESTAMP;
}

static const char *misfit(const struct carried *c)
{
    if (c->dst->generated)
        return "is generated at the target";
    if (c->how == CARRY_CHARSET && !is_word(c->from_charset))
        return "has a character set of an unknown kind";
    /* both without a word from any server */
    if (has_fraction(c->src->kind) && has_fraction(c->dst->kind) &&
        c->dst->fraction < c->src->fraction)
        return "keeps fewer digits of a second at the target: values would be rounded";
    if (c->src->kind == CK_DOUBLE && c->dst->kind == CK_FLOAT)
        return "is FLOAT at the target: a DOUBLE would be rounded";
    if (c->src->kind == CK_ENUM && c->dst->kind == CK_ENUM && c->enum_zero[0] == '\0')
        return "has all of '0' to '00000' as labels: its empty value can't be written";
    if ((c->src->kind == CK_GEOMETRY) != (c->dst->kind == CK_GEOMETRY) && c->dst->kind != CK_BLOB &&
        c->dst->kind != CK_VARBINARY)
        return "is spatial at one end only";
    return NULL;
}

static void fault(struct strbuf *faults, const char *column, const char *why)
{
    strbuf_adds(faults, faults->len > 0 ? "; " : "");
    strbuf_adds(faults, "column ");
    sql_name(faults, column);
    strbuf_addc(faults, ' ');
    strbuf_adds(faults, why);
}

int carry_init(struct carry *c, const struct table *src, const struct table *dst,
               struct strbuf *faults, struct err *err)
{
    *c = (struct carry){ .src = src,
                         .columns = calloc(src->column_count + 1, sizeof(struct carried)) };
    if (c->columns == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the columns of %s.%s", src->db, src->name);
    for (size_t i = 0; i < src->column_count; i++) {
        struct carried *to = &c->columns[c->count];
        int at;

        if (!src->selected[i] || src->columns[i].generated)
            continue;
        at = table_column(dst, src->columns[i].name);
        if (at < 0) {
            fault(faults, src->columns[i].name, "is missing at the target");
            continue;
        }
        *to = (struct carried){ .src = &src->columns[i], .dst = &dst->columns[at] };
        decide(to);
        if (misfit(to) != NULL)
            fault(faults, src->columns[i].name, misfit(to));
        c->count++;
    }
    return 0;
}

void carry_done(struct carry *c)
{
    free(c->columns);
    *c = (struct carry){ 0 };
}

int carry_find(const struct carry *c, const struct column *src)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->columns[i].src == src)
            return (int)i;
    return -1;
}

/* ---- statements ---- */

/* An empty text may be a label; number 0 is not. */
static void select_enum(struct strbuf *b, const struct carried *col)
{
    strbuf_adds(b, "IF(");
    sql_name(b, col->src->name);
    strbuf_addf(b, " = 0, '%s', ", col->enum_zero);
    sql_name(b, col->src->name);
    strbuf_addc(b, ')');
}

void carry_select_column(struct strbuf *b, const struct carried *c)
{
    if (c->enum_zero[0] != '\0') {
        select_enum(b, c);
        return;
    }
    if (c->src->kind == CK_FLOAT || c->src->kind == CK_BIT)
        strbuf_addc(b, '(');
    sql_name(b, c->src->name);
    /* FLOAT: the text protocol rounds it to six digits; as a DOUBLE all of them are shown. */
    if (c->src->kind == CK_FLOAT)
        strbuf_adds(b, " * 1e0)");
    else if (c->src->kind == CK_BIT)
        strbuf_adds(b, " + 0)");
}

void carry_select(struct strbuf *b, const struct carry *c)
{
    for (size_t i = 0; i < c->count; i++) {
        strbuf_adds(b, i > 0 ? ", " : "");
        carry_select_column(b, &c->columns[i]);
    }
}

static void add_qualified(struct strbuf *b, const struct table *t)
{
    sql_table(b, t->db, t->name);
}

void carry_load_sql(struct strbuf *b, const struct carry *c, const struct table *dst,
                    enum write_mode mode)
{
    size_t set = 0;

    strbuf_adds(b, "LOAD DATA LOCAL INFILE 'causeway' ");
    strbuf_adds(b, mode == WRITE_REPLACE ? "REPLACE " : mode == WRITE_KEEP ? "IGNORE " : "");
    strbuf_adds(b, "INTO TABLE ");
    add_qualified(b, dst);
    strbuf_adds(b, " CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\'"
                   " LINES TERMINATED BY '\\n' (");
    for (size_t i = 0; i < c->count; i++) {
        strbuf_adds(b, i > 0 ? ", " : "");
        if (c->columns[i].how == CARRY_PLAIN)
            sql_name(b, c->columns[i].dst->name);
        else
            strbuf_addf(b, "@v%zu", i);
    }
    strbuf_addc(b, ')');
    for (size_t i = 0; i < c->count; i++) {
        const struct carried *col = &c->columns[i];

        if (col->how == CARRY_PLAIN)
            continue;
        strbuf_adds(b, set++ > 0 ? ", " : " SET ");
        sql_name(b, col->dst->name);
        if (col->how == CARRY_BIT)
            strbuf_addf(b, " = CAST(@v%zu AS UNSIGNED)", i);
        else
            strbuf_addf(b, " = CONVERT(@v%zu USING %s)", i, col->from_charset);
    }
}

void carry_insert_head(struct strbuf *b, const struct carry *c, const struct table *dst,
                       enum write_mode mode)
{
    strbuf_adds(b, mode == WRITE_REPLACE ? "REPLACE INTO " : "INSERT INTO ");
    add_qualified(b, dst);
    strbuf_adds(b, " (");
    for (size_t i = 0; i < c->count; i++) {
        strbuf_adds(b, i > 0 ? ", " : "");
        sql_name(b, c->columns[i].dst->name);
    }
    strbuf_adds(b, ") VALUES ");
}

/* Not INSERT IGNORE: that would let bad values through, changed. This lets only duplicates be. */
void carry_insert_tail(struct strbuf *b, const struct carry *c, enum write_mode mode)
{
    if (mode != WRITE_KEEP || c->count == 0)
        return;
    strbuf_adds(b, " ON DUPLICATE KEY UPDATE ");
    sql_name(b, c->columns[0].dst->name);
    strbuf_adds(b, " = ");
    sql_name(b, c->columns[0].dst->name);
}

void carry_bulk_sql(struct strbuf *b, const struct carry *c, const struct table *dst,
                    enum write_mode mode)
{
    carry_insert_head(b, c, dst, mode);
    for (size_t i = 0; i < c->count; i++) {
        const struct carried *col = &c->columns[i];

        strbuf_adds(b, i > 0 ? ", " : "(");
        if (col->how == CARRY_PLAIN)
            strbuf_addc(b, '?');
        else if (col->how == CARRY_BIT)
            strbuf_adds(b, "CAST(? AS UNSIGNED)");
        else
            strbuf_addf(b, "CONVERT(? USING %s)", col->from_charset);
    }
    strbuf_addc(b, ')');
}

bool carry_can_bulk(const struct carry *c, enum write_mode mode)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->columns[i].enum_zero[0] != '\0')
            return false;
    return mode != WRITE_KEEP;
}

/* ---- rows ---- */

/* Letters behind the escape character, LOAD DATA's own table; 0: the byte stands for itself. */
static char load_escape(unsigned char c)
{
    switch (c) {
    case '\0':
        return '0';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\\':
        return '\\';
    default:
        return 0;
    }
}

static void add_load_field(struct strbuf *b, const char *data, size_t len)
{
    char *start = strbuf_reserve(b, len * 2), *to = start;

    if (start == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        char escape = load_escape((unsigned char)data[i]);

        if (escape != 0)
            *to++ = '\\';
        *to++ = escape != 0 ? escape : data[i];
    }
    *to = '\0';
    b->len += (size_t)(to - start);
}

unsigned carry_enum_zeros(const struct carry *c, char *const *row, const unsigned long *lengths)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->count; i++)
        n += row[i] != NULL && carry_is_enum_zero(&c->columns[i], row[i], lengths[i]);
    return n;
}

bool carry_is_enum_zero(const struct carried *c, const char *data, size_t len)
{
    return c->enum_zero[0] != '\0' && len == strlen(c->enum_zero) &&
           memcmp(data, c->enum_zero, len) == 0;
}

static void shown(struct strbuf *b, const char *text, size_t len)
{
    for (size_t i = 0; i < len && i < FIELD_TEXT_MAX; i++)
        strbuf_addc(b, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
    if (len > FIELD_TEXT_MAX)
        strbuf_adds(b, "…");
}

/* "id=7, name=x"; without a key the first column. */
static void show_key(struct strbuf *b, const struct carry *c, char *const *row,
                     const unsigned long *lengths)
{
    const struct index *key = c->src->key >= 0 ? &c->src->indexes[c->src->key] : NULL;

    for (size_t i = 0; i < (key != NULL ? key->column_count : 1); i++) {
        int at = key == NULL ? 0 : carry_find(c, &c->src->columns[key->columns[i]]);

        if (at < 0)
            continue;
        strbuf_addf(b, "%s%s=", b->len > 0 ? ", " : "", c->columns[at].src->name);
        shown(b, row[at] != NULL ? row[at] : "NULL", row[at] != NULL ? lengths[at] : 4);
    }
}

int carry_check_row(const struct carry *c, char *const *row, const unsigned long *lengths,
                    struct err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct carried *col = &c->columns[i];
        _cleanup_(strbuf_done)
        struct strbuf key = STRBUF(KEY_TEXT_MAX);
        const char *at;
        size_t len;

        if (col->dst->kind != CK_JSON || row[i] == NULL ||
            json_numbers_survive(row[i], lengths[i],
                                 col->src->kind == CK_JSON ? JSON_SAME_TEXT : JSON_SAME_VALUE, &at,
                                 &len))
            continue;
        show_key(&key, c, row, lengths);
        return json_number_error(c->src->db, c->src->name, col->src->name, strbuf_str(&key), at,
                                 len, err);
    }
    return 0;
}

void carry_load_row(struct strbuf *b, const struct carry *c, char *const *row,
                    const unsigned long *lengths)
{
    for (size_t i = 0; i < c->count; i++) {
        if (i > 0)
            strbuf_addc(b, '\t');
        if (row[i] == NULL)
            strbuf_add(b, "\\N", 2);
        else
            add_load_field(b, row[i], lengths[i]);
    }
    strbuf_addc(b, '\n');
}

/* A length as the protocol has it: 1, 3, 4 or 9 bytes. */
static char *add_length(char *to, size_t len)
{
    unsigned bytes = len < LENGTH_1_MAX ? 0 : len <= UINT16_MAX ? 2 : len < (1U << 24) ? 3 : 8;

    if (bytes == 0) {
        *to++ = (char)len;
        return to;
    }
    *to++ = (char)(bytes == 2 ? LENGTH_2 : bytes == 3 ? LENGTH_3 : LENGTH_8);
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (char)(unsigned char)((uint64_t)len >> (8 * i));
    return to;
}

void carry_bulk_row(struct strbuf *b, const struct carry *c, char *const *row,
                    const unsigned long *lengths)
{
    size_t need = 0;
    char *start, *to;

    for (size_t i = 0; i < c->count; i++)
        need += BULK_VALUE_HEAD + (row[i] != NULL ? lengths[i] : 0);
    start = to = strbuf_reserve(b, need);
    if (start == NULL)
        return;
    for (size_t i = 0; i < c->count; i++) {
        *to++ = row[i] == NULL ? BULK_NULL : 0;
        if (row[i] == NULL)
            continue;
        to = add_length(to, lengths[i]);
        memcpy(to, row[i], lengths[i]);
        to += lengths[i];
    }
    *to = '\0';
    b->len += (size_t)(to - start);
}

static bool all_digits(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)data[i]))
            return false;
    return len > 0;
}

void carry_value(struct strbuf *b, const struct carried *c, const char *data, size_t len)
{
    if (c->how == CARRY_BIT && all_digits(data, len)) {
        strbuf_add(b, data, len);
        return;
    }
    if (c->how == CARRY_CHARSET)
        strbuf_adds(b, "CONVERT(");
    if (c->how == CARRY_CHARSET || !c->number_like)
        strbuf_adds(b, "_binary");
    sql_quoted_bytes(b, data, len);
    if (c->how == CARRY_CHARSET)
        strbuf_addf(b, " USING %s)", c->from_charset);
}

void carry_insert_row(struct strbuf *b, const struct carry *c, char *const *row,
                      const unsigned long *lengths)
{
    strbuf_addc(b, '(');
    for (size_t i = 0; i < c->count; i++) {
        if (i > 0)
            strbuf_addc(b, ',');
        if (row[i] == NULL)
            strbuf_adds(b, "NULL");
        else
            carry_value(b, &c->columns[i], row[i], lengths[i]);
    }
    strbuf_adds(b, "),");
}

/* ASCII means the same characters in a column of it, byte for byte. */
static bool ascii_is_plain(const struct carried *c)
{
    static const char *const names[] = {
        "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary"
    };
    const char *from = bytes_charset(c->src);

    for (size_t i = 0; from != NULL && i < ARRAY_SIZE(names); i++)
        if (strcasecmp(from, names[i]) == 0)
            return true;
    return from == NULL;
}

static bool all_printable(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] < ' ' || data[i] > '~' || data[i] == '\\')
            return false;
    return true;
}

/* "-12" or, of a DECIMAL, "-1.20". */
static bool goes_bare(const struct carried *c, const char *data, size_t len)
{
    bool minus = len > 0 && data[0] == '-';
    const char *point = memchr(data, '.', len);
    size_t whole = point != NULL ? (size_t)(point - data) : len;

    if (c->src->kind == CK_DECIMAL && c->dst->kind == CK_DECIMAL && point != NULL)
        return all_digits(data + minus, whole - minus) && all_digits(point + 1, len - whole - 1);
    return ((c->src->kind == c->dst->kind &&
             (c->src->kind == CK_INT || c->src->kind == CK_DECIMAL)) ||
            c->how == CARRY_BIT) &&
           all_digits(data + minus, len - minus);
}

void carry_literal(struct strbuf *b, const struct carried *c, const char *data, size_t len)
{
    if (goes_bare(c, data, len)) {
        strbuf_add(b, data, len);
        return;
    }
    /* not bytes of a type that is parsed by its text, for which those would be another form */
    if (all_printable(data, len) && ascii_is_plain(c) && c->src->kind != CK_GEOMETRY &&
        c->src->kind != CK_VECTOR) {
        strbuf_addc(b, '\'');
        for (size_t i = 0; i < len; i++)
            strbuf_adds(b, data[i] == '\'' ? "''" : (char[2]){ data[i], '\0' });
        strbuf_addc(b, '\'');
        return;
    }
    strbuf_adds(b, c->how == CARRY_CHARSET ? "CONVERT(_binary " : "_binary ");
    sql_bytes(b, data, len);
    if (c->how == CARRY_CHARSET)
        strbuf_addf(b, " USING %s)", c->from_charset);
}

/* Where the field that starts at `at` ends: before the separator that is not inside a value. */
static size_t field_end(const char *row, size_t at, size_t len, bool load)
{
    bool quoted = false;

    for (; at < len; at++) {
        if (row[at] == '\\')
            at++;
        else if (load && (row[at] == '\t' || row[at] == '\n'))
            return at;
        else if (!load && row[at] == '\'')
            quoted = !quoted;
        else if (!load && !quoted && row[at] == ',')
            return at;
    }
    return len;
}

/* The value at *at, which moves on; false: there is none. */
static bool bulk_field(const char *row, size_t len, size_t *at, const char **ret, size_t *ret_len)
{
    size_t n = 0, bytes, from = *at + 1;

    if (*at >= len)
        return false;
    *ret = "NULL";
    *ret_len = 4;
    *at = from;
    if (row[from - 1] == BULK_NULL || from >= len)
        return from <= len;
    switch ((unsigned char)row[from++]) {
    case LENGTH_2:
        bytes = 2;
        break;
    case LENGTH_3:
        bytes = 3;
        break;
    case LENGTH_8:
        bytes = 8;
        break;
    default:
        n = (unsigned char)row[from - 1];
        bytes = 0;
    }
    for (size_t i = 0; i < bytes && from < len; i++)
        n |= (size_t)(unsigned char)row[from++] << (8 * i);
    if (n > len - from)
        return false;
    *ret = row + from;
    *ret_len = n;
    *at = from + n;
    return true;
}

static void show_bulk_field(struct strbuf *b, const char *row, size_t len, size_t field)
{
    const char *value = NULL;
    size_t at = 0, n = 0;

    for (size_t i = 0; i <= field; i++)
        if (!bulk_field(row, len, &at, &value, &n))
            return;
    shown(b, value, n);
}

void carry_field(struct strbuf *b, const char *row, size_t len, enum carry_form form, size_t field)
{
    bool load = form == FORM_LOAD;
    size_t at = load ? 0 : 1, end;

    if (form == FORM_BULK) {
        show_bulk_field(b, row, len, field);
        return;
    }
    if (!load && len >= 2)
        len -= 2; /* ")," */
    end = field_end(row, at, len, load);
    for (; field > 0 && end < len; field--) {
        at = end + 1;
        end = field_end(row, at, len, load);
    }
    shown(b, row + at, end - at);
}
