/* Users and access keys. */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include <stdint.h>

#include "base/id.h"
#include "store/store.h"

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };
enum { USER_NAME_MAX = 128 };

struct user {
    char name[USER_NAME_MAX];
    char *password_hash; /* PHC string */
    enum role role;
    bool disabled;
    int64_t created_at, modified_at, password_at; /* Unix seconds; 0: never */
};

struct access_key {
    char id[ID_MAX];
    char *secret_sealed; /* box_unseal() with about "accesskey:<id>" */
    char user[USER_NAME_MAX];
    char *description, *created_by;
    enum role role;     /* of its owner */
    bool disabled;      /* the key */
    bool user_disabled; /* its owner */
    int64_t created_at, last_used_at;
};

void user_done(struct user *u);
void access_key_done(struct access_key *k);

const char *role_text(enum role role);

int store_user_count(struct store *st, int64_t *ret, struct err *err);
int store_user_add(struct store *st, const char *name, const char *password_hash, enum role role,
                   struct err *err);
/* store_user_get(): 1 found (then user_done() it), 0 not, -1 error. */
int store_user_get(struct store *st, const char *name, struct user *ret, struct err *err);

/* The secret is sealed with about "accesskey:<id>". */
int store_key_add(struct store *st, const char *id, const char *secret_sealed, const char *user,
                  struct err *err);
/* store_key_get(): 1 found (then access_key_done() it), 0 not, -1 error. */
int store_key_get(struct store *st, const char *id, struct access_key *ret, struct err *err);

#endif
