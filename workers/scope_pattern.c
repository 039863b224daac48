/* Names and patterns: letters, their lower case, and oms-api.md 3.15. */
#include <string.h>

#include "workers/scope_priv.h"

#include "base/banned.h"

/* ---- letters ---- */

/* One character of UTF-8; a byte that begins none counts as a character above all real ones. */
unsigned scope_next_char(const char **at)
{
    const unsigned char *p = (const unsigned char *)*at;
    unsigned c = p[0];
    size_t more = c < 0xc2 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 0;
    unsigned v = more == 1 ? c & 0x1f : more == 2 ? c & 0x0f : c & 0x07;

    if (c < 0x80) {
        *at += 1;
        return c;
    }
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            more = 0;
            break;
        }
        v = v << 6 | (p[i] & 0x3f);
    }
    *at += 1 + more;
    return more > 0 ? v : 0x110000 + c;
}

/*
 * Lower case of the alphabets whose cases lie at fixed distances: what the servers fold in names
 * under lower_case_table_names and people really use. The rest is compared as it is.
 */
unsigned scope_fold_char(unsigned c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    return c;
}

/* The other way round: scope_fold_char() takes what comes out back to where it was. */
unsigned scope_upper_char(unsigned c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    if ((c >= 0xe0 && c <= 0xfe && c != 0xf7) || (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) ||
        (c >= 0x430 && c <= 0x44f))
        return c - 32;
    if (c >= 0x450 && c <= 0x45f)
        return c - 80;
    if ((c & 1) == 1 && c > 0x100 && scope_fold_char(c - 1) == c)
        return c - 1;
    if ((c & 1) == 0 && c > 0x139 && scope_fold_char(c - 1) == c)
        return c - 1;
    return c;
}

/* One character as UTF-8; how many bytes. What scope_next_char() made of a stray byte is one. */
static size_t put_char(unsigned c, char to[static 4])
{
    size_t n = c < 0x80 || c >= 0x110000 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1) {
        to[0] = (char)(c >= 0x110000 ? c - 0x110000 : c);
        return 1;
    }
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(c | (n == 2 ? 0xc0U : n == 3 ? 0xe0U : 0xf0U));
    return n;
}

const char *scope_cased(enum scope_case how, const char *name, char buf[static SCOPE_NAME_MAX])
{
    const char *at = name;
    size_t n = 0;

    if (how == SCOPE_CASE_SOURCE)
        return name;
    while (*at != '\0') {
        unsigned c = scope_next_char(&at);

        if (n + 5 > SCOPE_NAME_MAX)
            return name; /* no server has such a name */
        n += put_char(how == SCOPE_CASE_LOWER ? scope_fold_char(c) : scope_upper_char(c), buf + n);
    }
    buf[n] = '\0';
    return buf;
}

bool scope_names_equal(const char *a, const char *b, bool fold)
{
    if (!fold)
        return strcmp(a, b) == 0;
    while (*a != '\0' && *b != '\0')
        if (scope_fold_char(scope_next_char(&a)) != scope_fold_char(scope_next_char(&b)))
            return false;
    return *a == *b;
}

/* ---- patterns ---- */

static bool in_range(unsigned c, unsigned low, unsigned high, bool fold)
{
    if (c >= low && c <= high)
        return true;
    return fold && scope_fold_char(c) >= scope_fold_char(low) &&
           scope_fold_char(c) <= scope_fold_char(high);
}

/*
 * One character against the set at *at, just behind its `[`; *at moves behind the `]`.
 * -1 when the set has no end. A `]` right at the start, and a `-` at either end, are themselves.
 */
static int match_set(const char **at, unsigned c, bool fold)
{
    const char *p = *at;
    bool negated = *p == '!', hit = false, first = true;

    if (negated)
        p++;
    for (; *p != '\0'; first = false) {
        unsigned low, high;

        if (*p == ']' && !first) {
            *at = p + 1;
            return hit != negated;
        }
        low = high = scope_next_char(&p);
        if (*p == '-' && p[1] != ']' && p[1] != '\0') {
            p++;
            high = scope_next_char(&p);
        }
        hit = hit || in_range(c, low, high, fold);
    }
    return -1;
}

/* One pattern element that stands for exactly one character. Both move on. */
static bool match_one(const char **pattern, const char **text, bool fold)
{
    const char *set;
    unsigned c = scope_next_char(text), want;
    int hit;

    if (**pattern == '[') {
        set = *pattern + 1;
        hit = match_set(&set, c, fold);
        if (hit >= 0) {
            *pattern = set;
            return hit > 0;
        }
    }
    want = scope_next_char(pattern);
    return want == '?' || want == c || (fold && scope_fold_char(want) == scope_fold_char(c));
}

bool pattern_match(const char *pattern, const char *text, bool fold_case)
{
    const char *star = NULL, *retry = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
            continue;
        }
        if (*pattern != '\0' && match_one(&pattern, &text, fold_case))
            continue;
        if (star == NULL)
            return false;
        /* The last star takes one character more; earlier ones never need to be tried again. */
        (void)scope_next_char(&retry);
        text = retry;
        pattern = star;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
