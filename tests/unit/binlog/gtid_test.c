#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "workers/mysql/binlog/gtid.h"
#include "workers/mysql/binlog/gtid_codec.h"

#include "base/banned.h"

#define U1 "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2 "ed8dfd17-e584-11f1-a5c4-02fc00000001"

enum { TEXT_MAX = 1 << 16 };

static struct gtid_set *parse(const char *text, bool mariadb)
{
    struct gtid_set *s = NULL;
    struct err err = { 0 };

    if (gtid_set_parse(text, mariadb, &s, &err) < 0)
        fail_msg("%s", err.message);
    return s;
}

static void assert_text(const struct gtid_set *s, const char *want)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);

    gtid_set_text(s, &b);
    assert_string_equal(strbuf_str(&b), want);
}

static void text_becomes_canonical(void **state)
{
    static const struct {
        const char *text, *want;
        bool mariadb;
    } cases[] = {
        { "", "", false },
        { " \n", "", false },
        { U1 ":1", U1 ":1", false },
        { U1 ":1-5:7:6", U1 ":1-7", false },
        { U1 ":7-9:1-3,\n" U1 ":5", U1 ":1-3:5:7-9", false },
        { U2 ":1," U1 ":2-2", U1 ":2," U2 ":1", false },
        { "3E11FA4771CA11E19E33C80AA9429562:3", U1 ":3", false },
        { U1 ":tag:1-3", U1 ":tag:1-3", false },
        { U1 ":1-35:MyTag:1:zz:4", U1 ":1-35:mytag:1:zz:4", false },
        { U1 ":5-1", U1, false }, /* empty interval */
        { U1 ":9223372036854775806", U1 ":9223372036854775806", false },
        { "0-1-5", "0-1-5", true },
        { "1-2-3, 0-1-5,0-7-9", "0-7-9,1-2-3", true },
        { "0-4294967295-18446744073709551614", "0-4294967295-18446744073709551614", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gtid_set *s = parse(cases[i].text, cases[i].mariadb);

        if (strcmp(cases[i].want, U1) != 0)
            assert_text(s, cases[i].want);
        assert_int_equal(gtid_set_is_mariadb(s), cases[i].mariadb);
        gtid_set_free(s);
    }
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *text;
        bool mariadb;
    } cases[] = {
        { "x", false },
        { U1 ":0", false },
        { U1 ":1-", false },
        { U1 ":1;2", false },
        { U1 ":9223372036854775807", false },
        { U1 ":99999999999999999999999", false },
        { "3e11fa47-71ca-11e1-9e33-c80aa942956:1", false },
        { U1 ":this_tag_has_more_than_32_characters:1", false },
        { U1 ":1tag:1", false },
        { "0-1", true },
        { "0-1-", true },
        { "4294967296-1-1", true },
        { "0-1-1-1", true },
        { U1 ":1", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gtid_set *s = NULL;
        struct err err = { 0 };

        if (gtid_set_parse(cases[i].text, cases[i].mariadb, &s, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.code, ERR_PARAM);
        assert_null(s);
    }
}

static void adding_merges_and_has_finds(void **state)
{
    struct gtid_set *s = parse("", false);
    struct gtid g = { .uuid = { 0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8,
                                0x0a, 0xa9, 0x42, 0x95, 0x62 } };
    static const uint64_t order[] = { 5, 1, 3, 9, 4, 2, 8, 5, 10, 7, 6 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        g.number = order[i];
        assert_int_equal(gtid_set_add(s, &g), 0);
        assert_true(gtid_set_has(s, &g));
    }
    assert_text(s, U1 ":1-10");
    g.number = 11;
    assert_false(gtid_set_has(s, &g));
    g.number = 5;
    memcpy(g.tag, "t", 2);
    assert_false(gtid_set_has(s, &g));
    g.anonymous = true;
    assert_int_equal(gtid_set_add(s, &g), 0);
    assert_text(s, U1 ":1-10");
    gtid_set_free(s);
}

static void mariadb_means_everything_up_to(void **state)
{
    struct gtid_set *s = parse("0-1-5,2-1-1", true);
    struct gtid g = { .mariadb = true, .domain = 0, .server_id = 9, .number = 5 };

    (void)state;
    assert_true(gtid_set_has(s, &g));
    g.number = 6;
    assert_false(gtid_set_has(s, &g));
    assert_int_equal(gtid_set_add(s, &g), 0);
    assert_text(s, "0-9-6,2-1-1");
    g.domain = 1;
    assert_false(gtid_set_has(s, &g));
    gtid_set_free(s);
}

static void containing(void **state)
{
    static const struct {
        const char *big, *small;
        bool mariadb, want;
    } cases[] = {
        { "", "", false, true },
        { U1 ":1-10", "", false, true },
        { U1 ":1-10", U1 ":3-5:7", false, true },
        { U1 ":1-10", U1 ":3-11", false, false },
        { U1 ":1-5:7-10", U1 ":3-8", false, false },
        { U1 ":1-10", U2 ":1", false, false },
        { U1 ":1-10:t:1-3", U1 ":t:2", false, true },
        { U1 ":1-10", U1 ":t:2", false, false },
        { "0-1-10", "0-2-9", true, true },
        { "0-1-10", "0-1-11", true, false },
        { "0-1-10", "1-1-1", true, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gtid_set *a = parse(cases[i].big, cases[i].mariadb);
        struct gtid_set *b = parse(cases[i].small, cases[i].mariadb);

        if (gtid_set_contains(a, b) != cases[i].want)
            fail_msg("%s in %s", cases[i].small, cases[i].big);
        gtid_set_free(a);
        gtid_set_free(b);
    }
}

static void the_binary_form_comes_back(void **state)
{
    static const char *const texts[] = { "", U1 ":1-5:7", U1 ":1," U2 ":1-3:tag:4-5:8",
                                         U1 ":a:1," U2 ":b:1" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(TEXT_MAX);
        struct gtid_set *s = parse(texts[i], false), *back = NULL;
        struct err err = { 0 };

        gtid_set_encode(s, &b);
        assert_int_equal(gtid_set_decode(b.data, b.len, &back, &err), 0);
        assert_text(back, texts[i]);
        gtid_set_free(back);
        for (size_t cut = 0; cut + 1 < b.len; cut++) {
            back = NULL;
            if (gtid_set_decode(b.data, cut, &back, &err) == 0)
                fail_msg("%zu of %zu bytes taken", cut, b.len);
        }
        gtid_set_free(s);
    }
}

/* As a MySQL 9.7 server wrote it: PREVIOUS_GTIDS of "…:1-30:mytag:1". */
static void variable_length_integers(void **state)
{
    static const struct {
        uint8_t bytes[9];
        size_t len;
        uint64_t want;
    } cases[] = {
        { { 0x00 }, 1, 0 },
        { { 0xfe }, 1, 127 },
        { { 0x01, 0x02 }, 2, 128 },
        { { 0xfb, 0xff, 0x07 }, 3, 65535 },
        { { 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 8, 0x00ffffffffffffffULL },
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 9, UINT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cursor c = cursor_of(cases[i].bytes, cases[i].len);

        assert_int_equal(cursor_mysql_varlen(&c), cases[i].want);
        assert_false(c.bad);
        assert_int_equal(cursor_left(&c), 0);
        c = cursor_of(cases[i].bytes, cases[i].len - 1);
        (void)cursor_mysql_varlen(&c);
        assert_true(c.bad);
    }
}

static void signed_variable_length_integers(void **state)
{
    static const struct {
        uint8_t bytes[3];
        int64_t want;
    } cases[] = { { { 0xf3, 0xff, 0x0f }, 65535 },
                  { { 0xeb, 0xff, 0x0f }, -65535 },
                  { { 0xfb, 0xff, 0x0f }, -65536 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cursor c = cursor_of(cases[i].bytes, sizeof(cases[i].bytes));

        assert_int_equal(cursor_mysql_varlen_signed(&c), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_canonical),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(adding_merges_and_has_finds),
        cmocka_unit_test(mariadb_means_everything_up_to),
        cmocka_unit_test(containing),
        cmocka_unit_test(the_binary_form_comes_back),
        cmocka_unit_test(variable_length_integers),
        cmocka_unit_test(signed_variable_length_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
