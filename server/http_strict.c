#include "server/http_strict.h"

#include <string.h>
#include <strings.h>

#include "api/api.h"

#include "base/banned.h"

struct framing {
    unsigned lengths, encodings;
    bool chunked;
};

static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *key,
                               const char *value)
{
    struct framing *f = cls;

    (void)kind;
    if (strcasecmp(key, "Content-Length") == 0)
        f->lengths++;
    if (strcasecmp(key, "Transfer-Encoding") == 0) {
        f->encodings++;
        f->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

int http_framing_check(struct MHD_Connection *conn, struct err *err)
{
    struct framing f = { 0 };

    (void)MHD_get_connection_values(conn, MHD_HEADER_KIND, look_at, &f);
    if (f.lengths > 1 || f.encodings > 1 || (f.lengths > 0 && f.encodings > 0))
        return err_set(err, ERR_PARAM, "the headers give the body's length more than once");
    if (f.encodings > 0 && !f.chunked)
        return err_set(err, ERR_PARAM, "a Transfer-Encoding other than chunked");
    return 0;
}

const char *http_path(const char *url)
{
    const char *host = strncasecmp(url, "http://", 7) == 0    ? url + 7
                       : strncasecmp(url, "https://", 8) == 0 ? url + 8
                                                              : NULL;

    if (host == NULL)
        return url;
    host += strcspn(host, "/");
    return *host == '\0' ? "/" : host;
}

/*
 * What libmicrohttpd answers by itself, to requests that are no HTTP or too large, is HTML, and it
 * has no option for that. It makes these answers, and nothing else, with a public function of its
 * own that it calls as everybody does, through the dynamic symbol table: a definition in the
 * program comes first. So this is that function, and ours are made with its newer relative
 * (http.c). Should a build of the library bind its own symbols, those answers are HTML again;
 * http_test.py would tell.
 */
struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    const char *page = buffer;
    struct MHD_Response *response;
    struct api_answer a = { 0 };
    struct err err = { 0 };

    if (mode != MHD_RESPMEM_PERSISTENT)
        return MHD_create_response_from_buffer_with_free_callback(size, buffer, free);
    /* for these the library (0.9.75) would send the head of the answer twice: rather close */
    if (strstr(page, "<b>Content-Length</b>") != NULL)
        return NULL;
    if (strstr(page, "too big") != NULL || strstr(page, "too large") != NULL)
        (void)err_set(&err, ERR_BODY_TOO_LARGE,
                      "the request line, headers or a chunk are too large");
    else if (strstr(page, "version") != NULL)
        (void)err_set(&err, ERR_PARAM, "this server speaks HTTP/1.0 and HTTP/1.1");
    else
        (void)err_set(&err, ERR_PARAM, "the request is not valid HTTP");
    api_refuse(DIALECT_OMS, &err, &a);
    if (a.text == NULL)
        return NULL;
    response = MHD_create_response_from_buffer_with_free_callback(a.len, a.text, free);
    if (response != NULL)
        (void)MHD_add_response_header(response, "Content-Type", "application/json");
    return response;
}
