#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/sqltext.h"
#include "workers/verify/verify_priv.h"

#include "base/banned.h"

enum {
    WANT_FIRST = 5000,
    WANT_MIN = 500,
    WANT_MAX = 50 * 1000,
    GROW_MOST = 8, /* of the step, where the last piece was empty or nearly so */
    NUMBER_MAX = 24,
};

static const uint64_t sign_bit = UINT64_C(1) << 63;

/* The key of the first row that the statement gives: 1, 0 no row, -1. */
static int ask_bound(struct walk *w, struct ends *e, const struct strbuf *sql, struct bound *ret,
                     struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (strbuf_check(sql, err) < 0 ||
        conn_query(e->conns[w->end], sql->data, sql->len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    return bound_of_row(ret, r.row, r.lengths, w->plan.count, err) < 0 ? -1 : 1;
}

static void select_key(struct strbuf *b, const struct walk *w)
{
    strbuf_adds(b, "SELECT ");
    key_plan_columns(b, &w->plan);
    strbuf_adds(b, " FROM ");
    sql_table(b, w->table->db, w->table->name);
    strbuf_adds(b, " FORCE INDEX (");
    sql_name(b, w->plan.index_name);
    strbuf_adds(b, ")");
}

/* ---- one integer column ---- */

static bool number_of_bound(const struct bound *b, bool is_unsigned, uint64_t *ret)
{
    struct cursor c = cursor_of(b->data, b->len);
    size_t len = (size_t)cursor_le(&c, 4);
    const uint8_t *p = cursor_bytes(&c, len);
    char text[NUMBER_MAX];
    int64_t v = 0;

    if (p == NULL || len >= sizeof(text))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    if (is_unsigned)
        return num_parse_u64(text, UINT64_MAX, ret);
    if (!num_parse_i64(text, INT64_MIN, INT64_MAX, &v))
        return false;
    *ret = (uint64_t)v ^ sign_bit;
    return true;
}

static int bound_of_number(struct bound *to, uint64_t v, bool is_unsigned, struct err *err)
{
    char text[NUMBER_MAX];
    char *row[1] = { text };
    unsigned long len[1];

    if (is_unsigned)
        (void)snprintf(text, sizeof(text), "%" PRIu64, v);
    else
        (void)snprintf(text, sizeof(text), "%" PRId64, (int64_t)(v ^ sign_bit));
    len[0] = strlen(text);
    return bound_of_row(to, row, len, 1, err);
}

/* Where the numbers begin and end now; false: no rows. */
static int ask_span(struct walk *w, struct ends *e, uint64_t *ret_min, struct err *err)
{
    static const char *const order[] = { "ASC", "DESC" };
    bool is_unsigned = w->plan.columns[0]->is_unsigned;
    uint64_t *const to[] = { ret_min, &w->max };

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        _cleanup_(strbuf_done)
        struct strbuf sql = STRBUF(ENDS_SQL_MAX);
        _cleanup_(bound_done)
        struct bound b = { 0 };
        int got;

        select_key(&sql, w);
        strbuf_adds(&sql, " ORDER BY ");
        key_plan_order(&sql, &w->plan, order[i]);
        strbuf_adds(&sql, " LIMIT 1");
        got = ask_bound(w, e, &sql, &b, err);
        if (got <= 0)
            return got;
        if (!number_of_bound(&b, is_unsigned, to[i]))
            return 0; /* ZEROFILL and the like: by asking, then */
    }
    return 1;
}

static uint64_t step_of(double step)
{
    return step >= (double)(UINT64_MAX / 2) ? UINT64_MAX / 2 : MAX((uint64_t)step, (uint64_t)1);
}

static int start_numbers(struct walk *w, struct ends *e, struct err *err)
{
    const struct column *c = w->plan.columns[0];
    uint64_t min = 0;
    int got;

    if (w->plan.count != 1 || c->kind != CK_INT)
        return 0;
    got = ask_span(w, e, &min, err);
    if (got <= 0)
        return got;
    w->by_number = true;
    w->at = min > 0 ? min - 1 : 0;
    if (w->last.data != NULL && !number_of_bound(&w->last, c->is_unsigned, &w->at))
        w->by_number = false;
    w->step = step_of((double)(w->max - min) / w->rows_all * WANT_FIRST);
    return 0;
}

static int next_number(struct walk *w, struct bound *hi, struct err *err)
{
    uint64_t to = w->at + w->step;

    if (to < w->at || to >= w->max) {
        w->ended = true; /* the rest: rows that came later, too */
        bound_done(hi);
        return 1;
    }
    w->at = to;
    if (bound_of_number(hi, to, w->plan.columns[0]->is_unsigned, err) < 0 ||
        bound_copy(&w->last, hi, err) < 0)
        return -1;
    return 1;
}

/* ---- any other key ---- */

static int next_asked(struct walk *w, struct ends *e, struct bound *hi, struct err *err)
{
    static const struct bound none = { 0 };
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(ENDS_SQL_MAX);
    int got;

    select_key(&sql, w);
    if (w->last.data != NULL)
        strbuf_adds(&sql, " WHERE ");
    (void)bounds_where(&sql, &w->plan, &w->last, &none);
    strbuf_adds(&sql, " ORDER BY ");
    key_plan_order(&sql, &w->plan, "ASC");
    strbuf_addf(&sql, " LIMIT 1 OFFSET %" PRIu64, w->want - 1);
    got = ask_bound(w, e, &sql, hi, err);
    if (got < 0)
        return -1;
    if (got == 0) {
        w->ended = true;
        bound_done(hi);
        return 1;
    }
    return bound_copy(&w->last, hi, err) < 0 ? -1 : 1;
}

int walk_start(struct walk *w, struct ends *e, enum end end, const struct table *t,
               const struct key_plan *plan, const struct bound *from, struct err *err)
{
    *w = (struct walk){ .end = end, .table = t, .plan = *plan, .want = WANT_FIRST };
    w->rows_all = (double)MAX(t->rows_estimate, (uint64_t)1);
    if (from != NULL && bound_copy(&w->last, from, err) < 0)
        return -1;
    return start_numbers(w, e, err);
}

void walk_done(struct walk *w)
{
    bound_done(&w->last);
}

int walk_next(struct walk *w, struct ends *e, struct bound *hi, struct err *err)
{
    if (w->ended)
        return 0;
    if (w->plan.count == 0) { /* nothing to cut it by */
        w->ended = true;
        bound_done(hi);
        return 1;
    }
    return w->by_number ? next_number(w, hi, err) : next_asked(w, e, hi, err);
}

void walk_took(struct walk *w, uint64_t rows, int64_t us, int64_t want_us)
{
    double fits = us > 0 && rows > 0 ? (double)rows * (double)want_us / (double)us : WANT_MAX;
    double grow;

    w->rows += (double)rows;
    w->want =
        (uint64_t)MIN(MAX(fits, (double)WANT_MIN), MIN((double)w->want * 4, (double)WANT_MAX));
    if (!w->by_number)
        return;
    grow = rows > 0 ? (double)w->want / (double)rows : GROW_MOST;
    grow = MIN(grow, (double)GROW_MOST);
    w->step = step_of((double)w->step * grow);
}

unsigned walk_share(const struct walk *w)
{
    return (unsigned)(999 * MIN(w->rows / w->rows_all, 1.0));
}
