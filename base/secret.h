/*
 * Secrets: bytes that can't be printed by accident and are cleared when freed; Base64; and the box
 * that keeps them in the store: XChaCha20-Poly1305 (libsodium, "AEAD constructions") under a key
 * file of mode 0600.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/util.h"

struct secret; /* heap, locked and cleared on free */

int secret_new(const void *data, size_t len, struct secret **ret, struct err *err);
void secret_free(struct secret *s);
DEFINE_CLEANUP(struct secret, secret_free)
const char *secret_text(const struct secret *s); /* NUL-terminated, borrowed; never log it */
size_t secret_len(const struct secret *s);

/* secret_from_base64(): Errors: ERR_PARAM when not Base64 (standard alphabet, padded). */
int secret_from_base64(const char *text, struct secret **ret, struct err *err);
void base64_add(struct strbuf *b, const void *data, size_t len);

/* secret_equal(): constant-time comparison of two texts of any length. */
bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* Password hashing: Argon2id, libsodium's crypto_pwhash_str. `ret` holds a PHC string. */
enum { SECRET_HASH_LEN = 128 };
int secret_hash(const char *password, char ret[static SECRET_HASH_LEN], struct err *err);
bool secret_hash_matches(const char *hash, const char *password);

struct box;
/*
 * box_open() - the key of a data directory
 *
 * @path    key file; must be a regular file of mode 0600 owned by this user
 * @create  make it when it does not exist
 * Errors: ERR_KEYFILE.
 */
int box_open(const char *path, bool create, struct box **ret, struct err *err);
void box_close(struct box *b);
DEFINE_CLEANUP(struct box, box_close)
/* box_seal(): Base64 of nonce and ciphertext. `about` (say "source:e_1") is authenticated, not
 * kept. */
int box_seal(const struct box *b, const char *about, const struct secret *s, char **ret,
             struct err *err);
/* box_unseal(): Errors: ERR_KEYFILE when the key, the text or `about` is not what sealed it. */
int box_unseal(const struct box *b, const char *about, const char *sealed, struct secret **ret,
               struct err *err);

/* secret_setup(): once per process, before anything else here: libsodium, no core dumps. */
int secret_setup(struct err *err);

#endif
