#include "tests/unit/base/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"

static void writes_whole_files_with_their_mode(void **state)
{
    char dir[] = "/tmp/cw-fs-XXXXXX", path[128];
    _cleanup_(freep)
    char *text = NULL, *none = NULL;
    struct err err = { 0 };
    struct stat st;
    size_t len = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/a/b", dir);
    assert_int_equal(fs_mkdir(path, 0700, &err), 0);
    assert_int_equal(fs_mkdir(path, 0700, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/a/b/file", dir);
    assert_int_equal(fs_write_atomic(path, "hello", 5, 0600, &err), 0);
    assert_int_equal(fs_write_atomic(path, "bye", 3, 0600, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fs_read_all(path, 100, &text, &len, &err), 0);
    assert_int_equal(len, 3);
    assert_string_equal(text, "bye");
    assert_int_equal(fs_read_all(path, 2, &none, &len, &err), -1);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
    assert_int_not_equal(access(dir, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(writes_whole_files_with_their_mode) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
