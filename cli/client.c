#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "cli/prompt.h"

#include "base/banned.h"

enum {
    CONNECT_S = 10,
    CALL_S = 60,
    DOWNLOAD_S = 3600,
    ANSWER_MAX = 256 * 1024 * 1024,
    FILE_MAX_BYTES = 64 * 1024,
    JSON_DEPTH = 64,
    TRIES = 4,
    FIRST_PAUSE_MS = 200,
};

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char *url; /* without a slash at the end */
    long timeout_s;
    struct json_object *refusal;
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
static int credentials_of_user(struct client *c, const struct client_options *o, struct err *err)
{
    const struct prompt ask = { .whose = o->user,
                                .file = o->password_file,
                                .from_stdin = o->password_stdin };
    _cleanup_(secret_freep)
    struct secret *password = NULL;

    if (prompt_password(&ask, &password, err) < 0)
        return -1;
    return use_credentials(c, o->user, secret_text(password), err);
}

static int find_credentials(struct client *c, const struct client_options *o, struct err *err)
{
    char path[PATH_MAX];

    if (o->credentials != NULL)
        return credentials_of_file(c, o->credentials, err);
    if (o->user != NULL)
        return credentials_of_user(c, o, err);
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
        (void)snprintf(url, sizeof(url), "%s://%s", o->cacert != NULL ? "https" : "http", address);
    } else {
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:8089");
    }
    while (*url != '\0' && url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    c->url = strdup(url);
    return c->url == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* ------------------------------------------------------------------ life */

/* Who watches or asks for a password blocks signals: a call must not keep them waiting. */
static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    sigset_t waiting;

    (void)ctx, (void)a, (void)b, (void)c, (void)d;
    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1 ||
            sigismember(&waiting, SIGHUP) == 1);
}

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
    c->timeout_s = o->call_timeout_s > 0 ? o->call_timeout_s : CALL_S;
    if (find_server(c, o, err) < 0 || find_credentials(c, o, err) < 0)
        return -1;
    (void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
    (void)curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, c->timeout_s);
    (void)curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (o->cacert != NULL)
        (void)curl_easy_setopt(c->curl, CURLOPT_CAINFO, o->cacert);
    *ret = take_ptr(c);
    return 0;
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    json_putp(&c->refusal);
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
static int refused(struct client *c, const char *action, struct json_object *answer,
                   struct err *err)
{
    struct json_object *detail = json_get(answer, "errorDetail");
    const char *code = json_get_str(detail, "code", json_get_str(answer, "code", NULL));
    const char *message = json_get_str(answer, "message", "the call failed");

    c->refusal = json_object_get(answer);
    (void)err_set(err, err_from_wire(code, NULL), "%s: %s", action,
                  json_get_str(detail, "message", message));
    return err_advise(err, "%s", json_get_str(answer, "advice", ""));
}

static bool only_reads(const char *action)
{
    static const char *const starts[] = { "List", "Describe", "Get", "Check" };

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        if (strncmp(action, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* The daemon is there, but not for now. */
static bool comes_back(struct json_object *answer)
{
    enum err_code code = err_from_wire(json_get_str(answer, "code", NULL), NULL);

    return !json_get_bool(answer, "success", false) &&
           (code == ERR_STOPPING || code == ERR_STORE_BUSY || code == ERR_THROTTLED);
}

static int call_once(struct client *c, const char *action, const char *body,
                     struct json_object **ret, struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf answer = STRBUF(ANSWER_MAX);

    if (prepare(c, action, body, err) < 0 || perform(c, on_data, &answer, err) < 0)
        return -1;
    return parse_envelope(c, &answer, ret, err);
}

int client_call(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    struct timespec pause = { .tv_nsec = FIRST_PAUSE_MS * 1000000L };
    int tries = only_reads(action) ? TRIES : 1;

    /* curl repeats by itself what it sent on a connection that had just gone: not a write */
    (void)curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, tries == 1 ? 1L : 0L);
    for (;; pause.tv_nsec = MIN(pause.tv_nsec * 2, 900000000L)) {
        struct err last = { 0 };
        int r = call_once(c, action, body, ret, &last);
        if (--tries == 0 || (r == 0 && !comes_back(*ret)) || on_progress(NULL, 0, 0, 0, 0) != 0) {
            if (r < 0)
                *err = last;
            return r;
        }
        if (r == 0)
            json_putp(ret);
        *ret = NULL;
        (void)nanosleep(&pause, NULL);
    }
}

int client_data(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    struct json_object *data;

    json_putp(&c->refusal);
    c->refusal = NULL;
    if (client_call(c, action, body, &answer, err) < 0)
        return -1;
    if (!json_get_bool(answer, "success", false))
        return refused(c, action, answer, err);
    data = json_get(answer, "data");
    *ret = data == NULL ? NULL : json_object_get(data);
    return 0;
}

struct json_object *client_refusal(const struct client *c)
{
    return c == NULL ? NULL : c->refusal;
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
    return parse_envelope(c, &to->answer, &answer, err) < 0 ? -1 : refused(c, action, answer, err);
}

int client_download(struct client *c, const char *action, const char *body, const char *path,
                    int64_t *ret_bytes, struct err *err)
{
    struct receiver to = { .c = c, .answer = STRBUF(ANSWER_MAX) };
    int r;

    json_putp(&c->refusal);
    c->refusal = NULL;
    if (prepare(c, action, body, err) < 0)
        return -1;
    to.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to.fd < 0)
        return err_set_sys(err, ERR_IO, "make %s", path);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)DOWNLOAD_S);
    r = receive_file(c, action, &to, path, err);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, c->timeout_s);
    (void)close(to.fd);
    strbuf_done(&to.answer);
    if (r < 0)
        (void)unlink(path);
    *ret_bytes = to.bytes;
    return r;
}
