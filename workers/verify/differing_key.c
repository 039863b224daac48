/* Keys of rows as bytes: their id, and the form in which they come back from the daemon. */
#include <sodium.h>
#include <string.h>

#include "base/num.h"
#include "workers/mysql/bounds.h"
#include "workers/verify/differing.h"

#include "base/banned.h"

enum { LENGTH_BYTES = 4, ID_BYTES = 16, KEY_BYTES_MAX = 1024 * 1024 };

void row_key_done(struct row_key *k)
{
    for (size_t i = 0; k->values != NULL && i < k->count; i++)
        free(k->values[i]);
    free(k->values);
    free(k->lengths);
    *k = (struct row_key){ 0 };
}

bool row_key_equal(const struct row_key *a, const struct row_key *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->lengths[i] != b->lengths[i] ||
            memcmp(a->values[i], b->values[i], a->lengths[i]) != 0)
            return false;
    return true;
}

static void length_bytes(size_t len, unsigned char ret[static LENGTH_BYTES])
{
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        ret[i] = (unsigned char)(len >> (8 * i) & 0xff);
}

void row_key_id(const struct row_key *k, char ret[static 33])
{
    crypto_generichash_state state;
    unsigned char sum[ID_BYTES], le[LENGTH_BYTES];

    (void)crypto_generichash_init(&state, NULL, 0, sizeof(sum));
    for (size_t i = 0; i < k->count; i++) {
        length_bytes(k->lengths[i], le);
        (void)crypto_generichash_update(&state, le, sizeof(le));
        (void)crypto_generichash_update(&state, (const unsigned char *)k->values[i], k->lengths[i]);
    }
    (void)crypto_generichash_final(&state, sum, sizeof(sum));
    (void)sodium_bin2hex(ret, 33, sum, sizeof(sum));
}

void row_key_hex(struct strbuf *b, const struct row_key *k)
{
    unsigned char le[LENGTH_BYTES];

    for (size_t i = 0; i < k->count; i++) {
        length_bytes(k->lengths[i], le);
        strbuf_add_hex(b, le, sizeof(le));
        strbuf_add_hex(b, k->values[i], k->lengths[i]);
    }
}

/* ---- and back: bytes from outside ---- */

/* The bytes of hex digits; NULL: it is none, or memory is gone. */
static unsigned char *bytes_of(const char *hex, size_t len)
{
    unsigned char *bytes = malloc(len / 2 + 1);

    for (size_t i = 0; bytes != NULL && i + 1 < len; i += 2) {
        int high = num_hex_digit(hex[i]), low = num_hex_digit(hex[i + 1]);

        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    return bytes;
}

static int take_value(struct row_key *k, size_t i, struct cursor *c, struct err *err)
{
    size_t len = (size_t)cursor_le(c, LENGTH_BYTES);
    const uint8_t *p = cursor_bytes(c, len);

    if (p == NULL)
        return err_set(err, ERR_PARAM, "keyHex ends within value %zu", i + 1);
    k->values[i] = malloc(len + 1);
    if (k->values[i] == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a key");
    memcpy(k->values[i], p, len);
    k->values[i][len] = '\0';
    k->lengths[i] = len;
    return 0;
}

static int parse(const unsigned char *bytes, size_t len, struct row_key *k, struct err *err)
{
    struct cursor c = cursor_of(bytes, len);

    for (size_t i = 0; i < k->count; i++)
        if (take_value(k, i, &c, err) < 0)
            return -1;
    return cursor_left(&c) == 0
               ? 0
               : err_set(err, ERR_PARAM, "keyHex has more than %zu values", k->count);
}

int row_key_parse(const char *hex, size_t columns, struct row_key *ret, struct err *err)
{
    size_t len = strlen(hex);
    _cleanup_(freep)
    unsigned char *bytes = NULL;
    _cleanup_(row_key_done)
    struct row_key k = { 0 };

    *ret = (struct row_key){ 0 };
    if (columns == 0 || columns > KEY_COLUMNS_MAX || len % 2 != 0 || len / 2 > KEY_BYTES_MAX)
        return err_set(err, ERR_PARAM, "keyHex is no key of %zu columns", columns);
    bytes = bytes_of(hex, len);
    if (bytes == NULL)
        return err_set(err, ERR_PARAM, "keyHex has other characters than hex digits");
    k = (struct row_key){ .count = columns,
                          .values = calloc(columns, sizeof(*k.values)),
                          .lengths = calloc(columns, sizeof(*k.lengths)) };
    if (k.values == NULL || k.lengths == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a key");
    if (parse(bytes, len / 2, &k, err) < 0)
        return -1;
    *ret = k;
    k = (struct row_key){ 0 };
    return 0;
}
