/*
 * What a server of this kind can do at best: libmicrohttpd, one SQLite point query and json-c, and
 * nothing else: no credentials, no checks, no log. The measure for bench/api.
 *
 * Usage: bench_api_bare STORE THREADS. STORE holds answer(key TEXT PRIMARY KEY, doc TEXT): what
 * Causeway itself answered as data. The key is the body's "id" or "pageNumber". Prints its port and
 * serves until its standard input ends.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <microhttpd.h>
#include <sqlite3.h>

struct body {
    char text[8192];
    size_t len;
};

static const char *store_path;
static _Thread_local sqlite3 *store; /* one a thread, as its statement */
static _Thread_local sqlite3_stmt *find;

static void open_store(void)
{
    if (sqlite3_open_v2(store_path, &store, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_prepare_v2(store, "SELECT doc FROM answer WHERE key = ?1", -1, &find, NULL) !=
            SQLITE_OK) {
        (void)fprintf(stderr, "%s\n", sqlite3_errmsg(store));
        exit(2);
    }
}

static struct json_object *look_up(struct json_object *in)
{
    struct json_object *key = NULL, *doc = NULL;

    if (!json_object_object_get_ex(in, "id", &key))
        (void)json_object_object_get_ex(in, "pageNumber", &key);
    if (find == NULL)
        open_store();
    (void)sqlite3_reset(find);
    (void)sqlite3_bind_text(find, 1, json_object_get_string(key), -1, SQLITE_TRANSIENT);
    if (sqlite3_step(find) == SQLITE_ROW)
        doc = json_tokener_parse((const char *)sqlite3_column_text(find, 0));
    (void)sqlite3_reset(find);
    return doc;
}

static enum MHD_Result answer(struct MHD_Connection *conn, const struct body *b)
{
    struct json_object *in = json_tokener_parse(b->text), *out = json_object_new_object();
    struct json_object *data = look_up(in);
    struct MHD_Response *response;
    enum MHD_Result r;
    const char *text;

    (void)json_object_object_add(out, "success", json_object_new_boolean(data != NULL));
    (void)json_object_object_add(out, "data", data);
    text = json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN);
    response = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                               MHD_RESPMEM_MUST_COPY);
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    r = MHD_queue_response(conn, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    (void)json_object_put(out);
    (void)json_object_put(in);
    return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **ctx)
{
    struct body *b = *ctx;

    (void)cls;
    (void)url;
    (void)method;
    (void)version;
    if (b == NULL) {
        *ctx = calloc(1, sizeof(*b));
        return *ctx == NULL ? MHD_NO : MHD_YES;
    }
    if (*data_len > 0) {
        if (b->len + *data_len >= sizeof(b->text))
            return MHD_NO;
        memcpy(b->text + b->len, data, *data_len);
        b->len += *data_len;
        *data_len = 0;
        return MHD_YES;
    }
    return answer(conn, b);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)conn;
    (void)why;
    free(*ctx);
    *ctx = NULL;
}

int main(int argc, char **argv)
{
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *d;
    char c;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_api_bare STORE THREADS\n");
        return 2;
    }
    store_path = argv[1];
    d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
                         MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[2]),
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    if (d == NULL) {
        (void)fprintf(stderr, "libmicrohttpd does not start\n");
        return 2;
    }
    info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    (void)printf("%u\n", info == NULL ? 0 : (unsigned)info->port);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) > 0)
        ;
    MHD_stop_daemon(d);
    return 0;
}
