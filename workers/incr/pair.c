#include "workers/incr/pair.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "workers/incr/canary.h"
#include "workers/incr/mark.h"

#include "base/banned.h"

struct pair {
    struct worker *w;
    bool two_way;
    struct node_id source, target;
    struct map *paths;      /* text -> its copy */
    const char *local_path; /* of them */
    struct canary *canary;  /* NULL: one way, or not yet begun */
    uint64_t dropped, masked, passed_on;
};

int pair_new(struct worker *w, struct pair **ret, struct err *err)
{
    _cleanup_(pair_freep)
    struct pair *p = calloc(1, sizeof(*p));

    if (p == NULL || (p->paths = map_new()) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the paths of transactions");
    p->w = w;
    p->two_way = w->task->two_way;
    *ret = take_ptr(p);
    return 0;
}

void pair_free(struct pair *p)
{
    size_t at = 0;
    const char *key;
    void *value;

    if (p == NULL)
        return;
    canary_free(p->canary);
    while (p->paths != NULL && map_next(p->paths, &at, &key, &value))
        free(value);
    map_free(p->paths);
    free(p);
}

const struct node_id *pair_source(const struct pair *p)
{
    return &p->source;
}

const char *pair_local_path(const struct pair *p)
{
    return p->local_path;
}

/* The one copy of this path. */
static int intern(struct pair *p, const char *path, const char **ret, struct err *err)
{
    char *copy = map_get(p->paths, path);

    if (copy == NULL) {
        copy = strdup(path);
        if (copy == NULL || map_set(p->paths, path, copy) < 0) {
            free(copy);
            return err_set(err, ERR_NOMEM, "no memory for the path of a transaction");
        }
    }
    *ret = copy;
    return 0;
}

int pair_ask_source(struct pair *p, struct conn *c, struct err *err)
{
    const char *schema = p->w->task->control_schema;

    if (p->two_way && control_ensure(c, schema, err) < 0)
        return err_wrap(err, "source");
    if (control_node_ask(c, schema, &p->source, err) < 0)
        return -1;
    return intern(p, control_node_name(&p->source), &p->local_path, err);
}

int pair_ask_target(struct pair *p, struct conn *c, struct err *err)
{
    if (control_node_ask(c, p->w->task->control_schema, &p->target, err) < 0)
        return -1;
    if (!p->two_way)
        return 0;
    if (strcmp(p->source.node, p->target.node) == 0 ||
        strcmp(p->source.plain, p->target.plain) == 0)
        return err_set(err, ERR_PAIR,
                       "source and target are one node (%s, %s): one server, a replica of the "
                       "other, or restored from its backup",
                       p->source.node, p->source.plain);
    if (p->canary != NULL)
        return 0;
    return canary_new(p->w, p->target.node, &p->canary, err);
}

/* ---- where a transaction has been ---- */

static bool is_target(const struct pair *p, const char *path)
{
    return control_path_has(path, p->target.node) || control_path_has(path, p->target.plain);
}

static bool is_source(const struct pair *p, const char *path)
{
    return control_path_has(path, p->source.node) || control_path_has(path, p->source.plain);
}

static int went_round(const struct pair *p, const struct group_info *g, struct err *err)
{
    return err_set(err, ERR_LOOP,
                   "a transaction that was written at the source before was applied there again "
                   "by %s: %s:%" PRIu64 ", path %s, source %s",
                   g->mark_task, g->start.file, g->start.offset, g->path,
                   control_node_name(&p->source));
}

int pair_origin(struct pair *p, const struct group_info *g, const char **ret_path, struct err *err)
{
    char path[CONTROL_PATH_MAX];

    switch (g->origin) {
    case ORIGIN_LOCAL:
        *ret_path = p->local_path;
        return 1;
    case ORIGIN_MASKED:
        p->masked++;
        return 0;
    case ORIGIN_MARKED:
        break;
    }
    if (is_target(p, g->path)) {
        p->dropped++;
        return 0;
    }
    if (is_source(p, g->path))
        return went_round(p, g, err);
    if (!control_path_join(g->path, control_node_name(&p->source), path))
        return err_set(err, ERR_LOOP, "%s:%" PRIu64 ": a path is too long: %s", g->start.file,
                       g->start.offset, g->path);
    p->passed_on++;
    return intern(p, path, ret_path, err) < 0 ? -1 : 1;
}

/* ---- the canary ---- */

int pair_control(struct pair *p, const struct group_control *c, struct err *err)
{
    char task[MARK_TASK_MAX];
    uint64_t n;

    if (p->canary == NULL || strcmp(c->table, "cw_canary") != 0 || c->kind == ROWS_DELETE)
        return 0;
    if (!mark_text(c, 0, task, sizeof(task)) || !mark_number(c, 1, &n))
        return 0;
    if (strcmp(task, canary_task(p->canary)) != 0)
        return 0;
    if (c->info->origin != ORIGIN_MARKED || !is_target(p, c->info->path))
        return err_set(err, ERR_LOOP,
                       "%s:%" PRIu64 ": the probe of the loop breaker (%s, number %" PRIu64
                       ") came by without its mark",
                       c->pos.file, c->pos.offset, task, n);
    canary_seen(p->canary, n);
    return 0;
}

int pair_passed(struct pair *p, const struct binlog_pos *pos, const char *source_uuid,
                struct err *err)
{
    return p->canary != NULL ? canary_passed(p->canary, pos, source_uuid, err) : 0;
}

void pair_add_info(struct pair *p, struct json_object *info)
{
    struct json_object *o;

    if (p->dropped + p->masked + p->passed_on > 0 || p->two_way) {
        (void)json_add_u64(info, "ownTransactions", p->dropped);
        (void)json_add_u64(info, "maskedTransactions", p->masked);
        (void)json_add_u64(info, "passedOnTransactions", p->passed_on);
    }
    if (p->canary == NULL)
        return;
    o = canary_info(p->canary);
    if (o != NULL)
        (void)json_add(info, "canary", o);
}
