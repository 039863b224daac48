/* Answers of the SDK's dialect (oms-api.md 1.7, 1.9): PascalCase, and failures as HTTP statuses. */
#ifndef API_RPC_H
#define API_RPC_H

#include <json-c/json.h>

#include "base/err.h"

/* rpc_envelope(): an envelope of envelope.h in this dialect; the caller's. NULL: out of memory. */
struct json_object *rpc_envelope(struct json_object *envelope, const struct err *err);
/* rpc_http_status(): 4xx for what the client can mend, 5xx for what it can't. */
int rpc_http_status(enum err_code code);

#endif
