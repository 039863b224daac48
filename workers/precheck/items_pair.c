/* Items about two directions over one pair of ends: who they are, what else applies there, keys. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "workers/mysql/control.h"
#include "workers/mysql/control_sql.h"
#include "workers/precheck/precheck_priv.h"

#include "base/banned.h"

/* ---- who applies where ---- */

static int ask_nodes(struct precheck *p, struct node_id ret[static END_MAX_], struct err *err)
{
    for (unsigned e = 0; e < END_MAX_; e++)
        if (control_node_ask(p->ends[e].conn, p->w->task->control_schema, &ret[e], err) < 0)
            return -1;
    return 0;
}

static bool same_node(const struct node_id *a, const struct node_id *b)
{
    return strcmp(a->plain, b->plain) == 0 || (a->node[0] != '\0' && strcmp(a->node, b->node) == 0);
}

/* Of a task that is this project's or its pair's. */
static bool our_task(const struct task *t, const char *task)
{
    const char *const ids[] = { t->project_id, t->peer_id, t->forward_id };

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        size_t len = strlen(ids[i]);

        if (len > 0 && strncmp(task, ids[i], len) == 0 && task[len] == '/')
            return true;
    }
    return false;
}

/* Nodes that tasks of others bring to this end; a schema that is not there has none. */
static int feeders(struct precheck *p, enum end e, struct map *nodes, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(p->ends[e].conn, p->w->task->control_schema, &r, err,
                    "SELECT task, source_node FROM @cw_link") < 0) {
        if (err->code != ERR_TABLE_NOT_FOUND && err->code != ERR_DB_PRIVILEGE)
            return -1;
        err_reset(err);
        return 0;
    }
    while ((got = result_next(&r, err)) == 1) {
        if (our_task(p->w->task, result_str(&r, 0, "")))
            continue;
        if (map_set(nodes, result_str(&r, 1, ""), p) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return got;
}

/* Whether `other` is on the path, but not as its last node: that is a project beside this one. */
static bool came_round(const char *path, const struct node_id *other)
{
    char before[CONTROL_PATH_MAX];
    const char *last = strrchr(path, ',');

    if (last == NULL || (size_t)(last - path) >= sizeof(before))
        return false;
    memcpy(before, path, (size_t)(last - path));
    before[last - path] = '\0';
    return control_path_has(before, other->node) || control_path_has(before, other->plain);
}

/* Paths of the last transactions that tasks of others have applied at this end. */
static int passes_through(struct precheck *p, enum end e, const struct node_id *other,
                          struct name_list *found, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (control_ask(p->ends[e].conn, p->w->task->control_schema, &r, err,
                    "SELECT DISTINCT task, origin FROM @cw_lane WHERE origin <> ''"
                    " AND task LIKE %q",
                    "%/incr") < 0) {
        if (err->code != ERR_TABLE_NOT_FOUND && err->code != ERR_DB_PRIVILEGE)
            return -1;
        err_reset(err);
        return 0;
    }
    while ((got = result_next(&r, err)) == 1) {
        const char *task = result_str(&r, 0, ""), *path = result_str(&r, 1, "");

        if (!our_task(p->w->task, task) && came_round(path, other))
            names_add(found, "%s (path %s)", task, path);
    }
    return got;
}

static int both_ways(struct precheck *p, const struct node_id n[static END_MAX_], struct verdict *v,
                     struct err *err)
{
    _cleanup_(map_freep)
    struct map *to_source = map_new();
    _cleanup_(map_freep)
    struct map *to_sink = map_new();
    struct name_list found = NAME_LIST;
    const char *node;
    void *value;
    size_t at = 0;
    int rc = -1;

    if (to_source == NULL || to_sink == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (feeders(p, END_SOURCE, to_source, err) == 0 && feeders(p, END_SINK, to_sink, err) == 0 &&
        passes_through(p, END_SINK, &n[END_SOURCE], &found, err) == 0 &&
        passes_through(p, END_SOURCE, &n[END_SINK], &found, err) == 0)
        rc = 0;
    while (rc == 0 && map_next(to_sink, &at, &node, &value))
        if (map_get(to_source, node) != NULL)
            names_add(&found, "node %s", node);
    if (rc == 0 && found.count > 0) {
        verdict_say(v, V_FAILED, "changes reach an end by two ways: %s", names_text(&found));
        verdict_advise(v, "Chains and rings of one direction are fine, a mesh is not: changes of "
                          "one row overtake one another. Leave out one of the projects.");
    }
    names_done(&found);
    return rc;
}

int item_nodes(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct node_id n[END_MAX_] = { 0 };

    (void)end;
    if (ask_nodes(p, n, err) < 0)
        return -1;
    verdict_say(v, V_PASSED, "the source is node %s, the target node %s",
                control_node_name(&n[END_SOURCE]), control_node_name(&n[END_SINK]));
    if (same_node(&n[END_SOURCE], &n[END_SINK])) {
        verdict_say(v, V_FAILED,
                    "both ends are one node: one server, its replica, or a copy of it");
        verdict_advise(v,
                       "If one was restored from the other's backup, stop all projects that "
                       "apply there and drop its control schema %s.",
                       p->w->task->control_schema);
    }
    return 0;
}

int item_topology(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct node_id n[END_MAX_] = { 0 };

    (void)end;
    return ask_nodes(p, n, err) < 0 ? -1 : both_ways(p, n, v, err);
}

/* ---- other products ---- */

static const struct marker {
    const char *db, *table; /* table NULL: any of the database */
    const char *product;
} markers[] = {
    { "drc_txn", NULL, "OMS or DRC" },
    { "test", "drc_txn", "OMS or DRC" },
    { "dts", "_dts_link", "Tencent or Alibaba DTS" },
    { "dts", NULL, "a DTS" },
    { "__tencentdb__", NULL, "Tencent DTS" },
    { "retl", NULL, "Otter" },
    { "ghostferry", NULL, "Ghostferry" },
    { "_vt", NULL, "Vitess" },
    { "dm_meta", NULL, "TiDB DM" },
    { "tidb_binlog", NULL, "TiDB Binlog" },
    { "percona", "heartbeat", "pt-heartbeat" },
};

static int has_table(struct precheck *p, enum end e, const char *db, const char *table,
                     struct err *err)
{
    uint64_t one;

    if (table == NULL)
        return control_ask_u64(
            p->ends[e].conn, "", &one, err,
            "SELECT 1 FROM information_schema.schemata WHERE schema_name = %q LIMIT 1", db);
    return control_ask_u64(p->ends[e].conn, "", &one, err,
                           "SELECT 1 FROM information_schema.tables WHERE table_schema = %q AND"
                           " table_name = %q LIMIT 1",
                           db, table);
}

int item_markers(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *ours = p->w->task->control_schema, *schemas[] = { ours, "oms" };
    int got;

    for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
        const struct marker *m = &markers[i];

        if (strcasecmp(m->db, ours) == 0 ||
            (i > 0 && strcmp(m[-1].db, m->db) == 0 && m->table == NULL && v->status != V_PASSED))
            continue;
        got = has_table(p, end, m->db, m->table, err);
        if (got < 0)
            return -1;
        if (got == 1)
            verdict_say(v, V_WARNING, "%s%s%s is of %s", m->db, m->table != NULL ? "." : "",
                        m->table != NULL ? m->table : "", m->product);
    }
    for (size_t i = strcasecmp(ours, "oms") == 0; i < ARRAY_SIZE(schemas); i++) {
        int there = has_table(p, end, schemas[i], NULL, err);

        got = there == 1 ? has_table(p, end, schemas[i], "cw_meta", err) : there;
        if (got < 0)
            return -1;
        if (there == 1 && got == 0)
            verdict_say(v, V_WARNING, "%s is of OceanBase's OMS, or of another product",
                        schemas[i]);
    }
    if (v->status != V_PASSED)
        verdict_advise(v, "Two products that replicate between the same ends don't know each "
                          "other's marks: changes go round. Stop the other before this starts.");
    return 0;
}

/* ---- numbers, keys, strategies ---- */

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool has_auto_increment(const struct catalog *cat)
{
    for (size_t i = 0; i < cat->count; i++)
        for (size_t k = 0; k < cat->tables[i]->column_count; k++)
            if (cat->tables[i]->columns[k].auto_increment)
                return true;
    return false;
}

int item_auto_increment(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    int64_t step[END_MAX_], offset[END_MAX_], common;

    (void)end;
    (void)err;
    for (unsigned e = 0; e < END_MAX_; e++) {
        step[e] = precheck_number(p, e, "auto_increment_increment", 1);
        offset[e] = precheck_number(p, e, "auto_increment_offset", 1);
        step[e] = MAX(step[e], (int64_t)1);
        offset[e] = offset[e] > step[e] ? 1 : offset[e]; /* as the server takes it */
    }
    common = common_divisor(step[END_SOURCE], step[END_SINK]);
    verdict_say(v, V_PASSED,
                "auto_increment_increment and _offset: %" PRId64 ", %" PRId64
                " at the source, %" PRId64 ", %" PRId64 " at the target",
                step[END_SOURCE], offset[END_SOURCE], step[END_SINK], offset[END_SINK]);
    if ((offset[END_SOURCE] - offset[END_SINK]) % common != 0 || !has_auto_increment(p->cat))
        return 0;
    verdict_say(v, V_WARNING, "both ends give the same AUTO_INCREMENT numbers");
    verdict_advise(v, "SET GLOBAL auto_increment_increment = 2; at both ends, and SET GLOBAL "
                      "auto_increment_offset = 1; at one, 2 at the other; applications connect "
                      "again.");
    return 0;
}

int item_pair_keys(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    struct name_list none = NAME_LIST;

    (void)end;
    (void)err;
    for (size_t i = 0; i < p->cat->count; i++)
        if (p->cat->tables[i]->key < 0)
            names_add(&none, "%s.%s", p->cat->tables[i]->db, p->cat->tables[i]->name);
    if (none.count > 0) {
        verdict_say(v, V_FAILED, "no primary key and no unique key of NOT NULL columns: %s",
                    names_text(&none));
        verdict_advise(v, "In two directions a row must be known by a key: add one, or leave the "
                          "table out (tableCategory WITH_UNIQUE_ROW_ID).");
    }
    names_done(&none);
    return 0;
}

int item_strategy(struct precheck *p, enum end end, struct verdict *v, struct err *err)
{
    const char *ours = json_get_str(task_incr_config(p->w->task), "conflictStrategy", "FAIL");
    const char *theirs = json_get_str(json_get(p->w->task->doc, "pair"), "peerStrategy", "");

    (void)end;
    (void)err;
    verdict_say(v, V_PASSED, "conflictStrategy %s%s%s", ours,
                theirs[0] != '\0' ? ", of the other direction " : "", theirs);
    if (strcmp(ours, theirs) != 0 || strcmp(ours, "FAIL") == 0)
        return 0;
    verdict_say(v, V_WARNING, "both directions %s: the ends stay different after a conflict", ours);
    verdict_advise(v, "Let one direction OVERWRITE and the other IGNORE (docs/two-way.md).");
    return 0;
}
