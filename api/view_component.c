/* A worker in the shape of OMS's components (oms-api.md 3.11, 4.13). */
#include "api/component.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/view.h"
#include "base/clock.h"
#include "base/json.h"
#include "flow/grade.h"

#include "base/banned.h"

/* ------------------------------------------------------------------ names */

void component_task(const struct component *c, char buf[static COMPONENT_NAME_MAX])
{
    static const char *const forward[] = { "store", "full_trans", "incr_trans", "full_verify" };
    static const char *const reverse[] = { "reverse_store", "full_trans", "reverse_trans",
                                           "full_verify" };

    (void)snprintf(buf, COMPONENT_NAME_MAX, "%s-%s-1-0", c->project->id,
                   c->reverse ? reverse[c->kind] : forward[c->kind]);
}

void component_name(const struct component *c, char buf[static COMPONENT_NAME_MAX])
{
    char task[COMPONENT_NAME_MAX];

    component_task(c, task);
    (void)snprintf(buf, COMPONENT_NAME_MAX, "%.48s-0:%s:%.64s", c->ip,
                   c->kind == COMPONENT_STORE ? "store" : "connector_v2", task);
}

/* ------------------------------------------------------------------ status */

static const char *store_status(const struct component *c)
{
    if (c->alive)
        return "ACTIVE";
    if (c->step->status == SS_FAILED)
        return "EXCEPTION";
    return c->project->status == PS_RUNNING ? "UNEXPECTED_EXIT" : "STOP";
}

static const char *connector_status(const struct component *c)
{
    if (c->step->status == SS_FAILED)
        return "EXCEPTION";
    if (c->step->status == SS_FINISHED)
        return "FINISHED";
    return c->alive ? "RUNNING" : "STOPPED";
}

static const char *verify_status(const struct component *c)
{
    if (c->alive)
        return "RUNNING";
    if (c->step->status == SS_FAILED)
        return "FAILED";
    if (c->run->state == VS_DONE)
        return "DONE";
    return c->step->status == SS_RUNNING || c->step->status == SS_INIT ? "INIT" : "SHUTDOWNED";
}

/* ------------------------------------------------------------------ settings in effect */

static void copy(struct json_object *to, const char *key, struct json_object *from,
                 const char *from_key)
{
    struct json_object *v = json_get(from, from_key);

    json_add(to, key, v != NULL ? json_object_get(v) : NULL);
}

static struct json_object *view_end(const struct source *s, const char *workers_key,
                                    struct json_object *workers)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "host", s != NULL ? s->host : NULL);
    if (s != NULL)
        json_add_i64(o, "port", s->port);
    else
        json_add_null(o, "port");
    json_add_str(o, "username", s != NULL ? s->user : NULL);
    json_add_bool(o, "useSsl", s != NULL && json_get_bool(s->extra, "useSsl", false));
    if (workers_key != NULL)
        json_add(o, workers_key, workers != NULL ? json_object_get(workers) : NULL);
    return o;
}

static void add_numbers(struct json_object *to, struct json_object *config)
{
    _cleanup_(json_putp)
    struct json_object *all = grade_settings(config);

    copy(to, "workerNum", json_get(all, "fullVerify"), "workerNum");
    copy(to, "batchRows", json_get(all, "fullVerify"), "batchRows");
}

static struct json_object *view_coordinator(const struct component *c)
{
    static const char *const of_store[] = { "storeLogKeptHour", "relayMaxBytes", NULL };
    static const char *const of_import[] = { "throttleRps", "throttleIOPS", "fullTransferSpeedMode",
                                             "nonePkUkTruncateDstTable", NULL };
    static const char *const of_sync[] = { "throttleRps",
                                           "throttleIOPS",
                                           "supportDDLTypes",
                                           "adaptOnlineDdl",
                                           "conflictStrategy",
                                           "conflictDetection",
                                           NULL };
    static const char *const of_verify[] = { "fullVerifySpeedMode", NULL };
    static const char *const *const all[] = { of_store, of_import, of_sync, of_verify };
    struct json_object *o = json_object_new_object();

    for (const char *const *key = all[c->kind]; *key != NULL; key++)
        copy(o, *key, c->config, *key);
    if (c->kind == COMPONENT_STORE)
        return o;
    json_add_i64(o, "reportIntervalSec", 1);
    if (c->kind == COMPONENT_VERIFY) {
        add_numbers(o, c->project->config);
        return o;
    }
    if (c->kind == COMPONENT_IMPORT) {
        json_add_bool(o, "checkDstTableEmpty",
                      !json_get_bool(c->config, "allowDestTableNotEmpty", false));
        return o;
    }
    copy(o, "allowRecordTypes", c->config, "recordTypeWhiteList");
    json_add_bool(o, "skipDdl", json_len(json_get_array(c->config, "supportDDLTypes")) == 0);
    copy(o, "enableDmlDdlTypeStatistics", c->config, "enableIncrSyncStatistics");
    return o;
}

static struct json_object *view_tables(struct json_object *tables)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_len(tables); i++) {
        struct json_object *t = json_at(tables, i), *o = json_object_new_object();

        copy(o, "name", t, "name");
        copy(o, "map", t, "mappedName");
        json_object_array_add(list, o);
    }
    return list;
}

/* The objects: of a list as OMS writes them, rules as they are. */
static struct json_object *view_condition(struct json_object *mapping)
{
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();
    struct json_object *databases = json_get_array(mapping, "databases");

    for (size_t i = 0; i < json_len(databases); i++) {
        struct json_object *db = json_at(databases, i), *entry = json_object_new_object();
        struct json_object *tables = json_get_array(db, "tables");

        copy(entry, "name", db, "name");
        copy(entry, "map", db, "mappedName");
        json_add_bool(entry, "all", false);
        json_add(entry, "sub", view_tables(tables));
        json_object_array_add(list, entry);
    }
    json_add(o, "whiteCondition", list);
    copy(o, "whiteRules", mapping, "tableAndViewWhiteList");
    copy(o, "blackRules", mapping, "tableAndViewBlackList");
    return o;
}

static struct json_object *view_config(const struct component *c)
{
    struct json_object *o = json_object_new_object(), *source, *sink;
    struct json_object *read = json_get(c->config, "readWorkerNum");
    struct json_object *write =
        json_get(c->config, c->kind == COMPONENT_SYNC ? "incrSyncConcurrency" : "writeWorkerNum");

    source = view_end(c->source, c->kind == COMPONENT_IMPORT ? "readWorkerNum" : NULL, read);
    sink = view_end(c->sink,
                    c->kind == COMPONENT_STORE || c->kind == COMPONENT_VERIFY ? NULL : "workerNum",
                    write);
    if (c->kind == COMPONENT_IMPORT || c->kind == COMPONENT_SYNC)
        json_add_bool(sink, "disableForeignKeyCheck", true);
    json_add(o, "coordinator", view_coordinator(c));
    json_add(o, "condition", view_condition(c->mapping));
    json_add(o, "source", source);
    json_add(o, "sink", c->kind == COMPONENT_STORE ? NULL : sink);
    if (c->kind == COMPONENT_STORE)
        json_object_put(sink);
    return o;
}

/* ------------------------------------------------------------------ the components */

static void add_time(struct json_object *o, const char *key, int64_t unix_s)
{
    char text[CLOCK_TEXT_LEN];

    json_add_str(o, key, unix_s == 0 ? NULL : clock_text(unix_s, text));
}

static void add_seconds(struct json_object *o, const char *key, int64_t unix_s)
{
    if (unix_s > 0)
        json_add_i64(o, key, unix_s);
    else
        json_add_null(o, key);
}

static void add_common(struct json_object *o, const struct component *c)
{
    char name[COMPONENT_NAME_MAX];

    component_name(c, name);
    json_add_str(o, "name", name);
    json_add_str(o, "ip", c->ip);
    json_add_str(o, "region", c->region);
    json_add(o, "errorDetails", view_error_details(c->step));
    json_add(o, "config", view_config(c));
    add_time(o, "gmtCreate", c->step->started_at);
    add_time(o, c->kind == COMPONENT_STORE ? "gmtModified" : "gmtModify",
             c->alive ? c->worker.since : c->step->finished_at);
}

static struct json_object *view_topics(const struct component *c)
{
    struct json_object *list = json_object_new_array();
    char task[COMPONENT_NAME_MAX];
    const struct component store = { .kind = COMPONENT_STORE,
                                     .reverse = c->reverse,
                                     .project = c->project };

    component_task(&store, task);
    json_object_array_add(list, json_object_new_string(task));
    return list;
}

static void add_store(struct json_object *o, const struct component *c)
{
    char task[COMPONENT_NAME_MAX];
    struct err err = { 0 };

    component_task(c, task);
    json_to_err(c->step->error, &err);
    json_add_str(o, "topic", c->project->id);
    json_add_str(o, "subtopic", task);
    copy(o, "tps", c->step->info, "tps");
    copy(o, "delay", c->step->info, "sourceLagSeconds");
    add_seconds(o, "gmt", c->alive ? c->worker.heard_at : 0);
    json_add_i64(o, "conn", c->feeds ? 1 : 0);
    json_add_str(o, "status", store_status(c));
    json_add_bool(o, "toSwitch", false);
    json_add_null(o, "port"); /* its reader shares its files, no socket */
    json_add_null(o, "storePort");
    add_time(o, "beginCheckpoint", json_get_i64(c->step->info, "oldestTimestamp", 0));
    add_time(o, "endCheckpoint", c->step->checkpoint);
    json_add_str(o, "errMsg", c->step->error != NULL ? err.message : NULL);
    add_seconds(o, "latelyHeartbeatTimeSec", c->alive ? c->worker.heard_at : 0);
}

static void add_sync(struct json_object *o, const struct component *c)
{
    int64_t at = json_get_i64(c->step->info, "incrTimestampCheckpoint", c->step->checkpoint);
    int64_t sample = json_get_i64(c->step->info, "checkpointSampleTimestamp", 0);

    json_add(o, "subtopics", view_topics(c));
    add_time(o, "checkpoint", at);
    copy(o, "tps", c->step->info, "tps");
    if (at > 0 && sample > 0)
        json_add_i64(o, "delay", MAX(sample - at, (int64_t)0));
    else
        json_add_null(o, "delay");
    add_seconds(o, "checkpointSampleTimestamp", sample);
}

/* Rows are counted, tables are its progress. */
static struct json_object *view_verifier(const struct component *c)
{
    struct json_object *o = json_object_new_object();
    const struct verify_counts *f = c->found;
    int64_t differing = f->source_only + f->dest_only + f->mismatched;
    char name[COMPONENT_NAME_MAX], tables[32];

    component_name(c, name);
    (void)snprintf(tables, sizeof(tables), "%" PRId64, f->done);
    json_add_str(o, "name", name);
    json_add_str(o, "ip", c->ip);
    json_add_str(o, "region", c->region);
    json_add_i64(o, "taskId", c->run->started_at);
    json_add_i64(o, "inconsistentQuantity", differing);
    json_add_i64(o, "consistentQuantity", f->rows);
    json_add_str(o, "progress", tables);
    json_add_i64(o, "recordProgress", differing + f->rows);
    json_add_str(o, "status", verify_status(c));
    json_add(o, "config", view_config(c));
    json_add(o, "errorDetails", view_error_details(c->step));
    return o;
}

struct json_object *view_component(const struct component *c)
{
    struct json_object *o;
    char task[COMPONENT_NAME_MAX];

    if (c->kind == COMPONENT_VERIFY)
        return view_verifier(c);
    o = json_object_new_object();
    add_common(o, c);
    if (c->kind == COMPONENT_STORE) {
        add_store(o, c);
        return o;
    }
    component_task(c, task);
    json_add_str(o, "identity", task);
    json_add_str(o, "status", connector_status(c));
    if (c->kind == COMPONENT_IMPORT)
        json_add_double(o, "progress", c->step->progress);
    else
        add_sync(o, c);
    return o;
}
