/* One row: what the target has in its place, and what is made of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <mysql.h>

#include "base/fault.h"
#include "workers/incr/change.h"
#include "workers/incr/remedy.h"
#include "workers/incr/resolve_priv.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

enum {
    ROW_TRIES = 10, /* others may change the rows between a look and the change */
    SQL_MAX = TXN_TEXT_MAX,
};

/* What was met; the lists own their rows. */
struct meeting {
    const struct target *target;
    struct met_facts facts;
    struct met_rows own, others;
    size_t same; /* others.rows[same] has the after image's identifying key; others.count: none */
};

static void meeting_done(struct meeting *m)
{
    met_rows_done(&m->own);
    met_rows_done(&m->others);
}

/* ---- statements ---- */

static int exec(struct resolver *r, const char *sql, struct err *err)
{
    return conn_exec(r->conn, sql, strlen(sql), NULL, err);
}

static int exec_buf(struct resolver *r, const struct strbuf *sql, struct err *err)
{
    if (strbuf_check(sql, err) < 0)
        return -1;
    return conn_exec(r->conn, strbuf_str(sql), sql->len, NULL, err);
}

/* What is in r->one, checked as any batch is. */
static int run(struct resolver *r, struct err *err)
{
    if (bundle_add(r->bundle, r->one, 0, r->one->stmt_count, err) < 0 ||
        bundle_flush(r->bundle, err) < 0) {
        if (!conn_lost(err))
            bundle_forget(r->bundle);
        return -1;
    }
    return 0;
}

static struct txn *blank(struct resolver *r)
{
    txn_forget(r->one);
    return r->one;
}

static int run_change(struct resolver *r, const struct row_case *rc, struct err *err)
{
    const struct image *im = rc->image;

    return change_row(&r->o.writer, blank(r), im->plan, &im->mode, rc->before, rc->after, err) < 0
               ? -1
               : run(r, err);
}

/* Every column, whatever the row holds; `key` has its key. */
static int run_update(struct resolver *r, const struct row_case *rc, const struct value *key,
                      struct err *err)
{
    struct row_mode m = rc->image->mode;

    m.row_check = false;
    m.whole_row = true;
    return sqlwrite_update(&r->o.writer, blank(r), rc->image->plan, &m, key, rc->after, err) < 0
               ? -1
               : run(r, err);
}

static int run_insert(struct resolver *r, const struct row_case *rc, struct err *err)
{
    struct row_mode m = rc->image->mode;

    m.row_check = false;
    return sqlwrite_insert(&r->o.writer, blank(r), rc->image->plan, &m, rc->after, err) < 0
               ? -1
               : run(r, err);
}

static int run_delete(struct resolver *r, const struct table_plan *p, const struct row_mode *like,
                      const struct value *row, bool fk_checks, struct err *err)
{
    struct row_mode m = { .fk_checks = fk_checks, .pos = like->pos };

    return sqlwrite_delete(&r->o.writer, blank(r), p, &m, row, err) < 0 ? -1 : run(r, err);
}

/* ---- what is there ---- */

static int exact(const struct resolver *r, const struct row_case *rc, const struct value *row,
                 struct strbuf *b, struct err *err)
{
    strbuf_addc(b, '(');
    if (sqlwrite_exact(&r->o.writer, b, rc->image->plan, row, err) < 0)
        return -1;
    strbuf_addc(b, ')');
    return 0;
}

/* The row with the before image's key. */
static int look_own(struct resolver *r, const struct row_case *rc, struct meeting *m,
                    struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf where = STRBUF(SQL_MAX), checks = STRBUF(SQL_MAX);

    if (sqlwrite_key(&where, rc->image->plan, rc->before, err) < 0 ||
        exact(r, rc, rc->before, &checks, err) < 0)
        return -1;
    strbuf_adds(&checks, ", ");
    if (rc->after == NULL)
        strbuf_addc(&checks, '0');
    else if (exact(r, rc, rc->after, &checks, err) < 0)
        return -1;
    if (strbuf_check(&where, err) < 0 || strbuf_check(&checks, err) < 0 ||
        target_read(r->conn, m->target, strbuf_str(&where), strbuf_str(&checks), &m->own, err) < 0)
        return -1;
    m->facts.there = m->own.count > 0;
    m->facts.as_before = m->facts.there && m->own.rows[0].checks[0];
    m->facts.as_after = m->facts.there && m->own.rows[0].checks[1];
    return 0;
}

static const struct index *target_key(const struct target *t)
{
    return &t->plan->t->indexes[t->plan->t->key];
}

/* "`a`=(@cw0:=`a`)" or "`a`<=>@cw0", for each column of the target's key. */
static void key_variables(struct strbuf *b, const struct target *t, bool where)
{
    const struct index *key = target_key(t);

    for (size_t i = 0; i < key->column_count; i++) {
        const char *name = t->plan->t->columns[key->columns[i]].name;
        strbuf_adds(b, i == 0 ? "" : where ? " AND " : ", ");
        sql_name(b, name);
        if (where) {
            strbuf_addf(b, "=@cw%zu", i);
        } else {
            strbuf_addf(b, "=(@cw%zu:=", i);
            sql_name(b, name);
            strbuf_addc(b, ')');
        }
    }
}

static int clear_variables(struct resolver *r, const struct target *t, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(SQL_MAX);

    strbuf_adds(&b, "SET ");
    for (size_t i = 0; i < target_key(t)->column_count; i++)
        strbuf_addf(&b, "%s@cw%zu=NULL", i > 0 ? ", " : "", i);
    return exec_buf(r, &b, err);
}

/* "INSERT … ON DUPLICATE KEY UPDATE" that changes nothing and notes which row it met. */
static int probe_sql(struct resolver *r, const struct row_case *rc, const struct target *t,
                     struct strbuf *b, struct err *err)
{
    struct row_mode m = { .pos = rc->image->mode.pos };
    struct txn *one = blank(r);

    if (sqlwrite_insert(&r->o.writer, one, rc->image->plan, &m, rc->after, err) < 0)
        return -1;
    if (one->stmts[0].enum_zeros > 0 && mariadb_connection(conn_raw(r->conn)))
        strbuf_adds(b, CONN_NOT_STRICT);
    strbuf_add(b, one->text.data, one->text.len);
    strbuf_adds(b, " ON DUPLICATE KEY UPDATE ");
    key_variables(b, t, false);
    return strbuf_check(b, err);
}

static int probe_checks(struct resolver *r, const struct row_case *rc, struct strbuf *b,
                        struct err *err)
{
    if (exact(r, rc, rc->after, b, err) < 0)
        return -1;
    strbuf_adds(b, ", (");
    if (sqlwrite_key(b, rc->image->plan, rc->after, err) < 0)
        return -1;
    strbuf_addc(b, ')');
    return strbuf_check(b, err);
}

/*
 * Every other row that has a unique key of the after image. The server itself tells: an index may
 * be over expressions, prefixes or generated columns. What is tried is taken back; the rows that
 * were met stay locked.
 */
static int probe(struct resolver *r, const struct row_case *rc, struct meeting *m, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf insert = STRBUF(SQL_MAX), checks = STRBUF(SQL_MAX), where = STRBUF(SQL_MAX),
                  gone = STRBUF(SQL_MAX);
    const struct table *t = m->target->plan->t;

    if (probe_sql(r, rc, m->target, &insert, err) < 0 || probe_checks(r, rc, &checks, err) < 0)
        return -1;
    key_variables(&where, m->target, true);
    strbuf_adds(&gone, "DELETE FROM ");
    sql_table(&gone, t->db, t->name);
    strbuf_addf(&gone, " WHERE %s", strbuf_str(&where));
    for (size_t i = 0; i <= t->index_count; i++) {
        size_t had = m->others.count;
        if (clear_variables(r, m->target, err) < 0 || exec_buf(r, &insert, err) < 0 ||
            target_read(r->conn, m->target, strbuf_str(&where), strbuf_str(&checks), &m->others,
                        err) < 0)
            return -1;
        if (m->others.count == had)
            return 0;
        if (exec_buf(r, &gone, err) < 0)
            return -1;
    }
    return 0;
}

static int look_others(struct resolver *r, const struct row_case *rc, struct meeting *m,
                       struct err *err)
{
    if (bundle_text(r->bundle, "SET foreign_key_checks=0", err) < 0 ||
        bundle_flush(r->bundle, err) < 0 || exec(r, "SAVEPOINT cw_probe", err) < 0)
        return -1;
    bundle_forget(r->bundle);
    if (m->facts.there &&
        run_delete(r, rc->image->plan, &rc->image->mode, rc->before, false, err) < 0)
        return -1;
    if (probe(r, rc, m, err) < 0 || exec(r, "ROLLBACK TO SAVEPOINT cw_probe", err) < 0)
        return -1;
    m->facts.others = m->others.count;
    m->same = m->others.count;
    for (size_t i = 0; i < m->others.count; i++) {
        m->facts.other_as_after |= m->others.rows[i].checks[0];
        if (m->others.rows[i].checks[1])
            m->same = i;
    }
    return 0;
}

static int look(struct resolver *r, const struct row_case *rc, struct meeting *m, struct err *err)
{
    const struct table_plan *p = rc->image->plan;

    m->facts.change = rc->before == NULL  ? CHANGE_INSERT
                      : rc->after == NULL ? CHANGE_DELETE
                                          : CHANGE_UPDATE;
    m->facts.row_check = rc->image->mode.row_check;
    if (p->keyless)
        return 0; /* the statement has looked for the row by all it holds */
    if (rc->before != NULL && look_own(r, rc, m, err) < 0)
        return -1;
    return rc->after != NULL ? look_others(r, rc, m, err) : 0;
}

/* ---- what is done ---- */

/* The other rows go, the row becomes the after image. */
static int write_after(struct resolver *r, const struct row_case *rc, const struct meeting *m,
                       struct err *err)
{
    bool in_place = m->facts.there || m->same < m->others.count;

    for (size_t i = 0; i < m->others.count; i++) {
        if (!m->facts.there && i == m->same)
            continue;
        if (run_delete(r, m->target->plan, &rc->image->mode, m->others.rows[i].values, false, err) <
            0)
            return -1;
    }
    if (!in_place)
        return run_insert(r, rc, err);
    return run_update(r, rc, m->facts.there ? rc->before : rc->after, err);
}

static int act(struct resolver *r, const struct row_case *rc, const struct meeting *m,
               enum row_act what, struct err *err)
{
    FAULT("incr.resolve.before_act");
    switch (what) {
    case ACT_NOTHING:
        return 0;
    case ACT_PLAIN:
        return run_change(r, rc, err);
    case ACT_FAIL:
        return -1;
    case ACT_WRITE:
        return write_after(r, rc, m, err);
    case ACT_DELETE:
        return run_delete(r, rc->image->plan, &rc->image->mode, rc->before,
                          rc->image->mode.fk_checks, err);
    }
    return err_set(err, ERR_INTERNAL, "a decision of no kind");
}

static int stop_here(struct resolver *r, const struct conflict *c, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf key = STRBUF(64 * 1024);

    if (resolve_record(r, c, err) < 0)
        return -1;
    conflict_key_text(c, &key);
    (void)err_set(err, ERR_CONFLICT, "%s at %s.%s (%.300s), source position %s:%" PRIu64,
                  conflict_kind_name(c->kind), c->plan->t->mapped_db, c->plan->t->mapped_name,
                  strbuf_str(&key), c->txn->start.file, c->pos);
    return err_advise(err,
                      "ListConflictRecords shows both ends' rows. Correct the target's, or set "
                      "incrTransferConfig.conflictStrategy to IGNORE or OVERWRITE; then "
                      "resume.");
}

/* Whatever did not find exactly what it was made from may leave the ends different. */
static int note(struct resolver *r, const struct row_case *rc, const struct meeting *m,
                struct err *err)
{
    if (!r->o.two_way || r->o.strategy == STRATEGY_FAIL || rc->image->plan->keyless ||
        m->target->plan->t->key < 0)
        return 0;
    if (rc->before != NULL &&
        remedy_of_image(r, m->target, rc->image->plan, rc->before, "", err) < 0)
        return -1;
    if (rc->after != NULL && remedy_of_image(r, m->target, rc->image->plan, rc->after, "", err) < 0)
        return -1;
    for (size_t i = 0; i < m->others.count; i++) {
        if (remedy_of_row(r, m->target, m->others.rows[i].values, "", err) < 0)
            return -1;
    }
    return 0;
}

static int settle(struct resolver *r, const struct row_case *rc, const struct target *target,
                  struct err *err)
{
    _cleanup_(meeting_done)
    struct meeting m = { .target = target };
    struct judgement j;
    struct conflict c = {
        .txn = rc->txn,
        .n = r->n,
        .pos = rc->image->mode.pos,
        .strategy = r->o.strategy,
        .plan = rc->image->plan,
        .before = rc->before,
        .after = rc->after,
        .target = target,
        .own = &m.own,
        .others = &m.others,
    };

    if (look(r, rc, &m, err) < 0)
        return -1;
    j = conflict_judge(&m.facts, r->o.strategy);
    c.kind = j.kind;
    if (j.act == ACT_FAIL)
        return stop_here(r, &c, err);
    if (act(r, rc, &m, j.act, err) < 0)
        return -1;
    if (j.kind == CONFLICT_NONE && j.act == ACT_PLAIN)
        return 0;
    if (note(r, rc, &m, err) < 0)
        return -1;
    if (j.kind == CONFLICT_NONE)
        return 0;
    r->counts[j.kind]++;
    return resolve_record(r, &c, err);
}

/* A statement of the conflict's kind that failed, of a row that can be looked at. */
static bool can_settle(const struct row_case *rc, const struct target *t)
{
    bool insert = rc->before == NULL;

    return t->rolls_back && !rc->image->mode.safe &&
           (rc->image->plan->keyless ? !insert : t->plan->t->key >= 0);
}

static int settle_tries(struct resolver *r, const struct row_case *rc, struct err *err)
{
    struct err first = *err;
    const struct target *target = NULL;

    for (int i = 0; i < ROW_TRIES; i++) {
        err_reset(err);
        if (targets_get(r->targets, rc->image->plan->t->mapped_db, rc->image->plan->t->mapped_name,
                        &target, err) < 0)
            return -1;
        if (!can_settle(rc, target))
            break;
        if (exec(r, "SAVEPOINT cw_row", err) < 0)
            return -1;
        if (settle(r, rc, target, err) == 0)
            return 0;
        if (r->failed_doc != NULL || !resolve_wanted(err))
            return -1;
        if (exec(r, "ROLLBACK TO SAVEPOINT cw_row", err) < 0)
            return -1;
    }
    *err = first;
    return -1;
}

int resolve_row(struct resolver *r, const struct row_case *rc, struct err *err)
{
    if (run_change(r, rc, err) == 0)
        return 0;
    return resolve_wanted(err) ? settle_tries(r, rc, err) : -1;
}

/* ---- what the other direction asks for ---- */

/* The row becomes as it is at the other end; `before` has its key. */
static int make_equal(struct resolver *r, const struct row_case *rc, struct meeting *m,
                      struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf where = STRBUF(SQL_MAX), checks = STRBUF(SQL_MAX);

    if (sqlwrite_key(&where, rc->image->plan, rc->before, err) < 0 ||
        (rc->after != NULL && exact(r, rc, rc->after, &checks, err) < 0) ||
        strbuf_check(&where, err) < 0 || strbuf_check(&checks, err) < 0 ||
        target_read(r->conn, m->target, strbuf_str(&where), strbuf_str(&checks), &m->own, err) < 0)
        return -1;
    m->facts.there = m->own.count > 0;
    if (rc->after == NULL)
        return m->facts.there
                   ? run_delete(r, rc->image->plan, &rc->image->mode, rc->before, false, err)
                   : 0;
    if (m->facts.there && m->own.rows[0].checks[0])
        return 0;
    return look_others(r, rc, m, err) < 0 ? -1 : write_after(r, rc, m, err);
}

static int apply_state(struct resolver *r, const struct row_case *rc, const struct target *target,
                       const char *id, struct err *err)
{
    _cleanup_(meeting_done)
    struct meeting m = { .target = target };

    if (exec(r, "SAVEPOINT cw_row", err) < 0)
        return -1;
    FAULT("incr.resolve.before_act");
    if (make_equal(r, rc, &m, err) < 0)
        return -1;
    for (size_t i = 0; i < m.others.count; i++) {
        if (remedy_of_row(r, target, m.others.rows[i].values, "", err) < 0)
            return -1;
    }
    return remedy_of_image(r, target, rc->image->plan, rc->before, id, err);
}

static int apply_state_tries(struct resolver *r, const struct txn *t, const struct remedy_ask *a,
                             const struct target *target, struct err *err)
{
    struct image im = { .plan = (struct table_plan *)(uintptr_t)a->plan };
    struct row_case rc = { t, &im, a->key, a->row };

    /* made before a column came that is carried now: the answer to the note will have it */
    if (!a->whole)
        return remedy_of_image(r, target, a->plan, a->key, "", err);
    for (int i = 1;; i++) {
        if (apply_state(r, &rc, target, a->id, err) == 0)
            return 0;
        if (!resolve_wanted(err) || i >= ROW_TRIES)
            return -1;
        err_reset(err);
        if (exec(r, "ROLLBACK TO SAVEPOINT cw_row", err) < 0)
            return -1;
    }
}

int resolve_ask(struct resolver *r, const struct txn *t, const struct remedy_ask *a,
                struct err *err)
{
    const struct target *target = NULL;
    bool overwrites = r->o.strategy == STRATEGY_OVERWRITE;

    /* who overwrites notes and is told states; the other one is told notes and writes states */
    if (overwrites != (a->kind == REMEDY_STATE))
        return 0;
    if (targets_get(r->targets, a->plan->t->mapped_db, a->plan->t->mapped_name, &target, err) < 0)
        return -1;
    if (target->plan->t->key < 0 || !target->rolls_back)
        return 0;
    if (!overwrites)
        return remedy_of_image(r, target, a->plan, a->key, a->id, err);
    return apply_state_tries(r, t, a, target, err);
}
