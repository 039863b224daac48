#include "store/account.h"
#include "tests/unit/store/fixture.h"

#include "base/banned.h"

static void users_and_keys(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    _cleanup_(user_done)
    struct user u = { 0 };
    _cleanup_(access_key_done)
    struct access_key k = { 0 };
    int64_t n = -1;
    struct new_key key = { .id = "LTAI1",
                           .secret_sealed = "sealed",
                           .user = "admin",
                           .description = "for CI",
                           .created_by = "admin" };
    struct new_key orphan = {
        .id = "LTAI2", .secret_sealed = "sealed", .user = "nobody", .description = ""
    };

    assert_ok(store_user_count(f->store, &n, &err));
    assert_int_equal(n, 0);
    assert_ok(store_user_add(f->store, "admin", "$argon2id$x", ROLE_ADMIN, &err));
    assert_err(store_user_add(f->store, "admin", "y", ROLE_VIEWER, &err), ERR_NAME_TAKEN);
    assert_ok(store_user_count(f->store, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(store_user_get(f->store, "Admin", &u, &err), 0);
    assert_int_equal(store_user_get(f->store, "' OR 1=1 --", &u, &err), 0);
    assert_null(u.password_hash);
    assert_int_equal(store_user_get(f->store, "admin", &u, &err), 1);
    assert_string_equal(u.password_hash, "$argon2id$x");
    assert_int_equal(u.role, ROLE_ADMIN);
    assert_false(u.disabled);
    assert_ok(store_key_add(f->store, &key, &err));
    assert_err(store_key_add(f->store, &orphan, &err), ERR_USER_NOT_FOUND);
    assert_int_equal(store_key_get(f->store, "LTAI2", &k, &err), 0);
    assert_int_equal(store_key_get(f->store, "LTAI1", &k, &err), 1);
    assert_string_equal(k.secret_sealed, "sealed");
    assert_string_equal(k.user, "admin");
    assert_int_equal(k.role, ROLE_ADMIN);
    assert_false(k.disabled || k.user_disabled);
}

static void last_admin(void **state)
{
    struct fixture *f = *state;
    static const enum role viewer = ROLE_VIEWER, admin = ROLE_ADMIN;
    static const bool yes = true, no = false;
    const struct user_change demote = { .role = &viewer }, disable = { .disabled = &yes };
    const struct user_change raise = { .role = &admin, .disabled = &no };
    const struct user_change rehash = { .password_hash = "z" };
    struct err err = { 0 };
    _cleanup_(user_done)
    struct user u = { 0 };

    assert_ok(store_user_add(f->store, "a", "x", ROLE_ADMIN, &err));
    assert_ok(store_user_add(f->store, "b", "y", ROLE_OPERATOR, &err));
    assert_err(store_user_add(f->store, "B", "y", ROLE_OPERATOR, &err), ERR_NAME_TAKEN);
    assert_err(store_user_delete(f->store, "a", &err), ERR_LAST_ADMIN);
    assert_err(store_user_update(f->store, "a", &demote, &err), ERR_LAST_ADMIN);
    assert_err(store_user_update(f->store, "a", &disable, &err), ERR_LAST_ADMIN);
    assert_err(store_user_update(f->store, "c", &demote, &err), ERR_USER_NOT_FOUND);
    assert_err(store_user_delete(f->store, "c", &err), ERR_USER_NOT_FOUND);
    assert_ok(store_user_update(f->store, "a", &rehash, &err));
    assert_ok(store_user_update(f->store, "a", &raise, &err));
    assert_ok(store_user_update(f->store, "b", &disable, &err));
    assert_ok(store_user_update(f->store, "b", &(struct user_change){ .role = &admin }, &err));
    assert_err(store_user_delete(f->store, "a", &err), ERR_LAST_ADMIN); /* b is disabled */
    assert_ok(store_user_update(f->store, "b", &raise, &err));
    assert_ok(store_user_delete(f->store, "a", &err));
    assert_err(store_user_delete(f->store, "b", &err), ERR_LAST_ADMIN);
    assert_int_equal(store_user_get(f->store, "b", &u, &err), 1);
    assert_int_equal(u.role, ROLE_ADMIN);
    assert_string_equal(u.password_hash, "y");
}

static void keys_of_a_user(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = { "K1", "K2", "K3", "K4", "K5" };
    static const bool yes = true;
    const struct page page = { .number = 1, .size = 10 };
    struct access_key *list = NULL;
    _cleanup_(access_key_done)
    struct access_key k = { 0 };
    struct err err = { 0 };
    size_t count = 0;
    int64_t total = 0;

    assert_ok(store_user_add(f->store, "a", "x", ROLE_ADMIN, &err));
    assert_ok(store_user_add(f->store, "b", "x", ROLE_VIEWER, &err));
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct new_key key = { .id = ids[i], .secret_sealed = "s", .user = "b", .description = "" };
        assert_ok(store_key_add(f->store, &key, &err));
    }
    assert_err(store_key_add(f->store,
                             &(struct new_key){
                                 .id = "K6", .secret_sealed = "s", .user = "b", .description = "" },
                             &err),
               ERR_LIMIT);
    assert_err(store_key_delete(f->store, "K1", "a", &err), ERR_KEY_NOT_FOUND); /* not a's */
    assert_err(store_key_update(f->store, "K1", "a", "x", NULL, &err), ERR_KEY_NOT_FOUND);
    assert_ok(store_key_update(f->store, "K1", "b", NULL, &yes, &err));
    assert_ok(store_key_used(f->store, "K1", 1700000000, &err));
    assert_int_equal(store_key_get(f->store, "K1", &k, &err), 1);
    assert_true(k.disabled && k.last_used_at == 1700000000 && k.role == ROLE_VIEWER);
    assert_ok(store_key_delete(f->store, "K2", NULL, &err));
    assert_ok(store_key_list(f->store, "b", &page, &list, &count, &total, &err));
    assert_true(count == 4 && total == 4 && list[0].secret_sealed == NULL);
    key_list_free(list, count);
    assert_ok(store_user_delete(f->store, "b", &err));
    assert_ok(store_key_list(f->store, NULL, &page, &list, &count, &total, &err));
    assert_true(count == 0 && total == 0);
    key_list_free(list, count);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { TEST(users_and_keys), TEST(last_admin),
                                               TEST(keys_of_a_user) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
