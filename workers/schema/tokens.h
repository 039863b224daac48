/*
 * SQL text in tokens: enough of MySQL's and MariaDB's lexical structure to rewrite what SHOW CREATE
 * answers without ever touching the inside of a string, a quoted name or a comment.
 * Source: MySQL manual, "Language Structure"; MariaDB knowledge base, "Comment Syntax".
 */
#ifndef WORKERS_SCHEMA_TOKENS_H
#define WORKERS_SCHEMA_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

enum token_kind {
    TK_WORD,   /* keyword, name without quotes, introducer */
    TK_NAME,   /* `quoted name`; "so" too under TOKENS_ANSI_QUOTES */
    TK_STRING, /* 'text' or "text" */
    TK_NUMBER, /* 12, 1.5e3, 0xFF */
    TK_PUNCT   /* one character */
};

struct token {
    enum token_kind kind;
    size_t at, len;    /* in the text */
    bool space_before; /* blanks or a comment stood before it */
};

struct tokens {
    const char *sql; /* borrowed */
    size_t len;
    struct token *list;
    size_t count;
};

enum { TOKENS_ANSI_QUOTES = 1, TOKENS_NO_BACKSLASH = 2 };

/*
 * tokens_read() - splits `sql`
 *
 * Comments are left out. The content of a version comment (the form with an exclamation mark and a
 * number, MariaDB's M! too) counts as ordinary text: a server shows in them what only newer servers
 * know. Errors: ERR_SCHEMA_CONVERT when a string, a name or a comment does not end.
 */
int tokens_read(const char *sql, size_t len, unsigned flags, struct tokens *ret, struct err *err);
void tokens_done(struct tokens *t);

/* tokens_flags(): what a sql_mode list ("ANSI_QUOTES,…") means for reading text written under it.
 */
unsigned tokens_flags(const char *sql_mode);

/* All take an index past the end as "no". Words are compared without regard to case. */
bool token_word(const struct tokens *t, size_t i, const char *word);
bool token_punct(const struct tokens *t, size_t i, char c);
bool token_is_name(const struct tokens *t, size_t i); /* TK_NAME or TK_WORD */
/* token_name(): the name without its quotes; the caller's, NULL: no name or out of memory. */
char *token_name(const struct tokens *t, size_t i);
/* token_text(): the token as it stands; the caller's. */
char *token_text(const struct tokens *t, size_t i);
/* tokens_close(): index of the parenthesis that closes the one at `i`; t->count when there is none.
 */
size_t tokens_close(const struct tokens *t, size_t i);
/* tokens_emit(): tokens [from, to) with one blank where there was space. */
void tokens_emit(const struct tokens *t, size_t from, size_t to, struct strbuf *out);
/* token_string_bytes(): the value of a string literal, escapes undone, appended to `out`. */
void token_string_bytes(const struct tokens *t, size_t i, struct strbuf *out);

#endif
