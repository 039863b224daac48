/* The daemon: reads its settings, wires the parts together and waits for a signal. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "api/audit.h"
#include "api/limits.h"
#include "base/fault.h"
#include "base/log.h"
#include "server/config.h"
#include "server/datadir.h"
#include "server/http.h"
#include "server/tls.h"

#include "base/banned.h"

enum {
    EXIT_SETTINGS = 2,
    TICK_MS = 1000,
    ARENAS = 2,
    FILES_WANTED = 65536,
    LARGE_BLOCK = 1024 * 1024
};

/* In the order of making; undone backwards. */
struct server {
    struct config config;
    struct datadir *dir;
    struct store *store;
    struct box *box;
    struct notify *notify;
    struct flow *flow;
    struct limits *limits;
    struct audit *audit;
    struct tls *tls; /* NULL: plain HTTP */
    struct auth *auth;
    struct api *api;
    struct http *http;
    char host[256]; /* of `listen` */
    int signals;
};

static void server_done(struct server *s)
{
    http_close(s->http);
    tls_close(s->tls);
    api_free(s->api);
    auth_free(s->auth);
    audit_free(s->audit);
    limits_free(s->limits);
    flow_free(s->flow);
    notify_free(s->notify);
    box_close(s->box);
    store_close(s->store);
    datadir_close(s->dir);
    config_done(&s->config);
    closep(&s->signals);
}

/* Before the first thread, so that none of them ever gets one of these. */
static int catch_signals(int *ret_fd, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_set_sys(err, ERR_IO, "sigprocmask");
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return *ret_fd < 0 ? err_set_sys(err, ERR_IO, "signalfd") : 0;
}

static void limits(void)
{
    struct rlimit files;

    (void)umask(077);
    /* every HTTP thread would else get an arena of its own and keep what a large body left there */
    (void)mallopt(M_ARENA_MAX, ARENAS);
    /* said, they stay: else the first password's hash raises them, and all later ones keep theirs
     */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    (void)mallopt(M_TRIM_THRESHOLD, 8 * LARGE_BLOCK);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
        files.rlim_cur = MIN((rlim_t)FILES_WANTED, files.rlim_max);
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static enum log_level level_of(const char *text)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], text) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

static int default_worker_path(struct config *c, struct err *err)
{
    char self[PATH_MAX];
    ssize_t n;
    char *slash;

    if (c->worker_path != NULL)
        return 0;
    n = readlink("/proc/self/exe", self, sizeof(self) - 32);
    if (n <= 0)
        return err_set_sys(err, ERR_IO, "readlink /proc/self/exe");
    self[n] = '\0';
    slash = strrchr(self, '/');
    (void)snprintf(slash + 1, sizeof(self) - (size_t)(slash + 1 - self), "causeway-worker");
    c->worker_path = strdup(self);
    return c->worker_path == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

/* What components show as their address; NULL when it serves on all of the machine's. */
static const char *own_host(const char *listen, char host[static 256])
{
    char port[8];

    if (!http_listen_parse(listen, host, port) || strcmp(host, "0.0.0.0") == 0 ||
        strcmp(host, "::") == 0)
        return NULL;
    return host;
}

static int open_all(struct server *s, struct err *err)
{
    struct config *c = &s->config;
    struct audit_options audit;
    struct auth_options auth;
    struct api_options api;
    struct http_options http;
    struct flow_options flow;

    if (datadir_open(c->data_dir, &s->dir, err) < 0 ||
        datadir_store(s->dir, &s->store, &s->box, err) < 0 || default_worker_path(c, err) < 0)
        return -1;
    if (notify_new(s->store, s->box, &s->notify, err) < 0)
        return -1;
    flow = (struct flow_options){
        .store = s->store,
        .box = s->box,
        .data_dir = datadir_path(s->dir),
        .worker_path = c->worker_path,
        .fault_dir = c->fault_dir,
        .log_level = level_of(c->log_level),
        .log_format = strcmp(c->log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT,
        .max_workers = (int)c->max_workers,
        .alerts = { .every_s = c->alert_every_s,
                    .lag_grace_s = c->alert_grace_s,
                    .resend_s = c->alert_resend_s,
                    .disk_free_bytes = c->alert_free_bytes },
        .notify = s->notify,
        .conflicts = { .most = c->conflicts_max, .keep_s = c->conflicts_days * 86400 }
    };
    if (flow_new(&flow, &s->flow, err) < 0)
        return -1;
    audit = (struct audit_options){ .store = s->store,
                                    .keep = c->audit_max,
                                    .keep_s = c->audit_days * 86400 };
    if (limits_new(c->requests_per_second, c->requests_burst, &s->limits, err) < 0 ||
        audit_new(&audit, &s->audit, err) < 0)
        return -1;
    auth = (struct auth_options){
        .store = s->store, .box = s->box, .limits = s->limits, .audit = s->audit
    };
    if (auth_new(&auth, &s->auth, err) < 0)
        return -1;
    api = (struct api_options){ .store = s->store,
                                .flow = s->flow,
                                .box = s->box,
                                .auth = s->auth,
                                .audit = s->audit,
                                .notify = s->notify,
                                .host = own_host(c->listen, s->host),
                                .region = c->region };
    if (api_new(&api, &s->api, err) < 0)
        return -1;
    if ((c->tls_cert_file != NULL || c->tls_key_file != NULL) &&
        tls_open(c->tls_cert_file, c->tls_key_file, &s->tls, err) < 0)
        return -1;
    http = (struct http_options){ .api = s->api,
                                  .auth = s->auth,
                                  .store = s->store,
                                  .flow = s->flow,
                                  .listen = c->listen,
                                  .web_dir = c->web_dir,
                                  .metrics_auth = c->metrics_auth,
                                  .tls = s->tls != NULL,
                                  .allow_public = c->allow_public_plaintext,
                                  .threads = (unsigned)c->http_threads,
                                  .max_connections = (unsigned)c->max_connections,
                                  .max_per_peer = (unsigned)c->max_connections_per_peer,
                                  .head_s = (unsigned)c->head_seconds,
                                  .idle_s = (unsigned)c->idle_seconds,
                                  .request_s = (unsigned)c->request_seconds,
                                  .max_body_bytes = (size_t)c->max_body_bytes };
    return http_open(&http, &s->http, err);
}

/* What has to be done now and then by nobody in particular. */
static void tick(struct server *s)
{
    audit_tick(s->audit);
    auth_tick(s->auth);
}

/* A hang-up: whoever has renewed the certificate says so with it. */
static void reload(struct server *s)
{
    struct err err = { 0 };

    if (s->tls == NULL)
        return;
    if (tls_reload(s->tls, &err) < 0)
        log_err(LOG_ERROR, "server", "tls_reload_failed", &err); /* the old one goes on */
    else
        log_info("server", "tls_reloaded", "file=%s", s->config.tls_cert_file);
}

/* Until SIGTERM or SIGINT. */
static void wait_for_end(struct server *s)
{
    struct pollfd fd = { .fd = s->signals, .events = POLLIN };
    struct signalfd_siginfo info;

    for (;;) {
        ssize_t n;
        fd.revents = 0;
        if (poll(&fd, 1, TICK_MS) == 0)
            tick(s);
        if ((fd.revents & POLLIN) == 0)
            continue;
        n = read(s->signals, &info, sizeof(info));
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof(info))
            return;
        if (info.ssi_signo == SIGHUP) {
            reload(s);
            continue;
        }
        log_info("server", "stopping", "signal=%u", info.ssi_signo);
        return;
    }
}

static int serve(struct server *s, struct err *err)
{
    if (catch_signals(&s->signals, err) < 0 || secret_setup(err) < 0 || open_all(s, err) < 0)
        return -1;
    if (notify_start(s->notify, err) < 0 || flow_start(s->flow, err) < 0 ||
        http_start(s->http, err) < 0 || datadir_listen(s->dir, http_address(s->http), err) < 0) {
        flow_stop(s->flow);
        return -1;
    }
    log_info("server", "serving", "address=%s version=%s", http_address(s->http), CAUSEWAY_VERSION);
    wait_for_end(s);
    http_refuse(s->http);
    flow_stop(s->flow);
    log_info("server", "stopped", "status=0");
    return 0;
}

static int run_action(const struct config *c)
{
    switch (c->action) {
    case CONFIG_HELP:
        config_help(stdout);
        break;
    case CONFIG_VERSION:
        (void)printf("causewayd %s\n", CAUSEWAY_VERSION);
        break;
    case CONFIG_SAMPLE:
        config_sample(stdout);
        break;
    case CONFIG_LIST_ACTIONS:
        api_list_actions(stdout);
        break;
    case CONFIG_DESCRIBE_ACTIONS:
        api_describe_actions(stdout);
        break;
    case CONFIG_RUN:
        break;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    _cleanup_(server_done)
    struct server s = { .signals = -1 };
    _cleanup_(strbuf_done)
    struct strbuf problems = STRBUF(64 * 1024);
    struct err err = { 0 };

    config_read(&s.config, argc, argv, &problems);
    if (problems.len > 0) {
        (void)fprintf(stderr, "causewayd: settings:\n%s", strbuf_str(&problems));
        return EXIT_SETTINGS;
    }
    if (s.config.action != CONFIG_RUN)
        return run_action(&s.config);
    log_setup(level_of(s.config.log_level),
              strcmp(s.config.log_format, "json") == 0 ? LOG_JSON : LOG_LOGFMT);
#ifdef CAUSEWAY_FAULTS
    fault_setup(s.config.fault_dir);
#endif
    limits();
    if (serve(&s, &err) < 0) {
        log_err(LOG_ERROR, "server", "start_failed", &err);
        return err.code == ERR_CONFIG ? EXIT_SETTINGS : EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
