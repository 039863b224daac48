/* `causeway`: the command line, a client of the API. */
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "base/num.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "cli/help.h"

#include "base/banned.h"

/* Nothing secret is taken from the environment: other processes of the user can read it. */
static const char *setting(const struct args *a, const char *option, const char *variable)
{
    const char *given = args_global(a, option);

    if (given == NULL && variable != NULL)
        given = getenv(variable);
    return given != NULL && *given != '\0' ? given : NULL;
}

static int connect_to(struct cli *c, struct err *err)
{
    const struct args *a = &c->args;
    struct client_options o = {
        .server = setting(a, "--server", "CAUSEWAY_SERVER"),
        .data_dir = setting(a, "--data-dir", "CAUSEWAY_DATA_DIR"),
        .credentials = setting(a, "--credentials", "CAUSEWAY_CREDENTIALS"),
        .user = setting(a, "--user", NULL),
        .password_file = setting(a, "--password-file", NULL),
        .password_stdin = args_global(a, "--password-stdin") != NULL,
        .cacert = setting(a, "--cacert", "CAUSEWAY_CACERT"),
    };
    const char *timeout = args_global(a, "--call-timeout");
    int64_t seconds;

    if (timeout != NULL) {
        if (!num_parse_i64(timeout, 1, 86400, &seconds))
            return err_set(err, ERR_PARAM, "--call-timeout: say 1 to 86400 seconds");
        o.call_timeout_s = (long)seconds;
    }
    if (args_global(a, "--user") != NULL)
        o.credentials = args_global(a, "--credentials");
    return client_new(&o, &c->client, err);
}

/* What to print instead of doing something; -1: do it. */
static int without_command(const struct args *a)
{
    if (args_global(a, "--version") != NULL && a->command == NULL) {
        (void)printf("causeway %s\n", CAUSEWAY_VERSION);
        return ST_OK;
    }
    if (a->help && a->command != NULL)
        help_command(a->command, stdout);
    else if (a->help)
        help_group(a->group, stdout);
    else if (a->command == NULL)
        help_group(a->group, stderr);
    else
        return -1;
    return a->help ? ST_OK : ST_TROUBLE;
}

static int misuse(const struct cli *c, const struct err *err)
{
    struct strbuf usage = STRBUF(64 * 1024);
    int status = cli_trouble(c, err);

    if (c->args.command != NULL) {
        args_usage(c->args.command, &usage);
        (void)fprintf(stderr, "usage: causeway %s\n", strbuf_str(&usage));
    } else {
        (void)fprintf(stderr, "causeway --help lists the commands.\n");
    }
    strbuf_done(&usage);
    return status;
}

static int run(int argc, char *const *argv)
{
    struct cli c = { 0 };
    struct err err = { 0 };
    int status = -1;

    if (args_parse(argc, argv, &c.args, &err) < 0) {
        status = misuse(&c, &err);
    } else {
        status = without_command(&c.args);
        c.json = args_global(&c.args, "--json") != NULL;
        if (status < 0) {
            if (secret_setup(&err) < 0 || (!c.args.command->local && connect_to(&c, &err) < 0))
                status = cli_trouble(&c, &err);
            else
                status = c.args.command->run(&c);
        }
    }
    client_free(c.client);
    args_done(&c.args);
    if (fflush(stdout) == EOF && status == ST_OK)
        status = ST_TROUBLE;
    return status;
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
