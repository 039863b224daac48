/*
 * Tokens of SQL text of the MySQL family: comments left out, version comments looked into, quotes
 * by the sql_mode the statement ran under. Borrows the text; allocates nothing. tokens.h keeps them
 * in a list, for whoever rewrites a statement.
 * Source: MySQL manual, "Language Structure" (literal values, object names, comments) and
 * sql/sql_lex.cc for where a number ends; MariaDB knowledge base, "Comment Syntax".
 */
#ifndef WORKERS_MYSQL_DDL_TOKEN_H
#define WORKERS_MYSQL_DDL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum token_kind {
    TOK_END,
    TOK_WORD,     /* keyword, name without quotes, introducer (_utf8mb4, x of x'00') */
    TOK_NAME,     /* `name`, or "name" under ANSI_QUOTES */
    TOK_STRING,   /* '…' or "…" */
    TOK_NUMBER,   /* 12, .5, 1.5e-3, 0xFF */
    TOK_VARIABLE, /* @user or @@system, with its name; only when asked for */
    TOK_PUNCT,    /* one character */
    TOK_BAD,      /* a quote or a comment that does not end, to the end of the text */
};

struct token {
    enum token_kind kind;
    bool space_before; /* blanks or a comment stood before it */
    const char *text;  /* as written, quotes included; borrowed */
    size_t len;
};

struct lexer_options {
    bool ansi_quotes;          /* sql_mode ANSI_QUOTES: "…" is a name */
    bool no_backslash_escapes; /* sql_mode NO_BACKSLASH_ESCAPES */
    bool variables;            /* @name is one TOK_VARIABLE; else the at sign stands alone */
    bool mariadb;              /* version comments for MariaDB count, MySQL 5.7's don't */
    unsigned version; /* of the server that ran it (50624); 0: every version comment counts */
};

struct lexer {
    const char *p, *end;
    struct lexer_options o;
    unsigned inside;  /* version comments open around us */
    bool after_name;  /* the token before was a name: a point that follows at once divides names */
    bool after_point; /* … was such a point: digits that follow are a name */
    bool comments;    /* there were any so far */
};

void lexer_init(struct lexer *l, const char *sql, size_t len, const struct lexer_options *o);
void lexer_next(struct lexer *l, struct token *ret);

/* token_is(): an unquoted word, ignoring case. */
bool token_is(const struct token *t, const char *word);
bool token_is_punct(const struct token *t, char c);
bool token_is_name(const struct token *t); /* TOK_WORD or TOK_NAME */
/* token_unquote(): the name that a TOK_WORD, TOK_NAME or TOK_STRING stands for, without its quotes.
 */
void token_unquote(const struct token *t, struct strbuf *b);

#endif
