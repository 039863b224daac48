/* Statement texts in the servers' character sets. What each byte means was asked of the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/ddl/charset.h"

#include "base/banned.h"

struct sample {
    const char *charset, *text, *utf8; /* utf8 NULL: an error */
};

static void check(const struct sample *s)
{
    _cleanup_(freep)
    char *got = NULL;
    size_t len = 0;
    struct err err = { 0 };
    int r = charset_to_utf8(s->charset, s->text, strlen(s->text), &got, &len, &err);

    if (s->utf8 == NULL) {
        assert_int_equal(r, -1);
        assert_int_equal(err.code, ERR_DDL_UNPARSED);
        assert_null(got);
        return;
    }
    if (r < 0)
        fail_msg("%s: %s", s->charset, err.message);
    assert_string_equal(got, s->utf8);
    assert_int_equal(len, strlen(s->utf8));
}

static void each_set(void **state)
{
    static const struct sample samples[] = {
        { "latin1", "CREATE TABLE `\xe9\x80` (a\x81 int)", "CREATE TABLE `é€` (a\xc2\x81 int)" },
        { "gbk", "x '\xd6\xd0\x81\x5c'", "x '中乗'" }, /* the second byte is a backslash */
        { "gb2312", "\xd6\xd0\xce\xc4", "中文" },
        { "gb18030", "\xd6\xd0\x81\x30\x81\x30\x95\x32\x82\x36\xfe\x51",
          "中\xc2\x80𠀀"
          "\xee\xa0\x96" },
        { "big5", "\xa4\xa4\xa4\xe5\xb3\x5c\xa2\x44", "中文許¥" },
        { "sjis", "\x83\x5c\x8c\x8b\xb1\x81\x60", "ソ結ｱ〜" },
        { "cp932", "\x87\x40\x81\x60", "①～" },
        { "ujis", "\xc6\xfc\xcb\xdc\x8e\xb1\x8f\xb0\xa1", "日本ｱ丂" },
        { "eucjpms", "\xad\xa1\xc6\xfc", "①日" },
        { "euckr", "\xc7\xd1\xb1\xdb\x81\x41", "한글갂" },
        { "latin2", "\xb1\xf8", "ąř" },
        { "latin5", "\xfd\xfe", "ış" },
        { "latin7", "\xe0", "ą" },
        { "cp1250", "\x9a\xb9", "šą" },
        { "cp1251", "\xcf\xf0\xe8", "При" },
        { "cp1256", "\xc7\xe1", "ال" },
        { "cp1257", "\xe0", "ą" },
        { "cp850", "\x81\x84", "üä" },
        { "cp852", "\xa5", "ą" },
        { "cp866", "\x8f\xe0\xfd", "Пр²" },
        { "koi8r", "\xf0\xd2", "Пр" },
        { "koi8u", "\xb4\x95", "Є•" },
        { "greek", "\xe1\xa1", "αʽ" },
        { "hebrew", "\xf9\xec\xaf", "של‾" },
        { "tis620", "\xa1\x80", "ก\xc2\x80" },
        { "armscii8", "\xb2\xa2", "Ա§" },
        { "geostd8", "\xc0\xfd", "ა№" },
        { "dec8", "\xc4\xa0", "Ä\xc2\xa0" },
        { "hp8", "\xd8", "Ä" },
        { "swe7", "$[\\]", "$ÄÖÅ" },
        { "macroman", "\x8a\xc6", "ä∆" },
        { "macce", "\x8a", "ä" },
        { "LATIN1", "\xe9", "é" },
        { "utf8mb4", "é😀", "é😀" },
        { "latin1", "", "" },
        { "keybcs2", "a", NULL },
        { "klingon", "a", NULL },
        { "gbk", "a\xd6", NULL },
        { "gbk", "\xff\xff", NULL },
        { "big5", "\xc6\xa7", NULL },
        { "greek", "\xff", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check(&samples[i]);
}

static void wide_sets(void **state)
{
    static const struct {
        const char *charset;
        const char *text;
        size_t len;
    } wide[] = {
        { "ucs2", "\0a\x4e\x2d", 4 },
        { "utf16", "\0a\x4e\x2d", 4 },
        { "utf16le", "a\0\x2d\x4e", 4 },
        { "utf32", "\0\0\0a\0\0\x4e\x2d", 8 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
        _cleanup_(freep)
        char *got = NULL;
        size_t len = 0;
        struct err err = { 0 };

        assert_int_equal(
            charset_to_utf8(wide[i].charset, wide[i].text, wide[i].len, &got, &len, &err), 0);
        assert_string_equal(got, "a中");
        assert_int_equal(len, 4);
    }
}

/* What claims to be UTF-8 and is not, is kept where only strings and comments hold it. */
static void bytes_of_no_set(void **state)
{
    static const struct sample samples[] = {
        { "utf8mb4", "INSERT '\xff\\'\xfe'", "INSERT '\xff\\'\xfe'" },
        { "utf8", "a '\\' \"\xff\"", "a '\\' \"\xff\"" }, /* NO_BACKSLASH_ESCAPES */
        { "binary", "a -- \xff\n b /* \xfe */ # \xfd", "a -- \xff\n b /* \xfe */ # \xfd" },
        { "ascii", "`\xe9`", "`\xe9`" },
        { "utf8mb3", "a \xff", NULL },
        { "utf8mb4", "'\xff", NULL },
        { "utf8mb4", "\xc0\x80", NULL },     /* overlong */
        { "utf8mb4", "\xed\xa0\x80", NULL }, /* a surrogate */
        { "utf8mb4", "\xf4\x90\x80\x80", NULL },
        { "utf8mb4", "\xe4\xb8", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check(&samples[i]);
}

/* Characters that lie across the chunks of the conversion. */
static void long_text(void **state)
{
    enum { PAIRS = 200000 };
    _cleanup_(freep)
    char *text = malloc(2 * PAIRS + 1);
    _cleanup_(freep)
    char *got = NULL;
    size_t len = 0;
    struct err err = { 0 };

    (void)state;
    assert_non_null(text);
    text[0] = 'x';
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(text + 1 + 2 * i, "\xd6\xd0", 2);
    assert_int_equal(charset_to_utf8("gbk", text, 2 * PAIRS + 1, &got, &len, &err), 0);
    assert_int_equal(len, 3 * PAIRS + 1);
    for (size_t i = 0; i < PAIRS; i++)
        assert_memory_equal(got + 1 + 3 * i, "中", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_set),
        cmocka_unit_test(wide_sets),
        cmocka_unit_test(bytes_of_no_set),
        cmocka_unit_test(long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
