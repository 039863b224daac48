#include "base/num.h"

#include "base/banned.h"

bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s == NULL || *s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return false;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}

bool num_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = s != NULL && *s == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t u;
    int64_t v;

    if (!num_parse_u64(negative ? s + 1 : s, limit, &u))
        return false;
    v = negative ? (int64_t)(0 - u) : (int64_t)u;
    if (v < min || v > max)
        return false;
    *ret = v;
    return true;
}

uint64_t cursor_lenenc(struct cursor *c)
{
    uint64_t first = cursor_le(c, 1);

    switch (first) {
    case 0xfc:
        return cursor_le(c, 2);
    case 0xfd:
        return cursor_le(c, 3);
    case 0xfe:
        return cursor_le(c, 8);
    case 0xfb:
    case 0xff: /* NULL and error markers: never a length here */
        c->bad = true;
        return 0;
    default:
        return first;
    }
}
