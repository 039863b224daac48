#include "base/utf8.h"

#include "base/banned.h"

/* The second byte tells overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t n = at[0] < 0x80                    ? 1
               : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
               : (at[0] & 0xf0) == 0xe0        ? 3
               : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                               : 0;

    for (size_t i = 1; i < n; i++) {
        if (i >= left || (at[i] & 0xc0) != 0x80)
            return 0;
    }
    return n > 1 && !second_fits(at[0], at[1]) ? 0 : n;
}

bool utf8_valid(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(at + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}
