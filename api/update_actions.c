/* UpdateProjectConfig (oms-api.md 4.12): what can be changed of a project, and from when it counts.
 */
#include "api/action.h"

#include <stdio.h>
#include <string.h>

#include "api/project_body.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "flow/grade.h"

#include "base/banned.h"

/* From when a setting counts. */
enum counts {
    AT_ONCE, /* a running worker is told */
    OF_FULL, /* at once: the worker of that step starts anew at a commit */
    OF_INCR,
    OF_STORE,
    AT_NEXT_START, /* of the step that reads it */
    NEVER,         /* only before the project's first start */
};

struct setting {
    const char *key;
    enum counts counts;
    /* "Settings left out are deleted": the value it goes back to as JSON; "": none. NULL: it is not
     * in OMS's set, and stays when it is left out */
    const char *left_out;
};

/* clang-format off */
static const struct setting common_settings[] = {
    { "componentGrades",         AT_NEXT_START, "" }, /* and at once, see renew_grades() */
    { "componentSettings",       AT_NEXT_START, "" },
    { "sourceStoreFormat",       AT_NEXT_START, "" },
    { "sinkStoreFormat",         AT_NEXT_START, "" },
    { 0 },
};
static const struct setting struct_settings[] = {
    { "autoProcessedToNextStep", AT_NEXT_START, "true" },
    { "triggerMigrationType",    AT_NEXT_START, "\"NOT_MIGRATION\"" },
    { 0 },
};
static const struct setting full_settings[] = {
    { "throttleRps",             AT_ONCE,       "" },
    { "throttleIOPS",            AT_ONCE,       "" },
    { "fullTransferSpeedMode",   AT_NEXT_START, "\"NORMAL\"" }, /* and at once, see renew_grades() */
    { "fullTransferSpeedConfig", AT_NEXT_START, "" },
    { "fullVerifySpeedMode",     AT_NEXT_START, "\"NORMAL\"" }, /* likewise */
    { "readWorkerNum",           AT_NEXT_START, "" },
    { "writeWorkerNum",          AT_NEXT_START, "" },
    { "indexDDLConcurrencyLimit", AT_NEXT_START, "" },
    { "maxConcurrentIndexDDLs",  AT_NEXT_START, "" },
    { "nonePkUkTruncateDstTable", AT_NEXT_START, NULL },
    { "allowDestTableNotEmpty",  AT_NEXT_START, NULL },
    { 0 },
};
static const struct setting incr_settings[] = {
    { "throttleRps",             AT_ONCE,       "" },
    { "throttleIOPS",            AT_ONCE,       "" },
    { "recordTypeWhiteList",     OF_INCR,       "[\"INSERT\",\"UPDATE\",\"DELETE\"]" },
    { "supportDDLTypes",         OF_INCR,       "[]" },
    { "incrSyncConcurrency",     AT_NEXT_START, "64" }, /* and at once, see renew_grades() */
    { "adaptOnlineDdl",          OF_INCR,       NULL },
    { "conflictStrategy",        OF_INCR,       NULL },
    { "conflictDetection",       OF_INCR,       NULL },
    { "watchTarget",             OF_INCR,       NULL },
    { "heartbeatSeconds",        AT_NEXT_START, NULL },
    { "enableIncrSyncStatistics", OF_INCR,      NULL },
    { "storeLogKeptHour",        OF_STORE,      NULL },
    { "relayMaxBytes",           OF_STORE,      NULL },
    { "enableSequencingWithinTxn", AT_NEXT_START, NULL },
    { "startTimestamp",          NEVER,         NULL },
    { 0 },
};
static const struct {
    const char *name;
    const struct setting *settings;
    bool reverse;
} sections[] = {
    { "commonTransferConfig",      common_settings, false },
    { "structTransferConfig",      struct_settings, false },
    { "fullTransferConfig",        full_settings,   false },
    { "incrTransferConfig",        incr_settings,   false },
    { "reverseIncrTransferConfig", incr_settings,   true },
};
/* clang-format on */

/* Statuses in which a configuration still means something. */
enum { OPEN = 1U << PS_INIT | 1U << PS_RUNNING | 1U << PS_SUSPEND | 1U << PS_FAILED };

/* One call. */
struct update {
    struct call *c;
    const struct project *p;
    struct json_object *config;                                  /* what it will be */
    bool replace;                                                /* settings left out are deleted */
    bool full, incr, store, verify, reverse_incr, reverse_store; /* workers that start anew */
    struct strbuf told; /* "section.key = value" of all that changed */
};

static void update_done(struct update *u)
{
    json_putp(&u->config);
    strbuf_done(&u->told);
}

static void note(struct update *u, size_t s, const struct setting *what)
{
    bool reverse = sections[s].reverse;

    u->full |= what->counts == OF_FULL;
    if (what->counts == OF_INCR)
        *(reverse ? &u->reverse_incr : &u->incr) = true;
    if (what->counts == OF_STORE)
        *(reverse ? &u->reverse_store : &u->store) = true;
}

/* NULL takes the key away. Takes `value` over. */
static void set(struct update *u, size_t s, const struct setting *what, struct json_object *value)
{
    struct json_object *section = json_get(u->config, sections[s].name);

    strbuf_addf(&u->told, "%s%s.%s = %s", u->told.len > 0 ? ", " : "", sections[s].name, what->key,
                value != NULL ? json_text(value) : "none");
    if (value != NULL)
        json_add(section, what->key, value);
    else
        json_object_object_del(section, what->key);
    note(u, s, what);
}

/* A number that DescribeProject showed of a grade, and that comes back as it was, says nothing. */
static bool is_shown(const struct update *u, const char *key, struct json_object *value)
{
    _cleanup_(json_putp)
    struct json_object *shown = grade_settings(u->p->config);
    struct json_object *number = json_get(json_get(shown, "fullImport"), key);

    return number != NULL && json_object_equal(number, value);
}

static bool is_limit(const struct setting *what)
{
    return what->counts == AT_ONCE;
}

static void apply_one(struct update *u, size_t s, const struct setting *what,
                      struct json_object *sent)
{
    struct json_object *now = json_get(json_get(u->config, sections[s].name), what->key);
    struct json_object *value = json_get(sent, what->key);
    char path[128];

    (void)snprintf(path, sizeof(path), "%s.%s", sections[s].name, what->key);
    if (value == NULL) {
        bool gone = what->left_out != NULL && (u->replace || is_limit(what));
        value = gone && *what->left_out != '\0' ? json_tokener_parse(what->left_out) : NULL;
        if (gone && !(now == NULL ? value == NULL : value != NULL && json_object_equal(now, value)))
            set(u, s, what, value);
        else
            json_putp(&value);
        return;
    }
    if (now != NULL ? json_object_equal(now, value) : is_shown(u, what->key, value))
        return;
    if (what->counts == NEVER && u->p->status != PS_INIT)
        faults_add(&u->c->faults, path,
                   "can be changed before the first start only: "
                   "ResetIncrStartTimestamp sets the start anew");
    else
        set(u, s, what, json_object_get(value));
}

/* `DDL` without a list means every kind, as at CreateProject. */
static void settle_ddl(struct json_object *sent)
{
    if (json_get(sent, "supportDDLTypes") == NULL && json_get(sent, "recordTypeWhiteList") != NULL)
        project_body_settle_ddl(sent);
}

static void apply_section(struct update *u, size_t s)
{
    struct json_object *sent = json_get(u->c->in, sections[s].name);
    bool two = json_get_bool(json_get(u->config, "commonTransferConfig"), "activeActive", false) ||
               json_get_bool(u->config, "enableReverseIncrTransfer", false);

    if (sent == NULL)
        return;
    if (sections[s].reverse && (!two || u->p->reverse)) {
        faults_add(&u->c->faults, sections[s].name, "is for projects with a way back only");
        return;
    }
    if (sections[s].reverse || (u->p->reverse && sections[s].settings == incr_settings))
        project_body_check_reverse(sent, sections[s].name, &u->c->faults);
    else if (sections[s].settings == incr_settings)
        settle_ddl(sent);
    if (json_get(u->config, sections[s].name) == NULL)
        json_add(u->config, sections[s].name, json_object_new_object());
    for (const struct setting *what = sections[s].settings; what->key != NULL; what++)
        apply_one(u, s, what, sent);
}

/* Components that are of another size now. */
static void renew_grades(struct update *u)
{
    _cleanup_(json_putp)
    struct json_object *before = grade_settings(u->p->config);
    _cleanup_(json_putp)
    struct json_object *after = grade_settings(u->config);
    _cleanup_(json_putp)
    struct json_object *back = json_clone(u->config);

    u->full |= !json_object_equal(json_get(before, "fullImport"), json_get(after, "fullImport"));
    if (!json_object_equal(json_get(before, "incrSync"), json_get(after, "incrSync")))
        u->incr = u->reverse_incr = true;
    u->verify = !json_object_equal(json_get(before, "fullVerify"), json_get(after, "fullVerify"));
    if (!json_object_equal(json_get(before, "store"), json_get(after, "store")))
        u->store = u->reverse_store = true;
    u->reverse_incr |=
        json_get_i64(json_get(u->config, "reverseIncrTransferConfig"), "incrSyncConcurrency", 0) !=
        json_get_i64(json_get(u->p->config, "reverseIncrTransferConfig"), "incrSyncConcurrency", 0);
}

static void renew(struct update *u)
{
    static const char *const none = NULL;
    const struct {
        bool changed;
        const char *step;
    } workers[] = {
        { u->full, "FULL_TRANSFER" },
        { u->incr, "INCR_TRANSFER" },
        { u->verify, "FULL_VERIFIER" },
        { u->verify, "INCR_VERIFIER" },
        { u->store, "TRANSFER_INCR_LOG_PULL" },
        { u->reverse_incr, "REVERSE_INCR_TRANSFER" },
        { u->reverse_store, "REVERSE_INCR_LOG_PULL" },
    };

    (void)none;
    flow_throttle(u->c->on->flow, u->p->id);
    for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
        if (workers[i].changed)
            flow_renew(u->c->on->flow, u->p->id, workers[i].step);
}

static int store(struct update *u, struct err *err)
{
    char told[1024];
    int r;

    (void)snprintf(told, sizeof(told), "%.128s: %.800s", u->c->who->name, strbuf_str(&u->told));
    r = store_project_set_config(u->c->on->store, u->p->id, OPEN, u->config, told, err);
    if (r == 0)
        return err_set(err, ERR_STATE,
                       "project %s has just ended: its configuration counts no more", u->p->id);
    return r < 0 ? -1 : 0;
}

static int update_locked(struct call *c, const char *id, bool replace, struct err *err)
{
    _cleanup_(project_freep)
    struct project *p = NULL;
    _cleanup_(update_done)
    struct update u = { .c = c, .replace = replace, .told = STRBUF(64 * 1024) };

    if (store_project_live(c->on->store, id, &p, err) < 0)
        return -1;
    if ((OPEN & 1U << p->status) == 0) {
        (void)err_set(err, ERR_STATE, "project %s is %s: its configuration can't be changed", id,
                      project_status_text(p->status));
        return err_advise(err, "It can be in INIT, RUNNING, SUSPEND and FAILED.");
    }
    u.p = p;
    u.config = json_clone(p->config);
    if (u.config == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t s = 0; s < ARRAY_SIZE(sections); s++)
        apply_section(&u, s);
    project_body_check_update(u.config, &c->faults);
    if (faults_raise(&c->faults, err) < 0 || strbuf_check(&u.told, err) < 0)
        return -1;
    if (u.told.len == 0)
        return 0;
    renew_grades(&u);
    if (store(&u, err) < 0)
        return -1;
    renew(&u);
    return 0;
}

int project_change_config(struct call *c, bool replace, struct err *err)
{
    int r;

    (void)pthread_mutex_lock(api_config_lock(c->api));
    r = update_locked(c, json_get_str(c->in, "id", ""), replace, err);
    (void)pthread_mutex_unlock(api_config_lock(c->api));
    return r;
}

int project_update_config(struct call *c, struct err *err)
{
    return project_change_config(c, true, err);
}
