#include "workers/incr/mark.h"

#include <string.h>
#include <strings.h>

#include "base/banned.h"

enum { LANE_TASK = 0, LANE_ORIGIN = 6 };

static const char *const names[] = {
    [MARK_LANE] = "cw_lane",     [MARK_MASK] = "cw_mask",   [MARK_CANARY] = "cw_canary",
    [MARK_REMEDY] = "cw_remedy", [MARK_OTHER] = "cw_other",
};

enum mark_table mark_table(const char *schema, const struct table_map *m)
{
    /* A server may fold names, and no other database may be named so like ours. */
    if (schema == NULL || strcasecmp(m->db, schema) != 0)
        return MARK_NONE;
    for (unsigned t = MARK_LANE; t < MARK_OTHER; t++)
        if (strcasecmp(m->table, names[t]) == 0)
            return (enum mark_table)t;
    return MARK_OTHER;
}

static bool text_of(const struct value *v, char *ret, size_t size)
{
    if ((v->kind != V_BYTES && v->kind != V_TEXT) || v->len >= size ||
        memchr(v->bytes, '\0', v->len) != NULL)
        return false;
    memcpy(ret, v->bytes, v->len);
    ret[v->len] = '\0';
    return true;
}

/* 1: an UPDATE's row was read, 0: it is none. */
static int lane_origin(struct rows *rows, const struct table_map *map, struct group_info *info,
                       struct err *err)
{
    const struct value *before, *after;
    int got;

    if (rows_kind(rows) != ROWS_UPDATE)
        return 0;
    got = rows_next(rows, &before, &after, err);
    if (got <= 0)
        return got;
    if (map->column_count <= LANE_ORIGIN || after[LANE_ORIGIN].kind == V_ABSENT ||
        before[LANE_TASK].kind == V_ABSENT)
        return err_set(err, ERR_BINLOG_ROW_IMAGE,
                       "a transaction's mark (%s.%s) was logged without all its columns", map->db,
                       map->table);
    if (!text_of(&after[LANE_ORIGIN], info->path, sizeof(info->path)) ||
        !text_of(&before[LANE_TASK], info->mark_task, sizeof(info->mark_task)))
        return err_set(err, ERR_BINLOG_MALFORMED, "a transaction's mark (%s.%s) can't be read",
                       map->db, map->table);
    return 1;
}

int mark_origin(const struct group_row_event *e, enum mark_table t, struct group_info *info,
                struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    int got;

    if (t == MARK_MASK)
        info->origin = ORIGIN_MASKED;
    if (t != MARK_LANE)
        return 0;
    if (rows_open(e->format, e->event, e->map, NULL, &rows, err) < 0)
        return -1;
    got = lane_origin(rows, e->map, info, err);
    if (got == 1)
        info->origin = ORIGIN_MARKED;
    return got < 0 ? -1 : 0;
}

int mark_rows(const struct group_row_event *e, enum mark_table t, const struct group_info *info,
              int (*fn)(void *ctx, const struct group_control *c, struct err *err), void *ctx,
              struct err *err)
{
    _cleanup_(rows_closep)
    struct rows *rows = NULL;
    const struct value *before, *after;
    struct group_control c = { .table = names[t], .info = info, .pos = e->pos };
    int got;

    if (rows_open(e->format, e->event, e->map, NULL, &rows, err) < 0)
        return -1;
    c.kind = rows_kind(rows);
    c.count = e->map->column_count;
    while ((got = rows_next(rows, &before, &after, err)) == 1) {
        c.values = c.kind == ROWS_DELETE ? before : after;
        if (fn(ctx, &c, err) < 0)
            return -1;
    }
    return got;
}

bool mark_text(const struct group_control *c, size_t at, char *ret, size_t size)
{
    return at < c->count && text_of(&c->values[at], ret, size);
}

bool mark_number(const struct group_control *c, size_t at, uint64_t *ret)
{
    const struct value *v = at < c->count ? &c->values[at] : NULL;

    if (v == NULL || (v->kind != V_INT && v->kind != V_UINT))
        return false;
    *ret = v->kind == V_INT ? (uint64_t)v->i : v->u;
    return true;
}
