/* Where HTTP as libmicrohttpd takes it is not strict enough, or its own answers are not ours. */
#ifndef SERVER_HTTP_STRICT_H
#define SERVER_HTTP_STRICT_H

#include <microhttpd.h>

#include "base/err.h"

/*
 * http_framing_check() - refuses headers of which two readers may make two different requests
 * (RFC 9112 6.3): several lengths, a length beside chunks, an encoding other than chunks
 *
 * Returns 0, or -1 with ERR_PARAM: answer 400 and close the connection.
 */
int http_framing_check(struct MHD_Connection *conn, struct err *err);

/* http_path(): the path of a request target, without "http://HOST" of the absolute form. */
const char *http_path(const char *url);

#endif
