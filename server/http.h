/* HTTP: libmicrohttpd, its limits, and the routes (interface.md, "Programs"). */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdint.h>

#include "api/api.h"
#include "api/auth.h"

struct http;

struct http_options { /* all borrowed */
    struct api *api;
    struct auth *auth;
    struct store *store; /* for /metrics */
    struct flow *flow;   /* for /metrics */
    const char *listen;  /* host:port */
    const char *web_dir; /* or NULL: built in */
    bool metrics_auth;   /* /metrics wants credentials on loopback, too */
    bool tls;            /* tls_open() has been called */
    bool allow_public;
    unsigned threads, max_connections;
    unsigned max_per_peer;              /* connections of one address; 0: no limit of its own */
    unsigned head_s, idle_s, request_s; /* limits of time: conns.h */
    size_t max_body_bytes;
};

/* http_open(): binds, serves nothing yet. Errors: ERR_CONFIG for the address, ERR_IO. */
int http_open(const struct http_options *o, struct http **ret, struct err *err);
int http_start(struct http *h, struct err *err);
const char *http_address(const struct http *h); /* host:port as bound */
void http_refuse(struct http *h);               /* from now on every request gets 503 */
void http_close(struct http *h);
DEFINE_CLEANUP(struct http, http_close)

/* http_listen_parse(): "host:port" or "[v6]:port"; false: not of that form. For its test, too. */
bool http_listen_parse(const char *text, char host[static 256], char port[static 8]);

#endif
