/*
 * Limits of time of HTTP connections, which libmicrohttpd has none for: it closes one that says
 * nothing, but a client that sends a byte a second may hold its place for ever. Here each
 * connection has so long for the head of a request, for its body and for taking the answer; and
 * when most places are taken, those that have sent no whole head for a second go at once.
 */
#ifndef SERVER_CONNS_H
#define SERVER_CONNS_H

#include <microhttpd.h>

#include "base/err.h"
#include "base/util.h"

struct conns;

struct conns_options {
    unsigned max;     /* connections at once */
    unsigned head_s;  /* for the head of the first request */
    unsigned idle_s;  /* between requests; the head of the next one has head_s on top */
    unsigned total_s; /* for a request's body */
};

/* conns_start(): starts the thread that watches. Errors: ERR_NOMEM, ERR_IO. */
int conns_start(const struct conns_options *o, struct conns **ret, struct err *err);
/* conns_stop(): only after the library has closed all connections. */
void conns_stop(struct conns *c);
DEFINE_CLEANUP(struct conns, conns_stop)

/* For MHD_OPTION_NOTIFY_CONNECTION; cls is the struct conns. */
void conns_notify(void *cls, struct MHD_Connection *conn, void **context,
                  enum MHD_ConnectionNotificationCode what);
/* What a connection's request has come to: the head is there; it is answered; all is sent. */
void conns_body(struct conns *c, struct MHD_Connection *conn);
void conns_answer(struct conns *c, struct MHD_Connection *conn);
void conns_idle(struct conns *c, struct MHD_Connection *conn);

#endif
