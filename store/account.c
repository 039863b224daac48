#include "store/account.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"

#include "base/banned.h"

static const char *const role_names[] = {
    [ROLE_VIEWER] = "VIEWER",
    [ROLE_OPERATOR] = "OPERATOR",
    [ROLE_ADMIN] = "ADMIN",
};

/* An unknown word gives the least: a store made by a newer version must not raise anybody. */
static enum role role_of(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(role_names); i++)
        if (strcmp(role_names[i], text) == 0)
            return (enum role)i;
    return ROLE_VIEWER;
}

const char *role_text(enum role role)
{
    return role_names[role];
}

void user_done(struct user *u)
{
    free(u->password_hash);
    u->password_hash = NULL;
}

void access_key_done(struct access_key *k)
{
    free(k->secret_sealed);
    free(k->description);
    free(k->created_by);
    k->secret_sealed = k->description = k->created_by = NULL;
}

int store_user_count(struct store *st, int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM user";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0 ||
        query_step(&q, err) < 0)
        return -1;
    *ret = query_get_i64(&q, 0);
    return 0;
}

int store_user_add(struct store *st, const char *name, const char *password_hash, enum role role,
                   struct err *err)
{
    static const char sql[] = "INSERT INTO user (name, password_hash, role, created_at)"
                              " VALUES (?1, ?2, ?3, ?4)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, name);
    query_text(&q, 2, password_hash);
    query_text(&q, 3, role_names[role]);
    query_i64(&q, 4, clock_now_s());
    if (query_run(&q, err) == 0)
        return 0;
    if (query_is_unique(&q))
        return err_set(err, ERR_NAME_TAKEN, "a user named %s exists already", name);
    return -1;
}

static void read_user(struct query *q, struct user *u)
{
    (void)snprintf(u->name, sizeof(u->name), "%s", query_peek_text(q, 0));
    u->role = role_of(query_peek_text(q, 1));
    u->disabled = query_get_i64(q, 2) != 0;
    u->created_at = query_get_i64(q, 3);
    u->modified_at = query_get_i64(q, 4);
    u->password_at = query_get_i64(q, 5);
}

int store_user_get(struct store *st, const char *name, struct user *ret, struct err *err)
{
    static const char sql[] = "SELECT name, role, disabled, created_at, modified_at, password_at,"
                              " password_hash FROM user WHERE name = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, name);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    *ret = (struct user){ 0 };
    read_user(&q, ret);
    return query_get_text(&q, 6, &ret->password_hash, err) < 0 ? -1 : 1;
}

int store_key_add(struct store *st, const char *id, const char *secret_sealed, const char *user,
                  struct err *err)
{
    static const char sql[] = "INSERT INTO access_key (id, secret_sealed, user_name, created_at)"
                              " VALUES (?1, ?2, ?3, ?4)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, secret_sealed);
    query_text(&q, 3, user);
    query_i64(&q, 4, clock_now_s());
    return query_run(&q, err);
}

static int read_key(struct query *q, struct access_key *k, struct err *err)
{
    (void)snprintf(k->id, sizeof(k->id), "%s", query_peek_text(q, 0));
    (void)snprintf(k->user, sizeof(k->user), "%s", query_peek_text(q, 1));
    k->role = role_of(query_peek_text(q, 2));
    k->disabled = query_get_i64(q, 3) != 0;
    k->user_disabled = query_get_i64(q, 4) != 0;
    k->created_at = query_get_i64(q, 5);
    k->last_used_at = query_get_i64(q, 6);
    if (query_get_text(q, 7, &k->description, err) < 0 ||
        query_get_text(q, 8, &k->created_by, err) < 0)
        return -1;
    return 0;
}

int store_key_get(struct store *st, const char *id, struct access_key *ret, struct err *err)
{
    static const char sql[] =
        "SELECT k.id, k.user_name, u.role, k.disabled, u.disabled, k.created_at, k.last_used_at,"
        " k.description, k.created_by, k.secret_sealed"
        " FROM access_key k JOIN user u ON u.name = k.user_name WHERE k.id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    r = query_step(&q, err);
    if (r <= 0)
        return r;
    *ret = (struct access_key){ 0 };
    if (read_key(&q, ret, err) < 0 || query_get_text(&q, 9, &ret->secret_sealed, err) < 0) {
        access_key_done(ret);
        return -1;
    }
    return 1;
}
