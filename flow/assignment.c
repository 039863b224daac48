#include "flow/assignment.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "flow/grade.h"
#include "flow/pair.h"
#include "flow/switchover.h"
#include "store/ddl.h"
#include "store/precheck.h"
#include "store/reset.h"
#include "store/source.h"

#include "base/banned.h"

enum { CONNECT_RETRY_MINUTES = 720, FOLDER_MAX_BYTES = 4096 };

/* clang-format off */
/* Lag at which incremental counts as caught up, by alert level (oms-api.md 3.4). */
static const struct { const char *importance; int lag_s; } thresholds[] = {
    { "HIGH", 30 }, { "MEDIUM", 300 }, { "LOW", 900 }, { "IGNORE", 900 },
};
/* clang-format on */

static int lag_threshold(const char *importance)
{
    for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++)
        if (strcmp(thresholds[i].importance, importance) == 0)
            return thresholds[i].lag_s;
    return 900;
}

int flow_alert_lag(const char *importance)
{
    return strcmp(importance, "IGNORE") == 0 ? 0 : lag_threshold(importance);
}

int assignment_folder(const struct flow_options *o, const char *id, char **ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(FOLDER_MAX_BYTES);

    strbuf_addf(&b, "%s/projects/%s", o->data_dir, id);
    return strbuf_take(&b, ret, err);
}

/* A submitted precheck has no folder of its own: it is shown the one where projects go. */
static int make_folder(const struct flow_options *o, const struct subject *s, char **ret,
                       struct err *err)
{
    _cleanup_(freep)
    char *path = NULL;

    if (assignment_folder(o, flow_is_precheck(s->id) ? "" : s->id, &path, err) < 0 ||
        fs_mkdir(path, 0700, err) < 0)
        return -1;
    *ret = take_ptr(path);
    return 0;
}

static int add_endpoint(struct json_object *doc, const char *key, const struct flow_options *o,
                        const char *id, struct err *err)
{
    _cleanup_(source_freep)
    struct source *s = NULL;
    _cleanup_(secret_freep)
    struct secret *password = NULL;
    char about[ID_MAX + 16];
    struct json_object *end;

    if (store_source_get(o->store, id, true, &s, err) < 0)
        return err_wrap(err, "the project's %s", key);
    (void)snprintf(about, sizeof(about), "source:%s", s->id);
    if (box_unseal(o->box, about, s->password_sealed, &password, err) < 0)
        return err_wrap(err, "the password of data source %s", s->name);
    end = json_object_new_object();
    json_add_str(end, "endpointId", s->id);
    json_add_str(end, "type", s->type);
    json_add_str(end, "host", s->host);
    json_add_i64(end, "port", s->port);
    json_add_str(end, "user", s->user);
    json_add_strn(end, "password", secret_text(password), secret_len(password));
    json_add_bool(end, "useSsl", json_get_bool(s->extra, "useSsl", false));
    json_add_str(end, "schema", json_get_str(s->extra, "schema", NULL));
    return json_add(doc, key, end);
}

/* A section of the configuration, shared with it; an empty object when there is none. */
static void add_section(struct json_object *doc, const char *key, struct json_object *config,
                        const char *section)
{
    struct json_object *v = json_get(config, section);

    json_add(doc, key, v != NULL ? json_object_get(v) : json_object_new_object());
}

/*
 * A value that workers count on, where the stored configuration lacks it: projects made by an
 * older version. The section is copied for that: the stored one belongs to the caller.
 */
static void add_default(struct json_object *doc, const char *key, const char *name,
                        struct json_object *value)
{
    struct json_object *section = json_get(doc, key), *copy;

    if (json_get(section, name) != NULL) {
        json_object_put(value);
        return;
    }
    copy = json_clone(section);
    json_add(copy, name, value);
    json_add(doc, key, copy);
}

/* Numbers of a component's grade, into a copy of the section that its worker reads. */
static void add_numbers(struct json_object *doc, const char *key, struct json_object *numbers)
{
    struct json_object *copy = json_clone(json_get(doc, key));

    json_object_object_foreach(numbers, name, value)
    {
        if (strcmp(name, "grade") != 0)
            json_add(copy, name, json_object_get(value));
    }
    json_add(doc, key, copy);
}

static void add_grades(struct json_object *doc, struct json_object *config)
{
    _cleanup_(json_putp)
    struct json_object *settings = grade_settings(config);

    add_numbers(doc, "fullConfig", json_get(settings, "fullImport"));
    add_numbers(doc, "incrConfig", json_get(settings, "incrSync"));
    add_numbers(doc, "incrConfig", json_get(settings, "store"));
}

static void add_flags(struct json_object *doc, struct json_object *config,
                      struct json_object *common)
{
    struct json_object *flags = json_object_new_object();

    json_add_bool(flags, "struct", json_get_bool(config, "enableStructTransfer", false));
    json_add_bool(flags, "full", json_get_bool(config, "enableFullTransfer", false));
    json_add_bool(flags, "incr", json_get_bool(config, "enableIncrTransfer", false));
    json_add_bool(flags, "verify", json_get_bool(config, "enableFullVerify", false));
    json_add_bool(flags, "reverse", json_get_bool(config, "enableReverseIncrTransfer", false));
    json_add_bool(flags, "activeActive", json_get_bool(common, "activeActive", false));
    json_add(doc, "flags", flags);
}

static void add_config(struct json_object *doc, struct json_object *config)
{
    struct json_object *common = json_get(config, "commonTransferConfig");
    const char *importance = json_get_str(config, "importance", "LOW");

    json_add_str(doc, "name", json_get_str(config, "name", ""));
    json_add_str(doc, "type", json_get_str(config, "type", "MIGRATION"));
    if (json_get_bool(config, "probe", false))
        json_add_bool(doc, "probe", true);
    json_add_str(doc, "controlSchema", json_get_str(common, "controlSchema", "oms"));
    json_add_i64(doc, "connectRetryMinutes",
                 json_get_i64(common, "connectRetryMinutes", CONNECT_RETRY_MINUTES));
    add_section(doc, "mapping", config, "transferMapping");
    json_add_str(doc, "tableCategory", json_get_str(common, "tableCategory", "ALL"));
    add_flags(doc, config, common);
    add_section(doc, "structConfig", config, "structTransferConfig");
    add_section(doc, "fullConfig", config, "fullTransferConfig");
    add_section(doc, "incrConfig", config, "incrTransferConfig");
    add_default(doc, "structConfig", "collationMapping", json_object_new_array());
    add_default(doc, "incrConfig", "supportDDLTypes", json_object_new_array());
    add_default(doc, "incrConfig", "adaptOnlineDdl", json_object_new_boolean(true));
    add_default(doc, "incrConfig", "conflictStrategy", json_object_new_string("FAIL"));
    add_default(doc, "incrConfig", "conflictDetection", json_object_new_string("KEY"));
    add_grades(doc, config);
    json_add_str(doc, "importance", importance);
    json_add_i64(doc, "lagThresholdSeconds", lag_threshold(importance));
    json_add_bool(doc, "hasIndexStep", plan_has(config, STEP_INDEX));
}

static int add_skip_items(struct json_object *doc, const struct flow_options *o,
                          const struct subject *s, struct err *err)
{
    struct json_object *items = NULL;

    if (store_skip_list(o->store, s->project_id, &items, err) < 0)
        return -1;
    return json_add(doc, "skipItems", items);
}

static int add_ddl_decisions(struct json_object *doc, const struct flow_options *o,
                             const struct subject *s, struct err *err)
{
    struct json_object *decisions = NULL;

    if (store_ddl_decisions(o->store, s->project_id, &decisions, err) < 0)
        return -1;
    return json_add(doc, "ddlDecisions", decisions);
}

static int add_reset(struct json_object *doc, const struct flow_options *o, const struct subject *s,
                     struct err *err)
{
    struct reset reset = { 0 };

    if (store_reset_waiting(o->store, s->project_id, &reset, err) < 0)
        return -1;
    if (reset.id[0] == '\0')
        return 0;
    json_add_str(doc, "resetId", reset.id);
    return json_add_i64(doc, "resetStartTimestamp", reset.start_timestamp);
}

/* What only one kind of worker needs. */
static int add_for_kind(struct json_object *doc, const struct flow_options *o,
                        const struct subject *s, const char *kind, struct err *err)
{
    if (strcmp(kind, "incr") == 0)
        return add_ddl_decisions(doc, o, s, err);
    if (strcmp(kind, "release") == 0 && plan_has(s->config, STEP_SWITCH))
        return switch_add_release(o->store, s->id, doc, err);
    return strcmp(kind, "relay") == 0 ? add_reset(doc, o, s, err) : 0;
}

int assignment_build(const struct flow_options *o, const struct subject *s,
                     const struct plan_row *step, struct json_object **ret, struct err *err)
{
    static const char *const levels[] = { "error", "warn", "info", "debug" };
    _cleanup_(assignment_freep)
    struct json_object *doc = json_object_new_object();
    _cleanup_(freep)
    char *folder = NULL;

    if (make_folder(o, s, &folder, err) < 0)
        return -1;
    json_add_str(doc, "t", "assignment");
    json_add_str(doc, "projectId", s->id);
    json_add_str(doc, "step", step->name);
    json_add_str(doc, "kind", step->kind);
    json_add_str(doc, "dataDir", folder);
    json_add_str(doc, "faultDir", o->fault_dir != NULL ? o->fault_dir : "");
    json_add_str(doc, "logLevel", levels[o->log_level]);
    json_add_str(doc, "logFormat", o->log_format == LOG_JSON ? "json" : "logfmt");
    add_config(doc, s->config);
    if (pair_add(doc, o->store, s->project_id, s->config, err) < 0 ||
        add_skip_items(doc, o, s, err) < 0 || add_for_kind(doc, o, s, step->kind, err) < 0 ||
        add_endpoint(doc, "source", o, s->source_id, err) < 0 ||
        add_endpoint(doc, "sink", o, s->sink_id, err) < 0)
        return -1;
    *ret = take_ptr(doc);
    return 0;
}

/* json-c keeps texts as plain memory and has no way to clear them; these bytes are ours alone. */
static void wipe(const char *text)
{
    if (text != NULL)
        explicit_bzero((void *)(uintptr_t)text, strlen(text));
}

void assignment_free(struct json_object *doc)
{
    if (doc == NULL)
        return;
    wipe(json_text(doc)); /* the serialized text stays in the object, too */
    wipe(json_get_str(json_get(doc, "source"), "password", NULL));
    wipe(json_get_str(json_get(doc, "sink"), "password", NULL));
    (void)json_object_put(doc);
}

struct json_object *assignment_throttle(struct json_object *config, const struct plan_row *step)
{
    static const char *const limits[] = { "throttleRps", "throttleIOPS" };
    struct json_object *section, *message;

    if (strcmp(step->kind, "full") == 0)
        section = json_get(config, "fullTransferConfig");
    else if (strcmp(step->kind, "incr") == 0)
        section =
            json_get(config, strcmp(step->name, STEP_REVERSE) == 0 ? "reverseIncrTransferConfig"
                                                                   : "incrTransferConfig");
    else
        return NULL;
    message = json_object_new_object();
    json_add_str(message, "t", "throttle");
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        if (json_get_i64(section, limits[i], 0) > 0)
            json_add_i64(message, limits[i], json_get_i64(section, limits[i], 0));
    return message;
}
