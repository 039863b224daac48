#include "workers/incr/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    FIRST_SLOTS = 256,
    FIRST_ROOM = 64,
    FULL_PERCENT = 50,
    MARIADB_VALUES = 100303,
    MYSQL_VALUES = 80019,
};

/* A value's literal, in the text of its transaction. */
struct text {
    const char *at;
    uint32_t len;
    bool alone;
};

enum held_op { HELD_INSERT, HELD_UPDATE, HELD_DELETE };

/* A row as the batch leaves it so far. */
struct held {
    enum held_op op;
    bool taken;
    bool followed; /* HELD_DELETE: the row is inserted again, which is held by itself */
    const struct table_plan *plan;
    uint64_t hash; /* of its key */
    uint64_t set;  /* HELD_UPDATE: its columns */
    size_t values; /* the first of the table's column_count ones in fold.texts */
};

struct folder {
    enum fold_lists lists;
    size_t text_max;
    struct held *rows;
    size_t row_count, row_cap;
    struct text *texts;
    size_t text_count, text_cap;
    uint32_t *slots; /* rows by key: index + 1, 0: free */
    size_t slot_count;
    struct strbuf sql;
};

enum fold_lists fold_lists_of(const struct dialect *sink)
{
    if (sink->flavour == FLAVOUR_MARIADB)
        return sink->version >= MARIADB_VALUES ? FOLD_VALUES : FOLD_ROWS;
    return sink->flavour == FLAVOUR_MYSQL && sink->version >= MYSQL_VALUES ? FOLD_VALUES_ROW
                                                                           : FOLD_ROWS;
}

struct folder *fold_new(enum fold_lists lists, size_t text_max)
{
    _cleanup_(fold_freep)
    struct folder *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return NULL;
    f->lists = lists;
    f->text_max = text_max;
    f->sql = (struct strbuf)STRBUF(TXN_TEXT_MAX);
    f->slots = calloc(FIRST_SLOTS, sizeof(*f->slots));
    if (f->slots == NULL)
        return NULL;
    f->slot_count = FIRST_SLOTS;
    return take_ptr(f);
}

void fold_free(struct folder *f)
{
    if (f == NULL)
        return;
    free(f->rows);
    free(f->texts);
    free(f->slots);
    strbuf_done(&f->sql);
    free(f);
}

void fold_reset(struct folder *f)
{
    f->row_count = f->text_count = 0;
    memset(f->slots, 0, f->slot_count * sizeof(*f->slots));
}

/* ---- memory ---- */

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory to fold a batch");
}

static size_t more_room(size_t cap, size_t wanted)
{
    cap = MAX(cap, (size_t)FIRST_ROOM);
    while (cap < wanted)
        cap *= 2;
    return cap;
}

static int room(struct folder *f, size_t texts, struct err *err)
{
    size_t row_cap = more_room(f->row_cap, f->row_count + 1);
    size_t text_cap = more_room(f->text_cap, f->text_count + texts);

    if (row_cap > f->row_cap) {
        struct held *rows = reallocarray(f->rows, row_cap, sizeof(*rows));
        if (rows == NULL)
            return no_memory(err);
        f->rows = rows;
        f->row_cap = row_cap;
    }
    if (text_cap > f->text_cap) {
        struct text *all = reallocarray(f->texts, text_cap, sizeof(*all));
        if (all == NULL)
            return no_memory(err);
        f->texts = all;
        f->text_cap = text_cap;
    }
    return 0;
}

/* ---- rows by their keys ---- */

static const struct index *key_of(const struct table_plan *p)
{
    return &p->t->indexes[p->t->key];
}

static uint64_t hash_key(const struct table_plan *p, const struct text *values)
{
    const struct index *key = key_of(p);
    uint64_t hash = hash_bytes(&p, sizeof(struct table_plan *), 0);

    for (size_t i = 0; i < key->column_count; i++) {
        const struct text *v = &values[key->columns[i]];
        hash = hash_bytes(v->at, v->len, hash);
    }
    return hash;
}

static bool same_key(const struct table_plan *p, const struct text *a, const struct text *b)
{
    const struct index *key = key_of(p);

    for (size_t i = 0; i < key->column_count; i++) {
        const struct text *x = &a[key->columns[i]], *y = &b[key->columns[i]];
        if (x->len != y->len || (x->len > 0 && memcmp(x->at, y->at, x->len) != 0))
            return false;
    }
    return true;
}

static struct held *find(const struct folder *f, const struct table_plan *p, uint64_t hash,
                         const struct text *values)
{
    for (size_t at = (size_t)hash & (f->slot_count - 1); f->slots[at] != 0;
         at = (at + 1) & (f->slot_count - 1)) {
        struct held *h = &f->rows[f->slots[at] - 1];
        if (h->hash == hash && h->plan == p && !h->taken && !h->followed &&
            same_key(p, &f->texts[h->values], values))
            return h;
    }
    return NULL;
}

static void put_slot(uint32_t *slots, size_t count, uint64_t hash, size_t row)
{
    size_t at = (size_t)hash & (count - 1);

    while (slots[at] != 0)
        at = (at + 1) & (count - 1);
    slots[at] = (uint32_t)row + 1;
}

static int more_slots(struct folder *f, struct err *err)
{
    size_t count = f->slot_count * 2;
    uint32_t *slots = calloc(count, sizeof(*slots));

    if (slots == NULL)
        return no_memory(err);
    for (size_t i = 0; i < f->row_count; i++)
        put_slot(slots, count, f->rows[i].hash, i);
    free(f->slots);
    f->slots = slots;
    f->slot_count = count;
    return 0;
}

/* ---- what a row becomes ---- */

static uint64_t bit(size_t column)
{
    return (uint64_t)1 << column;
}

/* One row of a statement, spread over the columns of its table. */
struct change {
    enum held_op op;
    uint64_t set;
    struct text values[FOLD_COLUMNS_MAX];
};

static struct text text_of(const struct txn *t, const struct lit *l)
{
    return (struct text){ strbuf_str(&t->text) + l->off, l->len, l->alone };
}

static void read_change(const struct txn *t, const struct stmt *s, size_t n, struct change *ret)
{
    const struct table_plan *p = s->plan;
    const struct index *key = key_of(p);
    const struct lit *lit = &t->lits[s->first_lit];

    ret->op = s->kind == STMT_INSERT ? HELD_INSERT : s->set != 0 ? HELD_UPDATE : HELD_DELETE;
    ret->set = s->set;
    if (ret->op == HELD_INSERT) {
        lit += n * (s->lit_count / s->rows);
        for (size_t c = 0; c < p->t->column_count; c++) {
            if (p->t->selected[c])
                ret->values[c] = text_of(t, lit++);
        }
        return;
    }
    for (size_t c = 0; c < p->t->column_count; c++) { /* as they are written: the key is last */
        if ((s->set & bit(c)) != 0)
            ret->values[c] = text_of(t, lit++);
    }
    for (size_t i = 0; i < key->column_count; i++)
        ret->values[key->columns[i]] = text_of(t, lit++);
}

/* False: this change can't be told together with the one that is held. */
static bool join(const struct folder *f, struct held *h, const struct change *c)
{
    const struct table_plan *p = h->plan;
    struct text *values = &f->texts[h->values];
    uint64_t set = c->set;

    if (h->op == HELD_DELETE)
        return false;
    if (h->op == HELD_UPDATE && c->op == HELD_DELETE) {
        h->op = HELD_DELETE;
        return true;
    }
    if (c->op != HELD_UPDATE)
        return false;
    h->set |= set;
    for (size_t i = 0; i < p->t->column_count; i++) {
        if ((set & bit(i)) != 0)
            values[i] = c->values[i];
    }
    return true;
}

int fold_row(struct folder *f, const struct txn *t, const struct stmt *s, size_t n, struct err *err)
{
    const struct table_plan *p = s->plan;
    struct change c = { 0 };
    struct held *h;
    uint64_t hash;

    read_change(t, s, n, &c);
    hash = hash_key(p, c.values);
    h = find(f, p, hash, c.values);
    /* not one UPDATE: columns that only the target has, and its triggers, would tell */
    if (h != NULL && h->op == HELD_DELETE && c.op == HELD_INSERT)
        h->followed = true;
    else if (h != NULL)
        return join(f, h, &c);
    if ((f->row_count + 1) * 100 > f->slot_count * FULL_PERCENT && more_slots(f, err) < 0)
        return -1;
    if (room(f, p->t->column_count, err) < 0)
        return -1;
    memcpy(&f->texts[f->text_count], c.values, p->t->column_count * sizeof(struct text));
    f->rows[f->row_count] = (struct held){ c.op, false, false, p, hash, c.set, f->text_count };
    put_slot(f->slots, f->slot_count, hash, f->row_count);
    f->text_count += p->t->column_count;
    f->row_count++;
    return 1;
}

/* ---- statements ---- */

static void put(struct strbuf *b, const struct text *v)
{
    strbuf_add(b, v->at, v->len);
}

static void put_table(struct strbuf *b, const struct table_plan *p)
{
    sql_table(b, p->t->mapped_db, p->t->mapped_name);
}

/* Its key and the columns of `set`, in the order of the table. */
static uint64_t listed(const struct held *h)
{
    const struct index *key = key_of(h->plan);
    uint64_t set = h->op == HELD_UPDATE ? h->set : 0;

    for (size_t i = 0; i < key->column_count; i++)
        set |= bit(key->columns[i]);
    return set;
}

/* "SELECT 1 c0,2 c1" names the columns; the rows behind it are a list of values. */
static void list_row(const struct folder *f, struct strbuf *b, const struct held *h, size_t nth)
{
    const struct text *values = &f->texts[h->values];
    uint64_t set = listed(h);
    const char *before = nth == 0  ? "SELECT "
                         : nth > 1 ? f->lists == FOLD_VALUES_ROW ? ",ROW(" : ",("
                         : f->lists == FOLD_VALUES_ROW ? " UNION ALL VALUES ROW("
                                                       : " UNION ALL VALUES (";

    for (size_t c = 0; c < h->plan->t->column_count; c++) {
        if ((set & bit(c)) == 0)
            continue;
        strbuf_adds(b, before);
        before = ",";
        put(b, &values[c]);
        if (nth == 0) {
            strbuf_adds(b, " c");
            strbuf_addu(b, c);
        }
    }
    if (nth > 0)
        strbuf_addc(b, ')');
}

static void list_begin(struct strbuf *b, const struct held *h)
{
    strbuf_adds(b, h->op == HELD_DELETE ? "DELETE t FROM (" : "UPDATE (");
}

/* The rows of the list are read first, and each finds its own by the primary key. */
static void list_end(struct strbuf *b, const struct held *h)
{
    const struct index *key = key_of(h->plan);
    const char *before = " SET t.";

    strbuf_adds(b, ") v STRAIGHT_JOIN ");
    put_table(b, h->plan);
    strbuf_adds(b, " t FORCE INDEX (PRIMARY) ON t.");
    for (size_t i = 0; i < key->column_count; i++) {
        if (i > 0)
            strbuf_adds(b, " AND t.");
        sql_name(b, h->plan->t->columns[key->columns[i]].name);
        strbuf_adds(b, "=v.c");
        strbuf_addu(b, key->columns[i]);
    }
    for (size_t c = 0; h->op == HELD_UPDATE && c < h->plan->t->column_count; c++) {
        if ((h->set & bit(c)) == 0)
            continue;
        strbuf_adds(b, before);
        before = ",t.";
        sql_name(b, h->plan->t->columns[c].name);
        strbuf_adds(b, "=v.c");
        strbuf_addu(b, c);
    }
}

static void one_row(const struct folder *f, struct strbuf *b, const struct held *h)
{
    const struct index *key = key_of(h->plan);
    const struct text *values = &f->texts[h->values];
    const char *before = " SET ";

    strbuf_adds(b, h->op == HELD_DELETE ? "DELETE FROM " : "UPDATE ");
    put_table(b, h->plan);
    for (size_t c = 0; h->op == HELD_UPDATE && c < h->plan->t->column_count; c++) {
        if ((h->set & bit(c)) == 0)
            continue;
        strbuf_adds(b, before);
        before = ",";
        sql_name(b, h->plan->t->columns[c].name);
        strbuf_addc(b, '=');
        put(b, &values[c]);
    }
    for (size_t i = 0; i < key->column_count; i++) {
        strbuf_adds(b, i == 0 ? " WHERE " : " AND ");
        sql_name(b, h->plan->t->columns[key->columns[i]].name);
        strbuf_addc(b, '=');
        put(b, &values[key->columns[i]]);
    }
}

static void insert_row(const struct folder *f, struct strbuf *b, const struct held *h, size_t nth)
{
    const struct table_plan *p = h->plan;
    const struct text *values = &f->texts[h->values];
    char between = '(';

    if (nth == 0)
        strbuf_add(b, p->insert_prefix, p->insert_prefix_len);
    else
        strbuf_addc(b, ',');
    for (size_t c = 0; c < p->t->column_count; c++) {
        if (!p->t->selected[c])
            continue;
        strbuf_addc(b, between);
        between = ',';
        put(b, &values[c]);
    }
    strbuf_addc(b, ')');
}

static bool alone(const struct folder *f, const struct held *h)
{
    uint64_t set = listed(h);

    if (f->lists == FOLD_ROWS)
        return true;
    for (size_t c = 0; c < h->plan->t->column_count; c++) {
        if ((set & bit(c)) != 0 && f->texts[h->values + c].alone)
            return true;
    }
    return false;
}

/* The statement that has been written into f->sql. */
static int give(struct folder *f, const struct held *h, size_t rows, fold_fn *fn, void *ctx,
                struct err *err)
{
    struct folded s = { h->plan, h->op == HELD_INSERT ? STMT_INSERT : STMT_CHANGE,
                        strbuf_str(&f->sql), f->sql.len, (uint32_t)rows };

    return strbuf_check(&f->sql, err) < 0 ? -1 : fn(ctx, &s, err);
}

/* Rows from `from` on that go into one statement with it, marked as taken. */
static int take_like(struct folder *f, size_t from, fold_fn *fn, void *ctx, struct err *err)
{
    const struct held *first = &f->rows[from];
    size_t rows = 0, last = from;
    bool single = first->op != HELD_INSERT && alone(f, first);

    strbuf_reset(&f->sql);
    if (first->op != HELD_INSERT && !single)
        list_begin(&f->sql, first);
    for (size_t i = from;
         i < f->row_count && rows < (single ? 1 : STMT_ROWS_MAX) && f->sql.len < f->text_max; i++) {
        struct held *h = &f->rows[i];
        if (h->taken || h->plan != first->plan || h->op != first->op ||
            (i > from && h->op != HELD_INSERT && (h->set != first->set || alone(f, h))))
            continue;
        if (h->op == HELD_INSERT)
            insert_row(f, &f->sql, h, rows);
        else if (!single)
            list_row(f, &f->sql, h, rows);
        h->taken = true;
        last = i;
        rows++;
    }
    if (first->op != HELD_INSERT && (single || rows == 1)) {
        strbuf_reset(&f->sql);
        one_row(f, &f->sql, &f->rows[last]);
    } else if (first->op != HELD_INSERT) {
        list_end(&f->sql, first);
    }
    return give(f, first, rows, fn, ctx, err);
}

static int take_op(struct folder *f, const struct table_plan *p, enum held_op op, fold_fn *fn,
                   void *ctx, struct err *err)
{
    for (size_t i = 0; i < f->row_count; i++) {
        if (!f->rows[i].taken && f->rows[i].op == op && (p == NULL || f->rows[i].plan == p) &&
            take_like(f, i, fn, ctx, err) < 0)
            return -1;
    }
    return 0;
}

int fold_take(struct folder *f, const struct table_plan *p, fold_fn *fn, void *ctx, struct err *err)
{
    /* what is deleted makes room in unique keys for what comes */
    if (take_op(f, p, HELD_DELETE, fn, ctx, err) < 0 ||
        take_op(f, p, HELD_UPDATE, fn, ctx, err) < 0)
        return -1;
    return take_op(f, p, HELD_INSERT, fn, ctx, err);
}
