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

int main(void)
{
    static const struct CMUnitTest tests[] = { TEST(users_and_keys) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
