/* `causeway project objects`: the list of objects as CSV, and changing it while the project runs.
 */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "cli/cli.h"

#include "base/banned.h"

int cli_mapping(struct cli *c, const char *path, struct json_object **ret, struct err *err)
{
    _cleanup_(freep)
    char *csv = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct json_object *mapping;

    if (cli_read(path, &csv, err) < 0 || cli_ask_id(c, "ImportObjects", "csv", csv, &data, err) < 0)
        return -1;
    mapping = json_get(data, "transferMapping");
    if (mapping == NULL)
        return err_set(err, ERR_INTERNAL, "ImportObjects answered no transferMapping");
    *ret = json_object_get(mapping);
    return 0;
}

int run_objects_check(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *mapping = NULL;
    struct json_object *list;
    struct err err = { 0 };

    if (cli_mapping(c, args_get(&c->args, "FILE"), &mapping, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(mapping);
    list = json_get_array(mapping, "databases");
    for (size_t i = 0; i < json_len(list); i++)
        say("%s as %s: %zu tables, %zu views", json_get_str(json_at(list, i), "name", ""),
            json_get_str(json_at(list, i), "mappedName", ""),
            json_len(json_get_array(json_at(list, i), "tables")),
            json_len(json_get_array(json_at(list, i), "views")));
    return ST_OK;
}

int run_objects_export(struct cli *c)
{
    const char *path = args_get(&c->args, "FILE");
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    const char *csv;

    if (cli_body(c, &body, &err) < 0 || cli_ask(c, "ExportObjects", body, &data, &err) < 0)
        return cli_fail(c, &err);
    csv = json_get_str(data, "csv", "");
    if (path != NULL && strcmp(path, "-") != 0 &&
        fs_write_atomic(path, csv, strlen(csv), 0644, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    if (path == NULL || strcmp(path, "-") == 0)
        (void)fputs(csv, stdout);
    return ST_OK;
}

int run_objects_change(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *mapping = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 ||
        cli_mapping(c, args_get(&c->args, "--objects"), &mapping, &err) < 0)
        return cli_fail(c, &err);
    json_add(body, "databases", json_object_get(json_get(mapping, "databases")));
    if (cli_ask(c, "CreateProjectModifyRecords", body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say("%s", json_object_get_string(data));
    return ST_OK;
}
