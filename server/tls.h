/*
 * The certificate of HTTPS: GnuTLS's, asked for at each handshake, so that it can be exchanged
 * while connections live.
 */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/err.h"
#include "base/util.h"

struct tls;

/* GnuTLS's priority string: TLS 1.2 and 1.3 only. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/*
 * tls_open() - reads a certificate, its chain behind it, and its key: PEM files
 *
 * The key's file must be closed to others and belong to this user or root. One at a time in a
 * process: GnuTLS's callback has no place for more. Errors: ERR_CONFIG.
 */
int tls_open(const char *cert_file, const char *key_file, struct tls **ret, struct err *err);
void tls_close(struct tls *t); /* after the last connection */
DEFINE_CLEANUP(struct tls, tls_close)

/* tls_reload(): reads both again; new handshakes get them. On an error the old ones stay. */
int tls_reload(struct tls *t, struct err *err);

/* tls_certificate(): for MHD_OPTION_HTTPS_CERT_CALLBACK. */
int tls_certificate(gnutls_session_t session, const gnutls_datum_t *ca_names, int ca_count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                    gnutls_pcert_st **ret_chain, unsigned int *ret_length,
                    gnutls_privkey_t *ret_key);

#endif
