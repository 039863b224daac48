/* `causeway project create|show|steps`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/screen.h"

#include "base/banned.h"

enum { NAME_BYTES = 512, SHOWN_MAX = 8 };

/* ------------------------------------------------------------------ create: objects */

/* "a" or "a=b": *ret_mapped is b, or a. false: a part is empty. */
static bool split(const char *text, char name[static NAME_BYTES], char mapped[static NAME_BYTES])
{
    size_t len = strcspn(text, "=");

    (void)snprintf(name, NAME_BYTES, "%.*s", (int)len, text);
    (void)snprintf(mapped, NAME_BYTES, "%s", text[len] == '=' ? text + len + 1 : name);
    return *name != '\0' && *mapped != '\0';
}

/* The database with that name, made if it is not there yet. */
static struct json_object *database(struct json_object *list, const char *name, const char *mapped)
{
    struct json_object *o;

    for (size_t i = 0; i < json_len(list); i++)
        if (strcmp(json_get_str(json_at(list, i), "name", ""), name) == 0)
            return json_at(list, i);
    o = json_object_new_object();
    json_add_str(o, "name", name);
    json_add_str(o, "mappedName", mapped);
    json_object_array_add(list, o);
    return o;
}

static int add_table(struct json_object *list, const char *text, struct err *err)
{
    char name[NAME_BYTES], mapped[NAME_BYTES];
    char *table, *mapped_table;
    struct json_object *o, *db, *tables;

    if (!split(text, name, mapped) || (table = strchr(name, '.')) == NULL ||
        (mapped_table = strchr(mapped, '.')) == NULL)
        return err_set(err, ERR_PARAM, "--table %s: say DB.TABLE or DB.TABLE=DB.TABLE", text);
    *table++ = '\0';
    *mapped_table++ = '\0';
    db = database(list, name, mapped);
    if (strcmp(json_get_str(db, "mappedName", ""), mapped) != 0)
        return err_set(err, ERR_PARAM, "--table %s: database %s can't go to both %s and %s", text,
                       name, json_get_str(db, "mappedName", ""), mapped);
    tables = json_get_array(db, "tables");
    if (tables == NULL) {
        tables = json_object_new_array();
        json_add(db, "tables", tables);
    }
    o = json_object_new_object();
    json_add_str(o, "name", table);
    json_add_str(o, "mappedName", mapped_table);
    json_object_array_add(tables, o);
    return 0;
}

static void add_rules(const struct args *a, struct json_object *mapping)
{
    static const char *const options[][2] = { { "--rule", "tableAndViewWhiteList" },
                                              { "--exclude", "tableAndViewBlackList" } };

    json_add_str(mapping, "mode", "WILDCARD");
    for (size_t k = 0; k < ARRAY_SIZE(options); k++) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; args_nth(a, options[k][0], i) != NULL; i++)
            json_object_array_add(list, json_object_new_string(args_nth(a, options[k][0], i)));
        json_add(mapping, options[k][1], list);
    }
}

static int add_objects(struct cli *c, struct json_object *body, struct err *err)
{
    const struct args *a = &c->args;
    bool by_name = args_has(a, "--db") || args_has(a, "--table");
    bool by_rule = args_has(a, "--rule") || args_has(a, "--exclude");
    char name[NAME_BYTES], mapped[NAME_BYTES];
    struct json_object *mapping, *list;

    if (by_name && by_rule)
        return err_set(err, ERR_PARAM,
                       "--db and --table name objects, --rule and --exclude match "
                       "them: use one of both ways");
    if (args_has(a, "--objects")) {
        if (by_name || by_rule)
            return err_set(err, ERR_PARAM, "--objects has all objects: no others beside it");
        if (cli_mapping(c, args_get(a, "--objects"), &mapping, err) < 0)
            return -1;
        return json_add(body, "transferMapping", mapping);
    }
    if (!by_name && !by_rule)
        return 0;
    mapping = json_object_new_object();
    json_add(body, "transferMapping", mapping);
    if (by_rule) {
        add_rules(a, mapping);
        return 0;
    }
    list = json_object_new_array();
    json_add_str(mapping, "mode", "SPECIFIC");
    json_add(mapping, "databases", list);
    for (size_t i = 0; args_nth(a, "--db", i) != NULL; i++) {
        if (!split(args_nth(a, "--db", i), name, mapped))
            return err_set(err, ERR_PARAM, "--db %s: say DB or DB=NEW_NAME",
                           args_nth(a, "--db", i));
        (void)database(list, name, mapped);
    }
    for (size_t i = 0; args_nth(a, "--table", i) != NULL; i++)
        if (add_table(list, args_nth(a, "--table", i), err) < 0)
            return -1;
    return 0;
}

/* ------------------------------------------------------------------ create */

/* Without a file the usual migration: schema, copy, and from then on in step. */
static void add_defaults(struct json_object *body)
{
    static const char *const on[] = { "enableStructTransfer", "enableFullTransfer",
                                      "enableIncrTransfer" };

    json_add_str(body, "type", "MIGRATION");
    for (size_t i = 0; i < ARRAY_SIZE(on); i++)
        json_add_bool(body, on[i], true);
}

/* Options over the file's values. */
static int merge(struct json_object *body, struct json_object *over, struct err *err)
{
    json_object_object_foreach(over, key, value)
    {
        struct json_object *there = json_get(body, key);
        if (there != NULL && json_object_is_type(value, json_type_object) &&
            json_object_is_type(there, json_type_object) && strcmp(key, "transferMapping") != 0) {
            if (merge(there, value, err) < 0)
                return -1;
        } else {
            json_add(body, key, json_object_get(value));
        }
    }
    return 0;
}

static int body_of_create(struct cli *c, struct json_object **ret, struct err *err)
{
    const char *file = args_get(&c->args, "FILE");
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *options = NULL;
    struct json_object *ddl;

    if (file != NULL && cli_read_json(file, &body, err) < 0)
        return -1;
    if (file != NULL && !json_object_is_type(body, json_type_object))
        return err_set(err, ERR_PARAM, "%s: the body of CreateProject is an object", file);
    if (file == NULL) {
        body = json_object_new_object();
        add_defaults(body);
    }
    if (cli_body(c, &options, err) < 0 || merge(body, options, err) < 0 ||
        add_objects(c, body, err) < 0)
        return -1;
    ddl = cli_at(options, "incrTransferConfig.supportDDLTypes");
    if (json_len(ddl) == 1 && strcmp(json_at_str(ddl, 0), "all") == 0) {
        struct json_object *kinds = json_object_new_array();
        static const char *const all[] = { "INSERT", "UPDATE", "DELETE", "DDL" };
        json_object_object_del(cli_at(body, "incrTransferConfig"), "supportDDLTypes");
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
            json_object_array_add(kinds, json_object_new_string(all[i]));
        if (cli_set(body, "incrTransferConfig.recordTypeWhiteList", kinds, err) < 0)
            return -1;
    }
    if (cli_resolve_body(c, body, err) < 0)
        return -1;
    *ret = take_ptr(body);
    return 0;
}

int run_project_create(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *id = NULL;
    _cleanup_(json_putp)
    struct json_object *nothing = NULL;
    struct err err = { 0 };

    if (body_of_create(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (args_has(&c->args, "--print"))
        return say_json(body);
    if (cli_ask(c, "CreateProject", body, &id, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        (void)say_json(id);
    else
        say("%s", json_object_get_string(id));
    if (args_has(&c->args, "--start") &&
        cli_ask_id(c, "StartProject", "id", json_object_get_string(id), &nothing, &err) < 0)
        return cli_fail(c, &err);
    return ST_OK;
}

/* ------------------------------------------------------------------ show */

static void show_end(const char *title, struct json_object *info)
{
    if (info != NULL)
        say("%-12s %s  %s %s@%s  %s", title, json_get_str(info, "endpointName", ""),
            json_get_str(info, "dbEngine", ""), json_get_str(info, "username", ""),
            json_get_str(info, "connectionInfo", ""), json_get_str(info, "version", ""));
}

static void show_objects(struct json_object *mapping)
{
    struct json_object *list = json_get_array(mapping, "databases");
    struct json_object *rules = json_get_array(mapping, "tableAndViewWhiteList");

    for (size_t i = 0; i < json_len(list) && i < SHOWN_MAX; i++) {
        struct json_object *db = json_at(list, i);
        const char *name = json_get_str(db, "name", ""), *to = json_get_str(db, "mappedName", name);
        size_t tables = json_len(json_get_array(db, "tables"));
        bool same = strcmp(name, to) == 0;
        if (tables > 0)
            say("%-12s %s%s%s: %zu tables", i == 0 ? "objects" : "", name, same ? "" : " as ",
                same ? "" : to, tables);
        else
            say("%-12s %s%s%s", i == 0 ? "objects" : "", name, same ? "" : " as ", same ? "" : to);
    }
    if (json_len(list) > SHOWN_MAX)
        say("%-12s and %zu databases more", "", json_len(list) - SHOWN_MAX);
    for (size_t i = 0; i < json_len(rules) && i < SHOWN_MAX; i++)
        say("%-12s %s", i == 0 ? "rules" : "", json_at_str(rules, i));
}

static void show_steps(struct json_object *steps)
{
    for (size_t i = 0; i < json_len(steps); i++) {
        struct json_object *details =
            json_get_array(json_get(json_at(steps, i), "extraInfo"), "errorDetails");
        struct strbuf b = STRBUF(4096);
        screen_step(&b, json_at(steps, i), 0, NULL);
        say("  %s", strbuf_str(&b));
        strbuf_done(&b);
        for (size_t k = 0; k < json_len(details); k++)
            say("    %s: %s", json_get_str(json_at(details, k), "code", ""),
                json_get_str(json_at(details, k), "proposal", ""));
    }
}

void show_project(struct json_object *p)
{
    struct json_object *extra = json_get(p, "extraInfo");
    static const char *const others[] = { "reverseProjectId", "forwardProjectId" };

    say("%-12s %s  %s", "project", json_get_str(p, "id", ""), json_get_str(p, "name", ""));
    say("%-12s %s", "status", json_get_str(p, "status", ""));
    say("%-12s %s, importance %s, by %s", "type", json_get_str(p, "type", ""),
        json_get_str(p, "importance", "-"), json_get_str(p, "owner", "-"));
    show_end("source", json_get(p, "sourceConnectInfo"));
    show_end("target", json_get(p, "sinkConnectInfo"));
    show_objects(json_get(p, "transferMapping"));
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (*json_get_str(extra, others[i], "") != '\0')
            say("%-12s %s", i == 0 ? "reverse" : "forward", json_get_str(extra, others[i], ""));
    say("%-12s created %s, started %s", "times", json_get_str(p, "gmtCreate", "-"),
        json_get_str(p, "gmtStart", "-"));
    show_steps(json_get_array(p, "steps"));
}

static int describe(struct cli *c, const char *action, void (*show)(struct json_object *))
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0 || cli_ask(c, action, body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    show(data);
    return ST_OK;
}

int run_project_show(struct cli *c)
{
    return describe(c, "DescribeProject", show_project);
}

int run_project_steps(struct cli *c)
{
    return describe(c, "DescribeProjectSteps", show_steps);
}

/* ------------------------------------------------------------------ labels, metrics */

int run_project_label(struct cli *c)
{
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };

    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (json_get(body, "labelIds") == NULL) /* none at all: it has no labels any more */
        json_add(body, "labelIds", json_object_new_array());
    if (cli_ask(c, "UpdateProjectLabels", body, &data, &err) < 0)
        return cli_fail(c, &err);
    return c->json ? say_json(data) : ST_OK;
}

static void show_metrics(struct json_object *data)
{
    struct json_object *metrics = json_get_array(data, "metrics");

    for (size_t i = 0; i < json_len(metrics); i++) {
        struct json_object *points = json_get_array(json_at(metrics, i), "dataPoints");
        for (size_t k = 0; k < json_len(points); k++) {
            char at[CLOCK_TEXT_LEN];
            say("%s  %.3f", clock_text(json_get_i64(json_at(points, k), "timestamp", 0), at),
                json_get_double(json_at(points, k), "value", 0));
        }
    }
}

int run_project_metrics(struct cli *c)
{
    const char *text = args_get(&c->args, "--hours");
    _cleanup_(json_putp)
    struct json_object *body = NULL;
    _cleanup_(json_putp)
    struct json_object *data = NULL;
    struct err err = { 0 };
    int64_t now = clock_now_s(), hours = 1;

    if (text != NULL && !num_parse_i64(text, 1, 24 * 366, &hours)) {
        (void)err_set(&err, ERR_PARAM, "--hours: say 1 to %d", 24 * 366);
        return cli_fail(c, &err);
    }
    if (cli_body(c, &body, &err) < 0)
        return cli_fail(c, &err);
    if (json_get(body, "stepName") == NULL)
        json_add_str(body, "stepName", "INCR_TRANSFER");
    if (json_get(body, "metricType") == NULL)
        json_add_str(body, "metricType", "RPS");
    json_add_str(body, "aggregator", args_has(&c->args, "--average") ? "AVG" : "NONE");
    json_add_i64(body, "beginTimestamp", now - hours * 3600);
    json_add_i64(body, "endTimestamp", now);
    if (cli_ask(c, "DescribeProjectStepMetric", body, &data, &err) < 0)
        return cli_fail(c, &err);
    if (c->json)
        return say_json(data);
    show_metrics(data);
    return ST_OK;
}
