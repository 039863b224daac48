#include "workers/incr/filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "workers/incr/sqlwrite.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum { QUERY_SOFT_MAX = 512 * 1024, QUERY_MAX = 1024 * 1024 * 1024, GEOMETRY_SRID_LEN = 4 };

/* What is needed of one filtered table. */
struct filtered {
    const struct table_plan *plan;
    bool *used;                    /* columns that the filter may speak of */
    char **charsets, **collations; /* of the target's columns; NULL: none */
};

struct filter {
    struct conn *conn;
    struct dialect sink;
    struct filtered *tables;
    size_t count;
    struct strbuf query;
    uint8_t *verdicts;
    size_t cap;
};

int filter_new(struct conn *sink, const struct dialect *d, struct filter **ret, struct err *err)
{
    struct filter *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the row filters");
    f->conn = sink;
    f->sink = *d;
    f->query = (struct strbuf)STRBUF(QUERY_MAX);
    *ret = f;
    return 0;
}

static void filtered_done(struct filtered *t)
{
    for (size_t i = 0; i < t->plan->t->column_count; i++) {
        if (t->charsets != NULL)
            free(t->charsets[i]);
        if (t->collations != NULL)
            free(t->collations[i]);
    }
    free(t->used);
    free(t->charsets);
    free(t->collations);
}

void filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        filtered_done(&f->tables[i]);
    free(f->tables);
    strbuf_done(&f->query);
    free(f->verdicts);
    free(f);
}

/* ---- a table for the first time ---- */

static int read_collations(struct filter *f, struct filtered *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf q = STRBUF(64 * 1024);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    strbuf_adds(&q, "SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME FROM"
                    " information_schema.COLUMNS WHERE CHARACTER_SET_NAME IS NOT NULL AND"
                    " TABLE_SCHEMA = ");
    sql_string(&q, t->plan->t->mapped_db);
    strbuf_adds(&q, " AND TABLE_NAME = ");
    sql_string(&q, t->plan->t->mapped_name);
    if (strbuf_check(&q, err) < 0 || conn_query(f->conn, strbuf_str(&q), q.len, &r, err) < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        int c = table_column(t->plan->t, result_str(&r, 0, ""));
        if (c < 0 || t->charsets[c] != NULL)
            continue;
        t->charsets[c] = strdup(result_str(&r, 1, ""));
        t->collations[c] = strdup(result_str(&r, 2, ""));
        if (t->charsets[c] == NULL || t->collations[c] == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a row filter");
    }
    return got;
}

static struct filtered *filtered_of(struct filter *f, const struct table_plan *p, struct err *err)
{
    size_t n = MAX(p->t->column_count, (size_t)1);
    struct filtered *grown, *t;

    for (size_t i = 0; i < f->count; i++) {
        if (f->tables[i].plan == p)
            return &f->tables[i];
    }
    grown = reallocarray(f->tables, f->count + 1, sizeof(*grown));
    if (grown == NULL) {
        (void)err_set(err, ERR_NOMEM, "no memory for a row filter");
        return NULL;
    }
    f->tables = grown;
    t = &grown[f->count];
    *t = (struct filtered){ .plan = p,
                            .used = calloc(n, sizeof(*t->used)),
                            .charsets = calloc(n, sizeof(*t->charsets)),
                            .collations = calloc(n, sizeof(*t->collations)) };
    f->count++;
    if (t->used == NULL || t->charsets == NULL || t->collations == NULL) {
        (void)err_set(err, ERR_NOMEM, "no memory for a row filter");
        return NULL;
    }
    for (size_t c = 0; c < p->t->column_count; c++)
        t->used[c] = strcasestr(p->t->where, p->t->columns[c].name) != NULL;
    return read_collations(f, t, err) < 0 ? NULL : t;
}

/* ---- one query ---- */

static int cast(struct filter *f, const struct table_plan *p, size_t c, const struct value *v,
                const char *type, struct err *err)
{
    strbuf_adds(&f->query, "CAST(");
    if (sql_literal(&f->query, p, c, v, err) < 0)
        return -1;
    strbuf_addf(&f->query, " AS %s)", type);
    return 0;
}

static int cast_fraction(struct filter *f, const struct table_plan *p, size_t c,
                         const struct value *v, const char *type, struct err *err)
{
    char full[32];

    (void)snprintf(full, sizeof(full), "%s(%u)", type, p->t->columns[c].fraction);
    return cast(f, p, c, v, full, err);
}

static int text_value(struct filter *f, const struct filtered *t, size_t c, const struct value *v,
                      struct err *err)
{
    bool known = t->charsets[c] != NULL;

    strbuf_adds(&f->query, known ? "CONVERT(" : "");
    if (sql_literal(&f->query, t->plan, c, v, err) < 0)
        return -1;
    if (known)
        strbuf_addf(&f->query, " USING %s) COLLATE %s", t->charsets[c], t->collations[c]);
    return 0;
}

static int geometry_value(struct filter *f, const struct value *v)
{
    struct cursor at = cursor_of(v->bytes, v->len);
    uint64_t srid = cursor_le(&at, GEOMETRY_SRID_LEN);

    strbuf_adds(&f->query, "ST_GeomFromWKB(");
    sql_bytes(&f->query, at.p, cursor_left(&at));
    strbuf_addf(&f->query, ",%" PRIu64 ")", srid);
    return 0;
}

static int typed_value(struct filter *f, const struct filtered *t, size_t c, const struct value *v,
                       struct err *err)
{
    const struct table_plan *p = t->plan;
    const struct column *col = &p->t->columns[c];
    char type[48];

    if (v->kind == V_NULL)
        return sql_literal(&f->query, p, c, v, err);
    switch (col->kind) {
    case CK_INT:
        return cast(f, p, c, v, col->is_unsigned ? "UNSIGNED" : "SIGNED", err);
    case CK_BIT:
    case CK_YEAR:
        return cast(f, p, c, v, "UNSIGNED", err);
    case CK_DECIMAL:
        (void)snprintf(type, sizeof(type), "DECIMAL(%u,%u)", col->precision, col->scale);
        return cast(f, p, c, v, type, err);
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
    case CK_ENUM:
    case CK_SET:
        return text_value(f, t, c, v, err);
    case CK_DATE:
        return cast(f, p, c, v, "DATE", err);
    case CK_TIME:
        return cast_fraction(f, p, c, v, "TIME", err);
    case CK_DATETIME:
    case CK_TIMESTAMP:
        return cast_fraction(f, p, c, v, "DATETIME", err);
    case CK_JSON:
        return f->sink.json_type ? cast(f, p, c, v, "JSON", err) : text_value(f, t, c, v, err);
    case CK_UUID:
        return cast(f, p, c, v, f->sink.flavour == FLAVOUR_MARIADB ? "UUID" : "CHAR(36)", err);
    case CK_INET6:
        return cast(f, p, c, v, f->sink.flavour == FLAVOUR_MARIADB ? "INET6" : "CHAR(39)", err);
    case CK_GEOMETRY:
        return geometry_value(f, v);
    case CK_FLOAT:
    case CK_DOUBLE:
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
    case CK_VECTOR:
    case CK_INET4:
    case CK_UNKNOWN:
        return sql_literal(&f->query, p, c, v, err);
    }
    return sql_literal(&f->query, p, c, v, err);
}

/* One image as a line of the derived table; its number carries row and image. */
static int add_image(struct filter *f, const struct filtered *t, uint64_t number,
                     const struct value *image, struct err *err)
{
    strbuf_adds(&f->query, f->query.len == 0 ? "" : " UNION ALL ");
    strbuf_addf(&f->query, "SELECT %" PRIu64 " AS `cw$n`", number);
    for (size_t c = 0; c < t->plan->t->column_count; c++) {
        if (!t->used[c])
            continue;
        strbuf_addc(&f->query, ',');
        if (typed_value(f, t, c, &image[c], err) < 0)
            return -1;
        strbuf_adds(&f->query, " AS ");
        sql_name(&f->query, t->plan->t->columns[c].name);
    }
    return 0;
}

static int run(struct filter *f, const struct filtered *t, size_t rows, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf q = STRBUF(QUERY_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    const struct table *table = t->plan->t;
    int got;

    if (f->query.len == 0)
        return 0;
    strbuf_addf(&q, "SELECT `cw$n`, ((%s\n) IS TRUE) FROM (", table->where);
    strbuf_add(&q, strbuf_str(&f->query), f->query.len);
    strbuf_adds(&q, ") AS ");
    sql_name(&q, table->name);
    strbuf_reset(&f->query);
    if (strbuf_check(&q, err) < 0)
        return -1;
    if (conn_query(f->conn, strbuf_str(&q), q.len, &r, err) < 0) {
        if (err->code == ERR_DB_QUERY)
            err->code = ERR_PARAM;
        return err_wrap(err, "row filter of %s.%s", table->db, table->name);
    }
    while ((got = result_next(&r, err)) == 1) {
        uint64_t number = result_u64(&r, 0, UINT64_MAX);
        if (number / 2 < rows && result_u64(&r, 1, 0) == 1)
            f->verdicts[number / 2] |= (uint8_t)(number % 2 == 0 ? FILTER_BEFORE : FILTER_AFTER);
    }
    return got;
}

static int verdict_room(struct filter *f, size_t rows, struct err *err)
{
    size_t cap = MAX(f->cap, (size_t)64);
    uint8_t *grown;

    while (cap < rows)
        cap *= 2;
    if (cap > f->cap) {
        grown = realloc(f->verdicts, cap);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a row filter");
        f->verdicts = grown;
        f->cap = cap;
    }
    f->verdicts[rows - 1] = 0;
    return 0;
}

int filter_event(struct filter *f, const struct group_row_event *ev, const uint8_t **ret,
                 size_t *ret_rows, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    struct filtered *t = filtered_of(f, ev->plan, err);
    size_t n = 0;
    int got;

    strbuf_reset(&f->query);
    if (t == NULL || rows_open(ev->format, ev->event, ev->map, ev->plan->t, &rows, err) < 0)
        return -1;
    while ((got = rows_next(rows, &before, &after, err)) == 1) {
        enum rows_kind kind = rows_kind(rows);
        if (verdict_room(f, ++n, err) < 0)
            return -1;
        if (kind != ROWS_INSERT && add_image(f, t, (n - 1) * 2, before, err) < 0)
            return -1;
        if (kind != ROWS_DELETE && add_image(f, t, (n - 1) * 2 + 1, after, err) < 0)
            return -1;
        if (f->query.len > QUERY_SOFT_MAX && run(f, t, n, err) < 0)
            return -1;
    }
    if (got < 0 || run(f, t, n, err) < 0)
        return -1;
    *ret = f->verdicts;
    *ret_rows = n;
    return 0;
}
