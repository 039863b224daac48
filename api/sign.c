#include "api/sign.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <gnutls/crypto.h>
#include <sodium.h>

#include "base/clock.h"

#include "base/banned.h"

enum {
    NONCE_MAX = 128,
    SIGNED_NAMES_MAX = 64,
    CANONICAL_MAX = 256 * 1024, /* headers are bounded by the connection's memory */
    LEGACY_MAX = 64 * 1024 * 1024,
    HEX_SHA256_LEN = 64,
    SHA1_LEN = 20,
};

static const char acs3_name[] = "ACS3-HMAC-SHA256";
static const char api_version[] = "2019-09-01";

const char *sign_header(const struct sign_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->header_count; i++)
        if (strcasecmp(rq->headers[i].name, name) == 0)
            return rq->headers[i].value;
    return NULL;
}

static const char *query_value(const struct sign_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->query_count; i++)
        if (strcmp(rq->query[i].name, name) == 0)
            return rq->query[i].value;
    return NULL;
}

bool sign_is_protocol(const char *query_name)
{
    static const char *const names[] = { "Action",        "Format",           "Version",
                                         "Timestamp",     "SignatureNonce",   "SignatureMethod",
                                         "SignatureType", "SignatureVersion", "AccessKeyId",
                                         "Signature",     "SecurityToken",    "RegionId" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], query_name) == 0)
            return true;
    return false;
}

/* ------------------------------------------------------------------ reading */

/* The part "Name=value" of an Authorization header, up to the next comma. */
static bool part_of(const char *header, const char *name, char *buf, size_t size)
{
    size_t name_len = strlen(name), len;

    for (const char *p = header; p != NULL; p = strchr(p, ',')) {
        p += strspn(p, ", ");
        if (strncmp(p, name, name_len) != 0 || p[name_len] != '=')
            continue;
        p += name_len + 1;
        len = strcspn(p, ",");
        if (len == 0 || len >= size)
            return false;
        memcpy(buf, p, len);
        buf[len] = '\0';
        return true;
    }
    return false;
}

static bool in_list(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; p != NULL; p = strchr(p, ';') == NULL ? NULL : strchr(p, ';') + 1)
        if (strncasecmp(p, name, len) == 0 && (p[len] == ';' || p[len] == '\0'))
            return true;
    return false;
}

static int refuse_scheme(const char *header, struct err *err)
{
    size_t len = strcspn(header, " ");

    if (strncasecmp(header, "Basic ", 6) == 0) {
        (void)err_set(err, ERR_UNAUTHORIZED,
                      "POST / takes signed requests only, no user and password");
        return err_advise(err, "HTTP Basic is for POST /api/v2; sign with an access key here.");
    }
    if (strncasecmp(header, "ACS3-", 5) == 0 || strncasecmp(header, "Bearer ", 7) == 0)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "signing with %.*s is not supported: ACS3-HMAC-SHA256 and HMAC-SHA1 are",
                       (int)MIN(len, 32U), header);
    return err_set(err, ERR_UNAUTHORIZED, "the Authorization header is of no known kind");
}

static int read_acs3(const struct sign_request *rq, const char *header, struct sign *s,
                     struct err *err)
{
    static const char *const must[] = { "host", "x-acs-date", "x-acs-signature-nonce",
                                        "x-acs-content-sha256" };
    const char *date = sign_header(rq, "x-acs-date");

    s->kind = SIGN_ACS3;
    if (!part_of(header, "Credential", s->key_id, sizeof(s->key_id)) ||
        !part_of(header, "SignedHeaders", s->signed_headers, sizeof(s->signed_headers)) ||
        !part_of(header, "Signature", s->signature, sizeof(s->signature)))
        return err_set(err, ERR_UNAUTHORIZED,
                       "the Authorization header must have Credential, SignedHeaders, Signature");
    for (size_t i = 0; i < ARRAY_SIZE(must); i++)
        if (sign_header(rq, must[i]) == NULL || !in_list(s->signed_headers, must[i]))
            return err_set(err, ERR_UNAUTHORIZED, "the header %s must be there and be signed",
                           must[i]);
    /* what decides over the request must be under the signature */
    if (sign_header(rq, "x-acs-action") != NULL && !in_list(s->signed_headers, "x-acs-action"))
        return err_set(err, ERR_UNAUTHORIZED, "the header x-acs-action must be signed");
    s->action = sign_header(rq, "x-acs-action");
    if (s->action == NULL)
        s->action = query_value(rq, "Action");
    s->nonce = sign_header(rq, "x-acs-signature-nonce");
    s->hash = sign_header(rq, "x-acs-content-sha256");
    if (date == NULL || !clock_parse(date, &s->date))
        return err_set(err, ERR_PARAM, "x-acs-date must look like 2026-11-20T23:42:12Z");
    return 0;
}

static int read_legacy(const struct sign_request *rq, struct sign *s, struct err *err)
{
    const char *key = query_value(rq, "AccessKeyId"), *date = query_value(rq, "Timestamp");
    const char *method = query_value(rq, "SignatureMethod");
    const char *signature = query_value(rq, "Signature"), *header;

    s->kind = SIGN_LEGACY;
    if (method != NULL && strcasecmp(method, "HMAC-SHA1") != 0)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "signing with %.32s is not supported: ACS3-HMAC-SHA256 and HMAC-SHA1 are",
                       method);
    if (key == NULL || date == NULL || signature == NULL ||
        query_value(rq, "SignatureNonce") == NULL)
        return err_set(err, ERR_UNAUTHORIZED,
                       "the query must have AccessKeyId, Timestamp, SignatureNonce, Signature");
    if (strlen(key) >= sizeof(s->key_id) || strlen(signature) >= sizeof(s->signature))
        return err_set(err, ERR_UNAUTHORIZED, "AccessKeyId or Signature is too long");
    (void)snprintf(s->key_id, sizeof(s->key_id), "%s", key);
    (void)snprintf(s->signature, sizeof(s->signature), "%s", signature);
    s->nonce = query_value(rq, "SignatureNonce");
    s->action = query_value(rq, "Action");
    header = sign_header(rq, "x-acs-action");
    /* headers are not under this signature */
    if (header != NULL && (s->action == NULL || strcasecmp(header, s->action) != 0))
        return err_set(err, ERR_UNAUTHORIZED, "Action and the header x-acs-action differ");
    if (!clock_parse(date, &s->date))
        return err_set(err, ERR_PARAM, "Timestamp must look like 2026-11-20T23:42:12Z");
    return 0;
}

/* Kinds of credentials that the SDK can send and that mean nothing here. */
static int refuse_others(const struct sign_request *rq, struct err *err)
{
    const char *type = query_value(rq, "SignatureType");

    if (sign_header(rq, "x-acs-bearer-token") != NULL ||
        (type != NULL && strcasecmp(type, "BEARERTOKEN") == 0))
        return err_set(err, ERR_NOT_SUPPORTED,
                       "bearer tokens are not supported: use an access key of this server");
    if (sign_header(rq, "x-acs-security-token") != NULL || query_value(rq, "SecurityToken") != NULL)
        return err_set(err, ERR_NOT_SUPPORTED,
                       "temporary (STS) credentials are not supported: use an access key of this "
                       "server, without securityToken");
    return 0;
}

static int check_version(const struct sign_request *rq, struct err *err)
{
    const char *version = sign_header(rq, "x-acs-version");

    if (version == NULL)
        version = query_value(rq, "Version");
    if (version != NULL && strcmp(version, api_version) != 0)
        return err_set(err, ERR_PARAM, "version \"%.32s\" is not known: must be %s", version,
                       api_version);
    return 0;
}

static int check_date(int64_t date, int64_t now_s, struct err *err)
{
    char sent[CLOCK_TEXT_LEN], ours[CLOCK_TEXT_LEN];

    if (date >= now_s - SIGN_SKEW_S && date <= now_s + SIGN_SKEW_S)
        return 0;
    return err_set(err, ERR_SIGNATURE_DATE,
                   "the request is dated %sZ and this server's time is %sZ: more than %d minutes "
                   "apart",
                   clock_text(date, sent), clock_text(now_s, ours), SIGN_SKEW_S / 60);
}

int sign_read(const struct sign_request *rq, int64_t now_s, struct sign *ret, struct err *err)
{
    const char *header = sign_header(rq, "Authorization");
    size_t len = strlen(acs3_name);
    int r;

    memset(ret, 0, sizeof(*ret));
    if (refuse_others(rq, err) < 0)
        return -1;
    if (header != NULL && strncmp(header, acs3_name, len) == 0 &&
        (header[len] == ' ' || header[len] == '\0'))
        r = read_acs3(rq, header + len, ret, err);
    else if (header != NULL)
        r = refuse_scheme(header, err);
    else if (query_value(rq, "Signature") != NULL)
        r = read_legacy(rq, ret, err);
    else
        r = err_set(err, ERR_UNAUTHORIZED, "the request is not signed");
    if (r < 0)
        return -1;
    if (strlen(ret->nonce) == 0 || strlen(ret->nonce) > NONCE_MAX)
        return err_set(err, ERR_PARAM, "the signature's nonce must have 1 to %d characters",
                       NONCE_MAX);
    if (ret->action == NULL || *ret->action == '\0')
        return err_set(err, ERR_UNKNOWN_ACTION, "x-acs-action is missing");
    if (check_version(rq, err) < 0)
        return -1;
    return check_date(ret->date, now_s, err);
}

/* ------------------------------------------------------------------ the texts under it */

/* RFC 3986: all but the unreserved characters. */
static void add_encoded(struct strbuf *to, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ||
            strchr("-_.~", *p) != NULL) {
            strbuf_addc(to, *p);
        } else {
            strbuf_addc(to, '%');
            strbuf_add_hex(to, p, 1);
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct form_pair *x = a, *y = b;
    int r = strcmp(x->name, y->name);

    return r != 0 ? r : strcmp(x->value, y->value);
}

/* Query and form, sorted, without the signature itself; free() it. NULL: out of memory. */
static struct form_pair *sorted_pairs(const struct sign_request *rq, const struct form *form,
                                      size_t *ret_count)
{
    size_t most = rq->query_count + (form == NULL ? 0 : form->count), n = 0;
    struct form_pair *all = calloc(most + 1, sizeof(*all));

    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < rq->query_count; i++)
        if (form == NULL || strcmp(rq->query[i].name, "Signature") != 0)
            all[n++] = rq->query[i];
    for (size_t i = 0; form != NULL && i < form->count; i++)
        all[n++] = form->pairs[i];
    qsort(all, n, sizeof(*all), by_name);
    *ret_count = n;
    return all;
}

static void add_trimmed(struct strbuf *to, const char *value)
{
    size_t len;

    value += strspn(value, " \t");
    len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    strbuf_add(to, value, len);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* name:value, several values of one name sorted and joined by commas. */
static void add_header(const struct sign_request *rq, const char *name, struct strbuf *to)
{
    const char *values[SIGNED_NAMES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < rq->header_count && n < SIGNED_NAMES_MAX; i++)
        if (strcasecmp(rq->headers[i].name, name) == 0)
            values[n++] = rq->headers[i].value;
    qsort(values, n, sizeof(*values), by_text);
    strbuf_addf(to, "%s:", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            strbuf_addc(to, ',');
        add_trimmed(to, values[i]);
    }
    strbuf_addc(to, '\n');
}

void sign_acs3_canonical(const struct sign *s, const struct sign_request *rq, struct strbuf *to)
{
    size_t count = 0;
    _cleanup_(freep)
    struct form_pair *query = sorted_pairs(rq, NULL, &count);
    int names = 0;

    if (query == NULL) {
        to->failed = true;
        return;
    }
    strbuf_addf(to, "%s\n/\n", rq->method);
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(to, "%s%s=", i == 0 ? "" : "&", query[i].name);
        add_encoded(to, query[i].value);
    }
    strbuf_addc(to, '\n');
    for (const char *p = s->signed_headers; *p != '\0' && names < SIGNED_NAMES_MAX; names++) {
        char name[sizeof(s->signed_headers)];
        size_t len = strcspn(p, ";");
        memcpy(name, p, len);
        name[len] = '\0';
        add_header(rq, name, to);
        p += len + (p[len] == ';' ? 1 : 0);
    }
    strbuf_addf(to, "\n%s\n%s", s->signed_headers, s->hash);
}

void sign_legacy_text(const struct sign_request *rq, const struct form *form, struct strbuf *to)
{
    _cleanup_(strbuf_done)
    struct strbuf sorted = STRBUF(LEGACY_MAX);
    size_t count = 0;
    _cleanup_(freep)
    struct form_pair *all = sorted_pairs(rq, form, &count);

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strbuf_addc(&sorted, '&');
        add_encoded(&sorted, all[i].name);
        strbuf_addc(&sorted, '=');
        add_encoded(&sorted, all[i].value);
    }
    strbuf_addf(to, "%s&%%2F&", rq->method);
    add_encoded(to, strbuf_str(&sorted));
    to->failed = to->failed || all == NULL || !strbuf_ok(&sorted);
}

/* ------------------------------------------------------------------ the check */

static void hex_sha256(const void *data, size_t len, char hex[static HEX_SHA256_LEN + 1])
{
    unsigned char sum[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(sum, data, len);
    (void)sodium_bin2hex(hex, HEX_SHA256_LEN + 1, sum, sizeof(sum));
}

static int refuse(struct err *err)
{
    return err_set(err, ERR_SIGNATURE, "the signature does not fit the request and the access key");
}

static int check_acs3(const struct sign *s, const struct sign_request *rq, const char *body,
                      size_t len, const struct secret *secret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf canonical = STRBUF(CANONICAL_MAX);
    char hex[HEX_SHA256_LEN + 1], text[sizeof(acs3_name) + HEX_SHA256_LEN + 1];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state st;

    hex_sha256(body, len, hex);
    if (strcasecmp(hex, s->hash) != 0)
        return err_set(err, ERR_SIGNATURE, "x-acs-content-sha256 is not the body's SHA-256");
    sign_acs3_canonical(s, rq, &canonical);
    if (strbuf_check(&canonical, err) < 0)
        return -1;
    hex_sha256(strbuf_str(&canonical), canonical.len, hex);
    (void)snprintf(text, sizeof(text), "%s\n%s", acs3_name, hex);
    (void)crypto_auth_hmacsha256_init(&st, (const unsigned char *)secret_text(secret),
                                      secret_len(secret));
    (void)crypto_auth_hmacsha256_update(&st, (const unsigned char *)text, strlen(text));
    (void)crypto_auth_hmacsha256_final(&st, mac);
    sodium_memzero(&st, sizeof(st));
    (void)sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    return secret_equal(hex, strlen(hex), s->signature, strlen(s->signature)) ? 0 : refuse(err);
}

static int check_legacy(const struct sign *s, const struct sign_request *rq,
                        const struct form *form, const struct secret *secret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf text = STRBUF(LEGACY_MAX), sum = STRBUF(64);
    unsigned char mac[SHA1_LEN];
    char key[512];
    int r;

    sign_legacy_text(rq, form, &text);
    if (strbuf_check(&text, err) < 0)
        return -1;
    if (secret_len(secret) + 2 > sizeof(key))
        return err_set(err, ERR_INTERNAL, "an access key's secret is too long");
    (void)snprintf(key, sizeof(key), "%s&", secret_text(secret));
    r = gnutls_hmac_fast(GNUTLS_MAC_SHA1, key, strlen(key), strbuf_str(&text), text.len, mac);
    sodium_memzero(key, sizeof(key));
    if (r != 0)
        return err_set(err, ERR_INTERNAL, "HMAC-SHA1: %s", gnutls_strerror(r));
    base64_add(&sum, mac, sizeof(mac));
    return secret_equal(strbuf_str(&sum), sum.len, s->signature, strlen(s->signature))
               ? 0
               : refuse(err);
}

int sign_check(const struct sign *s, const struct sign_request *rq, const char *body, size_t len,
               const struct form *form, const struct secret *secret, struct err *err)
{
    if (s->kind == SIGN_LEGACY)
        return check_legacy(s, rq, form, secret, err);
    return check_acs3(s, rq, body, len, secret, err);
}
