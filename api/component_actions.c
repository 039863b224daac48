/* DescribeProjectComponents, and the actions that change one component's settings. */
#include "api/action.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/component.h"
#include "api/names.h"
#include "api/project_body.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "flow/grade.h"
#include "store/pair.h"

#include "base/banned.h"

/* clang-format off */
static const char *const dimensions[] = { "NAME", "TASK_NAME", "IP", NULL };
static const struct field any_map[] = { { 0 } };

const struct field component_fields[] = {
    { .name = "dimension", .type = FT_STRING, .fallback = "\"NAME\"", .values = dimensions },
    { .name = "key", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = COMPONENT_NAME_MAX - 1, .check = name_check_line },
    { .name = "cmRegion", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64, .check = name_check_line },
    { .name = "config", .type = FT_OBJECT, .flags = F_REQUIRED, .fields = any_map }, /* read by its own table below */
    { .name = "allowDelete", .type = FT_BOOL, .fallback = "false" },
    { 0 },
};

/* What a component of OMS calls a setting, and what it is called here. */
enum { COPIED, NEGATED, NO_DDL };
struct known {
    unsigned kinds; /* bits 1U << COMPONENT_… */
    const char *key, *setting;
    int how;
};
#define STORE_ (1U << COMPONENT_STORE)
#define IMPORT (1U << COMPONENT_IMPORT)
#define SYNC (1U << COMPONENT_SYNC)
#define VERIFY (1U << COMPONENT_VERIFY)
static const struct known known[] = {
    { STORE_,        "storeLogKeptHour",           "storeLogKeptHour",         COPIED },
    { STORE_,        "relayMaxBytes",              "relayMaxBytes",            COPIED },
    { IMPORT | SYNC, "throttleRps",                "throttleRps",              COPIED },
    { IMPORT | SYNC, "throttleIOPS",               "throttleIOPS",             COPIED },
    { IMPORT,        "checkDstTableEmpty",         "allowDestTableNotEmpty",   NEGATED },
    { IMPORT,        "readWorkerNum",              "readWorkerNum",            COPIED },
    { IMPORT,        "writeWorkerNum",             "writeWorkerNum",           COPIED },
    { IMPORT,        "workerNum",                  "writeWorkerNum",           COPIED },
    { IMPORT,        "fullTransferSpeedMode",      "fullTransferSpeedMode",    COPIED },
    { SYNC,          "workerNum",                  "incrSyncConcurrency",      COPIED },
    { SYNC,          "allowRecordTypes",           "recordTypeWhiteList",      COPIED },
    { SYNC,          "supportDDLTypes",            "supportDDLTypes",          COPIED },
    { SYNC,          "skipDdl",                    "supportDDLTypes",          NO_DDL },
    { SYNC,          "conflictStrategy",           "conflictStrategy",         COPIED },
    { SYNC,          "enableDmlDdlTypeStatistics", "enableIncrSyncStatistics", COPIED },
    { VERIFY,        "fullVerifySpeedMode",        "fullVerifySpeedMode",      COPIED },
    { VERIFY,        "workerNum",                  "workerNum",                COPIED },
    { VERIFY,        "batchRows",                  "batchRows",                COPIED },
};
/* clang-format on */

/* ------------------------------------------------------------------ finding them */

/* A project and what belongs to it, for the length of a scope. */
struct owned {
    struct project *project;
    struct step_rows steps;
    struct source *source, *sink;
    struct verify_run run;
    struct verify_counts found;
};

static void owned_done(struct owned *o)
{
    project_free(o->project);
    step_rows_done(&o->steps);
    verify_run_done(&o->run);
    source_free(o->source);
    source_free(o->sink);
}

/* A source that is gone for good is NULL; other errors are errors. */
static int get_source(struct call *c, const char *id, struct source **ret, struct err *err)
{
    struct err missing = { 0 };

    if (store_source_get(c->on->store, id, true, ret, &missing) == 0 ||
        missing.code == ERR_SOURCE_NOT_FOUND)
        return 0;
    *err = missing;
    return -1;
}

static int load(struct call *c, const char *id, struct owned *ret, struct err *err)
{
    struct store *st = c->on->store;

    if (store_project_live(st, id, &ret->project, err) < 0 ||
        store_step_list(st, id, &ret->steps.rows, &ret->steps.count, err) < 0 ||
        store_verify_run(st, id, &ret->run, err) < 0 ||
        store_verify_count(st, id, NULL, &ret->found, err) < 0 ||
        get_source(c, ret->project->source_id, &ret->source, err) < 0)
        return -1;
    return get_source(c, ret->project->sink_id, &ret->sink, err);
}

static const struct {
    const char *step;   /* whose row it shows */
    const char *worker; /* the worker's own name, where that differs */
    enum component_kind kind;
    bool reverse;
} places[] = {
    { "TRANSFER_INCR_LOG_PULL", NULL, COMPONENT_STORE, false },
    { "FULL_TRANSFER", NULL, COMPONENT_IMPORT, false },
    { "INCR_TRANSFER", NULL, COMPONENT_SYNC, false },
    { "FULL_VERIFIER", NULL, COMPONENT_VERIFY, false },
    { "REVERSE_INCR_TRANSFER", "REVERSE_INCR_LOG_PULL", COMPONENT_STORE, true },
    { "REVERSE_INCR_TRANSFER", NULL, COMPONENT_SYNC, true },
};

static const struct step *step_named(const struct step_rows *steps, const char *name)
{
    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->rows[i].name, name) == 0)
            return &steps->rows[i];
    return NULL;
}

static void describe(struct call *c, const struct owned *o, size_t place, const struct step *step,
                     struct component *ret)
{
    struct json_object *config = o->project->config;
    const char *worker = places[place].worker != NULL ? places[place].worker : step->name;
    const char *section = "incrTransferConfig";
    struct flow_worker reader;

    *ret = (struct component){ .kind = places[place].kind,
                               .reverse = places[place].reverse,
                               .project = o->project,
                               .step = step,
                               .run = &o->run,
                               .found = &o->found,
                               .ip = c->on->host,
                               .region = c->on->region };
    if (ret->kind == COMPONENT_IMPORT || ret->kind == COMPONENT_VERIFY)
        section = "fullTransferConfig";
    else if (ret->reverse)
        section = "reverseIncrTransferConfig";
    ret->source = ret->reverse ? o->sink : o->source;
    ret->sink = ret->reverse ? o->source : o->sink;
    ret->config = json_get(config, section);
    ret->mapping = json_get(config, ret->reverse ? "reverseTransferMapping" : "transferMapping");
    ret->alive = flow_worker(c->on->flow, o->project->id, worker, &ret->worker);
    ret->feeds = flow_worker(c->on->flow, o->project->id,
                             ret->reverse ? "REVERSE_INCR_TRANSFER" : "INCR_TRANSFER", &reader);
}

/* Calls back for each component that has been started; of a released project none is left. */
static void each(struct call *c, const struct owned *o,
                 void (*call)(void *ctx, const struct component *component), void *ctx)
{
    enum project_status s = o->project->status;

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        const struct step *step = step_named(&o->steps, places[i].step);
        struct component component;

        if (step == NULL || step->started_at == 0 || s == PS_RELEASED || s == PS_DELETED)
            continue;
        describe(c, o, i, step, &component);
        call(ctx, &component);
    }
}

/* ------------------------------------------------------------------ DescribeProjectComponents */

struct lists {
    struct json_object *data;
    bool peer; /* a reverse project's: it shows as the reverse direction of its forward one */
};

static void add_to_list(void *ctx, const struct component *c)
{
    static const char *const forward[] = { "storeList", "fullImportComponents",
                                           "incrSyncComponents", "fullVerifyComponents" };
    static const char *const reverse[] = { "reverseStoreList", "fullImportComponents",
                                           "reverseIncrSyncComponents", "fullVerifyComponents" };
    struct lists *lists = ctx;
    const char *name = c->reverse || lists->peer ? reverse[c->kind] : forward[c->kind];
    struct json_object *list = json_get(lists->data, name);

    if (list == NULL) {
        list = json_object_new_array();
        json_add(lists->data, name, list);
    }
    json_object_array_add(list, view_component(c));
}

int component_list(struct call *c, struct err *err)
{
    static const char *const names[] = { "storeList",
                                         "reverseStoreList",
                                         "fullImportComponents",
                                         "fullVerifyComponents",
                                         "incrSyncComponents",
                                         "reverseIncrSyncComponents" };
    _cleanup_(owned_done)
    struct owned own = { 0 };
    _cleanup_(owned_done)
    struct owned peer = { 0 };
    struct lists lists = { .data = json_object_new_object() };

    c->data = lists.data;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        json_add_null(c->data, names[i]);
    if (load(c, json_get_str(c->in, "id", ""), &own, err) < 0 ||
        (own.project->reverse_id[0] != '\0' && load(c, own.project->reverse_id, &peer, err) < 0))
        return -1;
    each(c, &own, add_to_list, &lists);
    lists.peer = true;
    if (peer.project != NULL)
        each(c, &peer, add_to_list, &lists);
    return 0;
}

/* ------------------------------------------------------------------ changing one */

struct search {
    const char *key;
    bool by_task;
    enum component_kind kind;
    bool found, reverse;
};

static void compare(void *ctx, const struct component *c)
{
    struct search *s = ctx;
    char name[COMPONENT_NAME_MAX];

    if (s->by_task)
        component_task(c, name);
    else
        component_name(c, name);
    if (c->kind == s->kind && strcmp(name, s->key) == 0) {
        s->found = true;
        s->reverse = c->reverse;
    }
}

/* The project's id within a component's name; false: there is none. */
static bool project_of(const char *key, char ret[static ID_MAX])
{
    const char *at = strstr(key, "np_");
    size_t len = at == NULL ? 0 : 3 + strspn(at + 3, "0123456789abcdefghijklmnopqrstuvwxyz");

    if (len <= 3 || len >= ID_MAX)
        return false;
    memcpy(ret, at, len);
    ret[len] = '\0';
    return true;
}

static int find(struct call *c, enum component_kind kind, char ret_id[static ID_MAX],
                bool *ret_reverse, struct err *err)
{
    struct search s = { .key = json_get_str(c->in, "key", ""), .kind = kind };
    _cleanup_(owned_done)
    struct owned own = { 0 };

    s.by_task = strcmp(json_get_str(c->in, "dimension", ""), "TASK_NAME") == 0;
    if (project_of(s.key, ret_id)) {
        if (load(c, ret_id, &own, err) < 0)
            return -1;
        each(c, &own, compare, &s);
    }
    if (!s.found) {
        (void)err_set(err, ERR_PARAM, "key: there is no such component: %s", s.key);
        return err_advise(err, "DescribeProjectComponents shows the names (and identities) of "
                               "those that have been started.");
    }
    *ret_reverse = s.reverse;
    return 0;
}

static const struct known *known_key(enum component_kind kind, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if ((known[i].kinds & 1U << kind) != 0 && strcasecmp(known[i].key, key) == 0)
            return &known[i];
    return NULL;
}

static void refuse_key(struct call *c, enum component_kind kind, const char *path)
{
    _cleanup_(strbuf_done)
    struct strbuf names = STRBUF(1024);

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if ((known[i].kinds & 1U << kind) != 0)
            strbuf_addf(&names, "%s%s", names.len > 0 ? ", " : "", known[i].key);
    faults_later(&c->faults, path, "is not a setting of this component here; there are %s",
                 strbuf_str(&names));
}

/* One setting in our words. null takes it away: no limit, no list. */
static void translate_one(struct call *c, enum component_kind kind, const char *path,
                          const char *key, struct json_object *value, struct json_object *section)
{
    const struct known *k = known_key(kind, key);

    if (k == NULL) {
        refuse_key(c, kind, path);
    } else if (value == NULL && !json_get_bool(c->in, "allowDelete", false)) {
        faults_add(&c->faults, path, "must not be null without allowDelete");
    } else if (k->how == COPIED) {
        json_add(section, k->setting, value != NULL ? json_object_get(value) : NULL);
    } else if (!json_object_is_type(value, json_type_boolean)) {
        faults_add(&c->faults, path, "must be true or false");
    } else if (k->how == NEGATED) {
        json_add_bool(section, k->setting, json_object_get_boolean(value) == 0);
    } else if (json_object_get_boolean(value) != 0) {
        json_add(section, k->setting, json_object_new_array());
    } else {
        json_add(section, k->setting, project_body_all_ddl());
    }
}

/* `config` holds settings, or sections of them as OMS groups them. */
static void translate(struct call *c, enum component_kind kind, struct json_object *section)
{
    static const char *const groups[] = { "coordinator", "condition", "source", "sink" };
    struct json_object *config = field_find(c->raw, "config");
    char path[160];

    json_object_object_foreach(config, key, value)
    {
        bool group = false;
        for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
            group = group || strcasecmp(groups[i], key) == 0;
        (void)snprintf(path, sizeof(path), "config.%.64s", key);
        if (!group) {
            translate_one(c, kind, path, key, value, section);
            continue;
        }
        if (!json_object_is_type(value, json_type_object)) {
            faults_add(&c->faults, path, "must be an object");
            continue;
        }
        json_object_object_foreach(value, name, v)
        {
            (void)snprintf(path, sizeof(path), "config.%.64s.%.64s", key, name);
            translate_one(c, kind, path, name, v, section);
        }
    }
    if (json_object_object_length(section) == 0 && c->faults.count == 0)
        faults_add(&c->faults, "config", "has nothing to change");
}

/*
 * UpdateProjectConfig replaces limits as a set, this action one by one: those that are not named
 * are sent along as they are. What is null goes.
 */
static int complete(struct call *c, const char *id, const char *name, struct json_object *section,
                    struct err *err)
{
    static const char *const limits[] = { "throttleRps", "throttleIOPS" };
    _cleanup_(project_freep)
    struct project *p = NULL;
    struct json_object *stored;

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    stored = json_get(p->config, name);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct json_object *now = json_get(stored, limits[i]);
        if (now != NULL && !json_object_object_get_ex(section, limits[i], NULL))
            json_add(section, limits[i], json_object_get(now));
    }
    return 0;
}

/* As UpdateProjectConfig would be called for it: one place decides what can be changed when. */
static int update_config(struct call *c, const char *id, const char *name,
                         struct json_object *section, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *body = json_object_new_object();
    struct json_object *request = c->in, *clean = NULL;
    int r;

    json_add_str(body, "id", id);
    json_add(body, name, json_object_get(section));
    if (fields_read(update_project_fields, body, "", &c->faults, &clean, err) < 0)
        return -1;
    if (json_get(clean, name) == NULL)
        faults_later(&c->faults, name, "can't be changed yet");
    c->in = clean;
    r = faults_raise(&c->faults, err) < 0 ? -1 : project_change_config(c, false, err);
    c->in = request;
    json_putp(&clean);
    return r;
}

/*
 * A verifier's settings are those of its grade: a speed mode is one of three, numbers are CUSTOM's.
 * Those of the other components are sent along as they are.
 */
static int verify_section(struct call *c, const char *id, struct json_object *flat,
                          struct json_object **ret, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(json_putp)
    struct json_object *numbers = NULL;
    struct json_object *mode = json_get(flat, "fullVerifySpeedMode"), *common, *grades, *settings,
                       *own;

    if (mode != NULL && json_object_object_length(flat) > 1)
        faults_add(&c->faults, "config.fullVerifySpeedMode",
                   "must not come with workerNum or batchRows: it has its own");
    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    common = json_get(p->config, "commonTransferConfig");
    grades = json_get(common, "componentGrades") != NULL
                 ? json_clone(json_get(common, "componentGrades"))
                 : json_object_new_object();
    settings = json_get(common, "componentSettings") != NULL
                   ? json_clone(json_get(common, "componentSettings"))
                   : json_object_new_object();
    *ret = json_object_new_object();
    json_add(*ret, "componentGrades", grades);
    json_add(*ret, "componentSettings", settings);
    json_object_object_del(settings, "fullVerify");
    if (mode != NULL) {
        json_add_str(grades, "fullVerify", grade_of_mode(json_object_get_string(mode)));
        return 0;
    }
    numbers = grade_settings(p->config);
    own = json_clone(json_get(numbers, "fullVerify"));
    json_object_object_del(own, "grade");
    json_object_object_foreach(flat, key, value)
        json_add(own, key, value != NULL ? json_object_get(value) : NULL);
    json_add_str(grades, "fullVerify", "CUSTOM");
    return json_add(settings, "fullVerify", own);
}

static int update_verifier(struct call *c, const char *id, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *flat = json_object_new_object();
    _cleanup_(json_putp)
    struct json_object *section = NULL;
    char told[1024];
    int64_t ticket = 0;

    translate(c, COMPONENT_VERIFY, flat);
    (void)snprintf(told, sizeof(told), "%.1000s", json_text(flat));
    if (faults_raise(&c->faults, err) < 0 || verify_section(c, id, flat, &section, err) < 0 ||
        faults_raise(&c->faults, err) < 0 ||
        update_config(c, id, "commonTransferConfig", section, err) < 0 ||
        store_project_ticket(c->on->store, id, "UpdateFullVerification", c->who->name, told,
                             &ticket, err) < 0)
        return -1;
    json_putp(&c->data);
    c->data = json_object_new_int64(ticket);
    return 0;
}

static int update_one(struct call *c, enum component_kind kind, const char *action, const char *id,
                      const char *name, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *section = json_object_new_object();
    char told[1024];
    int64_t ticket = 0;

    translate(c, kind, section);
    (void)snprintf(told, sizeof(told), "%.1000s", json_text(section));
    if (faults_raise(&c->faults, err) < 0 || complete(c, id, name, section, err) < 0 ||
        update_config(c, id, name, section, err) < 0 ||
        store_project_ticket(c->on->store, id, action, c->who->name, told, &ticket, err) < 0)
        return -1;
    json_putp(&c->data);
    c->data = json_object_new_int64(ticket);
    return 0;
}

/* Every incremental component runs on this host: those of all projects that have one. */
static int update_host(struct call *c, const char *action, struct err *err)
{
    static const unsigned living =
        1U << PS_INIT | 1U << PS_RUNNING | 1U << PS_SUSPEND | 1U << PS_FAILED;
    _cleanup_(freep)
    char(*ids)[ID_MAX] = NULL;
    size_t count = 0, done = 0;

    if (strcmp(json_get_str(c->in, "key", ""), c->on->host) != 0)
        return err_set(err, ERR_PARAM, "key: no component runs at %s; they run at %s",
                       json_get_str(c->in, "key", ""), c->on->host);
    if (store_project_ids(c->on->store, living, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        _cleanup_(project_freep)
        struct project *p = NULL;
        if (store_project_live(c->on->store, ids[i], &p, err) < 0)
            return -1;
        if (!json_get_bool(p->config, "enableIncrTransfer", false))
            continue;
        if (update_one(c, COMPONENT_SYNC, action, ids[i], "incrTransferConfig", err) < 0)
            return err_wrap(err, "project %s (%zu were changed before it)", ids[i], done);
        done++;
    }
    if (done == 0)
        return err_set(err, ERR_PARAM, "key: no incremental component runs at %s", c->on->host);
    return 0;
}

static int update(struct call *c, enum component_kind kind, const char *action, struct err *err)
{
    const char *dimension = json_get_str(c->in, "dimension", "NAME");
    const char *name = kind == COMPONENT_IMPORT ? "fullTransferConfig" : "incrTransferConfig";
    char id[ID_MAX];
    bool reverse = false;

    if (kind != COMPONENT_SYNC && strcmp(dimension, "NAME") != 0)
        return err_set(err, ERR_PARAM, "dimension: must be NAME for this kind of component");
    if (strcmp(dimension, "IP") == 0)
        return update_host(c, action, err);
    if (find(c, kind, id, &reverse, err) < 0)
        return -1;
    if (kind == COMPONENT_VERIFY)
        return update_verifier(c, id, err);
    return update_one(c, kind, action, id, reverse ? "reverseIncrTransferConfig" : name, err);
}

int component_update_store(struct call *c, struct err *err)
{
    return update(c, COMPONENT_STORE, "UpdateStore", err);
}

int component_update_import(struct call *c, struct err *err)
{
    return update(c, COMPONENT_IMPORT, "UpdateFullImport", err);
}

int component_update_sync(struct call *c, struct err *err)
{
    return update(c, COMPONENT_SYNC, "UpdateIncrSync", err);
}

int component_update_verify(struct call *c, struct err *err)
{
    return update(c, COMPONENT_VERIFY, "UpdateFullVerification", err);
}
