/* One tokenizer for what classifies statements and for what rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "workers/mysql/ddl/tokens.h"

#include "base/banned.h"

/* `tokens`: of each the letter of its kind and its text, divided by blanks. */
struct expect {
    const char *sql, *tokens;
    struct lexer_options o;
};

static char letter(enum token_kind kind)
{
    static const char letters[] = "EWNS1VP!";

    return letters[kind];
}

/* clang-format off */
static const struct expect table[] = {
    { "a.b", "Wa P. Wb", { 0 } },
    { "`a` . 'b'", "N`a` P. S'b'", { 0 } },
    { "\"a\" b", "N\"a\" Wb", { .ansi_quotes = true } },
    { "'a\\' b", "S'a\\' Wb", { .no_backslash_escapes = true } },
    { "12 1a 1e5 1E-3 1e 0xFF 0b01 0b12 0xG", "112 W1a 11e5 11E-3 W1e 10xFF 10b01 W0b12 W0xG", { 0 } },
    { "1.5 1. .5 1.5e+3 1.e2", "11.5 11. 1.5 11.5e+3 11.e2", { 0 } },
    { "t.1 t.1e5 `t`.5.c t .5", "Wt P. W1 Wt P. W1e5 N`t` P. W5 P. Wc Wt 1.5", { 0 } },
    { "x'00' _utf8mb4'a' -1", "Wx S'00' W_utf8mb4 S'a' P- 11", { 0 } },
    { "@a @@s.b @`c d` u@h", "V@a V@@s.b V@`c d` Wu V@h", { .variables = true } },
    { "@a @@s.b u@h", "P@ Wa P@ P@ Ws P. Wb Wu P@ Wh", { 0 } },
    { "a--b -- c\nd #e\nf", "Wa P- P- Wb Wd Wf", { 0 } },
    { "a /*!50700 b /* c */ d */ e", "Wa We", { .version = 50624 } },
    { "a /*!50700 b /* c */ d */ e", "Wa Wb Wd We", { .version = 80000 } },
    { "a /*!80000 b */ /*M! c */", "Wa Wc", { .mariadb = true, .version = 101100 } },
    { "a /*!80000 b */ /*M! c */", "Wa Wb", { .version = 80000 } },
    { "/*!40101 a", "Wa !", { 0 } },
    { "a 'b", "Wa !'b", { 0 } },
    { "a /* b", "Wa !/* b", { 0 } },
    { "a `b``", "Wa !`b``", { 0 } },
};
/* clang-format on */

static void tokens_have_kinds_and_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct strbuf b = STRBUF(4096);
        struct lexer l;
        struct token t;

        lexer_init(&l, table[i].sql, strlen(table[i].sql), &table[i].o);
        do {
            lexer_next(&l, &t);
            if (t.kind == TOK_END)
                break;
            strbuf_addf(&b, "%s%c", b.len > 0 ? " " : "", letter(t.kind));
            strbuf_add(&b, t.text, t.len);
        } while (t.kind != TOK_BAD);
        if (strcmp(strbuf_str(&b), table[i].tokens) != 0)
            fail_msg("%s\n  gave %s\n  not  %s", table[i].sql, strbuf_str(&b), table[i].tokens);
        strbuf_done(&b);
    }
}

static void tokens_keep_quoting_and_drop_comments(void **state)
{
    static const char sql[] =
        "a`b``c` 'it''s \\' x' /* no; */ /*!80016 NOT ENFORCED */ -- end\n\"d\" 1.5e-3,@x#y";
    static const char *const expected[] = { "a",        "`b``c`", "'it''s \\' x'", "NOT",
                                            "ENFORCED", "\"d\"",  "1.5e-3",        ",",
                                            "@",        "x" };
    struct tokens t = { 0 };
    struct err err = { 0 };
    _cleanup_(freep)
    char *name = NULL;

    (void)state;
    assert_int_equal(0, tokens_read(sql, strlen(sql), NULL, &t, &err));
    assert_int_equal(ARRAY_SIZE(expected), t.count);
    for (size_t i = 0; i < t.count; i++) {
        _cleanup_(freep)
        char *text = tokens_text(&t, i);

        assert_string_equal(expected[i], text);
    }
    name = tokens_name(&t, 1);
    assert_string_equal("b`c", name);
    assert_true(tokens_word(&t, 3, "not"));
    tokens_done(&t);
}

static void unended_text_is_refused(void **state)
{
    static const char *const texts[] = { "'a", "`a", "\"a", "/* a", "'a\\'", "a /*" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct tokens t = { 0 };
        struct err err = { 0 };

        assert_int_equal(-1, tokens_read(texts[i], strlen(texts[i]), NULL, &t, &err));
        assert_int_equal(ERR_SCHEMA_CONVERT, err.code);
    }
}

/* The lexer reads its text only: no NUL stands behind it (run under ASan). */
static void cut_text_is_read_to_its_end_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        for (size_t len = 1; len < strlen(table[i].sql); len++) {
            char *copy = malloc(len);
            struct tokens t = { 0 };
            struct err err = { 0 };

            assert_non_null(copy);
            memcpy(copy, table[i].sql, len);
            if (tokens_read(copy, len, NULL, &t, &err) == 0)
                tokens_done(&t);
            free(copy);
        }
    }
}

static void comments_are_told(void **state)
{
    static const struct {
        const char *sql;
        bool comments;
    } rows[] = { { "a = '/* b */'", false }, { "a -- b", true },
                 { "a /* b */", true },      { "a #", true },
                 { "/*!1 a */", true },      { "a - 1", false } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct tokens t = { 0 };
        struct err err = { 0 };

        assert_int_equal(0, tokens_read(rows[i].sql, strlen(rows[i].sql), NULL, &t, &err));
        assert_int_equal(rows[i].comments, t.comments);
        tokens_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_kinds_and_ends),
        cmocka_unit_test(tokens_keep_quoting_and_drop_comments),
        cmocka_unit_test(unended_text_is_refused),
        cmocka_unit_test(cut_text_is_read_to_its_end_only),
        cmocka_unit_test(comments_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
