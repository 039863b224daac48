#include "cli/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"

#include "base/banned.h"

enum { INPUT_MAX = 64 * 1024 * 1024, POLL_MS = 500, PAGE = 150 };

int complain(const struct err *err)
{
    (void)fprintf(stderr, "causeway: %s\n", err->message);
    if (*err_advice(err) != '\0')
        (void)fprintf(stderr, "  %s\n", err_advice(err));
    return err->code == ERR_IO || err->code == ERR_NOMEM ? ST_TROUBLE : ST_FAILED;
}

int misuse(const char *how)
{
    (void)fprintf(stderr, "usage: causeway %s\n", how);
    return ST_TROUBLE;
}

/* Texts of servers and of other users must not be able to steer a terminal. */
void say(const char *fmt, ...)
{
    char line[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    (void)puts(line);
}

char *body_with(const char *key, const char *value)
{
    _cleanup_(json_putp)
    struct json_object *o = json_object_new_object();
    const char *text;

    json_add_str(o, key, value);
    text = json_text(o);
    return text == NULL ? NULL : strdup(text);
}

int read_input(const char *path, char **ret, struct err *err)
{
    size_t len;

    return fs_read_all(strcmp(path, "-") == 0 ? "/dev/stdin" : path, INPUT_MAX, ret, &len, err);
}

/* ------------------------------------------------------------------ call */

int text_of_argument(const char *argument, char **ret, struct err *err)
{
    if (*argument == '@' || strcmp(argument, "-") == 0)
        return read_input(*argument == '@' ? argument + 1 : argument, ret, err);
    *ret = strdup(argument);
    return *ret == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int command_call(struct client *c, int argc, char *const *argv)
{
    _cleanup_(freep)
    char *body = NULL;
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    struct err err = { 0 };

    if (argc < 1 || argc > 2)
        return misuse("call ACTION [JSON|@FILE|-]");
    if (text_of_argument(argc == 2 ? argv[1] : "{}", &body, &err) < 0 ||
        client_call(c, argv[0], body, &answer, &err) < 0)
        return complain(&err);
    (void)printf("%s\n", json_object_to_json_string_ext(
                             answer, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                         JSON_C_TO_STRING_NOSLASHESCAPE));
    return json_get_bool(answer, "success", false) ? ST_OK : ST_FAILED;
}

/* ------------------------------------------------------------------ project, source */

int list_all(struct client *c, const char *action, struct json_object *body,
             void (*print)(struct json_object *item))
{
    _cleanup_(json_putp)
    struct json_object *ask = body != NULL ? json_object_get(body) : json_object_new_object();

    json_add_i64(ask, "pageSize", PAGE);
    json_add_str(ask, "order", "asc");
    for (int page = 1;; page++) {
        _cleanup_(json_putp)
        struct json_object *data = NULL;
        struct err err = { 0 };
        json_add_i64(ask, "pageNumber", page);
        if (client_data(c, action, json_text(ask), &data, &err) < 0)
            return complain(&err);
        for (size_t i = 0; i < json_len(data); i++)
            print(json_at(data, i));
        if (json_len(data) < PAGE)
            return ST_OK;
    }
}

static void print_project(struct json_object *p)
{
    struct json_object *extra = json_get(p, "extraInfo");

    say("%-17s %-10s %-24s %5.1f %%  %s", json_get_str(p, "id", ""), json_get_str(p, "status", ""),
        json_get_str(extra, "runningStep", "-"), json_get_double(extra, "runningProgress", 0),
        json_get_str(p, "name", ""));
}

static void print_source(struct json_object *s)
{
    say("%-16s %-10s %s@%s:%d  %s", json_get_str(s, "id", ""), json_get_str(s, "type", ""),
        json_get_str(s, "userName", ""), json_get_str(s, "ip", ""), (int)json_get_i64(s, "port", 0),
        json_get_str(s, "name", ""));
}

static const struct {
    const char *verb, *action;
} verbs[] = {
    { "start", "StartProject" },     { "stop", "StopProject" },     { "resume", "ResumeProject" },
    { "release", "ReleaseProject" }, { "delete", "DeleteProject" }, { "show", "DescribeProject" },
};

int command_project(struct client *c, int argc, char *const *argv)
{
    static const char usage[] = "project list | show|start|stop|resume|release|delete ID";
    _cleanup_(freep)
    char *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    const char *action = NULL;

    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return list_all(c, "ListProjects", NULL, print_project);
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i].verb, argv[0]) == 0)
            action = verbs[i].action;
    if (action == NULL)
        return misuse(usage);
    body = body_with("id", argv[1]);
    if (body == NULL || client_data(c, action, body, &data, &err) < 0)
        return complain(&err);
    if (data != NULL)
        (void)printf("%s\n", json_object_to_json_string_ext(data, JSON_C_TO_STRING_PRETTY |
                                                                      JSON_C_TO_STRING_SPACED));
    return ST_OK;
}

int command_source(struct client *c, int argc, char *const *argv)
{
    if (argc != 1 || strcmp(argv[0], "list") != 0)
        return misuse("source list");
    return list_all(c, "ListDataSource", NULL, print_source);
}

/* ------------------------------------------------------------------ precheck */

static void print_item(struct json_object *item)
{
    const char *status = json_get_str(item, "status", "");
    bool told = strcmp(status, "FAILED") == 0 || strcmp(status, "WARNING") == 0;

    say("%-8s %-6s %-36s %s", status, json_get_str(item, "endpointType", ""),
        json_get_str(item, "checkType", ""), json_get_str(item, "message", ""));
    if (told && json_get_str(item, "advice", NULL) != NULL)
        say("%-15s  %s", "", json_get_str(item, "advice", ""));
}

static int precheck_status(struct json_object *data, bool *ret_failed)
{
    struct json_object *items = json_get_array(data, "preCheckResults");
    const char *status = json_get_str(data, "preCheckStatus", "");

    *ret_failed = strcmp(status, "FAILED") == 0;
    if (!*ret_failed && strcmp(status, "FINISHED") != 0)
        return 0;
    for (size_t i = 0; i < json_len(items); i++) {
        print_item(json_at(items, i));
        if (strcmp(json_get_str(json_at(items, i), "status", ""), "FAILED") == 0)
            *ret_failed = true;
    }
    return 1;
}

int command_precheck(struct client *c, int argc, char *const *argv)
{
    static const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    _cleanup_(freep)
    char *body = NULL;
    _cleanup_(freep)
    char *ask = NULL;
    _cleanup_(json_putp)
    struct json_object *id = NULL;
    struct err err = { 0 };

    if (argc != 1)
        return misuse("precheck FILE.json (the body of CreateProject) | -");
    if (read_input(argv[0], &body, &err) < 0 ||
        client_data(c, "SubmitPreCheck", body, &id, &err) < 0) {
        (void)complain(&err);
        return ST_TROUBLE;
    }
    ask = body_with("id", json_object_get_string(id));
    for (;;) {
        _cleanup_(json_putp)
        struct json_object *data = NULL;
        bool failed;
        if (ask == NULL || client_data(c, "GetPreCheckResult", ask, &data, &err) < 0) {
            (void)complain(&err);
            return ST_TROUBLE;
        }
        if (precheck_status(data, &failed) == 1)
            return failed ? ST_FAILED : ST_OK;
        (void)nanosleep(&pause, NULL);
    }
}
