/* `causeway reverse` and `causeway conflicts`: the other direction, and what did not fit there. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"

#include "base/banned.h"

/* ------------------------------------------------------------------ reverse */

static const char reverse_usage[] =
    "reverse configure FORWARD_ID [--name NAME] [INCR_CONFIG_JSON|@FILE|-] | "
    "reverse show|start|stop|resume|release|delete FORWARD_ID";

/* Those of `project`, of which nothing has to be known here but their names. */
static const char *const verbs[] = { "show", "start", "stop", "resume", "release", "delete" };

static int configure(struct client *c, int argc, char *const *argv)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    _cleanup_(freep)
    char *text = NULL;
    struct json_object *config = NULL;
    struct err err = { 0 };

    json_add_str(body, "id", argv[0]);
    argc--;
    argv++;
    if (argc >= 2 && strcmp(argv[0], "--name") == 0) {
        json_add_str(body, "name", argv[1]);
        argc -= 2;
        argv += 2;
    }
    if (argc > 1 || (argc == 1 && strncmp(argv[0], "--", 2) == 0))
        return misuse(reverse_usage);
    if (argc == 1) {
        if (text_of_argument(argv[0], &text, &err) < 0 ||
            json_parse(text, strlen(text), 16, &config, &err) < 0)
            return complain(&err);
        json_add(body, "incrTransferConfig", config);
    }
    if (client_data(c, "ConfigureReverseProject", json_text(body), &data, &err) < 0)
        return complain(&err);
    say("%s", json_object_get_string(data));
    return ST_OK;
}

/* The reverse project of a forward one. */
static int find_reverse(struct client *c, const char *forward_id, char **ret, struct err *err)
{
    _cleanup_(freep)
    char *body = body_with("id", forward_id);
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    const char *id;

    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (client_data(c, "DescribeProject", body, &data, err) < 0)
        return -1;
    id = json_get_str(json_get(data, "extraInfo"), "reverseProjectId", NULL);
    if (id == NULL) {
        (void)err_set(err, ERR_STATE, "project %s has no reverse project", forward_id);
        return err_advise(err, "causeway reverse configure %s makes one.", forward_id);
    }
    *ret = strdup(id);
    return *ret != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int command_reverse(struct client *c, int argc, char *const *argv)
{
    _cleanup_(freep)
    char *id = NULL;
    struct err err = { 0 };
    char *args[2];
    bool known = false;

    if (argc >= 2 && strcmp(argv[0], "configure") == 0)
        return configure(c, argc - 1, argv + 1);
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(verbs); i++)
        known = known || strcmp(verbs[i], argv[0]) == 0;
    if (!known)
        return misuse(reverse_usage);
    if (find_reverse(c, argv[1], &id, &err) < 0)
        return complain(&err);
    args[0] = argv[0];
    args[1] = id;
    return command_project(c, 2, args);
}

/* ------------------------------------------------------------------ conflicts */

static const char conflicts_usage[] =
    "conflicts list PROJECT_ID [--step NAME] [--table DB.TABLE] [--kind KIND] "
    "[--decision DECISION] [--from UNIX_S] [--to UNIX_S] | "
    "conflicts download PROJECT_ID FILE.zip [--step NAME] [conflict_sql_N.log]...";

static void print_conflict(struct json_object *o)
{
    struct json_object *key = json_get(o, "key");

    say("%s  %-14s %-11s %s.%s %s  at %s", json_get_str(o, "time", "-"),
        json_get_str(o, "kind", ""), json_get_str(o, "decision", ""), json_get_str(o, "db", ""),
        json_get_str(o, "table", ""), key != NULL ? json_text(key) : "{}",
        json_get_str(o, "sourcePos", "-"));
}

static int list(struct client *c, int argc, char *const *argv)
{
    static const struct {
        const char *option, *key;
    } options[] = {
        { "--step", "stepName" },     { "--table", "table" }, { "--kind", "kind" },
        { "--decision", "decision" }, { "--from", "from" },   { "--to", "to" },
    };
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();

    json_add_str(body, "projectId", argv[0]);
    for (int i = 1; i < argc; i += 2) {
        const char *key = NULL;
        for (size_t k = 0; k < ARRAY_SIZE(options); k++)
            if (strcmp(options[k].option, argv[i]) == 0)
                key = options[k].key;
        if (key == NULL || i + 1 == argc)
            return misuse(conflicts_usage);
        json_add_str(body, key, argv[i + 1]);
    }
    return list_all(c, "ListConflictRecords", body, print_conflict);
}

static int download(struct client *c, int argc, char *const *argv)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    struct json_object *names = json_object_new_array();
    struct err err = { 0 };
    int64_t bytes = 0;
    int at = 2;

    json_add_str(body, "projectId", argv[0]);
    json_add(body, "fileNames", names);
    if (at + 1 < argc && strcmp(argv[at], "--step") == 0) {
        json_add_str(body, "omsStepName", argv[at + 1]);
        at += 2;
    }
    for (; at < argc; at++)
        json_object_array_add(names, json_object_new_string(argv[at]));
    if (client_download(c, "DownloadConflictData", json_text(body), argv[1], &bytes, &err) < 0)
        return complain(&err);
    say("%s: %lld bytes", argv[1], (long long)bytes);
    return ST_OK;
}

int command_conflicts(struct client *c, int argc, char *const *argv)
{
    if (argc >= 2 && strcmp(argv[0], "list") == 0)
        return list(c, argc - 1, argv + 1);
    if (argc >= 3 && strcmp(argv[0], "download") == 0)
        return download(c, argc - 1, argv + 1);
    return misuse(conflicts_usage);
}
