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

/* True when something was skipped; *ret_bad when it had no end. */
static bool skip_one_blank(struct lexer *l, bool *ret_bad)
{
    if (isspace((unsigned char)*l->p) || *l->p == '\0') {
        l->p++;
    } else if (*l->p == '#') {
        skip_line(l);
    } else if (at(l, 0, '-') && at(l, 1, '-') &&
               (l->end - l->p == 2 || (unsigned char)l->p[2] <= ' ')) {
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
    return true;
}

/* From the opening quote to behind the closing one; false when there is none. */
static bool quoted(struct lexer *l, bool backslash)
{
    char quote = *l->p++;

    while (l->p < l->end) {
        if (*l->p == '\\' && backslash && l->p + 1 < l->end) {
            l->p += 2;
        } else if (*l->p != quote) {
            l->p++;
        } else if (at(l, 1, quote)) {
            l->p += 2;
        } else {
            l->p++;
            return true;
        }
    }
    return false;
}

static enum token_kind quoted_token(struct lexer *l)
{
    bool is_name = *l->p == '`' || (*l->p == '"' && l->o.ansi_quotes);

    if (!quoted(l, !is_name && !l->o.no_backslash_escapes))
        return TOK_BAD;
    return is_name ? TOK_NAME : TOK_STRING;
}

static enum token_kind variable(struct lexer *l)
{
    while (at(l, 0, '@'))
        l->p++;
    if (l->p < l->end && strchr("`'\"", *l->p) != NULL)
        return quoted(l, *l->p != '`' && !l->o.no_backslash_escapes) ? TOK_VARIABLE : TOK_BAD;
    while (l->p < l->end && (is_word_char(*l->p) || *l->p == '.'))
        l->p++;
    return TOK_VARIABLE;
}

/* Names may begin with digits: only digits all through make a number. */
static enum token_kind word(struct lexer *l)
{
    bool digits = true;

    while (l->p < l->end && is_word_char(*l->p))
        digits = isdigit((unsigned char)*l->p++) && digits;
    return digits ? TOK_NUMBER : TOK_WORD;
}

void lexer_next(struct lexer *l, struct token *ret)
{
    bool bad = false;

    while (l->p < l->end && !bad && skip_one_blank(l, &bad))
        continue;
    *ret = (struct token){ TOK_END, l->p, 0 };
    if (bad) {
        ret->kind = TOK_BAD;
    } else if (l->p == l->end) {
        ret->kind = l->inside > 0 ? TOK_BAD : TOK_END;
    } else if (strchr("`'\"", *l->p) != NULL) {
        ret->kind = quoted_token(l);
    } else if (*l->p == '@') {
        ret->kind = variable(l);
    } else if (is_word_char(*l->p)) {
        ret->kind = word(l);
    } else {
        l->p++;
        ret->kind = TOK_PUNCT;
    }
    ret->len = (size_t)(l->p - ret->text);
}

bool token_is(const struct token *t, const char *w)
{
    return t->kind == TOK_WORD && t->len == strlen(w) && strncasecmp(t->text, w, t->len) == 0;
}

bool token_is_punct(const struct token *t, char c)
{
    return t->kind == TOK_PUNCT && *t->text == c;
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
