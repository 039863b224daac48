/* Commands that are one action of the API and nothing else. */
#include <string.h>

#include "base/num.h"
#include "cli/cli.h"

#include "base/banned.h"

/* Columns of an answer that is an object: its members, a line each. */
static void say_members(struct json_object *data)
{
    json_object_object_foreach(data, key, value)
    {
        if (json_object_is_type(value, json_type_string))
            say("%-18s %s", key, json_object_get_string(value));
        else
            say("%-18s %s", key, value == NULL ? "-" : json_text(value));
    }
}

static void say_data(const struct cli *c, struct json_object *data)
{
    const struct column *columns = c->args.command->columns;

    if (data == NULL)
        return;
    if (json_object_is_type(data, json_type_array) && columns != NULL)
        say_table(columns, data);
    else if (json_object_is_type(data, json_type_array))
        (void)say_json(data);
    else if (json_object_is_type(data, json_type_object))
        say_members(data);
    else
        say("%s", json_object_get_string(data));
}

int run_action(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_ask(c, c->args.command->action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say_data(c, data);
    return ST_OK;
}

int run_list(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    const char *limit = args_get(&c->args, "--limit");
    int64_t most = 0;

    if (limit != NULL)
        (void)num_parse_i64(limit, 0, INT64_MAX, &most);
    if (cli_body(c, &body, &err) < 0 ||
        cli_list(c, c->args.command->action, body, (size_t)most, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say_data(c, data);
    return ST_OK;
}

int run_call(struct cli *c)
{
    const char *argument = args_get(&c->args, "JSON");
    _cleanup_(freep)
    char *body = NULL;
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    struct err err = { 0 };

    if (cli_text(argument != NULL ? argument : "{}", &body, &err) < 0)
        return cli_fail(c, &err);
    if (c->json) {
        if (client_data(c->client, args_get(&c->args, "ACTION"), body, &answer, &err) < 0)
            return cli_fail(c, &err);
        return say_json(answer);
    }
    if (client_call(c->client, args_get(&c->args, "ACTION"), body, &answer, &err) < 0)
        return cli_fail(c, &err);
    (void)say_json(answer);
    return json_get_bool(answer, "success", false) ? ST_OK : ST_FAILED;
}
