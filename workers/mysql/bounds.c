#include "workers/mysql/bounds.h"

#include <string.h>

#include "base/num.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    BOUND_MAX = 64 * 1024,
    LENGTH_BYTES = 4
}; /* a key holds at most 3072 bytes; cw_chunk has BLOBs */

/* How a key column's value is written; BY_NONE: it can't be compared with a literal by the index.
 */
enum literal { BY_NONE, BY_NUMBER, BY_STRING, BY_TEXT, BY_BYTES };

static enum literal literal_of(const struct column *c)
{
    switch (c->kind) {
    case CK_INT:
    case CK_DECIMAL:
    case CK_YEAR:
        return BY_NUMBER;
    case CK_DATE:
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
        return BY_STRING;
    case CK_CHAR:
    case CK_VARCHAR:
        return c->charset != NULL && c->collation != NULL ? BY_TEXT : BY_NONE;
    case CK_BINARY:
    case CK_VARBINARY:
        return BY_BYTES;
    default: /* ENUM and SET compare by text but sort by number; floats compare inexactly; … */
        return BY_NONE;
    }
}

void key_plan_of(const struct table *t, struct key_plan *ret)
{
    const struct index *key;

    *ret = (struct key_plan){ 0 };
    if (t->key < 0 || (size_t)t->key >= t->index_count)
        return;
    key = &t->indexes[t->key];
    ret->index_name = key->name;
    for (size_t i = 0; i < key->column_count && ret->count < KEY_COLUMNS_MAX; i++) {
        const struct column *c = &t->columns[key->columns[i]];

        if ((key->prefix != NULL && key->prefix[i] != 0) || c->nullable || literal_of(c) == BY_NONE)
            break;
        ret->columns[ret->count++] = c;
    }
}

void bound_done(struct bound *b)
{
    free(b->data);
    *b = (struct bound){ 0 };
}

static int bound_take(struct bound *to, const void *data, size_t len, struct err *err)
{
    unsigned char *copy = malloc(len + 1);

    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a chunk's bound");
    memcpy(copy, data, len);
    bound_done(to);
    *to = (struct bound){ copy, len };
    return 0;
}

int bound_copy(struct bound *to, const struct bound *from, struct err *err)
{
    if (from->data != NULL)
        return bound_take(to, from->data, from->len, err);
    bound_done(to);
    return 0;
}

int bound_set(struct bound *to, const void *data, size_t len, unsigned columns, struct err *err)
{
    struct cursor c = cursor_of(data, len);

    for (unsigned i = 0; i < columns; i++)
        (void)cursor_bytes(&c, (size_t)cursor_le(&c, LENGTH_BYTES));
    if (c.bad || cursor_left(&c) != 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "a stored chunk bound is no bound of %u columns",
                       columns);
    return bound_take(to, data, len, err);
}

int bound_of_row(struct bound *to, char *const *row, const unsigned long *lengths, unsigned columns,
                 struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(BOUND_MAX);

    for (unsigned i = 0; i < columns; i++) {
        uint32_t len = (uint32_t)lengths[i];
        const char le[LENGTH_BYTES] = { (char)(len & 0xff), (char)(len >> 8 & 0xff),
                                        (char)(len >> 16 & 0xff), (char)(len >> 24 & 0xff) };

        if (row[i] == NULL)
            return err_set(err, ERR_DB_QUERY, "a key column holds NULL");
        strbuf_add(&b, le, sizeof(le));
        strbuf_add(&b, row[i], lengths[i]);
    }
    if (strbuf_check(&b, err) < 0)
        return -1;
    return bound_take(to, b.data, b.len, err);
}

void key_plan_columns(struct strbuf *b, const struct key_plan *k)
{
    for (unsigned i = 0; i < k->count; i++) {
        strbuf_adds(b, i > 0 ? ", " : "");
        sql_name(b, k->columns[i]->name);
    }
}

void key_plan_order(struct strbuf *b, const struct key_plan *k, const char *direction)
{
    for (unsigned i = 0; i < k->count; i++) {
        strbuf_adds(b, i > 0 ? ", " : "");
        sql_name(b, k->columns[i]->name);
        strbuf_addc(b, ' ');
        strbuf_adds(b, direction);
    }
}

/* A number goes bare only when it looks like one: it came from a server. */
static bool is_number(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr("0123456789.-", data[i]) == NULL || data[i] == '\0')
            return false;
    return len > 0;
}

static void add_literal(struct strbuf *b, const struct column *c, const uint8_t *data, size_t len)
{
    enum literal how = literal_of(c);

    if (how == BY_NUMBER && is_number(data, len)) {
        strbuf_add(b, data, len);
    } else if (how == BY_TEXT) {
        strbuf_addf(b, "_%s ", c->charset);
        sql_bytes(b, data, len);
        strbuf_addf(b, " COLLATE %s", c->collation);
    } else if (how == BY_BYTES) {
        sql_bytes(b, data, len);
    } else {
        sql_quoted_bytes(b, data, len);
    }
}

static void add_compare(struct strbuf *b, const struct column *c, const char *op,
                        const struct cursor *value)
{
    sql_name(b, c->name);
    strbuf_adds(b, op);
    add_literal(b, c, value->p, cursor_left(value));
}

/*
 * key > bound (or key <= bound) over the whole tuple, written out: row constructors are not
 * optimised to ranges by every server, this form is.
 *   (a > 1) OR (a = 1 AND b > 2) OR (a = 1 AND b = 2 AND c > 3)
 */
static void add_side(struct strbuf *b, const struct key_plan *k, const struct bound *at,
                     const char *op, const char *last_op)
{
    struct cursor all = cursor_of(at->data, at->len), values[KEY_COLUMNS_MAX];

    for (unsigned i = 0; i < k->count; i++) {
        size_t len = (size_t)cursor_le(&all, LENGTH_BYTES);
        const uint8_t *p = cursor_bytes(&all, len);

        values[i] = cursor_of(p != NULL ? p : at->data, p != NULL ? len : 0);
    }
    strbuf_addc(b, '(');
    for (unsigned i = 0; i < k->count; i++) {
        strbuf_adds(b, i > 0 ? " OR (" : "(");
        for (unsigned j = 0; j < i; j++) {
            add_compare(b, k->columns[j], " = ", &values[j]);
            strbuf_adds(b, " AND ");
        }
        add_compare(b, k->columns[i], i + 1 == k->count ? last_op : op, &values[i]);
        strbuf_addc(b, ')');
    }
    strbuf_addc(b, ')');
}

bool bounds_where(struct strbuf *b, const struct key_plan *k, const struct bound *lo,
                  const struct bound *hi)
{
    if (lo->data != NULL)
        add_side(b, k, lo, " > ", " > ");
    if (lo->data != NULL && hi->data != NULL)
        strbuf_adds(b, " AND ");
    if (hi->data != NULL)
        add_side(b, k, hi, " < ", " <= ");
    return lo->data != NULL || hi->data != NULL;
}
