/*
 * Signed requests of the SDK's dialect (oms-api.md 1.6): ACS3-HMAC-SHA256 in the Authorization
 * header, and the older HMAC-SHA1 over the query. Pure: nothing here reads a clock or a store.
 */
#ifndef API_SIGN_H
#define API_SIGN_H

#include "api/form.h"
#include "base/secret.h"
#include "base/strbuf.h"

/* A request without its body; all borrowed. */
struct sign_request {
    const char *method;
    const struct form_pair *headers; /* as received, several of one name one after the other */
    size_t header_count;
    const struct form_pair *query; /* of the URL, decoded */
    size_t query_count;
};

enum sign_kind { SIGN_ACS3, SIGN_LEGACY };

/* What a request says of itself. The texts are borrowed from the request. */
struct sign {
    enum sign_kind kind;
    char key_id[128];
    const char *action;
    const char *nonce;
    int64_t date;              /* Unix seconds */
    const char *hash;          /* ACS3: of the body, in hex, as announced */
    char signed_headers[1024]; /* ACS3: "a;b;c" */
    char signature[128];
};

enum { SIGN_SKEW_S = 15 * 60 }; /* a request may be dated so far from our clock */

/*
 * sign_read() - which key signed, what, when
 *
 * @now_s  the clock that the request's date is compared with
 * Errors: ERR_UNAUTHORIZED for no or broken credentials, ERR_SIGNATURE_DATE for the date,
 * ERR_NOT_SUPPORTED for other kinds of credentials, ERR_PARAM, ERR_UNKNOWN_ACTION without one.
 */
int sign_read(const struct sign_request *rq, int64_t now_s, struct sign *ret, struct err *err);

/*
 * sign_check() - the signature is the key's own over this request
 *
 * @form  the body's parameters; only the older kind looks at them
 * Errors: ERR_SIGNATURE.
 */
int sign_check(const struct sign *s, const struct sign_request *rq, const char *body, size_t len,
               const struct form *form, const struct secret *secret, struct err *err);

/* The texts that are signed, for sign_check() and its test; they grow into `to`. */
void sign_acs3_canonical(const struct sign *s, const struct sign_request *rq, struct strbuf *to);
void sign_legacy_text(const struct sign_request *rq, const struct form *form, struct strbuf *to);

/* sign_header(): the first header of this name in any case, or NULL. */
const char *sign_header(const struct sign_request *rq, const char *name);
/* sign_is_ours(): a parameter of the URL that belongs to the protocol, not to the action. */
bool sign_is_protocol(const char *query_name);

#endif
