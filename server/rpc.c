#include "server/rpc.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/sign.h"
#include "base/clock.h"
#include "base/utf8.h"

#include "base/banned.h"

enum { PAIRS_MAX = 256 }; /* headers, and parameters of the URL */

struct pairs {
    struct form_pair *all;
    size_t count;
    bool bad; /* too many, not UTF-8, a NUL, out of memory */
};

struct rpc {
    struct auth *auth;
    struct pairs headers, query;
    struct sign_request request;
    struct sign sign;
    struct secret *secret;
    struct account who;
};

void rpc_free(struct rpc *r)
{
    if (r == NULL)
        return;
    free(r->headers.all);
    free(r->query.all);
    secret_free(r->secret);
    free(r);
}

/* The texts are the connection's: they live until the request is completed. */
static enum MHD_Result add_pair(void *cls, enum MHD_ValueKind kind, const char *key,
                                size_t key_size, const char *value, size_t value_size)
{
    struct pairs *p = cls;

    (void)kind;
    if (value == NULL) {
        value = "";
        value_size = 0;
    }
    if (p->count == PAIRS_MAX || strlen(key) != key_size || strlen(value) != value_size ||
        !utf8_valid(key, key_size) || !utf8_valid(value, value_size)) {
        p->bad = true;
        return MHD_NO;
    }
    p->all[p->count++] = (struct form_pair){ key, value };
    return MHD_YES;
}

static int collect(struct MHD_Connection *conn, enum MHD_ValueKind kind, const char *what,
                   struct pairs *p, struct err *err)
{
    p->all = calloc(PAIRS_MAX, sizeof(*p->all));
    if (p->all == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)MHD_get_connection_values_n(conn, kind, add_pair, p);
    if (p->bad)
        return err_set(err, ERR_PARAM, "the request's %s must be UTF-8 without NUL, at most %d",
                       what, PAIRS_MAX);
    return 0;
}

static int check_type(const struct sign_request *rq, struct err *err)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = sign_header(rq, "Content-Type");

    if (type == NULL || strncasecmp(type, form, strlen(form)) == 0)
        return 0;
    (void)err_set(err, ERR_PARAM, "the body of POST / must be of type %s, not %.64s", form, type);
    return err_advise(err, "JSON goes to POST /api/v2?Action=NAME with HTTP Basic.");
}

int rpc_begin(struct auth *auth, struct MHD_Connection *conn, const char *peer, struct rpc **ret,
              struct err *err)
{
    _cleanup_(rpc_freep)
    struct rpc *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->auth = auth;
    if (collect(conn, MHD_HEADER_KIND, "headers", &r->headers, err) < 0 ||
        collect(conn, MHD_GET_ARGUMENT_KIND, "parameters", &r->query, err) < 0)
        return -1;
    r->request = (struct sign_request){ .method = "POST",
                                        .headers = r->headers.all,
                                        .header_count = r->headers.count,
                                        .query = r->query.all,
                                        .query_count = r->query.count };
    if (sign_read(&r->request, clock_now_s(), &r->sign, err) < 0 ||
        auth_key(auth, r->sign.key_id, peer, &r->secret, &r->who, err) < 0 ||
        check_type(&r->request, err) < 0)
        return -1;
    *ret = take_ptr(r);
    return 0;
}

static int check(struct rpc *r, struct nonces *nonces, const struct form *form, const char *body,
                 size_t len, struct err *err)
{
    if (sign_check(&r->sign, &r->request, body, len, form, r->secret, err) < 0) {
        if (err->code == ERR_SIGNATURE)
            auth_failed(r->auth, r->who.peer, r->sign.key_id);
        return -1;
    }
    if (nonces_use(nonces, r->sign.key_id, r->sign.nonce, r->sign.date, clock_now_s(), err) == 0)
        return 0;
    if (err->code == ERR_SIGNATURE_REPLAY)
        auth_failed(r->auth, r->who.peer, r->sign.key_id);
    return -1;
}

void rpc_answer(struct rpc *r, struct api *api, struct nonces *nonces, const char *body, size_t len,
                struct api_answer *ret)
{
    struct form_pair query[PAIRS_MAX];
    _cleanup_(form_done)
    struct form form = { 0 };
    struct api_request rq = { .dialect = DIALECT_RPC,
                              .action = r->sign.action,
                              .who = &r->who,
                              .form = &form,
                              .query = query };
    struct err err = { 0 };
    bool legacy = r->sign.kind == SIGN_LEGACY;

    /* the older signature is over the decoded parameters, the newer one over the body's bytes */
    if ((legacy && form_parse(body, len, &form, &err) < 0) ||
        check(r, nonces, &form, body, len, &err) < 0 ||
        (!legacy && form_parse(body, len, &form, &err) < 0)) {
        api_refuse(DIALECT_RPC, &err, ret);
        return;
    }
    for (size_t i = 0; i < r->query.count; i++)
        if (!sign_is_protocol(r->query.all[i].name))
            query[rq.query_count++] = r->query.all[i];
    api_call(api, &rq, ret);
}
