/* ConfigureReverseProject: the other direction of a two-way project. */
#include "api/action.h"

#include <stdio.h>
#include <string.h>

#include "api/invert.h"
#include "api/project_body.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "store/pair.h"

#include "base/banned.h"

enum { NAME_MAX_CHARS = 64 };

#define APPLY_STEP "INCR_TRANSFER"
#define NAME_TAIL "-reverse"

/* ------------------------------------------------------------------ may it be? */

static const struct step *step_named(const struct step *steps, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

/* The first step that is not done: FULL_TRANSFER is at work while the log pull is FINISHED. */
static const struct step *first_open(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].status != SS_FINISHED)
            return &steps[i];
    return NULL;
}

/* What a project that does not run is doing instead, and what helps. */
static int refuse_status(const struct project *p, const struct step *now, struct err *err)
{
    const char *step = now != NULL ? now->name : "-";

    switch (p->status) {
    case PS_INIT:
        (void)err_set(err, ERR_STATE, "project %s is INIT: it was not started yet", p->id);
        return err_advise(err, "StartProject, and wait until " APPLY_STEP " is RUNNING.");
    case PS_SUSPEND:
        (void)err_set(err, ERR_STATE, "project %s is SUSPEND: it was paused in step %s", p->id,
                      step);
        return err_advise(err, "ResumeProject, and wait until " APPLY_STEP " is RUNNING.");
    case PS_FAILED:
        (void)err_set(err, ERR_STATE, "project %s is FAILED in step %s: %.400s", p->id, step,
                      now != NULL ? json_get_str(now->error, "message", "-") : "-");
        return err_advise(err, "DescribeProjectSteps tells what to do about it; ResumeProject, and "
                               "wait until " APPLY_STEP " is RUNNING.");
    case PS_FINISHED:
    case PS_RELEASING:
    case PS_RELEASED:
        (void)err_set(err, ERR_STATE, "project %s is %s: it carries nothing any more", p->id,
                      project_status_text(p->status));
        return err_advise(err, "Only a project that runs can have a reverse one.");
    case PS_RUNNING:
    case PS_DELETED: /* not found */
    case PS_MAX_:
        break;
    }
    return 0;
}

/* A step that failed or was paused is the one to name; else the first that is not done. */
static const struct step *telling(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].status == SS_FAILED)
            return &steps[i];
    return first_open(steps, count);
}

static int check_step(struct call *c, const struct project *p, const struct step *steps,
                      size_t count, struct err *err)
{
    const struct step *apply = step_named(steps, count, APPLY_STEP);
    const struct step *now = telling(steps, count);

    if (p->status != PS_RUNNING)
        return refuse_status(p, now, err);
    if (apply == NULL || now != apply) {
        (void)err_set(
            err, ERR_STATE, "project %s is in step %s (%s, %.0f %%), " APPLY_STEP " has not begun",
            p->id, now != NULL ? now->name : "-", now != NULL ? step_status_text(now->status) : "-",
            now != NULL ? now->progress : 0);
        return err_advise(err, "Wait until " APPLY_STEP " is RUNNING.");
    }
    if (apply->status != SS_RUNNING && apply->status != SS_MONITORING) {
        (void)err_set(err, ERR_STATE, "project %s: step " APPLY_STEP " is %s", p->id,
                      step_status_text(apply->status));
        return err_advise(err, "Wait until it is RUNNING.");
    }
    if (!flow_worker_alive(c->on->flow, p->id, APPLY_STEP)) {
        (void)err_set(err, ERR_STATE,
                      "project %s: step " APPLY_STEP " is %s, but its worker is not alive (it is "
                      "about to be started again)",
                      p->id, step_status_text(apply->status));
        return err_advise(err, "Try again in a few seconds.");
    }
    return 0;
}

/* Where it begins: at the turn, unless that is not known or not right any more. */
static int check_start(struct call *c, const struct project *p, bool has_time, struct err *err)
{
    char former[ID_MAX];
    int r;

    if (has_time)
        return 0;
    r = store_pair_former(c->on->store, p->id, former, err);
    if (r < 0)
        return -1;
    if (r > 0) {
        (void)err_set(err, ERR_STATE,
                      "project %s had the reverse project %s, which has carried changes already: "
                      "where another one begins has to be said",
                      p->id, former);
        return err_advise(err,
                          "Give incrTransferConfig.startTimestamp (Unix seconds): the time up "
                          "to which %s carried changes.",
                          former);
    }
    if (p->turn != NULL)
        return 0;
    (void)err_set(err, ERR_STATE,
                  "project %s: step " APPLY_STEP " has not told yet where the target was when it "
                  "began",
                  p->id);
    return err_advise(err, "Try again in a few seconds, or give incrTransferConfig.startTimestamp "
                           "(Unix seconds).");
}

static int check_kind(const struct project *p, struct err *err)
{
    struct json_object *common = json_get(p->config, "commonTransferConfig");

    if (p->reverse) {
        (void)err_set(err, ERR_STATE, "project %s is a reverse project itself, of %s", p->id,
                      p->forward_id);
        return err_advise(err, "A pair has two directions: %s and this one.", p->forward_id);
    }
    if (!json_get_bool(common, "activeActive", false)) {
        (void)err_set(err, ERR_STATE,
                      "project %s is not a two-way project (commonTransferConfig.activeActive)",
                      p->id);
        return err_advise(err, "That is chosen at CreateProject. A one-way project has its way "
                               "back with enableReverseIncrTransfer and a switchover.");
    }
    return 0;
}

static int check_forward(struct call *c, const struct project *p, bool has_time, struct err *err)
{
    struct step *steps = NULL;
    struct pair pair = { 0 };
    size_t count = 0;
    int r;

    if (check_kind(p, err) < 0 || store_pair_get(c->on->store, p->id, &pair, err) < 0)
        return -1;
    if (pair.peer_id[0] != '\0') {
        (void)err_set(err, ERR_STATE, "project %s has a reverse project already: %s, which is %s",
                      p->id, pair.peer_id, project_status_text(pair.peer));
        return err_advise(err, "Use that one. Another can be made when it is RELEASED or DELETED.");
    }
    if (store_step_list(c->on->store, p->id, &steps, &count, err) < 0)
        return -1;
    r = check_step(c, p, steps, count, err);
    step_list_free(steps, count);
    return r < 0 ? -1 : check_start(c, p, has_time, err);
}

/* ------------------------------------------------------------------ its configuration */

static const char *complement(const char *strategy)
{
    if (strcmp(strategy, "OVERWRITE") == 0)
        return "IGNORE";
    return strcmp(strategy, "IGNORE") == 0 ? "OVERWRITE" : "FAIL";
}

/* Over `to`, key by key; throttles that the other does not name stay. */
static void lay_over(struct json_object *to, struct json_object *from)
{
    if (from == NULL)
        return;
    json_object_object_foreach(from, key, value)
        json_add(to, key, value != NULL ? json_object_get(value) : NULL);
}

/* Only rows: a list that came from the forward project may name DDL, one that was sent must not. */
static struct json_object *without_ddl(struct json_object *records)
{
    struct json_object *kept = json_object_new_array();

    for (size_t i = 0; i < json_len(records); i++)
        if (strcmp(json_at_str(records, i), "DDL") != 0)
            json_object_array_add(kept, json_object_new_string(json_at_str(records, i)));
    return kept;
}

/*
 * What the forward project does, its reverseIncrTransferConfig over it, what was sent over that.
 * The strategy's default is the complement of the forward one as it is now.
 */
static struct json_object *incr_config(const struct project *forward, struct json_object *sent)
{
    struct json_object *mine = json_get(forward->config, "incrTransferConfig");
    struct json_object *kept = json_get(forward->config, "reverseIncrTransferConfig");
    struct json_object *o = json_clone(mine);

    if (o == NULL)
        return NULL;
    json_object_object_del(o, "startTimestamp");
    json_add_str(o, "conflictStrategy", complement(json_get_str(mine, "conflictStrategy", "FAIL")));
    lay_over(o, kept);
    json_object_object_del(o, "supportDDLTypes");
    lay_over(o, sent);
    json_add(o, "recordTypeWhiteList", without_ddl(json_get_array(o, "recordTypeWhiteList")));
    json_add(o, "supportDDLTypes", json_object_new_array());
    return o;
}

/* The body that CreateProject would have been given for the other direction. */
static int reverse_config(const struct project *forward, const char *name, struct json_object *sent,
                          struct json_object **ret, struct err *err)
{
    static const char *const same[] = { "type", "importance", "commonTransferConfig",
                                        "structTransferConfig", "fullTransferConfig" };
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    _cleanup_(faults_done)
    struct faults faults = { 0 };
    struct json_object *mapping = NULL, *incr = incr_config(forward, sent);

    if (incr == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    json_add(o, "incrTransferConfig", incr);
    json_add_str(o, "name", name);
    json_add_str(o, "sourceEndpointId", forward->sink_id);
    json_add_str(o, "sinkEndpointId", forward->source_id);
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        json_add(o, same[i], json_clone(json_get(forward->config, same[i])));
    /* its mapping names each original */
    json_add_str(json_get(o, "commonTransferConfig"), "nameCase", "AS_SOURCE");
    json_add_bool(o, "enableStructTransfer", false);
    json_add_bool(o, "enableFullTransfer", false);
    json_add_bool(o, "enableFullVerify", false);
    json_add_bool(o, "enableIncrVerify", false);
    json_add_bool(o, "enableIncrTransfer", true);
    json_add_bool(o, "enableReverseIncrTransfer", false);
    /* without fault when the forward project was created; its objects do not change after */
    if (mapping_invert(json_get(forward->config, "transferMapping"), &faults, &mapping, err) < 0 ||
        faults_raise(&faults, err) < 0)
        return -1;
    json_add(o, "transferMapping", mapping);
    *ret = take_ptr(o);
    return 0;
}

static int name_of(struct call *c, const struct project *forward, char *buf, size_t max,
                   struct err *err)
{
    const char *name = json_get_str(c->in, "name", NULL);

    (void)snprintf(buf, max, "%s%s", name != NULL ? name : forward->name,
                   name != NULL ? "" : NAME_TAIL);
    if (text_length(buf) <= NAME_MAX_CHARS)
        return 0;
    faults_add(&c->faults, "name",
               "is required: %s" NAME_TAIL " would be longer than %d characters", forward->name,
               (int)NAME_MAX_CHARS);
    return faults_raise(&c->faults, err);
}

static int add_reverse(struct call *c, const struct project *forward, const char *name,
                       struct json_object *config, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = calloc(1, sizeof(*p));
    struct step *steps = NULL;
    size_t count = 0;
    int r;

    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->name = strdup(name);
    p->type = strdup(forward->type);
    p->owner = strdup(c->who->name);
    p->config = json_object_get(config);
    p->reverse = true;
    (void)snprintf(p->forward_id, ID_MAX, "%s", forward->id);
    (void)snprintf(p->source_id, ID_MAX, "%s", forward->sink_id);
    (void)snprintf(p->sink_id, ID_MAX, "%s", forward->source_id);
    if (p->name == NULL || p->type == NULL || p->owner == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (flow_plan(config, &steps, &count, err) < 0)
        return -1;
    r = store_project_add(c->on->store, p, err);
    FAULT("api.reverse.before_steps"); /* StartProject makes up for steps that are missing */
    if (r == 0)
        r = store_step_plan(c->on->store, p->id, steps, count, err);
    step_list_free(steps, count);
    if (r == 0)
        c->data = json_object_new_string(p->id);
    return r;
}

int reverse_configure(struct call *c, struct err *err)
{
    struct json_object *sent = json_get(c->in, "incrTransferConfig");
    bool has_time = json_get_i64(sent, "startTimestamp", 0) > 0;
    char name[512];
    _cleanup_(project_freep)
    struct project *forward = NULL;
    _cleanup_(json_putp)
    struct json_object *config = NULL;

    if (sent != NULL)
        project_body_check_reverse(sent, "incrTransferConfig", &c->faults);
    if (faults_raise(&c->faults, err) < 0 ||
        store_project_live(c->on->store, json_get_str(c->in, "id", ""), &forward, err) < 0)
        return -1;
    has_time = has_time || json_get_i64(json_get(forward->config, "reverseIncrTransferConfig"),
                                        "startTimestamp", 0) > 0;
    if (check_forward(c, forward, has_time, err) < 0 ||
        name_of(c, forward, name, sizeof(name), err) < 0 ||
        reverse_config(forward, name, sent, &config, err) < 0)
        return -1;
    return add_reverse(c, forward, name, config, err);
}
