#include "cli/client.h"

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

int client_call(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    _cleanup_(strbuf_done)
    struct strbuf url = STRBUF(4096), answer = STRBUF(ANSWER_MAX);
    char *escaped = curl_easy_escape(c->curl, action, 0);
    CURLcode r;

    strbuf_addf(&url, "%s/api/v2?Action=%s", c->url, escaped == NULL ? "" : escaped);
    curl_free(escaped);
    if (strbuf_check(&url, err) < 0)
        return -1;
    (void)curl_easy_setopt(c->curl, CURLOPT_URL, strbuf_str(&url));
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    (void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &answer);
    r = curl_easy_perform(c->curl);
    if (r != CURLE_OK)
        return err_set(err, ERR_IO, "%s: %s", c->url, curl_easy_strerror(r));
    if (json_parse(strbuf_str(&answer), answer.len, JSON_DEPTH, ret, err) < 0)
        return err_set(err, ERR_IO, "%s did not answer in JSON: is it a causewayd?", c->url);
    return 0;
}

int client_data(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err)
{
    _cleanup_(json_putp)
    struct json_object *answer = NULL;
    struct json_object *data;

    if (client_call(c, action, body, &answer, err) < 0)
        return -1;
    if (!json_get_bool(answer, "success", false)) {
        const char *code = json_get_str(answer, "code", NULL);
        (void)err_set(err, err_from_wire(code, NULL), "%s: %s", action,
                      json_get_str(answer, "message", "the call failed"));
        return err_advise(err, "%s", json_get_str(answer, "advice", ""));
    }
    data = json_get(answer, "data");
    *ret = data == NULL ? NULL : json_object_get(data);
    return 0;
}
