/*
 * A whole statement's tokens in a list, with their places in the text: for whoever rewrites what
 * SHOW CREATE answers and keeps everything else as it stands. The lexer is token.h's.
 */
#ifndef WORKERS_MYSQL_DDL_TOKENS_H
#define WORKERS_MYSQL_DDL_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "workers/mysql/ddl/token.h"

struct tokens {
    const char *sql; /* borrowed */
    size_t len;
    struct token *list;
    size_t count;
    bool comments; /* the text holds some, which are in no token */
};

/*
 * tokens_read() - splits `sql`
 *
 * @sql_mode  the list ("ANSI_QUOTES,…") under which the text was written; NULL: none
 *
 * The content of every version comment counts as ordinary text: a server shows in them what only
 * newer servers know. An at sign is a token of its own. Errors: ERR_SCHEMA_CONVERT when a string, a
 * name or a comment does not end; ERR_NOMEM.
 */
int tokens_read(const char *sql, size_t len, const char *sql_mode, struct tokens *ret,
                struct err *err);
/* tokens_read_as(): the same under options of one's own: a server's version comments, its mode. */
int tokens_read_as(const char *sql, size_t len, const struct lexer_options *o, struct tokens *ret,
                   struct err *err);
void tokens_done(struct tokens *t);

/* All take an index past the end as "no". Words are compared without regard to case. */
bool tokens_word(const struct tokens *t, size_t i, const char *word);
bool tokens_punct(const struct tokens *t, size_t i, char c);
bool tokens_is(const struct tokens *t, size_t i, enum token_kind kind);
bool tokens_is_name(const struct tokens *t, size_t i);
/* tokens_at(): where token i begins in the text; the text's length for an index past the end. */
size_t tokens_at(const struct tokens *t, size_t i);
/* tokens_name(): the name without its quotes; the caller's, NULL: no name or out of memory. */
char *tokens_name(const struct tokens *t, size_t i);
/* tokens_text(): the token as it stands; the caller's. */
char *tokens_text(const struct tokens *t, size_t i);
/* tokens_close(): index of the parenthesis that closes the one at `i`; t->count: there is none. */
size_t tokens_close(const struct tokens *t, size_t i);
/* tokens_emit(): tokens [from, to) with one blank where there was space. */
void tokens_emit(const struct tokens *t, size_t from, size_t to, struct strbuf *out);
/* tokens_string_bytes(): the value of a string literal, escapes undone, appended to `out`. */
void tokens_string_bytes(const struct tokens *t, size_t i, struct strbuf *out);

#endif
