/* `causeway switchover`: turns a migration round, step by step (docs/switchover.md). */
#include <string.h>

#include "cli/cli.h"

#include "base/banned.h"

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

static void show(struct json_object *info, const char *id)
{
    struct json_object *back = json_get(info, "abort");

    if (info == NULL) {
        say("the switchover has not begun: causeway switchover start %s", id);
        return;
    }
    say("%s", json_get_str(info, "state", ""));
    print_subs(info);
    if (back != NULL)
        say("aborted by %s: %s %s", json_get_str(back, "user", ""),
            json_get_str(back, "message", ""), json_get_str(back, "targetWrites", ""));
}

int run_switchover_status(struct cli *c)
{
    _cleanup_(freep)
    char *id = NULL;
    _cleanup_(json_putp)
    struct json_object *steps = NULL;
    struct err err = { 0 };

    if (cli_project(c, &id, &err) < 0 ||
        cli_ask_id(c, "DescribeProjectSteps", "id", id, &steps, &err) < 0)
        return cli_fail(c, &err);
    for (size_t i = 0; i < json_len(steps); i++) {
        struct json_object *step = json_at(steps, i), *info = json_get(step, "stepInfo");
        if (strcmp(json_get_str(step, "name", ""), "TRANSFER_APP_SWITCH") != 0)
            continue;
        if (c->json)
            return say_json(info);
        show(info, id);
        return ST_OK;
    }
    (void)err_set(&err, ERR_STATE, "project %s has no switchover", id);
    (void)err_advise(&err, "Only a project with a way back has one: project create --way-back.");
    return cli_fail(c, &err);
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

/* start, advance, dry-run and abort: which of them, the command's last word says. */
int run_switchover(struct cli *c)
{
    const struct command *command = c->args.command;
    bool dry = strstr(command->path, "dry-run") != NULL;
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (dry)
        json_add_bool(body, "dryRun", true);
    if (cli_ask(c, command->action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    if (dry)
        print_dry(data);
    else
        say("%s", data != NULL ? json_object_get_string(data) : "going back");
    return ST_OK;
}
