#include "workers/incr/change.h"

#include <inttypes.h>

#include "workers/incr/image.h"
#include "workers/incr/keys.h"

#include "base/banned.h"

int change_row(const struct sqlwriter *w, struct txn *t, const struct table_plan *p,
               const struct row_mode *m, const struct value *before, const struct value *after,
               struct err *err)
{
    if (before == NULL)
        return sqlwrite_insert(w, t, p, m, after, err);
    if (after == NULL)
        return sqlwrite_delete(w, t, p, m, before, err);
    return sqlwrite_update(w, t, p, m, before, after, err);
}

/* One row whose images (NULL: none) both concern the target. */
static int write_row(struct changer *c, struct txn *t, struct table_plan *p,
                     const struct row_mode *m, const struct value *before,
                     const struct value *after, struct err *err)
{
    if ((before != NULL && keys_add(t, p, before, err) < 0) ||
        (after != NULL && keys_add(t, p, after, err) < 0))
        return -1;
    p->inserts += before == NULL;
    p->deletes += after == NULL;
    p->updates += before != NULL && after != NULL;
    return change_row(&c->writer, t, p, m, before, after, err);
}

struct writing {
    struct changer *c;
    struct txn *t;
    const struct image *im;
};

static int on_row(void *ctx, const struct image_row *row, struct err *err)
{
    struct writing *w = ctx;

    if (w->c->witness != NULL) {
        witness_row(w->c->witness, w->im->plan, w->t->seq, row->was, row->is);
        witness_changed(w->c->witness, w->im->plan, w->t->seq, row->before, row->after);
    }
    if (row->dropped) {
        w->c->dropped++;
        return 0;
    }
    if (row->before == NULL && row->after == NULL) {
        w->c->filtered++;
        return 0;
    }
    return write_row(w->c, w->t, w->im->plan, &w->im->mode, row->before, row->after, err);
}

static int mode_of(const struct changer *c, const struct group_row_event *ev, struct row_mode *ret,
                   struct err *err)
{
    struct rows_flags flags;
    bool safe = c->has_safe_end && !ev->plan->keyless && binlog_pos_cmp(&ev->pos, &c->safe_end) < 0;

    if (rows_table_id(ev->format, ev->event, &flags) == UINT64_MAX)
        return err_set(err, ERR_BINLOG_MALFORMED, "a row event that ends too early");
    *ret = (struct row_mode){
        .safe = safe,
        .loose = ev->plan->loose,
        .row_check = c->row_check && !safe && !ev->plan->loose,
        .fk_checks = c->writer.cascades && !flags.no_foreign_key_checks,
        .pos = ev->pos.offset,
    };
    return 0;
}

static int change_rows(struct changer *c, struct txn *t, const struct group_row_event *ev,
                       const uint8_t *verdicts, size_t verdict_count, struct err *err)
{
    struct image im = {
        .event = *ev->event,
        .format = ev->format,
        .map = ev->map,
        .plan = ev->plan,
        .carry = { ev->plan->carry[0], ev->plan->carry[1], ev->plan->carry[2] },
        .verdicts = verdicts,
        .verdict_count = verdict_count,
        .first_stmt = t->stmt_count,
    };
    struct writing w = { c, t, &im };

    if (mode_of(c, ev, &im.mode, err) < 0 || txn_keep(t, &im, err) < 0)
        return -1;
    return image_rows(&im, on_row, &w, err);
}

int change_event(struct changer *c, struct txn *t, const struct group_row_event *ev,
                 struct err *err)
{
    const uint8_t *verdicts = NULL;
    size_t count = 0;

    if ((ev->plan->filtered && filter_event(c->filter, ev, &verdicts, &count, err) < 0) ||
        change_rows(c, t, ev, verdicts, count, err) < 0)
        return err_wrap(err, "%s.%s at %s:%" PRIu64, ev->plan->t->db, ev->plan->t->name,
                        ev->pos.file, ev->pos.offset);
    return 0;
}
