#include "server/config.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/util.h"
#include "server/http.h"

#include "base/banned.h"

enum { FILE_MAX_BYTES = 64 * 1024 };
enum setting_type { ST_TEXT, ST_ADDR, ST_WORD, ST_INT, ST_BOOL };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset; /* of the value in struct config */
    int64_t min, max;
    const char *fallback; /* NULL: none */
    const char *words;    /* ST_WORD: "a|b|c" */
    const char *help;
};

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct setting settings[] = {
    /* name               type      where                  min   max          default             words                        help */
    { "data_dir",         ST_TEXT, AT(data_dir),           0,    0,           NULL,               NULL, "folder of everything the daemon keeps (required)" },
    { "listen",           ST_ADDR, AT(listen),             0,    0,           "127.0.0.1:8089",   NULL, "address to serve on; port 0 takes a free one" },
    { "web_dir",          ST_TEXT, AT(web_dir),            0,    0,           NULL,               NULL, "folder of the console; built in when not set" },
    { "log_format",       ST_WORD, AT(log_format),         0,    0,           "logfmt",           "logfmt|json", "form of the log lines on stderr" },
    { "log_level",        ST_WORD, AT(log_level),          0,    0,           "info",             "error|warn|info|debug", "least important lines to write" },
    { "http_threads",     ST_INT,  AT(http_threads),       1,    64,          "4",                NULL, "threads that answer requests" },
    { "max_body_bytes",   ST_INT,  AT(max_body_bytes),     1024, 8388608,     "4194304",          NULL, "largest request body; larger ones get 413" },
    { "max_connections",  ST_INT,  AT(max_connections),    8,    16384,       "512",              NULL, "clients connected at once" },
    { "max_connections_per_peer", ST_INT, AT(max_connections_per_peer), 0, 16384, "0",           NULL, "of them from one address; 0 for no limit of its own (all come from a proxy)" },
    { "head_seconds",     ST_INT,  AT(head_seconds),       1,    600,         "10",               NULL, "time for a request's line and headers to arrive" },
    { "idle_seconds",     ST_INT,  AT(idle_seconds),       1,    3600,        "30",               NULL, "time without a word after which a connection is closed" },
    { "request_seconds",  ST_INT,  AT(request_seconds),    1,    3600,        "60",               NULL, "time for a request's body to arrive" },
    { "max_workers",      ST_INT,  AT(max_workers),        1,    4096,        "256",              NULL, "worker processes at once" },
    { "conflicts_max",    ST_INT,  AT(conflicts_max),      1,    10000000,    "100000",           NULL, "conflict records kept of one project; the oldest go" },
    { "conflicts_days",   ST_INT,  AT(conflicts_days),     1,    3650,        "30",               NULL, "how long a conflict record is kept" },
    { "requests_per_second", ST_INT, AT(requests_per_second), 0, 1000000,     "200",              NULL, "requests of one account a second, over time; 0: no limit" },
    { "requests_burst",   ST_INT,  AT(requests_burst),     1,    1000000,     "400",              NULL, "requests of one account at once" },
    { "audit_max",        ST_INT,  AT(audit_max),          1000, 1000000,     "100000",           NULL, "audit events kept; the oldest go" },
    { "audit_days",       ST_INT,  AT(audit_days),         1,    36500,       "365",              NULL, "how long an audit event is kept" },
    { "alert_every_seconds", ST_INT, AT(alert_every_s),    0,    3600,        "2",                NULL, "how often the rules of the alerts are looked at; 0: never" },
    { "alert_grace_seconds", ST_INT, AT(alert_grace_s),    0,    86400,       "60",               NULL, "a lag alarms when it is too high for so long" },
    { "alert_resend_seconds", ST_INT, AT(alert_resend_s),  0,    2592000,     "3600",             NULL, "webhooks are told again of what still fires after so long; 0: never" },
    { "alert_free_bytes", ST_INT,  AT(alert_free_bytes),   0,    INT64_MAX,   "2147483648",       NULL, "less free disk below the data directory alarms" },
    { "metrics_auth",     ST_BOOL, AT(metrics_auth),       0,    0,           "false",            NULL, "GET /metrics wants credentials; on an address that is not loopback it always does" },
    { "tls_cert_file",    ST_TEXT, AT(tls_cert_file),      0,    0,           NULL,               NULL, "certificate and chain (PEM): serve HTTPS; read again on SIGHUP" },
    { "tls_key_file",     ST_TEXT, AT(tls_key_file),       0,    0,           NULL,               NULL, "its private key (PEM), mode 0600 or 0640" },
    { "region",           ST_TEXT, AT(region),             0,    0,           "default",          NULL, "what DescribeRegions and components call the place this machine is in" },
    { "worker_path",      ST_TEXT, AT(worker_path),        0,    0,           NULL,               NULL, "the worker program; causeway-worker beside the daemon when not set" },
    { "allow_public_plaintext", ST_BOOL, AT(allow_public_plaintext), 0, 0,    "false",            NULL, "serve without TLS on an address that is not loopback" },
#ifdef CAUSEWAY_FAULTS
    { "fault_dir",        ST_TEXT, AT(fault_dir),          0,    0,           NULL,               NULL, "folder of armed fault points (test builds only)" },
#endif
};
/* clang-format on */

static char **text_at(struct config *c, const struct setting *s)
{
    return (char **)(void *)((char *)c + s->offset);
}

void config_done(struct config *c)
{
    free(c->data_dir);
    free(c->listen);
    free(c->web_dir);
    free(c->region);
    free(c->worker_path);
    free(c->fault_dir);
    free(c->log_format);
    free(c->log_level);
    free(c->tls_cert_file);
    free(c->tls_key_file);
    *c = (struct config){ 0 };
}

/* "max-body-bytes" on a command line is "max_body_bytes" in the table. */
static const struct setting *find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        const char *s = settings[i].name;
        size_t n = 0;
        while (n < len && s[n] != '\0' && (s[n] == name[n] || (s[n] == '_' && name[n] == '-')))
            n++;
        if (n == len && s[n] == '\0')
            return &settings[i];
    }
    return NULL;
}

static bool is_word(const char *words, const char *value)
{
    size_t len = strlen(value);

    for (const char *w = words; w != NULL; w = strchr(w, '|') == NULL ? NULL : strchr(w, '|') + 1)
        if (strncmp(w, value, len) == 0 && (w[len] == '|' || w[len] == '\0') && len > 0)
            return true;
    return false;
}

static void set(struct config *c, const struct setting *s, const char *value, const char *where,
                struct strbuf *problems)
{
    char host[256], port[8];
    int64_t n;

    switch (s->type) {
    case ST_WORD:
        if (!is_word(s->words, value)) {
            strbuf_addf(problems, "%s: %s must be one of %s\n", where, s->name, s->words);
            return;
        }
        __attribute__((fallthrough));
    case ST_ADDR:
        if (s->type == ST_ADDR && !http_listen_parse(value, host, port)) {
            strbuf_addf(problems, "%s: %s must be HOST:PORT\n", where, s->name);
            return;
        }
        __attribute__((fallthrough));
    case ST_TEXT:
        if (*value == '\0' || strlen(value) >= PATH_MAX) {
            strbuf_addf(problems, "%s: %s must be 1 to %d bytes long\n", where, s->name,
                        PATH_MAX - 1);
            return;
        }
        free(*text_at(c, s));
        *text_at(c, s) = strdup(value);
        return;
    case ST_INT:
        if (!num_parse_i64(value, s->min, s->max, &n)) {
            strbuf_addf(problems, "%s: %s must be a number from %lld to %lld\n", where, s->name,
                        (long long)s->min, (long long)s->max);
            return;
        }
        *(int64_t *)(void *)((char *)c + s->offset) = n;
        return;
    case ST_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
            strbuf_addf(problems, "%s: %s must be true or false\n", where, s->name);
            return;
        }
        *(bool *)((char *)c + s->offset) = strcmp(value, "true") == 0;
        return;
    }
}

void config_defaults(struct config *c)
{
    struct strbuf none = STRBUF(1024);

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (settings[i].fallback != NULL)
            set(c, &settings[i], settings[i].fallback, "default", &none);
    strbuf_done(&none);
}

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r", end[-1]) != NULL)
        *--end = '\0';
    return text + strspn(text, " \t");
}

void config_read_text(struct config *c, const char *file, const char *text, struct strbuf *problems)
{
    _cleanup_(freep)
    char *copy = strdup(text);
    char *rest = copy, *line;

    for (int number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
        char where[256], *name = trim(line), *equals = strchr(name, '=');
        const struct setting *s;
        (void)snprintf(where, sizeof(where), "%.200s line %d", file, number);
        if (*name == '\0' || *name == '#')
            continue;
        if (equals == NULL) {
            strbuf_addf(problems, "%s: must be \"name = value\"\n", where);
            continue;
        }
        *equals = '\0';
        name = trim(name);
        s = find(name, strlen(name));
        if (s == NULL)
            strbuf_addf(problems, "%s: there is no setting %.64s\n", where, name);
        else
            set(c, s, trim(equals + 1), where, problems);
    }
}

static void read_file(struct config *c, const char *path, struct strbuf *problems)
{
    _cleanup_(freep)
    char *text = NULL;
    size_t len;
    struct err err = { 0 };

    if (fs_read_all(path, FILE_MAX_BYTES, &text, &len, &err) < 0)
        strbuf_addf(problems, "--config: %s\n", err.message);
    else
        config_read_text(c, path, text, problems);
}

/* ------------------------------------------------------------------ command line */

static const struct {
    const char *option;
    enum config_action action;
} switches[] = {
    { "--help", CONFIG_HELP },
    { "-h", CONFIG_HELP },
    { "--version", CONFIG_VERSION },
    { "--sample-config", CONFIG_SAMPLE },
    { "--list-actions", CONFIG_LIST_ACTIONS },
    { "--describe-actions", CONFIG_DESCRIBE_ACTIONS },
};

/* One pass over the arguments: either only --config (files = true) or all but that. */
static void read_args(struct config *c, int argc, char *const *argv, bool files,
                      struct strbuf *problems)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *equals = strchr(arg, '='), *value;
        size_t len = equals == NULL ? strlen(arg) : (size_t)(equals - arg);
        bool is_config = len == 8 && strncmp(arg, "--config", 8) == 0, done = false;
        const struct setting *s = NULL;
        for (size_t k = 0; k < ARRAY_SIZE(switches); k++)
            if (strcmp(arg, switches[k].option) == 0) {
                c->action = switches[k].action;
                done = true;
            }
        if (done)
            continue;
        if (!is_config)
            s = len > 2 && strncmp(arg, "--", 2) == 0 ? find(arg + 2, len - 2) : NULL;
        if (!is_config && s == NULL) {
            if (!files)
                strbuf_addf(problems, "there is no option %.100s\n", arg);
            continue;
        }
        value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (value == NULL) {
            if (files == is_config)
                strbuf_addf(problems, "%s needs a value\n", arg);
        } else if (files && is_config) {
            read_file(c, value, problems);
        } else if (!files && !is_config) {
            char where[128];
            (void)snprintf(where, sizeof(where), "%.*s", (int)MIN(len, 100), arg);
            set(c, s, value, where, problems);
        }
    }
}

void config_read(struct config *c, int argc, char *const *argv, struct strbuf *problems)
{
    config_defaults(c);
    read_args(c, argc, argv, true, problems);
    read_args(c, argc, argv, false, problems);
    if (c->action == CONFIG_RUN && c->data_dir == NULL)
        strbuf_adds(problems, "data_dir is required: --data-dir DIR\n");
}

static void print_bounds(FILE *to, const struct setting *s)
{
    if (s->type == ST_INT)
        (void)fprintf(to, " %lld to %lld", (long long)s->min, (long long)s->max);
    if (s->type == ST_WORD)
        (void)fprintf(to, " %s", s->words);
    if (s->type == ST_BOOL)
        (void)fprintf(to, " true|false");
    if (s->fallback != NULL)
        (void)fprintf(to, " (default %s)", s->fallback);
}

void config_help(FILE *to)
{
    (void)fprintf(to,
                  "causewayd --data-dir DIR [--config FILE] [--SETTING VALUE]...\n\n"
                  "  --config FILE       read settings from FILE first (\"name = value\" lines)\n"
                  "  --sample-config     print such a file with every setting and its default\n"
                  "  --list-actions      print the API's actions: name, least role, supported\n"
                  "  --describe-actions  print them with their fields, and all errors, as JSON\n"
                  "  --help, --version\n\nSettings, as options or in the file:\n");
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        const struct setting *s = &settings[i];
        (void)fprintf(to, "  %-24s%s;", s->name, s->help);
        print_bounds(to, s);
        (void)fputc('\n', to);
    }
}

void config_sample(FILE *to)
{
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        const struct setting *s = &settings[i];
        (void)fprintf(to, "# %s;", s->help);
        print_bounds(to, s);
        (void)fprintf(to, "\n# %s = %s\n\n", s->name, s->fallback == NULL ? "" : s->fallback);
    }
}
