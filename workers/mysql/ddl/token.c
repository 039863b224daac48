#include "workers/mysql/ddl/token.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

#include "base/banned.h"

void lexer_init(struct lexer *l, const char *sql, size_t len, const struct lexer_options *o)
{
    *l = (struct lexer){ .p = sql, .end = sql + len, .o = *o };
}

static bool at(const struct lexer *l, size_t ahead, char c)
{
    return (size_t)(l->end - l->p) > ahead && l->p[ahead] == c;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void skip_line(struct lexer *l)
{
    while (l->p < l->end && *l->p != '\n')
        l->p++;
}

/* Behind the next end-of-comment; false when there is none. */
static bool skip_block(struct lexer *l)
{
    l->p += 2;
    while (l->p < l->end) {
        if (at(l, 0, '*') && at(l, 1, '/')) {
            l->p += 2;
            return true;
        }
        l->p++;
    }
    return false;
}

/* A version comment that this server did not execute may hold comments and quotes of its own. */
static bool skip_version_block(struct lexer *l)
{
    while (l->p < l->end) {
        if (at(l, 0, '*') && at(l, 1, '/')) {
            l->p += 2;
            return true;
        }
        if (at(l, 0, '/') && at(l, 1, '*')) {
            if (!skip_block(l))
                return false;
        } else {
            l->p++;
        }
    }
    return false;
}

/* MariaDB leaves out what is marked for MySQL 5.7 to 9.x, whose syntax is another (its manual,
 * "Comment Syntax"). */
static bool version_counts(const struct lexer *l, unsigned version, bool for_mariadb)
{
    if (for_mariadb && !l->o.mariadb)
        return false;
    if (l->o.version == 0 || version == 0)
        return true;
    if (l->o.mariadb && !for_mariadb && version >= 50700 && version <= 99999)
        return false;
    return version <= l->o.version;
}

/* At the start of a version comment: opens it, or skips it whole. */
static bool version_comment(struct lexer *l)
{
    bool for_mariadb = at(l, 2, 'M');
    unsigned version = 0;
    int digits = 0;

    l->p += for_mariadb ? 4 : 3;
    while (digits < 6 && l->p < l->end && isdigit((unsigned char)*l->p)) {
        version = version * 10 + (unsigned)(*l->p++ - '0');
        digits++;
    }
    if (digits < 5)
        l->p -= digits, version = 0;
    if (!version_counts(l, version, for_mariadb))
        return skip_version_block(l);
    l->inside++;
    return true;
}

/* Two hyphens begin a comment only in front of a blank, a control character or the end. */
static bool at_line_comment(const struct lexer *l)
{
    return at(l, 0, '#') || (at(l, 0, '-') && at(l, 1, '-') &&
                             (l->end - l->p == 2 || (unsigned char)l->p[2] <= ' '));
}

/* True when a comment, or one end of a version comment, was skipped; *ret_bad: it had no end. */
static bool skip_comment(struct lexer *l, bool *ret_bad)
{
    if (at_line_comment(l)) {
        skip_line(l);
    } else if (at(l, 0, '/') && at(l, 1, '*') &&
               (at(l, 2, '!') || (at(l, 2, 'M') && at(l, 3, '!')))) {
        *ret_bad = !version_comment(l);
    } else if (at(l, 0, '/') && at(l, 1, '*')) {
        *ret_bad = !skip_block(l);
    } else if (l->inside > 0 && at(l, 0, '*') && at(l, 1, '/')) {
        l->inside--;
        l->p += 2;
    } else {
        return false;
    }
    l->comments = true;
    return true;
}

/* Blanks and comments; false when a comment has no end: the text ends in it. */
static bool skip_space(struct lexer *l)
{
    while (l->p < l->end) {
        const char *from = l->p;
        bool bad = false;

        if (isspace((unsigned char)*l->p) || *l->p == '\0') {
            l->p++;
        } else if (!skip_comment(l, &bad)) {
            break;
        } else if (bad) {
            l->p = from;
            return false;
        }
    }
    return true;
}

/* From the opening quote to behind the closing one; false when there is none. */
static bool quoted(struct lexer *l, bool backslash)
{
    char quote = *l->p++;

    while (l->p < l->end) {
        bool pair = (*l->p == '\\' && backslash && l->p + 1 < l->end) ||
                    (*l->p == quote && at(l, 1, quote)); /* escaped, or doubled */

        if (*l->p == quote && !pair) {
            l->p++;
            return true;
        }
        l->p += pair ? 2 : 1;
    }
    return false;
}

static bool quotes_name(const struct lexer *l)
{
    return *l->p == '`' || (*l->p == '"' && l->o.ansi_quotes);
}

static enum token_kind quoted_token(struct lexer *l)
{
    bool is_name = quotes_name(l);

    if (!quoted(l, !is_name && !l->o.no_backslash_escapes))
        return TOK_BAD;
    return is_name ? TOK_NAME : TOK_STRING;
}

static bool at_quote(const struct lexer *l)
{
    return at(l, 0, '`') || at(l, 0, '\'') || at(l, 0, '"');
}

static enum token_kind variable(struct lexer *l)
{
    while (at(l, 0, '@'))
        l->p++;
    if (at_quote(l))
        return quoted_token(l) == TOK_BAD ? TOK_BAD : TOK_VARIABLE;
    while (l->p < l->end && (is_word_char(*l->p) || *l->p == '.'))
        l->p++;
    return TOK_VARIABLE;
}

static bool digit_at(const struct lexer *l, size_t ahead)
{
    return (size_t)(l->end - l->p) > ahead && isdigit((unsigned char)l->p[ahead]);
}

static void skip_digits(struct lexer *l)
{
    while (digit_at(l, 0))
        l->p++;
}

static bool skip_exponent(struct lexer *l)
{
    size_t sign = at(l, 1, '-') || at(l, 1, '+') ? 1 : 0;

    if (!(at(l, 0, 'e') || at(l, 0, 'E')) || !digit_at(l, 1 + sign))
        return false;
    l->p += 1 + sign;
    skip_digits(l);
    return true;
}

/* 0xFF and 0b01, written so, are numbers. */
static bool is_prefixed_number(const char *s, size_t len)
{
    if (len < 3 || s[0] != '0' || (s[1] != 'x' && s[1] != 'b'))
        return false;
    for (size_t i = 2; i < len; i++) {
        if (s[1] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != '0' && s[i] != '1')
            return false;
    }
    return true;
}

/* Names may begin with digits; behind a point that divides names they may be nothing else. */
static enum token_kind word(struct lexer *l)
{
    const char *from = l->p;

    if (!l->after_point) {
        skip_digits(l);
        if (l->p > from && at(l, 0, '.')) {
            l->p++;
            skip_digits(l);
            (void)skip_exponent(l);
            return TOK_NUMBER;
        }
        if (l->p > from && (skip_exponent(l) || l->p == l->end || !is_word_char(*l->p)))
            return TOK_NUMBER;
    }
    while (l->p < l->end && is_word_char(*l->p))
        l->p++;
    return is_prefixed_number(from, (size_t)(l->p - from)) && !l->after_point ? TOK_NUMBER
                                                                              : TOK_WORD;
}

/* A point that is not between names may begin a number: .5 */
static enum token_kind punct(struct lexer *l, bool divides)
{
    char c = *l->p++;

    if (c != '.' || divides || !digit_at(l, 0))
        return TOK_PUNCT;
    skip_digits(l);
    (void)skip_exponent(l);
    return TOK_NUMBER;
}

static enum token_kind token_here(struct lexer *l, bool divides)
{
    if (at_quote(l))
        return quoted_token(l);
    if (*l->p == '@' && l->o.variables)
        return variable(l);
    return is_word_char(*l->p) ? word(l) : punct(l, divides);
}

void lexer_next(struct lexer *l, struct token *ret)
{
    const char *before = l->p;
    bool ok = skip_space(l), divides;

    *ret = (struct token){ .text = l->p, .space_before = l->p > before };
    if (ret->space_before)
        l->after_point = false;
    divides = l->after_name && !ret->space_before;
    if (!ok || (l->p == l->end && l->inside > 0))
        ret->kind = TOK_BAD;
    else
        ret->kind = l->p == l->end ? TOK_END : token_here(l, divides);
    if (ret->kind == TOK_BAD)
        l->p = l->end;
    ret->len = (size_t)(l->p - ret->text);
    l->after_name = token_is_name(ret);
    l->after_point = divides && token_is_punct(ret, '.');
}

bool token_is(const struct token *t, const char *w)
{
    return t->kind == TOK_WORD && t->len == strlen(w) && strncasecmp(t->text, w, t->len) == 0;
}

bool token_is_punct(const struct token *t, char c)
{
    return t->kind == TOK_PUNCT && *t->text == c;
}

bool token_is_name(const struct token *t)
{
    return t->kind == TOK_WORD || t->kind == TOK_NAME;
}

void token_unquote(const struct token *t, struct strbuf *b)
{
    char quote;

    if (t->kind == TOK_WORD || t->kind == TOK_NUMBER || t->len < 2) {
        strbuf_add(b, t->text, t->len);
        return;
    }
    quote = *t->text;
    for (size_t i = 1; i + 1 < t->len; i++) {
        strbuf_addc(b, t->text[i]);
        if (t->text[i] == quote)
            i++; /* the doubled one */
    }
}
