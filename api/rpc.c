#include "api/rpc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

#include "base/banned.h"

/*
 * The SDK throws ClientError for 4xx, ServerError for 5xx and ThrottlingError for a code with
 * "Throttling" in it, so the status says who has to act. Rows for every code, in any order.
 */
/* clang-format off */
#define STATUS_TABLE(X) \
    X(ERR_PARAM, 400) \
    X(ERR_NOT_SUPPORTED, 400) \
    X(ERR_LIMIT, 400) \
    X(ERR_VALUE, 400) \
    X(ERR_POSITION_BACK, 400) \
    X(ERR_DB_UNSUPPORTED, 400) \
    X(ERR_SCHEMA_CONVERT, 400) \
    X(ERR_SCHEMA_MISMATCH, 400) \
    X(ERR_UNAUTHORIZED, 401) \
    X(ERR_SIGNATURE, 401) \
    X(ERR_SIGNATURE_DATE, 401) \
    X(ERR_SIGNATURE_REPLAY, 401) \
    X(ERR_FORBIDDEN, 403) \
    X(ERR_UNKNOWN_ACTION, 404) \
    X(ERR_PROJECT_NOT_FOUND, 404) \
    X(ERR_SOURCE_NOT_FOUND, 404) \
    X(ERR_LABEL_NOT_FOUND, 404) \
    X(ERR_USER_NOT_FOUND, 404) \
    X(ERR_KEY_NOT_FOUND, 404) \
    X(ERR_PRECHECK_NOT_FOUND, 404) \
    X(ERR_TABLE_NOT_FOUND, 404) \
    X(ERR_NAME_TAKEN, 409) \
    X(ERR_STATE, 409) \
    X(ERR_IN_USE, 409) \
    X(ERR_LAST_ADMIN, 409) \
    X(ERR_PAIR, 409) \
    X(ERR_SWITCHOVER, 409) \
    X(ERR_FLOW, 409) \
    X(ERR_PRECHECK_FAILED, 409) \
    X(ERR_TABLE_NOT_EMPTY, 409) \
    X(ERR_BODY_TOO_LARGE, 413) \
    X(ERR_THROTTLED, 429) \
    X(ERR_NONCES_FULL, 429) \
    X(ERR_STOPPING, 503) \
    X(ERR_STORE_BUSY, 503) \
    X(ERR_TIMEOUT, 503) \
    X(ERR_INTERNAL, 500) \
    X(ERR_NOMEM, 500) \
    X(ERR_CONFIG, 500) \
    X(ERR_STORE, 500) \
    X(ERR_KEYFILE, 500) \
    X(ERR_IO, 500) \
    /* of workers: they stand in answers, they are none */ \
    X(ERR_WORKER_DIED, 500) \
    X(ERR_CHANNEL, 500) \
    X(ERR_CANCELLED, 500) \
    X(ERR_DB_CONNECT, 500) \
    X(ERR_DB_AUTH, 500) \
    X(ERR_DB_PRIVILEGE, 500) \
    X(ERR_DB_LOST, 500) \
    X(ERR_DB_RETRY, 500) \
    X(ERR_DB_READONLY, 500) \
    X(ERR_DB_FULL, 500) \
    X(ERR_DB_QUERY, 500) \
    X(ERR_EPOCH_STALE, 500) \
    X(ERR_CONTROL_SCHEMA, 500) \
    X(ERR_RELAY_IO, 500) \
    X(ERR_RELAY_FULL, 500) \
    X(ERR_RELAY_CORRUPT, 500) \
    X(ERR_RELAY_BUSY, 500) \
    X(ERR_BINLOG_OFF, 500) \
    X(ERR_BINLOG_PURGED, 500) \
    X(ERR_BINLOG_RESET, 500) \
    X(ERR_GTID_PURGED, 500) \
    X(ERR_GTID_ERRANT, 500) \
    X(ERR_SOURCE_CHANGED, 500) \
    X(ERR_SOURCE_BEHIND, 500) \
    X(ERR_BINLOG_CHECKSUM, 500) \
    X(ERR_BINLOG_EVENT, 500) \
    X(ERR_BINLOG_MALFORMED, 500) \
    X(ERR_BINLOG_STATEMENT, 500) \
    X(ERR_BINLOG_ROW_IMAGE, 500) \
    X(ERR_DDL_IN_STREAM, 500) \
    X(ERR_DDL_UNPARSED, 500) \
    X(ERR_CONFLICT, 500) \
    X(ERR_LOOP, 500)
/* clang-format on */

static const short statuses[ERR_MAX_] = {
#define STATUS_(code, status) [code] = (status),
    STATUS_TABLE(STATUS_)
#undef STATUS_
};

#define COUNT_(code, status) +1
_Static_assert(0 STATUS_TABLE(COUNT_) == ERR_MAX_ - 1,
               "each code of base/err.h needs its HTTP status here, once");

int rpc_http_status(enum err_code code)
{
    return (unsigned)code < ERR_MAX_ && statuses[code] != 0 ? statuses[code] : 500;
}

/* ------------------------------------------------------------------ names */

/* Maps of the SDK's models, whose keys are the answer's own business (type map in the models). */
static bool is_free_map(const char *name)
{
    static const char *const maps[] = {
        "extraContext",
        "messageMcmsContext",
        "reasonMcmsContext",
        "proposalMcmsContext",
        "stepInfo",
        "errorParam",
        "tags",
        "ruleToRecentlyTriggerCount",
        "subDbs",
        "subConds",
        "subIds",
        "connExtraAttributes",
        "upstreamErrorDetail",
        "config",
    };

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        if (strcmp(maps[i], name) == 0)
            return true;
    return false;
}

/* Bounded by the depth of our own answers. */
// NOLINTNEXTLINE(misc-no-recursion)
static struct json_object *pascal(struct json_object *o)
{
    struct json_object *out;
    char name[128];

    if (json_object_is_type(o, json_type_array)) {
        out = json_object_new_array();
        for (size_t i = 0; i < json_len(o); i++)
            if (json_at(o, i) != NULL) /* the SDK throws on a null among objects */
                json_object_array_add(out, pascal(json_at(o, i)));
        return out;
    }
    if (!json_object_is_type(o, json_type_object))
        return json_object_get(o);
    out = json_object_new_object();
    json_object_object_foreach(o, key, value)
    {
        (void)snprintf(name, sizeof(name), "%s", key);
        name[0] = (char)toupper((unsigned char)name[0]);
        (void)json_add(out, name, is_free_map(key) ? json_object_get(value) : pascal(value));
    }
    return out;
}

struct json_object *rpc_envelope(struct json_object *envelope, const struct err *err)
{
    struct json_object *out = pascal(envelope);
    char code[128];

    if (out == NULL || err == NULL)
        return out;
    /* the SDK puts the code in front by itself; what is put there for other clients goes */
    json_add_str(out, "Message", err->message);
    json_add_str(out, "Description", err_advice(err)); /* the error object has a place for it */
    if (rpc_http_status(err->code) == 429 && strstr(err_wire(err->code), "Throttling") == NULL) {
        (void)snprintf(code, sizeof(code), "Throttling.%s", err_wire(err->code));
        json_add_str(out, "Code", code);
    }
    return out;
}
