#include "workers/incr/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "workers/incr/turn.h"
#include "workers/mysql/mapping.h"

#include "base/banned.h"

enum {
    CHECKPOINT_MS = 2000,
    REPORT_MS = 1000,
    DRAIN_MS = 20,
    HELD_MS = 5,
    STOP_PATIENCE_MS = 2000,
    FAIL_PATIENCE_MS = 5000,
    PACKET_MIN = 1024 * 1024,
    /* where the assignment has no grade's numbers */
    BATCH_ROWS = 1000,
    BATCH_KIB = 1024,
    MEMORY_MIB = 64,
};

/* ---- open ---- */

static const struct endpoint *sink_of(const struct session *s)
{
    return &s->sync->w->task->ends[END_SINK];
}

static int read_packet_max(struct session *s, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    int64_t bytes = 0;

    if (conn_value(s->conn, "SELECT @@max_allowed_packet", &text, err) < 0)
        return -1;
    if (text == NULL || !num_parse_i64(text, PACKET_MIN / 16, INT32_MAX, &bytes))
        return err_set(err, ERR_DB_QUERY, "target: max_allowed_packet is %s", text);
    s->packet_max = (size_t)bytes;
    return 0;
}

static int open_connections(struct session *s, struct err *err)
{
    const struct conn_options plain = { .found_rows = true };
    const struct conn_options lane = { .multi_statements = true, .found_rows = true };
    const struct task *t = s->sync->w->task;

    if (conn_open(sink_of(s), &plain, &s->conn, err) < 0 ||
        dialect_detect(s->conn, &s->sink, err) < 0 || read_packet_max(s, err) < 0 ||
        control_ensure(s->conn, t->control_schema, err) < 0 ||
        pair_ask_target(s->pair, s->conn, err) < 0)
        return -1;
    /*
     * A successor ends our connections, which looks like any lost one: whoever held the task before
     * may take it back only while nobody else has.
     */
    if (s->sync->last.epoch != 0 && control_check(s->conn, &s->sync->last, err) < 0)
        return -1;
    /* Row 0 is the coordinator's: its checkpoints must not touch what a lane's row tells. */
    if (control_take_epoch(s->conn, t->control_schema, t->project_id, "incr", s->sync->lanes + 1,
                           &s->fence, err) < 0 ||
        control_register(s->conn, &s->fence, err) < 0)
        return -1;
    (void)snprintf(s->fence.origin, sizeof(s->fence.origin), "%s", pair_local_path(s->pair));
    if (control_link_put(s->conn, &s->fence, pair_local_path(s->pair),
                         pair_source(s->pair)->identity, err) < 0)
        return -1;
    s->sync->last = s->fence;
    if (objects_check(s, err) < 0)
        return -1;
    for (unsigned i = 0; i < s->sync->lanes; i++) {
        if (conn_open(sink_of(s), &lane, &s->lane_conns[i], err) < 0 ||
            control_register(s->lane_conns[i], &s->fence, err) < 0)
            return -1;
    }
    return 0;
}

static int read_checkpoint(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    int got =
        control_checkpoint_get(s->conn, t->control_schema, t->project_id, "incr", &s->cp, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "the starting position of %s is not stored at the target", t->project_id);
    if (s->cp.gtid_set != NULL && /* NULL: not all that was applied is known by its GTID */
        gtid_set_parse(s->cp.gtid_set, s->sync->source.gtid_mariadb, &s->gtids, err) < 0)
        return -1;
    s->stored_seq = s->cp.seq;
    s->applied_us = s->first_us = s->cp.source_ts * 1000000;
    return 0;
}

static int set_kinds(const struct session *s, struct plans *p, struct err *err)
{
    return plans_kinds(p, s->sync->scope,
                       json_get_array(task_incr_config(s->sync->w->task), "recordTypeWhiteList"),
                       err);
}

static int read_catalog(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    int got = control_schema_get(s->conn, t->control_schema, t->project_id, &s->catalog, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_CONTROL_SCHEMA, "the tables of %s are not stored at the target",
                       t->project_id);
    if (plans_new(s->catalog, s->sync->source.lower_case_table_names != 0, &s->plans, err) < 0)
        return -1;
    return set_kinds(s, s->plans, err);
}

/* Types of the target that change how a value is written or compared (plan.h). */
static int read_target_columns(struct session *s, struct err *err)
{
    _cleanup_(result_done)
    struct result r = { 0 };
    int got;

    if (conn_queryf(s->conn, &r, err,
                    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE,"
                    " CHARACTER_SET_NAME FROM information_schema.COLUMNS"
                    " WHERE (DATA_TYPE IN ('json', 'enum') OR CHARACTER_SET_NAME IS NOT NULL)"
                    " AND TABLE_SCHEMA NOT IN"
                    " ('mysql', 'sys', 'information_schema', 'performance_schema')") < 0)
        return -1;
    while ((got = result_next(&r, err)) == 1) {
        if (plans_target_column(s->plans, result_str(&r, 0, ""), result_str(&r, 1, ""),
                                result_str(&r, 2, ""), result_str(&r, 3, ""), result_str(&r, 4, ""),
                                result_str(&r, 5, ""), err) < 0)
            return -1;
    }
    return got;
}

/* In the order of their numbers, as cw_schema is read. */
static struct table_plan *plan_of_number(const struct plans *p, unsigned number)
{
    size_t from = 0, to = p->count;

    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (p->tables[mid].t->number == number)
            return &p->tables[mid];
        if (p->tables[mid].t->number < number)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

/* Where safe mode ends, and from where on tables without a key are applied. */
static int read_copy_end(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    struct snapshot_position *list = NULL;
    size_t count = 0;
    int got;

    got =
        control_copy_end_get(s->conn, t->control_schema, t->project_id, &s->changer.safe_end, err);
    if (got < 0)
        return -1;
    if (got == 0 && !t->do_full)
        return 0; /* nor has a reset of the position made some of the stream come again */
    if (got == 0 || s->changer.safe_end.file[0] == '\0')
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "where the copy of %s ended is not stored at the target", t->project_id);
    s->changer.has_safe_end = true;
    if (control_snapshot_positions(s->conn, t->control_schema, t->project_id, &list, &count, err) <
        0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct table_plan *p = plan_of_number(s->plans, list[i].number);
        if (p != NULL && p->keyless)
            p->skip_until = list[i].pos;
    }
    snapshot_positions_free(list, count);
    return 0;
}

/* ---- what DDL is judged by ---- */

static int load_facts(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    _cleanup_(conn_closep)
    struct conn *source = NULL;
    int got = control_facts_get(s->conn, t->control_schema, t->project_id, &doc, err);

    if (got < 0)
        return -1;
    if (got == 1)
        return facts_from_json(doc, &s->facts, err) < 0 ? -1 : era_names_compare(s, err);
    /* A project that was begun before they were kept. */
    if (conn_open(&t->ends[END_SOURCE], NULL, &source, err) < 0 ||
        facts_load(source, &s->sync->source, &s->facts, err) < 0)
        return -1;
    doc = facts_to_json(s->facts);
    if (doc == NULL)
        return err_set(err, ERR_NOMEM, "no memory for what is known of the source");
    return control_facts_put(s->conn, &s->fence, doc, err);
}

static int read_ddl_state(struct session *s, struct err *err)
{
    const struct task *t = s->sync->w->task;

    ddl_rules_read(task_incr_config(t), &s->ddl_rules);
    if (map_overrides_read(task_struct_config(t), &s->overrides, err) < 0 ||
        load_facts(s, err) < 0 || dialect_collations(s->conn, &s->collations, err) < 0 ||
        control_next_table(s->conn, t->control_schema, t->project_id, &s->next_table, err) < 0)
        return -1;
    return control_shadows_get(s->conn, t->control_schema, t->project_id, &s->shadows,
                               &s->shadow_count, err);
}

/* Low-water mark: the highest any lane tells. Applied: what any lane tells beyond it. */
static int read_lanes(struct session *s, struct lane_row **ret, size_t *ret_count, struct err *err)
{
    if (control_lanes(s->conn, &s->fence, ret, ret_count, err) < 0)
        return -1;
    s->base_lwm = s->cp.seq;
    for (size_t i = 0; i < *ret_count; i++)
        s->base_lwm = MAX(s->base_lwm, (*ret)[i].lwm);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct lane_row *r = &(*ret)[i];
        if (applied_decode(r->applied, r->applied_len, r->lwm, &s->applied, err) < 0)
            return -1;
    }
    applied_prune(&s->applied, s->base_lwm);
    return 0;
}

static int start_pool(struct session *s, struct err *err)
{
    struct lane_row *rows = NULL;
    size_t count = 0;
    int got = read_lanes(s, &rows, &count, err);
    struct json_object *config = task_incr_config(s->sync->w->task);
    struct pool_options o = {
        .lanes = s->sync->lanes,
        .sizes = { .batch_rows = (size_t)json_get_i64(config, "batchRows", BATCH_ROWS),
                   .batch_bytes = (size_t)json_get_i64(config, "batchKiB", BATCH_KIB) * 1024,
                   .queue_bytes =
                       (size_t)json_get_i64(config, "memoryMiB", MEMORY_MIB) * 1024 * 1024 },
        .conns = s->lane_conns,
        .fence = &s->fence,
        .packet_max = s->packet_max,
        .lists = fold_lists_of(&s->sink),
        .first_low = s->cp.seq,
        .base_lwm = s->base_lwm,
        .rows = rows,
        .row_count = count,
        .report = s->sync->w->report,
        .throttle = s->sync->throttle,
        .resolve = &s->resolve,
    };

    if (got == 0)
        got = pool_new(&o, &s->pool, err);
    lane_rows_free(rows, count);
    return got;
}

static int open_reader(struct session *s, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf dir = STRBUF(4096);

    /* a sub-project reads that of the project that it joins */
    strbuf_addf(&dir, "%s/relay",
                json_get_str(json_get(s->sync->w->task->doc, "joins"), "dataDir",
                             s->sync->w->task->data_dir));
    if (strbuf_check(&dir, err) < 0)
        return -1;
    if (relay_reader_open(strbuf_str(&dir), &s->cp.pos, &s->reader, err) < 0)
        return err_wrap(err, "read the relay from %s:%" PRIu64, s->cp.pos.file, s->cp.pos.offset);
    if (group_new(s->plans, &feed_ops, s, s->cp.seq, &s->group, err) < 0)
        return -1;
    group_set_facts(s->group, s->facts);
    group_set_control(s->group, s->sync->w->task->control_schema);
    return 0;
}

/* What is done about rows that are not as they should be. */
static void read_conflict_rules(struct session *s)
{
    const struct task *t = s->sync->w->task;
    struct json_object *config = task_incr_config(t);

    s->changer.row_check = strcasecmp(json_get_str(config, "conflictDetection", "KEY"), "ROW") == 0;
    s->resolve = (struct resolve_options){
        .fence = &s->fence,
        .sink = &s->sink,
        .writer = s->changer.writer,
        .strategy = conflict_strategy(json_get_str(config, "conflictStrategy", NULL)),
        .two_way = t->two_way,
        .project_id = t->project_id,
        .peer_id = t->reverse ? t->forward_id : t->peer_id,
    };
}

static int session_open(struct session *s, struct err *err)
{
    FAULT("incr.session.start");
    if (open_connections(s, err) < 0 || read_checkpoint(s, err) < 0 || read_catalog(s, err) < 0 ||
        read_target_columns(s, err) < 0 || read_copy_end(s, err) < 0 || read_ddl_state(s, err) < 0)
        return -1;
    s->changer.writer = (struct sqlwriter){ .json_type = s->sink.json_type,
                                            .cascades = !s->sync->source.cascades_logged };
    read_conflict_rules(s);
    if (s->resolve.two_way && (s->unsettled = unsettled_new()) == NULL)
        return err_set(err, ERR_NOMEM, "no memory for rows in conflict");
    if (filter_new(s->conn, &s->sink, &s->filter, err) < 0)
        return -1;
    s->changer.filter = s->filter;
    s->depend = depend_new(s->plans->tracker_numbers, s->sync->lanes);
    if (s->depend == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the dependencies");
    if (s->sync->rogues != NULL && rogues_tables(s->sync->rogues, s->catalog, err) < 0)
        return -1;
    if (turn_note(s, err) < 0 || start_pool(s, err) < 0 || open_reader(s, err) < 0)
        return -1;
    witness_begin(s);
    conflicts_begin(s);
    s->started_ms = s->last_stats_ms = clock_mono_ms();
    log_info("incr", "session_start",
             "epoch=%" PRIu64 " lanes=%u seq=%" PRIu64 " lwm=%" PRIu64 " beyond=%zu pos=%s:%" PRIu64
             " tables=%zu",
             s->fence.epoch, s->sync->lanes, s->cp.seq, s->base_lwm, s->applied.count,
             s->cp.pos.file, s->cp.pos.offset, s->plans->count);
    return 0;
}

static void session_close(struct session *s, int patience_ms)
{
    if (s->pool != NULL)
        pool_stop(s->pool, patience_ms);
    witness_end(s);
    txn_free(s->txn);
    group_free(s->group);
    relay_reader_close(s->reader);
    pool_free(s->pool);
    depend_free(s->depend);
    filter_free(s->filter);
    plans_free(s->plans);
    catalog_free(s->catalog);
    facts_free(s->facts);
    map_free(s->collations);
    map_free(s->overrides);
    ddl_shadows_free(s->shadows, s->shadow_count);
    unsettled_free(s->unsettled);
    applied_done(&s->applied);
    gtid_set_free(s->gtids);
    checkpoint_done(&s->cp);
    for (unsigned i = 0; i < LANES_MAX; i++)
        conn_close(s->lane_conns[i]);
    conn_close(s->conn);
}

/* ---- the account ---- */

static int drain(struct session *s, struct err *err)
{
    struct group_end g;

    while (pool_next_applied(s->pool, &g)) {
        s->cp.seq = g.seq;
        s->cp.pos = g.end;
        if (g.has_gtid && s->gtids != NULL && gtid_set_add(s->gtids, &g.gtid) < 0)
            return err_set(err, ERR_NOMEM, "no memory for the GTID set");
        stats_applied(s, &g);
    }
    return 0;
}

int session_checkpoint_text(struct session *s, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(16 * 1024 * 1024);

    if (s->gtids == NULL)
        return 0;
    gtid_set_text(s->gtids, &text);
    free(s->cp.gtid_set);
    s->cp.gtid_set = NULL;
    return strbuf_take(&text, &s->cp.gtid_set, err);
}

int session_checkpoint(struct session *s, struct err *err)
{
    if (drain(s, err) < 0)
        return -1;
    s->checkpoint_at = clock_mono_ms() + CHECKPOINT_MS;
    if (s->cp.seq == s->stored_seq)
        return 0;
    if (session_checkpoint_text(s, err) < 0)
        return -1;
    s->cp.source_ts = s->applied_us / 1000000;
    FAULT("incr.checkpoint.before");
    if (control_checkpoint_put(s->conn, &s->fence, 0, &s->cp, err) < 0)
        return -1;
    FAULT("incr.checkpoint.after");
    s->stored_seq = s->cp.seq;
    return 0;
}

int session_tick(struct session *s, struct err *err)
{
    int64_t now = clock_mono_ms();

    if (report_stopping(s->sync->w->report))
        return err_set(err, ERR_CANCELLED, "asked to stop");
    if (now < s->drain_at)
        return 0;
    s->drain_at = now + DRAIN_MS;
    if (pool_error(s->pool, err) < 0 || drain(s, err) < 0)
        return -1;
    witness_tick(s);
    if (now >= s->checkpoint_at && session_checkpoint(s, err) < 0)
        return -1;
    if (drain_tick(s, err) < 0 || conflicts_tick(s, err) < 0)
        return -1;
    if (now >= s->report_at) {
        s->report_at = now + REPORT_MS;
        stats_report(s);
        return pair_passed(s->pair, group_position(s->group), s->cp.source_uuid, err);
    }
    return 0;
}

int session_wait_idle(struct session *s, struct err *err)
{
    while (!pool_idle(s->pool)) {
        s->drain_at = 0;
        if (session_tick(s, err) < 0)
            return -1;
        pool_wait(s->pool, WAIT_MS);
    }
    return pool_error(s->pool, err);
}

/* ---- after a DDL ---- */

static struct ddl_entry *entry_of(const struct ddl_outcome *o, const struct table *t)
{
    for (size_t i = 0; i < o->entry_count; i++) {
        if (o->entries[i]->before == t)
            return o->entries[i];
    }
    return NULL;
}

/* The catalog that comes of it: its tables are still the old one's and the outcome's. */
static struct catalog *next_catalog(const struct session *s, const struct ddl_outcome *o)
{
    struct catalog *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->tables = calloc(s->catalog->count + o->entry_count + 1, sizeof(struct table *));
    c->by_name = map_new(); /* plans have their own */
    if (c->tables == NULL || c->by_name == NULL) {
        catalog_free(c);
        return NULL;
    }
    for (size_t i = 0; i < s->catalog->count; i++) {
        const struct ddl_entry *e = entry_of(o, s->catalog->tables[i]);
        const struct table *t = e != NULL ? e->now : s->catalog->tables[i];
        if (t != NULL)
            c->tables[c->count++] = (struct table *)(uintptr_t)t;
    }
    for (size_t i = 0; i < o->entry_count; i++) {
        const struct table *t = o->entries[i]->now;
        if (o->entries[i]->before == NULL && t != NULL)
            c->tables[c->count++] = (struct table *)(uintptr_t)t;
    }
    return c;
}

/* The old catalog keeps what is not in the new one, the outcome gives up what is. */
static void hand_tables_over(struct catalog *old, struct ddl_outcome *o)
{
    size_t kept = 0;

    for (size_t i = 0; i < old->count; i++) {
        const struct ddl_entry *e = entry_of(o, old->tables[i]);
        if (e != NULL && e->now != e->before)
            old->tables[kept++] = old->tables[i];
    }
    old->count = kept;
    for (size_t i = 0; i < o->entry_count; i++) {
        for (size_t k = 0; k < o->made_count; k++) {
            if (o->made[k] == o->entries[i]->now)
                o->made[k] = NULL;
        }
    }
}

/* What was counted, and where a table's snapshot ended, stays with its number. */
static void inherit(struct plans *now, const struct plans *before)
{
    for (size_t i = 0; i < now->count; i++) {
        struct table_plan *p = &now->tables[i];
        const struct table_plan *old = plan_of_number(before, p->t->number);
        if (old == NULL)
            continue;
        p->inserts = old->inserts;
        p->updates = old->updates;
        p->deletes = old->deletes;
        if (p->keyless)
            p->skip_until = old->skip_until;
    }
}

static int keep_shadows(struct session *s, const struct ddl_outcome *o, struct err *err)
{
    const struct task *t = s->sync->w->task;

    if (o->shadow_count == 0)
        return 0;
    ddl_shadows_free(s->shadows, s->shadow_count);
    s->shadows = NULL;
    s->shadow_count = 0;
    return control_shadows_get(s->conn, t->control_schema, t->project_id, &s->shadows,
                               &s->shadow_count, err);
}

static int rebuild_plans(struct session *s, struct catalog *next, struct err *err)
{
    struct plans *old = s->plans, *now = NULL;

    if (plans_new(next, old->fold_case, &now, err) < 0)
        return -1;
    if (set_kinds(s, now, err) < 0) {
        plans_free(now);
        return -1;
    }
    inherit(now, old);
    group_set_plans(s->group, now);
    s->plans = now;
    plans_free(old);
    return 0;
}

int session_rebuild(struct session *s, struct ddl_outcome *o, struct err *err)
{
    struct catalog *next, *old = s->catalog;

    s->next_table = o->next_number;
    if (keep_shadows(s, o, err) < 0)
        return -1;
    if (o->entry_count == 0)
        return 0;
    filter_free(s->filter); /* it knows the plans */
    s->filter = NULL;
    next = next_catalog(s, o);
    if (next == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the catalog");
    if (rebuild_plans(s, next, err) < 0) {
        next->count = 0; /* they are not its own yet */
        catalog_free(next);
        return -1;
    }
    s->catalog = next;
    hand_tables_over(old, o);
    catalog_free(old);
    if (read_target_columns(s, err) < 0)
        return -1;
    pool_forget_tables(s->pool);
    if (s->unsettled != NULL)
        unsettled_clear(s->unsettled); /* the keys have other numbers */
    depend_free(s->depend);
    s->depend = depend_new(s->plans->tracker_numbers, s->sync->lanes);
    if (s->depend == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the dependencies");
    if (filter_new(s->conn, &s->sink, &s->filter, err) < 0)
        return -1;
    s->changer.filter = s->filter;
    return 0;
}

/* ---- the loop ---- */

struct binlog_pos session_read(const struct session *s)
{
    const struct binlog_pos *fed = s->group != NULL ? group_fed(s->group) : NULL;
    const struct binlog_pos *most = &s->cp.pos;

    if (fed != NULL && binlog_pos_cmp(fed, most) > 0)
        most = fed;
    /* within a transaction a mark says no more than what was fed of it */
    if (s->group != NULL && !group_open(s->group) && binlog_pos_cmp(&s->marked, most) > 0)
        most = &s->marked;
    return *most;
}

/* 1: somebody wants that nothing more is read for now. */
static int held(struct session *s, struct err *err)
{
    int objects = objects_step(s, err);
    int verifier = objects < 0 ? 0 : witness_step(s, err);

    return objects < 0 || verifier < 0 ? -1 : objects | verifier;
}

static int loop(struct session *s, struct err *err)
{
    for (;;) {
        struct record r;
        int got;

        if (session_tick(s, err) < 0 || (got = held(s, err)) < 0)
            return -1;
        if (got > 0) {
            s->drain_at = 0;
            if (pool_idle(s->pool))
                (void)report_sleep(s->sync->w->report, HELD_MS); /* the tick sees a stop */
            else
                pool_wait(s->pool, HELD_MS);
            continue;
        }
        got = relay_reader_next(s->reader, &r, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            s->at_end = true;
            if (relay_reader_wait(s->reader, report_stop_fd(s->sync->w->report), witness_wait_ms(s),
                                  err) < 0)
                return -1;
        } else if (r.kind == RECORD_MARK) {
            s->marked = r.end;
            stats_mark(s, r.mark_us);
        } else if (r.kind == RECORD_ERA) {
            if (era_begin(s, &r, err) < 0)
                return -1;
        } else if (group_feed(s->group, &r, err) < 0) {
            return -1;
        }
    }
}

static void log_end(const struct session *s, const struct err *err)
{
    struct pool_stats p;

    pool_stats(s->pool, &p);
    log_info("incr", "session_end",
             "code=%s transactions=%" PRIu64 " rows=%" PRIu64 " batches=%" PRIu64
             " retries=%" PRIu64 " seq=%" PRIu64 " ms=%" PRId64,
             err_symbol(err->code), p.transactions, p.rows, p.batches, p.retries, s->cp.seq,
             clock_mono_ms() - s->started_ms);
}

static int session_end(struct session *s, struct err *err)
{
    uint64_t careful = s->sync->careful_seq;
    bool stopped = err->code == ERR_CANCELLED && report_stopping(s->sync->w->report);
    struct err ignored = { 0 };

    feed_done(s, err);
    pool_stop(s->pool, stopped ? STOP_PATIENCE_MS : FAIL_PATIENCE_MS);
    conflicts_end(s);
    if (s->sync->careful_seq != careful)
        return err_set(err, ERR_DB_RETRY,
                       "a conflict in a large transaction, which is now applied "
                       "row by row");
    log_end(s, err);
    if (!stopped)
        return -1;
    err_reset(err);
    /* Best effort: the lane rows tell the rest to whoever goes on. */
    if (session_checkpoint(s, &ignored) < 0)
        log_err(LOG_WARN, "incr", "last_checkpoint_failed", &ignored);
    return STAGE_STOPPED;
}

int session_run(struct sync *y, bool *ret_progress, struct err *err)
{
    struct session s = { .sync = y, .pair = y->pair };
    uint64_t first;
    int got = -1;

    *ret_progress = false;
    if (session_open(&s, err) == 0) {
        first = s.cp.seq;
        (void)loop(&s, err);
        got = session_end(&s, err);
        *ret_progress = s.cp.seq > first || s.at_end;
    }
    session_close(&s, FAIL_PATIENCE_MS);
    return got;
}
