/* DDL in the stream: a barrier, the catalog behind it, the target, and one commit of it all. */
#include "workers/incr/ddl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"

#include "base/banned.h"

enum {
    ID_TEXT_MAX = BINLOG_FILE_TEXT_MAX + 24,
    STEPS_A_STATEMENT = 100000,
    STEP_FINISHED = STEPS_A_STATEMENT - 1,
};

/* One statement on its way. */
struct ddl_case {
    struct session *s;
    const struct group_statement *st;
    char id[ID_TEXT_MAX];
    struct ddl_statement *d;
    struct ddl_outcome o;
    enum ddl_decision decision;
    const char *replacement;
    struct ddl_works works;
    unsigned first_step;
};

static void case_done(struct ddl_case *c)
{
    ddl_works_done(&c->works);
    ddl_outcome_done(&c->o);
    ddl_statement_free(c->d);
}

static const char *kind_of(const struct ddl_case *c)
{
    return ddl_kind_name(c->d != NULL ? c->d->kind : DDL_OTHER);
}

/* ---- what is told ---- */

static void tell_status(struct ddl_case *c, const char *status, const char *message)
{
    struct json_object *target = json_object_new_array();
    struct ddl_report r = { .id = c->id,
                            .timestamp = c->st->ts,
                            .kind = kind_of(c),
                            .status = status,
                            .message = message,
                            .sql = c->st->sql,
                            .sql_len = c->st->sql_len,
                            .objects = c->o.objects,
                            .target_sql = target };

    for (size_t i = 0; target != NULL && i < c->works.count; i++)
        (void)json_object_array_add(target, json_object_new_string(c->works.list[i].sql));
    report_ddl(c->s->sync->w->report, &r);
    json_putp(&target);
    log_info("incr", "ddl", "id=%s kind=%s status=%s seq=%" PRIu64 " sql=\"%.*s\"", c->id,
             kind_of(c), status, c->s->info.seq, (int)MIN(c->st->sql_len, (size_t)300), c->st->sql);
}

/* Everything before it is applied and stored, so that whoever resumes comes upon it at once. */
static int stop_here(struct ddl_case *c, bool can_skip, const char *why, struct err *err)
{
    char reason[sizeof(err->message)];

    (void)snprintf(reason, sizeof(reason), "%s", why);
    tell_status(c, "PENDING", reason);
    (void)err_set(err, ERR_DDL_IN_STREAM, "%s at %s: %.600s; the statement: %.*s",
                  c->st->parsed->verb[0] != '\0' ? c->st->parsed->verb : "a statement", c->id,
                  reason, (int)MIN(c->st->sql_len, (size_t)300), c->st->sql);
    return can_skip ? -1
                    : err_advise(err, "What it does is not known, so that SkipDdl is not enough: "
                                      "bring the target to the source's structure by ReplaceDdl.");
}

static void tell_events(struct ddl_case *c, bool applied)
{
    struct report *r = c->s->sync->w->report;

    for (size_t i = 0; i < c->o.tell_count; i++)
        report_event(r, c->o.tells[i].level, c->o.tells[i].event, "%s (%s)", c->o.tells[i].text,
                     c->id);
    if (!applied && !c->o.quiet)
        report_event(r, "WARN", "ddl_not_applied", "not applied at the target: %s at %s: %.*s",
                     c->st->parsed->verb, c->id, (int)MIN(c->st->sql_len, (size_t)300), c->st->sql);
}

/* ---- judging ---- */

bool session_explicit_timestamps(const struct session *s, const struct group_statement *st)
{
    unsigned since = s->sync->source.flavour == FLAVOUR_MARIADB ? 101000 : 80000;

    if (st->query->explicit_timestamps >= 0)
        return st->query->explicit_timestamps != 0;
    return group_version(s->group) >= since; /* the default of servers that don't tell */
}

static struct ddl_world world_of(const struct session *s)
{
    return (struct ddl_world){
        .plans = s->plans,
        .scope = s->sync->scope,
        .facts = s->facts,
        .shadows = s->shadows,
        .shadow_count = s->shadow_count,
        .control_schema = s->sync->w->task->control_schema,
        .rules = &s->ddl_rules,
        .pos = s->info.start,
        .safe_end = s->changer.safe_end,
        .next_number = s->next_table,
    };
}

static const char *collation_of(const struct session *s, unsigned number)
{
    return number != 0 ? facts_collation_name(s->facts, number) : NULL;
}

/* Does a name of it stand for something of the project? For statements that are not understood. */
static int refs_hit(struct ddl_case *c, struct err *err)
{
    const struct statement *p = c->st->parsed;

    for (size_t i = 0; i < p->ref_count; i++) {
        const struct object_ref *r = &p->refs[i];
        struct scope_object o = { 0 };
        int got = 1;

        if (scope_is_system_db(r->db))
            continue;
        if (r->kind == OBJ_TABLE && plans_find(c->s->plans, r->db, r->name) == NULL)
            got = scope_match(c->s->sync->scope, SCOPE_TABLE, r->db, r->name, &o, err);
        else if (r->kind == OBJ_VIEW)
            got = scope_match(c->s->sync->scope, SCOPE_VIEW, r->db, r->name, &o, err);
        else if (r->kind != OBJ_TABLE && r->kind != OBJ_DATABASE)
            got = scope_whole_db(c->s->sync->scope, r->db);
        scope_object_done(&o);
        if (got != 0)
            return got;
    }
    return p->kind == ST_UNKNOWN; /* its names are not known either */
}

/* 1: taken apart and judged; 0: it does not concern the project, or can't be understood: c->d NULL
 * and *err says why, for the caller to act on. */
static int judge(struct ddl_case *c, struct err *err)
{
    struct session *s = c->s;
    const struct event_query *q = c->st->query;
    const struct ddl_world w = world_of(s);
    const struct ddl_source from = {
        .sql = c->st->sql,
        .sql_len = c->st->sql_len,
        .default_db = c->st->default_db,
        .sql_mode = q->has_sql_mode ? q->sql_mode : 0,
        .mariadb = group_format(s->group)->mariadb,
        .version = group_version(s->group),
        .explicit_timestamps = session_explicit_timestamps(s, c->st),
        .utf8mb4_collation = collation_of(s, q->utf8mb4_collation),
        .server_collation = collation_of(s, q->collation_server),
        .error_code = q->error_code,
    };
    const struct statement_context context = { from.default_db, from.sql_mode, from.mariadb,
                                               from.version };

    if (c->st->unreadable)
        return err_set(err, ERR_DDL_UNPARSED, "its character set can't be read");
    if (ddl_parse(from.sql, from.sql_len, &context, &c->d, err) < 0)
        return -1;
    return ddl_judge(&w, &from, c->d, c->st->parsed, &c->o, err);
}

/* ---- asking the source ---- */

static int ask_source(struct session *s, const struct table *t, struct table **ret, struct err *err)
{
    struct sync *y = s->sync;
    _cleanup_(conn_closep)
    struct conn *c = NULL;

    if (conn_open(&y->w->task->ends[END_SOURCE], NULL, &c, err) < 0)
        return -1;
    return catalog_table(c, &y->source, t->db, t->name, ret, err);
}

/* After a person has taken it on: tables whose structure can't be told are read as they are now;
 * a table map that does not fit still stops. */
static int reload(struct ddl_case *c, struct err *err)
{
    for (size_t i = 0; i < c->o.entry_count; i++) {
        struct ddl_entry *e = c->o.entries[i];
        struct scope_object o = { 0 };
        struct table *t = NULL;
        int got;

        if (!e->reload || e->now == NULL)
            continue;
        if (ask_source(c->s, e->now, &t, err) < 0) {
            if (err->code != ERR_TABLE_NOT_FOUND)
                return err_wrap(err, "the structure behind %s", c->id);
            err_reset(err);
            outcome_tell(&c->o, "INFO", "table_left", "%s.%s is no more at the source", e->now->db,
                         e->now->name);
            e->now = NULL;
            continue;
        }
        got = scope_match(c->s->sync->scope, SCOPE_TABLE, t->db, t->name, &o, err);
        if (got == 1)
            got = table_apply_object(t, &o, err);
        scope_object_done(&o);
        if (got < 0) {
            table_free(t);
            return -1;
        }
        if (ddl_outcome_take(&c->o, e, t) < 0)
            return err_set(err, ERR_NOMEM, "no memory for a table");
    }
    return 0;
}

/* ---- the commit ---- */

struct kept {
    const struct table **put;
    size_t put_count;
    unsigned *gone;
    size_t gone_count;
};

static void kept_done(struct kept *k)
{
    free(k->put);
    free(k->gone);
}

static int sort_entries(const struct ddl_outcome *o, struct kept *k, struct err *err)
{
    size_t n = MAX(o->entry_count, (size_t)1);

    k->put = calloc(n, sizeof(struct table *));
    k->gone = calloc(n, sizeof(*k->gone));
    if (k->put == NULL || k->gone == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the changed tables");
    for (size_t i = 0; i < o->entry_count; i++) {
        const struct ddl_entry *e = o->entries[i];
        if (e->now != NULL && e->now != e->before)
            k->put[k->put_count++] = e->now;
        else if (e->now == NULL && e->before != NULL)
            k->gone[k->gone_count++] = e->before->number;
    }
    return 0;
}

/* Where reading goes on afterwards: behind it, or, with rows to follow, at its transaction. */
static int next_checkpoint(struct ddl_case *c, struct err *err)
{
    struct session *s = c->s;

    if (c->st->in_group)
        return session_checkpoint_text(s, err);
    s->cp.seq = s->info.seq;
    s->cp.pos = c->st->end;
    s->cp.source_ts = c->st->ts;
    if (s->info.has_gtid && s->gtids != NULL && gtid_set_add(s->gtids, &s->info.gtid) < 0)
        return err_set(err, ERR_NOMEM, "no memory for the GTID set");
    return session_checkpoint_text(s, err);
}

static int commit(struct ddl_case *c, struct err *err)
{
    struct session *s = c->s;
    const struct ddl_outcome *o = &c->o;
    _cleanup_(kept_done)
    struct kept k = { 0 };
    _cleanup_(json_putp)
    struct json_object *facts = NULL;
    struct ddl_commit what = { .cp = &s->cp, .seq = s->info.seq };

    if (sort_entries(o, &k, err) < 0)
        return -1;
    if (o->facts_changed) {
        if (facts_set_database(s->facts, o->facts_db, o->facts_collation) < 0 ||
            (facts = facts_to_json(s->facts)) == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a database's collation");
    }
    if (next_checkpoint(c, err) < 0)
        return -1;
    what.finished = c->st->in_group ? c->first_step + STEP_FINISHED : 0;
    what.put = k.put;
    what.put_count = k.put_count;
    what.gone = k.gone;
    what.gone_count = k.gone_count;
    what.facts = facts;
    what.shadows = o->shadows;
    what.shadow_count = o->shadow_count;
    if (o->shadow_count > 0)
        FAULT("incr.ddl.shadow");
    FAULT("incr.ddl.before_commit");
    if (control_ddl_commit(s->conn, &s->fence, &what, err) < 0)
        return -1;
    FAULT("incr.ddl.after_commit");
    s->stored_seq = s->cp.seq;
    return 0;
}

/* ---- the whole ---- */

/* Its rows follow, and a predecessor got past it. */
static int was_finished(struct ddl_case *c, struct err *err)
{
    struct ddl_step mark = { 0 };
    int got;

    if (!c->st->in_group)
        return 0;
    got = control_ddl_get(c->s->conn, c->s->fence.schema, c->s->sync->w->task->project_id,
                          c->s->info.seq, c->first_step + STEP_FINISHED, &mark, err);
    ddl_step_done(&mark);
    return got;
}

/* What is left to decide about, or to run. */
static int prepare(struct ddl_case *c, struct err *err)
{
    struct notes notes = { 0 };
    int got;

    if (c->decision == DDL_SKIP)
        return 0;
    if (c->decision == DDL_REPLACE) {
        if (ddl_works_replace(c->s, c->st, c->replacement, &c->works, err) < 0)
            return err->code == ERR_DDL_UNPARSED ? stop_here(c, true, err->message, err) : -1;
        return 0;
    }
    if (!c->o.carried)
        return 0;
    got = ddl_works_convert(c->s, c->st, &c->o, &c->works, &notes, err);
    if (got == 0)
        got = notes_check(&notes, err);
    if (got == 0)
        notes_report(&notes, c->s->sync->w->report);
    else if (err->code == ERR_SCHEMA_CONVERT)
        got = stop_here(c, true, err->message, err);
    notes_done(&notes);
    return got;
}

static bool is_answer(const struct err *err)
{
    return !err_retryable(err) && !conn_lost(err) && err->code != ERR_EPOCH_STALE &&
           err->code != ERR_CANCELLED && err->code != ERR_CONTROL_SCHEMA &&
           err->code != ERR_INTERNAL && err->code != ERR_DDL_IN_STREAM;
}

static const char *status_of(const struct ddl_case *c)
{
    switch (c->decision) {
    case DDL_SKIP:
        return "SKIPPED";
    case DDL_REPLACE:
        return "REPLACED";
    case DDL_UNDECIDED:
        break;
    }
    return c->works.count > 0 ? "APPLIED" : "TRACKED";
}

static const char *what_of(const struct ddl_case *c)
{
    if (c->o.pending != NULL)
        return c->o.pending;
    if (c->decision == DDL_UNDECIDED && c->o.carried && c->works.count == 0)
        return "it changes nothing that the target needs";
    return "";
}

static int carry(struct ddl_case *c, struct err *err)
{
    if (c->o.pending != NULL &&
        (c->decision == DDL_UNDECIDED || (c->decision == DDL_SKIP && !c->o.can_skip)))
        return stop_here(c, c->o.can_skip, c->o.pending, err);
    if ((c->decision != DDL_SKIP || !c->o.half_done) && reload(c, err) < 0)
        return -1;
    if (prepare(c, err) < 0)
        return -1;
    if (ddl_works_run(c->s, c->st, &c->works, c->first_step, err) < 0)
        return is_answer(err) ? stop_here(c, true, err->message, err) : -1;
    /* Told before it is stored: twice rather than never. */
    tell_events(c, c->decision == DDL_REPLACE || (c->decision == DDL_UNDECIDED && c->o.carried));
    if (!c->o.quiet)
        tell_status(c, status_of(c), what_of(c));
    if (commit(c, err) < 0)
        return -1;
    return session_rebuild(c->s, &c->o, err);
}

static int idle(struct session *s, struct err *err)
{
    if (s->big != NULL || (s->txn != NULL && s->txn->stmt_count > 0))
        return err_set(err, ERR_BINLOG_EVENT, "a schema change in the middle of a transaction");
    txn_free(s->txn);
    s->txn = NULL;
    if (session_wait_idle(s, err) < 0)
        return -1;
    return session_checkpoint(s, err);
}

/* Nothing but a person can say what it does. */
static int not_understood(struct ddl_case *c, struct err *err)
{
    struct err why = *err;
    int got = refs_hit(c, err);

    err_reset(err);
    if (got <= 0)
        return got;
    for (size_t i = 0; i < c->st->parsed->ref_count; i++)
        ddl_outcome_name(&c->o, c->st->parsed->refs[i].db, c->st->parsed->refs[i].name);
    if (idle(c->s, err) < 0)
        return -1;
    if (c->decision != DDL_REPLACE)
        return stop_here(c, false, why.message, err);
    for (size_t i = 0; i < c->st->parsed->ref_count; i++)
        ddl_outcome_reload(&c->o, c->s->plans, c->st->parsed->refs[i].db,
                           c->st->parsed->refs[i].name);
    return carry(c, err);
}

static int run_case(struct ddl_case *c, struct err *err)
{
    int got;

    if (judge(c, err) < 0)
        return err->code == ERR_DDL_UNPARSED ? not_understood(c, err) : -1;
    if (!c->o.concerned)
        return 0;
    if (c->o.track_only) { /* nothing changes that is kept track of */
        tell_events(c, false);
        tell_status(c, "TRACKED", "");
        return 0;
    }
    got = was_finished(c, err);
    if (got != 0)
        return got < 0 ? -1 : 0;
    return idle(c->s, err) < 0 ? -1 : carry(c, err);
}

int ddl_seen(struct session *s, const struct group_statement *st, struct err *err)
{
    const struct ddl_world w = world_of(s);
    char file[BINLOG_FILE_TEXT_MAX];
    _cleanup_(freep)
    char *text = NULL;
    struct ddl_case c = { .s = s, .st = st };
    int got = st->parsed->kind == ST_UNKNOWN ? 1 : ddl_concerns(&w, st->parsed, err);

    if (got <= 0)
        return got;
    witness_ddl(&s->witness, s->info.seq, st->parsed);
    if (s->ddl_seq != s->info.seq) {
        s->ddl_seq = s->info.seq;
        s->ddl_statements = 0;
    }
    c.first_step = ++s->ddl_statements * STEPS_A_STATEMENT;
    (void)snprintf(c.id, sizeof(c.id), "%s:%" PRIu64, binlog_file_text(&st->start, file),
                   st->start.offset);
    text = report_ddl_text(st->sql, st->sql_len);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a statement");
    c.decision = task_ddl_decision(s->sync->w->task, c.id, text, &c.replacement);
    got = run_case(&c, err);
    case_done(&c);
    return got;
}
