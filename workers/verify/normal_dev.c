#include "workers/mysql/sqltext.h"
#include "workers/verify/normal.h"
#include <stdio.h>
#include <string.h>
static char *expr(const struct column *c)
{
    struct strbuf b = STRBUF(10000);
    char *r;
    struct err e = { 0 };
    sql_name(&b, c->name);
    (void)strbuf_take(&b, &r, &e);
    return r;
}
int normals_new(const struct table *const t[END_MAX_], const struct dialect d[END_MAX_],
                struct strbuf *missing, struct normals **ret, struct err *err)
{
    (void)d;
    (void)missing;
    (void)err;
    struct normals *n = calloc(1, sizeof *n);
    n->columns = calloc(t[0]->column_count, sizeof *n->columns);
    n->tables[0] = t[0];
    n->tables[1] = t[1];
    for (size_t i = 0; i < t[0]->column_count; i++) {
        int at = table_column(t[1], t[0]->columns[i].name);
        struct normal *x = &n->columns[n->count++];
        x->ends[0] = &t[0]->columns[i];
        x->ends[1] = &t[1]->columns[at];
        for (int e = 0; e < 2; e++) {
            x->value[e] = expr(x->ends[e]);
            x->sum[e] = expr(x->ends[e]);
        }
        x->nullable = x->ends[0]->nullable || x->ends[1]->nullable;
        x->same_order = x->ends[0]->kind == CK_INT || x->ends[0]->binary_collation;
    }
    if (t[0]->key >= 0) {
        const struct index *k = &t[0]->indexes[t[0]->key];
        n->key = calloc(k->column_count, sizeof *n->key);
        n->key_count = k->column_count;
        for (size_t i = 0; i < k->column_count; i++)
            n->key[i] = k->columns[i];
    }
    *ret = n;
    return 0;
}
void normals_free(struct normals *n)
{
    (void)n;
}
void normal_equals(struct strbuf *b, const struct normal *n, enum end e, const char *v, size_t len)
{
    sql_name(b, n->ends[e]->name);
    strbuf_adds(b, " = ");
    if (n->ends[e]->kind == CK_INT)
        strbuf_add(b, v, len);
    else
        sql_quoted_bytes(b, v, len);
}
static void row(struct strbuf *b, const struct normals *n, enum end e, bool key)
{
    strbuf_adds(b, "CRC32(CONCAT_WS(_binary 0xFF,");
    size_t c = key ? n->key_count : n->count;
    for (size_t i = 0; i < c; i++) {
        const struct normal *x = &n->columns[key ? n->key[i] : i];
        strbuf_adds(b, i ? "," : "CAST(");
        strbuf_adds(b, x->sum[e]);
        if (!i)
            strbuf_adds(b, " AS BINARY)");
    }
    for (size_t i = 0; i < c; i++) {
        const struct normal *x = &n->columns[key ? n->key[i] : i];
        if (x->nullable)
            strbuf_addf(b, ",%s IS NULL", x->sum[e]);
    }
    strbuf_adds(b, "))");
}
void normals_row(struct strbuf *b, const struct normals *n, enum end e)
{
    row(b, n, e, false);
}
void normals_key(struct strbuf *b, const struct normals *n, enum end e)
{
    row(b, n, e, true);
}
