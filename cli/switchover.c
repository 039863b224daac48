/* `causeway switchover`: turns a migration round, step by step (docs/switchover.md). */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "cli/commands.h"

#include "base/banned.h"

static const char usage[] =
    "switchover start|advance|dry-run ID [--read-only] [--quiet SECONDS] [--skip] "
    "[--mark-complete] | switchover abort|status ID";

static const struct {
    const char *option, *key;
} flags[] = {
    { "--read-only", "setReadOnly" },
    { "--skip", "skip" },
    { "--mark-complete", "markComplete" },
};

static void print_sub(struct json_object *sub)
{
    const char *message = json_get_str(sub, "message", json_get_str(sub, "does", ""));

    say("%d  %-24s %-6s %-9s %s", (int)json_get_i64(sub, "order", 0), json_get_str(sub, "name", ""),
        json_get_str(sub, "confirm", ""), json_get_str(sub, "status", ""), message);
}

static void print_subs(struct json_object *doc)
{
    struct json_object *list = json_get_array(doc, "subSteps");

    for (size_t i = 0; i < json_len(list); i++)
        print_sub(json_at(list, i));
}

static int status(struct client *c, const char *id)
{
    _cleanup_(freep)
    char *body = body_with("id", id);
    _cleanup_(json_putp)
    struct json_object *steps = NULL;
    struct err err = { 0 };

    if (body == NULL || client_data(c, "DescribeProjectSteps", body, &steps, &err) < 0)
        return complain(&err);
    for (size_t i = 0; i < json_len(steps); i++) {
        struct json_object *step = json_at(steps, i), *info = json_get(step, "stepInfo");
        struct json_object *back = json_get(info, "abort");
        if (strcmp(json_get_str(step, "name", ""), "TRANSFER_APP_SWITCH") != 0)
            continue;
        if (info == NULL) {
            say("the switchover has not begun: causeway switchover start %s", id);
            return ST_OK;
        }
        say("%s", json_get_str(info, "state", ""));
        print_subs(info);
        if (back != NULL)
            say("aborted by %s: %s %s", json_get_str(back, "user", ""),
                json_get_str(back, "message", ""), json_get_str(back, "targetWrites", ""));
        return ST_OK;
    }
    say("project %s has no switchover", id);
    return ST_FAILED;
}

static int read_options(struct json_object *body, int argc, char *const *argv)
{
    for (int i = 0; i < argc; i++) {
        int64_t seconds;
        bool known = false;

        for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
            if (strcmp(argv[i], flags[k].option) == 0) {
                json_add_bool(body, flags[k].key, true);
                known = true;
            }
        if (!known && strcmp(argv[i], "--quiet") == 0 && i + 1 < argc &&
            num_parse_i64(argv[i + 1], 1, 600, &seconds)) {
            json_add_i64(body, "quietSeconds", seconds);
            known = true;
            i++;
        }
        if (!known)
            return -1;
    }
    return 0;
}

static void print_dry(struct json_object *data)
{
    struct json_object *estimate = json_get(data, "estimate");

    print_subs(data);
    say("ready: %s; writes would stop for about %d s now (behind by %d s)",
        json_get_bool(data, "ready", false) ? "yes" : "no",
        (int)json_get_i64(estimate, "stopOfWritesSeconds", 0),
        (int)json_get_i64(estimate, "lagSeconds", 0));
}

static int call(struct client *c, const char *action, struct json_object *body, bool dry)
{
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (client_data(c, action, json_text(body), &data, &err) < 0)
        return complain(&err);
    if (dry)
        print_dry(data);
    else
        say("%s", data != NULL ? json_object_get_string(data) : "going back");
    return ST_OK;
}

int command_switchover(struct client *c, int argc, char *const *argv)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    bool dry, forward;

    if (argc < 2)
        return misuse(usage);
    dry = strcmp(argv[0], "dry-run") == 0;
    forward = dry || strcmp(argv[0], "start") == 0 || strcmp(argv[0], "advance") == 0;
    json_add_str(body, "id", argv[1]);
    if (argc == 2 && strcmp(argv[0], "status") == 0)
        return status(c, argv[1]);
    if (argc == 2 && strcmp(argv[0], "abort") == 0)
        return call(c, "AbortSwitchover", body, false);
    if (!forward || read_options(body, argc - 2, argv + 2) < 0)
        return misuse(usage);
    json_add_bool(body, "dryRun", dry);
    return call(c, "AdvanceProject", body, dry);
}
