#include "tests/unit/base/test.h"

#include <stdio.h>

#include "base/map.h"

static void holds_what_was_set_through_growth(void **state)
{
    _cleanup_(map_freep)
    struct map *m = map_new();
    static int values[1000];
    size_t pos = 0, seen = 0;
    const char *key;
    void *value;
    char name[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "key-%d", i);
        assert_int_equal(map_set(m, name, &values[i]), 0);
    }
    assert_int_equal(map_count(m), 1000);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "key-%d", i);
        assert_ptr_equal(map_get(m, name), &values[i]);
    }
    assert_null(map_get(m, "absent"));
    assert_int_equal(map_set(m, "key-1", &values[0]), 0);
    assert_ptr_equal(map_get(m, "key-1"), &values[0]);
    assert_int_equal(map_count(m), 1000);
    while (map_next(m, &pos, &key, &value))
        seen++;
    assert_int_equal(seen, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(holds_what_was_set_through_growth) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
