/* `causeway`: the command line, a client of the API. */
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "base/secret.h"
#include "cli/commands.h"

#include "base/banned.h"

static const struct {
    const char *name;
    int (*run)(struct client *c, int argc, char *const *argv);
} commands[] = {
    { "call", command_call },
    { "watch", command_watch },
    { "project", command_project },
    { "source", command_source },
    { "precheck", command_precheck },
    { "ddl", command_ddl },
    { "switchover", command_switchover },
    { "reverse", command_reverse },
    { "conflicts", command_conflicts },
};

static void help(FILE *to)
{
    (void)fprintf(
        to, "causeway [--server URL] [--data-dir DIR] [--credentials FILE | --user NAME] COMMAND "
            "...\n\n"
            "  call ACTION [JSON|@FILE|-]      one call of the API; prints the answer\n"
            "  watch ID [--until STEP=STATUS]... [--until-monitoring] [--timeout SECONDS]\n"
            "  project list\n"
            "  project show|start|stop|resume|release|delete ID\n"
            "  source list\n"
            "  ddl list ID [--all]             DDL statements that wait for a decision, or all\n"
            "  ddl skip ID DDL_ID              don't run it at the target\n"
            "  ddl replace ID DDL_ID SQL|@FILE|-\n"
            "  switchover start|advance|dry-run ID [--read-only] [--quiet SECONDS] [--skip]\n"
            "             [--mark-complete]    turns a migration round, step by step\n"
            "  switchover abort|status ID\n"
            "  reverse configure FORWARD_ID [--name NAME] [JSON|@FILE|-]\n"
            "                                  the other direction of a two-way project\n"
            "  reverse show|start|stop|resume|release|delete FORWARD_ID\n"
            "  conflicts list ID [--step S] [--table T] [--kind K] [--decision D] [--from] [--to]\n"
            "  conflicts download ID FILE.zip [--step S] [conflict_sql_N.log]...\n"
            "  precheck FILE.json              checks whether that CreateProject body could run\n\n"
            "With --data-dir address and credentials come from that folder. --credentials names a "
            "file\n"
            "{\"username\": ..., \"password\": ...}; with --user the password is read from "
            "standard input.\n"
            "Exit status: 0 done, 1 refused or failed, 2 wrong usage or no answer.\n");
}

static int options(struct client_options *o, int argc, char *const *argv, int *ret_next)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {
        { "--server", &o->server },
        { "--data-dir", &o->data_dir },
        { "--credentials", &o->credentials },
        { "--user", &o->user },
    };
    int i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        size_t k = 0, len = 0;
        for (; k < ARRAY_SIZE(known); k++) {
            len = strlen(known[k].name);
            if (strncmp(argv[i], known[k].name, len) == 0 &&
                (argv[i][len] == '\0' || argv[i][len] == '='))
                break;
        }
        if (k == ARRAY_SIZE(known) || (argv[i][len] == '\0' && i + 1 == argc))
            return -1;
        *known[k].value = argv[i][len] == '=' ? argv[i] + len + 1 : argv[++i];
    }
    *ret_next = i;
    return 0;
}

static int run(int argc, char *const *argv)
{
    struct client_options o = { 0 };
    _cleanup_(client_freep)
    struct client *c = NULL;
    struct err err = { 0 };
    int at = 1;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        help(stdout);
        return ST_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("causeway %s\n", CAUSEWAY_VERSION);
        return ST_OK;
    }
    if (options(&o, argc, argv, &at) < 0 || at >= argc) {
        help(stderr);
        return ST_TROUBLE;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, argv[at]) != 0)
            continue;
        if (secret_setup(&err) < 0 || client_new(&o, &c, &err) < 0) {
            (void)complain(&err);
            return ST_TROUBLE;
        }
        return commands[i].run(c, argc - at - 1, argv + at + 1);
    }
    help(stderr);
    return ST_TROUBLE;
}

int main(int argc, char **argv)
{
    int status;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return ST_TROUBLE;
    status = run(argc, argv);
    curl_global_cleanup();
    return status;
}
