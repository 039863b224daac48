#include <string.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "flow/assignment.h"
#include "flow/flow_priv.h"
#include "flow/modify.h"
#include "flow/plan.h"
#include "flow/switchover.h"
#include "flow/verify.h"
#include "store/modify.h"
#include "store/precheck.h"
#include "store/verify.h"

#include "base/banned.h"

enum { CHILD_MS = 100 };

static int load_steps(struct flow *f, const struct project *p, struct step_rows *ret,
                      struct err *err)
{
    if (store_step_list(f->o.store, p->id, &ret->rows, &ret->count, err) < 0)
        return -1;
    if (ret->count > 0)
        return 0;
    /* the daemon ended between making the project and planning it */
    free(ret->rows);
    ret->rows = NULL;
    if (flow_plan(p->config, &ret->rows, &ret->count, err) < 0)
        return -1;
    return store_step_plan(f->o.store, p->id, ret->rows, ret->count, err);
}

/*
 * Which workers a running project should have: the first step that is not finished, and before it
 * those that stay in the background. False: every step is finished. Whoever compares comes on top
 * (verify_wish).
 */
static bool wish(const struct step_rows *steps, struct wishes *ret)
{
    bool compares = false;

    for (size_t i = 0; i < steps->count; i++) {
        const struct plan_row *row = plan_find(steps->rows[i].name);
        bool finished = steps->rows[i].status == SS_FINISHED;

        if (row == NULL || (finished && row->on_ready == READY_NOTHING))
            continue;
        if (verify_is_own(row)) {
            compares = compares || !finished;
            continue;
        }
        if (ret->count < WANTED_MAX)
            ret->rows[ret->count++] = row;
        if (!finished)
            return true;
    }
    return ret->count > 0 || compares;
}

static int run_project(struct flow *f, const struct project *p, const struct step_rows *steps,
                       struct err *err)
{
    const struct step *next;
    bool waits = plan_waits_behind(p, steps->rows, steps->count, &next) != NULL;
    struct wishes wanted = { 0 };
    int own = waits ? 0 : switch_wish(f, p, steps, &wanted, err);

    bool some;

    if (own < 0)
        return -1;
    some = waits || own > 0 || wish(steps, &wanted);
    if (!waits && verify_wish(f, p, steps, &wanted, err) < 0)
        return -1;
    if (!some && wanted.count == 0) {
        const struct transition *t = transition_find(p->status, EV_ALL_DONE);
        FAULT("flow.finish.before");
        return store_project_move(f->o.store, p->id, p->status, t->to, t->why, err) < 0 ? -1 : 0;
    }
    if (own == 0 && modify_wish(f, p, steps, &wanted, err) < 0)
        return -1;
    supervisor_drop_others(f->sup, p->id, wanted.rows, wanted.count);
    for (size_t i = 0; i < wanted.count; i++)
        if (supervisor_want(f->sup, p->id, wanted.rows[i],
                            MAX(plan_slots(p->config), (int)wanted.count), err) < 0)
            return -1;
    return 0;
}

/* A sub-project rests with its project; one that has failed tells it. */
static int pause_children(struct flow *f, const struct project *p, struct err *err)
{
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t count = 0;

    if (p->parent_id[0] != '\0') {
        if (p->status == PS_FAILED)
            flow_look(f, p->parent_id, 0);
        return 0;
    }
    if (store_modify_children(f->o.store, p->id, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (supervisor_has(f->sup, ids[i]))
            flow_look(f, ids[i], CHILD_MS);
    return 0;
}

/* SUSPEND and FAILED: nothing runs, and what ran is paused. */
static int pause_project(struct flow *f, const struct project *p, const struct step_rows *steps,
                         struct err *err)
{
    if (pause_children(f, p, err) < 0)
        return -1;
    supervisor_drop_others(f->sup, p->id, NULL, 0);
    for (size_t i = 0; i < steps->count; i++)
        if (store_step_move(f->o.store, p->id, steps->rows[i].name,
                            1U << SS_RUNNING | 1U << SS_MONITORING, SS_SUSPEND, err) < 0)
            return -1;
    return store_verify_pause(f->o.store, p->id, err);
}

static int release_project(struct flow *f, const struct project *p, struct err *err)
{
    const struct plan_row *row = plan_find(STEP_RELEASE);
    int waits = modify_releasing(f, p, err);

    /* its rows go only when nobody writes there any more; the end of each worker leads here */
    supervisor_drop_others(f->sup, p->id, &row, 1);
    if (waits != 0 || supervisor_has(f->sup, p->id))
        return MIN(waits, 0);
    return supervisor_want(f->sup, p->id, row, 1, err);
}

static int remove_folder(struct flow *f, const char *id, struct err *err)
{
    _cleanup_(freep)
    char *folder = NULL;

    if (assignment_folder(&f->o, id, &folder, err) < 0)
        return -1;
    return fs_remove_tree(folder, err);
}

static int reconcile_project(struct flow *f, const char *id, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(step_rows_done)
    struct step_rows steps = { 0 };

    if (store_project_get(f->o.store, id, &p, err) < 0 || load_steps(f, p, &steps, err) < 0)
        return -1;
    switch (p->status) {
    case PS_RUNNING:
        return run_project(f, p, &steps, err);
    case PS_SUSPEND:
    case PS_FAILED:
        return pause_project(f, p, &steps, err);
    case PS_RELEASING:
        return release_project(f, p, err);
    case PS_DELETED:
        return remove_folder(f, id, err);
    case PS_RELEASED:
        if (p->parent_id[0] != '\0') /* whose release may wait for it */
            flow_look(f, p->parent_id, 0);
        break;
    case PS_INIT:
    case PS_FINISHED:
    case PS_MAX_:
        break;
    }
    supervisor_drop_others(f->sup, id, NULL, 0);
    return 0;
}

static int reconcile_precheck(struct flow *f, const char *id, struct err *err)
{
    _cleanup_(precheck_freep)
    struct precheck *p = NULL;

    if (store_precheck_get(f->o.store, id, &p, err) < 0)
        return -1;
    if (strcmp(p->status, "FINISHED") == 0 || strcmp(p->status, "FAILED") == 0)
        return 0;
    if (strcmp(p->status, "INIT") == 0 &&
        store_precheck_set(f->o.store, id, "PENDING", 0, NULL, err) < 0)
        return -1;
    return supervisor_want(f->sup, id, plan_find(STEP_PRECHECK), 1, err);
}

int reconcile(struct flow *f, const char *id, struct err *err)
{
    return flow_is_precheck(id) ? reconcile_precheck(f, id, err) : reconcile_project(f, id, err);
}
