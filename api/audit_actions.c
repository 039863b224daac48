#include "api/action.h"
#include "api/audit.h"
#include "base/json.h"

#include "base/banned.h"

static const char *check_time(int64_t unix_s)
{
    return unix_s < 0 || unix_s > 253402300799 ? "must be Unix seconds (not milliseconds)" : NULL;
}

/* clang-format off */
const struct field list_audit_fields[] = {
    { .name = "user", .alias = "username", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "action", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64 },
    { .name = "target", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 128 },
    { .name = "result", .type = FT_STRING, .flags = F_NOT_EMPTY, .max = 64 },
    { .name = "from", .type = FT_INT, .flags = F_NOT_EMPTY, .min = INT64_MIN, .check_int = check_time },
    { .name = "to", .type = FT_INT, .flags = F_NOT_EMPTY, .min = INT64_MIN, .check_int = check_time },
    PAGE_NUMBER_FIELDS,
    { 0 },
};
/* clang-format on */

int audit_list(struct call *c, struct err *err)
{
    struct audit_filter f = {
        .user = json_get_str(c->in, "user", NULL),
        .action = json_get_str(c->in, "action", NULL),
        .target = json_get_str(c->in, "target", NULL),
        .result = json_get_str(c->in, "result", NULL),
        .from = json_get_i64(c->in, "from", 0),
        .to = json_get_i64(c->in, "to", 0),
    };

    call_page(c);
    f.page = c->page;
    audit_flush(c->on->audit);
    return store_audit_list(c->on->store, &f, &c->data, &c->total, err);
}
