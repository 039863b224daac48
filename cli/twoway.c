/* `causeway reverse` and `causeway conflicts`: the other direction, and what did not fit there. */
#include <string.h>

#include "cli/cli.h"

#include "base/banned.h"

/* ------------------------------------------------------------------ reverse */

int run_reverse_configure(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 ||
        cli_ask(c, "ConfigureReverseProject", body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    say("%s", json_object_get_string(data));
    return ST_OK;
}

/* The reverse project of a forward one. */
static int find_reverse(struct cli *c, const char *forward_id, char **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    const char *id;

    if (cli_ask_id(c, "DescribeProject", "id", forward_id, &data, err) < 0)
        return -1;
    id = json_get_str(json_get(data, "extraInfo"), "reverseProjectId", NULL);
    if (id == NULL) {
        (void)err_set(err, ERR_STATE, "project %s has no reverse project", forward_id);
        return err_advise(err, "causeway reverse configure %s makes one.", forward_id);
    }
    *ret = strdup(id);
    return *ret != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* show, start, stop, …: the table's action on the reverse project. */
int run_reverse(struct cli *c)
{
    _cleanup_(freep)
    char *forward = NULL;
    _cleanup_(freep)
    char *id = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_project(c, &forward, &err) < 0 || find_reverse(c, forward, &id, &err) < 0 ||
        cli_ask_id(c, c->args.command->action, "id", id, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    if (data != NULL)
        show_project(data);
    return ST_OK;
}

/* ------------------------------------------------------------------ conflicts */

static void print_conflict(struct json_object *o)
{
    struct json_object *key = json_get(o, "key");

    say("%s  %-14s %-11s %s.%s %s  at %s", json_get_str(o, "time", "-"),
        json_get_str(o, "kind", ""), json_get_str(o, "decision", ""), json_get_str(o, "db", ""),
        json_get_str(o, "table", ""), key != NULL ? json_text(key) : "{}",
        json_get_str(o, "sourcePos", "-"));
}

int run_conflicts_list(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 ||
        cli_list(c, "ListConflictRecords", body, 0, &list, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(list);
    for (size_t i = 0; i < json_len(list); i++)
        print_conflict(json_at(list, i));
    return ST_OK;
}

int run_conflicts_download(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    return cli_download(c, "DownloadConflictData", body, args_get(&c->args, "FILE.zip"));
}
