#include "api/view.h"

#include <stdio.h>
#include <string.h>

#include "api/envelope.h"
#include "base/clock.h"
#include "base/json.h"
#include "flow/flow.h"
#include "flow/grade.h"

#include "base/banned.h"

/* ------------------------------------------------------------------ small parts */

/* "2026-01-31T12:00:00", or null for what has not happened. */
static void add_time(struct json_object *o, const char *key, int64_t unix_s)
{
    char text[CLOCK_TEXT_LEN];

    json_add_str(o, key, unix_s == 0 ? NULL : clock_text(unix_s, text));
}

/* ListDataSource has a form of its own (oms-api.md 2.4). */
static void add_time_zoned(struct json_object *o, const char *key, int64_t unix_s)
{
    char text[CLOCK_TEXT_LEN], zoned[CLOCK_TEXT_LEN + 16];

    (void)snprintf(zoned, sizeof(zoned), "%s.000+00:00", clock_text(unix_s, text));
    json_add_str(o, key, zoned);
}

/* Hands over a reference to a member of `from`, or null. */
static void add_same(struct json_object *o, const char *key, struct json_object *from,
                     const char *from_key)
{
    struct json_object *v = json_get(from, from_key);

    json_add(o, key, v == NULL ? NULL : json_object_get(v));
}

/* ------------------------------------------------------------------ data sources */

static struct json_object *conn_attributes(const struct source *s)
{
    struct json_object *o;

    if (strncmp(s->type, "OB_", 3) != 0)
        return NULL; /* null for MySQL: oms-api.md 4.8 */
    o = json_object_new_object();
    add_same(o, "cluster", s->extra, "cluster");
    add_same(o, "tenant", s->extra, "tenant");
    json_add_bool(o, "isLogicSource", false);
    json_add_bool(o, "useLogProxy", json_get(s->extra, "logProxyIp") != NULL);
    add_same(o, "drcUser", s->extra, "drcUserName");
    add_same(o, "configUrl", s->extra, "configUrl");
    add_same(o, "logProxyIp", s->extra, "logProxyIp");
    add_same(o, "logProxyPort", s->extra, "logProxyPort");
    json_add_bool(o, "noUserAuth", false);
    return o;
}

/* Of a pair: where UpdateDataSource can lead to; never its password. */
static struct json_object *view_slave(struct json_object *slave)
{
    struct json_object *o;

    if (slave == NULL)
        return NULL;
    o = json_object_new_object();
    add_same(o, "ip", slave, "host");
    add_same(o, "port", slave, "port");
    add_same(o, "userName", slave, "user");
    return o;
}

struct json_object *view_source(const struct source *s)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "id", s->id);
    json_add_str(o, "name", s->name);
    json_add_str(o, "type", s->type);
    json_add_str(o, "role", "MASTER");
    add_same(o, "owner", s->extra, "owner");
    add_same(o, "tenant", s->extra, "tenant");
    add_same(o, "cluster", s->extra, "cluster");
    add_same(o, "schema", s->extra, "schema");
    json_add_str(o, "ip", s->host);
    json_add_i64(o, "port", s->port);
    json_add_str(o, "userName", s->user);
    add_same(o, "region", s->extra, "region");
    add_same(o, "description", s->extra, "description");
    add_same(o, "ocpName", s->extra, "ocpName");
    json_add_null(o, "oracleSid");
    json_add_null(o, "oracleNlsLengthSemantics");
    json_add_null(o, "operatingSystem");
    json_add_str(o, "version", s->version);
    json_add_str(o, "timezone", s->timezone);
    json_add_str(o, "charset", s->charset);
    json_add_bool(o, "tryKeepHb", json_get_bool(s->extra, "tryKeepHb", false));
    json_add_bool(o, "useSsl", json_get_bool(s->extra, "useSsl", false));
    add_time_zoned(o, "gmtCreate", s->created_at);
    add_time_zoned(o, "gmtModified", s->modified_at);
    json_add_null(o, "partnerId");
    json_add(o, "connExtraAttributes", conn_attributes(s));
    json_add_null(o, "resourceOwner");
    add_same(o, "vpcId", s->extra, "vpcId");
    json_add(o, "slave", view_slave(json_get(s->extra, "slave")));
    return o;
}

struct json_object *view_connect_info(const struct source *s, const char *side)
{
    struct json_object *o;
    char where[320];

    if (s == NULL)
        return NULL;
    o = json_object_new_object();
    (void)snprintf(where, sizeof(where), strchr(s->host, ':') == NULL ? "%s:%d" : "[%s]:%d",
                   s->host, s->port);
    json_add_str(o, "id", s->id);
    json_add_str(o, "endpointName", s->name);
    json_add_str(o, "endpointId", s->id);
    json_add_str(o, "endpointSide", side);
    json_add_str(o, "dbEngine", s->type);
    json_add_str(o, "connectionInfo", where);
    json_add_str(o, "username", s->user);
    json_add_str(o, "version", s->version);
    json_add_str(o, "timezone", s->timezone);
    json_add_str(o, "charset", s->charset);
    json_add_null(o, "nlsLengthSemantics");
    json_add_null(o, "operatingSystem");
    add_same(o, "region", s->extra, "region");
    json_add_str(o, "ocpName", json_get_str(s->extra, "ocpName", ""));
    json_add(o, "connExtraAttributes", conn_attributes(s));
    add_same(o, "owner", s->extra, "owner");
    json_add_null(o, "resourceOwner");
    json_add_str(o, "host", s->host);
    json_add_i64(o, "port", s->port);
    return o;
}

/* ------------------------------------------------------------------ steps */

struct json_object *view_error_details(const struct step *s)
{
    struct json_object *list = json_object_new_array();
    struct err err = { 0 };

    if (s->error == NULL)
        return list;
    json_to_err(s->error, &err);
    json_object_array_add(list, error_detail(&err, NULL, NULL));
    return list;
}

/* Never null itself: a client reads errorMsg of it (oms-api.md 1.2, ODC). */
static struct json_object *step_extra(const struct step *s)
{
    static const char *const keys[] = { "errorDetails", "errorCode", "errorMsg", "errorParam",
                                        "failedTime" };
    struct json_object *o = json_object_new_object(), *param;
    struct json_object *failed = json_get(s->error, "failedTime");
    struct err err = { 0 };

    if (s->error == NULL) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
            json_add_null(o, keys[i]);
        return o;
    }
    json_to_err(s->error, &err);
    param = json_object_new_object();
    json_add_str(param, "message", err.message);
    json_add(o, "errorDetails", view_error_details(s));
    json_add_str(o, "errorCode", err_wire(err.code));
    json_add_str(o, "errorMsg", err.message);
    json_add(o, "errorParam", param);
    if (json_object_is_type(failed, json_type_int))
        add_time(o, "failedTime", json_object_get_int64(failed));
    else
        json_add(o, "failedTime", failed == NULL ? NULL : json_object_get(failed));
    return o;
}

/*
 * stepInfo of the incremental step keeps OMS's keys also before its worker has told anything, and
 * its conflicts are counted where they are kept.
 */
static struct json_object *step_info(const struct step *s)
{
    bool applies =
        strcmp(s->name, "INCR_TRANSFER") == 0 || strcmp(s->name, "REVERSE_INCR_TRANSFER") == 0;
    bool met = json_get_i64(s->conflicts, "total", 0) > 0;
    struct json_object *o;

    if (!applies)
        return s->info != NULL ? json_object_get(s->info) : NULL;
    if (s->info == NULL && s->checkpoint == 0 && !met)
        return NULL;
    o = s->info != NULL ? json_clone(s->info) : json_object_new_object();
    if (s->info == NULL && s->checkpoint != 0)
        json_add_i64(o, "incrTimestampCheckpoint", s->checkpoint);
    json_add(o, "conflicts", s->conflicts != NULL ? json_object_get(s->conflicts) : NULL);
    return o;
}

struct json_object *view_step(const struct step *s)
{
    struct json_object *o = json_object_new_object();

    json_add_i64(o, "order", s->order);
    json_add_str(o, "name", s->name);
    json_add_str(o, "description", flow_step_description(s->name));
    json_add_str(o, "status", step_status_text(s->status));
    json_add_double(o, "progress", s->progress);
    add_time(o, "startTime", s->started_at);
    add_time(o, "finishTime", s->status == SS_MONITORING ? 0 : s->finished_at);
    json_add(o, "extraInfo", step_extra(s));
    json_add(o, "stepInfo", step_info(s));
    return o;
}

struct json_object *view_steps(const struct step *steps, size_t count)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, view_step(&steps[i]));
    return list;
}

static const struct step *step_named(const struct step *steps, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

/*
 * The step a person would call the current one: a failed one, else the last that is at work, else
 * the first that is not finished, else the last.
 */
static const struct step *current_step(const struct step *steps, size_t count)
{
    const struct step *working = NULL, *next = NULL;

    for (size_t i = 0; i < count; i++) {
        enum step_status st = steps[i].status;
        if (st == SS_FAILED)
            return &steps[i];
        /* the log pull runs beside all the others: it is current only when nothing else is */
        if ((st == SS_RUNNING || st == SS_MONITORING || st == SS_SUSPEND) &&
            (working == NULL || strcmp(steps[i].name, "TRANSFER_INCR_LOG_PULL") != 0))
            working = &steps[i];
        if (next == NULL && st == SS_INIT)
            next = &steps[i];
    }
    if (working != NULL && strcmp(working->name, "TRANSFER_INCR_LOG_PULL") != 0)
        return working;
    if (next != NULL)
        return next;
    return working != NULL ? working : count == 0 ? NULL : &steps[count - 1];
}

/* ------------------------------------------------------------------ DDL */

static struct json_object *view_decision(struct json_object *decision)
{
    struct json_object *o;

    if (decision == NULL)
        return NULL;
    o = json_object_new_object();
    add_same(o, "action", decision, "action");
    add_same(o, "sql", decision, "sql");
    add_same(o, "user", decision, "user");
    add_time(o, "time", json_get_i64(decision, "time", 0));
    return o;
}

struct json_object *view_ddl(struct json_object *row)
{
    static const char *const same[] = {
        "status", "kind", "objects", "sql", "targetSql", "message"
    };
    struct json_object *o = json_object_new_object();

    add_same(o, "ddlId", row, "id");
    for (size_t i = 0; i < ARRAY_SIZE(same); i++)
        add_same(o, same[i], row, same[i]);
    add_time(o, "gmtExecuted", json_get_i64(row, "timestamp", 0));
    add_time(o, "gmtCreate", json_get_i64(row, "createdAt", 0));
    add_time(o, "gmtModified", json_get_i64(row, "modifiedAt", 0));
    json_add(o, "decision", view_decision(json_get(row, "decision")));
    return o;
}

/* ------------------------------------------------------------------ labels */

struct json_object *view_label(struct json_object *row)
{
    struct json_object *o = json_object_new_object();

    add_same(o, "id", row, "id");
    add_same(o, "name", row, "name");
    add_same(o, "creator", row, "creator");
    json_add_i64(o, "type", 1); /* a user's label: oms-api.md 3.9 */
    add_same(o, "count", row, "projects");
    add_time(o, "gmtCreate", json_get_i64(row, "createdAt", 0));
    return o;
}

/* ------------------------------------------------------------------ events */

struct json_object *view_event(struct json_object *row)
{
    struct json_object *o = json_object_new_object();

    add_time(o, "time", json_get_i64(row, "time", 0));
    add_same(o, "level", row, "level");
    add_same(o, "event", row, "event");
    add_same(o, "message", row, "message");
    return o;
}

/* ------------------------------------------------------------------ conflicts */

struct json_object *view_conflict(struct json_object *row)
{
    struct json_object *o = json_object_get(row);

    add_time(o, "time", json_get_i64(row, "timestamp", 0));
    return o;
}

/* ------------------------------------------------------------------ projects */

/* While its objects change a RUNNING project has a name for that. */
static const char *shown_status(const struct project *p)
{
    if (p->status != PS_RUNNING || p->modifying[0] == '\0')
        return project_status_text(p->status);
    return strcmp(p->modifying, "MERGING") == 0 ? "RUNNING_MERGING" : "RUNNING_MODIFYING";
}

static struct json_object *project_extra(const struct project_parts *p)
{
    struct json_object *o = json_object_new_object(),
                       *incr = json_get(p->project->config, "incrTransferConfig");
    const struct step *now = current_step(p->steps, p->step_count);
    const struct step *apply = step_named(p->steps, p->step_count, "INCR_TRANSFER");
    int64_t checkpoint = 0, sample = 0;

    if (apply != NULL) {
        checkpoint = json_get_i64(apply->info, "incrTimestampCheckpoint", apply->checkpoint);
        sample = json_get_i64(apply->info, "checkpointSampleTimestamp", 0);
    }
    json_add_str(o, "runningStep", now == NULL ? NULL : now->name);
    json_add_double(o, "runningProgress", now == NULL ? 0 : now->progress);
    json_add_bool(o, "monitoringIncr", apply != NULL && apply->status == SS_MONITORING);
    json_add(o, "subtopics", json_object_new_array());
    json_add(o, "reverseSubtopics", json_object_new_array());
    json_add_null(o, "logServiceStartCheckpoint");
    add_same(o, "sourceStoreKeptHour", incr, "storeLogKeptHour");
    if (checkpoint > 0 && sample > 0) {
        json_add_i64(o, "syncDelay", MAX(sample - checkpoint, 0));
        json_add_i64(o, "syncDelaySampleTimestamp", sample);
    } else {
        json_add_null(o, "syncDelay");
        json_add_null(o, "syncDelaySampleTimestamp");
    }
    json_add_bool(o, "accessObSource",
                  p->source != NULL && strncmp(p->source->type, "OB_", 3) == 0);
    json_add_bool(o, "overwriteConfig", false);
    json_add_bool(o, "ignoreUnsupportDdl", false);
    json_add_null(o, "subDbs");
    json_add_null(o, "subConds");
    json_add_null(o, "subIds");
    json_add_i64(o, "maxConnectorCount", -1);
    json_add_bool(o, "storeIncr", apply != NULL);
    if (checkpoint > 0)
        json_add_i64(o, "incrSyncTimestamp", checkpoint);
    else
        json_add_null(o, "incrSyncTimestamp");
    json_add_str(o, "reverseProjectId",
                 p->project->reverse_id[0] != '\0' ? p->project->reverse_id : NULL);
    json_add_str(o, "forwardProjectId",
                 p->project->forward_id[0] != '\0' ? p->project->forward_id : NULL);
    json_add_str(o, "direction", p->project->reverse ? "REVERSE" : "FORWARD");
    json_add_str(o, "waitsForAdvance", p->waits_for);
    json_add(o, "reverseStart",
             p->project->turn != NULL ? json_object_get(p->project->turn) : NULL);
    return o;
}

static struct json_object *alarm_stats(const struct project_parts *p)
{
    const char *level = json_get_str(p->project->config, "importance", "LOW");
    struct json_object *o = json_object_new_object(), *rules = json_object_new_object();
    int64_t recent = 0;

    for (unsigned i = 0; i < ALERT_RULE_MAX_; i++) {
        recent += p->alerts->recent[i];
        if (p->alerts->recent[i] > 0)
            json_add_i64(rules, alert_rule_text((enum alert_rule)i), p->alerts->recent[i]);
    }
    json_add_str(o, "target", p->project->id);
    json_add_bool(o, "alarming", p->alerts->firing > 0);
    json_add_i64(o, "recentlyTriggerCount", recent);
    json_add(o, "ruleToRecentlyTriggerCount", rules);
    json_add_str(o, "alarmContent", p->alerts->newest);
    json_add_bool(o, "openMonitor", strcmp(level, "IGNORE") != 0);
    return o;
}

struct json_object *view_alert(const struct alert *a)
{
    struct json_object *o = json_object_new_object();
    bool measured = a->value != 0 || a->threshold != 0;

    json_add_str(o, "id", a->id);
    json_add_str(o, "projectId", a->project_id);
    json_add_str(o, "projectName", a->project_name);
    json_add_str(o, "rule", alert_rule_text(a->rule));
    json_add_str(o, "level", alert_rule_level(a->rule));
    json_add_str(o, "stepName", a->subject[0] != '\0' ? a->subject : NULL);
    json_add_str(o, "state", a->resolved_at == 0 ? "FIRING" : "RESOLVED");
    json_add_str(o, "message", a->message);
    json_add(o, "value", measured ? json_object_new_double(a->value) : NULL);
    json_add(o, "threshold", measured ? json_object_new_double(a->threshold) : NULL);
    add_time(o, "firedAt", a->fired_at);
    add_time(o, "resolvedAt", a->resolved_at);
    add_time(o, "lastSentAt", a->sent_at);
    json_add_i64(o, "sentCount", a->sent);
    return o;
}

struct json_object *view_webhook(const struct webhook *w)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, "id", w->id);
    json_add_str(o, "url", w->url);
    json_add_str(o, "level", w->level);
    json_add(o, "rules", w->rules != NULL ? json_object_get(w->rules) : json_object_new_array());
    json_add_str(o, "owner", w->owner);
    add_time(o, "gmtCreate", w->created_at);
    add_time(o, "lastAttemptAt", w->last_at);
    add_time(o, "lastSuccessAt", w->last_good_at);
    json_add_str(o, "lastResult", w->last_result);
    json_add_i64(o, "queued", w->queued);
    return o;
}

struct json_object *view_mapping(struct json_object *mapping)
{
    struct json_object *o;

    if (mapping == NULL || json_get(mapping, "minus") == NULL)
        return mapping != NULL ? json_object_get(mapping) : NULL;
    o = json_clone(mapping);
    if (o != NULL)
        json_object_object_del(o, "minus");
    return o;
}

/* Numbers that follow from the grade, where none is given (oms-api.md 4.5). */
static void add_grades(struct json_object *o, struct json_object *config)
{
    static const char *const shown[] = { "readWorkerNum", "writeWorkerNum" };
    struct json_object *settings = grade_settings(config);
    struct json_object *full = json_clone(json_get(config, "fullTransferConfig"));

    for (size_t i = 0; full != NULL && i < ARRAY_SIZE(shown); i++)
        add_same(full, shown[i], json_get(settings, "fullImport"), shown[i]);
    json_add(o, "fullTransferConfig", full);
    json_add(o, "componentSettings", settings);
}

static void add_configs(struct json_object *o, const struct project_parts *p)
{
    static const char *const keys[] = { "commonTransferConfig", "structTransferConfig",
                                        "fullTransferConfig", "incrTransferConfig",
                                        "reverseIncrTransferConfig" };
    struct json_object *mapping = json_get(p->project->config, "transferMapping"), *mode;

    if (p->brief) { /* the cloud's list has only the mode: oms-api.md 4.10 */
        mode = json_object_new_object();
        add_same(mode, "mode", mapping, "mode");
        json_add(o, "transferMapping", mode);
    } else {
        json_add(o, "transferMapping", view_mapping(mapping));
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        add_same(o, keys[i], p->brief ? NULL : p->project->config, keys[i]);
    if (!p->brief)
        add_grades(o, p->project->config);
}

struct json_object *view_project(const struct project_parts *p)
{
    static const char *const flags[] = { "enableStructTransfer", "enableFullTransfer",
                                         "enableFullVerify",     "enableIncrTransfer",
                                         "enableIncrVerify",     "enableReverseIncrTransfer" };
    const struct project *pr = p->project;
    struct json_object *o = json_object_new_object();

    json_add_str(o, "id", pr->id);
    json_add_str(o, "name", pr->name);
    json_add_str(o, "type", pr->type);
    json_add_str(o, "owner", pr->owner);
    json_add_str(o, "status", shown_status(pr));
    json_add_str(o, "importance", json_get_str(pr->config, "importance", "LOW"));
    json_add(o, "labels",
             pr->labels != NULL ? json_object_get(pr->labels) : json_object_new_array());
    add_time(o, "gmtCreate", pr->created_at);
    add_time(o, "gmtModified", pr->modified_at);
    add_time(o, "gmtStart", pr->started_at);
    add_time(o, "gmtFinish", pr->finished_at);
    json_add_null(o, "destConnId");
    json_add_bool(o, "isMerging", strcmp(pr->modifying, "MERGING") == 0);
    json_add_bool(o, "isModifying", strcmp(pr->modifying, "MODIFYING") == 0);
    json_add_bool(o, "isSubProject", pr->parent_id[0] != '\0');
    json_add_str(o, "sourceEndpointType", p->source == NULL ? NULL : p->source->type);
    json_add_str(o, "sinkEndpointType", p->sink == NULL ? NULL : p->sink->type);
    add_configs(o, p);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        json_add_bool(o, flags[i], json_get_bool(pr->config, flags[i], false));
    json_add(o, "sourceConnectInfo", p->related ? view_connect_info(p->source, "source") : NULL);
    json_add(o, "sinkConnectInfo", p->related ? view_connect_info(p->sink, "sink") : NULL);
    json_add(o, "steps", p->related ? view_steps(p->steps, p->step_count) : NULL);
    json_add(o, "extraInfo", p->related ? project_extra(p) : NULL);
    json_add(o, "alarmStats", alarm_stats(p));
    return o;
}

static void add_progress_of(struct json_object *o, const char *key, const struct step *s)
{
    json_add_double(o, key, s == NULL ? 0 : s->progress);
}

struct json_object *view_progress(const struct project *p, const struct step *steps, size_t count)
{
    const struct step *now = current_step(steps, count);
    const struct step *incr = step_named(steps, count, "INCR_TRANSFER");
    const struct step *reverse = step_named(steps, count, "REVERSE_INCR_TRANSFER");
    struct json_object *o = json_object_new_object();

    json_add_str(o, "projectId", p->id);
    json_add_str(o, "status", shown_status(p));
    json_add_str(o, "alarmLevel", json_get_str(p->config, "importance", "LOW"));
    json_add_str(o, "currentStep", now == NULL ? NULL : now->name);
    json_add_bool(o, "enableStructTransfer",
                  json_get_bool(p->config, "enableStructTransfer", false));
    json_add_bool(o, "enableFullTransfer", json_get_bool(p->config, "enableFullTransfer", false));
    json_add_bool(o, "enableIncrSync", json_get_bool(p->config, "enableIncrTransfer", false));
    json_add_bool(o, "enableReverseIncrTransfer",
                  json_get_bool(p->config, "enableReverseIncrTransfer", false));
    add_progress_of(o, "structTransferProgress", step_named(steps, count, "STRUCT_TRANSFER"));
    add_progress_of(o, "fullTransferProgress", step_named(steps, count, "FULL_TRANSFER"));
    if (incr != NULL && incr->checkpoint > 0)
        json_add_i64(o, "incrSyncCheckpoint", incr->checkpoint);
    else
        json_add_null(o, "incrSyncCheckpoint");
    if (reverse != NULL && reverse->checkpoint > 0)
        json_add_i64(o, "reverseIncrTransferCheckpoint", reverse->checkpoint);
    else
        json_add_null(o, "reverseIncrTransferCheckpoint");
    return o;
}
