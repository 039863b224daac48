#include "tests/unit/base/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/secret.h"

static char dir[64] = "/tmp/cw-secret-XXXXXX";

static int make_dir(void **state)
{
    struct err err = { 0 };

    (void)state;
    return secret_setup(&err) < 0 || mkdtemp(dir) == NULL ? -1 : 0;
}

static int drop_dir(void **state)
{
    struct err err = { 0 };

    (void)state;
    return fs_remove_tree(dir, &err);
}

static const char *key_path(const char *name, char buf[static 128])
{
    (void)snprintf(buf, 128, "%s/%s", dir, name);
    return buf;
}

static void what_is_sealed_opens_only_with_key_and_purpose(void **state)
{
    _cleanup_(box_closep)
    struct box *a = NULL, *b = NULL;
    _cleanup_(secret_freep)
    struct secret *s = NULL, *back = NULL, *no = NULL;
    _cleanup_(freep)
    char *sealed = NULL;
    struct err err = { 0 };
    char path[128];

    (void)state;
    assert_int_equal(box_open(key_path("a", path), true, &a, &err), 0);
    assert_int_equal(box_open(key_path("b", path), true, &b, &err), 0);
    assert_int_equal(secret_new("pa\0ss", 5, &s, &err), 0);
    assert_int_equal(box_seal(a, "source:e_1", s, &sealed, &err), 0);
    assert_null(strstr(sealed, "pa"));
    assert_int_equal(box_unseal(a, "source:e_1", sealed, &back, &err), 0);
    assert_int_equal(secret_len(back), 5);
    assert_memory_equal(secret_text(back), "pa\0ss", 5);
    assert_int_equal(box_unseal(b, "source:e_1", sealed, &no, &err), -1);
    assert_int_equal(err.code, ERR_KEYFILE);
    assert_int_equal(box_unseal(a, "source:e_2", sealed, &no, &err), -1);
    sealed[10] = (char)(sealed[10] == 'A' ? 'B' : 'A');
    assert_int_equal(box_unseal(a, "source:e_1", sealed, &no, &err), -1);
    assert_int_equal(box_unseal(a, "source:e_1", "", &no, &err), -1);
}

static void a_key_file_that_others_can_read_is_refused(void **state)
{
    struct box *b = NULL;
    struct err err = { 0 };
    struct stat st;
    char path[128];

    (void)state;
    assert_int_equal(box_open(key_path("c", path), true, &b, &err), 0);
    box_close(b);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(box_open(path, false, &b, &err), -1);
    assert_int_equal(err.code, ERR_KEYFILE);
    assert_int_equal(box_open(key_path("absent", path), false, &b, &err), -1);
}

static void base64_is_strict(void **state)
{
    _cleanup_(secret_freep)
    struct secret *s = NULL;
    struct secret *no = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(secret_from_base64("cGFzcw==", &s, &err), 0);
    assert_string_equal(secret_text(s), "pass");
    assert_int_equal(secret_from_base64("cGFzcw", &no, &err), -1);
    assert_int_equal(secret_from_base64("cGFz cw==", &no, &err), -1);
    assert_int_equal(secret_from_base64("!!", &no, &err), -1);
}

static void password_hashes_match_only_their_password(void **state)
{
    char hash[SECRET_HASH_LEN];
    struct err err = { 0 };

    (void)state;
    assert_int_equal(secret_hash("geheim", hash, &err), 0);
    assert_true(secret_hash_matches(hash, "geheim"));
    assert_false(secret_hash_matches(hash, "Geheim"));
    assert_false(secret_hash_matches("", "geheim"));
    assert_true(secret_equal("abc", 3, "abc", 3));
    assert_false(secret_equal("abc", 3, "ab", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_only_with_key_and_purpose),
        cmocka_unit_test(a_key_file_that_others_can_read_is_refused),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(password_hashes_match_only_their_password),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
