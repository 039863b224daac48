#include "flow/modify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/assignment.h"
#include "flow/plan.h"
#include "store/modify.h"

#include "base/banned.h"

enum {
    NAME_KEPT = 40, /* bytes of the project's name in that of its sub-project */
    LOOK_MS = 100,
};

bool modify_is_worker(const struct plan_row *row)
{
    return strcmp(row->name, STEP_CHANGE) == 0;
}

static const struct step *step_named(const struct step_rows *steps, const char *name)
{
    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->rows[i].name, name) == 0)
            return &steps->rows[i];
    return NULL;
}

static bool works(const struct step *s)
{
    return s != NULL && (s->status == SS_RUNNING || s->status == SS_MONITORING);
}

static bool in_wishes(const struct wishes *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->rows[i]->name, name) == 0)
            return true;
    return false;
}

static void take_wish(struct wishes *w, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->rows[i]->name, name) != 0)
            w->rows[kept++] = w->rows[i];
    w->count = kept;
}

/* Both wait, and at the same place; for what leaves there is only one to wait. */
static bool met(const struct modify *m)
{
    return m->held != MODIFY_NOWHERE && (!m->increase || m->held == m->sub_held);
}

/* ---------------------------------------------------------------------- what workers are asked */

/* NULL: nothing. */
static struct json_object *hold(const struct modify *m)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", "objects");
    json_add_bool(o, "hold", true);
    json_add_i64(o, "until", MAX(MAX(m->held, m->sub_held), (int64_t)0));
    return o;
}

static struct json_object *fork_for(const struct modify *m)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "t", "objects");
    json_add_str(o, "fork", m->sub_id);
    return o;
}

static void ask(struct flow *f, const char *id, struct json_object *o)
{
    supervisor_send(f->sup, id, plan_find(STEP_INCR), o);
    (void)json_object_put(o);
}

/* The one that is behind, or has not told yet. */
static void ask_to_hold(struct flow *f, const struct modify *m)
{
    if (m->held == MODIFY_NOWHERE || m->held < m->sub_held)
        ask(f, m->project_id, hold(m));
    if (m->increase && (m->sub_held == MODIFY_NOWHERE || m->sub_held < m->held))
        ask(f, m->sub_id, hold(m));
}

/* The project's checkpoint may be forked until the sub-project has its own. */
static int wants_fork(struct flow *f, const struct modify *m, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    const struct step *s;

    if (!m->increase || m->status != MS_RUNNING)
        return 0;
    if (store_step_list(f->o.store, m->sub_id, &steps.rows, &steps.count, err) < 0)
        return -1;
    s = step_named(&steps, STEP_PREPARE);
    return s != NULL && works(s);
}

static int add_to_incr(struct flow *f, const struct project *p, struct json_object *doc,
                       struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int64_t record = 0;
    int got = store_modify_open(f->o.store, p->id, &m, err), forks = 0;

    if (got < 0 || (got > 0 && p->parent_id[0] == '\0' && (forks = wants_fork(f, m, err)) < 0))
        return -1;
    if (got > 0 && (m->status == MS_MERGING || (m->status == MS_MODIFYING && !m->increase)))
        json_add(doc, "objects", hold(m));
    else if (forks > 0)
        json_add(doc, "objects", fork_for(m));
    if (p->parent_id[0] != '\0') {
        _cleanup_(freep)
        char *folder = NULL;
        struct json_object *joins = json_object_new_object();

        json_add(doc, "joins", joins);
        json_add_str(joins, "projectId", p->parent_id);
        if (assignment_folder(&f->o, p->parent_id, &folder, err) < 0)
            return -1;
        json_add_str(joins, "dataDir", folder);
        return 0;
    }
    if (store_modify_in_force(f->o.store, p->id, &record, err) < 0)
        return -1;
    return json_add_i64(doc, "objectsRecord", record);
}

static int add_to_change(struct flow *f, const struct project *p, struct json_object *doc,
                         struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    struct json_object *o;
    int got = store_modify_open(f->o.store, p->id, &m, err);

    if (got <= 0)
        return got < 0 ? -1 : err_set(err, ERR_FLOW, "no open modify record of %s", p->id);
    o = json_object_new_object();
    json_add_i64(o, "record", m->id);
    json_add(o, "mapping", json_object_get(m->mapping));
    if (m->increase)
        json_add_str(o, "childProjectId", m->sub_id);
    else
        json_add_bool(o, "anyPlace", m->held == 0);
    return json_add(doc, "change", o);
}

int modify_add(struct flow *f, const struct project *p, const struct plan_row *step,
               struct json_object *doc, struct err *err)
{
    if (modify_is_worker(step))
        return add_to_change(f, p, doc, err);
    return strcmp(step->name, STEP_INCR) == 0 ? add_to_incr(f, p, doc, err) : 0;
}

int modify_take_held(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                     struct err *err)
{
    int64_t seq = json_get_i64(doc, "seq", -1);
    int r;

    if (seq < 0 || strcmp(f->step->name, STEP_INCR) != 0)
        return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: held",
                       f->step->name);
    r = store_modify_held(st, f->project_id, seq, err);
    *ret_changed = r > 0;
    return MIN(r, 0);
}

/* ---------------------------------------------------------------------- the beginning */

/* The sub-project is configured as the project is, for its own tables. */
static struct json_object *sub_config(const struct project *p, const struct modify *m,
                                      const char *name)
{
    static const char *const without[] = { "reverseIncrTransferConfig", "labelIds" };
    struct json_object *o = json_clone(p->config);

    if (o == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(without); i++)
        json_object_object_del(o, without[i]);
    if (json_get(o, "incrTransferConfig") != NULL)
        json_object_object_del(json_get(o, "incrTransferConfig"), "startTimestamp");
    json_add_str(o, "name", name);
    json_add_bool(o, "enableReverseIncrTransfer", false);
    json_add_bool(o, "enableFullVerify", false);
    json_add_bool(o, "enableIncrVerify", false);
    json_add_str(o, "joins", p->id);
    json_add(o, "transferMapping", json_clone(m->part));
    return o;
}

static int begin_sub(struct flow *f, const struct project *p, const struct modify *m,
                     struct err *err)
{
    _cleanup_(project_freep)
    struct project *sub = calloc(1, sizeof(*sub));
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    char name[NAME_KEPT + 64];
    size_t len = strlen(p->name);
    int got;

    if (sub == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (len > NAME_KEPT) /* never within a character */
        for (len = NAME_KEPT; len > 0 && ((unsigned char)p->name[len] & 0xC0) == 0x80;)
            len--;
    (void)snprintf(name, sizeof(name), "%.*s-objects-%" PRId64, (int)len, p->name, m->id);
    sub->name = strdup(name);
    sub->config = sub_config(p, m, name);
    if (sub->name == NULL || sub->config == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (flow_plan(sub->config, &steps.rows, &steps.count, err) < 0)
        return -1;
    got = store_modify_begin(f->o.store, m->id, sub, steps.rows, steps.count, err);
    if (got > 0)
        flow_look(f, sub->id, 0);
    return MIN(got, 0);
}

static int begin(struct flow *f, const struct project *p, const struct modify *m, struct err *err)
{
    int got;

    FAULT("flow.modify.begin");
    if (m->increase)
        got = begin_sub(f, p, m, err);
    else
        got = store_modify_move(f->o.store, m->id, 1U << MS_PENDING, MS_MODIFYING, NULL, err);
    if (got < 0)
        return -1;
    flow_look(f, p->id, 0);
    return 0;
}

/* ---------------------------------------------------------------------- on the way */

static int fail_record(struct flow *f, const struct modify *m, const struct err *why,
                       struct err *err)
{
    return store_modify_move(f->o.store, m->id, ~(1U << MS_FAILED), MS_FAILED, why, err) < 0 ? -1
                                                                                             : 0;
}

/* 1: the sub-project has failed, and the record with it; 0: it has not. */
static int sub_failed(struct flow *f, const struct modify *m, const struct step_rows *steps,
                      struct err *err)
{
    _cleanup_(project_freep)
    struct project *sub = NULL;
    _cleanup_(json_putp)
    struct json_object *nothing = NULL;
    struct err why = { 0 };

    if (store_project_get(f->o.store, m->sub_id, &sub, err) < 0)
        return -1;
    if (sub->status != PS_FAILED)
        return 0;
    (void)err_set(&why, ERR_FLOW, "the sub-project %s has failed", sub->id);
    for (size_t i = 0; i < steps->count; i++)
        if (steps->rows[i].status == SS_FAILED && steps->rows[i].error != NULL)
            json_to_err(steps->rows[i].error, &why);
    if (fail_record(f, m, &why, err) < 0)
        return -1;
    nothing = json_object_new_object(); /* the project's worker does not wait any more */
    json_add_str(nothing, "t", "objects");
    supervisor_send(f->sup, m->project_id, plan_find(STEP_INCR), nothing);
    return 1;
}

/* The sub-project copies, or has caught up. */
static int follow_sub(struct flow *f, const struct project *p, const struct modify *m,
                      const struct step_rows *steps, const struct step *incr, struct err *err)
{
    const struct step *its = step_named(steps, STEP_INCR);
    int forks;

    if (its != NULL && its->status == SS_MONITORING && works(incr)) {
        if (store_modify_move(f->o.store, m->id, 1U << MS_RUNNING, MS_MERGING, NULL, err) < 0)
            return -1;
        flow_look(f, p->id, 0);
        return 0;
    }
    forks = wants_fork(f, m, err);
    if (forks > 0)
        ask(f, p->id, fork_for(m));
    return MIN(forks, 0);
}

/* Nobody of it works any more but the relay. */
static bool at_rest(struct flow *f, const char *id)
{
    return !supervisor_has_step(f->sup, id, plan_find(STEP_INCR));
}

/* Where both have met nobody may go on; when both have ended, the selection is changed. */
static void hand_over(struct flow *f, const struct modify *m, struct wishes *io)
{
    take_wish(io, STEP_INCR);
    /* the jobs are dropped after this; their end leads here again */
    if (at_rest(f, m->project_id) && (!m->increase || at_rest(f, m->sub_id)) &&
        io->count < WANTED_MAX)
        io->rows[io->count++] = plan_find(STEP_CHANGE);
}

static int leave(struct flow *f, const struct modify *m, const struct step *incr, struct wishes *io,
                 struct err *err)
{
    /*
     * Just resumed after a failure, which may be that of a table that is to leave: it is not asked
     * to come to an end first.
     */
    if (m->held == MODIFY_NOWHERE && !works(incr) && at_rest(f, m->project_id)) {
        if (store_modify_held(f->o.store, m->project_id, 0, err) < 0)
            return -1;
        flow_look(f, m->project_id, 0);
        take_wish(io, STEP_INCR);
        return 0;
    }
    if (met(m))
        hand_over(f, m, io);
    else
        ask_to_hold(f, m);
    return 0;
}

/* Its project was resumed. */
static int wake_sub(struct flow *f, const struct modify *m)
{
    if (!supervisor_has(f->sup, m->sub_id))
        flow_look(f, m->sub_id, LOOK_MS);
    return 0;
}

/* What joins: the sub-project is on its way, or both are to meet, or have met. */
static int join(struct flow *f, const struct project *p, const struct modify *m,
                const struct step *incr, struct wishes *io, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    int failed;

    if (store_step_list(f->o.store, m->sub_id, &steps.rows, &steps.count, err) < 0)
        return -1;
    failed = sub_failed(f, m, &steps, err);
    if (failed != 0)
        return MIN(failed, 0);
    if (m->status == MS_RUNNING)
        return follow_sub(f, p, m, &steps, incr, err) < 0 ? -1 : wake_sub(f, m);
    if (!met(m)) {
        ask_to_hold(f, m);
        return wake_sub(f, m);
    }
    hand_over(f, m, io);
    if (!at_rest(f, m->sub_id))
        flow_look(f, m->sub_id, LOOK_MS);
    return 0;
}

static int go_on(struct flow *f, const struct project *p, const struct modify *m,
                 const struct step *incr, struct wishes *io, struct err *err)
{
    switch (m->status) {
    case MS_PENDING:
        return begin(f, p, m, err);
    case MS_RUNNING:
    case MS_MERGING:
        return join(f, p, m, incr, io, err);
    case MS_MODIFYING:
        return leave(f, m, incr, io, err);
    case MS_FAILED:
    case MS_CANCEL:
    case MS_TERMINATED:
    case MS_SUCCESS:
    case MS_MAX_:
        break;
    }
    return 0;
}

/* A sub-project: it stands still for the hand-over, and its project hears of whatever it does. */
static int wish_of_sub(struct flow *f, const struct project *p, const struct modify *m,
                       struct wishes *io)
{
    if (m != NULL && m->status == MS_MERGING && met(m))
        take_wish(io, STEP_INCR);
    flow_look(f, p->parent_id, 0);
    return 0;
}

int modify_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *io, struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int got = store_modify_open(f->o.store, p->id, &m, err);

    if (got < 0)
        return -1;
    if (p->parent_id[0] != '\0')
        return wish_of_sub(f, p, m, io);
    if (got == 0 || !in_wishes(io, STEP_INCR))
        return 0; /* none, or it waits until incremental runs */
    return go_on(f, p, m, step_named(steps, STEP_INCR), io, err);
}

int modify_releasing(struct flow *f, const struct project *p, struct err *err)
{
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t count = 0;

    if (p->parent_id[0] != '\0')
        return 0;
    if (store_modify_abandon(f->o.store, p->id, err) < 0 ||
        store_modify_children(f->o.store, p->id, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        flow_look(f, ids[i], 0);
    return count > 0;
}

/* ---------------------------------------------------------------------- the end */

int modify_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 struct err *err)
{
    _cleanup_(modify_freep)
    struct modify *m = NULL;
    int got = store_modify_open(f->o.store, job->owner, &m, err);

    if (got <= 0 || (m->status != MS_MERGING && m->status != MS_MODIFYING))
        return MIN(got, 0);
    if (how == JOB_DONE) {
        FAULT("flow.modify.done");
        got = store_modify_done(f->o.store, m, err);
    } else if (err_retryable(why)) {
        return 1; /* whether it was done is known when the target answers */
    } else if (why->code == ERR_STATE) {
        /* somebody was killed when he had told where he waited: they meet once more */
        log_err(LOG_WARN, "flow", "objects_again", why);
        got = store_modify_forget_held(f->o.store, m->id, err);
    } else {
        log_err(LOG_ERROR, "flow", "objects_failed", why);
        got = fail_record(f, m, why, err);
    }
    if (got < 0)
        return -1;
    if (m->sub_id[0] != '\0')
        flow_look(f, m->sub_id, 0);
    return 0;
}
