#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/sqltext.h"

#include "base/banned.h"

static void names_are_quoted(void **state)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        { "a", "`a`" },
        { "a`b", "`a``b`" },
        { "`", "````" },
        { "``", "``````" },
        { "a.b", "`a.b`" },
        { "a\\", "`a\\`" }, /* a backslash means nothing between backquotes */
        { "x'; DROP TABLE y; --", "`x'; DROP TABLE y; --`" },
        { "\xc3\xa4", "`\xc3\xa4`" },
        { "", "``" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(1000);
        char buf[SQL_NAME_MAX];

        sql_name(&b, rows[i].name);
        assert_string_equal(strbuf_str(&b), rows[i].want);
        assert_string_equal(sql_name_text(rows[i].name, buf), rows[i].want);
    }
}

static void a_name_text_never_overflows(void **state)
{
    char name[2000], buf[SQL_NAME_MAX];
    size_t len;

    (void)state;
    memset(name, '`', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)sql_name_text(name, buf);
    len = strlen(buf);
    assert_true(len < SQL_NAME_MAX);
    assert_int_equal(buf[0], '`');
    assert_int_equal(buf[len - 1], '`');
    assert_int_equal(len % 2, 0); /* never half of a doubled quote */
    memset(name, 'a', sizeof(name) - 1);
    assert_true(strlen(sql_name_text(name, buf)) < SQL_NAME_MAX);
}

static void tables_are_two_names(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(1000);

    (void)state;
    sql_table(&b, "d`", "t");
    assert_string_equal(strbuf_str(&b), "`d```.`t`");
}

static void strings_are_escaped(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        const char *want;
    } rows[] = {
        { "", 0, "''" },
        { "abc", 3, "'abc'" },
        { "a'b", 3, "'a\\'b'" },
        { "a\\'", 3, "'a\\\\\\''" },
        { "\0\n\r\x1a", 4, "'\\0\\n\\r\\Z'" },
        { "\"`%_", 4, "'\"`%_'" },
        { "\xff\xfe", 2, "'\xff\xfe'" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(1000);

        sql_quoted_bytes(&b, rows[i].data, rows[i].len);
        assert_string_equal(strbuf_str(&b), rows[i].want);
        assert_int_equal(b.len, strlen(rows[i].want));
        assert_true(b.cap > b.len);
    }
}

static void bytes_are_hex(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(1000);

    (void)state;
    sql_bytes(&b, "", 0);
    sql_bytes(&b, "\0'\xff", 3);
    assert_string_equal(strbuf_str(&b), "''x'0027FF'");
}

static void too_long_sticks(void **state)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(10);

    (void)state;
    sql_quoted_bytes(&b, "0123456789", 10);
    assert_false(strbuf_ok(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_quoted),     cmocka_unit_test(a_name_text_never_overflows),
        cmocka_unit_test(tables_are_two_names), cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(bytes_are_hex),        cmocka_unit_test(too_long_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
