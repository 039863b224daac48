#include "workers/verify/settle.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/map.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    SQL_MAX = 16 * 1024 * 1024,
    READ_ON_MS = 5000,
    AGAIN_FIRST_MS = 5,
    AGAIN_LAST_MS = 500,
};

/* What one end has of a suspect. */
struct side {
    bool there;
    uint64_t sum;
};

struct seen {
    struct side sides[END_MAX_];
    bool other_key;      /* the target's row has another key, which its collation holds equal */
    bool told_elsewhere; /* the same, found from the target's row: the source's key tells it */
};

struct settling {
    struct ends *e;
    const struct differing_table *t;
    struct suspect *suspects;
    size_t count;
    struct seen *seen;
    size_t open;           /* not settled yet */
    size_t from, to;       /* those of the present look */
    bool locking;          /* the present look is one that may prove a difference */
    bool strays[END_MAX_]; /* rows came under keys of other bytes than were asked for */
};

static bool is_open(const struct settling *s, size_t i)
{
    return i >= s->from && i < s->to && s->suspects[i].verdict == ROW_UNDECIDED;
}

static void add_key(struct strbuf *sql, const struct settling *s, unsigned end,
                    const struct row_key *k)
{
    const struct normals *n = s->t->normals;

    strbuf_addc(sql, '(');
    for (size_t i = 0; i < n->key_count; i++) {
        strbuf_adds(sql, i > 0 ? " AND " : "");
        normal_equals(sql, &n->columns[n->key[i]], end, k->values[i], k->lengths[i]);
    }
    strbuf_addc(sql, ')');
}

/* "SELECT rowhash, key values … FROM t WHERE [filter AND] (": the keys follow. */
static void add_select(struct strbuf *sql, const struct settling *s, unsigned end)
{
    const struct normals *n = s->t->normals;
    const struct table *t = s->t->tables[end];

    strbuf_adds(sql, "SELECT ");
    normals_row(sql, n, end);
    for (size_t i = 0; i < n->key_count; i++) {
        strbuf_adds(sql, ", ");
        strbuf_adds(sql, n->columns[n->key[i]].value[end]);
    }
    strbuf_adds(sql, " FROM ");
    sql_table(sql, t->db, t->name);
    strbuf_adds(sql, " WHERE ");
    if (end == END_SOURCE && s->t->tables[END_SOURCE]->where != NULL)
        strbuf_addf(sql, "(%s) AND ", s->t->tables[END_SOURCE]->where);
    strbuf_addc(sql, '(');
}

/*
 * Servers send a transaction to replicas before their engine shows it to others (after the sync of
 * the binlog; semi-synchronous ones only when a replica has it): what is applied here already may
 * not be seen there yet. Its rows are locked until it is, so a locking read waits for it. Only a
 * look that may prove a difference locks; it lets go at once (autocommit).
 */
static void end_select(struct strbuf *sql, const struct settling *s, unsigned end)
{
    strbuf_addc(sql, ')');
    if (s->locking && s->e->maps[end] != NULL)
        strbuf_adds(sql, " LOCK IN SHARE MODE");
}

static bool same_key(const struct row_key *k, char *const *row, const unsigned long *lengths)
{
    for (size_t i = 0; i < k->count; i++)
        if (row[i] == NULL || lengths[i] != k->lengths[i] ||
            memcmp(row[i], k->values[i], lengths[i]) != 0)
            return false;
    return true;
}

/* Gives each row of the result to its suspect, by the bytes of its key. */
static int take_rows(struct settling *s, unsigned end, struct result *r, struct err *err)
{
    int got;

    while ((got = result_next(r, err)) == 1) {
        bool mine = false;

        for (size_t i = 0; i < s->count; i++) {
            if (!is_open(s, i) || !same_key(&s->suspects[i].key, r->row + 1, r->lengths + 1))
                continue;
            s->seen[i].sides[end] = (struct side){ true, result_u64(r, 0, 0) };
            mine = true;
        }
        s->strays[end] |= !mine;
    }
    return got;
}

/* Collations may hold keys of other bytes equal; blanks at the end matter to few of them. */
static bool keys_fold(const struct settling *s)
{
    const struct normals *n = s->t->normals;

    for (size_t i = 0; i < n->key_count; i++)
        for (unsigned end = 0; end < END_MAX_; end++)
            if (n->columns[n->key[i]].ends[end]->charset != NULL)
                return true;
    return false;
}

/* Whether `end` has rows that may be those which it lacks by their bytes. */
static bool may_have_others(const struct settling *s, unsigned end)
{
    unsigned other = end == END_SOURCE ? END_SINK : END_SOURCE;

    if (s->strays[end])
        return true;
    for (size_t i = 0; i < s->count; i++)
        if (is_open(s, i) && s->seen[i].sides[end].there && !s->seen[i].sides[other].there)
            return true;
    return false;
}

static int key_of_row(struct row_key *ret, const struct result *r, size_t count, struct err *err)
{
    struct row_key k = { .count = count };

    k.values = calloc(count, sizeof(*k.values));
    k.lengths = calloc(count, sizeof(*k.lengths));
    for (size_t i = 0; k.values != NULL && k.lengths != NULL && i < count; i++) {
        k.lengths[i] = r->lengths[i + 1];
        k.values[i] = malloc(k.lengths[i] + 1);
        if (k.values[i] == NULL || r->row[i + 1] == NULL) {
            row_key_done(&k);
            return err_set(err, ERR_NOMEM, "no memory for a key");
        }
        memcpy(k.values[i], r->row[i + 1], k.lengths[i] + 1);
    }
    if (k.values == NULL || k.lengths == NULL) {
        row_key_done(&k);
        return err_set(err, ERR_NOMEM, "no memory for a key");
    }
    row_key_done(ret);
    *ret = k;
    return 0;
}

/* The row that `end` has under this key, as its collation compares: 1 with its own key and sum, 0.
 */
static int look_key(struct settling *s, unsigned end, const struct row_key *key,
                    struct row_key *ret_key, uint64_t *ret_sum, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf sql = STRBUF(SQL_MAX);
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    add_select(&sql, s, end);
    add_key(&sql, s, end, key);
    end_select(&sql, s, end);
    if (strbuf_check(&sql, err) < 0 || conn_query(s->e->conns[end], sql.data, sql.len, &r, err) < 0)
        return -1;
    got = result_next(&r, err);
    if (got <= 0)
        return got;
    *ret_sum = result_u64(&r, 0, 0);
    return key_of_row(ret_key, &r, s->t->normals->key_count, err) < 0 ? -1 : 1;
}

/*
 * A suspect that `end` does not have under the same bytes. Its row there may have another key that
 * collations hold equal ('A' and 'a'): then the two are one row that differs, told once, under the
 * source's key. They are one only if each leads to the other: where one end's collation tells the
 * keys apart, the row found may belong to another one.
 */
static int look_alone(struct settling *s, size_t i, unsigned end, struct err *err)
{
    _cleanup_(row_key_done)
    struct row_key there = { 0 }, back = { 0 };
    const struct row_key *mine = &s->suspects[i].key;
    unsigned own = end == END_SOURCE ? END_SINK : END_SOURCE;
    uint64_t sum = 0, ignored;
    int got = look_key(s, end, mine, &there, &sum, err);

    if (got <= 0)
        return got;
    if (!row_key_equal(&there, mine)) {
        got = look_key(s, own, &there, &back, &ignored, err);
        if (got < 0)
            return -1;
        if (got == 0 || !row_key_equal(&back, mine))
            return 0;
        s->seen[i].other_key = end == END_SINK;
        s->seen[i].told_elsewhere = end == END_SOURCE;
    }
    s->seen[i].sides[end] = (struct side){ true, sum };
    return 0;
}

static int read_rows(struct settling *s, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf source = STRBUF(SQL_MAX), target = STRBUF(SQL_MAX);
    struct strbuf *sql[END_MAX_] = { &source, &target };
    struct result r[END_MAX_] = { { 0 }, { 0 } };
    bool others[END_MAX_] = { false };
    int rc;

    for (unsigned end = 0; end < END_MAX_; end++) {
        bool first = true;

        add_select(sql[end], s, end);
        for (size_t i = 0; i < s->count; i++) {
            if (!is_open(s, i))
                continue;
            strbuf_adds(sql[end], first ? "" : " OR ");
            add_key(sql[end], s, end, &s->suspects[i].key);
            first = false;
        }
        end_select(sql[end], s, end);
    }
    memset(s->seen, 0, s->count * sizeof(*s->seen));
    s->strays[END_SOURCE] = s->strays[END_SINK] = false;
    rc = ends_ask(s->e, (const struct strbuf *const[]){ &source, &target }, r, err);
    for (unsigned end = 0; end < END_MAX_ && rc == 0; end++)
        rc = take_rows(s, end, &r[end], err);
    result_done(&r[END_SOURCE]);
    result_done(&r[END_SINK]);
    for (unsigned end = 0; end < END_MAX_ && keys_fold(s); end++)
        others[end] = may_have_others(s, end);
    for (unsigned end = 0; end < END_MAX_; end++)
        for (size_t i = 0; i < s->count && rc == 0 && others[end]; i++)
            if (is_open(s, i) && !s->seen[i].sides[end].there)
                rc = look_alone(s, i, end, err);
    return rc;
}

/* ---- was a change of it under way? ---- */

/*
 * The row's place in the touch map of whoever reads `end`: by that end's own key, which may have
 * its columns in another order. False: it has columns that ours lacks.
 */
static bool touch_of(const struct differing_table *d, unsigned end, const struct row_key *k,
                     uint64_t *ret)
{
    const struct normals *n = d->normals;
    const struct table *t = d->tables[end];
    const struct index *own = t->key >= 0 ? &t->indexes[t->key] : NULL;

    *ret = touch_hash_table(t->db, t->name);
    for (size_t c = 0; own != NULL && c < own->column_count; c++) {
        const struct column *column = &t->columns[own->columns[c]];
        size_t i = 0;

        while (i < n->key_count &&
               strcasecmp(n->columns[n->key[i]].ends[end]->name, column->name) != 0)
            i++;
        if (i == n->key_count)
            return false;
        *ret = touch_hash_value(*ret, column, k->values[i], k->lengths[i]);
    }
    return true;
}

bool settle_quiet(const struct ends *e, const struct differing_table *d, const struct moment *since,
                  const struct row_key *key)
{
    for (unsigned end = 0; end < END_MAX_; end++) {
        const struct table *t = d->tables[end];
        uint64_t table = touch_hash_table(t->db, t->name), row;

        if (e->maps[end] == NULL)
            continue;
        if (!touch_of(d, end, key, &row) ||
            touch_row(e->touch[end], row) > since->at[end].applied ||
            touch_related(e->touch[end], table) > since->at[end].applied ||
            touch_ddl(e->touch[end], table) > since->at[end].applied)
            return false;
    }
    return true;
}

static enum verdict verdict_of(const struct seen *v)
{
    const struct side *a = &v->sides[END_SOURCE], *b = &v->sides[END_SINK];

    if (v->told_elsewhere)
        return ROW_EQUAL;
    if (a->there && b->there)
        return a->sum == b->sum && !v->other_key ? ROW_EQUAL : ROW_VALUES;
    if (!a->there && !b->there)
        return ROW_EQUAL;
    return a->there ? ROW_SOURCE_ONLY : ROW_TARGET_ONLY;
}

static void accept_equal(struct settling *s)
{
    for (size_t i = s->from; i < s->to; i++)
        if (is_open(s, i) && verdict_of(&s->seen[i]) == ROW_EQUAL) {
            s->suspects[i].verdict = ROW_EQUAL;
            s->open--;
        }
}

static void accept_quiet(struct settling *s, const struct moment *m)
{
    for (size_t i = s->from; i < s->to; i++)
        if (is_open(s, i) && settle_quiet(s->e, s->t, m, &s->suspects[i].key)) {
            s->suspects[i].verdict = verdict_of(&s->seen[i]);
            s->open--;
        }
}

static bool window_open(const struct settling *s)
{
    for (size_t i = s->from; i < s->to; i++)
        if (is_open(s, i))
            return true;
    return false;
}

/* One look at what is open: 1; 0: the witness was not to be had, or is far behind; -1. */
static int look_once(struct settling *s, struct err *err)
{
    struct moment m;
    int there = ends_moment(s->e, &m, err);

    if (there < 0 || read_rows(s, err) < 0)
        return -1;
    accept_equal(s);
    if (!window_open(s) || there == 0 || !s->locking)
        return there;
    there = ends_read_on(s->e, &m, READ_ON_MS, err);
    if (there == 1)
        accept_quiet(s, &m);
    return there == 1 && window_open(s) && ends_busy(s->e) ? 0 : there;
}

/* All that is open; where a lock that somebody holds is in the way, row by row. As look_once(). */
static int look_at_all(struct settling *s, struct err *err)
{
    int got, all = 1;

    s->from = 0;
    s->to = s->count;
    got = look_once(s, err);
    if (got >= 0 || err->code != ERR_DB_RETRY)
        return got;
    for (size_t i = 0; i < s->count; i++) {
        s->from = i;
        s->to = i + 1;
        err_reset(err);
        if (s->suspects[i].verdict != ROW_UNDECIDED)
            continue;
        got = look_once(s, err);
        if (got < 0 && err->code != ERR_DB_RETRY)
            return -1;
        all = MIN(all, MAX(got, 0));
        if (report_stopping(s->e->w->report))
            break;
    }
    err_reset(err);
    return all;
}

int settle(struct ends *e, const struct differing_table *t, struct suspect *suspects, size_t count,
           int64_t limit_ms, struct err *err)
{
    int64_t until = clock_mono_ms() + limit_ms;
    int pause = AGAIN_FIRST_MS;
    _cleanup_(freep)
    struct seen *seen = calloc(count + 1, sizeof(*seen));
    struct settling s = {
        .e = e, .t = t, .suspects = suspects, .count = count, .seen = seen, .open = count
    };

    if (seen == NULL)
        return err_set(err, ERR_NOMEM, "no memory for rows that differ");
    for (size_t i = 0; i < count; i++)
        suspects[i].verdict = ROW_UNDECIDED;
    while (s.open > 0) {
        int got = look_at_all(&s, err);

        if (got < 0)
            return -1;
        s.locking = true;
        if (got == 0) /* waiting for incremental is not the row's fault */
            until = clock_mono_ms() + limit_ms;
        if (s.open == 0 || clock_mono_ms() >= until)
            break;
        if (report_sleep(e->w->report, pause))
            return STAGE_STOPPED;
        pause = MIN(pause * 2, (int)AGAIN_LAST_MS);
    }
    return 0;
}
