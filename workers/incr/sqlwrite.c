#include "workers/incr/sqlwrite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/binlog/json_numbers.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { LISTED_MAX = 500 };

/* ---- literals ---- */

static bool all_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] >= 0x80)
            return false;
    }
    return true;
}

/* Length of the well-formed UTF-8 character at `s`, 0 when it is none (RFC 3629, section 4). */
static size_t utf8_char(const unsigned char *s, size_t n)
{
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc2 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf5 ? 4
                               : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool sql_valid_utf8(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;

    while (n > 0) {
        size_t len = utf8_char(s, n);
        if (len == 0)
            return false;
        s += len;
        n -= len;
    }
    return true;
}

/*
 * Bytes in a character set of their own. Statements are read as utf8mb4, whose multi-byte
 * characters hold no quote and no backslash, so escaped bytes of any kind come through a quoted
 * literal unchanged.
 */
static void introduced(struct strbuf *b, const char *charset, const struct value *v, bool hex)
{
    strbuf_addc(b, '_');
    strbuf_adds(b, charset);
    if (hex && v->len > 0) {
        strbuf_addc(b, ' ');
        sql_bytes(b, v->bytes, v->len);
    } else {
        sql_quoted_bytes(b, v->bytes, v->len);
    }
}

static void text_literal(struct strbuf *b, const struct table_plan *p, size_t c,
                         const struct value *v)
{
    switch (p->literals[c]) {
    case LIT_UTF8:
        /* mb3 is a part of mb4, so that the session's own set serves both */
        if (sql_valid_utf8(v->bytes, v->len))
            sql_quoted_bytes(b, v->bytes, v->len);
        else
            introduced(b, "utf8mb4", v, true);
        return;
    case LIT_ASCII:
        if (all_ascii(v->bytes, v->len))
            sql_quoted_bytes(b, v->bytes, v->len);
        else
            introduced(b, p->charset_names[c], v, true);
        return;
    case LIT_CHARSET:
        introduced(b, p->charset_names[c], v, true);
        return;
    case LIT_NUMBER:
        strbuf_add(b, v->bytes, v->len); /* DECIMAL */
        return;
    case LIT_BINARY:
        introduced(b, "binary", v, false);
        return;
    case LIT_REAL:
    case LIT_QUOTED:
    case LIT_JSON:
    case LIT_ENUM:
    case LIT_SET:
        sql_quoted_bytes(b, v->bytes, v->len);
        return;
    }
}

/* Seventeen digits name a double exactly; the exponent makes it one, not a DECIMAL. */
static void real_literal(struct strbuf *b, double d)
{
    char text[40];
    int n = snprintf(text, sizeof(text), "%.16e", d);

    if (n > 0)
        strbuf_add(b, text, (size_t)n);
}

/*
 * By label where the catalog has them, so that the target may define them in another order. Number
 * 0 is the empty value of a text that was no label: as zeros that are no label either, where the
 * target's column is known to be an ENUM; an empty text anywhere else.
 */
static void enum_literal(struct strbuf *b, const struct table_plan *p, size_t c, uint64_t number)
{
    const struct column *col = &p->t->columns[c];
    const char *label = number == 0 ? NULL : json_at_str(col->labels, (size_t)number - 1);

    if (number == 0)
        sql_string(b, p->enum_zeros[c]);
    else if (label == NULL || (col->charset != NULL && strcasecmp(col->charset, "binary") == 0))
        strbuf_addu(b, number);
    else
        sql_string(b, label);
}

/*
 * Text with bytes that may be no character of its set: a column holds them, a literal of that set
 * does not, at MySQL 8 and later. As plain bytes they go into a column of the same set unchanged.
 */
static bool goes_as_bytes(const struct table_plan *p, size_t c, const struct value *v)
{
    enum literal lit = p->literals[c];

    return (lit == LIT_ASCII || lit == LIT_CHARSET) && p->same_charset[c] && v->kind == V_BYTES &&
           strcasecmp(p->charset_names[c], "latin1") != 0 &&
           (lit == LIT_CHARSET || !all_ascii(v->bytes, v->len));
}

static bool is_enum_zero(const struct table_plan *p, size_t c, const struct value *v)
{
    return p->literals[c] == LIT_ENUM && v->kind == V_UINT && v->u == 0 &&
           p->enum_zeros[c][0] != '\0';
}

static void set_literal(struct strbuf *b, const struct column *col, uint64_t bits)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(64 * 1024);

    for (size_t i = 0; i < 64; i++) {
        const char *label;
        if ((bits >> i & 1) == 0)
            continue;
        label = json_at_str(col->labels, i);
        if (label == NULL || (col->charset != NULL && strcasecmp(col->charset, "binary") == 0)) {
            strbuf_addu(b, bits);
            return;
        }
        if (text.len > 0)
            strbuf_addc(&text, ',');
        strbuf_adds(&text, label);
    }
    if (!strbuf_ok(&text))
        b->failed = true;
    else
        sql_quoted_bytes(b, strbuf_str(&text), text.len);
}

int sql_literal(struct strbuf *b, const struct table_plan *p, size_t c, const struct value *v,
                struct err *err)
{
    switch (v->kind) {
    case V_ABSENT:
        return err_set(err, ERR_BINLOG_ROW_IMAGE, "the binlog leaves out column %s of %s.%s",
                       p->t->columns[c].name, p->t->db, p->t->name);
    case V_NULL:
        strbuf_add(b, "NULL", 4);
        return 0;
    case V_INT:
        strbuf_addi(b, v->i);
        return 0;
    case V_UINT:
        if (p->literals[c] == LIT_ENUM)
            enum_literal(b, p, c, v->u);
        else if (p->literals[c] == LIT_SET)
            set_literal(b, &p->t->columns[c], v->u);
        else
            strbuf_addu(b, v->u);
        return 0;
    case V_FLOAT:
        real_literal(b, (double)v->f);
        return 0;
    case V_DOUBLE:
        real_literal(b, v->d);
        return 0;
    case V_TEXT:
    case V_BYTES:
        text_literal(b, p, c, v);
        return 0;
    }
    return err_set(err, ERR_INTERNAL, "column %s has a value of no kind", p->t->columns[c].name);
}

/* By their bits, so that a NaN is itself and 0 is not -0. */
static uint32_t float_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static uint64_t double_bits(double d)
{
    uint64_t bits;

    memcpy(&bits, &d, sizeof(bits));
    return bits;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case V_ABSENT:
    case V_NULL:
        return true;
    case V_INT:
        return a->i == b->i;
    case V_UINT:
        return a->u == b->u;
    case V_FLOAT:
        return float_bits(a->f) == float_bits(b->f);
    case V_DOUBLE:
        return double_bits(a->d) == double_bits(b->d);
    case V_TEXT:
    case V_BYTES:
        return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
    }
    return false;
}

/* ---- which row ---- */

/* A value to compare with: number 0 of an ENUM equals no text. */
static int where_literal(struct strbuf *b, const struct table_plan *p, size_t c,
                         const struct value *v, struct err *err)
{
    if (!is_enum_zero(p, c, v))
        return sql_literal(b, p, c, v, err);
    strbuf_addc(b, '0');
    return 0;
}

/* Column `i` of the key; *ret_off: where its value begins. */
static int key_column(struct strbuf *b, const struct table_plan *p, size_t i,
                      const struct value *row, size_t *ret_off, struct err *err)
{
    size_t c = p->t->indexes[p->t->key].columns[i];

    if (i > 0)
        strbuf_adds(b, " AND ");
    sql_name(b, p->t->columns[c].name);
    strbuf_addc(b, '=');
    *ret_off = b->len;
    return where_literal(b, p, c, &row[c], err);
}

int sqlwrite_key(struct strbuf *b, const struct table_plan *p, const struct value *row,
                 struct err *err)
{
    const struct index *key = &p->t->indexes[p->t->key];
    size_t off;

    for (size_t i = 0; i < key->column_count; i++) {
        if (key_column(b, p, i, row, &off, err) < 0)
            return -1;
    }
    return 0;
}

/* The name a character set of the source has at every target: utf8mb3's bytes are utf8mb4's. */
static const char *common_charset(const struct table_plan *p, size_t c)
{
    return p->literals[c] == LIT_UTF8 ? "utf8mb4" : p->charset_names[c];
}

/*
 * One column of a table without a key. Text is compared twice: as the column does, so that an index
 * serves, and byte for byte, because equal under a collation is not the same row.
 */
static int where_exact(const struct sqlwriter *w, struct strbuf *b, const struct table_plan *p,
                       size_t c, const struct value *v, struct err *err)
{
    const char *name = p->t->columns[c].name;
    enum literal lit = p->literals[c];
    bool text = lit == LIT_UTF8 || lit == LIT_ASCII || lit == LIT_CHARSET;
    bool vector = p->t->columns[c].kind == CK_VECTOR;

    if (goes_as_bytes(p, c, v)) {
        strbuf_adds(b, "CAST(");
        sql_name(b, name);
        strbuf_adds(b, " AS BINARY)<=>");
        introduced(b, "binary", v, true);
        return 0;
    }
    /* a VECTOR takes part in no comparison */
    strbuf_adds(b, vector ? "CAST(" : "");
    sql_name(b, name);
    strbuf_adds(b, vector ? " AS BINARY)" : "");
    if (v->kind == V_NULL) {
        strbuf_adds(b, " IS NULL");
        return 0;
    }
    strbuf_adds(b, "<=>");
    if (lit == LIT_JSON && w->json_type) {
        strbuf_adds(b, "CAST(");
        if (sql_literal(b, p, c, v, err) < 0)
            return -1;
        strbuf_adds(b, " AS JSON)");
        return 0;
    }
    if (where_literal(b, p, c, v, err) < 0)
        return -1;
    if (!text)
        return 0;
    strbuf_adds(b, " AND CAST(CONVERT(");
    sql_name(b, name);
    strbuf_addf(b, " USING %s) AS BINARY)<=>", common_charset(p, c));
    introduced(b, "binary", v, false);
    return 0;
}

int sqlwrite_exact(const struct sqlwriter *w, struct strbuf *b, const struct table_plan *p,
                   const struct value *row, struct err *err)
{
    bool first = true;

    for (size_t c = 0; c < p->t->column_count; c++) {
        if (!p->t->selected[c])
            continue;
        if (!first)
            strbuf_adds(b, " AND ");
        first = false;
        if (where_exact(w, b, p, c, &row[c], err) < 0)
            return -1;
    }
    strbuf_adds(b, first ? "1" : "");
    return 0;
}

/* The key's condition; its literals are noted where the statement folds. */
static int where_key(struct txn *t, const struct table_plan *p, const struct value *row,
                     struct err *err)
{
    const struct index *key = &p->t->indexes[p->t->key];

    for (size_t i = 0; i < key->column_count; i++) {
        size_t off = t->text.len;
        if (key_column(&t->text, p, i, row, &off, err) < 0 ||
            (t->stmts[t->stmt_count - 1].folds && txn_lit(t, off, false, err) < 0))
            return -1;
    }
    return 0;
}

static int where_row(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                     const struct row_mode *m, const struct value *row, struct err *err)
{
    struct strbuf *b = &t->text;
    struct stmt *s = &t->stmts[t->stmt_count - 1];

    if (!p->keyless) {
        s->where = b->len - s->off;
        strbuf_adds(b, " WHERE ");
        if (where_key(t, p, row, err) < 0)
            return -1;
        if (!m->row_check)
            return 0;
        strbuf_adds(b, " AND ");
        return sqlwrite_exact(w, b, p, row, err);
    }
    strbuf_adds(b, " WHERE ");
    if (sqlwrite_exact(w, b, p, row, err) < 0)
        return -1;
    strbuf_adds(b, " LIMIT 1");
    return 0;
}

/* ---- statements ---- */

static struct stmt stmt_of(const struct table_plan *p, enum stmt_kind kind,
                           const struct row_mode *m)
{
    return (struct stmt){ .kind = kind,
                          .plan = p,
                          .own_tables = plan_rolls_back(p),
                          .fk_checks = m->fk_checks && p->related && !m->safe,
                          .any_count = m->safe || m->loose,
                          .folds =
                              p->folds && !m->safe && !m->loose && !m->row_check && !m->whole_row,
                          .rows = 1,
                          .pos = m->pos };
}

/* Numbers that a document would not keep: the row is named by its key. */
static int check_json(const struct table_plan *p, size_t c, const struct value *row,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(64 * 1024);
    const struct value *v = &row[c];
    const char *at;
    size_t len;

    if (json_numbers_survive(v->bytes, v->len,
                             p->t->columns[c].kind == CK_JSON ? JSON_SAME_TEXT : JSON_SAME_VALUE,
                             &at, &len))
        return 0;
    if (p->keyless)
        strbuf_adds(&key, "no key");
    else if (sqlwrite_key(&key, p, row, err) < 0)
        return -1;
    return json_number_error(p->t->db, p->t->name, p->t->columns[c].name, strbuf_str(&key), at, len,
                             err);
}

/*
 * A list of values gives each column one type, made of those of all its literals: numbers stay
 * numbers and plain text stays text; bytes and text side by side, or a label and a number, would
 * not stay what they are. Long text makes the server's temporary table one on disk.
 */
static bool stands_alone(const struct txn *t, size_t off, const struct table_plan *p, size_t c,
                         const struct value *v)
{
    const char *text = strbuf_str(&t->text) + off;

    if (v->kind == V_NULL)
        return false;
    if (t->text.len - off > LISTED_MAX)
        return true;
    switch (p->literals[c]) {
    case LIT_NUMBER:
    case LIT_REAL:
        return false;
    case LIT_QUOTED:
    case LIT_UTF8:
    case LIT_ASCII:
    case LIT_ENUM:
    case LIT_SET:
        return *text != '\'';
    case LIT_BINARY:
        return p->t->columns[c].kind == CK_GEOMETRY || p->t->columns[c].kind == CK_VECTOR;
    case LIT_CHARSET:
    case LIT_JSON:
        return true;
    }
    return true;
}

/* The value of column `c` of this row into the statement that is being written. */
static int put_value(struct txn *t, const struct table_plan *p, size_t c, const struct value *row,
                     struct err *err)
{
    const struct value *v = &row[c];
    size_t off = t->text.len;

    if (p->target_json[c] && (v->kind == V_TEXT || v->kind == V_BYTES) &&
        check_json(p, c, row, err) < 0)
        return -1;
    t->stmts[t->stmt_count - 1].enum_zeros += is_enum_zero(p, c, v);
    if (goes_as_bytes(p, c, v))
        introduced(&t->text, "binary", v, true);
    else if (sql_literal(&t->text, p, c, v, err) < 0)
        return -1;
    if (!t->stmts[t->stmt_count - 1].folds)
        return 0;
    return txn_lit(t, off, stands_alone(t, off, p, c, v), err);
}

static int add_values(struct txn *t, const struct table_plan *p, const struct value *row,
                      struct err *err)
{
    char between = '(';

    for (size_t c = 0; c < p->t->column_count; c++) {
        if (!p->t->selected[c])
            continue;
        strbuf_addc(&t->text, between);
        between = ',';
        if (put_value(t, p, c, row, err) < 0)
            return -1;
    }
    strbuf_addc(&t->text, ')');
    return 0;
}

static int put_row(struct txn *t, const struct table_plan *p, const struct row_mode *m,
                   const struct value *row, struct err *err)
{
    struct stmt s =
        stmt_of(p, (m->safe || m->loose) && !p->keyless ? STMT_REPLACE : STMT_INSERT, m);

    s.prefix_len = s.kind == STMT_REPLACE ? p->replace_prefix_len : p->insert_prefix_len;
    if (txn_insert_goes_on(t, &s)) {
        strbuf_addc(&t->text, ',');
        t->stmts[t->stmt_count - 1].rows++;
    } else {
        if (txn_stmt_begin(t, &s, err) < 0)
            return -1;
        strbuf_add(&t->text, s.kind == STMT_REPLACE ? p->replace_prefix : p->insert_prefix,
                   s.prefix_len);
    }
    if (add_values(t, p, row, err) < 0)
        return -1;
    return txn_stmt_end(t, err);
}

static int delete_row(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                      const struct row_mode *m, const struct value *row, struct err *err)
{
    struct stmt s = stmt_of(p, STMT_CHANGE, m);

    if (txn_stmt_begin(t, &s, err) < 0)
        return -1;
    strbuf_adds(&t->text, "DELETE FROM ");
    sql_table(&t->text, p->t->mapped_db, p->t->mapped_name);
    if (where_row(w, t, p, m, row, err) < 0)
        return -1;
    return txn_stmt_end(t, err);
}

/* ---- foreign keys in safe mode ---- */

static bool is_word(const char *text, const char *word)
{
    return text != NULL && strcasecmp(text, word) == 0;
}

/* Position of the column a foreign key refers to in the parent; -1 when the catalog does not have
 * it. */
static int parent_column(const struct table_plan *parent, const struct foreign_key *fk, size_t i)
{
    return table_column(parent->t, fk->ref_columns[i]);
}

static bool referenced_changed(const struct table_plan *parent, const struct foreign_key *fk,
                               const struct value *before, const struct value *after)
{
    for (size_t i = 0; i < fk->column_count; i++) {
        int c = parent_column(parent, fk, i);
        if (c >= 0 && !value_equal(&before[c], &after[c]))
            return true;
    }
    return false;
}

/* `child column` = value of the parent's row, joined by `between`; `values` NULL: = NULL. */
static int fk_columns(struct strbuf *b, const struct table_plan *parent, const struct child *ch,
                      const struct value *values, const char *between, struct err *err)
{
    for (size_t i = 0; i < ch->fk->column_count; i++) {
        int c = parent_column(parent, ch->fk, i);
        if (c < 0)
            return err_set(err, ERR_SCHEMA_MISMATCH, "foreign key %s refers to no column of %s.%s",
                           ch->fk->name, parent->t->db, parent->t->name);
        if (i > 0)
            strbuf_adds(b, between);
        sql_name(b, ch->fk->columns[i]);
        strbuf_addc(b, '=');
        if (values == NULL)
            strbuf_adds(b, "NULL");
        else if (sql_literal(b, parent, (size_t)c, &values[c], err) < 0)
            return -1;
    }
    return 0;
}

static int cascade_child(struct txn *t, const struct table_plan *parent, const struct child *ch,
                         const struct row_mode *m, const struct value *before,
                         const struct value *after, struct err *err)
{
    const char *action = after == NULL ? ch->fk->on_delete : ch->fk->on_update;
    struct stmt s = stmt_of(ch->plan, STMT_CHANGE, m);

    if (!is_word(action, "CASCADE") && !is_word(action, "SET NULL"))
        return 0;
    s.fk_checks = ch->plan->child_count > 0; /* let it go on to grandchildren */
    if (txn_stmt_begin(t, &s, err) < 0)
        return -1;
    if (is_word(action, "CASCADE") && after == NULL) {
        strbuf_adds(&t->text, "DELETE FROM ");
        sql_table(&t->text, ch->plan->t->mapped_db, ch->plan->t->mapped_name);
    } else {
        strbuf_adds(&t->text, "UPDATE ");
        sql_table(&t->text, ch->plan->t->mapped_db, ch->plan->t->mapped_name);
        strbuf_adds(&t->text, " SET ");
        if (fk_columns(&t->text, parent, ch, is_word(action, "CASCADE") ? after : NULL, ",", err) <
            0)
            return -1;
    }
    strbuf_adds(&t->text, " WHERE ");
    if (fk_columns(&t->text, parent, ch, before, " AND ", err) < 0)
        return -1;
    return txn_stmt_end(t, err);
}

/*
 * The copy is fuzzy: a parent row may be in the target as it was after this event while its
 * children are as they were before, and then the target's own cascade finds no parent to act on. So
 * in safe mode it is spelt out. What it removes too much, later events of the window bring back.
 */
static int safe_cascades(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                         const struct row_mode *m, const struct value *before,
                         const struct value *after, struct err *err)
{
    if (!w->cascades || !m->fk_checks)
        return 0;
    for (size_t i = 0; i < p->child_count; i++) {
        if (after != NULL && !referenced_changed(p, p->children[i].fk, before, after))
            continue;
        if (cascade_child(t, p, &p->children[i], m, before, after, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- row changes ---- */

int sqlwrite_insert(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *after, struct err *err)
{
    (void)w;
    t->row_count++;
    return put_row(t, p, m, after, err);
}

int sqlwrite_delete(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *before, struct err *err)
{
    t->row_count++;
    if (m->safe && safe_cascades(w, t, p, m, before, NULL, err) < 0)
        return -1;
    return delete_row(w, t, p, m, before, err);
}

static bool key_changed(const struct table_plan *p, const struct value *before,
                        const struct value *after)
{
    const struct index *key = &p->t->indexes[p->t->key];

    for (size_t i = 0; i < key->column_count; i++) {
        size_t c = key->columns[i];
        if (!value_equal(&before[c], &after[c]))
            return true;
    }
    return false;
}

static int safe_update(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                       const struct row_mode *m, const struct value *before,
                       const struct value *after, struct err *err)
{
    if (safe_cascades(w, t, p, m, before, after, err) < 0)
        return -1;
    if (key_changed(p, before, after) && delete_row(w, t, p, m, before, err) < 0)
        return -1;
    return put_row(t, p, m, after, err);
}

/*
 * Columns that did not change are left alone, but for those that the target may set by itself
 * (ON UPDATE CURRENT_TIMESTAMP) when the statement does not name them.
 */
static bool to_be_set(const struct table_plan *p, size_t c, const struct value *before,
                      const struct value *after)
{
    enum column_kind kind = p->t->columns[c].kind;

    return p->t->selected[c] &&
           (kind == CK_TIMESTAMP || kind == CK_DATETIME || !value_equal(&before[c], &after[c]));
}

static bool anything_changed(const struct table_plan *p, const struct value *before,
                             const struct value *after)
{
    for (size_t c = 0; c < p->t->column_count; c++) {
        if (p->t->selected[c] && !value_equal(&before[c], &after[c]))
            return true;
    }
    return false;
}

int sqlwrite_update(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
                    const struct row_mode *m, const struct value *before, const struct value *after,
                    struct err *err)
{
    struct stmt s = stmt_of(p, STMT_CHANGE, m);
    char between = ' ';

    t->row_count++;
    if (m->safe && !p->keyless)
        return safe_update(w, t, p, m, before, after, err);
    if (!m->whole_row && !anything_changed(p, before, after))
        return 0;
    s.folds = s.folds && !key_changed(p, before, after);
    if (txn_stmt_begin(t, &s, err) < 0)
        return -1;
    strbuf_adds(&t->text, "UPDATE ");
    sql_table(&t->text, p->t->mapped_db, p->t->mapped_name);
    strbuf_adds(&t->text, " SET");
    for (size_t c = 0; c < p->t->column_count; c++) {
        if (m->whole_row ? !p->t->selected[c] : !to_be_set(p, c, before, after))
            continue;
        strbuf_addc(&t->text, between);
        between = ',';
        sql_name(&t->text, p->t->columns[c].name);
        strbuf_addc(&t->text, '=');
        if (put_value(t, p, c, after, err) < 0)
            return -1;
        if (s.folds)
            t->stmts[t->stmt_count - 1].set |= (uint64_t)1 << c;
    }
    if (where_row(w, t, p, m, before, err) < 0)
        return -1;
    return txn_stmt_end(t, err);
}
