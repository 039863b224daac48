/* Statements that let a server add up, or list, its own rows. */
#include <inttypes.h>

#include "workers/mysql/sqltext.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

static void add_from(struct strbuf *b, const struct vtable *t, enum end end,
                     const struct key_plan *k, const char *where)
{
    const struct table *of = t->tables[end];

    strbuf_adds(b, " FROM ");
    sql_table(b, of->db, of->name);
    if (k != NULL && k->count > 0) {
        strbuf_adds(b, " FORCE INDEX (");
        sql_name(b, k->index_name);
        strbuf_addc(b, ')');
    }
    if (where[0] != '\0') {
        strbuf_adds(b, " WHERE ");
        strbuf_adds(b, where);
    }
}

void sums_where(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                const struct bound *lo, const struct bound *hi)
{
    size_t before = b->len;

    (void)bounds_where(b, k, lo, hi);
    /* what the filter leaves out was never carried; at the target everything counts */
    if (end == END_SOURCE && t->tables[end]->where != NULL)
        strbuf_addf(b, "%s(%s)", b->len > before ? " AND " : "", t->tables[end]->where);
}

/*
 * XOR of CRCs alone is linear: two rows that have swapped values of one length would cancel. The
 * outer CRC is that of the inner one's decimal digits, which no linear function gives. The key's
 * columns are in the row.
 */
static void add_sum(struct strbuf *b, const struct vtable *t, enum end end)
{
    strbuf_adds(b, "COUNT(*), BIT_XOR(CRC32(");
    normals_row(b, t->normals, end);
    strbuf_adds(b, "))");
}

void sums_chunk(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                const char *where)
{
    strbuf_adds(b, "SELECT ");
    add_sum(b, t, end);
    add_from(b, t, end, k, where);
}

void sums_buckets(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
                  const char *where, uint32_t mask)
{
    strbuf_adds(b, "SELECT ");
    normals_key(b, t->normals, end);
    strbuf_addf(b, " & %" PRIu32 " AS bucket, ", mask);
    add_sum(b, t, end);
    add_from(b, t, end, k, where);
    strbuf_adds(b, " GROUP BY bucket ORDER BY NULL");
}

void sums_rows(struct strbuf *b, const struct vtable *t, enum end end, const struct key_plan *k,
               const char *where, uint32_t mask, const uint32_t *buckets, size_t count)
{
    const struct normals *n = t->normals;

    strbuf_adds(b, "SELECT ");
    normals_row(b, n, end);
    for (size_t i = 0; i < n->key_count; i++) {
        strbuf_adds(b, ", ");
        strbuf_adds(b, n->columns[n->key[i]].value[end]);
    }
    add_from(b, t, end, k, where);
    if (count == 0)
        return;
    strbuf_adds(b, where[0] != '\0' ? " AND (" : " WHERE (");
    normals_key(b, n, end);
    strbuf_addf(b, " & %" PRIu32 ") IN (", mask);
    for (size_t i = 0; i < count; i++) {
        strbuf_adds(b, i > 0 ? "," : "");
        strbuf_addu(b, buckets[i]);
    }
    strbuf_addc(b, ')');
}
