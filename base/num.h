/* Numbers in text: the whole string or nothing. Little-endian integers over a bounded cursor. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* true and *ret set when all of `s` is a decimal integer within [min, max]. */
bool num_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret);

/* num_hex_digit(): 0 to 15; -1: it is none. */
static inline int num_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * A cursor over bytes from outside: reads past the end give zeros and set `bad`, which sticks, so
 * that a series of reads is checked once.
 */
struct cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
    return (struct cursor){ (const uint8_t *)data, (const uint8_t *)data + len, false };
}
static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}
/* cursor_bytes(): `n` bytes, borrowed; NULL and `bad` when there are fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
    const uint8_t *at = c->p;

    if (c->bad || cursor_left(c) < n) {
        c->bad = true;
        return NULL;
    }
    c->p += n;
    return at;
}
/* cursor_le(): little-endian unsigned integer of 1 to 8 bytes. */
static inline uint64_t cursor_le(struct cursor *c, size_t n)
{
    const uint8_t *at = cursor_bytes(c, n);
    uint64_t v = 0;

    for (size_t i = n; at != NULL && i > 0; i--)
        v = v << 8 | at[i - 1];
    return v;
}
/* cursor_be(): big-endian unsigned integer of 1 to 8 bytes. */
static inline uint64_t cursor_be(struct cursor *c, size_t n)
{
    const uint8_t *at = cursor_bytes(c, n);
    uint64_t v = 0;

    for (size_t i = 0; at != NULL && i < n; i++)
        v = v << 8 | at[i];
    return v;
}
/* cursor_lenenc(): MySQL's length-encoded integer (MySQL internals,
 * "Protocol::LengthEncodedInteger"). */
uint64_t cursor_lenenc(struct cursor *c);

#endif
