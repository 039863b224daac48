#include "workers/schema/tokens.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

struct lexer {
    const char *s;
    size_t len, at;
    unsigned flags;
    bool in_version; /* inside a version comment, whose end is to be skipped */
    struct tokens *out;
    size_t cap;
};

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static char peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->len ? l->s[l->at + ahead] : '\0';
}

static int push(struct lexer *l, enum token_kind kind, size_t from, bool space, struct err *err)
{
    struct tokens *t = l->out;

    if (t->count == l->cap) {
        size_t cap = l->cap == 0 ? 256 : l->cap * 2;
        struct token *grown = realloc(t->list, cap * sizeof(*grown));

        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "out of memory for the tokens of a statement");
        t->list = grown;
        l->cap = cap;
    }
    t->list[t->count++] =
        (struct token){ .kind = kind, .at = from, .len = l->at - from, .space_before = space };
    return 0;
}

/* Skips to behind the end of a plain comment. */
static int skip_comment(struct lexer *l, struct err *err)
{
    const char *end;

    if (l->s[l->at] != '/') { /* "#" and "-- ": to the end of the line */
        end = memchr(l->s + l->at, '\n', l->len - l->at);
        l->at = end == NULL ? l->len : (size_t)(end - l->s) + 1;
        return 0;
    }
    end = memmem(l->s + l->at + 2, l->len - l->at - 2, "*/", 2);
    if (end == NULL)
        return err_set(err, ERR_SCHEMA_CONVERT, "a comment does not end in: %.80s", l->s + l->at);
    l->at = (size_t)(end - l->s) + 2;
    return 0;
}

/* Blanks, comments and the frames of version comments; *ret_space: was there anything? */
static int skip_space(struct lexer *l, bool *ret_space, struct err *err)
{
    size_t from = l->at;

    for (;;) {
        char c = peek(l, 0), d = peek(l, 1);

        if (l->at < l->len && isspace((unsigned char)c)) {
            l->at++;
        } else if (c == '/' && d == '*' &&
                   (peek(l, 2) == '!' || (peek(l, 2) == 'M' && peek(l, 3) == '!'))) {
            l->at += peek(l, 2) == '!' ? 3 : 4;
            while (isdigit((unsigned char)peek(l, 0)))
                l->at++;
            l->in_version = true;
        } else if (l->in_version && c == '*' && d == '/') {
            l->at += 2;
            l->in_version = false;
        } else if ((c == '/' && d == '*') || c == '#' ||
                   (c == '-' && d == '-' &&
                    (l->at + 2 >= l->len || isspace((unsigned char)peek(l, 2))))) {
            if (skip_comment(l, err) < 0)
                return -1;
        } else {
            break;
        }
    }
    *ret_space = l->at > from;
    return 0;
}

/* From an opening quote to behind its end. */
static int skip_quoted(struct lexer *l, bool backslash, struct err *err)
{
    char quote = l->s[l->at];
    size_t from = l->at++;

    while (l->at < l->len) {
        char c = l->s[l->at++];

        if (c == '\\' && backslash && l->at < l->len) {
            l->at++;
        } else if (c == quote) {
            if (peek(l, 0) != quote)
                return 0;
            l->at++;
        }
    }
    return err_set(err, ERR_SCHEMA_CONVERT, "a quoted text does not end in: %.80s", l->s + from);
}

static void skip_number(struct lexer *l)
{
    while (word_char(peek(l, 0)) || peek(l, 0) == '.' ||
           ((peek(l, 0) == '-' || peek(l, 0) == '+') &&
            (l->s[l->at - 1] == 'e' || l->s[l->at - 1] == 'E') &&
            isdigit((unsigned char)peek(l, 1))))
        l->at++;
}

static int next_token(struct lexer *l, bool space, struct err *err)
{
    size_t from = l->at;
    char c = l->s[l->at];
    bool ansi = (l->flags & TOKENS_ANSI_QUOTES) != 0;

    if (c == '`' || (c == '"' && ansi)) {
        if (skip_quoted(l, false, err) < 0)
            return -1;
        return push(l, TK_NAME, from, space, err);
    }
    if (c == '\'' || c == '"') {
        if (skip_quoted(l, (l->flags & TOKENS_NO_BACKSLASH) == 0, err) < 0)
            return -1;
        return push(l, TK_STRING, from, space, err);
    }
    if (isdigit((unsigned char)c)) {
        skip_number(l);
        return push(l, TK_NUMBER, from, space, err);
    }
    if (word_char(c)) {
        while (word_char(peek(l, 0)))
            l->at++;
        return push(l, TK_WORD, from, space, err);
    }
    l->at++;
    return push(l, TK_PUNCT, from, space, err);
}

int tokens_read(const char *sql, size_t len, unsigned flags, struct tokens *ret, struct err *err)
{
    struct tokens t = { .sql = sql, .len = len };
    struct lexer l = { .s = sql, .len = len, .flags = flags, .out = &t };
    bool space;

    for (;;) {
        if (skip_space(&l, &space, err) < 0)
            break;
        if (l.at >= l.len) {
            *ret = t;
            return 0;
        }
        if (next_token(&l, space, err) < 0)
            break;
    }
    tokens_done(&t);
    return -1;
}

void tokens_done(struct tokens *t)
{
    free(t->list);
    *t = (struct tokens){ 0 };
}

unsigned tokens_flags(const char *sql_mode)
{
    unsigned flags = 0;

    if (sql_mode == NULL)
        return 0;
    if (strstr(sql_mode, "ANSI_QUOTES") != NULL)
        flags |= TOKENS_ANSI_QUOTES;
    if (strstr(sql_mode, "NO_BACKSLASH_ESCAPES") != NULL)
        flags |= TOKENS_NO_BACKSLASH;
    return flags;
}

bool token_word(const struct tokens *t, size_t i, const char *word)
{
    return i < t->count && t->list[i].kind == TK_WORD && strlen(word) == t->list[i].len &&
           strncasecmp(t->sql + t->list[i].at, word, t->list[i].len) == 0;
}

bool token_punct(const struct tokens *t, size_t i, char c)
{
    return i < t->count && t->list[i].kind == TK_PUNCT && t->sql[t->list[i].at] == c;
}

bool token_is_name(const struct tokens *t, size_t i)
{
    return i < t->count && (t->list[i].kind == TK_NAME || t->list[i].kind == TK_WORD);
}

char *token_text(const struct tokens *t, size_t i)
{
    return i < t->count ? strndup(t->sql + t->list[i].at, t->list[i].len) : NULL;
}

char *token_name(const struct tokens *t, size_t i)
{
    const char *s;
    char *name, quote;
    size_t n = 0;

    if (!token_is_name(t, i))
        return NULL;
    if (t->list[i].kind == TK_WORD)
        return token_text(t, i);
    s = t->sql + t->list[i].at;
    quote = s[0];
    name = malloc(t->list[i].len);
    if (name == NULL)
        return NULL;
    for (size_t k = 1; k + 1 < t->list[i].len; k++) {
        name[n++] = s[k];
        if (s[k] == quote)
            k++; /* doubled */
    }
    name[n] = '\0';
    return name;
}

size_t tokens_close(const struct tokens *t, size_t i)
{
    size_t depth = 0;

    for (; i < t->count; i++) {
        if (token_punct(t, i, '('))
            depth++;
        else if (token_punct(t, i, ')') && --depth == 0)
            return i;
    }
    return t->count;
}

void tokens_emit(const struct tokens *t, size_t from, size_t to, struct strbuf *out)
{
    for (size_t i = from; i < to && i < t->count; i++) {
        if (i > from && t->list[i].space_before)
            strbuf_addc(out, ' ');
        strbuf_add(out, t->sql + t->list[i].at, t->list[i].len);
    }
}

static char unescaped(char c)
{
    static const char from[] = "0nrtbZ", to[] = "\0\n\r\t\b\x1a";
    const char *at = c == '\0' ? NULL : strchr(from, c);

    return at == NULL ? c : to[at - from];
}

void token_string_bytes(const struct tokens *t, size_t i, struct strbuf *out)
{
    const char *s = t->sql + t->list[i].at;
    size_t end = t->list[i].len - 1;

    for (size_t k = 1; k < end; k++) {
        if (s[k] == '\\' && k + 1 < end)
            strbuf_addc(out, unescaped(s[++k]));
        else {
            strbuf_addc(out, s[k]);
            if (s[k] == s[0])
                k++; /* doubled quote */
        }
    }
}
