#include "api/api.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "api/action.h"
#include "api/audit.h"
#include "api/auth.h"
#include "api/envelope.h"
#include "api/rpc.h"
#include "api/target.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "store/source.h"

#include "base/banned.h"

enum { JSON_DEPTH_MAX = 32, SLOW_MS = 1000 };

struct counter {
    atomic_ullong ok, failed;
};

struct api {
    struct api_options on;
    pthread_mutex_t config_lock;
    struct project_cache *projects;
    struct counter *counters;     /* one for each row of the table */
    atomic_ullong unknown_action; /* calls of no row */
};

int api_new(const struct api_options *o, struct api **ret, struct err *err)
{
    _cleanup_(api_freep)
    struct api *api = calloc(1, sizeof(*api));

    if (api == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&api->config_lock, NULL);
    api->on = *o;
    if (api->on.host == NULL)
        api->on.host = "127.0.0.1";
    if (api->on.region == NULL)
        api->on.region = "default";
    api->counters = calloc(actions_count, sizeof(*api->counters));
    api->projects = project_cache_new();
    if (api->counters == NULL || api->projects == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = take_ptr(api);
    return 0;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    (void)pthread_mutex_destroy(&api->config_lock);
    project_cache_free(api->projects);
    free(api->counters);
    free(api);
}

struct project_cache *api_project_cache(struct api *api)
{
    return api->projects;
}

pthread_mutex_t *api_config_lock(struct api *api)
{
    return &api->config_lock;
}

/* ------------------------------------------------------------------ what handlers share */

void call_page(struct call *c)
{
    c->page.number = (int)json_get_i64(c->in, "pageNumber", 1);
    c->page.size = (int)json_get_i64(c->in, "pageSize", 10);
    c->page.by_modified = strcmp(json_get_str(c->in, "sortField", ""), "gmtModified") == 0;
    c->page.ascending = strcmp(json_get_str(c->in, "order", ""), "asc") == 0;
}

const char **call_words(struct json_object *list)
{
    size_t count = json_len(list);
    const char **words = count == 0 ? NULL : calloc(count + 1, sizeof(*words));

    for (size_t i = 0; words != NULL && i < count; i++)
        words[i] = json_at_str(list, i);
    return words;
}

int call_endpoints(struct call *c, struct json_object *body, struct err *err)
{
    static const char *const fields[] = { "sourceEndpointId", "sinkEndpointId" };

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        _cleanup_(source_freep)
        struct source *s = NULL;
        if (store_source_get(c->on->store, json_get_str(body, fields[i], ""), false, &s, err) < 0)
            return err->code == ERR_SOURCE_NOT_FOUND ? err_wrap(err, "%s", fields[i]) : -1;
    }
    return 0;
}

/* ------------------------------------------------------------------ the dispatcher */

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < actions_count; i++)
        if (strcasecmp(actions[i].name, name) == 0 ||
            (actions[i].alias != NULL && strcasecmp(actions[i].alias, name) == 0))
            return &actions[i];
    return NULL;
}

static int parse_body(const char *body, size_t len, struct json_object **ret, struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    size_t i = 0;

    while (i < len && strchr(" \t\r\n", body[i]) != NULL && body[i] != '\0')
        i++;
    if (i == len) {
        *ret = NULL; /* no body is an empty object */
        return 0;
    }
    if (json_parse(body, len, JSON_DEPTH_MAX, &o, err) < 0)
        return err_wrap(err, "request body");
    if (!json_object_is_type(o, json_type_object))
        return err_set(err, ERR_PARAM, "request body: must be a JSON object");
    *ret = take_ptr(o);
    return 0;
}

static int read_request(struct call *c, const struct action *a, const struct api_request *rq,
                        struct err *err)
{
    if (rq->dialect == DIALECT_OMS)
        return parse_body(rq->body, rq->len, &c->raw, err);
    if (form_to_json(rq->form, rq->query, rq->query_count, a->request, &c->faults, &c->raw, err) <
        0)
        return -1;
    return faults_raise(&c->faults, err); /* what could not be read would also count as missing */
}

/* Still an account, in its rate, allowed, built, well-formed: in this order for every action. */
static int admit(struct call *c, struct account *who, const struct action *a,
                 const struct api_request *rq, struct err *err)
{
    if (auth_again(c->on->auth, who, err) < 0 || auth_allow(c->on->auth, who, err) < 0)
        return -1;
    if (c->who->role < a->least)
        return err_set(err, ERR_FORBIDDEN, "action %s needs the role %s, account %s has %s",
                       a->name, role_text(a->least), c->who->name, role_text(c->who->role));
    if (a->handler == NULL)
        return err_set(err, ERR_NOT_SUPPORTED, "action %s is not supported: %s", a->name,
                       action_reason(a->name));
    if (read_request(c, a, rq, err) < 0 ||
        fields_read(a->request, c->raw, "", &c->faults, &c->in, err) < 0 ||
        faults_raise(&c->faults, err) < 0)
        return -1;
    return 0;
}

/* ------------------------------------------------------------------ the audit */

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static struct audit_event event_of(const struct call *c, const struct action *a,
                                   const struct target *t, const char *request_id)
{
    return (struct audit_event){ .user = c->who->name,
                                 .key_id = or_null(c->who->key_id),
                                 .peer = c->who->peer,
                                 .action = a->name,
                                 .target = or_null(t->id),
                                 .target_name = or_null(t->name),
                                 .request_id = request_id };
}

/* A write that was not let in. One that its role forbids was not read yet: for its target only. */
static void audit_refusal(const struct call *c, const struct action *a,
                          const struct api_request *rq, const char *request_id,
                          const struct err *why)
{
    struct call probe = { .api = c->api, .on = c->on, .who = c->who };
    struct err ignored = { 0 };
    struct target t;
    struct audit_event e;

    if (c->raw == NULL && why->code == ERR_FORBIDDEN && a->request != NULL)
        (void)read_request(&probe, a, rq, &ignored);
    target_of(c->raw != NULL ? c->raw : probe.raw, NULL, &t);
    e = event_of(c, a, &t, request_id);
    e.result = err_wire(why->code);
    audit_refused(c->on->audit, &e);
    json_putp(&probe.raw);
    faults_done(&probe.faults);
}

/* A write between its event and the event's result. */
static int audited(struct call *c, const struct action *a, const char *request_id, struct err *err)
{
    struct target t;
    struct audit_event e;
    int64_t seq = 0;
    int r;

    target_of(c->in, NULL, &t);
    e = event_of(c, a, &t, request_id);
    if (audit_begin(c->on->audit, &e, &seq, err) < 0)
        return -1;
    r = a->handler(c, err);
    target_of(c->in, r < 0 ? NULL : c->data, &t);
    audit_end(c->on->audit, seq, or_null(t.id), or_null(t.name),
              r < 0 ? err_wire(err->code) : AUDIT_OK);
    return r;
}

static int run(struct call *c, struct account *who, const struct action *a,
               const struct api_request *rq, const char *request_id, struct err *err)
{
    if (admit(c, who, a, rq, err) < 0) {
        if (a->writes)
            audit_refusal(c, a, rq, request_id, err);
        return -1;
    }
    return a->writes ? audited(c, a, request_id, err) : a->handler(c, err);
}

static void log_call(const struct action *a, const struct call *c, const char *request_id,
                     int64_t ms, const struct err *err)
{
    const char *result = err == NULL ? "ok" : err_wire(err->code);
    char who[LOG_QUOTED_MAX];
    enum log_level level = a->writes ? LOG_INFO : LOG_DEBUG;

    if (ms > SLOW_MS)
        level = LOG_WARN;
    log_line(level, "api", "call", "action=%s user=%s request=%s result=%s ms=%" PRId64, a->name,
             log_q(c->who->name, who), request_id, result, ms);
    if (err != NULL && err->code != ERR_PARAM && err->code != ERR_NOT_SUPPORTED)
        log_err(strcmp(err_level(err->code), "FATAL") == 0 || err->code == ERR_INTERNAL ? LOG_ERROR
                                                                                        : LOG_INFO,
                "api", "call_failed", err);
}

/* `envelope` is taken over; `err` NULL: a success. */
static void give(enum dialect dialect, struct json_object *envelope, const struct err *err,
                 struct api_answer *ret)
{
    _cleanup_(json_putp)
    struct json_object *oms = envelope, *rpc = NULL;
    const char *text;

    if (dialect == DIALECT_RPC)
        rpc = rpc_envelope(oms, err);
    text = json_text(dialect == DIALECT_RPC ? rpc : oms);
    ret->status = err == NULL              ? 200
                  : dialect == DIALECT_RPC ? rpc_http_status(err->code)
                                           : envelope_http_status(err);
    ret->retry_after_s = err != NULL && (err->code == ERR_THROTTLED || err->code == ERR_NONCES_FULL)
                             ? RETRY_AFTER_S
                             : 0;
    ret->text = text == NULL ? NULL : strdup(text);
    ret->len = ret->text == NULL ? 0 : strlen(ret->text);
}

void api_call(struct api *api, const struct api_request *rq, struct api_answer *ret)
{
    const struct action *a = find_action(rq->action);
    struct account caller = *rq->who;
    struct call c = {
        .api = api, .on = &api->on, .who = &caller, .as_text = rq->dialect == DIALECT_OMS
    };
    struct err err = { 0 };
    char request_id[ID_MAX];
    int64_t began = clock_mono_ms();
    struct envelope e = { .request_id = id_new("r_", request_id) };
    struct json_object *answer;
    int r;

    if (a == NULL)
        r = err_set(&err, ERR_UNKNOWN_ACTION, "there is no action \"%.64s\"", rq->action);
    else
        r = run(&c, &caller, a, rq, request_id, &err);
    e.cost_ms = clock_mono_ms() - began;
    e.page_number = c.page.number;
    e.page_size = c.page.size;
    e.total = c.total;
    if (r < 0) {
        e.page_number = 0;
        answer = envelope_error(&e, &err, c.faults.list);
        json_putp(&c.data);
    } else {
        e.data = take_ptr(c.data);
        answer = envelope_ok(&e);
    }
    if (a == NULL)
        atomic_fetch_add(&api->unknown_action, 1);
    else
        atomic_fetch_add(
            r < 0 ? &api->counters[a - actions].failed : &api->counters[a - actions].ok, 1);
    if (a != NULL)
        log_call(a, &c, request_id, e.cost_ms, r < 0 ? &err : NULL);
    if (r == 0 && c.stream.read != NULL) {
        *ret = (struct api_answer){ .status = 200, .stream = c.stream };
        json_putp(&answer);
    } else {
        give(rq->dialect, answer, r < 0 ? &err : NULL, ret);
    }
    json_putp(&c.raw);
    json_putp(&c.in);
    faults_done(&c.faults);
}

void api_refuse(enum dialect dialect, const struct err *err, struct api_answer *ret)
{
    char request_id[ID_MAX];
    struct envelope e = { .request_id = id_new("r_", request_id) };

    give(dialect, envelope_error(&e, err, NULL), err, ret);
}

/* ------------------------------------------------------------------ what the table tells */

void api_metrics(struct api *api, struct strbuf *to)
{
    strbuf_adds(to, "# HELP causeway_api_calls_total Calls of an action by result.\n"
                    "# TYPE causeway_api_calls_total counter\n");
    for (size_t i = 0; i < actions_count; i++) {
        unsigned long long ok = atomic_load(&api->counters[i].ok);
        unsigned long long failed = atomic_load(&api->counters[i].failed);
        if (ok > 0)
            strbuf_addf(to, "causeway_api_calls_total{action=\"%s\",result=\"ok\"} %llu\n",
                        actions[i].name, ok);
        if (failed > 0)
            strbuf_addf(to, "causeway_api_calls_total{action=\"%s\",result=\"error\"} %llu\n",
                        actions[i].name, failed);
    }
    strbuf_addf(to, "causeway_api_calls_total{action=\"unknown\",result=\"error\"} %llu\n",
                (unsigned long long)atomic_load(&api->unknown_action));
}

void api_list_actions(FILE *to)
{
    for (size_t i = 0; i < actions_count; i++)
        (void)fprintf(to, "%s %s %s\n", actions[i].name, role_text(actions[i].least),
                      actions[i].handler != NULL ? "supported" : "not-supported");
}
