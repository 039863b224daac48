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

static void eras_come_before_files(void **state)
{
    struct binlog_pos old = at("bin.000900", 500), young = at("bin.000001", 4), none = at("", 4);

    (void)state;
    young.era = 1;
    assert_int_equal(binlog_pos_cmp(&old, &young), -1);
    assert_int_equal(binlog_pos_cmp(&young, &old), 1);
    none.era = 7;
    assert_int_equal(binlog_pos_cmp(&none, &old), -1); /* nothing read yet */
    old.era = 1;
    assert_int_equal(binlog_pos_cmp(&old, &young), 1);
}

static void files_are_stored_with_their_era(void **state)
{
    static const struct {
        const char *text, *file; /* NULL: refused */
        unsigned era;
    } cases[] = {
        { "bin.000007", "bin.000007", 0 },
        { "bin.000007@2", "bin.000007", 2 },
        { "bin.000007@4294967295", "bin.000007", UINT32_MAX },
        { "my@host.000007", "my@host.000007", 0 },
        { "my@host.000007@12", "my@host.000007", 12 },
        { "", "", 0 },
        { "bin.000007@", NULL, 0 },
        { "bin.000007@0", NULL, 0 },
        { "bin.000007@x", NULL, 0 },
        { "bin.000007@2@3", NULL, 0 },
        { "bin.000007@4294967296", NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct binlog_pos p = { .file = "left over", .offset = 9, .era = 3 };
        char text[BINLOG_FILE_TEXT_MAX];
        bool ok = binlog_file_parse(cases[i].text, &p);

        assert_int_equal(ok, cases[i].file != NULL);
        if (!ok)
            continue;
        assert_string_equal(p.file, cases[i].file);
        assert_int_equal(p.era, cases[i].era);
        assert_int_equal(p.offset, 9);
        assert_string_equal(binlog_file_text(&p, text), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eras_come_before_files),
        cmocka_unit_test(files_are_stored_with_their_era),
        cmocka_unit_test(files_are_ordered_by_number_then_offset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
