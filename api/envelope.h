/* The answer of every action: the eleven keys of oms-api.md 2.1, always all of them. */
#ifndef API_ENVELOPE_H
#define API_ENVELOPE_H

#include <stdint.h>

#include <json-c/json.h>

#include "base/err.h"

struct envelope {
    const char *request_id;
    int64_t cost_ms;
    int page_number, page_size; /* 0: not a paged answer */
    int64_t total;
    struct json_object *data; /* taken over; NULL: null */
};

struct json_object *envelope_ok(const struct envelope *e);
/* envelope_error(): `faults` (array of {field, problem}, borrowed) or NULL. e->data is not used. */
struct json_object *envelope_error(const struct envelope *e, const struct err *err,
                                   struct json_object *faults);
/* error_detail(): an error as oms-api.md 2.2 says; request_id and faults may be NULL. */
struct json_object *error_detail(const struct err *err, const char *request_id,
                                 struct json_object *faults);
/* envelope_http_status(): 200, except where HTTP itself has to say it (interface.md). */
int envelope_http_status(const struct err *err);

#endif
