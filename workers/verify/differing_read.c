/* One row at one end, or at both: what is asked of the servers, and which rows are a pair. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"
#include "workers/verify/differing_priv.h"

#include "base/banned.h"

enum { CELLS_A_COLUMN = 3, CELLS_A_CARRIED = 2, FAULTS_MAX = 16 * 1024 };

/* ---- what is read ---- */

int reading_new(const struct differing_table *t, struct reading *ret, struct err *err)
{
    const struct normals *n = t->normals;

    *ret = (struct reading){ .t = t, .faults = STRBUF(FAULTS_MAX), .locks = { "", "" } };
    ret->columns = calloc(n->count + 1, sizeof(*ret->columns));
    if (ret->columns == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu columns", n->count);
    for (size_t i = 0; i < n->count; i++)
        if (n->columns[i].left_out == NULL)
            ret->columns[ret->count++] = (unsigned)i;
    return carry_init(&ret->carry, t->tables[END_SOURCE], t->tables[END_SINK], &ret->faults, err);
}

void reading_done(struct reading *r)
{
    carry_done(&r->carry);
    strbuf_done(&r->faults);
    free(r->columns);
    r->columns = NULL;
}

const struct normal *reading_column(const struct reading *r, size_t i)
{
    return &r->t->normals->columns[r->columns[i]];
}

/* The same text at both ends where the values are: long ones by their SHA-256. */
static void add_compared(struct strbuf *b, const char *value)
{
    strbuf_addf(b, ", OCTET_LENGTH(%s), IF(OCTET_LENGTH(%s) <= %d, CAST(%s AS BINARY), ", value,
                value, VALUE_MAX, value);
    strbuf_addf(b, "CAST(SHA2(%s, 256) AS BINARY))", value);
}

static bool is_utf8(const struct column *c)
{
    return c->charset != NULL && strncasecmp(c->charset, "utf8", 4) == 0;
}

/* As a person reads it, in UTF-8, one character more than is shown. */
static void add_shown(struct strbuf *b, const struct column *c)
{
    const char *before = "", *after = "";
    bool cut = false;

    switch (c->kind) {
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_JSON:
        before = is_utf8(c) ? "LEFT(" : "LEFT(CONVERT(";
        after = is_utf8(c) ? "" : " USING utf8mb4)";
        cut = true;
        break;
    case CK_ENUM:
    case CK_SET:
        before = "CONVERT(";
        after = " USING utf8mb4)";
        break;
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_GEOMETRY:
    case CK_VECTOR:
        before = "LEFT(CAST(";
        after = " AS BINARY)";
        cut = true;
        break;
    case CK_FLOAT: /* all its digits: carry.h */
        before = "(";
        after = " * 1e0)";
        break;
    case CK_BIT:
        before = "(";
        after = " + 0)";
        break;
    default:
        break;
    }
    strbuf_adds(b, ", ");
    strbuf_adds(b, before);
    sql_name(b, c->name);
    strbuf_adds(b, after);
    if (cut)
        strbuf_addf(b, ", %d)", VALUE_MAX + 1);
}

/* May its values be long? All others are read as they are. */
static bool may_be_long(const struct column *c)
{
    switch (c->kind) {
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_JSON:
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_GEOMETRY:
    case CK_VECTOR:
        return true;
    default:
        return false;
    }
}

static void add_carried(struct strbuf *b, const struct reading *r, const struct carried *c)
{
    if (r->whole || !may_be_long(c->src)) {
        strbuf_adds(b, ", 0, ");
        carry_select_column(b, c);
        return;
    }
    strbuf_adds(b, ", OCTET_LENGTH(");
    carry_select_column(b, c);
    strbuf_adds(b, "), IF(OCTET_LENGTH(");
    carry_select_column(b, c);
    strbuf_addf(b, ") <= %d, ", LITERAL_MAX);
    carry_select_column(b, c);
    strbuf_adds(b, ", NULL)");
}

void reading_select(struct strbuf *b, const struct reading *r, enum end end)
{
    const struct normals *n = r->t->normals;

    strbuf_adds(b, "SELECT ");
    if (n->key_count == 0)
        strbuf_adds(b, "1");
    for (size_t i = 0; i < n->key_count; i++)
        strbuf_addf(b, "%s%s", i > 0 ? ", " : "", n->columns[n->key[i]].value[end]);
    for (size_t i = 0; i < r->count; i++) {
        const struct normal *c = reading_column(r, i);

        add_compared(b, c->value[end]);
        add_shown(b, c->ends[end]);
    }
    for (size_t i = 0; end == END_SOURCE && i < r->carry.count; i++)
        add_carried(b, r, &r->carry.columns[i]);
    strbuf_adds(b, " FROM ");
    sql_table(b, r->t->tables[end]->db, r->t->tables[end]->name);
}

/* ---- rows ---- */

static size_t key_cells(const struct reading *r)
{
    return MAX(r->t->normals->key_count, (size_t)1);
}

size_t reading_carried_cell(const struct reading *r, size_t i)
{
    return key_cells(r) + r->count * CELLS_A_COLUMN + i * CELLS_A_CARRIED;
}

void read_row_done(struct read_row *r)
{
    for (size_t i = 0; r->cells != NULL && i < r->count; i++)
        free(r->cells[i]);
    free(r->cells);
    free(r->lengths);
    *r = (struct read_row){ 0 };
}

int read_row_copy(struct read_row *to, enum end end, const struct result *from, struct err *err)
{
    _cleanup_(read_row_done)
    struct read_row row = { .end = end,
                            .count = from->columns,
                            .cells = calloc(from->columns + 1, sizeof(*row.cells)),
                            .lengths = calloc(from->columns + 1, sizeof(*row.lengths)) };

    if (row.cells == NULL || row.lengths == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a row");
    for (size_t i = 0; i < row.count; i++) {
        if (from->row[i] == NULL)
            continue;
        row.cells[i] = malloc(from->lengths[i] + 1);
        if (row.cells[i] == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a row");
        memcpy(row.cells[i], from->row[i], from->lengths[i]);
        row.cells[i][from->lengths[i]] = '\0';
        row.lengths[i] = from->lengths[i];
    }
    *to = row;
    row = (struct read_row){ 0 };
    return 0;
}

struct read_value read_value_of(const struct reading *r, const struct read_row *row, size_t i)
{
    size_t at = key_cells(r) + i * CELLS_A_COLUMN;
    const char *len = row->cells[at];

    return (struct read_value){ .null = len == NULL,
                                .digest = len != NULL && strtoull(len, NULL, 10) > VALUE_MAX,
                                .bytes = row->cells[at + 1],
                                .len = row->lengths[at + 1],
                                .shown = row->cells[at + 2],
                                .shown_len = row->lengths[at + 2] };
}

bool read_value_equal(const struct read_value *a, const struct read_value *b)
{
    if (a->null || b->null)
        return a->null && b->null;
    return a->digest == b->digest && a->len == b->len && a->bytes != NULL && b->bytes != NULL &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

int read_row_key(const struct reading *r, const struct read_row *row, struct row_key *ret,
                 struct err *err)
{
    size_t n = r->t->normals->key_count;

    *ret = (struct row_key){ .count = n,
                             .values = calloc(n + 1, sizeof(*ret->values)),
                             .lengths = calloc(n + 1, sizeof(*ret->lengths)) };
    if (ret->values == NULL || ret->lengths == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a key");
    for (size_t i = 0; i < n; i++) {
        size_t len = row->cells[i] != NULL ? row->lengths[i] : 0;

        ret->values[i] = malloc(len + 1);
        if (ret->values[i] == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a key");
        memcpy(ret->values[i], row->cells[i] != NULL ? row->cells[i] : "", len);
        ret->values[i][len] = '\0';
        ret->lengths[i] = len;
    }
    return 0;
}

bool reading_is_cut(const struct reading *r, const struct read_row *row)
{
    for (size_t i = 0; i < r->carry.count; i++) {
        size_t at = reading_carried_cell(r, i);

        if (row->cells[at] != NULL && row->cells[at + 1] == NULL &&
            strtoull(row->cells[at], NULL, 10) > LITERAL_MAX)
            return true;
    }
    return false;
}

/* ---- which row ---- */

/* Rows of one end that a key equals, as that end compares. */
struct met {
    struct read_row rows[ROWS_MET_MAX];
    bool exact[ROWS_MET_MAX]; /* its key has the very bytes */
    size_t count, exacts;
};

static void met_done(struct met *m)
{
    for (size_t i = 0; i < m->count; i++)
        read_row_done(&m->rows[i]);
    m->count = 0;
}

/* A key holds NOT NULL columns: a row without the value is a foreign table's. */
static bool has_key(const struct read_row *row, const struct row_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        if (row->cells[i] == NULL || row->lengths[i] != key->lengths[i] ||
            memcmp(row->cells[i], key->values[i], key->lengths[i]) != 0)
            return false;
    return true;
}

static void add_where(struct strbuf *b, const struct reading *r, enum end end,
                      const struct row_key *key)
{
    const struct normals *n = r->t->normals;
    const char *filter = r->t->tables[END_SOURCE]->where;

    for (size_t i = 0; i < n->key_count; i++) {
        strbuf_adds(b, i > 0 ? " AND " : " WHERE ");
        normal_equals(b, &n->columns[n->key[i]], end, key->values[i], key->lengths[i]);
    }
    /* what the filter leaves out was never carried; at the target every row counts */
    if (end == END_SOURCE && filter != NULL)
        strbuf_addf(b, " AND (%s)", filter);
}

static int meet(const struct reading *r, enum end end, struct conn *conn, const struct row_key *key,
                struct met *m, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(READ_SQL_MAX);
    _cleanup_(result_done)
    struct result res = { 0 };
    int got;

    *m = (struct met){ 0 };
    reading_select(&sql, r, end);
    add_where(&sql, r, end, key);
    strbuf_addf(&sql, " LIMIT %d%s", ROWS_MET_MAX, r->locks[end]);
    if (strbuf_check(&sql, err) < 0 || conn_query(conn, strbuf_str(&sql), sql.len, &res, err) < 0)
        return -1;
    while ((got = result_next(&res, err)) == 1 && m->count < ROWS_MET_MAX) {
        if (read_row_copy(&m->rows[m->count], end, &res, err) < 0)
            return -1;
        m->exact[m->count] = has_key(&m->rows[m->count], key);
        m->exacts += m->exact[m->count];
        m->count++;
    }
    return MIN(got, 0);
}

void pair_read_done(struct pair_read *p)
{
    for (unsigned end = 0; end < END_MAX_; end++)
        read_row_done(&p->rows[end]);
    *p = (struct pair_read){ 0 };
}

static void take_row(struct pair_read *p, enum end end, struct met *m, size_t i)
{
    p->rows[end] = m->rows[i];
    p->there[end] = true;
    m->rows[i] = (struct read_row){ 0 };
}

static void take_exact(struct pair_read *p, enum end end, struct met *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->exact[i]) {
            take_row(p, end, m, i);
            break;
        }
    if (m->exacts > 1)
        (void)snprintf(p->message, sizeof(p->message),
                       "the %s has %zu rows with this key: none is chosen", end_name(end),
                       m->exacts);
}

/*
 * Rows of `end` that have the key but for its bytes, while the other end has it exactly. One whose
 * own key the other end has, too, belongs to that row there; if one is left it is ours.
 */
static int take_loose(const struct reading *r, struct pair_read *p, enum end end, struct met *m,
                      struct conn *other, struct err *err)
{
    size_t ours = m->count, left = 0;

    for (size_t i = 0; i < m->count; i++) {
        _cleanup_(met_done)
        struct met there = { 0 };
        _cleanup_(row_key_done)
        struct row_key key = { 0 };

        if (read_row_key(r, &m->rows[i], &key, err) < 0 ||
            meet(r, end == END_SOURCE ? END_SINK : END_SOURCE, other, &key, &there, err) < 0)
            return -1;
        if (there.exacts > 0)
            continue;
        left++;
        ours = i;
    }
    if (left == 0)
        return 0;
    if (left > 1)
        (void)snprintf(p->message, sizeof(p->message),
                       "%zu rows of the %s have keys that its collation holds equal to this one: "
                       "none is chosen",
                       left, end_name(end));
    take_row(p, end, m, ours);
    return 0;
}

int pair_read(const struct reading *r, struct conn *const conns[END_MAX_],
              const struct row_key *key, struct pair_read *ret, struct err *err)
{
    _cleanup_(met_done)
    struct met source = { 0 };
    _cleanup_(met_done)
    struct met target = { 0 };

    *ret = (struct pair_read){ 0 };
    if (r->t->normals->key_count == 0 || key->count != r->t->normals->key_count)
        return err_set(err, ERR_INTERNAL, "%s.%s has no key of %zu columns that can be compared",
                       r->t->tables[END_SOURCE]->db, r->t->tables[END_SOURCE]->name, key->count);
    if (meet(r, END_SINK, conns[END_SINK], key, &target, err) < 0 ||
        meet(r, END_SOURCE, conns[END_SOURCE], key, &source, err) < 0)
        return -1;
    ret->crowded = target.count > 1;
    take_exact(ret, END_SOURCE, &source);
    take_exact(ret, END_SINK, &target);
    if (ret->there[END_SOURCE] && !ret->there[END_SINK])
        return take_loose(r, ret, END_SINK, &target, conns[END_SOURCE], err);
    if (ret->there[END_SINK] && !ret->there[END_SOURCE])
        return take_loose(r, ret, END_SOURCE, &source, conns[END_SINK], err);
    return 0;
}

bool pair_equal(const struct reading *r, const struct pair_read *p)
{
    if (!p->there[END_SOURCE] || !p->there[END_SINK])
        return p->there[END_SOURCE] == p->there[END_SINK];
    for (size_t i = 0; i < r->count; i++) {
        struct read_value a = read_value_of(r, &p->rows[END_SOURCE], i);
        struct read_value b = read_value_of(r, &p->rows[END_SINK], i);

        if (!read_value_equal(&a, &b))
            return false;
    }
    return p->message[0] == '\0';
}
