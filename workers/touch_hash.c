/* How the rows of the touch map are known: the same from a row event and from a result. */
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "workers/touch.h"

#include "base/banned.h"

enum { FOLD_CHUNK = 256 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Of one text, over any number of chunks: blanks at its end do not count, so they wait. */
struct folding {
    uint64_t hash;
    size_t blanks;
    char chunk[FOLD_CHUNK];
    size_t len;
};

static void fold_put(struct folding *f, char c)
{
    if (f->len == sizeof(f->chunk)) {
        f->hash = hash_bytes(f->chunk, f->len, f->hash);
        f->len = 0;
    }
    f->chunk[f->len++] = c;
}

uint64_t touch_hash_text(uint64_t h, const char *s, size_t len)
{
    struct folding f = { .hash = h };

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] >= 0x80)
            continue;
        if (s[i] == ' ') {
            f.blanks++;
            continue;
        }
        for (; f.blanks > 0; f.blanks--)
            fold_put(&f, ' ');
        fold_put(&f, lower(s[i]));
    }
    return hash_bytes(f.chunk, f.len, f.hash);
}

uint64_t touch_hash_table(const char *db, const char *name)
{
    /* Two texts: "a.bc" and "ab.c" are two tables. A server that folds names may be asked for one
     * as it was written. */
    return touch_hash_text(touch_hash_text(0, db, strlen(db)) + 1, name, strlen(name));
}

uint64_t touch_hash_u64(uint64_t h, uint64_t v)
{
    /* Murmur3's finalizer (Appleby, public domain) */
    h = (h ^ v) + 0x9e3779b97f4a7c15U;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53U;
    return h ^ (h >> 33);
}

uint64_t touch_hash_i64(uint64_t h, int64_t v)
{
    return touch_hash_u64(h, (uint64_t)v);
}

uint64_t touch_hash_bytes(uint64_t h, const char *s, size_t len)
{
    while (len > 0 && s[len - 1] == '\0')
        len--;
    return hash_bytes(s, len, h);
}

/*
 * Character sets in which a byte below 0x80 is always that ASCII character, never a part of another
 * one (MySQL manual, "Supported Character Sets and Collations"). Not big5, gbk, gb18030, sjis,
 * cp932, whose second bytes may look like letters: their texts are other ones once they are UTF-8.
 */
static bool ascii_stays(const char *charset)
{
    /* clang-format off */
    static const char *const names[] = {
        "utf8mb4", "utf8mb3", "utf8", "latin1", "latin2", "latin5", "latin7", "ascii", "greek",
        "hebrew", "koi8r", "koi8u", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852",
        "cp866", "gb2312", "euckr", "ujis", "eucjpms", "tis620", "macroman", "macce", "keybcs2",
        "geostd8",
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(charset, names[i]) == 0)
            return true;
    return false;
}

enum touch_as touch_column(const struct column *c)
{
    switch (c->kind) {
    case CK_INT:
        return TOUCH_INT;
    case CK_CHAR:
    case CK_VARCHAR:
    case CK_TEXT:
        if (c->charset == NULL || strcasecmp(c->charset, "binary") == 0)
            return TOUCH_BYTES;
        return ascii_stays(c->charset) ? TOUCH_TEXT : TOUCH_NOT;
    case CK_BINARY:
    case CK_VARBINARY:
    case CK_BLOB:
        return TOUCH_BYTES;
    case CK_DECIMAL:
    case CK_FLOAT:
    case CK_DOUBLE:
    case CK_BIT:
    case CK_ENUM:
    case CK_SET:
    case CK_DATE:
    case CK_TIME:
    case CK_DATETIME:
    case CK_TIMESTAMP:
    case CK_YEAR:
    case CK_JSON:
    case CK_GEOMETRY:
    case CK_VECTOR:
    case CK_UUID:
    case CK_INET4:
    case CK_INET6:
    case CK_UNKNOWN:
        return TOUCH_NOT;
    }
    return TOUCH_NOT;
}

/* "-5", "00042" (ZEROFILL), up to 2^64-1; "42.00", where the other end has a DECIMAL. */
static uint64_t hash_number_text(uint64_t h, const char *s, size_t len)
{
    bool minus = len > 0 && *s == '-';
    uint64_t v = 0;

    for (size_t i = minus; i < len && s[i] != '.'; i++)
        if (s[i] >= '0' && s[i] <= '9')
            v = v * 10 + (uint64_t)(s[i] - '0');
    return touch_hash_u64(h, minus ? 0 - v : v);
}

uint64_t touch_hash_value(uint64_t h, const struct column *c, const char *text, size_t len)
{
    switch (touch_column(c)) {
    case TOUCH_NOT:
        return h;
    case TOUCH_INT:
        return hash_number_text(h, text, len);
    case TOUCH_TEXT:
        return touch_hash_text(h, text, len);
    case TOUCH_BYTES:
        return touch_hash_bytes(h, text, len);
    }
    return h;
}
