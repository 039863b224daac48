/*
 * The daemon's settings: one row each (config.c). The command line, the settings file, --help and
 * the sample file come from the same table. All faults are listed, not only the first.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"

enum config_action {
    CONFIG_RUN,
    CONFIG_HELP,
    CONFIG_VERSION,
    CONFIG_SAMPLE,
    CONFIG_LIST_ACTIONS,
    CONFIG_DESCRIBE_ACTIONS
};

struct config {
    enum config_action action;
    char *data_dir, *listen, *web_dir, *worker_path, *region, *fault_dir;
    char *log_format, *log_level;
    int64_t max_connections_per_peer, head_seconds, idle_seconds, request_seconds;
    char *tls_cert_file, *tls_key_file;
    int64_t http_threads, max_body_bytes, max_connections, max_workers;
    int64_t conflicts_max, conflicts_days;
    int64_t requests_per_second, requests_burst;
    int64_t audit_max, audit_days;
    int64_t alert_every_s, alert_grace_s, alert_resend_s, alert_free_bytes;
    bool metrics_auth;
    bool allow_public_plaintext;
};

void config_done(struct config *c);
/*
 * config_read() - defaults, then the file of --config, then the other arguments
 *
 * @problems  one line for each fault; empty when all is well
 */
void config_read(struct config *c, int argc, char *const *argv, struct strbuf *problems);
/* config_read_text(): the text of a settings file: lines "name = value", # comments. */
void config_read_text(struct config *c, const char *file, const char *text,
                      struct strbuf *problems);
void config_defaults(struct config *c);
void config_help(FILE *to);
void config_sample(FILE *to);

#endif
