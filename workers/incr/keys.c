#include "workers/incr/keys.h"

#include <string.h>

#include "base/map.h"

#include "base/banned.h"

enum { FOLD_CHUNK = 256 };

static uint64_t hash_number(uint64_t v, uint64_t seed)
{
    return hash_bytes(&v, sizeof(v), seed);
}

static uint64_t hash_double(double d, uint64_t seed)
{
    uint64_t bits;

    if (d == 0)
        d = 0; /* -0 equals 0 */
    memcpy(&bits, &d, sizeof(bits));
    return hash_number(bits, seed);
}

static size_t without_blanks(const char *s, size_t n)
{
    /* NUL too: BINARY's padding may or may not be there */
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\0'))
        n--;
    return n;
}

static char fold_char(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    switch (c) {
    case 'j':
    case 'y':
        return 'i';
    case 'v':
    case 'w':
        return 'u';
    default:
        return c;
    }
}

/* False when a byte is not plain ASCII text: the collation may then hold anything equal to
 * anything. */
static bool hash_folded(const char *s, size_t n, uint64_t *io)
{
    char chunk[FOLD_CHUNK];

    for (size_t at = 0; at < n;) {
        size_t part = MIN(n - at, sizeof(chunk));
        for (size_t i = 0; i < part; i++) {
            char c = s[at + i];
            if (c < ' ' || c > '~')
                return false;
            chunk[i] = fold_char(c);
        }
        *io = hash_bytes(chunk, part, *io);
        at += part;
    }
    return true;
}

/* Minus and zeros only: "-0.00" equals "0.00". */
static size_t sign_of_zero(const char *s, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (s[i] != '0' && s[i] != '.')
            return 0;
    }
    return n > 0 && *s == '-';
}

/* False: the value's place in the index can't be told. */
static bool hash_text(enum fold fold, unsigned prefix, const struct value *v, uint64_t *io)
{
    const char *s = v->bytes;
    /* an index over the first characters: as many bytes are a part of that, which is coarser */
    size_t n = prefix > 0 ? MIN(v->len, (size_t)prefix) : v->len;

    switch (fold) {
    case FOLD_EXACT: {
        size_t skip = sign_of_zero(s, n);
        *io = hash_bytes(s + skip, n - skip, *io);
        return true;
    }
    case FOLD_BYTES:
        *io = hash_bytes(s, without_blanks(s, n), *io);
        return true;
    case FOLD_COARSE:
        /* what the prefix cuts off must be plain too: a character may be ignored */
        if (n < v->len && !hash_folded(s + n, v->len - n, &(uint64_t){ 0 }))
            return false;
        return hash_folded(s, without_blanks(s, n), io);
    case FOLD_UNKNOWN:
        return false;
    }
    return false;
}

int key_of_row(const struct table_plan *p, const struct unique_key *k, const struct value *row,
               struct dep_key *ret)
{
    uint64_t hash = hash_number(k->number, 0);
    bool whole = k->always_whole;

    (void)p;
    for (size_t i = 0; i < k->index->column_count; i++) {
        const struct value *v = &row[k->index->columns[i]];
        switch (v->kind) {
        case V_NULL:
            if (!k->always_whole)
                return 0;
            break;
        case V_ABSENT:
            whole = true;
            break;
        case V_INT:
            hash = hash_number((uint64_t)v->i, hash);
            break;
        case V_UINT:
            hash = hash_number(v->u, hash);
            break;
        case V_FLOAT:
            hash = hash_double((double)v->f, hash);
            break;
        case V_DOUBLE:
            hash = hash_double(v->d, hash);
            break;
        case V_TEXT:
        case V_BYTES:
            whole |= !hash_text(k->folds[i], k->index->prefix[i], v, &hash);
            break;
        }
    }
    *ret = (struct dep_key){ .hash = whole ? 0 : hash, .index = k->number, .whole = whole };
    return 1;
}

int keys_add(struct txn *t, const struct table_plan *p, const struct value *row, struct err *err)
{
    struct dep_key key = { .index = p->shared_number, .whole = true };

    if (p->keyless || p->related)
        return txn_key(t, &key, err);
    for (size_t i = 0; i < p->key_count; i++) {
        if (key_of_row(p, &p->keys[i], row, &key) == 1 && txn_key(t, &key, err) < 0)
            return -1;
    }
    return 0;
}
