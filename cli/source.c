/* `causeway source add|test`. */
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/items.h"

#include "base/banned.h"

static const struct {
    const char *type, *action;
} kinds[] = {
    { "mysql", "CreateMySqlDataSource" },
    { "oceanbase", "CreateOceanBaseDataSource" },
    { "odp", "CreateOceanBaseODPDataSource" },
    { "polardb", "CreatePolarDBDataSource" },
};

int run_source_add(struct cli *c)
{
    const char *type = args_get(&c->args, "--type"), *action = kinds[0].action;
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    for (size_t i = 0; type != NULL && i < ARRAY_SIZE(kinds); i++)
        if (strcasecmp(type, kinds[i].type) == 0)
            action = kinds[i].action;
    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (json_get(body, "port") == NULL)
        json_add_i64(body, "port", 3306);
    if (cli_ask(c, action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say("%s", json_object_get_string(data));
    return ST_OK;
}

int run_source_test(struct cli *c)
{
    return items_run(c, "TestDataSource");
}
