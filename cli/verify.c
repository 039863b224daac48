/* `causeway project verify`: comparing both ends row by row, what was found, corrections. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#include "base/banned.h"

enum { PAGE = 150 };

/* Every page of the tables; the number of those that are not equal. */
static int all_tables(struct cli *c, struct json_object *body, struct json_object **ret,
                      int64_t *ret_different, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *all = json_object_new_array();
    size_t got = PAGE;

    json_add_i64(body, "pageSize", PAGE);
    for (int page = 1; got == PAGE; page++) {
        _cleanup_(json_putp)
        struct json_object *data = NULL;
        struct json_object *list;
        json_add_i64(body, "pageNumber", page);
        if (cli_ask(c, "ListProjectFullVerifyResult", body, &data, err) < 0)
            return -1;
        list = json_get_array(data, "fullVerifyTableStatistics");
        *ret_different = json_get_i64(data, "differentNumber", 0);
        got = json_len(list);
        for (size_t i = 0; i < got; i++)
            json_object_array_add(all, json_object_get(json_at(list, i)));
    }
    *ret = take_ptr(all);
    return 0;
}

int run_verify_result(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *tables = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    int64_t different = 0;

    if (cli_body(c, &body, &err) < 0 || all_tables(c, body, &tables, &different, &err) < 0)
        return cli_fail(c, &err);
    if (c->json) {
        data = json_object_new_object();
        json_add_i64(data, "differentNumber", different);
        json_add(data, "fullVerifyTableStatistics", json_object_get(tables));
        return say_json(data);
    }
    if (json_len(tables) == 0) {
        say("nothing has been compared yet");
        return ST_OK;
    }
    say_table(c->args.command->columns, tables);
    if (different > 0)
        say("%lld of %zu tables are not equal", (long long)different, json_len(tables));
    return ST_OK;
}

static void print_difference(struct json_object *row)
{
    struct json_object *key = json_get_array(row, "failedRecordUniqueKeys");
    struct json_object *details = json_get_array(row, "failedRecordDetails");
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(1024 * 1024);

    for (size_t i = 0; i < json_len(key); i++)
        strbuf_addf(&b, "%s%s=%s", i > 0 ? ", " : "",
                    json_get_str(json_at(key, i), "columnName", ""),
                    json_get_str(json_at(key, i), "columnValue", "NULL"));
    say("%s  %-11s %-8s %s.%s  %s", json_get_str(row, "id", ""), json_get_str(row, "type", ""),
        json_get_str(row, "state", ""), json_get_str(row, "schema", ""),
        json_get_str(row, "table", ""), strbuf_str(&b));
    for (size_t i = 0; i < json_len(details); i++)
        say("    %s: %s | %s", json_get_str(json_at(details, i), "columnName", ""),
            json_get_str(json_at(details, i), "sourceValue", "NULL"),
            json_get_str(json_at(details, i), "destValue", "NULL"));
    if (json_get_str(row, "message", "")[0] != '\0')
        say("    %s", json_get_str(row, "message", ""));
}

/* Text for people cleans what it shows; into a file a statement goes as it is. */
static void print_statement(const char *sql)
{
    if (isatty(STDOUT_FILENO) == 1)
        say("%s;", sql);
    else
        (void)printf("%s;\n", sql);
}

int run_verify_rows(struct cli *c)
{
    const char *action = c->args.command->action;
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *list = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_list(c, action, body, 0, &list, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(list);
    for (size_t i = 0; i < json_len(list); i++)
        if (json_at_str(list, i) != NULL)
            print_statement(json_at_str(list, i));
        else
            print_difference(json_at(list, i));
    return ST_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len >= n && strcmp(text + len - n, end) == 0;
}

int run_verify_report(struct cli *c)
{
    const char *file = args_get(&c->args, "FILE");
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    json_add_str(body, "format", ends_with(file, ".csv") ? "CSV" : "HTML");
    return cli_download(c, "DownloadFullVerifyReport", body, file);
}
