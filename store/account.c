#include "store/account.h"

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

int store_user_get(struct store *st, const char *name, char **ret_hash, enum role *ret_role,
                   struct err *err)
{
    static const char sql[] = "SELECT password_hash, role FROM user WHERE name = ?1";
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
    if (query_get_text(&q, 0, ret_hash, err) < 0)
        return -1;
    *ret_role = role_of(query_peek_text(&q, 1));
    return 1;
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
