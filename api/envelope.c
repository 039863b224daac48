#include "api/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

#include "base/banned.h"

static void add_common(struct json_object *o, const struct envelope *e)
{
    char cost[32];

    (void)snprintf(cost, sizeof(cost), "%" PRId64 " ms", e->cost_ms);
    json_add_str(o, "requestId", e->request_id);
    if (e->page_number > 0) {
        json_add_i64(o, "pageNumber", e->page_number);
        json_add_i64(o, "pageSize", e->page_size);
        json_add_i64(o, "totalCount", e->total);
    } else {
        json_add_null(o, "pageNumber");
        json_add_null(o, "pageSize");
        json_add_null(o, "totalCount");
    }
    json_add_str(o, "cost", cost);
}

struct json_object *envelope_ok(const struct envelope *e)
{
    struct json_object *o = json_object_new_object();

    json_add_bool(o, "success", true);
    json_add_null(o, "errorDetail");
    json_add_null(o, "code");
    json_add_null(o, "message");
    json_add_null(o, "advice");
    add_common(o, e);
    json_add(o, "data", e->data);
    return o;
}

/* {"message": text}: the values of the message templates, which here are one placeholder each. */
static struct json_object *context_of(const char *key, const char *text)
{
    struct json_object *o = json_object_new_object();

    json_add_str(o, key, text);
    return o;
}

struct json_object *error_detail(const struct err *err, const char *request_id,
                                 struct json_object *faults)
{
    struct json_object *o = json_object_new_object(), *extra = json_object_new_object();
    const char *code = err_wire(err->code), *advice = err_advice(err);

    if (faults != NULL)
        json_add(extra, "faults", json_object_get(faults));
    if (err->db_errno != 0)
        json_add_i64(extra, "dbErrno", (int64_t)err->db_errno);
    json_add_str(o, "code", code);
    json_add_str(o, "level", err_level(err->code));
    json_add_str(o, "message", err->message);
    json_add(o, "extraContext", extra);
    json_add_str(o, "messageMcmsKey", code);
    json_add(o, "messageMcmsContext", context_of("message", err->message));
    json_add_null(o, "reason");
    json_add_null(o, "reasonMcmsKey");
    json_add_null(o, "reasonMcmsContext");
    json_add_str(o, "proposal", advice);
    json_add_str(o, "proposalMcmsKey", code);
    json_add(o, "proposalMcmsContext", context_of("proposal", advice));
    json_add_null(o, "upstreamErrorDetail");
    json_add_str(o, "requestId", request_id);
    return o;
}

struct json_object *envelope_error(const struct envelope *e, const struct err *err,
                                   struct json_object *faults)
{
    struct json_object *o = json_object_new_object();
    const char *code = err_wire(err->code);
    char message[sizeof(err->message) + 64];

    /*
     * A code with a component stands in the message too, because clients look for it there
     * (oms-api.md 1.2: GHANA-PROJECT000001). PARAM_ERROR's messages are told apart by how they
     * begin, so nothing is put in front of them.
     */
    if (strchr(code, '-') != NULL)
        (void)snprintf(message, sizeof(message), "[%s]: %s", code, err->message);
    else
        (void)snprintf(message, sizeof(message), "%s", err->message);
    json_add_bool(o, "success", false);
    json_add(o, "errorDetail", error_detail(err, e->request_id, faults));
    json_add_str(o, "code", code);
    json_add_str(o, "message", message);
    json_add_str(o, "advice", err_advice(err));
    add_common(o, e);
    json_add_null(o, "data");
    return o;
}

int envelope_http_status(const struct err *err)
{
    if (err->code == ERR_UNAUTHORIZED)
        return 401;
    if (err->code == ERR_BODY_TOO_LARGE)
        return 413;
    return err->code == ERR_STOPPING ? 503 : 200;
}
