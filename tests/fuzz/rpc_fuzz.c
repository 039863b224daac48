/*
 * POST / of the SDK's dialect without the transport: headers and the URL's parameters, the
 * signature, the form body, and the answer's names. The input is lines "Name: value" (headers, and
 * "?Name: value" of the URL), an empty line and the body. Each must end with a value or an error;
 * nothing may crash, hang or grow without bound, and every answer is JSON.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/envelope.h"
#include "api/project_body.h"
#include "api/rpc.h"
#include "api/sign.h"
#include "base/json.h"
#include "base/utf8.h"

#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAIRS_MAX = 64, DEPTH = 64 };
static const int64_t now = 1795218132; /* of the vectors of oms-api.md 1.6 */

struct input {
    struct form_pair headers[PAIRS_MAX], query[PAIRS_MAX];
    struct sign_request rq;
    const char *body;
};

/* Cuts the text into lines in place; the transport's own checks (UTF-8, no NUL) are made before. */
static void cut(char *text, struct input *in)
{
    char *end;

    for (; *text != '\0' && *text != '\n'; text = end) {
        char *colon;
        end = strchr(text, '\n');
        if (end != NULL)
            *end++ = '\0';
        else
            end = text + strlen(text);
        colon = strstr(text, ": ");
        if (colon == NULL)
            continue;
        *colon = '\0';
        if (*text == '?' && in->rq.query_count < PAIRS_MAX)
            in->query[in->rq.query_count++] = (struct form_pair){ text + 1, colon + 2 };
        else if (*text != '?' && in->rq.header_count < PAIRS_MAX)
            in->headers[in->rq.header_count++] = (struct form_pair){ text, colon + 2 };
    }
    in->body = *text == '\n' ? text + 1 : text;
}

/* What a client would get for it: JSON, whatever the message holds. */
static void answer(const struct err *err, struct json_object *faults)
{
    struct envelope e = { .request_id = "r_1" };
    _cleanup_(json_putp)
    struct json_object *oms = envelope_error(&e, err, faults), *rpc = rpc_envelope(oms, err),
                       *again = NULL;
    const char *text = json_text(rpc);
    struct err bad = { 0 };

    if (json_parse(text, strlen(text), DEPTH, &again, &bad) < 0)
        abort();
    if (rpc_http_status(err->code) < 400)
        abort();
}

static int read_signature(const struct input *in, const struct form *form, struct err *err)
{
    _cleanup_(secret_freep)
    struct secret *secret = NULL;
    struct sign sign;

    if (sign_read(&in->rq, now, &sign, err) < 0 ||
        secret_new("testSecretKey123", 16, &secret, err) < 0)
        return -1;
    return sign_check(&sign, &in->rq, in->body, strlen(in->body), form, secret, err);
}

static int read_body(const struct input *in, const struct form *form, struct faults *faults,
                     struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *sent = NULL, *body = NULL;

    if (form_to_json(form, in->query, in->rq.query_count, create_project_fields, faults, &sent,
                     err) < 0 ||
        faults_raise(faults, err) < 0 ||
        fields_read(create_project_fields, sent, "", faults, &body, err) < 0 ||
        project_body_check(body, faults, err) < 0)
        return -1;
    return faults_raise(faults, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { .rq = { .method = "POST" } };
    struct faults faults = { 0 };
    struct form form = { 0 };
    struct err err = { 0 };
    char *text = strndup((const char *)data, size);

    if (text == NULL || !utf8_valid(text, strlen(text))) {
        free(text);
        return 0;
    }
    in.rq.headers = in.headers;
    in.rq.query = in.query;
    cut(text, &in);
    if (form_parse(in.body, strlen(in.body), &form, &err) < 0)
        answer(&err, NULL);
    if (read_signature(&in, &form, &err) < 0)
        answer(&err, NULL);
    if (read_body(&in, &form, &faults, &err) < 0)
        answer(&err, faults.list);
    form_done(&form);
    faults_done(&faults);
    free(text);
    return 0;
}
