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

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    return query_count(&q, ret, err);
}

int store_user_add(struct store *st, const char *name, const char *password_hash, enum role role,
                   struct err *err)
{
    static const char sql[] =
        "INSERT INTO user (name, password_hash, role, created_at, modified_at, password_at)"
        " SELECT ?1, ?2, ?3, ?4, ?4, ?4 WHERE (SELECT count(*) FROM user) < ?5";
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
    query_i64(&q, 5, USERS_MAX);
    if (query_run(&q, err) < 0)
        return query_is_unique(&q)
                   ? err_set(err, ERR_NAME_TAKEN, "a user named %s exists already", name)
                   : -1;
    return db_changes(l.db) > 0 ? 0
                                : err_set(err, ERR_LIMIT, "there are %d users already", USERS_MAX);
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

int store_user_list(struct store *st, const struct page *page, struct user **ret, size_t *ret_count,
                    int64_t *ret_total, struct err *err)
{
    static const char sql[] = "SELECT name, role, disabled, created_at, modified_at, password_at"
                              " FROM user ORDER BY name LIMIT ?1 OFFSET ?2";
    _cleanup_(freep)
    struct user *list = calloc((size_t)db_limit(page), sizeof(*list));
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    size_t n = 0;
    int r;

    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (store_user_count(st, ret_total, err) < 0 || store_borrow(st, &l, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_i64(&q, 1, db_limit(page));
    query_i64(&q, 2, db_offset(page));
    while ((r = query_step(&q, err)) > 0)
        read_user(&q, &list[n++]);
    if (r < 0)
        return -1;
    *ret = take_ptr(list);
    *ret_count = n;
    return 0;
}

/* Why a change of a user met no row; its transaction is still open, so that is still so. */
static int no_such_user(struct db *h, const char *name, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM user WHERE name = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };
    int r;

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, name);
    r = query_step(&q, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return err_set(err, ERR_USER_NOT_FOUND, "there is no user %s", name);
    return err_set(err, ERR_LAST_ADMIN, "%s is the last enabled ADMIN", name);
}

/* Somebody else may still change accounts, or this one may still do so. */
#define ADMIN_STAYS_(still)                                                                        \
    " AND (" still " OR EXISTS (SELECT 1 FROM user a WHERE a.name <> ?1 AND a.role = 'ADMIN'"      \
    " AND a.disabled = 0))"

int store_user_update(struct store *st, const char *name, const struct user_change *change,
                      struct err *err)
{
    static const char sql[] =
        "UPDATE user SET role = COALESCE(?2, role), disabled = COALESCE(?3, disabled),"
        " password_hash = COALESCE(?4, password_hash), modified_at = ?5,"
        " password_at = iif(?4 IS NULL, password_at, ?5)"
        " WHERE name = ?1" ADMIN_STAYS_("role <> 'ADMIN' OR disabled <> 0 OR (COALESCE(?2, role) ="
                                        " 'ADMIN' AND COALESCE(?3, disabled) = 0)");
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, name);
    query_text(&q, 2, change->role == NULL ? NULL : role_names[*change->role]);
    if (change->disabled != NULL)
        query_i64(&q, 3, *change->disabled);
    query_text(&q, 4, change->password_hash);
    query_i64(&q, 5, clock_now_s());
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(l.db) == 0)
        return no_such_user(l.db, name, err);
    query_done(&q);
    return txn_commit(&t, err);
}

int store_user_delete(struct store *st, const char *name, struct err *err)
{
    static const char sql[] =
        "DELETE FROM user WHERE name = ?1" ADMIN_STAYS_("role <> 'ADMIN' OR disabled <> 0");
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(txn_done)
    struct txn t = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || txn_begin(&t, l.db, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, name);
    if (query_run(&q, err) < 0)
        return -1;
    if (db_changes(l.db) == 0)
        return no_such_user(l.db, name, err);
    query_done(&q);
    return txn_commit(&t, err);
}

/* ------------------------------------------------------------------ access keys */

int store_key_add(struct store *st, const struct new_key *key, struct err *err)
{
    static const char sql[] =
        "INSERT INTO access_key (id, secret_sealed, user_name, created_at, description, created_by)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6"
        " WHERE (SELECT count(*) FROM access_key WHERE user_name = ?3) < ?7";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, key->id);
    query_text(&q, 2, key->secret_sealed);
    query_text(&q, 3, key->user);
    query_i64(&q, 4, clock_now_s());
    query_text(&q, 5, key->description);
    query_text(&q, 6, key->created_by);
    query_i64(&q, 7, KEYS_PER_USER);
    if (query_run(&q, err) < 0)
        return query_is_foreign(&q)
                   ? err_set(err, ERR_USER_NOT_FOUND, "there is no user %s", key->user)
                   : -1;
    if (db_changes(l.db) > 0)
        return 0;
    (void)err_set(err, ERR_LIMIT, "%s has %d access keys already", key->user, KEYS_PER_USER);
    return err_advise(err, "Delete one that is no longer used: ListAccessKeys tells lastUsedAt.");
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

void key_list_free(struct access_key *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
        access_key_done(&list[i]);
    free(list);
}

static int count_keys(struct db *h, const char *user, int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM access_key WHERE ?1 IS NULL OR user_name = ?1";
    _cleanup_(query_done)
    struct query q = { 0 };

    if (query_open(&q, h, sql, err) < 0)
        return -1;
    query_text(&q, 1, user);
    return query_count(&q, ret, err);
}

static int read_keys(struct query *q, struct access_key *list, size_t *n, struct err *err)
{
    int r;

    while ((r = query_step(q, err)) > 0)
        if (read_key(q, &list[(*n)++], err) < 0)
            return -1;
    return r;
}

int store_key_list(struct store *st, const char *user, const struct page *page,
                   struct access_key **ret, size_t *ret_count, int64_t *ret_total, struct err *err)
{
    static const char sql[] =
        "SELECT k.id, k.user_name, u.role, k.disabled, u.disabled, k.created_at, k.last_used_at,"
        " k.description, k.created_by FROM access_key k JOIN user u ON u.name = k.user_name"
        " WHERE ?1 IS NULL OR k.user_name = ?1 ORDER BY k.created_at, k.id LIMIT ?2 OFFSET ?3";
    struct access_key *list;
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };
    size_t n = 0;

    if (store_borrow(st, &l, err) < 0 || count_keys(l.db, user, ret_total, err) < 0 ||
        query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, user);
    query_i64(&q, 2, db_limit(page));
    query_i64(&q, 3, db_offset(page));
    list = calloc((size_t)db_limit(page), sizeof(*list));
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (read_keys(&q, list, &n, err) < 0) {
        key_list_free(list, n);
        return -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

static int key_changed(const struct lease *l, const char *id, struct err *err)
{
    return db_changes(l->db) > 0 ? 0
                                 : err_set(err, ERR_KEY_NOT_FOUND, "there is no access key %s", id);
}

int store_key_update(struct store *st, const char *id, const char *user, const char *description,
                     const bool *disabled, struct err *err)
{
    static const char sql[] =
        "UPDATE access_key SET description = COALESCE(?3, description),"
        " disabled = COALESCE(?4, disabled) WHERE id = ?1 AND (?2 IS NULL OR user_name = ?2)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, user);
    query_text(&q, 3, description);
    if (disabled != NULL)
        query_i64(&q, 4, *disabled);
    return query_run(&q, err) < 0 ? -1 : key_changed(&l, id, err);
}

int store_key_delete(struct store *st, const char *id, const char *user, struct err *err)
{
    static const char sql[] =
        "DELETE FROM access_key WHERE id = ?1 AND (?2 IS NULL OR user_name = ?2)";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_text(&q, 2, user);
    return query_run(&q, err) < 0 ? -1 : key_changed(&l, id, err);
}

int store_key_used(struct store *st, const char *id, int64_t at, struct err *err)
{
    static const char sql[] = "UPDATE access_key SET last_used_at = ?2 WHERE id = ?1";
    _cleanup_(store_return)
    struct lease l = { 0 };
    _cleanup_(query_done)
    struct query q = { 0 };

    if (store_borrow(st, &l, err) < 0 || query_open(&q, l.db, sql, err) < 0)
        return -1;
    query_text(&q, 1, id);
    query_i64(&q, 2, at);
    return query_run(&q, err);
}
