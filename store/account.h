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
/* store_user_add(): Errors: ERR_NAME_TAKEN, also by a name that differs only in case; ERR_LIMIT. */
int store_user_add(struct store *st, const char *name, const char *password_hash, enum role role,
                   struct err *err);
/* store_user_get(): 1 found (then user_done() it), 0 not, -1 error. */
int store_user_get(struct store *st, const char *name, struct user *ret, struct err *err);
/* store_user_list(): a page by name, without hashes. The array is the caller's. */
int store_user_list(struct store *st, const struct page *page, struct user **ret, size_t *ret_count,
                    int64_t *ret_total, struct err *err);

struct user_change { /* what is NULL stays */
    const char *password_hash;
    const enum role *role;
    const bool *disabled;
};
/*
 * store_user_update(), store_user_delete(): Errors: ERR_USER_NOT_FOUND; ERR_LAST_ADMIN when nobody
 * would be left who may change accounts. A deleted user's keys go with him.
 */
int store_user_update(struct store *st, const char *name, const struct user_change *change,
                      struct err *err);
int store_user_delete(struct store *st, const char *name, struct err *err);

enum { KEYS_PER_USER = 5, USERS_MAX = 10000 };

struct new_key {
    const char *id, *secret_sealed; /* sealed with about "accesskey:<id>" */
    const char *user;
    const char *description;
    const char *created_by; /* NULL: the first start */
};
/* store_key_add(): Errors: ERR_LIMIT beyond KEYS_PER_USER, ERR_USER_NOT_FOUND. */
int store_key_add(struct store *st, const struct new_key *key, struct err *err);
/* store_key_get(): 1 found (then access_key_done() it), 0 not, -1 error. */
int store_key_get(struct store *st, const char *id, struct access_key *ret, struct err *err);
/* store_key_list(): oldest first; `user` NULL: of all. Without secrets. key_list_free() it. */
int store_key_list(struct store *st, const char *user, const struct page *page,
                   struct access_key **ret, size_t *ret_count, int64_t *ret_total, struct err *err);
void key_list_free(struct access_key *list, size_t count);
/* … of this user only when that is not NULL. Errors: ERR_KEY_NOT_FOUND. */
int store_key_update(struct store *st, const char *id, const char *user, const char *description,
                     const bool *disabled, struct err *err);
int store_key_delete(struct store *st, const char *id, const char *user, struct err *err);
int store_key_used(struct store *st, const char *id, int64_t at, struct err *err);

#endif
