#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include <curl/curl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/strbuf.h"

#include "base/banned.h"

enum {
    CONNECT_S = 10,
    CALL_S = 60,
    DOWNLOAD_S = 3600,
    ANSWER_MAX = 256 * 1024 * 1024,
    FILE_MAX_BYTES = 64 * 1024,
    JSON_DEPTH = 64,
};

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char *url; /* without a slash at the end */
};

static void slistp(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

/* ------------------------------------------------------------------ credentials */

static int use_credentials(struct client *c, const char *user, const char *password,
                           struct err *err)
{
    if (curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) != CURLE_OK ||
        curl_easy_setopt(c->curl, CURLOPT_USERNAME, user) != CURLE_OK ||
        curl_easy_setopt(c->curl, CURLOPT_PASSWORD, password) != CURLE_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int credentials_of_file(struct client *c, const char *path, struct err *err)
{
    _cleanup_(freep)
    char *text = NULL;
    _cleanup_(json_putp)
    struct json_object *o = NULL;
    const char *user, *password;
    size_t len;
    int r;

    if (fs_read_all(path, FILE_MAX_BYTES, &text, &len, err) < 0)
        return -1;
    r = json_parse(text, len, 4, &o, err);
    explicit_bzero(text, len);
    if (r < 0)
        return err_wrap(err, "%s", path);
    user = json_get_str(o, "username", NULL);
    password = json_get_str(o, "password", NULL);
    if (user == NULL || password == NULL)
        return err_set(err, ERR_PARAM, "%s has no username and password", path);
    return use_credentials(c, user, password, err);
}

/* Never an argument: other users of the machine can read those. */
static int credentials_of_terminal(struct client *c, const char *user, struct err *err)
{
    char line[1024];
    struct termios before, quiet;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    bool got;
    int r;

    if (terminal) {
        (void)fprintf(stderr, "Password of %s: ", user);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    got = fgets(line, sizeof(line), stdin) != NULL;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    if (!got)
        return err_set(err, ERR_PARAM, "no password was given");
    line[strcspn(line, "\r\n")] = '\0';
    r = use_credentials(c, user, line, err);
    explicit_bzero(line, sizeof(line));
    return r;
}

static int find_credentials(struct client *c, const struct client_options *o, struct err *err)
{
    char path[PATH_MAX];

    if (o->credentials != NULL)
        return credentials_of_file(c, o->credentials, err);
    if (o->user != NULL)
        return credentials_of_terminal(c, o->user, err);
    if (o->data_dir == NULL)
        return err_set(err, ERR_PARAM,
                       "no credentials: give --data-dir, --credentials FILE or --user NAME");
    (void)snprintf(path, sizeof(path), "%s/initial-credentials.json", o->data_dir);
    return credentials_of_file(c, path, err);
}

static int find_server(struct client *c, const struct client_options *o, struct err *err)
{
    _cleanup_(freep)
    char *address = NULL;
    char path[PATH_MAX], url[PATH_MAX];
    size_t len;

    if (o->server != NULL) {
        (void)snprintf(url, sizeof(url), strstr(o->server, "://") == NULL ? "http://%s" : "%s",
                       o->server);
    } else if (o->data_dir != NULL) {
        (void)snprintf(path, sizeof(path), "%s/listen", o->data_dir);
        if (fs_read_all(path, FILE_MAX_BYTES, &address, &len, err) < 0)
            return err_wrap(err, "no causewayd serves there");
        address[strcspn(address, "\r\n")] = '\0';
        (void)snprintf(url, sizeof(url), "http://%s", address);
    } else {
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:8089");
    }
    while (*url != '\0' && url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    c->url = strdup(url);
    return c->url == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* ------------------------------------------------------------------ life */

int client_new(const struct client_options *o, struct client **ret, struct err *err)
{
    _cleanup_(client_freep)
    struct client *c = calloc(1, sizeof(*c));
    _cleanup_(slistp)
    struct curl_slist *list = NULL;

    if (c == NULL || (c->curl = curl_easy_init()) == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    list = curl_slist_append(NULL, "Content-Type: application/json");
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->headers = take_ptr(list);
    if (find_server(c, o, err) < 0 || find_credentials(c, o, err) < 0)
        return -1;
    (void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
    (void)curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)CALL_S);
    *ret = take_ptr(c);
    return 0;
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    free(c->url);
    free(c);
}

/* ------------------------------------------------------------------ calls */

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
    struct strbuf *b = ctx;

    strbuf_add(b, data, size * count);
    return strbuf_ok(b) ? size * count : 0;
}

/* Where an action is, and what it is sent; the receiver's are set by the caller. */
static int prepare(struct client *c, const char *action, const char *body, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf url = STRBUF(4096);
    char *escaped = curl_easy_escape(c->curl, action, 0);

    strbuf_addf(&url, "%s/api/v2?Action=%s", c->url, escaped == NULL ? "" : escaped);
    curl_free(escaped);
    if (strbuf_check(&url, err) < 0)
        return -1;
    (void)curl_easy_setopt(c->curl, CURLOPT_URL, strbuf_str(&url));
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
    return 0;
}

static int perform(struct client *c, size_t (*receive)(char *, size_t, size_t, void *), void *ctx,
                   struct err *err)
{
    CURLcode r;

    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ctx);
    r = curl_easy_perform(c->curl);
    return r == CURLE_OK ? 0 : err_set(err, ERR_IO, "%s: %s", c->url, curl_easy_strerror(r));
}

static int parse_envelope(const struct client *c, const struct strbuf *answer,
                          struct json_object **ret, struct err *err)
{
    if (json_parse(strbuf_str(answer), answer->len, JSON_DEPTH, ret, err) < 0)
        return err_set(err, ERR_IO, "%s did not answer in JSON: is it a causewayd?", c->url);
    return 0;
}

/* What an envelope without success says. */
static int refused(const char *action, struct json_object *answer, struct err *err)
{
    const char *code = json_get_str(answer, "code", NULL);

    (void)err_set(err, err_from_wire(code, NULL), "%s: %s", action,
                  json_get_str(answer, "message", "the call failed"));
    return err_advise(err, "%s", json_get_str(answer, "advice", ""));
}

int client_call(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf answer = STRBUF(ANSWER_MAX);

    if (prepare(c, action, body, err) < 0 || perform(c, on_data, &answer, err) < 0)
        return -1;
    return parse_envelope(c, &answer, ret, err);
}

int client_data(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    struct json_object *data;

    if (client_call(c, action, body, &answer, err) < 0)
        return -1;
    if (!json_get_bool(answer, "success", false))
        return refused(action, answer, err);
    data = json_get(answer, "data");
    *ret = data == NULL ? NULL : json_object_get(data);
    return 0;
}

/* ------------------------------------------------------------------ files */

/* Into the file when it is one, else it is an envelope. */
struct receiver {
    struct client *c;
    int fd;
    bool checked, is_file;
    int sys_errno;
    int64_t bytes;
    struct strbuf answer;
};

static size_t on_file(char *data, size_t size, size_t count, void *ctx)
{
    struct receiver *to = ctx;
    size_t len = size * count;
    char *type = NULL;

    if (!to->checked) {
        (void)curl_easy_getinfo(to->c->curl, CURLINFO_CONTENT_TYPE, &type);
        to->is_file = type != NULL && strncmp(type, "application/json", 16) != 0;
        to->checked = true;
    }
    if (!to->is_file)
        return on_data(data, size, count, &to->answer);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(to->fd, data + done, len - done);
        if (n < 0) {
            to->sys_errno = errno;
            return 0;
        }
        done += (size_t)n;
    }
    to->bytes += (int64_t)len;
    return len;
}

static int receive_file(struct client *c, const char *action, struct receiver *to, const char *path,
                        struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    int r = perform(c, on_file, to, err);

    if (to->sys_errno != 0) {
        errno = to->sys_errno;
        return err_set_sys(err, ERR_IO, "write %s", path);
    }
    if (r < 0)
        return -1;
    if (to->is_file)
        return fsync(to->fd) < 0 ? err_set_sys(err, ERR_IO, "write %s", path) : 0;
    return parse_envelope(c, &to->answer, &answer, err) < 0 ? -1 : refused(action, answer, err);
}

int client_download(struct client *c, const char *action, const char *body, const char *path,
                    int64_t *ret_bytes, struct err *err)
{
    struct receiver to = { .c = c, .answer = STRBUF(ANSWER_MAX) };
    int r;

    if (prepare(c, action, body, err) < 0)
        return -1;
    to.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to.fd < 0)
        return err_set_sys(err, ERR_IO, "make %s", path);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)DOWNLOAD_S);
    r = receive_file(c, action, &to, path, err);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)CALL_S);
    (void)close(to.fd);
    strbuf_done(&to.answer);
    if (r < 0)
        (void)unlink(path);
    *ret_bytes = to.bytes;
    return r;
}
