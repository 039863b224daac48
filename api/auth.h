/*
 * Who calls: HTTP Basic (RFC 7617) against the store's users, or an access key that signs. Checking
 * a password is slow on purpose (Argon2id), so what was right is remembered for a short time as a
 * keyed hash under a key of this process; any change of any account ends all that is remembered
 * until it was looked up anew, so a deleted user is gone at once.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/api.h"

struct auth;

struct auth_options { /* all borrowed */
    struct store *store;
    const struct box *box; /* unseals the secrets of access keys */
    struct limits *limits;
    struct audit *audit;
};

int auth_new(const struct auth_options *o, struct auth **ret, struct err *err);
void auth_free(struct auth *a);
DEFINE_CLEANUP(struct auth, auth_free)

/*
 * auth_basic() - checks an Authorization header
 *
 * @header  its value, or NULL when there was none
 * @peer    the caller's address, for the limit and the audit
 * Errors: ERR_UNAUTHORIZED; the message never tells which of name and password was wrong.
 */
int auth_basic(struct auth *a, const char *header, const char *peer, struct account *ret,
               struct err *err);
/*
 * auth_key() - who owns an access key, and what it signs with
 *
 * @ret_secret  the caller's; compare in constant time
 * @ret_who     believe it only once the signature has proved right
 * Errors: ERR_UNAUTHORIZED for an unknown or disabled key, for one of a disabled user, and after
 * too many failures (told to auth_failed() here); ERR_KEYFILE.
 */
int auth_key(struct auth *a, const char *key_id, const char *peer, struct secret **ret_secret,
             struct account *ret_who, struct err *err);
/*
 * auth_failed() - a signature by this key was wrong, too old or sent before: counts against the
 * limit of failures and is audited
 */
void auth_failed(struct auth *a, const char *peer, const char *key_id);
/*
 * auth_allow() - one request of an account against its rate, and a use of its key. api_call() asks
 * it, for both dialects: a transport has no need to.
 *
 * Errors: ERR_THROTTLED; trying again after RETRY_AFTER_S is right.
 */
enum { RETRY_AFTER_S = 1 };
int auth_allow(struct auth *a, const struct account *who, struct err *err);
/*
 * auth_again() - whether what was read of the account still holds: a body may take a minute to
 * arrive. Brings the role up to date. Costs nothing while no account changes.
 */
int auth_again(struct auth *a, struct account *who, struct err *err);
/* auth_changed(): an account or key was changed in the store; before that is answered. */
void auth_changed(struct auth *a);

/* auth_check(): whether this is the user's password, under the same limits; for ChangePassword. */
int auth_check(struct auth *a, const char *user, const struct secret *password, const char *peer,
               struct err *err);

/* auth_hash(): of a new password; no more at once than passwords are checked. */
int auth_hash(struct auth *a, const struct secret *password, char ret[static SECRET_HASH_LEN],
              struct err *err);

enum { KEY_SECRET_LEN = 40 };
/* auth_new_key(): a new access key, and its secret sealed; clear both texts after use. */
int auth_new_key(const struct box *box, char id[static ID_MAX],
                 char secret[static KEY_SECRET_LEN + 1], char **ret_sealed, struct err *err);

/* auth_tick(): stores when keys were used last; for a timer, each second or so. */
void auth_tick(struct auth *a);

/* auth_parse_basic(): user and password out of "Basic <Base64>"; for auth_basic and its test. */
int auth_parse_basic(const char *header, char user[static USER_NAME_MAX],
                     struct secret **ret_password, struct err *err);

#endif
