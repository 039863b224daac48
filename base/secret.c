#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/banned.h"

struct secret {
    size_t len;
    char data[]; /* NUL-terminated */
};

enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    SECRET_MAX_BYTES = 64 * 1024,
};

struct box {
    unsigned char key[KEY_BYTES];
};

int secret_setup(struct err *err)
{
    struct rlimit none = { 0, 0 };

    if (sodium_init() < 0)
        return err_set(err, ERR_INTERNAL, "libsodium can't be initialised");
    /* a core file of a process that holds secrets would hold them too */
    (void)setrlimit(RLIMIT_CORE, &none);
    return 0;
}

int secret_new(const void *data, size_t len, struct secret **ret, struct err *err)
{
    struct secret *s;

    if (len > SECRET_MAX_BYTES)
        return err_set(err, ERR_PARAM, "a secret is longer than %d bytes", SECRET_MAX_BYTES);
    s = calloc(1, sizeof(*s) + len + 1);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->len = len;
    if (len > 0)
        memcpy(s->data, data, len);
    *ret = s;
    return 0;
}

void secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    explicit_bzero(s->data, s->len);
    free(s);
}

const char *secret_text(const struct secret *s)
{
    return s->data;
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

int secret_from_base64(const char *text, struct secret **ret, struct err *err)
{
    size_t len = strlen(text), out_len = 0;
    const char *end = NULL;
    unsigned char *out;
    int r = -1;

    if (len > SECRET_MAX_BYTES)
        return err_set(err, ERR_PARAM, "a secret is too long");
    out = calloc(1, len + 1);
    if (out == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (sodium_base642bin(out, len + 1, text, len, NULL, &out_len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        *end != '\0')
        (void)err_set(err, ERR_PARAM, "not Base64 (standard alphabet, padded)");
    else
        r = secret_new(out, out_len, ret, err);
    explicit_bzero(out, len + 1);
    free(out);
    return r;
}

void base64_add(struct strbuf *b, const void *data, size_t len)
{
    size_t need = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    char *to = strbuf_reserve(b, need);

    if (to == NULL)
        return;
    (void)sodium_bin2base64(to, need, data, len, sodium_base64_VARIANT_ORIGINAL);
    b->len += need - 1;
}

bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    unsigned char ha[crypto_generichash_BYTES], hb[crypto_generichash_BYTES];

    /* hashing first makes the lengths equal, so that the comparison tells nothing about them */
    (void)crypto_generichash(ha, sizeof(ha), a, a_len, NULL, 0);
    (void)crypto_generichash(hb, sizeof(hb), b, b_len, NULL, 0);
    return sodium_memcmp(ha, hb, sizeof(ha)) == 0;
}

/*
 * Argon2id with 19 MiB and two passes: the least that OWASP's Password Storage Cheat Sheet asks
 * for. A hash keeps the figures it was made with, so that older ones are still checked.
 */
int secret_hash(const char *password, char ret[static SECRET_HASH_LEN], struct err *err)
{
    _Static_assert(SECRET_HASH_LEN >= crypto_pwhash_STRBYTES, "room for a PHC string");
    if (crypto_pwhash_str(ret, password, strlen(password), crypto_pwhash_OPSLIMIT_MIN * 2,
                          19UL * 1024 * 1024) != 0)
        return err_set(err, ERR_NOMEM, "password hashing ran out of memory");
    return 0;
}

bool secret_hash_matches(const char *hash, const char *password)
{
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}

static int key_read(int fd, const char *path, unsigned char key[static KEY_BYTES], struct err *err)
{
    struct stat st;
    unsigned char extra;

    if (fstat(fd, &st) < 0)
        return err_set_sys(err, ERR_KEYFILE, "key file %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 || st.st_uid != geteuid()) {
        (void)err_set(err, ERR_KEYFILE, "key file %s is readable by others", path);
        return err_advise(err, "chmod 600 %s and make this user its owner", path);
    }
    if (read(fd, key, KEY_BYTES) != KEY_BYTES || read(fd, &extra, 1) != 0)
        return err_set(err, ERR_KEYFILE, "key file %s does not hold %d bytes", path, KEY_BYTES);
    return 0;
}

static int key_create(const char *path, unsigned char key[static KEY_BYTES], struct err *err)
{
    _cleanup_(closep)
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set_sys(err, ERR_KEYFILE, "create key file %s", path);
    randombytes_buf(key, KEY_BYTES);
    if (write(fd, key, KEY_BYTES) != KEY_BYTES || fsync(fd) < 0)
        return err_set_sys(err, ERR_KEYFILE, "write key file %s", path);
    return 0;
}

int box_open(const char *path, bool create, struct box **ret, struct err *err)
{
    _cleanup_(box_closep)
    struct box *b = calloc(1, sizeof(*b));
    _cleanup_(closep)
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (b == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (fd >= 0) {
        if (key_read(fd, path, b->key, err) < 0)
            return -1;
    } else if (errno == ENOENT && create) {
        if (key_create(path, b->key, err) < 0)
            return -1;
    } else {
        return err_set_sys(err, ERR_KEYFILE, "open key file %s", path);
    }
    *ret = take_ptr(b);
    return 0;
}

void box_close(struct box *b)
{
    if (b == NULL)
        return;
    explicit_bzero(b->key, sizeof(b->key));
    free(b);
}

int box_seal(const struct box *b, const char *about, const struct secret *s, char **ret,
             struct err *err)
{
    size_t len = NONCE_BYTES + s->len + TAG_BYTES;
    _cleanup_(freep)
    unsigned char *out = malloc(len);
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(SECRET_MAX_BYTES * 2UL);
    unsigned long long sealed = 0;

    if (out == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    randombytes_buf(out, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + NONCE_BYTES, &sealed, (const unsigned char *)s->data, s->len,
        (const unsigned char *)about, strlen(about), NULL, out, b->key);
    base64_add(&text, out, NONCE_BYTES + (size_t)sealed);
    return strbuf_take(&text, ret, err);
}

int box_unseal(const struct box *b, const char *about, const char *sealed, struct secret **ret,
               struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *raw = NULL, *open = NULL;
    const unsigned char *bytes;
    unsigned long long len = 0;

    if (secret_from_base64(sealed, &raw, err) < 0 || raw->len < NONCE_BYTES + TAG_BYTES)
        return err_set(err, ERR_KEYFILE, "the stored secret of %s is damaged", about);
    open = calloc(1, sizeof(*open) + raw->len + 1);
    if (open == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    bytes = (const unsigned char *)raw->data;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)open->data, &len, NULL, bytes + NONCE_BYTES, raw->len - NONCE_BYTES,
            (const unsigned char *)about, strlen(about), bytes, b->key) != 0)
        return err_set(err, ERR_KEYFILE, "the stored secret of %s was sealed with another key",
                       about);
    open->len = (size_t)len;
    open->data[len] = '\0';
    *ret = take_ptr(open);
    return 0;
}
