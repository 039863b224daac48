#include "flow/verify.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "flow/assignment.h"
#include "flow/grade.h"
#include "flow/switchover.h"
#include "store/event.h"
#include "store/pair.h"
#include "store/verify.h"

#include "base/banned.h"

enum {
    PEER_LOOK_MS = 1000,
    MEND_ROWS_MAX = 5000, /* of one assignment; what is left comes with the next start */
    PATH_MAX_BYTES = 4096,
};

bool verify_is_own(const struct plan_row *row)
{
    return strcmp(row->name, STEP_VERIFY) == 0 || strcmp(row->name, STEP_WATCH) == 0;
}

bool verify_is_mend(const struct plan_row *row)
{
    return strcmp(row->name, STEP_MEND) == 0;
}

static const struct step *step_named(const struct step_rows *steps, const char *name)
{
    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->rows[i].name, name) == 0)
            return &steps->rows[i];
    return NULL;
}

static bool applies(const struct step *s)
{
    return s != NULL && (s->status == SS_RUNNING || s->status == SS_MONITORING);
}

static bool is_passed(const struct step *s)
{
    return s == NULL || s->status == SS_FINISHED || s->status == SS_MONITORING;
}

static bool with_incr(const struct project *p)
{
    return json_get_bool(p->config, "enableIncrTransfer", false);
}

/* The ODC client takes a migration for done when this step is RUNNING with progress 100. */
static bool stays(const struct project *p)
{
    return with_incr(p) && strcmp(p->type, "MIGRATION") == 0;
}

/* The first step that both ends can't be compared before; NULL: they can. */
static const struct step *in_the_way(const struct step_rows *steps)
{
    const struct step *sw = step_named(steps, STEP_SWITCH), *back = step_named(steps, STEP_REVERSE);

    for (size_t i = 0; i < steps->count; i++)
        if (plan_is_before(steps->rows[i].name, STEP_VERIFY) && !is_passed(&steps->rows[i]))
            return &steps->rows[i];
    if (sw == NULL || sw->status == SS_INIT)
        return NULL;
    if (sw->status != SS_FINISHED)
        return sw;
    return is_passed(back) ? NULL : back;
}

/* ---------------------------------------------------------------------- the other direction */

/*
 * Whether the other project of a pair lets both ends be compared: it has not been started, or
 * follows. Changes that wait while it stands still would be found as differences.
 */
static int peer_fits(struct flow *f, const char *project_id, struct pair *ret, bool *ret_fits,
                     struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    const struct step *incr;

    *ret_fits = true;
    if (store_pair_get(f->o.store, project_id, ret, err) < 0)
        return -1;
    if (ret->peer_id[0] == '\0' || ret->peer == PS_INIT)
        return 0;
    if (store_step_list(f->o.store, ret->peer_id, &steps.rows, &steps.count, err) < 0)
        return -1;
    incr = step_named(&steps, STEP_INCR);
    *ret_fits = ret->peer == PS_RUNNING && incr != NULL && incr->status == SS_MONITORING;
    return 0;
}

int verify_peer_began(struct flow *f, const char *project_id, struct err *err)
{
    struct pair pair = { 0 };

    if (store_pair_get(f->o.store, project_id, &pair, err) < 0)
        return -1;
    if (pair.peer_id[0] == '\0')
        return 0;
    supervisor_renew(f->sup, pair.peer_id, plan_find(STEP_VERIFY));
    supervisor_renew(f->sup, pair.peer_id, plan_find(STEP_WATCH));
    return 0;
}

/* ---------------------------------------------------------------------- who should run */

static void add(struct wishes *w, const char *step)
{
    if (w->count < WANTED_MAX)
        w->rows[w->count++] = plan_find(step);
}

static int place_of(const struct step_rows *steps)
{
    int place = 1;

    for (size_t i = 0; i < steps->count; i++)
        place += plan_is_before(steps->rows[i].name, STEP_VERIFY);
    return place;
}

/* 1: the worker of a run should work; the project's own step begins its run here. */
static int wish_run(struct flow *f, const struct project *p, const struct step_rows *steps,
                    struct err *err)
{
    const struct step *own = step_named(steps, STEP_VERIFY);
    const struct verify_ask first = { .step = STEP_VERIFY, .place = place_of(steps) };
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };

    if (own == NULL)
        return 0;
    if (store_verify_run(f->o.store, p->id, &run, err) < 0)
        return -1;
    if (run.id[0] == '\0' && own->status != SS_FINISHED)
        return store_verify_begin(f->o.store, p->id, &first, err);
    /* paused when it was through: it is through still */
    if (run.state == VS_DONE && stays(p) &&
        store_step_move(f->o.store, p->id, STEP_VERIFY, 1U << SS_SUSPEND, SS_RUNNING, err) < 0)
        return -1;
    return run.id[0] != '\0' && run.state == VS_OPEN;
}

int verify_wish(struct flow *f, const struct project *p, const struct step_rows *steps,
                struct wishes *io, struct err *err)
{
    const struct step *watch = step_named(steps, STEP_WATCH);
    struct pair pair = { 0 };
    bool fits = true, mends = false;
    int open;

    if (p->parent_id[0] != '\0' || in_the_way(steps) != NULL)
        return 0;
    if (watch != NULL && watch->status != SS_FAILED)
        add(io, STEP_WATCH);
    if (store_verify_applying(f->o.store, p->id, &mends, err) < 0)
        return -1;
    if (mends)
        add(io, STEP_MEND);
    if (step_named(steps, STEP_VERIFY) == NULL || mends)
        return 0;
    if (peer_fits(f, p->id, &pair, &fits, err) < 0)
        return -1;
    if (!fits && !supervisor_has_step(f->sup, p->id, plan_find(STEP_VERIFY))) {
        flow_look(f, p->id, PEER_LOOK_MS);
        return 0;
    }
    open = wish_run(f, p, steps, err);
    if (open > 0)
        add(io, STEP_VERIFY);
    return MIN(open, 0);
}

/* ---------------------------------------------------------------------- what they are given */

/* <folder of that incremental worker>/touched, or null. */
static int add_map(struct flow *f, struct json_object *watch, const char *end, const char *id,
                   struct err *err)
{
    _cleanup_(freep)
    char *folder = NULL;
    _cleanup_(strbuf_done)
    struct strbuf path = STRBUF(PATH_MAX_BYTES);

    if (id == NULL)
        return json_add_null(watch, end);
    if (assignment_folder(&f->o, id, &folder, err) < 0)
        return -1;
    strbuf_addf(&path, "%s/touched", folder);
    if (strbuf_check(&path, err) < 0)
        return -1;
    return json_add_str(watch, end, strbuf_str(&path));
}

/* Who reads the binlog of which end now. */
static int add_watch(struct flow *f, const struct project *p, struct json_object *section,
                     struct err *err)
{
    struct json_object *o = json_object_new_object();
    _cleanup_(step_rows_done)
    struct step_rows own = { 0 };
    _cleanup_(step_rows_done)
    struct step_rows peers = { 0 };
    struct pair pair = { 0 };
    const char *sink = NULL;
    char back[ID_MAX];

    json_add(section, "watch", o);
    if (store_step_list(f->o.store, p->id, &own.rows, &own.count, err) < 0 ||
        store_pair_get(f->o.store, p->id, &pair, err) < 0)
        return -1;
    if (applies(step_named(&own, STEP_REVERSE))) { /* after a switchover */
        switch_reverse_id(p->id, back);
        sink = back;
    } else if (pair.peer_id[0] != '\0' && pair.peer == PS_RUNNING) {
        if (store_step_list(f->o.store, pair.peer_id, &peers.rows, &peers.count, err) < 0)
            return -1;
        sink = applies(step_named(&peers, STEP_INCR)) ? pair.peer_id : NULL;
    }
    if (add_map(f, o, "source", applies(step_named(&own, STEP_INCR)) ? p->id : NULL, err) < 0)
        return -1;
    return add_map(f, o, "sink", sink, err);
}

static int add_run(struct flow *f, const struct project *p, struct feed *feed,
                   struct json_object *section, struct err *err)
{
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    struct json_object *done = NULL, *open = NULL;

    if (store_verify_run(f->o.store, p->id, &run, err) < 0 ||
        store_verify_progress(f->o.store, p->id, run.id, &done, &open, err) < 0)
        return -1;
    (void)snprintf(feed->run_id, sizeof(feed->run_id), "%s", run.id);
    json_add_str(section, "runId", run.id);
    json_add(section, "tables", json_object_get(run.tables));
    json_add(section, "done", done);
    return json_add(section, "open", open);
}

static int add_rows(struct flow *f, const struct project *p, struct feed *feed,
                    struct json_object *section, struct err *err)
{
    struct json_object *mend = json_object_new_object(), *rows = NULL;

    json_add(section, "mend", mend);
    if (store_verify_mend_rows(f->o.store, p->id, MEND_ROWS_MAX, &rows, &feed->mend_upto, err) < 0)
        return -1;
    return json_add(mend, "rows", rows);
}

int verify_add(struct flow *f, const struct project *p, struct job *job, struct json_object *doc,
               struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *settings = NULL;
    struct json_object *section, *numbers;
    struct feed *feed = job->user;

    if (!verify_is_own(job->step) && !verify_is_mend(job->step))
        return 0;
    settings = grade_settings(p->config);
    numbers = json_get(settings, "fullVerify");
    section = json_object_new_object();
    json_add(doc, "verify", section);
    json_add_str(section, "mode", grade_mode(json_get_str(numbers, "grade", "MEDIUM")));
    json_add_i64(section, "workerNum", json_get_i64(numbers, "workerNum", 1));
    json_add_i64(section, "batchRows", json_get_i64(numbers, "batchRows", 1));
    json_add_i64(section, "maxRows", VERIFY_ROWS_PER_TABLE);
    json_add_null(section, "mend");
    if (add_watch(f, p, section, err) < 0)
        return -1;
    if (strcmp(job->step->name, STEP_VERIFY) == 0)
        return add_run(f, p, feed, section, err);
    json_add_str(section, "runId", "");
    json_add_null(section, "tables");
    json_add(section, "done", json_object_new_array());
    json_add(section, "open", json_object_new_array());
    return verify_is_mend(job->step) ? add_rows(f, p, feed, section, err) : 0;
}

/* ---------------------------------------------------------------------- how they end */

static int run_ended(struct flow *f, const struct project *p, enum job_end how,
                     const struct err *why, bool *ret_over, struct err *err)
{
    const struct verify_end e = { .step = STEP_VERIFY,
                                  .state = how == JOB_DONE ? VS_DONE : VS_FAILED,
                                  .stays = stays(p),
                                  .why = why };

    int ended;

    FAULT("flow.verify_ended.before");
    ended = store_verify_end(f->o.store, p->id, &e, err);
    if (ended <= 0) /* skipped meanwhile */
        return ended;
    if (how == JOB_DONE)
        log_info("flow", "verified", "project=%s", p->id);
    else
        log_err(LOG_ERROR, "flow", "verify_failed", why);
    /* without incremental nothing else runs that could be stopped by it */
    *ret_over = how == JOB_DONE || with_incr(p);
    return 0;
}

static int watch_ended(struct flow *f, const struct project *p, const struct err *why,
                       struct err *err)
{
    char message[1024];

    if (store_step_error(f->o.store, p->id, STEP_WATCH, why, false, err) < 0 ||
        store_step_move(f->o.store, p->id, STEP_WATCH, ~(1U << SS_FAILED), SS_FAILED, err) < 0)
        return -1;
    log_err(LOG_ERROR, "flow", "watch_failed", why);
    (void)snprintf(message, sizeof(message),
                   "the continuous check failed, the project goes on without it: %.700s",
                   why->message);
    return store_event_add(f->o.store, p->id, "ERROR", "watch_failed", message, err);
}

int verify_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                 bool *ret_over, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (!verify_is_own(job->step))
        return 0;
    if (store_project_get(f->o.store, job->owner, &p, err) < 0)
        return -1;
    *ret_over = true;
    if (strcmp(job->step->name, STEP_VERIFY) == 0)
        return run_ended(f, p, how, why, ret_over, err);
    return how == JOB_DONE ? 0 : watch_ended(f, p, why, err);
}

int verify_mend_ended(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                      struct err *err)
{
    struct feed *feed = job->user;

    if (how != JOB_DONE)
        log_err(LOG_WARN, "flow", "corrections_failed", why);
    FAULT("flow.verify_mend_ended.before");
    return store_verify_mend_end(f->o.store, job->owner, feed != NULL ? feed->mend_upto : INT64_MAX,
                                 how == JOB_DONE ? NULL : why, err);
}

int verify_again(struct flow *f, const char *project_id, struct err *err)
{
    int run = store_verify_reopen(f->o.store, project_id, STEP_VERIFY, err), watch;

    if (run < 0)
        return -1;
    watch = store_step_move(f->o.store, project_id, STEP_WATCH, 1U << SS_FAILED, SS_SUSPEND, err);
    return watch < 0 ? -1 : run > 0 || watch > 0;
}

/* ---------------------------------------------------------------------- a person's wishes */

static int refuse(const struct project *p, const char *what, struct err *err)
{
    (void)err_set(err, ERR_STATE,
                  "project %s can't be %s: it is %s, and this is possible in "
                  "RUNNING and FINISHED only",
                  p->id, what, project_status_text(p->status));
    return err_advise(err, "ResumeProject lets a stopped project go on.");
}

/* A project whose ends can be compared now; else why not. */
static int check_comparable(struct flow *f, const char *id, const char *what,
                            struct step_rows *ret_steps, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    const struct step *blocks;
    struct pair pair = { 0 };
    bool fits = true;

    if (store_project_live(f->o.store, id, &p, err) < 0 ||
        store_step_list(f->o.store, id, &ret_steps->rows, &ret_steps->count, err) < 0)
        return -1;
    if (p->parent_id[0] != '\0')
        return err_set(err, ERR_STATE,
                       "project %s can't be %s: it belongs to a modify record of %s", id, what,
                       p->parent_id);
    if (p->status != PS_RUNNING && p->status != PS_FINISHED)
        return refuse(p, what, err);
    blocks = in_the_way(ret_steps);
    if (blocks != NULL) {
        (void)err_set(err, ERR_STATE, "project %s can't be %s yet: step %s is %s", id, what,
                      blocks->name, step_status_text(blocks->status));
        return err_advise(err, "The copy has to be FINISHED, incremental MONITORING, and a "
                               "switchover that was begun FINISHED or aborted.");
    }
    if (peer_fits(f, id, &pair, &fits, err) < 0)
        return -1;
    if (fits)
        return 0;
    (void)err_set(err, ERR_STATE,
                  "project %s can't be %s: the other direction, project %s, is %s "
                  "and does not follow",
                  id, what, pair.peer_id, project_status_text(pair.peer));
    return err_advise(err, "What waits to be carried by it would be found as differences: let it "
                           "become MONITORING, or release it.");
}

int flow_verify_start(struct flow *f, const char *project_id, struct json_object *tables,
                      const char *user, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    struct verify_ask ask = { .step = STEP_VERIFY, .tables = tables, .user = user };
    bool mends = false;
    int r;

    if (check_comparable(f, project_id, "verified", &steps, err) < 0)
        return -1;
    ask.place = place_of(&steps);
    r = store_verify_begin(f->o.store, project_id, &ask, err);
    if (r < 0)
        return -1;
    if (r == 0) {
        if (store_verify_applying(f->o.store, project_id, &mends, err) < 0)
            return -1;
        (void)err_set(err, ERR_STATE, "project %s can't be verified now: %s", project_id,
                      mends ? "corrections are being applied" : "a verification is running");
        return err_advise(err, mends ? "Wait until no row is APPLYING."
                                     : "Wait until it is through, or skip it: AdvanceProject.");
    }
    log_info("flow", "verify_asked", "project=%s", project_id);
    flow_wake(f, project_id);
    return 0;
}

int flow_verify_skip(struct flow *f, const char *project_id, const char *user,
                     char ret_next[static 64], struct err *err)
{
    static const unsigned in = 1U << PS_RUNNING | 1U << PS_SUSPEND | 1U << PS_FAILED;
    const struct verify_end e = { .step = STEP_VERIFY, .state = VS_SKIPPED, .user = user };
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    _cleanup_(verify_run_done)
    struct verify_run run = { 0 };
    int r;

    if (store_project_live(f->o.store, project_id, &p, err) < 0 ||
        store_verify_run(f->o.store, project_id, &run, err) < 0)
        return -1;
    if ((in & 1U << p->status) == 0 || run.id[0] == '\0' ||
        (run.state != VS_OPEN && run.state != VS_FAILED))
        return 0;
    r = store_verify_end(f->o.store, project_id, &e, err);
    if (r <= 0)
        return r;
    if (store_step_list(f->o.store, project_id, &steps.rows, &steps.count, err) < 0)
        return -1;
    ret_next[0] = '\0';
    for (size_t i = 0; i + 1 < steps.count; i++)
        if (strcmp(steps.rows[i].name, STEP_VERIFY) == 0)
            (void)snprintf(ret_next, 64, "%s", steps.rows[i + 1].name);
    log_info("flow", "verify_skipped", "project=%s", project_id);
    flow_wake(f, project_id);
    return 1;
}

int flow_verify_apply(struct flow *f, const char *project_id, const struct verify_rows *rows,
                      const char *user, struct err *err)
{
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };
    int n;

    if (check_comparable(f, project_id, "corrected", &steps, err) < 0)
        return -1;
    if (step_named(&steps, STEP_SWITCH) != NULL &&
        step_named(&steps, STEP_SWITCH)->status == SS_FINISHED) {
        (void)err_set(
            err, ERR_STATE,
            "project %s can't be corrected: it has switched over, and the target is where "
            "applications write now",
            project_id);
        return err_advise(err, "Corrections make the target equal to the source. Look at the rows "
                               "and mend the end that is wrong by hand.");
    }
    n = store_verify_apply(f->o.store, project_id, rows, user, err);
    if (n > 0)
        flow_wake(f, project_id);
    return n;
}
