#include "workers/task.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#include "base/banned.h"

enum { RETRY_MINUTES_DEFAULT = 720, LAG_THRESHOLD_DEFAULT_S = 900 };

const char *end_name(enum end e)
{
    return e == END_SOURCE ? "source" : "sink";
}

const char *end_item_type(enum end e)
{
    return e == END_SOURCE ? "SOURCE" : "DEST";
}

static int dup_text(struct json_object *o, const char *key, bool required, char **ret,
                    struct err *err)
{
    const char *text = json_get_str(o, key, NULL);

    if (text == NULL)
        return required ? err_set(err, ERR_CHANNEL, "the assignment has no %s", key) : 0;
    *ret = strdup(text);
    return *ret != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int parse_endpoint(struct json_object *o, enum end which, struct endpoint *ret,
                          struct err *err)
{
    const char *password = json_get_str(o, "password", "");

    if (o == NULL)
        return err_set(err, ERR_CHANNEL, "the assignment has no %s", end_name(which));
    ret->end = which;
    ret->port = (int)json_get_i64(o, "port", 0);
    ret->use_ssl = json_get_bool(o, "useSsl", false);
    if (dup_text(o, "endpointId", false, &ret->id, err) < 0 ||
        dup_text(o, "type", true, &ret->type, err) < 0 ||
        dup_text(o, "host", true, &ret->host, err) < 0 ||
        dup_text(o, "user", true, &ret->user, err) < 0 ||
        dup_text(o, "schema", false, &ret->schema, err) < 0 ||
        secret_new(password, strlen(password), &ret->password, err) < 0)
        return -1;
    json_object_object_del(o, "password");
    return 0;
}

static int parse_id(struct json_object *o, const char *key, char ret[static ID_MAX],
                    struct err *err)
{
    const char *id = json_get_str(o, key, "");

    if (strlen(id) >= ID_MAX)
        return err_set(err, ERR_CHANNEL, "the assignment's %s is too long", key);
    (void)snprintf(ret, ID_MAX, "%s", id);
    return 0;
}

static int parse_pair(struct task *t, struct err *err)
{
    struct json_object *pair = json_get(t->doc, "pair");

    t->reverse = strcmp(json_get_str(t->doc, "direction", "FORWARD"), "REVERSE") == 0;
    t->two_way = json_get_bool(pair, "twoWay", false);
    if (parse_id(pair, "forwardProjectId", t->forward_id, err) < 0)
        return -1;
    return parse_id(pair, "peerProjectId", t->peer_id, err);
}

static int parse_flags(struct task *t, struct err *err)
{
    struct json_object *flags = json_get(t->doc, "flags");

    if (flags == NULL)
        return err_set(err, ERR_CHANNEL, "the assignment has no flags");
    t->do_struct = json_get_bool(flags, "struct", false);
    t->do_full = json_get_bool(flags, "full", false);
    t->do_incr = json_get_bool(flags, "incr", false);
    if (parse_pair(t, err) < 0)
        return -1;
    t->has_index_step = json_get_bool(t->doc, "hasIndexStep", false);
    t->retry_minutes = (int)json_get_i64(t->doc, "connectRetryMinutes", RETRY_MINUTES_DEFAULT);
    t->lag_threshold_s = (int)json_get_i64(t->doc, "lagThresholdSeconds", LAG_THRESHOLD_DEFAULT_S);
    return 0;
}

int task_parse(struct json_object *doc, struct task **ret, struct err *err)
{
    _cleanup_(task_freep)
    struct task *t = calloc(1, sizeof(*t));
    const char *id = json_get_str(doc, "projectId", NULL);

    if (t == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (strcmp(json_get_str(doc, "t", ""), "assignment") != 0 || id == NULL ||
        strlen(id) >= sizeof(t->project_id))
        return err_set(err, ERR_CHANNEL, "the first message is no assignment");
    t->doc = json_object_get(doc);
    (void)snprintf(t->project_id, sizeof(t->project_id), "%s", id);
    if (dup_text(doc, "step", true, &t->step, err) < 0 ||
        dup_text(doc, "kind", true, &t->kind, err) < 0 ||
        dup_text(doc, "dataDir", true, &t->data_dir, err) < 0 ||
        dup_text(doc, "controlSchema", true, &t->control_schema, err) < 0 ||
        parse_endpoint(json_get(doc, "source"), END_SOURCE, &t->ends[END_SOURCE], err) < 0 ||
        parse_endpoint(json_get(doc, "sink"), END_SINK, &t->ends[END_SINK], err) < 0 ||
        parse_flags(t, err) < 0)
        return -1;
    *ret = take_ptr(t);
    return 0;
}

void task_free(struct task *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < END_MAX_; i++) {
        struct endpoint *e = &t->ends[i];
        free(e->id);
        free(e->type);
        free(e->host);
        free(e->user);
        free(e->schema);
        secret_free(e->password);
    }
    free(t->step);
    free(t->kind);
    free(t->data_dir);
    free(t->control_schema);
    json_putp(&t->doc);
    free(t);
}

struct json_object *task_mapping(const struct task *t)
{
    return json_get(t->doc, "mapping");
}

struct json_object *task_struct_config(const struct task *t)
{
    return json_get(t->doc, "structConfig");
}

struct json_object *task_full_config(const struct task *t)
{
    return json_get(t->doc, "fullConfig");
}

struct json_object *task_incr_config(const struct task *t)
{
    return json_get(t->doc, "incrConfig");
}

enum ddl_decision task_ddl_decision(const struct task *t, const char *id, const char *statement,
                                    const char **ret_sql)
{
    struct json_object *list = json_get_array(t->doc, "ddlDecisions");
    enum ddl_decision found = DDL_UNDECIDED;

    /* The last word counts. */
    for (size_t i = 0; i < json_len(list); i++) {
        struct json_object *o = json_at(list, i);
        const char *action = json_get_str(o, "action", ""), *sql = json_get_str(o, "sql", NULL);

        if (strcmp(json_get_str(o, "id", ""), id) != 0 ||
            strcmp(json_get_str(o, "statement", ""), statement) != 0)
            continue;
        if (strcmp(action, "SKIP") == 0) {
            found = DDL_SKIP;
        } else if (strcmp(action, "REPLACE") == 0 && sql != NULL) {
            found = DDL_REPLACE;
            *ret_sql = sql;
        }
    }
    return found;
}
