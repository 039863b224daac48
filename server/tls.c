#include "server/tls.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include <gnutls/x509.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#include "base/banned.h"

enum { CHAIN_MAX = 16, FILE_MAX_BYTES = 1024 * 1024 };

struct identity {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned int length;
    gnutls_privkey_t key;
    struct identity *older;
};

/*
 * Those that were replaced are kept until the end: a handshake that a slow client stretches may
 * still use one, nobody can tell how long. A certificate is exchanged every few weeks.
 */
struct tls {
    char *cert_file, *key_file;
    struct identity *newest;
};

/* The one exception to "no globals": the callback gets nothing of ours to find it by. */
static _Atomic(struct identity *) present;

int tls_certificate(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                    gnutls_pcert_st **ret_chain, unsigned int *ret_length,
                    gnutls_privkey_t *ret_key)
{
    struct identity *i = atomic_load(&present);

    (void)session;
    (void)ca_names;
    (void)ca_count;
    (void)algorithms;
    (void)algorithm_count;
    if (i == NULL)
        return -1;
    *ret_chain = i->chain;
    *ret_length = i->length;
    *ret_key = i->key;
    return 0;
}

static void identity_free(struct identity *i)
{
    if (i == NULL)
        return;
    for (unsigned int n = 0; n < i->length; n++)
        gnutls_pcert_deinit(&i->chain[n]);
    if (i->key != NULL)
        gnutls_privkey_deinit(i->key);
    free(i);
}
DEFINE_CLEANUP(struct identity, identity_free)

static int fail(const char *what, const char *file, int code, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s %s: %s", what, file, gnutls_strerror(code));
}

/* ------------------------------------------------------------------ files */

struct pem {
    char *text;
    size_t len;
};

static void pem_done(struct pem *p)
{
    if (p->text != NULL)
        explicit_bzero(p->text, p->len);
    free(p->text);
}

static gnutls_datum_t datum_of(const struct pem *p)
{
    return (gnutls_datum_t){ .data = (unsigned char *)p->text, .size = (unsigned int)p->len };
}

static int check_private(const char *file, struct err *err)
{
    struct stat st;

    if (stat(file, &st) < 0)
        return err_set_sys(err, ERR_CONFIG, "tls_key_file %s", file);
    if (S_ISREG(st.st_mode) && (st.st_mode & 037) == 0 &&
        (st.st_uid == geteuid() || st.st_uid == 0))
        return 0;
    (void)err_set(err, ERR_CONFIG,
                  "tls_key_file %s is open to others, or belongs to neither root nor this user",
                  file);
    return err_advise(err, "chmod 600 %s (640 for a group that may read it)", file);
}

static int read_pem(const char *file, struct pem *ret, struct err *err)
{
    if (fs_read_all(file, FILE_MAX_BYTES, &ret->text, &ret->len, err) < 0) {
        err->code = ERR_CONFIG;
        return -1;
    }
    return 0;
}

/* GnuTLS compares the two only as credentials. */
static int check_pair(const struct pem *cert, const struct pem *key, const char *file,
                      struct err *err)
{
    gnutls_datum_t c = datum_of(cert), k = datum_of(key);
    gnutls_certificate_credentials_t pair;
    int r = gnutls_certificate_allocate_credentials(&pair);

    if (r < 0)
        return fail("certificate", file, r, err);
    r = gnutls_certificate_set_x509_key_mem(pair, &c, &k, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(pair);
    return r < 0 ? fail("tls_cert_file and tls_key_file", file, r, err) : 0;
}

static void tell_expiry(const gnutls_datum_t *raw)
{
    gnutls_x509_crt_t crt;
    char text[CLOCK_TEXT_LEN];
    time_t until;

    if (gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, raw, GNUTLS_X509_FMT_DER) == 0) {
        until = gnutls_x509_crt_get_expiration_time(crt);
        log_line(until < clock_now_s() ? LOG_WARN : LOG_INFO, "server", "certificate", "expires=%s",
                 clock_text(until, text));
    }
    gnutls_x509_crt_deinit(crt);
}

static int identity_read(const struct tls *t, struct identity **ret, struct err *err)
{
    _cleanup_(pem_done)
    struct pem cert = { 0 };
    _cleanup_(pem_done)
    struct pem key = { 0 };
    _cleanup_(identity_freep)
    struct identity *i = calloc(1, sizeof(*i));
    unsigned int length = CHAIN_MAX;
    gnutls_datum_t c, k;
    int r;

    if (i == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (check_private(t->key_file, err) < 0 || read_pem(t->cert_file, &cert, err) < 0 ||
        read_pem(t->key_file, &key, err) < 0 || check_pair(&cert, &key, t->cert_file, err) < 0)
        return -1;
    c = datum_of(&cert);
    k = datum_of(&key);
    r = gnutls_pcert_list_import_x509_raw(i->chain, &length, &c, GNUTLS_X509_FMT_PEM, 0);
    if (r < 0)
        return fail("tls_cert_file", t->cert_file, r, err);
    i->length = length;
    r = gnutls_privkey_init(&i->key);
    if (r >= 0)
        r = gnutls_privkey_import_x509_raw(i->key, &k, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (r < 0)
        return fail("tls_key_file", t->key_file, r, err);
    tell_expiry(&i->chain[0].cert);
    *ret = take_ptr(i);
    return 0;
}

/* ------------------------------------------------------------------ life */

int tls_reload(struct tls *t, struct err *err)
{
    struct identity *i = NULL;

    if (identity_read(t, &i, err) < 0)
        return -1;
    i->older = t->newest;
    t->newest = i;
    atomic_store(&present, i);
    return 0;
}

int tls_open(const char *cert_file, const char *key_file, struct tls **ret, struct err *err)
{
    _cleanup_(tls_closep)
    struct tls *t = NULL;

    if (cert_file == NULL || key_file == NULL)
        return err_set(err, ERR_CONFIG, "tls_cert_file and tls_key_file come together");
    t = calloc(1, sizeof(*t));
    if (t == NULL || (t->cert_file = strdup(cert_file)) == NULL ||
        (t->key_file = strdup(key_file)) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (tls_reload(t, err) < 0)
        return -1;
    *ret = take_ptr(t);
    return 0;
}

void tls_close(struct tls *t)
{
    if (t == NULL)
        return;
    atomic_store(&present, NULL);
    while (t->newest != NULL) {
        struct identity *i = t->newest;
        t->newest = i->older;
        identity_free(i);
    }
    free(t->cert_file);
    free(t->key_file);
    free(t);
}
