/*
 * Who calls: HTTP Basic (RFC 7617) against the store's users. Checking a password is slow on
 * purpose (Argon2id), so what was right is remembered for a short time as a keyed hash under a key
 * of this process, and wrong tries are limited per caller and user.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/api.h"

struct auth;

int auth_new(struct store *store, struct auth **ret, struct err *err);
void auth_free(struct auth *a);
DEFINE_CLEANUP(struct auth, auth_free)

/*
 * auth_basic() - checks an Authorization header
 *
 * @header  its value, or NULL when there was none
 * @peer    the caller's address, for the limit
 * Errors: ERR_UNAUTHORIZED; the message never tells which of name and password was wrong.
 */
int auth_basic(struct auth *a, const char *header, const char *peer, struct account *ret,
               struct err *err);

/* auth_parse_basic(): user and password out of "Basic <Base64>"; for auth_basic and its test. */
int auth_parse_basic(const char *header, char user[static 128], struct secret **ret_password,
                     struct err *err);

#endif
