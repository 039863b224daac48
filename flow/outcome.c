/* What the start, the words and the end of a worker mean for the rows of its project. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/assignment.h"
#include "flow/feed.h"
#include "flow/flow_priv.h"
#include "flow/message.h"
#include "flow/modify.h"
#include "flow/pair.h"
#include "flow/switchover.h"
#include "flow/verify.h"
#include "store/event.h"
#include "store/precheck.h"

#include "base/banned.h"

static bool is_precheck(const struct job *job)
{
    return strcmp(job->step->name, STEP_PRECHECK) == 0;
}

static bool is_release(const struct job *job)
{
    return strcmp(job->step->name, STEP_RELEASE) == 0;
}

/* ---------------------------------------------------------------------- starting */

/* The row that the items of a project's first step go to: always the same one, emptied. */
static int precheck_of_project(struct flow *f, const char *project_id, char ret[static ID_MAX],
                               struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *latest = NULL;
    struct precheck p = { 0 };

    if (store_precheck_latest(f->o.store, project_id, &latest, err) < 0 &&
        err->code != ERR_PRECHECK_NOT_FOUND)
        return -1;
    if (latest != NULL && latest->body == NULL) { /* not one that was submitted */
        (void)snprintf(ret, ID_MAX, "%s", latest->id);
        return 0;
    }
    (void)snprintf(p.project_id, sizeof(p.project_id), "%s", project_id);
    if (store_precheck_add(f->o.store, &p, err) < 0)
        return -1;
    (void)snprintf(ret, ID_MAX, "%s", p.id);
    return 0;
}

static int begin_precheck(struct flow *f, struct feed *feed, struct err *err)
{
    feed->items = 0;
    if (store_precheck_clear(f->o.store, feed->precheck_id, err) < 0)
        return -1;
    return store_precheck_set(f->o.store, feed->precheck_id, "RUNNING", 0, NULL, err);
}

static void set_ends(struct feed *feed, const char *source_id, const char *sink_id)
{
    (void)snprintf(feed->ends[0], ID_MAX, "%s", source_id);
    (void)snprintf(feed->ends[1], ID_MAX, "%s", sink_id);
}

static int start_submitted(struct flow *f, struct job *job, struct feed *feed,
                           struct json_object **ret, struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *p = NULL;
    struct subject subject;

    if (store_precheck_get(f->o.store, job->owner, &p, err) < 0)
        return -1;
    subject = (struct subject){
        .id = p->id,
        .project_id = p->project_id,
        .config = p->body,
        .source_id = json_get_str(p->body, "sourceEndpointId", ""),
        .sink_id = json_get_str(p->body, "sinkEndpointId", ""),
    };
    (void)snprintf(feed->precheck_id, sizeof(feed->precheck_id), "%s", p->id);
    set_ends(feed, subject.source_id, subject.sink_id);
    if (begin_precheck(f, feed, err) < 0)
        return -1;
    return assignment_build(&f->o, &subject, job->step, ret, err);
}

static int start_step(struct flow *f, struct job *job, struct feed *feed, struct json_object **ret,
                      struct err *err)
{
    /* RUNNING, MONITORING and a background step's FINISHED stay: the worker only comes back */
    static const unsigned waiting = 1U << SS_INIT | 1U << SS_SUSPEND | 1U << SS_FAILED;
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct subject subject;
    int begins = 0;

    if (store_project_get(f->o.store, job->owner, &p, err) < 0)
        return -1;
    (void)snprintf(feed->project_id, sizeof(feed->project_id), "%s", p->id);
    if (switch_is_reverse(job->step))
        set_ends(feed, p->sink_id, p->source_id);
    else
        set_ends(feed, p->source_id, p->sink_id);
    if (is_precheck(job) && (precheck_of_project(f, p->id, feed->precheck_id, err) < 0 ||
                             begin_precheck(f, feed, err) < 0))
        return -1;
    if (!is_release(job) && p->status == PS_RUNNING)
        begins = store_step_move(f->o.store, p->id, job->step->name, waiting, SS_RUNNING, err);
    if (begins < 0 || (begins > 0 && strcmp(job->step->name, STEP_INCR) == 0 &&
                       verify_peer_began(f, p->id, err) < 0))
        return -1;
    feed->gauges = f->gauges;
    if (gauges_begin(f->gauges, p->id, p->name, job->step, job->restarts,
                     flow_alert_lag(json_get_str(p->config, "importance", "LOW")), err) < 0)
        return -1;
    feed->reset_id[0] = feed->pending_ddl[0] = '\0';
    if (switch_is_reverse(job->step) || switch_is_worker(job->step))
        return switch_assignment(f, p, job, ret, err);
    subject = (struct subject){ p->id, p->id, p->config, p->source_id, p->sink_id };
    if (assignment_build(&f->o, &subject, job->step, ret, err) < 0 ||
        modify_add(f, p, job->step, *ret, err) < 0 || verify_add(f, p, job, *ret, err) < 0 ||
        (strcmp(job->step->kind, "incr") == 0 && switch_add_drain(f, p, *ret, err) < 0))
        return -1;
    /* of this start: `ready` of one that was started before a reset must not end it */
    (void)snprintf(feed->reset_id, sizeof(feed->reset_id), "%s", json_get_str(*ret, "resetId", ""));
    return 0;
}

int outcome_starting(void *ctx, struct job *job, struct json_object **ret, struct err *err)
{
    struct flow *f = ctx;

    if (job->user == NULL)
        job->user = feed_new(job->step);
    if (job->user == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    ((struct feed *)job->user)->limits = &f->o.conflicts;
    if (flow_is_precheck(job->owner))
        return start_submitted(f, job, job->user, ret, err);
    return start_step(f, job, job->user, ret, err);
}

int outcome_message(void *ctx, struct job *job, struct json_object *doc, struct err *err)
{
    struct flow *f = ctx;
    bool changed = false;

    if (message_take(f->o.store, job->user, doc, &changed, err) < 0)
        return -1;
    if (changed)
        flow_look(f, job->owner, 0);
    return 0;
}

void outcome_forget(void *ctx, struct job *job)
{
    struct flow *f = ctx;

    gauges_end(f->gauges, job->owner, job->step);
    feed_free(job->user);
    job->user = NULL;
}

/* ---------------------------------------------------------------------- how it ended */

/* Raises ERR_PRECHECK_FAILED when an item has failed: 1; 0: all is well; -1: the store's error. */
static int failed_items(struct flow *f, const char *precheck_id, struct err *ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *items = NULL;
    struct json_object *first = NULL;
    size_t failed = 0;

    if (store_precheck_items(f->o.store, precheck_id, &items, err) < 0)
        return -1;
    for (size_t i = 0; i < json_len(items); i++)
        if (strcmp(json_get_str(json_at(items, i), "status", ""), "FAILED") == 0) {
            first = first != NULL ? first : json_at(items, i);
            failed++;
        }
    if (failed == 0)
        return 0;
    (void)err_set(ret, ERR_PRECHECK_FAILED, "%zu of %zu checks failed, first %s at %s: %.600s",
                  failed, json_len(items), json_get_str(first, "checkType", ""),
                  json_get_str(first, "endpointType", ""), json_get_str(first, "message", ""));
    return 1;
}

/*
 * Closes the precheck's row. *why becomes what its step, if it has one, fails with: `*ret_failed`.
 * The row's own error is kept for a check that could not run; failed items speak for themselves.
 */
static int end_precheck(struct flow *f, const struct feed *feed, enum job_end how, struct err *why,
                        bool *ret_failed, struct err *err)
{
    bool could_not_run = how != JOB_DONE && why->code != ERR_PRECHECK_FAILED;
    int failed = 0;

    *ret_failed = how != JOB_DONE;
    if (!could_not_run) {
        failed = failed_items(f, feed->precheck_id, why, err);
        if (failed < 0)
            return -1;
        *ret_failed = *ret_failed || failed > 0;
    }
    return store_precheck_set(f->o.store, feed->precheck_id, *ret_failed ? "FAILED" : "FINISHED",
                              100, could_not_run || (*ret_failed && failed == 0) ? why : NULL, err);
}

static int fail_step(struct flow *f, struct job *job, const struct err *why, struct err *err)
{
    /* a FINISHED step fails only while its worker stays in the background */
    unsigned from =
        ~(1U << SS_FAILED | (job->step->on_ready == READY_NOTHING ? 1U << SS_FINISHED : 0U));
    const struct transition *t = transition_find(PS_RUNNING, EV_STEP_FAILED);
    const char *name = job->step->name;
    char reason[512];
    int moved;

    if (strcmp(name, STEP_REVERSE_PULL) == 0) /* it shows at the step that it is for */
        name = STEP_REVERSE;
    if (store_step_error(f->o.store, job->owner, name, why, false, err) < 0 ||
        store_step_move(f->o.store, job->owner, name, from, SS_FAILED, err) < 0)
        return -1;
    FAULT("flow.step_failed.between");
    (void)snprintf(reason, sizeof(reason), "%s: %s: %.400s", t->why, name, why->message);
    moved = store_project_move(f->o.store, job->owner, PS_RUNNING, t->to, reason, err);
    if (moved < 0 || (why->code == ERR_LOOP && pair_loop_found(f, job, why, err) < 0))
        return -1;
    log_err(LOG_ERROR, "flow", "step_failed", why);
    log_error("flow", "project_failed", "project=%s step=%s moved=%d", job->owner, job->step->name,
              moved);
    return 0;
}

static int finish_step(struct flow *f, struct job *job, struct err *err)
{
    int moved;

    FAULT("flow.step_finished.before");
    moved = store_step_move(f->o.store, job->owner, job->step->name, ~(1U << SS_FINISHED),
                            SS_FINISHED, err);
    if (moved < 0)
        return -1;
    if (moved > 0) {
        log_info("flow", "step_finished", "project=%s step=%s", job->owner, job->step->name);
        return store_event_add(f->o.store, job->owner, "INFO", "step_finished", job->step->name,
                               err);
    }
    return 0;
}

/* The last of a project: `left` is why something may be left at the target, or NULL. */
static int finish_release(struct flow *f, struct job *job, const struct project *p,
                          const struct err *left, struct err *err)
{
    const struct transition *t = transition_find(PS_RELEASING, EV_RELEASED);
    struct json_object *common = json_get(p->config, "commonTransferConfig");
    char text[1024];
    _cleanup_(freep)
    char *folder = NULL;

    if (assignment_folder(&f->o, p->id, &folder, err) < 0 || fs_remove_tree(folder, err) < 0 ||
        switch_remove_folder(f, p->id, err) < 0)
        return -1;
    FAULT("flow.release.before");
    (void)snprintf(text, sizeof(text),
                   "released, but the rows of %s in the control schema %s at the target could not "
                   "be removed: %.600s",
                   p->id, json_get_str(common, "controlSchema", "oms"),
                   left != NULL ? left->message : "");
    if (left != NULL &&
        store_event_add(f->o.store, p->id, "WARN", "release_incomplete", text, err) < 0)
        return -1;
    if (store_project_move(f->o.store, p->id, PS_RELEASING, t->to, left != NULL ? text : t->why,
                           err) < 0)
        return -1;
    log_info("flow", "project_released", "project=%s complete=%d", job->owner, left == NULL);
    return 0;
}

/*
 * Decision: a target that can't be reached must not keep a project for ever. For RELEASE_LIMIT_S
 * after the request it is tried again, then the project is RELEASED and a warning in its history
 * says what was left behind.
 */
static int end_release(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                       struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;

    if (store_project_get(f->o.store, job->owner, &p, err) < 0)
        return -1;
    if (p->status != PS_RELEASING)
        return 0;
    /* the status is the last thing that changed the row: modified_at is when it was asked for */
    if (how == JOB_FAILED && clock_now_s() - p->modified_at < RELEASE_LIMIT_S) {
        log_err(LOG_WARN, "flow", "release_again", why);
        return 1;
    }
    return finish_release(f, job, p, how == JOB_DONE ? NULL : why, err);
}

/* The worker says what it stopped at, not by which actions a person gets it going again. */
static void advise_pending(const struct feed *feed, struct err *why)
{
    char own[sizeof(why->advice)] = "";

    if (strstr(why->advice, "ListPendingDdl") == NULL)
        (void)snprintf(own, sizeof(own), "%s", why->advice);
    (void)err_advise(why,
                     "ListPendingDdl shows statement %s; SkipDdl leaves it out at the target, "
                     "ReplaceDdl runs yours instead; then ResumeProject.%s%.300s",
                     feed->pending_ddl, *own != '\0' ? " " : "", own);
}

static int end_step(struct flow *f, struct job *job, enum job_end how, const struct err *why,
                    struct err *err)
{
    struct feed *feed = job->user;
    struct err reason = { 0 };
    bool failed = how != JOB_DONE, over;
    int again;

    if (why != NULL)
        reason = *why;
    if (feed != NULL && feed_write(feed, f->o.store, err) < 0)
        return -1;
    if (feed != NULL && feed->precheck_id[0] != '\0' &&
        end_precheck(f, feed, how, &reason, &failed, err) < 0)
        return -1;
    if (flow_is_precheck(job->owner))
        return 0;
    over = false;
    again = switch_ended(f, job, how, why, &over, err);
    if (again == 0 && !over)
        again = verify_ended(f, job, how, why, &over, err);
    if (again < 0 || over)
        return again;
    if (failed && feed != NULL && feed->pending_ddl[0] != '\0')
        advise_pending(feed, &reason);
    return failed ? fail_step(f, job, &reason, err) : finish_step(f, job, err);
}

int outcome_ended(void *ctx, struct job *job, enum job_end how, const struct err *why)
{
    struct flow *f = ctx;
    struct err err = { 0 };
    int r = 0;

    if (how == JOB_STOPPED) {
        if (job->user != NULL && feed_write(job->user, f->o.store, &err) < 0)
            log_err(LOG_WARN, "flow", "progress_lost", &err); /* only for the eye */
    } else if (modify_is_worker(job->step)) {
        r = modify_ended(f, job, how, why, &err);
    } else if (verify_is_mend(job->step)) {
        r = verify_mend_ended(f, job, how, why, &err);
    } else if (is_release(job)) {
        r = end_release(f, job, how, why, &err);
    } else {
        r = end_step(f, job, how, why, &err);
    }
    if (r < 0)
        log_err(LOG_ERROR, "flow", "end_not_stored", &err);
    else if (!flow_is_precheck(job->owner))
        flow_look(f, job->owner, 0);
    return r;
}
