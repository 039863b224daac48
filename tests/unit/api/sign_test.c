#include "tests/unit/api/test.h"

#include <stdio.h>

#include "api/nonces.h"
#include "api/rpc.h"
#include "api/sign.h"
#include "base/util.h"

/* The vectors of oms-api.md 1.6: observed on the wire, computed again there independently. */
static const char secret_of_vectors[] = "testSecretKey123";
static const int64_t now = 1795218132; /* 2026-11-20T23:42:12Z */
static const char body_hash[] = "9d96742788762030f5a8098365e4a79b1bcadd0c7eb91b5d268e1077c0c27ee9";
static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#define START_SIGNED                                                                               \
    "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"   \
    "x-acs-signature-nonce;x-acs-version"
#define LIST_SIGNED                                                                                \
    "host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"                \
    "x-acs-signature-nonce;x-acs-version"

enum { HEADERS_MAX = 16 };

struct sample {
    struct form_pair headers[HEADERS_MAX], query[HEADERS_MAX];
    struct sign_request rq;
};

static void set_header(struct sample *s, const char *name, const char *value)
{
    for (size_t i = 0; i < s->rq.header_count; i++)
        if (strcmp(s->headers[i].name, name) == 0) {
            s->headers[i].value = value;
            return;
        }
    s->headers[s->rq.header_count++] = (struct form_pair){ name, value };
}

static void drop_header(struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->rq.header_count; i++)
        if (strcmp(s->headers[i].name, name) == 0)
            s->headers[i].name = "x-dropped";
}

static void add_query(struct sample *s, const char *name, const char *value)
{
    s->query[s->rq.query_count++] = (struct form_pair){ name, value };
}

static void common(struct sample *s)
{
    *s = (struct sample){ .rq = { .method = "POST" } };
    s->rq.headers = s->headers;
    s->rq.query = s->query;
    set_header(s, "host", "127.0.0.1:41821");
    set_header(s, "x-acs-version", "2019-09-01");
    set_header(s, "user-agent", "AlibabaCloud (linux; x64) Node.js/v20.20.2 Core/1.0.1 TeaDSL/2");
    set_header(s, "x-acs-date", "2026-11-20T23:42:12Z");
    set_header(s, "accept", "application/json");
    set_header(s, "x-acs-credentials-provider", "static_ak");
}

static void start_project(struct sample *s)
{
    common(s);
    set_header(s, "x-acs-action", "StartProject");
    set_header(s, "x-acs-signature-nonce",
               "c631c897f3448d769d1002d1cf38cb486f7a9e1dfaeac42c4bab853acfebba6c");
    set_header(s, "content-type", "application/x-www-form-urlencoded");
    set_header(s, "x-acs-content-sha256", body_hash);
    set_header(s, "Authorization",
               "ACS3-HMAC-SHA256 Credential=LTAItestAK,SignedHeaders=" START_SIGNED ",Signature="
               "5e24c6656735d4f628ecdabca6edfd8b829f5704a479dc5291093c54e95dedda");
}

static void list_labels(struct sample *s)
{
    common(s);
    set_header(s, "x-acs-action", "ListAllLabels");
    set_header(s, "x-acs-signature-nonce",
               "f794bc065ae63848c9c0391b84d6d41e3b8b10a853dfe44a47bb3413fe4cac22");
    set_header(s, "x-acs-content-sha256", empty_hash);
    set_header(s, "Authorization",
               "ACS3-HMAC-SHA256 Credential=LTAItestAK,SignedHeaders=" LIST_SIGNED ",Signature="
               "ad8d96a11c82b44d7c4c7958707737a202ef820beb3730aa3d62bef5f832b245");
}

/* The value has been decoded, as the transport does. */
static void create_label(struct sample *s)
{
    *s = (struct sample){ .rq = { .method = "POST" } };
    s->rq.headers = s->headers;
    s->rq.query = s->query;
    set_header(s, "x-acs-action", "CreateLabel");
    set_header(s, "x-acs-version", "2019-09-01");
    add_query(s, "Action", "CreateLabel");
    add_query(s, "Format", "json");
    add_query(s, "Version", "2019-09-01");
    add_query(s, "Timestamp", "2026-11-20T23:43:13Z");
    add_query(s, "SignatureNonce",
              "d398007ec6fb3511e44de5e58c7b5b4720a74f5921bfab8b0fcbcd1151650f50");
    add_query(s, "SignatureMethod", "HMAC-SHA1");
    add_query(s, "SignatureVersion", "1.0");
    add_query(s, "AccessKeyId", "LTAItestAK");
    add_query(s, "Signature", "EMGgU0K+BXFQQs10eLojBcla/X8=");
}

/* ERR_NONE, or what refused it: of reading, of the check. */
static enum err_code read_code(const struct sample *s, int64_t at)
{
    struct sign sign;
    struct err err = { 0 };

    return sign_read(&s->rq, at, &sign, &err) < 0 ? err.code : ERR_NONE;
}

static enum err_code check_code(const struct sample *s, const char *body, const char *secret_text_)
{
    struct sign sign;
    struct err err = { 0 };
    struct form form = { 0 };
    struct secret *secret = NULL;
    enum err_code code = ERR_NONE;

    assert_int_equal(sign_read(&s->rq, now, &sign, &err), 0);
    assert_int_equal(secret_new(secret_text_, strlen(secret_text_), &secret, &err), 0);
    assert_int_equal(form_parse(body, strlen(body), &form, &err), 0);
    if (sign_check(&sign, &s->rq, body, strlen(body), &form, secret, &err) < 0)
        code = err.code;
    secret_free(secret);
    form_done(&form);
    return code;
}

static void vector_of_a_body(void **state)
{
    struct sample s;
    struct sign sign;
    struct err err = { 0 };
    struct strbuf text = STRBUF(65536);

    (void)state;
    start_project(&s);
    assert_int_equal(sign_read(&s.rq, now, &sign, &err), 0);
    assert_int_equal(sign.kind, SIGN_ACS3);
    assert_string_equal(sign.key_id, "LTAItestAK");
    assert_string_equal(sign.action, "StartProject");
    assert_int_equal(sign.date, now);
    sign_acs3_canonical(&sign, &s.rq, &text);
    assert_string_equal(
        strbuf_str(&text),
        "POST\n/\n\ncontent-type:application/x-www-form-urlencoded\nhost:127.0.0.1:41821\n"
        "x-acs-action:StartProject\n"
        "x-acs-content-sha256:9d96742788762030f5a8098365e4a79b1bcadd0c7eb91b5d268e1077c0c27ee9\n"
        "x-acs-credentials-provider:static_ak\nx-acs-date:2026-11-20T23:42:12Z\n"
        "x-acs-signature-nonce:c631c897f3448d769d1002d1cf38cb486f7a9e1dfaeac42c4bab853acfebba6c\n"
        "x-acs-version:2019-09-01\n\n" START_SIGNED
        "\n9d96742788762030f5a8098365e4a79b1bcadd0c7eb91b5d268e1077c0c27ee9");
    strbuf_done(&text);
    assert_int_equal(check_code(&s, "Id=np_1", secret_of_vectors), ERR_NONE);
}

static void vector_without_a_body(void **state)
{
    struct sample s;

    (void)state;
    list_labels(&s);
    assert_int_equal(check_code(&s, "", secret_of_vectors), ERR_NONE);
}

static void vector_of_the_older_kind(void **state)
{
    static const char body[] = "Name=a%20b*~'%E4%B8%AD";
    struct sample s;
    struct form form = { 0 };
    struct strbuf text = STRBUF(65536);
    struct err err = { 0 };

    (void)state;
    create_label(&s);
    assert_int_equal(form_parse(body, strlen(body), &form, &err), 0);
    sign_legacy_text(&s.rq, &form, &text);
    assert_string_equal(
        strbuf_str(&text),
        "POST&%2F&AccessKeyId%3DLTAItestAK%26Action%3DCreateLabel%26Format%3Djson%26Name%3D"
        "a%2520b%252A~%2527%25E4%25B8%25AD%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D"
        "d398007ec6fb3511e44de5e58c7b5b4720a74f5921bfab8b0fcbcd1151650f50%26SignatureVersion%3D"
        "1.0%26Timestamp%3D2026-11-20T23%253A43%253A13Z%26Version%3D2019-09-01");
    strbuf_done(&text);
    form_done(&form);
    assert_int_equal(check_code(&s, body, secret_of_vectors), ERR_NONE);
    assert_int_equal(check_code(&s, "Name=a", secret_of_vectors), ERR_SIGNATURE);
    assert_int_equal(check_code(&s, body, "testSecretKey124"), ERR_SIGNATURE);
    s.query[0].value = "DeleteLabel"; /* the header says something else */
    assert_int_equal(read_code(&s, now), ERR_UNAUTHORIZED);
    drop_header(&s, "x-acs-action");
    assert_int_equal(check_code(&s, body, secret_of_vectors), ERR_SIGNATURE);
}

/* The URL has "?foo=a%20b*~" where the signature's text has "foo=a%20b%2A~" (1.6, step 3). */
static void query_is_encoded_anew(void **state)
{
    struct sample s;
    struct sign sign;
    struct err err = { 0 };
    struct strbuf text = STRBUF(65536);

    (void)state;
    start_project(&s);
    add_query(&s, "foo", "a b*~!'()");
    add_query(&s, "Empty", "");
    assert_int_equal(sign_read(&s.rq, now, &sign, &err), 0);
    sign_acs3_canonical(&sign, &s.rq, &text);
    assert_non_null(
        strstr(strbuf_str(&text), "POST\n/\nEmpty=&foo=a%20b%2A~%21%27%28%29\ncontent-type:"));
    strbuf_done(&text);
}

static void several_values_of_a_header(void **state)
{
    struct sample s;
    struct sign sign;
    struct err err = { 0 };
    struct strbuf text = STRBUF(65536);

    (void)state;
    start_project(&s);
    s.headers[s.rq.header_count++] = (struct form_pair){ "X-Acs-Version", " \t2018 " };
    assert_int_equal(sign_read(&s.rq, now, &sign, &err), 0);
    sign_acs3_canonical(&sign, &s.rq, &text);
    assert_non_null(strstr(strbuf_str(&text), "\nx-acs-version:2018,2019-09-01\n"));
    strbuf_done(&text);
}

static void changed_requests_do_not_pass(void **state)
{
    static const struct {
        const char *header, *value;
    } changes[] = {
        { "x-acs-action", "DeleteProject" },
        { "host", "127.0.0.1:41822" },
        { "x-acs-date", "2026-11-20T23:42:13Z" },
        { "x-acs-signature-nonce", "c631" },
        { "content-type", "application/x-www-form-urlencoded; charset=utf-8" },
        { "x-acs-credentials-provider", "other" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct sample s;
        start_project(&s);
        set_header(&s, changes[i].header, changes[i].value);
        assert_int_equal(check_code(&s, "Id=np_1", secret_of_vectors), ERR_SIGNATURE);
    }
    for (int i = 0; i < 3; i++) {
        struct sample s;
        start_project(&s);
        if (i == 2)
            set_header(&s, "x-acs-content-sha256", empty_hash);
        assert_int_equal(check_code(&s,
                                    i == 0   ? "Id=np_2"
                                    : i == 1 ? "Id=np_1"
                                             : "",
                                    i == 1 ? "testSecretKey12" : secret_of_vectors),
                         ERR_SIGNATURE);
    }
}

static void what_decides_must_be_signed(void **state)
{
    static const char *const lists[] = {
        "content-type;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce",
        "host;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce",
        "host;x-acs-action;x-acs-date;x-acs-signature-nonce",
        "host;x-acs-action;x-acs-content-sha256;x-acs-signature-nonce",
        "host;x-acs-action;x-acs-content-sha256;x-acs-date",
        "",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        char header[512];
        struct sample s;
        start_project(&s);
        (void)snprintf(header, sizeof(header),
                       "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=%s,Signature=00", lists[i]);
        set_header(&s, "Authorization", header);
        assert_int_equal(read_code(&s, now), ERR_UNAUTHORIZED);
    }
}

static void other_credentials_are_told_apart(void **state)
{
    static const struct {
        const char *header, *value;
        enum err_code code;
    } cases[] = {
        { "Authorization", "Basic YWRtaW46cm9vdA==", ERR_UNAUTHORIZED },
        { "Authorization", "ACS3-HMAC-SM3 Credential=a,SignedHeaders=b,Signature=c",
          ERR_NOT_SUPPORTED },
        { "Authorization", "ACS3-RSA-SHA256 Credential=a,SignedHeaders=b,Signature=c",
          ERR_NOT_SUPPORTED },
        { "Authorization", "Bearer x", ERR_NOT_SUPPORTED },
        { "Authorization", "", ERR_UNAUTHORIZED },
        { "Authorization", "ACS3-HMAC-SHA256", ERR_UNAUTHORIZED },
        { "Authorization", "ACS3-HMAC-SHA256 ", ERR_UNAUTHORIZED },
        { "Authorization",
          "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", ERR_UNAUTHORIZED },
        { "x-acs-bearer-token", "t", ERR_NOT_SUPPORTED },
        { "x-acs-security-token", "t", ERR_NOT_SUPPORTED },
        { "x-acs-date", "2026-11-20", ERR_PARAM },
        { "x-acs-version", "2020-01-01", ERR_PARAM },
        { "x-acs-signature-nonce", "", ERR_PARAM },
        { "x-acs-action", "", ERR_UNKNOWN_ACTION },
    };
    struct sample s;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start_project(&s);
        set_header(&s, cases[i].header, cases[i].value);
        assert_int_equal(read_code(&s, now), cases[i].code);
    }
    start_project(&s);
    drop_header(&s, "Authorization");
    assert_int_equal(read_code(&s, now), ERR_UNAUTHORIZED);
    add_query(&s, "SignatureType", "BEARERTOKEN");
    assert_int_equal(read_code(&s, now), ERR_NOT_SUPPORTED);
    create_label(&s);
    add_query(&s, "SecurityToken", "t");
    assert_int_equal(read_code(&s, now), ERR_NOT_SUPPORTED);
    create_label(&s);
    s.query[5].value = "HMAC-SHA256";
    assert_int_equal(read_code(&s, now), ERR_NOT_SUPPORTED);
}

static void fifteen_minutes_apart(void **state)
{
    struct sample s;
    struct sign sign;
    struct err err = { 0 };

    (void)state;
    start_project(&s);
    assert_int_equal(read_code(&s, now + 900), ERR_NONE);
    assert_int_equal(read_code(&s, now - 900), ERR_NONE);
    assert_int_equal(read_code(&s, now + 901), ERR_SIGNATURE_DATE);
    assert_int_equal(sign_read(&s.rq, now - 901, &sign, &err), -1);
    assert_int_equal(err.code, ERR_SIGNATURE_DATE);
    assert_non_null(strstr(err.message, "dated 2026-11-20T23:42:12Z"));
    assert_non_null(strstr(err.message, "server's time is 2026-11-20T23:27:11Z"));
    create_label(&s);
    assert_int_equal(read_code(&s, now + 2000), ERR_SIGNATURE_DATE);
}

/* ------------------------------------------------------------------ nonces */

static enum err_code use(struct nonces *n, const char *key, const char *nonce, int64_t date,
                         int64_t at)
{
    struct err err = { 0 };

    return nonces_use(n, key, nonce, date, at, &err) < 0 ? err.code : ERR_NONE;
}

static void a_nonce_is_taken_once(void **state)
{
    struct nonces *n = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(nonces_new(1000, now, &n, &err), 0);
    assert_int_equal(use(n, "k1", "a", now, now), ERR_NONE);
    assert_int_equal(use(n, "k1", "a", now, now), ERR_SIGNATURE_REPLAY);
    assert_int_equal(use(n, "k1", "a", now + 60, now + 60), ERR_SIGNATURE_REPLAY);
    assert_int_equal(use(n, "k2", "a", now, now), ERR_NONE); /* another key's own */
    assert_int_equal(use(n, "k1", "b", now, now), ERR_NONE);
    assert_int_equal(use(n, "k1", "c", now + 900, now), ERR_NONE); /* its clock is ahead */
    /* before this process nothing is known */
    assert_int_equal(use(n, "k1", "d", now - 1, now), ERR_SIGNATURE_REPLAY);
    /* as long as the request itself would be taken, its nonce is known */
    assert_int_equal(use(n, "k1", "a", now, now + 900), ERR_SIGNATURE_REPLAY);
    assert_int_equal(use(n, "k1", "c", now + 900, now + 1800), ERR_SIGNATURE_REPLAY);
    assert_int_equal(use(n, "k1", "a", now + 1000, now + 1000), ERR_NONE);
    nonces_free(n);
}

static void a_full_set_refuses_and_forgets_nothing(void **state)
{
    struct nonces *n = NULL;
    struct err err = { 0 };
    char nonce[32];

    (void)state;
    assert_int_equal(nonces_new(500, now, &n, &err), 0);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(nonce, sizeof(nonce), "n%d", i);
        assert_int_equal(use(n, "k", nonce, now + i, now + i), ERR_NONE);
    }
    assert_int_equal(use(n, "k", "more", now + 500, now + 500), ERR_NONCES_FULL);
    assert_int_equal(use(n, "other", "more", now + 500, now + 500), ERR_NONE);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(nonce, sizeof(nonce), "n%d", i);
        assert_int_equal(use(n, "k", nonce, now + i, now + 500), ERR_SIGNATURE_REPLAY);
    }
    /* the oldest have gone, and there is room again */
    assert_int_equal(use(n, "k", "more", now + 1100, now + 1100), ERR_NONE);
    assert_int_equal(use(n, "k", "n499", now + 499, now + 1100), ERR_SIGNATURE_REPLAY);
    nonces_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_of_a_body),
        cmocka_unit_test(vector_without_a_body),
        cmocka_unit_test(vector_of_the_older_kind),
        cmocka_unit_test(query_is_encoded_anew),
        cmocka_unit_test(several_values_of_a_header),
        cmocka_unit_test(changed_requests_do_not_pass),
        cmocka_unit_test(what_decides_must_be_signed),
        cmocka_unit_test(other_credentials_are_told_apart),
        cmocka_unit_test(fifteen_minutes_apart),
        cmocka_unit_test(a_nonce_is_taken_once),
        cmocka_unit_test(a_full_set_refuses_and_forgets_nothing),
    };
    struct err err = { 0 };

    if (secret_setup(&err) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
