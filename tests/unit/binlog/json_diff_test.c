/* JSON diffs applied to a document's text. What comes of them was seen on MySQL 9.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/binlog/json_diff.h"

#include "base/banned.h"

enum { OUT_MAX = 1 << 16, REPLACE = 0, INSERT = 1, REMOVE = 2 };

/* One diff; `value` is an INT16 below 0x80, or NO_VALUE. */
enum { NO_VALUE = -1 };
static size_t make(uint8_t *to, int operation, const char *path, int value)
{
    size_t len = strlen(path);

    to[0] = (uint8_t)operation;
    to[1] = (uint8_t)len;
    memcpy(to + 2, path, len);
    if (value == NO_VALUE)
        return 2 + len;
    memcpy(to + 2 + len, "\x03\x05\x00\x00", 4);
    to[2 + len + 2] = (uint8_t)value;
    return 2 + len + 4;
}

static int apply(const char *before, int operation, const char *path, int value, struct strbuf *out,
                 struct err *err)
{
    uint8_t diff[512];
    size_t len = make(diff, operation, path, value);
    uint8_t *exact = malloc(len); /* so that a sanitizer sees what is read behind it */
    int got;

    assert_non_null(exact);
    memcpy(exact, diff, len);
    got = json_diff_apply(exact, len, before, strlen(before), out, err);
    free(exact);
    return got;
}

static void each_operation(void **state)
{
    static const struct {
        const char *before;
        int operation;
        const char *path;
        int value;
        const char *after; /* NULL: does not fit */
    } cases[] = {
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.a", 7, "{\"a\": 7, \"b\": [1, 2]}" },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[1]", 7, "{\"a\": 1, \"b\": [1, 7]}" },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[last]", 7, "{\"a\": 1, \"b\": [1, 7]}" },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[last-1]", 7, "{\"a\": 1, \"b\": [7, 2]}" },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[2]", 7, NULL },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.b[last-2]", 7, NULL },
        { "{\"a\": 1, \"b\": [1, 2]}", REPLACE, "$.c", 7, NULL },
        { "{\"a\": 1}", REPLACE, "$", 7, "7" },
        { "1.50", REPLACE, "$[0]", 7, "7" },
        { "{\"a\": 1}", INSERT, "$.c", 7, "{\"a\": 1, \"c\": 7}" },
        { "{\"b\": 1}", INSERT, "$.a", 7, "{\"a\": 7, \"b\": 1}" },
        { "{\"b\": 1, \"aaa\": 2}", INSERT, "$.cc", 7, "{\"b\": 1, \"cc\": 7, \"aaa\": 2}" },
        { "{}", INSERT, "$.a", 7, "{\"a\": 7}" },
        { "{}", INSERT, "$.\"\"", 7, "{\"\": 7}" },
        { "{\"a\": 1}", INSERT, "$.\"\\\"\\\\\\n\\u0001\"", 7,
          "{\"a\": 1, \"\\\"\\\\\\n\\u0001\": 7}" },
        { "{\"a\": 1}", INSERT, "$.a", 7, NULL }, /* it is there */
        { "{\"a\": 1}", INSERT, "$", 7, NULL },
        { "[]", INSERT, "$[0]", 7, "[7]" },
        { "[1, 2]", INSERT, "$[0]", 7, "[7, 1, 2]" },
        { "[1, 2]", INSERT, "$[1]", 7, "[1, 7, 2]" },
        { "[1, 2]", INSERT, "$[9]", 7, "[1, 2, 7]" },
        { "[1, 2]", INSERT, "$[last]", 7, "[1, 7, 2]" },
        { "[1, 2]", INSERT, "$[last-9]", 7, "[7, 1, 2]" },
        { "{\"a\": 1, \"b\": 2, \"c\": 3}", REMOVE, "$.a", NO_VALUE, "{\"b\": 2, \"c\": 3}" },
        { "{\"a\": 1, \"b\": 2, \"c\": 3}", REMOVE, "$.b", NO_VALUE, "{\"a\": 1, \"c\": 3}" },
        { "{\"a\": 1, \"b\": 2, \"c\": 3}", REMOVE, "$.c", NO_VALUE, "{\"a\": 1, \"b\": 2}" },
        { "[[1, \"], \\\"{\"]]", REMOVE, "$[0][1]", NO_VALUE, "[[1]]" },
        { "[1]", REMOVE, "$[0]", NO_VALUE, "[]" },
        { "{\"a\": {\"b\": {}}}", REMOVE, "$.a.b", NO_VALUE, "{\"a\": {}}" },
        { "{\"é\": 1}", REMOVE, "$.é", NO_VALUE, "{}" },
        { "[1]", REMOVE, "$[1]", NO_VALUE, NULL },
        { "[1]", REMOVE, "$", NO_VALUE, NULL },
        { "[1]", REMOVE, "$.a", NO_VALUE, NULL },
        { "[1]", REMOVE, "a", NO_VALUE, NULL },
        { "[1]", REMOVE, "$[", NO_VALUE, NULL },
        { "[1]", REMOVE, "$[99999999999]", NO_VALUE, NULL },
        { "[1]", REMOVE, "$.\"a", NO_VALUE, NULL },
        { "[1]", REMOVE, "$.", NO_VALUE, NULL },
        { "[1", REMOVE, "$[0]", NO_VALUE, "[" }, /* no document: anything but a crash */
        { "[\"1", REMOVE, "$[0]", NO_VALUE, NULL },
        { "", REMOVE, "$[0]", NO_VALUE, NULL },
        { "[1]", 3, "$[0]", NO_VALUE, NULL },
    };
    struct strbuf out = STRBUF(OUT_MAX);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = { 0 };
        int got =
            apply(cases[i].before, cases[i].operation, cases[i].path, cases[i].value, &out, &err);

        if (cases[i].after == NULL) {
            assert_int_equal(got, -1);
            assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
        } else if (got < 0) {
            fail_msg("%s in %s: %s", cases[i].path, cases[i].before, err.message);
        } else {
            assert_string_equal(strbuf_str(&out), cases[i].after);
        }
    }
    strbuf_done(&out);
}

/* One after another; none at all leaves the value; a cut anywhere is an error. */
static void several(void **state)
{
    static const char before[] = "{\"a\": 1, \"b\": [1, 2]}";
    struct strbuf out = STRBUF(OUT_MAX);
    struct err err = { 0 };
    uint8_t diffs[64];
    size_t len = make(diffs, REPLACE, "$.a", 9), first = len;

    (void)state;
    len += make(diffs + len, REMOVE, "$.b", NO_VALUE);
    assert_int_equal(json_diff_apply(diffs, len, before, strlen(before), &out, &err), 0);
    assert_string_equal(strbuf_str(&out), "{\"a\": 9}");
    assert_int_equal(json_diff_apply(diffs, 0, before, strlen(before), &out, &err), 0);
    assert_string_equal(strbuf_str(&out), before);
    for (size_t cut = 1; cut < len; cut++) {
        uint8_t *part = malloc(cut);

        assert_non_null(part);
        memcpy(part, diffs, cut);
        assert_int_equal(json_diff_apply(part, cut, before, strlen(before), &out, &err),
                         cut == first ? 0 : -1);
        free(part);
    }
    strbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation),
        cmocka_unit_test(several),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
