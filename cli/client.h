/* A client of POST /api/v2: where the daemon is, as whom, and one call. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/util.h"

struct client;

struct client_options {
    const char *server;      /* URL; NULL: from the data directory, else http://127.0.0.1:8089 */
    const char *data_dir;    /* its `listen` and initial-credentials.json; or NULL */
    const char *credentials; /* file {"username":…,"password":…}; NULL: the data directory's */
    const char *user;        /* then the password is asked for (cli/prompt.h) */
    const char *password_file;
    bool password_stdin;
    const char *cacert;  /* PEM file: who may have signed the server's certificate; or NULL */
    long call_timeout_s; /* of one call; 0: a minute */
};

int client_new(const struct client_options *o, struct client **ret, struct err *err);
void client_free(struct client *c);
DEFINE_CLEANUP(struct client, client_free)

/*
 * client_call() - one action; *ret is the whole envelope, success or not (the caller's)
 *
 * @body  JSON text
 *
 * Actions that only read (List…, Describe…, Get…, Check…) are tried again up to three times when no
 * answer came or the daemon was stopping or busy; all others are sent once. A signal that is
 * blocked and arrives meanwhile ends the call. Errors: ERR_IO when no envelope came back.
 */
int client_call(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err);
/* client_data(): as client_call, but an answer without success is an error with its message; *ret
 * is the data, NULL when there is none. */
int client_data(struct client *c, const char *action, const char *body, struct json_object **ret,
                struct err *err);
/* client_refusal(): the envelope of the last call when that was refused, else NULL; borrowed. */
struct json_object *client_refusal(const struct client *c);

/*
 * client_download() - an action that answers with a file: into `path`, which must not exist
 *
 * *ret_bytes: how much it is. What came of a file that broke off is removed. Errors: ERR_IO, and
 * what the daemon says.
 */
int client_download(struct client *c, const char *action, const char *body, const char *path,
                    int64_t *ret_bytes, struct err *err);

#endif
