/* `causeway ddl`: what became of DDL statements, and deciding about those that wait. */
#include <string.h>

#include "cli/cli.h"

#include "base/banned.h"

static void print_ddl(struct json_object *ddl)
{
    struct json_object *decision = json_get(ddl, "decision");
    const char *message = json_get_str(ddl, "message", "");

    say("%-28s %-8s %s  %s", json_get_str(ddl, "ddlId", ""), json_get_str(ddl, "status", ""),
        json_get_str(ddl, "gmtExecuted", "-"), json_get_str(ddl, "sql", ""));
    if (*message != '\0')
        say("%-37s  %s", "", message);
    if (decision != NULL)
        say("%-37s  %s by %s at %s%s%s", "", json_get_str(decision, "action", ""),
            json_get_str(decision, "user", ""), json_get_str(decision, "time", ""),
            json_get(decision, "sql") != NULL ? ": " : "", json_get_str(decision, "sql", ""));
}

int run_ddl_list(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_list(c, "ListPendingDdl", body, 0, &list, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(list);
    for (size_t i = 0; i < json_len(list); i++)
        print_ddl(json_at(list, i));
    return ST_OK;
}

/* skip and replace. */
int run_ddl_decide(struct cli *c)
{
    const char *argument = args_get(&c->args, "SQL");
    _cleanup_(freep)
    char *sql = NULL;
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if ((argument != NULL && cli_text(argument, &sql, &err) < 0) || cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (sql != NULL)
        json_add_str(body, "sql", sql);
    if (cli_ask(c, c->args.command->action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say("decided; it takes effect at: causeway project resume %s",
        json_get_str(body, "projectId", ""));
    return ST_OK;
}
