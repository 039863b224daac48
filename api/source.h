/* Data sources: what the actions that make one share. */
#ifndef API_SOURCE_H
#define API_SOURCE_H

#include "api/action.h"

/* Words of oms-api.md 3.6 in every spelling; those that this version never has match nothing. */
extern const char *const source_type_words[];

/* For `struct field`: NULL, or what is wrong. A path of a socket or a URL is no host. */
const char *source_check_host(const char *text);
const char *source_check_base64(const char *text);

/* One end as a request describes it; texts are borrowed. */
struct source_end {
    const char *type; /* as struct source has it */
    const char *host;
    int64_t port;
    const char *user;
    const char *password; /* Base64, checked */
};
/*
 * source_add() - stores it under the name of `c->in`; the answer's data is its id
 *
 * @table  its fields that are neither secret nor in `end` are kept beside it, and shown
 * @slave  a second address of the same data, kept with its own account; or NULL
 */
int source_add(struct call *c, const struct source_end *end, const struct field *table,
               const struct source_end *slave, struct err *err);
/* source_tenant_user(): user@tenant#cluster, which OBProxy takes, from the tenant and the cluster
 * of `from`; `user` itself when it has an @. */
enum { SOURCE_USER_MAX = 512 };
const char *source_tenant_user(const char *user, struct json_object *from,
                               char buf[static SOURCE_USER_MAX]);

/* clang-format off */
/* Rows of every kind of source. */
#define SOURCE_SECRET(field_name) \
    { .name = (field_name), .type = FT_STRING, .flags = F_REQUIRED | F_SECRET, .max = 4096, .check = source_check_base64 }
#define SOURCE_USER \
    { .name = "userName", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_line }
#define SOURCE_NAME_FIELDS \
    { .name = "name", .type = FT_STRING, .flags = F_REQUIRED, .min = 1, .max = 128, .check = name_check_plain }, \
    SOURCE_SECRET("password"), SOURCE_USER, \
    { .name = "region", .type = FT_STRING, .max = 64, .check = name_check_line }, \
    { .name = "description", .type = FT_STRING, .max = 128, .check = name_check_line }, \
    { .name = "useSsl", .type = FT_BOOL, .fallback = "false" }
/* clang-format on */

#endif
