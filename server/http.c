#include "server/http.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "server/conns.h"
#include "server/content.h"
#include "server/http_strict.h"
#include "server/metrics.h"
#include "server/origin.h"
#include "server/rpc.h"
#include "server/tls.h"

#include "base/banned.h"

enum {
    CONNECTION_MEMORY = 32 * 1024,  /* request line and headers of one connection */
    DISCARD_MAX = 64 * 1024 * 1024, /* of a refused body: read so much to get the answer across */
    BACKLOG = 256,
    STATUS_MAX = 600,
    PEER_LEN = 64,
    STREAM_PIECE = 64 * 1024, /* of a file that is downloaded */
    METRICS_MAX = 16 * 1024 * 1024,
    LARGE_BYTES = 128 * 1024, /* of a body or answer: give memory back after it */
};

struct http {
    struct http_options on;
    struct nonces *nonces;
    struct MHD_Daemon *daemon;
    struct conns *conns;
    int fd;
    char address[300];
    bool public; /* the address is not loopback */
    atomic_bool refusing;
    atomic_ullong by_status[STATUS_MAX];
};

struct request {
    struct strbuf body;
    size_t received;
    bool large; /* the body or the answer was */
    bool is_api;
    bool is_rpc;     /* POST /: its failures are of the SDK's dialect */
    struct rpc *rpc; /* NULL: refused */
    struct account who;
    struct err err; /* refused with it, decided before the body is read */
};

struct route {
    const char *path;
    const char *methods; /* as the Allow header names them */
    enum MHD_Result (*serve)(struct http *h, struct MHD_Connection *conn, struct request *r);
};

/* ------------------------------------------------------------------ answers */

static const char csp[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                          "connect-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; "
                          "form-action 'none'; frame-ancestors 'none'";

static const struct {
    const char *name, *value;
} common_headers[] = {
    { "X-Content-Type-Options", "nosniff" }, { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cache-Control", "no-store" },         { "Content-Security-Policy", csp },
};

/* 401 must name what is taken instead (RFC 9110, 11.6.1); browsers ask for what they know. */
static const char basic_challenge[] = "Basic realm=\"causeway\", charset=\"UTF-8\"";
static const char rpc_challenge[] = "ACS3-HMAC-SHA256";

static enum MHD_Result queue_as(struct http *h, struct MHD_Connection *conn, unsigned status,
                                const char *type, bool rpc, struct MHD_Response *response)
{
    enum MHD_Result r;

    if (response == NULL)
        return MHD_NO;
    for (size_t i = 0; i < ARRAY_SIZE(common_headers); i++)
        (void)MHD_add_response_header(response, common_headers[i].name, common_headers[i].value);
    (void)MHD_add_response_header(response, "Content-Type", type);
    if (h->on.tls) /* RFC 6797: a year; browsers heed it for host names only */
        (void)MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
    if (status == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(response, "WWW-Authenticate",
                                      rpc ? rpc_challenge : basic_challenge);
    /* 400 is a request whose framing is not clear; in the SDK's dialect also one with faults */
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE || (status == MHD_HTTP_BAD_REQUEST && !rpc))
        (void)MHD_add_response_header(response, "Connection", "close");
    atomic_fetch_add(&h->by_status[status < STATUS_MAX ? status : 0], 1);
    r = MHD_queue_response(conn, status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result queue(struct http *h, struct MHD_Connection *conn, unsigned status,
                             const char *type, struct MHD_Response *response)
{
    return queue_as(h, conn, status, type, false, response);
}

/* `text` is taken over (malloc'd). */
static enum MHD_Result send_text(struct http *h, struct MHD_Connection *conn, unsigned status,
                                 const char *type, char *text, size_t len)
{
    if (text == NULL)
        return MHD_NO;
    return queue(h, conn, status, type,
                 MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE));
}

/* An error as an envelope; status 0: what the error's code asks for. */
static enum MHD_Result send_error(struct http *h, struct MHD_Connection *conn, unsigned status,
                                  const struct err *err)
{
    struct api_answer a = { 0 };

    api_refuse(DIALECT_OMS, err, &a);
    return send_text(h, conn, status != 0 ? status : (unsigned)a.status, "application/json", a.text,
                     a.len);
}

static enum MHD_Result send_not_found(struct http *h, struct MHD_Connection *conn, const char *path)
{
    struct err err = { 0 };

    (void)err_set(&err, ERR_UNKNOWN_ACTION, "there is no path %.100s", path);
    return send_error(h, conn, MHD_HTTP_NOT_FOUND, &err);
}

static ssize_t read_stream(void *cls, uint64_t at, char *buf, size_t max)
{
    struct api_stream *s = cls;
    ssize_t n = s->read(s->ctx, buf, max);

    (void)at;
    /* a connection that breaks off is how a client learns that the file is not whole */
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void done_stream(void *cls)
{
    struct api_stream *s = cls;

    s->done(s->ctx);
    free(s);
}

static enum MHD_Result send_stream(struct http *h, struct MHD_Connection *conn,
                                   const struct api_stream *stream)
{
    struct api_stream *s = malloc(sizeof(*s));
    struct MHD_Response *response = NULL;
    char disposition[sizeof(stream->file_name) + 64];

    if (s != NULL) {
        *s = *stream;
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_PIECE, read_stream, s,
                                                     done_stream);
    }
    if (response == NULL) {
        stream->done(stream->ctx);
        free(s);
        return MHD_NO;
    }
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=%s", s->file_name);
    (void)MHD_add_response_header(response, "Content-Disposition", disposition);
    return queue(h, conn, MHD_HTTP_OK, s->type, response);
}

/* ------------------------------------------------------------------ routes */

/* What an action has answered, in either dialect. */
static enum MHD_Result send_answer(struct http *h, struct MHD_Connection *conn, struct request *r,
                                   const struct api_answer *a, bool rpc)
{
    char seconds[16], ms[16];
    struct MHD_Response *response;

    if (a->stream.read != NULL)
        return send_stream(h, conn, &a->stream);
    if (a->text == NULL)
        return MHD_NO;
    r->large = a->len > LARGE_BYTES;
    response = MHD_create_response_from_buffer(a->len, a->text, MHD_RESPMEM_MUST_FREE);
    if (response != NULL && a->retry_after_s > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%d", a->retry_after_s);
        (void)snprintf(ms, sizeof(ms), "%d", a->retry_after_s * 1000);
        (void)MHD_add_response_header(response, "Retry-After", seconds);
        (void)MHD_add_response_header(response, "x-acs-retry-after", ms); /* oms-api.md 1.8 */
    }
    return queue_as(h, conn, (unsigned)a->status, "application/json", rpc, response);
}

static enum MHD_Result serve_api(struct http *h, struct MHD_Connection *conn, struct request *r)
{
    const char *action = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, "Action");
    struct api_answer a = { 0 };
    struct api_request rq;

    if (action == NULL) {
        struct err err = { 0 };
        (void)err_set(&err, ERR_UNKNOWN_ACTION, "the query parameter Action is missing");
        return send_error(h, conn, 0, &err);
    }
    rq = (struct api_request){
        .action = action, .who = &r->who, .body = strbuf_str(&r->body), .len = r->body.len
    };
    api_call(h->on.api, &rq, &a);
    return send_answer(h, conn, r, &a, false);
}

static enum MHD_Result serve_rpc(struct http *h, struct MHD_Connection *conn, struct request *r)
{
    struct api_answer a = { 0 };

    if (r->err.code != ERR_NONE)
        api_refuse(DIALECT_RPC, &r->err, &a);
    else
        rpc_answer(r->rpc, h->on.api, h->nonces, strbuf_str(&r->body), r->body.len, &a);
    return send_answer(h, conn, r, &a, true);
}

static enum MHD_Result serve_health(struct http *h, struct MHD_Connection *conn, struct request *r)
{
    static const char ok[] = "{\"status\":\"ok\"}";

    (void)r;
    return send_text(h, conn, MHD_HTTP_OK, "application/json", strdup(ok), strlen(ok));
}

static enum MHD_Result serve_metrics(struct http *h, struct MHD_Connection *conn, struct request *r)
{
    _cleanup_(strbuf_done)
    struct strbuf b = STRBUF(METRICS_MAX);
    struct err err = { 0 };
    char *text = NULL;
    size_t len;

    (void)r;
    if (metrics_add(h->on.store, h->on.flow, &b, &err) < 0)
        return send_error(h, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, &err);
    api_metrics(h->on.api, &b);
    strbuf_adds(&b, "# HELP causeway_http_responses_total Answers by HTTP status.\n"
                    "# TYPE causeway_http_responses_total counter\n");
    for (unsigned i = 0; i < STATUS_MAX; i++)
        if (atomic_load(&h->by_status[i]) > 0)
            strbuf_addf(&b, "causeway_http_responses_total{status=\"%u\"} %llu\n", i,
                        (unsigned long long)atomic_load(&h->by_status[i]));
    len = b.len;
    if (strbuf_take(&b, &text, &err) < 0)
        return send_error(h, conn, MHD_HTTP_INTERNAL_SERVER_ERROR, &err);
    return send_text(h, conn, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len);
}

static enum MHD_Result serve_content(struct http *h, struct MHD_Connection *conn, const char *path)
{
    struct content c;

    if (!content_get(h->on.web_dir, path, &c))
        return send_not_found(h, conn, path);
    return send_text(h, conn, MHD_HTTP_OK, c.type, c.data, c.len);
}

static const struct route routes[] = {
    { "/api/v2", "POST", serve_api },
    { "/api/v2/", "POST", serve_api },
    { "/healthz", "GET, HEAD", serve_health },
    { "/metrics", "GET, HEAD", serve_metrics },
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

static enum MHD_Result send_not_allowed(struct http *h, struct MHD_Connection *conn,
                                        const char *methods)
{
    struct err err = { 0 };
    struct api_answer a = { 0 };
    struct MHD_Response *response;

    (void)err_set(&err, ERR_UNKNOWN_ACTION, "this path takes %s only", methods);
    api_refuse(DIALECT_OMS, &err, &a);
    if (a.text == NULL)
        return MHD_NO;
    response = MHD_create_response_from_buffer(a.len, a.text, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        (void)MHD_add_response_header(response, "Allow", methods);
    return queue(h, conn, MHD_HTTP_METHOD_NOT_ALLOWED, "application/json", response);
}

/* `method` is one of the words of "GET, HEAD". */
static bool is_allowed(const char *methods, const char *method)
{
    size_t len = strlen(method);

    for (const char *m = methods; m != NULL; m = strchr(m, ',') == NULL ? NULL : strchr(m, ',') + 2)
        if (strncmp(m, method, len) == 0 && (m[len] == ',' || m[len] == '\0'))
            return true;
    return false;
}

static enum MHD_Result dispatch(struct http *h, struct MHD_Connection *conn, const char *method,
                                const char *path, struct request *r)
{
    const struct route *route = find_route(path);
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

    if (r->is_rpc)
        return serve_rpc(h, conn, r);
    if (r->err.code != ERR_NONE)
        return send_error(h, conn, 0, &r->err);
    if (route != NULL) {
        if (!is_allowed(route->methods, method))
            return send_not_allowed(h, conn, route->methods);
        return route->serve(h, conn, r);
    }
    if (!reads) {
        struct content c;
        bool there = content_get(h->on.web_dir, path, &c);
        free(c.data);
        return there ? send_not_allowed(h, conn,
                                        strcmp(path, "/") == 0 ? "GET, HEAD, POST" : "GET, HEAD")
                     : send_not_found(h, conn, path);
    }
    return serve_content(h, conn, path);
}

/* ------------------------------------------------------------------ receiving */

static void peer_text(struct MHD_Connection *conn, char buf[static PEER_LEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info == NULL ? NULL : info->client_addr;

    (void)snprintf(buf, PEER_LEN, "unknown");
    if (sa != NULL && sa->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, buf,
                        PEER_LEN);
    if (sa != NULL && sa->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, buf,
                        PEER_LEN);
}

static const char *header(struct MHD_Connection *conn, const char *name)
{
    return MHD_lookup_connection_value(conn, MHD_HEADER_KIND, name);
}

static bool is_foreign(struct MHD_Connection *conn)
{
    const struct origin o = { .fetch_site = header(conn, "Sec-Fetch-Site"),
                              .origin = header(conn, "Origin"),
                              .referer = header(conn, "Referer"),
                              .host = header(conn, "Host"),
                              .content_type = header(conn, "Content-Type"),
                              .user_agent = header(conn, "User-Agent") };

    return origin_is_foreign(&o);
}

/*
 * Refuses before the body is kept: an unknown caller must not cost memory. The answer waits for
 * the end of the body, because most clients read nothing before they have sent everything.
 */
static void begin(struct http *h, struct MHD_Connection *conn, const char *method, const char *path,
                  struct request *r)
{
    const char *length = header(conn, "Content-Length");
    char peer[PEER_LEN];
    int64_t len;

    r->is_rpc = strcmp(path, "/") == 0 && strcmp(method, "POST") == 0;
    if (atomic_load(&h->refusing)) {
        (void)err_set(&r->err, ERR_STOPPING, "the daemon is stopping");
        return;
    }
    if (length != NULL &&
        (!num_parse_i64(length, 0, INT64_MAX, &len) || (uint64_t)len > h->on.max_body_bytes)) {
        (void)err_set(&r->err, ERR_BODY_TOO_LARGE, "the body is larger than %zu bytes",
                      h->on.max_body_bytes);
        return;
    }
    r->is_api = strcmp(path, "/api/v2") == 0 || strcmp(path, "/api/v2/") == 0;
    peer_text(conn, peer);
    /* names of projects are for whoever is on this machine, or has an account */
    if (strcmp(path, "/metrics") == 0 && (h->public || h->on.metrics_auth))
        (void)auth_basic(h->on.auth, header(conn, "Authorization"), peer, &r->who, &r->err);
    if (!r->is_api && !r->is_rpc)
        return;
    if (is_foreign(conn))
        (void)err_set(&r->err, ERR_FORBIDDEN, "calls from pages of other sites are refused");
    else if (r->is_rpc)
        (void)rpc_begin(h->on.auth, conn, peer, &r->rpc, &r->err);
    else if (auth_basic(h->on.auth, header(conn, "Authorization"), peer, &r->who, &r->err) < 0)
        return;
}

static enum MHD_Result receive(struct http *h, struct request *r, const char *data, size_t *len)
{
    size_t n = *len;

    *len = 0;
    r->received += n;
    if (r->received > DISCARD_MAX)
        return MHD_NO; /* closes the connection */
    if (r->received > h->on.max_body_bytes && r->err.code == ERR_NONE)
        (void)err_set(&r->err, ERR_BODY_TOO_LARGE, "the body is larger than %zu bytes",
                      h->on.max_body_bytes);
    if (r->err.code != ERR_NONE || (!r->is_api && !r->is_rpc))
        strbuf_done(&r->body); /* read and thrown away */
    else
        strbuf_add(&r->body, data, n);
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **ctx)
{
    struct http *h = cls;
    struct request *r = *ctx;
    enum MHD_Result result;

    (void)version;
    if (r == NULL) {
        r = calloc(1, sizeof(*r));
        if (r == NULL)
            return MHD_NO;
        r->body.max = h->on.max_body_bytes;
        *ctx = r;
        conns_body(h->conns, conn);
        if (http_framing_check(conn, &r->err) < 0)
            return send_error(h, conn, MHD_HTTP_BAD_REQUEST, &r->err);
        begin(h, conn, method, http_path(url), r);
        if (r->err.code != ERR_NONE && header(conn, "Expect") != NULL)
            return r->is_rpc ? serve_rpc(h, conn, r)
                             : send_error(h, conn, 0,
                                          &r->err); /* it waits for this before it sends more */
        return MHD_YES;
    }
    if (*data_len > 0)
        return receive(h, r, data, data_len);
    if (atomic_load(&h->refusing) && r->err.code == ERR_NONE)
        (void)err_set(&r->err, ERR_STOPPING, "the daemon is stopping");
    if (!strbuf_ok(&r->body) && r->err.code == ERR_NONE)
        (void)err_set(&r->err, ERR_NOMEM, "out of memory");
    conns_answer(h->conns, conn);
    result = dispatch(h, conn, method, http_path(url), r);
    r->large = r->large || r->body.len > LARGE_BYTES;
    strbuf_done(&r->body); /* a large body need not wait for a slow reader of the answer */
    return result;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
                         enum MHD_RequestTerminationCode why)
{
    struct http *h = cls;
    struct request *r = *ctx;
    bool large;

    (void)why;
    conns_idle(h->conns, conn);
    if (r == NULL)
        return;
    large = r->large;
    rpc_free(r->rpc);
    strbuf_done(&r->body);
    free(r);
    *ctx = NULL;
    if (large) /* a selection of 50,000 tables is 100 MiB of small objects for a moment */
        (void)malloc_trim(0);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
    char text[256], quoted[LOG_QUOTED_MAX];

    (void)cls;
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("http", "library", "text=%s", log_q(text, quoted));
}

/* ------------------------------------------------------------------ life */

bool http_listen_parse(const char *text, char host[static 256], char port[static 8])
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    int64_t n;

    if (colon == NULL || !num_parse_i64(colon + 1, 0, 65535, &n) || strlen(colon + 1) > 5)
        return false;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return false; /* an IPv6 address without brackets */
    }
    if (len == 0 || len > 255)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    (void)snprintf(port, 8, "%s", colon + 1);
    return true;
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24) ==
               127;
    return sa->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static void addrinfop(struct addrinfo **a)
{
    if (*a != NULL)
        freeaddrinfo(*a);
}

static int bound_address(struct http *h, struct err *err)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = sizeof(sa);
    char host[INET6_ADDRSTRLEN + 1], port[8];
    int r;

    if (getsockname(h->fd, (struct sockaddr *)&sa, &len) < 0)
        return err_set_sys(err, ERR_IO, "getsockname");
    r = getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV);
    if (r != 0)
        return err_set(err, ERR_IO, "getnameinfo: %s", gai_strerror(r));
    (void)snprintf(h->address, sizeof(h->address), sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
                   host, port);
    return 0;
}

static int bind_socket(struct http *h, struct err *err)
{
    _cleanup_(addrinfop)
    struct addrinfo *found = NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    char host[256], port[8];
    int one = 1, r;

    if (!http_listen_parse(h->on.listen, host, port))
        return err_set(err, ERR_CONFIG, "listen: \"%.100s\" is not HOST:PORT", h->on.listen);
    r = getaddrinfo(host, port, &hints, &found);
    if (r != 0)
        return err_set(err, ERR_CONFIG, "listen: %s: %s", host, gai_strerror(r));
    h->public = !is_loopback(found->ai_addr);
    if (h->public && !h->on.tls && !h->on.allow_public) {
        (void)err_set(err, ERR_CONFIG,
                      "listen: %s is not a loopback address, and passwords would travel in clear",
                      host);
        return err_advise(err, "Set tls_cert_file and tls_key_file, put a TLS proxy in front of a "
                               "loopback address, or set allow_public_plaintext = true.");
    }
    h->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (h->fd < 0)
        return err_set_sys(err, ERR_IO, "socket");
    (void)setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(h->fd, found->ai_addr, found->ai_addrlen) < 0)
        return err_set_sys(err, ERR_CONFIG, "listen: bind %s", h->on.listen);
    if (listen(h->fd, BACKLOG) < 0)
        return err_set_sys(err, ERR_IO, "listen on %s", h->on.listen);
    return bound_address(h, err);
}

int http_open(const struct http_options *o, struct http **ret, struct err *err)
{
    _cleanup_(http_closep)
    struct http *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    h->on = *o;
    h->fd = -1;
    if (bind_socket(h, err) < 0 || nonces_new(NONCES_MAX, clock_now_s(), &h->nonces, err) < 0)
        return -1;
    *ret = take_ptr(h);
    return 0;
}

int http_start(struct http *h, struct err *err)
{
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_LISTEN_SOCKET, h->fd, NULL },
        { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)h->on.max_connections, NULL },
        { MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)h->on.max_per_peer, NULL },
        { MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)h->on.idle_s, NULL },
        { MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
        { MHD_OPTION_END, 0, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

    struct conns_options limits = { .max = h->on.max_connections,
                                    .head_s = h->on.head_s,
                                    .idle_s = h->on.idle_s,
                                    .total_s = h->on.request_s };

    if (conns_start(&limits, &h->conns, err) < 0)
        return -1;
    if (h->on.threads > 1) /* a pool of one is refused */
        options[5] =
            (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)h->on.threads, NULL };
    if (h->on.tls)
        flags |= MHD_USE_TLS;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, conns_notify,
        h->conns, MHD_OPTION_ARRAY, options,
        h->on.tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, tls_certificate,
        MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_END);
    if (h->daemon == NULL)
        return err_set_sys(err, ERR_IO, "start to serve on %s", h->address);
    h->fd = -1; /* now the library's */
    return 0;
}

const char *http_address(const struct http *h)
{
    return h->address;
}

void http_refuse(struct http *h)
{
    atomic_store(&h->refusing, true);
}

void http_close(struct http *h)
{
    if (h == NULL)
        return;
    if (h->daemon != NULL)
        MHD_stop_daemon(h->daemon);
    conns_stop(h->conns);
    closep(&h->fd);
    nonces_free(h->nonces);
    free(h);
}
