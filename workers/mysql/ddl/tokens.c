#include "workers/mysql/ddl/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static int push(struct tokens *t, size_t *cap, const struct token *token, struct err *err)
{
    if (t->count == *cap) {
        size_t more = *cap == 0 ? 256 : *cap * 2;
        struct token *grown = reallocarray(t->list, more, sizeof(*grown));

        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "out of memory for the tokens of a statement");
        t->list = grown;
        *cap = more;
    }
    t->list[t->count++] = *token;
    return 0;
}

static bool names_mode(const char *sql_mode, const char *word)
{
    return sql_mode != NULL && strstr(sql_mode, word) != NULL;
}

int tokens_read(const char *sql, size_t len, const char *sql_mode, struct tokens *ret,
                struct err *err)
{
    struct lexer_options o = {
        .ansi_quotes = names_mode(sql_mode, "ANSI_QUOTES"),
        .no_backslash_escapes = names_mode(sql_mode, "NO_BACKSLASH_ESCAPES"),
        .mariadb = true, /* its own version comments count too */
    };

    return tokens_read_as(sql, len, &o, ret, err);
}

int tokens_read_as(const char *sql, size_t len, const struct lexer_options *o, struct tokens *ret,
                   struct err *err)
{
    struct tokens t = { .sql = sql, .len = len };
    struct lexer l;
    struct token token;
    size_t cap = 0;
    int rc = 0;

    lexer_init(&l, sql, len, o);
    for (lexer_next(&l, &token); token.kind != TOK_END && rc == 0; lexer_next(&l, &token)) {
        if (token.kind == TOK_BAD)
            rc = err_set(err, ERR_SCHEMA_CONVERT,
                         "a quoted text or a comment does not end, from byte %zu of %zu",
                         (size_t)(token.text - sql), len);
        else
            rc = push(&t, &cap, &token, err);
    }
    if (rc < 0) {
        tokens_done(&t);
        return -1;
    }
    t.comments = l.comments;
    *ret = t;
    return 0;
}

void tokens_done(struct tokens *t)
{
    free(t->list);
    *t = (struct tokens){ 0 };
}

bool tokens_word(const struct tokens *t, size_t i, const char *word)
{
    return i < t->count && token_is(&t->list[i], word);
}

bool tokens_punct(const struct tokens *t, size_t i, char c)
{
    return i < t->count && token_is_punct(&t->list[i], c);
}

bool tokens_is(const struct tokens *t, size_t i, enum token_kind kind)
{
    return i < t->count && t->list[i].kind == kind;
}

bool tokens_is_name(const struct tokens *t, size_t i)
{
    return i < t->count && token_is_name(&t->list[i]);
}

size_t tokens_at(const struct tokens *t, size_t i)
{
    return i < t->count ? (size_t)(t->list[i].text - t->sql) : t->len;
}

char *tokens_text(const struct tokens *t, size_t i)
{
    return i < t->count ? strndup(t->list[i].text, t->list[i].len) : NULL;
}

char *tokens_name(const struct tokens *t, size_t i)
{
    struct strbuf b = STRBUF(t->len + 1);
    char *name = NULL;

    if (!tokens_is_name(t, i))
        return NULL;
    token_unquote(&t->list[i], &b);
    if (strbuf_ok(&b))
        name = strdup(strbuf_str(&b));
    strbuf_done(&b);
    return name;
}

size_t tokens_close(const struct tokens *t, size_t i)
{
    size_t depth = 0;

    for (; i < t->count; i++) {
        if (tokens_punct(t, i, '('))
            depth++;
        else if (tokens_punct(t, i, ')') && --depth == 0)
            return i;
    }
    return t->count;
}

void tokens_emit(const struct tokens *t, size_t from, size_t to, struct strbuf *out)
{
    for (size_t i = from; i < to && i < t->count; i++) {
        if (i > from && t->list[i].space_before)
            strbuf_addc(out, ' ');
        strbuf_add(out, t->list[i].text, t->list[i].len);
    }
}

static char unescaped(char c)
{
    static const char from[] = "0nrtbZ", to[] = "\0\n\r\t\b\x1a";
    const char *at = c == '\0' ? NULL : strchr(from, c);

    return at == NULL ? c : to[at - from];
}

void tokens_string_bytes(const struct tokens *t, size_t i, struct strbuf *out)
{
    const char *s;
    size_t end;

    if (!tokens_is(t, i, TOK_STRING))
        return;
    s = t->list[i].text;
    end = t->list[i].len - 1;
    for (size_t k = 1; k < end; k++) {
        if (s[k] == '\\' && k + 1 < end) {
            k++;
            if (s[k] == '%' || s[k] == '_') /* for LIKE: these keep it */
                strbuf_addc(out, '\\');
            strbuf_addc(out, unescaped(s[k]));
        } else {
            strbuf_addc(out, s[k]);
            if (s[k] == s[0])
                k++; /* doubled quote */
        }
    }
}
