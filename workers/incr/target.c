#include "workers/incr/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "workers/incr/sqlwrite.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { KEPT_MS = 5000, NAME_KEY_MAX = 1024, SELECT_MAX = 1024 * 1024 * 1024, TABLES_MAX = 1000 };

struct kept {
    char key[NAME_KEY_MAX];
    struct target target;
    int64_t until_ms;
};

struct targets {
    struct conn *conn;
    const struct dialect *dialect;
    struct kept **list;
    size_t count;
};

/* ---- the tables ---- */

static void kept_free(struct kept *k)
{
    if (k == NULL)
        return;
    plans_free(k->target.plans);
    catalog_free(k->target.catalog);
    free(k);
}
DEFINE_CLEANUP(struct kept, kept_free)

struct targets *targets_new(struct conn *c, const struct dialect *d)
{
    struct targets *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->conn = c;
    t->dialect = d;
    return t;
}

void targets_forget(struct targets *t, bool all)
{
    int64_t now = clock_mono_ms();
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++) {
        if (all || t->list[i]->until_ms < now)
            kept_free(t->list[i]);
        else
            t->list[kept++] = t->list[i];
    }
    t->count = kept;
}

void targets_free(struct targets *t)
{
    if (t == NULL)
        return;
    targets_forget(t, true);
    free(t->list);
    free(t);
}

/* A catalog of this one table. */
static int load(struct targets *t, struct kept *k, const char *db, const char *name,
                struct err *err)
{
    struct catalog *c = k->target.catalog = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", db, name);
    c->tables = malloc(sizeof(*c->tables)); /* NOLINT(bugprone-sizeof-expression): one pointer */
    c->by_name = map_new();
    if (c->tables == NULL || c->by_name == NULL)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", db, name);
    c->tables[0] = NULL;
    if (catalog_table(t->conn, t->dialect, db, name, &c->tables[0], err) < 0)
        return -1;
    c->count = 1;
    return plans_new(c, false, &k->target.plans, err);
}

/* To itself, so every column is what it is. */
static int know_columns(struct kept *k, struct err *err)
{
    const struct table *t = k->target.plan->t;

    for (size_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        if (plans_target_column(k->target.plans, t->mapped_db, t->mapped_name, c->name,
                                c->data_type, c->type_text, c->charset != NULL ? c->charset : "",
                                err) < 0)
            return -1;
    }
    return 0;
}

static int add(struct targets *t, struct kept *k, struct err *err)
{
    struct kept **grown = reallocarray(t->list, t->count + 1, sizeof(struct kept *));

    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table of the target");
    t->list = grown;
    t->list[t->count++] = k;
    return 0;
}

int targets_get(struct targets *t, const char *db, const char *name, const struct target **ret,
                struct err *err)
{
    _cleanup_(kept_freep)
    struct kept *k = NULL;
    char key[NAME_KEY_MAX];
    int n = snprintf(key, sizeof(key), "%s\1%s", db, name);

    if (n < 0 || (size_t)n >= sizeof(key))
        return err_set(err, ERR_INTERNAL, "a table's name of %d bytes", n);
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->list[i]->key, key) == 0) {
            *ret = &t->list[i]->target;
            return 0;
        }
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL)
        return err_set(err, ERR_NOMEM, "no memory for table %s.%s", db, name);
    memcpy(k->key, key, (size_t)n + 1);
    k->until_ms = clock_mono_ms() + KEPT_MS;
    if (load(t, k, db, name, err) < 0)
        return -1;
    k->target.plan = &k->target.plans->tables[0];
    k->target.rolls_back = plan_rolls_back(k->target.plan);
    if (know_columns(k, err) < 0 || add(t, k, err) < 0)
        return -1;
    *ret = &take_ptr(k)->target;
    return 0;
}

/* ---- rows ---- */

void met_rows_done(struct met_rows *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->rows[i].values);
    free(m->rows);
    *m = (struct met_rows){ 0 };
}

/* The text protocol rounds FLOAT to six digits, and shows BIT, ENUM and SET as texts. */
static void select_column(struct strbuf *b, const struct column *c)
{
    bool number = c->kind == CK_BIT || c->kind == CK_ENUM || c->kind == CK_SET;

    strbuf_adds(b, number ? "CAST(" : c->kind == CK_FLOAT ? "(1e0*" : "");
    sql_name(b, c->name);
    strbuf_adds(b, number ? " AS UNSIGNED)" : c->kind == CK_FLOAT ? ")" : "");
}

static int number_value(const struct column *c, const char *text, struct value *ret)
{
    char *end;

    switch (c->kind) {
    case CK_INT:
        if (!c->is_unsigned) {
            ret->kind = V_INT;
            return num_parse_i64(text, INT64_MIN, INT64_MAX, &ret->i) ? 0 : -1;
        }
        break;
    case CK_FLOAT:
        ret->kind = V_FLOAT;
        ret->f = (float)strtod(text, &end);
        return *end == '\0' ? 0 : -1;
    case CK_DOUBLE:
        ret->kind = V_DOUBLE;
        ret->d = strtod(text, &end);
        return *end == '\0' ? 0 : -1;
    default:
        break;
    }
    ret->kind = V_UINT;
    return num_parse_u64(text, UINT64_MAX, &ret->u) ? 0 : -1;
}

/* As the server sent it, borrowed. */
static int value_of(const struct column *c, const char *data, size_t len, struct value *ret)
{
    *ret = (struct value){ .kind = V_NULL };
    if (data == NULL)
        return 0;
    switch (c->kind) {
    case CK_INT:
    case CK_BIT:
    case CK_YEAR:
    case CK_ENUM:
    case CK_SET:
    case CK_FLOAT:
    case CK_DOUBLE:
        return number_value(c, data, ret);
    case CK_DECIMAL:
    case CK_DATE:
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
    case CK_JSON:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
        ret->kind = V_TEXT;
        break;
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_GEOMETRY:
    case CK_VECTOR:
    case CK_UNKNOWN:
        ret->kind = V_BYTES;
        break;
    }
    ret->bytes = data;
    ret->len = len;
    return 0;
}

static bool has_bytes(const struct value *v)
{
    return v->kind == V_TEXT || v->kind == V_BYTES;
}

struct value *target_row_copy(const struct value *row, size_t count)
{
    size_t bytes = 0;
    struct value *copy;
    char *at;

    for (size_t i = 0; i < count; i++)
        bytes += has_bytes(&row[i]) ? row[i].len + 1 : 0;
    copy = malloc(MAX(count, (size_t)1) * sizeof(*copy) + bytes);
    if (copy == NULL)
        return NULL;
    at = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = row[i];
        if (!has_bytes(&row[i]))
            continue;
        if (row[i].len > 0)
            memcpy(at, row[i].bytes, row[i].len);
        at[row[i].len] = '\0';
        copy[i].bytes = at;
        at += row[i].len + 1;
    }
    return copy;
}

static int take_row(const struct target *t, const struct result *r, struct met_rows *io,
                    struct err *err)
{
    const struct table *table = t->plan->t;
    _cleanup_(freep)
    struct value *values = calloc(table->column_count + 1, sizeof(*values));
    struct met_row *grown = reallocarray(io->rows, io->count + 1, sizeof(*grown));
    struct met_row *row;
    unsigned at = 0;

    if (grown != NULL)
        io->rows = grown;
    if (grown == NULL || values == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a row of %s.%s", table->db, table->name);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->selected[i])
            continue;
        if (value_of(&table->columns[i], r->row[at], r->lengths[at], &values[i]) < 0)
            return err_set(err, ERR_DB_QUERY, "%s.%s.%s: the target gives \"%.100s\" for a number",
                           table->db, table->name, table->columns[i].name, r->row[at]);
        at++;
    }
    row = &io->rows[io->count];
    *row = (struct met_row){ .values = target_row_copy(values, table->column_count) };
    if (row->values == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a row of %s.%s", table->db, table->name);
    for (size_t i = 0; i < MET_CHECKS && at < r->columns; i++, at++)
        row->checks[i] = result_i64(r, (int)at, 0) == 1;
    io->count++;
    return 0;
}

int target_read(struct conn *c, const struct target *t, const char *where, const char *checks,
                struct met_rows *io, struct err *err)
{
    const struct table *table = t->plan->t;
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SELECT_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    bool first = true;
    int got;

    strbuf_adds(&sql, "SELECT ");
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->selected[i])
            continue;
        strbuf_adds(&sql, first ? "" : ", ");
        first = false;
        select_column(&sql, &table->columns[i]);
    }
    strbuf_adds(&sql, *checks != '\0' ? ", " : "");
    strbuf_adds(&sql, checks);
    strbuf_adds(&sql, " FROM ");
    sql_table(&sql, table->db, table->name);
    strbuf_adds(&sql, " WHERE ");
    strbuf_adds(&sql, where);
    strbuf_adds(&sql, " FOR UPDATE");
    if (strbuf_check(&sql, err) < 0 || conn_query(c, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        if (take_row(t, &r, io, err) < 0)
            return -1;
    }
    return got;
}

/* ---- keys ---- */

static int convert_text(struct conn *c, const struct table_plan *p, size_t from,
                        const struct column *to, const struct value *v, struct strbuf *mem,
                        struct value *ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SELECT_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };

    strbuf_adds(&sql, "SELECT CONVERT(");
    if (sql_literal(&sql, p, from, v, err) < 0)
        return -1;
    strbuf_addf(&sql, " USING %s)", to->charset);
    if (strbuf_check(&sql, err) < 0 || conn_query(c, strbuf_str(&sql), sql.len, &r, err) < 0)
        return -1;
    if (result_next(&r, err) != 1 || r.row[0] == NULL)
        return err_set(err, ERR_VALUE, "%s.%s.%s: a key that has no form in %s", p->t->db,
                       p->t->name, p->t->columns[from].name, to->charset);
    strbuf_reset(mem);
    strbuf_add(mem, r.row[0], r.lengths[0]);
    *ret = (struct value){ .kind = V_BYTES, .bytes = strbuf_str(mem), .len = mem->len };
    return strbuf_check(mem, err);
}

static uint64_t label_number(const struct column *from, const struct column *to, uint64_t number)
{
    const char *label = number == 0 ? NULL : json_at_str(from->labels, (size_t)number - 1);

    for (size_t i = 0; label != NULL && i < json_len(to->labels); i++) {
        const char *have = json_at_str(to->labels, i);
        if (have != NULL && strcmp(have, label) == 0)
            return i + 1;
    }
    return number;
}

static int key_value(struct conn *c, const struct table_plan *p, size_t from,
                     const struct column *to, const struct value *v, struct strbuf *mem,
                     struct value *ret, struct err *err)
{
    *ret = *v;
    if (to->kind == CK_INT && to->is_unsigned && v->kind == V_INT) {
        ret->kind = V_UINT;
        ret->u = (uint64_t)v->i;
    } else if (to->kind == CK_INT && !to->is_unsigned && v->kind == V_UINT) {
        ret->kind = V_INT;
        ret->i = (int64_t)v->u;
    } else if (to->kind == CK_ENUM && v->kind == V_UINT) {
        ret->u = label_number(&p->t->columns[from], to, v->u);
    } else if (v->kind == V_BYTES && to->charset != NULL &&
               strcasecmp(to->charset, "binary") != 0 && !p->same_charset[from]) {
        return convert_text(c, p, from, to, v, mem, ret, err);
    }
    return 0;
}

int target_key_of(struct conn *c, const struct target *t, const struct table_plan *p,
                  const struct value *row, struct value **ret, struct err *err)
{
    const struct table *table = t->plan->t;
    const struct index *key = p->keyless ? NULL : &p->t->indexes[p->t->key];
    _cleanup_(freep)
    struct value *values = calloc(table->column_count + 1, sizeof(*values));
    struct strbuf *mem = calloc(key != NULL ? key->column_count + 1 : 1, sizeof(*mem));
    int got = 0;

    if (values == NULL || mem == NULL) {
        free(mem);
        return err_set(err, ERR_NOMEM, "no memory for a key");
    }
    for (size_t i = 0; key != NULL && got == 0 && i < key->column_count; i++) {
        unsigned from = key->columns[i];
        int to = table_column(table, p->t->columns[from].name);
        mem[i] = (struct strbuf)STRBUF(SELECT_MAX);
        if (to < 0)
            got = err_set(err, ERR_SCHEMA_MISMATCH, "no column %s in %s.%s at the target",
                          p->t->columns[from].name, table->db, table->name);
        else
            got = key_value(c, p, from, &table->columns[to], &row[from], &mem[i], &values[to], err);
    }
    if (got == 0) {
        *ret = target_row_copy(values, table->column_count);
        if (*ret == NULL)
            got = err_set(err, ERR_NOMEM, "no memory for a key");
    }
    for (size_t i = 0; key != NULL && i < key->column_count; i++)
        strbuf_done(&mem[i]);
    free(mem);
    return got;
}
