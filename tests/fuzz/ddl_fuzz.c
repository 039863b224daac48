/*
 * SQL text as a server's binlog, SHOW CREATE or SHOW GRANTS would bring it: the tokenizer, the
 * classifier of statements, the rewriter and the grants. Bits of the first byte are the options.
 * Whatever comes in, each must end with a value or an error.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "workers/convert/rewrite.h"
#include "workers/mysql/ddl/statement.h"
#include "workers/mysql/ddl/tokens.h"
#include "workers/mysql/sqltext.h"
#include "workers/precheck/grants.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 16 * 1024, ANSI = 1, NO_BACKSLASH = 2, MARIADB = 4, VARIABLES = 8, VERSION = 16 };

/* What stands in `backticks` comes back the same when it is unquoted and quoted again. */
static void check_name(const struct token *t)
{
    struct strbuf name = STRBUF(TEXT_MAX), again = STRBUF(4 * TEXT_MAX);

    token_unquote(t, &name);
    if (*t->text == '`' && memchr(t->text, '\0', t->len) == NULL) {
        sql_name(&again, strbuf_str(&name));
        if (again.len != t->len || memcmp(again.data, t->text, t->len) != 0)
            abort();
    }
    strbuf_done(&name);
    strbuf_done(&again);
}

/* Tokens stand in the text, one behind the other, each of at least a byte. */
static void try_lexer(const char *text, size_t len, unsigned flags)
{
    struct lexer_options o = { .ansi_quotes = (flags & ANSI) != 0,
                               .no_backslash_escapes = (flags & NO_BACKSLASH) != 0,
                               .mariadb = (flags & MARIADB) != 0,
                               .variables = (flags & VARIABLES) != 0,
                               .version = (flags & VERSION) != 0 ? 50744 : 0 };
    const char *behind = text;
    struct lexer l;
    struct token t;

    lexer_init(&l, text, len, &o);
    for (lexer_next(&l, &t); t.kind != TOK_END; lexer_next(&l, &t)) {
        if (t.text < behind || t.text + t.len > text + len || (t.len == 0 && t.kind != TOK_BAD))
            abort();
        if (t.space_before != (t.text > behind))
            abort();
        behind = t.text + t.len;
        if (t.kind == TOK_BAD)
            return;
        if (t.kind == TOK_NAME)
            check_name(&t);
    }
}

static void try_list(const char *text, size_t len, const char *mode)
{
    struct strbuf out = STRBUF(4 * TEXT_MAX);
    struct tokens t = { 0 };
    struct err err = { 0 };

    if (tokens_read(text, len, mode, &t, &err) < 0) {
        if (err.code == ERR_NONE || err.message[0] == '\0')
            abort();
        return;
    }
    for (size_t i = 0; i <= t.count; i++) {
        free(tokens_text(&t, i));
        free(tokens_name(&t, i));
        tokens_string_bytes(&t, i, &out);
        if (tokens_punct(&t, i, '(') && tokens_close(&t, i) <= i)
            abort();
    }
    strbuf_reset(&out);
    tokens_emit(&t, 0, t.count, &out);
    strbuf_done(&out);
    tokens_done(&t);
}

static void try_statement(const char *text, size_t len, unsigned flags)
{
    struct statement_context c = {
        .default_db = (flags & VARIABLES) != 0 ? "d" : NULL,
        .sql_mode = ((flags & ANSI) != 0 ? SQL_MODE_ANSI_QUOTES : 0u) |
                    ((flags & NO_BACKSLASH) != 0 ? SQL_MODE_NO_BACKSLASH_ESCAPES : 0u),
        .mariadb = (flags & MARIADB) != 0,
        .version = (flags & VERSION) != 0 ? 101119 : 0
    };
    struct statement s = { 0 };
    struct err err = { 0 };

    if (statement_parse(text, len, &c, &s, &err) < 0) {
        if (err.code != ERR_NOMEM)
            abort();
        return;
    }
    for (size_t i = 0; i < s.ref_count; i++)
        if (s.refs[i].db == NULL || s.refs[i].name == NULL)
            abort();
    if (memchr(s.verb, '\0', sizeof(s.verb)) == NULL)
        abort();
    statement_done(&s);
}

static void try_rewrite(const char *text, const char *mode, unsigned flags)
{
    static char db[] = "d2", table[] = "t`2";
    static struct renamed database = { db, NULL }, object = { db, table };
    static const struct dialect maria = { .flavour = FLAVOUR_MARIADB, .version = 101119 },
                                mysql = { .flavour = FLAVOUR_MYSQL, .version = 90704 };
    _cleanup_(map_freep)
    struct map *names = map_new();
    struct rewrite_job job = { .text = text,
                               .sql_mode = mode,
                               .db = "d",
                               .mapped_db = "d2",
                               .mapped_name = "n",
                               .names = names,
                               .to = (flags & MARIADB) != 0 ? &maria : &mysql };
    struct err err = { 0 };
    char *got = NULL;

    if (names == NULL || map_set(names, "d", &database) < 0 || map_set(names, "d\1t", &object) < 0)
        return;
    for (int what = 0; what < 4; what++) {
        int rc = what == 0   ? rewrite_view(&job, &got, &err)
                 : what == 1 ? rewrite_routine(&job, &got, &err)
                 : what == 2 ? rewrite_event(&job, &got, &err)
                             : rewrite_trigger(&job, "t`2", &got, &err);

        if ((rc == 0) != (got != NULL))
            abort();
        free(got);
        got = NULL;
    }
}

static void try_grants(const char *text)
{
    struct grants *g = grants_new();
    struct err err = { 0 };

    if (g == NULL)
        return;
    if (grants_add(g, text, &err) == 0 && grants_has(g, "SELECT", "d", "t") &&
        !grants_has(g, "SELECT", "d", "t"))
        abort();
    (void)grants_pattern_match(text, "d_b");
    grants_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const modes[] = { NULL, "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES",
                                         "ANSI_QUOTES,NO_BACKSLASH_ESCAPES" };
    unsigned flags;
    size_t len;
    char *text, *exact;

    if (size < 1 || size > TEXT_MAX)
        return 0;
    flags = data[0];
    len = size - 1;
    text = malloc(size);
    exact = malloc(len > 0 ? len : 1); /* without a NUL behind: ASan sees who reads it */
    if (text != NULL && exact != NULL) {
        memcpy(text, data + 1, len);
        text[len] = '\0';
        memcpy(exact, data + 1, len);
        try_lexer(exact, len, flags);
        try_list(exact, len, modes[flags & 3]);
        try_statement(exact, len, flags);
        try_rewrite(text, modes[flags & 3], flags);
        try_grants(text);
    }
    free(text);
    free(exact);
    return 0;
}
