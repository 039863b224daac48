/* Binary JSON beyond what rows_test.c takes from a server: the damaged and the hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/binlog/jsonb.h"

#include "base/banned.h"

enum { TEXT_MAX = 64 << 20 };

#define DOC(bytes)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(bytes), sizeof(bytes) - 1                                                \
    }

struct doc {
    const uint8_t *data;
    size_t len;
};

static int text_of(const struct doc *d, struct strbuf *b, struct err *err)
{
    uint8_t *exact = malloc(d->len > 0 ? d->len : 1); /* so that ASan sees a byte too far */
    int r;

    assert_non_null(exact);
    if (d->len > 0)
        memcpy(exact, d->data, d->len);
    r = jsonb_text(exact, d->len, b, err);
    free(exact);
    return r;
}

static const struct {
    struct doc doc;
    const char *text;
} good[] = {
    { DOC(""), "null" },
    { DOC("\x04\x00"), "null" },
    { DOC("\x04\x01"), "true" },
    { DOC("\x04\x02"), "false" },
    { DOC("\x05\xff\xff"), "-1" },
    { DOC("\x06\xff\xff"), "65535" },
    { DOC("\x07\x00\x00\x00\x80"), "-2147483648" },
    { DOC("\x08\xff\xff\xff\xff"), "4294967295" },
    { DOC("\x09\x00\x00\x00\x00\x00\x00\x00\x80"), "-9223372036854775808" },
    { DOC("\x0a\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615" },
    { DOC("\x0b\x00\x00\x00\x00\x00\x00\xf0\x3f"), "1.0" },
    { DOC("\x0c\x03"
          "a\"\x01"),
      "\"a\\\"\\u0001\"" },
    { DOC("\x0c\x80\x00"), "\"\"" }, /* a length in more bytes than needed */
    { DOC("\x00\x00\x00\x04\x00"), "{}" },
    { DOC("\x02\x00\x00\x04\x00"), "[]" },
    { DOC("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00"
          "a"),
      "{\"a\": 1}" },
    { DOC("\x02\x02\x00\x0a\x00\x04\x00\x00\x05\xfe\xff"), "[null, -2]" },
    /* large forms: four-byte offsets, int32 in place */
    { DOC("\x03\x01\x00\x00\x00\x0d\x00\x00\x00\x07\xff\xff\xff\xff"), "[-1]" },
};

static void documents_print_as_the_server_prints_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(TEXT_MAX);
        struct err err = { 0 };

        if (text_of(&good[i].doc, &b, &err) < 0)
            fail_msg("%s: %s", good[i].text, err.message);
        assert_string_equal(strbuf_str(&b), good[i].text);
    }
}

static void a_cut_document_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        for (size_t len = 1; len < good[i].doc.len; len++) {
            _cleanup_(strbuf_done)
            struct strbuf b = STRBUF(TEXT_MAX);
            struct doc d = { good[i].doc.data, len };
            struct err err = { 0 };

            if (text_of(&d, &b, &err) == 0)
                fail_msg("%zu bytes of %s taken as %s", len, good[i].text, strbuf_str(&b));
            assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
        }
    }
}

static void nonsense_is_an_error(void **state)
{
    static const struct doc bad[] = {
        DOC("\x04\x03"),                                     /* no such literal */
        DOC("\x0d\x00"),                                     /* no such type */
        DOC("\xff"),                                         /* … */
        DOC("\x0b\x00\x00\x00\x00\x00\x00\xf0\x7f"),         /* infinity */
        DOC("\x0c\xff\xff\xff\xff\xff\xff"),                 /* a length without end */
        DOC("\x00\xff\xff\x04\x00"),                         /* more members than bytes */
        DOC("\x02\x01\x00\x07\x00\x02\x07\x00"),             /* offset behind the end */
        DOC("\x02\x01\x00\xff\x00\x05\x07\x00"),             /* size behind the end */
        DOC("\x0f\xf6\x02\x05\x06"),                         /* DECIMAL(5,6) */
        DOC("\x0f\x0c\x08\xff\xff\xff\xff\xff\xff\xff\x7f"), /* DATETIME of month 15 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(strbuf_done)
        struct strbuf b = STRBUF(TEXT_MAX);
        struct err err = { 0 };

        if (text_of(&bad[i], &b, &err) == 0)
            fail_msg("case %zu taken as %s", i, strbuf_str(&b));
        assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    }
}

/* An array that holds itself: deeper than any stack, were each level one of the program's. */
static void an_array_in_itself_ends(void **state)
{
    static const uint8_t self[] = { 0x02, 0x01, 0x00, 0x07, 0x00, 0x02, 0x00, 0x00 };
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);
    struct doc d = { self, sizeof(self) };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(text_of(&d, &b, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_true(b.len < 1024);
}

/* Sixteen levels of sixteen times the next: 2^64 values in some hundred bytes. */
static void an_array_that_multiplies_is_bounded(void **state)
{
    enum { LEVELS = 16, TIMES = 16, HEAD = 4, BYTES = HEAD + TIMES * 3 };
    uint8_t doc[1 + LEVELS * BYTES + BYTES] = { 0x02 };
    size_t len = sizeof(doc) - 1;
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(TEXT_MAX);
    struct err err = { 0 };

    (void)state;
    for (size_t level = 0; level <= LEVELS; level++) {
        uint8_t *at = doc + 1 + level * BYTES;
        size_t left = len - level * BYTES;

        at[0] = TIMES;
        at[2] = (uint8_t)(left & 255);
        at[3] = (uint8_t)(left >> 8);
        for (size_t i = 0; i < TIMES; i++) {
            uint8_t *entry = at + HEAD + i * 3;

            entry[0] = level < LEVELS ? 0x02 : 0x05;
            entry[1] = level < LEVELS ? BYTES : 1;
        }
    }
    assert_int_equal(jsonb_text(doc, sizeof(doc), &b, &err), -1);
    assert_int_equal(err.code, ERR_BINLOG_MALFORMED);
    assert_true(b.len < 32 * sizeof(doc) + 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_print_as_the_server_prints_them),
        cmocka_unit_test(a_cut_document_is_an_error),
        cmocka_unit_test(nonsense_is_an_error),
        cmocka_unit_test(an_array_in_itself_ends),
        cmocka_unit_test(an_array_that_multiplies_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
