/*
 * One growing buffer, always NUL-terminated, with a maximum given at birth and an error that
 * sticks: a series of adds is checked once, at strbuf_ok() or strbuf_take().
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct strbuf {
    char *data; /* NULL while empty; use strbuf_str() for a text that is never NULL */
    size_t len;
    size_t cap;
    size_t max;  /* most bytes it may hold, without the NUL */
    bool failed; /* too long or out of memory; sticks */
};

/* STRBUF(max): initialiser of an empty buffer that may grow to `max` bytes. */
#define STRBUF(max_bytes)                                                                          \
    {                                                                                              \
        .max = (max_bytes)                                                                         \
    }

void strbuf_done(struct strbuf *b);  /* frees the content; usable with _cleanup_ */
void strbuf_reset(struct strbuf *b); /* empty, keeps memory and clears `failed` */
void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_adds(struct strbuf *b, const char *text);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_addu(struct strbuf *b, uint64_t v); /* decimal, faster than addf */
void strbuf_addi(struct strbuf *b, int64_t v);
void strbuf_add_hex(struct strbuf *b, const void *data, size_t len); /* upper-case hex digits */
void strbuf_truncate(struct strbuf *b, size_t len);
/* strbuf_reserve(): room for `extra` more bytes at data+len, to be filled by the caller; NULL:
 * failed. */
char *strbuf_reserve(struct strbuf *b, size_t extra);

static inline bool strbuf_ok(const struct strbuf *b)
{
    return !b->failed;
}
static inline const char *strbuf_str(const struct strbuf *b)
{
    return b->data != NULL ? b->data : "";
}
/* strbuf_take(): hands the text over (free() it); the only check a series of adds needs. */
int strbuf_take(struct strbuf *b, char **ret, struct err *err);
/* strbuf_check(): 0, or an ERR_NOMEM error when an add had failed. */
int strbuf_check(const struct strbuf *b, struct err *err);

#endif
