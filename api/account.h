/* Inside the api folder: what users and access keys share. */
#ifndef API_ACCOUNT_H
#define API_ACCOUNT_H

#include "api/action.h"

extern const char *const account_roles[]; /* words of a role, for `struct field` */

const char *account_check_name(const char *text);   /* for `struct field` */
const char *account_check_base64(const char *text); /* … of a text without a NUL */
/* account_time(): a time, or null for 0. */
void account_time(struct json_object *o, const char *key, int64_t at);

#endif
