/* UTF-8 (RFC 3629), for texts that come from outside and go into documents. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* utf8_length(): bytes of the character that begins at `at`, of which `left` are there; 0: none. */
size_t utf8_length(const unsigned char *at, size_t left);
/* utf8_valid(): all of it is UTF-8; a NUL counts as a character. */
bool utf8_valid(const char *text, size_t len);

#endif
