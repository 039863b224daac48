#include "flow/switchover.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/assignment.h"

#include "base/banned.h"

enum { EDIT_TRIES = 5, MESSAGE_MAX = 8192, PHASE_MAX = 64 };

void switch_reverse_id(const char *project_id, char ret[static ID_MAX])
{
    (void)snprintf(ret, ID_MAX, "%.*s~r", ID_MAX - 3, project_id);
}

bool switch_is_worker(const struct plan_row *row)
{
    return strcmp(row->name, STEP_SWITCH) == 0;
}

bool switch_is_reverse(const struct plan_row *row)
{
    return strcmp(row->name, STEP_REVERSE) == 0 || strcmp(row->name, STEP_REVERSE_PULL) == 0;
}

/* ---------------------------------------------------------------------- the document */

/* What changes it; false: nothing to change. */
struct edit {
    bool (*change)(struct switch_change *c, const struct edit *e);
    const char *phase;
    struct json_object *said;
    const struct err *why;
};

/* 1 changed, 0 nothing to change (or the project does not run any more), -1. */
static int edit(struct store *st, const char *project_id, const struct edit *e, struct err *err)
{
    for (int i = 0; i < EDIT_TRIES; i++) {
        _cleanup_(json_putp)
        struct json_object *doc = NULL;
        struct switch_change c = { 0 };
        int r = store_switch_get(st, project_id, &doc, err);

        if (r <= 0)
            return r;
        switch_prepare(doc);
        c.doc = doc;
        if (!e->change(&c, e))
            return 0;
        r = store_switch_put(st, project_id, &c, err);
        if (r != 0)
            return r;
    }
    return 0;
}

static bool change_told(struct switch_change *c, const struct edit *e)
{
    return switch_told(c, e->phase, e->said);
}

static bool change_finished(struct switch_change *c, const struct edit *e)
{
    return switch_finished(c, e->phase, e->said);
}

static bool change_failed(struct switch_change *c, const struct edit *e)
{
    return switch_failed(c, e->phase, e->why);
}

static bool change_pulled(struct switch_change *c, const struct edit *e)
{
    (void)e;
    return switch_pulled(c);
}

static bool change_pull_lost(struct switch_change *c, const struct edit *e)
{
    return switch_pull_lost(c, e->why);
}

static bool change_drained(struct switch_change *c, const struct edit *e)
{
    return switch_drained(c, e->said);
}

/* ---------------------------------------------------------------------- who should run */

static const struct step *step_named(const struct step_rows *steps, const char *name)
{
    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->rows[i].name, name) == 0)
            return &steps->rows[i];
    return NULL;
}

static void add(struct wishes *w, const char *step)
{
    if (w->count < WANTED_MAX)
        w->rows[w->count++] = plan_find(step);
}

/* The drain is told to whoever runs now; one that starts later finds it in its assignment. */
static void send_drain(struct flow *f, const char *id, struct json_object *to)
{
    _cleanup_(json_putp)
    struct json_object *o = json_clone(to);

    if (o == NULL)
        return;
    json_add_str(o, "t", "drain");
    supervisor_send(f->sup, id, plan_find("INCR_TRANSFER"), o);
}

static void wish_workers(struct flow *f, const struct project *p, struct json_object *doc,
                         struct wishes *ret)
{
    const char *phase = switch_phase(doc);
    bool free_to_stop = strcmp(phase != NULL ? phase : "", switch_row(SUB_STOP_FORWARD)->name) != 0;
    bool free_to_clean = strcmp(phase != NULL ? phase : "", "ABORT") != 0;

    if (switch_state(doc) == SWITCH_DONE) {
        add(ret, STEP_REVERSE_PULL);
        add(ret, STEP_REVERSE);
        return;
    }
    add(ret, "TRANSFER_INCR_LOG_PULL");
    if (switch_wants_forward(doc))
        add(ret, "INCR_TRANSFER");
    if (switch_wants_pull(doc))
        add(ret, STEP_REVERSE_PULL);
    /* the end of who is waited for leads here again */
    free_to_stop = free_to_stop || !supervisor_alive(f->sup, p->id, "INCR_TRANSFER");
    free_to_clean = free_to_clean || !supervisor_alive(f->sup, p->id, STEP_REVERSE_PULL);
    if (phase != NULL && free_to_stop && free_to_clean)
        add(ret, STEP_SWITCH);
    if (switch_drain_to(doc) != NULL)
        send_drain(f, p->id, switch_drain_to(doc));
}

int switch_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *ret, struct err *err)
{
    const struct step *pull = step_named(steps, "TRANSFER_INCR_LOG_PULL");
    const struct step *own = step_named(steps, STEP_SWITCH);
    _cleanup_(json_putp)
    struct json_object *doc = NULL;

    if (own == NULL || pull == NULL || pull->status != SS_FINISHED)
        return 0;
    if (store_switch_get(f->o.store, p->id, &doc, err) < 0)
        return -1;
    switch_prepare(doc);
    if (switch_state(doc) == SWITCH_IDLE)
        return 0;
    if (switch_state(doc) != SWITCH_DONE &&
        store_step_move(f->o.store, p->id, STEP_SWITCH, 1U << SS_SUSPEND | 1U << SS_FAILED,
                        SS_RUNNING, err) < 0)
        return -1;
    wish_workers(f, p, doc, ret);
    return 1;
}

/* ---------------------------------------------------------------------- what they are sent */

/* Made with the project, by who checked that the mapping can be turned (api/switch_actions.c). */
static int reverse_mapping(struct json_object *config, struct json_object **ret, struct err *err)
{
    struct json_object *mapping = json_get(config, "reverseTransferMapping");

    if (mapping == NULL)
        return err_set(err, ERR_FLOW, "the project has no mapping for the reverse direction");
    *ret = json_clone(mapping);
    return *ret == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* The forward configuration as the reverse direction has it. */
static int reverse_config(struct json_object *config, struct json_object **ret, struct err *err)
{
    static const char *const off[] = { "enableStructTransfer", "enableFullTransfer",
                                       "enableFullVerify", "enableIncrVerify",
                                       "enableReverseIncrTransfer" };
    _cleanup_(json_putp)
    struct json_object *copy = json_clone(config);
    struct json_object *incr, *mapping = NULL;

    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (reverse_mapping(config, &mapping, err) < 0)
        return err_wrap(err, "the mapping of the reverse direction");
    json_add(copy, "transferMapping", mapping);
    for (size_t i = 0; i < ARRAY_SIZE(off); i++)
        json_add_bool(copy, off[i], false);
    incr = json_get(copy, "reverseIncrTransferConfig");
    json_add(copy, "incrTransferConfig",
             incr != NULL ? json_object_get(incr) : json_object_new_object());
    incr = json_get(copy, "incrTransferConfig");
    json_add(incr, "supportDDLTypes", json_object_new_array()); /* rows only go back */
    json_object_object_del(incr, "startTimestamp");
    *ret = take_ptr(copy);
    return 0;
}

static int assign_reverse(struct flow *f, const struct project *p, struct job *job,
                          struct json_object **ret, struct err *err)
{
    bool relay = strcmp(job->step->kind, "relay") == 0;
    _cleanup_(json_putp)
    struct json_object *config = NULL;
    char id[ID_MAX];
    struct subject subject;

    switch_reverse_id(p->id, id);
    if (reverse_config(p->config, &config, err) < 0)
        return -1;
    /* a reset of the forward direction is not for this log pull */
    subject = (struct subject){ .id = id,
                                .project_id = relay ? "" : p->id,
                                .config = config,
                                .source_id = p->sink_id,
                                .sink_id = p->source_id };
    if (assignment_build(&f->o, &subject, job->step, ret, err) < 0)
        return -1;
    json_add_str(*ret, "direction", "REVERSE");
    return 0;
}

static int lag_seconds(struct flow *f, const char *id, int64_t *ret, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    const struct step *incr;
    int64_t sampled;

    if (store_step_list(f->o.store, id, &steps.rows, &steps.count, err) < 0)
        return -1;
    incr = step_named(&steps, "INCR_TRANSFER");
    sampled = incr == NULL ? 0 : json_get_i64(incr->info, "checkpointSampleTimestamp", 0);
    if (sampled == 0) /* MONITORING since a moment ago: worth trying again */
        return err_set(err, ERR_TIMEOUT, "how far INCR_TRANSFER is behind is not known yet");
    *ret = MAX(clock_now_s() - sampled, (int64_t)0) + json_get_i64(incr->info, "lagMs", 0) / 1000;
    return 0;
}

/* The section "switch" of docs/channel.md. */
static int add_switch(struct flow *f, const struct project *p, struct json_object *doc,
                      const char *phase, struct json_object *to, struct err *err)
{
    struct json_object *o = json_object_new_object(), *reverse = json_object_new_object(),
                       *mapping = NULL;
    _cleanup_(freep)
    char *folder = NULL;
    char id[ID_MAX];
    int64_t lag = 0;
    static const char *const same[] = { "options", "readOnly", "positions" };

    json_add(to, "switch", o);
    json_add(o, "reverse", reverse);
    switch_reverse_id(p->id, id);
    if (assignment_folder(&f->o, id, &folder, err) < 0 ||
        (strcmp(phase, switch_row(SUB_PRECHECK)->name) == 0 &&
         lag_seconds(f, p->id, &lag, err) < 0) ||
        reverse_mapping(p->config, &mapping, err) < 0)
        return -1;
    json_add_str(o, "phase", phase);
    json_add_i64(o, "lagSeconds", lag);
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        json_add(o, same[i], json_object_get(json_get(doc, same[i])));
    json_add_str(reverse, "projectId", id);
    json_add_str(reverse, "dataDir", folder);
    json_add(reverse, "mapping", mapping);
    return 0;
}

static int assign_switch(struct flow *f, const struct project *p, struct job *job,
                         struct json_object **ret, struct err *err)
{
    const struct subject subject = { p->id, p->id, p->config, p->source_id, p->sink_id };
    struct feed *feed = job->user;
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    const char *phase;

    if (store_switch_get(f->o.store, p->id, &doc, err) < 0)
        return -1;
    switch_prepare(doc);
    phase = switch_phase(doc);
    (void)snprintf(feed->phase, sizeof(feed->phase), "%s", phase != NULL ? phase : "NOTHING");
    json_putp(&feed->said);
    feed->said = NULL;
    if (assignment_build(&f->o, &subject, job->step, ret, err) < 0)
        return -1;
    return add_switch(f, p, doc, feed->phase, *ret, err);
}

int switch_assignment(struct flow *f, const struct project *p, struct job *job,
                      struct json_object **ret, struct err *err)
{
    return switch_is_worker(job->step) ? assign_switch(f, p, job, ret, err)
                                       : assign_reverse(f, p, job, ret, err);
}

int switch_add_drain(struct flow *f, const struct project *p, struct json_object *doc,
                     struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *sw = NULL;
    struct json_object *to;

    if (!plan_has(p->config, STEP_SWITCH))
        return 0;
    if (store_switch_get(f->o.store, p->id, &sw, err) < 0)
        return -1;
    to = switch_drain_to(sw);
    return to == NULL ? 0 : json_add(doc, "drain", json_clone(to));
}

int switch_add_release(struct store *st, const char *project_id, struct json_object *doc,
                       struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *sw = NULL;
    char id[ID_MAX];

    if (store_switch_get(st, project_id, &sw, err) < 0)
        return -1;
    switch_reverse_id(project_id, id);
    json_add_bool(doc, "undoReadOnly", switch_undoes_read_only(sw));
    return json_add_str(doc, "reverseProjectId", id);
}

/* ---------------------------------------------------------------------- what they say */

static bool text_fits(struct json_object *doc, const char *key)
{
    const char *text = json_get_str(doc, key, NULL);

    return text != NULL && strlen(text) <= MESSAGE_MAX;
}

static bool is_position(struct json_object *o)
{
    return o == NULL || (text_fits(o, "file") && json_get_i64(o, "pos", -1) >= 0);
}

int switch_take(struct store *st, struct feed *f, struct json_object *doc, bool *ret_changed,
                struct err *err)
{
    struct edit e = { .change = change_told, .phase = f->phase, .said = doc };

    (void)ret_changed;
    if (!switch_is_worker(f->step) || !text_fits(doc, "message") ||
        !is_position(json_get(doc, "position")) ||
        strlen(json_text(doc)) > (size_t)MESSAGE_MAX * 16)
        return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: switch",
                       f->step->name);
    if (!json_get_bool(doc, "final", false))
        return edit(st, f->project_id, &e, err) < 0 ? -1 : 0;
    json_putp(&f->said); /* counts with `done` */
    f->said = json_object_get(doc);
    return 0;
}

int switch_take_drained(struct store *st, struct feed *f, struct json_object *doc,
                        bool *ret_changed, struct err *err)
{
    struct edit e = { .change = change_drained, .said = doc };
    int r;

    if (!is_position(doc) || strcmp(f->step->name, "INCR_TRANSFER") != 0)
        return err_set(err, ERR_CHANNEL, "the worker of step %s sent a malformed message: drained",
                       f->step->name);
    r = edit(st, f->project_id, &e, err);
    *ret_changed = r > 0;
    return r < 0 ? -1 : 0;
}

int switch_take_ready(struct store *st, struct feed *f, bool *ret_changed, struct err *err)
{
    struct edit e = { .change = change_pulled };
    int r = edit(st, f->project_id, &e, err);

    *ret_changed = r > 0;
    return r < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------------- how they end */

int switch_remove_folder(struct flow *f, const char *project_id, struct err *err)
{
    _cleanup_(freep)
    char *folder = NULL;
    char id[ID_MAX];

    switch_reverse_id(project_id, id);
    if (assignment_folder(&f->o, id, &folder, err) < 0)
        return -1;
    return fs_remove_tree(folder, err);
}

static int worker_done(struct flow *f, struct job *job, struct err *err)
{
    struct feed *feed = job->user;
    struct edit e = { .change = change_finished, .phase = feed->phase, .said = feed->said };

    FAULT("flow.switch_done.before");
    if (strcmp(feed->phase, "ABORT") == 0 && switch_remove_folder(f, job->owner, err) < 0)
        return -1;
    if (edit(f->o.store, job->owner, &e, err) < 0)
        return -1;
    log_info("flow", "switch_phase_done", "project=%s phase=%s", job->owner, feed->phase);
    FAULT("flow.switch_done.after");
    return 0;
}

static int worker_failed(struct flow *f, struct job *job, const struct err *why, struct err *err)
{
    struct feed *feed = job->user;
    struct edit e = { .change = change_failed, .phase = feed->phase, .why = why };

    log_err(LOG_WARN, "flow", "switch_phase_failed", why);
    if (edit(f->o.store, job->owner, &e, err) < 0)
        return -1;
    /* an abort is never given up: what was begun at the ends is to be undone */
    return strncmp(feed->phase, "ABORT", strlen("ABORT")) == 0 ? 1 : 0;
}

static int pull_failed(struct flow *f, struct job *job, const struct err *why, bool *ret_over,
                       struct err *err)
{
    struct edit e = { .change = change_pull_lost, .why = why };
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    int r = store_switch_get(f->o.store, job->owner, &doc, err);

    if (r < 0)
        return -1;
    *ret_over = switch_state(doc) != SWITCH_DONE;
    return *ret_over && edit(f->o.store, job->owner, &e, err) < 0 ? -1 : 0;
}

int switch_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 bool *ret_over, struct err *err)
{
    *ret_over = switch_is_worker(job->step);
    if (strcmp(job->step->name, STEP_REVERSE_PULL) == 0)
        return pull_failed(f, job, why, ret_over, err);
    if (!*ret_over || job->user == NULL)
        return 0;
    return how == JOB_DONE ? worker_done(f, job, err) : worker_failed(f, job, why, err);
}

/* ---------------------------------------------------------------------- a person's wishes */

static bool monitors(const struct step_rows *steps)
{
    const struct step *incr = step_named(steps, "INCR_TRANSFER");

    return incr != NULL && incr->status == SS_MONITORING;
}

static int readable(struct flow *f, const char *project_id, struct project **ret_project,
                    struct step_rows *ret_steps, struct json_object **ret, struct err *err)
{
    int r;

    if (store_project_live(f->o.store, project_id, ret_project, err) < 0 ||
        store_step_list(f->o.store, project_id, &ret_steps->rows, &ret_steps->count, err) < 0)
        return -1;
    r = store_switch_get(f->o.store, project_id, ret, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        (void)err_set(err, ERR_STATE, "project %s has no switchover", project_id);
        return err_advise(err, "Only a MIGRATION project with enableReverseIncrTransfer has one.");
    }
    switch_prepare(*ret);
    return 0;
}

static int advance_once(struct flow *f, const char *id, const struct flow_switch_ask *ask,
                        const char *user, const char **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    struct switch_change c = { 0 };
    struct switch_ask a = { .user = user,
                            .quiet_s = ask->quiet_s,
                            .set_read_only = ask->set_read_only,
                            .skip = ask->skip,
                            .mark_complete = ask->mark_complete };
    int r;

    if (readable(f, id, &p, &steps, &doc, err) < 0)
        return -1;
    if (p->status != PS_RUNNING)
        return err_set(err, ERR_STATE,
                       "project %s is %s: its switchover can be driven in RUNNING only", id,
                       project_status_text(p->status));
    a.forward_monitors = monitors(&steps);
    c.doc = doc;
    r = ask->abort ? switch_abort(&c, user, err) : switch_advance(&c, &a, ret, err);
    return r < 0 ? -1 : store_switch_put(f->o.store, id, &c, err);
}

int flow_switch(struct flow *f, const char *project_id, const struct flow_switch_ask *ask,
                const char *user, const char **ret, struct err *err)
{
    int r = 0;

    *ret = NULL;
    for (int i = 0; i < EDIT_TRIES && r == 0; i++)
        r = advance_once(f, project_id, ask, user, ret, err);
    if (r == 0)
        return err_set(err, ERR_STATE, "the switchover of project %s changed meanwhile",
                       project_id);
    if (r > 0)
        flow_switch_changed(f, project_id, ask->abort);
    return r < 0 ? -1 : 0;
}

/* ---------------------------------------------------------------------- dry run */

/* Starting the processes, and what they ask both ends, as measured: docs/switchover.md. */
enum { FIXED_STOP_S = 4 };

static struct json_object *estimate(const struct step *incr, int quiet_s)
{
    struct json_object *o = json_object_new_object();
    struct json_object *info = incr != NULL ? incr->info : NULL;
    int64_t lag_s = (json_get_i64(info, "lagMs", 0) + 999) / 1000;
    int64_t queue = json_get_i64(info, "queueBytes", 0), rate = json_get_i64(info, "iops", 0);
    int64_t drain_s = MAX(lag_s, rate > 0 ? queue / rate : 0);

    json_add_i64(o, "lagSeconds", lag_s);
    json_add_i64(o, "drainSeconds", drain_s);
    json_add_i64(o, "quietSeconds", quiet_s);
    json_add_i64(o, "fixedSeconds", FIXED_STOP_S);
    /* it drains while it is looked for further writes */
    json_add_i64(o, "stopOfWritesSeconds", MAX(drain_s, (int64_t)quiet_s) + FIXED_STOP_S);
    return o;
}

static struct json_object *dry_steps(struct json_object *doc)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; i < SUB_MAX_; i++) {
        const struct switch_row *row = switch_row((enum switch_sub)i);
        struct json_object *o = json_object_new_object();
        json_add_i64(o, "order", i + 1);
        json_add_str(o, "name", row->name);
        json_add_str(o, "confirm", row->manual ? "MANUAL" : "AUTO");
        json_add_str(o, "status", switch_status(doc, (enum switch_sub)i));
        json_add_str(o, "does", row->does);
        json_object_array_add(list, o);
    }
    return list;
}

int flow_switch_dry_run(struct flow *f, const char *project_id, int quiet_s,
                        struct json_object **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(json_putp)
    struct json_object *doc = NULL;
    struct json_object *o;
    bool ready;

    if (readable(f, project_id, &p, &steps, &doc, err) < 0)
        return -1;
    ready = p->status == PS_RUNNING && (monitors(&steps) || switch_state(doc) == SWITCH_RUNNING);
    o = json_object_new_object();
    json_add_bool(o, "dryRun", true);
    json_add_bool(o, "ready", ready);
    json_add_str(o, "state", json_get_str(doc, "state", ""));
    json_add_str(o, "nextSubStep",
                 switch_current(doc) == SUB_MAX_ ? NULL : switch_row(switch_current(doc))->name);
    json_add(o, "subSteps", dry_steps(doc));
    json_add(o, "estimate", estimate(step_named(&steps, "INCR_TRANSFER"), quiet_s));
    *ret = o;
    return 0;
}
