/* `causeway ddl`: what became of DDL statements, and deciding about those that wait. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"

#include "base/banned.h"

static const char usage[] = "ddl list PROJECT_ID [--all] | ddl skip PROJECT_ID DDL_ID | "
                            "ddl replace PROJECT_ID DDL_ID SQL|@FILE|-";

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

static int list(struct client *c, const char *project_id, bool all)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();

    json_add_str(body, "projectId", project_id);
    json_add_bool(body, "all", all);
    return list_all(c, "ListPendingDdl", body, print_ddl);
}

static int decide(struct client *c, const char *action, char *const *argv, const char *sql)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    json_add_str(body, "projectId", argv[1]);
    json_add_str(body, "ddlId", argv[2]);
    if (sql != NULL)
        json_add_str(body, "sql", sql);
    if (client_data(c, action, json_text(body), &data, &err) < 0)
        return complain(&err);
    say("decided; it takes effect at: causeway project resume %s", argv[1]);
    return ST_OK;
}

int command_ddl(struct client *c, int argc, char *const *argv)
{
    _cleanup_(freep)
    char *sql = NULL;
    struct err err = { 0 };
    bool all = argc == 3 && strcmp(argv[2], "--all") == 0;

    if ((argc == 2 || all) && strcmp(argv[0], "list") == 0)
        return list(c, argv[1], all);
    if (argc == 3 && strcmp(argv[0], "skip") == 0)
        return decide(c, "SkipDdl", argv, NULL);
    if (argc != 4 || strcmp(argv[0], "replace") != 0)
        return misuse(usage);
    if (text_of_argument(argv[3], &sql, &err) < 0)
        return complain(&err);
    return decide(c, "ReplaceDdl", argv, sql);
}
