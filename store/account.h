/* Users and access keys. */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "store/store.h"

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

int store_user_count(struct store *st, int64_t *ret, struct err *err);
int store_user_add(struct store *st, const char *name, const char *password_hash, enum role role,
                   struct err *err);
/* store_user_get(): 1 found (*ret_hash is the caller's), 0 not, -1 error. */
int store_user_get(struct store *st, const char *name, char **ret_hash, enum role *ret_role,
                   struct err *err);
/* The secret is sealed with about "accesskey:<id>". */
int store_key_add(struct store *st, const char *id, const char *secret_sealed, const char *user,
                  struct err *err);

#endif
