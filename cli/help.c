#include "cli/help.h"

#include <string.h>

#include "cli/cli.h"

#include "base/banned.h"

enum { LINE_WIDTH = 78, TEXT_BYTES = 1024 * 1024 };

#define VERSION_DATE "2026-11-21"

static const char intro[] =
    "Drives a Causeway daemon over its API. Where a project, a data source or a label is asked "
    "for, "
    "its id or its name will do. With --data-dir address and credentials come from the daemon's "
    "folder; otherwise say --server and --credentials or --user.";

static const struct {
    int status;
    const char *means;
} statuses[] = {
    { 0, "done; of precheck, source test and watch: the answer is good" },
    { 1,
      "the daemon refused it, or what was asked about has failed: items of a precheck, a watched "
      "project, a login" },
    { 2,
      "it could not be asked: wrong usage, unreadable file, no daemon there, no answer in time" },
    { 130, "interrupted by Ctrl-C; ended by another signal: 128 and its number" },
};

static const struct {
    const char *name, *means;
} variables[] = {
    { "CAUSEWAY_SERVER", "as --server" },
    { "CAUSEWAY_DATA_DIR", "as --data-dir" },
    { "CAUSEWAY_CREDENTIALS", "as --credentials" },
    { "CAUSEWAY_CACERT", "as --cacert" },
};

/* ------------------------------------------------------------------ --help */

/* `text` behind `indent` columns, folded at words. The first line stands at column `at` already. */
static void fold(FILE *to, const char *text, int at, int indent)
{
    bool first = true;

    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (!first && at + 1 + len > LINE_WIDTH) {
            (void)fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            (void)fputc(' ', to);
            at++;
        }
        (void)fprintf(to, "%.*s", len, text);
        at += len;
        first = false;
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', to);
}

static void param_help(const struct param *p, struct strbuf *to)
{
    strbuf_adds(to, p->help);
    if (p->words != NULL)
        strbuf_addf(to, ": %s", p->words);
    if ((p->flags & PARAM_REPEAT) != 0)
        strbuf_adds(to, "; may be repeated");
}

static void print_params(const char *title, const struct param *list, FILE *to)
{
    if (list == NULL || list->name == NULL)
        return;
    (void)fprintf(to, "\n%s:\n", title);
    for (; list->name != NULL; list++) {
        struct strbuf name = STRBUF(TEXT_BYTES), text = STRBUF(TEXT_BYTES);
        strbuf_adds(&name, list->name);
        args_value(list, &name);
        param_help(list, &text);
        (void)fprintf(to, "  %-26s ", strbuf_str(&name));
        if (name.len > 26)
            (void)fprintf(to, "\n%29s", "");
        fold(to, strbuf_str(&text), 29, 29);
        strbuf_done(&name);
        strbuf_done(&text);
    }
}

void help_command(const struct command *c, FILE *to)
{
    struct strbuf usage = STRBUF(TEXT_BYTES);

    args_usage(c, &usage);
    (void)fputs("usage: causeway ", to);
    fold(to, strbuf_str(&usage), 16, 8);
    if (c->alias != NULL)
        (void)fprintf(to, "also:  causeway %s\n", c->alias);
    (void)fputc('\n', to);
    strbuf_reset(&usage);
    strbuf_addf(&usage, "%s.", c->help);
    fold(to, strbuf_str(&usage), 0, 0);
    if (c->more != NULL)
        fold(to, c->more, 0, 0);
    print_params("Arguments", c->args, to);
    print_params("Options", c->options, to);
    (void)fputs("\ncauseway --help lists the global options.\n", to);
    strbuf_done(&usage);
}

static bool below(const char *path, const struct group *g)
{
    size_t len = g == NULL ? 0 : strlen(g->path);

    return g == NULL || (strncmp(path, g->path, len) == 0 && path[len] == ' ');
}

void help_group(const struct group *g, FILE *to)
{
    if (g == NULL) {
        (void)fputs("usage: causeway [OPTION]... COMMAND [ARGUMENT]...\n\n", to);
        fold(to, intro, 0, 0);
    } else {
        (void)fprintf(to, "usage: causeway %s COMMAND [ARGUMENT]...\n\n%s.\n", g->path, g->help);
    }
    (void)fputs("\nCommands:\n", to);
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *c = &commands[i];
        const char *path = below(c->path, g)                        ? c->path
                           : c->alias != NULL && below(c->alias, g) ? c->alias
                                                                    : NULL;
        if (path == NULL)
            continue;
        (void)fprintf(to, "  %-26s ", path);
        if (strlen(path) > 26)
            (void)fprintf(to, "\n%29s", "");
        fold(to, c->help, 29, 29);
    }
    if (g == NULL)
        print_params("Options", global_options, to);
    (void)fputs("\ncauseway COMMAND --help tells more.\n", to);
}

/* ------------------------------------------------------------------ manual page */

/* As man(7) wants it: no line begins with a control character, "-" is not a hyphen. */
static void roff(struct strbuf *to, const char *text)
{
    if (*text == '.' || *text == '\'')
        strbuf_adds(to, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            strbuf_adds(to, "\\e");
        else if (*text == '-')
            strbuf_adds(to, "\\-");
        else
            strbuf_addc(to, *text);
    }
}

static void man_params(struct strbuf *to, const struct param *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        struct strbuf text = STRBUF(TEXT_BYTES);
        strbuf_adds(to, ".TP\n\\fB");
        roff(to, list->name);
        strbuf_adds(to, "\\fR");
        args_value(list, &text);
        roff(to, strbuf_str(&text));
        strbuf_addc(to, '\n');
        strbuf_reset(&text);
        param_help(list, &text);
        roff(to, strbuf_str(&text));
        strbuf_adds(to, ".\n");
        strbuf_done(&text);
    }
}

static void man_command(struct strbuf *to, const struct command *c)
{
    struct strbuf usage = STRBUF(TEXT_BYTES);

    args_usage(c, &usage);
    strbuf_adds(to, ".SS ");
    roff(to, c->path);
    strbuf_adds(to, "\n\\fBcauseway\\fR ");
    roff(to, strbuf_str(&usage));
    strbuf_adds(to, "\n.PP\n");
    roff(to, c->help);
    strbuf_adds(to, ".\n");
    if (c->alias != NULL) {
        strbuf_adds(to, "Also spelt\n.BR \"causeway ");
        roff(to, c->alias);
        strbuf_adds(to, "\" .\n");
    }
    if (c->more != NULL) {
        strbuf_adds(to, ".PP\n");
        roff(to, c->more);
        strbuf_addc(to, '\n');
    }
    man_params(to, c->args);
    man_params(to, c->options);
    strbuf_done(&usage);
}

void help_man(struct strbuf *to)
{
    strbuf_adds(to, ".TH CAUSEWAY 1 " VERSION_DATE " \"causeway " CAUSEWAY_VERSION "\" \"User "
                    "Commands\"\n.SH NAME\ncauseway \\- drive a Causeway migration server\n"
                    ".SH SYNOPSIS\n.B causeway\n[\\fIoption\\fR]... \\fIcommand\\fR "
                    "[\\fIargument\\fR]...\n.SH DESCRIPTION\n");
    roff(to, intro);
    strbuf_adds(to, "\n.SH OPTIONS\n");
    man_params(to, global_options);
    strbuf_adds(to, ".SH COMMANDS\n");
    for (size_t i = 0; i < commands_count; i++)
        man_command(to, &commands[i]);
    strbuf_adds(to, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        strbuf_addf(to, ".TP\n%d\n", statuses[i].status);
        roff(to, statuses[i].means);
        strbuf_adds(to, ".\n");
    }
    strbuf_adds(to, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        strbuf_addf(to, ".TP\n.B %s\n", variables[i].name);
        roff(to, variables[i].means);
        strbuf_adds(to, ".\n");
    }
}

/* ------------------------------------------------------------------ reference and JSON */

/* A cell of a table: "|" would end it, "<" begin a tag. */
static void markdown(struct strbuf *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            strbuf_addc(to, '\\');
        strbuf_addc(to, *text);
    }
}

static void markdown_params(struct strbuf *to, const struct param *list)
{
    for (; list != NULL && list->name != NULL; list++) {
        struct strbuf text = STRBUF(TEXT_BYTES);
        strbuf_addf(to, "| `%s", list->name);
        args_value(list, to);
        strbuf_adds(to, "` | ");
        param_help(list, &text);
        markdown(to, strbuf_str(&text));
        strbuf_adds(to, " |\n");
        strbuf_done(&text);
    }
}

void help_markdown(struct strbuf *to)
{
    strbuf_adds(to, "### Global options\n| option | |\n| --- | --- |\n");
    markdown_params(to, global_options);
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *c = &commands[i];
        strbuf_addf(to, "\n### %s\n    causeway ", c->path);
        args_usage(c, to);
        strbuf_addf(to, "\n\n%s.", c->help);
        if (c->alias != NULL)
            strbuf_addf(to, " Also `causeway %s`.", c->alias);
        if (c->more != NULL)
            strbuf_addf(to, " %s", c->more);
        strbuf_addc(to, '\n');
        if ((c->args != NULL && c->args->name != NULL) ||
            (c->options != NULL && c->options->name != NULL)) {
            strbuf_adds(to, "\n| | |\n| --- | --- |\n");
            markdown_params(to, c->args);
            markdown_params(to, c->options);
        }
    }
}

static struct json_object *params_json(const struct param *list)
{
    struct json_object *all = json_object_new_array();

    for (; list != NULL && list->name != NULL; list++) {
        struct json_object *o = json_object_new_object();
        json_add_str(o, "name", list->name);
        json_add_str(o, "value", list->value);
        json_add_str(o, "words", list->words);
        json_add_bool(o, "required", (list->flags & PARAM_REQUIRED) != 0);
        json_add_bool(o, "repeat", (list->flags & PARAM_REPEAT) != 0);
        json_add_str(o, "help", list->help);
        json_object_array_add(all, o);
    }
    return all;
}

struct json_object *help_json(void)
{
    struct json_object *doc = json_object_new_object(), *all = json_object_new_array();

    json_add(doc, "globalOptions", params_json(global_options));
    for (size_t i = 0; i < commands_count; i++) {
        struct json_object *o = json_object_new_object();
        json_add_str(o, "command", commands[i].path);
        json_add_str(o, "alias", commands[i].alias);
        json_add_str(o, "help", commands[i].help);
        json_add_str(o, "action", commands[i].action);
        json_add(o, "arguments", params_json(commands[i].args));
        json_add(o, "options", params_json(commands[i].options));
        json_object_array_add(all, o);
    }
    json_add(doc, "commands", all);
    return doc;
}

/* ------------------------------------------------------------------ the commands */

int run_help(struct cli *c)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(TEXT_BYTES);
    _cleanup_(json_putp)
    struct json_object *doc = NULL;

    if (c->json) {
        doc = help_json();
        return say_json(doc);
    }
    if (args_has(&c->args, "--man"))
        help_man(&text);
    else if (args_has(&c->args, "--markdown"))
        help_markdown(&text);
    else
        help_group(NULL, stdout);
    (void)fputs(strbuf_str(&text), stdout);
    return strbuf_ok(&text) ? ST_OK : ST_TROUBLE;
}

int run_completion(struct cli *c)
{
    const char *shell = args_get(&c->args, "SHELL");
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(TEXT_BYTES);
    _cleanup_(json_putp)
    struct json_object *doc = NULL;

    if (strcmp(shell, "zsh") == 0)
        completion_zsh(&text);
    else
        completion_bash(&text);
    if (c->json) {
        doc = json_object_new_object();
        json_add_str(doc, "shell", shell);
        json_add_str(doc, "script", strbuf_str(&text));
        return say_json(doc);
    }
    (void)fputs(strbuf_str(&text), stdout);
    return strbuf_ok(&text) ? ST_OK : ST_TROUBLE;
}
