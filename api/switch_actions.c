/* Points at which a person decides: AdvanceProject; and AbortSwitchover. */
#include "api/action.h"
#include "base/json.h"

#include "base/banned.h"

/* clang-format off */
const struct field advance_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { .name = "dryRun", .type = FT_BOOL, .fallback = "false" },
    { .name = "setReadOnly", .type = FT_BOOL, .fallback = "false" },
    { .name = "quietSeconds", .type = FT_INT, .min = 1, .max = 600, .fallback = "5" },
    { .name = "skip", .type = FT_BOOL, .fallback = "false" },
    { .name = "markComplete", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

const struct field abort_fields[] = {
    { .name = "id", .alias = "projectId", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 39 },
    { 0 },
};
/* clang-format on */

int project_advance(struct call *c, struct err *err)
{
    const char *id = json_get_str(c->in, "id", ""), *now = NULL;
    char next[64];
    int passed;
    struct flow_switch_ask ask = {
        .quiet_s = (int)json_get_i64(c->in, "quietSeconds", 5),
        .set_read_only = json_get_bool(c->in, "setReadOnly", false),
        .skip = json_get_bool(c->in, "skip", false),
        .mark_complete = json_get_bool(c->in, "markComplete", false),
    };

    if (ask.skip && ask.mark_complete)
        faults_add(&c->faults, "skip", "must not come with markComplete");
    if (faults_raise(&c->faults, err) < 0)
        return -1;
    if (modify_none_open(c, id, "AdvanceProject", err) < 0)
        return -1;
    if (json_get_bool(c->in, "dryRun", false))
        return flow_switch_dry_run(c->on->flow, id, ask.quiet_s, &c->data, err);
    passed = flow_pass(c->on->flow, id, c->who->name, next, err);
    if (passed == 0)
        passed = flow_verify_skip(c->on->flow, id, c->who->name, next, err);
    if (passed == 0)
        passed = flow_switch(c->on->flow, id, &ask, c->who->name, &now, err);
    else
        now = next;
    if (passed < 0)
        return -1;
    c->data = json_object_new_string(now);
    return 0;
}

int project_abort_switchover(struct call *c, struct err *err)
{
    static const struct flow_switch_ask ask = { .abort = true };
    const char *unused = NULL;

    return flow_switch(c->on->flow, json_get_str(c->in, "id", ""), &ask, c->who->name, &unused,
                       err);
}
