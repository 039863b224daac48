/* Pairing the columns of a table, and the one number that a row becomes. */
#include "workers/verify/normal.h"

#include <string.h>
#include <strings.h>

#include "workers/mysql/sqltext.h"
#include "workers/verify/normal_priv.h"

#include "base/banned.h"

enum {
    EXPR_MAX = 256 * 1024,
    /* CONCAT_WS() gives NULL for more than max_allowed_packet; the lowest in use is 1 MiB */
    JOINED_MAX = 512 * 1024,
};

/* Separators. No number and no UTF-8 text holds the byte 0xff. With two columns or more that may
 * hold any byte it is eight bytes that nobody stores by chance: less likely than a CRC32 that is
 * equal by chance. */
#define SEPARATOR "_binary 0xFF"
#define LONG_SEPARATOR "_binary 0xFF9C1E72D4A65B38"
/* Cast: MariaDB would give IFNULL(number, literal) the session's character set. */
#define SHORT_NULL "CAST(_binary 0xFE AS BINARY)"
#define LONG_NULL "CAST(_binary 0xFE31B7C80D5A9264 AS BINARY)"

/* ---- columns ---- */

static int make_exprs(struct normal *n, const struct form *f, bool signless, bool digest,
                      struct err *err)
{
    for (unsigned end = 0; end < END_MAX_; end++) {
        _cleanup_(strbuf_done)
        struct strbuf value = STRBUF(EXPR_MAX), sum = STRBUF(EXPR_MAX);

        form_add_value(&value, f, n, end, signless);
        form_add_sum(&sum, f, n, end, signless, digest);
        if (strbuf_take(&value, &n->value[end], err) < 0 ||
            strbuf_take(&sum, &n->sum[end], err) < 0)
            return -1;
    }
    n->any_byte = !digest && form_any_byte(f, n);
    n->same_order = form_same_order(f, n);
    return 0;
}

static void begin_clause(struct strbuf *missing, const char *column)
{
    strbuf_adds(missing, missing->len > 0 ? "; " : "");
    strbuf_adds(missing, "column ");
    sql_name(missing, column);
    strbuf_addc(missing, ' ');
}

static void add_clash(struct strbuf *missing, const struct normal *n, const struct form *f)
{
    begin_clause(missing, n->ends[END_SOURCE]->name);
    if (f->kinds_differ)
        strbuf_addf(missing, "is %s at the source and %s at the target",
                    n->ends[END_SOURCE]->type_text, n->ends[END_SINK]->type_text);
    else
        strbuf_adds(missing, f->clash);
}

struct how {
    bool signless, back;
};

/* Adds the pair to `r`; what its `sum` may take of a row's bytes to *io_joined. */
static int add_pair(struct normals *r, const struct column *s, const struct column *d,
                    const struct how *how, struct strbuf *missing, uint64_t *io_joined,
                    struct err *err)
{
    struct normal *n = &r->columns[r->count++];
    struct form f = how->back ? form_of_back(s, d) : form_of(s, d);
    uint64_t most;
    bool digest;

    *n = (struct normal){ .ends = { s, d }, .nullable = s->nullable || d->nullable };
    if (f.clash != NULL) {
        add_clash(missing, n, &f);
        return 0;
    }
    if (f.left_out != NULL) {
        n->left_out = strdup(f.left_out);
        return n->left_out != NULL ? 0 : err_set(err, ERR_NOMEM, "no memory for a column");
    }
    most = form_most_bytes(&f, n);
    digest = f.kind == FORM_DOCUMENT || *io_joined + most > JOINED_MAX;
    if (!digest)
        *io_joined += most;
    return make_exprs(n, &f, how->signless, digest, err);
}

/* All of the source's key, or none of it. */
static int find_key(struct normals *r, struct err *err)
{
    const struct table *t = r->tables[END_SOURCE];
    const struct index *x = t->key >= 0 ? &t->indexes[t->key] : NULL;

    if (x == NULL)
        return 0;
    r->key = calloc(x->column_count + 1, sizeof(*r->key));
    if (r->key == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a key");
    for (size_t i = 0; i < x->column_count; i++) {
        size_t at = 0;

        while (at < r->count && r->columns[at].ends[END_SOURCE] != &t->columns[x->columns[i]])
            at++;
        if (at == r->count || r->columns[at].sum[END_SOURCE] == NULL)
            return 0;
        r->key[i] = (unsigned)at;
    }
    r->key_count = x->column_count;
    return 0;
}

static int fill(struct normals *r, const struct how *how, struct strbuf *missing, struct err *err)
{
    const struct table *s = r->tables[END_SOURCE], *d = r->tables[END_SINK];
    uint64_t joined = 0;

    for (size_t i = 0; i < s->column_count; i++) {
        int at;

        if (!s->selected[i] || s->columns[i].generated)
            continue;
        at = table_column(d, s->columns[i].name);
        if (at < 0) {
            begin_clause(missing, s->columns[i].name);
            strbuf_adds(missing, "is missing at the target");
        } else if (add_pair(r, &s->columns[i], &d->columns[at], how, missing, &joined, err) < 0) {
            return -1;
        }
    }
    return find_key(r, err);
}

int normals_new(const struct table *const tables[END_MAX_], const struct dialect dialects[END_MAX_],
                bool back, struct strbuf *missing, struct normals **ret, struct err *err)
{
    _cleanup_(normals_freep)
    struct normals *r = calloc(1, sizeof(*r));
    const struct how how = { .signless = dialects[END_SOURCE].flavour == FLAVOUR_MARIADB ||
                                         dialects[END_SINK].flavour == FLAVOUR_MARIADB,
                             .back = back };

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a table");
    r->tables[END_SOURCE] = tables[END_SOURCE];
    r->tables[END_SINK] = tables[END_SINK];
    r->columns = calloc(tables[END_SOURCE]->column_count + 1, sizeof(*r->columns));
    if (r->columns == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the columns of a table");
    if (fill(r, &how, missing, err) < 0)
        return -1;
    *ret = take_ptr(r);
    return 0;
}

void normals_free(struct normals *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; n->columns != NULL && i < n->count; i++) {
        for (unsigned end = 0; end < END_MAX_; end++) {
            free(n->columns[i].value[end]);
            free(n->columns[i].sum[end]);
        }
        free(n->columns[i].left_out);
    }
    free(n->columns);
    free(n->key);
    free(n);
}

/* ---- rows ---- */

/* The columns that are joined: all of them, or the key's. */
struct joined {
    const struct normals *n;
    bool key;
    enum end end;
};

static size_t joined_count(const struct joined *j)
{
    return j->key ? j->n->key_count : j->n->count;
}

/* NULL: not compared. */
static const struct normal *joined_at(const struct joined *j, size_t i)
{
    const struct normal *c = &j->n->columns[j->key ? j->n->key[i] : i];

    return c->sum[END_SOURCE] != NULL ? c : NULL;
}

/* The argument that is cast to binary comes first: a short one, the same at both ends. */
static size_t choose_first(const struct joined *j)
{
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < joined_count(j); i++) {
        const struct normal *c = joined_at(j, i);

        if (c == NULL)
            continue;
        if (c->ends[END_SOURCE]->kind == CK_INT)
            return i;
        if (first == SIZE_MAX)
            first = i;
    }
    return first;
}

/* Values may hold any byte: what stands between and for them has to be longer than one. */
static bool is_wild(const struct joined *j)
{
    for (size_t i = 0; i < joined_count(j); i++)
        if (joined_at(j, i) != NULL && joined_at(j, i)->any_byte)
            return true;
    return false;
}

/* CONCAT_WS leaves NULLs out: they become bytes that no value has. (Bits of IS NULL in a further
 * argument cost half as much again as all the rest.) */
static void add_sum(struct strbuf *b, const struct joined *j, const struct normal *c)
{
    if (c->ends[j->end]->nullable)
        strbuf_addf(b, "IFNULL(%s, %s)", c->sum[j->end], is_wild(j) ? LONG_NULL : SHORT_NULL);
    else
        strbuf_adds(b, c->sum[j->end]);
}

/* A key of one column, mostly: there is nothing to join, and nothing that could be NULL. */
static bool is_single(const struct joined *j, size_t first)
{
    for (size_t i = 0; i < joined_count(j); i++)
        if (joined_at(j, i) != NULL && (i != first || joined_at(j, i)->nullable))
            return false;
    return true;
}

static void add_joined(struct strbuf *b, const struct joined *j)
{
    size_t first = choose_first(j);

    if (first == SIZE_MAX) {
        strbuf_addc(b, '0');
        return;
    }
    if (is_single(j, first)) {
        strbuf_addf(b, "CRC32(%s)", joined_at(j, first)->sum[j->end]);
        return;
    }
    strbuf_addf(b, "CRC32(CONCAT_WS(%s, CAST(", is_wild(j) ? LONG_SEPARATOR : SEPARATOR);
    add_sum(b, j, joined_at(j, first));
    strbuf_adds(b, " AS BINARY)");
    for (size_t i = 0; i < joined_count(j); i++) {
        const struct normal *c = joined_at(j, i);

        if (c == NULL || i == first)
            continue;
        strbuf_adds(b, ", ");
        add_sum(b, j, c);
    }
    strbuf_adds(b, "))");
}

void normals_row(struct strbuf *b, const struct normals *n, enum end end)
{
    add_joined(b, &(struct joined){ n, false, end });
}

void normals_key(struct strbuf *b, const struct normals *n, enum end end)
{
    add_joined(b, &(struct joined){ n, true, end });
}
