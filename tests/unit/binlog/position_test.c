#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/binlog/position.h"

#include "base/banned.h"

static struct binlog_pos at(const char *file, uint64_t offset)
{
    struct binlog_pos p = { .offset = offset };

    memcpy(p.file, file, strlen(file));
    return p;
}

static void files_are_ordered_by_number_then_offset(void **state)
{
    static const struct {
        const char *file_a;
        uint64_t a;
        const char *file_b;
        uint64_t b;
        int want;
    } cases[] = {
        { "bin.000001", 4, "bin.000001", 4, 0 },
        { "bin.000001", 4, "bin.000001", 5, -1 },
        { "bin.000002", 4, "bin.000001", 500, 1 },
        { "bin.999999", 4, "bin.1000000", 4, -1 },
        { "", 0, "bin.000001", 4, -1 },
        { "", 9, "", 4, 0 },
        { "my.host-bin.000009", 1, "my.host-bin.000010", 1, -1 },
        { "bin.000001", 1ULL << 33, "bin.000001", 1ULL << 32, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct binlog_pos a = at(cases[i].file_a, cases[i].a), b = at(cases[i].file_b, cases[i].b);

        assert_int_equal(binlog_pos_cmp(&a, &b), cases[i].want);
        assert_int_equal(binlog_pos_cmp(&b, &a), -cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_ordered_by_number_then_offset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
