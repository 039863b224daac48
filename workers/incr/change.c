#include "workers/incr/change.h"

#include <inttypes.h>
#include <strings.h>

#include "base/json.h"
#include "workers/incr/keys.h"

#include "base/banned.h"

void changer_kinds(struct changer *c, struct json_object *white_list)
{
    static const struct {
        const char *word;
        enum rows_kind kind;
    } words[] = { { "INSERT", ROWS_INSERT }, { "UPDATE", ROWS_UPDATE }, { "DELETE", ROWS_DELETE } };
    bool all = true;

    for (size_t i = 0; i < ARRAY_SIZE(c->carry); i++)
        c->carry[i] = false;
    for (size_t i = 0; i < json_len(white_list); i++) {
        const char *have = json_at_str(white_list, i);
        for (size_t k = 0; have != NULL && k < ARRAY_SIZE(words); k++) {
            if (strcasecmp(have, words[k].word) == 0)
                c->carry[words[k].kind] = true;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(c->carry); i++)
        all = all && !c->carry[i];
    for (size_t i = 0; i < ARRAY_SIZE(c->carry); i++)
        c->carry[i] |= all;
    c->loose = !(c->carry[ROWS_INSERT] && c->carry[ROWS_UPDATE] && c->carry[ROWS_DELETE]);
}

/* One row whose images (NULL: none) both concern the target. */
static int write_row(struct changer *c, struct txn *t, struct table_plan *p,
                     const struct row_mode *m, const struct value *before,
                     const struct value *after, struct err *err)
{
    if ((before != NULL && keys_add(t, p, before, err) < 0) ||
        (after != NULL && keys_add(t, p, after, err) < 0))
        return -1;
    if (before == NULL) {
        p->inserts++;
        return sqlwrite_insert(&c->writer, t, p, m, after, err);
    }
    if (after == NULL) {
        p->deletes++;
        return sqlwrite_delete(&c->writer, t, p, m, before, err);
    }
    p->updates++;
    return sqlwrite_update(&c->writer, t, p, m, before, after, err);
}

static struct row_mode mode_of(const struct changer *c, const struct group_row_event *ev,
                               struct rows_flags flags)
{
    return (struct row_mode){
        .safe = c->has_safe_end && !ev->plan->keyless && binlog_pos_cmp(&ev->pos, &c->safe_end) < 0,
        .loose = c->loose,
        .fk_checks = c->writer.cascades && !flags.no_foreign_key_checks,
        .pos = ev->pos.offset,
    };
}

static int change_rows(struct changer *c, struct txn *t, const struct group_row_event *ev,
                       const uint8_t *verdicts, size_t verdict_count, struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    struct row_mode mode;
    size_t n = 0;
    int got;

    if (rows_open(ev->format, ev->event, ev->map, ev->plan->t, &rows, err) < 0)
        return -1;
    mode = mode_of(c, ev, rows_flags(rows));
    for (; (got = rows_next(rows, &before, &after, err)) == 1; n++) {
        enum rows_kind kind = rows_kind(rows);
        uint8_t verdict = verdicts == NULL    ? FILTER_BEFORE | FILTER_AFTER
                          : n < verdict_count ? verdicts[n]
                                              : 0;

        if (!c->carry[kind]) {
            c->dropped++;
            continue;
        }
        if (kind == ROWS_INSERT || (verdict & FILTER_BEFORE) == 0)
            before = NULL;
        if (kind == ROWS_DELETE || (verdict & FILTER_AFTER) == 0)
            after = NULL;
        if (before == NULL && after == NULL)
            c->filtered++;
        else if (write_row(c, t, ev->plan, &mode, before, after, err) < 0)
            return -1;
    }
    return got;
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
