#include "workers/incr/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "workers/incr/group.h"

#include "base/banned.h"

enum { READ_WAIT_MS = 100 };

struct look {
    const struct scan *s;
    struct scan_found *found;
    struct catalog *catalog;
    struct plans *plans;
    struct facts *facts;
    struct checkpoint cp;
    struct group *group;
    struct relay_reader *reader;
    struct binlog_pos start; /* of the open group */
    bool touched;
    char object[400];
};

static int on_begin(void *ctx, const struct group_info *g, struct err *err)
{
    struct look *l = ctx;

    (void)err;
    l->start = g->start;
    l->touched = false;
    return binlog_pos_cmp(&g->start, &l->s->from) < 0 ? 1 : 0;
}

static void touch(struct look *l, const char *db, const char *name)
{
    if (!l->touched)
        (void)snprintf(l->object, sizeof(l->object), "%.190s.%.190s", db, name);
    l->touched = true;
}

static int on_rows(void *ctx, const struct group_row_event *e, struct err *err)
{
    (void)err;
    touch(ctx, e->plan->t->db, e->plan->t->name);
    return 0;
}

static int on_savepoint(void *ctx, enum statement_kind kind, const char *name, struct err *err)
{
    (void)ctx;
    (void)kind;
    (void)name;
    (void)err;
    return 0;
}

static int in_scope(const struct look *l, const struct object_ref *r, struct err *err)
{
    struct scope_object o = { 0 };
    int got;

    if (plans_find(l->plans, r->db, r->name) != NULL)
        return 1;
    got = scope_match(l->s->scope, SCOPE_TABLE, r->db, r->name, &o, err);
    scope_object_done(&o);
    return got;
}

static int on_statement(void *ctx, const struct group_statement *st, struct err *err)
{
    struct look *l = ctx;

    if (l->s->local_only || (st->parsed->kind != ST_DDL && st->parsed->kind != ST_UNKNOWN &&
                             st->parsed->kind != ST_DML))
        return 0;
    for (size_t i = 0; i < st->parsed->ref_count; i++) {
        const struct object_ref *r = &st->parsed->refs[i];
        int got = r->db == NULL || r->name == NULL ? 0 : in_scope(l, r, err);

        if (got < 0)
            return -1;
        if (got > 0)
            touch(l, r->db, r->name);
    }
    return 0;
}

static int on_end(void *ctx, bool commit, const struct binlog_pos *end, int64_t ts, struct err *err)
{
    struct look *l = ctx;

    (void)end;
    (void)ts;
    (void)err;
    if (!commit || !l->touched || binlog_pos_cmp(&l->start, &l->s->to) >= 0)
        return 0;
    if (l->found->transactions++ == 0) {
        l->found->first = l->start;
        (void)snprintf(l->found->object, sizeof(l->found->object), "%s", l->object);
    }
    l->found->last = l->start;
    return 0;
}

static int on_xa(void *ctx, enum group_xa what, const char *xid, struct err *err)
{
    (void)ctx;
    (void)what;
    (void)xid;
    (void)err;
    return 0;
}

static int on_origin(void *ctx, const struct group_info *g, struct err *err)
{
    struct look *l = ctx;

    (void)err;
    return l->s->local_only && g->origin != ORIGIN_LOCAL ? 1 : 0;
}

static const struct group_ops ops = { .begin = on_begin,
                                      .rows = on_rows,
                                      .savepoint = on_savepoint,
                                      .statement = on_statement,
                                      .end = on_end,
                                      .xa = on_xa,
                                      .origin = on_origin };

static int read_control(struct look *l, struct err *err)
{
    const struct scan *s = l->s;
    _cleanup_(json_putp)
    struct json_object *doc = NULL;

    if (control_checkpoint_get(s->control, s->schema, s->project_id, "incr", &l->cp, err) < 0 ||
        control_schema_get(s->control, s->schema, s->project_id, &l->catalog, err) < 0 ||
        control_facts_get(s->control, s->schema, s->project_id, &doc, err) < 0)
        return -1;
    if (l->catalog == NULL || doc == NULL || l->cp.source_uuid[0] == '\0')
        return err_set(err, ERR_CONTROL_SCHEMA,
                       "the starting position or the tables of %s are not stored", s->project_id);
    if (l->cp.pos.era != s->to.era)
        return err_set(err, ERR_SOURCE_CHANGED, "another server is being read meanwhile");
    if (facts_from_json(doc, &l->facts, err) < 0)
        return -1;
    return plans_new(l->catalog, scope_folds_case(s->scope), &l->plans, err);
}

static int open_relay(struct look *l, struct err *err)
{
    char dir[4096];

    if (snprintf(dir, sizeof(dir), "%s/relay", l->s->data_dir) >= (int)sizeof(dir))
        return err_set(err, ERR_RELAY_IO, "the data directory's name is too long");
    if (relay_reader_open(dir, &l->cp.pos, &l->reader, err) < 0 ||
        group_new(l->plans, &ops, l, l->cp.seq, &l->group, err) < 0)
        return -1;
    group_set_facts(l->group, l->facts);
    group_set_control(l->group, l->s->schema);
    return 0;
}

/* Everything that begins before `to` has been read. */
static bool there(const struct look *l, const struct binlog_pos *end)
{
    return !group_open(l->group) && binlog_pos_cmp(end, &l->s->to) >= 0;
}

static int read_on(struct look *l, struct err *err)
{
    int64_t until = clock_mono_ms() + l->s->patience_ms;
    struct record r;

    if (there(l, &l->cp.pos))
        return 0;
    for (;;) {
        int got = relay_reader_next(l->reader, &r, err);

        if (got < 0)
            return -1;
        if (report_stopping(l->s->report))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        if (got == 0 && clock_mono_ms() > until)
            return err_set(err, ERR_TIMEOUT, "the log pull has not got to %s:%" PRIu64,
                           l->s->to.file, l->s->to.offset);
        if (got == 0) {
            if (relay_reader_wait(l->reader, report_stop_fd(l->s->report), READ_WAIT_MS, err) < 0)
                return -1;
            continue;
        }
        if (r.kind == RECORD_ERA)
            return err_set(err, ERR_SOURCE_CHANGED, "another server is being read meanwhile");
        if (r.kind == RECORD_EVENT && group_feed(l->group, &r, err) < 0)
            return -1;
        if (there(l, &r.end))
            return 0;
    }
}

int scan_run(const struct scan *s, struct scan_found *ret, struct err *err)
{
    struct look l = { .s = s, .found = ret };
    int got;

    *ret = (struct scan_found){ 0 };
    got = read_control(&l, err);
    if (got == 0)
        got = open_relay(&l, err);
    if (got == 0)
        got = read_on(&l, err);
    group_free(l.group);
    relay_reader_close(l.reader);
    plans_free(l.plans);
    facts_free(l.facts);
    catalog_free(l.catalog);
    checkpoint_done(&l.cp);
    return got;
}
